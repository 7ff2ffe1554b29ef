/* SPDX-License-Identifier: Apache-2.0 */
/* Two threads over a link and a return ring, as two workers use them: the writer fills a message,
 * sends its offset and gets the message back on the return ring; control items go in between;
 * either side sleeps when it has nothing to do. Both check every sequence. Bursts are random by
 * seed: stress_ring [SEED [ITEMS]]. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/rng.h"
#include "ring/ring.h"
#include "ring/wake.h"

#define SLEEP_NS UINT64_C(10000000000) /* no wait is that long: a lost signal shows */
#define BURST    7u
#define SPINS    50

struct message { /* plain memory: only the rings order it */
  uint64_t seq;
  bool control;
  uint64_t filler[6];
};

struct stress {
  struct mr_region region;
  struct mr_link *link;
  struct mr_return *back;
  struct mr_wake writer_wake, reader_wake;
  uint64_t messages, controls; /* region offsets */
  uint32_t message_cnt;
  uint64_t item_cnt, seed;
  uint64_t control_cnt; /* the writer's result */
};

static struct message *message_at(const struct stress *s, uint64_t off) {
  return mr_region_ptr(&s->region, off);
}

static void fill(struct message *m, uint64_t seq, bool control) {
  m->seq = seq;
  m->control = control;
  for (uint32_t i = 0; i < 6; i++) m->filler[i] = mr_rng_at(seq, i);
}

static void check(const struct message *m, uint64_t seq) {
  MR_ASSERT(m->seq == seq);
  for (uint32_t i = 0; i < 6; i++) MR_ASSERT(m->filler[i] == mr_rng_at(seq, i));
}

/* The writer's side: free messages, and what has come back. */
struct writer {
  struct stress *s;
  uint64_t *free;
  uint32_t free_cnt;
  uint64_t back_seq; /* of the next message that comes back */
};

static uint32_t collect(struct writer *w) {
  uint64_t offs[BURST];
  uint32_t n = mr_return_take(w->s->back, offs, BURST);
  for (uint32_t i = 0; i < n; i++) {
    const struct message *m = message_at(w->s, offs[i]);
    MR_ASSERT(m->seq > w->back_seq || w->back_seq == 0);
    w->back_seq = m->seq;
    MR_ASSERT(w->free_cnt < w->s->message_cnt);
    w->free[w->free_cnt++] = offs[i];
  }
  return n;
}

static bool writer_can_go_on(struct writer *w) {
  collect(w);
  return w->free_cnt > 0 && mr_link_has_room(w->s->link, 1);
}

static void writer_wait(struct writer *w) {
  mr_wake_signal(&w->s->reader_wake); /* a signal may be put off, but not past one's own sleep */
  for (int i = 0; i < SPINS; i++)
    if (writer_can_go_on(w)) return;
  mr_wake_announce(&w->s->writer_wake);
  if (writer_can_go_on(w))
    mr_wake_cancel(&w->s->writer_wake);
  else
    MR_ASSERT(mr_wake_wait(&w->s->writer_wake, SLEEP_NS));
}

static bool send_control(struct writer *w, uint64_t seq) {
  struct stress *s = w->s;
  int32_t i = mr_link_control_next(s->link);
  if (i < 0) return false;
  uint64_t off = s->controls + (uint64_t)i * sizeof(struct message);
  fill(message_at(s, off), seq, true);
  bool sent = mr_link_send_control(s->link, off);
  MR_ASSERT(sent);
  s->control_cnt++;
  return true;
}

static void *write_items(void *arg) {
  struct stress *s = arg;
  struct mr_rng rng;
  mr_rng_init(&rng, s->seed);
  struct writer w = {.s = s, .free = calloc(s->message_cnt, sizeof(uint64_t))};
  MR_ASSERT(w.free);
  for (uint32_t i = 0; i < s->message_cnt; i++)
    w.free[w.free_cnt++] = s->messages + i * sizeof(struct message);
  for (uint64_t seq = 1; seq <= s->item_cnt;) {
    uint32_t burst = 1 + mr_rng_below(mr_rng_next(&rng), 2 * s->link->capacity + 1);
    bool control = mr_rng_below(mr_rng_next(&rng), 4) == 0;
    if (control && send_control(&w, seq)) seq++;
    for (uint32_t i = 0; i < burst && seq <= s->item_cnt; i++) {
      while (!writer_can_go_on(&w)) writer_wait(&w);
      uint64_t off = w.free[--w.free_cnt];
      fill(message_at(s, off), seq++, false);
      mr_link_send(s->link, off);
      if (mr_rng_next(&rng) % 2) mr_wake_signal(&s->reader_wake);
    }
    mr_wake_signal(&s->reader_wake);
  }
  while (w.free_cnt < s->message_cnt) writer_wait(&w);
  free(w.free);
  return NULL;
}

static void reader_wait(struct stress *s) {
  for (int i = 0; i < SPINS; i++)
    if (mr_link_depth(s->link) > 0) return;
  mr_wake_announce(&s->reader_wake);
  if (mr_link_depth(s->link) > 0)
    mr_wake_cancel(&s->reader_wake);
  else
    MR_ASSERT(mr_wake_wait(&s->reader_wake, SLEEP_NS));
}

static void *read_items(void *arg) {
  struct stress *s = arg;
  struct mr_rng rng;
  mr_rng_init(&rng, s->seed + 1);
  uint64_t *offs = calloc(2 * BURST, sizeof *offs), controls = 0;
  MR_ASSERT(offs);
  for (uint64_t seq = 1; seq <= s->item_cnt;) {
    uint32_t n = mr_link_take(s->link, offs, 1 + mr_rng_below(mr_rng_next(&rng), BURST));
    if (n == 0) reader_wait(s);
    for (uint32_t i = 0; i < n; i++) {
      struct message *m = message_at(s, offs[i]);
      bool control = m->control;
      check(m, seq++);
      m->filler[0] = 0; /* the reader may write what it has */
      if (control)
        mr_link_control_done(s->link);
      else
        mr_return_send(s->back, offs[i]);
      controls += control;
    }
    if (n) mr_wake_signal(&s->writer_wake);
  }
  free(offs);
  uint64_t *result = calloc(1, sizeof *result);
  MR_ASSERT(result);
  *result = controls;
  return result;
}

static void run(uint64_t seed, uint32_t capacity, uint32_t message_cnt, uint64_t item_cnt) {
  struct stress s = {.seed = seed, .item_cnt = item_cnt, .message_cnt = message_cnt};
  struct mr_error err;
  MR_ASSERT(mr_region_create(&s.region, 1 << 22, MR_HUGE_OFF, &err) == MR_OK);
  s.link = mr_link_new(&s.region, capacity, "link", &err);
  s.back = mr_return_new(&s.region, message_cnt, "back", &err);
  s.messages = mr_region_alloc(&s.region, message_cnt * sizeof(struct message), 64, "messages");
  s.controls = mr_region_alloc(&s.region, MR_LINK_CONTROL * sizeof(struct message), 64, "control");
  MR_ASSERT(s.link && s.back && s.messages && s.controls);
  mr_wake_init(&s.writer_wake, true);
  mr_wake_init(&s.reader_wake, true);
  pthread_t writer, reader;
  void *controls;
  int rc = pthread_create(&reader, NULL, read_items, &s);
  rc |= pthread_create(&writer, NULL, write_items, &s);
  MR_ASSERT(rc == 0);
  pthread_join(writer, NULL);
  pthread_join(reader, &controls);
  MR_ASSERT(*(uint64_t *)controls == s.control_cnt);
  printf("seed %llu capacity %u messages %u items %llu: %llu control items, sleeps %llu and %llu\n",
         (unsigned long long)seed, capacity, message_cnt, (unsigned long long)item_cnt,
         (unsigned long long)s.control_cnt, (unsigned long long)s.writer_wake.sleep_cnt,
         (unsigned long long)s.reader_wake.sleep_cnt);
  free(controls);
  mr_region_destroy(&s.region);
}

int main(int argc, char **argv) {
  uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
  uint64_t item_cnt = argc > 2 ? strtoull(argv[2], NULL, 10) : 50000;
  static const uint32_t capacities[] = {1, 2, 3, 14, 64};
  for (uint32_t i = 0; i < sizeof capacities / sizeof capacities[0]; i++) {
    run(seed + i, capacities[i], 1, item_cnt / 4);
    run(seed + 100 + i, capacities[i], capacities[i] + BURST, item_cnt);
  }
  return 0;
}

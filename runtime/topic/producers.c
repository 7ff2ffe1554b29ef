/* SPDX-License-Identifier: Apache-2.0 */
#include "topic/producers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void mr_topic_producers_take(struct mr_topic_producers *p, struct mr_arena *arena) {
  p->items = MR_NEW(arena, struct mr_topic_producer, MR_TOPIC_PRODUCERS_MAX);
  p->cnt = 0;
}

const struct mr_topic_producer *mr_topic_producers_find(const struct mr_topic_producers *p,
                                                        int64_t id) {
  for (uint32_t i = 0; i < p->cnt; i++)
    if (p->items[i].id == id) return &p->items[i];
  return NULL;
}

/* How far b is behind a, going round at 2^31. */
static uint32_t distance(int32_t a, int32_t b) {
  return ((uint32_t)a - (uint32_t)b) & 0x7fffffffu;
}

enum mr_topic_verdict mr_topic_producers_judge(const struct mr_topic_producers *p, int64_t id,
                                               int16_t epoch, int32_t sequence, int64_t *offset) {
  const struct mr_topic_producer *it = mr_topic_producers_find(p, id);
  *offset = -1;
  if (!it || epoch > it->epoch) return MR_TOPIC_NEW;
  if (epoch < it->epoch) return MR_TOPIC_FENCED;
  if (sequence == mr_topic_sequence_add(it->last_sequence, 1)) return MR_TOPIC_NEW;
  if (distance(it->last_sequence, sequence) >= 1u << 30) return MR_TOPIC_GAP;
  for (uint32_t i = 0; i < it->run_cnt; i++) {
    const struct mr_topic_run *r = &it->runs[i];
    uint32_t at = distance(sequence, r->sequence);
    if (at < (uint32_t)r->cnt) *offset = r->offset + at;
  }
  return MR_TOPIC_REPEATED;
}

/* Room for one more: the table grows, or loses the one that was silent longest. */
static struct mr_topic_producer *make_room(struct mr_topic_producers *p) {
  if (p->cnt < MR_TOPIC_PRODUCERS_MAX) return &p->items[p->cnt++];
  struct mr_topic_producer *oldest = &p->items[0];
  for (uint32_t i = 1; i < p->cnt; i++)
    if (p->items[i].turn < oldest->turn) oldest = &p->items[i];
  return oldest;
}

void mr_topic_producers_add(struct mr_topic_producers *p, int64_t id, int16_t epoch,
                            int32_t sequence, int32_t cnt, int64_t offset) {
  struct mr_topic_producer *it =
      (struct mr_topic_producer *)(uintptr_t)mr_topic_producers_find(p, id);
  if (!it) {
    it = make_room(p);
    *it = (struct mr_topic_producer){.id = id, .epoch = epoch};
  }
  if (epoch != it->epoch) {
    it->epoch = epoch;
    it->run_cnt = 0;
  }
  struct mr_topic_run *last = it->run_cnt ? &it->runs[it->run_cnt - 1] : NULL;
  if (last && last->offset + last->cnt == offset && last->cnt < INT32_MAX - cnt &&
      mr_topic_sequence_add(last->sequence, last->cnt) == sequence) {
    last->cnt += cnt;
  } else {
    if (it->run_cnt == MR_TOPIC_RUNS) {
      memmove(it->runs, it->runs + 1, (MR_TOPIC_RUNS - 1) * sizeof it->runs[0]);
      it->run_cnt--;
    }
    it->runs[it->run_cnt++] = (struct mr_topic_run){offset, sequence, cnt};
  }
  it->last_sequence = mr_topic_sequence_add(sequence, cnt - 1);
  it->turn = ++p->turns;
}

void mr_topic_producers_save(const struct mr_topic_producers *p, int64_t end,
                             struct mr_note *note) {
  for (uint32_t i = 0; i < p->cnt; i++) {
    const struct mr_topic_producer *it = &p->items[i];
    char text[96];
    for (uint32_t k = 0; k < it->run_cnt; k++) {
      const struct mr_topic_run *r = &it->runs[k];
      if (r->offset >= end) continue;
      int32_t cnt = end - r->offset < r->cnt ? (int32_t)(end - r->offset) : r->cnt;
      snprintf(text, sizeof text, "%lld %d %d %d %lld", (long long)it->id, it->epoch, r->sequence,
               cnt, (long long)r->offset);
      mr_note_add_text(note, "run", text);
    }
  }
}

static void load_line(void *ctx, const char *key, const char *value) {
  if (strcmp(key, "run") != 0) return;
  long long v[5];
  char *at = (char *)(uintptr_t)value;
  for (int i = 0; i < 5; i++) v[i] = strtoll(at, &at, 10);
  if (*at || v[3] < 1 || v[3] > INT32_MAX || v[2] < 0 || v[2] > INT32_MAX) return;
  mr_topic_producers_add(ctx, v[0], (int16_t)v[1], (int32_t)v[2], (int32_t)v[3], v[4]);
}

void mr_topic_producers_load(struct mr_topic_producers *p, const struct mr_note *note) {
  p->cnt = 0;
  mr_note_each(note, load_line, p);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Who makes checkpoints: starts the barrier, waits until every instance has its snapshot, has the
 * files written by a job of the I/O layer, and says what is durable. */
#include "worker/checkpoint_private.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "worker/worker_private.h"

#define BUFFER_SZ  (1u << 20)   /* of the job: bytes written at a time */
#define SPARE_MORE (64u << 10)  /* beside the state itself, for what is frozen with it */
#define READY_SZ   (512u << 10) /* of it that pages are there for from the start */
#define PAGE_SZ    4096u
#define LOOK_NS    UINT64_C(1000000) /* while one is under way */

/* ---- what an instance gives ---- */

static bool is_taken(const struct mr_instance *inst, uint64_t number) {
  /* acquire: pairs with the release in mr_barrier_snapshot; the piece is whole */
  return atomic_load_explicit(&inst->piece->taken, memory_order_acquire) == number;
}
static bool has_ended(const struct mr_instance *inst) {
  /* acquire: pairs with the release in mr_barrier_snapshot */
  return atomic_load_explicit(&inst->piece->ended, memory_order_acquire) != 0;
}

/* Of an instance that ended before the barrier came, what it was at its end. */
static struct mr_save *save_of(struct mr_instance *inst, uint64_t number) {
  return is_taken(inst, number) ? &inst->piece->save : &inst->piece->last;
}

static bool all_given(struct mr_run *run, uint64_t number) {
  for (uint32_t i = 0; i < run->plan->instance_cnt; i++)
    if (!is_taken(&run->insts[i], number) && !has_ended(&run->insts[i])) return false;
  return true;
}

/* An instance whose snapshot found no room, or NULL. */
static const struct mr_instance *too_large(struct mr_run *run, uint64_t number) {
  for (uint32_t i = 0; i < run->plan->instance_cnt; i++)
    if (save_of(&run->insts[i], number)->full) return &run->insts[i];
  return NULL;
}

/* ---- memory for what is frozen ---- */

/* An instance froze more than there are pages for. */
static bool any_unready(struct mr_run *run, uint64_t number) {
  for (uint32_t i = 0; i < run->plan->instance_cnt; i++) {
    const struct mr_save *save = save_of(&run->insts[i], number);
    if (save->spare_want > save->spare_ready) return true;
  }
  return false;
}

/* Pages for what was wanted, and for a quarter more. A page that is touched first costs many times
 * its copy, so it is none of the worker's work. */
static int64_t prepare_job(void *buf) {
  struct mr_checkpoint *c = buf;
  for (uint32_t i = 0; i < c->run->plan->instance_cnt; i++) {
    struct mr_save *save = save_of(&c->run->insts[i], c->number);
    size_t want = save->spare_want + save->spare_want / 4 + SPARE_MORE;
    if (save->spare_want <= save->spare_ready) continue;
    if (want > save->spare_sz) want = save->spare_sz;
    for (size_t at = save->spare_ready; at < want; at += PAGE_SZ) save->spare[at] = 0;
    save->spare_ready = want;
  }
  return 0;
}

/* ---- the job: in a thread of the I/O layer ---- */

static void write_record(struct mr_checkpoint *c, struct mr_instance *inst,
                         struct mr_state_file *file, struct mr_manifest_entry *e) {
  struct mr_save *save = save_of(inst, c->number);
  struct mr_save rest = {.mem = c->buffer,
                         .sz = BUFFER_SZ,
                         .flush = mr_state_file_write,
                         .flush_ctx = file,
                         .checkpoint = c->number};
  file->crc = 0;
  *e = (struct mr_manifest_entry){.node = inst->node->name,
                                  .type = inst->op->name,
                                  .instance = inst->ctx.instance,
                                  .of = inst->node->instance_cnt,
                                  .offset = file->off};
  e->shape = inst->piece->shape;
  mr_state_file_write(file, save->mem, save->used);
  if (save->frozen && inst->op->encode) inst->op->encode(&inst->ctx, save->frozen, &rest);
  mr_save_end(&rest);
  mr_state_file_write(file, rest.mem, rest.used);
  e->length = file->off - e->offset;
  e->crc = file->crc;
}

static bool all_read(struct mr_run *run) {
  for (uint32_t i = 0; i < run->plan->instance_cnt; i++)
    if (run->insts[i].op->kind == MR_OP_SOURCE && !run->insts[i].source_done) return false;
  return true;
}

static int write_files(struct mr_checkpoint *c, struct mr_arena *arena, struct mr_error *err) {
  struct mr_run *run = c->run;
  mr_crash_point_fn at = run->conf.crash_point;
  struct mr_manifest m = {.number = c->number,
                          .graph = run->plan->graph,
                          .time_us = mr_clock_wall_us(&run->conf.clock),
                          .ended = c->behind_end && all_read(run)};
  struct mr_state_file file;
  if (at) at("checkpoint.state_begin");
  int rc = mr_state_file_create(&file, c->job_io, arena, c->dir, c->number, err);
  if (rc) return rc;
  m.entries = MR_NEW(arena, struct mr_manifest_entry, run->plan->instance_cnt + 1);
  for (uint32_t i = 0; i < run->plan->instance_cnt && !file.failed; i++)
    write_record(c, &run->insts[i], &file, &m.entries[m.cnt++]);
  m.state_bytes = c->bytes = file.off;
  rc = mr_state_file_close(&file, err);
  if (at) at("checkpoint.state_written");
  if (!rc) rc = mr_manifest_write(c->job_io, arena, c->dir, &m, at, err);
  if (!rc) mr_manifest_prune(c->job_io, arena, c->dir, c->keep);
  if (!rc && at) at("checkpoint.pruned");
  return rc;
}

static int64_t run_job(void *buf) {
  struct mr_checkpoint *c = buf;
  struct mr_arena arena = {0};
  mr_error_clear(&c->error);
  uint64_t begun_ns = mr_clock_mono_ns(&c->run->conf.clock);
  int rc = write_files(c, &arena, &c->error);
  c->written_ns = mr_clock_mono_ns(&c->run->conf.clock) - begun_ns;
  mr_arena_free(&arena);
  return rc;
}

/* ---- driving ---- */

static void set_state(struct mr_checkpoint *c, enum mr_checkpoint_state state) {
  /* relaxed: others only look how long they may sleep */
  atomic_store_explicit(&c->state, state, memory_order_relaxed);
}

static void set_next(struct mr_checkpoint *c, uint64_t now_ns) {
  uint64_t next = c->began_ns + c->interval_ns;
  /* relaxed: as above */
  atomic_store_explicit(&c->next_ns, next > now_ns ? next : now_ns, memory_order_relaxed);
}

static bool is_asked(struct mr_checkpoint *c) {
  /* relaxed: a late look costs a millisecond */
  return atomic_load_explicit(&c->tickets, memory_order_relaxed) > c->serving;
}

static void begin(struct mr_checkpoint *c, uint64_t now_ns) {
  /* relaxed: whoever asks later gets the next one */
  c->serving = atomic_load_explicit(&c->tickets, memory_order_relaxed);
  c->number++;
  c->began_ns = now_ns;
  set_state(c, MR_CHECKPOINT_BARRIER);
  /* release: pairs with the acquire in mr_barrier_due */
  atomic_store_explicit(&c->asked, c->number, memory_order_release);
  mr_run_wake(c->run);
}

static void give_up(struct mr_checkpoint *c, uint64_t now_ns) {
  set_state(c, MR_CHECKPOINT_IDLE);
  set_next(c, now_ns);
  /* release: pairs with the acquire in mr_run_checkpoint_answer */
  atomic_store_explicit(&c->refused, c->serving, memory_order_release);
}

static void say(struct mr_checkpoint *c, enum mr_log_level level, const char *code,
                const char *text) {
  mr_log_write(&c->run->conf.log, level, code, NULL, "checkpoint %" PRIu64 ": %s", c->number, text);
}

/* A full disk is waited for: the graph goes on, and so do its checkpoints when there is room. */
static void write_failed(struct mr_checkpoint *c) {
  int no = c->error.sys_errno;
  bool full = no == ENOSPC || no == EDQUOT || no == EFBIG;
  char text[MR_ERROR_TEXT_SZ];
  if (!full) {
    mr_run_fail(c->run, &c->error);
    return;
  }
  if (c->full_said) return;
  c->full_said = true;
  snprintf(text, sizeof text, "%.600s: %" PRIu64 " bytes are needed; waiting for room",
           c->error.text, c->bytes);
  say(c, MR_LOG_WARN, "MR5011", text);
}

static void say_done(struct mr_checkpoint *c) {
  uint64_t stop = 0;
  for (uint32_t i = 0; i < c->run->plan->instance_cnt; i++)
    if (c->run->insts[i].piece->stop_ns_max > stop) stop = c->run->insts[i].piece->stop_ns_max;
  /* relaxed: a figure */
  atomic_store_explicit(&c->stop_ns_max, stop, memory_order_relaxed);
  mr_log_write(&c->run->conf.log, MR_LOG_DEBUG, NULL, NULL,
               "checkpoint %" PRIu64 ": %" PRIu64
               " bytes, written in %.1f ms, longest stop %.3f ms",
               c->number, c->bytes, (double)c->written_ns / 1e6, (double)stop / 1e6);
}

/* True: it is durable. */
static bool take_result(struct mr_checkpoint *c, int64_t rc) {
  if (rc) {
    write_failed(c);
    return false;
  }
  c->full_said = false;
  say_done(c);
  /* release: pairs with the acquire in mr_barrier_publish */
  atomic_store_explicit(&c->durable, c->number, memory_order_release);
  /* release: pairs with the acquire in mr_run_checkpoint_answer */
  atomic_store_explicit(&c->served, c->serving, memory_order_release);
  return true;
}

static void drive(struct mr_checkpoint *c, uint64_t now_ns) {
  struct mr_run *run = c->run;
  const struct mr_instance *large;
  bool failed = mr_run_failed(run);
  switch (atomic_load_explicit(&c->state, memory_order_relaxed)) { /* relaxed: written here */
  case MR_CHECKPOINT_IDLE:
    /* acquire: pairs with the release in mr_run_drain. The last one comes behind the drain */
    if (failed || atomic_load_explicit(&run->stop, memory_order_acquire)) return;
    if (now_ns >= atomic_load_explicit(&c->next_ns, memory_order_relaxed) || /* written here */
        is_asked(c))
      begin(c, now_ns);
    return;
  case MR_CHECKPOINT_BARRIER:
    if (failed) {
      give_up(c, now_ns);
    } else if (all_given(run, c->number)) {
      large = too_large(run, c->number);
      if (large) {
        say(c, MR_LOG_WARN, "MR5012", large->node->name);
        give_up(c, now_ns);
        return;
      }
      bool unready = any_unready(run, c->number);
      if (run->conf.publish_early && !unready && !c->early) {
        c->early = true;
        /* release: as in take_result */
        atomic_store_explicit(&c->durable, c->number, memory_order_release);
        return;
      }
      c->early = false;
      c->job =
          (struct mr_io_req){.kind = MR_IO_CALL, .call = unready ? prepare_job : run_job, .buf = c};
      set_state(c, unready ? MR_CHECKPOINT_PREPARING : MR_CHECKPOINT_WRITING);
      mr_io_submit(c->io, &c->job);
    }
    return;
  case MR_CHECKPOINT_PREPARING:
    mr_io_poll(c->io);
    if (!mr_io_done(&c->job)) return;
    if (failed || atomic_load_explicit(&run->stop, memory_order_acquire)) /* as above */
      give_up(c, now_ns);
    else
      begin(c, now_ns);
    return;
  default:
    mr_io_poll(c->io);
    if (!mr_io_done(&c->job)) return;
    if (!take_result(c, c->job.result)) {
      give_up(c, now_ns);
      return;
    }
    set_state(c, MR_CHECKPOINT_IDLE);
    set_next(c, now_ns);
    mr_run_wake(run); /* sinks publish */
  }
}

void mr_checkpoint_drive(struct mr_run *run, uint64_t now_ns) {
  struct mr_checkpoint *c = run->checkpoint;
  /* acquire: pairs with the release of who drove before */
  if (!c || atomic_exchange_explicit(&c->driven, 1, memory_order_acquire)) return;
  drive(c, now_ns);
  /* release: pairs with the acquire above */
  atomic_store_explicit(&c->driven, 0, memory_order_release);
}

uint64_t mr_checkpoint_sleep_ns(const struct mr_run *run, uint64_t now_ns) {
  const struct mr_checkpoint *c = run->checkpoint;
  if (!c) return UINT64_MAX;
  /* relaxed, both: a wrong guess is a look more, or a millisecond */
  if (atomic_load_explicit(&c->state, memory_order_relaxed) != MR_CHECKPOINT_IDLE) return LOOK_NS;
  uint64_t next = atomic_load_explicit(&c->next_ns, memory_order_relaxed);
  return next > now_ns ? next - now_ns : 0;
}

/* ---- the end ---- */

void mr_checkpoint_finish(struct mr_run *run) {
  struct mr_checkpoint *c = run->checkpoint;
  if (!c || c->finished) return;
  c->finished = true;
  if (c->had_ended) return;
  /* relaxed: the workers are joined */
  enum mr_checkpoint_state state = atomic_load_explicit(&c->state, memory_order_relaxed);
  int64_t result = mr_io_in_flight(&c->job) ? mr_io_finish(c->io, &c->job) : c->job.result;
  if (state == MR_CHECKPOINT_WRITING) take_result(c, result);
  if (mr_run_failed(run) || run->cut_short) return;
  for (uint32_t i = 0; i < run->plan->instance_cnt; i++)
    if (!has_ended(&run->insts[i])) return;
  c->number++;
  c->behind_end = true;
  /* relaxed: nobody else drives any more */
  c->serving = atomic_load_explicit(&c->tickets, memory_order_relaxed);
  const struct mr_instance *large = too_large(run, c->number);
  if (large) say(c, MR_LOG_WARN, "MR5012", large->node->name);
  if (large || !take_result(c, run_job(c))) { /* nothing waits any more: a new start goes on */
    if (!mr_run_failed(run)) run->cut_short = true;
    return;
  }
  for (uint32_t i = 0; i < run->plan->instance_cnt; i++) mr_barrier_publish(&run->insts[i]);
}

/* ---- the start ---- */

/* The newest checkpoint that is whole. MR_ERR_IO: there are some, and none is. */
static int find_newest(struct mr_checkpoint *c, struct mr_error *err) {
  uint64_t *numbers, last;
  uint32_t cnt;
  int rc = mr_manifest_list(c->job_io, &c->arena, c->dir, &numbers, &cnt, &last, err);
  c->number = last;
  for (uint32_t i = 0; i < cnt && !rc; i++) {
    rc = mr_manifest_read(c->job_io, &c->arena, c->dir, numbers[i], &c->from, err);
    if (!rc)
      rc = mr_manifest_read_state(c->job_io, &c->arena, c->dir, c->from, &c->state_bytes, err);
    if (!rc) {
      c->restored = numbers[i];
      return MR_OK;
    }
    c->from = NULL;
    if (rc != MR_ERR_DATA) return rc;
    if (i + 1 == cnt)
      return mr_error_set(err, MR_ERR_IO,
                          "no whole checkpoint is left in %s: %s; without the folder the graph "
                          "starts from the beginning",
                          c->dir, mr_arena_strdup(&c->arena, err->text));
    mr_log_write(&c->run->conf.log, MR_LOG_WARN, "MR5010", NULL,
                 "%s: going back to checkpoint %" PRIu64, err->text, numbers[i + 1]);
    rc = MR_OK;
  }
  return rc;
}

int mr_checkpoint_open(struct mr_run *run, struct mr_error *err) {
  const struct mr_plan_checkpoint *plan = &run->plan->runtime.checkpoint;
  if (!plan->dir) return MR_OK;
  struct mr_checkpoint *c = run->checkpoint = MR_NEW(&run->arena, struct mr_checkpoint, 1);
  c->run = run;
  c->dir = plan->dir;
  c->interval_ns = (uint64_t)plan->interval_ns;
  c->keep = plan->keep;
  c->buffer = mr_arena_alloc(&run->arena, BUFFER_SZ);
  int rc = mr_io_create(&c->io, MR_IO_PLAIN, NULL, NULL, err);
  if (!rc) rc = mr_io_create(&c->job_io, MR_IO_PLAIN, NULL, NULL, err);
  if (!rc) rc = find_newest(c, err);
  if (!rc && c->from) rc = mr_recover_check(run->plan, c->from, err);
  if (rc) return rc;
  c->had_ended = c->from && c->from->ended;
  c->began_ns = mr_clock_mono_ns(&run->conf.clock);
  atomic_init(&c->next_ns, c->began_ns); /* so that a crash soon after the start is covered */
  atomic_init(&c->asked, c->number);
  atomic_init(&c->durable, c->restored);
  for (uint32_t i = 0; i < run->plan->instance_cnt; i++) {
    struct mr_instance *inst = &run->insts[i];
    inst->barrier = inst->barrier_next = c->number;
    inst->published = c->restored;
    inst->ctx.checkpoints = true;
    inst->ctx.restoring = c->restored;
    inst->ctx.checkpoint = c->number + 1;
  }
  if (c->had_ended)
    mr_log_write(&run->conf.log, MR_LOG_INFO, NULL, NULL,
                 "all input had been read at checkpoint %" PRIu64 ": nothing to do", c->restored);
  return MR_OK;
}

static int reserve(struct mr_run *run, uint8_t **mem, uint64_t sz, const char *what,
                   struct mr_error *err) {
  uint64_t off = mr_region_reserve(&run->region, sz, what);
  if (!off) return mr_error_set(err, MR_ERR_NOMEM, "no room for snapshots");
  *mem = mr_region_ptr(&run->region, off);
  return MR_OK;
}

int mr_checkpoint_reserve(struct mr_run *run, struct mr_error *err) {
  int rc = MR_OK;
  for (uint32_t i = 0; run->checkpoint && i < run->plan->instance_cnt && !rc; i++) {
    struct mr_instance *inst = &run->insts[i];
    struct mr_piece *p = inst->piece = MR_NEW(&run->arena, struct mr_piece, 1);
    p->save.sz = p->last.sz = MR_PIECE_SZ;
    p->last.in_place = true;
    if (inst->op->shape) p->shape = inst->op->shape(&inst->node->op_plan);
    rc = reserve(run, &p->save.mem, MR_PIECE_SZ, "snapshots", err);
    if (!rc) rc = reserve(run, &p->last.mem, MR_PIECE_SZ, "snapshots", err);
    if (rc || !inst->op->encode) continue;
    p->last.spare_sz = p->last.spare_ready = SPARE_MORE;
    rc = reserve(run, &p->last.spare, p->last.spare_sz, "frozen state", err);
    if (rc) continue;
    p->save.spare_sz = inst->node->op_plan.state_max + inst->op->self_sz + SPARE_MORE;
    rc = reserve(run, &p->save.spare, p->save.spare_sz, "frozen state", err);
    if (rc) continue;
    p->save.spare_ready = p->save.spare_sz < READY_SZ ? p->save.spare_sz : READY_SZ;
    memset(p->save.spare, 0, p->save.spare_ready);
  }
  return rc;
}

void mr_checkpoint_close(struct mr_run *run) {
  struct mr_checkpoint *c = run->checkpoint;
  if (!c) return;
  if (c->io && mr_io_in_flight(&c->job)) mr_io_finish(c->io, &c->job);
  if (c->io) mr_io_destroy(c->io);
  if (c->job_io) mr_io_destroy(c->job_io);
  mr_arena_free(&c->arena);
  run->checkpoint = NULL;
}

/* ---- for the host ---- */

bool mr_run_checkpoint_info(const struct mr_run *run, struct mr_checkpoint_info *info) {
  const struct mr_checkpoint *c = run->checkpoint;
  if (!c) return false;
  info->restored = c->restored;
  info->durable = atomic_load_explicit(&c->durable, memory_order_acquire);         /* as above */
  info->stop_ns_max = atomic_load_explicit(&c->stop_ns_max, memory_order_relaxed); /* a figure */
  info->had_ended = c->had_ended;
  return true;
}

uint64_t mr_run_checkpoint_ask(struct mr_run *run) {
  struct mr_checkpoint *c = run->checkpoint;
  if (!c) return 0;
  /* relaxed: only the number matters */
  uint64_t ticket = atomic_fetch_add_explicit(&c->tickets, 1, memory_order_relaxed) + 1;
  mr_run_wake(run);
  return ticket;
}

int mr_run_checkpoint_answer(const struct mr_run *run, uint64_t ticket) {
  const struct mr_checkpoint *c = run->checkpoint;
  /* acquire: pairs with the release in take_result */
  if (atomic_load_explicit(&c->served, memory_order_acquire) >= ticket) return MR_OK;
  /* acquire: pairs with the release in give_up */
  if (atomic_load_explicit(&c->refused, memory_order_acquire) >= ticket) return MR_ERR_IO;
  return MR_ERR_AGAIN;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/run.h"

#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "graph/secret.h"
#include "io/io.h"
#include "worker/checkpoint_private.h"
#include "worker/run_private.h"

static void wake_worker(void *ctx) {
  mr_wake_signal(ctx);
}

int mr_run_make_io(struct mr_run *run, struct mr_error *err) {
  run->ios = MR_NEW(&run->arena, struct mr_io *, run->worker_cnt + 1);
  for (uint32_t i = 0; i < run->worker_cnt; i++) {
    int rc = mr_io_create(&run->ios[i], MR_IO_BEST, wake_worker, &run->wakes[i], err);
    if (rc) return rc;
    run->workers[i].io = run->ios[i];
  }
  return MR_OK;
}

int mr_run_build(struct mr_run **out, const struct mr_plan *plan, const struct mr_run_conf *conf,
                 struct mr_error *err) {
  struct mr_run *run = calloc(1, sizeof *run);
  if (!run) return mr_error_set(err, MR_ERR_NOMEM, "no memory for a run");
  run->plan = plan;
  run->conf = *conf;
  run->conf.log.graph = plan->graph;
  pthread_mutex_init(&run->lock, NULL);
  atomic_init(&run->count_free, conf->count);
  atomic_init(&run->count_left, conf->count);
  atomic_init(&run->vtime_first_us, MR_TIME_NONE);
  atomic_init(&run->vtime_us, MR_TIME_NONE);
  int rc = mr_run_lay_out(run, err);
  if (!rc) rc = mr_run_make_stats(run, err);
  if (rc) {
    mr_run_destroy(run);
    return rc;
  }
  *out = run;
  return MR_OK;
}

/* ---- threads ---- */

static void pin_thread(struct mr_worker *w) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET((size_t)w->cpu, &set);
  if (sched_setaffinity(0, sizeof set, &set) == 0) return;
  /* relaxed: only who is first says it */
  if (!atomic_exchange_explicit(&w->run->unpinned, 1, memory_order_relaxed))
    mr_log_write(&w->run->conf.log, MR_LOG_WARN, "MR5002", NULL,
                 "workers are not pinned: not permitted to run on cpu %d", w->cpu);
  w->cpu = -1;
}

static void *worker_main(void *arg) {
  struct mr_worker *w = arg;
  if (w->run->conf.pin && w->cpu >= 0) pin_thread(w);
  if (w->stat) {
    mr_stat_set(&w->stat->tid, (uint64_t)syscall(SYS_gettid));
    mr_stat_set(&w->stat->cpu, (uint64_t)(int64_t)(w->run->conf.pin ? w->cpu : -1));
  }
  mr_worker_loop(w);
  /* release: pairs with the acquire in mr_run_wait */
  atomic_fetch_add_explicit(&w->run->done_cnt, 1, memory_order_release);
  return NULL;
}

/* The worker whose files are accessed in the least good way, or the first one. */
static const struct mr_io *io_to_tell_of(const struct mr_run *run) {
  for (uint32_t i = 0; i < run->worker_cnt; i++)
    if (!mr_io_is_best(run->ios[i])) return run->ios[i];
  return run->ios[0];
}

const char *mr_run_io_mode(const struct mr_run *run) {
  return mr_io_mode(io_to_tell_of(run));
}

int mr_run_start(struct mr_run *run, struct mr_error *err) {
  if (!mr_io_is_best(io_to_tell_of(run)))
    mr_log_write(&run->conf.log, MR_LOG_WARN, "MR5008", NULL, "io: %s", mr_run_io_mode(run));
  run->start_ns = mr_clock_mono_ns(&run->conf.clock);
  run->started = true;
  if (run->segment.base) mr_segment_set_state(&run->segment, MR_SEGMENT_RUNNING);
  for (uint32_t i = 0; i < run->worker_cnt; i++) {
    int rc = pthread_create(&run->workers[i].thread, NULL, worker_main, &run->workers[i]);
    if (rc) {
      mr_run_abort(run);
      return mr_error_set_sys(err, rc, "cannot start worker %u", i);
    }
    run->workers[i].thread_started = true;
  }
  return MR_OK;
}

void mr_run_wake(struct mr_run *run) {
  for (uint32_t i = 0; i < run->worker_cnt; i++) mr_wake_signal(&run->wakes[i]);
}

void mr_run_drain(struct mr_run *run) {
  /* release: pairs with the acquire in the workers' housekeeping */
  atomic_store_explicit(&run->stop, 1, memory_order_release);
  mr_run_wake(run);
}

void mr_run_set_draining(struct mr_run *run) {
  if (run->segment.base) mr_segment_set_state(&run->segment, MR_SEGMENT_DRAINING);
}

void mr_run_abort(struct mr_run *run) {
  /* release: pairs with the acquire in mr_worker_loop */
  atomic_store_explicit(&run->abort, 1, memory_order_release);
  mr_run_wake(run);
}

static bool all_done(struct mr_run *run) {
  uint32_t started = 0;
  for (uint32_t i = 0; i < run->worker_cnt; i++) started += run->workers[i].thread_started;
  /* acquire: pairs with the release in worker_main */
  return atomic_load_explicit(&run->done_cnt, memory_order_acquire) >= started;
}

bool mr_run_wait(struct mr_run *run, uint64_t timeout_ns) {
  struct timespec ts;
  clock_gettime(CLOCK_REALTIME, &ts);
  uint64_t at = (uint64_t)ts.tv_nsec + timeout_ns % 1000000000u;
  ts.tv_sec += (time_t)(timeout_ns / 1000000000u + at / 1000000000u);
  ts.tv_nsec = (long)(at % 1000000000u);
  for (uint32_t i = 0; i < run->worker_cnt; i++) {
    struct mr_worker *w = &run->workers[i];
    if (!w->thread_started) continue;
    if (pthread_timedjoin_np(w->thread, NULL, &ts)) {
      if (!all_done(run)) return false;
      pthread_join(w->thread, NULL); /* it has ended just now */
    }
    w->thread_started = false;
    /* relaxed: the thread is joined */
    atomic_fetch_sub_explicit(&run->done_cnt, 1, memory_order_relaxed);
  }
  for (uint32_t i = 0; i < run->worker_cnt; i++)
    if (run->workers[i].live_cnt) run->cut_short = true;
  mr_checkpoint_finish(run);
  return true;
}

int mr_run_result(const struct mr_run *run, struct mr_error *err) {
  if (run->error.code) {
    *err = run->error;
    return err->code;
  }
  return run->cut_short
             ? mr_error_set(err, MR_ERR_AGAIN, "stopped before all rows had gone through")
             : MR_OK;
}

bool mr_run_step(struct mr_run *run, uint32_t worker, bool *live) {
  struct mr_worker *w = &run->workers[worker];
  if (!w->last_ns) mr_worker_begin(w);
  uint64_t now = mr_clock_fast_ns(&run->conf.clock);
  w->idle_ns += now - w->last_ns; /* between its steps */
  w->now_ns = w->last_ns = now;
  bool did = (w->live_cnt || w->dirty_sends) && mr_worker_step(w);
  *live = false;
  for (uint32_t i = 0; i < run->worker_cnt; i++)
    if (run->workers[i].live_cnt || run->workers[i].dirty_sends) *live = true;
  if (!*live) mr_checkpoint_finish(run);
  return did;
}

void mr_op_fail(struct mr_op_ctx *ctx, int code, const char *fmt, ...) {
  struct mr_instance *inst = ctx->inst;
  struct mr_run *run = inst->run;
  inst->failed = true;
  ctx->more = false;
  pthread_mutex_lock(&run->lock);
  if (!run->error.code) {
    char text[MR_ERROR_TEXT_SZ - 128];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    mr_error_set(&run->error, code, "%s: %s", inst->node->name, text);
    mr_secrets_scrub(run->plan->secrets, run->error.text);
  }
  if (run->stats.nodes) /* not yet there while operators open */
    mr_stats_error(&run->stats, inst->worker->idx, inst->idx, NULL, run->error.text, 1,
                   inst->worker->now_us);
  pthread_mutex_unlock(&run->lock);
  /* release: pairs with no acquire; whoever sees it stops, the text is read after the join */
  atomic_store_explicit(&run->failed, 1, memory_order_release);
  mr_run_wake(run);
}

void mr_run_fail(struct mr_run *run, const struct mr_error *err) {
  pthread_mutex_lock(&run->lock);
  if (!run->error.code) {
    run->error = *err;
    mr_secrets_scrub(run->plan->secrets, run->error.text);
  }
  pthread_mutex_unlock(&run->lock);
  /* release: pairs with no acquire; whoever sees it stops, the text is read after the join */
  atomic_store_explicit(&run->failed, 1, memory_order_release);
  mr_run_wake(run);
}

struct mr_stats *mr_run_stats(struct mr_run *run) {
  return &run->stats;
}
const struct mr_segment *mr_run_segment(const struct mr_run *run) {
  return &run->segment;
}
struct mr_region *mr_run_region(struct mr_run *run) {
  return &run->region;
}

void *mr_run_self(struct mr_run *run, const char *node, uint32_t instance) {
  for (uint32_t i = 0; i < run->plan->instance_cnt; i++)
    if (run->plan->instances[i].idx == instance && !strcmp(run->insts[i].node->name, node))
      return run->insts[i].ctx.self;
  return NULL;
}

void mr_run_close(struct mr_run *run) {
  for (uint32_t i = 0; run->workers && i < run->worker_cnt; i++)
    if (run->workers[i].thread_started) {
      mr_run_abort(run);
      pthread_join(run->workers[i].thread, NULL);
    }
  for (uint32_t i = 0; run->ios && i < run->worker_cnt; i++)
    if (run->ios[i]) mr_io_cancel(run->ios[i]);
  bool clean = run->init_cnt == run->plan->instance_cnt && !run->error.code && !run->cut_short;
  for (uint32_t i = 0; i < run->init_cnt; i++) clean &= run->insts[i].ended;
  for (uint32_t i = 0; i < run->init_cnt; i++) {
    run->insts[i].ctx.clean = clean;
    if (run->insts[i].op->fini) run->insts[i].op->fini(&run->insts[i].ctx);
    if (run->insts[i].keep) mr_instance_drop_kept(&run->insts[i]);
  }
  run->init_cnt = 0;
  if (run->stats.nodes) mr_run_publish(run);
}

void mr_run_destroy(struct mr_run *run) {
  if (!run) return;
  mr_run_close(run);
  mr_checkpoint_close(run);
  for (uint32_t i = 0; run->ios && i < run->worker_cnt; i++)
    if (run->ios[i]) mr_io_destroy(run->ios[i]);
  for (uint32_t i = 0; run->pools && i < run->plan->pool_cnt; i++)
    if (run->pools[i].region) mr_pool_fini(&run->pools[i]);
  if (run->segment.base) {
    if (run->segment.published)
      mr_segment_finish(&run->segment, run->error.code ? 1 : 0);
    else
      mr_segment_discard(&run->segment);
  }
  if (run->region.base) mr_region_destroy(&run->region);
  mr_arena_free(&run->arena);
  pthread_mutex_destroy(&run->lock);
  free(run);
}

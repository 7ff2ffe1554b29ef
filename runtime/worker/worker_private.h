/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_WORKER_WORKER_PRIVATE_H
#define MR_WORKER_WORKER_PRIVATE_H

/* A worker and a run (all workers of one graph), shared by the files of this room. */

#include <pthread.h>
#include <stdatomic.h>

#include "shm/segment.h"
#include "worker/instance_private.h"
#include "worker/run.h"

#define MR_HEAD_SOURCE (-1)
#define MR_HEAD_MERGER (-2) /* all its links */

struct mr_head { /* something a worker takes items from */
  struct mr_instance *inst;
  int32_t in;       /* link input, or MR_HEAD_* */
  uint64_t item_ns; /* what the last timed item took; at first more than any */
};

/* Rows that a sink got in this step, whose latency is recorded at its end. */
struct mr_arrival {
  struct mr_hist *hist; /* NULL: none */
  uint64_t t0_ns, rows;
};

struct mr_worker {
  /* hot */
  uint64_t now_ns;
  int64_t now_us;    /* wall clock, advanced with now_ns */
  uint32_t busy_cnt; /* instances that are not idle, */
  uint32_t call_cnt; /* and of these, those in whose call we are */
  uint32_t live_cnt; /* instances that have not ended */
  struct mr_run *run;
  uint32_t idx;
  int32_t cpu;
  struct mr_instance **insts; /* of this worker, in topological order */
  uint32_t inst_cnt;
  struct mr_instance **polled; /* those of them that are sinks with a poll */
  uint32_t polled_cnt;
  struct mr_head *heads;
  uint32_t head_cnt;
  struct mr_return **returns_in;  /* by releasing worker: batches that come home */
  struct mr_return **returns_out; /* by owner */
  uint32_t dirty_sends;           /* links with control items that wait for a slot */
  struct mr_send **open_sends;    /* links with an open batch of copied rows */
  uint32_t open_cnt;
  uint64_t wake_ns; /* earliest time that something asked to be woken, 0: none */
  bool did;         /* this step did something */
  bool blocked;     /* a head had work and no room in this step */
  struct mr_instance *blocked_inst;
  /* waiting and housekeeping */
  struct mr_wake *wake;
  struct mr_io *io;
  uint64_t idle_since_ns, next_house_ns, spin_ns;
  uint32_t idle_steps;
  uint64_t wall_base_us, wall_base_ns, next_wall_ns;
  /* stats */
  struct mr_worker_stat *stat;
  uint64_t busy_ns, blocked_ns, idle_ns, house_ns, loops, last_ns;
  uint64_t gap_max_ns;
  struct mr_instance *cur; /* whose time is running; NULL: nobody's */
  uint64_t mark_ns;
  bool timed;                 /* this item is timed; quick ones are sampled */
  uint32_t sample, sample_at; /* quick items of this round; which of them is timed */
  uint32_t weight;            /* how many items the timed one stands for */
  uint64_t random;
  struct mr_arrival arrival;
  pthread_t thread;
  bool thread_started;
};

enum mr_run_state { MR_RUN_BUILT, MR_RUN_RUNNING, MR_RUN_DRAINING, MR_RUN_DONE };

struct mr_run {
  const struct mr_plan *plan;
  struct mr_run_conf conf;
  struct mr_arena arena;
  struct mr_region region;
  struct mr_pool *pools;     /* by the plan's index */
  struct mr_instance *insts; /* by the plan's index */
  struct mr_worker *workers;
  uint32_t worker_cnt;
  struct mr_link **links; /* by the plan's index */
  struct mr_wake *wakes;  /* by worker */
  struct mr_io **ios;     /* by worker; NULL: none */
  uint32_t init_cnt;      /* instances whose init was called */
  struct mr_segment segment;
  struct mr_stats stats;
  const char *const **labels;  /* by partition: names of its inputs, for dead letters */
  bool reads_now, reads_pos;   /* some node reads ingest_time() or now(); record_offset() */
  _Atomic uint32_t stop;       /* drain asked for */
  _Atomic uint32_t abort;      /* stop now */
  _Atomic uint32_t failed;     /* an operator failed; error is set */
  _Atomic uint32_t unpinned;   /* some worker could not be pinned, and it was said */
  _Atomic uint32_t done_cnt;   /* workers that ended */
  _Atomic uint64_t count_left; /* --count: rows that sources have not taken yet */
  _Atomic uint64_t count_free; /* of these, rows that no source is just asking for */
  _Atomic int64_t vtime_us, vtime_first_us; /* virtual clock: the latest and the first time read */
  pthread_mutex_t lock;                     /* error text; never on the hot path */
  struct mr_error error;
  uint64_t start_ns;
  bool started, cut_short;
  struct mr_checkpoint *checkpoint; /* NULL: the graph takes none */
};

static inline bool mr_run_failed(struct mr_run *run) {
  /* relaxed: a late look costs a batch; the text is read after the threads are joined */
  return atomic_load_explicit(&run->failed, memory_order_relaxed) != 0;
}

/* Saturating a - b for times; MR_TIME_NONE and MR_TIME_MAX stay. */
static inline int64_t mr_time_sub(int64_t a, int64_t b) {
  int64_t r;
  if (a == MR_TIME_NONE || a == MR_TIME_MAX) return a;
  return __builtin_sub_overflow(a, b, &r) ? MR_TIME_NONE + 1 : r;
}
/* The largest multiple of step at or below t. */
static inline int64_t mr_time_floor(int64_t t, int64_t step) {
  int64_t r = t % step;
  return r < 0 ? t - r - step : t - r;
}

/* Empties the worker's return rings into its pools. */
void mr_worker_take_returns(struct mr_worker *worker);
/* One step of the loop: housekeeping, what is unfinished, then each head once. What it did is
 * charged to a regime. True when it did something. */
bool mr_worker_step(struct mr_worker *worker);
/* Steps until all instances have ended or the run is aborted. */
void mr_worker_loop(struct mr_worker *worker);
/* At the end of a step: sends open batches that nothing was added to, or that are old. */
void mr_gather_step(struct mr_worker *worker);
/* Prepares a worker's clocks; called in its thread or by the stepper. */
void mr_worker_begin(struct mr_worker *worker);
/* Gives an instance a view or control item that was taken off a link. */
void mr_worker_take_view(struct mr_worker *worker, struct mr_head *head, uint32_t in,
                         struct mr_msg *msg);
void mr_worker_take_control(struct mr_instance *inst, uint32_t in, const struct mr_msg *msg);
/* The instance has work and no room in this step. */
void mr_worker_note_blocked(struct mr_worker *worker, struct mr_instance *inst);
/* Publishes all counts. */
void mr_worker_publish(struct mr_worker *worker);

/* Wakes all workers. Any thread. */
void mr_run_wake(struct mr_run *run);
/* Stops the graph as mr_op_fail does, for what is no operator's. Any thread. */
void mr_run_fail(struct mr_run *run, const struct mr_error *err);

/* Charges the time since the last mark to whoever ran, and goes on with inst (NULL: nobody).
 * Returns the clock. */
static inline void mr_worker_switch(struct mr_worker *w, struct mr_instance *inst) {
  if (w->timed) {
    uint64_t now = mr_clock_fast_ns(&w->run->conf.clock);
    if (w->cur) w->cur->mark_ns += now - w->mark_ns;
    w->mark_ns = now;
  }
  w->cur = inst;
}

/* Records the latency that waits for the clock. */
static inline void mr_worker_arrived(struct mr_worker *w, uint64_t now_ns) {
  const struct mr_arrival *a = &w->arrival;
  mr_hist_record_n(a->hist, now_ns > a->t0_ns ? now_ns - a->t0_ns : 0, a->rows);
  w->arrival.hist = NULL;
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_WORKER_CTX_H
#define MR_WORKER_CTX_H

/* What an operator instance sees while it runs, and what it may call. Everything here is for the
 * worker that runs the instance. */

#include <stdbool.h>
#include <stdint.h>

#include "base/api.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/cpu.h"
#include "base/log.h"
#include "data/batch.h"
#include "graph/op.h"
#include "graph/plan.h"

MR_API_BEGIN

struct mr_instance;
struct mr_io;

/* Counts of an instance, plain words of its worker; the framework publishes them. rows_in, and
 * rows_out on MR_OUT_MAIN (once, however many readers), dead_letters and dropped errors are the
 * framework's. */
struct mr_counts {
  uint64_t rows_in, rows_out, absorbed, filtered, late, late_partial, future, dropped, dead_letters;
  uint64_t bytes_in, bytes_out, nan_null;
  uint64_t state_keys, state_bytes; /* gauges */
  /* windows; gauges but closed. next: the one that closes next, while some are open */
  uint64_t derived_errors; /* rows of its own that could not come out */
  uint64_t windows_open, windows_closed, next_keys;
  int64_t next_start_us, next_end_us;
};

/* Lines that are to be read once more, in place of a source's own input (mr_op.replay). */
struct mr_replay_lines {
  char *bytes; /* len of them; len + 64 bytes before and 4096 behind are the source's */
  size_t len;
  bool begun;            /* the source's: it has seen them */
  bool ended;            /* the source's: they are all in its lines */
  bool bad;              /* the source's: a line is no row and has not been taken yet */
  uint64_t rows, errors; /* the source's: lines taken so far */
  const char *refused;   /* the source's: why none can be taken; static text */
};

struct mr_op_ctx {
  void *self;       /* the instance's own struct: self_sz bytes */
  void *shared;     /* of all instances of the node: shared_sz bytes, zeroed; NULL: none */
  const void *conf; /* options */
  const void *data; /* op_plan.data */
  bool more;  /* set by the operator: call drain before anything else. Where it is to be set, it is
                 set before what is emitted: those rows then do not carry the input's frontier */
  bool stop;  /* a drain was asked for; sources are not polled any more */
  bool polls; /* sinks: set by the operator while something of it is on its way: mr_op.poll */
  bool clean; /* for fini: the run has ended, by itself or by a drain, and nothing failed */
  uint32_t port;    /* process: which of op.ports the view came by; 0 where there are none */
  uint32_t row_max; /* sources: rows that this poll may emit, 1..MR_BATCH_ROWS */
  uint64_t now_ns;  /* monotonic, read once per step */
  int64_t now_us; /* now(): the graph's clock; virtual: the time of the row being looked at at batch
                     grain */
  uint64_t wake_ns; /* sources: after MR_POLL_IDLE, when to be asked again at the latest (0: when
                       input or I/O comes). Steps: with `more`, before when drain is not to be
                       called (0: at once); who sends to it waits as long.
                       Sinks: the same as sources, after a poll */
  struct mr_counts counts;

  const struct mr_region *region;
  struct mr_arena *arena;             /* control plane only: init and fini */
  struct mr_region *region_rw;        /* init only: mr_region_alloc / mr_region_reserve */
  struct mr_pool *pools[MR_OUTS_MAX]; /* own batches by output; NULL: none */
  const struct mr_clock *clock;
  const struct mr_log *log;
  const struct mr_plan *plan;
  const struct mr_plan_node *node;
  uint32_t instance; /* 0..N-1 */
  uint32_t takers; /* MR_OP_TURNS: instances that take turns: those below it. N, or 1 under --count,
                      which cuts the rows in their order; the others are not polled */
  enum mr_isa isa;
  struct mr_io *io; /* files: io/io.h */
  /* Sources set one of them in init: the file, for dead letters of steps downstream; or the names
   * of several, of which batch->input is an index. */
  const char *source_label;
  const char *const *source_labels;
  bool virtual_clock;
  bool checkpoints;    /* the graph takes checkpoints */
  uint64_t restoring;  /* init: the checkpoint that restore gets; 0: a fresh start */
  uint64_t checkpoint; /* the number of the checkpoint that the rows of now will be in, at least */
  void *host;          /* mr_run_conf.host: for operators of the host's own */
  struct mr_instance *inst; /* the framework's side */
};

/* ---- emission ---- */

/* Emits a view of the input (a filter). The struct, its columns and selection must stay as they are
 * until the operator is called again. sel_cnt 0 emits nothing. */
void mr_emit(struct mr_op_ctx *ctx, uint32_t output, const struct mr_view *view);

/* Takes an open batch for an output with own_batches. Never NULL within the promises of op.h. */
struct mr_batch *mr_emit_open(struct mr_op_ctx *ctx, uint32_t output);

/* Emits an own batch with msg.row_cnt rows and hands it over; msg, et_min/max, hidden offsets and
 * bases are taken from its head as they stand. `like` (may be NULL) gives source, partition,
 * frontiers, now and t0 for rows that stand for input rows; then all of those need not be set. Of
 * derived rows (MR_OP_DERIVES, main output) partition, source, frontiers and now are set here; the
 * node's watermark goes on when all of them are out. */
void mr_emit_batch(struct mr_op_ctx *ctx, uint32_t output, struct mr_batch *batch,
                   const struct mr_view *like);

/* Emits own batch `batch` as a view with its own column table: cols[i] may be the batch's or the
 * input's memory (map). The batch must hold a base on the input's batch where it points there
 * (mr_batch_add_base). */
void mr_emit_mixed(struct mr_op_ctx *ctx, uint32_t output, struct mr_batch *batch,
                   const struct mr_view *view);

/* Puts back a batch that was opened and not used. */
void mr_emit_cancel(struct mr_op_ctx *ctx, uint32_t output, struct mr_batch *batch);

/* ---- sources ---- */

/* What a source knows about the event times of a batch: nothing; et_min and et_max, which are set;
 * or these, and that no row is before the one before it. */
enum mr_et { MR_ET_UNKNOWN, MR_ET_BOUNDS, MR_ET_ORDERED };

/* Emits a batch of a source: sets source, partition, et_min/et_max over its event time column
 * (unless known), the frontiers (F moves by all rows), row_frontier where a row may be late, now
 * and t0 (unless the hidden arrays are filled), counts, and the virtual clock. row_vtime_us:
 * planned time of the rows under the virtual clock (NULL: the largest event time read). Rows:
 * batch->msg.row_cnt. */
void mr_source_emit(struct mr_op_ctx *ctx, struct mr_batch *batch, enum mr_et known,
                    const int64_t *row_vtime_us);

/* MR_OP_PARTS: what is emitted next is of this partition, one of those of the instance: p with
 * p mod node->instance_cnt == instance. Before the first call it is the first of them. */
void mr_source_partition(struct mr_op_ctx *ctx, uint32_t partition);
/* MR_OP_PARTS: where the next record of the partition is, and the end of what can be read, in
 * records from its start. For observers. */
void mr_source_position(struct mr_op_ctx *ctx, uint32_t partition, uint64_t next, uint64_t end);

/* A line or record that is no row: goes to NODE.errors with source name, position and line, or is
 * dropped or stops the graph, as on_error says. False: no room now; return MR_POLL_ROWS and offer
 * it again at the next poll. */
bool mr_source_reject(struct mr_op_ctx *ctx, int code, const char *cause, const char *source,
                      uint64_t pos, uint64_t line, const char *raw, uint32_t len,
                      uint64_t raw_bytes);

/* Progress of bounded input, bytes (total 0: unknown). */
void mr_source_progress(struct mr_op_ctx *ctx, uint64_t bytes_done, uint64_t bytes_total);

/* ---- turns ----
 * `workers: N` on a source with MR_OP_TURNS: its N instances make rows side by side, and the rows
 * come out turn by turn: all of turn 0, then all of turn 1, and so on. What hangs on the order (the
 * frontier, what is late, line numbers, the virtual clock) is settled where the turns are put
 * together again, so the result is that of one instance.
 *
 * An instance begins a turn, emits what belongs to it, and ends it; turns of one instance rise. It
 * either knows its turns (k mod N: mr_source_turn) or takes the next free one
 * (mr_source_next_turn). A turn that nobody begins is passed over once all instances are behind it
 * or have ended. Rows are emitted within turns only. With node->instance_cnt 1 all this only
 * counts, and may stay away.
 *
 * A drain lets what comes before the last turn that was begun through: no row is left out in the
 * middle. Instances are polled meanwhile, with ctx->stop set, until they return MR_POLL_END, or
 * MR_POLL_IDLE outside of a turn; who would wait long within a turn returns MR_POLL_END. */

#define MR_TURN_NONE UINT64_MAX

/* Begins turn `turn`. False: the graph drains, and no earlier row waits for it; return MR_POLL_END.
 */
bool mr_source_turn(struct mr_op_ctx *ctx, uint64_t turn);
/* Begins the lowest turn that nobody has begun and returns it; MR_TURN_NONE as above. */
uint64_t mr_source_next_turn(struct mr_op_ctx *ctx);
/* Positions and lines of the turn begun last start anew: it is the first of another file. */
void mr_source_turn_fresh(struct mr_op_ctx *ctx);
/* The batch that is emitted next, in this poll, is the last of the turn, which has so many lines.
 * Lines of a turn are counted from 1. Without rows emit an empty batch all the same. */
void mr_source_turn_end(struct mr_op_ctx *ctx, uint64_t lines);

/* Has the other instances asked again that wait for what this one had. */
void mr_source_wake(struct mr_op_ctx *ctx);

/* ---- errors ---- */

/* Reports rows of the current input view as error rows: bits of `rows` (MR_BATCH_WORDS words, valid
 * until the operator is called again). cause writes the text for one row and returns its code, 3021
 * for MR3021. The framework counts them and makes the dead letters before the input is released. At
 * most once per process call. */
typedef int (*mr_cause_fn)(struct mr_op_ctx *ctx, uint32_t row, char *text, size_t text_sz);
void mr_reject_rows(struct mr_op_ctx *ctx, const struct mr_view *in, const uint64_t *rows,
                    mr_cause_fn cause);

/* Stops the graph: a sink's disk is full, state is over its bound. MR_ERR_IO ends with exit 74,
 * others with 1. The text is kept for the one clear error line. The operator is not called again
 * except fini. */
void mr_op_fail(struct mr_op_ctx *ctx, int code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

MR_API_END

#endif

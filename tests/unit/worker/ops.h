/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_WORKER_OPS_H
#define MR_WORKER_OPS_H

/* Operators for tests of the workers. All rows are the event
 *
 *   e: { fields: { id: int64, key: int64, t: timestamp, s: string }, event_time: t }
 *
 * where s is a text of id, so that memory that was reused too early shows. Sources make row n from
 * (seed, n) alone, so a test can make the same rows again.
 *
 *   source gen      rows, seed, max (rows per batch), bad (every such row is malformed), pause;
 * with several instances each makes turns of `turn` rows, with `grab` the next free one
 *   source spread   rows, seed, max, parts (row n is in partition n mod parts), mute (the last one
 * stays silent)
 *   step   pass
 * emits its input step   kpass    the same, keyed step   split    keeps rows by a hash of id; the
 * others go to NODE.rest step   shift    adds 1 to key: an own column beside the input's, emitted
 * in parts step   copy     copies rows into own batches of at most `piece` rows step   spoil
 * rejects rows by a hash of id step   tally    keyed windows: per (window, key) one derived row
 * with the sum of ids sink   collect  keeps what arrives; needs `drains` drains per view sink errs
 * counts error rows sink   dead_letter  the planner's; counts */

#include "graph/op.h"
#include "worker/ctx.h"

struct rig_row {
  int64_t id, key, t;
};

struct rig_gen { /* self of gen */
  int64_t made, bad;
  int64_t next, end; /* rows of this turn */
  uint64_t rng, turn;
  bool begun;
};

#define RIG_PARTS_MAX 16
struct rig_spread { /* self of spread */
  uint64_t next[RIG_PARTS_MAX], rng;
};

struct rig_seen { /* a row at a sink */
  struct rig_row row;
  uint32_t partition;
};

struct rig_collect { /* self of collect */
  struct rig_seen *rows;
  size_t cnt, cap;
  int64_t drains_left;
  const struct mr_view *view;
  int64_t watermark;
  uint64_t finished, behind, torn, backward, after_end;
};

struct rig_errs { /* self of errs and dead_letter */
  uint64_t rows, finished;
  uint64_t misplaced; /* rows of a source whose line is not their position + 1 */
};

struct rig_cell {
  int64_t end, key, sum;
};

struct rig_tally { /* self of tally */
  struct rig_cell *cells;
  size_t cnt, cap;
  int64_t watermark;
  uint64_t late, backward;
};

/* What `pass` with `fault: N` does wrong, to show that the checks can fail. */
enum rig_fault { RIG_LOSES = 1, RIG_REPEATS, RIG_HURRIES, RIG_LEAKS, RIG_MISCOUNTS, RIG_FAULTS };

extern const struct mr_op_table rig_ops;
/* Rows that reach a sink behind its watermark by less than this are in order; `late:` of nobody. */
#define RIG_STEP_US   INT64_C(1000)
#define RIG_JITTER_US INT64_C(20000)

uint64_t rig_hash(uint64_t x);
/* Row n of a source; false: it is malformed. */
bool rig_make_row(int64_t seed, int64_t bad, int64_t n, struct rig_row *row);
/* The text of an id, longer than what stands in a column when `heap`: buf of 64 bytes; its length.
 */
uint32_t rig_text(int64_t id, bool heap, char *buf);
bool rig_keeps(int64_t id, int64_t salt, int64_t mod);
bool rig_spoils(int64_t id, int64_t every);

#endif

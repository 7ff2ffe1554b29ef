/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_WORKER_INSTANCE_PRIVATE_H
#define MR_WORKER_INSTANCE_PRIVATE_H

/* The framework's side of operator instances: inputs, outputs, and the little state machine that
 * takes one item (a view, a frontier, a timer, the end) from arrival to release. Everything here
 * belongs to one worker, except what ring and stats share.
 *
 * An item:  START -> WORK -> (virtual timers between its rows: TICK -> START) -> REJECT -> TIME ->
 * ADVANCE
 *           -> FORWARD -> CLEAR -> idle
 *
 * Whatever calls the operator first asks for room for one view on each output. Without it the item
 * stops there and goes on at the worker's next step. While an instance is not idle it takes nothing
 * new; a view that comes on a direct edge meanwhile waits in
 * the edge's one slot, where it stays valid because its sender waits too (CLEAR). So nothing is
 * copied and nothing is unbounded. */

#include "base/bits.h"
#include "base/clock.h"
#include "data/keep.h"
#include "data/key.h"
#include "ring/ring.h"
#include "ring/wake.h"
#include "stats/stats.h"
#include "worker/ctx.h"
#include "worker/tap_private.h"

struct mr_worker;
struct mr_head;
struct mr_run;
struct mr_piece;

enum mr_item_kind {
  MR_ITEM_NONE,
  MR_ITEM_VIEW,
  MR_ITEM_FRONTIER,
  MR_ITEM_END,
  MR_ITEM_TICK,
  MR_ITEM_POLL,
  MR_ITEM_BARRIER
};

enum mr_phase {
  MR_PHASE_IDLE,
  MR_PHASE_START,    /* waits for room; timers that are due before the item */
  MR_PHASE_TICK,     /* draining after such a timer */
  MR_PHASE_WORK,     /* process, tick or finish was called: drains */
  MR_PHASE_SLICE,    /* the rows before a virtual timer are done */
  MR_PHASE_REJECT,   /* error rows of the view go out */
  MR_PHASE_TIME,     /* the frontier of the item is taken */
  MR_PHASE_ADVANCE,  /* advance was called: drains */
  MR_PHASE_SNAPSHOT, /* a barrier, or the end: the operator's snapshot is taken */
  MR_PHASE_FORWARD,  /* the frontier goes on */
  MR_PHASE_CLEAR     /* readers finish, then the view is released */
};

/* What an instance has been told about time on one partition, by one input. */
struct mr_front {
  int64_t us; /* MR_TIME_NONE: nothing yet */
  bool carried, idle;
};

/* A partition that a source's instance reads, or that a merger brings in order. */
struct mr_source_part {
  uint32_t partition;  /* of the graph */
  int64_t frontier_us; /* MR_TIME_NONE: nothing yet */
  int64_t vtime_us;    /* virtual clock: planned time of its last row */
  uint64_t last_row_ns;
  uint64_t rows, next, end; /* decoded; MR_OP_PARTS: as mr_source_position says */
  bool idle;
};

struct mr_in {              /* one input edge of an instance */
  struct mr_link *link;     /* NULL: direct */
  int32_t plan_link;        /* index of the plan's link, -1: direct */
  struct mr_instance *from; /* the sender */
  uint32_t from_output;
  uint32_t port;                  /* of the operator */
  const struct mr_view *pending;  /* direct: a view that waits, */
  struct mr_batch *pending_batch; /* and the batch that came with it, see struct mr_outp */
  bool ended;                     /* nothing more comes */
  bool end_pending;               /* direct: the end waits behind what is being done */
  bool barred;                    /* it has brought the barrier, others have not: not read */
  struct mr_front *fronts;        /* by partition of the graph */
  struct mr_col *cols;            /* link: the column table of the view being read */
  struct mr_view view;
  uint64_t queue[MR_LINK_BURST]; /* link: items taken and not yet looked at */
  uint32_t queue_head, queue_cnt;
  struct mr_link_stat *stat;
  struct mr_hist *wait; /* time on the link; NULL: not kept */
  uint64_t rows_taken, items_taken;
};

struct mr_edge { /* a direct reader */
  struct mr_instance *to;
  uint32_t input;
};

struct mr_send { /* a link that an output writes */
  struct mr_link *link;
  uint32_t plan_link;
  uint64_t ctl_off[MR_LINK_CONTROL]; /* messages for control items, region offsets */
  struct mr_front *want;             /* by partition: what the reader should know, */
  struct mr_front *told;             /* and what it knows */
  bool dirty;                        /* want differs from told somewhere */
  bool end_pending, ended;
  bool barrier_pending; /* a barrier goes as soon as there is a message, before all else */
  uint64_t barrier;     /* the last one that was sent */
  int64_t now_us;
  struct mr_instance *from;
  struct mr_outp *out;
  struct mr_batch *open;       /* copied rows that were not sent yet (gather.c); NULL: none */
  uint64_t open_ns, open_loop; /* when it was opened; the worker's step that added to it last */
  uint32_t open_at;            /* where it is among the worker's */
  struct mr_link_stat *stat;
  struct mr_wake *wake;                 /* of the reading worker */
  uint64_t rows_sent, items_sent, full; /* full: times that it became full */
  bool is_full;
};

struct mr_group { /* the links to the instances of one reading node */
  const struct mr_plan_node *to;
  uint32_t port; /* of the reader */
  uint32_t first, cnt;
  const struct mr_key_hasher *hasher; /* NULL: one instance, which gets all rows */
};

struct mr_copy_col { /* a column that readers behind links want */
  uint32_t idx;
  enum mr_phys phys;
  uint32_t sz; /* bytes of a value; 0: bits */
};

struct mr_outp { /* one output of an instance */
  struct mr_edge *edges;
  uint32_t edge_cnt;
  struct mr_send *sends;
  uint32_t send_cnt;
  struct mr_pool *pool;   /* own batches, NULL: none */
  struct mr_pool *shells; /* for views that cross links */
  struct mr_pool *copies; /* for rows that are copied for links; NULL: none are */
  struct mr_copy_col *copy_cols;
  uint32_t copy_cnt;
  struct mr_batch *held; /* own batch that was emitted and may still be read here */
  struct mr_col *cols;   /* column table of an emitted own batch */
  struct mr_view view;
  uint32_t col_cnt;
  struct mr_tap_port tap;  /* who looks at the rows from outside */
  struct mr_group *groups; /* the sends in runs, one per reading node */
  uint32_t group_cnt;
  uint64_t *hashes; /* exchange, scratch: of MR_BATCH_ROWS rows, */
  uint16_t *shares; /* and the rows of each instance, MR_BATCH_ROWS each */
  /* One reader, no exchange: an own batch is handed over with its reference. */
  bool lone;
  /* And no other output but errors is read: so is the input's batch, when what is emitted is the
   * last that is made of it. */
  bool whole;
};

/* Lines that are fed to a source from outside (replay.h). The worker owns them while they are
 * TAKEN.
 */
enum mr_replay_state { MR_REPLAY_NONE, MR_REPLAY_OFFERED, MR_REPLAY_TAKEN, MR_REPLAY_DONE };
struct mr_replay_slot {
  _Atomic uint32_t state;
  _Atomic uint32_t over; /* the source has ended: nothing is taken any more */
  bool used;             /* somebody feeds lines; under the run's lock */
  struct mr_replay_lines lines;
};

struct mr_need {        /* room that one item may use: */
  struct mr_send *send; /* one view on a link, or, when NULL, */
  struct mr_pool *pool; /* cnt batches */
  uint32_t cnt;
  uint32_t look; /* batches have come home, perhaps: look when only so many are free */
};

struct mr_instance {
  struct mr_op_ctx ctx;
  const struct mr_op *op;
  struct mr_worker *worker;
  struct mr_run *run;
  const struct mr_plan_node *node;
  uint32_t idx; /* among the plan's instances */

  enum mr_phase phase;
  enum mr_item_kind item;
  uint32_t item_in;
  const struct mr_view *view;
  struct mr_batch *view_batch; /* came with its reference: to be released or handed on */
  uint32_t partition;          /* of the item */
  int64_t frontier_us;         /* of the item */
  bool item_idle;              /* the partition became idle */
  int64_t item_now_us;
  int64_t tick_at_us;
  struct mr_view slice; /* virtual timers: rows of the view up to the next timer */
  uint64_t slice_sel[MR_BATCH_WORDS];
  uint32_t slice_row; /* rows before it are done */

  struct mr_in *ins;
  uint32_t in_cnt, in_ended;
  struct mr_keep *keep;         /* full: drop_oldest: all rows go through it; NULL: none */
  bool kept;                    /* the item comes out of it: its rows are counted */
  struct mr_front *fronts_wait; /* by input and partition: what was said behind rows that wait; */
  bool front_waits;             /* some, */
  uint32_t front_partition;     /* the last of this partition, at this time */
  int64_t front_now_us;
  struct mr_outp *outs;
  uint32_t out_cnt;
  uint32_t held_cnt; /* outputs that hold an emitted batch */
  uint32_t pending_cnt;
  /* View of the input for a whole output: goes out when the operator has returned, for then it is
   * known whether it was the last one. */
  const struct mr_view *deferred;
  struct mr_outp *deferred_out;
  struct mr_need *needs; /* for one view on each output */
  uint32_t need_cnt;

  /* time */
  int64_t *parts_us; /* by partition: minimum over the inputs that carry it */
  bool *parts_idle, *parts_carried;
  bool quiet;           /* nothing is known of time: all its partitions are idle */
  int64_t watermark_us; /* combined, minus delay; MR_TIME_NONE */
  int64_t next_tick_us; /* MR_TIME_NONE: not set */
  uint16_t last_source; /* of derived rows: where the last view came from */
  /* sources and derived rows */
  struct mr_source_part *parts; /* at least one, of which part_cnt count */
  uint32_t part_cnt;
  struct mr_source_part *part;    /* whose rows come, or came last */
  int64_t vtime_us;               /* last planned time under the virtual clock */
  bool source_done, source_ended; /* done: it said END */
  bool source_flushed;            /* its partitions have reached the end of time */
  struct mr_replay_slot replay;
  uint64_t rows_left, rows_taken; /* --count: this poll may take; taken so far */

  /* error rows */
  const uint64_t *reject_rows;
  mr_cause_fn reject_cause;
  uint64_t reject_left[MR_BATCH_WORDS];
  struct mr_batch *error_batch; /* source rejects: open */
  char *row_text;               /* scratch for a row's JSON text; NULL: no error rows */
  uint64_t progress_done, progress_total;

  /* turns: a source's instances and the merger that puts them in order */
  struct mr_instance *front; /* sources: keeps the partition's time: itself, or the merger */
  const struct mr_plan_node *source; /* of front: whose time it is */
  struct mr_merge *merge;            /* of the merger; NULL: it is none */
  uint64_t turn, turn_lines;
  uint32_t turn_flags;
  bool in_turn, draining; /* draining: it has seen the drain before its end */

  bool ended, failed;

  /* checkpoints (checkpoint_private.h) */
  struct mr_piece *piece;          /* NULL: the graph takes none */
  uint64_t barrier, barrier_next;  /* the last one it has passed; the one that is coming */
  uint64_t published;              /* the last one that its operator knows to be durable */
  uint32_t barred_cnt, parked_cnt; /* inputs that brought it; things that wait on those */
  bool barrier_due;                /* it has come on all inputs */
  bool last_taken;                 /* the snapshot behind the end is under way, or done */

  /* stats */
  uint64_t errors_said, errors_said_ns; /* error rows reported to the log, and when */
  struct mr_node_stat *stat;
  struct mr_hist **path_hist; /* sinks: by source node */
  struct mr_hist *service;
  uint64_t busy_ns, blocked_ns;
  uint64_t mark_ns; /* of the item being timed */
  uint64_t cycle_max_ns, cycle_over;
};

/* ---- step.c ---- */
/* Goes on with the item; true when the instance is idle. */
bool mr_instance_run(struct mr_instance *inst);
/* Hands an item over; the instance is idle. */
void mr_instance_give_view(struct mr_instance *inst, uint32_t in, const struct mr_view *view,
                           struct mr_batch *release);
void mr_instance_give_frontier(struct mr_instance *inst, uint32_t in, uint32_t partition,
                               int64_t frontier_us, bool idle, int64_t now_us);
void mr_instance_give_end(struct mr_instance *inst, uint32_t in);
void mr_instance_give_tick(struct mr_instance *inst, int64_t at_us);
/* Takes a view of a sink that keeps rows: at once, whatever the sink is doing. */
void mr_instance_keep(struct mr_instance *inst, uint32_t in, const struct mr_view *view);
/* At the end of a run: rows that a sink still keeps are dropped. */
void mr_instance_drop_kept(struct mr_instance *inst);
/* True when nothing new may be given to the instance now. */
static inline bool mr_instance_busy(const struct mr_instance *inst) {
  return !inst->keep && (inst->phase != MR_PHASE_IDLE || inst->pending_cnt > 0);
}
/* Asks a source; the instance is idle and has room. */
enum mr_poll mr_instance_poll(struct mr_instance *inst);
/* True when the direct readers of all outputs are idle; then held batches are released. */
bool mr_instance_clear(struct mr_instance *inst);
/* Whether the readers of frontiers alone are told so: nothing but its own watermark follows. */
bool mr_instance_only_notes_time(const struct mr_instance *inst);
/* Tells such an instance, which is idle, about time. */
void mr_instance_note_frontier(struct mr_instance *inst, uint32_t in, uint32_t partition,
                               int64_t frontier_us, bool idle);
/* True when one view can be emitted on each output: direct readers are idle, links and pools have
 * room. */
bool mr_instance_ready(struct mr_instance *inst);
/* Whether lines were handed to the source from outside; then they are taken before its own input.
 */
bool mr_instance_replays(struct mr_instance *inst);
void mr_instance_replay(struct mr_instance *inst);
/* A partition of the source is silent: readers leave it out of the minimum. The instance is idle.
 */
void mr_instance_idle_source(struct mr_instance *inst, struct mr_source_part *part);
/* Ends a source: what is said of its partitions, then the end goes on. */
enum mr_source_end {
  MR_SOURCE_FLUSH, /* all is read: the end of time, which closes windows */
  MR_SOURCE_HOLD,  /* all is read: others need not wait for it any more */
  MR_SOURCE_STOP   /* a drain: nothing, so that no window closes early */
};
void mr_instance_end_source(struct mr_instance *inst, enum mr_source_end how);

/* ---- emit.c ---- */
/* Tells an output's readers about time. False when a direct reader is at work: call again later; a
 * link without a free control slot is told by the worker's next steps. */
bool mr_out_frontier(struct mr_instance *inst, struct mr_outp *out, uint32_t partition,
                     int64_t frontier_us, bool idle, int64_t now_us);
/* Sends wanted control items of the link as far as there are slots. True when none is left. */
bool mr_send_flush(struct mr_instance *inst, struct mr_send *send);
void mr_out_end(struct mr_instance *inst, struct mr_outp *out);
/* After each call of an operator: sends its deferred view. */
void mr_emit_deferred(struct mr_instance *inst);
/* Puts a batch whose head holds the view on the link; its reference goes along. */
void mr_send_batch(struct mr_instance *inst, struct mr_send *send, struct mr_batch *batch);
/* Drops one reference and, if it was the last, sends the batch and its bases home. */
void mr_batch_release(struct mr_worker *worker, struct mr_batch *batch);

/* ---- source.c ---- */
/* Sets what a batch says about order: frontiers, what may be late, virtual time. front keeps the
 * partition's time. vtime: planned times of the rows, NULL: the largest event time. */
void mr_source_order(struct mr_instance *front, struct mr_batch *batch, enum mr_et known,
                     const int64_t *vtime);

/* ---- merge.c ---- */
/* At build: links the instances of a source to the merger that reads them. */
void mr_merge_init(struct mr_run *run, struct mr_instance *merger);
/* Takes what is there in the order of turns, as far as there is room. */
void mr_merge_take(struct mr_worker *worker, struct mr_head *merger);
/* The merger's process. */
void mr_merge_pass(struct mr_instance *merger, const struct mr_view *view);
/* The partition's frontier behind the merger; *idle: nobody sends. */
int64_t mr_merge_frontier(const struct mr_instance *merger, bool *idle);
/* A drain: no turn is begun any more but those before one that was. */
void mr_merge_close(struct mr_instance *merger);
/* Puts the turn on a batch of a source's instance. */
void mr_merge_stamp(struct mr_instance *source, struct mr_batch *batch);

/* ---- gather.c ---- */
/* Copies cnt rows of a view (NULL: those it selects) into the open batch of the link. False: they
 * are to go as a view, and what was open has been sent. The link has room for one item, and one
 * more when a batch is open; the pool of copies has a batch per link. */
bool mr_gather(struct mr_send *send, const struct mr_view *view, const uint16_t *rows,
               uint32_t cnt);
/* Sends the open batch, if any. The link has room. */
void mr_gather_flush(struct mr_send *send);
/* True when the open batch tells the reader what is known of time, now or as it was changed. */
bool mr_gather_tells(struct mr_send *send, uint32_t partition, int64_t frontier_us, bool idle);

/* ---- reject.c ---- */
/* Emits the open error batch of a source within its poll, whose room is known. */
void mr_instance_reject_emit(struct mr_instance *inst);
/* Makes dead letters of reported rows; true when all are out. */
bool mr_instance_reject(struct mr_instance *inst);
/* Emits the open error batch of a source, if any. True when nothing is left open. */
bool mr_instance_reject_flush(struct mr_instance *inst);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_GRAPH_OP_H
#define MR_GRAPH_OP_H

/* What an operator is: one const table in one file, and what it is asked while a graph is planned.
 * The registry is a table of tables that the host hands to the planner; the runtime names no
 * operator.
 *
 * Life of an operator's node:
 *   options read by its table -> plan (types, once per node) -> need (pruning) -> init (once per
 * instance, memory)
 *   -> process / drain / advance / tick / finish (hot, in a worker) -> fini
 *
 * Rules of the hot half (struct mr_op_ctx is in worker/ctx.h):
 *   - process takes one view and cannot fail. It emits at most one view on each output. When there
 * is more to emit, it sets ctx->more, and drain is called, each time with room for one view on each
 * output, until ctx->more is false. The input view stays valid until then. The same holds for
 * advance, tick and finish.
 *   - advance says that the node's watermark rose; rows that it makes come out before the watermark
 * goes on.
 *   - No allocation, lock, log or system call; sources and sinks: at most one non-blocking call. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/api.h"
#include "base/arena.h"
#include "base/error.h"
#include "data/type.h"
#include "data/view.h"

MR_API_BEGIN

struct mr_op_ctx;
struct mr_op_expand;
struct mr_replay_lines;
struct mr_save; /* state/save.h */
struct mr_load;
struct mr_opt;
struct mr_diags;
struct mr_tree; /* tree.h: a value of the graph file */
struct mr_plan;
struct mr_plan_node;

#define MR_OP_ABI 1u

enum mr_op_kind { MR_OP_SOURCE, MR_OP_STEP, MR_OP_SINK };

#define MR_OUT_MAIN   0u
#define MR_OUT_ERRORS 1u  /* NODE.errors: made by the framework from what an operator reports */
#define MR_OUT_EXTRA  2u  /* the operator's own, in the order of mr_op.outputs: NODE.late, ... */
#define MR_OUTS_MAX   64u /* a pointer or two in tables; instances have only what they use */

enum mr_poll {
  MR_POLL_ROWS, /* emitted, or worked: ask again at once */
  MR_POLL_IDLE, /* nothing now; ctx->wake_ns may say when to ask again */
  MR_POLL_END   /* nothing will come any more */
};

enum mr_op_flags {
  MR_OP_KEYED = 1,     /* rows of one key must meet in one instance: `workers: N` by key groups */
  MR_OP_TIMED = 2,     /* reads event time: it has a delay and a watermark */
  MR_OP_DERIVES = 4,   /* its output rows are a partition of their own (window, group, join) */
  MR_OP_ABSORBS = 8,   /* keeps rows: absorbed in place of rows_out in the accounts */
  MR_OP_INTERNAL = 16, /* no type for graph files: made by the planner or by tests */
  MR_OP_TURNS = 32,    /* a source whose instances take turns, so that `workers: N` keeps the order
                          of its one partition (worker/ctx.h) */
  MR_OP_PARTS = 64,    /* a source of several partitions, which plan() counts: `workers: N` spreads
                          them, partition p is read by instance p mod N */
  MR_OP_STAMPED = 128, /* a source whose rows carry their ingest_time(): on the wall clock it fills
                          MR_HAS_NOW where its pool has it */
  MR_OP_PASSES = 256,  /* its rows are rows of its input as they came, on all its outputs */
  MR_OP_NO_MAIN = 512, /* all its rows go to outputs of its own: NODE alone is none to read */
};

/* A declared event of the graph file: `events:` or `fields:` inline. */
struct mr_event_field {
  struct mr_field field;   /* name, type, codes, optional */
  const char *const *from; /* names in the input, the first present wins; NULL: its own */
  uint32_t from_cnt;
  /* timestamp: "rfc3339", "unix_s", "unix_ms", "unix_us", or a pattern, tried in order; 0 of them:
   * rfc3339 */
  const char *const *formats;
  uint32_t format_cnt;
  const char *default_text; /* constant that replaces a missing value, NULL: none */
  bool other_keep;          /* one_of with other: keep: plain string, values outside allowed */
};
struct mr_event {
  const char *name;   /* "any" for the untyped one */
  const char *format; /* "json", "csv", or NULL: not said here */
  struct mr_event_field *fields;
  uint32_t field_cnt;
  int32_t event_time;     /* index of the field, -1: none */
  bool missing_time_keep; /* rows without event time pass and enter no window */
  bool any;               /* fields came from expressions; the line itself is hidden column "raw" */
  bool check_declared;    /* check: declared */
  uint32_t line, col;     /* where it is declared in the graph file */
};

/* One output of a node, as plan() declares it. */
struct mr_op_out {
  const struct mr_schema *schema;
  bool own_batches; /* it fills batches of its own; false: views of its input only */
  bool *own;       /* per column of schema: memory of its own. NULL with own_batches: all columns */
  uint32_t hidden; /* MR_HAS_* arrays that it fills itself (sources, by the planner's need flags) */
  bool heap;       /* its own columns put strings or lists on the heap */
  uint32_t value_max; /* largest string or list, bytes; 0: 1 MiB */
  uint32_t open_cnt;  /* batches it keeps open or fills at a time besides the one that is sent;
                         usually 0 */
};

/* One of the inputs that an operator names (mr_op.ports), each with columns of its own. */
#define MR_PORTS_MAX 2u
struct mr_op_port {
  const char *name; /* what comes in by it: a node, node.output; NULL: several of them */
  const struct mr_schema *in;
  const uint32_t *key_cols; /* set by plan(), MR_OP_KEYED: key_cnt columns of this input */
};

/* What plan() and need() work on. Memory is the plan's arena. */
struct mr_op_plan {
  struct mr_arena *arena;
  struct mr_diags *diags;          /* where to say what is wrong (diag.h) */
  const struct mr_plan *plan;      /* graph-wide facts: data_dir, clock, at_end, seed */
  const struct mr_plan_node *node; /* name, position in the file */
  struct mr_tree *tree;            /* the node's own subtree of the graph file */
  const void *conf;                /* options, read by the table */
  const struct mr_event *event;    /* sources: what they decode */
  const struct mr_schema *in;      /* steps and sinks: columns of the input, of the first port */
  struct mr_op_port ports[MR_PORTS_MAX]; /* with mr_op.ports: by index of them */
  bool in_derived;         /* the input is a node's derived rows: delay defaults to 0 */
  int64_t source_delay_us; /* watermark.delay of the sources upstream (largest) */

  /* set by plan() */
  void *data; /* compiled expressions and the like, shared by all instances, read-only */
  struct mr_op_out outs[MR_OUTS_MAX]; /* MAIN and EXTRA ones; ERRORS is the planner's */
  const uint32_t *key_cols;           /* MR_OP_KEYED: columns of the input; with ports of theirs */
  uint32_t key_cnt;
  bool can_fail;           /* may report rows to NODE.errors */
  bool rejects_input;      /* rows of its input, for what is in them: their dead letters need all
                              columns */
  bool uses_now, uses_pos; /* reads ingest_time()/now(); record_offset() */
  bool uses_time;          /* sources: reads event times, whoever needs them downstream; timed
                              steps: wants row_frontier where a row is just at its watermark */
  uint32_t partition_cnt;  /* MR_OP_PARTS: partitions of the source, at least 1 */
  int64_t delay_us;        /* MR_OP_TIMED: its delay */
  int64_t hold_us; /* MR_OP_DERIVES: rows come out up to this much behind its watermark, so readers
                      are told one that is as much lower */
  int64_t allowed_lateness_us;
  int64_t every_us;   /* timer interval, 0: none. Ticks at multiples since the epoch */
  uint64_t state_max; /* bytes of lazy region memory per instance, 0: none */
  bool late_read;     /* given: something reads NODE.late */
};

struct mr_op {
  const char *name; /* `type:` in the graph file */
  const char *help; /* one line */
  uint32_t abi;     /* MR_OP_ABI */
  enum mr_op_kind kind;
  uint32_t flags;            /* enum mr_op_flags */
  const struct mr_opt *opts; /* option table, without the common options */
  size_t conf_sz;            /* bytes of the options struct */
  /* Options that name its inputs in place of `from`, NULL-terminated, MR_PORTS_MAX at most: the
   * operator's table has them as required MR_OPT_RAW. NULL: `from`, of inputs with equal columns */
  const char *const *ports;
  const char *const *outputs; /* names of extra outputs ("late"), NULL-terminated; NULL: none */
  /* Outputs that the graph file names, which stand behind those of `outputs`: NULL-terminated, in
   * the arena, MR_OUTS_MAX at most with all others. Asked once the options are read. NULL: none */
  const char *const *(*named_outputs)(const void *conf, struct mr_arena *arena);
  size_t self_sz;   /* bytes of an instance's own struct, zeroed at init */
  size_t shared_sz; /* bytes that the instances of a node share in a run, zeroed: ctx->shared */

  /* A step that stands for others makes them, in place of all that follows (expand.h). Reports to
   * diags and returns MR_ERR_CONF. NULL for all others. */
  int (*expand)(struct mr_op_expand *x);

  /* Types: reads conf and in, sets the fields below "set by plan()". Reports to diags and returns
   * MR_ERR_CONF. NULL: nothing to type; a step passes its input on, as views. */
  int (*plan)(struct mr_op_plan *p);
  /* Pruning: given which columns of each output are read downstream (NULL for an output that nobody
   * reads), sets those of the input that this node needs in in_need (false on entry). NULL: it
   * needs all columns of its input. With ports, in_need has the columns of one behind those of
   * the other. */
  void (*need)(const struct mr_op_plan *p, const bool *const out_need[MR_OUTS_MAX], bool *in_need);

  /* One instance: memory from ctx->region and ctx->arena, files opened. */
  int (*init)(struct mr_op_ctx *ctx, struct mr_error *err);
  /* Sources. Sinks: called in every step in which the instance is idle and ctx->polls is set, so
   * that what is on its way goes on though no rows come; it emits nothing, and what it returns does
   * not matter. */
  enum mr_poll (*poll)(struct mr_op_ctx *ctx);
  void (*process)(struct mr_op_ctx *ctx, const struct mr_view *in); /* steps and sinks */
  void (*drain)(struct mr_op_ctx *ctx);                             /* while ctx->more */
  void (*advance)(struct mr_op_ctx *ctx,
                  int64_t watermark_us);              /* MR_OP_TIMED; MR_TIME_MAX: the end */
  void (*tick)(struct mr_op_ctx *ctx, int64_t at_us); /* every_us passed, on the graph's clock */
  void (*finish)(struct mr_op_ctx *ctx); /* the input has ended, all of it is processed */
  /* Checkpoints (state/save.h); NULL where an operator has nothing to remember.
   *
   * shape: the facts on which the meaning of the state hangs, as lines "fact: value\n" in the
   * plan's arena. A node goes on with its old state when its type and its shape are the same. "":
   * it has state, of which nothing hangs on options; NULL: it has none. */
  const char *(*shape)(const struct mr_op_plan *p);
  /* In the worker, between two items, when the barrier has come on all inputs: all rows before it
   * are processed, none behind it. Writes what is small, and freezes what is large for encode.
   * Where ctx->more is set (a sink whose rows are not on the disk yet) it is called again, with
   * `to` empty, until it is not. Also called once behind the end. */
  void (*snapshot)(struct mr_op_ctx *ctx, struct mr_save *to);
  /* In another thread, behind snapshot: writes on from what was frozen (mr_save_frozen). Looks at
   * nothing of the instance that rows change. Not called when nothing was frozen. */
  void (*encode)(const struct mr_op_ctx *ctx, const void *frozen, struct mr_save *to);
  /* Behind init (which saw ctx->restoring): the state is as it was at the snapshot. */
  int (*restore)(struct mr_op_ctx *ctx, struct mr_load *from, struct mr_error *err);
  /* In the worker, between two items: the checkpoint of that number is durable. */
  void (*published)(struct mr_op_ctx *ctx, uint64_t checkpoint);
  void (*fini)(struct mr_op_ctx *ctx); /* closes what init opened; also after a failed init */
  /* Sources that decode lines, else NULL: takes lines in place of its own input, with the decoder
   * as it stands, and emits one batch at most. True: all are taken (or refused). */
  bool (*replay)(struct mr_op_ctx *ctx, struct mr_replay_lines *lines);
};

struct mr_op_table {
  const struct mr_op *const *ops; /* NULL-terminated */
};

/* The operator of that name and kind, or NULL. */
const struct mr_op *mr_op_find(const struct mr_op_table *table, enum mr_op_kind kind,
                               const char *name);
/* The graph file's event declaration of the rows on NODE.errors: node, code, cause, source,
 * position, line, time, raw, raw_base64, raw_bytes, row. */
const struct mr_schema *mr_error_schema(struct mr_arena *arena);

MR_API_END

#endif

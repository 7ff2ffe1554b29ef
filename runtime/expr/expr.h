/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_EXPR_EXPR_H
#define MR_EXPR_EXPR_H

/* SQL scalar expressions over columns: text -> tree (mr_ast) -> typed program (mr_expr) -> vectors.
 *
 *   at load   mr_expr_parse      the grammar of PostgreSQL, then a tree of our own with byte spans
 *             mr_ast_columns     columns that it names and what type their use asks for
 *             mr_ast_aggregates  takes aggregate calls out of it (window, group)
 *             mr_expr_compile    types it over a schema, folds constants, gives a program
 *   layout    mr_expr_frame_init registers and constants of all programs of one operator instance
 *   running   mr_expr_eval, mr_expr_where: one call per node of the program and batch, dense over
 * all rows of the view; then masked. No allocation, no lock, no branch per row in comparisons.
 *
 * Values. NULL follows SQL: a function of NULL is NULL unless said otherwise. An error value
 * (overflow, division by zero, bad cast) spreads through every function except where the answer
 * does not depend on it: `false AND error`, `true OR error`, branches of CASE that are not reached,
 * arguments of COALESCE behind the first one that is not NULL. An error in a row that is not
 * selected does not exist.
 *
 * Rules that the language leaves open: int64 beside double is compared and computed as double
 * (integers beyond 2^53 are rounded); NaN equals NaN and is greater than all other doubles, -0 = 0;
 * strings compare by bytes; `second(x)` is int64, `extract(second from x)` a double; floor and ceil
 * give int64; greatest and least leave NULLs out; round is half away from zero; all integer type
 * names mean int64.
 *
 * Parse, inspect and compile are control plane: one arena, one thread at a time. A struct mr_expr
 * is immutable afterwards; any number of frames, each used by one thread, may run it. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/api.h"
#include "base/arena.h"
#include "base/cpu.h"
#include "base/error.h"
#include "data/batch.h"
#include "data/type.h"
#include "data/view.h"
#include "expr/codes.h"
#include "shm/region.h"

MR_API_BEGIN

#define MR_EXPR_DEPTH_MAX  400u                 /* nesting of the tree */
#define MR_EXPR_SCRATCH_SZ (UINT64_C(64) << 20) /* bytes of new strings per frame and batch */
#define MR_EXPR_CAUSE_SZ   256u

struct mr_ast;
struct mr_expr_prog;
struct mr_expr_slot;
struct mr_expr_kernels;

/* ---- diagnostics ---- */

/* One thing that is wrong, or (warning) odd. Offsets and lengths are bytes of the expression's
 * text. */
struct mr_expr_error {
  int code; /* 2007 for MR2007: see codes.h */
  bool warning;
  uint32_t off, len;
  const char *text;  /* "cannot compare string with int64" */
  const char *label; /* behind the carets: "did you mean "severity"?"; or NULL */
  uint32_t note_off, note_len;
  const char
      *note; /* at a second place: "severity is string (events.city_event, line 17)"; or NULL */
  const char *hint; /* behind "try: ", or NULL */
  struct mr_expr_error *next;
};

struct mr_expr_errors {
  struct mr_arena *arena;             /* of the texts */
  struct mr_expr_error *first, *last; /* in order of discovery */
  uint32_t cnt;                       /* errors */
  uint32_t warning_cnt;
};

/* An empty list. Equivalent to { .arena = arena }. */
void mr_expr_errors_init(struct mr_expr_errors *errors, struct mr_arena *arena);

/* ---- text to tree ---- */

/* Parses len bytes: exactly one scalar expression. Returns NULL and adds at least one error when it
 * is not one. Any bytes are allowed; limits are MR_EXPR_TEXT_MAX, MR_EXPR_TOKENS_MAX,
 * MR_EXPR_DEPTH_MAX. The tree keeps a copy of the text; all of it lives in arena. */
struct mr_ast *mr_expr_parse(struct mr_arena *arena, const char *text, size_t len,
                             struct mr_expr_errors *errors);

/* The name if the whole expression is a bare column, else NULL. */
const char *mr_ast_column(const struct mr_ast *ast);

/* Calls fn for each place where a column is named, left to right, whether it exists or not. `use`
 * is the type that the place asks for: MR_TYPE_DOUBLE any number, MR_TYPE_STRING text,
 * MR_TYPE_TIMESTAMP, MR_TYPE_DURATION, MR_TYPE_BOOL, MR_TYPE_LIST, or MR_TYPE_NONE (any type will
 * do). `want` is what the whole expression is used as (MR_TYPE_BOOL for a condition), or
 * MR_TYPE_NONE. */
typedef void (*mr_ast_column_fn)(void *ctx, const char *name, uint32_t off, uint32_t len,
                                 enum mr_type use);
void mr_ast_columns(const struct mr_ast *ast, enum mr_type want, mr_ast_column_fn fn, void *ctx);

/* ---- structs ---- */

struct mr_ast_member {
  const char *name;
  struct mr_ast *ast;
};

/* The members of a tree that is named_struct('name', value, ...), whose trees are parts of it; 0:
 * it is something else, or errors were added (names that are no names or stand twice, a struct
 * inside a struct). */
uint32_t mr_ast_members(struct mr_arena *arena, const struct mr_ast *ast,
                        struct mr_ast_member **members, struct mr_expr_errors *errors);

/* ---- aggregates ---- */

enum mr_agg_func {
  MR_AGG_COUNT,
  MR_AGG_SUM,
  MR_AGG_AVG,
  MR_AGG_MIN,
  MR_AGG_MAX,
  MR_AGG_FIRST,
  MR_AGG_LAST,
  MR_AGG_COLLECT_LIST,
  MR_AGG_COLLECT_SET,
  MR_AGG_APPROX_COUNT_DISTINCT,
  MR_AGG_STDDEV, /* of a sample: over n - 1 */
  MR_AGG_STDDEV_POP,
  MR_AGG_VARIANCE,
  MR_AGG_VAR_POP,
  MR_AGG_PERCENTILE,        /* between the two values next to the rank */
  MR_AGG_PERCENTILE_DISC,   /* one of the values */
  MR_AGG_PERCENTILE_APPROX, /* from a sketch */
  MR_AGG_APPROX_TOP_K,      /* the most frequent values; exact */
  MR_AGG_MODE,
  MR_AGG_HDR, /* a struct of count, min, mean, percentiles and max: never a call of its own */
  MR_AGG_CNT
};

#define MR_AGG_PS_MAX    16u
#define MR_AGG_TOP_K_MAX 100

struct mr_agg_call {
  enum mr_agg_func func;
  bool distinct;            /* count(DISTINCT x) */
  struct mr_ast *arg;       /* NULL: count(*) */
  struct mr_ast *filter;    /* FILTER (WHERE ...), or NULL */
  double ps[MR_AGG_PS_MAX]; /* percentiles: shares of the rows, 0..1, p_cnt of them */
  uint32_t p_cnt;
  bool p_list;       /* they were a list: so is the result */
  int64_t k;         /* approx_top_k */
  int64_t accuracy;  /* percentile_approx; 0: not given */
  uint32_t off, len; /* of the call, in the text of its expression */
  char name[8];      /* "$0": the column that stands for it in the outer expression */
};

struct mr_agg_list { /* zeroed: empty */
  struct mr_agg_call *calls;
  uint32_t cnt, cap;
};

/* Appends ast's aggregate calls to *list and puts the columns "$i" in their places, in the tree
 * itself; i goes on over all expressions of one list. The same call twice in one list is one entry.
 * Returns false and adds errors for an aggregate inside an aggregate or its filter, a wrong number
 * of arguments, DISTINCT or FILTER where they mean nothing. */
bool mr_ast_aggregates(struct mr_arena *arena, struct mr_ast *ast, struct mr_agg_list *list,
                       struct mr_expr_errors *errors);

/* The result of func over arg (NULL for count(*)) into *out (name NULL). min, max, first, last and
 * collect_* keep the argument's codes. false and an error at the call when the type does not fit.
 */
bool mr_expr_agg_type(const struct mr_agg_call *call, const struct mr_field *arg,
                      struct mr_field *out, struct mr_expr_errors *errors);

/* Whether two calls see the same values: equal arguments, filters and DISTINCT. */
bool mr_agg_same_input(const struct mr_agg_call *a, const struct mr_agg_call *b);

/* "collect_list". */
const char *mr_agg_name(enum mr_agg_func func);

/* ---- the functions ---- */

/* One function, for help and docs. Texts are constants, or the arena's. */
struct mr_expr_function {
  const char *group;     /* "Text" */
  const char *name;      /* "length"; empty for a form of the grammar */
  const char *aliases;   /* its other names, blanks between; may be empty */
  const char *signature; /* "left(text: string, n: int64) -> string" */
  const char *help;
  const char *example; /* an expression, */
  const char *gives;   /* and its value as text; NULL: it depends on the row */
  const char *note;    /* or NULL */
};
/* Function number i, by group; false: there are no more. Aggregates are not among them. */
bool mr_expr_function_at(struct mr_arena *arena, uint32_t i, struct mr_expr_function *out);

/* ---- tree to program ---- */

#define MR_EXPR_NO_RECORD                                                                          \
  1u /* rows here have no record: record_offset() and record_key() are errors */

struct mr_expr_scope {
  const struct mr_schema *schema;
  const char *name;           /* of what has these columns, for texts: "events.city_event" */
  const char *const *origins; /* per column where it was declared ("events.city_event, line 17") or
                                 NULL; or NULL */
  const struct mr_schema
      *input;        /* the outer expression of aggregates: the schema of the rows that are
                        aggregated, so that an error can say "neither a key nor ..."; or NULL */
  enum mr_type want; /* MR_TYPE_BOOL for a condition; MR_TYPE_NONE: any */
  uint32_t flags;    /* MR_EXPR_NO_* */
};

struct mr_expr {
  struct mr_field field; /* the result; name is NULL, optional: rows may be NULL. A bare NULL has
                            MR_TYPE_NONE (evaluates like a string) */
  int32_t column;        /* a bare column: which; else -1 */
  bool constant;         /* the same value in every row */
  bool can_fail;         /* rows may be error values, */
  bool fails_on_values;  /* for what is in them: not only because texts of a batch are too large */
  bool uses_now;         /* now() */
  bool uses_pos;         /* record_offset(): the hidden column pos */
  bool uses_ingest;      /* ingest_time() */
  const bool *reads;     /* by column of the schema: is its data or validity read? */
  const char *text;      /* the source, NUL-terminated */
  uint32_t text_len;
  struct mr_expr_prog *prog;
};

/* Types and compiles. NULL when errors were added; warnings do not stop it. The scope is not kept,
 * its schema must live as long as the program. The same tree may be compiled several times. */
struct mr_expr *mr_expr_compile(struct mr_arena *arena, const struct mr_ast *ast,
                                const struct mr_expr_scope *scope, struct mr_expr_errors *errors);

/* Parse and compile in one. */
struct mr_expr *mr_expr_make(struct mr_arena *arena, const char *text, size_t len,
                             const struct mr_expr_scope *scope, struct mr_expr_errors *errors);

/* The value of a constant expression that is neither NULL nor a list, for `default:` and the like:
 * false otherwise. int64, timestamp, duration and bool in *i, double in *d, string in *s with
 * *s_len. */
bool mr_expr_const(const struct mr_expr *e, int64_t *i, double *d, const char **s, uint32_t *s_len);

/* ---- running ---- */

/* Registers of the programs of one operator instance. Fields are the room's own except now_us
 * and now_alone. */
struct mr_expr_frame {
  int64_t now_us; /* now(): the caller sets it before each batch; a view's row_now goes first, */
  bool now_alone; /* but not with this: on the wall clock row_now is ingest_time() alone */
  struct mr_region *region;
  const struct mr_expr_kernels *kernels;
  struct mr_expr_slot *slots; /* one per program */
  uint32_t slot_cnt;
  uint64_t scratch_off, scratch_sz, scratch_used; /* of the region; used bytes since the reset */
};

/* Bytes of hot region memory that the frame takes, scratch apart (for `mem`). */
uint64_t mr_expr_frame_footprint(const struct mr_expr *const *exprs, uint32_t cnt);

/* Lays out registers and constants of cnt programs (a program may be given once). Scratch of
 * MR_EXPR_SCRATCH_SZ lazy bytes is reserved only when some program makes strings. isa must be
 * supported by the machine. label lives as long as the region. MR_ERR_NOMEM when the region is
 * full. */
int mr_expr_frame_init(struct mr_expr_frame *frame, struct mr_arena *arena,
                       struct mr_region *region, const struct mr_expr *const *exprs, uint32_t cnt,
                       enum mr_isa isa, const char *label, struct mr_error *err);

/* Forgets the strings of the last batch; once per batch, before its first eval. */
static inline void mr_expr_frame_reset(struct mr_expr_frame *frame) {
  frame->scratch_used = 0;
}

/* Where strings and lists that were made lie until the next reset, as region offsets. */
static inline struct mr_range mr_expr_frame_range(const struct mr_expr_frame *frame) {
  return (struct mr_range){frame->scratch_off, frame->scratch_off + frame->scratch_sz};
}

/* A result over all row_cnt rows of the view. Bits beyond row_cnt are zero; the value of a row that
 * is NULL or an error is zero bytes; what an unselected row holds is defined (can be read), no
 * more. */
struct mr_vec {
  const void *data;      /* by mr_field_phys(&e->field) */
  const uint64_t *valid; /* MR_BATCH_WORDS words; NULL: no row is NULL */
  const uint64_t *err;   /* error values among the selected rows; NULL: none */
};

/* Evaluates e, one of the frame's programs, over a view of its schema. *out points into the view (a
 * bare column), or into the frame: valid until e is evaluated again, its strings until the next
 * reset. Returns the number of selected rows that are errors. */
uint32_t mr_expr_eval(const struct mr_expr *e, struct mr_expr_frame *frame,
                      const struct mr_view *view, struct mr_vec *out);

struct mr_expr_counts {
  uint32_t pass, err; /* selected rows for which it is true; that are errors */
};

/* Evaluates a bool e and splits the selected rows: sel_out true, err_out errors; the others are
 * false or NULL. Both have (row_cnt + 63) / 64 words written, bits beyond row_cnt zero. */
struct mr_expr_counts mr_expr_where(const struct mr_expr *e, struct mr_expr_frame *frame,
                                    const struct mr_view *view, uint64_t sel_out[MR_BATCH_WORDS],
                                    uint64_t err_out[MR_BATCH_WORDS]);

/* Why a row of the last evaluation of e is an error: writes "integer overflow in a + b" into buf
 * (at most sz - 1 bytes and a NUL) and returns its code, 3021 for MR3021; 0 and an empty text when
 * it is none. */
int mr_expr_cause(const struct mr_expr *e, const struct mr_expr_frame *frame, uint32_t row,
                  char *buf, size_t sz);

MR_API_END

#endif

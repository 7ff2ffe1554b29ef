/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_GRAPH_OPT_H
#define MR_GRAPH_OPT_H

/* Declarative options: a table says which keys a map may have, and mr_opt_read turns the map into a
 * config struct. Unknown keys ("did you mean"), wrong types, values out of range and missing keys
 * are reported all at once, with positions. Schema, help and docs come from the same tables, so
 * help and unit are written for users.
 *
 *   struct show_conf {
 *     struct mr_opt_expr where;
 *     int64_t rows;
 *   };
 *   static const struct mr_opt show_opts[] = {
 *       {"where", MR_OPT_EXPR, MR_OPT_AT(struct show_conf, where), .required = true,
 *        .help = "rows for which this is true are shown"},
 *       {"rows", MR_OPT_INT64, MR_OPT_AT(struct show_conf, rows), .def = "20", .min = 1,
 *        .max = 1000, .help = "rows shown at once"},
 *       MR_OPT_END};
 *
 * `window: {tumbling: D} | {hopping: D, slide: D}` is a union; `offset` goes with each alternative:
 *
 *       {"tumbling", MR_OPT_DURATION_US, ..., .alt = 1},
 *       {"hopping", MR_OPT_DURATION_US, ..., .alt = 2, .since = MR_OPT_LATER},
 *       {"slide", MR_OPT_DURATION_US, ..., .with = "hopping", .required = true},
 *       {"offset", MR_OPT_DURATION_US, ...},
 *   and in the node's table
 *       {"window", MR_OPT_UNION, MR_OPT_AT(struct c, window), .sub = window_opts,
 *        .kind = MR_OPT_REF(struct c, window.kind), .required = true},
 *   where the offsets in window_opts are those of the struct c.window.
 *
 * `clock: wall | {start: T, step: D}` has a word in place of the map:
 *
 *       {"clock", MR_OPT_TABLE, MR_OPT_AT(struct c, clock), .sub = clock_opts,
 *        .words = clock_words, .kind = MR_OPT_REF(struct c, clock.kind), .def = "wall"},
 *
 * The members that .offset, .kind and .given name belong to the struct of the option's own table.
 * Tables are const. Config structs live where the caller wants them; what they point to lives in
 * the arena. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/api.h"
#include "graph/source.h"

MR_API_BEGIN

struct mr_arena;
struct mr_diags;
struct mr_tree;

enum mr_opt_type {
  MR_OPT_NONE,        /* ends a table */
  MR_OPT_BOOL,        /* bool: true | false */
  MR_OPT_INT64,       /* int64_t */
  MR_OPT_SIZE,        /* uint64_t bytes: 128MiB */
  MR_OPT_DURATION_NS, /* int64_t nanoseconds: 25s (of the engine) */
  MR_OPT_DURATION_US, /* int64_t microseconds: 25s (of the data) */
  MR_OPT_TIMESTAMP,   /* int64_t microseconds since the epoch: 2025-10-13T11:30:00Z */
  MR_OPT_RATE,        /* double events per second: 50k/s */
  MR_OPT_DOUBLE,      /* double */
  MR_OPT_SHARE,       /* double in [0, 1]: 5% or 0.05 */
  MR_OPT_STRING,      /* const char *; any scalar that is not empty plain text */
  MR_OPT_NAME,        /* const char *: [A-Za-z_][A-Za-z0-9_]*, at most MR_NAME_MAX bytes */
  MR_OPT_ENUM,        /* int: index into .words; -1 when not given and without default */
  MR_OPT_STRINGS,     /* struct mr_opt_strings: one string, or a list of them */
  MR_OPT_NAMES,       /* struct mr_opt_strings: one name, or a list of them, no two equal */
  MR_OPT_EXPR,        /* struct mr_opt_expr */
  MR_OPT_EXPRS,       /* struct mr_opt_exprs: map of name -> expression, in file order */
  MR_OPT_TABLE,       /* a nested struct at .offset, read by .sub */
  MR_OPT_UNION,       /* the same, with exactly one of the .alt options of .sub */
  MR_OPT_RAW          /* const struct mr_tree *: the subtree, for the caller to read */
};

/* Since when an option may be used. A later one is known (so no "unknown key"), and refused with
 * MR1006. */
enum mr_opt_since {
  MR_OPT_NOW,
  MR_OPT_LATER,       /* not available yet */
  MR_OPT_DEFAULT_ONLY /* only its default is available yet: allowed_lateness: 0s */
};

struct mr_opt_string {
  const char *text;
  uint32_t len;
  struct mr_tree *at; /* the scalar */
};

struct mr_opt_strings {
  struct mr_opt_string *items;
  uint32_t cnt;
};

/* An expression's text; mr_tree_span_at(arena, at, byte, len) gives the place of a part of it. The
 * text of a default has at == NULL. text is NULL when the option is not given and has no default.
 */
struct mr_opt_expr {
  const char *text;
  uint32_t len;
  struct mr_tree *at;
};

struct mr_opt_named_expr {
  const char *name; /* a valid name */
  struct mr_tree *name_at;
  struct mr_opt_expr expr;
};

struct mr_opt_exprs {
  struct mr_opt_named_expr *items;
  uint32_t cnt;
};

struct mr_opt {
  /* the key in the file; NULL ends a table */
  const char *name;
  enum mr_opt_type type;
  /* of the value in the config struct: MR_OPT_AT */
  uint32_t offset;
  /* default as text (of a list: its only item; "" is the empty list); NULL: zero, NULL, no items */
  const char *def;
  /* inclusive, numbers only, in the value's own unit (bytes, ns, us, 1/s); both 0: any */
  double min, max;
  /* for help: "rows"; NULL where the type says it */
  const char *unit;
  /* one line, no full stop */
  const char *help;
  /* for messages and help; NULL: the type's own */
  const char *example;
  /* must be given; with .with: where that key is given */
  bool required;
  enum mr_opt_since since;
  /* ENUM: allowed words, NULL-terminated; TABLE, UNION: words in place of the map */
  const char *const *words;
  /* words that are known but not available yet, NULL-terminated; or NULL */
  const char *const *words_later;
  /* TABLE, UNION: what may stand in the map */
  const struct mr_opt *sub;
  /* MR_OPT_REF of an int, or 0. TABLE: index into words, or their count for the map itself.
   * UNION: index into words, or their count + alt - 1. -1 when not given and without default */
  uint32_t kind;
  /* MR_OPT_REF of a bool, or 0: set when the file gives the option (not by its default) */
  uint32_t given;
  /* in the table of a UNION: number of the alternative, from 1 */
  uint8_t alt;
  /* in the table of a UNION: only together with this alternative */
  const char *with;
};

#define MR_OPT_AT(T, member) ((uint32_t)offsetof(T, member))
/* Like MR_OPT_AT, and never 0, which says "no such member". */
#define MR_OPT_REF(T, member) ((uint32_t)offsetof(T, member) + 1u)
#define MR_OPT_END                                                                                 \
  { 0 }

/* One table and the struct that it fills. A node's map is read by several at once: common keys and
 * those of its type. */
struct mr_opt_part {
  const struct mr_opt *opts;
  void *config;
};

struct mr_opt_reader {
  struct mr_arena *arena;
  struct mr_diags *diags;
  /* what the map describes, behind its path in messages: "type window"; or NULL */
  const char *what;
};

/* The tables of a graph file's parts; those of a node's type are its operator's (op.h) and come
 * besides. For schema, help and docs. */
enum mr_graph_part {
  MR_GRAPH_TOP,     /* the file itself */
  MR_GRAPH_RUNTIME, /* runtime: */
  MR_GRAPH_EVENT,   /* one of events: */
  MR_GRAPH_FIELD,   /* one of an event's fields */
  MR_GRAPH_SOURCE,  /* what every source has */
  MR_GRAPH_STEP,
  MR_GRAPH_STEP_PORTS, /* the same of steps that name their inputs otherwise than by `from` */
  MR_GRAPH_EXPANDED,   /* a step that stands for others (expand.h) */
  MR_GRAPH_SINK,
  MR_GRAPH_TEST,  /* one of tests: */
  MR_GRAPH_BUDGET /* one of budgets: */
};
const struct mr_opt *mr_graph_options(enum mr_graph_part part);

/* Reads map into the parts' structs, which are zeroed by the caller and first get all defaults. A
 * key is looked for in the parts in order. map may be NULL (all defaults; required keys are then
 * reported at `name_at`) and may be any kind of tree (a scalar is a wrong type). Missing keys are
 * reported at the map's name, or at name_at where that is not NULL (src set). 0, or MR_ERR_CONF
 * when an error was reported; the struct is then filled as far as possible. */
int mr_opt_read(const struct mr_opt_reader *rd, struct mr_tree *map, struct mr_span name_at,
                const struct mr_opt_part *parts, uint32_t part_cnt);

/* The same for one table and a map that is there or may be absent. */
int mr_opt_read_one(const struct mr_opt_reader *rd, struct mr_tree *map, const struct mr_opt *opts,
                    void *config);

/* True when a table is well-formed: distinct names, defaults that parse and are in range, the
 * members its types need. The reason is put in *why (static text), and the option's index in *idx,
 * when it is not. For tests of every table. */
bool mr_opt_table_valid(const struct mr_opt *opts, const char **why, uint32_t *idx);

/* The value of an option in a filled struct as text that would read back the same ("30s", "[a,
 * b]"); NULL when it has none. For `show config`. Tables and raw subtrees give NULL: the caller
 * descends. */
const char *mr_opt_value_text(const struct mr_opt *opt, const void *config, struct mr_arena *arena);

/* "duration", "list of names": for messages, help and docs. */
const char *mr_opt_type_str(enum mr_opt_type type);
/* "30s": an example of the option's value. */
const char *mr_opt_example(const struct mr_opt *opt);

/* [A-Za-z_][A-Za-z0-9_]*, 1 to MR_NAME_MAX bytes. */
bool mr_opt_name_valid(const char *text, size_t len);

/* The candidate nearest to `text` when it is near enough to be meant, else NULL. `candidates` is
 * NULL-terminated. */
const char *mr_opt_nearest(const char *text, const char *const *candidates);

MR_API_END

#endif

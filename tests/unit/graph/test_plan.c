/* SPDX-License-Identifier: Apache-2.0 */
/* The planner: what it prints for a few graphs, and where it reports what is wrong. Operators are
 * those of the workers' tests, and a filter with an expression. */
#include <ctype.h>
#include <string.h>
#include <time.h>

#include "../worker/ops.h"
#include "expr/expr.h"
#include "graph/compile.h"
#include "graph/plan.h"
#include "test.h"

/* ---- a filter ---- */

struct sift_conf {
  struct mr_opt_expr where;
};
static const struct mr_opt sift_opts[] = {{"where", MR_OPT_EXPR, MR_OPT_AT(struct sift_conf, where),
                                           .required = true, .help = "a condition"},
                                          MR_OPT_END};

static int sift_plan(struct mr_op_plan *p) {
  const struct sift_conf *conf = p->conf;
  p->data = mr_op_expr(p, &conf->where, MR_TYPE_BOOL);
  p->outs[MR_OUT_MAIN].schema = p->in;
  return p->data ? MR_OK : MR_ERR_CONF;
}

static void sift_need(const struct mr_op_plan *p, const bool *const out_need[MR_OUTS_MAX],
                      bool *in_need) {
  const struct mr_expr *where = p->data;
  for (uint32_t c = 0; c < p->in->cnt; c++)
    in_need[c] = where->reads[c] || (out_need[0] && out_need[0][c]);
}

static void no_process(struct mr_op_ctx *ctx, const struct mr_view *in) {
  (void)ctx;
  (void)in;
}

static const struct mr_op sift_op = {.name = "filter",
                                     .help = "a condition",
                                     .abi = MR_OP_ABI,
                                     .kind = MR_OP_STEP,
                                     .flags = MR_OP_PASSES,
                                     .opts = sift_opts,
                                     .conf_sz = sizeof(struct sift_conf),
                                     .plan = sift_plan,
                                     .need = sift_need,
                                     .process = no_process};

/* Reads only the columns that it names. */
struct only_conf {
  struct mr_opt_strings columns;
};
static const struct mr_opt only_opts[] = {{"columns", MR_OPT_NAMES,
                                           MR_OPT_AT(struct only_conf, columns), .def = "",
                                           .help = "columns to read"},
                                          MR_OPT_END};

static int only_plan(struct mr_op_plan *p) {
  const struct only_conf *conf = p->conf;
  bool *need = MR_NEW(p->arena, bool, p->in->cnt + 1);
  for (uint32_t i = 0; i < conf->columns.cnt; i++) {
    int32_t c = mr_op_column(p, &conf->columns.items[i]);
    if (c < 0) return MR_ERR_CONF;
    need[c] = true;
  }
  p->data = need;
  return MR_OK;
}

static void only_need(const struct mr_op_plan *p, const bool *const out_need[MR_OUTS_MAX],
                      bool *in_need) {
  (void)out_need;
  memcpy(in_need, p->data, p->in->cnt * sizeof *in_need);
}

static const struct mr_op only_op = {.name = "only",
                                     .help = "a sink of some columns",
                                     .abi = MR_OP_ABI,
                                     .kind = MR_OP_SINK,
                                     .opts = only_opts,
                                     .conf_sz = sizeof(struct only_conf),
                                     .plan = only_plan,
                                     .need = only_need,
                                     .process = no_process};

/* ---- planning ---- */

struct planned {
  struct mr_arena arena;
  struct mr_diags diags;
  struct mr_plan *plan;
};

static void plan_text(struct planned *t, const char *text, size_t len) {
  static const struct mr_op *ops[32];
  static const struct mr_op_table table = {ops};
  static const int32_t cpus[] = {0, 1, 2, 3};
  uint32_t n = 0;
  ops[n++] = &sift_op;
  ops[n++] = &only_op;
  for (const struct mr_op *const *op = rig_ops.ops; *op; op++) ops[n++] = *op;
  ops[n] = NULL;
  *t = (struct planned){0};
  mr_diags_init(&t->diags, &t->arena);
  struct mr_plan_conf conf = {.ops = &table, .clock = -1, .cpus = cpus, .cpu_cnt = 4};
  t->plan = mr_plan_load(&t->arena, "g.yaml", text, len, &conf, &t->diags);
}

#define TOP                                                                                        \
  "millrace: 1\n"                                                                                  \
  "graph: g\n"                                                                                     \
  "runtime: { workers: {count: 2}, link_items: 8 }\n"                                              \
  "events:\n"                                                                                      \
  "  e: { fields: { id: {type: int64}, key: {type: int64}, t: {type: timestamp}, s: {type: "       \
  "string} }, event_time: t }\n"

/* Bytes depend on struct sizes: they are printed as #. */
static void mask_bytes(char *text) {
  char *to = text;
  for (char *p = text; *p;) {
    char *end = p;
    while (isdigit((unsigned char)*end)) end++;
    if (end > p && !strncmp(end, " bytes", 6)) {
      *to++ = '#';
      p = end;
      continue;
    }
    *to++ = *p++;
  }
  *to = 0;
}

static void prints(const char *graph, const char *want) {
  struct planned t;
  plan_text(&t, graph, strlen(graph));
  if (!t.plan) fail_msg("%s", mr_diags_text(&t.diags, &t.arena, NULL));
  char *text = mr_plan_print(t.plan, &t.arena);
  mask_bytes(text);
  assert_string_equal(text, want);
  mr_arena_free(&t.arena);
}

MR_TEST(the_plan_of_a_graph_with_an_exchange_and_error_rows) {
  MR_UNUSED_STATE;
  prints(TOP "sources:\n"
             "  a: { type: gen, event: e, watermark: {delay: 5s} }\n"
             "steps:\n"
             "  sp: { type: spoil, from: a }\n"
             "  w: { type: tally, from: sp, workers: 2 }\n"
             "sinks:\n"
             "  out: { type: collect, from: [w] }\n"
             "  err: { type: errs, from: sp.errors }\n",
         "graph g\n"
         "  clock wall, at_end flush, wait adaptive, links of 8 items\n"
         "nodes\n"
         "  a (gen)\n"
         "    smallest delay downstream 20ms\n"
         "    out: id int64, key int64, t timestamp, s string\n"
         "  sp (spoil) <- a\n"
         "    out: id int64, key int64, t timestamp, s string\n"
         "  w (tally) <- sp  x2\n"
         "    delay 20ms\n"
         "    key key\n"
         "    out: id int64, key int64, t timestamp, s string\n"
         "  out (collect) <- w\n"
         "    delay 20ms\n"
         "  err (errs) <- sp.errors\n"
         "  a.dead_letters (dead_letter) <- a.errors\n"
         "  sp.dead_letters (dead_letter) <- sp.errors\n"
         "workers\n"
         "  0: a w[0] a.dead_letters\n"
         "  1: sp w[1] out err sp.dead_letters\n"
         "links\n"
         "  a[0] -> sp[0] 8 items\n"
         "  sp[0] -> w[0] 8 items, by key group\n"
         "  sp[0] -> w[1] 8 items, by key group\n"
         "  w[0] -> out[0] 8 items\n"
         "pools\n"
         "  a[0] rows: 79 batches, # bytes\n"
         "  a[0] views: 79 batches, # bytes\n"
         "  a[0].errors rows: 4 batches, 8 heap blocks, # bytes\n"
         "  sp[0] views: 53 batches, # bytes\n"
         "  sp[0] copies: 35 batches, # bytes\n"
         "  sp[0].errors rows: 4 batches, 8 heap blocks, # bytes\n"
         "  w[0] rows: 28 batches, # bytes\n"
         "  w[0] views: 28 batches, # bytes\n"
         "  w[0] copies: 18 batches, # bytes\n"
         "  w[1] rows: 28 batches, # bytes\n"
         "memory\n"
         "  batches and links # bytes\n"
         "  state at most # bytes\n");
}

MR_TEST(the_plan_of_a_source_whose_instances_take_turns) {
  MR_UNUSED_STATE;
  prints(TOP "sources:\n"
             "  a: { type: gen, event: e, workers: 2 }\n"
             "steps:\n"
             "  p: { type: pass, from: a }\n"
             "sinks:\n"
             "  out: { type: collect, from: [p] }\n"
             "  err: { type: errs, from: a.errors }\n",
         "graph g\n"
         "  clock wall, at_end flush, wait adaptive, links of 8 items\n"
         "nodes\n"
         "  a (gen)  x2\n"
         "    smallest delay downstream 20ms\n"
         "    out: id int64, key int64, t timestamp, s string\n"
         "  a (in_order) <- a, a.errors\n"
         "    out: id int64, key int64, t timestamp, s string\n"
         "  p (pass) <- a\n"
         "    out: id int64, key int64, t timestamp, s string\n"
         "  out (collect) <- p\n"
         "    delay 20ms\n"
         "  err (errs) <- a.errors\n"
         "  a.dead_letters (dead_letter) <- a.errors\n"
         "workers\n"
         "  0: a[0]\n"
         "  1: a[1] a p out err a.dead_letters\n"
         "links\n"
         "  a[0] -> a[0] 8 items\n"
         "  a[1] -> a[0] 8 items\n"
         "  a[0] -> a[0] 2 items\n"
         "  a[1] -> a[0] 2 items\n"
         "pools\n"
         "  a[0] rows: 16 batches, # bytes\n"
         "  a[0] views: 16 batches, # bytes\n"
         "  a[1] rows: 16 batches, # bytes\n"
         "  a[1] views: 16 batches, # bytes\n"
         "  a[0].errors rows: 10 batches, 20 heap blocks, # bytes\n"
         "  a[0].errors views: 9 batches, # bytes\n"
         "  a[1].errors rows: 10 batches, 20 heap blocks, # bytes\n"
         "  a[1].errors views: 9 batches, # bytes\n"
         "memory\n"
         "  batches and links # bytes\n"
         "  state at most # bytes\n");
}

MR_TEST(the_plan_of_a_virtual_graph_with_pruned_columns_and_no_links) {
  MR_UNUSED_STATE;
  prints(
      "millrace: 1\n"
      "graph: small\n"
      "runtime: { clock: virtual, at_end: hold, workers: {count: 1, wait: block} }\n"
      "sources:\n"
      "  a: { type: gen, fields: { x: int64, y: string, z: double, d: duration }, on_error: drop "
      "}\n"
      "steps:\n"
      "  f: { type: filter, from: a, where: x > 3 }\n"
      "sinks:\n"
      "  out: { type: only, from: f, columns: y }\n",
      "graph small\n"
      "  clock virtual, at_end hold, wait block, links of 64 items\n"
      "nodes\n"
      "  a (gen)\n"
      "    out: x int64, y string, (z double), (d duration)\n"
      "  f (filter) <- a\n"
      "    out: (x int64), y string, (z double), (d duration)\n"
      "  out (only) <- f\n"
      "workers\n"
      "  0: a f out\n"
      "links\n"
      "pools\n"
      "  a[0] rows: 4 batches, # bytes\n"
      "memory\n"
      "  batches and links # bytes\n"
      "  state at most # bytes\n");
}

MR_TEST(an_untyped_source_takes_the_types_of_its_uses) {
  MR_UNUSED_STATE;
  struct planned t;
  const char *graph = "millrace: 1\n"
                      "graph: small\n"
                      "sources:\n"
                      "  a: { type: gen, on_error: drop }\n"
                      "steps:\n"
                      "  f: { type: filter, from: a, where: n > 3 AND name = 'x' }\n"
                      "  g: { type: filter, from: f, where: other = 'y' }\n"
                      "sinks:\n"
                      "  out: { type: only, from: g, columns: n }\n";
  plan_text(&t, graph, strlen(graph));
  if (!t.plan) fail_msg("%s", mr_diags_text(&t.diags, &t.arena, NULL));
  assert_non_null(strstr(mr_plan_print_types(t.plan, &t.arena),
                         "  a (gen)\n"
                         "    out: n double?, name string?, other string?, (.raw string)\n"));
  mr_arena_free(&t.arena);
}

/* ---- what is wrong ---- */

struct wrong {
  const char *what, *graph; /* without TOP, which has five lines */
  const char *says;         /* "line:col MRcode text-part; ..." in the order of the file */
};

static const struct wrong wrongs[] = {
    {"unknown key",
     "sources:\n  a: { type: gen, event: e, rowz: 3 }\nsinks:\n  out: { type: collect, from: a }\n",
     "7:29 MR1002 unknown key \"rowz\""},
    {"unknown key of the top",
     "sorces: {}\nsources:\n  a: { type: gen, event: e }\nsinks:\n  out: { type: collect, from: a "
     "}\n",
     "6:1 MR1002 unknown key \"sorces\""},
    {"wrong type of a value",
     "sources:\n  a: { type: gen, event: e, rows: many }\nsinks:\n  out: { type: collect, from: a "
     "}\n",
     "7:35 MR1003 not a whole number"},
    {"nodes that are no maps", "sources: 5\nsinks:\n  out: 7\n",
     "6:10 MR1003 must be a map; 8:8 MR1003 found text"},
    {"nodes without a value", "sources:\n  a:\nsinks:\n  out:\n",
     "7:3 MR1003 no value; 9:3 MR1003 no value"},
    {"cycle",
     "sources:\n  a: { type: gen, event: e }\nsteps:\n  p: { type: pass, from: [a, q] }\n"
     "  q: { type: pass, from: p }\nsinks:\n  out: { type: collect, from: q }\n",
     "9:26 MR4001 p -> q -> p"},
    {"a node that reads itself",
     "sources:\n  a: { type: gen, event: e }\nsteps:\n  p: { type: pass, from: [a, p] }\n"
     "sinks:\n  out: { type: collect, from: p }\n",
     "9:26 MR4001 p -> p"},
    {"dangling edges",
     "sources:\n  a: { type: gen, event: e }\nsinks:\n  o1: { type: collect, from: aa }\n"
     "  o2: { type: collect, from: a.lat }\n  o3: { type: collect, from: o1 }\n"
     "  o4: { type: collect, from: [a, a] }\n  o5: { type: collect, from: [] }\n"
     "  o6: { type: collect, from: {a: 1} }\n  o7: { type: collect, from: a.errors.x }\n",
     "9:30 MR4002 no source or step is named \"aa\"; 10:32 MR4002 has no output \"lat\"; "
     "11:30 MR4002 is a sink; 12:34 MR4002 twice; 13:30 MR1003 empty list; 14:30 MR1003 from "
     "names; "
     "15:32 MR4002 has no output \"errors.x\""},
    {"duplicate name",
     "sources:\n  a: { type: gen, event: e }\nsinks:\n  a: { type: collect, from: a }\n"
     "  out: { type: collect, from: a }\n",
     "9:3 MR4004 a node named \"a\" exists already"},
    {"duplicate key",
     "sources:\n  a: { type: gen, event: e }\n  a: { type: gen, event: e }\nsinks:\n"
     "  out: { type: collect, from: a }\n",
     "8:3 MR1011 "},
    {"bad name",
     "sources:\n  a-b: { type: gen, event: e }\nsinks:\n  out: { type: collect, from: a-b }\n",
     "7:3 MR1008 is no node name; 9:31 MR4002 "},
    {"impossible CPU",
     "sources:\n  a: { type: gen, event: e, cpus: 9 }\nsinks:\n"
     "  out: { type: collect, from: a, cpus: [0, x] }\n",
     "7:35 MR4008 cpu 9; 9:44 MR1003 cpus is auto"},
    {"no worker on that CPU",
     "sources:\n  a: { type: gen, event: e, cpus: 3 }\nsinks:\n  out: { type: collect, from: a }\n",
     "7:35 MR4008 no worker runs on cpu 3"},
    {"unknown types",
     "sources:\n  a: { type: genn, event: e }\nsteps:\n  p: { type: collect, from: a }\n"
     "  j: { type: kafka, from: a }\n  d: { type: dead_letter, from: a }\nsinks:\n"
     "  out: { type: collect, from: p }\n",
     "7:14 MR4010 no source has the type \"genn\"; 9:14 MR4010 no step has the type \"collect\"; "
     "10:14 MR1006 type kafka; 11:14 MR4010 no step has the type \"dead_letter\""},
    {"different columns",
     "sources:\n  a: { type: gen, event: e }\n  b: { type: gen, fields: {id: int64} }\nsinks:\n"
     "  out: { type: collect, from: [a, b] }\n",
     "10:31 MR4007 different columns"},
    {"missing keys", "sources:\n  a: { event: e }\nsinks:\n  out: { type: collect }\n",
     "7:3 MR1005 missing key \"type\"; 9:3 MR1005 missing key \"from\""},
    {"not available yet",
     "sources:\n  a: { type: gen, event: e, watermark: {max_future_skew: 5s} }\nsinks:\n"
     "  out: { type: collect, from: a, full: spill }\ntables: {}\n",
     "9:40 MR1006 spill; 10:1 MR1006 tables"},
    {"workers on what has no keys",
     "sources:\n  a: { type: gen, event: e, workers: 2 }\nsteps:\n"
     "  p: { type: pass, from: a, workers: 3 }\nsinks:\n  out: { type: collect, from: p }\n",
     "9:38 MR1006 workers above 1 on type pass"},
    {"no sinks", "sources:\n  a: { type: gen, event: e }\n",
     "1:1 MR4005 no sink; 7:3 MR4006 nobody reads a"},
    {"unknown event",
     "sources:\n  a: { type: gen, event: ee }\nsinks:\n  out: { type: collect, from: a }\n",
     "7:26 MR4014 no event is named \"ee\""},
    {"names of the input and formats of times",
     "sources:\n  a:\n    type: gen\n    fields:\n"
     "      id: { type: int64, from: [key, s] }\n"
     "      s: { type: string }\n"
     "      d: { type: int64, from: key }\n"
     "      n: { type: int64, format: [unix_s, unix_ms] }\n"
     "      t: { type: timestamp, format: [rfc3339, yyyy-QQ] }\n"
     "      u: { type: timestamp, from: [x, x], format: [unix_s, {a: 1}] }\n"
     "sinks:\n  out: { type: collect, from: a }\n",
     "13:33 MR4014 format is for a timestamp; 14:52 MR4014 this is no part of a time pattern; "
     "15:60 MR1003 "},
    {"names of the input that two fields read",
     "sources:\n  a:\n    type: gen\n    fields:\n"
     "      id: { type: int64, from: [key, s] }\n"
     "      s: { type: string }\n"
     "      d: { type: int64, from: key }\n"
     "      u: { type: timestamp, from: [x, x] }\n"
     "sinks:\n  out: { type: collect, from: a }\n",
     "11:10 MR4014 \"s\" of the input is read by id already; 12:31 MR4014 \"key\" of the input is "
     "read by id already; 13:35 MR4014 \"x\" of the input is read by u already"},
    {"a column used as two types",
     "sources:\n  a: { type: gen }\nsteps:\n  f: { type: filter, from: a, where: n > 3 }\n"
     "  g: { type: filter, from: f, where: n = 'x' }\nsinks:\n  out: { type: only, from: g }\n",
     "10:38 MR4012 n is used as string here and as double elsewhere"},
    {"an expression that is wrong",
     "sources:\n  a: { type: gen, event: e }\nsteps:\n"
     "  f: { type: filter, from: a, where: s = 1 }\nsinks:\n  out: { type: only, from: f }\n",
     "9:38 MR2007 "},
    {"a column that is none",
     "sources:\n  a: { type: gen, event: e }\nsinks:\n"
     "  out: { type: only, from: a, columns: [id, kye] }\n",
     "9:45 MR4011 no column is named \"kye\""},
    {"all at once",
     "sources:\n  a: { type: gen, event: e, rowz: 1 }\n  b: { type: genn }\nsteps:\n"
     "  p: { type: pass, from: c }\nsinks:\n  out: { type: collect, from: p, drains: x }\n",
     "7:29 MR1002 ; 8:14 MR4010 ; 10:26 MR4002 ; 12:42 MR1003 "},
};

/* One entry of `says`; returns what follows it, NULL at the end. */
static const char *next_said(const char *at, char *pos, size_t sz, char *part) {
  const char *end = strstr(at, "; ");
  size_t len = end ? (size_t)(end - at) : strlen(at);
  char entry[256];
  memcpy(entry, at, len);
  entry[len] = 0;
  char *space = strchr(strchr(entry, ' ') + 1, ' ');
  snprintf(part, sz, "%s", space + 1);
  *space = 0;
  snprintf(pos, sz, "%s", entry);
  return end ? end + 2 : NULL;
}

static void check_wrong(const struct wrong *w) {
  char text[4096];
  struct planned t;
  snprintf(text, sizeof text, TOP "%s", w->graph);
  plan_text(&t, text, strlen(text));
  assert_null(t.plan);
  mr_diags_sort(&t.diags);
  const char *at = w->says;
  uint32_t i = 0;
  for (; at && i < t.diags.cnt; i++) {
    char pos[256], part[256], is[64];
    at = next_said(at, pos, sizeof pos, part);
    const struct mr_diag *d = t.diags.items[i];
    snprintf(is, sizeof is, "%u:%u MR%04d", d->line, d->col, d->code);
    if (strcmp(is, pos) != 0 || !strstr(d->message, part))
      fail_msg("%s: %s %s, not %s %s", w->what, is, d->message, pos, part);
  }
  if (at || i < t.diags.cnt)
    fail_msg("%s: %u diagnostics:\n%s", w->what, t.diags.cnt,
             mr_diags_text(&t.diags, &t.arena, NULL));
  mr_arena_free(&t.arena);
}

MR_TEST(every_mistake_is_reported_at_its_place) {
  MR_UNUSED_STATE;
  for (size_t i = 0; i < sizeof wrongs / sizeof *wrongs; i++) check_wrong(&wrongs[i]);
}

MR_TEST(a_name_that_is_nearly_right_is_guessed) {
  MR_UNUSED_STATE;
  struct planned t;
  const char *graph = TOP "sources:\n  apples: { type: gem, event: x }\nsinks:\n"
                          "  out: { type: collect, from: aples }\n";
  plan_text(&t, graph, strlen(graph));
  const char *text = mr_diags_text(&t.diags, &t.arena, NULL);
  assert_non_null(strstr(text, "did you mean \"gen\"?"));
  assert_non_null(strstr(text, "did you mean \"apples\"?"));
  assert_null(strstr(text, "did you mean \"e\"?")); /* x is not nearly e */
  mr_arena_free(&t.arena);
}

/* ---- large graphs ---- */

/* Each of `cnt` copies reads all before it, so there are 2^cnt paths. */
static char *dense(uint32_t cnt, uint32_t workers) {
  size_t cap = 1 << 20, len = 0;
  char *text = malloc(cap);
  len += (size_t)snprintf(text, cap,
                          "millrace: 1\ngraph: g\nruntime: { workers: {count: %u} }\n"
                          "sources:\n  n0: {type: gen, fields: {id: int64, key: int64, t: "
                          "timestamp, s: string}}\nsteps:\n",
                          workers);
  for (uint32_t i = 1; i <= cnt; i++) {
    len += (size_t)snprintf(text + len, cap - len, "  n%u: {type: copy, from: [", i);
    for (uint32_t k = 0; k < i; k++)
      len += (size_t)snprintf(text + len, cap - len, "%sn%u", k ? ", " : "", k);
    len += (size_t)snprintf(text + len, cap - len, "]}\n");
  }
  snprintf(text + len, cap - len, "sinks:\n  out: {type: collect, from: n%u}\n", cnt);
  return text;
}

MR_TEST(the_largest_graph_is_planned_in_no_time) {
  MR_UNUSED_STATE;
  struct planned t;
  char *text = dense(126, 1);
  struct timespec from, to;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
  plan_text(&t, text, strlen(text));
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
  assert_non_null(t.plan);
  double s = (double)(to.tv_sec - from.tv_sec) + 1e-9 * (double)(to.tv_nsec - from.tv_nsec);
  if (s > 5) fail_msg("%.1f s of CPU", s);
  mr_arena_free(&t.arena);
  free(text);
}

MR_TEST(too_many_links_are_one_error) {
  MR_UNUSED_STATE;
  struct planned t;
  char *text = dense(126, 2);
  plan_text(&t, text, strlen(text));
  assert_null(t.plan);
  assert_int_equal(t.diags.error_cnt, 1);
  assert_int_equal(t.diags.items[0]->code, MR_CODE_TOO_MANY_NODES);
  mr_arena_free(&t.arena);
  free(text);
}

MR_TEST(too_many_nodes_are_one_error) {
  MR_UNUSED_STATE;
  struct planned t;
  char *text = dense(140, 1);
  plan_text(&t, text, strlen(text));
  assert_null(t.plan);
  assert_int_equal(t.diags.items[0]->code, MR_CODE_TOO_MANY_NODES);
  mr_arena_free(&t.arena);
  free(text);
}

MR_TEST(workers_that_were_asked_for_are_all_made) {
  MR_UNUSED_STATE;
  struct planned t;
  const char *graph =
      "millrace: 1\ngraph: g\nruntime: { workers: {cpus: 0-3} }\n"
      "sources:\n  a: { type: gen, fields: {id: int64, key: int64, t: timestamp, s: "
      "string}, cpus: 3 }\nsinks:\n  out: { type: collect, from: a, cpus: 0 }\n";
  plan_text(&t, graph, strlen(graph));
  if (!t.plan) fail_msg("%s", mr_diags_text(&t.diags, &t.arena, NULL));
  assert_int_equal(t.plan->worker_cnt, 4);
  assert_int_equal(t.plan->workers[t.plan->instances[0].worker].cpu, 3);
  mr_arena_free(&t.arena);
}

static const struct CMUnitTest cases[] = {
    MR_CASE(the_plan_of_a_graph_with_an_exchange_and_error_rows),
    MR_CASE(the_plan_of_a_source_whose_instances_take_turns),
    MR_CASE(the_plan_of_a_virtual_graph_with_pruned_columns_and_no_links),
    MR_CASE(an_untyped_source_takes_the_types_of_its_uses),
    MR_CASE(every_mistake_is_reported_at_its_place),
    MR_CASE(a_name_that_is_nearly_right_is_guessed),
    MR_CASE(the_largest_graph_is_planned_in_no_time),
    MR_CASE(too_many_links_are_one_error),
    MR_CASE(too_many_nodes_are_one_error),
    MR_CASE(workers_that_were_asked_for_are_all_made),
};
MR_MAIN(cases)

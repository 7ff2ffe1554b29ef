/* SPDX-License-Identifier: Apache-2.0 */
/* Reads `tests:` and checks them against the graph. */
#include <string.h>

#include "base/text.h"
#include "graph/graph_test.h"
#include "graph/opt.h"
#include "graph/plan_private.h"

struct test_conf {
  const char *name;
  int64_t clock_us, seed;
  bool clock_given, seed_given;
  struct mr_tree *send, *faults, *expect;
};

#define AT(member) MR_OPT_AT(struct test_conf, member)
static const struct mr_opt test_opts[] = {
    {"name", MR_OPT_STRING, AT(name), .required = true, .help = "what the test shows"},
    {"clock", MR_OPT_TIMESTAMP, AT(clock_us), .given = MR_OPT_REF(struct test_conf, clock_given),
     .help = "where the graph's clock begins, to be moved by advance; without it time follows the "
             "rows"},
    {"seed", MR_OPT_INT64, AT(seed), .min = 0, .max = 9e18,
     .given = MR_OPT_REF(struct test_conf, seed_given),
     .help = "seed of what is random; --seed goes before it"},
    {"send", MR_OPT_RAW, AT(send),
     .help = "SOURCE: a list of rows, {raw: TEXT}, {advance: D}, {end: true}"},
    {"faults", MR_OPT_RAW, AT(faults), .since = MR_OPT_LATER, .help = "what goes wrong meanwhile"},
    {"expect", MR_OPT_RAW, AT(expect), .required = true,
     .help = "OUTPUT: all its rows in any order, named columns compared; or {count: N}"},
    MR_OPT_END};

const struct mr_opt *mr_planner_test_options(void) {
  return test_opts;
}

/* What is being read. */
struct reading {
  struct mr_planner *pl;
  struct mr_plan_test *test;
};

static void wrong(struct mr_planner *pl, struct mr_tree *at, const char *what) {
  mr_diag_error(pl->diags, MR_CODE_WRONG_TYPE, mr_tree_span(at), "%s", what);
}

/* ---- send ---- */

/* The only key of a map when it is that word. */
static struct mr_tree *only_key(const struct mr_tree *map, const char *word) {
  return map->cnt == 1 ? mr_tree_get(map, word) : NULL;
}

static void read_advance(struct reading *rd, struct mr_tree *at, struct mr_test_item *item) {
  item->kind = MR_TEST_ADVANCE;
  if (at->kind != MR_TREE_SCALAR || mr_duration_parse_us(at->text, at->len, &item->advance_us) ||
      item->advance_us <= 0)
    wrong(rd->pl, at, "advance takes a time like 30s");
  else if (!rd->test->clock_given)
    mr_diag_error(rd->pl->diags, MR_CODE_KEYS_CLASH, mr_tree_span(at),
                  "advance needs a clock: without one, time follows the rows");
}

static void read_item(struct reading *rd, struct mr_tree *at, struct mr_test_item *item) {
  *item = (struct mr_test_item){.kind = MR_TEST_ROW, .value = at};
  if (at->kind != MR_TREE_MAP) {
    wrong(rd->pl, at, "a row, {raw: TEXT}, {advance: D} or {end: true} is sent");
    return;
  }
  struct mr_tree *value = only_key(at, "advance");
  if (value) {
    read_advance(rd, value, item);
  } else if ((value = only_key(at, "raw")) != NULL) {
    *item = (struct mr_test_item){.kind = MR_TEST_RAW, .value = value};
    if (value->kind != MR_TREE_SCALAR) wrong(rd->pl, value, "raw takes a text");
  } else if ((value = only_key(at, "end")) != NULL && mr_tree_text_is(value, "true")) {
    item->kind = MR_TEST_END;
  }
}

/* Reports a name that is none of the graph's. */
static void report_name(struct mr_planner *pl, struct mr_tree *key, const char *what,
                        bool sources_only) {
  const char *names[MR_NODES_MAX] = {0};
  uint32_t cnt = 0;
  for (uint32_t i = 0; i < pl->draft_cnt; i++)
    if (!sources_only || pl->drafts[i].section == MR_SECTION_SOURCES)
      names[cnt++] = pl->drafts[i].name;
  struct mr_diag *diag = mr_diag_error(pl->diags, MR_CODE_DANGLING_EDGE, mr_tree_span(key),
                                       "no %s is named \"%s\"", what, key->text);
  const char *near = mr_planner_nearest(key->text, names, cnt);
  if (near) mr_diag_label(diag, "did you mean \"%s\"?", near);
}

static const struct mr_draft *draft_of(const struct mr_planner *pl, const char *name, size_t len) {
  for (uint32_t i = 0; i < pl->draft_cnt; i++)
    if (strlen(pl->drafts[i].name) == len && !memcmp(pl->drafts[i].name, name, len))
      return &pl->drafts[i];
  return NULL;
}

static void read_sends(struct reading *rd, struct mr_tree *send) {
  struct mr_planner *pl = rd->pl;
  if (!send) return;
  if (send->kind != MR_TREE_MAP) {
    wrong(pl, send, "send is a map of source: list of rows");
    return;
  }
  rd->test->sends = MR_NEW(pl->arena, struct mr_test_send, send->cnt + 1);
  for (uint32_t i = 0; i < send->cnt; i++) {
    struct mr_tree *key = send->keys[i], *list = send->items[i];
    const struct mr_draft *d = draft_of(pl, key->text, key->len);
    if (!d || d->section != MR_SECTION_SOURCES) report_name(pl, key, "source", true);
    if (list->kind != MR_TREE_LIST) {
      wrong(pl, list, "what is sent to a source is a list");
      continue;
    }
    struct mr_test_send *to = &rd->test->sends[rd->test->send_cnt++];
    *to = (struct mr_test_send){key->text, MR_NEW(pl->arena, struct mr_test_item, list->cnt + 1),
                                list->cnt};
    for (uint32_t k = 0; k < list->cnt; k++) read_item(rd, list->items[k], &to->items[k]);
  }
}

/* ---- expect ---- */

/* An output of the node, or of one that was made for it (expand.h). */
static bool has_output(const struct mr_planner *pl, const struct mr_draft *d, const char *name) {
  uint32_t output;
  for (uint32_t i = 0; i < pl->draft_cnt; i++) {
    const struct mr_draft *of = &pl->drafts[i];
    if (of != d && of->step != d->name) continue;
    if (mr_planner_output(pl, i, name, &output)) return true;
  }
  return false;
}

static void read_count(struct mr_planner *pl, struct mr_tree *map, struct mr_test_expect *to) {
  struct mr_tree *count = only_key(map, "count");
  if (!count || count->kind != MR_TREE_SCALAR ||
      mr_int64_parse(count->text, count->len, &to->count) || to->count < 0)
    wrong(pl, map, "an output is expected to have a list of rows, or {count: N}");
}

static void read_expect(struct reading *rd, struct mr_tree *key, struct mr_tree *value) {
  struct mr_planner *pl = rd->pl;
  const char *dot = memchr(key->text, '.', key->len);
  const struct mr_draft *d = draft_of(pl, key->text, dot ? (size_t)(dot - key->text) : key->len);
  struct mr_test_expect *to = &rd->test->expects[rd->test->expect_cnt++];
  *to = (struct mr_test_expect){.output = key->text, .count = -1};
  if (!d)
    report_name(pl, key, "node", false);
  else if (dot && !d->broken && !has_output(pl, d, dot + 1))
    mr_diag_error(pl->diags, MR_CODE_DANGLING_EDGE, mr_tree_span(key), "%s has no output \"%s\"",
                  d->name, dot + 1);
  to->is_sink = d && !dot && d->section == MR_SECTION_SINKS;
  if (value->kind == MR_TREE_MAP) {
    read_count(pl, value, to);
    return;
  }
  if (value->kind != MR_TREE_LIST) {
    wrong(pl, value, "an output is expected to have a list of rows, or {count: N}");
    return;
  }
  to->rows = value;
  for (uint32_t i = 0; i < value->cnt; i++)
    if (value->items[i]->kind != MR_TREE_MAP)
      wrong(pl, value->items[i], "an expected row is a map of column: value");
}

/* ---- the section ---- */

static void read_test(struct mr_planner *pl, struct mr_tree *tree, struct mr_plan_test *test) {
  struct test_conf conf = {0};
  struct mr_opt_reader opts = {pl->arena, pl->diags, "a test"};
  if (tree->kind != MR_TREE_MAP) {
    wrong(pl, tree, "a test is a map: name, send, expect");
    return;
  }
  mr_opt_read_one(&opts, tree, test_opts, &conf);
  uint32_t col;
  struct mr_span span = mr_tree_span(tree);
  if (span.src) mr_source_locate(span.src, span.off, &test->line, &col);
  test->name = conf.name ? conf.name : "";
  test->clock_us = conf.clock_us;
  test->clock_given = conf.clock_given;
  test->seed = conf.seed;
  test->seed_given = conf.seed_given;
  struct reading rd = {pl, test};
  read_sends(&rd, conf.send);
  if (!conf.expect) return;
  if (conf.expect->kind != MR_TREE_MAP || !conf.expect->cnt) {
    wrong(pl, conf.expect, "expect is a map of output: rows");
    return;
  }
  test->expects = MR_NEW(pl->arena, struct mr_test_expect, conf.expect->cnt);
  for (uint32_t i = 0; i < conf.expect->cnt; i++)
    read_expect(&rd, conf.expect->keys[i], conf.expect->items[i]);
}

void mr_planner_read_tests(struct mr_planner *pl) {
  struct mr_tree *list = mr_tree_get(pl->root, "tests");
  if (!list || mr_tree_is_null(list)) return;
  if (list->kind != MR_TREE_LIST) {
    wrong(pl, list, "tests is a list of tests");
    return;
  }
  struct mr_plan_test *tests = MR_NEW(pl->arena, struct mr_plan_test, list->cnt + 1);
  for (uint32_t i = 0; i < list->cnt; i++) {
    read_test(pl, list->items[i], &tests[i]);
    for (uint32_t k = 0; k < i; k++)
      if (tests[i].name && tests[k].name && !strcmp(tests[i].name, tests[k].name))
        mr_diag_error(pl->diags, MR_CODE_DUPLICATE_NAME, mr_tree_span(list->items[i]),
                      "a test named \"%s\" exists already", tests[i].name);
  }
  pl->plan->tests = tests;
  pl->plan->test_cnt = list->cnt;
}

/* ---- columns, once the types are known ---- */

static const struct mr_schema *schema_of(const struct mr_plan *plan, const char *output) {
  const char *dot = strchr(output, '.');
  size_t len = dot ? (size_t)(dot - output) : strlen(output);
  for (uint32_t i = 0; i < plan->node_cnt; i++) {
    const struct mr_plan_node *n = &plan->nodes[i];
    if (n->internal || strncmp(n->name, output, len)) continue;
    if (n->name[len] && !(dot && n->name[len] == '.')) continue; /* or made for it: x.window */
    if (!dot && n->op->kind == MR_OP_SINK) return n->op_plan.in;
    for (uint32_t k = 0; k < n->out_cnt; k++)
      if (n->outs[k].name && !strcmp(n->outs[k].name, dot ? dot + 1 : "")) return n->outs[k].schema;
  }
  return NULL;
}

/* Columns, and the structs around them, that rows of the schema have. Rows of an untyped event are
 * lines: anything may be in them. */
static bool has_column(const struct mr_schema *schema, const char *name) {
  for (uint32_t c = 0; c < schema->cnt; c++) {
    const struct mr_field *f = &schema->fields[c];
    if (c >= schema->visible_cnt && !strcmp(f->name, "raw")) return true;
    if (c < schema->visible_cnt && !strcmp(f->outer ? f->outer : f->name, name)) return true;
  }
  return false;
}

static void check_row(struct mr_planner *pl, const struct mr_schema *schema, struct mr_tree *row,
                      const char *output) {
  for (uint32_t k = 0; k < row->cnt; k++) {
    if (has_column(schema, row->keys[k]->text)) continue;
    const char **names = MR_NEW(pl->arena, const char *, schema->visible_cnt + 1);
    for (uint32_t c = 0; c < schema->visible_cnt; c++) names[c] = schema->fields[c].name;
    struct mr_diag *d = mr_diag_error(pl->diags, MR_CODE_UNKNOWN_COLUMN, mr_tree_span(row->keys[k]),
                                      "%s has no column \"%s\"", output, row->keys[k]->text);
    const char *near = mr_planner_nearest(row->keys[k]->text, names, schema->visible_cnt);
    if (near) mr_diag_label(d, "did you mean \"%s\"?", near);
  }
}

void mr_planner_check_tests(struct mr_planner *pl) {
  for (uint32_t t = 0; t < pl->plan->test_cnt; t++)
    for (uint32_t e = 0; e < pl->plan->tests[t].expect_cnt; e++) {
      const struct mr_test_expect *expect = &pl->plan->tests[t].expects[e];
      const struct mr_schema *schema = schema_of(pl->plan, expect->output);
      for (uint32_t i = 0; schema && expect->rows && i < expect->rows->cnt; i++)
        check_row(pl, schema, expect->rows->items[i], expect->output);
    }
}

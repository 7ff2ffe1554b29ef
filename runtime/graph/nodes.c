/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes: their options, the edges between them, and their order. */
#include <string.h>

#include "base/text.h"
#include "graph/plan_private.h"

static const char *const on_error_words[] = {"dead_letter", "drop", "fail", NULL};
static const char *const full_words[] = {"block", "drop_oldest", NULL};
static const char *const full_later[] = {"spill", NULL};
static const char *const check_words[] = {"read", "declared", NULL};

#define AT(member) MR_OPT_AT(struct mr_common_conf, member)

static const struct mr_opt watermark_opts[] = {
    {"delay", MR_OPT_DURATION_US,
     MR_OPT_AT(struct mr_common_conf, watermark.delay_us) -
         MR_OPT_AT(struct mr_common_conf, watermark),
     .def = "0s", .min = 0, .max = 3.2e15,
     .help = "the watermark is the largest event time minus this"},
    {"idle_after", MR_OPT_DURATION_US,
     MR_OPT_AT(struct mr_common_conf, watermark.idle_after_us) -
         MR_OPT_AT(struct mr_common_conf, watermark),
     .def = "0s", .min = 0, .max = 3.2e15,
     .help = "a partition silent for so long holds no watermark; 0s: off"},
    {"max_future_skew", MR_OPT_DURATION_US,
     MR_OPT_AT(struct mr_common_conf, watermark.max_future_skew_us) -
         MR_OPT_AT(struct mr_common_conf, watermark),
     .min = 0, .max = 3.2e15,
     .given = MR_OPT_REF(struct mr_common_conf, watermark.skew_given) -
              MR_OPT_AT(struct mr_common_conf, watermark),
     .help = "rows further ahead of the clock than this do not move the watermark",
     .example = "1h"},
    MR_OPT_END};

#define NODE_OPTS                                                                                  \
  {"type", MR_OPT_STRING, AT(type), .required = true, .help = "what the node is"},                 \
      {"workers", MR_OPT_INT64,          AT(workers),        .def = "1",                           \
       .min = 1,  .max = MR_WORKERS_MAX, .help = "instances"},                                     \
      {"cpus", MR_OPT_RAW, AT(cpus), .help = "CPUs that its instances run on"}, {                  \
    "on_error", MR_OPT_ENUM, AT(on_error), .def = "dead_letter", .words = on_error_words,          \
                                           .help = "what becomes of rows that are in error"        \
  }

#define FROM_OPT(must)                                                                             \
  {                                                                                                \
    "from", MR_OPT_RAW, AT(from), .required = (must),                                              \
                                  .help = "the node, list of nodes or node.output that it reads",  \
                                  .example = "[NODE, NODE.errors]"                                 \
  }

static const struct mr_opt source_opts[] = {
    NODE_OPTS,
    {"event", MR_OPT_STRING, AT(event), .help = "a name under events:, or any"},
    {"fields", MR_OPT_RAW, AT(fields), .help = "the event's fields, inline"},
    {"watermark", MR_OPT_TABLE, AT(watermark), .sub = watermark_opts,
     .help = "event time progress"},
    {"check", MR_OPT_ENUM, AT(check), .def = "read", .words = check_words,
     .help = "which fields' types are checked: those that something reads, or all declared"},
    MR_OPT_END};
static const struct mr_opt step_opts[] = {NODE_OPTS, FROM_OPT(true), MR_OPT_END};
static const struct mr_opt port_opts[] = {NODE_OPTS, MR_OPT_END};
/* Of a step that stands for others, which knows itself what it reads. */
static const struct mr_opt expand_opts[] = {NODE_OPTS, FROM_OPT(false), MR_OPT_END};
static const struct mr_opt sink_opts[] = {
    NODE_OPTS,
    FROM_OPT(true),
    {"full", MR_OPT_ENUM, AT(full), .def = "block", .words = full_words, .words_later = full_later,
     .help = "what happens when the sink cannot keep up"},
    {"queue", MR_OPT_INT64, AT(queue), .def = "65536", .min = 1, .max = 1 << 30,
     .help = "rows kept under drop_oldest"},
    {"every", MR_OPT_DURATION_US, AT(every_us), .min = 1000, .max = 3.2e15,
     .given = MR_OPT_REF(struct mr_common_conf, every_given),
     .help = "rows of one such interval are one output batch"},
    MR_OPT_END};

static const struct mr_opt *const section_opts[] = {source_opts, step_opts, sink_opts};
static const char *const section_names[] = {"sources", "steps", "sinks"};
static const char *const kind_names[] = {"source", "step", "sink"};
static const enum mr_op_kind section_kinds[] = {MR_OP_SOURCE, MR_OP_STEP, MR_OP_SINK};

const struct mr_opt *mr_planner_node_options(enum mr_section section) {
  return section_opts[section];
}

const struct mr_opt *mr_planner_port_options(void) {
  return port_opts;
}

const struct mr_opt *mr_planner_expanded_options(void) {
  return expand_opts;
}

const struct mr_op *mr_op_find(const struct mr_op_table *table, enum mr_op_kind kind,
                               const char *name) {
  for (const struct mr_op *const *op = table->ops; *op; op++)
    if ((*op)->kind == kind && !strcmp((*op)->name, name)) return *op;
  return NULL;
}

const char *mr_planner_nearest(const char *text, const char *const *names, uint32_t cnt) {
  const char *best = NULL;
  int len = (int)strlen(text), least = len / 2 + 1;
  if (least > 3) least = 3;
  for (uint32_t i = 0; i < cnt; i++) {
    int d = mr_text_distance(text, names[i], least);
    if (d < len && (d < least || (d == least && !best && d <= 2))) {
      least = d;
      best = names[i];
    }
  }
  return best;
}

/* Types that the vocabulary knows and this version does not have. */
static const char *const later_types[] = {"kafka", "parquet", "table", "http"};

static void report_type(struct mr_planner *pl, const struct mr_draft *d, struct mr_tree *at) {
  for (size_t i = 0; i < sizeof later_types / sizeof *later_types; i++)
    if (mr_tree_text_is(at, later_types[i])) {
      mr_diag_error(pl->diags, MR_CODE_NOT_AVAILABLE, mr_tree_span(at),
                    "type %s is not available yet", at->text);
      return;
    }
  const char *names[MR_NODES_MAX] = {0}, *other = NULL;
  uint32_t cnt = 0;
  for (const struct mr_op *const *op = pl->conf->ops->ops; *op; op++) {
    if ((*op)->flags & MR_OP_INTERNAL) continue;
    if ((*op)->kind == section_kinds[d->section])
      names[cnt++] = (*op)->name;
    else if (!strcmp((*op)->name, at->text))
      other = section_names[(*op)->kind];
  }
  struct mr_diag *diag =
      mr_diag_error(pl->diags, MR_CODE_UNKNOWN_TYPE, mr_tree_span(at), "no %s has the type \"%s\"",
                    kind_names[d->section], at->text);
  const char *near = mr_planner_nearest(at->text, names, cnt);
  if (other)
    mr_diag_label(diag, "it belongs under %s", other);
  else if (near)
    mr_diag_label(diag, "did you mean \"%s\"?", near);
}

/* The operator's outputs, then those that its options name. */
static void name_outputs(struct mr_planner *pl, struct mr_draft *d) {
  const char *const *parts[2] = {d->op->outputs, NULL};
  const char **names = MR_NEW(pl->arena, const char *, MR_OUTS_MAX);
  uint32_t cnt = 0;
  if (d->op->named_outputs) parts[1] = d->op->named_outputs(d->conf, pl->arena);
  for (int k = 0; k < 2; k++)
    for (uint32_t i = 0; parts[k] && parts[k][i]; i++)
      if (cnt < MR_OUTS_MAX - MR_OUT_EXTRA) names[cnt++] = parts[k][i];
  d->outputs = names;
}

/* State that would be lost is refused; a source that cannot go back is warned of. */
static void check_checkpoint(struct mr_planner *pl, const struct mr_draft *d) {
  const struct mr_op *op = d->op;
  struct mr_span at = mr_tree_span(mr_tree_get(d->tree, "type"));
  if (!pl->plan->runtime.checkpoint.dir || op->snapshot) return;
  if (op->flags & (MR_OP_KEYED | MR_OP_ABSORBS | MR_OP_DERIVES))
    mr_diag_error(pl->diags, MR_CODE_NOT_AVAILABLE, at,
                  "checkpoint with type %s is not available yet", op->name);
  else if (op->kind == MR_OP_SOURCE)
    mr_diag_warning(pl->diags, MR_CODE_NOT_RESTARTABLE, at,
                    "%s cannot go back to a checkpoint: what it had read is not read again after a "
                    "restart, and rows that were on their way are missing",
                    op->name);
}

void mr_planner_read_options(struct mr_planner *pl, struct mr_draft *d) {
  struct mr_tree *type = mr_tree_get(d->tree, "type");
  struct mr_opt_reader rd = {pl->arena, pl->diags, NULL};
  if (type && type->kind == MR_TREE_SCALAR && type->len) {
    d->op = mr_op_find(pl->conf->ops, section_kinds[d->section], type->text);
    if (d->op && (d->op->flags & MR_OP_INTERNAL)) d->op = NULL;
    if (!d->op) report_type(pl, d, type);
    rd.what = mr_arena_printf(pl->arena, "type %s", type->text);
  }
  struct mr_opt_part parts[2] = {{section_opts[d->section], &d->common}};
  uint32_t cnt = 1;
  if (d->op) {
    d->conf = mr_arena_alloc(pl->arena, d->op->conf_sz + 16);
    if (d->op->ports) parts[0].opts = port_opts;
    if (d->op->opts) parts[cnt++] = (struct mr_opt_part){d->op->opts, d->conf};
    if (d->op->expand) parts[0].opts = expand_opts;
  } else if (type) { /* its own keys are unknown here: only what is missing in common would be noise
                      */
    d->broken = true;
    return;
  }
  if (mr_opt_read(&rd, d->tree, mr_tree_name_span(d->tree), parts, cnt)) d->broken = true;
  if (d->op) name_outputs(pl, d);
  if (d->op) check_checkpoint(pl, d);
  if (d->op && d->common.workers > 1 && !d->op->expand &&
      !(d->op->flags & (MR_OP_KEYED | MR_OP_TURNS | MR_OP_PARTS))) {
    mr_diag_error(pl->diags, MR_CODE_NOT_AVAILABLE, mr_tree_span(mr_tree_get(d->tree, "workers")),
                  "workers above 1 on type %s is not available yet", d->op->name);
    d->broken = true;
  }
  if (!d->op) d->broken = true;
}

static void add_draft(struct mr_planner *pl, enum mr_section section, struct mr_tree *key,
                      struct mr_tree *tree) {
  struct mr_draft *d = &pl->drafts[pl->draft_cnt];
  *d = (struct mr_draft){.name = key->text, .section = section, .tree = tree};
  if (!mr_opt_name_valid(key->text, key->len)) {
    mr_diag_error(pl->diags, MR_CODE_BAD_NAME, mr_tree_span(key),
                  "\"%s\" is no node name ([A-Za-z_][A-Za-z0-9_]*, at most %u bytes)", key->text,
                  MR_NAME_MAX);
    return;
  }
  for (uint32_t i = 0; i < pl->draft_cnt; i++)
    if (!strcmp(pl->drafts[i].name, key->text)) {
      struct mr_diag *diag = mr_diag_error(pl->diags, MR_CODE_DUPLICATE_NAME, mr_tree_span(key),
                                           "a node named \"%s\" exists already", key->text);
      mr_diag_note(diag, mr_tree_name_span(pl->drafts[i].tree), "the first one");
      return;
    }
  pl->draft_cnt++;
  mr_planner_read_options(pl, d);
}

static void read_section(struct mr_planner *pl, enum mr_section section) {
  struct mr_tree *tree = pl->sections[section];
  if (!tree || mr_tree_is_null(tree)) return;
  if (tree->kind != MR_TREE_MAP) {
    mr_diag_error(pl->diags, MR_CODE_WRONG_TYPE, mr_tree_span(tree),
                  "%s must be a map of name: node", section_names[section]);
    return;
  }
  for (uint32_t i = 0; i < tree->cnt; i++) {
    if (pl->draft_cnt == MR_NODES_MAX / 2) {
      mr_diag_error(pl->diags, MR_CODE_TOO_MANY_NODES, mr_tree_span(tree->keys[i]),
                    "a graph has at most %u nodes", MR_NODES_MAX / 2);
      return;
    }
    add_draft(pl, section, tree->keys[i], tree->items[i]);
  }
}

/* ---- edges ---- */

int32_t mr_planner_find(const struct mr_planner *pl, const char *name, size_t len) {
  for (uint32_t i = 0; i < pl->draft_cnt; i++)
    if (strlen(pl->drafts[i].name) == len && !memcmp(pl->drafts[i].name, name, len))
      return (int32_t)i;
  return -1;
}

bool mr_planner_output(const struct mr_planner *pl, uint32_t draft, const char *name,
                       uint32_t *output) {
  const struct mr_draft *d = &pl->drafts[draft];
  if (!strcmp(name, "errors")) {
    *output = MR_OUT_ERRORS;
    return true;
  }
  for (uint32_t i = 0; d->outputs && d->outputs[i]; i++)
    if (!strcmp(d->outputs[i], name)) {
      *output = MR_OUT_EXTRA + i;
      return true;
    }
  return false;
}

static void report_output(struct mr_planner *pl, const struct mr_draft *up, struct mr_tree *at,
                          const char *name) {
  uint32_t cnt = 0;
  while (up->outputs && up->outputs[cnt]) cnt++;
  size_t off = (size_t)(name - at->text);
  struct mr_diag *diag = mr_diag_error(pl->diags, MR_CODE_DANGLING_EDGE,
                                       mr_tree_span_at(pl->arena, at, off, at->len - off),
                                       "%s has no output \"%s\"", up->name, name);
  const char *near = mr_planner_nearest(name, up->outputs, cnt);
  if (near) mr_diag_label(diag, "did you mean \"%s\"?", near);
}

static void report_edge(struct mr_planner *pl, struct mr_tree *at, size_t len) {
  const char *names[MR_NODES_MAX] = {0};
  uint32_t cnt = 0;
  for (uint32_t i = 0; i < pl->draft_cnt; i++)
    if (pl->drafts[i].section != MR_SECTION_SINKS && !pl->drafts[i].step)
      names[cnt++] = pl->drafts[i].name;
  char *name = mr_arena_strndup(pl->arena, at->text, len);
  struct mr_diag *diag = mr_diag_error(pl->diags, MR_CODE_DANGLING_EDGE, mr_tree_span(at),
                                       "no source or step is named \"%s\"", name);
  const char *near = mr_planner_nearest(name, names, cnt);
  if (near) mr_diag_label(diag, "did you mean \"%s\"?", near);
}

/* Adds an edge; false: it is there already. */
static bool add_edge(struct mr_draft *d, uint32_t from, uint32_t output, uint32_t port) {
  for (uint32_t i = 0; i < d->input_cnt; i++)
    if (d->inputs[i].node == from && d->inputs[i].output == output && d->inputs[i].port == port)
      return false;
  d->inputs[d->input_cnt++] = (struct mr_plan_input){from, output, port};
  return true;
}

/* An output of a step that stands for others is that of all of them. False: none has it. */
static bool add_made(struct mr_planner *pl, struct mr_draft *d, uint32_t step, const char *name,
                     uint32_t port) {
  bool found = false;
  for (uint32_t i = 0; i < pl->draft_cnt; i++) {
    uint32_t output;
    if (i != step && pl->drafts[i].step != pl->drafts[step].name) continue;
    if (pl->drafts[i].broken || !mr_planner_output(pl, i, name, &output)) continue;
    add_edge(d, i, output, port);
    found = true;
  }
  return found;
}

/* Can this output be read? Reports what cannot. */
static bool check_edge(struct mr_planner *pl, const struct mr_draft *up, struct mr_tree *at,
                       bool named, uint32_t output) {
  if (!named && up->op && up->op->flags & MR_OP_NO_MAIN) {
    mr_diag_error(pl->diags, MR_CODE_DANGLING_EDGE, mr_tree_span(at),
                  "%s has no output of that name alone; read %s.%s or another one", up->name,
                  up->name, up->outputs[0]);
    return false;
  }
  if (up->section == MR_SECTION_SINKS && output != MR_OUT_ERRORS) {
    mr_diag_error(pl->diags, MR_CODE_DANGLING_EDGE, mr_tree_span(at),
                  "%s is a sink: it has no output", up->name);
    return false;
  }
  return true;
}

/* One name of an option that names inputs. False: reported. */
static bool add_input(struct mr_planner *pl, struct mr_draft *d, struct mr_tree *at,
                      const char *option, uint32_t port) {
  if (at->kind != MR_TREE_SCALAR || !at->len) {
    mr_diag_error(pl->diags, MR_CODE_WRONG_TYPE, mr_tree_span(at),
                  "%s names a node, node.output, or is a list of them", option);
    return false;
  }
  const char *dot = memchr(at->text, '.', at->len);
  size_t len = dot ? (size_t)(dot - at->text) : at->len;
  int32_t made = d->step || d->expanded ? mr_planner_find(pl, at->text, at->len) : -1;
  int32_t from = made >= 0 ? made : mr_planner_find(pl, at->text, len);
  uint32_t output = MR_OUT_MAIN;
  if (from < 0) {
    report_edge(pl, at, len);
    return false;
  }
  struct mr_draft *up = &pl->drafts[from];
  if (made < 0 && dot && up->expanded && add_made(pl, d, (uint32_t)from, dot + 1, port))
    return true;
  if (made < 0 && dot && !up->broken && !mr_planner_output(pl, (uint32_t)from, dot + 1, &output)) {
    report_output(pl, up, at, dot + 1);
    return false;
  }
  if (!check_edge(pl, up, at, dot != NULL, output)) return false;
  if (add_edge(d, (uint32_t)from, output, port)) return true;
  mr_diag_error(pl->diags, MR_CODE_DANGLING_EDGE, mr_tree_span(at), "%s stands twice in %s",
                at->text, option);
  return false;
}

/* What one option names as inputs: `from`, or one of the operator's ports. */
static void add_inputs(struct mr_planner *pl, struct mr_draft *d, struct mr_tree *from,
                       const char *option, uint32_t port) {
  bool list = from->kind == MR_TREE_LIST;
  if (list && !from->cnt) {
    mr_diag_error(pl->diags, MR_CODE_WRONG_TYPE, mr_tree_span(from), "%s is an empty list", option);
    d->broken = true;
  }
  /* an output of a step that stands for others may be that of many */
  uint32_t most = d->input_cnt + pl->draft_cnt + (list ? from->cnt : 0) + 1;
  struct mr_plan_input *grown = MR_NEW(pl->arena, struct mr_plan_input, most);
  if (d->input_cnt) memcpy(grown, d->inputs, d->input_cnt * sizeof *grown);
  d->inputs = grown;
  if (!list && !add_input(pl, d, from, option, port)) d->broken = true;
  for (uint32_t i = 0; list && i < from->cnt; i++)
    if (!add_input(pl, d, from->items[i], option, port)) d->broken = true;
}

void mr_planner_resolve(struct mr_planner *pl, struct mr_draft *d) {
  struct mr_tree *from = d->common.from ? d->common.from : mr_tree_get(d->tree, "from");
  d->input_cnt = 0;
  if (d->section == MR_SECTION_SOURCES) return;
  if (d->op && d->op->ports) {
    for (uint32_t k = 0; d->op->ports[k]; k++) {
      struct mr_tree *tree = mr_tree_get(d->tree, d->op->ports[k]);
      if (tree) add_inputs(pl, d, tree, d->op->ports[k], k);
    }
  } else if (from) {
    add_inputs(pl, d, from, "from", 0);
  }
}

/* ---- order ---- */

static bool inputs_done(const struct mr_draft *d, const bool *done) {
  for (uint32_t i = 0; i < d->input_cnt; i++)
    if (!done[d->inputs[i].node]) return false;
  return true;
}

/* Names the nodes of one cycle among those that are left. */
static void report_cycle(struct mr_planner *pl, const bool *done) {
  uint32_t at = 0;
  while (done[at]) at++;
  bool *seen = MR_NEW(pl->arena, bool, pl->draft_cnt + 1);
  while (!seen[at]) { /* walk upstream until a node comes again: it is on a cycle */
    seen[at] = true;
    const struct mr_draft *d = &pl->drafts[at];
    for (uint32_t i = 0; i < d->input_cnt; i++)
      if (!done[d->inputs[i].node]) {
        at = d->inputs[i].node;
        break;
      }
  }
  uint32_t start = at;
  const char *path = pl->drafts[start].name;
  do {
    const struct mr_draft *d = &pl->drafts[at];
    for (uint32_t i = 0; i < d->input_cnt; i++)
      if (!done[d->inputs[i].node]) {
        at = d->inputs[i].node;
        break;
      }
    path = mr_arena_printf(pl->arena, "%s -> %s", pl->drafts[at].name, path);
  } while (at != start);
  mr_diag_error(pl->diags, MR_CODE_CYCLE, mr_tree_span(mr_tree_get(pl->drafts[start].tree, "from")),
                "the nodes form a cycle: %s", path);
}

static void sort_drafts(struct mr_planner *pl) {
  bool *done = MR_NEW(pl->arena, bool, pl->draft_cnt + 1);
  pl->sorted = MR_NEW(pl->arena, uint32_t, 2 * pl->draft_cnt + 1);
  uint32_t cnt = 0, drafts = 0;
  bool moved = true;
  while (moved) {
    moved = false;
    for (uint32_t i = 0; i < pl->draft_cnt; i++) {
      struct mr_draft *d = &pl->drafts[i];
      if (done[i] || !inputs_done(d, done)) continue;
      bool turns = d->op && d->op->flags & MR_OP_TURNS && d->common.workers > 1;
      if (turns && pl->plan->runtime.checkpoint.dir) { /* a cut lies between two of its rows */
        d->common.workers = 1;
        turns = false;
      }
      for (int k = 0; k < 1 + turns; k++) {
        d->order = cnt;
        pl->sorted[cnt++] = i;
      }
      drafts++;
      done[i] = moved = true;
    }
  }
  pl->sorted_cnt = cnt;
  if (drafts < pl->draft_cnt) report_cycle(pl, done);
}

static void check_read(struct mr_planner *pl) {
  bool sinks = false;
  for (uint32_t i = 0; i < pl->draft_cnt; i++) {
    struct mr_draft *d = &pl->drafts[i];
    bool read = d->section == MR_SECTION_SINKS;
    sinks |= read;
    for (uint32_t k = 0; k < pl->draft_cnt && !read; k++)
      for (uint32_t n = 0; n < pl->drafts[k].input_cnt; n++)
        read |= pl->drafts[k].inputs[n].node == i;
    if (!read && !pl->diags->error_cnt) /* else its reader may be what is broken */
      mr_diag_warning(pl->diags, MR_CODE_UNREAD_NODE, mr_tree_name_span(d->tree), "nobody reads %s",
                      d->name);
  }
  if (!sinks && !pl->diags->error_cnt)
    mr_diag_error(pl->diags, MR_CODE_NO_SINKS,
                  pl->sections[MR_SECTION_SINKS] ? mr_tree_name_span(pl->sections[MR_SECTION_SINKS])
                                                 : mr_tree_span(pl->root),
                  "the graph has no sink");
}

void mr_planner_read_nodes(struct mr_planner *pl) {
  pl->drafts = MR_NEW(pl->arena, struct mr_draft, MR_NODES_MAX / 2 + 1);
  for (int s = 0; s < MR_SECTION_CNT; s++) read_section(pl, (enum mr_section)s);
  mr_planner_expand_all(pl);
  for (uint32_t i = 0; i < pl->draft_cnt; i++) mr_planner_resolve(pl, &pl->drafts[i]);
  check_read(pl);
  sort_drafts(pl);
}

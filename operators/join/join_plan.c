/* SPDX-License-Identifier: Apache-2.0 */
/* join: options, keys and output columns, at load. */
#include <string.h>

#include "base/text.h"
#include "graph/codes.h"
#include "graph/compile.h"
#include "graph/diag.h"
#include "graph/tree.h"
#include "operators/join/join.h"

#define OUT_LATE MR_OUT_EXTRA

/* ---- options ---- */

static const char *const kind_words[] = {"inner", "left", "full", NULL};

#define AT(member)     MR_OPT_AT(struct mr_join_conf, member)
#define WITHIN(member) MR_OPT_AT(struct mr_join_within, member)
#define SHAPE(member)  MR_OPT_AT(struct mr_join_shape, member)
#define LENGTH         .min = 1000, .max = 3.2e15

static const struct mr_opt within_opts[] = {
    {"before", MR_OPT_DURATION_US, WITHIN(before), .def = "0s", .min = 0, .max = 1.6e15,
     .help = "a row of right matches that is at most so much earlier than left's"},
    {"after", MR_OPT_DURATION_US, WITHIN(after), .def = "0s", .min = 0, .max = 1.6e15,
     .help = "or at most so much later", .example = "10m"},
    MR_OPT_END};

static const struct mr_opt shape_opts[] = {
    {"tumbling", MR_OPT_DURATION_US, SHAPE(tumbling), .alt = 1, LENGTH,
     .help = "rows of the same window match: windows of this length, one after another",
     .example = "5m"},
    {"hopping", MR_OPT_DURATION_US, SHAPE(later), .alt = 2, LENGTH, .since = MR_OPT_LATER,
     .help = "windows of this length that overlap"},
    {"session", MR_OPT_DURATION_US, SHAPE(later), .alt = 3, LENGTH, .since = MR_OPT_LATER,
     .help = "a window ends when nothing came for this time"},
    {"offset", MR_OPT_DURATION_US, SHAPE(offset), .def = "0s", .min = -3.2e15, .max = 3.2e15,
     .help = "windows start at multiples of their length plus this"},
    MR_OPT_END};

const struct mr_opt mr_join_opts[] = {
    {"left", MR_OPT_RAW, AT(left), .required = true,
     .help = "the node, list of nodes or node.output whose rows are on the left",
     .example = "orders"},
    {"right", MR_OPT_RAW, AT(right), .required = true, .help = "and those on the right",
     .example = "payments"},
    {"key", MR_OPT_RAW, AT(key), .required = true,
     .help = "columns that are equal in rows that match: their names, or where the sides name them "
             "differently { left: [names], right: [names] }",
     .example = "[order_id]"},
    {"within", MR_OPT_TABLE, AT(within), .sub = within_opts,
     .given = MR_OPT_REF(struct mr_join_conf, within_given),
     .help = "interval join: right's event time lies in [left's - before, left's + after]",
     .example = "{ before: 0s, after: 10m }"},
    {"window", MR_OPT_UNION, AT(window), .sub = shape_opts,
     .kind = MR_OPT_REF(struct mr_join_conf, window.kind),
     .given = MR_OPT_REF(struct mr_join_conf, window_given),
     .help = "window join: both event times lie in one window", .example = "{ tumbling: 5m }"},
    {"kind", MR_OPT_ENUM, AT(kind), .def = "inner", .words = kind_words,
     .help = "rows that match; also those of left that match none; also those of right"},
    {"select", MR_OPT_EXPRS, AT(select),
     .help = "output columns: stream.column, where the stream is left, right or the node's name; "
             "window_start and window_end of a window join; without it left's columns, then "
             "right's",
     .example = "{ id: orders.id, paid: payments.amount }"},
    {"delay", MR_OPT_DURATION_US, AT(delay), .min = 0, .max = 3.2e15,
     .given = MR_OPT_REF(struct mr_join_conf, delay_given),
     .help =
         "watermark delay of this node; without it the sources', or 0 behind windows and groups"},
    {"late", MR_OPT_ENUM, AT(late), .words = mr_in_time_late_words,
     .help = "rows behind the watermark: dropped, or sent to NODE.late, which has the columns of "
             "both sides; without it divert when something reads NODE.late"},
    {"max_state", MR_OPT_SIZE, AT(max_state), .def = "256MiB", .min = 1 << 20, .max = 6.4e10,
     .help = "memory that the rows of one instance may take"},
    {"on_full", MR_OPT_ENUM, AT(on_full), .def = "fail", .words = mr_keyed_full_words,
     .help = "rows beyond max_state: stop the graph, or dead letters"},
    MR_OPT_END};

struct maker {
  struct mr_op_plan *p;
  const struct mr_join_conf *conf;
  struct mr_join_plan *plan;
};

/* ---- time ---- */

static int plan_time(struct maker *m) {
  struct mr_op_plan *p = m->p;
  const struct mr_join_conf *conf = m->conf;
  struct mr_join_side *sides = m->plan->sides;
  int rc = MR_OK;
  for (uint32_t s = 0; s < 2; s++) {
    if (sides[s].in->event_time < 0)
      rc = mr_op_error(p, s ? conf->right : conf->left, MR_CODE_UNKNOWN_COLUMN,
                       "the rows of %s have no event time, by which they are joined: name it as "
                       "event_time in the event",
                       s ? "right" : "left");
    sides[s].et = (uint32_t)sides[s].in->event_time;
    sides[s].outer = conf->kind == MR_JOIN_FULL || (conf->kind == MR_JOIN_LEFT && !s);
  }
  if (!conf->within_given && !conf->window_given) {
    struct mr_diag *d = mr_diag_error(p->diags, MR_CODE_MISSING_KEY, mr_tree_name_span(p->tree),
                                      "an unbounded join: without a bound in time it would keep "
                                      "all rows for ever");
    mr_diag_try(d, "within: { before: 0s, after: 10m }, or window: { tumbling: 5m }");
    return MR_ERR_CONF;
  }
  if (conf->within_given && conf->window_given)
    return mr_op_error(p, mr_tree_get(p->tree, "window"), MR_CODE_KEYS_CLASH,
                       "a join has within or window, not both");
  m->plan->window_us = conf->window_given ? conf->window.tumbling : 0;
  m->plan->offset_us = conf->window.offset;
  sides[0].ahead_us = sides[1].behind_us = conf->within.after;
  sides[0].behind_us = sides[1].ahead_us = conf->within.before;
  p->delay_us = conf->delay_given ? conf->delay : p->in_derived ? 0 : p->source_delay_us;
  for (uint32_t s = 0; s < 2; s++) {
    int64_t behind = m->plan->window_us ? m->plan->window_us : sides[s].ahead_us;
    if (sides[s].outer && p->hold_us < behind) p->hold_us = behind;
  }
  return rc;
}

/* ---- keys ---- */

static int read_names(struct maker *m, struct mr_tree *tree, struct mr_opt_strings *out) {
  bool list = tree->kind == MR_TREE_LIST;
  out->cnt = list ? tree->cnt : 1;
  out->items = MR_NEW(m->p->arena, struct mr_opt_string, out->cnt + 1);
  for (uint32_t i = 0; i < out->cnt; i++) {
    struct mr_tree *at = list ? tree->items[i] : tree;
    if (at->kind != MR_TREE_SCALAR || !at->len)
      return mr_op_error(
          m->p, at, MR_CODE_WRONG_TYPE,
          "key is a column, a list of columns, or { left: columns, right: columns }");
    out->items[i] = (struct mr_opt_string){at->text, (uint32_t)at->len, at};
  }
  return MR_OK;
}

static int read_keys(struct maker *m, struct mr_opt_strings names[2]) {
  struct mr_tree *key = m->conf->key;
  if (key->kind != MR_TREE_MAP) {
    int rc = read_names(m, key, &names[0]);
    names[1] = names[0];
    return rc;
  }
  struct mr_tree *sides[2] = {mr_tree_get(key, "left"), mr_tree_get(key, "right")};
  if (!sides[0] || !sides[1] || key->cnt != 2)
    return mr_op_error(m->p, key, MR_CODE_WRONG_TYPE,
                       "key has left and right: the columns of each side, in the same order");
  int rc = read_names(m, sides[0], &names[0]);
  if (!rc) rc = read_names(m, sides[1], &names[1]);
  if (!rc && names[0].cnt != names[1].cnt)
    return mr_op_error(m->p, sides[1], MR_CODE_KEYS_CLASH,
                       "key names %u columns of left and %u of right", names[0].cnt, names[1].cnt);
  return rc;
}

/* A column of one side; -1 when it was reported. */
static int32_t column_of(struct maker *m, uint32_t side, const struct mr_opt_string *name) {
  struct mr_op_plan look = *m->p; /* whose input is that side's */
  look.in = m->plan->sides[side].in;
  return mr_op_column(&look, name);
}

static bool codes_equal(const struct mr_enum *a, const struct mr_enum *b) {
  if (a == b) return true;
  if (!a || !b || a->cnt != b->cnt) return false;
  for (uint32_t i = 0; i < a->cnt; i++)
    if (strcmp(a->texts[i], b->texts[i]) != 0) return false;
  return true;
}

static int make_key(struct maker *m, uint32_t k, const struct mr_opt_strings names[2]) {
  struct mr_join_side *sides = m->plan->sides;
  const struct mr_field *fields[2] = {NULL, NULL};
  for (uint32_t s = 0; s < 2; s++) {
    int32_t c = column_of(m, s, &names[s].items[k]);
    if (c < 0) continue;
    sides[s].key_cols[k] = (uint32_t)c;
    fields[s] = &sides[s].in->fields[c];
  }
  if (!fields[0] || !fields[1]) return MR_ERR_CONF;
  char types[2][64];
  if (fields[0]->type == MR_TYPE_LIST || fields[1]->type == MR_TYPE_LIST)
    return mr_op_error(m->p, names[0].items[k].at, MR_CODE_WRONG_TYPE, "a list cannot be a key");
  if (fields[0]->type != fields[1]->type)
    return mr_op_error(m->p, names[1].items[k].at, MR_CODE_NOT_COMPARABLE,
                       "%s is %s on the left and %s is %s on the right; cast one with a map",
                       fields[0]->name, mr_field_type_text(fields[0], types[0], sizeof types[0]),
                       fields[1]->name, mr_field_type_text(fields[1], types[1], sizeof types[1]));
  struct mr_field *key = &m->plan->key_schema->fields[k];
  *key = *fields[0];
  key->optional = fields[0]->optional || fields[1]->optional;
  if (codes_equal(fields[0]->codes, fields[1]->codes)) return MR_OK;
  key->codes = NULL;
  for (uint32_t s = 0; s < 2; s++) m->plan->key_text[s][k] = fields[s]->codes != NULL;
  return MR_OK;
}

static int plan_keys(struct maker *m) {
  struct mr_op_plan *p = m->p;
  struct mr_opt_strings names[2];
  uint32_t cols[MR_KEYS_MAX];
  if (read_keys(m, names)) return MR_ERR_CONF;
  uint32_t cnt = names[0].cnt;
  if (!cnt || cnt > MR_KEYS_MAX)
    return mr_op_error(p, m->conf->key, MR_CODE_OUT_OF_RANGE, "a join has 1 to %u key columns",
                       MR_KEYS_MAX);
  m->plan->key_schema = mr_op_schema(p, cnt);
  int rc = MR_OK;
  for (uint32_t k = 0; k < cnt; k++) {
    cols[k] = k;
    if (make_key(m, k, names)) rc = MR_ERR_CONF;
  }
  if (rc) return rc;
  mr_keys_init(&m->plan->keys, m->plan->key_schema, cols, cnt);
  m->plan->keys.dense = false; /* keys are packed */
  p->key_cnt = cnt;
  p->key_cols = m->plan->sides[0].key_cols;
  for (uint32_t s = 0; s < 2; s++) p->ports[s].key_cols = m->plan->sides[s].key_cols;
  return MR_OK;
}

/* ---- output ---- */

static const char *shown_name(const struct mr_field *f) {
  return f->outer ? f->outer : f->name;
}

static bool is_taken(const struct mr_schema *s, uint32_t from, uint32_t to, const char *name) {
  for (uint32_t i = from; i < to; i++)
    if (!strcmp(shown_name(&s->fields[i]), name)) return true;
  return false;
}

static void put_column(struct maker *m, struct mr_schema *out, uint32_t side, uint32_t col,
                       const char *name) {
  struct mr_field *f = &out->fields[out->cnt];
  *f = m->plan->sides[side].in->fields[col];
  f->optional |= m->plan->sides[1 - side].outer; /* the other side may be alone */
  f->hidden = false;
  if (name) {
    f->name = name;
    f->outer = NULL;
  }
  m->plan->cols[out->cnt++] = (struct mr_join_col){(enum mr_join_from)side, col};
}

/* Left's columns, then right's. */
static int put_all(struct maker *m, struct mr_schema *out) {
  int rc = MR_OK;
  for (uint32_t s = 0; s < 2; s++) {
    const struct mr_schema *in = m->plan->sides[s].in;
    uint32_t left_cnt = s ? m->plan->sides[0].in->visible_cnt : 0;
    for (uint32_t c = 0; c < in->visible_cnt; c++) {
      const char *name = shown_name(&in->fields[c]);
      if (is_taken(out, 0, left_cnt, name)) {
        struct mr_diag *d =
            mr_diag_error(m->p->diags, MR_CODE_KEYS_CLASH, mr_tree_name_span(m->p->tree),
                          "left and right both have a column %s", name);
        mr_diag_try(d, "name the output columns: select: { %s: left.%s, ... }", name, name);
        return MR_ERR_CONF;
      }
      put_column(m, out, s, c, NULL);
    }
  }
  return rc;
}

static bool is_stream(const char *text, size_t len, const char *name) {
  return name && strlen(name) == len && !memcmp(text, name, len);
}

/* The side that a stream's name means; -1: none, -2: both. */
static int32_t side_of(const struct maker *m, const char *text, size_t len) {
  static const char *const words[] = {"left", "right"};
  int32_t found = -1;
  for (int32_t s = 0; s < 2; s++)
    if (is_stream(text, len, words[s])) return s;
  for (int32_t s = 0; s < 2; s++)
    if (is_stream(text, len, m->p->ports[s].name)) found = found < 0 ? s : -2;
  return found;
}

static int put_time(struct maker *m, struct mr_schema *out, const struct mr_opt_named_expr *item,
                    bool end) {
  if (!m->plan->window_us)
    return mr_op_error(m->p, item->expr.at, MR_CODE_UNKNOWN_COLUMN,
                       "%s is a column of window joins", item->expr.text);
  out->fields[out->cnt] = (struct mr_field){.name = item->name, .type = MR_TYPE_TIMESTAMP};
  m->plan->cols[out->cnt++] =
      (struct mr_join_col){end ? MR_JOIN_WINDOW_END : MR_JOIN_WINDOW_START, 0};
  return MR_OK;
}

/* A column without its stream: of the side that has it. */
static int put_lone(struct maker *m, struct mr_schema *out, const struct mr_opt_named_expr *item,
                    const struct mr_opt_string *column) {
  int32_t at[2];
  for (uint32_t s = 0; s < 2; s++)
    at[s] = mr_schema_find(m->plan->sides[s].in, column->text, column->len);
  if (at[0] < 0 && at[1] < 0 && !strcmp(column->text, "window_start"))
    return put_time(m, out, item, false);
  if (at[0] < 0 && at[1] < 0 && !strcmp(column->text, "window_end"))
    return put_time(m, out, item, true);
  if (at[0] >= 0 && at[1] >= 0)
    return mr_op_error(m->p, item->expr.at, MR_CODE_KEYS_CLASH,
                       "%s is ambiguous: left and right have it; write left.%s or right.%s",
                       column->text, column->text, column->text);
  uint32_t s = at[0] < 0;
  if (at[s] < 0) return column_of(m, s, column) < 0 ? MR_ERR_CONF : MR_OK;
  put_column(m, out, s, (uint32_t)at[s], item->name);
  return MR_OK;
}

static bool is_name(const char *text, size_t len) {
  return mr_opt_name_valid(text, len);
}

static int put_selected(struct maker *m, struct mr_schema *out,
                        const struct mr_opt_named_expr *item) {
  struct mr_op_plan *p = m->p;
  const char *text = item->expr.text, *dot = strrchr(text, '.');
  const char *name = dot ? dot + 1 : text;
  size_t len = strlen(name);
  if (len >= 2 && name[0] == '"' && name[len - 1] == '"') {
    name++;
    len -= 2;
  }
  if (is_taken(out, 0, out->cnt, item->name))
    return mr_op_error(p, item->name_at, MR_CODE_KEYS_CLASH, "%s is there already", item->name);
  if (!is_name(name, len)) {
    struct mr_diag *d = mr_diag_error(p->diags, MR_CODE_WRONG_TYPE, mr_tree_span(item->expr.at),
                                      "select of a join takes stream.column, not an expression");
    mr_diag_try(d, "compute with a map behind the join");
    return MR_ERR_CONF;
  }
  struct mr_opt_string column = {mr_arena_strndup(p->arena, name, len), (uint32_t)len,
                                 item->expr.at};
  if (!dot) return put_lone(m, out, item, &column);
  int32_t side = side_of(m, text, (size_t)(dot - text));
  if (side < 0) {
    struct mr_diag *d = mr_diag_error(p->diags, MR_CODE_UNKNOWN_COLUMN, mr_tree_span(item->expr.at),
                                      side == -2 ? "%.*s is ambiguous: both sides read it"
                                                 : "%.*s is none of the join's streams",
                                      (int)(dot - text), text);
    mr_diag_try(d, "left.COLUMN or right.COLUMN");
    return MR_ERR_CONF;
  }
  int32_t c = column_of(m, (uint32_t)side, &column);
  if (c < 0) return MR_ERR_CONF;
  put_column(m, out, (uint32_t)side, (uint32_t)c, item->name);
  return MR_OK;
}

static int plan_output(struct maker *m) {
  struct mr_op_plan *p = m->p;
  const struct mr_opt_exprs *select = &m->conf->select;
  uint32_t most = p->ports[0].in->cnt + p->ports[1].in->cnt + select->cnt + 2;
  struct mr_schema *out = mr_op_schema(p, most);
  m->plan->cols = MR_NEW(p->arena, struct mr_join_col, most + 1);
  out->cnt = 0;
  int rc = select->cnt ? MR_OK : put_all(m, out);
  for (uint32_t i = 0; i < select->cnt; i++)
    if (put_selected(m, out, &select->items[i])) rc = MR_ERR_CONF;
  if (out->cnt >= MR_COLUMNS_MAX)
    rc = mr_op_error(p, NULL, MR_CODE_OUT_OF_RANGE, "more than %u columns", MR_COLUMNS_MAX - 1);
  out->visible_cnt = out->cnt;
  out->event_time = (int32_t)out->cnt;
  out->fields[out->cnt++] =
      (struct mr_field){.name = "event_time", .type = MR_TYPE_TIMESTAMP, .hidden = true};
  struct mr_op_out *decl = &p->outs[MR_OUT_MAIN];
  decl->schema = m->plan->out = out;
  decl->own_batches = true;
  for (uint32_t c = 0; c < out->cnt; c++) {
    enum mr_phys phys = mr_field_phys(&out->fields[c]);
    decl->heap |= phys == MR_PHYS_STR || phys == MR_PHYS_LIST;
    p->can_fail |= phys == MR_PHYS_LIST; /* two long ones may be too much for one row */
  }
  return rc;
}

/* ---- late rows ---- */

/* NODE.late: left's columns, then those of right that left has not. Of a row of one side the
 * columns that the other side alone has are NULL. */
static int plan_late(struct maker *m) {
  struct mr_op_plan *p = m->p;
  const struct mr_schema *left = p->ports[0].in, *right = p->ports[1].in;
  struct mr_schema *late = mr_op_schema(p, left->visible_cnt + right->visible_cnt);
  for (uint32_t s = 0; s < 2; s++) {
    int32_t *at = m->plan->sides[s].late = MR_NEW(p->arena, int32_t, late->cnt + 1);
    for (uint32_t c = 0; c < late->cnt; c++) at[c] = -1;
  }
  late->cnt = 0;
  for (uint32_t s = 0; s < 2; s++) {
    const struct mr_schema *in = p->ports[s].in;
    for (uint32_t c = 0; c < in->visible_cnt; c++) {
      const struct mr_field *f = &in->fields[c];
      uint32_t at = 0;
      while (at < late->cnt && strcmp(late->fields[at].name, f->name)) at++;
      struct mr_field *to = &late->fields[at];
      if (at == late->cnt) {
        *to = *f;
        to->optional = true;
        late->cnt++;
      } else if (to->type != f->type || to->elem != f->elem || !codes_equal(to->codes, f->codes)) {
        return mr_op_error(p, NULL, MR_CODE_SCHEMA_MISMATCH,
                           "%s is of another type in left than in right, so NODE.late cannot hold "
                           "the rows of both",
                           f->name);
      }
      m->plan->sides[s].late[at] = (int32_t)c;
    }
  }
  late->visible_cnt = late->cnt;
  m->plan->late = p->outs[OUT_LATE].schema = late;
  return MR_OK;
}

/* ---- the whole ---- */

int mr_join_plan(struct mr_op_plan *p) {
  const struct mr_join_conf *conf = p->conf;
  struct maker m = {p, conf, MR_NEW(p->arena, struct mr_join_plan, 1)};
  for (uint32_t s = 0; s < 2; s++) m.plan->sides[s].in = p->ports[s].in;
  int rc = plan_time(&m);
  if (plan_keys(&m)) rc = MR_ERR_CONF;
  if (plan_output(&m)) rc = MR_ERR_CONF;
  p->outs[OUT_LATE].schema = p->in;
  if (p->late_read && plan_late(&m)) rc = MR_ERR_CONF;
  if (rc) return rc;
  m.plan->max_state = conf->max_state;
  m.plan->dead_letter = conf->on_full == MR_ON_FULL_DEAD_LETTER;
  m.plan->divert = p->late_read && conf->late != MR_LATE_DROP;
  p->can_fail |= m.plan->dead_letter;
  p->rejects_input |= m.plan->dead_letter;
  p->state_max = mr_store_footprint(conf->max_state);
  p->data = m.plan;
  return MR_OK;
}

void mr_join_need(const struct mr_op_plan *p, const bool *const out_need[MR_OUTS_MAX],
                  bool *in_need) {
  const struct mr_join_plan *plan = p->data;
  bool *need[2] = {in_need, in_need + p->ports[0].in->cnt};
  for (uint32_t s = 0; s < 2; s++) {
    for (uint32_t k = 0; k < p->key_cnt; k++) need[s][plan->sides[s].key_cols[k]] = true;
    need[s][plan->sides[s].et] = true;
    for (uint32_t c = 0; plan->late && out_need[OUT_LATE] && c < plan->late->cnt; c++)
      if (out_need[OUT_LATE][c] && plan->sides[s].late[c] >= 0)
        need[s][plan->sides[s].late[c]] = true;
  }
  for (uint32_t c = 0; out_need[MR_OUT_MAIN] && c < plan->out->visible_cnt; c++)
    if (out_need[MR_OUT_MAIN][c] && plan->cols[c].from <= MR_JOIN_OF_RIGHT)
      need[plan->cols[c].from][plan->cols[c].col] = true;
}

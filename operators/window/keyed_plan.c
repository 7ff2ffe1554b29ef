/* SPDX-License-Identifier: Apache-2.0 */
/* Keys, aggregates and output columns of window and group, at load. */
#include <string.h>

#include "graph/codes.h"
#include "graph/compile.h"
#include "operators/window/keyed.h"

const char *const mr_keyed_full_words[] = {"fail", "dead_letter", NULL};

struct maker {
  struct mr_op_plan *p;
  const struct mr_keyed_conf *conf;
  struct mr_keyed_plan *plan;
  struct mr_keyed_kind kind;
  struct mr_opt_exprs select;
  struct mr_ast **asts;          /* by output expression */
  struct mr_op_member **members; /* by output expression: its columns, */
  uint32_t *member_cnts;         /* and how many */
  struct mr_agg_list calls;
  const struct mr_opt_expr **call_text; /* by call: the expression that it stands in */
};

/* ---- keys ---- */

static int find_keys(struct maker *m) {
  struct mr_op_plan *p = m->p;
  const struct mr_opt_strings *names = &m->conf->key;
  if (names->cnt > MR_KEYS_MAX)
    return mr_op_error(p, names->items[0].at, MR_CODE_OUT_OF_RANGE, "at most %u key columns",
                       MR_KEYS_MAX);
  uint32_t *cols = MR_NEW(p->arena, uint32_t, names->cnt + 1);
  int rc = MR_OK;
  for (uint32_t k = 0; k < names->cnt; k++) {
    int32_t c = mr_op_column(p, &names->items[k]);
    if (c < 0) {
      rc = MR_ERR_CONF;
      continue;
    }
    cols[k] = (uint32_t)c;
    if (p->in->fields[c].type == MR_TYPE_LIST)
      rc = mr_op_error(p, names->items[k].at, MR_CODE_WRONG_TYPE, "a list cannot be a key");
  }
  if (rc) return rc;
  struct mr_keys *keys = &m->plan->keys;
  mr_keys_init(keys, p->in, cols, names->cnt);
  if (m->kind.hashed) {
    keys->dense = false;
    if (!keys->words) keys->words = keys->str_word = 1;
  }
  p->key_cols = cols;
  p->key_cnt = names->cnt;
  return MR_OK;
}

/* ---- aggregates ---- */

static void set_select(struct maker *m) {
  static const char text[] = "count(*)";
  m->select = m->conf->select;
  if (m->select.cnt) return;
  struct mr_opt_named_expr *item = MR_NEW(m->p->arena, struct mr_opt_named_expr, 1);
  *item = (struct mr_opt_named_expr){.name = "count", .expr = {text, sizeof text - 1, NULL}};
  m->select = (struct mr_opt_exprs){item, 1};
}

/* Parses the output expressions and takes the aggregates out of them. */
static int take_calls(struct maker *m) {
  struct mr_op_plan *p = m->p;
  int rc = MR_OK;
  m->asts = MR_NEW(p->arena, struct mr_ast *, m->select.cnt + 1);
  m->call_text = NULL;
  for (uint32_t i = 0; i < m->select.cnt; i++) {
    const struct mr_opt_expr *text = &m->select.items[i].expr;
    uint32_t before = m->calls.cnt;
    struct mr_expr_errors errors;
    m->asts[i] = mr_op_parse(p, text);
    if (!m->asts[i]) {
      rc = MR_ERR_CONF;
      continue;
    }
    mr_expr_errors_init(&errors, p->arena);
    mr_ast_aggregates(p->arena, m->asts[i], &m->calls, &errors);
    if (mr_op_report(p, text, &errors)) rc = MR_ERR_CONF;
    const struct mr_opt_expr **grown =
        MR_NEW(p->arena, const struct mr_opt_expr *, m->calls.cnt + 1);
    if (before) memcpy(grown, m->call_text, before * sizeof *grown);
    for (uint32_t c = before; c < m->calls.cnt; c++) grown[c] = text;
    m->call_text = grown;
  }
  return rc;
}

static int not_yet(struct maker *m, uint32_t c, const char *what) {
  return mr_op_error(m->p, m->call_text[c]->at, MR_CODE_NOT_AVAILABLE, "%s is not available yet",
                     what);
}

static int set_func(struct maker *m, uint32_t c, struct mr_fold *fold) {
  const struct mr_agg_call *call = &m->calls.calls[c];
  switch (call->func) {
  case MR_AGG_COUNT: fold->func = call->distinct ? MR_FOLD_DISTINCT : MR_FOLD_COUNT; break;
  case MR_AGG_SUM: fold->func = MR_FOLD_SUM; break;
  case MR_AGG_AVG: fold->func = MR_FOLD_AVG; break;
  case MR_AGG_MIN: fold->func = MR_FOLD_MIN; break;
  case MR_AGG_MAX: fold->func = MR_FOLD_MAX; break;
  case MR_AGG_FIRST: fold->func = MR_FOLD_FIRST; break;
  case MR_AGG_LAST: fold->func = MR_FOLD_LAST; break;
  case MR_AGG_COLLECT_LIST: fold->func = MR_FOLD_LIST; break;
  case MR_AGG_COLLECT_SET: fold->func = MR_FOLD_SET; break;
  case MR_AGG_APPROX_COUNT_DISTINCT: fold->func = MR_FOLD_HLL; break;
  case MR_AGG_STDDEV: fold->func = MR_FOLD_STDDEV; break;
  case MR_AGG_STDDEV_POP: fold->func = MR_FOLD_STDDEV_POP; break;
  case MR_AGG_VARIANCE: fold->func = MR_FOLD_VARIANCE; break;
  case MR_AGG_VAR_POP: fold->func = MR_FOLD_VAR_POP; break;
  case MR_AGG_PERCENTILE: fold->func = MR_FOLD_PERCENTILE; break;
  case MR_AGG_PERCENTILE_DISC: fold->func = MR_FOLD_PERCENTILE_DISC; break;
  case MR_AGG_PERCENTILE_APPROX: fold->func = MR_FOLD_QUANTILE; break;
  case MR_AGG_APPROX_TOP_K: fold->func = MR_FOLD_TOP; break;
  case MR_AGG_MODE: fold->func = MR_FOLD_MODE; break;
  default: return not_yet(m, c, mr_agg_name(call->func));
  }
  return MR_OK;
}

#define SKETCH_BITS     10u /* three decimal digits, as HdrHistogram is mostly used */
#define SKETCH_BITS_MAX 20u

/* Percentiles and the like: their constants, and the state of an earlier one over the same values.
 */
static void set_ranks(struct maker *m, uint32_t c, struct mr_fold *fold) {
  const struct mr_agg_call *call = &m->calls.calls[c];
  if (fold->func < MR_FOLD_PERCENTILE) return;
  fold->ps = call->ps;
  fold->p_cnt = call->p_cnt;
  fold->k = (uint32_t)call->k;
  fold->bits = SKETCH_BITS;
  if (call->accuracy) /* 2^-(bits + 1) <= 1 / accuracy */
    for (fold->bits = 1; fold->bits < SKETCH_BITS_MAX && INT64_C(2) << fold->bits < call->accuracy;)
      fold->bits++;
  for (uint32_t i = 0; i < c; i++) {
    const struct mr_fold *other = &m->plan->folds.items[i];
    if (other->func < MR_FOLD_PERCENTILE || other->shares ||
        !mr_agg_same_input(call, &m->calls.calls[i]))
      continue;
    bool sketch = fold->func == MR_FOLD_QUANTILE, also = other->func == MR_FOLD_QUANTILE;
    if (sketch != also || (sketch && fold->bits != other->bits)) continue;
    fold->shares = i + 1;
    return;
  }
}

static void keep_expr(struct maker *m, const struct mr_expr *e) {
  m->plan->inner_exprs[m->plan->inner_expr_cnt++] = e;
}

static int make_call(struct maker *m, uint32_t c) {
  struct mr_op_plan *p = m->p;
  const struct mr_agg_call *call = &m->calls.calls[c];
  const struct mr_opt_expr *text = m->call_text[c];
  struct mr_fold *fold = &m->plan->folds.items[c];
  struct mr_keyed_call *out = &m->plan->calls[c];
  struct mr_expr_scope scope = {.schema = p->in, .name = p->node->name};
  if (set_func(m, c, fold)) return MR_ERR_CONF;
  set_ranks(m, c, fold);
  if (call->arg) {
    out->arg = mr_op_compile(p, text, call->arg, &scope);
    if (!out->arg) return MR_ERR_CONF;
    fold->has_arg = true;
    fold->arg = out->arg->field;
    out->arg_idx = m->plan->inner_expr_cnt;
    keep_expr(m, out->arg);
  }
  if (call->filter) {
    scope.want = MR_TYPE_BOOL;
    out->filter = mr_op_compile(p, text, call->filter, &scope);
    if (!out->filter) return MR_ERR_CONF;
    out->filter_idx = m->plan->inner_expr_cnt;
    keep_expr(m, out->filter);
  }
  bool few = fold->has_arg && (fold->arg.codes || fold->arg.type == MR_TYPE_BOOL);
  if (fold->func == MR_FOLD_HLL && few) fold->func = MR_FOLD_DISTINCT; /* a bitmap: exact */
  fold->maybe_null = out->filter || (out->arg && out->arg->field.optional);
  struct mr_expr_errors errors;
  mr_expr_errors_init(&errors, p->arena);
  mr_expr_agg_type(call, fold->has_arg ? &fold->arg : NULL, &fold->out, &errors);
  if (mr_op_report(p, text, &errors)) return MR_ERR_CONF;
  /* a group has at least one row, of which some say nothing about a spread */
  bool spread = fold->func == MR_FOLD_STDDEV || fold->func == MR_FOLD_VARIANCE;
  if (!fold->maybe_null && !spread) fold->out.optional = false;
  /* a sum beyond 64 bits, a list beyond what a batch holds */
  if (fold->out.type == MR_TYPE_LIST || (fold->func <= MR_FOLD_AVG && fold->has_arg))
    p->can_fail = true;
  return MR_OK;
}

static int make_folds(struct maker *m) {
  struct mr_op_plan *p = m->p;
  struct mr_keyed_plan *plan = m->plan;
  uint32_t cnt = m->calls.cnt;
  plan->folds.items = MR_NEW(p->arena, struct mr_fold, cnt + 1);
  plan->folds.cnt = cnt;
  plan->calls = MR_NEW(p->arena, struct mr_keyed_call, cnt + 1);
  plan->inner_exprs = MR_NEW(p->arena, const struct mr_expr *, cnt * 2 + 2);
  int rc = MR_OK;
  if (m->conf->where.text) {
    plan->where = mr_op_expr(p, &m->conf->where, MR_TYPE_BOOL);
    if (plan->where)
      keep_expr(m, plan->where);
    else
      rc = MR_ERR_CONF;
  }
  for (uint32_t c = 0; c < cnt; c++)
    if (make_call(m, c)) rc = MR_ERR_CONF;
  plan->folds.merges = m->kind.merges;
  if (!rc) mr_folds_init(&plan->folds, p->arena, mr_row_before(&plan->keys) + m->kind.extra_sz);
  return rc;
}

/* ---- inner rows and output ---- */

static void put_times(struct mr_schema *s) {
  s->fields[s->cnt++] = (struct mr_field){.name = "window_start", .type = MR_TYPE_TIMESTAMP};
  s->fields[s->cnt++] = (struct mr_field){.name = "window_end", .type = MR_TYPE_TIMESTAMP};
}

static void put_keys(struct maker *m, struct mr_schema *s) {
  for (uint32_t k = 0; k < m->p->key_cnt; k++) {
    s->fields[s->cnt] = m->p->in->fields[m->p->key_cols[k]];
    s->fields[s->cnt++].hidden = false;
  }
}

static void make_inner(struct maker *m) {
  struct mr_keyed_plan *plan = m->plan;
  struct mr_schema *s = mr_op_schema(m->p, 2 + m->p->key_cnt + m->calls.cnt);
  s->cnt = 0;
  if (plan->windowed) put_times(s);
  put_keys(m, s);
  for (uint32_t c = 0; c < m->calls.cnt; c++) {
    s->fields[s->cnt] = plan->folds.items[c].out;
    s->fields[s->cnt++].name = m->calls.calls[c].name;
  }
  s->visible_cnt = s->cnt;
  plan->inner = s;
}

static bool is_taken(const struct mr_schema *s, const char *name) {
  for (uint32_t i = 0; i < s->cnt; i++) {
    const struct mr_field *f = &s->fields[i];
    if (strcmp(f->outer ? f->outer : f->name, name) == 0) return true;
  }
  return false;
}

static int make_member(struct maker *m, const struct mr_opt_named_expr *item,
                       const struct mr_op_member *member, struct mr_schema *out) {
  struct mr_op_plan *p = m->p;
  struct mr_expr_scope scope = {
      .schema = m->plan->inner, .name = p->node->name, .input = p->in, .flags = MR_EXPR_NO_RECORD};
  const struct mr_expr *e = mr_op_compile(p, &item->expr, member->ast, &scope);
  if (!e) return MR_ERR_CONF;
  if (e->field.type == MR_TYPE_NONE)
    return mr_op_error(p, item->expr.at, MR_CODE_WRONG_TYPE,
                       "%s is NULL in every row and has no type; cast it", member->name);
  m->plan->selects[m->plan->select_cnt++] = e;
  out->fields[out->cnt] = e->field;
  out->fields[out->cnt].name = member->name;
  out->fields[out->cnt].outer = member->outer;
  out->fields[out->cnt++].hidden = false;
  return MR_OK;
}

/* The columns of one expression of select. */
static int make_select(struct maker *m, uint32_t i, struct mr_schema *out) {
  struct mr_op_plan *p = m->p;
  const struct mr_opt_named_expr *item = &m->select.items[i];
  if (is_taken(out, item->name))
    return mr_op_error(
        p, item->name_at, MR_CODE_KEYS_CLASH,
        "%s is there already: window_start, window_end and the keys go before select", item->name);
  int rc = m->member_cnts[i] ? MR_OK : MR_ERR_CONF;
  for (uint32_t k = 0; k < m->member_cnts[i]; k++)
    if (make_member(m, item, &m->members[i][k], out)) rc = MR_ERR_CONF;
  return rc;
}

/* Takes structs apart; returns how many columns select makes. */
static uint32_t find_members(struct maker *m) {
  uint32_t sum = 0;
  m->members = MR_NEW(m->p->arena, struct mr_op_member *, m->select.cnt + 1);
  m->member_cnts = MR_NEW(m->p->arena, uint32_t, m->select.cnt + 1);
  for (uint32_t i = 0; i < m->select.cnt; i++) {
    m->member_cnts[i] = mr_op_members(m->p, &m->select.items[i], m->asts[i], &m->members[i]);
    sum += m->member_cnts[i];
  }
  return sum;
}

static int make_output(struct maker *m) {
  struct mr_op_plan *p = m->p;
  struct mr_keyed_plan *plan = m->plan;
  uint32_t select_cnt = find_members(m);
  struct mr_schema *out = mr_op_schema(p, 3 + p->key_cnt + select_cnt);
  int rc = MR_OK;
  out->cnt = 0;
  if (plan->windowed) put_times(out);
  for (uint32_t k = 0; k < p->key_cnt; k++)
    if (is_taken(out, p->in->fields[p->key_cols[k]].name))
      rc = mr_op_error(p, m->conf->key.items[k].at, MR_CODE_KEYS_CLASH,
                       "the key %s has the name of a column that the window makes; rename it with "
                       "a map",
                       p->in->fields[p->key_cols[k]].name);
  put_keys(m, out);
  plan->head_cnt = out->cnt;
  plan->selects = MR_NEW(p->arena, const struct mr_expr *, select_cnt + 1);
  for (uint32_t i = 0; i < m->select.cnt; i++)
    if (make_select(m, i, out)) rc = MR_ERR_CONF;
  if (out->cnt >= MR_COLUMNS_MAX)
    rc = mr_op_error(p, NULL, MR_CODE_OUT_OF_RANGE, "more than %u columns", MR_COLUMNS_MAX - 1);
  out->visible_cnt = out->cnt;
  if (plan->windowed) {
    out->event_time = (int32_t)out->cnt;
    out->fields[out->cnt++] =
        (struct mr_field){.name = "event_time", .type = MR_TYPE_TIMESTAMP, .hidden = true};
  }
  plan->out = out;
  struct mr_op_out *decl = &p->outs[MR_OUT_MAIN];
  decl->schema = out;
  decl->own_batches = true;
  for (uint32_t c = 0; c < out->cnt; c++) {
    enum mr_phys phys = mr_field_phys(&out->fields[c]);
    decl->heap |= phys == MR_PHYS_STR || phys == MR_PHYS_LIST;
  }
  /* lists that select only computes with are built in the heap too */
  for (uint32_t c = 0; c < plan->folds.cnt; c++)
    decl->heap |= plan->folds.items[c].out.type == MR_TYPE_LIST;
  return rc;
}

struct mr_keyed_plan *mr_keyed_plan(struct mr_op_plan *p, const struct mr_keyed_conf *conf,
                                    enum mr_keyed_emit emit, struct mr_keyed_kind kind) {
  struct maker m = {
      .p = p, .conf = conf, .plan = MR_NEW(p->arena, struct mr_keyed_plan, 1), .kind = kind};
  struct mr_keyed_plan *plan = m.plan;
  plan->windowed = kind.windowed;
  plan->first_key = kind.windowed ? 2 : 0;
  plan->max_state = conf->max_state;
  plan->max_keys = (uint64_t)conf->max_keys;
  plan->dead_letter = conf->on_full == MR_ON_FULL_DEAD_LETTER;
  int rc = find_keys(&m);
  set_select(&m);
  if (take_calls(&m)) rc = MR_ERR_CONF;
  if (rc || make_folds(&m)) return NULL;
  make_inner(&m);
  if (make_output(&m)) return NULL;
  if (conf->every_given && emit == MR_EMIT_FINAL) {
    mr_op_error(p, NULL, MR_CODE_KEYS_CLASH,
                "every goes with emit: update or complete; "
                "emit: final writes a row once, when its window closes");
    return NULL;
  }
  p->every_us = conf->every_given ? conf->every : 0;
  p->can_fail |= plan->dead_letter;
  p->rejects_input |= plan->dead_letter;
  p->state_max = mr_store_footprint(conf->max_state);
  return plan;
}

void mr_keyed_need(const struct mr_op_plan *p, const struct mr_keyed_plan *plan, bool *in_need) {
  for (uint32_t k = 0; k < p->key_cnt; k++) in_need[p->key_cols[k]] = true;
  for (uint32_t i = 0; i < plan->inner_expr_cnt; i++)
    for (uint32_t c = 0; c < p->in->cnt; c++) in_need[c] |= plan->inner_exprs[i]->reads[c];
}

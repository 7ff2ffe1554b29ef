/* SPDX-License-Identifier: Apache-2.0 */
/* The first rows of each group: ROW_NUMBER() <= n is top_n in each window, ROW_NUMBER() = 1 by the
 * event time is dedup, and so is DISTINCT. */
#include <string.h>

#include "base/limits.h"
#include "operators/sql/sql.h"

struct rank {
  struct sql *s;
  const struct mr_query *q;
  const struct sql_rel *in;
  const struct mr_query_node *call; /* ROW_NUMBER() OVER (...) */
  const char *const *outs;          /* by item, behind a GROUP BY; or NULL */
  const struct sql_rank *rank;
};

static const struct mr_query_node *find_call(const struct mr_query *q, const char *name) {
  for (uint32_t i = 0; i < q->item_cnt; i++) {
    const struct mr_query_item *item = &q->items[i];
    if (item->expr && item->expr->over && item->name && !strcmp(item->name, name))
      return item->expr;
  }
  return NULL;
}

static bool is_window(const struct mr_query_node *n) {
  return n->kind == MR_QUERY_COLUMN &&
         (!strcmp(n->name, "window_start") || !strcmp(n->name, "window_end"));
}

/* The column that an expression of OVER is; NULL: reported. */
static const char *column_of(const struct rank *r, const struct mr_query_node *n) {
  for (uint32_t i = 0; r->outs && i < r->q->item_cnt; i++) {
    const struct mr_query_item *item = &r->q->items[i];
    bool named = item->name && n->kind == MR_QUERY_COLUMN && !strcmp(item->name, n->name);
    if (r->outs[i] && item->expr && (named || mr_query_same(item->expr, n))) return r->outs[i];
  }
  if (n->kind == MR_QUERY_COLUMN && r->outs) return n->name;
  if (n->kind == MR_QUERY_COLUMN)
    return sql_check(r->s, r->in, n, "OVER", false) ? sql_column(r->s, r->in, n) : NULL;
  struct mr_diag *d = sql_error(r->s, MR_EXPR_NOT_SUPPORTED, n->off, n->len,
                                "queries do not have an expression in OVER");
  mr_diag_try(d, "give it a name in SELECT of a subquery");
  return NULL;
}

/* The columns of PARTITION BY but the window's. False: reported. */
static bool put_key(const struct rank *r, struct mr_tree *step, bool windowed) {
  struct sql *s = r->s;
  const struct mr_query_over *over = r->call->over;
  struct mr_tree *list =
      mr_tree_new(s->x->arena, MR_TREE_LIST, sql_span(s, r->call->off, r->call->len));
  for (uint32_t i = 0; i < over->partition_cnt; i++) {
    const struct mr_query_node *n = over->partition[i];
    if (!n) return false;
    if (windowed && is_window(n)) continue;
    const char *name = column_of(r, n);
    if (!name) return false;
    mr_tree_add(s->x->arena, list, NULL, sql_word(s, name, n->off, n->len));
  }
  if (list->cnt) sql_put(s, step, "key", list, r->call->off, r->call->len);
  return true;
}

/* ---- the first row of a key ---- */

static bool is_event_time(const struct rank *r, const struct mr_query_node *n) {
  const struct mr_schema *in = r->in->schema;
  if (n->kind == MR_QUERY_CALL && !strcmp(n->name, "event_time")) return true;
  if (n->kind != MR_QUERY_COLUMN || !in || in->event_time < 0) return false;
  return !strcmp(in->fields[in->event_time].name, n->name);
}

static struct sql_rel add_dedup(const struct rank *r, struct mr_tree *step, const char *prefix,
                                uint32_t off, uint32_t len) {
  struct sql *s = r->s;
  if (!mr_tree_get(s->x->tree, "within")) {
    struct mr_diag *d =
        sql_error(s, MR_EXPR_UNBOUNDED, off, len, "which rows were there is kept without end");
    mr_diag_try(d, "within: 1h beside the query");
    return (struct sql_rel){.off = r->in->off, .len = r->in->len};
  }
  sql_hand_on(s, step, SQL_LATE | SQL_WITHIN | (r->in->derived ? 0 : SQL_DELAY));
  return sql_add(s, sql_name(s, prefix, "dedup"), step, NULL, r->in);
}

static struct sql_rel first_row(const struct rank *r, const char *prefix) {
  struct sql *s = r->s;
  const struct mr_query_over *over = r->call->over;
  struct sql_rel none = {.off = r->in->off, .len = r->in->len};
  if (!over->partition_cnt) {
    sql_error(s, MR_EXPR_UNBOUNDED, r->call->off, r->call->len,
              "the first row of a whole stream has no key: PARTITION BY says which rows repeat");
    return none;
  }
  struct mr_tree *step = sql_step(s, "dedup", r->in, r->call->off, r->call->len);
  if (!put_key(r, step, false)) return none;
  struct sql_rel rel = add_dedup(r, step, prefix, r->call->off, r->call->len);
  if (!rel.from || !r->rank->read) return rel;
  uint32_t off = r->call->off, len = r->call->len;
  struct mr_tree *map = sql_step(s, "map", &rel, off, len);
  struct mr_tree *set = mr_tree_new(s->x->arena, MR_TREE_MAP, sql_span(s, off, len));
  sql_put(s, set, r->rank->name, sql_word(s, "1", off, len), off, len);
  sql_put(s, map, "set", set, off, len);
  return sql_add(s, sql_name(s, prefix, "rank"), map, NULL, &rel);
}

/* ---- the first rows of a window ---- */

/* "n DESC, city"; NULL: reported. */
static const char *order_text(const struct rank *r) {
  static const char *const nulls[] = {"", " NULLS FIRST", " NULLS LAST"};
  const struct mr_query_over *over = r->call->over;
  const char *order = "";
  for (uint32_t i = 0; i < over->order_cnt; i++) {
    const struct mr_query_order *o = &over->order[i];
    const char *name = o->expr ? column_of(r, o->expr) : NULL;
    if (!name) return NULL;
    order = mr_arena_printf(r->s->x->arena, "%s%s%s%s%s", order, i ? ", " : "", name,
                            o->descending ? " DESC" : "", nulls[o->nulls]);
  }
  return order;
}

static struct sql_rel top_rows(const struct rank *r, const char *prefix, bool windowed) {
  struct sql *s = r->s;
  const struct sql_rank *rank = r->rank;
  struct sql_rel none = {.off = r->in->off, .len = r->in->len};
  if (!mr_op_expand_has(s->x, "top_n", NULL)) {
    sql_error(s, MR_CODE_NOT_AVAILABLE, r->call->off, r->call->len,
              "ROW_NUMBER() with ORDER BY is not available yet: there is no step top_n");
    return none;
  }
  const char *order = order_text(r);
  if (!order) return none;
  struct mr_tree *step = sql_step(s, "top_n", r->in, r->call->off, r->call->len);
  int64_t n = rank->bound->op == '<' ? rank->n->i - 1 : rank->n->i;
  const char *text = mr_arena_printf(s->x->arena, "%lld", (long long)n);
  sql_put(s, step, "n", sql_word(s, text, rank->n->off, rank->n->len), rank->n->off, rank->n->len);
  const struct mr_query_node *by = r->call->over->order[0].expr;
  sql_put(s, step, "order_by", sql_word(s, order, by->off, by->len), by->off, by->len);
  if (!put_key(r, step, windowed)) return none;
  if (rank->read)
    sql_put(s, step, "rank", sql_word(s, rank->name, r->call->off, r->call->len), r->call->off,
            r->call->len);
  uint32_t which = SQL_LATE | (r->in->derived ? 0 : SQL_DELAY);
  if (!s->inner) which |= SQL_EMIT | SQL_EVERY;
  sql_hand_on(s, step, which);
  return sql_add(s, sql_name(s, prefix, "top_n"), step, NULL, r->in);
}

struct sql_rel sql_top(struct sql *s, const struct mr_query *q, const struct sql_rel *in,
                       const char *prefix, const struct sql_rank *rank, const char *const *outs) {
  struct rank r = {.s = s, .q = q, .in = in, .outs = outs, .rank = rank};
  struct sql_rel none = {.off = in->off, .len = in->len};
  r.call = find_call(q, rank->name);
  const struct mr_query_over *over = r.call->over;
  if (!over->order_cnt || !over->order[0].expr) {
    struct mr_diag *d = sql_error(s, MR_EXPR_NOT_SUPPORTED, r.call->off, r.call->len,
                                  "queries do not have ROW_NUMBER() without ORDER BY");
    mr_diag_label(d, "which rows are first?");
    return none;
  }
  bool windowed = false;
  for (uint32_t i = 0; i < over->partition_cnt; i++)
    windowed |= over->partition[i] && is_window(over->partition[i]);
  const struct mr_query_order *o = &over->order[0];
  bool one = rank->bound->op == '<' ? rank->n->i == 2 : rank->n->i == 1;
  if (!windowed && one && over->order_cnt == 1 && !o->descending && is_event_time(&r, o->expr))
    return first_row(&r, prefix);
  bool in_windows = in->schema && mr_schema_find(in->schema, "window_start", 12) >= 0 &&
                    mr_schema_find(in->schema, "window_end", 10) >= 0;
  if (windowed == in_windows) return top_rows(&r, prefix, windowed);
  struct mr_diag *d =
      sql_error(s, MR_EXPR_UNBOUNDED, r.call->off, r.call->len,
                windowed ? "the rows are not those of windows: window_start and "
                           "window_end are columns of a GROUP BY tumble(...)"
                         : "the first rows of all windows together are never known");
  mr_diag_try(d, "PARTITION BY window_start, ... behind a GROUP BY tumble(...)");
  return none;
}

/* ---- DISTINCT ---- */

struct sql_rel sql_distinct(struct sql *s, const struct mr_query *q, const struct sql_rel *in,
                            const char *prefix, bool grouped) {
  struct sql_rel none = {.off = in->off, .len = in->len};
  uint32_t off = q->distinct_off, len = q->distinct_len;
  if (grouped) {
    sql_error(s, MR_EXPR_NOT_SUPPORTED, off, len,
              "queries do not have SELECT DISTINCT with GROUP BY");
    return none;
  }
  if (!in->schema) {
    sql_error(s, MR_EXPR_NOT_SUPPORTED, off, len,
              "the columns that DISTINCT compares are not known here; name them in SELECT");
    return none;
  }
  struct rank r = {.s = s, .q = q, .in = in};
  struct mr_tree *step = sql_step(s, "dedup", in, off, len);
  struct mr_tree *key = mr_tree_new(s->x->arena, MR_TREE_LIST, sql_span(s, off, len));
  for (uint32_t c = 0; c < in->schema->visible_cnt; c++)
    mr_tree_add(s->x->arena, key, NULL, sql_word(s, in->schema->fields[c].name, off, len));
  sql_put(s, step, "key", key, off, len);
  return add_dedup(&r, step, prefix, off, len);
}

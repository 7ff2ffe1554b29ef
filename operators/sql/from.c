/* SPDX-License-Identifier: Apache-2.0 */
/* FROM: nodes of the graph, names of WITH, subqueries. */
#include <string.h>

#include "operators/sql/sql.h"
#include "operators/sql/with.h"

static struct sql_rel read_node(struct sql *s, const struct mr_query_from *f) {
  const char *from =
      f->output ? mr_arena_printf(s->x->arena, "%s.%s", f->node, f->output) : f->node;
  struct sql_rel rel = {.off = f->off, .len = f->len};
  rel.alias = f->alias ? f->alias : f->output ? f->output : f->node;
  if (!strcmp(from, s->x->name)) {
    sql_error(s, MR_CODE_CYCLE, f->off, f->len, "%s reads itself", from);
    return rel;
  }
  if (!mr_op_expand_reads(s->x, from)) {
    struct mr_diag *d = sql_error(s, MR_CODE_DANGLING_EDGE, f->off, f->len,
                                  "no source or step is named \"%s\"", from);
    const char *near = mr_op_expand_nearest(s->x, from);
    if (near && strcmp(near, from)) mr_diag_label(d, "did you mean \"%s\"?", near);
    return rel;
  }
  rel.from = from;
  rel.schema = mr_op_expand_schema(s->x, from);
  return rel;
}

struct sql_with *sql_find_with(const struct sql *s, const char *name) {
  for (struct sql_with *w = s->withs; w; w = w->next)
    if (!strcmp(w->name, name)) return w;
  return NULL;
}

/* A WITH is planned when it is read first, and then read by all. */
static struct sql_rel read_with(struct sql *s, struct sql_with *w, const struct mr_query_from *f,
                                const struct sql_rank *rank) {
  struct sql_with *withs = s->withs;
  struct sql_rel rel = w->rel;
  if (!w->planned || rank) {
    s->withs = w->next; /* it sees those before it */
    rel = sql_query(s, w->query, w->prefix, rank);
    s->withs = withs;
    if (!rank) {
      w->rel = rel;
      w->planned = true;
    }
  }
  rel.alias = f->alias ? f->alias : w->name;
  rel.off = f->off;
  rel.len = f->len;
  return rel;
}

struct sql_rel sql_from(struct sql *s, const struct mr_query_from *f, const char *prefix,
                        const struct sql_rank *rank) {
  struct sql_rel rel = {.off = f->off, .len = f->len};
  struct sql_with *w = f->kind == MR_QUERY_TABLE && !f->output ? sql_find_with(s, f->node) : NULL;
  if (w) return read_with(s, w, f, rank);
  if (f->kind == MR_QUERY_TABLE) return read_node(s, f);
  if (f->kind == MR_QUERY_JOIN) return sql_join(s, f, prefix);
  const char *name = f->alias ? mr_arena_printf(s->x->arena, "%s.%s", prefix, f->alias) : prefix;
  rel = sql_query(s, f->sub, name, rank);
  rel.alias = f->alias;
  rel.off = f->off;
  rel.len = 1; /* its bracket: the whole may be many lines */
  return rel;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Pieces of the query as the text of options. A byte that is copied has the place of its origin in
 * the graph file; one that is made has the place of what it stands for. */
#include <string.h>

#include "operators/sql/sql.h"

struct piece {
  struct sql *s;
  char *text;
  uint32_t *off; /* byte of the graph file, one more than text */
  uint32_t len, cap;
  uint32_t end; /* byte of the query behind what was written last */
};

static void room(struct piece *p, uint32_t more) {
  if (p->len + more + 1 <= p->cap) return;
  uint32_t cap = (p->len + more + 1) * 2;
  char *text = MR_NEW(p->s->x->arena, char, cap);
  uint32_t *off = MR_NEW(p->s->x->arena, uint32_t, cap);
  if (p->len) memcpy(text, p->text, p->len);
  if (p->len) memcpy(off, p->off, p->len * sizeof *off);
  p->text = text;
  p->off = off;
  p->cap = cap;
}

/* Bytes [lo, hi) of the query as they are. */
static void copy(struct piece *p, uint32_t lo, uint32_t hi) {
  if (hi <= lo) return;
  room(p, hi - lo);
  memcpy(p->text + p->len, p->s->text + lo, hi - lo);
  memcpy(p->off + p->len, p->s->at->off + lo, (hi - lo) * sizeof *p->off);
  p->len += hi - lo;
  p->end = hi;
}

/* Other text in the place of bytes [lo, hi). */
static void put(struct piece *p, const char *text, uint32_t lo, uint32_t hi) {
  uint32_t len = (uint32_t)strlen(text);
  room(p, len);
  memcpy(p->text + p->len, text, len);
  for (uint32_t i = 0; i < len; i++) p->off[p->len + i] = p->s->at->off[lo];
  p->len += len;
  p->end = hi;
}

/* The argument that begins first at or behind byte `from`, of those inside `n`. */
static const struct mr_query_node *next_arg(const struct mr_query_node *n, uint32_t from) {
  const struct mr_query_node *first = NULL;
  for (uint32_t i = 0; i < n->arg_cnt; i++) {
    const struct mr_query_node *a = n->args[i];
    if (a->off >= from && a->len && (!first || a->off < first->off)) first = a;
  }
  return first;
}

static void write_node(struct piece *p, const struct mr_query_node *n, sql_replace_fn fn,
                       void *ctx) {
  const char *other = fn ? fn(ctx, n) : NULL;
  uint32_t at = n->off, end = n->off + n->len;
  if (other) {
    put(p, other, at, end);
    return;
  }
  for (const struct mr_query_node *a; (a = next_arg(n, at)) != NULL;) {
    copy(p, at, a->off);
    write_node(p, a, fn, ctx);
    at = a->off + a->len;
  }
  copy(p, at, end);
}

struct mr_tree *sql_expr(struct sql *s, const struct mr_query_node *const *parts, uint32_t cnt,
                         sql_replace_fn fn, void *ctx) {
  struct piece p = {.s = s};
  (void)sql_span(s, 0, 0); /* sees to it that the places of the query's bytes are known */
  room(&p, 0);
  for (uint32_t i = 0; i < cnt; i++) {
    if (i) put(&p, " AND ", parts[i]->off, parts[i]->off);
    if (cnt > 1) put(&p, "(", parts[i]->off, parts[i]->off);
    write_node(&p, parts[i], fn, ctx);
    if (cnt > 1) put(&p, ")", p.end, p.end);
  }
  p.text[p.len] = 0;
  p.off[p.len] = s->at->off[p.end];
  uint32_t lo = parts[0]->off;
  struct mr_tree *t =
      mr_tree_new_text(s->x->arena, p.text, p.len, sql_span(s, lo, p.end > lo ? p.end - lo : 0));
  t->off = p.off;
  return t;
}

const char *sql_quoted(struct sql *s, const char *name) {
  return mr_arena_printf(s->x->arena, "\"%s\"", name);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "operators/join/order.h"

#include <string.h>
#include <strings.h>

#include "base/bits.h"
#include "graph/codes.h"
#include "graph/compile.h"
#include "graph/diag.h"
#include "graph/tree.h"

/* ---- at load ---- */

static const uint8_t *rank_codes(struct mr_arena *arena, const struct mr_enum *codes) {
  uint8_t *rank = MR_NEW(arena, uint8_t, 256);
  for (uint32_t i = 0; i < codes->cnt; i++)
    for (uint32_t k = 0; k < codes->cnt; k++)
      rank[i] += strcmp(codes->texts[k], codes->texts[i]) < 0;
  return rank;
}

static struct mr_order_col make_col(struct mr_arena *arena, const struct mr_schema *in,
                                    uint32_t c) {
  const struct mr_field *f = &in->fields[c];
  return (struct mr_order_col){.col = c,
                               .phys = mr_field_phys(f),
                               .is_double = f->type == MR_TYPE_DOUBLE,
                               .rank = f->codes ? rank_codes(arena, f->codes) : NULL};
}

/* The next word of the text, blanks between; its length. */
static size_t word_at(const char **text, const char *end) {
  while (*text < end && strchr(" \t\n", **text)) (*text)++;
  size_t len = 0;
  while (*text + len < end && !strchr(" \t\n", (*text)[len])) len++;
  return len;
}

static bool takes_word(const char **text, const char *end, const char *word) {
  size_t len = word_at(text, end);
  if (len != strlen(word) || strncasecmp(*text, word, len)) return false;
  *text += len;
  return true;
}

/* "a DESC NULLS LAST" */
static int read_item(struct mr_order *order, struct mr_op_plan *p,
                     const struct mr_opt_string *whole, const char *text, const char *end) {
  size_t len = word_at(&text, end);
  struct mr_opt_string name = {mr_arena_strndup(p->arena, text, len), (uint32_t)len, whole->at};
  if (!len)
    return mr_op_error(p, whole->at, MR_CODE_SYNTAX,
                       "order_by is a list of columns: \"a DESC, b\"");
  int32_t c = mr_op_column(p, &name);
  if (c < 0) return MR_ERR_CONF;
  if (p->in->fields[c].type == MR_TYPE_LIST)
    return mr_op_error(p, whole->at, MR_CODE_WRONG_TYPE, "%s is a list, which has no order",
                       name.text);
  struct mr_order_col *col = &order->cols[order->cnt++];
  *col = make_col(p->arena, p->in, (uint32_t)c);
  text += len;
  col->down = takes_word(&text, end, "desc");
  if (!col->down) takes_word(&text, end, "asc");
  col->nulls_last = col->down;
  if (takes_word(&text, end, "nulls")) {
    col->nulls_last = takes_word(&text, end, "last");
    if (!col->nulls_last && !takes_word(&text, end, "first")) text = "?", end = text + 1;
  }
  if (!word_at(&text, end)) return MR_OK;
  return mr_op_error(p, whole->at, MR_CODE_SYNTAX,
                     "behind %s stand ASC or DESC, and NULLS FIRST or NULLS LAST", name.text);
}

int mr_order_plan(struct mr_order *order, struct mr_op_plan *p, const struct mr_opt_strings *text) {
  order->cols = MR_NEW(p->arena, struct mr_order_col, MR_COLUMNS_MAX + 1);
  for (uint32_t i = 0; i < text->cnt; i++) {
    const struct mr_opt_string *item = &text->items[i];
    const char *from = item->text, *end = from + item->len;
    while (true) {
      const char *comma = memchr(from, ',', (size_t)(end - from));
      if (order->cnt == MR_COLUMNS_MAX)
        return mr_op_error(p, item->at, MR_CODE_OUT_OF_RANGE, "order_by names too many columns");
      if (read_item(order, p, item, from, comma ? comma : end)) return MR_ERR_CONF;
      if (!comma) break;
      from = comma + 1;
    }
  }
  return MR_OK;
}

void mr_order_rest(struct mr_order *order, struct mr_arena *arena, const struct mr_schema *in,
                   const bool *keep) {
  struct mr_order_col *all = MR_NEW(arena, struct mr_order_col, order->cnt + in->cnt + 1);
  uint32_t cnt = order->cnt;
  if (cnt) memcpy(all, order->cols, cnt * sizeof *all);
  for (uint32_t c = 0; c < in->cnt; c++) {
    bool there = in->fields[c].type == MR_TYPE_LIST;
    for (uint32_t i = 0; i < order->cnt; i++) there |= order->cols[i].col == c;
    if (keep[c] && !there) all[cnt++] = make_col(arena, in, c);
  }
  *order = (struct mr_order){all, cnt};
}

/* ---- comparing ---- */

static bool is_null(const struct mr_held_form *form, const int32_t *kept, struct mr_order_row r,
                    uint32_t col) {
  if (r.held) return mr_held_null(form, r.held, (uint32_t)kept[col]);
  const uint64_t *valid = r.view->cols[col].valid;
  return valid && !mr_bit_get(valid, r.row);
}

static const void *cell(const struct mr_held_form *form, const int32_t *kept, struct mr_order_row r,
                        uint32_t col, uint32_t sz) {
  if (r.held) return mr_held_value(form, r.held, (uint32_t)kept[col]);
  return (const uint8_t *)r.view->cols[col].data + (size_t)r.row * sz;
}

static int compare_w8(const struct mr_order_col *c, const void *a, const void *b) {
  int64_t x, y;
  double u, v;
  if (!c->is_double) {
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return (x > y) - (x < y);
  }
  memcpy(&u, a, sizeof u);
  memcpy(&v, b, sizeof v);
  if (u != u || v != v) return (u != u) - (v != v);
  return (u > v) - (u < v);
}

static int compare_value(const struct mr_order_col *c, const struct mr_held_form *form,
                         const int32_t *kept, const uint8_t *base, struct mr_order_row a,
                         struct mr_order_row b) {
  struct mr_str s, t;
  switch (c->phys) {
  case MR_PHYS_W8:
    return compare_w8(c, cell(form, kept, a, c->col, 8), cell(form, kept, b, c->col, 8));
  case MR_PHYS_STR:
    memcpy(&s, cell(form, kept, a, c->col, 16), sizeof s);
    memcpy(&t, cell(form, kept, b, c->col, 16), sizeof t);
    return mr_str_compare(&s, &t, base);
  case MR_PHYS_CODE:
    return c->rank[*(const uint8_t *)cell(form, kept, a, c->col, 1)] -
           c->rank[*(const uint8_t *)cell(form, kept, b, c->col, 1)];
  default: {
    bool x = a.held ? *(const uint8_t *)cell(form, kept, a, c->col, 1)
                    : mr_bit_get(a.view->cols[c->col].data, a.row);
    bool y = b.held ? *(const uint8_t *)cell(form, kept, b, c->col, 1)
                    : mr_bit_get(b.view->cols[c->col].data, b.row);
    return x - y;
  }
  }
}

int mr_order_compare(const struct mr_order *order, const struct mr_held_form *form,
                     const int32_t *kept, const uint8_t *base, struct mr_order_row a,
                     struct mr_order_row b) {
  for (uint32_t i = 0; i < order->cnt; i++) {
    const struct mr_order_col *c = &order->cols[i];
    bool x = is_null(form, kept, a, c->col), y = is_null(form, kept, b, c->col);
    if (x && y) continue;
    if (x || y) return x == c->nulls_last ? 1 : -1;
    int d = compare_value(c, form, kept, base, a, b);
    if (d) return c->down ? -d : d;
  }
  return 0;
}

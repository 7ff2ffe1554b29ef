/* SPDX-License-Identifier: Apache-2.0 */
#include "test_rows.h"

#include <string.h>

#include "base/text.h"

/* ---- what a scalar looks like ---- */

static bool is_null(const struct mr_tree *t) {
  return t->kind == MR_TREE_SCALAR && t->style == MR_TREE_PLAIN &&
         (!t->len || !strcmp(t->text, "null") || !strcmp(t->text, "~"));
}

static bool is_bool(const struct mr_tree *t) {
  return t->style == MR_TREE_PLAIN && (!strcmp(t->text, "true") || !strcmp(t->text, "false"));
}

static const char *skip_digits(const char *p) {
  while (*p >= '0' && *p <= '9') p++;
  return p;
}

/* A number as JSON writes it: -?(0|[1-9][0-9]*)(.[0-9]+)?([eE][+-]?[0-9]+)? */
static bool is_number(const struct mr_tree *t) {
  if (t->style != MR_TREE_PLAIN) return false;
  const char *p = t->text + (*t->text == '-'), *q = skip_digits(p);
  if (q == p || (*p == '0' && q - p > 1)) return false;
  if (*q == '.') {
    p = q + 1;
    q = skip_digits(p);
    if (q == p) return false;
  }
  if (*q == 'e' || *q == 'E') {
    p = q + 1 + (q[1] == '+' || q[1] == '-');
    q = skip_digits(p);
    if (q == p) return false;
  }
  return q == t->text + t->len;
}

/* ---- rows as lines ---- */

static void put_value(struct mr_lines *out, const struct mr_tree *t, enum mr_type type,
                      enum mr_type elem) {
  if (t->kind == MR_TREE_LIST) {
    mr_lines_add(out, "[");
    for (uint32_t i = 0; i < t->cnt; i++) {
      if (i) mr_lines_add(out, ",");
      put_value(out, t->items[i], elem, MR_TYPE_NONE);
    }
    mr_lines_add(out, "]");
  } else if (t->kind == MR_TREE_MAP) {
    mr_lines_add(out, "{");
    for (uint32_t i = 0; i < t->cnt; i++) {
      if (i) mr_lines_add(out, ",");
      mr_lines_json(out, t->keys[i]->text);
      mr_lines_add(out, ":");
      put_value(out, t->items[i], MR_TYPE_NONE, MR_TYPE_NONE);
    }
    mr_lines_add(out, "}");
  } else if (is_null(t)) {
    mr_lines_add(out, "null");
  } else if (type != MR_TYPE_STRING && (is_number(t) || is_bool(t))) {
    mr_lines_add(out, "%s", t->text);
  } else {
    mr_lines_json(out, t->text);
  }
}

void mr_test_show(struct mr_lines *out, const struct mr_tree *value) {
  put_value(out, value, MR_TYPE_NONE, MR_TYPE_NONE);
}

/* The field that is read from that key, or NULL. */
static const struct mr_field *field_of(const struct mr_event *event, const char *key) {
  for (uint32_t i = 0; event && i < event->field_cnt; i++) {
    const struct mr_event_field *f = &event->fields[i];
    if (!f->from && !strcmp(f->field.name, key)) return &f->field;
    for (uint32_t k = 0; f->from && k < f->from_cnt; k++)
      if (!strcmp(f->from[k], key)) return &f->field;
  }
  return NULL;
}

void mr_test_json_row(struct mr_lines *out, const struct mr_event *event,
                      const struct mr_tree *row) {
  mr_lines_add(out, "{");
  for (uint32_t i = 0; i < row->cnt; i++) {
    const struct mr_field *f = field_of(event, row->keys[i]->text);
    if (i) mr_lines_add(out, ",");
    mr_lines_json(out, row->keys[i]->text);
    mr_lines_add(out, ":");
    put_value(out, row->items[i], f ? f->type : MR_TYPE_NONE, f ? f->elem : MR_TYPE_NONE);
  }
  mr_lines_add(out, "}\n");
}

static void put_cell(struct mr_lines *out, const char *text, char delimiter, char quote) {
  const char special[] = {delimiter, '\n', '\r', quote, 0};
  if (!quote || !strpbrk(text, special)) {
    mr_lines_add(out, "%s", text);
    return;
  }
  mr_lines_add(out, "%c", quote);
  for (; *text; text++) mr_lines_add(out, *text == quote ? "%c%c" : "%c", *text, *text);
  mr_lines_add(out, "%c", quote);
}

static const char *column_of(const struct mr_event_field *f) {
  return f->from ? f->from[0] : f->field.name;
}

void mr_test_csv_header(struct mr_lines *out, const struct mr_event *event, char delimiter) {
  for (uint32_t i = 0; i < event->field_cnt; i++) {
    if (i) mr_lines_add(out, "%c", delimiter);
    mr_lines_add(out, "%s", column_of(&event->fields[i]));
  }
  mr_lines_add(out, "\n");
}

void mr_test_csv_row(struct mr_lines *out, const struct mr_event *event, const struct mr_tree *row,
                     char delimiter, char quote) {
  for (uint32_t i = 0; i < event->field_cnt; i++) {
    const struct mr_tree *value = mr_tree_get(row, column_of(&event->fields[i]));
    if (i) mr_lines_add(out, "%c", delimiter);
    if (value && value->kind == MR_TREE_SCALAR && !is_null(value))
      put_cell(out, value->text, delimiter, quote);
  }
  mr_lines_add(out, "\n");
}

/* ---- comparison ---- */

static bool same_moment(const struct mr_tree *a, const struct mr_tree *b) {
  int64_t x, y;
  if (!mr_timestamp_parse(a->text, a->len, &x) && !mr_timestamp_parse(b->text, b->len, &y))
    return x == y;
  return !mr_duration_parse_us(a->text, a->len, &x) && !mr_duration_parse_us(b->text, b->len, &y) &&
         x == y;
}

static bool same_scalar(const struct mr_tree *expected, const struct mr_tree *actual) {
  if (is_null(actual) || is_null(expected)) return is_null(actual) && is_null(expected);
  bool quoted = actual->style != MR_TREE_PLAIN;
  if (!quoted && expected->style != MR_TREE_PLAIN) return false; /* a string is no number */
  if (expected->len == actual->len && !memcmp(expected->text, actual->text, actual->len))
    return true;
  if (quoted) return same_moment(expected, actual);
  double x, y;
  return is_number(actual) && !mr_double_parse(expected->text, expected->len, &x) &&
         !mr_double_parse(actual->text, actual->len, &y) && x == y;
}

bool mr_test_same(const struct mr_tree *expected, const struct mr_tree *actual) {
  if (expected->kind != actual->kind) return false;
  if (expected->kind == MR_TREE_SCALAR) return same_scalar(expected, actual);
  if (expected->kind == MR_TREE_LIST && expected->cnt != actual->cnt) return false;
  for (uint32_t i = 0; i < expected->cnt; i++) {
    const struct mr_tree *other = expected->kind == MR_TREE_LIST
                                      ? actual->items[i]
                                      : mr_tree_get(actual, expected->keys[i]->text);
    if (!other || !mr_test_same(expected->items[i], other)) return false;
  }
  return true;
}

/* ---- pairs: augmenting paths (Kuhn) ---- */

struct pairing {
  const struct mr_tree *expected;
  struct mr_tree *const *actual;
  uint32_t actual_cnt;
  int32_t *owner; /* of each actual row: the expected one, -1 */
  bool *seen;     /* in this search */
};

static bool find_pair(struct pairing *p, uint32_t i) {
  for (uint32_t k = 0; k < p->actual_cnt; k++) {
    if (p->seen[k] || !mr_test_same(p->expected->items[i], p->actual[k])) continue;
    p->seen[k] = true;
    if (p->owner[k] >= 0 && !find_pair(p, (uint32_t)p->owner[k])) continue;
    p->owner[k] = (int32_t)i;
    return true;
  }
  return false;
}

uint32_t mr_test_pair(struct mr_arena *arena, const struct mr_tree *expected,
                      struct mr_tree *const *actual, uint32_t actual_cnt, int32_t *of) {
  struct pairing p = {expected, actual, actual_cnt, MR_NEW(arena, int32_t, actual_cnt + 1),
                      MR_NEW(arena, bool, actual_cnt + 1)};
  uint32_t pairs = 0;
  for (uint32_t k = 0; k < actual_cnt; k++) p.owner[k] = -1;
  for (uint32_t i = 0; i < expected->cnt; i++) {
    memset(p.seen, 0, actual_cnt);
    pairs += find_pair(&p, i);
    of[i] = -1;
  }
  for (uint32_t k = 0; k < actual_cnt; k++)
    if (p.owner[k] >= 0) of[p.owner[k]] = (int32_t)k;
  return pairs;
}

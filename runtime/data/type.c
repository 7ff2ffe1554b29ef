/* SPDX-License-Identifier: Apache-2.0 */
#include "data/type.h"

#include <stdio.h>

static const char *const type_names[MR_TYPE_CNT] = {
    [MR_TYPE_NONE] = "null",     [MR_TYPE_BOOL] = "bool",         [MR_TYPE_INT64] = "int64",
    [MR_TYPE_DOUBLE] = "double", [MR_TYPE_STRING] = "string",     [MR_TYPE_TIMESTAMP] = "timestamp",
    [MR_TYPE_LIST] = "list",     [MR_TYPE_DURATION] = "duration",
};

const char *mr_type_name(enum mr_type type) {
  return (unsigned)type < MR_TYPE_CNT ? type_names[type] : "unknown";
}

const char *mr_field_type_text(const struct mr_field *field, char *buf, size_t sz) {
  char codes[32] = "";
  if (field->codes) snprintf(codes, sizeof codes, " one_of(%u)", field->codes->cnt);
  if (field->type == MR_TYPE_LIST)
    snprintf(buf, sz, "list<%s%s>", mr_type_name(field->elem), codes);
  else
    snprintf(buf, sz, "%s%s", mr_type_name(field->type), codes);
  return buf;
}

/* A type with values of its own: neither NULL's nor a list. */
static enum mr_type scalar_by_name(const char *name, size_t len) {
  for (enum mr_type t = MR_TYPE_BOOL; t < MR_TYPE_LIST; t++)
    if (strlen(type_names[t]) == len && memcmp(type_names[t], name, len) == 0) return t;
  return MR_TYPE_NONE;
}

enum mr_type mr_type_by_name(const char *name, enum mr_type *elem) {
  size_t len = strlen(name);
  enum mr_type inner = MR_TYPE_NONE, type;
  if (len > 6 && memcmp(name, "list<", 5) == 0 && name[len - 1] == '>') {
    inner = scalar_by_name(name + 5, len - 6);
    type = inner == MR_TYPE_NONE ? MR_TYPE_NONE : MR_TYPE_LIST;
  } else {
    type = scalar_by_name(name, len);
  }
  if (elem) *elem = inner;
  return type;
}

int32_t mr_schema_find(const struct mr_schema *schema, const char *name, size_t len) {
  for (uint32_t i = 0; i < schema->visible_cnt; i++) {
    const char *have = schema->fields[i].name;
    if (schema->fields[i].outer) continue;
    if (strncmp(have, name, len) == 0 && have[len] == 0) return (int32_t)i;
  }
  return -1;
}

bool mr_schema_has_struct(const struct mr_schema *schema, const char *name) {
  for (uint32_t i = 0; i < schema->visible_cnt; i++)
    if (schema->fields[i].outer && strcmp(schema->fields[i].outer, name) == 0) return true;
  return false;
}

static bool same_outer(const struct mr_field *a, const struct mr_field *b) {
  if (!a->outer || !b->outer) return a->outer == b->outer;
  return strcmp(a->outer, b->outer) == 0;
}

bool mr_schema_opens(const struct mr_schema *schema, uint32_t col) {
  const struct mr_field *f = &schema->fields[col];
  return f->outer && (col == 0 || !same_outer(f, f - 1));
}

bool mr_schema_closes(const struct mr_schema *schema, uint32_t col) {
  const struct mr_field *f = &schema->fields[col];
  return f->outer && (col + 1 == schema->visible_cnt || !same_outer(f, f + 1));
}

static bool codes_equal(const struct mr_enum *a, const struct mr_enum *b) {
  if (a == b) return true;
  if (!a || !b || a->cnt != b->cnt) return false;
  for (uint32_t i = 0; i < a->cnt; i++)
    if (a->lens[i] != b->lens[i] || memcmp(a->texts[i], b->texts[i], a->lens[i]) != 0) return false;
  return true;
}

bool mr_schema_equal(const struct mr_schema *a, const struct mr_schema *b) {
  if (a->cnt != b->cnt || a->visible_cnt != b->visible_cnt) return false;
  for (uint32_t i = 0; i < a->cnt; i++) {
    const struct mr_field *x = &a->fields[i], *y = &b->fields[i];
    if (x->type != y->type || x->elem != y->elem) return false;
    if (i < a->visible_cnt && strcmp(x->name, y->name) != 0) return false;
    if (!codes_equal(x->codes, y->codes) || !same_outer(x, y)) return false;
  }
  return true;
}

int mr_str_compare(const struct mr_str *a, const struct mr_str *b, const uint8_t *base) {
  uint32_t len = a->len < b->len ? a->len : b->len;
  int order = memcmp(mr_str_data(a, base), mr_str_data(b, base), len);
  if (order != 0) return order;
  return (a->len > b->len) - (a->len < b->len);
}

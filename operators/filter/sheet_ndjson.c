/* SPDX-License-Identifier: Apache-2.0 */
/* NDJSON: one flat object per line. Columns are the keys in the order of their first appearance; a
 * key that a line does not have is NULL there. */
#include <stdlib.h>
#include <string.h>

#include "filter/sheet.h"
#include "format/json_dom.h"

struct ndjson {
  struct mr_arena *arena;
  const char *name;
  struct mr_error *err;
  struct mr_json_dom *dom;
  struct mr_sheet *table;
  uint32_t *lines;
  uint32_t row_cap, line;
};

/* Lines of the text at most, and the bytes of the longest. */
static uint32_t count_lines(const char *text, size_t len, size_t *longest) {
  uint32_t cnt = 1;
  size_t from = 0;
  *longest = 0;
  for (size_t i = 0; i <= len; i++) {
    if (i < len && text[i] != '\n') continue;
    if (i - from > *longest) *longest = i - from;
    from = i + 1;
    cnt++;
  }
  return cnt;
}

static struct mr_sheet_column *column_of(struct ndjson *nd, const char *name) {
  struct mr_sheet *t = nd->table;
  int32_t c = mr_sheet_find(t, name);
  if (c >= 0) return &t->columns[c];
  if (t->column_cnt == MR_COLUMNS_MAX) return NULL;
  struct mr_sheet_column *column = &t->columns[t->column_cnt++];
  *column = (struct mr_sheet_column){.name = mr_arena_strdup(nd->arena, name),
                                     .cells = MR_NEW(nd->arena, struct mr_sheet_cell, nd->row_cap)};
  return column;
}

/* A text of the tape as a NUL-terminated copy. */
static char *tape_text(struct ndjson *nd, const uint8_t *strings, uint64_t word, uint32_t *len) {
  const uint8_t *p = strings + (word & ((UINT64_C(1) << 56) - 1));
  memcpy(len, p, 4);
  return mr_arena_strndup(nd->arena, (const char *)p + 4, *len);
}

static int value(struct ndjson *nd, const uint64_t *tape, const uint8_t *strings,
                 struct mr_sheet_cell *cell, const char *key) {
  *cell = (struct mr_sheet_cell){0};
  switch (*tape >> 56) {
  case '"':
    cell->kind = MR_SHEET_TEXT;
    cell->u.text = tape_text(nd, strings, *tape, &cell->len);
    return MR_OK;
  case 'l':
    cell->kind = MR_SHEET_INT64;
    memcpy(&cell->u.i64, tape + 1, 8);
    return MR_OK;
  case 'd':
    cell->kind = MR_SHEET_DOUBLE;
    memcpy(&cell->u.f64, tape + 1, 8);
    return MR_OK;
  case 'u':
    cell->kind = MR_SHEET_DOUBLE;
    cell->u.f64 = (double)tape[1];
    return MR_OK;
  case 't':
  case 'f':
    cell->kind = MR_SHEET_BOOL;
    cell->u.i64 = *tape >> 56 == 't';
    return MR_OK;
  case 'n': return MR_OK;
  default:
    return mr_error_set(nd->err, MR_ERR_DATA,
                        "%s:%u: %s is no plain value; objects of a table "
                        "are flat",
                        nd->name, nd->line, key);
  }
}

static int row(struct ndjson *nd, const char *text, size_t len) {
  const uint64_t *tape;
  const uint8_t *strings;
  enum mr_json_dom_result result = mr_json_dom_parse(nd->dom, text, len, &tape, &strings);
  if (result != MR_DOM_OK || tape[1] >> 56 != '{')
    return mr_error_set(nd->err, MR_ERR_DATA, "%s:%u: not one well-formed JSON object", nd->name,
                        nd->line);
  uint32_t r = nd->table->row_cnt++;
  nd->lines[r] = nd->line;
  for (const uint64_t *at = tape + 2; *at >> 56 != '}';) {
    uint32_t key_len;
    const char *key = tape_text(nd, strings, *at++, &key_len);
    struct mr_sheet_column *column = column_of(nd, key);
    if (!column)
      return mr_error_set(nd->err, MR_ERR_DATA, "%s:%u: more than %u different keys", nd->name,
                          nd->line, MR_COLUMNS_MAX);
    int rc = value(nd, at, strings, &column->cells[r], key);
    if (rc) return rc;
    at += strchr("lud", (int)(*at >> 56)) ? 2 : 1;
  }
  return MR_OK;
}

static int infer(struct ndjson *nd, struct mr_sheet_column *column) {
  static const enum mr_type types[] = {MR_TYPE_NONE, MR_TYPE_STRING, MR_TYPE_INT64, MR_TYPE_DOUBLE,
                                       MR_TYPE_BOOL};
  column->type = MR_TYPE_NONE;
  for (uint32_t r = 0; r < nd->table->row_cnt; r++) {
    enum mr_type type = types[column->cells[r].kind], was = column->type;
    if (type == MR_TYPE_NONE || type == was) continue;
    bool numbers = (type == MR_TYPE_INT64 && was == MR_TYPE_DOUBLE) ||
                   (type == MR_TYPE_DOUBLE && was == MR_TYPE_INT64);
    if (was != MR_TYPE_NONE && !numbers)
      return mr_error_set(nd->err, MR_ERR_DATA, "%s:%u: %s is %s here and %s before", nd->name,
                          nd->table->lines[r], column->name, mr_type_name(type), mr_type_name(was));
    column->type = numbers ? MR_TYPE_DOUBLE : type;
  }
  if (column->type == MR_TYPE_NONE) column->type = MR_TYPE_STRING;
  return MR_OK;
}

int mr_sheet_read_ndjson(struct mr_arena *arena, char *text, size_t len, const char *name,
                         struct mr_sheet *table, struct mr_error *err) {
  struct ndjson nd = {.arena = arena, .name = name, .err = err, .table = table};
  *table = (struct mr_sheet){0};
  table->columns = MR_NEW(arena, struct mr_sheet_column, MR_COLUMNS_MAX);
  size_t longest;
  nd.row_cap = count_lines(text, len, &longest);
  table->lines = nd.lines = MR_NEW(arena, uint32_t, nd.row_cap);
  nd.dom = mr_json_dom_create(longest + 64, 64);
  if (!nd.dom) return mr_error_set(err, MR_ERR_NOMEM, "no memory to read %s", name);
  int rc = MR_OK;
  for (size_t at = 0; at < len && !rc;) {
    const char *from = text + at, *newline = memchr(from, '\n', len - at);
    size_t line_len = newline ? (size_t)(newline - from) : len - at;
    nd.line++;
    at += line_len + 1;
    while (line_len && strchr(" \t\r", from[line_len - 1])) line_len--;
    if (line_len) rc = row(&nd, from, line_len);
  }
  mr_json_dom_destroy(nd.dom);
  for (uint32_t c = 0; c < table->column_cnt && !rc; c++) rc = infer(&nd, &table->columns[c]);
  return rc;
}

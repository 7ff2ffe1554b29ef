/* SPDX-License-Identifier: Apache-2.0 */
/* CSV by RFC 4180: cells between commas, quoted ones may hold commas, newlines and doubled quotes.
 * A quote inside an unquoted cell is a plain character; blank lines are skipped. */
#include <string.h>

#include "base/text.h"
#include "filter/sheet.h"

struct csv {
  struct mr_arena *arena;
  const char *name;
  struct mr_error *err;
  char *p, *end;
  uint32_t line;               /* of p */
  uint32_t row_line;           /* where the record began */
  struct mr_sheet_cell *cells; /* of all records, in order */
  uint64_t cnt, cap;
  uint32_t *lines;
  uint32_t row_cnt, row_cap;
};

static void *grown(struct mr_arena *arena, const void *old, uint64_t cnt, uint64_t cap, size_t sz) {
  void *to = mr_arena_alloc(arena, cap * sz);
  if (cnt) memcpy(to, old, cnt * sz);
  return to;
}

static void add_cell(struct csv *csv, const char *text, uint32_t len) {
  if (csv->cnt == csv->cap) {
    csv->cap = csv->cap ? csv->cap * 2 : 256;
    csv->cells = grown(csv->arena, csv->cells, csv->cnt, csv->cap, sizeof *csv->cells);
  }
  struct mr_sheet_cell *cell = &csv->cells[csv->cnt++];
  *cell = (struct mr_sheet_cell){.len = len, .kind = MR_SHEET_TEXT};
  cell->u.text = text;
}

/* A quoted cell, its quotes taken out in place; p stands behind the first quote. */
static int quoted_cell(struct csv *csv) {
  char *from = csv->p, *to = csv->p;
  while (csv->p < csv->end) {
    char c = *csv->p++;
    if (c == '\n') csv->line++;
    if (c == '"') {
      if (csv->p == csv->end || *csv->p != '"') {
        add_cell(csv, from, (uint32_t)(to - from));
        return MR_OK;
      }
      csv->p++;
    }
    *to++ = c;
  }
  return mr_error_set(csv->err, MR_ERR_DATA, "%s:%u: a quote is not closed", csv->name,
                      csv->row_line);
}

static int cell(struct csv *csv) {
  if (csv->p < csv->end && *csv->p == '"') {
    csv->p++;
    return quoted_cell(csv);
  }
  char *from = csv->p;
  while (csv->p < csv->end && *csv->p != ',' && *csv->p != '\n') csv->p++;
  char *to = csv->p;
  if (to > from && to[-1] == '\r' && (csv->p == csv->end || *csv->p == '\n')) to--;
  add_cell(csv, from, (uint32_t)(to - from));
  return MR_OK;
}

/* One record with its newline; *cells takes how many cells it has. */
static int record(struct csv *csv, uint32_t *cells) {
  csv->row_line = csv->line;
  for (*cells = 1;; ++*cells) {
    int rc = cell(csv);
    if (rc) return rc;
    if (csv->p < csv->end && *csv->p == '\r' && (csv->p + 1 == csv->end || csv->p[1] == '\n'))
      csv->p++;
    if (csv->p == csv->end) return MR_OK;
    char c = *csv->p++;
    if (c == '\n') {
      csv->line++;
      return MR_OK;
    }
    if (c != ',')
      return mr_error_set(csv->err, MR_ERR_DATA, "%s:%u: text behind a closing quote", csv->name,
                          csv->line);
  }
}

static bool skip_blank(struct csv *csv) {
  while (csv->p < csv->end) {
    if (*csv->p == '\r' && csv->p + 1 < csv->end && csv->p[1] == '\n') csv->p++;
    if (*csv->p != '\n') return true;
    csv->p++;
    csv->line++;
  }
  return false;
}

static int header(struct csv *csv, struct mr_sheet *table) {
  uint32_t cnt;
  if (!skip_blank(csv))
    return mr_error_set(csv->err, MR_ERR_DATA, "%s is empty; a CSV table has a header", csv->name);
  int rc = record(csv, &cnt);
  if (rc) return rc;
  if (cnt > MR_COLUMNS_MAX)
    return mr_error_set(csv->err, MR_ERR_DATA, "%s has %u columns; at most %u are possible",
                        csv->name, cnt, MR_COLUMNS_MAX);
  table->columns = MR_NEW(csv->arena, struct mr_sheet_column, cnt);
  for (uint32_t c = 0; c < cnt; c++) {
    const char *name = mr_arena_strndup(csv->arena, csv->cells[c].u.text, csv->cells[c].len);
    if (mr_sheet_find(table, name) >= 0)
      return mr_error_set(csv->err, MR_ERR_DATA, "%s:%u: the header has %s twice", csv->name,
                          csv->row_line, name);
    table->columns[table->column_cnt++] = (struct mr_sheet_column){.name = name, .csv = true};
  }
  csv->cnt = 0;
  return MR_OK;
}

static int records(struct csv *csv, struct mr_sheet *table) {
  while (skip_blank(csv)) {
    uint32_t cnt;
    int rc = record(csv, &cnt);
    if (rc) return rc;
    if (cnt != table->column_cnt)
      return mr_error_set(csv->err, MR_ERR_DATA, "%s:%u: %u cells; the header has %u", csv->name,
                          csv->row_line, cnt, table->column_cnt);
    if (csv->row_cnt == csv->row_cap) {
      csv->row_cap = csv->row_cap ? csv->row_cap * 2 : 256;
      csv->lines = grown(csv->arena, csv->lines, csv->row_cnt, csv->row_cap, sizeof *csv->lines);
    }
    csv->lines[csv->row_cnt++] = csv->row_line;
  }
  return MR_OK;
}

static bool whole_number(const struct mr_sheet_cell *cell) {
  int64_t v;
  const char *p = cell->u.text;
  uint32_t len = cell->len;
  if (*p == '-') p++, len--;
  if (!len || *p < '0' || *p > '9' || (*p == '0' && len > 1)) return false;
  return !mr_int64_parse(cell->u.text, cell->len, &v);
}

static void infer(struct mr_sheet_column *column, uint32_t row_cnt) {
  bool some = false, ints = true, doubles = true;
  for (uint32_t r = 0; r < row_cnt && doubles; r++) {
    const struct mr_sheet_cell *c = &column->cells[r];
    double v;
    if (!c->len) continue;
    some = true;
    if (ints && !whole_number(c)) ints = false;
    if (!ints && mr_double_parse(c->u.text, c->len, &v)) doubles = false;
  }
  column->type = !some || !doubles ? MR_TYPE_STRING : ints ? MR_TYPE_INT64 : MR_TYPE_DOUBLE;
  if (column->type == MR_TYPE_STRING) return;
  for (uint32_t r = 0; r < row_cnt; r++)
    if (!column->cells[r].len) column->cells[r].kind = MR_SHEET_NULL;
}

int mr_sheet_read_csv(struct mr_arena *arena, char *text, size_t len, const char *name,
                      struct mr_sheet *table, struct mr_error *err) {
  struct csv csv = {
      .arena = arena, .name = name, .err = err, .p = text, .end = text + len, .line = 1};
  *table = (struct mr_sheet){0};
  if (!mr_utf8_valid(text, len))
    return mr_error_set(err, MR_ERR_DATA, "%s is not valid UTF-8", name);
  int rc = header(&csv, table);
  if (!rc) rc = records(&csv, table);
  if (rc) return rc;
  table->row_cnt = csv.row_cnt;
  table->lines = csv.lines;
  for (uint32_t c = 0; c < table->column_cnt; c++) {
    struct mr_sheet_column *column = &table->columns[c];
    column->cells = MR_NEW(arena, struct mr_sheet_cell, csv.row_cnt + 1);
    for (uint32_t r = 0; r < csv.row_cnt; r++)
      column->cells[r] = csv.cells[(uint64_t)r * table->column_cnt + c];
    infer(column, csv.row_cnt);
  }
  return MR_OK;
}

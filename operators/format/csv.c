/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "base/assert.h"
#include "format/csv_private.h"
#include "format/json_encode.h"

/* ---- create ---- */

static uint32_t name_cnt(const struct mr_decode_field *f) {
  return f->keys ? f->key_cnt : 1;
}

static const char *name_at(const struct mr_fill_col *col, uint32_t rank) {
  return col->conf->keys ? col->conf->keys[rank] : col->field->name;
}

static int check_signs(const struct mr_decode_csv *conf, struct mr_error *err) {
  unsigned char d = (unsigned char)conf->delimiter, q = (unsigned char)conf->quote;
  bool digit = (d >= '0' && d <= '9') || d == '.' || d == '+' || d == '-';
  if ((d < 0x20 && d != '\t') || d >= 0x7f || digit)
    return mr_error_set(err, MR_ERR_ARG, "the delimiter cannot be this character");
  if (q && (q <= 0x20 || q >= 0x7f))
    return mr_error_set(err, MR_ERR_ARG, "the quote cannot be this character");
  if (d == q) return mr_error_set(err, MR_ERR_ARG, "delimiter and quote are the same");
  return 0;
}

static int check_conf(const struct mr_decode_conf *conf, struct mr_error *err) {
  for (uint32_t c = 0; c < conf->schema->visible_cnt; c++) {
    const struct mr_field *f = &conf->schema->fields[c];
    if (f->type == MR_TYPE_LIST)
      return mr_error_set(err, MR_ERR_ARG, "field \"%s\": CSV has no lists", f->name);
  }
  if (conf->raw_col >= 0 && !conf->csv.header)
    return mr_error_set(err, MR_ERR_ARG, "whole rows of CSV need the names of a header");
  return check_signs(&conf->csv, err);
}

static void init_names(struct mr_csv *csv, struct mr_arena *arena) {
  uint32_t cnt = csv->fill.col_cnt;
  csv->name_off = MR_NEW(arena, uint32_t, cnt + 1);
  csv->empty_code = MR_NEW(arena, uint32_t, cnt + 1);
  for (uint32_t c = 0; c < cnt; c++) {
    const struct mr_fill_col *col = &csv->fill.cols[c];
    int32_t code = col->codes ? mr_codes_find(col->codes, csv->scratch, 0) : -1;
    csv->name_off[c + 1] = csv->name_off[c] + name_cnt(col->conf);
    csv->empty_code[c] = code < 0 ? MR_CSV_NO_CELL : (uint32_t)code;
  }
  csv->cells = MR_NEW(arena, uint32_t, csv->name_off[cnt] + 1);
}

static void init_classes(struct mr_csv *csv) {
  csv->classes[0] = MR_CSV_NUL;
  csv->classes['\n'] = csv->classes['\r'] = MR_CSV_END;
  csv->classes[(unsigned char)csv->delimiter] = MR_CSV_DELIMITER;
  if (csv->quote) csv->classes[(unsigned char)csv->quote] = MR_CSV_QUOTE;
}

/* What is next is the beginning of an input. */
static void begin_input(struct mr_csv *csv) {
  memset(&csv->look, 0, sizeof csv->look);
  csv->after_cr = false;
  csv->header = MR_CSV_DUE;
  if (csv->fill.conf.csv.header) return;
  csv->header = MR_CSV_KNOWN;
  csv->cell_cnt = csv->fill.col_cnt;
  for (uint32_t c = 0; c < csv->fill.col_cnt; c++)
    for (uint32_t n = csv->name_off[c]; n < csv->name_off[c + 1]; n++)
      csv->cells[n] = n == csv->name_off[c] ? c : MR_CSV_NO_CELL;
  mr_csv_group_plan(csv);
}

struct mr_csv *mr_csv_create(struct mr_arena *arena, const struct mr_decode_conf *conf,
                             struct mr_error *err) {
  if (check_conf(conf, err)) return NULL;
  struct mr_csv *csv = MR_NEW(arena, struct mr_csv, 1);
  if (mr_fill_init(&csv->fill, arena, conf, err)) return NULL;
  uint32_t cnt = csv->fill.col_cnt;
  csv->delimiter = conf->csv.delimiter;
  csv->quote = conf->csv.quote;
  init_classes(csv);
  csv->row = MR_NEW(arena, struct mr_csv_cell, MR_CSV_CELLS_MAX);
  csv->scratch_sz = (size_t)conf->max_line * (conf->raw_col >= 0 ? 3 : 1) + MR_CSV_SCRATCH;
  csv->scratch = mr_arena_alloc(arena, csv->scratch_sz + MR_LINES_PAD);
  init_names(csv, arena);
  if (conf->raw_col >= 0) {
    csv->names_sz = (size_t)conf->max_line * 2 + MR_CSV_SCRATCH;
    csv->names = mr_arena_alloc(arena, csv->names_sz);
    csv->names_off = MR_NEW(arena, uint32_t, MR_CSV_CELLS_MAX + 1);
  }
  csv->tasks = MR_NEW(arena, struct mr_csv_task, cnt + 1);
  csv->absent = MR_NEW(arena, uint16_t, cnt + 1);
  csv->group_max = MR_CSV_GROUP;
  csv->kernels = conf->isa == MR_ISA_V4   ? &mr_csv_kernels_v4
                 : conf->isa == MR_ISA_V3 ? &mr_csv_kernels_v3
                                          : &mr_csv_kernels_v2;
  begin_input(csv);
  return csv;
}

const struct mr_decode_bad *mr_csv_bad(const struct mr_csv *csv) {
  return &csv->fill.bad;
}
const struct mr_csv_counts *mr_csv_counts(const struct mr_csv *csv) {
  return &csv->counts;
}

/* ---- the header ---- */

/* The cell is named so: of equal names the last cell counts. */
static void note_name(struct mr_csv *csv, const char *name, uint32_t len, uint32_t cell) {
  for (uint32_t c = 0; c < csv->fill.col_cnt; c++) {
    for (uint32_t n = csv->name_off[c]; n < csv->name_off[c + 1]; n++) {
      const char *wanted = name_at(&csv->fill.cols[c], n - csv->name_off[c]);
      if (strlen(wanted) == len && memcmp(wanted, name, len) == 0) csv->cells[n] = cell;
    }
  }
}

/* Its key in the raw column's object. */
static bool note_key(struct mr_csv *csv, const char *name, uint32_t len, uint32_t cell) {
  char *out = csv->names + csv->names_off[cell];
  if (csv->names_sz - csv->names_off[cell] < (size_t)len * 6 + 32) return false;
  *out++ = cell ? ',' : '{';
  *out++ = '"';
  out = mr_json_escape(out, name, len);
  memcpy(out, "\":\"", 3);
  csv->names_off[cell + 1] = (uint32_t)(out + 3 - csv->names);
  return true;
}

static bool read_header(struct mr_csv *csv, struct mr_line *line) {
  if (!mr_csv_row_check(csv, line)) return false;
  csv->cell_cnt = csv->look.cell_cnt;
  if (csv->cell_cnt > MR_CSV_CELLS_MAX)
    return mr_fill_bad(&csv->fill, MR_BAD_CELLS, "the header has %u cells; at most %u are possible",
                       csv->cell_cnt, MR_CSV_CELLS_MAX);
  for (uint32_t n = 0; n < csv->name_off[csv->fill.col_cnt]; n++) csv->cells[n] = MR_CSV_NO_CELL;
  for (uint32_t i = 0; i < csv->cell_cnt; i++) {
    uint32_t len;
    csv->scratch_used = 0;
    const char *name = mr_csv_cell_text(csv, line->p, &csv->row[i], &len);
    note_name(csv, name, len, i);
    if (csv->names && !note_key(csv, name, len, i))
      return mr_fill_bad(&csv->fill, MR_BAD_TOO_LARGE, "the names of the header are too long");
  }
  mr_csv_group_plan(csv);
  return true;
}

/* ---- a batch ---- */

static enum mr_decode_stop say_bad_line(struct mr_csv *csv, const struct mr_line *line) {
  csv->fill.bad.line = *line;
  csv->counts.bad_rows++;
  return MR_DECODE_BAD;
}

static bool say_long(struct mr_csv *csv, const struct mr_line *line) {
  return mr_fill_bad(&csv->fill, MR_BAD_LONG, "the row has %llu bytes, more than max_line",
                     (unsigned long long)line->bytes);
}

/* The first row of an input; false: *stop says why there is no row yet. */
static bool take_header(struct mr_csv *csv, struct mr_lines *lines, enum mr_decode_stop *stop) {
  struct mr_line line;
  *stop = MR_DECODE_MORE;
  enum mr_line_result got = mr_csv_next_row(csv, lines, &line);
  if (got == MR_LINE_MORE) return false;
  csv->header = MR_CSV_KNOWN;
  if (got == MR_LINE_GOT ? read_header(csv, &line) : say_long(csv, &line)) return true;
  csv->header = MR_CSV_BROKEN;
  *stop = say_bad_line(csv, &line);
  return false;
}

void mr_csv_header(struct mr_csv *csv, char *header, uint32_t len) {
  struct mr_lines lines;
  enum mr_decode_stop stop;
  begin_input(csv);
  if (!csv->fill.conf.csv.header) return;
  mr_lines_init(&lines, csv->fill.conf.max_line);
  mr_lines_start(&lines, 0, 1);
  mr_lines_move(&lines, header);
  mr_lines_fill(&lines, len);
  mr_lines_end(&lines);
  mr_lines_skip_bom(&lines);
  if (!take_header(csv, &lines, &stop)) csv->header = MR_CSV_BROKEN;
}

/* The row has no room: a later batch's first one, or a dead letter where even an empty batch cannot
 * hold it. */
static enum mr_decode_stop refuse_row(struct mr_csv *csv, struct mr_lines *lines,
                                      const struct mr_line *line, bool was_empty) {
  if (was_empty) {
    mr_fill_bad(&csv->fill, MR_BAD_TOO_LARGE, "the row's strings fit no batch");
    return say_bad_line(csv, line);
  }
  lines->p = (char *)(uintptr_t)line->p;
  lines->pos = line->pos;
  lines->line = line->line;
  csv->after_cr = false;
  return MR_DECODE_HEAP;
}

static bool put_row(struct mr_csv *csv, struct mr_line *line, uint32_t row, bool *full) {
  if (csv->header == MR_CSV_BROKEN)
    return mr_fill_bad(&csv->fill, MR_BAD_CELLS, "the header of the input could not be read");
  if (!mr_csv_row_check(csv, line)) return false;
  if (csv->look.cell_cnt != csv->cell_cnt)
    return mr_fill_bad(&csv->fill, MR_BAD_CELLS, "expected %u cells, found %u", csv->cell_cnt,
                       csv->look.cell_cnt);
  return mr_csv_row_put(csv, line->p, row, full);
}

/* One row alone; false: *stop says why there is none. */
static bool decode_one(struct mr_csv *csv, struct mr_lines *lines, uint32_t row,
                       enum mr_decode_stop *stop) {
  struct mr_line line;
  bool full = false, was_empty = csv->fill.batch->heap_cnt == 0;
  was_empty |= csv->full_at == lines->p && csv->full_was_empty;
  csv->full_at = NULL;
  *stop = MR_DECODE_MORE;
  enum mr_line_result got = mr_csv_next_row(csv, lines, &line);
  if (got == MR_LINE_MORE) return false;
  if (got == MR_LINE_GOT ? !put_row(csv, &line, row, &full) : !say_long(csv, &line)) {
    *stop = say_bad_line(csv, &line);
    return false;
  }
  if (full) {
    *stop = refuse_row(csv, lines, &line, was_empty);
    return false;
  }
  mr_fill_place(&csv->fill, row, &line);
  csv->counts.single_rows++;
  return true;
}

/* Whether rows can be decoded; false: *stop says why not. */
static bool begin(struct mr_csv *csv, struct mr_lines *lines, enum mr_decode_stop *stop) {
  *stop = MR_DECODE_MORE;
  if (lines->first) {
    if (!mr_lines_skip_bom(lines)) return false;
    begin_input(csv);
  }
  return csv->header != MR_CSV_DUE || take_header(csv, lines, stop);
}

uint32_t mr_csv_decode_batch(struct mr_csv *csv, struct mr_lines *lines, struct mr_pool *pool,
                             struct mr_batch *batch, uint32_t from_row, uint32_t row_max,
                             enum mr_decode_stop *stop) {
  MR_ASSERT(row_max <= MR_BATCH_ROWS && from_row <= row_max);
  MR_ASSERT(lines->max_line <= csv->fill.conf.max_line);
  mr_fill_begin(&csv->fill, pool, batch, from_row);
  uint32_t row = from_row;
  if (begin(csv, lines, stop)) {
    *stop = MR_DECODE_ROWS;
    while (row < row_max) {
      if (csv->grouped) row = mr_csv_group_run(csv, lines, row, row_max);
      if (row == row_max) break;
      if (!decode_one(csv, lines, row, stop)) break;
      *stop = MR_DECODE_ROWS;
      row++;
    }
  }
  mr_fill_end(&csv->fill, from_row, row);
  return row;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Rows taken together, column by column. */
#include "base/bits.h"
#include "format/csv_private.h"

#define GROUP_MIN 8u /* rows to take together where few are as they should be */

/* ---- which columns ---- */

/* Of the column's cells the first one, and whether it has another. */
static uint32_t first_cell(const struct mr_csv *csv, uint32_t c, bool *more) {
  uint32_t first = MR_CSV_NO_CELL;
  *more = false;
  for (uint32_t n = csv->name_off[c]; n < csv->name_off[c + 1]; n++) {
    if (csv->cells[n] == MR_CSV_NO_CELL) continue;
    *more = first != MR_CSV_NO_CELL;
    if (!*more) first = csv->cells[n];
  }
  return first;
}

void mr_csv_group_plan(struct mr_csv *csv) {
  struct mr_fill *fill = &csv->fill;
  csv->task_cnt = csv->absent_cnt = 0;
  csv->alone = fill->conf.raw_col >= 0;
  csv->grouped = !fill->conf.general_only && csv->cell_cnt <= MR_CSV_SEPS;
  for (uint32_t c = 0; c < fill->col_cnt; c++) {
    const struct mr_fill_col *col = &fill->cols[c];
    bool more;
    if (!col->checked) continue;
    uint32_t cell = first_cell(csv, c, &more);
    if (cell == MR_CSV_NO_CELL) {
      if (!col->null_ok && !col->conf->def.given) csv->grouped = false; /* no row is one */
      csv->absent[csv->absent_cnt++] = (uint16_t)c;
      csv->alone |= col->kind == MR_VALUE_STR && col->conf->def.str_len > MR_STR_INLINE;
    } else if (col->kind != MR_VALUE_STR || col->needed) {
      bool null_ok =
          csv->empty_code[c] != MR_CSV_NO_CELL || (!more && (col->null_ok || col->conf->def.given));
      csv->tasks[csv->task_cnt] = (struct mr_csv_task){.col = c, .cell = cell, .null_ok = null_ok};
      mr_day_init(&csv->tasks[csv->task_cnt++].day);
    }
  }
}

/* ---- which rows ---- */

static uint32_t row_begin(const struct mr_csv_group *g, uint32_t i, uint32_t cell_cnt) {
  return g->sep[(size_t)i * cell_cnt] + 1;
}

/* The row's length without its line end. */
static uint32_t row_len(const struct mr_csv_group *g, uint32_t i, uint32_t cell_cnt) {
  uint32_t from = row_begin(g, i, cell_cnt), to = row_begin(g, i + 1, cell_cnt) - 1;
  return to - from - (to > from && g->text[to] == '\n' && g->text[to - 1] == '\r');
}

/* Cuts the group before the first row that the kernels cannot see is none. */
static void cut(struct mr_csv *csv, uint32_t max_line) {
  struct mr_csv_group *g = &csv->group;
  const uint32_t cells = csv->cell_cnt;
  if (!g->row_cnt) return;
  uint32_t end = row_begin(g, g->row_cnt, cells) - 1;
  bool utf8 = g->high && !mr_utf8_valid(g->text, end);
  if (!utf8 && end <= max_line && cells > 1) return;
  for (uint32_t i = 0; i < g->row_cnt; i++) {
    const char *p = g->text + row_begin(g, i, cells);
    uint32_t len = row_len(g, i, cells);
    bool bad = len > max_line || (utf8 && !mr_utf8_valid(p, len));
    if (cells == 1) bad |= mr_csv_is_blank(csv, p, len);
    if (bad) g->row_cnt = i;
  }
}

/* ---- rows that are looked at alone, and what is not done for every row ---- */

/* The cells of row i of the group as the state machine has them. */
static void set_cells(struct mr_csv *csv, uint32_t i) {
  const struct mr_csv_group *g = &csv->group;
  const uint32_t *sep = g->sep + (size_t)i * csv->cell_cnt;
  uint32_t from = sep[0] + 1;
  for (uint32_t k = 0; k < csv->cell_cnt; k++) {
    uint32_t begin = sep[k] + 1, end = sep[k + 1];
    if (k + 1 == csv->cell_cnt) end = from + row_len(g, i, csv->cell_cnt);
    struct mr_csv_cell *cell = &csv->row[k];
    *cell = (struct mr_csv_cell){.off = begin - from, .len = end - begin};
    cell->quoted = csv->quote && cell->len && g->text[begin] == csv->quote;
    cell->doubled = cell->quoted && memchr(g->text + begin + 1, csv->quote, cell->len - 2) != NULL;
  }
}

static void note_full(struct mr_csv *csv, uint32_t i, bool was_empty) {
  csv->full_at = csv->group.text + row_begin(&csv->group, i, csv->cell_cnt);
  csv->full_was_empty = was_empty;
}

static bool put_alone(struct mr_csv *csv, uint32_t i, uint32_t row) {
  bool full, was_empty = csv->fill.batch->heap_cnt == 0;
  set_cells(csv, i);
  if (!mr_csv_row_put(csv, csv->group.text + row_begin(&csv->group, i, csv->cell_cnt), row, &full))
    return false;
  if (full) note_full(csv, i, was_empty);
  return !full;
}

/* Values that row i of the group, which the kernels have taken, has not; its strings into the heap.
 * False: no room. */
static bool finish_row(struct mr_csv *csv, uint32_t i, uint32_t row) {
  struct mr_fill *fill = &csv->fill;
  bool was_empty = fill->batch->heap_cnt == 0;
  fill->pend_cnt = fill->null_cnt = 0;
  for (uint32_t t = 0; t < csv->task_cnt; t++) {
    struct mr_csv_task *task = &csv->tasks[t];
    struct mr_str *s = (struct mr_str *)fill->dst[task->col] + row;
    if (fill->cols[task->col].kind == MR_VALUE_STR && s->len > MR_STR_INLINE)
      mr_fill_str(fill, s, csv->group.text + s->u.ref.off, s->len);
  }
  if (mr_fill_commit(fill, row, NULL, 0)) return true;
  note_full(csv, i, was_empty);
  return false;
}

/* Rows of one column that have no cell, or an empty one. */
static void put_missing(struct mr_csv *csv, uint32_t c, uint64_t rows, uint32_t row) {
  struct mr_fill *fill = &csv->fill;
  for (; rows; rows &= rows - 1) {
    uint32_t at = row + (uint32_t)__builtin_ctzll(rows);
    fill->null_cnt = 0;
    if (csv->empty_code[c] != MR_CSV_NO_CELL) {
      ((uint8_t *)fill->dst[c])[at] = (uint8_t)csv->empty_code[c];
      continue;
    }
    mr_fill_missing(fill, c, at);
    for (uint32_t n = 0; n < fill->null_cnt; n++) mr_fill_null(fill, fill->nulls[n], at);
  }
}

/* Room for all strings of the group, and for what the copy overwrites behind them; NULL: the heap's
 * last block has not as much. */
static uint8_t *group_heap(struct mr_csv *csv) {
  const struct mr_batch *b = csv->fill.batch;
  uint64_t sz = csv->group.heap + MR_CSV_FAR_SLACK;
  if (!b->heap_cnt || mr_align_up(b->heap_used, 8) + sz > b->heap_last_sz) return NULL;
  return mr_batch_heap(csv->fill.pool, csv->fill.batch, (uint32_t)sz);
}

/* All that is left to do once the kernels have taken the group; how many of its rows are rows. */
static uint32_t finish(struct mr_csv *csv, uint32_t row) {
  struct mr_csv_group *g = &csv->group;
  const uint64_t all = g->row_cnt == 64 ? UINT64_MAX : (UINT64_C(1) << g->row_cnt) - 1;
  uint32_t got = g->row_cnt, heap_cnt = 0, heap_end = 0;
  if (csv->alone) g->bad = all;
  uint8_t *heap = g->heap && g->bad != all ? group_heap(csv) : NULL;
  if (heap) {
    heap_cnt = csv->fill.batch->heap_cnt;
    heap_end = csv->fill.batch->heap_used;
  }
  for (uint64_t todo = heap || !g->heap ? g->bad : all; todo; todo &= todo - 1) {
    uint32_t i = (uint32_t)__builtin_ctzll(todo);
    bool good = g->bad >> i & 1 ? put_alone(csv, i, row + i) : finish_row(csv, i, row + i);
    if (good) continue;
    got = i;
    break;
  }
  if (heap) {
    size_t used = csv->kernels->move(csv, g, row, got, heap);
    /* rows that are none leave nothing, where nothing came behind them meanwhile */
    if (csv->fill.batch->heap_used == heap_end && csv->fill.batch->heap_cnt == heap_cnt)
      mr_batch_heap_trim(csv->fill.batch, (uint32_t)(g->heap + MR_CSV_FAR_SLACK - used));
  }
  uint64_t taken = all & ~g->bad & (got == 64 ? UINT64_MAX : (UINT64_C(1) << got) - 1);
  for (uint32_t t = 0; t < csv->task_cnt; t++)
    put_missing(csv, csv->tasks[t].col, csv->tasks[t].nulls & taken, row);
  for (uint32_t a = 0; a < csv->absent_cnt; a++) put_missing(csv, csv->absent[a], taken, row);
  return got;
}

/* ---- the group ---- */

static uint32_t count_newlines(const char *p, const char *end) {
  uint32_t n = 0;
  for (; p < end; p++) n += *p == '\r' || (*p == '\n' && p[-1] != '\r');
  return n;
}

/* Places of the rows that are rows, and the lines behind them. */
static void move_on(struct mr_csv *csv, struct mr_lines *lines, uint32_t row, uint32_t got) {
  const struct mr_csv_group *g = &csv->group;
  struct mr_fill *fill = &csv->fill;
  uint64_t line = lines->line;
  if (row == 0 && got) {
    fill->batch->pos = lines->pos;
    fill->batch->line = line;
  }
  for (uint32_t i = 0; i < got && (fill->row_pos || g->newlines); i++) {
    uint32_t from = row_begin(g, i, csv->cell_cnt);
    if (fill->row_pos) {
      fill->row_pos[row + i] = lines->pos + from;
      fill->row_line[row + i] = line;
    }
    line++;
    if (!g->newlines) continue;
    line += count_newlines(g->text + from, g->text + from + row_len(g, i, csv->cell_cnt));
  }
  if (!fill->row_pos && !g->newlines) line += got;
  uint32_t len = row_begin(g, got, csv->cell_cnt);
  lines->line = line;
  lines->p += len;
  lines->pos += len;
}

uint32_t mr_csv_group_run(struct mr_csv *csv, struct mr_lines *lines, uint32_t row,
                          uint32_t row_max) {
  struct mr_csv_group *g = &csv->group;
  if (!mr_csv_begin_row(csv, lines) || lines->skipping || csv->look.off) return row;
  while (row < row_max && lines->p < lines->end) {
    uint32_t want = row_max - row < csv->group_max ? row_max - row : csv->group_max;
    csv->kernels->find(csv, g, lines->p, lines->end, want);
    cut(csv, lines->max_line);
    if (!g->row_cnt) break;
    g->bad = g->heap = 0;
    for (uint32_t t = 0; t < csv->task_cnt; t++) csv->kernels->take(csv, g, &csv->tasks[t], row);
    uint32_t got = finish(csv, row);
    move_on(csv, lines, row, got);
    csv->counts.group_rows += got;
    row += got;
    if (got < want) {
      csv->group_max = got < GROUP_MIN ? GROUP_MIN : got;
      break;
    }
    csv->group_max = csv->group_max * 2 < MR_CSV_GROUP ? csv->group_max * 2 : MR_CSV_GROUP;
  }
  return row;
}

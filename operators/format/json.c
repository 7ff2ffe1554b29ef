/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "base/assert.h"
#include "format/json_private.h"

/* ---- create ---- */

static int add_key(struct mr_json *json, const char *name, uint32_t col, uint32_t rank,
                   struct mr_error *err) {
  uint32_t len = (uint32_t)strlen(name), i = (uint32_t)mr_json_key_hash(name, len) & json->key_mask;
  for (; json->keys[i].name; i = (i + 1) & json->key_mask) {
    if (json->keys[i].len == len && mr_json_key_equal(json->keys[i].name, name, len))
      return mr_error_set(err, MR_ERR_ARG, "two columns are read from the JSON key \"%s\"", name);
  }
  json->keys[i] = (struct mr_json_key){name, len, col, rank};
  return 0;
}

static int init_keys(struct mr_json *json, struct mr_arena *arena, struct mr_error *err) {
  uint32_t cnt = 0;
  for (uint32_t c = 0; c < json->fill.col_cnt; c++)
    cnt += json->fill.cols[c].conf->keys ? json->fill.cols[c].conf->key_cnt : 1;
  json->alts = MR_NEW(arena, struct mr_json_cell, cnt + 1);
  json->alt_off = MR_NEW(arena, uint32_t, json->fill.col_cnt + 1);
  json->key_mask = (uint32_t)mr_pow2_up(cnt * 2 + 2) - 1;
  json->keys = MR_NEW(arena, struct mr_json_key, json->key_mask + 1);
  for (uint32_t c = 0; c < json->fill.col_cnt; c++) {
    const struct mr_decode_field *f = json->fill.cols[c].conf;
    json->alt_off[c + 1] = json->alt_off[c] + f->key_cnt;
    int rc = f->keys ? 0 : add_key(json, json->fill.cols[c].field->name, c, 0, err);
    for (uint32_t k = 0; f->keys && k < f->key_cnt && !rc; k++)
      rc = add_key(json, f->keys[k], c, k, err);
    if (rc) return rc;
  }
  return 0;
}

struct mr_json *mr_json_create(struct mr_arena *arena, const struct mr_decode_conf *conf,
                               struct mr_error *err) {
  struct mr_json *json = MR_NEW(arena, struct mr_json, 1);
  if (mr_fill_init(&json->fill, arena, conf, err)) return NULL;
  json->cells = MR_NEW(arena, struct mr_json_cell, json->fill.col_cnt + 1);
  json->lists = MR_NEW(arena, struct mr_json_list, json->fill.col_cnt + 1);
  json->elems = MR_NEW(arena, struct mr_json_elem, MR_JSON_ELEMS_MAX);
  if (init_keys(json, arena, err)) return NULL;
  /* rewritten numbers grow by two bytes for at least nineteen */
  size_t capacity = (size_t)conf->max_line + conf->max_line / 9 + 16;
  json->scratch_sz = capacity + MR_LINES_PAD;
  json->scratch = mr_arena_alloc(arena, json->scratch_sz);
  mr_json_templates_init(json, arena);
  json->dom = mr_json_dom_create(capacity, MR_JSON_DEPTH_MAX);
  if (json->dom) return json;
  mr_error_set(err, MR_ERR_NOMEM, "no memory to parse JSON lines of %u bytes", conf->max_line);
  return NULL;
}

void mr_json_destroy(struct mr_json *json) {
  if (json) mr_json_dom_destroy(json->dom);
}

const struct mr_decode_bad *mr_json_bad(const struct mr_json *json) {
  return &json->fill.bad;
}
const struct mr_json_counts *mr_json_counts(const struct mr_json *json) {
  return &json->counts;
}

/* ---- one row ---- */

bool mr_json_commit(struct mr_json *json, uint32_t row, const char *line, uint32_t len) {
  if (json->list_cnt && !mr_json_list_commit(json)) return false;
  return mr_fill_commit(&json->fill, row, line, len);
}

/* ---- a batch ---- */

static enum mr_decode_stop say_bad_line(struct mr_json *json, const struct mr_line *line) {
  json->fill.bad.line = *line;
  json->counts.bad_rows++;
  return MR_DECODE_BAD;
}

/* The row has no room: a later batch's first one, or a dead letter where even an empty batch cannot
 * hold it. */
static enum mr_decode_stop refuse_row(struct mr_json *json, struct mr_lines *lines,
                                      const struct mr_line *line, bool was_empty) {
  if (was_empty) {
    json->fill.bad.code = MR_BAD_TOO_LARGE;
    snprintf(json->fill.bad.cause, sizeof json->fill.bad.cause,
             "the row's strings and lists fit no batch");
    return say_bad_line(json, line);
  }
  lines->p = (char *)(uintptr_t)line->p;
  lines->pos = line->pos;
  lines->line = line->line;
  lines->scanned = 0;
  return MR_DECODE_HEAP;
}

/* One line by the general path; false: *stop says why there is no row. */
static bool decode_one(struct mr_json *json, struct mr_lines *lines, uint32_t row,
                       enum mr_decode_stop *stop) {
  struct mr_line line;
  bool full = false, was_empty = json->fill.batch->heap_cnt == 0;
  was_empty |= json->full_at == lines->p && json->full_was_empty;
  json->full_at = NULL;
  *stop = MR_DECODE_MORE;
  enum mr_line_result got = mr_lines_next(lines, &line);
  if (got == MR_LINE_MORE) return false;
  json->fill.pend_cnt = json->fill.null_cnt = json->list_cnt = 0;
  bool good = false;
  if (got == MR_LINE_LONG) {
    json->fill.bad.code = MR_BAD_LONG;
    snprintf(json->fill.bad.cause, sizeof json->fill.bad.cause,
             "the line has %llu bytes, more than max_line", (unsigned long long)line.bytes);
  } else {
    good = mr_json_general(json, &line, row, &full);
  }
  if (!good) {
    *stop = say_bad_line(json, &line);
    return false;
  }
  if (full) {
    *stop = refuse_row(json, lines, &line, was_empty);
    return false;
  }
  mr_fill_place(&json->fill, row, &line);
  json->counts.general_rows++;
  if (!json->fill.conf.general_only) mr_json_templates_learn(json, &line);
  return true;
}

uint32_t mr_json_decode_batch(struct mr_json *json, struct mr_lines *lines, struct mr_pool *pool,
                              struct mr_batch *batch, uint32_t from_row, uint32_t row_max,
                              enum mr_decode_stop *stop) {
  MR_ASSERT(row_max <= MR_BATCH_ROWS && from_row <= row_max);
  MR_ASSERT(lines->max_line <= json->fill.conf.max_line);
  mr_fill_begin(&json->fill, pool, batch, from_row);
  uint32_t row = from_row;
  *stop = MR_DECODE_ROWS;
  while (row < row_max) {
    if (json->template_cnt && !json->rest) row = mr_json_templates_run(json, lines, row, row_max);
    if (row == row_max) break;
    if (!decode_one(json, lines, row, stop)) break;
    *stop = MR_DECODE_ROWS;
    row++;
  }
  mr_fill_end(&json->fill, from_row, row);
  return row;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "base/assert.h"
#include "format/json_private.h"

/* ---- create ---- */

static uint8_t scalar_kind(enum mr_type type, const struct mr_enum *codes,
                           enum mr_decode_time time) {
  switch (type) {
  case MR_TYPE_BOOL: return MR_JSON_BOOL;
  case MR_TYPE_INT64: return MR_JSON_INT64;
  case MR_TYPE_DOUBLE: return MR_JSON_DOUBLE;
  case MR_TYPE_STRING: return codes ? MR_JSON_CODE : MR_JSON_STR;
  case MR_TYPE_DURATION: return MR_JSON_DURATION;
  default: break;
  }
  return time == MR_DECODE_RFC3339   ? MR_JSON_RFC3339
         : time == MR_DECODE_PATTERN ? MR_JSON_PATTERN
                                     : MR_JSON_UNIX;
}

static void init_col(struct mr_json *json, struct mr_arena *arena, uint32_t c) {
  static const int64_t units[] = {[MR_DECODE_UNIX_S] = 1000000,
                                  [MR_DECODE_UNIX_MS] = 1000,
                                  [MR_DECODE_UNIX_US] = 1,
                                  [MR_DECODE_PATTERN] = 0};
  struct mr_json_col *col = &json->cols[c];
  col->field = &json->conf.schema->fields[c];
  col->conf = &json->conf.fields[c];
  col->needed = col->conf->needed;
  col->checked = col->needed || json->conf.check_declared;
  col->event_time = json->conf.schema->event_time == (int32_t)c;
  col->null_ok = col->event_time ? json->conf.missing_time_keep : col->field->optional;
  col->unix_us = units[col->conf->time];
  col->elem = scalar_kind(col->field->elem, col->field->codes, col->conf->time);
  col->kind = col->field->type == MR_TYPE_LIST
                  ? MR_JSON_LIST
                  : scalar_kind(col->field->type, col->field->codes, col->conf->time);
  if (col->field->codes) col->codes = mr_json_codes_create(arena, col->field->codes);
}

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
  for (uint32_t c = 0; c < json->col_cnt; c++)
    cnt += json->cols[c].conf->keys ? json->cols[c].conf->key_cnt : 1;
  json->key_mask = (uint32_t)mr_pow2_up(cnt * 2 + 2) - 1;
  json->keys = MR_NEW(arena, struct mr_json_key, json->key_mask + 1);
  for (uint32_t c = 0; c < json->col_cnt; c++) {
    const struct mr_decode_field *f = json->cols[c].conf;
    int rc = f->keys ? 0 : add_key(json, json->cols[c].field->name, c, 0, err);
    for (uint32_t k = 0; f->keys && k < f->key_cnt && !rc; k++)
      rc = add_key(json, f->keys[k], c, k, err);
    if (rc) return rc;
  }
  return 0;
}

static int check_conf(const struct mr_decode_conf *conf, struct mr_error *err) {
  int32_t t = conf->schema->event_time;
  if (t >= 0 && ((uint32_t)t >= conf->schema->visible_cnt || !conf->fields[t].needed ||
                 conf->schema->fields[t].type != MR_TYPE_TIMESTAMP))
    return mr_error_set(err, MR_ERR_ARG, "the event time must be a needed timestamp column");
  if (conf->raw_col >= 0 && ((uint32_t)conf->raw_col < conf->schema->visible_cnt ||
                             (uint32_t)conf->raw_col >= conf->schema->cnt))
    return mr_error_set(err, MR_ERR_ARG, "the raw column must be a hidden one");
  if (conf->max_line == 0 || conf->max_line > (1u << 30))
    return mr_error_set(err, MR_ERR_ARG, "max_line must be 1 B to 1 GiB");
  return 0;
}

struct mr_json *mr_json_create(struct mr_arena *arena, const struct mr_decode_conf *conf,
                               struct mr_error *err) {
  if (check_conf(conf, err)) return NULL;
  struct mr_json *json = MR_NEW(arena, struct mr_json, 1);
  json->conf = *conf;
  json->col_cnt = conf->schema->visible_cnt;
  json->cols = MR_NEW(arena, struct mr_json_col, json->col_cnt + 1);
  json->cells = MR_NEW(arena, struct mr_json_cell, json->col_cnt + 1);
  json->dst = MR_NEW(arena, void *, json->col_cnt + 1);
  json->pend = MR_NEW(arena, struct mr_json_pend, json->col_cnt + 1);
  json->nulls = MR_NEW(arena, uint16_t, json->col_cnt + 1);
  json->lists = MR_NEW(arena, struct mr_json_list, json->col_cnt + 1);
  json->elems = MR_NEW(arena, struct mr_json_elem, MR_JSON_ELEMS_MAX);
  json->bin = mr_arena_alloc(arena, (size_t)MR_BATCH_ROWS * 16);
  for (uint32_t c = 0; c < json->col_cnt; c++) {
    init_col(json, arena, c);
    json->dst[c] = json->bin;
  }
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
  return &json->bad;
}
const struct mr_json_counts *mr_json_counts(const struct mr_json *json) {
  return &json->counts;
}

/* ---- one row ---- */

static void put_null(struct mr_json *json, uint32_t col, uint32_t row) {
  uint64_t *valid = mr_pool_valid(json->pool, json->batch, col);
  if (!json->batch->cols[col].valid_off) {
    memset(valid, 0xff, MR_BATCH_WORDS * sizeof *valid);
    mr_batch_set_valid(json->pool, json->batch, col);
  }
  mr_bit_clear(valid, row);
}

bool mr_json_commit(struct mr_json *json, uint32_t row, const char *line, uint32_t len) {
  struct mr_pool *pool = json->pool;
  struct mr_batch *batch = json->batch;
  for (uint32_t i = 0; i < json->pend_cnt; i++) {
    const struct mr_json_pend *s = &json->pend[i];
    if (!mr_batch_str(pool, batch, s->p, s->len, s->dst)) return false;
  }
  if (json->list_cnt && !mr_json_list_commit(json)) return false;
  if (json->conf.raw_col >= 0) {
    struct mr_str *raw = mr_pool_column(pool, batch, (uint32_t)json->conf.raw_col);
    if (!mr_batch_str(pool, batch, line, len, raw + row)) return false;
  }
  for (uint32_t i = 0; i < json->null_cnt; i++) put_null(json, json->nulls[i], row);
  return true;
}

static void put_zero(struct mr_json *json, uint32_t c, uint32_t row) {
  uint8_t *dst = json->dst[c];
  switch (json->cols[c].kind) {
  case MR_JSON_BOOL: mr_json_put_bit(json->dst[c], row, false); break;
  case MR_JSON_CODE: dst[row] = 0; break;
  case MR_JSON_STR:
  case MR_JSON_LIST: memset(dst + (size_t)row * 16, 0, 16); break;
  default: memset(dst + (size_t)row * 8, 0, 8); break;
  }
}

void mr_json_put_missing(struct mr_json *json, uint32_t c, uint32_t row) {
  const struct mr_decode_default *def = &json->cols[c].conf->def;
  uint8_t *dst = json->dst[c];
  if (!def->given) {
    put_zero(json, c, row);
    if (json->cols[c].needed) json->nulls[json->null_cnt++] = (uint16_t)c;
    return;
  }
  switch (json->cols[c].kind) {
  case MR_JSON_BOOL: mr_json_put_bit(json->dst[c], row, def->b); break;
  case MR_JSON_CODE: dst[row] = def->code; break;
  case MR_JSON_DOUBLE: ((double *)json->dst[c])[row] = def->f64; break;
  case MR_JSON_STR:
    if (json->cols[c].needed)
      mr_json_put_str(json, (struct mr_str *)json->dst[c] + row, def->str, def->str_len);
    break;
  case MR_JSON_LIST: put_zero(json, c, row); break; /* the only default of a list: no elements */
  default: ((int64_t *)json->dst[c])[row] = def->i64; break;
  }
}

/* ---- a batch ---- */

static void begin_batch(struct mr_json *json, struct mr_pool *pool, struct mr_batch *batch,
                        uint32_t from_row) {
  json->pool = pool;
  json->batch = batch;
  json->base = pool->region->base;
  for (uint32_t c = 0; c < json->col_cnt; c++) {
    if (!json->cols[c].needed) continue;
    json->dst[c] = mr_pool_column(pool, batch, c);
    if (!batch->cols[c].valid_off) continue;
    uint64_t *valid = mr_pool_valid(pool, batch, c);
    for (uint32_t row = from_row; row % 64; row++) mr_bit_set(valid, row);
    for (uint32_t w = mr_bitmap_words(from_row); w < MR_BATCH_WORDS; w++) valid[w] = UINT64_MAX;
  }
  json->row_pos = json->row_line = NULL;
  if (pool->conf.hidden & MR_HAS_POS) {
    json->row_pos = (uint64_t *)(void *)((uint8_t *)batch + pool->pos_off);
    json->row_line = (uint64_t *)(void *)((uint8_t *)batch + pool->line_off);
    batch->row_pos_off = mr_region_off(pool->region, json->row_pos);
    batch->row_line_off = mr_region_off(pool->region, json->row_line);
  }
  if (from_row) return;
  batch->et_min = batch->et_max = MR_TIME_NONE;
  batch->msg.row_cnt = 0;
}

/* Clears the bits of rows that are not there. */
static void clear_tail(uint64_t *map, uint32_t row_cnt) {
  uint32_t w = row_cnt / 64;
  if (row_cnt % 64) map[w++] &= (UINT64_C(1) << (row_cnt % 64)) - 1;
  for (; w < MR_BATCH_WORDS; w++) map[w] = 0;
}

static void note_event_time(struct mr_json *json, uint32_t from, uint32_t to) {
  struct mr_batch *batch = json->batch;
  uint32_t c = (uint32_t)json->conf.schema->event_time;
  const int64_t *t = json->dst[c];
  const uint64_t *valid = batch->cols[c].valid_off ? mr_pool_valid(json->pool, batch, c) : NULL;
  int64_t lo = INT64_MAX, hi = INT64_MIN;
  if (!valid) json->kernels->bounds(t + from, to - from, &lo, &hi);
  for (uint32_t row = from; valid && row < to; row++) {
    if (!mr_bit_get(valid, row)) continue;
    lo = t[row] < lo ? t[row] : lo;
    hi = t[row] > hi ? t[row] : hi;
  }
  if (lo > hi) return;
  if (batch->et_min == MR_TIME_NONE || lo < batch->et_min) batch->et_min = lo;
  if (hi > batch->et_max) batch->et_max = hi;
}

static void end_batch(struct mr_json *json, uint32_t from, uint32_t to) {
  for (uint32_t c = 0; c < json->col_cnt; c++) {
    if (!json->cols[c].needed) continue;
    if (json->batch->cols[c].valid_off) clear_tail(mr_pool_valid(json->pool, json->batch, c), to);
    if (json->cols[c].kind == MR_JSON_BOOL) clear_tail(json->dst[c], to);
  }
  if (json->conf.schema->event_time >= 0 && to > from) note_event_time(json, from, to);
  json->batch->msg.row_cnt = json->batch->msg.sel_cnt = to;
}

static enum mr_decode_stop say_bad_line(struct mr_json *json, const struct mr_line *line) {
  json->bad.line = *line;
  json->counts.bad_rows++;
  return MR_DECODE_BAD;
}

/* The row has no room: a later batch's first one, or a dead letter where even an empty batch cannot
 * hold it. */
static enum mr_decode_stop refuse_row(struct mr_json *json, struct mr_lines *lines,
                                      const struct mr_line *line, bool was_empty) {
  if (was_empty) {
    json->bad.code = MR_BAD_TOO_LARGE;
    snprintf(json->bad.cause, sizeof json->bad.cause, "the row's strings and lists fit no batch");
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
  bool full = false, was_empty = json->batch->heap_cnt == 0;
  was_empty |= json->full_at == lines->p && json->full_was_empty;
  json->full_at = NULL;
  *stop = MR_DECODE_MORE;
  enum mr_line_result got = mr_lines_next(lines, &line);
  if (got == MR_LINE_MORE) return false;
  json->pend_cnt = json->null_cnt = json->list_cnt = 0;
  bool good = false;
  if (got == MR_LINE_LONG) {
    json->bad.code = MR_BAD_LONG;
    snprintf(json->bad.cause, sizeof json->bad.cause, "the line has %llu bytes, more than max_line",
             (unsigned long long)line.bytes);
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
  if (json->row_pos) {
    json->row_pos[row] = line.pos;
    json->row_line[row] = line.line;
  }
  if (row == 0) {
    json->batch->pos = line.pos;
    json->batch->line = line.line;
  }
  json->counts.general_rows++;
  if (!json->conf.general_only) mr_json_templates_learn(json, &line);
  return true;
}

uint32_t mr_json_decode_batch(struct mr_json *json, struct mr_lines *lines, struct mr_pool *pool,
                              struct mr_batch *batch, uint32_t from_row, uint32_t row_max,
                              enum mr_decode_stop *stop) {
  MR_ASSERT(row_max <= MR_BATCH_ROWS && from_row <= row_max);
  MR_ASSERT(lines->max_line <= json->conf.max_line);
  begin_batch(json, pool, batch, from_row);
  uint32_t row = from_row;
  *stop = MR_DECODE_ROWS;
  while (row < row_max) {
    if (json->template_cnt && !json->rest) row = mr_json_templates_run(json, lines, row, row_max);
    if (row == row_max) break;
    if (!decode_one(json, lines, row, stop)) break;
    *stop = MR_DECODE_ROWS;
    row++;
  }
  end_batch(json, from_row, row);
  return row;
}

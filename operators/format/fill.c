/* SPDX-License-Identifier: Apache-2.0 */
#include "format/fill.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/bits.h"

/* ---- create ---- */

static const int64_t unit_us[] = {[MR_DECODE_UNIX_S] = 1000000,
                                  [MR_DECODE_UNIX_MS] = 1000,
                                  [MR_DECODE_UNIX_US] = 1,
                                  [MR_DECODE_PATTERN] = 0};

static uint8_t time_kind(const struct mr_decode_field *conf) {
  if (!conf->format_cnt) return MR_VALUE_RFC3339;
  if (conf->format_cnt > 1) return MR_VALUE_TIMES;
  switch (conf->formats[0].time) {
  case MR_DECODE_RFC3339: return MR_VALUE_RFC3339;
  case MR_DECODE_PATTERN: return MR_VALUE_PATTERN;
  default: return MR_VALUE_UNIX;
  }
}

static uint8_t scalar_kind(enum mr_type type, const struct mr_fill_col *col) {
  switch (type) {
  case MR_TYPE_BOOL: return MR_VALUE_BOOL;
  case MR_TYPE_INT64: return MR_VALUE_INT64;
  case MR_TYPE_DOUBLE: return MR_VALUE_DOUBLE;
  case MR_TYPE_STRING: return col->field->codes ? MR_VALUE_CODE : MR_VALUE_STR;
  case MR_TYPE_DURATION: return MR_VALUE_DURATION;
  default: return time_kind(col->conf);
  }
}

/* Bytes of each text of a pattern that is day and time of day as RFC 3339 has them, between them
 * any sign, and behind them maybe three digits of a fraction; else 0. */
static uint32_t plain_len(const struct mr_time_pattern *p) {
  static const struct mr_time_item items[] = {{'y', 4}, {0, '-'}, {'M', 2}, {0, '-'}, {'d', 2},
                                              {0, 0},   {'H', 2}, {0, ':'}, {'m', 2}, {0, ':'},
                                              {'s', 2}, {0, '.'}, {'S', 3}};
  if (p->cnt != 11 && p->cnt != 13) return 0;
  for (uint32_t i = 0; i < p->cnt; i++) {
    bool sign = i == 5 && p->items[i].letter == 0;
    if (!sign && (p->items[i].letter != items[i].letter || p->items[i].width != items[i].width))
      return 0;
  }
  return p->cnt == 11 ? 19 : 23;
}

static void init_col(struct mr_fill *fill, struct mr_arena *arena, uint32_t c) {
  struct mr_fill_col *col = &fill->cols[c];
  col->field = &fill->conf.schema->fields[c];
  col->conf = &fill->conf.fields[c];
  col->needed = col->conf->needed;
  col->checked = col->needed || fill->conf.check_declared;
  col->event_time = fill->conf.schema->event_time == (int32_t)c;
  col->null_ok = col->event_time ? fill->conf.missing_time_keep : col->field->optional;
  for (uint32_t i = 0; i < col->conf->format_cnt; i++) {
    const struct mr_decode_format *format = &col->conf->formats[i];
    if (!col->unix_us) col->unix_us = unit_us[format->time];
    if (!col->pattern) col->pattern = format->pattern;
  }
  if (col->pattern) col->pattern_len = plain_len(col->pattern);
  col->elem = scalar_kind(col->field->elem, col);
  col->kind = col->field->type == MR_TYPE_LIST ? MR_VALUE_LIST : scalar_kind(col->field->type, col);
  if (col->field->codes) col->codes = mr_codes_create(arena, col->field->codes);
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

int mr_fill_init(struct mr_fill *fill, struct mr_arena *arena, const struct mr_decode_conf *conf,
                 struct mr_error *err) {
  int rc = check_conf(conf, err);
  if (rc) return rc;
  fill->conf = *conf;
  fill->col_cnt = conf->schema->visible_cnt;
  fill->kernels = conf->isa == MR_ISA_V4   ? &mr_fill_kernels_v4
                  : conf->isa == MR_ISA_V3 ? &mr_fill_kernels_v3
                                           : &mr_fill_kernels_v2;
  fill->cols = MR_NEW(arena, struct mr_fill_col, fill->col_cnt + 1);
  fill->dst = MR_NEW(arena, void *, fill->col_cnt + 1);
  fill->pend = MR_NEW(arena, struct mr_fill_pend, fill->col_cnt + 1);
  fill->nulls = MR_NEW(arena, uint16_t, fill->col_cnt + 1);
  fill->bin = mr_arena_alloc(arena, (size_t)MR_BATCH_ROWS * 16);
  for (uint32_t c = 0; c < fill->col_cnt; c++) {
    init_col(fill, arena, c);
    fill->dst[c] = fill->bin;
  }
  return 0;
}

/* ---- one row ---- */

void mr_fill_null(struct mr_fill *fill, uint32_t col, uint32_t row) {
  uint64_t *valid = mr_pool_valid(fill->pool, fill->batch, col);
  if (!fill->batch->cols[col].valid_off) {
    memset(valid, 0xff, MR_BATCH_WORDS * sizeof *valid);
    mr_batch_set_valid(fill->pool, fill->batch, col);
  }
  mr_bit_clear(valid, row);
}

bool mr_fill_commit(struct mr_fill *fill, uint32_t row, const char *line, uint32_t len) {
  struct mr_pool *pool = fill->pool;
  struct mr_batch *batch = fill->batch;
  for (uint32_t i = 0; i < fill->pend_cnt; i++) {
    const struct mr_fill_pend *s = &fill->pend[i];
    if (!mr_batch_str(pool, batch, s->p, s->len, s->dst)) return false;
  }
  if (fill->conf.raw_col >= 0) {
    struct mr_str *raw = mr_pool_column(pool, batch, (uint32_t)fill->conf.raw_col);
    if (!mr_batch_str(pool, batch, line, len, raw + row)) return false;
  }
  for (uint32_t i = 0; i < fill->null_cnt; i++) mr_fill_null(fill, fill->nulls[i], row);
  return true;
}

static void put_zero(struct mr_fill *fill, uint32_t c, uint32_t row) {
  uint8_t *dst = fill->dst[c];
  switch (fill->cols[c].kind) {
  case MR_VALUE_BOOL: mr_fill_bit(fill->dst[c], row, false); break;
  case MR_VALUE_CODE: dst[row] = 0; break;
  case MR_VALUE_STR:
  case MR_VALUE_LIST: memset(dst + (size_t)row * 16, 0, 16); break;
  default: memset(dst + (size_t)row * 8, 0, 8); break;
  }
}

void mr_fill_missing(struct mr_fill *fill, uint32_t c, uint32_t row) {
  const struct mr_decode_default *def = &fill->cols[c].conf->def;
  uint8_t *dst = fill->dst[c];
  if (!def->given) {
    put_zero(fill, c, row);
    if (fill->cols[c].needed) fill->nulls[fill->null_cnt++] = (uint16_t)c;
    return;
  }
  switch (fill->cols[c].kind) {
  case MR_VALUE_BOOL: mr_fill_bit(fill->dst[c], row, def->b); break;
  case MR_VALUE_CODE: dst[row] = def->code; break;
  case MR_VALUE_DOUBLE: ((double *)fill->dst[c])[row] = def->f64; break;
  case MR_VALUE_STR:
    if (fill->cols[c].needed)
      mr_fill_str(fill, (struct mr_str *)fill->dst[c] + row, def->str, def->str_len);
    break;
  case MR_VALUE_LIST: put_zero(fill, c, row); break; /* the only default of a list: no elements */
  default: ((int64_t *)fill->dst[c])[row] = def->i64; break;
  }
}

void mr_fill_place(struct mr_fill *fill, uint32_t row, const struct mr_line *line) {
  if (fill->row_pos) {
    fill->row_pos[row] = line->pos;
    fill->row_line[row] = line->line;
  }
  if (row == 0) {
    fill->batch->pos = line->pos;
    fill->batch->line = line->line;
  }
}

/* ---- a batch ---- */

void mr_fill_begin(struct mr_fill *fill, struct mr_pool *pool, struct mr_batch *batch,
                   uint32_t from_row) {
  fill->pool = pool;
  fill->batch = batch;
  fill->base = pool->region->base;
  for (uint32_t c = 0; c < fill->col_cnt; c++) {
    if (!fill->cols[c].needed) continue;
    fill->dst[c] = mr_pool_column(pool, batch, c);
    if (!batch->cols[c].valid_off) continue;
    uint64_t *valid = mr_pool_valid(pool, batch, c);
    for (uint32_t row = from_row; row % 64; row++) mr_bit_set(valid, row);
    for (uint32_t w = mr_bitmap_words(from_row); w < MR_BATCH_WORDS; w++) valid[w] = UINT64_MAX;
  }
  fill->row_pos = fill->row_line = NULL;
  if (pool->conf.hidden & MR_HAS_POS) {
    fill->row_pos = (uint64_t *)(void *)((uint8_t *)batch + pool->pos_off);
    fill->row_line = (uint64_t *)(void *)((uint8_t *)batch + pool->line_off);
    batch->row_pos_off = mr_region_off(pool->region, fill->row_pos);
    batch->row_line_off = mr_region_off(pool->region, fill->row_line);
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

static void note_event_time(struct mr_fill *fill, uint32_t from, uint32_t to) {
  struct mr_batch *batch = fill->batch;
  uint32_t c = (uint32_t)fill->conf.schema->event_time;
  const int64_t *t = fill->dst[c];
  const uint64_t *valid = batch->cols[c].valid_off ? mr_pool_valid(fill->pool, batch, c) : NULL;
  int64_t lo = INT64_MAX, hi = INT64_MIN;
  if (!valid) fill->kernels->bounds(t + from, to - from, &lo, &hi);
  for (uint32_t row = from; valid && row < to; row++) {
    if (!mr_bit_get(valid, row)) continue;
    lo = t[row] < lo ? t[row] : lo;
    hi = t[row] > hi ? t[row] : hi;
  }
  if (lo > hi) return;
  if (batch->et_min == MR_TIME_NONE || lo < batch->et_min) batch->et_min = lo;
  if (hi > batch->et_max) batch->et_max = hi;
}

void mr_fill_end(struct mr_fill *fill, uint32_t from, uint32_t to) {
  for (uint32_t c = 0; c < fill->col_cnt; c++) {
    if (!fill->cols[c].needed) continue;
    if (fill->batch->cols[c].valid_off) clear_tail(mr_pool_valid(fill->pool, fill->batch, c), to);
    if (fill->cols[c].kind == MR_VALUE_BOOL) clear_tail(fill->dst[c], to);
  }
  if (fill->conf.schema->event_time >= 0 && to > from) note_event_time(fill, from, to);
  fill->batch->msg.row_cnt = fill->batch->msg.sel_cnt = to;
}

/* ---- times ---- */

bool mr_fill_time(const struct mr_decode_format *format, const char *p, size_t len, int64_t *us) {
  switch (format->time) {
  case MR_DECODE_RFC3339: return mr_timestamp_parse(p, len, us) == 0;
  case MR_DECODE_PATTERN: return mr_time_pattern_parse(format->pattern, p, len, us) == 0;
  default:
    return mr_int64_parse(p, len, us) == 0 && mr_fill_unix_us(unit_us[format->time], *us, us);
  }
}

bool mr_fill_time_text(const struct mr_fill_col *col, const char *p, size_t len, int64_t *us) {
  const struct mr_decode_field *f = col->conf;
  if (!f->format_cnt) return mr_timestamp_parse(p, len, us) == 0;
  for (uint32_t i = 0; i < f->format_cnt; i++) {
    if (!unit_us[f->formats[i].time] && mr_fill_time(&f->formats[i], p, len, us)) return true;
  }
  return false;
}

bool mr_fill_time_number(const struct mr_fill_col *col, int64_t v, int64_t *us) {
  const struct mr_decode_field *f = col->conf;
  for (uint32_t i = 0; i < f->format_cnt; i++) {
    int64_t unit = unit_us[f->formats[i].time];
    if (unit && mr_fill_unix_us(unit, v, us)) return true;
  }
  return false;
}

/* ---- causes ---- */

bool mr_fill_bad(struct mr_fill *fill, const char *code, const char *fmt, ...) {
  va_list args;
  va_start(args, fmt);
  vsnprintf(fill->bad.cause, sizeof fill->bad.cause, fmt, args);
  va_end(args);
  fill->bad.code = code;
  return false;
}

bool mr_fill_bad_code(struct mr_fill *fill, const struct mr_fill_col *col, const char *found) {
  const struct mr_enum *texts = col->codes->texts;
  char list[128];
  size_t n = 0;
  for (uint32_t c = 0; c < texts->cnt; c++) {
    uint32_t len = texts->lens[c];
    if (n + len + 8 > sizeof list) {
      memcpy(list + n, ", ...", 6);
      break;
    }
    n += (size_t)snprintf(list + n, sizeof list - n, "%s%s", c ? ", " : "", texts->texts[c]);
  }
  return mr_fill_bad(fill, MR_BAD_ONE_OF, "field \"%s\": expected one of %s, found %s",
                     col->field->name, list, found);
}

bool mr_fill_bad_missing(struct mr_fill *fill, const struct mr_fill_col *col, const char *how) {
  if (col->event_time)
    return mr_fill_bad(fill, MR_BAD_NO_TIME, "field \"%s\", the event time, %s", col->field->name,
                       how);
  return mr_fill_bad(fill, MR_BAD_MISSING, "field \"%s\" %s", col->field->name, how);
}

const char *mr_value_kind_text(uint8_t kind) {
  switch (kind) {
  case MR_VALUE_BOOL: return "true or false";
  case MR_VALUE_INT64: return "a whole number (int64)";
  case MR_VALUE_DOUBLE: return "a number (double)";
  case MR_VALUE_STR:
  case MR_VALUE_CODE: return "a string";
  case MR_VALUE_RFC3339: return "a time as RFC 3339 text";
  case MR_VALUE_PATTERN: return "a time as text";
  case MR_VALUE_UNIX: return "a time as a whole number since 1970";
  case MR_VALUE_TIMES: return "a time in one of the declared formats";
  case MR_VALUE_DURATION: return "a duration as text such as \"1h2m3.5s\"";
  default: return "a list";
  }
}

uint32_t mr_text_clip(const char *p, uint32_t len, uint32_t max) {
  if (len <= max) return len;
  while (max && ((unsigned char)p[max] & 0xc0) == 0x80) max--;
  return max;
}

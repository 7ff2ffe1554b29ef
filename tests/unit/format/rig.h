/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_FORMAT_RIG_H
#define MR_FORMAT_RIG_H

/* A decoder with a pool and a block of memory, and what it makes of a text: one line of text per
 * row or bad line, so that two runs can be compared. */

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "data/batch.h"
#include "format/csv.h"
#include "format/json.h"

#define RIG_UNUSED   __attribute__((unused))
#define RIG_MAX_LINE 65536u

static const char *const rig_texts[] = {
    "low", "medium", "high", "critical", "\xc3\xbcnder", "a text of more than fifteen bytes"};
static const uint32_t rig_lens[] = {3, 6, 4, 8, 6, 33};
static const struct mr_enum rig_codes = {6, rig_texts, rig_lens, NULL};

static const char *const rig_tt_keys[] = {"tt", "tt2", "tt3"};
static const char *const rig_tn_keys[] = {"n1", "tn"};

/* Columns of the rig: every kind of field; times in several formats from several keys. */
enum {
  RIG_T,
  RIG_S,
  RIG_E,
  RIG_I,
  RIG_D,
  RIG_B,
  RIG_MS,
  RIG_P,
  RIG_DU,
  RIG_LI,
  RIG_LS,
  RIG_LE,
  RIG_UNREAD,
  RIG_DEF,
  RIG_SDEF,
  RIG_TT,
  RIG_TN,
  RIG_RAW,
  RIG_COLS
};

struct rig {
  struct mr_arena arena;
  struct mr_region region;
  struct mr_pool pool;
  struct mr_field fields[RIG_COLS];
  struct mr_decode_field json_fields[RIG_COLS];
  struct mr_schema schema;
  struct mr_decode_conf conf;
  struct mr_time_pattern pattern;
  struct mr_decode_format tt[4], tn[2];
  bool own[RIG_COLS];
  struct mr_json *json; /* or */
  struct mr_csv *csv;
  struct mr_lines lines;
  char *block;
  size_t block_sz;
  char *out; /* what came out */
  size_t out_len, out_sz;
  uint64_t rows, bad;
};

static RIG_UNUSED void rig_die(const char *what) {
  printf("rig: %s\n", what);
  abort();
}

static RIG_UNUSED void rig_fields(struct rig *r) {
  const struct mr_field fields[RIG_COLS] = {
      [RIG_T] = {"t", MR_TYPE_TIMESTAMP},
      [RIG_S] = {"s", MR_TYPE_STRING, .optional = true},
      [RIG_E] = {"e", MR_TYPE_STRING, .codes = &rig_codes, .optional = true},
      [RIG_I] = {"i", MR_TYPE_INT64, .optional = true},
      [RIG_D] = {"d", MR_TYPE_DOUBLE, .optional = true},
      [RIG_B] = {"b", MR_TYPE_BOOL, .optional = true},
      [RIG_MS] = {"ms", MR_TYPE_TIMESTAMP, .optional = true},
      [RIG_P] = {"p", MR_TYPE_TIMESTAMP, .optional = true},
      [RIG_DU] = {"du", MR_TYPE_DURATION, .optional = true},
      [RIG_LI] = {"li", MR_TYPE_LIST, MR_TYPE_INT64, .optional = true},
      [RIG_LS] = {"ls", MR_TYPE_LIST, MR_TYPE_STRING, .optional = true},
      [RIG_LE] = {"le", MR_TYPE_LIST, MR_TYPE_STRING, .codes = &rig_codes, .optional = true},
      [RIG_UNREAD] = {"unread", MR_TYPE_INT64, .optional = true},
      [RIG_DEF] = {"def", MR_TYPE_INT64},
      [RIG_SDEF] = {"sdef", MR_TYPE_STRING},
      [RIG_TT] = {"tt", MR_TYPE_TIMESTAMP, .optional = true},
      [RIG_TN] = {"tn", MR_TYPE_TIMESTAMP, .optional = true},
      [RIG_RAW] = {"raw", MR_TYPE_STRING, .hidden = true}};
  memcpy(r->fields, fields, sizeof fields);
  for (int i = 0; i < RIG_RAW; i++) r->json_fields[i].needed = i != RIG_UNREAD;
  size_t bad_off;
  const char *pattern = "yyyy-MM-dd HH:mm:ss";
  if (mr_time_pattern_compile(pattern, strlen(pattern), &r->pattern, &bad_off)) rig_die("pattern");
  const struct mr_decode_format rfc3339 = {MR_DECODE_RFC3339, NULL};
  const struct mr_decode_format times = {MR_DECODE_PATTERN, &r->pattern};
  const struct mr_decode_format unix_s = {MR_DECODE_UNIX_S, NULL};
  const struct mr_decode_format unix_ms = {MR_DECODE_UNIX_MS, NULL};
  r->tt[0] = rfc3339, r->tt[1] = times, r->tt[2] = unix_s, r->tt[3] = unix_ms;
  r->tn[0] = times, r->tn[1] = unix_ms;
  r->json_fields[RIG_MS].formats = &r->tn[1];
  r->json_fields[RIG_P].formats = &r->tn[0];
  r->json_fields[RIG_MS].format_cnt = r->json_fields[RIG_P].format_cnt = 1;
  r->json_fields[RIG_TT].formats = r->tt;
  r->json_fields[RIG_TT].format_cnt = 4;
  r->json_fields[RIG_TT].keys = rig_tt_keys;
  r->json_fields[RIG_TT].key_cnt = 3;
  r->json_fields[RIG_TN].formats = r->tn;
  r->json_fields[RIG_TN].format_cnt = 2;
  r->json_fields[RIG_TN].keys = rig_tn_keys;
  r->json_fields[RIG_TN].key_cnt = 2;
  r->json_fields[RIG_DEF].def = (struct mr_decode_default){.given = true, .i64 = 7};
  r->json_fields[RIG_SDEF].def =
      (struct mr_decode_default){.given = true, .str = "a default on the heap", .str_len = 21};
  r->schema = (struct mr_schema){RIG_COLS, RIG_RAW, RIG_T, r->fields};
  r->conf = (struct mr_decode_conf){
      .schema = &r->schema, .fields = r->json_fields, .raw_col = -1, .max_line = RIG_MAX_LINE};
}

/* The same for CSV, which has no lists: they are a number, a text and a code. */
static RIG_UNUSED void rig_csv_fields(struct rig *r) {
  rig_fields(r);
  r->fields[RIG_LI].type = MR_TYPE_INT64;
  r->fields[RIG_LS].type = r->fields[RIG_LE].type = MR_TYPE_STRING;
  for (int i = RIG_LI; i <= RIG_LE; i++) r->fields[i].elem = MR_TYPE_NONE;
  r->conf.kind = MR_DECODE_CSV;
  r->conf.csv = (struct mr_decode_csv){true, ',', '"'};
}

/* Fill in conf and fields between rig_fields and rig_open. */
static RIG_UNUSED void rig_open(struct rig *r, uint32_t block_cnt, uint32_t large_cnt) {
  struct mr_error err;
  for (int i = 0; i < RIG_COLS; i++) r->own[i] = i < RIG_RAW && r->json_fields[i].needed;
  r->own[RIG_RAW] = r->conf.raw_col >= 0;
  struct mr_pool_conf pool = {&r->schema, r->own, MR_HAS_POS, 2, block_cnt, large_cnt, 1 << 20};
  if (mr_region_create(&r->region, 64u << 20, MR_HUGE_OFF, &err)) rig_die(err.text);
  if (mr_pool_init(&r->pool, &r->region, &pool, 0, 0, "rig", &err)) rig_die(err.text);
  if (mr_region_commit(&r->region, &err)) rig_die(err.text);
  if (r->conf.kind == MR_DECODE_CSV)
    r->csv = mr_csv_create(&r->arena, &r->conf, &err);
  else
    r->json = mr_json_create(&r->arena, &r->conf, &err);
  if (!r->json && !r->csv) rig_die(err.text);
  mr_lines_init(&r->lines, r->conf.max_line);
  r->block_sz = MR_LINES_HEAD(r->conf.max_line) + (1u << 20) + MR_LINES_PAD;
  r->block = malloc(r->block_sz);
  r->out_sz = 1u << 20;
  r->out = malloc(r->out_sz);
}

static RIG_UNUSED void rig_close(struct rig *r) {
  mr_json_destroy(r->json);
  mr_region_destroy(&r->region);
  mr_arena_free(&r->arena);
  free(r->block);
  free(r->out);
}

static RIG_UNUSED void rig_say(struct rig *r, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
static RIG_UNUSED void rig_say(struct rig *r, const char *fmt, ...) {
  va_list args;
  if (r->out_sz - r->out_len < 4096) r->out = realloc(r->out, r->out_sz *= 2);
  va_start(args, fmt);
  r->out_len += (size_t)vsnprintf(r->out + r->out_len, r->out_sz - r->out_len, fmt, args);
  va_end(args);
}

static RIG_UNUSED void rig_say_bytes(struct rig *r, const char *p, uint32_t len) {
  for (uint32_t i = 0; i < len; i++) {
    unsigned char c = (unsigned char)p[i];
    if (c > 0x20 && c < 0x7f && c != '%')
      rig_say(r, "%c", c);
    else
      rig_say(r, "%%%02x", c);
  }
}

static RIG_UNUSED void rig_say_value(struct rig *r, enum mr_type type, bool code, const void *data,
                                     uint32_t i) {
  const struct mr_str *s = data;
  switch (type) {
  case MR_TYPE_BOOL: rig_say(r, "%d", ((const uint8_t *)data)[i]); break;
  case MR_TYPE_DOUBLE: rig_say(r, "%a", ((const double *)data)[i]); break;
  case MR_TYPE_STRING:
    if (code)
      rig_say(r, "#%u", ((const uint8_t *)data)[i]);
    else
      rig_say_bytes(r, mr_str_data(s + i, r->region.base), s[i].len);
    break;
  default: rig_say(r, "%lld", (long long)((const int64_t *)data)[i]); break;
  }
}

static RIG_UNUSED void rig_say_list(struct rig *r, const struct mr_field *f,
                                    const struct mr_list *l) {
  const uint8_t *data = r->region.base + l->off;
  const uint64_t *valid = (const uint64_t *)(const void *)data - mr_bitmap_words(l->cnt);
  rig_say(r, "[");
  for (uint32_t e = 0; e < l->cnt; e++) {
    if (e) rig_say(r, ",");
    if (l->has_nulls && !mr_bit_get(valid, e))
      rig_say(r, "null");
    else
      rig_say_value(r, f->elem, f->codes != NULL, data, e);
  }
  rig_say(r, "]");
}

/* Rows of a batch, one per line: position, line number, columns that are needed. */
static RIG_UNUSED void rig_say_rows(struct rig *r, struct mr_batch *b) {
  struct mr_col cols[RIG_COLS];
  struct mr_view v;
  if (!mr_batch_valid(&r->region, b)) rig_die("invalid batch");
  mr_view_of_batch(&r->region, b, cols, &v);
  for (uint32_t row = 0; row < v.row_cnt; row++) {
    rig_say(r, "@%llu:%llu", (unsigned long long)v.row_pos[row],
            (unsigned long long)v.row_line[row]);
    for (int c = 0; c < RIG_COLS; c++) {
      const struct mr_field *f = &r->fields[c];
      if (!cols[c].data) continue;
      rig_say(r, " %s=", f->name);
      if (cols[c].valid && !mr_bit_get(cols[c].valid, row)) {
        rig_say(r, "null");
        if (mr_field_phys(f) == MR_PHYS_W8 && MR_COL(&v, c, int64_t)[row]) rig_say(r, "!");
      } else if (f->type == MR_TYPE_LIST) {
        rig_say_list(r, f, MR_COL(&v, c, struct mr_list) + row);
      } else if (f->type == MR_TYPE_BOOL) {
        rig_say(r, "%d", mr_bit_get(cols[c].data, row));
      } else {
        rig_say_value(r, f->type, f->codes != NULL, cols[c].data, row);
      }
    }
    rig_say(r, "\n");
    r->rows++;
  }
}

static RIG_UNUSED void rig_say_bad(struct rig *r) {
  const struct mr_decode_bad *bad = r->csv ? mr_csv_bad(r->csv) : mr_json_bad(r->json);
  rig_say(r, "@%llu:%llu %s %s\n", (unsigned long long)bad->line.pos,
          (unsigned long long)bad->line.line, bad->code, bad->cause);
  r->bad++;
}

static RIG_UNUSED uint32_t rig_decode(struct rig *r, struct mr_batch *b, uint32_t row,
                                      uint32_t row_max, enum mr_decode_stop *stop) {
  if (r->csv) return mr_csv_decode_batch(r->csv, &r->lines, &r->pool, b, row, row_max, stop);
  return mr_json_decode_batch(r->json, &r->lines, &r->pool, b, row, row_max, stop);
}

/* Decodes a whole text that comes in reads of `chunk` bytes, in batches of row_max rows. */
static RIG_UNUSED void rig_run(struct rig *r, const char *text, size_t len, size_t chunk,
                               uint32_t row_max) {
  size_t off = 0;
  bool eof = false;
  uint32_t row = 0;
  struct mr_batch *b = mr_pool_take(&r->pool);
  r->out_len = 0;
  r->out[0] = 0;
  r->rows = r->bad = 0;
  mr_lines_start(&r->lines, 0, 1);
  for (;;) {
    enum mr_decode_stop stop;
    row = rig_decode(r, b, row, row_max, &stop);
    if (stop == MR_DECODE_BAD) {
      if (row) rig_say_rows(r, b);
      rig_say_bad(r);
    }
    if (stop == MR_DECODE_MORE) {
      if (eof) break;
      /* the padding ends where the memory ends, so that a sanitizer sees what reads beyond it */
      size_t n = len - off < chunk ? len - off : chunk;
      char *data = r->block + r->block_sz - MR_LINES_PAD - n;
      mr_lines_move(&r->lines, data);
      memcpy(data, text + off, n);
      off += n;
      if (n)
        mr_lines_fill(&r->lines, n);
      else
        mr_lines_end(&r->lines);
      eof = !n;
      continue;
    }
    if (stop != MR_DECODE_BAD && row) rig_say_rows(r, b);
    mr_pool_put(&r->pool, b);
    b = mr_pool_take(&r->pool);
    row = 0;
  }
  if (row) rig_say_rows(r, b);
  mr_pool_put(&r->pool, b);
}

#endif

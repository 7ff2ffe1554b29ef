/* SPDX-License-Identifier: Apache-2.0 */
#include "topic/record_batch.h"

#include <limits.h>
#include <string.h>

#include "base/arena.h"
#include "base/assert.h"
#include "base/bits.h"
#include "topic/bytes.h"
#include "topic/crc32c.h"

/* Places in the head. */
enum {
  AT_BASE_OFFSET = 0,
  AT_LENGTH = 8,
  AT_LEADER_EPOCH = 12,
  AT_VERSION = 16,
  AT_CRC = 17,
  AT_ATTRIBUTES = 21,
  AT_LAST_DELTA = 23,
  AT_BASE_TIMESTAMP = 27,
  AT_MAX_TIMESTAMP = 35,
  AT_PRODUCER_ID = 43,
  AT_PRODUCER_EPOCH = 51,
  AT_BASE_SEQUENCE = 53,
  AT_RECORD_CNT = 57,
};
_Static_assert(AT_RECORD_CNT + 4 == MR_RECORD_BATCH_HEAD_SZ, "the records follow");

#define RECORD_MIN_SZ 7u /* length, attributes, two deltas, key, value, header count */

/* ---- head ---- */

int mr_record_batch_head(const void *p, struct mr_record_batch *out) {
  const char *at = p;
  *out = (struct mr_record_batch){
      .base_offset = (int64_t)mr_be64(at + AT_BASE_OFFSET),
      .sz = mr_be32(at + AT_LENGTH) + MR_RECORD_BATCH_MIN_SZ,
      .leader_epoch = (int32_t)mr_be32(at + AT_LEADER_EPOCH),
      .version = (int8_t)at[AT_VERSION],
      .crc = mr_be32(at + AT_CRC),
      .attributes = mr_be16(at + AT_ATTRIBUTES),
      .last_offset_delta = (int32_t)mr_be32(at + AT_LAST_DELTA),
      .base_timestamp = (int64_t)mr_be64(at + AT_BASE_TIMESTAMP),
      .max_timestamp = (int64_t)mr_be64(at + AT_MAX_TIMESTAMP),
      .producer_id = (int64_t)mr_be64(at + AT_PRODUCER_ID),
      .producer_epoch = (int16_t)mr_be16(at + AT_PRODUCER_EPOCH),
      .base_sequence = (int32_t)mr_be32(at + AT_BASE_SEQUENCE),
      .record_cnt = (int32_t)mr_be32(at + AT_RECORD_CNT),
  };
  /* A compacted batch has fewer records than offsets, down to none. */
  bool fits = out->version == 2 && out->sz >= MR_RECORD_BATCH_HEAD_SZ &&
              out->sz <= MR_RECORD_BATCH_MAX && out->base_offset >= 0 &&
              out->last_offset_delta >= 0 && out->record_cnt >= 0 &&
              out->record_cnt - 1 <= out->last_offset_delta &&
              out->base_offset <= INT64_MAX - out->last_offset_delta - 1 &&
              (out->attributes & 7) < MR_CODEC_CNT;
  return fits ? MR_OK : MR_ERR_DATA;
}

void mr_record_batch_head_encode(const struct mr_record_batch *b, void *p) {
  char *at = p;
  mr_be64_put(at + AT_BASE_OFFSET, (uint64_t)b->base_offset);
  mr_be32_put(at + AT_LENGTH, b->sz - MR_RECORD_BATCH_MIN_SZ);
  mr_be32_put(at + AT_LEADER_EPOCH, (uint32_t)b->leader_epoch);
  at[AT_VERSION] = b->version;
  mr_be32_put(at + AT_CRC, b->crc);
  mr_be16_put(at + AT_ATTRIBUTES, b->attributes);
  mr_be32_put(at + AT_LAST_DELTA, (uint32_t)b->last_offset_delta);
  mr_be64_put(at + AT_BASE_TIMESTAMP, (uint64_t)b->base_timestamp);
  mr_be64_put(at + AT_MAX_TIMESTAMP, (uint64_t)b->max_timestamp);
  mr_be64_put(at + AT_PRODUCER_ID, (uint64_t)b->producer_id);
  mr_be16_put(at + AT_PRODUCER_EPOCH, (uint16_t)b->producer_epoch);
  mr_be32_put(at + AT_BASE_SEQUENCE, (uint32_t)b->base_sequence);
  mr_be32_put(at + AT_RECORD_CNT, (uint32_t)b->record_cnt);
}

bool mr_record_batch_intact(const void *p, const struct mr_record_batch *b) {
  return mr_crc32c(0, (const char *)p + AT_ATTRIBUTES, b->sz - AT_ATTRIBUTES) == b->crc;
}

/* ---- records out ---- */

int mr_record_cursor_begin(struct mr_record_cursor *c, const void *p,
                           const struct mr_record_batch *b, struct mr_codec_ctx *ctx, void *scratch,
                           size_t scratch_sz) {
  const uint8_t *at = (const uint8_t *)p + MR_RECORD_BATCH_HEAD_SZ;
  size_t sz = b->sz - MR_RECORD_BATCH_HEAD_SZ;
  enum mr_codec codec = mr_record_batch_codec(b);
  if (codec != MR_CODEC_NONE) {
    if (!ctx) return MR_ERR_ARG;
    int64_t n = mr_codec_unpack(ctx, codec, scratch, scratch_sz, at, sz);
    if (n < 0) return (int)n;
    at = scratch;
    sz = (size_t)n;
  }
  *c = (struct mr_record_cursor){
      .at = at,
      .end = at + sz,
      .base_offset = b->base_offset,
      .base_timestamp = b->base_timestamp,
      .append_timestamp =
          b->attributes & MR_RECORD_BATCH_LOG_APPEND_TIME ? b->max_timestamp : INT64_MIN,
      .left = b->record_cnt,
      .last_offset_delta = b->last_offset_delta,
      .prev_delta = -1,
  };
  return MR_OK;
}

/* A size and that many bytes: -1 is NULL. Returns the place behind them, or NULL. */
static inline const uint8_t *take_bytes(const uint8_t *p, const uint8_t *end, const char **bytes,
                                        uint32_t *sz) {
  int64_t n;
  p = mr_varint_get(p, end, &n);
  if (!p || n < -1 || n > end - p) return NULL;
  *bytes = n < 0 ? NULL : (const char *)p;
  *sz = n < 0 ? 0 : (uint32_t)n;
  return p + *sz;
}

static const uint8_t *take_header(const uint8_t *p, const uint8_t *end,
                                  struct mr_record_header *out) {
  p = take_bytes(p, end, &out->key, &out->key_sz);
  if (!p || !out->key) return NULL;
  return take_bytes(p, end, &out->value, &out->value_sz);
}

/* Checks the headers of a record, which end where it ends. */
static inline bool take_headers(const uint8_t *p, const uint8_t *end, struct mr_record *out) {
  int64_t cnt;
  p = mr_varint_get(p, end, &cnt);
  if (!p || cnt < 0 || cnt > end - p) return false;
  out->headers = NULL;
  out->header_cnt = (uint32_t)cnt;
  out->headers_raw = p;
  out->headers_raw_sz = (uint32_t)(end - p);
  struct mr_record_header h;
  for (int64_t i = 0; i < cnt; i++) {
    p = take_header(p, end, &h);
    if (!p) return false;
  }
  return p == end;
}

static inline int next_record(struct mr_record_cursor *c, struct mr_record *out) {
  if (c->left == 0) return c->at == c->end ? 0 : MR_ERR_DATA;
  int64_t len, timestamp_delta, offset_delta;
  const uint8_t *p = mr_varint_get(c->at, c->end, &len);
  if (!p || len < RECORD_MIN_SZ - 1 || len > c->end - p) return MR_ERR_DATA;
  const uint8_t *end = p + len;
  p++; /* attributes: none are in use */
  p = mr_varint_get(p, end, &timestamp_delta);
  if (p) p = mr_varint_get(p, end, &offset_delta);
  if (!p || offset_delta <= c->prev_delta || offset_delta > c->last_offset_delta)
    return MR_ERR_DATA;
  int64_t timestamp;
  if (__builtin_add_overflow(c->base_timestamp, timestamp_delta, &timestamp)) return MR_ERR_DATA;
  out->timestamp_ms = c->append_timestamp == INT64_MIN ? timestamp : c->append_timestamp;
  out->offset = c->base_offset + offset_delta;
  p = take_bytes(p, end, &out->key, &out->key_sz);
  if (p) p = take_bytes(p, end, &out->value, &out->value_sz);
  if (!p || !take_headers(p, end, out)) return MR_ERR_DATA;
  c->prev_delta = (int32_t)offset_delta;
  c->at = end;
  c->left--;
  return 1;
}

int mr_record_cursor_next(struct mr_record_cursor *c, struct mr_record *out) {
  return next_record(c, out);
}

int mr_record_cursor_take(struct mr_record_cursor *c, struct mr_record *out, uint32_t max) {
  uint32_t n = 0;
  int rc = 1;
  while (n < max && (rc = next_record(c, &out[n])) == 1) n++;
  return n ? (int)n : rc;
}

uint32_t mr_record_headers(const struct mr_record *rec, struct mr_record_header *out,
                           uint32_t max) {
  const uint8_t *p = rec->headers_raw, *end = p + rec->headers_raw_sz;
  for (uint32_t i = 0; i < rec->header_cnt && i < max; i++) {
    if (rec->headers)
      out[i] = rec->headers[i];
    else
      p = take_header(p, end, &out[i]);
    MR_ASSERT(rec->headers || p); /* mr_record_cursor_next has checked them */
  }
  return rec->header_cnt;
}

int mr_record_control_type(const struct mr_record *rec) {
  if (!rec->key || rec->key_sz < 4 || mr_be16(rec->key) != 0) return -1;
  uint16_t type = mr_be16(rec->key + 2);
  return type <= 1 ? type : -1;
}

/* ---- records in ---- */

struct mr_record_builder {
  struct mr_arena arena;
  struct mr_record_builder_conf conf;
  struct mr_codec_ctx *codec;
  uint8_t *buf;    /* head, then the records as they come */
  uint8_t *packed; /* head, then the records packed; NULL without a codec */
  size_t buf_sz, packed_sz;
  size_t used; /* bytes of buf, the head included */
  uint32_t cnt;
  int64_t base_timestamp, max_timestamp;
};

static void take_memory(struct mr_record_builder *b, size_t records_sz) {
  b->buf_sz = MR_RECORD_BATCH_HEAD_SZ + records_sz;
  b->buf = mr_arena_alloc(&b->arena, b->buf_sz);
  if (!b->codec) return;
  b->packed_sz = MR_RECORD_BATCH_HEAD_SZ + mr_codec_bound(b->conf.codec, records_sz);
  b->packed = mr_arena_alloc(&b->arena, b->packed_sz);
}

int mr_record_builder_create(struct mr_record_builder **out,
                             const struct mr_record_builder_conf *conf, struct mr_error *err) {
  struct mr_arena arena = {0};
  struct mr_record_builder *b = MR_NEW(&arena, struct mr_record_builder, 1);
  b->arena = arena;
  b->conf = *conf;
  if (conf->codec != MR_CODEC_NONE) {
    int rc = mr_codec_create(&b->codec, conf->codec, err);
    if (rc) {
      mr_arena_free(&arena);
      return rc;
    }
  }
  take_memory(b, conf->batch_sz);
  b->used = MR_RECORD_BATCH_HEAD_SZ;
  *out = b;
  return MR_OK;
}

void mr_record_builder_destroy(struct mr_record_builder *b) {
  if (!b) return;
  mr_codec_destroy(b->codec);
  struct mr_arena arena = b->arena; /* the struct itself lives in it */
  mr_arena_free(&arena);
}

static uint64_t bytes_sz(const char *bytes, uint32_t sz) {
  return bytes ? mr_varint_sz(sz) + (uint64_t)sz : 1;
}

static uint8_t *put_bytes(uint8_t *p, const char *bytes, uint32_t sz) {
  if (!bytes) return mr_varint_put(p, -1);
  p = mr_varint_put(p, sz);
  if (sz) memcpy(p, bytes, sz);
  return p + sz;
}

static uint64_t headers_sz(const struct mr_record *rec) {
  if (!rec->headers) return rec->headers_raw_sz;
  uint64_t sz = 0;
  for (uint32_t i = 0; i < rec->header_cnt; i++) {
    const struct mr_record_header *h = &rec->headers[i];
    sz += mr_varint_sz(h->key_sz) + (uint64_t)h->key_sz + bytes_sz(h->value, h->value_sz);
  }
  return sz;
}

static uint8_t *put_headers(uint8_t *p, const struct mr_record *rec) {
  p = mr_varint_put(p, rec->header_cnt);
  if (!rec->headers) {
    if (rec->headers_raw_sz) memcpy(p, rec->headers_raw, rec->headers_raw_sz);
    return p + rec->headers_raw_sz;
  }
  for (uint32_t i = 0; i < rec->header_cnt; i++) {
    const struct mr_record_header *h = &rec->headers[i];
    p = put_bytes(p, h->key ? h->key : "", h->key_sz);
    p = put_bytes(p, h->value, h->value_sz);
  }
  return p;
}

int mr_record_builder_add(struct mr_record_builder *b, const struct mr_record *rec) {
  if (b->cnt == INT_MAX) return 0;
  int64_t base = b->cnt ? b->base_timestamp : rec->timestamp_ms, delta;
  if (__builtin_sub_overflow(rec->timestamp_ms, base, &delta)) return b->cnt ? 0 : MR_ERR_DATA;
  uint64_t len = 1 + (uint64_t)mr_varint_sz(delta) + mr_varint_sz(b->cnt) +
                 bytes_sz(rec->key, rec->key_sz) + bytes_sz(rec->value, rec->value_sz) +
                 mr_varint_sz(rec->header_cnt) + headers_sz(rec);
  uint64_t sz = mr_varint_sz((int64_t)len) + len;
  if (sz > b->buf_sz - b->used || (b->cnt && b->used + sz > b->conf.batch_sz)) {
    if (b->cnt) return 0;
    if (sz > MR_RECORD_BATCH_MAX / 2) return MR_ERR_LIMIT;
    if (sz > b->buf_sz - b->used) take_memory(b, mr_pow2_up(sz));
  }
  uint8_t *p = mr_varint_put(b->buf + b->used, (int64_t)len);
  *p++ = 0; /* attributes */
  p = mr_varint_put(p, delta);
  p = mr_varint_put(p, b->cnt);
  p = put_bytes(p, rec->key, rec->key_sz);
  p = put_bytes(p, rec->value, rec->value_sz);
  p = put_headers(p, rec);
  MR_ASSERT(p == b->buf + b->used + sz);
  b->max_timestamp =
      b->cnt && b->max_timestamp > rec->timestamp_ms ? b->max_timestamp : rec->timestamp_ms;
  b->base_timestamp = base;
  b->used += sz;
  b->cnt++;
  return 1;
}

uint32_t mr_record_builder_cnt(const struct mr_record_builder *b) {
  return b->cnt;
}

size_t mr_record_builder_bytes(const struct mr_record_builder *b) {
  return b->used - MR_RECORD_BATCH_HEAD_SZ;
}

const void *mr_record_builder_finish(struct mr_record_builder *b, struct mr_record_batch *head) {
  MR_ASSERT(b->cnt > 0);
  uint8_t *at = b->buf;
  size_t sz = b->used;
  head->attributes = (uint16_t)(head->attributes & ~7u);
  if (b->codec) {
    int64_t n = mr_codec_pack(b->codec, b->packed + MR_RECORD_BATCH_HEAD_SZ,
                              b->packed_sz - MR_RECORD_BATCH_HEAD_SZ,
                              b->buf + MR_RECORD_BATCH_HEAD_SZ, sz - MR_RECORD_BATCH_HEAD_SZ);
    /* What does not get smaller stays as it is: readers unpack less. */
    if (n > 0 && (size_t)n + MR_RECORD_BATCH_HEAD_SZ < sz) {
      at = b->packed;
      sz = MR_RECORD_BATCH_HEAD_SZ + (size_t)n;
      head->attributes |= (uint16_t)b->conf.codec;
    }
  }
  head->sz = (uint32_t)sz;
  head->version = 2;
  head->last_offset_delta = (int32_t)b->cnt - 1;
  head->record_cnt = (int32_t)b->cnt;
  head->base_timestamp = b->base_timestamp;
  head->max_timestamp = b->max_timestamp;
  head->crc = 0;
  mr_record_batch_head_encode(head, at);
  head->crc = mr_crc32c(0, at + AT_ATTRIBUTES, sz - AT_ATTRIBUTES);
  mr_be32_put(at + AT_CRC, head->crc);
  b->cnt = 0;
  b->used = MR_RECORD_BATCH_HEAD_SZ;
  return at;
}

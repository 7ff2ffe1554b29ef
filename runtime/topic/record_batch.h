/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_TOPIC_RECORD_BATCH_H
#define MR_TOPIC_RECORD_BATCH_H

/* Kafka's record batch, version 2: what a topic's segments are made of (docs/formats/topic.md has
 * every byte). A builder encodes records into a buffer of its own; a cursor takes them out again.
 * All integers on disk are big-endian; the checksum covers all but the first 21 bytes (base offset,
 * length, leader epoch, version, checksum). Nothing here allocates, except for what create says. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "topic/codec.h"

#define MR_RECORD_BATCH_HEAD_SZ 61u         /* bytes before the records */
#define MR_RECORD_BATCH_MIN_SZ  12u         /* bytes that say where a batch ends */
#define MR_RECORD_BATCH_MAX     (64u << 20) /* bytes of a batch, packed or not */
#define MR_RECORD_NO_PRODUCER   INT64_C(-1)

/* Attributes: the codec in the lowest three bits. */
#define MR_RECORD_BATCH_LOG_APPEND_TIME 0x08u
#define MR_RECORD_BATCH_TRANSACTIONAL   0x10u
#define MR_RECORD_BATCH_CONTROL         0x20u

/* The head of a batch. */
struct mr_record_batch {
  int64_t base_offset;
  uint32_t sz; /* bytes of the whole batch, these 61 included */
  int32_t leader_epoch;
  int8_t version; /* 2 */
  uint32_t crc;
  uint16_t attributes;
  int32_t last_offset_delta;
  int64_t base_timestamp, max_timestamp; /* ms since the epoch */
  int64_t producer_id;                   /* MR_RECORD_NO_PRODUCER: none */
  int16_t producer_epoch;
  int32_t base_sequence;
  int32_t record_cnt;
};

struct mr_record_header {
  const char *key, *value; /* value NULL: none */
  uint32_t key_sz, value_sz;
};

struct mr_record {
  int64_t offset;       /* set by what reads; ignored by what appends */
  int64_t timestamp_ms; /* since the epoch */
  const char *key;      /* NULL: no key; "" with key_sz 0: an empty one */
  const char *value;    /* NULL: none (a tombstone) */
  uint32_t key_sz, value_sz;
  /* Headers: as an array (appended), or encoded (read: mr_record_headers takes them apart; may be
   * appended as they are). */
  const struct mr_record_header *headers; /* NULL: see headers_raw */
  const uint8_t *headers_raw;
  uint32_t header_cnt, headers_raw_sz;
};

/* Takes encoded headers apart: at most max of them to out; returns how many there are. */
uint32_t mr_record_headers(const struct mr_record *rec, struct mr_record_header *out, uint32_t max);

/* ---- reading ---- */

/* Reads the head of a batch; at least MR_RECORD_BATCH_HEAD_SZ bytes at p. MR_ERR_DATA when it
 * cannot be one: another version (then version alone is set), or sizes and counts that do not fit
 * together. The checksum is not looked at. */
int mr_record_batch_head(const void *p, struct mr_record_batch *out);

static inline enum mr_codec mr_record_batch_codec(const struct mr_record_batch *b) {
  return (enum mr_codec)(b->attributes & 7);
}
static inline int64_t mr_record_batch_last_offset(const struct mr_record_batch *b) {
  return b->base_offset + b->last_offset_delta;
}

/* Does the checksum fit? b->sz bytes at p, b as mr_record_batch_head read it. */
bool mr_record_batch_intact(const void *p, const struct mr_record_batch *b);

/* A place in the records of a batch. */
struct mr_record_cursor {
  const uint8_t *at, *end;
  int64_t base_offset, base_timestamp,
      append_timestamp; /* the last: INT64_MIN if each has its own */
  int32_t left, last_offset_delta, prev_delta;
};

/* Begins with the records of an intact batch at p. Packed records go to scratch (unpacked,
 * scratch_sz bytes, used by the records until the next begin); ctx may be NULL for batches that are
 * not packed. MR_ERR_LIMIT: scratch is too small; MR_ERR_DATA: they cannot be unpacked. */
int mr_record_cursor_begin(struct mr_record_cursor *c, const void *p,
                           const struct mr_record_batch *b, struct mr_codec_ctx *ctx, void *scratch,
                           size_t scratch_sz);
/* The next record: 1; 0: there is none left and all bytes were used; MR_ERR_DATA: what comes is no
 * record. Keys, values and headers point into the batch or the scratch. */
int mr_record_cursor_next(struct mr_record_cursor *c, struct mr_record *out);

/* Up to max next records: how many; 0: there is none left and all bytes were used; MR_ERR_DATA:
 * what comes is no record (those before it have been given). */
int mr_record_cursor_take(struct mr_record_cursor *c, struct mr_record *out, uint32_t max);

/* The verdict of a control batch's record: 0 abort, 1 commit, -1 something else. */
int mr_record_control_type(const struct mr_record *rec);

/* ---- writing ---- */

struct mr_record_builder;

struct mr_record_builder_conf {
  uint32_t batch_sz; /* bytes of records at which a batch is full, before packing */
  enum mr_codec codec;
};

/* Control plane: takes its memory here, 2 * batch_sz and more for packing. A single record may be
 * larger than batch_sz: it makes a batch of its own, for which memory grows once, up to
 * MR_RECORD_BATCH_MAX. */
int mr_record_builder_create(struct mr_record_builder **b,
                             const struct mr_record_builder_conf *conf, struct mr_error *err);
void mr_record_builder_destroy(struct mr_record_builder *b);

/* Adds a record to the open batch: 1; 0: it does not fit any more, finish the batch first;
 * MR_ERR_LIMIT: larger than a batch may be. The bytes are copied. */
int mr_record_builder_add(struct mr_record_builder *b, const struct mr_record *rec);
/* Records and bytes of the open batch. */
uint32_t mr_record_builder_cnt(const struct mr_record_builder *b);
size_t mr_record_builder_bytes(const struct mr_record_builder *b);

/* Closes the open batch, which is not empty, and encodes it: head->base_offset, producer_* and
 * base_sequence, leader_epoch and the flags in attributes are the caller's; the rest is filled in.
 * The bytes live until the next add. */
const void *mr_record_builder_finish(struct mr_record_builder *b, struct mr_record_batch *head);

/* Encodes a batch head to 61 bytes; crc as given. For tests and tools. */
void mr_record_batch_head_encode(const struct mr_record_batch *b, void *p);

#endif

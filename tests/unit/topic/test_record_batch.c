/* SPDX-License-Identifier: Apache-2.0 */
/* Batches, codecs, checksums and the partitioner. What other programs make of the same bytes is
 * tested beside them (tests/systems); here the oracles are values that are published with the
 * algorithms, and reading back. */
#include "test.h"

#include <string.h>

#include "base/rng.h"
#include "topic/bytes.h"
#include "topic/crc32c.h"
#include "topic/murmur2.h"
#include "topic/record_batch.h"

MR_TEST(the_checksum_is_castagnolis) {
  MR_UNUSED_STATE;
  assert_int_equal(mr_crc32c(0, "123456789", 9), 0xe3069283);
  assert_int_equal(mr_crc32c(mr_crc32c(0, "1234", 4), "56789", 5), 0xe3069283);
  unsigned char zeros[32] = {0};
  assert_int_equal(mr_crc32c(0, zeros, 32), 0x8a9136aa);
  assert_int_equal(mr_crc32c(0, NULL, 0), 0);
}

MR_TEST(keys_go_where_kafkas_clients_put_them) {
  MR_UNUSED_STATE;
  static const struct {
    const char *key;
    int32_t hash;
  } cases[] = {
      {"21", -973932308},
      {"foobar", -790332482},
      {"a-little-bit-long-string", -985981536},
      {"a-little-bit-longer-string", -1486304829},
      {"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971},
      {"abc", 479470107},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    const char *key = cases[i].key;
    assert_int_equal((int32_t)mr_murmur2(key, strlen(key)), cases[i].hash);
    assert_int_equal(mr_murmur2_partition(key, strlen(key), 7), (cases[i].hash & 0x7fffffff) % 7);
  }
}

MR_TEST(varints_of_every_width_come_back) {
  MR_UNUSED_STATE;
  uint8_t buf[16];
  for (int bit = 0; bit < 64; bit++)
    for (int add = -1; add <= 1; add++)
      for (int sign = 0; sign < 2; sign++) {
        uint64_t u = (UINT64_C(1) << bit) + (uint64_t)(int64_t)add;
        int64_t v = (int64_t)(sign ? ~u : u), back = 0;
        uint8_t *end = mr_varint_put(buf, v);
        assert_int_equal(end - buf, mr_varint_sz(v));
        assert_true(end - buf <= (long)MR_VARLONG_MAX);
        assert_ptr_equal(mr_varint_get(buf, end, &back), end);
        assert_true(back == v);
        assert_null(mr_varint_get(buf, end - 1, &back));
      }
  memset(buf, 0xff, sizeof buf);
  int64_t v;
  assert_null(mr_varint_get(buf, buf + sizeof buf, &v));
}

#define RECORDS 500u

struct made {
  char key[16], value[200];
  struct mr_record rec;
  struct mr_record_header headers[2];
};
static struct made made[RECORDS];

/* Records of all shapes: without key, with an empty one, tombstones, headers, times that go back.
 */
static void make_records(uint64_t seed) {
  struct mr_rng rng;
  mr_rng_init(&rng, seed);
  for (uint32_t i = 0; i < RECORDS; i++) {
    struct made *m = &made[i];
    uint64_t bits = mr_rng_next(&rng);
    *m = (struct made){0};
    snprintf(m->key, sizeof m->key, "key-%u", i % 37);
    for (size_t k = 0; k < sizeof m->value; k++) m->value[k] = (char)("abcd"[(bits >> k % 50) & 3]);
    m->rec = (struct mr_record){
        .timestamp_ms = 1700000000000 + (int64_t)i * 3 - (int64_t)(bits % 1000),
        .key = bits % 5 == 0 ? NULL : m->key,
        .key_sz = bits % 5 <= 1 ? 0 : (uint32_t)strlen(m->key),
        .value = bits % 7 == 0 ? NULL : m->value,
        .value_sz = bits % 7 == 0 ? 0 : (uint32_t)(bits >> 8) % (sizeof m->value + 1),
    };
    if (bits % 3) continue;
    m->headers[0] = (struct mr_record_header){"trace", "id", 5, 2};
    m->headers[1] = (struct mr_record_header){"", NULL, 0, 0};
    m->rec.headers = m->headers;
    m->rec.header_cnt = 1 + (bits & 1);
  }
}

static void assert_bytes(const char *got, uint32_t got_sz, const char *want, uint32_t want_sz) {
  assert_int_equal(!got, !want);
  assert_int_equal(got_sz, want_sz);
  if (want_sz) assert_memory_equal(got, want, want_sz);
}

static void assert_same(const struct mr_record *got, const struct mr_record *want) {
  assert_int_equal(got->timestamp_ms, want->timestamp_ms);
  assert_bytes(got->key, got->key_sz, want->key, want->key_sz);
  assert_bytes(got->value, got->value_sz, want->value, want->value_sz);
  struct mr_record_header h[2], w[2];
  uint32_t cnt = mr_record_headers(want, w, 2);
  assert_int_equal(mr_record_headers(got, h, 2), cnt);
  for (uint32_t i = 0; i < cnt; i++) {
    assert_bytes(h[i].key, h[i].key_sz, w[i].key, w[i].key_sz);
    assert_bytes(h[i].value, h[i].value_sz, w[i].value, w[i].value_sz);
  }
}

/* Encodes all records into one batch; the bytes live with the builder. */
static const void *encode(struct mr_record_builder **b, enum mr_codec codec,
                          struct mr_record_batch *head) {
  struct mr_record_builder_conf conf = {.batch_sz = 1 << 20, .codec = codec};
  assert_int_equal(mr_record_builder_create(b, &conf, NULL), MR_OK);
  for (uint32_t i = 0; i < RECORDS; i++)
    assert_int_equal(mr_record_builder_add(*b, &made[i].rec), 1);
  assert_int_equal(mr_record_builder_cnt(*b), RECORDS);
  *head = (struct mr_record_batch){.base_offset = 41,
                                   .producer_id = MR_RECORD_NO_PRODUCER,
                                   .producer_epoch = -1,
                                   .base_sequence = -1};
  return mr_record_builder_finish(*b, head);
}

MR_TEST(records_come_back_from_every_codec) {
  MR_UNUSED_STATE;
  make_records(1);
  static char scratch[1 << 20];
  struct mr_codec_ctx *ctx = NULL;
  assert_int_equal(mr_codec_create(&ctx, MR_CODEC_NONE, NULL), MR_OK);
  for (int codec = 0; codec < MR_CODEC_CNT; codec++) {
    struct mr_record_builder *b = NULL;
    struct mr_record_batch head, back;
    const char *bytes = encode(&b, (enum mr_codec)codec, &head);
    assert_int_equal(mr_record_batch_head(bytes, &back), MR_OK);
    assert_int_equal(back.base_offset, 41);
    assert_int_equal(back.record_cnt, RECORDS);
    assert_int_equal(mr_record_batch_last_offset(&back), 41 + RECORDS - 1);
    assert_int_equal(mr_record_batch_codec(&back), codec);
    assert_true(mr_record_batch_intact(bytes, &back));
    struct mr_record_cursor c;
    struct mr_record rec;
    assert_int_equal(mr_record_cursor_begin(&c, bytes, &back, ctx, scratch, sizeof scratch), MR_OK);
    int64_t max = INT64_MIN;
    for (uint32_t i = 0; i < RECORDS; i++) {
      assert_int_equal(mr_record_cursor_next(&c, &rec), 1);
      assert_int_equal(rec.offset, 41 + i);
      assert_same(&rec, &made[i].rec);
      if (rec.timestamp_ms > max) max = rec.timestamp_ms;
    }
    assert_int_equal(mr_record_cursor_next(&c, &rec), 0);
    assert_int_equal(back.max_timestamp, max);
    if (codec != MR_CODEC_NONE)
      assert_int_equal(mr_record_cursor_begin(&c, bytes, &back, ctx, scratch, 100), MR_ERR_LIMIT);
    mr_record_builder_destroy(b);
  }
  mr_codec_destroy(ctx);
}

MR_TEST(every_flipped_bit_behind_the_length_is_seen) {
  MR_UNUSED_STATE;
  make_records(2);
  struct mr_record_builder *b = NULL;
  struct mr_record_batch head, back;
  const void *bytes = encode(&b, MR_CODEC_LZ4, &head);
  uint8_t *copy = malloc(head.sz);
  assert_non_null(copy);
  memcpy(copy, bytes, head.sz);
  uint32_t seen = 0;
  for (uint32_t bit = 16 * 8; bit < head.sz * 8; bit++) { /* base offset, length, epoch: see log */
    copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
    if (mr_record_batch_head(copy, &back) != MR_OK || !mr_record_batch_intact(copy, &back)) seen++;
    copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
  }
  assert_int_equal(seen, head.sz * 8 - 16 * 8);
  assert_int_equal(mr_record_batch_head(copy, &back), MR_OK);
  assert_true(mr_record_batch_intact(copy, &back));
  free(copy);
  mr_record_builder_destroy(b);
}

MR_TEST(damaged_packed_records_are_refused_not_followed) {
  MR_UNUSED_STATE;
  make_records(3);
  static char scratch[1 << 18];
  struct mr_codec_ctx *ctx = NULL;
  assert_int_equal(mr_codec_create(&ctx, MR_CODEC_NONE, NULL), MR_OK);
  struct mr_rng rng;
  mr_rng_init(&rng, 3);
  for (int codec = 0; codec < MR_CODEC_CNT; codec++) {
    struct mr_record_builder *b = NULL;
    struct mr_record_batch head;
    const void *bytes = encode(&b, (enum mr_codec)codec, &head);
    uint8_t *copy = malloc(head.sz);
    assert_non_null(copy);
    for (int n = 0; n < 300; n++) { /* as if the checksum had been made of the damage */
      memcpy(copy, bytes, head.sz);
      for (int k = 0; k < 3; k++) {
        uint64_t bits = mr_rng_next(&rng);
        copy[61 + (bits >> 8) % (head.sz - 61)] ^= (uint8_t)(bits & 0xff);
      }
      struct mr_record_cursor c;
      struct mr_record rec;
      int rc = mr_record_cursor_begin(&c, copy, &head, ctx, scratch, sizeof scratch), cnt = 0;
      while (rc == MR_OK && mr_record_cursor_next(&c, &rec) == 1) cnt++;
      assert_true(cnt <= (int)RECORDS);
    }
    free(copy);
    mr_record_builder_destroy(b);
  }
  mr_codec_destroy(ctx);
}

MR_TEST(a_full_batch_says_so_and_a_large_record_is_one_of_its_own) {
  MR_UNUSED_STATE;
  struct mr_record_builder *b = NULL;
  struct mr_record_builder_conf conf = {.batch_sz = 1000};
  assert_int_equal(mr_record_builder_create(&b, &conf, NULL), MR_OK);
  static char big[100000];
  memset(big, 'x', sizeof big);
  struct mr_record rec = {.value = big, .value_sz = 300, .timestamp_ms = 1};
  assert_int_equal(mr_record_builder_add(b, &rec), 1);
  assert_int_equal(mr_record_builder_add(b, &rec), 1);
  assert_int_equal(mr_record_builder_add(b, &rec), 1);
  assert_int_equal(mr_record_builder_add(b, &rec), 0);
  assert_int_equal(mr_record_builder_cnt(b), 3);
  struct mr_record_batch head = {.producer_id = -1}, back;
  assert_non_null(mr_record_builder_finish(b, &head));
  rec.value_sz = sizeof big;
  assert_int_equal(mr_record_builder_add(b, &rec), 1);
  rec.value_sz = 0;
  assert_int_equal(mr_record_builder_add(b, &rec), 0);
  const char *bytes = mr_record_builder_finish(b, &head);
  assert_int_equal(mr_record_batch_head(bytes, &back), MR_OK);
  assert_true(back.sz > sizeof big && mr_record_batch_intact(bytes, &back));
  rec.value_sz = MR_RECORD_BATCH_MAX;
  assert_int_equal(mr_record_builder_add(b, &rec), MR_ERR_LIMIT);
  mr_record_builder_destroy(b);
}

static const struct CMUnitTest cases[] = {
    MR_CASE(the_checksum_is_castagnolis),
    MR_CASE(keys_go_where_kafkas_clients_put_them),
    MR_CASE(varints_of_every_width_come_back),
    MR_CASE(records_come_back_from_every_codec),
    MR_CASE(every_flipped_bit_behind_the_length_is_seen),
    MR_CASE(damaged_packed_records_are_refused_not_followed),
    MR_CASE(a_full_batch_says_so_and_a_large_record_is_one_of_its_own),
};
MR_MAIN(cases)

/* SPDX-License-Identifier: Apache-2.0 */
/* Columns of both kinds of financial transactions, compiled once per level (MR_ISA). */
#include "producer/generate_fill.h"
#include "producer/generate_transactions.h"

mr_gen_fill_fn MR_GEN_ISA_NAME(mr_gen_transactions_fill);
mr_gen_fill_fn MR_GEN_ISA_NAME(mr_gen_transactions_java_fill);

/* The identifiers; bytes of heap that they take. */
static uint32_t fill_ids(const struct mr_gen *gen, const struct mr_gen_block *b, uint32_t col) {
  struct mr_str *ids = gen->cols[col];
  if (!ids) return 0;
  if (b->heap_sz < b->n * UUID_LEN) return MR_GEN_FULL;
  fill_uuids(gen, ids + b->at, b->draws[MR_TX_ID_LOW], b->draws[MR_TX_ID_HIGH], b->n, b->heap);
  return b->n * UUID_LEN;
}

/* ---- transactions ---- */

static void fill_cents(double *restrict to, const uint64_t *restrict draws, uint32_t n) {
  for (uint32_t i = 0; i < n; i++) {
    uint32_t rest = low_half(draws[i]);
    int32_t cents = (int32_t)(5000000 + take_below(&rest, 10000001));
    to[i] = cents / 100.0;
  }
}

/* Location, method, currency and flag are digits of one half. */
static void fill_places(const struct mr_gen *gen, const struct mr_gen_block *b) {
  uint8_t spare[2][MR_GEN_BLOCK], flags[MR_GEN_BLOCK] = {0};
  uint32_t places[MR_GEN_BLOCK];
  uint8_t *restrict method = codes_at(gen, b, MR_TX_METHOD, spare[0]);
  uint8_t *restrict currency = codes_at(gen, b, MR_TX_CURRENCY, spare[1]);
  const uint64_t *restrict draws = b->draws[MR_TX_PLACE];
  uint32_t cnt = mr_gen_knob(gen->conf->locations, MR_TX_LOCATIONS), n = b->n;
  for (uint32_t i = 0; i < n; i++) {
    uint32_t rest = low_half(draws[i]);
    places[i] = take_below(&rest, cnt);
    method[i] = (uint8_t)take_below(&rest, 3);
    currency[i] = (uint8_t)take_below(&rest, 3);
    flags[i] = (uint8_t)take_below(&rest, 2);
  }
  fill_names(gen, b, MR_TX_LOCATION, places);
  uint64_t *bits = gen->cols[MR_TX_INTERNATIONAL];
  if (bits) fill_bits(bits + b->at / 64, flags, b->n);
}

uint32_t MR_GEN_ISA_NAME(mr_gen_transactions_fill)(const struct mr_gen *gen,
                                                   const struct mr_gen_block *b) {
  uint32_t idx[MR_GEN_BLOCK], n = b->n;
  double *amount = gen->cols[MR_TX_AMOUNT];
  uint32_t used = fill_ids(gen, b, MR_TX_ID);
  if (used == MR_GEN_FULL) return used;
  if (gen->cols[MR_TX_USER]) {
    fill_keys(gen, b->draws[MR_TX_KEY], b->n, idx);
    fill_names(gen, b, MR_TX_USER, idx);
  }
  if (amount) fill_cents(amount + b->at, b->draws[MR_TX_KEY], b->n);
  if (gen->cols[MR_TX_MERCHANT]) {
    uint32_t cnt = mr_gen_knob(gen->conf->merchants, MR_TX_MERCHANTS);
    const uint64_t *draws = b->draws[MR_TX_PLACE];
    for (uint32_t i = 0; i < n; i++) idx[i] = mr_rng_below(draws[i], cnt);
    fill_names(gen, b, MR_TX_MERCHANT, idx);
  }
  if (b->draws[MR_TX_PLACE]) fill_places(gen, b);
  return used;
}

/* ---- transactions_java ---- */

static void fill_amounts(double *restrict to, const uint64_t *restrict draws, uint32_t n) {
  for (uint32_t i = 0; i < n; i++) to[i] = 10 + 500 * mr_rng_unit(draws[i]);
}

/* User, kind, location, method, currency and flag are digits of one half. */
static void fill_java_digits(const struct mr_gen *gen, const struct mr_gen_block *b) {
  uint8_t spare[4][MR_GEN_BLOCK], flags[MR_GEN_BLOCK] = {0};
  uint32_t users[MR_GEN_BLOCK];
  uint8_t *restrict kind = codes_at(gen, b, MR_JAVA_KIND, spare[0]);
  uint8_t *restrict place = codes_at(gen, b, MR_JAVA_LOCATION, spare[1]);
  uint8_t *restrict method = codes_at(gen, b, MR_JAVA_METHOD, spare[2]);
  uint8_t *restrict currency = codes_at(gen, b, MR_JAVA_CURRENCY, spare[3]);
  const uint64_t *restrict draws = b->draws[MR_TX_KEY];
  uint32_t cnt = mr_gen_knob(gen->conf->users, MR_TX_USERS), n = b->n;
  for (uint32_t i = 0; i < n; i++) {
    uint32_t rest = low_half(draws[i]);
    users[i] = take_below(&rest, cnt);
    kind[i] = (uint8_t)take_below(&rest, 2);
    place[i] = (uint8_t)take_below(&rest, 2);
    method[i] = (uint8_t)take_below(&rest, 2);
    currency[i] = (uint8_t)take_below(&rest, 2);
    flags[i] = (uint8_t)take_below(&rest, 2);
  }
  fill_names(gen, b, MR_JAVA_USER, users);
  uint64_t *bits = gen->cols[MR_JAVA_INTERNATIONAL];
  if (bits) fill_bits(bits + b->at / 64, flags, b->n);
}

uint32_t MR_GEN_ISA_NAME(mr_gen_transactions_java_fill)(const struct mr_gen *gen,
                                                        const struct mr_gen_block *b) {
  uint32_t idx[MR_GEN_BLOCK];
  double *amount = gen->cols[MR_JAVA_AMOUNT];
  uint32_t used = fill_ids(gen, b, MR_JAVA_ID);
  if (used == MR_GEN_FULL) return used;
  if (amount) fill_amounts(amount + b->at, b->draws[MR_TX_AMOUNT_BITS], b->n);
  if (gen->cols[MR_JAVA_MERCHANT]) {
    fill_keys(gen, b->draws[MR_TX_KEY], b->n, idx);
    fill_names(gen, b, MR_JAVA_MERCHANT, idx);
  }
  if (b->draws[MR_TX_KEY]) fill_java_digits(gen, b);
  return used;
}

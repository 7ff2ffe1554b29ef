/* SPDX-License-Identifier: Apache-2.0 */
/* Columns of e-commerce events, compiled once per level (MR_ISA). The fields of a type are filled
 * type by type, over zeroed columns; a column's validity is made of the types that have it. */
#include "base/bits.h"
#include "producer/generate_ecommerce.h"
#include "producer/generate_fill.h"

#define WORDS (MR_GEN_BLOCK / 64)

mr_gen_fill_fn MR_GEN_ISA_NAME(mr_gen_ecommerce_fill);

/* A block being filled. */
struct shop {
  const struct mr_gen *gen;
  const struct mr_gen_block *b;
  uint8_t *heap;                     /* next free byte */
  uint8_t *type;                     /* of each row */
  uint64_t of[MR_SHOP_TYPES][WORDS]; /* rows of each type */
  uint64_t clicked[WORDS];           /* rows with a clicked_position */
};

/* Value of a column's row `i` of the block. */
#define AT(shop, col, T, i) (((T *)(shop)->gen->cols[col])[(shop)->b->at + (i)])
#define EACH(shop, kind, i) MR_BITMAP_EACH((shop)->of[kind], mr_bitmap_words((shop)->b->n), i)

static inline bool has(const struct shop *s, uint32_t col) {
  return s->gen->cols[col] != NULL;
}

/* ---- fields of all events ---- */

static void fill_types(struct shop *s, uint8_t *restrict type) {
  uint8_t spare[2][MR_GEN_BLOCK], flags[MR_GEN_BLOCK] = {0};
  const struct mr_gen_block *b = s->b;
  uint8_t *restrict device = codes_at(s->gen, b, MR_SHOP_DEVICE, spare[0]);
  uint8_t *restrict location = codes_at(s->gen, b, MR_SHOP_LOCATION, spare[1]);
  const uint64_t *restrict draws = b->draws[MR_SHOP_KEY];
  uint32_t n = b->n;
  for (uint32_t i = 0; i < n; i++) {
    uint32_t rest = low_half(draws[i]), v = take_below(&rest, 20);
    type[i] = (uint8_t)((v >= 5) + (v >= 11) + (v >= 15) + (v >= 17) + (v >= 19));
    device[i] = (uint8_t)take_below(&rest, 3);
    location[i] = (uint8_t)take_below(&rest, 8);
  }
  for (uint32_t t = 0; t < MR_SHOP_TYPES; t++) {
    for (uint32_t i = 0; i < n; i++) flags[i] = type[i] == t;
    fill_bits(s->of[t], flags, b->n);
  }
}

/* session_USER_NNNN with a number of 1000 to 9999 */
static void fill_sessions(struct shop *s, const uint32_t *restrict users) {
  const struct mr_str *names = s->gen->names[MR_SHOP_USER_ID];
  const uint64_t *restrict draws = s->b->draws[MR_SHOP_SESSION];
  uint32_t digits[MR_GEN_BLOCK];
  uint32_t n = s->b->n;
  uint8_t *at = s->heap;
  for (uint32_t i = 0; i < n; i++) { /* the first digit in the lowest byte */
    uint32_t v = 1000 + mr_rng_below(draws[i], 9000), pairs = v / 100 | (v % 100) << 16;
    uint32_t tens = (pairs * 103u) >> 10 & 0x000f000fu;
    digits[i] = (tens | (pairs - tens * 10) << 8) + 0x30303030u;
  }
  for (uint32_t i = 0; i < n; i++) {
    const struct mr_str *user = &names[users[i]];
    uint32_t len = user->len;
    memcpy(at, "session_", 8);
    memcpy(at + 8, user->u.inl, MR_STR_INLINE);
    at[8 + len] = '_';
    memcpy(at + 9 + len, &digits[i], 4);
    put_long(s->gen, &AT(s, MR_SHOP_SESSION_ID, struct mr_str, i), at, 13 + len);
    at += 13 + len;
  }
  s->heap = at;
}

static void fill_event(struct shop *s) {
  const struct mr_gen *gen = s->gen;
  const struct mr_gen_block *b = s->b;
  if (has(s, MR_SHOP_EVENT_ID)) {
    fill_uuids(gen, &AT(s, MR_SHOP_EVENT_ID, struct mr_str, 0), b->draws[MR_SHOP_ID_LOW],
               b->draws[MR_SHOP_ID_HIGH], b->n, s->heap);
    s->heap += b->n * UUID_LEN;
  }
  if (has(s, MR_SHOP_USER_ID) || has(s, MR_SHOP_SESSION_ID)) {
    uint32_t users[MR_GEN_BLOCK];
    fill_keys(gen, b->draws[MR_SHOP_KEY], b->n, users);
    fill_names(gen, b, MR_SHOP_USER_ID, users);
    if (has(s, MR_SHOP_SESSION_ID)) fill_sessions(s, users);
  }
}

/* ---- fields of one type ---- */

static void fill_logins(const struct shop *s) {
  const uint64_t *draws = s->b->draws[MR_SHOP_DETAIL];
  uint64_t *success = s->gen->cols[MR_SHOP_SUCCESS];
  EACH(s, MR_SHOP_LOGIN, i) {
    uint32_t high = high_half(draws[i]), low = low_half(draws[i]);
    if (has(s, MR_SHOP_LOGIN_METHOD))
      AT(s, MR_SHOP_LOGIN_METHOD, uint8_t, i) = (uint8_t)take_below(&high, 3);
    uint64_t yes = take_below(&low, 20) != 0;
    if (success) success[(s->b->at + i) / 64] |= yes << (i % 64);
  }
}

static void fill_page_views(const struct shop *s) {
  const uint64_t *draws = s->b->draws[MR_SHOP_DETAIL];
  EACH(s, MR_SHOP_PAGE_VIEW, i) {
    uint32_t rest = high_half(draws[i]), page = take_below(&rest, 6);
    uint32_t referrer = take_below(&rest, 4), seconds = 5 + take_below(&rest, 296);
    if (has(s, MR_SHOP_PAGE)) AT(s, MR_SHOP_PAGE, uint8_t, i) = (uint8_t)page;
    if (has(s, MR_SHOP_REFERRER)) AT(s, MR_SHOP_REFERRER, uint8_t, i) = (uint8_t)referrer;
    if (has(s, MR_SHOP_DURATION)) AT(s, MR_SHOP_DURATION, int64_t, i) = seconds;
  }
}

static void fill_item_clicks(const struct shop *s) {
  const uint64_t *draws = s->b->draws[MR_SHOP_DETAIL];
  const struct mr_str *items = s->gen->names[MR_SHOP_ITEM_ID];
  uint32_t cnt = mr_gen_knob(s->gen->conf->items, MR_SHOP_ITEMS);
  EACH(s, MR_SHOP_ITEM_CLICK, i) {
    uint32_t rest = low_half(draws[i]), category = take_below(&rest, 6);
    if (has(s, MR_SHOP_ITEM_ID))
      AT(s, MR_SHOP_ITEM_ID, struct mr_str, i) = items[mr_rng_below(draws[i], cnt)];
    if (has(s, MR_SHOP_CATEGORY)) AT(s, MR_SHOP_CATEGORY, uint8_t, i) = (uint8_t)category;
    if (has(s, MR_SHOP_POSITION)) AT(s, MR_SHOP_POSITION, int64_t, i) = 1 + take_below(&rest, 20);
  }
}

static void fill_cart_adds(const struct shop *s) {
  const uint64_t *draws = s->b->draws[MR_SHOP_DETAIL], *prices = s->b->draws[MR_SHOP_SESSION];
  const struct mr_str *items = s->gen->names[MR_SHOP_ITEM_ID];
  uint32_t cnt = mr_gen_knob(s->gen->conf->items, MR_SHOP_ITEMS);
  EACH(s, MR_SHOP_CART_ADD, i) {
    uint32_t rest = low_half(draws[i]), quantity = 1 + take_below(&rest, 3);
    if (has(s, MR_SHOP_ITEM_ID))
      AT(s, MR_SHOP_ITEM_ID, struct mr_str, i) = items[mr_rng_below(draws[i], cnt)];
    if (has(s, MR_SHOP_QUANTITY)) AT(s, MR_SHOP_QUANTITY, int64_t, i) = quantity;
    if (has(s, MR_SHOP_CATEGORY))
      AT(s, MR_SHOP_CATEGORY, uint8_t, i) = (uint8_t)take_below(&rest, 6);
    if (has(s, MR_SHOP_PRICE)) {
      uint32_t price = low_half(prices[i]);
      AT(s, MR_SHOP_PRICE, double, i) = (int32_t)(500 + take_below(&price, 19501)) / 100.0;
    }
  }
}

static void fill_searches(struct shop *s) {
  const uint64_t *draws = s->b->draws[MR_SHOP_DETAIL];
  EACH(s, MR_SHOP_SEARCH, i) {
    uint32_t high = high_half(draws[i]), low = low_half(draws[i]), query = take_below(&high, 6);
    if (has(s, MR_SHOP_QUERY)) AT(s, MR_SHOP_QUERY, uint8_t, i) = (uint8_t)query;
    if (has(s, MR_SHOP_RESULTS)) AT(s, MR_SHOP_RESULTS, int64_t, i) = take_below(&high, 101);
    if (take_below(&low, 10) >= 7) continue;
    mr_bit_set(s->clicked, (uint32_t)i);
    if (has(s, MR_SHOP_CLICKED)) AT(s, MR_SHOP_CLICKED, int64_t, i) = take_below(&low, 11);
  }
}

/* ---- purchases ---- */

/* cnt different items, in random order: item j is drawn from those not taken, which are counted by
 * going up past the taken ones, the smallest first. */
static void fill_basket(const struct shop *s, uint64_t draw, uint32_t cnt, struct mr_str *to) {
  const struct mr_str *items = s->gen->names[MR_SHOP_ITEM_ID];
  uint32_t total = mr_gen_knob(s->gen->conf->items, MR_SHOP_ITEMS), taken[5];
  for (uint32_t j = 0; j < cnt; j++) {
    __extension__ unsigned __int128 product = (unsigned __int128)draw * (total - j);
    uint32_t v = (uint32_t)(product >> 64), k = 0;
    draw = (uint64_t)product;
    for (; k < j && v >= taken[k]; k++) v++;
    for (uint32_t m = j; m > k; m--) taken[m] = taken[m - 1];
    taken[k] = v;
    to[j] = items[v];
  }
}

static void fill_order_id(struct shop *s, uint32_t i) {
  uint64_t hex = hex_of(low_half(s->b->draws[MR_SHOP_SESSION][i]));
  memcpy(s->heap, "order_", 6);
  memcpy(s->heap + 6, &hex, 8);
  put_long(s->gen, &AT(s, MR_SHOP_ORDER_ID, struct mr_str, i), s->heap, MR_SHOP_ORDER_LEN);
  s->heap += 16; /* so that lists stay aligned */
}

static struct mr_list put_list(struct shop *s, uint32_t cnt, uint32_t elem_sz) {
  struct mr_list list = {.cnt = cnt, .off = (uint64_t)(s->heap - s->gen->base)};
  s->heap += cnt * elem_sz;
  return list;
}

static void fill_purchases(struct shop *s) {
  const uint64_t *draws = s->b->draws[MR_SHOP_DETAIL], *baskets = s->b->draws[MR_SHOP_BASKET];
  EACH(s, MR_SHOP_PURCHASE, i) {
    uint32_t high = high_half(draws[i]), rest = low_half(draws[i]);
    uint32_t cnt = 1 + take_below(&rest, 5), payment = take_below(&rest, 3);
    if (has(s, MR_SHOP_ITEM_IDS)) {
      fill_basket(s, baskets[i], cnt, (struct mr_str *)(void *)s->heap);
      AT(s, MR_SHOP_ITEM_IDS, struct mr_list, i) = put_list(s, cnt, sizeof(struct mr_str));
    }
    if (has(s, MR_SHOP_QUANTITIES)) {
      int64_t *to = (int64_t *)(void *)s->heap;
      for (uint32_t j = 0; j < cnt; j++) to[j] = 1 + take_below(&rest, 3);
      AT(s, MR_SHOP_QUANTITIES, struct mr_list, i) = put_list(s, cnt, sizeof(int64_t));
    }
    if (has(s, MR_SHOP_ORDER_ID)) fill_order_id(s, (uint32_t)i);
    if (has(s, MR_SHOP_TOTAL))
      AT(s, MR_SHOP_TOTAL, double, i) = (int32_t)(1000 + take_below(&high, 49001)) / 100.0;
    if (has(s, MR_SHOP_PAYMENT)) AT(s, MR_SHOP_PAYMENT, uint8_t, i) = (uint8_t)payment;
  }
}

/* ---- validity ---- */

/* The fields of single types are zero where a type does not have them. */
static void clear_fields(const struct shop *s) {
  const struct mr_schema *schema = s->gen->schema;
  for (uint32_t c = MR_SHOP_LOGIN_METHOD; c < MR_SHOP_COLS; c++) {
    uint32_t sz = mr_phys_column_sz(mr_field_phys(&schema->fields[c])) / (MR_BATCH_ROWS / 64);
    if (has(s, c)) /* in pieces of 64 rows */
      memset((uint8_t *)s->gen->cols[c] + s->b->at / 64 * sz, 0, mr_bitmap_words(s->b->n) * sz);
  }
}

static void fill_valid(const struct shop *s) {
  const struct mr_kinds *kinds = s->gen->schema->kinds;
  uint32_t words = mr_bitmap_words(s->b->n);
  for (uint32_t c = MR_SHOP_LOGIN_METHOD; c < MR_SHOP_COLS; c++) {
    if (!has(s, c)) continue;
    uint64_t *valid = s->gen->valid[c] + s->b->at / 64;
    memset(valid, 0, words * sizeof *valid);
    for (uint32_t t = 0; t < MR_SHOP_TYPES; t++)
      for (uint32_t w = 0; kinds->fields[t] >> c & 1 && w < words; w++) valid[w] |= s->of[t][w];
    for (uint32_t w = 0; c == MR_SHOP_CLICKED && w < words; w++) valid[w] &= s->clicked[w];
  }
}

uint32_t MR_GEN_ISA_NAME(mr_gen_ecommerce_fill)(const struct mr_gen *gen,
                                                const struct mr_gen_block *b) {
  uint8_t spare[MR_GEN_BLOCK];
  struct shop s = {.gen = gen, .b = b, .heap = b->heap};
  if (b->draws[MR_SHOP_KEY]) fill_types(&s, codes_at(gen, b, MR_SHOP_EVENT_TYPE, spare));
  uint32_t purchases = mr_bitmap_count(s.of[MR_SHOP_PURCHASE], mr_bitmap_words(b->n));
  if (gen->heap && b->heap_sz < b->n * MR_SHOP_EVENT_MAX + purchases * MR_SHOP_PURCHASE_MAX)
    return MR_GEN_FULL;
  if (b->draws[MR_SHOP_DETAIL]) {
    clear_fields(&s);
    fill_logins(&s);
    fill_page_views(&s);
    fill_item_clicks(&s);
    fill_purchases(&s);
    fill_cart_adds(&s);
    fill_searches(&s);
    fill_valid(&s);
  }
  fill_event(&s);
  return (uint32_t)(s.heap - b->heap);
}

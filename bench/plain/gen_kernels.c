/* SPDX-License-Identifier: Apache-2.0 */
/* The loops of plain/gen.h, compiled once per level. */
#include <math.h>
#include <string.h>

#include "base/rng.h"
#include "plain/gen.h"
#include "plain/levels.h"

#define STARTS_AT(k) (MR_PLAIN_START_US + (int64_t)(k)*MR_PLAIN_STEP_US)

mr_plain_make_fn MR_PLAIN_NAME(mr_plain_make_city), MR_PLAIN_NAME(mr_plain_make_transactions),
    MR_PLAIN_NAME(mr_plain_make_java), MR_PLAIN_NAME(mr_plain_make_ecommerce),
    MR_PLAIN_NAME(mr_plain_make_sensors);
mr_plain_sum_fn MR_PLAIN_NAME(mr_plain_sum);

static inline uint32_t below(uint32_t *rest, uint32_t m) {
  uint64_t product = (uint64_t)*rest * m;
  *rest = (uint32_t)product;
  return (uint32_t)(product >> 32);
}

/* The numbers of n rows in a stream; a loop of its own, which vectorises. */
static void put_draws(uint64_t seed, uint64_t first, uint32_t n, uint64_t *restrict to) {
  for (uint32_t i = 0; i < n; i++) to[i] = mr_rng_at(seed, first + i);
}

/* ---- city ---- */

void MR_PLAIN_NAME(mr_plain_make_city)(struct mr_plain_gen *gen, uint64_t first, uint32_t n) {
  uint8_t *restrict city = gen->cols[0].data, *restrict severity = gen->cols[1].data;
  uint8_t *restrict type = gen->cols[4].data;
  int64_t *restrict time = gen->cols[2].data;
  struct mr_plain_text *restrict description = gen->cols[3].data;
  uint64_t r[MR_PLAIN_ROWS];
  put_draws(gen->seeds[0], first, n, r);
  for (uint32_t i = 0; i < n; i++) time[i] = STARTS_AT(first + i);
  for (uint32_t i = 0; i < n; i++) {
    city[i] = (uint8_t)mr_rng_below(r[i], 6);
    severity[i] = (uint8_t)(r[i] >> 2 & 3);
    type[i] = (uint8_t)(r[i] & 3);
  }
  for (uint32_t i = 0; i < n; i++) description[i] = gen->words[r[i] & 15];
}

/* ---- identifiers ---- */

static inline uint64_t hex(uint32_t bytes) {
  uint64_t x = bytes;
  x = (x | x << 16) & UINT64_C(0x0000ffff0000ffff);
  x = (x | x << 8) & UINT64_C(0x00ff00ff00ff00ff);
  x = (x >> 4 & UINT64_C(0x000f000f000f000f)) | (x & UINT64_C(0x000f000f000f000f)) << 8;
  uint64_t letters = (x + UINT64_C(0x0606060606060606)) >> 4 & UINT64_C(0x0101010101010101);
  return x + UINT64_C(0x3030303030303030) + letters * 39;
}

/* The eight digits of each four bytes go where they belong, dashes included. */
static char *put_ids(struct mr_plain_text *to, uint64_t low_seed, uint64_t high_seed,
                     uint64_t first, uint32_t n, char *at) {
  uint64_t a[MR_PLAIN_ROWS], b[MR_PLAIN_ROWS], digits[4][MR_PLAIN_ROWS];
  put_draws(low_seed, first, n, a);
  put_draws(high_seed, first, n, b);
  for (uint32_t i = 0; i < n; i++) {
    a[i] = (a[i] & UINT64_C(0xff0fffffffffffff)) | UINT64_C(0x0040000000000000);
    b[i] = (b[i] & UINT64_C(0xffffffffffffff3f)) | 0x80;
    digits[0][i] = hex((uint32_t)a[i]);
    digits[1][i] = hex((uint32_t)(a[i] >> 32));
    digits[2][i] = hex((uint32_t)b[i]);
    digits[3][i] = hex((uint32_t)(b[i] >> 32));
  }
  for (uint32_t i = 0; i < n; i++, at += 36) {
    uint64_t h1 = digits[1][i], h2 = digits[2][i], t1 = h1 >> 32, t2 = h2 >> 32;
    memcpy(at, &digits[0][i], 8);
    memcpy(at + 9, &h1, 4);
    memcpy(at + 14, &t1, 4);
    memcpy(at + 19, &h2, 4);
    memcpy(at + 24, &t2, 4);
    memcpy(at + 28, &digits[3][i], 8);
    at[8] = at[13] = at[18] = at[23] = '-';
    to[i] = (struct mr_plain_text){at, 36};
  }
  return at;
}

/* ---- transactions ---- */

void MR_PLAIN_NAME(mr_plain_make_transactions)(struct mr_plain_gen *gen, uint64_t first,
                                               uint32_t n) {
  uint8_t *restrict user = gen->cols[1].data, *restrict merchant = gen->cols[4].data;
  uint8_t *restrict location = gen->cols[5].data, *restrict method = gen->cols[6].data;
  uint8_t *restrict international = gen->cols[7].data, *restrict currency = gen->cols[8].data;
  double *restrict amount = gen->cols[2].data;
  int64_t *restrict time = gen->cols[3].data;
  uint64_t r[MR_PLAIN_ROWS], q[MR_PLAIN_ROWS];
  put_ids(gen->cols[0].data, gen->seeds[1], gen->seeds[2], first, n, gen->chars);
  put_draws(gen->seeds[0], first, n, r);
  put_draws(gen->seeds[3], first, n, q);
  for (uint32_t i = 0; i < n; i++) {
    uint32_t low = (uint32_t)r[i];
    amount[i] = (int32_t)(5000000 + below(&low, 10000001)) / 100.0;
  }
  for (uint32_t i = 0; i < n; i++) time[i] = STARTS_AT(first + i) / 1000000;
  for (uint32_t i = 0; i < n; i++) {
    uint32_t rest = (uint32_t)q[i];
    user[i] = (uint8_t)mr_rng_below(r[i], 100);
    merchant[i] = (uint8_t)mr_rng_below(q[i], 3);
    location[i] = (uint8_t)below(&rest, 50);
    method[i] = (uint8_t)below(&rest, 3);
    currency[i] = (uint8_t)below(&rest, 3);
    international[i] = (uint8_t)below(&rest, 2);
  }
}

void MR_PLAIN_NAME(mr_plain_make_java)(struct mr_plain_gen *gen, uint64_t first, uint32_t n) {
  uint8_t *restrict user = gen->cols[1].data, *restrict merchant = gen->cols[4].data;
  uint8_t *restrict kind = gen->cols[5].data, *restrict location = gen->cols[6].data;
  uint8_t *restrict method = gen->cols[7].data, *restrict international = gen->cols[8].data;
  uint8_t *restrict currency = gen->cols[9].data;
  double *restrict amount = gen->cols[2].data;
  int64_t *restrict time = gen->cols[3].data;
  uint64_t r[MR_PLAIN_ROWS], a[MR_PLAIN_ROWS];
  put_ids(gen->cols[0].data, gen->seeds[1], gen->seeds[2], first, n, gen->chars);
  put_draws(gen->seeds[0], first, n, r);
  put_draws(gen->seeds[4], first, n, a);
  for (uint32_t i = 0; i < n; i++) amount[i] = 10 + 500 * mr_rng_unit(a[i]);
  for (uint32_t i = 0; i < n; i++) time[i] = STARTS_AT(first + i) / 1000;
  for (uint32_t i = 0; i < n; i++) {
    uint32_t rest = (uint32_t)r[i];
    merchant[i] = (uint8_t)mr_rng_below(r[i], 50);
    user[i] = (uint8_t)below(&rest, 100);
    kind[i] = (uint8_t)below(&rest, 2);
    location[i] = (uint8_t)below(&rest, 2);
    method[i] = (uint8_t)below(&rest, 2);
    currency[i] = (uint8_t)below(&rest, 2);
    international[i] = (uint8_t)below(&rest, 2);
  }
}

/* ---- sensors ---- */

static inline double real(uint32_t v) {
  uint64_t raw = v | UINT64_C(0x4330000000000000);
  double d;
  memcpy(&d, &raw, 8);
  return d - 0x1p52;
}
static inline double open_unit(uint32_t v) {
  return (real(v) + 0.5) * 0x1p-32;
}

static inline double log_of(double u) {
  uint64_t raw;
  double m;
  memcpy(&raw, &u, 8);
  double e = real((uint32_t)(raw >> 52)) - 1023;
  raw = (raw & UINT64_C(0xfffffffffffff)) | UINT64_C(0x3ff0000000000000);
  memcpy(&m, &raw, 8);
  double half = m > 1.4142135623730951 ? 0.5 : 1.0, one = m > 1.4142135623730951 ? 1.0 : 0.0;
  m *= half;
  double s = (m - 1) / (m + 1), q = s * s, p = 1.0 / 19;
  static const double series[] = {1.0 / 17, 1.0 / 15, 1.0 / 13, 1.0 / 11, 1.0 / 9,
                                  1.0 / 7,  1.0 / 5,  1.0 / 3,  1.0};
  for (int k = 0; k < 9; k++) p = p * q + series[k];
  return -(2 * s * p + (e + one) * 0.6931471805599453);
}

static inline void circle(uint32_t turn, double *cosine, double *sine) {
  uint32_t shifted = turn + 0x20000000, quarter = shifted >> 30;
  double t = (real(shifted & 0x3fffffff) - 536870911.5) * (1.5707963267948966 * 0x1p-30);
  double q = t * t, s = -1.0 / 1307674368000, c = 1.0 / 20922789888000;
  static const double sines[] = {1.0 / 6227020800, -1.0 / 39916800, 1.0 / 362880,
                                 -1.0 / 5040,      1.0 / 120,       -1.0 / 6};
  static const double cosines[] = {-1.0 / 87178291200, 1.0 / 479001600, -1.0 / 3628800, 1.0 / 40320,
                                   -1.0 / 720,         1.0 / 24,        -0.5,           1};
  for (int k = 0; k < 6; k++) s = s * q + sines[k];
  for (int k = 0; k < 8; k++) c = c * q + cosines[k];
  s = s * q * t + t;
  double x = quarter & 1 ? s : c, y = quarter & 1 ? c : s;
  *cosine = quarter == 1 || quarter == 2 ? -x : x;
  *sine = quarter & 2 ? -y : y;
}

static inline double whole(double x) {
  return (x + 6755399441055744.0) - 6755399441055744.0;
}

void MR_PLAIN_NAME(mr_plain_make_sensors)(struct mr_plain_gen *gen, uint64_t first, uint32_t n) {
  uint8_t *restrict device = gen->cols[0].data, *restrict status = gen->cols[4].data;
  uint8_t *restrict site = gen->cols[5].data, *restrict line = gen->cols[6].data;
  int64_t *restrict time = gen->cols[1].data;
  double *restrict temperature = gen->cols[2].data, *restrict vibration = gen->cols[3].data;
  uint64_t r[MR_PLAIN_ROWS], normal[MR_PLAIN_ROWS], hot[MR_PLAIN_ROWS], shaken[MR_PLAIN_ROWS];
  uint64_t state[MR_PLAIN_ROWS];
  put_draws(gen->seeds[0], first, n, r);
  put_draws(gen->seeds[1], first, n, normal);
  put_draws(gen->seeds[2], first, n, hot);
  put_draws(gen->seeds[3], first, n, shaken);
  for (uint32_t i = 0; i < n; i++) time[i] = STARTS_AT(first + i);
  for (uint32_t i = 0; i < n; i++) {
    uint64_t a = normal[i], b = hot[i], c = shaken[i];
    double x, y, radius = sqrt(2 * log_of(open_unit((uint32_t)(a >> 32))));
    circle((uint32_t)a, &x, &y);
    double t = 75 + 4 * (radius * x), v = 0.12 + 0.05 * (radius * y);
    v = v < 0.01 ? 0.01 : v;
    t = b >> 32 < 214748364 ? 86 + 14 * open_unit((uint32_t)b) : t;
    v = c >> 32 < 214748364 ? 0.55 + 0.65 * open_unit((uint32_t)c) : v;
    state[i] = (t > 85 ? 1u : 0u) + (v > 0.5 ? 2u : 0u);
    temperature[i] = whole(t * 100) / 100;
    vibration[i] = whole(v * 1000) / 1000;
  }
  for (uint32_t i = 0; i < n; i++) {
    uint32_t rest = (uint32_t)r[i];
    device[i] = (uint8_t)mr_rng_below(r[i], 25);
    site[i] = (uint8_t)below(&rest, 2);
    line[i] = (uint8_t)below(&rest, 3);
    status[i] = (uint8_t)state[i];
  }
}

/* ---- e-commerce ---- */

/* A row of each column and its mark. */
#define ROW(c, T, i)    (((T *)gen->cols[c].data)[i])
#define PUT(c, T, i, v) (gen->cols[c].there[i] = 1, ROW(c, T, i) = (v))

static char *put_session(struct mr_plain_gen *gen, uint32_t i, uint32_t user, uint64_t r,
                         char *at) {
  const struct mr_plain_text *name = &gen->words[user];
  uint32_t v = 1000 + mr_rng_below(r, 9000);
  memcpy(at, "session_", 8);
  memcpy(at + 8, name->p, name->len);
  char *end = at + 8 + name->len;
  *end++ = '_';
  for (uint32_t unit = 1000; unit; unit /= 10) *end++ = (char)('0' + v / unit % 10);
  ROW(6, struct mr_plain_text, i) = (struct mr_plain_text){at, (uint64_t)(end - at)};
  return end;
}

static char *put_purchase(struct mr_plain_gen *gen, uint32_t i, uint64_t detail, uint64_t order,
                          uint64_t basket, char *at) {
  uint32_t high = (uint32_t)(detail >> 32), rest = (uint32_t)detail, cnt = 1 + below(&rest, 5);
  uint32_t payment = below(&rest, 3), taken[5];
  at += -(uintptr_t)at & 7;
  struct mr_plain_text *items = (struct mr_plain_text *)(void *)at;
  for (uint32_t j = 0; j < cnt; j++) {
    __extension__ unsigned __int128 product = (unsigned __int128)basket * (500 - j);
    uint32_t v = (uint32_t)(product >> 64), k = 0;
    basket = (uint64_t)product;
    for (; k < j && v >= taken[k]; k++) v++;
    for (uint32_t m = j; m > k; m--) taken[m] = taken[m - 1];
    taken[k] = v;
    items[j] = gen->items[v];
  }
  int64_t *quantities = (int64_t *)(void *)(items + cnt);
  for (uint32_t j = 0; j < cnt; j++) quantities[j] = 1 + below(&rest, 3);
  char *id = (char *)(quantities + cnt);
  uint64_t digits = hex((uint32_t)order);
  memcpy(id, "order_", 6);
  memcpy(id + 6, &digits, 8);
  PUT(17, struct mr_plain_text, i, ((struct mr_plain_text){id, 14}));
  PUT(18, struct mr_plain_list, i, ((struct mr_plain_list){items, cnt}));
  PUT(19, struct mr_plain_list, i, ((struct mr_plain_list){quantities, cnt}));
  PUT(20, double, i, (int32_t)(1000 + below(&high, 49001)) / 100.0);
  PUT(21, uint8_t, i, 0);
  PUT(22, uint8_t, i, (uint8_t)payment);
  return id + 14;
}

/* What the event's type has; the order's number is also that of a price. */
static char *put_fields(struct mr_plain_gen *gen, uint32_t i, uint32_t type, uint64_t k, char *at) {
  uint64_t detail = mr_rng_at(gen->seeds[4], k), order = mr_rng_at(gen->seeds[3], k);
  uint32_t high = (uint32_t)(detail >> 32), low = (uint32_t)detail, price = (uint32_t)order;
  switch (type) {
  case 0:
    PUT(7, uint8_t, i, (uint8_t)below(&high, 3));
    PUT(8, uint8_t, i, below(&low, 20) != 0);
    break;
  case 1:
    PUT(9, uint8_t, i, (uint8_t)below(&high, 6));
    PUT(10, uint8_t, i, (uint8_t)below(&high, 4));
    PUT(11, int64_t, i, 5 + below(&high, 296));
    break;
  case 2:
    PUT(12, struct mr_plain_text, i, gen->items[below(&high, 500)]);
    PUT(14, uint8_t, i, (uint8_t)below(&low, 6));
    PUT(15, int64_t, i, 1 + below(&low, 20));
    break;
  case 3: return put_purchase(gen, i, detail, order, mr_rng_at(gen->seeds[5], k), at);
  case 4:
    PUT(12, struct mr_plain_text, i, gen->items[below(&high, 500)]);
    PUT(13, int64_t, i, 1 + below(&low, 3));
    PUT(14, uint8_t, i, (uint8_t)below(&low, 6));
    PUT(16, double, i, (int32_t)(500 + below(&price, 19501)) / 100.0);
    break;
  default:
    PUT(23, uint8_t, i, (uint8_t)below(&high, 6));
    PUT(24, int64_t, i, below(&high, 101));
    if (below(&low, 10) < 7) PUT(25, int64_t, i, below(&low, 11));
  }
  return at;
}

void MR_PLAIN_NAME(mr_plain_make_ecommerce)(struct mr_plain_gen *gen, uint64_t first, uint32_t n) {
  static const uint8_t type_of[20] = {0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 4, 4, 5};
  static const uint8_t width[] = {1, 1, 8, 16, 16, 16};
  uint8_t *type = gen->cols[1].data, *device = gen->cols[4].data, *location = gen->cols[5].data;
  int64_t *time = gen->cols[3].data;
  for (uint32_t c = 7; c < 26; c++) {
    memset(gen->cols[c].data, 0, n * (size_t)width[gen->cols[c].kind]);
    memset(gen->cols[c].there, 0, n);
  }
  char *at = put_ids(gen->cols[0].data, gen->seeds[1], gen->seeds[2], first, n, gen->chars);
  for (uint32_t i = 0; i < n; i++) {
    uint64_t r = mr_rng_at(gen->seeds[0], first + i);
    uint32_t rest = (uint32_t)r, user = mr_rng_below(r, 1000);
    type[i] = type_of[below(&rest, 20)];
    device[i] = (uint8_t)below(&rest, 3);
    location[i] = (uint8_t)below(&rest, 8);
    time[i] = STARTS_AT(first + i);
    ROW(2, struct mr_plain_text, i) = gen->words[user];
    at = put_session(gen, i, user, mr_rng_at(gen->seeds[3], first + i), at);
    at = put_fields(gen, i, type[i], first + i, at);
  }
}

/* ---- reading ---- */

static inline uint64_t text_sum(const char *p, uint64_t len) {
  uint64_t sum = len, word = 0, over = len % 8;
  for (uint64_t at = 0; at + 8 <= len; at += 8) {
    memcpy(&word, p + at, 8);
    sum += word;
  }
  if (!over) return sum;
  word = 0;
  if (len >= 8) {
    memcpy(&word, p + len - 8, 8);
    return sum + (word >> (64 - 8 * over));
  }
  for (uint64_t i = 0; i < len; i++) word |= (uint64_t)(uint8_t)p[i] << (8 * i);
  return sum + word;
}

static uint64_t list_sum(const struct mr_plain_list *list, bool texts) {
  uint64_t sum = list->cnt;
  for (uint64_t e = 0; e < list->cnt; e++) {
    const struct mr_plain_text *text = (const struct mr_plain_text *)list->p + e;
    sum += texts ? text_sum(text->p, text->len) : (uint64_t)((const int64_t *)list->p)[e];
  }
  return sum;
}

static uint64_t bytes_sum(const uint8_t *restrict p, uint32_t n) {
  uint32_t sum = 0;
  for (uint32_t i = 0; i < n; i++) sum += p[i];
  return sum;
}

static uint64_t col_sum(const struct mr_plain_col *col, uint32_t n) {
  uint64_t sum = col->there ? bytes_sum(col->there, n) : n;
  const struct mr_plain_text *texts = col->data;
  const struct mr_plain_list *lists = col->data;
  const uint64_t *words = col->data;
  switch (col->kind) {
  case MR_PLAIN_CODE:
  case MR_PLAIN_FLAG: return sum + bytes_sum(col->data, n);
  case MR_PLAIN_WORD:
    for (uint32_t i = 0; i < n; i++) sum += words[i];
    return sum;
  case MR_PLAIN_TEXT:
    for (uint32_t i = 0; i < n; i++) sum += text_sum(texts[i].p, texts[i].len);
    return sum;
  default:
    for (uint32_t i = 0; i < n; i++) sum += list_sum(&lists[i], col->kind == MR_PLAIN_TEXTS);
    return sum;
  }
}

uint64_t MR_PLAIN_NAME(mr_plain_sum)(const struct mr_plain_gen *gen, uint32_t n) {
  uint64_t sum = 0;
  for (uint32_t c = 0; c < gen->col_cnt; c++) sum += (2 * c + 1) * col_sum(&gen->cols[c], n);
  return sum;
}

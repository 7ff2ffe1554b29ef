/* SPDX-License-Identifier: Apache-2.0 */
/* Lines taken together, compiled once per x86-64 level with MR_ISA=v2|v3|v4 (mr_kernels in
 * rooms.cmake). A line that does not fit stays where it is, so no place leaves its line; it is then
 * looked at alone. */
#include "format/json_take.h"

#define JOIN2(a, b) a##b
#define JOIN(a, b)  JOIN2(a, b)
#define INLINE      static inline __attribute__((always_inline))

static void find(struct mr_json_group *group, const char *p, const char *end, uint32_t max) {
  const char **line = group->line;
  uint32_t n = 0;
  line[0] = p;
  for (; p < end && n < max; p += 64) {
    uint64_t bits = mr_scan_lines64(p), second = bits & (bits - 1);
    /* two without a branch; places that are none are overwritten or not counted */
    line[n + 1] = p + mr_scan_low_bit(bits) + 1;
    line[n + 2] = p + mr_scan_low_bit(second) + 1;
    uint32_t cnt = (uint32_t)__builtin_popcountll(bits);
    if (__builtin_expect(cnt > 2, 0)) {
      uint64_t more = second & (second - 1);
      for (uint32_t i = 3; more; i++, more &= more - 1) line[n + i] = p + __builtin_ctzll(more) + 1;
    }
    n += cnt;
  }
  if (n > max) n = max;
  while (n && line[n] > end) n--; /* the newline behind the data, not a line's */
  group->cnt = n;
}

/* ---- strings ---- */

/* The string's bytes when they lie in the view, else as the view of a string at base. True: they
 * do not. */
INLINE bool put_str(struct mr_str *dst, const char *p, uint32_t len, uint32_t off) {
#if defined(__SSE4_1__)
  static const uint8_t masks[32] = {255, 255, 255, 255, 255, 255, 255, 255,
                                    255, 255, 255, 255, 255, 255, 255, 255};
  bool far = len > MR_STR_INLINE;
  uint32_t keep = far ? MR_STR_INLINE : len;
  __m128i v = _mm_and_si128(_mm_loadu_si128((const __m128i *)(const void *)p),
                            _mm_loadu_si128((const __m128i *)(const void *)(masks + 16 - keep)));
  uint64_t w[2] = {len | (uint64_t)_mm_cvtsi128_si64(v) << 32,
                   (uint64_t)_mm_cvtsi128_si64(_mm_srli_si128(v, 4))};
  w[1] = far ? (uint64_t)off << 32 : w[1];
  memcpy(dst, w, sizeof *dst);
  return far;
#else
  if (len <= MR_STR_INLINE) {
    *dst = mr_str_make(p, len, NULL);
    return false;
  }
  dst->len = len;
  dst->u.ref.off = off;
  return true;
#endif
}

/* A needed string without escapes. */
INLINE const char *take_str(struct mr_json_group *group, const char *p, uint32_t i,
                            struct mr_str *dst) {
  const char *end = mr_scan_string_far(p);
  if (__builtin_expect(*end != '"', 0)) {
    bool escaped;
    end = mr_json_skip_string(p, &escaped);
    if (!end || escaped) return NULL;
  }
  uint32_t len = (uint32_t)(end - p);
  uint64_t far = put_str(dst, p, len, (uint32_t)(p - group->line[0]));
  group->heap |= far << i;
  group->heap_sz += far ? len : 0;
  return mr_json_behind(end + 1);
}

/* ---- one slot of all lines ---- */

struct slot_rows { /* what the loop over lines needs, away from what it writes to */
  struct mr_codes codes;
  struct mr_day day;
  int64_t unix_us;
  uint8_t *dst;
  uint32_t row;
};

INLINE const char *take_value(struct slot_rows *s, struct mr_json_group *group, const char *p,
                              uint32_t i, uint8_t kind) {
  uint32_t row = s->row + i;
  int64_t *w8 = (int64_t *)(void *)s->dst + row;
  bool flag;
  switch (kind) {
  case MR_VALUE_CODE: return mr_json_take_code(&s->codes, p, s->dst + row);
  case MR_VALUE_RFC3339: return mr_json_take_rfc3339(&s->day, p, w8);
  case MR_VALUE_STR: return take_str(group, p, i, (struct mr_str *)(void *)s->dst + row);
  case MR_JSON_SKIP_STR: return mr_json_take_checked(p);
  case MR_VALUE_INT64: return mr_json_take_int64(p, w8);
  case MR_VALUE_DOUBLE: return mr_json_take_double(p, (double *)(void *)w8);
  case MR_VALUE_BOOL:
    p = mr_json_take_bool(p, &flag);
    if (p) mr_fill_bit((uint64_t *)(void *)s->dst, row, flag);
    return p;
  case MR_VALUE_UNIX: return mr_json_take_unix(s->unix_us, p, w8);
  default: return mr_json_skip(p, 1);
  }
}

INLINE void take_rows(struct slot_rows *s, const struct mr_json_slot *slot,
                      struct mr_json_group *group, uint8_t kind) {
  const struct mr_json_want want = mr_json_want(slot);
  const uint32_t cnt = group->cnt;
  uint64_t bad = 0;
  for (uint32_t i = 0; i < cnt; i++) {
    const char *p = group->at[i];
    if (__builtin_expect(mr_json_fits(&want, p), 1)) {
      const char *q = take_value(s, group, p + want.len, i, kind);
      if (__builtin_expect(q != NULL, 1)) {
        group->at[i] = q;
        continue;
      }
    }
    bad |= UINT64_C(1) << i;
  }
  group->bad |= bad;
}

static void take_slot(struct mr_json *json, const struct mr_json_slot *slot,
                      struct mr_json_group *group, uint32_t row) {
  const struct mr_fill_col *col = &json->fill.cols[slot->col];
  struct slot_rows s = {.day = json->day, .dst = json->fill.dst[slot->col], .row = row};
  switch (slot->kind) {
  case MR_VALUE_CODE:
    s.codes = *slot->codes;
    take_rows(&s, slot, group, MR_VALUE_CODE);
    break;
  case MR_JSON_TIME_TEXT: /* what is no RFC 3339 is looked at alone */
  case MR_VALUE_RFC3339:
    take_rows(&s, slot, group, MR_VALUE_RFC3339);
    json->day = s.day;
    break;
  case MR_VALUE_STR: take_rows(&s, slot, group, MR_VALUE_STR); break;
  case MR_JSON_CHECK_STR:
  case MR_JSON_SKIP_STR: take_rows(&s, slot, group, MR_JSON_SKIP_STR); break;
  case MR_VALUE_INT64: take_rows(&s, slot, group, MR_VALUE_INT64); break;
  case MR_VALUE_DOUBLE: take_rows(&s, slot, group, MR_VALUE_DOUBLE); break;
  case MR_VALUE_BOOL: take_rows(&s, slot, group, MR_VALUE_BOOL); break;
  case MR_VALUE_UNIX:
    s.unix_us = col->unix_us;
    take_rows(&s, slot, group, MR_VALUE_UNIX);
    break;
  default: take_rows(&s, slot, group, MR_JSON_SKIP_ANY); break;
  }
}

/* The text behind the last value, and that the line ends there. */
static void take_ends(const struct mr_json_slot *last, struct mr_json_group *group) {
  const struct mr_json_want want = mr_json_want(last);
  const size_t max_line = group->max_line;
  uint64_t bad = 0;
  for (uint32_t i = 0; i < group->cnt; i++) {
    const char *p = group->at[i], *end = group->line[i + 1] - 1;
    bool fits = mr_json_fits(&want, p);
    p += want.len;
    group->at[i] = p;
    if (__builtin_expect(p != end, 0)) fits &= p + 1 == end && *p == '\r';
    fits &= (size_t)(p - group->line[i]) <= max_line;
    bad |= (uint64_t)!fits << i;
  }
  group->bad |= bad;
}

static void take(struct mr_json *json, const struct mr_json_template *t,
                 struct mr_json_group *group, uint32_t row) {
  group->bad = group->heap = group->heap_sz = 0;
  memcpy(group->at, group->line, sizeof group->at);
  for (uint32_t k = 0; k < t->slot_cnt; k++) take_slot(json, &t->slots[k], group, row);
  take_ends(&t->slots[t->slot_cnt], group);
}

/* ---- what follows ---- */

static size_t move(struct mr_json *json, const struct mr_json_template *t, uint32_t row,
                   uint32_t from, uint32_t to, uint8_t *p) {
  const struct mr_json_group *group = &json->group;
  const uint8_t *base = json->fill.base;
  uint8_t *o = p;
  for (uint32_t k = 0; k < t->slot_cnt; k++) {
    if (t->slots[k].kind != MR_VALUE_STR) continue;
    struct mr_str *dst = (struct mr_str *)json->fill.dst[t->slots[k].col] + row;
    for (uint32_t i = from; i < to; i++) {
      uint32_t len = dst[i].len;
      if (len <= MR_STR_INLINE || group->bad >> i & 1) continue;
      const char *src = group->line[0] + dst[i].u.ref.off;
      for (uint32_t done = 0; done < len; done += 64) memcpy(o + done, src + done, 64);
      dst[i] = mr_str_make((const char *)o, len, base);
      o += len;
    }
  }
  return (size_t)(o - p);
}

const struct mr_json_kernels JOIN(mr_json_kernels_, MR_ISA) = {find, take, move};

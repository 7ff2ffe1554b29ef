/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_FORMAT_JSON_TAKE_H
#define MR_FORMAT_JSON_TAKE_H

/* Values of lines that fit a template, taken where they stand: each function gives the place behind
 * the value (of texts: behind the closing quote), NULL when it is not plainly one. They are inline,
 * because json_kernels.c is compiled once per x86-64 level. */

#include "format/json_private.h"

/* The bytes of a slot's text, in registers. */
struct mr_json_want {
  struct mr_scan_want head;
  const char *more;
  uint32_t len;
};

static inline struct mr_json_want mr_json_want(const struct mr_json_slot *slot) {
  return (struct mr_json_want){mr_scan_want(&slot->text), slot->more, slot->len};
}

static inline bool mr_json_fits(const struct mr_json_want *want, const char *p) {
  if (!mr_scan_want_equal(&want->head, p)) return false;
  return want->len <= MR_SCAN_TEXT ||
         memcmp(p + MR_SCAN_TEXT, want->more, want->len - MR_SCAN_TEXT) == 0;
}

/* For places that follow a value: they are never NULL. */
static inline const char *mr_json_behind(const char *p) {
  if (!p) __builtin_unreachable();
  return p;
}

static inline const char *mr_json_take_code(const struct mr_codes *codes, const char *p,
                                            uint8_t *dst) {
  if (!codes->quoted.texts) return mr_json_take_other_code(codes, p, dst);
  const struct mr_codes_quick *q = mr_codes_quick(&codes->quoted, mr_scan_load8(p));
  if (__builtin_expect(!mr_scan_masked_equal(p, q->text, q->mask), 0))
    return mr_json_take_other_code(codes, p, dst);
  *dst = q->code;
  return mr_json_behind(p + q->len);
}

/* What follows the seconds at p: 'Z"', '.000Z"' or '.000000Z"'; the number of its bytes, 0:
 * something else. A byte that is not the sign or digit that belongs there sets its highest bit. */
static inline uint32_t mr_json_take_fraction(const char *p, int64_t *us) {
  const uint64_t highs = UINT64_C(0x8080808080808080);
  uint64_t w = mr_scan_load8(p);
  *us = 0;
  if ((w & 0xffff) == 0x225a) return 2;
  uint64_t milli = (w & UINT64_C(0xffffffffffff)) ^ UINT64_C(0x225a3030302e);
  if (!(((milli + UINT64_C(0x7f7f7676767f)) | milli) & highs)) {
    *us = (int64_t)((milli >> 8 & 0xff) * 100 + (milli >> 16 & 0xff) * 10 + (milli >> 24 & 0xff)) *
          1000;
    return 6;
  }
  uint64_t micro = w ^ UINT64_C(0x5a3030303030302e);
  if (p[8] != '"' || (((micro + UINT64_C(0x7f7676767676767f)) | micro) & highs)) return 0;
  micro = micro * 10 + (micro >> 8);
  *us = (int64_t)((micro >> 8 & 0xff) * 10000 + (micro >> 24 & 0xff) * 100 + (micro >> 40 & 0xff));
  return 9;
}

/* RFC 3339, UTC, on the day of the last one; all else goes to the slow function. */
static inline const char *mr_json_take_rfc3339(struct mr_day *day, const char *p, int64_t *dst) {
  int64_t seconds, us;
  bool good = mr_day_take(day, p, &seconds);
  uint32_t rest = mr_json_take_fraction(p + 19, &us);
  if (__builtin_expect(!good || !rest, 0)) return mr_json_take_other_time(day, p, dst);
  *dst = seconds + us;
  return mr_json_behind(p + 19 + rest);
}

/* RFC 3339 is the column's first format, so a text that is one needs no look at the others. */
static inline bool mr_json_rfc3339_first(const struct mr_fill_col *col) {
  return !col->conf->format_cnt || col->conf->formats[0].time == MR_DECODE_RFC3339;
}

static inline const char *mr_json_take_bool(const char *p, bool *out) {
  if (memcmp(p, "true", 4) == 0) {
    *out = true;
    return p + 4;
  }
  *out = false;
  return memcmp(p, "false", 5) == 0 ? p + 5 : NULL;
}

static inline const char *mr_json_take_unix(int64_t unit_us, const char *p, int64_t *dst) {
  int64_t v;
  p = mr_json_take_int64(p, &v);
  return p && mr_fill_unix_us(unit_us, v, dst) ? p : NULL;
}

/* A string that is only checked. */
static inline const char *mr_json_take_checked(const char *p) {
  bool escaped;
  const char *end = mr_scan_string_far(p);
  if (__builtin_expect(*end != '"', 0)) end = mr_json_skip_string(p, &escaped);
  return end ? mr_json_behind(end + 1) : NULL;
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_BASE_TEXT_PRIVATE_H
#define MR_BASE_TEXT_PRIVATE_H

/* What the files behind base/text.h share: eight bytes at a time, pairs of digits, and the C++
 * library's number conversions. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

/* std::to_chars, shortest form; the length, 0 when it does not fit. */
size_t mr_text_to_chars(char *buf, size_t sz, double v);
/* The same with so many digits behind the point, rounded exactly, a half to the even digit. */
size_t mr_text_to_chars_fixed(char *buf, size_t sz, double v, int digits, bool scientific);
/* std::from_chars over text that is known to be a number; false when it is out of range. */
bool mr_text_from_chars(const char *s, size_t len, double *out);

#ifdef __cplusplus
}
#endif

#define MR_TEXT_ONES  UINT64_C(0x0101010101010101)
#define MR_TEXT_HIGHS UINT64_C(0x8080808080808080)

/* Eight bytes, the first in the lowest bits. */
static inline uint64_t mr_text_load8(const char *s) {
  uint64_t w;
  memcpy(&w, s, sizeof w);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
  w = __builtin_bswap64(w);
#endif
  return w;
}

static inline bool mr_text_is_digit(char c) {
  return (unsigned char)(c - '0') <= 9;
}

/* Two digits, v below 100. */
static inline void mr_text_put2(char *buf, uint32_t v) {
  static const char pairs[] = "00010203040506070809101112131415161718192021222324"
                              "25262728293031323334353637383940414243444546474849"
                              "50515253545556575859606162636465666768697071727374"
                              "75767778798081828384858687888990919293949596979899";
  memcpy(buf, pairs + 2 * (size_t)v, 2);
}

/* The digits of v; at most 20 bytes. Returns their number. */
size_t mr_text_put_u64(char *buf, uint64_t v);

/* One NUMBER, digits with an optional fraction, at s: whole part and fraction as integers, scale 10
 * to the power of the fraction's length. Returns the bytes read, 0 when there is none or it is too
 * long (19 digits, 18 behind the point). */
struct mr_text_decimal {
  uint64_t whole, fraction, scale;
};
size_t mr_text_take_decimal(const char *s, size_t len, struct mr_text_decimal *out);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include <charconv>
#include <system_error>

#include "base/text_private.h"

extern "C" size_t mr_text_to_chars(char *buf, size_t sz, double v) {
  std::to_chars_result r = std::to_chars(buf, buf + sz, v);
  return r.ec == std::errc() ? static_cast<size_t>(r.ptr - buf) : 0;
}

extern "C" size_t mr_text_to_chars_fixed(char *buf, size_t sz, double v, int digits,
                                         bool scientific) {
  auto format = scientific ? std::chars_format::scientific : std::chars_format::fixed;
  std::to_chars_result r = std::to_chars(buf, buf + sz, v, format, digits);
  return r.ec == std::errc() ? static_cast<size_t>(r.ptr - buf) : 0;
}

extern "C" bool mr_text_from_chars(const char *s, size_t len, double *out) {
  return std::from_chars(s, s + len, *out, std::chars_format::general).ec == std::errc();
}

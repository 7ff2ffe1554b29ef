/* SPDX-License-Identifier: Apache-2.0 */
#include "base/lines.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

void mr_text_clean(char *dst, size_t dst_sz, const char *src, size_t src_sz) {
  size_t len = strnlen(src, src_sz);
  if (len > dst_sz - 1) len = dst_sz - 1;
  memmove(dst, src, len);
  dst[len] = 0;
  bool valid = mr_utf8_valid(dst, len);
  for (size_t i = 0; i < len; i++) {
    unsigned char c = (unsigned char)dst[i];
    /* 0xc2 0x80..0x9f are control characters too */
    bool control =
        c < 0x20 || c == 0x7f || (c == 0xc2 && i + 1 < len && (unsigned char)dst[i + 1] < 0xa0);
    if (control && c == 0xc2) dst[i + 1] = '?';
    if (control || (!valid && c >= 0x80)) dst[i] = '?';
  }
}

/* Room for `more` bytes and a NUL. */
static void reserve(struct mr_lines *lines, size_t more) {
  if (lines->len + more + 1 <= lines->cap) return;
  size_t cap = lines->cap ? lines->cap : 4096;
  while (cap < lines->len + more + 1) cap *= 2;
  char *text = mr_arena_alloc(lines->arena, cap);
  if (lines->len) memcpy(text, lines->text, lines->len);
  lines->text = text;
  lines->cap = cap;
}

static void add_bytes(struct mr_lines *lines, const char *bytes, size_t len) {
  reserve(lines, len);
  memcpy(lines->text + lines->len, bytes, len);
  lines->len += len;
  lines->text[lines->len] = 0;
}

void mr_lines_add(struct mr_lines *lines, const char *fmt, ...) {
  va_list args;
  va_start(args, fmt);
  reserve(lines, 256);
  int len = vsnprintf(lines->text + lines->len, lines->cap - lines->len, fmt, args);
  va_end(args);
  if (len < 0) return;
  if ((size_t)len >= lines->cap - lines->len) {
    reserve(lines, (size_t)len);
    va_start(args, fmt);
    vsnprintf(lines->text + lines->len, lines->cap - lines->len, fmt, args);
    va_end(args);
  }
  lines->len += (size_t)len;
}

void mr_lines_json(struct mr_lines *lines, const char *text) {
  add_bytes(lines, "\"", 1);
  for (; *text; text++) {
    unsigned char c = (unsigned char)*text;
    if (c == '"' || c == '\\')
      mr_lines_add(lines, "\\%c", c);
    else if (c < 0x20)
      mr_lines_add(lines, "\\u%04x", c);
    else
      add_bytes(lines, text, 1);
  }
  add_bytes(lines, "\"", 1);
}

void mr_lines_cell(struct mr_lines *lines, int width, const char *text) {
  int pad = (width < 0 ? -width : width) - (int)mr_utf8_length(text, strlen(text));
  if (pad < 0) pad = 0;
  if (width < 0) mr_lines_add(lines, "%*s", pad, "");
  add_bytes(lines, text, strlen(text));
  if (width > 0) mr_lines_add(lines, "%*s", pad, "");
}

/* ---- short forms ---- */

/* Three digits: "1.23", "12.3", "123". */
static const char *short_number(char *buf, double n, const char *unit) {
  const char *fmt = n < 9.995 ? "%.2f%s" : n < 99.95 ? "%.1f%s" : "%.0f%s";
  snprintf(buf, MR_LINES_SHORT_SZ, fmt, n, unit);
  return buf;
}

const char *mr_lines_count(char *buf, double n) {
  static const char *const units[] = {"", "k", "M", "G", "T", "P", "E"};
  uint32_t u = 0;
  if (!(n > 0)) n = 0;
  if (n < 999.5) {
    bool whole = n >= 9.95 || n - (double)(int64_t)n < 0.005;
    snprintf(buf, MR_LINES_SHORT_SZ, whole ? "%.0f" : "%.1f", n);
    return buf;
  }
  do {
    n /= 1000;
    u++;
  } while (n >= 999.95 && u + 1 < sizeof units / sizeof units[0]);
  snprintf(buf, MR_LINES_SHORT_SZ, "%.1f%s", n, units[u]);
  return buf;
}

const char *mr_lines_bytes(char *buf, uint64_t bytes) {
  static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  if (bytes < 1024) {
    snprintf(buf, MR_LINES_SHORT_SZ, "%" PRIu64 "B", bytes);
    return buf;
  }
  double n = (double)bytes / 1024;
  uint32_t u = 0;
  while (n >= 1023.95 && u + 1 < sizeof units / sizeof units[0]) {
    n /= 1024;
    u++;
  }
  snprintf(buf, MR_LINES_SHORT_SZ, "%.1f%s", n, units[u]);
  return buf;
}

const char *mr_lines_time(char *buf, uint64_t ns) {
  if (ns < 1000) {
    snprintf(buf, MR_LINES_SHORT_SZ, "%" PRIu64 "ns", ns);
    return buf;
  }
  double n = (double)ns / 1000;
  if (n < 999.5) return short_number(buf, n, "us");
  if ((n /= 1000) < 999.5) return short_number(buf, n, "ms");
  return short_number(buf, n / 1000, "s");
}

const char *mr_lines_span(char *buf, int64_t us) {
  const char *sign = us < 0 ? "-" : "";
  uint64_t s = (us < 0 ? -(uint64_t)us : (uint64_t)us) / 1000000;
  if (s < 60)
    snprintf(buf, MR_LINES_SHORT_SZ, "%s%" PRIu64 "s", sign, s);
  else if (s < 3600)
    snprintf(buf, MR_LINES_SHORT_SZ, "%s%" PRIu64 "m%02us", sign, s / 60, (unsigned)(s % 60));
  else if (s < 86400)
    snprintf(buf, MR_LINES_SHORT_SZ, "%s%" PRIu64 "h%02um", sign, s / 3600,
             (unsigned)(s / 60 % 60));
  else
    snprintf(buf, MR_LINES_SHORT_SZ, "%s%" PRIu64 "d%02uh", sign, s / 86400,
             (unsigned)(s / 3600 % 24));
  return buf;
}

const char *mr_lines_clock(char *buf, uint64_t ns) {
  uint64_t s = ns / 1000000000;
  snprintf(buf, MR_LINES_SHORT_SZ, "%02" PRIu64 ":%02u:%02u", s / 3600, (unsigned)(s / 60 % 60),
           (unsigned)(s % 60));
  return buf;
}

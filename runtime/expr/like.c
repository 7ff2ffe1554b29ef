/* SPDX-License-Identifier: Apache-2.0 */
#include "expr/program_private.h"

bool expr_like_compile(struct mr_arena *arena, const char *p, uint32_t len, struct expr_like *out) {
  char *plain = MR_NEW(arena, char, len + 1);
  uint32_t at = 0, any_lead = 0, any_tail = 0;
  bool general = false;
  for (uint32_t i = 0; i < len; i++) {
    if (p[i] == '\\') {
      if (++i == len) return false;
      if (any_tail) general = true;
      plain[at++] = p[i];
    } else if (p[i] == '%') {
      if (at == 0 && !general)
        any_lead = 1;
      else
        any_tail = 1;
    } else {
      if (p[i] == '_' || any_tail) general = true;
      plain[at++] = p[i];
    }
  }
  out->kind = any_lead && any_tail ? LIKE_CONTAINS
              : any_lead           ? LIKE_SUFFIX
              : any_tail           ? LIKE_PREFIX
                                   : LIKE_EXACT;
  out->text = plain;
  out->len = at;
  if (general) {
    out->kind = LIKE_GENERAL;
    out->text = mr_arena_strndup(arena, p, len);
    out->len = len;
  }
  return true;
}

int64_t expr_find(const char *s, uint32_t len, const char *part, uint32_t part_len) {
  if (part_len == 0) return 0;
  if (part_len > len) return -1;
  const char *p = memmem(s, len, part, part_len);
  return p ? p - s : -1;
}

static uint32_t char_len(const char *s, const char *end) {
  uint32_t n = 1;
  while (s + n < end && ((unsigned char)s[n] & 0xc0) == 0x80) n++;
  return n;
}

/* Greedy with one point to come back to: the last % seen. */
bool expr_like_text(const char *p, uint32_t p_len, const char *s, uint32_t s_len) {
  const char *pe = p + p_len, *se = s + s_len, *back_p = NULL, *back_s = NULL;
  while (s < se || p < pe) {
    if (p < pe && *p == '%') {
      while (p < pe && *p == '%') p++;
      if (p == pe) return true;
      back_p = p;
      back_s = s;
      continue;
    }
    if (p < pe && s < se) {
      if (*p == '_') {
        p++;
        s += char_len(s, se);
        continue;
      }
      const char *lit = *p == '\\' && p + 1 < pe ? p + 1 : p;
      if (*lit == *s) {
        p = lit + 1;
        s++;
        continue;
      }
    }
    if (!back_p || back_s >= se) return false;
    back_s += char_len(back_s, se);
    s = back_s;
    p = back_p;
  }
  return true;
}

bool expr_like_match(const struct expr_like *like, const char *s, uint32_t len) {
  uint32_t n = like->len;
  switch (like->kind) {
  case LIKE_EXACT: return len == n && memcmp(s, like->text, n) == 0;
  case LIKE_PREFIX: return len >= n && memcmp(s, like->text, n) == 0;
  case LIKE_SUFFIX: return len >= n && memcmp(s + len - n, like->text, n) == 0;
  case LIKE_CONTAINS: return expr_find(s, len, like->text, n) >= 0;
  default: return expr_like_text(like->text, n, s, len);
  }
}

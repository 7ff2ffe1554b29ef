/* SPDX-License-Identifier: Apache-2.0 */
#include "base/value.h"

#include <string.h>

#include "base/error.h"
#include "base/text.h"

struct parser {
  struct mr_arena *arena;
  const char *p, *end;
  uint32_t depth;
};

static bool parse_value(struct parser *s, struct mr_value *out);

static void skip_blanks(struct parser *s) {
  while (s->p < s->end && (*s->p == ' ' || *s->p == '\t' || *s->p == '\n' || *s->p == '\r')) s->p++;
}

/* Takes the character after blanks. */
static bool take(struct parser *s, char c) {
  skip_blanks(s);
  if (s->p == s->end || *s->p != c) return false;
  s->p++;
  return true;
}

static bool take_word(struct parser *s, const char *word) {
  size_t len = strlen(word);
  if ((size_t)(s->end - s->p) < len || memcmp(s->p, word, len) != 0) return false;
  s->p += len;
  return true;
}

/* ---- texts ---- */

static bool take_hex(struct parser *s, uint32_t *code) {
  *code = 0;
  if (s->end - s->p < 4) return false;
  for (int i = 0; i < 4; i++) {
    uint32_t c = (unsigned char)*s->p++, digit = 16;
    if (c >= '0' && c <= '9') digit = c - '0';
    if (c >= 'a' && c <= 'f') digit = c - 'a' + 10;
    if (c >= 'A' && c <= 'F') digit = c - 'A' + 10;
    if (digit == 16) return false;
    *code = *code * 16 + digit;
  }
  return true;
}

static char *put_code(char *to, uint32_t c) {
  if (c < 0x80) {
    *to++ = (char)c;
  } else if (c < 0x800) {
    *to++ = (char)(0xc0 | c >> 6);
    *to++ = (char)(0x80 | (c & 63));
  } else if (c < 0x10000) {
    *to++ = (char)(0xe0 | c >> 12);
    *to++ = (char)(0x80 | (c >> 6 & 63));
    *to++ = (char)(0x80 | (c & 63));
  } else {
    *to++ = (char)(0xf0 | c >> 18);
    *to++ = (char)(0x80 | (c >> 12 & 63));
    *to++ = (char)(0x80 | (c >> 6 & 63));
    *to++ = (char)(0x80 | (c & 63));
  }
  return to;
}

/* Behind a backslash; NULL: no escape of JSON. Six bytes of source make at most three of text,
 * twelve at most four, so the text never grows. */
static char *take_escape(struct parser *s, char *to) {
  static const char names[] = "\"\\/bfnrt", bytes[] = "\"\\/\b\f\n\r\t";
  if (s->p == s->end) return NULL;
  char c = *s->p++;
  const char *at = c ? strchr(names, c) : NULL;
  if (at) {
    *to++ = bytes[at - names];
    return to;
  }
  uint32_t code, low;
  if (c != 'u' || !take_hex(s, &code)) return NULL;
  if (code >= 0xdc00 && code < 0xe000) return NULL;
  if (code >= 0xd800 && code < 0xdc00) {
    if (!take_word(s, "\\u") || !take_hex(s, &low) || low < 0xdc00 || low >= 0xe000) return NULL;
    code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
  }
  return put_code(to, code);
}

/* Behind the opening quote. */
static bool take_text(struct parser *s, const char **text, size_t *len) {
  const char *close = s->p;
  while (close < s->end && *close != '"') close += *close == '\\' ? 2 : 1;
  if (close >= s->end) return false;
  char *start = mr_arena_alloc(s->arena, (size_t)(close - s->p) + 1), *to = start;
  while (s->p < close) {
    unsigned char c = (unsigned char)*s->p++;
    if (c < 0x20) return false;
    if (c != '\\') {
      *to++ = (char)c;
    } else if (!(to = take_escape(s, to))) {
      return false;
    }
  }
  s->p++;
  *to = 0;
  *text = start;
  *len = (size_t)(to - start);
  return true;
}

/* ---- numbers ---- */

static bool take_number(struct parser *s, struct mr_value *out) {
  const char *start = s->p;
  bool whole = true;
  for (; s->p < s->end && ((*s->p >= '0' && *s->p <= '9') || strchr("+-.eE", *s->p)); s->p++)
    if (*s->p == '.' || *s->p == 'e' || *s->p == 'E') whole = false;
  size_t len = (size_t)(s->p - start);
  if (mr_double_parse(start, len, &out->d)) return false;
  out->kind = whole && !mr_int64_parse(start, len, &out->i) ? MR_VALUE_INT : MR_VALUE_DOUBLE;
  return true;
}

/* ---- lists and objects ---- */

struct growing {
  struct mr_value *items;
  const char **keys;
  uint32_t cnt, cap;
};

static struct mr_value *add_item(struct parser *s, struct growing *g, const char *key) {
  if (g->cnt == g->cap) {
    uint32_t cap = g->cap ? g->cap * 2 : 8;
    struct mr_value *items = MR_NEW(s->arena, struct mr_value, cap);
    const char **keys = MR_NEW(s->arena, const char *, cap);
    if (g->cnt) {
      memcpy(items, g->items, g->cnt * sizeof *items);
      memcpy(keys, g->keys, g->cnt * sizeof *keys);
    }
    g->items = items;
    g->keys = keys;
    g->cap = cap;
  }
  g->keys[g->cnt] = key;
  return &g->items[g->cnt++];
}

/* Behind the opening bracket. */
static bool take_items(struct parser *s, struct mr_value *out, bool object) {
  struct growing g = {0};
  char close = object ? '}' : ']';
  out->kind = object ? MR_VALUE_OBJECT : MR_VALUE_LIST;
  if (s->depth == MR_VALUE_DEPTH_MAX) return false;
  s->depth++;
  if (!take(s, close)) {
    do {
      const char *key = NULL;
      size_t key_len = 0;
      if (object && (!take(s, '"') || !take_text(s, &key, &key_len) || strlen(key) != key_len ||
                     !take(s, ':')))
        return false;
      struct mr_value item = {0};
      if (!parse_value(s, &item)) return false;
      *add_item(s, &g, key) = item;
    } while (take(s, ','));
    if (!take(s, close)) return false;
  }
  s->depth--;
  out->items = g.items;
  out->keys = object ? g.keys : NULL;
  out->cnt = g.cnt;
  return true;
}

static bool parse_value(struct parser *s, struct mr_value *out) {
  skip_blanks(s);
  if (s->p == s->end) return false;
  switch (*s->p) {
  case '{': s->p++; return take_items(s, out, true);
  case '[': s->p++; return take_items(s, out, false);
  case '"':
    s->p++;
    out->kind = MR_VALUE_TEXT;
    return take_text(s, &out->text, &out->len);
  case 't': out->b = true; /* fall through */
  case 'f': out->kind = MR_VALUE_BOOL; return take_word(s, out->b ? "true" : "false");
  case 'n': out->kind = MR_VALUE_NULL; return take_word(s, "null");
  default: return take_number(s, out);
  }
}

const struct mr_value *mr_value_parse(struct mr_arena *arena, const char *json, size_t len) {
  struct parser s = {.arena = arena, .p = json, .end = json + len};
  struct mr_value *v = MR_NEW(arena, struct mr_value, 1);
  if (!mr_utf8_valid(json, len) || !parse_value(&s, v)) return NULL;
  skip_blanks(&s);
  return s.p == s.end ? v : NULL;
}

/* ---- looking ---- */

const struct mr_value *mr_value_get(const struct mr_value *v, const char *key) {
  if (!v || v->kind != MR_VALUE_OBJECT) return NULL;
  for (uint32_t i = v->cnt; i-- > 0;)
    if (!strcmp(v->keys[i], key)) return &v->items[i];
  return NULL;
}

static const struct mr_value *member(const struct mr_value *v, const char *key,
                                     enum mr_value_kind kind) {
  const struct mr_value *m = mr_value_get(v, key);
  return m && m->kind == kind ? m : NULL;
}

const char *mr_value_text(const struct mr_value *v, const char *key, const char *otherwise) {
  const struct mr_value *m = member(v, key, MR_VALUE_TEXT);
  return m ? m->text : otherwise;
}

int64_t mr_value_int(const struct mr_value *v, const char *key, int64_t otherwise) {
  const struct mr_value *m = member(v, key, MR_VALUE_INT);
  return m ? m->i : otherwise;
}

double mr_value_double(const struct mr_value *v, const char *key, double otherwise) {
  const struct mr_value *m = mr_value_get(v, key);
  return m && (m->kind == MR_VALUE_INT || m->kind == MR_VALUE_DOUBLE) ? m->d : otherwise;
}

bool mr_value_bool(const struct mr_value *v, const char *key, bool otherwise) {
  const struct mr_value *m = member(v, key, MR_VALUE_BOOL);
  return m ? m->b : otherwise;
}

const struct mr_value *mr_value_list(const struct mr_value *v, const char *key) {
  static const struct mr_value none = {.kind = MR_VALUE_LIST};
  const struct mr_value *m = member(v, key, MR_VALUE_LIST);
  return m ? m : &none;
}

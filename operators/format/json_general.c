/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/text.h"
#include "format/json_private.h"

#define CLIP 40u /* bytes of a value shown in a cause */

/* ---- the tape ---- */

static inline uint8_t tape_type(const struct mr_json *json, uint32_t i) {
  return (uint8_t)(json->tape[i] >> 56);
}
static inline uint64_t tape_payload(const struct mr_json *json, uint32_t i) {
  return json->tape[i] & ((UINT64_C(1) << 56) - 1);
}
/* The index behind the value at i. */
static inline uint32_t tape_next(const struct mr_json *json, uint32_t i) {
  switch (tape_type(json, i)) {
  case '{':
  case '[': return (uint32_t)tape_payload(json, i);
  case 'l':
  case 'u':
  case 'd': return i + 2;
  default: return i + 1;
  }
}
static inline const char *tape_str(const struct mr_json *json, uint32_t i, uint32_t *len) {
  const uint8_t *p = json->strings + tape_payload(json, i);
  memcpy(len, p, 4);
  return (const char *)p + 4;
}
static inline double tape_double(const struct mr_json *json, uint32_t i) {
  double d;
  memcpy(&d, &json->tape[i + 1], 8);
  return d;
}

/* ---- causes ---- */

__attribute__((format(printf, 3, 4))) static bool say_bad(struct mr_json *json, const char *code,
                                                          const char *fmt, ...) {
  va_list args;
  va_start(args, fmt);
  vsnprintf(json->bad.cause, sizeof json->bad.cause, fmt, args);
  va_end(args);
  json->bad.code = code;
  return false;
}

/* The longest part of a text of at most max bytes that does not cut a character. */
static uint32_t clip(const char *p, uint32_t len, uint32_t max) {
  if (len <= max) return len;
  while (max && ((unsigned char)p[max] & 0xc0) == 0x80) max--;
  return max;
}

/* The value at i as people write it, clipped; buf holds at least 64 bytes. */
static const char *show_value(const struct mr_json *json, uint32_t i, char *buf, size_t sz) {
  uint32_t len;
  const char *p;
  switch (tape_type(json, i)) {
  case '"':
    p = tape_str(json, i, &len);
    snprintf(buf, sz, "\"%.*s%s\"", (int)clip(p, len, CLIP), p, len > CLIP ? "..." : "");
    break;
  case 'l': snprintf(buf, sz, "%lld", (long long)json->tape[i + 1]); break;
  case 'u': snprintf(buf, sz, "%llu", (unsigned long long)json->tape[i + 1]); break;
  case 'd': buf[mr_double_format(buf, tape_double(json, i))] = 0; break;
  case 't': return "true";
  case 'f': return "false";
  case 'n': return "null";
  case '[': return "a list";
  default: return "an object";
  }
  return buf;
}

static const char *kind_text(uint8_t kind) {
  switch (kind) {
  case MR_JSON_BOOL: return "true or false";
  case MR_JSON_INT64: return "a whole number (int64)";
  case MR_JSON_DOUBLE: return "a number (double)";
  case MR_JSON_STR:
  case MR_JSON_CODE: return "a string";
  case MR_JSON_RFC3339: return "a time as RFC 3339 text";
  case MR_JSON_PATTERN: return "a time as text";
  case MR_JSON_UNIX: return "a time as a whole number since 1970";
  case MR_JSON_DURATION: return "a duration as text such as \"1h2m3.5s\"";
  default: return "a list";
  }
}

static bool bad_type(struct mr_json *json, const struct mr_json_col *col, uint8_t kind,
                     uint32_t i) {
  char buf[64];
  return say_bad(json, MR_BAD_TYPE, "field \"%s\": expected %s, found %s", col->field->name,
                 kind_text(kind), show_value(json, i, buf, sizeof buf));
}

static bool bad_value(struct mr_json *json, const struct mr_json_col *col, const char *why,
                      uint32_t i) {
  char buf[64];
  return say_bad(json, MR_BAD_VALUE, "field \"%s\": %s, found %s", col->field->name, why,
                 show_value(json, i, buf, sizeof buf));
}

static bool bad_code(struct mr_json *json, const struct mr_json_col *col, uint32_t i) {
  const struct mr_enum *texts = col->codes->texts;
  char buf[64], list[128];
  size_t n = 0;
  for (uint32_t c = 0; c < texts->cnt; c++) {
    uint32_t len = texts->lens[c];
    if (n + len + 8 > sizeof list) {
      memcpy(list + n, ", ...", 6);
      break;
    }
    n += (size_t)snprintf(list + n, sizeof list - n, "%s%s", c ? ", " : "", texts->texts[c]);
  }
  return say_bad(json, MR_BAD_ONE_OF, "field \"%s\": expected one of %s, found %s",
                 col->field->name, list, show_value(json, i, buf, sizeof buf));
}

/* ---- the whole line ---- */

/* A whole number that the parser refuses, and JSON does not: beyond 64 bits. */
static bool is_wide(const char *p, size_t len) {
  return len >= 20 || (len == 19 && p[-1] == '-' && memcmp(p, "9223372036854775808", 19) > 0);
}

/* Writes the line anew with an exponent behind such numbers. */
static size_t widen_numbers(struct mr_json *json, const char *p, size_t len) {
  const char *end = p + len;
  char *o = json->scratch;
  bool in_string = false;
  while (p < end) {
    char c = *p++;
    *o++ = c;
    if (c == '"') in_string = !in_string;
    if (in_string && c == '\\' && p < end) *o++ = *p++;
    if (in_string || c < '0' || c > '9') continue;
    const char *start = p - 1;
    while (p < end && *p >= '0' && *p <= '9') *o++ = *p++;
    bool whole = start[-1] != '.' && start[-1] != '+' && (start[-1] | 0x20) != 'e' &&
                 (start[-1] != '-' || (start[-2] | 0x20) != 'e');
    bool ends = p == end || (*p != '.' && (*p | 0x20) != 'e');
    if (!whole || !ends || !is_wide(start, (size_t)(p - start))) continue;
    *o++ = 'e';
    *o++ = '0';
  }
  memset(o, 0, MR_LINES_PAD);
  return (size_t)(o - json->scratch);
}

/* Deeper than allowed: the parser does not count empty containers. */
static bool too_deep(const struct mr_json *json) {
  uint32_t depth = 0, end = (uint32_t)tape_payload(json, 0);
  if (end <= 2 * MR_JSON_DEPTH_MAX) return false;
  for (uint32_t i = 1; i < end;) {
    uint8_t type = tape_type(json, i);
    if ((type == '{' || type == '[') && ++depth > MR_JSON_DEPTH_MAX) return true;
    if (type == '}' || type == ']') depth--;
    i += type == 'l' || type == 'u' || type == 'd' ? 2 : 1;
  }
  return false;
}

static bool bad_parse(struct mr_json *json, enum mr_json_dom_result result) {
  switch (result) {
  case MR_DOM_UTF8: return say_bad(json, MR_BAD_UTF8, "the line is not valid UTF-8");
  case MR_DOM_DEPTH:
    return say_bad(json, MR_BAD_DEPTH, "nested more than %u deep", MR_JSON_DEPTH_MAX);
  case MR_DOM_NUMBER:
    return say_bad(json, MR_BAD_SYNTAX, "a number is malformed, or no double can hold it");
  case MR_DOM_STRING:
    return say_bad(json, MR_BAD_SYNTAX,
                   "a string has a bad escape, a lone surrogate or a control character, or no end");
  case MR_DOM_LIMIT: return say_bad(json, MR_BAD_LONG, "the line is too long to be parsed");
  default: return say_bad(json, MR_BAD_SYNTAX, "not one well-formed JSON object");
  }
}

/* Parses the line: well-formed, of allowed depth, an object. */
static bool parse(struct mr_json *json, const struct mr_line *line) {
  enum mr_json_dom_result result =
      mr_json_dom_parse(json->dom, line->p, line->len, &json->tape, &json->strings);
  if (result == MR_DOM_NUMBER) {
    size_t len = widen_numbers(json, line->p, line->len);
    result = mr_json_dom_parse(json->dom, json->scratch, len, &json->tape, &json->strings);
  }
  /* the parser stops at the first fault; invalid UTF-8 is told apart wherever it stands */
  if (result != MR_DOM_OK && result != MR_DOM_UTF8 && !mr_utf8_valid(line->p, line->len))
    result = MR_DOM_UTF8;
  if (result != MR_DOM_OK) return bad_parse(json, result);
  if (too_deep(json)) return bad_parse(json, MR_DOM_DEPTH);
  if (tape_type(json, 1) != '{') {
    char buf[64];
    return say_bad(json, MR_BAD_SYNTAX, "expected a JSON object, found %s",
                   show_value(json, 1, buf, sizeof buf));
  }
  if (memchr(line->p, '\\', line->len) && !mr_json_surrogates_ok(line->p, line->len))
    return say_bad(json, MR_BAD_SYNTAX, "a string has a lone surrogate");
  return true;
}

/* ---- values ---- */

static bool read_time(struct mr_json *json, const struct mr_json_col *col, uint8_t kind, uint32_t i,
                      int64_t *out) {
  uint32_t len;
  if (tape_type(json, i) != '"') return bad_type(json, col, kind, i);
  const char *p = tape_str(json, i, &len);
  switch (kind) {
  case MR_JSON_RFC3339:
    return mr_timestamp_parse(p, len, out) == 0 ||
           bad_value(json, col, "expected a time as RFC 3339 text", i);
  case MR_JSON_PATTERN:
    return mr_time_pattern_parse(col->conf->pattern, p, len, out) == 0 ||
           bad_value(json, col, "expected a time of the declared pattern", i);
  default:
    return mr_duration_parse_us(p, len, out) == 0 ||
           bad_value(json, col, "expected a duration such as \"1h2m3.5s\"", i);
  }
}

/* The value at tape index i as `kind`, checked. False: json->bad says why not. */
static bool read_scalar(struct mr_json *json, const struct mr_json_col *col, uint8_t kind,
                        uint32_t i, struct mr_json_value *out) {
  uint8_t type = tape_type(json, i);
  switch (kind) {
  case MR_JSON_BOOL:
    if (type != 't' && type != 'f') return bad_type(json, col, kind, i);
    out->b = type == 't';
    return true;
  case MR_JSON_INT64:
  case MR_JSON_UNIX:
    if (type == 'u' || (type == 'd' && fabs(tape_double(json, i)) >= 0x1p63))
      return bad_value(json, col, "expected a whole number of 64 bits with sign", i);
    if (type != 'l') return bad_type(json, col, kind, i);
    memcpy(&out->i64, &json->tape[i + 1], 8);
    if (kind == MR_JSON_INT64 || mr_json_unix_us(col->unix_us, out->i64, &out->i64)) return true;
    return bad_value(json, col, "expected a time in the years 1 to 9999", i);
  case MR_JSON_DOUBLE:
    if (type == 'l')
      out->f64 = (double)(int64_t)json->tape[i + 1];
    else if (type == 'u')
      out->f64 = (double)json->tape[i + 1];
    else if (type == 'd')
      out->f64 = tape_double(json, i);
    else
      return bad_type(json, col, kind, i);
    return true;
  case MR_JSON_STR:
  case MR_JSON_CODE:
    if (type != '"') return bad_type(json, col, kind, i);
    out->str.p = tape_str(json, i, &out->str.len);
    if (kind == MR_JSON_STR) return true;
    int32_t code = mr_json_codes_find(col->codes, out->str.p, out->str.len);
    if (code < 0) return bad_code(json, col, i);
    out->code = (uint8_t)code;
    return true;
  default: return read_time(json, col, kind, i, &out->i64);
  }
}

static bool read_list(struct mr_json *json, const struct mr_json_col *col, uint32_t i,
                      struct mr_json_value *out) {
  if (tape_type(json, i) != '[') return bad_type(json, col, MR_JSON_LIST, i);
  out->list.tape = i;
  out->list.cnt = out->list.nulls = 0;
  for (i++; tape_type(json, i) != ']'; i = tape_next(json, i)) {
    struct mr_json_value v;
    out->list.cnt++;
    if (tape_type(json, i) == 'n')
      out->list.nulls++;
    else if (!read_scalar(json, col, col->elem, i, &v))
      return false;
  }
  return true;
}

/* ---- fields ---- */

/* Notes for each column where its value stands: of equal keys the last, of a column's keys the
 * first. */
static void find_fields(struct mr_json *json) {
  for (uint32_t c = 0; c < json->col_cnt; c++) json->cells[c].state = MR_JSON_ABSENT;
  for (uint32_t i = 2; tape_type(json, i) != '}';) {
    uint32_t len;
    const char *p = tape_str(json, i, &len);
    const struct mr_json_key *key = mr_json_key_find(json, p, len);
    i++;
    if (key) {
      struct mr_json_cell *cell = &json->cells[key->col];
      if (cell->state == MR_JSON_ABSENT || key->rank <= cell->rank) {
        cell->state = tape_type(json, i) == 'n' ? MR_JSON_NULL : MR_JSON_VALUE;
        cell->rank = key->rank;
        cell->tape = i;
      }
    }
    i = tape_next(json, i);
  }
}

static bool bad_missing(struct mr_json *json, const struct mr_json_col *col, uint8_t state) {
  const char *how = state == MR_JSON_NULL ? "is null" : "is missing";
  if (col->event_time)
    return say_bad(json, MR_BAD_NO_TIME, "field \"%s\", the event time, %s", col->field->name, how);
  return say_bad(json, MR_BAD_MISSING, "field \"%s\" %s", col->field->name, how);
}

static bool check_fields(struct mr_json *json) {
  for (uint32_t c = 0; c < json->col_cnt; c++) {
    const struct mr_json_col *col = &json->cols[c];
    struct mr_json_cell *cell = &json->cells[c];
    if (!col->checked) continue;
    if (cell->state != MR_JSON_VALUE) {
      if (!col->null_ok && !col->conf->def.given) return bad_missing(json, col, cell->state);
    } else if (col->kind == MR_JSON_LIST) {
      if (!read_list(json, col, cell->tape, &cell->value)) return false;
    } else if (!read_scalar(json, col, col->kind, cell->tape, &cell->value)) {
      return false;
    }
  }
  return true;
}

/* ---- lists into the heap ---- */

static bool put_list(struct mr_json *json, const struct mr_json_col *col,
                     const struct mr_json_value *list, struct mr_list *out) {
  uint64_t *valid;
  uint32_t cnt = list->list.cnt;
  memset(out, 0, sizeof *out);
  if (!cnt) return true;
  uint8_t *data = mr_json_list_open(json, col, cnt, list->list.nulls, out, &valid);
  if (!data) return false;
  uint32_t i = list->list.tape + 1;
  for (uint32_t e = 0; e < cnt; e++, i = tape_next(json, i)) {
    struct mr_json_value v;
    bool null = tape_type(json, i) == 'n';
    if (!null) read_scalar(json, col, col->elem, i, &v);
    if (!mr_json_list_put(json, col, data, valid, e, null ? NULL : &v)) return false;
  }
  return true;
}

static bool put_value(struct mr_json *json, uint32_t c, uint32_t row) {
  const struct mr_json_col *col = &json->cols[c];
  const struct mr_json_value *v = &json->cells[c].value;
  void *dst = json->dst[c];
  switch (col->kind) {
  case MR_JSON_BOOL: mr_json_put_bit(dst, row, v->b); return true;
  case MR_JSON_CODE: ((uint8_t *)dst)[row] = v->code; return true;
  case MR_JSON_DOUBLE: ((double *)dst)[row] = v->f64; return true;
  case MR_JSON_STR:
    mr_json_put_str(json, (struct mr_str *)dst + row, v->str.p, v->str.len);
    return true;
  case MR_JSON_LIST: return put_list(json, col, v, (struct mr_list *)dst + row);
  default: ((int64_t *)dst)[row] = v->i64; return true;
  }
}

bool mr_json_general(struct mr_json *json, const struct mr_line *line, uint32_t row, bool *full) {
  if (!parse(json, line)) return false;
  find_fields(json);
  if (!check_fields(json)) return false;
  for (uint32_t c = 0; c < json->col_cnt; c++) {
    if (!json->cols[c].needed) continue;
    if (json->cells[c].state != MR_JSON_VALUE)
      mr_json_put_missing(json, c, row);
    else if (!put_value(json, c, row))
      *full = true;
  }
  if (!*full) *full = !mr_json_commit(json, row, line->p, line->len);
  return true;
}

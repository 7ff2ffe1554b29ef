/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
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

/* The value at i as people write it, clipped; buf holds at least 64 bytes. */
static const char *show_value(const struct mr_json *json, uint32_t i, char *buf, size_t sz) {
  uint32_t len;
  const char *p;
  switch (tape_type(json, i)) {
  case '"':
    p = tape_str(json, i, &len);
    snprintf(buf, sz, "\"%.*s%s\"", (int)mr_text_clip(p, len, CLIP), p, len > CLIP ? "..." : "");
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

static bool bad_type(struct mr_json *json, const struct mr_fill_col *col, uint8_t kind,
                     uint32_t i) {
  char buf[64];
  return mr_fill_bad(&json->fill, MR_BAD_TYPE, "field \"%s\": expected %s, found %s",
                     col->field->name, mr_value_kind_text(kind),
                     show_value(json, i, buf, sizeof buf));
}

static bool bad_value(struct mr_json *json, const struct mr_fill_col *col, const char *why,
                      uint32_t i) {
  char buf[64];
  return mr_fill_bad(&json->fill, MR_BAD_VALUE, "field \"%s\": %s, found %s", col->field->name, why,
                     show_value(json, i, buf, sizeof buf));
}

static bool bad_code(struct mr_json *json, const struct mr_fill_col *col, uint32_t i) {
  char buf[64];
  return mr_fill_bad_code(&json->fill, col, show_value(json, i, buf, sizeof buf));
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
  case MR_DOM_UTF8: return mr_fill_bad(&json->fill, MR_BAD_UTF8, "the line is not valid UTF-8");
  case MR_DOM_DEPTH:
    return mr_fill_bad(&json->fill, MR_BAD_DEPTH, "nested more than %u deep", MR_JSON_DEPTH_MAX);
  case MR_DOM_NUMBER:
    return mr_fill_bad(&json->fill, MR_BAD_SYNTAX,
                       "a number is malformed, or no double can hold it");
  case MR_DOM_STRING:
    return mr_fill_bad(
        &json->fill, MR_BAD_SYNTAX,
        "a string has a bad escape, a lone surrogate or a control character, or no end");
  case MR_DOM_LIMIT:
    return mr_fill_bad(&json->fill, MR_BAD_LONG, "the line is too long to be parsed");
  default: return mr_fill_bad(&json->fill, MR_BAD_SYNTAX, "not one well-formed JSON object");
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
    return mr_fill_bad(&json->fill, MR_BAD_SYNTAX, "expected a JSON object, found %s",
                       show_value(json, 1, buf, sizeof buf));
  }
  if (memchr(line->p, '\\', line->len) && !mr_json_surrogates_ok(line->p, line->len))
    return mr_fill_bad(&json->fill, MR_BAD_SYNTAX, "a string has a lone surrogate");
  return true;
}

/* ---- values ---- */

static bool read_text_time(struct mr_json *json, const struct mr_fill_col *col, uint8_t kind,
                           uint32_t i, int64_t *out) {
  uint32_t len;
  if (tape_type(json, i) != '"') return bad_type(json, col, kind, i);
  const char *p = tape_str(json, i, &len);
  switch (kind) {
  case MR_VALUE_RFC3339:
    return mr_timestamp_parse(p, len, out) == 0 ||
           bad_value(json, col, "expected a time as RFC 3339 text", i);
  case MR_VALUE_PATTERN:
    return mr_time_pattern_parse(col->pattern, p, len, out) == 0 ||
           bad_value(json, col, "expected a time of the declared pattern", i);
  default:
    return mr_duration_parse_us(p, len, out) == 0 ||
           bad_value(json, col, "expected a duration such as \"1h2m3.5s\"", i);
  }
}

/* A time in one of several formats. */
static bool read_any_time(struct mr_json *json, const struct mr_fill_col *col, uint32_t i,
                          int64_t *out) {
  uint8_t type = tape_type(json, i);
  uint32_t len;
  int64_t v;
  if (type == '"') {
    const char *p = tape_str(json, i, &len);
    if (mr_fill_time_text(col, p, len, out)) return true;
  } else if (type == 'l' && col->unix_us) {
    memcpy(&v, &json->tape[i + 1], 8);
    if (mr_fill_time_number(col, v, out)) return true;
  } else {
    return bad_type(json, col, MR_VALUE_TIMES, i);
  }
  return bad_value(json, col, "expected a time in one of the declared formats", i);
}

/* The value at tape index i as `kind`, checked. False: json->fill.bad says why not. */
static bool read_scalar(struct mr_json *json, const struct mr_fill_col *col, uint8_t kind,
                        uint32_t i, struct mr_json_value *out) {
  uint8_t type = tape_type(json, i);
  switch (kind) {
  case MR_VALUE_BOOL:
    if (type != 't' && type != 'f') return bad_type(json, col, kind, i);
    out->b = type == 't';
    return true;
  case MR_VALUE_INT64:
  case MR_VALUE_UNIX:
    if (type == 'u' || (type == 'd' && fabs(tape_double(json, i)) >= 0x1p63))
      return bad_value(json, col, "expected a whole number of 64 bits with sign", i);
    if (type != 'l') return bad_type(json, col, kind, i);
    memcpy(&out->i64, &json->tape[i + 1], 8);
    if (kind == MR_VALUE_INT64 || mr_fill_unix_us(col->unix_us, out->i64, &out->i64)) return true;
    return bad_value(json, col, "expected a time in the years 1 to 9999", i);
  case MR_VALUE_DOUBLE:
    if (type == 'l')
      out->f64 = (double)(int64_t)json->tape[i + 1];
    else if (type == 'u')
      out->f64 = (double)json->tape[i + 1];
    else if (type == 'd')
      out->f64 = tape_double(json, i);
    else
      return bad_type(json, col, kind, i);
    return true;
  case MR_VALUE_STR:
  case MR_VALUE_CODE:
    if (type != '"') return bad_type(json, col, kind, i);
    out->str.p = tape_str(json, i, &out->str.len);
    if (kind == MR_VALUE_STR) return true;
    int32_t code = mr_codes_find(col->codes, out->str.p, out->str.len);
    if (code < 0) return bad_code(json, col, i);
    out->code = (uint8_t)code;
    return true;
  case MR_VALUE_TIMES: return read_any_time(json, col, i, &out->i64);
  default: return read_text_time(json, col, kind, i, &out->i64);
  }
}

static bool read_list(struct mr_json *json, const struct mr_fill_col *col, uint32_t i,
                      struct mr_json_value *out) {
  if (tape_type(json, i) != '[') return bad_type(json, col, MR_VALUE_LIST, i);
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

/* Of the column's keys the first one that has a value; one that is null if there is no other. */
static void choose_key(struct mr_json *json, uint32_t c) {
  struct mr_json_cell *cell = &json->cells[c];
  const struct mr_json_cell *alts = json->alts + json->alt_off[c];
  for (uint32_t k = json->fill.cols[c].conf->key_cnt; k-- > 0;) {
    if (alts[k].state <= (cell->state == MR_JSON_VALUE ? MR_JSON_NULL : MR_JSON_ABSENT)) continue;
    cell->state = alts[k].state;
    cell->tape = alts[k].tape;
    cell->rank = k;
  }
}

/* Notes for each column where its value stands: of equal keys the last one. */
static void find_fields(struct mr_json *json) {
  for (uint32_t c = 0; c < json->fill.col_cnt; c++) json->cells[c].state = MR_JSON_ABSENT;
  for (uint32_t k = 0; k < json->alt_off[json->fill.col_cnt]; k++)
    json->alts[k].state = MR_JSON_ABSENT;
  for (uint32_t i = 2; tape_type(json, i) != '}';) {
    uint32_t len;
    const char *p = tape_str(json, i, &len);
    const struct mr_json_key *key = mr_json_key_find(json, p, len);
    i++;
    if (key) {
      bool alone = json->fill.cols[key->col].conf->key_cnt <= 1;
      struct mr_json_cell *cell =
          alone ? &json->cells[key->col] : &json->alts[json->alt_off[key->col] + key->rank];
      cell->state = tape_type(json, i) == 'n' ? MR_JSON_NULL : MR_JSON_VALUE;
      cell->rank = key->rank;
      cell->tape = i;
    }
    i = tape_next(json, i);
  }
  for (uint32_t c = 0; c < json->fill.col_cnt; c++)
    if (json->fill.cols[c].conf->key_cnt > 1) choose_key(json, c);
}

static bool check_fields(struct mr_json *json) {
  for (uint32_t c = 0; c < json->fill.col_cnt; c++) {
    const struct mr_fill_col *col = &json->fill.cols[c];
    struct mr_json_cell *cell = &json->cells[c];
    if (!col->checked) continue;
    if (cell->state != MR_JSON_VALUE) {
      if (!col->null_ok && !col->conf->def.given)
        return mr_fill_bad_missing(&json->fill, col,
                                   cell->state == MR_JSON_NULL ? "is null" : "is missing");
    } else if (col->kind == MR_VALUE_LIST) {
      if (!read_list(json, col, cell->tape, &cell->value)) return false;
    } else if (!read_scalar(json, col, col->kind, cell->tape, &cell->value)) {
      return false;
    }
  }
  return true;
}

/* ---- lists into the heap ---- */

static bool put_list(struct mr_json *json, const struct mr_fill_col *col,
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
  const struct mr_fill_col *col = &json->fill.cols[c];
  const struct mr_json_value *v = &json->cells[c].value;
  void *dst = json->fill.dst[c];
  switch (col->kind) {
  case MR_VALUE_BOOL: mr_fill_bit(dst, row, v->b); return true;
  case MR_VALUE_CODE: ((uint8_t *)dst)[row] = v->code; return true;
  case MR_VALUE_DOUBLE: ((double *)dst)[row] = v->f64; return true;
  case MR_VALUE_STR:
    mr_fill_str(&json->fill, (struct mr_str *)dst + row, v->str.p, v->str.len);
    return true;
  case MR_VALUE_LIST: return put_list(json, col, v, (struct mr_list *)dst + row);
  default: ((int64_t *)dst)[row] = v->i64; return true;
  }
}

bool mr_json_general(struct mr_json *json, const struct mr_line *line, uint32_t row, bool *full) {
  if (!parse(json, line)) return false;
  find_fields(json);
  if (!check_fields(json)) return false;
  for (uint32_t c = 0; c < json->fill.col_cnt; c++) {
    if (!json->fill.cols[c].needed) continue;
    if (json->cells[c].state != MR_JSON_VALUE)
      mr_fill_missing(&json->fill, c, row);
    else if (!put_value(json, c, row))
      *full = true;
  }
  if (!*full) *full = !mr_json_commit(json, row, line->p, line->len);
  return true;
}

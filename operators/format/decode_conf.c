/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "format/decode_conf.h"

static int read_format(struct mr_arena *arena, const char *name, const char *text,
                       struct mr_decode_format *out, struct mr_error *err) {
  static const char *const names[] = {[MR_DECODE_RFC3339] = "rfc3339",
                                      [MR_DECODE_UNIX_S] = "unix_s",
                                      [MR_DECODE_UNIX_MS] = "unix_ms",
                                      [MR_DECODE_UNIX_US] = "unix_us"};
  for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
    if (strcmp(text, names[i]) == 0) {
      out->time = (enum mr_decode_time)i;
      return 0;
    }
  }
  struct mr_time_pattern *pattern = MR_NEW(arena, struct mr_time_pattern, 1);
  size_t bad_off = 0;
  if (mr_time_pattern_compile(text, strlen(text), pattern, &bad_off) != 0)
    return mr_error_set(err, MR_ERR_CONF,
                        "field \"%s\": the format is not understood at byte %zu: \"%s\"", name,
                        bad_off, text);
  out->time = MR_DECODE_PATTERN;
  out->pattern = pattern;
  return 0;
}

static int read_formats(struct mr_arena *arena, const struct mr_event_field *field,
                        struct mr_decode_field *out, struct mr_error *err) {
  uint32_t cnt = field->format_cnt;
  if (cnt && field->field.type != MR_TYPE_TIMESTAMP && field->field.elem != MR_TYPE_TIMESTAMP)
    return mr_error_set(err, MR_ERR_CONF, "field \"%s\": only a timestamp has a format",
                        field->field.name);
  struct mr_decode_format *formats = MR_NEW(arena, struct mr_decode_format, cnt + 1);
  for (uint32_t i = 0; i < cnt; i++) {
    int rc = read_format(arena, field->field.name, field->formats[i], &formats[i], err);
    if (rc) return rc;
  }
  out->formats = formats;
  out->format_cnt = cnt;
  return 0;
}

/* A default of a time: RFC 3339, or written as the field is. */
static int read_time(const struct mr_decode_field *f, const char *text, size_t len, int64_t *us) {
  static const int64_t units[] = {
      [MR_DECODE_UNIX_S] = 1000000, [MR_DECODE_UNIX_MS] = 1000, [MR_DECODE_UNIX_US] = 1};
  if (mr_timestamp_parse(text, len, us) == 0) return 0;
  for (uint32_t i = 0; i < f->format_cnt; i++) {
    const struct mr_decode_format *format = &f->formats[i];
    if (format->time == MR_DECODE_RFC3339) continue;
    if (format->time == MR_DECODE_PATTERN) {
      if (mr_time_pattern_parse(format->pattern, text, len, us) == 0) return 0;
    } else if (mr_int64_parse(text, len, us) == 0 &&
               !__builtin_mul_overflow(*us, units[format->time], us)) {
      return 0;
    }
  }
  return MR_ERR_DATA;
}

static int find_code(const struct mr_enum *codes, const char *text, uint8_t *code) {
  for (uint32_t c = 0; c < codes->cnt; c++) {
    if (strcmp(codes->texts[c], text) == 0) {
      *code = (uint8_t)c;
      return 0;
    }
  }
  return MR_ERR_DATA;
}

static int read_default(const struct mr_event_field *field, struct mr_decode_field *out,
                        struct mr_error *err) {
  const char *text = field->default_text;
  if (!text) return 0;
  struct mr_decode_default *def = &out->def;
  size_t len = strlen(text);
  int rc = 0;
  def->given = true;
  switch (field->field.type) {
  case MR_TYPE_BOOL:
    def->b = strcmp(text, "true") == 0;
    rc = def->b || strcmp(text, "false") == 0 ? 0 : MR_ERR_DATA;
    break;
  case MR_TYPE_INT64: rc = mr_int64_parse(text, len, &def->i64); break;
  case MR_TYPE_DOUBLE: rc = mr_double_parse(text, len, &def->f64); break;
  case MR_TYPE_TIMESTAMP: rc = read_time(out, text, len, &def->i64); break;
  case MR_TYPE_DURATION: rc = mr_duration_parse_us(text, len, &def->i64); break;
  case MR_TYPE_LIST: rc = strcmp(text, "[]") == 0 ? 0 : MR_ERR_DATA; break;
  default:
    def->str = text;
    def->str_len = (uint32_t)len;
    if (field->field.codes) rc = find_code(field->field.codes, text, &def->code);
    break;
  }
  if (rc == 0) return 0;
  char type[64];
  return mr_error_set(err, MR_ERR_CONF, "field \"%s\": the default \"%s\" is no %s",
                      field->field.name, text,
                      mr_field_type_text(&field->field, type, sizeof type));
}

int mr_decode_field_read(struct mr_arena *arena, const struct mr_event_field *field,
                         struct mr_decode_field *out, struct mr_error *err) {
  memset(out, 0, sizeof *out);
  out->keys = field->from;
  out->key_cnt = field->from_cnt;
  int rc = read_formats(arena, field, out, err);
  return rc ? rc : read_default(field, out, err);
}

int mr_decode_fields_read(struct mr_arena *arena, const struct mr_event *event, const bool *need,
                          struct mr_decode_field **out, struct mr_error *err) {
  struct mr_decode_field *fields = MR_NEW(arena, struct mr_decode_field, event->field_cnt + 1);
  for (uint32_t i = 0; i < event->field_cnt; i++) {
    int rc = mr_decode_field_read(arena, &event->fields[i], &fields[i], err);
    if (rc) return rc;
    fields[i].needed = !need || need[i];
  }
  *out = fields;
  return 0;
}

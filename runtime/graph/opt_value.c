/* SPDX-License-Identifier: Apache-2.0 */
/* Single values of options: their text forms, both ways. */
#include <math.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/text.h"
#include "graph/opt_private.h"

#define RATE_MIN 1e-9 /* events per second: a rate of 0 would never send */

struct type_text {
  const char *name, *example;
};

static const struct type_text *type_text(enum mr_opt_type type) {
  static const struct type_text texts[] = {
      [MR_OPT_NONE] = {"nothing", ""},
      [MR_OPT_BOOL] = {"true or false", "true"},
      [MR_OPT_INT64] = {"whole number", "10"},
      [MR_OPT_SIZE] = {"size", "128MiB"},
      [MR_OPT_DURATION_NS] = {"duration", "25s"},
      [MR_OPT_DURATION_US] = {"duration", "5m"},
      [MR_OPT_TIMESTAMP] = {"timestamp", "2025-10-13T11:30:00Z"},
      [MR_OPT_RATE] = {"rate", "50k/s"},
      [MR_OPT_DOUBLE] = {"number", "0.5"},
      [MR_OPT_SHARE] = {"share", "5%"},
      [MR_OPT_STRING] = {"text", "abc"},
      [MR_OPT_NAME] = {"name", "by_city"},
      [MR_OPT_ENUM] = {"word", "word"},
      [MR_OPT_STRINGS] = {"text or list of texts", "[a, b]"},
      [MR_OPT_NAMES] = {"name or list of names", "[city, event_type]"},
      [MR_OPT_EXPR] = {"expression", "severity = 'high'"},
      [MR_OPT_EXPRS] = {"map of names and expressions", "{ total: sum(amount) }"},
      [MR_OPT_TABLE] = {"map", "{ }"},
      [MR_OPT_UNION] = {"map", "{ }"},
      [MR_OPT_RAW] = {"value", "{ }"}};
  return &texts[type];
}

const char *mr_opt_type_str(enum mr_opt_type type) {
  return type_text(type)->name;
}

const char *mr_opt_example(const struct mr_opt *opt) {
  if (opt->example) return opt->example;
  if (opt->def && opt->def[0]) return opt->def;
  if (opt->words && opt->words[0]) return opt->words[0];
  return type_text(opt->type)->example;
}

bool mr_opt_name_valid(const char *text, size_t len) {
  if (len == 0 || len > MR_NAME_MAX) return false;
  for (size_t i = 0; i < len; i++) {
    char c = text[i];
    bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    if (!letter && !(i > 0 && c >= '0' && c <= '9')) return false;
  }
  return true;
}

const char *mr_opt_nearest(const char *text, const char *const *candidates) {
  size_t len = strlen(text);
  if (len > MR_NAME_MAX) return NULL;
  int max = len <= 3 ? 1 : len <= 6 ? 2 : 3, best = max + 1;
  const char *found = NULL;
  for (; *candidates; candidates++) {
    int d = mr_text_distance(text, *candidates, max);
    if (d < best) {
      best = d;
      found = *candidates;
    }
  }
  return found;
}

/* --- words ---------------------------------------------------------------------------------- */

int mr_opt_word(const char *const *words, const char *text, size_t len) {
  for (int i = 0; words && words[i]; i++)
    if (strlen(words[i]) == len && memcmp(words[i], text, len) == 0) return i;
  return -1;
}

uint32_t mr_opt_word_cnt(const char *const *words) {
  uint32_t n = 0;
  while (words && words[n]) n++;
  return n;
}

const char *mr_opt_words_text(const char *const *words, struct mr_arena *arena) {
  const char *text = "";
  for (uint32_t i = 0; words && words[i]; i++)
    text = mr_arena_printf(arena, "%s%s%s", text, i ? ", " : "", words[i]);
  return text;
}

/* --- parsing -------------------------------------------------------------------------------- */

bool mr_opt_is_number_like(enum mr_opt_type type) {
  return (type >= MR_OPT_BOOL && type <= MR_OPT_SHARE) || type == MR_OPT_ENUM;
}

size_t mr_opt_size(enum mr_opt_type type) {
  if (type == MR_OPT_BOOL) return sizeof(bool);
  return type == MR_OPT_ENUM ? sizeof(int) : 8;
}

/* The range that holds for an option: its own, else that of its type. */
static void range_of(const struct mr_opt *opt, double *lo, double *hi) {
  *lo = -HUGE_VAL;
  *hi = HUGE_VAL;
  if (opt->min < 0 || opt->min > 0 || opt->max < 0 || opt->max > 0) {
    *lo = opt->min;
    *hi = opt->max;
  } else if (opt->type == MR_OPT_DURATION_NS || opt->type == MR_OPT_DURATION_US) {
    *lo = 0;
  } else if (opt->type == MR_OPT_RATE) {
    *lo = RATE_MIN;
  } else if (opt->type == MR_OPT_SHARE) {
    *lo = 0;
    *hi = 1;
  }
}

static enum mr_opt_verdict verdict_of(int rc) {
  return rc == MR_OK ? MR_OPT_FITS : rc == MR_ERR_LIMIT ? MR_OPT_BAD_RANGE : MR_OPT_BAD_TYPE;
}

static enum mr_opt_verdict parse_share(const char *s, size_t len, double *out) {
  if (len == 0 || s[len - 1] != '%') return verdict_of(mr_double_parse(s, len, out));
  enum mr_opt_verdict v = verdict_of(mr_double_parse(s, len - 1, out));
  *out /= 100;
  return v;
}

static enum mr_opt_verdict parse_bool(const char *s, size_t len, bool *out) {
  *out = len == 4 && memcmp(s, "true", 4) == 0;
  return *out || (len == 5 && memcmp(s, "false", 5) == 0) ? MR_OPT_FITS : MR_OPT_BAD_TYPE;
}

static enum mr_opt_verdict parse_duration(const struct mr_opt *opt, const char *s, size_t len,
                                          int64_t *out) {
  if (len == 1 && s[0] == '0') {
    *out = 0;
    return MR_OPT_FITS;
  }
  return verdict_of(opt->type == MR_OPT_DURATION_NS ? mr_duration_parse_ns(s, len, out)
                                                    : mr_duration_parse_us(s, len, out));
}

enum mr_opt_verdict mr_opt_parse(const struct mr_opt *opt, const char *text, size_t len,
                                 void *dst) {
  enum mr_opt_verdict v = MR_OPT_BAD_TYPE;
  int64_t i = 0;
  uint64_t u = 0;
  double d = 0;
  bool b = false;
  switch (opt->type) {
  case MR_OPT_BOOL:
    v = parse_bool(text, len, &b);
    if (v == MR_OPT_FITS) memcpy(dst, &b, sizeof b);
    return v;
  case MR_OPT_ENUM: {
    int word = mr_opt_word(opt->words, text, len);
    if (word >= 0) memcpy(dst, &word, sizeof word);
    return word >= 0                                       ? MR_OPT_FITS
           : mr_opt_word(opt->words_later, text, len) >= 0 ? MR_OPT_LATER_WORD
                                                           : MR_OPT_BAD_WORD;
  }
  case MR_OPT_TIMESTAMP:
    v = verdict_of(mr_timestamp_parse(text, len, &i));
    if (v == MR_OPT_FITS) memcpy(dst, &i, sizeof i);
    return v;
  case MR_OPT_INT64: v = verdict_of(mr_int64_parse(text, len, &i)); break;
  case MR_OPT_DURATION_NS:
  case MR_OPT_DURATION_US: v = parse_duration(opt, text, len, &i); break;
  case MR_OPT_SIZE: v = verdict_of(mr_size_parse(text, len, &u)); break;
  case MR_OPT_RATE: v = verdict_of(mr_rate_parse(text, len, &d)); break;
  case MR_OPT_DOUBLE: v = verdict_of(mr_double_parse(text, len, &d)); break;
  case MR_OPT_SHARE: v = parse_share(text, len, &d); break;
  default: return MR_OPT_BAD_TYPE;
  }
  if (v != MR_OPT_FITS) return v;
  bool real = opt->type == MR_OPT_RATE || opt->type == MR_OPT_DOUBLE || opt->type == MR_OPT_SHARE;
  double value = real ? d : opt->type == MR_OPT_SIZE ? (double)u : (double)i, lo, hi;
  range_of(opt, &lo, &hi);
  if (!(value >= lo && value <= hi)) return MR_OPT_BAD_RANGE;
  if (real) {
    memcpy(dst, &d, sizeof d);
  } else if (opt->type == MR_OPT_SIZE) {
    memcpy(dst, &u, sizeof u);
  } else {
    memcpy(dst, &i, sizeof i);
  }
  return MR_OPT_FITS;
}

/* --- formatting ----------------------------------------------------------------------------- */

static const char *size_text(uint64_t bytes, struct mr_arena *arena) {
  static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  uint32_t u = 0;
  while (bytes && bytes % 1024 == 0 && u < 4) {
    bytes /= 1024;
    u++;
  }
  return mr_arena_printf(arena, "%llu%s", (unsigned long long)bytes, units[u]);
}

static const char *real_text(double v, const char *unit, struct mr_arena *arena) {
  char buf[MR_TEXT_DOUBLE_SZ];
  int len = (int)mr_double_format(buf, v);
  return mr_arena_printf(arena, "%.*s%s", len, buf, unit);
}

static const char *us_text(int64_t us, struct mr_arena *arena) {
  char buf[MR_TEXT_DURATION_SZ];
  return mr_arena_strndup(arena, buf, mr_duration_format_us(buf, us));
}

static const char *ns_text(int64_t ns, struct mr_arena *arena) {
  if (ns % 1000 == 0) return us_text(ns / 1000, arena);
  return mr_arena_printf(arena, "%lldns", (long long)ns);
}

/* A limit of a range in the form in which users write values. */
static const char *limit_text(const struct mr_opt *opt, double v, struct mr_arena *arena) {
  switch (opt->type) {
  case MR_OPT_SIZE: return size_text((uint64_t)v, arena);
  case MR_OPT_DURATION_NS: return ns_text((int64_t)v, arena);
  case MR_OPT_DURATION_US: return us_text((int64_t)v, arena);
  case MR_OPT_RATE: return real_text(v, "/s", arena);
  default: return real_text(v, "", arena);
  }
}

const char *mr_opt_range_text(const struct mr_opt *opt, struct mr_arena *arena) {
  double lo, hi;
  range_of(opt, &lo, &hi);
  const char *unit = opt->unit ? opt->unit : "", *gap = opt->unit ? " " : "";
  bool has_lo = lo > -HUGE_VAL, has_hi = hi < HUGE_VAL;
  if (opt->type == MR_OPT_RATE && lo <= RATE_MIN && !has_hi) return "above 0";
  const char *from = has_lo ? limit_text(opt, lo, arena) : "";
  const char *to = has_hi ? limit_text(opt, hi, arena) : "";
  if (has_lo && has_hi) return mr_arena_printf(arena, "from %s to %s%s%s", from, to, gap, unit);
  if (has_lo) return mr_arena_printf(arena, "at least %s%s%s", from, gap, unit);
  if (has_hi) return mr_arena_printf(arena, "at most %s%s%s", to, gap, unit);
  return opt->type == MR_OPT_INT64 ? "a number of 64 bits" : "a number that a double can hold";
}

static const char *strings_text(const struct mr_opt_strings *list, struct mr_arena *arena) {
  const char *text = "[";
  for (uint32_t i = 0; i < list->cnt; i++)
    text = mr_arena_printf(arena, "%s%s%s", text, i ? ", " : "", list->items[i].text);
  return mr_arena_printf(arena, "%s]", text);
}

const char *mr_opt_value_text(const struct mr_opt *opt, const void *config,
                              struct mr_arena *arena) {
  const char *at = (const char *)config + opt->offset;
  int64_t i = 0;
  uint64_t u = 0;
  double d = 0;
  if (opt->type >= MR_OPT_INT64 && opt->type <= MR_OPT_SHARE) {
    memcpy(&i, at, 8);
    memcpy(&u, at, 8);
    memcpy(&d, at, 8);
  }
  switch (opt->type) {
  case MR_OPT_BOOL: return *(const bool *)(const void *)at ? "true" : "false";
  case MR_OPT_INT64: return mr_arena_printf(arena, "%lld", (long long)i);
  case MR_OPT_SIZE: return size_text(u, arena);
  case MR_OPT_DURATION_NS: return ns_text(i, arena);
  case MR_OPT_DURATION_US: return us_text(i, arena);
  case MR_OPT_TIMESTAMP: {
    char buf[MR_TEXT_TIMESTAMP_SZ];
    return mr_arena_strndup(arena, buf, mr_timestamp_format(buf, i));
  }
  case MR_OPT_RATE: return d > 0 ? real_text(d, "/s", arena) : NULL;
  case MR_OPT_DOUBLE:
  case MR_OPT_SHARE: return real_text(d, "", arena);
  case MR_OPT_STRING:
  case MR_OPT_NAME: return *(const char *const *)(const void *)at;
  case MR_OPT_ENUM: {
    int word = *(const int *)(const void *)at;
    return word >= 0 && (uint32_t)word < mr_opt_word_cnt(opt->words) ? opt->words[word] : NULL;
  }
  case MR_OPT_STRINGS:
  case MR_OPT_NAMES: return strings_text((const struct mr_opt_strings *)(const void *)at, arena);
  case MR_OPT_EXPR: return ((const struct mr_opt_expr *)(const void *)at)->text;
  default: return NULL;
  }
}

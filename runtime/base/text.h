/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_BASE_TEXT_H
#define MR_BASE_TEXT_H

/* Text forms of scalar values, shared by graph files, JSON, CSV, expressions and tools. Parsers
 * take a pointer and a length (no NUL needed), read all of it and return 0, or MR_ERR_DATA.
 * Formatters write into a buffer of at least the stated size and return the length; they do not
 * write a NUL. No allocation, any thread. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MR_TEXT_INT64_SZ     20
#define MR_TEXT_DOUBLE_SZ    32
#define MR_TEXT_TIMESTAMP_SZ 36
#define MR_TEXT_DURATION_SZ  48

/* Decimal with optional sign. MR_ERR_LIMIT beyond 64 bits, MR_ERR_DATA otherwise. */
int mr_int64_parse(const char *s, size_t len, int64_t *out);
size_t mr_int64_format(char *buf, int64_t v);

/* Shortest text that reads back the same (C++17 to_chars); NaN and infinities as "nan", "inf",
 * "-inf". Parsing takes JSON's number grammar only; MR_ERR_LIMIT when no finite double can hold it.
 */
int mr_double_parse(const char *s, size_t len, double *out);
size_t mr_double_format(char *buf, double v);

/* With 0 to 100 digits behind the point, rounded exactly, a half to the even digit; "1.5e+03" when
 * scientific. NaN and infinities as above. At most MR_TEXT_FIXED_SZ bytes. */
#define MR_TEXT_FIXED_SZ 420
size_t mr_double_format_fixed(char *buf, double v, int digits, bool scientific);

/* RFC 3339, with offset or Z, 'T', 't' or a blank between date and time, fraction digits past the
 * sixth cut; second 60 and impossible dates are MR_ERR_DATA. Microseconds since the epoch, UTC;
 * years 0001 to 9999. */
int mr_timestamp_parse(const char *s, size_t len, int64_t *us);
/* RFC 3339 with Z and 0, 3 or 6 fraction digits as the value needs. Years outside 0000 to 9999,
 * which only arithmetic makes, have a sign: "+12025-...", "-0001-...". */
size_t mr_timestamp_format(char *buf, int64_t us);

/* Civil date of a timestamp (proleptic Gregorian). */
struct mr_civil {
  int32_t year;
  uint8_t month, day, hour, minute, second; /* 1..12, 1..31, 0..23, 0..59, 0..59 */
  uint32_t us;
};
void mr_civil_from_us(int64_t us, struct mr_civil *out);
/* False when the date does not exist. */
bool mr_civil_to_us(const struct mr_civil *civil, int64_t *us);

/* Spark's datetime patterns, the letters y M d H h m s S a E X x Z, quoted text and literals, by
 * `date_format` and `format: PATTERN`. Compile checks the pattern; format and parse cannot meet an
 * unknown letter. */
struct mr_time_pattern {
  uint8_t cnt;
  struct mr_time_item {
    char letter; /* 0: literal byte in width */
    uint8_t width;
  } items[64];
};
/* MR_ERR_DATA with *bad_off the byte where the pattern is not understood. */
int mr_time_pattern_compile(const char *s, size_t len, struct mr_time_pattern *out,
                            size_t *bad_off);
/* At most sz bytes; returns the length needed. */
size_t mr_time_pattern_format(const struct mr_time_pattern *p, int64_t us, char *buf, size_t sz);
int mr_time_pattern_parse(const struct mr_time_pattern *p, const char *s, size_t len, int64_t *us);

/* Durations of graph files: a sequence of NUMBER UNIT with units ns us ms s m h d w, "1h2m3.5s",
 * optional sign; SQL's "1 minute", "2 hours 30 minutes" too (microsecond to week; a blank before
 * and after a unit). Nanoseconds for options; microseconds for data (a finer value is MR_ERR_DATA
 * there). */
int mr_duration_parse_ns(const char *s, size_t len, int64_t *ns);
int mr_duration_parse_us(const char *s, size_t len, int64_t *us);
/* "1h2m3.5s", units up to hours, parts that are 0 left out; "12.5ms" and "7us" below a second; "0s"
 * for zero. */
size_t mr_duration_format_us(char *buf, int64_t us);

/* Sizes: NUMBER and optional B kB MB GB KiB MiB GiB TiB. Bytes. */
int mr_size_parse(const char *s, size_t len, uint64_t *bytes);
/* Rates: "50k/s", "200000/s", "1.5M/s", "60/m", "65000/h". Events per second. */
int mr_rate_parse(const char *s, size_t len, double *per_s);

/* UTF-8: whole and well-formed (no surrogates, no overlong forms). */
bool mr_utf8_valid(const char *s, size_t len);
/* Number of code points of a valid text. */
size_t mr_utf8_length(const char *s, size_t len);

/* Edit distance of two names in bytes, at most `max` (larger: max + 1), max 0 to
 * MR_TEXT_DISTANCE_MAX; for "did you mean". */
#define MR_TEXT_DISTANCE_MAX 64
int mr_text_distance(const char *a, const char *b, int max);

#endif

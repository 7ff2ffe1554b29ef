/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_FORMAT_DAY_H
#define MR_FORMAT_DAY_H

/* The day of the last time read: most times of an input lie on the day of the one before, and then
 * only the time of day has to be read. */

#include <string.h>

#include "format/scan.h"

#define MR_DAY_LEN 11u /* 2025-10-13T */

struct mr_day {
  struct mr_scan_range head; /* "2025-10-13T00:00:00" with room for any time of the day */
  int64_t us;
};

/* Any time of 1970-01-01. */
static inline void mr_day_init(struct mr_day *day) {
  static const char date[] = "1970-01-01T";
  static const uint8_t time[] = {'0', '0', ':', '0', '0', ':', '0', '0'};
  static const uint8_t over[] = {2, 9, 0, 5, 9, 0, 5, 9};
  memset(day, 0, sizeof *day);
  memcpy(day->head.bytes, date, MR_DAY_LEN);
  memset(day->head.over + MR_DAY_LEN, 0xff, MR_SCAN_TEXT - MR_DAY_LEN);
  memcpy(day->head.bytes + MR_DAY_LEN, time, sizeof time);
  memcpy(day->head.over + MR_DAY_LEN, over, sizeof over);
}

/* The text at p is a time in UTC, us its value: times of that day are read fast from now on. */
static inline void mr_day_learn(struct mr_day *day, const char *p, int64_t us) {
  const int64_t us_per_day = INT64_C(86400000000);
  int64_t in_day = us % us_per_day;
  memcpy(day->head.bytes, p, MR_DAY_LEN);
  day->us = us - in_day - (in_day < 0 ? us_per_day : 0);
}

/* The 19 bytes at p as a time of that day, in whole seconds; false: they are none. */
static inline bool mr_day_take(const struct mr_day *day, const char *p, int64_t *us) {
  bool good = mr_scan_in_range(&day->head, p);
  uint64_t time = mr_scan_load8(p + MR_DAY_LEN) ^ UINT64_C(0x30303a30303a3030); /* 00:00:00 */
  time = time * 10 + (time >> 8);
  uint32_t hh = time & 0xff, mm = time >> 24 & 0xff, ss = time >> 48 & 0xff;
  *us = day->us + (int64_t)(hh * 3600 + mm * 60 + ss) * 1000000;
  return good & (hh <= 23);
}

#endif

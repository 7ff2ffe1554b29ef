/* SPDX-License-Identifier: Apache-2.0 */
#include "plain/plain.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/error.h"

static const char *const description[MR_CITY_TYPES] = {
    "traffic congestion detected", "weather condition reported",
    "incident reported, emergency services notified", "construction work in progress"};

static bool made_already(const char *path, const char *side, uint64_t seed, uint64_t rows,
                         uint64_t *bytes) {
  struct stat st;
  unsigned long long s = 0, r = 0, b = 0;
  FILE *f = fopen(side, "re");
  if (!f) return false;
  int got = fscanf(f, "seed %llu rows %llu bytes %llu", &s, &r, &b);
  fclose(f);
  if (got != 3 || s != seed || r != rows || stat(path, &st) != 0) return false;
  *bytes = b;
  return (uint64_t)st.st_size == b;
}

static int put_event(FILE *f, enum mr_city_text text, const struct mr_city_event *e,
                     const char *time) {
  const char *severity = mr_city_severities[e->severity], *about = description[e->event_type];
  const char *quote = strchr(about, ',') ? "\"" : "";
  if (text == MR_CITY_CSV)
    return fprintf(f, "%s,%s,%s,%s%s %s%s,%s\n", mr_city_names[e->city], severity, time, quote,
                   severity, about, quote, mr_city_types[e->event_type]);
  return fprintf(f,
                 "{\"city\":\"%s\",\"severity\":\"%s\",\"timestamp\":\"%s\",\"description\":"
                 "\"%s %s\",\"event_type\":\"%s\"}\n",
                 mr_city_names[e->city], severity, time, severity, about,
                 mr_city_types[e->event_type]);
}

int mr_city_file_make(const char *path, enum mr_city_text kind, uint64_t seed, uint64_t rows,
                      uint64_t *bytes) {
  char side[4096];
  if ((size_t)snprintf(side, sizeof side, "%s.made", path) >= sizeof side) return MR_ERR_IO;
  if (made_already(path, side, seed, rows, bytes)) return MR_OK;
  (void)remove(side);
  FILE *f = fopen(path, "we");
  if (!f) return MR_ERR_IO;
  char text[32] = "";
  time_t last = -1;
  *bytes = 0;
  if (kind == MR_CITY_CSV)
    *bytes = (uint64_t)fprintf(f, "city,severity,timestamp,description,event_type\n");
  for (uint64_t k = 0; k < rows; k++) {
    struct mr_city_event e = mr_city_event_at(seed, k);
    time_t second = (time_t)(e.ts_us / 1000000);
    if (second != last) {
      struct tm tm;
      gmtime_r(&second, &tm);
      strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm);
      last = second;
    }
    int n = put_event(f, kind, &e, text);
    if (n < 0) break;
    *bytes += (uint64_t)n;
  }
  bool bad = ferror(f) != 0;
  if (fclose(f) != 0 || bad) return MR_ERR_IO;
  f = fopen(side, "we");
  if (!f) return MR_ERR_IO;
  fprintf(f, "seed %llu rows %llu bytes %llu\n", (unsigned long long)seed, (unsigned long long)rows,
          (unsigned long long)*bytes);
  return fclose(f) == 0 ? MR_OK : MR_ERR_IO;
}

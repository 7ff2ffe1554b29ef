/* SPDX-License-Identifier: Apache-2.0 */
/* bench compare: two results of one suite, the second against the first, with a confidence interval
 * over their runs; Welch's t on the logarithms (B. L. Welch, 1947), so that it is one of ratios. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/value.h"
#include "drive/drive.h"

#define EXIT_USAGE  64
#define EXIT_CONFIG 78

struct series {
  double logs[MR_DRIVE_REPEATS_MAX];
  uint32_t cnt;
};

struct metric {
  const char *name, *group, *key; /* group NULL: a number of the run itself */
  bool higher_is_better;
  double div;
  const char *unit;
};

static const struct metric metrics[] = {
    {"p50", "response_ns", "p50", false, 1e3, "us"},
    {"p99", "response_ns", "p99", false, 1e3, "us"},
    {"p99.9", "response_ns", "p99.9", false, 1e3, "us"},
    {"rows/s", NULL, "rows_per_s", true, 1e3, "k/s"},
    {"cpu", NULL, "cpu_ns", false, 1e9, "s"},
};

static char *read_file(struct mr_arena *arena, const char *path, size_t *len) {
  FILE *file = fopen(path, "re");
  char *text = NULL;
  if (!file) return NULL;
  if (fseek(file, 0, SEEK_END) == 0) {
    long sz = ftell(file);
    rewind(file);
    if (sz > 0) text = mr_arena_alloc(arena, (size_t)sz + 1);
    *len = text ? fread(text, 1, (size_t)sz, file) : 0;
  }
  fclose(file);
  return text;
}

static const struct mr_value *load(struct mr_arena *arena, const char *dir) {
  size_t len = 0;
  char *text = read_file(arena, mr_arena_printf(arena, "%s/result.json", dir), &len);
  const struct mr_value *v = text ? mr_value_parse(arena, text, len) : NULL;
  if (!v) fprintf(stderr, "millrace bench compare: %s has no readable result.json\n", dir);
  return v;
}

static struct series series_of(const struct mr_value *result, const struct metric *m) {
  struct series s = {.cnt = 0};
  const struct mr_value *runs = mr_value_list(result, "runs");
  for (uint32_t i = 0; i < runs->cnt && s.cnt < MR_DRIVE_REPEATS_MAX; i++) {
    const struct mr_value *at =
        m->group ? mr_value_get(&runs->items[i], m->group) : &runs->items[i];
    double v = mr_value_double(at, m->key, 0);
    if (v > 0) s.logs[s.cnt++] = log(v);
  }
  return s;
}

static double mean_of(const struct series *s, double *variance) {
  double mean = 0;
  *variance = 0;
  for (uint32_t i = 0; i < s->cnt; i++) mean += s->logs[i] / s->cnt;
  for (uint32_t i = 0; i < s->cnt; i++)
    *variance += (s->logs[i] - mean) * (s->logs[i] - mean) / (s->cnt - 1);
  return mean;
}

/* The 97.5 % quantile of Student's t for df degrees of freedom, by its expansion around the normal
 * one (R. A. Fisher and E. A. Cornish, 1960); df 1 and 2 exactly. */
static double t_975(double df) {
  const double z = 1.959963984540054;
  if (df < 1.5) return 12.7062;
  if (df < 2.5) return 4.30265;
  double z3 = z * z * z, z5 = z3 * z * z, z7 = z5 * z * z;
  return z + (z3 + z) / (4 * df) + (5 * z5 + 16 * z3 + 3 * z) / (96 * df * df) +
         (3 * z7 + 19 * z5 + 17 * z3 - 15 * z) / (384 * df * df * df);
}

/* Prints one metric; true when it is worse beyond the interval. */
static bool compare(const struct metric *m, const struct series *a, const struct series *b) {
  double va, vb, ma = mean_of(a, &va), mb = mean_of(b, &vb);
  double sa = va / a->cnt, sb = vb / b->cnt, se = sqrt(sa + sb);
  double df =
      se > 0 ? (sa + sb) * (sa + sb) / (sa * sa / (a->cnt - 1) + sb * sb / (b->cnt - 1)) : 1e6;
  double half = t_975(df) * se, diff = mb - ma;
  double lo = 100 * (exp(diff - half) - 1), hi = 100 * (exp(diff + half) - 1);
  bool worse = m->higher_is_better ? hi < 0 : lo > 0,
       better = m->higher_is_better ? lo > 0 : hi < 0;
  printf("%-7s %10.1f%s vs %.1f%s  %+.1f %% [%+.1f, %+.1f] 95 %% CI of %u and %u runs: %s\n",
         m->name, exp(mb) / m->div, m->unit, exp(ma) / m->div, m->unit, 100 * (exp(diff) - 1), lo,
         hi, a->cnt, b->cnt,
         worse    ? "worse"
         : better ? "better"
                  : "no change");
  return worse;
}

/* Marked runs are told, not left out. */
static void print_marks(const char *dir, const struct mr_value *result) {
  const struct mr_value *runs = mr_value_list(result, "runs");
  for (uint32_t i = 0; i < runs->cnt; i++) {
    const char *mark = mr_value_text(&runs->items[i], "marked", NULL);
    if (mark) printf("marked: %s run %u: %s\n", dir, i + 1, mark);
  }
}

int mr_drive_compare_main(int argc, char **argv) {
  if (argc != 3) {
    fprintf(stderr, "millrace bench compare: two folders of results\n");
    return EXIT_USAGE;
  }
  struct mr_arena arena = {0};
  const struct mr_value *a = load(&arena, argv[1]), *b = load(&arena, argv[2]);
  int rc = a && b ? 0 : EXIT_CONFIG;
  if (!rc && strcmp(mr_value_text(a, "suite", ""), mr_value_text(b, "suite", "")) != 0) {
    fprintf(stderr, "millrace bench compare: %s is of suite %s, %s of %s\n", argv[1],
            mr_value_text(a, "suite", "?"), argv[2], mr_value_text(b, "suite", "?"));
    rc = EXIT_CONFIG;
  }
  uint32_t compared = 0;
  for (size_t i = 0; !(rc & ~1) && i < sizeof metrics / sizeof *metrics; i++) {
    struct series sa = series_of(a, &metrics[i]), sb = series_of(b, &metrics[i]);
    if (sa.cnt < 2 || sb.cnt < 2) continue;
    compared++;
    if (compare(&metrics[i], &sa, &sb)) rc = 1;
  }
  if (!(rc & ~1)) {
    print_marks(argv[1], a);
    print_marks(argv[2], b);
    if (!compared) {
      fprintf(stderr, "millrace bench compare: an interval needs two runs or more on both sides "
                      "(bench run --repeat 5)\n");
      rc = EXIT_CONFIG;
    }
  }
  mr_arena_free(&arena);
  return rc;
}

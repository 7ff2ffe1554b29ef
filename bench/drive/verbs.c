/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs of load tests: run, find. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "drive/drive.h"

#define EXIT_USAGE  64
#define EXIT_CONFIG 78

struct request {
  struct mr_arena arena;
  struct mr_drive_suite suite;
  const char *file, *out, *slo;
  bool json;
  double from;  /* find: first rate; 0: the suite's */
  int64_t hold; /* find: runs that must hold */
};

static int usage(const char *verb, const char *what) {
  fprintf(stderr, "millrace bench %s: %s\nsee: millrace help bench\n", verb, what);
  return EXIT_USAGE;
}

/* A flag's value goes where it belongs. False: not understood. */
static bool take_flag(struct request *rq, const char *flag, const char *v) {
  struct mr_drive_suite *s = &rq->suite;
  size_t len = strlen(v);
  if (!strcmp(flag, "--rate")) return mr_rate_parse(v, len, &s->rate) == MR_OK;
  if (!strcmp(flag, "--for")) return mr_duration_parse_ns(v, len, &s->for_ns) == MR_OK;
  if (!strcmp(flag, "--warmup")) return mr_duration_parse_ns(v, len, &s->warmup_ns) == MR_OK;
  if (!strcmp(flag, "--seed")) return mr_int64_parse(v, len, &s->seed) == MR_OK;
  if (!strcmp(flag, "--repeat"))
    return mr_int64_parse(v, len, &s->repeats) == MR_OK && s->repeats >= 1 &&
           s->repeats <= (int64_t)MR_DRIVE_REPEATS_MAX;
  if (!strcmp(flag, "--from")) return mr_rate_parse(v, len, &rq->from) == MR_OK;
  if (!strcmp(flag, "--hold")) return mr_int64_parse(v, len, &rq->hold) == MR_OK && rq->hold >= 1;
  if (!strcmp(flag, "--out")) return (rq->out = v) != NULL;
  if (!strcmp(flag, "--slo")) return (rq->slo = v) != NULL;
  if (strcmp(flag, "--set") != 0 || s->set_cnt >= 64) return false;
  const char **sets = MR_NEW(&rq->arena, const char *, s->set_cnt + 1);
  memcpy(sets, s->sets, s->set_cnt * sizeof *sets);
  sets[s->set_cnt++] = v;
  s->sets = sets;
  return true;
}

/* Reads the suite file first, then the flags over it. 0 or the exit code. */
static int parse(struct request *rq, int argc, char **argv) {
  for (int i = 1; i < argc; i++) {
    if (!strcmp(argv[i], "--json")) continue;
    if (argv[i][0] == '-' && argv[i][1] == '-') {
      i++;
      continue;
    }
    if (rq->file) return usage(argv[0], "one suite file at a time");
    rq->file = argv[i];
  }
  if (!rq->file) return usage(argv[0], "which suite file?");
  const struct mr_drive_suite *suite = mr_drive_suite_load(&rq->arena, rq->file);
  if (!suite) return EXIT_CONFIG;
  rq->suite = *suite;
  rq->hold = 3;
  for (int i = 1; i < argc; i++) {
    if (!strcmp(argv[i], "--json")) {
      rq->json = true;
    } else if (argv[i][0] == '-' && argv[i][1] == '-') {
      const char *flag = argv[i++];
      if (i == argc) return usage(argv[0], "a flag needs a value");
      if (!take_flag(rq, flag, argv[i])) return usage(argv[0], flag);
    }
  }
  return 0;
}

static int fail(struct request *rq, const struct mr_error *err) {
  fprintf(stderr, "millrace bench: %s: %s\n", rq->suite.name, err->text);
  mr_arena_free(&rq->arena);
  return err->code == MR_ERR_CONF ? EXIT_CONFIG : 1;
}

int mr_drive_main(int argc, char **argv) {
  struct request rq = {.file = NULL};
  struct mr_error err = {0};
  int rc = parse(&rq, argc, argv);
  if (rc) {
    mr_arena_free(&rq.arena);
    return rc;
  }
  struct mr_drive_result result = {.suite = &rq.suite};
  mr_machine_read(&result.machine);
  result.runs = calloc((size_t)rq.suite.repeats, sizeof *result.runs);
  if (!result.runs) mr_error_set(&err, MR_ERR_NOMEM, "no memory");
  while (!err.code && result.run_cnt < rq.suite.repeats) {
    if (!mr_drive_once(&rq.suite, &result.runs[result.run_cnt], &err)) result.run_cnt++;
  }
  if (!err.code && rq.json) mr_drive_json(&result, stdout);
  if (!err.code && !rq.json) mr_drive_print(&result);
  if (!err.code && rq.out) mr_drive_write(&result, rq.out, &err);
  if (!err.code && rq.out && !rq.json)
    printf("files: %s/result.json response.hgrm service.hgrm intervals.hlog env.json report.html\n",
           rq.out);
  for (uint32_t i = 0; result.runs && i < (uint32_t)rq.suite.repeats; i++)
    mr_drive_run_free(&result.runs[i]);
  free(result.runs);
  if (err.code) return fail(&rq, &err);
  mr_arena_free(&rq.arena);
  return 0;
}

/* ---- find ---- */

/* "p99 < 1ms" or "p99.9 <= 200us". */
static bool parse_slo(const char *text, double *q, int64_t *limit_ns) {
  char *end;
  if (*text != 'p') return false;
  *q = strtod(text + 1, &end) / 100;
  while (*end == ' ') end++;
  if (*end++ != '<') return false;
  if (*end == '=') end++;
  while (*end == ' ') end++;
  return *q > 0 && *q < 1 && mr_duration_parse_ns(end, strlen(end), limit_ns) == MR_OK;
}

/* True when every one of the runs holds the limit and keeps up with the rate. */
static bool holds(struct request *rq, double rate, double q, int64_t limit_ns,
                  struct mr_error *err) {
  bool ok = true;
  rq->suite.rate = rate;
  for (int64_t i = 0; ok && i < rq->hold; i++) {
    struct mr_drive_run *run = calloc(1, sizeof *run);
    if (!run) return false;
    uint64_t ns;
    if (mr_drive_once(&rq->suite, run, err)) {
      free(run);
      return false;
    }
    bool carried = mr_drive_percentile(&run->response, q, &ns);
    double sent = (double)(rq->suite.warmup_ns + rq->suite.for_ns) / 1e9 * rate;
    ok = carried && ns <= (uint64_t)limit_ns && (double)run->sent > 0.9 * sent;
    fprintf(stderr, "  %.0f/s: p%g %.1f us%s%s\n", rate, 100 * q, (double)ns / 1e3,
            carried ? "" : " (too few samples)", ok ? "" : "  no");
    mr_drive_run_free(run);
    free(run);
  }
  return ok;
}

int mr_drive_find_main(int argc, char **argv) {
  struct request rq = {.file = NULL};
  struct mr_error err = {0};
  double q = 0;
  int64_t limit_ns = 0;
  int rc = parse(&rq, argc, argv);
  if (!rc && (!rq.slo || !parse_slo(rq.slo, &q, &limit_ns)))
    rc = usage("find", "--slo takes a bound such as \"p99 < 1ms\"");
  if (!rc && rq.suite.mode != MR_DRIVE_OPEN) rc = usage("find", "the suite has no rate to find");
  if (rc) {
    mr_arena_free(&rq.arena);
    return rc;
  }
  double good = 0, bad = 0, rate = rq.from > 0 ? rq.from : rq.suite.rate;
  while (!err.code && (bad == 0 || bad > 1.05 * good) && rate >= 1) {
    if (holds(&rq, rate, q, limit_ns, &err))
      good = rate;
    else
      bad = rate;
    rate = bad == 0 ? rate * 2 : good == 0 ? rate / 2 : (good + bad) / 2;
  }
  if (err.code) return fail(&rq, &err);
  if (good > 0)
    printf("highest rate that held p%g <= %.1f us for %lld x %.0f s: %.0f/s\n", 100 * q,
           (double)limit_ns / 1e3, (long long)rq.hold, (double)rq.suite.for_ns / 1e9, good);
  else
    printf("no rate held p%g <= %.1f us\n", 100 * q, (double)limit_ns / 1e3);
  mr_arena_free(&rq.arena);
  return good > 0 ? 0 : 1;
}

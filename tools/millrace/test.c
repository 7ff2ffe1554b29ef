/* SPDX-License-Identifier: Apache-2.0 */
/* test: runs the tests that stand in graph files. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/lines.h"
#include "cmd.h"
#include "load.h"
#include "test_run.h"

#define FILES_MAX 64u

struct test_flags {
  const char *files[FILES_MAX];
  uint32_t file_cnt;
  const char *filter, *junit;
};

struct totals {
  struct mr_lines cases; /* JUnit's */
  uint32_t ran, failed, number;
  double seconds;
};

static double now_s(void) {
  struct timespec ts;
  clock_gettime(CLOCK_MONOTONIC, &ts);
  return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* ---- JUnit ---- */

static void put_xml(struct mr_lines *out, const char *text) {
  for (; *text; text++) {
    unsigned char c = (unsigned char)*text;
    if (c == '<')
      mr_lines_add(out, "&lt;");
    else if (c == '>')
      mr_lines_add(out, "&gt;");
    else if (c == '&')
      mr_lines_add(out, "&amp;");
    else if (c == '"')
      mr_lines_add(out, "&quot;");
    else if (c == '\n')
      mr_lines_add(out, "&#10;");
    else
      mr_lines_add(out, "%c", c < 0x20 && c != '\t' ? '?' : c);
  }
}

static void add_case(struct totals *totals, const char *graph, const char *name, double seconds,
                     const char *why) {
  mr_lines_add(&totals->cases, "  <testcase classname=\"");
  put_xml(&totals->cases, graph);
  mr_lines_add(&totals->cases, "\" name=\"");
  put_xml(&totals->cases, name);
  mr_lines_add(&totals->cases, "\" time=\"%.6f\"", seconds);
  if (!why) {
    mr_lines_add(&totals->cases, "/>\n");
    return;
  }
  mr_lines_add(&totals->cases, ">\n    <failure message=\"");
  put_xml(&totals->cases, why);
  mr_lines_add(&totals->cases, "\"/>\n  </testcase>\n");
}

static int write_junit(const char *path, const struct totals *totals) {
  FILE *f = fopen(path, "we");
  if (f)
    fprintf(f,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
            "<testsuite name=\"millrace\" tests=\"%u\" failures=\"%u\" time=\"%.6f\">\n%s"
            "</testsuite>\n",
            totals->ran, totals->failed, totals->seconds,
            totals->cases.text ? totals->cases.text : "");
  if (f && !ferror(f) && !fclose(f)) return MR_EXIT_OK;
  fprintf(stderr, "millrace test: cannot write %s\n", path);
  return MR_EXIT_IO;
}

/* ---- the tests ---- */

/* Each line of the text behind "# ". */
static void print_why(const char *why) {
  while (*why) {
    size_t len = strcspn(why, "\n");
    printf("# %.*s\n", (int)len, why);
    why += len + (why[len] == '\n');
  }
}

static bool wanted(const struct test_flags *flags, const struct mr_plan_test *test) {
  return !flags->filter || strstr(test->name, flags->filter);
}

static void run_file(struct mr_load *load, const struct test_flags *flags, const char *file,
                     struct totals *totals) {
  for (uint32_t i = 0; i < load->plan->test_cnt; i++) {
    const struct mr_plan_test *test = &load->plan->tests[i];
    if (!wanted(flags, test)) continue;
    struct mr_arena arena = {0};
    const char *why;
    double begin = now_s();
    bool ok = mr_test_run(load, file, i, &arena, &why);
    double seconds = now_s() - begin;
    printf("%s %u - %s\n", ok ? "ok" : "not ok", ++totals->number, test->name);
    if (!ok) {
      printf("# %s:%u, %.1f ms\n", file, test->line, seconds * 1e3);
      print_why(why);
    }
    totals->ran++;
    totals->failed += !ok;
    totals->seconds += seconds;
    add_case(totals, load->plan->graph, test->name, seconds, ok ? NULL : why);
    mr_arena_free(&arena);
  }
}

/* ---- flags ---- */

static int read_flags(int argc, char **argv, struct test_flags *flags, struct mr_load *load) {
  struct mr_args args = {.argc = argc, .argv = argv};
  while (mr_args_next(&args)) {
    if (!args.flag) {
      if (flags->file_cnt == FILES_MAX)
        return mr_cmd_usage("test", "at most %u files at once", FILES_MAX);
      flags->files[flags->file_cnt++] = args.value;
      continue;
    }
    bool bare = !strcmp(args.flag, "--no-env") || !strcmp(args.flag, "--deny-warnings");
    const char *value = bare ? NULL : mr_args_value(&args, "test");
    if (!bare && !value) return MR_EXIT_USAGE;
    if (!strcmp(args.flag, "--filter"))
      flags->filter = value;
    else if (!strcmp(args.flag, "--junit"))
      flags->junit = value;
    else if (!strcmp(args.flag, "--clock"))
      return mr_cmd_usage("test", "a test says its clock itself");
    else {
      int taken = mr_load_flag(load, "test", args.flag, value);
      if (taken < 0) return MR_EXIT_USAGE;
      if (!taken) return mr_cmd_usage("test", "unknown flag %s", args.flag);
    }
  }
  return flags->file_cnt ? MR_EXIT_OK : mr_cmd_usage("test", "which graph file?");
}

static uint32_t count_wanted(const struct test_flags *flags, const struct mr_plan *plan) {
  uint32_t cnt = 0;
  for (uint32_t i = 0; i < plan->test_cnt; i++) cnt += wanted(flags, &plan->tests[i]);
  return cnt;
}

static int run_test(int argc, char **argv) {
  struct test_flags flags = {0};
  struct mr_load load;
  struct mr_arena arena = {0};
  struct totals totals = {.cases = {.arena = &arena}};
  const struct mr_plan *plans[FILES_MAX];
  uint32_t cnt = 0;
  mr_load_init(&load);
  load.conf.no_inputs = true; /* sources get their rows from the tests */
  int rc = read_flags(argc, argv, &flags, &load);
  for (uint32_t i = 0; !rc && i < flags.file_cnt; i++) {
    mr_diags_init(&load.diags, &load.arena);
    rc = mr_load_plan(&load, flags.files[i]);
    plans[i] = load.plan;
    if (!rc) cnt += count_wanted(&flags, load.plan);
  }
  if (!rc && !cnt) {
    fprintf(stderr, "millrace test: no test%s%s\n", flags.filter ? " has a name with " : "",
            flags.filter ? flags.filter : "");
    rc = MR_EXIT_CONFIG;
  }
  if (!rc) {
    printf("1..%u\n", cnt);
    for (uint32_t i = 0; i < flags.file_cnt; i++) {
      load.plan = plans[i];
      run_file(&load, &flags, flags.files[i], &totals);
    }
    printf("# %u passed, %u failed, %.1f ms\n", totals.ran - totals.failed, totals.failed,
           totals.seconds * 1e3);
    rc = totals.failed ? MR_EXIT_FAILED : MR_EXIT_OK;
    int written = flags.junit ? write_junit(flags.junit, &totals) : MR_EXIT_OK;
    if (!rc) rc = written;
  }
  mr_arena_free(&arena);
  mr_load_free(&load);
  return rc;
}

const struct mr_cmd mr_cmd_test = {
    "test", "[FLAGS] GRAPH.yaml...", "runs the tests that stand in graph files",
    "  --filter TEXT       tests with this in their name\n"
    "  --seed N            seed of what is random\n"
    "  --junit FILE        writes the results as JUnit's XML\n"
    "  --set PATH=VALUE, --operators FILE, --no-env, --deny-warnings as for run\n"
    "The whole graph runs; sources get the rows of send:, and what comes out is compared with\n"
    "expect:. Nothing is read from or written to the places that the graph names, and nothing\n"
    "waits. Prints TAP. Ends 0, 1 when a test failed, 78 when a file cannot be loaded or has "
    "none.\n",
    run_test};

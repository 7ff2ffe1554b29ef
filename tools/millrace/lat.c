/* SPDX-License-Identifier: Apache-2.0 */
/* lat: end-to-end latency of the paths of a running or crashed graph. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "attach/percentile.h"
#include "attach/report.h"
#include "base/text.h"
#include "cmd.h"
#include "load.h"
#include "observe.h"

#define NAME_SZ (2 * MR_STAT_NAME_SZ + 2)

struct lat {
  struct mr_observe obs;
  const char *path; /* NULL: all */
  const char *hgrm_name, *hlog_name;
  bool json;
  uint64_t interval_ns; /* 0: since the start, once */
  int64_t count;        /* of intervals, 0: to the end */
  FILE *hlog;
  uint64_t hlog_start_ns;
  /* of one table */
  struct mr_lines out;
  const struct mr_snapshot *part;
  uint32_t match_cnt;
  struct mr_hist total; /* of the matching path, since the start */
  bool failed;
};

/* --path is "from->to", or the name of the source or the sink. */
static bool matches(const struct lat *lat, const char *from, const char *to, char *name) {
  snprintf(name, NAME_SZ, "%s->%s", from, to);
  const char *want = lat->path;
  return !want || !strcmp(want, name) || !strcmp(want, from) || !strcmp(want, to);
}

static void count_path(void *ctx, const char *from, const char *to, const struct mr_hist *hist) {
  struct lat *lat = ctx;
  char name[NAME_SZ];
  if (!matches(lat, from, to, name)) return;
  lat->match_cnt++;
  memcpy(&lat->total, hist, sizeof lat->total);
}

static void add_path(void *ctx, const char *from, const char *to, const struct mr_hist *hist) {
  struct lat *lat = ctx;
  struct mr_lines *out = &lat->out;
  struct mr_percentiles q;
  char name[NAME_SZ], s[MR_LINES_SHORT_SZ];
  if (!matches(lat, from, to, name)) return;
  if (lat->json) {
    mr_lines_add(out, "%s{\"from\":", lat->match_cnt ? "," : "");
    mr_lines_json(out, from);
    mr_lines_add(out, ",\"to\":");
    mr_lines_json(out, to);
    mr_lines_add(out, ",\"latency_ns\":");
    mr_report_json_hist(out, hist);
    mr_lines_add(out, "}");
  } else {
    mr_percentiles_of(hist, &q);
    const uint64_t shown[] = {q.p50, q.p90, q.p99, q.p99_9, q.p99_99, q.max};
    mr_lines_cell(out, 40, name);
    mr_lines_add(out, " %8s", mr_lines_count(s, (double)q.count));
    for (int i = 0; i < 6; i++)
      mr_lines_add(out, " %8s", q.count ? mr_lines_time(s, shown[i]) : "-");
    mr_lines_add(out, "\n");
  }
  lat->match_cnt++;
  if (!lat->hlog) return;
  uint64_t end = lat->obs.now.taken_mono_ns, length = lat->part->interval_ns;
  uint64_t start = end - (length < end ? length : end);
  start = start > lat->hlog_start_ns ? start - lat->hlog_start_ns : 0;
  if (mr_percentile_write_hlog(lat->hlog, name, start, length, hist)) lat->failed = true;
}

/* One table of the newest interval. */
static int print_table(struct lat *lat, bool apart) {
  struct mr_arena arena = {0};
  lat->out = (struct mr_lines){.arena = &arena};
  lat->part = mr_observe_part(&lat->obs);
  lat->match_cnt = 0;
  if (lat->json)
    mr_lines_add(&lat->out, "{\"interval_ns\":%llu,\"paths\":[",
                 (unsigned long long)lat->part->interval_ns);
  else
    mr_lines_add(&lat->out, "%s%-40s %8s %8s %8s %8s %8s %8s %8s\n", apart ? "\n" : "", "PATH",
                 "rows", "p50", "p90", "p99", "p99.9", "p99.99", "max");
  mr_report_paths(lat->part, add_path, lat);
  if (lat->json) mr_lines_add(&lat->out, "]}\n");
  bool printed = mr_observe_print(&lat->out);
  mr_arena_free(&arena);
  if (lat->hlog && (lat->failed || fflush(lat->hlog))) {
    fprintf(stderr, "millrace lat: cannot write %s\n", lat->hlog_name);
    return MR_EXIT_IO;
  }
  return printed ? MR_EXIT_OK : -1;
}

static int write_hgrm(struct lat *lat) {
  lat->match_cnt = 0;
  mr_report_paths(&lat->obs.now, count_path, lat);
  FILE *file = fopen(lat->hgrm_name, "w");
  int rc = file ? mr_percentile_write_hgrm(file, &lat->total, MR_HGRM_SCALE) : MR_ERR_IO;
  if (file && fclose(file)) rc = MR_ERR_IO;
  if (!rc) return MR_EXIT_OK;
  fprintf(stderr, "millrace lat: cannot write %s: %s\n", lat->hgrm_name, strerror(errno));
  return MR_EXIT_IO;
}

static int open_hlog(struct lat *lat) {
  char comment[MR_SEGMENT_GRAPH_SZ + 32];
  const struct mr_snapshot *now = &lat->obs.now;
  snprintf(comment, sizeof comment, "millrace %s, nanoseconds", now->graph);
  /* the log begins where its first interval does */
  uint64_t back = lat->interval_ns ? 0 : now->interval_ns;
  lat->hlog_start_ns = now->taken_mono_ns - (back < now->taken_mono_ns ? back : 0);
  lat->hlog = fopen(lat->hlog_name, "w");
  if (lat->hlog && !mr_percentile_write_hlog_head(lat->hlog, comment,
                                                  now->taken_wall_us - (int64_t)(back / 1000)))
    return MR_EXIT_OK;
  fprintf(stderr, "millrace lat: cannot write %s: %s\n", lat->hlog_name, strerror(errno));
  return MR_EXIT_IO;
}

static int watch(struct lat *lat) {
  lat->match_cnt = 0;
  mr_report_paths(&lat->obs.now, count_path, lat);
  if (lat->path && !lat->match_cnt) {
    fprintf(stderr, "millrace lat: %s has no path \"%s\"; paths are SOURCE->SINK\n",
            lat->obs.now.graph, lat->path);
    return MR_EXIT_USAGE;
  }
  if (lat->hgrm_name && lat->match_cnt != 1)
    return mr_cmd_usage("lat", "--hgrm takes one path, there are %u: pick one with --path",
                        lat->match_cnt);
  int rc = lat->hlog_name ? open_hlog(lat) : MR_EXIT_OK;
  if (rc) return rc;
  uint64_t next = lat->obs.now.taken_mono_ns;
  int64_t done = 0;
  if (!lat->interval_ns || !mr_observe_live(&lat->obs)) rc = print_table(lat, false);
  while (!rc && lat->interval_ns && mr_observe_live(&lat->obs) &&
         !(lat->count && done == lat->count)) {
    next += lat->interval_ns;
    while (mr_process_mono_ns() < next) mr_observe_wait(next, false);
    rc = mr_observe_next(&lat->obs, "lat");
    if (!rc) rc = print_table(lat, done++ && !lat->json);
  }
  if (rc <= 0 && lat->hgrm_name) rc = write_hgrm(lat);
  return rc < 0 ? MR_EXIT_OK : rc;
}

static int take_flag(struct lat *lat, struct mr_args *args) {
  if (!strcmp(args->flag, "--json")) {
    lat->json = true;
    return MR_EXIT_OK;
  }
  char flag[32];
  snprintf(flag, sizeof flag, "%s", args->flag);
  const char *const known[] = {"--path", "--hgrm", "--hlog", "--interval", "--watch", "--count"};
  bool found = false;
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) found |= !strcmp(flag, known[i]);
  if (!found) return mr_cmd_usage("lat", "unknown flag %s", args->flag);
  const char *value = mr_args_value(args, "lat");
  if (!value) return MR_EXIT_USAGE;
  if (!strcmp(flag, "--path"))
    lat->path = value;
  else if (!strcmp(flag, "--hgrm"))
    lat->hgrm_name = value;
  else if (!strcmp(flag, "--hlog"))
    lat->hlog_name = value;
  else if (!strcmp(flag, "--interval") || !strcmp(flag, "--watch"))
    return (lat->interval_ns = mr_observe_interval("lat", flag, value)) ? MR_EXIT_OK
                                                                        : MR_EXIT_USAGE;
  else if (mr_int64_parse(value, strlen(value), &lat->count) || lat->count < 1)
    return mr_cmd_usage("lat", "--count is a number from 1, not \"%s\"", value);
  return MR_EXIT_OK;
}

static int run_lat(int argc, char **argv) {
  static struct lat lat;
  struct mr_args args = {.argc = argc, .argv = argv};
  const char *name = NULL;
  int rc = MR_EXIT_OK;
  while (!rc && mr_args_next(&args)) {
    if (args.flag)
      rc = take_flag(&lat, &args);
    else if (name)
      rc = mr_cmd_usage("lat", "one graph at a time");
    else
      name = args.value;
  }
  if (rc) return rc;
  if (!name) return mr_cmd_usage("lat", "which graph? Give its name or pid");
  rc = mr_observe_open(&lat.obs, "lat", name);
  if (rc) return rc;
  rc = watch(&lat);
  if (lat.hlog && fclose(lat.hlog) && !rc) {
    fprintf(stderr, "millrace lat: cannot write %s\n", lat.hlog_name);
    rc = MR_EXIT_IO;
  }
  mr_observe_close(&lat.obs);
  return rc;
}

const struct mr_cmd mr_cmd_lat = {
    "lat", "[--path P] [--interval SEC [--count N]] [--hgrm FILE] [--hlog FILE] [--json] GRAPH|PID",
    "prints the end-to-end latency of each path",
    "  --path P        one path: SOURCE->SINK, or the name of its source or sink\n"
    "  --interval SEC  a table per interval instead of one since the start; also --watch\n"
    "  --count N       so many intervals\n"
    "  --hgrm FILE     percentile spectrum of one path since the start, microseconds\n"
    "  --hlog FILE     HdrHistogram log 1.2, one line per path and interval, nanoseconds\n"
    "  --json          one JSON object per table\n",
    run_lat};

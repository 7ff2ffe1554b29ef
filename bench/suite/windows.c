/* SPDX-License-Identifier: Apache-2.0 */
/* Hopping windows beside tumbling ones over the same columns, and session windows beside a plain
 * loop. Rows come in the order of time, 33,000 a second of event time; keys are uniform, of
 * sessions uniform among those that are busy. */
#include <stdlib.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/rng.h"
#include "op/bench_op.h"
#include "suite/engine.h"
#include "suite/suite.h"

#define ROWS    (UINT64_C(32) << 20) /* 512 MiB, 17 minutes of event time */
#define STEP_US 30
#define BASE_US INT64_C(1760313600000000)
#define GAP_US  INT64_C(10000000)

static int setup(struct mr_bench_run *run) {
  struct mr_suite_group *group = calloc(1, sizeof *group);
  uint64_t rows = (uint64_t)(ROWS * run->scale), least = 4 * run->machine->llc_bytes / 16;
  if (run->scale >= 1 && rows < least) rows = least;
  if (!group ||
      mr_group_columns_make(&group->columns, run->seed, rows, (uint64_t)run->bench->arg) != MR_OK) {
    free(group);
    return MR_ERR_NOMEM;
  }
  for (uint64_t i = 0; i < rows; i++) group->columns.value[i] = BASE_US + (int64_t)i * STEP_US;
  run->data = group;
  return MR_OK;
}

/* Whether a key is busy in a minute: half of them are. */
static bool is_busy(uint64_t key, uint64_t minute) {
  return mr_hash_u64(key << 20 | minute) & 1;
}

/* Keys that are busy for minutes and silent for minutes. */
static int setup_sessions(struct mr_bench_run *run) {
  int rc = setup(run);
  if (rc) return rc;
  struct mr_suite_group *group = run->data;
  uint32_t keys = (uint32_t)run->bench->arg;
  for (uint64_t i = 0; i < group->columns.rows; i++) {
    uint64_t minute = i * STEP_US / 60000000, key, draw = 0;
    do {
      key = mr_rng_below(mr_rng_at(run->seed + draw++, i), keys);
    } while (!is_busy(key, minute));
    group->columns.key[i] = (int64_t)mr_hash_u64(key + 1);
  }
  return MR_OK;
}

static void teardown(struct mr_bench_run *run) {
  struct mr_suite_group *group = run->data;
  mr_suite_forget(run);
  mr_group_columns_free(&group->columns);
  free(group);
}

#define SOURCE                                                                                     \
  "millrace: 1\n"                                                                                  \
  "graph: bench_windows\n"                                                                         \
  "runtime: { workers: { count: 1, wait: spin } }\n"                                               \
  "events: { e: { fields: { key: { type: int64 }, value: { type: timestamp } }, event_time: "      \
  "value } }\n"                                                                                    \
  "sources: { in: { type: columns, event: e, rows: %llu } }\n"

/* The counts of all windows are added up: each row is in five of the one kind and in one of the
 * other. */
#define COUNTED(window)                                                                            \
  SOURCE                                                                                           \
  "steps:\n"                                                                                       \
  "  w: { type: window, from: in, window: " window                                                 \
  ", key: [key], select: { n: count(*), last: max(value) }, max_state: 1GiB }\n"                   \
  "  counts: { type: map, from: w, select: { n: \"if(last > window_start, n, 0)\" } }\n"           \
  "sinks: { out: { type: read, from: counts } }\n"

static const char tumbling[] = COUNTED("{ tumbling: 5m }");
static const char hopping[] = COUNTED("{ hopping: 5m, slide: 1m }");
static const char session[] = SOURCE
    "steps:\n"
    "  w: { type: window, from: in, window: { session: 10s }, key: [key], select: { n: count(*) }, "
    "max_state: 1GiB }\n"
    "sinks: { out: { type: hash, from: w, columns: [window_start, window_end, key, n] } }\n";

static int bind(struct mr_bench_run *run, struct mr_run *to) {
  struct mr_suite_group *group = run->data;
  int rc = mr_bench_columns_lend(to, "in", "key", group->columns.key);
  return rc ? rc : mr_bench_columns_lend(to, "in", "value", group->columns.value);
}

static int take(struct mr_bench_run *run, struct mr_run *from, struct mr_bench_sample *sample) {
  struct mr_suite_group *group = run->data;
  const struct mr_bench_hash *got = mr_bench_hash_of(from, "out");
  sample->events = group->columns.rows;
  sample->out_rows = got->rows;
  sample->out_hash = got->hash;
  return MR_OK;
}

static int take_counts(struct mr_bench_run *run, struct mr_run *from,
                       struct mr_bench_sample *sample) {
  struct mr_suite_group *group = run->data;
  sample->events = sample->out_rows = group->columns.rows;
  const struct mr_bench_hash *got = mr_bench_read_of(from, "out");
  sample->out_hash = got->hash - got->rows; /* it adds one for each row */
  return MR_OK;
}

static int run_graph(struct mr_bench_run *run, struct mr_bench_sample *sample, const char *graph) {
  struct mr_suite_group *group = run->data;
  char text[2048];
  snprintf(text, sizeof text, graph, (unsigned long long)group->columns.rows);
  struct mr_suite_call call = {.graph = text,
                               .isa = mr_isa_detect(),
                               .bind = bind,
                               .take = graph == session ? take : take_counts};
  return mr_suite_run(run, &call, sample);
}

static int tumble(struct mr_bench_run *run, struct mr_bench_sample *sample) {
  return run_graph(run, sample, tumbling);
}

static int hop(struct mr_bench_run *run, struct mr_bench_sample *sample) {
  int rc = run_graph(run, sample, hopping);
  sample->out_hash /= 5;
  return rc;
}

static int plain(struct mr_bench_run *run, struct mr_bench_sample *sample) {
  struct mr_suite_group *group = run->data;
  cpu_set_t old;
  bool pinned = mr_machine_pin(0, &old);
  uint64_t begin = mr_machine_now_ns();
  int rc = mr_plain_session(&group->columns, GAP_US, &sample->out_rows, &sample->out_hash);
  sample->wall_ns = mr_machine_now_ns() - begin;
  if (pinned) mr_machine_unpin(&old);
  sample->events = group->columns.rows;
  return rc;
}

static int sessions(struct mr_bench_run *run, struct mr_bench_sample *sample) {
  return run_graph(run, sample, session);
}

#define WINDOWS(id, title, text, keys, made, one, other, now_ratio, later_ratio)                   \
  const struct mr_bench mr_bench_##id = {                                                          \
      .name = title,                                                                               \
      .what = text,                                                                                \
      .unit = "M rows/s",                                                                          \
      .unit_div = 1e6,                                                                             \
      .measure = MR_MEASURE_CPU_RATE,                                                              \
      .engine_cores = 1,                                                                           \
      .arg = keys,                                                                                 \
      .now = {now_ratio, now_ratio},                                                               \
      .later = {later_ratio, later_ratio},                                                         \
      .anywhere = true,                                                                            \
      .setup = made,                                                                               \
      .plain = one,                                                                                \
      .engine = other,                                                                             \
      .teardown = teardown,                                                                        \
      .plan = mr_suite_plan,                                                                       \
  }

#define HOP(n)                                                                                     \
  "count and max by int64 key, " n " keys, per CPU second: windows of 5 min by 1 min against "     \
  "windows of 5 min, columns in memory, one worker"
WINDOWS(hop_1e2, "hop-1e2", HOP("1e2"), 100, setup, tumble, hop, 0.7, 0.9);
WINDOWS(hop_1e5, "hop-1e5", HOP("1e5"), 100000, setup, tumble, hop, 0.7, 0.9);
WINDOWS(session, "session-1e5",
        "sessions with a gap of 10 s, 1e5 keys, about 80 rows each, columns in memory, one worker, "
        "against the row loop with the same table",
        100000, setup_sessions, plain, sessions, 0.5, 0.8);

/* SPDX-License-Identifier: Apache-2.0 */
/* The tumbling queries of the e-commerce system at once, NDJSON of 26 fields -> four files, per CPU
 * second, against DuckDB. Left out on both sides: raw events, and distinct counts, whose estimates
 * are not comparable. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "suite/engine.h"
#include "suite/suite.h"

#define EVENTS UINT64_C(4000000) /* 1.1 GB */
#define CLOCK  "2025-10-13T00:00:00Z,20ms"

static const char *const outputs[] = {"event_counts", "purchase_metrics", "session_metrics",
                                      "device_stats"};
#define OUTPUT_CNT (sizeof outputs / sizeof outputs[0])

struct shop {
  char path[1024]; /* the input */
  char plain_out[1024], engine_out[1024];
  char graph[1024]; /* the engine's graph file */
  uint64_t events;
};

static bool make_folder(const char *path) {
  return mkdir(path, 0777) == 0 || errno == EEXIST;
}

/* Lets millrace write the input, unless it is there. */
static int make_input(struct mr_bench_run *run, const struct shop *shop) {
  char program[4096], part[1100], count[32], seed[32];
  if (access(shop->path, R_OK) == 0) return MR_OK;
  if (!mr_suite_program(run, program)) return MR_ERR_NOENT;
  snprintf(part, sizeof part, "%s.part", shop->path);
  snprintf(count, sizeof count, "%llu", (unsigned long long)shop->events);
  snprintf(seed, sizeof seed, "%llu", (unsigned long long)run->seed);
  char *argv[] = {program, "gen",     "ecommerce", "--count", count, "--seed",
                  seed,    "--clock", CLOCK,       "--to",    part,  NULL};
  int rc = mr_suite_spawn(run, argv, NULL, NULL, NULL);
  if (!rc && rename(part, shop->path) != 0) {
    snprintf(run->error, sizeof run->error, "%.200s: %s", shop->path, strerror(errno));
    rc = MR_ERR_IO;
  }
  return rc;
}

static void teardown(struct mr_bench_run *run) {
  struct shop *shop = run->data;
  mr_suite_forget(run);
  (void)remove(shop->graph);
  for (size_t i = 0; i < OUTPUT_CNT; i++) {
    char file[1100];
    snprintf(file, sizeof file, "%s/%s.ndjson", shop->plain_out, outputs[i]);
    (void)remove(file);
    snprintf(file, sizeof file, "%s/%s.ndjson", shop->engine_out, outputs[i]);
    (void)remove(file);
  }
  (void)rmdir(shop->plain_out);
  (void)rmdir(shop->engine_out);
  free(shop);
  run->data = NULL;
}

static int setup(struct mr_bench_run *run) {
  struct shop *shop = calloc(1, sizeof *shop);
  if (!shop) return MR_ERR_NOMEM;
  shop->events = (uint64_t)((double)EVENTS * run->scale);
  snprintf(shop->path, sizeof shop->path, "%.900s/shop-%llu-%llu.ndjson", run->dir,
           (unsigned long long)run->seed, (unsigned long long)shop->events);
  snprintf(shop->plain_out, sizeof shop->plain_out, "%.900s/shop-plain", run->dir);
  snprintf(shop->engine_out, sizeof shop->engine_out, "%.900s/shop-engine", run->dir);
  snprintf(shop->graph, sizeof shop->graph, "%.900s/shop-engine.yaml", run->dir);
  run->data = shop;
  int rc = make_input(run, shop);
  if (!rc && (!make_folder(shop->plain_out) || !make_folder(shop->engine_out))) {
    snprintf(run->error, sizeof run->error, "%.200s: %s", run->dir, strerror(errno));
    rc = MR_ERR_IO;
  }
  if (rc) teardown(run);
  return rc;
}

/* Adds up rows and hashes of the four files. */
static int hash_all(const char *folder, struct mr_bench_sample *sample) {
  int rc = MR_OK;
  for (size_t i = 0; i < OUTPUT_CNT && !rc; i++) {
    char file[1100];
    uint64_t rows = 0, hash = 0;
    snprintf(file, sizeof file, "%s/%s.ndjson", folder, outputs[i]);
    rc = mr_bench_file_hash(file, &rows, &hash);
    sample->out_rows += rows;
    sample->out_hash += hash;
  }
  return rc;
}

static int duckdb(struct mr_bench_run *run, struct mr_bench_sample *sample) {
  struct shop *shop = run->data;
  const char *env = getenv("MR_DUCKDB_PYTHON");
  char python[1024], script[] = "bench/duckdb/ecommerce.py";
  snprintf(python, sizeof python, "%.1000s", env && env[0] ? env : "build/duckdb/bin/python3");
  char *argv[] = {python, script, shop->path, shop->plain_out, NULL};
  int rc = mr_suite_spawn(run, argv, NULL, &sample->cpu_ns, NULL);
  sample->events = shop->events;
  return rc ? rc : hash_all(shop->plain_out, sample);
}

static const char graph[] =
    "millrace: 1\n"
    "graph: bench_ecommerce\n"
    "runtime: { workers: { count: 1 } }\n"
    "events:\n"
    "  shop_event:\n"
    "    format: json\n"
    "    fields:\n"
    "      event_id: { type: string }\n"
    "      event_type: { type: string, one_of: [user_login, page_view, item_click, purchase, "
    "cart_add, search] }\n"
    "      user_id: { type: string }\n"
    "      timestamp: { type: timestamp, format: rfc3339 }\n"
    "      device: { type: string, one_of: [mobile, desktop, tablet] }\n"
    "      location: { type: string, one_of: [US, UK, CA, DE, FR, JP, AU, BR] }\n"
    "      session_id: { type: string }\n"
    "      login_method: { type: string, optional: true }\n"
    "      success: { type: bool, optional: true }\n"
    "      page: { type: string, optional: true }\n"
    "      referrer: { type: string, optional: true }\n"
    "      duration_seconds: { type: int64, optional: true }\n"
    "      item_id: { type: string, optional: true }\n"
    "      quantity: { type: int64, optional: true }\n"
    "      category: { type: string, optional: true }\n"
    "      position: { type: int64, optional: true }\n"
    "      price: { type: double, optional: true }\n"
    "      order_id: { type: string, optional: true }\n"
    "      items: { type: list<string>, optional: true }\n"
    "      quantities: { type: list<int64>, optional: true }\n"
    "      total_amount: { type: double, optional: true }\n"
    "      currency: { type: string, optional: true }\n"
    "      payment_method: { type: string, optional: true }\n"
    "      search_query: { type: string, optional: true }\n"
    "      results_count: { type: int64, optional: true }\n"
    "      clicked_position: { type: int64, optional: true }\n"
    "    event_time: timestamp\n"
    "sources:\n"
    "  in: { type: file, path: \"%s\", event: shop_event }\n"
    "steps:\n"
    "  per_type:\n"
    "    { type: window, from: in, window: { tumbling: 1m }, key: [event_type], select: { count: "
    "count(*) } }\n"
    "  event_counts: { type: map, from: per_type, drop: [window_end] }\n"
    "  orders:\n"
    "    type: window\n"
    "    from: in\n"
    "    window: { tumbling: 10m }\n"
    "    where: event_type = 'purchase'\n"
    "    select:\n"
    "      total_orders: count(*)\n"
    "      total_revenue: cast(round(sum(total_amount) * 100) AS bigint)\n"
    "      avg_order_value: cast(round(avg(total_amount) * 100) AS bigint)\n"
    "      max_order_value: cast(round(max(total_amount) * 100) AS bigint)\n"
    "      min_order_value: cast(round(min(total_amount) * 100) AS bigint)\n"
    "  purchase_metrics: { type: map, from: orders, drop: [window_end] }\n"
    "  sessions:\n"
    "    type: window\n"
    "    from: in\n"
    "    window: { tumbling: 5m }\n"
    "    key: [session_id]\n"
    "    select:\n"
    "      events_in_session: count(*)\n"
    "      session_events: array_sort(collect_list(event_type))\n"
    "      session_start: unix_millis(min(timestamp))\n"
    "      session_end: unix_millis(max(timestamp))\n"
    "      session_duration_seconds: unix_timestamp(max(timestamp)) - "
    "unix_timestamp(min(timestamp))\n"
    "  session_metrics: { type: map, from: sessions, drop: [window_end] }\n"
    "  devices:\n"
    "    { type: window, from: in, window: { tumbling: 10m }, key: [device, location], select: { "
    "event_count: count(*) } }\n"
    "  device_stats: { type: map, from: devices, drop: [window_end] }\n"
    "sinks:\n"
    "  a: { type: file, from: event_counts, path: \"%s/event_counts.ndjson\" }\n"
    "  b: { type: file, from: purchase_metrics, path: \"%s/purchase_metrics.ndjson\" }\n"
    "  c: { type: file, from: session_metrics, path: \"%s/session_metrics.ndjson\" }\n"
    "  d: { type: file, from: device_stats, path: \"%s/device_stats.ndjson\" }\n";

static int engine(struct mr_bench_run *run, struct mr_bench_sample *sample) {
  struct shop *shop = run->data;
  char program[4096], text[12288];
  const char *to = shop->engine_out;
  if (!mr_suite_program(run, program)) return MR_ERR_NOENT;
  snprintf(text, sizeof text, graph, shop->path, to, to, to, to);
  FILE *f = fopen(shop->graph, "we");
  if (f) fputs(text, f);
  if (!f || fclose(f) != 0) {
    snprintf(run->error, sizeof run->error, "cannot write %.200s", shop->graph);
    return MR_ERR_IO;
  }
  int rc = run->engine ? MR_OK : mr_suite_plan_only(run, text);
  char *argv[] = {program, "run", "--quiet", shop->graph, NULL};
  if (!rc) rc = mr_suite_spawn(run, argv, NULL, &sample->cpu_ns, NULL);
  sample->events = shop->events;
  return rc ? rc : hash_all(to, sample);
}

const struct mr_bench mr_bench_ecommerce_duckdb = {
    .name = "ecommerce-duckdb",
    .what = "e-commerce events, NDJSON file -> four queries at once -> files, one worker, per CPU "
            "second, against DuckDB's whole process",
    .unit = "M events/CPU s",
    .unit_div = 1e6,
    .measure = MR_MEASURE_CPU_RATE,
    .anywhere = true,
    .now = {2.0, 0},
    .later = {5.0, 0},
    .setup = setup,
    .plain = duckdb,
    .engine = engine,
    .plan = mr_suite_plan,
    .teardown = teardown,
};

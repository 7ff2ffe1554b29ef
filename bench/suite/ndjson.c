/* SPDX-License-Identifier: Apache-2.0 */
/* NDJSON or CSV file -> severity IN (high, critical) -> count per 5 min, city and type -> file, per
 * CPU second. */
#include <errno.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "suite/engine.h"
#include "suite/suite.h"

#define EVENTS  UINT64_C(8000000) /* 1.2 GB of JSON, 0.7 GB of CSV */
#define CSV     2
#define WORKERS 3

static int setup(struct mr_bench_run *run) {
  struct mr_suite_ndjson *nd = calloc(1, sizeof *nd);
  if (!nd) return MR_ERR_NOMEM;
  nd->events = (uint64_t)(EVENTS * run->scale);
  bool csv = run->bench->arg == CSV;
  snprintf(nd->path, sizeof nd->path, "%.900s/city-%llu.%s", run->dir,
           (unsigned long long)nd->events, csv ? "csv" : "ndjson");
  snprintf(nd->plain_out, sizeof nd->plain_out, "%.900s/city-plain.ndjson", run->dir);
  snprintf(nd->engine_out, sizeof nd->engine_out, "%.900s/city-engine.ndjson", run->dir);
  snprintf(nd->graph, sizeof nd->graph, "%.900s/city-engine.yaml", run->dir);
  if (mr_city_file_make(nd->path, csv ? MR_CITY_CSV : MR_CITY_NDJSON, run->seed, nd->events,
                        &nd->bytes) != MR_OK) {
    snprintf(run->error, sizeof run->error, "cannot write %.200s", nd->path);
    free(nd);
    return MR_ERR_IO;
  }
  run->data = nd;
  return MR_OK;
}

static void teardown(struct mr_bench_run *run) {
  struct mr_suite_ndjson *nd = run->data;
  mr_suite_forget(run);
  (void)remove(nd->graph);
  (void)remove(nd->plain_out);
  (void)remove(nd->engine_out);
  free(nd);
}

static int simdjson(struct mr_bench_run *run, struct mr_bench_sample *sample) {
  struct mr_suite_ndjson *nd = run->data;
  cpu_set_t old;
  bool pinned = mr_machine_pin(0, &old);
  uint64_t begin = mr_machine_cpu_ns();
  int rc = mr_plain_ndjson(nd->path, nd->plain_out, &sample->events);
  sample->cpu_ns = mr_machine_cpu_ns() - begin;
  if (pinned) mr_machine_unpin(&old);
  if (rc != MR_OK) return rc;
  return mr_bench_file_hash(nd->plain_out, &sample->out_rows, &sample->out_hash);
}

/* The Python that has DuckDB: $MR_DUCKDB_PYTHON, else the one that bench/duckdb/setup makes. */
static const char *duckdb_python(void) {
  const char *env = getenv("MR_DUCKDB_PYTHON");
  return env && env[0] ? env : "build/duckdb/bin/python3";
}

static int duckdb(struct mr_bench_run *run, struct mr_bench_sample *sample) {
  struct mr_suite_ndjson *nd = run->data;
  extern char **environ;
  char python[1024], script[] = "bench/duckdb/city.py";
  snprintf(python, sizeof python, "%.1000s", duckdb_python());
  char *argv[] = {python, script, nd->path, nd->plain_out, NULL};
  pid_t pid;
  int status = 0;
  uint64_t begin = mr_machine_cpu_ns();
  int rc = posix_spawn(&pid, python, NULL, NULL, argv, environ);
  if (rc != 0 || waitpid(pid, &status, 0) != pid || status != 0) {
    snprintf(
        run->error, sizeof run->error,
        "%.100s %s did not run (bench/duckdb/setup installs DuckDB; run from the source folder)",
        python, script);
    return MR_ERR_NOENT;
  }
  sample->cpu_ns = mr_machine_cpu_ns() - begin;
  sample->events = nd->events;
  return mr_bench_file_hash(nd->plain_out, &sample->out_rows, &sample->out_hash);
}

/* ---- the engine's side: the program itself, start-up included ---- */

static const char graph[] =
    "millrace: 1\n"
    "graph: bench_ndjson\n"
    "runtime: { workers: { count: %u } }\n"
    "events:\n"
    "  city_event:\n"
    "    format: %s\n"
    "    fields:\n"
    "      city: { type: string }\n"
    "      event_type: { type: string, one_of: [traffic, weather, incident, construction] }\n"
    "      severity: { type: string, one_of: [low, medium, high, critical] }\n"
    "      description: { type: string, optional: true }\n"
    "      timestamp: { type: timestamp, format: rfc3339 }\n"
    "    event_time: timestamp\n"
    "sources:\n"
    "  in: { type: file, path: \"%s\", event: city_event, workers: %u }\n"
    "steps:\n"
    "  severe: { type: filter, from: in, where: \"severity IN ('high', 'critical')\" }\n"
    "  counts:\n"
    "    type: window\n"
    "    from: severe\n"
    "    window: { tumbling: 5m }\n"
    "    key: [city, event_type]\n"
    "    select: { event_count: count(*) }\n"
    "  plain: { type: map, from: counts, drop: [window_end] }\n"
    "sinks:\n"
    "  out: { type: file, from: plain, path: \"%s\" }\n";

static int run_with(struct mr_bench_run *run, uint32_t workers, const char *out,
                    struct mr_bench_sample *sample) {
  struct mr_suite_ndjson *nd = run->data;
  char program[4096], text[4096];
  if (!mr_suite_program(run, program)) return MR_ERR_NOENT;
  const char *format = run->bench->arg == CSV ? "csv" : "json";
  snprintf(text, sizeof text, graph, workers, format, nd->path, workers, out);
  FILE *f = fopen(nd->graph, "we");
  if (f) fputs(text, f);
  if (!f || fclose(f) != 0) {
    snprintf(run->error, sizeof run->error, "cannot write %.200s", nd->graph);
    return MR_ERR_IO;
  }
  int rc = run->engine ? MR_OK : mr_suite_plan_only(run, text);
  char *argv[] = {program, "run", "--quiet", nd->graph, NULL};
  uint64_t begin = mr_machine_now_ns();
  if (!rc) rc = mr_suite_spawn(run, argv, NULL, &sample->cpu_ns, NULL);
  sample->wall_ns = mr_machine_now_ns() - begin;
  if (rc) return rc;
  sample->events = nd->events;
  return mr_bench_file_hash(out, &sample->out_rows, &sample->out_hash);
}

static int engine(struct mr_bench_run *run, struct mr_bench_sample *sample) {
  struct mr_suite_ndjson *nd = run->data;
  return run_with(run, run->bench->arg == WORKERS ? 2 : 1, nd->engine_out, sample);
}

static int one_worker(struct mr_bench_run *run, struct mr_bench_sample *sample) {
  struct mr_suite_ndjson *nd = run->data;
  return run_with(run, 1, nd->plain_out, sample);
}

const struct mr_bench mr_bench_ndjson = {
    .name = "ndjson",
    .what = "NDJSON file -> filter -> 5 min count -> file, one worker, per CPU second, against a "
            "C++ loop "
            "with simdjson on-demand",
    .unit = "M events/CPU s",
    .unit_div = 1e6,
    .measure = MR_MEASURE_CPU_RATE,
    .anywhere = true,
    .arg = 0,
    .record_near = 23.2 * 123 / 150.5, /* scaled by the bytes of a line */
    .record_text = "simdjson on-demand, pread of 4 MiB, one thread: 23.2 at 123 B a line",
    .now = {1.0, 0},
    .later = {1.4, 0},
    .setup = setup,
    .plain = simdjson,
    .engine = engine,
    .plan = mr_suite_plan,
    .teardown = teardown,
};

const struct mr_bench mr_bench_duckdb = {
    .name = "ndjson-duckdb",
    .what = "the same file and query against DuckDB's whole process, per CPU second",
    .unit = "M events/CPU s",
    .unit_div = 1e6,
    .measure = MR_MEASURE_CPU_RATE,
    .anywhere = true,
    .arg = 1,
    .record_near = 4.47 * 123 / 150.5,
    .record_text = "DuckDB, start-up included: 4.47 at 123 B a line",
    .now = {4.5, 0},
    .later = {6.5, 0},
    .setup = setup,
    .plain = duckdb,
    .engine = engine,
    .plan = mr_suite_plan,
    .teardown = teardown,
};

const struct mr_bench mr_bench_csv_duckdb = {
    .name = "csv-duckdb",
    .what = "CSV file -> filter -> 5 min count -> file, one worker, per CPU second, against "
            "DuckDB's whole process",
    .unit = "M events/CPU s",
    .unit_div = 1e6,
    .measure = MR_MEASURE_CPU_RATE,
    .anywhere = true,
    .arg = CSV,
    .now = {3.0, 0},
    .later = {6.0, 0},
    .setup = setup,
    .plain = duckdb,
    .engine = engine,
    .plan = mr_suite_plan,
    .teardown = teardown,
};

const struct mr_bench mr_bench_ndjson_workers = {
    .name = "ndjson-workers",
    .what = "the same file and query with two workers on the source, from start to exit, against "
            "one worker",
    .unit = "M events/s",
    .unit_div = 1e6,
    .measure = MR_MEASURE_RATE,
    .anywhere = true,
    .arg = WORKERS,
    .now = {1.35, 1.35},
    .later = {1.5, 1.5},
    .setup = setup,
    .plain = one_worker,
    .engine = engine,
    .plan = mr_suite_plan,
    .teardown = teardown,
};

/* SPDX-License-Identifier: Apache-2.0 */
/* The events of each system made and every column of them read, one thread, strings included. */
#include <stdlib.h>

#include "base/cpu.h"
#include "base/error.h"
#include "op/bench_op.h"
#include "plain/gen.h"
#include "suite/engine.h"
#include "suite/suite.h"

#define CHECKED_ROWS UINT64_C(100000) /* whose values are hashed one by one, untimed */

struct gen {
  struct mr_plain_gen plain;
  uint64_t rows, plain_hash, engine_hash; /* hashes: 0 until they are made */
};

static const uint64_t rows_of[MR_PLAIN_SYSTEMS] = {
    [MR_PLAIN_CITY] = 100000000,
    [MR_PLAIN_TRANSACTIONS] = 20000000,
    [MR_PLAIN_TRANSACTIONS_JAVA] = 20000000,
    [MR_PLAIN_ECOMMERCE] = 10000000,
    [MR_PLAIN_SENSORS] = 30000000,
};
static const char *const names[MR_PLAIN_SYSTEMS] = {"city", "transactions", "transactions_java",
                                                    "ecommerce", "sensors"};

static int setup(struct mr_bench_run *run) {
  struct gen *gen = calloc(1, sizeof *gen);
  enum mr_plain_system system = (enum mr_plain_system)run->bench->arg;
  if (!gen || mr_plain_gen_make(&gen->plain, system, mr_isa_detect(), run->seed) != MR_OK) {
    free(gen);
    return MR_ERR_NOMEM;
  }
  gen->rows = (uint64_t)((double)rows_of[system] * run->scale);
  run->data = gen;
  return MR_OK;
}

static void teardown(struct mr_bench_run *run) {
  struct gen *gen = run->data;
  mr_suite_forget(run);
  mr_plain_gen_free(&gen->plain);
  free(gen);
}

static uint64_t checked_rows(const struct gen *gen) {
  return gen->rows < CHECKED_ROWS ? gen->rows : CHECKED_ROWS;
}

static int plain(struct mr_bench_run *run, struct mr_bench_sample *sample) {
  struct gen *gen = run->data;
  cpu_set_t old;
  if (!gen->plain_hash) gen->plain_hash = mr_plain_gen_hash(&gen->plain, checked_rows(gen));
  bool pinned = mr_machine_pin(0, &old);
  uint64_t begin = mr_machine_now_ns();
  uint64_t sum = mr_plain_gen_sum(&gen->plain, gen->rows);
  sample->wall_ns = mr_machine_now_ns() - begin;
  if (pinned) mr_machine_unpin(&old);
  sample->events = sample->out_rows = gen->rows;
  sample->out_hash = sum ^ gen->plain_hash;
  return MR_OK;
}

/* ---- the engine's side ---- */

static const char graph[] = "millrace: 1\n"
                            "graph: bench_gen\n"
                            "runtime: { workers: { count: 1, wait: spin } }\n"
                            "sources:\n"
                            "  in:\n"
                            "    type: generate\n"
                            "    of: %s\n"
                            "    count: %llu\n"
                            "    seed: %llu\n"
                            "    clock: { start: 2025-08-20T06:35:00Z, step: 1ms }\n"
                            "sinks:\n"
                            "  out: { type: %s, from: in }\n";

static int take_hash(struct mr_bench_run *run, struct mr_run *from,
                     struct mr_bench_sample *sample) {
  struct gen *gen = run->data;
  (void)sample;
  gen->engine_hash = mr_bench_hash_of(from, "out")->hash;
  return MR_OK;
}

static int take_sum(struct mr_bench_run *run, struct mr_run *from, struct mr_bench_sample *sample) {
  struct gen *gen = run->data;
  const struct mr_bench_hash *got = mr_bench_read_of(from, "out");
  sample->events = gen->rows;
  sample->out_rows = got->rows;
  sample->out_hash = got->hash ^ gen->engine_hash;
  return MR_OK;
}

static int run_graph(struct mr_bench_run *run, uint64_t rows, const char *sink,
                     int (*take)(struct mr_bench_run *, struct mr_run *, struct mr_bench_sample *),
                     struct mr_bench_sample *sample) {
  char text[1024];
  snprintf(text, sizeof text, graph, names[run->bench->arg], (unsigned long long)rows,
           (unsigned long long)run->seed, sink);
  struct mr_suite_call call = {.graph = text, .isa = mr_isa_detect(), .take = take};
  return mr_suite_run(run, &call, sample);
}

static int engine(struct mr_bench_run *run, struct mr_bench_sample *sample) {
  struct gen *gen = run->data;
  struct mr_bench_sample untimed = {0};
  int rc = MR_OK;
  if (!gen->engine_hash)
    rc = run_graph(run, checked_rows(gen), "hash, columns: all", take_hash, &untimed);
  return rc ? rc : run_graph(run, gen->rows, "read", take_sum, sample);
}

#define GEN(id, bench_name, system, which)                                                         \
  const struct mr_bench mr_bench_gen_##id = {                                                      \
      .name = bench_name,                                                                          \
      .what = "the events of " system " made and every column read, one worker, against a plain "  \
              "C loop that makes the same columns",                                                \
      .unit = "M rows/s",                                                                          \
      .unit_div = 1e6,                                                                             \
      .measure = MR_MEASURE_RATE,                                                                  \
      .engine_cores = 1,                                                                           \
      .arg = which,                                                                                \
      .now = {0.60, 0},                                                                            \
      .later = {0.85, 0},                                                                          \
      .setup = setup,                                                                              \
      .plain = plain,                                                                              \
      .engine = engine,                                                                            \
      .teardown = teardown,                                                                        \
      .plan = mr_suite_plan,                                                                       \
  }

GEN(city, "gen-city", "city", MR_PLAIN_CITY);
GEN(transactions, "gen-transactions", "transactions", MR_PLAIN_TRANSACTIONS);
GEN(java, "gen-transactions-java", "transactions_java", MR_PLAIN_TRANSACTIONS_JAVA);
GEN(ecommerce, "gen-ecommerce", "ecommerce", MR_PLAIN_ECOMMERCE);
GEN(sensors, "gen-sensors", "sensors", MR_PLAIN_SENSORS);

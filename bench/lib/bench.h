/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_BENCH_BENCH_H
#define MR_BENCH_BENCH_H

/* A benchmark: the same work done by a plain loop and by the engine, on data that both get from one
 * set-up. The table of all benchmarks is in bench.c; `millrace bench` calls mr_bench_main. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/machine.h"

struct mr_bench;

/* What a side of a benchmark is given. One thread. */
struct mr_bench_run {
  const struct mr_bench *bench;
  const struct mr_machine *machine;
  const char *dir; /* folder for files that the benchmark makes; exists; kept between runs */
  uint64_t seed;
  double scale; /* 1: full size; tests use less */
  void *data;   /* set by setup: the input, shared by both sides */
  void *engine; /* for the engine's side to keep something between calls; freed by its teardown */
  char error[256]; /* a side that fails says why */
};

/* What one call of a side did. */
struct mr_bench_sample {
  uint64_t events; /* input rows */
  uint64_t
      wall_ns; /* set by the side when part of its call does not count; else 0: the whole call */
  uint64_t cpu_ns;   /* likewise; user + system of all threads and waited-for children */
  uint64_t out_rows; /* rows that came out */
  uint64_t out_hash; /* of the output, independent of row order: mr_bench_row_hash */
  double figure;     /* MR_MEASURE_GIVEN: the figure, in the benchmark's unit */
};

/* How the figure is made out of a sample. */
enum mr_measure {
  MR_MEASURE_RATE,      /* events per second of wall time */
  MR_MEASURE_CORE_RATE, /* events per second of wall time and core (bench->engine_cores) */
  MR_MEASURE_CPU_RATE,  /* events per CPU second */
  MR_MEASURE_GIVEN,     /* the side says; called once per sample */
};

/* A goal on engine / plain, by class; 0: none. */
struct mr_goal {
  double near, far;
};

struct mr_bench {
  const char *name; /* "city-v3" */
  const char *what; /* one line */
  const char *unit; /* of figures once divided by unit_div: "M rows/s", "ns" */
  double unit_div;  /* 1e6 for "M"; 1 for ns */
  enum mr_measure measure;
  uint32_t engine_cores; /* MR_MEASURE_CORE_RATE: cores that the engine's side uses; the plain side
                            uses one */
  bool lower_is_better;
  int64_t arg; /* what tells variants of one benchmark apart: a level, a number of keys */
  /* Figure (in `unit`) that the plain side should reach on the reference machine; below 0.8 of it
   * the line says `weak baseline` and does not count. 0: none known. */
  double record_near, record_far;
  const char *record_text;
  struct mr_goal now, later;
  /* Goals on the engine's figure itself, in `unit`; 0: none. */
  double limit_now, limit_later;
  /* How far apart the CPUs are does not matter: a side sleeps for seconds, or is a whole process
   * that works by itself on one CPU, or has one goal for all classes. All pairs are of the class
   * between, also those during which the distance changed. */
  bool anywhere;
  bool no_output; /* nothing comes out that could be compared (latencies, a histogram sample) */

  /* All return 0 or negative MR_ERR_* with run->error set. engine NULL: only the plain side is run.
   * plain NULL: there is nothing to compare with, the engine's figure stands alone. */
  int (*setup)(struct mr_bench_run *run);
  int (*plain)(struct mr_bench_run *run, struct mr_bench_sample *sample);
  int (*engine)(struct mr_bench_run *run, struct mr_bench_sample *sample);
  void (*teardown)(struct mr_bench_run *run);
  /* The engine's plan as text, owned by the benchmark until teardown; may be NULL. */
  const char *(*plan)(struct mr_bench_run *run);
};

/* Order-independent hash of an output: the sum of the row hashes. */
uint64_t mr_bench_row_hash(const int64_t *columns, size_t cnt);
/* The same over the lines of a text file (newline not included); *rows takes their number. 0 or
 * MR_ERR_IO. */
int mr_bench_file_hash(const char *path, uint64_t *rows, uint64_t *hash);

/* The table. */
extern const struct mr_bench *const mr_bench_table[];
extern const size_t mr_bench_cnt;
/* NULL when there is none of that name. */
const struct mr_bench *mr_bench_find(const char *name);

/* `bench list` and `bench run NAME... [--pairs N] [--tries N] [--sample-ms N] [--out DIR] [--dir
 * DIR] [--json] [--seed N] [--scale X]
 * [--others SHARE]`; argv[0] is the verb "list" or "run". A NAME may end in
 * `*`; `run` without a name runs all. Exit code: 0, 1 when a side failed or outputs differ, 64 for
 * wrong usage. */
int mr_bench_main(int argc, char **argv);

#endif

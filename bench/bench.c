/* SPDX-License-Identifier: Apache-2.0 */
/* The table of benchmarks and the two verbs over it: list and run. */
#include "lib/bench.h"
#include "drive/drive.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "drive/drive.h"
#include "lib/pairs.h"
#include "suite/suite.h"

#define EXIT_USAGE 64

const struct mr_bench *const mr_bench_table[] = {
    &mr_bench_city_v2,
    &mr_bench_city_v3,
    &mr_bench_city_v4,
    &mr_bench_ysb,
    &mr_bench_ysb_fused,
    &mr_bench_ysb_branchy,
    &mr_bench_ysb_rings,
    &mr_bench_ndjson,
    &mr_bench_duckdb,
    &mr_bench_group_1e2,
    &mr_bench_group_1e4,
    &mr_bench_group_1e6,
    &mr_bench_latency_p50,
    &mr_bench_latency_p999,
    &mr_bench_wake,
    &mr_bench_idle,
    &mr_bench_stats_1,
    &mr_bench_stats_32,
    &mr_bench_stats_1024,
    &mr_bench_linear,
    &mr_bench_sample_cost,
    &mr_bench_ring,
    &mr_bench_filter,
    &mr_bench_expression,
    &mr_bench_hello,
    &mr_bench_hello_memory,
    &mr_bench_exchange_4,
    &mr_bench_exchange_16,
    &mr_bench_hll_add,
    &mr_bench_csv_duckdb,
    &mr_bench_gen_city,
    &mr_bench_gen_transactions,
    &mr_bench_gen_java,
    &mr_bench_gen_ecommerce,
    &mr_bench_gen_sensors,
    &mr_bench_ecommerce_duckdb,
    &mr_bench_solo,
    &mr_bench_ndjson_workers,
    &mr_bench_hop_1e2,
    &mr_bench_hop_1e5,
    &mr_bench_session,
    &mr_bench_join,
    &mr_bench_sql,
    &mr_bench_io_append,
    &mr_bench_topic_read,
    &mr_bench_topic_append,
    &mr_bench_topic_sync,
    &mr_bench_topic_recover,
    &mr_bench_topic_recover_memory,
    &mr_bench_checkpoint,
    &mr_bench_checkpoint_stop,
};
const size_t mr_bench_cnt = sizeof mr_bench_table / sizeof mr_bench_table[0];

const struct mr_bench *mr_bench_find(const char *name) {
  for (size_t i = 0; i < mr_bench_cnt; i++)
    if (!strcmp(mr_bench_table[i]->name, name)) return mr_bench_table[i];
  return NULL;
}

/* What the command line asks for. */
struct request {
  struct mr_pairs_opt pairs;
  const char *out_dir, *dir;
  uint64_t seed;
  double scale;
  bool json;
};

static int list(void) {
  for (size_t i = 0; i < mr_bench_cnt; i++) {
    const struct mr_bench *b = mr_bench_table[i];
    const char *sign = b->lower_is_better ? "<=" : ">=";
    char now[32] = "", later[32] = "";
    if (b->now.near > 0) snprintf(now, sizeof now, "%s %.2f", sign, b->now.near);
    if (b->later.near > 0) snprintf(later, sizeof later, "%s %.2f", sign, b->later.near);
    if (!now[0] && b->limit_now > 0) snprintf(now, sizeof now, "%s %g", sign, b->limit_now);
    if (!later[0] && b->limit_later > 0)
      snprintf(later, sizeof later, "%s %g", sign, b->limit_later);
    printf("%-16s %-8s %-8s %s%s\n", b->name, now, later, b->engine ? "" : "(plain side only) ",
           b->what);
  }
  return 0;
}

static int write_json(const struct mr_pairs_result *result, struct mr_bench_run *run,
                      const struct request *rq) {
  char path[4096];
  if (rq->json) mr_pairs_json(result, run, &rq->pairs, stdout);
  if (!rq->out_dir) return 0;
  snprintf(path, sizeof path, "%.3900s/%.100s.json", rq->out_dir, run->bench->name);
  FILE *f = fopen(path, "we");
  if (f) mr_pairs_json(result, run, &rq->pairs, f);
  if (f && fclose(f) == 0) return 0;
  fprintf(stderr, "%s: %s\n", path, strerror(errno));
  return 1;
}

static int run_one(const struct mr_bench *bench, const struct mr_machine *machine,
                   const struct request *rq) {
  struct mr_bench_run run = {
      .bench = bench, .machine = machine, .dir = rq->dir, .seed = rq->seed, .scale = rq->scale};
  struct mr_pairs_result *result = calloc(1, sizeof *result);
  if (!result) return 1;
  result->bench = bench;
  int rc = bench->setup ? bench->setup(&run) : MR_OK;
  bool ready = rc == MR_OK;
  if (ready)
    rc = mr_pairs_run(&run, &rq->pairs, result);
  else
    snprintf(result->error, sizeof result->error, "%.200s",
             run.error[0] ? run.error : mr_err_str(rc));
  if (!rq->json) mr_pairs_print(result, &rq->pairs, stdout);
  int failed = rc != MR_OK && rc != MR_ERR_NOENT;
  failed |= write_json(result, &run, rq);
  fflush(stdout);
  if (ready && bench->teardown) bench->teardown(&run);
  free(result);
  return failed;
}

static bool fits(const char *pattern, const char *name) {
  size_t n = strlen(pattern);
  return n && pattern[n - 1] == '*' ? !strncmp(pattern, name, n - 1) : !strcmp(pattern, name);
}

static int run_named(char **names, int cnt, const struct request *rq) {
  struct mr_machine machine;
  int failed = 0;
  for (int n = 0; n < cnt; n++) {
    bool any = false;
    for (size_t i = 0; i < mr_bench_cnt && !any; i++) any = fits(names[n], mr_bench_table[i]->name);
    if (any) continue;
    fprintf(stderr, "no benchmark is called %s; see: bench list\n", names[n]);
    return EXIT_USAGE;
  }
  mr_machine_read(&machine);
  if (!rq->json)
    printf("# %s, %u CPUs, clock %s, governor %s, %s, %s, commit %s\n", machine.cpu_model,
           machine.cpu_cnt, machine.clock, machine.governor, machine.kernel, machine.compiler,
           machine.commit);
  for (size_t i = 0; i < mr_bench_cnt; i++) {
    bool wanted = cnt == 0;
    for (int n = 0; n < cnt && !wanted; n++) wanted = fits(names[n], mr_bench_table[i]->name);
    if (wanted) failed |= run_one(mr_bench_table[i], &machine, rq);
  }
  return failed;
}

static bool make_folder(const char *path) {
  if (mkdir(path, 0777) == 0 || errno == EEXIST) return true;
  fprintf(stderr, "%s: %s\n", path, strerror(errno));
  return false;
}

static int usage(void) {
  fputs("bench list\n"
        "bench run [NAME...] [--pairs N] [--tries N] [--sample-ms N] [--seed N] [--scale X]\n"
        "          [--others SHARE] [--out DIR] [--dir DIR] [--json]\n",
        stderr);
  return EXIT_USAGE;
}

static bool parse(int argc, char **argv, struct request *rq) {
  static const struct option options[] = {
      {"pairs", required_argument, NULL, 'p'},
      {"tries", required_argument, NULL, 't'},
      {"sample-ms", required_argument, NULL, 'm'},
      {"seed", required_argument, NULL, 's'},
      {"scale", required_argument, NULL, 'x'},
      {"others", required_argument, NULL, 'b'},
      {"out", required_argument, NULL, 'o'},
      {"dir", required_argument, NULL, 'd'},
      {"json", no_argument, NULL, 'j'},
      {NULL, 0, NULL, 0},
  };
  int opt;
  optind = 1;
  while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
    char *end = NULL;
    switch (opt) {
    case 'p': rq->pairs.pairs = (uint32_t)strtoul(optarg, &end, 10); break;
    case 't': rq->pairs.tries_max = (uint32_t)strtoul(optarg, &end, 10); break;
    case 'm': rq->pairs.sample_ms = (uint32_t)strtoul(optarg, &end, 10); break;
    case 's': rq->seed = strtoull(optarg, &end, 10); break;
    case 'b': rq->pairs.others_max = strtod(optarg, &end); break;
    case 'x': rq->scale = strtod(optarg, &end); break;
    case 'o': rq->out_dir = optarg; break;
    case 'd': rq->dir = optarg; break;
    case 'j': rq->json = true; break;
    default: return false;
    }
    if (end && (end == optarg || *end)) {
      fprintf(stderr, "%s is not a number\n", optarg);
      return false;
    }
  }
  return rq->scale > 0 && rq->pairs.pairs <= MR_PAIRS_MAX;
}

/* A suite file among the words: the load tests of drive/ run it. */
static bool names_suite(int argc, char **argv) {
  for (int i = 1; i < argc; i++) {
    size_t len = strlen(argv[i]);
    if (argv[i][0] != '-' && len > 5 && !strcmp(argv[i] + len - 5, ".yaml")) return true;
  }
  return false;
}

int mr_bench_main(int argc, char **argv) {
  struct request rq = {.dir = "/tmp/millrace-bench", .seed = 7, .scale = 1};
  if (argc > 0 && !strcmp(argv[0], "list")) return argc == 1 ? list() : usage();
  if (argc > 0 && !strcmp(argv[0], "find")) return mr_drive_find_main(argc, argv);
  if (argc > 0 && !strcmp(argv[0], "compare")) return mr_drive_compare_main(argc, argv);
  if (argc > 0 && !strcmp(argv[0], "report")) return mr_drive_report_main(argc, argv);
  if (argc > 1 && !strcmp(argv[0], "run") && names_suite(argc, argv))
    return mr_drive_main(argc, argv);
  if (argc < 1 || strcmp(argv[0], "run") != 0 || !parse(argc, argv, &rq)) return usage();
  if (!make_folder(rq.dir) || (rq.out_dir && !make_folder(rq.out_dir))) return 1;
  return run_named(argv + optind, argc - optind, &rq);
}

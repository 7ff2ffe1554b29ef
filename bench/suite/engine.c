/* SPDX-License-Identifier: Apache-2.0 */
#include "suite/engine.h"

#include <fcntl.h>
#include <sched.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "graph/plan.h"
#include "op/bench_op.h"

#define WAIT_NS  UINT64_C(300000000000) /* a run that takes longer is given up */
#define CPUS_MAX 64u

static int fail(struct mr_bench_run *run, int rc, const char *what, const char *text) {
  snprintf(run->error, sizeof run->error, "%.40s: %.200s", what, text);
  return rc;
}

static uint32_t allowed_cpus(int32_t *cpus) {
  cpu_set_t set;
  uint32_t cnt = 0;
  if (sched_getaffinity(0, sizeof set, &set) != 0) return 0;
  for (int c = 0; c < CPU_SETSIZE && cnt < CPUS_MAX; c++)
    if (CPU_ISSET((size_t)c, &set)) cpus[cnt++] = c;
  return cnt;
}

void mr_suite_cpus(int32_t cpus[2]) {
  int32_t all[CPUS_MAX];
  uint32_t cnt = allowed_cpus(all);
  cpus[0] = cnt ? all[0] : 0;
  cpus[1] = cnt > 1 ? all[1] : -1;
}

static const struct mr_plan *load(struct mr_bench_run *run, struct mr_arena *arena,
                                  const char *graph) {
  int32_t cpus[CPUS_MAX];
  const struct mr_op *ops[MR_BENCH_OPERATORS_MAX];
  struct mr_op_table table;
  struct mr_diags diags;
  mr_diags_init(&diags, arena);
  mr_bench_operators(ops, MR_BENCH_OPERATORS_MAX, &table);
  struct mr_plan_conf conf = {
      .ops = &table, .clock = -1, .cpus = cpus, .cpu_cnt = allowed_cpus(cpus)};
  const struct mr_plan *plan =
      mr_plan_load(arena, run->bench->name, graph, strlen(graph), &conf, &diags);
  if (!plan) {
    fail(run, MR_ERR_CONF, "graph", mr_diags_text(&diags, arena, NULL));
    return NULL;
  }
  if (!run->engine) run->engine = strdup(mr_plan_print(plan, arena));
  return plan;
}

static int run_plan(struct mr_bench_run *run, const struct mr_suite_call *call,
                    const struct mr_plan *plan, struct mr_bench_sample *sample) {
  struct mr_error err = {0};
  struct mr_run_conf conf = {.isa = call->isa,
                             .pin = true,
                             .version = "bench",
                             .no_stats = call->no_stats,
                             .no_copies = call->no_copies};
  mr_clock_system(&conf.clock);
  struct mr_run *graph = NULL;
  int rc = mr_run_build(&graph, plan, &conf, &err);
  if (rc) return fail(run, rc, "build", err.text);
  if (call->bind) rc = call->bind(run, graph);
  if (rc) fail(run, rc, "columns", mr_err_str(rc));
  uint64_t wall = mr_machine_now_ns(), cpu = mr_machine_cpu_ns();
  if (!rc && (rc = mr_run_start(graph, &err)) != 0) fail(run, rc, "start", err.text);
  if (!rc && !mr_run_wait(graph, WAIT_NS)) rc = fail(run, MR_ERR_STATE, "run", "did not end");
  sample->wall_ns = mr_machine_now_ns() - wall;
  sample->cpu_ns = mr_machine_cpu_ns() - cpu;
  if (!rc && (rc = mr_run_result(graph, &err)) != 0) fail(run, rc, "run", err.text);
  if (!rc) mr_run_publish(graph);
  if (!rc && call->take) rc = call->take(run, graph, sample);
  mr_run_destroy(graph);
  return rc;
}

int mr_suite_run(struct mr_bench_run *run, const struct mr_suite_call *call,
                 struct mr_bench_sample *sample) {
  struct mr_arena arena = {0};
  const struct mr_plan *plan = load(run, &arena, call->graph);
  int rc = plan ? run_plan(run, call, plan, sample) : MR_ERR_CONF;
  mr_arena_free(&arena);
  return rc;
}

int mr_suite_plan_only(struct mr_bench_run *run, const char *graph) {
  struct mr_arena arena = {0};
  const struct mr_plan *plan = load(run, &arena, graph);
  mr_arena_free(&arena);
  return plan ? MR_OK : MR_ERR_CONF;
}

const char *mr_suite_plan(struct mr_bench_run *run) {
  return run->engine;
}

void mr_suite_forget(struct mr_bench_run *run) {
  free(run->engine);
  run->engine = NULL;
}

int mr_suite_spawn(struct mr_bench_run *run, char *const argv[], const char *in_path,
                   uint64_t *cpu_ns, uint64_t *rss_bytes) {
  extern char **environ;
  posix_spawn_file_actions_t files;
  struct rusage use;
  pid_t pid;
  int status = 0;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, 0, in_path ? in_path : "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_WRONLY, 0);
  int rc = posix_spawn(&pid, argv[0], &files, NULL, argv, environ);
  posix_spawn_file_actions_destroy(&files);
  if (rc != 0) return fail(run, MR_ERR_NOENT, argv[0], strerror(rc));
  if (wait4(pid, &status, 0, &use) != pid || status != 0) {
    snprintf(run->error, sizeof run->error, "%.150s ended with status %d", argv[0],
             WIFEXITED(status) ? WEXITSTATUS(status) : -status);
    return MR_ERR_STATE;
  }
  if (cpu_ns)
    *cpu_ns = ((uint64_t)use.ru_utime.tv_sec + (uint64_t)use.ru_stime.tv_sec) * 1000000000u +
              ((uint64_t)use.ru_utime.tv_usec + (uint64_t)use.ru_stime.tv_usec) * 1000u;
  if (rss_bytes) *rss_bytes = (uint64_t)use.ru_maxrss * 1024u;
  return MR_OK;
}

const char *mr_suite_program(struct mr_bench_run *run, char *buf) {
  const char *env = getenv("MR_MILLRACE");
  if (env && env[0]) {
    snprintf(buf, 4096, "%s", env);
    return buf;
  }
  ssize_t n = readlink("/proc/self/exe", buf, 4095);
  if (n > 0) {
    buf[n] = '\0';
    const char *name = strrchr(buf, '/');
    if (name && !strcmp(name + 1, "millrace")) return buf;
  }
  snprintf(run->error, sizeof run->error,
           "which millrace program? run this as `millrace bench`, or set MR_MILLRACE");
  return NULL;
}

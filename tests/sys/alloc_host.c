/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a graph as the program does, with one operator more: `leaky` passes its rows on and takes
 * memory from the heap for every batch, which alloc_count must notice.
 *
 *   alloc_host GRAPH.yaml     prints the thread ids of the workers */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/clock.h"
#include "graph/compile.h"
#include "graph/plan.h"
#include "operators/operators.h"
#include "stats/stats.h"
#include "worker/ctx.h"
#include "worker/run.h"

static const struct mr_opt leaky_opts[] = {MR_OPT_END};

static int leaky_plan(struct mr_op_plan *p) {
  p->outs[MR_OUT_MAIN].schema = p->in;
  return MR_OK;
}

static void leaky_need(const struct mr_op_plan *p, const bool *const out_need[MR_OUTS_MAX],
                       bool *in_need) {
  for (uint32_t c = 0; c < p->in->cnt; c++)
    in_need[c] = out_need[MR_OUT_MAIN] && out_need[MR_OUT_MAIN][c];
}

static void leaky_process(struct mr_op_ctx *ctx, const struct mr_view *in) {
  char **self = ctx->self;
  free(*self);
  *self = malloc(64 + in->row_cnt);
  mr_emit(ctx, MR_OUT_MAIN, in);
}

static void leaky_fini(struct mr_op_ctx *ctx) {
  char **self = ctx->self;
  free(*self);
}

static const struct mr_op leaky = {
    .name = "leaky",
    .help = "takes memory while it runs",
    .abi = MR_OP_ABI,
    .kind = MR_OP_STEP,
    .opts = leaky_opts,
    .self_sz = sizeof(char *),
    .plan = leaky_plan,
    .need = leaky_need,
    .process = leaky_process,
    .fini = leaky_fini,
};

static int run(const struct mr_plan *plan) {
  struct mr_run_conf conf = {.isa = mr_isa_detect(), .version = "test"};
  struct mr_run *graph = NULL;
  struct mr_error err = {0};
  mr_clock_system(&conf.clock);
  int rc = mr_run_build(&graph, plan, &conf, &err);
  if (!rc) rc = mr_run_start(graph, &err);
  if (!rc) {
    while (!mr_run_wait(graph, UINT64_C(50000000))) continue;
    rc = mr_run_result(graph, &err);
    const struct mr_stats *stats = mr_run_stats(graph);
    for (uint32_t i = 0; i < plan->worker_cnt; i++)
      printf("%llu\n", (unsigned long long)mr_stat_get(&stats->workers[i].tid));
  }
  if (rc) fprintf(stderr, "alloc_host: %s\n", err.text);
  mr_run_destroy(graph);
  return rc ? 1 : 0;
}

int main(int argc, char **argv) {
  const struct mr_op *ops[64];
  uint32_t cnt = 0;
  if (argc != 2) return 64;
  while (mr_operators.ops[cnt] && cnt < 62) ops[cnt] = mr_operators.ops[cnt], cnt++;
  ops[cnt++] = &leaky;
  ops[cnt] = NULL;
  struct mr_op_table table = {ops};
  struct mr_arena arena = {0};
  struct mr_diags diags;
  mr_diags_init(&diags, &arena);
  struct mr_plan_conf conf = {.ops = &table, .clock = -1};
  const struct mr_plan *plan = mr_plan_load(&arena, argv[1], NULL, 0, &conf, &diags);
  if (!plan) {
    size_t len;
    const char *text = mr_diags_text(&diags, &arena, &len);
    fwrite(text, 1, len, stderr);
    return 78;
  }
  int rc = run(plan);
  mr_arena_free(&arena);
  return rc;
}

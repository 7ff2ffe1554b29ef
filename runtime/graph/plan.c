/* SPDX-License-Identifier: Apache-2.0 */
/* From a graph file to a plan: the stages in order. */
#include "graph/plan.h"

#include <string.h>

#include "base/hash.h"
#include "graph/interp.h"
#include "graph/override.h"
#include "graph/plan_private.h"
#include "graph/secret.h"

/* ---- top level and runtime ---- */

struct runtime_conf {
  const char *data_dir;
  struct {
    int64_t count;
    struct mr_tree *cpus;
    int wait;
  } workers;
  int64_t drain_timeout_ns;
  int at_end, clock, huge_pages;
  int64_t link_items;
  struct {
    const char *dir;
    int64_t interval_ns, keep;
  } checkpoint;
};

#define RT(member)      MR_OPT_AT(struct runtime_conf, member)
#define WORKERS(member) (RT(workers.member) - RT(workers))

static const char *const wait_words[] = {"spin", "adaptive", "block", NULL};
static const char *const end_words[] = {"flush", "hold", NULL};
static const char *const clock_words[] = {"wall", "virtual", NULL};
static const char *const huge_words[] = {"auto", "off", "require", NULL};
static const struct mr_opt worker_opts[] = {
    {"count", MR_OPT_INT64, WORKERS(count), .min = 1, .max = MR_WORKERS_MAX,
     .help = "threads; default: the CPUs that the process may use"},
    {"cpus", MR_OPT_RAW, WORKERS(cpus), .help = "auto, or CPUs to run on"},
    {"wait", MR_OPT_ENUM, WORKERS(wait), .def = "adaptive", .words = wait_words,
     .help = "what a worker without work does"},
    MR_OPT_END};
#define CHECKPOINT(member) (RT(checkpoint.member) - RT(checkpoint))
static const struct mr_opt checkpoint_opts[] = {
    {"dir", MR_OPT_STRING, CHECKPOINT(dir),
     .help = "folder of the graph's checkpoints; default: DATA_DIR/checkpoints/GRAPH"},
    {"interval", MR_OPT_DURATION_NS, CHECKPOINT(interval_ns), .def = "10s", .min = 1e6, .max = 1e18,
     .help = "time from one checkpoint to the next"},
    {"keep", MR_OPT_INT64, CHECKPOINT(keep), .def = "3", .min = 1, .max = 1000,
     .help = "how many are kept; a damaged one is passed over for the one before"},
    MR_OPT_END};
static const struct mr_opt runtime_opts[] = {
    {"data_dir", MR_OPT_STRING, RT(data_dir), .def = "./millrace-data",
     .help = "where files are kept"},
    {"workers", MR_OPT_TABLE, RT(workers), .sub = worker_opts, .help = "threads"},
    {"drain_timeout", MR_OPT_DURATION_NS, RT(drain_timeout_ns), .def = "25s", .min = 0, .max = 1e18,
     .help = "a drain that takes longer is cut short"},
    {"at_end", MR_OPT_ENUM, RT(at_end), .def = "flush", .words = end_words,
     .help = "flush closes open windows when all input has ended, hold keeps them"},
    {"clock", MR_OPT_ENUM, RT(clock), .def = "wall", .words = clock_words,
     .help = "virtual: time follows the rows"},
    {"link_items", MR_OPT_INT64, RT(link_items), .def = "64", .min = 1, .max = 4096,
     .help = "batches that a link between two workers holds"},
    {"checkpoint", MR_OPT_TABLE, RT(checkpoint), .sub = checkpoint_opts,
     .help = "state and positions are kept, so that a killed graph goes on where it was"},
    {"huge_pages", MR_OPT_ENUM, RT(huge_pages), .def = "auto", .words = huge_words,
     .help = "2 MiB pages for batches and rings"},
    MR_OPT_END};

struct top_conf {
  int64_t millrace;
  const char *graph;
  struct mr_tree *runtime, *events, *sources, *steps, *sinks, *tests, *budgets, *later;
};
#define TOP(member) MR_OPT_AT(struct top_conf, member)
static const struct mr_opt top_opts[] = {
    {"millrace", MR_OPT_INT64, TOP(millrace), .required = true, .min = 1, .max = 1,
     .help = "version of this file format"},
    {"graph", MR_OPT_NAME, TOP(graph), .required = true, .help = "name of the graph"},
    {"runtime", MR_OPT_RAW, TOP(runtime), .help = "how the graph runs"},
    {"events", MR_OPT_RAW, TOP(events), .help = "the shapes of rows"},
    {"sources", MR_OPT_RAW, TOP(sources), .required = true, .help = "where rows come from"},
    {"steps", MR_OPT_RAW, TOP(steps), .help = "what happens to them"},
    {"sinks", MR_OPT_RAW, TOP(sinks), .help = "where they go"},
    {"budgets", MR_OPT_RAW, TOP(budgets), .help = "how long rows may take, shown live"},
    {"tests", MR_OPT_RAW, TOP(tests), .help = "tests of the graph: millrace test runs them"},
    {"tables", MR_OPT_RAW, TOP(later), .since = MR_OPT_LATER, .help = "the built-in store"},
    {"api", MR_OPT_RAW, TOP(later), .since = MR_OPT_LATER, .help = "HTTP routes"},
    MR_OPT_END};

const struct mr_opt *mr_graph_options(enum mr_graph_part part) {
  switch (part) {
  case MR_GRAPH_TOP: return top_opts;
  case MR_GRAPH_RUNTIME: return runtime_opts;
  case MR_GRAPH_EVENT: return mr_planner_event_options();
  case MR_GRAPH_FIELD: return mr_planner_field_options();
  case MR_GRAPH_SOURCE: return mr_planner_node_options(MR_SECTION_SOURCES);
  case MR_GRAPH_STEP: return mr_planner_node_options(MR_SECTION_STEPS);
  case MR_GRAPH_STEP_PORTS: return mr_planner_port_options();
  case MR_GRAPH_EXPANDED: return mr_planner_expanded_options();
  case MR_GRAPH_TEST: return mr_planner_test_options();
  case MR_GRAPH_BUDGET: return mr_planner_budget_options();
  default: return mr_planner_node_options(MR_SECTION_SINKS);
  }
}

struct names {
  const char *data_dir;
};

static const char *lookup_name(void *ctx, const char *name) {
  const struct names *names = ctx;
  return !strcmp(name, "data_dir") ? names->data_dir : NULL;
}

static void read_runtime(struct mr_planner *pl, struct mr_tree *tree) {
  struct runtime_conf conf = {0};
  struct mr_opt_reader rd = {pl->arena, pl->diags, NULL};
  mr_opt_read_one(&rd, tree, runtime_opts, &conf);
  struct mr_plan_runtime *rt = &pl->plan->runtime;
  rt->data_dir = conf.data_dir ? conf.data_dir : "./millrace-data";
  rt->wait = (enum mr_wait)conf.workers.wait;
  rt->drain_timeout_ns = conf.drain_timeout_ns;
  rt->at_end = (enum mr_at_end)conf.at_end;
  rt->virtual_clock = pl->conf->clock >= 0 ? pl->conf->clock == 1 : conf.clock == 1;
  rt->link_items = conf.link_items ? (uint32_t)conf.link_items : MR_LINK_ITEMS;
  rt->huge_pages = (enum mr_huge_pages)conf.huge_pages;
  if (mr_tree_get(tree, "checkpoint")) {
    const char *dir = conf.checkpoint.dir;
    if (!dir) dir = mr_arena_printf(pl->arena, "%s/checkpoints/%s", rt->data_dir, pl->plan->graph);
    rt->checkpoint = (struct mr_plan_checkpoint){dir, conf.checkpoint.interval_ns,
                                                 (uint32_t)conf.checkpoint.keep};
  }
  pl->worker_count = conf.workers.count;
  pl->worker_cpus = conf.workers.cpus;
}

void mr_planner_read_top(struct mr_planner *pl) {
  struct mr_secrets *secrets = MR_NEW(pl->arena, struct mr_secrets, 1);
  secrets->arena = pl->arena;
  pl->plan->secrets = pl->diags->secrets = secrets;
  struct mr_interp interp = {.no_env = pl->conf->no_env, .secrets = secrets};
  struct mr_tree *rt = mr_tree_get(pl->root, "runtime");
  if (rt) mr_interp_apply(&interp, pl->arena, rt, pl->diags);
  struct names names = {"./millrace-data"};
  struct mr_tree *dir = mr_tree_find(pl->root, "runtime.data_dir");
  if (dir && dir->kind == MR_TREE_SCALAR && dir->len) names.data_dir = dir->text;
  interp.lookup = lookup_name;
  interp.ctx = &names;
  mr_interp_apply(&interp, pl->arena, pl->root, pl->diags);
  struct top_conf top = {0};
  struct mr_opt_reader rd = {pl->arena, pl->diags, NULL};
  mr_opt_read_one(&rd, pl->root, top_opts, &top);
  pl->plan->graph = top.graph ? top.graph : "graph";
  pl->events_tree = top.events;
  pl->sections[MR_SECTION_SOURCES] = top.sources;
  pl->sections[MR_SECTION_STEPS] = top.steps;
  pl->sections[MR_SECTION_SINKS] = top.sinks;
  read_runtime(pl, top.runtime);
}

/* ---- the whole ---- */

static uint64_t hash_config(const struct mr_source *src, const struct mr_plan_conf *conf) {
  uint64_t h = mr_hash_bytes(src->text, src->len);
  for (uint32_t i = 0; i < conf->set_cnt; i++)
    h = mr_hash_combine(h, mr_hash_bytes(conf->sets[i], strlen(conf->sets[i])));
  return h;
}

struct mr_plan *mr_plan_load(struct mr_arena *arena, const char *file, const char *text, size_t len,
                             const struct mr_plan_conf *conf, struct mr_diags *diags) {
  const struct mr_source *src = NULL;
  struct mr_planner pl = {.arena = arena, .diags = diags, .conf = conf};
  if (text) {
    if (len > MR_GRAPH_FILE_MAX) {
      struct mr_span none = {0};
      mr_diag_error(diags, MR_CODE_FILE_TOO_LARGE, none, "%s is larger than %llu bytes", file,
                    (unsigned long long)MR_GRAPH_FILE_MAX);
      return NULL;
    }
    src = mr_source_make(arena, file, text, len);
    pl.root = mr_tree_load(arena, src, diags);
  } else {
    pl.root = mr_tree_load_file(arena, file, diags, &src);
  }
  for (uint32_t i = 0; pl.root && i < conf->set_cnt; i++)
    mr_override_apply(arena, &pl.root, conf->sets[i], diags);
  if (!pl.root) return NULL;
  struct mr_plan *plan = MR_NEW(arena, struct mr_plan, 1);
  plan->arena = arena;
  plan->tree = pl.root;
  plan->file = file;
  plan->seed = conf->seed;
  plan->seed_given = conf->seed_given;
  plan->no_inputs = conf->no_inputs;
  plan->config_hash = hash_config(src, conf);
  pl.plan = plan;
  mr_planner_read_top(&pl);
  mr_planner_read_events(&pl);
  mr_planner_read_nodes(&pl);
  bool cycle = false;
  for (uint32_t i = 0; i < diags->cnt; i++) cycle |= diags->items[i]->code == MR_CODE_CYCLE;
  mr_planner_read_tests(&pl);
  if (!cycle) mr_planner_type(&pl);
  if (!diags->error_cnt) mr_planner_check_tests(&pl);
  if (!diags->error_cnt) mr_planner_place(&pl);
  mr_planner_check_budgets(&pl);
  return diags->error_cnt ? NULL : plan;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "embed/millrace.h"

#include <stdlib.h>
#include <string.h>

#include "attach/percentile.h"
#include "attach/report.h"
#include "base/clock.h"
#include "base/cpu.h"
#include "base/lines.h"
#include "base/version.h"
#include "embed/embed_private.h"
#include "operators/format/row_text.h"
#include "operators/operators.h"
#include "shm/headroom.h"
#include "shm/run_dir.h"
#include "shm/segment.h"

const char *mr_version(void) {
  return MR_VERSION;
}

/* ---- open and close ---- */

static void log_event(void *ctx, const struct mr_log_event *event) {
  const struct mr_graph *graph = ctx;
  char line[2048];
  int64_t now_us = mr_clock_wall_us(&graph->clock);
  int len = mr_log_format_line(line, sizeof line, MR_LOG_LOGFMT, now_us, event);
  line[len] = 0;
  graph->conf.log(graph->conf.ctx, line);
}

/* feed and take first: a host may replace the others by its own of the same name. */
static int make_table(struct mr_graph *graph, struct mr_error *err) {
  uint32_t cnt = 0;
  graph->ops[cnt++] = &mr_op_feed;
  graph->ops[cnt++] = &mr_op_take;
  const struct mr_op *const *lists[] = {graph->conf.ops, mr_operators.ops};
  for (uint32_t i = 0; i < 2; i++)
    for (const struct mr_op *const *op = lists[i]; op && *op; op++) {
      if (cnt == MR_GRAPH_OPS_MAX - 1)
        return mr_error_set(err, MR_ERR_LIMIT, "more than %u operators", MR_GRAPH_OPS_MAX - 1);
      if ((*op)->abi != MR_OP_ABI)
        return mr_error_set(err, MR_ERR_ARG, "operator %s has ABI %u, want %u", (*op)->name,
                            (*op)->abi, MR_OP_ABI);
      graph->ops[cnt++] = *op;
    }
  graph->table.ops = graph->ops;
  return MR_OK;
}

static int make_plan(struct mr_graph *graph, struct mr_error *err) {
  const struct mr_graph_conf *conf = &graph->conf;
  int32_t *cpus = MR_NEW(&graph->arena, int32_t, MR_WORKERS_MAX);
  struct mr_plan_conf pc = {.ops = &graph->table,
                            .sets = conf->sets,
                            .set_cnt = conf->set_cnt,
                            .clock = -1,
                            .seed = conf->seed,
                            .seed_given = conf->seed_given,
                            .cpus = cpus,
                            .cpu_cnt = mr_headroom_cpus(cpus, MR_WORKERS_MAX)};
  struct mr_diags diags;
  mr_diags_init(&diags, &graph->arena);
  const char *name = mr_arena_strdup(&graph->arena, conf->name ? conf->name : "graph");
  const char *text = mr_arena_strndup(&graph->arena, conf->text, conf->len);
  graph->plan = mr_plan_load(&graph->arena, name, text, conf->len, &pc, &diags);
  if (graph->plan) return MR_OK;
  return mr_error_set(err, MR_ERR_CONF, "%s", mr_diags_text(&diags, &graph->arena, NULL));
}

static int make_run(struct mr_graph *graph, struct mr_error *err) {
  const struct mr_graph_conf *conf = &graph->conf;
  struct mr_run_conf rc = {.isa = mr_isa_detect(),
                           .pin = conf->pin,
                           .version = MR_VERSION,
                           .row_text = mr_format_row_text,
                           .no_stats = conf->no_stats,
                           .host = graph};
  mr_clock_system(&graph->clock);
  rc.clock = graph->clock;
  if (conf->log) rc.log = (struct mr_log){.fn = log_event, .ctx = graph};
  struct mr_run_dir dir;
  if (conf->observable) {
    int status = mr_run_dir_choose(&dir, 1 << 20, err);
    if (status) return status;
    rc.run_dir = mr_arena_strdup(&graph->arena, dir.path);
  }
  return mr_run_build(&graph->run, graph->plan, &rc, err);
}

struct mr_graph *mr_graph_open(const struct mr_graph_conf *conf, struct mr_error *err) {
  struct mr_error unread;
  if (!err) err = &unread;
  mr_error_clear(err);
  struct mr_graph *graph = conf->text ? calloc(1, sizeof *graph) : NULL;
  if (!graph) {
    mr_error_set(err, conf->text ? MR_ERR_NOMEM : MR_ERR_ARG,
                 conf->text ? "no memory" : "no text of a graph is given");
    return NULL;
  }
  graph->conf = *conf;
  int rc = make_table(graph, err);
  if (!rc) rc = make_plan(graph, err);
  if (!rc) rc = make_run(graph, err);
  graph->conf.text = graph->conf.name = NULL;
  graph->conf.sets = NULL;
  if (!rc) return graph;
  mr_graph_close(graph);
  return NULL;
}

void mr_graph_close(struct mr_graph *graph) {
  if (!graph) return;
  mr_run_destroy(graph->run);
  mr_arena_free(&graph->arena);
  free(graph);
}

/* ---- running ---- */

int mr_graph_start(struct mr_graph *graph, struct mr_error *err) {
  if (graph->started) return mr_error_set(err, MR_ERR_STATE, "the graph is started already");
  graph->started = true;
  return mr_run_start(graph->run, err);
}

static bool step_all(struct mr_graph *graph, bool *did) {
  bool live = false;
  *did = false;
  if (graph->started) return false;
  for (uint32_t w = 0; w < graph->plan->worker_cnt; w++) *did |= mr_run_step(graph->run, w, &live);
  return live;
}

bool mr_graph_step(struct mr_graph *graph) {
  bool did;
  return step_all(graph, &did);
}

bool mr_graph_run(struct mr_graph *graph, uint32_t idle) {
  bool live = true, did;
  for (uint32_t quiet = 0; live && quiet < idle; quiet = did ? 0 : quiet + 1)
    live = step_all(graph, &did);
  return !live;
}

void mr_graph_drain(struct mr_graph *graph) {
  mr_run_drain(graph->run);
}

void mr_graph_abort(struct mr_graph *graph) {
  mr_run_abort(graph->run);
}

int mr_graph_wait(struct mr_graph *graph, uint64_t timeout_ns, struct mr_error *err) {
  struct mr_error unread;
  if (!err) err = &unread;
  mr_error_clear(err);
  if (graph->started && !mr_run_wait(graph->run, timeout_ns))
    return mr_error_set(err, MR_ERR_AGAIN, "the graph still runs");
  if (!graph->started && step_all(graph, &(bool){false}))
    return mr_error_set(err, MR_ERR_AGAIN, "the graph has not ended");
  return mr_run_result(graph->run, err);
}

/* ---- what it counts ---- */

static int snapshot(struct mr_graph *graph, struct mr_snapshot *snap, struct mr_error *err) {
  if (graph->conf.no_stats) return mr_error_set(err, MR_ERR_STATE, "the graph keeps no stats");
  if (!graph->started) mr_run_publish(graph->run);
  const struct mr_segment *segment = mr_run_segment(graph->run);
  struct mr_attach *attach = malloc(sizeof *attach);
  if (!attach) return mr_error_set(err, MR_ERR_NOMEM, "no memory");
  int rc = MR_ERR_STATE;
  if (mr_attach_memory(attach, segment->base, segment->sz) == MR_ATTACH_OK)
    rc = mr_snapshot_take(attach, snap);
  mr_attach_close(attach);
  free(attach);
  return rc ? mr_error_set(err, rc, "the stats cannot be read") : MR_OK;
}

static void latency_of(const struct mr_hist *hist, struct mr_graph_latency *out) {
  struct mr_percentiles p;
  mr_percentiles_of(hist, &p);
  *out = (struct mr_graph_latency){.count = p.count,
                                   .p50_ns = p.p50,
                                   .p90_ns = p.p90,
                                   .p99_ns = p.p99,
                                   .p99_9_ns = p.p99_9,
                                   .max_ns = p.max,
                                   .mean_ns = p.mean};
}

static void add_node(struct mr_graph_counts *out, const struct mr_node_stat *n) {
  out->rows_in += mr_snapshot_word(&n->rows_in);
  out->rows_out += mr_snapshot_word(&n->rows_out);
  out->absorbed += mr_snapshot_word(&n->absorbed);
  out->filtered += mr_snapshot_word(&n->filtered);
  out->late += mr_snapshot_word(&n->late);
  out->dropped += mr_snapshot_word(&n->dropped);
  out->dead_letters += mr_snapshot_word(&n->dead_letters);
  out->busy_ns += mr_snapshot_word(&n->busy_ns);
  out->blocked_ns += mr_snapshot_word(&n->blocked_ns);
}

int mr_graph_node_counts(struct mr_graph *graph, const char *node, struct mr_graph_counts *out,
                         struct mr_error *err) {
  struct mr_snapshot snap = {0};
  struct mr_hist *sum = calloc(1, sizeof *sum);
  *out = (struct mr_graph_counts){0};
  int rc = sum ? snapshot(graph, &snap, err) : mr_error_set(err, MR_ERR_NOMEM, "no memory");
  bool found = false;
  for (uint32_t i = 0; !rc && i < snap.node_cnt; i++) {
    if (strcmp(snap.nodes[i].name, node) != 0) continue;
    found = true;
    add_node(out, &snap.nodes[i]);
    mr_percentile_merge(sum, &snap.nodes[i].service_ns);
  }
  if (!rc && !found) rc = mr_error_set(err, MR_ERR_NOENT, "no node is named \"%s\"", node);
  if (!rc) latency_of(sum, &out->service);
  mr_snapshot_free(&snap);
  free(sum);
  return rc;
}

struct path_want {
  const char *source, *sink;
  struct mr_graph_latency *out;
  bool found;
};

static void look_at_path(void *ctx, const char *from, const char *to, const struct mr_hist *hist) {
  struct path_want *want = ctx;
  if (strcmp(from, want->source) != 0 || strcmp(to, want->sink) != 0) return;
  latency_of(hist, want->out);
  want->found = true;
}

int mr_graph_path_latency(struct mr_graph *graph, const char *source, const char *sink,
                          struct mr_graph_latency *out, struct mr_error *err) {
  struct mr_snapshot snap = {0};
  struct path_want want = {source, sink, out, false};
  *out = (struct mr_graph_latency){0};
  int rc = snapshot(graph, &snap, err);
  if (!rc) mr_report_paths(&snap, look_at_path, &want);
  if (!rc && !want.found)
    rc = mr_error_set(err, MR_ERR_NOENT, "no path from %s to %s", source, sink);
  mr_snapshot_free(&snap);
  return rc;
}

int64_t mr_graph_stat_json(struct mr_graph *graph, char *buf, size_t sz) {
  struct mr_snapshot snap = {0};
  struct mr_arena arena = {0};
  struct mr_lines lines = {.arena = &arena};
  int64_t rc = snapshot(graph, &snap, NULL);
  if (!rc) {
    mr_report_json(&lines, &snap);
    rc = lines.len < sz ? (int64_t)lines.len : MR_ERR_LIMIT;
    if (rc >= 0) memcpy(buf, lines.text, lines.len + 1);
  }
  mr_snapshot_free(&snap);
  mr_arena_free(&arena);
  return rc;
}

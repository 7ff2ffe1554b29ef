/* SPDX-License-Identifier: Apache-2.0 */
#include "attach/millrace_stat.h"

#include <stdlib.h>
#include <string.h>

#include "attach/percentile.h"
#include "attach/report.h"

struct mr_observer {
  struct mr_attach attach;
  struct mr_snapshot snaps[2]; /* cur: the last look; the other one: the look before */
  uint32_t cur, looks;
  uint32_t shown_cnt;
  uint32_t *shown; /* indices of the nodes that are no planner's */
};

struct value {
  const char *name;
  size_t off;
};
#define VALUE(member)                                                                              \
  { #member, offsetof(struct mr_node_stat, member) }
static const struct value values[] = {
    VALUE(rows_in),      VALUE(rows_out), VALUE(absorbed),   VALUE(filtered),     VALUE(late),
    VALUE(late_partial), VALUE(future),   VALUE(dropped),    VALUE(dead_letters), VALUE(bytes_in),
    VALUE(bytes_out),    VALUE(busy_ns),  VALUE(blocked_ns), VALUE(idle_ns),
};
#define VALUE_CNT (sizeof values / sizeof values[0])

/* ---- finding ---- */

struct each {
  mr_observer_graph_fn fn;
  void *ctx;
};

static bool show_graph(void *ctx, const char *path) {
  const struct each *each = ctx;
  struct mr_attach *attach = malloc(sizeof *attach);
  bool more = true;
  if (attach && mr_attach_file(attach, path) == MR_ATTACH_OK) {
    const char *state = mr_attach_state_str(mr_attach_state(attach));
    more = each->fn(each->ctx, attach->graph, (uint64_t)attach->process.pid, state);
    mr_attach_close(attach);
  }
  free(attach);
  return more;
}

void mr_observer_each(mr_observer_graph_fn fn, void *ctx) {
  struct each each = {fn, ctx};
  mr_attach_each(show_graph, &each);
}

struct mr_observer *mr_observer_open(const char *name_or_pid, struct mr_error *err) {
  struct mr_error unread;
  if (!err) err = &unread;
  mr_error_clear(err);
  struct mr_observer *o = calloc(1, sizeof *o);
  if (!o) {
    mr_error_set(err, MR_ERR_NOMEM, "no memory");
    return NULL;
  }
  if (mr_attach_find(&o->attach, name_or_pid, err) == MR_ATTACH_OK && !mr_observer_look(o, err))
    return o;
  if (!err->code) err->code = MR_ERR_NOENT;
  mr_observer_close(o);
  return NULL;
}

void mr_observer_close(struct mr_observer *o) {
  if (!o) return;
  mr_snapshot_free(&o->snaps[0]);
  mr_snapshot_free(&o->snaps[1]);
  if (o->attach.base) mr_attach_close(&o->attach);
  free(o->shown);
  free(o);
}

/* ---- looking ---- */

static const struct mr_snapshot *last(const struct mr_observer *o) {
  return &o->snaps[o->cur];
}

static int list_shown(struct mr_observer *o, struct mr_error *err) {
  const struct mr_snapshot *snap = last(o);
  uint32_t *shown = realloc(o->shown, (snap->node_cnt + 1) * sizeof *shown);
  if (!shown) return mr_error_set(err, MR_ERR_NOMEM, "no memory");
  o->shown = shown;
  o->shown_cnt = 0;
  for (uint32_t i = 0; i < snap->node_cnt; i++)
    if (!mr_snapshot_node_hidden(snap, i)) shown[o->shown_cnt++] = i;
  return MR_OK;
}

int mr_observer_look(struct mr_observer *o, struct mr_error *err) {
  uint32_t next = o->cur ^ 1u;
  int rc = mr_snapshot_take(&o->attach, &o->snaps[next]);
  if (rc) return mr_error_set(err, rc, "the stats of %s cannot be read", o->attach.graph);
  o->cur = next;
  o->looks++;
  return list_shown(o, err);
}

const char *mr_observer_graph(const struct mr_observer *o) {
  return last(o)->graph;
}
const char *mr_observer_state(const struct mr_observer *o) {
  return mr_attach_state_str(last(o)->state);
}
uint64_t mr_observer_pid(const struct mr_observer *o) {
  return last(o)->pid;
}
uint64_t mr_observer_uptime_ns(const struct mr_observer *o) {
  return last(o)->uptime_ns;
}
uint64_t mr_observer_interval_ns(const struct mr_observer *o) {
  if (o->looks < 2) return last(o)->uptime_ns;
  return last(o)->taken_mono_ns - o->snaps[o->cur ^ 1u].taken_mono_ns;
}

/* ---- nodes ---- */

uint32_t mr_observer_nodes(const struct mr_observer *o) {
  return o->shown_cnt;
}

static const struct mr_node_stat *node_of(const struct mr_observer *o, uint32_t node) {
  return node < o->shown_cnt ? &last(o)->nodes[o->shown[node]] : NULL;
}

const char *mr_observer_node_name(const struct mr_observer *o, uint32_t node) {
  const struct mr_node_stat *n = node_of(o, node);
  return n ? n->name : NULL;
}
const char *mr_observer_node_type(const struct mr_observer *o, uint32_t node) {
  const struct mr_node_stat *n = node_of(o, node);
  return n ? n->type : NULL;
}
uint32_t mr_observer_node_instance(const struct mr_observer *o, uint32_t node) {
  const struct mr_node_stat *n = node_of(o, node);
  return n ? n->instance : 0;
}

const char *mr_observer_value_name(uint32_t idx) {
  return idx < VALUE_CNT ? values[idx].name : NULL;
}

static uint64_t value_of(const struct mr_node_stat *n, const char *name) {
  for (size_t i = 0; n && i < VALUE_CNT; i++)
    if (!strcmp(values[i].name, name))
      return mr_snapshot_word((const _Atomic uint64_t *)((const uint8_t *)n + values[i].off));
  return 0;
}

uint64_t mr_observer_node_value(const struct mr_observer *o, uint32_t node, const char *name) {
  return value_of(node_of(o, node), name);
}

uint64_t mr_observer_node_delta(const struct mr_observer *o, uint32_t node, const char *name) {
  uint64_t now = value_of(node_of(o, node), name);
  if (o->looks < 2 || node >= o->shown_cnt) return now;
  uint64_t before = value_of(&o->snaps[o->cur ^ 1u].nodes[o->shown[node]], name);
  return now > before ? now - before : 0;
}

/* ---- latencies ---- */

uint64_t mr_observer_node_percentile_ns(const struct mr_observer *o, uint32_t node,
                                        double percentile) {
  const struct mr_node_stat *n = node_of(o, node);
  return n ? mr_percentile(&n->service_ns, percentile) : 0;
}

uint64_t mr_observer_node_calls(const struct mr_observer *o, uint32_t node) {
  const struct mr_node_stat *n = node_of(o, node);
  struct mr_percentiles p = {0};
  if (n) mr_percentiles_of(&n->service_ns, &p);
  return p.count;
}

struct path_want {
  const char *source, *sink;
  double percentile;
  uint64_t *ns, *count;
  bool found;
};

static void look_at_path(void *ctx, const char *from, const char *to, const struct mr_hist *hist) {
  struct path_want *want = ctx;
  if (strcmp(from, want->source) != 0 || strcmp(to, want->sink) != 0) return;
  struct mr_percentiles p;
  mr_percentiles_of(hist, &p);
  *want->ns = mr_percentile(hist, want->percentile);
  *want->count = p.count;
  want->found = true;
}

bool mr_observer_path_percentile_ns(const struct mr_observer *o, const char *source,
                                    const char *sink, double percentile, uint64_t *ns,
                                    uint64_t *count) {
  struct path_want want = {source, sink, percentile, ns, count, false};
  mr_report_paths(last(o), look_at_path, &want);
  return want.found;
}

int64_t mr_observer_json(const struct mr_observer *o, char *buf, size_t sz) {
  struct mr_arena arena = {0};
  struct mr_lines lines = {.arena = &arena};
  mr_report_json(&lines, last(o));
  int64_t len = lines.len < sz ? (int64_t)lines.len : MR_ERR_LIMIT;
  if (len >= 0) memcpy(buf, lines.text, lines.len + 1);
  mr_arena_free(&arena);
  return len;
}

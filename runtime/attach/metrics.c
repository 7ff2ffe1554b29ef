/* SPDX-License-Identifier: Apache-2.0 */
#include "attach/metrics.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "attach/budget.h"
#include "attach/process_private.h"
#include "base/text.h"
#include "stats/stats_abi.h"

/* ---- the table ---- */

enum scope { GRAPH, NODE, WINDOW, STATE, TIMED, LINK, PATH, PARTITION, WORKER, BUDGET, PROCESS };

struct draw;

struct row {
  struct mr_metric m;
  enum scope scope;
  double scale;              /* of the word at off */
  size_t off;                /* of a word or histogram in the scope's entry */
  const char *label, *value; /* one more label with a fixed value, or NULL */
  /* computed instead of read; false: there is none now. idx: of a node's first instance, a link, a
   * path, a partition, a worker */
  bool (*compute)(const struct draw *d, uint32_t idx, double *value);
};

struct draw {
  struct mr_lines *out;
  const struct mr_snapshot *snap;
  const struct mr_topology *topology;
  const struct mr_budget *budgets;
  uint32_t budget_cnt;
  struct mr_process_numbers process;
  bool live;
};

static bool one(const struct draw *d, uint32_t idx, double *value);
static bool watermark(const struct draw *d, uint32_t idx, double *value);
static bool watermark_lag(const struct draw *d, uint32_t idx, double *value);
static bool state_limit(const struct draw *d, uint32_t idx, double *value);
static bool holds(const struct draw *d, uint32_t idx, double *value);
static bool lag_records(const struct draw *d, uint32_t idx, double *value);
static bool depth(const struct draw *d, uint32_t idx, double *value);
static bool capacity(const struct draw *d, uint32_t idx, double *value);
static bool pinned_cpu(const struct draw *d, uint32_t idx, double *value);
static bool switches_own(const struct draw *d, uint32_t idx, double *value);
static bool switches_forced(const struct draw *d, uint32_t idx, double *value);
static bool cpu_seconds(const struct draw *d, uint32_t idx, double *value);
static bool start_seconds(const struct draw *d, uint32_t idx, double *value);
static bool resident(const struct draw *d, uint32_t idx, double *value);
static bool virtual_size(const struct draw *d, uint32_t idx, double *value);
static bool open_fds(const struct draw *d, uint32_t idx, double *value);
static bool max_fds(const struct draw *d, uint32_t idx, double *value);

#define ROW(name_, kind_, labels_, help_) .m = {name_, help_, MR_METRIC_##kind_, labels_}
#define N(field)                          .scale = 1, .off = offsetof(struct mr_node_stat, field)
#define NS(field)                         .scale = 1e-9, .off = offsetof(struct mr_node_stat, field)
#define L(field)                          .scale = 1, .off = offsetof(struct mr_link_stat, field)

/* clang-format off */
static const struct row rows[] = {
  {ROW("millrace_build_info", GAUGE, "version", "The program that runs the graph."),
   GRAPH, .compute = one, .label = "version"},
  {ROW("millrace_runtime_info", GAUGE, "clock, pinning", "What the run was given."),
   GRAPH, .compute = one, .label = "clock"},
  {ROW("process_cpu_seconds_total", COUNTER, "", "User and system CPU time spent."),
   PROCESS, .compute = cpu_seconds},
  {ROW("process_start_time_seconds", GAUGE, "", "Start of the process since the epoch."),
   PROCESS, .compute = start_seconds},
  {ROW("process_resident_memory_bytes", GAUGE, "", "Resident memory size."),
   PROCESS, .compute = resident},
  {ROW("process_virtual_memory_bytes", GAUGE, "", "Virtual memory size."),
   PROCESS, .compute = virtual_size},
  {ROW("process_open_fds", GAUGE, "", "Open file descriptors."), PROCESS, .compute = open_fds},
  {ROW("process_max_fds", GAUGE, "", "File descriptors that may be open."),
   PROCESS, .compute = max_fds},
  {ROW("millrace_node_events_in_total", COUNTER, "node, type", "Rows that came in."),
   NODE, N(rows_in)},
  {ROW("millrace_node_events_out_total", COUNTER, "node, type, output",
       "Rows that went out, once however many nodes read them; of a sink: written."),
   NODE, N(rows_out), .label = "output", .value = "main"},
  {ROW("millrace_node_bytes_in_total", COUNTER, "node, type", "Bytes that a source read."),
   NODE, N(bytes_in)},
  {ROW("millrace_node_bytes_out_total", COUNTER, "node, type", "Bytes that a sink wrote."),
   NODE, N(bytes_out)},
  {ROW("millrace_node_events_dropped_total", COUNTER, "node, type, reason, intended",
       "Rows that went nowhere further, by reason."),
   NODE, N(filtered), .label = "reason\0intended", .value = "filtered\0true"},
  {ROW("millrace_node_events_dropped_total", COUNTER, "", ""),
   NODE, N(late), .label = "reason\0intended", .value = "late\0true"},
  {ROW("millrace_node_events_dropped_total", COUNTER, "", ""),
   NODE, N(dropped), .label = "reason\0intended", .value = "dropped\0false"},
  {ROW("millrace_node_errors_total", COUNTER, "node, type, kind",
       "Rows in error, by what became of them."),
   NODE, N(dead_letters), .label = "kind", .value = "dead_letter"},
  {ROW("millrace_node_busy_seconds_total", COUNTER, "node, type", "Time that the node worked."),
   NODE, NS(busy_ns)},
  {ROW("millrace_node_blocked_seconds_total", COUNTER, "node, type",
       "Time that the node had work and no room downstream."),
   NODE, NS(blocked_ns)},
  {ROW("millrace_node_idle_seconds_total", COUNTER, "node, type", "All other time of the node."),
   NODE, NS(idle_ns)},
  {ROW("millrace_node_service_seconds", HISTOGRAM, "node, type", "Time of one call of the node."),
   NODE, NS(service_ns)},
  {ROW("millrace_link_wait_seconds", HISTOGRAM, "link", "Time of an item on the link."),
   LINK, .scale = 1e-9, .off = offsetof(struct mr_link_stat, wait_ns)},
  {ROW("millrace_link_capacity_items", GAUGE, "link", "Items that the link can hold."),
   LINK, .compute = capacity},
  {ROW("millrace_link_depth_items", GAUGE, "link", "Items on the link now."),
   LINK, .compute = depth},
  {ROW("millrace_link_depth_peak_items", GAUGE, "link", "The most items that lay on the link."),
   LINK, L(depth_peak)},
  {ROW("millrace_link_full_total", COUNTER, "link", "Times that the link became full."),
   LINK, L(full)},
  {ROW("millrace_path_latency_seconds", HISTOGRAM, "path",
       "Time of a row from a source to a sink."),
   PATH, .scale = 1e-9},
  {ROW("millrace_budget_limit_seconds", GAUGE, "budget, path, quantile",
       "How long rows may take from a source to a sink."),
   BUDGET, .scale = 1e-9, .off = offsetof(struct mr_budget_limit, limit_ns)},
  {ROW("millrace_budget_latency_seconds", GAUGE, "budget, path, quantile",
       "How long they took since the start."),
   BUDGET, .scale = 1e-9, .off = offsetof(struct mr_budget_limit, value_ns)},
  {ROW("millrace_watermark_timestamp_seconds", GAUGE, "node, type",
       "Event time up to which the node is complete."),
   TIMED, .compute = watermark},
  {ROW("millrace_watermark_lag_seconds", GAUGE, "node, type",
       "How far the watermark is behind the graph's clock."),
   TIMED, .compute = watermark_lag},
  {ROW("millrace_source_partition_idle", GAUGE, "source, partition",
       "1 while the partition is left out of watermarks."),
   PARTITION, .scale = 1, .off = offsetof(struct mr_partition_stat, idle)},
  {ROW("millrace_source_partition_holds_watermark", GAUGE, "source, partition",
       "1 while some node's watermark waits for the partition."),
   PARTITION, .compute = holds},
  {ROW("millrace_source_partition_lag_records", GAUGE, "source, partition",
       "Records of the partition that can be read and were not yet."),
   PARTITION, .compute = lag_records},
  {ROW("millrace_window_open_windows", GAUGE, "node, type", "Windows that have not closed yet."),
   WINDOW, N(windows_open)},
  {ROW("millrace_window_closed_total", COUNTER, "node, type", "Windows that have closed."),
   WINDOW, N(windows_closed)},
  {ROW("millrace_window_late_events_total", COUNTER, "node, type, action", "Rows that came late."),
   WINDOW, N(late), .label = "action"},
  {ROW("millrace_state_keys", GAUGE, "node, type", "Groups in the node's state."),
   STATE, N(state_keys)},
  {ROW("millrace_state_size_bytes", GAUGE, "node, type", "Memory of the node's state."),
   STATE, N(state_bytes)},
  {ROW("millrace_state_limit_bytes", GAUGE, "node, type", "Memory that the node's state may take."),
   STATE, .compute = state_limit},
  {ROW("millrace_worker_cpu", GAUGE, "worker", "CPU that the worker is pinned to."),
   WORKER, .compute = pinned_cpu},
  {ROW("millrace_worker_context_switches_total", COUNTER, "worker, kind",
       "Times that the worker's thread left its CPU."),
   WORKER, .compute = switches_own, .label = "kind", .value = "voluntary"},
  {ROW("millrace_worker_context_switches_total", COUNTER, "", ""),
   WORKER, .compute = switches_forced, .label = "kind", .value = "involuntary"},
};
/* clang-format on */

#define ROW_CNT ((uint32_t)(sizeof rows / sizeof *rows))

const char *mr_metric_kind_str(enum mr_metric_kind kind) {
  return kind == MR_METRIC_COUNTER ? "counter" : kind == MR_METRIC_GAUGE ? "gauge" : "histogram";
}

/* ---- computed ones ---- */

static bool one(const struct draw *d, uint32_t idx, double *value) {
  (void)d, (void)idx;
  *value = 1;
  return true;
}

static const struct mr_topology_node *node_of(const struct draw *d, uint32_t instance) {
  for (uint32_t i = 0; i < d->topology->node_cnt; i++)
    if (d->topology->nodes[i].first == instance) return &d->topology->nodes[i];
  return NULL;
}

static bool watermark_us(const struct draw *d, uint32_t idx, int64_t *us) {
  const struct mr_topology_node *n = node_of(d, idx);
  if (!n) return false;
  *us = mr_topology_watermark_us(d->snap, n);
  return *us != INT64_MIN && *us != INT64_MAX;
}

static bool lag_records(const struct draw *d, uint32_t idx, double *value) {
  const struct mr_partition_stat *p = &d->snap->partitions[idx];
  uint64_t next = mr_snapshot_word(&p->next), end = mr_snapshot_word(&p->end);
  *value = end > next ? (double)(end - next) : 0;
  return end > 0;
}

static bool watermark(const struct draw *d, uint32_t idx, double *value) {
  int64_t us;
  if (!watermark_us(d, idx, &us)) return false;
  *value = (double)us * 1e-6;
  return true;
}

static bool watermark_lag(const struct draw *d, uint32_t idx, double *value) {
  int64_t us, clock = mr_topology_clock_us(d->snap);
  if (!watermark_us(d, idx, &us) || clock == INT64_MIN) return false;
  *value = ((double)clock - (double)us) * 1e-6;
  return true;
}

static bool state_limit(const struct draw *d, uint32_t idx, double *value) {
  const struct mr_topology_node *n = node_of(d, idx);
  if (!n || !n->state_max) return false;
  *value = (double)n->state_max * n->cnt;
  return true;
}

static bool holds(const struct draw *d, uint32_t idx, double *value) {
  *value = 0;
  for (uint32_t i = 0; i < d->topology->node_cnt; i++)
    if (d->topology->nodes[i].timed &&
        mr_topology_source_holder(d->topology, d->snap, &d->topology->nodes[i]) == idx)
      *value = 1;
  return true;
}

static bool depth(const struct draw *d, uint32_t idx, double *value) {
  *value = (double)mr_snapshot_depth_items(&d->snap->links[idx]);
  return true;
}

static bool capacity(const struct draw *d, uint32_t idx, double *value) {
  *value = d->snap->links[idx].capacity;
  return true;
}

static bool pinned_cpu(const struct draw *d, uint32_t idx, double *value) {
  *value = (double)(int64_t)mr_snapshot_word(&d->snap->workers[idx].cpu);
  return *value >= 0;
}

static bool switches_own(const struct draw *d, uint32_t idx, double *value) {
  double forced;
  return d->live && mr_process_switches(d->snap->pid, mr_snapshot_word(&d->snap->workers[idx].tid),
                                        value, &forced);
}

static bool switches_forced(const struct draw *d, uint32_t idx, double *value) {
  double own;
  return d->live && mr_process_switches(d->snap->pid, mr_snapshot_word(&d->snap->workers[idx].tid),
                                        &own, value);
}

#define OF_PROCESS(fn, field)                                                                      \
  static bool fn(const struct draw *d, uint32_t idx, double *value) {                              \
    (void)idx;                                                                                     \
    *value = d->process.field;                                                                     \
    return d->live && *value >= 0;                                                                 \
  }
OF_PROCESS(cpu_seconds, cpu_s)
OF_PROCESS(start_seconds, start_s)
OF_PROCESS(resident, resident_bytes)
OF_PROCESS(virtual_size, virtual_bytes)
OF_PROCESS(open_fds, open_fds)
OF_PROCESS(max_fds, max_fds)

/* ---- text ---- */

static void put_number(struct mr_lines *out, double v) {
  char buf[MR_TEXT_DOUBLE_SZ];
  mr_lines_add(out, "%.*s", (int)mr_double_format(buf, v), buf);
}

static void put_label(struct mr_lines *out, const char *name, const char *value) {
  mr_lines_add(out, ",%s=\"", name);
  for (; *value; value++) {
    if (*value == '"' || *value == '\\') mr_lines_add(out, "\\");
    if (*value == '\n')
      mr_lines_add(out, "\\n");
    else
      mr_lines_add(out, "%c", *value);
  }
  mr_lines_add(out, "\"");
}

static const char *instance_text(const struct mr_snapshot *snap, uint32_t idx, char *buf,
                                 size_t sz) {
  const struct mr_node_stat *n = &snap->nodes[idx];
  bool several =
      n->instance > 0 || (idx + 1 < snap->node_cnt && !strcmp(snap->nodes[idx + 1].name, n->name));
  snprintf(buf, sz, several ? "%s/%u" : "%s", n->name, n->instance);
  return buf;
}

/* The labels that a scope's entry has beside graph. */
static void put_scope(const struct draw *d, const struct row *row, uint32_t idx) {
  const struct mr_snapshot *snap = d->snap;
  char text[2 * MR_STAT_NAME_SZ + 64], a[MR_STAT_NAME_SZ + 16], b[MR_STAT_NAME_SZ + 16];
  switch (row->scope) {
  case LINK:
    snprintf(text, sizeof text, "%s->%s", instance_text(snap, snap->links[idx].from, a, sizeof a),
             instance_text(snap, snap->links[idx].to, b, sizeof b));
    put_label(d->out, "link", text);
    break;
  case PARTITION:
    put_label(d->out, "source", snap->nodes[snap->partitions[idx].node].name);
    snprintf(text, sizeof text, "%u", mr_topology_partition(d->topology, idx));
    put_label(d->out, "partition", text);
    break;
  case WORKER:
    snprintf(text, sizeof text, "%u", idx);
    put_label(d->out, "worker", text);
    break;
  case NODE:
  case WINDOW:
  case STATE:
  case TIMED:
    put_label(d->out, "node", snap->nodes[idx].name);
    put_label(d->out, "type", snap->nodes[idx].type);
    break;
  default: break;
  }
}

/* The labels of the row itself: names and values, each one's NUL-separated. */
static void put_own(const struct draw *d, const struct row *row, uint32_t idx) {
  if (row->scope == GRAPH && !strcmp(row->label, "version")) {
    put_label(d->out, "version", d->snap->version);
  } else if (row->scope == GRAPH) {
    int64_t cpu = d->snap->worker_cnt ? (int64_t)mr_snapshot_word(&d->snap->workers[0].cpu) : -1;
    put_label(d->out, "clock", d->snap->virtual_clock ? "virtual" : "wall");
    put_label(d->out, "pinning", cpu >= 0 ? "yes" : "no");
  } else if (row->label && !row->value) {
    const struct mr_topology_node *n = node_of(d, idx);
    put_label(d->out, row->label, n && mr_topology_output_read(n, "late") ? "divert" : "drop");
  } else if (row->label) {
    const char *name = row->label, *value = row->value;
    put_label(d->out, name, value);
    if (!strcmp(name, "reason"))
      put_label(d->out, name + strlen(name) + 1, value + strlen(value) + 1);
  }
}

static void put_series(const struct draw *d, const struct row *row, uint32_t idx,
                       const char *suffix) {
  mr_lines_add(d->out, "%s%s{", row->m.name, suffix);
  mr_lines_add(d->out, "graph=\"%s\"", d->snap->graph);
  put_scope(d, row, idx);
  put_own(d, row, idx);
}

static void put_value(const struct draw *d, const struct row *row, uint32_t idx, double v) {
  if (row->scope == PROCESS) {
    mr_lines_add(d->out, "%s ", row->m.name);
  } else {
    put_series(d, row, idx, "");
    mr_lines_add(d->out, "} ");
  }
  put_number(d->out, v);
  mr_lines_add(d->out, "\n");
}

/* ---- histograms ---- */

/* Buckets of the segment's histograms begin at multiples of their width, so every power of two
 * from 256 on begins one: all samples below it lie in buckets before it. */
static void put_hist(const struct draw *d, const struct row *row, uint32_t idx, const char *path,
                     const uint64_t counts[MR_HIST_CNT]) {
  uint64_t sum_cnt = 0;
  double sum = 0;
  uint32_t at = 0;
  for (uint32_t b = 0; b <= MR_METRIC_BUCKET_CNT; b++) {
    uint64_t limit =
        b < MR_METRIC_BUCKET_CNT ? UINT64_C(1) << (MR_METRIC_BUCKET_LO + b) : UINT64_MAX;
    for (; at < MR_HIST_CNT; at++) {
      uint32_t shift = at < 256u ? 0 : (at >> 7) - 1u;
      uint64_t lo = (uint64_t)(at - (shift << 7)) << shift;
      if (lo >= limit) break;
      sum_cnt += counts[at];
      sum += (double)counts[at] * ((double)lo + 0.5 * (double)((UINT64_C(1) << shift) - 1));
    }
    put_series(d, row, idx, "_bucket");
    if (path) put_label(d->out, "path", path);
    mr_lines_add(d->out, ",le=\"");
    if (b < MR_METRIC_BUCKET_CNT)
      put_number(d->out, (double)limit * 1e-9);
    else
      mr_lines_add(d->out, "+Inf");
    mr_lines_add(d->out, "\"} %" PRIu64 "\n", sum_cnt);
  }
  put_series(d, row, idx, "_sum");
  if (path) put_label(d->out, "path", path);
  mr_lines_add(d->out, "} ");
  put_number(d->out, sum * row->scale);
  mr_lines_add(d->out, "\n");
  put_series(d, row, idx, "_count");
  if (path) put_label(d->out, "path", path);
  mr_lines_add(d->out, "} %" PRIu64 "\n", sum_cnt);
}

static void add_hist(uint64_t counts[MR_HIST_CNT], const struct mr_hist *hist) {
  for (uint32_t i = 0; i < MR_HIST_CNT; i++) counts[i] += mr_snapshot_word(&hist->counts[i]);
}

/* ---- scopes ---- */

static bool in_scope(const struct draw *d, const struct row *row, uint32_t idx) {
  const struct mr_node_stat *n = &d->snap->nodes[idx];
  const struct mr_topology_node *t = node_of(d, idx);
  switch (row->scope) {
  case WINDOW: return !strcmp(n->type, "window");
  case STATE: return t && t->state_max && n->kind == MR_STAT_STEP;
  case TIMED: return t && (t->timed || n->kind == MR_STAT_SOURCE);
  default: return true;
  }
}

/* One series per node, its instances added up. */
static void put_node(const struct draw *d, const struct row *row, uint32_t first, uint32_t cnt) {
  uint64_t counts[MR_HIST_CNT] = {0};
  double v = 0;
  if (!in_scope(d, row, first)) return;
  if (row->compute) {
    if (row->compute(d, first, &v)) put_value(d, row, first, v);
    return;
  }
  for (uint32_t i = first; i < first + cnt; i++) {
    const uint8_t *entry = (const uint8_t *)&d->snap->nodes[i];
    if (row->m.kind == MR_METRIC_HISTOGRAM)
      add_hist(counts, (const void *)(entry + row->off));
    else
      v += (double)mr_snapshot_word((const void *)(entry + row->off));
  }
  if (row->m.kind == MR_METRIC_HISTOGRAM)
    put_hist(d, row, first, NULL, counts);
  else
    put_value(d, row, first, v * row->scale);
}

static void put_nodes(const struct draw *d, const struct row *row) {
  const struct mr_snapshot *snap = d->snap;
  for (uint32_t i = 0, cnt; i < snap->node_cnt; i += cnt) {
    for (cnt = 1; i + cnt < snap->node_cnt; cnt++)
      if (strcmp(snap->nodes[i + cnt].name, snap->nodes[i].name) != 0) break;
    if (!mr_snapshot_node_hidden(snap, i)) put_node(d, row, i, cnt);
  }
}

static void put_entry(const struct draw *d, const struct row *row, uint32_t idx,
                      const void *entry) {
  uint64_t counts[MR_HIST_CNT] = {0};
  double v;
  if (row->m.kind == MR_METRIC_HISTOGRAM) {
    add_hist(counts, (const void *)((const uint8_t *)entry + row->off));
    put_hist(d, row, idx, NULL, counts);
  } else if (row->compute) {
    if (row->compute(d, idx, &v)) put_value(d, row, idx, v);
  } else {
    v = (double)mr_snapshot_word((const void *)((const uint8_t *)entry + row->off));
    put_value(d, row, idx, v * row->scale);
  }
}

/* A path is named by its source and sink; a sink's instances are added up. */
static void put_paths(const struct draw *d, const struct row *row) {
  const struct mr_snapshot *snap = d->snap;
  for (uint32_t i = 0; i < snap->path_cnt; i++) {
    const char *from = snap->nodes[snap->paths[i].from].name;
    const char *to = snap->nodes[snap->paths[i].to].name;
    uint64_t counts[MR_HIST_CNT] = {0};
    char path[2 * MR_STAT_NAME_SZ + 8];
    bool first = true;
    if (mr_snapshot_node_hidden(snap, snap->paths[i].to)) continue;
    for (uint32_t k = 0; k < snap->path_cnt; k++) {
      if (strcmp(snap->nodes[snap->paths[k].from].name, from) != 0 ||
          strcmp(snap->nodes[snap->paths[k].to].name, to) != 0)
        continue;
      if (k < i) first = false;
      add_hist(counts, &snap->paths[k].latency_ns);
    }
    if (!first) continue;
    snprintf(path, sizeof path, "%s->%s", from, to);
    put_hist(d, row, i, path, counts);
  }
}

/* A series per limit. Before the first row there is no latency. */
static void put_budgets(const struct draw *d, const struct row *row) {
  bool latency = row->off == offsetof(struct mr_budget_limit, value_ns);
  char path[2 * MR_STAT_NAME_SZ + 8];
  for (uint32_t i = 0; i < d->budget_cnt; i++) {
    const struct mr_budget *b = &d->budgets[i];
    if (latency && !b->rows) continue;
    snprintf(path, sizeof path, "%s->%s", b->from, b->to);
    for (uint32_t k = 0; k < b->limit_cnt; k++) {
      put_series(d, row, i, "");
      put_label(d->out, "budget", b->name);
      put_label(d->out, "path", path);
      put_label(d->out, "quantile", b->limits[k].quantile);
      mr_lines_add(d->out, "} ");
      put_number(d->out,
                 (double)(latency ? b->limits[k].value_ns : b->limits[k].limit_ns) * row->scale);
      mr_lines_add(d->out, "\n");
    }
  }
}

static void put_row(const struct draw *d, const struct row *row) {
  const struct mr_snapshot *snap = d->snap;
  switch (row->scope) {
  case GRAPH:
  case PROCESS: put_entry(d, row, 0, NULL); break;
  case LINK:
    for (uint32_t i = 0; i < snap->link_cnt; i++)
      if (!mr_snapshot_link_hidden(snap, i)) put_entry(d, row, i, &snap->links[i]);
    break;
  case PATH: put_paths(d, row); break;
  case BUDGET: put_budgets(d, row); break;
  case PARTITION:
    for (uint32_t i = 0; i < snap->partition_cnt; i++)
      if (snap->nodes[snap->partitions[i].node].kind == MR_STAT_SOURCE)
        put_entry(d, row, i, &snap->partitions[i]);
    break;
  case WORKER:
    for (uint32_t i = 0; i < snap->worker_cnt; i++) put_entry(d, row, i, &snap->workers[i]);
    break;
  default: put_nodes(d, row);
  }
}

const struct mr_metric *mr_metric_at(uint32_t idx) {
  return idx < ROW_CNT ? &rows[idx].m : NULL;
}

void mr_metrics_text(struct mr_lines *out, const struct mr_snapshot *snap,
                     const struct mr_topology *topology) {
  struct draw d = {.out = out, .snap = snap, .topology = topology};
  struct mr_budget *budgets;
  d.budget_cnt = mr_budgets_read(out->arena, snap, &budgets);
  d.budgets = budgets;
  d.live = snap->state != MR_GRAPH_DEAD && snap->state != MR_GRAPH_DONE &&
           mr_process_read_numbers(snap->pid, &d.process);
  for (uint32_t i = 0; i < ROW_CNT; i++) {
    const struct row *row = &rows[i];
    size_t before = out->len;
    bool head = !i || strcmp(rows[i - 1].m.name, row->m.name) != 0;
    if (head)
      mr_lines_add(out, "# HELP %s %s\n# TYPE %s %s\n", row->m.name, row->m.help, row->m.name,
                   mr_metric_kind_str(row->m.kind));
    size_t headed = out->len;
    put_row(&d, row);
    if (head && out->len == headed) { /* no series now */
      out->len = before;
      if (out->text) out->text[before] = 0;
    }
  }
}

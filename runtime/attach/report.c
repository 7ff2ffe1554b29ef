/* SPDX-License-Identifier: Apache-2.0 */
#include "attach/report.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "attach/budget.h"
#include "attach/percentile.h"
#include "base/text.h"

/* ---- JSON ---- */

static void add_word(struct mr_lines *out, const char *name, const _Atomic uint64_t *word) {
  mr_lines_add(out, ",\"%s\":%" PRIu64, name, mr_snapshot_word(word));
}

/* null: none yet; "end": the input has ended. */
static void add_time(struct mr_lines *out, const char *name, int64_t us) {
  char buf[MR_TEXT_TIMESTAMP_SZ];
  mr_lines_add(out, ",\"%s\":", name);
  if (us == INT64_MIN)
    mr_lines_add(out, "null");
  else if (us == INT64_MAX)
    mr_lines_add(out, "\"end\"");
  else
    mr_lines_add(out, "\"%.*s\"", (int)mr_timestamp_format(buf, us), buf);
}

static void add_time_word(struct mr_lines *out, const char *name, const _Atomic uint64_t *word) {
  add_time(out, name, (int64_t)mr_snapshot_word(word));
}

void mr_report_json_hist(struct mr_lines *out, const struct mr_hist *hist) {
  struct mr_percentiles p;
  mr_percentiles_of(hist, &p);
  mr_lines_add(out,
               "{\"count\":%" PRIu64 ",\"p50\":%" PRIu64 ",\"p90\":%" PRIu64 ",\"p99\":%" PRIu64
               ",\"p99.9\":%" PRIu64 ",\"max\":%" PRIu64 "}",
               p.count, p.p50, p.p90, p.p99, p.p99_9, p.max);
}

static int64_t cpu_of(const struct mr_snapshot *snap, const struct mr_node_stat *node) {
  return (int64_t)mr_snapshot_word(&snap->workers[node->worker].cpu);
}

static void add_node(struct mr_lines *out, const struct mr_snapshot *snap,
                     const struct mr_node_stat *node) {
  mr_lines_add(out, "{\"name\":");
  mr_lines_json(out, node->name);
  mr_lines_add(out, ",\"instance\":%u,\"type\":", node->instance);
  mr_lines_json(out, node->type);
  mr_lines_add(out, ",\"worker\":%u,\"cpu\":%" PRId64, node->worker, cpu_of(snap, node));
  add_word(out, "rows_in", &node->rows_in);
  add_word(out, "rows_out", &node->rows_out);
  add_word(out, "absorbed", &node->absorbed);
  add_word(out, "filtered", &node->filtered);
  add_word(out, "late", &node->late);
  add_word(out, "late_partial", &node->late_partial);
  add_word(out, "future", &node->future);
  add_word(out, "dropped", &node->dropped);
  add_word(out, "dead_letters", &node->dead_letters);
  add_word(out, "bytes_in", &node->bytes_in);
  add_word(out, "bytes_out", &node->bytes_out);
  add_word(out, "nan_null", &node->nan_null);
  add_word(out, "busy_ns", &node->busy_ns);
  add_word(out, "blocked_ns", &node->blocked_ns);
  add_word(out, "idle_ns", &node->idle_ns);
  mr_lines_add(out, ",\"service_ns\":");
  mr_report_json_hist(out, &node->service_ns);
  add_time_word(out, "watermark", &node->watermark_us);
  add_word(out, "state_keys", &node->state_keys);
  add_word(out, "state_bytes", &node->state_bytes);
  add_word(out, "cycle_max_ns", &node->cycle_max_ns);
  add_word(out, "cycle_over", &node->cycle_over);
  add_word(out, "derived_errors", &node->derived_errors);
  if (node->kind == MR_STAT_SOURCE) {
    add_word(out, "input_bytes", &node->input_bytes);
    add_word(out, "input_bytes_total", &node->input_bytes_total);
  }
  mr_lines_add(out, "}");
}

void mr_report_json_nodes(struct mr_lines *out, const struct mr_snapshot *snap) {
  const char *sep = "[";
  for (uint32_t i = 0; i < snap->node_cnt; i++) {
    if (mr_snapshot_node_hidden(snap, i)) continue;
    mr_lines_add(out, "%s", sep);
    add_node(out, snap, &snap->nodes[i]);
    sep = ",";
  }
  mr_lines_add(out, *sep == '[' ? "[]" : "]");
}

static void add_links(struct mr_lines *out, const struct mr_snapshot *snap) {
  const char *sep = "[";
  for (uint32_t i = 0; i < snap->link_cnt; i++) {
    if (mr_snapshot_link_hidden(snap, i)) continue;
    const struct mr_link_stat *link = &snap->links[i];
    const struct mr_node_stat *from = &snap->nodes[link->from], *to = &snap->nodes[link->to];
    mr_lines_add(out, "%s{\"from\":", sep);
    mr_lines_json(out, from->name);
    mr_lines_add(out, ",\"to\":");
    mr_lines_json(out, to->name);
    mr_lines_add(out, ",\"from_instance\":%u,\"to_instance\":%u,\"capacity\":%u", from->instance,
                 to->instance, link->capacity);
    mr_lines_add(out, ",\"depth\":%" PRIu64, mr_snapshot_depth_items(link));
    add_word(out, "depth_peak", &link->depth_peak);
    mr_lines_add(out, ",\"depth_rows\":%" PRIu64, mr_snapshot_depth_rows(link));
    add_word(out, "items_sent", &link->items_sent);
    add_word(out, "items_taken", &link->items_taken);
    add_word(out, "rows_sent", &link->rows_sent);
    add_word(out, "rows_taken", &link->rows_taken);
    add_word(out, "full", &link->full);
    mr_lines_add(out, ",\"wait_ns\":");
    mr_report_json_hist(out, &link->wait_ns);
    mr_lines_add(out, "}");
    sep = ",";
  }
  mr_lines_add(out, *sep == '[' ? "[]" : "]");
}

struct path_list {
  struct mr_lines *out;
  const char *sep;
};

static void add_path(void *ctx, const char *from, const char *to, const struct mr_hist *latency) {
  struct path_list *list = ctx;
  mr_lines_add(list->out, "%s{\"from\":", list->sep);
  mr_lines_json(list->out, from);
  mr_lines_add(list->out, ",\"to\":");
  mr_lines_json(list->out, to);
  mr_lines_add(list->out, ",\"latency_ns\":");
  mr_report_json_hist(list->out, latency);
  mr_lines_add(list->out, "}");
  list->sep = ",";
}

void mr_report_json_workers(struct mr_lines *out, const struct mr_snapshot *snap) {
  mr_lines_add(out, "[");
  for (uint32_t i = 0; i < snap->worker_cnt; i++) {
    const struct mr_worker_stat *worker = &snap->workers[i];
    mr_lines_add(out, "%s{\"index\":%u,\"cpu\":%" PRId64, i ? "," : "", i,
                 (int64_t)mr_snapshot_word(&worker->cpu));
    add_word(out, "busy_ns", &worker->busy_ns);
    add_word(out, "blocked_ns", &worker->blocked_ns);
    add_word(out, "idle_ns", &worker->idle_ns);
    add_word(out, "housekeeping_ns", &worker->housekeeping_ns);
    add_word(out, "loops", &worker->loops);
    add_word(out, "tid", &worker->tid);
    add_word(out, "waits", &worker->waits);
    add_word(out, "gap_max_ns", &worker->gap_max_ns);
    mr_lines_add(out, ",\"gap_ns\":");
    mr_report_json_hist(out, &worker->gap_ns);
    mr_lines_add(out, "}");
  }
  mr_lines_add(out, "]");
}

static void add_partitions(struct mr_lines *out, const struct mr_snapshot *snap) {
  mr_lines_add(out, "[");
  for (uint32_t i = 0; i < snap->partition_cnt; i++) {
    const struct mr_partition_stat *p = &snap->partitions[i];
    mr_lines_add(out, "%s{\"source\":", i ? "," : "");
    mr_lines_json(out, snap->nodes[p->node].name);
    mr_lines_add(out, ",\"index\":%u", p->idx);
    add_time_word(out, "frontier", &p->frontier_us);
    mr_lines_add(out, ",\"idle\":%s", mr_snapshot_word(&p->idle) ? "true" : "false");
    add_word(out, "rows", &p->rows);
    if (mr_snapshot_word(&p->end)) {
      add_word(out, "next_offset", &p->next);
      add_word(out, "end_offset", &p->end);
    }
    mr_lines_add(out, "}");
  }
  mr_lines_add(out, "]");
}

static void add_errors(struct mr_lines *out, const struct mr_snapshot *snap) {
  char buf[MR_STAT_ERROR_TEXT_SZ];
  mr_lines_add(out, "[");
  for (uint32_t i = 0; i < snap->error_cnt; i++) {
    const struct mr_error_stat *e = &snap->errors[i];
    uint64_t node = mr_snapshot_word(&e->node);
    mr_lines_add(out, "%s{\"node\":", i ? "," : "");
    if (node < snap->node_cnt)
      mr_lines_json(out, snap->nodes[node].name);
    else
      mr_lines_add(out, "null");
    mr_lines_add(out, ",\"code\":");
    mr_lines_json(out, mr_snapshot_error_code(e, buf));
    mr_lines_add(out, ",\"text\":");
    mr_lines_json(out, mr_snapshot_error_text(e, buf));
    add_word(out, "count", &e->count);
    add_time_word(out, "first", &e->first_us);
    add_time_word(out, "last", &e->last_us);
    mr_lines_add(out, "}");
  }
  mr_lines_add(out, "]");
}

static void add_counters(struct mr_lines *out, const struct mr_snapshot *snap) {
  mr_lines_add(out, "[");
  for (uint32_t i = 0; i < snap->counter_cnt; i++) {
    const struct mr_counter_stat *c = &snap->counters[i];
    mr_lines_add(out, "%s{\"node\":", i ? "," : "");
    if (c->node < snap->node_cnt)
      mr_lines_json(out, snap->nodes[c->node].name);
    else
      mr_lines_add(out, "null");
    mr_lines_add(out, ",\"name\":");
    mr_lines_json(out, c->label);
    add_word(out, "value", &c->value);
    mr_lines_add(out, "}");
  }
  mr_lines_add(out, "]");
}

static void add_budgets(struct mr_lines *out, const struct mr_snapshot *snap) {
  struct mr_budget *budgets;
  uint32_t cnt = mr_budgets_read(out->arena, snap, &budgets);
  mr_lines_add(out, "[");
  for (uint32_t i = 0; i < cnt; i++) {
    const struct mr_budget *b = &budgets[i];
    mr_lines_add(out, "%s{\"name\":", i ? "," : "");
    mr_lines_json(out, b->name);
    mr_lines_add(out, ",\"from\":");
    mr_lines_json(out, b->from);
    mr_lines_add(out, ",\"to\":");
    mr_lines_json(out, b->to);
    mr_lines_add(out, ",\"rows\":%" PRIu64 ",\"met\":%s,\"limits\":[", b->rows,
                 b->met ? "true" : "false");
    for (uint32_t k = 0; k < b->limit_cnt; k++)
      mr_lines_add(out, "%s{\"quantile\":\"%s\",\"limit_ns\":%" PRIu64 ",\"value_ns\":%" PRIu64 "}",
                   k ? "," : "", b->limits[k].quantile, b->limits[k].limit_ns,
                   b->limits[k].value_ns);
    mr_lines_add(out, "]}");
  }
  mr_lines_add(out, "]");
}

void mr_report_json(struct mr_lines *out, const struct mr_snapshot *snap) {
  mr_lines_add(out, "{\"graph\":");
  mr_lines_json(out, snap->graph);
  mr_lines_add(out, ",\"pid\":%" PRIu64 ",\"state\":\"%s\",\"uptime_ns\":%" PRIu64, snap->pid,
               mr_attach_state_str(snap->state), snap->uptime_ns);
  mr_lines_add(out, ",\"generation\":%" PRIu64 ",\"version\":", snap->generation);
  mr_lines_json(out, snap->version);
  add_time(out, "started", snap->start_wall_us);
  mr_lines_add(out,
               ",\"heartbeat_age_ns\":%" PRIu64 ",\"stalled\":%s,\"exit_code\":", snap->beat_age_ns,
               snap->stalled ? "true" : "false");
  if (snap->state == MR_GRAPH_DONE)
    mr_lines_add(out, "%" PRIu64, snap->exit_code);
  else
    mr_lines_add(out, "null");
  mr_lines_add(out, ",\"nodes\":");
  mr_report_json_nodes(out, snap);
  mr_lines_add(out, ",\"links\":");
  add_links(out, snap);
  mr_lines_add(out, ",\"paths\":[");
  struct path_list list = {out, ""};
  mr_report_paths(snap, add_path, &list);
  mr_lines_add(out, "],\"budgets\":");
  add_budgets(out, snap);
  mr_lines_add(out, ",\"workers\":");
  mr_report_json_workers(out, snap);
  mr_lines_add(out, ",\"partitions\":");
  add_partitions(out, snap);
  mr_lines_add(out, ",\"errors\":");
  add_errors(out, snap);
  mr_lines_add(out, ",\"counters\":");
  add_counters(out, snap);
  mr_lines_add(out, "}");
}

/* ---- paths ---- */

static bool same_path(const struct mr_snapshot *snap, uint32_t a, uint32_t b) {
  const struct mr_path_stat *x = &snap->paths[a], *y = &snap->paths[b];
  return !strcmp(snap->nodes[x->from].name, snap->nodes[y->from].name) &&
         !strcmp(snap->nodes[x->to].name, snap->nodes[y->to].name);
}

void mr_report_paths(const struct mr_snapshot *snap, mr_report_path_fn fn, void *ctx) {
  for (uint32_t i = 0; i < snap->path_cnt; i++) {
    const struct mr_path_stat *path = &snap->paths[i];
    if (mr_snapshot_node_hidden(snap, path->from) || mr_snapshot_node_hidden(snap, path->to))
      continue;
    bool first = true, alone = true;
    for (uint32_t j = 0; j < snap->path_cnt; j++) {
      if (j == i || !same_path(snap, i, j)) continue;
      alone = false;
      if (j < i) first = false;
    }
    if (!first) continue;
    const char *from = snap->nodes[path->from].name, *to = snap->nodes[path->to].name;
    if (alone) {
      fn(ctx, from, to, &path->latency_ns);
      continue;
    }
    struct mr_hist sum = path->latency_ns;
    for (uint32_t j = i + 1; j < snap->path_cnt; j++)
      if (same_path(snap, i, j)) mr_percentile_merge(&sum, &snap->paths[j].latency_ns);
    fn(ctx, from, to, &sum);
  }
}

/* ---- columns ---- */

static void add_hist_columns(struct mr_lines *out, const struct mr_hist *hist) {
  struct mr_percentiles p;
  mr_percentiles_of(hist, &p);
  mr_lines_add(out, " %10" PRIu64 " %10" PRIu64 " %10" PRIu64 " %10" PRIu64 " %10" PRIu64, p.p50,
               p.p90, p.p99, p.p99_9, p.max);
}

static void add_path_line(void *ctx, const char *from, const char *to,
                          const struct mr_hist *latency) {
  struct mr_lines *out = ctx;
  struct mr_percentiles p;
  mr_percentiles_of(latency, &p);
  mr_lines_add(out, "path   ");
  mr_lines_cell(out, 24, from);
  mr_lines_add(out, " ");
  mr_lines_cell(out, 24, to);
  mr_lines_add(out, " %12" PRIu64, p.count);
  add_hist_columns(out, latency);
  mr_lines_add(out, "\n");
}

static void add_node_lines(struct mr_lines *out, const struct mr_snapshot *snap) {
  mr_lines_add(out,
               "#node  %-24s %3s %-10s %3s %4s %14s %14s %12s %12s %10s %10s %12s %16s %16s "
               "%16s %10s %10s %10s %10s %10s  watermark\n",
               "name", "ins", "type", "wrk", "cpu", "rows_in", "rows_out", "absorbed", "filtered",
               "late", "dropped", "dead_letters", "busy_ns", "blocked_ns", "idle_ns", "p50", "p90",
               "p99", "p99.9", "max");
  for (uint32_t i = 0; i < snap->node_cnt; i++) {
    if (mr_snapshot_node_hidden(snap, i)) continue;
    const struct mr_node_stat *n = &snap->nodes[i];
    mr_lines_add(out, "node   ");
    mr_lines_cell(out, 24, n->name);
    mr_lines_add(
        out,
        " %3u %-10s %3u %4" PRId64 " %14" PRIu64 " %14" PRIu64 " %12" PRIu64 " %12" PRIu64
        " %10" PRIu64 " %10" PRIu64 " %12" PRIu64 " %16" PRIu64 " %16" PRIu64 " %16" PRIu64,
        n->instance, n->type, n->worker, cpu_of(snap, n), mr_snapshot_word(&n->rows_in),
        mr_snapshot_word(&n->rows_out), mr_snapshot_word(&n->absorbed),
        mr_snapshot_word(&n->filtered), mr_snapshot_word(&n->late), mr_snapshot_word(&n->dropped),
        mr_snapshot_word(&n->dead_letters), mr_snapshot_word(&n->busy_ns),
        mr_snapshot_word(&n->blocked_ns), mr_snapshot_word(&n->idle_ns));
    add_hist_columns(out, &n->service_ns);
    int64_t us = (int64_t)mr_snapshot_word(&n->watermark_us);
    char buf[MR_TEXT_TIMESTAMP_SZ];
    if (us == INT64_MIN || us == INT64_MAX)
      mr_lines_add(out, "  %s\n", us == INT64_MIN ? "-" : "end");
    else
      mr_lines_add(out, "  %.*s\n", (int)mr_timestamp_format(buf, us), buf);
  }
}

static void add_link_lines(struct mr_lines *out, const struct mr_snapshot *snap) {
  bool any = false;
  for (uint32_t i = 0; i < snap->link_cnt; i++) {
    if (mr_snapshot_link_hidden(snap, i)) continue;
    const struct mr_link_stat *l = &snap->links[i];
    if (!any)
      mr_lines_add(out,
                   "#link  %-24s %3s %-24s %3s %8s %8s %10s %10s %14s %14s %10s %10s %10s %10s "
                   "%10s %10s\n",
                   "from", "ins", "to", "ins", "capacity", "depth", "depth_peak", "depth_rows",
                   "rows_sent", "rows_taken", "full", "p50", "p90", "p99", "p99.9", "max");
    any = true;
    mr_lines_add(out, "link   ");
    mr_lines_cell(out, 24, snap->nodes[l->from].name);
    mr_lines_add(out, " %3u ", snap->nodes[l->from].instance);
    mr_lines_cell(out, 24, snap->nodes[l->to].name);
    mr_lines_add(out,
                 " %3u %8u %8" PRIu64 " %10" PRIu64 " %10" PRIu64 " %14" PRIu64 " %14" PRIu64
                 " %10" PRIu64,
                 snap->nodes[l->to].instance, l->capacity, mr_snapshot_depth_items(l),
                 mr_snapshot_word(&l->depth_peak), mr_snapshot_depth_rows(l),
                 mr_snapshot_word(&l->rows_sent), mr_snapshot_word(&l->rows_taken),
                 mr_snapshot_word(&l->full));
    add_hist_columns(out, &l->wait_ns);
    mr_lines_add(out, "\n");
  }
}

void mr_report_text(struct mr_lines *out, const struct mr_snapshot *snap) {
  char text[MR_STAT_ERROR_TEXT_SZ], code[MR_STAT_ERROR_TEXT_SZ];
  mr_lines_add(
      out, "graph  %s pid %" PRIu64 " state %s%s uptime_ns %" PRIu64 " generation %" PRIu64 "\n",
      snap->graph, snap->pid, mr_attach_state_str(snap->state), snap->stalled ? " (stalled)" : "",
      snap->uptime_ns, snap->generation);
  add_node_lines(out, snap);
  add_link_lines(out, snap);
  if (snap->path_cnt)
    mr_lines_add(out, "#path  %-24s %-24s %12s %10s %10s %10s %10s %10s\n", "from", "to", "count",
                 "p50", "p90", "p99", "p99.9", "max");
  mr_report_paths(snap, add_path_line, out);
  mr_lines_add(out, "#worker ins %4s %16s %16s %16s %16s %14s\n", "cpu", "busy_ns", "blocked_ns",
               "idle_ns", "housekeeping_ns", "loops");
  for (uint32_t i = 0; i < snap->worker_cnt; i++) {
    const struct mr_worker_stat *w = &snap->workers[i];
    mr_lines_add(out,
                 "worker %4u %4" PRId64 " %16" PRIu64 " %16" PRIu64 " %16" PRIu64 " %16" PRIu64
                 " %14" PRIu64 "\n",
                 i, (int64_t)mr_snapshot_word(&w->cpu), mr_snapshot_word(&w->busy_ns),
                 mr_snapshot_word(&w->blocked_ns), mr_snapshot_word(&w->idle_ns),
                 mr_snapshot_word(&w->housekeeping_ns), mr_snapshot_word(&w->loops));
  }
  for (uint32_t i = 0; i < snap->error_cnt; i++) {
    const struct mr_error_stat *e = &snap->errors[i];
    uint64_t node = mr_snapshot_word(&e->node);
    mr_lines_add(out, "error  %s %" PRIu64 " x %s %s\n",
                 node < snap->node_cnt ? snap->nodes[node].name : "-", mr_snapshot_word(&e->count),
                 mr_snapshot_error_code(e, code), mr_snapshot_error_text(e, text));
  }
}

/* ---- memory ---- */

static int larger_first(const void *a, const void *b) {
  const struct mr_part_stat *x = *(const struct mr_part_stat *const *)a;
  const struct mr_part_stat *y = *(const struct mr_part_stat *const *)b;
  return x->bytes < y->bytes ? 1 : x->bytes > y->bytes ? -1 : strcmp(x->label, y->label);
}

void mr_report_mem(struct mr_lines *out, const struct mr_snapshot *snap) {
  const struct mr_part_stat **order =
      mr_arena_alloc(out->arena, (snap->part_cnt + 1) * sizeof *order);
  for (uint32_t i = 0; i < snap->part_cnt; i++) order[i] = &snap->parts[i];
  qsort(order, snap->part_cnt, sizeof *order, larger_first);
  uint64_t hot = 0, lazy = 0;
  char size[MR_LINES_SHORT_SZ];
  mr_lines_add(out, "%-40s %7s %16s %10s\n", "PART", "COUNT", "BYTES", "SIZE");
  for (uint32_t i = 0; i < snap->part_cnt; i++) {
    const struct mr_part_stat *part = order[i];
    *(part->lazy ? &lazy : &hot) += part->bytes;
    mr_lines_cell(out, 40, part->label);
    mr_lines_add(out, " %7u %16" PRIu64 " %10s%s\n", part->cnt, part->bytes,
                 mr_lines_bytes(size, part->bytes), part->lazy ? "  when touched" : "");
  }
  mr_lines_add(out, "%-40s %7s %16" PRIu64 " %10s\n", "committed at the start", "", hot,
               mr_lines_bytes(size, hot));
  mr_lines_add(out, "%-40s %7s %16" PRIu64 " %10s\n", "at most, when touched", "", lazy,
               mr_lines_bytes(size, lazy));
}

void mr_report_mem_json(struct mr_lines *out, const struct mr_snapshot *snap) {
  uint64_t hot = 0, lazy = 0;
  mr_lines_add(out, "{\"graph\":");
  mr_lines_json(out, snap->graph);
  mr_lines_add(out, ",\"parts\":[");
  for (uint32_t i = 0; i < snap->part_cnt; i++) {
    const struct mr_part_stat *part = &snap->parts[i];
    *(part->lazy ? &lazy : &hot) += part->bytes;
    mr_lines_add(out, "%s{\"label\":", i ? "," : "");
    mr_lines_json(out, part->label);
    mr_lines_add(out, ",\"count\":%u,\"bytes\":%" PRIu64 ",\"lazy\":%s}", part->cnt, part->bytes,
                 part->lazy ? "true" : "false");
  }
  mr_lines_add(out, "],\"committed_bytes\":%" PRIu64 ",\"lazy_bytes\":%" PRIu64 "}", hot, lazy);
}

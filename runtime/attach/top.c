/* SPDX-License-Identifier: Apache-2.0 */
#include "attach/top.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attach/budget.h"
#include "attach/percentile.h"
#include "attach/report.h"

#define NAME_MIN 17
#define HOPS_MAX 32

static double per_second(uint64_t n, uint64_t interval_ns) {
  return interval_ns ? (double)n * 1e9 / (double)interval_ns : 0;
}

/* ---- back-pressure ---- */

uint32_t mr_top_pressure(const struct mr_snapshot *now, const struct mr_snapshot *part) {
  uint32_t best = UINT32_MAX;
  for (uint32_t i = 0; i < now->link_cnt; i++) {
    const struct mr_link_stat *link = &now->links[i];
    bool full = mr_snapshot_word(&part->links[i].full) ||
                (link->capacity && mr_snapshot_depth_items(link) >= link->capacity);
    const struct mr_node_stat *reader = &part->nodes[link->to];
    bool blocked = mr_snapshot_word(&reader->blocked_ns) > mr_snapshot_word(&reader->busy_ns);
    if (!full || blocked || mr_snapshot_link_hidden(now, i)) continue;
    /* nodes stand in the order of the flow */
    if (best == UINT32_MAX || link->to > now->links[best].to) best = i;
  }
  return best;
}

/* ---- head ---- */

static void draw_head(struct mr_lines *out, const struct mr_snapshot *now,
                      const struct mr_snapshot *part) {
  char a[MR_LINES_SHORT_SZ], b[MR_LINES_SHORT_SZ], c[MR_LINES_SHORT_SZ];
  uint64_t in = 0, sent = 0, dead = 0, late = 0, read = 0, total = 0;
  for (uint32_t i = 0; i < now->node_cnt; i++) {
    const struct mr_node_stat *n = &now->nodes[i];
    if (mr_snapshot_node_hidden(now, i)) continue;
    if (n->kind == MR_STAT_SOURCE) in += mr_snapshot_word(&part->nodes[i].rows_in);
    if (n->kind == MR_STAT_SINK) sent += mr_snapshot_word(&part->nodes[i].rows_out);
    dead += mr_snapshot_word(&n->dead_letters);
    late += mr_snapshot_word(&n->late);
    read += mr_snapshot_word(&n->input_bytes);
    total += mr_snapshot_word(&n->input_bytes_total);
  }
  mr_lines_add(out, "%s gen %" PRIu64 "  up %s", now->graph, now->generation,
               mr_lines_clock(a, now->uptime_ns));
  if (now->state != MR_GRAPH_RUNNING || now->stalled)
    mr_lines_add(out, "  %s%s", mr_attach_state_str(now->state), now->stalled ? " (stalled)" : "");
  mr_lines_add(out, "   in %s/s  out %s/s  dlq %s  late %s",
               mr_lines_count(a, per_second(in, part->interval_ns)),
               mr_lines_count(b, per_second(sent, part->interval_ns)),
               mr_lines_count(c, (double)dead), "");
  mr_lines_add(out, "%s", mr_lines_count(a, (double)late));
  if (total)
    mr_lines_add(out, "   read %.1f%% of %s", 100.0 * (double)read / (double)total,
                 mr_lines_bytes(a, total));
  mr_lines_add(out, "\n");
}

/* ---- nodes ---- */

struct row {
  uint32_t idx;
  double key;
  const char *name;
};

static int by_key(const void *a, const void *b) {
  const struct row *x = a, *y = b;
  if (x->key > y->key) return -1;
  if (x->key < y->key) return 1;
  return x->idx < y->idx ? -1 : x->idx > y->idx;
}

static int by_name(const void *a, const void *b) {
  const struct row *x = a, *y = b;
  int order = strcmp(x->name, y->name);
  return order ? order : x->idx < y->idx ? -1 : x->idx > y->idx;
}

/* Shares of the node's wall clock that add up to 100. */
static void shares(const struct mr_node_stat *part, uint64_t interval_ns, unsigned *busy,
                   unsigned *blocked, unsigned *idle) {
  uint64_t b = mr_snapshot_word(&part->busy_ns), w = mr_snapshot_word(&part->blocked_ns);
  double wall = (double)b + (double)w + (double)mr_snapshot_word(&part->idle_ns);
  if (wall <= 0) wall = interval_ns ? (double)interval_ns : 1;
  if (wall < (double)b + (double)w) wall = (double)b + (double)w;
  *busy = (unsigned)(100 * (double)b / wall + 0.5);
  *blocked = (unsigned)(100 * (double)w / wall + 0.5);
  if (*busy > 100) *busy = 100;
  if (*blocked > 100 - *busy) *blocked = 100 - *busy;
  *idle = 100 - *busy - *blocked;
}

/* The clock that watermarks lag behind: the wall's, or under a virtual clock the furthest source.
 */
static int64_t lag_clock(const struct mr_snapshot *now) {
  if (!now->virtual_clock) return now->taken_wall_us;
  int64_t clock = INT64_MIN;
  for (uint32_t i = 0; i < now->partition_cnt; i++) {
    int64_t us = (int64_t)mr_snapshot_word(&now->partitions[i].frontier_us);
    if (us != INT64_MAX && us > clock) clock = us;
  }
  return clock;
}

static const char *lag_text(const struct mr_snapshot *now, const struct mr_node_stat *node,
                            char *buf) {
  int64_t us = (int64_t)mr_snapshot_word(&node->watermark_us), clock = lag_clock(now), lag;
  if (us == INT64_MAX) return "end";
  if (us == INT64_MIN || clock == INT64_MIN || __builtin_sub_overflow(clock, us, &lag)) return "-";
  return mr_lines_span(buf, lag > 0 ? lag : 0);
}

/* Name of an instance; with "/0" when its node has several. */
static const char *instance_name(const struct mr_snapshot *snap, uint32_t idx, char *buf,
                                 size_t sz) {
  const struct mr_node_stat *node = &snap->nodes[idx];
  bool several = node->instance > 0;
  for (uint32_t i = 0; i < snap->node_cnt && !several; i++)
    several = i != idx && !strcmp(snap->nodes[i].name, node->name);
  if (several)
    snprintf(buf, sz, "%s/%u", node->name, node->instance);
  else
    snprintf(buf, sz, "%s", node->name);
  return buf;
}

static void draw_node(struct mr_lines *out, const struct mr_snapshot *now,
                      const struct mr_snapshot *part, uint32_t idx, int width) {
  const struct mr_node_stat *n = &now->nodes[idx], *p = &part->nodes[idx];
  char buf[MR_STAT_NAME_SZ + 16], s[MR_LINES_SHORT_SZ];
  unsigned busy, blocked, idle;
  struct mr_percentiles q;
  int64_t cpu = (int64_t)mr_snapshot_word(&now->workers[n->worker].cpu);
  mr_lines_cell(out, width, instance_name(now, idx, buf, sizeof buf));
  mr_lines_add(out, " ");
  mr_lines_cell(out, 8, n->type);
  if (cpu < 0)
    mr_lines_add(out, "   -");
  else
    mr_lines_add(out, " %3" PRId64, cpu);
  uint64_t in = mr_snapshot_word(&p->rows_in), rows_out = mr_snapshot_word(&p->rows_out);
  mr_lines_add(out, " %7s", mr_lines_count(s, per_second(in, part->interval_ns)));
  mr_lines_add(out, " %7s", mr_lines_count(s, per_second(rows_out, part->interval_ns)));
  shares(p, part->interval_ns, &busy, &blocked, &idle);
  mr_lines_add(out, "   %3u %4u   %4u", busy, blocked, idle);
  mr_percentiles_of(&p->service_ns, &q);
  const uint64_t shown[] = {q.p50, q.p99, q.p99_9, q.max};
  for (uint32_t i = 0; i < 4; i++)
    mr_lines_add(out, " %7s", q.count ? mr_lines_time(s, shown[i]) : "-");
  mr_lines_add(out, " %7s", lag_text(now, n, s));
  double errors =
      (double)mr_snapshot_word(&n->dead_letters) + (double)mr_snapshot_word(&n->dropped);
  mr_lines_add(out, " %4s\n", mr_lines_count(s, errors));
}

static bool is_wanted(const struct mr_top_conf *conf, const char *name) {
  return !conf->filter || !conf->filter[0] || strstr(name, conf->filter);
}

static void draw_nodes(struct mr_lines *out, const struct mr_snapshot *now,
                       const struct mr_snapshot *part, const struct mr_top_conf *conf) {
  enum mr_top_sort sort = conf->sort;
  struct row *rows = MR_NEW(out->arena, struct row, now->node_cnt + 1);
  char buf[MR_STAT_NAME_SZ + 16];
  uint32_t cnt = 0;
  int width = NAME_MIN;
  for (uint32_t i = 0; i < now->node_cnt; i++) {
    if (mr_snapshot_node_hidden(now, i) || !is_wanted(conf, now->nodes[i].name)) continue;
    const struct mr_node_stat *p = &part->nodes[i];
    uint64_t key = sort == MR_TOP_BY_BUSY   ? mr_snapshot_word(&p->busy_ns)
                   : sort == MR_TOP_BY_RATE ? mr_snapshot_word(&p->rows_in)
                                            : 0;
    rows[cnt++] = (struct row){i, (double)key, now->nodes[i].name};
    int len = (int)strlen(instance_name(now, i, buf, sizeof buf));
    if (len > width) width = len;
  }
  if (sort == MR_TOP_BY_NAME)
    qsort(rows, cnt, sizeof *rows, by_name);
  else if (sort != MR_TOP_BY_GRAPH)
    qsort(rows, cnt, sizeof *rows, by_key);
  mr_lines_cell(out, width, "NODE");
  mr_lines_add(out, " %-8s %3s %7s %7s %5s %4s  %5s %7s %7s %7s %7s %7s %4s\n", "TYPE", "CPU",
               "in/s", "out/s", "busy%", "blk%", "idle%", "p50", "p99", "p99.9", "max", "wm lag",
               "err");
  for (uint32_t i = 0; i < cnt; i++) draw_node(out, now, part, rows[i].idx, width);
}

/* ---- links ---- */

static const char *link_name(const struct mr_snapshot *snap, const struct mr_link_stat *link,
                             char *buf, size_t sz) {
  char from[MR_STAT_NAME_SZ + 16], to[MR_STAT_NAME_SZ + 16];
  snprintf(buf, sz, "%s->%s", instance_name(snap, link->from, from, sizeof from),
           instance_name(snap, link->to, to, sizeof to));
  return buf;
}

static bool is_wanted_link(const struct mr_snapshot *now, const struct mr_top_conf *conf,
                           uint32_t link) {
  const struct mr_link_stat *l = &now->links[link];
  return !mr_snapshot_link_hidden(now, link) &&
         (is_wanted(conf, now->nodes[l->from].name) || is_wanted(conf, now->nodes[l->to].name));
}

static void draw_links(struct mr_lines *out, const struct mr_snapshot *now,
                       const struct mr_snapshot *part, const struct mr_top_conf *conf) {
  char name[2 * MR_STAT_NAME_SZ + 64], s[MR_LINES_SHORT_SZ], t[MR_LINES_SHORT_SZ];
  uint32_t mark = mr_top_pressure(now, part), cnt = 0;
  int width = 26;
  for (uint32_t i = 0; i < now->link_cnt; i++) {
    if (!is_wanted_link(now, conf, i)) continue;
    cnt++;
    int len = (int)strlen(link_name(now, &now->links[i], name, sizeof name));
    if (len > width) width = len;
  }
  if (!cnt) return;
  mr_lines_cell(out, width, "LINK");
  mr_lines_add(out, " %10s %7s %9s %15s %7s %6s\n", "rate", "depth", "peak/cap", "wait p50", "p99",
               "full");
  for (uint32_t i = 0; i < now->link_cnt; i++) {
    if (!is_wanted_link(now, conf, i)) continue;
    const struct mr_link_stat *l = &now->links[i], *p = &part->links[i];
    struct mr_percentiles q;
    mr_percentiles_of(&p->wait_ns, &q);
    mr_lines_cell(out, width, link_name(now, l, name, sizeof name));
    uint64_t rows = mr_snapshot_word(&p->rows_taken);
    snprintf(t, sizeof t, "%" PRIu64 "/%u", mr_snapshot_word(&l->depth_peak), l->capacity);
    mr_lines_add(out, " %10s %7" PRIu64 " %9s",
                 mr_lines_count(s, per_second(rows, part->interval_ns)), mr_snapshot_depth_items(l),
                 t);
    mr_lines_add(out, " %15s", q.count ? mr_lines_time(s, q.p50) : "-");
    mr_lines_add(out, " %7s", q.count ? mr_lines_time(s, q.p99) : "-");
    mr_lines_add(out, " %6" PRIu64 "%s\n", mr_snapshot_word(&l->full),
                 i == mark ? "  << back-pressure starts here" : "");
  }
}

/* ---- paths ---- */

struct path_draw {
  const struct mr_top_conf *conf;
  struct mr_lines *out;
  const struct mr_snapshot *part;
};

static uint32_t find_node(const struct mr_snapshot *snap, const char *name) {
  for (uint32_t i = 0; i < snap->node_cnt; i++)
    if (!strcmp(snap->nodes[i].name, name)) return i;
  return UINT32_MAX;
}

/* The median over all instances of the node's service time, or of the waits of the links between
 * two nodes; 0: no samples. */
static uint64_t service_p50(const struct mr_snapshot *part, const char *name) {
  struct mr_hist sum = {0};
  for (uint32_t i = 0; i < part->node_cnt; i++)
    if (!strcmp(part->nodes[i].name, name)) mr_percentile_merge(&sum, &part->nodes[i].service_ns);
  return mr_percentile(&sum, 50);
}

static bool wait_p50(const struct mr_snapshot *part, const char *from, const char *to,
                     uint64_t *p50) {
  struct mr_hist sum = {0};
  bool any = false;
  for (uint32_t i = 0; i < part->link_cnt; i++) {
    const struct mr_link_stat *l = &part->links[i];
    if (strcmp(part->nodes[l->from].name, from) != 0 || strcmp(part->nodes[l->to].name, to) != 0)
      continue;
    any = true;
    mr_percentile_merge(&sum, &l->wait_ns);
  }
  *p50 = mr_percentile(&sum, 50);
  return any;
}

/* "= source 41us + ring 0.3us + sink 9us", where the way back along first inputs leads to the
 * source. */
static void draw_hops(const struct path_draw *draw, const char *from, const char *to) {
  const struct mr_snapshot *part = draw->part;
  uint32_t way[HOPS_MAX], cnt = 0, at = find_node(part, to);
  char s[MR_LINES_SHORT_SZ];
  while (at < part->node_cnt && cnt < HOPS_MAX) {
    way[cnt++] = at;
    if (!strcmp(part->nodes[at].name, from)) break;
    at = part->nodes[at].input - 1; /* none: UINT32_MAX */
  }
  if (at >= part->node_cnt || strcmp(part->nodes[at].name, from) != 0) return;
  for (uint32_t i = cnt; i-- > 0;) {
    const char *name = part->nodes[way[i]].name;
    uint64_t wait;
    if (i + 1 < cnt && wait_p50(part, part->nodes[way[i + 1]].name, name, &wait))
      mr_lines_add(draw->out, " + ring %s", mr_lines_time(s, wait));
    mr_lines_add(draw->out, " %s %s %s", i + 1 < cnt ? "+" : "=", name,
                 mr_lines_time(s, service_p50(part, name)));
  }
}

static void draw_path(void *ctx, const char *from, const char *to, const struct mr_hist *latency) {
  const struct path_draw *draw = ctx;
  char a[MR_LINES_SHORT_SZ], b[MR_LINES_SHORT_SZ], c[MR_LINES_SHORT_SZ];
  struct mr_percentiles q;
  if (!is_wanted(draw->conf, from) && !is_wanted(draw->conf, to)) return;
  mr_percentiles_of(latency, &q);
  mr_lines_add(draw->out, "PATH %s->%s", from, to);
  if (q.count) {
    mr_lines_add(draw->out, "   p50 %s  p99 %s  max %s", mr_lines_time(a, q.p50),
                 mr_lines_time(b, q.p99), mr_lines_time(c, q.max));
    draw_hops(draw, from, to);
  } else {
    mr_lines_add(draw->out, "   no rows");
  }
  mr_lines_add(draw->out, "\n");
}

/* The rows of the interval, as everything in the table. */
static void draw_budgets(struct mr_lines *out, const struct mr_snapshot *part,
                         const struct mr_top_conf *conf) {
  struct mr_budget *budgets;
  uint32_t cnt = mr_budgets_read(out->arena, part, &budgets);
  char a[MR_LINES_SHORT_SZ], b[MR_LINES_SHORT_SZ];
  for (uint32_t i = 0; i < cnt; i++) {
    const struct mr_budget *budget = &budgets[i];
    if (!is_wanted(conf, budget->from) && !is_wanted(conf, budget->to)) continue;
    mr_lines_add(out, "BUDGET %s  %s->%s  %s", budget->name, budget->from, budget->to,
                 !budget->rows ? "no rows"
                 : budget->met ? "met"
                               : "MISSED");
    for (uint32_t k = 0; k < budget->limit_cnt; k++)
      mr_lines_add(out, "  %s %s of %s", budget->limits[k].quantile,
                   budget->rows ? mr_lines_time(a, budget->limits[k].value_ns) : "-",
                   mr_lines_time(b, budget->limits[k].limit_ns));
    mr_lines_add(out, "\n");
  }
}

void mr_top_draw(struct mr_lines *out, const struct mr_snapshot *now,
                 const struct mr_snapshot *part, const struct mr_top_conf *conf) {
  draw_head(out, now, part);
  draw_nodes(out, now, part, conf);
  if (!conf->no_links) draw_links(out, now, part, conf);
  struct path_draw draw = {conf, out, part};
  if (!conf->no_paths) mr_report_paths(part, draw_path, &draw);
  if (!conf->no_paths) draw_budgets(out, part, conf);
}

const char *mr_top_sort_str(enum mr_top_sort sort) {
  static const char *const names[MR_TOP_SORT_CNT] = {"graph", "busy", "rate", "name"};
  return (unsigned)sort < MR_TOP_SORT_CNT ? names[sort] : "?";
}

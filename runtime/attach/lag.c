/* SPDX-License-Identifier: Apache-2.0 */
#include "attach/lag.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

/* RFC 3339, "-" for none yet and "end" for the end of time. */
static const char *time_text(char buf[MR_TEXT_TIMESTAMP_SZ + 1], int64_t us) {
  if (us == INT64_MIN || us == INT64_MAX) return us == INT64_MIN ? "-" : "end";
  buf[mr_timestamp_format(buf, us)] = 0;
  return buf;
}

/* now - us, at least 0; false: one of them is no time. */
static bool time_behind(int64_t clock, int64_t us, int64_t *behind) {
  if (clock == INT64_MIN || us == INT64_MIN || us == INT64_MAX) return false;
  if (__builtin_sub_overflow(clock, us, behind)) return false;
  if (*behind < 0) *behind = 0;
  return true;
}

static const char *behind_text(char buf[MR_LINES_SHORT_SZ], int64_t clock, int64_t us) {
  int64_t behind;
  return time_behind(clock, us, &behind) ? mr_lines_span(buf, behind) : "-";
}

static bool is_source(const struct mr_snapshot *snap, uint32_t partition) {
  return snap->nodes[snap->partitions[partition].node].kind == MR_STAT_SOURCE;
}

static const char *partition_name(const struct mr_topology *t, const struct mr_snapshot *snap,
                                  uint32_t partition, char *buf, size_t sz) {
  snprintf(buf, sz, "%s/%u", snap->nodes[snap->partitions[partition].node].name,
           mr_topology_partition(t, partition));
  return buf;
}

/* Records that can be read and were not yet. */
static uint64_t records_behind(const struct mr_partition_stat *p) {
  uint64_t next = mr_snapshot_word(&p->next), end = mr_snapshot_word(&p->end);
  return end > next ? end - next : 0;
}

/* ---- text ---- */

static void add_source(struct mr_lines *out, const struct mr_snapshot *snap,
                       const struct mr_topology *t, uint32_t i) {
  const struct mr_partition_stat *p = &snap->partitions[i];
  const struct mr_node_stat *n = &snap->nodes[p->node];
  char a[MR_TEXT_TIMESTAMP_SZ + 1], b[MR_LINES_SHORT_SZ], c[MR_LINES_SHORT_SZ];
  char name[MR_STAT_NAME_SZ + 16];
  int64_t us = (int64_t)mr_snapshot_word(&p->frontier_us);
  int64_t seen = (int64_t)mr_snapshot_word(&p->last_us);
  mr_lines_cell(out, 24, partition_name(t, snap, i, name, sizeof name));
  mr_lines_add(out, " %9s  %-27s %8s", mr_lines_count(b, (double)mr_snapshot_word(&p->rows)),
               time_text(a, us), behind_text(c, mr_topology_clock_us(snap), us));
  mr_lines_add(out, " %8s", seen ? behind_text(b, snap->taken_wall_us, seen) : "-");
  uint64_t done = mr_snapshot_word(&n->input_bytes), all = mr_snapshot_word(&n->input_bytes_total);
  uint64_t next = mr_snapshot_word(&p->next), end = mr_snapshot_word(&p->end);
  if (end)
    mr_lines_add(out, "  %" PRIu64 " of %" PRIu64 ", %" PRIu64 " behind", next, end,
                 records_behind(p));
  else if (all)
    mr_lines_add(out, "  %s of %s", mr_lines_bytes(b, done), mr_lines_bytes(c, all));
  else if (done)
    mr_lines_add(out, "  %s", mr_lines_bytes(b, done));
  mr_lines_add(out, "%s\n", mr_snapshot_word(&p->idle) ? "  idle" : "");
}

static void add_node(struct mr_lines *out, const struct mr_snapshot *snap,
                     const struct mr_topology *t, const struct mr_topology_node *n) {
  char a[MR_TEXT_TIMESTAMP_SZ + 1], b[MR_LINES_SHORT_SZ], c[MR_LINES_SHORT_SZ];
  char name[MR_STAT_NAME_SZ + 16];
  int64_t us = mr_topology_watermark_us(snap, n);
  uint32_t holder = mr_topology_source_holder(t, snap, n);
  mr_lines_cell(out, 24, n->name);
  mr_lines_add(out, " %-27s %8s %8s  %s\n", time_text(a, us),
               behind_text(b, mr_topology_clock_us(snap), us), mr_lines_span(c, n->delay_us),
               holder == UINT32_MAX ? "-" : partition_name(t, snap, holder, name, sizeof name));
}

void mr_lag_text(struct mr_lines *out, const struct mr_snapshot *snap,
                 const struct mr_topology *topology) {
  bool any = false;
  mr_lines_add(out, "%-24s %9s  %-27s %8s %8s  %s\n", "SOURCE/PARTITION", "ROWS", "LAST EVENT",
               "LAG", "SEEN", "POSITION");
  for (uint32_t i = 0; i < snap->partition_cnt; i++)
    if (is_source(snap, i)) add_source(out, snap, topology, i);
  for (uint32_t i = 0; i < topology->node_cnt; i++) {
    if (!topology->nodes[i].timed) continue;
    if (!any)
      mr_lines_add(out, "%-24s %-27s %8s %8s  %s\n", "NODE", "WATERMARK", "LAG", "DELAY",
                   "HELD BY");
    any = true;
    add_node(out, snap, topology, &topology->nodes[i]);
  }
}

/* ---- JSON ---- */

static void add_time(struct mr_lines *out, const char *name, int64_t us) {
  char buf[MR_TEXT_TIMESTAMP_SZ + 1];
  if (us == INT64_MIN)
    mr_lines_add(out, ",\"%s\":null", name);
  else
    mr_lines_add(out, ",\"%s\":\"%s\"", name, time_text(buf, us));
}

static void add_behind(struct mr_lines *out, const char *name, int64_t clock, int64_t us) {
  int64_t behind;
  if (time_behind(clock, us, &behind))
    mr_lines_add(out, ",\"%s\":%" PRId64, name,
                 behind < INT64_MAX / 1000 ? behind * 1000 : INT64_MAX);
  else
    mr_lines_add(out, ",\"%s\":null", name);
}

static void add_json_source(struct mr_lines *out, const struct mr_snapshot *snap,
                            const struct mr_topology *t, uint32_t i) {
  const struct mr_partition_stat *p = &snap->partitions[i];
  const struct mr_node_stat *n = &snap->nodes[p->node];
  int64_t us = (int64_t)mr_snapshot_word(&p->frontier_us);
  int64_t seen = (int64_t)mr_snapshot_word(&p->last_us);
  mr_lines_add(out, "{\"source\":");
  mr_lines_json(out, n->name);
  mr_lines_add(out, ",\"partition\":%u,\"rows\":%" PRIu64, mr_topology_partition(t, i),
               mr_snapshot_word(&p->rows));
  add_time(out, "last_event", us);
  add_behind(out, "lag_ns", mr_topology_clock_us(snap), us);
  add_behind(out, "seen_ns", snap->taken_wall_us, seen ? seen : INT64_MIN);
  mr_lines_add(out, ",\"idle\":%s,\"ended\":%s", mr_snapshot_word(&p->idle) ? "true" : "false",
               us == INT64_MAX ? "true" : "false");
  mr_lines_add(out, ",\"position_bytes\":%" PRIu64 ",\"total_bytes\":%" PRIu64,
               mr_snapshot_word(&n->input_bytes), mr_snapshot_word(&n->input_bytes_total));
  if (mr_snapshot_word(&p->end))
    mr_lines_add(out,
                 ",\"next_offset\":%" PRIu64 ",\"end_offset\":%" PRIu64 ",\"lag_records\":%" PRIu64,
                 mr_snapshot_word(&p->next), mr_snapshot_word(&p->end), records_behind(p));
  mr_lines_add(out, "}");
}

static void add_json_node(struct mr_lines *out, const struct mr_snapshot *snap,
                          const struct mr_topology *t, const struct mr_topology_node *n) {
  int64_t us = mr_topology_watermark_us(snap, n);
  uint32_t holder = mr_topology_source_holder(t, snap, n);
  mr_lines_add(out, "{\"name\":");
  mr_lines_json(out, n->name);
  add_time(out, "watermark", us);
  add_behind(out, "lag_ns", mr_topology_clock_us(snap), us);
  mr_lines_add(out, ",\"delay_ns\":%" PRId64 ",\"held_by\":",
               n->delay_us < INT64_MAX / 1000 ? n->delay_us * 1000 : INT64_MAX);
  if (holder == UINT32_MAX) {
    mr_lines_add(out, "null}");
    return;
  }
  mr_lines_add(out, "{\"source\":");
  mr_lines_json(out, snap->nodes[snap->partitions[holder].node].name);
  mr_lines_add(out, ",\"partition\":%u}}", mr_topology_partition(t, holder));
}

void mr_lag_json(struct mr_lines *out, const struct mr_snapshot *snap,
                 const struct mr_topology *topology) {
  const char *sep = "";
  mr_lines_add(out, "{\"graph\":");
  mr_lines_json(out, snap->graph);
  mr_lines_add(out, ",\"pid\":%" PRIu64 ",\"state\":\"%s\"", snap->pid,
               mr_attach_state_str(snap->state));
  add_time(out, "clock", mr_topology_clock_us(snap));
  mr_lines_add(out, ",\"sources\":[");
  for (uint32_t i = 0; i < snap->partition_cnt; i++) {
    if (!is_source(snap, i)) continue;
    mr_lines_add(out, "%s", sep);
    add_json_source(out, snap, topology, i);
    sep = ",";
  }
  mr_lines_add(out, "],\"nodes\":[");
  sep = "";
  for (uint32_t i = 0; i < topology->node_cnt; i++) {
    if (!topology->nodes[i].timed) continue;
    mr_lines_add(out, "%s", sep);
    add_json_node(out, snap, topology, &topology->nodes[i]);
    sep = ",";
  }
  mr_lines_add(out, "]}");
}

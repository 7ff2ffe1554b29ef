/* SPDX-License-Identifier: Apache-2.0 */
/* ps: the graphs that run here, and those that died and left their numbers. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd.h"
#include "load.h"
#include "observe.h"

#define GRAPHS_MAX 256u
#define LOOK_NS    UINT64_C(250000000) /* between the two looks that rates are made of */

struct entry {
  char path[MR_ATTACH_PATH_SZ];
  struct mr_observe obs;
  enum mr_attach_reason reason; /* why it cannot be read */
  bool here;                    /* the file was there in this round */
};

struct ps {
  struct entry *entries[GRAPHS_MAX];
  uint32_t cnt;
  bool json;
};

/* ---- looking ---- */

static void drop(struct ps *ps, uint32_t i) {
  mr_observe_close(&ps->entries[i]->obs);
  free(ps->entries[i]);
  ps->entries[i] = ps->entries[--ps->cnt];
}

/* The segment of that path is still the one that is mapped: the name was not given to a new run. */
static bool is_same(const struct entry *e, const char *path) {
  struct mr_attach now;
  if (e->reason || mr_attach_file(&now, path)) return false;
  bool same = now.start_mono_ns == e->obs.attach.start_mono_ns &&
              now.process.pid == e->obs.attach.process.pid;
  mr_attach_close(&now);
  return same;
}

static void look_at(struct entry *e) {
  if (!e->reason && mr_observe_next(&e->obs, "ps")) e->reason = MR_ATTACH_CORRUPT;
}

static bool note_path(void *ctx, const char *path) {
  struct ps *ps = ctx;
  for (uint32_t i = 0; i < ps->cnt; i++) {
    if (strcmp(ps->entries[i]->path, path) != 0) continue;
    if (is_same(ps->entries[i], path)) {
      ps->entries[i]->here = true;
      look_at(ps->entries[i]);
      return true;
    }
    drop(ps, i);
    break;
  }
  if (ps->cnt == GRAPHS_MAX) return false;
  struct entry *e = calloc(1, sizeof *e);
  if (!e) return false;
  snprintf(e->path, sizeof e->path, "%s", path);
  e->here = true;
  e->reason = mr_attach_file(&e->obs.attach, path);
  look_at(e);
  if (e->reason == MR_ATTACH_NO_FILE)
    free(e); /* it ended just now */
  else
    ps->entries[ps->cnt++] = e;
  return true;
}

static int by_name(const void *a, const void *b) {
  const struct entry *x = *(struct entry *const *)a, *y = *(struct entry *const *)b;
  int order = strcmp(x->obs.now.graph, y->obs.now.graph);
  return order ? order : strcmp(x->path, y->path);
}

/* One round: new files, files that are gone, and the numbers of all that are there. */
static void look(struct ps *ps) {
  for (uint32_t i = 0; i < ps->cnt; i++) ps->entries[i]->here = false;
  mr_attach_each(note_path, ps);
  for (uint32_t i = ps->cnt; i-- > 0;)
    if (!ps->entries[i]->here) drop(ps, i);
  qsort(ps->entries, ps->cnt, sizeof *ps->entries, by_name);
}

/* ---- printing ---- */

struct sums {
  double in_s, out_s; /* rows per second */
  uint64_t dead_letters, late;
};

static struct sums sums_of(struct entry *e) {
  const struct mr_snapshot *now = &e->obs.now, *part = mr_observe_part(&e->obs);
  struct sums s = {0};
  bool live = mr_observe_live(&e->obs);
  double seconds = (double)part->interval_ns / 1e9;
  for (uint32_t i = 0; i < now->node_cnt; i++) {
    const struct mr_node_stat *n = &now->nodes[i];
    if (mr_snapshot_node_hidden(now, i)) continue;
    s.dead_letters += mr_snapshot_word(&n->dead_letters);
    s.late += mr_snapshot_word(&n->late);
    if (!live || seconds <= 0) continue;
    if (n->kind == MR_STAT_SOURCE)
      s.in_s += (double)mr_snapshot_word(&part->nodes[i].rows_in) / seconds;
    if (n->kind == MR_STAT_SINK)
      s.out_s += (double)mr_snapshot_word(&part->nodes[i].rows_out) / seconds;
  }
  return s;
}

static void add_json(struct mr_lines *out, struct entry *e) {
  const struct mr_snapshot *now = &e->obs.now;
  mr_lines_add(out, "{\"segment\":");
  mr_lines_json(out, e->path);
  if (e->reason) {
    mr_lines_add(out, ",\"error\":");
    mr_lines_json(out, mr_attach_reason_str(e->reason));
    mr_lines_add(out, "}");
    return;
  }
  struct sums s = sums_of(e);
  mr_lines_add(out, ",\"graph\":");
  mr_lines_json(out, now->graph);
  mr_lines_add(
      out,
      ",\"generation\":%" PRIu64 ",\"pid\":%" PRIu64
      ",\"state\":\"%s\",\"stalled\":%s,\"uptime_ns\":%" PRIu64
      ",\"in_per_s\":%.1f,\"out_per_s\":%.1f,\"dead_letters\":%" PRIu64 ",\"late\":%" PRIu64 "}",
      now->generation, now->pid, mr_attach_state_str(now->state), now->stalled ? "true" : "false",
      now->uptime_ns, s.in_s, s.out_s, s.dead_letters, s.late);
}

static void add_text(struct mr_lines *out, struct entry *e) {
  char a[MR_LINES_SHORT_SZ], b[MR_LINES_SHORT_SZ], c[MR_LINES_SHORT_SZ], d[MR_LINES_SHORT_SZ];
  const struct mr_snapshot *now = &e->obs.now;
  if (e->reason) {
    mr_lines_add(out, "%s: %s\n", e->path, mr_attach_reason_str(e->reason));
    return;
  }
  struct sums s = sums_of(e);
  bool live = mr_observe_live(&e->obs);
  mr_lines_cell(out, 20, now->graph);
  mr_lines_add(out, " %3" PRIu64 " %9" PRIu64 " %-9s %10s %9s", now->generation, now->pid,
               now->stalled ? "stalled" : mr_attach_state_str(now->state),
               mr_lines_clock(a, now->uptime_ns), live ? mr_lines_count(b, s.in_s) : "-");
  mr_lines_add(out, " %9s %7s %7s\n", live ? mr_lines_count(b, s.out_s) : "-",
               mr_lines_count(c, (double)s.dead_letters), mr_lines_count(d, (double)s.late));
}

static bool print_round(struct ps *ps, bool apart) {
  struct mr_arena arena = {0};
  struct mr_lines out = {.arena = &arena};
  if (ps->json) {
    mr_lines_add(&out, "{\"graphs\":[");
    for (uint32_t i = 0; i < ps->cnt; i++) {
      if (i) mr_lines_add(&out, ",");
      add_json(&out, ps->entries[i]);
    }
    mr_lines_add(&out, "]}\n");
  } else {
    mr_lines_add(&out, "%s%-20s %3s %9s %-9s %10s %9s %9s %7s %7s\n", apart ? "\n" : "", "GRAPH",
                 "GEN", "PID", "STATE", "UP", "in/s", "out/s", "dlq", "late");
    for (uint32_t i = 0; i < ps->cnt; i++) add_text(&out, ps->entries[i]);
  }
  bool printed = mr_observe_print(&out);
  mr_arena_free(&arena);
  return printed;
}

static void wait_ns(uint64_t ns) {
  uint64_t until = mr_process_mono_ns() + ns;
  while (mr_process_mono_ns() < until) mr_observe_wait(until, false);
}

static bool any_live(const struct ps *ps) {
  for (uint32_t i = 0; i < ps->cnt; i++)
    if (!ps->entries[i]->reason && mr_observe_live(&ps->entries[i]->obs)) return true;
  return false;
}

static int run_ps(int argc, char **argv) {
  struct mr_args args = {.argc = argc, .argv = argv};
  struct ps ps = {0};
  uint64_t watch_ns = 0;
  while (mr_args_next(&args)) {
    if (!args.flag)
      return mr_cmd_usage("ps", "it lists all graphs: \"%s\" is not needed", args.value);
    if (!strcmp(args.flag, "--json")) {
      ps.json = true;
    } else if (!strcmp(args.flag, "--watch")) {
      const char *value = mr_args_value(&args, "ps");
      if (!value || !(watch_ns = mr_observe_interval("ps", "--watch", value))) return MR_EXIT_USAGE;
    } else {
      return mr_cmd_usage("ps", "unknown flag %s", args.flag);
    }
  }
  look(&ps);
  if (any_live(&ps)) { /* rates need a second look */
    wait_ns(LOOK_NS);
    look(&ps);
  }
  for (bool again = false; print_round(&ps, again) && watch_ns; again = true) {
    wait_ns(watch_ns);
    look(&ps);
  }
  while (ps.cnt) drop(&ps, 0);
  return MR_EXIT_OK;
}

const struct mr_cmd mr_cmd_ps = {
    "ps", "[--json] [--watch SEC]", "lists the running graphs, and those that died",
    "  --json       one JSON object on one line: graphs[]\n"
    "  --watch SEC  again every SEC seconds until it is stopped\n\n"
    "Rates are of the last quarter of a second, or of the time since the last table. A graph that "
    "was killed is listed as\n"
    "dead until the next run of its name. Graphs are looked for in MILLRACE_RUN_DIR, else in "
    "/run/millrace,\n"
    "$XDG_RUNTIME_DIR/millrace, /dev/shm/millrace-UID and /tmp/millrace-UID.\n",
    run_ps};

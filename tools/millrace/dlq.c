/* SPDX-License-Identifier: Apache-2.0 */
/* dlq: what became of rows in error: lists, shows, replays and purges dead letters. */
#include "dlq.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "attach/snapshot.h"
#include "attach/topology.h"
#include "base/lines.h"
#include "base/text.h"
#include "cmd.h"
#include "observe.h"

#define GROUPS_MAX 4096u

/* ---- which records ---- */

static int64_t time_of(const struct mr_value *record) {
  const char *text = mr_value_text(record, "time", "");
  int64_t us;
  return mr_timestamp_parse(text, strlen(text), &us) ? INT64_MIN : us;
}

bool mr_dlq_matches(const struct mr_dlq *dlq, const struct mr_dlq_record *record) {
  if (!record->value) return !dlq->code && dlq->before_us == INT64_MAX;
  if (dlq->code && strcmp(mr_value_text(record->value, "code", ""), dlq->code) != 0) return false;
  return dlq->before_us == INT64_MAX || time_of(record->value) < dlq->before_us;
}

/* Where the graph's files are: as it says itself while its segment is there, else as told. */
static void find_data_dir(struct mr_dlq *dlq) {
  struct mr_attach attach;
  struct mr_snapshot snap = {0};
  struct mr_topology topology;
  struct mr_arena arena = {0};
  const char *env = getenv("MILLRACE_DATA_DIR");
  const char *otherwise = env && env[0] ? env : "./millrace-data";
  if (dlq->graph && !mr_attach_find(&attach, dlq->graph, NULL)) {
    enum mr_attach_state state = mr_attach_state(&attach);
    dlq->live = state != MR_GRAPH_DEAD && state != MR_GRAPH_DONE;
    if (dlq->graph[0] >= '0' && dlq->graph[0] <= '9') { /* by pid */
      snprintf(dlq->name, sizeof dlq->name, "%s", attach.graph);
      dlq->graph = dlq->name;
    }
    if (!mr_snapshot_take(&attach, &snap) && mr_topology_read(&topology, &arena, &snap) &&
        topology.data_dir[0]) {
      snprintf(dlq->found, sizeof dlq->found, "%s", topology.data_dir);
      otherwise = dlq->found;
    }
    mr_snapshot_free(&snap);
    mr_attach_close(&attach);
    mr_arena_free(&arena);
  }
  if (!dlq->data_dir) dlq->data_dir = otherwise;
}

static int cannot_read(const struct mr_dlq *dlq, const char *path) {
  fprintf(stderr, "millrace %s: cannot read %s: %s\n", dlq->verb, path, strerror(errno));
  return MR_EXIT_IO;
}

/* ---- ls ---- */

struct group { /* records of one node and code */
  char graph[64], node[64], code[16];
  uint64_t cnt, bytes;
  int64_t oldest_us, newest_us;
};

struct listing {
  const struct mr_dlq *dlq;
  struct group *groups;
  uint32_t cnt;
  int rc;
};

static struct group *group_of(struct listing *l, const char *graph, const char *node,
                              const char *code) {
  for (uint32_t i = 0; i < l->cnt; i++) {
    struct group *g = &l->groups[i];
    if (!strcmp(g->graph, graph) && !strcmp(g->node, node) && !strcmp(g->code, code)) return g;
  }
  struct group *g = &l->groups[l->cnt < GROUPS_MAX ? l->cnt++ : GROUPS_MAX - 1];
  *g = (struct group){.oldest_us = INT64_MAX, .newest_us = INT64_MIN};
  snprintf(g->graph, sizeof g->graph, "%s", graph);
  snprintf(g->node, sizeof g->node, "%s", node);
  snprintf(g->code, sizeof g->code, "%s", code);
  return g;
}

static void list_file(void *ctx, const char *graph, const char *node, const char *path) {
  struct listing *l = ctx;
  struct mr_dlq_file file;
  struct mr_dlq_record r;
  if (!mr_dlq_open(&file, path, false)) {
    l->rc = cannot_read(l->dlq, path);
    return;
  }
  while (mr_dlq_next(&file, &r)) {
    if (!mr_dlq_matches(l->dlq, &r)) continue;
    struct group *g = group_of(l, graph, node, mr_value_text(r.value, "code", "?"));
    int64_t us = r.value ? time_of(r.value) : INT64_MIN;
    g->cnt++;
    g->bytes += r.len + 1;
    if (us == INT64_MIN) continue;
    if (us < g->oldest_us) g->oldest_us = us;
    if (us > g->newest_us) g->newest_us = us;
  }
  if (ferror(file.file)) l->rc = cannot_read(l->dlq, path);
  mr_dlq_close(&file);
}

static void add_time(struct mr_lines *out, const char *name, int64_t us) {
  char buf[MR_TEXT_TIMESTAMP_SZ];
  if (us == INT64_MIN || us == INT64_MAX)
    mr_lines_add(out, ",\"%s\":null", name);
  else
    mr_lines_add(out, ",\"%s\":\"%.*s\"", name, (int)mr_timestamp_format(buf, us), buf);
}

static const char *time_text(char buf[MR_TEXT_TIMESTAMP_SZ + 1], int64_t us) {
  if (us == INT64_MIN || us == INT64_MAX) return "-";
  buf[mr_timestamp_format(buf, us)] = 0;
  return buf;
}

static void draw_groups(const struct listing *l, struct mr_lines *out) {
  char a[MR_TEXT_TIMESTAMP_SZ + 1], b[MR_TEXT_TIMESTAMP_SZ + 1], size[MR_LINES_SHORT_SZ];
  if (l->dlq->json)
    mr_lines_add(out, "{\"dead_letters\":[");
  else
    mr_lines_add(out, "%-20s %-20s %-8s %9s %9s  %-27s  %s\n", "GRAPH", "NODE", "CODE", "COUNT",
                 "SIZE", "OLDEST", "NEWEST");
  for (uint32_t i = 0; i < l->cnt; i++) {
    const struct group *g = &l->groups[i];
    if (l->dlq->json) {
      mr_lines_add(out, "%s{\"graph\":", i ? "," : "");
      mr_lines_json(out, g->graph);
      mr_lines_add(out, ",\"node\":");
      mr_lines_json(out, g->node);
      mr_lines_add(out, ",\"code\":");
      mr_lines_json(out, g->code);
      mr_lines_add(out, ",\"count\":%" PRIu64 ",\"bytes\":%" PRIu64, g->cnt, g->bytes);
      add_time(out, "oldest", g->oldest_us);
      add_time(out, "newest", g->newest_us);
      mr_lines_add(out, "}");
    } else {
      mr_lines_add(out, "%-20s %-20s %-8s %9" PRIu64 " %9s  %-27s  %s\n", g->graph, g->node,
                   g->code, g->cnt, mr_lines_bytes(size, g->bytes), time_text(a, g->oldest_us),
                   time_text(b, g->newest_us));
    }
  }
  if (l->dlq->json) mr_lines_add(out, "]}\n");
}

static int list_once(const struct mr_dlq *dlq, bool apart, bool *printed) {
  struct mr_arena arena = {0};
  struct mr_lines out = {.arena = &arena};
  struct listing l = {.dlq = dlq, .groups = MR_NEW(&arena, struct group, GROUPS_MAX)};
  if (!mr_dlq_each(dlq->data_dir, dlq->graph, dlq->node, list_file, &l) && errno != ENOENT)
    l.rc = cannot_read(dlq, dlq->data_dir);
  if (apart && !dlq->json) mr_lines_add(&out, "\n");
  draw_groups(&l, &out);
  *printed = mr_observe_print(&out);
  mr_arena_free(&arena);
  return l.rc;
}

static int run_ls(struct mr_dlq *dlq) {
  bool printed;
  int rc = list_once(dlq, false, &printed);
  while (!rc && printed && dlq->watch_ns) {
    uint64_t until = mr_process_mono_ns() + dlq->watch_ns;
    while (mr_process_mono_ns() < until) mr_observe_wait(until, false);
    rc = list_once(dlq, true, &printed);
  }
  return rc;
}

/* ---- show ---- */

struct showing {
  const struct mr_dlq *dlq;
  int64_t shown;
  int rc;
};

static void show_text(const struct mr_dlq_record *r, const char *node) {
  const struct mr_value *v = r->value;
  static const char *const more[] = {"raw", "raw_base64", "row"};
  if (!v) {
    printf("%s: this line is no dead letter: %s\n", node, r->line);
    return;
  }
  printf("%s %s %s %s", mr_value_text(v, "time", "-"), mr_value_text(v, "node", node),
         mr_value_text(v, "code", "?"), mr_value_text(v, "cause", ""));
  const char *source = mr_value_text(v, "source", NULL);
  int64_t line = mr_value_int(v, "line", -1), position = mr_value_int(v, "position", -1);
  if (source) printf("  %s", source);
  if (line >= 0) printf(" line %" PRId64, line);
  if (position >= 0) printf(" position %" PRId64, position);
  putchar('\n');
  for (size_t i = 0; i < sizeof more / sizeof *more; i++) {
    const char *text = mr_value_text(v, more[i], NULL);
    if (!text) continue;
    size_t len = strlen(text);
    char *clean = malloc(len + 1);
    if (!clean) return;
    mr_text_clean(clean, len + 1, text, len);
    printf("  %-10s %s\n", more[i], clean);
    free(clean);
  }
  int64_t bytes = mr_value_int(v, "raw_bytes", -1);
  if (bytes >= 0) printf("  %-10s %" PRId64 "\n", "raw_bytes", bytes);
}

static void show_file(void *ctx, const char *graph, const char *node, const char *path) {
  struct showing *s = ctx;
  struct mr_dlq_file file;
  struct mr_dlq_record r;
  (void)graph;
  if (s->dlq->limit && s->shown == s->dlq->limit) return;
  if (!mr_dlq_open(&file, path, false)) {
    s->rc = cannot_read(s->dlq, path);
    return;
  }
  while (!(s->dlq->limit && s->shown == s->dlq->limit) && mr_dlq_next(&file, &r)) {
    if (!mr_dlq_matches(s->dlq, &r)) continue;
    s->shown++;
    if (!s->dlq->json)
      show_text(&r, node);
    else if (r.value)
      puts(r.line);
  }
  if (ferror(file.file)) s->rc = cannot_read(s->dlq, path);
  mr_dlq_close(&file);
}

static int run_show(struct mr_dlq *dlq) {
  struct showing s = {.dlq = dlq};
  if (!mr_dlq_each(dlq->data_dir, dlq->graph, dlq->node, show_file, &s) && errno != ENOENT)
    s.rc = cannot_read(dlq, dlq->data_dir);
  return fflush(stdout) ? MR_EXIT_IO : s.rc;
}

/* ---- purge ---- */

struct purging {
  const struct mr_dlq *dlq;
  uint64_t purged, kept;
  int rc;
};

static void purge_file(void *ctx, const char *graph, const char *node, const char *path) {
  struct purging *p = ctx;
  struct mr_dlq_file file;
  struct mr_dlq_record r;
  uint64_t purged = 0, kept = 0;
  if (!mr_dlq_open(&file, path, !p->dlq->dry_run)) {
    p->rc = cannot_read(p->dlq, path);
    return;
  }
  bool good = true;
  while (good && mr_dlq_next(&file, &r)) {
    bool goes = mr_dlq_matches(p->dlq, &r) && !(p->dlq->limit && purged == (uint64_t)p->dlq->limit);
    purged += goes;
    kept += !goes;
    if (goes && !p->dlq->dry_run) good = mr_dlq_remove(&file, r.off, r.len);
  }
  good = good && !ferror(file.file) && (p->dlq->dry_run || mr_dlq_sync(&file));
  if (!good) {
    fprintf(stderr, "millrace %s: cannot write %s: %s\n", p->dlq->verb, path, strerror(errno));
    p->rc = MR_EXIT_IO;
  }
  mr_dlq_close(&file);
  printf("%s %" PRIu64 " of %" PRIu64 " dead letters of %s/%s\n",
         p->dlq->dry_run ? "would purge" : "purged", purged, purged + kept, graph, node);
}

static int run_purge(struct mr_dlq *dlq) {
  struct purging p = {.dlq = dlq};
  if (!mr_dlq_each(dlq->data_dir, dlq->graph, dlq->node, purge_file, &p) && errno != ENOENT)
    p.rc = cannot_read(dlq, dlq->data_dir);
  return p.rc;
}

/* ---- the command line ---- */

static const struct sub {
  const char *name, *verb;
  int (*run)(struct mr_dlq *dlq);
  bool needs_graph;
  const char *flags; /* that it takes, each with a blank behind it */
} subs[] = {
    {"ls", "dlq ls", run_ls, false, "--data-dir --code --before --json --watch "},
    {"show", "dlq show", run_show, true, "--data-dir --code --before --limit --json "},
    {"replay", "dlq replay", mr_dlq_replay, true,
     "--data-dir --code --before --limit --dry-run --to "},
    {"purge", "dlq purge", run_purge, true, "--data-dir --code --before --limit --dry-run "},
};

/* A time, or how long ago. */
static bool parse_before(const char *text, int64_t *us) {
  size_t len = strlen(text);
  int64_t ns;
  struct timespec now;
  if (!mr_timestamp_parse(text, len, us)) return true;
  if (mr_duration_parse_ns(text, len, &ns) || ns < 0) return false;
  clock_gettime(CLOCK_REALTIME, &now);
  *us = (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000 - ns / 1000;
  return true;
}

static int take_value(struct mr_dlq *dlq, const char *flag, const char *value) {
  if (!strcmp(flag, "--data-dir")) {
    dlq->data_dir = value;
  } else if (!strcmp(flag, "--code")) {
    dlq->code = value;
  } else if (!strcmp(flag, "--to")) {
    dlq->to = value;
  } else if (!strcmp(flag, "--watch")) {
    dlq->watch_ns = mr_observe_interval(dlq->verb, flag, value);
    if (!dlq->watch_ns) return MR_EXIT_USAGE;
  } else if (!strcmp(flag, "--before")) {
    if (!parse_before(value, &dlq->before_us))
      return mr_cmd_usage("dlq",
                          "--before takes a time like 2025-10-13T11:30:00Z, or how long ago "
                          "like 24h, not \"%s\"",
                          value);
  } else if (mr_int64_parse(value, strlen(value), &dlq->limit) || dlq->limit < 1) {
    return mr_cmd_usage("dlq", "--limit is a number from 1, not \"%s\"", value);
  }
  return MR_EXIT_OK;
}

static int take_flag(struct mr_dlq *dlq, const struct sub *sub, struct mr_args *args) {
  char flag[32];
  snprintf(flag, sizeof flag, "%s ", args->flag);
  if (!strstr(sub->flags, flag))
    return mr_cmd_usage("dlq", "%s does not take %s", sub->verb, args->flag);
  flag[strlen(flag) - 1] = 0;
  if (!strcmp(flag, "--json")) {
    dlq->json = true;
    return MR_EXIT_OK;
  }
  if (!strcmp(flag, "--dry-run")) {
    dlq->dry_run = true;
    return MR_EXIT_OK;
  }
  const char *value = mr_args_value(args, "dlq");
  return value ? take_value(dlq, flag, value) : MR_EXIT_USAGE;
}

static int run_dlq(int argc, char **argv) {
  struct mr_dlq dlq = {.before_us = INT64_MAX};
  const struct sub *sub = NULL;
  for (size_t i = 0; argc > 1 && i < sizeof subs / sizeof *subs; i++)
    if (!strcmp(argv[1], subs[i].name)) sub = &subs[i];
  if (!sub) return mr_cmd_usage("dlq", "ls, show, replay or purge?");
  dlq.verb = sub->verb;
  struct mr_args args = {.argc = argc - 1, .argv = argv + 1};
  while (mr_args_next(&args)) {
    int rc = MR_EXIT_OK;
    if (args.flag)
      rc = take_flag(&dlq, sub, &args);
    else if (!dlq.graph)
      dlq.graph = args.value;
    else if (!dlq.node)
      dlq.node = args.value;
    else
      rc = mr_cmd_usage("dlq", "one graph and one node at a time");
    if (rc) return rc;
  }
  if (sub->needs_graph && !dlq.graph) return mr_cmd_usage("dlq", "%s of which graph?", sub->verb);
  find_data_dir(&dlq);
  return sub->run(&dlq);
}

const struct mr_cmd mr_cmd_dlq = {
    "dlq", "ls|show|replay|purge [FLAGS] [GRAPH|PID [NODE]]",
    "lists, shows, replays and purges dead letters",
    "  ls      node, code, count, oldest and newest; --json, --watch SEC\n"
    "  show    the records themselves; --json: as they are in the file\n"
    "  replay  feeds what a source could not read to the same source of the running graph, through "
    "its decoder\n"
    "  purge   removes them\n"
    "  --code CODE      only those with this code, like MR3006\n"
    "  --before TIME    only those before a time, or so long ago, like 24h\n"
    "  --limit N        at most so many of a node\n"
    "  --dry-run        replay, purge: says what would happen\n"
    "  --to FILE|-      replay: writes the lines there; what went to a file is removed, not what "
    "went to stdout\n"
    "  --data-dir DIR   also MILLRACE_DATA_DIR; without it the running graph's own, else "
    "./millrace-data\n\n"
    "A record that was fed is removed; what is in error again has become a new one. If it is "
    "stopped in between, the\n"
    "records of that moment may be fed twice. Rows of steps and lines that were kept in part only "
    "cannot be replayed.\n",
    run_dlq};

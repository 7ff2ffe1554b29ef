/* SPDX-License-Identifier: Apache-2.0 */
/* state: what stands in checkpoints. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "args.h"
#include "base/lines.h"
#include "base/text.h"
#include "cmd.h"
#include "kept.h"
#include "state/save.h"

struct state_args {
  const char *words[4]; /* sub-verb and what follows */
  uint32_t word_cnt;
  uint64_t number, limit;
  bool json;
};

/* ---- values as JSON ---- */

static void add_bytes(struct mr_lines *out, const uint8_t *bytes, uint32_t len) {
  bool text = mr_utf8_valid((const char *)bytes, len) && !memchr(bytes, 0, len);
  if (text) {
    mr_lines_json(out, mr_arena_strndup(out->arena, (const char *)bytes, len));
    return;
  }
  mr_lines_add(out, "\"0x");
  for (uint32_t i = 0; i < len; i++) mr_lines_add(out, "%02x", bytes[i]);
  mr_lines_add(out, "\"");
}

static void add_value(struct mr_lines *out, const struct mr_load_value *v, const uint8_t *end) {
  char text[64];
  struct mr_load_value list = *v, element;
  if (!v->present) {
    mr_lines_add(out, "null");
  } else if (v->type & MR_SAVE_LIST) {
    mr_lines_add(out, "[");
    for (uint32_t i = 0; mr_load_element(&list, end, &element); i++) {
      if (i) mr_lines_add(out, ",");
      add_value(out, &element, end);
    }
    mr_lines_add(out, "]");
  } else if (v->type == MR_SAVE_INT) {
    mr_lines_add(out, "%" PRId64, v->i);
  } else if (v->type == MR_SAVE_DOUBLE) {
    size_t len = mr_double_format(text, v->d);
    mr_lines_add(out, v->d - v->d == 0 ? "%.*s" : "\"%.*s\"", (int)len, text);
  } else {
    add_bytes(out, v->bytes, v->len);
  }
}

/* ---- a record as lines ---- */

struct lines { /* every value with its path, every row */
  char **items;
  uint32_t cnt, cap;
  struct mr_arena *arena;
};

static void add_line(struct lines *l, char *text) {
  if (l->cnt == l->cap) {
    l->cap = l->cap ? 2 * l->cap : 256;
    char **grown = MR_NEW(l->arena, char *, l->cap);
    if (l->cnt) memcpy(grown, l->items, l->cnt * sizeof *grown);
    l->items = grown;
  }
  l->items[l->cnt++] = text;
}

static void add_rows(struct lines *l, const char *head, const char *path,
                     const struct mr_load *bytes) {
  struct mr_load_rows *rows = MR_NEW(l->arena, struct mr_load_rows, 1);
  if (!mr_load_rows_of(bytes, rows)) return;
  while (mr_load_next(rows)) {
    struct mr_lines out = {.arena = l->arena};
    mr_lines_add(&out, "{%s,\"rows\":", head);
    mr_lines_json(&out, path);
    mr_lines_add(&out, ",\"row\":{");
    for (uint32_t i = 0; i < rows->cnt; i++) {
      if (i) mr_lines_add(&out, ",");
      mr_lines_json(&out, rows->names[i]);
      mr_lines_add(&out, ":");
      add_value(&out, &rows->values[i], rows->end);
    }
    mr_lines_add(&out, "}}");
    add_line(l, out.text);
  }
}

/* Groups that are not written by millrace may be deeper than anybody reads. */
#define DEPTH_MAX 32

static void add_fields(struct lines *l, const char *head, const char *path, struct mr_load from,
                       int depth) {
  struct mr_load_field f;
  while (mr_load_field(&from, &f)) {
    const char *name = *path ? mr_arena_printf(l->arena, "%s.%s", path, f.name)
                             : mr_arena_strdup(l->arena, f.name);
    if (f.type == MR_SAVE_GROUP) {
      if (depth < DEPTH_MAX) add_fields(l, head, name, f.group, depth + 1);
    } else if (f.type == MR_SAVE_ROWS) {
      add_rows(l, head, name, &f.group);
    } else {
      struct mr_lines out = {.arena = l->arena};
      mr_lines_add(&out, "{%s,", head);
      mr_lines_json(&out, name);
      mr_lines_add(&out, ":");
      add_value(&out, &f.value, from.end);
      mr_lines_add(&out, "}");
      add_line(l, out.text);
    }
  }
}

/* All records of a node, or of all nodes with NULL. */
static struct lines lines_of(const struct mr_manifest *m, const uint8_t *state, const char *node,
                             struct mr_arena *arena) {
  struct lines l = {.arena = arena};
  for (uint32_t i = 0; i < m->cnt; i++) {
    const struct mr_manifest_entry *e = &m->entries[i];
    if (node && strcmp(node, e->node)) continue;
    struct mr_lines head = {.arena = arena};
    mr_lines_add(&head, "\"node\":");
    mr_lines_json(&head, e->node);
    mr_lines_add(&head, ",\"instance\":%u", e->instance);
    struct mr_load record;
    mr_manifest_record(m, state, i, &record);
    add_fields(&l, head.text, "", record, 0);
  }
  return l;
}

/* ---- ls ---- */

static void print_checkpoint(const struct mr_manifest *m, bool json) {
  char time[64], bytes[MR_LINES_SHORT_SZ];
  size_t len = mr_timestamp_format(time, m->time_us);
  if (json)
    printf("{\"checkpoint\":%" PRIu64 ",\"time\":\"%.*s\",\"ended\":%s,\"state_bytes\":%" PRIu64
           ",\"graph\":\"%s\"}\n",
           m->number, (int)len, time, m->ended ? "true" : "false", m->state_bytes, m->graph);
  else
    printf("%-6" PRIu64 " %-27.*s %10s  %s%s\n", m->number, (int)len, time,
           mr_lines_bytes(bytes, m->state_bytes), m->graph, m->ended ? "  ended" : "");
}

static void print_entries(const struct mr_manifest *m) {
  char bytes[MR_LINES_SHORT_SZ];
  printf("\ncheckpoint %" PRIu64 ":\n", m->number);
  for (uint32_t i = 0; i < m->cnt; i++) {
    const struct mr_manifest_entry *e = &m->entries[i];
    printf("  %-24s %-12s %u of %u %10s%s\n", e->node, e->type, e->instance, e->of,
           mr_lines_bytes(bytes, e->length), e->shape ? "" : "  no state");
  }
}

static int list(struct mr_kept *kept, const struct state_args *args) {
  int worst = MR_EXIT_OK;
  struct mr_manifest *m, *newest = NULL;
  for (uint32_t i = 0; i < kept->cnt; i++) {
    int rc = mr_kept_read(kept, "state", kept->numbers[i], &m, NULL);
    if (rc) {
      worst = rc;
      continue;
    }
    if (!newest) newest = m;
    print_checkpoint(m, args->json);
  }
  if (newest && !args->json) print_entries(newest);
  return worst;
}

/* ---- get ---- */

static int get(struct mr_kept *kept, const struct state_args *args) {
  struct mr_manifest *m;
  const uint8_t *state;
  const char *node = args->word_cnt > 2 ? args->words[2] : NULL;
  int rc = mr_kept_read(kept, "state", args->number, &m, &state);
  if (rc) return rc;
  struct lines l = lines_of(m, state, node, &kept->arena);
  if (node && !l.cnt) {
    fprintf(stderr, "millrace state: checkpoint %" PRIu64 " has no node %s\n", m->number, node);
    return MR_EXIT_FAILED;
  }
  for (uint32_t i = 0; i < l.cnt && i < args->limit; i++) puts(l.items[i]);
  return MR_EXIT_OK;
}

/* ---- diff ---- */

static int by_text(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

static int diff(struct mr_kept *kept, const struct state_args *args) {
  struct mr_manifest *m[2];
  const uint8_t *state[2];
  struct lines l[2];
  uint64_t shown = 0;
  for (int i = 0; i < 2; i++) {
    int64_t n;
    if (mr_int64_parse(args->words[2 + i], strlen(args->words[2 + i]), &n) || n <= 0)
      return mr_cmd_usage("state", "diff takes the numbers of two checkpoints, not \"%s\"",
                          args->words[2 + i]);
    int rc = mr_kept_read(kept, "state", (uint64_t)n, &m[i], &state[i]);
    if (rc) return rc;
    l[i] = lines_of(m[i], state[i], NULL, &kept->arena);
    if (l[i].cnt) qsort(l[i].items, l[i].cnt, sizeof *l[i].items, by_text);
  }
  uint32_t a = 0, b = 0;
  while (a < l[0].cnt || b < l[1].cnt) {
    int order = a == l[0].cnt ? 1 : b == l[1].cnt ? -1 : strcmp(l[0].items[a], l[1].items[b]);
    if (order && shown++ < args->limit)
      printf("%c %s\n", order < 0 ? '-' : '+', order < 0 ? l[0].items[a] : l[1].items[b]);
    a += order <= 0;
    b += order >= 0;
  }
  if (shown > args->limit)
    fprintf(stderr, "shown %" PRIu64 " of %" PRIu64 " differences\n", args->limit, shown);
  return shown ? MR_EXIT_FAILED : MR_EXIT_OK;
}

/* ---- the verb ---- */

static int read_args(struct state_args *to, int argc, char **argv) {
  struct mr_args args = {.argc = argc, .argv = argv};
  int64_t n;
  to->limit = UINT64_MAX;
  while (mr_args_next(&args)) {
    if (!args.flag) {
      if (to->word_cnt == 4) return mr_cmd_usage("state", "too many words");
      to->words[to->word_cnt++] = args.value;
      continue;
    }
    if (!strcmp(args.flag, "--json")) {
      to->json = true;
      continue;
    }
    bool bare = !strcmp(args.flag, "--no-env");
    const char *value = bare ? NULL : mr_args_value(&args, "state");
    if (!bare && !value) return MR_EXIT_USAGE;
    bool number = !strcmp(args.flag, "--checkpoint"), limit = !strcmp(args.flag, "--limit");
    if (number || limit) {
      if (mr_int64_parse(value, strlen(value), &n) || n <= 0)
        return mr_cmd_usage("state", "%s takes a number, not \"%s\"", args.flag, value);
      *(number ? &to->number : &to->limit) = (uint64_t)n;
      continue;
    }
    int taken = mr_kept_flag("state", args.flag, value);
    if (taken < 0) return MR_EXIT_USAGE;
    if (!taken) return mr_cmd_usage("state", "unknown flag %s", args.flag);
  }
  return MR_EXIT_OK;
}

static int run_state(int argc, char **argv) {
  struct state_args args = {0};
  struct mr_kept kept = {0};
  int rc = read_args(&args, argc, argv);
  if (rc) return rc;
  const char *what = args.word_cnt ? args.words[0] : "";
  bool ls = !strcmp(what, "ls"), gets = !strcmp(what, "get"), diffs = !strcmp(what, "diff");
  if (!ls && !gets && !diffs) return mr_cmd_usage("state", "which one: ls, get or diff?");
  if (args.word_cnt < 2) return mr_cmd_usage("state", "of which graph or folder?");
  if (diffs && args.word_cnt < 4)
    return mr_cmd_usage("state", "diff takes the numbers of two checkpoints");
  rc = mr_kept_open(&kept, "state", args.words[1]);
  if (!rc) rc = ls ? list(&kept, &args) : gets ? get(&kept, &args) : diff(&kept, &args);
  mr_kept_close(&kept);
  return rc;
}

const struct mr_cmd mr_cmd_state = {
    "state", "ls | get | diff  WHERE ...", "what stands in the checkpoints of a graph",
    "  ls WHERE             the checkpoints, and what the newest has of each node\n"
    "  get WHERE [NODE]     values and rows of state as JSON lines\n"
    "  diff WHERE N M       what differs between checkpoints N and M; ends 1 when something does\n"
    "  --checkpoint N       get: of this one, not of the newest\n"
    "  --limit N            get, diff: at most so many lines\n"
    "  --json               ls: JSON lines\n"
    "  --set PATH=VALUE, --no-env and the like: as for run\n\n"
    "WHERE is a folder of checkpoints, a graph file, or the name or pid of a running graph.\n",
    run_state};

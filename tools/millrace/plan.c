/* SPDX-License-Identifier: Apache-2.0 */
/* plan: what becomes of each node's state when a graph goes on as another one. */
#include <stdio.h>
#include <string.h>

#include "cmd.h"
#include "kept.h"
#include "load.h"

struct kin { /* a node as far as its state goes */
  const char *name, *type, *shape;
  uint32_t instances;
};

struct nodes {
  struct kin *items;
  uint32_t cnt;
};

static struct nodes of_plan(const struct mr_plan *plan, struct mr_arena *arena) {
  struct nodes n = {MR_NEW(arena, struct kin, plan->node_cnt + 1), 0};
  for (uint32_t i = 0; i < plan->node_cnt; i++) {
    const struct mr_plan_node *from = &plan->nodes[i];
    if (from->internal) continue;
    n.items[n.cnt++] =
        (struct kin){from->name, from->op->name,
                     from->op->shape ? from->op->shape(&from->op_plan) : NULL, from->instance_cnt};
  }
  return n;
}

/* Internal nodes of a checkpoint belong to another: their names have a dot. */
static struct nodes of_manifest(const struct mr_manifest *m, struct mr_arena *arena) {
  struct nodes n = {MR_NEW(arena, struct kin, m->cnt + 1), 0};
  for (uint32_t i = 0; i < m->cnt; i++) {
    const struct mr_manifest_entry *e = &m->entries[i];
    if (!e->instance && !strchr(e->node, '.'))
      n.items[n.cnt++] = (struct kin){e->node, e->type, e->shape, e->of};
  }
  return n;
}

static const struct kin *find(const struct nodes *n, const char *name) {
  for (uint32_t i = 0; i < n->cnt; i++)
    if (!strcmp(n->items[i].name, name)) return &n->items[i];
  return NULL;
}

static int line_len(const char *p) {
  return (int)strcspn(p, "\n");
}

/* The first fact that differs. */
static void print_difference(const char *was, const char *is) {
  while (*was && line_len(was) == line_len(is) && !strncmp(was, is, (size_t)line_len(was))) {
    was += line_len(was);
    is += line_len(is);
    was += *was == '\n';
    is += *is == '\n';
  }
  printf("  had \"%.*s\", has \"%.*s\"", line_len(was), was, line_len(is), is);
}

/* Whether the node's state would be lost. */
static bool is_reset(const struct kin *was, const struct kin *n) {
  if (!was || !was->shape) return false; /* it is new, or has none */
  return strcmp(was->type, n->type) || !n->shape || strcmp(was->shape, n->shape) ||
         was->instances != n->instances;
}

static bool print_node(const struct nodes *old, const struct kin *n) {
  const struct kin *was = find(old, n->name);
  bool lost = is_reset(was, n);
  printf("%-9s %-24s %s", !was ? "new" : lost ? "reset" : "kept", n->name, n->type);
  if (lost && strcmp(was->type, n->type))
    printf("  was of type %s", was->type);
  else if (lost && was->instances != n->instances)
    printf("  had workers: %u, has %u", was->instances, n->instances);
  else if (lost)
    print_difference(was->shape, n->shape ? n->shape : "");
  else if (was && !was->shape)
    printf("  no state");
  putchar('\n');
  return lost;
}

static int compare(const struct nodes *old, const struct nodes *new) {
  bool lost = false;
  for (uint32_t i = 0; i < new->cnt; i++) lost |= print_node(old, &new->items[i]);
  for (uint32_t i = 0; i < old->cnt; i++) {
    const struct kin *n = &old->items[i];
    if (find(new, n->name)) continue;
    lost |= n->shape != NULL;
    printf("%-9s %-24s %s%s\n", "gone", n->name, n->type, n->shape ? "" : "  no state");
  }
  return lost ? MR_EXIT_FAILED : MR_EXIT_OK;
}

static bool is_file(const char *name) {
  FILE *f = fopen(name, "re");
  int c = f ? fgetc(f) : EOF; /* a folder opens, and cannot be read */
  if (f) fclose(f);
  return c != EOF;
}

static int plan_from(const char *old, const struct mr_plan *plan, struct mr_load *load) {
  struct mr_kept kept = {0};
  struct mr_manifest *m;
  struct nodes was, is = of_plan(plan, plan->arena);
  int rc;
  if (is_file(old)) {
    rc = mr_load_plan(load, old);
    if (rc) return rc;
    was = of_plan(load->plan, &load->arena);
    return compare(&was, &is);
  }
  rc = mr_kept_open(&kept, "plan", old);
  if (!rc) rc = mr_kept_read(&kept, "plan", 0, &m, NULL);
  if (!rc) {
    was = of_manifest(m, &kept.arena);
    rc = compare(&was, &is);
  }
  mr_kept_close(&kept);
  return rc;
}

static int run_plan(int argc, char **argv) {
  struct mr_args args = {.argc = argc, .argv = argv};
  const char *names[2] = {NULL, NULL};
  static struct mr_load loads[2];
  int cnt = 0, rc;
  for (int i = 0; i < 2; i++) {
    mr_load_init(&loads[i]);
    loads[i].conf.no_inputs = true;
  }
  while (mr_args_next(&args)) {
    if (!args.flag) {
      if (cnt == 2) return mr_cmd_usage("plan", "two graphs: as it is, and as it shall be");
      names[cnt++] = args.value;
      continue;
    }
    bool bare = !strcmp(args.flag, "--no-env");
    const char *value = bare ? NULL : mr_args_value(&args, "plan");
    if (!bare && !value) return MR_EXIT_USAGE;
    int taken = mr_load_flag(&loads[1], "plan", args.flag, value);
    if (taken >= 0) taken = mr_load_flag(&loads[0], "plan", args.flag, value);
    if (taken < 0) return MR_EXIT_USAGE;
    if (!taken) return mr_cmd_usage("plan", "unknown flag %s", args.flag);
  }
  if (cnt < 2) return mr_cmd_usage("plan", "two graphs: as it is, and as it shall be");
  rc = mr_load_plan(&loads[1], names[1]);
  if (!rc) rc = plan_from(names[0], loads[1].plan, &loads[0]);
  for (int i = 0; i < 2; i++) mr_load_free(&loads[i]);
  return rc;
}

const struct mr_cmd mr_cmd_plan = {
    "plan", "RUNNING|OLD.yaml|FOLDER NEW.yaml",
    "what becomes of a graph's state in a changed graph",
    "  --set PATH=VALUE, --seed N, --clock wall|virtual, --no-env, --operators FILE: as for run\n\n"
    "The first is a running graph that takes checkpoints, a graph file, or a folder of "
    "checkpoints.\n"
    "Per node: kept; reset (its state would be lost, and which fact is why); new; gone.\n"
    "Ends 0, or 1 when state would be lost: `run` then refuses to go on from the checkpoint.\n",
    run_plan};

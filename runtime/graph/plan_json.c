/* SPDX-License-Identifier: Apache-2.0 */
/* The plan as JSON, for the stats segment. */
#include <inttypes.h>
#include <limits.h>
#include <unistd.h>

#include "base/lines.h"
#include "graph/plan_private.h"
#include "graph/secret.h"

static const char *kind_name(enum mr_op_kind kind) {
  return kind == MR_OP_SOURCE ? "source" : kind == MR_OP_STEP ? "step" : "sink";
}

static void put_text(struct mr_lines *out, const char *name, const char *text) {
  mr_lines_add(out, ",\"%s\":", name);
  mr_lines_json(out, text);
}

static void put_us(struct mr_lines *out, const char *name, int64_t us) {
  mr_lines_add(out, ",\"%s\":%" PRId64, name, us);
}

static void put_path(struct mr_lines *out, const char *name, const char *path) {
  char dir[PATH_MAX];
  while (path[0] == '.' && path[1] == '/') path += 2;
  const char *whole = path;
  if (path[0] != '/' && getcwd(dir, sizeof dir))
    whole = mr_arena_printf(out->arena, "%s/%s", dir, path);
  put_text(out, name, whole);
}

static void put_inputs(struct mr_lines *out, const struct mr_plan *plan,
                       const struct mr_plan_node *n) {
  mr_lines_add(out, ",\"from\":[");
  for (uint32_t i = 0; i < n->input_cnt; i++) {
    const struct mr_plan_node *up = &plan->nodes[n->inputs[i].node];
    mr_lines_add(out, "%s{\"node\":", i ? "," : "");
    mr_lines_json(out, up->name);
    put_text(out, "output", up->outs[n->inputs[i].output].name);
    if (n->op->ports) put_text(out, "port", n->op->ports[n->inputs[i].port]);
    mr_lines_add(out, "}");
  }
  mr_lines_add(out, "]");
}

/* The partitions that reach the input, and those that the node's own rows are. */
static void put_partitions(struct mr_lines *out, const struct mr_plan *plan,
                           const struct mr_plan_node *n) {
  const char *sep = "";
  mr_lines_add(out, ",\"partitions\":[");
  for (uint32_t p = 0; p < plan->partition_cnt; p++) {
    if (!(n->partitions[p / 64] >> (p % 64) & 1)) continue;
    mr_lines_add(out, "%s%u", sep, p);
    sep = ",";
  }
  mr_lines_add(out, "],\"makes\":[");
  for (uint32_t i = 0; i < n->partition_cnt; i++)
    mr_lines_add(out, "%s%u", i ? "," : "", n->partition_first + i);
  mr_lines_add(out, "]");
}

static void put_output(struct mr_lines *out, const struct mr_plan_out *o) {
  char type[256];
  const char *sep = "";
  mr_lines_add(out, "{\"name\":");
  mr_lines_json(out, o->name);
  mr_lines_add(out, ",\"read\":%s,\"columns\":[", o->reader_cnt ? "true" : "false");
  for (uint32_t c = 0; o->schema && o->need && c < o->schema->cnt; c++) {
    const struct mr_field *f = &o->schema->fields[c];
    if (!o->need[c]) continue;
    mr_lines_add(out, "%s{\"name\":", sep);
    mr_lines_json(out, f->name);
    if (f->outer) put_text(out, "struct", f->outer);
    put_text(out, "type", mr_field_type_text(f, type, sizeof type));
    mr_lines_add(out, "%s}", f->hidden ? ",\"hidden\":true" : "");
    sep = ",";
  }
  mr_lines_add(out, "]}");
}

static void put_times(struct mr_lines *out, const struct mr_plan_node *n) {
  const struct mr_op_plan *p = &n->op_plan;
  if (n->op->kind == MR_OP_SOURCE) {
    put_us(out, "delay_us", n->delay_us);
    put_us(out, "idle_after_us", n->idle_after_us);
  }
  if (n->op->flags & MR_OP_TIMED) {
    put_us(out, "delay_us", p->delay_us);
    put_us(out, "allowed_lateness_us", p->allowed_lateness_us);
  }
  if (p->every_us) put_us(out, "every_us", p->every_us);
  if (p->state_max) mr_lines_add(out, ",\"state_max\":%" PRIu64, p->state_max);
}

static void put_node(struct mr_lines *out, const struct mr_plan *plan,
                     const struct mr_plan_node *n) {
  static const char *const on_error[] = {"dead_letter", "drop", "fail"};
  mr_lines_add(out, "{\"name\":");
  mr_lines_json(out, n->name);
  put_text(out, "type", n->op->name);
  put_text(out, "kind", kind_name(n->op->kind));
  mr_lines_add(out, ",\"internal\":%s,\"instances\":%u", n->internal ? "true" : "false",
               n->instance_cnt);
  if (n->internal) put_text(out, "owner", plan->nodes[n->owner].name);
  put_text(out, "on_error", on_error[n->on_error]);
  put_inputs(out, plan, n);
  put_times(out, n);
  put_partitions(out, plan, n);
  mr_lines_add(out, ",\"outputs\":[");
  for (uint32_t o = 0; o < n->out_cnt; o++) {
    if (o) mr_lines_add(out, ",");
    put_output(out, &n->outs[o]);
  }
  mr_lines_add(out, "]}");
}

const char *mr_plan_json(const struct mr_plan *plan, struct mr_arena *arena) {
  struct mr_lines out = {.arena = arena};
  mr_lines_add(&out, "{\"graph\":");
  mr_lines_json(&out, plan->graph);
  put_text(&out, "file", plan->file ? plan->file : "");
  put_path(&out, "data_dir", plan->runtime.data_dir);
  if (plan->runtime.checkpoint.dir) put_path(&out, "checkpoint_dir", plan->runtime.checkpoint.dir);
  mr_lines_add(&out, ",\"clock\":\"%s\",\"workers\":%u,\"drain_timeout_ns\":%" PRId64,
               plan->runtime.virtual_clock ? "virtual" : "wall", plan->worker_cnt,
               plan->runtime.drain_timeout_ns);
  mr_lines_add(&out, ",\"nodes\":[");
  for (uint32_t i = 0; i < plan->node_cnt; i++) {
    if (i) mr_lines_add(&out, ",");
    put_node(&out, plan, &plan->nodes[i]);
  }
  mr_lines_add(&out, "],\"budgets\":[");
  mr_plan_json_budgets(&out, plan);
  mr_lines_add(&out, "]}");
  return mr_secrets_scrub(plan->secrets, out.text);
}

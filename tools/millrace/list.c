/* SPDX-License-Identifier: Apache-2.0 */
/* list: what is built in. */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/lines.h"
#include "base/version.h"
#include "cmd.h"
#include "graph/opt.h"
#include "load.h"

static const char *const kind_names[] = {"source", "step", "sink"};

static void add_json(struct mr_lines *out, const struct mr_op *op) {
  mr_lines_add(out, "{\"kind\":\"%s\",\"type\":", kind_names[op->kind]);
  mr_lines_json(out, op->name);
  mr_lines_add(out, ",\"help\":");
  mr_lines_json(out, op->help);
  mr_lines_add(out, ",\"outputs\":[");
  for (uint32_t i = 0; op->outputs && op->outputs[i]; i++) {
    if (i) mr_lines_add(out, ",");
    mr_lines_json(out, op->outputs[i]);
  }
  mr_lines_add(out, "],\"options\":[");
  bool some = false;
  for (const struct mr_opt *o = op->opts; o && o->name; o++) {
    if (o->since == MR_OPT_LATER) continue;
    mr_lines_add(out, "%s{\"name\":", some ? "," : "");
    some = true;
    mr_lines_json(out, o->name);
    mr_lines_add(out, ",\"value\":");
    mr_lines_json(out, mr_opt_type_str(o->type));
    mr_lines_add(out, ",\"required\":%s,\"help\":", o->required ? "true" : "false");
    mr_lines_json(out, o->help ? o->help : "");
    mr_lines_add(out, "}");
  }
  mr_lines_add(out, "]}");
}

static void print_options(const struct mr_op *op) {
  for (const struct mr_opt *o = op->opts; o && o->name; o++) {
    if (o->since == MR_OPT_LATER) continue;
    char name[96];
    snprintf(name, sizeof name, "%s: %s", o->name, mr_opt_example(o));
    printf("      %-32s %s%s\n", name, o->help ? o->help : "", o->required ? " (required)" : "");
  }
}

static int run_list(int argc, char **argv) {
  struct mr_args args = {.argc = argc, .argv = argv};
  struct mr_load load;
  mr_load_init(&load);
  bool json = false, some = false;
  const char *type = NULL;
  while (mr_args_next(&args)) {
    if (!args.flag)
      type = args.value;
    else if (!strcmp(args.flag, "--json"))
      json = true;
    else
      return mr_cmd_usage("list", "unknown flag %s", args.flag);
  }
  struct mr_lines out = {.arena = &load.arena};
  uint32_t found = 0;
  for (int kind = MR_OP_SOURCE; kind <= MR_OP_SINK; kind++) {
    if (!type && !json) printf("%ss\n", kind_names[kind]);
    for (const struct mr_op *const *op = load.table.ops; *op; op++) {
      if ((int)(*op)->kind != kind || (*op)->flags & MR_OP_INTERNAL) continue;
      if (type && strcmp(type, (*op)->name) != 0) continue;
      found++;
      if (json) {
        mr_lines_add(&out, "%s", some ? "," : "");
        some = true;
        add_json(&out, *op);
        continue;
      }
      printf("  %-10s %s\n", (*op)->name, (*op)->help);
      if (type) print_options(*op);
    }
  }
  if (json) printf("{\"version\":\"%s\",\"types\":[%s]}\n", MR_VERSION, out.text ? out.text : "");
  mr_load_free(&load);
  if (!found) return mr_cmd_usage("list", "no node type is named \"%s\"", type ? type : "");
  return MR_EXIT_OK;
}

const struct mr_cmd mr_cmd_list = {
    "list", "[--json] [TYPE]", "lists the node types that are built in",
    "With a type: its options too. `millrace help functions` lists what expressions have.\n",
    run_list};

/* SPDX-License-Identifier: Apache-2.0 */
/* show: what a graph file becomes, without starting it. */
#include <stdio.h>
#include <string.h>

#include "cmd.h"
#include "load.h"

static void indent(int depth) {
  for (int i = 0; i < depth; i++) fputs("  ", stdout);
}

static void print_scalar(const struct mr_tree *t) {
  if (t->is_secret) {
    fputs("\"***\"", stdout);
    return;
  }
  if (t->style == MR_TREE_PLAIN && t->len && !strpbrk(t->text, ":#{}[],&*!|>'\"%@`\n")) {
    fputs(t->text, stdout);
    return;
  }
  putchar('"');
  for (uint32_t i = 0; i < t->len; i++) {
    unsigned char c = (unsigned char)t->text[i];
    if (c == '"' || c == '\\')
      printf("\\%c", c);
    else if (c < 32)
      printf("\\x%02x", c);
    else
      putchar(c);
  }
  putchar('"');
}

/* The tree after overrides and variables, as YAML. */
static void print_tree(const struct mr_tree *t, int depth) {
  if (t->kind == MR_TREE_SCALAR) {
    putchar(' ');
    print_scalar(t);
    putchar('\n');
    return;
  }
  if (!t->cnt) {
    puts(t->kind == MR_TREE_MAP ? " {}" : " []");
    return;
  }
  if (depth) putchar('\n');
  for (uint32_t i = 0; i < t->cnt; i++) {
    indent(depth);
    if (t->kind == MR_TREE_MAP)
      printf("%s:", t->keys[i]->text);
    else
      putchar('-');
    print_tree(t->items[i], depth + 1);
  }
}

static int run_show(int argc, char **argv) {
  struct mr_args args = {.argc = argc, .argv = argv};
  struct mr_load load;
  mr_load_init(&load);
  load.conf.no_inputs = true;
  const char *what = NULL, *file = NULL;
  while (mr_args_next(&args)) {
    if (!args.flag) {
      if (!what)
        what = args.value;
      else if (!file)
        file = args.value;
      else
        return mr_cmd_usage("show", "one graph file at a time");
      continue;
    }
    bool bare = !strcmp(args.flag, "--no-env") || !strcmp(args.flag, "--no-inputs");
    const char *value = bare ? NULL : mr_args_value(&args, "show");
    if (!bare && !value) return MR_EXIT_USAGE;
    int taken = mr_load_flag(&load, "show", args.flag, value);
    if (taken < 0) return MR_EXIT_USAGE;
    if (!taken) return mr_cmd_usage("show", "unknown flag %s", args.flag);
  }
  if (!what || !file)
    return mr_cmd_usage("show", "show config, types, plan or layout of which file?");
  int rc = mr_load_plan(&load, file);
  if (rc) return rc;
  if (!strcmp(what, "types"))
    fputs(mr_plan_print_types(load.plan, &load.arena), stdout);
  else if (!strcmp(what, "layout"))
    fputs(mr_plan_print_layout(load.plan, &load.arena), stdout);
  else if (!strcmp(what, "plan"))
    fputs(mr_plan_print(load.plan, &load.arena), stdout);
  else if (!strcmp(what, "config"))
    print_tree(load.plan->tree, 0);
  else
    return mr_cmd_usage("show", "\"%s\" is none of config, types, plan, layout", what);
  mr_load_free(&load);
  return MR_EXIT_OK;
}

const struct mr_cmd mr_cmd_show = {
    "show", "config|types|plan|layout [--set PATH=VALUE] [--no-env] GRAPH.yaml",
    "prints what a graph file becomes",
    "  config  the file after --set and variables\n"
    "  types   nodes with their columns; those that nobody reads stand in parentheses\n"
    "  plan    types and layout\n"
    "  layout  workers, links, pools and their memory\n",
    run_show};

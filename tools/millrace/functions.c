/* SPDX-License-Identifier: Apache-2.0 */
/* help functions: the functions of expressions, from the engine's own table; as text, or as the
 * page docs/functions.md. */
#include <stdio.h>
#include <string.h>

#include "cmd.h"
#include "expr/expr.h"

static const char page_head[] =
    "# Functions\n"
    "\n"
    "What expressions have: `where`, `select`, `set`, `key` of a graph file, and `millrace expr`.\n"
    "This page is made by `millrace help functions --markdown` from the table that the engine "
    "works\n"
    "by; each example is run by a test. Names and meaning are Spark's; where Spark and PostgreSQL\n"
    "differ, or millrace from both, the last column says so.\n"
    "\n"
    "- A function of NULL is NULL unless its row says otherwise. An **error value** (overflow, "
    "division\n"
    "  by zero, a bad cast) sends the row to the node's `on_error`.\n"
    "- Positions and lengths of text count characters. Regular expressions are RE2's: linear time, "
    "no\n"
    "  look-around, no back references.\n"
    "- Times are UTC, in microseconds; there is no type for dates: a date is the timestamp of its\n"
    "  midnight. A text constant where a timestamp is wanted is read as one.\n"
    "- Aggregates (`count`, `sum`, `avg`, ...) stand in the `select` of a window or group.\n"
    "\n"
    "```sh\n"
    "echo '{\"city\": \"NYC\", \"amount\": 12.5}' |\n"
    "  millrace expr \"upper(city) || ' ' || round(amount * 1.19, 2)\"\n"
    "```\n";

static void put_cell(const char *text) {
  for (; *text; text++) {
    if (*text == '|') putchar('\\');
    putchar(*text);
  }
}

static void put_row(const struct mr_expr_function *f) {
  fputs("| `", stdout);
  put_cell(f->signature);
  fputs("` | ", stdout);
  put_cell(f->help);
  fputs(" | `", stdout);
  put_cell(f->example);
  putchar('`');
  if (f->gives) {
    fputs(*f->gives ? " = `" : " = empty", stdout);
    put_cell(f->gives);
    if (*f->gives) putchar('`');
  }
  fputs(" | ", stdout);
  if (*f->aliases) {
    fputs("also ", stdout);
    for (const char *at = f->aliases; *at;) {
      size_t len = strcspn(at, " ");
      printf("%s`%.*s`", at == f->aliases ? "" : ", ", (int)len, at);
      at += len + (at[len] == ' ');
    }
    fputs(f->note ? "; " : "", stdout);
  }
  if (f->note) put_cell(f->note);
  fputs(" |\n", stdout);
}

static void put_line(const struct mr_expr_function *f) {
  printf("  %s\n      %s\n      %s", f->signature, f->help, f->example);
  if (f->gives) printf(" = %s", f->gives);
  putchar('\n');
  if (*f->aliases) printf("      also %s\n", f->aliases);
  if (f->note) printf("      %s\n", f->note);
}

int mr_help_functions(int argc, char **argv) {
  bool markdown = argc > 1 && !strcmp(argv[1], "--markdown");
  const char *only = argc > 1 && !markdown ? argv[1] : NULL;
  struct mr_arena arena = {0};
  struct mr_expr_function f;
  const char *group = "";
  uint32_t shown = 0;
  if (markdown) fputs(page_head, stdout);
  for (uint32_t i = 0; mr_expr_function_at(&arena, i, &f); i++) {
    if (only && strcmp(f.name, only) && !strstr(f.aliases, only)) continue;
    shown++;
    if (strcmp(group, f.group)) {
      group = f.group;
      printf(markdown ? "\n## %s\n\n| | gives | example | notes |\n|---|---|---|---|\n" : "%s\n",
             group);
    }
    if (markdown)
      put_row(&f);
    else
      put_line(&f);
  }
  mr_arena_free(&arena);
  if (shown) return MR_EXIT_OK;
  return mr_cmd_usage("help", "no function is named \"%s\"", only);
}

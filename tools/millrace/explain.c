/* SPDX-License-Identifier: Apache-2.0 */
/* explain: what a code means and what to do, without a network. */
#include "explain.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd.h"
#include "expr/codes.h"
#include "graph/codes.h"

#define WIDTH 90

/* Titles stand beside the codes. */
static const char *title_of(const struct mr_explain *page) {
  if (page->title) return page->title;
  switch (page->code) {
#define TITLE(number, name, title)                                                                 \
  case number: return title;
    MR_EXPR_CODES(TITLE)
#undef TITLE
  default: return mr_code_title(page->code);
  }
}

/* Wraps at blanks, each line behind `indent` blanks. */
static void put_wrapped(const char *text, int indent) {
  int col = 0;
  while (*text) {
    int len = (int)strcspn(text, " ");
    if (col && col + 1 + len > WIDTH - indent) {
      putchar('\n');
      col = 0;
    }
    printf("%*s%.*s", col ? 1 : indent, "", len, text);
    col += len + (col ? 1 : 0);
    text += len;
    while (*text == ' ') text++;
  }
  putchar('\n');
}

static int run_explain(int argc, char **argv) {
  if (argc > 2) return mr_cmd_usage("explain", "one code at a time");
  if (argc < 2) {
    for (const struct mr_explain *p = mr_explains; p->code; p++)
      printf("MR%04d  %s\n", p->code, title_of(p));
    return MR_EXIT_OK;
  }
  const char *digits = argv[1];
  if (!strncmp(digits, "MR", 2) || !strncmp(digits, "mr", 2)) digits += 2;
  char *end;
  long code = strtol(digits, &end, 10);
  for (const struct mr_explain *p = mr_explains; p->code; p++) {
    if (*end || end == digits || p->code != code) continue;
    printf("MR%04d: %s\n\n", p->code, title_of(p));
    put_wrapped(p->means, 2);
    printf("\n");
    put_wrapped(p->fix, 2);
    return MR_EXIT_OK;
  }
  return mr_cmd_usage("explain", "no code is named \"%s\"; `millrace explain` lists them", argv[1]);
}

const struct mr_cmd mr_cmd_explain = {
    "explain", "[CODE]", "tells what a code such as MR2007 means and what to do",
    "Codes stand in diagnostics, dead letters and log lines. Without one: the list of all.\n",
    run_explain};

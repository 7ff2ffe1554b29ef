/* SPDX-License-Identifier: Apache-2.0 */
/* Manual pages and the reference of graph files, from the tables that the program itself uses. */
#include "man.h"

#include <stdio.h>
#include <string.h>

#include "cmd.h"
#include "graph/opt.h"
#include "operators/operators.h"

/* ---- mdoc ---- */

/* Text for a manual page: what troff would take for its own is escaped. */
static void put_text(FILE *to, const char *text) {
  bool start = true;
  for (; *text; text++) {
    if (start && (*text == '.' || *text == '\'')) fputs("\\&", to);
    start = *text == '\n';
    if (*text == '\\')
      fputs("\\e", to);
    else if (*text == '-')
      fputs("\\-", to);
    else
      fputc(*text, to);
  }
}

static void put_head(FILE *to, const char *title, int section, const char *name, const char *does) {
  char upper[64];
  size_t n = 0;
  for (; title[n] && n < sizeof upper - 1; n++)
    upper[n] = title[n] >= 'a' && title[n] <= 'z' ? (char)(title[n] - 32) : title[n];
  upper[n] = 0;
  fprintf(to,
          ".\\\" Made from the program's own tables by `millrace help --man`.\n"
          ".Dd $Mdocdate$\n.Dt %s %d\n.Os millrace\n.Sh NAME\n.Nm %s\n.Nd ",
          upper, section, name);
  put_text(to, does);
  fputc('\n', to);
}

static void put_block(FILE *to, const char *text) {
  fputs(".Bd -literal\n", to);
  put_text(to, text);
  if (text[strlen(text) - 1] != '\n') fputc('\n', to);
  fputs(".Ed\n", to);
}

static void put_verb(FILE *to, const struct mr_cmd *cmd) {
  char name[64];
  snprintf(name, sizeof name, "millrace-%s", cmd->name);
  put_head(to, name, 1, name, cmd->help);
  fputs(".Sh SYNOPSIS\n.Nm millrace\n", to);
  fprintf(to, ".Cm %s\n", cmd->name);
  if (*cmd->usage) {
    fputs(".Li ", to);
    for (const char *p = cmd->usage; *p; p++)
      if (*p == '|')
        fputs("\\(ba", to);
      else if (*p == '-')
        fputs("\\-", to);
      else if (*p == '\'' || *p == '"')
        fprintf(to, "\\(%s", *p == '"' ? "dq" : "aq");
      else if (*p == '[' || *p == ']' || *p == '.' || *p == '(' || *p == ')')
        fprintf(to, "\\&%c", *p);
      else
        fputc(*p == '\n' ? ' ' : *p, to);
    fputc('\n', to);
  }
  fputs(".Sh DESCRIPTION\n", to);
  put_text(to, cmd->help);
  fputs(".\n", to);
  if (cmd->more) put_block(to, cmd->more);
  fputs(".Sh SEE ALSO\n.Xr millrace 1 ,\n.Xr millrace-graph-file 5\n", to);
}

static void put_program(FILE *to) {
  put_head(to, "millrace", 1, "millrace", "streams of events through windows and filters");
  fputs(
      ".Sh SYNOPSIS\n.Nm\n.Ar verb\n.Op Ar flags\n.Op Ar graph.yaml ...\n"
      ".Sh DESCRIPTION\nRuns a graph of sources, steps and sinks that a file names, and looks into "
      "graphs that run.\n"
      ".Bl -tag -width completion\n",
      to);
  for (const struct mr_cmd *const *cmd = mr_cmds; *cmd; cmd++) {
    fprintf(to, ".It Cm %s\n", (*cmd)->name);
    put_text(to, (*cmd)->help);
    fputc('\n', to);
  }
  fputs(".El\n.Sh ENVIRONMENT\n.Bl -tag -width MILLRACE_OPERATORS\n"
        ".It Ev MILLRACE_RUN_DIR\nwhere running graphs keep their stats segments\n"
        ".It Ev MILLRACE_OPERATORS\noperator libraries to load, split by colons\n"
        ".It Ev MILLRACE_ISA\nv2, v3 or v4: lowers the instructions that are used\n"
        ".It Ev MILLRACE_IO\nuring-fixed, uring or plain: how files are accessed, in place of the "
        "best "
        "way that is permitted\n"
        ".El\n.Sh EXIT STATUS\n.Bl -tag -width 78\n"
        ".It 0\ndone, or drained\n.It 1\nfailed while it ran\n.It 64\nwrong usage\n"
        ".It 65\nbad input data\n.It 74\nreading or writing failed\n"
        ".It 75\na drain was cut short, or the name runs already\n.It 77\nnot permitted\n"
        ".It 78\nthe graph file is wrong; nothing was started\n"
        ".El\n.Sh SEE ALSO\n",
        to);
  const char *last = ""; /* in the order of the alphabet */
  for (const struct mr_cmd *const *cmd = mr_cmds; *cmd; cmd++) {
    const char *next = NULL;
    for (const struct mr_cmd *const *c = mr_cmds; *c; c++)
      if (strcmp((*c)->name, last) > 0 && (!next || strcmp((*c)->name, next) < 0))
        next = (*c)->name;
    fprintf(to, ".Xr millrace-%s 1 ,\n", next);
    last = next;
  }
  fputs(".Xr millrace-graph-file 5\n", to);
}

/* ---- the graph file, as a manual page and as Markdown ---- */

struct writer {
  FILE *to;
  bool markdown;
};

static void put_default(char *buf, size_t sz, const struct mr_opt *o) {
  if (o->required)
    snprintf(buf, sz, "required");
  else if (o->def && *o->def)
    snprintf(buf, sz, "default %s", o->def);
  else
    buf[0] = 0;
}

/* Markdown's table cells and the words of an option. */
static void put_words(FILE *to, const struct mr_opt *o, bool markdown) {
  for (uint32_t i = 0; o->words && o->words[i]; i++)
    fprintf(to, "%s%s", i ? (markdown ? " \\| " : " | ") : "", o->words[i]);
  bool map = o->type == MR_OPT_TABLE || o->type == MR_OPT_UNION;
  if (!o->words || map)
    fprintf(to, "%s%s", o->words ? (markdown ? " \\| " : " | ") : "", mr_opt_type_str(o->type));
}

static void put_option(const struct writer *w, const char *prefix, const struct mr_opt *o) {
  char def[128];
  put_default(def, sizeof def, o);
  if (w->markdown) {
    fprintf(w->to, "| `%s%s` | ", prefix, o->name);
    put_words(w->to, o, true);
    fprintf(w->to, " | %s | %s |\n", def, o->help ? o->help : "");
    return;
  }
  fprintf(w->to, ".It Cm %s%s Pq Em ", prefix, o->name);
  put_words(w->to, o, false);
  fputc('\n', w->to);
  put_text(w->to, o->help ? o->help : "");
  if (*def) {
    fputs(" (", w->to);
    put_text(w->to, def);
    fputc(')', w->to);
  }
  fputc('\n', w->to);
}

static void put_options(const struct writer *w, const char *prefix, const struct mr_opt *opts) {
  for (const struct mr_opt *o = opts; o && o->name; o++) {
    if (o->since == MR_OPT_LATER) continue;
    put_option(w, prefix, o);
    if (!o->sub) continue;
    char inner[128];
    snprintf(inner, sizeof inner, "%s%s.", prefix, o->name);
    put_options(w, inner, o->sub);
  }
}

/* What an operator's rows may be read from. */
static void put_outputs(const struct writer *w, const struct mr_op *op) {
  bool main = !(op->flags & MR_OP_NO_MAIN);
  fprintf(w->to, "Outputs%s:", main ? " besides the rows themselves" : "");
  for (uint32_t i = 0; op->outputs[i]; i++)
    fprintf(w->to, "%s `NODE.%s`", i ? "," : "", op->outputs[i]);
  fputs(op->named_outputs ? ", and one for each name that the options give.\n\n" : ".\n\n", w->to);
}

/* op: whose options these are, NULL: nobody's. */
static void put_table(const struct writer *w, const char *title, const char *help,
                      const struct mr_opt *opts, const struct mr_op *op) {
  if (w->markdown) {
    fprintf(w->to, "\n### %s\n\n%s%s", title, help, *help ? ".\n\n" : "");
    if (op && op->outputs) put_outputs(w, op);
    if (opts) fputs("| option | value | | |\n|---|---|---|---|\n", w->to);
  } else {
    fprintf(w->to, ".Ss %s\n", title);
    put_text(w->to, help);
    if (*help) fputc('\n', w->to);
    if (opts) fputs(".Bl -tag -width 4n\n", w->to);
  }
  if (!opts) return;
  put_options(w, "", opts);
  if (!w->markdown) fputs(".El\n", w->to);
}

static void put_kind(const struct writer *w, enum mr_op_kind kind, enum mr_graph_part part,
                     const char *word, const char *all) {
  fprintf(w->to, w->markdown ? "\n## %s\n" : ".Sh %s\n", word);
  put_table(w, all, "", mr_graph_options(part), NULL);
  for (const struct mr_op *const *op = mr_operators.ops; *op; op++)
    if ((*op)->kind == kind && !((*op)->flags & MR_OP_INTERNAL))
      put_table(w, (*op)->name, (*op)->help, (*op)->opts, *op);
}

static void put_graph(const struct writer *w) {
  const char *head = w->markdown ? "\n## %s\n" : ".Sh %s\n";
  fprintf(w->to, head, w->markdown ? "The file" : "THE FILE");
  put_table(w, "top level", "Sections of a graph file", mr_graph_options(MR_GRAPH_TOP), NULL);
  put_table(w, "runtime", "How the graph runs", mr_graph_options(MR_GRAPH_RUNTIME), NULL);
  put_table(w, "events", "One entry per event, by name", mr_graph_options(MR_GRAPH_EVENT), NULL);
  put_table(w, "fields", "One entry per field of an event, by name",
            mr_graph_options(MR_GRAPH_FIELD), NULL);
  put_kind(w, MR_OP_SOURCE, MR_GRAPH_SOURCE, w->markdown ? "Sources" : "SOURCES", "every source");
  put_kind(w, MR_OP_STEP, MR_GRAPH_STEP, w->markdown ? "Steps" : "STEPS", "every step");
  put_kind(w, MR_OP_SINK, MR_GRAPH_SINK, w->markdown ? "Sinks" : "SINKS", "every sink");
  fprintf(w->to, head, w->markdown ? "Budgets" : "BUDGETS");
  put_table(w, "budgets", "One entry per budget, by name", mr_graph_options(MR_GRAPH_BUDGET), NULL);
  fprintf(w->to, head, w->markdown ? "Tests" : "TESTS");
  put_table(w, "tests", "A list; one entry per test", mr_graph_options(MR_GRAPH_TEST), NULL);
}

int mr_man_write(FILE *to, const char *page) {
  struct writer w = {to, false};
  if (!strcmp(page, "millrace")) {
    put_program(to);
    return 0;
  }
  if (!strcmp(page, "millrace-graph-file")) {
    put_head(to, "millrace-graph-file", 5, "millrace-graph-file",
             "the file that describes a graph");
    fputs(".Sh DESCRIPTION\nA graph file is YAML.\nExpressions are SQL; durations are written 25s, "
          "sizes 128MiB, rates 50k/s.\n",
          to);
    put_graph(&w);
    fputs(".Sh SEE ALSO\n.Xr millrace 1\n", to);
    return 0;
  }
  const struct mr_cmd *cmd =
      !strncmp(page, "millrace-", 9) ? mr_cmd_find(page + 9) : mr_cmd_find(page);
  if (!cmd) return -1;
  put_verb(to, cmd);
  return 0;
}

void mr_man_reference(FILE *to) {
  struct writer w = {to, true};
  fputs("# The graph file\n\nThis page is made by `millrace help graph --markdown` from the tables "
        "that read graph files, and a test keeps\nit current. `millrace schema` prints the same as "
        "a JSON Schema, for editors. Functions of expressions are "
        "in\n[functions.md](functions.md).\n",
        to);
  put_graph(&w);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* schema: the graph file as a JSON Schema, from the option tables, for editors and other tools. */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/lines.h"
#include "cmd.h"
#include "graph/opt.h"
#include "operators/operators.h"

static void value(struct mr_lines *out, const struct mr_opt *opt);

/* Names of $defs that stand for values which are not read by a table alone. */
static const char *raw_def(const struct mr_opt *opt) {
  static const char *const known[] = {"from", "cpus", "fields", "default"};
  if (!strcmp(opt->name, "left") || !strcmp(opt->name, "right")) return "from"; /* a join's */
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    if (!strcmp(opt->name, known[i])) return known[i];
  return NULL;
}

static void words(struct mr_lines *out, const char *const *list) {
  mr_lines_add(out, "\"enum\":[");
  for (uint32_t i = 0; list && list[i]; i++) {
    if (i) mr_lines_add(out, ",");
    mr_lines_json(out, list[i]);
  }
  mr_lines_add(out, "]");
}

/* "properties" and "required" of a table, without the braces around. with: only these options of a
 * union: those of the alternative, and those that go with it; NULL: all. */
static void properties(struct mr_lines *out, const struct mr_opt *opts, const struct mr_opt *alt,
                       bool *some) {
  for (const struct mr_opt *o = opts; o && o->name; o++) {
    if (o->since == MR_OPT_LATER) continue;
    if (alt && o != alt && (o->alt || (o->with && strcmp(o->with, alt->name) != 0))) continue;
    mr_lines_add(out, "%s", *some ? "," : "");
    *some = true;
    mr_lines_json(out, o->name);
    mr_lines_add(out, ":");
    value(out, o);
  }
}

static void required(struct mr_lines *out, const struct mr_opt *opts, const struct mr_opt *alt,
                     bool *some) {
  for (const struct mr_opt *o = opts; o && o->name; o++) {
    bool must = alt ? o == alt || (o->with && o->required && !strcmp(o->with, alt->name))
                    : o->required && !o->with;
    if (!must || o->since == MR_OPT_LATER) continue;
    mr_lines_add(out, "%s", *some ? "," : "");
    *some = true;
    mr_lines_json(out, o->name);
  }
}

/* A map with exactly the options of a table. */
static void map(struct mr_lines *out, const struct mr_opt *opts, const struct mr_opt *alt) {
  bool some = false;
  mr_lines_add(out, "{\"type\":\"object\",\"properties\":{");
  properties(out, opts, alt, &some);
  mr_lines_add(out, "},\"required\":[");
  some = false;
  required(out, opts, alt, &some);
  mr_lines_add(out, "],\"additionalProperties\":false}");
}

/* A map, one of a union's alternatives, or a word. */
static void map_or_word(struct mr_lines *out, const struct mr_opt *opt) {
  bool some = false;
  mr_lines_add(out, "\"anyOf\":[");
  if (opt->words) {
    mr_lines_add(out, "{");
    words(out, opt->words);
    mr_lines_add(out, "}");
    some = true;
  }
  for (const struct mr_opt *o = opt->sub; opt->type == MR_OPT_UNION && o->name; o++) {
    if (!o->alt || o->since == MR_OPT_LATER) continue;
    mr_lines_add(out, "%s", some ? "," : "");
    map(out, opt->sub, o);
    some = true;
  }
  if (opt->type == MR_OPT_TABLE) {
    mr_lines_add(out, "%s", some ? "," : "");
    map(out, opt->sub, NULL);
  }
  mr_lines_add(out, "]");
}

/* A scalar that may also be written as ${VARIABLE}. */
static void scalar(struct mr_lines *out, const char *types) {
  mr_lines_add(out, "\"anyOf\":[{%s},{\"$ref\":\"#/$defs/variable\"}]", types);
}

static void whole_number(struct mr_lines *out, const struct mr_opt *opt) {
  char text[128];
  if (opt->min != 0 || opt->max != 0)
    snprintf(text, sizeof text, "\"type\":\"integer\",\"minimum\":%.0f,\"maximum\":%.0f", opt->min,
             opt->max);
  else
    snprintf(text, sizeof text, "\"type\":\"integer\"");
  scalar(out, text);
}

static void body(struct mr_lines *out, const struct mr_opt *opt) {
  const char *def = opt->type == MR_OPT_RAW ? raw_def(opt) : NULL;
  switch (opt->type) {
  case MR_OPT_BOOL: scalar(out, "\"type\":\"boolean\""); break;
  case MR_OPT_INT64: whole_number(out, opt); break;
  case MR_OPT_DOUBLE: scalar(out, "\"type\":\"number\""); break;
  case MR_OPT_SIZE:
  case MR_OPT_DURATION_NS:
  case MR_OPT_DURATION_US:
  case MR_OPT_RATE:
  case MR_OPT_SHARE: mr_lines_add(out, "\"type\":[\"string\",\"number\"]"); break;
  case MR_OPT_TIMESTAMP: mr_lines_add(out, "\"type\":\"string\""); break;
  case MR_OPT_NAME: mr_lines_add(out, "\"type\":\"string\",\"pattern\":\"^[A-Za-z_$]\""); break;
  case MR_OPT_ENUM:
    mr_lines_add(out, "\"anyOf\":[{");
    words(out, opt->words);
    mr_lines_add(out, "},{\"$ref\":\"#/$defs/variable\"}]");
    break;
  case MR_OPT_STRINGS:
  case MR_OPT_NAMES: mr_lines_add(out, "\"$ref\":\"#/$defs/texts\""); break;
  case MR_OPT_STRING:
  case MR_OPT_EXPR: mr_lines_add(out, "\"$ref\":\"#/$defs/text\""); break;
  case MR_OPT_EXPRS:
    mr_lines_add(out, "\"type\":\"object\",\"additionalProperties\":{\"$ref\":\"#/$defs/text\"}");
    break;
  case MR_OPT_TABLE:
  case MR_OPT_UNION: map_or_word(out, opt); break;
  default:
    if (def) mr_lines_add(out, "\"$ref\":\"#/$defs/%s\"", def);
    break;
  }
}

static void value(struct mr_lines *out, const struct mr_opt *opt) {
  mr_lines_add(out, "{\"description\":");
  mr_lines_json(out, opt->help ? opt->help : opt->name);
  size_t len = out->len;
  mr_lines_add(out, ",");
  body(out, opt);
  if (out->len == len + 1) { /* any value: take the comma back */
    out->len--;
    out->text[out->len] = 0;
  }
  if (opt->def && *opt->def) {
    mr_lines_add(out, ",\"default\":");
    mr_lines_json(out, opt->def);
  } else if (opt->example) {
    mr_lines_add(out, ",\"examples\":[");
    mr_lines_json(out, opt->example);
    mr_lines_add(out, "]");
  }
  mr_lines_add(out, "}");
}

/* ---- nodes ---- */

static bool shown(const struct mr_op *op, enum mr_op_kind kind) {
  return op->kind == kind && !(op->flags & MR_OP_INTERNAL);
}

/* The word of a type; a YAML reader takes null for no value. */
static void type_word(struct mr_lines *out, const struct mr_op *op) {
  mr_lines_json(out, op->name);
  if (!strcmp(op->name, "null")) mr_lines_add(out, ",null");
}

/* A node of one type: the common options and its own. */
static void node(struct mr_lines *out, const struct mr_op *op, const struct mr_opt *common) {
  bool some = true;
  if (op->expand) common = mr_graph_options(MR_GRAPH_EXPANDED);
  mr_lines_add(out, "{\"if\":{\"properties\":{\"type\":{\"enum\":[");
  type_word(out, op);
  mr_lines_add(out, "]}},\"required\":[\"type\"]},\"then\":{\"description\":");
  mr_lines_json(out, op->help);
  mr_lines_add(out, ",\"properties\":{\"type\":{\"enum\":[");
  type_word(out, op);
  mr_lines_add(out, "]}");
  properties(out, common + 1, NULL, &some); /* the first common option is the type */
  properties(out, op->opts, NULL, &some);
  mr_lines_add(out, "},\"required\":[\"type\"");
  required(out, common + 1, NULL, &some);
  required(out, op->opts, NULL, &some);
  mr_lines_add(out, "],\"additionalProperties\":false}}");
}

static void section(struct mr_lines *out, const char *name, enum mr_op_kind kind,
                    enum mr_graph_part part) {
  bool some = false;
  mr_lines_add(out,
               "\"%s\":{\"type\":\"object\",\"propertyNames\":{\"$ref\":\"#/$defs/name\"},"
               "\"additionalProperties\":{\"type\":\"object\",\"required\":[\"type\"],"
               "\"properties\":{\"type\":{\"description\":\"what the node is\",\"enum\":[",
               name);
  for (const struct mr_op *const *op = mr_operators.ops; *op; op++) {
    if (!shown(*op, kind)) continue;
    mr_lines_add(out, "%s", some ? "," : "");
    type_word(out, *op);
    some = true;
  }
  mr_lines_add(out, "]}},\"allOf\":[");
  some = false;
  for (const struct mr_op *const *op = mr_operators.ops; *op; op++) {
    if (!shown(*op, kind)) continue;
    mr_lines_add(out, "%s", some ? "," : "");
    node(out, *op, mr_graph_options((*op)->ports ? MR_GRAPH_STEP_PORTS : part));
    some = true;
  }
  mr_lines_add(out, "]}}");
}

static void top(struct mr_lines *out) {
  static const char *const refs[] = {"runtime", "events",  "sources", "steps",
                                     "sinks",   "budgets", "tests"};
  bool some = false;
  for (const struct mr_opt *o = mr_graph_options(MR_GRAPH_TOP); o->name; o++) {
    if (o->since == MR_OPT_LATER) continue;
    mr_lines_add(out, "%s", some ? "," : "");
    some = true;
    bool ref = false;
    for (size_t i = 0; i < sizeof refs / sizeof *refs; i++) ref |= !strcmp(o->name, refs[i]);
    mr_lines_json(out, o->name);
    mr_lines_add(out, ":");
    if (ref)
      mr_lines_add(out, "{\"$ref\":\"#/$defs/%s\"}", o->name);
    else
      value(out, o);
  }
}

static char *schema_json(struct mr_arena *arena) {
  struct mr_lines out = {.arena = arena};
  mr_lines_add(&out, "{\"$schema\":\"http://json-schema.org/draft-07/schema#\","
                     "\"title\":\"millrace graph file\",\"type\":\"object\",\"properties\":{");
  top(&out);
  mr_lines_add(&out, "},\"required\":[");
  bool some = false;
  required(&out, mr_graph_options(MR_GRAPH_TOP), NULL, &some);
  mr_lines_add(&out,
               "],\"additionalProperties\":false,\"$defs\":{\"variable\":{\"type\":\"string\","
               "\"pattern\":\"\\\\$\\\\{\"},"
               "\"name\":{\"type\":\"string\",\"pattern\":\"^[A-Za-z_][A-Za-z0-9_]*$\","
               "\"maxLength\":63},"
               "\"text\":{\"type\":[\"string\",\"number\",\"boolean\"]},"
               "\"texts\":{\"anyOf\":[{\"$ref\":\"#/$defs/text\"},{\"type\":\"array\","
               "\"items\":{\"$ref\":\"#/$defs/text\"}}]},"
               "\"from\":{\"anyOf\":[{\"type\":\"string\"},{\"type\":\"array\",\"minItems\":1,"
               "\"items\":{\"type\":\"string\"}}]},"
               "\"cpus\":{\"type\":[\"string\",\"integer\",\"array\"]},"
               "\"default\":{\"type\":[\"string\",\"number\",\"boolean\"]},\"runtime\":");
  map(&out, mr_graph_options(MR_GRAPH_RUNTIME), NULL);
  mr_lines_add(&out, ",\"field\":");
  map(&out, mr_graph_options(MR_GRAPH_FIELD), NULL);
  mr_lines_add(&out,
               ",\"fields\":{\"type\":\"object\",\"propertyNames\":{\"$ref\":\"#/$defs/name\"},"
               "\"additionalProperties\":{\"$ref\":\"#/$defs/field\"}},"
               "\"events\":{\"type\":\"object\",\"propertyNames\":{\"$ref\":\"#/$defs/name\"},"
               "\"additionalProperties\":");
  map(&out, mr_graph_options(MR_GRAPH_EVENT), NULL);
  mr_lines_add(&out, "},");
  section(&out, "sources", MR_OP_SOURCE, MR_GRAPH_SOURCE);
  mr_lines_add(&out, ",");
  section(&out, "steps", MR_OP_STEP, MR_GRAPH_STEP);
  mr_lines_add(&out, ",");
  section(&out, "sinks", MR_OP_SINK, MR_GRAPH_SINK);
  mr_lines_add(&out, ",\"budgets\":{\"type\":\"object\",\"additionalProperties\":");
  map(&out, mr_graph_options(MR_GRAPH_BUDGET), NULL);
  mr_lines_add(&out, "},\"tests\":{\"type\":\"array\",\"items\":");
  map(&out, mr_graph_options(MR_GRAPH_TEST), NULL);
  mr_lines_add(&out, "}}}\n");
  return out.text;
}

static int run_schema(int argc, char **argv) {
  if (argc > 1) return mr_cmd_usage("schema", "it takes no argument, not \"%s\"", argv[1]);
  struct mr_arena arena = {0};
  fputs(schema_json(&arena), stdout);
  mr_arena_free(&arena);
  return MR_EXIT_OK;
}

const struct mr_cmd mr_cmd_schema = {
    "schema", "", "prints the JSON Schema of graph files",
    "An editor that knows JSON Schema completes and checks a graph file with it. For those that "
    "use\n"
    "yaml-language-server, the first line of the file names it:\n"
    "  # yaml-language-server: $schema=/usr/share/millrace/graph.schema.json\n",
    run_schema};

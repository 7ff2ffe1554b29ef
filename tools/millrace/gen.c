/* SPDX-License-Identifier: Apache-2.0 */
/* gen: a generator's rows, as JSON lines or CSV, on stdout or in a file. It runs a graph of one
 * source and one sink. */
#include <stdio.h>
#include <string.h>

#include "cmd.h"
#include "load.h"

#define SYSTEMS "city, ysb, transactions, transactions_java, ecommerce, sensors or nexmark"

struct gen {
  struct mr_arena *arena;
  const char *source; /* options of the source, as YAML lines */
  const char *to, *runtime;
  const char *rows; /* options of the sink: how a row is written */
  bool csv, threads;
};

static void add(struct gen *gen, const char *key, const char *value) {
  gen->source = mr_arena_printf(gen->arena, "%s    %s: %s\n", gen->source, key, value);
}

/* "A:B" or "A,B" as {first: A, second: B}. */
static bool add_pair(struct gen *gen, const char *key, const char *value, char sep,
                     const char *first, const char *second) {
  const char *at = strchr(value, sep);
  if (!at) return false;
  add(gen, key,
      mr_arena_printf(gen->arena, "{%s: \"%.*s\", %s: \"%s\"}", first, (int)(at - value), value,
                      second, at + 1));
  return true;
}

/* "A,B" as a list of quoted words. */
static void add_list(struct gen *gen, const char *key, const char *value) {
  const char *list = "";
  for (const char *at = value;; at++) {
    size_t len = strcspn(at, ",");
    list = mr_arena_printf(gen->arena, "%s%s\"%.*s\"", list, *list ? ", " : "", (int)len, at);
    at += len;
    if (!*at) break;
  }
  add(gen, key, mr_arena_printf(gen->arena, "[%s]", list));
}

/* Flags that are an option of the source, with a value as it stands there. */
static const struct {
  const char *flag, *key;
  bool list;
} plain_flags[] = {
    {"--rate", "rate", false},           {"--count", "count", false},
    {"--duration", "duration", false},   {"--seed", "seed", false},
    {"--after", "after", false},         {"--duplicates", "duplicates", false},
    {"--malformed", "malformed", false}, {"--skew", "skew", false},
    {"--users", "users", false},         {"--merchants", "merchants", false},
    {"--locations", "locations", false}, {"--devices", "devices", false},
    {"--sites", "sites", true},          {"--lines", "lines", true},
    {"--items", "items", false},         {"--workers", "workers", false},
    {"--p-hot", "p_hot", false},         {"--p-vib", "p_vib", false},
};

static int take_flag(struct gen *gen, const char *flag, const char *value) {
  if (!strcmp(flag, "--to")) {
    gen->to = value;
    return MR_EXIT_OK;
  }
  if (!strcmp(flag, "--format")) {
    gen->csv = !strcmp(value, "csv");
    if (gen->csv)
      gen->rows = "format: csv";
    else if (strcmp(value, "json") != 0)
      return mr_cmd_usage("gen", "--format is json or csv, not \"%s\"", value);
    return MR_EXIT_OK;
  }
  if (!strcmp(flag, "--late"))
    return add_pair(gen, "late", value, ':', "share", "by")
               ? MR_EXIT_OK
               : mr_cmd_usage("gen", "--late takes SHARE:DURATION like 5%%:2h");
  if (!strcmp(flag, "--clock")) {
    if (strchr(value, ','))
      add_pair(gen, "clock", value, ',', "start", "step");
    else
      add(gen, "clock", value);
    gen->runtime = strchr(value, ',') ? "virtual" : "wall";
    return MR_EXIT_OK;
  }
  for (size_t i = 0; i < sizeof plain_flags / sizeof *plain_flags; i++) {
    if (strcmp(flag, plain_flags[i].flag) != 0) continue;
    gen->threads |= !strcmp(flag, "--workers");
    if (plain_flags[i].list)
      add_list(gen, plain_flags[i].key, value);
    else
      add(gen, plain_flags[i].key, mr_arena_printf(gen->arena, "\"%s\"", value));
    return MR_EXIT_OK;
  }
  return mr_cmd_usage("gen", "unknown flag %s", flag);
}

static int run_gen(int argc, char **argv) {
  struct mr_args args = {.argc = argc, .argv = argv};
  struct mr_load load;
  mr_load_init(&load);
  struct gen gen = {.arena = &load.arena, .source = "", .runtime = "wall", .rows = "nulls: own"};
  const char *of = NULL;
  while (mr_args_next(&args)) {
    if (!args.flag) {
      if (of) return mr_cmd_usage("gen", "one generator at a time");
      of = args.value;
      continue;
    }
    if (!strcmp(args.flag, "--poisson")) {
      add(&gen, "poisson", "true");
      continue;
    }
    const char *value = mr_args_value(&args, "gen");
    if (!value) return MR_EXIT_USAGE;
    int rc = take_flag(&gen, args.flag, value);
    if (rc) return rc;
  }
  if (!of) return mr_cmd_usage("gen", "which generator? " SYSTEMS);
  const char *sink = gen.to
                         ? mr_arena_printf(&load.arena, "{type: file, path: \"%s\", %s, from: gen}",
                                           gen.to, gen.rows)
                         : mr_arena_printf(&load.arena, "{type: stdout, %s, from: gen}", gen.rows);
  const char *text = mr_arena_printf(
      &load.arena,
      "millrace: 1\ngraph: gen\nruntime:\n  clock: %s\n%ssources:\n  gen:\n"
      "    type: generate\n    of: \"%s\"\n    malformed_as: %s\n%ssinks:\n  out: %s\n",
      gen.runtime, gen.threads ? "" : "  workers: {count: 1}\n", of, gen.csv ? "csv" : "json",
      gen.source, sink);
  load.plan = mr_plan_load(&load.arena, "gen", text, strlen(text), &load.conf, &load.diags);
  int rc = MR_EXIT_CONFIG;
  if (load.diags.cnt) fputs(mr_diags_text(&load.diags, &load.arena, NULL), stderr);
  if (load.plan) rc = mr_cmd_run_plan(load.plan);
  mr_load_free(&load);
  return rc;
}

const struct mr_cmd mr_cmd_gen = {
    "gen", "SYSTEM [FLAGS]", "writes a generator's events as lines",
    "  SYSTEM: " SYSTEMS "\n"
    "  --count N  --duration D  --rate R  --poisson  --seed N  --after D\n"
    "  --clock START,STEP      event n is stamped START + n * STEP\n"
    "  --late SHARE:BY  --duplicates SHARE  --malformed SHARE  --skew EXPONENT\n"
    "  --workers N             row k is made by thread k mod N; each logs its rate\n"
    "  --users N  --merchants N  --locations N                 of transactions\n"
    "  --users N  --items N                                    of ecommerce\n"
    "  --devices N  --sites A,B  --lines A,B  --p-hot SHARE  --p-vib SHARE    of sensors\n"
    "  --to FILE               instead of stdout\n"
    "  --format json|csv       how an event is written (json)\n",
    run_gen};

/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "drive/drive.h"
#include "graph/diag.h"
#include "graph/opt.h"
#include "graph/tree.h"

static const char *const mode_words[] = {"open", "max", NULL};

struct suite_conf {
  struct mr_drive_suite suite;
  struct mr_opt_strings sets;
};
#define AT(member) MR_OPT_AT(struct suite_conf, suite.member)

static const struct mr_opt suite_opts[] = {
    {"suite", MR_OPT_NAME, AT(name), .required = true, .help = "name of the suite"},
    {"about", MR_OPT_STRING, AT(what), .required = true, .help = "what it measures, in one line"},
    {"graph", MR_OPT_STRING, AT(graph), .required = true,
     .help = "graph file, relative to this file's folder"},
    {"source", MR_OPT_NAME, AT(source), .required = true, .help = "the source that is driven"},
    {"sink", MR_OPT_NAME, AT(sink), .required = true, .help = "the latency sink that is read"},
    {"mode", MR_OPT_ENUM, AT(mode), .def = "open", .words = mode_words,
     .help = "open: at a planned rate whatever happens; max: as fast as the graph can"},
    {"rate", MR_OPT_RATE, AT(rate), .def = "100k/s", .min = 1, .max = 1e9,
     .help = "rows planned per second"},
    {"poisson", MR_OPT_BOOL, AT(poisson), .def = "true", .help = "gaps between rows are random"},
    {"for", MR_OPT_DURATION_NS, AT(for_ns), .def = "10s", .min = 1e9, .max = 3.6e12,
     .help = "measured time"},
    {"warmup", MR_OPT_DURATION_NS, AT(warmup_ns), .def = "2s", .min = 0, .max = 3.6e12,
     .help = "time before it that does not count"},
    {"seed", MR_OPT_INT64, AT(seed), .def = "7", .min = 0, .max = 9e18, .help = "of the generator"},
    {"repeat", MR_OPT_INT64, AT(repeats), .def = "1", .min = 1, .max = MR_DRIVE_REPEATS_MAX,
     .help = "whole runs"},
    {"set", MR_OPT_STRINGS, MR_OPT_AT(struct suite_conf, sets), .def = "",
     .help = "values of the graph that are changed: path=value"},
    MR_OPT_END};

static const char *beside(struct mr_arena *arena, const char *file, const char *path) {
  const char *slash = strrchr(file, '/');
  if (*path == '/' || !slash) return path;
  return mr_arena_printf(arena, "%.*s/%s", (int)(slash - file), file, path);
}

const struct mr_drive_suite *mr_drive_suite_load(struct mr_arena *arena, const char *path) {
  struct mr_diags diags;
  mr_diags_init(&diags, arena);
  struct suite_conf *conf = MR_NEW(arena, struct suite_conf, 1);
  struct mr_tree *tree = mr_tree_load_file(arena, path, &diags, NULL);
  struct mr_opt_reader rd = {arena, &diags, "suite"};
  if (tree) mr_opt_read_one(&rd, tree, suite_opts, conf);
  if (diags.error_cnt || !tree) {
    fputs(mr_diags_text(&diags, arena, NULL), stderr);
    return NULL;
  }
  struct mr_drive_suite *suite = &conf->suite;
  suite->file = mr_arena_strdup(arena, path);
  suite->graph = beside(arena, path, suite->graph);
  const char **sets = MR_NEW(arena, const char *, conf->sets.cnt + 64);
  for (uint32_t i = 0; i < conf->sets.cnt; i++) sets[i] = conf->sets.items[i].text;
  suite->sets = sets;
  suite->set_cnt = conf->sets.cnt;
  return suite;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* `budgets:`: how long rows may take from a source to a sink. The run does not read them; they lie
 * in the plan of its segment, where observers hold the latencies of the paths against them. */
#include <string.h>

#include "base/lines.h"
#include "base/text.h"
#include "graph/opt.h"
#include "graph/plan_private.h"

struct budget_conf {
  const char *path;
  int64_t ns[5]; /* by quantile, see names; 0: none */
};

#define AT(i) MR_OPT_AT(struct budget_conf, ns[i]), .min = 1, .max = 1e18
static const struct mr_opt budget_opts[] = {
    {"path", MR_OPT_STRING, MR_OPT_AT(struct budget_conf, path), .required = true,
     .example = "events -> alerts", .help = "source -> sink"},
    {"p50", MR_OPT_DURATION_NS, AT(0), .help = "half of the rows take no longer"},
    {"p90", MR_OPT_DURATION_NS, AT(1), .help = "90 of 100 rows take no longer"},
    {"p99", MR_OPT_DURATION_NS, AT(2), .help = "99 of 100 rows take no longer"},
    {"p99.9", MR_OPT_DURATION_NS, AT(3), .help = "999 of 1000 rows take no longer"},
    {"max", MR_OPT_DURATION_NS, AT(4), .help = "no row takes longer"},
    MR_OPT_END};
static const char *const names[] = {"p50", "p90", "p99", "p99.9", "max"};

const struct mr_opt *mr_planner_budget_options(void) {
  return budget_opts;
}

/* The names on both sides of "->"; false: there are not two. */
static bool split_path(struct mr_arena *arena, const char *path, const char **from,
                       const char **to) {
  const char *arrow = strstr(path, "->");
  if (!arrow) return false;
  const char *end = arrow, *second = arrow + 2;
  while (*path == ' ') path++;
  while (end > path && end[-1] == ' ') end--;
  while (*second == ' ') second++;
  size_t len = strlen(second);
  while (len && second[len - 1] == ' ') len--;
  *from = mr_arena_strndup(arena, path, (size_t)(end - path));
  *to = mr_arena_strndup(arena, second, len);
  return end > path && len;
}

static void read_budget(struct mr_planner *pl, struct mr_tree *tree, struct budget_conf *conf) {
  struct mr_opt_reader rd = {pl->arena, pl->diags, "a budget"};
  *conf = (struct budget_conf){0};
  if (mr_opt_read_one(&rd, tree, budget_opts, conf) || !conf->path) return;
  bool any = false;
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) any |= conf->ns[i] > 0;
  if (!any)
    mr_diag_error(pl->diags, MR_CODE_MISSING_KEY, mr_tree_name_span(tree),
                  "a budget says at least one of p50, p90, p99, p99.9 and max");
}

static bool is_path(const struct mr_plan *plan, const char *from, const char *to) {
  for (uint32_t i = 0; i < plan->path_cnt; i++)
    if (!strcmp(plan->nodes[plan->paths[i].source].name, from) &&
        !strcmp(plan->nodes[plan->paths[i].sink].name, to))
      return true;
  return false;
}

/* Once the graph is placed, its paths are known. */
void mr_planner_check_budgets(struct mr_planner *pl) {
  struct mr_tree *map = mr_tree_get(pl->root, "budgets");
  if (!map || mr_tree_is_null(map)) return;
  if (map->kind != MR_TREE_MAP) {
    mr_diag_error(pl->diags, MR_CODE_WRONG_TYPE, mr_tree_span(map),
                  "budgets is a map of name: budget");
    return;
  }
  for (uint32_t i = 0; i < map->cnt; i++) {
    struct budget_conf conf;
    const char *from, *to;
    read_budget(pl, map->items[i], &conf);
    if (!conf.path) continue;
    struct mr_tree *at = mr_tree_get(map->items[i], "path");
    if (!split_path(pl->arena, conf.path, &from, &to))
      mr_diag_error(pl->diags, MR_CODE_WRONG_TYPE, mr_tree_span(at),
                    "a path is written SOURCE -> SINK");
    else if (pl->plan->path_cnt && !is_path(pl->plan, from, to))
      mr_diag_error(pl->diags, MR_CODE_DANGLING_EDGE, mr_tree_span(at),
                    "no rows go from a source \"%s\" to a sink \"%s\"", from, to);
  }
}

void mr_plan_json_budgets(struct mr_lines *out, const struct mr_plan *plan) {
  const struct mr_tree *map = mr_tree_get(plan->tree, "budgets");
  const char *from, *to;
  for (uint32_t i = 0, shown = 0; map && i < map->cnt; i++) {
    const struct mr_tree *path = mr_tree_get(map->items[i], "path");
    if (!path || path->kind != MR_TREE_SCALAR || !split_path(out->arena, path->text, &from, &to))
      continue;
    mr_lines_add(out, "%s{\"name\":", shown++ ? "," : "");
    mr_lines_json(out, map->keys[i]->text);
    mr_lines_add(out, ",\"from\":");
    mr_lines_json(out, from);
    mr_lines_add(out, ",\"to\":");
    mr_lines_json(out, to);
    mr_lines_add(out, ",\"limits\":{");
    for (size_t k = 0, some = 0; k < sizeof names / sizeof *names; k++) {
      const struct mr_tree *limit = mr_tree_get(map->items[i], names[k]);
      int64_t ns;
      if (!limit || mr_duration_parse_ns(limit->text, limit->len, &ns)) continue;
      mr_lines_add(out, "%s\"%s\":%lld", some++ ? "," : "", names[k], (long long)ns);
    }
    mr_lines_add(out, "}}");
  }
}

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_GRAPH_PLAN_PRIVATE_H
#define MR_GRAPH_PLAN_PRIVATE_H

/* The planner's stages, each in its own file, over one struct mr_planner. A stage that finds
 * mistakes reports them and goes on as far as it can, so that all of them come at once. */

#include "graph/compile.h"
#include "graph/plan.h"

enum mr_full { MR_FULL_BLOCK, MR_FULL_DROP_OLDEST };
enum mr_section { MR_SECTION_SOURCES, MR_SECTION_STEPS, MR_SECTION_SINKS, MR_SECTION_CNT };

/* Options that every node, source or sink has. */
struct mr_common_conf {
  const char *type;
  struct mr_tree *from;
  int64_t workers;
  struct mr_tree *cpus;
  int on_error;
  /* sources */
  const char *event;
  struct mr_tree *fields;
  struct {
    int64_t delay_us, idle_after_us, max_future_skew_us;
    bool skew_given;
  } watermark;
  int check;
  /* sinks */
  int full; /* enum mr_full */
  int64_t queue, every_us;
  bool every_given, from_given;
};

struct mr_draft { /* a node while it is being planned, in file order */
  const char *name;
  enum mr_section section;
  struct mr_tree *tree;
  const struct mr_op *op;
  void *conf;
  const char *const *outputs; /* beside the main one and errors, NULL-terminated */
  struct mr_common_conf common;
  struct mr_plan_input *inputs; /* node: index of the draft */
  uint32_t input_cnt;
  bool broken;              /* reported; what hangs on it is not typed */
  const char *step;         /* made for this step of the graph file (expand.h), else NULL */
  struct mr_tree *expanded; /* took the place of this step, whose name it has, else NULL */
  struct mr_tree *time;     /* the column that its input must have as event time, or NULL */
  bool expanding, gone, typed;
  uint32_t order; /* index in the plan, once sorted: the node that others read */
};

struct mr_planner {
  struct mr_arena *arena;
  struct mr_diags *diags;
  const struct mr_plan_conf *conf;
  struct mr_plan *plan;
  struct mr_tree *root;
  struct mr_tree *sections[MR_SECTION_CNT];
  struct mr_tree *events_tree;
  struct mr_event *events; /* declared ones */
  uint32_t event_cnt;
  struct mr_draft *drafts;
  uint32_t draft_cnt;
  uint32_t *sorted; /* drafts in topological order; one whose instances take turns stands twice,
                       for itself and for its merger */
  uint32_t sorted_cnt;
  struct mr_tree *worker_cpus; /* runtime.workers.cpus */
  int64_t worker_count;        /* 0: not given */
  struct mr_plan *early;       /* drafts typed before their time, by draft; or NULL */
  int32_t *cpus;               /* that workers may use */
  uint32_t cpu_cnt;
};

/* Reads `runtime:` and the top level. */
void mr_planner_read_top(struct mr_planner *pl);
/* Reads `events:`. */
void mr_planner_read_events(struct mr_planner *pl);
/* An event from a map of fields given inline; NULL when it was reported. */
struct mr_event *mr_planner_inline_event(struct mr_planner *pl, const char *name,
                                         struct mr_tree *fields);
/* The event of a source, made from the uses of its columns downstream when it is `any`. */
const struct mr_event *mr_planner_source_event(struct mr_planner *pl, uint32_t draft);
/* An event `any` is made empty, gets a column at each use that names one (type MR_TYPE_NONE: the
 * use asks for none; a second use of another type is reported at `at`), and what is untyped in the
 * end is a string; so are the elements of a list. */
struct mr_event *mr_planner_any_event(struct mr_planner *pl);
void mr_planner_any_column(struct mr_planner *pl, struct mr_event *event, const char *name,
                           enum mr_type type, struct mr_span at);
void mr_planner_any_done(struct mr_event *event);
/* The schema of an event. */
struct mr_schema *mr_planner_event_schema(struct mr_planner *pl, const struct mr_event *event);
/* Reads the nodes' options, resolves edges, sorts them. */
void mr_planner_read_nodes(struct mr_planner *pl);
/* The parts of it that steps which stand for others need (expand.h): a draft's options; its edges,
 * by name; the draft of a name, -1: none; a draft's output of that name. */
void mr_planner_read_options(struct mr_planner *pl, struct mr_draft *d);
void mr_planner_resolve(struct mr_planner *pl, struct mr_draft *d);
int32_t mr_planner_find(const struct mr_planner *pl, const char *name, size_t len);
bool mr_planner_output(const struct mr_planner *pl, uint32_t draft, const char *name,
                       uint32_t *output);
/* Puts steps in the place of one that stands for them; of all such. */
void mr_planner_expand(struct mr_planner *pl, uint32_t draft);
void mr_planner_expand_all(struct mr_planner *pl);
/* Fills and types one node from the draft in pl->sorted[order], whose inputs are typed. */
void mr_planner_type_draft(struct mr_planner *pl, uint32_t order);
/* Types along the edges, pruning backwards, partitions and delays; dead-letter writers are added.
 */
void mr_planner_type(struct mr_planner *pl);
/* Reads `tests:`; their columns are checked once the types are known. */
void mr_planner_read_tests(struct mr_planner *pl);
void mr_planner_check_tests(struct mr_planner *pl);
/* Workers, instances, links, pools. */
void mr_planner_place(struct mr_planner *pl);

/* The tables that the stages read with, for mr_graph_options. */
const struct mr_opt *mr_planner_node_options(enum mr_section section);
const struct mr_opt *mr_planner_port_options(void);
const struct mr_opt *mr_planner_expanded_options(void);
const struct mr_opt *mr_planner_event_options(void);
const struct mr_opt *mr_planner_field_options(void);
const struct mr_opt *mr_planner_test_options(void);
const struct mr_opt *mr_planner_budget_options(void);

/* Reads `budgets:` against the paths of the placed graph. */
void mr_planner_check_budgets(struct mr_planner *pl);
/* The list's elements, for mr_plan_json. */
struct mr_lines;
void mr_plan_json_budgets(struct mr_lines *out, const struct mr_plan *plan);

/* Words of an option list, for messages: "did you mean". */
const char *mr_planner_nearest(const char *text, const char *const *names, uint32_t cnt);

#endif

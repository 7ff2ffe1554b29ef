/* SPDX-License-Identifier: Apache-2.0 */
/* graph: draws a graph file: as text, for Graphviz, for Mermaid, as a picture, as JSON. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/lines.h"
#include "cmd.h"
#include "load.h"

/* ---- nodes and edges as people see them: without what the planner added ---- */

struct edge {
  uint32_t from, to;
  const char *output; /* "" for the rows themselves */
};

struct drawing {
  const struct mr_plan *plan;
  struct mr_lines out;
  struct edge *edges;
  uint32_t edge_cnt;
  uint32_t *depth; /* by node: longest way from a source */
};

static const char *const kind_names[] = {"source", "step", "sink"};

static bool hidden(const struct mr_plan *plan, uint32_t node) {
  return plan->nodes[node].internal;
}

static void collect(struct drawing *d, struct mr_arena *arena) {
  const struct mr_plan *plan = d->plan;
  uint32_t max = 0;
  for (uint32_t n = 0; n < plan->node_cnt; n++) max += plan->nodes[n].input_cnt;
  d->edges = MR_NEW(arena, struct edge, max + 1);
  d->depth = MR_NEW(arena, uint32_t, plan->node_cnt + 1);
  for (uint32_t n = 0; n < plan->node_cnt; n++) {
    if (hidden(plan, n)) continue;
    for (uint32_t i = 0; i < plan->nodes[n].input_cnt; i++) {
      struct mr_plan_input in = plan->nodes[n].inputs[i];
      const char *output = plan->nodes[in.node].outs[in.output].name;
      d->edges[d->edge_cnt++] = (struct edge){in.node, n, output ? output : ""};
      if (d->depth[n] <= d->depth[in.node]) d->depth[n] = d->depth[in.node] + 1;
    }
  }
}

/* ---- text ---- */

static void text_below(struct drawing *d, uint32_t node, uint32_t level) {
  for (uint32_t i = 0; i < d->edge_cnt; i++) {
    const struct edge *e = &d->edges[i];
    if (e->from != node) continue;
    const struct mr_plan_node *to = &d->plan->nodes[e->to];
    mr_lines_add(&d->out, "%*s%s%s-> %s (%s)\n", (int)level * 3, "", *e->output ? "." : "",
                 e->output, to->name, to->op->name);
    text_below(d, e->to, level + 1);
  }
}

static void draw_text(struct drawing *d) {
  for (uint32_t n = 0; n < d->plan->node_cnt; n++) {
    if (d->plan->nodes[n].op->kind != MR_OP_SOURCE) continue;
    mr_lines_add(&d->out, "%s (%s)\n", d->plan->nodes[n].name, d->plan->nodes[n].op->name);
    text_below(d, n, 1);
  }
}

/* ---- for other programs ---- */

static void draw_dot(struct drawing *d) {
  static const char *const shapes[] = {"invhouse", "box", "house"};
  mr_lines_add(&d->out, "digraph %s {\n  rankdir=LR;\n  node [fontname=\"sans-serif\"];\n",
               d->plan->graph);
  for (uint32_t n = 0; n < d->plan->node_cnt; n++) {
    const struct mr_plan_node *node = &d->plan->nodes[n];
    if (!node->internal)
      mr_lines_add(&d->out, "  \"%s\" [shape=%s, label=\"%s\\n%s\"];\n", node->name,
                   shapes[node->op->kind], node->name, node->op->name);
  }
  for (uint32_t i = 0; i < d->edge_cnt; i++) {
    const struct edge *e = &d->edges[i];
    mr_lines_add(&d->out, "  \"%s\" -> \"%s\"", d->plan->nodes[e->from].name,
                 d->plan->nodes[e->to].name);
    if (*e->output) mr_lines_add(&d->out, " [label=\"%s\", style=dashed]", e->output);
    mr_lines_add(&d->out, ";\n");
  }
  mr_lines_add(&d->out, "}\n");
}

/* A name as an id: without the dots of steps that a step stands for. A word of Mermaid's own may
 * not be an id alone. */
static void put_id(struct drawing *d, const char *before, const char *name) {
  mr_lines_add(&d->out, "%sn_", before);
  for (; *name; name++) mr_lines_add(&d->out, "%c", *name == '.' ? '-' : *name);
}

static void draw_mermaid(struct drawing *d) {
  static const char *const open[] = {"([", "[", "[["}, *const close[] = {"])", "]", "]]"};
  mr_lines_add(&d->out, "flowchart LR\n");
  for (uint32_t n = 0; n < d->plan->node_cnt; n++) {
    const struct mr_plan_node *node = &d->plan->nodes[n];
    if (node->internal) continue;
    put_id(d, "  ", node->name);
    mr_lines_add(&d->out, "%s\"%s<br/>%s\"%s\n", open[node->op->kind], node->name, node->op->name,
                 close[node->op->kind]);
  }
  for (uint32_t i = 0; i < d->edge_cnt; i++) {
    const struct edge *e = &d->edges[i];
    put_id(d, "  ", d->plan->nodes[e->from].name);
    mr_lines_add(&d->out, " %s", *e->output ? "-. " : "-->");
    if (*e->output) mr_lines_add(&d->out, "%s .->", e->output);
    put_id(d, " ", d->plan->nodes[e->to].name);
    mr_lines_add(&d->out, "\n");
  }
}

static void draw_json(struct drawing *d) {
  bool some = false;
  mr_lines_add(&d->out, "{\"graph\":\"%s\",\"nodes\":[", d->plan->graph);
  for (uint32_t n = 0; n < d->plan->node_cnt; n++) {
    const struct mr_plan_node *node = &d->plan->nodes[n];
    if (node->internal) continue;
    mr_lines_add(&d->out, "%s{\"name\":\"%s\",\"kind\":\"%s\",\"type\":\"%s\",\"instances\":%u}",
                 some ? "," : "", node->name, kind_names[node->op->kind], node->op->name,
                 node->instance_cnt);
    some = true;
  }
  mr_lines_add(&d->out, "],\"edges\":[");
  for (uint32_t i = 0; i < d->edge_cnt; i++) {
    const struct edge *e = &d->edges[i];
    mr_lines_add(&d->out, "%s{\"from\":\"%s\",\"output\":\"%s\",\"to\":\"%s\"}", i ? "," : "",
                 d->plan->nodes[e->from].name, e->output, d->plan->nodes[e->to].name);
  }
  mr_lines_add(&d->out, "]}\n");
}

/* ---- picture: a column per depth, edges as curves from right to left sides ---- */

#define BOX_H   44u
#define GAP_Y   18u
#define GAP_X   90u
#define LETTER  8u /* width of one, of the font that is asked for, in pixels */
#define MARGIN  20u
#define PADDING 24u

struct place {
  uint32_t x, y, w;
};

static uint32_t box_width(const struct mr_plan_node *node) {
  size_t name = strlen(node->name), type = strlen(node->op->name);
  return (uint32_t)(name > type ? name : type) * LETTER + PADDING;
}

/* Puts every node into the column of its depth, below those that stand there already. */
static void place_nodes(const struct drawing *d, struct place *places, uint32_t *w, uint32_t *h) {
  uint32_t depth_max = 0, x = MARGIN;
  for (uint32_t n = 0; n < d->plan->node_cnt; n++)
    if (d->depth[n] > depth_max) depth_max = d->depth[n];
  *h = 0;
  for (uint32_t depth = 0; depth <= depth_max; depth++) {
    uint32_t y = MARGIN, widest = 0;
    for (uint32_t n = 0; n < d->plan->node_cnt; n++) {
      if (hidden(d->plan, n) || d->depth[n] != depth) continue;
      places[n] = (struct place){x, y, box_width(&d->plan->nodes[n])};
      y += BOX_H + GAP_Y;
      if (places[n].w > widest) widest = places[n].w;
    }
    if (y > *h) *h = y;
    x += widest + GAP_X;
  }
  *w = x - GAP_X + MARGIN;
  *h += MARGIN - GAP_Y;
}

static void draw_edge(struct drawing *d, const struct edge *e, const struct place *places) {
  const struct place *a = &places[e->from], *b = &places[e->to];
  uint32_t x1 = a->x + a->w, y1 = a->y + BOX_H / 2, x2 = b->x, y2 = b->y + BOX_H / 2;
  uint32_t mid = (x1 + x2) / 2;
  mr_lines_add(&d->out, "<path class=\"edge%s\" d=\"M%u %u C%u %u %u %u %u %u\"/>\n",
               *e->output ? " side" : "", x1, y1, mid, y1, mid, y2, x2 - 6, y2);
  mr_lines_add(&d->out, "<path class=\"tip\" d=\"M%u %u l-7 -4 v8 z\"/>\n", x2, y2);
  if (*e->output)
    mr_lines_add(&d->out, "<text class=\"type\" x=\"%u\" y=\"%u\">%s</text>\n", mid,
                 (y1 + y2) / 2 - 4, e->output);
}

static void draw_svg(struct drawing *d, struct mr_arena *arena) {
  struct place *places = MR_NEW(arena, struct place, d->plan->node_cnt + 1);
  uint32_t w, h;
  place_nodes(d, places, &w, &h);
  mr_lines_add(&d->out,
               "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%u\" height=\"%u\" "
               "viewBox=\"0 0 %u %u\">\n<title>%s</title>\n<style>\n"
               "rect{stroke:#333;stroke-width:1.2}\n.source{fill:#dcefe0}.step{fill:#e4ebf7}"
               ".sink{fill:#f6e7d8}\ntext{font:13px monospace;text-anchor:middle;fill:#111}\n"
               ".type{font-size:11px;fill:#555}\n.edge{fill:none;stroke:#555;stroke-width:1.4}\n"
               ".side{stroke-dasharray:5 4}\n.tip{fill:#555}\n</style>\n"
               "<rect width=\"%u\" height=\"%u\" style=\"fill:#fff;stroke:none\"/>\n",
               w, h, w, h, d->plan->graph, w, h);
  for (uint32_t i = 0; i < d->edge_cnt; i++) draw_edge(d, &d->edges[i], places);
  for (uint32_t n = 0; n < d->plan->node_cnt; n++) {
    const struct mr_plan_node *node = &d->plan->nodes[n];
    const struct place *p = &places[n];
    if (node->internal) continue;
    mr_lines_add(&d->out,
                 "<rect class=\"%s\" x=\"%u\" y=\"%u\" width=\"%u\" height=\"%u\" rx=\"5\"/>\n"
                 "<text x=\"%u\" y=\"%u\">%s</text>\n"
                 "<text class=\"type\" x=\"%u\" y=\"%u\">%s</text>\n",
                 kind_names[node->op->kind], p->x, p->y, p->w, BOX_H, p->x + p->w / 2, p->y + 19,
                 node->name, p->x + p->w / 2, p->y + 35, node->op->name);
  }
  mr_lines_add(&d->out, "</svg>\n");
}

/* ---- the verb ---- */

static int draw(struct drawing *d, struct mr_arena *arena, const char *format) {
  collect(d, arena);
  if (!strcmp(format, "text"))
    draw_text(d);
  else if (!strcmp(format, "dot"))
    draw_dot(d);
  else if (!strcmp(format, "mermaid"))
    draw_mermaid(d);
  else if (!strcmp(format, "svg"))
    draw_svg(d, arena);
  else
    draw_json(d);
  fputs(d->out.text ? d->out.text : "", stdout);
  return MR_EXIT_OK;
}

static bool format_known(const char *format) {
  static const char *const formats[] = {"text", "dot", "mermaid", "svg", "json"};
  for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
    if (!strcmp(format, formats[i])) return true;
  return false;
}

static int run_graph(int argc, char **argv) {
  struct mr_args args = {.argc = argc, .argv = argv};
  struct mr_load load;
  mr_load_init(&load);
  load.conf.no_inputs = true;
  const char *file = NULL, *format = "text";
  while (mr_args_next(&args)) {
    if (!args.flag) {
      if (file) return mr_cmd_usage("graph", "one graph file at a time");
      file = args.value;
      continue;
    }
    bool bare = !strcmp(args.flag, "--no-env") || !strcmp(args.flag, "--json");
    const char *value = bare ? NULL : mr_args_value(&args, "graph");
    if (!bare && !value) return MR_EXIT_USAGE;
    if (!strcmp(args.flag, "--format") || !strcmp(args.flag, "--json")) {
      format = value ? value : "json";
      if (!format_known(format))
        return mr_cmd_usage("graph", "--format is text, dot, mermaid, svg or json");
      continue;
    }
    int taken = mr_load_flag(&load, "graph", args.flag, value);
    if (taken < 0) return MR_EXIT_USAGE;
    if (!taken) return mr_cmd_usage("graph", "unknown flag %s", args.flag);
  }
  if (!file) return mr_cmd_usage("graph", "which graph file?");
  int rc = mr_load_plan(&load, file);
  struct drawing d = {.plan = load.plan, .out = {.arena = &load.arena}};
  if (!rc) rc = draw(&d, &load.arena, format);
  mr_load_free(&load);
  return rc;
}

const struct mr_cmd mr_cmd_graph = {
    "graph", "[--format text|dot|mermaid|svg|json] [--set PATH=VALUE] [--no-env] GRAPH.yaml",
    "draws a graph file",
    "  millrace graph city.yaml                              as text\n"
    "  millrace graph city.yaml --format svg > city.svg      a picture\n"
    "  millrace graph city.yaml --format dot | dot -Tpng     for Graphviz\n"
    "  millrace graph city.yaml --format mermaid             for Markdown that draws Mermaid\n",
    run_graph};

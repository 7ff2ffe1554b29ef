/* SPDX-License-Identifier: Apache-2.0 */
#include "attach/status.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

#define PREFIX_SZ 512

struct tree {
  struct mr_lines *out;
  const struct mr_snapshot *snap;
  const struct mr_topology *t;
  bool *done; /* by node: its readers have been printed */
};

static void add_count(struct tree *tree, const char *what, uint64_t n, bool always) {
  char buf[MR_LINES_SHORT_SZ];
  if (n || always) mr_lines_add(tree->out, "  %s %s", what, mr_lines_count(buf, (double)n));
}

static void add_time(struct tree *tree, const char *what, int64_t us) {
  char buf[MR_TEXT_TIMESTAMP_SZ];
  if (us != INT64_MIN && us != INT64_MAX)
    mr_lines_add(tree->out, "  %s %.*s", what, (int)mr_timestamp_format(buf, us), buf);
}

static void add_node(struct tree *tree, const struct mr_topology_node *n) {
  uint64_t in = 0, out = 0, filtered = 0, late = 0, dropped = 0, dead = 0, keys = 0;
  double busy = 0, blocked = 0, wall = 0;
  for (uint32_t i = n->first; i < n->first + n->cnt; i++) {
    const struct mr_node_stat *s = &tree->snap->nodes[i];
    in += mr_snapshot_word(&s->rows_in);
    out += mr_snapshot_word(&s->rows_out);
    filtered += mr_snapshot_word(&s->filtered);
    late += mr_snapshot_word(&s->late);
    dropped += mr_snapshot_word(&s->dropped);
    dead += mr_snapshot_word(&s->dead_letters);
    keys += mr_snapshot_word(&s->state_keys);
    busy += (double)mr_snapshot_word(&s->busy_ns);
    blocked += (double)mr_snapshot_word(&s->blocked_ns);
    wall += (double)(mr_snapshot_word(&s->busy_ns) + mr_snapshot_word(&s->blocked_ns) +
                     mr_snapshot_word(&s->idle_ns));
  }
  mr_lines_add(tree->out, "%s (%s", n->name, n->type);
  mr_lines_add(tree->out, n->cnt > 1 ? " x %u)" : ")", n->cnt);
  add_count(tree, "in", in, true);
  add_count(tree, "out", out, true);
  add_count(tree, "filtered", filtered, false);
  add_count(tree, "late", late, false);
  add_count(tree, "dropped", dropped, false);
  add_count(tree, "errors", dead, false);
  add_count(tree, "keys", keys, false);
  if (wall > 0)
    mr_lines_add(tree->out, "  busy %.0f%% blocked %.0f%%", 100 * busy / wall,
                 100 * blocked / wall);
  if (n->timed || !strcmp(n->kind, "source"))
    add_time(tree, n->timed ? "watermark" : "last event", mr_topology_watermark_us(tree->snap, n));
}

static bool reads(const struct mr_topology_node *n, uint32_t from, const char **output) {
  for (uint32_t i = 0; i < n->input_cnt; i++)
    if (n->inputs[i] == from) {
      *output = n->outputs[i];
      return true;
    }
  return false;
}

/* The readers of a node, each with its own below it; prefix is what stands before their lines. */
static void add_readers(struct tree *tree, uint32_t from, const char *prefix) {
  const char *output;
  uint32_t left = 0;
  if (tree->done[from]) return;
  tree->done[from] = true;
  for (uint32_t i = from + 1; i < tree->t->node_cnt; i++)
    left += !tree->t->nodes[i].internal && reads(&tree->t->nodes[i], from, &output);
  for (uint32_t i = from + 1; i < tree->t->node_cnt; i++) {
    const struct mr_topology_node *n = &tree->t->nodes[i];
    char below[PREFIX_SZ];
    if (n->internal || !reads(n, from, &output)) continue;
    left--;
    mr_lines_add(tree->out, "%s+- %s%s", prefix, *output ? output : "", *output ? " -> " : "");
    if (tree->done[i]) {
      mr_lines_add(tree->out, "%s (above)\n", n->name);
      continue;
    }
    add_node(tree, n);
    mr_lines_add(tree->out, "\n");
    if (snprintf(below, sizeof below, "%s%s", prefix, left ? "|  " : "   ") < (int)sizeof below)
      add_readers(tree, i, below);
  }
}

static void add_links(struct tree *tree) {
  const struct mr_snapshot *snap = tree->snap;
  for (uint32_t i = 0; i < snap->link_cnt; i++) {
    const struct mr_link_stat *l = &snap->links[i];
    if (mr_snapshot_link_hidden(snap, i)) continue;
    mr_lines_add(tree->out,
                 "link %s/%u -> %s/%u  %" PRIu64 " of %u items, peak %" PRIu64 ", full %" PRIu64
                 "\n",
                 snap->nodes[l->from].name, snap->nodes[l->from].instance, snap->nodes[l->to].name,
                 snap->nodes[l->to].instance, mr_snapshot_depth_items(l), l->capacity,
                 mr_snapshot_word(&l->depth_peak), mr_snapshot_word(&l->full));
  }
}

static void add_errors(struct tree *tree) {
  char code[MR_STAT_ERROR_TEXT_SZ], text[MR_STAT_ERROR_TEXT_SZ];
  for (uint32_t i = 0; i < tree->snap->error_cnt; i++) {
    const struct mr_error_stat *e = &tree->snap->errors[i];
    uint64_t node = mr_snapshot_word(&e->node);
    mr_lines_add(tree->out, "error %s  %" PRIu64 " x %s %s\n",
                 node < tree->snap->node_cnt ? tree->snap->nodes[node].name : "-",
                 mr_snapshot_word(&e->count), mr_snapshot_error_code(e, code),
                 mr_snapshot_error_text(e, text));
  }
}

void mr_status_text(struct mr_lines *out, const struct mr_snapshot *snap,
                    const struct mr_topology *topology) {
  struct tree tree = {.out = out, .snap = snap, .t = topology};
  char up[MR_LINES_SHORT_SZ];
  tree.done = MR_NEW(out->arena, bool, topology->node_cnt + 1);
  mr_lines_add(out, "graph %s  pid %" PRIu64 "  %s%s  up %s  millrace %s\n", snap->graph, snap->pid,
               mr_attach_state_str(snap->state), snap->stalled ? " (stalled)" : "",
               mr_lines_clock(up, snap->uptime_ns), snap->version);
  for (uint32_t i = 0; i < topology->node_cnt; i++) {
    if (topology->nodes[i].input_cnt) continue;
    add_node(&tree, &topology->nodes[i]);
    mr_lines_add(out, "\n");
    add_readers(&tree, i, "");
  }
  add_links(&tree);
  add_errors(&tree);
}

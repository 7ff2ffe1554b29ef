/* SPDX-License-Identifier: Apache-2.0 */
#include "attach/why.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

#define FINDINGS_MAX 16u
#define DETAILS_MAX  8u
#define BLOCKED_SLOW 0.10 /* share of the time from which a node counts as held up */
#define BUSY_FULL    0.90

struct detail {
  const char *what, *text;
};

struct finding {
  const char *kind, *text;
  struct detail details[DETAILS_MAX];
  uint32_t detail_cnt;
};

struct why {
  struct mr_arena *arena;
  const struct mr_snapshot *now, *part;
  const struct mr_topology *t;
  const struct mr_topology_node *node;
  bool live;
  bool *held; /* by node: something downstream holds it up */
  struct finding findings[FINDINGS_MAX];
  uint32_t finding_cnt;
};

/* What all instances of a node did together. */
struct sum {
  uint64_t in, out, absorbed, filtered, late, future, dropped, dead;
  double busy, blocked; /* shares of the instances' time: of the one that has most */
};

/* ---- small things ---- */

static __attribute__((format(printf, 3, 4))) struct finding *find(struct why *w, const char *kind,
                                                                  const char *fmt, ...) {
  struct finding *f =
      &w->findings[w->finding_cnt < FINDINGS_MAX ? w->finding_cnt++ : FINDINGS_MAX - 1];
  char text[512];
  va_list args;
  va_start(args, fmt);
  vsnprintf(text, sizeof text, fmt, args);
  va_end(args);
  *f = (struct finding){.kind = kind, .text = mr_arena_strdup(w->arena, text)};
  return f;
}

static __attribute__((format(printf, 4, 5))) void detail(struct why *w, struct finding *f,
                                                         const char *what, const char *fmt, ...) {
  char text[512];
  va_list args;
  if (f->detail_cnt == DETAILS_MAX) return;
  va_start(args, fmt);
  vsnprintf(text, sizeof text, fmt, args);
  va_end(args);
  f->details[f->detail_cnt++] = (struct detail){what, mr_arena_strdup(w->arena, text)};
}

static struct sum sum_of(const struct mr_snapshot *snap, const struct mr_topology_node *n) {
  struct sum s = {0};
  for (uint32_t i = n->first; i < n->first + n->cnt; i++) {
    const struct mr_node_stat *x = &snap->nodes[i];
    s.in += mr_snapshot_word(&x->rows_in);
    s.out += mr_snapshot_word(&x->rows_out);
    s.absorbed += mr_snapshot_word(&x->absorbed);
    s.filtered += mr_snapshot_word(&x->filtered);
    s.late += mr_snapshot_word(&x->late);
    s.future += mr_snapshot_word(&x->future);
    s.dropped += mr_snapshot_word(&x->dropped);
    s.dead += mr_snapshot_word(&x->dead_letters);
    double busy = (double)mr_snapshot_word(&x->busy_ns);
    double blocked = (double)mr_snapshot_word(&x->blocked_ns);
    double wall = busy + blocked + (double)mr_snapshot_word(&x->idle_ns);
    if (wall <= 0) continue;
    if (busy / wall > s.busy) s.busy = busy / wall;
    if (blocked / wall > s.blocked) s.blocked = blocked / wall;
  }
  return s;
}

static double per_second(const struct why *w, uint64_t n) {
  return w->part->interval_ns ? (double)n * 1e9 / (double)w->part->interval_ns : 0;
}

static const char *rate(const struct why *w, uint64_t n) {
  char buf[MR_LINES_SHORT_SZ];
  return mr_arena_printf(w->arena, "%s/s", mr_lines_count(buf, per_second(w, n)));
}

static const char *rows(const struct why *w, uint64_t n) {
  char buf[MR_LINES_SHORT_SZ];
  return mr_arena_printf(w->arena, "%s %s", mr_lines_count(buf, (double)n),
                         n == 1 ? "row" : "rows");
}

static const char *span(const struct why *w, int64_t us) {
  char buf[MR_LINES_SHORT_SZ];
  return mr_arena_strdup(w->arena, mr_lines_span(buf, us));
}

/* As the graph file writes it: "10m". */
static const char *duration(const struct why *w, int64_t us) {
  char buf[MR_TEXT_DURATION_SZ];
  return mr_arena_strndup(w->arena, buf, mr_duration_format_us(buf, us));
}

/* The time of day; with its date when that is not the clock's. */
static const char *time_of(const struct why *w, int64_t us) {
  char buf[MR_TEXT_TIMESTAMP_SZ], clock[MR_TEXT_TIMESTAMP_SZ];
  int64_t now = mr_topology_clock_us(w->now);
  if (us == INT64_MIN || us == INT64_MAX) return us == INT64_MIN ? "nothing yet" : "the end";
  size_t len = mr_timestamp_format(buf, us);
  if (now == INT64_MIN || now == INT64_MAX) return mr_arena_strndup(w->arena, buf, len);
  size_t clock_len = mr_timestamp_format(clock, now);
  bool same = len > 12 && clock_len > 12 && !memcmp(buf, clock, 11); /* 2025-10-13T */
  return same ? mr_arena_strndup(w->arena, buf + 11, len - 12)
              : mr_arena_strndup(w->arena, buf, len);
}

static const char *ago(const struct why *w, int64_t us) {
  int64_t behind = w->now->taken_wall_us - us;
  return us ? mr_arena_printf(w->arena, "seen %s ago", span(w, behind > 0 ? behind : 0))
            : "never seen";
}

static bool is_source(const struct mr_topology_node *n) {
  return !strcmp(n->kind, "source");
}

static const char *partition_text(const struct why *w, uint32_t p) {
  return mr_arena_printf(w->arena, "%s partition %u",
                         w->now->nodes[w->now->partitions[p].node].name,
                         mr_topology_partition(w->t, p));
}

/* ---- the watermark ---- */

/* The windows of all instances: how many are open, and the one that closes next. */
struct windows {
  uint64_t open, keys;
  int64_t start_us, end_us;
};

static struct windows windows_of(const struct why *w) {
  struct windows all = {.end_us = INT64_MAX};
  for (uint32_t i = w->node->first; i < w->node->first + w->node->cnt; i++) {
    const struct mr_node_stat *n = &w->now->nodes[i];
    uint64_t open = mr_snapshot_word(&n->windows_open);
    int64_t end = (int64_t)mr_snapshot_word(&n->next_end_us);
    all.open += open;
    if (!open || end > all.end_us) continue;
    if (end < all.end_us) all.keys = 0;
    all.end_us = end;
    all.start_us = (int64_t)mr_snapshot_word(&n->next_start_us);
    all.keys += mr_snapshot_word(&n->next_keys);
  }
  return all;
}

/* What the watermark would be without that partition; INT64_MIN: it is the only one that counts. */
static int64_t watermark_without(const struct why *w, uint32_t partition) {
  int64_t least = INT64_MAX;
  for (uint32_t i = 0; i < w->node->partition_cnt; i++) {
    uint32_t p = w->node->partitions[i];
    int64_t us = mr_topology_frontier_us(w->t, w->now, p);
    if (p == partition || us == INT64_MAX || mr_topology_idle(w->t, w->now, p)) continue;
    if (us < least) least = us;
  }
  return least == INT64_MAX || least == INT64_MIN ? INT64_MIN : least - w->node->delay_us;
}

static void tell_others(struct why *w, struct finding *f, uint32_t holder) {
  struct mr_lines line = {.arena = w->arena};
  for (uint32_t i = 0; i < w->node->partition_cnt; i++) {
    uint32_t p = w->node->partitions[i];
    if (p == holder) continue;
    mr_lines_add(&line, "%s%s %s%s", line.len ? "   " : "", partition_text(w, p),
                 time_of(w, mr_topology_frontier_us(w->t, w->now, p)),
                 mr_topology_idle(w->t, w->now, p) ? " (idle)" : "");
  }
  if (line.len) detail(w, f, "others", "%.400s", line.text);
}

/* Why the partition is where it is, and what could be done about it. */
static void tell_cause(struct why *w, struct finding *f, uint32_t holder,
                       const struct windows *open) {
  const struct mr_topology_node *source = &w->t->nodes[w->t->makers[holder]];
  int64_t without = watermark_without(w, holder);
  int64_t frontier = mr_topology_frontier_us(w->t, w->now, holder);
  detail(w, f, "because", "delay %s; idle_after is %s for %s", duration(w, w->node->delay_us),
         source->idle_after_us ? duration(w, source->idle_after_us) : "off", source->name);
  bool helps =
      without != INT64_MIN && (frontier == INT64_MIN || without > frontier - w->node->delay_us);
  if (helps && is_source(source)) {
    detail(w, f, "try", "watermark: { idle_after: %s } on %s   (the watermark would be %s%s)",
           source->idle_after_us ? "less" : "30s", source->name, time_of(w, without),
           open->open && without >= open->end_us ? ": closes it now" : "");
  } else if (open->open) {
    detail(w, f, "needs", "an event of %s or later from %s",
           time_of(w, open->end_us + w->node->delay_us), source->name);
  }
}

static void tell_holder(struct why *w, struct finding *f, const struct windows *open) {
  uint32_t holder = mr_topology_source_holder(w->t, w->now, w->node);
  if (holder == UINT32_MAX) {
    detail(w, f, "because",
           "all its source partitions are idle or have ended: the watermark stands");
    return;
  }
  const struct mr_partition_stat *p = &w->now->partitions[holder];
  int64_t frontier = (int64_t)mr_snapshot_word(&p->frontier_us);
  if (frontier == INT64_MIN)
    detail(w, f, "held back by", "%s   no event yet", partition_text(w, holder));
  else
    detail(w, f, "held back by", "%s   last event %s (event time), %s", partition_text(w, holder),
           time_of(w, frontier), ago(w, (int64_t)mr_snapshot_word(&p->last_us)));
  tell_others(w, f, holder);
  tell_cause(w, f, holder, open);
}

/* Windows are open and the watermark has not reached the end of the next one. */
static void look_at_watermark(struct why *w, bool emits) {
  if (!w->node->timed) return;
  struct windows open = windows_of(w);
  int64_t us = mr_topology_watermark_us(w->now, w->node), clock = mr_topology_clock_us(w->now);
  struct finding *f;
  if (!open.open || us == INT64_MAX || emits) return;
  if (us == INT64_MIN)
    f = find(w, "watermark", "%s is not emitting: it has no watermark yet", w->node->name);
  else if (clock == INT64_MIN || clock < us)
    f = find(w, "watermark", "%s is not emitting: its watermark is %s", w->node->name,
             time_of(w, us));
  else
    f = find(w, "watermark", "%s is not emitting: its watermark is %s, %s behind the clock",
             w->node->name, time_of(w, us), span(w, clock - us));
  detail(w, f, "next to close", "[%s, %s)  %" PRIu64 " %s   needs watermark %s",
         time_of(w, open.start_us), time_of(w, open.end_us), open.keys,
         open.keys == 1 ? "key" : "keys", time_of(w, open.end_us));
  tell_holder(w, f, &open);
}

/* A join holds rows until its watermark says that the other side has none for them. */
static void look_at_join(struct why *w, bool emits) {
  static const struct windows none = {.end_us = INT64_MAX};
  uint64_t held = 0;
  int64_t us = mr_topology_watermark_us(w->now, w->node);
  if (strcmp(w->node->type, "join") != 0 || emits || us == INT64_MAX) return;
  for (uint32_t i = w->node->first; i < w->node->first + w->node->cnt; i++)
    held += mr_snapshot_word(&w->now->nodes[i].state_keys);
  if (!held) return;
  struct finding *f =
      find(w, "watermark", "%s holds %s and waits for the other side: its watermark is %s",
           w->node->name, rows(w, held), us == INT64_MIN ? "not there yet" : time_of(w, us));
  tell_holder(w, f, &none);
}

/* ---- input ---- */

static void look_at_source(struct why *w, const struct sum *s) {
  for (uint32_t p = 0; p < w->t->partition_cnt; p++) {
    if (&w->t->nodes[w->t->makers[p]] != w->node) continue;
    const struct mr_partition_stat *stat = &w->now->partitions[p];
    int64_t frontier = (int64_t)mr_snapshot_word(&stat->frontier_us);
    int64_t last = (int64_t)mr_snapshot_word(&stat->last_us);
    if (frontier == INT64_MAX)
      find(w, "ended", "%s has ended: all its input is read", w->node->name);
    else if (mr_snapshot_word(&stat->idle))
      find(w, "idle", "%s is idle: %s, longer ago than idle_after %s", partition_text(w, p),
           ago(w, last), duration(w, w->node->idle_after_us));
    else if (w->live && !s->in)
      find(w, "no_input", "no rows come in at %s: %s", w->node->name, ago(w, last));
  }
}

/* A step or sink that gets nothing: which node above it passes nothing on. */
static void look_at_input(struct why *w, const struct sum *s, const struct sum *all) {
  if (is_source(w->node)) {
    look_at_source(w, s);
    return;
  }
  if (s->in || !w->node->input_cnt || (!w->live && all->in)) return;
  const struct mr_topology_node *up = &w->t->nodes[w->node->inputs[0]];
  struct sum above = sum_of(w->part, up);
  const char *output = w->node->outputs[0];
  struct finding *f = find(w, "no_input", "no rows come in at %s", w->node->name);
  detail(w, f, "because", "%s%s%s gives none: %s came in there, %s went out", up->name,
         *output ? "." : "", output, rows(w, above.in), rows(w, above.out));
  detail(w, f, "try", "millrace why %s %s", w->now->graph, up->name);
}

static void look_at_filter(struct why *w, const struct sum *s) {
  if (!s->in || s->out || s->filtered != s->in) return;
  struct finding *f =
      find(w, "filtered", "%s passes nothing: its condition was true for none of %s", w->node->name,
           rows(w, s->in));
  detail(w, f, "try", "millrace tap %s %s --limit 5", w->now->graph,
         w->node->input_cnt ? w->t->nodes[w->node->inputs[0]].name : "INPUT");
}

/* ---- speed ---- */

static bool reads(const struct mr_topology_node *n, uint32_t from) {
  for (uint32_t i = 0; i < n->input_cnt; i++)
    if (n->inputs[i] == from) return true;
  return false;
}

/* The fullest link between two nodes, UINT32_MAX: they share a worker. */
static uint32_t link_between(const struct why *w, const struct mr_topology_node *from,
                             const struct mr_topology_node *to) {
  uint32_t best = UINT32_MAX;
  for (uint32_t i = 0; i < w->now->link_cnt; i++) {
    const struct mr_link_stat *l = &w->now->links[i];
    if (l->from < from->first || l->from >= from->first + from->cnt || l->to < to->first ||
        l->to >= to->first + to->cnt)
      continue;
    if (best == UINT32_MAX ||
        mr_snapshot_depth_items(l) > mr_snapshot_depth_items(&w->now->links[best]))
      best = i;
  }
  return best;
}

static bool is_full(const struct why *w, uint32_t link) {
  const struct mr_link_stat *l = &w->now->links[link];
  return mr_snapshot_word(&w->part->links[link].full) ||
         (l->capacity && mr_snapshot_depth_items(l) >= l->capacity);
}

/* Rows pile up before `to`, which reads `from`: the link between them is full, or on one worker it
 * is held up, by itself or by somebody behind it. */
static bool piles_up(const struct why *w, const struct mr_topology_node *from,
                     const struct mr_topology_node *to, uint32_t *link) {
  *link = link_between(w, from, to);
  if (*link != UINT32_MAX) return is_full(w, *link);
  return w->held[to - w->t->nodes] || sum_of(w->part, to).blocked >= BLOCKED_SLOW;
}

/* Finds for every node whether something downstream holds it up: from the last node to the first,
 * as readers stand behind what they read. */
static void find_held(struct why *w) {
  w->held = MR_NEW(w->arena, bool, w->t->node_cnt + 1);
  for (uint32_t i = w->t->node_cnt; i-- > 0;)
    for (uint32_t k = i + 1; k < w->t->node_cnt && !w->held[i]; k++) {
      uint32_t link;
      if (reads(&w->t->nodes[k], i))
        w->held[i] = piles_up(w, &w->t->nodes[i], &w->t->nodes[k], &link);
    }
}

/* Downstream of a node that is held up: the one at whose door rows pile up while it does not wait
 * for anybody else. NULL: nobody is. *link: the last one on the way there where they pile up,
 * UINT32_MAX: all is on one worker. */
static const struct mr_topology_node *find_brake(const struct why *w, uint32_t *link) {
  uint32_t at = (uint32_t)(w->node - w->t->nodes);
  while (w->held[at]) {
    uint32_t next = at, full = UINT32_MAX, l;
    double most = -1;
    for (uint32_t i = at + 1; i < w->t->node_cnt; i++) {
      const struct mr_topology_node *n = &w->t->nodes[i];
      if (!reads(n, at) || !piles_up(w, &w->t->nodes[at], n, &l)) continue;
      struct sum s = sum_of(w->part, n);
      if (s.blocked + s.busy <= most) continue;
      most = s.blocked + s.busy;
      next = i;
      full = l;
    }
    if (next == at) break;
    if (full != UINT32_MAX) *link = full;
    at = next;
  }
  return &w->t->nodes[at] == w->node ? NULL : &w->t->nodes[at];
}

/* Rows wait there because the graph file says so. */
static bool throttles(const struct mr_topology_node *n) {
  return !strcmp(n->type, "throttle");
}

static void tell_brake(struct why *w, struct finding *f, const struct mr_topology_node *brake,
                       uint32_t link) {
  struct sum s = sum_of(w->part, brake);
  bool sink = !strcmp(brake->kind, "sink");
  const char *doing = s.blocked > s.busy && sink ? "it waits for what it writes to"
                      : throttles(brake)         ? "it lets no more through than its rate"
                      : s.blocked > s.busy       ? "it is held up itself"
                                                 : "it works as fast as it can";
  detail(w, f, "waits for", "%s (%s): busy %.0f %%, blocked %.0f %%: %s", brake->name, brake->type,
         s.busy * 100, s.blocked * 100, doing);
  if (link != UINT32_MAX) {
    const struct mr_link_stat *l = &w->now->links[link];
    detail(w, f, "link", "%s -> %s  %" PRIu64 " of %u items, full %" PRIu64 " times",
           w->now->nodes[l->from].name, w->now->nodes[l->to].name, mr_snapshot_depth_items(l),
           l->capacity, mr_snapshot_word(&l->full));
  }
  if (sink)
    detail(w, f, "try", "full: drop_oldest on %s, if its rows may be lost", brake->name);
  else if (brake->cnt == 1 && brake->state_max)
    detail(w, f, "try", "workers: 2 on %s", brake->name);
}

static void look_at_speed(struct why *w, const struct sum *s) {
  char took[MR_LINES_SHORT_SZ];
  uint32_t link = UINT32_MAX;
  find_held(w);
  const struct mr_topology_node *brake = find_brake(w, &link);
  mr_lines_time(took, w->part->interval_ns);
  if (brake) {
    struct finding *f = find(w, "slow", "%s is held up: %s takes rows more slowly than they come",
                             w->node->name, brake->name);
    tell_brake(w, f, brake, link);
  } else if (s->blocked >= BLOCKED_SLOW) {
    bool sink = !strcmp(w->node->kind, "sink");
    find(w, "slow",
         sink                 ? "%s is slow: for %.0f %% of %s it waited for what it writes to"
         : throttles(w->node) ? "%s lets rows wait, for %.0f %% of %s: more come than its rate"
                              : "%s was held up for %.0f %% of %s",
         w->node->name, s->blocked * 100, took);
  }
  if (s->busy < BUSY_FULL) return;
  struct finding *f = find(w, "busy", "%s works all the time: busy %.0f %% of %s, %s in",
                           w->node->name, s->busy * 100, took, rate(w, s->in));
  if (w->node->state_max && w->node->cnt == 1)
    detail(w, f, "try", "workers: 2 on %s", w->node->name);
}

/* ---- losses ---- */

static void look_at_late(struct why *w, const struct sum *all) {
  if (!all->late) return;
  bool diverted = mr_topology_output_read(w->node, "late");
  struct finding *f =
      find(w, "late", "%s came late at %s: %s", rows(w, all->late), w->node->name,
           diverted ? mr_arena_printf(w->arena, "they went to %s.late", w->node->name)
                    : "they were dropped");
  detail(w, f, "because", "delay %s, allowed_lateness %s", duration(w, w->node->delay_us),
         duration(w, mr_value_int(w->node->plan, "allowed_lateness_us", 0)));
  if (!diverted)
    detail(w, f, "try", "a sink with from: %s.late shows them; a longer delay waits for them",
           w->node->name);
}

static void look_at_errors(struct why *w, const struct sum *all) {
  if (!all->dead) return;
  struct finding *f = find(w, "dead_letters", "%s at %s %s in error", rows(w, all->dead),
                           w->node->name, all->dead == 1 ? "was" : "were");
  if (strcmp(w->node->on_error, "dead_letter") != 0) return;
  detail(w, f, "they are in", "%.300s/dead_letters/%s/%s.ndjson", w->t->data_dir, w->now->graph,
         w->node->name);
  detail(w, f, "try", "millrace dlq show %s %s", w->now->graph, w->node->name);
}

static void look_at_losses(struct why *w, const struct sum *all) {
  look_at_late(w, all);
  look_at_errors(w, all);
  if (all->future)
    find(w, "future", "%s at %s came from beyond max_future_skew and moved no watermark",
         rows(w, all->future), w->node->name);
  if (!all->dropped) return;
  bool sink = !strcmp(w->node->kind, "sink");
  struct finding *f = find(w, "dropped", "%s dropped at %s", rows(w, all->dropped), w->node->name);
  detail(w, f, "because", "%s",
         sink ? "it could not keep up or could not write: see full and queue of the sink"
              : "on_error: drop loses rows in error");
}

/* ---- all of it ---- */

static void look_at_graph(struct why *w) {
  char beat[MR_LINES_SHORT_SZ];
  if (w->now->state == MR_GRAPH_DEAD)
    find(w, "state", "graph %s is dead: what follows is how it was at its end", w->now->graph);
  else if (w->now->state != MR_GRAPH_RUNNING)
    find(w, "state", "graph %s is %s", w->now->graph, mr_attach_state_str(w->now->state));
  else if (w->now->stalled)
    find(w, "state", "graph %s has not moved for %s: is it stopped?", w->now->graph,
         mr_lines_time(beat, w->now->beat_age_ns));
}

static bool look(struct why *w, const char *node) {
  w->node = mr_topology_find(w->t, node);
  if (!w->node || w->node->internal) return false;
  w->live = w->now->state == MR_GRAPH_RUNNING || w->now->state == MR_GRAPH_DRAINING;
  struct sum s = sum_of(w->part, w->node), all = sum_of(w->now, w->node);
  look_at_graph(w);
  look_at_watermark(w, w->live && s.out > 0);
  look_at_join(w, w->live && s.out > 0);
  look_at_input(w, &s, &all);
  look_at_filter(w, &all);
  look_at_speed(w, &s);
  look_at_losses(w, &all);
  bool only_state = w->finding_cnt == 1 && !strcmp(w->findings[0].kind, "state");
  if (!w->finding_cnt || only_state)
    find(w, "fine", "%s is fine: %s in, %s out, busy %.0f %%", w->node->name, rate(w, s.in),
         rate(w, s.out), s.busy * 100);
  return true;
}

bool mr_why_text(struct mr_lines *out, const struct mr_snapshot *now,
                 const struct mr_snapshot *part, const struct mr_topology *topology,
                 const char *node) {
  struct why w = {.arena = out->arena, .now = now, .part = part, .t = topology};
  if (!look(&w, node)) return false;
  for (uint32_t i = 0; i < w.finding_cnt; i++) {
    mr_lines_add(out, "%s\n", w.findings[i].text);
    for (uint32_t k = 0; k < w.findings[i].detail_cnt; k++) {
      mr_lines_add(out, "  ");
      mr_lines_cell(out, 15, w.findings[i].details[k].what);
      mr_lines_add(out, " %s\n", w.findings[i].details[k].text);
    }
  }
  return true;
}

static void add_time(struct mr_lines *out, const char *name, int64_t us) {
  char buf[MR_TEXT_TIMESTAMP_SZ];
  if (us == INT64_MIN || us == INT64_MAX)
    mr_lines_add(out, ",\"%s\":%s", name, us == INT64_MIN ? "null" : "\"end\"");
  else
    mr_lines_add(out, ",\"%s\":\"%.*s\"", name, (int)mr_timestamp_format(buf, us), buf);
}

bool mr_why_json(struct mr_lines *out, const struct mr_snapshot *now,
                 const struct mr_snapshot *part, const struct mr_topology *topology,
                 const char *node) {
  struct why w = {.arena = out->arena, .now = now, .part = part, .t = topology};
  if (!look(&w, node)) return false;
  struct sum s = sum_of(part, w.node);
  mr_lines_add(out, "{\"graph\":\"%s\",\"pid\":%" PRIu64 ",\"state\":\"%s\",\"node\":", now->graph,
               now->pid, mr_attach_state_str(now->state));
  mr_lines_json(out, w.node->name);
  mr_lines_add(out, ",\"type\":");
  mr_lines_json(out, w.node->type);
  add_time(out, "watermark", mr_topology_watermark_us(now, w.node));
  add_time(out, "clock", mr_topology_clock_us(now));
  mr_lines_add(out, ",\"in_per_s\":%.1f,\"out_per_s\":%.1f,\"findings\":[", per_second(&w, s.in),
               per_second(&w, s.out));
  for (uint32_t i = 0; i < w.finding_cnt; i++) {
    mr_lines_add(out, "%s{\"kind\":\"%s\",\"text\":", i ? "," : "", w.findings[i].kind);
    mr_lines_json(out, w.findings[i].text);
    mr_lines_add(out, ",\"details\":[");
    for (uint32_t k = 0; k < w.findings[i].detail_cnt; k++) {
      mr_lines_add(out, "%s{\"what\":\"%s\",\"text\":", k ? "," : "",
                   w.findings[i].details[k].what);
      mr_lines_json(out, w.findings[i].details[k].text);
      mr_lines_add(out, "}");
    }
    mr_lines_add(out, "]}");
  }
  mr_lines_add(out, "]}");
  return true;
}

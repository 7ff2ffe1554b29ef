/* SPDX-License-Identifier: Apache-2.0 */
#include "graphs.h"

#include <string.h>

#include "base/assert.h"
#include "test.h"

#define WINDOW_US INT64_C(64000)
#define PATHS_MAX 24

static const char *const types[] = {"gen",  "pass",  "kpass", "split",   "shift",
                                    "copy", "spoil", "tally", "collect", "errs"};

/* ---- making ---- */

static void put(struct rig_graph *g, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void put(struct rig_graph *g, const char *fmt, ...) {
  size_t len = strlen(g->text);
  va_list args;
  va_start(args, fmt);
  int n = vsnprintf(g->text + len, sizeof g->text - len, fmt, args);
  va_end(args);
  MR_ASSERT(n >= 0 && (size_t)n < sizeof g->text - len);
}

static uint32_t pick(struct rig_graph *g, uint32_t n) {
  return rig_pick(&g->rng, n);
}

/* Up to `most` different outputs of earlier nodes. */
static void choose_inputs(struct rig_graph *g, struct rig_node *n, uint32_t steps_end,
                          uint32_t most) {
  uint32_t want = 1 + pick(g, most);
  for (uint32_t tries = 0; n->in_cnt < want && tries < 8; tries++) {
    /* late nodes more often, so that graphs get deep */
    uint32_t a = pick(g, steps_end), b = pick(g, steps_end), from = a > b ? a : b;
    uint32_t out = g->nodes[from].kind == RIG_SPLIT && pick(g, 2) ? 2 : 0;
    bool twice = false;
    for (uint32_t i = 0; i < n->in_cnt; i++) twice |= n->in[i] == from && n->out[i] == out;
    if (twice || n->paths + g->nodes[from].paths > PATHS_MAX) continue;
    n->in[n->in_cnt] = from;
    n->out[n->in_cnt++] = out;
    n->paths += g->nodes[from].paths;
  }
  n->keeps_order = n->in_cnt == 1 && g->nodes[n->in[0]].keeps_order && n->instances == 1;
}

static void choose_node(struct rig_graph *g, struct rig_node *n, enum rig_kind kind,
                        uint32_t rows_max) {
  n->kind = kind;
  n->instances = kind == RIG_KPASS || kind == RIG_TALLY ? 1 + pick(g, 4) : 1;
  if (kind == RIG_GEN && !pick(g, 3)) n->instances = 2 + pick(g, 3);
  n->rows = kind == RIG_GEN && pick(g, 10) ? 1 + pick(g, rows_max) : 0;
  n->bad = kind == RIG_GEN && !pick(g, 3) ? 1 + pick(g, 9) : 0;
  n->salt = pick(g, 1000);
  n->mod = 1 + pick(g, 6);
  n->every = 1 + pick(g, 9);
}

static void write_node(struct rig_graph *g, uint32_t i) {
  static const uint32_t sizes[] = {1, 2, 7, 33, 256, 1024};
  struct rig_node *n = &g->nodes[i];
  put(g, "  n%u: { type: %s", i, types[n->kind]);
  for (uint32_t k = 0; k < n->in_cnt; k++)
    put(g, "%sn%u%s", k ? ", " : ", from: [", n->in[k],
        n->out[k] == 2   ? ".rest"
        : n->out[k] == 1 ? ".errors"
                         : "");
  if (n->in_cnt) put(g, "]");
  if (n->instances > 1) put(g, ", workers: %u", n->instances);
  if (n->kind == RIG_GEN)
    put(g, ", event: e, rows: %lld, seed: %u, max: %u, bad: %lld, pause: %u", (long long)n->rows,
        i + 1, sizes[pick(g, 6)], (long long)n->bad, pick(g, 2) ? 1 + pick(g, 5) + 1 : 0);
  if (n->kind == RIG_GEN && n->instances > 1)
    put(g, ", turn: %u, grab: %u", 1 + pick(g, 2 + (uint32_t)n->rows / 4), pick(g, 2));
  if (n->kind == RIG_SPLIT)
    put(g, ", salt: %lld, mod: %lld", (long long)n->salt, (long long)n->mod);
  if (n->kind == RIG_SHIFT) put(g, ", parts: %u", 1 + pick(g, 4));
  if (n->kind == RIG_COPY || n->kind == RIG_TALLY) put(g, ", piece: %u", sizes[pick(g, 6)]);
  if (n->kind == RIG_SPOIL) put(g, ", every: %lld", (long long)n->every);
  if (g->heap && (n->kind == RIG_GEN || n->kind == RIG_COPY || n->kind >= RIG_TALLY) &&
      n->kind != RIG_ERRS)
    put(g, ", heap: 1");
  if (n->kind == RIG_COLLECT) put(g, ", drains: %u", pick(g, 3) ? 0 : pick(g, 5));
  uint64_t full = n->kind == RIG_COLLECT ? mr_rng_at(g->seed, 900 + i) % 4 : 2;
  n->drops = full == 1;
  if (full < 2) put(g, ", full: drop_oldest%s", n->drops ? ", queue: 5" : "");
  if (pick(g, 2)) put(g, ", cpus: %u", pick(g, RIG_CPUS));
  put(g, " }\n");
}

void rig_graph_make(struct rig_graph *g, uint64_t seed, uint32_t rows_max, const char *wait) {
  *g = (struct rig_graph){.seed = seed, .wait = wait};
  mr_rng_init(&g->rng, seed);
  g->heap = !pick(g, 8);
  uint32_t sources = 1 + pick(g, 3), steps = pick(g, 9), sinks = 1 + pick(g, 3);
  for (; g->cnt < sources; g->cnt++) {
    choose_node(g, &g->nodes[g->cnt], RIG_GEN, rows_max);
    g->nodes[g->cnt].paths = 1;
    g->nodes[g->cnt].keeps_order = true;
  }
  for (uint32_t k = 0; k < steps; k++, g->cnt++) {
    struct rig_node *n = &g->nodes[g->cnt];
    choose_node(g, n, RIG_PASS + pick(g, RIG_TALLY), 0);
    choose_inputs(g, n, g->cnt, 3);
    if (!n->in_cnt) break;
    n->keeps_order &= n->kind != RIG_TALLY;
  }
  uint32_t steps_end = g->cnt;
  for (uint32_t k = 0; k < sinks; k++, g->cnt++) {
    struct rig_node *n = &g->nodes[g->cnt];
    choose_node(g, n, RIG_COLLECT, 0);
    choose_inputs(g, n, steps_end, 4);
    if (!n->in_cnt) break;
  }
  if (!g->nodes[g->cnt].in_cnt) memset(&g->nodes[g->cnt], 0, sizeof g->nodes[0]);
  uint32_t bad = pick(g, steps_end);
  if (g->nodes[bad].kind == RIG_SPOIL || g->nodes[bad].kind == RIG_GEN) {
    struct rig_node *n = &g->nodes[g->cnt++];
    choose_node(g, n, RIG_ERRS, 0);
    n->in[0] = bad;
    n->out[0] = 1;
    n->in_cnt = 1;
  }
  put(g,
      "millrace: 1\ngraph: g\nruntime: { workers: { cpus: 0-%u, wait: %s }, link_items: %u, "
      "huge_pages: off }\n",
      RIG_CPUS - 1, wait, 1 + pick(g, 8));
  put(g, "events: { e: { fields: { id: {type: int64}, key: {type: int64}, t: {type: timestamp}, "
         "s: {type: string} }, event_time: t } }\n");
  for (uint32_t i = 0; i < g->cnt; i++) {
    if (i == 0) put(g, "sources:\n");
    if (i == sources && sources < steps_end) put(g, "steps:\n");
    if (i == steps_end) put(g, "sinks:\n");
    write_node(g, i);
  }
}

void rig_graph_make_faulty(struct rig_graph *g, int fault) {
  *g = (struct rig_graph){.seed = 1, .cnt = 5, .wait = "spin"};
  mr_rng_init(&g->rng, 1);
  g->nodes[0] = (struct rig_node){.kind = RIG_GEN, .rows = 500, .instances = 1};
  g->nodes[1] = (struct rig_node){.kind = RIG_PASS, .in = {0}, .in_cnt = 1, .instances = 1};
  g->nodes[2] = (struct rig_node){.kind = RIG_TALLY, .in = {1}, .in_cnt = 1, .instances = 2};
  g->nodes[3] = (struct rig_node){
      .kind = RIG_COLLECT, .in = {1}, .in_cnt = 1, .instances = 1, .keeps_order = true};
  g->nodes[4] = (struct rig_node){.kind = RIG_COLLECT, .in = {2}, .in_cnt = 1, .instances = 1};
  put(g,
      "millrace: 1\ngraph: g\nruntime: { workers: { cpus: 0-2 }, link_items: 4, huge_pages: off }\n"
      "events: { e: { fields: { id: {type: int64}, key: {type: int64}, t: {type: timestamp}, "
      "s: {type: string} }, event_time: t } }\n"
      "sources:\n  n0: { type: gen, event: e, rows: 500, seed: 1, max: 20 }\n"
      "steps:\n  n1: { type: pass, from: n0, fault: %d }\n"
      "  n2: { type: tally, from: n1, workers: 2 }\n"
      "sinks:\n  n3: { type: collect, from: n1 }\n  n4: { type: collect, from: n2 }\n",
      fault);
}

/* ---- what must come out ---- */

static void add(struct rig_list *l, struct rig_row row) {
  if (l->cnt == l->cap) {
    l->cap = l->cap ? l->cap * 2 : 64;
    l->rows = realloc(l->rows, l->cap * sizeof *l->rows);
  }
  l->rows[l->cnt++] = row;
}

static int by_all(const void *a, const void *b) {
  const struct rig_row *x = a, *y = b;
  if (x->t != y->t) return x->t < y->t ? -1 : 1;
  if (x->key != y->key) return x->key < y->key ? -1 : 1;
  return x->id < y->id ? -1 : x->id > y->id;
}

static int by_window(const void *a, const void *b) {
  const struct rig_row *x = a, *y = b;
  int64_t i = x->t / WINDOW_US, k = y->t / WINDOW_US;
  if (i != k) return i < k ? -1 : 1;
  return x->key < y->key ? -1 : x->key > y->key;
}

static void sort(struct rig_list *l, int (*cmp)(const void *, const void *)) {
  if (l->cnt) qsort(l->rows, l->cnt, sizeof *l->rows, cmp);
}

static void tally(const struct rig_list *in, struct rig_list *out) {
  struct rig_list all = {0};
  for (size_t i = 0; i < in->cnt; i++) add(&all, in->rows[i]);
  sort(&all, by_window);
  for (size_t i = 0; i < all.cnt;) {
    struct rig_row row = {0, all.rows[i].key, (all.rows[i].t / WINDOW_US + 1) * WINDOW_US - 1};
    size_t from = i;
    for (; i < all.cnt && by_window(&all.rows[i], &all.rows[from]) == 0; i++)
      row.id = (int64_t)((uint64_t)row.id + (uint64_t)all.rows[i].id);
    add(out, row);
  }
  free(all.rows);
}

static void expect_source(struct rig_node *n, uint32_t idx, int64_t taken) {
  for (int64_t r = 0; r < taken; r++) {
    struct rig_row row;
    bool good = rig_make_row(idx + 1, n->bad, r, &row);
    add(&n->lists[good ? 0 : 1], row);
  }
}

static void expect_node(struct rig_graph *g, struct rig_node *n) {
  struct rig_list in = {0};
  for (uint32_t k = 0; k < n->in_cnt; k++) {
    const struct rig_list *from = &g->nodes[n->in[k]].lists[n->out[k]];
    for (size_t i = 0; i < from->cnt; i++) add(&in, from->rows[i]);
  }
  if (n->kind == RIG_TALLY) tally(&in, &n->lists[0]);
  for (size_t i = 0; i < in.cnt && n->kind != RIG_TALLY; i++) {
    struct rig_row row = in.rows[i];
    uint32_t out = 0;
    if (n->kind == RIG_SHIFT) row.key++;
    if (n->kind == RIG_SPLIT && !rig_keeps(row.id, n->salt, n->mod)) out = 2;
    if (n->kind == RIG_SPOIL && rig_spoils(row.id, n->every)) out = 1;
    add(&n->lists[out], row);
  }
  free(in.rows);
}

void rig_graph_free(struct rig_graph *g) {
  for (uint32_t i = 0; i < RIG_NODES_MAX; i++)
    for (uint32_t k = 0; k < 3; k++) {
      free(g->nodes[i].lists[k].rows);
      g->nodes[i].lists[k] = (struct rig_list){0};
    }
}

/* ---- running ---- */

static void build(struct rig_run *r, const char *text, const struct mr_run_conf *conf) {
  static const int32_t cpus[RIG_CPUS] = {0, 1, 2, 3};
  *r = (struct rig_run){0};
  mr_diags_init(&r->diags, &r->arena);
  struct mr_plan_conf pc = {.ops = &rig_ops, .clock = -1, .cpus = cpus, .cpu_cnt = RIG_CPUS};
  r->plan = mr_plan_load(&r->arena, "g.yaml", text, strlen(text), &pc, &r->diags);
  if (!r->plan) fail_msg("%s\n%s", text, mr_diags_text(&r->diags, &r->arena, NULL));
  struct mr_error err = {0};
  if (mr_run_build(&r->run, r->plan, conf, &err)) fail_msg("%s\n%s", text, err.text);
}

void rig_run_build(struct rig_run *r, const char *text) {
  struct mr_run_conf conf = {0};
  mr_clock_system(&conf.clock);
  build(r, text, &conf);
}

void rig_run_build_still(struct rig_run *r, const char *text, bool views) {
  struct mr_run_conf conf = {.no_copies = views};
  mr_clock_manual(&conf.clock, 1000000000, 0);
  build(r, text, &conf);
}

void rig_run_free(struct rig_run *r) {
  mr_run_destroy(r->run);
  mr_arena_free(&r->arena);
}

bool rig_run_steps(struct rig_run *r, struct mr_rng *rng, uint64_t max) {
  bool live = true;
  for (uint64_t i = 0; live && i < max; i++)
    mr_run_step(r->run, rig_pick(rng, r->plan->worker_cnt), &live);
  return !live;
}

/* ---- checking ---- */

static void name_of(char *buf, uint32_t i) {
  snprintf(buf, 8, "n%u", i % 1000000);
}

static const char *check_order(const struct rig_collect *c) {
  for (size_t i = 0; i < c->cnt; i++)
    for (size_t k = i + 1; k < c->cnt && k < i + 2; k++)
      if (c->rows[i].partition == c->rows[k].partition && c->rows[i].row.id >= c->rows[k].row.id)
        return "rows of a partition changed places";
  return NULL;
}

/* Sorted lists: `got` has all of `want`, or with `some` nothing that is not in it. */
static const char *compare(const struct rig_list *got, const struct rig_list *want, bool some) {
  size_t w = 0;
  if (!some && got->cnt < want->cnt) return "rows were lost";
  for (size_t i = 0; i < got->cnt; i++, w++) {
    while (some && w < want->cnt && by_all(&got->rows[i], &want->rows[w])) w++;
    if (w >= want->cnt || by_all(&got->rows[i], &want->rows[w]))
      return "a row came that should not, or came twice";
  }
  return NULL;
}

static const char *check_collect(struct rig_graph *g, struct rig_run *r, uint32_t i) {
  char name[8];
  name_of(name, i);
  struct rig_node *n = &g->nodes[i];
  const struct rig_collect *c = mr_run_self(r->run, name, 0);
  if (c->finished != 1) return "a sink did not see the end once";
  if (c->after_end) return "a row came after the end";
  if (c->torn) return "a text was overwritten";
  if (c->behind) return "a frontier overtook rows";
  if (c->backward) return "a watermark did not rise";
  struct rig_list got = {0};
  for (size_t k = 0; k < c->cnt; k++) add(&got, c->rows[k].row);
  sort(&got, by_all);
  sort(&n->lists[0], by_all);
  const char *wrong = compare(&got, &n->lists[0], g->drained || n->drops);
  free(got.rows);
  return wrong ? wrong : n->keeps_order ? check_order(c) : NULL;
}

static const char *check_counts(const struct mr_instance *inst) {
  const struct mr_counts *c = &inst->ctx.counts;
  uint64_t kept = inst->op->flags & MR_OP_ABSORBS ? c->absorbed : c->rows_out;
  if (c->rows_in != kept + c->filtered + c->late + c->dropped + c->dead_letters)
    return "the accounts of a node do not add up";
  return c->late ? "a row was late" : NULL;
}

static const char *check_node(struct rig_graph *g, struct rig_run *r, uint32_t i) {
  char name[8];
  name_of(name, i);
  struct rig_node *n = &g->nodes[i];
  for (uint32_t k = 0; k < r->plan->instance_cnt; k++) {
    const struct mr_instance *inst = &r->run->insts[k];
    if (strcmp(inst->node->name, name) != 0) continue;
    const char *wrong = check_counts(inst);
    if (wrong) return wrong;
    const struct rig_tally *t = inst->ctx.self;
    if (n->kind == RIG_TALLY && t->backward) return "a watermark did not rise";
    if (n->kind == RIG_TALLY && !g->drained && t->cnt) return "a window stayed open";
  }
  if (n->kind != RIG_ERRS) return n->kind == RIG_COLLECT ? check_collect(g, r, i) : NULL;
  const struct rig_errs *e = mr_run_self(r->run, name, 0);
  if (e->finished != 1) return "an error sink did not see the end";
  if (e->misplaced) return "an error row has the wrong line";
  if (g->drained) return e->rows <= n->lists[0].cnt ? NULL : "too many error rows";
  return e->rows == n->lists[0].cnt ? NULL : "error rows are missing";
}

static const char *check_memory(struct rig_run *r) {
  for (uint32_t w = 0; w < r->run->worker_cnt; w++) mr_worker_take_returns(&r->run->workers[w]);
  for (uint32_t p = 0; p < r->plan->pool_cnt; p++) {
    const struct mr_pool *pool = &r->run->pools[p];
    if (pool->free_cnt != pool->conf.batch_cnt) return "a batch did not come home";
    if (pool->block_free != pool->conf.block_cnt) return "a heap block did not come home";
  }
  mr_run_publish(r->run);
  const struct mr_stats *s = mr_run_stats(r->run);
  for (uint32_t l = 0; l < r->plan->link_cnt; l++) {
    if (mr_stat_get(&s->links[l].rows_sent) != mr_stat_get(&s->links[l].rows_taken))
      return "a link's reader took other rows than its writer gave";
    if (mr_stat_get(&s->links[l].items_sent) != mr_stat_get(&s->links[l].items_taken))
      return "a link's reader took other items than its writer gave";
  }
  for (uint32_t w = 0; w < r->run->worker_cnt; w++)
    if (r->run->workers[w].busy_cnt || r->run->workers[w].live_cnt) return "a worker has work left";
  return NULL;
}

const char *rig_check(struct rig_graph *g, struct rig_run *r) {
  const char *wrong = NULL;
  rig_graph_free(g);
  for (uint32_t i = 0; i < g->cnt; i++) {
    char name[8];
    name_of(name, i);
    int64_t made = 0;
    for (uint32_t k = 0; g->nodes[i].kind == RIG_GEN && k < g->nodes[i].instances; k++) {
      const struct rig_gen *gen = mr_run_self(r->run, name, k);
      made += gen->made;
    }
    if (g->nodes[i].kind == RIG_GEN)
      expect_source(&g->nodes[i], i, made);
    else
      expect_node(g, &g->nodes[i]);
    if (g->nodes[i].kind == RIG_GEN && !g->drained && made != g->nodes[i].rows)
      wrong = "a source was not read to its end";
  }
  for (uint32_t i = 0; i < g->cnt && !wrong; i++) wrong = check_node(g, r, i);
  return wrong ? wrong : check_memory(r);
}

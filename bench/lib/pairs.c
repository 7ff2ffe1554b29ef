/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/pairs.h"

#include <string.h>

#include "base/error.h"

#define PAIRS_DEFAULT     9u
#define SAMPLE_MS_DEFAULT 300u
#define OTHERS_DEFAULT    0.03
#define CALLS_MAX         4096u

static uint32_t pairs_wanted(const struct mr_pairs_opt *opt) {
  uint32_t n = opt->pairs ? opt->pairs : PAIRS_DEFAULT;
  return n < MR_PAIRS_MAX ? n : MR_PAIRS_MAX;
}

static uint32_t tries_allowed(const struct mr_pairs_opt *opt) {
  uint32_t n = opt->tries_max ? opt->tries_max : 4 * pairs_wanted(opt);
  return n < MR_PAIRS_MAX ? n : MR_PAIRS_MAX;
}

static double others_allowed(const struct mr_pairs_opt *opt) {
  return opt->others_max > 0 ? opt->others_max : OTHERS_DEFAULT;
}

/* One sample: the side's calls added up, its figure, and what others used meanwhile. */
struct sample {
  struct mr_bench_sample sum; /* out_rows and out_hash of the first call */
  double figure, others;
  bool outputs_vary;
};

typedef int side_fn(struct mr_bench_run *run, struct mr_bench_sample *sample);

static double figure_of(const struct mr_bench *bench, const struct mr_bench_sample *s,
                        bool engine) {
  double figure = 0;
  switch (bench->measure) {
  case MR_MEASURE_GIVEN: return s->figure;
  case MR_MEASURE_RATE:
  case MR_MEASURE_CORE_RATE:
    if (s->wall_ns) figure = (double)s->events * 1e9 / (double)s->wall_ns;
    if (bench->measure == MR_MEASURE_CORE_RATE && engine && bench->engine_cores)
      figure /= bench->engine_cores;
    break;
  case MR_MEASURE_CPU_RATE:
    if (s->cpu_ns) figure = (double)s->events * 1e9 / (double)s->cpu_ns;
    break;
  }
  return figure / (bench->unit_div > 0 ? bench->unit_div : 1);
}

static int take_sample(struct mr_bench_run *run, side_fn *side, bool engine, uint32_t sample_ms,
                       struct sample *out) {
  const struct mr_bench *bench = run->bench;
  uint64_t want_ns = (uint64_t)(sample_ms ? sample_ms : SAMPLE_MS_DEFAULT) * 1000000u;
  struct mr_share from, to;
  double tick_share = 0;
  memset(out, 0, sizeof *out);
  mr_share_look(&from);
  for (uint32_t call = 0; call < CALLS_MAX; call++) {
    struct mr_bench_sample s = {0};
    uint64_t wall = mr_machine_now_ns(), cpu = mr_machine_cpu_ns();
    int rc = side(run, &s);
    wall = mr_machine_now_ns() - wall;
    cpu = mr_machine_cpu_ns() - cpu;
    if (rc != MR_OK) return rc;
    if (call == 0) {
      out->sum.out_rows = s.out_rows;
      out->sum.out_hash = s.out_hash;
    }
    if (s.out_rows != out->sum.out_rows || s.out_hash != out->sum.out_hash)
      out->outputs_vary = true;
    out->sum.events += s.events;
    out->sum.wall_ns += s.wall_ns ? s.wall_ns : wall;
    out->sum.cpu_ns += s.cpu_ns ? s.cpu_ns : cpu;
    out->sum.figure = s.figure;
    if (bench->measure == MR_MEASURE_GIVEN || out->sum.wall_ns >= want_ns) break;
  }
  mr_share_look(&to);
  out->others = mr_share_others(&from, &to, &tick_share);
  out->others -= tick_share * run->machine->cpu_cnt; /* the ticks' own error: one per CPU */
  if (out->others < 0) out->others = 0;
  out->figure = figure_of(bench, &out->sum, engine);
  return MR_OK;
}

static void spread_of(double *v, uint32_t n, struct mr_spread *out) {
  out->median = mr_quantile(v, n, 0.5); /* sorts v */
  out->q1 = mr_quantile(v, n, 0.25);
  out->q3 = mr_quantile(v, n, 0.75);
  out->min = n ? v[0] : 0;
  out->max = n ? v[n - 1] : 0;
}

static double pick(enum mr_placement p, double near, double far) {
  return p == MR_FAR && far > 0 ? far : near;
}

static void sum_up_class(struct mr_pairs_result *r, enum mr_placement p) {
  const struct mr_bench *bench = r->bench;
  struct mr_pairs_class *c = &r->by[p];
  double plain[MR_PAIRS_MAX], engine[MR_PAIRS_MAX], ratio[MR_PAIRS_MAX], trip[MR_PAIRS_MAX];
  uint32_t n = 0;
  for (uint32_t i = 0; i < r->tries; i++) {
    const struct mr_pair *pair = &r->pairs[i];
    if (!pair->clean || pair->placement != p) continue;
    plain[n] = pair->plain;
    engine[n] = pair->engine;
    ratio[n] = pair->ratio;
    trip[n++] = pair->round_trip_ns;
  }
  c->cnt = n;
  c->round_trip_ns = mr_quantile(trip, n, 0.5);
  spread_of(plain, n, &c->plain);
  spread_of(engine, n, &c->engine);
  spread_of(ratio, n, &c->ratio);
  double record = pick(p, bench->record_near, bench->record_far);
  if (record > 0 && c->plain.median > 0)
    c->of_record = bench->lower_is_better ? record / c->plain.median : c->plain.median / record;
  c->weak = c->of_record > 0 && c->of_record < 0.8;
  double goal = pick(p, bench->now.near, bench->now.far);
  if (n && goal > 0 && r->has_engine && r->has_plain && !c->weak)
    c->met = bench->lower_is_better ? c->ratio.median <= goal : c->ratio.median >= goal;
  double limit = bench->limit_now;
  if (n && limit > 0 && r->has_engine)
    c->limit_met = bench->lower_is_better ? c->engine.median <= limit : c->engine.median >= limit;
}

static int fail(struct mr_pairs_result *r, const struct mr_bench_run *run, const char *side,
                int rc) {
  snprintf(r->error, sizeof r->error, "%s side: %.200s", side,
           run->error[0] ? run->error : mr_err_str(rc));
  return MR_ERR_STATE;
}

static int compare_outputs(struct mr_pairs_result *r, const struct sample *plain,
                           const struct sample *engine) {
  const struct mr_bench_sample *a = &plain->sum, *b = &engine->sum;
  if (r->bench->no_output || !r->has_plain) return MR_OK;
  if (plain->outputs_vary || engine->outputs_vary) {
    snprintf(r->error, sizeof r->error, "the %s side's output differs from call to call",
             plain->outputs_vary ? "plain" : "engine's");
  } else if (a->out_rows != b->out_rows || a->out_hash != b->out_hash) {
    snprintf(r->error, sizeof r->error,
             "outputs differ: plain %llu rows, hash %016llx; engine %llu rows, hash %016llx",
             (unsigned long long)a->out_rows, (unsigned long long)a->out_hash,
             (unsigned long long)b->out_rows, (unsigned long long)b->out_hash);
  } else {
    return MR_OK;
  }
  r->outputs_equal = false;
  return MR_ERR_DATA;
}

/* Plain, engine, and three looks at the machine around them. */
static int run_pair(struct mr_bench_run *run, const struct mr_pairs_opt *opt,
                    struct mr_pairs_result *r, struct mr_pair *pair) {
  const struct mr_bench *bench = run->bench;
  struct sample plain = {0}, engine = {0};
  double trips[3];
  trips[0] = mr_machine_round_trip_ns();
  int rc = r->has_plain ? take_sample(run, bench->plain, false, opt->sample_ms, &plain) : MR_OK;
  if (rc != MR_OK) return fail(r, run, "plain", rc);
  trips[1] = trips[2] = mr_machine_round_trip_ns();
  if (r->has_engine) {
    rc = take_sample(run, bench->engine, true, opt->sample_ms, &engine);
    if (rc != MR_OK) return fail(r, run, "engine's", rc);
    trips[2] = mr_machine_round_trip_ns();
    rc = compare_outputs(r, &plain, &engine);
    if (rc != MR_OK) return rc;
  }
  enum mr_placement p = mr_machine_placement(trips[0]);
  bool moved = p != mr_machine_placement(trips[1]) || p != mr_machine_placement(trips[2]);
  pair->placement = moved ? MR_BETWEEN : p;
  pair->others = plain.others > engine.others ? plain.others : engine.others;
  pair->plain = plain.figure;
  pair->engine = engine.figure;
  pair->ratio = plain.figure > 0 ? engine.figure / plain.figure : 0;
  pair->round_trip_ns = mr_quantile(trips, 3, 0.5);
  if (bench->anywhere) {
    pair->placement = MR_BETWEEN;
    moved = false;
  }
  pair->clean = !moved && pair->others <= others_allowed(opt);
  if (moved) r->dropped_moved++;
  if (!moved && !pair->clean) r->dropped_others++;
  r->plain_out = plain.sum;
  r->engine_out = engine.sum;
  return MR_OK;
}

int mr_pairs_run(struct mr_bench_run *run, const struct mr_pairs_opt *opt,
                 struct mr_pairs_result *result) {
  memset(result, 0, sizeof *result);
  result->bench = run->bench;
  result->has_engine = run->bench->engine != NULL;
  result->has_plain = run->bench->plain != NULL;
  result->outputs_equal = true;
  /* A first pair warms up caches, files and the clock speed; its outputs are compared, its figures
   * dropped. */
  struct mr_pair warm_up;
  int rc = run_pair(run, opt, result, &warm_up);
  if (rc != MR_OK) return rc;
  result->dropped_moved = result->dropped_others = 0;
  uint32_t clean[MR_PLACEMENT_CNT] = {0};
  while (result->tries < tries_allowed(opt)) {
    struct mr_pair *pair = &result->pairs[result->tries];
    rc = run_pair(run, opt, result, pair);
    if (rc != MR_OK) return rc;
    result->tries++;
    if (pair->clean && ++clean[pair->placement] >= pairs_wanted(opt)) break;
  }
  for (int p = 0; p < MR_PLACEMENT_CNT; p++) sum_up_class(result, (enum mr_placement)p);
  return MR_OK;
}

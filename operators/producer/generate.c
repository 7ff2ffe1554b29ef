/* SPDX-License-Identifier: Apache-2.0 */
/* generate: events made here, at a rate or as fast as possible. Row k of a seed is the same in
 * every run, for every batch size and machine; the rate only says when it comes. */
#include "producer/generate.h"

#include <string.h>

#include "base/rng.h"
#include "graph/codes.h"
#include "graph/compile.h"
#include "graph/tree.h"
#include "operators/operators.h"
#include "state/save.h"

#define EXTRA_STREAM UINT64_C(0x6578747261) /* of the lesser columns */
#define SAY_US       1000000                /* threads log their rate this far apart, */
#define SAY_MIN_NS   UINT64_C(500000000)    /* but not one over a shorter time than this */

/* ---- options ---- */

static const char *const of_words[] = {"city",      "ysb",     "transactions", "transactions_java",
                                       "ecommerce", "sensors", "nexmark",      NULL};
static const struct mr_gen_system *const systems[] = {
    &mr_gen_city,      &mr_gen_ysb,     &mr_gen_transactions, &mr_gen_transactions_java,
    &mr_gen_ecommerce, &mr_gen_sensors, &mr_gen_nexmark};
_Static_assert(sizeof systems / sizeof *systems + 1 == sizeof of_words / sizeof *of_words,
               "a system for each word");
static const char *const malformed_words[] = {"dead_letter", "json", "csv", NULL};
static const char *const clock_words[] = {"wall", NULL};

static const struct mr_opt clock_opts[] = {
    {"start", MR_OPT_TIMESTAMP, MR_OPT_AT(struct mr_gen_clock, start_us), .required = true,
     .help = "event time of the first event"},
    {"step", MR_OPT_DURATION_US, MR_OPT_AT(struct mr_gen_clock, step_us), .required = true,
     .min = 0, .max = 3.2e15, .help = "event time from one event to the next"},
    MR_OPT_END};
static const struct mr_opt late_opts[] = {
    {"share", MR_OPT_SHARE, MR_OPT_AT(struct mr_gen_late, share), .required = true,
     .help = "share of the rows that are late"},
    {"by", MR_OPT_DURATION_US, MR_OPT_AT(struct mr_gen_late, by_us), .required = true, .min = 1,
     .max = 3.2e15, .help = "how far a late row is behind its turn"},
    MR_OPT_END};

#define AT(member)  MR_OPT_AT(struct mr_gen_conf, member)
#define REF(member) MR_OPT_REF(struct mr_gen_conf, member)

static const struct mr_opt generate_opts[] = {
    {"of", MR_OPT_ENUM, AT(of), .required = true, .words = of_words, .help = "which events"},
    {"rate", MR_OPT_RATE, AT(rate), .min = 1e-3, .max = 1e9, .given = REF(rate_given),
     .help = "rows planned per second; without it, as fast as it can"},
    {"after", MR_OPT_DURATION_NS, AT(after_ns), .def = "0s", .min = 0, .max = 1e18,
     .help = "time before the first row"},
    {"poisson", MR_OPT_BOOL, AT(poisson), .def = "false",
     .help = "gaps between rows are random with the rate as their mean"},
    {"count", MR_OPT_INT64, AT(count), .min = 1, .max = 9e18, .unit = "rows",
     .given = REF(count_given), .help = "ends after so many rows"},
    {"duration", MR_OPT_DURATION_NS, AT(duration_ns), .def = "0s", .min = 0, .max = 1e18,
     .help = "ends before a row planned so long after the first; 0s: does not end"},
    {"seed", MR_OPT_INT64, AT(seed), .def = "1", .min = 0, .max = 9e18,
     .help = "which random events; --seed goes before it"},
    {"clock", MR_OPT_TABLE, AT(clock), .sub = clock_opts, .words = clock_words,
     .kind = REF(clock.kind), .def = "wall",
     .help = "event time: wall (now), or start and step of event n"},
    {"late", MR_OPT_TABLE, AT(late), .sub = late_opts, .given = REF(late_given),
     .help = "rows whose event time is behind their turn"},
    {"duplicates", MR_OPT_SHARE, AT(duplicates), .def = "0",
     .help = "share of the rows that are an earlier row again"},
    {"malformed", MR_OPT_SHARE, AT(malformed), .def = "0",
     .help = "share of the rows that are broken records: dead letters"},
    {"malformed_as", MR_OPT_ENUM, AT(malformed_as), .def = "dead_letter", .words = malformed_words,
     .help = "what becomes of broken records; json, csv: sinks write them as broken lines"},
    {"skew", MR_OPT_DOUBLE, AT(skew), .def = "0", .min = 0, .max = 10,
     .help = "exponent of Zipf's law over the values of the key column; 0: uniform"},
    {"users", MR_OPT_INT64, AT(users), .min = 1, .max = MR_GEN_NAMES, .given = REF(users_given),
     .help = "users of transactions (100) and ecommerce (1000)"},
    {"merchants", MR_OPT_INT64, AT(merchants), .min = 1, .max = MR_GEN_NAMES,
     .given = REF(merchants_given), .help = "merchants of transactions (3; transactions_java 50)"},
    {"locations", MR_OPT_INT64, AT(locations), .min = 1, .max = MR_GEN_NAMES,
     .given = REF(locations_given), .help = "locations of transactions (50)"},
    {"items", MR_OPT_INT64, AT(items), .min = 5, .max = MR_GEN_NAMES, .given = REF(items_given),
     .help = "items of ecommerce (500)"},
    {"devices", MR_OPT_INT64, AT(devices), .min = 1, .max = 100000, .given = REF(devices_given),
     .help = "devices of sensors (25)"},
    {"sites", MR_OPT_STRINGS, AT(sites), .given = REF(sites_given),
     .help = "sites of sensors (fab1, fab2)"},
    {"lines", MR_OPT_STRINGS, AT(lines), .given = REF(lines_given),
     .help = "production lines of sensors (L01, L02, L03)"},
    {"p_hot", MR_OPT_SHARE, AT(p_hot), .given = REF(p_hot_given),
     .help = "share of sensors' temperatures that are replaced by hot ones (5%)"},
    {"p_vib", MR_OPT_SHARE, AT(p_vib), .given = REF(p_vib_given),
     .help = "share of sensors' vibrations that are replaced by strong ones (5%)"},
    MR_OPT_END};

static const struct mr_gen_system *system_of(const struct mr_gen_conf *conf) {
  return systems[conf->of];
}

/* ---- plan ---- */

struct mr_field mr_gen_enum(struct mr_op_plan *p, const char *name, const char *const *texts,
                            uint32_t cnt) {
  struct mr_enum *codes = MR_NEW(p->arena, struct mr_enum, 1);
  uint32_t *lens = MR_NEW(p->arena, uint32_t, cnt);
  for (uint32_t i = 0; i < cnt; i++) lens[i] = (uint32_t)strlen(texts[i]);
  *codes = (struct mr_enum){.cnt = cnt, .texts = texts, .lens = lens};
  return (struct mr_field){.name = name, .type = MR_TYPE_STRING, .codes = codes};
}

/* Options that only some systems have. */
static int check_knobs(struct mr_op_plan *p, const struct mr_gen_system *system) {
  const struct mr_gen_conf *conf = p->conf;
  const struct {
    const char *name;
    bool given;
    enum mr_gen_knob knob;
  } knobs[] = {{"users", conf->users_given, MR_GEN_USERS},
               {"merchants", conf->merchants_given, MR_GEN_MERCHANTS},
               {"locations", conf->locations_given, MR_GEN_LOCATIONS},
               {"items", conf->items_given, MR_GEN_ITEMS},
               {"devices", conf->devices_given, MR_GEN_DEVICES},
               {"sites", conf->sites_given, MR_GEN_SITES},
               {"lines", conf->lines_given, MR_GEN_LINES},
               {"p_hot", conf->p_hot_given, MR_GEN_P_HOT},
               {"p_vib", conf->p_vib_given, MR_GEN_P_VIB}};
  int rc = MR_OK;
  for (size_t i = 0; i < sizeof knobs / sizeof *knobs; i++)
    if (knobs[i].given && !(system->knobs & knobs[i].knob))
      rc = mr_op_error(p, mr_tree_get(p->tree, knobs[i].name), MR_CODE_KEYS_CLASH, "%s has no %s",
                       system->name, knobs[i].name);
  return rc;
}

/* mr_op_schema leaves room for it. */
static const struct mr_field line_field = {
    .name = "raw", .type = MR_TYPE_STRING, .optional = true, .hidden = true};

static int generate_plan(struct mr_op_plan *p) {
  const struct mr_gen_conf *conf = p->conf;
  static const char *const foreign[] = {"event", "fields"};
  const struct mr_gen_system *system = system_of(conf);
  int rc = check_knobs(p, system);
  for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++) {
    struct mr_tree *at = mr_tree_get(p->tree, foreign[i]);
    if (at)
      rc = mr_op_error(p, at, MR_CODE_KEYS_CLASH,
                       "%s is not for generate: its events have columns of their own", foreign[i]);
  }
  if (conf->poisson && !conf->rate_given)
    rc =
        mr_op_error(p, mr_tree_get(p->tree, "poisson"), MR_CODE_KEYS_CLASH, "poisson needs a rate");
  if (conf->late.share + conf->duplicates + conf->malformed > 1)
    rc = mr_op_error(p, NULL, MR_CODE_OUT_OF_RANGE,
                     "the shares of late, duplicate and malformed rows are more than 1 together");
  if (rc) return rc;
  struct mr_op_out *out = &p->outs[MR_OUT_MAIN];
  struct mr_schema *schema = system->schema(p);
  if (!schema) return MR_ERR_CONF;
  bool lines = conf->malformed > 0 && conf->malformed_as != MR_GEN_DEAD_LETTER;
  if (lines) schema->fields[schema->cnt++] = line_field;
  out->schema = schema;
  out->own_batches = true;
  out->heap = system->heap_row_max > 0 || lines;
  out->value_max = MR_GEN_TEXT_SZ; /* of a malformed event; what the columns hold is shorter */
  if (conf->rate_given && !p->plan->runtime.virtual_clock) out->hidden = MR_HAS_T0;
  p->can_fail = conf->malformed > 0 && !lines;
  if (mr_tree_get(p->tree, "workers") && !p->plan->runtime.virtual_clock) p->every_us = SAY_US;
  return MR_OK;
}

/* ---- init ---- */

extern const struct mr_gen_kernels mr_gen_kernels_v2, mr_gen_kernels_v3, mr_gen_kernels_v4;

const struct mr_gen_kernels *mr_gen_kernels_of(enum mr_isa isa) {
  static const struct mr_gen_kernels *const kernels[] = {[MR_ISA_V2] = &mr_gen_kernels_v2,
                                                         [MR_ISA_V3] = &mr_gen_kernels_v3,
                                                         [MR_ISA_V4] = &mr_gen_kernels_v4};
  return kernels[isa];
}

static int generate_init(struct mr_op_ctx *ctx, struct mr_error *err) {
  struct mr_gen *gen = ctx->self;
  const struct mr_gen_conf *conf = ctx->conf;
  const struct mr_plan_out *out = &ctx->node->outs[MR_OUT_MAIN];
  gen->system = system_of(conf);
  gen->conf = conf;
  gen->schema = out->schema;
  gen->kernels = mr_gen_kernels_of(ctx->isa);
  gen->fill = gen->system->fill[ctx->isa];
  gen->base = ctx->region->base;
  uint64_t seed = ctx->plan->seed_given ? ctx->plan->seed : (uint64_t)conf->seed;
  for (uint32_t s = 0; s < MR_GEN_STREAMS; s++)
    gen->seeds[s] = s ? mr_rng_at(seed ^ EXTRA_STREAM, s - 1) : seed;
  gen->streams = gen->system->streams(out->need);
  gen->row_end = conf->count_given ? (uint64_t)conf->count : UINT64_MAX;
  gen->virtual_clock = ctx->virtual_clock;
  gen->period_ns = conf->rate_given ? 1e9 / conf->rate : 0;
  gen->time_wanted = out->need[out->schema->event_time] ||
                     (gen->system->derive && out->need[gen->system->time_of]);
  gen->heap = gen->system->heap_row_max > 0 && ctx->pools[MR_OUT_MAIN] &&
              ctx->pools[MR_OUT_MAIN]->conf.block_cnt > 0;
  gen->key_values = gen->system->key_values(conf);
  if (conf->skew > 0) gen->zipf = mr_gen_zipf(ctx->arena, gen->key_values, conf->skew);
  if (mr_gen_faults_on(conf)) gen->past = MR_NEW(ctx->arena, struct mr_gen_past, MR_GEN_HISTORY);
  gen->line_col = -1;
  if (conf->malformed > 0 && conf->malformed_as != MR_GEN_DEAD_LETTER)
    gen->line_col = (int32_t)out->schema->cnt - 1;
  ctx->source_label = gen->system->name;
  int rc = gen->system->init(gen, ctx, err);
  if (!rc && conf->malformed > 0) rc = mr_gen_scratch_init(gen, ctx, err);
  return rc;
}

/* ---- making rows ---- */

/* et_min and et_max are those of the column: time does not go back between rows. */
static void fill_times(struct mr_op_ctx *ctx, struct mr_gen *gen, struct mr_batch *b, uint32_t n) {
  const struct mr_gen_conf *conf = ctx->conf;
  int64_t *et = mr_gen_times(gen), first = mr_gen_wall_stamp(gen, ctx->now_us), last = first;
  if (!et) return;
  if (conf->clock.kind == 1) {
    first = mr_gen_stamp(&conf->clock, gen->row);
    last = mr_gen_stamp(&conf->clock, gen->row + n - 1);
    gen->kernels->ramp(first, conf->clock.step_us, et, n);
  } else if (gen->virtual_clock) {
    memcpy(et, gen->vtime_us, n * sizeof *et);
    for (uint32_t i = 0; gen->system->resolution_us > 1 && i < n; i++)
      et[i] = mr_gen_wall_stamp(gen, et[i]);
    first = et[0];
    last = et[n - 1];
  } else {
    gen->kernels->ramp(first, 0, et, n);
  }
  mr_gen_put_times(gen, et, n);
  b->et_min = first;
  b->et_max = last;
}

static void fill_positions(struct mr_op_ctx *ctx, struct mr_gen *gen, struct mr_batch *b,
                           uint32_t n) {
  struct mr_pool *pool = ctx->pools[MR_OUT_MAIN];
  b->pos = gen->row;
  if (pool->pos_off) {
    int64_t *pos = (int64_t *)((uint8_t *)b + pool->pos_off);
    gen->kernels->ramp((int64_t)gen->row, 1, pos, n);
    b->row_pos_off = mr_region_off(ctx->region, pos);
  }
}

static void make_rows(struct mr_op_ctx *ctx, struct mr_gen *gen, uint32_t n) {
  struct mr_batch *b = mr_gen_fill_batch(ctx, gen, n, NULL);
  fill_times(ctx, gen, b, n);
  fill_positions(ctx, gen, b, n);
  gen->row += n;
  mr_gen_end_turn(ctx, gen);
  mr_source_emit(ctx, b, MR_ET_ORDERED, gen->virtual_clock ? gen->vtime_us : NULL);
}

static enum mr_poll generate_poll(struct mr_op_ctx *ctx) {
  struct mr_gen *gen = ctx->self;
  if (!gen->started && !mr_gen_start(ctx, gen)) return MR_POLL_IDLE;
  if (gen->row >= gen->row_end) return MR_POLL_END;
  uint64_t left = gen->turn_end - gen->row;
  uint32_t max = left < ctx->row_max ? (uint32_t)left : ctx->row_max;
  bool end = false;
  uint32_t n = mr_gen_due(ctx, gen, mr_gen_rows_max(ctx, gen, max), &end);
  if (!n) return end || (gen->in_turn && ctx->stop) ? MR_POLL_END : MR_POLL_IDLE;
  if (!mr_gen_begin_turn(ctx, gen)) return MR_POLL_END;
  if (gen->past)
    mr_gen_faulty_rows(ctx, gen, n);
  else
    make_rows(ctx, gen, n);
  if (gen->row == gen->turn_end) mr_gen_next_turn(ctx, gen);
  gen->made += n;
  return MR_POLL_ROWS;
}

/* Once a second: what this thread has made since. */
static void generate_tick(struct mr_op_ctx *ctx, int64_t at_us) {
  struct mr_gen *gen = ctx->self;
  (void)at_us;
  if (!gen->started || ctx->now_ns < gen->said_ns + SAY_MIN_NS) return;
  mr_log_write(ctx->log, MR_LOG_INFO, NULL, ctx->node->name,
               "thread %u: Throughput: %.0f records/sec", ctx->instance,
               (double)(gen->made - gen->said) * 1e9 / (double)(ctx->now_ns - gen->said_ns));
  gen->said = gen->made;
  gen->said_ns = ctx->now_ns;
}

/* ---- checkpoints ---- */

/* All that says which rows come; when they come is left out. */
static const char *generate_shape(const struct mr_op_plan *p) {
  const struct mr_gen_conf *conf = p->conf;
  uint64_t seed = p->plan->seed_given ? p->plan->seed : (uint64_t)conf->seed;
  char *text = mr_arena_printf(p->arena, "of: %s\nseed: %llu\n", system_of(conf)->name,
                               (unsigned long long)seed);
  if (conf->clock.kind == 1)
    text = mr_arena_printf(p->arena, "%sclock: start %lld us, step %lld us\n", text,
                           (long long)conf->clock.start_us, (long long)conf->clock.step_us);
  if (mr_gen_faults_on(conf))
    text = mr_arena_printf(p->arena, "%sfaults: late %g by %lld us, duplicates %g, malformed %g\n",
                           text, conf->late.share, (long long)conf->late.by_us, conf->duplicates,
                           conf->malformed);
  if (conf->skew > 0) text = mr_arena_printf(p->arena, "%sskew: %g\n", text, conf->skew);
  return mr_arena_printf(p->arena,
                         "%susers: %lld\nmerchants: %lld\nlocations: %lld\n"
                         "devices: %lld\nitems: %lld\n",
                         text, (long long)conf->users, (long long)conf->merchants,
                         (long long)conf->locations, (long long)conf->devices,
                         (long long)conf->items);
}

static void generate_snapshot(struct mr_op_ctx *ctx, struct mr_save *to) {
  static const struct mr_save_col cols[] = {{"row", MR_SAVE_INT},
                                            {"event", MR_SAVE_INT},
                                            {"stamp_us", MR_SAVE_INT},
                                            {"malformed", MR_SAVE_INT}};
  const struct mr_gen *gen = ctx->self;
  mr_save_int(to, "row", (int64_t)gen->row);
  mr_save_int(to, "spent_ns", (int64_t)mr_gen_spent_ns(ctx, gen));
  mr_save_int(to, "start_us", gen->start_us);
  mr_save_int(to, "next_ns", (int64_t)gen->next_ns);
  if (!gen->past) return;
  uint64_t first = gen->row > MR_GEN_HISTORY ? gen->row - MR_GEN_HISTORY : 0;
  mr_save_rows(to, "past", cols, sizeof cols / sizeof *cols);
  for (uint64_t k = first; k < gen->row; k++) {
    const struct mr_gen_past *past = &gen->past[k % MR_GEN_HISTORY];
    mr_save_row(to);
    mr_save_put_int(to, (int64_t)k);
    mr_save_put_int(to, (int64_t)past->event);
    mr_save_put_int(to, past->stamp_us);
    mr_save_put_int(to, past->malformed);
  }
  mr_save_rows_end(to);
}

static int generate_restore(struct mr_op_ctx *ctx, struct mr_load *from, struct mr_error *err) {
  struct mr_gen *gen = ctx->self;
  struct mr_load_rows *rows = MR_NEW(ctx->arena, struct mr_load_rows, 1);
  int64_t row, spent, next;
  if (!mr_load_int(from, "row", &row) || !mr_load_int(from, "spent_ns", &spent) ||
      !mr_load_int(from, "start_us", &gen->start_us) || !mr_load_int(from, "next_ns", &next))
    return mr_error_set(err, MR_ERR_IO, "the position is missing");
  gen->resumed = row > 0;
  gen->row = (uint64_t)row;
  gen->spent_ns = (uint64_t)spent;
  if (gen->virtual_clock)
    gen->next_ns = (uint64_t)next; /* nothing waits: planned times go on as they were */
  else
    gen->row_base = gen->row; /* the next row is due at once, the others behind it */
  if (!gen->past || !mr_load_rows(from, "past", rows)) return MR_OK;
  if (rows->cnt != 4 || mr_load_col(rows, "malformed", MR_SAVE_INT) != 3)
    return mr_error_set(err, MR_ERR_IO, "the rows before the position are not as they must be");
  while (mr_load_next(rows)) {
    const struct mr_load_value *v = rows->values;
    gen->past[(uint64_t)v[0].i % MR_GEN_HISTORY] =
        (struct mr_gen_past){(uint64_t)v[1].i, v[2].i, v[3].i != 0};
  }
  return MR_OK;
}

const struct mr_op mr_op_generate = {
    .name = "generate",
    .help = "makes the events of a known system",
    .abi = MR_OP_ABI,
    .kind = MR_OP_SOURCE,
    .flags = MR_OP_TURNS,
    .opts = generate_opts,
    .conf_sz = sizeof(struct mr_gen_conf),
    .self_sz = sizeof(struct mr_gen),
    .shared_sz = sizeof(struct mr_gen_shared),
    .plan = generate_plan,
    .init = generate_init,
    .poll = generate_poll,
    .tick = generate_tick,
    .shape = generate_shape,
    .snapshot = generate_snapshot,
    .restore = generate_restore,
};

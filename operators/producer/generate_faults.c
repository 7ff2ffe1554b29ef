/* SPDX-License-Identifier: Apache-2.0 */
/* Faults that may be mixed into generated rows: late ones, duplicates, malformed records. Which row
 * has which fault is a function of seed and row number. */
#include <string.h>

#include "base/rng.h"
#include "producer/generate.h"

#define FAULT_STREAM UINT64_C(0x6661756c74) /* which fault a row has */
#define PLACE_STREAM UINT64_C(0x706c616365) /* what is repeated */
#define CODE_SYNTAX  3003                   /* not one well-formed JSON object */

enum fault { FAULT_NONE, FAULT_LATE, FAULT_DUPLICATE, FAULT_MALFORMED };

bool mr_gen_faults_on(const struct mr_gen_conf *conf) {
  return conf->late.share > 0 || conf->duplicates > 0 || conf->malformed > 0;
}

static enum fault fault_of(const struct mr_gen *gen, const struct mr_gen_conf *conf, uint64_t k) {
  double u = mr_rng_unit(mr_rng_at(gen->seeds[0] ^ FAULT_STREAM, k));
  if (u < conf->malformed) return FAULT_MALFORMED;
  if (u < conf->malformed + conf->duplicates) return FAULT_DUPLICATE;
  return u < conf->malformed + conf->duplicates + conf->late.share ? FAULT_LATE : FAULT_NONE;
}

static struct mr_gen_past *past_of(struct mr_gen *gen, uint64_t k) {
  return &gen->past[k % MR_GEN_HISTORY];
}

/* An earlier row, or NULL when there is none but malformed ones. */
static const struct mr_gen_past *earlier_row(struct mr_gen *gen, uint64_t k) {
  uint32_t back = k < MR_GEN_HISTORY ? (uint32_t)k : MR_GEN_HISTORY - 1;
  if (!back) return NULL;
  uint32_t from = 1 + mr_rng_below(mr_rng_at(gen->seeds[0] ^ PLACE_STREAM, k), back);
  for (uint32_t i = from; i <= back; i++)
    if (!past_of(gen, k - i)->malformed) return past_of(gen, k - i);
  for (uint32_t i = from - 1; i > 0; i--)
    if (!past_of(gen, k - i)->malformed) return past_of(gen, k - i);
  return NULL;
}

static bool reject(struct mr_op_ctx *ctx, struct mr_gen *gen, uint64_t k, int64_t stamp_us) {
  char text[MR_GEN_TEXT_SZ];
  uint32_t len = mr_gen_broken_text(gen, k, stamp_us, text);
  return mr_source_reject(ctx, CODE_SYNTAX, "the JSON object ends early", gen->system->name, k, 0,
                          text, len, len);
}

static int64_t turn_stamp(struct mr_op_ctx *ctx, const struct mr_gen *gen, uint32_t i) {
  const struct mr_gen_conf *conf = ctx->conf;
  if (conf->clock.kind == 1) return mr_gen_stamp(&conf->clock, gen->row + i);
  return mr_gen_wall_stamp(gen, gen->virtual_clock ? gen->vtime_us[i] : ctx->now_us);
}

/* What row k is, noted for later duplicates. */
static struct mr_gen_past note(struct mr_gen *gen, uint64_t k, enum fault fault, int64_t stamp_us) {
  struct mr_gen_past row = {k, stamp_us, fault == FAULT_MALFORMED};
  if (fault == FAULT_LATE) row.stamp_us -= gen->conf->late.by_us;
  const struct mr_gen_past *again = fault == FAULT_DUPLICATE ? earlier_row(gen, k) : NULL;
  if (again) row = *again;
  *past_of(gen, k) = row;
  return row;
}

void mr_gen_note_row(struct mr_gen *gen, uint64_t k, int64_t stamp_us) {
  note(gen, k, fault_of(gen, gen->conf, k), stamp_us);
}

/* Decides rows row..row+n-1; those that come out are put in event, stamp_us, pos and, moved
 * together, planned_ns and vtime_us. *done is how many rows were decided: fewer when there was no
 * room for a malformed one. */
static uint32_t decide_rows(struct mr_op_ctx *ctx, struct mr_gen *gen, uint32_t n, uint32_t *done) {
  const struct mr_gen_conf *conf = ctx->conf;
  uint32_t out = 0;
  for (*done = 0; *done < n; ++*done) {
    uint64_t k = gen->row + *done;
    enum fault fault = fault_of(gen, conf, k);
    int64_t stamp = turn_stamp(ctx, gen, *done);
    bool lost = fault == FAULT_MALFORMED && gen->line_col < 0;
    if (lost && !reject(ctx, gen, k, stamp)) break;
    struct mr_gen_past row = note(gen, k, fault, stamp);
    if (lost) continue;
    gen->broken[out] = row.malformed;
    gen->event[out] = row.event;
    gen->stamp_us[out] = row.stamp_us;
    gen->pos[out] = k;
    gen->planned_ns[out] = gen->planned_ns[*done];
    gen->vtime_us[out++] = gen->vtime_us[*done];
  }
  return out;
}

void mr_gen_faulty_rows(struct mr_op_ctx *ctx, struct mr_gen *gen, uint32_t n) {
  struct mr_pool *pool = ctx->pools[MR_OUT_MAIN];
  uint32_t done, out = decide_rows(ctx, gen, n, &done);
  if (done < n) gen->next_ns = gen->planned_ns[done];
  gen->row += done;
  mr_gen_end_turn(ctx, gen);
  if (!out && !(gen->turns && gen->row == gen->turn_end)) return;
  struct mr_batch *b = mr_gen_fill_batch(ctx, gen, out, gen->event);
  int64_t *et = mr_gen_times(gen);
  if (et) {
    if (et != gen->stamp_us) memcpy(et, gen->stamp_us, out * sizeof *et);
    mr_gen_put_times(gen, et, out);
  }
  b->pos = out ? gen->pos[0] : gen->row;
  if (pool->pos_off) {
    uint64_t *pos = (uint64_t *)((uint8_t *)b + pool->pos_off);
    memcpy(pos, gen->pos, out * sizeof *pos);
    b->row_pos_off = mr_region_off(ctx->region, pos);
  }
  mr_source_emit(ctx, b, MR_ET_UNKNOWN, gen->virtual_clock ? gen->vtime_us : NULL);
}

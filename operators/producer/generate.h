/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_PRODUCER_GENERATE_H
#define MR_PRODUCER_GENERATE_H

/* The parts of the source `generate`: what a system of events is, the loops that fill its columns,
 * and the faults that may be mixed in. One thread per instance. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cpu.h"
#include "base/limits.h"
#include "worker/ctx.h"

#define MR_GEN_BLOCK   256u  /* rows made at a time: their numbers stay in the L1 cache */
#define MR_GEN_HISTORY 1024u /* rows back from which a duplicate is taken; a power of two */
#define MR_GEN_TEXT_SZ 512u  /* bytes of an event as a JSON line, at most */

/* Loops that are compiled once per x86-64 level; the same bits at every level. n is 1..1024. */
struct mr_gen_kernels {
  /* out[i] = mr_rng_at(seed, first + i) */
  void (*bits)(uint64_t seed, uint64_t first, uint64_t *out, uint32_t n);
  /* out[i] = mr_rng_below(bits[i], m): from the high half */
  void (*high_i64)(const uint64_t *bits, uint32_t m, int64_t *out, uint32_t n);
  void (*high_u8)(const uint64_t *bits, uint32_t m, uint8_t *out, uint32_t n);
  /* out[i] = the low half, scaled to [0, m) */
  void (*low_u8)(const uint64_t *bits, uint32_t m, uint8_t *out, uint32_t n);
  /* out[i] = (bits[i] >> shift) & mask */
  void (*field_u8)(const uint64_t *bits, uint32_t shift, uint32_t mask, uint8_t *out, uint32_t n);
  /* out[i] = first + i * step, wrapping */
  void (*ramp)(int64_t first, int64_t step, int64_t *out, uint32_t n);
};
const struct mr_gen_kernels *mr_gen_kernels_of(enum mr_isa isa);

struct mr_gen;

/* A run of rows to be filled: rows at..at+n-1 of the columns. */
struct mr_gen_block {
  const uint64_t *bits;  /* number of each row's event in the stream of the seed */
  const uint64_t *extra; /* the same of a second stream; NULL unless the system asked for it */
  uint32_t at, n;        /* n at most MR_GEN_BLOCK */
};

/* A system of events. Columns are numbered as in its schema. */
struct mr_gen_system {
  const char *name;
  uint32_t key_values; /* values of the key column, on which skew acts */
  const struct mr_schema *(*schema)(struct mr_op_plan *p);
  /* True when the columns that are read need the second stream. */
  bool (*needs_extra)(const bool *need);
  /* Constants in the region. */
  int (*init)(struct mr_gen *gen, struct mr_op_ctx *ctx, struct mr_error *err);
  /* Fills the columns that are read (gen->cols), event time apart. */
  void (*fill)(const struct mr_gen *gen, const struct mr_gen_block *block);
  /* The event as its JSON line, for records that are to be malformed; returns its length. */
  uint32_t (*text)(const struct mr_gen *gen, uint64_t bits, uint64_t extra, int64_t stamp_us,
                   char *out);
};
extern const struct mr_gen_system mr_gen_city, mr_gen_ysb;

struct mr_gen_conf {
  int of;
  double rate;
  int64_t after_ns, count, duration_ns, seed;
  bool rate_given, count_given, seed_given, late_given;
  bool poisson;
  struct mr_gen_clock {
    int kind; /* 0: wall, 1: start and step */
    int64_t start_us, step_us;
  } clock;
  struct mr_gen_late {
    double share;
    int64_t by_us;
  } late;
  double duplicates, malformed, skew;
};

struct mr_gen_past { /* a row that came out */
  uint64_t event;
  int64_t stamp_us;
  bool malformed;
};

struct mr_gen {
  const struct mr_gen_system *system;
  const struct mr_gen_kernels *kernels;
  uint64_t seed, extra_seed;
  uint64_t row;     /* number of the next row */
  uint64_t row_end; /* rows come out before it; UINT64_MAX: no end */
  bool started, extra, virtual_clock;
  uint64_t start_ns;          /* monotonic: the first row's planned time */
  int64_t start_us;           /* virtual clock: the same on the graph's clock */
  double period_ns;           /* between planned rows; 0: as fast as it can */
  uint64_t next_ns;           /* poisson: planned time of the next row after start_ns */
  int32_t time_col;           /* -1: nobody reads it */
  void *cols[16];             /* of the batch being filled; NULL: nobody reads the column */
  const struct mr_str *texts; /* the system's strings, by its own codes, in the region */
  const uint32_t *zipf;       /* skew: upper bounds of the key's high half; NULL: uniform */
  struct mr_gen_past *past;   /* faults: MR_GEN_HISTORY rows, by row number; NULL: no faults */
  uint64_t bits[MR_GEN_BLOCK], more[MR_GEN_BLOCK];
  uint64_t planned_ns[MR_BATCH_ROWS]; /* after start_ns */
  int64_t vtime_us[MR_BATCH_ROWS];
  uint64_t event[MR_BATCH_ROWS]; /* faults: number of each row's event */
  int64_t stamp_us[MR_BATCH_ROWS];
  uint64_t pos[MR_BATCH_ROWS]; /* and of the row itself */
};

/* A one_of field of these texts, in the plan's arena. */
struct mr_field mr_gen_enum(struct mr_op_plan *p, const char *name, const char *const *texts,
                            uint32_t cnt);

/* Event time of event k with start and step. */
static inline int64_t mr_gen_stamp(const struct mr_gen_clock *clock, uint64_t k) {
  return (int64_t)((uint64_t)clock->start_us + k * (uint64_t)clock->step_us);
}
/* Takes the batch's columns as those to be filled. */
void mr_gen_open(struct mr_op_ctx *ctx, struct mr_gen *gen, const struct mr_batch *b);
/* Writes the planned send times of n rows where the batch has room for them. */
void mr_gen_fill_t0(struct mr_op_ctx *ctx, const struct mr_gen *gen, struct mr_batch *b,
                    uint32_t n);

/* ---- faults (generate_faults.c) ---- */

bool mr_gen_faults_on(const struct mr_gen_conf *conf);
/* Makes the next n rows, planned in planned_ns and vtime_us; fewer when there is no room for a
 * malformed one. */
void mr_gen_faulty_rows(struct mr_op_ctx *ctx, struct mr_gen *gen, uint32_t n);

/* ---- skew (generate_skew.c) ---- */

/* Upper bounds so that value v of cnt is drawn with a weight of (v + 1) ^ -exponent. In the arena.
 */
const uint32_t *mr_gen_zipf(struct mr_arena *arena, uint32_t cnt, double exponent);
/* The value that the high half of bits draws. */
uint32_t mr_gen_zipf_draw(const uint32_t *bounds, uint32_t cnt, uint64_t bits);

/* -ln(u) for u in (0, 1], the same bits on every machine. */
double mr_gen_neg_ln(double u);

#endif

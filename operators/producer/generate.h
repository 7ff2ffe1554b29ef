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
#include "graph/opt.h"
#include "worker/ctx.h"

#define MR_GEN_BLOCK   256u     /* rows made at a time: their numbers stay in the L1 cache */
#define MR_GEN_HISTORY 1024u    /* rows back from which a duplicate is taken; a power of two */
#define MR_GEN_TEXT_SZ 2048u    /* bytes of an event as a JSON line, at most */
#define MR_GEN_STREAMS 6u       /* streams of numbers that a system may draw from */
#define MR_GEN_COLS    32u      /* columns of a system, at most */
#define MR_GEN_NAMES   1000000u /* names in a column of numbered ones, at most */

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
struct mr_gen_conf;

/* A run of rows to be filled: rows at..at+n-1 of the columns. `at` is a multiple of 64. */
struct mr_gen_block {
  const uint64_t *draws[MR_GEN_STREAMS]; /* number of each row's event in the streams that the
                                            system asked for */
  const uint64_t *events; /* numbers of the events of the batch's rows; NULL: first and those */
  uint64_t first;         /* behind it, first being row `at` */
  uint32_t at, n;         /* n at most MR_GEN_BLOCK */
  uint8_t *heap;          /* for long strings and lists, aligned to 8 */
  uint32_t heap_sz;       /* bytes there */
};

#define MR_GEN_FULL UINT32_MAX

/* Fills the columns that are read (gen->cols, gen->valid), those made of event time apart. Returns
 * the bytes of heap used; MR_GEN_FULL: there are too few, and nothing is written. The same values
 * at every level. */
typedef uint32_t mr_gen_fill_fn(const struct mr_gen *gen, const struct mr_gen_block *block);

/* A system of events. Columns are numbered as in its schema. */
struct mr_gen_system {
  const char *name;
  uint32_t knobs;        /* enum mr_gen_knob: options of its own */
  uint32_t heap_row_max; /* bytes of heap that a row takes at most; 0: none */
  int64_t resolution_us; /* of event time, where rows are stamped with the time of day */
  /* NULL: an option is wrong, which was reported. */
  struct mr_schema *(*schema)(struct mr_op_plan *p);
  uint32_t (*key_values)(const struct mr_gen_conf *conf); /* of the key, on which skew acts */
  /* The streams that the columns that are read need, a bit each. */
  uint32_t (*streams)(const bool *need);
  /* Constants in the region. */
  int (*init)(struct mr_gen *gen, struct mr_op_ctx *ctx, struct mr_error *err);
  mr_gen_fill_fn *fill[MR_ISA_CNT];
  /* Fills column time_of of rows 0..n-1 from event time; NULL: no column is made of it. */
  void (*derive)(const struct mr_gen *gen, const int64_t *et, uint32_t n);
  int32_t time_of;
};
extern const struct mr_gen_system mr_gen_city, mr_gen_ysb, mr_gen_transactions,
    mr_gen_transactions_java, mr_gen_sensors, mr_gen_ecommerce, mr_gen_nexmark;

/* What becomes of malformed rows: dead letters; rows with a broken line in the hidden column `raw`,
 * which sinks write as it is. */
enum mr_gen_malformed { MR_GEN_DEAD_LETTER, MR_GEN_JSON_LINE, MR_GEN_CSV_LINE };

enum mr_gen_knob {
  MR_GEN_USERS = 1,
  MR_GEN_MERCHANTS = 2,
  MR_GEN_LOCATIONS = 4,
  MR_GEN_DEVICES = 8,
  MR_GEN_SITES = 16,
  MR_GEN_LINES = 32,
  MR_GEN_P_HOT = 64,
  MR_GEN_P_VIB = 128,
  MR_GEN_ITEMS = 256,
};

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
  int malformed_as; /* enum mr_gen_malformed */
  /* of single systems; 0: its own number */
  int64_t users, merchants, locations, devices, items;
  struct mr_opt_strings sites, lines;
  double p_hot, p_vib;
  bool users_given, merchants_given, locations_given, devices_given, sites_given, lines_given,
      p_hot_given, p_vib_given, items_given;
};

struct mr_gen_past { /* a row that came out */
  uint64_t event;
  int64_t stamp_us;
  bool malformed;
};

/* What the instances of a node share: from when on rows are planned. */
enum { MR_GEN_START_UNKNOWN, MR_GEN_START_CHOSEN, MR_GEN_START_KNOWN };
struct mr_gen_shared {
  _Atomic uint32_t state; /* the times may be read once it is MR_GEN_START_KNOWN */
  uint64_t start_ns;
  int64_t start_us;
};

struct mr_gen {
  const struct mr_gen_system *system;
  const struct mr_gen_kernels *kernels;
  const struct mr_gen_conf *conf;
  const struct mr_schema *schema;
  mr_gen_fill_fn *fill;
  const uint8_t *base;            /* the region's, for long strings */
  uint64_t seeds[MR_GEN_STREAMS]; /* of the streams; the first is the seed */
  uint32_t streams;               /* those that are needed, a bit each */
  uint64_t row;                   /* number of the next row */
  uint64_t row_end;               /* rows come out before it; UINT64_MAX: no end */
  uint64_t row_base;              /* the row that is planned at start_ns */
  uint64_t spent_ns;              /* of `duration`, before a restart */
  bool resumed;                   /* it goes on: no waiting before the first row */
  bool started, virtual_clock, time_wanted;
  bool heap;                    /* some column puts values on the heap */
  uint64_t start_ns;            /* monotonic: the first row's planned time */
  int64_t start_us;             /* virtual clock: the same on the graph's clock */
  double period_ns;             /* between planned rows; 0: as fast as it can */
  uint64_t next_ns;             /* poisson: planned time of the next row after start_ns */
  bool turns, in_turn;          /* there are several instances; row is in a turn that was begun */
  uint32_t turn_rows, takers;   /* rows of a turn; instances that take turns */
  uint64_t turn, turn_end;      /* the turn of row; rows of it come before turn_end */
  uint64_t made, said, said_ns; /* rows made; at the last word on them, and when that was */
  void *cols[MR_GEN_COLS];      /* of the batch being filled; NULL: nobody reads the column */
  uint64_t *valid[MR_GEN_COLS]; /* validity of the optional ones among them */
  const struct mr_str *texts;   /* the system's strings, by its own codes, in the region */
  const struct mr_str *names[MR_GEN_COLS]; /* strings of a column of numbered names that has too
                                              many for codes; NULL: it has codes */
  const uint32_t *zipf;           /* skew: upper bounds of the key's high half; NULL: uniform */
  uint32_t key_values;            /* values of the key */
  int32_t line_col;               /* hidden column of broken lines; -1: there is none */
  bool broken[MR_BATCH_ROWS];     /* rows that are one */
  struct mr_gen_past *past;       /* faults: MR_GEN_HISTORY rows, by row number; NULL: no faults */
  struct mr_gen_scratch *scratch; /* malformed rows; NULL: there are none */
  uint64_t draws[MR_GEN_STREAMS][MR_GEN_BLOCK];
  uint64_t planned_ns[MR_BATCH_ROWS]; /* after start_ns */
  int64_t vtime_us[MR_BATCH_ROWS];
  uint64_t event[MR_BATCH_ROWS]; /* faults: number of each row's event */
  int64_t stamp_us[MR_BATCH_ROWS];
  uint64_t pos[MR_BATCH_ROWS]; /* and of the row itself */
};

/* A one_of field of these texts, in the plan's arena. */
struct mr_field mr_gen_enum(struct mr_op_plan *p, const char *name, const char *const *texts,
                            uint32_t cnt);

/* Numbered names: the prefix and a number from `first` on, with at least `width` digits. */
struct mr_gen_names {
  const char *prefix;
  uint32_t first, width;
};
/* A field of cnt such names: one_of as far as codes reach. */
struct mr_field mr_gen_numbered(struct mr_op_plan *p, const char *name,
                                const struct mr_gen_names *names, uint32_t cnt);
/* The same names as strings in the region, for kernels: sets gen->names[col] unless the column has
 * codes. MR_ERR_NOMEM. */
int mr_gen_numbered_init(struct mr_gen *gen, struct mr_op_ctx *ctx, uint32_t col,
                         const struct mr_gen_names *names, uint32_t cnt, struct mr_error *err);
/* Sets gen->names[col] in any case. */
int mr_gen_names_init(struct mr_gen *gen, struct mr_op_ctx *ctx, uint32_t col,
                      const struct mr_gen_names *names, uint32_t cnt, struct mr_error *err);
/* The value of an option of a single system. */
static inline uint32_t mr_gen_knob(int64_t given, uint32_t own) {
  return given ? (uint32_t)given : own;
}

/* Event time of event k with start and step. */
static inline int64_t mr_gen_stamp(const struct mr_gen_clock *clock, uint64_t k) {
  return (int64_t)((uint64_t)clock->start_us + k * (uint64_t)clock->step_us);
}
/* The time of day as the system's stamp. */
static inline int64_t mr_gen_wall_stamp(const struct mr_gen *gen, int64_t us) {
  int64_t over = us % gen->system->resolution_us;
  return us - (over < 0 ? over + gen->system->resolution_us : over);
}

/* The same for a stamp that may be one of start and step, which is as fine as it is. */
static inline int64_t mr_gen_row_stamp(const struct mr_gen *gen, int64_t us) {
  return gen->conf->clock.kind == 1 ? us : mr_gen_wall_stamp(gen, us);
}

/* ---- when (generate_when.c) ---- */

/* Before anything else. False: not yet, come again. */
bool mr_gen_start(struct mr_op_ctx *ctx, struct mr_gen *gen);
/* Time of the source's duration that has passed, for checkpoints, ns. */
uint64_t mr_gen_spent_ns(const struct mr_op_ctx *ctx, const struct mr_gen *gen);
/* How many of the rows from gen->row on are to be made now, at most max, with their planned times
 * in planned_ns and vtime_us. 0: none, and *end when none will ever be. */
uint32_t mr_gen_due(struct mr_op_ctx *ctx, struct mr_gen *gen, uint32_t max, bool *end);
/* Around the rows of a turn; all three do nothing where there is one instance. False: the graph
 * drains, no row is to be made any more. */
bool mr_gen_begin_turn(struct mr_op_ctx *ctx, struct mr_gen *gen);
/* When rows are taken off, before what was made of them is emitted. */
void mr_gen_end_turn(struct mr_op_ctx *ctx, struct mr_gen *gen);
/* When gen->row has reached turn_end. */
void mr_gen_next_turn(struct mr_op_ctx *ctx, struct mr_gen *gen);

/* ---- rows (generate_rows.c) ---- */

/* How many of n rows there is surely memory for; at least MR_GEN_BLOCK of them. */
uint32_t mr_gen_rows_max(const struct mr_op_ctx *ctx, const struct mr_gen *gen, uint32_t n);
/* Opens a batch and fills n rows, as many as mr_gen_rows_max allows: columns and planned send
 * times. event: the number of each row's event; NULL: gen->row and those after it. */
struct mr_batch *mr_gen_fill_batch(struct mr_op_ctx *ctx, struct mr_gen *gen, uint32_t n,
                                   const uint64_t *event);
/* Where event times of the open batch are to be put; NULL: nobody reads them. mr_gen_put_times then
 * makes what is made of them. */
int64_t *mr_gen_times(struct mr_gen *gen);
void mr_gen_put_times(const struct mr_gen *gen, const int64_t *et, uint32_t n);
/* Event k, stamped stamp_us, as its JSON line; returns its length. */
uint32_t mr_gen_text(struct mr_gen *gen, uint64_t k, int64_t stamp_us, char *out);
/* The same, broken: cut short, or for CSV one cell without quotes. */
uint32_t mr_gen_broken_text(struct mr_gen *gen, uint64_t k, int64_t stamp_us, char *out);
/* Memory for mr_gen_text. MR_ERR_NOMEM. */
int mr_gen_scratch_init(struct mr_gen *gen, struct mr_op_ctx *ctx, struct mr_error *err);

/* ---- faults (generate_faults.c) ---- */

bool mr_gen_faults_on(const struct mr_gen_conf *conf);
/* Row k's stamp where it is not late is stamp_us: notes what later duplicates need of it. */
void mr_gen_note_row(struct mr_gen *gen, uint64_t k, int64_t stamp_us);
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

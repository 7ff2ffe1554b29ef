/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_WINDOW_HARNESS_H
#define MR_WINDOW_HARNESS_H

/* One instance of window or group, driven by hand: what a worker would do, with emission into lines
 * of text. */

#include <string.h>

#include "base/bits.h"
#include "graph/diag.h"
#include "graph/opt.h"
#include "graph/plan.h"
#include "test.h"
#include "worker/ctx.h"

#define PARTITIONS_MAX 4u

/* The input: ts timestamp (event time), city enum, name string, v int64, d double, ok bool. */
enum { COL_TS, COL_CITY, COL_NAME, COL_V, COL_D, COL_OK, COL_CNT };

struct row {
  int64_t ts; /* MR_TIME_NONE: NULL */
  uint8_t city;
  char name[40];
  int64_t v;
  bool v_null;
  double d;
  bool ok;
  uint32_t partition;
  uint64_t id;
};

struct lines { /* in the order in which they came */
  char **items;
  uint32_t cnt, cap;
};

struct harness {
  struct mr_arena arena;
  struct mr_region region;
  struct mr_diags diags;
  const struct mr_op *op;
  struct mr_plan plan;
  struct mr_plan_node node;
  struct mr_schema in;
  struct mr_pool pools[2]; /* MAIN, ERRORS */
  struct mr_op_ctx ctx;
  void *conf;
  int64_t delay_us;
  /* the view being built and processed */
  struct row pending[PARTITIONS_MAX][MR_BATCH_ROWS];
  uint32_t pending_cnt[PARTITIONS_MAX];
  int64_t frontier_us[PARTITIONS_MAX];
  bool idle[PARTITIONS_MAX];
  uint32_t partition_cnt;
  int64_t watermark_us;
  struct mr_col cols[COL_CNT];
  uint8_t *data[COL_CNT];
  uint64_t *valid[COL_CNT], *sel;
  int64_t *row_frontier;
  char *heap;
  uint64_t ids[MR_BATCH_ROWS];
  /* what came out */
  struct lines main, late, errors; /* late: "id"; errors: "code cause" */
  uint64_t rejected[16384];        /* bits by row id */
  struct mr_batch *held[2];
  uint32_t batch_cnt, emitted[MR_OUTS_MAX]; /* since the last call */
  bool failed;
  char fail_text[512];
  uint32_t heap_blocks;
  bool writes_closed; /* emit: complete: rows of closed windows come again */
};

/* Plans and starts the operator with options in YAML. Returns false when planning reported errors;
 * the text of the diagnostics is then in h->fail_text. delay: of the source. */
bool harness_begin(struct harness *h, const struct mr_op *op, const char *yaml, int64_t delay_us,
                   bool late_read);
void harness_end(struct harness *h);

/* One row of a partition; it is processed with its batch, when that has `batch` rows. */
void harness_row(struct harness *h, const struct row *row, uint32_t batch);
/* Processes what is pending in the partition, and moves time. */
void harness_flush(struct harness *h, uint32_t partition);
/* Marks a partition idle (or not) and moves time. */
void harness_idle(struct harness *h, uint32_t partition, bool idle);
void harness_tick(struct harness *h, int64_t at_us);
/* Flushes all; windows close when close is true; then finish. */
void harness_finish(struct harness *h, bool close);

void lines_add(struct lines *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void lines_sort(struct lines *l);
void lines_free(struct lines *l);
/* Fails with the first difference. */
void lines_equal(const struct lines *a, const struct lines *b);

extern const char *const harness_cities[4];

#endif

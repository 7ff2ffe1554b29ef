/* SPDX-License-Identifier: Apache-2.0 */
/* What one add to a sketch costs: approx_count_distinct over a column in memory, against a loop
 * over one HyperLogLog. The engine's side is its aggregate alone, without a graph around it. */
#include <stdlib.h>

#include "base/error.h"
#include "state/table.h"
#include "suite/suite.h"

#define ROWS (UINT64_C(32) << 20)

static int setup(struct mr_bench_run *run) {
  struct mr_suite_group *group = calloc(1, sizeof *group);
  uint64_t rows = (uint64_t)(ROWS * run->scale);
  if (!group || mr_group_columns_make(&group->columns, run->seed, rows, 1000) != MR_OK) {
    free(group);
    return MR_ERR_NOMEM;
  }
  run->data = group;
  return MR_OK;
}

static void teardown(struct mr_bench_run *run) {
  struct mr_suite_group *group = run->data;
  mr_group_columns_free(&group->columns);
  free(group);
}

static int plain(struct mr_bench_run *run, struct mr_bench_sample *sample) {
  struct mr_suite_group *group = run->data;
  uint8_t registers[512];
  cpu_set_t old;
  bool pinned = mr_machine_pin(0, &old);
  uint64_t begin = mr_machine_now_ns(), sum = 0;
  mr_plain_hll(group->columns.value, group->columns.rows, registers);
  sample->wall_ns = mr_machine_now_ns() - begin;
  if (pinned) mr_machine_unpin(&old);
  for (uint32_t i = 0; i < sizeof registers; i++) sum += registers[i];
  sample->events = group->columns.rows;
  sample->figure = (double)sample->wall_ns / (double)sample->events;
  return sum ? MR_OK : MR_ERR_STATE;
}

/* ---- the engine's side: the aggregate, batch by batch, as a group without keys adds to it ---- */

struct sketch {
  struct mr_region region;
  struct mr_arena arena;
  struct mr_keys keys;
  struct mr_fold fold;
  struct mr_folds folds;
  struct mr_space space;
  struct mr_table *table;
  uint16_t rows[MR_BATCH_ROWS];
  struct mr_row *state[MR_BATCH_ROWS];
};

static int make_sketch(struct sketch *k) {
  static const struct mr_schema none = {.event_time = -1};
  struct mr_error err = {0};
  int rc = mr_region_create(&k->region, UINT64_C(64) << 20, MR_HUGE_OFF, &err);
  if (rc) return rc;
  mr_keys_init(&k->keys, &none, NULL, 0);
  k->fold = (struct mr_fold){.func = MR_FOLD_HLL,
                             .has_arg = true,
                             .arg = {.type = MR_TYPE_INT64},
                             .out = {.type = MR_TYPE_INT64}};
  k->folds = (struct mr_folds){.items = &k->fold, .cnt = 1};
  mr_folds_init(&k->folds, &k->arena, mr_row_before(&k->keys));
  rc = mr_space_init(&k->space, &k->region, &k->keys, &k->folds, MR_STORE_BYTES_MIN, 0, "state",
                     &err);
  if (rc) return rc;
  k->space.kernels = mr_state_kernels_of(mr_isa_detect());
  k->table = mr_table_at(&k->space, mr_table_new(&k->space));
  for (uint32_t i = 0; i < MR_BATCH_ROWS; i++) {
    k->rows[i] = (uint16_t)i;
    k->state[i] = mr_table_number(&k->space, k->table, 0);
  }
  return MR_OK;
}

static int add_all(struct sketch *k, const int64_t *values, uint64_t rows,
                   struct mr_bench_sample *sample) {
  cpu_set_t old;
  bool pinned = mr_machine_pin(0, &old);
  uint64_t begin = mr_machine_now_ns();
  for (uint64_t at = 0; at < rows; at += MR_BATCH_ROWS) {
    struct mr_fold_in in = {.data = values + at};
    struct mr_fold_batch batch = {.ins = &in};
    uint32_t n = rows - at < MR_BATCH_ROWS ? (uint32_t)(rows - at) : MR_BATCH_ROWS;
    mr_folds_add(&k->space, k->table, &batch, k->rows, k->state, n);
  }
  sample->wall_ns = mr_machine_now_ns() - begin;
  if (pinned) mr_machine_unpin(&old);
  sample->events = rows;
  sample->figure = (double)sample->wall_ns / (double)rows;
  return k->space.full ? MR_ERR_STATE : MR_OK;
}

static int engine(struct mr_bench_run *run, struct mr_bench_sample *sample) {
  const struct mr_suite_group *group = run->data;
  struct sketch *k = calloc(1, sizeof *k);
  int rc = k ? make_sketch(k) : MR_ERR_NOMEM;
  if (!rc) rc = add_all(k, group->columns.value, group->columns.rows, sample);
  if (k) {
    mr_arena_free(&k->arena);
    mr_region_destroy(&k->region);
  }
  free(k);
  return rc;
}

const struct mr_bench mr_bench_hll_add = {
    .name = "hll-add",
    .what = "one add of approx_count_distinct, int64 values in memory, batches of 1024, against a "
            "loop over one sketch",
    .unit = "ns",
    .unit_div = 1,
    .measure = MR_MEASURE_GIVEN,
    .lower_is_better = true,
    .engine_cores = 1,
    .limit_now = 5,
    .limit_later = 3,
    .no_output = true,
    .setup = setup,
    .plain = plain,
    .engine = engine,
    .teardown = teardown,
};

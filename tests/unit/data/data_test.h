/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_TESTS_DATA_TEST_H
#define MR_TESTS_DATA_TEST_H

/* What the tests of the data room share: a schema with a column of each kind, a region and a pool
 * over it. */

#include "test.h"

#include <string.h>

#include "data/batch.h"

enum { COL_FLAG, COL_COUNT, COL_TEXT, COL_CODE, COL_LIST, COL_PRUNED, COL_CNT };

static const char *const code_texts[] = {"red", "green", "blue"};
static const uint32_t code_lens[] = {3, 5, 4};
static const struct mr_enum codes = {.cnt = 3, .texts = code_texts, .lens = code_lens};

static struct mr_field fields[COL_CNT] = {
    [COL_FLAG] = {.name = "flag", .type = MR_TYPE_BOOL},
    [COL_COUNT] = {.name = "count", .type = MR_TYPE_INT64, .optional = true},
    [COL_TEXT] = {.name = "text", .type = MR_TYPE_STRING, .optional = true},
    [COL_CODE] = {.name = "code", .type = MR_TYPE_STRING, .codes = &codes},
    [COL_LIST] = {.name = "list", .type = MR_TYPE_LIST, .elem = MR_TYPE_INT64},
    [COL_PRUNED] = {.name = "pruned", .type = MR_TYPE_DOUBLE, .hidden = true},
};
static const struct mr_schema schema = {
    .cnt = COL_CNT, .visible_cnt = COL_CNT - 1, .event_time = -1, .fields = fields};
static const bool own[COL_CNT] = {true, true, true, true, true, false};

struct fixture {
  struct mr_region region;
  struct mr_pool pool;   /* index 0: own columns, a heap */
  struct mr_pool shells; /* index 1 */
};

__attribute__((unused)) static void set_up(struct fixture *f, struct mr_pool_conf conf) {
  struct mr_error err = {0};
  struct mr_pool_conf shell_conf = {.schema = &schema, .batch_cnt = 8};
  uint64_t sz = mr_pool_footprint(&conf) + mr_pool_footprint(&shell_conf);
  assert_int_equal(mr_region_create(&f->region, sz, MR_HUGE_OFF, &err), MR_OK);
  assert_int_equal(mr_pool_init(&f->pool, &f->region, &conf, 0, 0, "pool", &err), MR_OK);
  assert_int_equal(mr_pool_init(&f->shells, &f->region, &shell_conf, 1, 0, "shells", &err), MR_OK);
}

__attribute__((unused)) static void tear_down(struct fixture *f) {
  mr_pool_fini(&f->pool);
  mr_pool_fini(&f->shells);
  mr_region_destroy(&f->region);
}

/* A pool of 4 batches with 8 blocks and 1 large block of 1 MiB. */
__attribute__((unused)) static struct mr_pool_conf usual_conf(void) {
  return (struct mr_pool_conf){.schema = &schema,
                               .own = own,
                               .hidden = MR_HAS_T0 | MR_HAS_POS,
                               .batch_cnt = 4,
                               .block_cnt = 8,
                               .large_cnt = 1,
                               .large_sz = 1u << 20};
}

#endif

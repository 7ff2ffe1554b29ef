/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_TESTS_SIM_ORACLE_H
#define MR_TESTS_SIM_ORACLE_H

/* Segments read by code that shares nothing with runtime/topic: from the format's description
 * alone, slowly. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct oracle_record {
  int64_t offset;
  int64_t producer; /* -1: none */
  const uint8_t *value;
  size_t value_sz;
};

/* Calls each(ctx, record) for every record of whole batches at the start of data that follow on
 * from *next, and moves *next behind them. Returns the bytes that they take. */
size_t oracle_read(const uint8_t *data, size_t len, int64_t *next,
                   void (*each)(void *ctx, const struct oracle_record *rec), void *ctx);

#endif

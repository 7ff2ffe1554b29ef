/* SPDX-License-Identifier: Apache-2.0 */
#include "op/bench_op.h"
#include "operators/operators.h"
#include "stats/hist.h"

void mr_bench_operators(const struct mr_op **ops, uint32_t cap, struct mr_op_table *table) {
  static const struct mr_op *const own[] = {&mr_bench_op_columns, &mr_bench_op_ping,
                                            &mr_bench_op_hash, &mr_bench_op_read, NULL};
  uint32_t cnt = 0;
  for (const struct mr_op *const *op = own; *op && cnt + 1 < cap; op++) ops[cnt++] = *op;
  for (const struct mr_op *const *op = mr_operators.ops; *op && cnt + 1 < cap; op++)
    ops[cnt++] = *op;
  ops[cnt] = NULL;
  table->ops = ops;
}

uint64_t mr_bench_hist_at(const struct mr_hist *hist, double q) {
  uint64_t cnt = 0, seen = 0;
  for (uint32_t i = 0; i < MR_HIST_CNT; i++)
    cnt += atomic_load_explicit(&hist->counts[i], memory_order_relaxed);
  uint64_t want = (uint64_t)(q * (double)cnt);
  if (want >= cnt) want = cnt ? cnt - 1 : 0;
  for (uint32_t i = 0; cnt && i < MR_HIST_CNT; i++) {
    seen += atomic_load_explicit(&hist->counts[i], memory_order_relaxed);
    if (seen > want) return (mr_hist_value_lo(i) + mr_hist_value_hi(i)) / 2;
  }
  return 0;
}

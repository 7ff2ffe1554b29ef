/* SPDX-License-Identifier: Apache-2.0 */
/* One operator of a graph in somebody else's benchmark: a filter, stepped in this thread. */
#include <benchmark/benchmark.h>
#include <millrace.h>

#include <cstdint>
#include <cstring>
#include <random>
#include <vector>

namespace {

const char kGraph[] = "millrace: 1\n"
                      "graph: bench\n"
                      "sources: { in: { type: feed, fields: { amount: { type: int64 } } } }\n"
                      "steps: { big: { type: filter, from: in, where: amount > 500 } }\n"
                      "sinks: { out: { type: take, from: big } }\n";

struct Rows {
  std::vector<int64_t> amounts;
  size_t at = 0;
  uint64_t out = 0;
};

int32_t Feed(void *ctx, const char *, mr_graph_in *in) {
  auto *rows = static_cast<Rows *>(ctx);
  const uint32_t n = mr_graph_in_max(in);
  if (rows->at + n > rows->amounts.size()) rows->at = 0;
  std::memcpy(mr_graph_in_values(in, 0), &rows->amounts[rows->at], n * sizeof(int64_t));
  rows->at += n;
  return static_cast<int32_t>(n);
}

void Take(void *ctx, const char *, mr_graph_out *out) {
  static_cast<Rows *>(ctx)->out += mr_graph_out_rows(out);
}

void BM_Filter(benchmark::State &state) {
  Rows rows;
  std::mt19937_64 random(7);
  for (int i = 0; i < 1 << 20; i++) rows.amounts.push_back(static_cast<int64_t>(random() % 1000));
  mr_graph_conf conf{};
  conf.text = kGraph;
  conf.len = std::strlen(kGraph);
  conf.feed = Feed;
  conf.take = Take;
  conf.ctx = &rows;
  mr_error err;
  mr_graph *graph = mr_graph_open(&conf, &err);
  if (!graph) {
    state.SkipWithError(err.text);
    return;
  }
  for (auto _ : state) mr_graph_step(graph);
  mr_graph_counts node;
  if (mr_graph_node_counts(graph, "big", &node, &err) == MR_OK)
    state.SetItemsProcessed(static_cast<int64_t>(node.rows_in));
  mr_graph_close(graph);
}
BENCHMARK(BM_Filter);

} // namespace

BENCHMARK_MAIN();

/* SPDX-License-Identifier: Apache-2.0 */
/* A graph inside a C program: rows go in as text and as values, windows come out, and the latency
 * that the engine kept is printed. */
#include <millrace.h>
#include <stdio.h>
#include <string.h>

static const char graph_text[] = "millrace: 1\n"
                                 "graph: embedded\n"
                                 "events:\n"
                                 "  sale:\n"
                                 "    fields:\n"
                                 "      city: { type: string, one_of: [NYC, SF] }\n"
                                 "      amount: { type: double }\n"
                                 "      ts: { type: timestamp }\n"
                                 "    event_time: ts\n"
                                 "sources:\n"
                                 "  in: { type: feed, event: sale }\n"
                                 "steps:\n"
                                 "  per_minute:\n"
                                 "    type: window\n"
                                 "    from: in\n"
                                 "    window: { tumbling: 1m }\n"
                                 "    key: city\n"
                                 "    select: { n: count(*), total: sum(amount) }\n"
                                 "sinks:\n"
                                 "  out: { type: take, from: per_minute }\n";

/* 3,000 rows, ten a second, the cities in turn. */
static int32_t feed(void *ctx, const char *source, struct mr_graph_in *in) {
  uint64_t *done = ctx;
  (void)source;
  uint32_t row = 0;
  for (; row < mr_graph_in_max(in) && *done < 3000; row++, ++*done) {
    mr_graph_in_code(in, 0, row, (uint8_t)(*done % 2));
    mr_graph_in_double(in, 1, row, 0.5);
    mr_graph_in_int(in, 2, row, (int64_t)*done * 100000);
  }
  return row ? (int32_t)row : -1;
}

static void take(void *ctx, const char *sink, struct mr_graph_out *out) {
  (void)ctx;
  for (uint32_t row = 0; row < mr_graph_out_rows(out); row++) {
    char line[512];
    size_t len = mr_graph_out_json(out, row, line, sizeof line);
    printf("%s %.*s\n", sink, (int)len, line);
  }
}

int main(void) {
  uint64_t done = 0;
  struct mr_graph_conf conf = {
      .text = graph_text, .len = strlen(graph_text), .feed = feed, .take = take, .ctx = &done};
  struct mr_error err;
  struct mr_graph *graph = mr_graph_open(&conf, &err);
  if (!graph || mr_graph_start(graph, &err) || mr_graph_wait(graph, UINT64_C(10000000000), &err)) {
    fprintf(stderr, "%s\n", err.text);
    mr_graph_close(graph);
    return 1;
  }
  struct mr_graph_counts node;
  if (mr_graph_node_counts(graph, "per_minute", &node, &err) == MR_OK)
    printf("per_minute took %llu rows in %llu batches\n", (unsigned long long)node.rows_in,
           (unsigned long long)node.service.count);
  mr_graph_close(graph);
  return 0;
}

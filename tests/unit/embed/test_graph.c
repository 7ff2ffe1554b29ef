/* SPDX-License-Identifier: Apache-2.0 */
/* A graph inside a program: what goes in, what comes out, and what is said of mistakes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/arrow.h"
#include "embed/millrace.h"
#include "graph/op.h"
#include "test.h"
#include "worker/ctx.h"

#define ROWS 5000u

struct host {
  uint32_t fed, taken, nulls, calls;
  int64_t sum;
  char last[512], log[4096];
};

static int32_t feed(void *ctx, const char *source, struct mr_graph_in *in) {
  struct host *host = ctx;
  assert_string_equal(source, "in");
  int32_t n = mr_graph_in_column(in, "n"), x = mr_graph_in_column(in, "x");
  int32_t kind = mr_graph_in_column(in, "kind"), note = mr_graph_in_column(in, "note");
  int32_t ok = mr_graph_in_column(in, "ok");
  assert_int_equal(mr_graph_in_column(in, "nothing"), -1);
  uint32_t row = 0;
  for (; row < mr_graph_in_max(in) && host->fed < ROWS; row++, host->fed++) {
    char text[64];
    int len = snprintf(text, sizeof text, "note number %u, too long to lie inline", host->fed);
    mr_graph_in_int(in, (uint32_t)n, row, host->fed);
    mr_graph_in_double(in, (uint32_t)x, row, host->fed * 0.5);
    mr_graph_in_bool(in, (uint32_t)ok, row, host->fed % 2 == 0);
    assert_true(mr_graph_in_str(in, (uint32_t)kind, row, host->fed % 3 ? "odd" : "third",
                                host->fed % 3 ? 3 : 5));
    if (host->fed % 5)
      assert_true(mr_graph_in_str(in, (uint32_t)note, row, text, (uint32_t)len));
    else
      mr_graph_in_null(in, (uint32_t)note, row);
  }
  return row ? (int32_t)row : -1;
}

static void take(void *ctx, const char *sink, struct mr_graph_out *out) {
  struct host *host = ctx;
  assert_string_equal(sink, "out");
  host->calls++;
  int32_t n = mr_graph_out_column(out, "n"), note = mr_graph_out_column(out, "note");
  int32_t kind = mr_graph_out_column(out, "kind"), x = mr_graph_out_column(out, "x");
  for (uint32_t row = 0; row < mr_graph_out_rows(out); row++) {
    int64_t v = mr_graph_out_int(out, (uint32_t)n, row);
    uint32_t len;
    const char *text = mr_graph_out_str(out, (uint32_t)kind, row, &len);
    assert_int_equal(len, v % 3 ? 3 : 5);
    assert_memory_equal(text, v % 3 ? "odd" : "third", len);
    assert_true(mr_graph_out_double(out, (uint32_t)x, row) == (double)v * 0.5);
    assert_int_equal(mr_graph_out_null(out, (uint32_t)note, row), v % 5 == 0);
    host->nulls += mr_graph_out_null(out, (uint32_t)note, row);
    host->sum += v;
    host->taken++;
    size_t sz = mr_graph_out_json(out, row, host->last, sizeof host->last - 1);
    assert_true(sz > 0);
    host->last[sz] = 0;
  }
}

static void keep_log(void *ctx, const char *line) {
  struct host *host = ctx;
  strncat(host->log, line, sizeof host->log - strlen(host->log) - 1);
}

#define EVENT                                                                                      \
  "{n: {type: int64}, x: {type: double}, ok: {type: bool}, "                                       \
  "kind: {type: string, one_of: [third, odd]}, note: {type: string, optional: true}}"
#define GRAPH(step)                                                                                \
  "millrace: 1\ngraph: g\n"                                                                        \
  "sources: {in: {type: feed, fields: " EVENT "}}\n"                                               \
  "steps: {op: " step "}\n"                                                                        \
  "sinks: {out: {type: take, from: op}}\n"

static struct mr_graph *open_graph(struct host *host, const char *text, struct mr_error *err) {
  *host = (struct host){0};
  struct mr_graph_conf conf = {
      .text = text, .len = strlen(text), .feed = feed, .take = take, .log = keep_log, .ctx = host};
  return mr_graph_open(&conf, err);
}

MR_TEST(rows_go_in_and_come_out_step_by_step) {
  MR_UNUSED_STATE;
  struct host host;
  struct mr_error err;
  struct mr_graph *g = open_graph(&host, GRAPH("{type: filter, from: in, where: n >= 1000}"), &err);
  if (!g) fail_msg("%s", err.text);
  assert_true(mr_graph_run(g, 1000));
  assert_int_equal(mr_graph_wait(g, 0, &err), MR_OK);
  assert_int_equal(host.taken, ROWS - 1000);
  assert_int_equal(host.nulls, (ROWS - 1000) / 5);
  assert_int_equal(host.sum, (int64_t)(1000 + ROWS - 1) * (ROWS - 1000) / 2);
  assert_string_equal(host.last, "{\"n\":4999,\"x\":2499.5,\"ok\":false,\"kind\":\"odd\","
                                 "\"note\":\"note number 4999, too long to lie inline\"}");
  struct mr_graph_counts node;
  assert_int_equal(mr_graph_node_counts(g, "op", &node, &err), MR_OK);
  assert_int_equal(node.rows_in, ROWS);
  assert_int_equal(node.rows_out, ROWS - 1000);
  assert_int_equal(node.filtered, 1000);
  assert_true(node.service.count >= host.calls && node.service.max_ns >= node.service.p50_ns);
  mr_graph_close(g);
}

MR_TEST(the_same_graph_on_threads_gives_the_same_rows) {
  MR_UNUSED_STATE;
  struct host host;
  struct mr_error err;
  struct mr_graph *g = open_graph(&host, GRAPH("{type: filter, from: in, where: ok}"), &err);
  if (!g) fail_msg("%s", err.text);
  assert_int_equal(mr_graph_start(g, &err), MR_OK);
  assert_int_equal(mr_graph_start(g, &err), MR_ERR_STATE);
  assert_int_equal(mr_graph_wait(g, UINT64_C(20000000000), &err), MR_OK);
  assert_int_equal(host.taken, ROWS / 2);
  struct mr_graph_latency path;
  assert_int_equal(mr_graph_path_latency(g, "in", "out", &path, &err), MR_OK);
  assert_int_equal(path.count, ROWS / 2);
  static char json[1 << 20];
  assert_true(mr_graph_stat_json(g, json, sizeof json) > 0);
  assert_non_null(strstr(json, "\"name\":\"op\""));
  assert_int_equal(mr_graph_stat_json(g, json, 10), MR_ERR_LIMIT);
  mr_graph_close(g);
}

MR_TEST(a_mistake_in_the_text_is_told_with_its_place) {
  MR_UNUSED_STATE;
  struct host host;
  struct mr_error err;
  assert_null(open_graph(&host, GRAPH("{type: filter, from: in, where: nn > 1}"), &err));
  assert_int_equal(err.code, MR_ERR_CONF);
  assert_non_null(strstr(err.text, "graph:4:"));
  assert_non_null(strstr(err.text, "nn"));
}

MR_TEST(what_is_not_there_is_said) {
  MR_UNUSED_STATE;
  struct host host;
  struct mr_error err;
  struct mr_graph *g = open_graph(&host, GRAPH("{type: filter, from: in, where: ok}"), &err);
  if (!g) fail_msg("%s", err.text);
  struct mr_graph_counts node;
  struct mr_graph_latency path;
  assert_int_equal(mr_graph_node_counts(g, "nobody", &node, &err), MR_ERR_NOENT);
  assert_int_equal(mr_graph_path_latency(g, "out", "in", &path, &err), MR_ERR_NOENT);
  mr_graph_close(g);
  mr_graph_close(NULL);
}

static int32_t feed_too_much(void *ctx, const char *source, struct mr_graph_in *in) {
  (void)ctx, (void)source;
  return (int32_t)mr_graph_in_max(in) + 1;
}

MR_TEST(a_host_that_claims_more_rows_than_fit_ends_the_graph) {
  MR_UNUSED_STATE;
  const char *text = GRAPH("{type: filter, from: in, where: ok}");
  struct mr_graph_conf conf = {.text = text, .len = strlen(text), .feed = feed_too_much};
  struct mr_error err;
  struct mr_graph *g = mr_graph_open(&conf, &err);
  if (!g) fail_msg("%s", err.text);
  assert_int_equal(mr_graph_start(g, &err), MR_OK);
  int rc;
  while ((rc = mr_graph_wait(g, UINT64_C(1000000000), &err)) == MR_ERR_AGAIN) {}
  assert_int_equal(rc, MR_ERR_ARG);
  assert_non_null(strstr(err.text, "in: the host fed"));
  mr_graph_close(g);
}

static void swallow(struct mr_op_ctx *ctx, const struct mr_view *in) {
  ctx->counts.filtered += in->sel_cnt;
}
static const struct mr_op swallow_op = {.name = "swallow",
                                        .help = "lets nothing pass",
                                        .abi = MR_OP_ABI,
                                        .kind = MR_OP_STEP,
                                        .process = swallow};
static const struct mr_op stranger_op = {
    .name = "stranger", .help = "is of another time", .abi = MR_OP_ABI + 1, .process = swallow};

MR_TEST(a_host_brings_operators_of_its_own) {
  MR_UNUSED_STATE;
  const char *text = GRAPH("{type: swallow, from: in}");
  const struct mr_op *ops[] = {&swallow_op, NULL};
  struct host host = {0};
  struct mr_graph_conf conf = {
      .text = text, .len = strlen(text), .feed = feed, .take = take, .ctx = &host, .ops = ops};
  struct mr_error err;
  struct mr_graph *g = mr_graph_open(&conf, &err);
  if (!g) fail_msg("%s", err.text);
  assert_true(mr_graph_run(g, 1000));
  struct mr_graph_counts node;
  assert_int_equal(mr_graph_node_counts(g, "op", &node, &err), MR_OK);
  assert_int_equal(node.filtered, ROWS);
  assert_int_equal(host.taken, 0);
  mr_graph_close(g);
  ops[0] = &stranger_op;
  assert_null(mr_graph_open(&conf, &err));
  assert_non_null(strstr(err.text, "stranger has ABI"));
}

static void take_arrow(void *ctx, const char *sink, struct mr_graph_out *out) {
  struct host *host = ctx;
  (void)sink;
  struct ArrowSchema schema;
  struct ArrowArray array;
  mr_graph_out_arrow(out, &schema, &array);
  assert_string_equal(schema.format, "+s");
  assert_int_equal(schema.n_children, array.n_children);
  host->taken += mr_graph_out_rows(out);
  assert_true(array.length >= mr_graph_out_rows(out));
  array.release(&array);
  schema.release(&schema);
}

MR_TEST(rows_go_out_as_arrow) {
  MR_UNUSED_STATE;
  const char *text = GRAPH("{type: filter, from: in, where: n < 100}");
  struct host host = {0};
  struct mr_graph_conf conf = {
      .text = text, .len = strlen(text), .feed = feed, .take = take_arrow, .ctx = &host};
  struct mr_error err;
  struct mr_graph *g = mr_graph_open(&conf, &err);
  if (!g) fail_msg("%s", err.text);
  assert_true(mr_graph_run(g, 1000));
  assert_int_equal(host.taken, 100);
  mr_graph_close(g);
}

/* Feeds all of it, stepping where the pipe is full. */
static void feed_all(struct mr_graph *g, const char *text) {
  for (size_t len = strlen(text), at = 0; at < len;) {
    int64_t n = mr_graph_feed(g, "in", text + at, len - at);
    assert_true(n >= 0);
    at += (size_t)n;
    mr_graph_step(g);
  }
}

static void take_text(void *ctx, const char *sink, struct mr_graph_out *out) {
  struct host *host = ctx;
  (void)sink;
  for (uint32_t row = 0; row < mr_graph_out_rows(out); row++, host->taken++)
    host->sum += mr_graph_out_int(out, 0, row);
}

static void check_text(const char *format, const char *head, const char *line, const char *bad) {
  char text[1024], rows[256];
  snprintf(text, sizeof text,
           "millrace: 1\ngraph: g\n"
           "sources: {in: {type: feed, format: %s, on_error: drop, fields: {n: {type: int64}}}}\n"
           "sinks: {out: {type: take, from: in}}\n",
           format);
  struct host host = {0};
  struct mr_graph_conf conf = {.text = text, .len = strlen(text), .take = take_text, .ctx = &host};
  struct mr_error err;
  struct mr_graph *g = mr_graph_open(&conf, &err);
  if (!g) fail_msg("%s", err.text);
  feed_all(g, head);
  for (int i = 0; i < 20000; i++) {
    snprintf(rows, sizeof rows, line, i);
    feed_all(g, rows);
  }
  feed_all(g, bad);
  assert_int_equal(mr_graph_feed(g, "nobody", "x", 1), MR_ERR_NOENT);
  assert_int_equal(mr_graph_feed_end(g, "in"), MR_OK);
  assert_int_equal(mr_graph_feed(g, "in", "x", 1), MR_ERR_STATE);
  while (mr_graph_step(g)) {}
  assert_int_equal(mr_graph_wait(g, 0, &err), MR_OK);
  assert_int_equal(host.taken, 20000);
  assert_int_equal(host.sum, INT64_C(20000) * 19999 / 2);
  struct mr_graph_counts node;
  assert_int_equal(mr_graph_node_counts(g, "in", &node, &err), MR_OK);
  assert_int_equal(node.dropped + node.dead_letters, 1);
  mr_graph_close(g);
}

MR_TEST(text_is_fed_in_pieces_of_any_size) {
  MR_UNUSED_STATE;
  check_text("json", "", "{\"n\": %d}\n", "no json\n");
  check_text("csv", "n\n", "%d\n", "no number\n");
}

MR_TEST(a_graph_that_is_closed_while_it_waits_for_text_ends) {
  MR_UNUSED_STATE;
  const char *text =
      "millrace: 1\ngraph: g\nsources: {in: {type: feed, fields: {n: {type: int64}}}}\n"
      "sinks: {out: {type: take, from: in}}\n";
  struct mr_graph_conf conf = {.text = text, .len = strlen(text)};
  struct mr_error err;
  struct mr_graph *g = mr_graph_open(&conf, &err);
  if (!g) fail_msg("%s", err.text);
  assert_int_equal(mr_graph_start(g, &err), MR_OK);
  assert_int_equal(mr_graph_feed(g, "in", "{\"n\":", 5), 5);
  assert_int_equal(mr_graph_wait(g, 1000000, &err), MR_ERR_AGAIN);
  mr_graph_close(g);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      MR_CASE(rows_go_in_and_come_out_step_by_step),
      MR_CASE(the_same_graph_on_threads_gives_the_same_rows),
      MR_CASE(a_mistake_in_the_text_is_told_with_its_place),
      MR_CASE(what_is_not_there_is_said),
      MR_CASE(a_host_that_claims_more_rows_than_fit_ends_the_graph),
      MR_CASE(a_host_brings_operators_of_its_own),
      MR_CASE(rows_go_out_as_arrow),
      MR_CASE(text_is_fed_in_pieces_of_any_size),
      MR_CASE(a_graph_that_is_closed_while_it_waits_for_text_ends),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

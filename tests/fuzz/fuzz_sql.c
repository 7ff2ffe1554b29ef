/* SPDX-License-Identifier: Apache-2.0 */
/* Queries of any bytes as the sql step of a graph: planned into steps, which are planned; or
 * refused with diagnostics that point into the text. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/text.h"
#include "graph/diag.h"
#include "graph/plan.h"
#include "operators/operators.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define QUERY_MAX 8192u /* longer inputs are slow and no other */

static const char head[] =
    "millrace: 1\n"
    "graph: fuzz\n"
    "sources:\n"
    "  events: { type: stdin, format: json, event: e }\n"
    "  orders: { type: stdin, format: json, fields: { id: { type: int64 }, city: { type: string "
    "},\n"
    "            amount: { type: double }, at: { type: timestamp } } }\n"
    "  raw: { type: stdin, format: json }\n"
    "events:\n"
    "  e: { fields: { id: { type: int64 }, city: { type: string }, ts: { type: timestamp },\n"
    "       tags: { type: list<string>, optional: true } }, event_time: ts }\n"
    "sinks: { out: { type: stdout, from: q }, rest: { type: null, from: [events, orders, raw] } }\n"
    "steps:\n"
    "  q:\n"
    "    type: sql\n"
    "    within: 1m\n"
    "    query: |\n"
    "      ";

static void check(bool holds) {
  if (!holds) abort();
}

/* The graph's text with the query as a block of its lines. */
static char *graph_of(struct mr_arena *arena, const uint8_t *data, size_t size, size_t *len) {
  static const char indent[] = "      ";
  char *text = mr_arena_alloc(arena, sizeof head + size * sizeof indent + 2);
  size_t n = sizeof head - 1;
  memcpy(text, head, n);
  for (size_t i = 0; i < size; i++) {
    text[n++] = (char)data[i];
    if (data[i] != '\n') continue;
    memcpy(text + n, indent, sizeof indent - 1);
    n += sizeof indent - 1;
  }
  text[n++] = '\n';
  *len = n;
  return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct mr_arena arena = {0};
  struct mr_diags diags;
  static const int32_t cpus[] = {0};
  struct mr_plan_conf conf = {.ops = &mr_operators,
                              .clock = -1,
                              .no_env = true,
                              .no_inputs = true,
                              .cpus = cpus,
                              .cpu_cnt = 1};
  size_t len, out_len;
  mr_diags_init(&diags, &arena);
  if (size > QUERY_MAX) size = QUERY_MAX;
  const char *text = graph_of(&arena, data, size, &len);
  struct mr_plan *plan = mr_plan_load(&arena, "fuzz.yaml", text, len, &conf, &diags);
  check((plan != NULL) == (diags.error_cnt == 0));
  if (plan) check(strlen(mr_plan_print(plan, &arena)) > 0);
  for (uint32_t i = 0; i < diags.cnt; i++) {
    const struct mr_span *at = &diags.items[i]->span;
    check(!at->src || (at->off <= at->src->len && at->len <= at->src->len - at->off));
  }
  const char *shown = mr_diags_text(&diags, &arena, &out_len);
  check(strlen(shown) == out_len && mr_utf8_valid(shown, out_len));
  mr_arena_free(&arena);
  return 0;
}

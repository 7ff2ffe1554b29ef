/* SPDX-License-Identifier: Apache-2.0 */
/* Lines that come from outside, through the decoder of the source's own: what a CSV header named
 * and which layouts of JSON were seen holds for them too. */
#include "producer/reader_private.h"

#include "graph/plan.h"

#define SOURCE "replay" /* in their dead letters */

_Static_assert(MR_LINES_PAD <= 4096, "as struct mr_replay_lines gives it");

static int code_number(const char *code) {
  int n = 0;
  for (const char *p = code + 2; *p; p++) n = n * 10 + (*p - '0');
  return n;
}

/* Hands the bad line over; false: later. */
static bool offer_bad(struct mr_reader *r, struct mr_op_ctx *ctx, struct mr_replay_lines *lines) {
  const struct mr_decode_bad *bad = mr_decoder_bad(r->decoder);
  lines->bad = !mr_source_reject(ctx, code_number(bad->code), bad->cause, SOURCE, bad->line.pos - 1,
                                 bad->line.line, bad->line.p, bad->line.len, bad->line.bytes);
  lines->errors += !lines->bad;
  return !lines->bad;
}

/* The decoder forgets what it knows of its input when lines begin at byte 0, so these do not. */
static void begin(struct mr_reader *r, const struct mr_reader_plan *plan,
                  struct mr_replay_lines *lines) {
  mr_lines_init(&r->replay, plan->max_line);
  mr_lines_start(&r->replay, 1, 1);
  mr_lines_move(&r->replay, lines->bytes);
  mr_lines_fill(&r->replay, lines->len);
  lines->begun = true;
}

/* Rows into the batch until something stops it. True: all lines are taken. */
static bool fill(struct mr_reader *r, struct mr_op_ctx *ctx, struct mr_replay_lines *lines,
                 struct mr_batch *batch, uint32_t *rows) {
  bool fails = ctx->node->on_error == MR_ON_ERROR_FAIL;
  for (;;) {
    enum mr_decode_stop stop;
    *rows = mr_decoder_run(r->decoder, &r->replay, ctx->pools[MR_OUT_MAIN], batch, *rows,
                           ctx->row_max, &stop);
    if (stop == MR_DECODE_BAD) {
      if (!offer_bad(r, ctx, lines)) return false;
      if (fails) return true;
    } else if (stop != MR_DECODE_MORE) {
      return false;
    } else if (lines->ended) {
      return true;
    } else { /* a last line without its end, such as a quote that is left open */
      mr_lines_move(&r->replay, lines->bytes);
      mr_lines_end(&r->replay);
      lines->ended = true;
    }
  }
}

bool mr_reader_replay(struct mr_reader *r, struct mr_op_ctx *ctx, struct mr_replay_lines *lines) {
  const struct mr_reader_plan *plan = ctx->data;
  if (plan->kind == MR_DECODE_CSV && plan->csv.header && !r->lines.pos && r->part_cnt < 2)
    lines->refused = "has not read the header of its CSV yet";
  if (r->bad && !mr_reader_offer_bad(r, ctx)) return false; /* its own line first */
  if (lines->refused) return true;
  if (!lines->begun) begin(r, plan, lines);
  if (lines->bad && !offer_bad(r, ctx, lines)) return false;
  struct mr_batch *batch = mr_emit_open(ctx, MR_OUT_MAIN);
  uint32_t rows = 0;
  batch->msg.row_cnt = 0;
  bool all = fill(r, ctx, lines, batch, &rows);
  lines->rows += rows;
  if (rows)
    mr_source_emit(ctx, batch, MR_ET_BOUNDS, NULL);
  else
    mr_emit_cancel(ctx, MR_OUT_MAIN, batch);
  return all;
}

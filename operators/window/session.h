/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_OPERATORS_WINDOW_SESSION_H
#define MR_OPERATORS_WINDOW_SESSION_H

/* Session windows: rows of a key that are at most one gap apart. A session is [first row, last row
 * + gap); sessions that overlap or touch merge.
 *
 *   a row of state  =  a session   head, key, struct mr_session_row, aggregates
 *   index           :  key -> its newest session -> older ones (a list in both directions)
 *   timers          :  when a session may close, or its state may go; looked at again when time has
 *                      come, for a session that has grown meanwhile
 *
 * Sessions close and go in portions of a batch, so that ten million that end together stop nobody
 * for long. One that was merged into another stays as a mere head until its timers have come. */

#include "operators/window/output.h"
#include "operators/window/shape.h"
#include "state/save.h"
#include "state/timers.h"

enum mr_session_flags {
  MR_SESSION_ENDED = 1,  /* merged or gone; waits for its timers */
  MR_SESSION_CLOSED = 2, /* its row has gone out; kept for corrections */
  MR_SESSION_WRITTEN = 4 /* update: written since it was noted as changed */
};

struct mr_session_row { /* behind the key */
  int64_t first_us, last_us;
  int64_t timer_us; /* of the one of its timers that counts */
  uint32_t newer, older;
  uint16_t flags, timer_cnt;
  uint32_t zero;
};

struct mr_session_walk { /* over the index; zeroed: at the start */
  uint32_t seg, place, row;
};

struct mr_session {
  struct mr_keyed keyed; /* first: keyed.c finds it by ctx->self */
  struct mr_output out;
  const struct mr_window_data *data;
  uint32_t table;
  uint32_t extra_off; /* of struct mr_session_row */
  struct mr_timers timers;
  int64_t watermark_us;
  uint64_t view_ns, closed_all;
  bool changed, corrected;
  int reading;
  struct mr_session_walk walk; /* complete */
  /* closing: sessions that were handed out */
  struct mr_row *closing[MR_BATCH_ROWS];
  uint32_t closing_cnt;
  /* rows of the view */
  const int64_t *time;
  int64_t read_at_us[MR_BATCH_ROWS]; /* processing time */
  bool then_write;                   /* what changed, when what closes is written */
  uint16_t row_list[MR_BATCH_ROWS], none[MR_BATCH_ROWS];
  uint32_t add_cnt, none_cnt, late_cnt;
  struct mr_view late_view;
  uint64_t late[MR_BATCH_WORDS];
};

int mr_session_init(struct mr_op_ctx *ctx, struct mr_error *err);
void mr_session_process(struct mr_op_ctx *ctx, const struct mr_view *in);
void mr_session_drain(struct mr_op_ctx *ctx);
void mr_session_advance(struct mr_op_ctx *ctx, int64_t watermark_us);
void mr_session_tick(struct mr_op_ctx *ctx, int64_t at_us);
/* The end: writes what changed. */
void mr_session_write(struct mr_op_ctx *ctx);
void mr_session_snapshot(struct mr_op_ctx *ctx, struct mr_save *to);
void mr_session_encode(const struct mr_op_ctx *ctx, const void *from, struct mr_save *to);
int mr_session_restore(struct mr_op_ctx *ctx, struct mr_load *from, struct mr_error *err);

#endif

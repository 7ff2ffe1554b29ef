/* SPDX-License-Identifier: Apache-2.0 */
/* Rows that are copied for a link. A view of few rows costs its reader as much as a full one: a
 * message, a head, and the cache lines of all rows. So where few rows of a batch go over a link,
 * the columns that the reader wants are copied into an open batch of the link. It is sent when it
 * is full, when a step of the worker adds nothing to it, before a control item, before a view that
 * cannot join it, and when it is GATHER_NS old. */
#include "worker/worker_private.h"

#include "base/assert.h"
#include "state/kernels.h"

#define GATHER_NS UINT64_C(50000) /* of wall time; not kept under the virtual clock */

/* Few rows: at most 3 in 8. Half of the rows, as in an exchange to two readers, are faster as a
 * view where the CPUs are near, and not slower where they are far. */
static bool few(const struct mr_view *view, uint32_t cnt) {
  return cnt && cnt * 8 <= view->row_cnt * 3;
}

/* Strings of the rows that do not stand in the column: they would have to be copied from heap to
 * heap. */
static bool has_long(const struct mr_col *col, const uint16_t *rows, uint32_t cnt) {
  const struct mr_str *strs = col->data;
  for (uint32_t i = 0; i < cnt; i++)
    if (strs[rows[i]].len > MR_STR_INLINE && (!col->valid || mr_bit_get(col->valid, rows[i])))
      return true;
  return false;
}

static bool can_copy(const struct mr_run *run, const struct mr_outp *out,
                     const struct mr_view *view, const uint16_t *rows, uint32_t cnt) {
  const struct mr_pool *pool = out->copies;
  if ((view->row_frontier && !pool->frontier_off) || (view->row_now && !pool->now_off) ||
      (view->row_t0 && !pool->t0_off) || (view->row_pos && !pool->pos_off) ||
      (run->reads_pos && !view->row_pos))
    return false;
  for (uint32_t i = 0; i < out->copy_cnt; i++) {
    const struct mr_copy_col *col = &out->copy_cols[i];
    if (!view->cols[col->idx].data) return false;
    if (col->phys == MR_PHYS_STR && has_long(&view->cols[col->idx], rows, cnt)) return false;
  }
  return true;
}

/* Whether the rows of the view may follow those of the open batch: what is said once for a batch
 * must be true of both. */
static bool joins(const struct mr_run *run, const struct mr_batch *open,
                  const struct mr_view *view) {
  const struct mr_msg *m = &open->msg;
  if (m->partition != view->partition || m->source != view->source || open->input != view->input)
    return false;
  if ((open->row_now_off != 0) != (view->row_now != NULL) ||
      (open->row_pos_off != 0) != (view->row_pos != NULL) ||
      (open->row_line_off != 0) != (view->row_line != NULL))
    return false;
  return view->row_now || !run->reads_now || m->now_us == view->now_us;
}

static void *hidden(const struct mr_batch *b, uint64_t off) {
  return (uint8_t *)(uintptr_t)b + off;
}

static void open_batch(struct mr_instance *inst, struct mr_send *send, const struct mr_view *view) {
  struct mr_worker *w = inst->worker;
  struct mr_pool *pool = send->out->copies;
  struct mr_batch *b = mr_pool_take(pool);
  MR_ASSERT(b); /* has_room has seen one */
  b->msg.source = view->source;
  b->msg.partition = view->partition;
  b->input = view->input;
  b->msg.frontier_in = b->msg.frontier_out = view->frontier_in;
  b->msg.t0_ns = view->t0_ns;
  if (view->row_now) b->row_now_off = mr_region_off(pool->region, hidden(b, pool->now_off));
  if (view->row_pos) {
    b->row_pos_off = mr_region_off(pool->region, hidden(b, pool->pos_off));
    if (view->row_line) b->row_line_off = mr_region_off(pool->region, hidden(b, pool->line_off));
  }
  send->open = b;
  send->open_ns = w->now_ns;
  send->open_at = w->open_cnt;
  w->open_sends[w->open_cnt++] = send;
}

/* ---- copying ---- */

static void copy_u64(uint64_t *to, const uint64_t *from, const uint16_t *rows, uint32_t cnt) {
  for (uint32_t i = 0; i < cnt; i++) to[i] = from[rows[i]];
}

static void copy_bits(uint64_t *to, uint32_t at, const uint64_t *from, const uint16_t *rows,
                      uint32_t cnt) {
  if (at == 0) memset(to, 0, MR_BATCH_ROWS / 8);
  for (uint32_t i = 0; i < cnt; i++)
    if (mr_bit_get(from, rows[i])) mr_bit_set(to, at + i);
}

static void copy_valid(struct mr_pool *pool, struct mr_batch *b, uint32_t idx, const uint64_t *from,
                       const uint16_t *rows, uint32_t cnt) {
  uint32_t at = b->msg.row_cnt;
  if (!from && !b->cols[idx].valid_off) return;
  uint64_t *to = mr_pool_valid(pool, b, idx);
  if (!b->cols[idx].valid_off) {
    memset(to, 0, MR_BATCH_ROWS / 8);
    mr_bitmap_fill(to, at);
    mr_batch_set_valid(pool, b, idx);
  }
  for (uint32_t i = 0; i < cnt; i++)
    if (!from || mr_bit_get(from, rows[i])) mr_bit_set(to, at + i);
}

/* The reader's CPU has the lines of a batch until they are written again. Those that the next rows
 * will take are asked for now, so by then they are here: the rest of this batch, and the first of
 * the one that is likely to be opened next. */
static void fetch_ahead(struct mr_outp *out, struct mr_batch *b, uint32_t cnt) {
  uint32_t at = b->msg.row_cnt, to = at + cnt < MR_BATCH_ROWS ? at + cnt : MR_BATCH_ROWS;
  struct mr_batch *next = at + cnt > to ? mr_pool_peek(out->copies) : NULL;
  for (uint32_t i = 0; i < out->copy_cnt; i++) {
    const struct mr_copy_col *col = &out->copy_cols[i];
    uint8_t *column = mr_pool_column(out->copies, b, col->idx);
    for (uint32_t p = at * col->sz; p < to * col->sz; p += MR_CACHE_LINE)
      mr_prefetch_write(column + p);
    if (!next) continue;
    column = mr_pool_column(out->copies, next, col->idx);
    for (uint32_t p = 0; p < (at + cnt - to) * col->sz; p += MR_CACHE_LINE)
      mr_prefetch_write(column + p);
  }
}

static void copy_column(struct mr_pool *pool, struct mr_batch *b, const struct mr_copy_col *col,
                        const struct mr_col *from, const uint16_t *rows, uint32_t cnt) {
  uint32_t at = b->msg.row_cnt;
  void *to = mr_pool_column(pool, b, col->idx);
  switch (col->phys) {
  case MR_PHYS_BIT: copy_bits(to, at, from->data, rows, cnt); break;
  case MR_PHYS_CODE:
    for (uint32_t i = 0; i < cnt; i++)
      ((uint8_t *)to)[at + i] = ((const uint8_t *)from->data)[rows[i]];
    break;
  case MR_PHYS_W8: copy_u64((uint64_t *)to + at, from->data, rows, cnt); break;
  default:
    for (uint32_t i = 0; i < cnt; i++)
      ((struct mr_str *)to)[at + i] = ((const struct mr_str *)from->data)[rows[i]];
    break;
  }
  copy_valid(pool, b, col->idx, from->valid, rows, cnt);
}

/* An array that only some views have: from the first of them on it is kept for all rows. `before`
 * is what holds for the rows before, `other` for those of a view without it. */
static void copy_some(const struct mr_region *region, struct mr_batch *b, uint64_t *off,
                      uint64_t array_off, const void *from, uint64_t before, uint64_t other,
                      const uint16_t *rows, uint32_t cnt) {
  if (!from && !*off) return;
  uint64_t *to = hidden(b, array_off);
  uint32_t at = b->msg.row_cnt;
  if (!*off) {
    for (uint32_t i = 0; i < at; i++) to[i] = before;
    *off = mr_region_off(region, to);
  }
  if (from) copy_u64(to + at, from, rows, cnt);
  for (uint32_t i = 0; !from && i < cnt; i++) to[at + i] = other;
}

static void copy_hidden(const struct mr_pool *pool, struct mr_batch *b, const struct mr_view *v,
                        const uint16_t *rows, uint32_t cnt) {
  uint32_t at = b->msg.row_cnt;
  copy_some(pool->region, b, &b->row_frontier_off, pool->frontier_off, v->row_frontier,
            (uint64_t)b->msg.frontier_in, (uint64_t)v->frontier_in, rows, cnt);
  copy_some(pool->region, b, &b->row_t0_off, pool->t0_off, v->row_t0, b->msg.t0_ns, v->t0_ns, rows,
            cnt);
  if (v->row_now)
    copy_u64((uint64_t *)hidden(b, pool->now_off) + at, (const uint64_t *)(const void *)v->row_now,
             rows, cnt);
  if (v->row_pos) {
    copy_u64((uint64_t *)hidden(b, pool->pos_off) + at, v->row_pos, rows, cnt);
    if (v->row_line) copy_u64((uint64_t *)hidden(b, pool->line_off) + at, v->row_line, rows, cnt);
  }
  if (v->et_min != MR_TIME_NONE) {
    if (b->et_min == MR_TIME_NONE || v->et_min < b->et_min) b->et_min = v->et_min;
    if (b->et_max == MR_TIME_NONE || v->et_max > b->et_max) b->et_max = v->et_max;
  }
  b->msg.now_us = v->now_us;
}

static void append(struct mr_outp *out, struct mr_batch *b, const struct mr_view *view,
                   const uint16_t *rows, uint32_t cnt) {
  for (uint32_t i = 0; i < out->copy_cnt; i++) {
    const struct mr_copy_col *col = &out->copy_cols[i];
    copy_column(out->copies, b, col, &view->cols[col->idx], rows, cnt);
  }
  copy_hidden(out->copies, b, view, rows, cnt);
  b->msg.row_cnt += cnt;
  fetch_ahead(out, b, cnt + cnt / 8);
}

/* ---- the open batch of a link ---- */

void mr_gather_flush(struct mr_send *send) {
  struct mr_batch *b = send->open;
  struct mr_worker *w = send->from->worker;
  if (!b) return;
  struct mr_send *last = w->open_sends[--w->open_cnt];
  w->open_sends[send->open_at] = last;
  last->open_at = send->open_at;
  send->open = NULL;
  b->msg.kind = MR_MSG_VIEW;
  b->msg.sel_cnt = b->msg.row_cnt;
  mr_send_batch(send->from, send, b);
}

bool mr_gather(struct mr_send *send, const struct mr_view *view, const uint16_t *rows,
               uint32_t cnt) {
  struct mr_instance *inst = send->from;
  struct mr_outp *out = send->out;
  uint16_t own[MR_BATCH_ROWS + MR_ROWS_PAD];
  if (!out->copies) return false;
  if (few(view, cnt) && !rows) {
    mr_state_kernels_of(inst->run->conf.isa)->rows(view->sel, mr_bitmap_words(view->row_cnt), own);
    rows = own;
  }
  bool copies = few(view, cnt) && can_copy(inst->run, out, view, rows, cnt);
  if (send->open && !(copies && joins(inst->run, send->open, view))) mr_gather_flush(send);
  if (!copies) return false;
  for (uint32_t at = 0, n; at < cnt; at += n) {
    if (!send->open) open_batch(inst, send, view);
    struct mr_msg *m = &send->open->msg;
    n = MR_BATCH_ROWS - m->row_cnt < cnt - at ? MR_BATCH_ROWS - m->row_cnt : cnt - at;
    append(out, send->open, view, rows + at, n);
    /* what the view says of time holds after its last row */
    int64_t f = at + n == cnt ? view->frontier_out : view->frontier_in;
    if (f > m->frontier_out) m->frontier_out = f;
    if (m->row_cnt == MR_BATCH_ROWS) mr_gather_flush(send);
  }
  send->open_loop = inst->worker->loops;
  return true;
}

bool mr_gather_tells(struct mr_send *send, uint32_t partition, int64_t frontier_us, bool idle) {
  if (!send->open || idle || send->open->msg.partition != partition) return false;
  struct mr_msg *m = &send->open->msg;
  if (frontier_us > m->frontier_out) {
    if (send->from->ctx.virtual_clock) return false; /* timers want the time that goes with it */
    m->frontier_out = frontier_us;
  }
  return true;
}

void mr_gather_step(struct mr_worker *w) {
  bool timed = !w->run->plan->runtime.virtual_clock;
  for (uint32_t i = w->open_cnt; i-- > 0;) {
    struct mr_send *send = w->open_sends[i];
    if (send->open_loop == w->loops && !(timed && w->now_ns - send->open_ns >= GATHER_NS)) continue;
    if (mr_link_has_room(send->link, 1)) {
      mr_gather_flush(send);
      w->did = true;
    } else {
      w->blocked = true;
      if (!w->blocked_inst) w->blocked_inst = send->from;
    }
  }
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "base/assert.h"
#include "expr/compile_private.h"

extern const struct mr_expr_kernels mr_expr_kernels_v2, mr_expr_kernels_v3, mr_expr_kernels_v4;

const struct mr_expr_kernels *mr_expr_kernels_of(enum mr_isa isa) {
  switch (isa) {
  case MR_ISA_V4: return &mr_expr_kernels_v4;
  case MR_ISA_V3: return &mr_expr_kernels_v3;
  default: return &mr_expr_kernels_v2;
  }
}

#define BITS_SZ (MR_BATCH_WORDS * sizeof(uint64_t))

static const uint64_t no_bits[MR_BATCH_WORDS];

/* ---- layout ---- */

static uint32_t row_sz(const struct expr_node *n) {
  return n->type == MR_TYPE_STRING || n->type == MR_TYPE_LIST || n->type == MR_TYPE_NONE ? 16 : 8;
}

/* Bytes of a constant's vector. */
static uint64_t const_sz(const struct expr_node *n) {
  if (n->type == MR_TYPE_BOOL) return BITS_SZ;
  uint64_t rows = n->broadcast ? MR_BATCH_ROWS : 64;
  uint64_t heap = n->type == MR_TYPE_STRING && n->s.len > MR_STR_INLINE ? n->s.len : 0;
  return rows * row_sz(n) + mr_align_up(heap, 64);
}

static uint64_t program_sz(const struct mr_expr *e) {
  const struct mr_expr_prog *p = e->prog;
  uint64_t sz =
      (uint64_t)p->reg8_cnt * MR_BATCH_ROWS * 8 + (uint64_t)p->reg16_cnt * MR_BATCH_ROWS * 16;
  sz += 3 * BITS_SZ;
  for (uint32_t i = 0; i < p->node_cnt; i++) {
    const struct expr_node *n = p->nodes[i];
    if (!n->live) continue;
    sz += n->is_const ? const_sz(n) : BITS_SZ * (3 + (n->code2 != 0));
  }
  return sz;
}

uint64_t mr_expr_frame_footprint(const struct mr_expr *const *exprs, uint32_t cnt) {
  uint64_t sz = 64;
  for (uint32_t i = 0; i < cnt; i++) sz += program_sz(exprs[i]);
  return sz;
}

static uint8_t *bump(uint8_t **at, uint64_t sz) {
  uint8_t *p = *at;
  *at += mr_align_up(sz, 64);
  return p;
}

/* Writes a constant's vector to `to`, of `rows` rows; the bytes of a long string lie behind them.
 */
static void fill_const(const struct expr_node *n, uint8_t *to, uint32_t rows, const uint8_t *base) {
  if (n->is_null) return; /* zero bytes */
  if (n->type == MR_TYPE_BOOL) {
    memset(to, n->i ? 0xff : 0, rows / 8);
  } else if (n->type == MR_TYPE_STRING) {
    const char *text = n->s.text;
    if (n->s.len > MR_STR_INLINE) {
      memcpy(to + (uint64_t)rows * 16, text, n->s.len);
      text = (const char *)to + (uint64_t)rows * 16;
    }
    struct mr_str s = mr_str_make(text, n->s.len, base);
    for (uint32_t i = 0; i < rows; i++) memcpy(to + (uint64_t)i * 16, &s, 16);
  } else {
    for (uint32_t i = 0; i < rows; i++)
      memcpy(to + (uint64_t)i * 8, n->type == MR_TYPE_DOUBLE ? (const void *)&n->d : &n->i, 8);
  }
}

void expr_const_vec(const struct expr_node *n, struct vec *v, uint8_t *to, uint32_t rows,
                    const uint8_t *base) {
  fill_const(n, to, rows, base);
  v->data = to;
  v->valid = n->is_null ? no_bits : NULL;
  v->err = NULL;
}

static void lay_out_program(struct mr_expr_slot *slot, uint8_t **at, const uint8_t *base) {
  const struct mr_expr_prog *p = slot->expr->prog;
  uint8_t *regs8 = bump(at, (uint64_t)p->reg8_cnt * MR_BATCH_ROWS * 8);
  uint8_t *regs16 = bump(at, (uint64_t)p->reg16_cnt * MR_BATCH_ROWS * 16);
  slot->result = bump(at, BITS_SZ);
  slot->result_valid = (uint64_t *)(void *)bump(at, BITS_SZ);
  slot->result_err = (uint64_t *)(void *)bump(at, BITS_SZ);
  for (uint32_t i = 0; i < p->node_cnt; i++) {
    const struct expr_node *n = p->nodes[i];
    struct vec *v = &slot->vecs[i];
    if (!n->live) continue;
    if (n->is_const) {
      uint32_t rows = n->broadcast || n->type == MR_TYPE_BOOL ? MR_BATCH_ROWS : 64;
      expr_const_vec(n, v, bump(at, const_sz(n)), rows, base);
      continue;
    }
    v->out = bump(at, BITS_SZ);
    v->vbuf = (uint64_t *)(void *)bump(at, BITS_SZ);
    v->ebuf = (uint64_t *)(void *)bump(at, BITS_SZ);
    if (n->code2) v->ebuf2 = (uint64_t *)(void *)bump(at, BITS_SZ);
    if (n->type == MR_TYPE_BOOL) continue;
    v->out = row_sz(n) == 16 ? regs16 + (uint64_t)n->reg * MR_BATCH_ROWS * 16
                             : regs8 + (uint64_t)n->reg * MR_BATCH_ROWS * 8;
  }
}

int mr_expr_frame_init(struct mr_expr_frame *frame, struct mr_arena *arena,
                       struct mr_region *region, const struct mr_expr *const *exprs, uint32_t cnt,
                       enum mr_isa isa, const char *label, struct mr_error *err) {
  memset(frame, 0, sizeof *frame);
  frame->region = region;
  frame->kernels = mr_expr_kernels_of(isa);
  frame->slots = MR_NEW(arena, struct mr_expr_slot, cnt + 1);
  frame->slot_cnt = cnt;
  uint64_t sz = mr_expr_frame_footprint(exprs, cnt);
  uint64_t off = mr_region_alloc(region, sz, 64, label);
  if (!off) return mr_error_set(err, MR_ERR_NOMEM, "no room for the registers of %s", label);
  uint8_t *at = mr_region_ptr(region, off), *end = at + sz;
  bool strings = false;
  for (uint32_t i = 0; i < cnt; i++) {
    frame->slots[i].expr = exprs[i];
    frame->slots[i].vecs = MR_NEW(arena, struct vec, exprs[i]->prog->node_cnt + 1);
    lay_out_program(&frame->slots[i], &at, region->base);
    strings |= exprs[i]->prog->makes_strings;
  }
  MR_ASSERT(at <= end);
  if (strings) {
    frame->scratch_off = mr_region_reserve(region, MR_EXPR_SCRATCH_SZ, label);
    frame->scratch_sz = MR_EXPR_SCRATCH_SZ;
    if (!frame->scratch_off)
      return mr_error_set(err, MR_ERR_NOMEM, "no room for the strings of %s", label);
  }
  return MR_OK;
}

/* ---- running ---- */

static struct mr_expr_slot *find_slot(const struct mr_expr_frame *frame, const struct mr_expr *e) {
  for (uint32_t i = 0; i < frame->slot_cnt; i++)
    if (frame->slots[i].expr == e) return &frame->slots[i];
  return NULL;
}

/* Runs all nodes; returns the root's vec. */
static const struct vec *run_program(struct mr_expr_slot *slot, struct mr_expr_frame *frame,
                                     const struct mr_view *view, const uint64_t *active) {
  const struct mr_expr_prog *p = slot->expr->prog;
  struct expr_run run = {
      .vecs = slot->vecs,
      .k = frame->kernels,
      .base = frame->region->base,
      .view = view,
      .active = active,
      .words = mr_bitmap_words(view->row_cnt),
      .row_cnt = view->row_cnt,
      .rows64 = mr_bitmap_words(view->row_cnt) * 64,
      .now_us = frame->now_us,
      .now_alone = frame->now_alone,
      .scratch = frame->region->base + frame->scratch_off,
      .scratch_sz = frame->scratch_sz,
      .scratch_used = frame->scratch_used,
  };
  for (uint32_t i = 0; i < p->node_cnt; i++) {
    const struct expr_node *n = p->nodes[i];
    if (n->live && n->run) n->run(&run, n);
  }
  frame->scratch_used = run.scratch_used;
  slot->row_cnt = view->row_cnt;
  return &slot->vecs[p->root->idx];
}

/* Error rows among the active ones. */
static uint32_t take_errors(const struct vec *v, const uint64_t *active, uint64_t *err,
                            uint32_t words) {
  uint32_t cnt = 0;
  for (uint32_t w = 0; w < words; w++) {
    err[w] = v->err ? v->err[w] & active[w] : 0;
    cnt += (uint32_t)__builtin_popcountll(err[w]);
  }
  return cnt;
}

uint32_t mr_expr_eval(const struct mr_expr *e, struct mr_expr_frame *frame,
                      const struct mr_view *view, struct mr_vec *out) {
  if (e->column >= 0) {
    out->data = view->cols[e->column].data;
    out->valid = view->cols[e->column].valid;
    out->err = NULL;
    return 0;
  }
  struct mr_expr_slot *slot = find_slot(frame, e);
  MR_ASSERT(slot && view->row_cnt && view->row_cnt <= MR_BATCH_ROWS);
  uint64_t all[MR_BATCH_WORDS], whole[MR_BATCH_WORDS];
  const uint64_t *active = mr_view_sel(view, all);
  const struct vec *v = run_program(slot, frame, view, active);
  const struct expr_node *root = e->prog->root;
  uint32_t words = mr_bitmap_words(view->row_cnt);
  uint32_t err_cnt = e->can_fail ? take_errors(v, active, slot->result_err, words) : 0;
  bool some = v->valid || v->err;
  mr_bitmap_fill(whole, view->row_cnt);
  if (some) {
    for (uint32_t w = 0; w < words; w++) {
      slot->result_valid[w] = (v->valid ? v->valid[w] : UINT64_MAX) & whole[w];
      whole[w] = slot->result_valid[w] & ~(v->err ? v->err[w] : 0);
    }
  }
  out->valid = v->valid ? slot->result_valid : NULL;
  out->err = err_cnt ? slot->result_err : NULL;
  out->data = v->data;
  if (root->type == MR_TYPE_BOOL) {
    const uint64_t *bits = v->data;
    uint64_t *to = slot->result;
    for (uint32_t w = 0; w < words; w++) to[w] = bits[w] & whole[w];
    out->data = to;
  } else if (some && !root->is_const) {
    (row_sz(root) == 16 ? frame->kernels->keep16 : frame->kernels->keep8)(whole, v->data, v->out,
                                                                          words);
    out->data = v->out;
  }
  return err_cnt;
}

struct mr_expr_counts mr_expr_where(const struct mr_expr *e, struct mr_expr_frame *frame,
                                    const struct mr_view *view, uint64_t sel_out[MR_BATCH_WORDS],
                                    uint64_t err_out[MR_BATCH_WORDS]) {
  struct mr_expr_slot *slot = find_slot(frame, e);
  MR_ASSERT(slot && view->row_cnt && view->row_cnt <= MR_BATCH_ROWS);
  MR_ASSERT(e->prog->root->type == MR_TYPE_BOOL);
  uint64_t all[MR_BATCH_WORDS];
  const uint64_t *active = mr_view_sel(view, all);
  const struct vec *v = run_program(slot, frame, view, active);
  uint32_t words = mr_bitmap_words(view->row_cnt);
  struct mr_expr_counts counts = {0, 0};
  const uint64_t *bits = v->data;
  if (!v->err && !v->valid) { /* the usual case */
    for (uint32_t w = 0; w < words; w++) {
      err_out[w] = 0;
      sel_out[w] = bits[w] & active[w];
      counts.pass += (uint32_t)__builtin_popcountll(sel_out[w]);
    }
    return counts;
  }
  counts.err = take_errors(v, active, err_out, words);
  for (uint32_t w = 0; w < words; w++) {
    uint64_t pass = bits[w] & active[w] & ~err_out[w];
    if (v->valid) pass &= v->valid[w];
    sel_out[w] = pass;
    counts.pass += (uint32_t)__builtin_popcountll(pass);
  }
  return counts;
}

/* ---- causes ---- */

static const char *cause_text(int code) {
  switch (code) {
#define TEXT(number, name, title)                                                                  \
  case number: return title;
    MR_EXPR_CODES(TEXT)
#undef TEXT
  default: return "error";
  }
}

static bool is_error(const struct mr_expr_slot *slot, const struct expr_node *n, uint32_t row) {
  return vec_bit(slot->vecs[n->idx].err, row, false);
}

/* The operand whose error made that of n in this row; NULL: its own. */
static const struct expr_node *guilty_operand(const struct mr_expr_slot *slot,
                                              const struct expr_node *n, uint32_t row) {
  if (n->run == run_select) {
    const struct vec *c = &slot->vecs[n->args[0]->idx];
    if (is_error(slot, n->args[0], row)) return n->args[0];
    bool yes = mr_bit_get(c->data, row) && vec_bit(c->valid, row, true);
    return n->args[yes ? 1 : 2];
  }
  for (uint32_t i = 0; i < n->arg_cnt; i++)
    if (is_error(slot, n->args[i], row)) return n->args[i];
  return NULL;
}

int mr_expr_cause(const struct mr_expr *e, const struct mr_expr_frame *frame, uint32_t row,
                  char *buf, size_t sz) {
  const struct mr_expr_slot *slot = find_slot(frame, e);
  if (sz) buf[0] = 0;
  if (!slot || row >= slot->row_cnt || !e->can_fail) return 0;
  const struct expr_node *n = e->prog->root;
  if (!is_error(slot, n, row)) return 0;
  for (const struct expr_node *next = n; next; next = guilty_operand(slot, n, row)) n = next;
  const struct vec *v = &slot->vecs[n->idx];
  int code = n->code2 && vec_bit(v->ebuf2, row, false) ? n->code2 : n->code;
  const char *text = e->text + n->off;
  uint32_t len = n->len, max = 80;
  bool cut = len > max;
  if (cut) {
    len = max;
    while (len && ((unsigned char)text[len] & 0xc0) == 0x80) len--;
  }
  snprintf(buf, sz, "%s in %.*s%s", cause_text(code), (int)len, text, cut ? "..." : "");
  return code;
}

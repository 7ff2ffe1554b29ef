/* SPDX-License-Identifier: Apache-2.0 */
#include "expr/rows_private.h"

/* ---- what strict functions share ---- */

/* Combines one bitmap of an operand into *acc: `all` says that absent means all ones (validity).
 * buf is the node's own memory; as long as one operand has a map, its map is used as it is. */
static void combine(const uint64_t **acc, const uint64_t *map, uint64_t *buf, uint32_t words,
                    bool all) {
  if (!map || *acc == map) return;
  if (!*acc) {
    *acc = map;
    return;
  }
  const uint64_t *x = *acc;
  for (uint32_t w = 0; w < words; w++) buf[w] = all ? x[w] & map[w] : x[w] | map[w];
  *acc = buf;
}

void run_strict(struct expr_run *run, const struct expr_node *n) {
  struct vec *v = run_vec(run, n);
  v->valid = v->err = NULL;
  if (v->ebuf2) memset(v->ebuf2, 0, run->words * sizeof *v->ebuf2);
  for (uint32_t i = 0; i < n->arg_cnt; i++) {
    const struct vec *a = run_arg(run, n, i);
    combine(&v->valid, a->valid, v->vbuf, run->words, true);
    combine(&v->err, a->err, v->ebuf, run->words, false);
  }
}

const uint64_t *run_work(struct expr_run *run, const struct expr_node *n,
                         uint64_t buf[MR_BATCH_WORDS]) {
  const struct vec *v = run_vec(run, n);
  if (!v->valid && !v->err) return run->active;
  for (uint32_t w = 0; w < run->words; w++) {
    uint64_t m = run->active[w];
    if (v->valid) m &= v->valid[w];
    if (v->err) m &= ~v->err[w];
    buf[w] = m;
  }
  return buf;
}

void run_nullify(struct expr_run *run, const struct expr_node *n, const uint64_t *rows) {
  struct vec *v = run_vec(run, n);
  for (uint32_t w = 0; w < run->words; w++)
    v->vbuf[w] = (v->valid ? v->valid[w] : UINT64_MAX) & ~rows[w];
  v->valid = v->vbuf;
}

static void raise_rows(struct expr_run *run, const struct expr_node *n, const uint64_t *rows) {
  struct vec *v = run_vec(run, n);
  uint64_t any = 0;
  for (uint32_t w = 0; w < run->words; w++) {
    uint64_t own = rows[w] & run->active[w];
    if (v->valid) own &= v->valid[w];
    any |= own;
    v->ebuf[w] = own | (v->err ? v->err[w] : 0);
  }
  if (any) v->err = v->ebuf;
}

void run_raise(struct expr_run *run, const struct expr_node *n, const uint64_t *rows) {
  if (n->try_it)
    run_nullify(run, n, rows);
  else
    raise_rows(run, n, rows);
}

void run_raise2(struct expr_run *run, const struct expr_node *n, const uint64_t *rows) {
  if (!n->try_it) memcpy(run_vec(run, n)->ebuf2, rows, run->words * sizeof *rows);
  run_raise(run, n, rows);
}

void row_marks_put(struct expr_run *run, const struct expr_node *n, struct row_marks *m) {
  if (m->any_null) run_nullify(run, n, m->null);
  if (m->any_full && n->code2) memcpy(run_vec(run, n)->ebuf2, m->full, run->words * 8ul);
  if (m->any_full) raise_rows(run, n, m->full);
  if (m->any_bad) run_raise(run, n, m->bad);
}

/* ---- sources of values ---- */

void run_column(struct expr_run *run, const struct expr_node *n) {
  struct vec *v = run_vec(run, n);
  const struct mr_col *col = &run->view->cols[n->col];
  v->data = col->data;
  v->valid = col->valid;
  v->err = NULL;
}

void run_decode(struct expr_run *run, const struct expr_node *n) {
  struct vec *v = run_vec(run, n);
  run_strict(run, n);
  const uint8_t *codes = run_arg(run, n, 0)->data;
  const struct mr_enum *codes_of = n->param;
  const struct mr_str *views = codes_of->views;
  uint32_t last = codes_of->cnt - 1;
  struct mr_str *out = v->out;
  for (uint32_t i = 0; i < run->rows64; i++) {
    uint32_t code = codes[i];
    out[i] = views[code < last ? code : last]; /* behind the last row a code may be anything */
  }
  v->data = out;
}

static void fill_time(struct expr_run *run, const struct expr_node *n, const int64_t *rows,
                      int64_t one) {
  struct vec *v = run_vec(run, n);
  v->valid = v->err = NULL;
  v->data = rows;
  if (rows) return;
  int64_t *out = v->out;
  for (uint32_t i = 0; i < run->rows64; i++) out[i] = one;
  v->data = out;
}

void run_now(struct expr_run *run, const struct expr_node *n) {
  fill_time(run, n, run->now_alone ? NULL : run->view->row_now, run->now_us);
}

void run_ingest_time(struct expr_run *run, const struct expr_node *n) {
  fill_time(run, n, run->view->row_now, run->view->now_us);
}

void run_record_offset(struct expr_run *run, const struct expr_node *n) {
  struct vec *v = run_vec(run, n);
  v->err = v->valid = NULL;
  if (run->view->row_pos) {
    v->data = run->view->row_pos;
    return;
  }
  int64_t *out = v->out; /* known for the first row only */
  memset(out, 0, run->rows64 * sizeof *out);
  memset(v->vbuf, 0, run->words * sizeof *v->vbuf);
  out[0] = (int64_t)run->view->pos;
  v->vbuf[0] = 1;
  v->data = out;
  v->valid = v->vbuf;
}

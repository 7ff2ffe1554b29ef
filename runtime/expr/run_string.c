/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"
#include "expr/program_private.h"

/* Strings are made in the frame's scratch; what is a part of an operand is a view of the operand's
 * bytes. */

struct writer { /* of one node's strings */
  struct expr_run *run;
  struct mr_str *out;
  uint64_t full[MR_BATCH_WORDS];
  bool any_full;
};

static const uint64_t *begin(struct writer *w, struct expr_run *run, const struct expr_node *n,
                             uint64_t buf[MR_BATCH_WORDS]) {
  struct vec *v = run_vec(run, n);
  run_strict(run, n);
  w->run = run;
  w->out = v->out;
  w->any_full = false;
  memset(w->full, 0, sizeof w->full);
  memset(v->out, 0, run->rows64 * sizeof(struct mr_str));
  v->data = v->out;
  return run_work(run, n, buf);
}

static void end(struct writer *w, const struct expr_node *n) {
  if (w->any_full) run_raise(w->run, n, w->full);
}

static char *room(struct writer *w, uint64_t len, uint32_t row) {
  char *p = len <= UINT32_MAX ? run_scratch(w->run, len) : NULL;
  if (p) return p;
  mr_bit_set(w->full, row);
  w->any_full = true;
  return NULL;
}

/* A string of the last `room` call; short ones give their bytes back. */
static void put(struct writer *w, uint32_t row, const char *p, uint32_t len, uint64_t taken) {
  w->out[row] = mr_str_make(p, len, w->run->base);
  w->run->scratch_used -= len <= MR_STR_INLINE ? taken : taken - len;
}

static const char *text(struct expr_run *run, const struct mr_str *s) {
  return mr_str_data(s, run->base);
}

/* ---- concat ---- */

/* Operands of any scalar type; others than strings as their text. */
void run_concat(struct expr_run *run, const struct expr_node *n) {
  struct writer w;
  uint64_t buf[MR_BATCH_WORDS];
  const uint64_t *work = begin(&w, run, n, buf);
  MR_BITMAP_EACH(work, run->words, row) {
    uint64_t sz = 0;
    for (uint32_t i = 0; i < n->arg_cnt; i++) {
      const struct mr_str *s = run_arg(run, n, i)->data;
      sz += n->args[i]->type == MR_TYPE_STRING ? s[row].len : 64;
    }
    char *p = room(&w, sz, (uint32_t)row);
    if (!p) continue;
    uint32_t at = 0;
    for (uint32_t i = 0; i < n->arg_cnt; i++) {
      const void *data = run_arg(run, n, i)->data;
      if (n->args[i]->type == MR_TYPE_STRING) {
        const struct mr_str *s = (const struct mr_str *)data + row;
        memcpy(p + at, text(run, s), s->len);
        at += s->len;
      } else {
        at += expr_value_text(n->args[i]->type, data, (uint32_t)row, p + at);
      }
    }
    put(&w, (uint32_t)row, p, at, sz);
  }
  end(&w, n);
}

/* ---- case ---- */

static bool is_ascii(const char *s, uint32_t len) {
  unsigned char any = 0;
  for (uint32_t i = 0; i < len; i++) any |= (unsigned char)s[i];
  return any < 0x80;
}

void run_case_map(struct expr_run *run, const struct expr_node *n) {
  struct writer w;
  uint64_t buf[MR_BATCH_WORDS];
  const uint64_t *work = begin(&w, run, n, buf);
  const struct mr_str *a = run_arg(run, n, 0)->data;
  unsigned char from = n->op ? 'a' : 'A';
  MR_BITMAP_EACH(work, run->words, row) {
    const char *s = text(run, &a[row]);
    uint32_t len = a[row].len;
    bool ascii = is_ascii(s, len);
    uint64_t sz = ascii ? len : (uint64_t)len * 3; /* a mapping may need more bytes: 2 to 3 */
    char *p = room(&w, sz, (uint32_t)row);
    if (!p) continue;
    uint32_t at = 0;
    if (ascii) {
      for (; at < len; at++) {
        unsigned char c = (unsigned char)s[at];
        p[at] = (char)(c ^ ((unsigned char)(c - from) < 26 ? 0x20 : 0));
      }
    } else {
      for (const char *q = s, *q_end = s + len; q < q_end;) {
        uint32_t cp = expr_utf8_next(&q, q_end);
        at += expr_utf8_put(p + at, n->op ? expr_upper(cp) : expr_lower(cp));
      }
    }
    put(&w, (uint32_t)row, p, at, sz);
  }
  end(&w, n);
}

/* ---- length, substring, trim ---- */

void run_length(struct expr_run *run, const struct expr_node *n) {
  struct vec *v = run_vec(run, n);
  const struct mr_str *a = run_arg(run, n, 0)->data;
  int64_t *out = v->out;
  uint64_t buf[MR_BATCH_WORDS];
  run_strict(run, n);
  const uint64_t *work = run_work(run, n, buf);
  memset(out, 0, run->rows64 * sizeof *out);
  MR_BITMAP_EACH(work, run->words, row) {
    out[row] = n->op ? (int64_t)a[row].len * (n->op == 2 ? 8 : 1)
                     : (int64_t)mr_utf8_length(text(run, &a[row]), a[row].len);
  }
  v->data = out;
}

static uint32_t skip_chars(const char *s, uint32_t len, uint32_t off, int64_t cnt) {
  while (cnt > 0 && off < len) {
    do off++;
    while (off < len && ((unsigned char)s[off] & 0xc0) == 0x80);
    cnt--;
  }
  return off;
}

/* Characters [lo, hi) of s as bytes. */
static struct mr_str slice(struct expr_run *run, const struct mr_str *s, int64_t lo, int64_t hi) {
  const char *p = text(run, s);
  if (lo < 0) lo = 0;
  if (hi <= lo) return mr_str_make(p, 0, run->base);
  uint32_t from = skip_chars(p, s->len, 0, lo), to = skip_chars(p, s->len, from, hi - lo);
  return mr_str_make(p + from, to - from, run->base);
}

static int64_t add_clamped(int64_t a, int64_t b) {
  int64_t r;
  if (__builtin_add_overflow(a, b, &r)) return b < 0 ? INT64_MIN : INT64_MAX;
  return r;
}

void run_substring(struct expr_run *run, const struct expr_node *n) {
  struct vec *v = run_vec(run, n);
  const struct mr_str *a = run_arg(run, n, 0)->data;
  const int64_t *x = run_arg(run, n, 1)->data;
  const int64_t *y = n->arg_cnt > 2 ? run_arg(run, n, 2)->data : NULL;
  struct mr_str *out = v->out;
  uint64_t buf[MR_BATCH_WORDS];
  run_strict(run, n);
  const uint64_t *work = run_work(run, n, buf);
  memset(out, 0, run->rows64 * sizeof *out);
  MR_BITMAP_EACH(work, run->words, row) {
    int64_t k = x[row], lo = 0, hi = INT64_MAX, total = 0;
    if (k < 0 || n->op == SUBSTRING_RIGHT) /* left and right: below 1 is the empty text */
      total = (int64_t)mr_utf8_length(text(run, &a[row]), a[row].len);
    if (n->op == SUBSTRING_LEFT) {
      hi = k;
    } else if (n->op == SUBSTRING_RIGHT) {
      lo = total - (k < total ? (k < 0 ? 0 : k) : total);
    } else {
      lo = k > 0 ? k - 1 : k < 0 ? add_clamped(total, k) : 0;
      if (y) hi = y[row] < 0 ? INT64_MIN : add_clamped(lo, y[row]);
    }
    out[row] = slice(run, &a[row], lo, hi);
  }
  v->data = out;
}

static bool in_chars(const char *set, uint32_t set_len, const char *c, uint32_t c_len) {
  for (uint32_t i = 0; i + c_len <= set_len;) {
    uint32_t next = skip_chars(set, set_len, i, 1);
    if (next - i == c_len && memcmp(set + i, c, c_len) == 0) return true;
    i = next;
  }
  return false;
}

void run_trim(struct expr_run *run, const struct expr_node *n) {
  struct vec *v = run_vec(run, n);
  const struct mr_str *a = run_arg(run, n, 0)->data;
  const struct mr_str *chars = n->arg_cnt > 1 ? run_arg(run, n, 1)->data : NULL;
  struct mr_str *out = v->out;
  uint64_t buf[MR_BATCH_WORDS];
  run_strict(run, n);
  const uint64_t *work = run_work(run, n, buf);
  memset(out, 0, run->rows64 * sizeof *out);
  MR_BITMAP_EACH(work, run->words, row) {
    const char *s = text(run, &a[row]), *set = chars ? text(run, &chars[row]) : " ";
    uint32_t set_len = chars ? chars[row].len : 1, lo = 0, hi = a[row].len;
    while ((n->op & 1) && lo < hi) {
      uint32_t next = skip_chars(s, hi, lo, 1);
      if (!in_chars(set, set_len, s + lo, next - lo)) break;
      lo = next;
    }
    while ((n->op & 2) && lo < hi) {
      uint32_t prev = hi - 1;
      while (prev > lo && ((unsigned char)s[prev] & 0xc0) == 0x80) prev--;
      if (!in_chars(set, set_len, s + prev, hi - prev)) break;
      hi = prev;
    }
    out[row] = mr_str_make(s + lo, hi - lo, run->base);
  }
  v->data = out;
}

/* ---- replace, position ---- */

/* Bytes of s with `part` replaced; writes them when p is not NULL. */
static uint64_t replace(const char *s, uint32_t len, const char *part, uint32_t part_len,
                        const char *by, uint32_t by_len, char *p) {
  uint64_t at = 0;
  uint32_t from = 0;
  while (part_len && from < len) {
    int64_t hit = expr_find(s + from, len - from, part, part_len);
    if (hit < 0) break;
    if (p) {
      memcpy(p + at, s + from, (size_t)hit);
      memcpy(p + at + hit, by, by_len);
    }
    at += (uint64_t)hit + by_len;
    from += (uint32_t)hit + part_len;
  }
  if (p) memcpy(p + at, s + from, len - from);
  return at + (len - from);
}

void run_replace(struct expr_run *run, const struct expr_node *n) {
  struct writer w;
  uint64_t buf[MR_BATCH_WORDS];
  const uint64_t *work = begin(&w, run, n, buf);
  const struct mr_str *a = run_arg(run, n, 0)->data, *b = run_arg(run, n, 1)->data;
  const struct mr_str *c = run_arg(run, n, 2)->data;
  MR_BITMAP_EACH(work, run->words, row) {
    const char *s = text(run, &a[row]), *part = text(run, &b[row]), *by = text(run, &c[row]);
    uint64_t sz = replace(s, a[row].len, part, b[row].len, by, c[row].len, NULL);
    char *p = room(&w, sz, (uint32_t)row);
    if (!p) continue;
    replace(s, a[row].len, part, b[row].len, by, c[row].len, p);
    put(&w, (uint32_t)row, p, (uint32_t)sz, sz);
  }
  end(&w, n);
}

void run_position(struct expr_run *run, const struct expr_node *n) {
  struct vec *v = run_vec(run, n);
  const struct mr_str *a = run_arg(run, n, 0)->data, *b = run_arg(run, n, 1)->data;
  int64_t *out = v->out;
  uint64_t buf[MR_BATCH_WORDS];
  run_strict(run, n);
  const uint64_t *work = run_work(run, n, buf);
  memset(out, 0, run->rows64 * sizeof *out);
  MR_BITMAP_EACH(work, run->words, row) {
    const char *s = text(run, &a[row]);
    int64_t hit = expr_find(s, a[row].len, text(run, &b[row]), b[row].len);
    out[row] = hit < 0 ? 0 : (int64_t)mr_utf8_length(s, (size_t)hit) + 1;
  }
  v->data = out;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/tap.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/assert.h"
#include "base/bits.h"
#include "base/rng.h"
#include "worker/tap_private.h"
#include "worker/worker_private.h"

#define RANGE_SZ (UINT64_C(1) << 30) /* addresses: rings, columns, frames and their scratch */
#define ALIGN    16u
#define PAD      UINT32_MAX /* a record that fills the ring's end: nothing */

/* One column of the output that is copied. */
struct tap_col {
  uint32_t col; /* of the output's schema */
  enum mr_phys phys;
  const struct mr_field *field; /* of the output's schema */
  uint32_t off;                 /* of its value in a record */
};

/* A row in the ring: this head, a bitmap of the columns that are not NULL, a value of 8 or 16 bytes
 * per column, then strings and lists. Strings and lists name their place by the offset in the tap's
 * region, so the looker needs no copy. */
struct record {
  uint32_t sz;      /* bytes to the next one, or PAD */
  uint32_t skipped; /* rows since the record before that found no room; the most that fits */
  uint64_t seen;    /* rows up to this one, itself included */
  int64_t now_us;
  uint64_t reserved;
};
_Static_assert(sizeof(struct record) % ALIGN == 0, "values are aligned");

struct mr_tap_ring {
  const struct mr_tap *tap;
  uint8_t *base; /* MR_TAP_RING_SZ bytes */
  /* the worker's */
  _Alignas(MR_CACHE_LINE_PAIR) _Atomic uint64_t head; /* bytes written so far */
  _Atomic uint64_t seen, skipped;                     /* rows, published per view */
  uint64_t seen_cnt, skipped_cnt, tail_known;
  uint32_t skipped_since; /* the last record */
  uint64_t gap;           /* rows to leave out before the next sample */
  struct mr_rng rng;
  /* the looker's */
  _Alignas(MR_CACHE_LINE_PAIR) _Atomic uint64_t tail; /* bytes that are free again */
  uint64_t taken;                                     /* bytes looked at, beyond tail */
  uint64_t shown_seen, shown_skipped;                 /* up to the last record taken */
};

struct mr_tap {
  struct mr_run *run;
  struct mr_arena arena;
  struct mr_region region;
  const struct mr_plan_node *node;
  uint32_t output;
  struct mr_schema schema;
  struct tap_col *cols;
  uint32_t col_cnt, fixed_sz;
  int32_t raw; /* column of the schema that is the whole line, -1: none */
  double share;
  struct mr_tap_ring **rings; /* by instance */
  uint32_t ring_cnt, next_ring, view_ring;
  bool started;
  /* the view that was taken */
  struct mr_view view;
  struct mr_col *view_cols;
  void **data;
  uint64_t (*valid)[MR_BATCH_WORDS];
  int64_t row_now[MR_BATCH_ROWS];
  uint64_t row_seen[MR_BATCH_ROWS];
  uint32_t row_skipped[MR_BATCH_ROWS];
  uint64_t before_skipped; /* of the ring, before the view's first row */
};

/* ---- the worker's side: how large a row is ---- */

static uint64_t str_sz(const struct mr_str *s) {
  return s->len > MR_STR_INLINE ? mr_align_up(s->len, 8) : 0;
}

static bool elem_is_text(const struct mr_field *f) {
  return f->elem == MR_TYPE_STRING;
}

/* Bytes of one element in the ring: enum codes become texts. */
static uint32_t elem_sz(const struct mr_field *f) {
  return elem_is_text(f) ? (uint32_t)sizeof(struct mr_str) : f->elem == MR_TYPE_BOOL ? 1 : 8;
}

static struct mr_str elem_text(const struct mr_field *f, const void *data, uint32_t i) {
  return f->codes ? f->codes->views[((const uint8_t *)data)[i]] : ((const struct mr_str *)data)[i];
}

static uint64_t list_sz(const struct mr_field *f, const struct mr_list *l, const uint8_t *base) {
  if (!l->cnt) return 0;
  uint64_t sz = (l->has_nulls ? mr_bitmap_words(l->cnt) * 8u : 0) +
                mr_align_up((uint64_t)l->cnt * elem_sz(f), 8);
  for (uint32_t i = 0; elem_is_text(f) && i < l->cnt; i++) {
    struct mr_str s = elem_text(f, base + l->off, i);
    sz += str_sz(&s);
  }
  return sz;
}

/* The value's string, of a string or enum column. */
static struct mr_str text_at(const struct tap_col *c, const struct mr_col *col, uint32_t row) {
  if (c->phys == MR_PHYS_STR) return ((const struct mr_str *)col->data)[row];
  return c->field->codes->views[((const uint8_t *)col->data)[row]];
}

static bool is_null(const struct mr_col *col, uint32_t row) {
  return !col->data || (col->valid && !mr_bit_get(col->valid, row));
}

static uint64_t row_sz(const struct mr_tap *tap, const struct mr_view *view, uint32_t row,
                       const uint8_t *base) {
  uint64_t sz = tap->fixed_sz;
  for (uint32_t i = 0; i < tap->col_cnt; i++) {
    const struct tap_col *c = &tap->cols[i];
    const struct mr_col *col = &view->cols[c->col];
    if (c->phys == MR_PHYS_W8 || c->phys == MR_PHYS_BIT || is_null(col, row)) continue;
    if (c->phys == MR_PHYS_LIST) {
      sz += list_sz(c->field, (const struct mr_list *)col->data + row, base);
    } else {
      struct mr_str s = text_at(c, col, row);
      sz += str_sz(&s);
    }
  }
  return mr_align_up(sz, ALIGN);
}

/* ---- copying ---- */

struct put {
  const uint8_t *from; /* base of the run's region */
  uint8_t *to;         /* base of the tap's region */
  uint8_t *heap;       /* where the next long value goes */
};

static struct mr_str put_str(struct put *p, const struct mr_str *s) {
  if (s->len <= MR_STR_INLINE) return *s;
  memcpy(p->heap, mr_str_data(s, p->from), s->len);
  struct mr_str out = mr_str_make((const char *)p->heap, s->len, p->to);
  p->heap += mr_align_up(s->len, 8);
  return out;
}

static struct mr_list put_list(struct put *p, const struct mr_field *f, const struct mr_list *l) {
  struct mr_list out = *l;
  if (!l->cnt) return out;
  const uint8_t *data = p->from + l->off;
  if (l->has_nulls) {
    uint64_t sz = mr_bitmap_words(l->cnt) * 8u;
    memcpy(p->heap, data - sz, sz);
    p->heap += sz;
  }
  uint8_t *values = p->heap;
  out.off = (uint64_t)(values - p->to);
  p->heap += mr_align_up((uint64_t)l->cnt * elem_sz(f), 8);
  if (!elem_is_text(f)) {
    memcpy(values, data, (size_t)l->cnt * elem_sz(f));
    return out;
  }
  for (uint32_t i = 0; i < l->cnt; i++) {
    struct mr_str s = elem_text(f, data, i);
    ((struct mr_str *)(void *)values)[i] = put_str(p, &s);
  }
  return out;
}

static void put_row(const struct mr_tap *tap, const struct mr_view *view, uint32_t row,
                    struct record *rec, struct put *p) {
  uint8_t *at = (uint8_t *)rec;
  uint64_t *valid = (uint64_t *)(void *)(rec + 1);
  memset(valid, 0, mr_bitmap_words(tap->col_cnt) * 8u);
  p->heap = at + tap->fixed_sz;
  for (uint32_t i = 0; i < tap->col_cnt; i++) {
    const struct tap_col *c = &tap->cols[i];
    const struct mr_col *col = &view->cols[c->col];
    uint64_t *to = (uint64_t *)(void *)(at + c->off);
    if (is_null(col, row)) continue;
    mr_bit_set(valid, i);
    switch (c->phys) {
    case MR_PHYS_BIT: *to = mr_bit_get(col->data, row); break;
    case MR_PHYS_W8: *to = ((const uint64_t *)col->data)[row]; break;
    case MR_PHYS_LIST: {
      struct mr_list l = put_list(p, c->field, (const struct mr_list *)col->data + row);
      memcpy(to, &l, sizeof l);
      break;
    }
    default: {
      struct mr_str s = text_at(c, col, row);
      s = put_str(p, &s);
      memcpy(to, &s, sizeof s);
    }
    }
  }
}

/* ---- the ring ---- */

/* Room for sz bytes in one piece at *head; NULL: there is none now. */
static struct record *room_for(struct mr_tap_ring *ring, uint64_t *head, uint64_t sz) {
  uint64_t at = *head & (MR_TAP_RING_SZ - 1), end = MR_TAP_RING_SZ - at;
  uint64_t need = sz <= end ? sz : end + sz;
  if (*head + need - ring->tail_known > MR_TAP_RING_SZ) {
    /* acquire: pairs with the release in mr_tap_done; what is written over was read */
    ring->tail_known = atomic_load_explicit(&ring->tail, memory_order_acquire);
    if (*head + need - ring->tail_known > MR_TAP_RING_SZ) return NULL;
  }
  if (sz > end) {
    ((struct record *)(void *)(ring->base + at))->sz = PAD;
    *head += end;
    at = 0;
  }
  return (struct record *)(void *)(ring->base + at);
}

/* Rows to the next sample: so many fail before one succeeds. */
static uint64_t draw_gap(struct mr_tap_ring *ring) {
  if (ring->tap->share >= 1) return 0;
  double u = mr_rng_unit(mr_rng_next(&ring->rng));
  double gap = log(1 - u) / log(1 - ring->tap->share);
  return gap < 1e15 ? (uint64_t)gap : UINT64_C(1000000000000000);
}

static void skip_row(struct mr_tap_ring *ring) {
  ring->skipped_cnt++;
  if (ring->skipped_since < UINT32_MAX) ring->skipped_since++;
}

/* Writes the row, or counts it as skipped. False: the ring is full, the rest need not be tried. */
static bool offer_row(struct mr_tap_ring *ring, uint64_t *head, const struct mr_view *view,
                      uint32_t row, struct put *p) {
  const struct mr_tap *tap = ring->tap;
  uint64_t sz = row_sz(tap, view, row, p->from);
  bool fits = sz <= MR_TAP_RING_SZ / 2;
  struct record *rec = fits ? room_for(ring, head, sz) : NULL;
  if (!rec) {
    skip_row(ring);
    return !fits;
  }
  *rec = (struct record){.sz = (uint32_t)sz,
                         .skipped = ring->skipped_since,
                         .seen = ring->seen_cnt,
                         .now_us = view->row_now ? view->row_now[row] : view->now_us};
  put_row(tap, view, row, rec, p);
  ring->skipped_since = 0;
  *head += sz;
  return true;
}

static void offer_rows(struct mr_tap_ring *ring, const uint8_t *base, const struct mr_view *view) {
  uint64_t all[MR_BATCH_WORDS];
  const uint64_t *sel = mr_view_sel(view, all);
  struct put p = {.from = base, .to = ring->tap->region.base};
  /* relaxed: its own word */
  uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
  bool room = true;
  MR_BITMAP_EACH(sel, mr_bitmap_words(view->row_cnt), row) {
    ring->seen_cnt++;
    if (ring->gap) {
      ring->gap--;
      continue;
    }
    ring->gap = draw_gap(ring);
    if (room)
      room = offer_row(ring, &head, view, (uint32_t)row, &p);
    else
      skip_row(ring);
  }
  /* release: pairs with the acquire in mr_tap_take; the records are written */
  atomic_store_explicit(&ring->head, head, memory_order_release);
  mr_stat_set(&ring->seen, ring->seen_cnt);
  mr_stat_set(&ring->skipped, ring->skipped_cnt);
}

void mr_tap_offer(struct mr_instance *inst, struct mr_outp *out, const struct mr_view *view) {
  struct mr_tap_port *port = &out->tap;
  /* seq_cst: this store and the load after it against those in close_port */
  atomic_store_explicit(&port->busy, 1, memory_order_seq_cst);
  if (atomic_load_explicit(&port->open, memory_order_seq_cst)) /* as above */
    offer_rows(port->ring, inst->run->region.base, view);
  /* release: pairs with the load in close_port; the ring is not touched any more */
  atomic_store_explicit(&port->busy, 0, memory_order_release);
}

/* ---- opening ---- */

/* The node that the name begins with: the longest, since steps that a step stands for have a dot in
 * theirs. */
static const struct mr_plan_node *find_node(const struct mr_plan *plan, const char *name) {
  const struct mr_plan_node *found = NULL;
  for (uint32_t i = 0; i < plan->node_cnt; i++) {
    const struct mr_plan_node *n = &plan->nodes[i];
    size_t len = strlen(n->name);
    if (n->internal || strncmp(n->name, name, len) != 0 || (name[len] && name[len] != '.'))
      continue;
    if (!found || len > strlen(found->name)) found = n;
  }
  return found;
}

static bool find_port(const struct mr_plan_node *n, const char *output, uint32_t *port) {
  for (*port = 0; *port < n->out_cnt; ++*port)
    if (!strcmp(n->outs[*port].name, output)) return true;
  return false;
}

/* Of a step that stands for others: the output of one that was made for it. */
static const struct mr_plan_node *find_made(const struct mr_plan *plan, const char *step,
                                            const char *output, uint32_t *port) {
  size_t len = strlen(step);
  for (uint32_t i = 0; i < plan->node_cnt; i++) {
    const struct mr_plan_node *n = &plan->nodes[i];
    if (n->internal || strncmp(n->name, step, len) != 0 || n->name[len] != '.') continue;
    if (find_port(n, output, port)) return n;
  }
  return NULL;
}

static int find_output(struct mr_tap *tap, const char *name, struct mr_error *err) {
  const struct mr_plan *plan = tap->run->plan;
  const struct mr_plan_node *n = find_node(plan, name);
  if (!n)
    return mr_error_set(err, MR_ERR_NOENT, "graph %s has no node \"%.*s\"", plan->graph,
                        (int)strcspn(name, "."), name);
  bool dot = name[strlen(n->name)] == '.';
  const char *output = dot ? name + strlen(n->name) + 1 : "";
  tap->node = n;
  if (n->op->kind == MR_OP_SINK && !dot)
    return mr_error_set(err, MR_ERR_NOENT, "%s is a sink and has no rows of its own: tap %s",
                        n->name, plan->nodes[n->inputs[0].node].name);
  if (find_port(n, output, &tap->output)) return MR_OK;
  tap->node = find_made(plan, n->name, output, &tap->output);
  if (tap->node) return MR_OK;
  char there[256] = "";
  for (uint32_t o = 0, at = 0; o < n->out_cnt && at < sizeof there; o++)
    if (n->outs[o].name[0])
      at += (uint32_t)snprintf(there + at, sizeof there - at, ", %s.%s", n->name, n->outs[o].name);
  return mr_error_set(err, MR_ERR_NOENT, "%s has no output \"%s\": there is %s%s", n->name, output,
                      n->name, there);
}

/* The columns that the output's views carry: those that somebody reads. The untyped rows of a
 * source are their line. */
static int choose_columns(struct mr_tap *tap, struct mr_error *err) {
  const struct mr_plan_out *out = &tap->node->outs[tap->output];
  const struct mr_schema *schema = out->schema;
  if (!schema || !out->reader_cnt)
    return mr_error_set(err, MR_ERR_STATE,
                        "nothing in this graph reads %s%s%s, so no rows are made for it",
                        tap->node->name, out->name[0] ? "." : "", out->name);
  tap->cols = MR_NEW(&tap->arena, struct tap_col, schema->cnt + 1);
  tap->schema.fields = MR_NEW(&tap->arena, struct mr_field, schema->cnt + 1);
  tap->schema.event_time = -1;
  tap->raw = -1;
  uint32_t cnt = 0;
  for (uint32_t c = 0; c < schema->cnt; c++) {
    const struct mr_field *f = &schema->fields[c];
    bool raw = f->hidden && !strcmp(f->name, "raw");
    if (!out->need[c] || (f->hidden && !raw)) continue;
    tap->cols[cnt] = (struct tap_col){.col = c, .phys = mr_field_phys(f), .field = f};
    tap->schema.fields[cnt] = *f;
    tap->schema.fields[cnt].codes = NULL;
    tap->schema.fields[cnt].optional = true;
    tap->schema.fields[cnt].hidden = false;
    if (raw) tap->raw = (int32_t)cnt;
    if ((int32_t)c == schema->event_time) tap->schema.event_time = (int32_t)cnt;
    cnt++;
  }
  tap->col_cnt = tap->schema.cnt = tap->schema.visible_cnt = cnt;
  uint32_t off = (uint32_t)sizeof(struct record) + mr_bitmap_words(cnt) * 8u;
  for (uint32_t i = 0; i < cnt; i++) {
    tap->cols[i].off = off;
    off += tap->cols[i].phys == MR_PHYS_W8 || tap->cols[i].phys == MR_PHYS_BIT ? 8 : 16;
  }
  tap->fixed_sz = off;
  return cnt ? MR_OK
             : mr_error_set(err, MR_ERR_STATE, "no column of %s is read by anything",
                            tap->node->name);
}

static void *take_memory(struct mr_tap *tap, uint64_t sz) {
  uint64_t off = mr_region_alloc(&tap->region, sz, MR_CACHE_LINE_PAIR, "tap");
  return off ? mr_region_ptr(&tap->region, off) : NULL;
}

static int make_memory(struct mr_tap *tap, struct mr_error *err) {
  int rc = mr_region_create(&tap->region, RANGE_SZ, MR_HUGE_OFF, err);
  if (rc) return rc;
  uint32_t n = tap->col_cnt;
  bool all = true;
  tap->rings = MR_NEW(&tap->arena, struct mr_tap_ring *, tap->ring_cnt);
  tap->data = MR_NEW(&tap->arena, void *, n);
  tap->view_cols = MR_NEW(&tap->arena, struct mr_col, n);
  tap->valid = mr_arena_alloc(&tap->arena, n * sizeof *tap->valid);
  for (uint32_t i = 0; i < n; i++)
    all &= (tap->data[i] =
                take_memory(tap, mr_phys_column_sz(mr_field_phys(&tap->schema.fields[i])))) != NULL;
  for (uint32_t i = 0; i < tap->ring_cnt; i++) {
    tap->rings[i] = take_memory(tap, sizeof **tap->rings);
    uint8_t *base = take_memory(tap, MR_TAP_RING_SZ);
    if (!tap->rings[i] || !base) all = false;
    if (!all) break;
    tap->rings[i]->tap = tap;
    tap->rings[i]->base = base;
    mr_rng_init(&tap->rings[i]->rng, (uint64_t)i + 1);
  }
  return all ? MR_OK : mr_error_set(err, MR_ERR_NOMEM, "no room for the rows of a tap");
}

static struct mr_tap_port *port_of(const struct mr_tap *tap, uint32_t instance) {
  return &tap->run->insts[tap->node->first_instance + instance].outs[tap->output].tap;
}

static bool take_ports(struct mr_tap *tap) {
  pthread_mutex_lock(&tap->run->lock);
  bool taken = port_of(tap, 0)->taken;
  for (uint32_t i = 0; i < tap->ring_cnt && !taken; i++) port_of(tap, i)->taken = true;
  pthread_mutex_unlock(&tap->run->lock);
  return !taken;
}

static void free_tap(struct mr_tap *tap) {
  struct mr_arena arena = tap->arena;
  if (tap->region.base) mr_region_destroy(&tap->region);
  mr_arena_free(&arena); /* the tap itself is in it */
}

int mr_tap_open(struct mr_tap **out, struct mr_run *run, const char *name, struct mr_error *err) {
  struct mr_arena arena = {0};
  struct mr_tap *tap = MR_NEW(&arena, struct mr_tap, 1);
  tap->arena = arena;
  tap->run = run;
  int rc = find_output(tap, name, err);
  if (!rc) rc = choose_columns(tap, err);
  if (!rc) {
    tap->ring_cnt = tap->node->instance_cnt;
    rc = make_memory(tap, err);
  }
  if (!rc && !take_ports(tap))
    rc = mr_error_set(err, MR_ERR_EXISTS, "somebody taps %s already", name);
  if (rc)
    free_tap(tap);
  else
    *out = tap;
  return rc;
}

const struct mr_schema *mr_tap_schema(const struct mr_tap *tap) {
  return &tap->schema;
}
struct mr_region *mr_tap_region(struct mr_tap *tap) {
  return &tap->region;
}

bool mr_tap_pruned(const struct mr_tap *tap, const char *column) {
  const struct mr_plan_out *out = &tap->node->outs[tap->output];
  int32_t c = mr_schema_find(out->schema, column, strlen(column));
  return c >= 0 && !out->need[c];
}

int mr_tap_start(struct mr_tap *tap, double share, struct mr_error *err) {
  MR_ASSERT(!tap->started && share > 0 && share <= 1);
  int rc = mr_region_commit(&tap->region, err);
  if (rc) return rc;
  tap->share = share;
  tap->started = true;
  for (uint32_t i = 0; i < tap->ring_cnt; i++) {
    struct mr_tap_port *port = port_of(tap, i);
    tap->rings[i]->gap = draw_gap(tap->rings[i]);
    port->ring = tap->rings[i];
    /* release: pairs with the load in mr_tap_offer; the ring is whole */
    atomic_store_explicit(&port->open, 1, memory_order_release);
  }
  return MR_OK;
}

/* ---- taking ---- */

static void gather(struct mr_tap *tap, const struct record *rec, uint32_t row) {
  const uint64_t *valid = (const uint64_t *)(const void *)(rec + 1);
  for (uint32_t i = 0; i < tap->col_cnt; i++) {
    const uint8_t *from = (const uint8_t *)rec + tap->cols[i].off;
    bool there = mr_bit_get(valid, i);
    if (there)
      mr_bit_set(tap->valid[i], row);
    else
      tap->view_cols[i].valid = tap->valid[i];
    switch (mr_field_phys(&tap->schema.fields[i])) {
    case MR_PHYS_BIT:
      if (there && *(const uint64_t *)(const void *)from)
        mr_bit_set(tap->data[i], row);
      else
        mr_bit_clear(tap->data[i], row);
      break;
    case MR_PHYS_W8:
      ((uint64_t *)tap->data[i])[row] = there ? *(const uint64_t *)(const void *)from : 0;
      break;
    default:
      if (there)
        memcpy((uint8_t *)tap->data[i] + row * 16u, from, 16);
      else
        memset((uint8_t *)tap->data[i] + row * 16u, 0, 16);
    }
  }
}

/* Takes what one ring has; the rows taken. */
static uint32_t take_ring(struct mr_tap *tap, struct mr_tap_ring *ring) {
  /* acquire: pairs with the release in offer_rows */
  uint64_t head = atomic_load_explicit(&ring->head, memory_order_acquire), at = ring->taken;
  uint32_t n = 0;
  tap->before_skipped = ring->shown_skipped;
  while (at < head && n < MR_BATCH_ROWS) {
    uint64_t off = at & (MR_TAP_RING_SZ - 1);
    const struct record *rec = (const void *)(ring->base + off);
    if (rec->sz == PAD) {
      at += MR_TAP_RING_SZ - off;
      continue;
    }
    gather(tap, rec, n);
    tap->row_now[n] = rec->now_us;
    tap->row_seen[n] = rec->seen;
    tap->row_skipped[n] = rec->skipped;
    ring->shown_seen = rec->seen;
    ring->shown_skipped += rec->skipped;
    at += rec->sz;
    n++;
  }
  ring->taken = at;
  return n;
}

const struct mr_view *mr_tap_take(struct mr_tap *tap) {
  uint32_t n = 0;
  for (uint32_t i = 0; i < tap->col_cnt; i++) {
    tap->view_cols[i] = (struct mr_col){.data = tap->data[i]};
    memset(tap->valid[i], 0, sizeof tap->valid[i]);
  }
  for (uint32_t i = 0; i < tap->ring_cnt && !n; i++) {
    tap->view_ring = tap->next_ring;
    tap->next_ring = (tap->next_ring + 1) % tap->ring_cnt;
    n = take_ring(tap, tap->rings[tap->view_ring]);
  }
  if (!n) return NULL;
  tap->view = (struct mr_view){.cols = tap->view_cols,
                               .row_cnt = n,
                               .sel_cnt = n,
                               .et_min = MR_TIME_NONE,
                               .et_max = MR_TIME_NONE,
                               .frontier_in = MR_TIME_NONE,
                               .frontier_out = MR_TIME_NONE,
                               .now_us = tap->row_now[0],
                               .row_now = tap->row_now};
  return &tap->view;
}

void mr_tap_done(struct mr_tap *tap) {
  struct mr_tap_ring *ring = tap->rings[tap->view_ring];
  /* release: pairs with the acquire in room_for */
  atomic_store_explicit(&ring->tail, ring->taken, memory_order_release);
}

void mr_tap_count(const struct mr_tap *tap, uint32_t row, struct mr_tap_counts *counts) {
  *counts = (struct mr_tap_counts){0};
  for (uint32_t i = 0; i < tap->ring_cnt; i++) {
    const struct mr_tap_ring *ring = tap->rings[i];
    if (row == UINT32_MAX) {
      counts->seen += mr_stat_get(&ring->seen);
      counts->skipped += mr_stat_get(&ring->skipped);
    } else if (i != tap->view_ring) {
      counts->seen += ring->shown_seen;
      counts->skipped += ring->shown_skipped;
    } else {
      counts->seen += tap->row_seen[row];
      counts->skipped += tap->before_skipped;
      for (uint32_t r = 0; r <= row; r++) counts->skipped += tap->row_skipped[r];
    }
  }
}

size_t mr_tap_text(const struct mr_tap *tap, uint32_t row, char *buf, size_t sz) {
  if (tap->raw >= 0) {
    const struct mr_str *s = (const struct mr_str *)tap->data[tap->raw] + row;
    if (s->len >= sz) return 0;
    memcpy(buf, mr_str_data(s, tap->region.base), s->len);
    return s->len;
  }
  mr_row_text_fn text = tap->run->conf.row_text;
  return text ? text(&tap->schema, tap->region.base, &tap->view, row, buf, sz) : 0;
}

/* ---- closing ---- */

/* Takes the ring away from the worker, which is in it for one view at most. */
static void close_port(struct mr_tap_port *port) {
  const struct timespec pause = {.tv_nsec = 20000};
  /* seq_cst: this store and the load after it against those in mr_tap_offer */
  atomic_store_explicit(&port->open, 0, memory_order_seq_cst);
  while (atomic_load_explicit(&port->busy, memory_order_seq_cst)) nanosleep(&pause, NULL);
  port->ring = NULL;
}

void mr_tap_close(struct mr_tap *tap) {
  if (!tap) return;
  for (uint32_t i = 0; i < tap->ring_cnt && tap->started; i++) close_port(port_of(tap, i));
  pthread_mutex_lock(&tap->run->lock);
  for (uint32_t i = 0; i < tap->ring_cnt; i++) port_of(tap, i)->taken = false;
  pthread_mutex_unlock(&tap->run->lock);
  free_tap(tap);
}

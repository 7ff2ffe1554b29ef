/* SPDX-License-Identifier: Apache-2.0 */
#include "operators/window/session.h"

#include <string.h>

#include "base/assert.h"
#include "base/bits.h"

enum { READ_NOTHING, READ_CLOSING, READ_CHANGED, READ_ALL };

/* ---- sessions ---- */

static struct mr_session_row *of(const struct mr_session *self, const struct mr_row *row) {
  return (struct mr_session_row *)((uintptr_t)row + self->extra_off);
}

static struct mr_row *at(const struct mr_session *self, uint32_t ref) {
  return ref ? mr_row_at(&self->keyed.space, ref) : NULL;
}

static uint32_t ref_of(const struct mr_session *self, const struct mr_row *row) {
  return mr_store_ref(&self->keyed.space.store, row);
}

static struct mr_table *table_of(const struct mr_session *self) {
  return mr_table_at(&self->keyed.space, self->table);
}

static int64_t end_of(const struct mr_session *self, const struct mr_session_row *s) {
  return s->last_us + self->data->gap_us;
}

static bool closes(const struct mr_session *self, int64_t end_us) {
  return end_us <= self->watermark_us;
}

static uint32_t tag_of(const struct mr_session *self, const struct mr_row *row) {
  return mr_keys_tag(&self->keyed.plan->keys, self->keyed.space.base, row->key);
}

static void free_when_idle(struct mr_session *self, struct mr_row *row) {
  const struct mr_session_row *s = of(self, row);
  if (s->flags & MR_SESSION_ENDED && !s->timer_cnt && !row->dirty_next)
    mr_table_free(&self->keyed.space, table_of(self), row);
}

/* A session's next time: when it may close, or its state may go. */
static void set_timer(struct mr_session *self, struct mr_row *row) {
  struct mr_session_row *s = of(self, row);
  int64_t us = end_of(self, s);
  if (s->flags & MR_SESSION_CLOSED) us += self->data->lateness_us;
  if (self->data->emit == MR_EMIT_COMPLETE) return;
  s->timer_us = us;
  s->timer_cnt++;
  if (!mr_timers_add(&self->keyed.space.store, &self->timers, us, ref_of(self, row)))
    self->keyed.space.full = true;
}

/* Takes a session out of its key's list. */
static void unlink_row(struct mr_session *self, struct mr_row *row) {
  struct mr_session_row *s = of(self, row);
  struct mr_store *store = &self->keyed.space.store;
  struct mr_table *t = table_of(self);
  if (s->newer)
    of(self, at(self, s->newer))->older = s->older;
  else if (s->older)
    mr_index_replace(store, &t->index, tag_of(self, row), ref_of(self, row), s->older);
  else
    mr_index_remove(store, &t->index, tag_of(self, row), ref_of(self, row));
  if (s->older) of(self, at(self, s->older))->newer = s->newer;
  s->newer = s->older = 0;
}

static void end_row(struct mr_session *self, struct mr_row *row) {
  unlink_row(self, row);
  mr_table_end(&self->keyed.space, table_of(self), row);
  of(self, row)->flags = MR_SESSION_ENDED;
  free_when_idle(self, row);
}

/* Puts a new session into its key's list, whose newest is head. False: no room. */
static bool link_row(struct mr_session *self, struct mr_row *row, struct mr_row *head,
                     uint32_t tag) {
  struct mr_session_row *s = of(self, row);
  struct mr_store *store = &self->keyed.space.store;
  struct mr_table *t = table_of(self);
  uint32_t ref = ref_of(self, row);
  if (!head) return mr_index_add(store, &t->index, tag, ref);
  if (of(self, head)->first_us <= s->first_us) {
    s->older = ref_of(self, head);
    of(self, head)->newer = ref;
    mr_index_replace(store, &t->index, tag, s->older, ref);
    return true;
  }
  struct mr_row *before = head; /* the one that is to be the next newer */
  while (of(self, before)->older &&
         of(self, at(self, of(self, before)->older))->first_us > s->first_us)
    before = at(self, of(self, before)->older);
  s->newer = ref_of(self, before);
  s->older = of(self, before)->older;
  if (s->older) of(self, at(self, s->older))->newer = ref;
  of(self, before)->older = ref;
  return true;
}

/* The newest session of a key; NULL: it has none. */
static struct mr_row *find_key(const struct mr_session *self, uint32_t row) {
  const struct mr_keyed *k = &self->keyed;
  const struct mr_table *t = table_of(self);
  const struct mr_keys *keys = &k->plan->keys;
  if (!t->index.cnt) return NULL;
  const uint64_t *key = k->keys.words + (size_t)row * keys->words;
  struct mr_index_look look = mr_index_look(&k->space.store, &t->index);
  uint32_t tag = k->keys.tags[row], ref;
  if (keys->words == 1 && keys->str_word == 1) {
    MR_INDEX_EACH(&look, tag, ref, mr_row_at(&k->space, ref)->key[0] == *key);
  } else {
    MR_INDEX_EACH(&look, tag, ref,
                  mr_keys_equal(keys, k->space.base, mr_row_at(&k->space, ref)->key, key));
  }
  return at(self, ref);
}

/* ---- time of rows ---- */

/* Whether a row's session has state for it: its own watermark has not reached its end. */
static bool is_open(const struct mr_session *self, int64_t end_us, int64_t own_us) {
  return end_us + self->data->lateness_us > own_us;
}

/* ---- adding ---- */

static void add_listed(struct mr_session *self, struct mr_op_ctx *ctx, const struct mr_view *in) {
  struct mr_keyed *k = &self->keyed;
  struct mr_fold_batch batch = {k->ins, k->et, in->partition, k->seq};
  (void)ctx;
  if (self->add_cnt)
    mr_folds_add(&k->space, table_of(self), &batch, self->row_list, k->state, self->add_cnt);
  self->add_cnt = 0;
}

/* What follows from a change: it is noted, and a closed session that has grown beyond the watermark
 * is open again. */
static void note_change(struct mr_session *self, struct mr_row *row) {
  struct mr_session_row *s = of(self, row);
  bool closed = self->data->emit != MR_EMIT_COMPLETE && closes(self, end_of(self, s));
  if (closed != ((s->flags & MR_SESSION_CLOSED) != 0)) {
    s->flags ^= MR_SESSION_CLOSED;
    set_timer(self, row);
  }
  s->flags &= (uint16_t)~MR_SESSION_WRITTEN;
  if (!closed && self->data->emit != MR_EMIT_UPDATE) return;
  self->corrected |= closed;
  mr_table_touch(&self->keyed.space, table_of(self), &row, 1);
}

static struct mr_row *begin_session(struct mr_session *self, uint32_t row, struct mr_row *head,
                                    int64_t us) {
  struct mr_keyed *k = &self->keyed;
  struct mr_row *made =
      mr_table_add(&k->space, table_of(self), k->keys.words + (size_t)row * k->plan->keys.words);
  if (!made) return NULL;
  struct mr_session_row *s = of(self, made);
  s->first_us = s->last_us = us;
  if (!link_row(self, made, head, k->keys.tags[row])) {
    mr_table_end(&k->space, table_of(self), made);
    mr_table_free(&k->space, table_of(self), made);
    return NULL;
  }
  bool closed = self->data->emit != MR_EMIT_COMPLETE && closes(self, end_of(self, s));
  if (closed) s->flags = MR_SESSION_CLOSED;
  set_timer(self, made);
  return made;
}

static bool touches(const struct mr_session *self, const struct mr_session_row *s, int64_t first_us,
                    int64_t last_us) {
  return first_us <= end_of(self, s) && last_us + self->data->gap_us >= s->first_us;
}

/* Merges the key's sessions that touch [*first, *last + gap) into the oldest of them. */
static struct mr_row *join_sessions(struct mr_session *self, struct mr_op_ctx *ctx,
                                    const struct mr_view *in, struct mr_row *head,
                                    int64_t *first_us, int64_t *last_us, int64_t own_us) {
  struct mr_row *kept = NULL;
  for (bool again = true; again;) {
    again = false;
    for (struct mr_row *row = head, *older; row; row = older) {
      struct mr_session_row *s = of(self, row);
      older = at(self, s->older);
      if (end_of(self, s) < *first_us) break; /* so do those before it */
      if (row == kept || !is_open(self, end_of(self, s), own_us) ||
          !touches(self, s, *first_us, *last_us))
        continue;
      again |= s->first_us < *first_us || s->last_us > *last_us;
      if (s->first_us < *first_us) *first_us = s->first_us;
      if (s->last_us > *last_us) *last_us = s->last_us;
      struct mr_row *gone = kept;
      kept = row;
      if (!gone) continue;
      add_listed(self, ctx, in); /* rows that wait may be the session's that goes */
      if (of(self, gone)->first_us <
          s->first_us) { /* they overlap, for rows of another partition */
        kept = gone;
        gone = row;
      }
      mr_folds_merge(&self->keyed.space, table_of(self), &kept, &gone, 1, true);
      if (gone == head) head = at(self, of(self, gone)->older);
      end_row(self, gone);
    }
  }
  return kept;
}

/* The session that a row belongs to, made if need be; NULL: no room, or *late. */
static struct mr_row *session_of(struct mr_session *self, struct mr_op_ctx *ctx,
                                 const struct mr_view *in, uint32_t row, struct mr_row *head,
                                 int64_t own_us, bool *late) {
  int64_t us = self->time[row], first, last;
  us = us < MR_SLICES_LEAST ? MR_SLICES_LEAST : us > MR_SLICES_MOST ? MR_SLICES_MOST : us;
  first = last = us;
  /* what was looked up with the rows before it may be new, or no more the newest */
  if (!head || of(self, head)->newer || of(self, head)->flags & MR_SESSION_ENDED ||
      self->data->emit == MR_EMIT_COMPLETE)
    head = find_key(self, row);
  struct mr_row *found = head;
  *late = false;
  if (head) {
    struct mr_session_row *s = of(self, head);
    bool alone =
        us >= s->first_us && (!s->older || end_of(self, of(self, at(self, s->older))) < us);
    if (alone && us <= end_of(self, s) && is_open(self, end_of(self, s), own_us)) {
      if (us > s->last_us) s->last_us = us;
      return head; /* the usual case */
    }
    found = join_sessions(self, ctx, in, head, &first, &last, own_us);
  }
  if (found) {
    struct mr_session_row *s = of(self, found);
    s->first_us = first;
    s->last_us = last;
    return found;
  }
  *late = !is_open(self, us + self->data->gap_us, own_us);
  if (*late) return NULL;
  return begin_session(self, row, head, us);
}

static void add_row(struct mr_session *self, struct mr_op_ctx *ctx, const struct mr_view *in,
                    uint32_t row, struct mr_row *head) {
  struct mr_keyed *k = &self->keyed;
  bool late;
  int64_t own = mr_window_own_watermark(self->data, in, row, self->watermark_us);
  struct mr_row *session = session_of(self, ctx, in, row, head, own, &late);
  if (late) {
    mr_bit_set(self->late, row);
    self->late_cnt++;
  } else if (!session) {
    self->none[self->none_cnt++] = (uint16_t)row;
  } else {
    k->state[self->add_cnt] = session;
    self->row_list[self->add_cnt++] = (uint16_t)row;
    if (k->touch || closes(self, end_of(self, of(self, session))) ||
        of(self, session)->flags & MR_SESSION_CLOSED)
      note_change(self, session);
  }
}

static void divert_late(struct mr_session *self, struct mr_op_ctx *ctx, const struct mr_view *in) {
  struct mr_keyed *k = &self->keyed;
  if (!self->late_cnt) return;
  for (uint32_t w = 0; w < mr_bitmap_words(in->row_cnt); w++) k->sel[w] &= ~self->late[w];
  k->sel_cnt -= self->late_cnt;
  ctx->counts.late += self->late_cnt;
  if (!self->data->divert) return;
  self->late_view = *in;
  self->late_view.sel = self->late;
  self->late_view.sel_cnt = self->late_cnt;
  mr_emit(ctx, MR_WINDOW_OUT_LATE, &self->late_view);
}

static void add_rows(struct mr_session *self, struct mr_op_ctx *ctx, const struct mr_view *in) {
  struct mr_keyed *k = &self->keyed;
  uint32_t n = k->kernels->rows(k->sel, mr_bitmap_words(in->row_cnt), k->rows);
  self->add_cnt = self->none_cnt = self->late_cnt = 0;
  memset(self->late, 0, sizeof self->late);
  if (k->plan->folds.grows && mr_store_tight(&k->space.store)) {
    mr_keyed_no_room(k, ctx, k->rows, n);
    return;
  }
  mr_keys_begin(&k->keys, in, k->rows, n);
  mr_keys_pack(&k->keys);
  struct mr_row *heads[MR_TABLE_FETCH];
  for (uint32_t i = 0; i < n; i++) {
    uint32_t at = i % MR_TABLE_FETCH;
    if (!at) mr_table_look_ahead(&k->space, table_of(self), &k->keys, k->rows, i, n, heads);
    add_row(self, ctx, in, k->rows[i], heads[at]);
  }
  add_listed(self, ctx, in);
  if (self->none_cnt) mr_keyed_no_room(k, ctx, self->none, self->none_cnt);
  divert_late(self, ctx, in);
}

/* ---- reading out ---- */

/* Sessions that were written as closed: their state goes, or waits for corrections. */
static void settle_closing(struct mr_session *self) {
  for (uint32_t i = 0; i < self->closing_cnt; i++) {
    struct mr_row *row = self->closing[i];
    struct mr_session_row *s = of(self, row);
    s->flags |= MR_SESSION_CLOSED | MR_SESSION_WRITTEN;
    if (is_open(self, end_of(self, s), self->watermark_us))
      set_timer(self, row);
    else
      end_row(self, row);
  }
  self->closing_cnt = 0;
}

/* A timer has come: whether the session's row is to go out. */
static bool is_due(struct mr_session *self, struct mr_row *row, int64_t at_us) {
  struct mr_session_row *s = of(self, row);
  s->timer_cnt--;
  if (s->flags & MR_SESSION_ENDED || at_us != s->timer_us) {
    free_when_idle(self, row);
    return false;
  }
  bool closed = s->flags & MR_SESSION_CLOSED, update = self->data->emit == MR_EMIT_UPDATE;
  bool unwritten = row->dirty_next && !(s->flags & MR_SESSION_WRITTEN);
  int64_t end = end_of(self, s);
  if (!closes(self, end) || (closed && is_open(self, end, self->watermark_us))) {
    set_timer(self, row); /* it has grown */
    return false;
  }
  self->closed_all += !closed;
  if (update || closed ? unwritten : true) return true;
  self->closing[self->closing_cnt++] = row; /* nothing to write */
  return false;
}

static uint32_t take_closing(struct mr_session *self, struct mr_row **rows, uint32_t max) {
  struct mr_keyed *k = &self->keyed;
  struct mr_timer due[MR_BATCH_ROWS];
  bool more, full = false;
  uint32_t n = 0, cnt;
  if (max > MR_BATCH_ROWS - self->closing_cnt) max = MR_BATCH_ROWS - self->closing_cnt;
  cnt = mr_timers_take(&k->space.store, &self->timers, self->watermark_us, due, max, &more, &full);
  for (uint32_t i = 0; i < cnt; i++) mr_prefetch(of(self, at(self, due[i].ref)));
  for (uint32_t i = 0; i < cnt; i++) {
    struct mr_row *row = at(self, due[i].ref);
    if (!is_due(self, row, due[i].at_us)) continue;
    self->closing[self->closing_cnt++] = row;
    rows[n++] = row;
  }
  if (full) k->space.full = true;
  if (!more) self->reading = READ_NOTHING;
  if (!more && self->then_write) {
    self->then_write = self->changed = self->corrected = false;
    self->reading = READ_CHANGED;
  }
  return n;
}

static uint32_t take_changed(struct mr_session *self, struct mr_row **rows, uint32_t max) {
  uint32_t got = mr_table_changed(&self->keyed.space, table_of(self), rows, max), n = 0;
  if (got < max) self->reading = READ_NOTHING;
  for (uint32_t i = 0; i < got; i++) {
    struct mr_row *row = rows[i];
    struct mr_session_row *s = of(self, row);
    if (s->flags & MR_SESSION_ENDED)
      free_when_idle(self, row);
    else if (!(s->flags & MR_SESSION_WRITTEN))
      rows[n++] = row;
  }
  return n;
}

/* Up to max sessions: key by key, newest first. Fewer: that was all. */
static uint32_t walk(const struct mr_space *space, const struct mr_index *index, uint32_t extra_off,
                     struct mr_session_walk *w, struct mr_row **rows, uint32_t max) {
  struct mr_index_look look = mr_index_look(&space->store, index);
  uint32_t segs = index->cnt ? 1u << index->depth : 0, places = (look.mask + 1) * MR_INDEX_BUCKET;
  uint32_t n = 0;
  while (n < max) {
    if (w->row) {
      rows[n] = mr_row_at(space, w->row);
      w->row = ((struct mr_session_row *)((uintptr_t)rows[n] + extra_off))->older;
      n++;
    } else if (w->seg >= segs) {
      return n;
    } else if (w->place == places) {
      w->place = 0;
      w->seg += 1u << (index->depth - look.dir[w->seg].depth);
    } else {
      const struct mr_index_bucket *b = mr_store_at(&space->store, look.dir[w->seg].ref);
      b += w->place / MR_INDEX_BUCKET;
      uint32_t i = w->place++ % MR_INDEX_BUCKET;
      if (b->tags[i]) w->row = b->refs[i];
    }
  }
  return n;
}

static uint32_t take_all(struct mr_session *self, struct mr_row **rows, uint32_t max) {
  uint32_t n =
      walk(&self->keyed.space, &table_of(self)->index, self->extra_off, &self->walk, rows, max);
  if (n < max) self->reading = READ_NOTHING;
  return n;
}

/* Called when all rows handed out before are written. No rows while reading goes on: the portion is
 * over. */
static uint32_t more_rows(struct mr_op_ctx *ctx, struct mr_row **rows, int64_t *start_us,
                          int64_t *end_us, uint32_t max) {
  struct mr_session *self = ctx->self;
  uint32_t n = 0;
  settle_closing(self);
  switch (self->reading) {
  case READ_CLOSING: n = take_closing(self, rows, max); break;
  case READ_CHANGED: n = take_changed(self, rows, max); break;
  case READ_ALL: n = take_all(self, rows, max); break;
  default: return 0;
  }
  for (uint32_t i = 0; i < n; i++) {
    start_us[i] = of(self, rows[i])->first_us;
    end_us[i] = end_of(self, of(self, rows[i]));
  }
  mr_folds_settle(&self->keyed.space, table_of(self), rows, n);
  return n;
}

static void start_reading(struct mr_session *self, struct mr_op_ctx *ctx, int what) {
  self->reading = what;
  self->walk = (struct mr_session_walk){0};
  ctx->more = !self->keyed.failed;
}

static void write_changes(struct mr_session *self, struct mr_op_ctx *ctx,
                          const struct mr_view *in) {
  bool all = self->data->emit == MR_EMIT_COMPLETE;
  bool due = self->data->emit == MR_EMIT_FINAL ? self->corrected : self->changed;
  self->changed = self->corrected = false;
  if (!due) return;
  mr_output_because(&self->out, ctx, in);
  start_reading(self, ctx, all ? READ_ALL : READ_CHANGED);
  if (all) mr_keyed_check_complete(&self->keyed, ctx);
  self->out.frontier_us = self->out.frontier_end_us = self->watermark_us;
  ctx->more = !self->keyed.failed;
}

/* ---- what window.c calls ---- */

int mr_session_init(struct mr_op_ctx *ctx, struct mr_error *err) {
  struct mr_session *self = ctx->self;
  const struct mr_window_data *data = ctx->data;
  self->data = data;
  self->watermark_us = MR_TIME_NONE;
  int rc = mr_keyed_init(&self->keyed, ctx, data->keyed, data->emit, err);
  if (!rc) rc = mr_output_init(&self->out, ctx, data->keyed, err);
  if (rc) return rc;
  self->extra_off = mr_row_before(&data->keyed->keys);
  self->table = mr_table_new(&self->keyed.space);
  if (!self->table)
    return mr_error_set(err, MR_ERR_LIMIT, "%s: max_state is too small", ctx->node->name);
  table_of(self)->slots.reclaims = true;
  return MR_OK;
}

/* For those who look. The session that closes next is one of those that do so soon. */
static void tell(const struct mr_session *self, struct mr_op_ctx *ctx) {
  struct mr_counts *c = &ctx->counts;
  struct mr_timer next;
  if (mr_timers_peek(&self->keyed.space.store, &self->timers, &next)) {
    const struct mr_session_row *s = of(self, at(self, next.ref));
    c->next_start_us = s->first_us;
    c->next_end_us = end_of(self, s);
    c->next_keys = 1;
  }
  c->windows_open = table_of(self)->row_cnt;
  c->windows_closed = self->closed_all;
  c->state_keys = self->keyed.space.key_cnt;
  c->state_bytes = self->keyed.space.store.used_bytes;
}

void mr_session_process(struct mr_op_ctx *ctx, const struct mr_view *in) {
  struct mr_session *self = ctx->self;
  struct mr_keyed *k = &self->keyed;
  self->view_ns = ctx->now_ns;
  mr_output_because(&self->out, ctx, in);
  mr_keyed_begin(k, ctx, in);
  self->time = mr_window_times(self->data, k, in, self->watermark_us, self->read_at_us);
  mr_window_leave_out_timeless(self->data, k, ctx, in);
  if (k->sel_cnt) {
    mr_keyed_values(k, ctx, in);
    if (k->sel_cnt) add_rows(self, ctx, in);
    if (k->space.full) mr_keyed_check_room(k, ctx);
  }
  mr_keyed_end(k, ctx, in);
  self->changed |= k->sel_cnt > 0;
  tell(self, ctx);
  if (!self->data->every_us) write_changes(self, ctx, in);
}

void mr_session_drain(struct mr_op_ctx *ctx) {
  struct mr_session *self = ctx->self;
  if (self->keyed.failed) return;
  bool more = mr_output_emit(&self->out, ctx, &self->keyed.space, more_rows);
  mr_keyed_check_room(&self->keyed, ctx);
  ctx->more = (more || self->reading != READ_NOTHING || self->closing_cnt) && !self->keyed.failed;
  tell(self, ctx);
}

void mr_session_advance(struct mr_op_ctx *ctx, int64_t watermark_us) {
  struct mr_session *self = ctx->self;
  int64_t before = self->watermark_us;
  MR_DASSERT(watermark_us > before);
  self->watermark_us = watermark_us;
  if (mr_timers_least(&self->timers) > watermark_us) return;
  if (self->view_ns != ctx->now_ns) mr_output_because(&self->out, ctx, NULL);
  self->out.frontier_us = before;
  self->out.frontier_end_us = watermark_us;
  start_reading(self, ctx, READ_CLOSING);
}

/* Processing time: a row may still come at the time of the timer, so it closes what ended before.
 */
void mr_session_tick(struct mr_op_ctx *ctx, int64_t at_us) {
  struct mr_session *self = ctx->self;
  bool writes = mr_window_writes_at(self->data, at_us);
  if (self->data->processing && at_us - 1 > self->watermark_us) mr_session_advance(ctx, at_us - 1);
  if (!ctx->more && writes)
    write_changes(self, ctx, NULL);
  else
    self->then_write = writes && self->changed;
}

void mr_session_write(struct mr_op_ctx *ctx) {
  write_changes(ctx->self, ctx, NULL);
}

/* ---- checkpoints ---- */

struct frozen { /* what encode reads */
  struct mr_space space;
  uint32_t table, extra_off;
};

/* Before each row of state. */
static const char *const session_cols[] = {"first_us", "last_us", "closed", "written", "changed"};
#define SESSION_COLS ((uint32_t)(sizeof session_cols / sizeof *session_cols))
#define WALK_ROWS    256u

void mr_session_snapshot(struct mr_op_ctx *ctx, struct mr_save *to) {
  struct mr_session *self = ctx->self;
  struct frozen frozen = {.table = self->table, .extra_off = self->extra_off};
  mr_keyed_snapshot(&self->keyed, ctx, to);
  mr_save_int(to, "watermark_us", self->watermark_us);
  mr_save_int(to, "windows_closed", (int64_t)self->closed_all);
  mr_save_int(to, "changed", self->changed);
  mr_save_int(to, "corrected", self->corrected);
  if (!mr_space_freeze(&self->keyed.space, to, &frozen.space)) return;
  mr_save_frozen(to, mr_save_keep(to, &frozen, sizeof frozen));
}

void mr_session_encode(const struct mr_op_ctx *ctx, const void *from, struct mr_save *to) {
  const struct frozen *f = from;
  const struct mr_schema *in = ctx->node->op_plan.in;
  struct mr_session_walk w = {0};
  struct mr_row *rows[WALK_ROWS];
  uint32_t n;
  mr_table_save_begin(to, "rows", &f->space, in, session_cols, SESSION_COLS);
  do {
    n = walk(&f->space, &mr_table_at(&f->space, f->table)->index, f->extra_off, &w, rows,
             WALK_ROWS);
    for (uint32_t i = 0; i < n; i++) {
      const struct mr_session_row *s = (void *)((uintptr_t)rows[i] + f->extra_off);
      int64_t lead[] = {s->first_us, s->last_us, (s->flags & MR_SESSION_CLOSED) != 0,
                        (s->flags & MR_SESSION_WRITTEN) != 0, rows[i]->dirty_next != 0};
      mr_table_save_row(to, &f->space, in, rows[i], lead, SESSION_COLS);
    }
  } while (n == WALK_ROWS);
  mr_table_save_end(to);
}

/* Gives a restored session its place. */
static bool place_row(struct mr_session *self, struct mr_row *row, const struct mr_load_value *v) {
  struct mr_session_row *s = of(self, row);
  const struct mr_space *space = &self->keyed.space;
  struct mr_table *t = table_of(self);
  uint32_t tag = tag_of(self, row), ref = 0;
  s->first_us = v[0].i;
  s->last_us = v[1].i;
  s->flags = (uint16_t)((v[2].i ? MR_SESSION_CLOSED : 0) | (v[3].i ? MR_SESSION_WRITTEN : 0));
  if (t->index.cnt) {
    struct mr_index_look look = mr_index_look(&space->store, &t->index);
    MR_INDEX_EACH(&look, tag, ref,
                  mr_keys_equal(space->keys, space->base, mr_row_at(space, ref)->key, row->key));
  }
  if (!link_row(self, row, at(self, ref), tag)) return false;
  set_timer(self, row);
  if (v[4].i) mr_table_touch(&self->keyed.space, t, &row, 1);
  return !self->keyed.space.full;
}

int mr_session_restore(struct mr_op_ctx *ctx, struct mr_load *from, struct mr_error *err) {
  struct mr_session *self = ctx->self;
  struct mr_table_loader *l = MR_NEW(ctx->arena, struct mr_table_loader, 1);
  int64_t closed, changed, corrected;
  if (!mr_load_int(from, "watermark_us", &self->watermark_us) ||
      !mr_load_int(from, "windows_closed", &closed) || !mr_load_int(from, "changed", &changed) ||
      !mr_load_int(from, "corrected", &corrected))
    return mr_error_set(err, MR_ERR_IO, "the window's time is missing");
  self->closed_all = (uint64_t)closed;
  self->changed = changed != 0;
  self->corrected = corrected != 0;
  mr_keyed_restore(&self->keyed, from);
  int rc = mr_table_loader_init(l, ctx->region_rw, &self->keyed.space, ctx->node->op_plan.in, from,
                                "rows", session_cols, SESSION_COLS, err);
  if (rc) return rc;
  while (mr_load_next(&l->rows)) {
    struct mr_row *row = mr_table_load(l, table_of(self));
    if (!row) break;
    if (place_row(self, row, l->rows.values)) continue;
    l->why = "no room: max_state is too small";
    break;
  }
  tell(self, ctx);
  return mr_keyed_load_failed(l, err);
}

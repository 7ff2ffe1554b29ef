/* SPDX-License-Identifier: Apache-2.0 */
#include "state/held_save.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/bits.h"
#include "base/lines.h"
#include "state/table_save.h"

#define LEAD       2u                   /* time, flags */
#define SCRATCH_SZ (UINT64_C(64) << 20) /* addresses for the texts and lists of one row */

/* ---- columns ---- */

struct columns {
  struct mr_save_col cols[MR_SAVE_COLS_MAX];
  char names[MR_SAVE_COLS_MAX][MR_SAVE_NAME_MAX + 1];
  uint32_t cnt;
};

static uint32_t scalar_type(enum mr_type type) {
  if (type == MR_TYPE_STRING) return MR_SAVE_BYTES;
  return type == MR_TYPE_DOUBLE ? MR_SAVE_DOUBLE : MR_SAVE_INT;
}

static uint32_t type_of(const struct mr_field *f) {
  if (f->type == MR_TYPE_LIST) return scalar_type(f->elem) | MR_SAVE_LIST;
  return scalar_type(f->type);
}

static void add_col(struct columns *c, const char *prefix, const char *name, uint32_t type) {
  char text[2 * MR_SAVE_NAME_MAX];
  if (c->cnt == MR_SAVE_COLS_MAX) return;
  snprintf(text, sizeof text, "%s%s", prefix, name);
  text[MR_SAVE_NAME_MAX] = 0;
  memcpy(c->names[c->cnt], text, MR_SAVE_NAME_MAX + 1);
  c->cols[c->cnt] = (struct mr_save_col){c->names[c->cnt], type};
  c->cnt++;
}

static const struct mr_field *key_field(const struct mr_held_form *form,
                                        const struct mr_held_key *key, uint32_t k) {
  return &key->fields->fields[form->keys->cols[k].col];
}

static void make_columns(struct columns *c, const struct mr_held_form *form,
                         const struct mr_held_key *key) {
  c->cnt = 0;
  add_col(c, "", "time", MR_SAVE_INT);
  add_col(c, "", "flags", MR_SAVE_INT);
  for (uint32_t k = 0; k < form->keys->cnt; k++)
    add_col(c, "key.", key->in->fields[key->cols[k]].name, type_of(key_field(form, key, k)));
  for (uint32_t i = 0; i < form->col_cnt; i++) {
    const struct mr_field *f = &key->in->fields[form->cols[i].col];
    add_col(c, "value.", f->name, type_of(f));
  }
}

/* ---- writing ---- */

bool mr_held_freeze(const struct mr_store *store, struct mr_save *to, struct mr_store *frozen) {
  *frozen = *store;
  return to->in_place || mr_store_freeze(store, to, frozen, true);
}

struct mr_held mr_held_frozen(const struct mr_held *held, const struct mr_store *store) {
  struct mr_held frozen = *held;
  frozen.store = (struct mr_store *)(uintptr_t)store;
  /* strings are named by their place in the region; those held moved with the store */
  if (store->mem != held->store->mem)
    frozen.base = (const uint8_t *)((uintptr_t)store->mem - store->off);
  return frozen;
}

static void save_scalar(struct mr_save *to, const uint8_t *base, const struct mr_field *f,
                        enum mr_type type, const void *at) {
  struct mr_str s;
  int64_t i;
  double d;
  if (type == MR_TYPE_STRING && f->codes) {
    uint8_t code = *(const uint8_t *)at;
    mr_save_put_bytes(to, f->codes->texts[code], f->codes->lens[code]);
  } else if (type == MR_TYPE_STRING) {
    memcpy(&s, at, sizeof s);
    mr_save_put_bytes(to, mr_str_data(&s, base), s.len);
  } else if (type == MR_TYPE_BOOL) {
    mr_save_put_int(to, *(const uint8_t *)at);
  } else if (type == MR_TYPE_DOUBLE) {
    memcpy(&d, at, sizeof d);
    mr_save_put_double(to, d);
  } else {
    memcpy(&i, at, sizeof i);
    mr_save_put_int(to, i);
  }
}

static void save_list(struct mr_save *to, const uint8_t *base, const struct mr_field *f,
                      const void *at) {
  struct mr_list list;
  memcpy(&list, at, sizeof list);
  const uint8_t *from = base + list.off;
  const uint64_t *valid =
      (const uint64_t *)(const void *)(from - mr_bitmap_words(list.cnt) * sizeof(uint64_t));
  mr_save_put_list(to, list.cnt);
  for (uint32_t e = 0; e < list.cnt; e++) {
    if (list.has_nulls && !mr_bit_get(valid, e))
      mr_save_put_null(to);
    else
      save_scalar(to, base, f, f->elem, from + (size_t)e * mr_field_elem_sz(f));
  }
}

static void save_key(struct mr_save *to, const struct mr_held *held, const struct mr_held_key *key,
                     uint32_t k, const struct mr_held_row *row) {
  const struct mr_key_col *c = &held->form->keys->cols[k];
  const uint8_t *at = (const uint8_t *)&row->key[c->word] + c->byte;
  if (c->nullable && (row->key[0] >> k & 1))
    mr_save_put_null(to);
  else
    save_scalar(to, held->base, key_field(held->form, key, k), key_field(held->form, key, k)->type,
                at);
}

static void save_row(const struct mr_held *held, const struct mr_held_row *row, void *ctx) {
  struct {
    struct mr_save *to;
    const struct mr_held_key *key;
  } *c = ctx;
  const struct mr_held_form *form = held->form;
  mr_save_row(c->to);
  mr_save_put_int(c->to, row->us);
  mr_save_put_int(c->to, row->flags);
  for (uint32_t k = 0; k < form->keys->cnt; k++) save_key(c->to, held, c->key, k, row);
  for (uint32_t i = 0; i < form->col_cnt; i++) {
    const struct mr_field *f = &c->key->in->fields[form->cols[i].col];
    if (mr_held_null(form, row, i))
      mr_save_put_null(c->to);
    else if (f->type == MR_TYPE_LIST)
      save_list(c->to, held->base, f, mr_held_value(form, row, i));
    else
      save_scalar(c->to, held->base, f, f->type, mr_held_value(form, row, i));
  }
}

void mr_held_save(struct mr_save *to, const char *name, const struct mr_held *held,
                  const struct mr_held_key *key) {
  struct columns c;
  make_columns(&c, held->form, key);
  mr_save_rows(to, name, c.cols, c.cnt);
  struct {
    struct mr_save *to;
    const struct mr_held_key *key;
  } ctx = {to, key};
  mr_held_each(held, save_row, &ctx);
  mr_save_rows_end(to);
}

/* ---- reading ---- */

int mr_held_loader_init(struct mr_held_loader *l, struct mr_arena *arena, struct mr_region *region,
                        const struct mr_held_form *form, const struct mr_held_key *key,
                        const struct mr_load *from, const char *name, struct mr_error *err) {
  struct columns *c = MR_NEW(arena, struct columns, 1);
  make_columns(c, form, key);
  l->form = form;
  l->key = key;
  l->base = region->base;
  l->why = NULL;
  bool same = mr_load_rows(from, name, &l->rows) && l->rows.cnt == c->cnt;
  for (uint32_t i = 0; same && i < c->cnt; i++)
    same = l->rows.cols[i].type == c->cols[i].type && !strcmp(l->rows.names[i], c->names[i]);
  if (!same) return mr_error_set(err, MR_ERR_IO, "%s has not the columns that it must have", name);
  uint64_t col_sz = MR_BATCH_ROWS * 16, cols = key->in->cnt + 1ull;
  uint64_t off =
      mr_region_reserve(region, cols * (col_sz + MR_BATCH_ROWS / 8) + SCRATCH_SZ, "restored rows");
  if (!off) return mr_error_set(err, MR_ERR_NOMEM, "no addresses for restored rows");
  uint8_t *at = mr_region_ptr(region, off);
  l->cols = MR_NEW(arena, struct mr_col, cols);
  for (uint32_t k = 0; k < key->in->cnt; k++, at += col_sz + MR_BATCH_ROWS / 8)
    l->cols[k] = (struct mr_col){at, (uint64_t *)(void *)(at + col_sz)};
  l->scratch = at;
  l->view = (struct mr_view){
      .cols = l->cols, .row_cnt = 1, .sel_cnt = 1, .et_min = MR_TIME_NONE, .et_max = MR_TIME_NONE};
  return MR_OK;
}

static void *take(struct mr_held_loader *l, uint64_t sz) {
  sz = mr_align_up(sz, 8);
  if (SCRATCH_SZ - l->scratch_used < sz) {
    l->why = "the texts of a row are too long";
    return NULL;
  }
  void *at = l->scratch + l->scratch_used;
  l->scratch_used += sz;
  return at;
}

static bool load_scalar(struct mr_held_loader *l, const struct mr_field *f, enum mr_type type,
                        const struct mr_load_value *v, void *to) {
  if (type == MR_TYPE_STRING && f->codes) {
    int32_t code = mr_enum_code(f->codes, v->bytes, v->len);
    *(uint8_t *)to = (uint8_t)code;
    if (code < 0) l->why = "a value is none of one_of any more";
    return code >= 0;
  }
  if (type == MR_TYPE_STRING) {
    char *text = take(l, v->len);
    if (!text) return false;
    memcpy(text, v->bytes, v->len);
    struct mr_str s = mr_str_make(text, v->len, l->base);
    memcpy(to, &s, sizeof s);
  } else if (type == MR_TYPE_BOOL) {
    *(uint8_t *)to = v->i != 0;
  } else if (type == MR_TYPE_DOUBLE) {
    memcpy(to, &v->d, sizeof v->d);
  } else {
    memcpy(to, &v->i, sizeof v->i);
  }
  return true;
}

static bool load_list(struct mr_held_loader *l, const struct mr_field *f, struct mr_load_value *v,
                      void *to) {
  struct mr_list list = {.cnt = v->len, .has_nulls = 1};
  struct mr_load_value one;
  uint64_t *valid = take(l, mr_bitmap_words(list.cnt) * sizeof(uint64_t));
  uint32_t sz = mr_field_elem_sz(f);
  uint8_t *values = take(l, (uint64_t)list.cnt * sz);
  if (!valid || !values) return false;
  memset(valid, 0, mr_bitmap_words(list.cnt) * sizeof *valid);
  memset(values, 0, (size_t)list.cnt * sz);
  for (uint32_t e = 0; mr_load_element(v, l->rows.p, &one) && e < list.cnt; e++) {
    if (!one.present) continue;
    mr_bit_set(valid, e);
    if (!load_scalar(l, f, f->elem, &one, values + (size_t)e * sz)) return false;
  }
  list.has_nulls = mr_bitmap_count(valid, mr_bitmap_words(list.cnt)) < list.cnt;
  list.off = list.cnt ? (uint64_t)(values - l->base) : 0;
  if (!list.cnt) list.has_nulls = 0;
  memcpy(to, &list, sizeof list);
  return true;
}

/* Puts a value into row 0 of a column of the input. */
static bool load_value(struct mr_held_loader *l, uint32_t col, struct mr_load_value *v) {
  const struct mr_field *f = &l->key->in->fields[col];
  uint8_t *to = (uint8_t *)(uintptr_t)l->cols[col].data;
  uint64_t *valid = (uint64_t *)(uintptr_t)l->cols[col].valid;
  memset(to, 0, 16);
  valid[0] = v->present;
  if (!v->present) {
    l->why = "a value is missing";
    return f->optional;
  }
  if (f->type == MR_TYPE_LIST) return load_list(l, f, v, to);
  return load_scalar(l, f, f->type, v, to);
}

bool mr_held_load(struct mr_held_loader *l) {
  struct mr_load_value *v = l->rows.values;
  if (l->why || !mr_load_next(&l->rows)) return false;
  l->scratch_used = 0;
  l->us = v[0].i;
  l->flags = (uint32_t)v[1].i;
  v += LEAD;
  for (uint32_t k = 0; k < l->form->keys->cnt; k++)
    if (!load_value(l, l->key->cols[k], v++)) return false;
  for (uint32_t i = 0; i < l->form->col_cnt; i++)
    if (!load_value(l, l->form->cols[i].col, v++)) return false;
  l->why = NULL;
  return true;
}

int mr_held_load_end(const struct mr_held_loader *l, const char *why, struct mr_error *err) {
  if (!why) why = l->why;
  if (why) return mr_error_set(err, MR_ERR_IO, "a row cannot be restored: %s", why);
  return l->rows.bad ? mr_error_set(err, MR_ERR_IO, "the rows of state end early") : MR_OK;
}

/* ---- shape ---- */

void mr_held_shape(struct mr_lines *out, const char *side, const struct mr_schema *in,
                   const uint32_t *key_cols, uint32_t key_cnt, const bool *keep) {
  char type[64];
  for (uint32_t k = 0; k < key_cnt; k++) {
    struct mr_field f = in->fields[key_cols[k]];
    f.codes = NULL; /* an enum is its text */
    mr_lines_add(out, "%skey: %s %s\n", side, f.name, mr_field_type_text(&f, type, sizeof type));
  }
  for (uint32_t c = 0; keep && c < in->cnt; c++) {
    struct mr_field f = in->fields[c];
    f.codes = NULL;
    if (keep[c])
      mr_lines_add(out, "%scolumn: %s %s\n", side, f.name,
                   mr_field_type_text(&f, type, sizeof type));
  }
}

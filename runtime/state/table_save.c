/* SPDX-License-Identifier: Apache-2.0 */
#include "state/table_save.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"

#define WALK_ROWS  256u
#define SCRATCH_SZ (UINT64_C(64) << 20) /* addresses for the strings of one row */

/* ---- columns ---- */

struct columns {
  struct mr_save_col cols[MR_SAVE_COLS_MAX];
  char names[MR_SAVE_COLS_MAX][MR_SAVE_NAME_MAX + 1];
  uint32_t cnt;
};

static uint32_t key_type(const struct mr_key_col *c) {
  switch (c->kind) {
  case MR_KEY_CODE:
  case MR_KEY_STR: return MR_SAVE_BYTES;
  case MR_KEY_DOUBLE: return MR_SAVE_DOUBLE;
  default: return MR_SAVE_INT;
  }
}

static void add_col(struct columns *c, const char *name, uint32_t type) {
  MR_ASSERT(c->cnt < MR_SAVE_COLS_MAX);
  snprintf(c->names[c->cnt], sizeof c->names[0], "%s", name);
  c->cols[c->cnt] = (struct mr_save_col){c->names[c->cnt], type};
  c->cnt++;
}

static void make_columns(struct columns *c, const struct mr_space *space,
                         const struct mr_schema *in, const char *const *lead, uint32_t lead_cnt) {
  c->cnt = 0;
  for (uint32_t i = 0; i < lead_cnt; i++) add_col(c, lead[i], MR_SAVE_INT);
  for (uint32_t k = 0; k < space->keys->cnt; k++)
    add_col(c, in->fields[space->keys->cols[k].col].name, key_type(&space->keys->cols[k]));
  for (uint32_t f = 0; f < space->folds->cnt; f++) {
    struct mr_save_col cols[MR_FOLD_COLS_MAX];
    uint32_t n = mr_fold_cols(&space->folds->items[f], cols);
    for (uint32_t i = 0; i < n; i++) {
      char name[32];
      snprintf(name, sizeof name, "a%u.%s", f, cols[i].name);
      add_col(c, name, cols[i].type);
    }
  }
}

/* ---- writing ---- */

bool mr_space_freeze(const struct mr_space *space, struct mr_save *to, struct mr_space *frozen) {
  *frozen = *space;
  if (to->in_place) return true;
  if (!mr_store_freeze(&space->store, to, &frozen->store, false)) return false;
  /* strings are named by their place in the region; those of the table moved with the store */
  frozen->base = (const uint8_t *)((uintptr_t)frozen->store.mem - frozen->store.off);
  return true;
}

void mr_table_save_begin(struct mr_save *to, const char *name, const struct mr_space *space,
                         const struct mr_schema *in, const char *const *lead, uint32_t lead_cnt) {
  struct columns c;
  make_columns(&c, space, in, lead, lead_cnt);
  mr_save_rows(to, name, c.cols, c.cnt);
}

static void save_key(struct mr_save *to, const struct mr_space *space, const struct mr_schema *in,
                     uint32_t k, const uint64_t *key) {
  const struct mr_key_col *c = &space->keys->cols[k];
  if (c->nullable && (key[0] >> k & 1)) {
    mr_save_put_null(to);
    return;
  }
  uint8_t byte = (uint8_t)(key[c->word] >> 8 * c->byte);
  struct mr_str s;
  double d;
  switch (c->kind) {
  case MR_KEY_BIT: mr_save_put_int(to, byte & 1); break;
  case MR_KEY_CODE: {
    const struct mr_enum *e = in->fields[c->col].codes;
    mr_save_put_bytes(to, e->texts[byte], e->lens[byte]);
    break;
  }
  case MR_KEY_W8: mr_save_put_int(to, (int64_t)key[c->word]); break;
  case MR_KEY_DOUBLE:
    memcpy(&d, &key[c->word], sizeof d);
    mr_save_put_double(to, d);
    break;
  default:
    memcpy(&s, &key[c->word], sizeof s);
    mr_save_put_bytes(to, mr_str_data(&s, space->base), s.len);
  }
}

void mr_table_save_row(struct mr_save *to, const struct mr_space *space, const struct mr_schema *in,
                       struct mr_row *row, const int64_t *lead, uint32_t lead_cnt) {
  mr_save_row(to);
  for (uint32_t k = 0; k < lead_cnt; k++) mr_save_put_int(to, lead[k]);
  for (uint32_t k = 0; k < space->keys->cnt; k++) save_key(to, space, in, k, row->key);
  for (uint32_t f = 0; f < space->folds->cnt; f++)
    mr_fold_save(to, space, &space->folds->items[f], row);
}

void mr_table_save(struct mr_save *to, const struct mr_space *space, const struct mr_schema *in,
                   uint32_t table, const int64_t *lead, uint32_t lead_cnt, uint32_t changed) {
  struct mr_row *rows[WALK_ROWS];
  struct mr_table_walk walk = {0};
  const struct mr_table *t = mr_table_at(space, table);
  uint32_t n;
  do {
    n = mr_table_next(space, t, &walk, rows, WALK_ROWS);
    for (uint32_t i = 0; i < n; i++) {
      int64_t all[MR_TABLE_LEAD_MAX];
      for (uint32_t k = 0; k < lead_cnt; k++)
        all[k] = k == changed ? rows[i]->dirty_next != 0 : lead[k];
      mr_table_save_row(to, space, in, rows[i], all, lead_cnt);
    }
  } while (n == WALK_ROWS);
}

void mr_table_save_end(struct mr_save *to) {
  mr_save_rows_end(to);
}

/* ---- reading ---- */

int mr_table_loader_init(struct mr_table_loader *l, struct mr_region *region,
                         struct mr_space *space, const struct mr_schema *in,
                         const struct mr_load *from, const char *name, const char *const *lead,
                         uint32_t lead_cnt, struct mr_error *err) {
  struct columns c;
  make_columns(&c, space, in, lead, lead_cnt);
  l->space = space;
  l->in = in;
  l->lead_cnt = lead_cnt;
  l->why = NULL;
  bool same = mr_load_rows(from, name, &l->rows) && l->rows.cnt == c.cnt;
  for (uint32_t i = 0; same && i < c.cnt; i++)
    same = l->rows.cols[i].type == c.cols[i].type && !strcmp(l->rows.names[i], c.names[i]);
  if (!same) return mr_error_set(err, MR_ERR_IO, "%s has not the columns that it must have", name);
  uint64_t off = mr_region_reserve(region, SCRATCH_SZ, "restored strings");
  if (!off) return mr_error_set(err, MR_ERR_NOMEM, "no addresses for restored strings");
  l->scratch = mr_region_ptr(region, off);
  return MR_OK;
}

bool mr_table_loader_str(struct mr_table_loader *l, const struct mr_load_value *v,
                         struct mr_str *str) {
  if (SCRATCH_SZ - l->scratch_used < v->len) {
    l->why = "the strings of a row are too long";
    return false;
  }
  char *at = (char *)l->scratch + l->scratch_used;
  memcpy(at, v->bytes, v->len);
  l->scratch_used += v->len;
  *str = mr_str_make(at, v->len, l->space->base);
  return true;
}

static bool load_key(struct mr_table_loader *l, uint32_t k, const struct mr_load_value *v,
                     uint64_t *key) {
  const struct mr_key_col *c = &l->space->keys->cols[k];
  if (!v->present) {
    key[0] |= UINT64_C(1) << k;
    return c->nullable;
  }
  struct mr_str s;
  int32_t code = (int32_t)v->i;
  switch (c->kind) {
  case MR_KEY_CODE:
    code = mr_enum_code(l->in->fields[c->col].codes, v->bytes, v->len);
    if (code < 0) return false;
    /* fall through */
  case MR_KEY_BIT: key[c->word] |= (uint64_t)(uint8_t)code << 8 * c->byte; return true;
  case MR_KEY_W8: key[c->word] = (uint64_t)v->i; return true;
  case MR_KEY_DOUBLE: memcpy(&key[c->word], &v->d, sizeof v->d); return true;
  default:
    if (!mr_table_loader_str(l, v, &s)) return false;
    memcpy(&key[c->word], &s, sizeof s);
    return true;
  }
}

struct mr_row *mr_table_load(struct mr_table_loader *l, struct mr_table *t) {
  const struct mr_keys *keys = l->space->keys;
  struct mr_load_value *v = l->rows.values + l->lead_cnt;
  uint64_t key[2 * MR_KEYS_MAX + 4] = {0};
  l->scratch_used = 0;
  l->why = "a key is not as it must be, or none of one_of any more";
  for (uint32_t k = 0; k < keys->cnt; k++)
    if (!load_key(l, k, v++, key)) return NULL;
  struct mr_row *row =
      t->slots.reclaims ? mr_table_add(l->space, t, key) : mr_table_row(l->space, t, key);
  if (!row) {
    l->why = "no room: max_keys or max_state is too small";
    return NULL;
  }
  for (uint32_t f = 0; f < l->space->folds->cnt; f++) {
    struct mr_save_col cols[MR_FOLD_COLS_MAX];
    if (!mr_fold_load(l, t, f, row, v)) return NULL;
    v += mr_fold_cols(&l->space->folds->items[f], cols);
  }
  l->why = NULL;
  return row;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "state/save.h"

#include <string.h>

#include "base/assert.h"

/* ---- writing ---- */

/* Room for n bytes (at most the buffer), or NULL. */
static uint8_t *room(struct mr_save *to, size_t n) {
  if (to->full) return NULL;
  if (to->sz - to->used < n && to->flush) {
    to->full = !to->flush(to->flush_ctx, to->mem, to->used);
    to->used = 0;
  }
  to->full |= to->sz - to->used < n;
  if (to->full) return NULL;
  uint8_t *p = to->mem + to->used;
  to->used += n;
  return p;
}

static void put_u8(struct mr_save *to, uint8_t v) {
  uint8_t *p = room(to, 1);
  if (p) *p = v;
}

/* Bytes of any number, in pieces where they are more than the buffer. */
static void put_raw(struct mr_save *to, const void *bytes, size_t len) {
  const uint8_t *from = bytes;
  while (len) {
    size_t n = len < to->sz ? len : to->sz;
    uint8_t *p = room(to, n);
    if (!p) return;
    memcpy(p, from, n);
    from += n;
    len -= n;
  }
}

/* A tag or presence byte and 8 bytes of value. */
static void put_9(struct mr_save *to, uint8_t first, const void *value) {
  uint8_t *p = room(to, 9);
  if (!p) return;
  p[0] = first;
  memcpy(p + 1, value, 8);
}

static void put_u32(struct mr_save *to, uint32_t v) {
  put_raw(to, &v, sizeof v);
}

static void put_name(struct mr_save *to, uint8_t type, const char *name) {
  size_t len = strlen(name);
  MR_ASSERT(len <= MR_SAVE_NAME_MAX);
  uint8_t *p = room(to, 2 + len);
  if (!p) return;
  p[0] = type;
  p[1] = (uint8_t)len;
  memcpy(p + 2, name, len);
}

void mr_save_int(struct mr_save *to, const char *name, int64_t value) {
  put_name(to, MR_SAVE_INT, name);
  put_raw(to, &value, sizeof value);
}

void mr_save_double(struct mr_save *to, const char *name, double value) {
  put_name(to, MR_SAVE_DOUBLE, name);
  put_raw(to, &value, sizeof value);
}

void mr_save_bytes(struct mr_save *to, const char *name, const void *bytes, uint32_t len) {
  put_name(to, MR_SAVE_BYTES, name);
  put_u32(to, len);
  put_raw(to, bytes, len);
}

void mr_save_text(struct mr_save *to, const char *name, const char *text) {
  mr_save_bytes(to, name, text, (uint32_t)strlen(text));
}

void mr_save_begin(struct mr_save *to, const char *name) {
  put_name(to, MR_SAVE_GROUP, name);
}

void mr_save_end(struct mr_save *to) {
  put_u8(to, MR_SAVE_END);
}

void mr_save_rows(struct mr_save *to, const char *name, const struct mr_save_col *cols,
                  uint32_t cnt) {
  MR_ASSERT(cnt <= MR_SAVE_COLS_MAX);
  put_name(to, MR_SAVE_ROWS, name);
  put_u32(to, cnt);
  for (uint32_t i = 0; i < cnt; i++) put_name(to, (uint8_t)cols[i].type, cols[i].name);
}

void mr_save_row(struct mr_save *to) {
  put_u8(to, 1);
}

void mr_save_rows_end(struct mr_save *to) {
  put_u8(to, 0);
}

void mr_save_put_null(struct mr_save *to) {
  put_u8(to, 0);
}

void mr_save_put_int(struct mr_save *to, int64_t value) {
  put_9(to, 1, &value);
}

void mr_save_put_double(struct mr_save *to, double value) {
  put_9(to, 1, &value);
}

void mr_save_put_bytes(struct mr_save *to, const void *bytes, uint32_t len) {
  put_u8(to, 1);
  put_u32(to, len);
  put_raw(to, bytes, len);
}

void mr_save_put_list(struct mr_save *to, uint32_t cnt) {
  put_u8(to, 1);
  put_u32(to, cnt);
}

/* ---- freezing ---- */

void *mr_save_take(struct mr_save *to, size_t len) {
  size_t at = (to->spare_used + 63) & ~(size_t)63;
  MR_ASSERT(!to->in_place);
  if (to->full || at > to->spare_sz || to->spare_sz - at < len) {
    to->full = true;
    return NULL;
  }
  if (to->spare_want < at + len) to->spare_want = at + len;
  to->spare_used = at + len;
  if (to->spare_used > to->spare_ready) return NULL;
  return to->spare + at;
}

const void *mr_save_freeze(struct mr_save *to, const void *bytes, size_t len) {
  if (to->in_place) return bytes;
  void *copy = mr_save_take(to, len);
  if (copy) memcpy(copy, bytes, len);
  return copy;
}

const void *mr_save_keep(struct mr_save *to, const void *bytes, size_t len) {
  bool in_place = to->in_place;
  to->in_place = false;
  const void *copy = mr_save_freeze(to, bytes, len);
  to->in_place = in_place;
  return copy;
}

void mr_save_frozen(struct mr_save *to, const void *frozen) {
  to->frozen = frozen;
}

/* ---- reading ---- */

static bool take(const uint8_t **p, const uint8_t *end, void *value, size_t len) {
  if ((size_t)(end - *p) < len) return false;
  memcpy(value, *p, len);
  *p += len;
  return true;
}

static bool take_name(const uint8_t **p, const uint8_t *end, uint32_t *type, char *name) {
  uint8_t head[2];
  if (!take(p, end, head, 1)) return false;
  *type = head[0];
  if (*type == MR_SAVE_END) return true;
  if (!take(p, end, head + 1, 1) || head[1] > MR_SAVE_NAME_MAX) return false;
  name[head[1]] = 0;
  return take(p, end, name, head[1]);
}

static bool take_value(const uint8_t **p, const uint8_t *end, uint32_t type,
                       struct mr_load_value *v) {
  v->type = type;
  v->present = true;
  switch (type) {
  case MR_SAVE_INT: return take(p, end, &v->i, 8);
  case MR_SAVE_DOUBLE: return take(p, end, &v->d, 8);
  case MR_SAVE_BYTES:
    if (!take(p, end, &v->len, 4) || (size_t)(end - *p) < v->len) return false;
    v->bytes = *p;
    *p += v->len;
    return true;
  default: return false;
  }
}

/* A value of a column, behind its presence byte. */
static bool take_cell(const uint8_t **p, const uint8_t *end, uint32_t type,
                      struct mr_load_value *v) {
  uint8_t there;
  v->type = type;
  if (!take(p, end, &there, 1) || there > 1) return false;
  v->present = there;
  if (!there) return true;
  if (!(type & MR_SAVE_LIST)) return take_value(p, end, type, v);
  if (!take(p, end, &v->len, 4)) return false;
  v->bytes = *p;
  struct mr_load_value element;
  for (uint32_t i = 0; i < v->len; i++)
    if (!take_cell(p, end, type & ~(uint32_t)MR_SAVE_LIST, &element)) return false;
  return true;
}

static bool take_cols(const uint8_t **p, const uint8_t *end, struct mr_load_rows *rows) {
  if (!take(p, end, &rows->cnt, 4) || rows->cnt > MR_SAVE_COLS_MAX) return false;
  for (uint32_t i = 0; i < rows->cnt; i++) {
    if (!take_name(p, end, &rows->cols[i].type, rows->names[i])) return false;
    uint32_t type = rows->cols[i].type & ~(uint32_t)MR_SAVE_LIST;
    if (type < MR_SAVE_INT || type > MR_SAVE_BYTES) return false;
    rows->cols[i].name = rows->names[i];
  }
  return true;
}

/* The types of columns alone, to pass rows over. */
static bool skip_rows(const uint8_t **p, const uint8_t *end) {
  uint32_t cnt, types[MR_SAVE_COLS_MAX];
  char name[MR_SAVE_NAME_MAX + 1];
  struct mr_load_value v;
  uint8_t more;
  if (!take(p, end, &cnt, 4) || cnt > MR_SAVE_COLS_MAX) return false;
  for (uint32_t i = 0; i < cnt; i++)
    if (!take_name(p, end, &types[i], name)) return false;
  for (;;) {
    if (!take(p, end, &more, 1) || more > 1) return false;
    if (!more) return true;
    for (uint32_t i = 0; i < cnt; i++)
      if (!take_cell(p, end, types[i], &v)) return false;
  }
}

static bool skip_group(const uint8_t **p, const uint8_t *end);

/* Passes over what follows the name of a field. */
static bool skip(const uint8_t **p, const uint8_t *end, uint32_t type) {
  struct mr_load_value v;
  switch (type) {
  case MR_SAVE_GROUP: return skip_group(p, end);
  case MR_SAVE_ROWS: return skip_rows(p, end);
  default: return take_value(p, end, type, &v);
  }
}

/* Groups in groups are counted, so that bytes of any kind cannot use up the stack. */
static bool skip_group(const uint8_t **p, const uint8_t *end) {
  char name[MR_SAVE_NAME_MAX + 1];
  uint32_t type;
  for (uint32_t depth = 1; depth;) {
    if (!take_name(p, end, &type, name)) return false;
    if (type == MR_SAVE_END)
      depth--;
    else if (type == MR_SAVE_GROUP)
      depth++;
    else if (!skip(p, end, type))
      return false;
  }
  return true;
}

/* The field of that name and type: *p is set behind its name. */
static bool find(const struct mr_load *from, const char *name, uint32_t type, const uint8_t **p) {
  char at[MR_SAVE_NAME_MAX + 1];
  uint32_t is;
  *p = from->p;
  while (*p < from->end) {
    if (!take_name(p, from->end, &is, at) || is == MR_SAVE_END) return false;
    if (is == type && !strcmp(at, name)) return true;
    if (!skip(p, from->end, is)) return false;
  }
  return false;
}

bool mr_load_int(const struct mr_load *from, const char *name, int64_t *value) {
  const uint8_t *p;
  return find(from, name, MR_SAVE_INT, &p) && take(&p, from->end, value, 8);
}

bool mr_load_double(const struct mr_load *from, const char *name, double *value) {
  const uint8_t *p;
  return find(from, name, MR_SAVE_DOUBLE, &p) && take(&p, from->end, value, 8);
}

bool mr_load_bytes(const struct mr_load *from, const char *name, const uint8_t **bytes,
                   uint32_t *len) {
  const uint8_t *p;
  struct mr_load_value v;
  if (!find(from, name, MR_SAVE_BYTES, &p) || !take_value(&p, from->end, MR_SAVE_BYTES, &v))
    return false;
  *bytes = v.bytes;
  *len = v.len;
  return true;
}

bool mr_load_group(const struct mr_load *from, const char *name, struct mr_load *group) {
  const uint8_t *p, *q;
  if (!find(from, name, MR_SAVE_GROUP, &p)) return false;
  q = p;
  if (!skip_group(&q, from->end)) return false;
  *group = (struct mr_load){p, q - 1};
  return true;
}

bool mr_load_rows_of(const struct mr_load *bytes, struct mr_load_rows *rows) {
  rows->p = bytes->p;
  rows->end = bytes->end;
  rows->bad = !take_cols(&rows->p, rows->end, rows);
  return !rows->bad;
}

bool mr_load_rows(const struct mr_load *from, const char *name, struct mr_load_rows *rows) {
  const uint8_t *p;
  rows->bad = false;
  if (!find(from, name, MR_SAVE_ROWS, &p)) return false;
  return mr_load_rows_of(&(struct mr_load){p, from->end}, rows);
}

bool mr_load_next(struct mr_load_rows *rows) {
  uint8_t more;
  if (rows->bad) return false;
  rows->bad = !take(&rows->p, rows->end, &more, 1) || more > 1;
  if (rows->bad || !more) return false;
  for (uint32_t i = 0; i < rows->cnt && !rows->bad; i++)
    rows->bad = !take_cell(&rows->p, rows->end, rows->cols[i].type, &rows->values[i]);
  return !rows->bad;
}

int32_t mr_load_col(const struct mr_load_rows *rows, const char *name, uint32_t type) {
  for (uint32_t i = 0; i < rows->cnt; i++)
    if (rows->cols[i].type == type && !strcmp(rows->names[i], name)) return (int32_t)i;
  return -1;
}

bool mr_load_element(struct mr_load_value *list, const uint8_t *end,
                     struct mr_load_value *element) {
  if (!list->present || !list->len) return false;
  list->len--;
  return take_cell(&list->bytes, end, list->type & ~(uint32_t)MR_SAVE_LIST, element);
}

bool mr_load_field(struct mr_load *from, struct mr_load_field *field) {
  const uint8_t *p = from->p, *begin;
  if (p == from->end || !take_name(&p, from->end, &field->type, field->name)) return false;
  if (field->type == MR_SAVE_END) return false;
  begin = p;
  if (field->type == MR_SAVE_GROUP || field->type == MR_SAVE_ROWS) {
    if (!skip(&p, from->end, field->type)) return false;
    field->group = (struct mr_load){begin, field->type == MR_SAVE_GROUP ? p - 1 : p};
  } else if (!take_value(&p, from->end, field->type, &field->value)) {
    return false;
  }
  from->p = p;
  return true;
}

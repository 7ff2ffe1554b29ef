/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_DATA_TYPE_H
#define MR_DATA_TYPE_H

/* The types of columns, how a value of each lies in memory, and schemas.
 *
 *   type                      one row takes                    Arrow layout
 *   bool                      1 bit                            Bool
 *   int64 double              8 bytes                          Int64, Float64
 *   timestamp duration        8 bytes, microseconds            Timestamp(us, UTC), Duration(us)
 *   string                    16 bytes, struct mr_str          Utf8View
 *   string with one_of        1 byte, the code (enum column)   Dictionary(uint8)
 *   list<T>                   16 bytes, struct mr_list         (converted)
 *
 * Each column also has a validity bitmap (1: there, 0: NULL), absent when no row is NULL. A row's
 * bits beyond row_cnt are zero in both. The value of a NULL row is zero bytes, so that dense
 * kernels read defined memory. */

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/api.h"
#include "base/limits.h"

MR_API_BEGIN

enum mr_type {
  MR_TYPE_NONE, /* the type of a bare NULL in an expression; never a column's */
  MR_TYPE_BOOL,
  MR_TYPE_INT64,
  MR_TYPE_DOUBLE,
  MR_TYPE_STRING,
  MR_TYPE_TIMESTAMP, /* microseconds since the epoch, UTC */
  MR_TYPE_DURATION,  /* microseconds */
  MR_TYPE_LIST,
  MR_TYPE_CNT
};

/* How values lie in memory. */
enum mr_phys { MR_PHYS_BIT, MR_PHYS_CODE, MR_PHYS_W8, MR_PHYS_STR, MR_PHYS_LIST };

/* A string: Arrow's view. Up to 12 bytes lie in it, zero-padded; a longer one has its first four
 * bytes here and its place in the region: region offset = buf * 2^31 + off (so Arrow's variadic
 * buffers are the region cut every 2 GiB). */
struct mr_str {
  uint32_t len; /* bytes */
  union {
    char inl[12];
    struct {
      char prefix[4];
      uint32_t buf, off;
    } ref;
  } u;
};
#define MR_STR_INLINE 12u
_Static_assert(sizeof(struct mr_str) == 16, "Arrow's view is 16 bytes");

/* A list: its elements lie in the region in one piece: cnt values (8 bytes, struct mr_str, or one
 * byte for bool and enum codes) aligned to 8; when has_nulls, mr_bitmap_words(cnt) words of
 * validity lie before them. */
struct mr_list {
  uint32_t cnt;
  uint32_t has_nulls; /* 0 or 1 */
  uint64_t off;       /* region offset of the first value; 0 when cnt is 0 */
};
_Static_assert(sizeof(struct mr_list) == 16, "a list is as wide as a string");

/* The values of a one_of column, by code. Texts are distinct. */
struct mr_enum {
  uint32_t cnt;               /* 1..MR_ENUM_MAX */
  const char *const *texts;   /* NUL-terminated, in the arena of the plan */
  const uint32_t *lens;       /* bytes */
  const struct mr_str *views; /* the same as views into the region; set at layout */
};

struct mr_field {
  const char *name;            /* at most MR_NAME_MAX bytes */
  enum mr_type type;           /* MR_TYPE_STRING also for an enum column */
  enum mr_type elem;           /* of a list: the element's type, else MR_TYPE_NONE */
  const struct mr_enum *codes; /* an enum column, or a list of enum: its values; else NULL */
  bool optional;               /* rows may be NULL */
  bool hidden;                 /* carried, but no column of the user's: raw, carried event time */
  const char *outer; /* the struct that it is a member of, beside its other members; NULL: none.
                        A struct is written as one object; no expression reads its members */
};

/* Rows of several kinds in one stream: which columns each kind has. The others are NULL in it. */
struct mr_kinds {
  uint32_t col;           /* an enum column: the row's kind */
  const uint64_t *fields; /* by its code: bit c is set when the kind has column c, c below 64 */
};

/* Columns in order: visible ones first, then hidden ones. */
struct mr_schema {
  uint32_t cnt;         /* all columns */
  uint32_t visible_cnt; /* the user's */
  int32_t event_time;   /* column that is the event time, -1: rows have none */
  struct mr_field *fields;
  const struct mr_kinds *kinds; /* NULL: all rows are of one kind */
};

static inline enum mr_phys mr_field_phys(const struct mr_field *f) {
  switch (f->type) {
  case MR_TYPE_BOOL: return MR_PHYS_BIT;
  case MR_TYPE_STRING: return f->codes ? MR_PHYS_CODE : MR_PHYS_STR;
  case MR_TYPE_LIST: return MR_PHYS_LIST;
  default: return MR_PHYS_W8;
  }
}

/* Bytes of an element of a list column. */
static inline uint32_t mr_field_elem_sz(const struct mr_field *f) {
  if (f->elem == MR_TYPE_BOOL || f->codes) return 1;
  return f->elem == MR_TYPE_STRING ? (uint32_t)sizeof(struct mr_str) : 8;
}

/* Bytes of a column of MR_BATCH_ROWS rows. */
static inline uint32_t mr_phys_column_sz(enum mr_phys phys) {
  switch (phys) {
  case MR_PHYS_BIT: return MR_BATCH_ROWS / 8;
  case MR_PHYS_CODE: return MR_BATCH_ROWS;
  case MR_PHYS_W8: return MR_BATCH_ROWS * 8;
  default: return MR_BATCH_ROWS * 16;
  }
}

/* "int64", "list<string>": the names of the graph file. */
const char *mr_type_name(enum mr_type type);
/* Writes the field's full type ("list<string>", "string one_of(4)") into buf; returns buf. */
const char *mr_field_type_text(const struct mr_field *field, char *buf, size_t sz);
/* MR_TYPE_NONE when the name is no type; "list<T>" gives MR_TYPE_LIST and *elem. */
enum mr_type mr_type_by_name(const char *name, enum mr_type *elem);
/* Index of a visible column, or -1. Members of structs are not found. */
int32_t mr_schema_find(const struct mr_schema *schema, const char *name, size_t len);
/* True when a visible struct has the name. */
bool mr_schema_has_struct(const struct mr_schema *schema, const char *name);
/* Whether a visible column is the first or the last member of a struct. */
bool mr_schema_opens(const struct mr_schema *schema, uint32_t col);
bool mr_schema_closes(const struct mr_schema *schema, uint32_t col);
/* Same names, types and values in the same order. */
bool mr_schema_equal(const struct mr_schema *a, const struct mr_schema *b);

/* ---- strings ---- */

/* The bytes of a string; base is the region's base. Valid as long as s and what it points into. */
static inline const char *mr_str_data(const struct mr_str *s, const uint8_t *base) {
  return s->len <= MR_STR_INLINE
             ? s->u.inl
             : (const char *)base + (((uint64_t)s->u.ref.buf << 31) + s->u.ref.off);
}
/* A view of len bytes at p, which for len > 12 must lie in the region of `base` and outlive the
 * view. */
static inline struct mr_str mr_str_make(const char *p, uint32_t len, const uint8_t *base) {
  struct mr_str s;
  s.len = len;
  if (len <= MR_STR_INLINE) {
    memset(s.u.inl, 0, sizeof s.u.inl);
    memcpy(s.u.inl, p, len);
  } else {
    uint64_t off = (uint64_t)((const uint8_t *)p - base);
    memcpy(s.u.ref.prefix, p, 4);
    s.u.ref.buf = (uint32_t)(off >> 31);
    s.u.ref.off = (uint32_t)(off & 0x7fffffff);
  }
  return s;
}
static inline bool mr_str_equal(const struct mr_str *a, const struct mr_str *b,
                                const uint8_t *base) {
  uint64_t x[2], y[2];
  memcpy(x, a, 16);
  memcpy(y, b, 16);
  if (x[0] != y[0]) return false; /* length and first four bytes */
  if (x[1] == y[1]) return true;  /* the rest inline, or the same place */
  return a->len > MR_STR_INLINE && memcmp(mr_str_data(a, base), mr_str_data(b, base), a->len) == 0;
}
/* Byte order: <0, 0, >0. */
int mr_str_compare(const struct mr_str *a, const struct mr_str *b, const uint8_t *base);

MR_API_END

#endif

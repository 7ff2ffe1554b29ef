/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_STATE_SAVE_H
#define MR_STATE_SAVE_H

/* What outlives the process: named values, groups of them, and rows with declared columns, written
 * by an operator's snapshot and encode, and read by its restore. docs/formats/checkpoint.md has the
 * bytes.
 *
 *   snapshot:  mr_save_int(to, "next_row", n); ...
 *              frozen = mr_save_freeze(to, self, sizeof *self); mr_save_frozen(to, frozen);
 *   encode:    mr_save_rows(to, "keys", cols, 2);
 *              per row: mr_save_row(to); mr_save_put_bytes(...); mr_save_put_int(...);
 *              mr_save_rows_end(to);
 *   restore:   mr_load_int(from, "next_row", &n); mr_load_rows(from, "keys", &rows);
 *              while (mr_load_next(&rows)) ... rows.values[i] ...
 *
 * Writing cannot fail on the way: what did not fit makes the whole checkpoint void (full), and the
 * graph goes on. Reading trusts nothing: what is not there, or of another type, is false. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MR_SAVE_NAME_MAX 63u
#define MR_SAVE_COLS_MAX 256u

enum mr_save_type {
  MR_SAVE_END = 0,    /* of a group */
  MR_SAVE_INT = 1,    /* 64 bits, two's complement */
  MR_SAVE_DOUBLE = 2, /* IEEE 754 binary64 */
  MR_SAVE_BYTES = 3,  /* up to 2^32 - 1; texts are UTF-8 */
  MR_SAVE_GROUP = 4,
  MR_SAVE_ROWS = 5,
  MR_SAVE_LIST = 8 /* columns only, added to the type of its elements: INT, DOUBLE or BYTES */
};

struct mr_save_col {
  const char *name;
  uint32_t type; /* enum mr_save_type: INT, DOUBLE, BYTES; or one of these | MR_SAVE_LIST */
};

/* Takes len bytes away; false: it cannot, and the checkpoint is void. */
typedef bool (*mr_save_flush_fn)(void *ctx, const uint8_t *bytes, size_t len);

struct mr_save {
  uint8_t *mem; /* what is written; sz bytes */
  size_t sz, used;
  mr_save_flush_fn flush; /* NULL: all must fit */
  void *flush_ctx;
  bool full;      /* something did not fit, or could not be taken away */
  uint8_t *spare; /* for what is frozen: spare_sz bytes */
  size_t spare_sz, spare_used;
  size_t spare_ready; /* bytes of it that pages are there for: no more is used now */
  size_t spare_want;  /* bytes that would have been used; above spare_ready: try again */
  bool in_place;      /* the instance has ended: nothing needs a copy */
  const void *frozen;
  uint64_t checkpoint; /* its number */
};

/* ---- writing: values and groups ---- */

void mr_save_int(struct mr_save *to, const char *name, int64_t value);
void mr_save_double(struct mr_save *to, const char *name, double value);
void mr_save_bytes(struct mr_save *to, const char *name, const void *bytes, uint32_t len);
void mr_save_text(struct mr_save *to, const char *name, const char *text);
void mr_save_begin(struct mr_save *to, const char *name);
void mr_save_end(struct mr_save *to);

/* ---- writing: rows ---- */

/* Begins rows of these columns, at most MR_SAVE_COLS_MAX. Every row is mr_save_row and then a put
 * per column, in order; behind the last one comes mr_save_rows_end. */
void mr_save_rows(struct mr_save *to, const char *name, const struct mr_save_col *cols,
                  uint32_t cnt);
void mr_save_row(struct mr_save *to);
void mr_save_put_null(struct mr_save *to);
void mr_save_put_int(struct mr_save *to, int64_t value);
void mr_save_put_double(struct mr_save *to, double value);
void mr_save_put_bytes(struct mr_save *to, const void *bytes, uint32_t len);
/* Of a list: its length, then so many puts. */
void mr_save_put_list(struct mr_save *to, uint32_t cnt);
void mr_save_rows_end(struct mr_save *to);

/* ---- freezing ---- */

/* A copy of len bytes that stays as it is until encode has run, aligned to 64; of an instance that
 * has ended the bytes themselves. NULL: no room (the checkpoint is void). In all it is at most
 * op_plan.state_max + self_sz + 64 KiB. */
const void *mr_save_freeze(struct mr_save *to, const void *bytes, size_t len);
/* The same room, not filled; not of an instance that has ended (to->in_place). */
void *mr_save_take(struct mr_save *to, size_t len);
/* A copy of something small in any case: a struct that names what is frozen. NULL: no room. */
const void *mr_save_keep(struct mr_save *to, const void *bytes, size_t len);
/* What encode is to get. */
void mr_save_frozen(struct mr_save *to, const void *frozen);

/* ---- reading ---- */

struct mr_load { /* what stands in a group */
  const uint8_t *p, *end;
};

/* Each: true and the value, when there is one of that name and type. */
bool mr_load_int(const struct mr_load *from, const char *name, int64_t *value);
bool mr_load_double(const struct mr_load *from, const char *name, double *value);
bool mr_load_bytes(const struct mr_load *from, const char *name, const uint8_t **bytes,
                   uint32_t *len);
bool mr_load_group(const struct mr_load *from, const char *name, struct mr_load *group);

struct mr_load_value {
  uint32_t type; /* as of its column */
  bool present;  /* false: NULL */
  int64_t i;
  double d;
  const uint8_t *bytes; /* of a list: its elements, for mr_load_element */
  uint32_t len;         /* of a list: their number */
};

struct mr_load_rows {
  const uint8_t *p, *end;
  uint32_t cnt; /* columns */
  struct mr_save_col cols[MR_SAVE_COLS_MAX];
  char names[MR_SAVE_COLS_MAX][MR_SAVE_NAME_MAX + 1];
  struct mr_load_value values[MR_SAVE_COLS_MAX]; /* of the row that mr_load_next got */
  bool bad;                                      /* they end in the middle: the record is damaged */
};
bool mr_load_rows(const struct mr_load *from, const char *name, struct mr_load_rows *rows);
bool mr_load_next(struct mr_load_rows *rows);
/* The index of a column of that name and type, or -1. */
int32_t mr_load_col(const struct mr_load_rows *rows, const char *name, uint32_t type);
/* The next element of a list, whose bytes and len go on to the one behind it. False: there is none.
 */
bool mr_load_element(struct mr_load_value *list, const uint8_t *end, struct mr_load_value *element);

/* Any field, one after another, for who does not know the names. False: that was the last, or what
 * follows is no field (then from->p is not from->end). */
struct mr_load_field {
  char name[MR_SAVE_NAME_MAX + 1];
  uint32_t type;
  struct mr_load_value value; /* INT, DOUBLE, BYTES */
  struct mr_load group;       /* GROUP; ROWS: the bytes for mr_load_rows_of */
};
bool mr_load_field(struct mr_load *from, struct mr_load_field *field);
bool mr_load_rows_of(const struct mr_load *bytes, struct mr_load_rows *rows);

#endif

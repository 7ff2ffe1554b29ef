/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_FORMAT_CSV_PRIVATE_H
#define MR_FORMAT_CSV_PRIVATE_H

/* What the files of the CSV decoder share. */

#include "format/csv.h"
#include "format/day.h"
#include "format/fill.h"
#include "format/scan.h"

#define MR_CSV_GROUP     64u   /* rows that are taken together */
#define MR_CSV_SEPS      4096u /* cells of them */
#define MR_CSV_NO_CELL   UINT32_MAX
#define MR_CSV_SCRATCH   65536u /* bytes for texts beside max_line */
#define MR_CSV_FAR_SLACK 63u    /* bytes behind moved strings that are overwritten */

/* ---- one row by the state machine ---- */

/* What a byte is. */
enum mr_csv_class { MR_CSV_OTHER, MR_CSV_DELIMITER, MR_CSV_QUOTE, MR_CSV_END, MR_CSV_NUL };

enum mr_csv_state { MR_CSV_START, MR_CSV_PLAIN, MR_CSV_QUOTED, MR_CSV_QUOTE_SEEN };

struct mr_csv_cell { /* of a row; its quotes included */
  uint32_t off, len;
  bool quoted, doubled; /* doubled: holds two quotes for one */
};

/* Where the look at a row stands: it goes on when more input has come. */
struct mr_csv_look {
  enum mr_csv_state state;
  uint32_t off;         /* next byte, from the row's first one */
  uint32_t cell_off;    /* of the cell that is being read */
  uint32_t cell_cnt;    /* whole cells */
  uint32_t newlines;    /* inside quotes */
  uint32_t junk_cell;   /* the first cell with something behind its closing quote, from 1 */
  bool quoted, doubled; /* the cell */
  bool cr;              /* the last byte was \r inside quotes */
  bool nul;             /* there is a NUL byte */
  bool open;            /* the input ended inside quotes */
  bool whole;           /* it is over */
};

/* ---- rows taken together ---- */

struct mr_csv_group {
  const char *text;                   /* the first row */
  uint32_t row_cnt;                   /* whole rows with as many cells as there should be */
  bool high;                          /* bytes above 0x7f */
  bool crlf;                          /* rows that end with \r\n */
  bool doubled;                       /* doubled quotes in cells */
  bool newlines;                      /* line ends inside quotes */
  uint64_t bad;                       /* bits of rows that have to be looked at alone */
  uint64_t heap;                      /* bytes of strings for the heap, those of bad rows too */
  uint32_t sep[1 + MR_CSV_SEPS + 72]; /* ends of cells from text on, behind a first one at -1 */
};

struct mr_csv_task { /* a column that the kernels take */
  uint32_t col, cell;
  bool null_ok;      /* rows may have an empty cell */
  struct mr_day day; /* of the last time */
  uint64_t nulls;    /* bits of rows that have */
};

struct mr_csv;

/* The loops over rows, for one x86-64 level. */
struct mr_csv_kernels {
  /* Finds at most row_max whole rows from p on, that is all of the group but bad and heap. Looks
   * at whole pieces of 64 bytes. */
  void (*find)(struct mr_csv *csv, struct mr_csv_group *group, const char *p, const char *end,
               uint32_t row_max);
  /* Takes the task's cell of the group's rows into rows from `row` on; nulls of the task. */
  void (*take)(struct mr_csv *csv, struct mr_csv_group *group, struct mr_csv_task *task,
               uint32_t row);
  /* Moves strings for the heap of the rows below `to` that are not bad into the heap at p. The
   * bytes used; up to MR_CSV_FAR_SLACK bytes behind them are overwritten. */
  size_t (*move)(struct mr_csv *csv, const struct mr_csv_group *group, uint32_t row, uint32_t to,
                 uint8_t *p);
};
extern const struct mr_csv_kernels mr_csv_kernels_v2, mr_csv_kernels_v3, mr_csv_kernels_v4;

/* ---- the decoder ---- */

enum mr_csv_header { MR_CSV_NONE, MR_CSV_DUE, MR_CSV_KNOWN, MR_CSV_BROKEN };

struct mr_csv {
  struct mr_fill fill;
  char delimiter, quote; /* quote 0: none */
  uint8_t classes[256];  /* enum mr_csv_class by byte */

  /* the input */
  enum mr_csv_header header;
  bool after_cr;        /* the last row ended with \r, and a \n may follow */
  uint32_t cell_cnt;    /* of every row */
  uint32_t *cells;      /* per name of a column, by rank: its cell, MR_CSV_NO_CELL: none */
  uint32_t *name_off;   /* per column: the first of its names in cells */
  uint32_t *empty_code; /* per column with one_of: the code of "", MR_CSV_NO_CELL: none */
  char *names;          /* for the raw column: of each cell, as a JSON key */
  uint32_t *names_off;
  size_t names_sz;

  /* the row being made */
  struct mr_csv_look look;
  struct mr_csv_cell *row;
  char *scratch; /* texts without their doubled quotes, the raw column */
  size_t scratch_sz, scratch_used;
  const char *full_at; /* the row whose strings had no room in a group, */
  bool full_was_empty; /* and whether the batch's heap was empty before */

  /* groups */
  bool grouped; /* the header allows them */
  bool alone;   /* something is done for every row */
  uint32_t task_cnt, absent_cnt;
  struct mr_csv_task *tasks;
  uint16_t *absent; /* checked columns that the input has not */
  uint32_t group_max;
  const struct mr_csv_kernels *kernels;
  struct mr_csv_group group;

  struct mr_csv_counts counts;
};

/* ---- csv_row.c ---- */

/* The next row that is not blank, into csv->row and csv->look. */
enum mr_line_result mr_csv_next_row(struct mr_csv *csv, struct mr_lines *lines,
                                    struct mr_line *out);
/* Makes ready for the next row; false: no byte of it is there. */
bool mr_csv_begin_row(struct mr_csv *csv, struct mr_lines *lines);
/* Whether it is well-formed, apart from the number of its cells; false: fill.bad says why not. Cuts
 * what the input ends with off a line whose quote is not closed. */
bool mr_csv_row_check(struct mr_csv *csv, struct mr_line *line);
/* The text of a cell of the row at p, quotes taken out; in the row or in scratch. */
const char *mr_csv_cell_text(struct mr_csv *csv, const char *p, const struct mr_csv_cell *cell,
                             uint32_t *len);
/* Puts the cells of the row at p into row number `row` of the batch. False: fill.bad says why it is
 * no row; *full: it is one, and there is no room for its strings. */
bool mr_csv_row_put(struct mr_csv *csv, const char *p, uint32_t row, bool *full);
bool mr_csv_is_blank(const struct mr_csv *csv, const char *p, size_t len);

/* ---- csv_group.c ---- */

/* Which columns the kernels take; after the header is known. */
void mr_csv_group_plan(struct mr_csv *csv);
/* Decodes rows from lines->p on as long as they can be taken together; the next row. */
uint32_t mr_csv_group_run(struct mr_csv *csv, struct mr_lines *lines, uint32_t row,
                          uint32_t row_max);

/* ---- csv_value.c: texts of values, for kernels and single rows alike; false: it is none ---- */

/* 0, MR_ERR_DATA, or MR_ERR_LIMIT: no double can hold it. */
int mr_csv_take_double(const char *p, uint32_t len, double *out);
bool mr_csv_take_bool(const char *p, uint32_t len, bool *out);
/* RFC 3339 of any kind; its day is remembered. */
bool mr_csv_take_other_time(struct mr_day *day, const char *p, uint32_t len, int64_t *out);
/* The column's pattern, which has a day in front; it is remembered. */
bool mr_csv_take_other_pattern(const struct mr_fill_col *col, struct mr_day *day, const char *p,
                               uint32_t len, int64_t *out);
/* A time in one of the column's formats, or a duration. */
bool mr_csv_take_time(const struct mr_fill_col *col, const char *p, uint32_t len, int64_t *out);

#endif

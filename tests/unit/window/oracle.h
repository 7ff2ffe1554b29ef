/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_WINDOW_ORACLE_H
#define MR_WINDOW_ORACLE_H

/* Windows by a second, simple computation: every row is kept in a list of its group, and the
 * columns are computed from the lists at the end. */

#include "harness.h"

#define BASE   INT64_C(1760313600000000) /* 2025-10-13, a multiple of all sizes in use */
#define SECOND INT64_C(1000000)
#define MINUTE (60 * SECOND)

enum key { KEY_NONE = 0, KEY_CITY = 1, KEY_NAME = 2, KEY_V = 4, KEY_OK = 8, KEY_D = 16 };

struct query {
  const char *name;
  uint32_t keys;              /* enum key */
  const char *columns;        /* names of the table in oracle.c, blank between */
  int64_t size_us, offset_us; /* 0: no windows */
  const char *where;          /* or NULL; the second is the same in C */
  bool (*pass)(const struct row *r);
  int64_t slide_us, step_us; /* hopping, cumulating */
  int64_t gap_us;            /* sessions; size_us is then not 0 */
};

struct group {
  int64_t start, end;
  struct row *rows;
  uint32_t cnt;
  bool merged; /* sessions: of several */
};

struct oracle { /* zeroed but for the first two */
  const struct query *q;
  int64_t lateness_us;
  struct group *groups;
  uint32_t group_cnt, late_cnt, partial_cnt, filtered_cnt, added_cnt, merged_cnt;
  struct lines late, out;
};

/* The verdict on one row: wm is the watermark of its own partition before it, or the node's if that
 * is higher. */
void oracle_row(struct oracle *o, const struct row *r, int64_t wm);
/* Fails unless all lines of the oracle are in l; others may be there too, of sessions that have
 * grown. */
void lines_contain(const struct lines *l, const struct lines *want);
/* Adds a row without a look at time. */
void oracle_add(struct oracle *o, const struct row *r);
/* A line per group into o->out. */
void oracle_lines(struct oracle *o);
void oracle_end(struct oracle *o);

/* Leaves of each window and key the last line: a correction is a whole row. Returns how many went.
 */
uint32_t keep_last(struct lines *l, const struct query *q);

/* Rows whose time goes on by step with jitter; one in 20 is far behind its turn, one in 100 has no
 * time. Rows of one city are of one partition, so that their order of arrival does not depend on
 * batches. */
struct row make_row(uint64_t seed, uint64_t id, int64_t step, uint32_t partitions);

/* The query as options of the operator, with more of them behind. Valid until the next call. */
const char *query_yaml(const struct query *q, const char *more);

#endif

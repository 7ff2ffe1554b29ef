/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_TOOLS_DLQ_H
#define MR_TOOLS_DLQ_H

/* The verbs of `dlq`, and which records they are about. */

#include "dlq_file.h"
#include "load.h"

struct mr_dlq {
  const char *verb;         /* "dlq show" */
  const char *graph, *node; /* NULL: all */
  const char *data_dir;
  const char *code;  /* NULL: any */
  const char *to;    /* replay: a file or "-" */
  int64_t before_us; /* records older than this; INT64_MAX: all */
  int64_t limit;     /* 0: no limit */
  bool json, dry_run;
  uint64_t watch_ns;
  bool live;        /* the graph runs */
  char found[4096]; /* memory of data_dir */
  char name[64];    /* memory of graph */
};

/* Whether the record is one of those that were asked for. */
bool mr_dlq_matches(const struct mr_dlq *dlq, const struct mr_dlq_record *record);

/* Feeds what sources could not read to the same source of the running graph, or into a file; what
 * was taken is removed. An exit code. */
int mr_dlq_replay(struct mr_dlq *dlq);

#endif

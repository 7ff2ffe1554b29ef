/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_EMBED_MILLRACE_H
#define MR_EMBED_MILLRACE_H

/* libmillrace: a graph inside another program. The graph file is a string, its rows come from the
 * caller and go to the caller, or from and to what the file names, and it runs on threads of its
 * own or step by step in the caller's thread (for tests and benchmarks of single operators).
 *
 *   mr_graph_open --mr_graph_start--> threads run --mr_graph_wait--> ended --mr_graph_close
 *        \--------mr_graph_step: one worker's step in the caller's thread--------/
 *
 * Two node types exist here besides those of the program:
 *
 *   sources: { in:  { type: feed, event: e } }    rows from conf.feed, or text by mr_graph_feed
 *   sinks:   { out: { type: take, from: op } }    rows to conf.take
 *
 * C and C++. Names begin with mr_ or MR_. Nothing prints, exits, or changes the process: errors are
 * values, and log lines go to conf.log. Any number of graphs may be open at a time. Unless it says
 * otherwise, a function may be called by one thread at a time per graph. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#include "base/api.h"
#include "base/error.h"

MR_API_BEGIN

struct mr_graph;
struct mr_graph_in;  /* an open batch of a feed */
struct mr_graph_out; /* rows that arrived at a take */
struct mr_op;        /* an operator: graph/op.h */
struct ArrowSchema;  /* the Arrow C data interface: data/arrow.h */
struct ArrowArray;

/* Version of the library, "1.2.3". Static text. Any thread. */
const char *mr_version(void);

/* Fills rows 0..n-1 of the batch and returns n; 0: nothing now, ask again; -1: the end. On the
 * worker's thread. */
typedef int32_t (*mr_graph_feed_fn)(void *ctx, const char *source, struct mr_graph_in *in);
/* Gets rows that arrived at a sink; they are valid during the call. On the worker's thread. */
typedef void (*mr_graph_take_fn)(void *ctx, const char *sink, struct mr_graph_out *out);
/* One line of log without newline, as logfmt. Any thread. */
typedef void (*mr_graph_log_fn)(void *ctx, const char *line);

struct mr_graph_conf {
  const char *text; /* the graph file; need not end with NUL */
  size_t len;
  const char *name;        /* for error texts; NULL: "graph" */
  const char *const *sets; /* "path=value", as `run --set`; may be NULL */
  uint32_t set_cnt;
  const struct mr_op *const *ops; /* operators of the caller's own, NULL-terminated; may be NULL */
  mr_graph_feed_fn feed;          /* rows of `feed` sources; NULL: text by mr_graph_feed */
  mr_graph_take_fn take;          /* rows of `take` sinks; NULL: they are counted and forgotten */
  mr_graph_log_fn log;            /* NULL: silent */
  void *ctx;                      /* for feed, take and log */
  uint64_t seed;                  /* of generators, with seed_given */
  bool seed_given;
  bool pin;        /* pin the workers' threads to CPUs */
  bool observable; /* millrace stat, top, ... find the graph by its name */
  bool no_stats;   /* no counters and histograms: for measuring what they cost */
};

/* Reads, plans and lays out the graph: all memory is taken here. NULL with a text that says what is
 * wrong and where when it cannot: MR_ERR_CONF, MR_ERR_NOMEM, MR_ERR_EXISTS, ... conf and what it
 * points to may go after the call, but for ctx and ops. */
struct mr_graph *mr_graph_open(const struct mr_graph_conf *conf, struct mr_error *err);

/* Starts the workers' threads. */
int mr_graph_start(struct mr_graph *graph, struct mr_error *err);

/* In place of mr_graph_start: each worker does one step in this thread. True while there may be
 * work left; a graph whose input is silent returns true too. */
bool mr_graph_step(struct mr_graph *graph);
/* Steps until the graph has ended, or until `idle` steps on end did nothing. True: it has ended.
 * Text of mr_graph_feed and files are read by other threads, so then a step that does nothing says
 * little: step until it has ended. */
bool mr_graph_run(struct mr_graph *graph, uint32_t idle);

/* Appends text for a `feed` source of a graph without conf.feed: lines in the source's format, not
 * necessarily whole ones, decoded like those of `stdin`. Returns how many bytes were taken, less
 * than len (also 0) when the graph is behind: feed the rest later. MR_ERR_NOENT without such a
 * source, MR_ERR_STATE after its end. Any thread, one at a time per source. */
int64_t mr_graph_feed(struct mr_graph *graph, const char *source, const char *bytes, size_t len);
/* Says that nothing more comes for it: it ends once all is read. 0 or MR_ERR_NOENT. */
int mr_graph_feed_end(struct mr_graph *graph, const char *source);

/* Asks for a drain: sources stop, what was taken goes through, sinks close; windows that are open
 * stay open. Any thread, also a signal handler. */
void mr_graph_drain(struct mr_graph *graph);
/* Stops at once; what is in flight is lost. Any thread, also a signal handler. */
void mr_graph_abort(struct mr_graph *graph);

/* Waits until the graph has ended, at most timeout_ns nanoseconds. MR_OK: ended and all is well.
 * MR_ERR_AGAIN: it still runs, or it was cut short by an abort. Else what failed. */
int mr_graph_wait(struct mr_graph *graph, uint64_t timeout_ns, struct mr_error *err);

/* Stops what still runs and frees everything. NULL is allowed. */
void mr_graph_close(struct mr_graph *graph);

/* ---- filling rows: in mr_graph_feed_fn ---- */

/* At most this many rows now, and the number of columns. */
uint32_t mr_graph_in_max(const struct mr_graph_in *in);
uint32_t mr_graph_in_columns(const struct mr_graph_in *in);
/* Index of a column of the source's event, or -1. */
int32_t mr_graph_in_column(const struct mr_graph_in *in, const char *name);
/* False: nothing reads the column, it has no memory; setting it does nothing. */
bool mr_graph_in_needed(const struct mr_graph_in *in, uint32_t col);

/* Each needed column of each row is set once, rows from 0 in order. int64, timestamp and duration
 * (microseconds) with _int; a string with one_of with _code (its index in the list) or _str.
 * _str is false when the batch's heap is full, or the text is not in the list: return the rows
 * before this one, and set it again in the next batch. */
void mr_graph_in_null(struct mr_graph_in *in, uint32_t col, uint32_t row);
void mr_graph_in_int(struct mr_graph_in *in, uint32_t col, uint32_t row, int64_t value);
void mr_graph_in_double(struct mr_graph_in *in, uint32_t col, uint32_t row, double value);
void mr_graph_in_bool(struct mr_graph_in *in, uint32_t col, uint32_t row, bool value);
void mr_graph_in_code(struct mr_graph_in *in, uint32_t col, uint32_t row, uint8_t code);
bool mr_graph_in_str(struct mr_graph_in *in, uint32_t col, uint32_t row, const char *text,
                     uint32_t len);

/* The column's memory, to be filled without a call per value: int64_t or double per row, uint8_t
 * for one_of; no row is NULL then. NULL for other types and for columns that nothing needs. */
void *mr_graph_in_values(struct mr_graph_in *in, uint32_t col);

/* ---- reading rows: in mr_graph_take_fn ---- */

uint32_t mr_graph_out_rows(const struct mr_graph_out *out);
uint32_t mr_graph_out_columns(const struct mr_graph_out *out);
/* Name of a column, NULL beyond the last; index of a column, or -1. */
const char *mr_graph_out_name(const struct mr_graph_out *out, uint32_t col);
int32_t mr_graph_out_column(const struct mr_graph_out *out, const char *name);

/* A value; rows are numbered from 0 without gaps. Where the type does not fit, 0 or "". _str of a
 * string points to *len bytes without NUL, valid during the call. */
bool mr_graph_out_null(const struct mr_graph_out *out, uint32_t col, uint32_t row);
int64_t mr_graph_out_int(const struct mr_graph_out *out, uint32_t col, uint32_t row);
double mr_graph_out_double(const struct mr_graph_out *out, uint32_t col, uint32_t row);
bool mr_graph_out_bool(const struct mr_graph_out *out, uint32_t col, uint32_t row);
const char *mr_graph_out_str(const struct mr_graph_out *out, uint32_t col, uint32_t row,
                             uint32_t *len);

/* Writes the row as one JSON object without newline; its length, or 0 when it needs more than sz
 * bytes. */
size_t mr_graph_out_json(const struct mr_graph_out *out, uint32_t row, char *buf, size_t sz);
/* The rows as a struct array of the Arrow C data interface; values are not copied, so release both
 * before the call returns. The last child "_selected" says which rows count. */
void mr_graph_out_arrow(const struct mr_graph_out *out, struct ArrowSchema *schema,
                        struct ArrowArray *array);

/* ---- what it counts: any thread, also while it runs; not with no_stats ---- */

struct mr_graph_latency {
  uint64_t count, p50_ns, p90_ns, p99_ns, p99_9_ns, max_ns;
  double mean_ns;
};

/* Sums over the node's instances; service is the time that one batch took. */
struct mr_graph_counts {
  uint64_t rows_in, rows_out, absorbed, filtered, late, dropped, dead_letters;
  uint64_t busy_ns, blocked_ns;
  struct mr_graph_latency service;
};

/* MR_OK; MR_ERR_NOENT without such a node; MR_ERR_STATE with no_stats. */
int mr_graph_node_counts(struct mr_graph *graph, const char *node, struct mr_graph_counts *out,
                         struct mr_error *err);
/* From a row's planned time at the source to its arrival at the sink. */
int mr_graph_path_latency(struct mr_graph *graph, const char *source, const char *sink,
                          struct mr_graph_latency *out, struct mr_error *err);
/* Writes the same as `millrace stat --json`, NUL-terminated; its length, or a negative code:
 * MR_ERR_LIMIT when it needs more than sz bytes. */
int64_t mr_graph_stat_json(struct mr_graph *graph, char *buf, size_t sz);

MR_API_END

#ifdef __cplusplus
}
#endif

#endif

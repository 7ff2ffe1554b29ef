/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_SINK_WRITER_H
#define MR_SINK_WRITER_H

/* How sinks write: two buffers, of which one is filled while the other is on its way through mr_io.
 * Nothing here blocks; where both buffers are taken, ctx->more is set and the next drain goes on.
 * Rows are encoded as JSON lines or CSV from a cursor, so a view may take several drains and a row
 * several buffers.
 *
 *   closed --(open_later: the first bytes)--> opening --> open --finish--> closing --> shut
 *   open, attach: open at once                  any failure --> failed, and the graph stops
 *
 * A row counts as rows_out once its last byte is written. When a write fails, the rows that did not
 * make it count as dropped: rows_in = rows_out + dropped. One writer belongs to one sink instance.
 */

#include "format/csv_conf.h"
#include "format/csv_encode.h"
#include "format/json_encode.h"
#include "io/io.h"
#include "worker/ctx.h"

#define MR_WRITER_BUF_SZ   (256u << 10)
#define MR_WRITER_FLUSH_US 500000 /* rows of a file wait this long at most, on the wall clock */

enum mr_writer_state {
  MR_WRITER_CLOSED,
  MR_WRITER_PARENTS, /* folders are being made */
  MR_WRITER_OPENING,
  MR_WRITER_SIZING, /* looks what kind of file it is */
  MR_WRITER_OPEN,
  MR_WRITER_SYNCING,
  MR_WRITER_CLOSING,
  MR_WRITER_SHUT,
  MR_WRITER_FAILED
};

struct mr_writer_buf {
  char *p;
  uint32_t used;
  uint32_t head; /* bytes of a header in front of the rows */
  bool inside;   /* CSV: it begins inside quotes */
  uint64_t rows; /* that end in it */
};

struct mr_writer {
  struct mr_io *io;
  const char *name; /* path, or "standard output" */
  enum mr_writer_state state;
  bool later;  /* opened when the first bytes come */
  bool shared; /* a descriptor that is not ours to close */
  bool stream; /* no regular file */
  bool append;
  bool synced; /* what is written is on the disk before the file is closed */
  bool eager;  /* hands over what is there after every view, once the write before is done */
  bool small;  /* the view is small: no other one may follow soon */
  bool finishing, flushing;
  int fd;
  uint32_t buf_sz;
  uint32_t cur;          /* buffer being filled */
  bool in_flight;        /* the other one is being written */
  struct mr_io_req req;  /* of the write */
  struct mr_io_req file; /* of opening and closing */
  struct mr_writer_buf bufs[2];
  uint64_t file_bytes, file_rows; /* in the file that is open */
  bool syncing;                   /* mr_writer_settled: the sync is under way */
  bool full_said;                 /* that the disk is full */
  uint64_t retry_ns;              /* when to try again */
  uint64_t sent_ns;
  const struct mr_json_encoder *json; /* or */
  const struct mr_csv_encoder *csv;   /* or text of other kinds */
  bool header;                        /* CSV begins with one */
  const struct mr_view *view;         /* being encoded; NULL: none */
  union {
    struct mr_json_cursor json;
    struct mr_csv_cursor csv;
  } cursor;
};

/* ---- plan, for sinks that write rows; as JSON lines where nothing else is said ---- */

/* Sets p->data for mr_writer_need and mr_writer_encoder (JSON), p->every_us where nothing else is
 * said, p->state_max. */
int mr_writer_plan(struct mr_op_plan *p);

/* What a sink says of its rows, and the words that `format` and `nulls` may be. */
struct mr_writer_opts {
  int format, nulls;
  struct mr_csv_conf csv;
};
extern const char *const mr_writer_formats[], *const mr_writer_null_words[];
/* mr_writer_plan with options that stand at `format`, `nulls` and `csv` of the node. MR_ERR_CONF
 * when something was reported. */
int mr_writer_plan_opts(struct mr_op_plan *p, const struct mr_writer_opts *opts);
void mr_writer_need(const struct mr_op_plan *p, const bool *const out_need[MR_OUTS_MAX],
                    bool *in_need);

/* ---- lifecycle ---- */

/* Takes memory for two buffers of buf_sz bytes (0: MR_WRITER_BUF_SZ; at least MR_JSON_ENCODE_MIN).
 * MR_ERR_NOMEM. */
int mr_writer_init(struct mr_writer *w, struct mr_op_ctx *ctx, uint32_t buf_sz,
                   struct mr_error *err);
/* What becomes of NULLs: written; left out; left out where the row's kind has no such column. */
enum mr_writer_nulls { MR_WRITER_KEEP, MR_WRITER_OMIT, MR_WRITER_OWN };
/* Sets the encoder of rows. MR_ERR_ARG. */
int mr_writer_encoder(struct mr_writer *w, struct mr_op_ctx *ctx, enum mr_writer_nulls nulls,
                      struct mr_error *err);
/* Opens a file now; folders below data_dir are made. For init. MR_ERR_IO. */
int mr_writer_open(struct mr_writer *w, struct mr_op_ctx *ctx, const char *path, bool append,
                   struct mr_error *err);
/* Opens a file for appending, with the folders above it, once there is something to write. */
void mr_writer_open_later(struct mr_writer *w, const char *path);
/* The same anew, behind mr_writer_finish or at the start: another file, which is written from its
 * beginning. */
void mr_writer_open_next(struct mr_writer *w, const char *path);
/* Nothing was put into the file since it was said to be opened. */
static inline bool mr_writer_untouched(const struct mr_writer *w) {
  return w->state == MR_WRITER_CLOSED && w->bufs[w->cur].used == w->bufs[w->cur].head &&
         !w->in_flight;
}
/* Writes to a descriptor that stays open, as a stream. */
void mr_writer_attach(struct mr_writer *w, int fd, const char *name);
/* For fini: what is whole and still here goes to a file; then it is closed. */
void mr_writer_fini(struct mr_writer *w, struct mr_op_ctx *ctx);

/* ---- operations, for process, drain, tick and finish ---- */

/* Takes a view; it stays the framework's until ctx->more is false. */
void mr_writer_process(struct mr_writer *w, struct mr_op_ctx *ctx, const struct mr_view *view);
void mr_writer_drain(struct mr_writer *w, struct mr_op_ctx *ctx);
/* Hands over what is there. */
void mr_writer_tick(struct mr_writer *w, struct mr_op_ctx *ctx);
/* Writes all and closes. */
void mr_writer_finish(struct mr_writer *w, struct mr_op_ctx *ctx);

/* For a barrier: all that was taken is written, and of a file on the disk; false: not yet,
 * ctx->more is set, or the graph was stopped. */
bool mr_writer_settled(struct mr_writer *w, struct mr_op_ctx *ctx);

/* ---- text of other kinds ---- */

/* Room in the buffer being filled, at least one byte; NULL: none now, ctx->more is set. */
char *mr_writer_room(struct mr_writer *w, struct mr_op_ctx *ctx, uint32_t *sz);
/* len bytes were put into the room, and with them `rows` rows are whole. */
void mr_writer_put(struct mr_writer *w, uint32_t len, uint64_t rows);
/* True when all that was put is written; else ctx->more is set. */
bool mr_writer_written(struct mr_writer *w, struct mr_op_ctx *ctx);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_PRODUCER_READER_H
#define MR_PRODUCER_READER_H

/* Lines of files or a stream into batches, shared by the sources `file` and `stdin`. Blocks are
 * read through mr_io: while reads finish at once (page cache) one block is used over and over, so
 * it stays in the cache of the CPU; once a read has to wait, the next block is read while this one
 * is decoded.
 *
 * A reader belongs to one source instance. Its poll emits at most one batch: what is there goes
 * out, nothing waits for a batch to be full. */

#include "format/csv_conf.h"
#include "format/decoder.h"
#include "io/io.h"
#include "producer/files.h"
#include "producer/share.h"
#include "worker/ctx.h"

#define MR_READER_BLOCK_SZ (256u << 10) /* bytes read at a time */

/* Made by plan, for all instances. */
struct mr_reader_plan {
  enum mr_decode_kind kind;
  struct mr_decode_csv csv;
  struct mr_decode_field *fields; /* by visible column; needed is set by init */
  uint32_t max_line;
};

struct mr_reader_conf {
  const char *name; /* for messages and dead letters; lives as long as the reader */
  int fd;
  bool stream;       /* read from where it stands: a pipe or terminal */
  uint64_t total;    /* bytes that will come, 0: unknown */
  uint32_t block_sz; /* 0: MR_READER_BLOCK_SZ */
  /* In place of fd and stream: these, one after another. The caller's; live as long. */
  struct mr_files *files;
  /* The parsing is shared with the node's other instances; in place of all above. NULL: it is not.
   */
  struct mr_share *share;
  /* Rows come at the pace of their event times, so many times as fast; 0: as fast as they can. */
  double speed;
};

/* Rows at the pace of their event times. */
struct mr_pace {
  double speed;
  int32_t col;       /* of the event time */
  bool begun;        /* the first row was there: */
  int64_t first_us;  /* its event time, */
  uint64_t start_ns; /* and when it came */
  uint64_t last_ns;  /* planned time of the last row, after start_ns */
  uint64_t *planned_ns;
  int64_t *vtime_us;
};

struct mr_reader {
  struct mr_reader_conf conf;
  struct mr_io *io;
  struct mr_decoder *decoder;
  struct mr_io_req req;
  char *blocks[2];  /* where data is read to */
  uint32_t cur;     /* block that holds the lines */
  uint32_t reading; /* block that req reads into */
  uint64_t off;     /* bytes asked for so far */
  uint64_t end;     /* where the part ends; UINT64_MAX: where the file does */
  bool asked;       /* req is in flight, or finished and not yet looked at */
  bool ahead;       /* reads have to wait: ask for the next block early */
  bool has_lines;   /* the decoder has not yet said that it wants more */
  bool bad;         /* a line is no row and has not been taken yet */
  struct mr_lines lines;
  struct mr_lines replay; /* lines that came from outside */
  /* parts: files one after another, or what a followed file holds until it is cut or replaced */
  bool in_part;
  bool part_ended;        /* the lines hold the rest of the part */
  bool ended;             /* no part comes any more */
  bool anew;              /* the next part is the same file from its start */
  uint32_t part_cnt;      /* parts begun */
  uint64_t done;          /* bytes of parts before */
  struct mr_io_req job;   /* of the files */
  bool job_asked, at_end; /* at_end: of what a followed file holds */
  uint64_t look_ns;       /* when to look at the files again; 0: now */
  struct mr_pace pace;
  struct mr_shared_part part; /* of a share */
  bool resumes;               /* the next part is the rest of this one: */
  struct {
    const char *name;
    uint64_t pos, line;
    bool whole; /* it has none: the file behind it */
  } resume;
};

/* The words that `format` of a source may be. */
extern const char *const mr_reader_formats[];

/* What a source says of its lines. */
struct mr_reader_opts {
  int format; /* index into mr_reader_formats, -1: not given */
  struct mr_csv_conf csv;
  uint64_t max_line;
};

/* The source's side of plan(): what it decodes, and its output. Mistakes are reported at `format`
 * and `csv` of the node. MR_ERR_CONF when something was reported. */
int mr_reader_plan(struct mr_op_plan *p, const struct mr_reader_opts *opts);

/* The two that a source needs which has its lines from elsewhere: the decoder of its plan, in
 * init (NULL: err), and the bytes of a block (format/lines.h). */
struct mr_decoder *mr_reader_decoder(struct mr_op_ctx *ctx, struct mr_error *err);
uint64_t mr_reader_block_bytes(uint32_t max_line, uint32_t block_sz);

/* Takes the memory. The descriptor stays the caller's. MR_ERR_NOMEM, MR_ERR_ARG. */
int mr_reader_init(struct mr_reader *reader, struct mr_op_ctx *ctx,
                   const struct mr_reader_conf *conf, struct mr_error *err);
enum mr_poll mr_reader_poll(struct mr_reader *reader, struct mr_op_ctx *ctx);
/* mr_op.replay */
bool mr_reader_replay(struct mr_reader *reader, struct mr_op_ctx *ctx,
                      struct mr_replay_lines *lines);
/* mr_op.snapshot and restore, of files that are not shared. */
void mr_reader_snapshot(struct mr_reader *reader, struct mr_op_ctx *ctx, struct mr_save *to);
int mr_reader_restore(struct mr_reader *reader, struct mr_op_ctx *ctx, const struct mr_load *from,
                      struct mr_error *err);
/* After it the descriptor of a file may be closed. A read of a stream may still block;
 * mr_io_destroy ends it. */
void mr_reader_fini(struct mr_reader *reader);

#endif

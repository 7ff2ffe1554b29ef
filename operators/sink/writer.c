/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/writer.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/assert.h"
#include "graph/codes.h"
#include "graph/compile.h"
#include "graph/plan.h"
#include "graph/tree.h"

/* A buffer with less room than this share of it is sent, so that rows are rarely cut. */
#define LOW_SHARE 8u
/* Views of fewer rows do not wait in a buffer for the next one. */
#define SMALL_ROWS 256u
#define RETRY_NS   UINT64_C(1000000000) /* a full disk is tried again after this */

struct writer_plan {
  int32_t raw_col; /* the line is written as it is: in all rows of `any`, in those that have one
                      where it is optional; -1: there is none */
  bool raw_some;   /* it is optional */
  bool is_csv;
  struct mr_decode_csv csv;
};

const char *const mr_writer_formats[] = {"json", "csv", NULL};
const char *const mr_writer_null_words[] = {"keep", "omit", "own", NULL};

/* ---- plan ---- */

static int32_t find_raw(const struct mr_schema *schema) {
  for (uint32_t c = schema->visible_cnt; c < schema->cnt; c++) {
    const struct mr_field *f = &schema->fields[c];
    if (f->type == MR_TYPE_STRING && !f->codes && strcmp(f->name, "raw") == 0) return (int32_t)c;
  }
  return -1;
}

int mr_writer_plan(struct mr_op_plan *p) {
  struct writer_plan *data = MR_NEW(p->arena, struct writer_plan, 1);
  data->raw_col = find_raw(p->in);
  data->raw_some = data->raw_col >= 0 && p->in->fields[data->raw_col].optional;
  p->data = data;
  /* a timer of the virtual clock would cut batches into pieces for nothing */
  if (!p->every_us && !p->plan->runtime.virtual_clock) p->every_us = MR_WRITER_FLUSH_US;
  p->state_max = 2 * MR_WRITER_BUF_SZ;
  return MR_OK;
}

static int plan_csv(struct mr_op_plan *p, const struct mr_writer_opts *opts) {
  struct writer_plan *data = p->data;
  struct mr_tree *at = mr_tree_get(p->tree, "csv");
  struct mr_error err;
  const char *key;
  data->is_csv = true;
  if (!data->raw_some) data->raw_col = -1; /* columns that nobody named are not known */
  mr_error_clear(&err);
  if (mr_csv_conf_read(&opts->csv, &data->csv, &key, &err))
    return mr_op_error(p, mr_tree_get(at, key), MR_CODE_OUT_OF_RANGE, "%s", err.text);
  if (!data->csv.quote)
    return mr_op_error(p, mr_tree_get(at, "quote"), MR_CODE_OUT_OF_RANGE,
                       "what is written needs a quote");
  if (opts->nulls)
    return mr_op_error(p, mr_tree_get(p->tree, "nulls"), MR_CODE_KEYS_CLASH,
                       "nulls is for format: json; in CSV a NULL is an empty cell");
  struct mr_tree *format = mr_tree_get(p->tree, "format");
  if (!p->in->visible_cnt)
    return mr_op_error(p, format, MR_CODE_KEYS_CLASH,
                       "CSV needs columns, and none of the source's are declared or used");
  const struct mr_field *unfit = mr_csv_conf_unfit(p->in);
  if (!unfit) return MR_OK;
  char type[64];
  return mr_op_error(p, format, MR_CODE_KEYS_CLASH, "column %s is %s, which CSV cannot hold",
                     unfit->name, mr_field_type_text(unfit, type, sizeof type));
}

int mr_writer_plan_opts(struct mr_op_plan *p, const struct mr_writer_opts *opts) {
  int rc = mr_writer_plan(p);
  if (rc || opts->format == 1) return rc ? rc : plan_csv(p, opts);
  struct mr_tree *at = mr_tree_get(p->tree, "csv");
  return at ? mr_op_error(p, at, MR_CODE_KEYS_CLASH, "csv is for format: csv") : MR_OK;
}

void mr_writer_need(const struct mr_op_plan *p, const bool *const out_need[MR_OUTS_MAX],
                    bool *in_need) {
  const struct writer_plan *data = p->data;
  (void)out_need;
  if (data->raw_col >= 0) in_need[data->raw_col] = true;
  if (data->raw_col < 0 || data->raw_some)
    for (uint32_t c = 0; c < p->in->visible_cnt; c++) in_need[c] = true;
}

/* ---- lifecycle ---- */

int mr_writer_init(struct mr_writer *w, struct mr_op_ctx *ctx, uint32_t buf_sz,
                   struct mr_error *err) {
  w->io = ctx->io;
  w->buf_sz = buf_sz ? buf_sz : MR_WRITER_BUF_SZ;
  w->fd = -1;
  MR_ASSERT(w->buf_sz >= MR_JSON_ENCODE_MIN);
  for (uint32_t i = 0; i < 2; i++) {
    uint64_t off = mr_region_reserve(ctx->region_rw, w->buf_sz, "output buffers");
    if (!off) return mr_error_set(err, MR_ERR_NOMEM, "no room for output buffers");
    w->bufs[i].p = mr_region_ptr(ctx->region_rw, off);
  }
  return MR_OK;
}

int mr_writer_encoder(struct mr_writer *w, struct mr_op_ctx *ctx, enum mr_writer_nulls nulls,
                      struct mr_error *err) {
  const struct writer_plan *data = ctx->data;
  const struct mr_schema *schema = ctx->node->op_plan.in;
  if (data->is_csv) {
    w->header = data->csv.header;
    w->csv = mr_csv_encoder_create(ctx->arena, schema, &data->csv, err);
    return w->csv ? MR_OK : err->code;
  }
  struct mr_json_encode_conf conf = {
      .schema = schema,
      .nulls_omit = nulls == MR_WRITER_OMIT,
      .nulls_own = nulls == MR_WRITER_OWN,
      .raw_col = data->raw_col,
  };
  w->json = mr_json_encoder_create(ctx->arena, &conf, err);
  return w->json ? MR_OK : err->code;
}

/* The header goes in front of all rows; it is shorter than a buffer. */
static void put_header(struct mr_writer *w) {
  uint32_t len;
  if (!w->csv || !w->header) return;
  const char *text = mr_csv_encode_header(w->csv, &len);
  MR_ASSERT(len <= w->buf_sz && !w->bufs[0].used);
  memcpy(w->bufs[0].p, text, len);
  w->bufs[0].used = w->bufs[0].head = len;
}

static bool is_below(const char *path, const char *dir) {
  size_t len = dir ? strlen(dir) : 0;
  while (len > 1 && dir[len - 1] == '/') len--;
  return len && strncmp(path, dir, len) == 0 && path[len] == '/';
}

static struct mr_io_req open_req(const struct mr_writer *w) {
  int flags = O_WRONLY | O_CREAT | O_APPEND | (w->append ? 0 : O_TRUNC);
  return (struct mr_io_req){.kind = MR_IO_OPEN, .path = w->name, .flags = flags, .mode = 0666};
}

static int open_failed(struct mr_writer *w, int64_t rc, struct mr_error *err) {
  w->state = MR_WRITER_FAILED;
  mr_error_set_sys(err, (int)-rc, "cannot write %s", w->name);
  err->code = MR_ERR_IO;
  return MR_ERR_IO;
}

int mr_writer_open(struct mr_writer *w, struct mr_op_ctx *ctx, const char *path, bool append,
                   struct mr_error *err) {
  w->name = path;
  w->append = append;
  if (is_below(path, ctx->plan->runtime.data_dir)) {
    struct mr_io_req parents = {.kind = MR_IO_PARENTS, .path = path};
    int64_t rc = mr_io_wait(w->io, &parents);
    if (rc < 0) return open_failed(w, rc, err);
  }
  struct mr_io_req req = open_req(w);
  int64_t fd = mr_io_wait(w->io, &req);
  if (fd < 0) return open_failed(w, fd, err);
  w->fd = (int)fd;
  req = (struct mr_io_req){.kind = MR_IO_STAT, .fd = w->fd};
  int64_t size = mr_io_wait(w->io, &req);
  w->stream = size < 0 || !S_ISREG(req.mode);
  w->state = MR_WRITER_OPEN;
  if (w->stream || !append || !size) put_header(w);
  return MR_OK;
}

void mr_writer_open_later(struct mr_writer *w, const char *path) {
  w->name = path;
  w->append = w->later = true;
}

void mr_writer_open_next(struct mr_writer *w, const char *path) {
  w->name = path;
  w->later = true;
  w->append = w->finishing = w->flushing = w->stream = false;
  w->fd = -1;
  w->state = MR_WRITER_CLOSED;
  w->file_bytes = w->file_rows = 0;
  w->cur = 0;
  put_header(w);
}

void mr_writer_attach(struct mr_writer *w, int fd, const char *name) {
  w->name = name;
  w->fd = fd;
  w->shared = w->stream = true;
  w->state = MR_WRITER_OPEN;
  put_header(w);
}

/* ---- failures and accounts ---- */

static void count_dropped(struct mr_op_ctx *ctx) {
  struct mr_counts *c = &ctx->counts;
  if (c->rows_in > c->rows_out + c->dropped) c->dropped = c->rows_in - c->rows_out;
}

static void fail(struct mr_writer *w, struct mr_op_ctx *ctx, int64_t rc) {
  struct mr_error err;
  w->state = MR_WRITER_FAILED;
  w->view = NULL;
  count_dropped(ctx);
  mr_error_set_sys(&err, (int)-rc, "cannot write %s", w->name);
  mr_op_fail(ctx, MR_ERR_IO, "%s", err.text);
}

/* Rows whose end is among the buffer's first len bytes, header not counted; *rest: the bytes behind
 * the last line end. JSON lines hold no other newlines. */
static uint64_t rows_within(const struct mr_writer *w, const struct mr_writer_buf *buf,
                            uint64_t len, size_t *rest) {
  uint64_t rows = 0;
  *rest = len;
  if (w->csv) {
    rows = mr_csv_encoded_rows(w->csv, buf->p, rest, buf->inside);
    return rows - (rows && buf->head);
  }
  const char *p = buf->p, *end = p + len;
  while (p < end && (p = memchr(p, '\n', (size_t)(end - p)))) {
    rows++;
    *rest = (size_t)(end - ++p);
  }
  return rows;
}

static bool is_full(int64_t rc) {
  return rc == -ENOSPC || rc == -EDQUOT || rc == -EFBIG;
}

/* A graph that takes checkpoints waits for room: the rest is written again every RETRY_NS. True: it
 * does, and the write counts as under way. */
static bool waits_for_room(struct mr_writer *w, struct mr_op_ctx *ctx) {
  if (!ctx->checkpoints || w->stream || !is_full(w->req.result)) return false;
  uint64_t left = w->req.len - w->req.done, now = mr_clock_mono_ns(ctx->clock);
  if (!w->full_said)
    mr_log_write(ctx->log, MR_LOG_WARN, "MR5011", ctx->node->name,
                 "no room for %s: %llu bytes are needed; waiting", w->name,
                 (unsigned long long)left);
  if (!w->full_said || now >= w->retry_ns) {
    bool first = !w->full_said;
    w->full_said = true;
    w->retry_ns = now + RETRY_NS;
    if (first) return true;
    w->req.buf = (char *)w->req.buf + w->req.done;
    w->req.len = left;
    w->file_bytes += w->req.done;
    ctx->counts.bytes_out += w->req.done;
    w->req.done = 0;
    mr_io_submit(w->io, &w->req);
  }
  return true;
}

/* Looks whether the write is done; false: it failed. */
static bool reap(struct mr_writer *w, struct mr_op_ctx *ctx) {
  if (!w->in_flight || !mr_io_done(&w->req)) return true;
  if (w->req.result < 0 && waits_for_room(w, ctx)) return true;
  if (w->full_said && w->req.result >= 0) {
    w->full_said = false;
    mr_log_write(ctx->log, MR_LOG_INFO, NULL, ctx->node->name, "%s has room again", w->name);
  }
  struct mr_writer_buf *buf = &w->bufs[w->cur ^ 1];
  bool ok = w->req.result >= 0, has_rows = w->json || w->csv;
  size_t rest;
  uint64_t rows = ok ? buf->rows : has_rows ? rows_within(w, buf, w->req.done, &rest) : 0;
  w->in_flight = false;
  w->file_rows += rows;
  w->file_bytes += w->req.done;
  ctx->counts.rows_out += rows;
  ctx->counts.bytes_out += w->req.done;
  buf->used = buf->head = 0;
  buf->rows = 0;
  return ok;
}

/* ---- opening on the way ---- */

static void step_to(struct mr_writer *w, enum mr_writer_state state, struct mr_io_req req) {
  w->file = req;
  w->state = state;
  mr_io_submit(w->io, &w->file);
}

/* True when the file is open. */
static bool opened(struct mr_writer *w, struct mr_op_ctx *ctx) {
  for (;;) {
    if (w->state == MR_WRITER_OPEN) return true;
    if (w->state == MR_WRITER_CLOSED) {
      MR_ASSERT(w->later);
      step_to(w, MR_WRITER_PARENTS, (struct mr_io_req){.kind = MR_IO_PARENTS, .path = w->name});
    }
    if (w->state > MR_WRITER_OPEN || !mr_io_done(&w->file)) return false;
    int64_t rc = w->file.result;
    if (rc < 0) {
      fail(w, ctx, rc);
      return false;
    }
    if (w->state == MR_WRITER_PARENTS) {
      step_to(w, MR_WRITER_OPENING, open_req(w));
    } else if (w->state == MR_WRITER_OPENING) {
      w->fd = (int)rc;
      step_to(w, MR_WRITER_SIZING, (struct mr_io_req){.kind = MR_IO_STAT, .fd = w->fd});
    } else {
      w->stream = !S_ISREG(w->file.mode);
      w->state = MR_WRITER_OPEN;
    }
  }
}

/* ---- writing ---- */

/* Gives the buffer being filled to mr_io and goes on with the other one. False: not now. */
static bool send(struct mr_writer *w, struct mr_op_ctx *ctx) {
  struct mr_writer_buf *buf = &w->bufs[w->cur];
  if (!buf->used) return true;
  if (w->in_flight || !opened(w, ctx)) return false;
  w->req = (struct mr_io_req){.kind = MR_IO_WRITE,
                              .fd = w->fd,
                              .buf = buf->p,
                              .len = buf->used,
                              .off = w->stream ? MR_IO_STREAM : 0}; /* files are opened to append */
  w->in_flight = true;
  w->cur ^= 1;
  w->sent_ns = ctx->now_ns;
  mr_io_submit(w->io, &w->req);
  return true;
}

/* Rows of the view into the room of the buffer; true: those were the last ones. */
static bool encode_json(struct mr_writer *w, struct mr_op_ctx *ctx, struct mr_writer_buf *buf,
                        uint32_t room) {
  struct mr_json_cursor *cur = &w->cursor.json;
  uint64_t rows = cur->rows, nulls = cur->nan_null;
  buf->used +=
      (uint32_t)mr_json_encode(w->json, w->view, ctx->region->base, cur, buf->p + buf->used, room);
  buf->rows += cur->rows - rows;
  ctx->counts.nan_null += cur->nan_null - nulls;
  return mr_json_encode_done(w->view, cur);
}

static bool encode_csv(struct mr_writer *w, struct mr_op_ctx *ctx, struct mr_writer_buf *buf,
                       uint32_t room) {
  struct mr_csv_cursor *cur = &w->cursor.csv;
  uint64_t rows = cur->rows, nulls = cur->nan_null;
  if (!buf->used) buf->inside = mr_csv_encode_inside(cur);
  buf->used +=
      (uint32_t)mr_csv_encode(w->csv, w->view, ctx->region->base, cur, buf->p + buf->used, room);
  buf->rows += cur->rows - rows;
  ctx->counts.nan_null += cur->nan_null - nulls;
  return mr_csv_encode_done(w->view, cur);
}

_Static_assert(MR_CSV_ENCODE_MIN <= MR_JSON_ENCODE_MIN, "room for one is room for the other");

/* Encodes as far as there is room; true: the view is written out or there is none. */
static bool encode(struct mr_writer *w, struct mr_op_ctx *ctx) {
  while (w->view) {
    struct mr_writer_buf *buf = &w->bufs[w->cur];
    uint32_t room = w->buf_sz - buf->used;
    if (!buf->used || (room >= MR_JSON_ENCODE_MIN && room >= w->buf_sz / LOW_SHARE)) {
      if (w->csv ? encode_csv(w, ctx, buf, room) : encode_json(w, ctx, buf, room)) {
        w->view = NULL;
        return true;
      }
    }
    if (!reap(w, ctx)) {
      fail(w, ctx, w->req.result);
      return false;
    }
    if (!send(w, ctx)) return false;
  }
  return true;
}

/* Whether what is left in the buffer is to go now. */
static bool is_due(const struct mr_writer *w, const struct mr_op_ctx *ctx) {
  return w->eager || w->flushing || w->finishing ||
         ctx->now_ns - w->sent_ns > (uint64_t)MR_WRITER_FLUSH_US * 1000;
}

/* Closes once everything is written; true: it is over. */
static bool close_file(struct mr_writer *w, struct mr_op_ctx *ctx) {
  if (w->in_flight) return false;
  if (w->shared || w->state == MR_WRITER_CLOSED) w->state = MR_WRITER_SHUT;
  if (w->state == MR_WRITER_OPEN && w->synced)
    step_to(w, MR_WRITER_SYNCING, (struct mr_io_req){.kind = MR_IO_DATASYNC, .fd = w->fd});
  if (w->state == MR_WRITER_SYNCING) {
    if (!mr_io_done(&w->file)) return false;
    if (w->file.result < 0) {
      fail(w, ctx, w->file.result);
      return true;
    }
  }
  if (w->state == MR_WRITER_OPEN || w->state == MR_WRITER_SYNCING)
    step_to(w, MR_WRITER_CLOSING, (struct mr_io_req){.kind = MR_IO_CLOSE, .fd = w->fd});
  if (w->state == MR_WRITER_CLOSING) {
    if (!mr_io_done(&w->file)) return false;
    w->fd = -1;
    if (w->file.result < 0)
      fail(w, ctx, w->file.result);
    else
      w->state = MR_WRITER_SHUT;
  }
  return w->state == MR_WRITER_SHUT || w->state == MR_WRITER_FAILED;
}

bool mr_writer_settled(struct mr_writer *w, struct mr_op_ctx *ctx) {
  if (w->syncing) {
    ctx->more = !mr_io_done(&w->file);
    if (ctx->more) return false;
    w->syncing = false;
    if (w->file.result >= 0) return true;
    fail(w, ctx, w->file.result);
    return false;
  }
  if (!mr_writer_written(w, ctx)) return false;
  if (w->stream || w->state != MR_WRITER_OPEN) return w->state != MR_WRITER_FAILED;
  w->file = (struct mr_io_req){.kind = MR_IO_DATASYNC, .fd = w->fd};
  mr_io_submit(w->io, &w->file);
  w->syncing = ctx->more = true;
  return false;
}

static void go_on(struct mr_writer *w, struct mr_op_ctx *ctx) {
  if (w->state == MR_WRITER_FAILED) return;
  if (!reap(w, ctx)) {
    fail(w, ctx, w->req.result);
    return;
  }
  bool all = encode(w, ctx);
  if (w->state == MR_WRITER_FAILED) return;
  if (!all) {
    ctx->more = true;
    return;
  }
  bool sent = !is_due(w, ctx) || send(w, ctx);
  if (w->state == MR_WRITER_FAILED) return;
  if (!sent && w->eager && w->small) w->flushing = true;
  if (sent)
    w->flushing = false;
  else if (w->flushing || w->finishing)
    ctx->more = true;
  if (w->finishing && (!sent || !close_file(w, ctx)) && w->state != MR_WRITER_FAILED)
    ctx->more = true;
}

void mr_writer_process(struct mr_writer *w, struct mr_op_ctx *ctx, const struct mr_view *view) {
  w->view = view;
  w->small = view->sel_cnt < SMALL_ROWS;
  memset(&w->cursor, 0, sizeof w->cursor);
  go_on(w, ctx);
}

void mr_writer_drain(struct mr_writer *w, struct mr_op_ctx *ctx) {
  go_on(w, ctx);
}

void mr_writer_tick(struct mr_writer *w, struct mr_op_ctx *ctx) {
  w->flushing = true;
  go_on(w, ctx);
}

void mr_writer_finish(struct mr_writer *w, struct mr_op_ctx *ctx) {
  w->finishing = true;
  go_on(w, ctx);
}

/* ---- text ---- */

char *mr_writer_room(struct mr_writer *w, struct mr_op_ctx *ctx, uint32_t *sz) {
  if (w->state == MR_WRITER_FAILED) return NULL;
  if (!reap(w, ctx)) {
    fail(w, ctx, w->req.result);
    return NULL;
  }
  if (w->bufs[w->cur].used == w->buf_sz && !send(w, ctx)) {
    ctx->more = w->state != MR_WRITER_FAILED;
    return NULL;
  }
  *sz = w->buf_sz - w->bufs[w->cur].used;
  return w->bufs[w->cur].p + w->bufs[w->cur].used;
}

void mr_writer_put(struct mr_writer *w, uint32_t len, uint64_t rows) {
  MR_ASSERT(len <= w->buf_sz - w->bufs[w->cur].used);
  w->bufs[w->cur].used += len;
  w->bufs[w->cur].rows += rows;
}

bool mr_writer_written(struct mr_writer *w, struct mr_op_ctx *ctx) {
  w->flushing = true;
  go_on(w, ctx);
  if (w->state == MR_WRITER_FAILED) return false;
  if (!w->in_flight && !w->bufs[w->cur].used) return true;
  ctx->more = true;
  return false;
}

/* ---- the end ---- */

/* Writes whole rows that are still here. */
static void write_rest(struct mr_writer *w, struct mr_op_ctx *ctx) {
  struct mr_writer_buf *buf = &w->bufs[w->cur];
  size_t rest;
  rows_within(w, buf, buf->used, &rest);
  if (rest == buf->used) return;
  struct mr_io_req req = {.kind = MR_IO_WRITE, .fd = w->fd, .buf = buf->p, .len = buf->used - rest};
  mr_io_wait(w->io, &req);
  ctx->counts.rows_out += rows_within(w, buf, req.done, &rest);
  ctx->counts.bytes_out += req.done;
}

void mr_writer_fini(struct mr_writer *w, struct mr_op_ctx *ctx) {
  bool file = !w->shared && !w->stream;
  if (!w->io) return;
  if (w->state >= MR_WRITER_PARENTS && w->state <= MR_WRITER_SIZING) {
    mr_io_finish(w->io, &w->file);
    if (w->state == MR_WRITER_OPENING && w->file.result >= 0) w->fd = (int)w->file.result;
  }
  if (w->syncing || w->state == MR_WRITER_SYNCING) mr_io_finish(w->io, &w->file);
  if (w->state == MR_WRITER_CLOSING) {
    mr_io_finish(w->io, &w->file);
    w->fd = -1;
  }
  if (w->in_flight) mr_io_finish(w->io, &w->req); /* of a stream: it is cancelled */
  bool ok = reap(w, ctx) && w->state == MR_WRITER_OPEN;
  bool has_rows = w->json || w->csv;
  if (ok && file && has_rows) write_rest(w, ctx);
  if (has_rows) count_dropped(ctx);
  if (w->fd < 0 || w->shared) return;
  struct mr_io_req req = {.kind = MR_IO_CLOSE, .fd = w->fd};
  mr_io_wait(w->io, &req);
  w->fd = -1;
}

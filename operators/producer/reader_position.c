/* SPDX-License-Identifier: Apache-2.0 */
/* Where a reader of files stands, for checkpoints: the file, and the byte and line that come next.
 */
#include <fcntl.h>
#include <string.h>

#include "base/assert.h"
#include "producer/reader_private.h"
#include "state/save.h"

#define HEADER_SZ (64u << 10) /* bytes of a file in which a CSV header must end */

void mr_reader_snapshot(struct mr_reader *r, struct mr_op_ctx *ctx, struct mr_save *to) {
  const struct mr_files *f = r->conf.files;
  const struct mr_lines *l = &r->lines;
  const struct mr_decode_bad *bad = r->bad ? mr_decoder_bad(r->decoder) : NULL;
  (void)ctx;
  if (!r->part_cnt && !r->resumes) return; /* nothing is read yet */
  if (r->resumes && !r->part_cnt) {        /* nor since the restart */
    mr_save_text(to, "file", r->resume.name);
    mr_save_int(to, "position", (int64_t)r->resume.pos);
    mr_save_int(to, "line", (int64_t)r->resume.line);
    mr_save_int(to, "whole", r->resume.whole);
    return;
  }
  uint64_t pos = bad ? bad->line.pos : l->skipping ? l->long_pos : l->pos;
  uint64_t line = bad ? bad->line.line : l->line;
  mr_save_text(to, "file", r->conf.name);
  mr_save_int(to, "device", (int64_t)f->id.dev);
  mr_save_int(to, "inode", (int64_t)f->id.ino);
  mr_save_int(to, "born_ns", (int64_t)f->id.born_ns);
  mr_save_int(to, "position", (int64_t)pos);
  mr_save_int(to, "line", (int64_t)line);
  mr_save_int(to, "whole", !r->in_part); /* it is read to its end; the next one comes */
  if (r->pace.begun && ctx->virtual_clock) {
    mr_save_int(to, "pace_first_us", r->pace.first_us);
    mr_save_int(to, "pace_last_ns", (int64_t)r->pace.last_ns);
  }
}

static uint64_t load_u64(const struct mr_load *from, const char *name) {
  int64_t v = 0;
  return mr_load_int(from, name, &v) && v > 0 ? (uint64_t)v : 0;
}

int mr_reader_restore(struct mr_reader *r, struct mr_op_ctx *ctx, const struct mr_load *from,
                      struct mr_error *err) {
  const uint8_t *name;
  uint32_t len;
  int64_t v;
  if (!mr_load_bytes(from, "file", &name, &len)) return MR_OK;
  r->resume.name = mr_arena_strndup(ctx->arena, (const char *)name, len);
  r->resume.pos = load_u64(from, "position");
  r->resume.line = load_u64(from, "line");
  r->resume.whole = load_u64(from, "whole") != 0;
  struct mr_file_id id = {load_u64(from, "device"), load_u64(from, "inode"),
                          load_u64(from, "born_ns")};
  if (ctx->virtual_clock && r->pace.speed > 0 && mr_load_int(from, "pace_first_us", &v)) {
    r->pace.begun = true;
    r->pace.first_us = v;
    r->pace.last_ns = load_u64(from, "pace_last_ns");
  }
  r->resumes = true;
  if (r->job_asked) mr_io_finish(r->io, &r->job); /* the first file; the right one comes instead */
  r->job_asked = false;
  return mr_files_resume(r->conf.files, r->resume.name, &id, r->resume.whole, err);
}

/* The header of a CSV file of which only the rest is read. */
static int read_header(struct mr_reader *r, struct mr_error *err) {
  char *head = r->blocks[0];
  struct mr_io_req req = {.kind = MR_IO_READ,
                          .fd = r->conf.fd,
                          .buf = head,
                          .len = r->conf.block_sz < HEADER_SZ ? r->conf.block_sz : HEADER_SZ,
                          .off = 0};
  int64_t n = mr_io_wait(r->io, &req);
  if (n < 0) {
    mr_error_set_sys(err, (int)-n, "cannot read %s", r->conf.name);
    return err->code = MR_ERR_IO;
  }
  uint64_t len = r->resume.pos < (uint64_t)n ? r->resume.pos : (uint64_t)n;
  const char *end = memchr(head, '\n', len);
  mr_decoder_header(r->decoder, head, end ? (uint32_t)(end - head) + 1 : (uint32_t)len);
  return MR_OK;
}

bool mr_reader_resume(struct mr_reader *r, struct mr_op_ctx *ctx) {
  const struct mr_reader_plan *plan = ctx->data;
  struct mr_error err = {0};
  if (!r->resumes) return true;
  r->resumes = false;
  if (r->resume.whole || r->conf.stream) return true; /* the file behind it; a pipe has no places */
  struct mr_io_req req = {.kind = MR_IO_STAT, .fd = r->conf.fd};
  int64_t size = mr_io_wait(r->io, &req);
  bool cut = size >= 0 && (uint64_t)size < r->resume.pos;
  if (cut && r->conf.files->follow) {
    mr_log_write(ctx->log, MR_LOG_WARN, NULL, ctx->node->name,
                 "%s was truncated: reading it from the start", r->conf.name);
    return true;
  }
  if (cut)
    mr_error_set(&err, MR_ERR_IO, "%s has %lld bytes, and was read up to byte %llu", r->conf.name,
                 (long long)size, (unsigned long long)r->resume.pos);
  else if (plan->kind == MR_DECODE_CSV && plan->csv.header && r->resume.pos)
    read_header(r, &err);
  if (err.code) {
    mr_op_fail(ctx, err.code, "%s", err.text);
    return false;
  }
  mr_lines_start(&r->lines, r->resume.pos, r->resume.line);
  r->off = r->resume.pos;
  return true;
}

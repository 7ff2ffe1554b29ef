/* SPDX-License-Identifier: Apache-2.0 */
/* dlq replay: what a source could not read, once more: into the running graph or into a file. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ask.h"
#include "cmd.h"
#include "dlq.h"

#define CHUNK_BYTES (1u << 20) /* fed to a graph at a time, or one record that is larger */
#define CHUNK_CNT   4096u

struct place { /* of a record in the file */
  uint64_t off;
  size_t len;
};

struct replay {
  struct mr_dlq *dlq;
  FILE *to;     /* NULL: to the running graph */
  bool keeps;   /* what was written to stdout stays */
  bool refused; /* the graph does not take any of this node */
  /* the chunk at hand */
  char *bytes;
  size_t used, cap;
  struct place places[CHUNK_CNT];
  uint32_t cnt;
  /* of the node at hand */
  uint64_t fed, rows, errors, unfit, other;
  int rc;
};

static void fail(struct replay *r, int rc, const char *what, const char *name) {
  fprintf(stderr, "millrace dlq replay: %s %s: %s\n", what, name, strerror(errno));
  if (!r->rc) r->rc = rc;
}

/* ---- one chunk ---- */

/* Feeds the chunk to the node of the running graph. *taken: how many of its records were. False:
 * the rest is not to be tried (said). */
static bool feed_graph(struct replay *r, const char *node, uint32_t *taken) {
  struct mr_ask ask;
  const char *line;
  size_t len;
  *taken = 0;
  int rc = mr_ask_open(&ask, r->dlq->verb, r->dlq->graph);
  if (rc) {
    if (!r->rc) r->rc = rc;
    return false;
  }
  struct mr_lines request = {.arena = &ask.arena};
  mr_lines_add(&request, "{\"verb\":\"replay\",\"node\":");
  mr_lines_json(&request, node);
  mr_lines_add(&request, ",\"bytes\":%zu}\n", r->used);
  rc = mr_ask_send(&ask, r->dlq->verb, request.text, request.len);
  /* a graph that refuses does so before it has read all: its answer tells why */
  if (!rc) mr_wire_send(ask.wire.fd, r->bytes, r->used);
  enum mr_ask_result result = MR_ASK_LOST;
  while (!rc && (result = mr_ask_next(&ask, -1, &line, &len)) == MR_ASK_LINE) {}
  if (result == MR_ASK_DONE) {
    uint64_t rows = (uint64_t)mr_value_int(ask.last, "rows", 0);
    uint64_t errors = (uint64_t)mr_value_int(ask.last, "errors", 0);
    r->rows += rows;
    r->errors += errors;
    *taken = rows + errors < r->cnt ? (uint32_t)(rows + errors) : r->cnt;
  }
  if (!rc) rc = mr_ask_exit(&ask, r->dlq->verb);
  mr_ask_close(&ask);
  if (rc && !r->rc) r->rc = rc;
  return !rc;
}

/* Hands the chunk over and removes what was taken. False: no more of this file. */
static bool flush_chunk(struct replay *r, struct mr_dlq_file *file, const char *node) {
  uint32_t taken = r->cnt;
  bool more = true;
  if (!r->cnt || r->dlq->dry_run) {
    r->fed += r->cnt;
  } else if (r->to) {
    if (fwrite(r->bytes, 1, r->used, r->to) != r->used || fflush(r->to) ||
        (!r->keeps && fdatasync(fileno(r->to)))) {
      fail(r, MR_EXIT_IO, "cannot write", r->dlq->to);
      return false;
    }
    r->fed += r->cnt;
  } else {
    more = feed_graph(r, node, &taken);
    r->fed += taken;
  }
  bool removes = !r->dlq->dry_run && !r->keeps;
  for (uint32_t i = 0; removes && i < taken; i++)
    if (!mr_dlq_remove(file, r->places[i].off, r->places[i].len)) {
      fail(r, MR_EXIT_IO, "cannot write", file->path);
      return false;
    }
  if (removes && taken && !mr_dlq_sync(file)) fail(r, MR_EXIT_IO, "cannot write", file->path);
  r->used = 0;
  r->cnt = 0;
  return more;
}

static bool add_record(struct replay *r, const struct mr_dlq_record *record, const char *raw,
                       size_t len) {
  if (r->used + len + 1 > r->cap) {
    size_t cap = r->cap ? r->cap * 2 : 65536;
    while (cap < r->used + len + 1) cap *= 2;
    char *bytes = realloc(r->bytes, cap);
    if (!bytes) {
      fail(r, MR_EXIT_FAILED, "no memory for", "a record");
      return false;
    }
    r->bytes = bytes;
    r->cap = cap;
  }
  memcpy(r->bytes + r->used, raw, len);
  r->used += len;
  r->bytes[r->used++] = '\n';
  r->places[r->cnt++] = (struct place){record->off, record->len};
  return true;
}

/* ---- one file ---- */

static void tell(const struct replay *r, const char *graph, const char *node) {
  const char *would = r->dlq->dry_run ? "would replay" : "replayed";
  fprintf(stderr, "%s %" PRIu64 " dead letters of %s/%s", would, r->fed, graph, node);
  if (!r->dlq->dry_run && !r->to)
    fprintf(stderr, ": %" PRIu64 " rows, %" PRIu64 " in error again", r->rows, r->errors);
  if (!r->dlq->dry_run && r->keeps) fprintf(stderr, "; they stay in the file");
  if (r->unfit)
    fprintf(stderr, "; %" PRIu64 " cannot be: rows of steps, or kept in part", r->unfit);
  if (r->other) fprintf(stderr, "; %" PRIu64 " lines are no dead letters", r->other);
  fputc('\n', stderr);
}

static void replay_file(void *ctx, const char *graph, const char *node, const char *path) {
  struct replay *r = ctx;
  struct mr_dlq_file file;
  struct mr_dlq_record record;
  if (r->rc) return;
  if (!mr_dlq_open(&file, path, !r->dlq->dry_run && !r->keeps)) {
    fail(r, MR_EXIT_IO, "cannot read", path);
    return;
  }
  r->fed = r->rows = r->errors = r->unfit = r->other = 0;
  r->used = r->cnt = 0;
  uint64_t wanted = 0;
  bool more = true;
  while (more && !(r->dlq->limit && wanted == (uint64_t)r->dlq->limit) &&
         mr_dlq_next(&file, &record)) {
    size_t len = 0;
    if (!mr_dlq_matches(r->dlq, &record)) continue;
    const char *raw = record.value ? mr_dlq_raw(record.value, &file.arena, &len) : NULL;
    if (!record.value)
      r->other++;
    else if (!raw)
      r->unfit++;
    if (!raw) continue;
    if (r->cnt == CHUNK_CNT || (r->cnt && r->used + len > CHUNK_BYTES))
      more = flush_chunk(r, &file, node);
    if (more) more = add_record(r, &record, raw, len);
    wanted++;
  }
  if (ferror(file.file)) fail(r, MR_EXIT_IO, "cannot read", path);
  if (more) flush_chunk(r, &file, node);
  mr_dlq_close(&file);
  tell(r, graph, node);
}

int mr_dlq_replay(struct mr_dlq *dlq) {
  struct replay *r = calloc(1, sizeof *r);
  if (!r) return MR_EXIT_FAILED;
  r->dlq = dlq;
  r->keeps = dlq->to && !strcmp(dlq->to, "-");
  if (r->keeps)
    r->to = stdout;
  else if (dlq->to && !dlq->dry_run && !(r->to = fopen(dlq->to, "ax")))
    fail(r, MR_EXIT_IO, "cannot make", dlq->to);
  if (!dlq->to && !dlq->live && !dlq->dry_run) {
    fprintf(stderr,
            "millrace dlq replay: graph %s does not run: start it, or write the lines with "
            "--to FILE\n",
            dlq->graph);
    r->rc = MR_EXIT_UNREACHABLE;
  }
  if (!r->rc && !mr_dlq_each(dlq->data_dir, dlq->graph, dlq->node, replay_file, r) &&
      errno != ENOENT)
    fail(r, MR_EXIT_IO, "cannot read", dlq->data_dir);
  if (r->to && r->to != stdout && fclose(r->to)) fail(r, MR_EXIT_IO, "cannot write", dlq->to);
  int rc = r->rc;
  free(r->bytes);
  free(r);
  return rc;
}

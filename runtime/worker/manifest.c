/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/manifest.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/lines.h"
#include "base/text.h"
#include "graph/diag.h"
#include "graph/tree.h"
#include "state/save.h"
#include "topic/crc32c.h"

#define DIGITS       12u
#define STATE_END    ".state"
#define MANIFEST_END ".manifest"
#define TEMP_END     ".manifest.tmp"
#define LIST_SZ_MIN  (64u << 10)
#define LIST_SZ_MAX  (64u << 20)
#define CRC_LINE     16u /* "crc32c " 8 digits "\n" */
#define MANIFEST_MAX (8u << 20)

static char *path_of(struct mr_arena *arena, const char *dir, uint64_t number, const char *end) {
  return mr_arena_printf(arena, "%s/%0*" PRIu64 "%s", dir, (int)DIGITS, number, end);
}

static int io_error(struct mr_error *err, int64_t rc, const char *what, const char *path) {
  mr_error_set_sys(err, (int)-rc, "cannot %s %s", what, path);
  if (err) err->code = MR_ERR_IO;
  return MR_ERR_IO;
}

/* ---- which there are ---- */

/* The number that a name begins with, when it ends so; 0: it is another name. */
static uint64_t number_of(const char *name, const char *end) {
  size_t len = strlen(name);
  int64_t n;
  if (len <= DIGITS - 1 || strcmp(name + strspn(name, "0123456789"), end)) return 0;
  return mr_int64_parse(name, len - strlen(end), &n) || n <= 0 ? 0 : (uint64_t)n;
}

/* All names in the folder, one behind the other; *len 0: it is not there. */
static int list_names(struct mr_io *io, struct mr_arena *arena, const char *dir, char **names,
                      size_t *len, struct mr_error *err) {
  for (size_t sz = LIST_SZ_MIN;; sz *= 8) {
    *names = mr_arena_alloc(arena, sz);
    struct mr_io_req req = {.kind = MR_IO_LIST, .path = dir, .buf = *names, .len = sz};
    int64_t rc = mr_io_wait(io, &req);
    if (rc == -ERANGE && sz < LIST_SZ_MAX) continue;
    *len = rc > 0 ? (size_t)rc : 0;
    return rc < 0 && rc != -ENOENT ? io_error(err, rc, "look into", dir) : MR_OK;
  }
}

static int descending(const void *a, const void *b) {
  uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return x < y ? 1 : x > y ? -1 : 0;
}

int mr_manifest_list(struct mr_io *io, struct mr_arena *arena, const char *dir, uint64_t **numbers,
                     uint32_t *cnt, uint64_t *last, struct mr_error *err) {
  char *names;
  size_t len, cap = 1;
  int rc = list_names(io, arena, dir, &names, &len, err);
  *cnt = 0;
  *last = 0;
  if (rc) return rc;
  for (size_t i = 0; i < len; i += strlen(names + i) + 1) cap++;
  *numbers = MR_NEW(arena, uint64_t, cap);
  for (size_t i = 0; i < len; i += strlen(names + i) + 1) {
    uint64_t n = number_of(names + i, MANIFEST_END), state = number_of(names + i, STATE_END);
    if (n) (*numbers)[(*cnt)++] = n;
    if (state > n) n = state;
    if (n > *last) *last = n;
  }
  qsort(*numbers, *cnt, sizeof **numbers, descending);
  return MR_OK;
}

/* ---- reading ---- */

/* A whole file; MR_ERR_DATA: it is not there, or larger than max. */
static int read_file(struct mr_io *io, struct mr_arena *arena, const char *path, uint64_t max,
                     char **text, size_t *len, struct mr_error *err) {
  struct mr_io_req req = {.kind = MR_IO_OPEN, .path = path, .flags = O_RDONLY};
  int64_t fd = mr_io_wait(io, &req), rc;
  if (fd == -ENOENT) return mr_error_set(err, MR_ERR_DATA, "%s is not there", path);
  if (fd < 0) return io_error(err, fd, "open", path);
  req = (struct mr_io_req){.kind = MR_IO_STAT, .fd = (int)fd};
  rc = mr_io_wait(io, &req);
  uint64_t size = rc > 0 ? (uint64_t)rc : 0, got = 0;
  bool fits = size <= max;
  *text = fits ? mr_arena_alloc(arena, size + 64) : NULL;
  while (rc >= 0 && fits && got < size) {
    uint64_t n = size - got < (64u << 20) ? size - got : 64u << 20;
    req = (struct mr_io_req){
        .kind = MR_IO_READ, .fd = (int)fd, .buf = *text + got, .len = n, .off = got};
    rc = mr_io_wait(io, &req);
    if (rc <= 0) break;
    got += (uint64_t)rc;
  }
  req = (struct mr_io_req){.kind = MR_IO_CLOSE, .fd = (int)fd};
  mr_io_wait(io, &req);
  *len = got;
  if (rc < 0) return io_error(err, rc, "read", path);
  return fits ? MR_OK : mr_error_set(err, MR_ERR_DATA, "%s is too large", path);
}

static uint64_t number_at(const struct mr_tree *map, const char *key) {
  const struct mr_tree *v = mr_tree_get(map, key);
  int64_t n;
  if (!v || v->kind != MR_TREE_SCALAR || mr_int64_parse(v->text, v->len, &n) || n < 0)
    return UINT64_MAX;
  return (uint64_t)n;
}

static const char *text_at(const struct mr_tree *map, const char *key) {
  const struct mr_tree *v = mr_tree_get(map, key);
  return v && v->kind == MR_TREE_SCALAR ? v->text : NULL;
}

/* False: something is not as it must be. */
static bool read_entry(const struct mr_tree *at, struct mr_manifest *m,
                       struct mr_manifest_entry *e) {
  uint64_t instance = number_at(at, "instance"), of = number_at(at, "of");
  uint64_t crc = number_at(at, "crc32c");
  e->node = text_at(at, "node");
  e->type = text_at(at, "type");
  e->shape = text_at(at, "shape");
  e->offset = number_at(at, "offset");
  e->length = number_at(at, "length");
  e->instance = (uint32_t)instance;
  e->of = (uint32_t)of;
  e->crc = (uint32_t)crc;
  return e->node && e->type && instance < of && of < UINT32_MAX && crc <= UINT32_MAX &&
         e->offset >= MR_STATE_HEAD_SZ && e->offset <= m->state_bytes &&
         e->length <= m->state_bytes - e->offset;
}

static int read_tree(const struct mr_tree *root, struct mr_arena *arena, struct mr_manifest *m,
                     const char *path, struct mr_error *err) {
  uint64_t version = number_at(root, "millrace_checkpoint");
  const struct mr_tree *entries = mr_tree_get(root, "instances");
  if (version == UINT64_MAX) return mr_error_set(err, MR_ERR_DATA, "%s is no manifest", path);
  if (version != MR_MANIFEST_VERSION)
    return mr_error_set(err, MR_ERR_CONF, "%s has format %" PRIu64 ", and this program reads %d",
                        path, version, MR_MANIFEST_VERSION);
  const char *time = text_at(root, "time");
  m->number = number_at(root, "number");
  m->graph = text_at(root, "graph");
  m->ended = mr_tree_text_is(mr_tree_get(root, "ended"), "true");
  m->state_bytes = number_at(root, "state_bytes");
  bool ok = m->graph && time && entries && entries->kind == MR_TREE_LIST &&
            !mr_timestamp_parse(time, strlen(time), &m->time_us);
  if (ok) {
    m->cnt = entries->cnt;
    m->entries = MR_NEW(arena, struct mr_manifest_entry, m->cnt + 1);
  }
  for (uint32_t i = 0; ok && i < m->cnt; i++) ok = read_entry(entries->items[i], m, &m->entries[i]);
  return ok ? MR_OK : mr_error_set(err, MR_ERR_DATA, "%s is not as it must be", path);
}

int mr_manifest_read(struct mr_io *io, struct mr_arena *arena, const char *dir, uint64_t number,
                     struct mr_manifest **out, struct mr_error *err) {
  const char *path = path_of(arena, dir, number, MANIFEST_END);
  char *text, *end;
  size_t len;
  int rc = read_file(io, arena, path, MANIFEST_MAX, &text, &len, err);
  if (rc) return rc;
  if (len <= CRC_LINE || text[len - 1] != '\n' || memcmp(text + len - CRC_LINE, "crc32c ", 7))
    return mr_error_set(err, MR_ERR_DATA, "%s ends early", path);
  text[len - 1] = 0;
  size_t body = len - CRC_LINE;
  unsigned long crc = strtoul(text + body + 7, &end, 16);
  if (*end || crc != mr_crc32c(0, text, body))
    return mr_error_set(err, MR_ERR_DATA, "%s is damaged: its CRC is another", path);
  struct mr_diags diags;
  mr_diags_init(&diags, arena);
  const struct mr_source *src = mr_source_make(arena, path, text, body);
  const struct mr_tree *root = mr_tree_load(arena, src, &diags);
  if (!root || diags.error_cnt) return mr_error_set(err, MR_ERR_DATA, "%s is no JSON", path);
  *out = MR_NEW(arena, struct mr_manifest, 1);
  rc = read_tree(root, arena, *out, path, err);
  if (!rc && (*out)->number != number)
    rc = mr_error_set(err, MR_ERR_DATA, "%s has another number inside", path);
  return rc;
}

int mr_manifest_read_state(struct mr_io *io, struct mr_arena *arena, const char *dir,
                           const struct mr_manifest *m, const uint8_t **state,
                           struct mr_error *err) {
  const char *path = path_of(arena, dir, m->number, STATE_END);
  char *bytes;
  size_t len;
  int rc = read_file(io, arena, path, m->state_bytes, &bytes, &len, err);
  if (rc) return rc;
  if (len != m->state_bytes)
    return mr_error_set(err, MR_ERR_DATA, "%s has %zu bytes of %" PRIu64, path, len,
                        m->state_bytes);
  if (len < MR_STATE_HEAD_SZ || memcmp(bytes, MR_STATE_MAGIC "\0\0\0\0\0\0\0\0", MR_STATE_HEAD_SZ))
    return mr_error_set(err, MR_ERR_DATA, "%s does not begin as it must", path);
  for (uint32_t i = 0; i < m->cnt; i++) {
    const struct mr_manifest_entry *e = &m->entries[i];
    if (mr_crc32c(0, bytes + e->offset, e->length) != e->crc)
      return mr_error_set(err, MR_ERR_DATA, "%s is damaged at byte %" PRIu64 ": the record of %s",
                          path, e->offset, e->node);
  }
  *state = (const uint8_t *)bytes;
  return MR_OK;
}

void mr_manifest_record(const struct mr_manifest *m, const uint8_t *state, uint32_t i,
                        struct mr_load *record) {
  const uint8_t *p = state + m->entries[i].offset;
  *record = (struct mr_load){p, p + m->entries[i].length};
}

/* ---- writing ---- */

static int64_t write_new(struct mr_io *io, const char *path) {
  struct mr_io_req req = {
      .kind = MR_IO_OPEN, .path = path, .flags = O_WRONLY | O_CREAT | O_TRUNC, .mode = 0666};
  return mr_io_wait(io, &req);
}

int mr_state_file_create(struct mr_state_file *f, struct mr_io *io, struct mr_arena *arena,
                         const char *dir, uint64_t number, struct mr_error *err) {
  static const uint8_t head[MR_STATE_HEAD_SZ] = MR_STATE_MAGIC;
  *f = (struct mr_state_file){.io = io, .path = path_of(arena, dir, number, STATE_END)};
  struct mr_io_req req = {.kind = MR_IO_PARENTS, .path = f->path};
  int64_t rc = mr_io_wait(io, &req);
  if (rc >= 0) rc = write_new(io, f->path);
  if (rc < 0) return io_error(err, rc, "write", f->path);
  f->fd = (int)rc;
  mr_state_file_write(f, head, sizeof head);
  return MR_OK;
}

bool mr_state_file_write(void *file, const uint8_t *bytes, size_t len) {
  struct mr_state_file *f = file;
  struct mr_io_req req = {
      .kind = MR_IO_WRITE, .fd = f->fd, .buf = (void *)(uintptr_t)bytes, .len = len, .off = f->off};
  if (f->failed || !len) return !f->failed;
  int64_t rc = mr_io_wait(f->io, &req);
  if (rc < 0) f->failed = rc;
  f->crc = mr_crc32c(f->crc, bytes, len);
  f->off += len;
  return rc >= 0;
}

int mr_state_file_close(struct mr_state_file *f, struct mr_error *err) {
  int64_t rc = f->failed;
  struct mr_io_req req = {.kind = MR_IO_DATASYNC, .fd = f->fd};
  if (!rc) rc = mr_io_wait(f->io, &req);
  req = (struct mr_io_req){.kind = MR_IO_CLOSE, .fd = f->fd};
  int64_t closed = mr_io_wait(f->io, &req);
  if (rc >= 0) rc = closed;
  return rc < 0 ? io_error(err, rc, "write", f->path) : MR_OK;
}

static void add_entry(struct mr_lines *out, const struct mr_manifest_entry *e) {
  mr_lines_add(out, "{\"node\":");
  mr_lines_json(out, e->node);
  mr_lines_add(out, ",\"type\":");
  mr_lines_json(out, e->type);
  mr_lines_add(out, ",\"instance\":%u,\"of\":%u", e->instance, e->of);
  if (e->shape) {
    mr_lines_add(out, ",\"shape\":");
    mr_lines_json(out, e->shape);
  }
  mr_lines_add(out, ",\"offset\":%" PRIu64 ",\"length\":%" PRIu64 ",\"crc32c\":%u}", e->offset,
               e->length, e->crc);
}

static void add_manifest(struct mr_lines *out, const struct mr_manifest *m) {
  char time[64];
  mr_timestamp_format(time, m->time_us);
  mr_lines_add(out, "{\"millrace_checkpoint\":%d,\"graph\":", MR_MANIFEST_VERSION);
  mr_lines_json(out, m->graph);
  mr_lines_add(out,
               ",\"number\":%" PRIu64 ",\"time\":\"%s\",\"ended\":%s,\"state_bytes\":%" PRIu64
               ",\"instances\":[",
               m->number, time, m->ended ? "true" : "false", m->state_bytes);
  for (uint32_t i = 0; i < m->cnt; i++) {
    if (i) mr_lines_add(out, ",\n");
    add_entry(out, &m->entries[i]);
  }
  mr_lines_add(out, "]}\n");
  uint32_t crc = mr_crc32c(0, out->text, out->len);
  mr_lines_add(out, "crc32c %08x\n", crc);
}

/* The steps up to the rename; a negative number is -errno. */
static int64_t write_temp(struct mr_io *io, const char *path, const struct mr_lines *text) {
  int64_t fd = write_new(io, path), rc, closed;
  if (fd < 0) return fd;
  struct mr_io_req req = {
      .kind = MR_IO_WRITE, .fd = (int)fd, .buf = text->text, .len = text->len, .off = 0};
  rc = mr_io_wait(io, &req);
  req = (struct mr_io_req){.kind = MR_IO_DATASYNC, .fd = (int)fd};
  if (rc >= 0) rc = mr_io_wait(io, &req);
  req = (struct mr_io_req){.kind = MR_IO_CLOSE, .fd = (int)fd};
  closed = mr_io_wait(io, &req);
  return rc < 0 ? rc : closed;
}

static void tell(mr_crash_point_fn at, const char *point) {
  if (at) at(point);
}

int mr_manifest_write(struct mr_io *io, struct mr_arena *arena, const char *dir,
                      const struct mr_manifest *m, mr_crash_point_fn at, struct mr_error *err) {
  const char *temp = path_of(arena, dir, m->number, TEMP_END);
  const char *path = path_of(arena, dir, m->number, MANIFEST_END);
  struct mr_lines text = {.arena = arena};
  add_manifest(&text, m);
  tell(at, "checkpoint.manifest_begin");
  int64_t rc = write_temp(io, temp, &text);
  if (rc < 0) return io_error(err, rc, "write", temp);
  tell(at, "checkpoint.manifest_written");
  struct mr_io_req req = {.kind = MR_IO_RENAME, .path = temp, .path_to = path};
  rc = mr_io_wait(io, &req);
  if (rc < 0) return io_error(err, rc, "rename", temp);
  tell(at, "checkpoint.manifest_renamed");
  req = (struct mr_io_req){.kind = MR_IO_SYNC_DIR, .path = dir};
  rc = mr_io_wait(io, &req);
  if (rc < 0) return io_error(err, rc, "sync", dir);
  tell(at, "checkpoint.durable");
  return MR_OK;
}

/* ---- what is no longer needed ---- */

static void remove_file(struct mr_io *io, const char *path) {
  struct mr_io_req req = {.kind = MR_IO_UNLINK, .path = path};
  mr_io_wait(io, &req); /* what stays is removed another time */
}

void mr_manifest_prune(struct mr_io *io, struct mr_arena *arena, const char *dir, uint32_t keep) {
  uint64_t *numbers, last;
  uint32_t cnt;
  char *names;
  size_t len;
  if (mr_manifest_list(io, arena, dir, &numbers, &cnt, &last, NULL) || cnt <= 0) return;
  uint64_t oldest = numbers[(cnt < keep ? cnt : keep) - 1];
  for (uint32_t i = keep; i < cnt; i++)
    remove_file(io, path_of(arena, dir, numbers[i], MANIFEST_END));
  if (list_names(io, arena, dir, &names, &len, NULL)) return;
  for (size_t i = 0; i < len; i += strlen(names + i) + 1) {
    uint64_t state = number_of(names + i, STATE_END), temp = number_of(names + i, TEMP_END);
    bool kept = temp != 0;
    for (uint32_t k = 0; k < cnt; k++) kept |= numbers[k] == state;
    if ((state && state < oldest) || (state && !kept && state < numbers[0]) ||
        (temp && temp <= numbers[0]))
      remove_file(io, mr_arena_printf(arena, "%s/%s", dir, names + i));
  }
}

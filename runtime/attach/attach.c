/* SPDX-License-Identifier: Apache-2.0 */
#include "attach/attach.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/lines.h"
#include "base/text.h"
#include "shm/run_dir.h"

#define TABLES_MAX 64u
#define ENTRY_MAX  (1u << 20) /* bytes of one entry */

/* Bytes of an entry of version 1.0: a later minor version has at least these. */
static const uint64_t entry_sz[MR_STAT_TABLE_CNT] = {
    [MR_STAT_NODES] = sizeof(struct mr_node_stat),
    [MR_STAT_WORKERS] = sizeof(struct mr_worker_stat),
    [MR_STAT_LINKS] = sizeof(struct mr_link_stat),
    [MR_STAT_PATHS] = sizeof(struct mr_path_stat),
    [MR_STAT_PARTITIONS] = sizeof(struct mr_partition_stat),
    [MR_STAT_ERRORS] = sizeof(struct mr_error_stat),
    [MR_STAT_PARTS] = sizeof(struct mr_part_stat),
    [MR_STAT_COUNTERS] = sizeof(struct mr_counter_stat),
    [MR_STAT_PLAN] = 1,
};

/* ---- checks ---- */

/* cnt * stride bytes at off lie within sz, aligned to 8 unless they are bytes. */
static bool fits(uint64_t off, uint64_t cnt, uint64_t stride, uint64_t sz) {
  if (!stride || stride > ENTRY_MAX || off > sz || (stride > 1 && (off % 8 || stride % 8)))
    return false;
  return cnt <= (sz - off) / stride;
}

static bool check_tables(struct mr_attach *a, const struct mr_stat_directory *dir, uint64_t sz) {
  if (dir->table_cnt < MR_STAT_TABLE_CNT || dir->table_cnt > TABLES_MAX ||
      dir->table_stride < sizeof(struct mr_stat_table) ||
      !fits(dir->tables_off, dir->table_cnt, dir->table_stride, sz))
    return false;
  for (uint32_t t = 0; t < MR_STAT_TABLE_CNT; t++) {
    struct mr_stat_table table;
    memcpy(&table, a->base + dir->tables_off + (uint64_t)t * dir->table_stride, sizeof table);
    if (table.id != t || table.stride < entry_sz[t] ||
        !fits(table.off, table.cnt, table.stride, sz))
      return false;
    a->tables[t] = (struct mr_attach_table){table.off, table.stride, entry_sz[t], table.cnt};
  }
  return true;
}

/* Takes the rows of fields that lie in what is known of an entry; others are a later version's. */
static bool check_rows(struct mr_attach *a, const struct mr_stat_directory *dir, uint64_t sz) {
  if (dir->row_stride < sizeof(struct mr_stat_row) ||
      !fits(dir->rows_off, dir->row_cnt, dir->row_stride, sz))
    return false;
  for (uint32_t i = 0; i < dir->row_cnt && a->row_cnt < MR_ATTACH_ROWS_MAX; i++) {
    const struct mr_stat_row *live =
        (const void *)(a->base + dir->rows_off + (uint64_t)i * dir->row_stride);
    /* partner: fill_directory of stats/stats.c */
    if (atomic_load_explicit(&live->state, memory_order_acquire) != 1) continue;
    struct mr_attach_row row = {live->id,    live->kind,          live->unit,
                                live->table, (uint32_t)live->off, live->sz};
    if (row.table >= MR_STAT_TABLE_CNT || live->off > ENTRY_MAX) continue;
    bool words = row.kind == MR_STAT_KIND_COUNTER || row.kind == MR_STAT_KIND_GAUGE;
    if (words && (row.sz != 8 || row.off % 8)) continue;
    if (row.kind == MR_STAT_KIND_HIST && (row.sz != sizeof(struct mr_hist) || row.off % 8))
      continue;
    if ((uint64_t)row.off + row.sz > entry_sz[row.table]) continue;
    a->rows[a->row_cnt++] = row;
  }
  return true;
}

static uint64_t layout_hash(const struct mr_attach *a, const struct mr_stat_directory *dir) {
  uint64_t h = mr_hash_bytes(dir, sizeof *dir);
  h = mr_hash_combine(
      h, mr_hash_bytes(a->base + dir->tables_off, (size_t)dir->table_cnt * dir->table_stride));
  return mr_hash_combine(
      h, mr_hash_bytes(a->base + dir->rows_off, (size_t)dir->row_cnt * dir->row_stride));
}

static void take_head(struct mr_attach *a, const struct mr_segment_head *head) {
  mr_text_clean(a->graph, sizeof a->graph, head->graph, sizeof head->graph);
  mr_text_clean(a->version, sizeof a->version, head->version, sizeof head->version);
  mr_text_clean(a->process.boot_id, sizeof a->process.boot_id, head->boot_id, sizeof head->boot_id);
  a->process.pid = head->pid;
  a->process.pid_ns = head->pid_ns;
  a->process.start_ticks = head->start_ticks;
  a->major = head->major;
  a->minor = head->minor;
  a->generation = head->generation;
  a->config_hash = head->config_hash;
  a->layout_hash = head->layout_hash;
  a->start_mono_ns = head->start_mono_ns;
  a->start_wall_us = head->start_wall_us;
}

enum mr_attach_reason mr_attach_memory(struct mr_attach *attach, const void *base, uint64_t sz) {
  memset(attach, 0, sizeof *attach);
  if (sz < MR_SEGMENT_HEAD_SZ) return MR_ATTACH_TOO_SHORT;
  const struct mr_segment_head *live = base;
  /* partner: the release store in mr_segment_publish of shm/segment.c */
  uint64_t magic = atomic_load_explicit(&live->magic, memory_order_acquire);
  if (magic != MR_SEGMENT_MAGIC) return MR_ATTACH_NOT_READY;
  if (live->major != MR_SEGMENT_MAJOR) return MR_ATTACH_INCOMPATIBLE;
  uint64_t total = live->total_sz, body_off = live->body_off, body_sz = live->body_sz;
  if (live->head_sz < MR_SEGMENT_HEAD_SZ || body_off < MR_SEGMENT_HEAD_SZ || body_off % 8 ||
      body_off > total || body_sz > total - body_off || body_sz < sizeof(struct mr_stat_directory))
    return MR_ATTACH_CORRUPT;
  if (total > sz) return MR_ATTACH_TOO_SHORT;
  attach->base = base;
  attach->sz = total;
  take_head(attach, live);
  struct mr_stat_directory dir;
  memcpy(&dir, attach->base + body_off, sizeof dir);
  attach->flags = dir.flags;
  if (!check_tables(attach, &dir, total) || !check_rows(attach, &dir, total) ||
      layout_hash(attach, &dir) != attach->layout_hash) {
    attach->base = NULL;
    return MR_ATTACH_CORRUPT;
  }
  return MR_ATTACH_OK;
}

/* ---- files ---- */

enum mr_attach_reason mr_attach_file(struct mr_attach *attach, const char *path) {
  memset(attach, 0, sizeof *attach);
  size_t len = strlen(path);
  if (len >= sizeof attach->path) return MR_ATTACH_NO_FILE;
  /* not blocking: a pipe with that name is not waited for */
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) {
    if (errno == ENOENT || errno == ENOTDIR) return MR_ATTACH_NO_FILE;
    return errno == EACCES || errno == EPERM ? MR_ATTACH_NOT_PERMITTED : MR_ATTACH_SYS;
  }
  struct stat st;
  void *base = MAP_FAILED;
  if (fstat(fd, &st)) {
    close(fd);
    return MR_ATTACH_SYS;
  }
  if (!S_ISREG(st.st_mode) || st.st_size < (off_t)MR_SEGMENT_HEAD_SZ) {
    close(fd);
    return S_ISREG(st.st_mode) ? MR_ATTACH_TOO_SHORT : MR_ATTACH_NOT_READY;
  }
  base = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
  close(fd);
  if (base == MAP_FAILED) return MR_ATTACH_SYS;
  enum mr_attach_reason reason = mr_attach_memory(attach, base, (uint64_t)st.st_size);
  if (reason) {
    munmap(base, (size_t)st.st_size);
    return reason;
  }
  attach->sz = (uint64_t)st.st_size;
  attach->mapped = true;
  memcpy(attach->path, path, len + 1);
  return MR_ATTACH_OK;
}

void mr_attach_close(struct mr_attach *attach) {
  if (attach->base && attach->mapped) munmap((void *)(uintptr_t)attach->base, attach->sz);
  attach->base = NULL;
}

enum mr_attach_state mr_attach_state(const struct mr_attach *attach) {
  const struct mr_segment_head *live = (const void *)attach->base;
  /* partner: the release store in mr_segment_set_state of shm/segment.c */
  uint64_t state = atomic_load_explicit(&live->state, memory_order_acquire);
  if (state == MR_SEGMENT_DONE) return MR_GRAPH_DONE;
  uint64_t beat = atomic_load_explicit(&live->heartbeat_ns, memory_order_relaxed);
  uint64_t now = mr_process_mono_ns();
  if (!mr_process_alive(&attach->process, now > beat ? now - beat : 0)) {
    /* it may have said done just before it went; partner as above */
    state = atomic_load_explicit(&live->state, memory_order_acquire); /* mr_segment_set_state */
    return state == MR_SEGMENT_DONE ? MR_GRAPH_DONE : MR_GRAPH_DEAD;
  }
  if (state == MR_SEGMENT_STARTING) return MR_GRAPH_STARTING;
  return state == MR_SEGMENT_DRAINING ? MR_GRAPH_DRAINING : MR_GRAPH_RUNNING;
}

/* ---- finding ---- */

/* NAME.GEN: bytes of NAME, or 0. */
static size_t name_len(const char *file) {
  const char *dot = strrchr(file, '.');
  if (!dot || dot == file || file[0] == '.' || !dot[1]) return 0;
  return strspn(dot + 1, "0123456789") == strlen(dot + 1) ? (size_t)(dot - file) : 0;
}

void mr_attach_each(bool (*fn)(void *ctx, const char *path), void *ctx) {
  struct mr_run_dir dirs[MR_RUN_DIR_CNT_MAX];
  uint32_t cnt = mr_run_dir_list(dirs);
  bool more = true;
  for (uint32_t i = 0; i < cnt && more; i++) {
    DIR *dir = opendir(dirs[i].path);
    if (!dir) continue;
    for (struct dirent *e = readdir(dir); e && more; e = readdir(dir)) {
      char path[MR_ATTACH_PATH_SZ];
      int len = snprintf(path, sizeof path, "%s/%s", dirs[i].path, e->d_name);
      if (name_len(e->d_name) && len > 0 && (size_t)len < sizeof path) more = fn(ctx, path);
    }
    closedir(dir);
  }
}

struct search {
  const char *name;
  int64_t pid; /* 0: by name */
  struct mr_attach *best;
  bool found, found_live;
  enum mr_attach_reason reason; /* of the last file that fitted and failed */
  char path[MR_ATTACH_PATH_SZ];
};

static bool look_at(void *ctx, const char *path) {
  struct search *s = ctx;
  const char *file = strrchr(path, '/') + 1;
  size_t len = name_len(file);
  if (!s->pid && (strlen(s->name) != len || memcmp(file, s->name, len) != 0)) return true;
  struct mr_attach attach;
  enum mr_attach_reason reason = mr_attach_file(&attach, path);
  if (reason) {
    if (!s->pid && reason != MR_ATTACH_NO_FILE) {
      s->reason = reason;
      memcpy(s->path, path, strlen(path) + 1);
    }
    return true;
  }
  bool live = mr_attach_state(&attach) != MR_GRAPH_DEAD;
  bool better = !s->found || live > s->found_live ||
                (live == s->found_live && (attach.start_wall_us > s->best->start_wall_us ||
                                           (attach.start_wall_us == s->best->start_wall_us &&
                                            attach.generation > s->best->generation)));
  if ((s->pid && attach.process.pid != (uint64_t)s->pid) || !better) {
    mr_attach_close(&attach);
    return true;
  }
  if (s->found) mr_attach_close(s->best);
  *s->best = attach;
  s->found = true;
  s->found_live = live;
  return true;
}

enum mr_attach_reason mr_attach_find(struct mr_attach *attach, const char *name_or_pid,
                                     struct mr_error *err) {
  memset(attach, 0, sizeof *attach);
  struct search s = {.name = name_or_pid, .best = attach, .reason = MR_ATTACH_NO_FILE};
  bool number = name_or_pid[0] >= '0' && name_or_pid[0] <= '9';
  if (number && (mr_int64_parse(name_or_pid, strlen(name_or_pid), &s.pid) || s.pid <= 0)) {
    mr_error_set(err, MR_ERR_ARG, "%s is neither a pid nor the name of a graph", name_or_pid);
    return MR_ATTACH_NO_FILE;
  }
  mr_attach_each(look_at, &s);
  if (s.found) return MR_ATTACH_OK;
  if (s.reason != MR_ATTACH_NO_FILE) {
    mr_error_set(err, MR_ERR_DATA, "%s: %s", s.path, mr_attach_reason_str(s.reason));
    return s.reason;
  }
  struct mr_run_dir dirs[MR_RUN_DIR_CNT_MAX];
  uint32_t cnt = mr_run_dir_list(dirs);
  char where[256] = "no run directory exists";
  for (uint32_t i = 0, at = 0; i < cnt && at < sizeof where; i++) {
    int len =
        snprintf(where + at, sizeof where - at, "%s%s", i ? ", " : "looked in ", dirs[i].path);
    at += len > 0 ? (uint32_t)len : 0;
  }
  mr_error_set(err, MR_ERR_NOENT, "no %s %s is running, and none left its stats behind (%s)",
               number ? "graph with pid" : "graph named", name_or_pid, where);
  return MR_ATTACH_NO_FILE;
}

const char *mr_attach_reason_str(enum mr_attach_reason reason) {
  switch (reason) {
  case MR_ATTACH_OK: return "attached";
  case MR_ATTACH_NO_FILE: return "no such graph";
  case MR_ATTACH_NOT_PERMITTED: return "not permitted to read it";
  case MR_ATTACH_TOO_SHORT: return "the file is too short for a stats segment";
  case MR_ATTACH_NOT_READY: return "no stats segment, or not ready yet";
  case MR_ATTACH_INCOMPATIBLE:
    return "written by a millrace with another major version of the format";
  case MR_ATTACH_CORRUPT: return "the stats segment is damaged";
  case MR_ATTACH_SYS: return "it cannot be opened or mapped";
  }
  return "unknown";
}

const char *mr_attach_state_str(enum mr_attach_state state) {
  switch (state) {
  case MR_GRAPH_STARTING: return "starting";
  case MR_GRAPH_RUNNING: return "running";
  case MR_GRAPH_DRAINING: return "draining";
  case MR_GRAPH_DONE: return "done";
  case MR_GRAPH_DEAD: return "dead";
  }
  return "unknown";
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "shm/run_dir.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#define TMPFS_TYPE 0x01021994
#define RAMFS_TYPE 0x858458f6

enum trust { TRUST_GIVEN, TRUST_SYSTEM, TRUST_OWN };

struct candidate {
  char path[MR_RUN_DIR_SZ];
  enum trust trust;
  bool make; /* may be made where it is missing */
};

/* False when the path does not fit. */
static bool add(struct candidate *c, enum trust trust, bool make, const char *head,
                const char *tail) {
  int len = snprintf(c->path, sizeof c->path, "%s%s", head, tail);
  if (len <= 0 || (size_t)len >= sizeof c->path) return false;
  while (len > 1 && c->path[len - 1] == '/') c->path[--len] = 0;
  c->trust = trust;
  c->make = make;
  return true;
}

static uint32_t candidates(struct candidate *list) {
  uint32_t cnt = 0;
  char uid[32];
  const char *given = getenv("MILLRACE_RUN_DIR"), *xdg = getenv("XDG_RUNTIME_DIR");
  if (given && given[0]) return add(&list[0], TRUST_GIVEN, true, given, "") ? 1 : 0;
  snprintf(uid, sizeof uid, "/millrace-%u", (unsigned)geteuid());
  cnt += add(&list[cnt], TRUST_SYSTEM, false, "/run/millrace", "");
  if (xdg && xdg[0] == '/') cnt += add(&list[cnt], TRUST_OWN, true, xdg, "/millrace");
  cnt += add(&list[cnt], TRUST_OWN, true, "/dev/shm", uid);
  cnt += add(&list[cnt], TRUST_OWN, true, "/tmp", uid);
  return cnt;
}

/* A real directory, and ours alone to write where anybody could have made it. */
static bool is_trusted(const struct candidate *c) {
  struct stat st;
  if (c->trust != TRUST_OWN) return stat(c->path, &st) == 0 && S_ISDIR(st.st_mode);
  return lstat(c->path, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == geteuid() &&
         !(st.st_mode & (S_IWGRP | S_IWOTH));
}

static bool is_tmpfs(const struct statfs *fs) {
  return (unsigned long)fs->f_type == TMPFS_TYPE || (unsigned long)fs->f_type == RAMFS_TYPE;
}

/* MR_OK and *dir, or why not. */
static int try_candidate(const struct candidate *c, uint64_t need_bytes, struct mr_run_dir *dir,
                         struct mr_error *err) {
  struct statfs fs;
  struct stat st;
  if (c->make && stat(c->path, &st) && mkdir(c->path, 0700) && errno != EEXIST)
    return mr_error_set_sys(err, errno, "cannot make the run directory %s", c->path);
  if (!is_trusted(c))
    return mr_error_set(err, MR_ERR_PERM, "%s is no directory of this user", c->path);
  if (access(c->path, W_OK | X_OK) || statfs(c->path, &fs))
    return mr_error_set_sys(err, errno, "cannot write to the run directory %s", c->path);
  /* ramfs and some others say 0 blocks in all: no limit */
  if (fs.f_blocks && (uint64_t)fs.f_bavail * (uint64_t)fs.f_bsize < need_bytes)
    return mr_error_set(err, MR_ERR_NOMEM, "%s has %llu bytes free, %llu are needed", c->path,
                        (unsigned long long)fs.f_bavail * (unsigned long long)fs.f_bsize,
                        (unsigned long long)need_bytes);
  memcpy(dir->path, c->path, sizeof dir->path);
  dir->tmpfs = is_tmpfs(&fs);
  return MR_OK;
}

int mr_run_dir_choose(struct mr_run_dir *dir, uint64_t need_bytes, struct mr_error *err) {
  struct candidate list[MR_RUN_DIR_CNT_MAX];
  uint32_t cnt = candidates(list);
  int rc = mr_error_set(err, MR_ERR_ARG, "MILLRACE_RUN_DIR is too long");
  for (uint32_t i = 0; i < cnt; i++) {
    rc = try_candidate(&list[i], need_bytes, dir, err);
    if (!rc) break;
  }
  if (rc == MR_OK && err) mr_error_clear(err);
  if (rc && cnt == 1 && list[0].trust == TRUST_GIVEN) mr_error_append(err, "MILLRACE_RUN_DIR");
  return rc;
}

uint32_t mr_run_dir_list(struct mr_run_dir *dirs) {
  struct candidate list[MR_RUN_DIR_CNT_MAX];
  uint32_t cnt = candidates(list), found = 0;
  for (uint32_t i = 0; i < cnt; i++) {
    struct statfs fs;
    if (!is_trusted(&list[i]) || access(list[i].path, R_OK | X_OK) || statfs(list[i].path, &fs))
      continue;
    memcpy(dirs[found].path, list[i].path, sizeof dirs[found].path);
    dirs[found++].tmpfs = is_tmpfs(&fs);
  }
  return found;
}

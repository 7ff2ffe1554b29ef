/* SPDX-License-Identifier: Apache-2.0 */
#include "shm/headroom.h"

#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATH_SZ 1024
#define FILE_SZ 16384

/* One version of the memory controller: where it is mounted and how its files are called. */
struct controller {
  const char *mounts[2]; /* tried in order */
  const char *max, *used, *reclaimable;
};
static const struct controller version1 = {{"/sys/fs/cgroup/memory", NULL},
                                           "memory.limit_in_bytes",
                                           "memory.usage_in_bytes",
                                           "total_inactive_file"};
static const struct controller version2 = {
    {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"}, "memory.max", "memory.current", "inactive_file"};

/* The whole file as a string; false when there is none. */
static bool read_text(const char *path, char *buf, size_t sz) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  size_t len = 0;
  for (ssize_t n; len < sz - 1 && (n = read(fd, buf + len, sz - 1 - len)) > 0;) len += (size_t)n;
  close(fd);
  buf[len] = 0;
  return len > 0;
}

/* The number behind `key` at the start of a line; false when there is no such line. */
static bool find_number(const char *text, const char *key, uint64_t *out) {
  size_t len = strlen(key);
  for (const char *line = text; line; line = strchr(line, '\n')) {
    line += *line == '\n';
    if (strncmp(line, key, len) != 0 || (line[len] != ' ' && line[len] != ':')) continue;
    char *end;
    uint64_t v = strtoull(line + len + 1, &end, 10);
    if (end == line + len + 1) return false;
    *out = v;
    return true;
  }
  return false;
}

/* A file that is one number; "max" and other words are none. */
static bool read_number(const char *dir, const char *name, uint64_t *out) {
  char path[PATH_SZ], text[64];
  if (snprintf(path, sizeof path, "%s/%s", dir, name) >= (int)sizeof path) return false;
  if (!read_text(path, text, sizeof text)) return false;
  char *end;
  *out = strtoull(text, &end, 10);
  return end != text;
}

static void lower(struct mr_headroom *out, uint64_t bytes, const char *limit, const char *file) {
  if (bytes >= out->bytes) return;
  out->bytes = bytes;
  snprintf(out->limit, sizeof out->limit, "%.120s%s%.60s", limit, *file ? "/" : "", file);
}

/* What one control group leaves. */
static void look_at_group(const char *dir, const char *shown, const struct controller *c,
                          struct mr_headroom *out) {
  uint64_t max, used, cache;
  if (!read_number(dir, c->max, &max) || !read_number(dir, c->used, &used)) return;
  char path[PATH_SZ], text[FILE_SZ];
  if (snprintf(path, sizeof path, "%s/memory.stat", dir) >= (int)sizeof path) return;
  if (!read_text(path, text, sizeof text) || !find_number(text, c->reclaimable, &cache)) cache = 0;
  used -= cache < used ? cache : used;
  lower(out, max > used ? max - used : 0, shown, c->max);
}

/* The group and all above it. In a container the group's path may not exist below the mount, which
 * is then the group itself. */
static void look_at_groups(const char *root, const char *group, const struct controller *c,
                           struct mr_headroom *out) {
  for (int i = 0; i < 2 && c->mounts[i]; i++) {
    char dir[PATH_SZ];
    int len = snprintf(dir, sizeof dir, "%s%s%s", root, c->mounts[i], group);
    if (len >= (int)sizeof dir) continue;
    size_t top = strlen(root) + strlen(c->mounts[i]);
    for (;;) {
      look_at_group(dir, dir + strlen(root), c, out);
      char *slash = strrchr(dir, '/');
      if (strlen(dir) <= top || !slash) break;
      *slash = 0;
    }
  }
}

static bool names_memory(const char *list, size_t len) {
  while (len >= 6) {
    const char *comma = memchr(list, ',', len);
    size_t word = comma ? (size_t)(comma - list) : len;
    if (word == 6 && memcmp(list, "memory", 6) == 0) return true;
    if (!comma) return false;
    len -= word + 1;
    list = comma + 1;
  }
  return false;
}

void mr_headroom_read(const char *root, struct mr_headroom *out) {
  char path[PATH_SZ], text[FILE_SZ];
  uint64_t kib;
  out->bytes = UINT64_MAX;
  out->limit[0] = 0;
  if (snprintf(path, sizeof path, "%s/proc/meminfo", root) < (int)sizeof path &&
      read_text(path, text, sizeof text) && find_number(text, "MemAvailable", &kib))
    lower(out, kib << 10, "MemAvailable of the machine", "");

  /* Lines of NUMBER:CONTROLLERS:PATH; version 2 has number 0 and no controllers. */
  if (snprintf(path, sizeof path, "%s/proc/self/cgroup", root) >= (int)sizeof path ||
      !read_text(path, text, sizeof text))
    return;
  char *rest;
  for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
    char *list = strchr(line, ':'), *end = list ? strchr(list + 1, ':') : NULL;
    if (!end) continue;
    const char *group = strcmp(end + 1, "/") == 0 ? "" : end + 1;
    list++;
    if (list == end)
      look_at_groups(root, group, &version2, out);
    else if (names_memory(list, (size_t)(end - list)))
      look_at_groups(root, group, &version1, out);
  }
}

/* CPUs worth of the control group's quota, rounded up; 0: no quota. */
static uint32_t quota_cpus(void) {
  char text[64];
  long long quota = -1, period = 0;
  if (read_text("/sys/fs/cgroup/cpu.max", text, sizeof text)) {
    char *end;
    quota = strtoll(text, &end, 10); /* "max" reads as 0 */
    period = strtoll(end, NULL, 10);
  } else {
    if (read_text("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", text, sizeof text))
      quota = strtoll(text, NULL, 10);
    if (read_text("/sys/fs/cgroup/cpu/cpu.cfs_period_us", text, sizeof text))
      period = strtoll(text, NULL, 10);
  }
  return quota > 0 && period > 0 ? (uint32_t)((quota + period - 1) / period) : 0;
}

uint32_t mr_headroom_cpus(int32_t *cpus, uint32_t max) {
  cpu_set_t set;
  uint32_t cnt = 0, quota = quota_cpus();
  if (sched_getaffinity(0, sizeof set, &set) == 0)
    for (int c = 0; c < CPU_SETSIZE && cnt < max; c++)
      if (CPU_ISSET((size_t)c, &set)) cpus[cnt++] = c;
  return quota && quota < cnt ? quota : cnt;
}

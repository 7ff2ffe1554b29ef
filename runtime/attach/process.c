/* SPDX-License-Identifier: Apache-2.0 */
#include "attach/process_private.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* A small file of /proc/PID, NUL-terminated in buf; false: it is not there. */
static bool read_file(uint64_t pid, const char *name, char *buf, size_t sz) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%" PRIu64 "/%s", pid, name);
  FILE *f = fopen(path, "re");
  if (!f) return false;
  size_t len = fread(buf, 1, sz - 1, f);
  fclose(f);
  buf[len] = 0;
  return len > 0;
}

/* When the machine started, seconds since the epoch; 0: unknown. */
static double boot_s(void) {
  char line[256];
  unsigned long long s = 0;
  FILE *f = fopen("/proc/stat", "re");
  while (f && fgets(line, sizeof line, f))
    if (sscanf(line, "btime %llu", &s) == 1) break;
  if (f) fclose(f);
  return (double)s;
}

static void read_stat(uint64_t pid, struct mr_process_numbers *n) {
  char buf[2048];
  unsigned long long user, system, start, virtual_bytes;
  long long pages;
  double hz = (double)sysconf(_SC_CLK_TCK);
  const char *at = read_file(pid, "stat", buf, sizeof buf) ? strrchr(buf, ')') : NULL;
  if (!at || sscanf(at + 1,
                    " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu %*d %*d %*d %*d %*d "
                    "%*d %llu %llu %lld",
                    &user, &system, &start, &virtual_bytes, &pages) != 5)
    return;
  n->cpu_s = (double)(user + system) / hz;
  n->start_s = boot_s() + (double)start / hz;
  n->virtual_bytes = (double)virtual_bytes;
  n->resident_bytes = (double)pages * (double)sysconf(_SC_PAGESIZE);
}

static void read_fds(uint64_t pid, struct mr_process_numbers *n) {
  char path[64], buf[4096];
  unsigned long long max;
  snprintf(path, sizeof path, "/proc/%" PRIu64 "/fd", pid);
  DIR *dir = opendir(path);
  if (dir) {
    n->open_fds = 0;
    for (struct dirent *e = readdir(dir); e; e = readdir(dir)) n->open_fds += e->d_name[0] != '.';
    closedir(dir);
  }
  const char *at = read_file(pid, "limits", buf, sizeof buf) ? strstr(buf, "Max open files") : NULL;
  if (at && sscanf(at + strlen("Max open files"), "%llu", &max) == 1) n->max_fds = (double)max;
}

bool mr_process_read_numbers(uint64_t pid, struct mr_process_numbers *numbers) {
  *numbers = (struct mr_process_numbers){-1, -1, -1, -1, -1, -1};
  read_stat(pid, numbers);
  read_fds(pid, numbers);
  return numbers->cpu_s >= 0;
}

bool mr_process_switches(uint64_t pid, uint64_t tid, double *voluntary, double *involuntary) {
  char name[64], buf[4096];
  unsigned long long own, forced;
  snprintf(name, sizeof name, "task/%" PRIu64 "/status", tid);
  if (!tid || !read_file(pid, name, buf, sizeof buf)) return false;
  const char *a = strstr(buf, "\nvoluntary_ctxt_switches:");
  const char *b = strstr(buf, "\nnonvoluntary_ctxt_switches:");
  if (!a || !b || sscanf(a, "\nvoluntary_ctxt_switches: %llu", &own) != 1 ||
      sscanf(b, "\nnonvoluntary_ctxt_switches: %llu", &forced) != 1)
    return false;
  *voluntary = (double)own;
  *involuntary = (double)forced;
  return true;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "shm/process.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Reads a small file of /proc into buf, NUL-terminated; the bytes read, or -1. */
static ssize_t read_small(const char *path, char *buf, size_t sz) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return -1;
  ssize_t n = read(fd, buf, sz - 1);
  close(fd);
  buf[n < 0 ? 0 : n] = 0;
  return n;
}

/* State letter and start time of a process; false when there is none. The name in field 2 may hold
 * blanks and brackets, so counting begins behind its last bracket. */
static bool read_stat(const char *pid, char *state, uint64_t *start_ticks) {
  char path[64], buf[1024];
  snprintf(path, sizeof path, "/proc/%s/stat", pid);
  if (read_small(path, buf, sizeof buf) <= 0) return false;
  const char *at = strrchr(buf, ')');
  if (!at || at[1] != ' ') return false;
  at += 2;
  *state = *at;
  for (int field = 3; field < 22; field++) {
    at = strchr(at, ' ');
    if (!at) return false;
    at++;
  }
  *start_ticks = 0;
  for (; *at >= '0' && *at <= '9'; at++) *start_ticks = *start_ticks * 10 + (uint64_t)(*at - '0');
  return true;
}

static void read_boot_id(char boot_id[MR_PROCESS_BOOT_ID_SZ]) {
  ssize_t n = read_small("/proc/sys/kernel/random/boot_id", boot_id, MR_PROCESS_BOOT_ID_SZ);
  boot_id[n < 0 ? 0 : strcspn(boot_id, "\n")] = 0;
}

static uint64_t read_pid_ns(void) {
  struct stat st;
  return stat("/proc/self/ns/pid", &st) ? 0 : (uint64_t)st.st_ino;
}

void mr_process_self(struct mr_process *self) {
  memset(self, 0, sizeof *self);
  char state;
  self->pid = (uint64_t)getpid();
  self->pid_ns = read_pid_ns();
  read_boot_id(self->boot_id);
  if (!read_stat("self", &state, &self->start_ticks)) self->start_ticks = 0;
}

bool mr_process_alive(const struct mr_process *process, uint64_t beat_age_ns) {
  char boot_id[MR_PROCESS_BOOT_ID_SZ], pid[24], state;
  read_boot_id(boot_id);
  if (process->boot_id[0] && boot_id[0] && strcmp(process->boot_id, boot_id) != 0) return false;
  uint64_t pid_ns = read_pid_ns(), start_ticks;
  if (process->pid_ns && pid_ns && process->pid_ns != pid_ns)
    return beat_age_ns < MR_PROCESS_BEAT_OLD_NS;
  snprintf(pid, sizeof pid, "%" PRIu64, process->pid);
  if (!read_stat(pid, &state, &start_ticks)) return false;
  if (state == 'Z' || state == 'X') return false;
  return !process->start_ticks || process->start_ticks == start_ticks;
}

uint64_t mr_process_mono_ns(void) {
  struct timespec ts;
  clock_gettime(CLOCK_MONOTONIC, &ts);
  return (uint64_t)ts.tv_sec * UINT64_C(1000000000) + (uint64_t)ts.tv_nsec;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/machine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "base/cpu.h"

#ifndef MR_COMMIT
#define MR_COMMIT ""
#endif

/* The first line of a file without its newline; fallback when it cannot be read or is empty. */
static void read_line(const char *path, char *out, size_t sz, const char *fallback) {
  snprintf(out, sz, "%s", fallback);
  FILE *f = fopen(path, "re");
  if (!f) return;
  char line[256];
  if (fgets(line, sizeof line, f)) {
    line[strcspn(line, "\n")] = 0;
    if (line[0]) snprintf(out, sz, "%.*s", (int)sz - 1, line);
  }
  fclose(f);
}

static void read_cpu_model(char *out, size_t sz) {
  snprintf(out, sz, "unknown");
  FILE *f = fopen("/proc/cpuinfo", "re");
  if (!f) return;
  char line[512], family[16] = "", model[16] = "", name[80] = "unknown";
  while (fgets(line, sizeof line, f)) {
    char *colon = strchr(line, ':');
    if (line[0] == '\n') break;
    if (!colon) continue;
    line[strcspn(line, "\n")] = 0;
    const char *value = colon[1] ? colon + 2 : "";
    if (!strncmp(line, "cpu family", 10)) snprintf(family, sizeof family, "%.15s", value);
    if (!strncmp(line, "model\t", 6)) snprintf(model, sizeof model, "%.15s", value);
    if (!strncmp(line, "model name", 10)) snprintf(name, sizeof name, "%.79s", value);
  }
  fclose(f);
  if (family[0])
    snprintf(out, sz, "%.50s (family %.10s model %.10s)", name, family, model);
  else
    snprintf(out, sz, "%.79s", name);
}

/* From sysfs: sysconf takes the whole socket's caches for one. */
static uint64_t read_llc(void) {
  char text[32];
  for (int index = 3; index >= 2; index--) {
    char path[80];
    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu0/cache/index%d/size", index);
    read_line(path, text, sizeof text, "");
    char *unit = NULL;
    uint64_t n = strtoull(text, &unit, 10);
    if (n) return n << (*unit == 'M' ? 20 : *unit == 'K' ? 10 : 0);
  }
  return UINT64_C(32) << 20;
}

static void read_commit(char *out, size_t sz) {
  const char *env = getenv("MR_COMMIT");
  snprintf(out, sz, "%s", MR_COMMIT[0] ? MR_COMMIT : env && env[0] ? env : "unknown");
  if (strcmp(out, "unknown") != 0) return;
  FILE *git = popen("git rev-parse --short=12 HEAD 2>/dev/null", "re");
  if (!git) return;
  char line[64];
  if (fgets(line, sizeof line, git)) {
    line[strcspn(line, "\n")] = 0;
    if (line[0] && !strchr(line, ' ') && strcmp(line, "HEAD") != 0)
      snprintf(out, sz, "%.*s", (int)sz - 1, line);
  }
  pclose(git);
}

void mr_machine_read(struct mr_machine *machine) {
  memset(machine, 0, sizeof *machine);
  read_line("/sys/devices/system/clocksource/clocksource0/current_clocksource", machine->clock,
            sizeof machine->clock, "unknown");
  read_cpu_model(machine->cpu_model, sizeof machine->cpu_model);
  read_line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", machine->governor,
            sizeof machine->governor, "none");
  struct utsname u;
  if (uname(&u) == 0)
    snprintf(machine->kernel, sizeof machine->kernel, "%.20s %.50s %.20s", u.sysname, u.release,
             u.machine);
#if defined(__clang__)
  snprintf(machine->compiler, sizeof machine->compiler, "clang %s", __clang_version__);
#else
  snprintf(machine->compiler, sizeof machine->compiler, "gcc %s", __VERSION__);
#endif
  read_commit(machine->commit, sizeof machine->commit);
  snprintf(machine->isa, sizeof machine->isa, "%s", mr_isa_name(mr_isa_detect()));
  cpu_set_t set;
  machine->cpu_cnt = sched_getaffinity(0, sizeof set, &set) == 0 ? (uint32_t)CPU_COUNT(&set) : 1;
  machine->llc_bytes = read_llc();
  machine->memory_bytes = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void put_string(FILE *out, const char *name, const char *value) {
  fprintf(out, "\"%s\":\"", name);
  for (const char *p = value; *p; p++) {
    if (*p == '"' || *p == '\\') fputc('\\', out);
    if ((unsigned char)*p >= 0x20) fputc(*p, out);
  }
  fputc('"', out);
}

void mr_machine_json(const struct mr_machine *machine, FILE *out) {
  fputc('{', out);
  put_string(out, "clock", machine->clock);
  fputc(',', out);
  put_string(out, "cpu_model", machine->cpu_model);
  fputc(',', out);
  put_string(out, "governor", machine->governor);
  fputc(',', out);
  put_string(out, "kernel", machine->kernel);
  fputc(',', out);
  put_string(out, "compiler", machine->compiler);
  fputc(',', out);
  put_string(out, "commit", machine->commit);
  fputc(',', out);
  put_string(out, "isa", machine->isa);
  fprintf(out, ",\"cpu_cnt\":%u,\"llc_bytes\":%llu,\"memory_bytes\":%llu}", machine->cpu_cnt,
          (unsigned long long)machine->llc_bytes, (unsigned long long)machine->memory_bytes);
}

uint64_t mr_machine_now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t usage_ns(int who) {
  struct rusage u;
  if (getrusage(who, &u) != 0) return 0;
  return (uint64_t)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000000u +
         (uint64_t)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1000u;
}

uint64_t mr_machine_cpu_ns(void) {
  return usage_ns(RUSAGE_SELF) + usage_ns(RUSAGE_CHILDREN);
}

bool mr_machine_pin(uint32_t idx, cpu_set_t *old) {
  cpu_set_t want;
  if (sched_getaffinity(0, sizeof *old, old) != 0) return false;
  for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
    if (!CPU_ISSET(cpu, old) || idx--) continue;
    CPU_ZERO(&want);
    CPU_SET(cpu, &want);
    return sched_setaffinity(0, sizeof want, &want) == 0;
  }
  return false;
}

void mr_machine_unpin(const cpu_set_t *old) {
  (void)sched_setaffinity(0, sizeof *old, old);
}

enum mr_placement mr_machine_placement(double round_trip_ns) {
  if (round_trip_ns <= 0) return MR_ONE_CPU;
  if (round_trip_ns <= MR_ROUND_TRIP_NEAR_MAX_NS) return MR_NEAR;
  return round_trip_ns >= MR_ROUND_TRIP_FAR_MIN_NS ? MR_FAR : MR_BETWEEN;
}

const char *mr_placement_str(enum mr_placement placement) {
  static const char *const names[MR_PLACEMENT_CNT] = {"NEAR", "FAR", "BETWEEN", "ONE-CPU"};
  return names[placement];
}

void mr_share_look(struct mr_share *share) {
  memset(share, 0, sizeof *share);
  share->own_ns = mr_machine_cpu_ns();
  FILE *f = fopen("/proc/stat", "re");
  if (f) {
    unsigned long long v[8] = {0}; /* user nice system idle iowait irq softirq steal */
    int got = fscanf(f, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", v, v + 1, v + 2, v + 3,
                     v + 4, v + 5, v + 6, v + 7);
    uint64_t tick_ns = 1000000000u / (uint64_t)sysconf(_SC_CLK_TCK);
    if (got == 8) {
      share->busy_ns = (v[0] + v[1] + v[2] + v[5] + v[6]) * tick_ns;
      share->steal_ns = v[7] * tick_ns;
    }
    fclose(f);
  }
  share->wall_ns = mr_machine_now_ns();
}

double mr_share_others(const struct mr_share *from, const struct mr_share *to, double *tick_share) {
  double wall = (double)(to->wall_ns - from->wall_ns);
  double busy = (double)(to->busy_ns - from->busy_ns), own = (double)(to->own_ns - from->own_ns);
  if (wall <= 0) return 0;
  if (tick_share) *tick_share = 1e9 / (double)sysconf(_SC_CLK_TCK) / wall;
  return busy > own ? (busy - own) / wall : 0;
}

static int compare_doubles(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return x < y ? -1 : x > y;
}

double mr_quantile(double *v, size_t n, double q) {
  if (!n) return 0;
  qsort(v, n, sizeof *v, compare_doubles);
  double at = q * (double)(n - 1);
  size_t lo = (size_t)at;
  if (lo + 1 >= n) return v[n - 1];
  return v[lo] + (at - (double)lo) * (v[lo + 1] - v[lo]);
}

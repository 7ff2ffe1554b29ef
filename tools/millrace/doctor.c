/* SPDX-License-Identifier: Apache-2.0 */
/* doctor: looks at what of the machine matters to a graph, and says how to change it. */
#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/cpu.h"
#include "base/lines.h"
#include "cmd.h"
#include "load.h"
#include "shm/headroom.h"
#include "shm/run_dir.h"

enum grade { GRADE_OK, GRADE_WARN, GRADE_FAIL };
static const char *const grade_names[] = {"ok", "warn", "fail"};

struct finding {
  enum grade grade;
  const char *name;
  char text[256];
  char fix[256]; /* a shell command; empty: nothing to do, or nothing that a command can do */
};

#define FINDINGS_MAX 32u

struct doctor {
  struct finding items[FINDINGS_MAX];
  uint32_t cnt;
  const struct mr_plan *plan; /* graded against; NULL: the machine alone */
};

static struct finding *add(struct doctor *d, enum grade grade, const char *name, const char *fmt,
                           ...) __attribute__((format(printf, 4, 5)));
static struct finding *add(struct doctor *d, enum grade grade, const char *name, const char *fmt,
                           ...) {
  struct finding *f = &d->items[d->cnt < FINDINGS_MAX - 1 ? d->cnt++ : FINDINGS_MAX - 1];
  *f = (struct finding){.grade = grade, .name = name};
  va_list args;
  va_start(args, fmt);
  vsnprintf(f->text, sizeof f->text, fmt, args);
  va_end(args);
  return f;
}

/* The first line of a file without its end; false when it cannot be read. */
static bool read_line(const char *path, char *buf, size_t sz) {
  FILE *file = fopen(path, "re");
  if (!file) return false;
  bool got = fgets(buf, (int)sz, file) != NULL;
  fclose(file);
  if (got) buf[strcspn(buf, "\n")] = 0;
  return got;
}

/* ---- CPUs and clock ---- */

static void look_at_cpus(struct doctor *d) {
  int32_t cpus[MR_WORKERS_MAX];
  uint32_t cnt = mr_headroom_cpus(cpus, MR_WORKERS_MAX);
  uint32_t want = d->plan ? d->plan->worker_cnt : 2;
  if (cnt < want)
    add(d, GRADE_WARN, "cpus", "%u may be used, %u workers take turns on them", cnt, want);
  else
    add(d, GRADE_OK, "cpus", "%u may be used by %u workers", cnt, want);
  add(d, GRADE_OK, "instructions", "x86-64-%s", mr_isa_name(mr_isa_detect()));
  char text[256];
  if (!read_line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", text, sizeof text))
    add(d, GRADE_OK, "governor", "none: the host, or nobody, changes the frequency");
  else if (strcmp(text, "performance") != 0) {
    struct finding *f =
        add(d, GRADE_WARN, "governor", "%s: a CPU that wakes is slow at first", text);
    snprintf(f->fix, sizeof f->fix,
             "for f in /sys/devices/system/cpu/cpu*/cpufreq/scaling_governor; do "
             "echo performance > \"$f\"; done");
  } else {
    add(d, GRADE_OK, "governor", "performance");
  }
  if (read_line("/sys/devices/system/cpu/isolated", text, sizeof text) && *text)
    add(d, GRADE_OK, "isolated", "cpus %s are kept free of other work", text);
  else
    add(d, GRADE_OK, "isolated",
        "none: other processes may share the workers' CPUs; the boot "
        "option isolcpus=LIST keeps some free");
}

static void look_at_threads(struct doctor *d) {
  char text[256];
  const char *path = "/sys/devices/system/cpu/smt/active";
  if (!read_line(path, text, sizeof text) || strcmp(text, "1") != 0) {
    add(d, GRADE_OK, "cores", "no CPU shares its core with another");
    return;
  }
  add(d, GRADE_WARN, "cores",
      "hardware threads share cores: name one of each pair in cpus: "
      "(lscpu -e shows them)");
}

static void look_at_clock(struct doctor *d) {
  char text[256];
  if (!read_line("/sys/devices/system/clocksource/clocksource0/current_clocksource", text,
                 sizeof text)) {
    add(d, GRADE_WARN, "clock", "the clock source cannot be read");
    return;
  }
  struct mr_clock clock;
  mr_clock_system(&clock);
  if (clock.mult)
    add(d, GRADE_OK, "clock", "time-stamp counter at %.3f GHz (the kernel uses %s)", clock.tsc_ghz,
        text);
  else
    add(d, GRADE_WARN, "clock", "%s: each look at the clock costs more than the counter would",
        text);
}

/* ---- memory ---- */

static void look_at_memory(struct doctor *d) {
  struct mr_headroom room;
  mr_headroom_read("", &room);
  uint64_t need = d->plan ? d->plan->hot_bytes : 64u << 20;
  double mib = 1024.0 * 1024.0;
  if (room.bytes == UINT64_MAX)
    add(d, GRADE_WARN, "memory", "how much is free cannot be read");
  else
    add(d, room.bytes < need ? GRADE_FAIL : GRADE_OK, "memory", "%.0f MiB free by %s, %.0f needed",
        (double)room.bytes / mib, room.limit, (double)need / mib);
  char text[256];
  if (read_line("/sys/kernel/mm/transparent_hugepage/enabled", text, sizeof text)) {
    bool never = strstr(text, "[never]") != NULL;
    struct finding *f =
        add(d, never ? GRADE_WARN : GRADE_OK, "huge pages", "transparent: %s", text);
    if (never)
      snprintf(f->fix, sizeof f->fix, "echo madvise > /sys/kernel/mm/transparent_hugepage/enabled");
  }
  struct rlimit lock;
  if (getrlimit(RLIMIT_MEMLOCK, &lock) == 0) {
    bool low = lock.rlim_cur != RLIM_INFINITY && lock.rlim_cur < need;
    struct finding *f =
        add(d, low ? GRADE_WARN : GRADE_OK, "memlock",
            low ? "%llu KiB: batches cannot be locked into memory" : "enough (%llu KiB)",
            (unsigned long long)(lock.rlim_cur >> 10));
    if (low) snprintf(f->fix, sizeof f->fix, "ulimit -l unlimited");
  }
  if (read_line("/proc/sys/vm/swappiness", text, sizeof text)) {
    FILE *swaps = fopen("/proc/swaps", "re");
    int lines = 0;
    for (char line[256]; swaps && fgets(line, sizeof line, swaps);) lines++;
    if (swaps) fclose(swaps);
    struct finding *f = add(d, lines > 1 ? GRADE_WARN : GRADE_OK, "swap",
                            lines > 1 ? "on: a page that was swapped out stalls a worker" : "off");
    if (lines > 1) snprintf(f->fix, sizeof f->fix, "swapoff -a");
  }
}

/* ---- folders and the kernel's interfaces ---- */

static void look_at_run_dir(struct doctor *d) {
  struct mr_run_dir dir;
  struct mr_error err = {0};
  if (mr_run_dir_choose(&dir, 1 << 20, &err)) {
    add(d, GRADE_FAIL, "run dir", "none can be written, so no tool can look at a run: %s",
        err.text);
    return;
  }
  struct finding *f = add(d, dir.tmpfs ? GRADE_OK : GRADE_WARN, "run dir",
                          dir.tmpfs ? "%s" : "%s is on a disk", dir.path);
  if (!dir.tmpfs)
    snprintf(f->fix, sizeof f->fix,
             "mkdir -p /dev/shm/millrace && export "
             "MILLRACE_RUN_DIR=/dev/shm/millrace");
  struct statvfs vfs;
  if (statvfs("/dev/shm", &vfs)) {
    add(d, GRADE_WARN, "/dev/shm", "not there");
    return;
  }
  uint64_t mib = (uint64_t)vfs.f_bavail * vfs.f_frsize >> 20;
  add(d, mib < 16 ? GRADE_WARN : GRADE_OK, "/dev/shm", "%llu MiB free", (unsigned long long)mib);
}

static void look_at_data_dir(struct doctor *d) {
  if (!d->plan) return;
  const char *dir = d->plan->runtime.data_dir;
  struct statvfs vfs;
  if (access(dir, W_OK) == 0 && statvfs(dir, &vfs) == 0)
    add(d, GRADE_OK, "data dir", "%s, %llu MiB free", dir,
        (unsigned long long)((uint64_t)vfs.f_bavail * vfs.f_frsize >> 20));
  else if (access(dir, F_OK) == 0)
    add(d, GRADE_FAIL, "data dir", "%s cannot be written by this user", dir);
  else
    add(d, GRADE_OK, "data dir", "%s will be made", dir);
}

static void look_at_io_uring(struct doctor *d) {
  char text[64] = "0";
  read_line("/proc/sys/kernel/io_uring_disabled", text, sizeof text);
  unsigned char params[256] = {0}; /* struct io_uring_params, larger than any version of it */
  long fd = syscall(SYS_io_uring_setup, 4, params);
  if (fd >= 0) {
    close((int)fd);
    add(d, GRADE_OK, "io_uring", "may be used");
    return;
  }
  struct finding *f = add(d, GRADE_WARN, "io_uring",
                          "refused (sysctl io_uring_disabled = %s, or a seccomp profile)", text);
  if (strcmp(text, "0") != 0)
    snprintf(f->fix, sizeof f->fix, "sysctl -w kernel.io_uring_disabled=0");
}

/* ---- what is printed ---- */

static void print_text(const struct doctor *d) {
  for (uint32_t i = 0; i < d->cnt; i++) {
    const struct finding *f = &d->items[i];
    printf("%-4s  %-12s %s\n", grade_names[f->grade], f->name, f->text);
    if (*f->fix) printf("      %-12s   %s\n", "", f->fix);
  }
}

static void print_json(const struct doctor *d, struct mr_arena *arena) {
  struct mr_lines out = {.arena = arena};
  mr_lines_add(&out, "{\"findings\":[");
  for (uint32_t i = 0; i < d->cnt; i++) {
    const struct finding *f = &d->items[i];
    mr_lines_add(&out, "%s{\"grade\":\"%s\",\"name\":", i ? "," : "", grade_names[f->grade]);
    mr_lines_json(&out, f->name);
    mr_lines_add(&out, ",\"text\":");
    mr_lines_json(&out, f->text);
    mr_lines_add(&out, ",\"fix\":");
    mr_lines_json(&out, f->fix);
    mr_lines_add(&out, "}");
  }
  mr_lines_add(&out, "]}\n");
  fputs(out.text, stdout);
}

static void print_script(const struct doctor *d) {
  puts("#!/bin/sh\n# What `millrace doctor` would change on this machine; run it as root.\nset -e");
  for (uint32_t i = 0; i < d->cnt; i++)
    if (*d->items[i].fix)
      printf("# %s: %s\n%s\n", d->items[i].name, d->items[i].text, d->items[i].fix);
}

static int run_doctor(int argc, char **argv) {
  struct mr_args args = {.argc = argc, .argv = argv};
  struct mr_load load;
  struct doctor d = {0};
  mr_load_init(&load);
  load.conf.no_inputs = true;
  const char *file = NULL;
  bool json = false, script = false;
  while (mr_args_next(&args)) {
    if (!args.flag)
      file = args.value;
    else if (!strcmp(args.flag, "--json"))
      json = true;
    else if (!strcmp(args.flag, "--fix-script"))
      script = true;
    else
      return mr_cmd_usage("doctor", "unknown flag %s", args.flag);
  }
  int rc = file ? mr_load_plan(&load, file) : MR_EXIT_OK;
  if (!rc) {
    d.plan = load.plan;
    look_at_cpus(&d);
    look_at_threads(&d);
    look_at_clock(&d);
    look_at_memory(&d);
    look_at_run_dir(&d);
    look_at_data_dir(&d);
    look_at_io_uring(&d);
    if (json)
      print_json(&d, &load.arena);
    else if (script)
      print_script(&d);
    else
      print_text(&d);
    for (uint32_t i = 0; i < d.cnt; i++)
      if (d.items[i].grade == GRADE_FAIL) rc = MR_EXIT_FAILED;
  }
  mr_load_free(&load);
  return rc;
}

const struct mr_cmd mr_cmd_doctor = {
    "doctor", "[--json] [--fix-script] [GRAPH.yaml]",
    "looks at what of the machine matters to a graph",
    "Each setting is ok, warn or fail, with the command that changes it; with a graph file it is\n"
    "graded against that graph's plan. Ends 1 when something fails.\n"
    "  --fix-script   prints those commands as a shell script, and changes nothing itself\n",
    run_doctor};

/* SPDX-License-Identifier: Apache-2.0 */
/* The program as a whole: `millrace run` on a graph of five lines and an input of one. */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "suite/engine.h"
#include "suite/suite.h"

#define TIMES   20
#define WAIT_MS 10000

static const char graph[] =
    "millrace: 1\n"
    "graph: hello\n"
    "sources: { in: { type: stdin, format: json } }\n"
    "steps:   { big: { type: filter, from: in, where: \"amount > 100\" } }\n"
    "sinks:   { out: { type: stdout, from: big } }\n";
static const char line[] = "{\"amount\": 250, \"name\": \"bolt\"}\n";

static int write_text(struct mr_bench_run *run, const char *name, const char *text, char *path) {
  snprintf(path, 1024, "%.900s/%.80s", run->dir, name);
  FILE *f = fopen(path, "we");
  if (f) fputs(text, f);
  if (f && fclose(f) == 0) return MR_OK;
  snprintf(run->error, sizeof run->error, "cannot write %.200s", path);
  return MR_ERR_IO;
}

/* Median wall time of the whole process, ms. */
static int start_to_exit(struct mr_bench_run *run, struct mr_bench_sample *sample) {
  char program[4096], yaml[1024], input[1024];
  double ms[TIMES];
  if (!mr_suite_program(run, program)) return MR_ERR_NOENT;
  int rc = write_text(run, "hello.yaml", graph, yaml);
  if (!rc) rc = write_text(run, "hello.ndjson", line, input);
  char *argv[] = {program, "run", "--quiet", yaml, NULL};
  for (int i = 0; !rc && i < TIMES; i++) {
    uint64_t begin = mr_machine_now_ns();
    rc = mr_suite_spawn(run, argv, input, NULL, NULL);
    ms[i] = (double)(mr_machine_now_ns() - begin) / 1e6;
  }
  if (!rc) sample->figure = mr_quantile(ms, TIMES, 0.5);
  sample->events = TIMES;
  return rc;
}

/* Peak resident memory of a process that is still there, bytes. */
static uint64_t peak_of(pid_t pid) {
  char path[64], text[256];
  unsigned long long kib = 0;
  snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
  FILE *f = fopen(path, "re");
  while (f && fgets(text, sizeof text, f))
    if (sscanf(text, "VmHWM: %llu kB", &kib) == 1) break;
  if (f) fclose(f);
  return kib * 1024;
}

/* Starts the program between two pipes; to and from are this side's ends. */
static int start_piped(struct mr_bench_run *run, char *const argv[], pid_t *pid, int *to,
                       int *from) {
  extern char **environ;
  int in[2], out[2];
  if (pipe2(in, O_CLOEXEC) != 0) return MR_ERR_IO;
  if (pipe2(out, O_CLOEXEC) != 0) {
    close(in[0]);
    close(in[1]);
    return MR_ERR_IO;
  }
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_adddup2(&files, in[0], 0);
  posix_spawn_file_actions_adddup2(&files, out[1], 1);
  int rc = posix_spawn(pid, argv[0], &files, NULL, argv, environ);
  posix_spawn_file_actions_destroy(&files);
  close(in[0]);
  close(out[1]);
  *to = in[1];
  *from = out[0];
  if (rc == 0) return MR_OK;
  close(in[1]);
  close(out[0]);
  snprintf(run->error, sizeof run->error, "%.150s: %.80s", argv[0], strerror(rc));
  return MR_ERR_NOENT;
}

/* Peak resident memory once the line has come out, MiB. (The kernel's account of an ended child
 * would count this program's own memory too, because the child begins as a copy of it.) */
static int resident(struct mr_bench_run *run, struct mr_bench_sample *sample) {
  char program[4096], yaml[1024], got[256];
  pid_t pid;
  int to, from, status = 0;
  if (!mr_suite_program(run, program)) return MR_ERR_NOENT;
  int rc = write_text(run, "hello.yaml", graph, yaml);
  char *argv[] = {program, "run", "--quiet", yaml, NULL};
  if (!rc) rc = start_piped(run, argv, &pid, &to, &from);
  if (rc) return rc;
  struct pollfd ready = {.fd = from, .events = POLLIN};
  bool came = write(to, line, sizeof line - 1) == (ssize_t)(sizeof line - 1) &&
              poll(&ready, 1, WAIT_MS) == 1 && read(from, got, sizeof got) > 0;
  sample->figure = (double)peak_of(pid) / 1048576.0;
  close(to);
  if (!came) kill(pid, SIGKILL);
  if (waitpid(pid, &status, 0) != pid || status != 0 || !came) {
    snprintf(run->error, sizeof run->error, "the line did not come out");
    rc = MR_ERR_STATE;
  }
  close(from);
  sample->events = 1;
  return rc;
}

const struct mr_bench mr_bench_hello = {
    .name = "hello",
    .what = "millrace run hello.yaml on one line, start to exit (median of 20)",
    .unit = "ms",
    .unit_div = 1,
    .measure = MR_MEASURE_GIVEN,
    .lower_is_better = true,
    .limit_now = 50,
    .limit_later = 20,
    .no_output = true,
    .engine = start_to_exit,
};

const struct mr_bench mr_bench_hello_memory = {
    .name = "hello-memory",
    .what = "millrace run hello.yaml on one line, peak resident memory",
    .unit = "MiB",
    .unit_div = 1,
    .measure = MR_MEASURE_GIVEN,
    .lower_is_better = true,
    .limit_now = 64,
    .limit_later = 64,
    .no_output = true,
    .engine = resident,
};

/* SPDX-License-Identifier: Apache-2.0 */
/* run: builds a graph from the plan, starts it, waits, drains it on a signal, and says how it went.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "attach/attach.h"
#include "attach/report.h"
#include "attach/snapshot.h"
#include "attach/status.h"
#include "base/lines.h"
#include "base/text.h"
#include "cmd.h"
#include "control/control.h"
#include "graph/secret.h"
#include "host.h"
#include "load.h"
#include "shm/run_dir.h"
#include "shm/segment.h"
#include "stats/stats.h"

#define LOOK_NS UINT64_C(50000000) /* the host looks at its run this often */

struct run_flags {
  const char *file, *summary;
  int64_t duration_ns;
  uint64_t count;
  struct mr_host_log log;
  bool quiet, fail_on_bad;
};

/* ---- signals: the handler has nothing but the process to find the run by ---- */

static struct mr_run *signal_run;
static volatile sig_atomic_t signal_cnt, hup_asked, logs_asked, status_asked;

static void on_signal(int sig) {
  int saved = errno;
  if (sig == SIGHUP)
    hup_asked = 1;
  else if (sig == SIGUSR1)
    logs_asked = 1;
  else if (sig == SIGUSR2)
    status_asked = 1;
  else if (signal_run) {
    if (sig == SIGQUIT || ++signal_cnt > 1)
      mr_run_abort(signal_run);
    else
      mr_run_drain(signal_run);
  }
  errno = saved;
}

static void catch_signals(struct mr_run *run) {
  static const int sigs[] = {SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2};
  struct sigaction sa = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
  signal_run = run;
  for (size_t i = 0; i < sizeof sigs / sizeof *sigs; i++) sigaction(sigs[i], &sa, NULL);
}

/* ---- flags ---- */

static int take_flag(struct run_flags *flags, struct mr_load *load, const char *flag,
                     const char *value) {
  size_t len = value ? strlen(value) : 0;
  int64_t n;
  if (!strcmp(flag, "--quiet") || !strcmp(flag, "-q")) {
    flags->quiet = true;
    flags->log.least = MR_LOG_WARN;
  } else if (!strcmp(flag, "--verbose") || !strcmp(flag, "-v"))
    flags->log.least = MR_LOG_DEBUG;
  else if (!strcmp(flag, "--log-file"))
    flags->log.file = value;
  else if (!strcmp(flag, "--fail-on-bad"))
    flags->fail_on_bad = true;
  else if (!strcmp(flag, "--summary"))
    flags->summary = value;
  else if (!strcmp(flag, "--duration")) {
    if (mr_duration_parse_ns(value, len, &flags->duration_ns) || flags->duration_ns <= 0)
      return mr_cmd_usage("run", "--duration takes a time like 10s, not \"%s\"", value);
  } else if (!strcmp(flag, "--count")) {
    if (mr_int64_parse(value, len, &n) || n <= 0)
      return mr_cmd_usage("run", "--count takes a number of rows, not \"%s\"", value);
    flags->count = (uint64_t)n;
  } else if (!strcmp(flag, "--log-format")) {
    if (!strcmp(value, "json"))
      flags->log.format = MR_LOG_JSON;
    else if (!strcmp(value, "logfmt"))
      flags->log.format = MR_LOG_LOGFMT;
    else if (!strcmp(value, "text"))
      flags->log.format = MR_LOG_TEXT;
    else
      return mr_cmd_usage("run", "--log-format is text, logfmt or json, not \"%s\"", value);
  } else {
    int taken = mr_load_flag(load, "run", flag, value);
    if (taken < 0) return MR_EXIT_USAGE;
    if (!taken) return mr_cmd_usage("run", "unknown flag %s", flag);
  }
  return MR_EXIT_OK;
}

static bool is_bare(const char *flag) {
  static const char *const bare[] = {"--quiet",       "-q",       "--verbose",   "-v",
                                     "--fail-on-bad", "--no-env", "--no-inputs", "--deny-warnings"};
  for (size_t i = 0; i < sizeof bare / sizeof *bare; i++)
    if (!strcmp(flag, bare[i])) return true;
  return false;
}

static int read_flags(int argc, char **argv, struct run_flags *flags, struct mr_load *load) {
  struct mr_args args = {.argc = argc, .argv = argv};
  flags->log.format = isatty(STDERR_FILENO) ? MR_LOG_TEXT : MR_LOG_LOGFMT;
  flags->log.least = MR_LOG_INFO;
  while (mr_args_next(&args)) {
    if (!args.flag) {
      if (flags->file) return mr_cmd_usage("run", "one graph file at a time");
      flags->file = args.value;
      continue;
    }
    const char *value = is_bare(args.flag) ? NULL : mr_args_value(&args, "run");
    if (!value && !is_bare(args.flag)) return MR_EXIT_USAGE;
    int rc = take_flag(flags, load, args.flag, value);
    if (rc) return rc;
  }
  return flags->file ? MR_EXIT_OK : mr_cmd_usage("run", "which graph file?");
}

/* ---- what is said ---- */

static uint64_t mono_ns(void) {
  struct timespec ts;
  clock_gettime(CLOCK_MONOTONIC, &ts);
  return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void print_banner(const struct mr_plan *plan, struct mr_run *run, uint64_t since_ns,
                         const struct mr_run_conf *conf) {
  const struct mr_region *region = mr_run_region(run);
  fprintf(stderr, "millrace %s  graph %s  pid %d  started in %.1f ms\n", MR_VERSION, plan->graph,
          (int)getpid(), (double)(mono_ns() - since_ns) / 1e6);
  fprintf(stderr, "  %u workers", plan->worker_cnt);
  if (plan->workers[0].cpu >= 0) {
    fprintf(stderr, " on cpus");
    for (uint32_t i = 0; i < plan->worker_cnt; i++)
      fprintf(stderr, "%s%d", i ? "," : " ", plan->workers[i].cpu);
  } else {
    fprintf(stderr, " that are not pinned: there are fewer cpus");
  }
  fprintf(stderr, ", %u links x %u items, %.1f MiB of batches and rings, pages %s, x86-64-v%d\n",
          plan->link_cnt, plan->runtime.link_items, (double)region->hot_sz / 1048576.0,
          region->huge_used ? "2 MiB" : "4 KiB", 2 + (int)conf->isa);
  fprintf(stderr, "  io: %s\n", mr_run_io_mode(run));
}

struct progress {
  struct mr_attach attach;
  struct mr_snapshot snap;
  uint64_t start_ns, next_ns, rows;
  bool on, shown;
};

/* Rows, rate, share of the bytes and time left on one line of the terminal. */
static void show_progress(struct progress *p) {
  uint64_t now = mono_ns();
  if (!p->on || now < p->next_ns || mr_snapshot_take(&p->attach, &p->snap)) return;
  p->next_ns = now + UINT64_C(500000000);
  uint64_t rows = 0, done = 0, total = 0;
  for (uint32_t i = 0; i < p->snap.node_cnt; i++) {
    const struct mr_node_stat *n = &p->snap.nodes[i];
    if (!mr_snapshot_word(&n->input_bytes_total)) continue;
    rows += mr_snapshot_word(&n->rows_in);
    done += mr_snapshot_word(&n->input_bytes);
    total += mr_snapshot_word(&n->input_bytes_total);
  }
  if (!total) return;
  double s = (double)(now - p->start_ns) / 1e9, share = (double)done / (double)total;
  fprintf(stderr, "\r%llu rows  %.0f rows/s  %.1f %%  %.0f s left\033[K", (unsigned long long)rows,
          (double)rows / s, share * 100, share > 0 ? s / share - s : 0);
  p->shown = true;
}

/* The most memory this process had in use. rusage would count the program that started it too. */
static uint64_t peak_rss_bytes(void) {
  char line[256];
  unsigned long long kib = 0;
  FILE *f = fopen("/proc/self/status", "re");
  while (f && fgets(line, sizeof line, f))
    if (sscanf(line, "VmHWM: %llu kB", &kib) == 1) break;
  if (f) fclose(f);
  return kib * 1024u;
}

static int write_summary(const char *path, struct mr_run *run, uint64_t wall_ns) {
  const struct mr_segment *seg = mr_run_segment(run);
  struct mr_attach attach;
  struct mr_snapshot snap = {0};
  struct mr_arena arena = {0};
  struct mr_lines out = {.arena = &arena};
  if (mr_attach_memory(&attach, seg->base, seg->sz) || mr_snapshot_take(&attach, &snap))
    return MR_EXIT_BUG;
  struct rusage ru;
  getrusage(RUSAGE_SELF, &ru);
  uint64_t cpu = (uint64_t)(ru.ru_utime.tv_sec + ru.ru_stime.tv_sec) * 1000000000u +
                 (uint64_t)(ru.ru_utime.tv_usec + ru.ru_stime.tv_usec) * 1000u;
  mr_lines_add(&out, "{\"graph\":");
  mr_lines_json(&out, snap.graph);
  mr_lines_add(&out, ",\"wall_ns\":%llu,\"cpu_ns\":%llu,\"peak_rss_bytes\":%llu,\"sources\":[",
               (unsigned long long)wall_ns, (unsigned long long)cpu,
               (unsigned long long)peak_rss_bytes());
  bool first = true;
  for (uint32_t i = 0; i < snap.node_cnt; i++) {
    if (snap.nodes[i].kind != MR_STAT_SOURCE) continue;
    mr_lines_add(&out, "%s{\"name\":", first ? "" : ",");
    mr_lines_json(&out, snap.nodes[i].name);
    mr_lines_add(&out, ",\"rows_per_s\":%.1f}",
                 (double)mr_snapshot_word(&snap.nodes[i].rows_in) / ((double)wall_ns / 1e9));
    first = false;
  }
  mr_lines_add(&out, "],\"nodes\":");
  mr_report_json_nodes(&out, &snap);
  mr_lines_add(&out, ",\"workers\":");
  mr_report_json_workers(&out, &snap);
  mr_lines_add(&out, "}\n");
  FILE *f = strcmp(path, "-") ? fopen(path, "we") : stdout;
  bool ok = f && fwrite(out.text, 1, out.len, f) == out.len && fflush(f) == 0;
  if (!ok) fprintf(stderr, "millrace run: cannot write %s: %s\n", path, strerror(errno));
  if (f && f != stdout) fclose(f);
  mr_snapshot_free(&snap);
  mr_attach_close(&attach);
  mr_arena_free(&arena);
  return ok ? MR_EXIT_OK : MR_EXIT_IO;
}

static bool any_bad(struct mr_run *run) {
  const struct mr_stats *stats = mr_run_stats(run);
  for (uint32_t i = 0; i < stats->node_cnt; i++)
    if (mr_stat_get(&stats->nodes[i].dead_letters)) return true;
  return false;
}

/* ---- the run ---- */

static void print_status(struct mr_run *run) {
  const struct mr_segment *seg = mr_run_segment(run);
  struct mr_attach attach;
  struct mr_snapshot snap = {0};
  struct mr_arena arena = {0};
  struct mr_lines out = {.arena = &arena};
  struct mr_topology topology;
  if (mr_attach_memory(&attach, seg->base, seg->sz)) return;
  if (!mr_snapshot_take(&attach, &snap)) {
    mr_topology_read(&topology, &arena, &snap);
    mr_status_text(&out, &snap, &topology);
    fwrite(out.text, 1, out.len, stderr);
  }
  mr_snapshot_free(&snap);
  mr_attach_close(&attach);
  mr_arena_free(&arena);
}

/* What signals asked for beside the end. */
static void serve_signals(struct mr_run *run, const struct mr_plan *plan,
                          const struct mr_run_conf *conf) {
  struct mr_log log = conf->log;
  log.graph = plan->graph;
  if (hup_asked) {
    hup_asked = 0;
    mr_log_write(&log, MR_LOG_WARN, "MR5006", NULL,
                 "HUP: reload is not available yet; the graph goes on unchanged");
  }
  if (logs_asked) {
    logs_asked = 0;
    if (mr_host_open_log())
      mr_log_write(&log, MR_LOG_INFO, NULL, NULL, "USR1: logs go on here");
    else
      mr_log_write(&log, MR_LOG_ERROR, "MR5007", NULL,
                   "USR1: the log file cannot be opened again: %s; logs go on in the old one",
                   strerror(errno));
  }
  if (status_asked) {
    status_asked = 0;
    print_status(run);
  }
}

static void watch(struct mr_run *run, struct mr_control *control, const struct run_flags *flags,
                  const struct mr_plan *plan, const struct mr_run_conf *conf, uint64_t start_ns) {
  struct progress p = {.start_ns = start_ns, .next_ns = start_ns + UINT64_C(500000000)};
  const struct mr_segment *seg = mr_run_segment(run);
  p.on = !flags->quiet && isatty(STDERR_FILENO) && !mr_attach_memory(&p.attach, seg->base, seg->sz);
  uint64_t drain_ns = 0, timeout_ns = (uint64_t)plan->runtime.drain_timeout_ns;
  while (!mr_run_wait(run, LOOK_NS)) {
    uint64_t now = mono_ns();
    show_progress(&p);
    serve_signals(run, plan, conf);
    if (flags->duration_ns && now - start_ns >= (uint64_t)flags->duration_ns && !drain_ns) {
      mr_run_drain(run);
      drain_ns = now;
    }
    if ((mr_control_drain_asked(control, &timeout_ns) || signal_cnt) && !drain_ns) {
      drain_ns = now;
      mr_run_set_draining(run);
    }
    if (drain_ns && now - drain_ns >= timeout_ns) mr_run_abort(run);
  }
  if (p.shown) fputc('\n', stderr);
  if (p.on) mr_attach_close(&p.attach);
  mr_snapshot_free(&p.snap);
}

/* NULL: the run goes on without it. */
static struct mr_control *open_control(struct mr_run *run, const struct mr_plan *plan,
                                       const struct mr_run_conf *conf) {
  struct mr_control_conf to = {
      .run = run, .plan = plan, .run_dir = conf->run_dir, .isa = conf->isa};
  struct mr_control *control = NULL;
  struct mr_error err = {0};
  if (conf->run_dir && mr_control_open(&control, &to, &err))
    mr_log_write(&conf->log, MR_LOG_WARN, "MR5005", NULL,
                 "no control socket, so drain, tap and dlq replay cannot reach this run: %s",
                 err.text);
  return control;
}

static int start_and_wait(const struct run_flags *flags, const struct mr_plan *plan,
                          const struct mr_run_conf *conf, uint64_t since_ns) {
  struct mr_run *run = NULL;
  struct mr_error err = {0};
  if (mr_run_build(&run, plan, conf, &err)) {
    fprintf(stderr, "millrace run: %s\n", mr_secrets_scrub(plan->secrets, err.text));
    return mr_host_exit(&err);
  }
  struct mr_control *control = open_control(run, plan, conf);
  catch_signals(run);
  uint64_t start_ns = mono_ns();
  int rc = mr_run_start(run, &err);
  if (!rc) {
    if (!flags->quiet) print_banner(plan, run, since_ns, conf);
    watch(run, control, flags, plan, conf, start_ns);
    rc = mr_run_result(run, &err);
  }
  uint64_t wall_ns = mono_ns() - start_ns;
  mr_run_close(run);
  if (!rc) rc = mr_run_result(run, &err); /* what was closed may have failed */
  int code = rc ? mr_host_exit(&err) : MR_EXIT_OK;
  if (rc) fprintf(stderr, "millrace run: %s\n", mr_secrets_scrub(plan->secrets, err.text));
  if (!code && flags->fail_on_bad && any_bad(run)) code = MR_EXIT_DATA;
  if (flags->summary) {
    int written = write_summary(flags->summary, run, wall_ns);
    if (!code) code = written;
  }
  signal_run = NULL;
  mr_control_finish(control, code, rc ? err.text : NULL);
  mr_run_destroy(run);
  mr_control_close(control);
  return code;
}

/* Runs a plan that a verb made itself, without banner and stats segment. */
int mr_cmd_run_plan(const struct mr_plan *plan) {
  struct run_flags flags = {.quiet = true};
  struct mr_run_conf conf;
  mr_host_conf(&conf, &(struct mr_host_log){.least = MR_LOG_WARN});
  return start_and_wait(&flags, plan, &conf, mono_ns());
}

static int run_run(int argc, char **argv) {
  uint64_t since_ns = mono_ns();
  struct run_flags flags = {0};
  struct mr_load load;
  mr_load_init(&load);
  int rc = read_flags(argc, argv, &flags, &load);
  if (!rc) rc = mr_load_plan(&load, flags.file);
  if (!rc) {
    struct mr_run_conf conf;
    struct mr_run_dir dir;
    struct mr_error err = {0};
    mr_host_conf(&conf, &flags.log);
    mr_host_hide(load.plan->secrets);
    if (!mr_host_open_log()) {
      fprintf(stderr, "millrace run: cannot open %s: %s\n", flags.log.file, strerror(errno));
      mr_load_free(&load);
      return MR_EXIT_IO;
    }
    conf.count = flags.count;
    if (mr_run_dir_choose(&dir, 1 << 20, &err)) {
      mr_log_write(&conf.log, MR_LOG_WARN, "MR5001", NULL,
                   "no folder for the stats segment, so no tool can look at this run: %s",
                   err.text);
    } else {
      conf.run_dir = dir.path;
      if (!dir.tmpfs)
        mr_log_write(&conf.log, MR_LOG_WARN, "MR5003", NULL,
                     "%s is on a disk: stats pages fault after each write-back", dir.path);
    }
    rc = start_and_wait(&flags, load.plan, &conf, since_ns);
  }
  mr_load_free(&load);
  return rc;
}

const struct mr_cmd mr_cmd_run = {
    "run", "[FLAGS] GRAPH.yaml", "runs a graph until its input ends or a signal drains it",
    "  --set PATH=VALUE     overrides one value of the file\n"
    "  --operators FILE     loads operators from a shared object; also MILLRACE_OPERATORS\n"
    "  --seed N             seed of every generate\n"
    "  --clock wall|virtual virtual: time follows the rows\n"
    "  --duration D         drains after this time\n"
    "  --count N            rows taken from sources\n"
    "  --summary FILE|-     JSON of what every node did, at the end\n"
    "  --fail-on-bad        ends 65 when there was a dead letter\n"
    "  --log-format text|logfmt|json\n"
    "  --log-file FILE      appends logs to it instead of stderr; USR1 opens it again\n"
    "  --quiet, -q          only warnings; no banner, no progress\n"
    "  --verbose, -v        debug messages too\n"
    "TERM and INT drain (0; 75 when it is cut short), a second one or QUIT stops at once.\n"
    "USR1 opens the log file again, USR2 prints a status tree to stderr. HUP reloads nothing yet, "
    "and "
    "says so.\n",
    run_run};

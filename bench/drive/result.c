/* SPDX-License-Identifier: Apache-2.0 */
/* What a load test found: the table for people, and the files. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "attach/percentile.h"
#include "base/lines.h"
#include "drive/drive.h"

#define OTHERS_MAX 0.10 /* of a CPU */
#define SLOPE_MAX  0.02 /* of the throughput per second */

static const double quantiles[] = {0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999};
static const char *const quantile_names[] = {"p50", "p90", "p99", "p99.9", "p99.99", "p99.999"};
#define QUANTILES (sizeof quantiles / sizeof *quantiles)

const char *mr_drive_doubt(const struct mr_drive_run *run, char *buf, size_t sz) {
  size_t len = 0;
  uint64_t late;
  buf[0] = 0;
  if (run->others > OTHERS_MAX)
    len +=
        (size_t)snprintf(buf + len, sz - len, "others used %.0f %% of a CPU; ", 100 * run->others);
  if (run->slope > SLOPE_MAX || run->slope < -SLOPE_MAX)
    len += (size_t)snprintf(buf + len, sz - len, "throughput moved by %.1f %% a second; ",
                            100 * run->slope);
  if (run->delay.count && (mr_drive_percentile(&run->delay, 0.5, &late), late > 1000000))
    len += (size_t)snprintf(buf + len, sz - len, "the sender was %.1f ms late at p50; ",
                            (double)late / 1e6);
  if (len < 2) return NULL;
  buf[len - 2] = 0;
  return buf;
}

static void add_latency(struct mr_latency *sum, const struct mr_latency *l) {
  for (uint32_t i = 0; i < MR_LATENCY_CNT; i++) sum->counts[i] += l->counts[i];
  sum->count += l->count;
  if (l->max_ns > sum->max_ns) sum->max_ns = l->max_ns;
}

/* All runs as one. */
static struct mr_drive_run *sum_of(const struct mr_drive_result *r) {
  struct mr_drive_run *sum = calloc(1, sizeof *sum);
  for (uint32_t i = 0; sum && i < r->run_cnt; i++) {
    const struct mr_drive_run *run = &r->runs[i];
    add_latency(&sum->response, &run->response);
    add_latency(&sum->service, &run->service);
    add_latency(&sum->delay, &run->delay);
    sum->sent += run->sent, sum->received += run->received;
    sum->dead_letters += run->dead_letters, sum->late += run->late;
    sum->dropped += run->dropped, sum->filtered += run->filtered;
    sum->wall_ns += run->wall_ns, sum->cpu_ns += run->cpu_ns;
    sum->involuntary += run->involuntary;
    if (run->rss_bytes > sum->rss_bytes) sum->rss_bytes = run->rss_bytes;
    sum->config_hash = run->config_hash;
  }
  return sum;
}

/* ---- for people ---- */

static void print_latency(const char *name, const struct mr_latency *l, const char *from) {
  char text[MR_LINES_SHORT_SZ];
  printf("  %-10s", name);
  for (size_t i = 0; i < QUANTILES; i++) {
    uint64_t ns;
    if (mr_drive_percentile(l, quantiles[i], &ns))
      printf(" %9s", mr_lines_time(text, ns));
    else
      printf(" %9s", "-");
  }
  printf(" %9s", mr_lines_time(text, l->max_ns));
  printf(" %8s   %s\n", mr_lines_count(text, (double)l->count), from);
}

static void print_refused(const struct mr_latency *l) {
  for (size_t i = 0; i < QUANTILES; i++) {
    uint64_t ns;
    if (mr_drive_percentile(l, quantiles[i], &ns)) continue;
    printf("  not shown: %s (%.0f samples lie beyond it; the rule is 100)\n", quantile_names[i],
           (1 - quantiles[i]) * (double)l->count);
    return;
  }
}

void mr_drive_print(const struct mr_drive_result *r) {
  const struct mr_drive_suite *s = r->suite;
  struct mr_drive_run *sum = sum_of(r);
  char text[MR_LINES_SHORT_SZ], doubt[256];
  if (!sum) return;
  double seconds = (double)sum->wall_ns / 1e9;
  printf("%s", s->name);
  if (s->mode == MR_DRIVE_OPEN)
    printf(" @ %.0f/s open loop%s", s->rate, s->poisson ? ", poisson" : "");
  else
    printf(" as fast as it can");
  printf(", %.0f s after %.0f s warm-up", seconds / r->run_cnt, (double)s->warmup_ns / 1e9);
  if (r->run_cnt > 1) printf(", %u runs", r->run_cnt);
  printf(" (slope %.2f %%/s)\n", 100 * r->runs[0].slope);
  printf("  sent %llu  received %llu  filtered %llu  late %llu  dropped %llu  dead letters %llu\n",
         (unsigned long long)sum->sent, (unsigned long long)sum->received,
         (unsigned long long)sum->filtered, (unsigned long long)sum->late,
         (unsigned long long)sum->dropped, (unsigned long long)sum->dead_letters);
  printf("  %-10s", "");
  for (size_t i = 0; i < QUANTILES; i++) printf(" %9s", quantile_names[i]);
  printf(" %9s %8s\n", "max", "n");
  print_latency("response", &sum->response, "from the planned send time");
  print_latency("service", &sum->service, "from the actual send time");
  print_latency("send delay", &sum->delay, "to a microsecond");
  print_refused(&sum->response);
  printf(
      "  %s/s at the sink, %.2f cores, %s, %llu forced context switches, round trip %.0f ns %s\n",
      mr_lines_count(text, (double)sum->response.count / seconds),
      (double)sum->cpu_ns / (double)sum->wall_ns,
      mr_lines_bytes((char[MR_LINES_SHORT_SZ]){0}, sum->rss_bytes),
      (unsigned long long)sum->involuntary, r->runs[0].round_trip_ns,
      mr_placement_str(mr_machine_placement(r->runs[0].round_trip_ns)));
  for (uint32_t i = 0; i < r->run_cnt; i++)
    if (mr_drive_doubt(&r->runs[i], doubt, sizeof doubt))
      printf("  marked, run %u: %s\n", i + 1, doubt);
  free(sum);
}

/* ---- files ---- */

static void json_latency(FILE *out, const char *name, const struct mr_latency *l) {
  fprintf(out, "\"%s\":{\"count\":%llu,\"max\":%llu", name, (unsigned long long)l->count,
          (unsigned long long)l->max_ns);
  for (size_t i = 0; i < QUANTILES; i++) {
    uint64_t ns;
    if (mr_drive_percentile(l, quantiles[i], &ns))
      fprintf(out, ",\"%s\":%llu", quantile_names[i], (unsigned long long)ns);
  }
  fputs("}", out);
}

static void json_run(FILE *out, const struct mr_drive_run *run) {
  char doubt[256];
  double seconds = (double)run->wall_ns / 1e9;
  fprintf(out,
          "{\"sent\":%llu,\"received\":%llu,\"filtered\":%llu,\"late\":%llu,\"dropped\":%llu,"
          "\"dead_letters\":%llu,\"wall_ns\":%llu,\"cpu_ns\":%llu,\"peak_rss_bytes\":%llu,"
          "\"rows_per_s\":%.3f,\"slope\":%.6f,\"others\":%.4f,\"round_trip_ns\":%.1f,"
          "\"involuntary_switches\":%llu,",
          (unsigned long long)run->sent, (unsigned long long)run->received,
          (unsigned long long)run->filtered, (unsigned long long)run->late,
          (unsigned long long)run->dropped, (unsigned long long)run->dead_letters,
          (unsigned long long)run->wall_ns, (unsigned long long)run->cpu_ns,
          (unsigned long long)run->rss_bytes,
          seconds > 0 ? (double)run->response.count / seconds : 0, run->slope, run->others,
          run->round_trip_ns, (unsigned long long)run->involuntary);
  json_latency(out, "response_ns", &run->response);
  fputs(",", out);
  json_latency(out, "service_ns", &run->service);
  fputs(",", out);
  json_latency(out, "send_delay_ns", &run->delay);
  fprintf(out, ",\"marked\":%s%s%s,\"intervals\":[",
          mr_drive_doubt(run, doubt, sizeof doubt) ? "\"" : "null",
          mr_drive_doubt(run, doubt, sizeof doubt) ? doubt : "",
          mr_drive_doubt(run, doubt, sizeof doubt) ? "\"" : "");
  for (uint32_t i = 0; i < run->interval_cnt; i++) {
    struct mr_percentiles p;
    mr_percentiles_of(&run->intervals[i].response, &p);
    fprintf(out, "%s{\"ns\":%llu,\"rows\":%llu,\"p50\":%llu,\"p99\":%llu,\"max\":%llu}",
            i ? "," : "", (unsigned long long)run->intervals[i].ns,
            (unsigned long long)run->intervals[i].rows, (unsigned long long)p.p50,
            (unsigned long long)p.p99, (unsigned long long)p.max);
  }
  fputs("]}", out);
}

/* The spectrum of the response as [share, ns] pairs, for the report's curve. */
static void json_curve(FILE *out, const struct mr_latency *l) {
  uint64_t below = 0;
  bool some = false;
  fputs("[", out);
  for (double q = 0.1; l->count && (1 - q) * (double)l->count >= 10; q += (1 - q) * 0.12) {
    uint64_t ns;
    (void)mr_drive_percentile(l, q, &ns);
    if (ns == below && some) continue;
    fprintf(out, "%s[%.8f,%llu]", some ? "," : "", q, (unsigned long long)ns);
    below = ns;
    some = true;
  }
  fputs("]", out);
}

void mr_drive_json(const struct mr_drive_result *r, FILE *out) {
  const struct mr_drive_suite *s = r->suite;
  struct mr_drive_run *sum = sum_of(r);
  fprintf(out,
          "{\"suite\":\"%s\",\"mode\":\"%s\",\"rate\":%.3f,\"poisson\":%s,\"for_ns\":%lld,"
          "\"warmup_ns\":%lld,\"seed\":%lld,\"config_hash\":\"%016llx\",\"machine\":",
          s->name, s->mode == MR_DRIVE_OPEN ? "open" : "max", s->rate,
          s->poisson ? "true" : "false", (long long)s->for_ns, (long long)s->warmup_ns,
          (long long)s->seed, (unsigned long long)(sum ? sum->config_hash : 0));
  mr_machine_json(&r->machine, out);
  fputs(",\"runs\":[", out);
  for (uint32_t i = 0; i < r->run_cnt; i++) {
    if (i) fputs(",", out);
    json_run(out, &r->runs[i]);
  }
  fputs("],\"curve\":", out);
  if (sum)
    json_curve(out, &sum->response);
  else
    fputs("[]", out);
  fputs("}\n", out);
  free(sum);
}

static FILE *open_in(const char *dir, const char *name, struct mr_error *err) {
  char path[4200];
  snprintf(path, sizeof path, "%s/%s", dir, name);
  FILE *file = fopen(path, "we");
  if (!file) mr_error_set_sys(err, errno, "cannot write %s", path);
  return file;
}

static int close_it(FILE *file, const char *name, struct mr_error *err) {
  bool bad = ferror(file);
  if (fclose(file) || bad) return mr_error_set_sys(err, errno, "cannot write %s", name);
  return MR_OK;
}

static int write_hgrm(const char *dir, const char *name, const struct mr_latency *l,
                      struct mr_error *err) {
  char *text = malloc(MR_LATENCY_TEXT);
  FILE *file = text ? open_in(dir, name, err) : NULL;
  if (file) fwrite(text, 1, mr_latency_text(l, text), file);
  free(text);
  return file ? close_it(file, name, err) : err->code;
}

static int write_hlog(const struct mr_drive_result *r, const char *dir, struct mr_error *err) {
  FILE *file = open_in(dir, "intervals.hlog", err);
  if (!file) return err->code;
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  int rc = mr_percentile_write_hlog_head(file, r->suite->name,
                                         (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000);
  uint64_t at = 0;
  for (uint32_t i = 0; i < r->run_cnt; i++)
    for (uint32_t k = 0; !rc && k < r->runs[i].interval_cnt; k++) {
      const struct mr_drive_interval *it = &r->runs[i].intervals[k];
      rc = mr_percentile_write_hlog(file, NULL, at, it->ns, &it->response);
      at += it->ns;
    }
  if (rc) mr_error_set(err, rc, "cannot write intervals.hlog");
  int closed = close_it(file, "intervals.hlog", err);
  return rc ? rc : closed;
}

int mr_drive_write(const struct mr_drive_result *r, const char *dir, struct mr_error *err) {
  if (mkdir(dir, 0777) && errno != EEXIST)
    return mr_error_set_sys(err, errno, "cannot make %s", dir);
  FILE *file = open_in(dir, "result.json", err);
  if (!file) return err->code;
  mr_drive_json(r, file);
  int rc = close_it(file, "result.json", err);
  struct mr_drive_run *sum = sum_of(r);
  if (!sum) return mr_error_set(err, MR_ERR_NOMEM, "no memory");
  if (!rc) rc = write_hgrm(dir, "response.hgrm", &sum->response, err);
  if (!rc) rc = write_hgrm(dir, "service.hgrm", &sum->service, err);
  free(sum);
  if (!rc) rc = write_hlog(r, dir, err);
  if (!rc && !(file = open_in(dir, "env.json", err))) rc = err->code;
  if (!rc) {
    mr_machine_json(&r->machine, file);
    fputc('\n', file);
    rc = close_it(file, "env.json", err);
  }
  return rc ? rc : mr_drive_report(dir, err);
}

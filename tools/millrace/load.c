/* SPDX-License-Identifier: Apache-2.0 */
#include "load.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cmd.h"
#include "operators/operators.h"

/* CPUs worth of a cgroup's quota, rounded up; 0: no quota. */
static uint32_t cgroup_cpus(void) {
  FILE *f = fopen("/sys/fs/cgroup/cpu.max", "re");
  long long quota = -1, period = 0;
  if (f) {
    if (fscanf(f, "%lld %lld", &quota, &period) != 2) quota = -1;
    fclose(f);
  } else {
    f = fopen("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "re");
    if (f && fscanf(f, "%lld", &quota) != 1) quota = -1;
    if (f) fclose(f);
    f = fopen("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "re");
    if (f && fscanf(f, "%lld", &period) != 1) period = 0;
    if (f) fclose(f);
  }
  return quota > 0 && period > 0 ? (uint32_t)((quota + period - 1) / period) : 0;
}

void mr_load_init(struct mr_load *load) {
  memset(load, 0, sizeof *load);
  mr_diags_init(&load->diags, &load->arena);
  cpu_set_t set;
  uint32_t cnt = 0, quota = cgroup_cpus();
  if (sched_getaffinity(0, sizeof set, &set) == 0)
    for (int c = 0; c < CPU_SETSIZE && cnt < MR_WORKERS_MAX; c++)
      if (CPU_ISSET((size_t)c, &set)) load->cpus[cnt++] = c;
  if (quota && quota < cnt) cnt = quota;
  load->conf = (struct mr_plan_conf){
      .ops = &mr_operators, .sets = load->sets, .clock = -1, .cpus = load->cpus, .cpu_cnt = cnt};
}

int mr_load_flag(struct mr_load *load, const char *verb, const char *flag, const char *value) {
  if (!strcmp(flag, "--no-env"))
    load->conf.no_env = true;
  else if (!strcmp(flag, "--no-inputs"))
    load->conf.no_inputs = true;
  else if (!strcmp(flag, "--deny-warnings"))
    load->deny_warnings = true;
  else if (!strcmp(flag, "--set") && value) {
    if (load->conf.set_cnt == MR_LOAD_SETS_MAX || !strchr(value, '=')) {
      mr_cmd_usage(verb, "--set takes path=value, at most %u times", MR_LOAD_SETS_MAX);
      return -1;
    }
    load->sets[load->conf.set_cnt++] = value;
  } else if (!strcmp(flag, "--seed") && value) {
    int64_t seed;
    if (mr_int64_parse(value, strlen(value), &seed)) {
      mr_cmd_usage(verb, "--seed takes a whole number, not \"%s\"", value);
      return -1;
    }
    load->conf.seed = (uint64_t)seed;
    load->conf.seed_given = true;
  } else if (!strcmp(flag, "--clock") && value) {
    load->conf.clock = !strcmp(value, "virtual") ? 1 : !strcmp(value, "wall") ? 0 : 2;
    if (load->conf.clock == 2) {
      mr_cmd_usage(verb, "--clock is wall or virtual, not \"%s\"", value);
      return -1;
    }
  } else {
    return 0;
  }
  return 1;
}

int mr_load_plan(struct mr_load *load, const char *file) {
  load->plan = mr_plan_load(&load->arena, file, NULL, 0, &load->conf, &load->diags);
  bool refused = load->deny_warnings && load->diags.warning_cnt;
  if (load->diags.cnt) {
    size_t len;
    const char *text = load->json ? mr_diags_json(&load->diags, &load->arena, &len)
                                  : mr_diags_text(&load->diags, &load->arena, &len);
    fwrite(text, 1, len, stderr);
    if (len && text[len - 1] != '\n') fputc('\n', stderr);
  }
  return load->plan && !refused ? MR_EXIT_OK : MR_EXIT_CONFIG;
}

void mr_load_free(struct mr_load *load) {
  mr_arena_free(&load->arena);
}

bool mr_args_next(struct mr_args *args) {
  if (++args->at >= args->argc) return false;
  char *word = args->argv[args->at];
  args->flag = args->value = NULL;
  if (word[0] != '-' || !word[1]) {
    args->value = word;
    return true;
  }
  args->flag = word;
  char *eq = strchr(word, '=');
  if (eq && word[1] == '-') {
    *eq = 0;
    args->value = eq + 1;
  }
  return true;
}

const char *mr_args_value(struct mr_args *args, const char *verb) {
  if (args->value) return args->value;
  if (args->at + 1 < args->argc) return args->argv[++args->at];
  mr_cmd_usage(verb, "%s needs a value", args->flag);
  return NULL;
}

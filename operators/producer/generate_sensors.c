/* SPDX-License-Identifier: Apache-2.0 */
/* Sensor telemetry: devices with random names, normal temperature and vibration of which some are
 * replaced by high ones, a status of both; site and line uniform for each event. */
#include "producer/generate_sensors.h"

#include <stdio.h>
#include <string.h>

#include "base/rng.h"
#include "graph/codes.h"
#include "graph/compile.h"
#include "graph/tree.h"
#include "producer/generate.h"

#define NAME_STREAM UINT64_C(0x6e616d6573) /* the devices' numbers */
#define NAME_SZ     10u                    /* MTR-12345 */

static const char *const default_sites[] = {"fab1", "fab2"};
static const char *const default_lines[] = {"L01", "L02", "L03"};
static const char *const statuses[] = {"OK", "HOT", "VIB", "HOT_VIB"};

static uint32_t device_cnt(const struct mr_gen_conf *conf) {
  return mr_gen_knob(conf->devices, MR_SENSOR_DEVICES);
}

/* The names of cnt devices of a seed, NAME_SZ bytes each, no two alike. */
static void put_names(uint64_t seed, uint32_t cnt, char *to) {
  uint64_t taken[MR_SENSOR_DEVICES_MAX / 64 + 1] = {0};
  for (uint64_t k = 0, done = 0; done < cnt; k++) {
    uint32_t v = mr_rng_below(mr_rng_at(seed ^ NAME_STREAM, k), MR_SENSOR_DEVICES_MAX);
    if (taken[v / 64] >> (v % 64) & 1) continue;
    taken[v / 64] |= UINT64_C(1) << (v % 64);
    snprintf(to + NAME_SZ * done++, NAME_SZ, "MTR-%05u", v);
  }
}

static struct mr_field device_field(struct mr_op_plan *p) {
  const struct mr_gen_conf *conf = p->conf;
  uint32_t cnt = device_cnt(conf);
  if (cnt > MR_ENUM_MAX) return (struct mr_field){.name = "device_id", .type = MR_TYPE_STRING};
  char *names = mr_arena_alloc(p->arena, (size_t)cnt * NAME_SZ);
  const char **texts = MR_NEW(p->arena, const char *, cnt);
  put_names(p->plan->seed_given ? p->plan->seed : (uint64_t)conf->seed, cnt, names);
  for (uint32_t i = 0; i < cnt; i++) texts[i] = names + (size_t)i * NAME_SZ;
  return mr_gen_enum(p, "device_id", texts, cnt);
}

/* A field of the words that an option gives. */
static struct mr_field words_field(struct mr_op_plan *p, const char *name,
                                   const struct mr_opt_strings *given, const char *const *own,
                                   uint32_t own_cnt) {
  if (!given->cnt) return mr_gen_enum(p, name, own, own_cnt);
  const char **texts = MR_NEW(p->arena, const char *, given->cnt);
  for (uint32_t i = 0; i < given->cnt; i++) texts[i] = given->items[i].text;
  return mr_gen_enum(p, name, texts, given->cnt);
}

static int check_words(struct mr_op_plan *p, const char *name, const struct mr_opt_strings *words) {
  if (words->cnt > MR_ENUM_MAX)
    return mr_op_error(p, mr_tree_get(p->tree, name), MR_CODE_OUT_OF_RANGE, "at most %u %s",
                       MR_ENUM_MAX, name);
  for (uint32_t i = 0; i < words->cnt; i++)
    for (uint32_t k = 0; k < i; k++)
      if (words->items[i].len == words->items[k].len &&
          !memcmp(words->items[i].text, words->items[k].text, words->items[i].len))
        return mr_op_error(p, words->items[i].at, MR_CODE_OUT_OF_RANGE, "%s is there twice",
                           words->items[i].text);
  return MR_OK;
}

static struct mr_schema *sensors_schema(struct mr_op_plan *p) {
  const struct mr_gen_conf *conf = p->conf;
  int rc = check_words(p, "sites", &conf->sites);
  if (check_words(p, "lines", &conf->lines) || rc) return NULL;
  struct mr_schema *s = mr_op_schema(p, MR_SENSOR_COLS);
  s->fields[MR_SENSOR_DEVICE] = device_field(p);
  s->fields[MR_SENSOR_TS] = (struct mr_field){.name = "ts", .type = MR_TYPE_TIMESTAMP};
  s->fields[MR_SENSOR_TEMPERATURE] =
      (struct mr_field){.name = "temperature_c", .type = MR_TYPE_DOUBLE};
  s->fields[MR_SENSOR_VIBRATION] = (struct mr_field){.name = "vibration_g", .type = MR_TYPE_DOUBLE};
  s->fields[MR_SENSOR_STATUS] = mr_gen_enum(p, "status", statuses, 4);
  s->fields[MR_SENSOR_SITE] = words_field(p, "site", &conf->sites, default_sites, 2);
  s->fields[MR_SENSOR_LINE] = words_field(p, "line", &conf->lines, default_lines, 3);
  s->event_time = MR_SENSOR_TS;
  return s;
}

static uint32_t sensors_streams(const bool *need) {
  bool key = need[MR_SENSOR_DEVICE] || need[MR_SENSOR_SITE] || need[MR_SENSOR_LINE];
  bool reading = need[MR_SENSOR_TEMPERATURE] || need[MR_SENSOR_VIBRATION] || need[MR_SENSOR_STATUS];
  uint32_t readings = 1u << MR_SENSOR_NORMAL | 1u << MR_SENSOR_HOT | 1u << MR_SENSOR_SHAKEN;
  return (uint32_t)key << MR_SENSOR_KEY | (reading ? readings : 0);
}

static int sensors_init(struct mr_gen *gen, struct mr_op_ctx *ctx, struct mr_error *err) {
  uint32_t cnt = device_cnt(gen->conf);
  if (cnt <= MR_ENUM_MAX) return MR_OK;
  uint64_t off = mr_region_alloc(ctx->region_rw, cnt * sizeof(struct mr_str), 16, "devices");
  if (!off) return mr_error_set(err, MR_ERR_NOMEM, "no room for %u devices", cnt);
  struct mr_str *views = mr_region_ptr(ctx->region, off);
  char *names = mr_arena_alloc(ctx->arena, (size_t)cnt * NAME_SZ);
  put_names(gen->seeds[0], cnt, names);
  for (uint32_t i = 0; i < cnt; i++)
    views[i] = mr_str_make(names + (size_t)i * NAME_SZ, NAME_SZ - 1, ctx->region->base);
  gen->names[MR_SENSOR_DEVICE] = views;
  return MR_OK;
}

extern mr_gen_fill_fn mr_gen_sensors_fill_v2, mr_gen_sensors_fill_v3, mr_gen_sensors_fill_v4;

const struct mr_gen_system mr_gen_sensors = {
    .name = "sensors",
    .knobs = MR_GEN_DEVICES | MR_GEN_SITES | MR_GEN_LINES | MR_GEN_P_HOT | MR_GEN_P_VIB,
    .resolution_us = 1000,
    .schema = sensors_schema,
    .key_values = device_cnt,
    .streams = sensors_streams,
    .init = sensors_init,
    .fill = {mr_gen_sensors_fill_v2, mr_gen_sensors_fill_v3, mr_gen_sensors_fill_v4},
};

/* SPDX-License-Identifier: Apache-2.0 */
/* City events: city, event_type and severity uniform and independent, the description derived. */
#include <stdio.h>
#include <string.h>

#include "graph/compile.h"
#include "producer/generate.h"

enum { CITY, SEVERITY, TIMESTAMP, DESCRIPTION, EVENT_TYPE, COL_CNT };

#define CITIES 6u

static const char *const cities[] = {"SF", "NYC", "LA", "Chicago", "Seattle", "Boston"};
static const char *const types[] = {"traffic", "weather", "incident", "construction"};
static const char *const severities[] = {"low", "medium", "high", "critical"};
static const char *const reports[] = {"traffic congestion detected", "weather condition reported",
                                      "incident reported, emergency services notified",
                                      "construction work in progress"};

static uint32_t city_cnt(const struct mr_gen_conf *conf) {
  (void)conf;
  return CITIES;
}

static struct mr_schema *city_schema(struct mr_op_plan *p) {
  struct mr_schema *s = mr_op_schema(p, COL_CNT);
  s->fields[CITY] = mr_gen_enum(p, "city", cities, CITIES);
  s->fields[SEVERITY] = mr_gen_enum(p, "severity", severities, 4);
  s->fields[TIMESTAMP] = (struct mr_field){.name = "timestamp", .type = MR_TYPE_TIMESTAMP};
  s->fields[DESCRIPTION] = (struct mr_field){.name = "description", .type = MR_TYPE_STRING};
  s->fields[EVENT_TYPE] = mr_gen_enum(p, "event_type", types, 4);
  s->event_time = TIMESTAMP;
  return s;
}

static uint32_t city_streams(const bool *need) {
  return need[CITY] || need[SEVERITY] || need[DESCRIPTION] || need[EVENT_TYPE];
}

/* The 16 descriptions, by the low four bits: type, then severity. */
static int city_init(struct mr_gen *gen, struct mr_op_ctx *ctx, struct mr_error *err) {
  enum { TEXT_SZ = 64 };
  uint64_t off =
      mr_region_alloc(ctx->region_rw, 16 * (sizeof(struct mr_str) + TEXT_SZ), 16, "descriptions");
  if (!off) return mr_error_set(err, MR_ERR_NOMEM, "no room for descriptions");
  struct mr_str *views = mr_region_ptr(ctx->region, off);
  char *text = (char *)(views + 16);
  for (uint32_t i = 0; i < 16; i++, text += TEXT_SZ) {
    int len = snprintf(text, TEXT_SZ, "%s %s", severities[i >> 2], reports[i & 3]);
    views[i] = mr_str_make(text, (uint32_t)len, ctx->region->base);
  }
  gen->texts = views;
  return MR_OK;
}

static uint32_t city_fill(const struct mr_gen *gen, const struct mr_gen_block *b) {
  const struct mr_gen_kernels *k = gen->kernels;
  const uint64_t *bits = b->draws[0];
  uint8_t *city = gen->cols[CITY], *severity = gen->cols[SEVERITY], *type = gen->cols[EVENT_TYPE];
  struct mr_str *description = gen->cols[DESCRIPTION];
  if (city && !gen->zipf) k->high_u8(bits, CITIES, city + b->at, b->n);
  if (city && gen->zipf)
    for (uint32_t i = 0; i < b->n; i++)
      city[b->at + i] = (uint8_t)mr_gen_zipf_draw(gen->zipf, CITIES, bits[i]);
  if (severity) k->field_u8(bits, 2, 3, severity + b->at, b->n);
  if (type) k->field_u8(bits, 0, 3, type + b->at, b->n);
  if (description) {
    const struct mr_str *texts = gen->texts;
    struct mr_str *restrict to = description + b->at;
    uint32_t n = b->n;
    for (uint32_t i = 0; i < n; i++) to[i] = texts[bits[i] & 15];
  }
  return 0;
}

const struct mr_gen_system mr_gen_city = {
    .name = "city",
    .resolution_us = 1,
    .schema = city_schema,
    .key_values = city_cnt,
    .streams = city_streams,
    .init = city_init,
    .fill = {city_fill, city_fill, city_fill},
};

/* SPDX-License-Identifier: Apache-2.0 */
/* The Yahoo streaming benchmark's ad events: ad_id uniform over 1,000, event_type over three. */
#include <stdio.h>
#include <string.h>

#include "base/rng.h"
#include "base/text.h"
#include "graph/compile.h"
#include "producer/generate.h"

enum { USER_ID, PAGE_ID, AD_ID, AD_TYPE, EVENT_TYPE, EVENT_TIME, IP_ADDRESS, COL_CNT };

#define ADS   1000u
#define USERS 100000u
#define PAGES 10000u

static const char *const ad_types[] = {"banner", "modal", "sponsored-search", "mail", "mobile"};
static const char *const types[] = {"view", "click", "purchase"};

/* Where the lesser columns lie in the second stream's number: 32 bits, 16, 8 and 8. */
static uint32_t user_of(uint64_t extra) {
  return mr_rng_below(extra, USERS);
}
static uint32_t page_of(uint64_t extra) {
  return (uint32_t)(((extra >> 16) & 0xffff) * PAGES >> 16);
}
static uint32_t ad_type_of(uint64_t extra) {
  return (uint32_t)(((extra >> 8) & 0xff) * 5 >> 8);
}
static uint32_t event_type_of(uint64_t bits) {
  return (uint32_t)(((bits & UINT32_MAX) * 3) >> 32);
}
static uint32_t ad_of(const struct mr_gen *gen, uint64_t bits) {
  return gen->zipf ? mr_gen_zipf_draw(gen->zipf, ADS, bits) : mr_rng_below(bits, ADS);
}

static const struct mr_schema *ysb_schema(struct mr_op_plan *p) {
  struct mr_schema *s = mr_op_schema(p, COL_CNT);
  s->fields[USER_ID] = (struct mr_field){.name = "user_id", .type = MR_TYPE_INT64};
  s->fields[PAGE_ID] = (struct mr_field){.name = "page_id", .type = MR_TYPE_INT64};
  s->fields[AD_ID] = (struct mr_field){.name = "ad_id", .type = MR_TYPE_INT64};
  s->fields[AD_TYPE] = mr_gen_enum(p, "ad_type", ad_types, 5);
  s->fields[EVENT_TYPE] = mr_gen_enum(p, "event_type", types, 3);
  s->fields[EVENT_TIME] = (struct mr_field){.name = "event_time", .type = MR_TYPE_TIMESTAMP};
  s->fields[IP_ADDRESS] = (struct mr_field){.name = "ip_address", .type = MR_TYPE_STRING};
  s->event_time = EVENT_TIME;
  return s;
}

static bool ysb_needs_extra(const bool *need) {
  return need[USER_ID] || need[PAGE_ID] || need[AD_TYPE] || need[IP_ADDRESS];
}

/* The addresses 10.0.0.0 to 10.0.0.255, which lie in their views. */
static int ysb_init(struct mr_gen *gen, struct mr_op_ctx *ctx, struct mr_error *err) {
  uint64_t off = mr_region_alloc(ctx->region_rw, 256 * sizeof(struct mr_str), 16, "addresses");
  if (!off) return mr_error_set(err, MR_ERR_NOMEM, "no room for addresses");
  struct mr_str *views = mr_region_ptr(ctx->region, off);
  for (uint32_t i = 0; i < 256; i++) {
    char text[16];
    int len = snprintf(text, sizeof text, "10.0.0.%u", i);
    views[i] = mr_str_make(text, (uint32_t)len, ctx->region->base);
  }
  gen->texts = views;
  return MR_OK;
}

static void fill_lesser(const struct mr_gen *gen, const struct mr_gen_block *b) {
  int64_t *user = gen->cols[USER_ID], *page = gen->cols[PAGE_ID];
  uint8_t *ad_type = gen->cols[AD_TYPE];
  struct mr_str *address = gen->cols[IP_ADDRESS];
  if (user) gen->kernels->high_i64(b->extra, USERS, user + b->at, b->n);
  if (page)
    for (uint32_t i = 0; i < b->n; i++) page[b->at + i] = page_of(b->extra[i]);
  if (ad_type)
    for (uint32_t i = 0; i < b->n; i++) ad_type[b->at + i] = (uint8_t)ad_type_of(b->extra[i]);
  if (address)
    for (uint32_t i = 0; i < b->n; i++) address[b->at + i] = gen->texts[b->extra[i] & 255];
}

static void ysb_fill(const struct mr_gen *gen, const struct mr_gen_block *b) {
  const struct mr_gen_kernels *k = gen->kernels;
  int64_t *ad = gen->cols[AD_ID];
  uint8_t *type = gen->cols[EVENT_TYPE];
  if (ad && !gen->zipf) k->high_i64(b->bits, ADS, ad + b->at, b->n);
  if (ad && gen->zipf)
    for (uint32_t i = 0; i < b->n; i++) ad[b->at + i] = ad_of(gen, b->bits[i]);
  if (type) k->low_u8(b->bits, 3, type + b->at, b->n);
  if (b->extra) fill_lesser(gen, b);
}

static uint32_t ysb_text(const struct mr_gen *gen, uint64_t bits, uint64_t extra, int64_t stamp_us,
                         char *out) {
  char time[MR_TEXT_TIMESTAMP_SZ + 1];
  time[mr_timestamp_format(time, stamp_us)] = '\0';
  return (uint32_t)snprintf(out, MR_GEN_TEXT_SZ,
                            "{\"user_id\":%u,\"page_id\":%u,\"ad_id\":%u,\"ad_type\":\"%s\","
                            "\"event_type\":\"%s\",\"event_time\":\"%s\",\"ip_address\":"
                            "\"10.0.0.%u\"}",
                            user_of(extra), page_of(extra), ad_of(gen, bits),
                            ad_types[ad_type_of(extra)], types[event_type_of(bits)], time,
                            (uint32_t)(extra & 255));
}

const struct mr_gen_system mr_gen_ysb = {
    .name = "ysb",
    .key_values = ADS,
    .schema = ysb_schema,
    .needs_extra = ysb_needs_extra,
    .init = ysb_init,
    .fill = ysb_fill,
    .text = ysb_text,
};

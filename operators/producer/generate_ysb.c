/* SPDX-License-Identifier: Apache-2.0 */
/* The Yahoo streaming benchmark's ad events: ad_id uniform over 1,000, event_type over three. */
#include <stdio.h>
#include <string.h>

#include "graph/compile.h"
#include "producer/generate.h"

enum { USER_ID, PAGE_ID, AD_ID, AD_TYPE, EVENT_TYPE, EVENT_TIME, IP_ADDRESS, COL_CNT };

#define ADS   1000u
#define USERS 100000u
#define PAGES 10000u

static const char *const ad_types[] = {"banner", "modal", "sponsored-search", "mail", "mobile"};
static const char *const types[] = {"view", "click", "purchase"};

/* Where the lesser columns lie in the second stream's number: 32 bits, 16, 8 and 8. */
static uint32_t page_of(uint64_t extra) {
  return (uint32_t)(((extra >> 16) & 0xffff) * PAGES >> 16);
}
static uint32_t ad_type_of(uint64_t extra) {
  return (uint32_t)(((extra >> 8) & 0xff) * 5 >> 8);
}
static uint32_t ad_cnt(const struct mr_gen_conf *conf) {
  (void)conf;
  return ADS;
}

static struct mr_schema *ysb_schema(struct mr_op_plan *p) {
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

static uint32_t ysb_streams(const bool *need) {
  bool lesser = need[USER_ID] || need[PAGE_ID] || need[AD_TYPE] || need[IP_ADDRESS];
  return (need[AD_ID] || need[EVENT_TYPE]) | (uint32_t)lesser << 1;
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
  const uint64_t *extra = b->draws[1];
  if (user) gen->kernels->high_i64(extra, USERS, user + b->at, b->n);
  if (page)
    for (uint32_t i = 0; i < b->n; i++) page[b->at + i] = page_of(extra[i]);
  if (ad_type)
    for (uint32_t i = 0; i < b->n; i++) ad_type[b->at + i] = (uint8_t)ad_type_of(extra[i]);
  if (address)
    for (uint32_t i = 0; i < b->n; i++) address[b->at + i] = gen->texts[extra[i] & 255];
}

static uint32_t ysb_fill(const struct mr_gen *gen, const struct mr_gen_block *b) {
  const struct mr_gen_kernels *k = gen->kernels;
  int64_t *ad = gen->cols[AD_ID];
  uint8_t *type = gen->cols[EVENT_TYPE];
  const uint64_t *bits = b->draws[0];
  if (ad && !gen->zipf) k->high_i64(bits, ADS, ad + b->at, b->n);
  if (ad && gen->zipf)
    for (uint32_t i = 0; i < b->n; i++) ad[b->at + i] = mr_gen_zipf_draw(gen->zipf, ADS, bits[i]);
  if (type) k->low_u8(bits, 3, type + b->at, b->n);
  if (b->draws[1]) fill_lesser(gen, b);
  return 0;
}

const struct mr_gen_system mr_gen_ysb = {
    .name = "ysb",
    .resolution_us = 1,
    .schema = ysb_schema,
    .key_values = ad_cnt,
    .streams = ysb_streams,
    .init = ysb_init,
    .fill = {ysb_fill, ysb_fill, ysb_fill},
};

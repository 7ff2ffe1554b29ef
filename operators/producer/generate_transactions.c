/* SPDX-License-Identifier: Apache-2.0 */
/* Financial transactions of two producers that do not agree on their fields: `transactions` has
 * amounts of 50,000 to 150,000 with two decimals and times in seconds, `transactions_java` amounts
 * of 10 to 510, times in milliseconds and a transactionType. All draws are uniform and independent.
 */
#include "producer/generate_transactions.h"

#include "graph/compile.h"
#include "producer/generate.h"

static const struct mr_gen_names users = {"user_", 1, 1}, java_users = {"user", 0, 1};
static const struct mr_gen_names merchants = {"merchant_", 1, 1},
                                 java_merchants = {"merchant", 0, 1};
static const struct mr_gen_names locations = {"location_", 1, 1};

static const char *const methods[] = {"credit-card", "paypal", "bank_transfer"};
static const char *const java_methods[] = {"credit_card", "debit_card"};
static const char *const currencies[] = {"USD", "EUR", "GBP"};
static const char *const kinds[] = {"purchase", "refund"};
static const char *const java_locations[] = {"NY, USA", "LA, USA"};

static uint32_t user_cnt(const struct mr_gen_conf *conf) {
  return mr_gen_knob(conf->users, MR_TX_USERS);
}
static uint32_t merchant_cnt(const struct mr_gen_conf *conf) {
  return mr_gen_knob(conf->merchants, MR_TX_MERCHANTS);
}
static uint32_t java_merchant_cnt(const struct mr_gen_conf *conf) {
  return mr_gen_knob(conf->merchants, MR_TX_JAVA_MERCHANTS);
}
static uint32_t location_cnt(const struct mr_gen_conf *conf) {
  return mr_gen_knob(conf->locations, MR_TX_LOCATIONS);
}

static struct mr_field plain(const char *name, enum mr_type type) {
  return (struct mr_field){.name = name, .type = type};
}

/* Event time is finer than the field that is made of it, so it is a hidden column. */
static struct mr_field event_time(void) {
  return (struct mr_field){.name = "event_time", .type = MR_TYPE_TIMESTAMP, .hidden = true};
}

static struct mr_schema *transactions_schema(struct mr_op_plan *p) {
  const struct mr_gen_conf *conf = p->conf;
  struct mr_schema *s = mr_op_schema(p, MR_TX_COLS);
  s->fields[MR_TX_ID] = plain("transactionId", MR_TYPE_STRING);
  s->fields[MR_TX_USER] = mr_gen_numbered(p, "userId", &users, user_cnt(conf));
  s->fields[MR_TX_AMOUNT] = plain("amount", MR_TYPE_DOUBLE);
  s->fields[MR_TX_TIME] = plain("transactionTime", MR_TYPE_INT64);
  s->fields[MR_TX_MERCHANT] = mr_gen_numbered(p, "merchantId", &merchants, merchant_cnt(conf));
  s->fields[MR_TX_LOCATION] = mr_gen_numbered(p, "location", &locations, location_cnt(conf));
  s->fields[MR_TX_METHOD] = mr_gen_enum(p, "paymentMethod", methods, 3);
  s->fields[MR_TX_INTERNATIONAL] = plain("isInternational", MR_TYPE_BOOL);
  s->fields[MR_TX_CURRENCY] = mr_gen_enum(p, "currency", currencies, 3);
  s->fields[MR_TX_EVENT_TIME] = event_time();
  s->visible_cnt = s->cnt - 1;
  s->event_time = MR_TX_EVENT_TIME;
  return s;
}

static struct mr_schema *java_schema(struct mr_op_plan *p) {
  const struct mr_gen_conf *conf = p->conf;
  struct mr_schema *s = mr_op_schema(p, MR_JAVA_COLS);
  uint32_t merchant = java_merchant_cnt(conf);
  s->fields[MR_JAVA_ID] = plain("transactionId", MR_TYPE_STRING);
  s->fields[MR_JAVA_USER] = mr_gen_numbered(p, "userId", &java_users, user_cnt(conf));
  s->fields[MR_JAVA_AMOUNT] = plain("amount", MR_TYPE_DOUBLE);
  s->fields[MR_JAVA_TIME] = plain("transactionTime", MR_TYPE_INT64);
  s->fields[MR_JAVA_MERCHANT] = mr_gen_numbered(p, "merchantId", &java_merchants, merchant);
  s->fields[MR_JAVA_KIND] = mr_gen_enum(p, "transactionType", kinds, 2);
  s->fields[MR_JAVA_LOCATION] = mr_gen_enum(p, "location", java_locations, 2);
  s->fields[MR_JAVA_METHOD] = mr_gen_enum(p, "paymentMethod", java_methods, 2);
  s->fields[MR_JAVA_INTERNATIONAL] = plain("international", MR_TYPE_BOOL);
  s->fields[MR_JAVA_CURRENCY] = mr_gen_enum(p, "currency", currencies, 2);
  s->fields[MR_JAVA_EVENT_TIME] = event_time();
  s->visible_cnt = s->cnt - 1;
  s->event_time = MR_JAVA_EVENT_TIME;
  return s;
}

/* ---- streams ---- */

static uint32_t id_streams(bool need) {
  return need ? 1u << MR_TX_ID_LOW | 1u << MR_TX_ID_HIGH : 0;
}

static uint32_t transactions_streams(const bool *need) {
  bool place = need[MR_TX_MERCHANT] || need[MR_TX_LOCATION] || need[MR_TX_METHOD] ||
               need[MR_TX_INTERNATIONAL] || need[MR_TX_CURRENCY];
  bool key = need[MR_TX_USER] || need[MR_TX_AMOUNT];
  return id_streams(need[MR_TX_ID]) | (uint32_t)key << MR_TX_KEY | (uint32_t)place << MR_TX_PLACE;
}

static uint32_t java_streams(const bool *need) {
  bool key = need[MR_JAVA_USER] || need[MR_JAVA_MERCHANT] || need[MR_JAVA_KIND] ||
             need[MR_JAVA_LOCATION] || need[MR_JAVA_METHOD] || need[MR_JAVA_INTERNATIONAL] ||
             need[MR_JAVA_CURRENCY];
  return id_streams(need[MR_JAVA_ID]) | (uint32_t)key << MR_TX_KEY |
         (uint32_t)need[MR_JAVA_AMOUNT] << MR_TX_AMOUNT_BITS;
}

/* ---- init ---- */

static int transactions_init(struct mr_gen *gen, struct mr_op_ctx *ctx, struct mr_error *err) {
  const struct mr_gen_conf *conf = gen->conf;
  int rc = mr_gen_numbered_init(gen, ctx, MR_TX_USER, &users, user_cnt(conf), err);
  if (!rc) rc = mr_gen_numbered_init(gen, ctx, MR_TX_MERCHANT, &merchants, merchant_cnt(conf), err);
  if (!rc) rc = mr_gen_numbered_init(gen, ctx, MR_TX_LOCATION, &locations, location_cnt(conf), err);
  return rc;
}

static int java_init(struct mr_gen *gen, struct mr_op_ctx *ctx, struct mr_error *err) {
  const struct mr_gen_conf *conf = gen->conf;
  int rc = mr_gen_numbered_init(gen, ctx, MR_JAVA_USER, &java_users, user_cnt(conf), err);
  uint32_t cnt = java_merchant_cnt(conf);
  return rc ? rc : mr_gen_numbered_init(gen, ctx, MR_JAVA_MERCHANT, &java_merchants, cnt, err);
}

/* ---- times ---- */

static int64_t floor_div(int64_t a, int64_t b) {
  return a / b - (a % b < 0);
}

static void put_seconds(const struct mr_gen *gen, const int64_t *et, uint32_t n) {
  int64_t *to = gen->cols[MR_TX_TIME];
  for (uint32_t i = 0; i < n; i++) to[i] = floor_div(et[i], 1000000);
}

static void put_milliseconds(const struct mr_gen *gen, const int64_t *et, uint32_t n) {
  int64_t *to = gen->cols[MR_JAVA_TIME];
  for (uint32_t i = 0; i < n; i++) to[i] = floor_div(et[i], 1000);
}

extern mr_gen_fill_fn mr_gen_transactions_fill_v2, mr_gen_transactions_fill_v3,
    mr_gen_transactions_fill_v4, mr_gen_transactions_java_fill_v2, mr_gen_transactions_java_fill_v3,
    mr_gen_transactions_java_fill_v4;

const struct mr_gen_system mr_gen_transactions = {
    .name = "transactions",
    .knobs = MR_GEN_USERS | MR_GEN_MERCHANTS | MR_GEN_LOCATIONS,
    .heap_row_max = 36,
    .resolution_us = 1,
    .schema = transactions_schema,
    .key_values = user_cnt,
    .streams = transactions_streams,
    .init = transactions_init,
    .fill = {mr_gen_transactions_fill_v2, mr_gen_transactions_fill_v3, mr_gen_transactions_fill_v4},
    .derive = put_seconds,
    .time_of = MR_TX_TIME,
};

const struct mr_gen_system mr_gen_transactions_java = {
    .name = "transactions_java",
    .knobs = MR_GEN_USERS | MR_GEN_MERCHANTS,
    .heap_row_max = 36,
    .resolution_us = 1,
    .schema = java_schema,
    .key_values = java_merchant_cnt,
    .streams = java_streams,
    .init = java_init,
    .fill = {mr_gen_transactions_java_fill_v2, mr_gen_transactions_java_fill_v3,
             mr_gen_transactions_java_fill_v4},
    .derive = put_milliseconds,
    .time_of = MR_JAVA_TIME,
};

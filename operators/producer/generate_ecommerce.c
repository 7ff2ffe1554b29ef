/* SPDX-License-Identifier: Apache-2.0 */
/* E-commerce events: six types with fields of their own, which are NULL in the others. */
#include "producer/generate_ecommerce.h"

#include "graph/codes.h"
#include "graph/compile.h"
#include "graph/tree.h"
#include "producer/generate.h"

static const struct mr_gen_names users = {"user_", 1, 4}, items = {"item_", 1, 4};

static const char *const types[] = {"user_login", "page_view", "item_click",
                                    "purchase",   "cart_add",  "search"};
static const char *const devices[] = {"mobile", "desktop", "tablet"};
static const char *const locations[] = {"US", "UK", "CA", "DE", "FR", "JP", "AU", "BR"};
static const char *const methods[] = {"email", "social", "sso"};
static const char *const pages[] = {"home", "product", "category", "search", "cart", "checkout"};
static const char *const referrers[] = {"search", "direct", "social", "email"};
static const char *const categories[] = {"electronics", "clothing", "books",
                                         "home",        "sports",   "toys"};
static const char *const currencies[] = {"USD"};
static const char *const payments[] = {"credit_card", "paypal", "apple_pay"};
static const char *const queries[] = {"laptop", "shoes", "book", "phone", "watch", "bag"};

static uint32_t user_cnt(const struct mr_gen_conf *conf) {
  return mr_gen_knob(conf->users, MR_SHOP_USERS);
}
static uint32_t item_cnt(const struct mr_gen_conf *conf) {
  return mr_gen_knob(conf->items, MR_SHOP_ITEMS);
}

/* ---- schema ---- */

#define BIT(col) (UINT64_C(1) << MR_SHOP_##col)
#define ALL                                                                                        \
  (BIT(EVENT_ID) | BIT(EVENT_TYPE) | BIT(USER_ID) | BIT(TIMESTAMP) | BIT(DEVICE) | BIT(LOCATION) | \
   BIT(SESSION_ID))

static const uint64_t fields_of[MR_SHOP_TYPES] = {
    [MR_SHOP_LOGIN] = ALL | BIT(LOGIN_METHOD) | BIT(SUCCESS),
    [MR_SHOP_PAGE_VIEW] = ALL | BIT(PAGE) | BIT(REFERRER) | BIT(DURATION),
    [MR_SHOP_ITEM_CLICK] = ALL | BIT(ITEM_ID) | BIT(CATEGORY) | BIT(POSITION),
    [MR_SHOP_PURCHASE] = ALL | BIT(ORDER_ID) | BIT(ITEM_IDS) | BIT(QUANTITIES) | BIT(TOTAL) |
                         BIT(CURRENCY) | BIT(PAYMENT),
    [MR_SHOP_CART_ADD] = ALL | BIT(ITEM_ID) | BIT(QUANTITY) | BIT(CATEGORY) | BIT(PRICE),
    [MR_SHOP_SEARCH] = ALL | BIT(QUERY) | BIT(RESULTS) | BIT(CLICKED),
};
static const struct mr_kinds kinds = {MR_SHOP_EVENT_TYPE, fields_of};

static void plain(struct mr_schema *s, uint32_t col, const char *name, enum mr_type type) {
  s->fields[col] = (struct mr_field){.name = name, .type = type};
}
static void list(struct mr_schema *s, uint32_t col, const char *name, enum mr_type elem) {
  s->fields[col] = (struct mr_field){.name = name, .type = MR_TYPE_LIST, .elem = elem};
}

static struct mr_schema *ecommerce_schema(struct mr_op_plan *p) {
  struct mr_schema *s = mr_op_schema(p, MR_SHOP_COLS);
  plain(s, MR_SHOP_EVENT_ID, "event_id", MR_TYPE_STRING);
  s->fields[MR_SHOP_EVENT_TYPE] = mr_gen_enum(p, "event_type", types, MR_SHOP_TYPES);
  plain(s, MR_SHOP_USER_ID, "user_id", MR_TYPE_STRING);
  plain(s, MR_SHOP_TIMESTAMP, "timestamp", MR_TYPE_TIMESTAMP);
  s->fields[MR_SHOP_DEVICE] = mr_gen_enum(p, "device", devices, 3);
  s->fields[MR_SHOP_LOCATION] = mr_gen_enum(p, "location", locations, 8);
  plain(s, MR_SHOP_SESSION_ID, "session_id", MR_TYPE_STRING);
  s->fields[MR_SHOP_LOGIN_METHOD] = mr_gen_enum(p, "login_method", methods, 3);
  plain(s, MR_SHOP_SUCCESS, "success", MR_TYPE_BOOL);
  s->fields[MR_SHOP_PAGE] = mr_gen_enum(p, "page", pages, 6);
  s->fields[MR_SHOP_REFERRER] = mr_gen_enum(p, "referrer", referrers, 4);
  plain(s, MR_SHOP_DURATION, "duration_seconds", MR_TYPE_INT64);
  plain(s, MR_SHOP_ITEM_ID, "item_id", MR_TYPE_STRING);
  plain(s, MR_SHOP_QUANTITY, "quantity", MR_TYPE_INT64);
  s->fields[MR_SHOP_CATEGORY] = mr_gen_enum(p, "category", categories, 6);
  plain(s, MR_SHOP_POSITION, "position", MR_TYPE_INT64);
  plain(s, MR_SHOP_PRICE, "price", MR_TYPE_DOUBLE);
  plain(s, MR_SHOP_ORDER_ID, "order_id", MR_TYPE_STRING);
  list(s, MR_SHOP_ITEM_IDS, "items", MR_TYPE_STRING);
  list(s, MR_SHOP_QUANTITIES, "quantities", MR_TYPE_INT64);
  plain(s, MR_SHOP_TOTAL, "total_amount", MR_TYPE_DOUBLE);
  s->fields[MR_SHOP_CURRENCY] = mr_gen_enum(p, "currency", currencies, 1);
  s->fields[MR_SHOP_PAYMENT] = mr_gen_enum(p, "payment_method", payments, 3);
  s->fields[MR_SHOP_QUERY] = mr_gen_enum(p, "search_query", queries, 6);
  plain(s, MR_SHOP_RESULTS, "results_count", MR_TYPE_INT64);
  plain(s, MR_SHOP_CLICKED, "clicked_position", MR_TYPE_INT64);
  for (uint32_t c = MR_SHOP_LOGIN_METHOD; c < MR_SHOP_COLS; c++) s->fields[c].optional = true;
  s->event_time = MR_SHOP_TIMESTAMP;
  s->kinds = &kinds;
  return s;
}

/* ---- streams ---- */

static uint32_t ecommerce_streams(const bool *need) {
  bool detail = false;
  for (uint32_t c = MR_SHOP_LOGIN_METHOD; c < MR_SHOP_COLS; c++) detail |= need[c];
  bool session = need[MR_SHOP_SESSION_ID] || need[MR_SHOP_ORDER_ID] || need[MR_SHOP_PRICE];
  bool key = detail || session || need[MR_SHOP_EVENT_TYPE] || need[MR_SHOP_USER_ID] ||
             need[MR_SHOP_DEVICE] || need[MR_SHOP_LOCATION];
  uint32_t id = need[MR_SHOP_EVENT_ID] ? 1u << MR_SHOP_ID_LOW | 1u << MR_SHOP_ID_HIGH : 0;
  return id | (uint32_t)key << MR_SHOP_KEY | (uint32_t)session << MR_SHOP_SESSION |
         (uint32_t)detail << MR_SHOP_DETAIL | (uint32_t)need[MR_SHOP_ITEM_IDS] << MR_SHOP_BASKET;
}

static int ecommerce_init(struct mr_gen *gen, struct mr_op_ctx *ctx, struct mr_error *err) {
  const struct mr_gen_conf *conf = gen->conf;
  int rc = mr_gen_names_init(gen, ctx, MR_SHOP_USER_ID, &users, user_cnt(conf), err);
  return rc ? rc : mr_gen_names_init(gen, ctx, MR_SHOP_ITEM_ID, &items, item_cnt(conf), err);
}

extern mr_gen_fill_fn mr_gen_ecommerce_fill_v2, mr_gen_ecommerce_fill_v3, mr_gen_ecommerce_fill_v4;

_Static_assert(sizeof(struct mr_str) == 16 && sizeof(int64_t) == 8, "MR_SHOP_PURCHASE_MAX");

const struct mr_gen_system mr_gen_ecommerce = {
    .name = "ecommerce",
    .knobs = MR_GEN_USERS | MR_GEN_ITEMS,
    .heap_row_max = MR_SHOP_EVENT_MAX + MR_SHOP_PURCHASE_MAX,
    .resolution_us = 1,
    .schema = ecommerce_schema,
    .key_values = user_cnt,
    .streams = ecommerce_streams,
    .init = ecommerce_init,
    .fill = {mr_gen_ecommerce_fill_v2, mr_gen_ecommerce_fill_v3, mr_gen_ecommerce_fill_v4},
};

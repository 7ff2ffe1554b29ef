/* SPDX-License-Identifier: Apache-2.0 */
/* Events of the Nexmark benchmark (Tucker, Tufte, Papadimos and Maier, "NEXMark: a benchmark for
 * queries over data streams", 2002) with the numbers of today's implementations of it: of 50 events
 * one is a person, three are auctions and 46 are bids; sellers, bidders and auctions that are
 * looked at are drawn from those of late, and some of them are hot. Event n is made of n alone, so
 * identifiers count up. Texts are slices of one pool of letters. */
#include <stdio.h>
#include <string.h>

#include "base/bits.h"
#include "base/rng.h"
#include "graph/codes.h"
#include "graph/compile.h"
#include "producer/generate.h"

enum {
  EVENT_TYPE,
  ID, /* of a person or an auction */
  NAME,
  EMAIL,
  CARD,
  CITY,
  STATE,
  ITEM_NAME,
  DESCRIPTION,
  INITIAL_BID,
  RESERVE,
  EXPIRES,
  SELLER,
  CATEGORY,
  AUCTION,
  BIDDER,
  PRICE,
  CHANNEL,
  URL,
  DATE_TIME,
  EXTRA,
  COL_CNT
};
enum { PERSON, AUCTION_MADE, BID, TYPE_CNT };

#define EPOCH       50u /* events after which it is a person's turn again */
#define AUCTIONS    3u  /* of them */
#define FIRST_ID    1000
#define ACTIVE      1000u /* persons of late */
#define IN_FLIGHT   100u  /* auctions of late */
#define LEAD        10u   /* identifiers ahead of those that were made */
#define HOT_EVERY   100u  /* one identifier of so many is hot */
#define CATEGORY_1  10
#define CATEGORIES  5u
#define STEP_US     100 /* between events, where nothing else says it */
#define WORDS       (MR_GEN_BLOCK / 64)
#define LETTERS_SZ  65536u
#define LETTERS_END 1024u /* longer than any slice */

/* Strings in the region, by place in gen->texts. */
enum {
  HOT_CHANNELS = 4,
  CHANNELS = 10000,
  SPARES = 1024,
  AT_CHANNEL = 0, /* the hot ones, then those with a number */
  AT_URL = AT_CHANNEL + HOT_CHANNELS + CHANNELS,
  AT_HOT_URL = AT_URL + CHANNELS,
  AT_EMAIL = AT_HOT_URL + SPARES,
  AT_CARD = AT_EMAIL + SPARES,
  AT_LETTERS = AT_CARD + SPARES,
  TEXT_CNT,
  TEXT_SZ = 96
};

static const char *const types[] = {"person", "auction", "bid"};
static const char *const hot_channels[] = {"Google", "Facebook", "Baidu", "Apple"};
static const char *const cities[] = {"Phoenix",  "Los Angeles", "San Francisco", "Boise",
                                     "Portland", "Bend",        "Redmond",       "Seattle",
                                     "Kent",     "Cheyenne"};
static const char *const states[] = {"AZ", "CA", "ID", "OR", "WA", "WY"};
static const char *const first_names[] = {"Peter", "Paul",  "Luke",  "John",   "Saul",  "Vicky",
                                          "Kate",  "Julie", "Sarah", "Deiter", "Walter"};
static const char *const last_names[] = {"Shultz", "Abrams", "Spencer", "White", "Bartels",
                                         "Walton", "Smith",  "Jones",   "Noris"};
#define COUNT(list) ((uint32_t)(sizeof(list) / sizeof *(list)))
#define NAMES       (COUNT(first_names) * COUNT(last_names))

/* ---- schema ---- */

#define BIT(col) (UINT64_C(1) << (col))
#define ALL      (BIT(EVENT_TYPE) | BIT(DATE_TIME) | BIT(EXTRA))

static const uint64_t fields_of[TYPE_CNT] = {
    [PERSON] = ALL | BIT(ID) | BIT(NAME) | BIT(EMAIL) | BIT(CARD) | BIT(CITY) | BIT(STATE),
    [AUCTION_MADE] = ALL | BIT(ID) | BIT(ITEM_NAME) | BIT(DESCRIPTION) | BIT(INITIAL_BID) |
                     BIT(RESERVE) | BIT(EXPIRES) | BIT(SELLER) | BIT(CATEGORY),
    [BID] = ALL | BIT(AUCTION) | BIT(BIDDER) | BIT(PRICE) | BIT(CHANNEL) | BIT(URL),
};
static const struct mr_kinds kinds = {EVENT_TYPE, fields_of};

static const struct {
  uint32_t col;
  const char *name;
  enum mr_type type;
} columns[] = {
    {ID, "id", MR_TYPE_INT64},
    {EMAIL, "email_address", MR_TYPE_STRING},
    {CARD, "credit_card", MR_TYPE_STRING},
    {ITEM_NAME, "item_name", MR_TYPE_STRING},
    {DESCRIPTION, "description", MR_TYPE_STRING},
    {INITIAL_BID, "initial_bid", MR_TYPE_INT64},
    {RESERVE, "reserve", MR_TYPE_INT64},
    {EXPIRES, "expires", MR_TYPE_TIMESTAMP},
    {SELLER, "seller", MR_TYPE_INT64},
    {CATEGORY, "category", MR_TYPE_INT64},
    {AUCTION, "auction", MR_TYPE_INT64},
    {BIDDER, "bidder", MR_TYPE_INT64},
    {PRICE, "price", MR_TYPE_INT64},
    {CHANNEL, "channel", MR_TYPE_STRING},
    {URL, "url", MR_TYPE_STRING},
    {DATE_TIME, "date_time", MR_TYPE_TIMESTAMP},
    {EXTRA, "extra", MR_TYPE_STRING},
};

static struct mr_schema *nexmark_schema(struct mr_op_plan *p) {
  const struct mr_gen_conf *conf = p->conf;
  if (conf->skew > 0) {
    mr_op_error(p, NULL, MR_CODE_KEYS_CLASH, "nexmark has hot keys of its own, and no skew");
    return NULL;
  }
  struct mr_schema *s = mr_op_schema(p, COL_CNT);
  for (uint32_t i = 0; i < COUNT(columns); i++)
    s->fields[columns[i].col] = (struct mr_field){.name = columns[i].name, .type = columns[i].type};
  const char **names = MR_NEW(p->arena, const char *, NAMES);
  for (uint32_t i = 0; i < NAMES; i++)
    names[i] = mr_arena_printf(p->arena, "%s %s", first_names[i / COUNT(last_names)],
                               last_names[i % COUNT(last_names)]);
  s->fields[EVENT_TYPE] = mr_gen_enum(p, "event_type", types, TYPE_CNT);
  s->fields[NAME] = mr_gen_enum(p, "name", names, NAMES);
  s->fields[CITY] = mr_gen_enum(p, "city", cities, COUNT(cities));
  s->fields[STATE] = mr_gen_enum(p, "state", states, COUNT(states));
  for (uint32_t c = ID; c < DATE_TIME; c++) s->fields[c].optional = true;
  s->event_time = DATE_TIME;
  s->kinds = &kinds;
  return s;
}

static uint32_t one_key(const struct mr_gen_conf *conf) {
  (void)conf;
  return 1;
}

/* Two numbers for what is looked at and paid, and one for texts. */
static uint32_t nexmark_streams(const bool *need) {
  bool numbers = false, texts = need[ITEM_NAME] || need[DESCRIPTION] || need[EXTRA];
  for (uint32_t c = NAME; c < DATE_TIME; c++) numbers |= need[c];
  return (numbers ? 3u : 0u) | (texts ? 4u : 0u);
}

/* ---- constants ---- */

static uint32_t letters_word(uint64_t draw, char *to, uint32_t len) {
  for (uint32_t i = 0; i < len; i++, draw /= 26) to[i] = (char)('a' + draw % 26);
  return len;
}

static uint32_t put_url(uint64_t seed, uint32_t i, bool with_channel, char *to) {
  char dirs[3][6] = {{0}};
  for (uint32_t d = 0; d < 3; d++) letters_word(mr_rng_at(seed, i * 3 + d), dirs[d], 5);
  int len = snprintf(to, TEXT_SZ, "https://www.nexmark.com/%s/%s/%s/item.htm?query=1", dirs[0],
                     dirs[1], dirs[2]);
  if (with_channel)
    len += snprintf(to + len, TEXT_SZ - (size_t)len, "&channel_id=%u",
                    (uint32_t)(mr_rng_at(seed, i) >> 33));
  return (uint32_t)len;
}

static uint32_t put_text(uint64_t seed, uint32_t code, char *to) {
  if (code < HOT_CHANNELS) return (uint32_t)snprintf(to, TEXT_SZ, "%s", hot_channels[code]);
  if (code < AT_URL) return (uint32_t)snprintf(to, TEXT_SZ, "channel-%u", code - HOT_CHANNELS);
  if (code < AT_HOT_URL) return put_url(seed, code, mr_rng_at(~seed, code) % 10 > 0, to);
  if (code < AT_EMAIL) return put_url(seed, code, false, to);
  uint64_t draw = mr_rng_at(seed, code);
  if (code < AT_CARD) {
    uint32_t len = letters_word(draw, to, 7);
    to[len++] = '@';
    len += letters_word(~draw >> 8, to + len, 5);
    memcpy(to + len, ".com", 4);
    return len + 4;
  }
  return (uint32_t)snprintf(to, TEXT_SZ, "%04u %04u %04u %04u", (uint32_t)(draw % 10000),
                            (uint32_t)(draw / 10000 % 10000), (uint32_t)(draw >> 40) % 10000,
                            (uint32_t)(draw >> 50) % 10000);
}

static int nexmark_init(struct mr_gen *gen, struct mr_op_ctx *ctx, struct mr_error *err) {
  uint64_t seed = mr_rng_at(gen->seeds[0], UINT64_MAX), sz = LETTERS_SZ;
  sz += TEXT_CNT * (uint64_t)(sizeof(struct mr_str) + TEXT_SZ);
  uint64_t off = mr_region_alloc(ctx->region_rw, sz, 16, "texts");
  if (!off) return mr_error_set(err, MR_ERR_NOMEM, "no room for texts");
  struct mr_str *texts = mr_region_ptr(ctx->region, off);
  char *at = (char *)(texts + TEXT_CNT);
  for (uint32_t i = 0; i < AT_LETTERS; i++, at += TEXT_SZ)
    texts[i] = mr_str_make(at, put_text(seed, i, at), ctx->region->base);
  for (uint32_t i = 0; i < LETTERS_SZ; i++) {
    uint64_t draw = mr_rng_at(~seed, i);
    at[i] = draw % 13 ? (char)('a' + (draw >> 32) % 26) : ' ';
  }
  texts[AT_LETTERS] = mr_str_make(at, LETTERS_SZ, ctx->region->base);
  gen->texts = texts;
  return MR_OK;
}

/* ---- numbers ---- */

/* Takes a value below m off 32 random bits; what is left of them is as random. */
static uint32_t take(uint32_t *rest, uint32_t m) {
  uint64_t product = (uint64_t)*rest * m;
  *rest = (uint32_t)product;
  return (uint32_t)(product >> 32);
}

/* 100 * 10^(6u), u in [0, 1): by 2^x = 2^whole * 2^part, with a polynomial in plain arithmetic that
 * gives the same bits on every machine. */
static int64_t price_of(uint64_t draw) {
  /* of e^y, y below ln 2; the error is below 1e-10 */
  static const double terms[] = {
      1.0 / 39916800, 1.0 / 3628800, 1.0 / 362880, 1.0 / 40320, 1.0 / 5040, 1.0 / 720,
      1.0 / 120,      1.0 / 24,      1.0 / 6,      1.0 / 2,     1,          1};
  double x = mr_rng_unit(draw) * (6 * 3.321928094887362);
  int64_t whole = (int64_t)x;
  double y = (x - (double)whole) * 0.6931471805599453, sum = 0;
  for (size_t k = 0; k < COUNT(terms); k++) sum = sum * y + terms[k];
  return (int64_t)(sum * (double)(INT64_C(1) << whole) * 100 + 0.5);
}

/* Numbers from 0 on of the last person and the last auction when event n is made. */
static uint64_t last_person(uint64_t n) {
  return n / EPOCH;
}
static uint64_t last_auction(uint64_t n) {
  uint64_t epoch = n / EPOCH, turn = n % EPOCH;
  if (turn == 0) return epoch ? epoch * AUCTIONS - 1 : 0;
  return epoch * AUCTIONS + (turn > AUCTIONS ? AUCTIONS : turn) - 1;
}

static uint64_t some_person(uint64_t last, uint32_t *rest) {
  uint32_t active = last + 1 < ACTIVE ? (uint32_t)last + 1 : ACTIVE;
  return last + 1 - active + take(rest, active + LEAD);
}
static uint64_t some_auction(uint64_t last, uint32_t *rest) {
  uint64_t least = last > IN_FLIGHT ? last - IN_FLIGHT : 0;
  return least + take(rest, (uint32_t)(last - least) + 1 + LEAD);
}

/* ---- filling ---- */

struct nexmark {
  const struct mr_gen *gen;
  const struct mr_gen_block *b;
  uint64_t of[TYPE_CNT][WORDS]; /* rows of each type */
};

#define EACH(s, type, i) MR_BITMAP_EACH((s)->of[type], mr_bitmap_words((s)->b->n), i)
#define AT(s, col, T, i) (((T *)(s)->gen->cols[col])[(s)->b->at + (i)])
#define PUT(s, col, T, i, value)                                                                   \
  do {                                                                                             \
    if ((s)->gen->cols[col]) AT(s, col, T, i) = (value);                                           \
  } while (0)

static uint64_t number_of(const struct mr_gen_block *b, uint32_t i) {
  return b->events ? b->events[b->at + i] : b->first + i;
}

static void put_letters(const struct nexmark *s, uint32_t col, uint32_t i, uint32_t place,
                        uint32_t len) {
  if (!s->gen->cols[col]) return;
  const char *letters = mr_str_data(&s->gen->texts[AT_LETTERS], s->gen->base);
  AT(s, col, struct mr_str, i) = mr_str_make(letters + place, len, s->gen->base);
}

/* What fills an event up to about its size: least to least + more letters. */
static void put_extra(const struct nexmark *s, uint32_t i, uint32_t least, uint32_t more) {
  if (!s->gen->cols[EXTRA]) return;
  uint32_t rest = (uint32_t)s->b->draws[2][i];
  uint32_t place = take(&rest, LETTERS_SZ - LETTERS_END);
  put_letters(s, EXTRA, i, place, least + take(&rest, more + 1));
}

static void fill_persons(const struct nexmark *s) {
  EACH(s, PERSON, i) {
    PUT(s, ID, int64_t, i, (int64_t)last_person(number_of(s->b, (uint32_t)i)) + FIRST_ID);
    put_extra(s, (uint32_t)i, 106, 54);
    if (!(s->gen->streams & 1)) continue;
    uint32_t rest = (uint32_t)s->b->draws[0][i], more = (uint32_t)(s->b->draws[0][i] >> 32);
    uint32_t name = take(&rest, NAMES), city = take(&rest, COUNT(cities));
    uint32_t email = take(&more, SPARES), card = take(&more, SPARES);
    PUT(s, NAME, uint8_t, i, (uint8_t)name);
    PUT(s, CITY, uint8_t, i, (uint8_t)city);
    PUT(s, STATE, uint8_t, i, (uint8_t)take(&rest, COUNT(states)));
    PUT(s, EMAIL, struct mr_str, i, s->gen->texts[AT_EMAIL + email]);
    PUT(s, CARD, struct mr_str, i, s->gen->texts[AT_CARD + card]);
  }
}

/* Microseconds in which so many events come that IN_FLIGHT auctions are among them. */
static double flight_us(const struct mr_gen *gen) {
  const struct mr_gen_conf *conf = gen->conf;
  double step = conf->clock.kind == 1 ? (double)conf->clock.step_us
                : conf->rate_given    ? 1e6 / conf->rate
                                      : STEP_US;
  return step * IN_FLIGHT * EPOCH / AUCTIONS;
}

static void fill_auctions(const struct nexmark *s) {
  double flight = flight_us(s->gen);
  EACH(s, AUCTION_MADE, i) {
    uint64_t n = number_of(s->b, (uint32_t)i), person = last_person(n);
    PUT(s, ID, int64_t, i, (int64_t)last_auction(n) + FIRST_ID);
    put_extra(s, (uint32_t)i, 307, 154);
    if (s->gen->cols[ITEM_NAME] || s->gen->cols[DESCRIPTION]) {
      uint32_t rest = (uint32_t)(s->b->draws[2][i] >> 32);
      uint32_t place = take(&rest, LETTERS_SZ - LETTERS_END);
      put_letters(s, ITEM_NAME, (uint32_t)i, place, 3 + take(&rest, 18));
      put_letters(s, DESCRIPTION, (uint32_t)i, place + 100, 3 + place % 98);
    }
    if (!(s->gen->streams & 1)) continue;
    uint64_t draw = s->b->draws[1][i];
    uint32_t rest = (uint32_t)s->b->draws[0][i], more = (uint32_t)(s->b->draws[0][i] >> 32);
    uint64_t seller = take(&rest, 4) ? person / HOT_EVERY * HOT_EVERY : some_person(person, &rest);
    PUT(s, SELLER, int64_t, i, (int64_t)seller + FIRST_ID);
    uint32_t category = CATEGORY_1 + take(&more, CATEGORIES);
    PUT(s, CATEGORY, int64_t, i, category);
    PUT(s, EXPIRES, int64_t, i, 1 + (int64_t)((double)more * 0x1p-32 * 2 * flight)); /* from then */
    int64_t price = price_of(draw);
    PUT(s, INITIAL_BID, int64_t, i, price);
    PUT(s, RESERVE, int64_t, i, price + price_of(mr_rng_at(draw, 0)));
  }
}

static void fill_bids(const struct nexmark *s) {
  EACH(s, BID, i) {
    uint64_t n = number_of(s->b, (uint32_t)i), person = last_person(n), auction = last_auction(n);
    put_extra(s, (uint32_t)i, 54, 27);
    if (!(s->gen->streams & 1)) continue;
    uint64_t draw = s->b->draws[1][i];
    uint32_t rest = (uint32_t)s->b->draws[0][i], more = (uint32_t)(s->b->draws[0][i] >> 32);
    auction = take(&rest, 2) ? auction / HOT_EVERY * HOT_EVERY : some_auction(auction, &rest);
    person = take(&more, 4) ? person / HOT_EVERY * HOT_EVERY + 1 : some_person(person, &more);
    PUT(s, AUCTION, int64_t, i, (int64_t)auction + FIRST_ID);
    PUT(s, BIDDER, int64_t, i, (int64_t)person + FIRST_ID);
    if (s->gen->cols[PRICE]) AT(s, PRICE, int64_t, i) = price_of(draw);
    if (!s->gen->cols[CHANNEL] && !s->gen->cols[URL]) continue;
    uint32_t pick = (uint32_t)mr_rng_at(draw, 1), channel, url;
    if (take(&pick, 2)) {
      channel = AT_CHANNEL + take(&pick, HOT_CHANNELS);
      url = AT_HOT_URL + take(&pick, SPARES);
    } else {
      uint32_t k = take(&pick, CHANNELS);
      channel = AT_CHANNEL + HOT_CHANNELS + k;
      url = AT_URL + k;
    }
    PUT(s, CHANNEL, struct mr_str, i, s->gen->texts[channel]);
    PUT(s, URL, struct mr_str, i, s->gen->texts[url]);
  }
}

/* Columns of the block to zero, and who has them. */
static void clear_columns(const struct nexmark *s, const struct mr_schema *schema) {
  const struct mr_gen_block *b = s->b;
  uint32_t words = mr_bitmap_words(b->n);
  for (uint32_t c = ID; c < DATE_TIME; c++) {
    if (!s->gen->cols[c]) continue;
    size_t sz = mr_phys_column_sz(mr_field_phys(&schema->fields[c])) / MR_BATCH_ROWS;
    memset((uint8_t *)s->gen->cols[c] + b->at * sz, 0, b->n * sz);
    uint64_t *valid = s->gen->valid[c] + b->at / 64;
    for (uint32_t w = 0; w < words; w++) {
      valid[w] = 0;
      for (uint32_t t = 0; t < TYPE_CNT; t++)
        if (fields_of[t] >> c & 1) valid[w] |= s->of[t][w];
    }
  }
}

static uint32_t nexmark_fill(const struct mr_gen *gen, const struct mr_gen_block *b) {
  struct nexmark s = {.gen = gen, .b = b};
  for (uint32_t i = 0; i < b->n; i++) {
    uint32_t turn = (uint32_t)(number_of(b, i) % EPOCH);
    uint32_t type = turn == 0 ? PERSON : turn <= AUCTIONS ? AUCTION_MADE : BID;
    mr_bit_set(s.of[type], i);
    PUT(&s, EVENT_TYPE, uint8_t, i, (uint8_t)type);
  }
  clear_columns(&s, gen->schema);
  fill_persons(&s);
  fill_auctions(&s);
  fill_bids(&s);
  return 0;
}

/* Auctions expire after their own time. */
static void expire(const struct mr_gen *gen, const int64_t *et, uint32_t n) {
  int64_t *expires = gen->cols[EXPIRES];
  for (uint32_t i = 0; i < n; i++)
    if (mr_bit_get(gen->valid[EXPIRES], i)) expires[i] += et[i];
}

const struct mr_gen_system mr_gen_nexmark = {
    .name = "nexmark",
    .resolution_us = 1,
    .schema = nexmark_schema,
    .key_values = one_key,
    .streams = nexmark_streams,
    .init = nexmark_init,
    .fill = {nexmark_fill, nexmark_fill, nexmark_fill},
    .derive = expire,
    .time_of = EXPIRES,
};

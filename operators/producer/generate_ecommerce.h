/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_PRODUCER_GENERATE_ECOMMERCE_H
#define MR_PRODUCER_GENERATE_ECOMMERCE_H

/* E-commerce events of six types: what the columns are, and from which stream each is drawn. */

#define MR_SHOP_USERS     1000u
#define MR_SHOP_ITEMS     500u
#define MR_SHOP_ITEMS_MIN 5u  /* a purchase has so many different ones at most */
#define MR_SHOP_ORDER_LEN 14u /* order_0123abcd */

/* Bytes of heap that a purchase takes at most: its items, their quantities, its order_id; and those
 * of any event: event_id, session_id. */
#define MR_SHOP_PURCHASE_MAX (5u * 16u + 5u * 8u + 16u)
#define MR_SHOP_EVENT_MAX    (36u + 25u)

/* Types of events, weighted 5 : 6 : 4 : 2 : 2 : 1. */
enum {
  MR_SHOP_LOGIN,
  MR_SHOP_PAGE_VIEW,
  MR_SHOP_ITEM_CLICK,
  MR_SHOP_PURCHASE,
  MR_SHOP_CART_ADD,
  MR_SHOP_SEARCH,
  MR_SHOP_TYPES
};

/* Columns, in an order that keeps each type's own. */
enum {
  MR_SHOP_EVENT_ID,
  MR_SHOP_EVENT_TYPE,
  MR_SHOP_USER_ID,
  MR_SHOP_TIMESTAMP,
  MR_SHOP_DEVICE,
  MR_SHOP_LOCATION,
  MR_SHOP_SESSION_ID,
  MR_SHOP_LOGIN_METHOD,
  MR_SHOP_SUCCESS,
  MR_SHOP_PAGE,
  MR_SHOP_REFERRER,
  MR_SHOP_DURATION,
  MR_SHOP_ITEM_ID,
  MR_SHOP_QUANTITY,
  MR_SHOP_CATEGORY,
  MR_SHOP_POSITION,
  MR_SHOP_PRICE,
  MR_SHOP_ORDER_ID,
  MR_SHOP_ITEM_IDS,
  MR_SHOP_QUANTITIES,
  MR_SHOP_TOTAL,
  MR_SHOP_CURRENCY,
  MR_SHOP_PAYMENT,
  MR_SHOP_QUERY,
  MR_SHOP_RESULTS,
  MR_SHOP_CLICKED,
  MR_SHOP_COLS
};

/* Streams. */
enum {
  MR_SHOP_KEY,     /* user; type, device and location */
  MR_SHOP_ID_LOW,  /* event_id's first eight bytes, */
  MR_SHOP_ID_HIGH, /* and the rest */
  MR_SHOP_SESSION, /* number of the session; order_id or price */
  MR_SHOP_DETAIL,  /* the other fields of the type */
  MR_SHOP_BASKET,  /* items of a purchase */
};

#endif

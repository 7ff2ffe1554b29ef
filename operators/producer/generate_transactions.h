/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_PRODUCER_GENERATE_TRANSACTIONS_H
#define MR_PRODUCER_GENERATE_TRANSACTIONS_H

/* Financial transactions: what the columns are, and from which stream each is drawn. */

#define MR_TX_USERS          100u
#define MR_TX_MERCHANTS      3u
#define MR_TX_JAVA_MERCHANTS 50u
#define MR_TX_LOCATIONS      50u

/* Columns of `transactions`. */
enum {
  MR_TX_ID,
  MR_TX_USER,
  MR_TX_AMOUNT,
  MR_TX_TIME,
  MR_TX_MERCHANT,
  MR_TX_LOCATION,
  MR_TX_METHOD,
  MR_TX_INTERNATIONAL,
  MR_TX_CURRENCY,
  MR_TX_EVENT_TIME, /* hidden */
  MR_TX_COLS
};

/* Columns of `transactions_java`. */
enum {
  MR_JAVA_ID,
  MR_JAVA_USER,
  MR_JAVA_AMOUNT,
  MR_JAVA_TIME,
  MR_JAVA_MERCHANT,
  MR_JAVA_KIND,
  MR_JAVA_LOCATION,
  MR_JAVA_METHOD,
  MR_JAVA_INTERNATIONAL,
  MR_JAVA_CURRENCY,
  MR_JAVA_EVENT_TIME, /* hidden */
  MR_JAVA_COLS
};

/* Streams. */
enum {
  MR_TX_KEY,         /* user and amount; java: merchant, user and all that has few values */
  MR_TX_ID_LOW,      /* the identifier's first eight bytes, */
  MR_TX_ID_HIGH,     /* and the rest */
  MR_TX_PLACE,       /* merchant, location, method, currency, flag */
  MR_TX_AMOUNT_BITS, /* java: the amount */
};

#endif

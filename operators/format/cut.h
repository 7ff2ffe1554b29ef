/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_FORMAT_CUT_H
#define MR_FORMAT_CUT_H

/* Where an input may be cut, so that parts of it can be decoded side by side: behind a row. In JSON
 * lines that is behind any newline, in CSV behind one that is outside of quotes. A row that ends
 * with \r alone is no place to cut. One thread. */

#include <stddef.h>

#include "format/decoder.h"

struct mr_cut {
  enum mr_decode_kind kind;
  char delimiter, quote; /* CSV; quote 0: none */
  /* CSV: what the bytes so far end in */
  bool quoted; /* inside quotes */
  bool closed; /* behind a quote that closes, unless another one follows */
  bool start;  /* where a cell begins */
};

void mr_cut_init(struct mr_cut *cut, enum mr_decode_kind kind, const struct mr_decode_csv *csv);
/* The next bytes begin a row. */
void mr_cut_start(struct mr_cut *cut);
/* The bytes up to the last end of a row among the next len bytes; 0: no row ends there. */
size_t mr_cut_last(struct mr_cut *cut, const char *p, size_t len);
/* The same, up to the first one. */
size_t mr_cut_first(struct mr_cut *cut, const char *p, size_t len);

#endif

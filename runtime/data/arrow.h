/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_DATA_ARROW_H
#define MR_DATA_ARROW_H

/* Hands a view out through the Arrow C Data Interface, as a struct array with one child per column
 * that is there (pruned and hidden ones are left out) and, last, a boolean child "_selected": which
 * rows the view selects. Columns and strings are not copied: they stay in the region, and the
 * view's batch must keep a reference until the array is released. Lists, and the dictionary of an
 * enum column, are copied, because they lie otherwise in Arrow.
 *
 *   bool Bool   int64 Int64   double Float64   timestamp Timestamp(us, UTC)   duration Duration(us)
 *   string Utf8View, whose variadic buffers are the region cut every 2 GiB   one_of
 * Dictionary(uint8, Utf8) list<T> List
 *
 * Not for the hot path: it allocates. */

#include <stdint.h>

#include "base/api.h"
#include "base/error.h"
#include "data/view.h"
#include "shm/region.h"

MR_API_BEGIN

/* The two structs of the interface, by its specification; the guard is its own too. */
#ifndef ARROW_C_DATA_INTERFACE
#define ARROW_C_DATA_INTERFACE

#define ARROW_FLAG_NULLABLE 2

struct ArrowSchema {
  const char *format, *name, *metadata;
  int64_t flags, n_children;
  struct ArrowSchema **children, *dictionary;
  void (*release)(struct ArrowSchema *);
  void *private_data;
};

struct ArrowArray {
  int64_t length, null_count, offset, n_buffers, n_children;
  const void **buffers;
  struct ArrowArray **children, *dictionary;
  void (*release)(struct ArrowArray *);
  void *private_data;
};

#endif

/* Called once, by whoever releases the last part of the array, on that thread. */
typedef void (*mr_arrow_done_fn)(void *ctx);

/* Fills *out with the type of what mr_arrow_export_view gives for a view with these columns. The
 * consumer releases it; it does not depend on the schema's memory. */
void mr_arrow_export_schema(const struct mr_schema *schema, const struct mr_view *view,
                            struct ArrowSchema *out);

/* Fills *out with the view's rows. The consumer releases it, and its children one by one if it
 * moved them. done may be NULL; until it is called the view's batch, columns and selection must
 * stay as they are. */
void mr_arrow_export_view(const struct mr_schema *schema, const struct mr_region *region,
                          const struct mr_view *view, mr_arrow_done_fn done, void *ctx,
                          struct ArrowArray *out);

MR_API_END

#endif

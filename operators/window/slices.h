/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_OPERATORS_WINDOW_SLICES_H
#define MR_OPERATORS_WINDOW_SLICES_H

/* Time cut into slices, so that each row is added once however many windows it is in, and a window
 * is some slices in a row ("Semantics and Evaluation Techniques for Window Aggregates in Data
 * Streams", Li et al. 2005; paired slices, "On-the-fly sharing for streamed aggregation",
 * Krishnamurthy et al. 2006).
 *
 *   tumbling    a slice is a window
 *   hopping     edges where windows begin and where they end: slices of one slide where that
 * divides the size, else of (size mod slide) and the rest of the slide in turns cumulating  slices
 * of one step; the windows of one cycle begin together
 *
 * Windows are named by their end: those of a slice end at first, first + stride, ... last. All
 * times are us. */

#include <stdbool.h>
#include <stdint.h>

#define MR_SLICES_LEAST (INT64_MIN / 4) /* times beyond these count as these: no sum overflows */
#define MR_SLICES_MOST  (INT64_MAX / 4)

struct mr_slices {
  int64_t size_us;   /* of the longest window */
  int64_t stride_us; /* from one window's end to the next */
  int64_t offset_us; /* below size_us */
  int64_t rest_us;   /* hopping: size mod slide */
  bool single;       /* tumbling */
  bool cumulating;
};

struct mr_slice {
  int64_t start_us, end_us;
};

static inline int64_t mr_slices_floor(int64_t us, int64_t unit, int64_t offset) {
  int64_t rem = (us - offset) % unit;
  return us - (rem < 0 ? rem + unit : rem);
}

/* The slice that a time is in. */
static inline struct mr_slice mr_slice_of(const struct mr_slices *s, int64_t us) {
  us = us < MR_SLICES_LEAST ? MR_SLICES_LEAST : us > MR_SLICES_MOST ? MR_SLICES_MOST : us;
  if (s->cumulating) {
    int64_t base = mr_slices_floor(us, s->size_us, s->offset_us);
    int64_t start = mr_slices_floor(us, s->stride_us, base);
    return (struct mr_slice){start, start + s->stride_us};
  }
  int64_t base = mr_slices_floor(us, s->stride_us, s->offset_us);
  if (!s->rest_us) return (struct mr_slice){base, base + s->stride_us};
  int64_t edge = base + s->rest_us;
  if (us < edge) return (struct mr_slice){base, edge};
  return (struct mr_slice){edge, base + s->stride_us};
}

/* Ends of the first and the last window that a slice is in, by its start. */
static inline int64_t mr_slices_first_end(const struct mr_slices *s, int64_t start_us) {
  if (s->cumulating) return start_us + s->stride_us;
  /* the first edge of an end that is behind the start */
  return mr_slices_floor(start_us, s->stride_us, s->offset_us + s->rest_us) + s->stride_us;
}
static inline int64_t mr_slices_last_end(const struct mr_slices *s, int64_t start_us) {
  if (s->single) return start_us + s->size_us;
  int64_t unit = s->cumulating ? s->size_us : s->stride_us;
  return mr_slices_floor(start_us, unit, s->offset_us) + s->size_us;
}
/* The start of the window that ends there. */
static inline int64_t mr_slices_start(const struct mr_slices *s, int64_t end_us) {
  if (s->cumulating) return mr_slices_floor(end_us - 1, s->size_us, s->offset_us);
  return end_us - s->size_us;
}
/* The first end behind after_us of the windows that end at from_us, from_us + stride, ... */
static inline int64_t mr_slices_end_after(const struct mr_slices *s, int64_t from_us,
                                          int64_t after_us) {
  if (after_us < from_us) return from_us;
  return from_us + ((after_us - from_us) / s->stride_us + 1) * s->stride_us;
}

#endif

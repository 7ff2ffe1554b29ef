/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_BASE_ARENA_H
#define MR_BASE_ARENA_H

/* Control-plane memory that is freed all at once: a graph's tree, plan and compiled expressions.
 * Not for the hot path. One thread at a time. */

#include <stddef.h>

#include "base/api.h"

MR_API_BEGIN

struct mr_arena_chunk;
struct mr_arena_deferred;
struct mr_arena {
  struct mr_arena_chunk *head;
  struct mr_arena_deferred *deferred; /* newest first */
  size_t used_bytes;                  /* handed out so far */
};

/* A zeroed struct mr_arena is an empty arena. */
/* Zeroed memory aligned to 16 bytes; aborts when the machine has none left (control plane only). */
void *mr_arena_alloc(struct mr_arena *arena, size_t sz);
/* NUL-terminated copy of len bytes. */
char *mr_arena_strndup(struct mr_arena *arena, const char *text, size_t len);
char *mr_arena_strdup(struct mr_arena *arena, const char *text);
char *mr_arena_printf(struct mr_arena *arena, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* Has fn(arg) called by mr_arena_free, newest first: for what a library allocates by itself. */
void mr_arena_defer(struct mr_arena *arena, void (*fn)(void *arg), void *arg);
/* Frees everything; the arena is empty again. */
void mr_arena_free(struct mr_arena *arena);

/* n elements of type T: MR_NEW(arena, struct x, 3) */
#define MR_NEW(arena, T, n) ((T *)mr_arena_alloc((arena), sizeof(T) * (size_t)(n)))

MR_API_END

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

#define CHUNK_SZ 16384u
#define ALIGN    16u

struct mr_arena_deferred {
  void (*fn)(void *arg);
  void *arg;
  struct mr_arena_deferred *next;
};

struct mr_arena_chunk {
  struct mr_arena_chunk *next;
  size_t used, sz; /* bytes of data[] */
  _Alignas(ALIGN) unsigned char data[];
};

void *mr_arena_alloc(struct mr_arena *arena, size_t sz) {
  MR_ASSERT(sz <= SIZE_MAX / 2);
  sz = sz ? (sz + ALIGN - 1) & ~(size_t)(ALIGN - 1) : ALIGN;
  struct mr_arena_chunk *chunk = arena->head;
  if (!chunk || chunk->sz - chunk->used < sz) {
    size_t room = sz > CHUNK_SZ / 4 ? sz : CHUNK_SZ;
    struct mr_arena_chunk *fresh = calloc(1, sizeof *fresh + room);
    MR_ASSERT(fresh && "out of memory");
    fresh->sz = room;
    if (chunk && room == sz) { /* a big one of its own stands behind the chunk in use */
      fresh->next = chunk->next;
      chunk->next = fresh;
    } else {
      fresh->next = chunk;
      arena->head = fresh;
    }
    chunk = fresh;
  }
  void *p = chunk->data + chunk->used;
  chunk->used += sz;
  arena->used_bytes += sz;
  return p;
}

char *mr_arena_strndup(struct mr_arena *arena, const char *text, size_t len) {
  char *copy = mr_arena_alloc(arena, len + 1);
  if (len) memcpy(copy, text, len);
  return copy;
}

char *mr_arena_strdup(struct mr_arena *arena, const char *text) {
  return mr_arena_strndup(arena, text, strlen(text));
}

char *mr_arena_printf(struct mr_arena *arena, const char *fmt, ...) {
  va_list args, again;
  va_start(args, fmt);
  va_copy(again, args);
  int len = vsnprintf(NULL, 0, fmt, args);
  va_end(args);
  MR_ASSERT(len >= 0);
  char *text = mr_arena_alloc(arena, (size_t)len + 1);
  (void)vsnprintf(text, (size_t)len + 1, fmt, again);
  va_end(again);
  return text;
}

void mr_arena_defer(struct mr_arena *arena, void (*fn)(void *arg), void *arg) {
  struct mr_arena_deferred *d = MR_NEW(arena, struct mr_arena_deferred, 1);
  *d = (struct mr_arena_deferred){fn, arg, arena->deferred};
  arena->deferred = d;
}

void mr_arena_free(struct mr_arena *arena) {
  for (struct mr_arena_deferred *d = arena->deferred; d; d = d->next) d->fn(d->arg);
  struct mr_arena_chunk *chunk = arena->head;
  while (chunk) {
    struct mr_arena_chunk *next = chunk->next;
    free(chunk);
    chunk = next;
  }
  *arena = (struct mr_arena){0};
}

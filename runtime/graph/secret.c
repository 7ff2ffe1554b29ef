/* SPDX-License-Identifier: Apache-2.0 */
#include "graph/secret.h"

#include <string.h>

#include "base/arena.h"

#define STARS     "***"
#define STARS_LEN 3u

_Static_assert(MR_SECRET_LEN_MIN >= STARS_LEN, "a text never grows");

/* Longest first: a secret that is part of another one does not leave the rest of that. */
static void add(struct mr_secrets *secrets, const char *text, size_t len) {
  if (len < MR_SECRET_LEN_MIN) return;
  if (secrets->cnt == secrets->cap) {
    uint32_t cap = secrets->cap ? secrets->cap * 2 : 8;
    const char **texts = MR_NEW(secrets->arena, const char *, cap);
    if (secrets->cnt) memcpy(texts, secrets->texts, secrets->cnt * sizeof *texts);
    secrets->texts = texts;
    secrets->cap = cap;
  }
  uint32_t at = secrets->cnt++;
  for (; at && strlen(secrets->texts[at - 1]) < len; at--)
    secrets->texts[at] = secrets->texts[at - 1];
  secrets->texts[at] = mr_arena_strndup(secrets->arena, text, len);
}

void mr_secrets_add(struct mr_secrets *secrets, const char *text, size_t len) {
  add(secrets, text, len);
  if (!memchr(text, '\n', len)) return;
  const char *end = text + len;
  while (text < end) {
    const char *stop = memchr(text, '\n', (size_t)(end - text));
    if (!stop) stop = end;
    add(secrets, text, (size_t)(stop - text));
    text = stop + 1;
  }
}

char *mr_secrets_scrub(const struct mr_secrets *secrets, char *text) {
  for (uint32_t i = 0; secrets && i < secrets->cnt; i++) {
    size_t len = strlen(secrets->texts[i]);
    for (char *at = text; (at = strstr(at, secrets->texts[i])); at += STARS_LEN) {
      memcpy(at, STARS, STARS_LEN);
      memmove(at + STARS_LEN, at + len, strlen(at + len) + 1);
    }
  }
  return text;
}

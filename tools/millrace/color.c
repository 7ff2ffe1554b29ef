/* SPDX-License-Identifier: Apache-2.0 */
#include "color.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static enum { AUTO, ALWAYS, NEVER } choice; /* of the process's command line */

static bool set_choice(const char *value) {
  static const char *const words[] = {"auto", "always", "never"};
  for (int i = 0; i < 3; i++)
    if (value && !strcmp(value, words[i])) {
      choice = i;
      return true;
    }
  fprintf(stderr, "millrace: --color is auto, always or never, not \"%s\"\n", value ? value : "");
  return false;
}

bool mr_color_take(int *argc, char **argv) {
  int out = 0;
  bool good = true;
  for (int i = 0; i < *argc; i++) {
    if (i && !strcmp(argv[i], "--color"))
      good &= set_choice(i + 1 < *argc ? argv[++i] : NULL);
    else if (i && !strncmp(argv[i], "--color=", 8))
      good &= set_choice(argv[i] + 8);
    else
      argv[out++] = argv[i];
  }
  argv[out] = NULL;
  *argc = out;
  return good;
}

bool mr_color_on(int fd) {
  const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
  if (choice != AUTO) return choice == ALWAYS;
  return !(no && no[0]) && !(term && !strcmp(term, "dumb")) && isatty(fd);
}

/* "file:1:2: error[MR1002]: text": the word in its colour, the text bold. */
static bool print_head(const char *line, size_t len) {
  static const char *const words[] = {": error[", ": warning["};
  for (int i = 0; i < 2; i++) {
    const char *at = memmem(line, len, words[i], strlen(words[i]));
    const char *end = at ? memchr(at, ']', len - (size_t)(at - line)) : NULL;
    if (!end) continue;
    at += 2;
    end++;
    fprintf(stderr, "%.*s%s%.*s" MR_COLOR_OFF MR_COLOR_BOLD "%.*s" MR_COLOR_OFF "\n",
            (int)(at - line), line, i ? MR_COLOR_YELLOW : MR_COLOR_RED, (int)(end - at), at,
            (int)(len - (size_t)(end - line)), end);
    return true;
  }
  return false;
}

/* "   |   ^^^^ did you mean": from the carets on. */
static bool print_carets(const char *line, size_t len) {
  size_t at = strspn(line, " |");
  if (at >= len || line[at] != '^') return false;
  fprintf(stderr, "%.*s" MR_COLOR_RED "%.*s" MR_COLOR_OFF "\n", (int)at, line, (int)(len - at),
          line + at);
  return true;
}

void mr_color_diags(const char *text) {
  if (!mr_color_on(STDERR_FILENO)) {
    fputs(text, stderr);
    return;
  }
  while (*text) {
    size_t len = strcspn(text, "\n");
    if (!print_head(text, len) && !print_carets(text, len))
      fprintf(stderr, "%.*s\n", (int)len, text);
    text += len + (text[len] == '\n');
  }
}

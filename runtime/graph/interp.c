/* SPDX-License-Identifier: Apache-2.0 */
#include "graph/interp.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/text.h"
#include "graph/diag.h"
#include "graph/opt.h"
#include "graph/secret.h"
#include "graph/tree.h"

/* One scalar while its references are replaced. */
struct work {
  struct mr_interp *interp;
  struct mr_arena *arena;
  struct mr_diags *diags;
  struct mr_tree *node;
  char *text; /* what has been made, and where each byte comes from */
  uint32_t *off;
  size_t len, cap;
  bool failed;
};

static void put(struct work *w, const char *s, size_t len, size_t from, bool is_literal) {
  if (w->failed) return;
  bool was_full = w->interp->total_bytes > MR_INTERP_TOTAL_MAX; /* reported already */
  w->interp->total_bytes += len;
  if (was_full) {
    w->failed = true;
    return;
  }
  if (w->interp->total_bytes > MR_INTERP_TOTAL_MAX) {
    mr_diag_error(w->diags, MR_CODE_TEXT_TOO_LONG, mr_tree_span(w->node),
                  "the file has more than %u MiB of text once its variables are replaced",
                  (unsigned)(MR_INTERP_TOTAL_MAX >> 20));
    w->failed = true;
    return;
  }
  if (w->len + len > w->cap) {
    size_t cap = (w->cap + len) * 2;
    char *text = mr_arena_alloc(w->arena, cap);
    uint32_t *off = MR_NEW(w->arena, uint32_t, cap);
    if (w->len) {
      memcpy(text, w->text, w->len);
      memcpy(off, w->off, w->len * sizeof *off);
    }
    w->text = text;
    w->off = off;
    w->cap = cap;
  }
  for (size_t i = 0; i < len; i++) {
    w->text[w->len] = s[i];
    w->off[w->len++] = w->node->off[from + (is_literal ? i : 0)];
  }
}

static struct mr_diag *error(struct work *w, int code, size_t from, size_t to, const char *message,
                             const char *name) {
  w->failed = true;
  return mr_diag_error(w->diags, code, mr_tree_span_at(w->arena, w->node, from, to - from), message,
                       name);
}

/* The value of a name, or NULL. */
static const char *value_of(struct work *w, const char *name) {
  const char *value = NULL;
  if (w->interp->lookup) value = w->interp->lookup(w->interp->ctx, name);
  if (!value && !w->interp->no_env) value = getenv(name);
  return value;
}

static size_t name_len(const char *s, size_t len) {
  size_t n = 0;
  while (n < len && ((s[n] >= 'a' && s[n] <= 'z') || (s[n] >= 'A' && s[n] <= 'Z') || s[n] == '_' ||
                     (n && s[n] >= '0' && s[n] <= '9')))
    n++;
  return n;
}

/* The file of a secret, or NULL with an error. */
static const char *secret_path(struct work *w, const char *kind, const char *where, size_t from,
                               size_t to) {
  if (!where[0]) {
    error(w, MR_CODE_BAD_VARIABLE, from, to, "${%s:...} names nothing", kind);
    return NULL;
  }
  if (strcmp(kind, "file") == 0) return where;
  const char *dir = getenv("CREDENTIALS_DIRECTORY");
  if (strchr(where, '/') || where[0] == '.') {
    error(w, MR_CODE_BAD_VARIABLE, from, to, "\"%s\" is no name of a credential", where);
  } else if (!dir || !dir[0]) {
    struct mr_diag *d =
        error(w, MR_CODE_CANNOT_READ_SECRET, from, to, "%s", "no credential is there");
    mr_diag_label(d, "CREDENTIALS_DIRECTORY is not set: systemd sets it for LoadCredential=");
  } else {
    return mr_arena_printf(w->arena, "%s/%s", dir, where);
  }
  return NULL;
}

/* Reads a secret; NULL with an error. Devices and pipes are no files of secrets. */
static char *read_secret(struct work *w, const char *path, size_t from, size_t to, size_t *len) {
  char *text = mr_arena_alloc(w->arena, MR_INTERP_SECRET_MAX + 2);
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  struct stat st;
  ssize_t n = -1;
  *len = 0;
  if (fd >= 0 && !fstat(fd, &st) && !S_ISREG(st.st_mode)) errno = EINVAL;
  if (fd >= 0 && S_ISREG(st.st_mode))
    while (*len <= MR_INTERP_SECRET_MAX &&
           (n = read(fd, text + *len, MR_INTERP_SECRET_MAX + 1 - *len)) > 0)
      *len += (size_t)n;
  const char *why = n < 0                         ? strerror(errno)
                    : *len > MR_INTERP_SECRET_MAX ? "larger than 64 KiB"
                                                  : NULL;
  if (fd >= 0) close(fd);
  if (!why && (!mr_utf8_valid(text, *len) || memchr(text, 0, *len))) why = "not text in UTF-8";
  if (!why) return text;
  struct mr_diag *d =
      error(w, MR_CODE_CANNOT_READ_SECRET, from, to, "the secret in %s cannot be read", path);
  mr_diag_label(d, "%s", why);
  return NULL;
}

static void replace_secret(struct work *w, const char *kind, const char *where, size_t from,
                           size_t to) {
  w->node->is_secret = true;
  if (w->interp->no_env) {
    w->node->is_opaque = true;
    return;
  }
  size_t len;
  const char *path = secret_path(w, kind, where, from, to);
  const char *text = path ? read_secret(w, path, from, to, &len) : NULL;
  if (!text) return;
  if (len && text[len - 1] == '\n') len--;
  if (len && text[len - 1] == '\r') len--;
  if (w->interp->secrets) mr_secrets_add(w->interp->secrets, text, len);
  put(w, text, len, from, false);
}

/* What stands between "${" at `from` and its "}" at `end`. */
static void replace(struct work *w, size_t from, size_t end) {
  const char *body = w->node->text + from + 2;
  size_t len = end - from - 2, n = name_len(body, len), to = end + 1;
  const char *name = mr_arena_strndup(w->arena, body, n);
  const char *rest = body + n;
  size_t rest_len = len - n;
  if (rest_len && rest[0] == ':' && n && (strcmp(name, "file") == 0 || strcmp(name, "cred") == 0) &&
      (rest_len == 1 || (rest[1] != '-' && rest[1] != '?'))) {
    replace_secret(w, name, mr_arena_strndup(w->arena, rest + 1, rest_len - 1), from, to);
    return;
  }
  bool has_default = rest_len >= 2 && memcmp(rest, ":-", 2) == 0;
  bool has_message = rest_len >= 2 && memcmp(rest, ":?", 2) == 0;
  if (n == 0 || (rest_len && !has_default && !has_message)) {
    struct mr_diag *d =
        error(w, MR_CODE_BAD_VARIABLE, from, to, "this is no variable reference%s", "");
    mr_diag_label(d,
                  "${NAME}, ${NAME:-default}, ${NAME:?message}, ${file:PATH} or ${cred:NAME}; $$ "
                  "for a plain $");
    return;
  }
  const char *value = value_of(w, name);
  bool is_absent = !value || ((has_default || has_message) && value[0] == '\0');
  if (!is_absent) {
    if (mr_utf8_valid(value, strlen(value))) {
      put(w, value, strlen(value), from, false);
    } else {
      error(w, MR_CODE_BAD_UTF8, from, to, "the value of %s is not valid UTF-8", name);
    }
  } else if (has_default) {
    put(w, rest + 2, rest_len - 2, from, false);
  } else if (w->interp->no_env) {
    w->node->is_opaque = true;
  } else if (has_message) {
    const char *message = mr_arena_strndup(w->arena, rest + 2, rest_len - 2);
    struct mr_diag *d = error(w, MR_CODE_UNSET_VARIABLE, from, to, "%s",
                              message[0] ? message : "a variable is not set");
    mr_diag_label(d, "%s is %s", name, value ? "empty" : "not set");
  } else {
    struct mr_diag *d =
        error(w, MR_CODE_UNSET_VARIABLE, from, to, "the environment variable %s is not set", name);
    mr_diag_try(d, "${%s:-default}", name);
  }
}

static void apply_scalar(struct work *w) {
  struct mr_tree *node = w->node;
  if (node->is_interpolated) return;
  node->is_interpolated = true;
  if (!memchr(node->text, '$', node->len)) return;
  mr_tree_span_at(w->arena, node, 0, 0); /* makes node->off */
  size_t i = 0, len = node->len;
  while (i < len) {
    const char *dollar = memchr(node->text + i, '$', len - i);
    size_t at = dollar ? (size_t)(dollar - node->text) : len;
    put(w, node->text + i, at - i, i, true);
    i = at;
    if (at + 1 < len && node->text[at + 1] == '{') {
      const char *end = memchr(node->text + at, '}', len - at);
      if (!end) {
        error(w, MR_CODE_BAD_VARIABLE, at, len, "this ${ has no }%s", "");
        return;
      }
      i = (size_t)(end - node->text);
      replace(w, at, i);
      i++;
    } else if (at < len) {
      bool twice = at + 1 < len && node->text[at + 1] == '$';
      put(w, "$", 1, at, true);
      i += twice ? 2 : 1;
    }
  }
  if (w->failed) {
    node->is_opaque = true; /* reported once; its option is not checked */
    return;
  }
  uint32_t *off = MR_NEW(w->arena, uint32_t, w->len + 1);
  if (w->len) memcpy(off, w->off, w->len * sizeof *off);
  off[w->len] = node->off[len];
  node->text = mr_arena_strndup(w->arena, w->len ? w->text : "", w->len);
  node->len = (uint32_t)w->len;
  node->off = off;
}

void mr_interp_apply(struct mr_interp *interp, struct mr_arena *arena, struct mr_tree *tree,
                     struct mr_diags *diags) {
  if (!tree) return;
  if (tree->kind == MR_TREE_SCALAR) {
    struct work w = {.interp = interp, .arena = arena, .diags = diags, .node = tree};
    apply_scalar(&w);
  }
  for (uint32_t i = 0; i < tree->cnt; i++) mr_interp_apply(interp, arena, tree->items[i], diags);
}

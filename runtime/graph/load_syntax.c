/* SPDX-License-Identifier: Apache-2.0 */
/* What libyaml could not parse, said in the words of someone who writes graph files. */
#include <string.h>

#include "graph/diag.h"
#include "graph/load_private.h"

#define HINT_MAX 60u /* bytes of a file's text that a hint repeats */

static bool has(const char *text, const char *part) {
  return text && strstr(text, part);
}

static bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

static uint32_t line_begin(const struct mr_source *src, uint32_t off) {
  while (off > 0 && src->text[off - 1] != '\n') off--;
  return off;
}

static struct mr_span one(const struct mr_source *src, uint32_t off) {
  return mr_span_make(src, off, off < src->len ? 1 : 0);
}

/* A tab where indentation is: in front of the first text of the line, or where libyaml stopped. */
static bool tab_error(const struct mr_source *src, const struct mr_load_problem *p,
                      struct mr_diags *diags) {
  if (p->in_flow) return false;
  uint32_t at = line_begin(src, p->at);
  while (at < src->len && src->text[at] == ' ') at++;
  if (src->text[at] != '\t' && src->text[p->at] == '\t') at = p->at;
  if (src->text[at] != '\t' || at > p->at) return false;
  uint32_t len = 1;
  while (src->text[at + len] == '\t') len++;
  struct mr_diag *d =
      mr_diag_error(diags, MR_CODE_TAB, mr_span_make(src, at, len), "a tab is used as indentation");
  mr_diag_label(d, "indent with spaces, two per level");
  return true;
}

/* `get: /api/{city}` inside braces: an unquoted value ends at a brace or bracket. */
static bool brace_error(const struct mr_source *src, const struct mr_load_problem *p,
                        struct mr_diags *diags) {
  const char *text = src->text;
  char c = text[p->at];
  if (!p->in_flow || (c != '{' && c != '[') || !has(p->problem, "did not find expected ','"))
    return false;
  if (p->at == 0 || strchr(" \t\n,[]{}:", text[p->at - 1])) return false;

  uint32_t from = p->at, to = p->at, open = 0;
  while (from > 0 && !strchr("\n,[]{}\"'", text[from - 1]) &&
         !(is_blank(text[from - 1]) && from > 1 && strchr(":,", text[from - 2])))
    from--;
  while (from < p->at && is_blank(text[from])) from++;
  for (; to < src->len && text[to] != '\n'; to++) {
    if (!open && strchr(",]}", text[to])) break;
    open += strchr("[{", text[to]) ? 1u : 0u;
    open -= open && strchr("]}", text[to]) ? 1u : 0u;
  }
  while (to > p->at && is_blank(text[to - 1])) to--;
  struct mr_diag *d =
      mr_diag_error(diags, MR_CODE_UNQUOTED_BRACE, one(src, p->at),
                    "an unquoted \"%c\" inside a value that stands in braces or brackets", c);
  if (to - from <= HINT_MAX) {
    mr_diag_try(d, "\"%.*s\"", (int)(to - from), text + from);
  } else {
    mr_diag_label(d, "quote the whole value");
  }
  return true;
}

struct saying {
  const char *problem; /* part of libyaml's text */
  const char *message;
  const char *label; /* or NULL */
  bool at_context;   /* point to where the thing began */
};

static const struct saying sayings[] = {
    {"mapping values are not allowed",
     "a \":\" followed by a blank stands inside an unquoted value",
     "quote the value, or begin a new line if a key was meant", false},
    {"found unexpected end of stream", "the quoted text that begins here has no end", NULL, true},
    {"found unexpected document indicator", "the quoted text that begins here has no end", NULL,
     true},
    {"could not find expected ':'", "a key without \":\"", "write \"key: value\"", true},
    {"did not find expected ',' or '}'", "a \",\" or \"}\" is missing before this", NULL, false},
    {"did not find expected ',' or ']'", "a \",\" or \"]\" is missing before this", NULL, false},
    {"did not find expected alphabetic or numeric", "an anchor (&) or alias (*) without a name",
     "quote the value if it is text", true},
    {"block sequence entries are not allowed", "a list item (\"- \") cannot begin here",
     "begin it on its own line", false},
    {"mapping keys are not allowed", "a key (\"? \") cannot begin here", NULL, false},
    {"found undefined tag handle", "tags (!) are not allowed", NULL, false},
    {"found incompatible YAML document", "only YAML 1.1 and 1.2 are known", NULL, false},
    {"found unknown escape character", "this escape is not known in double quotes",
     "write \\\\ for a backslash, or use single quotes", false},
    {"did not find expected hexdecimal number", "an escape needs hexadecimal digits here", NULL,
     false},
    {"did not find expected <document start>", "text behind the end of the document", NULL, false},
    {"did not find expected node content", "a key or value is missing before this", NULL, false},
    {"exceeded maximum simple key", "this key is too long", NULL, false},
};

/* An ordinary character at a place where YAML cannot have it. */
static struct mr_diag *token_error(const struct mr_source *src, const struct mr_load_problem *p,
                                   struct mr_diags *diags) {
  uint32_t begin = line_begin(src, p->at), first = begin;
  while (first < p->at && is_blank(src->text[first])) first++;
  if (has(p->problem, "control characters are not allowed"))
    return mr_diag_error(diags, MR_CODE_SYNTAX, one(src, p->at),
                         "a control character (0x%02x) is not allowed here",
                         (uint8_t)src->text[p->at]);
  if (has(p->problem, "found character that cannot start any token")) {
    struct mr_diag *d =
        mr_diag_error(diags, MR_CODE_SYNTAX, one(src, p->at),
                      "a value cannot begin with \"%c\" unless it is quoted", src->text[p->at]);
    return mr_diag_label(d, "quote the value");
  }
  if (has(p->problem, "mapping values are not allowed")) {
    for (uint32_t i = first; i < p->at; i++)
      if (src->text[i] == ':' && is_blank(src->text[i + 1])) return NULL;
    if (first == begin) return NULL;
    struct mr_diag *d =
        mr_diag_error(diags, MR_CODE_SYNTAX, mr_span_make(src, first, p->at + 1 - first),
                      "a key is indented deeper than the keys above it");
    return mr_diag_label(d, "the line above has a value already, so this would continue it");
  }
  if (has(p->problem, "did not find expected key") ||
      has(p->problem, "did not find expected '-' indicator")) {
    if (src->text[p->at] == ':')
      return mr_diag_error(diags, MR_CODE_SYNTAX, one(src, p->at), "a \":\" without a key");
    if (first == p->at) {
      struct mr_diag *d = mr_diag_error(diags, MR_CODE_SYNTAX, one(src, p->at),
                                        "the indentation of this line fits nothing above it");
      return mr_diag_label(d, "keys of one map, and items of one list, begin in one column");
    }
    struct mr_diag *d = mr_diag_error(diags, MR_CODE_SYNTAX, one(src, p->at),
                                      "unexpected text behind a complete value");
    return mr_diag_label(d, "quote the whole value if this belongs to it");
  }
  return NULL;
}

void mr_load_syntax_error(const struct mr_source *src, const struct mr_load_problem *p,
                          struct mr_diags *diags) {
  if (tab_error(src, p, diags) || brace_error(src, p, diags) || token_error(src, p, diags)) return;
  for (size_t i = 0; i < sizeof sayings / sizeof *sayings; i++) {
    const struct saying *s = &sayings[i];
    if (!has(p->problem, s->problem)) continue;
    uint32_t at = s->at_context && p->has_context ? p->context_at : p->at;
    struct mr_diag *d = mr_diag_error(diags, MR_CODE_SYNTAX, one(src, at), "%s", s->message);
    if (s->label) mr_diag_label(d, "%s", s->label);
    return;
  }
  struct mr_diag *d = mr_diag_error(diags, MR_CODE_SYNTAX, one(src, p->at), "not valid YAML: %s",
                                    p->problem ? p->problem : "no memory to parse it");
  if (p->has_context && p->context_at != p->at)
    mr_diag_note(d, one(src, p->context_at), "%s", p->context ? p->context : "it begins here");
}

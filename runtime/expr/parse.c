/* SPDX-License-Identifier: Apache-2.0 */
#include <pg_query.h>
#include <pg_query/pg_query.pb-c.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/text.h"
#include "expr/ast_private.h"

void mr_expr_errors_init(struct mr_expr_errors *errors, struct mr_arena *arena) {
  memset(errors, 0, sizeof *errors);
  errors->arena = arena;
}

struct mr_expr_error *expr_error(struct mr_expr_errors *errors, int code, uint32_t off,
                                 uint32_t len, const char *fmt, ...) {
  char buf[512];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(buf, sizeof buf, fmt, ap);
  va_end(ap);
  for (size_t end = strlen(buf); end && !mr_utf8_valid(buf, end);)
    buf[--end] = 0; /* a cut character */
  struct mr_expr_error *e = MR_NEW(errors->arena, struct mr_expr_error, 1);
  e->code = code;
  e->off = off;
  e->len = len;
  e->text = mr_arena_strdup(errors->arena, buf);
  if (errors->last)
    errors->last->next = e;
  else
    errors->first = e;
  errors->last = e;
  errors->cnt++;
  return e;
}

const char *expr_snippet(struct mr_arena *arena, const char *text, uint32_t off, uint32_t len,
                         uint32_t max) {
  if (len <= max) return mr_arena_strndup(arena, text + off, len);
  while (max && ((unsigned char)text[off + max] & 0xc0) == 0x80) max--; /* not inside a character */
  return mr_arena_printf(arena, "%.*s...", (int)max, text + off);
}

static const char *noun(const struct ast_source *src) {
  return src->is_query ? "query" : "expression";
}

/* ---- tokens ---- */

/* Byte of character number cnt of the text. */
static uint32_t byte_of_char(const char *text, uint32_t len, uint32_t cnt) {
  uint32_t off = 0;
  while (off < len && cnt) {
    do off++;
    while (off < len && ((unsigned char)text[off] & 0xc0) == 0x80);
    cnt--;
  }
  return off;
}

uint32_t ast_byte(const struct ast_source *src, uint32_t seen) {
  uint32_t off = seen;
  for (uint32_t i = 0; i < src->insert_cnt && src->inserts[i] < off; i++)
    off -= off - src->inserts[i] < AST_ALIAS_LEN ? off - src->inserts[i] : AST_ALIAS_LEN;
  return off;
}

/* The grammar counts characters, from 1, with the wrap. */
uint32_t ast_error_byte(const struct ast_source *src, const char *seen, int cursor) {
  if (cursor <= (int)src->wrap_len) return cursor <= 0 ? src->text_len : 0;
  uint32_t off = byte_of_char(seen, (uint32_t)strlen(seen), (uint32_t)cursor - 1);
  return ast_byte(src, off - src->wrap_len);
}

bool ast_scan(struct ast_source *src, const char *wrapped) {
  PgQueryScanResult scan = pg_query_scan(wrapped);
  if (scan.error) {
    uint32_t off = ast_error_byte(src, wrapped, scan.error->cursorpos);
    const char *msg = scan.error->message, *near = strstr(msg, " at or near");
    expr_error(src->errors, MR_EXPR_SYNTAX, off, off < src->text_len ? src->text_len - off : 0,
               "%.*s", near ? (int)(near - msg) : (int)strlen(msg), msg);
    pg_query_free_scan_result(scan);
    return false;
  }
  PgQuery__ScanResult *r =
      pg_query__scan_result__unpack(NULL, scan.pbuf.len, (const uint8_t *)scan.pbuf.data);
  size_t n = r ? r->n_tokens : 0;
  struct ast_token *tokens = MR_NEW(src->arena, struct ast_token, n + 1);
  uint32_t cnt = 0;
  for (size_t i = 0; i < n; i++) {
    const PgQuery__ScanToken *t = r->tokens[i];
    if (t->token == PG_QUERY__TOKEN__SQL_COMMENT || t->token == PG_QUERY__TOKEN__C_COMMENT)
      continue;
    if (t->start < (int)src->wrap_len) continue; /* SELECT */
    tokens[cnt++] =
        (struct ast_token){(uint32_t)t->start - src->wrap_len, (uint32_t)t->end - src->wrap_len,
                           (int32_t)t->token, (int32_t)t->keyword_kind};
  }
  if (r) pg_query__scan_result__free_unpacked(r, NULL);
  pg_query_free_scan_result(scan);
  src->tokens = tokens;
  src->token_cnt = cnt;
  if (n > MR_EXPR_TOKENS_MAX) {
    const struct ast_token *t = &tokens[cnt - 1];
    expr_error(src->errors, MR_EXPR_TOO_LARGE, t->off, t->end - t->off,
               "the %s has %zu tokens, more than %u", noun(src), n, MR_EXPR_TOKENS_MAX);
    return false;
  }
  return true;
}

/* An upper bound of the tree's depth from the tokens alone, before the grammar's recursive code
 * sees it: brackets nest, operators of one segment nest at worst, and AND, OR, commas and the words
 * of CASE start a new segment. Returns the token at which it passes max, or token_cnt. */
static uint32_t find_too_deep(const struct ast_source *src, uint32_t max) {
  struct level {
    uint32_t ops, inner, best;
  } *levels = MR_NEW(src->arena, struct level, max + 2);
  uint32_t top = 0;
  for (uint32_t i = 0; i < src->token_cnt; i++) {
    struct level *l = &levels[top];
    bool close = false;
    switch (src->tokens[i].token) {
    case PG_QUERY__TOKEN__ASCII_40:
    case PG_QUERY__TOKEN__ASCII_91:
    case PG_QUERY__TOKEN__CASE:
      if (src->tokens[i].token == PG_QUERY__TOKEN__ASCII_91)
        l->ops++; /* x[1][1] nests to the left */
      if (top >= max) return i;
      levels[++top] = (struct level){0, 0, 0};
      break;
    case PG_QUERY__TOKEN__ASCII_41:
    case PG_QUERY__TOKEN__ASCII_93:
    case PG_QUERY__TOKEN__END_P: close = true; break;
    case PG_QUERY__TOKEN__AND:
    case PG_QUERY__TOKEN__OR:
    case PG_QUERY__TOKEN__ASCII_44:
    case PG_QUERY__TOKEN__WHEN:
    case PG_QUERY__TOKEN__THEN:
    case PG_QUERY__TOKEN__ELSE: l->ops = l->inner = 0; break;
    case PG_QUERY__TOKEN__IDENT:
    case PG_QUERY__TOKEN__UIDENT:
    case PG_QUERY__TOKEN__FCONST:
    case PG_QUERY__TOKEN__ICONST:
    case PG_QUERY__TOKEN__SCONST: break;
    default: l->ops++; break;
    }
    if (close && top) {
      uint32_t inner = l->best + 1;
      l = &levels[--top];
      if (inner > l->inner) l->inner = inner;
    }
    if (l->ops + l->inner > l->best) l->best = l->ops + l->inner;
    if (top + l->best > max) return i;
  }
  return src->token_cnt;
}

/* ---- errors of the grammar ---- */

/* Words that belong to expressions themselves, so that an error beside them is not about a name. */
static bool is_expression_word(int32_t token) {
  switch (token) {
  case PG_QUERY__TOKEN__AND:
  case PG_QUERY__TOKEN__OR:
  case PG_QUERY__TOKEN__NOT:
  case PG_QUERY__TOKEN__IN_P:
  case PG_QUERY__TOKEN__IS:
  case PG_QUERY__TOKEN__LIKE:
  case PG_QUERY__TOKEN__NULL_P:
  case PG_QUERY__TOKEN__TRUE_P:
  case PG_QUERY__TOKEN__FALSE_P:
  case PG_QUERY__TOKEN__CASE:
  case PG_QUERY__TOKEN__WHEN:
  case PG_QUERY__TOKEN__THEN:
  case PG_QUERY__TOKEN__ELSE:
  case PG_QUERY__TOKEN__CAST:
  case PG_QUERY__TOKEN__BOTH:
  case PG_QUERY__TOKEN__ISNULL:
  case PG_QUERY__TOKEN__NOTNULL: return true;
  default: return false;
  }
}

static bool is_reserved_name(const struct ast_token *t) {
  return (t->keyword == PG_QUERY__KEYWORD_KIND__RESERVED_KEYWORD ||
          t->keyword == PG_QUERY__KEYWORD_KIND__TYPE_FUNC_NAME_KEYWORD) &&
         !is_expression_word(t->token);
}

static void add_reserved(const struct ast_source *src, const struct ast_token *t) {
  uint32_t len = t->end - t->off;
  struct mr_expr_error *e =
      expr_error(src->errors, MR_EXPR_RESERVED_WORD, t->off, len,
                 "\"%.*s\" is a reserved word of SQL; as a column it stands in double quotes",
                 (int)len, src->text + t->off);
  e->hint = mr_arena_printf(src->arena, "\"%.*s\"", (int)len, src->text + t->off);
}

/* A syntax error at byte off: the word to blame is there, or just before. */
static void add_syntax(const struct ast_source *src, uint32_t off, const char *msg) {
  uint32_t i = 0;
  while (i < src->token_cnt && src->tokens[i].end <= off) i++;
  const struct ast_token *at = i < src->token_cnt ? &src->tokens[i] : NULL;
  const struct ast_token *before = i ? &src->tokens[i - 1] : NULL;
  bool after_from = before && before->token == PG_QUERY__TOKEN__FROM;
  if (!src->is_query && at && is_reserved_name(at) &&
      !(before && is_reserved_name(before) && !after_from)) {
    add_reserved(src, at);
    return;
  }
  if (!src->is_query && before && is_reserved_name(before)) {
    add_reserved(src, before);
    return;
  }
  struct mr_expr_error *e;
  if (!at) {
    off = before ? before->end : src->text_len;
    e = expr_error(src->errors, MR_EXPR_SYNTAX, off, 0, "the %s ends too early", noun(src));
  } else if (strncmp(msg, "syntax error", 12) == 0) {
    e = expr_error(src->errors, MR_EXPR_SYNTAX, at->off, at->end - at->off,
                   "the %s is not understood from \"%s\" on", noun(src),
                   expr_snippet(src->arena, src->text, at->off, at->end - at->off, 40));
  } else {
    const char *near = strstr(msg, " at or near");
    e = expr_error(src->errors, MR_EXPR_SYNTAX, at->off, at->end - at->off, "%.*s",
                   near ? (int)(near - msg) : (int)strlen(msg), msg);
  }
  if (!at || !before) return;
  if (at->token == PG_QUERY__TOKEN__ASCII_61 && before->token == PG_QUERY__TOKEN__ASCII_61)
    e->hint = "=";
  else if (at->token == PG_QUERY__TOKEN__ICONST && before->token == PG_QUERY__TOKEN__INTERVAL)
    e->hint =
        mr_arena_printf(src->arena, "INTERVAL '%s'",
                        expr_snippet(src->arena, src->text, at->off,
                                     (i + 1 < src->token_cnt ? at[1].end : at->end) - at->off, 40));
}

/* ---- what stands around the one expression ---- */

static bool is_clause(int32_t token) {
  switch (token) {
  case PG_QUERY__TOKEN__ASCII_59:
  case PG_QUERY__TOKEN__FROM:
  case PG_QUERY__TOKEN__WHERE:
  case PG_QUERY__TOKEN__GROUP_P:
  case PG_QUERY__TOKEN__HAVING:
  case PG_QUERY__TOKEN__WINDOW:
  case PG_QUERY__TOKEN__ORDER:
  case PG_QUERY__TOKEN__LIMIT:
  case PG_QUERY__TOKEN__OFFSET:
  case PG_QUERY__TOKEN__FETCH:
  case PG_QUERY__TOKEN__FOR:
  case PG_QUERY__TOKEN__INTO:
  case PG_QUERY__TOKEN__UNION:
  case PG_QUERY__TOKEN__INTERSECT:
  case PG_QUERY__TOKEN__EXCEPT:
  case PG_QUERY__TOKEN__ALL:
  case PG_QUERY__TOKEN__DISTINCT:
  case PG_QUERY__TOKEN__AS: return true;
  default: return false;
  }
}

static uint32_t find_outside(const struct ast_source *src, bool (*is)(int32_t token)) {
  uint32_t nest = 0;
  for (uint32_t i = 0; i < src->token_cnt; i++) {
    int32_t t = src->tokens[i].token;
    if (t == PG_QUERY__TOKEN__ASCII_40 || t == PG_QUERY__TOKEN__ASCII_91) nest++;
    if (nest && (t == PG_QUERY__TOKEN__ASCII_41 || t == PG_QUERY__TOKEN__ASCII_93)) nest--;
    if (!nest && is(t)) return i;
  }
  return src->token_cnt;
}

/* "a AS b", "a b", "a AND": the grammar takes the last word as a name for the value. */
static void add_alias(const struct ast_source *src) {
  const struct ast_token *t = &src->tokens[src->token_cnt - 1];
  if (is_expression_word(t->token)) {
    expr_error(src->errors, MR_EXPR_SYNTAX, t->end, 0, "the expression ends too early");
    return;
  }
  expr_error(src->errors, MR_EXPR_SYNTAX, t->off, t->end - t->off,
             "one expression is wanted, and it ends before \"%.*s\"", (int)(t->end - t->off),
             src->text + t->off);
}

static bool is_semicolon(int32_t token) {
  return token == PG_QUERY__TOKEN__ASCII_59;
}
static bool is_comma(int32_t token) {
  return token == PG_QUERY__TOKEN__ASCII_44;
}

static bool is_plain_select(const PgQuery__SelectStmt *s) {
  return s->n_distinct_clause == 0 && !s->into_clause && s->n_from_clause == 0 &&
         !s->where_clause && s->n_group_clause == 0 && !s->having_clause &&
         s->n_window_clause == 0 && s->n_values_lists == 0 && s->n_sort_clause == 0 &&
         !s->limit_offset && !s->limit_count && s->n_locking_clause == 0 && !s->with_clause &&
         !s->larg && !s->rarg && s->op <= PG_QUERY__SET_OPERATION__SETOP_NONE;
}

/* The one target of "SELECT expression", or NULL and an error at what is too much. */
static const PgQuery__Node *single_target(const struct ast_source *src,
                                          const PgQuery__ParseResult *parsed) {
  const PgQuery__SelectStmt *s = NULL;
  if (parsed->n_stmts >= 1 && parsed->stmts[0]->stmt &&
      parsed->stmts[0]->stmt->node_case == PG_QUERY__NODE__NODE_SELECT_STMT)
    s = parsed->stmts[0]->stmt->select_stmt;
  const PgQuery__ResTarget *target = NULL;
  if (s && s->n_target_list >= 1 && s->target_list[0]->node_case == PG_QUERY__NODE__NODE_RES_TARGET)
    target = s->target_list[0]->res_target;
  if (s && !target && src->token_cnt) { /* LIMIT - 5 and the like */
    if (is_reserved_name(&src->tokens[0])) {
      add_reserved(src, &src->tokens[0]);
      return NULL;
    }
  }
  bool all = src->token_cnt && src->tokens[0].token == PG_QUERY__TOKEN__ALL;
  bool whole = s && target && parsed->n_stmts == 1 && is_plain_select(s) && !all &&
               find_outside(src, is_semicolon) == src->token_cnt;
  bool named = target && target->name && *target->name;
  if (whole && s->n_target_list == 1 && !named) return target->val;
  if (whole && s->n_target_list == 1) {
    add_alias(src);
    return NULL;
  }
  uint32_t i = find_outside(src, is_clause);
  if (whole && s->n_target_list > 1) i = find_outside(src, is_comma);
  if (i >= src->token_cnt) i = src->token_cnt ? src->token_cnt - 1 : 0;
  uint32_t off = src->token_cnt ? src->tokens[i].off : 0;
  uint32_t len = src->token_cnt ? src->tokens[i].end - off : 0;
  expr_error(src->errors, MR_EXPR_SYNTAX, off, len,
             "one expression is wanted, and it ends before \"%.*s\"", (int)len, src->text + off);
  return NULL;
}

bool ast_check_text(const char *text, size_t len, struct mr_expr_errors *errors, bool is_query) {
  const char *what = is_query ? "query" : "expression";
  if (len > MR_EXPR_TEXT_MAX) {
    expr_error(errors, MR_EXPR_TOO_LARGE, MR_EXPR_TEXT_MAX, 0, "the %s has %zu bytes, more than %u",
               what, len, MR_EXPR_TEXT_MAX);
    return false;
  }
  const char *nul = memchr(text, 0, len);
  if (nul) {
    expr_error(errors, MR_EXPR_BAD_TEXT, (uint32_t)(nul - text), 1, "the %s has a NUL byte", what);
    return false;
  }
  if (!mr_utf8_valid(text, len)) {
    size_t lo = 0; /* the end of the longest valid beginning */
    for (size_t n = 1; lo + n <= len && n <= 4;) {
      if (!mr_utf8_valid(text + lo, n)) {
        n++;
        continue;
      }
      lo += n;
      n = 1;
    }
    expr_error(errors, MR_EXPR_BAD_TEXT, (uint32_t)lo, 1, "the %s is not valid UTF-8", what);
    return false;
  }
  return true;
}

bool ast_check_depth(const struct ast_source *src) {
  uint32_t deep = find_too_deep(src, MR_EXPR_DEPTH_MAX);
  if (deep >= src->token_cnt) return true;
  const struct ast_token *t = &src->tokens[deep];
  expr_error(src->errors, MR_EXPR_TOO_LARGE, t->off, t->end - t->off,
             "the %s is nested more than %u deep here", noun(src), MR_EXPR_DEPTH_MAX);
  return false;
}

void ast_syntax_error(const struct ast_source *src, uint32_t off, const char *msg) {
  add_syntax(src, off, msg);
}

static struct ast_node *parse_tree(struct ast_source *src, const char *wrapped) {
  if (!ast_check_depth(src)) return NULL;
  PgQueryProtobufParseResult r = pg_query_parse_protobuf(wrapped);
  struct ast_node *root = NULL;
  if (r.error) {
    add_syntax(src, ast_error_byte(src, wrapped, r.error->cursorpos), r.error->message);
  } else {
    PgQuery__ParseResult *parsed =
        pg_query__parse_result__unpack(NULL, r.parse_tree.len, (const uint8_t *)r.parse_tree.data);
    const PgQuery__Node *target = parsed ? single_target(src, parsed) : NULL;
    if (target) root = ast_convert(src, target);
    if (!parsed) expr_error(src->errors, MR_EXPR_TOO_LARGE, 0, 0, "the expression is too large");
    if (parsed) pg_query__parse_result__free_unpacked(parsed, NULL);
  }
  pg_query_free_protobuf_parse_result(r);
  return root;
}

void ast_rename_arrays(const struct ast_source *src, char *wrapped) {
  for (uint32_t i = 0; i + 1 < src->token_cnt; i++)
    if (src->tokens[i].token == PG_QUERY__TOKEN__ARRAY &&
        src->tokens[i + 1].token == PG_QUERY__TOKEN__ASCII_40)
      memcpy(wrapped + src->wrap_len + src->tokens[i].off, AST_ARRAY_NAME, strlen(AST_ARRAY_NAME));
}

struct mr_ast *mr_expr_parse(struct mr_arena *arena, const char *text, size_t len,
                             struct mr_expr_errors *errors) {
  if (!ast_check_text(text, len, errors, false)) return NULL;
  struct ast_source src = {
      .arena = arena, .errors = errors, .text_len = (uint32_t)len, .wrap_len = AST_WRAP_LEN};
  src.text = mr_arena_strndup(arena, text, len);
  char *wrapped = mr_arena_printf(arena, AST_WRAP "%s", src.text);
  uint32_t before = errors->cnt;
  if (!ast_scan(&src, wrapped)) return NULL;
  if (!src.token_cnt) {
    expr_error(errors, MR_EXPR_SYNTAX, 0, (uint32_t)len, "the expression is empty");
    return NULL;
  }
  ast_rename_arrays(&src, wrapped);
  struct ast_node *root = parse_tree(&src, wrapped);
  if (!root || errors->cnt > before) {
    if (errors->cnt == before)
      expr_error(errors, MR_EXPR_SYNTAX, 0, (uint32_t)len, "the expression is not understood");
    return NULL;
  }
  struct mr_ast *ast = MR_NEW(arena, struct mr_ast, 1);
  ast->text = src.text;
  ast->text_len = src.text_len;
  ast->root = root;
  return ast;
}

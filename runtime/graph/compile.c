/* SPDX-License-Identifier: Apache-2.0 */
#include "graph/compile.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "graph/plan_private.h"

static struct mr_span span_of(struct mr_op_plan *p, const struct mr_opt_expr *text, uint32_t off,
                              uint32_t len) {
  if (text->at) return mr_tree_span_at(p->arena, text->at, off, len);
  return mr_tree_name_span(p->tree);
}

bool mr_op_report(struct mr_op_plan *p, const struct mr_opt_expr *text,
                  const struct mr_expr_errors *errors) {
  const char *where = text->at ? mr_tree_path(text->at, p->arena) : p->node->name;
  for (const struct mr_expr_error *e = errors->first; e; e = e->next) {
    struct mr_span at = span_of(p, text, e->off, e->len);
    struct mr_diag *d = e->warning
                            ? mr_diag_warning(p->diags, e->code, at, "%s in %s", e->text, where)
                            : mr_diag_error(p->diags, e->code, at, "%s in %s", e->text, where);
    if (e->label) mr_diag_label(d, "%s", e->label);
    if (e->note) mr_diag_note(d, span_of(p, text, e->note_off, e->note_len), "%s", e->note);
    if (e->hint) mr_diag_try(d, "%s", e->hint);
  }
  return errors->cnt > 0;
}

struct mr_ast *mr_op_parse(struct mr_op_plan *p, const struct mr_opt_expr *text) {
  struct mr_expr_errors errors;
  mr_expr_errors_init(&errors, p->arena);
  struct mr_ast *ast = mr_expr_parse(p->arena, text->text, text->len, &errors);
  return mr_op_report(p, text, &errors) ? NULL : ast;
}

struct mr_expr *mr_op_compile(struct mr_op_plan *p, const struct mr_opt_expr *text,
                              const struct mr_ast *ast, const struct mr_expr_scope *scope) {
  struct mr_expr_errors errors;
  mr_expr_errors_init(&errors, p->arena);
  struct mr_expr *e = mr_expr_compile(p->arena, ast, scope, &errors);
  if (mr_op_report(p, text, &errors) || !e) return NULL;
  p->can_fail |= e->can_fail;
  p->rejects_input |= e->fails_on_values && scope->schema == p->in;
  p->uses_now |= e->uses_now || e->uses_ingest;
  p->uses_pos |= e->uses_pos;
  return e;
}

struct mr_expr *mr_op_expr(struct mr_op_plan *p, const struct mr_opt_expr *text,
                           enum mr_type want) {
  struct mr_ast *ast = mr_op_parse(p, text);
  if (!ast) return NULL;
  struct mr_expr_scope scope = {.schema = p->in, .name = p->node->name, .want = want};
  return mr_op_compile(p, text, ast, &scope);
}

uint32_t mr_op_members(struct mr_op_plan *p, const struct mr_opt_named_expr *item,
                       struct mr_ast *ast, struct mr_op_member **members) {
  struct mr_expr_errors errors;
  struct mr_ast_member *parts;
  mr_expr_errors_init(&errors, p->arena);
  uint32_t cnt = mr_ast_members(p->arena, ast, &parts, &errors);
  if (mr_op_report(p, &item->expr, &errors)) return 0;
  struct mr_op_member *out = MR_NEW(p->arena, struct mr_op_member, cnt + 1);
  *members = out;
  if (!cnt) {
    out[0] = (struct mr_op_member){item->name, NULL, ast};
    return 1;
  }
  for (uint32_t i = 0; i < cnt; i++)
    out[i] = (struct mr_op_member){parts[i].name, item->name, parts[i].ast};
  return cnt;
}

int32_t mr_op_column(struct mr_op_plan *p, const struct mr_opt_string *name) {
  int32_t c = mr_schema_find(p->in, name->text, name->len);
  if (c >= 0) return c;
  const char *names[MR_COLUMNS_MAX] = {0};
  uint32_t cnt = 0;
  for (uint32_t i = 0; i < p->in->visible_cnt; i++)
    if (!p->in->fields[i].outer) names[cnt++] = p->in->fields[i].name;
  struct mr_diag *d = mr_diag_error(p->diags, MR_CODE_UNKNOWN_COLUMN,
                                    name->at ? mr_tree_span(name->at) : mr_tree_name_span(p->tree),
                                    "no column is named \"%s\"", name->text);
  const char *near = mr_planner_nearest(name->text, names, cnt);
  if (mr_schema_has_struct(p->in, name->text))
    mr_diag_label(d, "it is a struct, which is only written");
  else if (near)
    mr_diag_label(d, "did you mean \"%s\"?", near);
  return -1;
}

struct mr_schema *mr_op_schema(struct mr_op_plan *p, uint32_t cnt) {
  struct mr_schema *s = MR_NEW(p->arena, struct mr_schema, 1);
  s->fields = MR_NEW(p->arena, struct mr_field, cnt + 1);
  s->cnt = s->visible_cnt = cnt;
  s->event_time = -1;
  return s;
}

int mr_op_error(struct mr_op_plan *p, struct mr_tree *at, int code, const char *fmt, ...) {
  char text[512];
  va_list args;
  va_start(args, fmt);
  vsnprintf(text, sizeof text, fmt, args);
  va_end(args);
  mr_diag_error(p->diags, code, at ? mr_tree_span(at) : mr_tree_name_span(p->tree), "%s", text);
  return MR_ERR_CONF;
}

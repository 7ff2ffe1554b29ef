/* SPDX-License-Identifier: Apache-2.0 */
#include "expr/compile_private.h"

#include "base/text.h"

#define FOLD_SZ         (256u << 10)
#define FOLD_SCRATCH_SZ (128u << 10)

/* ---- nodes ---- */

struct expr_node *comp_node(struct compiler *c, expr_run_fn run, enum mr_type type,
                            const struct ast_node *at, uint32_t arg_cnt) {
  if (c->node_cnt == c->node_cap) {
    uint32_t cap = c->node_cap ? c->node_cap * 2 : 32;
    struct expr_node **grown = MR_NEW(c->arena, struct expr_node *, cap);
    if (c->node_cnt) memcpy(grown, c->nodes, c->node_cnt * sizeof *grown);
    c->nodes = grown;
    c->node_cap = cap;
  }
  struct expr_node *n = MR_NEW(c->arena, struct expr_node, 1);
  n->run = run;
  n->type = type;
  n->off = at->off;
  n->len = at->len;
  n->col = -1;
  n->arg_cnt = arg_cnt;
  n->args = MR_NEW(c->arena, struct expr_node *, arg_cnt + 1);
  n->idx = c->node_cnt;
  c->nodes[c->node_cnt++] = n;
  return n;
}

struct expr_node *comp_node1(struct compiler *c, expr_run_fn run, enum mr_type type,
                             const struct ast_node *at, struct expr_node *a) {
  struct expr_node *n = comp_node(c, run, type, at, 1);
  n->args[0] = a;
  return n;
}

struct expr_node *comp_node2(struct compiler *c, expr_run_fn run, enum mr_type type,
                             const struct ast_node *at, struct expr_node *a, struct expr_node *b) {
  struct expr_node *n = comp_node(c, run, type, at, 2);
  n->args[0] = a;
  n->args[1] = b;
  return n;
}

struct expr_node *comp_node3(struct compiler *c, expr_run_fn run, enum mr_type type,
                             const struct ast_node *at, struct expr_node *a, struct expr_node *b,
                             struct expr_node *d) {
  struct expr_node *n = comp_node(c, run, type, at, 3);
  n->args[0] = a;
  n->args[1] = b;
  n->args[2] = d;
  return n;
}

struct expr_node *comp_const(struct compiler *c, enum mr_type type, const struct ast_node *at) {
  struct expr_node *n = comp_node(c, NULL, type, at, 0);
  n->is_const = true;
  return n;
}

struct expr_node *comp_null(struct compiler *c, enum mr_type type, const struct ast_node *at) {
  struct expr_node *n = comp_const(c, type, at);
  n->is_null = n->maybe_null = true;
  return n;
}

struct expr_node *comp_bool(struct compiler *c, bool value, const struct ast_node *at) {
  struct expr_node *n = comp_const(c, MR_TYPE_BOOL, at);
  n->i = value;
  return n;
}

/* ---- folding: the node's own function over one row of constants ---- */

static uint8_t *fold_take(uint8_t **at, uint64_t sz) {
  uint8_t *p = *at;
  *at += mr_align_up(sz, 64);
  memset(p, 0, sz);
  return p;
}

static bool can_fold(const struct expr_node *n) {
  if (n->is_volatile || n->arg_cnt == 0 || n->type == MR_TYPE_LIST) return false;
  uint64_t sz = 0;
  for (uint32_t i = 0; i < n->arg_cnt; i++) {
    const struct expr_node *a = n->args[i];
    if (!a->is_const) return false;
    sz += 64 * 16 + (a->type == MR_TYPE_STRING ? a->s.len : 0) + 128;
  }
  return sz < FOLD_SZ - FOLD_SCRATCH_SZ - 8192;
}

/* Reads row 0 of a result into a constant. */
static void take_const(struct compiler *c, struct expr_node *n, const struct vec *v) {
  n->run = NULL;
  n->is_const = true;
  n->arg_cnt = 0;
  n->can_fail = false;
  n->is_null = n->maybe_null = !vec_bit(v->valid, 0, true);
  if (n->is_null) return;
  switch (n->type) {
  case MR_TYPE_BOOL: n->i = mr_bit_get(v->data, 0); break;
  case MR_TYPE_DOUBLE: memcpy(&n->d, v->data, 8); break;
  case MR_TYPE_STRING: {
    struct mr_str s;
    memcpy(&s, v->data, sizeof s);
    n->s.len = s.len;
    n->s.text = mr_arena_strndup(c->arena, mr_str_data(&s, c->fold), s.len);
    break;
  }
  default: memcpy(&n->i, v->data, 8); break;
  }
}

static void fold(struct compiler *c, struct expr_node *n) {
  if (!can_fold(n)) return;
  if (!c->fold) c->fold = MR_NEW(c->arena, uint8_t, FOLD_SZ + 64);
  if (c->fold_cap < c->node_cnt) {
    c->fold_cap = c->node_cap;
    c->fold_vecs = MR_NEW(c->arena, struct vec, c->fold_cap);
  }
  uint8_t *at = c->fold + 64;
  for (uint32_t i = 0; i < n->arg_cnt; i++) {
    const struct expr_node *a = n->args[i];
    uint64_t heap = a->type == MR_TYPE_STRING ? a->s.len : 0;
    uint8_t *to = fold_take(&at, 64 * 16 + heap);
    expr_const_vec(a, &c->fold_vecs[a->idx], to, 64, c->fold);
  }
  struct vec *v = &c->fold_vecs[n->idx];
  memset(v, 0, sizeof *v);
  v->out = fold_take(&at, 64 * 16);
  v->vbuf = (uint64_t *)(void *)fold_take(&at, 64);
  v->ebuf = (uint64_t *)(void *)fold_take(&at, 64);
  if (n->code2) v->ebuf2 = (uint64_t *)(void *)fold_take(&at, 64);
  const uint64_t one = 1;
  struct mr_view view = {.row_cnt = 1};
  struct expr_run run = {.vecs = c->fold_vecs,
                         .k = mr_expr_kernels_of(MR_ISA_V2),
                         .base = c->fold,
                         .view = &view,
                         .active = &one,
                         .words = 1,
                         .row_cnt = 1,
                         .rows64 = 64,
                         .scratch = at,
                         .scratch_sz = FOLD_SCRATCH_SZ};
  n->run(&run, n);
  if (!vec_bit(v->err, 0, false)) take_const(c, n, v);
}

struct expr_node *comp_done(struct compiler *c, struct expr_node *n) {
  for (uint32_t i = 0; i < n->arg_cnt; i++) n->can_fail |= n->args[i]->can_fail;
  if (n->code) n->can_fail = true;
  fold(c, n);
  return n;
}

struct expr_node *comp_strict(struct compiler *c, struct expr_node *n) {
  bool null = false, fails = false;
  for (uint32_t i = 0; i < n->arg_cnt; i++) {
    const struct expr_node *a = n->args[i];
    n->maybe_null |= a->maybe_null;
    null |= a->is_const && a->is_null;
    fails |= a->can_fail;
  }
  if (null && !fails) { /* NULL in every row */
    n->run = NULL;
    n->arg_cnt = 0;
    n->is_const = n->is_null = n->maybe_null = true;
    n->can_fail = false;
    return n;
  }
  return comp_done(c, n);
}

/* ---- texts ---- */

void expr_warn(struct mr_expr_errors *errors, struct mr_expr_error *e) {
  e->warning = true;
  errors->cnt--;
  errors->warning_cnt++;
}

const char *comp_describe(struct compiler *c, const struct expr_node *n,
                          const struct ast_node *at) {
  const char *what = expr_snippet(c->arena, c->ast->text, at->off, at->len, 40);
  const char *type = n->type == MR_TYPE_NONE ? "NULL" : mr_type_name(n->type);
  const char *origin = NULL;
  if (n->col >= 0 && c->scope->origins) origin = c->scope->origins[n->col];
  if (origin) return mr_arena_printf(c->arena, "%s is %s (%s)", what, type, origin);
  return mr_arena_printf(c->arena, "%s is %s", what, type);
}

const char *comp_closest(const char *name, const char *const *names, uint32_t cnt) {
  size_t len = strlen(name);
  int max = len <= 3 ? 1 : len <= 6 ? 2 : 3;
  const char *best = NULL;
  for (uint32_t i = 0; i < cnt; i++) {
    int d = mr_text_distance(name, names[i], max);
    if (d > max) continue;
    best = names[i];
    max = d - 1;
    if (max < 0) break;
  }
  return best;
}

/* ---- registers ---- */

static bool is_wide(const struct expr_node *n) {
  return n->live && n->run && n->type != MR_TYPE_BOOL && n->run != run_column;
}

static bool is_wide16(const struct expr_node *n) {
  return n->type == MR_TYPE_STRING || n->type == MR_TYPE_LIST || n->type == MR_TYPE_NONE;
}

/* The right operand of these may be one value for all rows. */
static bool takes_scalar(const struct expr_node *n, uint32_t arg) {
  return arg == 1 && (n->run == run_cmp_i64 || n->run == run_cmp_f64 || n->run == run_cmp_str ||
                      n->run == run_arith_i64 || n->run == run_arith_f64 || n->run == run_div_i64 ||
                      n->run == run_div_f64 || n->run == run_time_add);
}

static void mark_live(struct compiler *c, struct expr_node *root) {
  root->live = true;
  root->broadcast = true;
  root->last_use = c->node_cnt;
  for (uint32_t i = c->node_cnt; i-- > 0;) { /* users stand behind their operands */
    struct expr_node *n = c->nodes[i];
    if (!n->live) continue;
    for (uint32_t k = 0; k < n->arg_cnt; k++) {
      struct expr_node *a = n->args[k];
      a->live = true;
      if (i > a->last_use) a->last_use = i;
      if (!takes_scalar(n, k)) a->broadcast = true;
    }
  }
}

/* Linear scan: a register is free again behind its value's last user. */
static uint32_t give_registers(struct compiler *c, bool wide16) {
  uint32_t *busy = MR_NEW(c->arena, uint32_t, c->node_cnt + 1), cnt = 0; /* until which node */
  for (uint32_t i = 0; i < c->node_cnt; i++) {
    struct expr_node *n = c->nodes[i];
    if (!is_wide(n) || is_wide16(n) != wide16) continue;
    uint32_t reg = 0;
    while (reg < cnt && busy[reg] >= i) reg++;
    if (reg == cnt) cnt++;
    busy[reg] = n->last_use;
    n->reg = reg;
  }
  return cnt;
}

/* ---- the whole ---- */

static void warn_always_fails(struct compiler *c) {
  for (uint32_t i = 0; i < c->node_cnt; i++) {
    const struct expr_node *n = c->nodes[i];
    if (!n->live || !n->can_fail || !can_fold(n) || n->code == MR_EXPR_ROW_SCRATCH) continue;
    struct mr_expr_error *e =
        expr_error(c->errors, MR_EXPR_ALWAYS_FAILS, n->off, n->len, "%s is an error in every row",
                   expr_snippet(c->arena, c->ast->text, n->off, n->len, 60));
    expr_warn(c->errors, e);
  }
}

static struct expr_node *wanted(struct compiler *c, struct expr_node *root) {
  enum mr_type want = c->scope->want;
  const struct ast_node *at = c->ast->root;
  if (!root || want == MR_TYPE_NONE) return root;
  bool bad = false;
  if (root->type == want && !(root->col >= 0 && root->codes)) return root;
  if (root->type == want) return root;
  struct expr_node *n = comp_coerce(c, root, want, at, &bad);
  if (n || bad) return n;
  struct mr_expr_error *e;
  if (want == MR_TYPE_BOOL)
    e = EXPR_ERROR_AT(c->errors, MR_EXPR_WRONG_RESULT, at, "a condition is wanted, this is %s",
                      mr_type_name(root->type));
  else
    e = EXPR_ERROR_AT(c->errors, MR_EXPR_WRONG_RESULT, at, "%s is wanted, this is %s",
                      mr_type_name(want), mr_type_name(root->type));
  if (root->col >= 0) e->label = comp_describe(c, root, at);
  return NULL;
}

static void finish(struct compiler *c, struct expr_node *root) {
  struct mr_expr *e = c->expr;
  struct mr_expr_prog *p = MR_NEW(c->arena, struct mr_expr_prog, 1);
  mark_live(c, root);
  p->reg8_cnt = give_registers(c, false);
  p->reg16_cnt = give_registers(c, true);
  for (uint32_t i = 0; i < c->node_cnt; i++) {
    const struct expr_node *n = c->nodes[i];
    if (!n->live) continue;
    if (n->run == run_now) e->uses_now = true;
    if (n->run == run_ingest_time) e->uses_ingest = true;
    if (n->run == run_record_offset) e->uses_pos = true;
    if (n->col >= 0 && n->run == run_column) c->reads[n->col] = true;
    p->makes_strings |= n->makes_strings;
    e->fails_on_values |= (n->code && n->code != MR_EXPR_ROW_SCRATCH) ||
                          (n->code2 && n->code2 != MR_EXPR_ROW_SCRATCH);
  }
  warn_always_fails(c);
  p->nodes = c->nodes;
  p->node_cnt = c->node_cnt;
  p->root = root;
  p->text = c->ast->text;
  e->prog = p;
  e->field.type = root->type;
  e->field.elem = root->elem;
  e->field.codes = root->codes;
  e->field.optional = root->maybe_null;
  e->column = root->run == run_column ? root->col : -1;
  e->constant = root->is_const;
  e->can_fail = root->can_fail;
  e->reads = c->reads;
  e->text = c->ast->text;
  e->text_len = c->ast->text_len;
}

struct mr_expr *mr_expr_compile(struct mr_arena *arena, const struct mr_ast *ast,
                                const struct mr_expr_scope *scope, struct mr_expr_errors *errors) {
  struct compiler c = {.arena = arena, .ast = ast, .scope = scope, .errors = errors};
  c.expr = MR_NEW(arena, struct mr_expr, 1);
  c.reads = MR_NEW(arena, bool, scope->schema->cnt + 1);
  uint32_t before = errors->cnt;
  struct expr_node *root = wanted(&c, comp_expr(&c, ast->root));
  if (!root || errors->cnt > before) {
    if (errors->cnt == before)
      EXPR_ERROR_AT(errors, MR_EXPR_SYNTAX, ast->root, "the expression cannot be compiled");
    return NULL;
  }
  finish(&c, root);
  return c.expr;
}

struct mr_expr *mr_expr_make(struct mr_arena *arena, const char *text, size_t len,
                             const struct mr_expr_scope *scope, struct mr_expr_errors *errors) {
  struct mr_ast *ast = mr_expr_parse(arena, text, len, errors);
  return ast ? mr_expr_compile(arena, ast, scope, errors) : NULL;
}

bool mr_expr_const(const struct mr_expr *e, int64_t *i, double *d, const char **s,
                   uint32_t *s_len) {
  const struct expr_node *n = e->prog->root;
  if (!n->is_const || n->is_null || n->type == MR_TYPE_LIST || n->type == MR_TYPE_NONE)
    return false;
  if (i) *i = n->i;
  if (d) *d = n->d;
  if (s) *s = n->s.text;
  if (s_len) *s_len = n->s.len;
  return true;
}

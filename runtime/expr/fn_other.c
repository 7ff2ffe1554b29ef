/* SPDX-License-Identifier: Apache-2.0 */
/* Choice between values, and what a row's record tells. */
#include <strings.h>

#include "expr/function_private.h"

/* ---- choice ---- */

/* greatest, least: pairs from the left; NULLs are left out. */
static struct expr_node *make_extreme(struct compiler *c, const struct function *f,
                                      const struct ast_node *ast, struct expr_node **v) {
  if (!comp_common(c, v, ast->arg_cnt, ast->args, ast->name)) return NULL;
  struct expr_node *acc = v[0];
  for (uint32_t i = 1; i < ast->arg_cnt; i++) {
    enum cmp_op op = f->op == '>' ? CMP_GE : CMP_LE;
    struct expr_node *wins = comp_compare(c, op, acc, v[i], ast, ast->args[i - 1], ast->args[i]);
    if (!wins) return NULL;
    struct expr_node *n = comp_node3(c, run_extreme, acc->type, ast, wins, acc, v[i]);
    n->maybe_null = acc->maybe_null && v[i]->maybe_null;
    acc = comp_done(c, n);
  }
  return acc;
}

static struct expr_node *make_if(struct compiler *c, const struct function *f,
                                 const struct ast_node *ast, struct expr_node **v) {
  (void)f;
  if (!comp_common(c, v + 1, 2, ast->args + 1, ast->name)) return NULL;
  return comp_select(c, v[0], v[1], v[2], ast);
}

static struct expr_node *make_coalesce(struct compiler *c, const struct function *f,
                                       const struct ast_node *ast, struct expr_node **v) {
  (void)f;
  if (!comp_common(c, v, ast->arg_cnt, ast->args, ast->name)) return NULL;
  return comp_coalesce(c, v, ast->arg_cnt, ast);
}

static struct expr_node *make_is_null(struct compiler *c, const struct function *f,
                                      const struct ast_node *ast, struct expr_node **v) {
  return comp_is_null(c, v[0], f->op != 0, ast);
}

/* nvl2(x, a, b): a where x is not NULL, else b. */
static struct expr_node *make_nvl2(struct compiler *c, const struct function *f,
                                   const struct ast_node *ast, struct expr_node **v) {
  (void)f;
  if (!comp_common(c, v + 1, 2, ast->args + 1, ast->name)) return NULL;
  return comp_select(c, comp_is_null(c, v[0], true, ast), v[1], v[2], ast);
}

/* isnan and nanvl are not strict: isnan(NULL) is false. */
static struct expr_node *make_is_nan(struct compiler *c, const struct function *f,
                                     const struct ast_node *ast, struct expr_node **v) {
  return comp_done(c, fn_node(c, f, ast, v, 0));
}

static struct expr_node *make_nanvl(struct compiler *c, const struct function *f,
                                    const struct ast_node *ast, struct expr_node **v) {
  (void)f;
  struct expr_node *nan = comp_done(c, comp_node1(c, run_is_nan, MR_TYPE_BOOL, ast, v[0]));
  return comp_select(c, nan, v[1], v[0], ast);
}

static struct expr_node *make_equal_null(struct compiler *c, const struct function *f,
                                         const struct ast_node *ast, struct expr_node **v) {
  (void)f;
  return comp_distinct(c, v[0], v[1], true, ast);
}

static struct expr_node *make_try_cast(struct compiler *c, const struct function *f,
                                       const struct ast_node *ast, struct expr_node **v) {
  (void)f;
  const struct expr_str *name = fn_constant_text(c, v[1], ast->args[1], "the type");
  if (!name) return NULL;
  enum mr_type type = literal_type(name->text, name->len);
  if (type == MR_TYPE_NONE) {
    comp_bad_type(c, name->text, ast->args[1]->off, ast->args[1]->len);
    return NULL;
  }
  struct expr_node *n = comp_cast(c, v[0], type, true, ast);
  return strcasecmp(name->text, "date") == 0 ? comp_midnight(c, n, ast) : n;
}

static struct expr_node *make_typeof(struct compiler *c, const struct function *f,
                                     const struct ast_node *ast, struct expr_node **v) {
  (void)f;
  char buf[64];
  struct mr_field field = {.type = v[0]->type, .elem = v[0]->elem};
  struct expr_node *n = comp_const(c, MR_TYPE_STRING, ast);
  const char *text = field.type == MR_TYPE_NONE ? "null" : NULL;
  if (!text) text = mr_arena_strdup(c->arena, mr_field_type_text(&field, buf, sizeof buf));
  n->s = (struct expr_str){text, (uint32_t)strlen(text)};
  return n;
}

static const struct function choice[] = {
    {"if", "baa", 'a', 3, 3, make_if, NULL, 0, 0, "condition, a, b",
     "a where the condition is true, else b", "if(3 > 2, 'yes', 'no')", "yes",
     "only the branch that is reached is evaluated; so is CASE"},
    {"ifnull nvl", "a", 'a', 2, 2, make_coalesce, NULL, 0, 0, "a, b", "a, or b where a is NULL",
     "ifnull(NULL, 5)", "5", "coalesce(a, b, ...) takes more"},
    {"nvl2", "vaa", 'a', 3, 3, make_nvl2, NULL, 0, 0, "x, a, b", "a where x is not NULL, else b",
     "nvl2(NULL, 1, 2)", "2", NULL},
    {"greatest", "a", 'a', 2, FN_ANY, make_extreme, NULL, '>', 0, "a, b, ...",
     "the greatest of the values", "greatest(3, NULL, 7)", "7",
     "NULLs are left out; NaN is the greatest"},
    {"least", "a", 'a', 2, FN_ANY, make_extreme, NULL, '<', 0, "a, b, ...",
     "the least of the values", "least('b', 'a')", "a", "NULLs are left out"},
    {"isnull", "v", 'b', 1, 1, make_is_null, NULL, 0, 0, "x", "is it NULL?", "isnull(NULL)", "true",
     "written x IS NULL too"},
    {"isnotnull notnull", "v", 'b', 1, 1, make_is_null, NULL, 1, 0, "x", "is it not NULL?",
     "isnotnull(NULL)", "false", "written x IS NOT NULL too"},
    {"isnan", "f", 'b', 1, 1, make_is_nan, run_is_nan, 0, 0, "x", "is it NaN?", "isnan(sqrt(-1))",
     "true", "false of NULL, as in Spark"},
    {"nanvl", "ff", 'f', 2, 2, make_nanvl, NULL, 0, 0, "a, b", "a, or b where a is NaN",
     "nanvl(sqrt(-1), 0)", "0", NULL},
    {"equal_null", "aa", 'b', 2, 2, make_equal_null, NULL, 0, 0, "a, b",
     "are they equal, or both NULL?", "equal_null(NULL, NULL)", "true",
     "written a IS NOT DISTINCT FROM b too"},
    {"try_cast", "vs", 'v', 2, 2, make_try_cast, NULL, 0, 0, "x, type",
     "x as another type, NULL where it cannot be", "try_cast('x', 'bigint')", "NULL",
     "CAST(x AS type) and x::type give an error value there"},
    {"typeof", "v", 's', 1, 1, make_typeof, NULL, 0, 0, "x", "name of its type", "typeof(1.5)",
     "double", NULL},
};
const struct function_group fn_group_choice = {"Choice, NULL and casts", choice,
                                               sizeof choice / sizeof choice[0]};

/* ---- the record ---- */

static struct expr_node *make_clock(struct compiler *c, const struct function *f,
                                    const struct ast_node *ast, struct expr_node **v) {
  (void)v;
  struct expr_node *n = comp_node(c, f->run, MR_TYPE_TIMESTAMP, ast, 0);
  n->is_volatile = true;
  return n;
}

static struct expr_node *make_event_time(struct compiler *c, const struct function *f,
                                         const struct ast_node *ast, struct expr_node **v) {
  const struct mr_schema *s = c->scope->schema;
  (void)v;
  if (s->event_time < 0) {
    EXPR_ERROR_AT(c->errors, MR_EXPR_NOT_SUPPORTED, ast, "rows here have no event time");
    return NULL;
  }
  struct expr_node *n = comp_node(c, f->run, MR_TYPE_TIMESTAMP, ast, 0);
  n->col = s->event_time;
  n->maybe_null = s->fields[s->event_time].optional;
  n->is_volatile = true;
  return n;
}

static struct expr_node *make_record(struct compiler *c, const struct function *f,
                                     const struct ast_node *ast, struct expr_node **v) {
  (void)v;
  if (c->scope->flags & MR_EXPR_NO_RECORD) {
    EXPR_ERROR_AT(c->errors, MR_EXPR_NOT_SUPPORTED, ast, "rows here are not records of a source");
    return NULL;
  }
  if (!f->run) return comp_null(c, MR_TYPE_STRING, ast); /* record_key(): no source has keys yet */
  struct expr_node *n = comp_node(c, f->run, MR_TYPE_INT64, ast, 0);
  n->is_volatile = true;
  n->maybe_null = true;
  return n;
}

static const struct function record[] = {
    {"now current_timestamp", "", 't', 0, 0, make_clock, run_now, 0, 0, "",
     "the graph's clock, one value per batch", "now()", NULL, "virtual under clock: virtual"},
    {"ingest_time", "", 't', 0, 0, make_clock, run_ingest_time, 0, 0, "",
     "when the row was read, one value per source batch", "ingest_time()", NULL,
     "kept in replays; the processing time of the five systems"},
    {"event_time", "", 't', 0, 0, make_event_time, run_column, 0, 0, "",
     "the column that is the event time", "event_time()", NULL,
     "an error at load where rows have none"},
    {"record_offset", "", 'i', 0, 0, make_record, run_record_offset, 0, 0, "",
     "where the record begins in its source: a byte of a file", "record_offset()", NULL, NULL},
    {"record_key", "", 's', 0, 0, make_record, NULL, 0, 0, "", "the record's key", "record_key()",
     NULL, "NULL where the source has no keys"},
};
const struct function_group fn_group_record = {"Clock and record", record,
                                               sizeof record / sizeof record[0]};

/* ---- forms of the grammar: not called by name, so they have none ---- */

#define FORM(usage, help, example, gives, note)                                                    \
  { "", "", 'v', 0, 0, NULL, NULL, 0, 0, usage, help, example, gives, note }

static const struct function forms[] = {
    FORM("a + b, a - b, a * b, -a", "arithmetic", "2 + 3 * 4", "14",
         "int64 beside double is double; int64 overflow is an error value"),
    FORM("a / b", "quotient, always a double", "7 / 2", "3.5",
         "by 0 an error value; div(a, b) is whole. PostgreSQL divides int64 whole"),
    FORM("a % b", "rest, with the sign of a", "-7 % 3", "-1", "by 0 an error value"),
    FORM("a & b, a | b, a ^ b, ~a", "bits of int64", "6 & ~2", "4",
         "^ is exclusive or, as in Spark; mixed ones need parentheses"),
    FORM("a || b", "the texts of both, one behind the other", "'n=' || 5", "n=5",
         "NULL if either is NULL"),
    FORM("a = b, <>, <, <=, >, >=", "comparison", "'abc' < 'abd'", "true",
         "strings by bytes; NaN equals NaN and is the greatest"),
    FORM("a AND b, a OR b, NOT a", "logic of SQL with NULL", "NULL AND false", "false",
         "`false AND error` is false, `true OR error` is true"),
    FORM("a IS [NOT] NULL, IS [NOT] TRUE, IS [NOT] DISTINCT FROM b", "tests that are never NULL",
         "1 IS DISTINCT FROM NULL", "true", NULL),
    FORM("a [NOT] IN (b, ...), a [NOT] BETWEEN b AND c", "tests of membership and range",
         "3 IN (1, 3)", "true", NULL),
    FORM("a [NOT] LIKE pattern", "`%` any text, `_` any character", "'100%' LIKE '100\\%'", "true",
         "the escape character is the backslash"),
    FORM("CASE WHEN a THEN b ... ELSE c END", "the first branch whose condition is true",
         "CASE WHEN 1 > 2 THEN 'a' ELSE 'b' END", "b", "also CASE x WHEN a THEN b ... END"),
    FORM("COALESCE(a, b, ...)", "the first value that is not NULL", "COALESCE(NULL, 2, 3)", "2",
         "does not catch error values"),
    FORM("NULLIF(a, b)", "NULL where they are equal, else a", "NULLIF(3, 3)", "NULL", NULL),
    FORM("CAST(a AS type), a::type", "a as another type", "CAST('42' AS bigint) + 1", "43",
         "an error value where it cannot be; try_cast gives NULL; a double is cut to int64; a date "
         "is the timestamp of its midnight"),
    FORM("TIMESTAMP '...', DATE '...', INTERVAL '...'", "constants of time",
         "TIMESTAMP '2025-10-13T11:30:00Z' + INTERVAL '90 minutes'", "2025-10-13T13:00:00Z",
         "a text beside a timestamp is read as one; months and years have no fixed length"),
    FORM("time - time, time + duration, duration * number, duration / duration",
         "arithmetic of time", "INTERVAL '1h' / INTERVAL '30m'", "2", NULL),
    FORM("list[n]", "element n, counted from 1", "items[1]", NULL, "NULL where there is none"),
};
const struct function_group fn_group_forms = {"Operators and forms", forms,
                                              sizeof forms / sizeof forms[0]};

/* SPDX-License-Identifier: Apache-2.0 */
/* SELECT statements as trees: every part with its bytes in the text, names as they are written. */
#include <string.h>

#include "expr/query.h"
#include "test.h"

static struct mr_arena arena;
static struct mr_expr_errors errors;

static const struct mr_query *parse(const char *text) {
  mr_expr_errors_init(&errors, &arena);
  const struct mr_query *q = mr_query_parse(&arena, text, strlen(text), &errors);
  for (const struct mr_expr_error *e = errors.first; e; e = e->next)
    print_message("%s: %u+%u %s\n", text, e->off, e->len, e->text);
  return q;
}

/* The bytes [off, off + len) of q's text are these. */
static void part_is(const struct mr_query *q, uint32_t off, uint32_t len, const char *want) {
  assert_int_equal(len, strlen(want));
  assert_memory_equal(q->text + off, want, len);
}

static void node_is(const struct mr_query *q, const struct mr_query_node *n, const char *want) {
  assert_non_null(n);
  part_is(q, n->off, n->len, want);
}

MR_TEST(every_part_has_its_bytes) {
  MR_UNUSED_STATE;
  const struct mr_query *q = parse(
      "SELECT (a + b) * 2 AS Twice, e.\"C d\", (xs)[1] AS x, count(*) FILTER (WHERE a > 1) AS n\n"
      "FROM Events AS e WHERE (a = 1 OR b = 2) /* why */ GROUP BY tumble(ts, INTERVAL '5m'), 1\n"
      "HAVING count(*) > 3;");
  assert_int_equal(errors.cnt, 0);
  assert_int_equal(q->item_cnt, 4);
  node_is(q, q->items[0].expr, "(a + b) * 2");
  assert_string_equal(q->items[0].name, "Twice");
  part_is(q, q->items[0].name_off, q->items[0].name_len, "Twice");
  assert_string_equal(q->items[1].expr->of, "e");
  assert_string_equal(q->items[1].expr->name, "C d");
  node_is(q, q->items[1].expr, "e.\"C d\"");
  node_is(q, q->items[2].expr, "(xs)[1]");
  node_is(q, q->items[3].expr, "count(*) FILTER (WHERE a > 1)");
  assert_int_equal(q->items[3].expr->kind, MR_QUERY_AGGREGATE);
  assert_string_equal(q->from->node, "Events");
  assert_string_equal(q->from->alias, "e");
  node_is(q, q->where, "a = 1 OR b = 2");
  assert_int_equal(q->group_cnt, 2);
  node_is(q, q->groups[0], "tumble(ts, INTERVAL '5m')");
  assert_int_equal(q->groups[0]->args[1]->i, 300000000);
  part_is(q, q->group_off, q->group_len, "GROUP BY");
  part_is(q, q->having_off, q->having_len, "HAVING");
}

MR_TEST(joins_unions_and_withs_are_trees) {
  MR_UNUSED_STATE;
  const struct mr_query *q =
      parse("WITH w AS (SELECT a FROM s.late) SELECT w.* FROM w LEFT JOIN (SELECT b FROM t) AS u "
            "ON w.a = u.b RIGHT JOIN v USING (a, B) UNION ALL SELECT c FROM z");
  assert_int_equal(errors.cnt, 0);
  assert_int_equal(q->with_cnt, 1);
  assert_string_equal(q->withs[0].query->from->node, "s");
  assert_string_equal(q->withs[0].query->from->output, "late");
  part_is(q, q->off, q->len, "UNION");
  const struct mr_query *l = q->left;
  assert_true(l->items[0].star);
  assert_string_equal(l->items[0].star_of, "w");
  assert_int_equal(l->from->join, MR_QUERY_RIGHT);
  assert_int_equal(l->from->using_cnt, 2);
  assert_string_equal(l->from->using_[1], "B");
  const struct mr_query_from *inner = l->from->left;
  assert_int_equal(inner->join, MR_QUERY_LEFT);
  node_is(l, inner->on, "w.a = u.b");
  part_is(l, inner->right->off, inner->right->len, "(SELECT b FROM t)");
  assert_string_equal(inner->right->alias, "u");
  assert_string_equal(q->right->from->node, "z");
}

MR_TEST(a_subquery_needs_no_name_and_places_stay) {
  MR_UNUSED_STATE;
  const struct mr_query *q =
      parse("SELECT \xc3\xa9 FROM (SELECT x FROM (SELECT x FROM a)) WHERE b = c UNION ALL "
            "SELECT x FROM (SELECT x FROM d) WHERE e = f");
  assert_int_equal(errors.cnt, 0);
  assert_null(q->left->from->alias);
  assert_null(q->left->from->sub->from->alias);
  node_is(q, q->left->items[0].expr, "\xc3\xa9");
  node_is(q, q->left->where, "b = c");
  node_is(q, q->right->where, "e = f");
  part_is(q, q->right->from->off, q->right->from->len, "(SELECT x FROM d)");
}

MR_TEST(row_numbers_keep_what_they_are_over) {
  MR_UNUSED_STATE;
  const struct mr_query *q = parse("SELECT row_number() OVER (PARTITION BY a, b ORDER BY c DESC "
                                   "NULLS LAST, d) AS rn FROM s");
  assert_int_equal(errors.cnt, 0);
  const struct mr_query_over *over = q->items[0].expr->over;
  assert_non_null(over);
  assert_int_equal(over->partition_cnt, 2);
  assert_int_equal(over->order_cnt, 2);
  assert_true(over->order[0].descending);
  assert_int_equal(over->order[0].nulls, 2);
  node_is(q, over->order[1].expr, "d");
}

MR_TEST(the_same_expression_is_told_in_other_clothes) {
  MR_UNUSED_STATE;
  const struct mr_query *q =
      parse("SELECT UPPER(e.city), upper( city ), upper(town), e.a + 1, a + 2 FROM s AS e");
  assert_true(mr_query_same(q->items[0].expr, q->items[1].expr));
  assert_false(mr_query_same(q->items[0].expr, q->items[2].expr));
  assert_false(mr_query_same(q->items[3].expr, q->items[4].expr));
}

MR_TEST(what_it_leaves_out_is_an_error_at_its_word) {
  MR_UNUSED_STATE;
  static const struct {
    const char *text, *at;
    uint32_t cnt;
  } bad[] = {{"SELECT a FROM s ORDER BY a", "ORDER", 1},
             {"SELECT a FROM s LIMIT 3 OFFSET 2", "LIMIT", 2},
             {"SELECT a FROM s EXCEPT SELECT a FROM t", "EXCEPT", 1},
             {"SELECT a FROM s, t", "t", 1},
             {"SELECT a FROM s FOR UPDATE", "FOR", 1},
             {"VALUES (1)", "VALUES", 1},
             {"SELECT (SELECT 1), b[1:2] FROM s", "(", 2},
             {"SELECT a FROM s; SELECT b FROM t", ";", 1}};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    (void)parse(bad[i].text);
    assert_int_equal(errors.cnt, bad[i].cnt);
    assert_memory_equal(bad[i].text + errors.first->off, bad[i].at, errors.first->len);
  }
  assert_null(parse(""));
  assert_null(parse("SELECT FROM WHERE"));
  assert_null(parse("DELETE FROM s"));
}

int main(void) {
  const struct CMUnitTest cases[] = {
      MR_CASE(every_part_has_its_bytes),
      MR_CASE(joins_unions_and_withs_are_trees),
      MR_CASE(a_subquery_needs_no_name_and_places_stay),
      MR_CASE(row_numbers_keep_what_they_are_over),
      MR_CASE(the_same_expression_is_told_in_other_clothes),
      MR_CASE(what_it_leaves_out_is_an_error_at_its_word),
  };
  int failed = cmocka_run_group_tests(cases, NULL, NULL);
  mr_arena_free(&arena);
  return failed;
}

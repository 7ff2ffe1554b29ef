#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`millrace expr`: one expression over rows from stdin."""

import json

import millrace

GRAPH = """
millrace: 1
graph: g
events:
  reading:
    fields:
      device: { type: string }
      level: { type: string, one_of: [low, high] }
      value: { type: double, optional: true }
      tags: { type: "list<int64>", optional: true }
      at: { type: timestamp, format: unix_ms }
    event_time: at
sources: { in: { type: stdin, event: reading } }
sinks: { out: { type: stdout, from: in } }
"""


class Expr(millrace.Case):
    def values(self, expression, rows, *flags):
        lines = rows if isinstance(rows, str) else "".join(json.dumps(r) + "\n" for r in rows)
        done = self.millrace("expr", *flags, expression, stdin=lines.encode())
        self.assertEqual(done.code, 0, done.err)
        return [json.loads(line) for line in done.out.splitlines()], done.err

    def test_a_value_comes_out_for_each_row(self):
        rows = [{"a": 1, "s": "x"}, {"a": 2.5, "s": "Ä\"\n"}, {"s": None}]
        self.assertEqual(self.values("a * 2", rows)[0], [2, 5, None])
        self.assertEqual(self.values("upper(s)", rows)[0], ["X", "Ä\"\n", None])
        self.assertEqual(self.values("a > 1 AND s IS NOT NULL", rows)[0], [False, True, False])
        self.assertEqual(self.values("ts + INTERVAL '1h'", [{"ts": "2025-10-13T11:30:00Z"}])[0],
                         ["2025-10-13T12:30:00Z"])

    def test_a_constant_expression_needs_no_rows(self):
        self.assertEqual(self.values("1 + 1", [])[0], [2])
        self.assertEqual(self.values("-1 + 2", [])[0], [1])
        self.assertEqual(self.values("NULL", [])[0], [None])
        self.assertEqual(self.values("1 + 1", [{}, {}])[0], [2, 2])
        self.assertEqual(self.values("now()", [], "--now", "2025-10-13T11:30:00Z")[0],
                         ["2025-10-13T11:30:00Z"])
        self.assertEqual(self.millrace("expr", "1 / 0").code, 65)

    def test_an_error_value_is_told_with_its_row_and_the_others_come_out(self):
        values, said = self.values("10 / a", [{"a": 2}, {"a": 0}, {"a": 5}])
        self.assertEqual(values, [5, 2])
        self.assertEqual(said, "row 2: MR3022: division by zero in 10 / a\n")

    def test_a_line_that_is_no_row_is_told_with_its_row(self):
        values, said = self.values("a", '{"a": "x"}\n\n{"a": 7}\n{"a":\n{"a": "y"}')
        self.assertEqual(values, ["x", "y"])
        self.assertEqual([line.split(":")[0] for line in said.splitlines()], ["row 3", "row 4"])

    def test_bad_rows_end_65_where_that_is_asked_for(self):
        done = self.millrace("expr", "--fail-on-bad", "10 / a", stdin=b'{"a":0}\n{"a":1}\n')
        self.assertEqual((done.code, done.out), (65, "10\n"))
        done = self.millrace("expr", "--fail-on-bad", "10 / a", stdin=b'{"a":1}\n')
        self.assertEqual(done.code, 0)

    def test_a_wrong_expression_ends_78_with_its_position(self):
        for text, said in {
            "uper(s)": 'expression:1:1: error[MR2003]: no function "uper"',
            "a + upper(": "expression:1:11: error[MR2001]: the expression ends too early",
            "a > 1 AND a = 'x'": "expression:1:11: error[MR4012]: a is used as string here",
            "abs('x')": "expression:1:5: error[MR2005]: abs wants a number",
        }.items():
            done = self.millrace("expr", text, stdin=b"{}\n")
            self.assertEqual((done.code, done.out), (78, ""), text)
            self.assertIn(said, done.err)
        self.assertIn('did you mean "upper"?', self.millrace("expr", "uper(s)").err)

    def test_wrong_usage_ends_64(self):
        for args in ((), ("a", "b"), ("--nope", "x", "a"), ("--format", "xml", "a"),
                     ("--event", "f", "a")):
            self.assertEqual(self.millrace("expr", *args).code, 64, args)

    def test_a_declared_event_gives_the_types(self):
        self.write("g.yaml", GRAPH)
        event = ("--event", "g.yaml:reading")
        rows = [{"device": "m1", "level": "high", "value": 1.5, "tags": [3, 4],
                 "at": 1760355000000},
                {"device": "m2", "level": "none", "at": 0}]
        values, said = self.values("value * array_sum(tags)", rows, *event)
        self.assertEqual(values, [10.5, None])
        values, said = self.values("device || ' ' || level", rows, *event)
        self.assertEqual(values, ["m1 high"])
        self.assertIn("row 2: MR3008", said)
        self.assertEqual(self.values("event_time()", rows[:1], *event)[0],
                         ["2025-10-13T11:30:00Z"])
        self.assertEqual(self.values("tags", rows[:1], *event)[0], [[3, 4]])
        done = self.millrace("expr", *event, "valu + 1")
        self.assertEqual(done.code, 78)
        self.assertIn('no column "valu" in reading', done.err)
        done = self.millrace("expr", "--event", "g.yaml:readin", "1")
        self.assertEqual(done.code, 78)
        self.assertIn('did you mean "reading"?', done.err)
        self.assertEqual(self.millrace("expr", "--event", "none.yaml:x", "1").code, 78)

    def test_the_type_can_be_asked_for(self):
        self.write("g.yaml", GRAPH)
        for text, flags, said in [
            ("a * 2", (), "double"), ("a || 'x'", (), "string"), ("a > 1", (), "bool"),
            ("tags", ("--event", "g.yaml:reading"), "list<int64>"), ("NULL", (), "null"),
            ("unix_millis(at)", ("--event", "g.yaml:reading"), "int64"),
        ]:
            done = self.millrace("expr", "--types", *flags, text)
            self.assertEqual((done.code, done.out), (0, said + "\n"), text)

    def test_rows_can_be_csv(self):
        values, said = self.values("a * 2 || s", 'a,s\n1,"x, y"\n?,z\n2.5,\n', "--format", "csv")
        self.assertEqual(values, ["2x, y", "5"])
        self.assertIn("row 3: ", said)

    def test_strings_can_come_without_quotes(self):
        done = self.millrace("expr", "--raw", "s || '!'", stdin=b'{"s":"a \\"b\\""}\n')
        self.assertEqual(done.out, 'a "b"!\n')

    def test_many_rows_and_large_values_go_through(self):
        rows = "".join(json.dumps({"n": i, "s": "ä" * (i % 97)}) + "\n" for i in range(20000))
        values, _ = self.values("n + length(s)", rows)
        self.assertEqual(values, [i + i % 97 for i in range(20000)])
        values, _ = self.values("repeat(s, 300000)", '{"s":"ab"}')
        self.assertEqual(values, ["ab" * 300000])


if __name__ == "__main__":
    millrace.main()

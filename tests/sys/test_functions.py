#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`millrace help functions`: the page in docs/ is the table that the engine works by."""

import json

import millrace


class Functions(millrace.Case):
    def test_the_page_in_docs_is_what_the_program_says(self):
        said = self.millrace("help", "functions", "--markdown")
        self.assertEqual(said.code, 0)
        page = (millrace.ROOT / "docs/functions.md").read_text()
        self.assertEqual(page, said.out, "millrace help functions --markdown > docs/functions.md")

    def test_one_function_can_be_asked_for_by_any_of_its_names(self):
        said = self.millrace("help", "functions", "char_length")
        self.assertEqual(said.code, 0)
        self.assertIn("length(text: string) -> int64", said.out)

    def test_lists_that_expressions_make_reach_the_sinks_whole(self):
        rows = [{"k": i % 7, "t": "2025-10-13T11:%02d:00Z" % (i // 1000),
                 "s": ",".join("part %d of a row that is long" % j for j in range(i % 40))}
                for i in range(6000)]
        self.write("in.ndjson", "".join(json.dumps(row) + "\n" for row in rows))
        self.write("g.yaml", """
millrace: 1
graph: g
events:
  row:
    fields: { k: { type: int64 }, t: { type: timestamp }, s: { type: string } }
    event_time: t
sources: { in: { type: file, path: in.ndjson, event: row } }
steps:
  parts: { type: map, from: in, select: { p: "split(upper(s), ',')", n: "sequence(1, k)" } }
  wide:
    type: window
    from: in
    window: { tumbling: 1m }
    key: [k]
    select:
      longest: "array_sort(array_distinct(split(max(s), ',')))"
      sizes: "slice(sort_array(collect_list(length(s)), false), 1, 3)"
sinks:
  out: { type: file, from: parts, path: out.ndjson }
  windows: { type: file, from: wide, path: windows.ndjson }
""")
        result = self.millrace("run", "g.yaml")
        self.assertEqual(result.code, 0, result.err)
        self.assertEqual(self.rows("out.ndjson"), [
            {"p": row["s"].upper().split(","),
             "n": list(range(1, row["k"] + 1)) if row["k"] else [1, 0]} for row in rows])
        groups = {}
        for row in rows:
            groups.setdefault((row["t"], row["k"]), []).append(row["s"])
        got = self.rows("windows.ndjson")
        self.assertEqual(len(got), len(groups))
        for row in got:
            texts = groups[row["window_start"], row["k"]]
            self.assertEqual(row["longest"], sorted(set(max(texts).split(","))))
            self.assertEqual(row["sizes"], sorted(map(len, texts), reverse=True)[:3])

    def test_a_row_whose_texts_no_batch_can_hold_is_a_dead_letter(self):
        sizes = [0, 1, 700, 2000, 5000, 20000, 40000, 3, 300000, 7]
        rows = [{"i": i, "n": n} for i, n in enumerate(sizes * 20)]
        self.write("in.ndjson", "".join(json.dumps(row) + "\n" for row in rows))
        self.write("g.yaml", """
millrace: 1
graph: g
sources: { in: { type: file, path: in.ndjson, fields: { i: { type: int64 }, n: { type: int64 } } } }
steps:
  step: { type: map, from: in, set: { a: "repeat('abcd', n)", b: "repeat('xy', n)" } }
sinks: { out: { type: file, from: step, path: out.ndjson } }
""")
        result = self.millrace("run", "g.yaml", "--summary", "summary.json")
        self.assertEqual(result.code, 0, result.err)
        self.assert_accounts(self.summary())
        small = [row for row in rows if row["n"] < 300000]
        got = self.rows("out.ndjson")
        self.assertEqual([row["i"] for row in got], [row["i"] for row in small])
        for row in got:
            self.assertEqual((row["a"], row["b"]), ("abcd" * row["n"], "xy" * row["n"]))
        letters = self.rows("millrace-data/dead_letters/g/step.ndjson")
        self.assertEqual([json.loads(d["row"])["i"] for d in letters],
                         [row["i"] for row in rows if row["n"] == 300000])
        self.assertEqual({d["code"] for d in letters}, {"MR3010"})

    def test_an_unknown_function_is_a_wrong_usage(self):
        self.assertEqual(self.millrace("help", "functions", "no_such").code, 64)


if __name__ == "__main__":
    millrace.main()

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""top_n: the first rows of each window and key against a sort of all rows, for any number of
workers; and what it cannot do, with its place."""

import collections
import json
import random

import millrace

WINDOWS = """millrace: 1
graph: top
runtime: { workers: { count: %(workers)d } }
sources:
  in: { type: generate, of: city, seed: 4, count: 20000, late: { share: 5%%, by: 90s },
        clock: { start: 2025-10-13T00:00:00Z, step: 100ms }, watermark: { delay: 10s } }
steps:
  w: { type: window, from: in, window: { tumbling: 2m }, key: [city, event_type, severity],
       workers: %(workers)d, select: { n: count(*), some: first(description) } }
  t: { type: top_n, from: w, n: 4, order_by: [n DESC, "severity, event_type desc"], rank: place,
       workers: %(workers)d %(more)s }
sinks:
  all: { type: file, from: w, path: all.ndjson }
  out: { type: file, from: t, path: out.ndjson }
"""
ROWS = """millrace: 1
graph: top
runtime: { workers: { count: %(workers)d } }
sources:
  in: { type: file, path: in.ndjson, format: json,
        fields: { k: { type: string }, x: { type: double, optional: true }, s: string, n: int64 } }
steps:
  t: { type: top_n, from: in, n: %(n)d, order_by: %(order)s, key: k, rank: place,
       workers: %(workers)d %(more)s }
sinks: { out: { type: file, from: t, path: out.ndjson } }
"""


class TopN(millrace.Case):
    def run_graph(self, text):
        self.write("g.yaml", text)
        result = self.millrace("run", "g.yaml", "--quiet", "--summary", "summary.json")
        if result.code == 0:
            self.assert_accounts(self.summary())
        return result

    def test_the_first_rows_of_each_window_are_those_of_a_sort(self):
        for workers, more, key in [(1, "", ()), (2, "", ()), (4, ", key: [city, event_type]",
                                                             ("city", "event_type")),
                                   (2, ", key: city, emit: update", ("city",))]:
            result = self.run_graph(WINDOWS % {"workers": workers, "more": more})
            self.assertEqual((result.code, result.err), (0, ""))
            groups, last = collections.defaultdict(list), {}
            for row in self.rows("all.ndjson"):
                groups[(row["window_start"], *(row[name] for name in key))].append(row)
            want = {}
            for group, rows in groups.items():
                rows.sort(key=lambda r: (r["city"], r["some"]))
                rows.sort(key=lambda r: r["event_type"], reverse=True)
                rows.sort(key=lambda r: (-r["n"], r["severity"]))
                for place, row in enumerate(rows[:4], 1):
                    want[group + (place,)] = dict(row, place=place)
            rows = self.rows("out.ndjson")
            for row in rows:
                last[(row["window_start"], *(row[name] for name in key), row["place"])] = row
            self.assertEqual(last, want)
            if "update" not in more:
                self.assertEqual(len(rows), len(want))
                node = self.node(self.summary(), "t")
                self.assertEqual(node["absorbed"], node["rows_out"])
            self.assertEqual(self.node(self.summary(), "t")["state_keys"], 0)

    def make(self, cnt):
        draw = random.Random(9)
        rows = [{"k": draw.choice("abc"), "x": draw.choice([None, -1.5, 0, 2.25, 7, 1e9]),
                 "s": draw.choice(["", "a", "a text of more than twelve bytes", "zz"]), "n": i}
                for i in range(cnt)]
        self.write("in.ndjson", "".join(json.dumps(row) + "\n" for row in rows))
        return rows

    def test_rows_without_windows_come_out_as_they_change(self):
        rows = self.make(3000)
        x = lambda r: (r["x"] is not None, r["x"] or 0)
        n_up, s_down = (lambda r: r["n"], False), (lambda r: r["s"], True)
        orders = [('"x, s desc"', [n_up, s_down, (x, False)]),
                  ('x DESC', [(lambda r: (r["s"], r["n"]), False), (x, True)]),
                  ('"x DESC NULLS FIRST, n desc"',
                   [(lambda r: r["n"], True), (lambda r: r["x"] or 0, True),
                    (lambda r: r["x"] is not None, False)])]
        for (order, sorts), n in zip(orders, (5, 1, 40)):
            want = {}
            for k in "abc":
                best = [row for row in rows if row["k"] == k]
                for by, down in sorts:
                    best.sort(key=by, reverse=down)
                for place, row in enumerate(best[:n], 1):
                    want[k, place] = dict(row, place=place)
            for workers, more in ((1, ""), (2, ", every: 1h")):
                result = self.run_graph(ROWS % {"workers": workers, "n": n, "order": order,
                                                "more": more})
                self.assertEqual((result.code, result.err), (0, ""))
                got = self.rows("out.ndjson")
                last = {(row["k"], row["place"]): row for row in got}
                self.assertEqual(last, want)
                if more:
                    self.assertEqual(len(got), len(want))

    def test_a_full_memory_stops_the_graph_or_makes_dead_letters(self):
        self.write("in.ndjson", "".join(
            json.dumps({"k": f"k{i % 12}", "x": 1, "s": "", "n": i}) + "\n" for i in range(24)))
        values = {"workers": 1, "n": 3, "order": "n"}
        result = self.run_graph(ROWS % {**values, "more": ", max_keys: 10"})
        self.assertEqual(result.code, 1)
        self.assertIn("t: no room for a new key: max_keys is 10 and 10 are open", result.err)
        result = self.run_graph(ROWS % {**values, "more": ", max_keys: 10, on_full: dead_letter"})
        self.assertEqual(result.code, 0)
        self.assertEqual(self.node(self.summary(), "t")["dead_letters"], 4)

    def test_what_top_n_cannot_do_is_refused_with_its_place(self):
        self.write("in.ndjson", "")
        for order, more, says in [
                ("none", "", '8:47: error[MR4011]: no column is named "none"'),
                ("x sideways", "", "8:47: error[MR1010]: behind x stand ASC or DESC"),
                ('""', "", "error[MR"),
                ("x", ", emit: final", "9:27: error[MR1009]: emit: final needs windows"),
                ("x", ", key: q", "error[MR1011]"),
                ("x", ", n: 0", "error[MR1011]")]:
            self.write("g.yaml", ROWS % {"workers": 1, "n": 2, "order": order, "more": more})
            result = self.millrace("validate", "g.yaml")
            self.assertEqual(result.code, 78, order)
            self.assertIn(says, result.err)


if __name__ == "__main__":
    millrace.main()

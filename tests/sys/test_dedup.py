#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""dedup: which rows pass, against a recount of the rows that went in, for any number of workers."""

import collections
import json

import millrace

ROWS = 20000
GRAPH = """millrace: 1
graph: dedup
runtime: { workers: { count: %(workers)d } }
sources:
  in: { type: generate, of: city, seed: 5, count: %(rows)d, late: { share: 5%%, by: 40s },
        duplicates: 10%%, clock: { start: 2025-10-13T00:00:00Z, step: 100ms },
        watermark: { delay: 30s } }
steps:
  d: { type: dedup, from: in, key: [city, event_type, description], within: %(within)s,
       workers: %(workers)d }
  w: { type: window, from: d, window: { tumbling: 1m } }
sinks:
  all:  { type: file, from: in, path: all.ndjson }
  out:  { type: file, from: d, path: out.ndjson }
  late: { type: file, from: d.late, path: late.ndjson }
  of_w: { type: file, from: w, path: w.ndjson }
"""
FILE = """millrace: 1
graph: dedup
events: { e: { fields: { t: { type: timestamp, format: unix_ms }, n: { type: int64 },
                         k: { type: string, optional: true } },
               event_time: t, missing_time: keep } }
sources:
  in: { type: file, path: in.ndjson, format: json, event: e, watermark: { delay: %(delay)s } }
steps: { d: { type: dedup, from: in, key: k, within: 10s%(more)s } }
sinks: { out: { type: file, from: d, path: out.ndjson } }
"""


class Dedup(millrace.Case):
    def recount(self, within_s):
        """Lines that pass and late ones: a row repeats one that passed and is near it."""
        passed, out, late, front = collections.defaultdict(list), [], [], None
        for line in (self.dir / "all.ndjson").read_text().splitlines():
            row = json.loads(line)
            time = millrace.seconds(row["timestamp"])
            key = (row["city"], row["event_type"], row["description"])
            if front is not None and time < front - 30:
                late.append(line)
            elif all(abs(time - other) > within_s for other in passed[key]):
                passed[key].append(time)
                out.append(line)
            front = time if front is None else max(front, time)
        return out, late

    def check(self, workers, within_s):
        self.write("g.yaml", GRAPH % {"workers": workers, "rows": ROWS, "within": f"{within_s}s"})
        result = self.millrace("run", "g.yaml", "--quiet", "--summary", "summary.json")
        self.assertEqual((result.code, result.err), (0, ""))
        out, late = self.recount(within_s)
        self.assertGreater(len(late), 100)
        self.assertEqual(sorted((self.dir / "out.ndjson").read_text().splitlines()), sorted(out))
        self.assertEqual(sorted((self.dir / "late.ndjson").read_text().splitlines()), sorted(late))
        summary = self.summary()
        self.assert_accounts(summary)
        node = self.node(summary, "d")
        self.assertEqual((node["rows_out"], node["late"]), (len(out), len(late)))
        self.assertEqual(node["filtered"], ROWS - len(out) - len(late))
        self.assertEqual(sum(row["count"] for row in self.rows("w.ndjson")), len(out))
        return node

    def test_the_first_row_of_a_key_within_the_time_passes(self):
        for workers in (1, 2, 4):
            for within_s in (2, 60):
                self.check(workers, within_s)

    def rows_of(self, rows, delay="0s", more=""):
        self.write("in.ndjson", "".join(json.dumps(row) + "\n" for row in rows))
        self.write("g.yaml", FILE % {"delay": delay, "more": more})
        result = self.millrace("run", "g.yaml", "--quiet", "--summary", "summary.json")
        summary = self.summary() if result.code == 0 else None
        if summary:
            self.assert_accounts(summary)
        return result, summary

    def numbers(self):
        return [row["n"] for row in self.rows("out.ndjson")]

    def test_a_repeat_does_not_extend_the_time_and_both_ends_are_in(self):
        times = [0, 10000, 10001, 20001, 20002]
        self.rows_of([{"t": t, "k": "a", "n": t} for t in times])
        self.assertEqual(self.numbers(), [0, 10001, 20002])

    def test_a_row_before_the_one_that_passed_is_a_repeat_too(self):
        times = [100000, 90000, 89999, 80000]
        self.rows_of([{"t": t, "k": "a", "n": t} for t in times], delay="1m")
        self.assertEqual(self.numbers(), [100000, 89999])

    def test_a_missing_key_is_a_key_and_a_missing_time_is_filtered(self):
        rows = [{"t": 0, "n": 1}, {"t": 1, "n": 2}, {"n": 3}, {"t": 2, "k": "", "n": 4}]
        _, summary = self.rows_of(rows)
        self.assertEqual(self.numbers(), [1, 4])
        self.assertEqual(self.node(summary, "d")["filtered"], 2)

    def test_a_full_memory_stops_the_graph_or_makes_dead_letters(self):
        rows = [{"t": i, "k": f"k{i}", "n": i} for i in range(12)]
        result, _ = self.rows_of(rows, more=", max_keys: 10")
        self.assertEqual(result.code, 1)
        self.assertIn("max_keys is 10 and 10 are remembered", result.err)
        result, summary = self.rows_of(rows, more=", max_keys: 10, on_full: dead_letter")
        self.assertEqual((result.code, self.numbers()), (0, list(range(10))))
        self.assertEqual(self.node(summary, "d")["dead_letters"], 2)
        letters = self.rows("millrace-data/dead_letters/dedup/d.ndjson")
        self.assertEqual([letter["code"] for letter in letters], ["MR3041"] * 2)
        self.assertEqual(json.loads(letters[0]["row"])["k"], "k10")

    def test_what_is_behind_the_watermark_is_forgotten(self):
        rows = [{"t": i * 1000, "k": f"k{i}", "n": i} for i in range(20000)]
        result, summary = self.rows_of(rows, more=", max_keys: 2200")
        self.assertEqual((result.code, result.err), (0, ""))
        self.assertEqual(self.node(summary, "d")["rows_out"], 20000)

    def test_what_dedup_cannot_do_is_refused_with_its_place(self):
        cases = [("key: k", "key: []", '8:43: error[MR1004]: dedup needs at least one key column'),
                 ("key: k", "key: none", '8:43: error[MR4011]: no column is named "none"'),
                 ("within: 10s", "within: -1s", "8:54: error[MR1004]: -1s is out of range"),
                 (", within: 10s", "", '8:10: error[MR1005]: missing key "within"'),
                 ("event_time: t, missing_time: keep", "format: json",
                  "8:10: error[MR4011]: the rows of this input have no event time"),
                 ("key: k", "workers: 2, on_full: wait, key: k",
                  "8:59: error[MR1007]")]
        for old, new, says in cases:
            self.write("in.ndjson", "")
            graph = FILE % {"delay": "0s", "more": ""}
            self.assertIn(old, graph)
            self.write("g.yaml", graph.replace(old, new, 1))
            result = self.millrace("validate", "g.yaml")
            self.assertEqual(result.code, 78, result.err)
            self.assertIn(f"g.yaml:{says}", result.err)


if __name__ == "__main__":
    millrace.main()

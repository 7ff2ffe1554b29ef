#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""NULL stays NULL where only some inputs of a step may have it, and in a missing event time."""

import json

import millrace

MERGED = """millrace: 1
graph: merged
events:
  sure: { fields: { k: { type: string }, v: { type: int64 } } }
  maybe:
    fields: { k: { type: string, optional: true }, v: { type: int64, optional: true } }
sources:
  a: { type: file, path: a.ndjson, event: sure }
  b: { type: file, path: b.ndjson, event: maybe }
steps:
  m: { type: merge, from: [FROM] }
  shown: { type: map, from: m, select: { k: "coalesce(k, 'none')", v: v, no: v IS NULL } }
  totals: { type: group, from: [FROM], key: [k], select: { n: count(v), low: min(v), s: sum(v) } }
sinks:
  all: { type: file, from: shown, path: all.ndjson }
  sums: { type: file, from: totals, path: sums.ndjson }
"""

TIMELESS = """millrace: 1
graph: timeless
events:
  e:
    event_time: t
    missing_time: keep
    fields: { t: { type: timestamp }, v: { type: int64 } }
sources: { in: { type: file, path: in.ndjson, event: e } }
steps:
  none: { type: filter, from: in, where: t IS NULL }
  all: { type: group, from: in, select: { n: count(t), low: min(t), high: max(t) } }
sinks:
  none_file: { type: file, from: none, path: none.ndjson }
  all_file: { type: file, from: all, path: times.ndjson }
"""


class Nulls(millrace.Case):
    def lines(self, name, rows):
        self.write(name, "".join(json.dumps(row) + "\n" for row in rows))

    def run_graph(self, text):
        self.write("g.yaml", text)
        result = self.millrace("run", "--quiet", "g.yaml")
        self.assertEqual(result.code, 0, result.err)

    def test_inputs_of_which_one_may_be_null_in_any_order(self):
        self.lines("a.ndjson", [{"k": "x", "v": 1}])
        self.lines("b.ndjson", [{"k": None, "v": None}, {"k": "y", "v": None}])
        for order in ("a, b", "b, a"):
            self.run_graph(MERGED.replace("FROM", order))
            rows = sorted(self.rows("all.ndjson"), key=lambda r: r["k"])
            self.assertEqual(rows, [{"k": "none", "v": None, "no": True},
                                    {"k": "x", "v": 1, "no": False},
                                    {"k": "y", "v": None, "no": True}], order)
            last = {row["k"]: row for row in self.rows("sums.ndjson")}
            self.assertEqual(last, {"x": {"k": "x", "n": 1, "low": 1, "s": 1},
                                    "y": {"k": "y", "n": 0, "low": None, "s": None},
                                    None: {"k": None, "n": 0, "low": None, "s": None}}, order)

    def test_a_row_that_may_lack_its_event_time_has_null_there(self):
        self.lines("in.ndjson", [{"t": "2025-10-13T11:30:00Z", "v": 1}, {"v": 2}])
        self.run_graph(TIMELESS)
        self.assertEqual(self.rows("none.ndjson"), [{"t": None, "v": 2}])
        self.assertEqual(self.rows("times.ndjson")[-1],
                         {"n": 1, "low": "2025-10-13T11:30:00Z", "high": "2025-10-13T11:30:00Z"})


if __name__ == "__main__":
    millrace.main()

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""named_struct in select and set: objects in what is written, and nothing that reads them."""

import millrace

GRAPH = """millrace: 1
graph: structs
runtime: { workers: { count: 2 }, clock: virtual }
sources:
  in: { type: generate, of: city, seed: 7, count: 2000,
        clock: { start: 2025-10-13T00:00:00Z, step: 100ms } }
steps:
  w: { type: window, from: in, window: { tumbling: 1m }, key: [city],
       select: { window: "named_struct('start', window_start, 'end', window_end)", n: count(*),
                 last: "named_struct('at', max(timestamp), 'none', max(IF0))" } }
  m: { type: map, from: w, set: { both: "named_struct('n', n, 'city', city)" }, drop: [window] }
  g: { type: group, from: m, key: [city], emit: complete, every: 1h,
       select: { sums: "named_struct('n', sum(n), 'cnt', count(*))" } }
sinks:
  of_w: { type: file, from: w, path: w.ndjson, nulls: omit }
  of_m: { type: file, from: m, path: m.ndjson }
  of_g: { type: file, from: g, path: g.ndjson }
""".replace("IF0", "CASE WHEN length(city) < 0 THEN 1 END")
BAD = """millrace: 1
graph: bad
sources:
  in: { type: generate, of: city, count: 1 }
steps:
  m: { type: map, from: in, select: { s: "named_struct('a', city)", n: 1 } }
  f: { type: %s }
sinks:
  out: { type: stdout, from: f }
"""


class Structs(millrace.Case):
    def test_are_objects_in_ndjson_and_carried_by_steps(self):
        self.write("g.yaml", GRAPH)
        result = self.millrace("run", "g.yaml", "--quiet", "--summary", "summary.json")
        self.assertEqual((result.code, result.err), (0, ""))
        windows, mapped = self.rows("w.ndjson"), self.rows("m.ndjson")
        self.assertEqual(sum(row["n"] for row in windows), 2000)
        total = {}
        for row, out in zip(windows, mapped, strict=True):
            self.assertEqual(list(row),
                             ["window_start", "window_end", "city", "window", "n", "last"])
            self.assertEqual(row["window"],
                             {"start": row["window_start"], "end": row["window_end"]})
            self.assertEqual(list(row["last"]), ["at"])  # the NULL is left out
            self.assertEqual(list(out), ["window_start", "window_end", "city", "n", "last", "both"])
            self.assertEqual(out["both"], {"n": row["n"], "city": row["city"]})
            self.assertEqual(out["last"], {"at": row["last"]["at"], "none": None})
            sums = total.setdefault(row["city"], {"n": 0, "cnt": 0})
            sums["n"] += row["n"]
            sums["cnt"] += 1
        last = {row["city"]: row["sums"] for row in self.rows("g.ndjson")}
        self.assertEqual(last, total)

    def test_no_expression_key_or_state_reads_them(self):
        for step, at, code in (
                ('filter, from: m, where: "s IS NULL"', "s IS", "MR2006"),
                ('filter, from: m, where: "a = \'x\'"', "a = ", "MR2002"),
                ("group, from: m, key: [s]", "s]", "MR4011"),
                ("group, from: m, key: [n], select: { x: last(s) }", "s) }", "MR2006"),
                ("map, from: in, set: { x: \"length(named_struct('a', city))\" }", "named",
                 "MR2006"),
                ("map, from: in, set: { x: \"named_struct('a', 1, 'a', 2)\" }", "'a', 2", "MR2006"),
                ("map, from: in, set: { x: \"named_struct('a')\" }", "named", "MR2004"),
                ("map, from: in, set: { x: \"named_struct(city, 1)\" }", "city", "MR2005")):
            column = len("  f: { type: ") + step.index(at) + 1
            self.write("bad.yaml", BAD % step)
            result = self.millrace("validate", "bad.yaml")
            self.assertEqual(result.code, 78, step)
            self.assertIn(f"bad.yaml:7:{column}: error[{code}]", result.err, step)


if __name__ == "__main__":
    millrace.main()

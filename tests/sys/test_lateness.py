#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""allowed_lateness, late rows and max_future_skew of a whole graph, against a recount of the rows
that went in, for any number of workers."""

import collections
import json

import millrace

ROWS = 20000
GRAPH = """millrace: 1
graph: lateness
runtime: { workers: { count: %(workers)d } }
sources:
  in: { type: generate, of: city, seed: 11, count: %(rows)d, late: { share: 5%%, by: 90s },
        clock: { start: 2025-10-13T00:00:00Z, step: 100ms }, watermark: { delay: 10s } }
steps:
  w: { type: window, from: in, window: { tumbling: 1m }, key: [city, severity], workers: %(split)d,
       allowed_lateness: %(lateness)s, emit: %(emit)s, late: divert,
       select: { n: count(*), last: max(timestamp) } }
sinks:
  all:  { type: file, from: in, path: all.ndjson }
  out:  { type: file, from: w, path: out.ndjson }
  late: { type: file, from: w.late, path: late.ndjson }
"""
SKEW = """millrace: 1
graph: skew
events: { e: { fields: { t: { type: timestamp }, n: { type: int64 } }, event_time: t } }
sources:
  in: { type: file, path: in.ndjson, format: json, event: e, watermark: { max_future_skew: 1h } }
steps: { w: { type: window, from: in, window: { tumbling: 1m } } }
sinks:
  out: { type: file, from: in, path: out.ndjson }
  of_w: { type: file, from: w, path: w.ndjson }
"""


class Lateness(millrace.Case):
    def recount(self, lateness_s):
        """The groups and the late rows, from the rows in their order."""
        groups, late, front = collections.defaultdict(lambda: [0, ""]), [], None
        for line in (self.dir / "all.ndjson").read_text().splitlines():
            row = json.loads(line)
            time = millrace.seconds(row["timestamp"])
            start = time - time % 60
            if front is not None and start + 60 + lateness_s <= front - 10:
                late.append(line)
            else:
                group = groups[start, row["city"], row["severity"]]
                group[0] += 1
                if not group[1] or time > millrace.seconds(group[1]):
                    group[1] = row["timestamp"]
            front = time if front is None else max(front, time)
        return dict(groups), late

    def check(self, workers, emit, lateness_s):
        self.write("g.yaml", GRAPH % {"workers": workers, "split": workers, "rows": ROWS,
                                      "emit": emit, "lateness": f"{lateness_s}s"})
        result = self.millrace("run", "g.yaml", "--quiet", "--summary", "summary.json")
        self.assertEqual((result.code, result.err), (0, ""))
        groups, late = self.recount(lateness_s)
        self.assertGreater(len(late), 10)
        rows = self.rows("out.ndjson")
        last = {(millrace.seconds(row["window_start"]), row["city"], row["severity"]):
                [row["n"], row["last"]] for row in rows}
        self.assertEqual(last, groups)
        self.assertEqual(sorted((self.dir / "late.ndjson").read_text().splitlines()), sorted(late))
        summary = self.summary()
        self.assert_accounts(summary)
        self.assertEqual(self.node(summary, "w")["late"], len(late))
        return len(rows) - len(last)

    def test_the_last_row_of_a_group_has_all_rows_in_time(self):
        for workers in (1, 2, 4):
            self.assertEqual(self.check(workers, "final", 0), 0)
            self.assertGreaterEqual(self.check(workers, "final", 20), 0)
            self.assertGreater(self.check(workers, "update", 20), 0)

    def test_rows_beyond_max_future_skew_pass_and_are_counted(self):
        lines = [{"t": "2025-10-13T00:00:00Z", "n": 1}, {"t": "2199-01-01T00:00:00Z", "n": 2},
                 {"t": "2025-10-13T00:00:01Z", "n": 3}]
        self.write("in.ndjson", "".join(json.dumps(line) + "\n" for line in lines))
        self.write("g.yaml", SKEW)
        result = self.millrace("run", "g.yaml", "--quiet", "--summary", "summary.json")
        self.assertEqual((result.code, result.err), (0, ""))
        self.assertEqual(self.rows("out.ndjson"), lines)
        source = [node for node in self.summary()["nodes"] if node["name"] == "in"][0]
        self.assertEqual((source["rows_out"], source.get("future")), (3, 1))


if __name__ == "__main__":
    millrace.main()

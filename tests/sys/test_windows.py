#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every kind of window over a whole graph, with late and repeated rows, against a recount of the
rows that went in; for any number of workers."""

import collections
import json

import millrace

ROWS = 5000
GRAPH = """millrace: 1
graph: windows
runtime: { workers: { count: %(workers)d } }
sources:
  in: { type: generate, of: city, seed: 5, count: %(rows)d, late: { share: 6%%, by: 70s },
        duplicates: 2%%, clock: { start: 2025-10-13T00:00:07Z, step: 90ms },
        watermark: { delay: 5s } }
steps:
  w: { type: window, from: in, window: %(window)s, key: [city, severity], workers: %(workers)d,
       allowed_lateness: %(lateness)ds, emit: %(emit)s, late: divert,
       select: { n: count(*), last: max(timestamp), kinds: count(DISTINCT event_type),
                 types: collect_list(event_type) } }
sinks:
  all:  { type: file, from: in, path: all.ndjson }
  out:  { type: file, from: w, path: out.ndjson }
  late: { type: file, from: w.late, path: late.ndjson }
"""


def floor(time, unit, offset):
    return (time - offset) // unit * unit + offset


def hopping(size, slide, offset=0):
    def windows(time):
        start = floor(time, slide, offset)
        while start + size > time:
            yield start, start + size
            start -= slide
    return windows


def cumulating(size, step, offset=0):
    def windows(time):
        start = floor(time, size, offset)
        end = floor(time, step, start) + step
        while end <= start + size:
            yield start, end
            end += step
    return windows


class Windows(millrace.Case):
    """Times are compared in milliseconds, so that all arithmetic is of whole numbers."""

    def input(self):
        for line in (self.dir / "all.ndjson").read_text().splitlines():
            row = json.loads(line)
            yield round(millrace.seconds(row["timestamp"]) * 1000), row, line

    def recount(self, windows, lateness):
        groups, late, partial, front = collections.defaultdict(list), [], 0, None
        for time, row, line in self.input():
            own = float("-inf") if front is None else front - 5000
            ends = list(windows(time))
            in_time = [w for w in ends if w[1] + lateness > own]
            for start, end in in_time:
                groups[start, end, row["city"], row["severity"]].append(row)
            partial += 0 < len(in_time) < len(ends)
            if not in_time:
                late.append(line)
            front = time if front is None else max(front, time)
        return groups, late, partial

    def run_graph(self, window, workers, emit, lateness_s):
        self.write("g.yaml", GRAPH % {"workers": workers, "rows": ROWS, "window": window,
                                      "emit": emit, "lateness": lateness_s})
        result = self.millrace("run", "g.yaml", "--quiet", "--summary", "summary.json")
        self.assertEqual((result.code, result.err), (0, ""))
        return self.rows("out.ndjson")

    def last_rows(self, rows):
        return {(round(millrace.seconds(r["window_start"]) * 1000),
                 round(millrace.seconds(r["window_end"]) * 1000), r["city"], r["severity"]): r
                for r in rows}

    def check(self, window, windows, workers, emit, lateness_s):
        with self.subTest(window=window, workers=workers, emit=emit, lateness=lateness_s):
            rows = self.run_graph(window, workers, emit, lateness_s)
            groups, late, partial = self.recount(windows, lateness_s * 1000)
            last = self.last_rows(rows)
            self.assertEqual(last.keys(), groups.keys())
            for key, got in last.items():
                want = groups[key]
                self.assertEqual(got["n"], len(want))
                self.assertEqual(millrace.seconds(got["last"]),
                                 max(millrace.seconds(r["timestamp"]) for r in want))
                self.assertEqual(got["types"], [r["event_type"] for r in want])
                self.assertEqual(got["kinds"], len({r["event_type"] for r in want}))
            if emit == "final" and not lateness_s:
                self.assertEqual(len(rows), len(last))
            self.assertEqual(sorted((self.dir / "late.ndjson").read_text().splitlines()),
                             sorted(late))
            summary = self.summary()
            self.assert_accounts(summary)
            self.assertEqual(self.node(summary, "w")["late"], len(late))
            self.assertEqual(self.node(summary, "w")["late_partial"], partial)
            return len(late), partial

    def test_hopping_windows_are_what_a_recount_says(self):
        window, windows = "{ hopping: 1m, slide: 20s }", hopping(60000, 20000)
        for workers in (1, 2, 4):
            late, partial = self.check(window, windows, workers, "final", 0)
            self.assertGreater(late, 10)
            self.assertGreater(partial, 10)
        self.check(window, windows, 2, "update", 0)
        self.check(window, windows, 2, "final", 30)
        self.check(window, windows, 1, "update", 30)

    def test_a_size_that_is_no_multiple_of_the_slide_and_an_offset(self):
        windows = hopping(50000, 15000, 4000)
        for workers in (1, 4):
            self.check("{ hopping: 50s, slide: 15s, offset: 4s }", windows, workers, "final", 0)

    def test_cumulating_windows_grow_by_their_step(self):
        window, windows = "{ cumulating: 2m, step: 30s, offset: 10s }", \
            cumulating(120000, 30000, 10000)
        for workers in (1, 4):
            self.check(window, windows, workers, "final", 0)
        self.check(window, windows, 2, "final", 40)
        self.check(window, windows, 2, "complete", 0)


if __name__ == "__main__":
    millrace.main()

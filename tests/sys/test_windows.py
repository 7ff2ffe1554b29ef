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
  in: { type: generate, of: city, seed: 5, count: %(rows)d, late: { share: 6%%, by: %(by)ds },
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
PROCESSING = """millrace: 1
graph: processing
runtime: { workers: { count: %(workers)d }, clock: virtual }
sources:
  in: { type: generate, of: city, seed: 5, count: 4000, late: { share: 6%%, by: 70s },
        clock: { start: 2025-10-13T00:00:07Z, step: 90ms } }
steps:
  at: { type: map, from: in, set: { at: ingest_time() } }
  w: { type: window, from: in, window: %(window)s, key: [city], workers: %(workers)d,
       emit: %(emit)s, select: { n: count(*), types: collect_list(event_type) } }
sinks:
  all: { type: file, from: at, path: all.ndjson }
  out: { type: file, from: w, path: out.ndjson }
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
        for n, line in enumerate((self.dir / "all.ndjson").read_text().splitlines()):
            row = json.loads(line) | {"n": n}
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

    def run_graph(self, window, workers, emit, lateness_s, by_s=70):
        self.write("g.yaml", GRAPH % {"workers": workers, "rows": ROWS, "window": window,
                                      "emit": emit, "lateness": lateness_s, "by": by_s})
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

    def recount_sessions(self, gap, lateness):
        """Each key's sessions as [first, last, rows, merged], and the late rows. A row joins the
        sessions that it touches and whose end its own watermark has not reached."""
        sessions, late, front = collections.defaultdict(list), [], None
        for time, row, line in self.input():
            own = float("-inf") if front is None else front - 5000
            front = time if front is None else max(front, time)
            of_key, made = sessions[row["city"], row["severity"]], None
            while True:
                first, last = (time, time) if made is None else (made[0], made[1])
                near = [s for s in of_key if s is not made and s[1] + gap + lateness > own
                        and first <= s[1] + gap and last + gap >= s[0]]
                if not near:
                    break
                if made is None:
                    made = near[0]
                    made[0], made[1] = min(made[0], time), max(made[1], time)
                    made[2].append((time, row))
                    continue
                other = near[0]
                of_key.remove(other)
                made[:] = [min(made[0], other[0]), max(made[1], other[1]),
                           sorted(made[2] + other[2], key=lambda r: (r[0], r[1]["n"])), True]
            if made is None and time + gap + lateness <= own:
                late.append(line)
            elif made is None:
                of_key.append([time, time, [(time, row)], False])
        return sessions, late

    def check_sessions(self, gap_ms, workers, emit, lateness_s, by_s):
        with self.subTest(gap=gap_ms, workers=workers, emit=emit, lateness=lateness_s):
            rows = self.run_graph(f"{{ session: {gap_ms}ms }}", workers, emit, lateness_s,
                                  by_s)
            sessions, late = self.recount_sessions(gap_ms, lateness_s * 1000)
            last, merged, cnt = self.last_rows(rows), 0, 0
            for key, of_key in sessions.items():
                for first, end, want, was_merged in of_key:
                    got = last[first, end + gap_ms, *key]
                    self.assertEqual(got["n"], len(want))
                    types = [row["event_type"] for _, row in want]
                    if was_merged:  # by event time, then arrival
                        types = [row["event_type"] for _, row in
                                 sorted(want, key=lambda r: (r[0], r[1]["n"]))]
                    self.assertEqual(got["types"], types)
                    self.assertEqual(got["kinds"], len(set(types)))
                    merged += was_merged
                    cnt += 1
            if emit == "final" and not lateness_s:
                self.assertEqual(len(rows), cnt)
            self.assertEqual(sorted((self.dir / "late.ndjson").read_text().splitlines()),
                             sorted(late))
            summary = self.summary()
            self.assert_accounts(summary)
            self.assertEqual(self.node(summary, "w")["late"], len(late))
            return len(late), merged

    def test_sessions_are_what_a_recount_says(self):
        for workers in (1, 2, 4):
            _, merged = self.check_sessions(1800, workers, "final", 0, 6)
            self.assertGreater(merged, 5)
            late, _ = self.check_sessions(1800, workers, "final", 0, 7)
            self.assertGreater(late, 10)
        self.check_sessions(1800, 2, "final", 30, 20)
        self.check_sessions(1800, 1, "update", 0, 7)
        self.check_sessions(1800, 2, "update", 30, 20)
        self.check_sessions(4500, 1, "complete", 0, 7)

    def test_processing_time_is_when_a_row_was_read(self):
        def sessions(gap):
            def windows(times):
                ends, first, last = [], None, None
                for time in sorted(times):
                    if last is not None and time > last + gap:
                        ends.append((first, last + gap))
                        first = None
                    first = time if first is None else first
                    last = time
                return ends + [(first, last + gap)]
            return windows
        kinds = [("{ tumbling: 30s", hopping(30000, 30000)),
                 ("{ hopping: 30s, slide: 20s, offset: 5s", hopping(30000, 20000, 5000)),
                 ("{ cumulating: 1m, step: 20s", cumulating(60000, 20000)),
                 ("{ session: 900ms", None)]
        for kind, windows in kinds:
            for workers, emit in ((1, "final"), (2, "update, every: 7s")):
                with self.subTest(window=kind, workers=workers, emit=emit):
                    self.write("g.yaml", PROCESSING % {
                        "window": kind + ", on: processing_time }", "workers": workers,
                        "emit": emit})
                    result = self.millrace("run", "g.yaml", "--quiet", "--summary",
                                           "summary.json")
                    self.assertEqual((result.code, result.err), (0, ""))
                    rows = [(round(millrace.seconds(r["at"]) * 1000), r)
                            for r in self.rows("all.ndjson")]
                    want = collections.defaultdict(list)
                    by_city = collections.defaultdict(list)
                    for time, row in rows:
                        by_city[row["city"]].append(time)
                    ends = {city: sessions(900)(times) for city, times in by_city.items()}
                    for time, row in rows:
                        of_row = windows(time) if windows else \
                            [e for e in ends[row["city"]] if e[0] <= time < e[1]]
                        for start, end in of_row:
                            want[start, end, row["city"]].append(row["event_type"])
                    got = {}
                    for r in self.rows("out.ndjson"):
                        key = (round(millrace.seconds(r["window_start"]) * 1000),
                               round(millrace.seconds(r["window_end"]) * 1000), r["city"])
                        if emit == "final":
                            self.assertNotIn(key, got)
                        got[key] = r["types"]
                    for key, types in want.items():
                        self.assertEqual(got[key], types, key)
                    if emit == "final":
                        self.assertEqual(got.keys(), want.keys())
                    summary = self.summary()
                    self.assert_accounts(summary)
                    self.assertEqual(self.node(summary, "w")["late"], 0)

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

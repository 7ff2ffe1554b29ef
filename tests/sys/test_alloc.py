#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Workers allocate nothing, from the first instruction of their threads to the last.

Every thread's calls of the allocator are counted by a preloaded library (alloc_count.c). That it
sees what it should is shown on the main thread, which allocates, and on a planted operator that
allocates in a worker (alloc_host.c).
"""

import pathlib
import struct
import subprocess

import millrace

GRAPH = """millrace: 1
graph: city
runtime: { workers: { count: %(workers)d }, clock: %(clock)s }
sources:
  in:
    type: generate
    of: city
    count: %(count)d
    seed: 7
    malformed: 0.01
    late: { share: 0.01, by: 20m }
    clock: { start: 2025-10-13T00:00:00Z, step: 20ms }
    watermark: { delay: 1m }
steps:
  severe: { type: filter, from: in,
            where: "severity IN ('high', 'critical') AND length(description) > 3" }
  alerts: { type: map, from: severe, select: { city: "upper(city)",
            minute: "extract(minute from timestamp)", text: "concat(city, ': ', description)",
            bad: "1 / CASE WHEN city = 'LA' THEN length(city) - 2 ELSE 1 END" } }
%(leaky)s
  per_type: { type: window, from: in, window: { tumbling: 5m }, key: [city, event_type],
              select: { n: count(*), severities: collect_list(severity), last: max(timestamp) } }
  totals: { type: group, from: in, key: [city], select: { n: count(*) }, emit: update, every: 10s }
sinks:
  alerts_file: { type: file, from: %(last)s, path: alerts.ndjson }
  windows_file: { type: file, from: per_type, path: windows.ndjson }
  late_file: { type: file, from: per_type.late, path: late.ndjson }
  console: { type: console, from: totals, every: 10s }
  errors: { type: 'null', from: alerts.errors }
"""
READ = """millrace: 1
graph: read
runtime: { workers: { count: %d } }
sources:
  in: { type: file, path: in.ndjson, fields: { city: { type: string }, severity: { type: string },
        timestamp: { type: timestamp }, description: { type: string, optional: true } } }
steps:
  some: { type: filter, from: in, where: "severity = 'high' OR city LIKE '%%o%%'" }
sinks:
  out: { type: file, from: some, path: out.ndjson }
"""
COUNT = 300_000
HEAD, RECORD, MAX = 64, 64, 255


class Alloc(millrace.Case):
    def setUp(self):
        super().setUp()
        self.library = millrace.BUILD / "tests/sys/liballoc_count.so"
        self.host = millrace.BUILD / "tests/sys/alloc_host"
        if not self.library.exists():
            self.skipTest(f"{self.library} is not built")
        self.counts_file = self.dir / "counts"
        self.preload = {"LD_PRELOAD": str(self.library), "ALLOC_COUNT_FILE": str(self.counts_file)}

    def counts(self):
        """Calls per thread id, as (malloc, calloc, realloc, aligned, new, mmap, bytes)."""
        data = self.counts_file.read_bytes()
        cnt, lost = struct.unpack_from("=QQ", data)
        self.assertEqual(lost, 0)
        records = [struct.unpack_from("=8Q", data, HEAD + i * RECORD) for i in range(cnt)]
        return {tid: calls for tid, *calls in records}

    def graph(self, workers, clock="virtual", leaky=False):
        self.write("g.yaml", GRAPH % {
            "workers": workers, "clock": clock, "count": COUNT,
            "last": "leak" if leaky else "alerts",
            "leaky": "  leak: { type: leaky, from: alerts }" if leaky else ""})

    def run_counted(self, *more):
        result = self.millrace("run", "g.yaml", "--quiet", "--summary", "summary.json", *more,
                               env=self.preload)
        self.assertEqual(result.code, 0, result.err)
        summary = self.summary()
        self.assert_accounts(summary)
        counts = self.counts()
        self.assertGreater(sum(sum(c[:6]) for c in counts.values()), 100,
                           "the main thread allocates, and that is seen")
        workers = [w["tid"] for w in summary["workers"]]
        self.assertTrue(all(workers))
        self.assertEqual({tid: counts[tid] for tid in workers if tid in counts}, {})
        return summary

    def test_workers_of_a_city_graph_allocate_nothing(self):
        for workers in (1, 2):
            for clock in ("virtual", "wall"):
                self.graph(workers, clock)
                summary = self.run_counted()
                for name in ("severe", "alerts", "per_type", "totals", "alerts_file", "console"):
                    self.assertGreater(self.node(summary, name)["rows_in"], 0, name)
                self.assertGreater(self.node(summary, "in")["dead_letters"], 0)
                self.assertGreater(self.node(summary, "alerts")["dead_letters"], 0)
                self.assertGreater(self.node(summary, "per_type")["late"], 0)

    def test_workers_that_read_and_write_files_allocate_nothing(self):
        made = self.millrace("gen", "city", "--count", COUNT, "--seed", 7)
        lines = made.out.replace('"severity"', '"severity" ', 1)
        self.write("in.ndjson", lines + "not json\n" + '{"city":"\\u00e9"}\n')
        for workers in (1, 2):
            self.write("g.yaml", READ % workers)
            summary = self.run_counted()
            self.assertEqual(self.node(summary, "in")["rows_in"], COUNT + 2)
            self.assertEqual(self.node(summary, "in")["dead_letters"], 2)

    def test_an_operator_that_allocates_is_caught(self):
        for leaky in (False, True):
            self.graph(2, leaky=leaky)
            done = subprocess.run([self.host, "g.yaml"], cwd=self.dir, capture_output=True,
                                  env=dict(self.env, **self.preload), text=True,
                                  timeout=millrace.LIMIT_S)
            self.assertEqual(done.returncode, 0, done.stderr)
            tids = [int(line) for line in done.stdout.splitlines() if line.isdigit()]
            self.assertEqual(len(tids), 2)
            counts = self.counts()
            calls = sum(sum(counts[tid][:6]) for tid in tids if tid in counts)
            if leaky:
                self.assertGreater(calls, 10)
            else:
                self.assertEqual(calls, 0)
            pathlib.Path(self.counts_file).unlink()


if __name__ == "__main__":
    millrace.main()

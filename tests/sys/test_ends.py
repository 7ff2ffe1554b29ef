#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How a run ends: --count, --duration, signals, a drain that is cut short; and runs that are the
same byte by byte."""

import collections
import contextlib
import json
import os
import signal

import millrace

ENDLESS = """millrace: 1
graph: g
runtime: { workers: { count: %(workers)d }, drain_timeout: %(timeout)s }
sources: { in: { type: generate, of: city, seed: 7%(more)s } }
steps:   { severe: { type: filter, from: in, where: "severity IN ('high', 'critical')" } }
sinks:   { out: { type: file, from: severe, path: %(path)s } }
"""
TWO = """millrace: 1
graph: g
runtime: { workers: { count: %d } }
sources:
  a: { type: generate, of: city, seed: 1 }
  b: { type: generate, of: city, seed: 2 }
sinks:
  out: { type: file, from: [a, b], path: out.ndjson }
"""
LINES = """millrace: 1
graph: g
sources: { in: { type: file, path: in.ndjson, format: json, fields: { n: { type: int64 } } } }
sinks:   { out: { type: file, from: in, path: out.ndjson } }
"""
WINDOW = """millrace: 1
graph: g
runtime: { workers: { count: %d }, at_end: %s }
sources:
  in: { type: generate, of: city, seed: 7%s, clock: { start: 2025-10-13T00:00:00Z, step: 1ms } }
steps:
  per_city: { type: window, from: in, window: { tumbling: 1m }, key: [city],
              select: { n: count(*) } }
sinks:
  out: { type: file, from: per_city, path: out.ndjson }
  all: { type: 'null', from: in }
"""
SAME = """millrace: 1
graph: same
runtime: { workers: { count: %d }, clock: virtual }
sources:
  in:
    type: generate
    of: city
    count: 60000
    rate: 10k/s
    clock: { start: 2025-10-13T00:00:00Z, step: 20ms }
    late: { share: 0.02, by: 15m }
    duplicates: 0.01
    malformed: 0.01
    skew: 1.1
    watermark: { delay: 1m }
steps:
  alerts: { type: map, from: in, set: { seen: ingest_time(), part: "100 / (length(city) - 3)" } }
  per_type: { type: window, from: in, window: { tumbling: 5m }, key: [city, event_type],
              select: { n: count(*), severities: collect_list(severity),
                        seen: max(ingest_time()) } }
  newest: { type: window, from: in, window: { tumbling: 1m }, key: [city], select: { n: count(*) },
            emit: update, every: 10s }
  totals: { type: group, from: in, key: [severity], select: { n: count(*), t: max(timestamp) },
            emit: complete, every: 30s }
sinks:
  alerts_file: { type: file, from: alerts, path: "${data_dir}/alerts.ndjson" }
  windows_file: { type: file, from: per_type, path: "${data_dir}/windows.ndjson" }
  newest_file: { type: file, from: newest, path: "${data_dir}/newest.ndjson" }
  totals_file: { type: file, from: totals, path: "${data_dir}/totals.ndjson" }
  late_file: { type: file, from: per_type.late, path: "${data_dir}/late.ndjson" }
  bad_file: { type: file, from: in.errors, path: "${data_dir}/bad.ndjson" }
"""


class Counts(millrace.Case):
    def test_count_takes_so_many_rows_and_no_more(self):
        for workers in (1, 2):
            self.write("g.yaml", ENDLESS % {"workers": workers, "timeout": "25s", "more": "",
                                            "path": "out.ndjson"})
            for count in (1, 1000, 1024, 12345, 100000):
                result = self.millrace("run", "g.yaml", "--quiet", "--count", count, "--summary",
                                       "summary.json")
                self.assertEqual(result.code, 0, result.err)
                summary = self.summary()
                self.assert_accounts(summary)
                self.assertEqual(self.node(summary, "in")["rows_in"], count)
                self.assertEqual(self.node(summary, "out")["rows_out"],
                                 len(self.rows("out.ndjson")))

    def test_count_is_over_all_sources(self):
        for workers in (1, 2, 3):
            self.write("g.yaml", TWO % workers)
            for count in (1, 5000, 99999):
                result = self.millrace("run", "g.yaml", "--quiet", "--count", count, "--summary",
                                       "summary.json")
                self.assertEqual(result.code, 0, result.err)
                summary = self.summary()
                taken = [self.node(summary, n)["rows_in"] for n in ("a", "b")]
                self.assertEqual(sum(taken), count)
                self.assertEqual(self.node(summary, "out")["rows_out"], count)

    def test_count_counts_bad_rows_and_ends_before_the_input(self):
        self.write("g.yaml", LINES)
        lines = ['{"n":%d}\n' % i if i % 10 else "bad\n" for i in range(5000)]
        self.write("in.ndjson", "".join(lines))
        for count in (1, 1500, 4999, 5000, 6000):
            result = self.millrace("run", "g.yaml", "--quiet", "--count", count, "--summary",
                                   "summary.json")
            self.assertEqual(result.code, 0, result.err)
            summary = self.summary()
            self.assert_accounts(summary)
            counts = self.node(summary, "in")
            taken = min(count, 5000)
            self.assertEqual((counts["rows_in"], counts["dead_letters"]),
                             (taken, (taken + 9) // 10))
            self.assertEqual([r["n"] for r in self.rows("out.ndjson")],
                             [i for i in range(taken) if i % 10])

    def test_duration_drains(self):
        for workers in (1, 2):
            self.write("g.yaml", ENDLESS % {"workers": workers, "timeout": "25s",
                                            "path": "out.ndjson", "more": ", rate: 100k/s"})
            result = self.millrace("run", "g.yaml", "--quiet", "--duration", "300ms", "--summary",
                                   "summary.json")
            self.assertEqual(result.code, 0, result.err)
            summary = self.summary()
            self.assert_accounts(summary)
            self.assertGreaterEqual(summary["wall_ns"], 300_000_000)
            self.assertLess(self.node(summary, "in")["rows_in"],
                            summary["wall_ns"] / 1e9 * 100_000 * 1.1 + 2048)
            self.assertEqual(self.node(summary, "in")["rows_out"],
                             self.node(summary, "severe")["rows_in"])
            self.assertEqual(self.node(summary, "out")["rows_out"], len(self.rows("out.ndjson")))

    def test_wrong_values_of_both_end_64(self):
        for flags in (("--count", "0"), ("--count", "-1"), ("--count", "x"), ("--duration", "0s"),
                      ("--duration", "x"), ("--duration", "-1s"), ("--count",)):
            self.assertEqual(self.millrace("run", "g.yaml", *flags).code, 64, flags)


class Ends(millrace.Case):
    """A sink that writes to a pipe that is open and that nobody reads: nothing goes on."""

    def stuck(self, workers=1, timeout="25s"):
        fifo = self.dir / "fifo"
        fifo.unlink(missing_ok=True)
        os.mkfifo(fifo)
        self.pipe = os.open(fifo, os.O_RDWR | os.O_NONBLOCK)
        self.addCleanup(os.close, self.pipe)
        self.write("g.yaml", ENDLESS % {"workers": workers, "timeout": timeout, "more": "",
                                        "path": "fifo"})
        child = self.start("run", "g.yaml", "--quiet", "--summary", "summary.json")
        before, looks = [-1], [0]

        def stands_still():
            """The same rows in ten looks: one alone may fall between two publications."""
            stat = self.stat()
            if not stat:
                return False
            rows = self.node(stat, "in")["rows_in"]
            looks[0] = looks[0] + 1 if rows > 0 and rows == before[0] else 0
            before[0] = rows
            return looks[0] >= 10
        self.wait_for("the graph to stand still", stands_still)
        return child

    def stat(self):
        result = self.millrace("stat", "g", "--json")
        return json.loads(result.out) if result.code == 0 else None

    def check_cut_short(self, child):
        self.assertEqual(child.wait(30), 75)
        err = millrace.Result(0, "", child.stderr.read().decode(), 0).err
        self.assertIn("stopped before all rows had gone through", err)
        self.assertEqual(len(err.splitlines()), 1, err)
        self.assertEqual(list(self.run_dir.iterdir()), [])
        summary = self.summary()
        self.assert_accounts(summary)
        data = b""
        with contextlib.suppress(BlockingIOError):
            while True:
                data += os.read(self.pipe, 1 << 20)
        self.assertGreater(len(data), 4096)
        out = self.node(summary, "out")
        self.assertEqual(out["rows_out"], data.count(b"\n"), "the lines that the pipe has whole")
        self.assertGreater(out["dropped"], 0)

    def test_a_second_term_cuts_the_drain_short(self):
        for workers in (1, 2):
            for sig in (signal.SIGTERM, signal.SIGINT):
                child = self.stuck(workers)
                child.send_signal(sig)
                self.wait_for("the drain", lambda: self.stat()["state"] == "draining")
                self.assertIsNone(child.poll())
                child.send_signal(sig)
                self.check_cut_short(child)

    def test_quit_stops_at_once(self):
        child = self.stuck()
        child.send_signal(signal.SIGQUIT)
        self.check_cut_short(child)

    def test_drain_timeout_cuts_the_drain_short(self):
        for workers in (1, 2):
            child = self.stuck(workers, timeout="300ms")
            self.assertIsNone(child.poll())
            child.send_signal(signal.SIGTERM)
            self.check_cut_short(child)

    def test_a_drain_ends_0_when_the_reader_comes_back(self):
        child = self.stuck()
        child.send_signal(signal.SIGTERM)
        self.wait_for("the drain", lambda: self.stat()["state"] == "draining")
        data = bytearray()

        def read_on():
            with contextlib.suppress(BlockingIOError):
                data.extend(os.read(self.pipe, 1 << 20))
            return child.poll() is not None
        self.wait_for("the end", read_on)
        read_on()
        self.assertEqual(child.poll(), 0, child.stderr.read())
        summary = self.summary()
        self.assert_accounts(summary)
        self.assertEqual(self.node(summary, "out")["rows_out"], data.count(b"\n"))
        self.assertEqual(self.node(summary, "in")["rows_out"],
                         self.node(summary, "severe")["rows_in"])
        for line in bytes(data).splitlines():
            json.loads(line)


class Windows(millrace.Case):
    def run_windows(self, workers, at_end, more, *flags):
        self.write("g.yaml", WINDOW % (workers, at_end, more))
        result = self.millrace("run", "g.yaml", "--quiet", "--summary", "summary.json", *flags)
        self.assertEqual(result.code, 0, result.err)
        self.assert_accounts(self.summary())
        return self.rows("out.ndjson")

    def test_the_end_of_the_input_closes_all_windows_or_with_hold_none(self):
        for workers in (1, 2):
            rows = self.run_windows(workers, "flush", ", count: 150000")
            self.assertEqual(sum(r["n"] for r in rows), 150000)
            self.assertEqual(len({r["window_start"] for r in rows}), 3)
            rows = self.run_windows(workers, "hold", ", count: 150000")
            self.assertEqual(sum(r["n"] for r in rows), 120000)

    def test_count_is_an_end_of_the_input_too(self):
        rows = self.run_windows(1, "flush", "", "--count", 90000)
        self.assertEqual(sum(r["n"] for r in rows), 90000)

    def test_a_drain_never_closes_a_window_early(self):
        for workers in (1, 2):
            rows = self.run_windows(workers, "flush", ", rate: 50k/s", "--duration", "300ms")
            taken = self.node(self.summary(), "in")["rows_out"]
            self.assertEqual(self.node(self.summary(), "per_city")["absorbed"], taken)
            per_window = collections.Counter()
            for row in rows:
                per_window[row["window_start"]] += row["n"]
            self.assertEqual(set(per_window.values()) - {60000}, set())
            self.assertEqual(len(per_window), max(taken - 1, 0) // 60000)


class Same(millrace.Case):
    NAMES = ("alerts", "windows", "newest", "totals", "late", "bad")

    def run_same(self, name, workers=1, seed=7, flags=(), prefix=()):
        self.write("same.yaml", SAME % workers)
        data = self.dir / name
        result = self.millrace("run", "same.yaml", "--quiet", "--seed", seed, "--set",
                               f"runtime.data_dir={data}", "--summary", "summary.json", *flags,
                               prefix=prefix)
        self.assertEqual(result.code, 0, result.err)
        self.assert_accounts(self.summary())
        files = {p.relative_to(data).as_posix(): p.read_bytes() for p in data.rglob("*")
                 if p.is_file()}
        for kind in self.NAMES:
            self.assertGreater(len(files[f"{kind}.ndjson"]), 0, kind)
        self.assertIn("dead_letters/same/in.ndjson", files)
        self.assertIn("dead_letters/same/alerts.ndjson", files)
        return files

    def test_one_worker_and_a_virtual_clock_write_the_same_bytes(self):
        first = self.run_same("a")
        for i, flags in enumerate(((), (), ("--set", "runtime.link_items=2"),
                                   ("--set", "runtime.workers.wait=spin"),
                                   ("--set", "runtime.workers.wait=block"))):
            again = self.run_same(f"b{i}", flags=flags)
            self.assertEqual(set(again), set(first))
            for name in first:
                self.assertEqual(again[name], first[name], (name, flags))
        other = self.run_same("c", seed=8)
        for name in first:
            self.assertNotEqual(other[name], first[name], name)

    def test_more_workers_write_the_same_rows(self):
        """What `update` and `complete` tell on the way is up to the schedule."""
        one, two = self.run_same("a"), self.run_same("b", workers=2)
        for name in ("alerts", "windows", "late"):
            file = f"{name}.ndjson"
            self.assertEqual(sorted(two[file].splitlines()), sorted(one[file].splitlines()), name)

    def test_another_cpu_changes_no_byte(self):
        first = self.run_same("a")
        again = self.run_same("b", prefix=["taskset", "-c", str(min(os.sched_getaffinity(0)))])
        self.assertEqual(again, first)


if __name__ == "__main__":
    millrace.main()

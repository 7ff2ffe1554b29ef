#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The city graph against an independent recount: the same events, counted again in plain Python."""

import collections
import datetime
import hashlib
import json
import os
import pathlib
import random
import select
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "sys"))
import millrace  # noqa: E402

COUNT = 200_000
SEED = 7
START = datetime.datetime(2025, 10, 13, tzinfo=datetime.timezone.utc)
GRAPH = millrace.ROOT / "configs/city-kubernetes.yaml"
DELAY = 600


def stamp(t):
    return t.strftime("%Y-%m-%dT%H:%M:%SZ")


class City(millrace.Case):
    def events(self):
        """The events of the graph's own generator, as lines."""
        result = self.millrace("gen", "city", "--count", COUNT, "--seed", SEED, "--clock",
                               f"{stamp(START)},20ms")
        self.assertEqual(result.code, 0, result.err)
        rows = result.lines()
        self.assertEqual(len(rows), COUNT)
        self.assertEqual(list(rows[0]),
                         ["city", "severity", "timestamp", "description", "event_type"])
        return rows

    def run_graph(self, name, *more):
        data = self.dir / name
        result = self.millrace("run", GRAPH, "--seed", SEED, "--clock", "virtual", "--count", COUNT,
                               "--set", f"runtime.data_dir={data}", "--set",
                               "runtime.workers.count=1", "--summary", f"{name}.json", *more)
        self.assertEqual(result.code, 0, result.err)
        files = {str(p.relative_to(data)): p.read_bytes() for p in sorted(data.rglob("*"))
                 if p.is_file()}
        return result, files, self.summary(f"{name}.json")

    def test_windows_and_alerts_equal_a_recount(self):
        _, files, summary = self.run_graph("a")
        self.assert_accounts(summary)
        windows = collections.defaultdict(list)
        alerts = []
        for e in self.events():
            t = millrace.seconds(e["timestamp"])
            windows[(t // 300 * 300, e["city"], e["event_type"])].append(e["severity"])
            if e["severity"] in ("high", "critical"):
                alerts.append((e["timestamp"], e["city"], e["event_type"], e["severity"],
                               e["description"]))
        name = next(n for n in files if "windowed-aggregations" in n)
        got = {}
        for line in files[name].splitlines():
            row = json.loads(line)
            key = (millrace.seconds(row["window_start"]), row["city"], row["event_type"])
            self.assertNotIn(key, got, "each window and key comes out once")
            self.assertEqual(millrace.seconds(row["window_end"]) - key[0], 300)
            self.assertEqual(row["event_count"], len(row["severities"]))
            got[key] = row["severities"]
        self.assertEqual(got, dict(windows))
        name = next(n for n in files if "high-severity-alerts" in n)
        rows = [json.loads(line) for line in files[name].splitlines()]
        self.assertEqual([(r["event_time"], r["city"], r["event_type"], r["severity"],
                           r["description"]) for r in rows], alerts)

    def test_every_run_of_a_seed_writes_the_same_bytes(self):
        first, files, _ = self.run_graph("a")
        second, again, _ = self.run_graph("b")
        self.assertEqual(files, again)
        self.assertEqual(first.out, second.out)
        self.assertIn("Batch: ", first.out)
        other, different, _ = self.run_graph("c", "--seed", SEED + 1)
        self.assertNotEqual(files, different)

    def test_a_slow_reader_of_the_consoles_changes_no_byte(self):
        want = hashlib.sha256(self.run_graph("a", "--quiet")[0].out.encode()).hexdigest()
        child = self.start("run", GRAPH, "--seed", SEED, "--clock", "virtual", "--count", COUNT,
                           "--set", f"runtime.data_dir={self.dir}/b", "--set",
                           "runtime.workers.count=1", "--quiet", stderr=subprocess.DEVNULL)
        got = hashlib.sha256()
        pauses = random.Random(SEED)
        while data := os.read(child.stdout.fileno(), pauses.choice([100, 4096, 65536])):
            got.update(data)
            select.select([], [], [], pauses.choice([0, 0, 0, 0.0005]))
        self.assertEqual(child.wait(30), 0)
        self.assertEqual(got.hexdigest(), want)

    def test_two_workers_give_the_same_rows(self):
        _, one, _ = self.run_graph("a")
        _, two, summary = self.run_graph("b", "--set", "runtime.workers.count=2")
        self.assert_accounts(summary)
        for name in one:
            self.assertEqual(sorted(one[name].splitlines()), sorted(two[name].splitlines()), name)

    def test_the_summary_of_a_minute_adds_up(self):
        result, _, _ = self.run_graph("a")
        self.assertIn("total_events", result.out)


if __name__ == "__main__":
    millrace.main()

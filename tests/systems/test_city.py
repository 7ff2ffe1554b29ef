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
    kept = {}  # what several tests look at is made once

    def once(self, name, make):
        if name not in self.kept:
            self.kept[name] = make()
        return self.kept[name]

    def events(self):
        """The events of the graph's own generator, as lines."""
        return self.once("events", self.make_events)

    def make_events(self):
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

    def assert_rows(self, got, want):
        """Equal, told by the first difference: a whole one of so many rows takes minutes."""
        for at, (g, w) in enumerate(zip(got, want)):
            self.assertEqual(g, w, f"row {at}")
        self.assertEqual(len(got), len(want))

    # ---- the five console queries ----

    def tables(self, *more):
        """Every table that the consoles printed, in order: {columns: [rows, as dicts]}."""
        return self.once(("tables", *more), lambda: self.make_tables(*more))

    def make_tables(self, *more):
        whole = ("windowed", "alerts", "summary", "errors", "lag")
        sets = [w for name in whole
                for w in ("--set", f"sinks.{name}_console.rows=1000")]
        result, _, summary = self.run_graph("tables", "--quiet", *sets, *more)
        found, head = collections.defaultdict(list), None
        for line in result.out.splitlines():
            if not line.startswith("|"):
                head = None if line.startswith("Batch: ") else head
                continue
            cells = [cell.strip() for cell in line[1:-1].split("|")]
            if head is None:
                head = tuple(cells)
            else:
                found[head].append(dict(zip(head, cells)))
        return found, summary

    def shown(self, text):
        """A timestamp as the console shows it, in seconds."""
        return millrace.seconds(text.replace(" ", "T") + "Z")

    def table(self, found, column):
        """The rows of the only kind of table with that column."""
        kinds = [head for head in found if column in head]
        self.assertEqual(len(kinds), 1, list(found))
        return found[kinds[0]]

    def test_console_windows_are_counts_so_far_and_end_as_a_recount(self):
        rows = self.table(self.tables()[0], "last_processed")
        want = collections.Counter(
            (millrace.seconds(e["timestamp"]) // 300 * 300, e["city"], e["event_type"])
            for e in self.events())
        got = {}
        for row in rows:
            key = (self.shown(row["window_start"]), row["city"], row["event_type"])
            self.assertGreater(int(row["event_count"]), got.get(key, 0), "each row is a change")
            got[key] = int(row["event_count"])
        self.assertEqual(got, dict(want))
        self.assertGreater(len(rows), len(got))

    def test_console_alerts_are_all_that_is_high_or_critical(self):
        rows = self.table(self.tables()[0], "processing_time")
        self.assert_rows([(self.shown(r["event_time"]), r["city"],
                           r["severity"], r["description"]) for r in rows],
                         [(millrace.seconds(e["timestamp"]), e["city"], e["severity"],
                           e["description"])
                          for e in self.events() if e["severity"] in ("high", "critical")])

    def test_each_summary_of_a_minute_adds_up_and_the_last_is_the_recount(self):
        rows = self.table(self.tables()[0], "total_events")
        self.assertEqual(list(rows[0]), ["minute", "city", "total_events", "critical_count",
                                         "high_count", "medium_count", "low_count"])
        want = collections.Counter((millrace.seconds(e["timestamp"]) // 60 * 60, e["city"],
                                    e["severity"]) for e in self.events())
        last = {}
        for row in rows:
            parts = {s: int(row[f"{s}_count"]) for s in ("critical", "high", "medium", "low")}
            self.assertEqual(int(row["total_events"]), sum(parts.values()))
            last[self.shown(row["minute"]), row["city"]] = parts
        got = {(*key, s): n for key, parts in last.items() for s, n in parts.items() if n}
        self.assertEqual(got, dict(want))

    def test_broken_records_are_shown_as_they_came_and_counted(self):
        found, summary = self.tables("--set", "sources.city_events.malformed=1%")
        rows = self.table(found, "kafka_timestamp")
        node = self.node(summary, "city_events")
        self.assertEqual(len(rows), node["dead_letters"])
        self.assertTrue(0.008 < len(rows) / COUNT < 0.012, len(rows))
        for row in rows:
            with self.assertRaises(ValueError, msg=row["json"]):
                json.loads(row["json"])

    def test_lag_metrics_count_every_event_and_lag_behind_late_ones_by_so_much(self):
        rows = self.table(self.tables()[0], "events_processed")
        counts = [int(row["events_processed"]) for row in rows]
        self.assertEqual(counts, sorted(counts))
        self.assertEqual(counts[-1], COUNT)
        self.assertEqual({row["max_lag_seconds"] for row in rows}, {"0"})
        rows = self.table(self.tables("--set", "sources.city_events.late.share=5%", "--set",
                                      "sources.city_events.late.by=2h")[0], "events_processed")
        self.assertEqual(rows[-1]["max_lag_seconds"], "7200")
        self.assertTrue(0.045 * 7200 < float(rows[-1]["avg_lag_seconds"]) < 0.055 * 7200)


if __name__ == "__main__":
    millrace.main()

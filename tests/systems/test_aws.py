#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The city graph that keeps tables, against an independent recount."""

import collections
import datetime

import system
from system import millrace


class CityAws(system.System):
    graph, source, of = "city-aws.yaml", "city_events", "city"

    def test_raw_items_are_all_events_with_an_id_and_an_expiry(self):
        raw = self.run_graph()["raw-events"]
        events = self.events()
        self.assertEqual(len(raw), len(events))
        for row, e in zip(raw, events):
            self.assertEqual(list(row), ["event_id", "timestamp", "city", "event_type", "severity",
                                         "description", "processing_time", "ttl"])
            self.assertEqual(row["event_id"], f"{e['city']}-{e['event_type']}-{e['timestamp']}")
            self.assertEqual({k: row[k] for k in e}, e)
            self.assertEqual(row["ttl"], int(millrace.seconds(row["processing_time"])) + 2592000)

    def test_the_last_item_of_each_window_and_key_is_its_whole_count(self):
        rows = self.run_graph()["aggregations"]
        want = collections.defaultdict(list)
        for e in self.events():
            start = system.window_of(e["timestamp"], 300)
            text = datetime.datetime.fromtimestamp(start, datetime.timezone.utc)
            key = f"{e['city']}#{e['event_type']}#{text:%Y-%m-%dT%H:%M:%S}"
            want[key].append(e["severity"])
        table = self.last_by(rows, "partition_key")
        self.assertEqual({k[0]: r["severities"] for k, r in table.items()}, dict(want))
        for row in table.values():
            self.assertEqual(row["event_count"], len(row["severities"]))
            length = millrace.seconds(row["window_end"]) - millrace.seconds(row["window_start"])
            self.assertEqual(length, 300)
        self.assertGreater(len(rows), len(table), "windows are updated while they are open")

    def test_alerts_are_what_is_high_or_critical(self):
        alerts = self.run_graph()["alerts"]
        want = [e for e in self.events() if e["severity"] in ("high", "critical")]
        self.assertEqual([(r["city"], r["timestamp"], r["severity"], r["description"])
                          for r in alerts],
                         [(e["city"], e["timestamp"], e["severity"], e["description"])
                          for e in want])
        self.assertEqual(list(alerts[0]), ["city", "timestamp", "event_type", "severity",
                                           "description", "processing_time", "event_id"])
        self.assertTrue(0.48 < len(alerts) / self.count < 0.52)

    def test_the_console_shows_the_count_of_each_combination(self):
        self.run_graph("a", "--set", "steps.counts.every=1h")  # one table, at the end
        want = collections.Counter(
            (e["city"], e["event_type"], e["severity"]) for e in self.events())
        last = self.out[self.out.rindex("Batch: "):]
        cells = [[c.strip() for c in line.strip("|").split("|")]
                 for line in last.splitlines() if line.startswith("|")]
        self.assertEqual(cells[0], ["city", "event_type", "severity", "count"])
        self.assertEqual(len(cells), 21, "20 rows are shown")
        for city, event_type, severity, count in cells[1:]:
            self.assertEqual(int(count), want[city, event_type, severity])
        self.assertEqual(len(want), 96)


if __name__ == "__main__":
    millrace.main()

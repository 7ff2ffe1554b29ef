#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Windows over sensor telemetry against four runs of the system that it stands for, as their own
files had them: how many events each window of each run held."""

import collections
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "sys"))
import millrace  # noqa: E402

GRAPH = """\
millrace: 1
graph: golden
runtime: {{ clock: virtual, at_end: {at_end} }}
sources:
  sensor_events:
    type: generate
    of: sensors
    count: {count}
    clock: {{ start: {start}, step: 20ms }}
    watermark: {{ delay: {delay} }}
steps:
  curated:
    type: window
    from: sensor_events
    window: {{ tumbling: {window} }}
    key: [device_id]
    select: {{ n_events: count(*) }}
sinks:
  out: {{ type: file, from: curated, path: out.ndjson }}
"""

DAY = "2025-08-20T"


class Golden(millrace.Case):
    def windows(self, start, count, window, delay, at_end="flush"):
        """Events per window, and devices per window."""
        self.write("golden.yaml", GRAPH.format(start=DAY + start, count=count, window=window,
                                               delay=delay, at_end=at_end))
        result = self.millrace("run", "golden.yaml", "--summary", "summary.json")
        self.assertEqual(result.code, 0, result.err)
        self.assert_accounts(self.summary())
        events, devices = collections.Counter(), collections.defaultdict(set)
        for row in self.rows("out.ndjson"):
            at = row["window_start"].removeprefix(DAY)
            self.assertNotIn(row["device_id"], devices[at], "a device comes once per window")
            devices[at].add(row["device_id"])
            events[at] += row["n_events"]
        for at, cnt in events.items():
            self.assertLessEqual(len(devices[at]), 25)
            if cnt >= 500:
                self.assertEqual(len(devices[at]), 25, at)
        return dict(events)

    def test_run_a_has_953_and_2047_events_in_its_two_minutes(self):
        self.assertEqual(self.windows("06:35:40.940Z", 3000, "1m", "2m"),
                         {"06:35:00Z": 953, "06:36:00Z": 2047})

    def test_run_b_has_1403_then_five_times_1500_then_97(self):
        full = {f"07:{m}Z": 1500 for m in ("17:30", "18:00", "18:30", "19:00", "19:30")}
        self.assertEqual(self.windows("07:17:01.940Z", 9000, "30s", "30s"),
                         {"07:17:00Z": 1403, **full, "07:20:00Z": 97})

    def test_run_c_has_1462_then_five_times_1500_then_38(self):
        full = {f"07:{m}Z": 1500 for m in ("37:00", "37:30", "38:00", "38:30", "39:00")}
        self.assertEqual(self.windows("07:36:30.760Z", 9000, "30s", "30s"),
                         {"07:36:30Z": 1462, **full, "07:39:30Z": 38})

    def test_run_d_shows_746_events_and_holds_the_rest(self):
        run = ("08:21:15.080Z", 3000, "30s", "30s")
        self.assertEqual(self.windows(*run, at_end="hold"), {"08:21:00Z": 746})
        node = self.node(self.summary(), "curated")
        self.assertEqual((node["rows_in"], node["absorbed"], node["late"]), (3000, 3000, 0))
        self.assertEqual(sum(self.windows(*run).values()), 3000, "with flush all of them come out")


if __name__ == "__main__":
    millrace.main()

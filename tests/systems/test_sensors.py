#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The sensor graph against an independent recount: alerts, averages per device and window, and
what stays open at the end."""

import collections
import math

import system
from system import millrace


class Sensors(system.System):
    graph, source, of = "sensors.yaml", "sensor_events", "sensors"
    count = 30_000  # ten minutes of 50 a second

    def recount(self, length_s, delay_s):
        """Events of each closed window and device."""
        groups, last = collections.defaultdict(list), 0
        for e in self.events():
            last = max(last, millrace.seconds(e["ts"]))
            groups[system.window_of(e["ts"], length_s), e["device_id"]].append(e)
        return {k: v for k, v in groups.items() if k[0] + length_s <= last - delay_s}, groups

    def check_curated(self, rows, closed, length_s):
        got = {}
        for row in rows:
            self.assertEqual(list(row), ["device_id", "n_events", "avg_temperature_c",
                                         "max_vibration_g", "window_start", "window_end"])
            key = (int(millrace.seconds(row["window_start"])), row["device_id"])
            self.assertNotIn(key, got, "a window is written once")
            self.assertEqual(millrace.seconds(row["window_end"]) - key[0], length_s)
            got[key] = row
        self.assertEqual(set(got), set(closed))
        for key, events in closed.items():
            self.assertEqual(got[key]["n_events"], len(events))
            mean = math.fsum(e["temperature_c"] for e in events) / len(events)
            self.assertLess(abs(got[key]["avg_temperature_c"] - mean), 1e-9 * mean)
            self.assertEqual(got[key]["max_vibration_g"], max(e["vibration_g"] for e in events))

    def test_windows_of_a_minute_equal_a_recount_and_open_ones_stay_open(self):
        closed, groups = self.recount(60, 120)
        self.assertLess(len(closed), len(groups))
        self.assertEqual({len([k for k in closed if k[0] == start])
                          for start in {k[0] for k in closed}}, {25})
        self.check_curated(self.run_graph()["curated"], closed, 60)

    def test_windows_of_half_a_minute_by_the_environment(self):
        closed, _ = self.recount(30, 30)
        rows = self.run_graph(env={"WINDOW": "30s", "WATERMARK": "30s"})["curated"]
        self.check_curated(rows, closed, 30)

    def test_alerts_are_what_is_hot_or_shakes(self):
        alerts = self.run_graph()["alerts"]
        want = [e for e in self.events() if e["temperature_c"] > 85 or e["vibration_g"] > 0.5]
        for e in want:
            e["event_ts"] = e.pop("ts")
        self.assertEqual(alerts, want)
        self.assertEqual(list(alerts[0]), ["device_id", "event_ts", "temperature_c", "vibration_g",
                                           "status", "site", "line"])
        self.assertTrue(0.098 < len(alerts) / self.count < 0.108, len(alerts))

    def test_the_summary_counts_every_event_in_its_ten_seconds(self):
        want = collections.Counter(system.window_of(e["ts"], 10) + 10 for e in self.events())
        got = {int(millrace.seconds(row["epoch"])): row["rows"]
               for row in self.run_graph()["dq_summary"]}
        self.assertEqual(got, want)

    def test_the_edges_of_the_filters(self):
        rows = [("in", 85.0, 0.5, False), ("in", 85.1, 0.1, True), ("in", 20.0, 0.501, True),
                ("in", None, 0.6, True), ("in", 86.0, None, True), ("in", None, None, False),
                ("out", -50.0, 0.9, False), ("out", 150.0, 0.9, False), ("out", 149.0, -0.1, False),
                ("in", 149.9, 0.0, True), ("in", -49.9, 0.6, True)]
        text = (millrace.ROOT / "configs/sensors.yaml").read_text()
        head, rest = text.split("sources:\n", 1)
        steps = rest[rest.index("steps:\n"):]
        self.write("edges.yaml", head + EDGE_SOURCE + steps)
        lines = [f'{{"ts":"{system.START}","device_id":"D{i}","temperature_c":{num(t)},'
                 f'"vibration_g":{num(v)},"status":"OK","site":"s","line":"l"}}\n'
                 for i, (_, t, v, _) in enumerate(rows)]
        lines.append('{"ts":null,"device_id":"D99","temperature_c":90,"vibration_g":0.6,'
                     '"status":"OK","site":"s","line":"l"}\n')
        self.write("edges.ndjson", "".join(lines))
        data = self.dir / "data"
        result = self.millrace("run", "edges.yaml", "--set", f"runtime.data_dir={data}",
                               "--summary", "edges.json")
        self.assertEqual(result.code, 0, result.err)
        nodes = {n["name"]: n for n in self.summary("edges.json")["nodes"]}
        self.assertEqual(nodes["sane"]["rows_out"], sum(kind == "in" for kind, *_ in rows))
        self.assertEqual(nodes["sane"]["filtered"], len(rows) + 1 - nodes["sane"]["rows_out"])
        temp, vib, key = (self.rows(data / f"sensors/dq_{name}.ndjson")
                          for name in ("temp", "vib", "key"))
        self.assertEqual([r["device_id"] for r in temp], ["D6", "D7"])
        self.assertEqual([r["device_id"] for r in vib], ["D8"])
        self.assertEqual([r["device_id"] for r in key], ["D99"])
        self.assertEqual(key[0]["rules"], ["has_key"])
        summary = self.rows(data / "sensors/dq_summary.ndjson")
        self.assertEqual([sum(r[name] for r in summary) for name in (
            "rows", "out_of_range_temp", "missing_key", "out_of_range_vibration")],
            [len(rows) + 1, 2, 1, 1])
        got = [r["device_id"] for r in self.rows(data / "sensors/alerts.ndjson")]
        self.assertEqual(got, [f"D{i}" for i, row in enumerate(rows) if row[3]])


EDGE_SOURCE = """events:
  sensor:
    fields:
      ts: { type: timestamp, optional: true }
      device_id: { type: string }
      temperature_c: { type: double, optional: true }
      vibration_g: { type: double, optional: true }
      status: { type: string }
      site: { type: string }
      line: { type: string }
    event_time: ts
    missing_time: keep
sources:
  sensor_events: { type: file, path: edges.ndjson, format: json, event: sensor }

"""


def num(value):
    return "null" if value is None else value


if __name__ == "__main__":
    millrace.main()

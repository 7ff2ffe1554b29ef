#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""ps, lag and metrics, on graphs that run and on graphs that died."""

import json
import os
import signal
import struct
import subprocess

import millrace
import prometheus

GRAPH = """millrace: 1
graph: %(name)s
runtime: { workers: { count: 2 } }
sources:
  in: { type: generate, of: city, rate: 20k/s, malformed: 0.01, watermark: { delay: 10m } }
steps:
  severe: { type: filter, from: in, where: "severity IN ('high', 'critical')" }
  per_type:
    type: window
    from: severe
    workers: 2
    window: { tumbling: 1s }
    key: [city, event_type]
    select: { n: count(*) }
    emit: update
sinks:
  out: { type: file, from: severe, path: %(name)s.ndjson }
  counts: { type: 'null', from: per_type }
"""
PIPE = """millrace: 1
graph: pipe
runtime: { workers: { count: 1 } }
events:
  tick: { fields: { t: { type: timestamp }, k: { type: string } }, event_time: t }
sources:
  in: { type: stdin, event: tick, watermark: { delay: 5s } }
  other: { type: generate, of: city, rate: 1k/s, watermark: { delay: 7s } }
steps:
  w: { type: window, from: in, window: { tumbling: 10s }, key: [k], select: { n: count(*) } }
sinks:
  out: { type: file, from: w, path: out.ndjson }
  nothing: { type: 'null', from: other }
"""


class Look(millrace.Case):
    def run_graph(self, name="city"):
        self.write(f"{name}.yaml", GRAPH % {"name": name})
        child = self.start("run", f"{name}.yaml", "--quiet", "--summary", "summary.json")
        out = self.dir / f"{name}.ndjson"
        self.wait_for("rows", lambda: out.exists() and out.stat().st_size > 0)
        return child

    def look(self, *args):
        result = self.millrace(*args)
        self.assertEqual((result.code, result.err), (0, ""), args)
        return result.out

    def graphs(self):
        return json.loads(self.look("ps", "--json"))["graphs"]


class Ps(Look):
    def test_no_graph_is_an_empty_list(self):
        self.assertEqual(self.graphs(), [])
        self.assertEqual(len(self.look("ps").splitlines()), 1)

    def test_running_and_dead_graphs_are_listed_with_their_rates(self):
        one, two = self.run_graph("one"), self.run_graph("two")
        two.kill()
        two.wait()
        a, b = self.graphs()
        self.assertEqual((a["graph"], a["pid"], a["state"]), ("one", one.pid, "running"))
        self.assertEqual((b["graph"], b["pid"], b["state"]), ("two", two.pid, "dead"))
        self.assertGreater(a["in_per_s"], 10000)
        self.assertGreater(a["out_per_s"], a["in_per_s"] / 10)
        self.assertGreater(a["uptime_ns"], 0)
        self.assertGreater(a["dead_letters"], 0)
        self.assertEqual((b["in_per_s"], b["out_per_s"]), (0, 0))
        lines = self.look("ps").splitlines()
        self.assertEqual(lines[0].split()[:5], ["GRAPH", "GEN", "PID", "STATE", "UP"])
        self.assertEqual([line.split()[:4] for line in lines[1:]],
                         [["one", "1", str(one.pid), "running"],
                          ["two", "1", str(two.pid), "dead"]])
        one.send_signal(signal.SIGTERM)
        self.assertEqual(one.wait(30), 0)
        self.assertEqual([g["graph"] for g in self.graphs()], ["two"])

    def test_a_segment_of_another_version_is_named_with_the_reason(self):
        child = self.run_graph()
        child.kill()
        child.wait()
        path, = self.run_dir.glob("*.1")
        data = path.read_bytes()
        path.write_bytes(data[:8] + struct.pack("<I", 9) + data[12:])
        graph, = self.graphs()
        self.assertEqual(graph["segment"], str(path))
        self.assertIn("another major version", graph["error"])
        self.assertIn("another major version", self.look("ps"))
        for verb in ("lag", "metrics"):
            result = self.millrace(verb, "city")
            self.assertEqual((result.code, result.out), (69, ""))
            self.assertIn("another major version", result.err)

    def test_watch_shows_a_graph_that_comes_later(self):
        watch = self.start("ps", "--json", "--watch", "0.05")
        self.assertEqual(json.loads(watch.stdout.readline()), {"graphs": []})
        child = self.run_graph()
        for line in watch.stdout:
            graphs = json.loads(line)["graphs"]
            if graphs:
                break
        self.assertEqual(graphs[0]["pid"], child.pid)
        watch.send_signal(signal.SIGTERM)
        watch.wait(30)


class Lag(Look):
    def test_the_holder_is_named_and_the_lag_is_the_delay(self):
        self.write("pipe.yaml", PIPE)
        child = self.start("run", "pipe.yaml", "--quiet", stdin=subprocess.PIPE)
        times = ("2025-10-13T11:30:01Z", "2025-10-13T11:30:59Z", "2025-10-13T11:30:07Z")
        for time in times:
            child.stdin.write(json.dumps({"t": time, "k": "a"}).encode() + b"\n")
        child.stdin.flush()

        def lag():
            return json.loads(self.look("lag", "pipe", "--json"))
        self.wait_for("the rows", lambda: self.run_dir.exists() and list(self.run_dir.iterdir())
                      and lag()["sources"][0]["rows"] == 3)
        now = lag()
        source = now["sources"][0]
        self.assertEqual((source["source"], source["partition"]), ("in", 0))
        self.assertEqual(source["last_event"], "2025-10-13T11:30:59Z")
        self.assertEqual((source["idle"], source["ended"]), (False, False))
        clock = millrace.seconds(now["clock"])
        self.assertAlmostEqual(source["lag_ns"] / 1e9, clock - millrace.seconds(times[1]), 3)
        self.assertLess(source["seen_ns"], 60e9)
        self.assertEqual(source["position_bytes"],
                         3 * len(times[0]) + 3 * len('{"t": "", "k": "a"}\n'))
        node, = now["nodes"]
        self.assertEqual((node["name"], node["watermark"]), ("w", "2025-10-13T11:30:54Z"))
        self.assertEqual(node["held_by"], {"source": "in", "partition": 0})
        self.assertEqual(node["delay_ns"], 5_000_000_000)
        self.assertEqual(node["lag_ns"] - source["lag_ns"], 5_000_000_000)
        text = self.look("lag", "pipe")
        self.assertRegex(text, r"(?m)^in/0 +3 +2025-10-13T11:30:59Z ")
        self.assertRegex(text, r"(?m)^w +2025-10-13T11:30:54Z +\S+ +5s +in/0$")
        child.kill()
        child.wait()
        dead = lag()
        self.assertEqual(dead["state"], "dead")
        self.assertEqual(dead["nodes"][0]["watermark"], node["watermark"])

    def test_a_source_that_has_ended_holds_nothing(self):
        self.write("pipe.yaml", PIPE)
        child = self.start("run", "pipe.yaml", "--quiet", stdin=subprocess.PIPE)
        child.stdin.write(b'{"t": "2025-10-13T11:30:01Z", "k": "a"}\n')
        child.stdin.close()

        def node():
            result = self.millrace("lag", "pipe", "--json")
            return json.loads(result.out)["nodes"][0] if result.code == 0 else {}
        self.wait_for("the end of in", lambda: node().get("watermark") == "end")
        self.assertIsNone(node()["held_by"])
        self.assertTrue(json.loads(self.look("lag", "pipe", "--json"))["sources"][0]["ended"])
        child.send_signal(signal.SIGTERM)
        self.assertEqual(child.wait(30), 0)


class Metrics(Look):
    def metrics(self, which="city"):
        series, types, problems = prometheus.parse(self.look("metrics", which))
        self.assertEqual(problems, [])
        return series, types

    def test_the_text_keeps_the_rules_and_says_what_stat_says(self):
        child = self.run_graph()
        self.wait_for("a window that closed", lambda: prometheus.value(
            self.metrics()[0], "millrace_node_events_in_total", node="counts") > 0)
        before = json.loads(self.look("stat", "city", "--json"))
        series, types = self.metrics()
        after = json.loads(self.look("stat", "city", "--json"))
        for name in ("in", "severe", "per_type", "out", "counts"):
            a, b = self.node(before, name), self.node(after, name)
            for metric, key, scale in (("events_in", "rows_in", 1), ("events_out", "rows_out", 1),
                                       ("errors", "dead_letters", 1),
                                       ("busy_seconds", "busy_ns", 1e9),
                                       ("idle_seconds", "idle_ns", 1e9)):
                got = prometheus.value(series, f"millrace_node_{metric}_total", node=name) * scale
                self.assertTrue(a[key] * 0.999999 <= got <= b[key] * 1.000001 + 1,
                                (name, key, a[key], got, b[key]))
        self.assertEqual(prometheus.value(series, "millrace_node_errors_total", node="severe"), 0)
        self.assertGreater(prometheus.value(series, "millrace_node_errors_total", node="in",
                                            kind="dead_letter"), 0)
        dropped = prometheus.value(series, "millrace_node_events_dropped_total", node="severe",
                                   reason="filtered", intended="true")
        self.assertGreater(dropped, 0)
        for (name, labels) in series:
            if name.startswith("millrace_"):
                self.assertEqual(dict(labels)["graph"], "city")
        lag = prometheus.value(series, "millrace_watermark_lag_seconds", node="per_type")
        self.assertTrue(600 <= lag < 660, lag)
        self.assertEqual(prometheus.value(series, "millrace_source_partition_holds_watermark",
                                          source="in", partition="0"), 1)
        self.assertGreater(prometheus.value(series, "process_resident_memory_bytes"), 1e6)
        self.assertLess(abs(prometheus.value(series, "process_start_time_seconds")
                            - os.stat(f"/proc/{child.pid}").st_ctime), 30)
        self.assertEqual(prometheus.value(series, "process_open_fds"),
                         len(os.listdir(f"/proc/{child.pid}/fd")))
        self.assertEqual(types["millrace_path_latency_seconds"], "histogram")

    def test_histograms_have_27_buckets_and_their_samples_lie_in_them(self):
        child = self.run_graph()
        self.wait_for("rows that came through", lambda: prometheus.value(
            self.metrics()[0], "millrace_path_latency_seconds_count", path="in->out") > 1000)
        child.kill()
        child.wait()
        series, _ = self.metrics()
        stat = json.loads(self.look("stat", "city", "--json"))
        path, = (p for p in stat["paths"] if p["to"] == "out")
        own = {dict(labels)["le"]: v for (name, labels), v in series.items()
               if name == "millrace_path_latency_seconds_bucket" and ("path", "in->out") in labels}
        limits = sorted(float(le) for le in own if le != "+Inf")
        self.assertEqual(len(limits), 27)
        for i, limit in enumerate(limits):
            self.assertAlmostEqual(limit, 2.0 ** (8 + i) * 1e-9, 15)
        count = own["+Inf"]
        self.assertEqual(count, path["latency_ns"]["count"])
        half = min(le for le in limits if own[repr_of(own, le)] >= count / 2)
        self.assertTrue(half / 2 <= path["latency_ns"]["p50"] / 1e9 <= half * 1.01, (half, path))
        mean = prometheus.value(series, "millrace_path_latency_seconds_sum", path="in->out") / count
        self.assertTrue(0 < mean <= path["latency_ns"]["max"] / 1e9)

    def test_a_dead_graph_has_its_last_numbers(self):
        child = self.run_graph()
        child.kill()
        child.wait()
        series, _ = self.metrics()
        stat = json.loads(self.look("stat", "city", "--json"))
        self.assertEqual(prometheus.value(series, "millrace_node_events_in_total", node="in"),
                         self.node(stat, "in")["rows_in"])
        self.assertFalse([name for name, _ in series if name.startswith("process_")])

    def test_the_list_names_every_metric(self):
        self.run_graph()
        _, types = self.metrics()
        listed = {line.split("\t")[0]: line.split("\t")[1]
                  for line in self.look("metrics", "--list").splitlines()}
        self.assertLessEqual(set(types), set(listed))
        for name, kind in types.items():
            self.assertEqual(listed[name], kind)

    def test_the_checker_finds_planted_mistakes(self):
        self.run_graph()
        good = self.look("metrics", "city")
        line = next(x for x in good.splitlines() if x.startswith("millrace_link_full_total"))
        for bad in (good + line + "\n",
                    good.replace("# TYPE millrace_link_full_total counter\n", ""),
                    good.replace("_seconds_sum", "_seconds_summe"), good[:-1],
                    good.replace('le="+Inf"', 'le="9"'), good.replace(line, line + "x"),
                    good.replace('graph="', 'graph='),
                    good.replace("link_full_total", "link_full"),
                    good.replace("link_wait_seconds", "link_wait_ns")):
            self.assertNotEqual(bad, good)
            self.assertTrue(prometheus.parse(bad)[2], "a planted mistake was not found")


def repr_of(buckets, limit):
    """The text of a bucket's limit."""
    return next(le for le in buckets if le != "+Inf" and float(le) == limit)


if __name__ == "__main__":
    millrace.main()

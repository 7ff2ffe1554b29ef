#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Load tests of whole graphs: what a run measures and writes, how results are compared. Nothing
here says how fast anything is."""

import html.parser
import json
import math
import os
import pathlib
import random
import shutil
import signal
import statistics
import subprocess
import time

import millrace

SUITES = millrace.ROOT / "bench/suites"
SUITE = """suite: tiny
about: a few rows for a test
graph: {graph}
source: events
sink: times
rate: {rate}
for: 2s
warmup: 1s
"""
GRAPH = """millrace: 1
graph: tiny
runtime: {{ workers: {{ count: 1 }} }}
sources:
  events: {{ type: generate, of: city }}
steps:
  high: {{ type: filter, from: events, where: severity = 'high' }}
sinks:
  times: {{ type: {sink}, from: high }}
"""


class Bench(millrace.Case):
    def setUp(self):
        super().setUp()
        self.write("tiny-graph.yaml", GRAPH.format(sink="latency"))
        self.write("tiny.yaml", SUITE.format(graph="tiny-graph.yaml", rate="20k/s"))

    def bench(self, *args, code=0):
        done = self.millrace("bench", *args)
        self.assertEqual(done.code, code, done.err + done.out)
        return done

    def result(self, name):
        return json.loads((self.dir / name / "result.json").read_text())

    def cpu_ticks(self, pid):
        """CPU time of a process, user, in ticks."""
        stat = (pathlib.Path("/proc") / str(pid) / "stat").read_text()
        return int(stat.rsplit(")", 1)[1].split()[11])

    def clock(self, seconds):
        """A condition that holds once so much time has passed."""
        began = time.monotonic()
        return lambda: time.monotonic() - began > seconds

    # ---- a run ----

    def test_a_run_sends_what_was_planned_and_counts_what_arrived(self):
        self.bench("run", "tiny.yaml", "--out", "r")
        result = self.result("r")
        run = result["runs"][0]
        self.assertEqual((result["suite"], result["mode"], result["rate"]), ("tiny", "open", 20000))
        self.assertTrue(0.9 < run["sent"] / (20000 * 3) < 1.1, run["sent"])
        self.assertEqual(run["sent"], run["received"] + run["filtered"])
        self.assertTrue(0.2 < run["received"] / run["sent"] < 0.3)
        response = run["response_ns"]
        self.assertTrue(0.15 < response["count"] / (20000 * 2) < 0.35, "warm-up does not count")
        self.assertLessEqual(response["p50"], response["p90"])
        self.assertLessEqual(response["p90"], response["max"])
        self.assertGreaterEqual(response["p50"], run["service_ns"]["p50"])
        self.assertEqual(sum(i["rows"] for i in run["intervals"]) > 0, True)
        self.assertTrue(1.5e9 < sum(i["ns"] for i in run["intervals"]) < 4e9)
        for key in ("cpu_model", "kernel", "commit"):
            self.assertIn(key, result["machine"])

    def test_percentiles_that_the_sample_cannot_carry_are_refused(self):
        done = self.bench("run", "tiny.yaml", "--rate", "2k/s", "--out", "r")
        response = self.result("r")["runs"][0]["response_ns"]
        self.assertLess(response["count"], 10000)
        self.assertIn("p50", response)
        self.assertNotIn("p99.99", response)
        self.assertIn("not shown: p", done.out)
        self.assertIn("the rule is 100", done.out)

    def test_the_files_are_what_their_readers_expect(self):
        self.bench("run", "tiny.yaml", "--out", "r")
        folder = self.dir / "r"
        rows = [line.split() for line in (folder / "response.hgrm").read_text().splitlines()
                if line and not line.startswith("#") and "Value" not in line]
        values = [float(row[0]) for row in rows]
        self.assertEqual(values, sorted(values))
        self.assertEqual(float(rows[-1][1]), 1)
        self.assertEqual(int(rows[-1][2]), self.result("r")["runs"][0]["response_ns"]["count"])
        log = (folder / "intervals.hlog").read_text().splitlines()
        self.assertIn("1.2", log[1])
        self.assertGreaterEqual(len([line for line in log if line[0].isdigit()]), 2)
        self.assertIn("cpu_model", json.loads((folder / "env.json").read_text()))

    def test_a_stall_counts_for_every_row_that_it_delays(self):
        """A sender that is stopped for a while: response sees it, service does not."""
        child = self.start("bench", "run", "tiny.yaml", "--for", "3s", "--out", "r")
        self.wait_for("its start", lambda: self.cpu_ticks(child.pid) > 15, 60)
        self.wait_for("the measured time", self.clock(1.5))
        os.kill(child.pid, signal.SIGSTOP)
        self.wait_for("the stall", self.clock(0.5))
        os.kill(child.pid, signal.SIGCONT)
        self.assertEqual(child.wait(60), 0)
        run = self.result("r")["runs"][0]
        self.assertGreater(run["response_ns"]["max"], 400e6)
        self.assertGreater(run["send_delay_ns"]["max"], 400e6)

    # ---- wrong input ----

    def test_a_wrong_suite_is_refused_with_its_place(self):
        self.write("bad.yaml", "suite: bad\nabout: x\ngraph: g.yaml\nsource: s\nsnik: t\n")
        done = self.millrace("bench", "run", "bad.yaml")
        self.assertEqual(done.code, 78)
        self.assertIn("bad.yaml:5:1", done.err)
        self.assertIn("sink", done.err)
        self.write("other-graph.yaml", GRAPH.format(sink='"null"'))
        self.write("other.yaml", SUITE.format(graph="other-graph.yaml", rate="1k/s"))
        done = self.millrace("bench", "run", "other.yaml")
        self.assertEqual(done.code, 78)
        self.assertIn("times", done.err)

    def test_every_suite_that_comes_along_runs(self):
        names = sorted(p for p in SUITES.glob("*.yaml") if not p.stem.endswith("-graph"))
        self.assertEqual([p.stem for p in names],
                         ["city", "json", "latency", "rings", "window", "ysb"])
        self.millrace("gen", "city", "--count", 200000, "--seed", 7, "--clock",
                      "2025-10-13T00:00:00Z,20ms", "--to", self.dir / "city.ndjson")
        for path in names:
            with self.subTest(suite=path.stem):
                env = dict(self.env, CITY_EVENTS=str(self.dir / "city.ndjson"))
                done = self.millrace("bench", "run", path, "--for", "1s", "--warmup", "0s",
                                     "--json", env=env, cwd=millrace.ROOT)
                self.assertEqual(done.code, 0, done.err)
                self.assertGreater(json.loads(done.out)["runs"][0]["received"], 0)

    # ---- find ----

    def test_find_halves_until_a_bound_holds_and_says_when_none_does(self):
        done = self.bench("find", "--slo", "p50 < 10s", "--from", "30M/s", "--hold", "1", "--for",
                          "1s", "--warmup", "0s", "tiny.yaml")
        self.assertRegex(done.out, r"highest rate that held p50 <= 10000000.0 us for 1 x 1 s: \d+")
        self.assertEqual(self.millrace("bench", "find", "--slo", "p50 ~ 1s", "tiny.yaml").code, 64)

    # ---- compare ----

    def make_result(self, name, p99s, suite="tiny", marked=None):
        folder = self.dir / name
        folder.mkdir()
        runs = [{"response_ns": {"p99": v}, "marked": marked} for v in p99s]
        (folder / "result.json").write_text(json.dumps({"suite": suite, "runs": runs}))

    def test_compare_tells_worse_from_better_from_noise(self):
        noise = random.Random(3)
        base = [400e3 * noise.uniform(0.97, 1.03) for _ in range(5)]
        self.make_result("old", base)
        self.make_result("same", [400e3 * noise.uniform(0.97, 1.03) for _ in range(5)])
        self.make_result("worse", [v * 1.3 for v in base])
        self.make_result("better", [v * 0.7 for v in base], marked="others used 30 % of a CPU")
        self.assertIn("no change", self.bench("compare", "old", "same").out)
        self.assertIn("worse", self.bench("compare", "old", "worse", code=1).out)
        better = self.bench("compare", "old", "better").out
        self.assertIn("better", better)
        self.assertIn("marked: better run 1: others used 30 % of a CPU", better)

    def test_the_interval_is_welchs(self):
        """Against the textbook formula with t from a table: 8 degrees of freedom, 2.306."""
        a, b = [100e3, 104e3, 98e3, 101e3, 103e3], [110e3, 109e3, 113e3, 108e3, 111e3]
        self.make_result("a", a)
        self.make_result("b", b)
        la, lb = [math.log(v) for v in a], [math.log(v) for v in b]
        mean, var = statistics.mean, statistics.variance
        se = math.sqrt(var(la) / 5 + var(lb) / 5)
        df = se**4 / ((var(la) / 5) ** 2 / 4 + (var(lb) / 5) ** 2 / 4)
        self.assertTrue(7 < df <= 8)
        t = 2.306 + (8 - df) * (2.365 - 2.306)
        want = [100 * (math.exp(mean(lb) - mean(la) + s * t * se) - 1) for s in (-1, 1)]
        out = self.bench("compare", "a", "b", code=1).out
        got = [float(v) for v in out.split("[")[1].split("]")[0].split(",")]
        for g, w in zip(got, want):
            self.assertLess(abs(g - w), 0.15, (got, want))

    def test_compare_refuses_what_cannot_be_compared(self):
        self.make_result("one", [1e6])
        self.make_result("two", [1e6])
        self.assertEqual(self.millrace("bench", "compare", "one", "two").code, 78)
        self.make_result("other", [1e6, 2e6], suite="other")
        self.assertEqual(self.millrace("bench", "compare", "one", "other").code, 78)
        self.assertEqual(self.millrace("bench", "compare", "one", "nowhere").code, 78)

    # ---- report ----

    def test_the_report_is_one_page_that_needs_no_network(self):
        self.bench("run", "tiny.yaml", "--out", "r")
        page = (self.dir / "r/report.html").read_text()

        class Links(html.parser.HTMLParser):
            found = []

            def handle_starttag(self, tag, attrs):
                self.found += [v for k, v in attrs if k in ("src", "href")]

        links = Links()
        links.feed(page)
        self.assertEqual(links.found, [])
        self.assertIn('"suite":"tiny"', page)
        (self.dir / "r/report.html").unlink()
        self.bench("report", "r")
        self.assertEqual((self.dir / "r/report.html").read_text(), page)

    def test_a_browser_draws_the_report(self):
        browser = shutil.which("chromium")
        if not browser:
            self.skipTest("chromium is not installed")
        self.bench("run", "tiny.yaml", "--out", "r")
        page = subprocess.run(
            [browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic",
             "--no-first-run", "--disable-background-networking", "--disable-component-update",
             "--disable-sync", f"--user-data-dir={self.dir}/profile", "--dump-dom",
             f"file://{self.dir}/r/report.html"], capture_output=True, text=True, timeout=120)
        self.assertEqual(page.returncode, 0, page.stderr)
        self.assertIn("tiny @ 20.0 k/s", page.stdout)
        self.assertGreaterEqual(page.stdout.count("<polyline"), 4)
        self.assertRegex(page.stdout, r"<td>response</td><td>[\d.]+ (ns|µs|ms)</td>")


if __name__ == "__main__":
    millrace.main()

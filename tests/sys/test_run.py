#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""run: from a graph file to rows, exit codes, signals, faults."""

import json
import os
import signal
import subprocess

import millrace

HELLO = """millrace: 1
graph: hello
sources: { in: { type: stdin, format: json } }
steps:   { big: { type: filter, from: in, where: "amount > 100" } }
sinks:   { out: { type: stdout, from: big } }
"""

CITY_EVENT = """events:
  city_event:
    fields:
      city: { type: string }
      event_type: { type: string, one_of: [traffic, weather, incident, construction] }
      severity: { type: string, one_of: [low, medium, high, critical] }
      description: { type: string, optional: true }
      timestamp: { type: timestamp }
    event_time: timestamp
"""

FOREVER = """millrace: 1
graph: forever
runtime: { workers: { count: %d } }
sources: { in: { type: generate, of: city, rate: 20k/s } }
steps:   { severe: { type: filter, from: in, where: "severity IN ('high', 'critical')" } }
sinks:   { out: { type: file, from: severe, path: out.ndjson } }
"""


class Hello(millrace.Case):
    def test_passes_the_line_unchanged_when_only_filters_stand_between(self):
        self.write("hello.yaml", HELLO)
        lines = b'{"amount": 150,  "who":"a"}\n{"amount":5}\n{"who":"b"}\n{"amount":100.5}\n'
        result = self.millrace("run", "--quiet", "hello.yaml", stdin=lines)
        self.assertEqual(result.err, "")
        self.assertEqual(result.code, 0)
        self.assertEqual(result.out, '{"amount": 150,  "who":"a"}\n{"amount":100.5}\n')

    def test_writes_what_is_wrong_with_a_line_to_the_dead_letter_file(self):
        self.write("hello.yaml", HELLO)
        lines = b'{"amount": 150}\nnot json\n\n{"amount":"x"}\n{"amount":1e400}\n{"amount":200'
        result = self.millrace("run", "hello.yaml", "--summary", "summary.json", stdin=lines)
        self.assertEqual(result.code, 0, result.err)
        self.assertEqual(result.out, '{"amount": 150}\n')
        letters = self.rows("millrace-data/dead_letters/hello/in.ndjson")
        self.assertEqual([(d["position"], d["line"], d["raw"]) for d in letters],
                         [(16, 2, "not json"), (26, 4, '{"amount":"x"}'),
                          (41, 5, '{"amount":1e400}'), (58, 6, '{"amount":200')])
        summary = self.summary()
        self.assertEqual(self.node(summary, "in")["dead_letters"], 4)
        self.assertEqual(self.node(summary, "in")["rows_in"], 5)
        self.assert_accounts(summary)

    def test_fail_on_bad_ends_65(self):
        self.write("hello.yaml", HELLO)
        result = self.millrace("run", "--fail-on-bad", "hello.yaml", stdin=b"x\n")
        self.assertEqual(result.code, 65)

    def test_no_dead_letter_file_when_all_is_well(self):
        self.write("hello.yaml", HELLO)
        self.assertEqual(self.millrace("run", "hello.yaml", stdin=b'{"amount":1}\n').code, 0)
        self.assertFalse((self.dir / "millrace-data").exists())

    def test_leaves_no_segment_behind(self):
        self.write("hello.yaml", HELLO)
        self.millrace("run", "hello.yaml", stdin=b"")
        self.assertEqual(list(self.run_dir.iterdir()), [])


class Signals(millrace.Case):
    def running(self, workers=1):
        self.write("forever.yaml", FOREVER % workers)
        out = self.dir / "out.ndjson"
        out.unlink(missing_ok=True)
        child = self.start("run", "forever.yaml", "--summary", "summary.json")
        self.wait_for("rows in the file", lambda: out.exists() and out.stat().st_size > 0
                      or child.poll() is not None)
        return child

    def test_term_drains_and_ends_0(self):
        for workers in (1, 2):
            child = self.running(workers)
            child.send_signal(signal.SIGTERM)
            self.assertEqual(child.wait(30), 0, child.stderr.read())
            summary = self.summary()
            self.assert_accounts(summary)
            out = self.node(summary, "out")
            self.assertEqual(out["rows_out"], len(self.rows("out.ndjson")))
            self.assertEqual(self.node(summary, "in")["rows_out"],
                             self.node(summary, "severe")["rows_in"])

    def test_a_killed_run_can_be_looked_at_and_is_replaced(self):
        child = self.running()
        child.kill()
        child.wait()
        stat = self.millrace("stat", "forever", "--json")
        self.assertEqual(stat.code, 0, stat.err)
        self.assertEqual(json.loads(stat.out)["state"], "dead")
        again = self.millrace("run", "forever.yaml", "--duration", "200ms")
        self.assertEqual(again.code, 0, again.err)
        self.assertEqual(list(self.run_dir.iterdir()), [])

    def test_a_second_run_of_a_live_name_is_refused_with_its_pid(self):
        child = self.running()
        second = self.millrace("run", "forever.yaml")
        self.assertNotEqual(second.code, 0)
        self.assertIn(str(child.pid), second.err)
        self.assertIsNone(child.poll())


class Faults(millrace.Case):
    def graph(self, path):
        self.write("g.yaml", FOREVER % 1)
        return ["run", "g.yaml", "--set", f"sinks.out.path={path}", "--set",
                "sources.in.count=100000", "--set", "sources.in.rate=10M/s", "--summary",
                "summary.json"]

    def test_a_full_disk_under_a_file_sink_ends_74(self):
        result = self.millrace(*self.graph("/dev/full"))
        self.assertEqual(result.code, 74, result.err)
        self.assertIn("No space left", result.err)
        self.assertIn("/dev/full", result.err)

    def test_a_path_below_a_file_is_one_clear_error(self):
        self.write("plain", "x")
        result = self.millrace(*self.graph("plain/out.ndjson"))
        self.assertEqual(result.code, 74, result.err)
        self.assertIn("plain/out.ndjson", result.err)

    def test_a_reader_that_closes_stdout_ends_74(self):
        self.write("h.yaml", HELLO)
        read, write = os.pipe()
        os.close(read)
        child = self.start("run", "h.yaml", stdin=subprocess.PIPE, stdout=write)
        os.close(write)
        try:
            child.stdin.write(b'{"amount": 200}\n' * 10000)
            child.stdin.close()
        except BrokenPipeError:
            pass
        self.assertEqual(child.wait(30), 74)
        self.assertIn(b"pipe", child.stderr.read().lower())


class Limits(millrace.Case):
    def check(self, prefix, env=None):
        self.write("hello.yaml", HELLO)
        result = self.millrace("run", "hello.yaml", stdin=b'{"amount": 150}\n', prefix=prefix,
                               env=env)
        self.assertEqual(result.code, 0, result.err)
        self.assertEqual(result.out, '{"amount": 150}\n')
        return result

    def test_runs_on_one_cpu(self):
        self.check(["taskset", "-c", "0"])

    def test_runs_without_root(self):
        self.dir.chmod(0o777)
        self.run_dir.chmod(0o777)
        if os.getuid() != 0:
            self.skipTest("not root: every other test shows it")
        self.check(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"])

    def test_runs_without_a_folder_for_its_stats_and_says_so(self):
        result = self.check([], {"MILLRACE_RUN_DIR": "/proc/nowhere"})
        self.assertIn("MR5001", result.err)


if __name__ == "__main__":
    millrace.main()

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Signals that do not end a run, where and how it logs, and colour."""

import datetime
import json
import os
import re
import shlex
import signal
import subprocess

import millrace

GRAPH = """millrace: 1
graph: g
runtime: { workers: { count: 2 } }
sources: { in: { type: generate, of: city, rate: 20k/s, malformed: 0.01 } }
steps:
  severe: { type: filter, from: in, where: "severity IN ('high', 'critical')" }
  counts: { type: window, from: severe, window: { tumbling: 1s }, key: [city],
            select: { n: count(*) } }
sinks:
  out: { type: file, from: severe, path: out.ndjson }
  both: { type: 'null', from: severe }
  windows: { type: file, from: counts, path: windows.ndjson }
"""


class Signals(millrace.Case):
    def run_graph(self, *flags):
        self.write("g.yaml", GRAPH)
        self.errors = self.dir / "stderr"
        with self.errors.open("wb") as err:
            child = self.start("run", "g.yaml", *flags, stderr=err)
        self.wait_for("rows", lambda: self.rows_in() > 0)
        return child

    def rows_in(self):
        result = self.millrace("stat", "g", "--json")
        return self.node(json.loads(result.out), "in")["rows_in"] if result.code == 0 else 0

    def lines(self, path, word):
        return [x for x in path.read_text().splitlines() if word in x] if path.exists() else []

    def wait_lines(self, path, word, cnt=1):
        self.wait_for(word, lambda: len(self.lines(path, word)) >= cnt)
        return self.lines(path, word)

    def assert_goes_on(self, child):
        before = self.rows_in()
        self.wait_for("more rows", lambda: self.rows_in() > before)
        child.send_signal(signal.SIGTERM)
        self.assertEqual(child.wait(30), 0)
        self.assertEqual(child.stdout.read(), b"")


class Kinds(Signals):
    def test_hup_says_that_nothing_is_reloaded(self):
        child = self.run_graph("--quiet")
        child.send_signal(signal.SIGHUP)
        line, = self.wait_lines(self.errors, "HUP")
        self.assertRegex(line, r'level=warn msg="HUP: reload is not available yet; .*" graph=g '
                               r"code=MR5006$")
        self.assert_goes_on(child)
        self.assertEqual(len(self.lines(self.errors, "HUP")), 1)

    def test_usr2_prints_a_tree_of_all_nodes(self):
        child = self.run_graph("--quiet")
        child.send_signal(signal.SIGUSR2)
        self.wait_lines(self.errors, "link ")
        text = self.errors.read_text()
        text = text[text.index("graph g"):]
        self.assertRegex(text.splitlines()[0], rf"^graph g  pid {child.pid}  running  up [\d:]+  "
                                               r"millrace \d")
        self.assertRegex(text, r"(?m)^in \(generate\)  in \S+  out \S+  errors \S+  busy ")
        self.assertRegex(text, r"(?m)^\+- severe \(filter\)  in \S+  out \S+  filtered ")
        for name in ("counts", "out", "both"):
            self.assertRegex(text, rf"(?m)^   \+- {name} \(")
        self.assertRegex(text, r"(?m)^   [| ]  \+- windows \(file\)")
        self.assert_goes_on(child)

    def test_signals_in_a_row_are_all_served(self):
        child = self.run_graph("--quiet")
        for i in range(5):
            child.send_signal(signal.SIGHUP)
            child.send_signal(signal.SIGUSR2)
            child.send_signal(signal.SIGUSR1)
            self.wait_lines(self.errors, "HUP", i + 1)
        self.assert_goes_on(child)


class Logs(Signals):
    def test_usr1_opens_the_log_file_again(self):
        log, old = self.dir / "log", self.dir / "log.1"
        child = self.run_graph("--log-file", "log", "--log-format", "json")
        child.send_signal(signal.SIGHUP)
        self.wait_lines(log, "HUP")
        log.rename(old)
        child.send_signal(signal.SIGHUP)
        self.wait_lines(old, "HUP", 2)
        self.assertFalse(log.exists())
        child.send_signal(signal.SIGUSR1)
        self.wait_lines(log, "USR1")
        child.send_signal(signal.SIGHUP)
        self.wait_lines(log, "HUP")
        self.assertEqual(len(self.lines(old, "HUP")), 2)
        for line in old.read_text().splitlines() + log.read_text().splitlines():
            entry = json.loads(line)
            self.assertLessEqual({"ts", "level", "msg"}, set(entry))
            self.assertLessEqual(set(entry), {"ts", "level", "msg", "graph", "node", "code"})
            datetime.datetime.fromisoformat(entry["ts"].replace("Z", "+00:00"))
        self.assertFalse(self.lines(self.errors, "HUP"), "logs go to the file alone")
        self.assert_goes_on(child)

    def test_a_log_file_that_cannot_be_opened_again_is_said_in_the_old_one(self):
        folder = self.dir / "logs"
        folder.mkdir()
        child = self.run_graph("--log-file", "logs/log")
        folder.rename(self.dir / "gone")
        child.send_signal(signal.SIGUSR1)
        line, = self.wait_lines(self.dir / "gone/log", "USR1")
        self.assertIn("code=MR5007", line)
        self.assertIn("No such file", line)
        self.assert_goes_on(child)

    def test_a_log_file_that_cannot_be_opened_starts_nothing(self):
        self.write("g.yaml", GRAPH)
        result = self.millrace("run", "g.yaml", "--log-file", "no/such/folder/log")
        self.assertEqual((result.code, result.out), (74, ""))
        self.assertIn("cannot open no/such/folder/log: No such file", result.err)
        self.assertFalse((self.dir / "out.ndjson").exists())

    def test_text_logfmt_and_json_say_the_same(self):
        seen = set()
        for form, pattern in (
                ("text", r"^\S+Z warn  \[MR5006\] g: (?P<msg>HUP: .*)$"),
                ("logfmt", r'^ts=\S+Z level=warn msg="(?P<msg>HUP: .*)" graph=g code=MR5006$'),
                ("json", r'^\{"ts":"\S+Z","level":"warn","msg":"(?P<msg>HUP: .*)","graph":"g",'
                         r'"code":"MR5006"\}$')):
            child = self.run_graph("--quiet", "--log-format", form)
            child.send_signal(signal.SIGHUP)
            line, = self.wait_lines(self.errors, "HUP")
            self.assertRegex(line, pattern)
            seen.add(re.match(pattern, line)["msg"])
            self.assert_goes_on(child)
        self.assertEqual(len(seen), 1)
        self.assertEqual(self.millrace("run", "g.yaml", "--log-format", "xml").code, 64)

    def test_quiet_leaves_the_warnings(self):
        child = self.run_graph("-q")
        child.send_signal(signal.SIGUSR1)  # an information
        child.send_signal(signal.SIGHUP)
        self.wait_lines(self.errors, "HUP")
        self.assertFalse(self.lines(self.errors, "USR1"))
        self.assertFalse(self.lines(self.errors, "workers on"), "no banner")
        self.assert_goes_on(child)
        child = self.run_graph("-v")
        child.send_signal(signal.SIGUSR1)
        self.wait_lines(self.errors, "USR1")
        self.assertTrue(self.lines(self.errors, "started in"), "the banner")
        self.assert_goes_on(child)


class Colour(Signals):
    ESCAPE = "\033["

    def validate(self, *flags, env=None, terminal=False):
        self.write("bad.yaml", "millrace: 1\ngraph: g\nsorces: {}\n")
        command = [self.program(), "validate", "bad.yaml", *flags]
        prefix = ("script", "-qec", shlex.join(command), "/dev/null") if terminal else ()
        env = dict({"TERM": "xterm", "NO_COLOR": ""}, **(env or {}))
        if not terminal:
            return self.millrace(*command[1:], env=env)
        done = subprocess.run(prefix, capture_output=True, text=True, cwd=self.dir,
                              env=dict(self.env, **env), timeout=30)
        return millrace.Result(done.returncode, done.stdout, done.stderr, 0)

    def test_colour_only_where_it_is_wanted(self):
        self.assertNotIn(self.ESCAPE, self.validate().err)
        self.assertIn(self.ESCAPE, self.validate("--color", "always").err)
        self.assertIn(self.ESCAPE, self.validate("--color=always", env={"NO_COLOR": "1"}).err)
        plain = self.validate("--color=never").err
        coloured = self.validate("--color=always").err
        self.assertEqual(re.sub(r"\033\[[\d;]*m", "", coloured), plain)
        self.assertEqual(self.validate("--color", "blue").code, 64)
        self.assertEqual(self.validate("--color").code, 64)

    def test_a_terminal_has_colour_unless_no_color_is_set(self):
        if not os.access("/usr/bin/script", os.X_OK):
            self.skipTest("script is not installed")
        self.assertIn(self.ESCAPE, self.validate(terminal=True).out)
        self.assertNotIn(self.ESCAPE, self.validate(terminal=True, env={"NO_COLOR": "1"}).out)
        self.assertNotIn(self.ESCAPE, self.validate("--color=never", terminal=True).out)

    def test_levels_of_text_logs_are_coloured(self):
        child = self.run_graph("-q", "--log-format", "text", "--color", "always")
        child.send_signal(signal.SIGHUP)
        line, = self.wait_lines(self.errors, "HUP")
        self.assertRegex(line, r"^\S+Z \033\[1;33mwarn\033\[0m  \[MR5006\] g: ")
        self.assert_goes_on(child)


if __name__ == "__main__":
    millrace.main()

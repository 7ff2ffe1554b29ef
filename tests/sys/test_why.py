#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""why names the cause: each one is made here on purpose, and a graph in order has none."""

import json
import os
import re
import subprocess

import millrace

# a's events go on from 11:00:00, b's stop at 10:00:00 (its next row comes in a quarter of an hour).
TWO = """millrace: 1
graph: two
runtime: { workers: { count: 1 } }
sources:
  a: { type: generate, of: city, rate: 200/s, watermark: { delay: 10s },
       clock: { start: 2025-10-13T11:00:00Z, step: 1s } }
  b: { type: generate, of: city, rate: 4/h, %s
       clock: { start: 2025-10-13T10:00:00Z, step: 1s } }
steps:
  w: { type: window, from: [a, b], window: { tumbling: 10s }, key: [city], delay: 20s,
       select: { n: count(*) } }
sinks: { out: { type: file, from: w, path: out.ndjson } }
"""
TICKS = """millrace: 1
graph: ticks
runtime: { workers: { count: 1 }, at_end: hold }
events: { tick: { fields: { t: { type: timestamp }, k: { type: string } }, event_time: t } }
sources:
  in: { type: stdin, event: tick, watermark: { delay: 5s } }
  other: { type: generate, of: city, rate: 1k/s }
steps:
  none: { type: filter, from: in, where: "k = 'no such key'" }
  w: { type: window, from: in, window: { tumbling: 10s }, key: [k], select: { n: count(*) } }
sinks:
  out: { type: file, from: w, path: out.ndjson }
  nothing: { type: 'null', from: none }
  rest: { type: 'null', from: other }
%s"""
STUCK = """millrace: 1
graph: stuck
runtime: { workers: { count: %d }, link_items: 4 }
sources: { in: { type: generate, of: city } }
steps: { all: { type: filter, from: in, where: "city <> 'x'" } }
sinks: { out: { type: file, from: all, path: fifo } }
"""
SLOWLY = """millrace: 1
graph: slowly
runtime: { workers: { count: 2 }, link_items: 4 }
sources: { in: { type: generate, of: city } }
steps: { slow: { type: throttle, from: in, rate: 100/s } }
sinks: { out: { type: 'null', from: slow } }
"""
HEAVY = """millrace: 1
graph: heavy
runtime: { workers: { count: 2 }, link_items: 4 }
sources: { in: { type: generate, of: city } }
steps:
  work: { type: map, from: in, select: { s: "%s" } }
sinks: { out: { type: 'null', from: work } }
"""


class Why(millrace.Case):
    def run_graph(self, name, text, stdin=subprocess.DEVNULL):
        self.write(f"{name}.yaml", text)
        child = self.start("run", f"{name}.yaml", "--quiet", stdin=stdin)
        self.wait_for("the graph", lambda: (self.run_dir / f"{name}.sock").exists()
                      or child.poll() is not None)
        self.assertIsNone(child.poll(), child.stderr.read() if child.poll() else "")
        return child

    def why(self, graph, node):
        """Findings by kind; each one's details by what they are about."""
        result = self.millrace("why", graph, node, "--json")
        self.assertEqual((result.code, result.err), (0, ""))
        answer = json.loads(result.out)
        self.assertEqual(answer["node"], node)
        for f in answer["findings"]:
            f.update({d["what"]: d["text"] for d in f["details"]})
        return {f["kind"]: f for f in answer["findings"]}

    def wait_why(self, graph, node, kind):
        found = {}

        def there():
            found.clear()
            found.update(self.why(graph, node))
            return kind in found
        self.wait_for(f"{kind} of {node}", there)
        return found[kind]


class Watermark(Why):
    def test_a_silent_partition_is_named_and_what_would_help(self):
        child = self.run_graph("two", TWO % "")
        f = self.wait_why("two", "w", "watermark")
        self.wait_for("rows of a", lambda: "a partition 0 2025-10-13T11:0" in
                      self.why("two", "w")["watermark"].get("others", ""))
        f = self.why("two", "w")["watermark"]
        self.assertRegex(f["text"], r"^w is not emitting: its watermark is 2025-10-13T09:59:40Z, "
                                    r"\d+d\d\dh behind the clock$")
        self.assertRegex(f["next to close"], r"^\[2025-10-13T10:00:00Z, 2025-10-13T10:00:10Z\)  "
                                             r"1 key   needs watermark 2025-10-13T10:00:10Z$")
        self.assertRegex(f["held back by"], r"^b partition 0   last event 2025-10-13T10:00:00Z "
                                            r"\(event time\), seen \d+s ago$")
        self.assertEqual(f["because"], "delay 20s; idle_after is off for b")
        self.assertRegex(f["try"], r"^watermark: \{ idle_after: 30s \} on b   \(the watermark "
                                   r"would be 2025-10-13T1[01]:\d\d:\d\dZ: closes it now\)$")
        text = self.millrace("why", "two", "w").out
        self.assertRegex(text, r"(?m)^  held back by    b partition 0   last event")
        child.kill()
        child.wait()
        dead = self.why("two", "w")
        self.assertIn("is dead", dead["state"]["text"])
        self.assertRegex(dead["watermark"]["held back by"], "^b partition 0   last event")

    def test_a_partition_that_never_sent_a_row_is_named(self):
        self.run_graph("two", TWO % "after: 1h,")
        f = self.wait_why("two", "w", "watermark")
        self.assertEqual(f["text"], "w is not emitting: it has no watermark yet")
        self.assertEqual(f["held back by"], "b partition 0   no event yet")
        self.assertIn("closes it now", self.why("two", "w")["watermark"]["try"])

    def test_with_idle_after_it_emits_and_the_source_is_idle(self):
        self.run_graph("two", TWO % "watermark: { idle_after: 300ms },")
        f = self.wait_why("two", "b", "idle")
        self.assertRegex(f["text"], r"^b partition 0 is idle: seen \S+ ago, longer ago than "
                                    r"idle_after 300ms$")
        self.wait_for("windows", lambda: (self.dir / "out.ndjson").stat().st_size > 0)
        self.assertEqual(set(self.why("two", "w")) - {"late"}, {"fine"})

    def test_one_partition_needs_a_later_event(self):
        child = self.run_graph("ticks", TICKS % "", subprocess.PIPE)
        child.stdin.write(b'{"t": "2025-10-13T11:30:01Z", "k": "a"}\n'
                          b'{"t": "2025-10-13T11:30:12Z", "k": "b"}\n')
        child.stdin.flush()
        f = self.wait_why("ticks", "w", "watermark")
        self.wait_for("both rows", lambda: "11:30:12" in
                      self.why("ticks", "w")["watermark"]["held back by"])
        f = self.why("ticks", "w")["watermark"]
        self.assertIn("its watermark is 2025-10-13T11:30:07Z", f["text"])
        self.assertEqual(f["because"], "delay 5s; idle_after is off for in")
        self.assertEqual(f["needs"], "an event of 2025-10-13T11:30:15Z or later from in")
        child.stdin.write(b'{"t": "2025-10-13T11:30:15Z", "k": "c"}\n')  # it is right
        child.stdin.flush()
        self.wait_for("the window", lambda: (self.dir / "out.ndjson").stat().st_size > 0)
        self.assertEqual(self.rows("out.ndjson")[0]["window_start"], "2025-10-13T11:30:00Z")
        child.stdin.close()
        self.wait_for("the end of in", lambda: "ended" in self.why("ticks", "in")
                      or "idle" in self.why("ticks", "in"))
        f = self.why("ticks", "w")["watermark"]
        self.assertEqual(f["because"],
                         "all its source partitions are idle or have ended: the watermark stands")


class Slow(Why):
    def stuck(self, workers):
        fifo = self.dir / "fifo"
        fifo.unlink(missing_ok=True)
        os.mkfifo(fifo)
        pipe = os.open(fifo, os.O_RDWR | os.O_NONBLOCK)
        self.addCleanup(os.close, pipe)
        return self.run_graph("stuck", STUCK % workers)

    def test_the_sink_that_nobody_reads_is_named(self):
        for workers in (1, 2):
            child = self.stuck(workers)
            for node in ("in", "all"):
                f = self.wait_why("stuck", node, "slow")
                self.assertEqual(f["text"], f"{node} is held up: out takes rows more slowly than "
                                            "they come")
                self.assertRegex(f["waits for"], r"^out \(file\): busy \d+ %, blocked \d+ %: it "
                                                 r"waits for what it writes to$")
                self.assertIn("full: drop_oldest on out", f["try"])
            if workers == 2:
                links = [self.why("stuck", node)["slow"].get("link", "") for node in ("in", "all")]
                self.assertTrue(any(re.match(r"\w+ -> \w+  \d of 4 items, full \d+ times$", link)
                                    for link in links), links)
            f = self.wait_why("stuck", "out", "slow")
            self.assertRegex(f["text"], r"^out is slow: for \d+ % of \S+ it waited for what it "
                                        r"writes to$")
            child.kill()
            child.wait()
            self.assertEqual(self.why("stuck", "in")["slow"]["text"],
                             "in is held up: out takes rows more slowly than they come")

    def test_a_throttle_that_lets_rows_wait_is_named(self):
        self.run_graph("slowly", SLOWLY)
        f = self.wait_why("slowly", "in", "slow")
        self.assertEqual(f["text"], "in is held up: slow takes rows more slowly than they come")
        self.assertRegex(f["waits for"], r"^slow \(throttle\): busy \d+ %, blocked \d+ %: it lets "
                                         r"no more through than its rate$")
        self.assertRegex(self.wait_why("slowly", "slow", "slow")["text"],
                         r"^slow lets rows wait, for \d+ % of \S+: more come than its rate$")

    def test_a_step_that_works_all_the_time_is_named(self):
        work = "upper(" * 40 + "concat(city, description)" + ")" * 40
        self.run_graph("heavy", HEAVY % work)
        f = self.wait_why("heavy", "in", "slow")
        self.assertEqual(f["text"], "in is held up: work takes rows more slowly than they come")
        self.assertRegex(f["waits for"], r"^work \(map\): busy \d+ %, blocked \d+ %: it works as "
                                         r"fast as it can$")
        self.assertRegex(f["link"], r"^in -> work  \d of 4 items, full [1-9]\d* times$")
        self.assertRegex(self.wait_why("heavy", "work", "busy")["text"],
                         r"^work works all the time: busy \d+ % of \S+, \S+/s in$")


class Losses(Why):
    def test_late_rows_dead_letters_and_filters(self):
        late = "  late: { type: file, from: w.late, path: late.ndjson }\n"
        for more, words in (("", "they were dropped"), (late, "they went to w.late")):
            child = self.run_graph("ticks", TICKS % more, subprocess.PIPE)
            child.stdin.write(b'{"t": "2025-10-13T11:30:40Z", "k": "a"}\n'
                              b'{"t": "2025-10-13T11:30:01Z", "k": "b"}\nbad\n')
            child.stdin.flush()
            f = self.wait_why("ticks", "w", "late")
            self.assertEqual(f["text"], f"1 row came late at w: {words}")
            self.assertEqual(f["because"], "delay 5s, allowed_lateness 0s")
            self.assertEqual("try" in f, not more)
            f = self.wait_why("ticks", "in", "dead_letters")
            self.assertEqual(f["text"], "1 row at in was in error")
            self.wait_for("the file", lambda: os.path.exists(f["they are in"]))
            self.assertEqual(self.rows(f["they are in"])[0]["raw"], "bad")
            self.assertEqual(f["try"], "millrace dlq show ticks in")
            f = self.wait_why("ticks", "none", "filtered")
            self.assertEqual(f["text"],
                             "none passes nothing: its condition was true for none of 2 rows")
            f = self.wait_why("ticks", "nothing", "no_input")
            self.assertRegex(f["because"], r"^none gives none: 0 rows came in there, 0 rows went "
                                           r"out$")
            f = self.wait_why("ticks", "in", "no_input")
            self.assertRegex(f["text"], r"^no rows come in at in: seen \d+s ago$")
            child.stdin.close()
            child.terminate()
            self.assertEqual(child.wait(30), 0)

    def test_on_error_drop_is_told(self):
        text = (TICKS % "").replace("type: stdin,", "type: stdin, on_error: drop,")
        child = self.run_graph("ticks", text, subprocess.PIPE)
        child.stdin.write(b"bad\n")
        child.stdin.flush()
        f = self.wait_why("ticks", "in", "dropped")
        self.assertEqual(f["text"], "1 row dropped at in")
        self.assertEqual(f["because"], "on_error: drop loses rows in error")
        child.stdin.close()


class Forms(Why):
    def test_a_graph_in_order_is_fine_and_the_node_must_exist(self):
        self.run_graph("ticks", TICKS % "", subprocess.PIPE)
        self.assertRegex(self.wait_why("ticks", "other", "fine")["text"],
                         r"^other is fine: \S+/s in, \S+/s out, busy \d+ %$")
        result = self.millrace("why", "ticks", "nope")
        self.assertEqual((result.code, result.out), (64, ""))
        self.assertEqual(result.err, 'millrace why: graph ticks has no node "nope"; it has in, '
                                     'other, none, w, out, nothing, rest\n')
        self.assertEqual(self.millrace("why", "ticks").code, 64)
        self.assertEqual(self.millrace("why").code, 64)
        self.assertEqual(self.millrace("why", "nope", "in").code, 69)

    def test_watch_goes_on_until_the_graph_ends(self):
        child = self.run_graph("ticks", TICKS % "", subprocess.PIPE)
        watch = self.start("why", "ticks", "other", "--json", "--watch", "0.1")
        for _ in range(3):
            self.assertEqual(json.loads(watch.stdout.readline())["node"], "other")
        child.stdin.close()
        child.terminate()
        self.assertEqual((child.wait(30), watch.wait(30)), (0, 0))


if __name__ == "__main__":
    millrace.main()

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tap shows the rows that go by and nothing else, and the graph never waits for it."""

import collections
import json
import os
import signal
import subprocess
import time

import millrace

TYPES = """millrace: 1
graph: types
runtime: { workers: { count: %d } }
events:
  row:
    fields:
      n: { type: int64 }
      t: { type: timestamp, optional: true }
      d: { type: double, optional: true }
      b: { type: bool, optional: true }
      kind: { type: string, one_of: [red, green, a colour with a long name] }
      s: { type: string, optional: true }
      l: { type: list<string>, optional: true }
      i: { type: list<int64>, optional: true }
      unread: { type: string, optional: true }
    event_time: t
    missing_time: keep
sources: { in: { type: stdin, event: row } }
steps:
  some: { type: filter, from: in, where: "n >= 0 AND 10 / (n - 13) < 100" }
  per_kind: { type: window, from: in, window: { tumbling: 1m }, key: [kind],
              select: { n: count(*) } }
sinks:
  out: { type: file, from: some, path: out.ndjson }
  windows: { type: file, from: per_kind, path: windows.ndjson }
  late: { type: file, from: per_kind.late, path: late.ndjson }
"""
NARROW = """millrace: 1
graph: narrow
sources:
  in: { type: stdin, fields: { a: { type: int64 }, b: { type: int64, optional: true } } }
steps: { only: { type: map, from: in, select: { a: a } } }
sinks: { out: { type: file, from: only, path: out.ndjson } }
"""
ANY = """millrace: 1
graph: any
sources: { in: { type: stdin, format: json } }
steps: { big: { type: filter, from: in, where: "amount > 100" } }
sinks: { out: { type: file, from: big, path: out.ndjson } }
"""
FAST = """millrace: 1
graph: fast
runtime: { workers: { count: 2 } }
sources: { in: { type: generate, of: city%s } }
steps:
  severe: { type: filter, from: in, where: "severity IN ('high', 'critical')" }
  counts: { type: group, from: severe, workers: 2, key: [city], select: { n: count(*) },
            every: 100ms }
sinks:
  all: { type: 'null', from: severe }
  out: { type: 'null', from: counts }
"""


def line_of(i):
    row = {"n": i, "kind": ("red", "green", "a colour with a long name")[i % 3]}
    if i % 2:
        row["t"] = f"2025-10-13T11:{i // 60 % 60:02}:{i % 60:02}.5Z"
    if i % 3:
        row["d"] = i / 7
    if i % 5:
        row["b"] = i % 2 == 0
    row["s"] = (None, "", "short", "a text of more than twelve bytes é" * (i % 8))[i % 4]
    row["l"] = (None, [], ["x", "a longer element " * 3, "y"])[i % 3]
    row["i"] = (None, [i, -i], [])[i % 3]
    row["unread"] = "nobody reads this"
    return json.dumps(row).encode() + b"\n"


class Tap(millrace.Case):
    def run_graph(self, name, text, stdin=subprocess.PIPE):
        self.write(f"{name}.yaml", text)
        child = self.start("run", f"{name}.yaml", "--quiet", stdin=stdin)
        self.wait_for("the graph", lambda: (self.run_dir / f"{name}.sock").exists()
                      or child.poll() is not None)
        self.assertIsNone(child.poll(), child.stderr.read() if child.poll() else "")
        return child

    def tap(self, *args):
        return self.start("tap", *args)

    def feed_until_shown(self, child, tap, line):
        """Feeds rows n = -1, -2, ... until the tap shows one: from then on it shows all."""
        os.set_blocking(tap.stdout.fileno(), False)
        shown, i = b"", 0
        deadline = time.monotonic() + 30
        while b"\n" not in shown:
            self.assertLess(time.monotonic(), deadline)
            self.assertIn(tap.poll(), (None, 0))
            i += 1
            child.stdin.write(line(i))
            child.stdin.flush()
            shown += tap.stdout.read() or b""
            time.sleep(0.002)
        os.set_blocking(tap.stdout.fileno(), True)
        return shown

    def ending(self, tap):
        """The counts of its last words."""
        err = tap.stderr.read().decode()
        self.assertRegex(err, r"^shown \d+ of \d+ seen, \d+ skipped(, where .*)?\n$")
        words = err.split()
        return int(words[1]), int(words[3]), int(words[5])


class Rows(Tap):
    def test_every_type_is_shown_as_the_file_sink_writes_it(self):
        for workers in (1, 2):
            child = self.run_graph("types", TYPES % workers)
            tap = self.tap("types", "some")
            shown = self.feed_until_shown(child, tap, line_of)
            child.stdin.write(b"".join(line_of(i) for i in range(100000, 101500)))
            child.stdin.close()
            shown += tap.stdout.read()
            self.assertEqual(child.wait(30), 0)
            self.assertEqual(tap.wait(30), 0)
            lines = (self.dir / "out.ndjson").read_bytes()
            self.assertTrue(lines.endswith(shown), (shown[:300], lines[-300:]))
            cnt = shown.count(b"\n")
            self.assertGreaterEqual(cnt, 1500)
            self.assertEqual(self.ending(tap)[::2], (cnt, 0))

    def test_where_is_the_filter_that_python_computes(self):
        child = self.run_graph("types", TYPES % 2)
        where = "s LIKE '%twelve%' AND kind = 'a colour with a long name' OR d > 14290"
        tap = self.tap("types", "some", "--where", f"n < 50000 OR {where}")
        shown = self.feed_until_shown(child, tap, line_of)
        child.stdin.write(b"".join(line_of(i) for i in range(100000, 102000)))
        child.stdin.close()
        shown += tap.stdout.read()
        self.assertEqual(tap.wait(30), 0)
        got = [row["n"] for row in map(json.loads, shown.splitlines()) if row["n"] >= 100000]
        want = [i for i in range(100000, 102000)
                if (i % 4 == 3 and i % 8 and i % 3 == 2) or (i % 3 and i / 7 > 14290)]
        self.assertTrue(0 < len(want) < 2000)
        self.assertEqual(got, want)
        shown, seen, skipped = self.ending(tap)
        self.assertEqual(skipped, 0)
        self.assertGreater(seen, shown)
        child.wait(30)

    def test_late_rows_and_error_rows_are_outputs_too(self):
        child = self.run_graph("types", TYPES % 1)
        errors = self.tap("types", "some.errors", "--limit", 5)
        late = self.tap("types", "per_kind.late", "--limit", 3)
        rows = [b'{"n": 13, "kind": "red", "t": "2025-10-13T11:59:59Z"}\n'] + [
            b'{"n": 1, "kind": "red", "t": "2025-10-13T10:00:00Z"}\n'] * 5
        self.feed_until_shown(child, errors, lambda i: rows[i % 2])

        def feed_on():
            child.stdin.write(b"".join(rows))
            child.stdin.flush()
            return errors.poll() is not None and late.poll() is not None
        self.wait_for("the end of both taps", feed_on)
        self.assertEqual((errors.wait(), late.wait()), (0, 0))
        for line in late.stdout.read().splitlines():
            self.assertEqual(json.loads(line)["t"], "2025-10-13T10:00:00Z")
        self.assertEqual(self.ending(late)[0], 3)
        child.stdin.close()
        self.assertEqual(child.wait(30), 0)
        dead = self.rows("millrace-data/dead_letters/types/some.ndjson")
        self.assertEqual({d["node"] for d in dead}, {"some"})
        for row in map(json.loads, errors.stdout.read().splitlines()):
            self.assertEqual((row["node"], row["code"]), ("some", dead[0]["code"]))

    def test_rows_of_an_untyped_source_are_their_lines(self):
        child = self.run_graph("any", ANY)
        line = b'{"amount":  120.0, "text": "a", "more": {"deep": [1, 2]}}\n'
        tap = self.tap("any", "big", "--limit", 2)
        shown = self.feed_until_shown(child, tap, lambda i: line)
        child.stdin.write(line * 5)
        child.stdin.close()
        self.assertEqual(shown + tap.stdout.read(), line * 2)
        self.assertEqual(tap.wait(30), 0)
        child.wait(30)

    def test_the_limit_ends_it_and_the_counts_are_of_that_moment(self):
        child = self.run_graph("fast", FAST % ", rate: 20k/s", None)
        result = self.millrace("tap", "fast", "in", "--where", "severity = 'critical'",
                               "--limit", 20)
        self.assertEqual(result.code, 0, result.err)
        rows = result.lines()
        self.assertEqual(len(rows), 20)
        self.assertEqual({r["severity"] for r in rows}, {"critical"})
        words = result.err.split()
        self.assertEqual(words[:2], ["shown", "20"])
        self.assertTrue(20 < int(words[3]) < 400, result.err)
        self.assertEqual(words[4:], ["seen,", "0", "skipped"])
        self.assertIsNone(child.poll())

    def test_rows_of_all_instances_are_shown(self):
        self.run_graph("fast", FAST % ", rate: 20k/s", None)
        result = self.millrace("tap", "fast", "counts", "--limit", 200)
        self.assertEqual(result.code, 0, result.err)
        cities = collections.Counter(row["city"] for row in result.lines())
        self.assertGreater(len(cities), 4)
        self.assertLess(max(cities.values()) - min(cities.values()), 60)

    def test_a_sample_is_the_share_that_was_asked_for(self):
        self.run_graph("fast", FAST % ", rate: 100k/s", None)
        for share, low, high in (("10%", 0.08, 0.12), ("0.5", 0.45, 0.55)):
            result = self.millrace("tap", "fast", "in", "--sample", share, "--limit", 3000)
            self.assertEqual(result.code, 0, result.err)
            shown, seen, skipped = (int(result.err.split()[i]) for i in (1, 3, 5))
            self.assertTrue(low < (shown + skipped) / seen < high, result.err)


class Refused(Tap):
    def test_what_cannot_be_tapped_is_said(self):
        child = self.run_graph("types", TYPES % 1)
        for args, words in ((("nope",), 'no node "nope"'), (("out",), "is a sink"),
                            (("some.late",), "there is some, some.errors"),
                            (("some", "--where", "n ="), "MR2"),
                            (("some", "--where", "n"), "MR2"),
                            (("some", "--where", "m = 1"), 'did you mean'),
                            (("some", "--where", "count(*) > 1"), "MR2")):
            result = self.millrace("tap", "types", *args)
            self.assertEqual((result.code, result.out), (64, ""), args)
            self.assertEqual(len(result.err.splitlines()), 1, result.err)
            self.assertIn(words, result.err)
        for flags in (("--limit", "0"), ("--limit", "x"), ("--sample", "0"), ("--sample", "2"),
                      ("--sample", "x"), ("--nonsense",), ("more",)):
            self.assertEqual(self.millrace("tap", "types", "some", *flags).code, 64, flags)
        self.assertEqual(self.millrace("tap", "types").code, 64)
        self.assertEqual(self.millrace("tap", "other", "some").code, 69)
        child.stdin.close()
        child.wait(30)

    def test_columns_that_nobody_reads_are_not_there_and_it_says_so(self):
        child = self.run_graph("narrow", NARROW)
        result = self.millrace("tap", "narrow", "in", "--where", "b = 1")
        self.assertEqual(result.code, 64)
        self.assertIn("column b is not decoded, because nothing in this graph reads it",
                      result.err)
        tap = self.tap("narrow", "in", "--limit", 1)
        shown = self.feed_until_shown(child, tap, lambda i: b'{"a": 7, "b": 8}\n')
        self.assertEqual(json.loads(shown), {"a": 7})
        child.stdin.close()
        child.wait(30)

    def test_an_output_is_tapped_by_one_at_a_time(self):
        self.run_graph("fast", FAST % ", rate: 1k/s", None)
        first = self.tap("fast", "severe")
        first.stdout.readline()
        result = self.millrace("tap", "fast", "severe", "--limit", 1)
        self.assertEqual(result.code, 64)
        self.assertIn("taps severe already", result.err)
        self.assertEqual(self.millrace("tap", "fast", "in", "--limit", 1).code, 0)
        first.send_signal(signal.SIGINT)
        self.assertEqual(first.wait(30), 0)
        self.wait_for("the output to be free", lambda: self.millrace(
            "tap", "fast", "severe", "--limit", 1).code == 0)


class Unnoticed(Tap):
    def rows_in(self):
        return self.node(json.loads(self.millrace("stat", "fast", "--json").out), "in")["rows_in"]

    def assert_goes_on(self, child, rows=200000):
        before = self.rows_in()
        self.wait_for("more rows", lambda: self.rows_in() > before + rows)
        self.assertIsNone(child.poll())

    def test_a_tap_that_does_not_read_is_skipped_and_counted(self):
        child = self.run_graph("fast", FAST % "", None)
        tap = self.tap("fast", "in")  # its pipe is full soon
        tap.stdout.read(100)
        self.assert_goes_on(child, 5000000)
        self.assertIsNone(tap.poll())
        tap.send_signal(signal.SIGINT)
        lines = tap.stdout.read().count(b"\n")
        self.assertEqual(tap.wait(30), 0)
        shown, seen, skipped = self.ending(tap)
        self.assertTrue(shown - 2 <= lines <= shown)
        self.assertGreater(skipped, 1000000)
        self.assertTrue(shown + skipped <= seen <= shown + skipped + 200000, (shown, seen, skipped))

    def test_taps_that_come_go_and_are_killed_change_nothing(self):
        child = self.run_graph("fast", FAST % ", rate: 200k/s", None)
        for i in range(30):
            tap = self.tap("fast", ("in", "severe", "counts")[i % 3])
            tap.stdout.read(10)
            tap.send_signal((signal.SIGKILL, signal.SIGINT)[i % 2])
            tap.stdout.read()
            tap.wait(30)
        closed = self.tap("fast", "in")
        closed.stdout.readline()
        closed.stdout.close()
        self.assertEqual(closed.wait(30), 0)
        self.assert_goes_on(child)
        child.send_signal(signal.SIGTERM)
        self.assertEqual(child.wait(30), 0)

    def test_a_drain_ends_the_tap_after_the_last_row(self):
        child = self.run_graph("fast", FAST % ", rate: 10k/s", None)
        tap = self.tap("fast", "severe")
        tap.stdout.readline()
        child.send_signal(signal.SIGTERM)
        rest = tap.stdout.read().count(b"\n")
        self.assertEqual((child.wait(30), tap.wait(30)), (0, 0))
        self.assertEqual(self.ending(tap), (rest + 1, rest + 1, 0))


if __name__ == "__main__":
    millrace.main()

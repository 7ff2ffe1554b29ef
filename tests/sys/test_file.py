#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The source `file`: patterns, the pace of event times, and parsing by several workers."""

import datetime
import json
import os
import random
import re
import shutil
import signal

import millrace

GLOB = """millrace: 1
graph: g
sources:
  in: { type: file, path: "%(path)s"%(more)s, fields: { n: { type: int64 } } }
steps:
  tenth: { type: map, from: in, set: { m: "div(10, n - 5)" } }
sinks:
  out: { type: file, from: tenth, path: out.ndjson }
"""
SPEED = """millrace: 1
graph: g
runtime: { clock: %(clock)s }
events:
  e: { fields: { n: { type: int64 }, t: { type: timestamp } }, event_time: t }
sources:
  in: { type: file, path: in.ndjson, speed: %(speed)s, event: e }
steps:
  seen: { type: map, from: in, set: { seen: ingest_time() } }
sinks:
  out: { type: file, from: %(sink)s, path: out.ndjson }
"""
START = datetime.datetime(2025, 10, 13, 11, 30, tzinfo=datetime.timezone.utc)


def event(n, ms):
    at = START + datetime.timedelta(milliseconds=ms)
    return '{"n":%d,"t":"%s"}\n' % (n, at.isoformat().replace("+00:00", "Z"))


class Patterns(millrace.Case):
    def run_glob(self, path, *args, more=""):
        self.write("g.yaml", GLOB % {"path": path, "more": more})
        return self.millrace("run", "g.yaml", "--quiet", "--summary", "summary.json", *args)

    def test_files_are_read_in_the_order_of_their_names(self):
        # made in another order than that of their names; a folder is no file
        for name, first in (("b.json", 10), ("a10.json", 0), ("a9.json", 5), ("C.json", 20)):
            self.write(f"in/{name}", "".join('{"n":%d}\n' % n for n in range(first, first + 5)))
        (self.dir / "in/dir.json").mkdir()
        self.write("in/no.txt", "x\n")
        result = self.run_glob("in/*.json")
        self.assertEqual(result.code, 0, result.err)
        order = [*range(20, 25), *range(0, 5), *range(5, 10), *range(10, 15)]
        self.assertEqual([row["n"] for row in self.rows("out.ndjson")],
                         [n for n in order if n != 5])
        self.assertEqual(self.node(self.summary(), "in")["rows_in"], 20)

    def test_dead_letters_name_the_file_and_the_line_in_it(self):
        self.write("in/a.json", '{"n":1}\n\n{"n":2}\n')
        self.write("in/b.json", '{"n":3}\nbad\n{"n":5}\n')
        self.write("in/c.json", "\ufeff" + '{"n":"x"}\n{"n":6}')
        for more in ("", ", workers: 2", ", workers: 3"):
            result = self.run_glob("in/?.json", more=more)
            letters = self.dir / "millrace-data/dead_letters/g"
            self.assertEqual(result.code, 0, result.err)
            self.assertEqual([row["n"] for row in self.rows("out.ndjson")], [1, 2, 3, 6])
            places = [(r["source"], r["position"], r["line"], r["code"])
                      for r in self.rows(letters / "in.ndjson")]
            self.assertEqual(places, [("in/b.json", 8, 2, "MR3003"), ("in/c.json", 3, 1, "MR3006")])
            places = [(r["source"], r["position"], r["line"])
                      for r in self.rows(letters / "tenth.ndjson")]
            self.assertEqual(places, [("in/b.json", 12, 3)])
            shutil.rmtree(letters)

    def test_a_pattern_without_files_is_a_mistake_at_path(self):
        result = self.run_glob("in/*.json")
        self.assertEqual(result.code, 78)
        self.assertIn("g.yaml:4:27: error[MR4013]: no file matches in/*.json", result.err)
        self.assertEqual(self.millrace("validate", "--no-inputs", "g.yaml").code, 0)
        self.write("g.yaml", GLOB % {"path": "in/*.json", "more": ", follow: true"})
        self.assertEqual(self.millrace("validate", "g.yaml").code, 0)

    def test_a_name_with_signs_of_a_pattern_is_a_name_first(self):
        self.write("in[1].json", '{"n":1}\n')
        self.write("in1.json", '{"n":2}\n')
        result = self.run_glob("in[1].json")
        self.assertEqual(result.code, 0, result.err)
        self.assertEqual([row["n"] for row in self.rows("out.ndjson")], [1])

    def test_many_files_do_not_need_many_descriptors(self):
        for k in range(300):
            self.write(f"in/{k:03}.json", '{"n":%d}\n' % (k + 10))
        for more in ("", ", workers: 2"):
            self.write("g.yaml", GLOB % {"path": "in/*.json", "more": more})
            result = self.millrace("run", "g.yaml", "--quiet",
                                   prefix=("prlimit", "--nofile=64"))
            self.assertEqual(result.code, 0, result.err)
            self.assertEqual([row["n"] for row in self.rows("out.ndjson")], [*range(10, 310)])


class Pace(millrace.Case):
    def graph(self, speed, clock="wall", sink="in"):
        self.write("g.yaml", SPEED % {"speed": speed, "clock": clock, "sink": sink})

    def test_rows_come_no_earlier_than_their_event_times_say(self):
        # late rows (500, 300) and one without a line's end: 800 ms in all
        times = [0, 500, 300, 500, 800]
        self.write("in.ndjson", "".join(event(n, ms) for n, ms in enumerate(times)).rstrip())
        for speed, factor in (("recorded", 1), ("4x", 4), ("0.5x", 0.5), ("max", None)):
            self.graph(speed)
            result = self.millrace("run", "g.yaml", "--quiet", "--summary", "summary.json")
            self.assertEqual(result.code, 0, result.err)
            self.assertEqual([row["n"] for row in self.rows("out.ndjson")], [0, 1, 2, 3, 4])
            if factor:
                self.assertGreaterEqual(self.summary()["wall_ns"], 800e6 / factor)

    def test_a_row_comes_while_later_ones_are_not_due_and_a_drain_ends_the_wait(self):
        self.write("in.ndjson", event(0, 0) + "bad\n" + event(1, 10) + event(2, 3600000))
        self.graph("recorded")
        program = self.start("run", "g.yaml", "--quiet", "--summary", "summary.json")
        out = self.dir / "out.ndjson"
        self.wait_for("two rows", lambda: out.exists() and out.read_text().count("\n") == 2)
        program.send_signal(signal.SIGTERM)
        self.assertEqual(program.wait(60), 0)
        source = self.node(self.summary(), "in")
        self.assertEqual((source["rows_in"], source["rows_out"], source["dead_letters"]), (3, 2, 1))

    def test_many_rows_at_a_high_speed(self):
        self.write("in.ndjson", "".join(event(n, n) for n in range(20000)))
        self.graph("100000x")
        result = self.millrace("run", "g.yaml", "--quiet")
        self.assertEqual(result.code, 0, result.err)
        self.assertEqual([row["n"] for row in self.rows("out.ndjson")], [*range(20000)])

    def test_the_virtual_clock_gives_planned_times_at_once(self):
        times = [0, 7200000, 3600000, 7200000, 36000000]
        self.write("in.ndjson", "".join(event(n, ms) for n, ms in enumerate(times)))
        for speed, factor in (("recorded", 1), ("10x", 10), ("0.5x", 0.5)):
            self.graph(speed, clock="virtual", sink="seen")
            result = self.millrace("run", "g.yaml", "--quiet", limit=60)
            self.assertEqual(result.code, 0, result.err)
            planned, want = 0, []
            for ms in times:
                planned = max(planned, ms / 1000 / factor)
                want.append(START.timestamp() + planned)
            self.assertEqual([millrace.seconds(row["seen"]) for row in self.rows("out.ndjson")],
                             want)

    def test_a_speed_that_is_none_is_a_mistake(self):
        self.write("in.ndjson", event(0, 0))
        for speed in ("fast", "10", "0x", "-1x", "nanx", "x", "2 x"):
            self.graph(f"'{speed}'")
            result = self.millrace("validate", "g.yaml")
            self.assertEqual(result.code, 78, speed)
            self.assertIn("g.yaml:7:45: error[MR1004]", result.err)
        self.write("g.yaml", SPEED.replace(", event_time: t", "")
                   % {"speed": "10x", "clock": "wall", "sink": "in"})
        result = self.millrace("validate", "g.yaml")
        self.assertEqual(result.code, 78)
        self.assertIn("no event_time", result.err)


PIPE = """millrace: 1
graph: g
sources: { in: { type: file, path: pipe, workers: %d, fields: { n: { type: int64 } } } }
sinks:   { out: { type: stdout, from: in } }
"""
SPREAD = """millrace: 1
graph: g
runtime: { workers: { count: %(threads)d }, clock: virtual, data_dir: %(dir)s }
events:
  e: { event_time: t, format: %(format)s, fields: { n: { type: int64 }, k: { type: string },
       t: { type: timestamp }, s: { type: string } } }
sources:
  in: { %(source)s, event: e, workers: %(workers)d, watermark: { delay: 5s } }
steps:
  per_key: { type: window, from: in, window: { tumbling: 1m }, key: [k], late: divert,
             select: { c: count(*), first: first(n), last: last(n), all: collect_list(n) } }
  seen: { type: map, from: in, set: { at: ingest_time(), off: record_offset(),
          q: "div(1000, n %% 1000)" } }
  newest: { type: window, from: in, window: { tumbling: 10m }, key: [k], emit: update,
            every: 10s, select: { c: count(*), at: max(ingest_time()) } }
sinks:
  windows: { type: file, from: per_key, path: "${data_dir}/windows.ndjson" }
  late: { type: file, from: per_key.late, path: "${data_dir}/late.ndjson" }
  rows: { type: file, from: seen, path: "${data_dir}/rows.ndjson" }
  updates: { type: file, from: newest, path: "${data_dir}/updates.ndjson" }
"""


class Spread(millrace.Case):
    """`workers: N` on a source: every file is that of one worker, byte by byte."""

    def make(self, rows=25000):
        rng = random.Random(11)
        print("seed 11")
        with open(self.dir / "in.json", "w") as lines, open(self.dir / "in.csv", "w") as sheet:
            sheet.write("t,n,s,k\r\n")
            for n in range(rows):
                at = START + datetime.timedelta(milliseconds=n * 20 - rng.choice((0, 0, 0, 9000)))
                text = rng.choice(("x" * rng.randrange(80), 'a "quote"', "two\nlines", "a,b", ""))
                row = {"n": n, "k": rng.choice("abcd"), "t": at.isoformat()[:-6] + "Z", "s": text}
                if rng.random() < 0.002:
                    lines.write("no row\n")
                    sheet.write("no,row\n")
                lines.write(json.dumps(row) + rng.choice(("\n", "\n", "\r\n", "\n\n")))
                quoted = text.replace('"', '""')
                sheet.write(f'{row["t"]},{n},"{quoted}",{row["k"]}\n')

    def outcome(self, source, kind, workers, threads, stdin=b""):
        name = f"out-{kind}-{workers}-{threads}"
        self.write("g.yaml", SPREAD % {"source": source, "format": kind, "workers": workers,
                                       "threads": threads, "dir": name})
        result = self.millrace("run", "g.yaml", "--quiet", "--summary", "summary.json",
                               stdin=stdin)
        self.assertEqual(result.code, 0, result.err)
        self.assert_accounts(self.summary())
        files = {path.name: path.read_text() for path in (self.dir / name).glob("*.ndjson")}
        for path in (self.dir / name / "dead_letters/g").glob("*"):
            files["dead " + path.name] = re.sub(r'"time":"[^"]*"', "", path.read_text())
        shutil.rmtree(self.dir / name)
        self.assertEqual(len(files), 6)
        return files

    def check(self, source, kind, stdin=b""):
        want = self.outcome(source, kind, 1, 1, stdin)
        for workers, threads in ((2, 2), (3, 2), (2, 1)):
            got = self.outcome(source, kind, workers, threads, stdin)
            for name, text in want.items():
                self.assertTrue(got[name] == text, f"{name} of {workers} workers differs")
        return want

    def test_json_and_csv_files(self):
        self.make()
        for kind in ("json", "csv"):
            want = self.check(f"type: file, path: in.{kind}", kind)
            self.assertGreater(want["late.ndjson"].count("\n"), 100)
            self.assertGreater(want["dead in.ndjson"].count("\n"), 20)

    def test_standard_input(self):
        self.make(12000)
        for kind in ("json", "csv"):
            self.check("type: stdin", kind, (self.dir / f"in.{kind}").read_bytes())

    def test_a_pipe_gives_rows_as_they_come_and_a_drain_ends_it(self):
        for workers in (1, 2, 3):
            self.write("g.yaml", PIPE % workers)
            os.mkfifo(self.dir / "pipe")
            program = self.start("run", "g.yaml", "--quiet")
            with open(self.dir / "pipe", "w", buffering=1) as pipe:
                for n in range(4):
                    pipe.write('{"n":%d}\n' % n)
                    self.assertEqual(json.loads(program.stdout.readline())["n"], n)
                program.send_signal(signal.SIGTERM)
                self.assertEqual(program.wait(60), 0)
            os.unlink(self.dir / "pipe")

    def test_a_drain_ends_behind_a_whole_beginning_of_the_file(self):
        self.write("in.json", "".join('{"n":%d}\n' % (n + 10) for n in range(2000000)))
        self.write("g.yaml", GLOB % {"path": "in.json", "more": ", workers: 2"})
        program = self.start("run", "g.yaml", "--quiet", "--summary", "summary.json")
        out = self.dir / "out.ndjson"
        self.wait_for("rows", lambda: out.exists() and out.stat().st_size > 0)
        program.send_signal(signal.SIGTERM)
        self.assertEqual(program.wait(60), 0)
        rows = [row["n"] for row in self.rows("out.ndjson")]
        self.assertEqual(rows, [*range(10, 10 + len(rows))])
        self.assertEqual(self.node(self.summary(), "in")["rows_in"], len(rows))


if __name__ == "__main__":
    millrace.main()

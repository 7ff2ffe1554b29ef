#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""dlq lists, shows, replays and purges dead letters, beside a graph that goes on writing them."""

import base64
import collections
import datetime
import json
import os
import subprocess
import threading

import millrace

GRAPH = """millrace: 1
graph: g
runtime: { workers: { count: %(workers)d } }
events: { e: { fields: { n: { type: int64 }, k: { type: string%(one_of)s } } } }
sources: { in: { type: stdin, event: e%(more)s } }
steps: { div: { type: map, from: in, set: { q: "div(100, n)" } } }
sinks: { out: { type: file, from: div, path: out.ndjson, mode: append } }
"""
LETTERS = "millrace-data/dead_letters/g/%s.ndjson"
STRICT = {"workers": 1, "one_of": ", one_of: [a, b]", "more": ""}
LOOSE = {"workers": 1, "one_of": "", "more": ""}


class Dlq(millrace.Case):
    def run_lines(self, lines, **options):
        self.write("g.yaml", GRAPH % dict(STRICT, **options))
        data = b"".join(line if isinstance(line, bytes) else line.encode() for line in lines)
        result = self.millrace("run", "g.yaml", "--quiet", stdin=data)
        self.assertEqual(result.code, 0, result.err)

    def start_graph(self, **options):
        self.write("g.yaml", GRAPH % dict(LOOSE, **options))
        child = self.start("run", "g.yaml", "--quiet", stdin=subprocess.PIPE)
        self.wait_for("the graph", lambda: (self.run_dir / "g.sock").exists()
                      or child.poll() is not None)
        self.assertIsNone(child.poll(), child.stderr.read() if child.poll() else "")
        return child

    def end(self, child):
        child.stdin.close()
        self.assertEqual(child.wait(30), 0)

    def letters(self, node="in"):
        """The records of a file, as anybody reads JSON lines: blank ones are none."""
        text = (self.dir / (LETTERS % node)).read_text()
        return [json.loads(line) for line in text.splitlines() if line.strip()]

    def dlq(self, *args, code=0):
        result = self.millrace("dlq", *args)
        self.assertEqual(result.code, code, (args, result.out, result.err))
        return result

    def groups(self, *args):
        listed = json.loads(self.dlq("ls", "--json", *args).out)["dead_letters"]
        return {(g["graph"], g["node"], g["code"]): g for g in listed}


LINES = ['{"n":1,"k":"a"}\n', '{"n":2,"k":"c"}\n', '{"n":"x","k":"a"}\n', "bad\n",
         '{"n":3,"k":"d"}\n', '{"n":0,"k":"b"}\n', b'{"n":4,"k":"\xff"}\n']


class Look(Dlq):
    def test_ls_counts_by_node_and_code(self):
        self.assertEqual(self.groups(), {})
        self.run_lines(LINES)
        groups = self.groups()
        want = collections.Counter(r["code"] for r in self.letters())
        self.assertEqual({k[2]: g["count"] for k, g in groups.items() if k[1] == "in"}, want)
        self.assertEqual(sum(want.values()), 5)
        self.assertEqual({k[1] for k in groups}, {"in", "div"})
        times = sorted(r["time"] for r in self.letters() if r["code"] == "MR3008")
        one = groups[("g", "in", "MR3008")]
        self.assertEqual((one["oldest"], one["newest"], one["count"]), (times[0], times[-1], 2))
        self.assertEqual(set(self.groups("g", "div")),
                         {("g", "div", self.letters("div")[0]["code"])})
        self.assertEqual(self.groups("other"), {})
        self.assertEqual(set(k[2] for k in self.groups("g", "--code", "MR3008")), {"MR3008"})
        text = self.dlq("ls").out.splitlines()
        self.assertEqual(text[0].split(), ["GRAPH", "NODE", "CODE", "COUNT", "SIZE", "OLDEST",
                                           "NEWEST"])
        self.assertIn(["g", "in", "MR3008", "2"], [line.split()[:4] for line in text])

    def test_show_filters_and_json_is_the_records_themselves(self):
        self.run_lines(LINES)
        shown = [json.loads(x) for x in self.dlq("show", "g", "in", "--json").out.splitlines()]
        self.assertEqual(shown, self.letters())
        shown = self.dlq("show", "g", "--code", "MR3008", "--json", "--limit", 1).out
        self.assertEqual([json.loads(x)["raw"] for x in shown.splitlines()], ['{"n":2,"k":"c"}'])
        text = self.dlq("show", "g", "in").out
        bad = self.letters()[2]
        self.assertIn(f'{bad["time"]} in {bad["code"]} {bad["cause"]}  stdin line 4 position '
                      f'{sum(map(len, LINES[:3]))}\n  raw        bad\n', text)
        self.assertIn("  raw_base64 " + base64.b64encode(LINES[6][:-1]).decode(), text)
        self.assertIn('  row        {"n":0,"k":"b"}', self.dlq("show", "g", "div").out)
        now = datetime.datetime.now(datetime.timezone.utc)
        for before, cnt in (("1h", 0), ("0s", 6), (now.strftime("%Y-%m-%dT%H:%M:%SZ"), None),
                            ("2020-01-01T00:00:00Z", 0)):
            lines = self.dlq("show", "g", "--json", "--before", before).out.splitlines()
            if cnt is not None:
                self.assertEqual(len(lines), cnt, before)

    def test_the_folder_is_found_by_flag_environment_and_running_graph(self):
        self.run_lines(LINES)
        here, away = self.groups(), self.dir / "away"
        away.mkdir()
        for args, env in ((("--data-dir", self.dir / "millrace-data"), {}),
                          ((), {"MILLRACE_DATA_DIR": str(self.dir / "millrace-data")})):
            result = self.millrace("dlq", "ls", "--json", *args, env=env, cwd=away)
            self.assertEqual(len(json.loads(result.out)["dead_letters"]), len(here))
        self.assertEqual(json.loads(self.millrace("dlq", "ls", "--json", cwd=away).out),
                         {"dead_letters": []})
        child = self.start_graph()
        for name in ("g", child.pid):
            result = self.millrace("dlq", "ls", name, "--json", cwd=away)
            self.assertEqual(len(json.loads(result.out)["dead_letters"]), len(here))
        self.end(child)

    def test_wrong_words_end_64(self):
        for args in ((), ("nonsense",), ("show",), ("ls", "a", "b", "c"), ("ls", "--limit", "1"),
                     ("show", "g", "--limit", "0"), ("show", "g", "--before", "x"),
                     ("purge", "g", "--to", "x"), ("replay",), ("ls", "--watch", "x")):
            self.assertEqual(self.millrace("dlq", *args).code, 64, args)

    def test_lines_that_are_no_records_are_counted_and_shown_as_such(self):
        self.run_lines(LINES)
        path = self.dir / (LETTERS % "in")
        path.write_text("no json\n" + path.read_text() + '{"code":"MR3003","half":')
        self.assertEqual(self.groups("g", "in")[("g", "in", "?")]["count"], 1)
        self.assertIn("this line is no dead letter: no json", self.dlq("show", "g", "in").out)
        self.assertEqual(sum(g["count"] for g in self.groups("g", "in").values()), 6)


class Purge(Dlq):
    def test_only_what_matches_goes_and_a_dry_run_changes_nothing(self):
        self.run_lines(LINES)
        path = self.dir / (LETTERS % "in")
        before, records = path.read_bytes(), self.letters()
        out = self.dlq("purge", "g", "in", "--code", "MR3008", "--dry-run").out
        self.assertEqual(out, "would purge 2 of 5 dead letters of g/in\n")
        self.assertEqual(path.read_bytes(), before)
        out = self.dlq("purge", "g", "in", "--code", "MR3008").out
        self.assertEqual(out, "purged 2 of 5 dead letters of g/in\n")
        self.assertEqual(self.letters(), [r for r in records if r["code"] != "MR3008"])
        self.assertEqual(len(path.read_bytes()), len(before))
        self.assertEqual(self.dlq("purge", "g", "in", "--limit", 1).out,
                         "purged 1 of 3 dead letters of g/in\n")
        self.assertEqual(self.dlq("purge", "g").out,
                         "purged 1 of 1 dead letters of g/div\n"
                         "purged 2 of 2 dead letters of g/in\n")
        self.assertEqual(path.read_bytes(), b"", "nothing is left and nobody has it open")
        self.assertEqual(self.groups(), {})

    def test_a_graph_that_appends_meanwhile_loses_nothing(self):
        child = self.start_graph()
        lines = [b"bad %d\n" % i for i in range(30000)]

        def feed():
            for i in range(0, len(lines), 100):
                child.stdin.write(b"".join(lines[i:i + 100]))
                child.stdin.flush()
        feeder = threading.Thread(target=feed)
        feeder.start()
        purged = []
        while feeder.is_alive():
            shown = [json.loads(line)["raw"] for line in
                     self.dlq("show", "g", "--json", "--limit", 500).out.splitlines()]
            if shown:  # more may stand there by now: no more goes than was seen
                self.dlq("purge", "g", "--limit", len(shown))
            purged += shown
        feeder.join()
        self.end(child)
        left = [r["raw"] for r in self.letters()]
        self.assertGreater(len(purged), 0)
        self.assertEqual(purged + left, [line.decode().rstrip() for line in lines])

    def test_a_file_that_is_open_keeps_its_length_until_it_is_not(self):
        child = self.start_graph()
        child.stdin.write(b"bad\n")
        child.stdin.flush()
        path = self.dir / (LETTERS % "in")
        self.wait_for("the record", lambda: path.exists() and path.stat().st_size > 0)
        length = path.stat().st_size
        self.dlq("purge", "g")
        self.assertEqual(path.read_bytes(), b" " * (length - 1) + b"\n")
        child.stdin.write(b"worse\n")
        child.stdin.flush()
        self.wait_for("the next", lambda: path.stat().st_size > length)
        self.assertEqual([r["raw"] for r in self.letters()], ["worse"])
        self.end(child)
        self.dlq("purge", "g")
        self.assertEqual(path.stat().st_size, 0)


class Replay(Dlq):
    def wait_rows(self, cnt):
        out = self.dir / "out.ndjson"
        self.wait_for(f"{cnt} rows", lambda: out.exists()
                      and out.read_bytes().count(b"\n") >= cnt)

    def test_lines_are_read_again_by_the_graph_that_was_put_right(self):
        for workers in (1, 2):
            for name in ("out.ndjson", LETTERS % "in", LETTERS % "div"):
                (self.dir / name).unlink(missing_ok=True)
            self.run_lines(LINES)  # k is a or b
            child = self.start_graph(workers=workers)  # now it is any text
            old = self.letters()
            dry = self.dlq("replay", "g", "--dry-run")
            self.assertEqual(dry.err, "would replay 0 dead letters of g/div; 1 cannot be: rows of "
                                      "steps, or kept in part\n"
                                      "would replay 5 dead letters of g/in\n")
            self.assertEqual(self.letters(), old)
            result = self.dlq("replay", "g", "in")
            self.assertEqual(result.err, "replayed 5 dead letters of g/in: 2 rows, 3 in error "
                                         "again\n")
            self.wait_rows(3)
            self.end(child)
            rows = self.rows("out.ndjson")
            self.assertEqual([(r["n"], r["k"]) for r in rows], [(1, "a"), (2, "c"), (3, "d")])
            new = self.letters()
            self.assertEqual([r.get("raw", r.get("raw_base64")) for r in new],
                             ['{"n":"x","k":"a"}', "bad",
                              base64.b64encode(LINES[6][:-1]).decode()])
            self.assertEqual({r["source"] for r in new}, {"replay"})
            self.assertEqual([r["line"] for r in new], [2, 3, 5])
            self.assertEqual(len(self.letters("div")), 1)

    def test_csv_goes_by_the_header_that_the_source_has_read(self):
        more = ", format: csv, csv: { header: true }"
        child = self.start_graph(more=more)
        self.write(LETTERS % "in", json.dumps({"node": "in", "code": "MR3006", "raw": "x,7"}) + "\n"
                   + json.dumps({"node": "in", "code": "MR3006", "raw": '"two\nlines",8'}) + "\n"
                   + json.dumps({"node": "in", "code": "MR3006", "raw": '"open,9'}) + "\n")
        result = self.dlq("replay", "g", "in", code=1)
        self.assertIn("has not read the header of its CSV yet", result.err)
        self.assertEqual(len(self.letters()), 3)
        child.stdin.write(b"k,n\na,1\n")
        child.stdin.flush()
        self.wait_rows(1)
        result = self.dlq("replay", "g", "in")
        self.assertIn("replayed 3 dead letters of g/in: 2 rows, 1 in error again", result.err)
        self.wait_rows(3)
        child.stdin.write(b"b,2\n")
        self.end(child)
        self.assertEqual([(r["n"], r["k"]) for r in self.rows("out.ndjson")],
                         [(1, "a"), (7, "x"), (8, "two\nlines"), (2, "b")])
        self.assertEqual([r["raw"] for r in self.letters()], ['"open,9'])

    def test_many_lines_beside_a_stream_all_arrive_once(self):
        child = self.start_graph(workers=2)
        self.write(LETTERS % "in", "".join(
            json.dumps({"node": "in", "code": "MR3008", "raw": json.dumps({"n": i, "k": "old"})})
            + "\n" for i in range(1, 5001)))
        stop = threading.Event()
        fed = [0]

        def feed():
            while not stop.is_set():
                fed[0] += 1
                child.stdin.write(b'{"n":%d,"k":"new"}\n' % fed[0])
                stop.wait(0.0005)
        feeder = threading.Thread(target=feed)
        feeder.start()
        try:
            result = self.dlq("replay", "g", "in")
        finally:
            stop.set()
            feeder.join()
        self.assertIn("replayed 5000 dead letters of g/in: 5000 rows, 0 in error", result.err)
        self.end(child)
        rows = collections.defaultdict(list)
        for row in self.rows("out.ndjson"):
            rows[row["k"]].append(row["n"])
        self.assertEqual(rows["old"], list(range(1, 5001)))
        self.assertEqual(rows["new"], list(range(1, fed[0] + 1)))
        self.assertEqual(self.letters(), [])

    def test_records_of_which_only_the_beginning_is_there_stay(self):
        child = self.start_graph(more=", max_line: 40")
        long_one = b'{"n":5,"k":"' + b"x" * 5000 + b'"}\n'
        child.stdin.write(b'{"n":1,"k":"' + b"y" * 40 + b'"}\n' + long_one)
        child.stdin.flush()
        path = self.dir / (LETTERS % "in")
        self.wait_for("both", lambda: path.exists() and len(self.letters()) == 2)
        result = self.dlq("replay", "g", "in")
        self.assertIn("replayed 1 dead letters of g/in: 0 rows, 1 in error again; 1 cannot be",
                      result.err)
        self.end(child)
        self.assertEqual([r["raw_bytes"] for r in self.letters()], [len(long_one) - 1, 54])

    def test_into_a_file_they_are_removed_and_to_stdout_they_stay(self):
        self.run_lines(LINES)
        raw = [LINES[i] if isinstance(LINES[i], bytes) else LINES[i].encode()
               for i in (1, 2, 3, 4, 6)]
        self.assertEqual(self.dlq("replay", "g", code=69).err,
                         "millrace dlq replay: graph g does not run: start it, or write the lines "
                         "with --to FILE\n")
        done = subprocess.run([self.program(), "dlq", "replay", "g", "in", "--to", "-"],
                              cwd=self.dir, env=self.env, capture_output=True, timeout=30)
        self.assertEqual((done.returncode, done.stdout), (0, b"".join(raw)))
        self.assertIn(b"they stay in the file", done.stderr)
        self.assertEqual(len(self.letters()), 5)
        self.dlq("replay", "g", "in", "--code", "MR3008", "--to", "again.ndjson")
        self.assertEqual((self.dir / "again.ndjson").read_bytes(), raw[0] + raw[3])
        self.assertEqual(len(self.letters()), 3)
        result = self.dlq("replay", "g", "in", "--to", "again.ndjson", code=74)
        self.assertIn("File exists", result.err)
        self.assertEqual(len(self.letters()), 3)
        self.dlq("replay", "g", "in", "--limit", 2, "--to", "more.ndjson")
        self.assertEqual((self.dir / "more.ndjson").read_bytes(), raw[1] + raw[2])
        self.assertEqual(len(self.letters()), 1)

    def test_what_takes_no_lines_says_so_and_keeps_the_records(self):
        self.write("gen.yaml", """millrace: 1
graph: g
sources: { in: { type: generate, of: city, rate: 1k/s } }
sinks: { out: { type: 'null', from: in } }
""")
        self.start("run", "gen.yaml", "--quiet")
        self.wait_for("the graph", lambda: (self.run_dir / "g.sock").exists())
        record = json.dumps({"node": "in", "code": "MR3003", "raw": "bad"}) + "\n"
        for node, words in (("in", "decodes no lines"), ("out", "is no source"),
                            ("gone", 'no source "gone"')):
            path = self.write(LETTERS % node, record)
            result = self.dlq("replay", "g", node, code=1)
            self.assertIn(words, result.err)
            self.assertEqual(path.read_text(), record)

    def test_a_source_that_has_ended_takes_nothing(self):
        text = (GRAPH % LOOSE).replace("event: e } }", "event: e }, "
                                       "other: { type: generate, of: city, rate: 1k/s } }")
        text = text.replace("sinks: {", "sinks: { rest: { type: 'null', from: other },")
        self.write("g.yaml", text)
        self.start("run", "g.yaml", "--quiet", stdin=subprocess.DEVNULL)
        self.wait_for("the end of in", lambda: '"kind":"idle"' in (
            out := self.millrace("why", "g", "in", "--json").out) or '"kind":"ended"' in out)
        record = json.dumps({"node": "in", "code": "MR3003", "raw": "bad"}) + "\n"
        path = self.write(LETTERS % "in", record)
        self.assertIn("has ended", self.dlq("replay", "g", "in", code=1).err)
        self.assertEqual(path.read_text(), record)

    def test_a_drain_in_between_keeps_what_was_not_taken(self):
        child = self.start_graph()
        fifo = self.dir / "out.ndjson"
        self.end(child)
        fifo.unlink(missing_ok=True)
        os.mkfifo(fifo)  # the graph stands still once the pipe is full
        pipe = os.open(fifo, os.O_RDWR | os.O_NONBLOCK)
        self.addCleanup(os.close, pipe)
        child = self.start_graph()
        self.write(LETTERS % "in", "".join(
            json.dumps({"node": "in", "code": "MR3008", "raw": json.dumps({"n": i, "k": "x" * 50})})
            + "\n" for i in range(1, 30001)))
        replay = self.start("dlq", "replay", "g", "in")
        self.wait_for("rows", lambda: b"\n" in self.read(pipe))
        child.terminate()
        taken = []

        def read_on():
            taken.append(self.read(pipe))
            return child.poll() is not None
        self.wait_for("the end", read_on)
        self.assertIn(replay.wait(30), (1, 69))
        left = {json.loads(r["raw"])["n"] for r in self.letters()}
        self.assertTrue(0 < len(left) < 30001, len(left))
        self.assertIn(30000, left)
        self.assertNotIn(1, left)

    def read(self, pipe):
        try:
            return os.read(pipe, 1 << 20)
        except BlockingIOError:
            return b""


if __name__ == "__main__":
    millrace.main()

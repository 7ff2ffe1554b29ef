#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`file` with follow: a writer process appends, rotates, cuts, replaces and removes a file while
the program reads it. No row is lost or doubled, none is delivered half, and the log says it."""

import json
import os
import signal
import subprocess
import sys

import millrace

GRAPH = """millrace: 1
graph: g
sources:
  in: { type: file, path: "%(path)s", follow: %(follow)s%(more)s, fields: { n: { type: int64 } } }
sinks:
  out: { type: stdout, from: in }
"""


def writer():
    """Does what stdin says, line by line, as a logging process would: it keeps its file open."""
    held = None
    for line in sys.stdin:
        op, *args = json.loads(line)
        if op == "open":
            held = os.open(args[0], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        elif op == "write":
            os.write(held, args[0].encode())
        elif op == "rename":
            os.rename(args[0], args[1])
        elif op == "cut":
            os.ftruncate(held, args[0])
        elif op == "remove":
            os.unlink(args[0])
        elif op == "mkdir":
            os.mkdir(args[0])
        elif op == "put":
            with open(args[0], "w", encoding="utf-8") as f:
                f.write(args[1])
        print("done", flush=True)


def rows(first, last):
    return "".join('{"n":%d}\n' % n for n in range(first, last))


class Follow(millrace.Case):
    def begin(self, path="log.ndjson", follow="true", more=""):
        self.writer = subprocess.Popen([sys.executable, __file__, "--writer"], cwd=self.dir,
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.children.append(self.writer)
        self.write("g.yaml", GRAPH % {"path": path, "follow": follow, "more": more})

    def run_graph(self):
        with open(self.dir / "out.ndjson", "wb") as out:
            self.program_ = self.start("run", "g.yaml", "--quiet", "--summary", "summary.json",
                                       stdout=out)

    def do(self, *command):
        self.writer.stdin.write((json.dumps(command) + "\n").encode())
        self.writer.stdin.flush()
        self.assertEqual(self.writer.stdout.readline(), b"done\n")

    def got(self):
        text = (self.dir / "out.ndjson").read_text()
        return [json.loads(line)["n"] for line in text.splitlines() if line.endswith("}")]

    def wait_rows(self, cnt):
        self.wait_for(f"{cnt} rows", lambda: len(self.got()) >= cnt)

    def end(self, cnt, says=()):
        """Drains, and checks that rows 0 .. cnt - 1 came once each and in order."""
        self.program_.send_signal(signal.SIGTERM)
        _, err = self.program_.communicate(timeout=60)
        err = err.decode()
        self.assertEqual(self.program_.returncode, 0, err)
        self.assertEqual(self.got(), list(range(cnt)), err)
        summary = self.summary()
        self.assert_accounts(summary)
        self.assertEqual(self.node(summary, "in")["dead_letters"], 0)
        for word in ("rotated", "truncated"):
            self.assertEqual(word in err, word in says, err)
        return err

    def test_a_file_that_grows_is_read_as_it_grows(self):
        self.begin()
        self.do("open", "log.ndjson")
        self.do("write", rows(0, 3))
        self.run_graph()
        self.wait_rows(3)
        for i in range(3, 60):
            self.do("write", rows(i, i + 1))
        self.wait_rows(60)
        self.do("write", rows(60, 20060))
        self.wait_rows(20060)
        self.end(20060)

    def test_control_without_follow_the_same_check_fails(self):
        self.begin(follow="false")
        self.do("open", "log.ndjson")
        self.do("write", rows(0, 3))
        self.run_graph()
        self.wait_for("the end", lambda: self.program_.poll() is not None)
        self.do("write", rows(3, 6))
        with self.assertRaises(AssertionError):
            self.end(6)

    def test_a_line_in_two_halves_comes_once_it_is_whole(self):
        self.begin()
        self.do("open", "log.ndjson")
        self.do("write", rows(0, 2) + '{"n"')
        self.run_graph()
        self.wait_rows(2)
        self.do("write", ":2")
        self.do("write", "}")
        self.do("write", "\n" + rows(3, 4) + '{"n":4')
        self.wait_rows(4)
        self.do("write", "}\n")
        self.wait_rows(5)
        self.end(5)

    def test_a_file_that_is_not_there_is_waited_for(self):
        self.begin(path="later/log.ndjson")
        self.run_graph()
        self.do("mkdir", "later")  # nobody can listen in a folder that is not there: it is polled
        self.do("open", "later/log.ndjson")
        self.do("write", rows(0, 5))
        self.wait_rows(5)
        self.do("write", rows(5, 9))
        self.wait_rows(9)
        self.end(9)

    def test_a_renamed_file_is_read_to_its_end_before_the_new_one(self):
        self.begin()
        self.do("open", "log.ndjson")
        self.do("write", rows(0, 10))
        self.run_graph()
        self.wait_rows(10)
        self.do("rename", "log.ndjson", "log.1")
        self.do("write", rows(10, 20))  # the writer has not noticed yet
        self.do("put", "log.ndjson", "")
        self.do("write", rows(20, 30))
        self.do("open", "log.ndjson")
        self.do("write", rows(30, 40))
        self.wait_rows(40)
        self.do("rename", "log.ndjson", "log.2")
        self.do("open", "log.ndjson")
        self.do("write", rows(40, 5000))
        self.wait_rows(5000)
        self.end(5000, says=("rotated",))

    def test_half_a_line_is_awaited_in_a_renamed_file(self):
        self.begin()
        self.do("open", "log.ndjson")
        self.do("write", rows(0, 3) + '{"n":')
        self.run_graph()
        self.wait_rows(3)
        self.do("rename", "log.ndjson", "log.1")
        self.do("put", "log.ndjson", rows(4, 8))
        self.do("write", "3}\n")
        self.wait_rows(8)
        self.end(8, says=("rotated",))

    def test_a_file_that_is_cut_in_place_is_read_from_its_start(self):
        self.begin()
        self.do("open", "log.ndjson")
        self.do("write", rows(0, 1000))
        self.run_graph()
        self.wait_rows(1000)
        self.do("cut", 0)
        self.do("write", rows(1000, 1010))
        self.wait_rows(1010)
        self.do("write", rows(1010, 1020))
        self.wait_rows(1020)
        self.end(1020, says=("truncated",))

    def test_a_file_that_is_cut_and_grows_beyond_the_old_end_is_read_anew(self):
        self.begin()
        self.do("put", "log.ndjson", rows(0, 10))
        self.run_graph()
        self.wait_rows(10)
        self.do("put", "log.ndjson", rows(10, 3000))
        self.wait_rows(3000)
        self.end(3000, says=("truncated",))

    def test_half_a_line_that_is_cut_away_is_none(self):
        self.begin()
        self.do("open", "log.ndjson")
        self.do("write", rows(0, 4) + '{"n":99')
        self.run_graph()
        self.wait_rows(4)
        self.do("cut", 0)
        self.do("write", rows(4, 6))
        self.wait_rows(6)
        self.end(6, says=("truncated",))

    def test_a_file_that_is_replaced_is_left_for_the_new_one(self):
        self.begin()
        self.do("put", "log.ndjson", rows(0, 10))
        self.run_graph()
        self.wait_rows(10)
        self.do("put", "other", rows(10, 20))
        self.do("rename", "other", "log.ndjson")
        self.wait_rows(20)
        self.end(20, says=("rotated",))

    def test_a_file_that_is_removed_and_made_again(self):
        self.begin()
        self.do("open", "log.ndjson")
        self.do("write", rows(0, 10))
        self.run_graph()
        self.wait_rows(10)
        self.do("remove", "log.ndjson")
        self.do("write", rows(10, 15))  # into what has no name any more
        self.wait_rows(15)
        self.do("open", "log.ndjson")
        self.do("write", rows(15, 25))
        self.wait_rows(25)
        self.end(25, says=("rotated",))

    def test_a_pattern_goes_on_with_files_that_come(self):
        self.begin(path="*.log", more=", workers: 2")
        self.do("put", "a.log", rows(0, 5))
        self.do("put", "b.log", rows(5, 10))
        self.run_graph()
        self.wait_rows(10)
        self.do("open", "c.log")
        self.do("write", rows(10, 15))
        self.wait_rows(15)
        self.do("write", rows(15, 20))
        self.wait_rows(20)
        self.end(20, says=("rotated",))

    def test_a_busy_writer_that_rotates_often_loses_nothing(self):
        self.begin()
        self.do("open", "log.ndjson")
        self.do("write", rows(0, 1))
        self.run_graph()
        self.wait_rows(1)
        for k in range(6):
            for i in range(5):
                first = k * 1000 + i * 200
                self.do("write", rows(max(first, 1), first + 200))
            self.do("rename", "log.ndjson", f"log.{k}")
            self.do("open", "log.ndjson")
            self.wait_rows(k * 1000 + 500)  # else one rotation could hide another
        self.do("write", rows(6000, 6001))
        self.wait_rows(6001)
        self.end(6001, says=("rotated",))


if __name__ == "__main__":
    if "--writer" in sys.argv:
        writer()
    else:
        millrace.main()

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The control socket: drain from outside, and requests that make no sense."""

import contextlib
import json
import os
import pathlib
import random
import signal
import socket
import stat
import threading

import millrace

GRAPH = """millrace: 1
graph: g
runtime: { workers: { count: %(workers)d }, drain_timeout: %(timeout)s }
sources: { in: { type: generate, of: city, seed: 7, rate: 50k/s } }
steps:   { severe: { type: filter, from: in, where: "severity IN ('high', 'critical')" } }
sinks:   { out: { type: file, from: severe, path: %(path)s } }
"""


class Control(millrace.Case):
    def run_graph(self, workers=2, timeout="25s", path="out.ndjson"):
        self.write("g.yaml", GRAPH % {"workers": workers, "timeout": timeout, "path": path})
        child = self.start("run", "g.yaml", "--quiet", "--summary", "summary.json")
        self.wait_for("rows", lambda: self.rows_in(child.pid) > 0)
        return child

    def rows_in(self, which="g"):
        result = self.millrace("stat", which, "--json")
        return self.node(json.loads(result.out), "in")["rows_in"] if result.code == 0 else 0

    def stuck(self, workers=2, timeout="25s"):
        """A graph whose sink writes to a pipe that nobody reads."""
        fifo = self.dir / "fifo"
        os.mkfifo(fifo)
        self.pipe = os.open(fifo, os.O_RDWR | os.O_NONBLOCK)
        self.addCleanup(os.close, self.pipe)
        child = self.run_graph(workers, timeout, "fifo")
        before, looks = [-1], [0]

        def stands_still():
            rows = self.rows_in()
            looks[0] = looks[0] + 1 if rows == before[0] else 0
            before[0] = rows
            return looks[0] >= 10
        self.wait_for("the graph to stand still", stands_still)
        return child

    def assert_goes_on(self, child):
        before = self.rows_in()
        self.wait_for("more rows", lambda: self.rows_in() > before)
        self.assertIsNone(child.poll())

    def connect(self):
        # the path of a socket may have 107 bytes only
        sock = socket.socket(socket.AF_UNIX)
        folder = os.open(self.run_dir, os.O_PATH)
        try:
            sock.connect(f"/proc/self/fd/{folder}/g.sock")
        finally:
            os.close(folder)
        self.addCleanup(sock.close)
        sock.settimeout(30)
        return sock

    def ask(self, line):
        sock = self.connect()
        sock.sendall(line)
        with sock.makefile() as answer:
            return [json.loads(x) for x in answer]


class Drain(Control):
    def test_all_that_was_taken_comes_out_and_the_process_is_gone(self):
        for workers in (1, 2):
            child = self.run_graph(workers)
            result = self.millrace("drain", "g" if workers == 1 else child.pid)
            self.assertEqual((result.code, result.out), (0, ""), result.err)
            self.assertRegex(result.err, r"^g drained in \d+\.\d+ s\n$")
            self.assertFalse(self.alive(child.pid), "drain answered before the end")
            self.assertEqual(child.wait(30), 0)
            summary = self.summary()
            self.assert_accounts(summary)
            self.assertEqual(self.node(summary, "in")["rows_out"],
                             self.node(summary, "severe")["rows_in"])
            self.assertEqual(self.node(summary, "out")["rows_out"], len(self.rows("out.ndjson")))
            self.assertEqual(list(self.run_dir.iterdir()), [])

    def alive(self, pid):
        """A zombie has ended."""
        with contextlib.suppress(FileNotFoundError):
            return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")")[1].split()[0] != "Z"
        return False

    def test_a_timeout_cuts_it_short_with_75(self):
        for workers in (1, 2):
            child = self.stuck(workers)
            result = self.millrace("drain", "g", "--timeout", "700ms")
            self.assertEqual((result.code, result.out), (75, ""))
            self.assertRegex(result.err, r"draining g: \S+ rows on links, 0\.\d s\n")
            self.assertIn("stopped before all rows had gone through", result.err)
            self.assertEqual(child.wait(30), 75)
            self.assertGreaterEqual(result.seconds, 0.7)
            self.assert_accounts(self.summary())
            os.unlink(self.dir / "fifo")

    def test_the_graphs_own_timeout_counts_without_one(self):
        child = self.stuck(timeout="300ms")
        self.assertEqual(self.millrace("drain", "g").code, 75)
        self.assertEqual(child.wait(30), 75)

    def test_several_ask_and_all_are_answered(self):
        child = self.stuck()
        asking = [self.start("drain", "g") for _ in range(3)]
        self.wait_for("the drain", lambda: b"draining" in self.state())
        self.assertTrue(all(a.poll() is None for a in asking))
        gone = asking.pop()
        gone.kill()
        drained = threading.Event()

        def read_on():
            while not drained.is_set():
                with contextlib.suppress(BlockingIOError):
                    os.read(self.pipe, 1 << 20)
        reader = threading.Thread(target=read_on)
        reader.start()
        try:
            self.assertEqual(child.wait(30), 0)
            self.assertEqual([a.wait(30) for a in asking], [0, 0])
        finally:
            drained.set()
            reader.join()

    def state(self):
        return self.millrace("stat", "g").out.encode()

    def test_a_graph_that_does_not_run_is_unreachable(self):
        self.assertEqual(self.millrace("drain", "g").code, 69)
        child = self.run_graph()
        child.kill()
        child.wait()
        result = self.millrace("drain", "g")
        self.assertEqual((result.code, result.out), (69, ""))
        self.assertIn("does not run: it is dead", result.err)
        self.assertTrue((self.run_dir / "g.sock").exists())
        again = self.run_graph()  # what the dead one left is replaced
        self.assertEqual(self.millrace("drain", "g").code, 0)
        self.assertEqual(again.wait(30), 0)

    def test_wrong_flags_end_64(self):
        for flags in ((), ("g", "h"), ("g", "--timeout"), ("g", "--timeout", "x"),
                      ("g", "--timeout", "-1s"), ("g", "--nonsense")):
            self.assertEqual(self.millrace("drain", *flags).code, 64, flags)

    def test_a_failed_run_tells_its_own_code(self):
        child = self.stuck()
        asking = self.start("drain", "g")
        self.wait_for("the drain", lambda: b"draining" in self.state())
        child.send_signal(signal.SIGQUIT)
        self.assertEqual(asking.wait(30), 75)
        self.assertEqual(child.wait(30), 75)


class Requests(Control):
    def test_the_socket_is_for_user_and_group(self):
        self.run_graph()
        mode = os.stat(self.run_dir / "g.sock").st_mode
        self.assertTrue(stat.S_ISSOCK(mode))
        self.assertEqual(stat.S_IMODE(mode), 0o660)

    def test_ping_tells_who_answers(self):
        child = self.run_graph()
        self.assertEqual(self.ask(b'{"verb":"ping"}\n'),
                         [{"ok": True, "graph": "g", "pid": child.pid}])

    def test_nonsense_is_refused_and_changes_nothing(self):
        child = self.run_graph()
        rng = random.Random(3)
        for line in (b"\n", b"{}\n", b"drain\n", b'{"verb":7}\n', b'{"verb":"stop"}\n',
                     b'["verb"]\n', b'{"verb":"dra\xff"}\n', b"[" * 100000 + b"\n",
                     rng.randbytes(1000).replace(b"\n", b"") + b"\n"):
            answer, = self.ask(line)
            self.assertEqual((answer["ok"], answer["exit"]), (False, 64), line[:40])
        for line in (b"", b"x", b'{"verb":"drain"}', b"x" * (5 << 20)):  # no whole line ever comes
            sock = self.connect()
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                sock.sendall(line)
            sock.close()
        self.assert_goes_on(child)
        self.assertEqual(self.millrace("drain", "g").code, 0)

    def test_silent_clients_hinder_nobody(self):
        child = self.run_graph()
        silent = [self.connect() for _ in range(15)]
        self.assertEqual(len(self.ask(b'{"verb":"ping"}\n')), 1)
        silent.append(self.connect())
        answers = []

        def refused():
            answers.append(self.ask(b'{"verb":"ping"}\n')[0])
            return not answers[-1]["ok"]
        self.wait_for("all places to be taken", refused)
        self.assertEqual(answers[-1]["exit"], 69)
        self.assertIn("too many", answers[-1]["error"])
        self.assert_goes_on(child)
        child.send_signal(signal.SIGTERM)
        self.assertEqual(child.wait(5), 0, "it waits for those who say nothing")

    def test_an_idle_control_thread_costs_nothing(self):
        child = self.run_graph()

        def switches():
            """Of the thread that is no worker and not the first."""
            stat_ = json.loads(self.millrace("stat", "g", "--json").out)
            known = {w["tid"] for w in stat_["workers"]} | {child.pid}
            found = {}
            for task in pathlib.Path(f"/proc/{child.pid}/task").iterdir():
                if int(task.name) not in known:
                    text = (task / "status").read_text()
                    found[task.name] = text[text.index("voluntary"):]
            return found
        before = switches()
        self.assertTrue(before)
        rows = self.rows_in()
        self.wait_for("a second", lambda: self.rows_in() > rows + 50000)
        after = switches()
        control = [tid for tid in before if before[tid] == after.get(tid)]
        self.assertTrue(control, (before, after))


if __name__ == "__main__":
    millrace.main()

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What observers show of a running or crashed graph, and that the graph never notices them."""

import json
import os
import pathlib
import random
import shutil
import signal
import struct
import subprocess
import time

import millrace

GRAPH = """millrace: 1
graph: forever
runtime: { workers: { count: %d } }
sources: { in: { type: generate, of: city, rate: 20k/s } }
steps:   { severe: { type: filter, from: in, where: "severity IN ('high', 'critical')" } }
sinks:   { out: { type: file, from: severe, path: out.ndjson } }
"""
RATE = 20000
HIST = {"count", "p50", "p90", "p99", "p99.9", "max"}
TOP = {"graph", "pid", "state", "uptime_ns", "nodes", "links", "paths", "workers"}
NODE = {"name", "instance", "type", "worker", "cpu", "rows_in", "rows_out", "absorbed", "filtered",
        "late", "late_partial", "dropped", "dead_letters", "busy_ns", "blocked_ns", "idle_ns",
        "service_ns", "watermark"}
LINK = {"from", "to", "capacity", "depth", "depth_peak", "depth_rows", "full", "wait_ns"}
PATH = {"from", "to", "latency_ns"}
WORKER = {"index", "cpu", "busy_ns", "blocked_ns", "idle_ns", "housekeeping_ns", "loops"}


class Observed(millrace.Case):
    def run_forever(self, workers=2):
        self.write("forever.yaml", GRAPH % workers)
        out = self.dir / "out.ndjson"
        out.unlink(missing_ok=True)
        child = self.start("run", "forever.yaml", "--quiet", "--summary", "summary.json")
        self.wait_for("rows in the file", lambda: out.exists() and out.stat().st_size > 0
                      or child.poll() is not None)
        self.assertIsNone(child.poll())
        return child

    def stat(self, which="forever"):
        result = self.millrace("stat", which, "--json")
        self.assertEqual((result.code, result.err), (0, ""))
        return json.loads(result.out)

    def rows_in(self):
        return self.node(self.stat(), "in")["rows_in"]

    def assert_goes_on(self, child):
        before = self.rows_in()
        self.wait_for("more rows", lambda: self.rows_in() > before)
        self.assertIsNone(child.poll())

    def end(self, child):
        """Ends the graph: everything that was taken came out."""
        child.send_signal(signal.SIGTERM)
        self.assertEqual(child.wait(30), 0, child.stderr.read())
        summary = self.summary()
        self.assert_accounts(summary)
        self.assertEqual(self.node(summary, "in")["rows_out"],
                         self.node(summary, "severe")["rows_in"])
        self.assertEqual(self.node(summary, "out")["rows_out"], len(self.rows("out.ndjson")))
        self.assertEqual(list(self.run_dir.iterdir()), [])


class Numbers(Observed):
    def test_json_has_every_field_of_the_contract(self):
        self.run_forever()
        self.wait_for("a second", lambda: self.rows_in() > RATE // 2)
        stat = self.stat()
        self.assertLessEqual(TOP, set(stat))
        for kind, fields in (("nodes", NODE), ("links", LINK), ("paths", PATH),
                             ("workers", WORKER)):
            self.assertTrue(stat[kind], kind)
            for entry in stat[kind]:
                self.assertLessEqual(fields, set(entry), kind)
        for hist in ([n["service_ns"] for n in stat["nodes"]]
                     + [x["wait_ns"] for x in stat["links"]]
                     + [p["latency_ns"] for p in stat["paths"]]):
            self.assertEqual(set(hist), HIST)
            self.assertGreater(hist["count"], 0)
            self.assertTrue(0 < hist["p50"] <= hist["p90"] <= hist["p99"] <= hist["p99.9"]
                            <= hist["max"], hist)
        self.assertEqual([(n["name"], n["type"], n["instance"]) for n in stat["nodes"]],
                         [("in", "generate", 0), ("severe", "filter", 0), ("out", "file", 0)])
        self.assertEqual([(x["from"], x["to"]) for x in stat["links"]], [("in", "severe")])
        self.assertEqual([(p["from"], p["to"]) for p in stat["paths"]], [("in", "out")])
        self.assertEqual([w["index"] for w in stat["workers"]], [0, 1])

    def test_numbers_are_plausible(self):
        child = self.run_forever()
        self.wait_for("two seconds", lambda: self.rows_in() > 2 * RATE)
        stat = self.stat()
        self.assertEqual((stat["graph"], stat["pid"], stat["state"]),
                         ("forever", child.pid, "running"))
        up = stat["uptime_ns"]
        rows = self.node(stat, "in")["rows_in"]
        self.assertLess(rows / (up / 1e9), RATE * 1.1)
        self.assertGreater(rows / (up / 1e9), RATE * 0.5)
        severe = self.node(stat, "severe")
        self.assertLess(abs(severe["rows_out"] - severe["filtered"]), severe["rows_in"] * 0.1)
        watermark = millrace.seconds(stat["nodes"][0]["watermark"])
        self.assertLess(abs(watermark - time.time()), 5)
        for kind in ("nodes", "workers"):
            for entry in stat[kind]:
                total = sum(entry[f"{k}_ns"] for k in ("busy", "blocked", "idle"))
                if kind == "workers":
                    total += entry["housekeeping_ns"]
                self.assertLess(abs(total - up) / up, 0.1, entry)
        for worker in stat["workers"]:
            nodes = [n for n in stat["nodes"] if n["worker"] == worker["index"]]
            self.assertTrue(nodes)
            for node in nodes:
                self.assertLessEqual(node["busy_ns"], worker["busy_ns"])
                self.assertEqual(node["cpu"], worker["cpu"])
            thread = pathlib.Path(f"/proc/{child.pid}/task/{worker['tid']}/stat").read_text()
            ticks = sum(map(int, thread.rsplit(")")[1].split()[11:13]))
            cpu_ns = ticks * 1_000_000_000 // os.sysconf("SC_CLK_TCK")
            self.assertLess(cpu_ns, up + 50_000_000)
            used = worker["busy_ns"] + worker["housekeeping_ns"]
            self.assertLess(cpu_ns - used, up, "the thread's own account is far off")
        self.end(child)

    def test_found_by_name_and_by_pid(self):
        child = self.run_forever()
        for which in ("forever", child.pid):
            self.assertEqual(self.stat(which)["pid"], child.pid)
            for args in (("stat", which), ("top", "--once", "--interval", "50ms", which),
                         ("lat", which), ("mem", which)):
                result = self.millrace(*args)
                self.assertEqual((result.code, result.err), (0, ""), args)
                self.assertTrue(result.out)
        for which in ("forever2", "foreve", 1, 999999999, "4x"):
            for verb in ("stat", "top", "lat", "mem"):
                result = self.millrace(verb, which)
                self.assertEqual(result.code, 69, (verb, which))
                self.assertEqual(len(result.err.splitlines()), 1, result.err)
                self.assertIn(str(which), result.err)
                self.assertEqual(result.out, "")

    def test_top_shows_nodes_links_and_paths(self):
        self.run_forever()
        result = self.millrace("top", "--once", "--interval", "300ms", "forever")
        self.assertEqual(result.code, 0)
        lines = result.out.splitlines()
        self.assertRegex(lines[0], r"^forever gen 1 +up \d\d:\d\d:\d\d +in [\d.]+k?/s +out")
        self.assertRegex(lines[1], r"^NODE +TYPE +CPU +in/s +out/s +busy% +blk% +idle% +p50 +p99 "
                                   r"+p99.9 +max +wm lag +err$")
        for line, name, kind in zip(lines[2:], ("in", "severe", "out"),
                                    ("generate", "filter", "file")):
            cells = line.split()
            self.assertEqual(cells[:2], [name, kind])
            self.assertEqual(sum(map(int, cells[5:8])), 100)
        self.assertRegex(lines[5], r"^LINK +rate +depth +peak/cap +wait p50 +p99 +full")
        self.assertRegex(lines[6], r"^in->severe ")
        self.assertRegex(lines[7], r"^PATH in->out +p50 ")

    def test_top_leaves_out_what_is_not_asked_for(self):
        self.run_forever()
        top = ("top", "--once", "--interval", "50ms", "forever")
        kinds = [line.split()[0] for line in self.millrace(*top, "--filter", "sev", "--no-latency",
                                                           "--no-edges").out.splitlines()]
        self.assertEqual(kinds, ["forever", "NODE", "severe"])
        lines = self.millrace(*top, "--filter=in").out.splitlines()
        self.assertEqual([line.split()[0] for line in lines],
                         ["forever", "NODE", "in", "LINK", "in->severe", "PATH"])

    def test_mem_as_json_adds_up(self):
        self.run_forever()
        mem = json.loads(self.millrace("mem", "forever", "--json").out)
        for lazy, total in ((False, "committed_bytes"), (True, "lazy_bytes")):
            self.assertEqual(sum(p["bytes"] for p in mem["parts"] if p["lazy"] == lazy), mem[total])
        self.assertIn("stats segment", [p["label"] for p in mem["parts"]])

    def test_watch_prints_again_and_ends_with_the_graph(self):
        child = self.run_forever()
        watch = self.start("stat", "forever", "--json", "--watch", "0.05")
        first = [json.loads(watch.stdout.readline()) for _ in range(5)]
        rows = [self.node(s, "in")["rows_in"] for s in first]
        self.assertEqual(rows, sorted(rows))
        self.assertGreater(rows[-1], rows[0])
        self.end(child)
        last = [json.loads(line) for line in watch.stdout][-1]
        self.assertEqual(watch.wait(30), 0)
        self.assertIn(last["state"], ("draining", "done", "dead", "running"))

    def test_counts_never_go_back_and_a_reader_is_never_torn(self):
        self.run_forever()
        before = self.stat()
        for _ in range(50):
            now = self.stat()
            for a, b in zip(before["nodes"], now["nodes"]):
                for key in ("rows_in", "rows_out", "filtered", "busy_ns", "blocked_ns"):
                    self.assertGreaterEqual(b[key], a[key], key)
            for a, b in zip(before["links"], now["links"]):
                self.assertTrue(0 <= b["depth"] <= b["capacity"], b)
                self.assertGreaterEqual(b["depth_peak"], a["depth_peak"])
            before = now


class Unnoticed(Observed):
    def footprint(self, child):
        text = pathlib.Path(f"/proc/{child.pid}/status").read_text()
        status = dict(line.split(":", 1) for line in text.splitlines())
        return (len(os.listdir(f"/proc/{child.pid}/fd")), int(status["Threads"]),
                int(status["VmRSS"].split()[0]))

    def test_a_thousand_attaches_change_nothing(self):
        child = self.run_forever(workers=1)
        self.wait_for("rows", lambda: self.rows_in() > RATE // 2)
        fds, threads, rss = self.footprint(child)
        rows = self.rows_in()
        verbs = ("stat", "stat --json", "lat", "mem", "top --once --interval 0.01")
        times = 2 if millrace.sanitized() else 20
        for _ in range(10):
            lines = "".join(f"{verb} forever\n" for verb in verbs * times)
            done = subprocess.run(["xargs", "-P", "8", "-L", "1", self.program()], env=self.env,
                                  input=lines.encode(), stdout=subprocess.DEVNULL)
            self.assertEqual(done.returncode, 0)
            now = self.rows_in()
            self.assertGreater(now, rows)
            rows = now
        after = self.footprint(child)
        self.assertEqual(after[:2], (fds, threads))
        self.assertLess(after[2] - rss, 1024, "KiB more than before")
        self.end(child)

    def test_an_observer_that_is_killed_changes_nothing(self):
        child = self.run_forever()
        for args in (("stat", "forever", "--watch", "0.01"),
                     ("top", "forever", "--interval", "0.01"),
                     ("lat", "forever", "--interval", "0.01")):
            for _ in range(5):
                observer = self.start(*args)
                observer.stdout.read(100)
                observer.kill()
                observer.wait()
            self.assert_goes_on(child)
        self.end(child)

    def test_an_observer_that_stands_still_changes_nothing(self):
        child = self.run_forever()
        still = []
        for args in (("stat", "forever", "--watch", "0.01"),
                     ("top", "forever", "--interval", "0.01")):
            observer = self.start(*args)
            observer.stdout.read(100)
            observer.send_signal(signal.SIGSTOP)
            still.append(observer)
        unread = self.start("stat", "forever", "--watch", "0.01")  # blocks once its pipe is full
        self.assert_goes_on(child)
        self.assertIsNone(unread.poll())
        self.end(child)
        again = self.run_forever()  # they still have the segment of the run before
        for observer in still:
            observer.send_signal(signal.SIGCONT)
        for observer in still:
            observer.stdout.close()
        for observer in still:
            observer.wait(30)
        self.end(again)

    def test_an_observer_with_a_closed_pipe_ends(self):
        self.run_forever()
        observer = self.start("stat", "forever", "--watch", "0.01")
        observer.stdout.readline()
        observer.stdout.close()
        observer.wait(30)

    def test_a_graph_that_is_stopped_is_shown_and_goes_on(self):
        child = self.run_forever()
        child.send_signal(signal.SIGSTOP)
        try:
            self.assertEqual(self.stat()["state"], "running")
        finally:
            child.send_signal(signal.SIGCONT)
        self.assert_goes_on(child)
        self.end(child)


class Crashed(Observed):
    VERBS = (("stat",), ("stat", "--json"), ("stat", "--watch", "0.01"), ("top",),
             ("top", "--once"), ("lat",), ("lat", "--json"), ("mem",))

    def crash(self):
        child = self.run_forever()
        self.wait_for("rows", lambda: self.rows_in() > RATE // 10)
        child.kill()
        child.wait()
        return child

    def test_every_verb_reads_it_by_name_and_by_pid(self):
        child = self.crash()
        for which in ("forever", child.pid):
            for verb in self.VERBS:
                result = self.millrace(*verb, which, limit=20)
                self.assertEqual((result.code, result.err), (0, ""), verb)
                self.assertTrue(result.out)
        stat = self.stat()
        self.assertEqual(stat["state"], "dead")
        self.assertGreater(self.node(stat, "in")["rows_in"], 0)
        lines = (self.dir / "out.ndjson").read_bytes().count(b"\n")
        self.assertLessEqual(self.node(stat, "out")["rows_out"], lines)
        self.assertIn("dead", self.millrace("top", "forever").out.splitlines()[0])
        again = self.stat()
        again["heartbeat_age_ns"] = stat["heartbeat_age_ns"]
        self.assertEqual(again, stat)

    def test_the_next_run_replaces_it(self):
        self.crash()
        child = self.run_forever()
        self.assertEqual(self.stat()["pid"], child.pid)
        self.end(child)

    def segment(self):
        self.crash()
        path, = self.run_dir.glob("*.1")
        return path, path.read_bytes()

    def refused(self, what):
        for verb in self.VERBS:
            result = self.millrace(*verb, "forever", limit=20)
            self.assertEqual(result.code, 69, (verb, result.out[:200]))
            self.assertEqual(result.out, "")
            self.assertEqual(len(result.err.splitlines()), 1, result.err)
            self.assertRegex(result.err, what)
            self.assertIn(str(self.run_dir), result.err)

    def test_another_major_version_is_refused_and_another_minor_one_is_not(self):
        path, good = self.segment()
        path.write_bytes(good[:8] + struct.pack("<I", 2) + good[12:])
        self.refused("another major version")
        path.write_bytes(good[:12] + struct.pack("<I", 7) + good[16:])
        self.assertEqual(self.stat()["state"], "dead")

    def test_what_is_no_segment_is_refused(self):
        path, good = self.segment()
        for data, what in ((b"", "too short"), (good[:100], "too short"),
                           (good[:511], "too short"), (good[:512], "too short"),
                           (good[:len(good) // 2], "too short"), (good[:-1], "too short"),
                           (bytes(len(good)), "no stats segment"),
                           (random.Random(1).randbytes(len(good)), "no stats segment"),
                           (good[:8] + b"\xff" * (len(good) - 8), "another major version"),
                           (good[:16] + b"\xff" * (len(good) - 16), "damaged|too short"),
                           (good[:512] + bytes(len(good) - 512), "damaged"),
                           (good[:512] + b"\xff" * (len(good) - 512), "damaged")):
            path.write_bytes(data)
            self.refused(what)
        path.unlink()
        os.mkfifo(path)
        self.refused("no stats segment")
        path.unlink()
        path.mkdir()
        self.refused("segment|opened")

    def test_a_damaged_segment_never_crashes_a_reader(self):
        path, good = self.segment()
        for seed in range(60):
            rng = random.Random(seed)
            bad = bytearray(good[:rng.randrange(len(good))] if seed % 4 == 3 else good)
            for _ in range(rng.choice([1, 2, 8, 64])):
                at = rng.randrange(min(len(bad), rng.choice([512, 4096, len(good)]) or 1) or 1)
                if bad:
                    bad[at] = rng.choice([0, 1, 0x7f, 0x80, 0xff, rng.randrange(256)])
            path.write_bytes(bad)
            for verb in (("stat", "--json"), ("top",), ("lat",), ("mem",), ("lag", "--json"),
                         ("metrics",), ("why", "--json")):
                node = ("severe",) if verb[0] == "why" else ()
                result = self.millrace(*verb, "forever", *node, limit=20)
                self.assertIn(result.code, (0, 64, 69), (seed, verb, result.err))
                if result.code:
                    self.assertEqual(len(result.err.splitlines()), 1, (seed, result.err))
                elif "--json" in verb:
                    json.loads(result.out)

    def test_garbage_in_the_way_of_a_run_is_replaced(self):
        path, _ = self.segment()
        path.write_bytes(b"garbage")
        self.end(self.run_forever())


class Terminal(Observed):
    def test_top_in_a_real_terminal(self):
        if not shutil.which("tmux"):
            self.skipTest("tmux is not installed")
        child = self.run_forever()
        name = f"millrace-test-{os.getpid()}"
        env = {k: v for k, v in self.env.items() if k != "TMUX"}

        def tmux(*args):
            return subprocess.run(["tmux", "-L", name, "-f", "/dev/null", *args], env=env,
                                  capture_output=True, text=True, timeout=30)

        def screen():
            return tmux("capture-pane", "-p").stdout

        command = f"'{self.program()}' top --interval 0.1 forever; echo top ended $?; exec cat"
        self.assertEqual(tmux("new-session", "-d", "-x", "120", "-y", "20", command).returncode, 0)
        try:
            self.wait_for("the table", lambda: "[q]uit" in screen())
            self.assertIn("[s]ort [/]filter [e]dges [l]atency", screen())
            shown = screen()
            lines = shown.splitlines()
            self.assertRegex(lines[0], r"^forever gen 1 ")
            self.assertRegex(lines[1], r"^NODE +TYPE +CPU ")
            self.assertEqual([line.split()[0] for line in lines[2:5]], ["in", "severe", "out"])
            self.assertIn("LINK", shown)
            self.wait_for("a second table", lambda: screen() != shown)
            tmux("send-keys", "e")
            self.wait_for("the links to go", lambda: "LINK" not in screen())
            tmux("send-keys", "e")
            self.wait_for("the links to come back", lambda: "LINK" in screen())
            tmux("send-keys", "l")
            self.wait_for("the paths to go", lambda: "PATH" not in screen())
            tmux("send-keys", "l")
            self.wait_for("the paths to come back", lambda: "PATH" in screen())
            tmux("send-keys", "/")
            self.wait_for("the filter", lambda: "filter: _" in screen())
            tmux("send-keys", "sevx", "BSpace", "Enter")
            self.wait_for("one node", lambda: [x.split()[:1] for x in screen().splitlines()[2:4]]
                          == [["severe"], ["LINK"]] and "/sev" in screen())
            tmux("send-keys", "/", "Escape")
            self.wait_for("all nodes", lambda: "".join(screen().splitlines()[2:3])
                          .startswith("in ") and "filter" not in
                          "".join(screen().splitlines()[-1:]).replace("[/]filter", ""))
            tmux("send-keys", "p")
            self.wait_for("the pause", lambda: "(paused)" in screen())
            still = screen()
            before = self.rows_in()
            self.wait_for("rows", lambda: self.rows_in() > before + RATE // 2)
            self.assertEqual(screen(), still)
            tmux("send-keys", "p")
            self.wait_for("it to go on", lambda: screen() != still and "paused" not in screen())
            tmux("send-keys", "s")
            tmux("resize-window", "-x", "60", "-y", "6")
            self.wait_for("a small screen", lambda: screen().startswith("forever gen 1 ")
                          and "[s]ort" in screen())
            self.assertLessEqual(max(map(len, screen().splitlines())), 60)
            tmux("send-keys", "q")
            self.wait_for("the end of top", lambda: "top ended 0" in screen())
            self.assertNotIn("NODE", screen())
        finally:
            tmux("kill-server")
        self.end(child)


if __name__ == "__main__":
    millrace.main()

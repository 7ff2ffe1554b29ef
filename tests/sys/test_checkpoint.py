#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checkpoints: a run that is killed anywhere and started again publishes what an undisturbed run
does, row for row; and what becomes of damaged checkpoints, changed graphs and ended ones."""

import collections
import json
import os
import random
import signal

import checkpoint_format
import millrace

SEED = int(os.environ.get("MILLRACE_TEST_SEED", "11"))
EVENTS = """
events:
  ev:
    fields:
      city: { type: string }
      kind: { type: string, one_of: [a, b, c] }
      text: { type: string }
      n: { type: int64 }
      t: { type: timestamp }
    event_time: t
"""
GRAPH = """millrace: 1
graph: g
runtime: { workers: { count: %(workers)d }, checkpoint: { dir: cp, interval: 20ms%(more)s } }
""" + EVENTS + """
sources:
  in: { type: file, path: "in*.ndjson", format: json, event: ev, speed: %(speed)s,
        watermark: { delay: 2s } }
steps:
  some: { type: filter, from: in, where: "n %% 3 > 0" }
  w: { type: window, from: in, window: { tumbling: 5s }, key: [city, kind], workers: %(workers)d,
       select: { rows: count(*), total: sum(n), all: collect_list(n), texts: collect_set(text),
                 first: first(text), most: max(text), about: approx_count_distinct(n) } }
  h: { type: window, from: some, window: { hopping: 10s, slide: 3s }, key: [kind],
       select: { rows: count(*), mean: avg(n), spread: stddev(n), list: collect_list(n) } }
  s: { type: window, from: in, window: { session: 500ms }, key: [city], workers: %(workers)d,
       select: { rows: count(*), list: collect_list(n), texts: collect_set(text),
                 last: last(text), about: approx_count_distinct(n) } }
sinks:
  some_out: { type: file, from: some, path: some }
  s_out: { type: file, from: s, path: s }
  w_out: { type: file, from: w, path: w }
  h_out: { type: file, from: h, path: h }
  late_out: { type: file, from: w.late, path: late }
"""
OUTPUTS = ("some", "w", "h", "s", "late")
PLAIN = """millrace: 1
graph: g
runtime: { checkpoint: { dir: cp, interval: 10ms } }
sources: { in: %s }
steps: { s: { type: filter, from: in, where: "%s" } }
sinks: { out: { type: file, from: s, path: out } }
"""


def make_lines(rng, cnt, first=0):
    """Rows in time but for some that are late, and some that are no rows."""
    lines = []
    for i in range(first, first + cnt):
        at = i * 5 - (30_000 if rng.random() < 0.01 else rng.randrange(1000))
        minute, ms = divmod(60_000 + at, 60_000)
        row = {"city": rng.choice("xyz") * rng.randrange(1, 20), "kind": rng.choice("abc"),
               "text": "t" * rng.randrange(30) + str(rng.randrange(9)), "n": i,
               "t": f"2025-10-13T10:{minute:02d}:{ms // 1000:02d}.{ms % 1000:03d}Z"}
        lines.append(json.dumps(row) if rng.random() > 0.02 else f"bad {i}")
    return "".join(line + "\n" for line in lines)


class Case(millrace.Case):
    def parts(self, name):
        """Published parts; nothing else that a reader sees may be there."""
        folder = self.dir / name
        names = [p.name for p in folder.iterdir()] if folder.is_dir() else []
        shown = sorted(n for n in names if n[0] not in "._")
        for n in shown:
            self.assertRegex(n, r"^part-\d{12}-\d{4}\.ndjson$")
        return [folder / n for n in shown]

    def published(self, name):
        rows = []
        for path in self.parts(name):
            text = path.read_bytes()
            self.assertTrue(text.endswith(b"\n"), f"{path} ends in a row")
            rows += text.splitlines()
        return rows

    def dead_letters(self, node="in"):
        path = self.dir / f"millrace-data/dead_letters/g/{node}.ndjson"
        lines = path.read_text().splitlines() if path.exists() else []
        return [(json.loads(line)["source"], json.loads(line)["position"]) for line in lines]

    def outcome(self, outputs):
        return {name: collections.Counter(self.published(name)) for name in outputs}

    def forget(self, *names):
        for name in ("cp", "millrace-data", *names):
            millrace.shutil.rmtree(self.dir / name, ignore_errors=True)

    def run_to_end(self, graph="g.yaml"):
        result = self.millrace("run", graph, "--quiet")
        self.assertEqual(result.code, 0, result.err)
        return result

    def newest(self):
        return max((p.name for p in (self.dir / "cp").glob("*.manifest")), default="")

    def interrupt(self, rng, signum, longest, graph="g.yaml"):
        """Starts a run and stops it, once in a while before it has made a checkpoint; False: it had
        ended before."""
        before, early = self.newest(), rng.random() < 0.15
        child = self.start("run", graph, "--quiet")
        if not early:
            self.wait_for("a checkpoint", lambda: self.newest() != before or
                          child.poll() is not None)
        try:
            child.wait(rng.random() * longest)
            self.assertEqual(child.returncode, 0, child.stderr.read())
            return False
        except millrace.subprocess.TimeoutExpired:
            child.send_signal(signum)
            code = child.wait(30)
            if signum == signal.SIGTERM and not early:
                self.assertEqual(code, 0, child.stderr.read())
            return True


class Restarts(Case):
    def disturb(self, workers, signals, seed, rows=1200):
        rng = random.Random(seed)
        self.write("in1.ndjson", make_lines(rng, rows))
        self.write("in2.ndjson", make_lines(rng, rows, rows))
        self.write("g.yaml", GRAPH % {"workers": workers, "speed": "max", "more": ""})
        self.forget(*OUTPUTS)
        self.run_to_end()
        want, bad = self.outcome(OUTPUTS), self.dead_letters()
        self.assertGreater(sum(want["late"].values()), 3)
        self.assertGreater(len(bad), 20)
        self.forget(*OUTPUTS)
        self.write("g.yaml", GRAPH % {"workers": workers, "speed": "30x", "more": ""})
        cuts = 0
        while self.interrupt(rng, rng.choice(signals), 0.4):
            cuts += 1
        self.assertEqual(self.outcome(OUTPUTS), want, f"seed {seed}, {cuts} cuts")
        self.assertEqual(self.dead_letters(), bad, f"seed {seed}")
        return cuts

    def test_killed_runs_publish_what_an_undisturbed_one_does(self):
        self.assertGreater(self.disturb(2, [signal.SIGKILL], SEED), 0)

    def test_drained_runs_do_too(self):
        self.assertGreater(self.disturb(1, [signal.SIGTERM, signal.SIGKILL], SEED + 1), 0)

    def test_generate_goes_on_at_its_position(self):
        faults = "late: { share: 0.02, by: 1m }, duplicates: 0.02, malformed: 0.01"
        source = ("{ type: generate, of: city, count: 10000, rate: %s, seed: 3, " + faults +
                  ", clock: { start: 2025-10-13T10:00:00Z, step: 1s } }")
        self.write("g.yaml", PLAIN % (source % "10M/s", "severity <> 'low'"))
        self.run_to_end()
        want = self.published("out")
        self.forget("out")
        self.write("g.yaml", PLAIN % (source % "25k/s", "severity <> 'low'"))
        rng, cuts = random.Random(SEED), 0
        while self.interrupt(rng, rng.choice([signal.SIGKILL, signal.SIGTERM]), 0.3):
            cuts += 1
        self.assertGreater(cuts, 0)
        self.assertEqual(self.published("out"), want)


class Ends(Case):
    def setUp(self):
        super().setUp()
        rng = random.Random(SEED)
        self.write("in.ndjson", make_lines(rng, 2000))
        self.graph()

    def graph(self, where="n > 100", path="in.ndjson"):
        fields = "{ n: { type: int64 } }"
        self.write("g.yaml", PLAIN % (
            f"{{ type: file, path: {path}, format: json, fields: {fields} }}", where))

    def test_a_graph_that_had_ended_ends_at_once_and_anew_without_its_folder(self):
        self.run_to_end()
        want = self.published("out")
        before = {p: p.stat().st_mtime_ns for p in self.parts("out")}
        self.run_to_end()
        self.assertEqual({p: p.stat().st_mtime_ns for p in self.parts("out")}, before)
        millrace.shutil.rmtree(self.dir / "cp")
        self.run_to_end()
        self.assertEqual(self.published("out"), want)

    def damage(self, end, how):
        newest = sorted((self.dir / "cp").glob("*" + end))[-1]
        data = bytearray(newest.read_bytes())
        newest.write_bytes(how(data))

    def test_a_damaged_checkpoint_is_passed_over_with_one_line(self):
        def flip(data):
            data[len(data) // 2] ^= 4
            return data
        for end in (".manifest", ".state"):
            for how in (flip, lambda data: data[:-20], lambda data: b""):
                self.forget("out")
                self.run_to_end()
                want = self.published("out")
                self.damage(end, how)
                result = self.millrace("run", "g.yaml", "--quiet")
                self.assertEqual(result.code, 0, result.err)
                self.assertEqual(result.err.count("MR5010"), 1, result.err)
                self.assertEqual(self.published("out"), want)

    def test_without_a_whole_checkpoint_nothing_is_started(self):
        self.run_to_end()
        want = self.published("out")
        for path in (self.dir / "cp").glob("*.manifest"):
            path.write_bytes(b"{}\n")
        result = self.millrace("run", "g.yaml", "--quiet")
        self.assertEqual(result.code, 74, result.err)
        self.assertIn("no whole checkpoint is left in cp", result.err)
        self.assertEqual(self.published("out"), want)

    def test_a_graph_that_does_not_fit_is_refused_by_node_and_fact(self):
        self.run_to_end()
        self.graph(where="n > 200")  # a filter has no state: it may change
        self.run_to_end()
        self.write("other.ndjson", "{}\n")
        self.graph(path="other.ndjson")
        result = self.millrace("run", "g.yaml", "--quiet")
        self.assertEqual(result.code, 78, result.err)
        self.assertIn('in had "path: in.ndjson" and has "path: other.ndjson"', result.err)

    def test_standard_input_is_warned_of(self):
        self.write("g.yaml", PLAIN % ("{ type: stdin, fields: { n: { type: int64 } } }", "n > 1"))
        result = self.millrace("validate", "g.yaml")
        self.assertEqual(result.code, 0, result.err)
        self.assertIn("warning[MR4016]", result.out + result.err)

    def test_only_so_many_are_kept(self):
        self.write("g.yaml", PLAIN % ("{ type: generate, of: city, rate: 10k/s }", "true"))
        child = self.start("run", "g.yaml", "--quiet")
        self.wait_for("the fifth checkpoint", lambda: list(self.dir.glob("cp/*5.manifest")))
        child.send_signal(signal.SIGTERM)
        self.assertEqual(child.wait(30), 0)
        for end in (".manifest", ".state"):
            self.assertEqual(len(list((self.dir / "cp").glob("*" + end))), 3)


class Looks(Case):
    """What stands in a checkpoint, by a reader of its own and by the program."""

    def setUp(self):
        super().setUp()
        self.write("in1.ndjson", make_lines(random.Random(SEED), 1000))
        self.write("g.yaml", (GRAPH % {"workers": 1, "speed": "2x", "more": ""})
                   .replace("20ms", "30s"))

    def started(self):
        child = self.start("run", "g.yaml", "--quiet")
        self.wait_for("the first checkpoint", lambda: self.newest() != "" or
                      child.poll() is not None)
        return child

    def test_a_reader_finds_the_rows_that_windows_hold(self):
        child = self.started()
        self.wait_for("rows", lambda: self.millrace("stat", "g", "--json").out.count("rows_in") and
                      json.loads(self.millrace("stat", "g", "--json").out)["nodes"][0]["rows_in"]
                      > 200)
        result = self.millrace("snapshot", "g")
        self.assertEqual(result.code, 0, result.err)
        number = int(result.out.split()[1])
        manifest = checkpoint_format.read(self.dir / "cp", number)
        records = {i["node"]: i["record"]["state"] for i in manifest["instances"]}
        taken = records["in"]["line"] - 1
        lines = (self.dir / "in1.ndjson").read_text().splitlines()[:taken]
        good = [json.loads(line) for line in lines if line[0] == "{"]
        held = collections.Counter()
        for row in records["w"]["rows"]:
            self.assertEqual(row["a1.lo"], sum(row["a2.values"]))
            self.assertEqual(len(row["a2.values"]), row["a0.count"])
            for n in row["a2.values"]:
                held[n, row["city"], row["kind"]] += 1
        have = collections.Counter((r["n"], r["city"], r["kind"]) for r in good)
        self.assertLessEqual(held, have)  # the others' windows have closed, or they were late
        self.assertGreater(sum(held.values()), 20)
        shown = self.millrace("state", "get", "g", "w", "--checkpoint", number).lines()
        self.assertEqual(sum(r.get("rows") == "state.rows" for r in shown),
                         len(records["w"]["rows"]))
        self.assertEqual(self.millrace("plan", "g", "g.yaml").code, 0)
        child.kill()

    def test_the_verbs_say_what_is_there_and_what_would_be_lost(self):
        child = self.started()
        self.assertEqual(self.millrace("snapshot", "g").code, 0)
        listed = self.millrace("state", "ls", "cp", "--json").lines()
        numbers = [r["checkpoint"] for r in listed]
        self.assertEqual(len(numbers), 2)
        self.assertGreater(numbers[0], numbers[1])
        self.assertIn("w ", self.millrace("state", "ls", "g").out)
        self.assertEqual(self.millrace("state", "diff", "g.yaml", *numbers[:1] * 2).code, 0)
        changed = self.millrace("state", "diff", "g.yaml", *numbers)
        self.assertEqual(changed.code, 1, changed.err)
        text = (self.dir / "g.yaml").read_text()
        self.write("new.yaml", text.replace("tumbling: 5s", "tumbling: 6s")
                   .replace("  h: {", "  j: {").replace("from: h", "from: j"))
        result = self.millrace("plan", "g", "new.yaml")
        self.assertEqual(result.code, 1, result.err)
        verdicts = dict(reversed(line.split()[:2]) for line in result.out.splitlines())
        self.assertEqual((verdicts["in"], verdicts["w"], verdicts["j"], verdicts["h"]),
                         ("kept", "reset", "new", "gone"))
        self.assertEqual(self.millrace("plan", "g.yaml", "new.yaml").code, 1)
        child.kill()
        child.wait()
        result = self.millrace("run", "new.yaml", "--quiet")
        self.assertEqual(result.code, 78, result.err)
        self.assertIn("h (window) is gone", result.err)
        self.assertEqual(self.millrace("snapshot", "g").code, 69)


if __name__ == "__main__":
    millrace.main()

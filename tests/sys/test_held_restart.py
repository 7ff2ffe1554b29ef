#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""dedup, join and top_n under checkpoints: a run that is killed anywhere and started again
publishes what an undisturbed run does."""

import os
import random
import signal

import millrace
import test_checkpoint

SEED = int(os.environ.get("MILLRACE_TEST_SEED", "21"))
GRAPH = """millrace: 1
graph: g
runtime: { workers: { count: %(workers)d }, checkpoint: { dir: cp, interval: 20ms } }
""" + test_checkpoint.EVENTS + """
sources:
  in: { type: file, path: "in*.ndjson", format: json, event: ev, speed: %(speed)s,
        watermark: { delay: 2s } }
steps:
  d: { type: dedup, from: in, key: [city, kind], within: 3s, workers: %(workers)d }
  some: { type: filter, from: in, where: "n %% 3 = 0" }
  j: { type: join, left: some, right: d, key: [kind, city], within: { before: 1s, after: 2s },
       kind: full, workers: %(workers)d,
       select: { l: left.n, text: left.text, r: right.n, city: right.city, kind: left.kind } }
  x: { type: join, left: d, right: some, key: text, window: { tumbling: 4s }, kind: left,
       select: { l: d.n, r: some.n, start: window_start } }
  w: { type: window, from: in, window: { tumbling: 5s }, key: [city, kind],
       select: { rows: count(*), all: collect_list(n), first: first(text) } }
  t: { type: top_n, from: w, n: 3, order_by: rows DESC, key: kind, rank: place,
       workers: %(workers)d }
sinks:
  d_out: { type: file, from: d, path: d }
  j_out: { type: file, from: j, path: j }
  x_out: { type: file, from: x, path: x }
  t_out: { type: file, from: t, path: t }
  late_out: { type: file, from: j.late, path: late }
"""
OUTPUTS = ("d", "j", "x", "t", "late")


class Restarts(test_checkpoint.Case):
    def disturb(self, workers, signals, seed, rows=1000):
        rng = random.Random(seed)
        self.write("in1.ndjson", test_checkpoint.make_lines(rng, rows))
        self.write("in2.ndjson", test_checkpoint.make_lines(rng, rows, rows))
        self.write("g.yaml", GRAPH % {"workers": workers, "speed": "max"})
        self.forget(*OUTPUTS)
        self.run_to_end()
        want = self.outcome(OUTPUTS)
        for name in OUTPUTS:
            self.assertGreater(sum(want[name].values()), 3, name)
        self.forget(*OUTPUTS)
        self.write("g.yaml", GRAPH % {"workers": workers, "speed": "30x"})
        cuts = 0
        while self.interrupt(rng, rng.choice(signals), 0.3):
            cuts += 1
        got = self.outcome(OUTPUTS)
        for name in OUTPUTS:
            self.assertEqual(got[name], want[name], f"{name}, seed {seed}, {cuts} cuts")
        return cuts

    def test_killed_runs_publish_what_an_undisturbed_one_does(self):
        self.assertGreater(self.disturb(1, [signal.SIGKILL], SEED), 0)
        self.assertGreater(self.disturb(2, [signal.SIGKILL, signal.SIGTERM], SEED + 1), 0)

    def test_a_join_of_another_bound_does_not_take_over_the_state(self):
        rng = random.Random(SEED)
        self.write("in1.ndjson", test_checkpoint.make_lines(rng, 1000))
        self.write("g.yaml", GRAPH % {"workers": 1, "speed": "1x"})
        self.assertTrue(self.interrupt(random.Random(2), signal.SIGTERM, 0.1))
        text = (self.dir / "g.yaml").read_text()
        self.write("g.yaml", text.replace("before: 1s", "before: 2s"))
        result = self.millrace("run", "g.yaml", "--quiet")
        self.assertEqual(result.code, 78)
        self.assertIn("within: before 2000000 us", result.err)


if __name__ == "__main__":
    millrace.main()

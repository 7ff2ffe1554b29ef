#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A sink that cannot keep up: with full: drop_oldest its producers go on, with full: block they
wait. The slow reader is this test at the end of a pipe, which reads nothing until it is told to."""

import json
import threading

import millrace

ROWS = 400000
QUEUE = 3000
GRAPH = """millrace: 1
graph: slow
runtime: { workers: { count: %(workers)d } }
sources:
  in: { type: generate, of: city, seed: 5, count: %(rows)d,
        clock: { start: 2025-10-13T00:00:00Z, step: 20ms } }
sinks:
  out: { type: stdout, from: in, full: %(full)s }
  all: { type: file, from: in, path: all.ndjson }
"""
DROPS = "drop_oldest, queue: %d" % QUEUE


class Full(millrace.Case):
    def run_slow(self, full, workers):
        self.write("slow.yaml", GRAPH % {"full": full, "workers": workers, "rows": ROWS})
        return self.start("run", "slow.yaml", "--quiet", "--summary", "summary.json")

    def node_now(self, name):
        result = self.millrace("stat", "slow", "--json")
        if result.code:
            return {"rows_in": 0, "rows_out": 0, "dropped": 0}
        return self.node(json.loads(result.out), name)

    def read_rest(self, child):
        out = []
        reader = threading.Thread(target=lambda: out.append(child.stdout.read()))
        reader.start()
        reader.join(60)
        self.assertFalse(reader.is_alive(), "the sink did not write what it kept")
        self.assertEqual(child.wait(30), 0, child.stderr.read())
        return out[0].splitlines()

    def check_dropped(self, workers):
        child = self.run_slow(DROPS, workers)
        self.wait_for("all rows at the other sink", lambda: self.node_now("all")["rows_in"] == ROWS)
        lines = self.read_rest(child)
        summary = self.summary()
        self.assert_accounts(summary)
        out = self.node(summary, "out")
        self.assertEqual(out["rows_in"], ROWS)
        self.assertEqual(out["rows_out"], len(lines))
        self.assertGreater(out["dropped"], ROWS // 2)
        self.assertEqual(self.node(summary, "all")["rows_out"], ROWS)
        every = (self.dir / "all.ndjson").read_bytes().splitlines()
        self.assertEqual(lines[-QUEUE:], every[-QUEUE:])  # the newest, written at the end
        at = 0
        for line in lines:  # all rows are different by their time, and in order
            at = every.index(line, at) + 1

    def test_producers_go_on_and_the_newest_rows_are_written_at_the_end(self):
        for workers in (1, 2):
            self.check_dropped(workers)

    def test_control_a_blocking_sink_holds_its_producers_up_and_loses_nothing(self):
        child = self.run_slow("block", 2)
        last = [-1, 0]

        def stands_still():
            rows = self.node_now("in")["rows_out"]
            last[1] = last[1] + 1 if rows == last[0] and rows else 0
            last[0] = rows
            return last[1] == 10

        self.wait_for("a source that stands still", stands_still)
        self.assertLess(last[0], ROWS)
        self.assertEqual(len(self.read_rest(child)), ROWS)
        summary = self.summary()
        self.assert_accounts(summary)
        self.assertEqual(self.node(summary, "out")["dropped"], 0)

    def test_a_drain_that_is_cut_short_counts_what_was_kept_as_dropped(self):
        self.write("slow.yaml", GRAPH % {"full": DROPS, "workers": 1, "rows": ROWS})
        child = self.start("run", "slow.yaml", "--quiet", "--summary", "summary.json", "--set",
                           "runtime.drain_timeout=200ms")
        self.wait_for("all rows at the other sink", lambda: self.node_now("all")["rows_in"] == ROWS)
        child.terminate()
        self.assertEqual(child.wait(30), 75, child.stderr.read())
        summary = self.summary()
        self.assert_accounts(summary)
        self.assertEqual(self.node(summary, "out")["rows_in"], ROWS)

    def test_mem_shows_the_queue(self):
        self.write("slow.yaml", GRAPH % {"full": DROPS, "workers": 1, "rows": ROWS})
        result = self.millrace("mem", "slow.yaml")
        self.assertEqual(result.code, 0, result.err)
        self.assertIn("out queue: the newest 3000 rows", result.out)
        child = self.run_slow(DROPS, 1)
        self.wait_for("the run", lambda: self.node_now("in")["rows_out"] > 0)
        self.assertIn("out.queue", self.millrace("mem", "slow").out)
        self.read_rest(child)


if __name__ == "__main__":
    millrace.main()

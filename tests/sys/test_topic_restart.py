#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Graphs from topic to topic under checkpoints, killed and started again."""

import json
import shutil
import signal
import subprocess

import millrace
import test_topic_graph
from test_topic_graph import EVENT


class Restarts(test_topic_graph.Graph):
    """A topic in, a topic out, under checkpoints: killed at any moment, each row comes out once."""

    def write_graph(self, delivery="exactly_once"):
        self.write("g.yaml", f"""millrace: 1
graph: g
runtime: {{ checkpoint: {{ interval: 100ms }} }}
{EVENT}sources: {{ in: {{ type: topic, topic: a, event: e, workers: 2 }} }}
steps: {{ m: {{ type: map, from: in, set: {{ twice: id * 2 }} }} }}
sinks:
  out: {{ type: topic, from: m, topic: b, key: k, partitions: 3, delivery: {delivery} }}
""")

    def start_graph(self):
        (self.run_dir / "g.sock").unlink(missing_ok=True)
        child = self.start("run", "g.yaml", "--quiet")
        self.wait_for("the graph", lambda: (self.run_dir / "g.sock").exists()
                      or child.poll() is not None)
        return child

    def kill_after(self, seconds, first, cnt):
        child = self.start_graph()
        self.fill("a", cnt, first=first)
        try:
            child.wait(seconds)
        except subprocess.TimeoutExpired:
            child.kill()
        self.assertEqual(child.wait(), -signal.SIGKILL, child.stderr.read())

    def drain(self, rows, records=0):
        """Runs until there are so many rows, and so many records, and drains."""
        def there():
            values = [r["value"] for r in self.records("b")]
            return len(set(values)) >= rows and len(values) >= records
        child = self.start_graph()
        self.wait_for("all rows", there)
        child.send_signal(signal.SIGTERM)
        self.assertEqual(child.wait(30), 0, child.stderr.read())

    def test_every_row_comes_out_once(self):
        self.write_graph()
        self.fill("a", 1)
        seen = []
        for n, seconds in enumerate((0.05, 0.35, 0.2, 0.6)):
            self.kill_after(seconds, 1 + n * 2000, 2000)
            if (self.dir / "millrace-data/topics/b.topic").exists():
                now = [r["value"] for r in self.records("b")]
                self.assertTrue(set(seen) <= set(now))  # what readers saw stays
                self.assertEqual(len(now), len(set(now)))
                seen = now
        self.drain(8001)
        got = sorted(json.loads(r["value"])["id"] for r in self.records("b"))
        self.assertEqual(got, list(range(8001)))
        self.topic("verify", "b")

    def test_at_least_once_repeats_and_loses_nothing(self):
        self.write_graph("at_least_once")
        self.fill("a", 1)
        for n in range(2):
            self.kill_after(0.3, 1 + n * 2000, 2000)
        self.drain(4001)
        got = [json.loads(r["value"])["id"] for r in self.records("b")]
        self.assertEqual(sorted(set(got)), list(range(4001)))

    def test_without_its_checkpoint_it_begins_again(self):
        self.write_graph()
        self.fill("a", 50)
        self.drain(50)
        shutil.rmtree(self.dir / "millrace-data/checkpoints")
        self.drain(50, 100)
        self.assertEqual(len(self.records("b")), 100)

    def test_retention_keeps_what_a_restart_goes_back_to(self):
        """More than the retained bytes came since the last checkpoint, and then a kill."""
        self.write("g.yaml", """millrace: 1
graph: g
runtime: { checkpoint: { interval: 1h } }
sources: { in: { type: generate, of: city, rate: 50k/s } }
sinks:
  out: { type: topic, from: in, topic: b, sync: never, segment: 64KiB, retention: { size: 128KiB } }
""")
        child = self.start_graph()

        def rolled():
            logs = (self.dir / "millrace-data/topics/b-0").glob("*.log")
            return sorted(p.name for p in logs)[-1:] > ["%020d.log" % 150_000]
        self.wait_for("several segments", rolled)
        child.kill()
        child.wait()
        child = self.start_graph()
        child.send_signal(signal.SIGTERM)
        self.assertEqual(child.wait(30), 0, child.stderr.read())

    def test_rows_of_csv_come_out_once_over_drains(self):
        self.write("g.yaml", """millrace: 1
graph: g
runtime: { checkpoint: { interval: 50ms } }
events: { e: { fields: { n: int64, s: string } } }
sources: { in: { type: topic, topic: a, event: e, format: csv, until: end } }
sinks: { out: { type: file, from: in, path: out } }
""")
        self.assertEqual(self.millrace("topic", "create", "a").code, 0)
        lines = "".join(f"{i},x\n" for i in range(400_000)).encode()
        self.assertEqual(self.millrace("topic", "produce", "a", stdin=lines).code, 0)
        for _ in range(3):
            self.assertEqual(self.millrace("run", "-q", "--duration", "60ms", "g.yaml").code, 0)
        self.assertEqual(self.millrace("run", "-q", "g.yaml").code, 0)
        found = [json.loads(line)["n"] for part in sorted((self.dir / "out").glob("[!._]*"))
                 for line in part.read_text().splitlines()]
        self.assertEqual(len(found), 400_000)
        self.assertEqual(sorted(found), list(range(400_000)))


if __name__ == "__main__":
    millrace.main()

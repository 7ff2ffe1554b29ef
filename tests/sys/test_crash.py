#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A process that dies at each named point of a checkpoint: what a reader saw stays, and at the end
every row is there once. With the mistake of publishing before the manifest both must be found
wrong."""

import random
import signal
import subprocess

import millrace
import test_checkpoint


class Crash(test_checkpoint.Case):
    def setUp(self):
        super().setUp()
        self.write("in1.ndjson", test_checkpoint.make_lines(random.Random(5), 1200))
        self.write("g.yaml", test_checkpoint.GRAPH % {"workers": 1, "speed": "20x", "more": ""})
        for name in test_checkpoint.OUTPUTS:
            self.forget(name)

    def host(self, *args):
        program = millrace.BUILD / "tests/sys/crash_host"
        return subprocess.run([program, *map(str, args)], cwd=self.dir, env=self.env,
                              capture_output=True, timeout=60)

    def seen(self):
        return {path: path.read_bytes() for name in test_checkpoint.OUTPUTS
                for path in self.parts(name)}

    def undisturbed(self):
        done = self.host("g.yaml")
        self.assertEqual(done.returncode, 0, done.stderr)
        want = self.outcome(test_checkpoint.OUTPUTS), self.dead_letters()
        self.forget(*test_checkpoint.OUTPUTS)
        return want

    def crash(self, point, nth, *more):
        """Dies there, and goes on to the end; what a reader saw meanwhile and no longer sees."""
        done = self.host("g.yaml", point, nth, *more)
        self.assertEqual(done.returncode, -signal.SIGKILL, (point, done.stderr))
        before = self.seen()
        done = self.host("g.yaml")
        self.assertEqual(done.returncode, 0, (point, done.stderr))
        after = self.seen()
        return [path for path, text in before.items() if after.get(path) != text]

    def test_no_point_of_a_checkpoint_loses_or_doubles_a_row(self):
        want = self.undisturbed()
        points = self.host("--list").stdout.decode().split()
        self.assertGreater(len(points), 5)
        for i, point in enumerate(points):
            self.assertEqual(self.crash(point, 2 + i % 3), [], point)
            self.assertEqual((self.outcome(test_checkpoint.OUTPUTS), self.dead_letters()), want,
                             point)
            self.forget(*test_checkpoint.OUTPUTS)

    def test_a_death_behind_the_last_manifest_leaves_nothing_hidden(self):
        want = self.undisturbed()
        self.write("g.yaml", (self.dir / "g.yaml").read_text().replace("20ms", "30s"))
        self.assertEqual(self.crash("checkpoint.durable", 2), [])  # the first is at the start
        self.assertEqual((self.outcome(test_checkpoint.OUTPUTS), self.dead_letters()), want)

    def test_publishing_before_the_manifest_is_found_wrong(self):
        for nth in (3, 4, 5):
            if self.crash("checkpoint.manifest_begin", nth, "early"):
                return
            self.forget(*test_checkpoint.OUTPUTS)
        self.fail("parts that were published too early were never seen to go")


if __name__ == "__main__":
    millrace.main()

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A full disk under a graph with checkpoints: it waits, says so in one line, and goes on when there
is room; no row is lost. The disk is a small tmpfs, so this needs the right to mount one."""

import os
import signal
import subprocess
import unittest

import millrace
import test_checkpoint

GRAPH = """millrace: 1
graph: g
runtime: { checkpoint: { dir: %s, interval: 50ms } }
sources: { in: { type: generate, of: city, count: 20000, rate: %s,
                 clock: { start: 2025-10-13T10:00:00Z, step: 1s } } }
sinks: { out: { type: file, from: in, path: %s } }
"""


class DiskFull(test_checkpoint.Case):
    def setUp(self):
        super().setUp()
        self.disk = self.dir / "disk"
        self.disk.mkdir()
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", self.disk],
                              capture_output=True)
        if done.returncode:
            raise unittest.SkipTest("needs the right to mount a tmpfs")

    def tearDown(self):
        for child in self.children:
            if child.poll() is None:
                child.kill()
                child.wait()
        subprocess.run(["umount", self.disk], capture_output=True)
        super().tearDown()

    def start_logged(self):
        self.log = open(self.dir / "log", "wb")
        self.addCleanup(self.log.close)
        return self.start("run", "g.yaml", "--quiet", stderr=self.log)

    def said(self, what):
        return [line for line in (self.dir / "log").read_text().splitlines() if what in line]

    def test_a_sink_waits_for_room_and_loses_nothing(self):
        self.write("g.yaml", GRAPH % ("cp", "10M/s", "whole"))
        self.run_to_end()
        want = self.published("whole")
        self.forget()
        self.write("g.yaml", GRAPH % ("cp", "10M/s", "disk/out"))
        child = self.start_logged()
        self.wait_for("the line", lambda: self.said("MR5011"))
        self.assertEqual(self.millrace("stat", "g").code, 0)  # tools are answered
        self.assertIsNone(child.poll())
        subprocess.run(["mount", "-o", "remount,size=64m", self.disk], check=True)
        self.assertEqual(child.wait(30), 0, self.said(""))
        self.assertEqual(len(self.said("MR5011")), 1)
        self.assertRegex(self.said("MR5011")[0], r"disk/out/\.part-\d+-\d+\.ndjson: \d+ bytes")
        self.assertEqual(self.published("disk/out"), want)

    def test_checkpoints_wait_for_room_while_the_graph_goes_on(self):
        self.write("g.yaml", GRAPH % ("disk/cp", "2k/s", "out"))
        with open(self.disk / "filler", "wb") as filler:
            filler.write(bytes(1 << 20))  # all of it
        child = self.start_logged()
        self.wait_for("the line", lambda: self.said("MR5011"))
        self.assertIsNone(child.poll())
        self.assertEqual(list(self.disk.glob("cp/*.manifest")), [])
        os.unlink(self.disk / "filler")
        self.wait_for("a checkpoint", lambda: list(self.disk.glob("cp/*.manifest")))
        child.send_signal(signal.SIGTERM)
        self.assertEqual(child.wait(30), 0, self.said(""))
        self.assertEqual(len(self.said("MR5011")), 1)


if __name__ == "__main__":
    millrace.main()

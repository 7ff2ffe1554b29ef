#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How files are accessed: the best way that is permitted, or the one that MILLRACE_IO names. What
comes out is the same; one line says so when it is not the best."""

import os
import pathlib
import subprocess
import sys

import millrace

DENY = str(pathlib.Path(__file__).resolve().with_name("deny.py"))
IO_URING_SETUP = "425"
ROWS = 20000
GRAPH = f"""millrace: 1
graph: copy
sources:
  in: {{ type: generate, of: city, seed: 5, count: {ROWS},
        clock: {{ start: 2025-10-13T00:00:00Z, step: 20ms }} }}
sinks:
  out: {{ type: file, from: in, path: OUT }}
"""
BACK = """millrace: 1
graph: back
events: { reading: { format: json, fields: { device: string } } }
sources: { in: { type: file, event: reading, path: IN } }
sinks: { out: { type: file, from: in, path: OUT } }
"""


class Io(millrace.Case):
    def setUp(self):
        super().setUp()
        self.env.pop("MILLRACE_IO", None)

    def copy(self, mode=None, prefix=(), flags=("--quiet",)):
        name = mode or "best"
        self.write("copy.yaml", GRAPH.replace("OUT", f"{name}.ndjson"))
        env = {"MILLRACE_IO": mode} if mode else {}
        result = self.millrace("run", "copy.yaml", *flags, env=env, prefix=prefix)
        self.assertEqual(result.code, 0, result.err)
        lines = (self.dir / f"{name}.ndjson").read_bytes().splitlines()
        self.assertEqual(len(lines), ROWS)
        return result, lines

    def test_every_way_writes_the_same_and_all_but_the_best_are_told_in_one_line(self):
        _, plain = self.copy("plain")
        for mode, text in (("plain", "io: plain threads: MILLRACE_IO says so"),
                           ("uring", "io: io_uring without registered buffers: MILLRACE_IO"),
                           ("uring-fixed", None)):
            if self.refused(mode):
                continue
            result, lines = self.copy(mode)
            self.assertEqual(lines, plain)
            said = result.io_lines
            self.assertEqual(len(said), 1 if text else 0, result.err)
            if text:
                self.assertIn(text, said[0])

    def refused(self, mode):
        """What was asked for by name is an error where it is refused."""
        self.write("copy.yaml", GRAPH.replace("OUT", "refused.ndjson"))
        result = self.millrace("run", "copy.yaml", "--quiet", env={"MILLRACE_IO": mode})
        if result.code:
            self.assertEqual(result.code, 78)
            self.assertIn("MILLRACE_IO cannot be met", result.err)
            print(f"skipped: {mode} is refused here")
        return result.code

    def test_the_banner_says_how_files_are_accessed(self):
        result, _ = self.copy("plain", flags=())
        self.assertIn("  io: plain threads: MILLRACE_IO says so\n", result.err)
        result, _ = self.copy(flags=())
        self.assertIn("\n  io: ", result.err)

    def test_where_a_filter_refuses_io_uring_one_line_says_so_and_the_rest_is_the_same(self):
        deny = [sys.executable, DENY, IO_URING_SETUP]
        if subprocess.run([*deny, "/bin/true"]).returncode:
            self.skipTest("no seccomp filters here")
        result, lines = self.copy(prefix=deny)
        said = result.io_lines
        self.assertEqual(len(said), 1, result.err)
        self.assertIn("io_uring is refused (not permitted: a seccomp filter", said[0])
        self.assertEqual(lines, self.copy("plain")[1])

    def test_a_name_that_does_not_exist_starts_nothing(self):
        self.write("copy.yaml", GRAPH.replace("OUT", "none.ndjson"))
        result = self.millrace("run", "copy.yaml", env={"MILLRACE_IO": "aio"})
        self.assertEqual(result.code, 78)
        self.assertIn("uring-fixed, uring, plain", result.err)
        self.assertFalse(os.path.exists(self.dir / "none.ndjson"))

    def test_a_file_is_read_alike_in_every_way(self):
        text = "".join('{"device": "d%d"}\n' % i for i in range(ROWS))
        self.write("in.ndjson", text)
        for mode in ("plain", "uring", "uring-fixed"):
            if self.refused(mode):
                continue
            self.write("back.yaml", BACK.replace("IN", "in.ndjson").replace("OUT", f"{mode}.out"))
            result = self.millrace("run", "back.yaml", "--quiet", env={"MILLRACE_IO": mode})
            self.assertEqual(result.code, 0, result.err)
            self.assertEqual((self.dir / f"{mode}.out").read_text().replace('":"', '": "'), text)


if __name__ == "__main__":
    millrace.main()

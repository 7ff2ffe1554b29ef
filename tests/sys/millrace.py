# SPDX-License-Identifier: Apache-2.0
"""The program as its users run it, for the tests of this folder and of tests/systems.

A test file is a unittest module that ends with `millrace.main()`. It is called with --build DIR,
the folder that holds the program. Every wait has a deadline; nothing sleeps for a fixed time.
"""

import argparse
import datetime
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
LIMIT_S = 120
BUILD = None


def seconds(text):
    """A timestamp of the program as seconds since the epoch."""
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def sanitized():
    """The program is built with a sanitizer: slow to start, and it needs many addresses."""
    program = (BUILD / "millrace").read_bytes()
    return b"__asan_init" in program or b"__tsan_init" in program


class Result:
    """What a process left. How files are accessed is not what most tests are about, so that line
    stands apart: the suite runs in every way there is (MILLRACE_IO, a seccomp filter)."""

    def __init__(self, code, out, err, seconds):
        lines = err.splitlines(keepends=True)
        self.io_lines = [line for line in lines if "MR5008" in line]
        self.err = "".join(line for line in lines if "MR5008" not in line)
        self.code, self.out, self.seconds = code, out, seconds

    def lines(self):
        return [json.loads(line) for line in self.out.splitlines()]


class Case(unittest.TestCase):
    """A test with a folder of its own, in which the program runs and keeps its segments."""

    def setUp(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="millrace-test-"))
        memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        self.run_dir = pathlib.Path(tempfile.mkdtemp(prefix="millrace-test-", dir=memory))
        self.env = dict(os.environ, MILLRACE_RUN_DIR=str(self.run_dir))
        self.children = []

    def tearDown(self):
        for child in self.children:
            if child.poll() is None:
                child.kill()
            child.wait()
            for pipe in (child.stdin, child.stdout, child.stderr):
                if pipe:
                    pipe.close()
        shutil.rmtree(self.dir, ignore_errors=True)
        shutil.rmtree(self.run_dir, ignore_errors=True)

    def program(self):
        return str(BUILD / "millrace")

    def millrace(self, *args, stdin=b"", env=None, limit=LIMIT_S, prefix=(), cwd=None):
        start = time.monotonic()
        done = subprocess.run(
            [*prefix, self.program(), *map(str, args)], input=stdin, capture_output=True,
            cwd=cwd or self.dir, env=dict(self.env, **(env or {})), timeout=limit)
        return Result(done.returncode, done.stdout.decode("utf-8", "replace"),
                      done.stderr.decode("utf-8", "replace"), time.monotonic() - start)

    def start(self, *args, **kwargs):
        child = subprocess.Popen([self.program(), *map(str, args)], cwd=self.dir, env=self.env,
                                 stdin=kwargs.get("stdin", subprocess.DEVNULL),
                                 stdout=kwargs.get("stdout", subprocess.PIPE),
                                 stderr=kwargs.get("stderr", subprocess.PIPE))
        self.children.append(child)
        return child

    def write(self, name, text):
        path = self.dir / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    def rows(self, name):
        return [json.loads(line) for line in (self.dir / name).read_text().splitlines()]

    def wait_for(self, what, condition, seconds=30):
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                self.fail(f"{what}: not within {seconds} s")
            time.sleep(0.005)

    def summary(self, path="summary.json"):
        return json.loads((self.dir / path).read_text())

    def node(self, summary, name):
        """Counts of a node, summed over its instances."""
        total = {}
        for node in summary["nodes"]:
            if node["name"] == name:
                for key, value in node.items():
                    if isinstance(value, int) and key not in ("instance", "worker", "cpu"):
                        total[key] = total.get(key, 0) + value
        self.assertTrue(total, f"no node {name}")
        return total

    def assert_accounts(self, summary):
        """The accounting identity, per node instance; and links lose nothing."""
        for node in summary["nodes"]:
            kept = node["type"] in ("window", "group", "join", "top_n")
            out = node["absorbed"] if kept else node["rows_out"]
            gone = ("filtered", "late", "dropped", "dead_letters")
            self.assertEqual(node["rows_in"], out + sum(node[key] for key in gone), node)


def main():
    global BUILD
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", default=str(ROOT / "build/release"))
    args, rest = parser.parse_known_args()
    BUILD = pathlib.Path(args.build).resolve()
    if not (BUILD / "millrace").exists():
        print(f"skipped: {BUILD}/millrace is not built")
        sys.exit(77)
    unittest.main(argv=[sys.argv[0], *rest], verbosity=2)

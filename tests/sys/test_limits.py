#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Little memory, small disks, few rights: the program runs and says what it does without, or it
ends with one clear error and leaves nothing behind."""

import json
import os
import pathlib
import platform
import resource
import subprocess
import sys

import millrace

GRAPH = """millrace: 1
graph: g
runtime: { workers: { count: %(workers)d } }
sources:
  in: { type: generate, of: city, count: %(count)d, seed: 7,
        clock: { start: 2025-10-13T00:00:00Z, step: 20ms } }
steps:
  severe: { type: filter, from: in, where: "severity IN ('high', 'critical')" }
sinks:
  out: { type: file, from: severe, path: %(path)s }
"""
COUNT = 100_000
SET_AFFINITY = {"x86_64": "203"}.get(platform.machine())
DENY = str(pathlib.Path(__file__).resolve().with_name("deny.py"))
MOUNT = 'mount -t tmpfs -o size="$1" tmpfs "$2" && shift 2 && exec "$@"'


class Limits(millrace.Case):
    def graph(self, workers=1, count=COUNT, path="out.ndjson"):
        self.write("g.yaml", GRAPH % {"workers": workers, "count": count, "path": path})

    def small_disk(self, size, path):
        """A prefix under which the program sees a disk of that size at path."""
        prefix = ["unshare", "-m", "sh", "-c", MOUNT, "sh", size, str(path)]
        if subprocess.run([*prefix, "true"], capture_output=True).returncode:
            self.skipTest("no right to mount a tmpfs")
        return prefix

    def run_graph(self, *more, prefix=(), code=0, env=None):
        result = self.millrace("run", "g.yaml", "--summary", "summary.json", *more, prefix=prefix,
                               env=env)
        self.assertEqual(result.code, code, result.err)
        self.assertEqual(list(self.run_dir.iterdir()), [])
        return result

    def whole(self, *more, prefix=(), env=None, workers=1):
        """All of it comes out."""
        self.graph(workers)
        result = self.run_graph(*more, prefix=prefix, env=env)
        summary = self.summary()
        self.assert_accounts(summary)
        self.assertEqual(self.node(summary, "in")["rows_in"], COUNT)
        rows = self.rows("out.ndjson")
        self.assertEqual(self.node(summary, "out")["rows_out"], len(rows))
        self.assertGreater(len(rows), COUNT // 3)
        return result

    def refused(self, what, *more, prefix=(), code=78):
        """One clear error, and nothing was made."""
        result = self.millrace("run", "g.yaml", *more, prefix=prefix)
        self.assertEqual(result.code, code, result.err)
        self.assertRegex(result.err, what)
        errors = [line for line in result.err.splitlines() if "level=warn" not in line]
        self.assertEqual(len(errors), 1, result.err)
        self.assertEqual(list(self.run_dir.iterdir()), [])
        return result


class RunsWithout(Limits):
    def test_with_a_dev_shm_of_64_mib(self):
        for workers in (1, 2):
            self.whole(prefix=self.small_disk("64m", "/dev/shm"), workers=workers,
                       env={"MILLRACE_RUN_DIR": "/dev/shm/small"})

    def test_with_a_run_folder_that_is_full(self):
        small = self.dir / "small"
        small.mkdir()
        result = self.whole(prefix=self.small_disk("16k", small),
                            env={"MILLRACE_RUN_DIR": str(small)})
        self.assertEqual(result.err.count("MR5001"), 1)
        self.assertIn(str(small), result.err)

    def test_with_a_run_folder_on_a_disk_and_says_so(self):
        on_disk = pathlib.Path(self.dir / "run")
        kind = subprocess.run(["stat", "-f", "-c", "%T", self.dir], capture_output=True, text=True)
        if kind.stdout.strip() in ("tmpfs", "ramfs"):
            self.skipTest("the folder for temporary files is a tmpfs")
        result = self.whole(env={"MILLRACE_RUN_DIR": str(on_disk)})
        self.assertEqual(result.err.count("MR5003"), 1)

    def test_without_huge_pages(self):
        for pages in ("auto", "off"):
            result = self.whole("--set", f"runtime.huge_pages={pages}")
            self.assertIn("pages ", result.err)
        self.assertIn("pages 4 KiB", result.err)

    def test_on_one_cpu_with_two_workers_says_that_they_are_not_pinned(self):
        cpu = min(os.sched_getaffinity(0))
        result = self.whole(prefix=["taskset", "-c", str(cpu)], workers=2)
        self.assertEqual(result.err.count("not pinned"), 1, result.err)

    def test_on_one_cpu_by_default(self):
        cpu = max(os.sched_getaffinity(0))
        result = self.whole(prefix=["taskset", "-c", str(cpu)])
        self.assertIn(f"on cpus {cpu},", result.err)

    def test_without_the_right_to_pin_and_says_so(self):
        if not SET_AFFINITY:
            self.skipTest("the number of the system call is not known for this machine")
        deny = [sys.executable, DENY, SET_AFFINITY]
        if subprocess.run([*deny, "/bin/true"]).returncode:
            self.skipTest("no seccomp filters here")
        result = self.whole(prefix=deny)
        self.assertEqual(result.err.count("MR5002"), 1, result.err)
        self.assertIn("not permitted", result.err)

    def test_with_no_memory_to_lock(self):
        self.whole(prefix=["prlimit", "--memlock=0"])

    def test_with_small_stacks(self):
        self.whole(prefix=["prlimit", "--stack=262144"])


class IsRefused(Limits):
    def setUp(self):
        super().setUp()
        self.graph()

    def tearDown(self):
        self.assertFalse((self.dir / "millrace-data").exists())
        super().tearDown()

    def test_huge_pages_that_are_required_and_are_not_there(self):
        free = pathlib.Path("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages")
        if free.exists() and int(free.read_text()):
            self.skipTest("this machine has huge pages")
        self.refused("huge pages", "--set", "runtime.huge_pages=require")

    def test_few_addresses(self):
        if millrace.sanitized():
            self.skipTest("a sanitizer takes more addresses itself")
        for size in (100 << 20, 400 << 20, 1 << 30):
            self.refused(r"RLIMIT_AS|memory", prefix=["prlimit", f"--as={size}"])

    def test_files_that_may_not_grow(self):
        self.refused("RLIMIT_FSIZE", prefix=["prlimit", "--fsize=1000000"])

    def test_a_graph_larger_than_the_machine(self):
        table = ("  t%d: { type: group, from: in, key: [description], select: { n: count(*) }, "
                 "max_state: %s }\n")
        sink = "  o%d: { type: 'null', from: t%d }\n"
        for size, cnt in (("50GiB", 8), ("59GiB", 30)):
            text = (self.dir / "g.yaml").read_text()
            text = text.replace("sinks:", "".join(table % (i, size) for i in range(cnt)) + "sinks:")
            self.write("g.yaml", text + "".join(sink % (i, i) for i in range(cnt)))
            self.refused("t[0-9]+|memory|max_state|addresses")
            self.graph()
        text = (self.dir / "g.yaml").read_text()
        text = text.replace("sinks:", table % (0, "100TiB") + "sinks:") + sink % (0, 0)
        self.write("g.yaml", text)
        result = self.millrace("run", "g.yaml")
        self.assertEqual(result.code, 78)
        self.assertIn("MR1004", result.err)

    def test_cpus_that_this_process_may_not_use(self):
        cpus = sorted(os.sched_getaffinity(0))
        if len(cpus) < 2:
            self.skipTest("one cpu only")
        result = self.millrace("run", "g.yaml", "--set", f"runtime.workers.cpus=[{cpus[1]}]",
                               prefix=["taskset", "-c", str(cpus[0])])
        self.assertEqual(result.code, 78)
        self.assertIn(f"cpu {cpus[1]}", result.err)

    def test_few_file_descriptors(self):
        for cnt in range(4, 12):
            result = self.millrace("run", "g.yaml", "--quiet",
                                   prefix=["prlimit", f"--nofile={cnt}"])
            self.assertIn(result.code, (0, 1, 74, 78), result.err)
            errors = [line for line in result.err.splitlines() if "level=warn" not in line]
            self.assertEqual(len(errors), int(result.code != 0), result.err)
            self.assertEqual(list(self.run_dir.iterdir()), [])


class SmallDisks(Limits):
    def check_cut(self, data, code, result, path):
        """The rows that are counted are the whole lines of the file, the first ones of all."""
        self.assertEqual(code, 74, result)
        self.assertIn(str(path), result)
        errors = [line for line in result.splitlines() if line.startswith("millrace run:")]
        self.assertEqual(len(errors), 1, result)
        summary = self.summary()
        self.assert_accounts(summary)
        out = self.node(summary, "out")
        self.assertEqual(out["rows_out"], data.count(b"\n"))
        self.assertEqual(out["rows_in"], out["rows_out"] + out["dropped"])
        self.assertGreater(out["dropped"], 0)
        self.assertTrue(self.all.startswith(data))
        self.assertGreater(len(data), 0)
        self.assertEqual(list(self.run_dir.iterdir()), [])

    def setUp(self):
        super().setUp()
        self.graph()
        self.run_graph("--quiet")
        self.all = (self.dir / "out.ndjson").read_bytes()
        self.assertGreater(len(self.all), 4 << 20)

    def test_a_disk_that_becomes_full_under_a_file_sink(self):
        small = self.dir / "small"
        small.mkdir()
        for workers in (1, 2):
            for size in ("2m", "68k"):
                self.graph(workers, path="small/out.ndjson")
                copy = self.dir / "copy.ndjson"
                script = MOUNT.replace(
                    'exec "$@"', '{ "$@"; rc=$?; cp small/out.ndjson copy.ndjson; exit $rc; }')
                self.small_disk(size, small)
                result = self.millrace(
                    "run", "g.yaml", "--quiet", "--summary", "summary.json",
                    prefix=["unshare", "-m", "sh", "-c", script, "sh", size, str(small)])
                self.assertIn("No space left", result.err)
                self.check_cut(copy.read_bytes(), result.code, result.err, "small/out.ndjson")

    def test_a_limit_of_file_sizes_under_a_file_sink(self):
        self.graph(count=1_000_000_000)
        out = self.dir / "out.ndjson"
        out.unlink()
        child = self.start("run", "g.yaml", "--quiet", "--summary", "summary.json")
        self.wait_for("rows", lambda: out.exists() and 0 < out.stat().st_size)
        limit = out.stat().st_size + (16 << 20)
        resource.prlimit(child.pid, resource.RLIMIT_FSIZE, (limit, limit))
        code = child.wait(60)
        data = self.all = out.read_bytes()
        self.check_cut(data, code, child.stderr.read().decode(), "out.ndjson")
        self.assertLessEqual(len(data), limit)
        for line in data.splitlines()[:1000]:
            json.loads(line)

    def test_a_folder_that_may_not_be_written(self):
        self.graph(path="locked/out.ndjson")
        (self.dir / "locked").mkdir(mode=0o555)
        self.dir.chmod(0o777)
        self.run_dir.chmod(0o777)
        prefix = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        self.refused("locked/out.ndjson: Permission denied", code=74,
                     prefix=prefix if os.getuid() == 0 else [])

    def test_a_full_disk_under_the_summary(self):
        self.graph()
        result = self.millrace("run", "g.yaml", "--quiet", "--summary", "/dev/full")
        self.assertEqual(result.code, 74, result.err)
        self.assertIn("/dev/full", result.err)


if __name__ == "__main__":
    millrace.main()

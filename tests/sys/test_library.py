#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""libmillrace as others use it: installed into a folder, and used from outside the tree."""

import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

import millrace

GUIDES = millrace.ROOT / "docs/guides"
HOST_GRAPH = """millrace: 1
graph: halved
sources: { in: { type: stdin, format: json } }
steps:   { half: { type: halve, from: in } }
sinks:   { out: { type: stdout, from: half } }
"""

WATCHED_GRAPH = """millrace: 1
graph: watched
sources: { in: { type: generate, of: city, rate: 10k/s } }
steps:   { high: { type: filter, from: in, where: severity = 'high' } }
sinks:   { out: { type: "null", from: high } }
"""
LOOK_AT_IT = """
import subprocess, sys, time
import millrace_stat
pid, end = int(sys.argv[1]), time.monotonic() + 60
while not any(g == ("watched", pid, "running") for g in millrace_stat.graphs()):
    assert time.monotonic() < end, millrace_stat.graphs()
with millrace_stat.Observer(pid) as o:
    before = 0
    while before < 5000:
        assert time.monotonic() < end
        before = o.look().nodes()[0].values["rows_in"]
    while True:
        o.look()
        nodes = {n.name: n for n in o.nodes()}
        if nodes["in"].values["rows_in"] > before:
            break
    assert list(nodes) == ["in", "high", "out"], nodes
    high = nodes["high"]
    assert high.values["rows_in"] == high.values["rows_out"] + high.values["filtered"]
    assert 0.2 < high.values["rows_out"] / high.values["rows_in"] < 0.3
    assert 0 < high.percentile_ns(50) <= high.percentile_ns(99.9)
    ns, count = o.path_percentile_ns("in", "out", 50)
    assert ns > 0 and count > 0 and o.path_percentile_ns("out", "in", 50) is None
    stat = o.stat()
    assert stat["graph"] == o.graph == "watched" and stat["pid"] == o.pid == pid
    assert o.interval_ns < o.uptime_ns
try:
    millrace_stat.Observer("nobody")
except millrace_stat.Error as error:
    assert "nobody" in str(error)
else:
    sys.exit("a graph that is not there was found")
"""
LOOK_AT_THE_DEAD = """
import millrace_stat
with millrace_stat.Observer("watched") as o:
    assert o.state == "dead", o.state
    assert {n.name: n for n in o.nodes()}["in"].values["rows_out"] >= 5000
"""


def run(*command, **more):
    return subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, timeout=120, **more
    )


class Library(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dir = pathlib.Path(tempfile.mkdtemp(prefix="millrace-library-"))
        cls.prefix = cls.dir / "usr"
        for part in ("lib", "dev"):
            where = ("--prefix", cls.prefix, "--component", part)
            done = run("cmake", "--install", millrace.BUILD, *where)
            assert done.returncode == 0, done.stderr
        config = next(cls.prefix.rglob("millrace.pc"))
        cls.env = dict(os.environ, PKG_CONFIG_PATH=str(config.parent))
        cls.lib = config.parent.parent
        cls.env["LD_LIBRARY_PATH"] = str(cls.lib)
        cls.cflags = cls.pkg_config("--cflags")

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.dir)

    @classmethod
    def pkg_config(cls, *flags):
        words = (f"--define-variable=prefix={cls.prefix}", *flags, "millrace")
        done = run("pkg-config", *words, env=cls.env)
        assert done.returncode == 0, done.stderr
        return done.stdout.split()

    def compile(self, *words):
        done = run("gcc", "-std=c17", "-Wall", "-Wextra", "-Werror", *self.cflags, *words)
        self.assertEqual(done.returncode, 0, done.stderr)

    def check_count(self, program):
        done = run(program, env=self.env)
        self.assertEqual(done.returncode, 0, done.stderr)
        rows = re.findall(r'"city":"(\w+)","n":(\d+),"total":([\d.]+)', done.stdout)
        self.assertEqual(rows.count(("NYC", "300", "150")), 5, done.stdout)
        self.assertEqual(rows.count(("SF", "300", "150")), 5, done.stdout)
        self.assertIn("per_minute took 3000 rows", done.stdout)

    def test_a_c_program_embeds_a_graph_by_the_shared_library(self):
        program = self.dir / "count-shared"
        self.compile(GUIDES / "embedding/count.c", "-o", program, *self.pkg_config("--libs"))
        self.check_count(program)

    def test_a_c_program_embeds_a_graph_by_the_static_library(self):
        program = self.dir / "count-static"
        flags = [f for f in self.pkg_config("--libs", "--static") if f != "-lmillrace"]
        self.compile(
            GUIDES / "embedding/count.c", "-o", program, self.lib / "libmillrace.a", *flags
        )
        needed = run("ldd", program).stdout
        self.assertNotIn("libmillrace", needed)
        self.check_count(program)

    def test_a_cmake_project_finds_it_and_runs_an_operator_in_google_benchmark(self):
        if not list(pathlib.Path("/usr/lib").rglob("benchmarkConfig.cmake")):
            self.skipTest("libbenchmark-dev is not installed")
        out = self.dir / "cmake"
        found = f"-DCMAKE_PREFIX_PATH={self.prefix}"
        done = run("cmake", "-S", GUIDES / "embedding", "-B", out, found)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        done = run("cmake", "--build", out)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        done = run(out / "filter_bench", "--benchmark_min_time=0.02", env=self.env)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, r"BM_Filter .*items_per_second=")
        self.check_count(out / "count")

    def test_each_installed_header_compiles_alone(self):
        include = self.prefix / "include/millrace"
        headers = sorted(str(h.relative_to(include)) for h in include.rglob("*.h"))
        self.assertIn("millrace.h", headers)
        self.assertIn("millrace_stat.h", headers)
        self.assertIn("worker/ctx.h", headers)
        for header in headers:
            source = self.dir / "alone.c"
            source.write_text(f"#include <{header}>\n#include <{header}>\nint unused;\n")
            self.compile("-c", source, "-o", self.dir / "alone.o")

    def test_the_header_of_hosts_is_c_plus_plus_too(self):
        source = self.dir / "alone.cc"
        source.write_text("#include <millrace.h>\nint main() { return mr_version()[0] == 0; }\n")
        done = run("g++", "-std=c++17", "-Wall", "-Wextra", "-Werror", *self.cflags, source, "-o",
                   self.dir / "alone", *self.pkg_config("--libs"))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(run(self.dir / "alone", env=self.env).returncode, 0)

    def test_the_shared_library_shows_nothing_but_its_own_names(self):
        names = run("nm", "-D", "--defined-only", self.lib / "libmillrace.so").stdout
        shown = [line.split()[-1] for line in names.splitlines()]
        foreign = [n for n in shown if not n.startswith(("mr_", "MILLRACE_"))]
        self.assertEqual(foreign, [])
        self.assertIn("mr_graph_open@@MILLRACE_0", shown)

    # ---- observers ----

    def test_python_reads_a_graph_that_runs_and_one_that_was_killed(self):
        run_dir = self.dir / "run"
        run_dir.mkdir()
        library = self.lib / "libmillrace-stat.so.0"
        env = dict(self.env, MILLRACE_RUN_DIR=str(run_dir), MILLRACE_STAT_LIBRARY=str(library),
                   PYTHONPATH=str(self.prefix / "lib/python3/dist-packages"))
        graph = self.dir / "watched.yaml"
        graph.write_text(WATCHED_GRAPH)
        child = subprocess.Popen(
            [millrace.BUILD / "millrace", "run", "--quiet", graph], env=env, cwd=self.dir
        )
        try:
            done = run("python3", "-c", LOOK_AT_IT, child.pid, env=env)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        finally:
            child.kill()
            child.wait()
        done = run("python3", "-c", LOOK_AT_THE_DEAD, env=env)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    # ---- operator libraries ----

    def halve(self, name, change=lambda text: text, flags=()):
        folder = self.dir / name
        folder.mkdir(mode=0o755)
        source, library = folder / "halve.c", folder / "halve.so"
        source.write_text(change((GUIDES / "operator/halve.c").read_text()))
        self.compile("-shared", "-fPIC", *flags, source, "-o", library)
        library.chmod(0o755)
        return library

    def run_halved(self, library, rows=6):
        graph = self.dir / "halved.yaml"
        graph.write_text(HOST_GRAPH)
        text = "".join(f'{{"n":{n}}}\n' for n in range(rows))
        return run(
            millrace.BUILD / "millrace", "run", "--quiet", "--operators", library, graph, input=text
        )

    def test_an_operator_of_ten_lines_runs_in_the_program(self):
        done = self.run_halved(self.halve("good"))
        self.assertEqual(done.returncode, 0, done.stderr)
        kept = done.stdout.splitlines()
        self.assertEqual(kept, [f'{{"n":{n}}}' for n in (0, 2, 4)])

    def test_without_the_library_its_type_is_unknown(self):
        graph = self.dir / "halved.yaml"
        graph.write_text(HOST_GRAPH)
        done = run(millrace.BUILD / "millrace", "validate", graph)
        self.assertEqual(done.returncode, 78)
        self.assertIn("halve", done.stderr)

    def test_another_abi_is_refused_with_both_numbers(self):
        library = self.halve("abi", lambda text: text.replace("= MR_OP_ABI", "= 4711"))
        done = self.run_halved(library)
        self.assertEqual(done.returncode, 78)
        self.assertRegex(done.stderr, r"halve.* has ABI 4711, want \d+")
        self.assertEqual(done.stdout, "")

    def test_a_missing_symbol_is_refused_by_its_name(self):
        def rename(text):
            text = text.replace("mr_emit(", "mr_emit_nowhere(")
            return text.replace("struct halve {", "void mr_emit_nowhere();\nstruct halve {", 1)

        library = self.halve("symbol", rename)
        done = self.run_halved(library)
        self.assertEqual(done.returncode, 78)
        self.assertIn("mr_emit_nowhere", done.stderr)

    def test_a_library_without_its_export_is_refused(self):
        library = self.halve("export", lambda text: re.sub(r"MR_OP_LIBRARY\(.*\);", "", text),
                             ["-Wno-unused-const-variable", "-Wno-unused-variable"])
        done = self.run_halved(library)
        self.assertEqual(done.returncode, 78)
        self.assertIn("mr_op_library", done.stderr)

    def test_a_library_or_folder_that_others_can_write_is_refused(self):
        library = self.halve("writable")
        library.parent.chmod(0o777)
        done = self.run_halved(library)
        self.assertEqual(done.returncode, 77)
        self.assertIn("can be written by others", done.stderr)
        library.parent.chmod(0o755)
        library.chmod(0o775)
        self.assertEqual(self.run_halved(library).returncode, 77)
        library.chmod(0o755)
        self.assertEqual(self.run_halved(library).returncode, 0)


if __name__ == "__main__":
    millrace.main()

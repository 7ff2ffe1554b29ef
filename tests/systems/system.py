# SPDX-License-Identifier: Apache-2.0
"""A graph of configs/ run on its own generator with a seed, and the same events as `gen` writes
them, for a recount in plain Python."""

import json
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "sys"))
import millrace  # noqa: E402

START = "2025-10-13T00:00:00Z"
SEED = 7


def duckdb():
    """Python of build/duckdb, which has DuckDB; None: it cannot be installed."""
    python = millrace.ROOT / "build/duckdb/bin/python3"
    check = [python, "-c", "import duckdb"]
    if python.exists() and subprocess.run(check, capture_output=True).returncode == 0:
        return python
    try:
        subprocess.run([millrace.ROOT / "bench/duckdb/setup"], check=True, capture_output=True,
                       timeout=240)
    except (OSError, subprocess.CalledProcessError, subprocess.TimeoutExpired):
        return None
    return python


def window_of(text, length_s):
    """Start of the tumbling window that a timestamp lies in, seconds since the epoch."""
    return int(millrace.seconds(text) // length_s * length_s)


class System(millrace.Case):
    """Subclasses name the graph, its source, the generator and the time between two events."""

    graph = source = of = None
    step = "20ms"
    count = 100_000

    def events(self):
        result = self.millrace("gen", self.of, "--count", self.count, "--seed", SEED, "--clock",
                               f"{START},{self.step}", limit=240)
        self.assertEqual(result.code, 0, result.err)
        rows = result.lines()
        self.assertEqual(len(rows), self.count)
        return rows

    def run_graph(self, name="a", *more, env=None):
        """The rows of every file that the graph wrote, by name without its ending."""
        at = f"sources.{self.source}"
        result = self.millrace(
            "run", millrace.ROOT / "configs" / self.graph, "--seed", SEED, "--clock", "virtual",
            "--count", self.count, "--set", f"runtime.data_dir={self.dir / name}",
            "--set", f"{at}.clock.start={START}", "--set", f"{at}.clock.step={self.step}",
            "--set", f"{at}.rate=1M/s", "--summary", f"{name}.json", *more,
            env=dict(self.env, **(env or {})), limit=240)
        self.assertEqual(result.code, 0, result.err)
        self.assert_accounts(self.summary(f"{name}.json"))
        self.out = result.out
        files = {}
        for path in (self.dir / name).rglob("*.ndjson"):
            files[path.stem] = [json.loads(line) for line in path.read_text().splitlines()]
        return files

    def last_by(self, rows, *key):
        """The last row of each key: what a table would hold."""
        return {tuple(row[k] for k in key): row for row in rows}

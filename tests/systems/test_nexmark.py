#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The Nexmark graphs of configs/nexmark against DuckDB (from PyPI) over the same events."""

import collections
import json
import os
import subprocess
import sys

import system
from system import millrace

BENCH = millrace.ROOT / "bench/nexmark"
sys.path.insert(0, str(BENCH))
from queries import SQL  # noqa: E402

CONFIGS = sorted((millrace.ROOT / "configs/nexmark").glob("q*.yaml"))
START = "2025-10-13T07:59:00Z"
STEP_MS = 6
COUNT = 20_000  # two minutes
SEED = 11
TIMES = ("date_time", "window_start", "window_end", "start", "expires", "bid_date_time",
         "auction_date_time")

ONLY = os.environ.get("NEXMARK", "").split()  # queries that are run; none: all of them
# Queries whose graph writes a row again when it has changed: the last one of a key counts.
KEYS = {"q15": ("day",), "q16": ("channel", "day"), "q17": ("auction", "day"),
        "q18": ("bidder", "auction"), "q9": ("id",), "q19": ("auction", "rank_number")}


def micros(row):
    return {name: round(millrace.seconds(value) * 1e6) if name in TIMES and value else value
            for name, value in row.items()}


def whole(value):
    """A double without a fraction as the whole number as which it may be written."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def bag(rows):
    return collections.Counter(json.dumps({k: whole(v) for k, v in row.items()}, sort_keys=True)
                               for row in rows)


class Nexmark(millrace.Case):
    def ask_duckdb(self, names):
        """The answers of DuckDB to these queries, in their order."""
        python = system.duckdb()
        if not python:
            self.skipTest("DuckDB cannot be installed")
        text = ";;".join(SQL[name] for name in names)
        done = subprocess.run([python, BENCH / "in_duckdb.py", self.dir / "events.ndjson"],
                              input=text.encode(), capture_output=True, timeout=240)
        self.assertEqual(done.returncode, 0, done.stderr.decode()[-2000:])
        answers = [[]]
        for line in done.stdout.decode().splitlines():
            if line == "end":
                answers.append([])
            else:
                answers[-1].append(json.loads(line))
        return answers[:-1]

    def run_graph(self, config, workers):
        name = config.stem
        at = "sources.events"
        result = self.millrace(
            "run", config, "--quiet", "--clock", "virtual", "--seed", SEED, "--summary",
            self.dir / "summary.json", "--set", f"runtime.data_dir={self.dir}",
            "--set", f"runtime.workers.count={workers}", "--set", f"{at}.count={COUNT}",
            "--set", f"{at}.clock.start={START}", "--set", f"{at}.clock.step={STEP_MS}ms",
            cwd=millrace.ROOT)
        self.assertEqual((result.code, result.err), (0, ""), name)
        self.assert_accounts(self.summary())
        rows = [micros(row) for row in self.rows(f"nexmark/{name}.ndjson")]
        if name not in KEYS:
            return rows
        return list({tuple(row[k] for k in KEYS[name]): row for row in rows}.values())

    def test_each_graph_has_the_rows_of_its_query(self):
        self.assertEqual({config.stem for config in CONFIGS}, {f"q{n}" for n in range(23)})
        self.assertEqual({config.stem for config in CONFIGS}, set(SQL))
        made = self.millrace("gen", "nexmark", "--count", COUNT, "--seed", SEED, "--clock",
                             f"{START},{STEP_MS}ms", "--to", "events.ndjson")
        self.assertEqual(made.code, 0, made.err)
        for config, want in zip(CONFIGS, self.ask_duckdb([c.stem for c in CONFIGS]), strict=True):
            self.assertTrue(want, config.stem)
            if ONLY and config.stem not in ONLY:
                continue
            for workers in (1, 2):
                with self.subTest(query=config.stem, workers=workers):
                    got = self.run_graph(config, workers)
                    self.assertEqual(len(got), len(want))
                    names = list(want[0])
                    got = [{name: row[name] for name in names} for row in got]
                    missing, more = bag(want) - bag(got), bag(got) - bag(want)
                    self.assertEqual((list(missing)[:3], list(more)[:3]), ([], []))

    def test_each_graph_is_valid_without_warnings(self):
        for config in CONFIGS:
            result = self.millrace("validate", "--deny-warnings", config, cwd=millrace.ROOT)
            self.assertEqual((result.code, result.err), (0, ""), config)


if __name__ == "__main__":
    millrace.main()

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The Nexmark graphs of configs/nexmark against DuckDB (from PyPI) over the same events."""

import collections
import json
import pathlib
import subprocess

import system
from system import millrace

HERE = pathlib.Path(__file__).resolve().parent
CONFIGS = sorted((millrace.ROOT / "configs/nexmark").glob("q*.yaml"))
START = "2025-10-13T07:59:00Z"
STEP_MS = 6
COUNT = 20_000  # two minutes
SEED = 11
TIMES = ("date_time", "window_start", "window_end", "start", "expires")

# What each query says, in DuckDB's SQL; columns that are compared are those of the answer.
ORACLE = {
    "q0": "SELECT auction, bidder, price, date_time, extra FROM bid",
    "q1": "SELECT auction, bidder, CAST(0.908 AS DOUBLE) * price AS price, date_time, extra"
          " FROM bid",
    "q2": "SELECT auction, price FROM bid WHERE auction % 123 = 0",
    "q10": "SELECT auction, bidder, price, date_time, extra, strftime(date_time, '%Y-%m-%d') AS dt,"
           " strftime(date_time, '%H:%M') AS hm FROM bid",
    "q13": "SELECT b.auction, b.bidder, b.price, b.date_time, s.value FROM bid b JOIN"
           f" read_csv('{millrace.ROOT}/configs/nexmark/side-input.csv') s ON b.auction % 100 ="
           " s.slot",
    "q14": """SELECT auction, bidder, CAST(0.908 AS DOUBLE) * price AS price,
        CASE WHEN hour(date_time) BETWEEN 8 AND 18 THEN 'dayTime'
             WHEN hour(date_time) <= 6 OR hour(date_time) >= 20 THEN 'nightTime'
             ELSE 'otherTime' END AS bid_time_type, date_time, extra,
        len(regexp_replace(extra, '[^c]', '', 'g')) AS c_counts
        FROM bid WHERE 0.908 * price > 1000000 AND 0.908 * price < 50000000""",
    "q17": """SELECT auction, strftime(date_time, '%Y-%m-%d') AS day, count(*) AS total_bids,
        count(*) FILTER (WHERE price < 10000) AS rank1_bids,
        count(*) FILTER (WHERE price >= 10000 AND price < 1000000) AS rank2_bids,
        count(*) FILTER (WHERE price >= 1000000) AS rank3_bids, min(price) AS min_price,
        max(price) AS max_price, sum(price) / count(*) AS avg_price,
        CAST(sum(price) AS BIGINT) AS sum_price FROM bid GROUP BY ALL""",
    "q18": """SELECT bidder, auction, price, channel, url, date_time, extra FROM (SELECT *,
        row_number() OVER (PARTITION BY bidder, auction ORDER BY date_time DESC) AS n FROM bid)
        WHERE n = 1""",
    "q21": """SELECT auction, bidder, price, channel, channel_id FROM (SELECT *, CASE
        WHEN lower(channel) = 'apple' THEN '0' WHEN lower(channel) = 'google' THEN '1'
        WHEN lower(channel) = 'facebook' THEN '2' WHEN lower(channel) = 'baidu' THEN '3'
        WHEN url LIKE '%&channel_id=%' THEN split_part(url, '&channel_id=', 2) END AS channel_id
        FROM bid) WHERE channel_id IS NOT NULL""",
    "q22": """SELECT auction, bidder, price, channel, string_split(url, '/')[4] AS dir1,
        string_split(url, '/')[5] AS dir2, string_split(url, '/')[6] AS dir3 FROM bid""",
}
# Queries whose graph writes a row again when it has changed: the last one of a key counts.
KEYS = {"q17": ("auction", "day"), "q18": ("bidder", "auction")}


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
        text = ";;".join(ORACLE[name] for name in names)
        done = subprocess.run([python, HERE / "nexmark_duckdb.py", self.dir / "events.ndjson"],
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
        self.assertEqual({config.stem for config in CONFIGS}, set(ORACLE))
        made = self.millrace("gen", "nexmark", "--count", COUNT, "--seed", SEED, "--clock",
                             f"{START},{STEP_MS}ms", "--to", "events.ndjson")
        self.assertEqual(made.code, 0, made.err)
        for config, want in zip(CONFIGS, self.ask_duckdb([c.stem for c in CONFIGS]), strict=True):
            self.assertTrue(want, config.stem)
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

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Queries of the sql step give the rows that DuckDB gives for the same input."""

import collections
import json
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import system  # noqa: E402
from system import millrace  # noqa: E402

HEAD = """millrace: 1
graph: sql
runtime: { clock: virtual, workers: { count: WORKERS } }
events:
  city_event:
    format: json
    fields:
      city: { type: string }
      severity: { type: string, one_of: [low, medium, high, critical] }
      event_type: { type: string }
      timestamp: { type: timestamp }
    event_time: timestamp
sources:
  events: { type: file, path: events.ndjson, event: city_event }
  calls: { type: file, path: calls.ndjson, event: city_event }
steps:
"""
ROWS = {"events": (20000, 11, "100ms"), "calls": (1000, 12, "2s")}

# Windows as DuckDB has them: the start, from a length, and all starts of windows that overlap.
MINUTE = "time_bucket(INTERVAL '1 minute', timestamp)"
HOPS = "generate_series(0, 3)"

# A query, and what DuckDB is asked where that is not the same text.
QUERIES = {
    "where": ("SELECT upper(city) AS c, length(event_type) * 2 AS n FROM events "
              "WHERE severity IN ('high', 'critical') AND NOT city LIKE 'S%'", None),
    "tumble": (
        "SELECT window_start, city, count(*) AS n, count(*) FILTER (WHERE severity = 'low') AS low,"
        " count(DISTINCT event_type) AS kinds, min(severity) AS least, max(timestamp) AS last,"
        " avg(length(severity)) AS mean FROM events WHERE event_type <> 'weather' "
        "GROUP BY tumble(timestamp, INTERVAL '1 minute'), city HAVING count(*) > 60",
        f"SELECT {MINUTE} AS window_start, city, count(*) AS n,"
        " count(*) FILTER (WHERE severity = 'low') AS low, count(DISTINCT event_type) AS kinds,"
        " min(severity) AS least, max(timestamp) AS last, avg(length(severity)) AS mean "
        f"FROM events WHERE event_type <> 'weather' GROUP BY {MINUTE}, city HAVING count(*) > 60"),
    "hop": (
        "SELECT window_start, severity, sum(length(city)) AS s FROM events "
        "GROUP BY hop(timestamp, INTERVAL '15s', INTERVAL '1 minute'), severity",
        "SELECT time_bucket(INTERVAL '15 seconds', timestamp) - k * INTERVAL '15 seconds' AS "
        f"window_start, severity, sum(length(city)) AS s FROM events, {HOPS} AS g(k) "
        "GROUP BY 1, 2"),
    "session": (
        "SELECT window_start, city, severity, count(*) AS n FROM calls "
        "GROUP BY session(timestamp, INTERVAL '20 seconds'), city, severity",
        "SELECT min(timestamp) AS window_start, city, severity, count(*) AS n FROM ("
        " SELECT *, sum(CASE WHEN gap <= INTERVAL '20 seconds' THEN 0 ELSE 1 END) OVER "
        " (PARTITION BY city, severity ORDER BY timestamp) AS nr FROM ("
        "  SELECT *, timestamp - lag(timestamp) OVER (PARTITION BY city, severity "
        "  ORDER BY timestamp) AS gap FROM calls)) GROUP BY city, severity, nr"),
    "twice": (
        "WITH m AS (SELECT window_start, city, count(*) AS n FROM events "
        "GROUP BY tumble(timestamp, INTERVAL '1 minute'), city) "
        "SELECT window_start, max(n) AS most, min(n) AS least FROM m "
        "GROUP BY tumble(window_time, INTERVAL '5 minutes')",
        f"WITH m AS (SELECT {MINUTE} AS window_start, city, count(*) AS n FROM events "
        "GROUP BY 1, 2) SELECT time_bucket(INTERVAL '5 minutes', window_start) AS window_start,"
        " max(n) AS most, min(n) AS least FROM m GROUP BY 1"),
    "union": ("SELECT city AS what, 'c' AS kind FROM calls WHERE severity = 'low' UNION ALL "
              "SELECT event_type || '!', 'e' FROM events WHERE city = 'LA' UNION ALL "
              "SELECT x.city, x.severity FROM (SELECT city, severity FROM calls) AS x", None),
    "join": (
        "SELECT c.city, c.timestamp AS at, e.timestamp, e.severity || c.severity AS both "
        "FROM calls c JOIN events e ON c.city = e.city AND c.event_type <> e.event_type AND "
        "e.timestamp BETWEEN c.timestamp - INTERVAL '5 seconds' AND c.timestamp "
        "WHERE e.severity <> 'low'", None),
    "left_join": (
        "SELECT c.city, c.timestamp, e.timestamp AS other FROM calls c LEFT JOIN "
        "(SELECT city, timestamp FROM events WHERE severity = 'critical') AS e "
        "ON e.city = c.city AND e.timestamp >= c.timestamp "
        "AND e.timestamp < c.timestamp + INTERVAL '3 seconds'", None),
    "full_join": (
        "WITH a AS (SELECT window_start, city, count(*) AS n FROM events WHERE severity = 'high' "
        "AND city <> 'LA' GROUP BY tumble(timestamp, INTERVAL '10 seconds'), city), "
        "b AS (SELECT window_start, city, count(*) AS n FROM calls "
        "GROUP BY tumble(timestamp, INTERVAL '10 seconds'), city) "
        "SELECT a.n, b.n AS m, coalesce(a.city, b.city) AS city FROM a FULL JOIN b "
        "ON a.city = b.city AND a.window_start = b.window_start",
        "WITH a AS (SELECT time_bucket(INTERVAL '10 seconds', timestamp) AS window_start, city,"
        " count(*) AS n FROM events WHERE severity = 'high' AND city <> 'LA' GROUP BY 1, 2), "
        "b AS (SELECT time_bucket(INTERVAL '10 seconds', timestamp) AS window_start, city,"
        " count(*) AS n FROM calls GROUP BY 1, 2) "
        "SELECT a.n, b.n AS m, coalesce(a.city, b.city) AS city FROM a FULL JOIN b "
        "ON a.city = b.city AND a.window_start = b.window_start"),
    "top": (
        "SELECT window_start, city, n, place FROM (SELECT window_start, city, count(*) AS n, "
        "ROW_NUMBER() OVER (PARTITION BY window_start ORDER BY count(*) DESC, city) AS place "
        "FROM events GROUP BY tumble(timestamp, INTERVAL '1 minute'), city) WHERE place <= 3",
        "SELECT window_start, city, n, place FROM (SELECT window_start, city, n, "
        "ROW_NUMBER() OVER (PARTITION BY window_start ORDER BY n DESC, city) AS place "
        f"FROM (SELECT {MINUTE} AS window_start, city, count(*) AS n FROM events GROUP BY 1, 2)) "
        "WHERE place <= 3"),
    "first": (
        "SELECT city, severity, timestamp FROM (SELECT *, ROW_NUMBER() OVER ("
        "PARTITION BY city, severity ORDER BY timestamp) AS rn FROM calls) WHERE rn = 1", None),
    "distinct": ("SELECT DISTINCT event_type, severity FROM calls", None),
}
WITHIN = {"first", "distinct"}

IN_DUCKDB = """
import duckdb, json, sys
db = duckdb.connect()
db.execute("SET TimeZone = 'UTC'")
for name in "events", "calls":
    db.execute(f"CREATE TABLE {name} AS SELECT * FROM read_ndjson('{name}.ndjson', columns = "
               "{city: 'VARCHAR', severity: 'VARCHAR', event_type: 'VARCHAR', "
               "timestamp: 'TIMESTAMP'})")
answers = {}
for name, query in json.load(sys.stdin).items():
    rows = db.execute(query)
    names = [c[0] for c in rows.description]
    answers[name] = [dict(zip(names, row)) for row in rows.fetchall()]
json.dump(answers, sys.stdout, default=lambda v: v.isoformat())
"""


def plain(value):
    """A value as both sides can write it: times in microseconds, doubles to nine digits."""
    if isinstance(value, str) and len(value) > 18 and value[4] == "-" and value[10] == "T":
        return round(millrace.seconds(value if value.endswith("Z") else value + "Z") * 1e6)
    if not isinstance(value, float):
        return value
    return int(value) if value.is_integer() else round(value, 9)


def bag(rows):
    return collections.Counter(
        json.dumps({k: plain(v) for k, v in row.items()}, sort_keys=True) for row in rows)


class Sql(millrace.Case):
    maxDiff = None

    def make_rows(self):
        for name, (count, seed, step) in ROWS.items():
            made = self.millrace("gen", "city", "--count", count, "--seed", seed, "--clock",
                                 f"2025-10-13T00:00:00Z,{step}", "--to", f"{name}.ndjson")
            self.assertEqual(made.code, 0, made.err)

    def ask_duckdb(self):
        python = system.duckdb()
        if not python:
            self.skipTest("DuckDB cannot be installed")
        asked = {name: other or query for name, (query, other) in QUERIES.items()}
        done = subprocess.run([python, "-c", IN_DUCKDB], input=json.dumps(asked).encode(),
                              capture_output=True, timeout=240, cwd=self.dir)
        self.assertEqual(done.returncode, 0, done.stderr.decode()[-2000:])
        return json.loads(done.stdout)

    def test_each_query_gives_the_rows_of_duckdb(self):
        self.make_rows()
        want = self.ask_duckdb()
        steps = "".join(f"  q_{name}:\n    type: sql\n" +
                        ("    within: 365d\n" if name in WITHIN else "") +
                        f"    query: |\n      {query}\n" for name, (query, _) in QUERIES.items())
        sinks = "sinks:\n" + "".join(
            f"  o_{name}: {{ type: file, from: q_{name}, path: {name}.out }}\n" for name in QUERIES)
        for workers in 1, 2:
            self.write("g.yaml", HEAD.replace("WORKERS", str(workers)) + steps + sinks)
            result = self.millrace("run", "g.yaml", "--quiet", limit=240)
            self.assertEqual((result.code, result.err), (0, ""))
            for name in QUERIES:
                with self.subTest(query=name, workers=workers):
                    self.assertTrue(want[name])
                    got = bag(self.rows(f"{name}.out"))
                    more, less = got - bag(want[name]), bag(want[name]) - got
                    self.assertEqual((list(more)[:3], list(less)[:3]), ([], []))


if __name__ == "__main__":
    millrace.main()

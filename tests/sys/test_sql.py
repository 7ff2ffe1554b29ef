#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The sql step: what it becomes, that it gives the bytes of these steps, and what it refuses."""

import collections
import json
import re

import millrace

HEAD = """millrace: 1
graph: sql
runtime: { workers: { count: 1 }, clock: virtual }
sources:
  events: { type: generate, of: city, seed: 11, count: 20000, watermark: { delay: 20s },
            clock: { start: 2025-10-13T00:00:00Z, step: 100ms }, late: { share: 5%, by: 90s } }
  calls: { type: generate, of: city, seed: 12, count: 500, watermark: { delay: 20s },
           clock: { start: 2025-10-13T00:00:00Z, step: 4s } }
steps:
"""

# A query with the options beside it, and the steps that a user would write. NAME is the step's
# own; those before it are NAME_word where the query makes NAME.word.
SAME = {
    "where": (
        "SELECT * FROM events WHERE severity IN ('high', 'critical')", "",
        ["NAME: { type: filter, from: events, where: \"severity IN ('high', 'critical')\" }"]),
    "list": (
        "SELECT e.city, length(e.city) + 1 AS n FROM events AS e", "",
        ["NAME: { type: map, from: events, select: { city: city, n: length(city) + 1 } }"]),
    "adds": (
        "SELECT *, city || '-' || event_type AS id FROM events WHERE severity = 'low'", "",
        ["NAME_where: { type: filter, from: events, where: severity = 'low' }",
         "NAME: { type: map, from: NAME_where, set: { id: \"city || '-' || event_type\" } }"]),
    "tumble": (
        """SELECT window_start, window_end, city, count(*) AS n,
                  count(*) FILTER (WHERE severity IN ('high', 'critical')) AS severe,
                  max(timestamp) AS last_seen
           FROM events GROUP BY tumble(timestamp, INTERVAL '1 minute'), city""",
        "delay: 30s, emit: final",
        ["NAME: { type: window, from: events, window: { tumbling: 1m }, key: [city], delay: 30s,"
         " select: { n: count(*), severe: \"count(*) FILTER (WHERE severity IN ('high',"
         " 'critical'))\", last_seen: max(timestamp) } }"]),
    "having": (
        """SELECT city, count(*) AS n FROM events WHERE event_type <> 'weather'
           GROUP BY tumble(timestamp, INTERVAL '30s'), city, severity
           HAVING count(*) > 10 AND max(length(severity)) > 3""",
        "late: drop",
        ["NAME_where: { type: filter, from: events, where: event_type <> 'weather' }",
         "NAME_window: { type: window, from: NAME_where, window: { tumbling: 30s },"
         " key: [city, severity], late: drop,"
         " select: { n: count(*), having_max: max(length(severity)) } }",
         "NAME_having: { type: filter, from: NAME_window, where: n > 10 AND having_max > 3 }",
         "NAME: { type: map, from: NAME_having, select: { city: city, n: n } }"]),
    "keys": (
        """SELECT upper(event_type) AS kind, substring(city, 1, 2) AS "from", count(*)
           FROM events GROUP BY kind, 2""",
        "emit: complete, every: 1h",
        ["NAME_keys: { type: map, from: events,"
         " set: { kind: upper(event_type), from: \"substring(city, 1, 2)\" } }",
         "NAME: { type: group, from: NAME_keys, key: [kind, from], emit: complete, every: 1h,"
         " select: { count: count(*) } }"]),
    "same_name": (
        """SELECT lower(city) AS city, tumble_start(timestamp, INTERVAL '1m') AS minute,
                  count(city) * 2 + 1 AS n
           FROM events GROUP BY tumble(timestamp, INTERVAL '1m'), lower(city)""", "",
        ["NAME_keys: { type: map, from: events, set: { key_1: lower(city) } }",
         "NAME_window: { type: window, from: NAME_keys, window: { tumbling: 1m }, key: [key_1],"
         " select: { n: count(city) * 2 + 1 } }",
         "NAME: { type: map, from: NAME_window,"
         " select: { city: key_1, minute: window_start, n: n } }"]),
    "hop": (
        """SELECT window_start, window_end, city, count(DISTINCT severity) AS kinds FROM events
           GROUP BY HOP(timestamp, INTERVAL '15s', INTERVAL '1 minute'), city""", "",
        ["NAME: { type: window, from: events, window: { hopping: 1m, slide: 15s }, key: [city],"
         " select: { kinds: count(DISTINCT severity) } }"]),
    "cumulate": (
        """SELECT window_start, window_end, avg(length(city)) AS mean FROM events
           GROUP BY cumulate(timestamp, INTERVAL '20s', INTERVAL '1m')""", "",
        ["NAME: { type: window, from: events, window: { cumulating: 1m, step: 20s },"
         " select: { mean: avg(length(city)) } }"]),
    "twice": (
        """WITH minutes AS (
             SELECT window_start, city, count(*) AS n FROM events
             GROUP BY tumble(timestamp, INTERVAL '1m'), city)
           SELECT window_start, window_end, max(n) AS most FROM minutes m
           GROUP BY tumble(window_time, INTERVAL '5m')""", "delay: 40s, emit: update, late: drop",
        ["NAME_minutes_window: { type: window, from: events, window: { tumbling: 1m },"
         " key: [city], select: { n: count(*) }, delay: 40s, late: drop }",
         "NAME_minutes_select: { type: map, from: NAME_minutes_window,"
         " select: { window_start: window_start, city: city, n: n } }",
         "NAME: { type: window, from: NAME_minutes_select, window: { tumbling: 5m },"
         " select: { most: max(n) }, emit: update, late: drop }"]),
    "sub": (
        """SELECT x.city FROM (SELECT city, length(city) AS n FROM events
                               WHERE severity = 'high') AS x WHERE x.n > 5""", "",
        ["NAME_x_where: { type: filter, from: events, where: severity = 'high' }",
         "NAME_x_select: { type: map, from: NAME_x_where,"
         " select: { city: city, n: length(city) } }",
         "NAME_where: { type: filter, from: NAME_x_select, where: n > 5 }",
         "NAME: { type: map, from: NAME_where, select: { city: city } }"]),
    "union": (
        """SELECT city AS what, severity FROM events WHERE severity = 'low'
           UNION ALL SELECT event_type, severity FROM events""", "",
        ["NAME_left_where: { type: filter, from: events, where: severity = 'low' }",
         "NAME_left_select: { type: map, from: NAME_left_where,"
         " select: { what: city, severity: severity } }",
         "NAME_right_select: { type: map, from: events,"
         " select: { event_type: event_type, severity: severity } }",
         "NAME_left_columns: { type: map, from: NAME_left_select,"
         " select: { what: \"what || ''\", severity: severity } }",
         "NAME_right_columns: { type: map, from: NAME_right_select,"
         " select: { what: \"event_type || ''\", severity: severity } }",
         "NAME: { type: merge, from: [NAME_left_columns, NAME_right_columns] }"]),
    "first": (
        """SELECT * FROM (
             SELECT *, ROW_NUMBER() OVER (PARTITION BY city ORDER BY timestamp) AS rn FROM events)
           WHERE rn = 1 AND severity <> 'low'""", "within: 30s, delay: 1m",
        ["NAME_dedup: { type: dedup, from: events, key: [city], within: 30s, delay: 1m }",
         "NAME_rank: { type: map, from: NAME_dedup, set: { rn: 1 } }",
         "NAME: { type: filter, from: NAME_rank, where: severity <> 'low' }"]),
    "first_of": (
        """SELECT city, severity FROM (
             SELECT city, severity, ROW_NUMBER() OVER (PARTITION BY city ORDER BY timestamp) AS rn
             FROM events) AS e WHERE e.rn <= 1""", "within: 30s, late: drop",
        ["NAME_e_dedup: { type: dedup, from: events, key: [city], within: 30s, late: drop }",
         "NAME: { type: map, from: NAME_e_dedup, select: { city: city, severity: severity } }"]),
    "top": (
        """SELECT window_start, city, severity, n FROM (
             SELECT window_start, city, severity, count(*) AS n, ROW_NUMBER() OVER (
               PARTITION BY window_start, city ORDER BY count(*) DESC, severity) AS place
             FROM events GROUP BY tumble(timestamp, INTERVAL '1m'), city, severity) AS w
           WHERE place <= 2 AND city > 'D'""", "",
        ["NAME_w_window: { type: window, from: events, window: { tumbling: 1m },"
         " key: [city, severity], select: { n: count(*) } }",
         "NAME_w_top_n: { type: top_n, from: NAME_w_window, n: 2,"
         " order_by: 'n DESC, severity', key: [city] }",
         "NAME_w_select: { type: map, from: NAME_w_top_n, select: { window_start: window_start,"
         " city: city, severity: severity, n: n } }",
         "NAME: { type: filter, from: NAME_w_select, where: city > 'D' }"]),
    "places": (
        """WITH w AS (SELECT window_start, window_end, city, count(*) AS n FROM calls
                      GROUP BY tumble(timestamp, INTERVAL '1m'), city)
           SELECT * FROM (SELECT *, row_number() OVER (
             PARTITION BY window_start, window_end ORDER BY n DESC NULLS LAST, city) AS place
             FROM w) WHERE place < 4""", "",
        ["NAME_w_window: { type: window, from: calls, window: { tumbling: 1m },"
         " key: [city], select: { n: count(*) } }",
         "NAME: { type: top_n, from: NAME_w_window, n: 3, rank: place,"
         " order_by: 'n DESC NULLS LAST, city' }"]),
    "last_rows": (
        """SELECT * FROM (SELECT city, severity, timestamp, ROW_NUMBER() OVER (
             PARTITION BY city ORDER BY timestamp DESC) AS rn FROM calls) WHERE rn = 1""",
        "emit: update, every: 1m",
        ["NAME_top_n: { type: top_n, from: calls, key: [city], n: 1, rank: rn,"
         " order_by: timestamp DESC, emit: update, every: 1m }",
         "NAME: { type: map, from: NAME_top_n, select: { city: city, severity: severity,"
         " timestamp: timestamp, rn: rn } }"]),
    "distinct": (
        "SELECT DISTINCT city, severity FROM events", "within: 10s",
        ["NAME_select: { type: map, from: events, select: { city: city, severity: severity } }",
         "NAME: { type: dedup, from: NAME_select, key: [city, severity], within: 10s }"]),
    "interval_join": (
        """SELECT e.city, c.severity AS called, e.timestamp, c.timestamp AS at, length(description)
           FROM calls c JOIN (SELECT city, timestamp FROM events WHERE severity = 'low') AS e
             ON c.city = e.city AND e.timestamp BETWEEN c.timestamp - INTERVAL '5s'
                                                     AND c.timestamp + INTERVAL '1s'
                AND c.event_type <> 'weather'
           WHERE c.severity <> 'medium'""", "delay: 1m",
        ["NAME_e_where: { type: filter, from: events, where: severity = 'low' }",
         "NAME_e_select: { type: map, from: NAME_e_where,"
         " select: { city: city, timestamp: timestamp } }",
         "NAME_join: { type: join, left: calls, right: NAME_e_select, key: [city], delay: 1m,"
         " within: { before: 5s, after: 1s }, select: { c_city: left.city,"
         " severity: left.severity, c_timestamp: left.timestamp, description: left.description,"
         " event_type: left.event_type, e_city: right.city, e_timestamp: right.timestamp } }",
         "NAME_on: { type: filter, from: NAME_join, where: event_type <> 'weather' }",
         "NAME_where: { type: filter, from: NAME_on, where: severity <> 'medium' }",
         "NAME: { type: map, from: NAME_where, select: { city: e_city, called: severity,"
         " timestamp: e_timestamp, at: c_timestamp, length: length(description) } }"]),
    "left_join": (
        """SELECT * FROM calls LEFT JOIN (SELECT city AS town, timestamp FROM events) AS e
             ON town = city AND e.timestamp >= calls.timestamp
                AND e.timestamp < calls.timestamp + INTERVAL '2s' AND e.town > 'B'""", "",
        ["NAME_e_select: { type: map, from: events, select: { town: city, timestamp: timestamp } }",
         "NAME_e_on: { type: filter, from: NAME_e_select, where: town > 'B' }",
         "NAME_join: { type: join, left: calls, right: NAME_e_on, kind: left,"
         " key: { left: [city], right: [town] }, within: { before: 0s, after: 1999999us },"
         " select: { city: left.city, severity: left.severity, calls_timestamp: left.timestamp,"
         " description: left.description, event_type: left.event_type, town: right.town,"
         " e_timestamp: right.timestamp } }",
         "NAME: { type: map, from: NAME_join, select: { city: city, severity: severity,"
         " calls_timestamp: calls_timestamp, description: description, event_type: event_type,"
         " town: town, e_timestamp: e_timestamp } }"]),
    "window_join": (
        """WITH n AS (SELECT window_start, city, count(*) AS n FROM events
                      GROUP BY tumble(timestamp, INTERVAL '1m'), city),
                c AS (SELECT window_start, city, count(*) AS n FROM calls
                      GROUP BY tumble(timestamp, INTERVAL '1m'), city)
           SELECT n.window_start, n.city, n.n, c.n AS calls
           FROM n FULL JOIN c ON n.window_start = c.window_start AND n.city = c.city""", "",
        ["NAME_n_window: { type: window, from: events, window: { tumbling: 1m }, key: [city],"
         " select: { n: count(*) } }",
         "NAME_n_select: { type: map, from: NAME_n_window,"
         " select: { window_start: window_start, city: city, n: n } }",
         "NAME_c_window: { type: window, from: calls, window: { tumbling: 1m }, key: [city],"
         " select: { n: count(*) } }",
         "NAME_c_select: { type: map, from: NAME_c_window,"
         " select: { window_start: window_start, city: city, n: n } }",
         "NAME: { type: join, left: NAME_n_select, right: NAME_c_select, kind: full,"
         " key: [window_start, city], within: { before: 0s, after: 0s }, select: {"
         " window_start: left.window_start, city: left.city, n: left.n, calls: right.n } }"]),
    "tumble_join": (
        """SELECT c.city, c.severity, e.severity AS other FROM calls c
           JOIN (SELECT city, severity, timestamp FROM events WHERE severity = 'low') AS e
             ON tumble(c.timestamp, INTERVAL '2s') = tumble(e.timestamp, INTERVAL '2s')
                AND c.city = e.city""", "",
        ["NAME_e_where: { type: filter, from: events, where: severity = 'low' }",
         "NAME_e_select: { type: map, from: NAME_e_where,"
         " select: { city: city, severity: severity, timestamp: timestamp } }",
         "NAME: { type: join, left: calls, right: NAME_e_select, key: [city],"
         " window: { tumbling: 2s }, select: { city: left.city, severity: left.severity,"
         " other: right.severity } }"]),
    "session": (
        """SELECT session_start(timestamp, INTERVAL '10s') AS at, city, severity, count(*) AS n
           FROM calls GROUP BY session(timestamp, INTERVAL '10s'), city, severity""", "",
        ["NAME_window: { type: window, from: calls, window: { session: 10s },"
         " key: [city, severity], select: { n: count(*) } }",
         "NAME: { type: map, from: NAME_window,"
         " select: { at: window_start, city: city, severity: severity, n: n } }"]),
}

# What is refused: the query with a mark before the place, the code, and words of the message.
REFUSED = [
    ("SELECT city FROM events ~ORDER BY city", "MR2006", "ORDER BY without LIMIT"),
    ("SELECT city FROM events ~LIMIT 5", "MR2006", "LIMIT over a stream"),
    ("SELECT city FROM events ~ORDER BY city LIMIT 5", "MR2006", "ORDER BY ... LIMIT"),
    ("SELECT city, ~(SELECT 1) AS x FROM events", "MR2006", "a scalar subquery"),
    ("SELECT city FROM events WHERE ~EXISTS (SELECT 1)", "MR2006", "EXISTS"),
    ("SELECT city FROM events WHERE city ~IN (SELECT city FROM events)", "MR2006", "subquery"),
    ("SELECT ~rank() OVER (ORDER BY city) AS r FROM events", "MR2006", "window function rank"),
    ("SELECT ~count(*) AS n FROM events", "MR2011", "an aggregate without GROUP BY"),
    ("SELECT city FROM events WHERE ~count(*) > 1", "MR2011", "not possible in WHERE"),
    ("SELECT cuont(*) AS n FROM events GROUP BY city", None, None),
    ("SELECT city FROM ~evnets", "MR4002", "no source or step is named"),
    ("SELECT ~citty FROM events", "MR2002", "no column \"citty\""),
    ("SELECT ~x.city FROM events e", "MR2002", "no stream of this FROM is named"),
    ("SELECT city, ~severity, count(*) AS n FROM events GROUP BY city", "MR2012", "severity"),
    ("SELECT city FROM events ~UNION SELECT city FROM events", "MR2006", "UNION without ALL"),
    ("SELECT city FROM events ~INTERSECT SELECT city FROM events", "MR2006", "INTERSECT"),
    ("SELECT city FROM events UNION ALL SELECT ~length(city) AS n FROM events", "MR2018",
     "is string one_of(6) on the left and int64 on the right"),
    ("SELECT city FROM events ~UNION ALL SELECT city, severity FROM events", "MR2018",
     "1 and 2 columns"),
    ("SELECT city, severity AS ~city FROM events", "MR1011", "two columns are named"),
    ("SELECT ~length(city) + 1 FROM events", "MR2001", "needs a name"),
    ("SELECT city FROM events GROUP BY ~hop(timestamp, INTERVAL '1m'), city", "MR2004",
     "hop takes 3 arguments"),
    ("SELECT city FROM events GROUP BY tumble(timestamp, ~'1m'), city", "MR2005",
     "a constant interval"),
    ("SELECT city FROM events GROUP BY tumble(~city, INTERVAL '1m'), city", "MR4011",
     "not the event time"),
    ("SELECT city FROM events GROUP BY tumble(timestamp, INTERVAL '1m'), "
     "~tumble(timestamp, INTERVAL '2m')", "MR2006", "two windows"),
    ("SELECT ~DISTINCT city FROM events", "MR2020", "without end"),
    ("SELECT ~* FROM events GROUP BY city", "MR2012", "not possible with GROUP BY"),
    ("SELECT a.city FROM events a ~JOIN calls b ON a.city = b.city", "MR2020", "an unbounded join"),
    ("SELECT a.city FROM events a ~JOIN calls b ON a.city = b.city "
     "AND b.timestamp > a.timestamp", "MR2020", "an unbounded join"),
    ("SELECT a.city FROM events a ~CROSS JOIN calls b", None, None),
    ("SELECT a.city FROM events a JOIN calls b ON ~city = b.city", "MR2019", "several streams"),
    ("SELECT ~severity FROM events a JOIN calls b ON a.city = b.city "
     "AND a.timestamp = b.timestamp", "MR2019", "several streams"),
    ("SELECT a.city FROM events a LEFT JOIN calls b ON a.city = b.city "
     "AND a.timestamp = b.timestamp AND ~a.severity < b.severity", "MR2006", "beside key and time"),
    ("SELECT a.city FROM events a JOIN calls b ON a.city = b.city AND a.timestamp = b.timestamp "
     "~JOIN calls c ON a.city = c.city", "MR2006", "more than two streams"),
    ("SELECT a.city FROM events a ~NATURAL JOIN calls b", None, None),
    ("SELECT city FROM events, ~events e", "MR2006", "an unbounded join"),
    ("~WITH RECURSIVE a AS (SELECT city FROM events) SELECT city FROM a", "MR2006", "RECURSIVE"),
    ("SELECT city FROM events GROUP BY ~ROLLUP (city)", "MR2006", "ROLLUP"),
    ("~DELETE FROM events", "MR2006", "anything but SELECT"),
    ("SELECT city FROM ~WHERE", "MR2001", "is not understood from"),
    ("SELECT city FROM events WHERE ~length(city) > 'a'", "MR2007", "cannot compare"),
    ("SELECT city FROM events WHERE ~nothing(city) > 1", "MR2003", "nothing"),
    ("SELECT * FROM (SELECT *, ~ROW_NUMBER() OVER (PARTITION BY window_start ORDER BY severity) "
     "AS rn FROM events) WHERE rn <= 3", "MR2020", "not those of windows"),
    ("SELECT * FROM (SELECT *, ~ROW_NUMBER() OVER (PARTITION BY city) AS rn FROM events) "
     "WHERE rn <= 3", "MR2006", "without ORDER BY"),
    ("SELECT city, ~ROW_NUMBER() OVER (PARTITION BY city ORDER BY severity) AS rn FROM events",
     "MR2006", "the window function row_number"),
]


def blocks(text):
    """`show types` as a map of node: its lines, with the names of made steps as a user has them."""
    found, name = {}, None
    for line in text.splitlines()[1:]:
        line = re.sub(r"\bq_\w+(?:\.(?!errors|late|dead_letters)\w+)+",
                      lambda m: m.group().replace(".", "_"), line)
        if re.match(r"  \w", line):
            name = line.split()[0]
            found[name] = []
        found[name].append(line)
    return found


class Sql(millrace.Case):
    def graphs(self, tests):
        """The same graph with queries and with steps; both write NAME.ndjson in their folders."""
        as_sql, as_steps, sinks = "", "", "sinks:\n"
        for name, (query, options, steps) in tests.items():
            lines = "".join(f"      {line}\n" for line in query.splitlines())
            as_sql += f"  q_{name}:\n    type: sql\n    query: |\n{lines}"
            as_sql += "".join(f"    {o}\n" for o in options.split(", ") if o)
            as_steps += "".join(f"  {s}\n" for s in steps).replace("NAME", f"q_{name}")
            sinks += f"  o_{name}: {{ type: file, from: q_{name}, path: DIR/{name}.ndjson }}\n"
        for folder, steps in ("sql", as_sql), ("steps", as_steps):
            (self.dir / folder).mkdir()
            self.write(f"{folder}.yaml", HEAD + steps + sinks.replace("DIR", folder))

    def test_becomes_the_steps_and_gives_their_bytes(self):
        self.graphs(SAME)
        types = {}
        for graph in "sql", "steps":
            result = self.millrace("show", "types", f"{graph}.yaml")
            self.assertEqual((result.code, result.err), (0, ""))
            types[graph] = blocks(result.out)
            result = self.millrace("run", f"{graph}.yaml", "--quiet")
            self.assertEqual((result.code, result.err), (0, ""))
        self.maxDiff = None
        self.assertEqual(types["sql"], types["steps"])
        for name in SAME:
            of_sql = (self.dir / "sql" / f"{name}.ndjson").read_bytes()
            self.assertGreater(len(of_sql), 100, name)
            self.assertEqual(of_sql, (self.dir / "steps" / f"{name}.ndjson").read_bytes(), name)

    def test_counts_what_a_recount_of_the_rows_counts(self):
        self.write("g.yaml", HEAD + """  q:
    type: sql
    late: drop
    query: SELECT city, count(*) AS n, window_start AS at FROM events
           WHERE severity <> 'low'
           GROUP BY tumble(timestamp, INTERVAL '2m'), city HAVING count(*) > 100
sinks:
  all: { type: file, from: events, path: all.ndjson }
  out: { type: file, from: q, path: out.ndjson }
  rest: { type: null, from: calls }
""")
        result = self.millrace("run", "g.yaml", "--quiet")
        self.assertEqual(result.code, 0, result.err)
        counts, newest = collections.Counter(), 0
        for row in self.rows("all.ndjson"):
            at = millrace.seconds(row["timestamp"])
            start = at // 120 * 120
            late = start + 120 <= newest - 20
            newest = max(newest, at)
            if not late and row["severity"] != "low":
                counts[row["city"], start] += 1
        want = {key: n for key, n in counts.items() if n > 100}
        got = {(r["city"], millrace.seconds(r["at"])): r["n"] for r in self.rows("out.ndjson")}
        self.assertGreater(len(want), 20)
        self.assertEqual(got, want)

    def test_refuses_with_the_word_at_the_place(self):
        steps, want, line = "", [], HEAD.count("\n") + 1
        for i, (query, code, words) in enumerate(REFUSED):
            steps += f"  r{i}:\n    type: sql\n    query: |\n\n      {query.replace('~', '')}\n"
            if code:
                want.append((f"bad.yaml:{line + 4}:{7 + query.index('~')}: error[{code}]", words))
            line += 5
        names = ", ".join(f"r{i}" for i in range(len(REFUSED)))
        self.write("bad.yaml",
                   HEAD + steps + f"sinks: {{ o: {{ type: null, from: [{names}] }} }}\n")
        result = self.millrace("validate", "bad.yaml")
        self.assertEqual(result.code, 78)
        found = {line.split(": error[")[0]: line for line in result.err.splitlines()
                 if ": error[" in line}
        for start, words in want:
            place = start.split(": error[")[0]
            self.assertIn(place, found, f"{start} {words}\n{result.err}")
            self.assertIn(start, found[place])
            self.assertIn(words, found[place])

    def test_knows_its_options_and_outputs(self):
        query = "query: 'SELECT city, count(*) AS n FROM events GROUP BY {}city'"
        cases = [
            (query.format(""), "late: drop", "nothing that late would be for"),
            (query.format(""), "within: 5s", "nothing that within would be for"),
            (query.format(""), "from: other", "does not read other"),
            (query.format(""), "emit: final", "emit"),
            (query.format(""), "quest: 1", "unknown key"),
            ("query: SELECT city FROM events", "workers: 2", "no key"),
            (query.format("tumble(timestamp, INTERVAL '1m'), ".replace("'", "''")), "every: 1s",
             "every goes with emit"),
        ]
        for text, option, words in cases:
            self.write("g.yaml", HEAD + f"  q:\n    type: sql\n    {text}\n    {option}\n" +
                       "sinks: { o: { type: stdout, from: q } }\n")
            result = self.millrace("validate", "g.yaml")
            self.assertEqual(result.code, 78, option)
            self.assertIn(words, result.err, option)

    def test_has_its_outputs_in_the_tests_of_a_graph(self):
        self.write("g.yaml", HEAD + """  q:
    type: sql
    workers: 2
    query: SELECT city, count(*) AS n FROM events WHERE severity <> 'low'
           GROUP BY tumble(timestamp, INTERVAL '1m'), city
sinks: { o: { type: null, from: q } }
tests:
  - name: one late
    send:
      events:
        - &row { city: LA, severity: high, event_type: x, description: d,
                 timestamp: 2025-10-13T11:35:00Z }
        - { city: SF, severity: high, event_type: x, description: d,
            timestamp: 2025-10-13T11:30:00Z }
        - *row
        - { end: true }
    expect: { q: [{ city: LA, n: 2 }], q.late: [{ city: SF }], q.errors: { count: 0 } }
""")
        result = self.millrace("test", "g.yaml")
        self.assertEqual(result.code, 0, result.out + result.err)
        self.assertIn("1 passed, 0 failed", result.out + result.err)

    def test_gives_steps_names_that_observers_can_hold(self):
        name = "q" * 63
        query = ("SELECT city FROM (SELECT city, severity AS s FROM events WHERE city > 'B') "
                 f"AS {'y' * 60} WHERE s = 'low'")
        self.write("g.yaml", HEAD + f"  {name}:\n    type: sql\n    query: |\n      {query}\n"
                   f"sinks: {{ o: {{ type: null, from: {name} }} }}\n")
        drawn = json.loads(self.millrace("graph", "--format", "json", "g.yaml").out)
        names = [node["name"] for node in drawn["nodes"]]
        self.assertEqual(len(set(names)), 7, names)
        self.assertLessEqual(max(map(len, names)), 63, names)
        self.assertIn(name, names)

    def test_draws_the_steps_with_ids_that_other_programs_take(self):
        self.write("g.yaml", HEAD + "  q: { type: sql, query: SELECT city FROM events WHERE "
                   "severity = 'low' }\nsinks: { o: { type: null, from: q } }\n")
        dot = self.millrace("graph", "--format", "dot", "g.yaml").out
        self.assertIn('"events" -> "q.where";', dot)
        self.assertIn('"q.where" -> "q";', dot)
        mermaid = self.millrace("graph", "--format", "mermaid", "g.yaml").out
        self.assertIn("n_events --> n_q-where", mermaid)
        self.assertIn("n_q-where --> n_q", mermaid)

    def test_has_the_late_and_error_rows_of_all_its_steps(self):
        self.write("g.yaml", HEAD + """  q:
    type: sql
    query: |
      SELECT city, count(*) AS n, window_end, div(10, count(*) - count(*)) AS bad
      FROM (SELECT *, div(length(city), length(city) - 2) AS none FROM events) AS e
      WHERE none IS NOT NULL
      GROUP BY tumble(timestamp, INTERVAL '10s'), city
sinks:
  late: { type: file, from: q.late, path: late.ndjson }
  errors: { type: file, from: q.errors, path: errors.ndjson }
  out: { type: file, from: q, path: out.ndjson }
""")
        result = self.millrace("run", "g.yaml", "--quiet")
        self.assertEqual(result.code, 0, result.err)
        self.assertGreater(len(self.rows("late.ndjson")), 100)
        nodes = {row["node"] for row in self.rows("errors.ndjson")}
        self.assertEqual(nodes, {"q.e.select", "q.window"})
        self.assertEqual(self.rows("out.ndjson"), [])


if __name__ == "__main__":
    millrace.main()

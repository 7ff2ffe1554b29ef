#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Budgets of paths: checked at load, shown live and after the end, exported."""

import re

import millrace

GRAPH = """millrace: 1
graph: paced
sources:
  in: { type: generate, of: city, rate: 1k/s }
steps:
  severe: { type: filter, from: in, where: "severity = 'high'" }
sinks:
  all: { type: "null", from: in }
  some: { type: "null", from: severe }
budgets:
"""
WIDE = '  wide: { path: "in -> all", p50: 1h, p99.9: 2h }\n'
TIGHT = '  tight: { path: "in->some", p50: 1ns, max: 1h }\n'


class Budgets(millrace.Case):
    def run_graph(self, budgets):
        """What stat says of the running graph once rows have taken both paths."""
        self.write("g.yaml", GRAPH + budgets)
        self.start("run", "--quiet", "g.yaml")

        def look():
            result = self.millrace("stat", "paced", "--json")
            if result.code:
                return False
            self.stat = result.lines()[0]
            return all(p["latency_ns"]["count"] > 20 for p in self.stat["paths"])
        self.wait_for("rows on both paths", look)
        return self.stat

    def test_stat_says_which_are_met_and_by_how_much(self):
        stat = self.run_graph(WIDE + TIGHT)
        wide, tight = stat["budgets"]
        self.assertEqual((wide["name"], wide["from"], wide["to"], wide["met"]),
                         ("wide", "in", "all", True))
        self.assertGreater(wide["rows"], 20)
        self.assertEqual([(x["quantile"], x["limit_ns"]) for x in wide["limits"]],
                         [("p50", 3600 * 10**9), ("p99.9", 7200 * 10**9)])
        self.assertFalse(tight["met"])
        latency = next(p["latency_ns"] for p in stat["paths"] if p["to"] == "some")
        self.assertEqual([x["value_ns"] for x in tight["limits"]],
                         [latency["p50"], latency["max"]])

    def test_top_shows_the_missed_one(self):
        self.run_graph(WIDE + TIGHT)
        out = self.millrace("top", "paced", "--once").out
        self.assertRegex(out, r"BUDGET wide +in->all +met +p50 \S+ of \S+ +p99\.9 ")
        self.assertRegex(out, r"BUDGET tight +in->some +MISSED +p50 \S+ of 1ns")

    def test_metrics_have_limits_and_latencies(self):
        self.run_graph(TIGHT)
        out = self.millrace("metrics", "paced").out
        labels = r'graph="paced",budget="tight",path="in->some",quantile="p50"'
        self.assertRegex(out, r"(?m)^millrace_budget_limit_seconds\{" + labels + r"\} 1e-0?9$")
        self.assertGreater(float(re.search(
            r"(?m)^millrace_budget_latency_seconds\{" + labels + r"\} (\S+)$", out)[1]), 1e-9)

    def test_mistakes_are_told_at_their_place(self):
        for budget, place in (
                ('  b: { path: "in -> nowhere", p50: 1s }\n', 'MR4002.*to a sink "nowhere"'),
                ('  b: { path: "in", p50: 1s }\n', "MR1003.*SOURCE -> SINK"),
                ('  b: { path: "in -> all" }\n', "MR1005.*at least one of p50"),
                ('  b: { path: "in -> all", p75: 1s }\n', "MR1002.*p75"),
                ("  - 3\n", "MR1003.*map of name: budget")):
            self.write("g.yaml", GRAPH + budget)
            result = self.millrace("validate", "g.yaml")
            self.assertEqual(result.code, 78, budget)
            self.assertRegex(result.err, r"g\.yaml:1[01]:\d+: error\[" + place)


if __name__ == "__main__":
    millrace.main()

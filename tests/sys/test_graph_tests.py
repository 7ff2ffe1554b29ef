#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tests that stand in graph files: what `millrace test` runs, prints and writes."""

import xml.etree.ElementTree as ET

import millrace

GRAPH = """millrace: 1
graph: city
events:
  city_event:
    fields:
      city: { type: string }
      event_type: { type: string }
      severity: { type: string, one_of: [low, high] }
      weight: { type: double, default: 1.5 }
      tags: { type: list<string>, optional: true }
      timestamp: { type: timestamp }
    event_time: timestamp
sources:
  in: { type: file, path: not-there.ndjson, event: city_event, watermark: { delay: 10m } }
steps:
  severe: { type: filter, from: in, where: "severity = 'high'" }
  stamped: { type: map, from: in, select: { city: city, seen: now() } }
  counts:
    type: window
    from: in
    window: { tumbling: 5m }
    key: [city]
    select: { n: count(*), weight: sum(weight), kinds: collect_list(severity) }
  latest: { type: group, from: in, key: [city], select: { n: count(*) }, every: 10s }
sinks:
  out: { type: file, from: counts, path: out/counts.ndjson }
  alerts: { type: console, from: severe, every: 10s }
  at: { type: "null", from: stamped }
  newest: { type: "null", from: latest }
tests:
"""
ROW = "{ city: NYC, event_type: traffic, severity: %s, timestamp: 2025-10-13T11:%sZ }"
HIGH, LOW = ROW % ("high", "31:00"), ROW % ("low", "50:01")
LATE = ROW % ("low", "34:00")
WINDOW = "city: NYC, window_start: 2025-10-13T11:30:00Z, n: 1, weight: 1.5, kinds: [high]"


def test(name, send, expect, more=""):
    items = "".join(f"        - {item}\n" for item in send)
    head = f"  - name: {name}\n    clock: 2025-10-13T11:30:00Z\n{more}    send:\n      in:\n"
    return (head + items + "    expect:\n" + "".join(f"      {line}\n" for line in expect))


class GraphTests(millrace.Case):
    def run_tests(self, *tests, args=()):
        self.write("g.yaml", GRAPH + "".join(tests))
        result = self.millrace("test", "g.yaml", *args, limit=60)
        self.assertEqual({p.name for p in self.dir.iterdir()} - {"out.xml"}, {"g.yaml"},
                         "nothing of the graph is written")
        return result

    def passes(self, send, expect, more=""):
        result = self.run_tests(test("t", send, expect, more))
        self.assertEqual(result.code, 0, result.out + result.err)
        return result

    def fails(self, send, expect, more=""):
        result = self.run_tests(test("t", send, expect, more))
        self.assertEqual(result.code, 1, result.out + result.err)
        return result.out

    def test_a_window_that_its_rows_close_comes_out_and_no_other(self):
        self.passes([HIGH, LOW, LATE], [f"counts: [{{ {WINDOW} }}]", "severe: { count: 1 }",
                                        "counts.late: { count: 1 }", f"out: [{{ {WINDOW} }}]"])

    def test_at_the_end_of_all_sources_every_window_comes(self):
        self.passes([HIGH, LOW, "{ end: true }"], ["out: { count: 2 }"])

    def test_rows_may_come_in_any_order_but_all_are_needed(self):
        high2 = HIGH.replace("NYC", "LA")
        ny, la = "{ city: NYC, severity: high }", "{ city: LA }"
        self.passes([HIGH, high2], [f"severe: [{la}, {ny}]"])
        out = self.fails([HIGH, high2], [f"severe: [{ny}]"])
        self.assertIn("severe: 1 row expected, 2 came", out)
        self.assertRegex(out, r'\+ unexpected \{"city":"LA"')
        self.assertRegex(self.fails([HIGH], [f"severe: [{ny}, {la}]"]), r'- missing +\{"city":"LA"')

    def test_a_row_that_says_little_leaves_the_others_to_those_that_say_more(self):
        high2 = HIGH.replace("NYC", "LA")
        self.passes([HIGH, high2], ["severe: [{ severity: high }, { city: NYC }]"])
        self.fails([HIGH, high2], ["severe: [{ city: NYC }, { city: NYC }]"])

    def test_numbers_times_lists_and_null_are_compared_by_value(self):
        row = HIGH.replace("}", ", weight: 2, tags: [a, 'null', b] }")
        self.passes([row], ["severe: [{ weight: 2.0, tags: [a, 'null', b], "
                            "timestamp: '2025-10-13T11:31:00.000Z' }]"])
        self.passes([HIGH], ["severe: [{ tags: null, weight: 1.5 }]"])
        self.fails([row], ["severe: [{ tags: [a, b, 'null'] }]"])
        self.fails([row], ["severe: [{ weight: '2' }]"])
        self.fails([HIGH], ["severe: [{ tags: [] }]"])

    def test_the_clock_stands_until_it_is_advanced(self):
        self.passes([HIGH, "{ advance: 90s }", LOW],
                    ["stamped: [{ seen: 2025-10-13T11:30:00Z }, { seen: 2025-10-13T11:31:30Z }]"])

    def test_timers_fire_when_the_clock_passes_them(self):
        self.passes([HIGH, HIGH], ["newest: { count: 0 }"])
        self.passes([HIGH, HIGH, "{ advance: 10s }"], ["newest: [{ city: NYC, n: 2 }]"])
        self.passes([HIGH, "{ advance: 10s }", HIGH, "{ advance: 10s }"],
                    ["newest: [{ n: 1 }, { n: 2 }]"])

    def test_a_bad_line_is_a_dead_letter(self):
        self.passes([HIGH, '{ raw: "no json" }', HIGH],
                    ["in.errors: [{ code: MR3003, raw: no json, line: 2 }]",
                     "severe: { count: 2 }"])

    def test_without_a_clock_time_follows_the_rows(self):
        text = test("t", [HIGH, LOW], ["stamped: { count: 2 }", "counts: { count: 1 }"])
        result = self.run_tests(text.replace("    clock: 2025-10-13T11:30:00Z\n", ""))
        self.assertEqual(result.code, 0, result.out + result.err)

    def test_the_filter_picks_tests_and_junit_has_them(self):
        tests = (test("one good", [HIGH], ["severe: { count: 1 }"]),
                 test("one <bad>", [HIGH], ["severe: { count: 3 }"]))
        result = self.run_tests(*tests, args=("--junit", "out.xml"))
        self.assertEqual(result.code, 1)
        lines = result.out.splitlines()
        self.assertEqual(lines[:3], ["1..2", "ok 1 - one good", "not ok 2 - one <bad>"])
        suite = ET.parse(self.dir / "out.xml").getroot()
        self.assertEqual((suite.get("tests"), suite.get("failures")), ("2", "1"))
        self.assertEqual([c.get("name") for c in suite], ["one good", "one <bad>"])
        self.assertIn("severe: 3 rows expected, 1 came", suite[1][0].get("message"))
        self.assertEqual(self.run_tests(*tests, args=("--filter", "good")).code, 0)
        self.assertEqual(self.run_tests(*tests, args=("--filter", "none such")).code, 78)

    def test_a_failed_test_shows_the_dead_letters(self):
        out = self.fails([HIGH.replace("high", "none")], ["severe: { count: 1 }"])
        self.assertRegex(out, r'# dead letter: .*"MR3008".*found \\"none\\"')

    def test_the_tests_of_the_examples_pass(self):
        files = [p for p in sorted((millrace.ROOT / "configs").rglob("*.yaml"))
                 if "\ntests:\n" in p.read_text()]
        self.assertGreaterEqual(len(files), 6)
        result = self.millrace("test", *files)
        self.assertEqual(result.code, 0, result.out + result.err)

    def test_mistakes_are_found_by_validate_too(self):
        for send, expect, place in (
                ([HIGH], ["sever: { count: 1 }"], r'MR4002.*no node is named "sever"'),
                ([HIGH], ["severe.lat: { count: 1 }"], r'MR4002.*severe has no output "lat"'),
                ([HIGH], ["counts: [{ cities: 1 }]"], r'MR4011.*counts has no column "cities"'),
                ([HIGH], ["severe: 3"], r"MR1003.*a list of rows, or \{count: N\}"),
                (["{ advance: soon }"], ["severe: { count: 0 }"], r"MR1003.*advance takes a time"),
                (["7"], ["severe: { count: 0 }"], r"MR1003.*a row, \{raw")):
            self.write("g.yaml", GRAPH + test("t", send, expect))
            for verb in (("validate", "--no-inputs"), ("test",)):
                result = self.millrace(*verb, "g.yaml")
                self.assertEqual(result.code, 78, (verb, expect))
                self.assertRegex(result.err, r"g\.yaml:\d+:\d+: error\[" + place)

    def test_csv_sources_get_csv(self):
        text = (GRAPH.replace("    fields:", "    format: csv\n    fields:", 1)
                .replace("      tags: { type: list<string>, optional: true }\n", ""))
        rows = [HIGH.replace("NYC", "'a,\"b'"), "{ raw: 'x,y' }"]
        self.write("g.yaml", text + test("t", rows,
                                         ["severe: [{ city: 'a,\"b' }]",
                                          "in.errors: { count: 1 }"]))
        result = self.millrace("test", "g.yaml")
        self.assertEqual(result.code, 0, result.out + result.err)

    def test_a_generator_takes_rows_of_its_own_columns(self):
        text = GRAPH.replace("type: file, path: not-there.ndjson, event: city_event",
                             "type: generate, of: city")
        text = text.replace("weight: sum(weight), ", "")
        self.write("g.yaml", text + test("t", [HIGH, LOW, LATE], ["counts: [{ city: NYC, n: 1 }]"]))
        result = self.millrace("test", "g.yaml")
        self.assertEqual(result.code, 0, result.out + result.err)


if __name__ == "__main__":
    millrace.main()

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""merge, route, sample, throttle and quality in graphs, against a recount of the same events in
Python; and what they do while rows wait or the graph is drained."""

import collections
import signal

import millrace

COUNT = 8_000
CLOCK = "2025-10-13T00:00:00Z"
GRAPH = """millrace: 1
graph: flow
runtime: { workers: { count: WORKERS }, clock: virtual, data_dir: dataWORKERS }
sources:
  in: { type: generate, of: city, seed: 7, count: COUNT,
        clock: { start: 2025-10-13T00:00:00Z, step: 100ms } }
steps:
  parts:
    type: route
    from: in
    routes:
      critical: severity = 'critical'
      north: city IN ('Seattle', 'Boston')
      long: length(description) > 30 AND event_type <> 'weather'
  again: { type: merge, from: [parts.critical, parts.long] }
  some: { type: sample, from: in, share: 30%, key: [city, event_type] }
  other_some: { type: sample, from: again, share: 30%, key: [city, event_type] }
  any_some: { type: sample, from: in, share: 10% }
  slow: { type: throttle, from: in, rate: 3/s, excess: drop }
  judged:
    type: quality
    from: in
    every: 1m
    rules:
      not_critical: severity <> 'critical'
      short_description_or_far_away: length(description) < 30 OR city = 'LA'
      finite: 1 / (length(event_type) - 7) < 2
sinks:
  to_critical: { type: file, from: parts.critical, path: critical.ndjson }
  to_north: { type: file, from: parts.north, path: north.ndjson }
  to_rest: { type: file, from: parts.other, path: rest.ndjson }
  to_again: { type: file, from: again, path: again.ndjson }
  to_some: { type: file, from: some, path: some.ndjson }
  to_other_some: { type: file, from: other_some, path: other_some.ndjson }
  to_any_some: { type: file, from: any_some, path: any_some.ndjson }
  to_slow: { type: file, from: slow, path: slow.ndjson }
  to_good: { type: file, from: judged, path: good.ndjson }
  to_quarantine: { type: file, from: judged.quarantine, path: quarantine.ndjson }
  to_summary: { type: file, from: judged.summary, path: summary.ndjson }
"""
FILES = ("critical", "north", "rest", "again", "some", "other_some", "any_some", "slow", "good",
         "quarantine", "summary")
WAIT = """millrace: 1
graph: wait
runtime: { workers: { count: WORKERS }, data_dir: data }
sources: { in: { type: stdin, format: json, fields: { n: { type: int64 } } } }
steps: { slow: { type: throttle, from: in, rate: RATE } }
sinks: { out: { type: file, from: slow, path: out.ndjson } }
"""
KILLED = """millrace: 1
graph: killed
runtime: { workers: { count: 2 }, checkpoint: { dir: cut/checkpoints, interval: 50ms } }
sources:
  in: { type: generate, of: city, seed: 7, count: 30000, rate: 20k/s,
        clock: { start: 2025-10-13T00:00:00Z, step: 100ms } }
steps:
  some: { type: sample, from: in, share: 10% }
  judged: { type: quality, from: in, every: 100ms,
            rules: { calm: severity <> 'critical', here: city <> 'LA' } }
sinks:
  to_some: { type: file, from: some, path: "${data_dir}/some" }
  sums: { type: file, from: judged.summary, path: "${data_dir}/sums" }
"""


def bag(rows):
    return collections.Counter(tuple(sorted((k, str(v)) for k, v in row.items())) for row in rows)


class Flow(millrace.Case):
    def events(self):
        result = self.millrace("gen", "city", "--count", COUNT, "--seed", 7, "--clock",
                               f"{CLOCK},100ms")
        self.assertEqual(result.code, 0, result.err)
        return result.lines()

    def run_graph(self, workers):
        self.write("g.yaml", GRAPH.replace("WORKERS", str(workers)).replace("COUNT", str(COUNT)))
        result = self.millrace("run", "g.yaml", "--quiet", "--summary", "summary.json")
        self.assertEqual(result.code, 0, result.err)
        self.assert_accounts(self.summary())
        return {name: self.rows(f"{name}.ndjson") for name in FILES}

    def check_routes(self, events, out):
        want = collections.defaultdict(list)
        for e in events:
            if e["severity"] == "critical":
                want["critical"].append(e)
            elif e["city"] in ("Seattle", "Boston"):
                want["north"].append(e)
            elif len(e["description"]) > 30 and e["event_type"] != "weather":
                want["long"].append(e)
            else:
                want["rest"].append(e)
        for name in ("critical", "north", "rest"):
            self.assertGreater(len(want[name]), 500)
            self.assertEqual(out[name], want[name])
        self.assertEqual(bag(out["again"]), bag(want["critical"] + want["long"]))
        self.assertEqual(self.node(self.summary(), "parts")["rows_out"], COUNT)
        return want

    def check_samples(self, events, out, again):
        def key(e):
            return e["city"], e["event_type"]
        keys = {key(e) for e in out["some"]}
        self.assertTrue(2 <= len(keys) <= 14, keys)  # of 24
        self.assertEqual(out["some"], [e for e in events if key(e) in keys])
        # the same seed takes the same keys of another stream
        self.assertEqual(bag(out["other_some"]), bag(e for e in again if key(e) in keys))
        self.assertTrue(0.085 < len(out["any_some"]) / COUNT < 0.115)

    def check_throttle(self, events, out):
        want, credit, last = [], 1.0, None
        for e in events:
            at = round(millrace.seconds(e["timestamp"]) * 1e6)
            if last is not None:
                credit = min(credit + (at - last) * 3.0 / 1e6, 3.0)
            last = at
            if credit >= 1:
                credit -= 1
                want.append(e)
        self.assertEqual(out["slow"], want)
        self.assertAlmostEqual(len(want), COUNT // 10 * 3, delta=3)
        self.assertEqual(self.node(self.summary(), "slow")["dropped"], COUNT - len(want))

    def check_quality(self, events, out, data):
        good, bad, errors = [], [], 0
        sums = collections.defaultdict(lambda: dict.fromkeys(
            ("rows", "not_critical", "short_description_or_far_away", "finite"), 0))
        for e in events:
            minute = int(millrace.seconds(e["timestamp"])) // 60 * 60
            sums[minute]["rows"] += 1
            if len(e["event_type"]) == 7:
                errors += 1
                continue
            kept = {"not_critical": e["severity"] != "critical",
                    "short_description_or_far_away":
                        len(e["description"]) < 30 or e["city"] == "LA",
                    "finite": 1 / (len(e["event_type"]) - 7) < 2}
            broken = [name for name, ok in kept.items() if not ok]
            for name in broken:
                sums[minute][name] += 1
            if broken:
                bad.append(dict(e, rules=broken))
            else:
                good.append(e)
        self.assertTrue(good and bad and errors)
        self.assertEqual(out["good"], good)
        self.assertEqual(out["quarantine"], bad)
        got = {}
        for row in out["summary"]:
            start = int(millrace.seconds(row.pop("window_start")))
            self.assertEqual(millrace.seconds(row.pop("window_end")) - start, 60)
            self.assertNotIn(start, got)
            got[start] = row
        self.assertEqual(got, sums)
        node = self.node(self.summary(), "judged")
        self.assertEqual((node["dead_letters"], node["filtered"]), (errors, len(bad)))
        letters = self.rows(f"{data}/dead_letters/flow/judged.ndjson")
        self.assertEqual({row["code"] for row in letters}, {"MR3022"})
        self.assertEqual(len(letters), errors)

    def test_have_the_rows_of_a_recount_for_one_worker_and_two(self):
        events = self.events()
        for workers in (1, 2):
            with self.subTest(workers=workers):
                out = self.run_graph(workers)
                want = self.check_routes(events, out)
                self.check_samples(events, out, want["critical"] + want["long"])
                self.check_throttle(events, out)
                self.check_quality(events, out, f"data{workers}")

    def test_a_throttle_lets_its_rows_wait(self):
        rows = b"".join(b'{"n":%d}\n' % i for i in range(400))
        for workers in (1, 2):
            self.write("g.yaml", WAIT.replace("WORKERS", str(workers)).replace("RATE", "1k/s"))
            result = self.millrace("run", "g.yaml", "--quiet", "--summary", "summary.json",
                                   stdin=rows)
            self.assertEqual((result.code, result.err), (0, ""))
            self.assertEqual([row["n"] for row in self.rows("out.ndjson")], list(range(400)))
            # it cannot have been faster; the first row goes at once
            self.assertGreaterEqual(self.summary()["wall_ns"], 398_000_000)

    def test_a_drain_lets_waiting_rows_go_at_once(self):
        self.write("in.ndjson", "".join(f'{{"n":{i}}}\n' for i in range(200_000)))
        text = WAIT.replace("WORKERS", "2").replace("RATE", "1/s")
        self.write("g.yaml", text.replace("type: stdin,", "type: file, path: in.ndjson,"))
        child = self.start("run", "g.yaml", "--quiet", "--summary", "summary.json")
        self.wait_for("the first row", lambda: (self.dir / "out.ndjson").exists()
                      and (self.dir / "out.ndjson").stat().st_size > 0)
        child.send_signal(signal.SIGTERM)
        self.assertEqual(child.wait(timeout=60), 0, child.stderr.read())
        node = self.node(self.summary(), "slow")
        self.assertEqual(node["rows_in"], node["rows_out"])
        self.assertTrue(0 < node["rows_in"] < 200_000)
        self.assertEqual([row["n"] for row in self.rows("out.ndjson")],
                         list(range(node["rows_in"])))

    def test_lines_of_untyped_events_pass_as_they_are(self):
        lines = ['{"a":1,  "b":"x"}', '{"b":"y","c":[1,{"d":2}]}', '{"a":5}', '{"a":-3,"z":null}']
        self.write("g.yaml", """millrace: 1
graph: any
sources: { in: { type: stdin, format: json } }
steps:
  parts: { type: route, from: in, routes: { big: a > 3, small: a < 0 } }
  both: { type: merge, from: [parts.big, parts.other] }
  all: { type: throttle, from: both, rate: 1M/s }
  picked: { type: filter, from: all, where: "b IS NULL OR b <> 'y'" }
sinks:
  out: { type: file, from: all, path: out.ndjson }
  to_picked: { type: file, from: picked, path: picked.ndjson }
""")
        result = self.millrace("run", "g.yaml", "--quiet", stdin="\n".join(lines).encode())
        self.assertEqual((result.code, result.err), (0, ""))
        self.assertEqual(sorted((self.dir / "out.ndjson").read_text().splitlines()),
                         sorted(lines[:3]))
        self.assertEqual(sorted((self.dir / "picked.ndjson").read_text().splitlines()),
                         sorted([lines[0], lines[2]]))

    def test_a_killed_graph_goes_on_with_its_samples_and_counts(self):
        self.write("g.yaml", KILLED)
        result = self.millrace("run", "g.yaml", "--quiet", "--set", "runtime.data_dir=whole",
                               "--set", "runtime.checkpoint.dir=whole/checkpoints")
        self.assertEqual(result.code, 0, result.err)
        for _ in range(3):
            child = self.start("run", "g.yaml", "--quiet", "--set", "runtime.data_dir=cut")
            done = len(self.published())
            self.wait_for("another part", lambda: len(self.published()) > done)
            child.kill()
            child.wait()
        result = self.millrace("run", "g.yaml", "--quiet", "--set", "runtime.data_dir=cut")
        self.assertEqual(result.code, 0, result.err)
        self.assertEqual(self.parts("cut/some"), self.parts("whole/some"))
        for column in ("rows", "calm", "here"):
            cut, whole = (sum(row[column] for row in self.parts(f"{name}/sums"))
                          for name in ("cut", "whole"))
            self.assertEqual(cut, whole, column)
        self.assertEqual(sum(row["rows"] for row in self.parts("cut/sums")), 30_000)

    def published(self):
        return [p for p in (self.dir / "cut/some").glob("[!._]*")]

    def parts(self, folder):
        return [row for path in sorted((self.dir / folder).glob("[!._]*"))
                for row in self.rows(path)]

    def refused(self, steps, *says):
        head = "millrace: 1\ngraph: bad\nsources:\n  in: { type: generate, of: city, count: 1 }\n"
        tail = "\nsinks:\n  out: { type: stdout, from: op }\n"
        self.write("bad.yaml", head + "steps:\n" + steps + tail)
        result = self.millrace("validate", "bad.yaml")
        self.assertEqual(result.code, 78, result.out)
        for text in says:
            self.assertIn(text, result.err)

    def test_mistakes_are_said_with_their_place(self):
        self.refused("  m: { type: map, from: in, drop: [city] }\n"
                     "  op: { type: merge, from: [in, m] }",
                     "bad.yaml:7:28", "m has no column city", "MR4007")
        self.refused("  op: { type: route, from: in, routes: { errors: city = 'LA' } }",
                     "bad.yaml:6:42", "MR1008")
        self.refused("  op: { type: throttle, from: in, rate: 0/s, excess: wiat }",
                     "MR1004", "MR1007", '"wait"')
        self.refused("  op: { type: sample, from: in, share: 1.5, key: [ctiy] }", "MR1004")
        self.refused("  op: { type: quality, from: in, rules: { a: cty = 'x' } }",
                     "bad.yaml:6:46", 'did you mean "city"')


if __name__ == "__main__":
    millrace.main()

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Topics as sources and sinks of graphs: rows out as records, records in as rows, with what they
carry. The other side is always the verb `topic`, or plain Python."""

import collections
import datetime
import json
import signal
import subprocess
import time

import millrace

EVENT = """events:
  e: { fields: { id: { type: int64 }, k: { type: string }, t: { type: timestamp } }, event_time: t }
"""


def stamp(seconds):
    return "2025-10-13T%02d:%02d:%02dZ" % (11 + seconds // 3600, seconds // 60 % 60, seconds % 60)


class Graph(millrace.Case):
    def topic(self, *args, code=0, stdin=b""):
        result = self.millrace("topic", *args, stdin=stdin)
        self.assertEqual(result.code, code, (args, result.out[-500:], result.err))
        return result

    def produce(self, name, *lines, args=()):
        return self.topic("produce", name, *args, stdin=b"".join(x + b"\n" for x in lines))

    def fill(self, name, cnt, first=0, partitions=3):
        """Records id, k, t, keyed by k; one per second of event time."""
        if not (self.dir / f"millrace-data/topics/{name}.topic").exists():
            self.topic("create", name, "--partitions", partitions, "--sync", "never")
        rows = [{"id": i, "k": "k%d" % (i % 7), "t": stamp(i)} for i in range(first, first + cnt)]
        self.produce(name, *[("%s=%s" % (r["k"], json.dumps(r))).encode() for r in rows],
                     args=("--key-separator", "="))
        return rows

    def records(self, name):
        return self.topic("consume", name, "--from-beginning", "--until-end", "--json").lines()

    def graph(self, sources, sinks, steps="", more=EVENT, name="g.yaml"):
        steps = f"steps: {{ {steps} }}\n" if steps else ""
        self.write(name, f"millrace: 1\ngraph: g\n{more}sources: {{ {sources} }}\n{steps}"
                         f"sinks: {{ {sinks} }}\n")

    def run_graph(self, *args, code=0, name="g.yaml"):
        result = self.millrace("run", name, "--quiet", "--summary", "summary.json", *args)
        self.assertEqual(result.code, code, result.err)
        return result

    IN = "in: { type: topic, topic: a, event: e, until: end%s }"
    OUT = "out: { type: file, from: %s, path: out.ndjson }"


class Reading(Graph):
    def test_every_record_is_a_row_once_whatever_the_number_of_workers(self):
        want = self.fill("a", 5000)
        for workers in (1, 2, 5):
            self.graph(self.IN % f", workers: {workers}", self.OUT % "in")
            self.run_graph()
            got = sorted(self.rows("out.ndjson"), key=lambda r: r["id"])
            self.assertEqual(got, want)
            node = self.node(self.summary(), "in")
            self.assertEqual((node["rows_in"], node["rows_out"]), (5000, 5000))

    def test_windows_wait_for_every_partition(self):
        want = collections.Counter()
        for row in self.fill("a", 4000):
            want[row["t"][:16]] += 1
        self.graph(self.IN % ", workers: 2, watermark: {delay: 0s}", self.OUT % "by",
                   "by: { type: window, from: in, window: {tumbling: 1m}, key: [k], "
                   "select: {n: count(*)} }")
        self.run_graph()
        got = collections.Counter()
        for row in self.rows("out.ndjson"):
            got[row["window_start"][:16]] += row["n"]
        self.assertEqual(got, want)
        self.assertEqual(self.node(self.summary(), "by")["late"], 0)

    def test_a_row_has_its_records_offset_and_timestamp(self):
        self.fill("a", 300)
        self.graph(self.IN % "", self.OUT % "m",
                   "m: { type: map, from: in, select: "
                   "{ id: id, o: record_offset(), ms: unix_millis(ingest_time()) } }")
        self.run_graph()
        want = {json.loads(r["value"])["id"]: (r["offset"], r["timestamp"])
                for r in self.records("a")}
        self.assertEqual({r["id"]: (r["o"], r["ms"]) for r in self.rows("out.ndjson")}, want)

    def test_a_record_that_is_no_row_is_a_dead_letter_with_its_place(self):
        self.topic("create", "a", "--partitions", 2)
        good = b'{"id":%d,"k":"x","t":"2025-10-13T11:00:00Z"}'
        self.produce("a", good % 0, b"no json", good % 1, b"", b'{"id":1}{"id":2}', good % 2,
                     b'{"id":3,\xff}', good % 4, args=("--partition", 1))
        self.graph(self.IN % "", self.OUT % "in")
        self.run_graph()
        self.assertEqual([r["id"] for r in self.rows("out.ndjson")], [0, 1, 2, 4])
        letters = self.rows("millrace-data/dead_letters/g/in.ndjson")
        self.assertEqual([(x["source"], x["position"], x["code"]) for x in letters],
                         [("a-1", 1, "MR3003"), ("a-1", 3, "MR3003"), ("a-1", 4, "MR3003"),
                          ("a-1", 6, "MR3002")])
        self.assertEqual(letters[0]["raw"], "no json")
        self.assertNotIn("line", letters[0])
        self.assertIn("raw_base64", letters[3])
        node = self.node(self.summary(), "in")
        self.assertEqual((node["rows_in"], node["rows_out"], node["dead_letters"]), (8, 4, 4))

    def test_csv_values_are_decoded_one_by_one(self):
        self.topic("create", "a")
        self.produce("a", b"1,x,2025-10-13T11:00:00Z", b'2,"left open,2025-10-13T11:00:00Z',
                     b'3,"a ""quote""",2025-10-13T11:00:01Z')
        self.graph(self.IN % ", format: csv", self.OUT % "in")
        self.run_graph()
        self.assertEqual([(r["id"], r["k"]) for r in self.rows("out.ndjson")],
                         [(1, "x"), (3, 'a "quote"')])
        self.assertEqual(len(self.rows("millrace-data/dead_letters/g/in.ndjson")), 1)

    def test_it_starts_where_it_is_told(self):
        self.fill("a", 100, partitions=1)
        middle = self.records("a")[-1]["timestamp"] + 1
        self.wait_for("a later time", lambda: time.time() * 1000 > middle)
        self.fill("a", 20, first=100)
        at = datetime.datetime.fromtimestamp(middle / 1000, datetime.timezone.utc)
        for start, first in (("earliest", 0), ("{ offset: 90 }", 90),
                             ("{ timestamp: %s }" % at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"), 100)):
            with self.subTest(start):
                self.graph(self.IN % f", start: {start}", self.OUT % "in")
                self.run_graph()
                got = [r["id"] for r in self.rows("out.ndjson")]
                self.assertEqual(got, list(range(first, 120)))
        self.graph(self.IN % ", start: latest", self.OUT % "in")
        self.run_graph()
        self.assertEqual(self.rows("out.ndjson"), [])

    def test_it_follows_a_topic_that_another_process_writes(self):
        self.fill("a", 10)
        self.graph("in: { type: topic, topic: a, event: e, workers: 2 }", self.OUT % "in")
        child = self.start("run", "g.yaml", "--quiet", "--count", 60)
        self.wait_for("the graph", lambda: (self.run_dir / "g.sock").exists())
        for i in range(5):
            self.fill("a", 10, first=10 + i * 10)
        self.assertEqual(child.wait(30), 0, child.stderr.read())
        self.assertEqual(sorted(r["id"] for r in self.rows("out.ndjson")), list(range(60)))

    def test_a_trigger_reads_at_most_so_many_rows_at_a_time(self):
        self.fill("a", 2500)
        self.graph("in: { type: topic, topic: a, event: e, workers: 2, trigger: 200ms, "
                   "max_rows_per_trigger: 1000 }", self.OUT % "m",
                   "m: { type: map, from: in, set: { at: unix_millis(now()) } }")
        self.run_graph("--count", 2500)
        per = collections.Counter(r["at"] // 200 for r in self.rows("out.ndjson"))
        self.assertEqual(sum(per.values()), 2500)
        self.assertLessEqual(max(per.values()), 1000)
        self.assertGreaterEqual(len(per), 3)

    def test_a_group_goes_on_where_the_last_run_ended(self):
        self.fill("a", 100)
        self.graph(self.IN % ", group: g1", self.OUT % "in")
        self.run_graph()
        self.assertEqual(len(self.rows("out.ndjson")), 100)
        self.fill("a", 5, first=100)
        told = json.loads(self.topic("describe", "a", "--json").out)
        self.assertEqual(sum(g["lag"] for g in told["groups"]), 5)
        self.run_graph()
        self.assertEqual(sorted(r["id"] for r in self.rows("out.ndjson")), list(range(100, 105)))
        told = json.loads(self.topic("describe", "a", "--json").out)
        self.assertEqual(sum(g["lag"] for g in told["groups"]), 0)
        self.graph(self.IN % ", group: g2", self.OUT % "in")
        self.run_graph()
        self.assertEqual(len(self.rows("out.ndjson")), 105)

    def test_a_group_stays_where_it_was_after_a_kill(self):
        self.fill("a", 50)
        self.graph("in: { type: topic, topic: a, event: e, group: g }",
                   "out: { type: stdout, from: in }")
        child = self.start("run", "g.yaml", "--quiet")
        for _ in range(50):
            child.stdout.readline()
        child.kill()
        child.wait()
        self.graph(self.IN % ", group: g", self.OUT % "in")
        self.run_graph()
        self.assertEqual(len(self.rows("out.ndjson")), 50)

    def test_records_that_are_gone_stop_it_unless_it_may_go_on(self):
        self.fill("a", 100, partitions=1)
        self.topic("trim", "a", "--before", 40)
        self.graph(self.IN % ", start: { offset: 10 }", self.OUT % "in")
        self.assertIn("10", self.run_graph(code=1).err)
        self.graph(self.IN % ", start: { offset: 10 }, on_data_loss: continue", self.OUT % "in")
        self.run_graph()
        self.assertEqual([r["id"] for r in self.rows("out.ndjson")], list(range(40, 100)))

    def test_a_topic_that_is_not_there_is_an_error_with_its_place(self):
        self.graph(self.IN % "", self.OUT % "in")
        for verb in ("run", "validate"):
            result = self.millrace(verb, "g.yaml")
            self.assertEqual(result.code, 78)
            self.assertRegex(result.err + result.out, r"g\.yaml:\d+:\d+: error\[MR4013\]")
        self.assertEqual(self.millrace("validate", "g.yaml", "--no-inputs").code, 0)

    def test_lag_and_metrics_tell_how_far_it_is(self):
        self.fill("a", 70)
        self.graph("in: { type: topic, topic: a, event: e, trigger: 1h }", self.OUT % "in")
        child = self.start("run", "g.yaml", "--quiet")
        self.wait_for("the graph", lambda: (self.run_dir / "g.sock").exists())

        def told():
            sources = json.loads(self.millrace("lag", "g", "--json").out)["sources"]
            return [(s["next_offset"], s["lag_records"]) for s in sources if "next_offset" in s]
        self.wait_for("what is behind", lambda: sum(lag for _, lag in told()) == 70)
        self.assertEqual(len(told()), 3)
        self.assertRegex(self.millrace("lag", "g").out, r"in/1 .* 0 of \d+, \d+ behind")
        self.assertIn('millrace_source_partition_lag_records{', self.millrace("metrics", "g").out)
        child.send_signal(signal.SIGTERM)
        self.assertEqual(child.wait(30), 0)


class Writing(Graph):
    IN = "in: { type: stdin, event: e }"

    def write_rows(self, rows, out, code=0, args=()):
        self.graph(self.IN, f"out: {{ type: topic, from: in, topic: b{out} }}")
        data = "".join(json.dumps(r) + "\n" for r in rows).encode()
        result = self.millrace("run", "g.yaml", "--quiet", "--summary", "summary.json", *args,
                               stdin=data)
        self.assertEqual(result.code, code, result.err)
        return result

    ROWS = [{"id": i, "k": "k%d" % (i % 5), "t": stamp(i)} for i in range(2000)]

    def test_rows_are_records_in_the_partition_of_their_key(self):
        self.write_rows(self.ROWS, ", key: k, partitions: 4, sync: interval, compression: zstd")
        got = self.records("b")
        self.assertEqual(sorted((json.loads(r["value"]) for r in got), key=lambda r: r["id"]),
                         self.ROWS)
        self.assertTrue(all(r["key"] == json.loads(r["value"])["k"] for r in got))
        self.topic("create", "c", "--partitions", 4)
        self.produce("c", *[b"k%d=" % i for i in range(5)], args=("--key-separator", "="))
        where = {r["key"]: r["partition"] for r in self.records("c")}
        self.assertEqual({r["key"]: r["partition"] for r in got}, where)
        by_key = collections.defaultdict(list)
        for r in got:
            by_key[r["key"]].append(json.loads(r["value"])["id"])
        self.assertTrue(all(ids == sorted(ids) for ids in by_key.values()))
        node = self.node(self.summary(), "out")
        self.assertEqual((node["rows_in"], node["rows_out"], node["dropped"]), (2000, 2000, 0))
        self.topic("verify", "b")

    def test_a_topic_is_made_with_the_sinks_options_and_keeps_them(self):
        self.write_rows(self.ROWS[:10], ", partitions: 2, sync: never, compression: lz4, "
                                        "segment: 1MiB, retention: { age: 7d, size: 1GiB }")
        told = json.loads(self.topic("describe", "b", "--json").out)
        self.assertEqual((told["partition_count"], told["sync"], told["compression"],
                          told["segment_bytes"], told["retention_ms"], told["retention_bytes"]),
                         (2, "never", "lz4", 1 << 20, 7 * 86400000, 1 << 30))
        again = self.write_rows(self.ROWS[10:20], ", partitions: 3")
        self.assertIn("keeps what it was created with", again.err)
        self.assertEqual(len(self.records("b")), 20)

    def test_retention_takes_whole_segments(self):
        rows = [{"id": i, "k": "x" * 200, "t": stamp(i % 3600)} for i in range(3000)]
        self.write_rows(rows, ", segment: 64KiB, retention: { size: 128KiB }")
        self.write_rows(rows[:10], "")
        told = json.loads(self.topic("describe", "b", "--json").out)["partitions"][0]
        self.assertGreater(told["start"], 0)
        self.assertEqual(told["end"], 3010)
        self.assertEqual(self.records("b")[0]["offset"], told["start"])

    def test_keys_may_be_expressions_of_any_type(self):
        self.write_rows(self.ROWS[:3], ", key: \"id * 2\"")
        self.assertEqual([r["key"] for r in self.records("b")], ["0", "2", "4"])
        self.topic("delete", "b")
        self.write_rows(self.ROWS[:4], ", key: \"div(6, id - 1)\"")
        self.assertEqual([r["key"] for r in self.records("b")], ["-6", "6", "3"])
        letters = self.rows("millrace-data/dead_letters/g/out.ndjson")
        self.assertEqual(json.loads(letters[0]["row"])["id"], 1)
        node = self.node(self.summary(), "out")
        self.assertEqual((node["rows_in"], node["rows_out"], node["dead_letters"]), (4, 3, 1))

    def test_raw_values_are_texts(self):
        self.graph(self.IN, "out: { type: topic, from: m, topic: b, value: raw }",
                   "m: { type: map, from: in, select: { v: \"k || '!'\" } }")
        self.millrace("run", "g.yaml", "--quiet", stdin=json.dumps(self.ROWS[0]).encode())
        self.assertEqual([r["value"] for r in self.records("b")], ["k0!"])
        self.graph("in: { type: stdin }", "out: { type: topic, from: in, topic: c, key: k }",
                   more="")
        lines = b'{"k":"x",   "unknown": 1}\n'
        self.assertEqual(self.millrace("run", "g.yaml", "--quiet", stdin=lines).code, 0)
        self.assertEqual([(r["key"], r["value"]) for r in self.records("c")],
                         [("x", '{"k":"x",   "unknown": 1}')])

    def test_a_large_row_is_a_record(self):
        rows = [{"id": 1, "k": "a" * 900000, "t": stamp(0)},
                {"id": 2, "k": "\u0001" * 100000, "t": stamp(1)}]
        self.write_rows(rows, "")
        self.assertTrue([json.loads(r["value"]) for r in self.records("b")] == rows)

    def test_bad_options_are_refused_together(self):
        self.graph(self.IN, "out: { type: topic, from: in, topic: \"a/b\", sync_every: 5s }, "
                            "o2: { type: topic, from: in, topic: b, value: raw }, "
                            "o3: { type: topic, from: in, topic: c, create: never }, "
                            "o4: { type: topic, from: in, topic: b }")
        result = self.millrace("validate", "g.yaml")
        self.assertEqual(result.code, 78)
        for text in ("is no name of a topic", "sync_every goes with sync: interval",
                     "value: raw takes", "c", "writes topic b already"):
            self.assertIn(text, result.err + result.out)

    def test_another_writer_ends_75_with_its_pid(self):
        self.topic("create", "b")
        child = self.start("topic", "produce", "b", "--acked", "acked", stdin=subprocess.PIPE)
        child.stdin.write(b"one\n")
        child.stdin.flush()
        acked = self.dir / "acked"
        self.wait_for("an acknowledgement", lambda: acked.exists() and acked.read_text())
        self.assertIn(str(child.pid), self.write_rows(self.ROWS[:1], "", code=75).err)

    def test_what_a_killed_graph_had_written_is_whole(self):
        self.graph("in: { type: generate, of: city, rate: 50k/s }",
                   "out: { type: topic, from: in, topic: b, key: city, partitions: 2 }", more="")
        child = self.start("run", "g.yaml", "--quiet")
        self.wait_for("records", lambda: (self.dir / "millrace-data/topics/b.topic").exists()
                      and len(self.records("b")) > 1000)
        before = self.records("b")
        child.send_signal(signal.SIGKILL)
        child.wait()
        self.topic("verify", "b")
        after = {(r["partition"], r["offset"]): r["value"] for r in self.records("b")}
        self.assertTrue(all(after[r["partition"], r["offset"]] == r["value"] for r in before))


class Both(Graph):
    def test_a_graph_reads_the_topic_that_it_writes(self):
        self.write("g.yaml", f"""millrace: 1
graph: g
{EVENT}sources:
  raw: {{ type: file, event: e, path: in.ndjson }}
  back: {{ type: topic, topic: t, event: e }}
sinks:
  topic: {{ type: topic, from: raw, topic: t, partitions: 2, key: k, sync: never }}
  out: {{ type: file, from: back, path: out.ndjson }}
""")
        rows = [{"id": i, "k": "k%d" % (i % 5), "t": stamp(i)} for i in range(3000)]
        self.write("in.ndjson", "".join(json.dumps(r) + "\n" for r in rows))
        self.run_graph("--count", 6000)
        self.assertEqual(sorted(self.rows("out.ndjson"), key=lambda r: r["id"]), rows)

    def test_gen_fills_a_topic_that_a_graph_reads(self):
        self.topic("create", "city", "--partitions", 3, "--sync", "never")
        gen = subprocess.Popen([self.program(), "gen", "city", "--count", "5000"], cwd=self.dir,
                               stdout=subprocess.PIPE)
        done = subprocess.run([self.program(), "topic", "produce", "city"], stdin=gen.stdout,
                              cwd=self.dir, env=self.env, timeout=60)
        gen.stdout.close()
        self.assertEqual((gen.wait(), done.returncode), (0, 0))
        self.graph("in: { type: topic, topic: city, until: end }", self.OUT % "in", more="")
        self.run_graph()
        got = collections.Counter(json.dumps(r) for r in self.rows("out.ndjson"))
        want = collections.Counter(json.dumps(json.loads(r["value"])) for r in self.records("city"))
        self.assertEqual((got, sum(want.values())), (want, 5000))


if __name__ == "__main__":
    millrace.main()

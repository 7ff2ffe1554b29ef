#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The verbs of `millrace topic`, used as Kafka's tools are: what goes in comes out, what is
acknowledged stays, and every refusal has its exit code."""

import json
import os
import random
import re
import signal
import subprocess

import millrace


def murmur2(data):
    """Kafka's hash of a key, as its documentation of the algorithm has it."""
    m, mask = 0x5BD1E995, 0xFFFFFFFF
    h = (0x9747B28C ^ len(data)) & mask
    for i in range(0, len(data) - 3, 4):
        k = int.from_bytes(data[i:i + 4], "little") * m & mask
        k = (k ^ k >> 24) * m & mask
        h = (h * m & mask) ^ k
    rest = data[len(data) & ~3:]
    if rest:
        h = (h ^ int.from_bytes(rest, "little")) * m & mask
    h = (h ^ h >> 13) * m & mask
    return (h ^ h >> 15) & 0x7FFFFFFF


class Topic(millrace.Case):
    def topic(self, *args, code=0, stdin=b"", **kwargs):
        result = self.millrace("topic", *args, stdin=stdin, **kwargs)
        self.assertEqual(result.code, code, (args, result.out[-500:], result.err))
        return result

    def produce(self, name, *lines, args=(), code=0):
        data = b"".join(x + b"\n" for x in lines)
        return self.topic("produce", name, *args, stdin=data, code=code)

    def records(self, name, *args, code=0):
        result = self.topic("consume", name, "--from-beginning", "--until-end", "--json", *args,
                            code=code)
        return result.lines()

    def values(self, name, *args, code=0):
        return [r["value"] for r in self.records(name, *args, code=code)]

    def log(self, name, partition=0):
        return sorted((self.dir / f"millrace-data/topics/{name}-{partition}").glob("*.log"))[-1]


class Making(Topic):
    def test_a_second_create_says_that_it_already_exists(self):
        first = self.topic("create", "events", "--partitions", 3)
        self.assertIn("Created topic events", first.out)
        again = self.topic("create", "events", code=78)
        self.assertIn("already exists", again.err)
        again = self.topic("create", "events", "--if-not-exists")
        self.assertIn("already exists", again.err)
        self.assertEqual(self.topic("list").out, "events\n")
        listed = json.loads(self.topic("list", "--json").out)
        self.assertEqual(listed, {"topics": [{"topic": "events", "partitions": 3}]})

    def test_describe_tells_partitions_leader_offsets_and_lag(self):
        self.topic("create", "events", "--partitions", 2, "--sync", "never", "--compression", "lz4",
                   "--segment", "1MiB", "--retention", "24h", "--retention", "1GiB")
        self.produce("events", *[b"%d" % i for i in range(10)], args=("--partition", 1))
        self.topic("consume", "events", "--group", "g", "--from-beginning", "--max-messages", 4)
        text = self.topic("describe", "events").out
        self.assertRegex(text, r"Topic: events\tPartitionCount: 2\tReplicationFactor: 1\t")
        self.assertIn("sync=never,compression.type=lz4,segment.bytes=1048576,"
                      "retention.ms=86400000,retention.bytes=1073741824", text)
        self.assertRegex(text, r"Partition: 1\tLeader: 0\tReplicas: 0\tIsr: 0\t"
                               r"Offsets: 0-10\tSize: ")
        self.assertRegex(text, r"\tg +1 +4 +10 +6\n")
        told = json.loads(self.topic("describe", "events", "--json").out)
        self.assertEqual((told["partition_count"], told["replication_factor"]), (2, 1))
        self.assertEqual([(p["start"], p["end"]) for p in told["partitions"]], [(0, 0), (0, 10)])
        self.assertIn({"group": "g", "partition": 1, "offset": 4, "lag": 6}, told["groups"])

    def test_what_is_not_there_or_not_understood_is_refused(self):
        for args in (("consume", "nothing", "--until-end"), ("produce", "nothing"),
                     ("describe", "nothing"), ("verify", "nothing"), ("delete", "nothing")):
            with self.subTest(args):
                self.assertIn("nothing", self.topic(*args, code=78).err)
        self.topic("create", "../x", code=78)
        for args in ((), ("explode",), ("create",), ("create", "a", "--partitions", "0"),
                     ("create", "a", "--acked", "f"), ("consume", "a", "--start", "offset:x"),
                     ("consume", "a", "--print", "colour")):
            with self.subTest(args):
                self.topic(*args, code=64)

    def test_trim_and_delete_take_records_away(self):
        self.topic("create", "a")
        self.produce("a", *[b"%d" % i for i in range(10)])
        self.topic("trim", "a", "--before", 4)
        self.assertEqual(self.values("a"), [str(i) for i in range(4, 10)])
        self.assertIn("4", self.topic("consume", "a", "--start", "offset:2", "--until-end",
                                      code=65).err)
        kept = self.topic("consume", "a", "--start", "offset:2", "--until-end", "--on-data-loss",
                          "continue")
        self.assertEqual(kept.out.split(), [str(i) for i in range(4, 10)])
        self.produce("a", b"10")
        self.assertEqual(self.records("a")[-1]["offset"], 10)
        self.topic("delete", "a")
        self.assertEqual(self.topic("list").out, "")

    def test_a_topic_made_again_is_new_to_its_groups(self):
        self.topic("create", "a")
        self.produce("a", *[b"%d" % i for i in range(5)])
        read = ("consume", "a", "--group", "g", "--start", "earliest", "--until-end")
        self.assertEqual(self.topic(*read).out.split(), ["0", "1", "2", "3", "4"])
        self.topic("delete", "a")
        self.topic("create", "a")
        self.produce("a", b"x", b"y")
        self.assertEqual(self.topic(*read).out.split(), ["x", "y"])

    def test_perf_measures_appends(self):
        told = json.loads(self.topic("perf", "p", "--records", 20000, "--size", 100, "--sync",
                                     "never", "--json").out)
        self.assertEqual((told["records"], told["bytes"], told["sync"]), (20000, 2000000, "never"))
        self.assertGreater(told["records_per_s"], 0)
        self.assertEqual(len(self.records("p")), 20000)


class Producing(Topic):
    def test_keys_values_and_headers_come_out_as_they_went_in(self):
        self.topic("create", "a")
        self.produce("a", b"k1:v1", b"no separator", b":empty key", b"empty value:", b"k:a:b",
                     b"\xff\xfe:\x01\"", b"", args=("--key-separator", ":"))
        got = [(r["key"], r["value"]) if "key" in r else (r["key_base64"], r["value"])
               for r in self.records("a")]
        self.assertEqual(got, [("k1", "v1"), (None, "no separator"), ("", "empty key"),
                               ("empty value", ""), ("k", "a:b"), ("//4=", "\x01\""), (None, "")])
        self.topic("create", "h")
        self.produce("h", b"a:1,b:x:y\tk=v", b"\tk=no headers",
                     args=("--headers", "--key-separator", "="))
        got = [([(h["name"], h["value"]) for h in r["headers"]], r["key"], r["value"])
               for r in self.records("h")]
        self.assertEqual(got, [([("a", "1"), ("b", "x:y")], "k", "v"), ([], "k", "no headers")])
        shown = self.topic("consume", "h", "--from-beginning", "--until-end", "--print",
                           "headers,key")
        self.assertEqual(shown.out, "a:1,b:x:y\tk\tv\nNO_HEADERS\tk\tno headers\n")
        self.assertIn("line 1", self.produce("h", b"no tab", args=("--headers",), code=65).err)

    def test_a_key_lands_where_kafka_puts_it(self):
        self.topic("create", "a", "--partitions", 5)
        keys = [("key-%d" % i * (i % 4 + 1)).encode() for i in range(200)]
        self.produce("a", *[k + b"=v" for k in keys], args=("--key-separator", "="))
        got = {r["key"].encode(): r["partition"] for r in self.records("a")}
        self.assertEqual(got, {k: murmur2(k) % 5 for k in keys})

    def test_every_line_is_acknowledged_once_with_its_place(self):
        for sync in ("always", "interval", "never"):
            self.topic("create", sync, "--partitions", 3, "--sync", sync, "--compression", "zstd")
            self.produce(sync, *[b"%d" % i for i in range(5000)], args=("--acked", "acked-" + sync))
            acked = [tuple(map(int, line.split()))
                     for line in (self.dir / ("acked-" + sync)).read_text().splitlines()]
            self.assertEqual(sorted(line for line, _, _ in acked), list(range(1, 5001)))
            places = {(r["partition"], r["offset"]): r["value"] for r in self.records(sync)}
            self.assertEqual(places, {(p, o): str(line - 1) for line, p, o in acked})

    def test_a_repeated_line_of_a_producer_is_not_appended_again(self):
        self.topic("create", "a", "--partitions", 3)
        lines = [b"%d=%d" % (i % 7, i) for i in range(300)]
        args = ("--key-separator", "=", "--producer-id", 42)
        self.produce("a", *lines[:200], args=args)
        again = self.produce("a", *lines, args=(*args, "--acked", "acked"))
        self.assertIn("200 of 300 lines were there already", again.err)
        self.assertEqual(sorted(map(int, self.values("a"))), list(range(300)))
        self.assertEqual(len((self.dir / "acked").read_text().splitlines()), 300)
        self.produce("a", *lines, args=("--key-separator", "=", "--producer-id", 43))
        self.assertEqual(len(self.values("a")), 600)

    def test_a_second_writer_is_refused_with_the_pid_of_the_first(self):
        self.topic("create", "a")
        child = self.start("topic", "produce", "a", "--acked", "acked", stdin=subprocess.PIPE)
        child.stdin.write(b"one\n")
        child.stdin.flush()
        acked = self.dir / "acked"
        self.wait_for("an acknowledgement", lambda: acked.exists() and acked.read_text())
        self.assertIn(str(child.pid), self.produce("a", b"two", code=75).err)
        self.topic("delete", "a", code=75)
        self.assertEqual(self.values("a"), ["one"])  # readers are welcome
        self.topic("verify", "a")
        child.stdin.close()
        self.assertEqual(child.wait(30), 0)
        self.produce("a", b"two")
        self.assertEqual(self.values("a"), ["one", "two"])

    def test_what_was_acknowledged_outlives_kill_9(self):
        rng = random.Random(5)
        self.topic("create", "a", "--partitions", 2)
        for n in range(5):
            name = f"acked-{n}"
            child = self.start("topic", "produce", "a", "--acked", name, stdin=subprocess.PIPE)
            lines = b"".join(b"%d-%d\n" % (n, i) for i in range(20000))
            try:
                child.stdin.write(lines[:rng.randrange(len(lines) // 2, len(lines))])
                child.stdin.flush()
            except BrokenPipeError:
                self.fail("the producer is gone")
            acked = self.dir / name
            self.wait_for("acknowledgements", lambda: acked.exists() and acked.stat().st_size > 100)
            child.kill()
            child.wait()
            places = {(r["partition"], r["offset"]): r["value"] for r in self.records("a")}
            whole = acked.read_text().rpartition("\n")[0].splitlines()
            for line, partition, offset in (map(int, x.split()) for x in whole):
                self.assertEqual(places.get((partition, offset)), f"{n}-{line - 1}")
            self.topic("verify", "a")


class Consuming(Topic):
    def test_it_begins_and_ends_where_it_is_told(self):
        self.topic("create", "a")
        self.produce("a", *[b"%d" % i for i in range(10)])
        stamps = [r["timestamp"] for r in self.records("a")]
        later = self.topic("consume", "a", "--start", f"timestamp:{stamps[-1] + 1}", "--until-end")
        self.assertEqual(later.out, "")
        self.produce("a", b"10", b"11")
        result = self.topic("consume", "a", "--start", "offset:8", "--until-end", "--print",
                            "offset,key")
        self.assertEqual(result.out, "8\tnull\t8\n9\tnull\t9\n10\tnull\t10\n11\tnull\t11\n")
        self.assertEqual(result.err.splitlines()[-1], "Processed a total of 4 messages")
        first = self.topic("consume", "a", "--from-beginning", "--max-messages", 3)
        self.assertEqual((first.out, first.err), ("0\n1\n2\n", "Processed a total of 3 messages\n"))
        self.assertEqual(self.topic("consume", "a", "--until-end").out, "")  # latest
        since = self.topic("consume", "a", "--start", f"timestamp:{stamps[0]}", "--until-end")
        self.assertEqual(since.out.split()[0], "0")
        self.topic("consume", "a", "--start", "offset:99", "--until-end", code=65)

    def test_it_follows_what_is_produced_meanwhile(self):
        self.topic("create", "a", "--partitions", 2)
        reader = self.start("topic", "consume", "a", "--from-beginning", "--max-messages", 50)
        for i in range(5):
            self.produce("a", *[b"%d" % (i * 10 + k) for k in range(10)])
        out, err = reader.communicate(timeout=30)
        self.assertEqual(sorted(map(int, out.split())), list(range(50)))
        self.assertEqual(err.decode().splitlines()[-1], "Processed a total of 50 messages")

    def test_where_looks_into_values(self):
        self.topic("create", "a")
        self.produce("a", b'{"severity":"critical","n":1}', b'{"severity":"low","n":2}', b"no json",
                     b'{"severity":"critical","n":3}')
        result = self.topic("consume", "a", "--from-beginning", "--max-messages", 2, "--where",
                            "severity = 'critical'")
        self.assertEqual([json.loads(x)["n"] for x in result.out.splitlines()], [1, 3])
        wrong = self.topic("consume", "a", "--where", "severity >", code=78)
        self.assertIn("--where:1:", wrong.err)

    def test_a_group_goes_on_without_repeats_after_a_clean_end(self):
        self.topic("create", "a", "--partitions", 3)
        self.produce("a", *[b"%d" % i for i in range(100)])
        got = []
        for n in (7, 30, 1):
            got += self.topic("consume", "a", "--group", "g", "--from-beginning", "--max-messages",
                              n).out.split()
        reader = self.start("topic", "consume", "a", "--group", "g", "--from-beginning")
        seen = [reader.stdout.readline() for _ in range(62)]
        reader.send_signal(signal.SIGTERM)
        out, err = reader.communicate(timeout=30)
        self.assertEqual((reader.returncode, err.decode().splitlines()[-1]),
                         (0, "Processed a total of 62 messages"))
        got += [x.decode().strip() for x in seen] + out.decode().split()
        self.assertEqual(sorted(map(int, got)), list(range(100)))
        self.assertEqual(self.topic("consume", "a", "--group", "g", "--until-end").out, "")

    def test_a_group_has_no_gaps_after_a_kill(self):
        self.topic("create", "a", "--partitions", 3)
        self.produce("a", *[b"%d" % i for i in range(30000)])
        got, rng = [], random.Random(11)
        for n in range(4):
            reader = self.start("topic", "consume", "a", "--group", "g", "--from-beginning",
                                "--until-end")
            lines = [reader.stdout.readline() for _ in range(rng.randrange(5000))]
            reader.kill()
            rest = reader.stdout.read()
            reader.wait()
            got += [int(x) for x in lines if x.endswith(b"\n")]
            got += [int(x) for x in rest.split(b"\n")[:-1]]
        got += map(int, self.topic("consume", "a", "--group", "g", "--from-beginning",
                                   "--until-end").out.split())
        self.assertEqual(sorted(set(got)), list(range(30000)))

    def test_two_consumers_of_one_group_are_refused(self):
        self.topic("create", "a")
        self.produce("a", b"1")
        reader = self.start("topic", "consume", "a", "--group", "g", "--from-beginning")
        self.assertEqual(reader.stdout.readline(), b"1\n")
        self.assertIn(str(reader.pid), self.topic("consume", "a", "--group", "g", code=75).err)
        reader.send_signal(signal.SIGINT)
        self.assertEqual(reader.wait(30), 0)


class Checking(Topic):
    def test_damage_ends_65_with_file_and_byte(self):
        self.topic("create", "a", "--partitions", 2)
        self.produce("a", *[b"value %d" % i for i in range(100)], args=("--partition", 1))
        self.produce("a", *[b"later %d" % i for i in range(100)], args=("--partition", 1))
        self.assertIn("a-1: 1 segments, 2 batches, 200 records 0 to 200", self.topic("verify").out)
        log = self.log("a", 1)
        data = bytearray(log.read_bytes())
        second = 12 + int.from_bytes(data[8:12], "big")
        data[second + 80] ^= 1
        log.write_bytes(data)
        told = self.topic("verify", "a", code=65)
        self.assertIn(f"{log.name}:{second}: damage", told.out)
        found = json.loads(self.topic("verify", "a", "--partition", 1, "--json", code=65).out)
        self.assertEqual((found["damage"], found["findings"][0]["byte"]), (1, second))
        result = self.topic("consume", "a", "--from-beginning", "--until-end", code=65)
        self.assertEqual(result.out.split("\n")[:-1], ["value %d" % i for i in range(100)])
        self.assertIn(f"{log.name}", result.err)
        self.assertIn("Processed a total of 100 messages", result.err)
        self.produce("a", b"x", code=74)

    def test_a_torn_end_is_no_damage_without_the_mark_of_a_clean_close(self):
        self.topic("create", "a")
        child = self.start("topic", "produce", "a", "--acked", "acked", stdin=subprocess.PIPE)
        child.stdin.write(b"one\n")
        child.stdin.flush()
        acked = self.dir / "acked"
        self.wait_for("an acknowledgement", lambda: acked.exists() and acked.read_text())
        child.kill()
        child.wait()
        with open(self.log("a"), "r+b") as f:
            head = f.read(12)
            f.seek(12 + int.from_bytes(head[8:12], "big"))
            f.write(os.urandom(40))
        self.topic("verify", "a")
        self.assertEqual(self.values("a"), ["one"])
        self.assertRegex(self.produce("a", b"two").err, r"\d+ bytes of a torn end were cut")
        self.assertEqual(self.values("a"), ["one", "two"])


if __name__ == "__main__":
    millrace.main()

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Kafka's own tools read our segments, and our reader reads the log folder of a broker that real
clients have written to. The oracle is Kafka itself."""

import json
import re
import subprocess

import kafka
import system
from system import millrace

CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]
COUNT = 3000


class TopicKafka(millrace.Case):
    def setUp(self):
        super().setUp()
        if not kafka.jars():
            self.skipTest("Kafka's jars cannot be had here")
        self.drive = millrace.BUILD / "tests/unit/topic/topic_drive"

    def ours(self, *args):
        done = subprocess.run([self.drive, *map(str, args)], capture_output=True, text=True,
                              timeout=60)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout

    def read(self, *args):
        return [json.loads(line) for line in self.ours("read", *args).splitlines()]

    def dump(self, *files):
        done = kafka.java("kafka.tools.DumpLogSegments", "--files", ",".join(map(str, files)),
                          "--deep-iteration", "--print-data-log")
        self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout[-500:])
        return done.stdout

    def test_kafkas_dump_tool_reads_every_codec_and_every_index(self):
        for codec in CODECS:
            self.ours("write", self.dir, codec, codec, 0, COUNT)
            folder = self.dir / f"{codec}-0"
            dumped = self.dump(*sorted(folder.glob("*.log")))
            batches = re.findall(r"^baseOffset: .*$", dumped, re.M)
            packed = sum(f"compresscodec: {codec} " in b for b in batches)
            self.assertGreater(len(batches), 20)
            self.assertEqual(packed, len(batches), codec)
            self.assertTrue(all(b.endswith("isvalid: true") for b in batches))
            record = re.compile(r"^\| offset: (\d+) CreateTime: (\d+) keySize: (-?\d+) "
                                r"valueSize: (-?\d+) sequence: -1 headerKeys: \[(.*?)\]"
                                r"(?: key: (.*?))?(?: payload: (.*))?$", re.M)
            got = [m.groups() for m in record.finditer(dumped)]
            self.assertEqual(len(got), COUNT)
            for n, (offset, time, _, _, headers, key, value) in enumerate(got):
                want = None
                if n % 7:
                    want = f"value {n} " + "".join(chr(97 + k % 26) for k in range(n % 200))
                self.assertEqual(int(offset), n)
                self.assertEqual(int(time), 1700000000000 + n * 10)
                self.assertEqual(key, f"key-{n % 23}" if n % 3 else None)
                self.assertEqual(value, want)
                self.assertEqual(headers, "" if n % 5 else "number,none")
            indexes = sorted(folder.glob("*.index")) + sorted(folder.glob("*.timeindex"))
            told = self.dump(*indexes)
            self.assertNotRegex(told, r"(?i)mismatch|out of order|fail|corrupt|error")

    def test_the_dump_tool_would_tell_of_a_wrong_bit(self):
        self.ours("write", self.dir, "t", "none", 0, 100)
        log = next((self.dir / "t-0").glob("*.log"))
        data = bytearray(log.read_bytes())
        data[200] ^= 1
        log.write_bytes(data)
        done = kafka.java("kafka.tools.DumpLogSegments", "--files", str(log))
        self.assertIn("isvalid: false", done.stdout)

    def test_our_reader_sees_what_a_client_with_read_committed_sees(self):
        python = kafka.python()
        if not python:
            self.skipTest("Kafka's clients cannot be had here")
        folder = self.dir / "kafka"
        folder.mkdir()
        broker = kafka.Broker(folder)
        try:
            done = subprocess.run([python, millrace.ROOT / "tests/systems/kafka_clients.py",
                                   broker.address], capture_output=True, text=True, timeout=200)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.compare(done.stdout, broker.data)  # while the broker runs
        finally:
            broker.stop()
        self.compare(done.stdout, broker.data)  # and after it

    def compare(self, seen, data):
        want = {}
        for line in seen.splitlines():
            record = json.loads(line)
            want.setdefault(record.pop("topic"), []).append(record)
        self.assertEqual(set(want), {"txn", *(f"c-{codec}" for codec in CODECS)})
        for topic, records in want.items():
            self.assertEqual(len(records), 3000 if topic != "txn" else 2 * 4 * 60 + 1)
            self.assertEqual(self.read(data, topic, 0), records, topic)
        everything = self.read(data, "txn", 0, "uncommitted")
        self.assertEqual(len(everything), 2 * 8 * 60 + 3)


if __name__ == "__main__":
    millrace.main()

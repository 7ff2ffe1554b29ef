#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""docs/formats/topic.md says enough: a reader written from it reads what we write, and we read what
a writer written from it writes."""

import json
import subprocess

import millrace
import topic_format as fmt

COUNT = 1500


def made(n):
    """Record n of topic_drive."""
    key = f"key-{n % 23}".encode() if n % 3 else None
    value = None
    if n % 7:
        value = f"value {n} ".encode() + bytes(97 + k % 26 for k in range(n % 200))
    headers = [] if n % 5 else [(b"number", key if key else b""), (b"none", None)]
    return (n, 1700000000000 + n * 10, key, value, headers)


class TopicFormat(millrace.Case):
    def drive(self, *args):
        program = millrace.BUILD / "tests/unit/topic/topic_drive"
        done = subprocess.run([program, *map(str, args)], capture_output=True, text=True,
                              timeout=60)
        return done

    def write(self, topic, codec, count):
        done = self.drive("write", self.dir, topic, codec, 0, count)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return self.dir / f"{topic}-0"

    def test_a_reader_written_from_the_page_reads_what_we_write(self):
        for codec in ("none", "gzip", "snappy", "lz4"):
            count = COUNT if codec == "none" else COUNT // 3
            folder = self.write(codec, codec, count)
            got = list(fmt.read(folder))
            self.assertEqual(len(got), count)
            for n, record in enumerate(got):
                self.assertEqual(record, made(n))
        conf = fmt.note((self.dir / "lz4.topic").read_bytes(), "topic")
        self.assertEqual((conf["compression"], conf["partitions"]), ("lz4", "1"))

    def test_indexes_and_marks_are_as_the_page_says(self):
        folder = self.write("t", "none", COUNT)
        for path in sorted(folder.glob("*.log")):
            base, data = int(path.stem), path.read_bytes()
            places, times = [], []
            since, top = 0, (-1, -1)
            for at, head, batch in fmt.batches(data, base):
                last = head[0] + head[6]
                if head[8] > top[0]:
                    top = (head[8], last)
                if since > 4096:
                    places.append((last, at))
                    times.append(top)
                    since = 0
                since += len(batch)
            if top != times[-1:]:
                times.append(top)
            times = [t for n, t in enumerate(times) if n == 0 or t[0] > times[n - 1][0]]
            self.assertEqual(fmt.index(path.with_suffix(".index").read_bytes(), base), places)
            self.assertEqual(fmt.time_index(path.with_suffix(".timeindex").read_bytes(), base),
                             times)
        mark = fmt.readable((folder / "readable").read_bytes())
        self.assertEqual((mark["readable"], mark["synced"], mark["held"]), (COUNT, COUNT, 0))
        self.assertEqual(mark["end_base"], int(path.stem))
        self.assertEqual(mark["end_pos"], len(data))

    def test_we_read_what_a_writer_written_from_the_page_writes(self):
        folder = self.dir / "p-0"
        folder.mkdir()
        rows = [made(n)[1:] for n in range(300)]
        first = b"".join(fmt.encode(n, rows[n:n + 10], gzip=n % 20 == 0) for n in range(0, 150, 10))
        second = b"".join(fmt.encode(n, rows[n:n + 50], producer=9, epoch=0, sequence=n)
                          for n in range(150, 300, 50))
        (folder / f"{0:020}.log").write_bytes(first)
        (folder / f"{150:020}.log").write_bytes(second)
        (folder / "closed").write_bytes(
            fmt.make_note("closed", next_offset=300, segment=150, size=len(second)))
        done = self.drive("read", self.dir, "p", 0)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        got = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual(len(got), 300)

        def text(value):
            return None if value is None else value.hex()

        for n, record in enumerate(got):
            number, time, key, value, headers = made(n)
            self.assertEqual(record, {
                "offset": number, "timestamp": time, "key": text(key), "value": text(value),
                "headers": [{"n": i, "key": k.hex(), "value": text(v)}
                            for i, (k, v) in enumerate(headers)]})
        (folder / f"{150:020}.log").write_bytes(second[:-1])  # and what is missing is seen
        done = self.drive("read", self.dir, "p", 0)
        self.assertEqual(done.returncode, 65)
        self.assertIn(f"{150:020}.log: damaged at byte", done.stderr)
        self.assertEqual(len(done.stdout.splitlines()), 250)


if __name__ == "__main__":
    millrace.main()

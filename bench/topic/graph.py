#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A graph with a topic in it, beside what bounds it: graph.py --build DIR [--rows N] [--pairs N]

  without   city events of a file through windows, one graph
  disk      fio writes as much as those events are, with io_uring, O_DIRECT, 256 KiB, depth 8
  with      the same file into a topic and, in the same graph, out of it through the same windows

Each pair is measured one after the other, all with the CPUs there are. The ratio is the rate of
`with` by the lesser of the other two; due 0.80. The windows of both graphs are compared.
"""

import argparse
import collections
import json
import pathlib
import shutil
import statistics
import subprocess
import tempfile

HEAD = """millrace: 1
graph: %s
events:
  city_event:
    fields:
      city:       { type: string, one_of: [SF, NYC, LA, Chicago, Seattle, Boston] }
      severity:   { type: string, one_of: [low, medium, high, critical] }
      timestamp:  { type: timestamp }
      event_type: { type: string, one_of: [traffic, weather, incident, construction] }
    event_time: timestamp
"""
WINDOW = """steps:
  counts: { type: window, from: %s, window: { tumbling: 5m }, key: [city, event_type],
            select: { n: count(*) } }
"""
WITHOUT = HEAD % "without" + """sources: { in: { type: file, path: in.ndjson, event: city_event } }
""" + WINDOW % "in" + "sinks: { out: { type: file, from: counts, path: without.ndjson } }\n"
WITH = HEAD % "with" + """sources:
  in: { type: file, path: in.ndjson }
  back: { type: topic, topic: t, event: city_event }
""" + WINDOW % "back" + """sinks:
  topic: { type: topic, from: in, topic: t, value: raw, sync: %s }
  out: { type: file, from: counts, path: with.ndjson }
"""


def counts(path):
    """Windows by key; a window that came out in corrections counts once."""
    total = collections.Counter()
    for line in path.read_text().splitlines():
        row = json.loads(line)
        total[row["window_start"], row["city"], row["event_type"]] += row["n"]
    return total


class Bench:
    def __init__(self, args, folder):
        self.program = str(pathlib.Path(args.build).resolve() / "millrace")
        self.dir, self.rows = folder, args.rows
        subprocess.run([self.program, "gen", "city", "--count", str(args.rows), "--clock",
                        "2025-10-13T00:00:00Z,20ms", "--to", "in.ndjson"], cwd=folder, check=True)
        self.bytes = (folder / "in.ndjson").stat().st_size
        (folder / "without.yaml").write_text(WITHOUT)
        (folder / "with.yaml").write_text(WITH % args.sync)

    def run(self, graph, *args):
        """Rows per second, from the first to the last."""
        subprocess.run([self.program, "run", f"{graph}.yaml", "--quiet", "--summary", "s.json",
                        *args], cwd=self.dir, check=True)
        summary = json.loads((self.dir / "s.json").read_text())
        return self.rows / (summary["wall_ns"] / 1e9), summary["cpu_ns"] / 1e9

    def without(self):
        return self.run("without")

    def topic(self):
        shutil.rmtree(self.dir / "millrace-data", ignore_errors=True)
        return self.run("with", "--count", str(2 * self.rows))

    def disk(self):
        done = subprocess.run(
            ["fio", "--name=w", f"--filename={self.dir}/fio", "--rw=write", "--bs=256k",
             "--direct=1", "--ioengine=io_uring", "--iodepth=8", f"--size={self.bytes}",
             "--end_fsync=1", "--output-format=json"], capture_output=True, check=True)
        (self.dir / "fio").unlink()
        job = json.loads(done.stdout)["jobs"][0]["write"]
        return job["bw_bytes"] / (self.bytes / self.rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default="build/release")
    parser.add_argument("--rows", type=int, default=3_000_000)
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--sync", default="interval", help="of the topic")
    parser.add_argument("--dir", default=".", help="the file system that is measured")
    args = parser.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="bench-topic-", dir=args.dir))
    try:
        bench, ratios = Bench(args, folder), []
        bench.without()  # the file is in the page cache now
        for _ in range(args.pairs):
            without, without_cpu = bench.without()
            disk = bench.disk()
            topic, topic_cpu = bench.topic()
            if counts(folder / "with.ndjson") != counts(folder / "without.ndjson"):
                raise SystemExit("the windows differ")
            ratios.append(topic / min(without, disk))
            print(f"without {without / 1e6:.2f} M rows/s ({without_cpu:.2f} s CPU)  disk "
                  f"{disk / 1e6:.2f} M rows/s  with {topic / 1e6:.2f} M rows/s "
                  f"({topic_cpu:.2f} s CPU)  ratio {ratios[-1]:.2f}")
        print(f"topic-graph: ratio {statistics.median(ratios):.2f} (due 0.80), "
              f"{min(ratios):.2f} to {max(ratios):.2f}, {args.rows} rows of "
              f"{bench.bytes / args.rows:.0f} bytes, sync {args.sync}")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()

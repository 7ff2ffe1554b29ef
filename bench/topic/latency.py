#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""From produce to consume: latency.py --build DIR [--rate N] [--seconds S] [--sync never|always]

This process writes lines into `millrace topic produce` at a steady rate, each with the time at
which it was planned to go, and `millrace topic consume` prints them; a thread reads them and
takes the difference. So what is measured is the way through both processes and both pipes, and
a line that had to wait to be sent counts as late (no coordinated omission). The first fifth is
left out.
"""

import argparse
import pathlib
import shutil
import subprocess
import tempfile
import threading
import time


def read(consumer, cnt, out):
    for _ in range(cnt):
        line = consumer.stdout.readline()
        out.append(time.monotonic_ns() - int(line[:20]))


def percentile(values, share):
    return values[min(len(values) - 1, int(share * len(values)))] / 1e6


def measure(program, folder, sync, rate, seconds, size):
    name, cnt = f"t-{sync}", int(rate * seconds)
    subprocess.run([program, "topic", "create", name, "--sync", sync], cwd=folder, check=True,
                   stdout=subprocess.DEVNULL)
    producer = subprocess.Popen([program, "topic", "produce", name], cwd=folder,
                                stdin=subprocess.PIPE, bufsize=0)
    consumer = subprocess.Popen([program, "topic", "consume", name, "--from-beginning",
                                 "--max-messages", str(cnt)], cwd=folder, stdout=subprocess.PIPE)
    took = []
    reader = threading.Thread(target=read, args=(consumer, cnt, took))
    reader.start()
    pad = b"x" * (size - 20) + b"\n"
    begin, sent, late = time.monotonic_ns() + 100_000_000, 0, 0
    while sent < cnt:
        due = (time.monotonic_ns() - begin) * rate // 1_000_000_000 + 1
        if due <= sent:
            time.sleep(0.0001)
            continue
        due = min(due, cnt)
        plan = [begin + i * 1_000_000_000 // rate for i in range(sent, due)]
        producer.stdin.write(b"".join(b"%020d" % t + pad for t in plan))
        late = max(late, time.monotonic_ns() - plan[0])
        sent = due
    reader.join()
    producer.stdin.close()
    if producer.wait() or consumer.wait():
        raise SystemExit("a side failed")
    took = sorted(took[cnt // 5:])
    return [percentile(took, q) for q in (0.5, 0.99, 0.999, 1)], late / 1e6


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default="build/release")
    parser.add_argument("--rate", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--size", type=int, default=100, help="bytes of a record")
    parser.add_argument("--sync", nargs="*", default=["never", "always"])
    parser.add_argument("--dir", default=".", help="the file system that is measured")
    args = parser.parse_args()
    program = str(pathlib.Path(args.build).resolve() / "millrace")
    folder = tempfile.mkdtemp(prefix="bench-topic-", dir=args.dir)
    try:
        for sync in args.sync:
            (p50, p99, p999, worst), late = measure(program, folder, sync, args.rate, args.seconds,
                                                    args.size)
            print(f"topic-latency sync {sync}: p50 {p50:.2f} ms  p99 {p99:.2f} ms  p99.9 "
                  f"{p999:.2f} ms  max {worst:.2f} ms  at {args.rate} records/s of {args.size} "
                  f"bytes, sent at most {late:.2f} ms late")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A topic on a real ext4 whose power is cut: the file system is on a loop device over cutfs, which
keeps what was flushed and a random part of the rest. What was acknowledged before the cut must be
in the topic after it, without holes; the same without syncs must lose records, else this tests
nothing. Needs root, fuse3, libfuse3-dev and loop devices; otherwise it is skipped.

    tests/systems/test_powercut.py --build DIR [--cuts 200] [--seed 1]    at length: --cuts 5000
"""

import argparse
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import time

import system  # noqa: F401  (the tests of tests/sys are found through it)
import millrace

CUTS, SEED = 200, 1
CUTS_A_LIFE = 20
IMAGE = 48 << 20
PARTITIONS = 2


def call(*args):
    done = subprocess.run([str(a) for a in args], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{args}: {done.stderr}")
    return done.stdout.strip()


class Disk:
    """An ext4 in `image` behind a loop device; a new file system with fresh=True."""

    def __init__(self, image, at):
        self.at, self.loop = at, call("losetup", "-f", "--show", image)
        at.mkdir(exist_ok=True)
        try:
            call("mount", "-t", "ext4", self.loop, at)
        except RuntimeError:
            call("losetup", "-d", self.loop)
            raise

    def close(self):
        # The kernel lets go of a killed process's files only when its requests have ended.
        deadline = time.monotonic() + 20
        while subprocess.run(["umount", self.at], capture_output=True).returncode:
            if time.monotonic() > deadline:
                raise RuntimeError(f"{self.at} cannot be unmounted")
            time.sleep(0.01)
        call("losetup", "-d", self.loop)


class Powercut(millrace.Case):
    @classmethod
    def setUpClass(cls):
        cls.cutfs = pathlib.Path(tempfile.mkdtemp(prefix="millrace-cutfs-")) / "cutfs"
        source = pathlib.Path(__file__).with_name("cutfs.c")
        try:
            flags = call("pkg-config", "--cflags", "--libs", "fuse3").split()
            call("gcc", "-std=c17", "-O2", "-D_GNU_SOURCE", source, "-o", cls.cutfs, *flags)
        except (RuntimeError, FileNotFoundError) as error:
            print(f"skipped: needs fuse3 and libfuse3-dev: {error}")
            sys.exit(77)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.cutfs.parent)

    def wait_for_acks(self, file, count):
        self.wait_for(f"{count} acknowledgements", lambda: file.exists()
                      and file.read_bytes().count(b"\n") >= count, 60)

    def one_life(self, rng, sync, cuts, flush_only):
        """Images of the disk as cuts would leave it, each with what was acknowledged before."""
        memory = self.run_dir
        image, mount, acked = memory / "image", memory / "fuse", memory / "acked"
        acked.unlink(missing_ok=True)
        with open(image, "wb") as out:
            out.truncate(IMAGE)
        call("mkfs.ext4", "-q", "-F", image)
        mount.mkdir(exist_ok=True)
        server = subprocess.Popen([self.cutfs, image, mount, "-f", "-s"],
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.wait_for("the disk", lambda: (mount / "disk").exists())
        disk = Disk(mount / "disk", memory / "ext4")
        found, child = [], None
        try:
            topics = disk.at / "topics"
            call(self.program(), "topic", "create", "t", "--dir", topics, "--partitions",
                 PARTITIONS, "--sync", sync, "--segment", "64KiB")
            child = subprocess.Popen([self.program(), "topic", "produce", "t", "--dir", topics,
                                      "--acked", acked], stdin=subprocess.PIPE)
            self.children.append(child)
            fed = 0
            for n in range(cuts):
                more = rng.randrange(1, 400)
                child.stdin.write(b"".join(b"line %d %s\n" % (i, b"x" * (i * 7 % 90))
                                           for i in range(fed + 1, fed + more + 1)))
                child.stdin.flush()
                self.wait_for_acks(acked, fed + rng.randrange(0, more + 1))
                fed += more
                known = acked.read_text()
                seed = rng.randrange(1 << 30) * 5 + (0 if flush_only else rng.randrange(5))
                path = memory / f"cut-{n}"
                order = os.open(mount / "cut", os.O_WRONLY)
                os.write(order, b"%d %s" % (seed, str(path).encode()))
                os.close(order)
                found.append((path, [tuple(map(int, line.split()))
                                     for line in known[:known.rfind("\n") + 1].splitlines()]))
        finally:
            if child:
                child.kill()
                child.communicate()
            disk.close()
            call("fusermount3", "-u", mount)
            server.wait(30)
        return found

    def after_cut(self, path, acks):
        """The number of acknowledged records that are missing after the next start."""
        disk = Disk(path, self.run_dir / "after")
        try:
            topics = disk.at / "topics"
            started = self.millrace("topic", "produce", "t", "--dir", topics)
            if started.code == 78:
                return len(acks)  # the topic itself is gone
            self.assertEqual(started.code, 0, started.err)
            result = self.millrace("topic", "consume", "t", "--dir", topics, "--from-beginning",
                                   "--until-end", "--json")
            self.assertEqual(result.code, 0, result.err)
        finally:
            disk.close()
        there, ends = {}, [0] * PARTITIONS
        for record in map(json.loads, result.out.splitlines()):
            self.assertEqual(record["offset"], ends[record["partition"]], "a hole")
            ends[record["partition"]] += 1
            there[record["partition"], record["offset"]] = int(record["value"].split()[1])
        wrong = [ack for ack in acks if there.get(ack[1:], ack[0]) != ack[0]]
        self.assertEqual(wrong, [], "another record than was acknowledged")
        return sum(ack[1:] not in there for ack in acks)

    def lost(self, sync, cuts, flush_only):
        """Cuts after which something acknowledged was missing."""
        rng, lost, done = random.Random(SEED), 0, 0
        while done < cuts:
            some = min(CUTS_A_LIFE, cuts - done)
            for path, acks in self.one_life(rng, sync, some, flush_only):
                lost += self.after_cut(path, acks) > 0
                path.unlink()
            done += some
        print(f"sync {sync}: {lost} of {cuts} cuts lost acknowledged records, seed {SEED}")
        return lost

    def test_what_was_acknowledged_outlives_a_cut(self):
        self.assertEqual(self.lost("always", CUTS, False), 0)

    def test_without_syncs_it_does_not(self):
        cuts = max(20, CUTS // 5)
        self.assertGreater(self.lost("never", cuts, True), cuts * 95 // 100)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--cuts", type=int, default=CUTS)
    parser.add_argument("--seed", type=int, default=SEED)
    args, rest = parser.parse_known_args()
    CUTS, SEED = args.cuts, args.seed
    sys.argv[1:] = rest
    if os.geteuid() != 0 or not os.path.exists("/dev/fuse") or not shutil.which("mkfs.ext4"):
        print("skipped: needs root, /dev/fuse and mkfs.ext4")
        sys.exit(77)
    millrace.main()

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`millrace topic produce` killed at random moments and started again with the same input. What it
had acknowledged is there, at the offset that it said; once it is left in peace every line is in the
topic exactly once, in order. File access alternates between all the ways there are.

    tests/sys/test_kill.py --build DIR [--kills 30] [--seed 1]      10,000 kills: --kills 10000
"""

import argparse
import itertools
import json
import random
import signal
import subprocess
import sys

import millrace

LINES = 30000  # of one topic; a new one begins when all of them are in it
PARTITIONS = 2
KILLS, SEED = 30, 1
MODES = ("", "plain", "uring", "")


class Kill(millrace.Case):
    def works(self, mode):
        probe = self.millrace("topic", "perf", "probe", "--records", 1, "--size", 1,
                              env={"MILLRACE_IO": mode})
        return probe.code == 0

    def check_acks(self, acks, there):
        """Acknowledgements of `LINE PARTITION OFFSET` that the topic does not have."""
        return [ack for ack in acks if there.get(ack[1:]) != ack[0]]

    def content(self, topic):
        """(partition, offset) -> line number."""
        result = self.millrace("topic", "consume", topic, "--from-beginning", "--until-end",
                               "--json", limit=600)
        self.assertEqual(result.code, 0, result.err)
        found = {}
        for record in map(json.loads, result.out.splitlines()):
            found[record["partition"], record["offset"]] = int(record["value"].split()[1])
        return found

    def run_once(self, topic, data, mode, kill_after):
        """One process; its acknowledgements, and whether it had come to the end by itself."""
        acked = self.dir / "acked"
        acked.unlink(missing_ok=True)
        env = dict(self.env, MILLRACE_IO=mode)
        with open(data, "rb") as lines:
            child = subprocess.Popen(
                [self.program(), "topic", "produce", topic, "--producer-id", "7", "--acked",
                 str(acked)], stdin=lines, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                cwd=self.dir, env=env)
        self.children.append(child)
        try:
            child.wait(600 if kill_after is None else kill_after)
        except subprocess.TimeoutExpired:
            child.send_signal(signal.SIGKILL)
        err = child.communicate()[1].decode()
        self.children.remove(child)
        self.assertIn(child.returncode, (0, -signal.SIGKILL), err)
        text = acked.read_text() if acked.exists() else ""
        whole = text[:text.rfind("\n") + 1]  # the last line may have been cut
        return [tuple(map(int, x.split())) for x in whole.splitlines()], child.returncode == 0

    def campaign(self, topic, rng, data, kills):
        """Until all lines are in the topic or there were so many kills; the number of kills."""
        sync = rng.choice(("always", "interval", "never"))
        created = self.millrace("topic", "create", topic, "--partitions", PARTITIONS, "--sync",
                                sync, "--segment", "256KiB")
        self.assertEqual(created.code, 0, created.err)
        acks, killed, longest = [], 0, 0.02
        for mode in itertools.cycle(self.modes):
            more, ended = self.run_once(topic, data, mode, rng.uniform(0, longest))
            acks += more
            killed += not ended
            longest = longest * 0.8 if ended else longest * 1.05
            if ended or killed == kills:
                break
        more, ended = self.run_once(topic, data, "", None)
        self.assertTrue(ended)
        there = self.content(topic)
        missing = self.check_acks(acks + more, there)
        self.assertEqual(missing, [], "acknowledged and not there")
        numbers = sorted(there.values())
        self.assertEqual(numbers, list(range(1, LINES + 1)), "not every line once")
        for partition in range(PARTITIONS):
            kept = [line for (p, _), line in sorted(there.items()) if p == partition]
            self.assertEqual(kept, sorted(kept))
        forged = self.check_acks([(1, 0, 10 ** 6)], there)  # the check would have seen it
        self.assertEqual(len(forged), 1)
        self.millrace("topic", "delete", topic)
        return max(killed, 1)

    def test_nothing_acknowledged_is_lost_and_no_line_is_there_twice(self):
        rng = random.Random(SEED)
        data = self.dir / "lines"
        data.write_text("".join("line %d %s\n" % (n, "x" * (n * 7 % 90))
                                for n in range(1, LINES + 1)))
        self.modes = [mode for mode in MODES if self.works(mode)]
        killed = round = 0
        while killed < KILLS:
            round += 1
            killed += self.campaign(f"t{round}", rng, data, min(KILLS - killed, 60))
        print(f"{killed} kills in {round} topics, seed {SEED}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--kills", type=int, default=KILLS)
    parser.add_argument("--seed", type=int, default=SEED)
    args, rest = parser.parse_known_args()
    KILLS, SEED = args.kills, args.seed
    sys.argv[1:] = rest
    millrace.main()

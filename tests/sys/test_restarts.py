#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The campaign of tests/sys/test_checkpoint.py at length: MILLRACE_CUTS kills and drains (300),
over one and two workers. MILLRACE_TEST_SEED says which."""

import os
import signal

import millrace
import test_checkpoint

CUTS = int(os.environ.get("MILLRACE_CUTS", "300"))


class Campaign(test_checkpoint.Restarts):
    test_killed_runs_publish_what_an_undisturbed_one_does = None
    test_drained_runs_do_too = None
    test_generate_goes_on_at_its_position = None

    def test_no_row_is_lost_or_doubled(self):
        cuts = seed = 0
        while cuts < CUTS:
            seed += 1
            signals = [signal.SIGKILL] * 4 + [signal.SIGTERM]
            cuts += self.disturb(1 + seed % 2, signals, test_checkpoint.SEED * 1000 + seed, 4000)
            print(f"seed {test_checkpoint.SEED * 1000 + seed}: {cuts} of {CUTS}", flush=True)


if __name__ == "__main__":
    millrace.main()

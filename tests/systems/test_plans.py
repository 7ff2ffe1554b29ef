#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The plan of every graph file in configs/ is the one in golden/.

  tests/systems/test_plans.py --build DIR            compares
  tests/systems/test_plans.py --build DIR --update   writes them anew: look at the difference
"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "sys"))
import millrace  # noqa: E402

GOLDEN = pathlib.Path(__file__).resolve().parent / "golden"
CONFIGS = sorted((millrace.ROOT / "configs").glob("*.yaml"))
UPDATE = "--update" in sys.argv


class Plans(millrace.Case):
    maxDiff = None

    def plan(self, config):
        result = self.millrace("show", "plan", config, "--set", "runtime.workers.count=1",
                               "--no-inputs", "--no-env", cwd=millrace.ROOT)
        self.assertEqual((result.code, result.err), (0, ""))
        return result.out

    def test_each_graph_has_its_golden_plan(self):
        self.assertTrue(CONFIGS)
        for config in CONFIGS:
            golden = GOLDEN / f"{config.stem}.txt"
            with self.subTest(graph=config.name):
                plan = self.plan(config)
                if UPDATE:
                    golden.write_text(plan)
                self.assertTrue(golden.exists(), "make it with --update")
                self.assertEqual(plan, golden.read_text())

    def test_there_is_no_golden_plan_without_a_graph(self):
        self.assertEqual({p.stem for p in GOLDEN.iterdir()}, {c.stem for c in CONFIGS})

    def test_a_plan_is_the_same_every_time(self):
        for config in CONFIGS:
            self.assertEqual(self.plan(config), self.plan(config))

    def test_each_graph_is_valid_without_warnings(self):
        for config in CONFIGS:
            result = self.millrace("validate", "--deny-warnings", "--no-inputs", config,
                                   cwd=millrace.ROOT)
            self.assertEqual((result.code, result.err), (0, ""), config)


if __name__ == "__main__":
    if UPDATE:
        sys.argv.remove("--update")
    millrace.main()

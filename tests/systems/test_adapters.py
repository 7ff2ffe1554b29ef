#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""bench/adapters/run: DuckDB beside millrace, with outputs that are equal and outputs that are
not."""

import subprocess

import system
from system import millrace

OUT = millrace.ROOT / "build/adapters/millrace/city-counts.ndjson"


class Adapters(millrace.Case):
    def compare(self, program):
        return subprocess.run([millrace.ROOT / "bench/adapters/run", "city", "duckdb", "--count",
                               "200000", "--millrace", program], capture_output=True, text=True,
                              timeout=280)

    def setUp(self):
        super().setUp()
        done = subprocess.run([millrace.ROOT / "bench/adapters/duckdb/setup"],
                              capture_output=True, text=True)
        if done.returncode != 0:
            self.skipTest("DuckDB cannot be installed here")

    def test_duckdb_counts_the_same(self):
        done = self.compare(self.program())
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("# all outputs are equal: 336 rows,", done.stdout)
        self.assertIn("\nduckdb ", done.stdout)

    def test_a_row_too_few_is_found(self):
        wrong = self.dir / "millrace"
        wrong.write_text(f"#!/bin/sh\n{self.program()} \"$@\" || exit\n"
                         f"[ \"$1\" != run ] || sed -i '$d' {OUT}\n")
        wrong.chmod(0o755)
        done = self.compare(wrong)
        self.assertEqual(done.returncode, 1)
        self.assertIn("duckdb counts otherwise than millrace: 336 and 335 rows, 1 differ",
                      done.stderr)


if __name__ == "__main__":
    millrace.main()

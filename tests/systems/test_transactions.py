#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Totals per merchant of both producers' transactions, against an independent recount."""

import collections
import math

import system
from system import millrace


class Totals:
    def test_the_last_row_of_each_merchant_is_its_total(self):
        rows = self.run_graph()["transaction-aggregates"]
        amounts = collections.defaultdict(list)
        for e in self.events():
            amounts[e["merchantId"]].append(e["amount"])
        table = self.last_by(rows, "merchantId")
        self.assertEqual(len(amounts), self.merchants)
        self.assertEqual({k[0] for k in table}, set(amounts))
        for (merchant,), row in table.items():
            self.assertEqual(list(row), ["merchantId", "totalAmount", "transactionCount"])
            self.assertEqual(row["transactionCount"], len(amounts[merchant]))
            want = math.fsum(amounts[merchant])
            self.assertLess(abs(row["totalAmount"] - want), 1e-9 * want)
        self.assertEqual(sum(r["transactionCount"] for r in table.values()), self.count)

    def test_counts_only_grow_and_each_row_is_a_change(self):
        rows = self.run_graph("a", "--set", f"sources.{self.source}.rate=1k/s")[
            "transaction-aggregates"]
        seen = {}
        for row in rows:
            self.assertGreater(row["transactionCount"], seen.get(row["merchantId"], 0))
            seen[row["merchantId"]] = row["transactionCount"]
        self.assertGreater(len(rows), 10 * self.merchants, "written once a second")


class Python(Totals, system.System):
    graph, of, merchants = "transactions.yaml", "transactions", 3
    source = "financial_transactions"


class Java(Totals, system.System):
    graph, of, merchants = "transactions-java.yaml", "transactions_java", 50
    source = "financial_transactions"


if __name__ == "__main__":
    millrace.main()

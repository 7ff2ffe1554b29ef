#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the generators write, against the distributions of the systems that they stand for."""

import collections
import json
import math
import pathlib
import re
import sys
import uuid

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "sys"))
import millrace  # noqa: E402

SEED = 20250820
COUNT = 60_000
START = 1755671700
SYSTEMS = ["city", "ysb", "transactions", "transactions_java", "sensors"]
CLOCK = "2025-08-20T06:35:00Z,20ms"


def normal_tail(z):
    return math.erfc(z / math.sqrt(2)) / 2


class Distribution(millrace.Case):
    """Every verdict is wrong less than once in a million runs, and the seed is fixed."""

    Z = 4.9

    def generate(self, system, *flags, count=COUNT, seed=SEED):
        result = self.millrace("gen", system, "--count", count, "--seed", seed, "--clock", CLOCK,
                               *flags)
        self.assertEqual(result.code, 0, result.err)
        self.text = result.out
        return result.lines()

    def assert_shares(self, what, values, shares):
        """Chi-square of the values against these shares, by the cube root approximation."""
        seen = collections.Counter(values)
        total = sum(seen.values())
        self.assertEqual(set(seen) - set(shares), set(), f"{what}: outside its domain")
        chi = sum((seen[v] - total * s) ** 2 / (total * s) for v, s in shares.items())
        df = len(shares) - 1
        spread = 2 / (9 * df)
        z = ((chi / df) ** (1 / 3) - (1 - spread)) / math.sqrt(spread)
        print(f"seed {SEED}, {what}: chi-square {chi:.1f}, {df} degrees of freedom, z {z:.2f}")
        self.assertLess(abs(z), self.Z, what)

    def assert_uniform(self, what, values, domain):
        domain = list(domain)
        self.assert_shares(what, values, {v: 1 / len(domain) for v in domain})

    def assert_share(self, what, hits, total, share):
        z = (hits - total * share) / math.sqrt(total * share * (1 - share))
        print(f"seed {SEED}, {what}: {hits} of {total}, z {z:.2f}")
        self.assertLess(abs(z), self.Z, what)

    def assert_range(self, what, values, low, high):
        """Uniform over [low, high], looked at in twenty bins."""
        self.assertGreaterEqual(min(values), low, what)
        self.assertLessEqual(max(values), high, what)
        bins = [min(int((v - low) / (high - low) * 20), 19) for v in values]
        self.assert_uniform(what, bins, range(20))

    def assert_ids(self, values):
        form = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
        self.assertTrue(all(map(form.fullmatch, values)))
        first = uuid.UUID(values[0])
        self.assertEqual((first.version, first.variant), (4, uuid.RFC_4122))
        self.assertEqual(len(set(values)), len(values))
        for place in (0, 20, 35):
            self.assert_uniform(f"digit {place} of the ids", (t[place] for t in values),
                                "0123456789abcdef")

    def assert_fields(self, rows, fields):
        self.assertEqual({tuple(r) for r in rows}, {tuple(fields)})

    def assert_independent(self, what, rows, first, second):
        pairs = [(r[first], r[second]) for r in rows]
        self.assert_uniform(f"{what}: {first} and {second}", pairs,
                            {(a, b) for a in {p[0] for p in pairs} for b in {p[1] for p in pairs}})

    def assert_two_decimals(self, row_text):
        self.assertTrue(all(re.fullmatch(r"\d+(\.\d\d?)?", t) for t in row_text))


class Transactions(Distribution):
    def test_transactions_have_the_fields_and_draws_of_the_python_producer(self):
        rows = self.generate("transactions")
        self.assert_fields(rows, ["transactionId", "userId", "amount", "transactionTime",
                                   "merchantId", "location", "paymentMethod", "isInternational",
                                   "currency"])
        self.assert_ids([r["transactionId"] for r in rows])
        self.assert_uniform("userId", (r["userId"] for r in rows),
                            [f"user_{i}" for i in range(1, 101)])
        self.assert_uniform("merchantId", (r["merchantId"] for r in rows),
                            [f"merchant_{i}" for i in range(1, 4)])
        self.assert_uniform("location", (r["location"] for r in rows),
                            [f"location_{i}" for i in range(1, 51)])
        self.assert_uniform("paymentMethod", (r["paymentMethod"] for r in rows),
                            ["credit-card", "paypal", "bank_transfer"])
        self.assert_uniform("isInternational", (r["isInternational"] for r in rows), [True, False])
        self.assert_uniform("currency", (r["currency"] for r in rows), ["USD", "EUR", "GBP"])
        self.assert_range("amount", [r["amount"] for r in rows], 50000, 150000)
        self.assert_two_decimals(re.findall(r'"amount":([^,]*)', self.text))
        self.assertEqual([r["transactionTime"] for r in rows],
                         [START + k // 50 for k in range(COUNT)])
        self.assert_independent("transactions", rows, "location", "paymentMethod")
        self.assert_independent("transactions", rows, "userId", "merchantId")
        self.assert_independent("transactions", rows, "currency", "isInternational")

    def test_transactions_java_has_the_fields_and_draws_of_the_java_producer(self):
        rows = self.generate("transactions_java")
        self.assert_fields(rows, ["transactionId", "userId", "amount", "transactionTime",
                                   "merchantId", "transactionType", "location", "paymentMethod",
                                   "international", "currency"])
        self.assert_ids([r["transactionId"] for r in rows])
        self.assert_uniform("userId", (r["userId"] for r in rows), [f"user{i}" for i in range(100)])
        self.assert_uniform("merchantId", (r["merchantId"] for r in rows),
                            [f"merchant{i}" for i in range(50)])
        self.assert_uniform("transactionType", (r["transactionType"] for r in rows),
                            ["purchase", "refund"])
        self.assert_uniform("location", (r["location"] for r in rows), ["NY, USA", "LA, USA"])
        self.assert_uniform("paymentMethod", (r["paymentMethod"] for r in rows),
                            ["credit_card", "debit_card"])
        self.assert_uniform("international", (r["international"] for r in rows), [True, False])
        self.assert_uniform("currency", (r["currency"] for r in rows), ["USD", "EUR"])
        self.assert_range("amount", [r["amount"] for r in rows], 10, 510)
        whole = sum(round(r["amount"], 6) == r["amount"] for r in rows)
        self.assertLess(whole, 10, "amounts are full doubles")
        self.assertEqual([r["transactionTime"] for r in rows],
                         [START * 1000 + 20 * k for k in range(COUNT)])
        self.assert_independent("transactions_java", rows, "userId", "merchantId")
        self.assert_independent("transactions_java", rows, "transactionType", "location")

    def test_skew_is_on_the_users_or_the_java_merchants(self):
        for system, column, names in (
                ("transactions", "userId", [f"user_{i}" for i in range(1, 101)]),
                ("transactions_java", "merchantId", [f"merchant{i}" for i in range(50)])):
            rows = self.generate(system, "--skew", "1.2")
            weights = [(i + 1) ** -1.2 for i in range(len(names))]
            self.assert_shares(f"skewed {column}", (r[column] for r in rows),
                               {n: w / sum(weights) for n, w in zip(names, weights)})

    def test_other_numbers_of_names_can_be_asked_for(self):
        rows = self.generate("transactions", "--users", 1000, "--merchants", 400,
                             "--locations", 2000)
        self.assert_uniform("1000 users", (r["userId"] for r in rows),
                            [f"user_{i}" for i in range(1, 1001)])
        self.assert_uniform("400 merchants", (r["merchantId"] for r in rows),
                            [f"merchant_{i}" for i in range(1, 401)])
        self.assert_uniform("2000 locations", (r["location"] for r in rows),
                            [f"location_{i}" for i in range(1, 2001)])


class Sensors(Distribution):
    def test_readings_have_the_fields_and_draws_of_the_telemetry_producer(self):
        rows = self.generate("sensors", count=100_000)
        total = len(rows)
        self.assert_fields(rows, ["device_id", "ts", "temperature_c", "vibration_g", "status",
                                  "site", "line"])
        devices = {r["device_id"] for r in rows}
        self.assertEqual(len(devices), 25)
        self.assertTrue(all(re.fullmatch(r"MTR-\d{5}", d) for d in devices))
        self.assert_uniform("device_id", (r["device_id"] for r in rows), devices)
        self.assert_uniform("site", (r["site"] for r in rows), ["fab1", "fab2"])
        self.assert_uniform("line", (r["line"] for r in rows), ["L01", "L02", "L03"])
        self.assert_independent("sensors", rows, "device_id", "site")
        self.assert_independent("sensors", rows, "line", "site")
        hot = 0.05 + 0.95 * normal_tail(2.5)
        shaken = 0.05 + 0.95 * normal_tail(7.6)
        self.assert_shares("status", (r["status"] for r in rows),
                           {"OK": (1 - hot) * (1 - shaken), "HOT": hot * (1 - shaken),
                            "VIB": (1 - hot) * shaken, "HOT_VIB": hot * shaken})
        self.assert_share("alerts", sum(r["status"] != "OK" for r in rows), total, 0.1031)
        for r in rows:  # the status is made before rounding, so only the edge may differ
            hot_now, shaken_now = r["temperature_c"] > 85, r["vibration_g"] > 0.5
            if abs(r["temperature_c"] - 85) > 0.005:
                self.assertEqual("HOT" in r["status"], hot_now, r)
            self.assertEqual("VIB" in r["status"], shaken_now, r)
        mean = sum(r["temperature_c"] for r in rows) / total
        self.assertLess(abs(mean - (0.95 * 75 + 0.05 * 93)), 0.1)
        self.assert_two_decimals(re.findall(r'"temperature_c":([^,]*)', self.text))
        self.assertTrue(all(re.fullmatch(r"\d(\.\d{1,3})?", t)
                            for t in re.findall(r'"vibration_g":([^,]*)', self.text)))
        self.assert_normal("temperature", [r["temperature_c"] for r in rows], 75, 4, (86, 100))
        self.assert_normal("vibration", [r["vibration_g"] for r in rows], 0.12, 0.05, (0.55, 1.2),
                           0.01)
        self.assertEqual(min(r["vibration_g"] for r in rows), 0.01)
        low = [(r["temperature_c"] - 75) / 4 * ((r["vibration_g"] - 0.12) / 0.05)
               for r in rows if r["status"] == "OK" and r["vibration_g"] > 0.01]
        self.assertLess(abs(sum(low) / len(low)), self.Z / math.sqrt(len(low)) + 0.01,
                        "the two readings are independent")

    def assert_normal(self, what, values, mean, deviation, replaced, least=-math.inf):
        """Chi-square of the natural values in bins of half a deviation, and of the replaced."""
        edges = [mean + deviation * z / 2 for z in range(-4, 5) if mean + deviation * z / 2 > least]
        edges = [-math.inf, *edges, math.inf]
        tails = [normal_tail((e - mean) / deviation) for e in edges]
        natural = [v for v in values if v < replaced[0] - 0.0005]
        found = [next(i for i, e in enumerate(edges[1:]) if v < e) for v in natural]
        top = 1 - normal_tail((replaced[0] - mean) / deviation)
        shares = {i: (tails[i] - tails[i + 1]) / top for i in range(len(edges) - 1)}
        shares[len(edges) - 2] -= (1 - top) / top
        self.assert_shares(f"{what}, natural", found, shares)
        beyond = [v for v in values if v >= replaced[0] - 0.0005]
        share = 0.05 + 0.95 * (1 - top)
        self.assert_share(f"{what}, high", len(beyond), len(values), share)
        if 1 - top < 1e-6:
            self.assert_range(f"{what}, replaced", beyond, replaced[0] - 0.0005,
                              replaced[1] + 0.0005)
        else:
            high = [v for v in beyond if v > 92]
            self.assert_range(f"{what}, replaced", high, 92, replaced[1] + 0.005)

    def test_devices_sites_lines_and_shares_can_be_chosen(self):
        rows = self.generate("sensors", "--devices", 1000, "--sites", "north,south,west",
                             "--lines", "a", "--p-hot", "50%", "--p-vib", "0", "--skew", "0.9")
        self.assertEqual({r["site"] for r in rows}, {"north", "south", "west"})
        self.assertEqual({r["line"] for r in rows}, {"a"})
        seen = collections.Counter(r["device_id"] for r in rows)
        weights = [(i + 1) ** -0.9 for i in range(1000)]
        ranked = [n for _, n in seen.most_common()]
        self.assert_share("the first of 1000 devices", ranked[0], len(rows),
                          weights[0] / sum(weights))
        hot = 0.5 + 0.5 * normal_tail(2.5)
        self.assert_shares("status", (r["status"] for r in rows), {"OK": 1 - hot, "HOT": hot})

    def test_a_seed_gives_the_same_bytes_and_another_one_others(self):
        self.generate("sensors", count=5000)
        first = self.text
        self.generate("sensors", count=5000)
        self.assertEqual(first, self.text)
        again = self.generate("sensors", count=5000, seed=SEED + 1)
        self.assertNotEqual(first, self.text)
        self.generate("sensors", "--rate", "50/s", count=5000, seed=SEED + 1)
        self.assertEqual([json.loads(t) for t in self.text.splitlines()], again)


class Rates(Distribution):
    def test_rate_50_for_60_seconds_makes_3000_rows(self):
        for system in SYSTEMS:
            graph = f"""\
millrace: 1
graph: rate
runtime: {{ clock: virtual }}
sources: {{ in: {{ type: generate, of: {system}, rate: 50/s, duration: 60s }} }}
sinks: {{ out: {{ type: file, from: in, path: out.ndjson }} }}
"""
            self.write("graph.yaml", graph)
            result = self.millrace("run", "graph.yaml")
            self.assertEqual(result.code, 0, result.err)
            self.assertEqual(len(self.rows("out.ndjson")), 3000, system)


if __name__ == "__main__":
    millrace.main()

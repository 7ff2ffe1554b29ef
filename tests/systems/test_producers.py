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
COUNT = 30_000
START = 1755671700
SYSTEMS = ["city", "ysb", "transactions", "transactions_java", "ecommerce", "sensors", "nexmark"]
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


class Ecommerce(Distribution):
    BASE = ["event_id", "event_type", "user_id", "timestamp", "device", "location", "session_id"]
    FIELDS = {
        "user_login": ["login_method", "success"],
        "page_view": ["page", "referrer", "duration_seconds"],
        "item_click": ["item_id", "category", "position"],
        "purchase": ["order_id", "items", "quantities", "total_amount", "currency",
                     "payment_method"],
        "cart_add": ["item_id", "quantity", "category", "price"],
        "search": ["search_query", "results_count", "clicked_position"],
    }
    WEIGHTS = {"user_login": 0.25, "page_view": 0.30, "item_click": 0.20, "purchase": 0.10,
               "cart_add": 0.10, "search": 0.05}
    CATEGORIES = ["electronics", "clothing", "books", "home", "sports", "toys"]
    ITEMS = [f"item_{i:04}" for i in range(1, 501)]

    def test_events_have_the_fields_of_their_type_in_its_order(self):
        rows = self.generate("ecommerce", count=20_000)
        for kind, fields in self.FIELDS.items():
            self.assert_fields([r for r in rows if r["event_type"] == kind], self.BASE + fields)
        self.assertEqual({r["event_type"] for r in rows}, set(self.FIELDS))

    def test_the_fields_of_all_events_have_their_draws(self):
        rows = self.generate("ecommerce")
        self.assert_ids([r["event_id"] for r in rows])
        self.assert_shares("event_type", (r["event_type"] for r in rows), self.WEIGHTS)
        self.assert_uniform("user_id", (r["user_id"] for r in rows),
                            [f"user_{i:04}" for i in range(1, 1001)])
        self.assert_uniform("device", (r["device"] for r in rows), ["mobile", "desktop", "tablet"])
        self.assert_uniform("location", (r["location"] for r in rows),
                            ["US", "UK", "CA", "DE", "FR", "JP", "AU", "BR"])
        self.assert_independent("ecommerce", rows, "device", "location")
        numbers = []
        for r in rows:
            user, number = r["session_id"].removeprefix("session_").rsplit("_", 1)
            self.assertEqual(user, r["user_id"])
            numbers.append(int(number))
        self.assert_uniform("session", (n // 100 for n in numbers), range(10, 100))
        self.assert_uniform("session's end", (n % 100 for n in numbers), range(100))
        times = [millrace.seconds(r["timestamp"]) for r in rows[:5000]]
        self.assertEqual(times, [round(START + k / 50, 6) for k in range(5000)])

    def test_the_fields_of_each_type_have_their_draws(self):
        rows = self.generate("ecommerce", count=60_000)
        of = {k: [r for r in rows if r["event_type"] == k] for k in self.FIELDS}
        logins, views, clicks = of["user_login"], of["page_view"], of["item_click"]
        self.assert_uniform("login_method", (r["login_method"] for r in logins),
                            ["email", "social", "sso"])
        self.assert_share("success", sum(r["success"] for r in logins), len(logins), 0.95)
        self.assert_uniform("page", (r["page"] for r in views),
                            ["home", "product", "category", "search", "cart", "checkout"])
        self.assert_uniform("referrer", (r["referrer"] for r in views),
                            ["search", "direct", "social", "email"])
        self.assert_uniform("duration_seconds", (r["duration_seconds"] for r in views),
                            range(5, 301))
        self.assert_uniform("item_id", (r["item_id"] for r in clicks), self.ITEMS)
        self.assert_uniform("category", (r["category"] for r in clicks), self.CATEGORIES)
        self.assert_uniform("position", (r["position"] for r in clicks), range(1, 21))
        adds, searches = of["cart_add"], of["search"]
        self.assert_uniform("item_id added", (r["item_id"] for r in adds), self.ITEMS)
        self.assert_uniform("quantity", (r["quantity"] for r in adds), [1, 2, 3])
        self.assert_uniform("category added", (r["category"] for r in adds), self.CATEGORIES)
        self.assert_range("price", [r["price"] for r in adds], 5, 200)
        self.assert_uniform("search_query", (r["search_query"] for r in searches),
                            ["laptop", "shoes", "book", "phone", "watch", "bag"])
        self.assert_uniform("results_count", (r["results_count"] for r in searches), range(101))
        clicked = [r["clicked_position"] for r in searches if r["clicked_position"] is not None]
        self.assert_share("clicked", len(clicked), len(searches), 0.7)
        self.assert_uniform("clicked_position", clicked, range(11))
        self.assert_two_decimals(re.findall(r'"(?:price|total_amount)":([^,}]*)', self.text))
        self.assert_purchases(of["purchase"])

    def assert_purchases(self, rows):
        self.assertTrue(all(re.fullmatch("order_[0-9a-f]{8}", r["order_id"]) for r in rows))
        self.assertGreater(len({r["order_id"] for r in rows}), len(rows) - 3)
        self.assert_uniform("items in a purchase", (len(r["items"]) for r in rows), range(1, 6))
        for r in rows:
            self.assertEqual(len(set(r["items"])), len(r["items"]), "items are different ones")
            self.assertEqual(len(r["quantities"]), len(r["items"]))
        self.assert_uniform("items", (i for r in rows for i in r["items"]), self.ITEMS)
        for place in range(5):
            picked = [r["items"][place] for r in rows if len(r["items"]) > place]
            self.assert_uniform(f"item {place} in tens",
                                (int(i.removeprefix("item_")) // 50 % 10 for i in picked
                                 if i != "item_0500"), range(10))
        self.assert_uniform("quantities", (q for r in rows for q in r["quantities"]), [1, 2, 3])
        self.assert_range("total_amount", [r["total_amount"] for r in rows], 10, 500)
        mean = sum(r["total_amount"] for r in rows) / len(rows)
        self.assertLess(abs(mean - 255), self.Z * 490 / math.sqrt(12 * len(rows)))
        self.assertEqual({r["currency"] for r in rows}, {"USD"})
        self.assert_uniform("payment_method", (r["payment_method"] for r in rows),
                            ["credit_card", "paypal", "apple_pay"])

    def test_a_graph_reads_26_fields_with_null_where_a_type_has_none(self):
        self.write("graph.yaml", """\
millrace: 1
graph: shop
sources: { in: { type: generate, of: ecommerce, count: 5000 } }
sinks: { out: { type: file, from: in, path: out.ndjson } }
""")
        result = self.millrace("run", "graph.yaml", "--seed", SEED)
        self.assertEqual(result.code, 0, result.err)
        for row in self.rows("out.ndjson"):
            self.assertEqual(len(row), 26)
            own = set(self.BASE + self.FIELDS[row["event_type"]])
            there = {name for name, value in row.items() if value is not None}
            self.assertEqual(there | {"clicked_position"}, own | {"clicked_position"})

    def test_a_malformed_event_is_cut_out_of_one_with_its_own_fields(self):
        self.write("graph.yaml", """\
millrace: 1
graph: shop
sources:
  in: { type: generate, of: ecommerce, count: 20000, malformed: 50%, late: { share: 10%, by: 2h },
        duplicates: 10%, clock: { start: 2025-08-20T06:35:00Z, step: 20ms } }
sinks:
  out: { type: file, from: in, path: out.ndjson, nulls: own }
  bad: { type: file, from: in.errors, path: bad.ndjson }
""")
        result = self.millrace("run", "graph.yaml", "--seed", SEED, "--summary", "summary.json")
        self.assertEqual(result.code, 0, result.err)
        good, bad = self.rows("out.ndjson"), self.rows("bad.ndjson")
        self.assertEqual(len(good) + len(bad), 20000)
        self.assertEqual(self.node(self.summary(), "in")["dead_letters"], len(bad))
        self.assert_share("malformed", len(bad), 20000, 0.5)
        clean = self.generate("ecommerce", count=20000)
        lines = self.text.splitlines()
        for row in bad:
            self.assertTrue(lines[row["position"]].startswith(row["raw"]), row)
        at = {r["event_id"]: k for k, r in enumerate(clean)}
        again = len(good) - len({r["event_id"] for r in good})
        self.assert_share("duplicates", again, 20000, 0.1)
        seen = {}
        late = 0
        for row in good:
            if row["event_id"] in seen:
                self.assertEqual(row, seen[row["event_id"]])
                continue
            seen[row["event_id"]] = row
            event = dict(clean[at[row["event_id"]]])
            behind = millrace.seconds(event["timestamp"]) - millrace.seconds(row["timestamp"])
            self.assertIn(round(behind, 3), (0, 7200))
            late += behind > 0
            self.assertEqual({**row, "timestamp": 0}, {**event, "timestamp": 0})
        self.assert_share("late", late, 20000, 0.1)


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


class Nexmark(Distribution):
    def check_bids(self, bids):
        """auction and bidder of a bid against the numbers of what was made before it."""
        hot_auctions = hot_bidders = 0
        for n, bid in bids:
            person, auction = n // 50, n // 50 * 3 + 2
            self.assertTrue(max(auction - 100, 0) <= bid["auction"] - 1000 <= auction + 10
                            or bid["auction"] == auction // 100 * 100 + 1000)
            self.assertTrue(max(person - 999, 0) <= bid["bidder"] - 1000 <= person + 10)
            hot_auctions += bid["auction"] == auction // 100 * 100 + 1000
            hot_bidders += bid["bidder"] == person // 100 * 100 + 1001
        # half and three quarters, and few of the others that hit them too
        self.assertTrue(0.48 < hot_auctions / len(bids) < 0.54, hot_auctions)
        self.assertTrue(0.73 < hot_bidders / len(bids) < 0.80, hot_bidders)
        self.assert_range("logarithm of a price", [math.log10(b["price"] / 100) for _, b in bids],
                          0, 6)
        channels = collections.Counter(b["channel"] for _, b in bids)
        for name in ("Google", "Facebook", "Baidu", "Apple"):
            self.assert_share(name, channels[name], len(bids), 1 / 8)
        url = re.compile(r"https://www\.nexmark\.com/[a-z]{5}/[a-z]{5}/[a-z]{5}/item\.htm\?query=1"
                         r"(&channel_id=\d+)?")
        self.assertTrue(all(url.fullmatch(b["url"]) for _, b in bids))
        cold = {b["channel"]: "channel_id" in b["url"] for _, b in bids if b["channel"][0] == "c"}
        self.assert_share("channels with an id", sum(cold.values()), len(cold), 0.9)

    def test_nexmark_has_the_proportions_and_references_of_the_benchmark(self):
        rows = self.generate("nexmark")
        kinds = {"person": ["id", "name", "email_address", "credit_card", "city", "state"],
                 "auction": ["id", "item_name", "description", "initial_bid", "reserve", "expires",
                             "seller", "category"],
                 "bid": ["auction", "bidder", "price", "channel", "url"]}
        of = {kind: [] for kind in kinds}
        for n, row in enumerate(rows):
            kind = "person" if n % 50 == 0 else "auction" if n % 50 <= 3 else "bid"
            self.assertEqual(list(row), ["event_type", *kinds[kind], "date_time", "extra"])
            self.assertEqual(row["event_type"], kind)
            self.assertEqual(round(millrace.seconds(row["date_time"]) * 50), START * 50 + n)
            of[kind].append((n, row))
        self.assertEqual([len(of[k]) for k in kinds], [600, 1800, 27_600])
        for kind in ("person", "auction"):
            self.assertEqual([row["id"] for _, row in of[kind]],
                             list(range(1000, 1000 + len(of[kind]))))
        persons = [row for _, row in of["person"]]
        self.assert_uniform("state", (p["state"] for p in persons),
                            ["AZ", "CA", "ID", "OR", "WA", "WY"])
        self.assertEqual(len({p["city"] for p in persons}), 10)
        hot = 0
        for n, row in of["auction"]:
            person = n // 50
            self.assertTrue(max(person - 999, 0) <= row["seller"] - 1000 <= person + 10)
            hot += row["seller"] == person // 100 * 100 + 1000
            self.assertGreater(row["reserve"], row["initial_bid"])
            life = millrace.seconds(row["expires"]) - millrace.seconds(row["date_time"])
            self.assertTrue(0 < life <= 2 * 0.02 * 5000 / 3 + 1e-5)
        self.assertTrue(0.71 < hot / 1800 < 0.82, hot)
        self.assert_uniform("category", (row["category"] for _, row in of["auction"]),
                            range(10, 15))
        self.check_bids(of["bid"])


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

    def run_workers(self, system, cnt, options, clock="virtual"):
        self.write("graph.yaml", f"""\
millrace: 1
graph: workers
runtime: {{ clock: {clock} }}
sources: {{ in: {{ type: generate, of: {system}, workers: {cnt}, {options} }} }}
sinks:
  out: {{ type: file, from: in, path: out.ndjson }}
  bad: {{ type: file, from: in.errors, path: bad.ndjson }}
""")
        result = self.millrace("run", "graph.yaml", "--summary", "summary.json")
        self.assertEqual(result.code, 0, result.err)
        bad = [(r["position"], r["raw"]) for r in self.rows("bad.ndjson")]
        return (self.dir / "out.ndjson").read_text(), bad, result.err

    def test_1_3_and_10_threads_make_the_same_rows_in_the_same_order(self):
        options = ("count: 4001, malformed: 5%, duplicates: 5%, late: { share: 5%, by: 1h }, "
                   "clock: { start: 2025-08-20T06:35:00Z, step: 20ms }")
        for system, clock, rate in (("ecommerce", "virtual", ""), ("sensors", "wall", ""),
                                    ("transactions", "wall", ", rate: 20k/s")):
            want = self.run_workers(system, 1, options + rate, clock)[:2]
            self.assertEqual(len(want[0].splitlines()) + len(want[1]), 4001)
            for cnt in (3, 10):
                got = self.run_workers(system, cnt, options + rate, clock)[:2]
                self.assertEqual(got, want, f"{system}, {cnt} threads, {clock}{rate}")

    def test_each_thread_makes_its_share_and_says_so_once_a_second(self):
        out, _, log = self.run_workers("transactions", 3, "rate: 30/s, duration: 3s", "wall")
        self.assertEqual(len(out.splitlines()), 90)
        for thread in range(3):
            made = self.summary()["nodes"][thread]
            self.assertEqual((made["name"], made["instance"], made["rows_out"]), ("in", thread, 30))
            said = [int(n) for n in
                    re.findall(rf"thread {thread}: Throughput: (\d+) records/sec", log)]
            self.assertIn(len(said), (2, 3, 4), log)
            self.assertTrue(all(6 <= n <= 14 for n in said), log)
        _, _, log = self.run_workers("transactions", 1, "rate: 5/s, duration: 2s", "wall")
        self.assertRegex(log, r"thread 0: Throughput: \d+ records/sec")


class Files(Distribution):
    """What gen writes, and what a file source makes of it."""

    FAULTS = ("--malformed", "5%", "--late", "10%:2h", "--duplicates", "3%")

    def test_malformed_rows_are_broken_lines_in_their_place(self):
        for system in SYSTEMS:
            clean = self.generate(system, count=2000)
            result = self.millrace("gen", system, "--count", 2000, "--seed", SEED, "--clock", CLOCK,
                                   "--malformed", "5%", "--to", "out.ndjson")
            self.assertEqual((result.code, result.out), (0, ""), result.err)
            lines = (self.dir / "out.ndjson").read_text().splitlines()
            self.assertEqual(len(lines), 2000)
            bad = 0
            for line, event, whole in zip(lines, clean, self.text.splitlines()):
                try:
                    self.assertEqual(json.loads(line), event)
                except json.JSONDecodeError:
                    bad += 1
                    self.assertTrue(whole.startswith(line) and len(line) < len(whole), line)
            self.assert_share(f"malformed {system}", bad, 2000, 0.05)

    def test_a_file_source_reads_what_gen_wrote_and_rejects_what_it_broke(self):
        fields = {"city": "string", "severity": "string", "timestamp": "timestamp",
                  "description": "string", "event_type": "string"}
        for form in ("json", "csv"):
            result = self.millrace("gen", "city", "--count", 5000, "--seed", SEED, "--clock", CLOCK,
                                   *self.FAULTS, "--format", form, "--to", "events")
            self.assertEqual(result.code, 0, result.err)
            self.write("graph.yaml", f"""\
millrace: 1
graph: read
sources: {{ in: {{ type: file, path: events, format: {form}, fields: {json.dumps(fields)} }} }}
sinks: {{ out: {{ type: file, from: in, path: out.ndjson }} }}
""")
            result = self.millrace("run", "graph.yaml", "--summary", "summary.json")
            self.assertEqual(result.code, 0, result.err)
            bad = self.node(self.summary(), "in")["dead_letters"]
            self.assert_share(f"dead letters of {form}", bad, 5000, 0.05)
            rows = self.rows("out.ndjson")
            self.assertEqual(len(rows) + bad, 5000)
            late = sum(millrace.seconds(r["timestamp"]) < START for r in rows)
            self.assert_share(f"late rows of {form}", late, 5000, 0.1)

    def test_threads_write_the_same_file(self):
        first = self.generate("ecommerce", *self.FAULTS[2:], count=5000)
        self.assertEqual(self.generate("ecommerce", *self.FAULTS[2:], "--workers", 3, count=5000),
                         first)

    def test_csv_has_no_lists(self):
        result = self.millrace("gen", "ecommerce", "--count", 5, "--format", "csv")
        self.assertEqual((result.code, result.out), (78, ""))
        self.assertIn("items is list<string>", result.err)


if __name__ == "__main__":
    millrace.main()

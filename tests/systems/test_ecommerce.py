#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The e-commerce graph against an independent recount: every event with all its fields, counts per
minute, users, revenue, sessions, devices. Distinct counts are estimates: each must be near the true
one, and all together nearer."""

import collections
import functools
import math

import system
from system import millrace

SIGMA = 0.046  # relative standard deviation of an estimate, 1.04 / sqrt(512)
EXACT = 48  # distinct values up to which a sketch is a set
COLUMNS = ["key", "event_id", "event_type", "user_id", "timestamp", "device", "location",
           "session_id", "login_method", "success", "page", "referrer", "duration_seconds",
           "item_id", "category", "position", "order_id", "items", "quantities", "total_amount",
           "currency", "payment_method", "quantity", "price", "search_query", "results_count",
           "clicked_position", "event_time", "processing_time"]


class Shop(system.System):
    graph, source, of = "ecommerce.yaml", "streaming_events", "ecommerce"
    count = 40_000  # 800 seconds

    @functools.cached_property
    def all_events(self):
        return self.events()

    @functools.cached_property
    def files(self):
        return self.run_graph()

    def groups(self, length_s, *key):
        """Events by start of their window and the values of `key`."""
        found = collections.defaultdict(list)
        for e in self.all_events:
            found[(system.window_of(e["timestamp"], length_s), *(e[k] for k in key))].append(e)
        return found

    def by_key(self, rows, want, length_s, columns, *key):
        """Rows by start of window and key: the same as of `want`, each once, with these columns."""
        got = {}
        for row in rows:
            self.assertEqual(list(row), columns)
            bounds = row.get("window", row)
            start = bounds["start" if "window" in row else "window_start"]
            end = bounds.get("end", bounds.get("window_end"))
            at = (int(millrace.seconds(start)), *(row[k] for k in key))
            if end:
                self.assertEqual(millrace.seconds(end) - at[0], length_s)
            self.assertNotIn(at, got, "a window is written once")
            got[at] = row
        self.assertEqual(set(got), set(want))
        return got

    def assert_estimates(self, pairs):
        """(estimate, true number): few are counted exactly, each of the others is within five
        sigma, and their root mean square within two (groups that share users err together)."""
        errors = []
        for got, true in pairs:
            if true <= EXACT:
                self.assertEqual(got, true)
            else:
                errors.append(got / true - 1)
                self.assertLess(abs(errors[-1]), 5 * SIGMA, (got, true))
        self.assertTrue(errors)
        self.assertLess(math.hypot(*errors), 2 * SIGMA * math.sqrt(len(errors)))

    def test_every_event_is_kept_with_all_its_fields(self):
        rows = self.files["raw_events"]
        self.assertEqual(len(rows), self.count)
        for row, e in zip(rows, self.all_events):
            self.assertEqual(list(row), COLUMNS)
            self.assertEqual((row["key"], row["event_time"]), (e["user_id"], e["timestamp"]))
            self.assertIsNotNone(row["processing_time"])
            fields = {k: v for k, v in row.items() if v is not None}
            for extra in ("key", "event_time", "processing_time"):
                del fields[extra]
            self.assertEqual(fields, {k: v for k, v in e.items() if v is not None})

    def test_counts_per_minute_and_type(self):
        want = self.groups(60, "event_type")
        got = self.by_key(self.files["event_counts"], want, 60,
                          ["window_start", "window_end", "event_type", "count", "unique_users"],
                          "event_type")
        for at, events in want.items():
            self.assertEqual(got[at]["count"], len(events))
        self.assertEqual(sum(r["count"] for r in got.values()), self.count)
        self.assert_estimates((got[at]["unique_users"], len({e["user_id"] for e in events}))
                              for at, events in want.items())

    def test_what_a_user_did_in_five_minutes_of_every_minute(self):
        want = collections.defaultdict(list)
        for e in self.all_events:
            last = system.window_of(e["timestamp"], 60)
            for start in range(last - 240, last + 60, 60):
                want[start, e["user_id"]].append(e)
        got = self.by_key(self.files["user_activity"], want, 300,
                          ["window_start", "window_end", "user_id", "event_count", "event_types",
                           "first_event", "last_event"], "user_id")
        for at, events in want.items():
            row, times = got[at], [e["timestamp"] for e in events]
            self.assertEqual(row["event_count"], len(events))
            self.assertEqual(row["event_types"], [e["event_type"] for e in events])
            self.assertEqual((row["first_event"], row["last_event"]), (times[0], times[-1]))
        self.assertEqual(sum(r["event_count"] for r in got.values()), 5 * self.count)

    def test_revenue_per_ten_minutes(self):
        amounts, buyers = collections.defaultdict(list), collections.defaultdict(set)
        for e in self.all_events:
            if e["event_type"] == "purchase":
                at = (system.window_of(e["timestamp"], 600),)
                amounts[at].append(e["total_amount"])
                buyers[at].add(e["user_id"])
        got = self.by_key(self.files["purchase_metrics"], amounts, 600,
                          ["window_start", "window_end", "total_orders", "total_revenue",
                           "avg_order_value", "max_order_value", "min_order_value",
                           "unique_buyers"])
        for at, values in amounts.items():
            row, total = got[at], math.fsum(values)
            self.assertEqual(row["total_orders"], len(values))
            self.assertLess(abs(row["total_revenue"] - total), 1e-9 * total)
            self.assertLess(abs(row["avg_order_value"] - total / len(values)), 1e-9 * total)
            self.assertEqual(row["max_order_value"], max(values))
            self.assertEqual(row["min_order_value"], min(values))
        self.assert_estimates((got[at]["unique_buyers"], len(who)) for at, who in buyers.items())

    def test_what_a_session_did_in_five_minutes(self):
        want = self.groups(300, "session_id")
        got = self.by_key(self.files["session_metrics"], want, 300,
                          ["window_start", "session_id", "events_in_session", "session_events",
                           "session_start", "session_end", "session_duration_seconds"],
                          "session_id")
        several = 0
        for at, events in want.items():
            row, times = got[at], [e["timestamp"] for e in events]
            several += len(events) > 1
            self.assertEqual(row["events_in_session"], len(events))
            self.assertEqual(row["session_events"], [e["event_type"] for e in events])
            self.assertEqual((row["session_start"], row["session_end"]), (times[0], times[-1]))
            whole = [int(millrace.seconds(t)) for t in times]
            self.assertEqual(row["session_duration_seconds"], whole[-1] - whole[0])
        self.assertGreater(several, 10)

    def test_devices_and_places_per_ten_minutes(self):
        want = self.groups(600, "device", "location")
        got = self.by_key(self.files["device_stats"], want, 600,
                          ["window", "device", "location", "event_count", "unique_users",
                           "unique_sessions"], "device", "location")
        self.assertEqual({len([k for k in got if k[0] == start])
                          for start in {k[0] for k in got}}, {24})
        for at, events in want.items():
            self.assertEqual(got[at]["event_count"], len(events))
        self.assertEqual(sum(r["event_count"] for r in got.values()), self.count)
        for column, field in (("unique_users", "user_id"), ("unique_sessions", "session_id")):
            self.assert_estimates((got[at][column], len({e[field] for e in events}))
                                  for at, events in want.items())


if __name__ == "__main__":
    millrace.main()

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""join: rows that match, rows that match nothing and late ones, against a recount in nested loops,
for any number of workers; and what a join cannot do, with its place."""

import itertools
import json
import random
import signal

import millrace

EVENTS = """millrace: 1
graph: joined
runtime: { workers: { count: %(workers)d } }
events:
  order: { fields: { t: { type: timestamp, format: unix_ms }, id: { type: int64, optional: true },
                     item: string }, event_time: t }
  pay: { fields: { at: { type: timestamp, format: unix_ms }, order_id: { type: int64 },
                   item: string, amount: { type: double, optional: true } }, event_time: at }
sources:
  orders: { type: file, path: orders.ndjson, format: json, event: order,
            watermark: { delay: %(delay)s } }
  pays: { type: file, path: pays.ndjson, format: json, event: pay }
"""
GRAPH = EVENTS + """steps:
  j: { type: join, left: orders, right: pays, key: { left: [id, item], right: [order_id, item] },
       %(bound)s, kind: %(kind)s, workers: %(workers)d %(more)s,
       select: { t: orders.t, id: orders.id, at: pays.at, item: right.item, amount: amount } }
sinks:
  out: { type: file, from: j, path: out.ndjson }
  late: { type: file, from: j.late, path: late.ndjson }
"""
SMALL = EVENTS % {"workers": 1, "delay": "0s"} + """steps:
  j: { type: join, left: orders, right: pays, key: { left: id, right: order_id }%s }
sinks: { out: { type: file, from: j, path: out.ndjson } }
"""
GOOD = ", within: { after: 1s }, select: { id: id }"


class Join(millrace.Case):
    def make(self, seed, cnt, spread_ms):
        draw = random.Random(seed)
        sides = []
        for name, time, key in (("orders", "t", "id"), ("pays", "at", "order_id")):
            rows = []
            for i in range(cnt):
                k = draw.randrange(80)
                row = {time: 1_760_000_000_000 + i * 100 - draw.randrange(spread_ms),
                       key: k, "item": "a thing with a long name" if k % 3 else "x"}
                if name == "pays":
                    row["amount"] = None if k % 7 == 1 else i / 4
                elif draw.randrange(20) == 0:
                    row["id"] = None
                rows.append(row)
                if draw.randrange(30) == 0:
                    rows.append(rows[draw.randrange(max(0, i - 40), i + 1)])
            self.write(f"{name}.ndjson", "".join(json.dumps(row) + "\n" for row in rows))
            sides.append(rows)
        return sides

    @staticmethod
    def in_time(rows, time, delay_ms):
        out, late, front = [], 0, None
        for row in rows:
            if front is not None and row[time] < front - delay_ms:
                late += 1
            else:
                out.append(row)
            front = row[time] if front is None else max(front, row[time])
        return out, late

    def recount(self, sides, delay_ms, meets, kind):
        orders, late_orders = self.in_time(sides[0], "t", delay_ms)
        pays, late_pays = self.in_time(sides[1], "at", delay_ms)
        out, met = [], set()
        for order in orders:
            alone = True
            for n, pay in enumerate(pays):
                if (order["id"], order["item"]) == (pay["order_id"], pay["item"]) and \
                        meets(order["t"], pay["at"]):
                    out.append((order["t"], order["id"], pay["at"], pay["item"], pay["amount"]))
                    met.add(n)
                    alone = False
            if alone and kind != "inner":
                out.append((order["t"], order["id"], None, None, None))
        for n, pay in enumerate(pays):
            if n not in met and kind == "full":
                out.append((None, None, pay["at"], pay["item"], pay["amount"]))
        return sorted(out, key=repr), late_orders + late_pays

    def run_graph(self, **kwargs):
        self.write("g.yaml", GRAPH % {"delay": "0s", "more": "", "workers": 1, "kind": "inner",
                                      "bound": "within: { after: 10s }", **kwargs})
        return self.millrace("run", "g.yaml", "--quiet", "--summary", "summary.json")

    def check(self, want, late, workers, kind, bound, delay_ms):
        result = self.run_graph(workers=workers, kind=kind, bound=bound, delay=f"{delay_ms}ms")
        self.assertEqual((result.code, result.err), (0, ""))
        time = lambda text: None if text is None else round(millrace.seconds(text) * 1000)
        got = sorted(((time(r["t"]), r["id"], time(r["at"]), r["item"], r["amount"])
                      for r in self.rows("out.ndjson")), key=repr)
        self.assertEqual(len(got), len(want))
        self.assertEqual(got, want)
        summary = self.summary()
        self.assert_accounts(summary)
        node = self.node(summary, "j")
        self.assertEqual((node["rows_out"], node["late"]), (len(want), late))
        self.assertEqual(len(self.rows("late.ndjson")), late)

    def test_pairs_and_rows_that_match_nothing_are_those_of_nested_loops(self):
        sides = self.make(3, 900, 2500)
        interval = "within: { before: 3s, after: 7s }"
        window = "window: { tumbling: 4s, offset: 1s }"
        near = lambda t, at: t - 3000 <= at <= t + 7000
        same = lambda t, at: (t - 1000) // 4000 == (at - 1000) // 4000
        for kind, (bound, meets) in itertools.product(
                ("inner", "left", "full"), ((interval, near), (window, same))):
            want, late = self.recount(sides, 1500, meets, kind)
            self.assertGreater(min(len(want), late), 50)
            for workers in (1, 2, 4):
                self.check(want, late, workers, kind, bound, 1500)

    def test_late_rows_have_the_columns_of_both_sides(self):
        self.write("orders.ndjson", '{"t":5000,"id":1,"item":"a"}\n{"t":1000,"id":2,"item":"b"}\n')
        self.write("pays.ndjson", '{"at":9000,"order_id":1,"item":"a","amount":1}\n'
                                  '{"at":2000,"order_id":3,"item":"c","amount":2}\n')
        self.assertEqual(self.run_graph().code, 0)
        late = sorted(self.rows("late.ndjson"), key=lambda row: row["item"])
        self.assertEqual([list(row.values()) for row in late],
                         [["1970-01-01T00:00:01Z", 2, "b", None, None, None],
                          [None, None, "c", "1970-01-01T00:00:02Z", 3, 2]])
        self.assertEqual(list(late[0]), ["t", "id", "item", "at", "order_id", "amount"])

    def test_state_goes_with_the_watermark_and_a_bound_is_kept(self):
        for name, time, key in (("orders", "t", "id"), ("pays", "at", "order_id")):
            self.write(f"{name}.ndjson", "".join(
                json.dumps({time: i * 10, key: i, "item": "x" * 200}) + "\n" for i in range(40000)))
        result = self.run_graph(bound="within: { after: 2s }", more=", max_state: 4MiB")
        self.assertEqual((result.code, result.err), (0, ""))
        self.assertEqual(len(self.rows("out.ndjson")), 40000)
        self.assertEqual(self.node(self.summary(), "j")["state_keys"], 0)
        result = self.run_graph(bound="within: { after: 2h }", more=", max_state: 4MiB")
        self.assertEqual(result.code, 1)
        self.assertIn("j: no room for a new row: max_state is 4194304 bytes", result.err)
        result = self.run_graph(bound="within: { after: 2h }",
                                more=", max_state: 4MiB, on_full: dead_letter")
        self.assertEqual(result.code, 0)
        summary = self.summary()
        self.assert_accounts(summary)
        letters = self.rows("millrace-data/dead_letters/joined/j.ndjson")
        self.assertEqual(len(letters), self.node(summary, "j")["dead_letters"])
        rows = [json.loads(letter["row"]) for letter in letters]
        self.assertTrue(all(("amount" in row) == ("order_id" in row) for row in rows))

    def test_one_stream_may_be_both_sides(self):
        self.write("pays.ndjson", "")
        self.write("orders.ndjson", "".join(
            json.dumps({"t": i * 1000, "id": i % 2, "item": str(i)}) + "\n" for i in range(6)))
        for workers in (1, 2):
            self.write("g.yaml", EVENTS % {"workers": workers, "delay": "0s"} + """steps:
  j: { type: join, left: orders, right: orders, key: id, within: { after: 2s }, workers: %d,
       select: { a: left.item, b: right.item } }
sinks: { out: { type: file, from: j, path: out.ndjson }, x: { type: null, from: pays } }
""" % workers)
            result = self.millrace("run", "g.yaml", "--quiet", "--summary", "summary.json")
            self.assertEqual((result.code, result.err), (0, ""))
            pairs = sorted(row["a"] + row["b"] for row in self.rows("out.ndjson"))
            self.assertEqual(pairs, sorted(f"{i}{i + d}" for i in range(6) for d in (0, 2)
                                           if i + d < 6))

    def test_why_names_the_side_that_a_join_waits_for(self):
        self.write("orders.ndjson", "".join(
            json.dumps({"t": 1000 * i, "id": i, "item": "a"}) + "\n" for i in range(5)))
        self.write("pays.ndjson", "")
        text = SMALL % (GOOD + ", kind: left")
        self.write("g.yaml", text.replace("format: json,", "format: json, follow: true,"))
        child = self.start("run", "g.yaml", "--quiet")
        told = []

        def waits():
            told[:] = [self.millrace("why", "joined", "j").out]
            return "holds 5 rows" in told[0]

        self.wait_for("a join that waits", waits)
        self.assertIn("waits for the other side", told[0])
        self.assertRegex(told[0], r"held back by +pays.*no event yet")
        self.assertIn("idle_after", told[0])
        child.send_signal(signal.SIGTERM)
        self.assertEqual(child.wait(30), 0)

    def test_without_select_left_comes_before_right_and_a_clash_says_so(self):
        self.write("orders.ndjson", '{"t":5000,"id":1,"item":"a"}\n')
        self.write("pays.ndjson", '{"at":5000,"order_id":1,"item":"b","amount":1}\n')
        self.write("g.yaml", SMALL % ", within: { after: 1s }")
        result = self.millrace("run", "g.yaml", "--quiet")
        self.assertEqual(result.code, 78)
        self.assertIn("MR1009]: left and right both have a column item", result.err)
        text = (self.dir / "g.yaml").read_text().replace(
            "int64 },\n                   item: string", "int64 }")
        self.write("g.yaml", text)
        result = self.millrace("run", "g.yaml", "--quiet")
        self.assertEqual((result.code, result.err), (0, ""))
        self.assertEqual(list(self.rows("out.ndjson")[0]), ["t", "id", "item", "at", "order_id",
                                                            "amount"])

    def test_what_a_join_cannot_do_is_refused_with_its_place(self):
        self.write("orders.ndjson", "")
        self.write("pays.ndjson", "")
        cases = [
            ("", "14:3: error[MR1005]: an unbounded join"),
            (", within: { after: 1s }, window: { tumbling: 1s }",
             "error[MR1009]: a join has within"),
            (", window: { session: 1m }", "error[MR1006]"),
            (", within: { after: 1s }, select: { a: orders.none }", '[MR4011]: no column is named'),
            (", within: { after: 1s }, select: { a: other.id }", "other is none of the join's"),
            (", within: { after: 1s }, select: { a: item }", "item is ambiguous"),
            (", within: { after: 1s }, select: { a: id + 1 }", "not an expression"),
            (", within: { after: 1s }, select: { a: window_start }", "is a column of window joins"),
            (", within: { after: -1s }", "error[MR1004]"),
            (GOOD + ", from: orders", "error[MR1002]"),
            (GOOD + ", kind: right", "error[MR1007]"),
        ]
        for more, says in cases:
            self.write("g.yaml", SMALL % more)
            result = self.millrace("validate", "g.yaml")
            self.assertEqual(result.code, 78, more)
            self.assertIn(says, result.err)
            self.assertRegex(result.err, r"g\.yaml:14:\d+: error")
        for old, new, says in [
                ("right: order_id", "right: item", "[MR2007]: id is int64 on the left and item is"),
                ("right: order_id", "right: [order_id, item]", "key names 1 columns of left and 2"),
                ("left: orders, ", "", 'missing key "left"'),
                ("right: pays", "right: payments", 'no source or step is named "payments"')]:
            self.write("g.yaml", (SMALL % GOOD).replace(old, new, 1))
            result = self.millrace("validate", "g.yaml")
            self.assertEqual(result.code, 78, new)
            self.assertIn(says, result.err)


if __name__ == "__main__":
    millrace.main()

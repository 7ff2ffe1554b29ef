#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""CSV in: rows, dead letters with exact counts, codes and places, and what a header means."""

import collections
import csv
import io
import json
import random

import millrace

GRAPH = """millrace: 1
graph: g
events:
  e:
    fields:
      id: { type: int64 }
      d: { type: double, optional: true }
      s: { type: string, optional: true }
      b: { type: bool, optional: true }
      n: { type: int64, default: 7 }
      kind: { type: string, one_of: [low, high], optional: true }
      t: { type: timestamp }
    event_time: t
sources:
  in: { type: %(source)s, format: csv, event: e%(more)s }
sinks:
  out: { type: file, from: in, path: out.ndjson }
"""
HEADER = b"id,d,s,b,n,kind,t,other\n"
TIME = b"2025-10-13T00:00:00Z"
LONG, UTF8, SYNTAX, TYPE, VALUE, ONE_OF, NO_TIME, CELLS = (
    "MR3001", "MR3002", "MR3003", "MR3006", "MR3007", "MR3008", "MR3009", "MR3011")


def row(d=b"", s=b"", b=b"", n=b"", kind=b"", time=TIME, other=b""):
    return b",".join([b"1", d, s, b, n, kind, time, other])


GOOD = [
    (row(), {}),
    (row(b"1.5", b"x", b"true", b"3", b"high"),
     {"d": 1.5, "s": "x", "b": True, "n": 3, "kind": "high"}),
    (row(s=b'""'), {}),
    (row(s=b'"a, ""b""\nc\r\nd"'), {"s": 'a, "b"\nc\r\nd'}),
    (row(s=b'5" pipe'), {"s": '5" pipe'}),
    (row(s="h\u00e9\U0001f600".encode()), {"s": "h\u00e9\U0001f600"}),
    (row(s=b"y" * 70000), {"s": "y" * 70000}),
    (row(other=b'"unread\n\n"'), {}),
    (row(b'"1e3"', n=b'"-5"', kind=b'"low"'), {"d": 1000, "n": -5, "kind": "low"}),
    (row(n=b"-9223372036854775808"), {"n": -9223372036854775808}),
    (row(time=b"2025-10-13T02:00:00+02:00"), {}),
    (row(time=b"2024-02-29T23:59:59.9999999Z"), {"t": "2024-02-29T23:59:59.999999Z"}),
]
BAD = [
    (b"1", CELLS),
    (row() + b",", CELLS),
    (row()[:-1], CELLS),
    (b'""', CELLS),
    (row(s=b'"x"y'), SYNTAX),
    (row(s=b'"x" '), SYNTAX),
    (row(s=b"a\0b"), SYNTAX),
    (row(other=b"\0"), SYNTAX),
    (row(s=b"\xff"), UTF8),
    (row(other=b"\xed\xa0\x80"), UTF8),
    (row(d=b"x"), TYPE),
    (row(d=b"1e400"), VALUE),
    (row(b=b"1"), TYPE),
    (row(n=b"1.0"), TYPE),
    (row(n=b"9223372036854775808"), VALUE),
    (row(kind=b"urgent"), ONE_OF),
    (row(time=b""), NO_TIME),
    (row(time=b"soon"), VALUE),
    (row(time=b"2025-02-29T00:00:00Z"), VALUE),
    (row(s=b"x" * 200000), LONG),
    (row(s=b'"' + b"x\n" * 100000 + b'"'), LONG),
]


def wanted(values):
    return {**{"id": 1, "d": None, "s": "", "b": None, "n": 7, "kind": None,
               "t": "2025-10-13T00:00:00Z"}, **values}


def newlines(raw):
    return raw.count(b"\n") + raw.count(b"\r") - raw.count(b"\r\n")


class Csv(millrace.Case):
    def run_graph(self, data, source="file", more="", graph=GRAPH):
        more += ", path: in.csv" if source == "file" else ""
        self.write("g.yaml", graph % {"source": source, "more": more})
        self.write("in.csv", data)
        (self.dir / "millrace-data/dead_letters/g/in.ndjson").unlink(missing_ok=True)
        result = self.millrace("run", "g.yaml", "--summary", "summary.json",
                               stdin=data if source == "stdin" else b"")
        self.assertEqual(result.code, 0, result.err)
        self.assert_accounts(self.summary())
        return self.node(self.summary(), "in")

    def letters(self):
        path = "millrace-data/dead_letters/g/in.ndjson"
        return self.rows(path) if (self.dir / path).exists() else []

    def check(self, lines, ends, source="file", header=HEADER, more=""):
        """lines: (bytes, values or None when bad, code). Everything that comes out is known."""
        data, good, bad, line = header, [], [], 1 + newlines(header)
        for (raw, values, code), end in zip(lines, ends):
            if values is not None:
                good.append(wanted(values))
            elif code != "blank":
                bad.append((len(data), line, raw, code))
            data += raw + end
            line += newlines(raw + end)
        counts = self.run_graph(data, source, ", max_line: 100000" + more)
        self.assertEqual(self.rows("out.ndjson"), good)
        letters = self.letters()
        self.assertEqual([(x["position"], x["line"], x["code"]) for x in letters],
                         [(b[0], b[1], b[3]) for b in bad])
        for letter, (_, _, raw, code) in zip(letters, bad):
            if code == LONG:
                self.assertEqual((letter["raw_bytes"], letter["raw"]),
                                 (len(raw), raw[:4096].decode()))
            elif code != UTF8:
                self.assertEqual(letter["raw"].encode(), raw)
        self.assertEqual((counts["rows_in"], counts["rows_out"], counts["dead_letters"]),
                         (len(good) + len(bad), len(good), len(bad)))

    def test_each_kind_alone_gives_one_dead_letter_with_its_code_and_place(self):
        lines = []
        for raw, code in BAD:
            lines += [(row(), {}, None), (raw, None, code)]
        self.check(lines, [b"\n"] * len(lines))

    def test_any_mixture_with_any_line_ends(self):
        kinds = ([(raw, values, None) for raw, values in GOOD] + [(r, None, c) for r, c in BAD[:-2]]
                 + [(b, None, "blank") for b in (b"", b" ", b"\t \t")])
        plain = [(row(n=b"%d" % i), {"n": i}, None) for i in range(100)]
        for seed, ends in enumerate(([b"\n"], [b"\r\n"], [b"\r"], [b"\n", b"\r\n", b"\r"])):
            with self.subTest(seed=seed):
                rng = random.Random(seed)
                lines = [rng.choice(kinds if rng.random() < 0.3 else plain) for _ in range(2000)]
                lines[-1] = (row(), {}, None)
                # a \r before a blank line of \n would be one end with it
                end = [rng.choice(ends) for _ in lines]
                for i, (raw, _, _) in enumerate(lines):
                    if i and raw == b"" and end[i - 1] == b"\r" and end[i] == b"\n":
                        end[i] = b"\r"
                end[-1] = b"" if seed % 2 else b"\n"
                self.check(lines, end, ["file", "stdin"][seed % 2],
                           header=HEADER.replace(b"\n", ends[0]))

    def test_a_quote_that_is_left_open_is_one_dead_letter_where_it_begins(self):
        for rest in (b"", b"\n", b"x\n" + row() + b"\n" + row() + b"\r\n"):
            counts = self.run_graph(HEADER + row() + b"\n" + b'1,,"open' + rest)
            self.assertEqual((counts["rows_out"], counts["dead_letters"]), (1, 1))
            letter = self.letters()[0]
            self.assertEqual((letter["code"], letter["line"]), (SYNTAX, 3))

    def test_header_names_fields_in_any_order_and_under_other_names(self):
        graph = GRAPH.replace("id: { type: int64 }", "id: { type: int64, from: [ID, number] }")
        self.run_graph(b"t,extra,number,s,s\n" + TIME + b",x,5,no,yes\n", graph=graph)
        self.assertEqual(self.rows("out.ndjson"), [wanted({"id": 5, "s": "yes"})])

    def test_without_header_columns_are_in_the_order_of_the_fields(self):
        data = b"1;;a;b;true;;low;" + TIME + b"\n"
        counts = self.run_graph(data.replace(b"a;b", b"'a;b'"), "stdin",
                                ", csv: { header: false, delimiter: ';', quote: \"'\" }")
        self.assertEqual(counts["rows_out"], 1)
        self.assertEqual(self.rows("out.ndjson"), [wanted({"s": "a;b", "b": True, "kind": "low"})])

    def test_tabs_and_no_quotes(self):
        text = HEADER.replace(b",", b"\t") + row(s=b'"a,b').replace(b",", b"\t").replace(
            b'"a\tb', b'"a,b') + b"\n"
        self.run_graph(text, more=", csv: { delimiter: tab, quote: none }")
        self.assertEqual(self.rows("out.ndjson"), [wanted({"s": '"a,b'})])
        self.run_graph(text, more=', csv: { delimiter: "\\t", quote: "" }')
        self.assertEqual(self.rows("out.ndjson"), [wanted({"s": '"a,b'})])

    def test_a_field_that_the_header_lacks_is_missing_in_every_row(self):
        counts = self.run_graph(b"id,s\n1,x\n2,y\n")
        self.assertEqual((counts["rows_out"], counts["dead_letters"]), (0, 2))
        self.assertIn("is missing", self.letters()[0]["cause"])

    def test_untyped_rows_have_the_columns_of_the_header_and_leave_as_objects_of_texts(self):
        self.write("g.yaml", """millrace: 1
graph: g
sources: { in: { type: stdin, format: csv } }
steps: { big: { type: filter, from: in, where: "amount > 100" } }
sinks: { out: { type: stdout, from: big } }
""")
        result = self.millrace("run", "g.yaml", stdin=b'who,amount\nx,50\n"y ""z""",120\nz,\n')
        self.assertEqual(result.code, 0, result.err)
        self.assertEqual(result.lines(), [{"who": 'y "z"', "amount": "120"}])

    def test_the_rows_of_pythons_csv_module_come_back(self):
        for seed in range(3):
            rng = random.Random(seed)
            out, rows = io.StringIO(newline=""), []
            writer = csv.writer(out, quoting=rng.choice([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
            writer.writerow(["id", "s", "t"])
            for i in range(5000):
                text = "".join(rng.choice('ab",\n\r ;\u00e9\t') for _ in range(rng.randrange(30)))
                rows.append(wanted({"id": i, "s": text}))
                writer.writerow([i, text, TIME.decode()])
            counts = self.run_graph(out.getvalue().encode())
            self.assertEqual(counts["dead_letters"], 0)
            self.assertEqual(self.rows("out.ndjson"), rows)

    def refused(self, source, says, events=""):
        self.write("g.yaml", f"millrace: 1\ngraph: g\n{events}sources:\n  in: {source}\n"
                             "sinks:\n  out: { type: stdout, from: in }\n")
        result = self.millrace("validate", "g.yaml")
        self.assertEqual(result.code, 78, result.err)
        for part in says:
            self.assertIn(part, result.err + result.out)

    def test_what_cannot_be_is_refused_with_its_place(self):
        self.refused("{ type: stdin, format: csv, csv: { delimiter: ab } }",
                     ["g.yaml:4:53: error[MR1004]", "a delimiter is one ASCII sign"])
        self.refused("{ type: stdin, format: csv, csv: { quote: ',' } }",
                     ["g.yaml:4:49: error[MR1004]", "same character as the delimiter"])
        self.refused("{ type: stdin, csv: { quote: ',' } }",
                     ["g.yaml:4:27: error[MR1009]", "csv is for format: csv"])
        self.refused("{ type: stdin, format: csv, csv: { header: false } }",
                     ["g.yaml:4:50: error[MR1009]", "without a header"])
        self.refused("{ type: stdin, format: csv, fields: { a: list<int64> } }",
                     ["g.yaml:4:48: error[MR4014]", "a is list<int64>, which CSV cannot hold"])
        self.refused("{ type: stdin, format: csv, event: e }",
                     ["error[MR1009]", "json in the event"],
                     "events: { e: { format: json, fields: { a: int64 } } }\n")


class Sinks(millrace.Case):
    GRAPH = """millrace: 1
graph: g
events:
  e:
    fields:
      id: { type: int64 }
      s: { type: string }
      d: { type: double, optional: true }
      b: { type: bool, optional: true }
      kind: { type: string, one_of: [low, "hi, gh"], optional: true }
      t: { type: timestamp }
    event_time: t
sources: { in: { type: file, path: %(path)s, format: %(format)s, event: e } }
sinks: { out: { %(sink)s, from: in, format: csv%(more)s } }
"""

    def run_graph(self, path, form, sink, more=""):
        self.write("g.yaml", self.GRAPH % {"path": path, "format": form, "sink": sink,
                                           "more": more})
        result = self.millrace("run", "g.yaml", "--summary", "summary.json")
        self.assertEqual(result.code, 0, result.err)
        self.assert_accounts(self.summary())
        return result.out

    def make_rows(self, seed, count):
        rng = random.Random(seed)
        return [{"id": i, "s": "".join(rng.choice('ab",;\n\r \u00e9\t') for _ in
                                       range(rng.randrange(20))),
                 "d": rng.choice([None, 0.1, -2.5, 1e300]), "b": rng.choice([None, True, False]),
                 "kind": rng.choice([None, "low", "hi, gh"]),
                 "t": f"2025-10-13T00:{i // 60 % 60:02d}:{i % 60:02d}.{i % 1000:03d}Z"}
                for i in range(count)]

    def cells(self, row):
        """A row as the sink writes it."""
        time = row["t"].replace(".000Z", "Z")
        flag = "" if row["b"] is None else str(row["b"]).lower()
        return [str(row["id"]), row["s"], "" if row["d"] is None else repr(row["d"]), flag,
                row["kind"] or "", time]

    def test_pythons_csv_module_reads_what_is_written(self):
        rows = self.make_rows(1, 3000)
        self.write("in.ndjson", "".join(json.dumps(r) + "\n" for r in rows))
        for sink in ("type: stdout", "type: file, path: out.csv"):
            self.run_graph("in.ndjson", "json", sink)
        text = (self.dir / "out.csv").read_bytes().decode()
        got = list(csv.reader(io.StringIO(text, newline=""), strict=True))
        self.assertEqual(got[0], ["id", "s", "d", "b", "kind", "t"])
        want = [self.cells(r) for r in rows]
        self.assertEqual([[g[0], g[1], g[2].replace("1e300", "1e+300"), *g[3:]] for g in got[1:]],
                         want)
        self.assertIn('"",', text)  # an empty string is no NULL
        self.assertEqual(self.node(self.summary(), "out")["rows_out"], len(rows))

    def test_what_is_written_reads_back_the_same(self):
        rows = self.make_rows(2, 3000)
        self.write("in.ndjson", "".join(json.dumps(r) + "\n" for r in rows))
        self.run_graph("in.ndjson", "json", "type: file, path: a.csv")
        self.run_graph("a.csv", "csv", "type: file, path: b.csv")
        self.assertEqual((self.dir / "a.csv").read_bytes(), (self.dir / "b.csv").read_bytes())

    def test_a_header_stands_once_in_a_file_that_is_appended_to(self):
        self.write("in.ndjson", "".join(json.dumps(r) + "\n" for r in self.make_rows(3, 1)))
        for _ in range(2):
            self.run_graph("in.ndjson", "json", "type: file, path: out.csv, mode: append")
        lines = (self.dir / "out.csv").read_text().count("id,s,d,b,kind,t\n")
        self.assertEqual(lines, 1)
        self.write("none.ndjson", "")
        out = self.run_graph("none.ndjson", "json", "type: stdout")
        self.assertEqual(out, "id,s,d,b,kind,t\n")
        out = self.run_graph("none.ndjson", "json", "type: stdout", ", csv: { header: false }")
        self.assertEqual(out, "")

    def test_other_signs(self):
        self.write("in.ndjson", json.dumps({**self.make_rows(4, 1)[0], "s": "a;'b', c"}))
        out = self.run_graph("in.ndjson", "json", "type: stdout",
                             ", csv: { delimiter: ';', quote: \"'\" }")
        self.assertIn(";'a;''b'', c';", out)

    def test_columns_that_csv_cannot_hold_are_refused(self):
        self.write("g.yaml", """millrace: 1
graph: g
sources: { in: { type: stdin, fields: { id: int64, tags: list<string> } } }
sinks: { out: { type: stdout, from: in, format: csv } }
""")
        result = self.millrace("validate", "g.yaml")
        self.assertEqual(result.code, 78)
        self.assertIn("g.yaml:4:49: error[MR1009]: column tags is list<string>, which CSV cannot",
                      result.err)


class City(millrace.Case):
    FLAGS = ("--count", 20000, "--clock", "2025-10-13T00:00:00Z,100ms", "--seed", 5)

    def test_the_generator_writes_the_same_events_in_both_formats(self):
        events = self.millrace("gen", "city", *self.FLAGS).lines()
        text = self.millrace("gen", "city", "--format", "csv", *self.FLAGS).out
        self.assertEqual(list(csv.DictReader(io.StringIO(text))), events)
        self.assertEqual(len(events), 20000)
        self.assertEqual(self.millrace("gen", "city", "--format", "tsv").code, 64)

    def test_the_city_graph_counts_what_a_recount_counts(self):
        self.millrace("gen", "city", "--format", "csv", "--to", "city.csv", *self.FLAGS)
        result = self.millrace("run", millrace.ROOT / "configs/city-csv.yaml", "--quiet")
        self.assertEqual(result.code, 0, result.err)
        counts = collections.Counter()
        with open(self.dir / "city.csv", newline="") as file:
            for event in csv.DictReader(file):
                if event["severity"] in ("high", "critical"):
                    start = int(millrace.seconds(event["timestamp"])) // 300 * 300
                    counts[start, event["city"], event["event_type"]] += 1
        with open(self.dir / "millrace-data/city-counts.csv", newline="") as file:
            rows = list(csv.DictReader(file))
        self.assertEqual({(int(millrace.seconds(r["window_start"])), r["city"], r["event_type"]):
                          int(r["event_count"]) for r in rows}, counts)
        self.assertEqual(len(rows), len(counts))


class Times(millrace.Case):
    """Times in several formats, and fields under several names."""

    GRAPH = """millrace: 1
graph: g
sources:
  in:
    type: stdin
    format: %s
    fields:
      ts: { type: timestamp, from: [ts, event_ts],
            format: [rfc3339, "yyyy-MM-dd HH:mm:ss", unix_s, unix_ms] }
      v: { type: int64, optional: true }
sinks: { out: { type: stdout, from: in } }
"""

    def check(self, form, text, wanted):
        self.write("g.yaml", self.GRAPH % form)
        result = self.millrace("run", "g.yaml", stdin=text)
        self.assertEqual(result.code, 0, result.err)
        self.assertEqual([x["ts"] for x in result.lines()], wanted)

    def test_json(self):
        self.check("json", b"""{"ts":"2025-08-20T08:20:00.123Z","v":1}
{"ts":"2025-08-20T08:20:00Z","event_ts":"x"}
{"ts":"2025-08-20T10:20:00+02:00"}
{"event_ts":"2025-08-20T08:20:00.5+00:00","v":2}
{"ts":null,"event_ts":"2025-08-20 08:20:00"}
{"ts":1755678000}
{"ts":1755678000123}
{"ts":"2025-08-20"}
{"v":3}
""", ["2025-08-20T08:20:00.123Z", "2025-08-20T08:20:00Z", "2025-08-20T08:20:00Z",
      "2025-08-20T08:20:00.500Z", "2025-08-20T08:20:00Z", "2025-08-20T08:20:00Z",
      "2025-08-20T08:20:00.123Z"])

    def test_csv(self):
        self.check("csv", b"""event_ts,ts,v
,2025-08-20T08:20:00.123Z,1
x,2025-08-20T08:20:00Z,
2025-08-20T10:20:00+02:00,,
,2025-08-20 08:20:00,
1755678000,,
1755678000123,,
,,3
2025-08-20,,
""", ["2025-08-20T08:20:00.123Z", "2025-08-20T08:20:00Z", "2025-08-20T08:20:00Z",
      "2025-08-20T08:20:00Z", "2025-08-20T08:20:00Z", "2025-08-20T08:20:00.123Z"])


if __name__ == "__main__":
    millrace.main()

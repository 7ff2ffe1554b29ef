#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Bad rows of every kind: dead letters with exact counts, codes and places, and never a crash."""

import base64
import json
import random
import subprocess

import millrace

GRAPH = """millrace: 1
graph: g
runtime: { workers: { count: %(workers)d } }
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
  in: { type: %(source)s, format: json, event: e%(more)s }
sinks:
  out: { type: file, from: in, path: out.ndjson }
"""
TIME = '"t":"2025-10-13T00:00:00Z"'
LONG, UTF8, SYNTAX, DEPTH, MISSING, TYPE, VALUE, ONE_OF, NO_TIME = (
    f"MR300{i}" for i in range(1, 10))
OVERFLOW, DIVISION, BAD_CAST = "MR3021", "MR3022", "MR3023"


def row(text="", time=TIME):
    """A row that is good but for the bytes given."""
    text = text.encode() if isinstance(text, str) else text
    return b'{"id":1,' + (text + b"," if text else b"") + time.encode() + b"}"


def nested(depth):
    """A row with that many open brackets and braces, its own among them."""
    return row('"x":' + "[" * (depth - 1) + "]" * (depth - 1))


GOOD = [
    (row(), {}),
    (row('"d":1.5,"s":"x","b":true,"kind":"high"'),
     {"d": 1.5, "s": "x", "b": True, "kind": "high"}),
    (row('"s":"first","s":"second"'), {"s": "second"}),
    (row('"n":1,"n":2,"x":1,"x":2'), {"n": 2}),
    (row('"n":"a word","n":3'), {"n": 3}),
    (row('"n":null'), {"n": 7}),
    (row('"d":null,"s":null,"b":null,"kind":null'), {}),
    (row('"d":1e308'), {"d": 1e308}),
    (row('"d":-0.1e-400'), {"d": 0}),
    (row('"n":9223372036854775807'), {"n": 9223372036854775807}),
    (row('"n":-9223372036854775808'), {"n": -9223372036854775808}),
    (row('"x":9223372036854775808'), {}),
    (row('"x":123456789012345678901234567890'), {}),
    (row(r'"s":"\ud83d\ude00 \u0000 \\ud800"'), {"s": "\U0001f600 \0 \\ud800"}),
    (row('"s":"h\u00e9\U0001f600"'), {"s": "h\u00e9\U0001f600"}),
    (nested(64), {}),
    (row('"x":"' + "y" * 70000 + '"'), {}),
    (row('"s":"' + "y" * 70000 + '"'), {"s": "y" * 70000}),
    (row(time='"t":"2024-02-29T23:59:59.9999999Z"'), {"t": "2024-02-29T23:59:59.999999Z"}),
    (row(time='"t":"2025-10-13T02:00:00+02:00"'), {}),
    (b" \t" + row().replace(b",", b" , ").replace(b":1", b" : 1") + b"  \t", {}),
]
BAD = [
    (b"not json", SYNTAX),
    (b"{", SYNTAX),
    (b"}", SYNTAX),
    (b"[1]", SYNTAX),
    (b"17", SYNTAX),
    (b'"x"', SYNTAX),
    (b"null", SYNTAX),
    (row() + b" x", SYNTAX),
    (row() + row(), SYNTAX),
    (row() + b"]", SYNTAX),
    (row()[:-1], SYNTAX),
    (row()[:-9], SYNTAX),
    (b"'" + row()[1:], SYNTAX),
    (row('"x":tru'), SYNTAX),
    (row('"x":01'), SYNTAX),
    (row('"x":.5'), SYNTAX),
    (row('"x":1.'), SYNTAX),
    (row('"x":+1'), SYNTAX),
    (row('"x":NaN'), SYNTAX),
    (row('"x":[1,]'), SYNTAX),
    (row('"x":"\t"'), SYNTAX),
    (row('"x":"\\x"'), SYNTAX),
    (row('"x":1,,"y":2'), SYNTAX),
    (row('x:1'), SYNTAX),
    (b'{"id":1' + b"\0," + TIME.encode() + b"}", SYNTAX),
    (row(b'"s":"a\0b"'), SYNTAX),
    (row(b'"x":"a\0b"'), SYNTAX),
    (row() + b"\0", SYNTAX),
    (b"\0", SYNTAX),
    (b"\0" * 100, SYNTAX),
    (row(b'"s":"\xff"'), UTF8),
    (row(b'"x":"\xff"'), UTF8),
    (row(b'"\xff":1'), UTF8),
    (row(b'"s":"\xc0\xaf"'), UTF8),
    (row(b'"s":"\xed\xa0\x80"'), UTF8),
    (row(b'"s":"\xf4\x90\x80\x80"'), UTF8),
    (row(b'"s":"\xe2\x82"'), UTF8),
    (b"\xff\xfe", UTF8),
    (row('"d":1e400'), SYNTAX),
    (row('"x":1e400'), SYNTAX),
    (row('"x":[{"y":-1e400}]'), SYNTAX),
    (row('"x":' + "9" * 400), SYNTAX),
    (row(r'"s":"\ud800"'), SYNTAX),
    (row(r'"x":"\udc00"'), SYNTAX),
    (row(r'"x":"\ud800\u0041"'), SYNTAX),
    (row(r'"\ud800":1'), SYNTAX),
    (nested(65), DEPTH),
    (nested(10000), DEPTH),
    (row('"x":' + '{"y":' * 10000 + "1" + "}" * 10000), DEPTH),
    (row('"x":' + "[" * 10000), None),
    (row().replace(b'"id":1,', b""), MISSING),
    (row().replace(b"1", b"null", 1), MISSING),
    (row('"n":1.5'), TYPE),
    (row('"n":"1"'), TYPE),
    (row('"n":true'), TYPE),
    (row('"d":"1"'), TYPE),
    (row('"s":1'), TYPE),
    (row('"s":{}'), TYPE),
    (row('"b":1'), TYPE),
    (row('"b":"true"'), TYPE),
    (row('"kind":1'), TYPE),
    (row('"n":3,"n":"a word"'), TYPE),
    (row('"n":9223372036854775808'), VALUE),
    (row('"n":-9223372036854775809'), VALUE),
    (row('"n":100000000000000000000'), VALUE),
    (row('"kind":"urgent"'), ONE_OF),
    (row('"kind":""'), ONE_OF),
    (row(time='"t":17'), TYPE),
    (row(time='"t":"soon"'), VALUE),
    (row(time='"t":"2025-02-30T00:00:00Z"'), VALUE),
    (row(time='"t":"2025-02-29T00:00:00Z"'), VALUE),
    (row(time='"t":"2025-13-01T00:00:00Z"'), VALUE),
    (row(time='"t":"2025-10-13T24:00:00Z"'), VALUE),
    (row(time='"t":"2025-10-13T00:00:60Z"'), VALUE),
    (row(time='"t":"2016-12-31T23:59:60Z"'), VALUE),
    (row(time='"t":null'), NO_TIME),
    (row(time='"u":1'), NO_TIME),
    (b"{}", None),
]
BLANK = [b"", b" ", b"\t \t"]


def wanted(values):
    return {**{"id": 1, "d": None, "s": None, "b": None, "n": 7, "kind": None,
               "t": "2025-10-13T00:00:00Z"}, **values}


class Rows(millrace.Case):
    def check_letters(self, letters, bad, data, source, node="in"):
        """bad: (position, line, raw, code or None) of each."""
        self.assertEqual([(d["position"], d["line"]) for d in letters], [b[:2] for b in bad])
        for d, (_, _, raw, code) in zip(letters, bad):
            if code:
                self.assertEqual(d["code"], code, (raw[:100], d["cause"]))
            got = d["raw"].encode() if "raw" in d else base64.b64decode(d["raw_base64"])
            self.assertEqual("raw" in d, is_text(raw))
            self.assertEqual(got, raw)
            self.assertEqual((d["node"], d["source"]), (node, source))
            self.assertRegex(d["time"], r"^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$")
            self.assertTrue(d["cause"])
            self.assertNotIn("row", d)

    def run_rows(self, data, source="file", workers=1, more=""):
        graph = GRAPH % {"workers": workers, "source": source,
                         "more": more + (", path: in.ndjson" if source == "file" else "")}
        self.write("g.yaml", graph)
        self.write("in.ndjson", data)
        (self.dir / "millrace-data/dead_letters/g/in.ndjson").unlink(missing_ok=True)
        result = self.millrace("run", "g.yaml", "--summary", "summary.json",
                               stdin=data if source == "stdin" else b"")
        self.assertEqual(result.code, 0, result.err)
        summary = self.summary()
        self.assert_accounts(summary)
        return summary

    def letters(self):
        path = "millrace-data/dead_letters/g/in.ndjson"
        return self.rows(path) if (self.dir / path).exists() else []

    def check_lines(self, lines, ends, source="file", workers=1, bom=False, more=""):
        """lines: (bytes, values or None when bad, code). Everything that comes out is known."""
        data = b"\xef\xbb\xbf" if bom else b""
        good, bad = [], []
        for i, ((raw, values, code), end) in enumerate(zip(lines, ends)):
            if values is not None:
                good.append(wanted(values))
            elif code != "blank":
                bad.append((len(data), i + 1, raw, code))
            data += raw + end
        summary = self.run_rows(data, source, workers, more)
        self.assertEqual(self.rows("out.ndjson"), good)
        self.check_letters(self.letters(), bad, data, "in.ndjson" if source == "file" else "stdin")
        counts = self.node(summary, "in")
        self.assertEqual((counts["rows_in"], counts["rows_out"], counts["dead_letters"]),
                         (len(good) + len(bad), len(good), len(bad)))
        self.assertEqual(self.node(summary, "out")["rows_out"], len(good))


class BadRows(Rows):
    def test_each_kind_alone_gives_one_dead_letter_with_its_code_and_place(self):
        lines = []
        for raw, code in BAD:
            lines += [(row(), {}, None), (raw, None, code)]
        self.check_lines(lines, [b"\n"] * len(lines))

    def test_good_rows_of_every_kind_pass(self):
        lines = [(raw, values, None) for raw, values in GOOD]
        self.check_lines(lines, [b"\n"] * len(lines))

    def test_the_two_kinds_of_checks_agree_on_all_lines(self):
        lines = [(raw, values, None) for raw, values in GOOD] + [(r, None, c) for r, c in BAD]
        self.check_lines(lines, [b"\n"] * len(lines), more=", check: declared")

    def test_any_mixture_on_any_source_and_number_of_workers(self):
        kinds = ([(raw, values, None) for raw, values in GOOD] + [(r, None, c) for r, c in BAD]
                 + [(b, None, "blank") for b in BLANK])
        plain = [(row(f'"n":{i}'), {"n": i}, None) for i in range(100)]
        for seed in range(6):
            with self.subTest(seed=seed):
                rng = random.Random(seed)
                lines = [rng.choice(kinds if rng.random() < 0.3 else plain) for _ in range(3000)]
                ends = [rng.choice([b"\n", b"\r\n"]) for _ in lines]
                if seed % 2:
                    ends[-1] = b""
                    lines[-1] = (row(), {}, None)
                self.check_lines(lines, ends, ["file", "stdin"][seed % 2], 1 + seed % 2,
                                 bom=seed >= 3)

    def test_a_truncated_last_line_is_a_dead_letter_where_it_begins(self):
        for cut in range(1, len(row())):
            lines = [(row(), {}, None), (row()[:cut], None, SYNTAX)]
            self.check_lines(lines, [b"\n", b""])

    def test_a_last_line_without_newline_is_a_row(self):
        self.check_lines([(row(), {}, None)], [b""])

    def test_inputs_without_any_row(self):
        for data in (b"", b"\xef\xbb\xbf", b"\n\n\r\n", b"\xef\xbb\xbf\r\n"):
            summary = self.run_rows(data)
            self.assertEqual(self.node(summary, "in")["rows_in"], 0)
            self.assertEqual(self.rows("out.ndjson"), [])
            self.assertEqual(self.letters(), [])

    def test_a_byte_order_mark_is_skipped_at_the_start_only(self):
        bom = b"\xef\xbb\xbf"
        self.check_lines([(row(), {}, None), (bom + row(), None, SYNTAX)], [b"\n", b"\n"], bom=True)

    def test_a_crlf_between_has_no_part_in_raw(self):
        self.check_lines([(b"x", None, SYNTAX), (row(), {}, None)], [b"\r\n", b"\r\n"])

    def test_thousands_of_bad_rows_are_all_written(self):
        lines = [(b"bad %d" % i, None, SYNTAX) for i in range(50000)]
        lines[25000] = (row(), {}, None)
        for workers in (1, 2):
            self.check_lines(lines, [b"\n"] * len(lines), workers=workers)


class LongLines(Rows):
    SIZE = 100_000_000

    def long_row(self, size, field="x"):
        head = row(f'"{field}":"@"')
        at = head.index(b"@")
        return head[:at] + b"y" * (size - len(head) + 1) + head[at + 1:]

    def check_long(self, raw, source, workers=1, more=""):
        data = row() + b"\n" + raw + b"\n" + row('"n":2') + b"\n"
        summary = self.run_rows(data, source, workers, more)
        self.assertEqual([r["n"] for r in self.rows("out.ndjson")], [7, 2])
        letter, = self.letters()
        self.assertEqual((letter["code"], letter["position"], letter["line"]),
                         (LONG, len(row()) + 1, 2))
        self.assertEqual(letter["raw"].encode(), raw[:4096])
        self.assertEqual(letter["raw_bytes"], len(raw))
        self.assertEqual(self.node(summary, "in")["dead_letters"], 1)
        return summary

    def test_a_line_of_100_mb_over_the_limit_is_one_dead_letter(self):
        raw = self.long_row(self.SIZE)
        for source in ("file", "stdin"):
            summary = self.check_long(raw, source)
            self.assertLess(summary["peak_rss_bytes"], 128 << 20)

    def test_a_line_of_100_mb_under_a_larger_limit_passes(self):
        raw = self.long_row(self.SIZE)
        self.check_lines([(row(), {}, None), (raw, {}, None), (row(), {}, None)], [b"\n"] * 3,
                         more=f", max_line: {self.SIZE}")

    def test_the_limit_counts_the_line_without_its_end(self):
        for end in (b"\n", b"\r\n"):
            for size, passes in ((1000, True), (1001, False)):
                raw = self.long_row(size)
                data = raw + end
                summary = self.run_rows(data, more=", max_line: 1000")
                self.assertEqual(self.node(summary, "in")["rows_out"], int(passes))
        self.assertEqual(self.letters()[0]["raw_bytes"], 1001)

    def test_lines_around_the_default_limit_of_a_mebibyte(self):
        for size, passes in (((1 << 20) - 1, True), (1 << 20, True), ((1 << 20) + 1, False)):
            raw = self.long_row(size, "s")
            self.run_rows(raw + b"\n" + row() + b"\n")
            rows = self.rows("out.ndjson")
            self.assertEqual(len(rows), 1 + passes)
            if passes:
                self.assertEqual(set(rows[0]["s"]), {"y"})
                self.assertEqual(len(rows[0]["s"]), raw.count(b"y"))

    def test_a_long_line_that_never_ends(self):
        raw = b"x" * 3_000_000
        summary = self.run_rows(row() + b"\n" + raw)
        letter, = self.letters()
        self.assertEqual((letter["code"], letter["raw_bytes"]), (LONG, len(raw)))
        self.assertEqual(self.node(summary, "in")["rows_in"], 2)


STEPS = """millrace: 1
graph: g
runtime: { workers: { count: %d } }
sources:
  in:
    type: file
    path: in.ndjson
    fields: { a: { type: int64 }, b: { type: int64, optional: true }, s: { type: string } }
%s
"""
FILTER = """steps:
  step: { type: filter, from: in, where: "%s"%s }
sinks:
  out: { type: file, from: step, path: out.ndjson }
"""
MAP = """steps:
  step: { type: map, from: in, set: { c: "%s" }%s }
sinks:
  out: { type: file, from: step, path: out.ndjson }
"""


class StepErrors(millrace.Case):
    ROWS = [{"a": i, "b": i % 3, "s": str(i) if i % 5 else "five"} for i in range(5000)]

    def run_steps(self, steps, workers=1, code=0, rows=None):
        self.write("g.yaml", STEPS % (workers, steps))
        self.write("in.ndjson", "".join(json.dumps(r) + "\n" for r in rows or self.ROWS))
        result = self.millrace("run", "g.yaml", "--summary", "summary.json")
        self.assertEqual(result.code, code, result.err)
        self.assert_accounts(self.summary())
        return result

    def letters(self):
        path = self.dir / "millrace-data/dead_letters/g/step.ndjson"
        return self.rows(path) if path.exists() else []

    def check(self, kind, expression, code, cause, is_bad, passes=lambda r: True, rows=None,
              workers=1):
        rows = rows or self.ROWS
        self.run_steps(kind % (expression, ""), workers, rows=rows)
        bad = [r for r in rows if is_bad(r)]
        good = [r for r in rows if not is_bad(r) and passes(r)]
        letters = self.letters()
        self.assertEqual([json.loads(d["row"]) for d in letters], bad)
        for d in letters:
            self.assertEqual((d["code"], d["node"]), (code, "step"))
            self.assertRegex(d["cause"], cause)
            self.assertNotIn("raw", d)
        self.assertEqual([r["a"] for r in self.rows("out.ndjson")], [r["a"] for r in good])
        counts = self.node(self.summary(), "step")
        self.assertEqual((counts["rows_in"], counts["dead_letters"], counts["rows_out"]),
                         (len(rows), len(bad), len(good)))

    def test_division_by_zero_in_a_filter(self):
        self.check(FILTER, "a / b > 10", DIVISION, "division by zero", lambda r: r["b"] == 0,
                   lambda r: r["a"] / r["b"] > 10)

    def test_division_by_zero_in_a_map_on_two_workers(self):
        self.check(MAP, "a / b", DIVISION, "division by zero", lambda r: r["b"] == 0, workers=2)

    def test_null_divided_by_zero_is_no_error(self):
        rows = [{"a": 1, "b": 0, "s": ""}, {"a": 2, "b": None, "s": ""}]
        self.check(MAP, "b / 0", DIVISION, "division", lambda r: r["b"] == 0, rows=rows)

    def test_overflow_in_a_filter_and_in_a_map(self):
        top = 2**63 - 1
        rows = [{"a": a, "b": 0, "s": ""} for a in (1, top, 5, top - 1, -top)]
        self.check(FILTER, "a + 1 > 0", OVERFLOW, "overflow", lambda r: r["a"] == top,
                   lambda r: r["a"] + 1 > 0, rows=rows)
        (self.dir / "millrace-data/dead_letters/g/step.ndjson").unlink()
        self.check(MAP, "a * 2", OVERFLOW, "overflow", lambda r: abs(r["a"]) > 2**62, rows=rows)

    def test_a_bad_cast(self):
        self.check(MAP, "CAST(s AS int64)", BAD_CAST, "cannot be cast", lambda r: r["s"] == "five")

    def test_try_cast_gives_null_instead(self):
        self.run_steps(MAP % ("try_cast(s, 'int64')", ""))
        self.assertEqual([r["c"] for r in self.rows("out.ndjson")],
                         [int(r["s"]) if r["s"] != "five" else None for r in self.ROWS])
        self.assertEqual(self.letters(), [])

    def test_on_error_drop_counts_and_writes_nothing(self):
        self.run_steps(FILTER % ("a / b >= 0", ", on_error: drop"))
        counts = self.node(self.summary(), "step")
        bad = sum(r["b"] == 0 for r in self.ROWS)
        self.assertEqual((counts["dropped"], counts["dead_letters"]), (bad, 0))
        self.assertFalse((self.dir / "millrace-data").exists())

    def test_on_error_fail_ends_1_and_names_node_and_cause(self):
        result = self.run_steps(FILTER % ("a / b >= 0", ", on_error: fail"), code=1)
        self.assertIn("step", result.err)
        self.assertIn("division by zero", result.err)
        self.assertIn(DIVISION, result.err)
        self.assertFalse((self.dir / "millrace-data").exists())

    def test_on_error_of_a_source(self):
        bad = b'{"a":1,"b":1,"s":""}\nx\n{"a":2,"b":1,"s":""}\n'
        for what, code in (("drop", 0), ("fail", 1)):
            self.write("g.yaml", STEPS % (1, FILTER % ("a > 0", "")))
            self.write("in.ndjson", bad)
            result = self.millrace("run", "g.yaml", "--summary", "summary.json", "--set",
                                   f"sources.in.on_error={what}")
            self.assertEqual(result.code, code, result.err)
            self.assertFalse((self.dir / "millrace-data").exists())
            self.assert_accounts(self.summary())
            counts = self.node(self.summary(), "in")
            self.assertEqual(counts["dropped"], int(what == "drop"))
            if what == "drop":
                self.assertEqual([r["a"] for r in self.rows("out.ndjson")], [1, 2])

    def test_a_sink_can_read_the_errors_of_a_node(self):
        for workers in (1, 2):
            sink = "  bad: { type: file, from: step.errors, path: bad.ndjson }\n"
            self.run_steps(FILTER % ("a / b >= 0", "") + sink, workers)
            bad = [r for r in self.ROWS if r["b"] == 0]
            got = self.rows("bad.ndjson")
            self.assertEqual([json.loads(d["row"]) for d in got], bad)
            self.assertEqual(list(got[0]), ["node", "code", "cause", "source", "position", "line",
                                            "time", "raw", "raw_base64", "raw_bytes", "row"])
            self.assertEqual({d["code"] for d in got}, {DIVISION})
            self.assertEqual(self.node(self.summary(), "bad")["rows_in"], len(bad))
            self.assertEqual(len(self.letters()), len(bad))
            (self.dir / "millrace-data/dead_letters/g/step.ndjson").unlink()

    def test_a_dead_letter_has_the_columns_that_nothing_else_reads(self):
        few = """steps:
  step: { type: %s }
  one: { type: map, from: step, select: { x: %s } }
sinks:
  out: { type: file, from: one, path: out.ndjson }
"""
        for kind, column in (('filter, from: in, where: "a / b > 10"', "a"),
                             ('map, from: in, select: { c: "a / b" }', "c"),
                             ('window, from: in, window: { tumbling: 1m }, key: [a], '
                              'select: { c: "max(a / b)" }', "c")):
            text = STEPS % (1, few % (kind, column))
            text = text.replace("s: { type: string } }",
                                "s: { type: string }, t: { type: timestamp } }")
            self.write("g.yaml", self.with_event(text))
            rows = [dict(r, t="2025-10-13T11:30:00Z") for r in self.ROWS]
            self.write("in.ndjson", "".join(json.dumps(r) + "\n" for r in rows))
            result = self.millrace("run", "g.yaml")
            self.assertEqual(result.code, 0, result.err)
            self.assertEqual([json.loads(d["row"]) for d in self.letters()],
                             [r for r in rows if r["b"] == 0], kind)
            (self.dir / "millrace-data/dead_letters/g/step.ndjson").unlink()

    def with_event(self, text):
        """The inline fields of STEPS as an event with a time."""
        lines = text.split("\n")
        at = next(i for i, line in enumerate(lines) if "fields:" in line)
        fields = lines[at].strip()
        lines[at] = "    event: row"
        return "\n".join(lines).replace(
            "sources:", "events:\n  row: { %s, event_time: t }\nsources:" % fields, 1)

    def test_a_dead_letter_of_an_untyped_row_has_the_line(self):
        self.write("g.yaml", """millrace: 1
graph: g
sources: { in: { type: file, path: in.ndjson } }
steps:
  step: { type: filter, from: in, where: "10 / a > 1" }
  one: { type: map, from: step, select: { a: a } }
sinks: { out: { type: file, from: one, path: out.ndjson } }
""")
        self.write("in.ndjson", ' {"z": [1, {"y": 2}], "a": 0 }\n{"a":1}\n')
        result = self.millrace("run", "g.yaml")
        self.assertEqual(result.code, 0, result.err)
        self.assertEqual([d["row"] for d in self.letters()], [' {"z": [1, {"y": 2}], "a": 0 }'])

    def test_columns_are_kept_only_for_steps_whose_rows_may_be_errors(self):
        few = """steps:
  step: { type: filter, from: in, where: "%s"%s }
  one: { type: map, from: step, select: { a: a } }
sinks:
  out: { type: file, from: one, path: out.ndjson }
"""
        for where, extra, pruned in (("a > 10", "", True), ("a / b > 1", "", False),
                                     ("a / b > 1", ", on_error: drop", True),
                                     ("length(upper(s)) + 1 > 3", "", True),
                                     ("CAST(s AS int64) > 3", "", False),
                                     ("unix(now()) - unix(now()) < 3", "", True),
                                     ("a + b > 3", "", False)):
            self.write("g.yaml", STEPS % (1, few % (where, extra)))
            shown = self.millrace("show", "types", "--no-inputs", "g.yaml")
            self.assertEqual(shown.code, 0, shown.err)
            line = shown.out[shown.out.index("in (file)"):].splitlines()[1]
            self.assertEqual("(b" in line or "(s" in line, pruned, (where, shown.out))

    def test_a_filter_can_read_the_errors_of_a_source(self):
        steps = ("steps:\n  few: { type: filter, from: in.errors, where: \"line > 2\" }\n"
                 "sinks:\n  out: { type: file, from: in, path: out.ndjson }\n"
                 "  bad: { type: file, from: few, path: bad.ndjson }\n")
        self.write("g.yaml", STEPS % (1, steps))
        self.write("in.ndjson", '{"a":1,"b":1,"s":""}\nx\ny\n')
        result = self.millrace("run", "g.yaml", "--summary", "summary.json")
        self.assertEqual(result.code, 0, result.err)
        self.assertEqual([(d["line"], d["raw"]) for d in self.rows("bad.ndjson")], [(3, "y")])
        self.assert_accounts(self.summary())


class DeadLetterDisk(millrace.Case):
    def test_a_full_disk_under_the_dead_letters_ends_74(self):
        self.write("g.yaml", GRAPH % {"workers": 1, "source": "stdin", "more": ""})
        small = self.dir / "small"
        small.mkdir()
        script = ('mount -t tmpfs -o size=64k tmpfs "$1" && shift && exec "$@"')
        probe = subprocess.run(["unshare", "-m", "sh", "-c", script, "sh", str(small), "true"],
                               capture_output=True)
        if probe.returncode:
            self.skipTest("no right to mount a tmpfs")
        data = (row() + b"\n" + b"bad row\n" * 10) * 2000
        result = self.millrace("run", "g.yaml", "--summary", "summary.json", "--set",
                               f"runtime.data_dir={small}/data", stdin=data,
                               prefix=["unshare", "-m", "sh", "-c", script, "sh", str(small)])
        self.assertEqual(result.code, 74, result.err)
        self.assertIn("No space left", result.err)
        self.assertIn("small/data/dead_letters/g/in.ndjson", result.err)
        self.assert_accounts(self.summary())
        self.assertEqual(list(self.run_dir.iterdir()), [])

    def test_dead_letters_into_a_place_that_is_none_end_74(self):
        self.write("g.yaml", GRAPH % {"workers": 1, "source": "stdin", "more": ""})
        self.write("plain", "")
        result = self.millrace("run", "g.yaml", "--summary", "summary.json", "--set",
                               "runtime.data_dir=plain", stdin=row() + b"\nx\n")
        self.assertEqual(result.code, 74, result.err)
        self.assertIn("plain/dead_letters", result.err)
        self.assert_accounts(self.summary())


def is_text(raw):
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True


if __name__ == "__main__":
    millrace.main()

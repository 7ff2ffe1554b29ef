# SPDX-License-Identifier: Apache-2.0
"""Rows for the tests of functions, with the edges of every type, and what an expression makes of
them."""

import datetime
import json
import random
import re
import subprocess

EPOCH = datetime.datetime(1970, 1, 1)
DAY = 86400 * 10**6
ERROR = "error"  # stands for an error value

COLUMNS = {
    "a": "int64", "b": "int64", "k": "int64", "x": "double", "y": "double", "s": "string",
    "t": "string", "u": "string", "p": "bool", "ts": "timestamp", "tt": "timestamp",
    "d": "duration", "li": "list<int64>", "ls": "list<string>",
}
GRAPH = """millrace: 1
graph: functions
events:
  row:
    fields:
%s
sources: { in: { type: stdin, event: row } }
sinks: { out: { type: stdout, from: in } }
""" % "\n".join(f'      {name}: {{ type: "{kind}", optional: true }}'
                for name, kind in COLUMNS.items())

INTS = [0, 1, -1, 2, 3, 7, 10, 25, -25, 64, 255, 1000, -1000, 2**31, 2**53 + 1, 2**63 - 1,
        -(2**63)]
DOUBLES = [0.0, -0.0, 1.0, -1.0, 0.5, 1.5, 2.5, -2.5, 2.675, 1.005, 0.15, 1e-7, -1e-300, 1e300,
           1e15, 1e18, 9.3e18, 123.456, -99.995, 3.0, 8.0, 100.0]
TEXTS = ["", "a", "b", "ab", "abc", "ABC", "banana", " a b ", "a.b.c", ".a..b.", "www.apache.org",
         "new YORK-city", "Äpfel und Öl", "日本語", "😀 smile", "straße", "x" * 40, "aaaa", "a,b;c",
         "12", "-7.5", "ff", "1z", "100%", "order_17", "b=22, c=3", "a b&ä~*", "41C3A4", "zz",
         "bWlsbHJhY2U=", "the quick brown fox jumps over the lazy dog", "kitten", "sitting"]
PARTS = ["", "a", "b", "an", ".", " ", "aa", "ä", "x", "語", "quick", "xy", "-_"]


def us(text):
    """Microseconds of an RFC 3339 text in UTC."""
    moment = datetime.datetime.fromisoformat(text.replace("Z", ""))
    return (moment - EPOCH) // datetime.timedelta(microseconds=1)


def moment(micros):
    return EPOCH + datetime.timedelta(microseconds=micros)


def text_of(micros):
    out = moment(micros)
    part = micros % 10**6
    digits = "" if not part else ".%06d" % part if part % 1000 else ".%03d" % (part // 1000)
    return "%04d-%02d-%02dT%02d:%02d:%02d%sZ" % (
        out.year, out.month, out.day, out.hour, out.minute, out.second, digits)


TIMES = [us(text) for text in (
    "1970-01-01T00:00:00", "1969-12-31T23:59:59.500000", "2024-02-29T23:59:59.250000",
    "2000-02-29T00:00:00", "1900-02-28T12:00:00", "2024-12-30T00:00:00", "2021-01-03T10:00:00",
    "2025-01-31T10:00:00", "2025-02-28T10:00:00", "2025-10-13T11:31:25.123456",
    "0001-01-01T00:00:00", "9999-12-31T23:59:59.999999", "2025-12-31T23:59:59.999000")]


def rows(seed, count):
    r = random.Random(seed)

    def value(name):
        kind = COLUMNS[name]
        if r.random() < 0.12:
            return None
        if name == "k":
            return r.randrange(-4, 13)
        if kind == "int64":
            return r.choice(INTS) if r.random() < 0.6 else r.randrange(-2000, 2000)
        if kind == "double":
            return r.choice(DOUBLES) if r.random() < 0.6 else r.randrange(-10**6, 10**6) / 1000
        if kind == "string":
            if name == "u":
                return r.choice(PARTS)
            return r.choice(TEXTS) if r.random() < 0.8 else "".join(
                r.choice("ab. ä語1") for _ in range(r.randrange(20)))
        if kind == "bool":
            return r.random() < 0.5
        if kind == "timestamp":
            return r.choice(TIMES) if r.random() < 0.5 else us("2020-01-01T00:00:00") + r.randrange(
                6 * 365 * DAY)
        if kind == "duration":
            return r.choice([0, 1, -1, 10**6, -3600 * 10**6, DAY, 90 * 60 * 10**6,
                             r.randrange(-10 * DAY, 10 * DAY)])
        return [None if r.random() < 0.2 else
                (r.choice("abc") if kind == "list<string>" else r.randrange(-3, 9))
                for _ in range(r.randrange(5))]

    return [{name: value(name) for name in COLUMNS} for _ in range(count)]


def line(row):
    """A row as millrace reads it."""
    out = dict(row)
    for name, kind in COLUMNS.items():
        if out[name] is None:
            continue
        if kind == "timestamp":
            out[name] = text_of(out[name])
        if kind == "duration":
            out[name] = ("-" if out[name] < 0 else "") + "%d.%06ds" % divmod(abs(out[name]), 10**6)
    return json.dumps(out)


def used(expression):
    """The columns that an expression reads."""
    bare = re.sub(r"'(?:[^']|'')*'", "", expression)
    return [name for name in COLUMNS if re.search(rf"\b{name}\b", bare)]


class Program:
    def __init__(self, program, folder, table):
        self.program, self.table = program, table
        self.graph = folder / "functions.yaml"
        self.graph.write_text(GRAPH)
        self.lines = "".join(line(row) + "\n" for row in table).encode()

    def evaluate(self, expression):
        """A value per row; ERROR where it is an error value."""
        done = subprocess.run(
            [self.program, "expr", "--event", f"{self.graph}:row", expression], input=self.lines,
            capture_output=True, timeout=60)
        said = done.stderr.decode()
        if done.returncode:
            raise AssertionError(f"{expression}: exit {done.returncode}\n{said}")
        values = [json.loads(text) for text in done.stdout.decode().splitlines()]
        if not used(expression) and len(values) == 1:
            return values * len(self.table)
        bad = {int(text.split(":")[0][4:]) for text in said.splitlines() if text.startswith("row ")}
        if len(values) + len(bad) != len(self.table):
            raise AssertionError(f"{expression}: {len(values)} values, {len(bad)} errors\n{said}")
        values.reverse()
        return [ERROR if i + 1 in bad else values.pop() for i in range(len(self.table))]


def number(value):
    """What JSON can carry: NaN and infinities are null."""
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return None
    return value


def same(got, want):
    got, want = number(got), number(want)
    if got == want and isinstance(got, bool) == isinstance(want, bool):
        return True
    numbers = all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in (got, want))
    if not numbers or (isinstance(got, int) and isinstance(want, int)):
        return False
    return abs(got - want) <= 1e-12 * max(abs(got), abs(want), 1e-290)


def duration(text):
    """Microseconds of a duration's text."""
    sign, total = (-1, 0) if text.startswith("-") else (1, 0)
    units = {"h": 3600 * 10**6, "m": 60 * 10**6, "s": 10**6, "ms": 1000, "us": 1}
    for digits, unit in re.findall(r"([0-9.]+)(h|ms|us|m|s)", text):
        whole, _, part = digits.partition(".")
        total += int(whole) * units[unit]
        if part:
            total += int(part) * units[unit] // 10**len(part)
    return sign * total

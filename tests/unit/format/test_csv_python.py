#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The CSV decoder against Python's csv module: which cells a text has, what a cell is as a value.

usage: test_csv_python.py CSV_CAT [SEED]
"""
import csv
import io
import json
import random
import re
import subprocess
import sys

import test_json_python as oracle
from test_json_python import Bad

csv.field_size_limit(1 << 20)
NUMBER = r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?"


def whole(text):
    if not re.fullmatch(r"[+-]?[0-9]+", text, re.ASCII):
        raise Bad("type")
    if not oracle.INT_MIN <= int(text) <= oracle.INT_MAX:
        raise Bad("value")
    return int(text)


def double(text):
    if not re.fullmatch(NUMBER, text, re.ASCII):
        raise Bad("type")
    if abs(float(text)) == float("inf"):
        raise Bad("value")
    return float(text)


def boolean(text):
    if text.lower() not in ("true", "false") or not text.isascii():
        raise Bad("type")
    return text.lower() == "true"


def code(text):
    if text not in oracle.CODES:
        raise Bad("one_of")
    return text


def unix(unit):
    read = oracle.unix(unit)
    return lambda text: read(whole(text))


def times(*readers):
    def read(text):
        for reader in readers:
            try:
                return reader(text)
            except Bad:
                pass
        raise Bad("value")
    return read


def rfc3339(text):
    return oracle.stamp_text(oracle.rfc3339(text))


def text_of(text):
    return text


FIELDS = [  # name in the output, names in the header, reader, value of a missing one
    ("t", ["t"], rfc3339, Bad), ("s", ["s"], text_of, None), ("e", ["e"], code, None),
    ("i", ["i"], whole, None), ("d", ["d"], double, None), ("b", ["b"], boolean, None),
    ("ms", ["ms"], unix(1000), None), ("p", ["p"], oracle.pattern, None),
    ("du", ["du"], None, None), ("li", ["li"], whole, None), ("ls", ["ls"], text_of, None),
    ("le", ["le"], code, None), ("unread", ["unread"], None, None), ("def", ["def"], whole, 7),
    ("sdef", ["sdef"], text_of, "a default on the heap"),
    ("tt", ["tt", "tt2", "tt3"],
     times(rfc3339, oracle.pattern, unix(10 ** 6), unix(1000)), None),
    ("tn", ["n1", "tn"], times(oracle.pattern, unix(1000)), None)]
GROUPS = {"MR3002": "utf8", "MR3003": "syntax", "MR3005": "missing", "MR3006": "type",
          "MR3007": "value", "MR3008": "one_of", "MR3009": "time", "MR3011": "cells"}

TIMES = ["2025-10-13T00:17:02Z", "2025-10-13T23:59:59.25Z", "2024-02-29T01:02:03.123456Z",
         "2025-10-13T00:17:02.1234567+02:00", "2025-10-14 00:00:00Z"]
BAD_TIMES = ["", "2025-02-29T00:00:00Z", "2025-10-13T00:17:60Z", "2025-10-13", "5", " ",
             "2025-10-13T00:17:02", "2025-10-13T24:00:00Z", "2025-10-13T00:17:02Zx"]
STRINGS = ["", "abc", "more than twelve bytes", "a, b", "a;b|c\td", "two\nlines", "two\r\nlines",
           "two\rlines", 'say "hello"', '"', "''", "\u00e4\u20ac\U0001f600", " padded ",
           "a text of sixty-four bytes or more, with a comma, so that it is read in two looks"]
WHOLES = ["0", "-0", "12", "+7", "007", "-9223372036854775808", "9223372036854775807", "123456789",
          "12345678", "1234567890123456", ""]
BAD_WHOLES = ["9223372036854775808", "1.0", "1e3", "--1", "-", "x", "1 ", " 1", "0x1", "1" * 30]
DOUBLES = ["", "0", "1", "-0.0", "0.1", "1e-7", "1.7976931348623157e308", "5e-324", "1E5",
           "123456789012345678901234567890", "0.30000000000000004", "9007199254740993.0", "12.5"]
BAD_DOUBLES = ["1e400", ".1", "1.", "nan", "inf", "0x1", "1,5", "01", "1" + "0" * 309]
ANY_TIMES = ["", "2025-10-13 00:17:02", "1760314622123", "1760314622", "2025-10-13T00:17:02Z",
             "2025-10-13T00:17:02.5-01:00", "253402300799"]
BAD_ANY = ["253402300800000000", "true", "2025-10-13", "1.5", "1" * 30]
MAKERS = {"t": (TIMES, BAD_TIMES), "s": (STRINGS, STRINGS),
          "e": (oracle.CODES + [""], ["lo", "LOW"]),
          "i": (WHOLES, BAD_WHOLES), "d": (DOUBLES, BAD_DOUBLES),
          "b": (["true", "false", "", "True", "FALSE"], ["tru", "0", "yes"]),
          "ms": (["1760314622123", "0", "-1", ""], ["253402300800000", "1.5"]),
          "p": (["2025-10-13 00:17:02", ""], ["2025-13-13 00:17:02", "x"]), "du": ([""], [""]),
          "li": (WHOLES, BAD_WHOLES), "ls": (STRINGS, STRINGS), "le": (oracle.CODES, ["lo"]),
          "unread": (STRINGS, STRINGS), "def": (WHOLES, BAD_WHOLES), "sdef": (STRINGS, STRINGS),
          "tt": (ANY_TIMES, BAD_ANY), "tt2": (ANY_TIMES, BAD_ANY), "tt3": (ANY_TIMES, BAD_ANY),
          "n1": (ANY_TIMES[:3], BAD_ANY), "tn": (ANY_TIMES[:3], BAD_ANY),
          "other": (STRINGS, STRINGS)}


def value_of(names, reader, missing, cells):
    """What a field has in a row, cells being by name."""
    for name in names:
        text = cells.get(name)
        if text is not None and (text or reader is text_of):
            return reader(text)
    if missing is Bad:
        raise Bad("time")
    return missing


def expected(names, cells):
    if len(cells) != len(names):
        raise Bad("cells")
    by_name = dict(zip(names, cells))
    return {out: value_of(keys, reader, missing, by_name)
            for out, keys, reader, missing in FIELDS if out != "unread"}


class Shape:
    def __init__(self, rng):
        self.header = rng.random() < 0.8
        self.quote = rng.choice(['"', '"', "'"])
        self.delimiter = rng.choice([",", ",", ";", "|", "\t"])
        self.end = rng.choice(["\n", "\r\n", "\r"])
        self.quoting = rng.choice([csv.QUOTE_MINIMAL, csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
        self.names = [keys[0] for _, keys, _, _ in FIELDS]
        if self.header:
            self.names = rng.sample(sorted(MAKERS), rng.randrange(2, 12))
            if "t" not in self.names:
                self.names[rng.randrange(len(self.names))] = "t"

    def dialect(self):
        return dict(delimiter=self.delimiter, quotechar=self.quote, lineterminator=self.end,
                    quoting=self.quoting)


def make_text(rng, shape, rows):
    out = io.StringIO(newline="")
    writer = csv.writer(out, **shape.dialect())
    if shape.header:
        writer.writerow(shape.names)
    share = rng.choice([0, 0.01, 0.1])
    for _ in range(rows):
        cells = [rng.choice(MAKERS[name][rng.random() < share]) for name in shape.names]
        if rng.random() < share / 2:
            cells.append(rng.choice(STRINGS))
        elif rng.random() < share / 2:
            cells.pop()
        if any(cells):
            writer.writerow(cells)
        if rng.random() < 0.02:
            out.write(shape.end)
    return out.getvalue()


def compare(shape, text, got):
    reader = csv.reader(io.StringIO(text, newline=""), strict=True, **shape.dialect())
    names = next(reader) if shape.header else shape.names
    rows = bad = 0
    got = iter(got)
    before = reader.line_num
    for cells in reader:
        first, before = before + 1, reader.line_num
        if not cells:
            continue
        found = next(got, b"nothing")
        try:
            row, group = expected(names, cells), None
        except Bad as e:
            row, group = None, e.args[0]
        shown = "%s\ncells: %r\nmillrace: %s\npython: %s" % (
            vars(shape), cells, found[:500], row or group)
        if row is None:
            bad += 1
            code, _, line = found[1:].decode().partition(" ")
            assert found[:1] == b"!" and GROUPS.get(code) == group, shown
            assert int(line) == first, shown
            continue
        rows += 1
        assert found[:1] == b"{", shown
        out = json.loads(found)
        assert list(out) == list(row), shown
        assert all(oracle.same(row[k], out[k]) for k in row), shown
    assert next(got, None) is None, vars(shape)
    return rows, bad


def main():
    cat, seed = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 1
    print("seed", seed)
    rng = random.Random(seed)
    rows = bad = together = 0
    for _ in range(25):
        shape = Shape(rng)
        text = make_text(rng, shape, rng.choice([10, 1000]))
        small = rng.randrange(1, 200)
        for path, size in (("group", 1 << 18), ("single", 1 << 18), ("group", small)):
            done = subprocess.run(
                [cat, path, "header" if shape.header else "plain", shape.delimiter, shape.quote,
                 str(size)], input=text.encode(), capture_output=True, check=True)
            # rows hold line ends only as escapes
            r, b = compare(shape, text, done.stdout.split(b"\n")[:-1])
            rows += r
            bad += b
            together += int(done.stderr.split()[0])
    print(rows, "rows,", bad, "bad ones,", together, "rows together")
    assert rows > 5000 and bad > 100 and together > rows / 4


if __name__ == "__main__":
    main()

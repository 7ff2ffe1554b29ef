#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Verdicts and values of the JSON decoder, and the encoder's text, against Python's json module.

usage: test_json_python.py JSON_CAT [SEED]
"""
import datetime
import json
import math
import random
import re
import subprocess
import sys

CODES = ["low", "medium", "high", "critical", "\u00fcnder", "a text of more than fifteen bytes"]
EPOCH = datetime.datetime(1970, 1, 1)
INT_MIN, INT_MAX = -(2 ** 63), 2 ** 63 - 1


class Bad(Exception):
    """The line is no row; its argument is the group of codes."""


def no_surrogate(text):
    if any(0xD800 <= ord(c) <= 0xDFFF for c in text):
        raise Bad("syntax")
    return text


def parse_number(text):
    value = float(text)
    if math.isinf(value):
        raise Bad("syntax")
    return value


def parse_whole(text):
    parse_number(text)
    return int(text)


def refuse(_):
    raise Bad("syntax")


def check_strings(value, depth):
    if isinstance(value, str):
        no_surrogate(value)
    elif isinstance(value, (list, Pairs)):
        if depth > 64:
            raise Bad("depth")
        items = value if isinstance(value, list) else [x for p in value.pairs for x in p]
        for item in items:
            check_strings(item, depth + 1)


class Pairs:
    def __init__(self, pairs):
        self.pairs = pairs


def parse(line):
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError:
        raise Bad("utf8") from None
    try:
        value = json.loads(text, object_pairs_hook=Pairs, parse_float=parse_number,
                           parse_int=parse_whole, parse_constant=refuse)
    except (json.JSONDecodeError, RecursionError):
        raise Bad("syntax") from None
    check_strings(value, 1)
    if not isinstance(value, Pairs):
        raise Bad("syntax")
    return dict(value.pairs)


def us_of(when):
    return (when - EPOCH) // datetime.timedelta(microseconds=1)


def rfc3339(text):
    m = re.fullmatch(r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d+))?"
                     r"(?:[Zz]|([+-])(\d\d):(\d\d))", text, re.ASCII)
    if not m:
        raise Bad("value")
    try:
        when = datetime.datetime(*(int(x) for x in m.groups()[:6]))
    except ValueError:
        raise Bad("value") from None
    us = us_of(when) + int(((m[7] or "") + "000000")[:6])
    if m[8]:
        if int(m[9]) > 23 or int(m[10]) > 59:
            raise Bad("value")
        us -= (1 if m[8] == "+" else -1) * (int(m[9]) * 3600 + int(m[10]) * 60) * 10 ** 6
    return us


def want(value, types):
    if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
        raise Bad("type")
    return value


def whole(value):
    if isinstance(value, float) and abs(value) >= 2 ** 63:
        raise Bad("number")
    want(value, (int,))
    if not INT_MIN <= value <= INT_MAX:
        raise Bad("number")
    return value


def code(value):
    if want(value, (str,)) not in CODES:
        raise Bad("one_of")
    return value


def stamp_text(us):
    when = EPOCH + datetime.timedelta(microseconds=us)
    fraction = "" if not when.microsecond else (
        ".%03d" % (when.microsecond // 1000) if when.microsecond % 1000 == 0
        else ".%06d" % when.microsecond)
    return when.isoformat(timespec="seconds") + fraction + "Z"


def unix(unit):
    def read(value):
        us = whole(value) * unit
        if not us_of(datetime.datetime.min) <= us <= us_of(datetime.datetime.max):
            raise Bad("value")
        return stamp_text(us)
    return read


def rfc3339_text(value):
    return stamp_text(rfc3339(want(value, (str,))))


def times(*readers):
    """The first format that fits."""
    def read(value):
        if isinstance(value, bool) or not isinstance(value, (str, int)):
            raise Bad("type" if not isinstance(value, float) else "number")
        for reader in readers:
            try:
                return reader(value)
            except Bad:
                pass
        raise Bad("value" if isinstance(value, str) else "number")
    return read


def pattern(value):
    want(value, (str,))
    if not re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", value, re.ASCII):
        raise Bad("value")
    try:
        return stamp_text(us_of(datetime.datetime.strptime(value, "%Y-%m-%d %H:%M:%S")))
    except ValueError:
        raise Bad("value") from None


def each(scalar):
    def read(value):
        want(value, (list,))
        return [None if v is None else scalar(v) for v in value]
    return read


FIELDS = [  # name, reader, default; without one: optional
    ("t", rfc3339_text, Bad),
    ("s", lambda v: want(v, (str,)), None),
    ("e", code, None),
    ("i", whole, None),
    ("d", lambda v: float(want(v, (int, float))), None),
    ("b", lambda v: want(v, (bool,)), None),
    ("ms", unix(1000), None),
    ("p", pattern, None),
    ("du", None, None),
    ("li", each(whole), None),
    ("ls", each(lambda v: want(v, (str,))), None),
    ("le", each(code), None),
    ("def", whole, 7),
    ("sdef", lambda v: want(v, (str,)), "a default on the heap"),
    (("tt", "tt2", "tt3"), times(rfc3339_text, pattern, unix(10 ** 6), unix(1000)), None),
    (("n1", "tn"), times(pattern, unix(1000)), None),
]


def expected(line):
    """The row as a dict, or raises Bad."""
    given, row = parse(line), {}
    for name, reader, default in FIELDS:
        keys = name if isinstance(name, tuple) else (name,)
        name = "tn" if name == ("n1", "tn") else keys[0]
        value = next((given[k] for k in keys if given.get(k) is not None), None)
        if value is not None:
            row[name] = reader(value)
        elif default is Bad:
            raise Bad("time")
        else:
            row[name] = default
    return row


GROUPS = {"MR3002": "utf8", "MR3003": "syntax", "MR3004": "depth", "MR3006": "type",
          "MR3007": "value", "MR3008": "one_of", "MR3009": "time"}

TIMES = ['"2025-10-13T00:17:02Z"', '"2025-10-13T00:17:03.25Z"',
         '"2024-02-29T23:59:59.1234567+02:00"']
BAD_TIMES = ['"2025-02-29T00:00:00Z"', '"2025-10-13T00:17:60Z"', '"2025-10-13"', "5", "null",
             '"2025-10-13T00:17:02"', '"2025-10-13T24:00:00Z"', '"2025-10-13T00:17:02Zx"']
STRINGS = ['""', '"abc"', '"more than twelve bytes"', '"\\n\\u00e4\\ud83d\\ude00\\/"',
           '"\u20ac uro"',
           '"control \\u0001\\u001f \\" \\\\ in a text that is long enough for sixteen"', "null"]
BAD_STRINGS = ['"\\ud800"', '"\\udc00\\ud800"', '"a\tb"', '"\\x"', "7", '"open', "[]"]
WHOLES = ["0", "-0", "12", "-9223372036854775808", "9223372036854775807", "123456789", "null"]
BAD_WHOLES = ["9223372036854775808", "1.0", "1e3", "01", "+1", "-", '"1"', "1e400", "true",
              "123456789012345678901234567890"]
DOUBLES = WHOLES + ["0.1", "-0.0", "1e-7", "1.7976931348623157e308", "5e-324", "1e-400", "1E5",
                    "123456789012345678901234567890", "0.30000000000000004", "9007199254740993.0"]
BAD_DOUBLES = ["1e400", "-1e999", "1.", ".1", "NaN", "Infinity", "0x1", '"1"', "1" + "0" * 309]
ANY_TIMES = ["null", '"2025-10-13 00:17:02"', "1760314622123", "1760314622",
             '"2025-10-13T00:17:02Z"', '"2025-10-13T00:17:02.5-01:00"', "253402300799"]
BAD_ANY_TIMES = ["253402300800000000", "true", '"2025-10-13"', "1.5", "[]", '"17"', "1" * 30]
ANY = ["1", '"x"', "{}", "[]", '{"a":[1,2,{"b":null}]}', "1" + "0" * 300, "[" * 63 + "]" * 63]
BAD_ANY = ["1e400", "[1,]", "{,}", '{"a":1e999}', '["\\ud800"]', "tru", "[" * 64 + "]" * 64,
           "[" * 10000 + "]" * 10000, "[" * 10000]
MAKERS = [
    ("t", TIMES, BAD_TIMES), ("s", STRINGS, BAD_STRINGS),
    ("e", [json.dumps(c) for c in CODES] + ["null"], ['"lo"', '"LOW"', "1", '""']),
    ("i", WHOLES, BAD_WHOLES), ("d", DOUBLES, BAD_DOUBLES),
    ("b", ["true", "false", "null"], ["tru", "0"]),
    ("ms", ["1760314622123", "0", "-1", "null"], ["253402300800000", "1.5", '"0"']),
    ("p", ['"2025-10-13 00:17:02"', "null"], ['"2025-13-13 00:17:02"', '"x"', "1"]),
    ("li", ["[]", "[1, 2,-3]", "[null,1]", "null"], ["[1.5]", "[[1]]", "{}"]),
    ("ls", ["[]", '["a","more than twelve bytes","\\n"]', '["x",null]'], ["[1]", '["\\ud800"]']),
    ("le", ['["low","critical"]', "[null]"], ['["nope"]', "[2]"]),
    ("def", WHOLES, BAD_WHOLES), ("sdef", STRINGS, BAD_STRINGS),
    ("tt", ANY_TIMES, BAD_ANY_TIMES), ("tt2", ANY_TIMES, BAD_ANY_TIMES),
    ("tt3", ANY_TIMES, ["1.5"]),
    ("n1", ANY_TIMES[:3], BAD_ANY_TIMES), ("tn", ANY_TIMES[:3], BAD_ANY_TIMES),
    ("unread", ANY, BAD_ANY), ("other", ANY, BAD_ANY), ("third", WHOLES + STRINGS, BAD_DOUBLES)]


def make_line(rng, shape, bad_share):
    colon, comma, names = shape
    parts = []
    for k in names:
        name, good, bad = MAKERS[k]
        value = rng.choice(bad if rng.random() < bad_share else good)
        parts.append('"%s"%s%s' % (name, colon, value))
    line = bytearray(("{%s}" % comma.join(parts)).encode("utf-8"))
    if rng.random() < 0.03:
        line[rng.randrange(len(line))] = rng.choice(b'"\\{}[]:,0 \x00\xff\x80e-.')
    if rng.random() < 0.01:
        line = line[:rng.randrange(len(line))]
    return bytes(line).replace(b"\n", b" ")


def make_lines(rng, count):
    lines = []
    while len(lines) < count:
        names = rng.sample(range(1, len(MAKERS)), rng.randrange(len(MAKERS)))
        names.insert(rng.randrange(len(names) + 1), 0)
        if rng.random() < 0.2:
            names.append(rng.choice(names))
        plain = rng.random() < 0.6
        shape = (":" if plain else rng.choice([": ", " : "]),
                 "," if plain else rng.choice([", ", " ,"]), names)
        share = rng.choice([0, 0.02, 0.1])
        lines += [make_line(rng, shape, share) for _ in range(300)]
    return [x for x in lines if x.strip(b" \t\r")]


def same(a, b):
    if isinstance(a, float) and isinstance(b, (int, float)) and not isinstance(b, bool):
        return a == b and (isinstance(b, int) or math.copysign(1, a) == math.copysign(1, b))
    if isinstance(a, list):
        return isinstance(b, list) and len(a) == len(b) and all(map(same, a, b))
    return type(a) is type(b) and a == b


def compare(lines, got, how):
    assert len(got) == len(lines), "%s: %d results for %d lines" % (how, len(got), len(lines))
    rows = 0
    for line, text in zip(lines, got):
        try:
            row, group = expected(line), None
        except Bad as e:
            row, group = None, e.args[0]
        shown = "%s\nline: %r\nmillrace: %s\npython: %s" % (
            how, line[:500], text[:500], row or group)
        if row is None:
            found = GROUPS.get(text[1:].decode(), text.decode()) if text[:1] == b"!" else "a row"
            fits = found == group or (group == "number" and found in ("type", "value"))
            fits |= {found, group} == {"depth", "syntax"}  # a line with both
            assert fits, shown
            continue
        rows += 1
        assert text[:1] == b"{", shown
        out = json.loads(text)
        assert list(out) == list(row), shown
        assert all(same(row[k], out[k]) for k in row), shown
    return rows


def main():
    cat, seed = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 1
    print("seed", seed)
    rng = random.Random(seed)
    lines = make_lines(rng, 30000)
    text = b"".join(x + b"\n" for x in lines)
    for path, size in (("template", "1048576"), ("general", "1048576"), ("template", "1024")):
        done = subprocess.run([cat, path, size], input=text, capture_output=True, check=True)
        rows = compare(lines, done.stdout.split(b"\n")[:-1], path)
        print(path, size, len(lines), "lines,", rows, "rows;", done.stderr.decode().strip())
        assert len(lines) * 0.3 < rows < len(lines) * 0.95


if __name__ == "__main__":
    sys.setrecursionlimit(5000)
    main()

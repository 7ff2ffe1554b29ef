#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every function of expressions over random rows, beside a second computation in Python."""

import base64
import datetime
import decimal
import hashlib
import math
import re
import struct
import urllib.parse
import zlib

import function_rows
import millrace
from function_rows import DAY, ERROR, moment, us

SEED = 20251129
ROWS = 160
INT_MAX, INT_MIN = 2**63 - 1, -(2**63)
CASES = []


def case(expression, compute, strict=True):
    """compute(row) is the value; strict: NULL as soon as a column that it reads is."""
    CASES.append((expression, compute, strict))


def whole(value):
    return value if INT_MIN <= value <= INT_MAX else ERROR


def wrap(value):
    """As 64 bits with a sign."""
    return (value + 2**63) % 2**64 - 2**63


def real(compute):
    """ERROR and NaN as C's functions have them."""
    try:
        return compute()
    except OverflowError:
        return float("inf")
    except (ValueError, ZeroDivisionError):
        return float("nan")


# ---- text


def simple(c, full):
    return full if len(full) == 1 else c.title() if len(c.title()) == 1 else c


def upper(s):
    return "".join(simple(c, c.upper()) for c in s)


def lower(s):
    return "".join(c.lower() if len(c.lower()) == 1 else c for c in s)


def substring(s, start, cnt=None):
    lo = start - 1 if start > 0 else len(s) + start if start < 0 else 0
    hi = len(s) if cnt is None else lo + cnt
    return s[max(lo, 0):max(hi, 0)] if hi > lo else ""


def pad(s, n, fill, left):
    if n <= len(s) or not fill:
        return s[:max(n, 0)]
    more = (fill * n)[:n - len(s)]
    return more + s if left else s + more


def translate(s, old, new):
    table = {}
    for i, c in enumerate(old):
        table.setdefault(c, new[i] if i < len(new) else "")
    return "".join(table.get(c, c) for c in s)


def overlay(s, by, start, cnt):
    cnt = len(by) if cnt < 0 else cnt
    return substring(s, 1, start - 1) + by + substring(s, start + cnt)


def split_part(s, by, n):
    if n == 0:
        return ERROR
    parts = s.split(by) if by else [s]
    n = n - 1 if n > 0 else len(parts) + n
    return parts[n] if 0 <= n < len(parts) else ""


def substring_index(s, by, n):
    if not by or not n:
        return ""
    at = -1 if n > 0 else len(s)
    for _ in range(abs(n)):
        at = s.find(by, at + 1) if n > 0 else s.rfind(by, 0, max(at + len(by) - 1, 0))
        if at < 0:
            return s
    return s[:at] if n > 0 else s[at + len(by):]


def levenshtein(a, b):
    line = list(range(len(b) + 1))
    for i, c in enumerate(a):
        line, above = [i + 1], line
        for k, e in enumerate(b):
            line.append(min(above[k + 1] + 1, line[k] + 1, above[k] + (c != e)))
    return line[-1]


def text(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


case("upper(s)", lambda r: upper(r.s))
case("lower(s)", lambda r: lower(r.s))
case("initcap(s)", lambda r: " ".join(upper(w[:1]) + w[1:] for w in lower(r.s).split(" ")))
case("length(s)", lambda r: len(r.s))
case("octet_length(s)", lambda r: len(r.s.encode()))
case("bit_length(s)", lambda r: 8 * len(r.s.encode()))
case("substring(s, k)", lambda r: substring(r.s, r.k))
case("substring(s, k, 3)", lambda r: substring(r.s, r.k, 3))
case("left(s, k)", lambda r: r.s[:max(r.k, 0)])
case("right(s, k)", lambda r: r.s[max(len(r.s) - r.k, 0):] if r.k > 0 else "")
case("trim(s)", lambda r: r.s.strip(" "))
case("trim(s, u)", lambda r: r.s.strip(r.u) if r.u else r.s)
case("ltrim(s, u)", lambda r: r.s.lstrip(r.u) if r.u else r.s)
case("rtrim(s, u)", lambda r: r.s.rstrip(r.u) if r.u else r.s)
case("lpad(s, k, u)", lambda r: pad(r.s, r.k, r.u, True))
case("rpad(s, k, u)", lambda r: pad(r.s, r.k, r.u, False))
case("lpad(s, k)", lambda r: pad(r.s, r.k, " ", True))
case("repeat(s, k)", lambda r: r.s * max(r.k, 0))
case("space(k)", lambda r: " " * max(r.k, 0))
case("reverse(s)", lambda r: r.s[::-1])
case("replace(s, u, t)", lambda r: r.s.replace(r.u, r.t) if r.u else r.s)
case("replace(s, u)", lambda r: r.s.replace(r.u, "") if r.u else r.s)
case("translate(s, 'ab.語', 'xyz')", lambda r: translate(r.s, "ab.語", "xyz"))
case("overlay(s, u, k)", lambda r: overlay(r.s, r.u, r.k, -1))
case("overlay(s, u, k, 2)", lambda r: overlay(r.s, r.u, r.k, 2))
case("concat(s, a, p)", lambda r: r.s + text(r.a) + text(r.p))
case("s || '-' || k", lambda r: f"{r.s}-{r.k}")
case("concat_ws(u, s, a, t)", lambda r: None if r.u is None else r.u.join(
    text(v) for v in (r.s, r.a, r.t) if v is not None), strict=False)
case("starts_with(s, u)", lambda r: r.s.startswith(r.u))
case("ends_with(s, u)", lambda r: r.s.endswith(r.u))
case("contains(s, u)", lambda r: r.u in r.s)
case("position(u IN s)", lambda r: r.s.find(r.u) + 1)
case("instr(s, u)", lambda r: r.s.find(r.u) + 1)
case("locate(u, s, k)", lambda r: 0 if r.k < 1 else 1 if not r.u else r.s.find(r.u, r.k - 1) + 1)
case("split_part(s, u, k)", lambda r: split_part(r.s, r.u, r.k))
case("substring_index(s, u, k)", lambda r: substring_index(r.s, r.u, r.k))
case("ascii(s)", lambda r: ord(r.s[0]) if r.s else 0)
case("chr(a)", lambda r: chr(r.a & 255) if r.a >= 0 else "")
case("levenshtein(s, t)", lambda r: levenshtein(r.s, r.t))
case("levenshtein(s, t, 4)",
     lambda r: -1 if levenshtein(r.s, r.t) > 4 else levenshtein(r.s, r.t))
case("s LIKE '%a_%'", lambda r: re.search("(?s)a.", r.s) is not None)

# ---- regular expressions


def extract(s, pattern, group):
    m = re.search(pattern, s)
    return (m[group] or "") if m else ""


case("s ~ '[0-9]+$'", lambda r: re.search(r"[0-9]+\Z", r.s) is not None)
case("regexp_like(s, '(?i)^ab')", lambda r: re.search("(?i)^ab", r.s) is not None)
case("regexp_extract(s, '(a+)(b)?', 2)", lambda r: extract(r.s, "(a+)(b)?", 2))
case("regexp_extract(s, '[a-z]+', 0)", lambda r: extract(r.s, "[a-z]+", 0))
case("regexp_substr(s, '[^a]b?')", lambda r: extract(r.s, "[^a]b?", 0) or None)
case("regexp_instr(s, '[bä語]')",
     lambda r: (lambda m: m.start() + 1 if m else 0)(re.search("[bä語]", r.s)))
case("regexp_count(s, 'a*')", lambda r: len(re.findall("a*", r.s)))
case("regexp_replace(s, 'a*', '<$0>')", lambda r: re.sub("(a*)", r"<\1>", r.s))
case("regexp_replace(s, '(a)(.)', '$2$1', 2)",
     lambda r: r.s[:1] + re.sub("(a)(.)", r"\2\1", r.s[1:]))

# ---- digests and encodings


def unhex(s):
    try:
        return bytes.fromhex("0" * (len(s) % 2) + s.strip("\n") if " " not in s else "z").decode()
    except ValueError:
        return None


def unbase64(s):
    if not re.fullmatch("[A-Za-z0-9+/]*={0,2}", s) or len(s.rstrip("=")) % 4 == 1:
        return None
    if len(s) % 4 and "=" in s:
        return "?"  # padding that is half there: not compared
    try:
        return base64.b64decode(s.rstrip("=") + "=" * (-len(s.rstrip("=")) % 4)).decode()
    except ValueError:
        return None


def conv(s, old, new):
    s = s.strip(" ")
    if not s:
        return None
    minus = s.startswith("-")
    digits, value = "0123456789abcdefghijklmnopqrstuvwxyz", 0
    for c in s[minus:].lower():
        if c not in digits[:old]:
            break
        value = value * old + digits.index(c)
    if value >= 2**64:
        return ERROR
    if minus:
        value = -value % 2**64 if value < 2**63 else 2**64 - 1
    out = ""
    while value or not out:
        out, value = digits[value % new].upper() + out, value // new
    return out


def rotl(x, n):
    return (x << n | x >> (64 - n)) % 2**64


def xxh64(data, seed):
    """xxHash's own description, for short and long inputs."""
    p1, p2, p3, p4, p5 = (0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9,
                          0x85EBCA77C2B2AE63, 0x27D4EB2F165667C5)
    m, at = 2**64, 0

    def turn(acc, lane):
        return rotl((acc + lane * p2) % m, 31) * p1 % m

    if len(data) >= 32:
        accs = [(seed + p1 + p2) % m, (seed + p2) % m, seed, (seed - p1) % m]
        while at + 32 <= len(data):
            for i in range(4):
                accs[i] = turn(accs[i], struct.unpack_from("<Q", data, at + 8 * i)[0])
            at += 32
        h = sum(rotl(acc, n) for acc, n in zip(accs, (1, 7, 12, 18))) % m
        for acc in accs:
            h = ((h ^ turn(0, acc)) * p1 + p4) % m
    else:
        h = (seed + p5) % m
    h = (h + len(data)) % m
    while at + 8 <= len(data):
        h = (rotl(h ^ turn(0, struct.unpack_from("<Q", data, at)[0]), 27) * p1 + p4) % m
        at += 8
    if at + 4 <= len(data):
        h = (rotl(h ^ struct.unpack_from("<I", data, at)[0] * p1 % m, 23) * p2 + p3) % m
        at += 4
    for byte in data[at:]:
        h = rotl(h ^ byte * p5 % m, 11) * p1 % m
    for shift, factor in ((33, p2), (29, p3), (32, 1)):
        h = (h ^ h >> shift) * factor % m
    return h


def spark_hash(*values):
    h = 42
    for value in values:
        if isinstance(value, str):
            h = xxh64(value.encode(), h)
        elif isinstance(value, bool):
            h = xxh64(struct.pack("<I", value), h)
        elif isinstance(value, float):
            h = xxh64(struct.pack("<d", value or 0.0), h)
        elif value is not None:
            h = xxh64(struct.pack("<q", value), h)
    return wrap(h)


case("hex(a)", lambda r: "%X" % (r.a % 2**64))
case("hex(s)", lambda r: r.s.encode().hex().upper())
case("unhex(s)", lambda r: unhex(r.s))
case("unhex(hex(s)) = s", lambda r: True)
case("bin(a)", lambda r: bin(r.a % 2**64)[2:])
case("conv(s, 16, 7)", lambda r: conv(r.s, 16, 7))
case("base64(s)", lambda r: base64.b64encode(r.s.encode()).decode())
case("unbase64(s)", lambda r: unbase64(r.s))
case("url_encode(s)", lambda r: urllib.parse.quote_plus(r.s, safe="*").replace("~", "%7E"))
case("url_decode(url_encode(s))", lambda r: r.s)
case("md5(s)", lambda r: hashlib.md5(r.s.encode()).hexdigest())
case("sha1(s)", lambda r: hashlib.sha1(r.s.encode()).hexdigest())
for bits in (224, 256, 384, 512):
    case(f"sha2(s, {bits})",
         lambda r, b=bits: getattr(hashlib, f"sha{b}")(r.s.encode()).hexdigest())
case("crc32(s)", lambda r: zlib.crc32(r.s.encode()))
case("xxhash64(s, a, x, p, ts)", lambda r: spark_hash(r.s, r.a, r.x, r.p, r.ts), strict=False)

# ---- formatting


def fixed(x):
    """A double as decimal digits: its shortest ones where it is large."""
    return decimal.Decimal(repr(x)) if abs(x) >= 1e15 else decimal.Decimal(x)


def formatted(r):
    def of(spec, value):
        return "null".rjust(6) if value is None and spec == "6.2f" else (
            "null" if value is None else format(value, spec))
    y = None if r.y is None else fixed(decimal_round(r.y, 2, UP))
    u = "null" if r.u is None else r.u
    return "|".join((of("", r.s), of("6.2f", y), of("+d", r.k),
                     "null" if r.a is None else "%x" % (r.a % 2**64), u.ljust(6), of(",d", r.a)))


case("format_number(y, 2)", lambda r: format(fixed(r.y), ",.2f"))
case("format_number(a, k)", lambda r: None if r.k < 0 else format(r.a, ",d") + (
    "." + "0" * r.k if r.k else ""))
case("format_string('%s|%6.2f|%+d|%x|%-6s|%,d', s, y, k, a, u, a)", formatted, strict=False)

# ---- numbers


def decimal_round(x, digits, mode):
    if x == 0 or abs(x) >= 1e15 and digits >= 0:
        return x
    value = decimal.Decimal(repr(x))
    return float(value.quantize(decimal.Decimal(1).scaleb(-digits), rounding=mode,
                                context=decimal.Context(prec=400)))


def int_round(a, digits, mode):
    if digits >= 0:
        return a
    value = decimal.Decimal(a).scaleb(digits, decimal.Context(prec=60))
    value = int(value.quantize(1, rounding=mode, context=decimal.Context(prec=60)))
    return whole(value * 10**-digits)


def quotient(a, b):
    return abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)


def bucket(x, lo, hi, cnt):
    if cnt <= 0 or lo == hi:
        return None
    below, above = (x < lo, x >= hi) if lo < hi else (x > lo, x <= hi)
    return 0 if below else cnt + 1 if above else int(cnt * abs(x - lo) / abs(hi - lo)) + 1


def log(compute, x, least=0.0):
    return None if x <= least else real(compute)


UP, EVEN, DOWN = decimal.ROUND_HALF_UP, decimal.ROUND_HALF_EVEN, decimal.ROUND_DOWN
case("a + b", lambda r: whole(r.a + r.b))
case("a - b", lambda r: whole(r.a - r.b))
case("a * b", lambda r: whole(r.a * r.b))
case("a / b", lambda r: ERROR if r.b == 0 else r.a / float(r.b))
case("div(a, b)", lambda r: ERROR if r.b == 0 else whole(quotient(r.a, r.b)))
case("a % b", lambda r: ERROR if r.b == 0 else r.a - quotient(r.a, r.b) * r.b)
case("mod(a, k)", lambda r: ERROR if r.k == 0 else r.a - quotient(r.a, r.k) * r.k)
case("x % y", lambda r: ERROR if r.y == 0 else math.fmod(r.x, r.y))
case("pmod(a, k)", lambda r: ERROR if r.k == 0 else (
    r.a % r.k if r.k > 0 else r.a - quotient(r.a, r.k) * r.k))
case("try_add(a, b)", lambda r: (lambda v: None if v == ERROR else v)(whole(r.a + r.b)))
case("try_subtract(a, b)", lambda r: (lambda v: None if v == ERROR else v)(whole(r.a - r.b)))
case("try_multiply(a, b)", lambda r: (lambda v: None if v == ERROR else v)(whole(r.a * r.b)))
case("try_divide(x, k)", lambda r: None if r.k == 0 else r.x / r.k)
case("try_mod(a, k)", lambda r: None if r.k == 0 else r.a - quotient(r.a, r.k) * r.k)
case("try_divide(abs(a), 2)", lambda r: ERROR if r.a == INT_MIN else abs(r.a) / 2)
case("abs(a)", lambda r: whole(abs(r.a)))
case("abs(x)", lambda r: abs(r.x))
case("sign(x)", lambda r: float((r.x > 0) - (r.x < 0)))
case("negative(a)", lambda r: whole(-r.a))
case("positive(a)", lambda r: r.a)
for name, mode in (("round", UP), ("bround", EVEN), ("truncate", DOWN)):
    case(f"{name}(x, 2)", lambda r, m=mode: decimal_round(r.x, 2, m))
    case(f"{name}(x)", lambda r, m=mode: decimal_round(r.x, 0, m))
    case(f"{name}(a, -2)", lambda r, m=mode: int_round(r.a, -2, m))
    case(f"{name}(x, -1)", lambda r, m=mode: decimal_round(r.x, -1, m))
case("rint(x)", lambda r: decimal_round(r.x, 0, EVEN))
case("floor(x)", lambda r: whole(math.floor(r.x)))
case("ceil(x)", lambda r: whole(math.ceil(r.x)))
case("floor(x, 1)", lambda r: decimal_round(r.x, 1, decimal.ROUND_FLOOR))
case("ceil(x, 1)", lambda r: decimal_round(r.x, 1, decimal.ROUND_CEILING))
case("sqrt(x)", lambda r: real(lambda: math.sqrt(r.x)))
case("isnan(sqrt(x))", lambda r: r.x is not None and r.x < 0, strict=False)
case("cbrt(x)", lambda r: math.copysign(abs(r.x) ** (1 / 3), r.x))
case("power(y, k)", lambda r: real(lambda: math.pow(r.y, r.k)))
case("exp(k)", lambda r: math.exp(r.k))
case("expm1(y / 1000)", lambda r: real(lambda: math.expm1(r.y / 1000)))
case("ln(x)", lambda r: log(lambda: math.log(r.x), r.x))
case("log(x)", lambda r: log(lambda: math.log(r.x), r.x))
case("log(3, x)", lambda r: log(lambda: math.log(r.x) / math.log(3), r.x))
case("log10(x)", lambda r: log(lambda: math.log10(r.x), r.x))
case("log2(x)", lambda r: log(lambda: math.log2(r.x), r.x))
case("log1p(x)", lambda r: log(lambda: math.log1p(r.x), r.x, -1.0))
for name in ("sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "asinh", "acosh",
             "atanh", "degrees", "radians"):
    case(f"{name}(k / 4)", lambda r, f=getattr(math, name): (
        float("inf") if abs(r.k) == 4 and f is math.atanh else real(lambda: f(r.k / 4))))
case("cot(k / 4 + 0.1)", lambda r: 1 / math.tan(r.k / 4 + 0.1))
case("sec(k / 4)", lambda r: 1 / math.cos(r.k / 4))
case("csc(k / 4 + 0.1)", lambda r: 1 / math.sin(r.k / 4 + 0.1))
case("atan2(k, x)", lambda r: math.atan2(r.k, r.x + 0.0))
case("hypot(k, y)", lambda r: math.hypot(r.k, r.y))
case("pi() + e()", lambda r: math.pi + math.e)
case("factorial(a)", lambda r: math.factorial(r.a) if 0 <= r.a <= 20 else None)
case("width_bucket(y, 1, 9.5, 4)", lambda r: bucket(r.y, 1, 9.5, 4))
case("width_bucket(k, 8, 0, 4)", lambda r: bucket(r.k, 8, 0, 4))
case("a & b", lambda r: r.a & r.b)
case("a | b", lambda r: r.a | r.b)
case("a ^ b", lambda r: r.a ^ r.b)
case("~a", lambda r: ~r.a)
case("bit_and(a, 255) + bit_or(k, 1) + bit_xor(k, 3) + bit_not(k)",
     lambda r: (r.a & 255) + (r.k | 1) + (r.k ^ 3) + ~r.k)
case("shiftleft(a, k)", lambda r: wrap(r.a << (r.k & 63)))
case("shiftright(a, k)", lambda r: r.a >> (r.k & 63))
case("shiftrightunsigned(a, k)", lambda r: wrap((r.a % 2**64) >> (r.k & 63)))
case("bit_count(a)", lambda r: bin(r.a % 2**64).count("1"))
case("getbit(a, k)", lambda r: r.a >> r.k & 1 if r.k >= 0 else ERROR)

# ---- time


def stamp(value):
    """A datetime as what the program prints; ERROR outside of the years that have a text."""
    return function_rows.text_of(value) if us("0001-01-01") <= value <= us(
        "9999-12-31T23:59:59.999999") else ERROR


def day(micros):
    return micros // DAY * DAY


def add_months(micros, months):
    m = moment(micros)
    year, month = divmod(m.year * 12 + m.month - 1 + months, 12)
    if not 1 <= year <= 9999:
        return None
    for d in (m.day, 30, 29, 28):
        try:
            return us(m.replace(year=year, month=month + 1, day=d).isoformat())
        except ValueError:
            continue
    return None


def last_day(micros):
    m = moment(micros)
    return (m.month == 12 and 31) or (m.replace(day=1, month=m.month + 1) -
                                      datetime.timedelta(days=1)).day


def months_between(x, y):
    a, b = moment(x), moment(y)
    count = (a.year - b.year) * 12 + a.month - b.month
    if a.day == b.day or (a.day == last_day(x) and b.day == last_day(y)):
        return float(count)
    seconds = (a.day - b.day) * 86400 + (x % DAY) // 10**6 - (y % DAY) // 10**6
    return math.floor((count + seconds / (31 * 86400)) * 1e8 + 0.5) / 1e8


def month_count(x, y):
    """Whole months from x to y as java.time counts them."""
    end = moment(y).date()
    if y // DAY > x // DAY and y % DAY < x % DAY:
        end -= datetime.timedelta(days=1)
    if y // DAY < x // DAY and y % DAY > x % DAY:
        end += datetime.timedelta(days=1)
    start = moment(x).date()
    count = (end.year - start.year) * 12 + end.month - start.month
    if count > 0 and end.day < start.day:
        count -= 1
    if count < 0 and end.day > start.day:
        count += 1
    return count


def or_error(value):
    return ERROR if value is None else stamp(value)


def since(micros, digits):
    return micros // 10**(6 - digits)


case("year(ts)", lambda r: moment(r.ts).year)
case("quarter(ts)", lambda r: (moment(r.ts).month + 2) // 3)
case("month(ts)", lambda r: moment(r.ts).month)
case("weekofyear(ts)", lambda r: moment(r.ts).isocalendar()[1])
case("extract(isoyear FROM ts)", lambda r: moment(r.ts).isocalendar()[0])
case("day(ts)", lambda r: moment(r.ts).day)
case("dayofweek(ts)", lambda r: moment(r.ts).isoweekday() % 7 + 1)
case("weekday(ts)", lambda r: moment(r.ts).weekday())
case("dayofyear(ts)", lambda r: moment(r.ts).timetuple().tm_yday)
case("hour(ts)", lambda r: moment(r.ts).hour)
case("minute(ts)", lambda r: moment(r.ts).minute)
case("second(ts)", lambda r: moment(r.ts).second)
case("extract(dow FROM ts)", lambda r: moment(r.ts).isoweekday() % 7)
case("date_part('second', ts)", lambda r: r.ts % (60 * 10**6) / 1e6)
case("extract(day FROM d)", lambda r: int(math.copysign(abs(r.d) // DAY, r.d)))
case("extract(hour FROM d)", lambda r: int(math.copysign(abs(r.d) % DAY // (3600 * 10**6), r.d)))
case("extract(second FROM d)", lambda r: math.copysign(abs(r.d) % (60 * 10**6) / 1e6, r.d))
case("dayname(ts)", lambda r: "Mon Tue Wed Thu Fri Sat Sun".split()[moment(r.ts).weekday()])
case("monthname(ts)", lambda r: "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()[
    moment(r.ts).month - 1])
case("epoch(ts)", lambda r: r.ts / 1e6)
case("unix_timestamp(ts)", lambda r: since(r.ts, 0))
case("unix_seconds(ts)", lambda r: since(r.ts, 0))
case("unix_millis(ts)", lambda r: since(r.ts, 3))
case("unix_micros(ts)", lambda r: r.ts)
case("unix_date(ts)", lambda r: r.ts // DAY)
case("timestamp_seconds(k * 100000)", lambda r: stamp(r.k * 10**11))
case("timestamp_seconds(k / 4)", lambda r: stamp(r.k * 250000))
case("timestamp_millis(k)", lambda r: stamp(r.k * 1000))
case("timestamp_micros(a)", lambda r: stamp(r.a) if abs(r.a) < 10**17 else ERROR)
case("date_from_unix_date(k)", lambda r: stamp(r.k * DAY))
case("from_unixtime(k * 86399)", lambda r: moment(r.k * 86399 * 10**6).isoformat(" "))
case("date_format(ts, 'dd.MM.yyyy HH:mm:ss.SSS')", lambda r: (
    "%02d.%02d.%04d" % (moment(r.ts).day, moment(r.ts).month, moment(r.ts).year) +
    moment(r.ts).strftime(" %H:%M:%S.") + "%03d" % (r.ts % 10**6 // 1000)))
case("to_timestamp(date_format(ts, 'yyyy-MM-dd HH:mm:ss'), 'yyyy-MM-dd HH:mm:ss')",
     lambda r: stamp(r.ts // 10**6 * 10**6))
case("try_to_timestamp(s, 'yyyy')", lambda r: None)
case("to_date(ts)", lambda r: stamp(day(r.ts)))
case("CAST(ts AS date)", lambda r: stamp(day(r.ts)))
case("date_trunc('month', ts)", lambda r: stamp(day(r.ts) - (moment(r.ts).day - 1) * DAY))
case("date_trunc('week', tt)", lambda r: stamp(day(r.tt) - moment(r.tt).weekday() * DAY)
     if r.tt > us("0001-02-01") else stamp(r.tt))
case("trunc(ts, 'year')", lambda r: stamp(us("%04d-01-01" % moment(r.ts).year)))
case("make_timestamp(2000 + k, k, k * 3, 10, 30, y)", lambda r: ERROR if not (
    1 <= r.k <= 10 and 0 <= r.y <= 60 and not (r.k == 10 and False)) else stamp(
    us("%04d-%02d-%02dT10:30:00" % (2000 + r.k, r.k, r.k * 3)) + math.floor(r.y * 1e6 + 0.5)))
case("make_date(2023, 2, k + 20)", lambda r: stamp(us("2023-02-%02d" % (r.k + 20)))
     if r.k + 20 <= 28 else ERROR)
case("make_dt_interval(k, k, k, k / 4) = INTERVAL '1s' * (k * 90060.25)", lambda r: True)
case("date_add(ts, k)", lambda r: stamp(day(r.ts) + r.k * DAY))
case("date_sub(ts, k)", lambda r: stamp(day(r.ts) - r.k * DAY))
case("date_add(ts, d)", lambda r: stamp(r.ts + r.d))
case("ts - d", lambda r: stamp(r.ts - r.d))
case("timestampadd(month, k, ts)", lambda r: or_error(add_months(r.ts, r.k)))
case("timestampadd(quarter, k, tt)", lambda r: or_error(add_months(r.tt, 3 * r.k)))
case("timestampadd(hour, k, ts)", lambda r: stamp(r.ts + r.k * 3600 * 10**6))
case("datediff(ts, tt)", lambda r: r.ts // DAY - r.tt // DAY)
case("timestampdiff(month, ts, tt)", lambda r: month_count(r.ts, r.tt))
case("timestampdiff(year, ts, tt)", lambda r: quotient(month_count(r.ts, r.tt), 12))
case("timestampdiff(minute, ts, tt)", lambda r: quotient(r.tt - r.ts, 60 * 10**6))
case("add_months(ts, k)", lambda r: (lambda m: ERROR if m is None else stamp(day(m)))(
    add_months(r.ts, r.k)))
case("months_between(ts, tt)", lambda r: months_between(r.ts, r.tt))
case("last_day(ts)", lambda r: stamp(day(r.ts) + (last_day(r.ts) - moment(r.ts).day) * DAY))
case("next_day(ts, 'Wed')", lambda r: stamp(
    day(r.ts) + ((2 - moment(r.ts).weekday() - 1) % 7 + 1) * DAY))
case("date_bin(INTERVAL '15m', ts, tt)", lambda r: (lambda v: stamp(v))(
    r.tt + (r.ts - r.tt) // (900 * 10**6) * (900 * 10**6)))
case("(ts - tt) / INTERVAL '1s'", lambda r: (r.ts - r.tt) / 1e6)

# ---- lists


def found(values, compute):
    values = [v for v in values if v is not None]
    return compute(values) if values else None


def overlap(a, b):
    if a is None:
        return None
    if {v for v in a if v is not None} & {v for v in b if v is not None}:
        return True
    return None if a and b and (None in a or None in b) else False


case("size(li)", lambda r: len(r.li))
case("li[k]", lambda r: r.li[r.k - 1] if 1 <= r.k <= len(r.li) else
     r.li[r.k] if r.k < 0 and -r.k <= len(r.li) else None)
case("element_at(ls, -1)", lambda r: r.ls[-1] if r.ls else None)
case("get(ls, k)", lambda r: r.ls[r.k] if 0 <= r.k < len(r.ls) else None)
case("array_contains(li, k)", lambda r: True if r.k in r.li else None if None in r.li else False)
case("array_position(ls, 'b')", lambda r: r.ls.index("b") + 1 if "b" in r.ls else 0)
case("array_min(li)", lambda r: found(r.li, min))
case("array_max(ls)", lambda r: found(r.ls, max))
case("array_sum(li)", lambda r: found(r.li, sum))
case("array_join(ls, ',')", lambda r: ",".join(v for v in r.ls if v is not None))
case("array_join(li, u, '-')", lambda r: r.u.join("-" if v is None else str(v) for v in r.li))

case("array(k, a)", lambda r: [r.k, r.a], strict=False)
case("ARRAY[p, NOT p]", lambda r: [r.p, None if r.p is None else not r.p], strict=False)
case("split(s, '[,. ]')", lambda r: re.split("[,. ]", r.s))
case("split(s, 'a', 2)", lambda r: r.s.split("a", 1))
case("split(s, '')", lambda r: list(r.s) or [""])
case("regexp_extract_all(s, '(a)(.)?', 2)", lambda r: [m[2] or "" for m in re.finditer(
    "(a)(.)?", r.s)])
case("sequence(0, k)", lambda r: list(range(0, r.k + 1)) if r.k >= 0 else list(
    range(0, r.k - 1, -1)))
case("sequence(k, 3, 2)", lambda r: list(range(r.k, 4, 2)) if r.k <= 3 else ERROR)
case("array_append(li, k)", lambda r: None if r.li is None else r.li + [r.k], strict=False)
case("array_prepend(ls, s)", lambda r: None if r.ls is None else [r.s] + r.ls, strict=False)
case("array_remove(li, k)", lambda r: [v for v in r.li if v is None or v != r.k])
case("array_compact(ls)", lambda r: [v for v in r.ls if v is not None])
case("array_distinct(li)", lambda r: list(dict.fromkeys(r.li)))
case("array_sort(ls)", lambda r: sorted(r.ls, key=lambda v: (v is None, v or "")))
case("sort_array(li)", lambda r: sorted(r.li, key=lambda v: (v is not None, v or 0)))
case("sort_array(li, false)", lambda r: sorted(r.li, key=lambda v: (v is None, -(v or 0))))
case("slice(li, k, 2)", lambda r: ERROR if r.k == 0 else [] if r.k < -len(r.li) else r.li[
    (r.k - 1 if r.k > 0 else len(r.li) + r.k):][:2])
case("arrays_overlap(li, array(k, 2))", lambda r: overlap(r.li, [r.k, 2]), strict=False)
case("concat(li, li)", lambda r: r.li + r.li)
case("reverse(ls)", lambda r: r.ls[::-1])
case("array_join(split(upper(s) || ',' || t, ','), '|')",
     lambda r: (upper(r.s) + "," + r.t).replace(",", "|"))

# ---- choice

case("if(p, a, k)", lambda r: r.a if r.p else r.k, strict=False)
case("ifnull(a, k)", lambda r: r.k if r.a is None else r.a, strict=False)
case("nvl2(s, a, k)", lambda r: r.k if r.s is None else r.a, strict=False)
case("greatest(a, b, k)", lambda r: found([r.a, r.b, r.k], max), strict=False)
case("least(s, t, u)", lambda r: found([r.s, r.t, r.u], lambda v: min(v, key=str.encode)),
     strict=False)
case("isnull(s)", lambda r: r.s is None, strict=False)
case("isnotnull(li)", lambda r: r.li is not None, strict=False)
case("nanvl(sqrt(x), k)", lambda r: None if r.x is None else (
    None if r.k is None else float(r.k)) if r.x < 0 else math.sqrt(r.x), strict=False)
case("equal_null(s, t)", lambda r: r.s == r.t, strict=False)
case("nullif(k, 3)", lambda r: None if r.k == 3 else r.k)
case("coalesce(s, t, 'x')", lambda r: next(v for v in (r.s, r.t, "x") if v is not None),
     strict=False)
case("try_cast(s, 'bigint')",
     lambda r: int(r.s) if re.fullmatch(r"[ ]*[+-]?[0-9]+[ ]*", r.s) else None)
case("CAST(s AS bigint)",
     lambda r: int(r.s) if re.fullmatch(r"[ ]*[+-]?[0-9]+[ ]*", r.s) else ERROR)
case("typeof(li)", lambda r: "list<int64>", strict=False)
case("CASE WHEN p THEN 'y' WHEN NOT p THEN 'n' END",
     lambda r: None if r.p is None else "y" if r.p else "n", strict=False)

# Functions that no row can show, or that other tests hold to what they say.
ELSEWHERE = {"now", "ingest_time", "event_time", "record_offset", "record_key", "curdate"}


class Row:
    def __init__(self, values):
        self.__dict__.update(values)


class FunctionValues(millrace.Case):
    def check(self, program, table, expression, compute, strict):
        got = program.evaluate(expression)
        for row, value in zip(table, got):
            null = strict and any(row[c] is None for c in function_rows.used(expression))
            want = None if null else compute(Row(row))
            shown = {c: row[c] for c in function_rows.used(expression)}
            if want != "?" and not function_rows.same(value, want):
                self.fail(f"seed {SEED}: {expression} of {shown} is {value!r}, not {want!r}")

    def test_every_function_gives_what_python_computes(self):
        table = function_rows.rows(SEED, ROWS)
        program = function_rows.Program(self.program(), self.dir, table)
        for expression, compute, strict in CASES:
            with self.subTest(expression):
                self.check(program, table, expression, compute, strict)

    def test_every_function_of_the_page_has_a_case(self):
        page = (millrace.ROOT / "docs/functions.md").read_text()
        names = set(re.findall(r"^\| `(\w+)\(", page, re.M))
        self.assertGreater(len(names), 150)
        tested = {name for expression, _, _ in CASES
                  for name in re.findall(r"(\w+)\(", expression)}
        self.assertEqual(names - tested - ELSEWHERE - {"extract"}, set())

    def test_a_wrong_expectation_is_found(self):
        table = function_rows.rows(SEED, ROWS)
        program = function_rows.Program(self.program(), self.dir, table)
        with self.assertRaises(AssertionError):
            self.check(program, table, "length(s)", lambda r: len(r.s.encode()), True)


if __name__ == "__main__":
    millrace.main()

# SPDX-License-Identifier: Apache-2.0
"""Reads Prometheus text 0.0.4 line by line and says everything that is wrong with it: the form,
and the rules of `promtool check metrics` that can be told from the text alone."""

import math
import re

NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(,|\})')
UNITS = ("_ns", "_us", "_ms", "_milliseconds", "_minutes", "_kb", "_mb", "_kilobytes")


def parse_labels(text, problems, where):
    """The labels of `{...} ` as a dict, and what follows them."""
    labels, at = {}, 1
    while True:
        match = LABEL.match(text, at)
        if not match:
            problems.append(f"{where}: malformed labels")
            return labels, ""
        if match[1] in labels:
            problems.append(f"{where}: label {match[1]} twice")
        labels[match[1]] = match[2]
        at = match.end()
        if match[3] == "}":
            return labels, text[at:]


def base_name(name, types):
    for suffix in ("_bucket", "_sum", "_count"):
        if name.endswith(suffix) and types.get(name[: -len(suffix)]) == "histogram":
            return name[: -len(suffix)]
    return name


def check_histograms(series, types, problems):
    groups = {}
    for (name, labels), value in series.items():
        base = base_name(name, types)
        if types.get(base) == "histogram":
            rest = tuple(x for x in labels if x[0] != "le")
            groups.setdefault((base, rest), {})[name[len(base):], dict(labels).get("le")] = value
    for key, parts in groups.items():
        buckets = sorted((math.inf if le == "+Inf" else float(le), v)
                         for (kind, le), v in parts.items() if kind == "_bucket")
        counts = [v for _, v in buckets]
        if not buckets or buckets[-1][0] != math.inf:
            problems.append(f"{key}: no +Inf bucket")
        elif counts != sorted(counts):
            problems.append(f"{key}: buckets are not cumulative")
        elif counts[-1] != parts.get(("_count", None)):
            problems.append(f"{key}: +Inf is not the count")
        if ("_sum", None) not in parts:
            problems.append(f"{key}: no sum")


def parse(text):
    """series {(name, labels): value}, types {name: type}, problems [text]."""
    series, types, helps, problems, last = {}, {}, {}, [], None
    closed = set()
    if text and not text.endswith("\n"):
        problems.append("no newline at the end")
    for number, line in enumerate(text.splitlines(), 1):
        where = f"line {number}"
        if line.startswith("# "):
            _, word, name, rest = (line.split(" ", 3) + [""])[:4]
            table = helps if word == "HELP" else types
            if word not in ("HELP", "TYPE") or name in table:
                problems.append(f"{where}: {word} {name} again, or no comment of the format")
            table[name] = rest
            continue
        match = NAME.match(line)
        if not match:
            problems.append(f"{where}: no name")
            continue
        name, rest, labels = match[0], line[match.end():], {}
        if rest.startswith("{"):
            labels, rest = parse_labels(rest, problems, where)
        try:
            value = float(rest.strip().replace("Inf", "inf"))
        except ValueError:
            problems.append(f"{where}: {rest!r} is no value")
            continue
        base = base_name(name, types)
        if base not in types or not helps.get(base):
            problems.append(f"{where}: {name} without HELP and TYPE before it")
        if base != last:
            if base in closed:
                problems.append(f"{where}: lines of {base} stand apart")
            closed.add(last)
            last = base
        key = (name, tuple(sorted(labels.items())))
        if key in series:
            problems.append(f"{where}: the same series twice")
        series[key] = value
    for name, kind in types.items():
        if (kind == "counter") != name.endswith("_total"):
            problems.append(f"{name}: only counters end with _total")
        if name.endswith(UNITS) or kind not in ("counter", "gauge", "histogram"):
            problems.append(f"{name}: not a base unit, or not a type: {kind}")
    check_histograms(series, types, problems)
    return series, types, problems


def value(series, name, **labels):
    """The one series that has these labels among its own."""
    found = [v for (n, own), v in series.items()
             if n == name and labels.items() <= dict(own).items()]
    if len(found) != 1:
        raise AssertionError(f"{len(found)} series {name} {labels}")
    return found[0]

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes to the broker ADDRESS as real clients do: a topic per codec, and one with transactions
that commit, abort and stay open. Then prints what a client with read_committed sees of every topic,
a JSON object per record. Run by a Python that has confluent_kafka."""

import json
import os
import sys

import confluent_kafka as kafka
from confluent_kafka.admin import AdminClient, NewTopic

ADDRESS = {"bootstrap.servers": sys.argv[1]}
CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]


def create(*names):
    topics = [NewTopic(n, 1, 1, config={"segment.bytes": "60000"}) for n in names]
    admin = AdminClient(ADDRESS)
    for done in admin.create_topics(topics).values():
        done.result(30)


def produce_codecs():
    for codec in CODECS:
        p = kafka.Producer(ADDRESS | {"compression.codec": codec, "linger.ms": 20,
                                      "enable.idempotence": True, "batch.size": 5000})
        for n in range(3000):
            p.produce(f"c-{codec}", key=None if n % 3 == 0 else f"key-{n % 23}",
                      value=None if n % 7 == 0 else f"value {n} " + "x" * (n % 200),
                      headers=[("number", str(n)), ("none", None)] if n % 5 == 0 else None,
                      timestamp=1700000000000 + n)
            p.poll(0)
        p.flush()


def produce_transactions():
    for name in ("one", "two"):
        p = kafka.Producer(ADDRESS | {"transactional.id": name, "compression.codec": "lz4"})
        p.init_transactions()
        for turn in range(8):
            p.begin_transaction()
            for n in range(60):
                p.produce("txn", key=name, value=f"{name} {turn} {n} " + "y" * 100)
            p.flush()
            if turn % 2:
                p.commit_transaction()
            else:
                p.abort_transaction()
    p = kafka.Producer(ADDRESS)
    p.produce("txn", value="plain")
    p.flush()
    p = kafka.Producer(ADDRESS | {"transactional.id": "open"})
    p.init_transactions()
    p.begin_transaction()
    p.produce("txn", value="open")
    p.flush()
    behind = kafka.Producer(ADDRESS)
    behind.produce("txn", value="behind")
    behind.flush()


def text(value):
    return None if value is None else bytes(value).hex()


def consume(topic):
    c = kafka.Consumer(ADDRESS | {"group.id": "test", "isolation.level": "read_committed",
                                  "enable.partition.eof": True, "enable.auto.commit": False})
    c.assign([kafka.TopicPartition(topic, 0, 0)])
    while True:
        m = c.poll(20)
        if m is None or m.error():
            return
        headers = [{"n": i, "key": k.encode().hex(), "value": text(v)}
                   for i, (k, v) in enumerate(m.headers() or [])]
        print(json.dumps({"topic": topic, "offset": m.offset(), "timestamp": m.timestamp()[1],
                          "key": text(m.key()), "value": text(m.value()), "headers": headers}))


create("txn", *(f"c-{codec}" for codec in CODECS))
produce_codecs()
produce_transactions()
for each in ["txn"] + [f"c-{codec}" for codec in CODECS]:
    consume(each)
sys.stdout.flush()
os._exit(0)  # the open transaction stays open

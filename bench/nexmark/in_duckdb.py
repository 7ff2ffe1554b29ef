# SPDX-License-Identifier: Apache-2.0
"""Runs in the environment of bench/duckdb: queries over a file of Nexmark events.

  in_duckdb.py EVENTS.ndjson < QUERIES        separated by ";;": prints the rows of each as JSON
                                              lines, timestamps as microseconds since the epoch,
                                              and "end"
  in_duckdb.py EVENTS.ndjson OUTPUT < QUERY   writes the rows to a file of JSON lines, with one
                                              thread; only the columns that it reads are parsed
"""

import datetime
import json
import sys

import duckdb

VIEWS = """
CREATE {kind} events AS SELECT * FROM read_json('{path}', format = 'newline_delimited', columns = {{
  event_type: 'VARCHAR', id: 'BIGINT', name: 'VARCHAR', email_address: 'VARCHAR',
  credit_card: 'VARCHAR', city: 'VARCHAR', state: 'VARCHAR', item_name: 'VARCHAR',
  description: 'VARCHAR', initial_bid: 'BIGINT', reserve: 'BIGINT', expires: 'TIMESTAMP',
  seller: 'BIGINT', category: 'BIGINT', auction: 'BIGINT', bidder: 'BIGINT', price: 'BIGINT',
  channel: 'VARCHAR', url: 'VARCHAR', date_time: 'TIMESTAMP', extra: 'VARCHAR' }});
CREATE VIEW person AS SELECT id, name, email_address, credit_card, city, state, date_time, extra
  FROM events WHERE event_type = 'person';
CREATE VIEW auction AS SELECT id, item_name, description, initial_bid, reserve, date_time, expires,
  seller, category, extra FROM events WHERE event_type = 'auction';
CREATE VIEW bid AS SELECT auction, bidder, price, channel, url, date_time, extra
  FROM events WHERE event_type = 'bid';
"""


def plain(value):
    if isinstance(value, datetime.datetime):
        since = value.replace(tzinfo=None) - datetime.datetime(1970, 1, 1)
        return since // datetime.timedelta(microseconds=1)
    return value


def main():
    db = duckdb.connect()
    db.execute("SET TimeZone = 'UTC'")
    path, out = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None
    db.execute(VIEWS.format(path=path, kind="VIEW" if out else "TABLE"))
    if out:
        db.execute("SET threads = 1")
        db.execute(f"COPY ({sys.stdin.read()}) TO '{out}' (FORMAT json)")
        return
    for query in sys.stdin.read().split(";;"):
        found = db.execute(query)
        names = [column[0] for column in found.description]
        for row in found.fetchall():
            print(json.dumps(dict(zip(names, map(plain, row)))))
        print("end")


main()

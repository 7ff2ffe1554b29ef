# SPDX-License-Identifier: Apache-2.0
"""Runs in the environment of bench/duckdb: evaluates one query over a file of Nexmark events and
prints its rows as JSON lines, timestamps as microseconds since the epoch.

  nexmark_duckdb.py EVENTS.ndjson < QUERY
"""

import datetime
import json
import sys

import duckdb

VIEWS = """
CREATE TABLE events AS SELECT * FROM read_json('{path}', format = 'newline_delimited', columns = {{
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
    db.execute(VIEWS.format(path=sys.argv[1]))
    for query in sys.stdin.read().split(";;"):
        found = db.execute(query)
        names = [column[0] for column in found.description]
        for row in found.fetchall():
            print(json.dumps(dict(zip(names, map(plain, row)))))
        print("end")


main()

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The tumbling queries of the e-commerce system in DuckDB: ecommerce.py INPUT FOLDER

INPUT is NDJSON as `millrace gen ecommerce` writes it. It is parsed once, the columns that a query
reads into a table; each query then writes FOLDER/NAME.ndjson. Sums of money are in cents, so that
two outputs can be compared as text; events of a session are sorted.
"""

import sys

import duckdb

TABLE = """
CREATE TABLE events AS
SELECT CAST("timestamp" AS TIMESTAMP) AS ts, event_type, device, location, session_id, total_amount
FROM read_json(?, format = 'newline_delimited', columns = {
  "timestamp": 'VARCHAR', event_type: 'VARCHAR', device: 'VARCHAR', location: 'VARCHAR',
  session_id: 'VARCHAR', total_amount: 'DOUBLE'})
"""
START = "strftime(time_bucket(INTERVAL '{} minutes', ts), '%Y-%m-%dT%H:%M:%SZ') AS window_start"
BUCKET = "time_bucket(INTERVAL '{} minutes', ts)"
QUERIES = {
    "event_counts": (1, "event_type", "", 'event_type, count(*) AS "count"'),
    "purchase_metrics": (10, "", "WHERE event_type = 'purchase'", """
       count(*) AS total_orders,
       CAST(round(sum(total_amount) * 100) AS BIGINT) AS total_revenue,
       CAST(round(avg(total_amount) * 100) AS BIGINT) AS avg_order_value,
       CAST(round(max(total_amount) * 100) AS BIGINT) AS max_order_value,
       CAST(round(min(total_amount) * 100) AS BIGINT) AS min_order_value"""),
    "session_metrics": (5, "session_id", "", """
       session_id, count(*) AS events_in_session,
       list_sort(list(event_type)) AS session_events,
       epoch_ms(min(ts)) AS session_start, epoch_ms(max(ts)) AS session_end,
       CAST(floor(epoch(max(ts))) - floor(epoch(min(ts))) AS BIGINT)
         AS session_duration_seconds"""),
    "device_stats": (10, "device, location", "", "device, location, count(*) AS event_count"),
}

db = duckdb.connect()
db.execute("SET preserve_insertion_order = false")
db.execute(TABLE, [sys.argv[1]])
for name, (minutes, key, where, select) in QUERIES.items():
    group = ", ".join(filter(None, [BUCKET.format(minutes), key]))
    db.execute(f"COPY (SELECT {START.format(minutes)}, {select} FROM events {where} "
               f"GROUP BY {group}) TO '{sys.argv[2]}/{name}.ndjson' (FORMAT json)")

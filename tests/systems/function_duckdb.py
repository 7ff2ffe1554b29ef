# SPDX-License-Identifier: Apache-2.0
"""Evaluates expressions over rows in DuckDB: JSON on stdin and stdout. Run by the Python of
build/duckdb."""

import json
import sys

import duckdb

TYPES = {"int64": "BIGINT", "double": "DOUBLE", "string": "VARCHAR", "bool": "BOOLEAN",
         "timestamp": "TIMESTAMP", "duration": "BIGINT", "list<int64>": "BIGINT[]",
         "list<string>": "VARCHAR[]"}


def main():
    job = json.load(sys.stdin)
    db = duckdb.connect()
    names = list(job["columns"])
    db.execute("CREATE TABLE rows (id INT, %s)" % ", ".join(
        f"{name} {TYPES[job['columns'][name]]}" for name in names))
    places = ", ".join("make_timestamp(CAST(? AS BIGINT))" if job["columns"][n] == "timestamp"
                       else "?" for n in names)
    for i, row in enumerate(job["rows"]):
        db.execute(f"INSERT INTO rows VALUES (?, {places})", [i] + [row[n] for n in names])
    out = []
    for query in job["queries"]:
        try:
            rows = db.execute(f"SELECT {query} FROM rows ORDER BY id").fetchall()
            out.append([row[0] for row in rows])
        except duckdb.Error as e:
            out.append({"error": str(e)})
    json.dump(out, sys.stdout, default=str)


main()

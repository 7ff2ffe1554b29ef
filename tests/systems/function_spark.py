# SPDX-License-Identifier: Apache-2.0
"""Evaluates expressions over rows in Spark: JSON on stdin and stdout. Run by the Python of
build/spark."""

import datetime
import json
import sys

from pyspark.sql import SparkSession, types

TYPES = {"int64": types.LongType(), "double": types.DoubleType(), "string": types.StringType(),
         "bool": types.BooleanType(), "timestamp": types.TimestampType(),
         "duration": types.LongType(), "list<int64>": types.ArrayType(types.LongType()),
         "list<string>": types.ArrayType(types.StringType())}
SHARE = 40  # expressions at a time: generated code has a limit


def plain(value):
    return float(value) if type(value).__name__ == "Decimal" else value


def main():
    job = json.load(sys.stdin)
    names = list(job["columns"])
    schema = types.StructType([types.StructField("id", types.LongType())] + [
        types.StructField(n, types.LongType() if job["columns"][n] == "timestamp"
                          else TYPES[job["columns"][n]]) for n in names])
    spark = (SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
             .config("spark.sql.session.timeZone", "UTC").config("spark.sql.ansi.enabled", "false")
             .config("spark.driver.host", "127.0.0.1")
             .config("spark.driver.bindAddress", "127.0.0.1")
             .config("spark.sql.legacy.timeParserPolicy", "CORRECTED")
             .config("spark.sql.shuffle.partitions", "1").getOrCreate())
    spark.sparkContext.setLogLevel("OFF")
    data = [tuple([i] + [row[n] for n in names]) for i, row in enumerate(job["rows"])]
    frame = spark.createDataFrame(data, schema).coalesce(1)
    for name in names:
        if job["columns"][name] == "timestamp":
            frame = frame.selectExpr("*", f"timestamp_micros({name}) AS {name}_").drop(
                name).withColumnRenamed(f"{name}_", name)
    frame.cache()
    out = []
    for at in range(0, len(job["queries"]), SHARE):
        part = job["queries"][at:at + SHARE]
        try:
            got = frame.orderBy("id").selectExpr(*[f"{q} AS c{i}" for i, q in enumerate(part)])
            rows = got.collect()
            out += [[plain(row[i]) for row in rows] for i in range(len(part))]
        except Exception:  # which of them is it?
            for query in part:
                try:
                    rows = frame.orderBy("id").selectExpr(f"{query} AS c").collect()
                    out.append([plain(row[0]) for row in rows])
                except Exception as e:
                    out.append({"error": str(e)[:500]})
    sys.stdout = sys.__stdout__
    json.dump(out, sys.stdout, default=lambda v: v.isoformat() if isinstance(
        v, datetime.date) else str(v))


main()

# SPDX-License-Identifier: Apache-2.0
"""The city query in Spark: city.py INPUT OUTPUT. As many shuffle partitions as CPUs, no user
interface and no schema to be guessed: the settings in which it was fastest."""

import os
import sys

from pyspark.sql import SparkSession, functions as f

cpus = len(os.sched_getaffinity(0))
spark = (SparkSession.builder.master(f"local[{cpus}]")
         .config("spark.sql.shuffle.partitions", cpus)
         .config("spark.sql.session.timeZone", "UTC")
         .config("spark.ui.enabled", "false")
         .config("spark.ui.showConsoleProgress", "false")
         .config("spark.driver.memory", "2g")
         .config("spark.driver.host", "127.0.0.1")
         .config("spark.driver.bindAddress", "127.0.0.1")
         .getOrCreate())
(spark.read.schema("city STRING, severity STRING, event_type STRING, timestamp TIMESTAMP")
 .json(sys.argv[1])
 .where("severity IN ('high', 'critical')")
 .groupBy(f.window("timestamp", "5 minutes"), "city", "event_type")
 .agg(f.count("*").alias("event_count"))
 .select(f.date_format("window.start", "yyyy-MM-dd'T'HH:mm:ss'Z'").alias("window_start"),
         "city", "event_type", "event_count")
 .write.json(sys.argv[2]))
spark.stop()

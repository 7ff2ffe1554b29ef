#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Functions of expressions beside DuckDB (from PyPI), PostgreSQL (if its server is installed) and
Spark (from PyPI, if there is Java; only with --spark): the same rows, the same values."""

import json
import os
import pathlib
import pwd
import re
import shutil
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "sys"))

import function_rows  # noqa: E402
import millrace  # noqa: E402
from function_oracles import (DUCKDB, DUCKDB_TIMES, POSTGRES, POSTGRES_TIMES,  # noqa: E402
                              SPARK, SPARK_TIMES)
from function_rows import ERROR  # noqa: E402

SEEDS = (20251129, 7)
ROWS = 150
YEARS = function_rows.us("0001-01-01"), function_rows.us("9999-12-31T23:59:59.999999")
SPARK_VERSION = "3.5.5"
WITH_SPARK = "--spark" in sys.argv
if WITH_SPARK:
    sys.argv.remove("--spark")


def environment(folder, module, set_up):
    """Python of build/FOLDER that has the module; set_up() installs it. None: it cannot."""
    python = millrace.ROOT / "build" / folder / "bin/python3"
    check = [str(python), "-c", f"import {module}"]
    if python.exists() and subprocess.run(check, capture_output=True).returncode == 0:
        return python
    try:
        set_up()
    except (OSError, subprocess.CalledProcessError, subprocess.TimeoutExpired):
        return None
    return python if subprocess.run(check, capture_output=True).returncode == 0 else None


def install_duckdb():
    subprocess.run([str(millrace.ROOT / "bench/duckdb/setup")], check=True, capture_output=True,
                   timeout=240)


def install_spark():
    where = millrace.ROOT / "build/spark"
    subprocess.run([sys.executable, "-m", "venv", str(where)], check=True, capture_output=True)
    subprocess.run([str(where / "bin/python3"), "-m", "pip", "install", "--quiet",
                    "--disable-pip-version-check", f"pyspark=={SPARK_VERSION}"], check=True,
                   capture_output=True, timeout=900)


class Postgres:
    """A server of its own in a temporary folder, on a socket there."""

    def __init__(self):
        found = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/postgres"))
        if not found:
            raise FileNotFoundError("no PostgreSQL server is installed")
        self.bin = found[-1].parent
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="millrace-pg-"))
        self.user = None
        if os.geteuid() == 0:  # the server refuses to run as root
            names = [entry.pw_name for entry in pwd.getpwall()]
            self.user = "postgres" if "postgres" in names else "nobody"
            shutil.chown(self.folder, self.user)
        data = self.folder / "data"
        subprocess.run([self.bin / "initdb", "-D", data, "-U", "t", "-A", "trust", "-E", "UTF8",
                        "--locale=C", "--no-sync"], check=True, capture_output=True,
                       user=self.user, cwd=self.folder)
        self.log = (self.folder / "log").open("wb")
        self.server = subprocess.Popen(
            [self.bin / "postgres", "-D", data, "-k", self.folder, "-c", "listen_addresses=",
             "-c", "fsync=off"], stdout=self.log, stderr=self.log, user=self.user, cwd=self.folder)
        deadline = time.monotonic() + 30
        while subprocess.run([self.bin / "pg_isready", "-h", self.folder], capture_output=True
                             ).returncode:
            if time.monotonic() > deadline or self.server.poll() is not None:
                self.close()
                raise TimeoutError("PostgreSQL does not start")
            time.sleep(0.05)

    def script(self, text):
        done = subprocess.run([self.bin / "psql", "-h", self.folder, "-U", "t", "-d", "postgres",
                               "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"],
                              input=text.encode(), capture_output=True, timeout=120)
        if done.returncode:
            raise AssertionError(done.stderr.decode()[:2000])
        return done.stdout.decode()

    def close(self):
        self.server.terminate()
        try:
            self.server.wait(20)
        except subprocess.TimeoutExpired:
            self.server.kill()
            self.server.wait()
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)


PG_TYPES = {"int64": "bigint", "double": "float8", "string": "text", "bool": "boolean",
            "timestamp": "timestamp", "duration": "bigint", "list<int64>": "bigint[]",
            "list<string>": "text[]"}
PG_ATTEMPT = """
CREATE FUNCTION attempt(q text, row_id int) RETURNS json AS $$
DECLARE r json;
BEGIN
  EXECUTE format('SELECT to_json(%s) FROM rows WHERE id = %s', q, row_id) INTO r;
  RETURN coalesce(r, 'null');
EXCEPTION WHEN OTHERS THEN
  RETURN CASE WHEN SQLSTATE LIKE '42%' THEN json_build_object('bad', SQLERRM)
              ELSE '"error"'::json END;
END $$ LANGUAGE plpgsql;
"""


def pg_literal(value, kind):
    if value is None:
        return "NULL"
    if kind == "timestamp":
        return "timestamp '" + function_rows.text_of(value)[:-1] + "'"
    if isinstance(value, list):
        return "ARRAY[%s]::%s" % (", ".join(pg_literal(v, None) for v in value), PG_TYPES[kind])
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return repr(value) if kind != "double" else f"'{value!r}'::float8"


class Functions(millrace.Case):
    def compare(self, engine, pairs, theirs, table, program, times):
        """theirs: values per pair; of times microseconds."""
        for (ours, other), values in zip(pairs, theirs):
            with self.subTest(engine=engine, expression=ours):
                if isinstance(values, dict):
                    self.fail(f"{engine}: {other or ours}: {values}")
                for row, got, want in zip(table, program.evaluate(ours), values):
                    if times and isinstance(got, str) and got != ERROR:
                        got = function_rows.us(got)
                    far = times and isinstance(want, int) and not YEARS[0] <= want <= YEARS[1]
                    if got == ERROR and (want in (None, "error") or far):
                        continue
                    shown = {c: row[c] for c in function_rows.used(ours)}
                    if not function_rows.same(got, want):
                        self.fail(f"{ours} of {shown} is {got!r}; {engine}: {want!r}")

    def run_engine(self, python, script, table, queries, limit=240):
        job = {"columns": function_rows.COLUMNS, "rows": table, "queries": queries}
        done = subprocess.run([str(python), str(HERE / script)], input=json.dumps(job).encode(),
                              capture_output=True, timeout=limit)
        self.assertEqual(done.returncode, 0, done.stderr.decode()[-3000:])
        return json.loads(done.stdout.decode())

    def both(self, engine, values, times, in_us, evaluate):
        for seed in SEEDS:
            table = function_rows.rows(seed, ROWS)
            program = function_rows.Program(self.program(), self.dir, table)
            theirs = evaluate(table, [other or ours for ours, other in values] +
                              [in_us % (other or ours) for ours, other in times])
            self.compare(engine, values, theirs[:len(values)], table, program, False)
            self.compare(engine, times, theirs[len(values):], table, program, True)

    def test_duckdb_gives_the_same(self):
        python = environment("duckdb", "duckdb", install_duckdb)
        if not python:
            self.skipTest("DuckDB cannot be installed here")
        self.both("DuckDB", DUCKDB, DUCKDB_TIMES, "epoch_us(CAST(%s AS TIMESTAMP))",
                  lambda table, queries: self.run_engine(python, "function_duckdb.py", table,
                                                         queries))

    def test_postgresql_gives_the_same(self):
        try:
            server = Postgres()
        except (FileNotFoundError, PermissionError) as e:
            self.skipTest(str(e))
        self.addCleanup(server.close)
        server.script(PG_ATTEMPT)

        def evaluate(table, queries):
            names = list(function_rows.COLUMNS)
            text = "DROP TABLE IF EXISTS rows; CREATE TABLE rows (id int, %s);\n" % ", ".join(
                f"{name} {PG_TYPES[function_rows.COLUMNS[name]]}" for name in names)
            for i, row in enumerate(table):
                text += "INSERT INTO rows VALUES (%d, %s);\n" % (i, ", ".join(
                    pg_literal(row[name], function_rows.COLUMNS[name]) for name in names))
            for query in queries:
                text += "SELECT json_agg(attempt($q$%s$q$, i)) FROM generate_series(0, %d) i;\n" % (
                    query, len(table) - 1)
            out = server.script(text)
            values = [json.loads(line) for line in out.replace("\n ", " ").splitlines() if line]
            return [next((v for v in column if isinstance(v, dict)), column) for column in values]

        self.both("PostgreSQL", POSTGRES, POSTGRES_TIMES,
                  "(extract(epoch FROM (%s)::timestamp) * 1000000)::bigint", evaluate)

    def test_spark_gives_the_same(self):
        if not WITH_SPARK:
            self.skipTest("only with --spark")
        if not shutil.which("java"):
            self.skipTest("Spark needs Java")
        python = environment("spark", "pyspark", install_spark)
        if not python:
            self.skipTest("Spark cannot be installed here")
        self.both("Spark", SPARK, SPARK_TIMES, "unix_micros(CAST(%s AS TIMESTAMP))",
                  lambda table, queries: self.run_engine(python, "function_spark.py", table,
                                                         queries, 900))

    def test_every_function_of_the_page_is_beside_one_of_them(self):
        page = (millrace.ROOT / "docs/functions.md").read_text()
        names = set(re.findall(r"^\| `(\w+)\(", page, re.M))
        self.assertGreater(len(names), 150)
        lists = DUCKDB + DUCKDB_TIMES + POSTGRES + POSTGRES_TIMES + SPARK + SPARK_TIMES
        tested = {name for ours, _ in lists for name in re.findall(r"(\w+)\(", ours)}
        self.assertEqual(names - tested - ELSEWHERE, set())


# What no other engine has, or has in another form that is compared: a & b for bit_and(a, b).
ELSEWHERE = {"now", "ingest_time", "event_time", "record_offset", "record_key", "curdate",
             "extract", "bit_and", "bit_or", "bit_xor", "bit_not", "array_sum", "try_to_timestamp",
             "make_dt_interval", "try_cast"}

if __name__ == "__main__":
    millrace.main()

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A real Kafka for tests: its jars by Maven, its clients from PyPI, a broker on loopback with a
folder of the test's own. Everything is kept below build/kafka; what cannot be had is None."""

import os
import pathlib
import random
import signal
import socket
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
CACHE = ROOT / "build/kafka"
VERSION = "3.9.1"
CLIENT = "confluent-kafka==2.16.1"

POM = f"""<project><modelVersion>4.0.0</modelVersion>
<groupId>millrace</groupId><artifactId>kafka</artifactId><version>1</version><dependencies>
<dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId>
<version>{VERSION}</version></dependency>
<dependency><groupId>org.apache.kafka</groupId><artifactId>kafka-tools</artifactId>
<version>{VERSION}</version></dependency></dependencies></project>
"""
LOG4J = """log4j.rootLogger=WARN, stderr
log4j.appender.stderr=org.apache.log4j.ConsoleAppender
log4j.appender.stderr.Target=System.err
log4j.appender.stderr.layout=org.apache.log4j.PatternLayout
"""


def run(*command, **more):
    return subprocess.run(command, capture_output=True, text=True, timeout=600, **more)


def jars():
    """The class path of Kafka and its tools, or None."""
    lib = CACHE / f"lib-{VERSION}"
    if not lib.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        (CACHE / "pom.xml").write_text(POM)
        (CACHE / "log4j.properties").write_text(LOG4J)
        fresh = CACHE / f"new-{os.getpid()}"
        try:
            done = run("mvn", "-q", "-B", "-f", str(CACHE / "pom.xml"),
                       "dependency:copy-dependencies", "-DincludeScope=runtime",
                       f"-DoutputDirectory={fresh}")
        except FileNotFoundError:
            return None
        if done.returncode:
            print(done.stdout[-2000:], file=sys.stderr)
            return None
        fresh.rename(lib)
    return f"{lib}/*"


def python():
    """A Python that has confluent_kafka, or None."""
    venv = CACHE / "venv"
    if not (venv / "ready").exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        if run(sys.executable, "-m", "venv", str(venv)).returncode:
            return None
        if run(str(venv / "bin/pip"), "install", "-q", CLIENT).returncode:
            return None
        (venv / "ready").touch()
    return venv / "bin/python"


def java(name, *args):
    """Runs a class of Kafka's; what it says."""
    return run("java", f"-Dlog4j.configuration=file:{CACHE}/log4j.properties", "-cp", jars(), name,
               *args)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Broker:
    """One broker, KRaft, in dir; its log folder is .data, its address .address."""

    def __init__(self, directory):
        self.dir = pathlib.Path(directory)
        self.data = self.dir / "data"
        port, controller = free_port(), free_port()
        self.address = f"127.0.0.1:{port}"
        conf = self.dir / "server.properties"
        conf.write_text(f"""process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs={self.data}
group.initial.rebalance.delay.ms=0
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
offsets.topic.num.partitions=4
transaction.state.log.num.partitions=4
log.retention.ms=-1
""")
        cluster = "".join(random.choices("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghij0123456789", k=21))
        done = java("kafka.tools.StorageTool", "format", "-t", cluster + "A", "-c", str(conf))
        if done.returncode:
            raise RuntimeError(done.stdout + done.stderr)
        self.log = open(self.dir / "broker.log", "w")
        self.process = subprocess.Popen(
            ["java", "-Xms256m", "-Xmx512m", "-XX:+UseSerialGC",
             f"-Dlog4j.configuration=file:{CACHE}/log4j.properties", "-cp", jars(), "kafka.Kafka",
             str(conf)], stdout=self.log, stderr=self.log)
        deadline = time.monotonic() + 60
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError((self.dir / "broker.log").read_text()[-2000:])
            time.sleep(0.2)

    def answers(self):
        host, port = self.address.split(":")
        try:
            socket.create_connection((host, int(port)), timeout=1).close()
            return True
        except OSError:
            return False

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.log.close()

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A secret of a graph file is used and never shown: not in show, errors, logs, the segment."""

import json
import signal

import millrace

SECRET = "hunter2-correct-horse"
GRAPH = """millrace: 1
graph: g
runtime: { workers: { count: 1 } }
sources: { in: { type: generate, of: city, rate: 10k/s } }
steps:
  named: { type: map, from: in, set: { token: "'${file:%(dir)s/token}' || city" } }
sinks: { out: { type: file, from: named, path: "%(path)s" } }
"""


class Secrets(millrace.Case):
    def setUp(self):
        super().setUp()
        self.write("token", SECRET + "\n")
        self.write("creds/key", SECRET)
        self.env["CREDENTIALS_DIRECTORY"] = str(self.dir / "creds")

    def graph(self, path="out.ndjson", **more):
        text = GRAPH % {"dir": self.dir, "path": path}
        for old, new in more.get("replace", ()):
            self.assertIn(old, text)
            text = text.replace(old, new)
        self.write("g.yaml", text)

    def assert_hidden(self, *texts):
        for text in texts:
            self.assertNotIn(SECRET, text)
            for part in (SECRET[:12], SECRET[8:]):
                self.assertNotIn(part, text)

    def test_the_value_is_used(self):
        self.graph()
        result = self.millrace("run", "g.yaml", "--count", 50, "--quiet")
        self.assertEqual(result.code, 0, result.err)
        for row in self.rows("out.ndjson"):
            self.assertEqual(row["token"], SECRET + row["city"])
        self.graph(replace=[("${file:%s/token}" % self.dir, "${cred:key}")])
        self.assertEqual(self.millrace("run", "g.yaml", "--count", 50, "--quiet").code, 0)
        self.assertEqual(self.rows("out.ndjson")[0]["token"][:len(SECRET)], SECRET)

    def test_show_prints_stars_and_all_else_as_it_is(self):
        self.graph()
        for what in ("config", "types", "layout", "plan"):
            result = self.millrace("show", what, "g.yaml")
            self.assertEqual(result.code, 0, result.err)
            self.assert_hidden(result.out, result.err)
        self.assertRegex(self.millrace("show", "config", "g.yaml").out,
                         r'token: "\*\*\*"')

    def test_errors_about_the_value_do_not_show_it(self):
        secret = "${file:%s/token}" % self.dir
        for old, new in (("10k/s", f'"{secret}"'), ("of: city", f'of: "{secret}"'),
                         ("'%s' || city" % secret, f"{secret} +"),
                         ("'%s' || city" % secret, f"no_such_column_{secret}"),
                         ("'%s' || city" % secret, f"city + '{secret}'"),
                         ("type: map", f'type: "{secret}"'), ("from: named", f'from: "{secret}"')):
            self.graph(replace=[(old, new)])
            for flags in ((), ("--format", "json")):
                result = self.millrace("validate", "g.yaml", *flags)
                self.assertEqual(result.code, 78, (new, result.err))
                self.assert_hidden(result.out, result.err)
            result = self.millrace("run", "g.yaml")
            self.assertEqual(result.code, 78)
            self.assert_hidden(result.out, result.err)
        self.assertIn("***", result.err)

    def test_a_run_that_fails_does_not_show_it(self):
        secret = "${file:%s/token}" % self.dir
        self.graph(path=f"no/folder/{secret}")
        result = self.millrace("run", "g.yaml")
        self.assertNotIn(result.code, (0, 78))
        self.assertIn("no/folder/***", result.err)
        self.assert_hidden(result.err)
        full = self.dir / "full"
        full.symlink_to("/dev/full")
        self.write("token", str(full))  # the secret is the path that cannot be written
        self.graph(path=secret, replace=[("'%s' || city" % secret, "city")])
        result = self.millrace("run", "g.yaml")
        self.assertEqual(result.code, 74)
        self.assertIn("***", result.err)
        self.assertNotIn(str(full), result.err)

    def test_nothing_that_is_seen_from_outside_has_it(self):
        self.graph(replace=[("workers: { count: 1 }", "workers: { count: 1 }, data_dir: "
                             "\"%s/${cred:key}\"" % self.dir)])
        child = self.start("run", "g.yaml", "--log-format", "json", "-v")
        self.wait_for("the graph", lambda: (self.run_dir / "g.sock").exists())
        for args in (("stat", "g", "--json"), ("top", "--once", "g"), ("metrics", "g"),
                     ("why", "g", "in"), ("ps", "--json"), ("lag", "g"), ("mem", "g")):
            result = self.millrace(*args)
            self.assertEqual(result.code, 0, (args, result.err))
            self.assert_hidden(result.out, result.err)
        segment, = self.run_dir.glob("g.1")
        self.assertNotIn(SECRET.encode(), segment.read_bytes())
        child.send_signal(signal.SIGUSR2)
        child.send_signal(signal.SIGTERM)
        self.assertEqual(child.wait(30), 0)
        self.assert_hidden(child.stderr.read().decode())

    def test_a_check_without_the_environment_reads_no_secret(self):
        secret = "${file:%s/token}" % self.dir
        self.graph(path=secret, replace=[("'%s' || city" % secret, "city")])
        (self.dir / "token").unlink()
        self.assertEqual(self.millrace("validate", "--no-env", "g.yaml").code, 0)
        result = self.millrace("validate", "g.yaml")
        self.assertEqual(result.code, 78)
        self.assertRegex(result.err, r"error\[MR1029\]: the secret in .*/token cannot be read")
        self.assertIn("No such file", result.err)
        self.assertEqual(json.loads(self.millrace("validate", "g.yaml", "--format", "json")
                                    .err.splitlines()[0])["code"], "MR1029")


if __name__ == "__main__":
    millrace.main()

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The text of `metrics` before Prometheus' own checker: promtool from PATH, else from Debian's
package, which is unpacked into the build folder and not installed."""

import pathlib
import shutil
import subprocess
import sys

import millrace
from test_look import GRAPH


def find_promtool():
    """Its path, or None with the reason."""
    if shutil.which("promtool"):
        return shutil.which("promtool"), ""
    folder = millrace.BUILD / "promtool"
    tool = folder / "usr/bin/promtool"
    if not tool.exists():
        folder.mkdir(exist_ok=True)
        fetched = subprocess.run(["apt-get", "-q", "download", "prometheus"], cwd=folder,
                                 capture_output=True, text=True)
        packages = list(folder.glob("prometheus_*.deb"))
        if fetched.returncode or not packages:
            return None, "no promtool, and Debian's package prometheus is not to be had"
        subprocess.run(["dpkg-deb", "-x", packages[0], folder], check=True)
        packages[0].unlink()
    return str(tool), ""


class Promtool(millrace.Case):
    def check(self, text):
        return subprocess.run([self.tool, "check", "metrics"], input=text, capture_output=True,
                              text=True, timeout=60)

    def test_promtool_finds_nothing(self):
        self.tool, why = find_promtool()
        if not self.tool:
            print(f"skipped: {why}")
            sys.exit(77)
        self.write("city.yaml", GRAPH % {"name": "city"})
        self.start("run", "city.yaml", "--quiet")
        out = pathlib.Path(self.dir / "city.ndjson")
        self.wait_for("rows", lambda: out.exists() and out.stat().st_size > 0)
        text = self.millrace("metrics", "city").out
        done = self.check(text)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))
        for bad in (text.replace("_full_total", "_full_nanoseconds"), text.replace("} ", " "),
                    text.replace("# HELP millrace_link_full_total", "# HELP x")):
            self.assertNotEqual(self.check(bad).returncode, 0, "a planted mistake")


if __name__ == "__main__":
    millrace.main()

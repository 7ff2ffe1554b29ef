#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the program says about a graph file, a code, or the machine: graph, explain, doctor."""

import json
import os
import re
import subprocess
import xml.etree.ElementTree as ET

import millrace

GRAPH = """millrace: 1
graph: forked
runtime: { workers: { count: 1 } }
sources:
  in: { type: generate, of: city, count: 10 }
steps:
  high: { type: filter, from: in, where: severity = 'high' }
  counted: { type: window, from: [in], window: { tumbling: 1m }, key: city }
sinks:
  a: { type: "null", from: high }
  b: { type: "null", from: counted }
  c: { type: "null", from: counted.late }
"""
NODES = {"in", "high", "counted", "a", "b", "c"}
EDGES = {
    ("in", "", "high"),
    ("in", "", "counted"),
    ("high", "", "a"),
    ("counted", "", "b"),
    ("counted", "late", "c"),
}


class Advice(millrace.Case):
    def setUp(self):
        super().setUp()
        self.graph = self.dir / "forked.yaml"
        self.graph.write_text(GRAPH)

    def text(self, *args, code=0):
        done = self.millrace(*args)
        self.assertEqual(done.code, code, done.err)
        return done.out if isinstance(done.out, str) else done.out.decode()

    # ---- graph ----

    def test_json_has_the_nodes_and_edges_of_the_file(self):
        drawn = json.loads(self.text("graph", self.graph, "--json"))
        self.assertEqual({n["name"] for n in drawn["nodes"]}, NODES)
        self.assertEqual({(e["from"], e["output"], e["to"]) for e in drawn["edges"]}, EDGES)

    def test_dot_and_mermaid_have_the_same_edges(self):
        dot = self.text("graph", "--format", "dot", self.graph)
        found = re.findall(r'^  "(\w+)" -> "(\w+)"(?: \[label="(\w+)".*)?;$', dot, re.M)
        self.assertEqual({(a, label, b) for a, b, label in found}, EDGES)
        mermaid = self.text("graph", "--format", "mermaid", self.graph)
        found = re.findall(r"^  n_(\w+) (?:-->|-\. (\w+) \.->) n_(\w+)$", mermaid, re.M)
        self.assertEqual({(a, label, b) for a, label, b in found}, EDGES)

    def test_the_picture_is_xml_with_a_box_per_node_and_no_two_on_one_place(self):
        svg = ET.fromstring(self.text("graph", "--format", "svg", self.graph))
        space = "{http://www.w3.org/2000/svg}"
        boxes = [r for r in svg.iter(space + "rect") if r.get("class")]
        texts = {t.text for t in svg.iter(space + "text")}
        self.assertEqual(len(boxes), len(NODES))
        self.assertLessEqual(NODES, texts)
        paths = [p for p in svg.iter(space + "path") if p.get("class").startswith("edge")]
        self.assertEqual(len(paths), len(EDGES))
        areas = [[int(b.get(k)) for k in ("x", "y", "width", "height")] for b in boxes]
        for i, (x, y, w, h) in enumerate(areas):
            self.assertLessEqual(x + w, int(svg.get("width")))
            self.assertLessEqual(y + h, int(svg.get("height")))
            for x2, y2, w2, h2 in areas[:i]:
                apart = x + w <= x2 or x2 + w2 <= x or y + h <= y2 or y2 + h2 <= y
                self.assertTrue(apart, (areas[i], (x2, y2, w2, h2)))

    def test_text_shows_each_way_through_the_graph(self):
        self.assertEqual(
            self.text("graph", self.graph),
            "in (generate)\n"
            "   -> high (filter)\n"
            "      -> a (null)\n"
            "   -> counted (window)\n"
            "      -> b (null)\n"
            "      .late-> c (null)\n",
        )

    def test_a_wrong_file_or_format_is_refused(self):
        self.assertEqual(self.millrace("graph", "--format", "png", self.graph).code, 64)
        self.graph.write_text(GRAPH.replace("from: high", "from: hgih"))
        self.assertEqual(self.millrace("graph", self.graph).code, 78)

    # ---- explain ----

    def test_every_code_of_the_source_has_a_page(self):
        listed = set(re.findall(r"^(MR\d{4})  \S", self.text("explain"), re.M))
        used = set()
        for folder in ("runtime", "operators", "tools"):
            for path in (millrace.ROOT / folder).rglob("*.[ch]"):
                text = re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.S)
                used |= set(re.findall(r'"(MR\d{4})"', text))
                used |= {"MR" + n for n in re.findall(r"^  X\((\d{4}), [A-Z]", text, re.M)}
        self.assertGreater(len(used), 60)
        self.assertEqual(used - listed, set(), "without a page")
        self.assertEqual(listed - used, set(), "pages of codes that nothing uses")

    def test_a_page_says_what_a_code_means_and_what_to_do(self):
        page = self.text("explain", "MR2007")
        self.assertRegex(page, r"^MR2007: \S")
        self.assertGreaterEqual(len(page.strip().split("\n\n")), 3)
        self.assertTrue(all(len(line) <= 100 for line in page.splitlines()))
        self.assertEqual(page, self.text("explain", "2007"))
        self.assertEqual(self.millrace("explain", "MR9999").code, 64)

    # ---- doctor ----

    def test_doctor_grades_the_machine_and_writes_a_script_that_is_one(self):
        found = json.loads(self.text("doctor", "--json"))["findings"]
        names = [f["name"] for f in found]
        for name in ("cpus", "clock", "memory", "huge pages", "memlock", "run dir", "io_uring"):
            self.assertIn(name, names)
        self.assertEqual({f["grade"] for f in found} - {"ok", "warn"}, set())
        script = self.dir / "fix.sh"
        script.write_text(self.text("doctor", "--fix-script"))
        done = subprocess.run(["sh", "-n", script], capture_output=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        for finding in found:
            if finding["fix"]:
                self.assertIn(finding["fix"], script.read_text())

    def test_doctor_grades_against_the_graph(self):
        count = len(os.sched_getaffinity(0))
        few = json.loads(self.text("doctor", "--json", self.graph))["findings"]
        cpus = next(f for f in few if f["name"] == "cpus")
        self.assertEqual(cpus["grade"], "ok")
        self.assertIn(f"{count} may be used by 1 workers", cpus["text"])
        self.assertIn("data dir", [f["name"] for f in few])

    def test_doctor_fails_where_nothing_can_be_written(self):
        nowhere = self.dir / "nowhere"
        nowhere.write_text("a file, not a folder")
        done = self.millrace("doctor", env=dict(self.env, MILLRACE_RUN_DIR=str(nowhere)))
        self.assertEqual(done.code, 1)


if __name__ == "__main__":
    millrace.main()

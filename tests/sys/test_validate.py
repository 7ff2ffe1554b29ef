#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A graph file with any error: exit 78, positions, all errors at once, nothing started or left."""


import millrace

GOOD = """millrace: 1
graph: g
events:
  e:
    fields:
      city: { type: string }
      severity: { type: string, one_of: [low, high] }
      n: { type: int64 }
      timestamp: { type: timestamp }
    event_time: timestamp
sources:
  in: { type: stdin, format: json, event: e }
steps:
  severe: { type: filter, from: in, where: "severity = 'high'" }
sinks:
  out: { type: stdout, from: severe }
"""


class Validate(millrace.Case):
    def refused(self, text, *places, verb="validate"):
        self.write("g.yaml", text)
        result = self.millrace(verb, "g.yaml", limit=20)
        self.assertEqual(result.code, 78, result.err[:2000])
        for place in places:
            self.assertRegex(result.err, place)
        self.assertIn("nothing was started", result.err)
        self.assertEqual(list(self.run_dir.iterdir()), [])
        self.assertEqual({p.name for p in self.dir.iterdir()}, {"g.yaml"})
        return result

    def test_accepts_a_good_file(self):
        self.write("g.yaml", GOOD)
        self.assertEqual(self.millrace("validate", "g.yaml").code, 0)

    def test_run_and_validate_say_the_same(self):
        text = GOOD.replace("from: in", "frm: in")
        first = self.refused(text).err
        self.assertEqual(self.refused(text, verb="run").err, first)

    def test_an_unknown_key_is_named_with_its_place_and_what_was_meant(self):
        self.refused(GOOD.replace("where:", "wher:"), r"g\.yaml:14:\d+: error\[MR1002\]",
                     'did you mean "where"')

    def test_all_errors_come_at_once(self):
        text = GOOD.replace("where:", "wher:").replace("type: stdout", "type: stdoot")
        self.refused(text, r"g\.yaml:14:", r"g\.yaml:16:", r"[23] errors")

    def test_a_wrong_type_in_an_expression_points_at_it(self):
        self.refused(GOOD.replace("severity = 'high'", "severity > 3"),
                     r"g\.yaml:14:\d+: error\[MR2007\]", "severity")

    def test_a_cycle_is_named(self):
        text = GOOD.replace("from: in,", "from: again,").replace(
            "sinks:", "  again: { type: filter, from: severe, where: \"n > 1\" }\nsinks:")
        self.refused(text, r"cycle", "severe", "again")

    def test_a_dangling_edge_is_named(self):
        self.refused(GOOD.replace("from: severe", "from: sever"), r"g\.yaml:16:\d+",
                     'did you mean "severe"')

    def test_a_name_that_occurs_twice_is_refused(self):
        self.refused(GOOD.replace("out:", "severe:"), r"g\.yaml:16:\d+", "severe")

    def test_a_cpu_that_does_not_exist_is_refused(self):
        self.refused(GOOD.replace("graph: g", "graph: g\nruntime: { workers: { cpus: [4096] } }"),
                     "4096")

    def test_what_comes_later_is_refused_as_not_available_yet(self):
        for text in (GOOD.replace("  e:\n", "  e:\n    format: avro\n"),
                     GOOD.replace("type: stdin, format: json", "type: kafka, topic: x"),
                     GOOD.replace("from: severe }", "from: severe, full: spill }")):
            self.refused(text, "not available yet")

    def test_a_graph_without_sinks_is_refused(self):
        self.refused(GOOD[:GOOD.index("sinks:")], "no sink")

    def test_a_missing_input_path_is_refused_at_the_path(self):
        self.refused(GOOD.replace("type: stdin,", "type: file, path: nowhere.ndjson,"),
                     r"g\.yaml:12:\d+", "nowhere.ndjson")

    def test_ten_megabytes_of_garbage_are_refused_quickly(self):
        self.refused(bytes(range(256)) * 40000, "g.yaml")

    def test_an_alias_bomb_is_refused(self):
        bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
            f"a{i}: &a{i} [{', '.join(['*a%d' % (i - 1)] * 10)}]\n" for i in range(1, 10))
        self.refused(bomb, r"g\.yaml:\d+:\d+: error")

    def test_an_expression_of_400_kb_is_refused(self):
        self.refused(GOOD.replace("severity = 'high'", "1" + "+1" * 200000 + " = 2"),
                     r"g\.yaml:14:\d+: error")

    def test_crlf_and_a_byte_order_mark_change_no_position(self):
        text = "\ufeff" + GOOD.replace("where:", "wher:").replace("\n", "\r\n")
        plain = self.refused(GOOD.replace("where:", "wher:")).err
        self.assertEqual(self.refused(text).err, plain)

    def test_json_diagnostics_are_one_object_a_line(self):
        self.write("g.yaml", GOOD.replace("where:", "wher:"))
        result = self.millrace("validate", "--format", "json", "g.yaml")
        self.assertEqual(result.code, 78)
        self.assertRegex(result.err, r'"code":\s*"MR1002"')


class Usage(millrace.Case):
    def test_a_wrong_verb_or_flag_ends_64(self):
        for args in (["rum"], ["run"], ["run", "--nope", "x.yaml"], ["validate"], []):
            self.assertEqual(self.millrace(*args).code, 64, args)
        self.assertIn('did you mean "run"', self.millrace("rum").err)

    def test_help_names_every_verb(self):
        out = self.millrace("help").out
        for verb in ("run", "validate", "show", "gen", "stat", "top", "lat", "mem", "bench",
                     "version"):
            self.assertIn(verb, out)
            self.assertEqual(self.millrace("help", verb).code, 0)
            self.assertIn(f"millrace {verb}", self.millrace(verb, "--help").out)


if __name__ == "__main__":
    millrace.main()

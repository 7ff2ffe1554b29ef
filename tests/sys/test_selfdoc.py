#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the program says of itself: schema, list, completion, manual pages, reference."""

import json
import re
import shutil
import subprocess

import millrace

SHARE_FILES = ["graph.schema.json", "man/man1/millrace.1", "man/man5/millrace-graph-file.5"]


def verbs(text):
    """The verbs that `help` lists."""
    return re.findall(r"^  ([a-z]+) +\S", text, re.M)


def load_yaml(path):
    """A graph file as a reader of YAML 1.2 sees it: a timestamp is a text, and so is `on`."""
    try:
        import yaml
    except ImportError:
        return None

    class Loader(yaml.SafeLoader):
        pass

    Loader.yaml_implicit_resolvers = {
        first: [(tag, regex) for tag, regex in rules
                if not tag.endswith((":timestamp", ":bool"))]
        for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^(?:true|false)$"),
                                 list("tf"))
    return yaml.load(path.read_text(), Loader=Loader)


def mandoc(page, *flags):
    done = subprocess.run(
        ["mandoc", *flags], input=page, capture_output=True, text=True, timeout=60
    )
    return done.stdout


class SelfDoc(millrace.Case):
    def text(self, *args):
        done = self.millrace(*args)
        self.assertEqual(done.code, 0, done.err)
        return done.out if isinstance(done.out, str) else done.out.decode()

    # ---- schema ----

    def validator(self):
        try:
            import jsonschema
        except ImportError:
            self.skipTest("python3-jsonschema is not installed")
        schema = json.loads(self.text("schema"))
        jsonschema.Draft7Validator.check_schema(schema)
        return jsonschema.Draft7Validator(schema)

    def test_every_graph_of_configs_fits_the_schema(self):
        validator = self.validator()
        graphs = sorted((millrace.ROOT / "configs").glob("*.yaml"))
        self.assertGreater(len(graphs), 3)
        for path in graphs:
            graph = load_yaml(path)
            if graph is None:
                self.skipTest("python3-yaml is not installed")
            errors = [f"{list(e.path)}: {e.message}" for e in validator.iter_errors(graph)]
            self.assertEqual(errors, [], path.name)

    def test_the_schema_refuses_what_the_program_refuses(self):
        validator = self.validator()
        good = {
            "millrace": 1,
            "graph": "g",
            "sources": {"in": {"type": "stdin", "format": "json"}},
            "steps": {
                "f": {"type": "filter", "from": "in", "where": "a > 1"},
                "w": {"type": "window", "from": "f", "window": {"tumbling": "5m"}},
            },
            "sinks": {"out": {"type": "stdout", "from": ["f"]}},
        }
        self.assertTrue(validator.is_valid(good))

        def spoil(change):
            graph = json.loads(json.dumps(good))
            change(graph)
            return validator.is_valid(graph)

        self.assertFalse(spoil(lambda g: g.update(grpah=1)), "unknown key")
        self.assertFalse(spoil(lambda g: g.pop("sources")), "no sources")
        self.assertFalse(spoil(lambda g: g["steps"]["f"].pop("where")), "missing option")
        self.assertFalse(spoil(lambda g: g["steps"]["f"].update(wehre="a")), "unknown option")
        self.assertFalse(spoil(lambda g: g["steps"]["f"].update(type="fliter")), "unknown type")
        self.assertFalse(spoil(lambda g: g["steps"]["w"]["window"].update(session="1m")), "two")
        self.assertFalse(spoil(lambda g: g["sinks"]["out"].update(full="never")), "unknown word")
        self.assertFalse(spoil(lambda g: g["sources"]["in"].update({"from": "x"})), "from")

    # ---- list ----

    def test_list_names_every_type_with_its_options(self):
        types = json.loads(self.text("list", "--json"))["types"]
        found = {(t["kind"], t["type"]): t for t in types}
        self.assertIn(("source", "file"), found)
        self.assertIn(("sink", "file"), found)
        options = {o["name"]: o for o in found["step", "filter"]["options"]}
        self.assertTrue(options["where"]["required"])
        self.assertEqual(found["step", "window"]["outputs"], ["late"])
        self.assertNotIn(("sink", "dead_letter"), found)
        plain = self.text("list")
        for _, name in found:
            self.assertRegex(plain, rf"(?m)^  {name} ")
        self.assertEqual(self.millrace("list", "nothing").code, 64)

    # ---- completion ----

    def test_bash_completes_verbs_and_flags(self):
        script = self.dir / "completion"
        script.write_text(self.text("completion", "bash"))
        ask = (
            f'. "{script}"; COMP_WORDS=(millrace {{}}); COMP_CWORD={{}}; _millrace; '
            'printf "%s\\n" "${COMPREPLY[@]}"'
        )

        def complete(words, at):
            command = ask.replace("{}", words, 1).replace("{}", str(at), 1)
            bash = ["bash", "-c", command]
            done = subprocess.run(bash, capture_output=True, text=True, timeout=60)
            self.assertEqual(done.returncode, 0, done.stderr)
            return done.stdout.split()

        self.assertEqual(complete("val", 1), ["validate"])
        self.assertIn("--duration", complete("run --", 2))
        self.assertNotIn("--no-inputs", complete("run --", 2))
        self.assertIn("list", complete("help l", 2))

    def test_each_shell_finds_its_script_well_formed(self):
        for shell in ("bash", "zsh", "fish"):
            script = self.dir / shell
            script.write_text(self.text("completion", shell))
            for verb in verbs(self.text("help")):
                self.assertIn(verb, script.read_text())
            if shutil.which(shell):
                done = subprocess.run([shell, "-n", script], capture_output=True, timeout=60)
                self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.millrace("completion", "tcsh").code, 64)

    # ---- manual pages and the reference ----

    def test_manual_pages_are_free_of_warnings(self):
        pages = self.text("help", "--man").split()
        self.assertIn("millrace-graph-file", pages)
        self.assertEqual(
            {p[9:] for p in pages} - {"", "graph-file"}, set(verbs(self.text("help"))), pages
        )
        for page in pages:
            text = self.text("help", "--man", page)
            self.assertTrue(text.startswith(".\\\""), page)
            if not shutil.which("mandoc"):
                continue
            self.assertEqual(mandoc(text, "-Tlint", "-Wwarning"), "", page)
        if not shutil.which("mandoc"):
            self.skipTest("mandoc is not installed")

    def test_the_page_of_a_verb_says_what_its_help_says(self):
        if not shutil.which("mandoc"):
            self.skipTest("mandoc is not installed")
        page = self.text("help", "--man", "millrace-run")
        shown = re.sub(r".\x08", "", mandoc(page, "-Tutf8"))
        for flag in set(re.findall(r"--[a-z-]+", self.text("help", "run"))):
            self.assertIn(flag, shown)

    def test_the_reference_in_docs_is_current(self):
        page = (millrace.ROOT / "docs/graph-file.md").read_text()
        self.assertEqual(page, self.text("help", "graph", "--markdown"),
                         "run: millrace help graph --markdown > docs/graph-file.md")

    def test_what_the_package_installs_was_made_by_this_program(self):
        share = millrace.BUILD / "share"
        if not share.exists():
            self.skipTest("sanitizer builds install nothing")
        for name in SHARE_FILES:
            self.assertTrue((share / name).stat().st_size > 100, name)
        self.assertEqual((share / "graph.schema.json").read_text(), self.text("schema"))


if __name__ == "__main__":
    millrace.main()

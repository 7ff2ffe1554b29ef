#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""An editor's language server, yaml-language-server from npm, with the schema that
`millrace schema` prints: it completes keys and words of a graph file, explains them, and marks
what is wrong."""

import json
import os
import pathlib
import select
import shutil
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "sys"))
import millrace  # noqa: E402

PACKAGE = "yaml-language-server@1.25.0"
LIMIT_S = 60
GRAPH = """# yaml-language-server: $schema=graph.schema.json
millrace: 1
graph: g
sources:
  in: { type: stdin, format: json }
steps:
  big:
    type: filter
    from: in
    @
sinks:
  out:
    type: stdout
    from: big
"""


def server():
    """Its program, installed below the build folder when it is not there."""
    folder = millrace.BUILD.parent / "editor"
    program = folder / "node_modules/.bin/yaml-language-server"
    if not program.exists():
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(["npm", "install", "--silent", "--no-fund", "--no-audit", "--prefix",
                        str(folder), PACKAGE], check=True, stdin=subprocess.DEVNULL)
    return program


class Editor(millrace.Case):
    def setUp(self):
        super().setUp()
        if not shutil.which("npm"):
            print("skipped: npm is not here")
            self.skipTest("npm is not here")
        (self.dir / "graph.schema.json").write_text(self.millrace("schema").out)
        self.lsp = subprocess.Popen([server(), "--stdio"], stdin=subprocess.PIPE,
                                    stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.children.append(self.lsp)
        self.number, self.notes = 0, []
        self.ask("initialize", {"processId": os.getpid(), "rootUri": self.dir.as_uri(),
                                "capabilities": {"textDocument": {"completion": {
                                    "completionItem": {"documentationFormat": ["plaintext"]}}}}})
        self.tell("initialized", {})

    def send(self, message):
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self.lsp.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self.lsp.stdin.flush()

    def tell(self, method, params):
        self.send({"method": method, "params": params})

    def bytes(self, n):
        out, deadline = b"", time.monotonic() + LIMIT_S
        while len(out) < n:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.lsp.stdout], [], [], left)[0]:
                self.fail(f"the server was silent for {LIMIT_S} s")
            out += os.read(self.lsp.stdout.fileno(), n - len(out))
        return out

    def receive(self):
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += self.bytes(1)
        message = json.loads(self.bytes(int(head.split(b":")[1].split(b"\r\n")[0])))
        if "method" in message and "id" in message:  # it asks for settings: there are none
            empty = [{} for _ in message.get("params", {}).get("items", [])]
            self.send({"id": message["id"], "result": empty or None})
        elif "method" in message:
            self.notes.append(message)
        return message

    def ask(self, method, params):
        self.number += 1
        self.send({"id": self.number, "method": method, "params": params})
        while True:
            message = self.receive()
            if message.get("id") == self.number and "method" not in message:
                return message["result"]

    def open(self, line):
        """Opens the graph with that line in its filter, the cursor at its end."""
        text = GRAPH.replace("@", line)
        uri = (self.dir / "g.yaml").as_uri()
        self.tell("textDocument/didOpen", {"textDocument": {
            "uri": uri, "languageId": "yaml", "version": 1, "text": text}})
        row = text[:text.index("    " + line + "\nsinks")].count("\n")
        return {"textDocument": {"uri": uri},
                "position": {"line": row, "character": 4 + len(line)}}

    def completions(self, line):
        result = self.ask("textDocument/completion", self.open(line))
        items = result["items"] if isinstance(result, dict) else result
        return {item["label"]: item for item in items}

    def test_it_completes_the_keys_of_a_type_and_no_others(self):
        found = self.completions("wh")
        self.assertIn("where", found)
        self.assertNotIn("window", found)
        self.assertIn("rows for which this is true", str(found["where"].get("documentation")))

    def test_it_completes_the_words_of_an_option(self):
        found = self.completions("on_error: ")
        self.assertLessEqual({"dead_letter", "drop", "fail"}, set(found))

    def test_it_marks_a_key_that_does_not_exist(self):
        uri = self.open("wher: a > 1")["textDocument"]["uri"]
        while True:
            for note in self.notes:
                if note["method"] == "textDocument/publishDiagnostics" and \
                        note["params"]["uri"] == uri and note["params"]["diagnostics"]:
                    self.assertIn("wher", str(note["params"]["diagnostics"]))
                    return
            self.receive()


if __name__ == "__main__":
    millrace.main()

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What README.md and docs/ show can be done: commands run, graphs validate, links lead on.

  tests/sys/test_docs.py --build DIR    DIR holds the program `millrace`
  tests/sys/test_docs.py --self-test    planted mistakes are found

A block fenced as `sh` is a script: it runs in a scratch copy of the tree with the program on PATH,
the blocks of one page one after another. Commands of tools/dev/ are only checked to exist. A block
that cannot run here says why: `sh no-run REASON`. A `yaml` block that begins with `millrace:` is a
graph.
"""

import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

BLOCK_LIMIT_S = 60
NOT_COPIED = ("build", ".git", "millrace-data")
FENCE = re.compile(r"^```(\w*)[ \t]*([^\n]*)\n(.*?)^```[ \t]*$", re.S | re.M)
LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)[^)]*\)")
SET_UP = re.compile(r"^(?:\./)?(tools/dev/[\w-]+)(?=\s|$).*$", re.M)


def pages(root):
    return [p for p in [root / "README.md", *sorted((root / "docs").rglob("*.md"))] if p.exists()]


def copy_tree(root, scratch, build):
    def skip(folder, _):
        return NOT_COPIED if pathlib.Path(folder) == root else ()

    shutil.copytree(root, scratch, ignore=skip, symlinks=True)
    (scratch / "build").mkdir()
    (scratch / "build/release").symlink_to(build)


def run_script(script, scratch, build):
    """None, or what went wrong."""
    env = dict(os.environ, PATH=f"{build}:{os.environ['PATH']}", NO_COLOR="1")
    try:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=scratch,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=BLOCK_LIMIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"still running after {BLOCK_LIMIT_S} s"
    if done.returncode:
        output = done.stdout.decode(errors="replace").strip()
        return f"exit code {done.returncode}\n{output[-2000:]}"
    return None


def check_block(language, info, body, scratch, build):
    """None, or what is wrong with one fenced block."""
    if language == "yaml" and body.startswith("millrace:"):
        (scratch / "shown.yaml").write_text(body)
        return run_script("millrace validate shown.yaml", scratch, build)
    if language in ("bash", "shell", "console"):
        return "fence commands as `sh`"
    if language != "sh":
        return None
    if info.startswith("no-run"):
        return None if re.match(r"no-run\s+\w", info) else "`no-run` needs a reason"
    if info:
        return f"unknown word `{info}` after `sh`"
    for command in SET_UP.findall(body):
        if not os.access(scratch / command, os.X_OK):
            return f"{command} is not there"
    script = SET_UP.sub(":", body)
    return run_script(script, scratch, build)


def check_page(root, page, build):
    """All that is wrong with a page, as (line, message), and the number of blocks looked at."""
    text = page.read_text()
    wrong, blocks = [], 0
    fences = list(FENCE.finditer(text))
    with tempfile.TemporaryDirectory() as folder:
        scratch = pathlib.Path(folder) / "millrace"
        if any(fence[1] in ("sh", "yaml") for fence in fences):
            copy_tree(root, scratch, build)
        for fence in fences:
            blocks += 1
            message = check_block(fence[1], fence[2].strip(), fence[3], scratch, build)
            if message:
                wrong.append((text.count("\n", 0, fence.start()) + 1, message))
    prose = FENCE.sub(lambda m: "\n" * m.group().count("\n"), text)
    for link in LINK.finditer(prose):
        target = link[1]
        if not re.match(r"\w+:", target) and not (page.parent / target).exists():
            wrong.append((prose.count("\n", 0, link.start()) + 1, f"{target} is not there"))
    return wrong, blocks


def check(root, build):
    failures = blocks = 0
    for page in pages(root):
        wrong, cnt = check_page(root, page, build)
        blocks += cnt
        failures += len(wrong)
        for line, message in wrong:
            print(f"{page.relative_to(root)}:{line}: {message}")
    print(f"{blocks} blocks, {failures} failures")
    return 1 if failures or not blocks else 0


PLANTED = """A [lost page](docs/lost.md), a [page](README.md).

```sh
echo first; false | cat
```

```sh no-run
true
```

```sh no-run hardware
false
```

```sh
tools/dev/lost --flag
```

```sh
tools/dev/build release
test -d build/release && millrace --fine
```

```text
false
```

```yaml
millrace: 1
```
"""


def self_test():
    with tempfile.TemporaryDirectory() as folder:
        root, build = pathlib.Path(folder) / "tree", pathlib.Path(folder) / "build"
        (root / "tools/dev").mkdir(parents=True)
        build.mkdir()
        for program, script in [
            (root / "tools/dev/build", "exit 1"),
            (build / "millrace", '[ "$1" = --fine ]'),
        ]:
            program.write_text(f"#!/bin/sh\n{script}\n")
            program.chmod(0o755)
        (root / "README.md").write_text(PLANTED)
        wrong, _ = check_page(root, root / "README.md", build)
    want = [1, 3, 7, 15, 28]
    got = sorted(line for line, _ in wrong)
    print(f"self-test: mistakes planted in lines {want}, found in {got}")
    return 0 if got == want else 1


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=pathlib.Path)
    parser.add_argument("--self-test", action="store_true")
    args = parser.parse_args()
    if args.self_test:
        return self_test()
    if not (args.build and (args.build / "millrace").exists()):
        print("skipped: the program millrace is not in the build folder")
        return 77
    return check(pathlib.Path(__file__).resolve().parents[2], args.build.resolve())


if __name__ == "__main__":
    sys.exit(main())

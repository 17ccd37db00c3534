# SPDX-License-Identifier: Apache-2.0
"""What the documents point to must be there."""
import pathlib
import re
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md")),
         *sorted(page for folder in ("plugins", "examples", "tests")
                 for page in (ROOT / folder).glob("*/README.md"))]


def anchors(page):
    """The names that a page's headings can be linked by."""
    names = set()
    for heading in re.findall(r"^#+ +(.*)$", page.read_text(), re.MULTILINE):
        text = re.sub(r"[^\w\- ]", "", heading.lower())
        names.add(text.strip().replace(" ", "-"))
    return names


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links(page):
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"`[^`\n]*`", "", text)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        linked = (page.parent / path) if path else page
        assert linked.exists(), "%s does not exist" % target
        if anchor:
            assert anchor in anchors(linked), "%s has no such heading" % target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_named_files_are_there(page):
    """`src/wire/frame.h`, or `wire/frame.h` as the sources include it."""
    folders = {path.name for path in ROOT.iterdir()
               if path.is_dir() and not path.name.startswith("build")}
    rooms = {path.name for path in (ROOT / "src").iterdir()}
    for name in re.findall(r"`([\w-]+/[\w./-]+)(?: [^`\n]*)?`", page.read_text()):
        first = name.partition("/")[0]
        if first in folders:
            assert (ROOT / name).exists() or (page.parent / name).exists(), name
        elif first in rooms and name.endswith((".c", ".h")):
            assert (ROOT / "src" / name).exists(), name


def test_make_targets_are_there():
    """Every `make something` that a page names."""
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z][\w -]*):", makefile, re.MULTILINE))
    targets = {name for group in targets for name in group.split()}
    for page in PAGES:
        for name in re.findall(r"(?:`|^)make ([a-z][a-z-]*)", page.read_text(), re.MULTILINE):
            assert name in targets, "%s: make %s" % (page.name, name)


def test_scripts_have_a_first_line_that_says_what():
    for script in [*sorted((ROOT / "scripts").iterdir()), ROOT / ".ci/run"]:
        if script.is_file() and script.stat().st_mode & 0o100:
            lines = script.read_text().splitlines()
            assert lines[0].startswith("#!"), script.name
            assert "SPDX-License-Identifier: Apache-2.0" in lines[1], script.name
            assert len(lines[2]) > 10, script.name


def test_shell_scripts_are_sound():
    scripts = [path for path in [*(ROOT / "scripts").iterdir(), ROOT / ".ci/run"]
               if path.is_file() and path.read_text().startswith("#!/bin/sh")]
    assert len(scripts) > 5
    result = subprocess.run(["shellcheck", *map(str, scripts)], stdout=subprocess.PIPE, text=True)
    assert result.returncode == 0, result.stdout

# SPDX-License-Identifier: Apache-2.0
"""The layout check must find what it is there to find."""
import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
LICENCE = "/* SPDX-License-Identifier: Apache-2.0 */\n"


def put(folder, name, text=LICENCE):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.fixture
def tree(tmp_path):
    """A small tree in which everything is right."""
    put(tmp_path, "src/base/clock.h")
    put(tmp_path, "src/base/clock.c", LICENCE + '#include "base/clock.h"\n#include <time.h>\n')
    put(tmp_path, "src/wire/frame.h", LICENCE + "#include <stdint.h>\n")
    put(tmp_path, "src/conf/store.c",
        LICENCE + '#include "base/clock.h"\n#include "wire/frame.h"\n')
    put(tmp_path, "include/a6/plugin.h", LICENCE + "#include <stddef.h>\n#include <a6/version.h>\n")
    put(tmp_path, "plugins/say/say.c", LICENCE + "#include <a6/plugin.h>\n#include <jansson.h>\n")
    return tmp_path


def check(folder):
    result = subprocess.run([str(ROOT / "scripts/check-layout"), str(folder)],
                            stdout=subprocess.PIPE, text=True)
    return result.returncode, result.stdout


def test_right_tree(tree):
    assert check(tree) == (0, "Every file is in its place.\n")


@pytest.mark.parametrize("name, text, complaint", [
    ("src/wire/message.c", '#include "base/clock.h"', "src/wire may not include"),
    ("src/base/map.c", '#include "conf/store.h"', "src/base may not include"),
    ("src/conf/file.c", '  #  include "server/config.h"', "may not include"),
    ("src/conf/file.c", "#include <a6/plugin.h>", "src/conf may not include <a6/plugin.h>"),
    ("src/conf/file.c", '#include "file.h"', 'write "conf/file.h"'),
    ("plugins/say/more.c", '#include "base/clock.h"', "plugins may not include"),
    ("nginx/module.c", '#include "base/clock.h"', "nginx may not include"),
    ("include/a6/test.h", "#include <pthread.h>", "standard headers only"),
])
def test_arrows(tree, name, text, complaint):
    put(tree, "src/server/config.h")
    put(tree, name, LICENCE + text + "\n")
    status, output = check(tree)
    assert status == 1
    assert name + ":2: " in output and complaint in output


@pytest.mark.parametrize("name, complaint", [
    ("src/base/util.c", "util"),
    ("src/base/string_utils.c", "util"),
    ("src/helpers/a.c", "no room 'helpers'"),
    ("src/base/deep/a.c", "no folders"),
    ("src/base/notes.txt", ".c and .h"),
    ("stuff/a.c", "no folder 'stuff'"),
    ("tests/unit/base/clock.c", "test_*.c"),
    ("tests/unit/test_clock.c", "tests/unit/<room>"),
    ("include/other.h", "include/a6"),
])
def test_places(tree, name, complaint):
    put(tree, name)
    status, output = check(tree)
    assert status == 1
    assert output.startswith(name) and complaint in output


def test_licence_line(tree):
    put(tree, "src/base/map.c", "int x;\n")
    status, output = check(tree)
    assert status == 1 and "src/base/map.c: the first line" in output


def test_long_file(tree):
    put(tree, "src/base/map.c", LICENCE + "\n" * 499)
    assert check(tree)[0] == 0
    put(tree, "src/base/map.c", LICENCE + "\n" * 500)
    status, output = check(tree)
    assert status == 1 and "501 lines" in output

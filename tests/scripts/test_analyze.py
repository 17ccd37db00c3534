# SPDX-License-Identifier: Apache-2.0
"""scripts/analyze must find what it is there to find, and take an answer only where it stands."""
import os
import shutil

import pytest

pytestmark = pytest.mark.skipif(not shutil.which("gcc"), reason="there is no gcc")

TWICE = """#include <stdlib.h>
void twice(int again);
void twice(int again)
{
    char *memory = malloc(3);
    if (again)
        free(memory);
%s
%s
%s
    free(memory);
}
"""


@pytest.fixture(scope="module")
def script(load_script):
    return load_script("scripts/analyze")


def complaints(script, folder, text):
    path = folder / "src/twice.c"
    path.parent.mkdir()
    path.write_text(text)
    command = ["gcc", "-O1", "-c", "-o", os.devnull, str(path)] + script.FLAGS
    return list(script.complaints([script.analyze((path, command, folder))],
                                  set(script.answers(folder)), True))


def test_finds_what_the_optimiser_would_hide(script, tmp_path):
    found = complaints(script, tmp_path, TWICE % ("", "", ""))
    assert len(found) == 1 and "twice.c:11:5: warning: double-" in found[0]


def test_takes_an_answer(script, tmp_path):
    assert not complaints(script, tmp_path, TWICE % ("", "/* analyzer: never again */", ""))


def test_an_answer_is_for_its_place_only(script, tmp_path):
    found = complaints(script, tmp_path, TWICE % ("/* analyzer: never again */", "", ""))
    assert len(found) == 2 and "double-" in found[0]
    assert found[1].endswith("twice.c:8: answers what gcc does not find any more")


def test_what_cannot_be_compiled_is_no_success(script, tmp_path):
    assert "cannot be compiled" in complaints(script, tmp_path, "nonsense")[0]

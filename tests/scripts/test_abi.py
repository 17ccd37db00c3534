# SPDX-License-Identifier: Apache-2.0
"""The ABI check must find what would break a plugin, and allow what would not."""
import pathlib
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


def check(tmp_path, name="plugin.h", before="", after=""):
    """Compares the headers with themselves after one replacement."""
    for folder in ("old", "new"):
        shutil.copytree(ROOT / "include", tmp_path / folder)
    header = tmp_path / "new/a6" / name
    text = header.read_text()
    assert before in text
    header.write_text(text.replace(before, after, 1))
    result = subprocess.run(["scripts/check-abi", str(tmp_path / "old"), str(tmp_path / "new")],
                            cwd=ROOT, stdout=subprocess.PIPE, text=True)
    return result.returncode, result.stdout


def test_same(tmp_path):
    assert check(tmp_path)[0] == 0


@pytest.mark.parametrize("name, before, after", [
    ("plugin.h", "    a6_result (*response_filter)(a6_response *res, void *conf);\n",
     "    a6_result (*response_filter)(a6_response *res, void *conf);\n    uint32_t more;\n"),
    ("plugin.h", "    A6_NEED_RESPONSE_BODY = 1u << 3,\n",
     "    A6_NEED_RESPONSE_BODY = 1u << 3,\n    A6_MORE = 1u << 4,\n"),
    ("host.h", "    int64_t (*cell_take)(a6_cell *cell, double rate, double burst);\n",
     "    int64_t (*cell_take)(a6_cell *cell, double rate, double burst);\n"
     "    int (*more)(void);\n"),
])
def test_growth_is_allowed(tmp_path, name, before, after):
    status, output = check(tmp_path, name, before, after)
    assert status == 0, output


@pytest.mark.parametrize("name, before, after, complaint", [
    ("plugin.h", "    const char *version;\n", "    int more;\n    const char *version;\n",
     "struct a6_plugin: field 4 was 'version'"),
    ("plugin.h", "    size_t max_body;\n", "    uint32_t max_body;\n", "max_body"),
    ("plugin.h", "    A6_LOG_WARN,\n", "    A6_LOG_NOTICE,\n    A6_LOG_WARN,\n",
     "enumerator A6_LOG_WARN: was '2' and is '3'"),
    ("plugin.h", "    A6_NONBLOCKING = 1u << 1,\n", "    A6_NONBLOCKING = 1u << 7,\n",
     "enumerator A6_NONBLOCKING"),
    ("plugin.h", "    size_t len;\n} a6_str;", "    size_t len;\n    int more;\n} a6_str;",
     "struct a6_str: has grown"),
    ("host.h", "    size_t size;\n", "", "struct a6_host: field 2 was 'size'"),
    ("host.h", "int (*response_set_status)(a6_response *res, unsigned status);",
     "int (*response_set_status)(a6_response *res, unsigned long status);",
     "response_set_status"),
])
def test_breakage_is_found(tmp_path, name, before, after, complaint):
    status, output = check(tmp_path, name, before, after)
    assert status == 1 and complaint in output, output

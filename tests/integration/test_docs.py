# SPDX-License-Identifier: Apache-2.0
"""Pages that are made of something else are what that says."""
import re
import subprocess

import pytest

import harness


def test_api_md_is_what_the_headers_say():
    done = subprocess.run([harness.ROOT / "scripts/api-docs", "--check"], check=False,
                          stderr=subprocess.PIPE, text=True)
    assert done.returncode == 0, done.stderr


def test_the_tables_of_options_are_what_the_program_says():
    done = subprocess.run([harness.ROOT / "scripts/update-docs", "--check", harness.C_RUNNER],
                          check=False, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 0, done.stderr


def examples(page):
    blocks = re.findall(r"^```sh\n(.*?)^```", (harness.ROOT / page).read_text(), re.M | re.S)
    return [line for block in blocks for line in block.splitlines()]


@pytest.mark.parametrize("line", examples("docs/commands.md"))
def test_the_examples_of_commands_md(shared, tmp_path, line):
    (tmp_path / "conf.json").write_text('{"status": 201}')
    line = line.replace("/tmp/runner.sock", shared.socket_path)
    line = line.replace("build/", "%s/" % harness.BUILD)
    if " bench " in line:
        line += " --warmup 0 --duration 0.1"
    done = subprocess.run(line, shell=True, cwd=tmp_path, check=False, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0, done.stdout


def test_api_md_has_every_public_function():
    page = (harness.ROOT / "docs/api.md").read_text()
    for name in ("a6_request_add_response_header", "a6_env_cell", "a6_json_need", "a6_test_run",
                 "a6_runner_set", "A6_REGISTER"):
        assert name + "(" in page, name


@pytest.mark.parametrize("page", ["README.md", "docs/from-go.md", "docs/plugin-guide.md"])
def test_what_a_page_names_is_in_the_headers(page):
    headers = "".join(path.read_text() for path in (harness.ROOT / "include/a6").glob("*"))
    known = set(re.findall(r"\b[aA]6_\w+", headers))
    text = (harness.ROOT / page).read_text()
    named = set(re.findall(r"\b(?:a6|A6)_\w+(?!\w*\.rs\b)", text))  # but not a6_abi.rs
    named -= set(re.findall(r"\bA6_RUNNER_\w+", text))
    assert len(named) > 5 and named <= known, named - known

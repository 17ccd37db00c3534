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

# SPDX-License-Identifier: Apache-2.0
"""Pages that are made of something else are what that says."""
import subprocess

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

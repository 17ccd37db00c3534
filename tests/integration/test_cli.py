# SPDX-License-Identifier: Apache-2.0
"""What c-runner's commands have in common."""
import subprocess

import pytest

import harness
import sdk


@pytest.mark.parametrize("args", [["help"], ["help", "run"], ["call", "--help"], ["version"],
                                  ["check", sdk.plugin("say")], ["try", sdk.plugin("say")],
                                  ["dev", "--help"],
                                  ["dev", "--print-apisix", "--routes",
                                   harness.ROOT / "examples/demo/apisix.yaml"]])
def test_output_that_is_lost_is_no_success(tmp_path, args):
    with open("/dev/full", "wb") as full:
        done = subprocess.run([harness.C_RUNNER, *map(str, args)], cwd=tmp_path,
                              stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1, done
    assert "it cannot be written" in done.stderr


def test_a_conf_is_read_from_a_file_only_when_it_says_so(tmp_path):
    (tmp_path / "2").write_text('{"body":"from the file"}')
    done = sdk.run("try", sdk.plugin("say"), "--conf", "@2", cwd=tmp_path)
    assert done.status == 0 and "from the file" in done.out, done
    done = sdk.run("try", sdk.plugin("say"), "--conf", "2", cwd=tmp_path)
    assert done.status == 1 and "not an object" in done.err, done


def test_a_body_comes_from_stdin():
    done = subprocess.run([harness.C_RUNNER, "try", sdk.plugin("say"), "--body", "-"],
                          input="a body", stdout=subprocess.PIPE, text=True, check=True)
    assert "\n  a body\n" in done.stdout


def test_version_names_the_sanitizer():
    done = sdk.run("version", "--long")
    assert ("Sanitizer" in done.out) == harness.sanitized(), done

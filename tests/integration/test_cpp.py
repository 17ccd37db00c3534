# SPDX-License-Identifier: Apache-2.0
"""<a6/plugin.hpp>: every function, in a plugin and its test, by both compilers."""
import shutil
import subprocess

import pytest

import harness

pytestmark = pytest.mark.skipif("harness.sanitized()", reason="the build has sanitizers in it")

SOURCE = harness.ROOT / "tests/integration/cpp/everything.cpp"


@pytest.mark.parametrize("compiler", ["g++", "clang++"])
@pytest.mark.parametrize("standard", ["c++17", "c++20"])
def test_everything(tmp_path, compiler, standard):
    if not shutil.which(compiler):
        pytest.skip("there is no " + compiler)
    program = tmp_path / "everything"
    subprocess.run([compiler, "-std=" + standard, "-pedantic", "-Wall", "-Wextra", "-Wshadow",
                    "-Wcast-qual", "-Wformat=2", "-Werror", "-I", harness.ROOT / "include", SOURCE,
                    "-o", program, "-L", harness.BUILD, "-la6test", "-pthread", "-ldl", "-lm"],
                   check=True)
    done = subprocess.run([program], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False)
    assert done.returncode == 0 and done.stdout == "all is well\n", done.stdout

# SPDX-License-Identifier: Apache-2.0
"""The module's own tests once more, on an nginx with sanitizers and without pools.

It is built from Debian's sources, which takes about a minute the first time. Where they
cannot be had, this is skipped. A6_NGINX_SANITIZE=0 skips it anyway.
"""
import os
import pathlib
import re
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = pathlib.Path(os.environ.get("A6_BUILD_DIR", ROOT / "build")).resolve()


def test_the_module_s_tests_with_sanitizers():
    if os.environ.get("A6_NGINX_SANITIZE") == "0":
        pytest.skip("A6_NGINX_SANITIZE=0")
    done = subprocess.run([ROOT / "tests" / "nginx" / "run-sanitized", BUILD / "nginx-sanitized",
                           "--tb=short", "--maxfail=10", "-n", str(2 * os.cpu_count()),
                           "--dist", "loadfile"], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=1500)
    if done.returncode == 77:
        pytest.skip(done.stdout.strip().splitlines()[-1])
    assert done.returncode == 0, done.stdout[-8000:]
    assert int(re.search(r"(\d+) passed", done.stdout).group(1)) > 200, done.stdout[-2000:]

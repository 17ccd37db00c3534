# SPDX-License-Identifier: Apache-2.0
"""The plugins with the faults, and whether a process is still there."""
import os
import pathlib
import subprocess

import harness

SOURCE = pathlib.Path(__file__).resolve().parent / "plugins/faults.cpp"
FLAGS = "-std=c++17 -fPIC -shared -O0 -g -Wall -Wextra -Werror -Wno-infinite-recursion".split()


def build(target, version):
    """The plugins, which answer with the version."""
    made = target.with_suffix(".new")
    subprocess.run([os.environ.get("CXX", "c++"), *FLAGS, '-DFAULTS_VERSION="%s"' % version,
                    "-I", harness.ROOT / "include", SOURCE, "-o", made],
                   check=True)
    os.rename(made, target)  # as an installation should: never half a file


def alive(pid):
    try:
        with open("/proc/%d/stat" % pid) as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False

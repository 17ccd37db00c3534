# SPDX-License-Identifier: Apache-2.0
"""Runs the tools of the SDK, and installs the build into a folder as `make install` does."""
import json
import os
import subprocess
from pathlib import Path

import harness


class Done:
    """A program that has ended."""

    def __init__(self, process):
        self.status = process.returncode
        self.out = process.stdout
        self.err = process.stderr

    def json(self):
        return json.loads(self.out)

    def __repr__(self):
        return "status %d\n%s\n%s" % (self.status, self.out, self.err)


def run(*args, cwd=None, env=None, program=None):
    environment = {**os.environ, **(env or {})}
    process = subprocess.run([str(program or harness.C_RUNNER), *map(str, args)], cwd=cwd,
                             env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                             stdin=subprocess.DEVNULL, text=True, timeout=harness.TIMEOUT * 4,
                             check=False)
    done = Done(process)
    assert not harness.SANITIZER_REPORT.search(done.err), done.err
    assert done.status >= 0, done
    return done


def plugin(name):
    """A plugin of the build."""
    return harness.BUILD / "plugins" / (name + ".so")


class Installation:
    """The build, installed into an empty folder."""

    def __init__(self, folder):
        self.prefix = Path(folder) / "usr"
        subprocess.run(["cmake", "--install", harness.BUILD, "--prefix", self.prefix], check=True,
                       stdout=subprocess.DEVNULL)
        self.pkg_config = next(self.prefix.rglob("a6-plugin.pc")).parent
        self.c_runner = self.prefix / "bin/c-runner"
        self.docs = self.prefix / "share/doc/apisix-c-plugin-runner"

    def environment(self):
        """What somebody would set who has it in an unusual place."""
        return {"PKG_CONFIG_PATH": str(self.pkg_config),
                "PKG_CONFIG": "pkg-config --define-variable=prefix=%s" % self.prefix,
                "C_RUNNER": str(self.c_runner), "MAKEFLAGS": ""}

    def make(self, folder, *targets):
        return run("--no-print-directory", *targets, cwd=folder, env=self.environment(),
                   program="make")


def compile_plugin(folder, name, source, *flags):
    """A plugin of a test's own; gives its file."""
    path = Path(folder) / (name + ".c")
    path.write_text(source)
    built = path.with_suffix(".so")
    subprocess.run([os.environ.get("CC", "cc"), "-std=c17", "-fPIC", "-shared", "-I",
                    harness.ROOT / "include", *flags, path, "-o", built], check=True)
    return built

# SPDX-License-Identifier: Apache-2.0
"""The installed SDK: a program of one's own, and the guide, followed word by word."""
import re
import shutil
import subprocess

import pytest

import harness
import sdk

pytestmark = pytest.mark.skipif("harness.sanitized()", reason="the build has sanitizers in it")


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    return sdk.Installation(tmp_path_factory.mktemp("installed"))


class OwnRunner(harness.Runner):
    """The program of examples/own-runner in place of c-runner."""

    def __init__(self, program, tmp_path):
        before = harness.C_RUNNER
        harness.C_RUNNER = program
        try:
            super().__init__(tmp_path, None, command="--log-level=debug")
        finally:
            harness.C_RUNNER = before


def test_a_program_of_ones_own(installed, tmp_path):
    project = tmp_path / "own"
    shutil.copytree(installed.docs / "examples/own-runner", project)
    done = installed.make(project, "test")
    assert done.status == 0, done
    assert "3 tests passed" in done.out and "own-runner 1.0.0, with" in done.out

    with OwnRunner(project / "own-runner", tmp_path) as runner:
        conn = runner.connect()
        token = conn.prepare_conf([("stamp", "mine"), ("turnstile", "")])
        for count in ("1", "2"):
            reply = conn.req_call(token)
            assert ("X-Stamp", "mine") in reply.headers
            assert ("X-Count", count) in reply.resp_headers


# A fenced block of the guide, with what stands before it.
BLOCK = re.compile(r"(?:<!-- (file|needs): (\S+) -->\n)?```(\w+)\n(.*?)```", re.S)


def is_there(tool, env):
    return shutil.which(tool, path=env["PATH"]) or subprocess.run(["pkg-config", "--exists", tool], env=env,
                                                check=False).returncode == 0


def guide_environment(installed, folder):
    """PATH and pkg-config as they would be for somebody who installed to a usual place."""
    tools = folder / "bin"
    tools.mkdir()
    tool = tools / "pkg-config"
    tool.write_text('#!/bin/sh\nexec %s --define-variable=prefix=%s "$@"\n' %
                    (shutil.which("pkg-config"), installed.prefix))
    tool.chmod(0o755)
    return {"PATH": "%s:%s:/usr/bin:/bin" % (tools, installed.c_runner.parent),
            "PKG_CONFIG_PATH": str(installed.pkg_config), "HOME": str(folder)}


def test_the_guide_works_as_written(installed, tmp_path):
    """In an empty folder, with only the installation: each file and each command in turn."""
    page = (installed.docs / "docs/plugin-guide.md").read_text()
    env = guide_environment(installed, tmp_path)
    where = tmp_path / "empty"
    where.mkdir()
    output, ran, compared = "", 0, 0
    for kind, argument, language, body in BLOCK.findall(page):
        if kind == "needs" and not is_there(argument, env):
            continue
        if kind == "file":
            (where / argument).write_text(body)
        elif language == "sh":
            script = "%spwd >%s\n" % (body, tmp_path / "where")
            done = subprocess.run(["bash", "-ec", script], cwd=where, env=env, text=True,
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, timeout=harness.TIMEOUT * 2,
                                  check=False)
            assert done.returncode == 0, "%s\n%s" % (body, done.stdout)
            output = done.stdout
            where = harness.Path((tmp_path / "where").read_text().strip())
            ran += 1
        elif language == "text":
            assert body.strip() in output, "after\n%s" % output
            compared += 1
    assert ran >= 10 and compared >= 6

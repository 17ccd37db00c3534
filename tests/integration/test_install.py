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
    shutil.copytree(harness.ROOT / "examples/own-runner", project)
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


def blocks(text):
    """The fenced blocks of a page: (language, name of a file or None, text)."""
    pattern = r"(?:<!-- file: (\S+) -->\n)?```(\w+)\n(.*?)```"
    return [(language, name or None, body)
            for name, language, body in re.findall(pattern, text, re.S)]


def test_the_guide_works_as_written(installed, tmp_path):
    """In an empty folder, with only the installation: each file and each command in turn."""
    page = (harness.ROOT / "docs/plugin-guide.md").read_text()
    first = page.split("<!-- guide -->")[1]
    tools = tmp_path / "bin"
    tools.mkdir()
    tool = tools / "pkg-config"
    tool.write_text('#!/bin/sh\nexec %s --define-variable=prefix=%s "$@"\n' %
                    (shutil.which("pkg-config"), installed.prefix))
    tool.chmod(0o755)
    folder = tmp_path / "empty"
    folder.mkdir()
    env = {"PATH": "%s:%s:%s:/usr/bin:/bin" % (tools, installed.c_runner.parent,
                                               harness.Path.home() / ".cargo/bin"),
           "PKG_CONFIG_PATH": str(installed.pkg_config), "HOME": str(tmp_path),
           "TMPDIR": str(tmp_path)}
    output, expected, ran = "", None, 0
    for language, name, body in blocks(first):
        if name:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(body)
        elif language == "sh":
            done = subprocess.run(["bash", "-ec", body], cwd=folder, env=env, text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                  timeout=harness.TIMEOUT * 2, check=False)
            assert done.returncode == 0, "%s\n%s" % (body, done.stdout)
            output = done.stdout
            ran += 1
        elif language == "text":
            expected = body
            assert expected.strip() in output, "after\n%s" % output
    assert ran >= 5 and expected

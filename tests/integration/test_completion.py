# SPDX-License-Identifier: Apache-2.0
"""The shells' completions say what c-runner's help says."""
import shutil
import subprocess

import pytest

import harness

COMPLETION = harness.ROOT / "completion"


def complete(*words):
    """What bash offers for the last of the words."""
    line = " ".join("'%s'" % w for w in words)
    program = ("source %s/c-runner.bash; COMP_WORDS=(%s); COMP_CWORD=%d; _c_runner;"
               " printf '%%s\\n' \"${COMPREPLY[@]}\"" % (COMPLETION, line, len(words) - 1))
    return subprocess.run(["bash", "-c", program], stdout=subprocess.PIPE, text=True,
                          check=True).stdout.split()


def test_they_are_as_the_help_says():
    subprocess.run([COMPLETION / "generate", "--check", harness.C_RUNNER], check=True)


def test_bash_completes():
    assert complete("c-runner", "be") == ["bench"]
    assert set(complete("c-runner", "run", "--mode", "")) == {"dev", "prod", "prof"}
    assert complete("c-runner", "bench", "--expect", "re") == ["rewrite"]
    assert set(complete("c-runner", "call", "--re")) == {"--request", "--response"}
    assert "run" in complete("c-runner", "help", "r")


def test_bash_completes_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "hello.so").touch()
    assert complete("c-runner", "try", "he") == ["hello.so"]
    assert complete("c-runner", "run", "--config", "he") == ["hello.so"]


def test_zsh_reads_it():
    zsh = shutil.which("zsh")
    if not zsh:
        pytest.skip("there is no zsh")
    subprocess.run([zsh, "-n", COMPLETION / "_c-runner"], check=True)

# SPDX-License-Identifier: Apache-2.0
"""The shells' completions say what c-runner's help says."""
import os
import select
import shutil
import subprocess
import time

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


class Zsh:
    """An interactive zsh on a terminal, which knows our completion."""

    def __init__(self, folder):
        self.terminal, inner = os.openpty()
        self.shell = subprocess.Popen(
            ["zsh", "-f", "-i"], cwd=folder, stdin=inner, stdout=inner, stderr=inner,
            start_new_session=True, env={"TERM": "dumb", "COLUMNS": "200", "HOME": str(folder),
                                         "PATH": os.environ["PATH"]})
        os.close(inner)
        # What is typed is echoed: only what the shell prints has the word in one piece.
        self.type("fpath=(%s $fpath); autoload -Uz compinit; compinit -D -u; PS1=rea''dy:\n" %
                  COMPLETION)
        self.wait("ready:")

    def type(self, keys):
        os.write(self.terminal, keys.encode())

    def wait(self, text):
        output = ""
        end = time.monotonic() + harness.TIMEOUT
        while text not in output:
            left = end - time.monotonic()
            assert left > 0 and select.select([self.terminal], [], [], left)[0], output
            output += os.read(self.terminal, 4096).decode()
        return output

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.shell.kill()
        self.shell.wait()
        os.close(self.terminal)


@pytest.mark.skipif(not shutil.which("zsh"), reason="there is no zsh")
@pytest.mark.parametrize("typed, shown", [
    ("c-runner be\t", "c-runner bench "),
    ("c-runner run --mode pro\t\t", "prod  prof"),
    ("c-runner call --respo\t", "c-runner call --response "),
    ("c-runner try --conf @a --co\t", "@a --conf "),
    ("c-runner try he\t", "c-runner try hello.so "),
    ("c-runner check --conf x=1 he\t", "x=1 hello.so "),
])
def test_zsh_completes(tmp_path, typed, shown):
    (tmp_path / "hello.so").touch()
    with Zsh(tmp_path) as zsh:
        zsh.type(typed)
        zsh.wait(shown)

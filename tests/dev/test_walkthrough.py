# SPDX-License-Identifier: Apache-2.0
"""The walkthrough of docs/walkthrough.md, with the very lines that stand there.

Ports and paths are the walkthrough's own when they are free; else those of this test are
put in their places, and nothing else is changed.
"""
import os
import pathlib
import re
import signal
import socket
import subprocess

import pytest

from dev import BUILD, C_RUNNER, ROOT, wait_until
from ports import free_ports

PAGE = (ROOT / "docs/walkthrough.md").read_text()


def blocks(language):
    return re.findall(r"^```%s\n(.*?)^```$" % language, PAGE, re.MULTILINE | re.DOTALL)


def is_free(port):
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind(("127.0.0.1", port))
            return True
        except OSError:
            return False


class Walk:
    """A folder, and what of the page must be written differently here."""

    def __init__(self, folder):
        self.folder = folder
        self.places = {"build/c-runner": str(C_RUNNER), "/tmp/runner.sock": "%s/runner.sock" % folder}
        wanted = ["9080", "9180"]
        if not all(is_free(int(port)) for port in wanted):
            self.places.update(zip(wanted, map(str, free_ports(2))))
        self.port = int(self.places.get("9080", 9080))
        self.processes = []

    def here(self, text):
        for old, new in self.places.items():
            text = text.replace(old, new)
        return text

    def shell(self, text):
        done = subprocess.run(["sh", "-ec", self.here(text)], cwd=self.folder, timeout=60,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        return done.stdout

    def background(self, text, name, ready):
        log = self.folder / (name + ".log")
        process = subprocess.Popen(["sh", "-c", "exec env " + self.here(text)], cwd=self.folder,
                                   stdin=subprocess.DEVNULL, stdout=log.open("wb"),
                                   stderr=subprocess.STDOUT,
                                   env={**os.environ, "TMPDIR": str(self.folder)})
        self.processes.append(process)
        wait_until(lambda: process.poll() is not None or ready in log.read_text(),
                   "%s to be ready: %s" % (name, log.read_text()))
        assert process.poll() is None, log.read_text()
        return process

    def log(self, name):
        return (self.folder / (name + ".log")).read_text()

    def stop(self, process, number=signal.SIGINT):
        process.send_signal(number)
        process.wait(20)
        self.processes.remove(process)


@pytest.fixture
def walk(folder):
    walk = Walk(folder)
    yield walk
    for process in list(walk.processes):
        walk.stop(process)


def is_hello(answer):
    assert answer.startswith("HTTP/1.1 200 OK\r\n") or answer.startswith("HTTP/1.1 200 OK\n"), answer
    assert re.search(r"^X-Resp-A6-Runner: C\r?$", answer, re.MULTILINE | re.IGNORECASE), answer
    assert answer.endswith("\nhello"), answer


def ports(walk):
    """The same configuration with this test's ports."""
    if "9080" not in walk.places:
        return ""
    return " --port 9080 --admin-port 9180"


def test_by_hand_then_restarted(walk):
    """path_for_test: the runner is started by hand, and may go and come again."""
    runner_line, = [b for b in blocks("sh") if b.startswith("APISIX_LISTEN_ADDRESS=")]
    gateway_line = "build/c-runner dev --config config.yaml"
    put, = [b for b in blocks("sh") if "-X PUT" in b]
    get = "curl -i http://127.0.0.1:9080/get\n"
    assert get in PAGE and gateway_line in PAGE
    config, = [b for b in blocks("yaml") if "path_for_test" in b]
    (walk.folder / "config.yaml").write_text(walk.here(config))

    runner = walk.background(runner_line, "runner", "listening on")
    gateway = walk.background(gateway_line + ports(walk), "gateway", "ready: http")
    stored = walk.shell(put)
    assert '"key":"/apisix/routes/1"' in stored, stored
    is_hello(walk.shell(get))
    # No upstream was reached: there is none at its port that the gateway could have asked.
    assert "refuses connections" not in walk.log("gateway")
    assert "upstream" not in walk.log("gateway").split("ready: http")[1]

    # The runner is restarted, and the gateway does not know.
    walk.stop(runner, signal.SIGTERM)
    runner = walk.background(runner_line, "runner", "listening on")
    is_hello(walk.shell(get))
    # A request's line comes after its answer.
    wait_until(lambda: len(re.findall(r"request \d+ GET /get", walk.log("gateway"))) == 2,
               "both requests in the log")
    text = walk.log("gateway")
    assert "refresh cache and try again" in text, text
    assert len(re.findall(r"request 200 GET /get", text)) == 2, text
    walk.stop(gateway)
    assert not list(walk.folder.glob("c-runner-dev-*"))


def test_by_the_gateway(walk):
    """cmd: the gateway starts the runner, starts it again, and stops it."""
    config, = [b for b in blocks("yaml") if "cmd:" in b]
    put, = [b for b in blocks("sh") if "-X PUT" in b]
    config = walk.here(config).replace("/usr/local/bin/c-runner", str(C_RUNNER))
    (walk.folder / "config.yaml").write_text(config)
    gateway = walk.background("build/c-runner dev --config config.yaml" + ports(walk), "gateway",
                              "ready: http")
    walk.shell(put)
    is_hello(walk.shell("curl -i http://127.0.0.1:9080/get"))

    def runners():
        children = pathlib.Path("/proc/%d/task/%d/children" % (gateway.pid, gateway.pid))
        found = []
        for pid in children.read_text().split():
            try:
                if b"\0run" in pathlib.Path("/proc/%s/cmdline" % pid).read_bytes():
                    found.append(int(pid))
            except OSError:
                pass
        return found

    first, = runners()
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: runners() and first not in runners(), "another runner")
    wait_until(lambda: "200 OK" in walk.shell("curl -si http://127.0.0.1:9080/get || true"),
               "the new runner to answer")
    last, = runners()
    walk.stop(gateway)
    wait_until(lambda: not os.path.exists("/proc/%d" % last), "the runner to end")
    assert "was ended by signal 9" in walk.log("gateway")


def test_page_has_the_build():
    """The page's commands are those of this build."""
    usage = subprocess.run([BUILD / "c-runner", "dev", "--help"], stdout=subprocess.PIPE,
                           check=True, text=True).stdout
    for option in set(re.findall(r"c-runner dev[^\n`]*? (--[a-z-]+)", PAGE)):
        assert option in usage, option

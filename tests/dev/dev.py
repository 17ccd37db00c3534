# SPDX-License-Identifier: Apache-2.0
"""Starts `c-runner dev` in a folder of its own, on free ports, and talks HTTP with it."""
import http.client
import json
import os
import pathlib
import re
import signal
import subprocess

from ports import free_ports
from waiting import TIMEOUT, wait_until

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("A6_BUILD_DIR", ROOT / "build")).resolve()
C_RUNNER = BUILD / "c-runner"
KEY = "edd1c9f034335f136f87ad84b625c8f1"


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.getheaders()}
        self.body = response.read()

    @property
    def text(self):
        return self.body.decode("utf-8", "replace")

    @property
    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return "<%d %r %r>" % (self.status, self.headers, self.body[:300])


def request(port, method, path, body=None, headers=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)
    try:
        connection.request(method, path, body=body, headers=headers or {})
        return Answer(connection.getresponse())
    finally:
        connection.close()


class Dev:
    """A running development gateway. Its log is in dev.log."""

    def __init__(self, folder, *options, echo=True, routes=None, config=None, environment=None):
        self.folder = pathlib.Path(folder)
        self.port, self.admin_port, self.echo_port = free_ports(3)
        self.log_path = self.folder / "dev.log"
        self.environment = {**os.environ, "TMPDIR": str(self.folder), **(environment or {})}
        self.environment.pop("XDG_RUNTIME_DIR", None)
        command = [str(C_RUNNER), "dev", "--port", str(self.port),
                   "--admin-port", str(self.admin_port)]
        if echo:
            command.append("--echo=%d" % self.echo_port)
        if config is not None:
            self.write("config.yaml", config)
            command += ["--config", str(self.folder / "config.yaml")]
        if routes is not None:
            self.routes(routes)
            command += ["--routes", str(self.folder / "apisix.yaml")]
        elif not any(option.startswith("--routes") for option in options):
            command += ["--data", str(self.folder / "data")]
        self.command = command + list(options)
        self.process = None

    def write(self, name, text):
        path = self.folder / name
        fresh = self.folder / ("." + name)
        fresh.write_text(text)
        fresh.rename(path)
        return path

    def routes(self, objects, end="#END\n"):
        """The file of routes. A text, or what is written as JSON, which is YAML too."""
        text = objects if isinstance(objects, str) else json.dumps(objects) + "\n"
        self.write("apisix.yaml", text + end)

    def start(self, ready=True):
        self.process = subprocess.Popen(self.command, cwd=self.folder, env=self.environment,
                                        stdin=subprocess.DEVNULL,
                                        stdout=self.log_path.open("wb"), stderr=subprocess.STDOUT)
        if ready:
            wait_until(self._ready, "the gateway to be ready: " + self.log())
        return self

    def _ready(self):
        assert self.process.poll() is None, self.log()
        return "ready: http" in self.log()

    def fails(self):
        """Starts it and gives what it says when it does not come up: status and text."""
        self.start(ready=False)
        status = self.process.wait(TIMEOUT)
        self.process = None
        return status, self.log()

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def stop(self, number=signal.SIGINT):
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.process.send_signal(number)
        status = self.process.wait(TIMEOUT)
        self.process = None
        self.check()
        return status

    def check(self):
        """What no gateway may leave behind."""
        assert not list(self.folder.glob("c-runner-dev-*")), "the working folder is still there"
        log = self.log()
        assert not re.search(r"Sanitizer|runtime error:|\[alert\]|worker process \d+ exited on",
                             log), log

    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def logged(self, pattern):
        return wait_until(lambda: re.search(pattern, self.log()),
                          "%r in the log: %s" % (pattern, self.log()))

    # ---- HTTP ----

    def get(self, path, method="GET", body=None, **headers):
        return request(self.port, method, path, body,
                       {name.replace("_", "-"): value for name, value in headers.items()})

    def admin(self, method, path, value=None, key=KEY, port=None):
        headers = {"X-API-KEY": key} if key else {}
        body = value if value is None or isinstance(value, (str, bytes)) else json.dumps(value)
        return request(port or self.admin_port, method, "/apisix/admin/" + path, body, headers)

    def upstream(self, **more):
        return {"type": "roundrobin", "nodes": {"127.0.0.1:%d" % self.echo_port: 1}, **more}

    def say(self, text):
        return {"ext-plugin-pre-req": {"conf": [
            {"name": "say", "value": json.dumps({"body": text})}]}}

    def children(self):
        path = "/proc/%d/task/%d/children" % (self.process.pid, self.process.pid)
        return [int(pid) for pid in pathlib.Path(path).read_text().split()]

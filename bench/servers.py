# SPDX-License-Identifier: Apache-2.0
"""Starts and looks at the servers that are measured."""
import os
import re
import shlex
import signal
import socket
import struct
import subprocess
import time


def descendants(pid):
    """The process and all below it: a supervisor and its workers are one server."""
    found = [pid]
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/children") as children:
                for child in children.read().split():
                    found += descendants(int(child))
    except OSError:
        pass
    return found


def read(path):
    try:
        with open(path) as file:
            return file.read()
    except OSError:
        return ""


class Server:
    """A command that serves on a unix socket; {socket} in it stands for the path."""

    def __init__(self, name, command, folder, environment=None):
        self.name = name
        self.command = command
        self.folder = os.path.join(folder, re.sub(r"\W+", "-", name))
        os.makedirs(self.folder, exist_ok=True)
        self.socket = os.path.join(self.folder, "s")
        self.environment = environment or {}
        self.process = None

    def connect(self):
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.connect(self.socket)
        except OSError:
            connection.close()
            return None
        return connection

    def start(self):
        """Gives the seconds until a first PrepareConf was answered."""
        if os.path.exists(self.socket):
            os.unlink(self.socket)
        environment = dict(os.environ, APISIX_LISTEN_ADDRESS="unix:" + self.socket,
                           APISIX_CONF_EXPIRE_TIME="3600")
        environment.update(self.environment)
        command = shlex.split(self.command.replace("{socket}", self.socket))
        with open(os.path.join(self.folder, "log"), "wb") as log:
            began = time.monotonic()
            self.process = subprocess.Popen(command, env=environment, cwd=self.folder,
                                            stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=subprocess.STDOUT)
        while True:
            connection = self.connect()
            if connection:
                break
            if self.process.poll() is not None or time.monotonic() - began > 30:
                raise RuntimeError(f"{self.name} does not come up:\n{self.log()}")
            time.sleep(0.0001)
        with connection:
            self.prepare(connection)
        return time.monotonic() - began

    def prepare(self, connection):
        # a PrepareConf of nothing: a root table without fields
        payload = struct.pack("<IHHi", 8, 4, 4, 4)
        connection.settimeout(10)
        connection.sendall(b"\1" + len(payload).to_bytes(3, "big") + payload)
        if len(connection.recv(4)) < 4:
            raise RuntimeError(f"{self.name} does not answer:\n{self.log()}")

    def stop(self):
        if not self.process:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    @property
    def pid(self):
        return self.process.pid

    def log(self):
        return read(os.path.join(self.folder, "log"))[-2000:]

    def memory_kib(self):
        """(private, proportional): shared pages count in full nowhere, or by their share."""
        private = proportional = 0
        for pid in descendants(self.pid):
            text = read(f"/proc/{pid}/smaps_rollup")
            private += sum(int(n) for n in re.findall(r"^Private_\w+:\s+(\d+)", text, re.M))
            proportional += sum(int(n) for n in re.findall(r"^Pss:\s+(\d+)", text, re.M))
        return private, proportional

    def threads(self):
        return sum(len(os.listdir(f"/proc/{pid}/task")) for pid in descendants(self.pid))

    def wakeups(self):
        """Times that any thread was put on a CPU so far."""
        total = 0
        for pid in descendants(self.pid):
            for task in os.listdir(f"/proc/{pid}/task"):
                total += sum(int(n) for n in re.findall(
                    r"ctxt_switches:\s+(\d+)", read(f"/proc/{pid}/task/{task}/status")))
        return total

# SPDX-License-Identifier: Apache-2.0
"""Starts the real c-runner and talks to it as the gateway does.

    with Runner(tmp_path, plugins) as runner:
        conn = runner.connect()
        token = conn.prepare_conf([("probe", "answer 200")])
        reply = conn.req_call(token, path="/x")
"""
import ctypes
import os
import re
import resource
import signal
import socket
import struct
import subprocess
from pathlib import Path

import a6wire as wire
from waiting import TIMEOUT, wait_until

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("A6_BUILD_DIR", ROOT / "build")).resolve()
C_RUNNER = BUILD / "c-runner"

SANITIZER_REPORT = re.compile(r"ERROR: AddressSanitizer|ERROR: LeakSanitizer|runtime error:|"
                              r"WARNING: ThreadSanitizer")


def script(*lines):
    """A conf for the probe plugin."""
    return "\n".join(lines)


def report(text):
    """What the probe reported, as {command: outcome}."""
    if isinstance(text, bytes):
        text = text.decode("utf-8", "surrogateescape")
    lines = [line for line in text.split("\n" if "\n" in text else ";") if line]
    return dict(line.split(" -> ", 1) for line in lines)


def sanitized():
    """Is this a build with AddressSanitizer or ThreadSanitizer in it?"""
    with open(C_RUNNER, "rb") as f:
        data = f.read()
    return b"__asan_init" in data or b"__tsan_init" in data


def has_option(name):
    """Does `run` know the option?"""
    done = subprocess.run([C_RUNNER, "help", "run"], stdout=subprocess.PIPE, check=False)
    return ("--" + name) in done.stdout.decode()


def raise_descriptor_limit():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


class Closed(Exception):
    """The runner closed the connection."""


class Gateway:
    """What the gateway answers when it is asked in the middle of a call."""

    def __init__(self, variables=None, body=None, response_body=None):
        self.variables = variables or {}
        self.body = body
        self.response_body = response_body

    def answer(self, question):
        """The value, or None for absent."""
        if question.type == wire.VAR:
            value = self.variables.get(question.name)
            return None if value is None else wire.to_bytes(value)
        return self.body if question.type == wire.REQ_BODY else self.response_body


class Conn:
    """One connection of a gateway worker. Checks every frame that it gets."""

    def __init__(self, path, timeout=TIMEOUT):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            # Not settimeout() yet: with it a full backlog is an error and not a wait.
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO,
                                 struct.pack("@ll", int(timeout), 0))
            self.sock.connect(str(path))
            self.sock.settimeout(timeout)
        except BaseException:
            self.sock.close()
            raise
        self.calls = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.sock.close()

    # ---- bytes and frames ----

    def send_bytes(self, data):
        self.sock.sendall(data)

    def send(self, kind, payload):
        self.sock.sendall(wire.frame(kind, payload))

    def _exactly(self, count):
        data = bytearray(count)
        view = memoryview(data)
        got = 0
        while got < count:
            try:
                n = self.sock.recv_into(view[got:])
            except ConnectionResetError:
                n = 0
            if n == 0:
                raise Closed("after %d of %d bytes" % (got, count))
            got += n
        return bytes(data)

    def receive_frame(self):
        """The next frame, as (type, payload). Closed when there is none."""
        header = self._exactly(4)
        return header[0], self._exactly(int.from_bytes(header[1:], "big"))

    def receive(self):
        """The next frame, checked and read."""
        kind, payload = self.receive_frame()
        return wire.read(kind, payload)

    def is_quiet(self, seconds=0.05):
        """Nothing comes for so long. Only for what would come at once."""
        before = self.sock.gettimeout()
        self.sock.settimeout(seconds)
        try:
            return self.sock.recv(1, socket.MSG_PEEK) is None
        except socket.timeout:
            return True
        finally:
            self.sock.settimeout(before)

    def wait_closed(self):
        """Until the runner closes the connection; what still comes is an error."""
        try:
            data = self.sock.recv(4096)
        except ConnectionResetError:
            return
        assert data == b"", "expected the end of the connection, got %r" % data[:80]

    # ---- calls ----

    def prepare_conf(self, conf, key="route#1#ext-plugin-pre-req#1"):
        """The token. conf: (name, text) pairs, or the text for the probe."""
        if isinstance(conf, str):
            conf = [("probe", conf)]
        self.send(wire.PREPARE_CONF, wire.prepare_conf(conf, key))
        reply = self.receive()
        assert isinstance(reply, wire.PrepareConfReply), reply
        return reply.token

    def _finish(self, gateway):
        asked = []
        while True:
            message = self.receive()
            if not isinstance(message, wire.ExtraInfo):
                if not isinstance(message, wire.Error):
                    message.asked = asked
                return message
            asked.append((message.type, message.name))
            answer = (gateway or Gateway()).answer(message)
            self.send(wire.EXTRA_INFO, wire.extra_info_reply(answer))

    def _next_id(self, call):
        self.calls += 1
        call.setdefault("id", self.calls)
        return call["id"]

    def start_req_call(self, token, **call):
        """Sends the call only."""
        self._next_id(call)
        self.send(wire.HTTP_REQ_CALL, wire.req_call(token, **call))

    def finish_call(self, gateway=None):
        """Answers what is asked, and gives the reply or the Error."""
        return self._finish(gateway)

    def req_call(self, token, gateway=None, **call):
        """A whole HTTPReqCall: a wire.Reply or a wire.Error."""
        id = self._next_id(call)
        self.send(wire.HTTP_REQ_CALL, wire.req_call(token, **call))
        reply = self._finish(gateway)
        if not isinstance(reply, wire.Error):
            assert isinstance(reply, wire.Reply) and reply.id == id, reply
        return reply

    def resp_call(self, token, gateway=None, **call):
        """A whole HTTPRespCall: a wire.RespReply or a wire.Error."""
        id = self._next_id(call)
        self.send(wire.HTTP_RESP_CALL, wire.resp_call(token, **call))
        reply = self._finish(gateway)
        if not isinstance(reply, wire.Error):
            assert isinstance(reply, wire.RespReply) and reply.id == id, reply
        return reply


def _die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def children(pid):
    found = []
    try:
        tasks = os.listdir("/proc/%d/task" % pid)
    except OSError:
        return found
    for task in tasks:
        try:
            found += Path("/proc/%d/task/%s/children" % (pid, task)).read_text().split()
        except OSError:
            continue
    return [int(child) for child in found]


class Runner:
    """One c-runner process. Leaving the context stops it and looks at how it ended.

    `args` go after `run`; `plugins` is the folder of the test plugins. `environment`
    is all that it gets beside PATH, the two variables of the gateway and what
    sanitizers need; a value of None takes a variable away.
    """

    count = 0

    def __init__(self, tmp_path, plugins=None, *args, environment=None, socket_path=None,
                 stdin=subprocess.DEVNULL, cwd=None, umask=-1, ready=True, limits=None,
                 command="run"):
        Runner.count += 1
        self.dir = Path(tmp_path)
        self.socket_path = str(socket_path or self.dir / ("runner-%d.sock" % Runner.count))
        self.output_path = self.dir / ("runner-%d.out" % Runner.count)
        self.forgiven = False  # a crash or a sanitizer's report is what the test is about
        env = {"PATH": "/usr/bin:/bin", "APISIX_LISTEN_ADDRESS": "unix:" + self.socket_path,
               "APISIX_CONF_EXPIRE_TIME": "3600"}
        env.update({k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")})
        env.update(environment or {})
        line = [str(C_RUNNER), command]
        if plugins:
            line += ["--plugin-dir", str(plugins), "--plugin-dir", str(BUILD / "plugins")]
        line += [str(a) for a in args]

        def prepare():
            _die_with_parent()
            for which, value in (limits or {}).items():
                resource.setrlimit(which, (value, value))

        with open(self.output_path, "wb") as output:
            self.process = subprocess.Popen(
                line, stdin=stdin, stdout=output, stderr=subprocess.STDOUT, cwd=cwd or self.dir,
                env={k: v for k, v in env.items() if v is not None}, umask=umask,
                preexec_fn=prepare)
        self.conns = []
        if ready:
            try:
                self.wait_ready()
            except BaseException:
                self.kill()
                raise

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            self.close()
        else:
            self.kill()

    @property
    def pid(self):
        return self.process.pid

    def wait_ready(self):
        def connects():
            if self.process.poll() is not None:
                raise AssertionError("c-runner left with %d:\n%s" %
                                     (self.process.returncode, self.output()))
            try:
                Conn(self.socket_path).close()
                return True
            except OSError:
                return False

        wait_until(connects, "the socket %s; output:\n%s" % (self.socket_path, self.output()))

    def connect(self):
        conn = Conn(self.socket_path)
        self.conns.append(conn)
        return conn

    # ---- how it does ----

    def output(self):
        """All that it printed so far."""
        return self.output_path.read_text("utf-8", "replace")

    def wait_output(self, pattern, timeout=TIMEOUT):
        """Until a line that the pattern finds is printed; gives the match."""
        try:
            return wait_until(lambda: re.search(pattern, self.output(), re.M), pattern, timeout)
        except AssertionError as e:
            raise AssertionError("%s; the output is:\n%s" % (e, self.output())) from None

    def count_output(self, pattern):
        return len(re.findall(pattern, self.output(), re.M))

    def pids(self):
        """Of the process and all below it."""
        found = [self.pid]
        for pid in found:
            found += children(pid)
        return found

    def memory_kib(self):
        """Resident memory of all its processes."""
        total = 0
        for pid in self.pids():
            match = re.search(r"VmRSS:\s*(\d+)", Path("/proc/%d/status" % pid).read_text())
            total += int(match.group(1)) if match else 0
        return total

    def cpu_seconds(self):
        """Processor time of all its processes."""
        ticks = 0
        for pid in self.pids():
            fields = Path("/proc/%d/stat" % pid).read_text().rsplit(")", 1)[1].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    # ---- how it ends ----

    def signal(self, number):
        os.kill(self.pid, number)

    def wait_exit(self, timeout=TIMEOUT):
        """Its exit status."""
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError("c-runner does not leave; its output is:\n" +
                                 self.output()) from None

    def kill(self):
        for conn in self.conns:
            conn.close()
        for pid in reversed(self.pids()):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.wait()

    def check_output(self):
        found = SANITIZER_REPORT.search(self.output())
        assert not found or self.forgiven, self.output()

    def close(self):
        """Stops it as the gateway does, unless it has left, and looks at the end."""
        for conn in self.conns:
            conn.close()
        left = self.process.poll() is not None
        if not left:
            self.signal(signal.SIGTERM)
            try:
                self.process.wait(TIMEOUT)
            except subprocess.TimeoutExpired:
                self.kill()
                raise AssertionError("SIGTERM does not stop it:\n" + self.output()) from None
        self.check_output()
        if not left and not self.forgiven:
            assert self.process.returncode == 0, (self.process.returncode, self.output())


def worker_of(conn):
    return report(conn.req_call(conn.prepare_conf(script("pid", "report"))).body)["pid"]


def connect_to_two_workers(runner):
    """Gives a connection to each. Which one accepts is a race, which a busy one loses."""
    one = runner.connect()
    pid = worker_of(one)
    busy = one.prepare_conf("spin 20")

    def other():
        one.start_req_call(busy)
        conn = runner.connect()
        there = worker_of(conn) != pid
        one.receive()
        return conn if there else conn.close()

    return one, wait_until(other, "a connection to the other worker")


def run_to_end(tmp_path, *args, environment=None, **more):
    """A c-runner that is expected to leave by itself: (exit status, output)."""
    runner = Runner(tmp_path, None, *args, environment=environment, ready=False, **more)
    try:
        status = runner.wait_exit()
        runner.check_output()
        return status, runner.output()
    finally:
        runner.kill()

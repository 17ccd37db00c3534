# SPDX-License-Identifier: Apache-2.0
"""The real nginx with the module, in a folder of its own, on free ports."""
import json
import os
import pathlib
import signal
import socket
import subprocess
import threading
import time

from ports import free_ports
from waiting import wait_until

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent

BUILD = pathlib.Path(os.environ.get("A6_BUILD_DIR", ROOT / "build")).resolve()
NGINX = os.environ.get("A6_NGINX", "/usr/sbin/nginx")
# "static": it is built into that nginx
MODULE = pathlib.Path(os.environ.get("A6_NGINX_MODULE",
                                     BUILD / "nginx" / "ngx_http_ext_plugin_module.so"))

SLOW = "A6_NGINX_SLOW" in os.environ  # with sanitizers

MAIN = """\
%(load)s
worker_processes %(workers)d;
error_log %(root)s/error.log %(level)s;
pid %(root)s/nginx.pid;
%(user)s
%(main)s
events { worker_connections 1024; %(events)s }
http {
    client_body_temp_path %(root)s/body;
    proxy_temp_path %(root)s/proxy;
    fastcgi_temp_path %(root)s/fastcgi;
    uwsgi_temp_path %(root)s/uwsgi;
    scgi_temp_path %(root)s/scgi;
    log_format t '$request_method $uri $status [$ext_plugin_status] [$ext_plugin_time] '
                 '[$ext_plugin_error]';
    access_log %(root)s/access.log t;
    root %(root)s/html;
    %(http)s
}
"""


def wait_for(condition, seconds=20, what="it"):
    return wait_until(condition, what, seconds)


class Response:
    def __init__(self, status, reason, headers, body):
        self.status, self.reason, self.headers, self.body = status, reason, headers, body

    def all(self, name):
        return [v for n, v in self.headers if n.lower() == name.lower()]

    def header(self, name):
        values = self.all(name)
        return values[0] if values else None

    def __repr__(self):
        return "<%d %r %r>" % (self.status, self.headers, self.body[:200])


class Nginx:
    def __init__(self, root):
        self.root = pathlib.Path(root)
        (self.root / "html").mkdir(exist_ok=True)
        self.port, = free_ports(1)
        self.process = None
        self.options = {}

    def configure(self, server="", http="", main="", workers=1, level=os.environ.get("A6_NGINX_LOG", "info"), events=""):
        """server: what stands in the one server block; http: beside it."""
        self.options = {
            "root": self.root, "workers": workers, "level": level, "main": main,
            "events": events,
            "user": "user %s;" % os.environ.get("USER", "root") if os.geteuid() == 0 else "",
            "load": "load_module %s;" % MODULE if MODULE.exists() else "",
            "http": http + ("\n    server {\n        listen 127.0.0.1:%d;\n"
                            "        server_name test;\n%s\n    }\n" % (self.port, server)
                            if server else ""),
        }
        if os.geteuid() == 0:
            self.options["user"] = "user root;"
        (self.root / "nginx.conf").write_text(MAIN % self.options)

    def args(self, *more):
        return [NGINX, "-p", str(self.root), "-c", str(self.root / "nginx.conf"),
                "-e", str(self.root / "error.log"), *more]

    def test(self):
        """nginx -t: its exit code and what it says."""
        done = subprocess.run(self.args("-t"), capture_output=True, text=True, timeout=20)
        return done.returncode, done.stderr

    def start(self, **configuration):
        if configuration:
            self.configure(**configuration)
        self.process = subprocess.Popen(self.args("-g", "daemon off;"),
                                        stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL,
                                        stderr=(self.root / "stderr").open("ab"))
        wait_for(self.ready, what="nginx: " + self.log()[-2000:])
        return self

    def ready(self):
        if self.process.poll() is not None:
            raise AssertionError("nginx has ended: " + (self.root / "stderr").read_text()
                                 + self.log())
        try:
            # written when all of the configuration's sockets listen
            if int((self.root / "nginx.pid").read_text()) != self.process.pid:
                return False
            socket.create_connection(("127.0.0.1", self.port), 1).close()
            return True
        except (OSError, ValueError):
            return False

    def kill(self, number):
        os.kill(self.process.pid, number)

    def reload(self):
        before = set(self.workers())
        self.kill(signal.SIGHUP)
        wait_for(lambda: set(self.workers()) - before, what="new workers")

    def workers(self):
        pid = self.process.pid
        try:
            children = pathlib.Path("/proc/%d/task/%d/children" % (pid, pid)).read_text().split()
        except OSError:
            return []
        return [int(c) for c in children
                if b"worker process" in self._cmdline(c)]

    @staticmethod
    def _cmdline(pid):
        try:
            return pathlib.Path("/proc/%s/cmdline" % pid).read_bytes()
        except OSError:
            return b""

    def log(self):
        try:
            return (self.root / "error.log").read_text(errors="replace")
        except OSError:
            return ""

    def access(self):
        """The access log, when it has come to rest: nginx writes it behind the answer."""
        lines, before = [], None
        end = time.monotonic() + 5
        while (not lines or lines != before) and time.monotonic() < end:
            before = lines
            time.sleep(0.03)
            lines = (self.root / "access.log").read_text(errors="replace").splitlines()
        return lines

    def file(self, name, data):
        path = self.root / "html" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
        return path

    def connect(self, timeout=30):
        return socket.create_connection(("127.0.0.1", self.port), timeout)

    def raw(self, data, timeout=30):
        """Sends bytes, gives all that comes until nginx closes."""
        with self.connect(timeout) as s:
            s.sendall(data)
            got = bytearray()
            while True:
                more = s.recv(1 << 16)
                if not more:
                    return bytes(got)
                got += more

    def get(self, path="/", method="GET", headers=(), body=None, timeout=30, version="HTTP/1.1",
            chunked=False):
        head = ["%s %s %s" % (method, path, version)]
        headers = list(headers)
        if not any(n.lower() == "host" for n, _ in headers):
            headers.insert(0, ("Host", "test"))
        headers.append(("Connection", "close"))
        data = b""
        if body is not None:
            body = body.encode() if isinstance(body, str) else body
            if chunked:
                headers.append(("Transfer-Encoding", "chunked"))
                for at in range(0, len(body), 1000):
                    piece = body[at:at + 1000]
                    data += b"%x\r\n%s\r\n" % (len(piece), piece)
                data += b"0\r\n\r\n"
            else:
                headers.append(("Content-Length", str(len(body))))
                data = body
        head += ["%s: %s" % h for h in headers]
        raw = self.raw("\r\n".join(head).encode("utf-8", "surrogateescape") + b"\r\n\r\n" + data,
                       timeout)
        return parse(raw, method)

    def stop(self, number=signal.SIGTERM):
        if self.process is None:
            return
        if self.process.poll() is None:
            self.kill(number)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                for pid in self.workers():
                    os.kill(pid, signal.SIGKILL)
                self.process.kill()
                self.process.wait()
                raise AssertionError("nginx did not stop: " + self.log()[-3000:])
        self.process = None

    def check(self):
        """What no test may leave behind.

        A master that was told to terminate kills workers that take 1.5 seconds for it, as
        the search for leaks may on a busy machine.
        """
        log = self.log()
        for word in ("[alert]", "[emerg]", "open socket", "exited on signal",
                     "AddressSanitizer", "runtime error:"):
            lines = [line for line in log.splitlines() if word in line
                     and not (SLOW and "exited on signal 9" in line)]
            assert not lines, lines[:5]
        stderr = (self.root / "stderr").read_text() if (self.root / "stderr").exists() else ""
        assert "Sanitizer" not in stderr and "runtime error" not in stderr, stderr


def parse(raw, method="GET"):
    assert raw, "no answer at all"
    head, _, body = raw.partition(b"\r\n\r\n")
    lines = head.decode("utf-8", "surrogateescape").split("\r\n")
    version, status, *reason = lines[0].split(" ", 2)
    assert version in ("HTTP/1.1", "HTTP/1.0"), lines[0]
    headers = [tuple(line.split(": ", 1)) if ": " in line else (line.rstrip(":"), "")
               for line in lines[1:]]
    response = Response(int(status), " ".join(reason), headers, body)
    if response.header("transfer-encoding") == "chunked" and method != "HEAD":
        response.body = unchunk(body)
    elif (response.header("content-length") is not None and method != "HEAD"
          and response.status not in (204, 304)):
        assert int(response.header("content-length")) == len(body), response
    return response


def unchunk(data):
    out = bytearray()
    while True:
        size, _, data = data.partition(b"\r\n")
        n = int(size, 16)
        if n == 0:
            assert data == b"\r\n", data
            return bytes(out)
        assert len(data) > n + 1
        out += data[:n]
        data = data[n + 2:]


class Upstream:
    """An HTTP server that tells in JSON what it was sent.

    `answer` may be a function of the request (method, target, headers, body) that gives
    the raw bytes to send; the connection is then closed unless it gives (bytes, True).
    """

    def __init__(self):
        self.requests = []
        self.answer = None
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.listen(128)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(peer,), daemon=True).start()

    def _serve(self, peer):
        with peer, peer.makefile("rb") as f:
            try:
                while True:
                    line = f.readline()
                    if not line:
                        return
                    method, target, _ = line.decode("latin-1").split(" ", 2)
                    headers = []
                    while (line := f.readline()) not in (b"\r\n", b""):
                        name, _, value = line.decode("utf-8", "surrogateescape").partition(":")
                        headers.append((name, value.strip()))
                    length = [int(v) for n, v in headers if n.lower() == "content-length"]
                    body = f.read(length[0]) if length else b""
                    request = (method, target, headers, body)
                    self.requests.append(request)
                    if self.answer:
                        reply = self.answer(*request)
                        keep = isinstance(reply, tuple)
                        peer.sendall(reply[0] if keep else reply)
                        if not keep:
                            return
                        continue
                    text = json.dumps({"method": method, "target": target, "headers": headers,
                                       "body": body.decode("latin-1")}).encode()
                    peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                                 b"X-Upstream: lab\r\nContent-Length: %d\r\n\r\n%s"
                                 % (len(text), text if method != "HEAD" else b""))
            except OSError:
                pass

    def close(self):
        self.listener.close()

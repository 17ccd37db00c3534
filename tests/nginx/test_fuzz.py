# SPDX-License-Identifier: Apache-2.0
"""Random replies, well-formed with hostile contents, and spoilt ones, to a real nginx.

A6_FUZZ_SECONDS says for how long (each), A6_FUZZ_SEED from where. What must hold: nginx
lives, answers every request with something that is HTTP, and answers well again when the
runner does.
"""
import os
import random
import re
import time

import pytest
from fake_runner import (RESP_CALL, frame, write_error, write_none, write_resp,
                         write_rewrite, write_stop)
from conf_lines import post_req, post_resp, pre_req, proxy, use
from nginx_rig import wait_for

SECONDS = float(os.environ.get("A6_FUZZ_SECONDS", "3"))
SEED = os.environ.get("A6_FUZZ_SEED", "1")

NAMES = ["X-A", "x-a", "Content-Type", "content-length", "Transfer-Encoding", "Location", "ETag",
         "Last-Modified", "Cache-Control", "Link", "WWW-Authenticate", "Content-Encoding",
         "Content-Range", "Accept-Ranges", "Expires", "Refresh", "Set-Cookie", "Host", "Cookie",
         "X-Forwarded-For", "Connection", "Upgrade", "Range", "If-None-Match", "User-Agent",
         "Expect", "TE", "Date", "Server", "a b", "x\r\ny", "\0", "", ":", "é"]
VALUES = ["", "1", "a", "-1", "99999999999999999999", "bytes=0-3", "gzip", "chunked", "close",
          "Thu, 01 Jan 1970 00:00:00 GMT", "text/html; charset=utf-8", ";", "a\r\nX-Evil: 1",
          "\0\x01\x7f", "é" * 20, "x" * 5000, "/somewhere", "127.0.0.1:99", "[::1]:80", "*", "W/\"x\""]
PATHS = ["/", "", "x", "/a b", "/%2e%2e/", "/..", "/a/../b", "/\0", "/" + "p" * 3000, "/é?#%", "//",
         "/.", "/index.html", "/none", "\r\n"]


class Generator:
    def __init__(self, seed):
        self.random = random.Random(seed)

    def text(self, list_):
        if self.random.random() < 0.1:
            return self.random.randbytes(self.random.randrange(40))
        return self.random.choice(list_)

    def pairs(self, absent=True):
        if self.random.random() < 0.3:
            return None
        return [(self.text(NAMES),
                 None if absent and self.random.random() < 0.2 else self.text(VALUES))
                for _ in range(self.random.choice((0, 1, 2, 5, 40)))]

    def body(self):
        size = self.random.choice((None, 0, 1, 100, 5000, 100000))
        return None if size is None else b"b" * size

    def status(self):
        return self.random.choice((0, 200, 204, 206, 301, 304, 401, 404, 416, 444, 499, 500, 503,
                                   700, 999, 1, 100, 101, 65535))

    def reply(self, call):
        id = call.id if self.random.random() < 0.98 else self.random.getrandbits(32)
        if call.kind == RESP_CALL:
            data = write_resp(id, self.status(), self.pairs(), self.body())
        else:
            data = self.random.choice((
                lambda: write_none(id),
                lambda: write_stop(id, self.status(), self.pairs(), self.body()),
                lambda: write_rewrite(id, self.text(PATHS), self.pairs(), self.pairs(),
                                      self.pairs(), self.body()),
                lambda: write_error(self.random.randrange(4))))()
        what = self.random.random()
        if what < 0.6:
            return data
        if what < 0.95:
            return self.spoil(data)
        return frame(self.random.randrange(256), self.random.randbytes(self.random.randrange(64)))

    def spoil(self, data):
        """The header stays right, so that the payload is looked at."""
        payload = bytearray(data[4:])
        for _ in range(self.random.choice((1, 1, 2, 8))):
            at = self.random.randrange(len(payload))
            what = self.random.randrange(4)
            if what == 0:
                payload[at] = self.random.getrandbits(8)
            elif what == 1:
                payload[at] ^= 1 << self.random.randrange(8)
            elif what == 2:
                payload[at:at + 4] = self.random.choice(
                    (b"\0\0\0\0", b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", b"\4\0\0\0"))
            else:
                del payload[at:at + self.random.choice((1, 4, 100))]
            if not payload:
                break
        return frame(data[0], payload)


def read_response(f):
    """One answer; True if the connection can be used again."""
    line = f.readline()
    if not line:
        return None, False
    match = re.fullmatch(rb"HTTP/1\.1 (\d{3}) [^\r\n]*\r\n", line)
    assert match, line
    length, chunked, keep = None, False, True
    while (line := f.readline()) != b"\r\n":
        name, colon, value = line.partition(b":")
        assert colon and line.endswith(b"\r\n"), line
        assert re.fullmatch(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name), line
        assert not re.search(rb"[\0-\x08\x0a-\x1f\x7f]", value[:-2]), line
        assert name.lower() != b"x-evil"
        if name.lower() == b"content-length":
            assert length is None
            length = int(value)
        elif name.lower() == b"transfer-encoding":
            chunked = True
        elif name.lower() == b"connection" and b"close" in value:
            keep = False
    status = int(match.group(1))
    if status in (204, 304):
        return status, keep
    if chunked:
        while size := int(f.readline(), 16):
            assert len(f.read(size + 2)) == size + 2
        f.readline()
    elif length is None:
        f.read()
        return status, False
    else:
        assert len(f.read(length)) == length
    return status, keep


@pytest.mark.parametrize("where", ["files", "proxied"])
def test_random_replies(nginx, runner, upstream, where):
    generator = Generator(SEED + where)
    nginx.file("index.html", "index")
    content = "" if where == "files" else proxy(upstream)
    nginx.start(level="error", server=use(runner, "read_timeout=500ms")
                + "location / { %s %s %s %s }" % (pre_req({}), post_req({}), post_resp({}), content)
                + "location /ok { %s }" % pre_req({"stop": {"body": "ok"}}))
    runner.handler = generator.reply
    questions = ["var:uri", "var:args", "var:http_host", "var:", "var:none", "req_body",
                 "resp_body"]
    original = runner._call

    def call(peer, call):
        for _ in range(generator.random.choice((0, 0, 0, 1, 3))):
            runner.ask(peer, generator.random.choice(questions))
        return original(peer, call)
    runner._call = call
    end = time.monotonic() + SECONDS
    connection = stream = None
    requests = 0
    statuses = set()
    while time.monotonic() < end:
        if connection is None:
            connection = nginx.connect()
            stream = connection.makefile("rb")
        body = b"x" * generator.random.choice((0, 0, 0, 10, 30000))
        connection.sendall(b"%s /?a=1&b HTTP/1.1\r\nHost: t\r\nCookie: a=b\r\n"
                           b"Content-Length: %d\r\n\r\n%s"
                           % (generator.random.choice((b"GET", b"POST")), len(body), body))
        status, keep = read_response(stream)
        requests += 1
        statuses.add(status)
        if not keep:
            connection.close()
            connection = None
    runner.handler = None
    runner._call = original
    wait_for(lambda: nginx.get("/ok").body == b"ok")
    assert requests > 20 and {200, 503} <= statuses, (requests, statuses)
    print("%d requests" % requests)

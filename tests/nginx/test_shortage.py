# SPDX-License-Identifier: Apache-2.0
"""Every allocation and every epoll_ctl() of nginx's worker fails in turn, while plugins are
called: no crash, no client that waits, and no request that goes on without its plugins."""
import mmap
import os
import struct
import subprocess

import pytest
from conf_lines import post_req, post_resp, pre_req, proxy, use
from nginx_rig import SLOW
from ports import free_ports

FAIL_ONE = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>

void *__libc_malloc(size_t size);
void *__libc_memalign(size_t alignment, size_t size);

/* of the worker and of the test */
static struct { volatile int what; volatile int left; } *shared;

__attribute__((constructor)) static void begin(void)
{
    int fd = open(getenv("FAIL_FILE"), O_RDWR);
    void *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    if (at == MAP_FAILED)
        abort();
    shared = at;
}

static int fails(int what)
{
    return shared && shared->what == what && shared->left > 0 && --shared->left == 0;
}

void *malloc(size_t size)
{
    if (fails(1)) {
        errno = ENOMEM;
        return NULL;
    }
    return __libc_malloc(size);
}

int posix_memalign(void **place, size_t alignment, size_t size)
{
    void *at = fails(1) ? NULL : __libc_memalign(alignment, size);

    if (!at)
        return ENOMEM;
    *place = at;
    return 0;
}

int epoll_ctl(int epoll, int how, int fd, struct epoll_event *event)
{
    static int (*real)(int, int, int, struct epoll_event *);

    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "epoll_ctl");
    if (fails(2)) {
        errno = ENOMEM;
        return -1;
    }
    return real(epoll, how, fd, event);
}
"""


class Shortage:
    """Lets one call in the worker fail."""

    KINDS = {"malloc": 1, "epoll_ctl": 2}

    def __init__(self, path):
        path.write_bytes(bytes(4096))
        with open(path, "r+b") as file:
            self.memory = mmap.mmap(file.fileno(), 4096)

    def begin(self, kind, n):
        """From now on the n-th call of the kind fails, counted from 1, and no other."""
        struct.pack_into("ii", self.memory, 0, self.KINDS[kind], n)

    def end(self):
        """Whether it has come to the n-th call."""
        left, = struct.unpack_from("i", self.memory, 4)
        struct.pack_into("ii", self.memory, 0, 0, 0)
        return left == 0


@pytest.fixture
def shortage(tmp_path, monkeypatch):
    if SLOW:
        pytest.skip("a sanitizer wants to be the first that is preloaded")
    library, shared = tmp_path / "fail.so", tmp_path / "shared"
    subprocess.run([os.environ.get("CC", "cc"), "-shared", "-fPIC", "-O1", "-Wall", "-Wextra",
                    "-Werror", "-x", "c", "-", "-o", library], input=FAIL_ONE, text=True, check=True)
    made = Shortage(shared)
    monkeypatch.setenv("LD_PRELOAD", str(library))
    monkeypatch.setenv("FAIL_FILE", str(shared))
    return made


@pytest.mark.parametrize("kind", Shortage.KINDS)
@pytest.mark.parametrize("lines", [
    pre_req({"ask": ["req_body"], "stop": {"status": 403, "headers": [["X", "y"]], "body": "no"}}),
    pre_req({"ask": ["req_body"]}) + post_req({"rewrite": {"headers": [["A", "b"]], "body": "c"}})
    + post_resp({"ask": ["resp_body"], "resp": {"status": 403, "headers": [["X", "y"]]}})],
    ids=["stop", "all phases"])
def test_what_fails_once(nginx, runner, upstream, shortage, lines, kind):
    nginx.expect_alerts = True  # nginx says so of a shortage
    port, = free_ports(1)
    # small pools ask for memory more often; "deferred": the client is not waited for before
    nginx.start(server="""listen 127.0.0.1:%d deferred; request_pool_size 256;
        %s %s error_page 500 503 = @backup; location / { %s } location @backup { %s }
        location = /plain { return 200 ok; }""" % (
        port, use(runner), lines, proxy(upstream), proxy(upstream)))
    nginx.port = port
    assert nginx.get("/plain").body == b"ok"
    workers = nginx.workers()
    n = 0
    reached = True
    while reached:
        n += 1
        shortage.begin(kind, n)
        try:
            answer = nginx.get("/", method="POST", body="x" * 3000, timeout=10)
            assert answer.status in (403, 500, 503), (n, answer)
        except (ConnectionError, AssertionError) as error:  # closed at once
            assert isinstance(error, ConnectionError) or "no answer at all" in str(error), (n, error)
        reached = shortage.end()
        assert nginx.get("/plain").body == b"ok"
    assert n > (1 if kind == "epoll_ctl" else 15)
    assert nginx.workers() == workers, nginx.log()
    for bad in ("header already sent", "count is zero", "exited on signal"):
        assert bad not in nginx.log()

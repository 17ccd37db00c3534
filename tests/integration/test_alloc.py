# SPDX-License-Identifier: Apache-2.0
"""Every allocation fails in turn, in c-runner try and in the plugins: nothing crashes.

A preloaded library does it, so that the plugins, jansson and PCRE2 are reached as well. It
begins with main: what libraries allocate while they are loaded is their own affair.
"""
import os
import subprocess

import pytest

import harness
import sdk

pytestmark = pytest.mark.skipif("harness.sanitized()", reason="sanitizers have their own malloc")

FAIL_ONE = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);

typedef int main_function(int, char **, char **);
typedef int start_function(main_function *, int, char **, void (*)(void), void (*)(void),
                           void (*)(void), void *);

static _Atomic long made = -1; /* -1: main has not begun */

/* The allocation with the number FAIL_AT, from 0, fails, and no other. */
static int fails(void)
{
    static _Atomic long at = -2;

    if (at == -2) {
        const char *text = getenv("FAIL_AT");
        at = text ? atol(text) : -1;
    }
    if (made < 0 || made++ != at)
        return 0;
    errno = ENOMEM;
    return 1;
}

void *malloc(size_t size) { return fails() ? NULL : __libc_malloc(size); }
void *calloc(size_t count, size_t size) { return fails() ? NULL : __libc_calloc(count, size); }
void *realloc(void *old, size_t size) { return fails() ? NULL : __libc_realloc(old, size); }

static main_function *real_main;

static int begin(int argc, char **argv, char **environment)
{
    made = 0;
    return real_main(argc, argv, environment);
}

int __libc_start_main(main_function *main, int argc, char **argv, void (*init)(void),
                      void (*finish)(void), void (*finish_loader)(void), void *stack_end)
{
    start_function *start = (start_function *)dlsym(RTLD_NEXT, "__libc_start_main");

    real_main = main;
    return start(begin, argc, argv, init, finish, finish_loader, stack_end);
}

__attribute__((destructor)) static void tell(void)
{
    long count = made;
    const char *path = getenv("COUNT_TO");
    FILE *file = path ? fopen(path, "w") : NULL;

    if (!file)
        return;
    fprintf(file, "%ld", count);
    fclose(file);
}
"""

CALLS = {
    "say": ["--conf", '{"body": "hello"}'],
    "fault-injection": ["--conf", '{"http_status": 503, "body": "x"}'],
    "limit-req": ["--conf", '{"rate": 1, "burst": 1}'],
    "request-body-rewrite": ["--conf", '{"new_body": "x"}'],
    "request-rewrite": ["--request", "GET /a?b=1", "-H", "x: 1", "--conf",
                        '{"path": "/c", "args": {"delete": ["b"], "set": {"d": "1"}},'
                        ' "headers": {"delete": ["x"], "add": {"y": "2"}},'
                        ' "response_headers": {"z": "3"}, "body": "b"}'],
    "response-rewrite": ["--response", "HTTP/1.1 200 OK\nA: b\n\nbanana", "--conf",
                         '{"status": 404, "headers": {"x": "y", "a": ""}, "filters":'
                         ' [{"regex": "a", "scope": "global", "replace": "<$0>"}]}'],
    "hello-cpp": ["--conf", '{"body": "hello"}'],
}


@pytest.fixture(scope="module")
def preload(tmp_path_factory):
    return sdk.compile_plugin(tmp_path_factory.mktemp("alloc"), "fail_one", FAIL_ONE)


def run(line, env):
    return subprocess.run(line, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          check=False)


@pytest.mark.parametrize("name", CALLS)
def test_no_allocation_that_fails_does_harm(preload, name, tmp_path):
    line = [harness.C_RUNNER, "try", "--json", sdk.plugin(name), *CALLS[name]]
    env = {**os.environ, "LD_PRELOAD": str(preload)}
    right = run(line, {**env, "COUNT_TO": str(tmp_path / "count")})
    assert right.returncode == 0, right
    count = int((tmp_path / "count").read_text())
    assert 20 < count < 1000, "each is made to fail by a run of its own"
    told = []
    for at in range(count):
        done = run(line, {**env, "FAIL_AT": str(at)})
        # 127: the loader of libc, in dlopen, ends the program when it has no memory
        assert done.returncode in (0, 1, 2, 127), (at, done)
        if done.returncode == 0:
            assert done.stdout == right.stdout or b'"notes"' in done.stdout, (at, done)
        else:
            assert done.stderr or done.stdout, at  # the reason is told
            told.append(done.stderr + done.stdout)
    assert len(told) > 20
    # not only before the plugin was reached
    assert any(b"could not parse conf" in text for text in told), told

# SPDX-License-Identifier: Apache-2.0
"""Every allocation fails in turn, in c-runner try and in the plugins: nothing crashes.

A preloaded library does it, so that the plugins, jansson and PCRE2 are reached as well.
"""
import os
import subprocess

import pytest

import harness
import sdk

pytestmark = pytest.mark.skipif("harness.sanitized()", reason="sanitizers have their own malloc")

FAIL_ONE = r"""
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);

/* Counts down from FAIL_AT; the allocation that finds 0 fails, and no other. */
static int fails(void)
{
    static long left = -2;

    if (left == -2) {
        const char *at = getenv("FAIL_AT");
        left = at ? atol(at) : -1;
    }
    if (left < 0)
        return 0;
    if (left-- > 0)
        return 0;
    errno = ENOMEM;
    return 1;
}

void *malloc(size_t size) { return fails() ? NULL : __libc_malloc(size); }
void *calloc(size_t count, size_t size) { return fails() ? NULL : __libc_calloc(count, size); }
void *realloc(void *old, size_t size) { return fails() ? NULL : __libc_realloc(old, size); }
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


@pytest.mark.parametrize("name", CALLS)
def test_no_allocation_that_fails_does_harm(preload, name):
    line = [harness.C_RUNNER, "try", "--json", sdk.plugin(name), *CALLS[name]]
    env = {**os.environ, "LD_PRELOAD": str(preload)}
    right = subprocess.run(line, env=env, stdout=subprocess.PIPE, check=True).stdout
    failures = fine_in_a_row = 0
    for at in range(5000):
        env["FAIL_AT"] = str(at)
        done = subprocess.run(line, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              check=False)
        assert done.returncode in (0, 1, 2, 127), (at, done)
        if done.returncode == 0:
            assert done.stdout == right or b'"notes"' in done.stdout, (at, done)
            fine_in_a_row += 1
        else:
            assert done.stderr or done.stdout, at  # the reason is told
            failures += 1
            fine_in_a_row = 0
        if fine_in_a_row == 100:
            break  # behind the last one that matters
    assert failures > 20

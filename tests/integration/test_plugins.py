# SPDX-License-Identifier: Apache-2.0
"""Our plugins in a real runner, with the confs that routes for the Go runner have."""
import json
import os
import re
import signal
import subprocess
import threading
import time

import pytest

import a6wire as wire
import harness
import sdk
from harness import Gateway


@pytest.fixture(scope="module")
def runner(tmp_path_factory):
    with harness.Runner(tmp_path_factory.mktemp("runner"), harness.BUILD / "plugins") as running:
        yield running


def call(runner, name, conf, **more):
    conn = runner.connect()
    token = conn.prepare_conf([(name, conf)], key="route#%s#ext-plugin-pre-req#1" % name)
    return conn.req_call(token, **more)


def response_call(runner, name, conf, **more):
    conn = runner.connect()
    token = conn.prepare_conf([(name, conf)], key="route#%s#ext-plugin-post-resp#1" % name)
    return conn.resp_call(token, **more)


@pytest.mark.parametrize("name, language", [("say", "C"), ("hello-cpp", "C++"),
                                            ("hello-rust", "Rust")])
def test_say_in_three_languages(runner, name, language):
    if not sdk.plugin(name).exists():
        pytest.skip("%s was not built" % name)
    reply = call(runner, name, '{"body": "hello"}')
    assert (reply.action, reply.status, reply.body) == (wire.STOP, 200, b"hello")
    assert reply.headers == [("X-Resp-A6-Runner", language)]
    assert call(runner, name, '{"body": ""}').action == wire.NONE


def test_fault_injection(runner):
    reply = call(runner, "fault-injection",
                 '{"http_status": 503, "body": "injected", "percentage": 100}')
    assert (reply.action, reply.status, reply.body) == (wire.STOP, 503, b"injected")
    assert not reply.headers


def test_request_body_rewrite(runner):
    reply = call(runner, "request-body-rewrite", '{"new_body": "new body by C"}')
    assert (reply.action, reply.body) == (wire.REWRITE, b"new body by C")


def test_request_rewrite(runner):
    reply = call(runner, "request-rewrite",
                 '{"path": "/x", "args": {"delete": ["a"]}, "headers": {"delete": ["x-a"]}}',
                 args=[("a", "1"), ("b", "2")], headers=[("x-a", "1"), ("host", "h")])
    assert reply.action == wire.REWRITE and reply.path == "/x"
    assert ("a", None) in reply.args and ("x-a", None) in reply.headers


def test_response_rewrite(runner):
    """The status is what the conf says: the Go example always sends 200."""
    reply = response_call(runner, "response-rewrite",
                          '{"status": 205, "headers": {"X-Server-Id": "9527"}, "body": "by C"}',
                          headers=[("Content-Type", "text/plain"), ("Content-Length", "15")])
    assert (reply.status, reply.body) == (205, b"by C")
    assert ("X-Server-Id", "9527") in reply.headers
    assert ("Content-Type", "text/plain") in reply.headers
    assert "Content-Length" not in dict(reply.headers)


def test_response_rewrite_filters(runner):
    reply = response_call(runner, "response-rewrite",
                          '{"filters": [{"regex": "o+", "scope": "global", "replace": "[$0]"}]}',
                          gateway=Gateway(response_body=b"foo bo"))
    assert reply.body == b"f[oo] b[o]"


def test_a_wrong_conf_is_refused_and_told_once(tmp_path):
    with harness.Runner(tmp_path, harness.BUILD / "plugins") as runner:
        conn = runner.connect()
        token = conn.prepare_conf([("fault-injection", '{"http_status": 99}')])
        for _ in range(3):
            reply = conn.req_call(token)
            assert isinstance(reply, wire.Error) and reply.code == wire.SERVICE_UNAVAILABLE
        runner.wait_output('"http_status" is 99; it must be 200 to 599')
        assert runner.count_output('"http_status" is 99') == 1


def flood(runner, token, count):
    """So many calls at the same time: ([(action, seconds)], seconds for all)."""
    results = []
    conns = [runner.connect() for _ in range(count)]

    def one(conn):
        start = time.monotonic()
        reply = conn.req_call(token)
        results.append((reply.action, time.monotonic() - start))

    threads = [threading.Thread(target=one, args=(conn,)) for conn in conns]
    begin = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results, time.monotonic() - begin


@pytest.mark.parametrize("workers", [1, 3])
def test_limit_req_has_one_bucket_for_all_workers(tmp_path, workers):
    with harness.Runner(tmp_path, harness.BUILD / "plugins", "--workers", workers,
                        "--threads", 2) as runner:
        token = runner.connect().prepare_conf([("limit-req", '{"rate": 0.5, "burst": 0}')])
        results, _ = flood(runner, token, 30)
        passed = [action for action, _ in results if action == wire.NONE]
        # One at once, and one for each two seconds that a slow machine takes.
        assert 1 <= len(passed) <= 5, results
        assert len(results) - len(passed) == len([1 for action, _ in results
                                                  if action == wire.STOP])


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGHUP], ids=["crash", "reload"])
def test_limit_req_keeps_its_bucket(tmp_path, number):
    with harness.Runner(tmp_path, harness.BUILD / "plugins") as runner:
        runner.forgiven = True
        conn = runner.connect()
        token = conn.prepare_conf([("limit-req", '{"rate": 0.001}')])
        assert conn.req_call(token).action == wire.NONE
        worker = runner.pids()[1]
        if number == signal.SIGKILL:
            os.kill(worker, number)
        else:
            runner.signal(number)
        harness.wait_until(lambda: runner.pids()[1:] and worker not in runner.pids(),
                           "another worker")
        reply = runner.connect().req_call(token)
        assert (reply.action, reply.status) == (wire.STOP, 503)


def test_limit_req_holds_no_thread(tmp_path):
    """20 calls wait at the same time in one loop and one pool thread, and others pass."""
    with harness.Runner(tmp_path, harness.BUILD / "plugins", "--threads", 1, "--pool-threads",
                        1) as runner:
        conn = runner.connect()
        token = conn.prepare_conf([("limit-req", '{"rate": 10, "burst": 100}')])
        free = conn.prepare_conf([("say", '{"body": "free"}')], key="route#2#x#1")
        done = []
        flooding = threading.Thread(target=lambda: done.append(flood(runner, token, 21)))
        flooding.start()
        while flooding.is_alive():
            assert conn.req_call(free).body == b"free"
            time.sleep(0.05)
        results, seconds = done[0]
        assert all(action == wire.NONE for action, _ in results)
        assert seconds >= 1.9  # 20 of them had to wait, the last one for 2 s


READMES = sorted((harness.ROOT / "plugins").glob("*/README.md"))


def test_every_plugin_has_a_readme():
    folders = [path for path in (harness.ROOT / "plugins").iterdir() if path.is_dir()]
    assert {path.parent for path in READMES} == set(folders)


def blocks(page, language):
    return re.findall(r"```%s\n(.*?)```" % language, page.read_text(), re.S)


def skip_unless_built(page):
    if not sdk.plugin(page.parent.name).exists():
        pytest.skip("%s was not built" % page.parent.name)


@pytest.mark.parametrize("page", READMES, ids=lambda page: page.parent.name)
def test_the_route_of_a_readme_is_right(page):
    skip_unless_built(page)
    route = json.loads(blocks(page, "json")[0])
    confs = [conf for plugin in route["plugins"].values() for conf in plugin["conf"]]
    assert confs
    for conf in confs:
        assert conf["name"] == page.parent.name
        done = sdk.run("check", sdk.plugin(conf["name"]), "--conf",
                       "%(name)s=%(value)s" % conf)
        assert done.status == 0, done


@pytest.mark.parametrize("page", READMES, ids=lambda page: page.parent.name)
def test_the_command_of_a_readme_prints_what_it_says(page):
    skip_unless_built(page)
    command = blocks(page, "sh")[0].replace("c-runner ", "%s " % harness.C_RUNNER, 1)
    command = command.replace("build/plugins/", "%s/plugins/" % harness.BUILD)
    done = subprocess.run(["bash", "-ec", command], stdout=subprocess.PIPE, text=True, check=True)
    assert done.stdout.startswith(blocks(page, "text")[0])

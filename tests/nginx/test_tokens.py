# SPDX-License-Identifier: Apache-2.0
"""Conf tokens: one PrepareConf for a conf, whoever needs it, and a new one when the
runner has forgotten, or is another."""
import socket
import threading
import time

import pytest
from nginx_rig import wait_for
from ports import free_ports
from fake_runner import Runner, write_error, write_none, write_stop, write_token
from conf_lines import pre_req, use


def together(n, function):
    results = [None] * n
    errors = []

    def run(i):
        try:
            results[i] = function(i)
        except Exception as e:  # noqa: BLE001: shown below
            errors.append(e)
    threads = [threading.Thread(target=run, args=(i,)) for i in range(n)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not errors, errors
    return results


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_one_prepare_for_all(nginx, runner, workers):
    nginx.start(workers=workers, server=use(runner)
                + pre_req({"prepare": {"sleep": 0.3}, "stop": {"body": "x"}}))
    assert together(40, lambda i: nginx.get("/").status) == [200] * 40
    assert len(runner.prepared) == 1
    assert len(runner.calls) == 40


def test_another_conf_is_not_held_up(nginx, runner):
    nginx.start(server="%s location /slow { %s } location /fast { %s }" % (
        use(runner), pre_req({"prepare": {"sleep": 1.0}, "stop": {"body": "s"}}),
        pre_req({"stop": {"body": "f"}})))
    slow = threading.Thread(target=lambda: nginx.get("/slow"))
    slow.start()
    wait_for(lambda: runner.prepared)
    before = time.monotonic()
    assert nginx.get("/fast").body == b"f"
    assert slow.is_alive() and time.monotonic() - before < 1.0
    slow.join()


def test_a_runner_that_takes_one_connection_at_a_time(nginx, tmp_path):
    """The real gateway needs two at once."""
    lock = threading.Lock()

    class Serial(Runner):
        def _serve(self, peer):
            with lock:
                super()._serve(peer)
    runner = Serial(str(tmp_path / "serial.sock"))
    nginx.start(server=use(runner) + pre_req({"stop": {"body": "x"}}))
    assert nginx.get("/").body == b"x"
    runner.close()


@pytest.mark.parametrize("times, status", [(1, 200), (2, 200), (3, 503)])
def test_token_not_found(nginx, runner, times, status):
    left = [times]

    def handler(call):
        if left[0] > 0:
            left[0] -= 1
            return write_error(2)
        return write_stop(call.id, 200, None, "x")
    runner.handler = handler
    nginx.start(server=use(runner) + pre_req({}))
    assert nginx.get("/").status == status
    assert len(runner.calls) == min(times + 1, 3)
    assert [c.token for c in runner.calls] == [1, 2, 3][:len(runner.calls)]
    assert len(runner.prepared) == len(runner.calls)
    if status == 503:
        assert "did not find its own conf token" in nginx.log()


def test_tokens_expire(nginx, runner):
    nginx.start(server=use(runner, "conf_expire=1s") + pre_req({"stop": {"body": "x"}}))
    assert nginx.get("/").status == 200
    assert nginx.get("/").status == 200
    time.sleep(2.1)
    assert nginx.get("/").status == 200
    assert [c.token for c in runner.calls] == [1, 1, 2]


def test_another_runner_gets_no_token_of_the_first(nginx, tmp_path):
    """Both number from 1: with the first one's token the second would run /b's conf for /a."""
    path = str(tmp_path / "runner.sock")
    first = Runner(path)
    nginx.start(workers=2, server="ext_plugin_runner unix:%s; location /a { %s } location /b { %s }"
                % (path, pre_req({"stop": {"body": "a"}}), pre_req({"stop": {"body": "b"}})))
    for _ in range(5):
        assert nginx.get("/a").body == b"a"
        assert nginx.get("/b").body == b"b"
    first.close()
    second = Runner(path)
    for _ in range(10):
        assert nginx.get("/b").body == b"b"
        assert nginx.get("/a").body == b"a"
    assert len(second.prepared) == 2
    second.close()


def test_a_runner_that_takes_over_while_the_first_still_answers(nginx, tmp_path):
    path = str(tmp_path / "runner.sock")
    first = Runner(path)
    nginx.start(server="ext_plugin_runner unix:%s; location /a { %s } location /b { %s }"
                % (path, pre_req({"stop": {"body": "a"}}), pre_req({"sleep": 0.2,
                                                                    "stop": {"body": "b"}})))
    assert nginx.get("/a").body == b"a"
    second = Runner(path)
    # the connection that is kept leads to the first, new ones to the second
    got = together(6, lambda i: nginx.get("/b" if i % 2 else "/a").body)
    assert got == [b"a", b"b"] * 3
    first.close()
    assert nginx.get("/a").body == b"a"
    assert nginx.get("/b").body == b"b"
    second.close()


def test_places_of_one_name_have_a_conf_each(nginx, runner):
    """What a plugin counts for one of them, it must not count for the others."""
    line = pre_req({"stop": {"body": "x"}})
    more = "server { listen unix:%s/2.sock; server_name test; %s location /a { %s } }" % (
        nginx.root, use(runner), line)
    nginx.start(server="%s location = /a { %s } location /a { %s }" % (
        use(runner), line, line), http=more)
    for path in ("/a", "/ab"):
        assert nginx.get(path).body == b"x"
    with socket.socket(socket.AF_UNIX) as s:
        s.connect("%s/2.sock" % nginx.root)
        s.sendall(b"GET /a HTTP/1.0\r\n\r\n")
        assert s.recv(1000).startswith(b"HTTP/1.1 200")
    keys = {key for key, _ in runner.prepared}
    assert len(keys) == 3 and len({call.token for call in runner.calls}) == 3
    nginx.reload()
    for path in ("/a", "/ab"):
        assert nginx.get(path).body == b"x"
    assert {key for key, _ in runner.prepared} == keys


def test_reload_with_and_without_a_change(nginx, runner):
    nginx.start(workers=2, server=use(runner) + pre_req({"stop": {"body": "one"}}))
    assert nginx.get("/").body == b"one"
    nginx.reload()
    for _ in range(4):
        assert nginx.get("/").body == b"one"
    assert len(runner.prepared) == 1  # the shared memory outlives the workers
    nginx.configure(workers=2, server=use(runner) + pre_req({"stop": {"body": "two"}}))
    nginx.reload()
    wait_for(lambda: nginx.get("/").body == b"two")
    assert len(runner.prepared) == 2
    assert runner.prepared[0][0] != runner.prepared[1][0]


@pytest.mark.parametrize("what, said", [
    ({"error": 0}, "refused the conf"), ({"error": 2}, "refused the conf"),
    ({"raw": "01000000"}, "answered PrepareConf with garbage"),
    ({"raw": "00000000"}, "answered PrepareConf with garbage"),
    ({"raw": "0200000800000000"}, "timed out"),
    ({"raw": "010000040000ffff"}, "answered PrepareConf with garbage"),
    ({"close": True}, "closed the connection"),
    ({"silent": True}, "timed out"),
], ids=range(8))
def test_a_conf_that_cannot_be_prepared(nginx, runner, what, said):
    nginx.start(workers=2, server="""location / { %s %s } location /ok { %s %s }""" % (
        use(runner, "read_timeout=300ms"), pre_req({"prepare": what}), use(runner),
        pre_req({"stop": {"body": "ok"}})))
    assert together(6, lambda i: nginx.get("/").status) == [503] * 6
    assert said in nginx.log()
    wait_for(lambda: nginx.get("/ok").body == b"ok")
    runner.prepare_handler = lambda key, conf, token: write_token(token)
    runner.handler = lambda call: write_stop(call.id, 200, None, "now")
    wait_for(lambda: nginx.get("/").body == b"now")  # nothing is remembered of the failure


def test_a_failure_to_prepare_is_told_to_the_other_workers(nginx, runner):
    """Or each of them would try in turn, while its clients wait."""
    everyone_waits = threading.Event()

    def prepare(key, conf, token):
        everyone_waits.wait(10)
        return write_error(1)
    runner.prepare_handler = prepare
    port, = free_ports(1)  # whose connections the kernel spreads over the workers
    nginx.start(workers=3, server="listen 127.0.0.1:%d reuseport; location /status { stub_status; }"
                "%s location / { %s }" % (port, use(runner), pre_req({})))
    clients = [socket.create_connection(("127.0.0.1", port), 10) for _ in range(24)]
    for client in clients:
        client.sendall(b"GET /x HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n")
    wait_for(lambda: b"Writing: 25 " in nginx.get("/status").body)
    everyone_waits.set()
    for client in clients:
        assert client.recv(100).startswith(b"HTTP/1.1 503")
        client.close()
    assert len(runner.prepared) == 1
    runner.prepare_handler = None
    runner.handler = lambda call: write_none(call.id)
    assert nginx.get("/x").status == 404  # the next one tries again


def test_a_client_that_waits_for_a_token_goes_away(nginx, runner):
    nginx.start(server=use(runner) + pre_req({"prepare": {"sleep": 1.0}, "stop": {"body": "x"}}))
    gone = nginx.connect()
    gone.sendall(b"GET / HTTP/1.1\r\nHost: t\r\n\r\n")
    wait_for(lambda: runner.prepared)
    other = threading.Thread(target=lambda: nginx.get("/"))
    other.start()
    time.sleep(0.05)
    gone.close()
    other.join()
    assert len(runner.prepared) == 1 and len(runner.calls) == 1


def test_a_worker_that_has_to_end_does_not_wait_for_the_runner(nginx, runner):
    nginx.start(main="worker_shutdown_timeout 1s;", server=use(runner)
                + pre_req({"prepare": {"silent": True}}))
    with nginx.connect() as s:
        s.sendall(b"GET / HTTP/1.1\r\nHost: t\r\n\r\n")
        wait_for(lambda: runner.prepared)
        old, = nginx.workers()
        nginx.reload()
        wait_for(lambda: old not in nginx.workers(), seconds=30, what="the old worker's end")


def test_a_worker_that_dies_while_it_prepares(nginx, runner):
    import os
    import signal
    nginx.expect_alerts = True
    sleeping = [0.5]

    def prepare(key, conf, token):
        time.sleep(sleeping.pop() if sleeping else 0)
        return write_token(token)
    runner.prepare_handler = prepare
    runner.handler = lambda call: write_none(call.id)
    nginx.start(workers=1, server=use(runner) + pre_req({}))
    s = nginx.connect()
    s.sendall(b"GET / HTTP/1.1\r\nHost: t\r\n\r\n")
    wait_for(lambda: runner.prepared)
    old, = nginx.workers()
    os.kill(old, signal.SIGKILL)
    wait_for(lambda: nginx.workers() and nginx.workers() != [old])
    assert wait_for(lambda: nginx.ready() and nginx.get("/none")).status == 404
    s.close()


def test_a_big_conf(nginx, runner, tmp_path):
    text = '{"stop": {"body": "x"}, "pad": "%s"}' % ("p" * 1000000)
    (tmp_path / "big.json").write_text(text)
    nginx.start(server=use(runner) + "ext_plugin_pre_req do @big.json;")
    assert nginx.get("/").body == b"x"
    assert runner.prepared[0][1] == [("do", text)]


def test_many_confs(nginx, runner):
    nginx.start(server=use(runner) + "".join(
        "location =/%d { %s }" % (i, pre_req({"stop": {"body": str(i)}})) for i in range(600)))
    for i in range(600):
        assert nginx.get("/%d" % i).body == str(i).encode()
    assert len(runner.prepared) == 600

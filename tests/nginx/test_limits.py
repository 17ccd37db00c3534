# SPDX-License-Identifier: Apache-2.0
"""Runners that never come to an end: a call is cut off, and costs nobody else anything."""
import socket
import threading
import time

import pytest
from nginx_rig import SLOW, wait_for
from fake_runner import Call, Closed, PREPARE_CONF, Runner, write_ask, write_stop
from conf_lines import post_resp, pre_req, use
from test_failures import check_all, serve


class Asker(Runner):
    """Asks, with a new question for each `number`, until the call is cut off; but answers
    the conf {"stop": ...}."""

    def __init__(self, path, question):
        self.question = question
        self.asked = []  # questions, for each call that was cut off
        super().__init__(path)

    def _call(self, peer, call):
        if "stop" in self._what(self.confs[call.token]):
            return write_stop(call.id, 200, None, "ok")
        number = 0
        try:
            while True:
                self.question(self, peer, number)
                number += 1
        finally:
            self.asked.append(number)


@pytest.fixture
def asker(tmp_path):
    made = []

    def make(question):
        made.append(Asker(str(tmp_path / "asker.sock"), question))
        return made[0]
    yield make
    for runner in made:
        runner.close()


@pytest.mark.parametrize("more, limit", [("", 1000), ("questions=3", 3), ("questions=0", 0)])
def test_too_many_questions(nginx, asker, more, limit):
    runner = asker(lambda runner, peer, number: runner.ask(peer, "var:uri"))
    serve(nginx, runner, {}, more)
    check_all(nginx, "asked too many questions")
    wait_for(lambda: len(runner.asked) == 6)
    assert runner.asked == [limit] * 6


def test_as_many_questions_as_are_allowed(nginx, runner):
    nginx.start(server=use(runner, "questions=3") + pre_req(
        {"ask": ["var:uri", "req_body", "var:uri"], "stop": {"body": "ok"}}))
    for _ in range(3):
        assert nginx.get("/").body == b"ok"
    assert runner.connections == 1


def test_questions_that_follow_each_other_quickly(nginx, asker):
    """A call is cut off by its time, however good each answer is."""
    def question(runner, peer, number):
        time.sleep(0.02)
        runner.ask(peer, "var:uri")
    runner = asker(question)
    serve(nginx, runner, {}, "read_timeout=20s call_timeout=400ms questions=1000000")
    check_all(nginx, "was not through when call_timeout was over")


def test_the_time_of_a_call_is_three_read_timeouts(nginx, asker):
    def question(runner, peer, number):
        time.sleep(0.02)
        runner.ask(peer, "var:uri")
    runner = asker(question)
    nginx.start(server=use(runner, "read_timeout=400ms") + pre_req({}))

    def cut_off():  # not at the first try where a question takes longer than read_timeout
        before, said = time.monotonic(), len(nginx.log())
        assert nginx.get("/").status == 503
        return ("was not through when call_timeout was over" in nginx.log()[said:]
                and time.monotonic() - before >= 1.1)
    wait_for(cut_off, 30)


def test_a_flood_of_questions_holds_up_nobody(nginx, tmp_path):
    """They come faster than they are answered, and nobody reads the answers."""
    class Flood(Runner):
        def _serve(self, peer):
            try:
                while True:
                    kind, payload = self.read_frame(peer)
                    if kind == PREPARE_CONF:
                        peer.sendall(self._prepare(payload))
                        continue
                    call = Call(kind, payload)
                    if "stop" in self._what(self.confs[call.token]):
                        peer.sendall(write_stop(call.id, 200, None, "ok"))
                        continue
                    while not self.stopping:
                        peer.sendall(write_ask("var:uri") * 1000)
            except (Closed, OSError):
                peer.close()
    runner = Flood(str(tmp_path / "flood.sock"))
    serve(nginx, runner, {}, "read_timeout=200ms")
    check_all(nginx)
    runner.close()


@pytest.mark.skipif(SLOW, reason="sanitizers keep what was freed")
def test_large_questions_take_no_memory_for_long(nginx, asker):
    """Each is a little larger than the one before, and for nothing."""
    runner = asker(lambda runner, peer, number: runner.ask(
        peer, "var:" + "x" * (1000000 + 1000 * number)))
    nginx.start(server=use(runner, "questions=60") + pre_req({}))
    pid = wait_for(nginx.workers)[0]
    assert nginx.get("/").status == 503
    status = open("/proc/%d/status" % pid).read()
    peak = int(status.split("VmHWM:")[1].split()[0])
    assert peak < 40000, status  # kB; all of them are 60 MB, twice


def test_the_time_that_an_upstream_takes_is_not_counted(nginx, runner):
    """Nor is what a client takes: test_the_body_of_a_slow_client."""
    listener = socket.create_server(("127.0.0.1", 0))

    def slow():
        peer, _ = listener.accept()
        with peer:
            peer.recv(10000)
            peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n")
            for _ in range(4):
                time.sleep(0.6)
                peer.sendall(b"a")
    threading.Thread(target=slow, daemon=True).start()
    nginx.start(server="%s %s location / { proxy_pass http://127.0.0.1:%d; }" % (
        use(runner, "call_timeout=2s"), post_resp({"ask": ["resp_body"]}),
        listener.getsockname()[1]))
    r = nginx.get("/")
    assert (r.status, r.body) == (200, b"aaaa")
    assert runner.calls[0].answers == [b"aaaa"]
    listener.close()

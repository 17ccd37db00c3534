# SPDX-License-Identifier: Apache-2.0
"""PrepareConf: what a token stands for, and for how long."""
import os
import stat
import threading
import time

import pytest

import a6wire as wire
from harness import connect_to_two_workers, script, wait_until

NOT_FOUND = wire.Error(wire.CONF_TOKEN_NOT_FOUND)


def says(text):
    return script("answer 200", "answer-write " + text)


def body(conn, token):
    return conn.req_call(token).body


# ---- tokens say what they stand for ----


def test_the_same_content_has_the_same_token_on_every_connection(shared, conn):
    token = conn.prepare_conf(says("same"))
    with shared.connect() as other:
        assert other.prepare_conf(says("same")) == token
    assert conn.prepare_conf(says("same")) == token


def test_other_contents_have_other_tokens(conn):
    contents = [
        ([("probe", "ab")], "key"),
        ([("probe", "ba")], "key"),
        ([("probe", "ab")], "other key"),
        ([("probe", "ab")], None),
        ([("probe", "ab")], ""),
        ([("probea", "b")], "key"),
        ([("probe", "ab"), ("probe", "ab")], "key"),
        ([("probe", "a"), ("probe", "b")], "key"),
        ([("probe", "b"), ("probe", "a")], "key"),
        ([("probe", "")], "key"),
        ([("probe", None)], "key"),
        ([], "key"),
    ]
    tokens = [conn.prepare_conf(conf, key) for conf, key in contents]
    assert len(set(tokens)) == len(contents)
    assert 0 not in tokens


def test_a_token_is_valid_on_connections_that_did_not_prepare_it(shared, conn):
    token = conn.prepare_conf(says("everywhere"))
    others = [shared.connect() for _ in range(16)]
    for other in others:
        assert body(other, token) == b"everywhere"
        other.close()


def test_all_workers_know_the_tokens_that_one_gave_out(start):
    one, other = connect_to_two_workers(start("--workers", "2", "--threads", "1"))
    token = one.prepare_conf(says("shared"))
    assert other.prepare_conf(says("shared")) == token
    only = one.prepare_conf(says("given out by one"))
    assert body(other, only) == b"given out by one"


def test_after_a_restart_the_same_content_has_the_same_token(start):
    first = start()
    token = first.connect().prepare_conf(says("again"))
    first.close()
    second = start()
    conn = second.connect()
    assert conn.prepare_conf(says("again")) == token
    assert body(conn, token) == b"again"


def test_another_processs_token_is_not_found_or_right_but_never_another_routes(start):
    first = start()
    conn = first.connect()
    old = {conn.prepare_conf(says("route %d" % n), "route#%d" % n): n for n in range(200)}
    first.close()
    conn = start().connect()
    for n in range(100):
        conn.prepare_conf(says("route %d" % n), "route#%d" % n)
    for token, n in old.items():
        reply = conn.req_call(token)
        if n < 100:
            assert reply.body == b"route %d" % n
        else:
            assert reply == NOT_FOUND


def test_a_store_kept_in_a_file_knows_the_tokens_of_the_last_process(start, tmp_path):
    path = tmp_path / "confs"
    first = start("--conf-store", path)
    token = first.connect().prepare_conf(says("kept"))
    first.close()
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert body(start("--conf-store", path).connect(), token) == b"kept"


def test_a_file_that_could_not_be_written_is_written_though_no_conf_came_since(start, tmp_path):
    path = tmp_path / "later" / "confs"
    first = start("--conf-store", path)
    token = first.connect().prepare_conf(says("kept"))
    first.wait_output("cannot be written")
    path.parent.mkdir()
    first.close()
    assert first.count_output("is written again") == 1
    assert body(start("--conf-store", path).connect(), token) == b"kept"


def test_a_damaged_file_of_the_store_is_not_believed(start, tmp_path):
    path = tmp_path / "confs"
    first = start("--conf-store", path)
    token = first.connect().prepare_conf(says("kept"))
    first.close()
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xff
    path.write_bytes(data)
    runner = start("--conf-store", path)
    assert runner.connect().req_call(token) == NOT_FOUND
    runner.wait_output("confs")


# ---- what a gateway may send ----


def test_key_absent_as_gateways_before_2_9_do(conn):
    assert body(conn, conn.prepare_conf([("probe", says("old"))], None)) == b"old"


@pytest.mark.parametrize("conf", [None, []], ids=["absent", "empty"])
def test_a_conf_without_plugins_changes_nothing(conn, conf):
    token = conn.prepare_conf(conf, "route#none")
    assert conn.req_call(token).action == wire.NONE
    assert conn.resp_call(token).headers is None


@pytest.mark.parametrize("text", ["", None, "{not json", "[]", "\udcff\udcfe", "\n\n"])
def test_the_text_of_a_conf_is_the_plugins_business(conn, text):
    """The probe takes an empty script, and refuses what is not one of its commands."""
    reply = conn.req_call(conn.prepare_conf([("probe", text)]))
    if text and text.strip():
        assert reply == wire.Error(wire.SERVICE_UNAVAILABLE)
    else:
        assert reply.action == wire.NONE


def test_a_large_conf(conn):
    """Real ones carry certificates and lists; here 1 MB."""
    padding = "\n" * 1000000
    assert body(conn, conn.prepare_conf(says("large") + padding)) == b"large"


def test_many_plugins_in_one_conf(conn):
    conf = [("probe", "set-header x-%d %d" % (n, n)) for n in range(100)]
    reply = conn.req_call(conn.prepare_conf(conf))
    assert sorted(reply.headers) == sorted(("x-%d" % n, str(n)) for n in range(100))


# ---- time and room ----


def test_a_conf_lives_longer_than_the_gateway_keeps_its_token(start):
    runner = start(environment={"APISIX_CONF_EXPIRE_TIME": "1"})
    conn = runner.connect()
    begun = time.monotonic()
    token = conn.prepare_conf(says("brief"))
    wait_until(lambda: conn.req_call(token) == NOT_FOUND, "the end of the conf")
    assert time.monotonic() - begun > 1.0
    assert conn.prepare_conf(says("brief")) == token
    assert body(conn, token) == b"brief"


def test_preparing_again_prolongs_the_life(start):
    runner = start(environment={"APISIX_CONF_EXPIRE_TIME": "1"})
    conn = runner.connect()
    token = conn.prepare_conf(says("prolonged"), "a")
    brief = conn.prepare_conf(says("brief"), "b")

    def brief_is_gone():
        assert conn.prepare_conf(says("prolonged"), "a") == token
        assert body(conn, token) == b"prolonged"
        return conn.req_call(brief) == NOT_FOUND

    wait_until(brief_is_gone, "the end of the other conf")


def test_the_confs_memory_is_freed_when_they_end(start, tmp_path):
    runner = start(environment={"APISIX_CONF_EXPIRE_TIME": "1"})
    conn = runner.connect()
    freed = tmp_path / "freed"
    conn.req_call(conn.prepare_conf(script("free-touch %s" % freed)))

    def is_freed_while_other_calls_go_on():
        assert body(conn, conn.prepare_conf(says("others"))) == b"others"
        return freed.exists()

    wait_until(is_freed_while_other_calls_go_on, "free_conf")


def test_twenty_thousand_confs(start):
    runner = start()
    conn = runner.connect()
    conf = [("probe", script("answer 200", "answer-write 00000"))]
    template = wire.frame(wire.PREPARE_CONF, wire.prepare_conf(conf, "route#00000"))

    def frame(n):
        return template.replace(b"00000", b"%05d" % n)

    tokens = []
    for first in range(0, 20000, 1000):
        conn.send_bytes(b"".join(frame(n) for n in range(first, first + 1000)))
        tokens += [conn.receive().token for _ in range(1000)]
    assert len(set(tokens)) == 20000
    for n in range(0, 20000, 199):
        assert body(conn, tokens[n]) == b"%05d" % n


def test_beyond_the_limit_the_oldest_conf_goes(start):
    runner = start("--max-confs", "16")
    conn = runner.connect()
    tokens = [conn.prepare_conf(says(str(n)), "key %d" % n) for n in range(100)]
    assert body(conn, tokens[99]) == b"99"
    assert conn.req_call(tokens[0]) == NOT_FOUND
    assert conn.prepare_conf(says("0"), "key 0") == tokens[0]
    assert body(conn, tokens[0]) == b"0"


# ---- parsing ----


def test_prepare_conf_is_answered_at_once_while_a_plugin_parses(shared, conn, tmp_path):
    """The gateway holds one lock around all PrepareConf calls."""
    entered, go = tmp_path / "entered", tmp_path / "go"
    hanging = conn.prepare_conf(script("parse-touch %s" % entered, "parse-wait %s" % go,
                                       "answer 200", "answer-write parsed"))
    conn.start_req_call(hanging, id=1)
    wait_until(entered.exists, "parse_conf")
    others = [shared.connect() for _ in range(8)]  # on every event loop
    for other in others:
        assert body(other, other.prepare_conf(says("not held up"))) == b"not held up"
        assert other.prepare_conf(script("parse-wait %s" % go, "answer 200"))
    assert conn.is_quiet(0.01)
    go.touch()
    assert conn.receive().body == b"parsed"
    for other in others:
        other.close()


def test_a_conf_is_parsed_once_however_many_calls_wait_for_it(shared, conn, tmp_path):
    parses, go = tmp_path / "parses", tmp_path / "go"
    token = conn.prepare_conf(script("parse-touch %s" % parses, "parse-wait %s" % go,
                                     "answer 200", "answer-write once"))
    callers = [shared.connect() for _ in range(20)]
    for caller in callers:
        caller.start_req_call(token)
    wait_until(parses.exists, "parse_conf")
    assert body(conn, conn.prepare_conf(says("meanwhile"))) == b"meanwhile"
    go.touch()
    for caller in callers:
        assert caller.receive().body == b"once"
        caller.close()
    assert parses.read_text().count("x") == 1


def test_threads_that_prepare_and_call_at_the_same_time(shared):
    """Four gateway workers at once with the same hundred routes."""
    failures = []

    def worker():
        try:
            with shared.connect() as conn:
                for n in range(100):
                    token = conn.prepare_conf(script("id", "answer 200", "answer-write %d" % n),
                                              "route#%d" % n)
                    assert body(conn, token) == b"%d" % n
        except BaseException as e:  # pylint: disable=broad-except
            failures.append(e)

    threads = [threading.Thread(target=worker) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures[0]


def test_parse_conf_can_write_to_the_log(shared, conn):
    conn.req_call(conn.prepare_conf(script("parse-log a line of parse_conf"), "route#log"))
    shared.wait_output("probe.*a line of parse_conf")

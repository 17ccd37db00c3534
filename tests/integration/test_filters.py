# SPDX-License-Identifier: Apache-2.0
"""What a filter in the request phase can read and change, through the wire."""
import pytest

import a6wire as wire
from effect import EXCLUDED, Upstream
from harness import Gateway, report, script

CALL = {
    "id": 4194305, "method": "POST", "path": "/some/path",
    "args": [("a", "1"), ("b", None), ("c", ""), ("a", "2"), ("d", "x y&z=\u4f60")],
    "headers": [("host", "example.com"), ("x-multi", "one"), ("accept", "*/*"),
                ("x-multi", "two"), ("x-empty", ""), ("content-length", "4")],
}
ARGS = [("a", "1"), ("b", None), ("c", ""), ("a", "2"), ("d", "x y&z=\u4f60")]


def probe(conn, *lines, gateway=None, plugin="probe", **call):
    """Runs the script in a call like CALL and gives its report."""
    token = conn.prepare_conf([(plugin, script(*lines, "report"))])
    reply = conn.req_call(token, gateway, **{**CALL, **call})
    assert reply.action == wire.STOP, reply
    return report(reply.body)


def change(conn, *lines, **call):
    """Runs the script and gives the reply; every command of it must have worked."""
    call = {**CALL, **call}
    reply = conn.req_call(conn.prepare_conf(script(*lines, "report-header")), **call)
    assert reply.action == wire.REWRITE, reply
    outcomes = dict(reply.headers).get("x-report")
    assert set(report(outcomes).values()) <= {"0"}, outcomes
    reply.headers = [h for h in reply.headers if h[0] != "x-report"]
    return reply


def upstream(conn, *lines, **call):
    """Runs the script and gives the request as the upstream would get it."""
    call = {**CALL, **call}
    reply = change(conn, *lines, **call)
    return Upstream(reply, call["path"], call["args"], call["headers"])


def refused(conn, *lines, **call):
    """Runs the script, gives what each command came to, and sees that nothing changed."""
    outcomes = probe(conn, *lines, **call)
    reply = conn.req_call(conn.prepare_conf(script(*lines)), **{**CALL, **call})
    assert reply.action == wire.NONE, reply
    return outcomes


# ---- reading ----


def test_id_path_and_state(conn):
    assert probe(conn, "id", "path", "state") == {"id": "4194305", "path": "/some/path",
                                                  "state": "state of probe"}


@pytest.mark.parametrize("number,method", enumerate(wire.METHODS), ids=wire.METHODS)
def test_method(conn, number, method):
    assert probe(conn, "method", method=method) == {"method": str(number)}


@pytest.mark.parametrize("raw,text", [
    (b"\x7f\0\0\x01", "127.0.0.1"),
    (b"\xff\xff\xff\xff", "255.255.255.255"),
    (bytes(15) + b"\x01", "::1"),
    (bytes.fromhex("20010db8000000000000000000000042"), "2001:db8::42"),
], ids=["v4", "v4 broadcast", "v6 loopback", "v6"])
def test_source_address(conn, raw, text):
    outcome = probe(conn, "source-text", "source", source=raw)
    assert outcome["source-text"] == text
    assert outcome["source"].encode().decode("unicode_escape").encode("latin-1") == raw


@pytest.mark.parametrize("raw", [b"", b"abc", bytes(17)], ids=["empty", "3 bytes", "17 bytes"])
def test_a_source_address_of_another_length_has_no_text(conn, raw):
    assert probe(conn, "source-text", source=raw) in ({"source-text": "(absent)"},
                                                      {"source-text": ""})


def test_args_in_order_with_absent_told_from_empty(conn):
    outcome = probe(conn, "args", "arg a", "arg b", "arg c", "arg nope", "arg A")
    assert outcome["args"].startswith("[a=1][b=(absent)][c=][a=2][d=x y&z=")
    assert outcome["arg a"] == "1"
    assert outcome["arg b"] == "(absent)"
    assert outcome["arg c"] == ""
    assert outcome["arg nope"] == "(none)"
    assert outcome["arg A"] == "(none)"


def test_headers_in_any_case_with_all_values(conn):
    outcome = probe(conn, "headers", "header Host", "header HOST", "header X-Empty",
                    "header x-nope", "header-values X-Multi")
    assert outcome["headers"] == ("[host=example.com][x-multi=one][accept=*/*][x-multi=two]"
                                  "[x-empty=][content-length=4]")
    assert outcome["header Host"] == outcome["header HOST"] == "example.com"
    assert outcome["header X-Empty"] == ""
    assert outcome["header x-nope"] == "(absent)"
    assert outcome["header-values X-Multi"] == "[x-multi=one][x-multi=two]"


def test_bytes_that_are_not_utf8_arrive_as_they_are(conn):
    outcome = probe(conn, "header x-raw", headers=[("x-raw", b"\xff\x80\x01")])
    assert outcome["header x-raw"] == "\\xff\\x80\\x01"


def test_a_hundred_headers(conn):
    headers = [("x-%d" % n, "v" * n) for n in range(100)]
    outcome = probe(conn, "headers", "header X-99", headers=headers)
    assert outcome["header X-99"] == "v" * 99


# ---- asking the gateway ----


def test_variables_absent_told_from_empty(conn):
    gateway = Gateway({"remote_addr": "192.0.2.7", "empty_one": ""})
    assert probe(conn, "var remote_addr", "var empty_one", "var nosuchvar", gateway=gateway) == {
        "var remote_addr": "192.0.2.7", "var empty_one": "", "var nosuchvar": "(absent)"}


def test_a_variable_is_asked_once_in_a_call(conn):
    lines = script("var uri", "var uri", "var nosuchvar", "var nosuchvar", "report")
    token = conn.prepare_conf([("probe", script("var uri", "var nosuchvar")), ("probe-two", lines)])
    for _ in range(2):
        reply = conn.req_call(token, Gateway({"uri": "/u"}))
        assert reply.asked == [(wire.VAR, "uri"), (wire.VAR, "nosuchvar")]
        assert report(reply.body) == {"var uri": "/u", "var nosuchvar": "(absent)"}


def test_an_empty_variable_name_is_refused(conn):
    token = conn.prepare_conf(script('var ""', "report"))
    reply = conn.req_call(token)
    assert report(reply.body) == {'var ""': "EINVAL"} and reply.asked == []


def test_the_body_is_asked_once(conn):
    token = conn.prepare_conf([("probe", "body"), ("probe-two", script("body", "report"))])
    reply = conn.req_call(token, Gateway(body=b"four"), **CALL)
    assert reply.asked == [(wire.REQ_BODY, None)]
    assert report(reply.body) == {"body": "four"}


def test_a_request_without_a_body(conn):
    assert probe(conn, "body", gateway=Gateway(body=None)) == {"body": "(absent)"}


def test_a_megabyte_of_body(conn):
    body = bytes(range(256)) * 4096
    outcome = probe(conn, "body", gateway=Gateway(body=body),
                    headers=[("content-length", str(len(body)))])
    assert outcome["body"].startswith("(1048576 bytes, adler32 ")


def test_what_is_declared_is_fetched_before_the_filter_and_once(conn):
    lines = script("var remote_addr", "var route_id", "body", "report")
    token = conn.prepare_conf([("probe-needy", lines)])
    reply = conn.req_call(token, Gateway({"remote_addr": "192.0.2.7"}, b"declared"), **CALL)
    assert sorted(reply.asked, key=str) == [(1, "remote_addr"), (1, "route_id"), (2, None)]
    assert report(reply.body) == {"var remote_addr": "192.0.2.7", "var route_id": "(absent)",
                                  "body": "declared"}


def test_a_conf_declares_what_its_calls_need(conn):
    token = conn.prepare_conf(script("parse-need-var arg_x", "parse-need-body", "id", "report"))
    reply = conn.req_call(token, **CALL)
    assert sorted(reply.asked, key=str) == [(1, "arg_x"), (2, None)]


def test_what_an_earlier_plugin_declared_is_not_asked_when_it_has_answered(conn):
    token = conn.prepare_conf([("probe", script("answer 200")), ("probe-needy", "")])
    assert conn.req_call(token, **CALL).asked == []


def test_a_filter_that_asks_stays_on_its_thread(conn):
    """errno and other thread-local state, and its stack, are its own."""
    assert probe(conn, "same-thread uri", gateway=Gateway({"uri": "/"})) == {
        "same-thread uri": "yes"}


def test_a_thousand_questions_in_one_call(conn):
    variables = {"v%d" % n: "x" * 10 for n in range(1000)}
    assert probe(conn, "ask-many 1000 v", gateway=Gateway(variables)) == {
        "ask-many 1000 v": "1000, 10000 bytes"}


# ---- memory, values, log, time ----


def test_memory_of_the_call_is_zeroed_aligned_and_limited(conn):
    outcome = probe(conn, "alloc 100", "alloc 1", "alloc 100000", "alloc 1000000000")
    assert outcome == {"alloc 100": "zeroed aligned", "alloc 1": "zeroed aligned",
                       "alloc 100000": "zeroed aligned", "alloc 1000000000": "NULL"}


def test_memory_is_zeroed_again_in_the_next_call(conn):
    for _ in range(3):
        assert probe(conn, "alloc 50000")["alloc 50000"] == "zeroed aligned"


def test_format(conn):
    assert probe(conn, "format text") == {"format text": "<text|42>"}


def test_values_are_left_for_later_plugins_of_the_same_call(conn):
    token = conn.prepare_conf([("probe", script("get auth.user", "set auth.user ann",
                                                "report-header")),
                               ("probe-two", script("get auth.user", "get nothing", "report"))])
    for _ in range(2):
        reply = conn.req_call(token)
        assert report(reply.body) == {"get auth.user": "ann", "get nothing": "(absent)"}


def test_values_do_not_reach_the_next_call(conn):
    probe(conn, "set auth.user ann")
    assert probe(conn, "get auth.user") == {"get auth.user": "(absent)"}


@pytest.mark.parametrize("level", ["debug", "info", "warn", "error", "fatal"])
def test_the_log_has_the_level_the_plugin_and_the_calls_id(shared, conn, level):
    probe(conn, "log %s a line at %s" % (level, level), id=777001)
    line = shared.wait_output(r"^.*a line at %s.*$" % level).group(0)
    assert level.upper() in line and "probe" in line and "777001" in line


def test_what_a_plugin_logs_cannot_forge_a_line(shared, conn):
    probe(conn, r"log warn first\x0asecond \x1b[31mred\x00\xff")
    line = shared.wait_output(r"^.*first.*$").group(0)
    assert "second" in line and "red" in line and "\x1b" not in line


def test_a_long_line_is_cut_before_the_gateway_would_cut_it(shared, conn):
    conn.req_call(conn.prepare_conf("log warn begin " + "x" * 20000))
    shared.wait_output("begin x")
    assert max(len(line) for line in shared.output().splitlines()) <= 3700


def test_time_left_is_counted_down(conn):
    left = int(probe(conn, "time-left")["time-left"])
    assert 0 < left <= 60000
    assert int(probe(conn, "time-left", plugin="probe-hasty")["time-left"]) <= 300


# ---- changing: the path and the args ----


def test_no_change_is_no_action(conn):
    reply = conn.req_call(conn.prepare_conf(script("id", "path", "args")), **CALL)
    assert reply.action == wire.NONE


def test_set_path_changes_only_the_path(conn):
    reply = conn.req_call(conn.prepare_conf(script("set-path /new path?x#%20")), **CALL)
    assert reply.action == wire.REWRITE and reply.path == "/new path?x#%20"
    assert not reply.headers and not reply.args and not reply.resp_headers and not reply.body


@pytest.mark.parametrize("path", ['""', r"/a\x0d\x0aHost: x", r"/a\x00b"],
                         ids=["empty", "line break", "NUL"])
def test_a_path_that_would_break_http_is_refused(conn, path):
    assert refused(conn, "set-path " + path) == {"set-path " + path: "EINVAL"}


@pytest.mark.parametrize("lines,args", [
    (["set-arg n 1"], ARGS + [("n", "1")]),
    (["set-arg a 9"], [("b", None), ("c", ""), ARGS[4], ("a", "9")]),
    (["add-arg a 3"], [("b", None), ("c", ""), ARGS[4], ("a", "1"), ("a", "2"), ("a", "3")]),
    (["add-arg n 1", "add-arg n 2"], ARGS + [("n", "1"), ("n", "2")]),
    (["delete-arg a"], [("b", None), ("c", ""), ARGS[4]]),
    (["delete-arg nope"], ARGS),
    (["set-arg n 1", "delete-arg n"], ARGS),
    (["delete-arg a", "add-arg a 5"], [("b", None), ("c", ""), ARGS[4], ("a", "5")]),
    (['set-arg b ""'], [("a", "1"), ("c", ""), ("a", "2"), ARGS[4], ("b", "")]),
    (["set-arg b"], [("a", "1"), ("c", ""), ("a", "2"), ARGS[4], ("b", "")]),
    (["set-arg sp a b&c=d"], ARGS + [("sp", "a b&c=d")]),
    (["delete-arg a", "delete-arg b", "delete-arg c", "delete-arg d"], []),
], ids=lambda value: "; ".join(value) if value and isinstance(value[0], str) else None)
def test_args(conn, lines, args):
    got = upstream(conn, *lines).args
    # The gateway keeps args in a table: the order of different names is not kept.
    assert sorted(got, key=str) == sorted(args, key=str)
    for name in dict(args):
        assert [v for n, v in got if n == name] == [v for n, v in args if n == name]


def test_deleting_the_last_arg(conn):
    assert upstream(conn, "delete-arg only", args=[("only", "1")]).args == []


def test_only_args_that_changed_are_sent(conn):
    reply = change(conn, "set-arg n 1", "delete-arg b")
    assert {name for name, _ in reply.args} == {"n", "b"}


@pytest.mark.parametrize("command", ["set-arg", "add-arg"])
def test_an_arg_needs_a_name(conn, command):
    line = command + ' "" x'
    assert refused(conn, line) == {line: "EINVAL"}


# ---- changing: headers ----


@pytest.mark.parametrize("lines,name,value", [
    (["set-header X-New 1"], "x-new", "1"),
    (["set-header X-Multi only"], "x-multi", "only"),
    (['set-header X-New ""'], "x-new", ""),
    (["add-header X-New a", "add-header x-new b"], "x-new", "a, b"),
    (["add-header X-Multi three"], "x-multi", "one, two, three"),
    (["add-header Cookie a=1", "add-header cookie b=2"], "cookie", "a=1; b=2"),
    (["set-header X-New a", "add-header X-New b"], "x-new", "a, b"),
    (["delete-header X-Multi", "add-header X-Multi b"], "x-multi", "b"),
    (["set-header Host other.example.com"], "host", "other.example.com"),
    (["delete-header X-Multi"], "x-multi", None),
    (["delete-header nope"], "nope", None),
    (["set-header X-New a", "delete-header x-new"], "x-new", None),
], ids=lambda value: "; ".join(value) if isinstance(value, list) else None)
def test_headers(conn, lines, name, value):
    headers = upstream(conn, *lines).headers
    assert headers.pop(name, None) == value
    rest = {n: v for n, v in CALL["headers"] if n != name}
    assert headers == rest


@pytest.mark.parametrize("line", [
    'set-header "" x', r"set-header a\x20b x", "set-header a:b x", r"set-header a\x0db x",
    r"set-header \xe4 x", r"set-header x-a one\x0d\x0atwo", r"set-header x-a one\x0atwo",
    r"set-header x-a one\x00two", r"add-header x-a one\x0atwo", 'add-header "" x',
    'delete-header ""', r"add-response-header x-a one\x0atwo", 'add-response-header "" x',
])
def test_a_header_that_would_break_http_is_refused(conn, line):
    assert refused(conn, line) == {line: "EINVAL"}


def test_response_headers_for_the_final_response(conn):
    reply = change(conn, "add-response-header X-Resp 1", "add-response-header Set-Cookie a=1",
                   "add-response-header Set-Cookie b=2")
    assert reply.resp_headers == [("X-Resp", "1"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")]


@pytest.mark.parametrize("name", sorted(EXCLUDED))
def test_response_headers_that_the_gateway_ignores_are_refused(conn, name):
    for form in name, name.title():
        line = "add-response-header %s x" % form
        assert refused(conn, line) == {line: "EOPNOTSUPP"}  # the same number


# ---- changing: the body ----


def test_set_body(conn):
    assert upstream(conn, "set-body rewritten").body == b"rewritten"


def test_a_body_of_any_bytes(conn):
    assert upstream(conn, r"set-body \x00\x0d\x0a\xff").body == b"\0\r\n\xff"


def test_an_empty_body_is_refused_because_the_gateway_would_ignore_it(conn):
    assert refused(conn, 'set-body ""') == {'set-body ""': "EINVAL"}


# ---- answering ----


def answered(conn, *lines, **call):
    reply = conn.req_call(conn.prepare_conf(script(*lines)), **{**CALL, **call})
    assert reply.action == wire.STOP, reply
    return reply


def test_an_answer_with_headers_and_a_body_in_pieces(conn):
    reply = answered(conn, "answer 403", "answer-header X-A 1", "answer-header Set-Cookie a=1",
                     "answer-header Set-Cookie b=2", "answer-write one, ", "answer-write two")
    assert reply.status == 403
    assert reply.headers == [("X-A", "1"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")]
    assert reply.body == b"one, two"


def test_an_answer_of_a_status_only(conn):
    reply = answered(conn, "answer 204")
    assert reply.status == 204 and not reply.headers and not reply.body


def test_an_empty_answer(conn):
    reply = answered(conn, "answer 401", 'answer-write ""')
    assert reply.status == 401 and not reply.body


@pytest.mark.parametrize("status", [100, 101, 200, 418, 599])
def test_statuses_of_http(conn, status):
    assert answered(conn, "answer %d" % status).status == status


@pytest.mark.parametrize("status", [0, 99, 600, 700, 1000, 65736, -1])
def test_a_status_that_is_none_is_refused(conn, status):
    """99 would hang the client and 700 would pass."""
    line = "answer %d" % status
    assert refused(conn, line) == {line: "EINVAL"}


def test_headers_and_body_come_after_the_status(conn):
    assert refused(conn, "answer-header x 1", "answer-write x") == {"answer-header x 1": "EPROTO",
                                                                    "answer-write x": "EPROTO"}


@pytest.mark.parametrize("line", [r"answer-header x-a one\x0d\x0atwo", 'answer-header "" x',
                                  "answer-header a:b x"])
def test_a_header_of_an_answer_that_would_break_http_is_refused(conn, line):
    reply = answered(conn, "answer 200", line, "report-write")
    assert report(reply.body)[line] == "EINVAL" and not reply.headers


def test_a_second_status_replaces_the_first(conn):
    reply = answered(conn, "answer 403", "answer-header x 1", "answer-write body", "answer 404")
    assert (reply.status, reply.headers, reply.body) == (404, [("x", "1")], b"body")


def test_an_answer_wins_over_every_change(conn):
    reply = answered(conn, "set-path /x", "set-header x 1", "set-body new",
                     "add-response-header x-r 1", "answer 403")
    assert reply.status == 403 and not reply.body


@pytest.mark.parametrize("line", ["set-path /x", "set-arg a 1", "add-arg a 1", "delete-arg a",
                                  "set-header x 1", "add-header x 1", "delete-header x",
                                  "set-body x", "add-response-header x 1"])
def test_changes_after_an_answer_are_refused(conn, line):
    reply = answered(conn, "answer 200", line, "report-write")
    assert report(reply.body)[line] == "EALREADY"


@pytest.mark.parametrize("length,headers", [("5", []), ("4", [("Content-Length", "4")])])
def test_a_wrong_content_length_which_would_cut_the_body_is_not_sent(conn, length, headers):
    reply = answered(conn, "answer 200", "answer-header Content-Length " + length,
                     "answer-write four")
    assert (reply.headers or [], reply.body) == (headers, b"four")


# ---- the chain ----


def test_an_answer_ends_the_chain(conn, tmp_path):
    ran = tmp_path / "ran"
    token = conn.prepare_conf([("probe", "answer 200"), ("probe-two", "touch %s" % ran)])
    assert conn.req_call(token).status == 200
    assert not ran.exists()


def test_changes_of_one_plugin_are_seen_by_the_next(conn):
    first = script("set-path /two", "set-arg a new", "add-arg n 1", "delete-arg b",
                   "set-header X-New 1", "delete-header accept", "add-header x-multi three",
                   "set-body changed")
    second = script("path", "args", "header x-new", "header accept", "header x-multi", "body",
                    "report")
    reply = conn.req_call(conn.prepare_conf([("probe", first), ("probe-two", second)]), **CALL)
    seen = report(reply.body)
    assert reply.asked == []  # the body is known
    assert seen["path"] == "/two" and seen["body"] == "changed"
    assert "[a=new]" in seen["args"] and "[n=1]" in seen["args"] and "[b=" not in seen["args"]
    assert seen["header x-new"] == "1" and seen["header accept"] == "(absent)"
    assert seen["header x-multi"] == "one, two, three"


def test_changes_of_several_plugins_come_together(conn):
    token = conn.prepare_conf([("probe", script("set-path /p", "set-header x-a 1")),
                               ("probe-two", script("set-header x-b 2", "set-arg n 1")),
                               ("probe", script("set-header x-a 3"))])
    reply = conn.req_call(token, **CALL)
    got = Upstream(reply, CALL["path"], CALL["args"], CALL["headers"])
    assert got.path == "/p" and got.headers["x-a"] == "3" and got.headers["x-b"] == "2"
    assert ("n", "1") in got.args


def test_the_same_plugin_twice_has_two_confs(conn):
    token = conn.prepare_conf([("probe", "set-header x-a 1"), ("probe", "set-header x-b 2")])
    assert sorted(conn.req_call(token).headers) == [("x-a", "1"), ("x-b", "2")]


def test_nothing_of_a_call_is_left_in_the_next(conn):
    changing = conn.prepare_conf(script("set-path /p", "set-header x 1", "set-body b"))
    assert conn.req_call(changing, **CALL).action == wire.REWRITE
    plain = conn.prepare_conf(script("id"))
    assert conn.req_call(plain, **CALL).action == wire.NONE

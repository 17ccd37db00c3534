# SPDX-License-Identifier: Apache-2.0
"""c-runner try: one call without gateway and runner."""
import re
import signal
import subprocess

import pytest

import harness
import sdk

FAILING = r"""
#include <a6/plugin.h>
static a6_result fail(a6_request *req, void *conf)
{
    (void)conf;
    return a6_error(&req->call, "it went wrong");
}
static const a6_plugin first = {A6_PLUGIN_HEADER, .name = "first", .request_filter = fail};
static const a6_plugin second = {A6_PLUGIN_HEADER, .name = "second"};
A6_REGISTER(first)
A6_REGISTER(second)
"""

ENDING = r"""
#include <stdlib.h>
#include <a6/plugin.h>
static a6_result request_filter(a6_request *req, void *conf)
{
    (void)req;
    (void)conf;
    HOW;
}
static const a6_plugin ending = {A6_PLUGIN_HEADER, .name = "ending",
                                 .request_filter = request_filter};
A6_REGISTER(ending)
"""

ASKING = r"""
#include <a6/plugin.h>
static a6_result ask(a6_request *req, void *conf)
{
    a6_str tenant, body;

    (void)conf;
    if (a6_var(&req->call, A6_STR("tenant"), &tenant) < 0 ||
        a6_request_body(&req->call, &body) < 0)
        return A6_ERROR;
    a6_answer(req, 200);
    a6_answer_write(req, tenant);
    a6_answer_write(req, A6_STR("|"));
    a6_answer_write(req, body);
    a6_answer_write(req, A6_STR("|"));
    a6_answer_write(req, a6_request_source_text(req));
    a6_log(&req->call, A6_LOG_INFO, "a line for the log");
    return A6_OK;
}
static const a6_plugin asking = {A6_PLUGIN_HEADER, .name = "asking", .request_filter = ask};
A6_REGISTER(asking)
"""


def test_shows_an_answer_in_http_form():
    done = sdk.run("try", sdk.plugin("say"), "--conf", '{"body": "hello"}')
    assert done.status == 0, done
    assert done.out == ("To the client:\n+ HTTP/1.1 200 OK\n+ x-resp-a6-runner: C\n\n+ hello\n")
    assert "\x1b" not in done.out


def test_marks_changes_of_a_request():
    conf = ('{"path": "/new", "args": {"delete": ["a"]}, "headers": {"set": {"x-a": "2"},'
            ' "delete": ["x-b"], "add": {"x-c": "3"}}}')
    done = sdk.run("try", sdk.plugin("request-rewrite"), "--request", "POST /get?a=1&b=2",
                   "-H", "X-A: 1", "-H", "X-B: 1", "--body", "text", "--conf", conf)
    assert done.status == 0, done
    lines = done.out.splitlines()
    assert "~ POST /new?b=2 HTTP/1.1    (was: /get?a=1&b=2)" in lines
    assert "~ x-a: 2    (was: 1)" in lines
    assert any(line.startswith("- x-b") for line in lines)
    assert "+ x-c: 3" in lines
    assert "  host: localhost" in lines
    assert "  text" in lines


def test_runs_a_response():
    done = sdk.run("try", sdk.plugin("response-rewrite"), "--conf",
                   '{"filters": [{"regex": "a", "scope": "global", "replace": "b"}]}', "--response",
                   "HTTP/1.1 201 Created\nContent-Type: text/plain\n\nbanana")
    assert done.status == 0, done
    lines = done.out.splitlines()
    assert "  HTTP/1.1 201 Created" in lines
    assert "  Content-Type: text/plain" in lines
    assert any("bbnbnb" in line for line in lines)


def test_says_when_the_phase_has_no_filter():
    done = sdk.run("try", sdk.plugin("response-rewrite"))
    assert done.status == 0
    assert "response-rewrite has no request filter: give it a response, with --response" in done.out


def test_answers_what_the_plugin_asks(tmp_path):
    built = sdk.compile_plugin(tmp_path, "asking", ASKING)
    body = tmp_path / "body.txt"
    body.write_text("from a file")
    done = sdk.run("try", built, "--var", "tenant=acme", "--body", body, "--src", "2001:db8::1")
    assert done.status == 0, done
    assert "+ acme|from a file|2001:db8::1" in done.out
    assert "the gateway would be asked 2 times" in done.out
    assert "a line for the log" in done.err
    quiet = sdk.run("try", built, "--log-level", "warn")
    assert "a line for the log" not in quiet.err


def test_json_for_scripts():
    done = sdk.run("try", "--json", sdk.plugin("say"), "--conf", '{"body": "hello"}')
    assert done.status == 0, done
    outcome = done.json()
    assert outcome["stopped"] is True
    assert outcome["client"]["status"] == 200
    assert outcome["client"]["body"] == "hello"
    assert {"name": "x-resp-a6-runner", "value": "C",
            "change": "added"} in outcome["client"]["headers"]


def test_a_chain_of_plugins():
    done = sdk.run("try", "--json", sdk.plugin("request-rewrite"), sdk.plugin("say"),
                   "--plugin", "request-rewrite", "--conf", '{"path": "/a"}',
                   "--plugin", "say", "--conf", '{"body": ""}')
    assert done.status == 0, done
    assert done.json()["upstream"]["target"] == "/a"


def test_delays_are_told_and_not_waited_for(tmp_path):
    built = sdk.compile_plugin(tmp_path, "late", r"""
#include <a6/plugin.h>
static a6_result wait(a6_request *req, void *conf)
{
    (void)conf;
    return a6_delay(&req->call, 50000);
}
static const a6_plugin late = {A6_PLUGIN_HEADER, .name = "late", .request_filter = wait};
A6_REGISTER(late)
""")
    done = sdk.run("try", built)
    assert done.status == 0, done
    assert "the call would be delayed by 50000 ms" in done.out


def test_a_refused_conf_is_told_with_its_place():
    done = sdk.run("try", sdk.plugin("say"), "--conf", '{"body":\n nonsense}')
    assert done.status == 1
    assert done.err.startswith("error: plugin say (%s) rejects conf" % sdk.plugin("say"))
    assert "the conf is not JSON: line 2, column 9" in done.err
    assert done.out == ""
    done = sdk.run("try", sdk.plugin("say"), "--json", "--conf", '{"body":\n nonsense}')
    assert done.status == 1
    assert "the conf is not JSON: line 2, column 9" in done.json()["reason"]


def test_a_failed_filter_is_told(tmp_path):
    built = sdk.compile_plugin(tmp_path, "failing", FAILING)
    done = sdk.run("try", built, "--plugin", "first")
    assert done.status == 1
    assert "it went wrong" in done.err and "the gateway would answer 503" in done.err
    done = sdk.run("try", built, "--plugin", "first", "--json")
    assert done.status == 1 and "503" in done.json()["error"]
    assert "it went wrong" in done.json()["reason"]


@pytest.mark.parametrize("args, text", [
    ([], "which plugin? Name its file"),
    (["--conf"], "c-runner try: option '--conf' requires an argument"),
    (["--cnof"], "c-runner try: unrecognized option '--cnof'"),
    (["FAILING", "--conf", "{}"], "there are several plugins"),
    (["FAILING", "--request", "get /"], "want a method"),
    (["FAILING", "--src", "here"], "want an IPv4 or IPv6 address"),
    (["FAILING", "--log-level", "loud"], "--log-level: want"),
])
def test_wrong_use_is_status_2(tmp_path, args, text):
    built = sdk.compile_plugin(tmp_path, "failing", FAILING)
    done = sdk.run("try", *[built if arg == "FAILING" else arg for arg in args])
    assert done.status == 2, done
    assert text in done.err


def test_what_cannot_be_loaded_is_status_1(tmp_path):
    done = sdk.run("try", tmp_path / "nothing.so")
    assert done.status == 1 and "nothing.so: No such file" in done.err
    done = sdk.run("try", sdk.plugin("say"), "--plugin", "sya")
    assert done.status == 1 and 'no plugin is named "sya"' in done.err


def try_one_that_ends(folder, how):
    plugin = sdk.compile_plugin(folder, "ending", ENDING, "-DHOW=" + how)
    return subprocess.run([harness.C_RUNNER, "try", plugin], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, check=False)


def test_a_crash_leaves_the_stack(tmp_path):
    done = try_one_that_ends(tmp_path, "abort()")
    assert done.returncode == -signal.SIGABRT, done
    frame = r"^ +#\d+ request_filter\+0x[0-9a-f]+ \(ending\.so\)$"
    assert re.search(frame, done.stderr, re.M), done


def test_a_plugin_that_calls_exit_is_no_success(tmp_path):
    done = try_one_that_ends(tmp_path, "exit(0)")
    assert done.returncode == 1, done
    assert "a plugin has ended the process" in done.stderr

# SPDX-License-Identifier: Apache-2.0
"""c-runner call: one call through a running runner's socket."""
import os
import pty
import socket
import subprocess
import threading

import pytest

import harness
import sdk
from harness import script


def call(runner, *args, **more):
    return sdk.run("call", "--socket", "unix:" + runner.socket_path, *args, **more)


def test_shows_an_answer_in_http_form(shared):
    done = call(shared, "--plugin", "say", "--conf", '{"body": "hello"}')
    assert done.status == 0, done
    assert done.out == "To the client:\n+ HTTP/1.1 200 OK\n+ x-resp-a6-runner: C\n\n+ hello\n"
    assert done.err == ""


def test_marks_what_goes_to_the_upstream(shared):
    conf = script("set-header x-change 2", "delete-header x-del", "set-header x-new 1",
                  "set-arg a 2", "set-body changed", "add-response-header x-resp 1")
    done = call(shared, "--plugin", "probe", "--conf", conf, "--request", "POST /p%20q?a=1&b",
                "-H", "X-Change: 1", "-H", "X-Del: 1", "-H", "X-Keep: 1", "--body", "text")
    assert done.status == 0, done
    assert done.out.splitlines() == [
        "To the upstream:",
        "~ POST /p%20q?a=2&b HTTP/1.1    (was: /p%20q?a=1&b)",
        "~ x-change: 2    (was: 1)",
        "- x-del: 1",
        "  x-keep: 1",
        "  host: localhost",
        "~ content-length: 7    (was: 4)",
        "+ x-new: 1",
        "",
        "~ changed",
        "",
        "To the client, with the upstream's response:",
        "+ x-resp: 1",
    ]


def test_plugins_run_in_order(shared):
    done = call(shared, "--plugin", "probe", "--conf", "set-header x 1", "--plugin", "probe",
                "--conf", "set-header x 2", "--json")
    assert done.status == 0, done
    headers = done.json()["upstream"]["headers"]
    assert {"name": "x", "value": "2", "change": "added"} in headers


def test_answers_what_plugins_ask(shared):
    conf = script("var tenant", "var remote_addr", "var nothing", "body", "source-text", "report")
    done = call(shared, "--plugin", "probe", "--conf", conf, "--var", "tenant=blue", "--body",
                "the body", "--src", "2001:db8::7", "--json")
    found = harness.report(done.json()["client"]["body"])
    assert "blue" in found["var tenant"]
    assert "2001:db8::7" in found["var remote_addr"]
    assert "absent" in found["var nothing"]
    assert "the body" in found["body"]
    assert found["source-text"].endswith("2001:db8::7")


def test_the_response_phase(shared):
    conf = script("set-status 404", "set-header x-new 1", "delete-header x-old",
                  "set-body gone")
    done = call(shared, "--plugin", "probe", "--conf", conf, "--response",
                "HTTP/1.1 200 OK\nContent-Type: text/plain\nX-Old: 1\n\nhere")
    assert done.status == 0, done
    lines = done.out.splitlines()
    assert lines[0] == "To the client:"
    assert "~ HTTP/1.1 404 Not Found    (was: 200)" in lines
    assert "  Content-Type: text/plain" in lines
    assert "- X-Old: 1" in lines
    assert lines[-1] == "~ gone"


def test_an_error_frame_is_explained(shared):
    done = call(shared, "--plugin", "no-such-plugin")
    assert done.status == 1
    assert "SERVICE_UNAVAILABLE" in done.err and "log" in done.err
    assert done.out == ""
    done = call(shared, "--plugin", "no-such-plugin", "--json")
    assert done.status == 1
    assert done.json()["code"] == 1 and done.json()["code_name"] == "SERVICE_UNAVAILABLE"


def test_the_socket_of_the_environment(shared):
    done = sdk.run("call", "--plugin", "say", "--conf", '{"body": "x"}',
                   env={"APISIX_LISTEN_ADDRESS": "unix:" + shared.socket_path})
    assert done.status == 0, done


def test_a_conf_and_a_body_from_files(shared, tmp_path):
    (tmp_path / "conf").write_text("body\nreport")
    (tmp_path / "body").write_bytes(b"from a file")
    done = call(shared, "--plugin", "probe", "--conf", "@" + str(tmp_path / "conf"), "--body",
                tmp_path / "body")
    assert done.status == 0 and "from a file" in done.out, done


def test_usage(tmp_path):
    for args in (["--conf", "x"], ["--plugin", ""], ["--request", "FETCH /"], ["-H", "x"],
                 ["--src", "x"], ["--timeout", "x"], ["--nonsense"], ["more"]):
        done = sdk.run("call", "--socket", "unix:/nowhere", *args)
        assert done.status == 2, (args, done)
        assert "c-runner call" in done.err
    done = sdk.run("call", env={"APISIX_LISTEN_ADDRESS": ""}, cwd=tmp_path)
    assert done.status in (1, 2)
    done = sdk.run("call", "--socket", "unix:" + str(tmp_path / "nobody"))
    assert done.status == 1 and "is a runner running?" in done.err
    done = sdk.run("call", "--help")
    assert done.status == 0 and done.out.startswith("usage: c-runner call")


def test_a_runner_that_says_nothing(tmp_path):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        listener.listen()
        done = sdk.run("call", "--socket", tmp_path / "s", "--timeout", "0.1")
    assert done.status == 1 and "no reply within 100 ms" in done.err


def test_a_runner_that_breaks_the_protocol(tmp_path):
    replies = [b"\1\0\0\0", b"\1\0\0\4\xff\xff\xff\xff", b"\2\0\0\0", b"\xff\0\0\0", b""]

    def answer(listener):
        for reply in replies:
            connection, _ = listener.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(reply)

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        listener.listen()
        thread = threading.Thread(target=answer, args=(listener,), daemon=True)
        thread.start()
        for reply in replies:
            done = sdk.run("call", "--socket", tmp_path / "s", "--timeout", "5")
            assert done.status == 1 and "runner" in done.err, (reply, done)
        thread.join()


def on_terminal(command, **environment):
    """What the command prints to a terminal."""
    terminal, other = pty.openpty()
    try:
        subprocess.run(command, stdin=subprocess.DEVNULL, stdout=other, stderr=other, check=True,
                       env={**os.environ, **environment}, timeout=harness.TIMEOUT)
        os.set_blocking(terminal, False)
        return os.read(terminal, 65536).decode()
    finally:
        os.close(terminal)
        os.close(other)


def test_colours_only_on_a_terminal(shared):
    command = [str(harness.C_RUNNER), "call", "--socket", shared.socket_path, "--plugin", "say",
               "--conf", '{"body": "x"}']
    assert "\x1b[32m+ HTTP/1.1 200 OK" in on_terminal(command, NO_COLOR="")
    assert "\x1b" not in on_terminal(command, NO_COLOR="1")


FRAMES = harness.ROOT / "tests/golden/frames"


def replay(listener, replies):
    """A runner that sends the recorded replies, whatever it is asked."""
    confs = [r for r in replies if r[:1] == b"\1"] or [bytes.fromhex(
        "01000014" "0c000000" "06000800040006000000" "0000" "01000000")]
    others = [r for r in replies if r[:1] != b"\1"]
    connection, _ = listener.accept()
    with connection:
        connection.settimeout(harness.TIMEOUT)
        while True:
            header = connection.recv(4, socket.MSG_WAITALL)
            if len(header) < 4:
                return
            connection.recv(int.from_bytes(header[1:], "big"), socket.MSG_WAITALL)
            if header[0] == 1:
                connection.sendall(confs[0])
            elif others:
                connection.sendall(others.pop(0))
            else:
                return


@pytest.mark.parametrize("scenario", sorted(p.name for p in FRAMES.iterdir()))
def test_survives_every_recorded_runner(scenario, tmp_path):
    files = sorted((FRAMES / scenario).glob("*-s2c-*.bin"))
    phase = ["--response", "200"] if list((FRAMES / scenario).glob("*HTTPRespCall*")) else []
    replies = [f.read_bytes() for f in files]
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        listener.listen()
        thread = threading.Thread(target=replay, args=(listener, replies), daemon=True)
        thread.start()
        done = sdk.run("call", "--socket", tmp_path / "s", "--timeout", "5", "--json", *phase)
        thread.join()
    assert done.status == (1 if "error" in done.json() else 0), done
    if scenario.startswith(("action-", "stop-", "rewrite-", "resp-", "go-say", "py-stop")) and \
            scenario != "resp-upstream-gone":
        assert done.status == 0, done
    if scenario.startswith("odd-") or scenario in ("err-bad-request", "err-unknown-code"):
        assert done.status == 1, done

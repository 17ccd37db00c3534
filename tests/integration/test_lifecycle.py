# SPDX-License-Identifier: Apache-2.0
"""How a runner begins and how it ends."""
import os
import pwd
import re
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

import a6wire as wire
from harness import (BUILD, C_RUNNER, Closed, Conn, Runner, run_to_end, script, wait_until,
                     worker_of)

ANSWER = script("answer 200", "answer-write hello")


def start_slow_call(runner, tmp_path, ms):
    entered = tmp_path / "entered"
    conn = runner.connect()
    token = conn.prepare_conf(script("touch %s" % entered, "sleep %d" % ms, "answer 200",
                                     "answer-write finished"))
    conn.start_req_call(token)
    wait_until(entered.exists, "the call")
    return conn


# ---- the end ----


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_calls_in_flight_are_finished(start, tmp_path, number):
    runner = start()
    idle = runner.connect()
    idle.prepare_conf(ANSWER)
    conn = start_slow_call(runner, tmp_path, 300)
    runner.signal(number)
    assert conn.receive().body == b"finished"
    assert runner.wait_exit() == 0


def test_a_call_in_flight_that_asks_is_finished(start):
    runner = start()
    conn = runner.connect()
    conn.start_req_call(conn.prepare_conf(script("var uri", "answer 200", "answer-write asked")))
    assert isinstance(conn.receive(), wire.ExtraInfo)
    runner.signal(signal.SIGTERM)
    time.sleep(0.05)
    conn.send(wire.EXTRA_INFO, wire.extra_info_reply(b"/u"))
    assert conn.receive().body == b"asked"
    assert runner.wait_exit() == 0


def test_a_call_that_takes_too_long_is_left_before_the_gateway_kills(start, tmp_path):
    """SIGKILL comes 1.0 s after SIGTERM."""
    runner = start()
    conn = start_slow_call(runner, tmp_path, 60000)
    begun = time.monotonic()
    runner.signal(signal.SIGTERM)
    with pytest.raises(Closed):
        raise AssertionError(conn.receive())
    assert runner.wait_exit() == 0
    assert 0.5 < time.monotonic() - begun < 5


def test_without_calls_the_end_is_at_once(start):
    runner = start("--drain", "30s")
    conn = runner.connect()
    conn.prepare_conf(ANSWER)
    runner.signal(signal.SIGTERM)
    conn.wait_closed()
    assert runner.wait_exit() == 0


def test_no_new_connections_while_it_ends(start, tmp_path):
    runner = start()
    conn = start_slow_call(runner, tmp_path, 400)
    runner.signal(signal.SIGTERM)

    def refuses():
        try:
            runner.connect()
            return False
        except OSError:
            return True

    wait_until(refuses, "the end of the socket")
    assert conn.receive().body == b"finished"


def test_the_end_of_stdin_is_the_end_when_it_is_a_pipe(start):
    """The gateway died, perhaps by kill -9."""
    read_end, write_end = os.pipe()
    runner = start(stdin=read_end)
    os.close(read_end)
    conn = runner.connect()
    assert conn.req_call(conn.prepare_conf(ANSWER)).body == b"hello"
    os.close(write_end)
    assert runner.wait_exit() == 0


def test_calls_in_flight_are_finished_at_the_end_of_stdin(start, tmp_path):
    read_end, write_end = os.pipe()
    runner = start(stdin=read_end)
    os.close(read_end)
    conn = start_slow_call(runner, tmp_path, 200)
    os.close(write_end)
    assert conn.receive().body == b"finished"
    assert runner.wait_exit() == 0


def test_a_pipe_that_is_at_its_end_already(start):
    """As `true | c-runner run`: the gateway died before we had begun."""
    read_end, write_end = os.pipe()
    os.close(write_end)
    runner = start(stdin=read_end, ready=False)
    os.close(read_end)
    assert runner.wait_exit() == 0


@pytest.mark.parametrize("path", ["/dev/null", "file"])
def test_a_stdin_that_is_no_pipe_ends_nothing(start, tmp_path, path):
    path = path.replace("file", str(tmp_path / "empty"))
    with open(path, "a+b") as stdin:
        runner = start(stdin=stdin)
    conn = runner.connect()
    token = conn.prepare_conf(ANSWER)
    for _ in range(20):
        assert conn.req_call(token).body == b"hello"
    assert runner.process.poll() is None


def test_a_stdin_that_is_closed(plugins, tmp_path):
    """Daemons are started so; our own descriptors then get small numbers."""
    def closed():
        os.close(0)

    sock = tmp_path / "closed.sock"
    output = open(tmp_path / "out", "wb")
    process = subprocess.Popen([C_RUNNER, "run", "--plugin-dir", plugins], preexec_fn=closed,
                               stdout=output, stderr=output,
                               env={"PATH": "/usr/bin:/bin",
                                    "APISIX_LISTEN_ADDRESS": "unix:%s" % sock})
    try:
        wait_until(sock.exists, "the socket")
        conn = wait_until(lambda: sock.exists() and Conn(sock), "a connection")
        assert conn.req_call(conn.prepare_conf(ANSWER)).body == b"hello"
        process.terminate()
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()


def test_children_end_with_it(start):
    runner = start("--workers", "2")
    runner.connect().prepare_conf(ANSWER)
    pids = runner.pids()
    runner.signal(signal.SIGTERM)
    assert runner.wait_exit() == 0
    wait_until(lambda: not [p for p in pids if os.path.exists("/proc/%d" % p)],
               "the end of all processes")


def test_a_runner_whose_parent_ignores_the_end_of_children(start):
    """What is ignored is inherited; then no end is told, and no child can be waited for."""
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        runner = start(ready=False)
    finally:
        signal.signal(signal.SIGCHLD, before)
    runner.wait_ready()
    worker = int(worker_of(runner.connect()))
    os.kill(worker, signal.SIGKILL)
    assert int(worker_of(runner.connect())) != worker


def test_a_filter_past_its_deadline_gets_what_is_left_of_the_time_to_end(start, tmp_path):
    freed = tmp_path / "freed"
    runner = start("--deadline", "100ms")
    conn = runner.connect()
    conn.req_call(conn.prepare_conf(script("free-touch %s" % freed)))
    token = conn.prepare_conf([("probe-blocking", script("spin 400"))])
    conn.start_req_call(token)
    assert conn.receive() == wire.Error(wire.SERVICE_UNAVAILABLE)
    runner.signal(signal.SIGTERM)
    assert runner.wait_exit() == 0
    assert freed.exists() and "still running" not in runner.output()


def test_shutdown_and_free_conf_are_called(start, tmp_path):
    freed = tmp_path / "freed"
    runner = start()
    conn = runner.connect()
    conn.req_call(conn.prepare_conf(script("free-touch %s" % freed)))
    conn.close()
    runner.signal(signal.SIGTERM)
    assert runner.wait_exit() == 0
    assert freed.exists()


# ---- the beginning ----


def test_no_address_is_an_error(tmp_path):
    status, output = run_to_end(tmp_path, environment={"APISIX_LISTEN_ADDRESS": None})
    assert status == 1 and "APISIX_LISTEN_ADDRESS" in output


@pytest.mark.parametrize("address", ["", "/tmp/x.sock", "tcp:127.0.0.1:80", "unix:", "unix"])
def test_an_address_that_is_no_unix_socket_is_an_error(tmp_path, address):
    status, output = run_to_end(tmp_path, environment={"APISIX_LISTEN_ADDRESS": address})
    assert status == 1 and "APISIX_LISTEN_ADDRESS" in output and "unix:" in output


@pytest.mark.parametrize("value", ["", "0", "-1", "abc", "60x", "99999999999"])
def test_a_bad_expire_time_is_an_error(tmp_path, value):
    status, output = run_to_end(tmp_path, environment={"APISIX_CONF_EXPIRE_TIME": value})
    assert status == 1 and "APISIX_CONF_EXPIRE_TIME" in output


def test_the_expire_time_has_a_default(start):
    runner = start(environment={"APISIX_CONF_EXPIRE_TIME": None})
    conn = runner.connect()
    assert conn.req_call(conn.prepare_conf(ANSWER)).body == b"hello"


def test_the_environment_of_the_gateway_is_enough(tmp_path):
    """PATH and the two variables, and not even HOME; the working directory is the gateway's."""
    with Runner(tmp_path, None, cwd="/") as runner:
        conn = runner.connect()
        token = conn.prepare_conf([("say", '{"body": "hello"}')])
        reply = conn.req_call(token)
        assert reply.status == 200 and reply.body.strip() == b"hello"
        assert dict(reply.headers)["X-Resp-A6-Runner"] == "C"


def test_a_plugin_folder_that_is_missing_is_an_error(tmp_path):
    status, output = run_to_end(tmp_path, "--plugin-dir", tmp_path / "nowhere")
    assert status == 1 and "nowhere" in output


def test_a_file_that_is_no_plugin_is_an_error_before_the_socket_opens(tmp_path):
    bad = tmp_path / "bad.so"
    bad.write_text("not an object")
    path = tmp_path / "never.sock"
    status, output = run_to_end(tmp_path, "--plugin", bad, socket_path=path)
    assert status == 1 and "bad.so" in output
    assert not path.exists()


def test_single_plugins_are_loaded_by_their_file(start, tmp_path):
    with Runner(tmp_path, None, "--plugin", BUILD / "plugins" / "say.so") as runner:
        conn = runner.connect()
        assert conn.req_call(conn.prepare_conf([("say", '{"body": "x"}')])).body.strip() == b"x"


# ---- modes and logs ----


def test_dev_mode_logs_to_stdout_with_calls_only_at_debug(start):
    runner = start()
    conn = runner.connect()
    token = conn.prepare_conf(ANSWER)
    runner.wait_output("INFO")
    lines = runner.output().count("\n")
    for _ in range(20):
        conn.req_call(token)
    assert runner.output().count("\n") - lines < 5
    assert "DEBUG" not in runner.output()


def test_prod_mode_logs_warnings_to_a_file_in_a_folder_that_it_makes(start, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    runner = start("-m", "prod", cwd=home)
    conn = runner.connect()
    log = home / "logs" / "runner.log"
    conn.req_call(conn.prepare_conf(script("log info quiet", "log warn loud")))
    wait_until(lambda: log.exists() and "loud" in log.read_text(), "the line")
    assert "quiet" not in log.read_text() and "INFO" not in log.read_text()
    assert "loud" not in runner.output()


def test_prod_mode_says_on_stderr_where_it_said_why_it_does_not_start(tmp_path):
    status, output = run_to_end(tmp_path, "-m", "prod", "--plugin", "/nowhere.so", cwd=tmp_path)
    assert status == 1
    assert output == "the runner has not started; its log logs/runner.log says why\n"
    assert "cannot open plugin /nowhere.so" in (tmp_path / "logs/runner.log").read_text()


def test_prof_mode_leaves_a_profile_that_names_where_the_time_went(start, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    runner = start("-m", "prof", cwd=home)
    conn = runner.connect()
    conn.req_call(conn.prepare_conf(script("spin 200", "log warn loud")))
    conn.close()
    runner.close()
    assert "loud" in (home / "logs" / "runner.log").read_text()
    profile, = (home / "logs").glob("cpu.*.prof")
    report = subprocess.run(["google-pprof", "--text", str(C_RUNNER), str(profile)], check=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True).stdout
    assert "do_spin" in report


def test_log_level_and_file_can_be_chosen(start, tmp_path):
    log = tmp_path / "deep" / "my.log"
    runner = start("--log-level", "error", "--log-file", log)
    conn = runner.connect()
    conn.req_call(conn.prepare_conf(script("log warn soft", "log error hard")))
    wait_until(lambda: log.exists() and "hard" in log.read_text(), "the line")
    assert "soft" not in log.read_text()


def test_debug_logs_calls(start):
    runner = start("--log-level", "debug")
    conn = runner.connect()
    conn.req_call(conn.prepare_conf(ANSWER), id=31337)
    runner.wait_output("DEBUG.*31337")


def test_lines_have_a_time_a_level_and_a_process(start):
    runner = start()
    runner.wait_output("INFO")
    line = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (DEBUG|INFO|WARN|ERROR|FATAL) +"
                      r"\[\d+\] .+")
    for text in runner.output().splitlines():
        assert line.fullmatch(text), text


def test_the_first_lines_say_what_is_loaded_and_where_it_listens(start):
    runner = start()
    runner.wait_output(r"probe-needy")
    runner.wait_output(re.escape(runner.socket_path))


def test_sigusr1_reopens_the_log(start, tmp_path):
    log = tmp_path / "my.log"
    runner = start("--log-file", log)
    conn = runner.connect()
    token = conn.prepare_conf(script("log warn a line"))
    conn.req_call(token)
    wait_until(lambda: log.exists() and "a line" in log.read_text(), "the line")
    log.rename(tmp_path / "old.log")
    runner.signal(signal.SIGUSR1)

    def is_in_the_new_file():
        conn.req_call(token)
        return log.exists() and "a line" in log.read_text()

    wait_until(is_in_the_new_file, "the line in the new file")


def open_files(pid):
    folder = "/proc/%s/fd" % pid
    return [os.readlink(os.path.join(folder, fd)) for fd in os.listdir(folder)]


def test_a_worker_that_leaves_reopens_the_log_too(start, tmp_path):
    log, go = tmp_path / "my.log", tmp_path / "go"
    runner = start("--log-file", log, "--core-dumps")  # the test looks into the worker
    conn = runner.connect()
    old = worker_of(conn)
    conn.start_req_call(conn.prepare_conf([("probe-blocking", script("wait %s" % go,
                                                                     "log warn late"))]))
    runner.signal(signal.SIGHUP)
    wait_until(lambda: worker_of(runner.connect()) != old, "the new worker")
    log.rename(tmp_path / "old.log")
    runner.signal(signal.SIGUSR1)
    wait_until(log.exists, "the new log")
    wait_until(lambda: str(log) in open_files(old), "the old worker's turn")
    go.touch()
    conn.receive()
    assert "late" in log.read_text()


def test_a_reader_of_stdout_that_does_not_read_holds_up_nothing(tmp_path, plugins):
    """The gateway reads what the runner prints; when it stalls, calls go on."""
    sock = tmp_path / "runner.sock"
    read_end, write_end = os.pipe()
    process = subprocess.Popen([C_RUNNER, "run", "--plugin-dir", plugins], stdout=write_end,
                               stderr=write_end, stdin=subprocess.DEVNULL,
                               env={"PATH": "/usr/bin:/bin",
                                    "APISIX_LISTEN_ADDRESS": "unix:%s" % sock})
    os.close(write_end)
    try:
        wait_until(sock.exists, "the socket")
        with Conn(sock) as conn:
            tokens = [conn.prepare_conf(script("log warn " + "%03d " % n + "x" * 900))
                      for n in range(300)]
            for token in tokens:
                assert conn.req_call(token).action == wire.NONE
    finally:
        process.terminate()
        process.wait(30)
        os.close(read_end)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can run workers as somebody else")
def test_workers_of_another_user_open_the_rotated_log():
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o777)
        log = folder / "runner.log"
        with Runner(folder, None, "--plugin-dir", "", "--user", "nobody", "--log-file", log,
                    "--log-level", "debug") as runner:
            worker, = [pid for pid in runner.pids() if pid != runner.pid]
            status = Path("/proc/%d/status" % worker).read_text()
            assert re.search(r"^Uid:\s+%d\s" % pwd.getpwnam("nobody").pw_uid, status, re.M)
            log.rename(folder / "old.log")
            runner.signal(signal.SIGUSR1)
            wait_until(log.exists, "the new log")
            conn = runner.connect()
            token = conn.prepare_conf(ANSWER)

            def worker_wrote():
                conn.req_call(token)
                return "[%d]" % worker in log.read_text()

            wait_until(worker_wrote, "a line of the worker's in the new log")

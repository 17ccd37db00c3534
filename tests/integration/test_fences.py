# SPDX-License-Identifier: Apache-2.0
"""What keeps the workers, and so the plugins, from what they do not need; and who may call."""
import grp
import os
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from harness import Closed, Runner, report, run_to_end, script, wait_until

ANSWER = "answer 200"


def worker_pids(runner):
    return [pid for pid in runner.pids() if pid != runner.pid]


def status_of(pid, field):
    text = Path("/proc/%d/status" % pid).read_text()
    return re.search(r"^%s:\s*(.*)$" % field, text, re.M).group(1).split()


# ---- who may call: --allow-uid ----

def test_peers_that_are_not_listed_are_refused_and_named(start):
    runner = start("--allow-uid", str(os.getuid() + 1))
    conn = runner.connect()
    with pytest.raises((Closed, BrokenPipeError)):
        conn.prepare_conf(ANSWER)
    line = runner.wait_output(r"^.*may not connect.*$").group(0)
    assert "user %d" % os.getuid() in line and "process %d" % os.getpid() in line
    assert "--allow-uid" in line


def test_peers_that_are_listed_are_served(start):
    runner = start("--allow-uid", "%d,%d" % (os.getuid() + 1, os.getuid()))
    conn = runner.connect()
    assert conn.req_call(conn.prepare_conf(ANSWER)).status == 200


@pytest.mark.skipif(os.getuid() != 0, reason="only root can call as somebody else")
def test_only_the_listed_user_is_served_while_others_try(start):
    runner = start("--allow-uid", "65534", "--socket-mode", "0666")
    # With more than one process for the tests, each has a folder more.
    for folder in (runner.dir, *runner.dir.parents):
        if folder == Path(tempfile.gettempdir()):
            break
        folder.chmod(0o755)
    program = ("import socket, sys; s = socket.socket(socket.AF_UNIX); s.settimeout(10);"
               "s.connect(sys.argv[1]); s.sendall(bytes([9, 0, 0, 0]));"
               "print(s.recv(1))")
    for user, answer in ((65534, b"b'\\x00'"), (65533, b"b''"), (65534, b"b'\\x00'")):
        done = subprocess.run([sys.executable, "-c", program, runner.socket_path], user=user,
                              group=user, extra_groups=[], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=60, check=False)
        # One that is refused may also meet the end while it still sends.
        assert done.stdout.strip() == answer or (user == 65533 and done.returncode), done


def test_a_list_of_names_is_an_error(tmp_path):
    status, output = run_to_end(tmp_path, "--allow-uid", "root")
    assert status == 1
    assert "allow-uid" in output and "'root'" in output.replace('"', "'") and "0,65534" in output


# ---- what a worker may do: --sandbox ----

@pytest.mark.parametrize("args,outcome", [((), "ok"), (("--sandbox", "--threads", "2"), "EPERM")])
def test_a_plugin_in_the_sandbox_opens_no_file_and_is_served_on(start, args, outcome):
    runner = start(*args)
    conn = runner.connect()
    token = conn.prepare_conf(script("open /dev/null", "report"))
    for _ in range(3):
        assert report(conn.req_call(token).body) == {"open /dev/null": outcome}
    for pid in worker_pids(runner):
        assert status_of(pid, "Seccomp") == ["2" if args else "0"]


def test_in_the_sandbox_threads_are_made_and_the_gateway_is_asked(start):
    runner = start("--sandbox")
    conns = [runner.connect() for _ in range(20)]
    token = conns[0].prepare_conf([("probe-blocking", script("var host", "report"))])
    for conn in conns:
        conn.start_req_call(token)
    for conn in conns:
        assert report(conn._finish(None).body)["var host"] == "(absent)"


def test_sigusr1_gives_the_workers_of_a_sandbox_the_new_log(start, tmp_path):
    """They can open no file: new ones take their places, and no call is lost."""
    log = tmp_path / "runner.log"
    runner = start("--sandbox", "--log-file", log, "--log-level", "debug")
    before = worker_pids(runner)
    conn = runner.connect()
    token = conn.prepare_conf(ANSWER)
    log.rename(tmp_path / "old.log")
    runner.signal(signal.SIGUSR1)

    def new_worker_wrote():
        assert conn.req_call(token).status == 200
        after = worker_pids(runner)
        return (len(after) == 1 and after != before and log.exists() and
                "[%d]" % after[0] in log.read_text())

    wait_until(new_worker_wrote, "a line of the new worker's in the new log")


def test_a_worker_in_the_sandbox_still_knows_its_memory(start):
    runner = start("--sandbox", "--max-rss", "1m")
    before = worker_pids(runner)
    conn = runner.connect()
    token = conn.prepare_conf(ANSWER)

    def replaced():
        for _ in range(200):
            assert conn.req_call(token).status == 200
        return worker_pids(runner) != before

    wait_until(replaced, "another worker")
    runner.wait_output("--max-rss")


# ---- who a worker is: --user, --group, --core-dumps ----

@pytest.mark.skipif(os.getuid() != 0, reason="only root can run workers as somebody else")
def test_the_workers_group_can_be_chosen(tmp_path):
    group = next(g for g in grp.getgrall() if g.gr_gid not in (0, 65534))
    for args, uid in ((("--group", group.gr_name), 0),
                      (("--group", group.gr_name, "--user", "nobody"), 65534)):
        with Runner(tmp_path, None, "--plugin-dir", "", *args) as runner:
            worker, = worker_pids(runner)
            assert set(status_of(worker, "Gid")) == {str(group.gr_gid)}
            assert set(status_of(worker, "Uid")) == {str(uid)}
            assert "0" not in status_of(worker, "Groups")
            assert status_of(worker, "NoNewPrivs") == ["1"]
            assert set(status_of(runner.pid, "Uid")) == {"0"}


@pytest.mark.parametrize("option", ["--user", "--group"])
def test_somebody_who_is_not_there_is_an_error_that_names_him(tmp_path, option):
    status, output = run_to_end(tmp_path, option, "nobody-of-this-name")
    assert status == 1
    assert option in output and '"nobody-of-this-name"' in output


@pytest.mark.skipif(os.getuid() != 0, reason="only root can look at it as somebody else")
@pytest.mark.parametrize("args,readable", [((), False), (("--core-dumps",), True)])
def test_memory_is_read_by_nobody_unless_core_dumps_are_asked_for(tmp_path, args, readable):
    """What is not dumpable belongs to root in /proc, so that its own user cannot look in."""
    with Runner(tmp_path, None, "--plugin-dir", "", "--user", "nobody", *args) as runner:
        worker, = worker_pids(runner)
        owner = os.stat("/proc/%d/mem" % worker).st_uid
        assert owner == (65534 if readable else 0)

# SPDX-License-Identifier: Apache-2.0
"""The socket file: who owns it, who may connect, and who takes it away."""
import os
import signal
import socket
import stat
import subprocess
import threading

import pytest

from harness import Conn, run_to_end, script, wait_until

ANSWER = script("answer 200", "answer-write hello")


def serves(path):
    with Conn(path) as conn:
        return conn.req_call(conn.prepare_conf(ANSWER)).body == b"hello"


def is_deserted(path):
    try:
        Conn(path).close()
        return False
    except ConnectionRefusedError:
        return True


def inode(path):
    about = os.stat(path)
    return about.st_dev, about.st_ino


class Connecting:
    """Connects in a loop, all the time; counts those that fail."""

    def __init__(self, path):
        self.path = str(path)
        self.failed = []
        self.done = 0
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.loop)

    def loop(self):
        while not self.over.is_set():
            try:
                with Conn(self.path) as conn:
                    conn.prepare_conf(ANSWER)
                self.done += 1
            except OSError as e:
                self.failed.append(e)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()


# ---- making it ----


@pytest.mark.parametrize("umask", [0, 0o022, 0o077])
def test_everybody_may_connect_whatever_the_umask(start, umask):
    """The gateway's workers run as another user than its master, which starts the runner."""
    runner = start(umask=umask)
    assert stat.S_IMODE(os.stat(runner.socket_path).st_mode) == 0o666


@pytest.mark.parametrize("text,mode", [("0600", 0o600), ("660", 0o660), ("0777", 0o777)])
def test_the_mode_can_be_chosen(start, text, mode):
    runner = start("--socket-mode", text, umask=0o077)
    assert stat.S_IMODE(os.stat(runner.socket_path).st_mode) == mode
    assert serves(runner.socket_path)


def test_a_socket_left_behind_is_replaced(start, tmp_path):
    path = tmp_path / "left.sock"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    runner = start(socket_path=path)
    assert serves(runner.socket_path)


def test_the_socket_of_a_runner_that_was_killed_is_replaced(start, tmp_path):
    path = tmp_path / "killed.sock"
    first = start(socket_path=path)
    first.kill()
    first.forgiven = True
    assert path.exists()
    wait_until(lambda: is_deserted(path), "the end of its workers")
    start(socket_path=path)
    assert serves(path)


def test_what_is_not_a_socket_is_left_alone(tmp_path):
    path = tmp_path / "precious"
    path.write_text("data")
    status, output = run_to_end(tmp_path, socket_path=path)
    assert status == 1 and str(path) in output
    assert path.read_text() == "data"


def test_a_folder_that_is_missing_is_an_error_that_names_it(tmp_path):
    path = tmp_path / "nowhere" / "runner.sock"
    status, output = run_to_end(tmp_path, socket_path=path)
    assert status == 1 and str(path) in output


def test_a_path_too_long_for_a_socket_is_an_error_that_says_so(tmp_path):
    path = "/tmp/" + "x" * 120
    status, output = run_to_end(tmp_path, environment={"APISIX_LISTEN_ADDRESS": "unix:" + path})
    assert status == 1 and "107" in output and path in output


def test_the_longest_path_that_fits(start, tmp_path):
    base = str(tmp_path) + "/"
    if len(base) > 100:
        pytest.skip("the temporary folder's own name is too long")
    path = base + "x" * (107 - len(base))
    assert len(path) == 107
    runner = start(socket_path=path)
    assert serves(runner.socket_path)


# ---- one that is alive ----


def test_a_living_runner_on_the_path_is_an_error_that_names_the_process(start, tmp_path):
    runner = start()
    status, output = run_to_end(tmp_path, socket_path=runner.socket_path)
    assert status == 1
    assert str(runner.pid) in output and "--takeover" in output
    assert serves(runner.socket_path)


def test_a_living_server_of_another_kind_is_not_replaced(tmp_path):
    path = tmp_path / "other.sock"
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        other.listen()
        status, output = run_to_end(tmp_path, socket_path=path)
        assert status == 1 and str(os.getpid()) in output
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))


def test_takeover_replaces_a_living_runner_without_a_failed_connect(start):
    first = start()
    with Connecting(first.socket_path) as connecting:
        wait_until(lambda: connecting.done > 20, "connections")
        before = inode(first.socket_path)
        second = start("--takeover", socket_path=first.socket_path)
        wait_until(lambda: inode(first.socket_path) != before, "the new socket")
        done = connecting.done
        wait_until(lambda: connecting.done > done + 50, "connections to the second one")
    assert not connecting.failed
    first.close()
    assert os.path.exists(second.socket_path) and serves(second.socket_path)


def test_the_reload_trap(start, tmp_path):
    """The gateway starts the new runner on the same path, and only then ends the old one,
    whose exit must not take the new one's socket away."""
    path = tmp_path / "gateway.sock"
    pipes = [os.pipe() for _ in range(2)]  # the gateway's end of each runner's stdin
    try:
        old = start(socket_path=path, stdin=pipes[0][0])
        with Connecting(path) as connecting:
            wait_until(lambda: connecting.done > 20, "connections")
            before = inode(path)
            start(socket_path=path, stdin=pipes[1][0])
            wait_until(lambda: inode(path) != before, "the new socket")
            old.signal(signal.SIGTERM)
            assert old.wait_exit() == 0
            done = connecting.done
            wait_until(lambda: connecting.done > done + 20, "connections to the new one")
        assert not connecting.failed
        assert serves(path)
    finally:
        for ends in pipes:
            for end in ends:
                os.close(end)


def test_connections_of_the_old_runner_live_until_it_ends(start):
    first = start()
    conn = first.connect()
    token = conn.prepare_conf(ANSWER)
    second = start("--takeover", socket_path=first.socket_path)
    second.wait_output("listening")
    for _ in range(20):
        assert conn.req_call(token).body == b"hello"


# ---- leaving ----


def test_the_socket_goes_with_the_runner(start):
    runner = start()
    runner.signal(signal.SIGTERM)
    assert runner.wait_exit() == 0
    assert not os.path.exists(runner.socket_path)


def test_nothing_but_the_own_socket_is_taken_away(start):
    runner = start()
    os.unlink(runner.socket_path)
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(runner.socket_path)
        runner.signal(signal.SIGTERM)
        assert runner.wait_exit() == 0
        assert os.path.exists(runner.socket_path)


def test_no_temporary_file_is_left(start, tmp_path):
    runner = start()
    beside = {p.name for p in tmp_path.iterdir()}
    assert beside == {os.path.basename(runner.socket_path), runner.output_path.name}


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
def test_a_process_of_another_user_can_connect(start, tmp_path):
    """"Permission denied" is the commonest complaint about runners."""
    runner = start(umask=0o077, socket_path="/tmp/a6-test-%d.sock" % os.getpid())
    code = "import socket; socket.socket(socket.AF_UNIX).connect('%s')" % runner.socket_path
    subprocess.run(["/usr/bin/python3", "-c", code], user="nobody", check=True)

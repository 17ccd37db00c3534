# SPDX-License-Identifier: Apache-2.0
"""c-runner bench: load on a running runner. What it counts, not how fast it is."""
import os
import re
import signal
import socket
import subprocess
import threading
import time

import harness
import sdk
from harness import script

QUICK = ["--calls", "500"]  # however long that takes on a loaded machine
TIMED = ["-d", "1", "--warmup", "0.05"]
SAY = ["--plugin", "say", "--conf", '{"body": "hello"}']


def bench(runner, *args):
    return sdk.run("bench", "--socket", "unix:" + runner.socket_path, *args)


def rounds(done):
    assert done.status == 0, done
    runner = done.json()["runners"][0]
    assert runner["errors"] == 0
    return runner["rounds"]


def test_prints_a_table(shared):
    done = bench(shared, *TIMED, *SAY, "--pid", shared.pid, "-c", "4", "--expect", "stop")
    assert done.status == 0, done
    lines = done.out.splitlines()
    assert lines[0] == "4 connections, 1 round of 1 s"
    numbers = lines[2].split()
    assert float(numbers[0]) > 0 and float(numbers[1]) > 0
    assert done.err == ""  # no progress in a pipe


def test_finds_the_runner_by_its_socket(shared):
    found = rounds(bench(shared, *QUICK, *SAY, "--json"))
    assert found[0]["cpu_us_per_call"] > 0 and found[0]["processes"] >= 2


def test_json(shared):
    found = rounds(bench(shared, *QUICK, *SAY, "--json", "--pid", shared.pid, "--rounds", "2"))
    assert len(found) == 2
    for one in found:
        assert one["calls"] > 0 and one["stopped"] == one["calls"]
        assert 0 < one["latency_us"]["p50"] <= one["latency_us"]["p99"] <= \
            one["latency_us"]["max"]
        assert one["cpu_us_per_call"] > 0
        assert one["processes"] >= 2 and one["resident_kib"] > 0


def test_a_number_of_calls(shared):
    found = rounds(bench(shared, *SAY, "--json", "--calls", "1234", "-c", "8", "--threads", "3"))
    assert found[0]["calls"] == 1234


def test_all_modes(shared):
    one = rounds(bench(shared, *QUICK, "--json", "--mode", "resp", "--plugin", "probe", "--conf",
                       "set-status 404", "--expect", "rewrite"))[0]
    assert one["calls"] == one["rewritten"] > 0
    one = rounds(bench(shared, *QUICK, "--json", "--mode", "conf", *SAY))[0]
    assert one["calls"] > 0


def test_answers_questions(shared):
    conf = script("var tenant", "body", "report")
    one = rounds(bench(shared, *QUICK, "--json", "--plugin", "probe", "--conf", conf, "--var",
                       "tenant=x", "--body", "b", "-c", "1", "--expect", "stop"))[0]
    # the first measured call may have asked before the measurement began
    assert one["calls"] > 1 and one["asked"] >= 2 * (one["calls"] - 1)


def test_large_bodies_come_back(shared):
    conf = script("body", "fill-body 300000 b")
    assert bench(shared, *QUICK, "--json", "--plugin", "probe", "--conf", conf, "--body-size",
                 "300000", "-c", "2", "--expect", "rewrite").status == 0
    # another body than the one sent is a wrong reply
    done = bench(shared, *QUICK, "--json", "--plugin", "probe", "--conf", conf, "--body-size",
                 "300000", "-c", "2", "--expect", "echo")
    assert done.status == 3
    assert "not the request's" in done.json()["runners"][0]["rounds"][0]["first_mismatch"]


def test_a_pace_is_kept(shared):
    one = rounds(bench(shared, "-d", "0.5", "--warmup", "0.1", "--json", *SAY, "--rate", "500",
                       "-c", "8"))[0]
    assert 100 < one["calls"] <= 0.5 * 500 + 8 + 50


def test_a_share_with_another_conf(shared):
    one = rounds(bench(shared, "--json", *SAY, "--calls", "1000", "--also", "10:probe=spin 1"))[0]
    assert 90 <= one["also_calls"] <= 110
    assert one["calls"] == 1000
    assert one["also_latency_us"]["p50"] >= 900


def test_idle_connections(shared):
    done = bench(shared, *QUICK, *SAY, "--idle", "200", "-c", "2", "--json")
    assert done.json()["idle_connections"] == 200
    assert rounds(done)[0]["calls"] > 0


def test_two_sockets_in_turns(shared, start):
    other = start()
    done = bench(shared, "--socket", other.socket_path, "--pid", shared.pid, "--pid", other.pid,
                 *QUICK, *SAY, "--rounds", "2")
    assert done.status == 0, done
    lines = done.out.splitlines()
    assert lines[2].endswith(shared.socket_path) and lines[3].endswith(other.socket_path)
    assert re.search(r"\d+\.\d+ \(\d+\.\d+-\d+\.\d+\)", lines[2])


def test_errors_give_status_3(shared):
    done = bench(shared, *QUICK, "--plugin", "no-such-plugin")
    assert done.status == 3, done
    assert re.search(r"[1-9]\d* SERVICE_UNAVAILABLE", done.out)
    done = bench(shared, *QUICK, *SAY, "--expect", "none")
    assert done.status == 3
    assert "the first: the reply is Stop, not no action" in done.out


def wrong_server(listener, stop):
    """Answers PrepareConf with a token, and everything else with rubbish."""
    while not stop.is_set():
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        with connection:
            data = connection.recv(65536)
            if data[:1] == b"\1":
                connection.sendall(bytes.fromhex("01000014" "0c000000" "06000800040006000000"
                                                 "0000" "01000000"))
            elif data:
                connection.sendall(b"\2\0\0\4\xff\xff\xff\xff")
            time.sleep(0.05)


def test_a_runner_that_answers_rubbish(tmp_path):
    stop = threading.Event()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        listener.listen()
        thread = threading.Thread(target=wrong_server, args=(listener, stop), daemon=True)
        thread.start()
        done = sdk.run("bench", "--socket", tmp_path / "s", *TIMED, "-c", "1", "--json")
        stop.set()
        with socket.socket(socket.AF_UNIX) as last:
            last.connect(str(tmp_path / "s"))
        thread.join()
    assert done.status == 3, done
    one = done.json()["runners"][0]["rounds"][0]
    assert one["mismatches"] >= 1 and one["connections_ended"] >= 1


def test_usage(shared, tmp_path):
    for args in (["-c", "0"], ["-c", "x"], ["-c", "1.5"], ["--mode", "x"], ["--expect", "x"],
                 ["--also", "x"], ["--also", "0:x"], ["--also", "1:say=@/nowhere"],
                 ["--conf", "x"], ["--rate", "-1"], ["--expect", "echo"],
                 ["--pid", "1", "--pid", "1"], ["x"], ["--nonsense"]):
        done = bench(shared, *args)
        assert done.status == 2, (args, done)
    assert bench(shared, *QUICK, "--pid", "999999999").status == 1
    done = sdk.run("bench", "--socket", tmp_path / "nobody")
    assert done.status == 1 and "is a runner running?" in done.err
    assert sdk.run("bench", "--help").out.startswith("usage: c-runner bench")


def test_ctrl_c_ends_early_with_a_result(shared):
    process = subprocess.Popen([harness.C_RUNNER, "bench", "--socket", shared.socket_path, "-d",
                                "600", "--json", *SAY], stdout=subprocess.PIPE)
    worker = harness.wait_until(
        lambda: len(os.listdir("/proc/%d/task" % process.pid)) > 1, "the load's thread")
    assert worker
    time.sleep(0.7)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=harness.TIMEOUT)
    assert process.returncode == 0
    assert b'"calls":' in out

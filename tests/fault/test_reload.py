# SPDX-License-Identifier: Apache-2.0
"""A reload loses nothing: new workers first, then the old ones hand their connections over."""
import os
import shutil
import signal
import subprocess
import threading

import pytest

import a6wire as wire
from faults import (NO_HANDLERS, alive, call, install, lost_at_most, nothing_lost, start_call,
                    wait_workers, workers)
from harness import Closed, Conn, ROOT, sanitized, wait_until


def version(runner):
    with Conn(runner.socket_path) as conn:
        return conn.req_call(conn.prepare_conf([("innocent", "version")], "route#version")).body


def reload(runner):
    """Until the old worker is gone."""
    old = workers(runner)
    runner.signal(signal.SIGHUP)
    wait_until(lambda: workers(runner) and not set(old) & set(workers(runner)), "new workers")


def test_a_hundred_reloads_under_load_lose_no_call(start, load):
    runner = start()
    running = load(runner, connections=32)
    for _ in range(100):
        reload(runner)
    running.wait_answered(200)
    nothing_lost(running)
    assert running.unsent == 0  # not one connection was closed, not even an idle one


def test_reloads_that_overtake_each_other_close_no_connection(start, load):
    """The next one begins while thousands of connections are still on their way from the one
    before: more than fit between the supervisor and a worker at a time."""
    runner = start()
    running = load(runner, connections=4)
    idle = [runner.connect() for _ in range(2500)]
    for _ in range(6):
        before = set(workers(runner))
        runner.signal(signal.SIGHUP)
        wait_until(lambda: set(workers(runner)) - before, "a new worker")
    for conn in idle:
        assert conn.req_call(running.token).body == b"one"
    nothing_lost(running)
    assert running.unsent == 0


def test_a_storm_of_signals(start, load):
    """Those that come while a reload is under way are one more reload, not as many."""
    runner = start("--workers", "3")
    running = load(runner, connections=8)
    for _ in range(500):
        runner.signal(signal.SIGHUP)
        runner.signal(signal.SIGUSR1)
    runner.wait_output("the new workers have every connection now")
    running.wait_answered(200)
    wait_workers(runner, 3)
    nothing_lost(running)


def test_connections_that_come_while_it_reloads(start, load):
    """Each makes one call and goes: some connect at the very moment of the change."""
    runner = start()
    running = load(runner, connections=2)
    lost = []
    done = threading.Event()

    def connect_and_call():
        while not done.is_set():
            try:
                with Conn(runner.socket_path) as conn:
                    assert conn.req_call(running.token).body == b"one"
            except Exception as error:
                lost.append(repr(error))

    threads = [threading.Thread(target=connect_and_call) for _ in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(30):
        reload(runner)
    done.set()
    for thread in threads:
        thread.join()
    assert lost == []
    nothing_lost(running)


@pytest.mark.parametrize("which", ["old", "new"])
def test_a_worker_that_is_killed_during_a_reload(start, load, which):
    """An old one or a new one: in the end there are as many as there are to be."""
    runner = start("--workers", "3")
    runner.forgiven = True
    running = load(runner, connections=8)
    for _ in range(10):
        before = set(workers(runner))
        runner.signal(signal.SIGHUP)
        new = wait_until(lambda: set(workers(runner)) - before, "a new worker")
        victim = min(before) if which == "old" else min(new)
        try:
            os.kill(victim, signal.SIGKILL)
        except ProcessLookupError:
            pass  # it has left already
    running.wait_answered(100)
    wait_workers(runner, 3)
    lost_at_most(running, 10 * 8)


# In C: the dynamic linker does not unload what is written in C++.
END_SLOWLY = b"""
#include <a6/plugin.h>
#include <pthread.h>
#include <unistd.h>
static pthread_key_t key;
static void end(void *value) { (void)value; usleep(10000); }
static int init(a6_env *env, void **state)
{
    (void)env, (void)state;
    return pthread_key_create(&key, end);
}
static a6_result answer(a6_request *req, void *conf)
{
    (void)conf;
    pthread_setspecific(key, req);
    return a6_answer(req, 204) ? A6_ERROR : A6_OK;
}
static const a6_plugin late = {
    A6_PLUGIN_HEADER, .name = "late", .init = init, .request_filter = answer};
A6_REGISTER(late)
"""
EXIT_SLOWLY = b"""
#include <unistd.h>
__attribute__((destructor)) static void end(void) { usleep(50000); }
"""


def test_threads_that_take_a_while_to_end(start, tmp_path):
    """The plugin's code is there for as long as they run it, which is until after its shutdown;
    here the process takes a while as well."""
    if sanitized():
        pytest.skip("a sanitizer wants to be the first that is preloaded")
    folder = tmp_path / "own-plugins"
    folder.mkdir()
    slow = tmp_path / "slow.so"
    for text, file in (END_SLOWLY, folder / "late.so"), (EXIT_SLOWLY, slow):
        subprocess.run([os.environ.get("CC", "cc"), "-shared", "-fPIC", "-I", ROOT / "include",
                        "-x", "c", "-", "-o", file], input=text, check=True)
    runner = start(folder=folder, environment={"LD_PRELOAD": str(slow)})
    with Conn(runner.socket_path) as conn:
        assert conn.req_call(conn.prepare_conf([("late", "")])).status == 204
    runner.signal(signal.SIGHUP)
    runner.wait_output("the new workers have every connection now|died of signal")
    assert runner.count_output("died of signal") == 0


def test_a_stop_during_a_reload(start, load):
    """Calls that were sent before the signal are answered, wherever their connections are."""
    for _ in range(10):
        runner = start()
        conns = [runner.connect() for _ in range(50)]
        tokens = [conn.prepare_conf([("innocent", "ok")], "route#stop") for conn in conns]
        runner.signal(signal.SIGHUP)
        for conn, token in zip(conns, tokens):
            conn.start_req_call(token)
        runner.signal(signal.SIGTERM)
        for conn in conns:
            assert conn.receive().body == b"one"
        assert runner.wait_exit() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_with_a_worker_that_does_not_run(start, load, number):
    runner = start("--workers", "2")
    running = load(runner)
    pids = runner.pids()
    os.kill(workers(runner)[0], signal.SIGSTOP)
    runner.signal(number)
    assert runner.wait_exit() == 0
    assert not any(map(alive, pids))
    running.stop()
    assert running.wrong == []


def test_a_connection_that_wakes_one_that_does_not_take_it(start):
    """It is taken by another one, and not when the next connection comes."""
    runner = start()
    runner.forgiven = True
    conn = runner.connect()
    stays = start_call(runner, "sleep")  # so that the old worker does
    conn.req_call(conn.prepare_conf([("faults", "swallow")]))
    runner.signal(signal.SIGHUP)
    while stays.is_quiet():
        assert call(runner, "ok").body == b"one"
    assert stays.receive().body == b"one"


def test_two_workers_that_are_to_be_replaced_at_the_same_time(start, load):
    runner = start("--workers", "2", "--max-calls", "600")
    running = load(runner, connections=12)
    wait_until(lambda: runner.count_output("is replaced: it has answered") >= 4, "4 replacements")
    wait_workers(runner, 2)
    running.wait_answered(50)
    nothing_lost(running)


def test_a_reload_while_every_thread_hangs(start, load):
    """The old worker stays until its calls have had their time, and no longer."""
    runner = start("--deadline", "500ms")
    runner.forgiven = True
    running = load(runner)
    stuck = [start_call(runner, "deadlock", id=n) for n in range(3)]
    runner.signal(signal.SIGHUP)
    running.wait_answered(50)
    for conn in stuck:
        assert conn.receive() == wire.Error(wire.SERVICE_UNAVAILABLE)
    runner.wait_output("the new workers have every connection now")
    wait_workers(runner, 1)
    nothing_lost(running)


def test_a_changed_file_lifts_a_quarantine(start, load, folder, second):
    runner = start("--watch", folder=folder, environment=NO_HANDLERS)
    runner.forgiven = True
    running = load(runner, connections=4, expected=(b"one", b"two"))
    for n in range(3):
        wait_until(lambda: call(runner, "segv", id=n) is Closed, "crash %d" % n)
    runner.wait_output("quarantined")
    install(second, folder)
    wait_until(lambda: getattr(call(runner, "ok"), "body", None) == b"two", "the new version")
    running.wait_answered(50)
    lost_at_most(running, 3 * 4)


def test_afterwards_the_new_code_runs(start, load, folder, second):
    runner = start(folder=folder)
    running = load(runner, connections=32, expected=(b"one", b"two"))
    install(second, folder)
    assert version(runner) == b"one"
    runner.signal(signal.SIGHUP)
    runner.wait_output("the new workers have every connection now")
    assert version(runner) == b"two"
    running.wait_answered(100)
    assert b"two" in running.bodies  # on the connections that were there before
    nothing_lost(running)


def test_watch_notices_a_changed_file(start, load, folder, second):
    runner = start("--watch", folder=folder)
    running = load(runner, connections=8, expected=(b"one", b"two"))
    install(second, folder)
    wait_until(lambda: version(runner) == b"two", "the new version")
    nothing_lost(running)


@pytest.mark.parametrize("how", ["removed", "moved away"])
def test_watch_notices_a_folder_that_is_made_anew(start, folder, second, how):
    runner = start("--watch", folder=folder)
    if how == "removed":
        shutil.rmtree(folder)
    else:
        folder.rename(folder.with_name("old"))
    runner.wait_output("are not noticed until")
    folder.mkdir()
    install(second, folder)
    wait_until(lambda: version(runner) == b"two", "the new version")


def test_new_workers_that_cannot_start_leave_the_old_ones(start, load, folder):
    runner = start(folder=folder)
    running = load(runner)
    (folder / "broken.so").write_text("this is no plugin")
    runner.signal(signal.SIGHUP)
    runner.wait_output("broken.so")
    runner.wait_output("the old ones go on")
    running.wait_answered(100)
    (folder / "broken.so").unlink()
    runner.signal(signal.SIGHUP)
    runner.wait_output("the new workers have every connection now")
    nothing_lost(running)


def test_idle_connections_are_handed_over_too(start, load):
    runner = start()
    running = load(runner)
    idle = [runner.connect() for _ in range(200)]
    runner.signal(signal.SIGHUP)
    runner.wait_output("the new workers have every connection now")
    for conn in idle:
        token = conn.prepare_conf([("innocent", "ok")], "route#idle")
        assert conn.req_call(token).body == b"one"
    nothing_lost(running)


def test_a_takeover_as_the_gateways_reload_does_it(start, load):
    """A second runner on the same path, then SIGTERM to the first."""
    first = start()
    running = load(first, connections=8)
    second = start("--takeover", socket_path=first.socket_path)
    first.signal(signal.SIGTERM)
    first.wait_exit()
    running.wait_answered(100)
    nothing_lost(running)
    assert second.process.poll() is None

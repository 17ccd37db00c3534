# SPDX-License-Identifier: Apache-2.0
"""--scheduling: how the workers' threads share the CPUs with the gateway."""
import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from harness import script, wait_until

ANSWER = script("answer 200", "answer-write hello")


def policies(pid):
    """How many of the process's threads have which policy."""
    return Counter(os.sched_getscheduler(int(task)) for task in os.listdir("/proc/%d/task" % pid))


def worker_of(runner):
    worker, = [pid for pid in runner.pids() if pid != runner.pid]
    return worker


def call_apart(runner):
    """A thread beside the loops runs it."""
    conn = runner.connect()
    assert conn.req_call(conn.prepare_conf([("probe-blocking", ANSWER)])).body == b"hello"


@pytest.mark.parametrize("args", [(), ("--sandbox",)], ids=["open", "sandbox"])
def test_threads_that_answer_let_others_go_on(start, args):
    runner = start("--threads", "3", *args)
    call_apart(runner)
    # Each thread sets its own, as the first that it does when it gets to a CPU.
    wait_until(lambda: policies(worker_of(runner))[os.SCHED_BATCH] == 3 + 1, "the threads")
    assert policies(runner.pid) == {os.SCHED_OTHER: 1}


def test_normal(start):
    runner = start("--threads", "3", "--scheduling", "normal")
    call_apart(runner)
    assert set(policies(worker_of(runner))) == {os.SCHED_OTHER}


def test_a_policy_that_the_runner_was_started_with_is_kept(start):
    def start_politely():
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
        return start("--scheduling", "normal")

    with ThreadPoolExecutor(1) as thread:  # the policy is the thread's, and its children's
        runner = thread.submit(start_politely).result()
        call_apart(runner)
        assert set(policies(worker_of(runner))) == {os.SCHED_BATCH}
        runner.close()  # it would not outlive the thread

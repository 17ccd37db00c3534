# SPDX-License-Identifier: Apache-2.0
"""The plugins with the faults, calls that commit them, and what there is to say of a
process or of a load afterwards."""
import os
import pathlib
import shutil
import subprocess

import harness
from harness import Closed, Conn, children, wait_until

SOURCE = pathlib.Path(__file__).resolve().parent / "plugins/faults.cpp"
FLAGS = ("-std=c++17 -fPIC -shared -pthread -O0 -g -Wall -Wextra -Werror "
         "-Wno-infinite-recursion").split()
# The sanitizers' own handlers would report and exit; here ours are looked at.
NO_HANDLERS = {name: "handle_segv=0:handle_abort=0:handle_sigbus=0:handle_sigfpe=0:"
                     "detect_leaks=0" for name in ("ASAN_OPTIONS", "TSAN_OPTIONS")}


def build(target, version, *more):
    """The plugins, which answer with the version."""
    subprocess.run([os.environ.get("CXX", "c++"), *FLAGS, *more,
                    '-DFAULTS_VERSION="%s"' % version, "-I", harness.ROOT / "include", SOURCE,
                    "-o", target], check=True)


def install(file, folder):
    """As an installation should: never half a file under the name."""
    made = folder / (file.name + ".new")
    shutil.copy(file, made)
    made.rename(folder / file.name)


# ---- calls ----

def call(runner, fault, id=77):
    """Makes the call; gives Closed when that came instead of an answer."""
    with Conn(runner.socket_path) as conn:
        try:
            return conn.req_call(conn.prepare_conf([("faults", fault)], "route#" + fault), id=id)
        except (Closed, OSError):
            return Closed


def start_call(runner, fault, id=77):
    conn = runner.connect()
    conn.start_req_call(conn.prepare_conf([("faults", fault)], "route#" + fault), id=id)
    return conn


# ---- what it cost ----

def lost_at_most(running, most):
    """Stops the load. Calls in flight are lost with their worker; nothing else goes wrong."""
    running.stop()
    assert running.lost <= most
    assert (running.refused, running.unconnected, running.wrong) == (0, 0, [])


def nothing_lost(running):
    lost_at_most(running, 0)


# ---- processes ----

def state(pid):
    """The kernel's letter for it; None: it is gone."""
    try:
        with open("/proc/%d/stat" % pid) as stat:
            return stat.read().rsplit(")", 1)[1].split()[0]
    except OSError:
        return None


def alive(pid):
    return state(pid) not in (None, "Z")


def workers(runner):
    """Not what they start themselves: a sanitizer looks for leaks with a process of its own."""
    return [pid for pid in children(runner.pid) if alive(pid)]


def wait_workers(runner, count):
    """Until there are so many and no more."""
    wait_until(lambda: len(workers(runner)) == count, "%d workers" % count)

# SPDX-License-Identifier: Apache-2.0
"""ext_plugin_cmd in the other ways to run nginx: as a daemon, upgraded, without a master."""
import os
import pathlib
import signal
import subprocess

import pytest
from nginx_rig import wait_for
from test_cmd import Load, alive, script, sockets


@pytest.fixture
def daemon(nginx):
    """Starts nginx as a daemon; gives a function that tells the pid of its master."""
    started = []

    def pid():
        try:
            return int((nginx.root / "nginx.pid").read_text())
        except (OSError, ValueError):
            return 0

    def start(cmd, main="", workers=2):
        # what a sanitizer was told must reach the new nginx of an upgrade
        main += "".join(" env %s_OPTIONS;" % name for name in ("ASAN", "LSAN", "UBSAN"))
        nginx.configure(workers=workers, main="ext_plugin_cmd %s; daemon on; %s" % (cmd, main),
                        http="ext_plugin_runner unix:%s/r.sock connect_timeout=20s;"
                        % nginx.root,
                        server="ext_plugin_pre_req say '{\"body\": \"hello\"}';")
        done = subprocess.run(nginx.args(), stdin=subprocess.DEVNULL, timeout=20,
                              stdout=subprocess.DEVNULL,
                              stderr=(nginx.root / "stderr").open("ab"))
        assert done.returncode == 0, nginx.log()
        started.append(wait_for(pid))
        return pid
    yield start
    for master in {*started, pid()} - {0}:
        if alive(master):
            os.kill(master, signal.SIGTERM)
            wait_for(lambda: not alive(master), what="nginx's end")


def test_as_a_daemon(nginx, daemon):
    master = daemon(script(nginx))()
    runner = int(nginx.get("/").body)
    os.kill(master, signal.SIGQUIT)
    wait_for(lambda: not alive(master) and not alive(runner))
    assert sockets(nginx) == []
    assert "stdin has ended" in nginx.log() or "unfinished" in nginx.log()


def test_without_a_master(nginx, daemon):
    master = daemon(script(nginx), "master_process off;")()
    runner = int(nginx.get("/").body)
    assert int(pathlib.Path("/proc/%d/stat" % runner).read_text().rsplit(")", 1)[1].split()[1]) \
        == master
    os.kill(runner, signal.SIGKILL)
    after = int(nginx.get("/").body)
    assert after != runner
    os.kill(master, signal.SIGTERM)
    wait_for(lambda: not alive(master) and not alive(after))
    assert sockets(nginx) == []


def test_an_upgrade_under_load_loses_no_request(nginx, daemon, c_runner):
    """A new nginx on the same sockets, with a runner of its own, takes over from the old."""
    pid = daemon("%s run" % c_runner)
    old = pid()
    load = Load(nginx)
    wait_for(lambda: load.done > 20)
    os.kill(old, signal.SIGUSR2)
    new = wait_for(lambda: pid() if pid() not in (0, old) else 0, what="the new master")
    wait_for(lambda: len(sockets(nginx)) == 2, what="the new runner")
    before = load.done
    wait_for(lambda: load.done > before + 20)
    os.kill(old, signal.SIGQUIT)
    wait_for(lambda: not alive(old), what="the old master's end")
    wait_for(lambda: len(sockets(nginx)) == 1, what="the old runner's end")
    before = load.done
    wait_for(lambda: load.done > before + 20)
    done, bad = load.stop()
    assert not bad, (done, bad[:5], nginx.log()[-3000:])
    assert alive(new)

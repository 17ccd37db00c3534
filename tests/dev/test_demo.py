# SPDX-License-Identifier: Apache-2.0
"""`make demo ONCE=1`, with this build and free ports."""
import os
import subprocess

from dev import BUILD, ROOT
from ports import free_ports


def run(folder, **environment):
    port, admin_port, upstream_port = free_ports(3)
    return subprocess.run(
        [ROOT / "scripts/demo"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        timeout=120, stdin=subprocess.DEVNULL,
        env={**os.environ, "BUILD": str(BUILD), "ONCE": "1", "PORT": str(port),
             "ADMIN_PORT": str(admin_port), "UPSTREAM_PORT": str(upstream_port),
             "TMPDIR": str(folder), **environment})


def test_once(folder):
    done = run(folder)
    assert done.returncode == 0, done.stdout
    assert "Every answer was the right one." in done.stdout
    assert done.stdout.count("$ curl -i") >= 9
    assert not list(folder.iterdir())


def test_every_plugin_has_a_route():
    routes = (ROOT / "examples/demo/apisix.yaml").read_text()
    for plugin in (ROOT / "plugins").iterdir():
        assert "name: %s" % plugin.name in routes, plugin.name


def test_port_in_use(folder):
    import socket
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = run(folder, PORT=str(port))
    assert done.returncode == 1
    assert "port %d is in use by another process" % port in done.stdout
    assert "make demo PORT=..." in done.stdout

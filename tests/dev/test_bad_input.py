# SPDX-License-Identifier: Apache-2.0
"""What is wrong at the start is told in one line with the mend; and how it ends."""
import os
import pathlib
import re
import signal
import socket
import subprocess
import time

import pytest

from dev import C_RUNNER, ROOT, BUILD, Dev, wait_until
from ports import free_ports

GOOD = {"routes": [{"uri": "/", "plugins": {}}]}


def complaint(gateway):
    status, log = gateway.fails()
    assert status == 1, log
    lines = [line for line in log.splitlines() if line.startswith("c-runner dev: ")]
    assert len(lines) == 1, log
    assert not list(gateway.folder.glob("c-runner-dev-*"))
    return lines[0]


def test_ports_in_use(dev):
    gateway = dev()
    for port, option in ((gateway.port, "--port"), (gateway.admin_port, "--admin-port")):
        with socket.socket() as taken:
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            taken.bind(("0.0.0.0", port))
            taken.listen()
            assert complaint(gateway).endswith(
                "port %d is in use by another process; end that, or take another port with %s"
                % (port, option))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", gateway.echo_port))
        taken.listen()
        assert "--echo=PORT" in complaint(gateway)


@pytest.mark.parametrize("options, why", [
    (["--nginx", "/nonexistent/nginx"], "there is no /nonexistent/nginx; on Debian: apt-get"),
    (["--nginx", "no-such-nginx"], "there is no no-such-nginx"),
    (["--nginx-module", "/nonexistent.so"], "--nginx-module /nonexistent.so: No such file"),
    (["--plugin", "/nonexistent.so"], "the runner has ended at its start"),
    (["--routes", "missing.yaml"], "missing.yaml: cannot be read: No such file"),
    (["--config", "missing.yaml"], "missing.yaml: cannot be read: No such file"),
])
def test_missing(dev, options, why):
    more = {"routes": GOOD} if "--routes" not in options and "--config" not in options else {}
    assert why in complaint(dev(*options, **more))


def test_module_that_is_none(dev, folder):
    (folder / "m.so").write_text("no library")
    assert "nginx:" in complaint(dev("--nginx-module", str(folder / "m.so"), routes=GOOD))


def test_plugin_that_does_not_load(dev, folder):
    (folder / "p.so").write_text("no library")
    gateway = dev("--plugin", str(folder / "p.so"), routes=GOOD)
    assert re.search("the runner has ended at its start: .*p.so", complaint(gateway))


@pytest.mark.parametrize("config, why", [
    ("ext-plugin: [", "not YAML"),
    ("ext-plugin: {cmd: []}", "ext-plugin: cmd: must be a list that is not empty"),
    ("ext-plugin: {cmd: [a], path_for_test: /b}", "has both cmd and path_for_test"),
    ("ext-plugin: {path_for_test: 'unix:/b'}", "is a path without 'unix:'"),
    ("ext-plugin: {cmd: [/nonexistent/runner]}", "the runner /nonexistent/runner: No such file"),
    ("ext-plugin: {cmd: ['false']}", "the runner has ended at its start"),
    ("apisix: {node_listen: 99999}", "apisix: node_listen: must be 1 to 65535"),
    ("deployment: {admin: {admin_key: [{name: a}]}}", "an entry has no key"),
    ("deployment: {admin: {admin_key: [{key: a, role: boss}]}}", "role: must be 'admin' or"),
    ("deployment: {role: control_plane}", "role: must be 'traditional' or 'data_plane'"),
    ("deployment: {role_data_plane: {config_provider: xds}}", "'xds' is not supported here"),
    ("deployment: {role_traditional: {config_provider: yaml}}", "for a file of routes set role"),
])
def test_configurations(dev, config, why):
    assert why in complaint(dev(config=config))


@pytest.mark.parametrize("routes, why", [
    ({"routes": {}}, "routes: must be a list, not an object"),
    ({"routes": [1]}, "routes/1: must be an object, not a number"),
    ({"routes": [{"id": "a", "uri": "/", "plugins": {}}, {"id": "a", "uri": "/", "plugins": {}}]},
     "routes/a: the id is there twice"),
    ({"routes": [{"uri": "/", "uris": ["/"]}]}, "is given twice"),
    ({"routes": [{"uri": "/a*b"}]}, "a '*' is supported here at the end only"),
    ({"routes": [{"uri": "/", "methods": ["FETCH"]}]}, "'FETCH' is not a method"),
    ({"routes": [{"uri": "/", "remote_addr": "10.0.0.0/33"}]}, "neither an IP address nor"),
    ({"routes": [{"uri": "/", "vars": [["a", "has", "b"]]}]}, "'has' is not supported here"),
    ({"routes": [{"uri": "/", "vars": ["OR", ["arg_a", "==", "1"]]}]}, "are not supported here"),
    ({"routes": [{"uri": "/", "upstream": {"nodes": {"a:0": 1}}}]}, "the port must be 1 to 65535"),
    ({"routes": [{"uri": "/", "upstream": {"nodes": {"a b;": 1}}}]}, "is not the name of a host"),
    ({"routes": [{"uri": "/", "upstream": {"nodes": {}}}]}, "needs 1 to"),
    ({"routes": [{"uri": "/", "upstream": {"nodes": {"127.0.0.1": 0}}}]}, "all have the weight 0"),
    ({"routes": [{"uri": "/", "upstream": {"nodes": {"127.0.0.1": 1}, "pass_host": "rewrite"}}]},
     "needs upstream_host"),
    ({"routes": [{"uri": "/", "upstream": {"nodes": {"127.0.0.1": 1}, "timeout": {"read": 1}}}]},
     "timeout: needs all of connect, send and read"),
    ({"routes": [{"uri": "/", "plugins": {"ext-plugin-pre-req": {}}}]}, "has no conf"),
    ({"routes": [{"uri": "/"}]}, "has none of plugins, upstream, upstream_id and service_id"),
    ({"routes": [{"uri": "/", "upstream": {"nodes": [{"host": "a", "weight": 1, "priority": 1}]}}]},
     "priority: only 0 is supported here"),
    ("routes: [{uri: /, upstream_id: '${{NOT_SET}}'}]\n",
     "the environment variable NOT_SET is not set; set it, or give it a default"),
    ("routes: [{uri: '${{/}}', plugins: {}}]\n", "must have the name of an environment variable"),
    ({"consumers": []}, "the key 'consumers' is not supported here"),
])
def test_routes(dev, routes, why):
    gateway = dev(routes=routes)
    text = complaint(gateway)
    assert why in text and "apisix.yaml: " in text
    assert gateway.log().count("\n") == 1


def test_keys_without_a_meaning_are_named(dev):
    gateway = dev(config="apisix: {enable_ipv6: true, node_listen: [{port: 80, ip: 0.0.0.0}]}\n"
                         "plugin_attr: {}\n").start()
    assert "config: apisix.node_listen.ip means nothing to this gateway" in gateway.log()
    assert "config: apisix.enable_ipv6 means nothing to this gateway" in gateway.log()
    assert "config: plugin_attr means nothing to this gateway" in gateway.log()


def test_usage():
    for options in (["--port", "0"], ["--nonsense"], ["word"], ["--routes", "a", "--data", "b"]):
        done = subprocess.run([C_RUNNER, "dev", *options], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE)
        assert done.returncode == 2 and b"c-runner dev --help" in done.stderr


def test_docs_have_the_options_that_the_help_has():
    told = subprocess.run([C_RUNNER, "dev", "--help"], stdout=subprocess.PIPE, text=True,
                          check=True).stdout
    page = (ROOT / "docs/dev-gateway.md").read_text().partition("## Options")[2].partition("##")[0]
    options = set(re.findall(r"^ +(?:-h, )?(--[a-z-]+)", told, re.MULTILINE)) - {"--help"}
    assert len(options) > 8
    assert options == set(re.findall(r"`(--[a-z-]+)", page))


def test_no_runner_at_the_path(dev, folder):
    gateway = dev(config="ext-plugin: {path_for_test: %s/r.sock}" % folder).start()
    gateway.admin("PUT", "routes/1", {"uri": "/x", "plugins": gateway.say("x")})
    gateway.logged("there is no runner at %s/r.sock yet; start it with" % folder)
    assert gateway.get("/x").status == 503
    gateway.logged("there is no runner at .*: No such file or directory")
    gateway.logged("request 503 GET /x .* route 1: the runner closed the connection")


def everything_of(gateway):
    """All processes below it."""
    found, todo = [], [gateway.process.pid]
    while todo:
        pid = todo.pop()
        found.append(pid)
        for task in pathlib.Path("/proc/%d/task" % pid).iterdir():
            todo += map(int, (task / "children").read_text().split())
    return found


@pytest.mark.parametrize("number, status", [
    (signal.SIGINT, 0), (signal.SIGTERM, 0), (signal.SIGHUP, 0)])
def test_stops_everything(dev, number, status):
    gateway = dev(routes=GOOD).start()
    # nginx's worker may be one moment later than its socket.
    pids = wait_until(lambda: len(everything_of(gateway)) >= 5 and everything_of(gateway),
                      "two processes of each child")
    assert gateway.stop(number) == status
    for pid in pids:
        assert not os.path.exists("/proc/%d" % pid)


def test_killed_itself(dev):
    """Even then no process stays behind."""
    gateway = dev(routes=GOOD).start()
    pids = everything_of(gateway)
    gateway.process.kill()
    gateway.process.wait()
    gateway.process = None
    wait_until(lambda: not any(os.path.exists("/proc/%d" % pid) for pid in pids), "all to end")


def test_folders_of_killed_ones_are_removed(folder):
    """At the next start; those of others, of running ones, and what is no such folder stay."""
    shared = folder / "t"
    elsewhere = folder / "elsewhere"
    kept = [shared / "c-runner-dev-nolock", shared / "other"]
    for path in kept + [elsewhere]:
        path.mkdir(parents=True)
    (elsewhere / "lock").touch()
    (kept[1] / "lock").touch()
    kept.append(shared / "c-runner-dev-linked")
    kept[-1].symlink_to(elsewhere)
    # Old ones without a lock: of someone else, of another length, and of killed gateways.
    for name, content in (("someon", "work"), ("longer-name", "lock"), ("none00", None),
                          ("fresh0", "lock.new")):
        path = shared / ("c-runner-dev-" + name)
        path.mkdir()
        if content:
            (path / content).touch()
        os.utime(path, (0, 0))
    kept += [shared / "c-runner-dev-someon", shared / "c-runner-dev-longer-name"]

    def make(name):
        (folder / name).mkdir()
        return Dev(folder / name, routes=GOOD, environment={"TMPDIR": str(shared)})

    def new(before):
        return set(shared.iterdir()) - set(before)

    with make("alive") as alive:
        assert "removed what 2 killed gateways had left" in alive.log()
        kept += new(kept)
        killed = make("killed").start()
        left, = new(kept)
        pids = everything_of(killed)
        os.kill(killed.process.pid, signal.SIGKILL)
        killed.process.wait()
        wait_until(lambda: not any(os.path.exists("/proc/%d" % pid) for pid in pids), "all to end")
        assert (left / "nginx.conf").exists()
        with make("next") as after:
            assert not left.exists()
            assert "removed what 1 killed gateway had left" in after.log()
            assert len(new(kept)) == 1
            alive.routes({"routes": []})
            wait_until(lambda: alive.get("/").status == 404, "the change of the running one")
        assert sorted(shared.iterdir()) == sorted(kept)
    assert (elsewhere / "lock").exists()


def test_nginx_dies(dev):
    gateway = dev(routes=GOOD).start()
    master, = [pid for pid in gateway.children() if b"nginx" in
               pathlib.Path("/proc/%d/cmdline" % pid).read_bytes()]
    os.kill(master, signal.SIGTERM)
    assert gateway.process.wait(20) == 1
    assert "nginx has ended" in gateway.log()


def test_environment_of_the_runner(dev, folder):
    """cmd: PATH, the two variables, and what nginx_config.envs lists; nothing else."""
    script = folder / "runner"
    script.write_text("#!/bin/sh\nenv | cut -d= -f1 >%s/env\nexec %s run --plugin-dir %s\n"
                      % (folder, C_RUNNER, BUILD / "plugins"))
    script.chmod(0o755)
    gateway = dev(config="ext-plugin: {cmd: ['%s']}\nnginx_config: {envs: [A_ONE, A_TWO=2]}\n"
                  % script, environment={"A_ONE": "1", "A_THREE": "3"}).start()
    names = set((folder / "env").read_text().split()) - {"PWD", "OLDPWD", "SHLVL", "_"}
    assert names == {"PATH", "APISIX_LISTEN_ADDRESS", "APISIX_CONF_EXPIRE_TIME", "A_ONE", "A_TWO"}
    gateway.admin("PUT", "routes/1", {"uri": "/x", "plugins": gateway.say("x")})
    assert gateway.get("/x").text == "x"


def test_watch(dev, folder):
    """A plugin that was built anew is live on the next request."""
    source = """
#include <a6/plugin.h>
static a6_result answer(a6_request *req, void *conf)
{
    (void)conf;
    a6_answer(req, 200);
    a6_answer_write(req, A6_STR("%s"));
    return A6_OK;
}
static const a6_plugin plugin = {A6_PLUGIN_HEADER, .name = "watched", .version = "1.0.%d",
                                 .request_filter = answer};
A6_REGISTER(plugin)
"""

    def build(text, number):
        (folder / "watched.c").write_text(source % (text, number))
        subprocess.run([os.environ.get("CC", "cc"), "-shared", "-fPIC", "-I", ROOT / "include",
                        folder / "watched.c", "-o", folder / "new.so"], check=True)
        (folder / "new.so").rename(folder / "watched.so")

    build("one", 1)
    gateway = dev("--plugin", str(folder / "watched.so"), "--watch").start()
    gateway.admin("PUT", "routes/1", {"uri": "/w", "plugins": {
        "ext-plugin-pre-req": {"conf": [{"name": "watched", "value": ""}]}}})
    assert gateway.get("/w").text == "one"
    build("two", 2)
    end = time.monotonic() + 20
    while gateway.get("/w").text != "two":
        assert time.monotonic() < end, gateway.log()
        time.sleep(0.02)
    gateway.logged("200 GET /w ")
    assert not [line for line in gateway.log().splitlines() if re.search("5.. GET /w ", line)]
    plugins = {p["name"]: p for p in gateway.get("/_dev/state").json["plugins"]}
    assert plugins["watched"]["version"] == "1.0.2"

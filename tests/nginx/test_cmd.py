# SPDX-License-Identifier: Apache-2.0
"""ext_plugin_cmd: nginx starts the runner, keeps it running, and takes it along."""
import os
import pathlib
import signal
import threading
import time

import pytest
from nginx_rig import HERE, wait_for
from conf_lines import pre_req

SCRIPT = """\
#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
import os, signal, sys, threading
sys.path.insert(0, %r)
from fake_runner import Runner, write_stop
path = os.environ["APISIX_LISTEN_ADDRESS"][len("unix:"):]
%s
print("started", sys.argv[1:], sorted(os.environ), flush=True)
print("to stderr", file=sys.stderr, flush=True)
sys.stdout.write("unfinished")
sys.stdout.flush()
runner = Runner(path, lambda call: write_stop(call.id, 200, None, str(os.getpid())))
sys.stdin.read()
print("stdin has ended", flush=True)
"""


def script(nginx, more=""):
    path = nginx.root / "fake"
    path.write_text(SCRIPT % (str(HERE), more))
    path.chmod(0o755)
    return path


def start(nginx, cmd, more="connect_timeout=20s", workers=2, server="", main="", plugin=None):
    nginx.start(workers=workers, main="ext_plugin_cmd %s;%s" % (cmd, main),
                http="ext_plugin_runner unix:%s/r.sock %s;" % (nginx.root, more),
                server=server or plugin or "ext_plugin_pre_req say '{\"body\": \"hello\"}';")


def alive(pid):
    try:
        state = pathlib.Path("/proc/%d/stat" % pid).read_text().rsplit(")", 1)[1].split()[0]
        return state != "Z"
    except OSError:
        return False


def sockets(nginx):
    return [p.name for p in nginx.root.iterdir() if p.is_socket()]


def test_a_fake_runner(nginx):
    os.environ["MINE"] = "yes"
    os.environ["OTHER"] = "no"
    start(nginx, "%s a 'b c'" % script(nginx), main="env MINE; env SET=1;")
    pid = int(nginx.get("/").body)
    assert alive(pid)
    wait_for(lambda: "to stderr" in nginx.log())
    line = next(x for x in nginx.log().splitlines() if "started [" in x)
    assert "[warn]" in line and "ext_plugin_cmd: %d: started ['a', 'b c']" % pid in line
    assert ("['APISIX_CONF_EXPIRE_TIME', 'APISIX_LISTEN_ADDRESS', 'LC_CTYPE', 'MINE', 'PATH',"
            " 'SET']") in line or "'MINE', 'PATH', 'SET']" in line
    assert os.readlink("/proc/%d/fd/0" % pid).startswith("pipe:")
    descriptors = set(os.listdir("/proc/%d/fd" % pid))
    links = [os.readlink("/proc/%d/fd/%s" % (pid, fd)) for fd in descriptors]
    assert not [x for x in links if "eventpoll" in x or "nginx" in x or "access.log" in x], links
    nginx.stop(signal.SIGQUIT)
    wait_for(lambda: not alive(pid))
    assert sockets(nginx) == []
    assert "unfinished" in nginx.log()


def test_restart(nginx):
    start(nginx, str(script(nginx)))
    before = int(nginx.get("/").body)
    for _ in range(3):
        os.kill(before, signal.SIGKILL)
        after = int(nginx.get("/").body)  # waits for the next one
        assert after != before
        before = after
    assert "was ended by signal 9, starting" in nginx.log()


def test_backoff(nginx):
    path = nginx.root / "bad"
    path.write_text("#!/bin/sh\necho bad luck\nexit 3\n")
    path.chmod(0o755)
    start(nginx, str(path), "connect_timeout=300ms")
    assert nginx.get("/").status == 503
    time.sleep(1.0)
    starts = nginx.log().count("started \"")
    assert 3 <= starts <= 6, starts
    assert nginx.log().count("bad luck") >= 3
    assert "exited with code 3, starting" in nginx.log()
    begun = time.monotonic()
    nginx.stop(signal.SIGQUIT)
    assert time.monotonic() - begun < 9  # it does not wait for the next try


def test_no_socket_is_left_by_one_that_crashed(nginx):
    path = nginx.root / "bad"
    path.write_text("#!/usr/bin/python3\nimport os, socket\ns = socket.socket(socket.AF_UNIX)\n"
                    "s.bind(os.environ['APISIX_LISTEN_ADDRESS'][5:])\nos._exit(3)\n")
    path.chmod(0o755)
    start(nginx, str(path))
    wait_for(lambda: nginx.log().count("exited with code 3") >= 3)
    nginx.stop(signal.SIGQUIT)  # before the next start
    assert sockets(nginx) == []


def test_one_that_does_not_want_to_stop(nginx):
    start(nginx, str(script(nginx, "signal.signal(signal.SIGTERM, signal.SIG_IGN)")), workers=1)
    pid = int(nginx.get("/").body)
    begun = time.monotonic()
    nginx.stop()
    assert 0.9 < time.monotonic() - begun < 20
    assert not alive(pid)


def test_nothing_stays_when_nginx_is_killed(nginx):
    nginx.expect_alerts = True
    start(nginx, str(script(nginx)))
    pid = int(nginx.get("/").body)
    workers = nginx.workers()
    nginx.process.kill()
    nginx.process.wait()
    for worker in workers:
        os.kill(worker, signal.SIGKILL)
    wait_for(lambda: not alive(pid), what="the runner's end")
    nginx.process = None


def test_the_worker_that_owns_it_is_killed(nginx):
    nginx.expect_alerts = True
    start(nginx, str(script(nginx)))
    pid = int(nginx.get("/").body)
    owner = int(pathlib.Path("/proc/%d/stat" % pid).read_text().rsplit(")", 1)[1].split()[1])
    assert owner in nginx.workers()
    os.kill(owner, signal.SIGKILL)
    wait_for(lambda: not alive(pid), what="the old runner's end")
    answer = wait_for(lambda: nginx.get("/"))
    assert answer.status == 200 and int(answer.body) != pid


@pytest.mark.parametrize("main, http, error", [
    ("ext_plugin_cmd /none;", "ext_plugin_runner unix:/tmp/x;", "cannot be run"),
    ("ext_plugin_cmd /usr;", "ext_plugin_runner unix:/tmp/x;", "it is not a file"),
    ("ext_plugin_cmd /bin/true;", "", "needs an \"ext_plugin_runner\""),
    ("ext_plugin_cmd /bin/true; ext_plugin_cmd /bin/true;", "ext_plugin_runner unix:/tmp/x;",
     "is duplicate"),
    ("ext_plugin_cmd /bin/true;", "ext_plugin_runner unix:/%s;" % ("x" * 100), "is too long"),
], ids=range(5))
def test_configuration_errors(nginx, main, http, error):
    nginx.expect_alerts = True
    nginx.configure(main=main, http=http, server="ext_plugin_pre_req x;" if http else " ")
    code, said = nginx.test()
    assert code != 0 and error in said, said


# ---- with our own runner ----

class Load:
    """Asks without a pause, on connections that are kept."""

    def __init__(self, nginx, clients=4, expect=b"hello", path="/"):
        self.nginx, self.expect, self.path = nginx, expect, path
        self.done, self.bad, self.running = 0, [], True
        self.threads = [threading.Thread(target=self.run) for _ in range(clients)]
        for t in self.threads:
            t.start()

    def run(self):
        request = ("GET %s HTTP/1.1\r\nHost: t\r\n\r\n" % self.path).encode()
        s = None
        while self.running:
            try:
                if s is None:
                    s = self.nginx.connect()
                    f = s.makefile("rb")
                s.sendall(request)
                status = f.readline()
                if not status:  # nginx closed an idle connection: a reload does that
                    s = None
                    continue
                headers = {}
                while (line := f.readline()) not in (b"\r\n", b""):
                    name, _, value = line.partition(b":")
                    headers[name.lower()] = value.strip()
                body = f.read(int(headers.get(b"content-length", 0)))
                if b" 200 " in status and body == self.expect:
                    self.done += 1
                else:
                    self.bad.append(status + body[:50])
                if headers.get(b"connection") == b"close":
                    s.close()
                    s = None
            except OSError:
                s = None

    def stop(self):
        self.running = False
        for t in self.threads:
            t.join()
        return self.done, self.bad


def test_c_runner(nginx, c_runner):
    start(nginx, "%s run" % c_runner)
    r = nginx.get("/")
    assert (r.status, r.body) == (200, b"hello")
    assert "c-runner" in nginx.log()


def test_reloads_under_load_lose_no_request(nginx, c_runner):
    start(nginx, "%s run" % c_runner)
    load = Load(nginx)
    wait_for(lambda: load.done > 20)
    for i in range(5):
        nginx.reload()
        time.sleep(0.3)
    done, bad = load.stop()
    assert not bad, (done, bad[:5], nginx.log()[-3000:])
    assert done > 200
    wait_for(lambda: len(sockets(nginx)) == 1, what="one socket: %s" % sockets(nginx))


def test_a_reload_leaves_the_old_runner_to_old_requests(nginx, upstream, c_runner):
    """An old worker that still has a request to finish finds its runner."""
    upstream.answer = lambda *request: (time.sleep(1.5), b"HTTP/1.1 200 OK\r\n\r\nslow")[1]
    start(nginx, "%s run" % c_runner, server="""location / { %s
        ext_plugin_post_resp response-rewrite '{"status": 202}';
        proxy_pass http://127.0.0.1:%d; }""" % ("", upstream.port))
    results = []
    threads = [threading.Thread(target=lambda: results.append(nginx.get("/").status))
               for _ in range(6)]
    for t in threads:
        t.start()
    wait_for(lambda: len(upstream.requests) == 6)
    nginx.reload()
    for t in threads:
        t.join()
    assert results == [202] * 6, nginx.log()[-3000:]
    wait_for(lambda: len(sockets(nginx)) == 1)


def test_kill_9_of_the_runner_under_load(nginx, c_runner):
    start(nginx, "%s run" % c_runner)
    load = Load(nginx)
    wait_for(lambda: load.done > 20)
    for i in range(4):
        pid = int([x for x in nginx.log().splitlines() if "started \"" in x][-1]
                  .split("process ")[1].split(",")[0])
        os.kill(pid, signal.SIGKILL)
        time.sleep(0.8)
    before = load.done
    wait_for(lambda: load.done > before + 20, what="service after the last kill")
    done, bad = load.stop()
    # only calls that the runner had read are lost
    assert len(bad) <= 4 * 4, bad[:5]
    assert all(b" 503 " in b for b in bad)


def test_reload_to_another_command_and_to_none(nginx, c_runner, runner):
    start(nginx, "%s run" % c_runner)
    assert nginx.get("/").body == b"hello"
    nginx.configure(http="ext_plugin_runner unix:%s;" % runner.path,
                    server=pre_req({"stop": {"body": "fake"}}))
    nginx.reload()
    wait_for(lambda: nginx.get("/").body == b"fake")
    wait_for(lambda: sockets(nginx) == ["runner.sock"])

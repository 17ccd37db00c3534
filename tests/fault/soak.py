#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Everything at once, for a while, and then: is anything lost, left over or grown?

    make soak MINUTES=10
    tests/fault/soak.py [MINUTES] [SEED]

Two runners get the same load: calls that never pause, new confs, large bodies, peers that
are slow, half or deaf, connections that come and go. The one in the storm is also reloaded,
has plugins that crash in every way and that hang, has its workers killed and its log moved
away, and is taken over by its successor now and then. The calm one runs on, so that what it
has at the end can be compared with what it had at the beginning.

Ends with a table, and with 1 if a promise was not kept. A seed repeats the dice, not the
times.
"""
import os
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "integration"), str(HERE.parent / "support")]

import a6wire as wire  # noqa: E402
import harness  # noqa: E402
from faults import NO_HANDLERS, alive, build, workers  # noqa: E402
from harness import Closed, Conn, Gateway, wait_until  # noqa: E402
from load import Load  # noqa: E402

CONNECTIONS = 8  # of a load; each runner has two
CRASHES = ("segv", "null", "abort", "divide", "overflow", "heap", "exit", "_exit", "throw",
           "thread", "parse segv", "parse abort")
HANGS = ("deadlock", "deadlock", "deadlock", "spin")
DEADLINE_MS = 2000
BODY = b"0123456789abcdef" * (8 << 16)  # 8 MiB
# On a machine that has many times more to do than it can, this says nothing of the runner.
STOP_MOST_MS = 900
OVERLOADED = 4  # that want to run, for each CPU
# The allocator keeps some for each thread, which comes and goes; a leak does not go.
GROWTH_MOST_KIB = 16 * 1024


# In a process of its own: with many threads here, the end would be seen late.
STOP = """
import os, select, signal, sys, time
pid = int(sys.argv[1])
end = select.poll()
end.register(os.pidfd_open(pid), select.POLLIN)
begun = time.monotonic()
os.kill(pid, signal.SIGTERM)
end.poll()
print(int((time.monotonic() - begun) * 1000))
"""


class Tally:
    def __init__(self):
        self.lock = threading.Lock()
        self.counts = {}

    def add(self, name, n=1):
        with self.lock:
            self.counts[name] = self.counts.get(name, 0) + n

    def most(self, name, value):
        with self.lock:
            self.counts[name] = max(self.counts.get(name, 0), value)

    def __getitem__(self, name):
        return self.counts.get(name, 0)


def status_kib(pid, field):
    for line in open("/proc/%d/status" % pid):
        if line.startswith(field + ":"):
            return int(line.split()[1])
    return 0


def descriptors(pid):
    return len(os.listdir("/proc/%d/fd" % pid))


class Site:
    """One runner with its load. A successor may take its place."""

    def __init__(self, name, folder, plugins, *args):
        self.name, self.folder, self.plugins = name, folder, plugins
        self.args = ("--log-level", "warn", "--deadline", "%dms" % DEADLINE_MS,
                     "--frame-timeout", "1s", "--conf-store", folder / "confs", *args)
        self.environment = {**NO_HANDLERS, "APISIX_CONF_EXPIRE_TIME": "20"}
        self.path = folder / "runner.sock"
        self.tally = Tally()
        self.lock = threading.Lock()
        self.runner = self.begin()
        self.loads = [Load(self.runner, CONNECTIONS, expected=(b"one", b"two"), key="route#load"),
                      Load(self.runner, CONNECTIONS, conf=[("innocent", "nap")], key="route#nap",
                           expected=(b"one", b"two"))]

    def begin(self, *args):
        runner = harness.Runner(self.folder, self.plugins, *self.args, *args, ready=False,
                                environment=self.environment, socket_path=self.path)
        wait_until(lambda: "is ready" in runner.output() or runner.process.poll() is not None
                   or self.owner() == runner.pid, "the start of " + self.name)
        wait_until(lambda: self.owner() == runner.pid, "the socket of " + self.name)
        return runner

    def owner(self):
        """Who answers at the path."""
        try:
            with Conn(self.path) as conn:
                credentials = conn.sock.getsockopt(1, 17, 12)  # SOL_SOCKET, SO_PEERCRED
                return int.from_bytes(credentials[:4], sys.byteorder)
        except OSError:
            return None

    def deaths(self):
        """Of workers, as the log has them."""
        logs = [*self.folder.glob("log.*"), *self.folder.glob("runner.log"),
                *self.folder.glob("*.out")]
        return sum(log.read_text(errors="replace").count("calls in flight are lost")
                   for log in logs)

    def end(self, runner):
        """Stops it as the gateway does; what it left behind is complained of later."""
        pids = runner.pids()
        done = subprocess.run([sys.executable, "-c", STOP, str(runner.pid)], check=True,
                              stdout=subprocess.PIPE)
        self.tally.most("longest stop", int(done.stdout))
        runner.wait_exit()
        if any(map(alive, pids)):
            self.tally.add("orphans")
        if runner.process.returncode != 0:
            self.tally.add("stops with a bad status")
        self.tally.add("sanitizer reports", len(harness.SANITIZER_REPORT.findall(runner.output())))

    # ---- what a gateway and its clients do; a call may be refused, never answered wrongly ----

    def conversation(self, talk, *args):
        try:
            with Conn(self.path) as conn:
                talk(conn, *args)
        except (Closed, OSError):
            self.tally.add("conversations ended by a crash")

    def churn_confs(self):
        def talk(conn):
            for _ in range(20):
                number = random.getrandbits(60)
                token = conn.prepare_conf([("innocent", "conf %d" % number)], "route#%d" % number)
                self.check(conn.req_call(token))
                self.tally.add("confs")
        self.conversation(talk)

    def check(self, reply):
        if isinstance(reply, wire.Error):
            self.tally.add("refused here")
        elif reply.body not in (b"one", b"two"):
            self.tally.add("wrong here")

    def send_bodies(self):
        def talk(conn):
            conf = '{"filters": [{"regex": "^0", "replace": "1"}]}'
            token = conn.prepare_conf([("response-rewrite", conf)], "route#body")
            reply = conn.resp_call(token, Gateway(response_body=BODY))
            if not isinstance(reply, wire.Error) and reply.body != b"1" + BODY[1:]:
                self.tally.add("wrong here")
            self.tally.add("large bodies")
        self.conversation(talk)

    def be_slow(self):
        def talk(conn):
            frame = wire.frame(wire.PREPARE_CONF, wire.prepare_conf([("innocent", "")], "route#s"))
            for n in range(0, len(frame), 7):
                conn.send_bytes(frame[n:n + 7])
                time.sleep(0.005)
            conn.receive()
            conn.send_bytes(b"\x02\x00\x10\x00half")
            conn.wait_closed()
            self.tally.add("slow and half peers")
        self.conversation(talk)

    def be_deaf(self):
        def talk(conn):
            token = conn.prepare_conf([("innocent", "ok")], "route#deaf")
            calls = wire.frame(wire.HTTP_REQ_CALL, wire.req_call(token, id=1)) * 100
            conn.sock.setblocking(False)
            try:
                while True:
                    conn.sock.send(calls)
            except BlockingIOError:
                self.tally.add("deaf peers")
            time.sleep(1.5)
        self.conversation(talk)

    def come_and_go(self):
        try:
            conns = [Conn(self.path) for _ in range(200)]
        except OSError:
            self.tally.add("failed connects")
            return
        for conn in conns:
            conn.close()
        self.tally.add("idle connections", len(conns))

    # ---- what plugins and operators do ----

    def commit(self, fault):
        with Conn(self.path) as conn:
            token = conn.prepare_conf([("faults", fault)], "route#" + fault)
            return conn.req_call(token, id=random.getrandbits(20))

    def crash(self):
        try:
            self.commit(random.choice(CRASHES))
        except (Closed, OSError):
            self.tally.add("crashes")

    def hang(self):
        try:
            if self.commit(random.choice(HANGS)) == wire.Error(wire.SERVICE_UNAVAILABLE):
                self.tally.add("hangs")
        except (Closed, OSError):
            pass  # its worker was killed meanwhile

    def kill(self):
        with self.lock:
            for pid in workers(self.runner)[:1]:
                try:
                    os.kill(pid, signal.SIGKILL)
                    self.tally.add("kills")
                except ProcessLookupError:
                    pass

    def reload(self):
        with self.lock:
            self.runner.signal(signal.SIGHUP)
        self.tally.add("reloads")

    def replace_file(self):
        version = random.choice(("one", "two"))
        new = self.plugins / "faults.new"
        new.write_bytes((self.plugins / version / "faults.so").read_bytes())
        new.rename(self.plugins / "faults.so")
        self.tally.add("new plugin files")

    def rotate_log(self):
        self.tally.add("logs moved away")
        (self.folder / "runner.log").rename(self.folder / ("log.%d" % self.tally["logs moved away"]))
        with self.lock:
            self.runner.signal(signal.SIGUSR1)

    def take_over(self):
        with self.lock:
            old, self.runner = self.runner, self.begin("--takeover")
            self.end(old)
        self.tally.add("takeovers")


class Weather:
    """Does each thing again and again, with pauses around `seconds`, each in a thread."""

    def __init__(self):
        self.stopping = threading.Event()
        self.threads = []
        self.errors = []

    def every(self, seconds, action):
        def run():
            dice = random.Random(random.getrandbits(64))
            while not self.stopping.wait(seconds * dice.uniform(0.5, 1.5)):
                try:
                    action()
                except Exception as error:  # any is a promise that was not kept
                    self.errors.append("%s: %r" % (action.__name__, error))
        self.threads.append(threading.Thread(target=run, daemon=True))
        self.threads[-1].start()

    def end(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join()


def begin_weather(storm, calm):
    weather = Weather()
    for site in storm, calm:
        weather.every(0.3, site.churn_confs)
        weather.every(3, site.send_bodies)
        weather.every(1, site.be_slow)
        weather.every(5, site.be_deaf)
        weather.every(2, site.come_and_go)
    weather.every(4, storm.reload)
    weather.every(3, storm.crash)
    weather.every(7, storm.kill)
    weather.every(6, storm.hang)
    weather.every(11, storm.replace_file)
    weather.every(10, storm.rotate_log)
    return weather


def watch_weather(storm, seconds):
    """The takeovers are made here: a runner ends with the thread that started it."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(min(random.uniform(10, 40), max(end - time.monotonic(), 0)))
        if time.monotonic() < end:
            storm.take_over()


class Grown:
    """What the processes of the calm runner have, at one time and at a later one."""

    def __init__(self, runner):
        worker, = workers(runner)
        self.pids = {"supervisor": runner.pid, "worker": worker}
        self.first = self.look()

    def look(self):
        return {name: (status_kib(pid, "RssAnon"), descriptors(pid), threads(pid))
                for name, pid in self.pids.items()}


def threads(pid):
    return len(os.listdir("/proc/%d/task" % pid))


def rows_of(site):
    total = {name: sum(getattr(load, name) for load in site.loads)
             for name in ("answered", "lost", "refused", "unconnected", "prepared_again")}
    wrong = sum(len(load.wrong) for load in site.loads) + site.tally["wrong here"]
    yield "calls answered", total["answered"]
    yield "calls lost", total["lost"]
    yield "  workers that died (at most %d each)" % (2 * CONNECTIONS), site.deaths()
    yield "calls refused", total["refused"] + site.tally["refused here"]
    yield "answers that were wrong", wrong
    yield "failed connects", total["unconnected"] + site.tally["failed connects"]
    yield "longest call, ms", int(1000 * max(load.longest for load in site.loads))
    yield "longest stop, ms", site.tally["longest stop"]
    for name in ("confs", "large bodies", "slow and half peers", "deaf peers", "idle connections",
                 "reloads", "new plugin files", "crashes", "hangs", "kills", "takeovers",
                 "logs moved away"):
        yield name, site.tally[name]


def judge(site):
    """Sentences about what was promised and not kept."""
    rows = {name.strip(): value for name, value in rows_of(site)}
    lost = sum(load.lost for load in site.loads)
    if lost > site.deaths() * 2 * CONNECTIONS:
        yield "%s: %d calls lost with %d workers" % (site.name, lost, site.deaths())
    for name in ("answers that were wrong", "failed connects", "calls refused"):
        if rows[name]:
            yield "%s: %s: %d" % (site.name, name, rows[name])
    for load in site.loads:
        yield from ("%s: %s" % (site.name, wrong) for wrong in load.wrong[:3])
    for name in "orphans", "stops with a bad status", "sanitizer reports":
        if site.tally[name]:
            yield "%s: %s: %d" % (site.name, name, site.tally[name])
    overloaded = os.getloadavg()[1] > OVERLOADED * os.cpu_count()
    if rows["longest stop, ms"] > STOP_MOST_MS and not overloaded and not harness.sanitized():
        yield "%s: a stop took %d ms" % (site.name, rows["longest stop, ms"])


def judge_growth(first, last):
    for name, (kib, files, tasks) in last.items():
        if kib - first[name][0] > GROWTH_MOST_KIB and not harness.sanitized():
            yield "the calm %s has grown from %d to %d KiB" % (name, first[name][0], kib)
        # A conversation may be under way in either look.
        if files > first[name][1] + 8 or (name == "supervisor" and files > first[name][1]):
            yield "the calm %s has %d descriptors and had %d" % (name, files, first[name][1])


def show(storm, calm, grown, last):
    print("%-40s %12s %12s" % ("", storm.name, calm.name))
    for (name, one), (_, other) in zip(rows_of(storm), rows_of(calm)):
        print("%-40s %12d %12d" % (name, one, other))
    for name, (kib, files, tasks) in last.items():
        before = grown.first[name]
        print("%-40s %12s %12d" % ("calm %s, KiB of its own" % name, before[0], kib))
        print("%-40s %12s %12d" % ("calm %s, descriptors" % name, before[1], files))
        print("%-40s %12s %12d" % ("calm %s, threads" % name, before[2], tasks))


def soak(seconds, folder):
    plugins = {}
    for name in "storm", "calm":
        plugins[name] = folder / name / "plugins"
        for version in "one", "two":
            (plugins[name] / version).mkdir(parents=True)
            build(plugins[name] / version / "faults.so", version, '-DFAULTS_ALONE="faults"')
        build(plugins[name] / "faults.so", "one", '-DFAULTS_ALONE="faults"')
        build(plugins[name] / "innocent.so", "one", '-DFAULTS_ALONE="innocent"')
    storm = Site("storm", folder / "storm", plugins["storm"], "--workers", "2", "--watch",
                 "--max-calls", "100000", "--log-file", folder / "storm" / "runner.log")
    calm = Site("calm", folder / "calm", plugins["calm"])
    weather = begin_weather(storm, calm)
    watch_weather(storm, seconds / 4)  # until confs expire and buffers have their size
    grown = Grown(calm.runner)
    watch_weather(storm, seconds * 3 / 4)
    weather.end()
    for site in storm, calm:
        for load in site.loads:
            load.stop()
    time.sleep(2)  # the last deaf peer is given up
    last = grown.look()
    for site in storm, calm:
        site.end(site.runner)
    show(storm, calm, grown, last)
    return [*weather.errors, *judge(storm), *judge(calm), *judge_growth(grown.first, last)]


def main():
    minutes = float(sys.argv[1]) if len(sys.argv) > 1 else 10
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.getrandbits(32)
    random.seed(seed)
    harness.raise_descriptor_limit()
    print("%g minutes, seed %d, %s" % (minutes, seed, harness.C_RUNNER), flush=True)
    with tempfile.TemporaryDirectory(prefix="soak-") as name:
        complaints = soak(minutes * 60, pathlib.Path(name))
    for complaint in complaints:
        print("NOT KEPT: " + complaint)
    print("All promises were kept." if not complaints else "%d complaints" % len(complaints))
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())

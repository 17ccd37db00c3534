# SPDX-License-Identifier: Apache-2.0
"""What is measured other than as a ratio of load to the floor.

Each function gives a list of facts: title, measured (text), value, target, met.
"""
import statistics
import time

from figures import figures, ratios, spread
from rows import SAY

IDLE_SECONDS = 5
EXPIRE_SECONDS = 4
MANY_CONFS = ["--mode", "conf", "--calls", "100000", *SAY]


def fact(title, value, unit, target=None, met=None):
    shown = f"{value:,.2f}" if isinstance(value, float) else f"{value:,}"
    entry = {"title": title, "value": value, "measured": f"{shown} {unit}".strip()}
    if target is not None:
        entry.update(target=target, met=met)
    return entry


def ratio_fact(title, ratio, of, most=None):
    """A ratio of rounds (a spread), which is to be at most so much."""
    entry = {"title": title, "value": ratio["median"],
             "measured": f"{ratio['median']:,.2f} × {of} ({ratio['low']:.2f}–{ratio['high']:.2f})"}
    if most is not None:
        entry.update(target=f"at most {most:g} ×", met=ratio["median"] <= most)
    return entry


def blocking(bench):
    """1 % of the calls sleep 50 ms: what the others notice."""
    found = []
    common = ["-c", "64", "--rate", "15000", *SAY]
    for plugin, title in (("bench-sleep-declared", "declared"), ("bench-sleep", "undeclared")):
        without, with_sleep = [], []
        with bench.ours() as server:
            for _ in range(bench.options.rounds):
                for values, more in ((without, []), (with_sleep, ["--also", "1:" + plugin])):
                    runner = bench.load([server], common + more, rounds=1)[0]
                    values.append(float("inf") if runner["errors"]
                                  else runner["rounds"][0]["latency_us"]["p99"])
        ratio = spread(ratios(with_sleep, without))
        entry = ratio_fact(f"1 % of calls sleep 50 ms, {title}: p99 of the others", ratio,
                           "of without", 2)
        entry["measured"] += (f", {statistics.median(without):.0f} → "
                              f"{statistics.median(with_sleep):.0f} µs")
        found.append(entry)
    return found


def scaling(bench):
    """Four loops, and four workers, against one loop at 512 connections."""
    arguments = ["-c", "512", "--expect", "stop", *SAY]
    servers = [bench.ours("--threads 1", "one"), bench.ours("--threads 4", "loops"),
               bench.ours("--threads 1 --workers 4", "workers")]
    try:
        for server in servers:
            server.start()
        one, *others = [figures(r)["cpu_us_per_call"] for r in bench.load(servers, arguments)]
    finally:
        for server in servers:
            server.stop()
    return [ratio_fact(f"512 connections, 4 {name}: CPU per call", spread(ratios(values, one)),
                       "of one loop", 1.1)
            for values, name in zip(others, ("loops", "workers"))]


def conf_memory(bench):
    """100,000 confs are given back after they expired."""
    environment = {"APISIX_CONF_EXPIRE_TIME": str(EXPIRE_SECONDS)}
    with bench.ours(environment=environment) as server:
        before = server.memory_kib()[1]
        bench.load([server], MANY_CONFS, rounds=1)
        full = server.memory_kib()[1]
        time.sleep(EXPIRE_SECONDS * 1.2 + 5)
        bench.load([server], ["--mode", "conf", "--calls", "10", *SAY], rounds=1)
        time.sleep(1)
        left = server.memory_kib()[1]
    return [fact("100,000 confs: memory", (full - before) / 1024, "MiB", "under 64 MiB",
                 full - before < 64 * 1024),
            fact("100,000 confs: memory kept after they expired", (left - before) / 1024, "MiB",
                 "given back", left - before < (full - before) / 4)]


def conf_rate(bench):
    """100,000 confs that an empty runner has not seen, again and again: its memory and its
    index grow meanwhile, which the row of the same calls has behind it."""
    ours, floor = [], []
    for _ in range(bench.options.rounds):
        for values, server in ((floor, bench.floor("stop")), (ours, bench.ours())):
            with server:
                runner = bench.load([server], MANY_CONFS, rounds=1)[0]
                values.append(runner["rounds"][0]["cpu_us_per_call"])
    return [ratio_fact("100,000 distinct confs into an empty runner: CPU per call",
                       spread(ratios(ours, floor)), "the floor's")]


def confs(bench):
    return conf_rate(bench) + conf_memory(bench)


def start(bench):
    """From exec to the first answer, with all our plugins; others for comparison."""
    found = []
    for server in [bench.floor("stop"), bench.ours(), *bench.peers()]:
        times = []
        for _ in range(10):
            times.append(server.start() * 1000)
            server.stop()
        value = statistics.median(times)
        ours = server.name == "c-runner"
        found.append(fact(f"start to first answer, {server.name}", value, "ms",
                          "under 10 ms" if ours else None, value < 10 if ours else None))
    return found


def idle(bench):
    found = []
    for server in [bench.ours(), *bench.peers()]:
        with server:
            time.sleep(1)
            before = server.wakeups()
            time.sleep(IDLE_SECONDS)
            wakeups = server.wakeups() - before
            private = server.memory_kib()[0] / 1024
            ours = server.name == "c-runner"
            found += [fact(f"idle: wake-ups in {IDLE_SECONDS} s, {server.name}", wakeups, "",
                           "0" if ours else None, wakeups == 0 if ours else None),
                      fact(f"idle: private memory, {server.name}", private, "MiB",
                           "under 4 MiB" if ours else None, private < 4 if ours else None)]
    return found


def connections(bench):
    """10,000 connections that say nothing."""
    with bench.ours() as server:
        held = []
        try:
            threads = server.threads()
            while len(held) < 10000:
                connection = server.connect()
                if not connection:
                    break
                held.append(connection)
            time.sleep(1)
            memory = server.memory_kib()[1] / 1024
            more = server.threads() - threads
        finally:
            for connection in held:
                connection.close()
    return [fact("10,000 idle connections: connected", len(held), "", "10,000",
                 len(held) == 10000),
            fact("10,000 idle connections: memory", memory, "MiB", "under 64 MiB", memory < 64),
            fact("10,000 idle connections: further threads", more, "", "0", more == 0)]


FACTS = [("blocking", blocking), ("scaling", scaling), ("confs", confs), ("start", start),
         ("idle", idle), ("connections", connections)]

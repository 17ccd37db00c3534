#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Measures nginx with its module and the runner: `make bench-nginx`.

Each row is a location of one nginx with one worker, loaded by wrk with 32 connections.
What is told is the CPU time per request of nginx and of the runner with all its
processes, from /proc, and, as the figure that means the same on every machine, the ratio
of their sum to nginx's own `return 200` of the same round. Rounds alternate between the
rows; figures are medians. Results go to BUILD/bench/nginx.json and nginx.md.

usage: bench/nginx.py [--build DIR] [--seconds N] [--rounds N] [--connections N]
"""
import argparse
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent

sys.path.insert(0, str(ROOT / "tests" / "support"))
from ports import free_ports  # noqa: E402

# name, path, what it is
ROWS = [
    ("return", "/return", "nginx alone: `return 200`"),
    ("say", "/say", "the plugin `say` answers in pre_req"),
    ("proxy", "/proxy", "proxy_pass with keepalive, no plugin"),
    ("proxy+pre", "/proxy-pre", "the same, and a plugin in pre_req that does nothing"),
    ("proxy+resp", "/proxy-resp", "the same, and a plugin in post_resp that does nothing"),
]

# With real APISIX 3.18 and the Go runner, say cost 16 times what nginx's return 200 cost
# on the same machine (about 100 us and 6.2 us).
TARGET = 20 / 6.2

CONFIGURATION = """
load_module {module};
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log error;
daemon off;
{user}
events {{ worker_connections 4096; }}
http {{
    access_log off;
    keepalive_requests 1000000000;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
    ext_plugin_runner unix:{socket} keepalive=64;
    upstream back {{ server 127.0.0.1:{back}; keepalive 64; }}
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    server {{
        listen 127.0.0.1:{port};
        location /return {{ return 200 "hello"; }}
        location /say {{ ext_plugin_pre_req say '{{"body":"hello"}}'; }}
        location /proxy {{ proxy_pass http://back; }}
        location /proxy-pre {{ proxy_pass http://back; ext_plugin_pre_req say '{{}}'; }}
        location /proxy-resp {{
            proxy_pass http://back;
            ext_plugin_post_resp response-rewrite '{{}}';
        }}
    }}
}}
"""

BACK = """
worker_processes 1;
pid {folder}/back.pid;
error_log {folder}/back.log error;
daemon off;
{user}
events {{ worker_connections 4096; }}
http {{
    access_log off;
    keepalive_requests 1000000000;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
    server {{ listen 127.0.0.1:{back}; location / {{ return 200 "hello"; }} }}
}}
"""


def family(pid):
    found = [pid]
    try:
        for task in os.listdir("/proc/%d/task" % pid):
            text = pathlib.Path("/proc/%d/task/%s/children" % (pid, task)).read_text()
            for child in text.split():
                found += family(int(child))
    except OSError:
        pass
    return found


def ticks(pid):
    """User and system time of a process and all below it, in microseconds."""
    total = 0
    for one in family(pid):
        try:
            fields = pathlib.Path("/proc/%d/stat" % one).read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        total += int(fields[11]) + int(fields[12])
    return total * 1e6 / os.sysconf("SC_CLK_TCK")


def load(port, path, connections, seconds):
    out = subprocess.run(["wrk", "-t1", "-c%d" % connections, "-d%ds" % seconds, "--latency",
                          "http://127.0.0.1:%d%s" % (port, path)],
                         capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in out or "Socket errors" in out:
        raise SystemExit("bench/nginx.py: %s did not answer well:\n%s" % (path, out))
    requests = int(re.search(r"(\d+) requests in", out).group(1))
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", out).group(1))
    p99 = re.search(r"99%\s+([\d.]+)(us|ms|s)", out)
    scale = {"us": 1, "ms": 1e3, "s": 1e6}[p99.group(2)]
    return requests, rate, float(p99.group(1)) * scale


def wait_for(family, address, process, what):
    """Until somebody listens there."""
    for _ in range(1000):
        if process.poll() is not None:
            break
        with socket.socket(family) as s:
            try:
                s.connect(address)
                return
            except OSError:
                time.sleep(0.01)
    raise SystemExit("bench/nginx.py: %s did not start" % what)


def measure(args, folder, port, nginx, runner):
    results = {name: [] for name, _, _ in ROWS}
    for name, path, _ in ROWS:
        load(port, path, args.connections, 1)
    for _ in range(args.rounds):
        for name, path, _ in ROWS:
            before = ticks(nginx.pid), ticks(runner.pid)
            requests, rate, p99 = load(port, path, args.connections, args.seconds)
            after = ticks(nginx.pid), ticks(runner.pid)
            results[name].append(((after[0] - before[0]) / requests,
                                  (after[1] - before[1]) / requests, rate, p99))
    return results


def report(results):
    base = [one[0] for one in results["return"]]
    rows = []
    for name, _, what in ROWS:
        nginx, runner, rate, p99 = (statistics.median(column) for column in zip(*results[name]))
        ratio = statistics.median((one[0] + one[1]) / b for one, b in zip(results[name], base))
        rows.append({"row": name, "what": what, "nginx_us": round(nginx, 2),
                     "runner_us": round(runner, 2), "sum_us": round(nginx + runner, 2),
                     "ratio": round(ratio, 2), "per_second": round(rate), "p99_us": round(p99)})
    lines = ["| row | nginx µs | runner µs | sum µs | × return | requests/s | p99 µs |",
             "|---|---|---|---|---|---|---|"]
    for r in rows:
        lines.append("| %(what)s | %(nginx_us).2f | %(runner_us).2f | %(sum_us).2f | %(ratio).2f "
                     "| %(per_second)d | %(p99_us)d |" % r)
    say = next(r for r in rows if r["row"] == "say")
    lines.append("")
    lines.append("say: %.2f times `return 200`; the target is %.2f: %s" % (
        say["ratio"], TARGET, "met" if say["ratio"] <= TARGET else "MISSED"))
    return rows, "\n".join(lines) + "\n", say["ratio"] <= TARGET


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=os.environ.get("A6_BUILD_DIR", ROOT / "build"))
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--connections", type=int, default=32)
    args = parser.parse_args()
    build = pathlib.Path(args.build).resolve()
    for program in ("wrk", "nginx"):
        if not shutil.which(program):
            raise SystemExit("bench/nginx.py: %s is not installed" % program)

    folder = tempfile.mkdtemp(prefix="a6-bench-nginx-")
    port, back = free_ports(2)
    names = {"folder": folder, "socket": folder + "/s", "port": port, "back": back,
             "module": build / "nginx" / "ngx_http_ext_plugin_module.so",
             "user": "user root;" if os.geteuid() == 0 else ""}
    pathlib.Path(folder, "nginx.conf").write_text(CONFIGURATION.format(**names))
    pathlib.Path(folder, "back.conf").write_text(BACK.format(**names))
    environment = dict(os.environ, APISIX_LISTEN_ADDRESS="unix:" + names["socket"],
                       APISIX_CONF_EXPIRE_TIME="3600")
    processes = []

    def start(command, **more):
        process = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL,
                                   stdout=open(folder + "/out", "ab"), stderr=subprocess.STDOUT,
                                   **more)
        processes.append(process)
        return process

    try:
        runner = start([str(build / "c-runner"), "run", "--log-level", "warn"], env=environment)
        wait_for(socket.AF_UNIX, names["socket"], runner, "c-runner")
        for name in ("back", "nginx"):
            nginx = start(["nginx", "-p", folder, "-c", "%s/%s.conf" % (folder, name), "-e",
                           "%s/%s.log" % (folder, name)])
            port = names["back" if name == "back" else "port"]
            wait_for(socket.AF_INET, ("127.0.0.1", port), nginx, name)
        rows, text, met = report(measure(args, folder, names["port"], nginx, runner))
    finally:
        for process in reversed(processes):
            process.send_signal(signal.SIGTERM)
            process.wait()
        shutil.rmtree(folder, ignore_errors=True)

    results = build / "bench"
    results.mkdir(parents=True, exist_ok=True)
    (results / "nginx.json").write_text(json.dumps({"target": TARGET, "rows": rows}, indent=1) + "\n")
    (results / "nginx.md").write_text(text)
    sys.stdout.write(text)
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())

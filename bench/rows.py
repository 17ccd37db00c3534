# SPDX-License-Identifier: Apache-2.0
"""The rows of the benchmark: what is measured, against which floor, and the target.

A target is the largest ratio to the floor that is measured beside it (or to what the
row names), of one figure of `c-runner bench --json`.
"""
from dataclasses import dataclass, field

SAY = ["--plugin", "say", "--conf", '{"body":"hello"}']
MIB = str(1 << 20)


@dataclass
class Row:
    name: str
    title: str
    arguments: list  # of c-runner bench
    floor: str = "stop"  # the floor's reply
    expect: str = None  # what every reply must be; the floor's and ours
    targets: dict = field(default_factory=dict)  # figure: ratio
    per_core: int = 0  # calls/s that the CPU time of one core must be enough for
    peers: bool = False  # other runners can do it too
    check: str = None  # its name in bench/check, for instructions per call


ROWS = [
    Row(f"say-{n}", f"say, {n} connections", ["-c", str(n), *SAY], expect="stop",
        targets={"cpu_us_per_call": 1.25, "p99_us": 1.5}, peers=True, check="say")
    for n in (8, 32, 128, 512)
] + [
    Row("paced", "15,000 calls/s paced, 32 connections",
        ["-c", "32", "--rate", "15000", *SAY], expect="stop",
        targets={"cpu_us_per_call": 1.2}, peers=True),
    Row("one", "one connection, one call at a time", ["-c", "1", *SAY], expect="stop",
        targets={"p50_us": 1.15}, peers=True),
    Row("headers", "3 headers read, one set", ["--plugin", "bench-headers"], floor="rewrite",
        expect="rewrite", targets={"cpu_us_per_call": 1.5}, check="headers"),
    Row("variable", "one variable, declared (floor: one round trip)",
        ["--plugin", "bench-variable"], expect="stop", targets={"cpu_us_per_call": 2.5},
        check="variable"),
    Row("variable-two", "one variable, declared (floor: the same two round trips)",
        ["--plugin", "bench-variable"], floor="variable", expect="stop"),
    Row("variable-asked", "one variable, asked in the filter (floor: one round trip)",
        ["--plugin", "bench-variable-asked"], expect="stop",
        targets={"cpu_us_per_call": 2.5}),
    Row("body", "1 MiB body read and rewritten, 4 connections",
        ["-c", "4", "--plugin", "bench-body", "--body-size", MIB], floor="echo",
        expect="echo", targets={"cpu_us_per_call": 1.5, "p50_us": 1.5}),
    Row("response", "response call unchanged", ["--mode", "resp", "--plugin",
                                                "bench-unchanged"],
        targets={"cpu_us_per_call": 1.25}, check="response"),
    Row("conf", "PrepareConf, distinct confs", ["--mode", "conf", *SAY], per_core=200000,
        peers=True, check="conf"),
]

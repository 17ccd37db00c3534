# SPDX-License-Identifier: Apache-2.0
"""Figures of the rounds that `c-runner bench --json` made, and what they come to."""
import statistics

from report import FIGURES

KEYS = [key for key, _, _ in FIGURES]


def figure(round_, key):
    if key.startswith("p"):
        return round_["latency_us"][key.removesuffix("_us")]
    return round_.get(key)


def figures(runner):
    """The values of each figure, by round; None where a round has none."""
    return {key: [figure(r, key) for r in runner["rounds"]] for key in KEYS}


def ratios(above, below):
    """Round by round: what was measured at the same time is compared."""
    return [a / b if a is not None and b else None for a, b in zip(above, below)]


def spread(values):
    """Median and quartiles; None where there is nothing."""
    values = [v for v in values if v is not None]
    if not values:
        return None
    if len(values) == 1:
        low = high = values[0]
    else:
        low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return {"median": statistics.median(values), "low": low, "high": high}

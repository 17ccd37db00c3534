# SPDX-License-Identifier: Apache-2.0
"""bench/check must refuse what became too slow, and nothing else."""
import pathlib

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


@pytest.fixture(scope="module")
def check(load_script):
    return load_script("bench/check")


@pytest.mark.parametrize("count, failed", [(900, 0), (1000, 0), (1050, 0), (1051, 1), (2000, 1)])
def test_more_than_five_percent_above_fails(check, capsys, count, failed):
    assert check.judge({"say": count, "conf": 10}, {"say": 1000, "conf": 10}) == failed
    assert ("TOO MUCH" in capsys.readouterr().out) == bool(failed)


def test_a_call_without_a_baseline_fails(check):
    assert check.judge({"say": 1000, "new": 1}, {"say": 1000}) == 1


def test_every_call_has_a_baseline(check):
    baseline = check.json.loads((ROOT / "bench/baseline.json").read_text())
    assert set(baseline["calls"]) == set(check.KINDS)

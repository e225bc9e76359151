"""The soak's short form: some seconds of everything at once. The long one is `make soak`."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.faults.soak import KILLS, Orders, banks, soak, written

pytestmark = pytest.mark.faults


def test_killed_all_the_time_it_loses_nothing_and_doubles_nothing(
    dialect: str, tmp_path: Path
) -> None:
    seed = random.randrange(10**6)
    with banks(tmp_path) as source:
        report = soak(Orders(dialect, 5, clients=12, every=0.5, seed=seed), source, tmp_path)
    assert report.violations == [], f"seed {seed}"
    assert report.blows["worker killed"] >= KILLS
    assert report.counts["entries"] >= 100
    assert report.counts["batches"], "nobody asked for a batch"
    assert report.counts["tries that failed"], "nobody noticed that anybody was killed"
    assert f'"seed": {seed}' in written(report, tmp_path / "report").read_text()

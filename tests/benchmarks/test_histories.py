"""A run of the figures of long histories, as short as can be: that they are measured, and right."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.serving import ROOT


def test_pages_and_exports_are_measured_and_nothing_is_unexpected(tmp_path: Path) -> None:
    told = tmp_path / "figures.json"
    words = ["--quick", "--only", "P10,P11,P12a,P12b", "--database", "sqlite", "--json", str(told)]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", *words], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = {each["code"]: each for each in json.loads(told.read_text())["figures"]}
    assert list(found) == ["P10", "P11", "P12a", "P12b", "P13", "P15"]
    usage, page, rate, memory = [found[code] for code in ("P10", "P11", "P12a", "P12b")]
    assert usage["value"] > 0
    assert page["value"] >= page["numbers"]["p50_ms"] > 0
    assert page["numbers"]["requests"] == 200
    assert rate["value"] > 0
    assert rate["numbers"]["rows"] > rate["numbers"]["own_entries"] == 1000
    assert memory["value"] >= 0
    assert "3,000 entries" in done.stdout

"""A run of the figures of long histories, as short as can be: that they are measured, and right."""

from __future__ import annotations

from pathlib import Path

from tests.benchmarks.quick import quick


def test_pages_and_exports_are_measured_and_nothing_is_unexpected(tmp_path: Path) -> None:
    found, printed = quick("P10,P11,P12a,P12b", tmp_path)
    assert list(found) == ["P10", "P11", "P12a", "P12b", "P13", "P15"]
    usage, page, rate, memory = [found[code] for code in ("P10", "P11", "P12a", "P12b")]
    assert usage["value"] > 0
    assert page["value"] >= page["numbers"]["p50_ms"] > 0
    assert page["numbers"]["requests"] == 200
    assert rate["value"] > 0
    assert rate["numbers"]["rows"] > rate["numbers"]["own_entries"] == 1000
    assert memory["value"] >= 0
    assert "3,000 entries" in printed

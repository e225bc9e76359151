"""A run of the benchmarks, as short as can be: that it measures, and finds nothing wrong."""

from __future__ import annotations

from pathlib import Path

from tests.benchmarks.quick import quick


def test_latencies_and_polls_are_measured_and_nothing_is_unexpected(tmp_path: Path) -> None:
    found, _ = quick("P4,P14", tmp_path)
    assert list(found) == ["P4", "P14", "P13", "P15"]
    latency, poll = found["P4"], found["P14"]
    assert latency["value"] == latency["numbers"]["p99_ms"] >= latency["numbers"]["p50_ms"] > 0
    assert latency["numbers"]["peak_per_second"] > 0
    assert poll["numbers"]["requests"] > 0
    assert latency["numbers"]["unexpected"] == poll["numbers"]["unexpected"] == 0

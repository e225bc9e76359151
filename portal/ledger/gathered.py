"""What was found in the parts of an audit, put together as if one had checked all in turn."""

from collections import Counter
from typing import TypeVar

from portal.ledger.findings import KEPT, Difference, Findings, Overdue, Report

Told = TypeVar("Told", Difference, Overdue)


class Gathered:
    """Findings of parts by their place; parts may come in any order. Its memory is flat."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._kept: list[tuple[int, Difference]] = []
        self._overdue: list[tuple[int, Overdue]] = []
        self._found = self._overdue_found = 0

    def add(self, place: int, findings: Findings) -> None:
        """Add what was found in the part at that place."""
        self._counts.update(findings.counts)
        self._found += findings.found
        self._overdue_found += findings.overdue_found
        self._kept = first(self._kept, place, findings.kept)
        self._overdue = first(self._overdue, place, findings.overdue)

    def report(self) -> Report:
        """All that was found, by account and seq; equal ones by what they say."""
        kept = sorted(
            (each for _, each in self._kept),
            key=lambda each: (each.account or "", each.seq or 0, each[2:]),
        )
        overdue = tuple(each for _, each in self._overdue)
        counts = {name: count for name, count in sorted(self._counts.items()) if count}
        return Report(counts, tuple(kept), self._found, overdue, self._overdue_found)


def first(kept: list[tuple[int, Told]], place: int, more: list[Told]) -> list[tuple[int, Told]]:
    """The first thousand in the order of their parts; those of one part as they were found."""
    if not more:
        return kept
    both = kept + [(place, each) for each in more]
    return sorted(both, key=lambda each: each[0])[:KEPT]

"""The figures of docs/performance.md: what each is called, and what it has to reach."""

import math
import operator
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Target:
    """What a figure is, its unit, and the bounds it has to keep: one first, a closer one then."""

    code: str
    says: str
    unit: str
    bound: float | None = None
    then: float | None = None
    is_most: bool = True

    def is_met(self, value: float) -> bool | None:
        """Whether a value keeps the first bound; None where there is none."""
        return None if self.bound is None else self._keeps(value, self.bound)

    def verdicts(self, value: float) -> str:
        """Each bound as text, and whether a value keeps it."""
        sign, bounds = "≤" if self.is_most else "≥", (self.bound, self.then)
        return ", ".join(
            f"{sign} {each:,g} {'met' if self._keeps(value, each) else 'NOT MET'}"
            for each in bounds
            if each is not None
        )

    def _keeps(self, value: float, bound: float) -> bool:
        keeps: Callable[[float, float], bool] = operator.le if self.is_most else operator.ge
        return keeps(value, bound)


HELLO: Final = "× hello"
RATE: Final = "/s"
MILLISECONDS: Final = " ms"
TARGETS: Final = {
    target.code: target
    for target in (
        Target("P1", "signed debit, 64 clients, uniform accounts", HELLO, 3.0, 1.8),
        Target("P2", "signed debit, 64 clients, one hot account", HELLO, 3.0, 1.7),
        Target("P3a", "signed debit, 8 clients", HELLO, 4.0, 2.3),
        Target("P3b", "signed debit, 1 client", HELLO, 6.0, 3.5),
        Target("P4", "signed debit at half of the peak load, p99", MILLISECONDS, 12),
        Target("P5a", "debits in batches of 100, uniform accounts", RATE, 12_000, is_most=False),
        Target("P5b", "debits in batches of 100, one hot account", RATE, 20_000, is_most=False),
        Target("P5c", "debits in batches of 1,000, uniform accounts", RATE, 12_000, is_most=False),
        Target("P5d", "debits in batches of 1,000, one hot account", RATE, 20_000, is_most=False),
        Target(
            "P6a",
            "ledger.post, batches of 1,000, uniform",
            RATE,
            12_000,
            20_000,
            is_most=False,
        ),
        Target(
            "P6b",
            "ledger.post, batches of 1,000, hot",
            RATE,
            12_000,
            20_000,
            is_most=False,
        ),
        Target("P7", "ledger.decide, no database", RATE, 60_000, 100_000, is_most=False),
        Target("P9", "hold + capture against two debits", "×", 1.3, 1.1),
        Target("P10", "usage page, large to small", "×", 1.5),
        Target("P11", "history by filters, p95", MILLISECONDS, 60),
        Target("P12a", "CSV export", RATE, 150_000, is_most=False),
        Target("P12b", "memory of a CSV export", " MB", 40),
        Target("P13", "entries audited, one process a core", RATE, 30_000, 60_000, is_most=False),
        Target("P14", "poll of a page with nothing new (304)", HELLO, 1.3),
        Target("P15", "differences and unexpected answers", "", 0),
        Target("R", "replay of a known key, 64 clients", HELLO),
        Target("L", "as P6, uniform, on the ledger that this left", RATE),
        Target("G", "signed debit without group commit, 64 clients", HELLO),
    )
}


@dataclass(frozen=True)
class Figure:
    """One measured value on one database, with the numbers behind it."""

    target: Target
    database: str
    value: float
    numbers: dict[str, float | int | str]

    @property
    def is_met(self) -> bool | None:
        """Whether it keeps its bound."""
        return self.target.is_met(self.value)


def median(values: Sequence[float]) -> float:
    """The median, or NaN of nothing."""
    return statistics.median(values) if values else math.nan


def quantile(values: Sequence[float], share: float) -> float:
    """The value that `share` of all values do not pass, or NaN of nothing."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else math.nan

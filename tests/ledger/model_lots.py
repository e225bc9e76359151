"""Lots, lines, holds and customers: what the model of the bank keeps.

Plain objects that share no code with the engine; their rules are those of ledger.md. Where it is
silent, what the engine does is written down once, marked "settled".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

PRIORITIES = {"promotion": 10, "rollover": 15, "allocation": 20, "goodwill": 30, "purchase": 50}
PRIORITIES |= {"reinstatement": 15, "import": 40}  # settled
ORDER = ["promotion", "rollover", "allocation", "reinstatement", "goodwill", "import", "purchase"]
Ask = dict[str, Any]
Moves = list[tuple["Lot | None", int, int]]


class NoError(Exception):
    """The bank says no: a code, and the numbers that decided."""

    def __init__(self, code: str, **numbers: Any) -> None:
        super().__init__(code, numbers)
        self.code, self.numbers = code, numbers


@dataclass(eq=False)
class Lot:
    """Credits that came together."""

    origin: str
    effective: int
    expires: int | None
    operations: tuple[str, ...] | None = None
    priority: int = -1
    name: str = ""
    left: int = 0
    pinned: int = 0

    def free(self) -> int:
        return self.left - self.pinned

    def pays(self, operation: str | None, now: int) -> bool:
        live = self.effective <= now and (self.expires is None or now < self.expires)
        return live and (operation is None or not self.operations or operation in self.operations)

    def rank(self) -> tuple[Any, ...]:
        priority = PRIORITIES[self.origin] if self.priority < 0 else self.priority
        last, place = self.expires is None, ORDER.index(self.origin)
        return (priority, last, self.expires or 0, place, self.effective, self.name)


@dataclass(eq=False)
class Line:
    """One line of a statement: what it moved, and both balances after it."""

    kind: str
    reason: str
    at: int
    moves: Moves
    posted: int
    held: int
    about: Ask
    due: int = 0
    name: str = ""
    back: dict[Lot | None, int] = field(default_factory=dict)

    def amount(self) -> int:
        return sum(amount for _, amount, _ in self.moves)


@dataclass(eq=False)
class Hold:
    """Credits set aside for a job, lot by lot."""

    about: Ask
    tariff: Ask
    amount: int
    expires: int
    pins: list[tuple[Lot | None, int]]
    name: str = ""
    captured: int = 0
    status: str = "open"
    end: Line | None = None
    late: Line | None = None


@dataclass(eq=False)
class Customer:
    """One account."""

    anchor: int
    tier: str = ""
    next_tier: str | None = None
    status: str = "active"
    limit: int = 0
    index: int = 0
    start: int = 0
    end: int = 0
    posted: int = 0
    held: int = 0
    changed: int = 0
    revisions: int = 0
    names: tuple[str, str] = ("", "")
    lots: list[Lot] = field(default_factory=list)
    holds: list[Hold] = field(default_factory=list)
    caps: dict[tuple[str, str | None], tuple[int, int]] = field(default_factory=dict)
    lines: list[Line] = field(default_factory=list)

    def burning(self) -> list[Lot]:
        return sorted((lot for lot in self.lots if lot.left), key=Lot.rank)

    def open_holds(self) -> list[Hold]:
        return [hold for hold in self.holds if hold.status == "open"]

    def owed(self) -> int:
        return -sum(amount for line in self.lines for lot, amount, _ in line.moves if lot is None)

    def used(self) -> int:
        """Overdraft that is owed, or that open holds have set aside."""
        pins = (part for hold in self.open_holds() for part in hold.pins)
        return self.owed() + sum(amount for lot, amount in pins if lot is None)

    def due(self) -> int:
        """The earliest instant at which something falls due."""
        lapses = (lot.expires for lot in self.lots if lot.free() and lot.expires is not None)
        return min([self.end, *(hold.expires for hold in self.open_holds()), *lapses])

    def write(self, kind: str, reason: str, at: int, moves: Moves, **about: Any) -> Line:
        """Write a line and move everything by it (law 1: amounts are the sums of moves)."""
        for lot, amount, pinned in moves:
            self.posted, self.held = self.posted + amount, self.held + pinned
            if lot is not None:
                lot.left, lot.pinned = lot.left + amount, lot.pinned + pinned
                assert 0 <= lot.pinned <= lot.left, (kind, reason)
        line = Line(kind, reason, at, moves, self.posted, self.held, about)
        self.lines.append(line)
        line.due = self.due()
        return line

    def give(self, kind: str, reason: str, at: int, n: int, lot: Lot, **about: Any) -> Line:
        """Add a lot; one that may pay for anything repays debt first (§9)."""
        repaid = 0 if lot.operations else min(self.owed(), n)
        self.lots.append(lot)
        moves: Moves = [(lot, n - repaid, 0)]
        return self.write(kind, reason, at, moves + [(None, repaid, 0)] * bool(repaid), **about)

    def take(self, now: int, n: int, operation: str | None) -> list[tuple[Lot | None, int]]:
        """What pays n: lots in burn order, then the overdraft (§5); says no when short (§9)."""
        parts: list[tuple[Lot | None, int]] = []
        for lot in self.burning():
            if lot.pays(operation, now) and lot.free():
                parts.append((lot, lot.free()))
        parts.append((None, self.limit - self.used()))
        spendable = sum(amount for _, amount in parts)
        if spendable < n:
            numbers = {"available": self.posted - self.held, "held": self.held}
            short = n - spendable
            raise NoError(
                "insufficient_credits", required=n, spendable=spendable, shortfall=short, **numbers
            )
        return prefix(parts, n)


def prefix(parts: list[tuple[Lot | None, int]], n: int) -> list[tuple[Lot | None, int]]:
    """The first n credits of parts."""
    found = []
    for lot, amount in parts:
        if min(amount, n):
            found.append((lot, min(amount, n)))
            n -= min(amount, n)
    return found

"""A plain model of one account, which shares no code with the ledger and follows its entries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tests.faults.history import Asked

PRICES = {"generate": (1, 1), "generate.fast": (1, 2), "design": (50, 1)}
ALLOCATIONS = {"free": 1_000, "starter": 30_000, "pro": 100_000, "scale": 500_000}
OVERDRAFTS = {"scale": 50_000}


def price(operation: str, quantity: int) -> int:
    """Credits, rounded up."""
    numerator, denominator = PRICES[operation]
    return -(-quantity * numerator // denominator)


class State(NamedTuple):
    """An account after an entry."""

    posted: int = 0
    held: int = 0
    open_holds: int = 0


@dataclass
class Hold:
    """A hold as the entries so far leave it, and the entry that ended it."""

    operation: str
    quantity: int
    amount: int
    expires_at: int
    captured: int = 0
    status: str = "open"
    placed: int = 0
    rests: set[int] = field(default_factory=set)
    end: Any = None

    @property
    def rest(self) -> int:
        """What it still sets aside."""
        return self.amount - self.captured if self.status == "open" else 0


class Account:
    """The plain model of one account, which follows its entries one by one."""

    def __init__(self, tier: str) -> None:
        self.tier = tier
        self.states = [State()]
        self.holds: dict[str, Hold] = {}
        self.lapsed: list[Hold] = []
        self.charges: dict[str, Any] = {}
        self.refunds: dict[str, list[Any]] = defaultdict(list)

    def follow(self, row: Any, asked: Asked | None) -> tuple[Any, ...]:
        """Move on by a row; gives what it should have said: kind, amounts, reason, subject."""
        wanted = self.by_itself(row) if asked is None else getattr(self, asked.kind)(row, asked)
        before, hold = self.states[-1], self.holds.get(row.hold_id or "")
        if row.kind in ("debit", "capture"):
            self.charges[row.id] = row
        if row.reverses_id:
            self.refunds[row.reverses_id].append(row)
        if hold:
            hold.captured -= row.amount
            if row.resolution:
                hold.status, hold.end = row.resolution, row
            if row.resolution == "expired":
                self.lapsed.append(hold)
            hold.rests.add(hold.rest)
        ended = bool(hold and row.resolution)
        placed = row.kind == "hold" and row.reason == "placed"
        self.states.append(
            State(
                before.posted + row.amount,
                before.held + row.hold_amount,
                before.open_holds + placed - ended,
            )
        )
        return wanted

    def by_itself(self, row: Any) -> tuple[Any, ...]:
        """What nobody asks for: the first allocation, and the end of a hold whose time is up."""
        hold = self.holds.get(row.hold_id or "")
        if row.kind == "release" and hold and hold.expires_at <= row.recorded_at:
            return "release", 0, -hold.rest, "expired", row.hold_id
        if row.seq == 1:
            return "grant", ALLOCATIONS[self.tier], 0, "allocation", None
        return ("nothing",)

    def debit(self, _: Any, asked: Asked) -> tuple[Any, ...]:
        cost = price(asked.members["operation"], asked.members["quantity"])
        return "debit", -cost, 0, "usage", asked.members["reference"]["id"]

    def hold(self, row: Any, asked: Asked) -> tuple[Any, ...]:
        cost = price(asked.members["operation"], asked.members["quantity"])
        about = (asked.members["operation"], asked.members["quantity"])
        self.holds[row.hold_id] = Hold(*about, cost, row.expires_at, placed=row.seq)
        return "hold", 0, cost, "placed", asked.members["reference"]["id"]

    def extend(self, _: Any, asked: Asked) -> tuple[Any, ...]:
        hold = self.holds[named(asked)]
        hold.quantity = asked.members["quantity"]
        more = max(0, price(hold.operation, hold.quantity) - hold.amount)
        hold.amount += more
        return "hold", 0, more, "extended", named(asked)

    def capture(self, _: Any, asked: Asked) -> tuple[Any, ...]:
        hold, credits = self.holds[named(asked)], asked.members["credits"]
        back = hold.rest if asked.members.get("final", True) else credits
        reason = "completed" if hold.captured + credits == hold.amount else "partial"
        return "capture", -credits, -back, reason, named(asked)

    def release(self, _: Any, asked: Asked) -> tuple[Any, ...]:
        return "release", 0, -self.holds[named(asked)].rest, asked.members["reason"], named(asked)

    def refund(self, _: Any, asked: Asked) -> tuple[Any, ...]:
        entry, reason = asked.members["entry"], asked.members["reason"]
        return "refund", asked.members.get("credits", self.left(entry)), 0, reason, entry

    def grant(self, _: Any, asked: Asked) -> tuple[Any, ...]:
        members = asked.members
        return "grant", members["credits"], 0, members["origin"], members["reference"]["id"]

    def left(self, entry: str, before: Iterable[str] | None = None) -> int:
        """What may still be refunded of a charge; `before`: counting these refunds alone."""
        made = [r for r in self.refunds[entry] if before is None or r.id in before]
        return -self.charges[entry].amount - sum(row.amount for row in made)

    def since(self, balance: Mapping[str, Any]) -> int | None:
        """The first seq at which a balance was true; None if it never was.

        Before its own seq it was if holds that had run out by then make up the difference.
        """
        found, seq = None, int(balance["seq"])
        for count in range(seq + 1):
            at = seq - count
            due = sorted((hold.expires_at, hold.amount) for hold in self.lapsed
                         if hold.placed <= at < hold.end.seq)  # fmt: skip
            if count > len(due) and at < len(self.states):
                break
            state = self.states[at] if at < len(self.states) else State()
            held = state.held - sum(amount for _, amount in due[:count])
            if (state.posted, held) == (balance["posted"], balance["held"]):
                found = at
        return found

    @property
    def limit(self) -> int:
        """Credits that the tier lends."""
        return OVERDRAFTS.get(self.tier, 0)


def named(asked: Asked) -> str:
    """The hold that a path names."""
    return asked.path.split("/")[2]

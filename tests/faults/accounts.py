"""A plain model of one account, which shares no code with the ledger and follows its entries."""

from __future__ import annotations

from collections import Counter, defaultdict
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
    """A hold as the entries so far leave it, and the entry that ended it.

    course: after each of its entries that one's seq, the amount and the rest.
    """

    operation: str
    quantity: int
    amount: int
    expires_at: int
    captured: int = 0
    status: str = "open"
    placed: int = 0
    course: list[tuple[int, int, int]] = field(default_factory=list)
    end: Any = None

    @property
    def rest(self) -> int:
        """What it still sets aside."""
        return self.amount - self.captured if self.status == "open" else 0

    @property
    def rests(self) -> set[int]:
        """All that it ever set aside."""
        return {rest for _, _, rest in self.course}

    def at(self, seq: int) -> tuple[int, int]:
        """Amount and rest right after an entry of its account."""
        return next((known[1:] for known in reversed(self.course) if known[0] <= seq), (0, 0))


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
            hold.course.append((row.seq, hold.amount, hold.rest))
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
        hold = self.holds[asked.hold]
        hold.quantity = asked.members["quantity"]
        more = max(0, price(hold.operation, hold.quantity) - hold.amount)
        hold.amount += more
        return "hold", 0, more, "extended", asked.hold

    def capture(self, _: Any, asked: Asked) -> tuple[Any, ...]:
        hold, credits = self.holds[asked.hold], asked.members["credits"]
        back = hold.rest if asked.members.get("final", True) else credits
        reason = "completed" if hold.captured + credits == hold.amount else "partial"
        return "capture", -credits, -back, reason, asked.hold

    def release(self, _: Any, asked: Asked) -> tuple[Any, ...]:
        return "release", 0, -self.holds[asked.hold].rest, asked.members["reason"], asked.hold

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
            due = self.due(at)
            if count > len(due) and at < len(self.states):
                break
            state = self.states[at] if at < len(self.states) else State()
            held = state.held - sum(due[:count])
            if (state.posted, held) == (balance["posted"], balance["held"]):
                found = at
        return found

    def due(self, seq: int) -> list[int]:
        """Holds that may have run out by an entry and are not yet ended, in the order they do."""
        found = [hold for hold in self.lapsed if hold.placed <= seq < hold.end.seq]
        return [hold.amount for hold in sorted(found, key=lambda hold: hold.expires_at)]

    def ahead(self, seq: int, commands: Iterable[Asked]) -> State:
        """The state right after an entry, moved on by commands that nobody may have done."""
        posted, held, open_holds = self.states[seq]
        holds: dict[str, tuple[int, int]] = {}
        given: Counter[str] = Counter()
        for asked in commands:
            members = asked.members
            if asked.hold:
                amount, rest = holds.get(asked.hold) or self.holds[asked.hold].at(seq)
                more, back, took = self.moves(asked, amount, rest)
                holds[asked.hold] = amount + more, rest + more - back
                posted, held = posted - took, held + more - back
                open_holds -= asked.kind != "extend" and members.get("final", True)
            elif asked.kind == "refund":
                entry = members["entry"]
                made = [row.id for row in self.refunds[entry] if row.seq <= seq]
                credits = members.get("credits", self.left(entry, made) - given[entry])
                given[entry] += credits
                posted += credits
            else:
                cost = price(members["operation"], members["quantity"])
                if asked.kind == "hold":
                    held, open_holds = held + cost, open_holds + 1
                else:
                    posted -= cost
        return State(posted, held, open_holds)

    def moves(self, asked: Asked, amount: int, rest: int) -> tuple[int, int, int]:
        """What a command about a hold sets aside, gives back and takes."""
        if asked.kind == "extend":
            hold = self.holds[asked.hold]
            return max(0, price(hold.operation, asked.members["quantity"]) - amount), 0, 0
        took = asked.members.get("credits", 0)
        return 0, rest if asked.members.get("final", True) else took, took

    @property
    def limit(self) -> int:
        """Credits that the tier lends."""
        return OVERDRAFTS.get(self.tier, 0)


def subject(row: Any) -> str | None:
    """What a row is about: the hold, the charge it reverses, or its reference."""
    if row.kind == "grant" and row.reason == "allocation":
        return None
    if row.kind in ("capture", "release") or row.reason == "extended":
        return str(row.hold_id)
    return row.reverses_id or row.reference_id

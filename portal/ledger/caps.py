"""What an account may spend: its caps and stop-losses, and what counts against them.

What counts are the days of the usage table, which the account's lock holds still, and the holds
that are open. Days are whole days in UTC; a period counts the days it touches.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

from portal import pricing
from portal.ledger.commands import CaptureHold, Command, Debit, ExtendHold, PlaceHold
from portal.ledger.model import DAY, Account, Entry, Hold, Revision
from portal.pricing import SpendCap

LATE_DAYS = 35
LATE = LATE_DAYS * DAY
COUNTED = ("debit", "capture", "refund")
SPENDING = (Debit, PlaceHold, ExtendHold, CaptureHold)
Days = Mapping[tuple[int, str], tuple[int, int]]


class Spent(NamedTuple):
    """Credits charged and given back by (day, operation), from the day `first` on."""

    first: int
    days: Days

    def after(self, entries: Iterable[Entry]) -> "Spent":
        """What was spent after some more entries: the rule of the usage table."""
        days = dict(self.days)
        for entry in entries:
            if entry.kind in COUNTED and entry.operation is not None:
                place = (entry.occurred_at // DAY, entry.operation)
                charged, refunded = days.get(place, (0, 0))
                if entry.kind == "refund":
                    days[place] = (charged, refunded + entry.amount)
                else:
                    days[place] = (charged - entry.amount, refunded)
        return Spent(self.first, days)


class Use(NamedTuple):
    """A cap with what counts against it: credits used, and where its window ends (UTC µs)."""

    cap: SpendCap
    used: int
    ends_at: int

    @property
    def left(self) -> int:
        """Credits that may still be spent under the cap."""
        return max(0, self.cap.credits - self.used)


@lru_cache(maxsize=1_024)
def read_caps(written: str | None) -> tuple[SpendCap, ...]:
    """An account's own caps from its terms."""
    return tuple(SpendCap(*each) for each in json.loads(written or "[]"))


def write_caps(caps: Iterable[SpendCap]) -> str | None:
    """Caps as an account's terms keep them: sorted, None if there are none."""
    rows = sorted(caps, key=lambda cap: (cap.limit, cap.operation or ""))
    return json.dumps(rows, separators=(",", ":")) if rows else None


def caps_of(account: Account, tier: pricing.Tier | None) -> tuple[SpendCap, ...]:
    """The caps in force: the account's own, and those of its tier that it has none for."""
    own = read_caps(account.caps)
    named = {cap[:2] for cap in own}
    of_tier = tier.caps.spend if tier is not None else ()
    return (*own, *(cap for cap in of_tier if cap[:2] not in named))


def window(account: Account, limit: str, at: int) -> tuple[int, int, int]:
    """First and last day of the window of a cap that holds `at`, and the instant it ends."""
    if limit.endswith("_per_day"):
        day = at // DAY
        return day, day, (day + 1) * DAY
    begins, ends = period_of(account, at)
    return begins // DAY, (ends - 1) // DAY, ends


def period_of(account: Account | Revision, at: int) -> tuple[int, int]:
    """Where the period that holds `at` begins and ends; raises PeriodError past the year 9999."""
    number = pricing.period_index(account.anchor_at, at)
    return pricing.boundary(account.anchor_at, number), pricing.boundary(
        account.anchor_at, number + 1
    )


def uses(
    account: Account,
    caps: Iterable[SpendCap],
    spent: Spent,
    holds: Iterable[Hold],
    at: int,
    now: int,
) -> Iterator[Use]:
    """What counts against each cap in its window that holds `at`.

    A cap counts what was charged less what was given back, on the days it was; a stop-loss what
    was charged, whatever came back. Open holds count, as they would be charged today.
    """
    held = tuple(holds)
    for cap in caps:
        first, last, ends_at = window(account, cap.limit, at)
        used = 0
        for (day, operation), (charged, refunded) in spent.days.items():
            if first <= day <= last and cap.operation in (None, operation):
                used += charged if cap.limit in pricing.STOP_LOSSES else charged - refunded
        if first <= now // DAY <= last:
            used += sum(h.rest for h in held if cap.operation in (None, h.operation))
        yield Use(cap, used, ends_at)


def counted_from(
    account: Account, command: Command, now: int, tariffs: pricing.Tariffs
) -> int | None:
    """The first day that a command's caps may count; None where nothing has to be counted."""
    if not is_capped(account, tariffs) or not isinstance(command, SPENDING):
        return None
    at = command.occurred_at if isinstance(command, Debit) else None
    at = now if at is None else min(max(at, now - LATE), now)
    return period_of(account, at)[0] // DAY


def is_capped(account: Account, tariffs: pricing.Tariffs) -> bool:
    """Whether an account has spend caps, or a tier that may have some."""
    capped = tariffs.capped
    return account.caps is not None or account.tier in capped or account.next_tier in capped

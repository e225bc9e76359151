"""Stories about one customer or two: events down the page, the statement they leave beneath.

A story runs on the ledger in memory or on a real database, at instants of its own, under prices
made for tests.
"""

import random
from datetime import UTC, datetime
from typing import Any

from portal import pricing
from portal.database import Database
from portal.ledger import commands as asked
from portal.ledger.commands import Command, Outcome, Posted, Refused
from portal.ledger.identifiers import Ids
from portal.ledger.model import MICROSECONDS, Account, Actor, Entry, Reference, Request
from tests.ledger.memory import MemoryLedger
from tests.ledger.vault import Vault

SECOND = MICROSECONDS
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
STUDIO = Actor("service", "studio", "studio-1")
OTHER = Actor("service", "other", "other-1")
ADMIN = Actor("admin", "olga@example.com")

FIRST = """
name = "first"
effective_at = 2026-01-01T00:00:00Z
[operations.speak]
title = "Speak"
unit = "character"
price = { kind = "unit", numerator = 1, denominator = 1 }
minimum = 1
hold_ttl_seconds = 900
[operations.fast]
title = "Speak fast"
unit = "character"
price = { kind = "unit", numerator = 1, denominator = 2 }
minimum = 1
hold_ttl_seconds = 900
[operations.clone]
title = "Clone"
unit = "voice"
price = { kind = "unit", numerator = 50, denominator = 1 }
hold_ttl_seconds = 3_600
over_capture = "cap"
[operations.stream]
title = "Stream"
unit = "second"
price = { kind = "unit", numerator = 1, denominator = 2 }
hold_ttl_seconds = 600
over_capture = "overflow"
[tiers.quit]
title = "Quit"
allocation = 0
rollover = { policy = "none" }
[tiers.free]
title = "Free"
allocation = 100
rollover = { policy = "none" }
caps = { open_holds = 2, units_per_job = 1_000 }
[tiers.club]
title = "Club"
allocation = 100
rollover = { policy = "none" }
[tiers.club.caps]
credits_per_day = 80
stop_loss_per_period = 90
operations.fast = { credits_per_period = 40 }
[tiers.basic]
title = "Basic"
allocation = 300
rollover = { policy = "percent", amount = 25 }
[tiers.scale]
title = "Scale"
allocation = 500
rollover = { policy = "multiple", amount = 2 }
overdraft = 200
[tiers.plus]
title = "Plus"
allocation = 1_000
rollover = { policy = "cap", amount = 400, life_periods = 2 }
[tiers.pro]
title = "Pro"
allocation = 2_000
rollover = { policy = "full", life_periods = 3 }
"""
# From 15 March: dearer speech, a larger free plan, less to borrow, nothing carried over by pro.
SECOND_TARIFF = (
    FIRST.replace('"first"', '"second"')
    .replace("2026-01-01T", "2026-03-15T")
    .replace("numerator = 1, denominator = 1", "numerator = 2, denominator = 1")
    .replace("allocation = 100\n", "allocation = 120\n")
    .replace("overdraft = 200", "overdraft = 50")
    .replace('"full", life_periods = 3', '"none"')
)
TARIFFS = pricing.Tariffs(
    [pricing.parse_tariff(FIRST, "first"), pricing.parse_tariff(SECOND_TARIFF, "second")]
)


def at(text: str) -> int:
    """An ISO day or time in UTC as µs."""
    moment = datetime.fromisoformat(text).replace(tzinfo=UTC)
    return int(moment.timestamp()) * SECOND


START = at("2026-01-10T12:00")


def ids(seed: int = 1) -> Ids:
    """Identifiers that are the same in every run."""
    return Ids(random.Random(seed).randbytes)


class Story:
    """A customer (`ada` unless said) and what is asked for them, one command after another."""

    def __init__(self, ledger: MemoryLedger | Vault | None = None) -> None:
        self.now = START
        self.ledger = ledger or MemoryLedger(TARIFFS, ids())
        self.jobs = 0

    @classmethod
    def on(cls, database: Database) -> "Story":
        """A story on a real database."""
        vault = Vault(database, TARIFFS, ids())
        vault.publish()
        return cls(vault)

    def ask(self, command: Command) -> Outcome:
        """Post one command now."""
        return self.ledger.post([command], self.now)[0]

    def wait(self, microseconds: int) -> None:
        """Let time pass."""
        self.now += microseconds

    def job(self) -> Reference:
        """A reference of its own."""
        self.jobs += 1
        return Reference("task", f"job-{self.jobs}")

    def open(self, tier: str, **members: Any) -> Posted:
        """Open the account, or change its terms."""
        members = {"account_id": "ada", "name": "Ada", "actor": ADMIN} | members
        return done(self.ask(asked.PutAccount(tier=tier, **members)))

    def debit(self, quantity: int, operation: str = "speak", **members: Any) -> Outcome:
        """Charge a job at once."""
        return self.ask(debit(quantity, operation, **{"reference": self.job()} | members))

    def hold(self, quantity: int, operation: str = "speak", **members: Any) -> Outcome:
        """Set the price of a job aside."""
        return self.ask(hold(quantity, operation, **{"reference": self.job()} | members))

    def place(self, quantity: int, operation: str = "speak", **members: Any) -> str:
        """Set the price of a job aside; the hold's id."""
        placed = done(self.hold(quantity, operation, **members)).hold
        assert placed is not None
        return placed.id

    def capture(self, hold_id: str, credits: int, **members: Any) -> Outcome:
        """Charge a hold."""
        members = {"actor": STUDIO} | members
        return self.ask(asked.CaptureHold(hold_id=hold_id, credits=credits, **members))

    def release(self, hold_id: str, reason: str = "cancelled", **members: Any) -> Outcome:
        """Let a hold go."""
        members = {"actor": STUDIO} | members
        return self.ask(asked.ReleaseHold(hold_id=hold_id, reason=reason, **members))

    def extend(self, hold_id: str, ttl_seconds: int = 900, **members: Any) -> Outcome:
        """Let a hold live on, or set more aside."""
        members = {"actor": STUDIO} | members
        return self.ask(asked.ExtendHold(hold_id=hold_id, ttl_seconds=ttl_seconds, **members))

    def refund(self, charge: Outcome, credits: int | None = None, **members: Any) -> Outcome:
        """Give back what a debit or capture took."""
        members = {"actor": STUDIO, "reason": "failed"} | members
        return self.ask(asked.Refund(entry_id=entry_of(charge).id, credits=credits, **members))

    def grant(self, credits: int, origin: str = "purchase", **members: Any) -> Outcome:
        """Give credits; `life` is how long they last."""
        life = members.pop("life", None)
        if life is not None:
            members["expires_at"] = self.now + life
        members = {"account_id": "ada", "reference": self.job(), "actor": STUDIO} | members
        return self.ask(asked.IssueGrant(credits=credits, origin=origin, **members))

    def adjust(self, amount: int, **members: Any) -> Outcome:
        """Correct the account by two people."""
        members = {"reason": "correction", "note": "n", "actor": ADMIN} | members
        members = {"account_id": "ada", "reference": Reference("ticket", "T-1")} | members
        members = {"approved_by": "otto@example.com"} | members
        return self.ask(asked.Adjust(amount=amount, **members))

    def status(self, status: str, **members: Any) -> Outcome:
        """Activate, suspend, freeze or close the account."""
        members = {"account_id": "ada", "actor": ADMIN} | members
        return self.ask(asked.SetStatus(status=status, **members))

    def cap(self, limit: str, credits: int | None = None, **members: Any) -> Outcome:
        """Cap what the account may spend."""
        members = {"account_id": "ada", "actor": ADMIN} | members
        return self.ask(asked.SetCap(limit=limit, credits=credits, **members))

    def advance(self, account_id: str = "ada") -> Account:
        """Materialise what has fallen due; the account."""
        return done(self.ask(asked.Advance(account_id=account_id))).account

    @property
    def account(self) -> Account:
        """Ada's account as it stands in the rows."""
        return self.ledger.account("ada")

    @property
    def grants(self) -> list[tuple[str, int, int]]:
        """Origin, remaining and pinned of Ada's grants with credits, in the order made."""
        made = self.ledger.tables.grants.values()
        return [(g.origin, g.remaining, g.pinned) for g in made if g.remaining]

    def entries(self, account_id: str = "ada") -> list[Entry]:
        """The account's history."""
        return self.ledger.entries(account_id)

    def statement(self, since: int = 0, account_id: str = "ada") -> str:
        """`reason amount held → posted held` a line, after seq `since`."""
        return lines(self.entries(account_id)[since:])


def lines(entries: list[Entry]) -> str:
    """Entries as lines: kind, reason, both amounts, both balances after."""
    return "\n".join(
        f"{e.kind} {e.reason} {e.amount} {e.hold_amount} -> {e.posted_after} {e.held_after}"
        for e in entries
    )


def table(text: str) -> str:
    """A table in a test without its indentation and padding."""
    return "\n".join(" ".join(line.split()) for line in text.strip().splitlines())


def debit(quantity: int, operation: str = "speak", **members: Any) -> asked.Debit:
    """A debit of Ada's by the studio."""
    members = {"account_id": "ada", "actor": STUDIO} | members
    return asked.Debit(operation=operation, quantity=quantity, **members)


def hold(quantity: int, operation: str = "speak", **members: Any) -> asked.PlaceHold:
    """A hold of Ada's by the studio."""
    members = {"account_id": "ada", "actor": STUDIO} | members
    return asked.PlaceHold(operation=operation, quantity=quantity, **members)


def key(name: str, body: str = "{}", service: str = "studio") -> Request:
    """A request under an idempotency key."""
    return Request(service, name, body)


def done(outcome: Outcome) -> Posted:
    """An outcome that must be a success."""
    assert isinstance(outcome, Posted), outcome
    return outcome


def entry_of(outcome: Outcome) -> Entry:
    """The entry of a success."""
    entry = done(outcome).entry
    assert entry is not None
    return entry


def refused(outcome: Outcome, error: type[Exception], **numbers: Any) -> Refused:
    """An outcome that must be a refusal of one kind, with these numbers among its own."""
    assert isinstance(outcome, Refused), outcome
    assert type(outcome.error) is error, outcome.error
    for name, number in numbers.items():
        assert getattr(outcome.error, name) == number, (name, getattr(outcome.error, name))
    return outcome

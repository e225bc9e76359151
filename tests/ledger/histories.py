"""A history with every kind of entry, written through the real engine; fixtures for reads.

Two accounts: `ada` (starter, then pro) lives through everything, `bob` (scale) owes, `cy`
(free) is refused. All of it is a function of the tariff and a seed.
"""

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection

from portal import pricing
from portal.ledger import commands as asked
from portal.ledger.commands import Command, Outcome, Posted, Refused
from portal.ledger.identifiers import Ids
from portal.ledger.model import DAY, MICROSECONDS, Actor, Reference, Request
from portal.ledger.posting import post

START = int(datetime(2026, 1, 10, 12, tzinfo=UTC).timestamp()) * MICROSECONDS
HOUR = 3600 * MICROSECONDS
STUDIO = Actor("service", "studio", "studio-202611a")
OPS = Actor("admin", "olga@example.com")

KEYLESS = (asked.PutAccount, asked.SetStatus, asked.Advance)

TARIFF = """
name = "2026-01"
effective_at = 2026-01-01T00:00:00Z
[operations.generate]
title = "Generate speech"
unit = "character"
price = { kind = "unit", numerator = 1, denominator = 1 }
minimum = 1
hold_ttl_seconds = 900
[operations.stream]
title = "Stream speech"
unit = "second"
price = { kind = "unit", numerator = 1, denominator = 2 }
hold_ttl_seconds = 900
over_capture = "overflow"
[tiers.free]
title = "Free"
allocation = 1_000
rollover = { policy = "none" }
overdraft = 0
caps = { open_holds = 2, units_per_job = 10_000 }
[tiers.starter]
title = "Starter"
allocation = 30_000
rollover = { policy = "percent", amount = 25 }
overdraft = 0
caps = { open_holds = 5 }
[tiers.pro]
title = "Pro"
allocation = 100_000
rollover = { policy = "cap", amount = 50_000 }
overdraft = 0
caps = { open_holds = 20 }
[tiers.scale]
title = "Scale"
allocation = 5_000
rollover = { policy = "multiple", amount = 1 }
overdraft = 50_000
caps = { open_holds = 100 }
"""
TARIFFS = pricing.Tariffs([pricing.parse_tariff(TARIFF, "test.toml")])


@dataclass
class Teller:
    """Posts commands one after another, each in a second of its own, each under its own key."""

    connection: Connection
    now: int = START
    tariffs: pricing.Tariffs = TARIFFS
    actor: Actor = STUDIO
    ids: Ids = field(default_factory=lambda: Ids(random.Random(7).randbytes))
    keys: int = 0

    def ask(self, command: type, **members: Any) -> Posted:
        """Post one command; it must be done."""
        outcome = self.try_to(command, **members)
        assert isinstance(outcome, Posted), outcome
        return outcome

    def refuse(self, command: type, **members: Any) -> Refused:
        """Post one command; it must be refused."""
        outcome = self.try_to(command, **members)
        assert isinstance(outcome, Refused), outcome
        return outcome

    def try_to(self, command: type, **members: Any) -> Outcome:
        """Post one command by the studio, or by the `actor` given."""
        self.now += MICROSECONDS
        self.keys += 1
        actor = members.pop("actor", self.actor)
        request = None
        if command not in KEYLESS:
            request = Request(actor.name, f"key-{self.keys:012d}", f'{{"n":{self.keys}}}')
        return self.send(command(actor=actor, request=request, **members))[0]

    def send(self, *commands: Command) -> list[Outcome]:
        """Post commands together."""
        return post(self.connection, commands, now=self.now, tariffs=self.tariffs, ids=self.ids)


def job(number: int) -> Reference:
    """A reference of its own."""
    return Reference("task", f"job-{number}")


def live(teller: Teller) -> None:
    """Every kind of entry, reason and refusal, over some ninety days."""
    for account, tier in (("ada", "starter"), ("bob", "scale"), ("cy", "free")):
        teller.ask(asked.PutAccount, account_id=account, name=account.title(), tier=tier)
    first_month(teller)
    holds(teller)
    teller.now += 40 * DAY
    second_month(teller)
    bob_owes(teller)
    cy_is_refused(teller)
    teller.now += 31 * DAY
    for account in ("ada", "bob"):
        teller.ask(asked.Advance, account_id=account)


def first_month(teller: Teller) -> None:
    """Purchases, a restricted promotion that lapses, debits and refunds, an upgrade."""
    payment = Reference("payment", "pay-1")
    teller.ask(asked.IssueGrant, account_id="ada", credits=5_000, origin="purchase",
               reference=payment)  # fmt: skip
    teller.ask(
        asked.IssueGrant,
        account_id="ada",
        credits=400,
        origin="promotion",
        reference=Reference("ticket", "welcome"),
        expires_at=teller.now + 3 * DAY,
        operations=("generate",),
    )
    charged = [charge(teller, "ada", number, 300) for number in range(4)]
    teller.ask(asked.Refund, entry_id=charged[0], reason="partial", credits=100)
    teller.ask(asked.Refund, entry_id=charged[0], reason="failed")
    teller.now += 4 * DAY
    teller.ask(asked.Refund, entry_id=charged[1], reason="failed", note="ours, but it lapsed")
    lapsed_together(teller)
    teller.ask(asked.Debit, account_id="ada", operation="generate", quantity=77,
               reference=job(50), occurred_at=teller.now - 2 * DAY,
               labels='{"team":"a"}', metadata='{"voice":"é"}')  # fmt: skip
    teller.ask(asked.PutAccount, account_id="ada", name="Ada L.", tier="pro")
    teller.ask(asked.SetStatus, account_id="ada", status="suspended", note="card", actor=OPS)
    teller.refuse(asked.Debit, account_id="ada", operation="generate", quantity=1,
                  reference=job(51))  # fmt: skip
    teller.ask(asked.SetStatus, account_id="ada", status="active", actor=OPS)


def lapsed_together(teller: Teller) -> None:
    """One refund that reinstates what six lapsed grants paid."""
    for number in range(6):
        teller.ask(
            asked.IssueGrant,
            account_id="ada",
            credits=10 + number,
            origin="promotion",
            reference=Reference("ticket", f"gift-{number}"),
            expires_at=teller.now + HOUR,
        )
    charged = charge(teller, "ada", 60, 75)
    teller.now += 2 * HOUR
    refund = teller.ask(asked.Refund, entry_id=charged, reason="failed")
    assert len(refund.grants) == 6


def holds(teller: Teller) -> None:
    """Holds placed, extended, captured whole, in part and over, released, expired, late."""
    whole = place(teller, 100, 1_000)
    teller.ask(asked.CaptureHold, hold_id=whole, credits=1_000)
    partly = place(teller, 101, 1_000)
    teller.ask(asked.ExtendHold, hold_id=partly, ttl_seconds=1_800)
    teller.ask(asked.ExtendHold, hold_id=partly, ttl_seconds=1_800, quantity=1_500)
    teller.ask(asked.CaptureHold, hold_id=partly, credits=200, final=False)
    captured = teller.ask(asked.CaptureHold, hold_id=partly, credits=300)
    assert captured.entry is not None
    teller.ask(asked.Refund, entry_id=captured.entry.id, reason="goodwill", credits=50)
    over = place(teller, 102, 100, "stream")
    teller.ask(asked.CaptureHold, hold_id=over, credits=80)
    nothing = place(teller, 103, 10)
    teller.ask(asked.CaptureHold, hold_id=nothing, credits=0)
    dropped = place(teller, 104, 10)
    teller.ask(asked.ReleaseHold, hold_id=dropped, reason="cancelled")
    late, lost = place(teller, 105, 600), place(teller, 106, 700)
    teller.now += HOUR
    teller.ask(asked.CaptureHold, hold_id=late, credits=500)
    teller.refuse(asked.CaptureHold, hold_id=lost, credits=701)
    place(teller, 107, 900)


def second_month(teller: Teller) -> None:
    """A period turned over; refunds of what lapsed; adjustments by two people."""
    charged = charge(teller, "ada", 200, 2_000)
    teller.now += 32 * DAY
    teller.ask(asked.Refund, entry_id=charged, reason="dispute", credits=1_500)
    teller.ask(asked.Refund, entry_id=charged, reason="wrong_charge")
    ticket = Reference("ticket", "T-1")
    for amount, reason in ((250, "compensation"), (-40, "correction")):
        teller.ask(asked.Adjust, account_id="ada", amount=amount, reason=reason,
                   reference=ticket, approved_by="otto@example.com", note="as agreed",
                   actor=OPS)  # fmt: skip
    teller.ask(asked.PutAccount, account_id="ada", name="Ada L.", tier="starter")
    place(teller, 207, 900)


def bob_owes(teller: Teller) -> None:
    """An overdraft used, pinned by a hold, repaid by a purchase."""
    charged = charge(teller, "bob", 300, 12_000)
    held = place(teller, 301, 3_000, account="bob")
    teller.ask(asked.Refund, entry_id=charged, reason="partial", credits=2_000)
    teller.ask(asked.CaptureHold, hold_id=held, credits=2_500)
    teller.ask(asked.IssueGrant, account_id="bob", credits=20_000, origin="purchase",
               reference=Reference("payment", "pay-2"))  # fmt: skip


def cy_is_refused(teller: Teller) -> None:
    """Refusals of each kind that is kept: funds, caps; a debit's is bound to its key."""
    teller.refuse(asked.Debit, account_id="cy", operation="generate", quantity=9_000,
                  reference=job(400))  # fmt: skip
    teller.refuse(asked.PlaceHold, account_id="cy", operation="generate", quantity=9_000,
                  reference=job(401))  # fmt: skip
    teller.refuse(asked.Debit, account_id="cy", operation="generate", quantity=10_001,
                  reference=job(402))  # fmt: skip


def charge(teller: Teller, account: str, number: int, quantity: int) -> str:
    """Debit an account; the entry's id."""
    outcome = teller.ask(asked.Debit, account_id=account, operation="generate",
                         quantity=quantity, reference=job(number))  # fmt: skip
    assert outcome.entry is not None
    return outcome.entry.id


def place(
    teller: Teller, number: int, quantity: int, operation: str = "generate", account: str = "ada"
) -> str:
    """Place a hold; its id."""
    outcome = teller.ask(asked.PlaceHold, account_id=account, operation=operation,
                         quantity=quantity, reference=job(number))  # fmt: skip
    assert outcome.hold is not None
    return outcome.hold.id

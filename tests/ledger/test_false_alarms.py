"""An untouched ledger is clean whatever was asked of it: the audit raises no false alarm."""

import random
from collections.abc import Callable
from typing import Any

import pytest

from portal import pricing
from portal.database import Database
from portal.ledger import commands as asked
from portal.ledger.audit import audit
from portal.ledger.commands import Posted
from portal.ledger.identifiers import Ids
from portal.ledger.model import DAY, Reference
from portal.ledger.tariffs import publish_tariff
from tests.ledger.histories import HOUR, OPS, START, TARIFF, Teller

ACCOUNTS = ("ada", "bob", "cy", "Dee")
TIERS = ("free", "starter", "pro", "scale")
DEARER = TARIFF.replace('"2026-01"', '"2026-03"').replace("01-01T00", "03-01T00")
DEARER = DEARER.replace("numerator = 1, denominator = 2", "numerator = 3, denominator = 2")
TARIFFS = pricing.Tariffs(
    pricing.parse_tariff(text, "test.toml")
    for text in (TARIFF, DEARER.replace("allocation = 5_000", "allocation = 7_000"))
)
STEPS = 400


class Crowd:
    """Asks for anything at all, refused or not, and remembers what can be named again."""

    def __init__(self, teller: Teller, seed: int) -> None:
        self.teller = teller
        self.random = random.Random(seed)
        self.holds: list[str] = ["hld_nothing"]
        self.spent: list[str] = ["ent_nothing"]
        self.number = 0

    def step(self) -> None:
        """One command, and now and then a jump in time."""
        command, members = self.random.choice(self.choices())()
        outcome = self.teller.try_to(command, **members)
        if isinstance(outcome, Posted):
            if outcome.hold is not None:
                self.holds.append(outcome.hold.id)
            if outcome.entry is not None and outcome.entry.kind in ("debit", "capture"):
                self.spent.append(outcome.entry.id)
        jump = self.random.choice((0, 0, 0, 0, 0, HOUR, 5 * HOUR, DAY, 20 * DAY))
        self.teller.now += self.random.randrange(jump + 1)

    def choices(self) -> list[Callable[[], tuple[type, dict[str, Any]]]]:
        """The commands, those that make a history interesting more often."""
        return [self.debit, self.debit, self.hold, self.hold, self.extend, self.capture,
                self.capture, self.release, self.refund, self.refund, self.grant, self.grant,
                self.adjust, self.account, self.status]  # fmt: skip

    def amount(self) -> int:
        return int(10 ** self.random.uniform(0, 4.6))

    def account_id(self) -> str:
        return self.random.choice(ACCOUNTS)

    def reference(self, kind: str = "task") -> Reference:
        self.number += 1
        return Reference(kind, f"ref-{self.number - self.random.choice((0, 0, 0, 5))}")

    def job(self) -> dict[str, Any]:
        late = self.random.choice((None, None, self.teller.now - self.random.randrange(9 * DAY)))
        return {
            "account_id": self.account_id(),
            "operation": self.random.choice(("generate", "stream")),
            "quantity": self.amount(),
            "reference": self.reference(),
            "occurred_at": late,
        }

    def debit(self) -> tuple[type, dict[str, Any]]:
        return asked.Debit, self.job()

    def hold(self) -> tuple[type, dict[str, Any]]:
        return asked.PlaceHold, self.job()

    def extend(self) -> tuple[type, dict[str, Any]]:
        more = self.random.choice((None, self.amount()))
        hold_id = self.random.choice(self.holds[-4:])
        return asked.ExtendHold, {"hold_id": hold_id, "ttl_seconds": 3_000, "quantity": more}

    def capture(self) -> tuple[type, dict[str, Any]]:
        hold_id, final = self.random.choice(self.holds[-4:]), self.random.random() < 0.7
        return asked.CaptureHold, {"hold_id": hold_id, "credits": self.amount(), "final": final}

    def release(self) -> tuple[type, dict[str, Any]]:
        return asked.ReleaseHold, {"hold_id": self.random.choice(self.holds), "reason": "failed"}

    def refund(self) -> tuple[type, dict[str, Any]]:
        reason = self.random.choice(("failed", "partial", "goodwill", "dispute"))
        some = self.random.choice((None, self.amount()))
        return asked.Refund, {
            "entry_id": self.random.choice(self.spent[-30:]),
            "reason": reason,
            "credits": some,
        }

    def grant(self) -> tuple[type, dict[str, Any]]:
        origin = self.random.choice(("purchase", "promotion", "goodwill"))
        life = self.random.choice((None, DAY, 40 * DAY))
        return asked.IssueGrant, {
            "account_id": self.account_id(),
            "credits": self.amount(),
            "origin": origin,
            "reference": self.reference("payment"),
            "expires_at": None if life is None else self.teller.now + life,
            "operations": self.random.choice((None, None, ("generate",))),
        }

    def adjust(self) -> tuple[type, dict[str, Any]]:
        return asked.Adjust, {
            "account_id": self.account_id(),
            "amount": self.amount() * self.random.choice((1, -1)),
            "reason": "correction",
            "reference": self.reference("ticket"),
            "approved_by": "otto@example.com",
            "note": "as agreed",
            "actor": OPS,
        }

    def account(self) -> tuple[type, dict[str, Any]]:
        return asked.PutAccount, {
            "account_id": self.account_id(),
            "name": self.random.choice(("A", "B")),
            "tier": self.random.choice(TIERS),
        }

    def status(self) -> tuple[type, dict[str, Any]]:
        status = self.random.choice(("active", "active", "active", "suspended", "frozen"))
        return asked.SetStatus, {"account_id": self.account_id(), "status": status, "actor": OPS}


@pytest.mark.parametrize("seed", [1, 2])
def test_whatever_was_asked_an_untouched_ledger_is_clean(database: Database, seed: int) -> None:
    ids = Ids(random.Random(seed).randbytes)
    with database.writing() as connection:
        for tariff in TARIFFS:
            publish_tariff(connection, tariff, now=START, published_by="olga@example.com")
        teller = Teller(connection, tariffs=TARIFFS, ids=ids)
        crowd = Crowd(teller, seed)
    counts: dict[str, int] = {}
    for step in range(STEPS):
        with database.writing() as connection:
            teller.connection = connection
            crowd.step()
        if step % 100 == 99:
            with database.reading() as connection:
                report = audit(connection, now=teller.now)
            assert report.differences == (), f"seed {seed}, step {step}"
            counts = report.counts
    assert counts["entries"] > STEPS
    assert counts["refusals"] > 10
    assert counts["holds"] > 15

"""A large batch on PostgreSQL goes out in parts while it is decided: the same rows and answers."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from portal.database import Database
from portal.ledger import commands as asked
from portal.ledger import posting, statements
from portal.ledger.commands import Command, Outcome, Posted, UndoneError
from portal.ledger.model import DAY, Reference, Request
from portal.ledger.posting import PARTS
from portal.ledger.statements import POSTGRESQL
from portal.pricing import QuantityError
from tests.databases import Databases
from tests.faults.bank import at_once
from tests.ledger.laws import broken_laws
from tests.ledger.stories import ADMIN, MINUTE, STUDIO, Story, debit, done, hold, key
from tests.ledger.test_two_databases import rows, told
from tests.ledger.vault import Vault

PART = PARTS[POSTGRESQL]
COUNT = 400


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Grows with each part that is sent ahead."""
    parts: list[object] = []
    send = statements.send_ahead

    def watched(connection: Any) -> None:
        parts.append(connection)
        send(connection)

    monkeypatch.setattr(posting, "send_ahead", watched)
    return parts


def debits(story: Story, count: int) -> list[Command]:
    """Small debits of Ada's."""
    return [debit(1, reference=story.job(), request=key(f"k{story.jobs}")) for _ in range(count)]


@pytest.mark.parametrize(
    ("count", "parts"), [(1, 0), (PART, 0), (PART + 1, 1), (2 * PART, 1), (5 * PART + 1, 5)]
)
def test_parts_are_sent_ahead_on_postgresql_as_long_as_more_comes_behind(
    database: Database, dialect: str, sent: list[object], count: int, parts: int
) -> None:
    story = Story.on(database)
    story.open("pro")
    assert all(
        isinstance(each, Posted) for each in story.ledger.post(debits(story, count), story.now)
    )
    assert len(sent) == (parts if dialect == POSTGRESQL else 0)
    assert story.account.posted == 2_000 - count
    assert broken_laws(story.ledger.tables) == []


def test_a_batch_that_is_refused_late_leaves_nothing_of_the_parts_before(
    database: Database, dialect: str, sent: list[object]
) -> None:
    story = Story.on(database)
    story.open("pro")
    assert isinstance(story.ledger, Vault)
    before = story.ledger.tables.__dict__
    commands = debits(story, 1_000)
    for _ in range(2):
        wrong = [*commands[:900], debit(0, reference=story.job()), *commands[900:]]
        with pytest.raises(UndoneError) as undone:
            story.ledger.post(wrong, story.now, atomic=True)
        assert undone.value.place == 900
        assert isinstance(undone.value.error, QuantityError)
        assert story.ledger.tables.__dict__ == before
    assert len(sent) == (2 * (900 // PART) if dialect == POSTGRESQL else 0)
    outcomes = story.ledger.post(commands, story.now, atomic=True)
    assert not any(done(each).replayed for each in outcomes)
    assert story.account.posted == 1_000
    assert broken_laws(story.ledger.tables) == []


# As if there were no parts ---------------------------------------------------------------------

TIERS = ["free", "club", "basic", "scale", "plus", "pro"]
KINDS = {
    "debit": 45,
    "hold": 15,
    "capture": 10,
    "release": 5,
    "refund": 8,
    "grant": 8,
    "put": 2,
    "cap": 1,
    "again": 6,
}


class Life:
    """Batches of all sorts by eighteen customers, two of whom nobody knows; holds and entries are
    those that the ledger in memory had before the batch. Before the first all plans turn over."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.story = Story()
        self.batches: list[tuple[int, list[Command]]] = []
        self.outcomes: list[Outcome] = []
        names = [f"c{number}" for number in range(16)]
        self.post([self.terms(name) for name in names])
        self.post([self.terms(name) for name in names])
        for passes in (70 * DAY, 5 * MINUTE):
            self.story.wait(passes)
            before: list[Command] = []
            while len(before) < COUNT:
                before.append(self.next(before))
            self.post(before)

    def post(self, commands: list[Command]) -> None:
        """Ask the ledger in memory."""
        self.batches.append((self.story.now, commands))
        self.outcomes += self.story.ledger.post(commands, self.story.now)

    def terms(self, name: str) -> Command:
        """What opens an account, or changes its plan."""
        tier = self.chance.choice(TIERS)
        return asked.PutAccount(actor=ADMIN, account_id=name, name=name, tier=tier)

    def next(self, before: list[Command]) -> Command:
        """Most spend, and some change what may be spent."""
        name, job = f"c{self.chance.randrange(18)}", self.story.job()
        kind = self.chance.choices([*KINDS], [*KINDS.values()])[0]
        number = self.chance.randint(1, 90)
        if kind == "again" and before:
            return self.chance.choice(before)
        if kind == "put":
            return self.terms(name)
        about: dict[str, Any] = {"actor": ADMIN, "account_id": name}
        if kind == "cap":
            return asked.SetCap(limit="credits_per_day", credits=10 * number, **about)
        about["actor"] = STUDIO
        if kind == "grant":
            return asked.IssueGrant(credits=number, origin="purchase", reference=job, **about)
        request = key(f"k{self.story.jobs}") if self.chance.random() < 0.7 else None
        about |= {"request": request}
        return self.of_old(kind, number, request) or (hold if kind == "hold" else debit)(
            number, reference=job, **about
        )

    def of_old(self, kind: str, number: int, request: Request | None) -> Command | None:
        """What is asked about a hold or an entry there is."""
        about: dict[str, Any] = {"actor": STUDIO, "request": request}
        tables = self.story.ledger.tables
        holds = [each.id for each in tables.holds.values() if each.status == "open"]
        charges = [each.id for each in tables.entries.values() if each.kind == "debit"]
        if kind == "refund" and charges:
            entry_id = self.chance.choice(charges)
            return asked.Refund(entry_id=entry_id, reason="failed", credits=number, **about)
        if kind == "capture" and holds:
            final = self.chance.random() < 0.5
            hold_id = self.chance.choice(holds)
            return asked.CaptureHold(hold_id=hold_id, credits=number, final=final, **about)
        if kind == "release" and holds:
            return asked.ReleaseHold(hold_id=self.chance.choice(holds), reason="failed", **about)
        return None


@contextmanager
def vault(databases: Databases) -> Iterator[Vault]:
    """A fresh ledger on PostgreSQL."""
    with databases.fresh(POSTGRESQL) as config:
        database = Database(config)
        story = Story.on(database)
        assert isinstance(story.ledger, Vault)
        yield story.ledger
        database.dispose()


@pytest.mark.parametrize("seed", [None, 1, 2])
@pytest.mark.parametrize("part", [1, 7, 15, sys.maxsize])
def test_batches_of_all_sorts_in_parts_are_what_they_are_as_a_whole(
    databases: Databases,
    monkeypatch: pytest.MonkeyPatch,
    sent: list[object],
    seed: int | None,
    part: int,
) -> None:
    seed = random.SystemRandom().getrandbits(32) if seed is None else seed
    print(f"the seed is {seed}")
    life = Life(seed)
    monkeypatch.setattr(posting, "PARTS", {POSTGRESQL: part})
    with vault(databases) as ledger:
        outcomes = [each for now, batch in life.batches for each in ledger.post(batch, now)]
        assert told(outcomes) == told(life.outcomes)
        assert rows(ledger.tables) == rows(life.story.ledger.tables)
        assert broken_laws(ledger.tables) == []
    assert bool(sent) == (part < COUNT)


def test_batches_with_the_same_keys_wait_for_each_other_in_one_order(database: Database) -> None:
    """Else each would hold a key that the other needs: a second lost, and one batch given up."""
    story = Story.on(database)
    for name in ("ada", "bob"):
        story.open("pro", account_id=name)
    for turn in range(6):
        keys = [f"{turn}-{number:03}" for number in range(2 * PART + 1)]
        told = at_once(
            [
                lambda name=name, order=order: posted(story, name, order)  # type: ignore[misc]
                for name, order in (("ada", keys), ("bob", keys[::-1]))
            ]
        )
        assert not any("deadlock" in each.lower() for each in told), told
        assert "" in told
    assert broken_laws(story.ledger.tables) == []


def posted(story: Story, name: str, keys: list[str]) -> str:
    """Post a debit of an account for each key in one batch: what failed."""
    jobs = [Reference("task", f"{name}-{each}") for each in keys]
    commands = [
        debit(1, reference=job, account_id=name, request=key(each))
        for job, each in zip(jobs, keys, strict=True)
    ]
    try:
        story.ledger.post(commands, story.now)
    except Exception as error:
        return str(error)
    return ""

"""Law 8: what many threads did at once is what one would have done in the order of `seq`."""

import random
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from portal import ledger
from portal.database import Database
from portal.ledger import commands as asked
from portal.ledger.commands import Command, Outcome, Posted, Refused
from portal.ledger.model import DAY, Reference
from tests.ledger.memory import MemoryLedger, Tables
from tests.ledger.stories import ADMIN, START, STUDIO, TARIFFS, Story, debit, hold, ids
from tests.ledger.vault import Vault

THREADS, JOBS = 4, 25
Acknowledged = tuple[Command, Outcome]


@dataclass
class Worker:
    """One thread's jobs on two accounts, and what it was told."""

    number: int
    queue: ledger.Queue
    told: list[Acknowledged] = field(default_factory=list)

    def ask(self, command: Command) -> Outcome:
        outcome = self.queue.submit(command)
        self.told.append((command, outcome))
        return outcome

    def work(self) -> None:
        """Debits, holds that end in some way, refunds and grants, as funds allow."""
        chance = random.Random(self.number)
        for job in range(JOBS):
            account = chance.choice(["ada", "bob"])
            reference = Reference("task", f"{self.number}-{job}")
            about: dict[str, Any] = {"account_id": account, "reference": reference}
            kind = chance.choice(["debit", "debit", "hold", "grant", "grant"])
            if kind == "grant":
                life = DAY + 1_000 * self.number + job
                self.ask(
                    asked.IssueGrant(
                        actor=STUDIO,
                        credits=9,
                        origin="promotion",
                        expires_at=START + life,
                        **about,
                    )
                )
                continue
            make = debit if kind == "debit" else hold
            outcome = self.ask(make(chance.randint(1, 30), **about))
            if isinstance(outcome, Posted):
                self.end(outcome, chance)
        greedy = Reference("task", f"{self.number}-greedy")
        self.ask(debit(10**6, account_id="ada", reference=greedy))  # nobody has as much

    def end(self, outcome: Posted, chance: random.Random) -> None:
        """Give a part of a debit back; capture or release a hold."""
        assert outcome.entry is not None
        if outcome.hold is None:
            if chance.random() < 0.3:
                entry_id = outcome.entry.id
                self.ask(asked.Refund(actor=STUDIO, entry_id=entry_id, reason="partial", credits=1))
            return
        name = outcome.hold.id
        if chance.random() < 0.5:
            credits = chance.randint(0, outcome.hold.amount)
            self.ask(asked.CaptureHold(actor=STUDIO, hold_id=name, credits=credits))
        else:
            self.ask(asked.ReleaseHold(actor=STUDIO, hold_id=name, reason="cancelled"))


def in_order(acknowledged: list[Acknowledged], tables: Tables) -> Iterator[Acknowledged]:
    """All commands of each account by seq; a refusal after the entry it saw last."""

    def place(one: Acknowledged) -> tuple[str, int, int]:
        outcome = one[1]
        if isinstance(outcome, Refused):
            refusal = tables.refusals[outcome.refusal_id or ""]
            return (refusal.account_id, refusal.as_of_seq, 1)
        assert outcome.entry is not None
        return (outcome.entry.account_id, outcome.entry.seq, 0)

    yield from sorted(acknowledged, key=place)


def told(outcome: Outcome, names: dict[str, str]) -> list[object]:
    """An answer without its ids and hashes; its own ids by number, those it names by name."""
    if isinstance(outcome, Refused):
        return [type(outcome.error), outcome.error.__dict__]
    entry = outcome.entry
    assert entry is not None
    about = [names.get(name or "", name) for name in (entry.hold_id, entry.reverses_id)]
    draws = [(names.get(d.grant_id or "", d.grant_id), d.amount, d.pinned) for d in outcome.draws]
    return [*entry[:2], *entry[3:19], *about, *entry[21:29], draws]


def disagreements(acknowledged: list[Acknowledged]) -> list[tuple[object, object]]:
    """Ask a model with one thread everything in this order; where its answers differ."""
    model = Story(MemoryLedger(TARIFFS, ids(99)))
    begin(model)
    names: dict[str, str] = {}
    differing: list[tuple[object, object]] = []
    for command, outcome in acknowledged:
        for member in ("hold_id", "entry_id"):
            name = getattr(command, member, None)
            if name is not None:
                command = replace(command, **{member: names.get(name, name)})
        again = model.ask(command)
        learn(names, outcome, again)
        ours, theirs = told(outcome, names), told(again, {})
        if ours != theirs:
            differing.append((ours, theirs))
    return differing


def learn(names: dict[str, str], outcome: Outcome, again: Outcome) -> None:
    """The model's name of everything that an outcome made or drew."""
    if isinstance(outcome, Posted) and isinstance(again, Posted):
        pairs = [
            (one.grant_id, other.grant_id)
            for one, other in zip(outcome.draws, again.draws, strict=False)
        ]
        if outcome.entry and again.entry:
            pairs.append((outcome.entry.id, again.entry.id))
            pairs.append((outcome.entry.hold_id, again.entry.hold_id))
        for one, other in pairs:
            if one is not None:
                names.setdefault(one, other or "")


def begin(story: Story) -> None:
    """Two customers who soon run out."""
    for account in ("ada", "bob"):
        story.open("free", account_id=account, actor=ADMIN)


@pytest.fixture
def acknowledged(database: Database) -> list[Acknowledged]:
    """What four threads were told, in the order of seq."""
    story = Story.on(database)
    begin(story)
    vault = story.ledger
    assert isinstance(vault, Vault)
    queue = ledger.Queue(lambda commands: vault.post(commands, START))
    workers = [Worker(number, queue) for number in range(THREADS)]
    threads = [threading.Thread(target=worker.work) for worker in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    everything = [one for worker in workers for one in worker.told]
    return list(in_order(everything, vault.tables))


def test_many_at_once_answer_as_one_would_in_the_order_of_seq(
    acknowledged: list[Acknowledged],
) -> None:
    assert disagreements(acknowledged) == []
    kinds = {type(outcome) for _, outcome in acknowledged}
    assert len(acknowledged) > THREADS * JOBS
    assert kinds == {Posted, Refused}


def test_control_another_order_gives_other_answers(acknowledged: list[Acknowledged]) -> None:
    other = acknowledged.copy()
    posted = [isinstance(outcome, Posted) for _, outcome in other]
    place = next(n for n in range(len(other)) if posted[n] and posted[n + 1])
    other[place], other[place + 1] = other[place + 1], other[place]
    assert disagreements(other) != []


def test_control_an_answer_that_was_changed_is_found(acknowledged: list[Acknowledged]) -> None:
    place = next(n for n, (_, o) in enumerate(acknowledged) if isinstance(o, Posted))
    command, outcome = acknowledged[place]
    assert isinstance(outcome, Posted)
    assert outcome.entry is not None
    wrong = outcome._replace(entry=outcome.entry._replace(posted_after=7))
    assert len(disagreements([*acknowledged[:place], (command, wrong)])) == 1

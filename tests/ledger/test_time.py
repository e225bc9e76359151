"""Law 9: correctness never depends on a background job, and no cache is ever believed."""

import random
from collections.abc import Callable
from typing import Any

import pytest

from portal.config import Config
from portal.database import Database
from portal.database.upgrading import owner_connection
from portal.ledger import deciding, turnover
from portal.ledger.model import DAY
from portal.ledger.usage import recount_usage
from tests.ledger.memory import MemoryLedger
from tests.ledger.stories import HOUR, MINUTE, TARIFFS, Story, done, ids
from tests.ledger.vault import Vault

Sweep = Callable[[Story], None]


def never(_: Story) -> None:
    """No sweeper at all."""


def always(story: Story) -> None:
    """A sweeper that comes at the very instant at which anything falls due."""
    until, account = story.now, story.account
    while account.next_due_at is not None and account.next_due_at <= until:
        story.now = account.next_due_at
        account = story.advance()
    story.now = until


def now_and_then(story: Story) -> None:
    """A sweeper that comes when it likes."""
    if story.jobs % 3 == 0:
        story.advance()


def months(story: Story, sweep: Sweep, seed: int) -> Story:
    """Four months of jobs, gifts and pauses; time is the same whoever sweeps."""
    chance = random.Random(seed)
    story.open("plus")
    holds: list[str] = []
    for _ in range(60):
        story.wait(chance.choice([MINUTE, 20 * MINUTE, HOUR, 30 * HOUR, 9 * DAY]))
        sweep(story)
        kind = chance.randrange(6)
        if kind < 2:
            story.debit(chance.randint(1, 90))
        elif kind == 2:
            story.grant(chance.randint(1, 60), "promotion", life=chance.choice([HOUR, 2 * DAY]))
        elif kind == 3 or not holds:
            holds.append(story.place(chance.randint(1, 40), ttl_seconds=chance.choice([60, 7_200])))
        elif kind == 4:
            story.capture(holds.pop(), chance.randint(0, 40), final=chance.random() < 0.7)
        else:
            story.release(holds.pop())
    story.wait(70 * DAY)
    sweep(story)
    story.advance()
    return story


def history(story: Story) -> list[tuple[Any, ...]]:
    """Everything an entry says, but for its ids, its hashes and when it was written down."""
    return [
        (*entry[3:8], *entry[9:19], *entry[21:27], entry.occurred_at) for entry in story.entries()
    ]


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("sweep", [always, now_and_then], ids=["always", "now and then"])
def test_whoever_comes_first_the_history_is_the_same(sweep: Sweep, seed: int) -> None:
    swept, unswept = months(Story(), sweep, seed), months(Story(), never, seed)
    assert history(swept) == history(unswept)
    assert swept.grants == unswept.grants
    assert (swept.account.posted, swept.account.held) == (unswept.account.posted, 0)
    assert len(history(swept)) > 70


def test_whoever_comes_first_the_history_is_the_same_on_a_database(database: Database) -> None:
    swept = months(Story.on(database), now_and_then, 1)
    assert history(swept) == history(months(Story(), never, 1))


@pytest.mark.parametrize("broken", ["lapse", "turn_over"])
def test_control_time_that_is_told_by_who_comes_is_found(
    broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = getattr(turnover, broken)

    def late(book: Any, due_at: int, *_: int) -> None:
        """Say that it happened now, as a job that runs late would."""
        before = len(book.drafts)
        right(book, due_at, *_)
        for place in range(before, len(book.drafts)):
            draft = book.drafts[place]
            entry = draft.entry._replace(occurred_at=book.now)
            book.drafts[place] = draft._replace(entry=entry)

    monkeypatch.setattr(turnover, broken, late)
    swept, unswept = months(Story(), always, 1), months(Story(), never, 1)
    assert history(swept) != history(unswept)


def test_control_what_only_a_sweeper_writes_down_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def a_month(story: Story) -> list[tuple[Any, ...]]:
        story.open("free")
        story.place(10)
        story.wait(40 * DAY)
        story.debit(70)
        return history(story)

    right = a_month(Story())
    monkeypatch.setattr(deciding, "advance", lambda book, since=0: None)
    assert a_month(Story()) != right


def test_without_its_cache_every_answer_is_the_same(config: Config) -> None:
    database = Database(config)
    story = Story.on(database)
    months(story, never, 1)
    vault = story.ledger
    assert isinstance(vault, Vault)
    with database.reading() as connection:
        counted = recount_usage(connection, "ada")
    with owner_connection(config) as connection:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("DELETE FROM usage_days")
        else:
            connection.exec_driver_sql("TRUNCATE usage_days")
        connection.commit()
    before = vault.tables
    with database.reading() as connection:
        assert recount_usage(connection, "ada") == counted != ()
    memory = months(Story(MemoryLedger(TARIFFS, ids())), never, 1)
    story.now = memory.now
    for teller in (story, memory):
        done(teller.debit(3))
        teller.advance()
    assert history(story) == history(memory)
    assert len(vault.tables.entries) == len(before.entries) + 1
    database.dispose()

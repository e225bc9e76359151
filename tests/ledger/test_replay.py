"""A known key gets the answer it had, whatever has happened since."""

from collections.abc import Callable
from dataclasses import replace
from itertools import count
from typing import Any

import pytest

from portal.database import Database
from portal.ledger import audit, replay
from portal.ledger import commands as asked
from portal.ledger.commands import Command, Outcome, Posted, Refused
from portal.ledger.errors import InsufficientCreditsError
from portal.ledger.identifiers import Ids
from portal.ledger.model import DAY, Reference
from portal.ledger.replay import find_outcome, known_keys
from portal.ledger.statements import read_all
from tests.ledger.stories import (
    ADMIN,
    HOUR,
    MINUTE,
    OTHER,
    STUDIO,
    TARIFFS,
    Story,
    debit,
    done,
    entry_of,
    hold,
    key,
)

Ask = Callable[[Story], Command]


def plus(story: Story) -> None:
    """Ada on plus with a restricted promotion that lapses in two days."""
    story.open("plus")
    story.grant(40, "promotion", life=2 * DAY, operations=("speak", "fast"))


def refund(story: Story, *, wait: int, reason: str, tier: str = "plus") -> Command:
    """A refund of a debit that two grants paid for, after a while."""
    story.open("plus") if tier == "plus" else story.open(tier)
    story.grant(40, "promotion", life=2 * DAY)
    story.grant(30, "promotion", life=2 * DAY)
    charged = entry_of(story.debit(100))
    story.wait(wait)
    return asked.Refund(actor=STUDIO, entry_id=charged.id, reason=reason)


def overdrawn(story: Story) -> Command:
    """A refund of overdraft that was repaid in part."""
    story.open("scale")
    charged = entry_of(story.debit(700))
    story.grant(150)
    return asked.Refund(actor=STUDIO, entry_id=charged.id, reason="failed", credits=120)


def held(story: Story, command: Callable[[str], Command], wait: int = 0) -> Command:
    """A command on a hold of 100."""
    plus(story)
    placed = story.place(100)
    story.wait(wait)
    return command(placed)


def extended(story: Story) -> Command:
    """The last capture of a hold that was extended and captured in part."""
    plus(story)
    placed = story.place(100)
    done(story.extend(placed, 900, quantity=150))
    done(story.capture(placed, 20, final=False))
    return asked.CaptureHold(actor=STUDIO, hold_id=placed, credits=60)


def lapsing(story: Story) -> Command:
    """The release of a hold on a grant that has lapsed meanwhile."""
    story.open("plus")
    story.grant(30, "promotion", life=5 * MINUTE)
    placed = story.place(100)
    story.wait(10 * MINUTE)
    return asked.ReleaseHold(actor=STUDIO, hold_id=placed, reason="failed")


def opening(story: Story) -> Command:
    return asked.PutAccount(actor=ADMIN, account_id="ada", name="Ada", tier="basic")


def upgrading(story: Story) -> Command:
    story.open("free")
    story.wait(5 * DAY)
    return asked.PutAccount(actor=ADMIN, account_id="ada", name="Ada L.", tier="plus")


def granting(story: Story) -> Command:
    story.open("free")
    return asked.IssueGrant(
        actor=STUDIO,
        account_id="ada",
        credits=5,
        origin="promotion",
        operations=("speak",),
        reference=Reference("payment", "p1"),
        expires_at=story.now + DAY,
        priority=3,
    )


def adjusting(story: Story) -> Command:
    plus(story)
    return asked.Adjust(
        actor=ADMIN,
        account_id="ada",
        amount=-45,
        reason="correction",
        note="n",
        reference=Reference("ticket", "T-1"),
        approved_by="otto@example.com",
    )


def debiting(story: Story) -> Command:
    plus(story)
    story.wait(HOUR)
    return debit(100, reference=story.job(), occurred_at=story.now - HOUR, labels='{"team":"a"}')


def holding(story: Story) -> Command:
    plus(story)
    return hold(100, reference=story.job(), metadata='{"voice":"é"}')


def short(story: Story) -> Command:
    plus(story)
    return debit(2_000, reference=story.job())


KINDS: dict[str, Ask] = {
    "open": opening,
    "upgrade": upgrading,
    "grant": granting,
    "debit": debiting,
    "refused debit": short,
    "adjustment": adjusting,
    "hold": holding,
    "extend": lambda s: held(
        s, lambda h: asked.ExtendHold(actor=STUDIO, hold_id=h, ttl_seconds=1_800, quantity=150)
    ),
    "capture": lambda s: held(s, lambda h: asked.CaptureHold(actor=STUDIO, hold_id=h, credits=60)),
    "capture, not final": lambda s: held(
        s, lambda h: asked.CaptureHold(actor=STUDIO, hold_id=h, credits=60, final=False)
    ),
    "capture after an extension": extended,
    "late capture": lambda s: held(
        s, lambda h: asked.CaptureHold(actor=STUDIO, hold_id=h, credits=60), HOUR
    ),
    "release": lambda s: held(
        s, lambda h: asked.ReleaseHold(actor=STUDIO, hold_id=h, reason="failed")
    ),
    "release that lets a grant lapse": lapsing,
    "refund": lambda s: refund(s, wait=0, reason="failed"),
    "refund that reinstates": lambda s: refund(s, wait=3 * DAY, reason="failed"),
    "refund that lapses": lambda s: refund(s, wait=3 * DAY, reason="goodwill"),
    "refund of overdraft": overdrawn,
}


def live_on(story: Story) -> None:
    """Everything about Ada changes after her answer."""
    if "ada" in story.ledger.tables.accounts:
        story.grant(5_000)
        story.debit(1_234)
        story.wait(3 * DAY)
        story.open("pro", name="Ada Lovelace")
        story.status("suspended")
        story.wait(70 * DAY)
        story.advance()


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_key_gets_the_same_answer_for_ever(database: Database, kind: str) -> None:
    story = Story.on(database)
    command = KINDS[kind](story)
    service = command.actor.name
    command = replace(command, request=key("k1", '{"n":1}', service))
    first = story.ask(command)
    assert not first.replayed
    live_on(story)
    rows = story.ledger.tables
    assert_again(first, story.ask(command))
    with database.reading() as connection:
        found = find_outcome(connection, service, "k1")
    assert found is not None
    assert_again(first, found)
    assert story.ledger.tables.__dict__ == rows.__dict__


def assert_again(first: Outcome, again: Outcome) -> None:
    """Equal in every field, and marked as replayed."""
    assert again.replayed
    if isinstance(first, Posted):
        assert isinstance(again, Posted)
        for name in ("account", "entry", "draws", "hold", "grants"):
            assert getattr(again, name) == getattr(first, name), name
        assert again._replace(replayed=False) == first
        return
    assert isinstance(again, Refused)
    assert isinstance(first.error, InsufficientCreditsError)
    assert type(again.error) is type(first.error)
    assert again.error.numbers() == first.error.numbers()
    assert again.refusal_id == first.refusal_id is not None


@pytest.mark.parametrize("step", [1, -1], ids=["rising", "falling"])
def test_grants_come_back_in_the_order_of_their_draws_whatever_their_ids(
    database: Database, step: int
) -> None:
    numbers = count(2**40, step)
    story = Story.on(database)
    story.ledger.ids = Ids(lambda size: next(numbers).to_bytes(size, "big"))
    command = replace(refund(story, wait=3 * DAY, reason="failed"), request=key("k1"))
    first = done(story.ask(command))
    assert len(first.grants) == 2
    assert [grant.id for grant in first.grants] == [draw.grant_id for draw in first.draws[-2:]]
    assert done(story.ask(command)).grants == first.grants
    with database.reading() as connection:
        assert audit(connection, tariffs=TARIFFS, now=story.now).differences == ()


def test_many_known_keys_are_answered_in_two_round_trips(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    story, numbers = Story.on(database), count(1)
    story.open("plus")
    story.open("basic", account_id="bob", name="Bob")
    placed = [story.place(100) for _ in range(3)]

    def under(command: Command) -> Command:
        return replace(command, request=key(f"k{next(numbers)}", service=command.actor.name))

    charged = story.debit(100)
    commands = [under(debit(n, reference=story.job())) for n in range(1, 6)]
    commands += [under(debit(1, account_id="bob", reference=story.job()))]
    commands += [under(debit(100_000, reference=story.job()))]
    commands += [
        under(asked.CaptureHold(actor=STUDIO, hold_id=placed[0], credits=n, final=n == 30))
        for n in (10, 20, 30)
    ]
    commands += [
        under(asked.ExtendHold(actor=STUDIO, hold_id=placed[1], ttl_seconds=60, quantity=150)),
        under(asked.ReleaseHold(actor=STUDIO, hold_id=placed[1], reason="failed")),
        under(asked.Refund(actor=STUDIO, entry_id=entry_of(charged).id, reason="failed")),
        under(hold(10, reference=story.job())),
    ]
    first = story.ledger.post(commands, story.now)
    assert [isinstance(each, Refused) for each in first].count(True) == 1
    live_on(story)
    trips = []

    def counted(*asked: Any) -> Any:
        trips.append(asked)
        return read_all(*asked)

    monkeypatch.setattr(replay, "read_all", counted)
    again = story.ledger.post([*commands[::-1], *commands], story.now)
    for before, after in zip([*first[::-1], *first], again, strict=True):
        assert_again(before, after)
    assert len(trips) == 2  # the second is for holds
    trips.clear()
    story.ledger.post([each for each in commands if isinstance(each, asked.Debit)], story.now)
    assert len(trips) == 1
    wanted = [f"k{n}" for n in range(1, next(numbers) + 1)]
    with database.reading() as connection:
        assert known_keys(connection, "studio", wanted) == set(wanted[:-1])
        assert known_keys(connection, "other", wanted) == set()


def test_a_key_that_never_was_has_no_outcome(database: Database) -> None:
    story = Story.on(database)
    story.open("free")
    with database.reading() as connection:
        assert find_outcome(connection, "studio", "k1") is None


def test_keys_of_two_services_are_two_keys(database: Database) -> None:
    story = Story.on(database)
    story.open("free")
    done(story.ask(debit(1, reference=story.job(), request=key("k1"))))
    other = key("k1", service="other")
    done(story.ask(debit(1, reference=story.job(), actor=OTHER, request=other)))
    assert story.account.posted == 98

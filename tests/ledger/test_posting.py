"""Posting: many commands in one database transaction, each answered on its own."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portal.config import Config
from portal.database import Database
from portal.ledger import commands as asked
from portal.ledger.commands import Command, Outcome, Posted, Refused, UndoneError
from portal.ledger.errors import (
    AccountFrozenError,
    AccountNotFoundError,
    AccountSuspendedError,
    AlreadyChargedError,
    CaptureExceedsHoldError,
    EntryNotFoundError,
    HoldNotFoundError,
    IdempotencyKeyReusedError,
    InsufficientCreditsError,
    LimitReachedError,
    ValidationError,
)
from portal.ledger.model import DAY, Entry, Reference
from portal.ledger.posting import differing
from tests.databases import DIALECTS, Databases
from tests.ledger.laws import broken_laws
from tests.ledger.stories import (
    ADMIN,
    HOUR,
    MINUTE,
    OTHER,
    STUDIO,
    Story,
    debit,
    done,
    entry_of,
    hold,
    key,
    refused,
    table,
)
from tests.ledger.vault import Vault


@pytest.fixture
def story(database: Database) -> Story:
    """Ada on free: 100 credits, two holds at once."""
    told = Story.on(database)
    told.open("free")
    return told


def together(story: Story, *commands: Command) -> list[Outcome]:
    """Post commands in one database transaction."""
    return story.ledger.post(commands, story.now)


# Keys ------------------------------------------------------------------------------------------


def test_the_same_key_twice_in_one_batch_is_done_once(story: Story) -> None:
    command = debit(30, reference=story.job(), request=key("k1"))
    first, again = together(story, command, command)
    assert isinstance(first, Posted)
    assert again == first._replace(replayed=True)
    assert story.account.posted == 70


def test_the_same_key_for_something_else_names_the_members_that_differ(story: Story) -> None:
    def request(quantity: int, body: dict[str, Any]) -> Command:
        body = {"quantity": quantity} | body
        return debit(quantity, reference=story.job(), request=key("k1", json.dumps(body)))

    first, poisoned = together(story, request(30, {"a": 1}), request(31, {"b": 2}))
    done(first)
    error = refused(
        poisoned, IdempotencyKeyReusedError, key="k1", members=("quantity", "a", "b")
    ).error
    told = "The key k1 stands for another request, which differs in quantity, a, b."
    assert str(error) == told
    refused(story.ask(request(30, {"a": 2})), IdempotencyKeyReusedError, members=("a",))
    assert story.account.posted == 70
    assert list(story.ledger.tables.refusals) == []


def test_members_that_differ_are_named_once_in_order() -> None:
    assert differing('{"a":1,"b":2,"c":3}', '{"d":4,"b":2,"c":null}') == ("a", "c", "d")
    assert differing('{"a":1}', '{"a":1}') == ()


def test_a_debit_refused_for_funds_is_refused_for_ever_under_its_key(story: Story) -> None:
    command = debit(101, reference=story.job(), request=key("k1"))
    first = refused(story.ask(command), InsufficientCreditsError, shortfall=1)
    [row] = story.ledger.tables.refusals.values()
    assert (row.id, row.command, row.code) == (first.refusal_id, "debit", "insufficient_credits")
    story.grant(500)
    again = refused(story.ask(command), InsufficientCreditsError, available=100)
    assert again.replayed
    [bound] = story.ledger.tables.requests.values()
    assert (bound.seq, bound.refusal_id) == (None, row.id)
    done(story.debit(101, request=key("k2")))


def test_a_debit_refused_for_funds_twice_in_one_batch_is_one_refusal(story: Story) -> None:
    command = debit(101, reference=story.job(), request=key("k1"))
    first, again = together(story, command, command)
    assert (first.replayed, again.replayed) == (False, True)
    assert len(story.ledger.tables.refusals) == 1


def test_a_hold_refused_for_funds_passes_under_its_key_after_a_purchase(story: Story) -> None:
    command = hold(101, reference=story.job(), request=key("k1"))
    refused(story.ask(command), InsufficientCreditsError)
    assert story.ledger.tables.requests == {}
    story.grant(500)
    assert not done(story.ask(command)).replayed
    assert done(story.ask(command)).replayed


@pytest.mark.parametrize(
    ("command", "error"),
    [
        (debit(0, reference=Reference("task", "1"), request=key("k1")), Exception),
        (debit(1, "sing", reference=Reference("task", "1"), request=key("k1")), Exception),
        (debit(1_001, reference=Reference("task", "1"), request=key("k1")), LimitReachedError),
        (debit(1, account_id="bob", reference=Reference("task", "1"), request=key("k1")), None),
        (asked.ReleaseHold(hold_id="h", reason="failed", request=key("k1")), HoldNotFoundError),
        (asked.Refund(entry_id="e", reason="failed", request=key("k1")), EntryNotFoundError),
    ],
)
def test_what_was_refused_for_another_reason_is_decided_anew(
    story: Story, command: Command, error: type[Exception] | None
) -> None:
    for outcome in together(story, command, command):
        assert isinstance(outcome, Refused)
        assert not outcome.replayed
        assert isinstance(outcome.error, error or AccountNotFoundError)
    assert story.ledger.tables.requests == {}


def test_a_change_of_terms_is_bound_to_no_key(story: Story) -> None:
    command = asked.PutAccount(
        actor=ADMIN, account_id="ada", name="B", tier="free", request=key("k", service=ADMIN.name)
    )
    assert [done(each).replayed for each in together(story, command, command)] == [False, False]
    assert story.ledger.tables.requests == {}


# Refusals --------------------------------------------------------------------------------------


def test_a_blocked_attempt_is_kept_with_its_numbers(story: Story) -> None:
    story.debit(30)
    story.place(20)
    attempt = story.hold(61, reference=Reference("task", "x"), request=key("k7"))
    outcome = refused(attempt, InsufficientCreditsError)
    [row] = story.ledger.tables.refusals.values()
    assert row.id == outcome.refusal_id
    assert (row.account_id, row.as_of_seq, row.command, row.code) == (
        "ada",
        3,
        "hold",
        "insufficient_credits",
    )
    assert (row.operation, row.quantity, row.required) == ("speak", 61, 61)
    assert (row.available, row.held, row.recorded_at) == (50, 20, story.now)
    assert (row.reference_type, row.reference_id) == ("task", "x")
    assert (row.actor_kind, row.actor, row.key_id, row.idempotency_key) == (*STUDIO, "k7")
    details = json.loads(row.details)
    assert (details["spendable"], details["shortfall"]) == (50, 11)
    assert details["next_allocation_at"] == story.account.period_end
    assert details["next_allocation"] == 100
    assert details["remedies"][0] == "open_holds"


def test_every_kind_of_blocked_attempt_is_kept(story: Story) -> None:
    placed = story.place(10, ttl_seconds=86_400)
    story.debit(1_001)
    story.extend(placed, quantity=1_001)
    story.adjust(-500)
    story.status("suspended")
    story.hold(1)
    story.status("frozen")
    story.grant(1)
    found = [(r.command, r.code, r.required) for r in story.ledger.tables.refusals.values()]
    assert sorted(found, key=str) == sorted(
        [
            ("debit", "limit_reached", None),
            ("extend", "limit_reached", None),
            ("adjustment", "insufficient_credits", 500),
            ("hold", "account_suspended", None),
            ("grant", "account_frozen", None),
        ],
        key=str,
    )


def test_what_is_wrong_in_itself_is_not_kept(story: Story) -> None:
    story.debit(1, "sing")
    story.release("hld_x")
    story.debit(1, reference=Reference("task", "1"))
    story.debit(1, reference=Reference("task", "1"))
    story.grant(0)
    story.debit(1, account_id="bob")
    assert story.ledger.tables.refusals == {}


def test_a_refusal_leaves_what_fell_due_and_nothing_half_done(story: Story) -> None:
    story.place(60, ttl_seconds=60)
    story.wait(MINUTE)
    refused(story.debit(101), InsufficientCreditsError, available=100, held=0)
    assert story.statement(1) == table("""
        hold    placed  0  60 -> 100 60
        release expired 0 -60 -> 100  0
    """)
    [row] = story.ledger.tables.refusals.values()
    assert row.as_of_seq == 3


def test_a_refusal_of_who_is_not_there_is_told_but_not_kept(story: Story) -> None:
    refused(story.ask(asked.Advance(account_id="bob")), AccountNotFoundError, account="bob")
    assert story.ledger.tables.refusals == {}


# Previews --------------------------------------------------------------------------------------

PREVIEWS: list[Callable[[Story], Command]] = [
    lambda s: debit(10, reference=s.job(), request=key("k1")),
    lambda s: debit(10_000, reference=s.job(), request=key("k1")),
    lambda s: hold(10, reference=s.job()),
    lambda s: asked.CaptureHold(actor=STUDIO, hold_id=s.place(5), credits=5),
    lambda s: asked.ReleaseHold(actor=STUDIO, hold_id=s.place(5), reason="failed"),
    lambda s: asked.ExtendHold(actor=STUDIO, hold_id=s.place(5), ttl_seconds=900, quantity=9),
    lambda s: asked.Refund(actor=STUDIO, entry_id=entry_of(s.debit(5)).id, reason="failed"),
    lambda s: asked.IssueGrant(account_id="ada", credits=5, origin="goodwill", reference=s.job()),
    lambda s: asked.PutAccount(account_id="ada", name="Ada", tier="pro"),
    lambda s: asked.PutAccount(account_id="new", name="New", tier="pro"),
    lambda s: asked.SetStatus(account_id="ada", status="frozen"),
    lambda s: asked.Advance(account_id="ada"),
    lambda s: asked.Advance(account_id="nobody"),
]


@pytest.mark.parametrize("make", PREVIEWS)
def test_a_preview_writes_nothing_and_says_what_would_happen(
    story: Story, make: Callable[[Story], Command]
) -> None:
    story.grant(3, "promotion", life=HOUR)
    command = make(story)
    story.now += 40 * DAY if isinstance(command, asked.Advance) else 0
    before = story.ledger.tables
    preview = story.ledger.preview(command, story.now)
    assert story.ledger.tables.__dict__ == before.__dict__
    outcome = story.ask(command)
    if isinstance(preview, Refused):
        assert isinstance(outcome, Refused)
        assert outcome.error.__dict__ == preview.error.__dict__
        return
    assert isinstance(outcome, Posted)
    assert (preview.account.posted, preview.account.held) == (
        outcome.account.posted,
        outcome.account.held,
    )
    if preview.entry is not None:
        assert outcome.entry is not None
        assert preview.entry[3:8] == outcome.entry[3:8]
        assert [d[4:] for d in preview.draws] == [d[4:] for d in outcome.draws]


def test_a_preview_of_time_shows_what_nobody_has_written_yet(story: Story) -> None:
    story.place(10)
    story.wait(40 * DAY)
    outcome = done(story.ledger.preview(asked.Advance(account_id="ada"), story.now))
    assert (outcome.account.posted, outcome.account.held) == (100, 0)
    assert [grant.remaining for grant in outcome.grants] == [100]
    assert outcome.entry is None
    assert len(story.entries()) == 2


# Clocks ----------------------------------------------------------------------------------------


def test_time_never_runs_backwards_on_an_account(story: Story) -> None:
    done(story.debit(1))
    first = story.now
    story.now -= 3 * DAY
    placed = done(story.hold(5, ttl_seconds=60))
    assert placed.hold is not None
    assert (entry_of(placed).recorded_at, placed.hold.expires_at) == (first, first + MINUTE)
    story.status("suspended")
    assert story.account.changed_at == first
    story.status("active")
    story.now = first + MINUTE
    assert story.advance().held == 0
    story.now -= HOUR
    refused(story.capture(placed.hold.id, 6), CaptureExceedsHoldError)


def test_late_usage_is_priced_by_the_time_it_was_done(story: Story) -> None:
    story.grant(500)
    story.now += 80 * DAY
    late = done(story.debit(10, occurred_at=story.now - 35 * DAY))
    entry = entry_of(late)
    assert (entry.tariff, entry.amount, entry.occurred_at) == ("first", -10, story.now - 35 * DAY)
    assert entry_of(story.debit(10)).amount == -20
    for occurred_at in (story.now - 35 * DAY - 1, story.now + 1):
        refused(story.debit(10, occurred_at=occurred_at), ValidationError, member="occurred_at")


# Every pair of commands in one batch -----------------------------------------------------------


@dataclass
class Scene:
    """An account with a hold and a charge, and the clock where something has just fallen due."""

    account: str
    hold: str
    expired: str
    charged: str


def prepare(story: Story, account: str) -> Scene:
    """Ada's namesake: on scale, with a lot that has lapsed, a hold that ran out, one that did not,
    and a turnover that is due."""
    about: dict[str, Any] = {"account_id": account}
    story.open("scale", **about)
    story.now = story.ledger.account(account).period_end - HOUR
    story.grant(60, "promotion", expires_at=story.now + MINUTE, **about)
    charged = entry_of(story.debit(80, **about)).id
    open_hold = story.place(
        70, reference=Reference("task", f"held-{account}"), ttl_seconds=86_400, **about
    )
    expired = story.place(30, ttl_seconds=60, **about)
    story.wait(HOUR + MINUTE)
    return Scene(account, open_hold, expired, charged)


def same_job(scene: Scene) -> dict[str, Any]:
    return {"account_id": scene.account, "reference": Reference("task", f"job-{scene.account}")}


def by_admin(scene: Scene) -> dict[str, Any]:
    return {"account_id": scene.account, "actor": ADMIN}


KINDS: dict[str, Callable[[Scene], Command]] = {
    "debit": lambda s: debit(200, **same_job(s)),
    "hold": lambda s: hold(150, **same_job(s)),
    "capture": lambda s: asked.CaptureHold(actor=STUDIO, hold_id=s.hold, credits=40),
    "capture, not final": lambda s: asked.CaptureHold(
        actor=STUDIO, hold_id=s.hold, credits=40, final=False
    ),
    "late capture": lambda s: asked.CaptureHold(actor=STUDIO, hold_id=s.expired, credits=20),
    "release": lambda s: asked.ReleaseHold(actor=STUDIO, hold_id=s.hold, reason="failed"),
    "extend": lambda s: asked.ExtendHold(
        actor=STUDIO, hold_id=s.hold, ttl_seconds=900, quantity=90
    ),
    "refund": lambda s: asked.Refund(
        actor=STUDIO, entry_id=s.charged, reason="goodwill", credits=50
    ),
    "grant": lambda s: asked.IssueGrant(
        account_id=s.account,
        credits=33,
        origin="purchase",
        reference=Reference("payment", f"pay-{s.account}"),
    ),
    "adjust": lambda s: asked.Adjust(
        amount=-300,
        reason="correction",
        reference=Reference("ticket", "1"),
        approved_by="otto",
        note="n",
        **by_admin(s),
    ),
    "upgrade": lambda s: asked.PutAccount(name="N", tier="pro", **by_admin(s)),
    "downgrade": lambda s: asked.PutAccount(name="N", tier="free", **by_admin(s)),
    "suspend": lambda s: asked.SetStatus(status="suspended", **by_admin(s)),
    "advance": lambda s: asked.Advance(account_id=s.account),
}


def said(entries: list[Entry]) -> list[tuple[Any, ...]]:
    """Everything an entry says, but for its ids and hashes."""
    return [(*e[3:10], *e[12:19], *e[21:24], e.occurred_at, e.recorded_at) for e in entries]


def answered(outcome: Outcome) -> object:
    if isinstance(outcome, Refused):
        return type(outcome.error)
    return said([outcome.entry]) if outcome.entry else None


def live(story: Story, first: str, *, at_once: bool) -> dict[str, tuple[object, object]]:
    """Each pair that begins with one kind, on an account of its own: answers and histories."""
    found: dict[str, tuple[object, object]] = {}
    start = story.now
    for place, second in enumerate(KINDS):
        story.now = start
        scene = prepare(story, f"a{place}")
        pair = [KINDS[first](scene), KINDS[second](scene)]
        batches = [pair] if at_once else [[command] for command in pair]
        outcomes = [each for batch in batches for each in together(story, *batch)]
        history = said(story.entries(scene.account))
        found[second] = ([answered(outcome) for outcome in outcomes], history)
    return found


@pytest.mark.parametrize("first", KINDS)
def test_two_commands_on_one_account_in_one_batch_are_two_commands(
    database: Database, first: str
) -> None:
    pairs = live(Story.on(database), first, at_once=True)
    assert pairs == live(Story(), first, at_once=False)


def test_commands_on_many_accounts_and_a_turnover_between_go_into_one_batch(
    story: Story,
) -> None:
    for number in range(20):
        story.open("scale", account_id=f"b{number}")
    story.now += 32 * DAY
    commands: list[Command] = [
        debit(5, account_id=f"b{number % 20}", reference=story.job()) for number in range(60)
    ]
    commands[30:30] = [asked.PutAccount(account_id="late", name="L", tier="free")]
    commands += [debit(7, account_id="late", reference=story.job())]
    outcomes = together(story, *commands)
    assert all(isinstance(outcome, Posted) for outcome in outcomes)
    tables = story.ledger.tables
    assert broken_laws(tables) == []
    assert tables.accounts["late"].posted == 93
    assert {tables.accounts[f"b{n}"].posted for n in range(20)} == {985}


def test_a_batch_goes_on_after_a_refusal_in_its_middle(story: Story) -> None:
    job = story.job()
    outcomes = together(
        story,
        debit(60, reference=story.job()),
        debit(60, reference=story.job()),
        debit(40, reference=job),
        debit(40, reference=job),
        asked.SetStatus(account_id="ada", status="frozen"),
        debit(1, reference=story.job()),
    )
    done(outcomes[0])
    refused(outcomes[1], InsufficientCreditsError, required=60, spendable=40)
    refused(outcomes[3], AlreadyChargedError, original=entry_of(outcomes[2]).id)
    refused(outcomes[5], AccountFrozenError)
    assert story.account.posted == 0


def test_an_account_opened_in_a_batch_is_there_for_the_next_command(story: Story) -> None:
    outcomes = together(
        story,
        debit(1, account_id="bob", reference=story.job()),
        asked.PutAccount(account_id="bob", name="Bob", tier="gold"),
        asked.PutAccount(account_id="bob", name="Bob", tier="free"),
        asked.PutAccount(account_id="bob", name="Bob", tier="plus"),
        debit(1, account_id="bob", reference=story.job()),
        asked.SetStatus(account_id="bob", status="suspended"),
        debit(1, account_id="bob", reference=story.job()),
    )
    refused(outcomes[0], AccountNotFoundError)
    assert isinstance(outcomes[1], Refused)
    assert entry_of(outcomes[4]).posted_after == 999
    refused(outcomes[6], AccountSuspendedError)
    assert broken_laws(story.ledger.tables) == []


def test_nothing_is_asked_and_nothing_happens(story: Story) -> None:
    before = story.ledger.tables
    assert together(story) == []
    assert story.ledger.tables.__dict__ == before.__dict__


def test_the_service_of_another_may_not_use_my_hold_under_my_key(story: Story) -> None:
    placed = story.place(5, request=key("k1"))
    command = asked.ReleaseHold(
        actor=OTHER, hold_id=placed, reason="failed", request=key("k1", service="other")
    )
    assert isinstance(story.ask(command), Refused)
    assert story.account.held == 5


# All or nothing --------------------------------------------------------------------------------


@contextmanager
def opened(config: Config) -> Iterator[Database]:
    """A database whose connections are closed at the end."""
    database = Database(config)
    yield database
    database.dispose()


def atomically(story: Story, *commands: Command) -> list[Outcome]:
    """Post commands in one database transaction, all of them or none."""
    assert isinstance(story.ledger, Vault)
    return story.ledger.post(commands, story.now, atomic=True)


def test_one_refusal_undoes_all_and_binds_no_key(story: Story) -> None:
    def under(name: str, quantity: int, reference: Reference) -> Command:
        return debit(quantity, reference=reference, request=key(name))

    first, second, third = (under(f"k{n}", n, Reference("task", f"t{n}")) for n in (60, 50, 30))
    story.wait(40 * DAY)  # a turnover, whose terms are written between two decisions
    before = story.ledger.tables.__dict__
    with pytest.raises(UndoneError, match="command 1: This needs 50 credits") as undone:
        atomically(story, first, second, third)
    assert undone.value.place == 1
    assert isinstance(undone.value.error, InsufficientCreditsError)
    assert (undone.value.error.required, undone.value.error.available) == (50, 40)
    assert undone.value.refusal_id is None
    assert story.ledger.tables.__dict__ == before
    story.grant(10)
    outcomes = atomically(story, first, second)
    assert [done(each).replayed for each in outcomes] == [False, False]
    assert broken_laws(story.ledger.tables) == []


def test_what_was_done_before_stays_done_and_counts_as_done(story: Story) -> None:
    known = debit(30, reference=story.job(), request=key("k1"))
    fresh = debit(20, reference=story.job(), request=key("k2"))
    large = debit(60, reference=story.job(), request=key("k3"))
    first = done(story.ask(known))
    with pytest.raises(UndoneError) as undone:
        atomically(story, known, fresh, large)
    assert undone.value.place == 2
    assert story.account.posted == 70
    outcomes = atomically(story, known, fresh)
    assert outcomes[0] == first._replace(replayed=True)
    assert not done(outcomes[1]).replayed


def test_a_refusal_that_is_bound_to_its_key_is_told_as_it_was_kept(story: Story) -> None:
    command = debit(300, reference=story.job(), request=key("k1"))
    kept = story.ask(command)
    with pytest.raises(UndoneError) as undone:
        atomically(story, command)
    assert isinstance(kept, Refused)
    assert undone.value.refusal_id == kept.refusal_id is not None


@pytest.mark.parametrize("dialect", DIALECTS)
@settings(max_examples=20)
@given(
    quantities=st.lists(st.integers(1, 60), min_size=1, max_size=6),
    holds=st.lists(st.booleans(), min_size=6, max_size=6),
    again=st.booleans(),
)
def test_all_is_done_as_one_by_one_or_nothing_at_all(
    databases: Databases, dialect: str, quantities: list[int], holds: list[bool], again: bool
) -> None:
    commands: list[Command] = [
        (hold if is_hold else debit)(n, reference=Reference("task", f"t{place}"),
                                     request=key(f"k{place}", f'{{"n":{n}}}'))
        for place, (n, is_hold) in enumerate(zip(quantities, holds, strict=False))
    ]  # fmt: skip
    commands += commands[:1] if again else []
    twin = Story()
    twin.open("free")
    outcomes = twin.ledger.post(commands, twin.now)
    blocked = [place for place, each in enumerate(outcomes) if isinstance(each, Refused)]
    with databases.fresh(dialect) as config, opened(config) as database:
        told = Story.on(database)
        told.open("free")
        before = told.ledger.tables.__dict__
        if not blocked:
            assert atomically(told, *commands) == outcomes
            assert told.ledger.tables.entries == twin.ledger.tables.entries
            return
        with pytest.raises(UndoneError) as undone:
            atomically(told, *commands)
        assert undone.value.place == blocked[0]
        assert told.ledger.tables.__dict__ == before

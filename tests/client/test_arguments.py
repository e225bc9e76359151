"""What cannot be meant is told with its place and what is wanted, and nothing is sent."""

from __future__ import annotations

import datetime
import math
import pickle
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from portal.client import (
    ArgumentError,
    CaptureHold,
    Command,
    Credits,
    CreditsError,
    Debit,
    ExtendHold,
    Patience,
    PlaceHold,
    Refund,
    ReleaseHold,
    Settings,
    arguments,
)
from portal.client.commands import Spending
from tests.client.portals import HELD, KID, SECRET, Scripted, held, says

JOB: Any = {"quantity": 1, "reference": "job-1"}
GOOD = Debit("acme", "generate", **JOB)
ODD: list[tuple[Callable[[Any], object], str, str]] = [
    # a batch: what is no list, and what in it is no command
    (lambda c: c.batch(["x"]), "commands.0", "must be a command such as Debit, not a text"),
    (lambda c: c.batch([GOOD, None]), "commands.1", "must be a command such as Debit, not None"),
    (lambda c: c.batch([GOOD.in_batch()]), "commands.0", "such as Debit, not a mapping"),
    (lambda c: c.batch([Debit]), "commands.0", "such as Debit, not type"),
    (lambda c: c.batch([Command()]), "commands.0", "such as Debit, not Command"),
    (lambda c: c.batch([Spending("acme", "generate", **JOB)]), "commands.0", "not Spending"),
    (lambda c: c.batch(GOOD), "commands", "must be a list of commands, not Debit"),
    (lambda c: c.batch(each for each in [GOOD]), "commands", "must be a list of commands, not gen"),
    (lambda c: c.batch({GOOD.key: GOOD}.values()), "commands", "of commands, not dict_values"),
    (lambda c: c.batch("debit"), "commands", "must be a list of commands, not a text"),
    (lambda c: c.batch(b"debit"), "commands", "must be a list of commands, not bytes"),
    (lambda c: c.batch(None), "commands", "must be a list of commands, not None"),
    (lambda c: c.batch([GOOD], atomic="no"), "atomic", "must be True or False, not a text"),
    (lambda c: c.batch([GOOD], deadline="9"), "deadline", "a number of seconds, not a text"),
    (lambda c: c.batch([GOOD], deadline=10**400), "deadline", "must be 0.001 to 1000000 seconds"),
    (lambda c: c.batch([GOOD], deadline=0), "deadline", "must be 0.001 to 1000000 seconds"),
    (lambda c: c.batch([GOOD], deadline=-1.5), "deadline", "must be 0.001 to 1000000 seconds"),
    (lambda c: c.batch([GOOD], deadline=math.nan), "deadline", "must be 0.001 to 1000000 sec"),
    (lambda c: c.batch([GOOD], deadline=math.inf), "deadline", "must be 0.001 to 1000000 sec"),
    (lambda c: c.release(".."), "hold", "must not be '..', which is a place in every path"),
    (lambda c: c.account("."), "account", "must not be '.', which is a place in every path"),
    # what is charged, and for what
    (lambda c: c.quote(None, "generate", quantity=1), "account", "must be a text, not None"),
    (lambda c: c.quote("acme", b"generate", quantity=1), "operation", "must be a text, not bytes"),
    (lambda c: c.quote("acme", "generate"), "quantity", "or a text is needed, and not both"),
    (lambda c: c.quote("acme", "g", quantity=1, text="a"), "quantity", "needed, and not both"),
    (lambda c: c.quote("acme", "g", quantity=True), "quantity", "must be a whole number, not True"),
    (lambda c: c.quote("acme", "g", quantity=1.0), "quantity", "not a number with a point"),
    (lambda c: c.quote("acme", "g", text=b"a"), "text", "must be a text, not bytes"),
    (lambda c: c.quote("acme", "g", text="a\ud800"), "text", "half a surrogate pair at 1"),
    (lambda c: c.quote("acme", "g", quantity=1, key=7), "key", "must be 16 to 128 of"),
    (lambda c: c.quote("acme", "g", quantity=1, key=b"k" * 20), "key", "~ -, not bytes"),
    (lambda c: c.quote("acme", "g", quantity=1, deadline=True), "deadline", "seconds, not True"),
    (lambda c: c.debit(7, "generate", **JOB), "account", "must be a text, not a whole number"),
    (lambda c: c.debit("acme", None, **JOB), "operation", "must be a text, not None"),
    (lambda c: c.debit("acme", "g", **JOB, quote=7), "quote", "Quote or its id, not a whole"),
    (lambda c: c.debit("acme", "g", **JOB, labels=["a"]), "labels", "a mapping, not a list"),
    (lambda c: c.debit("acme", "g", **JOB, labels={"a": 1}), "labels.a", "a text, not a whole"),
    (lambda c: c.debit("acme", "g", **JOB, labels={1: "a"}), "labels", "must have names that are"),
    (lambda c: c.debit("acme", "g", **JOB, metadata="a"), "metadata", "be a mapping, not a text"),
    (lambda c: c.debit("acme", "g", **JOB, occurred_at=True), "occurred_at", "UTC microseconds"),
    (lambda c: c.debit("acme", "g", **JOB, occurred_at=datetime.datetime.now(datetime.UTC)),
     "occurred_at", "must be UTC microseconds, not datetime"),
    (lambda c: c.debit("acme", "g", **JOB, occurred_at=10**30), "occurred_at", "no time that is"),
    (lambda c: c.hold("acme", "g", **JOB, ttl_seconds="60"), "ttl_seconds", "number, not a text"),
    (lambda c: c.hold("acme", "g", **JOB, heartbeat="yes"), "heartbeat", "or False, not a text"),
    (lambda c: c.capture(None, 1), "hold", "must be a text, not None"),
    (lambda c: c.capture("hld_1", "1"), "credits", "must be a whole number, not a text"),
    (lambda c: c.capture("hld_1", True), "credits", "must be a whole number, not True"),
    (lambda c: c.capture("hld_1", 1, final="no"), "final", "must be True or False, not a text"),
    (lambda c: c.release("hld_1", None), "reason", "must be a text, not None"),
    (lambda c: c.release(b"hld_1"), "hold", "must be a text, not bytes"),
    (lambda c: c.extend("hld_1", None), "ttl_seconds", "must be a whole number, not None"),
    (lambda c: c.extend("hld_1", 60, quantity="9"), "quantity", "a whole number, not a text"),
    (lambda c: c.refund(None, "failed"), "entry", "must be an Entry or its id, not None"),
    (lambda c: c.refund("ent_1", 7), "reason", "must be a text, not a whole number"),
    (lambda c: c.refund("ent_1", "partial", credits=1.5), "credits", "not a number with a point"),
    # who there is
    (lambda c: c.grant("acme", "5", origin="purchase", reference="p"), "credits", "number, not"),
    (lambda c: c.grant(None, 5, origin="purchase", reference="p"), "account", "text, not None"),
    (lambda c: c.grant("acme", 5, origin=None, reference="p"), "origin", "a text, not None"),
    (lambda c: c.grant("acme", 5, origin="purchase", reference="p", priority=True), "priority",
     "must be a whole number, not True"),
    (lambda c: c.grant("acme", 5, origin="purchase", reference="p", expires_at=1.5), "expires_at",
     "UTC microseconds, not a number with"),
    (lambda c: c.grant("acme", 5, origin="purchase", reference="p", effective_at=False),
     "effective_at", "must be UTC microseconds, not False"),
    (lambda c: c.grant("acme", 5, origin="purchase", reference="p", operations="generate"),
     "operations", "must be a list of texts, not a text"),
    (lambda c: c.grant("acme", 5, origin="purchase", reference="p", operations=["a", None]),
     "operations.1", "must be a text, not None"),
    (lambda c: c.open_account(None, "Acme", "free"), "account", "must be a text, not None"),
    (lambda c: c.open_account("acme", None, "free"), "name", "must be a text, not None"),
    (lambda c: c.open_account("acme", "Acme", 1), "tier", "must be a text, not a whole number"),
    (lambda c: c.open_account("acme", "A", "free", anchor_at=True), "anchor_at", "not True"),
    (lambda c: c.open_account("acme", "A", "free", time_zone={1}), "time_zone", "written as JSON"),
    # what is read
    (lambda c: c.balance(None), "account", "must be a text, not None"),
    (lambda c: c.balance("acme", as_of=True), "as_of", "must be a seq or a time as text, not True"),
    (lambda c: c.balance("acme", as_of=b"1"), "as_of", "or a time as text, not bytes"),
    (lambda c: c.account(b"acme"), "account", "must be a text, not bytes"),
    (lambda c: c.get_hold(7), "hold", "must be a text, not a whole number"),
    (lambda c: c.find_outcome(None), "key", "must be a text, not None"),
    (lambda c: c.entries(None), "account", "must be a text, not None"),
    (lambda c: c.entries("acme", newest="3"), "newest", "must be a whole number, not a text"),
    (lambda c: c.entries("acme", newest=True), "newest", "must be a whole number, not True"),
    (lambda c: c.entries("acme", before="3"), "before", "must be a whole number, not a text"),
    (lambda c: c.entries("acme", kind=7), "kind", "a list of texts, not a whole number"),
    (lambda c: c.entries("acme", operation=["a", 7]), "operation.1", "a text, not a whole number"),
    (lambda c: c.entries("acme", reference=7), "reference", "must be a text, not a whole number"),
    (lambda c: c.entries("acme", from_=True), "from_", "must be UTC microseconds, not True"),
    (lambda c: c.entries("acme", to=1.5), "to", "UTC microseconds, not a number with"),
]  # fmt: skip
REFERENCES: list[Any] = [
    None, 7, b"job-1", True, {"type": "task", "id": "job-1"}, ("task",), ("task", "job", "1"),
    ("task", 7), (None, "job-1"), iter("ab"),
]  # fmt: skip


@pytest.fixture(scope="module")
def portal() -> Iterator[Scripted]:
    with Scripted([says(500, {})]) as served:
        yield served


@pytest.fixture(scope="module")
def credits(portal: Scripted) -> Credits:
    return portal.credits()


@pytest.mark.parametrize(
    ("ask", "place", "told"), ODD, ids=[f"{n}-{place}" for n, (_, place, _) in enumerate(ODD)]
)
def test_it_is_told_and_nothing_is_sent(
    portal: Scripted, credits: Credits, ask: Callable[[Any], object], place: str, told: str
) -> None:
    with pytest.raises(ArgumentError) as caught:
        ask(credits)
    assert caught.value.place == place
    assert told in str(caught.value)
    assert str(caught.value) == f"{place} {caught.value.rule}"
    assert portal.heads == []


@pytest.mark.parametrize(
    "reference",
    REFERENCES,
    ids=lambda each: type(each).__name__ if hasattr(each, "__next__") else str(each),
)
def test_a_reference_is_an_id_or_a_pair(portal: Scripted, credits: Credits, reference: Any) -> None:
    for ask in (credits.debit, credits.hold, Debit, PlaceHold):
        with pytest.raises(ArgumentError, match="reference must be an id, or a pair of type and"):
            ask("acme", "generate", quantity=1, reference=reference)
    assert portal.heads == []


def test_a_command_tells_it_when_it_is_made() -> None:
    wrong: list[Callable[[], object]] = [
        lambda: Debit("acme", "generate", reference="job-1"),
        lambda: Debit("acme", "generate", **JOB, key=None),  # type: ignore[arg-type]
        lambda: PlaceHold("acme", "generate", **JOB, ttl_seconds=True),
        lambda: CaptureHold("hld_1", None),  # type: ignore[arg-type]
        lambda: ReleaseHold(None),  # type: ignore[arg-type]
        lambda: ExtendHold("hld_1", 60, False),
        lambda: Refund({"id": "ent_1"}, "failed"),  # type: ignore[arg-type]
    ]
    for make in wrong:
        with pytest.raises(ArgumentError):
            make()


def test_what_cannot_be_json_is_told_by_its_whole_name(portal: Scripted, credits: Credits) -> None:
    circle: Any = {}
    circle["again"] = circle
    day = datetime.date(2026, 11, 22)
    metadata: Any
    for metadata, place in (
        ({"a": {"days": [1, day]}}, "metadata.a.days.1"),
        ({"x": float("inf")}, "metadata.x"),
        ({"half": "\udc00"}, "metadata.half"),
        ({"\udc00": {1}}, "metadata.\\udc00"),
        ({("a", "b"): 1}, "metadata"),
        (circle, "metadata.again"),
    ):
        debit = Debit("acme", "generate", **JOB, metadata=metadata)
        with pytest.raises(ArgumentError, match="cannot be written as JSON") as alone:
            credits.debit("acme", "generate", **JOB, metadata=metadata)
        with pytest.raises(ArgumentError, match="cannot be written as JSON") as among:
            credits.batch([GOOD, debit])
        assert alone.value.place.startswith(place)
        assert among.value.place.startswith(f"commands.1.{place}")
    assert portal.heads == []


def test_a_hold_goes_on_as_if_what_makes_no_sense_had_not_been_said() -> None:
    """Nothing of it is kept: leaving the block by it gives the credits back."""
    wrong: list[Callable[[Any], object]] = [
        lambda hold: hold.used(quantity="3"),
        lambda hold: hold.used(credits=True),
        lambda hold: hold.capture(credits="3"),
        lambda hold: hold.capture(quantity=3.5),
        lambda hold: hold.capture(final="no"),
        lambda hold: hold.release(7),
        lambda hold: hold.extend("60"),
        lambda hold: hold.extend(quantity=b"3"),
    ]
    for say in wrong:
        with Scripted([says(201, HELD), says(201, held(status="released"))]) as portal:
            hold = portal.credits().hold("acme", "generate", **JOB)
            hold.used(quantity=2)
            with pytest.raises(ArgumentError), hold:
                say(hold)
            paths = [head.split(" ")[1] for head in portal.heads]
            assert paths == ["/internal/v1/holds", "/internal/v1/holds/hld_1/release"]
            assert b'"failed"' in portal.bodies[-1]


def test_what_was_said_before_stays_said() -> None:
    with Scripted([says(201, HELD), says(201, held(status="captured"))]) as portal:
        with portal.credits().hold("acme", "generate", **JOB) as hold:
            hold.used(credits=7)
            with pytest.raises(ArgumentError):
                hold.used(text=7)  # type: ignore[arg-type]
        assert b'"credits":7' in portal.bodies[-1]


def test_a_client_is_told_by_what_it_is_made() -> None:
    settings = Settings.of("https://credits.example", KID, SECRET)
    wrong: list[tuple[Any, Any, str]] = [
        ("https://credits.example", Patience(), "settings must be Settings, not a text"),
        (None, Patience(), "settings must be Settings, not None"),
        (settings, None, "patience must be a Patience, not None"),
        (settings, 3, "patience must be a Patience, not a whole number"),
        (settings, Patience(tries=2.5), "patience.tries must be a whole number, not a"),  # type: ignore[arg-type]
        (settings, Patience(tries=0), "patience.tries must be 1 or more"),
        (settings, Patience(answer=0), "patience.answer must be 0.001 to 1000000 seconds"),
        (settings, Patience(longest=-1), "patience.longest must be 0 to 1000000 seconds"),
        (settings, Patience(deadline=None), "patience.deadline must be a number of seconds"),  # type: ignore[arg-type]
        (settings, Patience(first="1"), "patience.first must be a number of seconds, not a"),  # type: ignore[arg-type]
    ]
    for of, patience, told in wrong:
        with pytest.raises(ArgumentError, match=told):
            Credits(of, patience=patience)


def test_it_is_an_error_of_the_client_and_a_value_error_that_crosses_processes() -> None:
    error = ArgumentError("commands.1", "must be a command")
    back = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert (back.place, back.rule, str(back)) == (error.place, error.rule, str(error))
    assert isinstance(error, CreditsError)
    assert isinstance(error, ValueError)


def test_what_came_is_named_by_its_kind_and_never_shown() -> None:
    came: tuple[Any, ...] = (None, True, 10**5000, "secret", b"", [])
    assert [arguments.kind_of(each) for each in came] == [
        "None", "True", "a whole number", "a text", "bytes", "a list",
    ]  # fmt: skip

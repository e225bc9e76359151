"""The history is written by the real ledger: it audits clean, and is told the same twice."""

from collections import Counter

import pytest
from sqlalchemy import Connection

from portal import ledger
from portal.cli.demo.cast import CUSTOMERS, MIRA, NORTHWIND, WANDERLUST
from portal.cli.demo.history import lots_of, scripts
from portal.cli.demo.mira import LEFT
from portal.cli.demo.orders import Service
from portal.cli.demo.stage import DAY, HOUR, Scene
from tests.cli.demo.conftest import FEW, NOW, SERVICE, Filled, Tell, micros, tell_all


def all_entries(connection: Connection) -> list[ledger.Entry]:
    return [
        entry
        for customer in CUSTOMERS
        for entry in ledger.page(connection, customer.account, ledger.Filter(), limit=5_000).entries
    ]


def test_the_audit_finds_nothing(filled: Filled) -> None:
    with filled.database.reading() as connection:
        report = ledger.audit(connection, now=NOW)
    assert report.differences == ()
    assert report.overdue == ()
    assert 1_500 <= report.counts["entries"] <= 4_000
    assert report.counts["accounts"] == 3


def test_it_covers_ninety_days_up_to_now(filled: Filled) -> None:
    with filled.database.reading() as connection:
        instants = [entry.recorded_at for entry in all_entries(connection)]
    assert min(instants) == NOW - 90 * DAY
    assert NOW - HOUR < max(instants) <= NOW
    assert len({at // DAY for at in instants}) > 85


def test_weekdays_are_busier_than_weekends(filled: Filled) -> None:
    with filled.database.reading() as connection:
        weekdays = Counter(
            (entry.recorded_at // DAY + 3) % 7
            for entry in all_entries(connection)
            if entry.kind in ("debit", "hold")
        )
    assert min(weekdays[day] for day in range(5)) > max(weekdays[5], weekdays[6])


def test_services_can_look_up_what_they_asked(filled: Filled) -> None:
    with filled.database.reading() as connection:
        page = ledger.page(connection, "northwind", ledger.Filter(kinds=("debit",)), limit=20)
        for entry in page.entries:
            assert entry.idempotency_key is not None
            found = ledger.find_outcome(connection, entry.actor, entry.idempotency_key)
            assert isinstance(found, ledger.Posted)
            assert found.entry == entry


def test_both_databases_hold_the_same_bytes(own: Filled, connection: Connection) -> None:
    with own.database.reading() as other:
        assert ledger.audit(other, now=NOW).clean
        service = Service("studio", next(e.key_id for e in all_entries(other) if e.key_id))
        theirs = [ledger.get_account(other, each.account) for each in CUSTOMERS]
    tell_all(connection, Scene(NOW, FEW), service)
    ours = [ledger.get_account(connection, each.account) for each in CUSTOMERS]
    assert [each.head_hash for each in ours] == [each.head_hash for each in theirs]


def test_each_life_draws_its_own_lots() -> None:
    assert lots_of("a").random() == lots_of("a").random() != lots_of("b").random()


def test_another_day_has_another_story() -> None:
    first, second = (
        [next(each) for each in scripts(Scene(NOW + days * DAY, 30), SERVICE)] for days in (0, 1)
    )
    assert [step.at for step in first] != [step.at + DAY for step in second]


def test_the_number_of_commands_is_told(connection: Connection) -> None:
    told: list[int] = []
    count = tell_all(connection, Scene(NOW, 2), SERVICE, told.append)
    assert count == len(told) > 20
    assert told == sorted(told)


@pytest.mark.parametrize(
    "now",
    [
        pytest.param(micros(2027, 1, 1, 0, 0, 9), id="a new year, seconds old"),
        pytest.param(micros(2026, 5, 31, 23, 59), id="the 31st"),
        pytest.param(micros(2028, 2, 29, 12), id="a leap day"),
    ],
)
def test_the_story_is_the_same_whenever_it_is_told(tell: Tell, now: int) -> None:
    told = tell(Scene(now, 90))
    busy, short, new = (
        ledger.get_account(told.connection, each.account) for each in (NORTHWIND, WANDERLUST, MIRA)
    )
    entries = told.entries(busy.id)
    reasons = Counter(entry.reason for entry in entries)
    assert min(entry.posted_after for entry in entries) < -8_000
    assert (reasons["late_capture"], reasons["purchase"]) == (1, 2)
    assert (reasons["compensation"], reasons["correction"], reasons["extended"] > 0) == (1, 1, True)
    assert 42_000 in {hold.amount for hold in ledger.open_holds(told.connection, busy.id)}
    assert busy.available > 50_000
    assert (short.tier, short.next_tier, 0 <= short.available < 2_000) == ("starter", None, True)
    assert told.refusals(short.id)[0].recorded_at > now - DAY
    assert "upgrade" in {entry.reason for entry in told.entries(short.id)}
    assert (new.tier, new.available) == ("free", LEFT)
    assert "lapsed" in {entry.reason for entry in told.entries(new.id)}
    assert ledger.audit(told.connection, now=now).clean

"""The audit as a whole: clean ledgers, lazily expired holds, one account, big ones, live ones."""

import gc
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from portal import pricing
from portal.config import Config
from portal.database import Database
from portal.ledger import commands as asked
from portal.ledger.audit import audit, audit_size
from portal.ledger.errors import AccountNotFoundError
from portal.ledger.identifiers import Ids
from portal.ledger.model import MICROSECONDS, Reference, Request
from portal.ledger.tariffs import publish_tariff
from tests.databases import Databases
from tests.forgery import Forger, forging
from tests.ledger.conftest import Lived, fill
from tests.ledger.histories import START, STUDIO, TARIFFS, Teller, place


@pytest.fixture
def forger(config: Config, databases: Databases) -> Iterator[Forger]:
    database = Database(config)
    fill(database)
    database.dispose()
    with forging(config, databases) as forger:
        yield forger


def opened(database: Database) -> Teller:
    """A database with one account, and a teller that writes to it in turns of its own."""
    with database.writing() as connection:
        publish_tariff(connection, TARIFFS[0], now=START, published_by="olga@example.com")
        teller = Teller(connection)
        teller.ask(asked.PutAccount, account_id="ada", name="Ada", tier="pro")
    return teller


def test_a_ledger_that_lived_through_everything_is_clean(lived: Lived) -> None:
    done: list[int] = []
    with lived.database.reading() as connection:
        size = audit_size(connection)
        report = audit(connection, now=lived.now, progress=done.append)
        tables = ("accounts", "entries", "grants", "holds", "requests", "refusals", "tariffs")
        counts = {
            name: connection.exec_driver_sql(f"SELECT count(*) FROM {name}").scalar_one()
            for name in tables
        }
    assert report.differences == ()
    assert report.clean
    assert report.counts == counts
    assert sum(done) == size


def test_an_empty_ledger_is_clean(database: Database) -> None:
    with database.reading() as connection:
        assert audit_size(connection) == 0
        report = audit(connection, now=START)
    assert report.clean
    assert report.counts == {}


@pytest.mark.parametrize("collects", [True, False])
def test_garbage_is_collected_after_an_audit_as_before_it(lived: Lived, collects: bool) -> None:
    seen: list[bool] = []
    before = gc.isenabled()
    try:
        (gc.enable if collects else gc.disable)()
        with lived.database.reading() as connection:
            audit(connection, now=lived.now, progress=lambda _: seen.append(gc.isenabled()))
        assert gc.isenabled() is collects
    finally:
        (gc.enable if before else gc.disable)()
    assert seen
    assert not any(seen)


def test_one_account_is_audited_alone(lived: Lived) -> None:
    done: list[int] = []
    with lived.database.reading() as connection:
        size = audit_size(connection, "bob")
        report = audit(connection, now=lived.now, account="bob", progress=done.append)
        whole = audit(connection, now=lived.now)
    assert report.clean
    assert report.counts["accounts"] == 1
    assert report.counts["entries"] < whole.counts["entries"]
    assert sum(done) == size


def test_an_account_nobody_knows_is_refused(lived: Lived) -> None:
    with lived.database.reading() as connection, pytest.raises(AccountNotFoundError):
        audit(connection, now=lived.now, account="nobody")


def test_an_account_whose_row_is_gone_is_not_unknown(forger: Forger, database: Database) -> None:
    row = next(row for row in forger.rows("accounts") if row["id"] == "bob")
    forger.delete("accounts", row)
    with database.reading() as connection:
        report = audit(connection, now=START, account="bob")
    assert {each.account for each in report.differences} == {"bob"}


def test_another_accounts_fault_is_not_told_of_this_one(forger: Forger, database: Database) -> None:
    row = next(row for row in forger.rows("entries") if row["account_id"] == "ada")
    forger.update("entries", row, note="x")
    with database.reading() as connection:
        assert audit(connection, now=START, account="bob").clean
        assert not audit(connection, now=START, account="ada").clean


def test_rows_that_hang_on_no_entry_are_named(forger: Forger, database: Database) -> None:
    for table, changes in (
        ("draws", {"position": 9, "seq": 10_000}),
        ("grants", {"id": "grt_stray", "seq": 10_001}),
        ("holds", {"id": "hld_stray", "seq": 10_002, "status": "expired"}),
    ):
        row = next(row for row in forger.rows(table) if row["account_id"] == "ada")
        forger.insert(table, row | changes)
    draw = next(row for row in forger.rows("draws") if row["account_id"] == "ada")
    gone = draw["seq"] - 1  # right before an entry with such rows
    forger.insert("draws", draw | {"position": 1, "seq": gone})
    adas = (row for row in forger.rows("entries") if row["account_id"] == "ada")
    entry = next(row for row in adas if row["seq"] == gone)
    forger.delete("entries", entry)
    with database.reading() as connection:
        found = audit(connection, now=START).differences
    places = {(each.seq, each.subject.split()[0], each.rule) for each in found}
    assert {(10_000, "draw", "seq"), (10_001, "grant", "seq"), (10_002, "hold", "hold")} <= places
    named = {(gone, "draw", "seq"), (gone, entry["id"], "seq")}
    assert named & places == {(gone, "draw", "seq")}
    assert (gone, "seq") in {(each.seq, each.rule) for each in found}


def test_an_open_hold_that_ran_out_is_told_and_is_no_difference(database: Database) -> None:
    opened(database)
    with database.writing() as connection:
        teller = Teller(
            connection, now=START + 5 * MICROSECONDS, ids=Ids(lambda size: b"\x05" * size)
        )
        hold_id = place(teller, 1, 70)
    with database.reading() as connection:
        before = audit(connection, now=teller.now)
        after = audit(connection, now=teller.now + 900 * MICROSECONDS)
    assert (before.clean, before.overdue) == (True, ())
    assert (after.clean, after.overdue_found) == (True, 1)
    assert after.overdue[0][:4] == ("ada", 2, hold_id, 70)


def test_prices_are_those_of_the_published_tariffs_unless_others_are_given(lived: Lived) -> None:
    document = TARIFFS[0].document.replace(
        "numerator = 1, denominator = 1", "numerator = 2, denominator = 1"
    )
    other = pricing.parse_tariff(document, "dearer")
    with lived.database.reading() as connection:
        report = audit(connection, now=lived.now, tariffs=pricing.Tariffs([other]))
        unknown = audit(connection, now=lived.now, tariffs=pricing.Tariffs())
    assert {each.rule for each in report.differences} == {"price"}
    assert {each.rule for each in unknown.differences} == {"tariff"}


def test_progress_is_told_in_steps_also_within_one_account(
    lived: Lived, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("audit", "pages"):
        monkeypatch.setattr(sys.modules[f"portal.ledger.{name}"], "STEP", 4)
    done: list[int] = []
    with lived.database.reading() as connection:
        size = audit_size(connection)
        audit(connection, now=lived.now, progress=done.append)
    assert sum(done) == size
    assert 4 <= max(done) < 8


def test_many_accounts_and_pages_are_read_in_few_statements(database: Database) -> None:
    teller = opened(database)
    with database.writing() as connection:
        teller.connection = connection
        for number in range(600):
            teller.ask(asked.PutAccount, account_id=f"{number:04}", name="", tier="free")
        teller.send(
            *(
                asked.Debit(
                    actor=STUDIO,
                    request=Request("studio", f"many-{number:012}", "{}"),
                    account_id=f"{number:04}",
                    operation="generate",
                    quantity=1 + number,
                    reference=Reference("task", f"many-{number}"),
                )
                for number in range(600)
            )
        )
    asked_for: list[str] = []
    with database.reading() as connection:

        @sa.event.listens_for(connection, "before_cursor_execute")
        def count(_c: object, _k: object, text: str, *_: object) -> None:
            asked_for.append(text)

        report = audit(connection, now=teller.now)
        sa.event.remove(connection, "before_cursor_execute", count)
    assert report.differences == ()
    assert report.counts["entries"] == 1_201
    assert len(asked_for) < 40


def test_an_audit_sees_one_instant_while_others_write(database: Database) -> None:
    teller = opened(database)
    found: list[Any] = []

    def write(_: int) -> None:
        reference = Reference("task", f"meanwhile-{len(found)}")
        members = {"account_id": "ada", "operation": "generate", "quantity": 1}
        with database.writing() as connection:
            teller.connection = connection
            found.append(teller.ask(asked.Debit, reference=reference, **members))

    with database.reading() as connection:
        report = audit(connection, now=teller.now, progress=write)
    assert found
    assert (report.differences, report.counts["entries"]) == ((), 1)


def test_the_driver_is_given_back_as_it_was(lived: Lived) -> None:
    with lived.database.reading() as connection:
        driver: Any = connection.connection.driver_connection
        before = getattr(driver, "text_factory", None)
        audit(connection, now=lived.now)
        assert getattr(driver, "text_factory", None) is before

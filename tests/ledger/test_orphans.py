"""Rows that name a row which is not there, and sums across rows."""

from collections.abc import Callable, Iterator

import pytest

from portal.config import Config
from portal.database import Database
from portal.ledger.findings import Findings
from portal.ledger.orphans import UNANSWERED, WHOLE, check_query
from portal.ledger.parts import Part
from tests.databases import Databases
from tests.forgery import Forger, Row, forging
from tests.ledger.conftest import Lived, fill


@pytest.fixture
def forger(config: Config, databases: Databases) -> Iterator[Forger]:
    database = Database(config)
    fill(database)
    database.dispose()
    with forging(config, databases) as forger:
        yield forger


def found(database: Database, only: str | None = None) -> list[tuple[str | None, int | None, str]]:
    findings = Findings()
    with database.reading() as connection:
        for query in (*WHOLE, UNANSWERED):
            check_query(connection, findings, query, Part(query.rule, only=only))
    return sorted({(each.account, each.seq, each.rule) for each in findings.kept})


def one(forger: Forger, table: str, keeps: Callable[[Row], object]) -> Row:
    return next(row for row in forger.rows(table) if keeps(row))


def test_a_right_ledger_has_none(lived: Lived) -> None:
    assert found(lived.database) == []


def test_entries_of_a_hold_that_is_gone_are_named(forger: Forger, database: Database) -> None:
    hold = one(forger, "holds", lambda row: row["status"] == "captured")
    chain = [row for row in forger.rows("entries") if row["hold_id"] == hold["id"]]
    forger.delete("holds", hold)
    assert found(database) == [("ada", entry["seq"], "hold_id") for entry in chain]
    assert found(database, "bob") == []
    assert found(database, "ada") == found(database)


def test_entries_of_a_hold_on_another_account_are_named(forger: Forger, database: Database) -> None:
    hold = one(forger, "holds", lambda row: row["status"] == "released")
    forger.update("holds", hold, account_id="bob")
    assert ("ada", hold["seq"], "hold_id") in found(database)


@pytest.mark.parametrize(
    "changes", [{"id": "ent_other"}, {"kind": "expiry"}, {"account_id": "nobody"}, {"seq": 10_000}]
)
def test_a_refund_without_an_earlier_charge_of_its_account_is_named(
    forger: Forger, database: Database, changes: Row
) -> None:
    refund = one(forger, "entries", lambda row: row["reverses_id"])
    charge = one(forger, "entries", lambda row: row["id"] == refund["reverses_id"])
    forger.update("entries", charge, **changes)
    assert (refund["account_id"], refund["seq"], "reverses_id") in found(database)


def test_more_refunded_than_was_charged_is_named_at_the_last_refund(
    forger: Forger, database: Database
) -> None:
    charge = one(forger, "entries", lambda row: row["kind"] == "debit")
    refunds = [row for row in forger.rows("entries") if row["reverses_id"] == charge["id"]]
    forger.update("entries", refunds[0], amount=refunds[0]["amount"] + 1)
    assert found(database) == [("ada", refunds[-1]["seq"], "refunded")]


def test_an_entry_whose_key_nobody_asked_under_is_named(forger: Forger, database: Database) -> None:
    request = one(forger, "requests", lambda row: row["seq"])
    forger.delete("requests", request)
    expected = [("ada", request["seq"], "idempotency_key")]
    assert found(database) == expected
    forger.insert("requests", request | {"seq": request["seq"] + 1})
    assert found(database) == expected


def test_both_entries_of_a_capture_that_overflowed_have_one_key(
    forger: Forger, database: Database
) -> None:
    wider = one(forger, "entries", lambda row: row["reason"] == "overflow")
    request = one(forger, "requests", lambda row: row["key"] == wider["idempotency_key"])
    assert request["seq"] == wider["seq"] + 1
    forger.delete("requests", request)
    assert found(database) == [
        ("ada", wider["seq"], "idempotency_key"),
        ("ada", wider["seq"] + 1, "idempotency_key"),
    ]


def test_what_an_account_holds_is_the_sum_of_its_open_holds(
    forger: Forger, database: Database
) -> None:
    hold = one(forger, "holds", lambda row: row["captured"] == 0 and row["account_id"] == "ada")
    account = one(forger, "accounts", lambda row: row["id"] == "ada")
    hold = forger.update("holds", hold, status="open", resolved_seq=None)
    assert found(database) == [("ada", account["seq"], "held")]
    forger.update("accounts", account, held=hold["amount"])
    assert found(database) == []

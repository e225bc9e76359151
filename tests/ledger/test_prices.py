"""Prices re-run, and the documents they come from."""

from typing import Any

import pytest

from portal import pricing
from portal.database import Database
from portal.ledger import prices as module
from portal.ledger.chain import tariff_hash
from portal.ledger.findings import Findings
from portal.ledger.history import page
from portal.ledger.model import Entry, Published
from portal.ledger.prices import Prices, published
from portal.ledger.records import tariffs as table
from tests.ledger.conftest import Lived
from tests.ledger.histories import TARIFFS

TARIFF = TARIFFS[0]
TARIFF_ROW = (TARIFF.name, TARIFF.effective_at, TARIFF.sha256, TARIFF.document)


def entry_of(lived: Lived, **wanted: str) -> Entry:
    with lived.database.reading() as connection:
        return next(
            entry
            for entry in page(connection, "ada", limit=1_000).entries
            if all(getattr(entry, name) == value for name, value in wanted.items())
        )


def found(entry: Entry, tariff: pricing.Tariff | None = TARIFF) -> list[tuple[Any, ...]]:
    findings = Findings()
    Prices({TARIFF.name: tariff}, findings).check(entry)
    return [each[:5] for each in findings.kept]


def test_a_debit_takes_its_price_and_a_placed_hold_sets_it_aside(lived: Lived) -> None:
    debit = entry_of(lived, kind="debit", reason="usage")
    hold = entry_of(lived, kind="hold", reason="placed")
    assert found(debit) == found(hold) == []
    dear = debit._replace(quantity=1)
    assert found(dear) == [("ada", debit.seq, "price", "1", str(-debit.amount))]
    assert found(hold._replace(hold_amount=7))[0][2:] == ("price", "900", "7")


@pytest.mark.parametrize(
    "changes", [{"operation": "sing"}, {"operation": None}, {"quantity": None}, {"quantity": 0}]
)
def test_what_has_no_price_cannot_have_been_charged(lived: Lived, changes: Any) -> None:
    debit = entry_of(lived, kind="debit", reason="usage")._replace(**changes)
    assert [each[2:4] for each in found(debit)] == [("price", "None")]


def test_a_tariff_that_was_never_published_is_found(lived: Lived) -> None:
    allocation = entry_of(lived, kind="grant", reason="allocation")
    assert found(allocation) == []
    assert found(allocation._replace(tariff="1999-01"))[0][2] == "tariff"


def test_entries_without_a_tariff_have_no_price(lived: Lived) -> None:
    assert found(entry_of(lived, kind="grant", reason="purchase")) == []
    assert found(entry_of(lived, reason="late_capture")) == []


def test_nothing_is_priced_by_a_tariff_that_is_not_trusted(lived: Lived) -> None:
    debit = entry_of(lived, kind="debit", reason="usage")
    assert found(debit._replace(quantity=1), tariff=None) == []


def test_quotes_are_remembered_up_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MEMO_MAX", 3)
    prices = Prices({TARIFF.name: TARIFF}, Findings())
    for _ in range(2):
        for quantity in range(1, 9):
            assert prices.price(TARIFF.name, "generate", quantity) == quantity
            assert len(prices._memo) <= 3


def publish(database: Database, **changes: Any) -> list[tuple[Any, ...]]:
    """Put a row in as somebody else would, and say what is found and what is trusted."""
    row = Published(*TARIFF_ROW, published_at=1, published_by="olga@example.com", hash=b"")
    row = row._replace(**{name: value for name, value in changes.items() if name != "hash"})
    row = row._replace(hash=changes.get("hash", tariff_hash(row)))
    findings = Findings()
    with database.writing() as connection:
        connection.execute(table.insert().values(row._asdict()))
        known = published(connection, findings)
    assert findings.counts == {"tariffs": 1}
    assert TARIFF.name in known or "document" in changes
    assert (known.get(TARIFF.name) == TARIFF) == (not findings.found)
    return [(each.account, each.seq, each.rule, each.subject) for each in findings.kept]


def test_a_published_tariff_is_what_its_document_says(database: Database) -> None:
    assert publish(database) == []


@pytest.mark.parametrize(
    ("changes", "rules"),
    [
        ({"name": "2026-99"}, ["name"]),
        ({"effective_at": 5}, ["effective_at"]),
        ({"sha256": "00"}, ["sha256"]),
        ({"hash": b"no hash of it"}, ["hash"]),
        ({"document": TARIFF.document + "\n"}, ["sha256"]),
        ({"document": TARIFF.document.replace('"2026-01"', '"2026-02"', 1)}, ["sha256", "name"]),
        ({"document": "name ="}, ["document"]),
    ],
)
def test_a_tariff_whose_row_says_otherwise_is_named(
    database: Database, changes: dict[str, Any], rules: list[str]
) -> None:
    name = changes.get("name", TARIFF.name)
    expected = [(None, None, rule, f"tariff {name}") for rule in rules]
    assert publish(database, **changes) == expected

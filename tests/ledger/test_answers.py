"""Answered requests and refusals: their hashes, and that their outcome is there."""

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from portal.ledger import answers, rows
from portal.ledger.answers import check_refusal, check_request
from portal.ledger.chain import refusal_hash, request_hash
from portal.ledger.findings import Findings
from portal.ledger.model import Answered, Refusal
from portal.ledger.parts import Part
from portal.ledger.records import refusals, requests
from tests.ledger.conftest import Lived

ENTRY = Answered("studio", "key-1", "ada", 4, None, "{}", 50, b"")
REFUSED = Answered("studio", "key-2", "ada", None, "rfs_1", "{}", 60, b"")
REFUSAL = Refusal(
    "rfs_1", "ada", 3, "debit", "insufficient_credits", "generate", 9, 9, 1, 0, "task", "job-1",
    "service", "studio", "kid-1", "key-2", "{}", 60, b"",
)  # fmt: skip
NOTHING = (None, None, None, None, None)


def sealed(answered: Answered, **changes: Any) -> Answered:
    answered = answered._replace(**changes)
    return answered._replace(hash=request_hash(answered))


def of_request(answered: Answered, *found: object) -> list[tuple[Any, ...]]:
    findings = Findings()
    check_request(answered, found, findings)
    return [(each.account, each.seq, each.rule) for each in findings.kept]


def of_refusal(refusal: Refusal, head: int | None, bound: str | None) -> list[Any]:
    findings = Findings()
    check_refusal(refusal, head, bound, findings)
    return [(each.account, each.seq, each.rule) for each in findings.kept]


def test_a_key_answered_by_an_entry_is_silent() -> None:
    assert of_request(sealed(ENTRY), "key-1", "studio", 50, "usage", *NOTHING) == []


def test_a_key_answered_by_a_refusal_is_silent() -> None:
    found = (None, None, None, None, "ada", 3, "key-2", "studio", 60)
    assert of_request(sealed(REFUSED), *found) == []


def test_opening_an_account_under_a_key_is_answered_by_the_allocation() -> None:
    assert of_request(sealed(ENTRY), None, "ledger", 50, "allocation", *NOTHING) == []
    found = of_request(sealed(ENTRY), None, "ledger", 51, "allocation", *NOTHING)
    assert found == [("ada", 4, "recorded_at")]


@pytest.mark.parametrize("name", Answered._fields)
def test_each_column_of_a_request_is_seen(name: str) -> None:
    value = getattr(sealed(ENTRY), name)
    other: Any = "x" if value is None else value + type(value)(1)
    changed = sealed(ENTRY)._replace(**{name: other})
    rules = of_request(changed, "key-1", "studio", 50, "usage", *NOTHING)
    assert (changed.account_id, changed.seq, "hash") in rules


def test_a_request_whose_entry_is_another_or_gone_is_found() -> None:
    assert of_request(sealed(ENTRY), "key-9", "studio", 50, "usage", *NOTHING) == [
        ("ada", 4, "idempotency_key")
    ]
    assert of_request(sealed(ENTRY), "key-1", "choir", 51, "usage", *NOTHING) == [
        ("ada", 4, "actor"),
        ("ada", 4, "recorded_at"),
    ]
    gone = of_request(sealed(ENTRY), None, None, None, None, *NOTHING)
    assert [rule for _, _, rule in gone] == ["idempotency_key", "actor", "recorded_at"]


def test_a_request_whose_refusal_is_anothers_or_gone_is_found() -> None:
    nobody = of_request(sealed(REFUSED), None, None, None, None, *NOTHING)
    assert {(account, seq) for account, seq, _ in nobody} == {("ada", 0)}
    found = (None, None, None, None, "bob", 3, "key-2", "studio", 60)
    assert of_request(sealed(REFUSED), *found) == [("ada", 3, "account_id")]


def test_a_refusal_is_silent_where_its_account_and_request_are_there() -> None:
    refusal = REFUSAL._replace(hash=refusal_hash(REFUSAL))
    assert of_refusal(refusal, 3, "rfs_1") == []
    for changes in ({"command": "hold"}, {"required": None}, {"idempotency_key": None}):
        unbound = REFUSAL._replace(**changes)
        unbound = unbound._replace(hash=refusal_hash(unbound))
        assert of_refusal(unbound, 9, None) == []


@pytest.mark.parametrize(
    ("head", "bound", "rule"),
    [(3, None, "request"), (3, "rfs_2", "request"), (2, "rfs_1", "as_of_seq"),
     (None, "rfs_1", "account_id")],
)  # fmt: skip
def test_a_refusal_without_what_it_hangs_on_is_found(
    head: int | None, bound: str | None, rule: str
) -> None:
    refusal = REFUSAL._replace(hash=refusal_hash(REFUSAL))
    assert of_refusal(refusal, head, bound) == [("ada", 3, rule)]


@pytest.mark.parametrize("name", Refusal._fields)
def test_each_column_of_a_refusal_is_seen(name: str) -> None:
    refusal = REFUSAL._replace(hash=refusal_hash(REFUSAL))
    value = getattr(refusal, name)
    changed = refusal._replace(**{name: value + type(value)(1)})
    assert "hash" in {rule for _, _, rule in of_refusal(changed, 9, changed.id)}


@pytest.mark.parametrize(
    ("check", "table"),
    [(answers.check_requests, requests), (answers.check_refusals, refusals)],
)
@pytest.mark.parametrize("only", [None, "ada", "nobody"])
def test_every_row_is_read_and_told_to_progress(
    lived: Lived, check: Callable[..., None], table: sa.Table, only: str | None
) -> None:
    findings = Findings()
    done: list[int] = []
    statement = sa.select(rows.total(sa.literal(1))).select_from(table)
    if only is not None:
        statement = statement.where(table.c.account_id == only)
    with lived.database.reading() as connection:
        expected = connection.execute(statement).scalar_one()
        check(connection, findings, part=Part(table.name, only=only), progress=done.append)
    assert findings.counts[table.name] == len(done) == expected
    assert (expected == 0) == (only == "nobody")
    assert findings.found == 0

"""portal/operations/facts.py: what is told of the ledger is what its tables say."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from flask import Flask

from portal import ledger
from portal.database import Database
from portal.operations import facts
from portal.operations.facts import Audited, Standing, entries_so_far, find_audit, note_audit
from tests.internal.service import NOW, SECOND, Clock, Service

MINUTE = 60 * SECOND


def standing(vault: Database, clock: Clock) -> Standing:
    with vault.reading() as connection:
        return facts.standing(connection, clock.now)


def so_far(vault: Database, folder: Path, clock: Clock) -> Counter[str]:
    with vault.reading() as connection:
        return entries_so_far(connection, folder, clock.now)


def test_an_empty_ledger_has_nothing_open(app: Flask, vault: Database, clock: Clock) -> None:
    assert standing(vault, clock) == Standing(dict.fromkeys(facts.AGES, 0), 0, 0, 0, 0)


def test_open_holds_are_told_by_age(service: Service, vault: Database, clock: Clock) -> None:
    service.held(1, ttl_seconds=7200)
    clock.advance(seconds=4_000)
    released = service.held(1)
    service.post(f"/holds/{released}/release", {"reason": "failed"})
    clock.advance(seconds=100)
    service.held(1)
    found = standing(vault, clock)
    assert found.older == {0: 2, 60: 1, 600: 1, 3_600: 1, 86_400: 0}
    assert (found.oldest, found.overdue, found.due) == (4_100, 0, 0)


def test_what_fell_due_is_told_until_it_is_written(
    service: Service, vault: Database, clock: Clock
) -> None:
    service.held(1, ttl_seconds=60)
    clock.advance(seconds=90)
    found = standing(vault, clock)
    assert (found.overdue, found.due, found.late) == (1, 1, 30)
    service.debit(1)
    found = standing(vault, clock)
    assert (found.overdue, found.due, found.late) == (0, 0, 0)
    assert found.older[0] == 0


def test_entries_are_counted_once_whoever_wrote_them(
    service: Service, vault: Database, clock: Clock, tmp_path: Path
) -> None:
    assert so_far(vault, tmp_path, clock) == {}
    clock.advance(seconds=1)
    for _ in range(3):
        service.debit(1)
    service.held(1, ttl_seconds=60)
    assert so_far(vault, tmp_path, clock) == {}, "half a minute behind"
    clock.advance(seconds=70)
    service.debit(1)
    expected = {"debit": 3, "grant": 1, "hold": 1}
    for _ in range(3):
        assert so_far(vault, tmp_path, clock) == expected
    clock.advance(seconds=31)
    assert so_far(vault, tmp_path, clock) == {**expected, "debit": 4, "release": 1}
    clock.advance(seconds=-600)
    # A clock that is set back counts none twice.
    assert so_far(vault, tmp_path, clock)["debit"] == 4


def test_every_entry_is_counted_however_often_one_asks(
    service: Service, vault: Database, clock: Clock, tmp_path: Path
) -> None:
    so_far(vault, tmp_path, clock)
    for number in range(20):
        clock.advance(seconds=7, microseconds=number * 1_234)
        service.debit(1)
        so_far(vault, tmp_path, clock)
    clock.advance(seconds=60)
    assert so_far(vault, tmp_path, clock) == {"debit": 20, "grant": 1}


def test_a_mark_comes_before_the_ids_of_its_instant() -> None:
    for at in (NOW, NOW + 1, NOW + 999):
        assert facts.mark(at) <= ledger.Ids(bytes).new("ent", at)
        assert ledger.Ids(lambda size: b"\xff" * size).new("ent", at) < facts.mark(at + 1_000)


def test_an_audit_is_kept(tmp_path: Path) -> None:
    assert find_audit(tmp_path) is None
    note_audit(tmp_path / "shared", Audited(NOW, False, 3, 1_204))
    assert find_audit(tmp_path / "shared") == Audited(NOW, False, 3, 1_204)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"at": 1}'])
def test_an_audit_that_cannot_be_read_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / facts.AUDIT).write_text(text)
    assert find_audit(tmp_path) is None

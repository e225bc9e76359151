"""Gate 32: a forged row does not slip in beside what another session is entering at that moment."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from tests.databases import Databases
from tests.gate.attacks import LIVE_GRANT, draw, entry, grant
from tests.gate.scenes import Scene, scene

pytestmark = pytest.mark.gate
LATE = [draw(LIVE_GRANT, "1000", "0", at=50), grant()]
PROVED_UNDER_A_LOCK = ("draws_move", "grants_begin")


@pytest.fixture
def ledger(databases: Databases) -> Iterator[Scene]:
    """A ledger with history on PostgreSQL."""
    with databases.fresh("postgresql") as config, scene(databases, config) as made:
        yield made


@contextmanager
def two_sessions(ledger: Scene) -> Iterator[list[psycopg.Connection[Any]]]:
    """Two sessions of the portal's login, which give up a lock after a moment."""
    url = ledger.config.database_url.replace("+psycopg", "")
    options = "-c lock_timeout=200ms"
    with (
        psycopg.connect(url, options=options) as one,
        psycopg.connect(url, options=options) as other,
    ):
        yield [one, other]


def race(ledger: Scene, forged: str) -> str:
    """Forge a row of the next entry in one session while another session makes that entry."""
    with two_sessions(ledger) as (forger, honest):
        forger.execute(forged)
        try:
            honest.execute(entry())
            honest.commit()
        except psycopg.errors.LockNotAvailable:
            honest.rollback()
        try:
            forger.commit()
        except psycopg.Error as error:
            return type(error).__name__
    return "kept"


@pytest.mark.parametrize("forged", LATE, ids=["a draw", "a grant"])
def test_no_row_joins_an_entry_that_another_session_makes(ledger: Scene, forged: str) -> None:
    before = ledger.digest()
    assert race(ledger, forged) == "ForeignKeyViolation"
    assert ledger.digest() == before


@pytest.mark.parametrize("forged", LATE, ids=["a draw", "a grant"])
def test_no_row_joins_an_entry_that_is_not_committed_yet(ledger: Scene, forged: str) -> None:
    with two_sessions(ledger) as (honest, forger):
        honest.execute(entry())
        with pytest.raises(psycopg.errors.LockNotAvailable):
            forger.execute(forged)
        honest.rollback()


@pytest.mark.parametrize("forged", LATE, ids=["a draw", "a grant"])
def test_without_the_lock_the_row_would_be_kept(ledger: Scene, forged: str) -> None:
    """The foreign key to the entry is proved at the end, when the other's entry is there."""
    for name in PROVED_UNDER_A_LOCK:
        asked = ledger.superuser.execute("SELECT pg_get_functiondef(%s::regproc)", [name])
        [(text,)] = asked.fetchall()
        assert "FOR NO KEY UPDATE" in text
        ledger.superuser.execute(text.replace("FOR NO KEY UPDATE", ""))
    assert race(ledger, forged) == "kept"

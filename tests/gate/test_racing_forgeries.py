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
DRAW = draw(LIVE_GRANT, "1000", "0", at=50)


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


def test_no_grant_joins_an_entry_that_another_session_makes(ledger: Scene) -> None:
    before = ledger.digest()
    assert race(ledger, grant()) == "ForeignKeyViolation"
    assert ledger.digest() == before


def test_no_grant_joins_an_entry_that_is_not_committed_yet(ledger: Scene) -> None:
    with two_sessions(ledger) as (honest, forger):
        honest.execute(entry())
        with pytest.raises(psycopg.errors.LockNotAvailable):
            forger.execute(grant())
        honest.rollback()


def test_without_the_lock_the_grant_would_be_kept(ledger: Scene) -> None:
    """The foreign key to the entry is proved at the end, when the other's entry is there."""
    ledger.superuser.execute(without(ledger, "grants_begin", "FOR NO KEY UPDATE"))
    assert race(ledger, grant()) == "kept"


@pytest.mark.parametrize("committed", [True, False])
def test_no_draw_joins_an_entry_of_another_session(ledger: Scene, committed: bool) -> None:
    with two_sessions(ledger) as (honest, forger):
        honest.execute(entry())
        before = DRAW  # of the entry that is being made: its seq is read before that is there
        if committed:
            asked = forger.execute("SELECT seq + 1 FROM accounts WHERE id = 'ada'")
            [(seq,)] = asked.fetchall()
            before = DRAW.replace("seq + 1", str(seq))
            forger.rollback()
            honest.commit()
        with pytest.raises(psycopg.errors.RaiseException, match="an entry that is new"):
            forger.execute(before)
        honest.rollback()


def test_without_its_proof_the_draw_would_be_kept(ledger: Scene) -> None:
    ledger.superuser.execute(without(ledger, "draws_follow", "OR e.seq IS NULL"))
    assert race(ledger, DRAW) == "kept"


def without(ledger: Scene, function: str, words: str) -> str:
    """What defines a function anew, some of its words left out."""
    asked = ledger.superuser.execute("SELECT pg_get_functiondef(%s::regproc)", [function])
    [(text,)] = asked.fetchall()
    assert words in text
    return str(text.replace(words, ""))

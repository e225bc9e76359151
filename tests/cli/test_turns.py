"""portal/cli/turns.py: one has the turn; it goes on when that one ends or dies."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from portal.cli.turns import ServerTurn, turn_of
from portal.config import Config
from portal.database import DatabaseError
from tests.databases import Databases, config_for

HOLDERS = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted"


def test_one_has_the_turn_and_keeps_it_until_it_leaves(config: Config) -> None:
    one, other = turn_of(config), turn_of(config)
    assert [one.take(), one.take(), other.take(), one.take()] == [True, True, False, True]
    one.leave()
    assert [other.take(), one.take()] == [True, False]
    other.leave()
    other.leave()
    assert one.take()
    one.leave()


def test_another_portals_clock_has_a_turn_of_its_own(databases: Databases, dialect: str) -> None:
    with databases.fresh(dialect) as config, databases.fresh(dialect) as elsewhere:
        one, other = turn_of(config), turn_of(elsewhere)
        assert one.take()
        assert other.take()
        one.leave()
        other.leave()


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_a_folder_that_is_not_there_is_told(config: Config, tmp_path: Path) -> None:
    gone = replace(config, database_url=f"sqlite:///{tmp_path}/nowhere/portal.db")
    with pytest.raises(DatabaseError, match="No such file"):
        turn_of(gone).take()


@pytest.mark.parametrize("dialect", ["postgresql"], indirect=True)
def test_a_session_that_the_server_ended_has_lost_the_turn(
    config: Config, databases: Databases
) -> None:
    one, other = ServerTurn(config.database_url), ServerTurn(config.database_url)
    assert one.take()
    name = sa.make_url(config.database_url).database or ""
    root = databases.server().url(name).replace("+psycopg", "")
    with psycopg.connect(root, autocommit=True) as connection:
        holders = connection.execute(
            HOLDERS + " AND database = (SELECT oid FROM pg_database WHERE datname = %s)", [name]
        ).fetchall()
        assert len(holders) == 1
        connection.execute("SELECT pg_terminate_backend(%s, 5000)", holders[0])
    assert other.take()
    with pytest.raises(DatabaseError):
        one.take()
    assert not one.take()
    other.leave()
    assert one.take()
    one.leave()


def test_a_server_that_is_away_is_told(tmp_path: Path) -> None:
    config = config_for("postgresql://portal@127.0.0.1:1/portal", tmp_path)
    with pytest.raises(DatabaseError):
        turn_of(config).take()

"""portal/database/upgrading.py: from nothing to the newest migration, once at a time."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from alembic.script import ScriptDirectory

from portal.config import Config
from portal.database import Database, head, is_current, sqlite, upgrade
from portal.database.upgrading import MIGRATIONS, owner_connection
from tests.databases import MIGRATES, SERVES, Databases, config_for


@pytest.fixture
def empty(databases: Databases, dialect: str, tmp_path: Path) -> Iterator[Config]:
    """Settings for a database without a single table, or a file that is not there."""
    if dialect == "sqlite":
        yield config_for(f"sqlite:///{tmp_path}/below/portal.db", tmp_path)
        return
    server, name = databases.server(), f"empty_{os.getpid()}"
    url = server.url("postgres").replace("+psycopg", "")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" OWNER {MIGRATES}')
        owner = server.url(name, MIGRATES)
        yield config_for(server.url(name, SERVES), tmp_path, PORTAL_DATABASE_OWNER_URL=owner)
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def current(config: Config) -> bool:
    database = Database(replace(config, database_url=config.database_owner_url))
    try:
        with database.reading() as connection:
            return is_current(connection)
    finally:
        database.dispose()


def test_it_brings_nothing_to_the_newest_migration(empty: Config) -> None:
    assert upgrade(empty) == head()
    assert current(empty)
    if empty.sqlite_file:
        assert empty.sqlite_file.stat().st_mode & 0o777 == 0o600


def test_a_second_time_changes_nothing(empty: Config) -> None:
    assert upgrade(empty) == upgrade(empty) == head()


def test_many_at_once_migrate_once(empty: Config) -> None:
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(upgrade, [empty] * 4)) == [head()] * 4
    assert current(empty)


def test_before_the_first_migration_nothing_is_current(empty: Config) -> None:
    with owner_connection(empty) as connection:
        assert not is_current(connection)


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
@pytest.mark.parametrize("step", range(1, 400, 23))
def test_a_migration_that_is_interrupted_was_never_begun(
    empty: Config, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a first start that was killed would leave a file that no later one can use."""
    with monkeypatch.context() as patch:
        patch.setattr(sqlite, "connect", breaking(sqlite.connect, step))
        try:
            upgrade(empty)
        except sa.exc.DBAPIError:
            assert not current(empty)
        else:
            assert step > 300, "it has fewer steps than that"
    assert upgrade(empty) == head()
    assert current(empty)


def breaking(connect: Callable[..., sqlite3.Connection], step: int) -> Callable[..., object]:
    """Connections that change the schema so many times, and then fail."""

    def connected(path: Path, **how: Any) -> sqlite3.Connection:
        connection = connect(path, **how)
        left = iter(range(step))
        changes = {sqlite3.SQLITE_INSERT, sqlite3.SQLITE_CREATE_TRIGGER, sqlite3.SQLITE_UPDATE}

        def authorize(action: int, *_: object) -> int:
            if action in changes and next(left, None) is None:
                return sqlite3.SQLITE_DENY
            return sqlite3.SQLITE_OK

        connection.set_authorizer(authorize)
        return connection

    return connected


def test_there_is_one_newest_migration() -> None:
    assert head() == ScriptDirectory(str(MIGRATIONS)).get_current_head()

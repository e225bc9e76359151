"""portal/database/sqlite.py: connections that lose nothing, turns that are freed by death."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
import sqlalchemy as sa

from portal.config import Config
from portal.database import Database, DatabaseError, UnsafeDatabaseError
from portal.database import sqlite as guarded

pytestmark = pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)

SETTINGS = {
    "journal_mode": "wal",
    "synchronous": 2,
    "foreign_keys": 1,
    "recursive_triggers": 1,
    "trusted_schema": 0,
    "wal_autocheckpoint": 0,
    "cell_size_check": 1,
    "mmap_size": 0,
}


def file_of(config: Config) -> Path:
    assert config.sqlite_file is not None
    return config.sqlite_file


@pytest.mark.parametrize("writes", [True, False])
def test_every_connection_keeps_what_it_acknowledged(config: Config, writes: bool) -> None:
    engine = guarded.engine(file_of(config), writes=writes, pool=2)
    with engine.connect() as connection:
        raw = connection.connection.driver_connection
        assert raw is not None
        raw.set_authorizer(None)  # it would deny the questions below
        found = {name: raw.execute(f"PRAGMA {name}").fetchone()[0] for name in SETTINGS}
        assert found == SETTINGS
        assert raw.execute("PRAGMA query_only").fetchone() == (0 if writes else 1,)
    engine.dispose()


def test_a_writer_holds_the_lock_from_its_first_statement(database: Database) -> None:
    with database.writing() as connection:
        assert connection.connection.driver_connection is not None
        other = sqlite3.connect(file_of_database(database), timeout=0, isolation_level=None)
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")
        other.close()


@pytest.mark.parametrize("writes", [True, False])
def test_a_handle_that_was_closed_behind_the_pool_is_told_and_dropped(
    database: Database, writes: bool
) -> None:
    """BEGIN runs on the driver's own handle; that it failed is told as of any other statement."""
    begin = database.writing if writes else database.reading
    with begin() as connection:
        raw = connection.connection.driver_connection
        assert raw is not None
    raw.close()
    with pytest.raises(DatabaseError, match="closed database"), begin():
        pytest.fail("a closed handle cannot begin")
    with begin() as connection:
        assert connection.connection.driver_connection is not raw
        assert connection.scalar(sa.text("SELECT count(*) FROM accounts")) == 0


def file_of_database(database: Database) -> str:
    return str(database._writer.url.database)


def test_a_database_that_others_may_read_is_refused(config: Config) -> None:
    database = Database(config)
    assert database.check().startswith("SQLite ")
    file_of(config).chmod(0o640)
    with pytest.raises(UnsafeDatabaseError, match="chmod 600"):
        database.check()


@pytest.mark.parametrize("kind", ["tmpfs", "nfs4", "fuse.sshfs"])
def test_a_database_in_memory_or_on_a_network_is_refused(
    config: Config, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(guarded, "filesystem_of", lambda path: kind)
    with pytest.raises(UnsafeDatabaseError, match=kind):
        guarded.check(file_of(config))


def test_the_filesystem_is_that_of_the_longest_mount(config: Config) -> None:
    assert guarded.filesystem_of(Path("/proc/self")) == "proc"
    assert guarded.filesystem_of(file_of(config)) not in guarded.UNSAFE_FILESYSTEMS | {"unknown"}


def test_a_mended_sqlite_is_called_safe_and_of_another_it_is_said_why_it_is(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    for version, why in (
        (
            "3.51.2",
            ": SQLite before 3.51.3 can damage a file that several programs write at once, and the"
            " portal writes it one at a time; let no other program write to it",
        ),
        ("3.51.3", ""),
    ):
        monkeypatch.setattr(sqlite3, "sqlite_version", version)
        monkeypatch.setattr(
            sqlite3, "sqlite_version_info", tuple(int(part) for part in version.split("."))
        )
        assert guarded.check(file_of(config)) == f"SQLite {version}, safe{why}"


@pytest.mark.parametrize(
    ("action", "first", "second", "trigger", "allowed"),
    [
        (sqlite3.SQLITE_INSERT, "entries", None, None, True),
        (sqlite3.SQLITE_INSERT, "holds", None, None, False),
        (sqlite3.SQLITE_INSERT, "holds", None, "entries_move", True),
        (sqlite3.SQLITE_UPDATE, "entries", "amount", None, False),
        (sqlite3.SQLITE_UPDATE, "accounts", "posted", "entries_move", True),
        (sqlite3.SQLITE_DELETE, "entries", None, None, False),
        (sqlite3.SQLITE_PRAGMA, "wal_checkpoint", "PASSIVE", None, True),
        (sqlite3.SQLITE_PRAGMA, "data_version", None, None, True),
        (sqlite3.SQLITE_PRAGMA, "data_version", "1", None, False),
        (sqlite3.SQLITE_PRAGMA, "writable_schema", "1", None, False),
        (sqlite3.SQLITE_ATTACH, "x.db", None, None, False),
        (sqlite3.SQLITE_DROP_TABLE, "entries", None, None, False),
        (sqlite3.SQLITE_FUNCTION, None, "load_extension", None, False),
        (sqlite3.SQLITE_FUNCTION, None, "sum", None, True),
    ],
)
def test_what_a_statement_may_do(
    dialect: str, action: int, first: str, second: str, trigger: str, allowed: bool
) -> None:
    answer = guarded.authorize(action, first, second, "main", trigger)
    assert answer == (sqlite3.SQLITE_OK if allowed else sqlite3.SQLITE_DENY)

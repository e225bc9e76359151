"""Somebody with the whole database in their hands: guards taken off, any row changed.

On SQLite a raw connection to the file whose triggers are dropped and checks ignored; on
PostgreSQL a superuser who disables every trigger and drops every check and foreign key.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg

from portal.config import Config
from portal.ledger.tables import metadata
from tests.databases import Databases

Row = dict[str, Any]


class Forger:
    """Changes rows behind the ledger's back; each change is committed at once."""

    def __init__(self, driver: Any, mark: str) -> None:
        self._driver = driver
        self._mark = mark

    def execute(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Run a statement with `?` for values; the rows it gives, if any."""
        cursor = self._driver.execute(statement.replace("?", self._mark), values)
        return cursor.fetchall() if cursor.description else []

    def rows(self, table: str) -> list[Row]:
        """Every row of a table, in the order of its key."""
        # A computed column is no row's own: nobody can change it alone.
        names = [column.name for column in metadata.tables[table].c if column.computed is None]
        order = ", ".join(quoted(name) for name in keys_of(table))
        columns = ", ".join(map(quoted, names))
        found = self.execute(f"SELECT {columns} FROM {table} ORDER BY {order}")
        return [dict(zip(names, row, strict=True)) for row in found]

    def update(self, table: str, row: Mapping[str, Any], **changes: object) -> Row:
        """Change one row; gives it as it is then."""
        settings = ", ".join(f"{quoted(name)} = ?" for name in changes)
        where, values = self._where(table, row)
        self.execute(f"UPDATE {table} SET {settings} WHERE {where}", *changes.values(), *values)
        return {**row, **changes}

    def delete(self, table: str, row: Mapping[str, Any]) -> None:
        """Take one row away."""
        where, values = self._where(table, row)
        self.execute(f"DELETE FROM {table} WHERE {where}", *values)

    def insert(self, table: str, row: Mapping[str, Any]) -> None:
        """Put a row in."""
        columns = ", ".join(map(quoted, row))
        marks = ", ".join("?" for _ in row)
        self.execute(f"INSERT INTO {table} ({columns}) VALUES ({marks})", *row.values())

    def _where(self, table: str, row: Mapping[str, Any]) -> tuple[str, Sequence[object]]:
        keys = keys_of(table)
        return " AND ".join(f"{quoted(key)} = ?" for key in keys), [row[key] for key in keys]


def keys_of(table: str) -> list[str]:
    """The columns of a table's primary key."""
    return [column.name for column in metadata.tables[table].primary_key]


def quoted(name: str) -> str:
    """A column's name as SQL."""
    return f'"{name}"'


@contextmanager
def forging(config: Config, databases: Databases) -> Iterator[Forger]:
    """Take a test database's guards off for good, and hand it to a forger."""
    path = config.sqlite_file
    if path is not None:
        raw = sqlite3.connect(path, isolation_level=None)
        try:
            yield Forger(unguarded_sqlite(raw), "?")
        finally:
            raw.close()
        return
    name = config.database_url.partition("?")[0].rpartition("/")[2]
    url = databases.server().url(name).replace("+psycopg", "")
    with psycopg.connect(url, autocommit=True) as superuser:
        yield Forger(unguarded_postgresql(superuser), "%s")


def unguarded_sqlite(raw: sqlite3.Connection) -> sqlite3.Connection:
    """Drop every trigger and unique index; checks are ignored and foreign keys are off."""
    found = raw.execute(
        "SELECT type, name FROM sqlite_schema WHERE type = 'trigger'"
        " OR (type = 'index' AND sql LIKE 'CREATE UNIQUE%')"
    ).fetchall()
    for kind, name in found:
        raw.execute(f"DROP {kind} {name}")
    raw.execute("PRAGMA ignore_check_constraints = ON")
    raw.execute("PRAGMA synchronous = OFF")
    return raw


def unguarded_postgresql(superuser: psycopg.Connection[Any]) -> psycopg.Connection[Any]:
    """Disable every trigger; drop checks, foreign keys and unique indexes beside the keys."""
    for table in metadata.tables:
        superuser.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL")
    found = superuser.execute(
        "SELECT conrelid::regclass::text, conname FROM pg_constraint"
        " WHERE contype IN ('c', 'f') AND conrelid::regclass::text = ANY (%s)",
        [list(metadata.tables)],
    ).fetchall()
    for table, name in found:
        superuser.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
    for described in metadata.tables.values():
        for index in described.indexes:
            if index.unique:
                superuser.execute(f"DROP INDEX IF EXISTS {index.name}")
    return superuser

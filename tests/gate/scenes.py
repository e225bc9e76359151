"""Where the gate's attacks are tried: a ledger with a full history, and a twin without guards."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import psycopg

from portal.config import Config
from portal.database import Database, upgrade
from portal.ledger import metadata, publish_tariff
from tests.databases import Databases
from tests.gate.attacks import Attack, beside
from tests.gate.digests import of, postgresql_digest, sqlite_digest
from tests.ledger.histories import TARIFFS, Teller, live, place

ERRORS = (sqlite3.Error, psycopg.Error)


class Scene:
    """A ledger with ninety days of history, the portal's own connections, and its digest."""

    def __init__(self, config: Config, superuser_url: str | None) -> None:
        self.config = config
        self.superuser_url = superuser_url
        upgrade(config)  # the rights on a database itself are not copied with it
        self.database = Database(config)
        with self.database.writing() as connection:
            teller = Teller(connection)
            publish_tariff(connection, TARIFFS[0], now=teller.now, published_by="otto")
            live(teller)
            place(teller, 900, 500)

    @property
    def path(self) -> Path:
        """The SQLite file."""
        assert self.config.sqlite_file is not None
        return self.config.sqlite_file

    def digest(self) -> str:
        """The digest of all there is."""
        if self.superuser_url is None:
            return sqlite_digest(self.path)
        return postgresql_digest(self.superuser)

    @cached_property
    def superuser(self) -> psycopg.Connection[Any]:
        """A connection that may do all."""
        assert self.superuser_url is not None
        return psycopg.connect(self.superuser_url, autocommit=True)

    @cached_property
    def login(self) -> psycopg.Connection[Any]:
        """The portal's login itself, as whoever stole its password would use it."""
        url = self.config.database_url.replace("+psycopg", "")
        return psycopg.connect(url, autocommit=True)

    def as_application(self, attack: Attack) -> list[str]:
        """Try an attack over one of the portal's own connections; gives what was said against."""
        with self.database.writing() as connection:
            driver: Any = connection.connection.driver_connection
            return tried(driver, self.fitted(attack))

    def as_reader(self, attack: Attack) -> list[str]:
        """Try an attack over one of the connections that pages read from."""
        with self.database.reading() as connection:
            driver: Any = connection.connection.driver_connection
            return tried(driver, self.fitted(attack))

    def fitted(self, attack: Attack) -> list[str]:
        """An attack's statements in this database's words."""
        if self.superuser_url is None:
            return [text.replace("{blob}", "BLOB") for text in attack.statements]
        return together([text.replace("{blob}", "bytea") for text in attack.statements])

    def lets_in_without_rules(self, statements: Sequence[str]) -> bool:
        """Whether statements change the same rows in tables that have no rule at all.

        They must not fail there: an attack that could not succeed anywhere proves nothing.
        """
        connection = self.naked
        connection.execute("BEGIN")
        before = rows(connection)
        for statement in statements:
            connection.execute(statement)
        after = rows(connection)
        connection.execute("ROLLBACK")
        return before != after

    @cached_property
    def naked(self) -> Any:
        """A connection to a twin of the tables, without any rule; it is never committed."""
        if self.superuser_url is None:
            twin = sqlite3.connect(":memory:", isolation_level=None)
            twin.execute("ATTACH ? AS guarded", (str(self.path),))
            for name in metadata.tables:
                twin.execute(f"CREATE TABLE {name} AS SELECT * FROM guarded.{name}")
            twin.execute("DETACH guarded")
            return twin
        connection = psycopg.connect(self.superuser_url, autocommit=True)
        for name in metadata.tables:
            connection.execute(f"CREATE TEMP TABLE {name} AS SELECT * FROM public.{name}")
        return connection

    def close(self) -> None:
        """Close all connections."""
        self.database.dispose()
        for name in ("naked", "superuser", "login"):
            if name in vars(self):
                vars(self)[name].close()


def together(statements: Sequence[str]) -> list[str]:
    """An entry in one statement with the draws before it, as PostgreSQL has them written."""
    written, drawn = [], []
    for text in statements:
        if text.startswith("INSERT INTO draws"):
            drawn.append(text)
        elif drawn and text.startswith("INSERT INTO entries"):
            written.append(f"WITH ones AS ({text}) {beside(*drawn)}")
            drawn = []
        else:
            written.append(text)
    return written + drawn


@contextmanager
def scene(databases: Databases, config: Config) -> Iterator[Scene]:
    """A scene; its connections are closed at the end."""
    url = None
    if config.sqlite_file is None:
        name = config.database_url.partition("?")[0].rpartition("/")[2]
        url = databases.server().url(name).replace("+psycopg", "")
    made = Scene(config, url)
    try:
        yield made
    finally:
        made.close()


def tried(connection: Any, statements: Sequence[str]) -> list[str]:
    """Try statement after statement, whatever fails, and commit; gives what was said against."""
    faults = []
    nested = isinstance(connection, psycopg.Connection) and not connection.autocommit
    for statement in statements:
        try:
            if nested:
                connection.execute("SAVEPOINT before").close()
            connection.execute(statement).close()
        except ERRORS as error:
            faults.append(f"{statement[:60]}: {error}")
            if nested:
                connection.execute("ROLLBACK TO before")
    try:
        connection.commit()
    except ERRORS as error:
        faults.append(f"COMMIT: {error}")
        connection.rollback()
    return faults


def rows(connection: Any) -> str:
    """The digest of the ledger's rows as one connection sees them, not yet committed."""
    found = [connection.execute(f"SELECT * FROM {name}").fetchall() for name in metadata.tables]
    return of(found)

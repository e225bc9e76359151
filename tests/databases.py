"""Fresh, migrated databases for tests, made quickly: migrated once a run, then copied."""

from __future__ import annotations

import fcntl
import itertools
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from portal.config import Config
from portal.database import upgrade
from tests import postgres
from tests.postgres import Server

DIALECTS = ("sqlite", "postgresql")
SECRET = "a-secret-of-the-tests-0123456789-abcdefghij"
TEMPLATE = "portal_template"
# Two logins, as docs/configuration.md advises: one migrates, one serves and can do no more than
# the application's role. Neither is a superuser; `server.url(name)` is one.
MIGRATES, SERVES = "migrator", "portal"


def config_for(url: str, root: Path, **more: str) -> Config:
    """A configuration as a deployment would write it, for the database at `url`."""
    return Config.from_environment(
        {"PORTAL_DATABASE_URL": url, "PORTAL_SECRET_KEY": SECRET, **more}, root=root
    )


class Databases:
    """Gives each test its own database. `shared` is one folder for all processes of the run."""

    def __init__(self, shared: Path, own: Path, owner: int) -> None:
        self._shared, self._own, self._owner = shared, own, owner
        self._numbers = itertools.count(1)

    @contextmanager
    def fresh(self, dialect: str, **more: str) -> Iterator[Config]:
        """An empty migrated database; `more` are further PORTAL_* settings. Gone at the end."""
        with {"sqlite": self._sqlite, "postgresql": self._postgresql}[dialect](more) as config:
            yield config

    def server(self) -> Server:
        """The run's PostgreSQL server, started by whoever asks first."""
        with self._once("server") as done:
            address = self._shared / "postgres.json"
            if done is None:
                server = postgres.start(self._shared, self._owner)
                with _superuser(server, "postgres") as connection:
                    connection.execute(f"CREATE ROLE {MIGRATES} LOGIN CREATEROLE")
                    connection.execute(f"CREATE ROLE {SERVES} LOGIN")
            return Server(**json.loads(address.read_text()))

    @contextmanager
    def _sqlite(self, more: dict[str, str]) -> Iterator[Config]:
        template = self._shared / "template.db"
        with self._once("template-sqlite") as done:
            if done is None:
                template.unlink(missing_ok=True)  # of an attempt that failed
                upgrade(config_for(f"sqlite:///{template}", self._own))
        folder = self._own / f"sqlite-{next(self._numbers)}"
        folder.mkdir()
        shutil.copy(template, folder / "portal.db")
        try:
            yield config_for(f"sqlite:///{folder}/portal.db", self._own, **more)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    @contextmanager
    def _postgresql(self, more: dict[str, str]) -> Iterator[Config]:
        server = self.server()
        with self._once("template-postgresql") as done:
            if done is None:
                self._make_template(server)
        name = f"test_{os.getpid()}_{next(self._numbers)}"
        with _superuser(server, "postgres") as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} OWNER {MIGRATES}")
        try:
            yield self._on_server(server, name, more)
        finally:
            with _superuser(server, "postgres") as connection:
                connection.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def _make_template(self, server: Server) -> None:
        with _superuser(server, "postgres") as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {TEMPLATE}")
            connection.execute(f"CREATE DATABASE {TEMPLATE} OWNER {MIGRATES}")
        upgrade(self._on_server(server, TEMPLATE, {}))
        with _superuser(server, "postgres") as connection:
            connection.execute(f"GRANT portal_app TO {SERVES}")

    def _on_server(self, server: Server, name: str, more: dict[str, str]) -> Config:
        owner = {"PORTAL_DATABASE_OWNER_URL": server.url(name, MIGRATES)}
        return config_for(server.url(name, SERVES), self._own, **owner, **more)

    @contextmanager
    def _once(self, name: str) -> Iterator[str | None]:
        """Hold a lock among all processes; yields None to the one that comes first."""
        mark = self._shared / f"{name}.done"
        with (self._shared / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield mark.read_text() if mark.exists() else None
            mark.write_text("done")


@contextmanager
def _superuser(server: Server, database: str) -> Iterator[psycopg.Connection[Any]]:
    url = server.url(database).replace("+psycopg", "")
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection

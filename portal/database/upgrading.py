"""Bringing a database to the newest migration, with the owner's rights, once at a time."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from portal.config import ROOT, Config
from portal.database import postgresql, sqlite
from portal.database.turnstile import Turnstile

MIGRATIONS: Final = ROOT / "migrations"
# Their files are named by their revisions, which are numbers.
VERSIONS: Final = "versions/[0-9][0-9][0-9][0-9]_*.py"
ADVISORY_LOCK: Final = 4_217_203_551
# Whether Alembic has left its mark, as each database tells.
VERSIONED: Final = {
    "sqlite": "SELECT count(*) FROM sqlite_master WHERE name = 'alembic_version'",
    "postgresql": "SELECT to_regclass('public.alembic_version') IS NOT NULL",
}


def upgrade(config: Config) -> str:
    """Run the migrations that are missing; gives the revision the database is at then."""
    from alembic import command  # a tenth of what it takes to load the portal, and seldom needed
    from alembic.config import Config as AlembicConfig

    with owner_connection(config) as connection:
        alembic = AlembicConfig()
        alembic.set_main_option("script_location", str(MIGRATIONS))
        alembic.attributes["connection"] = connection
        command.upgrade(alembic, "head")
        return revision_of(connection) or ""


def is_current(connection: sa.Connection) -> bool:
    """Whether a database is at the newest migration this portal has."""
    return revision_of(connection) == head()


def head() -> str | None:
    """The newest migration this portal has."""
    files = MIGRATIONS.glob(VERSIONS)
    return max((file.name.partition("_")[0] for file in files), default=None)


def revision_of(connection: sa.Connection) -> str | None:
    """The migration a database is at; None before the first.

    Asked in plain SELECTs: the portal's own connections may ask nothing else of the schema.
    """
    if not connection.exec_driver_sql(VERSIONED[connection.dialect.name]).scalar_one():
        return None
    found = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    return None if found is None else str(found)


@contextmanager
def owner_connection(config: Config) -> Iterator[sa.Connection]:
    """A connection that may change the schema, alone at it."""
    path = config.sqlite_file
    if path is not None:
        with sqlite_owner(path) as connection:
            yield connection
        return
    engine = postgresql.bare_engine(config.database_owner_url)
    with engine.connect() as connection:
        connection.exec_driver_sql(f"SELECT pg_advisory_lock({ADVISORY_LOCK})")
        connection.exec_driver_sql(postgresql.PREPARE)
        connection.exec_driver_sql(f"SET ROLE {postgresql.OWNER}")
        connection.commit()
        yield connection
        connection.commit()
    engine.dispose()


@contextmanager
def sqlite_owner(path: Path) -> Iterator[sa.Connection]:
    """The file, made readable by its owner alone where it is new, in the writers' turn."""
    path.parent.mkdir(parents=True, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    with Turnstile(path).turn(), sqlite.owner_engine(path).connect() as connection:
        yield connection
        connection.commit()

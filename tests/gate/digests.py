"""A digest of a whole database: its rows, schema, guards, roles and settings that are stored.

Two digests that are equal mean that nothing at all has changed (the ∅ of the security gate).
"""

from __future__ import annotations

import hashlib
import sqlite3
from pathlib import Path
from typing import Any

import psycopg

STORED = ("journal_mode", "user_version", "application_id", "encoding", "auto_vacuum")
TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"
CATALOG = (
    "SELECT relname, relkind, relowner::regrole::text, relacl::text, relnamespace::regnamespace"
    " FROM pg_class WHERE relnamespace::regnamespace::text NOT LIKE 'pg\\_%' AND relkind <> 't'",
    "SELECT tgrelid::regclass::text, pg_get_triggerdef(oid), tgenabled FROM pg_trigger"
    " WHERE NOT tgisinternal",
    "SELECT conrelid::regclass::text, pg_get_constraintdef(oid) FROM pg_constraint",
    "SELECT proname, prosrc, prosecdef, proconfig, proowner::regrole::text, proacl::text"
    " FROM pg_proc WHERE pronamespace = 'public'::regnamespace",
    "SELECT schemaname, viewname, definition FROM pg_views WHERE schemaname = 'public'",
    "SELECT tablename, rulename, definition FROM pg_rules WHERE schemaname = 'public'",
    "SELECT nspname, nspowner, nspacl::text FROM pg_namespace WHERE nspname NOT LIKE 'pg\\_%'",
    "SELECT rolname, rolsuper, rolinherit, rolcreaterole, rolconfig FROM pg_roles",
    "SELECT roleid::regrole::text, member::regrole::text FROM pg_auth_members",
    "SELECT setrole::regrole::text, setconfig FROM pg_db_role_setting WHERE setdatabase IN"
    " (0, (SELECT oid FROM pg_database WHERE datname = current_database()))",
    "SELECT defaclrole::regrole::text, defaclobjtype, defaclacl::text FROM pg_default_acl",
    "SELECT datname, datacl::text FROM pg_database WHERE datname = current_database()",
)


def sqlite_digest(path: Path) -> str:
    """The digest of a SQLite file, as a connection of its own sees it."""
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        found: list[Any] = connection.execute("SELECT * FROM sqlite_master").fetchall()
        names = [row[1] for row in found if row[0] == "table"]
        found += [connection.execute(f"PRAGMA {name}").fetchall() for name in STORED]
        found += [connection.execute(f'SELECT * FROM "{name}"').fetchall() for name in names]
        return of(found)
    finally:
        connection.close()


def postgresql_digest(connection: psycopg.Connection[Any]) -> str:
    """The digest of a PostgreSQL database, as a superuser's connection sees it."""
    tables = [name for (name,) in connection.execute(TABLES)]
    found: list[Any] = [connection.execute(question).fetchall() for question in CATALOG]
    found += [connection.execute(f'SELECT * FROM "{name}"').fetchall() for name in tables]
    return of(found)


def of(found: list[Any]) -> str:
    """The digest of lists of rows; the order of rows within a list is nothing."""
    told = [sorted(map(repr, rows)) for rows in found]
    return hashlib.sha256(repr(told).encode()).hexdigest()

"""PostgreSQL as the ledger needs it: the application's role, short waits, kept commits."""

from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import event

from portal.database.errors import UnsafeDatabaseError
from portal.ledger import PIPELINE

APPLICATION: Final = "portal_app"
OWNER: Final = "ledger_owner"
AUDIT: Final = "portal_audit"
SETTINGS: Final = {
    "role": APPLICATION,
    "lock_timeout": "2s",
    "statement_timeout": "5s",
    "idle_in_transaction_session_timeout": "10s",
    # Named last, or a temporary table would hide one of the ledger's.
    "search_path": "public,pg_temp",
    "client_min_messages": "warning",
    "synchronous_commit": "on",
    # Plans outlive the sizes they were made for: one made while a table was small reads all of
    # it for ever, or until statistics come by. All that is asked here has an index.
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "jit": "off",
}
GLANCING: Final = {
    "default_transaction_isolation": r"repeatable\ read",
    "default_transaction_read_only": "on",
}
# Milliseconds; a lookup by keys takes less than one.
GLANCE_MILLISECONDS: Final = 250
# A server or a network that went away without a word is noticed within seconds.
WAITS: Final = {
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
VERSION_MIN: Final = 140_000
# The application's role may make functions where those of the ledger are looked for.
OPEN_SCHEMA: Final = f"""
SELECT CASE WHEN to_regrole('{APPLICATION}') IS NULL THEN false
  ELSE has_schema_privilege('{APPLICATION}', 'public', 'CREATE') END
"""
OWNS: Final = f"""
SELECT CASE WHEN to_regrole('{OWNER}') IS NULL THEN false
  ELSE pg_has_role(current_user, '{OWNER}', 'MEMBER') END
"""


def engine(url: str, *, pool: int, glances: bool = False) -> sa.Engine:
    """An engine whose every connection takes the application's role at start-up.

    glances: whether they only read, each time one state, and wait for next to nothing.
    """
    settings = SETTINGS | (GLANCING if glances else {})
    options = " ".join(f"-c {name}={value}" for name, value in settings.items())
    made = sa.create_engine(
        url,
        connect_args={"options": options, "prepare_threshold": 2, **WAITS},
        pool_use_lifo=True,  # one warm server process, rather than all of them in turn
        pool_size=pool,
        max_overflow=pool,
        pool_timeout=5,
        pool_pre_ping=False,
        isolation_level="READ COMMITTED",
    )

    @event.listens_for(made, "connect")
    def equip(connection: Any, record: Any) -> None:
        from portal.database.pipeline import Pipeline  # the driver is optional

        patience = GLANCE_MILLISECONDS if glances else None
        record.info[PIPELINE] = Pipeline(connection, patience)

    @event.listens_for(made, "before_cursor_execute")
    def keep_order(connection: sa.Connection, *_: Any) -> None:
        connection.info[PIPELINE].flush()

    @event.listens_for(made, "commit")
    def finish(connection: sa.Connection) -> None:
        connection.info[PIPELINE].commit()

    @event.listens_for(made, "rollback")
    def undo(connection: sa.Connection) -> None:
        if not connection.invalidated:
            connection.info[PIPELINE].forget()

    return made


def export_snapshot(connection: sa.Connection) -> str:
    """The name under which others may see what this connection's database transaction sees."""
    name: str = connection.exec_driver_sql("SELECT pg_export_snapshot()").scalar_one()
    return name


def import_snapshot(connection: sa.Connection, name: str) -> None:
    """See what another connection sees, before anything else is asked on this one."""
    connection.exec_driver_sql(f"SET TRANSACTION SNAPSHOT '{name}'")


def bare_engine(url: str) -> sa.Engine:
    """An engine with the login's own rights and settings: for migrations and the check."""
    return sa.create_engine(url, poolclass=sa.NullPool, connect_args=dict(WAITS))


def check(connection: sa.Connection) -> str:
    """Refuse a server that could lose acknowledged credits; else says which it is.

    `connection` is a bare one: the portal's own keep commits whatever the server is set to.
    """
    for name in ("fsync", "synchronous_commit"):
        value = connection.exec_driver_sql(f"SHOW {name}").scalar_one()
        if value == "off":
            raise UnsafeDatabaseError(
                f"the PostgreSQL server runs with {name}=off, which loses acknowledged credits "
                f"when it stops; set {name}=on"
            )
    if int(connection.exec_driver_sql("SHOW server_version_num").scalar_one()) < VERSION_MIN:
        raise UnsafeDatabaseError("PostgreSQL 14 or newer is needed")
    if connection.exec_driver_sql(OPEN_SCHEMA).scalar_one():
        raise UnsafeDatabaseError(
            "everybody may make tables and functions beside the ledger's; "
            "run as the schema's owner: REVOKE CREATE ON SCHEMA public FROM PUBLIC"
        )
    told = f"PostgreSQL {connection.exec_driver_sql('SHOW server_version').scalar_one()}"
    if connection.exec_driver_sql(OWNS).scalar_one():
        told += ", this login may change the schema (two logins are safer)"
    return told


PREPARE: Final = f"""
DO $$
DECLARE
  role text;
BEGIN
  FOREACH role IN ARRAY ARRAY['{OWNER}', '{APPLICATION}', '{AUDIT}'] LOOP
    IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = role) THEN
      EXECUTE 'CREATE ROLE ' || quote_ident(role) || ' NOLOGIN';
    END IF;
    -- Since 16 a role's maker is its member without the right to become it.
    IF NOT pg_has_role(current_user, role, CASE WHEN
        current_setting('server_version_num')::int < 160000 THEN 'MEMBER' ELSE 'SET' END) THEN
      EXECUTE 'GRANT ' || quote_ident(role) || ' TO ' || quote_ident(current_user);
    END IF;
  END LOOP;
  BEGIN
    EXECUTE 'REVOKE TEMPORARY ON DATABASE ' || quote_ident(current_database()) || ' FROM PUBLIC';
  EXCEPTION WHEN insufficient_privilege THEN
    NULL;  -- a database of another's; the guards hold without it
  END;
  REVOKE CREATE ON SCHEMA public FROM PUBLIC;
  GRANT USAGE ON SCHEMA public TO {APPLICATION}, {AUDIT};
  GRANT USAGE, CREATE ON SCHEMA public TO {OWNER};
END $$
"""  # noqa: S608 - the names are this module's own

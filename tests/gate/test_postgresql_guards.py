"""Gate 32: a real login that has only the application's role changes nothing but by following."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from portal.ledger import metadata
from tests.databases import Databases
from tests.gate.attacks import LIVE_GRANT, Attack, attack, columns, copied, draw, edits, entry
from tests.gate.digests import postgresql_digest
from tests.gate.forgeries import FORGERIES
from tests.gate.scenes import Scene, scene, tried

pytestmark = pytest.mark.gate

EDITS = [
    *(
        attack(
            f"UPDATE {table.name}",
            *(f'UPDATE {table.name} SET "{name}" = DEFAULT' for name in columns(table.name)),
        )
        for table in edits()
    ),
    *(attack(f"DELETE {table.name}", f"DELETE FROM {table.name}") for table in edits()),
    *(attack(f"TRUNCATE {table.name}", f"TRUNCATE {table.name}") for table in edits()),
    attack("UPDATE usage_days", "UPDATE usage_days SET charged = 0"),
    attack("DELETE usage_days", "DELETE FROM usage_days"),
    attack(
        "UPDATE in a common table",
        "WITH a AS (UPDATE grants SET remaining = 9 RETURNING *) SELECT * FROM a",
    ),
    attack("UPDATE FROM a view", "UPDATE entries SET note = 'x' FROM profiles"),
]
DERIVED = [
    *(attack(f"UPSERT {table}", copied(table, "true")
             + f" ON CONFLICT ({key}) DO UPDATE SET {change}")
      for table, key, change in (
        ("accounts", "id", "posted = 9"),
        ("entries", "account_id, seq", "note = 'x'"),
        ("account_revisions", "account_id, revision", "note = 'x'"),
        ("grants", "id", "operations = 'x'"),
        ("draws", "account_id, seq, position", "grant_id = 'x'"),
        ("holds", "id", "quantity = 9"),
        ("requests", "service, key", "body = 'x'"),
        ("refusals", "id", "code = 'x'"),
        ("tariffs", "name", "document = 'x'"),
        ("usage_days", "account_id, day, operation", "charged = 9"),
      )),
    attack("INSERT a hold", "INSERT INTO holds SELECT 'hld_x', account_id, seq, service, operation,"
           " quantity, tariff, 'task', 'x', 9, 9, expires_at, created_at, 'open', NULL FROM holds"
           " LIMIT 1"),
    attack("INSERT usage_days", "INSERT INTO usage_days VALUES ('ada', 1, 'generate', 1, 0, 1, 1)"),
    attack("touch an account", "UPDATE accounts SET touched = touched + 1"),
    attack("UPDATE the view", "UPDATE profiles SET tier = 'scale'"),
    attack("DELETE from the view", "DELETE FROM profiles"),
    attack("a second migration", "INSERT INTO alembic_version VALUES ('0000')"),
    attack("no migration", "DELETE FROM alembic_version"),
]  # fmt: skip
SCHEMA = [
    *(
        attack(f"{verb} {table}", text.format(table))
        for table in [table.name for table in edits()]
        for verb, text in (
            ("DISABLE TRIGGER", "ALTER TABLE {} DISABLE TRIGGER ALL"),
            ("ADD COLUMN", "ALTER TABLE {} ADD COLUMN more text"),
            ("DROP TABLE", "DROP TABLE {} CASCADE"),
            ("CREATE RULE", "CREATE RULE mine AS ON INSERT TO {} DO ALSO NOTHING"),
            ("CREATE INDEX", "CREATE INDEX ON {} ((1))"),
            ("OWNER", "ALTER TABLE {} OWNER TO portal_app"),
        )
    ),
    attack("DISABLE one TRIGGER", "ALTER TABLE entries DISABLE TRIGGER entries_stay"),
    attack("ENABLE REPLICA TRIGGER", "ALTER TABLE entries ENABLE REPLICA TRIGGER entries_stay"),
    attack("DROP TRIGGER", "DROP TRIGGER entries_move ON entries"),
    attack("DROP CONSTRAINT", "ALTER TABLE grants DROP CONSTRAINT grants_pinned_check"),
    attack("DROP INDEX", "DROP INDEX entries_one_debit_per_reference"),
    attack("CREATE TRIGGER", "CREATE TRIGGER mine AFTER INSERT ON requests"
           " EXECUTE FUNCTION suppress_redundant_updates_trigger()"),
    attack("DROP FUNCTION", "DROP FUNCTION entries_move CASCADE"),
    attack("ALTER FUNCTION", "ALTER FUNCTION draws_follow() RESET search_path"),
    attack("REPLACE FUNCTION", "CREATE OR REPLACE FUNCTION guard_append_only() RETURNS trigger"
           " LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'"),
    attack("DROP VIEW", "DROP VIEW profiles"),
    attack("ALTER VIEW", "ALTER VIEW profiles RENAME TO mine"),
    attack("CREATE TABLE", "CREATE TABLE mine (a int)"),
    attack("CREATE VIEW", "CREATE VIEW mine AS SELECT 1"),
    attack("CREATE FUNCTION", "CREATE FUNCTION mine(bigint, bigint) RETURNS boolean"
           " LANGUAGE sql AS 'SELECT true'"),
    attack("CREATE TYPE", "CREATE TYPE mine AS (a int)"),
    attack("CREATE SCHEMA", "CREATE SCHEMA mine"),
    attack("CREATE ROLE", "CREATE ROLE mine"),
    attack("GRANT a role", "GRANT ledger_owner TO portal_app"),
    attack("ALTER ROLE", "ALTER ROLE portal_app SUPERUSER"),
    attack("ALTER DATABASE", "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET"
           " session_replication_role = replica', current_database()); END $$"),
    attack("ALTER DEFAULT PRIVILEGES",
           "ALTER DEFAULT PRIVILEGES FOR ROLE ledger_owner GRANT ALL ON TABLES TO portal_app"),
    attack("REASSIGN OWNED", "REASSIGN OWNED BY ledger_owner TO portal_app"),
    attack("UPDATE the catalog", "UPDATE pg_trigger SET tgenabled = 'D'"),
]  # fmt: skip
# They leave no trace in this database: that they were refused is all there is to see.
POWERS = (
    "SET session_replication_role = replica",
    "SELECT set_config('session_replication_role', 'replica', false)",
    "SET ROLE ledger_owner",
    "SET ROLE portal_audit",
    "SET ROLE migrator",
    "SET SESSION AUTHORIZATION postgres",
    "SET allow_system_table_mods = on",
    "CREATE TEMP TABLE entries (a int)",
    "CREATE TEMP VIEW entries AS SELECT 1",
    "CREATE FUNCTION pg_temp.now() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "SELECT entries_resolve_rows(array_agg(e)) FROM entries e WHERE hold_id IS NOT NULL",
    "COPY entries TO '/tmp/entries'",
    "COPY requests FROM PROGRAM 'true'",
    "SELECT pg_read_file('postgresql.conf')",
    "SELECT lo_import('/etc/hostname')",
    "SELECT lo_export(1, '/tmp/x')",
    "SELECT password_hash FROM pg_authid",
    "CREATE EXTENSION dblink",
    "ALTER SYSTEM SET fsync = off",
    "LOCK TABLE entries IN ACCESS EXCLUSIVE MODE",
)


@pytest.fixture(scope="module")
def ledger(databases: Databases) -> Iterator[Scene]:
    """A ledger with history on PostgreSQL."""
    with databases.fresh("postgresql") as config, scene(databases, config) as made:
        yield made


def name_of(tried: Attack) -> str:
    """What a case is called."""
    return tried.name.replace(" ", "-")


def test_the_login_has_the_applications_role_and_no_other(ledger: Scene) -> None:
    roles = ledger.login.execute(
        "SELECT rolname FROM pg_roles WHERE pg_has_role(current_user, oid, 'MEMBER')"
        " AND rolname <> current_user"
    ).fetchall()
    assert roles == [("portal_app",)]


@pytest.mark.parametrize("edit", [*EDITS, *DERIVED, *SCHEMA], ids=name_of)
def test_an_edit_is_refused_and_nothing_changes(ledger: Scene, edit: Attack) -> None:
    before = ledger.digest()
    assert len(ledger.as_application(edit)) == len(edit.statements)
    assert len(tried(ledger.login, edit.statements)) == len(edit.statements)
    assert ledger.digest() == before


@pytest.mark.parametrize("edit", EDITS, ids=name_of)
def test_on_tables_without_rules_the_edit_works(ledger: Scene, edit: Attack) -> None:
    assert ledger.lets_in_without_rules(edit.statements)


@pytest.mark.parametrize("edit", [*DERIVED, *SCHEMA], ids=name_of)
def test_for_a_superuser_without_triggers_the_edit_works(ledger: Scene, edit: Attack) -> None:
    connection = ledger.superuser
    with connection.transaction(force_rollback=True):
        connection.execute("SET LOCAL allow_system_table_mods = on")
        for table in metadata.tables if edit in DERIVED else ():
            connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL")
        before = postgresql_digest(connection)
        for statement in edit.statements:
            connection.execute(statement)
        assert postgresql_digest(connection) != before


@pytest.mark.parametrize("statement", POWERS)
def test_a_power_is_not_the_portals_to_take(ledger: Scene, statement: str) -> None:
    before = ledger.digest()
    assert ledger.as_application(attack("", statement))
    assert tried(ledger.login, [statement])
    assert ledger.digest() == before


def test_nothing_is_given_away(ledger: Scene) -> None:
    """A GRANT of what one does not own only warns."""
    before = ledger.digest()
    for table in metadata.tables:
        ledger.login.execute(f"GRANT ALL ON {table} TO portal_app, PUBLIC")
        ledger.login.execute(f"REVOKE ALL ON {table} FROM portal_app, PUBLIC")
    assert ledger.digest() == before


@pytest.mark.parametrize("forgery", FORGERIES, ids=name_of)
def test_a_superuser_forges_nothing_either(ledger: Scene, forgery: Attack) -> None:
    before = ledger.digest()
    assert tried(ledger.superuser, ["BEGIN", *ledger.fitted(forgery), "COMMIT"])
    ledger.superuser.rollback()
    assert ledger.digest() == before


@pytest.mark.parametrize("table", sorted({table.name for table in edits()} - {"refusals"}))
def test_rows_that_are_copied_in_are_proved_alike(ledger: Scene, table: str) -> None:
    before = ledger.digest()
    with ledger.login.cursor() as cursor:
        names = ", ".join(f'"{name}"' for name in columns(table))
        with cursor.copy(f"COPY (SELECT {names} FROM {table}) TO STDOUT") as taken:
            lines = b"".join(taken).replace(b"ada", b"bob").replace(b"_0", b"_1")
        with pytest.raises(psycopg.Error), cursor.copy(f"COPY {table} FROM STDIN") as given:
            given.write(lines)
    assert lines
    assert ledger.digest() == before


@pytest.fixture
def temporary(ledger: Scene) -> Iterator[psycopg.Connection[Any]]:
    """The login where a database lets everybody make temporary tables, as PostgreSQL does."""
    database = ledger.superuser.info.dbname
    ledger.superuser.execute(f"GRANT TEMPORARY ON DATABASE {database} TO PUBLIC")
    yield ledger.login
    ledger.login.execute("DISCARD ALL")
    ledger.superuser.execute(f"REVOKE TEMPORARY ON DATABASE {database} FROM PUBLIC")


@pytest.mark.parametrize("function", ["draws_follow", "entries_move", "account_revisions_move"])
def test_the_functions_of_triggers_serve_no_other_table(
    ledger: Scene, temporary: psycopg.Connection[Any], function: str
) -> None:
    """Hung on a table of one's own they would move the vault with its owner's rights."""
    before = ledger.digest()
    of = "draws" if function == "draws_follow" else "entries"
    temporary.execute(f"CREATE TEMP TABLE mine (LIKE public.{of})")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        temporary.execute(
            "CREATE TRIGGER mine AFTER INSERT ON mine REFERENCING NEW TABLE AS appended"
            f" FOR EACH STATEMENT EXECUTE FUNCTION public.{function}()"
        )
    assert ledger.digest() == before


def test_hung_on_another_table_such_a_function_would_move_grants(ledger: Scene) -> None:
    """What the test above guards against, done by one who may."""
    connection = ledger.superuser
    rich = "SELECT sum(remaining), (SELECT count(*) FROM entries) FROM grants"
    with connection.transaction(force_rollback=True):
        [(credits, entries)] = connection.execute(rich).fetchall()
        connection.execute("CREATE TEMP TABLE mine (LIKE public.entries)")
        connection.execute(
            "CREATE TRIGGER mine AFTER INSERT ON mine REFERENCING NEW TABLE AS appended"
            " FOR EACH STATEMENT EXECUTE FUNCTION public.entries_move()"
        )
        forged = entry(kind="'grant'", reason="'goodwill'", amount="1000000", grant_id=LIVE_GRANT)
        connection.execute(forged.replace("INTO entries", "INTO mine"))
        assert connection.execute(rich).fetchall() == [(credits + 1_000_000, entries)]


def test_what_is_named_as_moving_something_moves_it(ledger: Scene) -> None:
    """The others are guards, and are named as such."""
    moves = ledger.superuser.execute(
        "SELECT proname, prosrc ~ 'UPDATE (accounts|grants|holds) ' FROM pg_proc"
        " WHERE pronamespace = 'public'::regnamespace AND proname LIKE '%\\_move'"
    ).fetchall()
    assert sorted(moves) == [("account_revisions_move", True), ("entries_move", True)]


def test_tables_of_ones_own_hide_none_from_the_guards(
    ledger: Scene, temporary: psycopg.Connection[Any]
) -> None:
    before = ledger.digest()
    for table in metadata.tables:
        temporary.execute(f"CREATE TEMP TABLE {table} (LIKE public.{table})")
    temporary.execute("INSERT INTO pg_temp.accounts SELECT * FROM public.accounts")
    temporary.execute("UPDATE pg_temp.accounts SET posted = 10 ^ 6, overdraft_limit = 10 ^ 6")
    temporary.execute(
        "CREATE FUNCTION pg_temp.sum(bigint) RETURNS bigint LANGUAGE sql AS 'SELECT 0'"
    )
    temporary.execute("SET search_path = pg_temp, public")
    assert tried(temporary, [
        entry(amount="-1000000").replace("INTO entries", "INTO public.entries"),
        draw("NULL", "5", "0").replace("INTO draws", "INTO public.draws"),
    ])  # fmt: skip
    assert ledger.digest() == before


def test_a_trigger_of_ones_own_touches_no_account(
    ledger: Scene, temporary: psycopg.Connection[Any]
) -> None:
    """Its statements come from within a trigger, as those that move accounts do."""
    faults = tried(temporary, [
        "CREATE TEMP TABLE mine (number integer)",
        "CREATE FUNCTION pg_temp.touch() RETURNS trigger LANGUAGE plpgsql AS"
        " 'BEGIN UPDATE public.accounts SET touched = touched + 1; RETURN NEW; END'",
        "CREATE TRIGGER mine AFTER INSERT ON mine"
        " FOR EACH ROW EXECUTE FUNCTION pg_temp.touch()",
        "INSERT INTO mine VALUES (1)",
    ])  # fmt: skip
    assert ["guard: " in fault for fault in faults] == [True]
    asked = ledger.superuser.execute("SELECT max(touched) FROM public.accounts")
    assert asked.fetchone() == (0,)


def test_the_portal_looks_for_its_own_tables_last_among_temporary_ones(
    ledger: Scene, temporary: psycopg.Connection[Any]
) -> None:
    with ledger.database.writing() as connection:
        connection.exec_driver_sql("CREATE TEMP TABLE accounts (LIKE public.accounts)")
        assert connection.exec_driver_sql("SELECT count(*) FROM accounts").scalar_one() == 3
        connection.exec_driver_sql("DROP TABLE pg_temp.accounts")

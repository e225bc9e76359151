"""Gate 31: nothing said over the portal's own SQLite connections changes what is written."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

from tests.databases import Databases
from tests.gate.attacks import (
    LIVE_GRANT,
    OPEN_HOLD,
    Attack,
    attack,
    charged,
    columns,
    copied,
    draw,
    edits,
    entry,
    revision,
)
from tests.gate.digests import sqlite_digest
from tests.gate.forgeries import A_DRAW, A_REQUEST, FORGERIES, HONEST, THEIRS
from tests.gate.scenes import Scene, scene, tried

pytestmark = pytest.mark.gate
sqlite_dialect = sqlite.dialect()
VERBS = ("INSERT OR IGNORE", "INSERT OR FAIL", "INSERT OR REPLACE", "INSERT OR ROLLBACK")

EDITS = [
    *(
        attack(f"{verb} {table.name}", *(
            f'{verb} {table.name} SET "{name}" = \'forged\'' for name in columns(table.name)))
        for table in edits()
        for verb in ("UPDATE", "UPDATE OR IGNORE", "UPDATE OR REPLACE")
    ),
    *(attack(f"DELETE {table.name}", f"DELETE FROM {table.name}") for table in edits()),
    attack("UPDATE usage_days", "UPDATE usage_days SET charged = 0"),
    attack("DELETE usage_days", "DELETE FROM usage_days"),
    attack("UPDATE of a sum", "WITH a AS (SELECT 1) UPDATE grants SET remaining = remaining + 9"),
    attack("DELETE RETURNING", "DELETE FROM draws WHERE position = 0 RETURNING *"),
]  # fmt: skip
DERIVED = [
    attack("UPDATE FROM a view", "UPDATE entries SET note = 'x' FROM profiles"),
    attack("INSERT a hold", "INSERT INTO holds SELECT 'hld_x', account_id, seq, service, operation,"
           " quantity, tariff, 'task', 'x', 9, 9, expires_at, created_at, 'open', NULL FROM holds"
           " LIMIT 1"),
    attack("INSERT usage", "INSERT INTO usage_days VALUES ('ada', 1, 'generate', 1, 0, 1, 1)"),
    attack("a second migration", "INSERT INTO alembic_version VALUES ('0000')"),
    attack("another migration", "UPDATE alembic_version SET version_num = '0000'"),
    attack("no migration", "DELETE FROM alembic_version"),
]  # fmt: skip

UPSERTS = [
    attack(f"UPSERT {table}", copied(table, where)
           + f" ON CONFLICT DO UPDATE SET {column} = 'x'")
    for table, where, column in (
        ("accounts", "true", "tier"),
        ("entries", "true", "reason"),
        ("account_revisions", "true", "tier"),
        ("grants", "remaining = 0 AND pinned = 0", "origin"),
        ("draws", "true", "grant_id"),
        ("requests", "true", "account_id"),
        ("refusals", "true", "code"),
        ("tariffs", "true", "document"),
    )
]  # fmt: skip

BY_KEY = [
    attack("REPLACE an account", copied("accounts", "id = 'ada'", "REPLACE", posted="0", held="0",
           seq="0", revision="0", overdraft_limit="0")),
    attack("REPLACE a revision", revision(revision="1").replace("INSERT", "REPLACE", 1)),
    attack("REPLACE an entry by its place", copied("entries", "id = " + charged("debit", "id"),
           "REPLACE", reason="'goodwill'")),
    attack("REPLACE an entry by its id", entry(verb="REPLACE", id=charged("debit", "id"))),
    attack("REPLACE a debit by its reference", entry(verb="REPLACE", **THEIRS, quantity="1")),
    attack("REPLACE a payment", entry(verb="REPLACE", kind="'grant'", reason="'purchase'",
           reference_type="'payment'", reference_id="'pay-1'")),
    attack("REPLACE an allocation", entry(verb="REPLACE", kind="'grant'", reason="'allocation'",
           reference_type="'period'", reference_id=charged("grant", "reference_id"))),
    attack("REPLACE how a hold ended", entry(verb="REPLACE", kind="'release'", reason="'failed'",
           resolution="'released'",
           hold_id="(SELECT hold_id FROM entries WHERE resolution = 'captured' LIMIT 1)")),
    attack("REPLACE a late capture", entry(verb="REPLACE", hold_id=charged("debit", "hold_id")
           .replace("'debit'", "'debit' AND hold_id IS NOT NULL"))),
    attack("REPLACE a hold by its id", draw(LIVE_GRANT, "0", "1"), entry(
        verb="REPLACE", kind="'hold'", reason="'placed'", hold_amount="1", hold_id=OPEN_HOLD,
        operation="'generate'", quantity="1", tariff="'t'", reference_type="'task'",
        reference_id="'new'", expires_at="1")),
    attack("REPLACE a hold by its reference", draw(LIVE_GRANT, "0", "1"), entry(
        verb="REPLACE", kind="'hold'", reason="'placed'", hold_amount="1", hold_id="'hld_new'",
        operation="'generate'", quantity="1", tariff="'t'", reference_type="'task'",
        reference_id=f"(SELECT reference_id FROM holds WHERE id = {OPEN_HOLD})", expires_at="1")),
    attack("REPLACE a grant", copied("grants", f"id = {LIVE_GRANT}", "REPLACE", remaining="0",
           pinned="0", seq="99")),
    attack("REPLACE a draw", copied("draws", A_DRAW, "REPLACE", amount="9")),
    attack("REPLACE a request", copied("requests", A_REQUEST, "REPLACE", body="'{}'")),
    attack("REPLACE a refusal", copied("refusals", "true LIMIT 1", "REPLACE", code="'x'")),
    attack("REPLACE a price list by its name", copied("tariffs", "true", "REPLACE",
           effective_at="1")),
    attack("REPLACE a price list by its time", copied("tariffs", "true", "REPLACE", name="'x'")),
]  # fmt: skip


def by_rowid(table: str, **changed: str) -> Attack:
    """A REPLACE of the row that lies at a place in the file, under other keys."""
    members = {name: f'"{name}"' for name in columns(table)} | changed
    names = ", ".join(f'"{name}"' for name in members)
    return attack(
        f"REPLACE {table} by rowid",
        f"REPLACE INTO {table} (rowid, {names}) SELECT rowid, {', '.join(members.values())}"
        f" FROM {table} WHERE rowid = (SELECT min(rowid) FROM {table})",
    )


ROWIDS = [
    by_rowid("accounts", id="'eve'", name="''", tier="''", status="'active'", time_zone="'UTC'",
             overdraft_limit="0", anchor_at="0", period_start="0", period_end="0", posted="0",
             held="0", seq="0", changed_at="0", revision="0", next_due_at="NULL",
             head_hash="zeroblob(32)", revision_hash="zeroblob(32)"),
    attack("REPLACE entries by rowid", entry(verb="REPLACE").replace("(", "(rowid, ", 1)
           .replace("SELECT ", "SELECT (SELECT min(rowid) FROM entries), ", 1)),
    by_rowid("grants", id="'grt_x'", seq="99", remaining="0", pinned="0"),
    by_rowid("refusals", id="'rfs_x'"),
    by_rowid("tariffs", name="'x'", effective_at="7"),
]  # fmt: skip

REPLACED = [*BY_KEY, *ROWIDS]

SCHEMA = [
    *(attack(f"DROP TRIGGER {name}", f"DROP TRIGGER {name}") for name in
      ("entries_stay", "entries_stay_put", "entries_follow", "entries_move", "accounts_follow")),
    attack("DROP TABLE", "DROP TABLE draws"),
    attack("DROP INDEX", "DROP INDEX entries_one_debit_per_reference"),
    attack("DROP VIEW", "DROP VIEW profiles"),
    attack("ALTER TABLE RENAME", "ALTER TABLE draws RENAME TO taken"),
    attack("ALTER TABLE ADD", "ALTER TABLE entries ADD COLUMN more TEXT"),
    attack("ALTER TABLE DROP", "ALTER TABLE entries DROP COLUMN note"),
    attack("CREATE TABLE", "CREATE TABLE mine (a)"),
    attack("CREATE INDEX", "CREATE UNIQUE INDEX mine ON entries (account_id, amount, seq)"),
    attack("CREATE VIEW", "CREATE VIEW mine AS SELECT 1"),
    attack("CREATE TRIGGER", "CREATE TRIGGER mine AFTER INSERT ON requests BEGIN"
           " UPDATE grants SET remaining = remaining + 1; END"),
    attack("CREATE VIRTUAL TABLE", "CREATE VIRTUAL TABLE mine USING fts5(a)"),
    attack("ANALYZE", "ANALYZE"),
    attack("writable_schema", "PRAGMA writable_schema = ON",
           "DELETE FROM sqlite_master WHERE type = 'trigger'"),
    attack("UPDATE sqlite_master", "PRAGMA writable_schema = ON",
           "UPDATE sqlite_master SET sql = replace(sql, 'append-only', '')"),
    attack("journal_mode", "PRAGMA journal_mode = DELETE"),
    attack("user_version", "PRAGMA user_version = 7"),
    attack("application_id", "PRAGMA application_id = 7"),
]  # fmt: skip
# They leave no trace in the file: that they were refused is all there is to see.
SETTINGS = (
    "PRAGMA foreign_keys = OFF",
    "PRAGMA recursive_triggers = OFF",
    "PRAGMA defer_foreign_keys = ON",
    "PRAGMA trusted_schema = ON",
    "PRAGMA synchronous = OFF",
    "PRAGMA main.synchronous = 0",
    "PRAGMA ignore_check_constraints = ON",
    "PRAGMA writable_schema = ON",
    "PRAGMA query_only = OFF",
    "PRAGMA wal_autocheckpoint = 1000",
    "PRAGMA locking_mode = EXCLUSIVE",
    "PRAGMA legacy_alter_table = ON",
    "SELECT * FROM pragma_foreign_keys",
    "SELECT * FROM pragma_table_list",
    "REINDEX",
    "VACUUM",
    "VACUUM INTO '{folder}/copy.db'",
    "ATTACH '{folder}/other.db' AS other",
    "ATTACH ':memory:' AS other",
    "CREATE TEMP TABLE entries (a)",
    "CREATE TEMP VIEW entries AS SELECT 1",
    "CREATE TEMP TRIGGER mine AFTER INSERT ON main.entries BEGIN SELECT 1; END",
    "SELECT fts3_tokenizer('simple')",
)


@pytest.fixture(scope="module")
def ledger(databases: Databases) -> Iterator[Scene]:
    """A ledger with history in one SQLite file."""
    with databases.fresh("sqlite") as config, scene(databases, config) as made:
        yield made


def name_of(tried: Attack) -> str:
    """What a case is called."""
    return tried.name.replace(" ", "-")


@pytest.mark.parametrize("edit", [*EDITS, *DERIVED, *UPSERTS, *REPLACED, *SCHEMA], ids=name_of)
def test_an_edit_is_refused_and_nothing_changes(ledger: Scene, edit: Attack) -> None:
    before = ledger.digest()
    assert len(ledger.as_application(edit)) >= (len(edit.statements) if edit in EDITS else 1)
    assert ledger.as_reader(edit)
    assert ledger.digest() == before


@pytest.mark.parametrize("edit", [*EDITS, *UPSERTS], ids=name_of)
def test_on_tables_without_rules_the_edit_works(ledger: Scene, edit: Attack) -> None:
    for statement in edit.statements:
        assert ledger.lets_in_without_rules([statement])


@pytest.mark.parametrize("edit", [*DERIVED, *REPLACED, *SCHEMA], ids=name_of)
def test_over_a_connection_without_guards_the_edit_works(
    ledger: Scene, edit: Attack, tmp_path: Path
) -> None:
    twin = twin_of(ledger, tmp_path)
    with closing(sqlite3.connect(twin, isolation_level=None)) as connection:
        if edit not in SCHEMA:
            unguard(connection)
        before = sqlite_digest(twin)
        assert tried(connection, edit.statements) == []
    assert sqlite_digest(twin) != before


@pytest.mark.parametrize("forgery", FORGERIES, ids=name_of)
def test_no_policy_of_conflicts_lets_a_forged_row_in(ledger: Scene, forgery: Attack) -> None:
    """A trigger's own statements take over the policy of the INSERT that fired it."""
    before = ledger.digest()
    for verb in VERBS:
        ledger.as_application(with_verb(forgery, verb))
    assert ledger.digest() == before


@pytest.mark.parametrize("honest", HONEST, ids=name_of)
def test_a_policy_of_conflicts_changes_nothing_of_what_follows(
    databases: Databases, honest: Attack
) -> None:
    digests = set()
    for attempt in (honest, with_verb(honest, VERBS[0]), with_verb(honest, VERBS[2])):
        with databases.fresh("sqlite") as config, scene(databases, config) as made:
            assert made.as_application(attempt) == []
            digests.add(made.digest())
    assert len(digests) == 1


def test_triggers_without_the_guards_before_them_would_lose_rows(tmp_path: Path) -> None:
    """Why those guards are there: what SQLite itself does with an ignored conflict in a trigger."""
    with closing(sqlite3.connect(tmp_path / "x.db")) as connection:
        connection.executescript(
            "CREATE TABLE lots (left INTEGER CHECK (left >= 0)); INSERT INTO lots VALUES (1);"
            "CREATE TABLE draws (amount INTEGER); CREATE TRIGGER move AFTER INSERT ON draws BEGIN"
            " UPDATE lots SET left = left - NEW.amount; END;"
        )
        connection.execute("INSERT OR IGNORE INTO draws VALUES (9)")
        with pytest.raises(sqlite3.IntegrityError):
            connection.execute("INSERT OR FAIL INTO draws VALUES (8)")
        assert connection.execute("SELECT amount FROM draws").fetchall() == [(9,), (8,)]
        assert connection.execute("SELECT left FROM lots").fetchall() == [(1,)]


# What is moved by entries, and which program says so a trigger cannot tell.
MOVED = {
    "grants": {"remaining", "pinned"},
    "holds": {"quantity", "amount", "captured", "expires_at", "status", "resolved_seq"},
}
CHANGED = {"TEXT": "coalesce(\"{0}\", '') || 'x'", "BLOB": "zeroblob(31)"}


@pytest.mark.parametrize("table", edits(), ids=lambda table: table.name)
def test_any_program_that_keeps_the_triggers_is_refused(
    ledger: Scene, table: sa.Table, tmp_path: Path
) -> None:
    """Without the portal's authorizer, and without the settings of its connections."""
    twin = twin_of(ledger, tmp_path)
    kinds = {str(column.type.compile(sqlite_dialect)) for column in table.columns}
    assert kinds <= {"TEXT", "BLOB", "INTEGER"}
    before = sqlite_digest(twin)
    with closing(sqlite3.connect(twin, isolation_level=None)) as connection:
        connection.execute("PRAGMA recursive_triggers = OFF")
        for name in columns(table.name):
            if name in MOVED.get(table.name, ()):
                continue
            kind = str(table.c[name].type.compile(sqlite_dialect))
            value = CHANGED.get(kind, 'coalesce("{0}", 0) + 1').format(name)
            with pytest.raises(sqlite3.IntegrityError, match="guard: "):
                connection.execute(f'UPDATE {table.name} SET "{name}" = {value}')
        with pytest.raises(sqlite3.IntegrityError, match="guard: "):
            connection.execute(f"DELETE FROM {table.name}")
    assert sqlite_digest(twin) == before


@pytest.mark.parametrize("edit", REPLACED, ids=name_of)
def test_any_program_that_replaces_a_row_is_refused(
    ledger: Scene, edit: Attack, tmp_path: Path
) -> None:
    """REPLACE deletes without a word to the triggers, where these are not recursive."""
    twin = twin_of(ledger, tmp_path)
    before = sqlite_digest(twin)
    with closing(sqlite3.connect(twin, isolation_level=None)) as connection:
        connection.execute("PRAGMA recursive_triggers = OFF")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("BEGIN")
        assert any("guard: " in fault for fault in tried(connection, edit.statements))
    assert sqlite_digest(twin) == before


@pytest.mark.parametrize("statement", SETTINGS)
@pytest.mark.parametrize("side", ["_writer", "_reader"])
def test_a_setting_is_not_the_portals_to_change(
    ledger: Scene, statement: str, side: str, tmp_path: Path
) -> None:
    text = statement.format(folder=tmp_path)
    with closing(getattr(ledger.database, side).raw_connection()) as connection:
        driver = connection.driver_connection
        assert not driver.in_transaction
        with pytest.raises(sqlite3.DatabaseError, match=r"not authorized|authorization denied"):
            driver.execute(text).fetchall()
    assert list(tmp_path.iterdir()) == []
    twin = twin_of(ledger, tmp_path)
    with closing(sqlite3.connect(twin, isolation_level=None)) as bare:
        bare.execute(text).fetchall()


@pytest.mark.parametrize("side", ["_writer", "_reader"])
def test_no_extension_is_loaded(ledger: Scene, side: str) -> None:
    with closing(getattr(ledger.database, side).raw_connection()) as connection:
        driver = connection.driver_connection
        with pytest.raises(sqlite3.Error, match="not authorized"):
            driver.execute("SELECT load_extension('mod_evil')")


def with_verb(attempt: Attack, verb: str) -> Attack:
    """The same attempt with a policy of conflicts in each statement."""
    return attempt._replace(
        statements=tuple(text.replace("INSERT", verb, 1) for text in attempt.statements)
    )


def twin_of(ledger: Scene, folder: Path) -> Path:
    """A copy of the file, outside the portal."""
    twin = folder / "twin.db"
    with closing(sqlite3.connect(ledger.path)) as source, closing(sqlite3.connect(twin)) as target:
        source.backup(target)
    return twin


def unguard(connection: sqlite3.Connection) -> None:
    """Drop every trigger, and let all checks pass."""
    found = connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()
    for (name,) in found:
        connection.execute(f"DROP TRIGGER {name}")
    connection.execute("PRAGMA ignore_check_constraints = ON")
    connection.execute("PRAGMA foreign_keys = OFF")

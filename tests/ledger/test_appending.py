"""Law 6: one function in one module inserts entries, and every kind goes through it."""

import ast
import re
from pathlib import Path

import pytest
from sqlalchemy.engine import Connection

from portal.database import Database
from portal.ledger import appending
from portal.ledger.appending import Pages, account_after
from tests.ledger.stories import HOUR, Story, done

ROOT = Path(appending.__file__).resolve().parent.parent.parent
SQL = re.compile(
    r"\b(insert|replace|copy)\b[^;]*?\binto\s+\"?entries\b|\bcopy\s+\"?entries\b", re.I
)
MAKERS = {"insert", "Insert"}


def inserting(source: str) -> list[str]:
    """Where a source inserts entries: the functions, or `module` outside of any."""
    tree = ast.parse(source)
    found = []
    for outer in ast.walk(tree):
        for node in ast.iter_child_nodes(outer):
            if inserts(node):
                found.append(inside(tree, node))
    return found


def inserts(node: ast.AST) -> bool:
    """Whether a node makes, names or runs an insertion of entries."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return SQL.search(node.value) is not None
    if isinstance(node, ast.Name) and node.id == "INSERT_ENTRIES":
        return isinstance(node.ctx, ast.Load)
    if not isinstance(node, ast.Call):
        return False
    named = ast.unparse(node.func).rpartition(".")
    first = ast.unparse(node.args[0]) if node.args else ""
    of_table = named[2] == "insert" and named[0].endswith("entries")
    return of_table or (named[2] in MAKERS and first.endswith("entries"))


def inside(tree: ast.AST, node: ast.AST) -> str:
    """The function a node is in."""
    functions = [
        each.name
        for each in ast.walk(tree)
        if isinstance(each, ast.FunctionDef) and node in ast.walk(each)
    ]
    return functions[-1] if functions else "module"


def test_one_function_in_one_module_inserts_entries() -> None:
    found = {
        str(path.relative_to(ROOT)): places
        for folder in ("portal", "migrations", "benchmarks")
        for path in (ROOT / folder).rglob("*.py")
        if (places := inserting(path.read_text("utf-8")))
    }
    assert found == {"portal/ledger/appending.py": ["module", "append"]}


@pytest.mark.parametrize(
    "source",
    [
        "def f(): connection.execute(entries.insert())",
        "def f(): connection.execute(sa.insert(tables.entries).values(seq=1))",
        "def f(): connection.execute('INSERT INTO entries VALUES (1)')",
        "def f(): cursor.copy('COPY entries FROM STDIN')",
        "def f(): cursor.execute('insert or replace into \"entries\" values (1)')",
        "OTHER = Insert(entries)",
        "from portal.ledger.appending import INSERT_ENTRIES\nrun(INSERT_ENTRIES)",
    ],
)
def test_control_a_second_way_in_is_told(source: str) -> None:
    assert inserting(source) != []


def test_every_kind_goes_through_it(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    story = Story.on(database)
    kinds: list[str] = []
    append = Pages.append

    def watched(self: Pages, connection: Connection, *, limits_first: bool = True) -> None:
        kinds.extend(draft.entry.kind for draft in self.drafts)
        append(self, connection, limits_first=limits_first)

    monkeypatch.setattr(Pages, "append", watched)
    story.open("free")
    charged = story.debit(10)
    done(story.refund(charged))
    done(story.capture(story.place(5), 5))
    done(story.release(story.place(5)))
    done(story.adjust(5))
    story.grant(5, life=HOUR)
    story.wait(HOUR)
    story.advance()
    assert kinds == [entry.kind for entry in story.entries()]
    assert set(kinds) == {
        "grant",
        "debit",
        "refund",
        "hold",
        "capture",
        "release",
        "adjustment",
        "expiry",
    }


def test_without_the_one_writer_nothing_is_written(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    story = Story.on(database)
    story.open("free")
    before = story.ledger.tables
    monkeypatch.setattr(Pages, "append", lambda *_, **__: None)
    story.debit(10)
    story.hold(10)
    assert story.ledger.tables.__dict__ == before.__dict__


def test_a_limit_that_falls_is_written_after_the_entries_that_used_it(database: Database) -> None:
    story = Story.on(database)
    story.open("scale")
    done(story.debit(650))
    story.open("free")
    story.now = story.account.period_end
    assert story.advance().overdraft_limit == 50
    done(story.grant(50))
    story.now = story.account.period_end
    assert story.advance().overdraft_limit == 0


def test_a_limit_that_rises_is_written_before_the_entries_that_use_it(database: Database) -> None:
    story = Story.on(database)
    story.open("plus")
    done(story.debit(1_000))
    story.open("scale")
    story.now = story.account.period_end
    done(story.debit(700))
    assert (story.account.posted, story.account.overdraft_limit) == (-200, 200)


def test_an_account_after_an_entry_has_its_balances_and_the_terms_of_now() -> None:
    story = Story()
    story.open("free")
    story.debit(30)
    first = story.entries()[0]
    after = account_after(story.account, first)
    assert (after.posted, after.held, after.seq, after.head_hash) == (100, 0, 1, first.hash)
    assert (after.tier, after.revision, after.id) == ("free", 1, "ada")
    assert account_after(story.account, story.entries()[-1]) == story.account

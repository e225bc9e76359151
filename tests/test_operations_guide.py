"""docs/operations.md: the commands of its drills, run as they stand there on a living portal."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config as AlembicConfig

from portal.config import Config
from portal.database import Database, head
from portal.database.upgrading import MIGRATIONS, owner_connection
from tests import postgres
from tests.databases import MIGRATES, Databases
from tests.house.tree import ROOT
from tests.served import Caller, served
from tests.serving import environment_of

GUIDE = (ROOT / "docs" / "operations.md").read_text()
HEADS = "SELECT id, seq, head_hash, posted, held FROM accounts ORDER BY id"


def blocks(heading: str) -> list[str]:
    """The commands under a heading, a block each."""
    found = re.search(rf"^#+ {heading}\n(.*?)(?=^#+ |\Z)", GUIDE, re.MULTILINE | re.DOTALL)
    assert found is not None, heading
    return re.findall(r"^ *```sh\n(.*?)^ *```", found[1], re.MULTILINE | re.DOTALL)


def follow(commands: str, config: Config, **names: str) -> str:
    """Run commands as an operator's shell would, in the checkout; gives what they print."""
    programs = [str(Path(sys.executable).parent), str(postgres.get_programs()), os.environ["PATH"]]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PORTAL_")}
    named = environment_of(config) | names
    plain = {name: value.replace("+psycopg", "") for name, value in named.items()}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands],
        cwd=ROOT,
        env=clean | plain | {"PATH": os.pathsep.join(programs)},
        capture_output=True,
        text=True,
        check=False,
        timeout=160,
    )
    assert done.returncode == 0, f"{commands}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def heads(config: Config) -> list[Any]:
    """How every account stands."""
    database = Database(config)
    with database.reading() as connection:
        found = [tuple(row) for row in connection.exec_driver_sql(HEADS)]
    database.dispose()
    return found


def lived(caller: Caller) -> None:
    """Some history."""
    for _ in range(5):
        assert caller.debit().status == 201
    assert caller.debit("zenith", 7).status == 201


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_the_drill_and_the_restore_of_sqlite(config: Config, tmp_path: Path) -> None:
    backup, drill, restore = blocks("SQLite")
    folder = tmp_path / "backups"
    folder.mkdir()
    names = {"BACKUPS": str(folder), "DATABASE": str(config.sqlite_file)}
    with served(config, tmp_path) as caller:
        lived(caller)
        follow(backup, config, **names)
        kept = heads(config)
        assert caller.debit().status == 201
        assert "no difference" in follow(drill, config, **names)
        assert caller.debit().status == 201
    assert [path.name for path in folder.iterdir()] == ["portal.db"]
    assert heads(config) != kept
    assert "no difference" in follow(restore, config, **names)
    assert heads(config) == kept
    with served(config, tmp_path) as caller:
        assert caller.debit().status == 201, "it serves again"


@contextmanager
def without(url: str, name: str) -> Iterator[None]:
    """A server that does not have a database of this name, before and after."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        yield
        connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@pytest.mark.parametrize("dialect", ["postgresql"], indirect=True)
def test_the_drill_of_postgresql(config: Config, databases: Databases, tmp_path: Path) -> None:
    backup, drill = blocks("PostgreSQL")
    server, name = databases.server(), f"portal_drill_{os.getpid()}"
    assert drill.count("portal_drill") == 2
    check, drop = drill.rsplit("psql", 1)
    names = {
        "BACKUPS": str(tmp_path),
        "OWNER": MIGRATES,
        "SUPERUSER_URL": server.url("postgres"),
        "DRILL_URL": server.url(name),
    }
    with without(server.url("postgres").replace("+psycopg", ""), name):
        with served(config, tmp_path) as caller:
            lived(caller)
            follow(backup, config, **names)
            kept = heads(config)
            assert caller.debit().status == 201
            told = follow(check.replace("portal_drill", name), config, **names)
            assert "no difference" in told
            assert caller.debit().status == 201
        assert heads(config) != kept
        assert heads(replace(config, database_url=server.url(name))) == kept
        follow(f"psql{drop}".replace("portal_drill", name), config, **names)
        with psycopg.connect(names["SUPERUSER_URL"].replace("+psycopg", "")) as connection:
            asked = "SELECT count(*) FROM pg_database WHERE datname = %s"
            assert connection.execute(asked, [name]).fetchone() == (0,)
    assert sa.make_url(config.database_url).database != name


def test_a_key_is_rotated_and_revoked(config: Config, tmp_path: Path) -> None:
    rotate, revoke = blocks("Keys of services")
    with served(config, tmp_path) as caller:
        shown = follow(rotate, caller.portal.config, KID=caller.kid)
        kid, secret = re.findall(r"^\s*(?:key|kid|secret)\W+(\S+)$", shown, re.MULTILINE)[:2]
        renewed = Caller(caller.portal, kid, secret)
        assert until(lambda: renewed.debit().status, 201), shown
        assert caller.debit().status == 201, "both are good meanwhile"
        follow(revoke, caller.portal.config, KID=caller.kid)
        assert until(lambda: caller.debit().status, 401)
        assert renewed.debit().status == 201


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_an_older_database_is_upgraded_and_serves(config: Config, tmp_path: Path) -> None:
    [upgrade] = blocks("Upgrades")
    url = f"sqlite:///{tmp_path}/old.db"
    old = replace(config, database_url=url, database_owner_url=url)
    with owner_connection(old) as connection:
        alembic = AlembicConfig()
        alembic.set_main_option("script_location", str(MIGRATIONS))
        alembic.attributes["connection"] = connection
        command.upgrade(alembic, "head-1")
    with pytest.raises(AssertionError, match="migrations are missing"):
        follow("flask --app wsgi db check", old)
    assert f"at migration {head()}" in follow(upgrade, old)
    with served(old, tmp_path) as caller:
        assert caller.ask("/readyz").status == 200
        assert caller.debit().status == 201


def test_programs_of_the_environment_are_named_in_one_way() -> None:
    commands = re.findall(r"^ +(?:\S+/)?(?:flask|gunicorn) .+$", GUIDE, re.MULTILINE)
    assert len(commands) > 5
    assert [each for each in commands if "/flask" in each or "/gunicorn" in each] == []
    assert "PATH" in GUIDE.split("flask", 1)[0], "said before the first command"


def test_no_migration_is_told_of_in_particular() -> None:
    assert re.findall(r"[Mm]igration \d+", GUIDE) == []


def until(ask: Callable[[], int], status: int) -> bool:
    """Whether an answer comes within the second that workers may remember keys, and some."""
    give_up = time.monotonic() + 3
    while time.monotonic() < give_up:
        if ask() == status:
            return True
        time.sleep(0.05)
    return False

"""The demo, filled once a run on each kind of database, and a small ledger to play scripts on."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import pytest
from flask import Flask
from sqlalchemy import Connection

from portal import create_app, ledger, pricing
from portal.cli import db
from portal.cli.demo.filling import prepare
from portal.cli.demo.history import lots_of, new_ids, tell
from portal.cli.demo.orders import Service
from portal.cli.demo.sheet import Sheet
from portal.cli.demo.stage import Scene, Script, play
from portal.config import Config
from portal.current import Application
from portal.database import Database
from tests.databases import Databases

SERVICE = Service("studio", "studio-202608a")
FEW = 9
TARIFFS = pricing.Tariffs([pricing.shipped_tariff()])


def micros(*moment: int) -> int:
    """A UTC date and time as microseconds."""
    return int(datetime(*moment, tzinfo=UTC).timestamp()) * 1_000_000  # type: ignore[misc,arg-type]


NOW = micros(2026, 11, 23, 9, 41, 7)


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self, now: int) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now


class Filled(NamedTuple):
    """A portal with the demo in it."""

    app: Flask
    clock: Clock
    config: Config
    sheet: Sheet
    told: list[tuple[Scene, int]]

    @property
    def database(self) -> Database:
        """The database behind it."""
        state: Application = self.app.extensions["portal"]
        return state.database

    @property
    def folder(self) -> Path:
        """Where its sheet lies."""
        return self.config.root / "var"


@contextmanager
def filling(databases: Databases, dialect: str, root: Path, days: int) -> Iterator[Filled]:
    """Fill a fresh database with a history of some days."""
    with databases.fresh(dialect) as fresh:
        config = replace(fresh, root=root)
        clock, told = Clock(NOW), []
        app = create_app(config, clock=clock)
        with app.app_context():
            sheet = prepare(config, lambda scene, at: told.append((scene, at)), days)
        filled = Filled(app, clock, config, sheet, told)
        yield filled
        filled.database.dispose()


@pytest.fixture(scope="session")
def filled(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    """The whole demo, on SQLite; to be read, not changed."""
    with filling(databases, "sqlite", tmp_path_factory.mktemp("demo"), 90) as made:
        yield made


@pytest.fixture
def own(databases: Databases, dialect: str, tmp_path: Path) -> Iterator[Filled]:
    """A small demo on each kind of database, of the test's own."""
    with filling(databases, dialect, tmp_path, FEW) as made:
        yield made


@pytest.fixture
def empty(databases: Databases, tmp_path: Path) -> Iterator[Flask]:
    """A portal with a price list and nothing else, on SQLite."""
    with databases.fresh("sqlite") as fresh:
        app = create_app(replace(fresh, root=tmp_path), clock=Clock(NOW))
        with app.app_context():
            db.prepare(fresh)
        yield app
        app.extensions["portal"].database.dispose()


@pytest.fixture
def connection(empty: Flask) -> Iterator[Connection]:
    """That portal's database, being written."""
    with empty.extensions["portal"].database.writing() as opened:
        yield opened


class Stage(NamedTuple):
    """A ledger to play scripts on; `scene` ends at NOW."""

    connection: Connection
    scene: Scene
    seen: list[ledger.Outcome]
    ids: ledger.Ids

    def play(self, *scripts: Script) -> list[ledger.Outcome]:
        """Play scripts on accounts that exist; gives all outcomes so far."""
        play(scripts, self.scene, self.post, lambda at: None)
        return self.seen

    def post(self, at: int, command: ledger.Command) -> ledger.Outcome:
        """Post one command at an instant."""
        [outcome] = ledger.post(self.connection, [command], now=at, tariffs=TARIFFS, ids=self.ids)
        self.seen.append(outcome)
        return outcome

    def entries(self, account: str) -> list[ledger.Entry]:
        """The account's entries, oldest first."""
        found = ledger.page(self.connection, account, ledger.Filter(), limit=5_000)
        return list(reversed(found.entries))

    def refusals(self, account: str) -> tuple[ledger.Refusal, ...]:
        """The account's refusals, newest first."""
        return ledger.recent_refusals(self.connection, account, since=0, limit=500)


@pytest.fixture
def stage(connection: Connection) -> Stage:
    """An empty stage of thirty days."""
    return Stage(connection, Scene(NOW, 30), [], ledger.Ids(lots_of("tests").randbytes))


def tell_all(
    connection: Connection,
    scene: Scene,
    service: Service,
    told: Callable[[int], object] = lambda at: None,
) -> int:
    """The whole history of a scene, in the database transaction of a connection."""
    ids = new_ids()

    def post(at: int, command: ledger.Command) -> ledger.Outcome:
        return ledger.post(connection, [command], now=at, tariffs=TARIFFS, ids=ids)[0]

    return tell(scene, service, post, told)


Tell = Callable[[Scene], Stage]


@pytest.fixture(name="tell")
def tell_a_scene(connection: Connection) -> Tell:
    """Plays the whole history of a scene."""

    def told(scene: Scene) -> Stage:
        tell_all(connection, scene, SERVICE)
        return Stage(connection, scene, [], ledger.Ids(lots_of("tests").randbytes))

    return told

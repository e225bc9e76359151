"""What every test may ask for: a database of its own, on each kind of database.

`database` and `config` run a test twice, on SQLite and on PostgreSQL. A test for one of them says
`@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)`; one that needs many databases
(Hypothesis) asks for `databases` and calls `databases.fresh(dialect)`.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from portal.config import Config
from portal.database import Database
from portal.database.sqlite import UNSAFE_FILESYSTEMS, filesystem_of
from tests.databases import DIALECTS, Databases

ROOT = Path(__file__).resolve().parent.parent
RUN = "TEST_RUN_PID"

# A slow machine is no failure; a failing example prints the line that replays it.
settings.register_profile(
    "portal", deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("portal")


def pytest_configure(config: pytest.Config) -> None:
    """Settings of the shell stay outside; the run is known to all its processes by one number."""
    for name in [name for name in os.environ if name.startswith("PORTAL_")]:
        del os.environ[name]
    if "PYTEST_XDIST_WORKER" not in os.environ:
        os.environ[RUN] = str(os.getpid())
        # The portal refuses to keep a ledger in memory, which /tmp is on some systems.
        in_memory = filesystem_of(Path(tempfile.gettempdir())) in UNSAFE_FILESYSTEMS
        if in_memory and config.option.basetemp is None:
            config.option.basetemp = ROOT / "var" / "tests" / str(os.getpid())
            config.option.basetemp.parent.mkdir(parents=True, exist_ok=True)


@pytest.fixture(scope="session")
def databases(tmp_path_factory: pytest.TempPathFactory) -> Databases:
    """The source of fresh databases; it starts its PostgreSQL server when one is asked for."""
    own = tmp_path_factory.getbasetemp()
    shared = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    return Databases(shared, own, int(os.environ[RUN]))


@pytest.fixture(params=DIALECTS)
def dialect(request: pytest.FixtureRequest) -> str:
    """Each kind of database in turn."""
    return str(request.param)


@pytest.fixture
def config(databases: Databases, dialect: str) -> Iterator[Config]:
    """The configuration for an empty migrated database of the test's own."""
    with databases.fresh(dialect) as fresh:
        yield fresh


@pytest.fixture
def database(config: Config) -> Iterator[Database]:
    """That database itself; its connections are closed at the end."""
    opened = Database(config)
    yield opened
    opened.dispose()

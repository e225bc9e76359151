"""A bank on each database, for tests that break things on purpose."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.databases import Databases
from tests.faults.bank import Bank


@pytest.fixture
def bank(databases: Databases, dialect: str) -> Iterator[Bank]:
    """A bank with connections for everybody."""
    with databases.fresh(dialect, PORTAL_DATABASE_POOL="32") as config:
        opened = Bank(config).open()
        yield opened
        opened.close()

"""Gate 31 and 32: rows that do not follow from the rows before are refused, wherever they come."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.databases import DIALECTS, Databases
from tests.gate.attacks import Attack
from tests.gate.forgeries import FORGERIES, HONEST
from tests.gate.scenes import Scene, scene

pytestmark = pytest.mark.gate


@pytest.fixture(scope="module", params=DIALECTS)
def ledger(databases: Databases, request: pytest.FixtureRequest) -> Iterator[Scene]:
    """A ledger with history on each database."""
    with databases.fresh(request.param) as config, scene(databases, config) as made:
        yield made


def name_of(attack: Attack) -> str:
    """What a case is called."""
    return attack.name.replace(" ", "-")


@pytest.mark.parametrize("forgery", FORGERIES, ids=name_of)
def test_a_forged_row_is_refused_and_nothing_changes(ledger: Scene, forgery: Attack) -> None:
    before = ledger.digest()
    faults = ledger.as_application(forgery)
    assert faults
    assert ledger.digest() == before


@pytest.mark.parametrize("forgery", FORGERIES, ids=name_of)
def test_without_guards_the_same_rows_get_in(ledger: Scene, forgery: Attack) -> None:
    assert ledger.lets_in_without_rules(ledger.fitted(forgery))


@pytest.mark.parametrize("honest", HONEST, ids=name_of)
def test_rows_that_follow_are_let_in(databases: Databases, ledger: Scene, honest: Attack) -> None:
    with databases.fresh(ledger.database.dialect) as config, scene(databases, config) as own:
        before = own.digest()
        assert own.as_application(honest) == []
        assert own.digest() != before

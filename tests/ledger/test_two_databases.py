"""The same commands in memory, on SQLite and on PostgreSQL: the same answers and the same rows.

Identifiers come from a seeded source, so that everything is compared: ids, hashes, answers,
refusals. What the machine of `test_model_bank` asks is written down once and asked again.
"""

import random
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from portal.database import Database
from portal.ledger.commands import Outcome, Refused
from tests.databases import DIALECTS, Databases
from tests.ledger.comparing import Ledger, command_of
from tests.ledger.laws import broken_laws
from tests.ledger.machine import Machine
from tests.ledger.memory import MemoryLedger, Tables
from tests.ledger.model_lots import Ask
from tests.ledger.stories import TARIFFS, ids
from tests.ledger.vault import Vault

Script = list[tuple[int, list[Ask]]]
SCRIPTS = 3


@pytest.fixture(scope="module")
def scripts(pytestconfig: pytest.Config) -> list[Script]:
    """The longest of many random lives of two customers; their seed is in the name."""
    given = pytestconfig.getoption("--hypothesis-seed", None)
    number = int(given) if given else random.SystemRandom().getrandbits(32)
    lives: list[Script] = []

    class Writing(Machine):
        make = staticmethod(lambda: MemoryLedger(TARIFFS, ids()))

        def __init__(self) -> None:
            super().__init__()
            lives.append([])

        def post(self, *asks: Ask) -> None:
            lives[-1].append((self.now, list(asks)))
            super().post(*asks)

    run_state_machine_as_test(
        seed(number)(Writing),
        settings=settings(
            max_examples=40,
            stateful_step_count=80,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )
    print(f"to see it again: --hypothesis-seed={number}")
    return sorted(lives, key=len)[-SCRIPTS:]


def live(ledger: Ledger, script: Script, *, together: bool = True) -> list[Outcome]:
    """Ask everything in a script, in batches as written or one command at a time."""
    outcomes = []
    for now, asks in script:
        commands = [command_of(it) for it in asks]
        for batch in [commands] if together else [[command] for command in commands]:
            outcomes += ledger.post(batch, now)
    return outcomes


def told(outcomes: list[Outcome]) -> list[object]:
    """Answers as they can be compared: an error by its kind and numbers."""
    return [
        (type(each.error), each.error.__dict__, each.replayed, each.refusal_id)
        if isinstance(each, Refused)
        else each
        for each in outcomes
    ]


@pytest.fixture
def vaults(databases: Databases) -> Iterator[list[Vault]]:
    """A fresh ledger on each kind of database, with ids from the same seed."""
    with databases.fresh(DIALECTS[0]) as one, databases.fresh(DIALECTS[1]) as other:
        opened = [Database(one), Database(other)]
        found = [Vault(database, TARIFFS, ids()) for database in opened]
        for vault in found:
            vault.publish()
        yield found
        for database in opened:
            database.dispose()


@pytest.mark.timeout(600)
@pytest.mark.parametrize("place", range(SCRIPTS))
def test_the_same_commands_have_the_same_outcomes_and_rows_everywhere(
    scripts: list[Script], vaults: list[Vault], place: int
) -> None:
    script = scripts[place]
    memory = MemoryLedger(TARIFFS, ids())
    expected = told(live(memory, script))
    assert len(expected) > 20
    for vault in vaults:
        assert told(live(vault, script)) == expected
        assert rows(vault.tables) == rows(memory.tables)
        assert broken_laws(vault.tables) == []


def rows(tables: Tables) -> dict[str, object]:
    """Every row, in no order that a database would have to keep."""
    found = dict(tables.__dict__)
    found["made"] = None
    return found


@pytest.mark.parametrize("place", range(SCRIPTS))
def test_history_posted_one_by_one_in_order_is_the_same_history(
    scripts: list[Script], place: int
) -> None:
    batches, singles = MemoryLedger(TARIFFS, ids()), MemoryLedger(TARIFFS, ids())
    assert told(live(batches, scripts[place])) == told(
        live(singles, scripts[place], together=False)
    )
    assert batches.tables.__dict__ == singles.tables.__dict__


@pytest.mark.parametrize("place", range(SCRIPTS))
def test_control_history_in_another_order_is_another_history(
    scripts: list[Script], place: int
) -> None:
    script = scripts[place]
    script = [*script[:2], *script[:1:-1]]
    one, other = MemoryLedger(TARIFFS, ids()), MemoryLedger(TARIFFS, ids())
    assert told(live(one, scripts[place])) != told(live(other, script))

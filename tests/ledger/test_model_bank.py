"""The ledger against a plain model of it: anything anybody may ask, in any order, at any time.

After every step the answers, every line, every grant and hold, both balances and what is due next
are compared. A failure names the steps that lead to it, as few as Hypothesis finds, the seed of
its run (`pytest tests/ledger/test_model_bank.py --hypothesis-seed=SEED` runs it again) and
a `@reproduce_failure(…)` to put on the test; the example itself stays in `.hypothesis` and is
tried first next time.
"""

import random
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from portal.database import Database
from portal.ledger import burn, caps, deciding, funds, holds, refunds
from portal.ledger.audit import audit
from portal.ledger.book import Book
from portal.ledger.errors import LawBrokenError
from portal.ledger.known import Known
from portal.ledger.refunds import spread
from tests.databases import Databases
from tests.ledger.laws import broken_laws
from tests.ledger.machine import Machine
from tests.ledger.memory import GuardError, MemoryLedger
from tests.ledger.stories import START, TARIFFS, ids
from tests.ledger.vault import Vault, WatchedVault

STEPS = 5_000
PAYS, PINS_OF, USES = burn.pays, holds.pins_of, caps.uses


def run(
    machine: type[Machine],
    pytestconfig: pytest.Config,
    *,
    examples: int,
    steps: int,
    shrink: bool = True,
) -> None:
    """Run a machine from a fresh seed, or from the one that was given; a failure tells it."""
    given = pytestconfig.getoption("--hypothesis-seed", None)
    number = int(given) if given else random.SystemRandom().getrandbits(32)
    how = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        print_blob=True,
        phases=list(Phase) if shrink else [Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    try:
        run_state_machine_as_test(seed(number)(machine), settings=how)
    except BaseException as error:
        error.add_note(f"to see it again: --hypothesis-seed={number}")
        raise


@pytest.mark.timeout(900)
def test_the_ledger_and_its_model_answer_alike_for_thousands_of_steps(
    pytestconfig: pytest.Config,
) -> None:
    class InMemory(Machine):
        make = staticmethod(lambda: MemoryLedger(TARIFFS, ids()))

        def teardown(self) -> None:
            assert broken_laws(self.pair.ledger.tables) == []

    run(InMemory, pytestconfig, examples=150, steps=60)
    assert InMemory.steps >= STEPS


@pytest.mark.timeout(900)
def test_a_real_database_and_the_model_answer_alike(
    databases: Databases, dialect: str, pytestconfig: pytest.Config
) -> None:
    class OnDatabase(Machine):
        def __init__(self) -> None:
            self.fresh = databases.fresh(dialect)
            self.database = Database(self.fresh.__enter__())
            super().__init__()

        def make(self) -> Vault:
            vault = WatchedVault(self.database, TARIFFS, ids())
            vault.publish()
            return vault

        def teardown(self) -> None:
            assert broken_laws(self.pair.ledger.tables) == []
            with self.database.reading() as connection:
                assert audit(connection, now=START).differences == ()
            self.database.dispose()
            self.fresh.__exit__(None, None, None)

    run(OnDatabase, pytestconfig, examples=12, steps=40)
    assert OnDatabase.steps >= 200


# The machine itself must be able to fail: each of these breaks the ledger in one place.
def forwards(charged: Any, credits: int) -> Any:
    return spread(charged._replace(draws=charged.draws[::-1]), credits)


def careless(_: Book) -> None:
    return None


MUTANTS: dict[str, tuple[Any, str, Any]] = {
    "burn order without expiry": (burn, "burn_key", lambda g: (g.priority, 0, 0, 0, g.id)),
    "overdraft lent twice": (burn, "overdraft_used", lambda state: -state.account.posted),
    "refund in order of consumption": (refunds, "spread", forwards),
    "restricted credits pay for anything": (
        burn,
        "pays",
        lambda grant, operation, now: PAYS(grant, None, now),
    ),
    "a suspended account spends": (funds, "spending", careless),
    "a hold spends its last pins first": (
        holds,
        "pins_of",
        lambda book, hold: PINS_OF(book, hold)[::-1],
    ),
    "debt is never repaid": (burn, "owed", lambda state: 0),
    "what is held does not count against a cap": (
        caps,
        "uses",
        lambda account, these, spent, _, at, now: USES(account, these, spent, (), at, now),
    ),
    "what fell due is not noticed": (deciding, "noticed", lambda book, facts: facts),
    "a batch forgets its charges": (Known, "note", lambda *_: None),
}


@pytest.mark.timeout(900)
@pytest.mark.parametrize("mutant", MUTANTS)
def test_the_machine_finds_a_ledger_that_is_broken(
    mutant: str, monkeypatch: pytest.MonkeyPatch, pytestconfig: pytest.Config
) -> None:
    class Broken(Machine):
        make = staticmethod(lambda: MemoryLedger(TARIFFS, ids()))

    monkeypatch.setattr(*MUTANTS[mutant])
    with pytest.raises(Exception, match=r".*") as caught:
        run(Broken, pytestconfig, examples=1_000, steps=60, shrink=False)
    assert isinstance(caught.value, AssertionError | GuardError | LawBrokenError | ExceptionGroup)
    assert "--hypothesis-seed=" in caught.value.__notes__[-1]

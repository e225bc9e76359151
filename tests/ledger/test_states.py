"""States that a connection keeps: as its own commits left them, and none once in doubt."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Connection

from portal import ledger
from portal.config import Config
from portal.database import Database
from portal.ledger import states as module
from portal.ledger.model import Pin, State
from portal.ledger.plans import unopened
from portal.ledger.states import STATES, States
from tests.ledger.stories import TARIFFS, ids
from tests.ledger.vault import WatchedVault

NOW = TARIFFS[0].effective_at + 60_000_000


def state(name: str, **more: Any) -> State:
    return unopened(ledger.PutAccount(account_id=name, name=name, tier="free"), NOW)._replace(
        **more
    )


def test_what_was_committed_is_known_and_what_was_given_up_is_not() -> None:
    states = States()
    states.begin(1)
    states.leave({"a": (a := state("a"))})
    assert states.find(["a", "b"]) == {"a": a}, "later in the same database transaction, too"
    states.commit()
    states.begin(1)
    states.leave({"a": state("a"), "b": state("b")})
    states.forget()
    assert states.find(["a", "b"]) == {}


def test_the_commit_of_anybody_else_empties_it() -> None:
    states = States()
    for version, known in ((1, 0), (1, 1), (2, 0), (2, 1)):
        states.begin(version)
        assert len(states.find(["a"])) == known
        states.leave({"a": state("a")})
        states.commit()


def test_pins_are_not_kept() -> None:
    states = States()
    states.leave({"a": state("a", pins={"hld": (Pin(None, 1),)})})
    assert states.find(["a"])["a"].pins == {}


def test_it_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ROWS_MAX", 10)
    states = States()
    for number in range(25):
        states.leave({str(number): state(str(number))})
        states.commit()
        assert len(states.find(map(str, range(25)))) <= 10


def test_an_account_that_moves_again_and_again_counts_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ROWS_MAX", 10)
    states = States()
    for number in range(100):
        states.leave({name: state(name) for name in ("a", str(number % 4))})
        states.commit()
        assert number < 3 or len(states.find(["a", *map(str, range(4))])) == 5


def test_an_account_with_many_holds_weighs_as_much(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ROWS_MAX", 100)
    states, holds = States(), dict.fromkeys(map(str, range(60)))
    for name in ("a", "b"):
        states.leave({name: state(name, holds=holds)})
        states.commit()
    assert [*states.find(["a", "b"])] == ["b"]


def asked(name: str, job: int) -> ledger.Debit:
    reference = ledger.Reference("task", f"{name}-{job}")
    return ledger.Debit(account_id=name, operation="speak", quantity=1, reference=reference)


def kept(database: Database) -> list[str]:
    with database.writing() as connection:
        states = connection.info.get(STATES)
        return [] if states is None else [*states.find(["acme", "zenith"])]


@pytest.fixture
def vault(config: Config) -> Any:
    with closing(closing_vault(config, 1)) as made:
        made.publish()
        for name in ("acme", "zenith"):
            put = ledger.PutAccount(account_id=name, name=name, tier="free")
            assert isinstance(made.post([put], NOW)[0], ledger.Posted)
        yield made


class ClosingVault(WatchedVault):
    """A vault that closes its connections."""

    def close(self) -> None:
        self.database.dispose()


def closing_vault(config: Config, seed: int) -> ClosingVault:
    return ClosingVault(Database(config), TARIFFS, ids(seed))


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_another_process_may_post_in_between(vault: ClosingVault, config: Config) -> None:
    assert kept(vault.database) == ["acme", "zenith"]
    with closing(closing_vault(config, 2)) as other:
        for job in range(6):
            for each in (vault, other):
                [done] = each.post([asked("acme", 2 * job + (each is other))], NOW)
                assert isinstance(done, ledger.Posted)
    assert [entry.seq for entry in vault.entries("acme")] == [*range(1, 14)]


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_what_is_undone_is_not_kept(vault: ClosingVault) -> None:
    def work(connection: Connection) -> None:
        terms: dict[str, Any] = {"now": NOW, "tariffs": TARIFFS, "ids": vault.ids}
        ledger.post(connection, [asked("acme", 1)], **terms)
        ledger.post(connection, [asked("acme", 2)], **terms)
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        vault.database.run(work)
    assert kept(vault.database) == []
    vault.post([asked("acme", 1)], NOW)
    assert [entry.seq for entry in vault.entries("acme")] == [1, 2]
    assert kept(vault.database) == ["acme"]


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_what_posting_failed_at_is_not_gone_on_from(vault: ClosingVault) -> None:
    """A part may have been appended, and somebody may commit it all the same."""
    payment = ledger.Reference("payment", "one")
    bought = ledger.IssueGrant(account_id="acme", credits=500, origin="purchase", reference=payment)
    capped = ledger.SetCap(account_id="acme", limit="credits_per_day", credits=9_000)
    terms: dict[str, Any] = {"now": NOW, "tariffs": TARIFFS, "ids": vault.ids, "atomic": True}
    with vault.database.writing() as connection:
        spent = asked("acme", 1)
        with pytest.raises(ledger.UndoneError):
            ledger.post(connection, [bought, capped, replace(spent, quantity=10**9)], **terms)
        assert connection.info[STATES].find(["acme"]) == {}
    vault.check_kept()


def test_control_the_check_of_what_is_kept_can_fail(vault: ClosingVault, dialect: str) -> None:
    if dialect == "postgresql":
        assert kept(vault.database) == [], "no PostgreSQL says whether anybody else committed"
        return
    with vault.database.writing() as connection:
        states = connection.info[STATES]
        known = states.find(["acme"])["acme"]
        states.leave({"acme": known._replace(account=known.account._replace(posted=1))})
    with pytest.raises(AssertionError):
        vault.check_kept()

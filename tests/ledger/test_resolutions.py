"""Holds recomputed from their chains."""

from collections.abc import Sequence
from typing import Any

import pytest

from portal.ledger.findings import Findings
from portal.ledger.model import Entry, Hold
from portal.ledger.parts import Part
from portal.ledger.prices import Prices
from portal.ledger.resolutions import chains, check_hold, check_holds
from portal.pricing import Tariffs
from tests.ledger.conftest import Lived
from tests.ledger.histories import TARIFFS

Chain = tuple[Hold, list[Entry]]


@pytest.fixture(scope="module")
def every(lived: Lived) -> list[Chain]:
    """Every hold of the history with its chain."""
    with lived.database.reading() as connection:
        return list(chains(connection, Part("holds")))


def found(hold: Hold, chain: Sequence[Entry], tariffs: Tariffs = TARIFFS) -> list[Any]:
    findings = Findings()
    known = {tariff.name: tariff for tariff in tariffs}
    check_hold(hold, chain, findings, Prices(known, findings))
    return [(each.seq, each.rule) for each in findings.kept]


def of_kinds(every: list[Chain], *kinds: str) -> Chain:
    return next(each for each in every if tuple(entry.kind for entry in each[1]) == kinds)


def test_right_holds_are_silent(every: list[Chain]) -> None:
    assert len(every) > 9
    for hold, chain in every:
        assert found(hold, chain) == []


@pytest.mark.parametrize("name", Hold._fields)
def test_each_column_of_a_hold_is_seen_at_the_entry_that_placed_it(
    every: list[Chain], name: str
) -> None:
    for hold, chain in every:
        value = getattr(hold, name)
        changed: Any = 7 if value is None else value + type(value)(7)
        assert found(hold._replace(**{name: changed}), chain) == [(chain[0].seq, name)]


def test_a_chain_that_does_not_begin_by_placing_is_found(every: list[Chain]) -> None:
    hold, chain = of_kinds(every, "hold", "release")
    assert (chain[1].seq, "kind") in found(hold, chain[1:])
    extended = chain[0]._replace(reason="extended")
    assert (chain[0].seq, "kind") in found(hold, [extended, *chain[1:]])


def test_a_hold_that_ends_twice_is_found(every: list[Chain]) -> None:
    hold, chain = of_kinds(every, "hold", "release")
    again = chain[-1]._replace(seq=90, resolution="captured")
    assert (90, "resolution") in found(hold, [*chain, again])


def test_a_late_capture_leaves_the_hold_expired_and_stays_within_it(every: list[Chain]) -> None:
    hold, chain = of_kinds(every, "hold", "release", "debit")
    assert (hold.status, hold.captured) == ("expired", 0)
    more = chain[-1]._replace(amount=-hold.amount - 1)
    assert found(hold, [*chain[:-1], more]) == [(more.seq, "late_capture")]
    # Where the price list lets a capture overflow its hold, a late one may too.
    streamed = [entry._replace(operation="stream") for entry in (*chain[:-1], more)]
    assert "late_capture" not in {rule for _, rule in found(hold, streamed)}
    assert found(hold, [*chain[:-1], more], tariffs=Tariffs()) == []


def test_an_extension_sets_aside_what_its_quantity_costs(every: list[Chain]) -> None:
    hold, chain = of_kinds(every, "hold", "hold", "hold", "capture", "capture")
    dear = chain[2]._replace(hold_amount=501)
    rules = found(hold._replace(amount=1_501), [*chain[:2], dear, *chain[3:]])
    assert (dear.seq, "price") in rules
    assert (dear.seq, "price") not in found(
        hold._replace(amount=1_501), [*chain[:2], dear, *chain[3:]], tariffs=Tariffs()
    )


def test_what_was_set_aside_goes_back_when_the_hold_closes(every: list[Chain]) -> None:
    hold, chain = of_kinds(every, "hold", "release")
    kept = chain[-1]._replace(hold_amount=0)
    assert found(hold, [chain[0], kept]) == [(chain[0].seq, "hold_amount")]
    still_open = hold._replace(status="open", resolved_seq=None)
    assert found(still_open, chain[:1]) == []
    assert found(still_open._replace(amount=5), chain[:1]) == [(chain[0].seq, "amount")]


def test_a_chain_on_two_accounts_is_found(every: list[Chain]) -> None:
    hold, chain = of_kinds(every, "hold", "release")
    elsewhere = chain[-1]._replace(account_id="bob")
    assert (elsewhere.seq, "account_id") in found(hold, [chain[0], elsewhere])


@pytest.mark.parametrize("only", [None, "ada", "cy"])
def test_all_holds_are_counted_and_told_to_progress(lived: Lived, only: str | None) -> None:
    findings = Findings()
    done: list[int] = []
    with lived.database.reading() as connection:
        check_holds(
            connection,
            findings,
            Prices({TARIFFS[0].name: TARIFFS[0]}, findings),
            now=lived.now,
            part=Part("holds", only=only),
            progress=done.append,
        )
    assert findings.counts["holds"] == sum(done)
    assert (findings.counts["holds"] == 0) == (only == "cy")
    assert findings.found == 0

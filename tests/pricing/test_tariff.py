"""Tariffs: read-only values, and which of them is in force."""

from dataclasses import FrozenInstanceError, replace
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.pricing import (
    NoTariffError,
    Tariff,
    TariffError,
    Tariffs,
    UnknownOperationError,
    UnknownTariffError,
    UnknownTierError,
)


def dated(tariff: Tariff, name: str, at: int) -> Tariff:
    return replace(tariff, name=name, effective_at=at)


def test_nothing_of_a_tariff_can_be_changed(tariff: Tariff) -> None:
    with pytest.raises(FrozenInstanceError):
        tariff.name = "other"  # type: ignore[misc]
    with pytest.raises(TypeError):
        tariff.operations["free"] = tariff.operations["flat"]  # type: ignore[index]
    with pytest.raises(TypeError):
        del tariff.tiers["cap"]  # type: ignore[attr-defined]


def test_equal_tariffs_are_one_key(tariff: Tariff) -> None:
    twin = replace(tariff, operations=MappingProxyType(dict(tariff.operations)))
    assert twin == tariff
    assert len({twin, tariff}) == 1
    assert replace(tariff, sha256="0") != tariff


def test_it_gets_operations_and_tiers_by_name(tariff: Tariff) -> None:
    assert tariff.get_operation("flat") is tariff.operations["flat"]
    assert tariff.get_tier("cap") is tariff.tiers["cap"]
    with pytest.raises(UnknownOperationError):
        tariff.get_operation("cap")
    with pytest.raises(UnknownTierError) as refusal:
        tariff.get_tier("flat")
    assert refusal.value.tier == "flat"
    assert refusal.value.known == ("none", "full", "cap", "percent", "multiple")


def test_a_tariff_is_in_force_from_its_instant_until_the_next(tariff: Tariff) -> None:
    early, late = dated(tariff, "early", 100), dated(tariff, "late", 200)
    tariffs = Tariffs([late, early])
    assert list(tariffs) == [early, late]
    assert [tariffs.in_force(at).name for at in (100, 199, 200, 10**16)] == [
        "early",
        "early",
        "late",
        "late",
    ]
    assert tariffs.latest is late
    assert tariffs.named("early") is early


def test_before_the_first_tariff_there_is_none(tariff: Tariff) -> None:
    with pytest.raises(NoTariffError, match="at 99 µs") as refusal:
        Tariffs([dated(tariff, "early", 100)]).in_force(99)
    assert refusal.value.at == 99


def test_no_tariffs_at_all() -> None:
    with pytest.raises(NoTariffError, match="no tariff is published"):
        _ = Tariffs().latest
    with pytest.raises(NoTariffError):
        Tariffs().in_force(0)
    with pytest.raises(UnknownTariffError, match="known: none"):
        Tariffs().named("x")


def test_an_unknown_name_is_refused_with_the_known_ones(tariff: Tariff) -> None:
    with pytest.raises(UnknownTariffError) as refusal:
        Tariffs([tariff]).named("2020-01")
    assert (refusal.value.name, refusal.value.known) == ("2020-01", ("2027-07",))


def test_it_refuses_two_tariffs_of_one_instant(tariff: Tariff) -> None:
    with pytest.raises(TariffError) as refusal:
        Tariffs([dated(tariff, "b", 5), dated(tariff, "a", 5)])
    assert (
        str(refusal.value) == "tariffs: effective_at: 'a' and 'b' take effect at the same instant"
    )


def test_it_refuses_two_tariffs_of_one_name(tariff: Tariff) -> None:
    with pytest.raises(TariffError) as refusal:
        Tariffs([dated(tariff, "a", 5), dated(tariff, "b", 6), dated(tariff, "a", 7)])
    assert str(refusal.value) == "tariffs: name: 'a' is the name of two tariffs"


def test_it_tells_every_clash_at_once(tariff: Tariff) -> None:
    with pytest.raises(TariffError) as refusal:
        Tariffs([tariff, tariff])
    assert [fault.key for fault in refusal.value.faults] == ["name", "effective_at"]


@given(st.sets(st.integers(-100, 100), min_size=1), st.integers(-110, 110))
def test_in_force_is_the_last_one_not_after_the_instant(
    tariff: Tariff, starts: set[int], at: int
) -> None:
    tariffs = Tariffs(dated(tariff, f"t{start}", start) for start in starts)
    due = [start for start in starts if start <= at]
    if due:
        assert tariffs.in_force(at).effective_at == max(due)
    else:
        with pytest.raises(NoTariffError):
            tariffs.in_force(at)

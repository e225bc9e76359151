"""The tariff in force: every price and plan from one instant on, never edited once published."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, Self

from portal.pricing.errors import (
    Fault,
    NoTariffError,
    TariffError,
    UnknownOperationError,
    UnknownTariffError,
    UnknownTierError,
)
from portal.pricing.prices import Price
from portal.pricing.tiers import Tier

OverCapture = Literal["refuse", "cap", "overflow"]


@dataclass(frozen=True, slots=True)
class Operation:
    """Something a service does for credits.

    `unit` is a singular noun; `minimum` and `maximum` are credits per job; `over_capture` says
    what a capture above its hold does (ledger.md §6).
    """

    name: str
    title: str
    unit: str
    price: Price
    minimum: int | None
    maximum: int | None
    hold_ttl_seconds: int
    over_capture: OverCapture = "refuse"


@dataclass(frozen=True, slots=True)
class Tariff:
    """One published price list. `effective_at` is UTC µs; `sha256` is of `document` in UTF-8.

    `operations` and `tiers` are read-only mappings by name, in the document's order.
    """

    name: str
    effective_at: int
    sha256: str
    document: str = field(repr=False)
    operations: Mapping[str, Operation] = field(hash=False, repr=False)
    tiers: Mapping[str, Tier] = field(hash=False, repr=False)

    def get_operation(self, name: str) -> Operation:
        """The operation of that name; raises UnknownOperationError."""
        try:
            return self.operations[name]
        except KeyError:
            raise UnknownOperationError(name, tuple(self.operations)) from None

    def get_tier(self, name: str) -> Tier:
        """The tier of that name; raises UnknownTierError."""
        try:
            return self.tiers[name]
        except KeyError:
            raise UnknownTierError(name, tuple(self.tiers)) from None


class Tariffs(tuple[Tariff, ...]):
    """All published tariffs, sorted by the instant they take effect.

    Refuses (TariffError) two of one name and two of one instant: which one is in force must
    never be a matter of luck.
    """

    def __new__(cls, tariffs: Iterable[Tariff] = ()) -> Self:
        ordered = sorted(tariffs, key=lambda tariff: (tariff.effective_at, tariff.name))
        faults = tuple(_clashes(ordered))
        if faults:
            raise TariffError("tariffs", faults)
        return super().__new__(cls, ordered)

    def in_force(self, at: int) -> Tariff:
        """The tariff in force at `at` (UTC µs); raises NoTariffError before the first one."""
        for tariff in reversed(self):  # nearly always the last: what is asked is now
            if tariff.effective_at <= at:
                return tariff
        raise NoTariffError(at)

    def named(self, name: str) -> Tariff:
        """The tariff of that name; raises UnknownTariffError."""
        for tariff in self:
            if tariff.name == name:
                return tariff
        raise UnknownTariffError(name, tuple(tariff.name for tariff in self))

    @cached_property
    def capped(self) -> frozenset[str]:
        """The tiers that any tariff sets spend caps for: few, and most often none."""
        tiers = (tier for tariff in self for tier in tariff.tiers.values())
        return frozenset(tier.name for tier in tiers if tier.caps.spend)

    @property
    def latest(self) -> Tariff:
        """The one that takes effect last, in force or still to come; raises NoTariffError."""
        if not self:
            raise NoTariffError(None)
        return self[-1]


def _clashes(ordered: list[Tariff]) -> Iterable[Fault]:
    names: set[str] = set()
    for place, tariff in enumerate(ordered):
        if tariff.name in names:
            yield Fault("name", f"{tariff.name!r} is the name of two tariffs")
        names.add(tariff.name)
        if place and ordered[place - 1].effective_at == tariff.effective_at:
            other = ordered[place - 1].name
            rule = f"{other!r} and {tariff.name!r} take effect at the same instant"
            yield Fault("effective_at", rule)

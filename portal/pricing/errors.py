"""What the price list refuses, each refusal carrying the numbers needed to act on it."""

from __future__ import annotations

import reprlib
from typing import NamedTuple


class PricingError(Exception):
    """The price list cannot answer."""


class Fault(NamedTuple):
    """One broken rule of a tariff document: the dotted key, and the rule it breaks."""

    key: str
    rule: str


class TariffError(PricingError):
    """A tariff document breaks rules; `faults` holds every one of them."""

    def __init__(self, source: str, faults: tuple[Fault, ...]) -> None:
        self.source = source
        self.faults = faults
        super().__init__("\n".join(f"{source}: {fault.key}: {fault.rule}" for fault in faults))


class NoTariffError(PricingError):
    """No tariff is in force at that instant."""

    def __init__(self, at: int | None) -> None:
        self.at = at
        when = "no tariff is published" if at is None else f"no tariff is in force at {at} µs"
        super().__init__(when)


class UnknownTariffError(PricingError):
    """No tariff has that name."""

    def __init__(self, name: str, known: tuple[str, ...]) -> None:
        self.name = name
        self.known = known
        super().__init__(f"unknown tariff {name!r}; known: {', '.join(known) or 'none'}")


class UnknownOperationError(PricingError):
    """The tariff prices no operation of that name."""

    def __init__(self, operation: str, known: tuple[str, ...]) -> None:
        self.operation = operation
        self.known = known
        super().__init__(f"unknown operation {operation!r}; known: {', '.join(known)}")


class UnknownTierError(PricingError):
    """The tariff holds no tier of that name."""

    def __init__(self, tier: str, known: tuple[str, ...]) -> None:
        self.tier = tier
        self.known = known
        super().__init__(f"unknown tier {tier!r}; known: {', '.join(known)}")


class QuantityError(PricingError):
    """That quantity cannot be priced."""

    def __init__(self, quantity: object, rule: str) -> None:
        self.quantity = quantity
        self.rule = rule
        super().__init__(f"quantity {reprlib.repr(quantity)}: {rule}")


class RolloverError(PricingError):
    """That rest of an allocation cannot be carried over."""

    def __init__(self, rest: int, allocation: int) -> None:
        self.rest = rest
        self.allocation = allocation
        super().__init__(f"rest {rest} of allocation {allocation}: neither may be below 0")


class DeliveryError(PricingError):
    """That share of a job cannot have been delivered."""

    def __init__(self, quoted: int, delivered: int, asked: int) -> None:
        self.quoted = quoted
        self.delivered = delivered
        self.asked = asked
        super().__init__(f"{delivered} of {asked} parts delivered of a job quoted at {quoted}")


class PeriodError(PricingError):
    """That instant or span lies outside the calendar of periods."""

    def __init__(self, rule: str) -> None:
        self.rule = rule
        super().__init__(rule)


class SurrogateError(PricingError):
    """The text holds half of a surrogate pair, which no encoding can carry."""

    def __init__(self, position: int) -> None:
        self.position = position
        super().__init__(f"unpaired surrogate at code point {position}")

"""The quote: what a job costs. The one function behind debits, holds, previews and estimates."""

from __future__ import annotations

from typing import NamedTuple

from portal.pricing.errors import QuantityError
from portal.pricing.tariff import Operation, Tariff

QUANTITY_MAX = 10**12
CREDITS_MAX = 10**12


class Quote(NamedTuple):
    """The price of `quantity` units of an operation, under the tariff of that name."""

    operation: str
    quantity: int
    credits: int
    tariff: str


def quote(tariff: Tariff, operation: str, quantity: int) -> Quote:
    """Price a job: whole credits for `quantity` whole units, rounded up once.

    Raises UnknownOperationError, and QuantityError for a quantity outside 1..10^12 or a price
    above 10^12 credits. Rule: ledger.md §1.
    """
    priced = tariff.get_operation(operation)
    units = whole_quantity(quantity)
    credits = limited(priced, priced.price.cost(units))
    if credits > CREDITS_MAX:
        raise QuantityError(units, f"costs {credits} credits, more than {CREDITS_MAX} in one job")
    return Quote(priced.name, units, credits, tariff.name)


def whole_quantity(quantity: object) -> int:
    """The quantity itself when it is an int in 1..10^12 (a bool is not); else QuantityError."""
    if not isinstance(quantity, int) or isinstance(quantity, bool):
        raise QuantityError(quantity, "must be a whole number")
    if not 1 <= quantity <= QUANTITY_MAX:
        raise QuantityError(quantity, f"must be from 1 to {QUANTITY_MAX}")
    return quantity


def limited(operation: Operation, credits: int) -> int:
    """Raise credits to the operation's minimum, lower them to its maximum."""
    if operation.minimum is not None:
        credits = max(credits, operation.minimum)
    if operation.maximum is not None:
        credits = min(credits, operation.maximum)
    return credits

"""What a capture takes beyond its hold, counted in units as an extension of it would have been."""

from typing import NamedTuple

from portal import ledger, pricing


class Beyond(NamedTuple):
    """The quantity a job comes to, and how much of it nobody has counted yet."""

    quantity: int
    units: int


def units_beyond(hold: ledger.Hold, credits: int, tariff: pricing.Tariff) -> Beyond:
    """Units of a capture of `credits` that its hold was not placed for. tariff: the hold's.

    No units where the operation lets no capture overflow, or where the hold has ended: then the
    ledger refuses, or gives the outcome of before.
    """
    operation = tariff.get_operation(hold.operation)
    over = credits - hold.rest
    if over <= 0 or operation.over_capture != "overflow" or hold.status not in ("open", "expired"):
        return Beyond(hold.quantity, 0)
    counted = max(hold.quantity, _find_quantity(tariff, operation.name, hold.amount) or 0)
    wider = _find_quantity(tariff, operation.name, hold.amount + over)
    quantity = counted + over if wider is None else max(counted, wider)
    return Beyond(quantity, quantity - counted)


def _find_quantity(tariff: pricing.Tariff, operation: str, credits: int) -> int | None:
    """The least quantity that costs so much, by halving; None if none does."""
    low, high = 1, pricing.QUANTITY_MAX
    if not _costs(tariff, operation, high, credits):
        return None
    while low < high:
        middle = (low + high) // 2
        if _costs(tariff, operation, middle, credits):
            high = middle
        else:
            low = middle + 1
    return low


def _costs(tariff: pricing.Tariff, operation: str, quantity: int, credits: int) -> bool:
    try:
        return pricing.quote(tariff, operation, quantity).credits >= credits
    except pricing.QuantityError:  # more than any job may cost
        return True

"""What one key may ask for: its operations, units of a request and units of a UTC day.

Units are the quantity of a debit or hold, what a capture takes beyond its hold, and the credits of
a grant or a plan. A key that got into wrong hands can do no more than this until it is revoked.
"""

from collections.abc import Callable
from typing import Final

import sqlalchemy as sa
from sqlalchemy import BigInteger, Column, Connection, Integer, String, Table

from portal import current, ledger
from portal.internal.door import Caller
from portal.internal.errors import KeyCapError, ScopeDeniedError
from portal.internal.keys import ServiceKey, metadata
from portal.internal.units import counted_of
from portal.pricing import counted

_DAY: Final = 86_400_000_000

service_key_days: Final = Table(
    "service_key_days",
    metadata,
    Column("kid", String, sa.ForeignKey("service_keys.kid"), primary_key=True),
    Column("day", Integer, primary_key=True, autoincrement=False),
    Column("units", BigInteger, nullable=False),
    sa.CheckConstraint("units >= 0", name="service_key_days_units_check"),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)
_TAKE: Final = sa.text(
    "INSERT INTO service_key_days (kid, day, units) VALUES (:kid, :day, :units)"
    " ON CONFLICT (kid, day) DO UPDATE SET units = service_key_days.units + excluded.units"
    " WHERE service_key_days.units + excluded.units <= :maximum"
)
_GIVE: Final = (
    service_key_days.update()
    .where(service_key_days.c.kid == sa.bindparam("of"))
    .where(service_key_days.c.day == sa.bindparam("on"))
    .values(units=service_key_days.c.units - sa.bindparam("back"))
)


def refuse_over(
    key: ServiceKey, operation: str | None, units: int, *, noun: str | None = None
) -> None:
    """Refuse an operation or size that the key was not issued for. noun: of other units."""
    if operation is not None and not key.prices(operation):
        named = tuple((key.operations or "").split())
        raise ScopeDeniedError("This key may not ask for that operation.", operations=named)
    if key.max_units is not None and units > key.max_units:
        most = key.max_units
        allowed = counted(most, noun) if noun else counted_of(most, operation)
        detail = f"This key may ask for {allowed} in one request, and this asks for {units:,}."
        raise KeyCapError(detail, cap="max_units", maximum=most, requested=units)


def submit_capped(asking: Caller, command: ledger.Command, units: int) -> ledger.Outcome:
    """Submit a command within the key's units of the day.

    The units are taken first, so that many requests at once cannot pass the cap together, and
    given back if nothing new was done. A key whose units are used up still gets the outcome of
    what it did before.
    """
    maximum = asking.key.daily_units
    submit: Callable[[ledger.Command], ledger.Outcome] = current.submit
    if maximum is None or units == 0:
        return submit(command)
    run = current.database.run
    kid, (day, late) = asking.key.kid, divmod(current.now(), _DAY)
    if not run(lambda connection: take_units(connection, kid, day, units, maximum)):
        if asking.is_known():
            return submit(command)
        left = -(-(_DAY - late) // 1_000_000)
        raise KeyCapError(
            f"This key may ask for {counted(maximum, 'unit')} a day, and this passes them.",
            cap="daily_units",
            maximum=maximum,
            requested=units,
            retry_after=left,
        )
    done = False
    try:
        outcome = submit(command)
        done = isinstance(outcome, ledger.Posted) and not outcome.replayed
    finally:
        if not done:
            run(lambda connection: give_units(connection, kid, day, units))
    return outcome


def take_units(connection: Connection, kid: str, day: int, units: int, maximum: int) -> bool:
    """Count units of a day, if they still fit; whether they did."""
    if units > maximum:
        return False
    row = {"kid": kid, "day": day, "units": units, "maximum": maximum}
    return connection.execute(_TAKE, row).rowcount == 1


def give_units(connection: Connection, kid: str, day: int, units: int) -> bool:
    """Count units of a day no longer."""
    return connection.execute(_GIVE, {"of": kid, "on": day, "back": units}).rowcount == 1

"""What one key may ask for: its operations, and units of a request and of a UTC day.

Units are the quantity of a debit or hold, what a capture takes beyond its hold, and the credits of
a grant or a plan. A key that got into wrong hands can do no more than this until it is revoked.
"""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy import BigInteger, Column, Connection, Integer, String, Table
from sqlalchemy.dialects import postgresql, sqlite

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
service_key_operation_days: Final = Table(
    "service_key_operation_days",
    metadata,
    Column("kid", String, primary_key=True),
    Column("operation", String, primary_key=True),
    Column("day", Integer, primary_key=True, autoincrement=False),
    Column("units", BigInteger, nullable=False),
    sa.ForeignKeyConstraint(
        ["kid", "operation"], ["service_key_caps.kid", "service_key_caps.operation"]
    ),
    sa.CheckConstraint("units >= 0", name="service_key_operation_days_units_check"),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)


class Days(NamedTuple):
    """One count of a key's units by day: of all operations, or of one."""

    operation: str | None
    maximum: int

    @property
    def table(self) -> Table:
        """Where it is kept."""
        return service_key_days if self.operation is None else service_key_operation_days

    def row(self, kid: str, day: int) -> dict[str, str | int]:
        """What finds the count of one key and day."""
        found: dict[str, str | int] = {"kid": kid, "day": day}
        return found if self.operation is None else {**found, "operation": self.operation}


def refuse_over(
    key: ServiceKey, operation: str | None, units: int, *, noun: str | None = None
) -> None:
    """Refuse an operation or size that the key was not issued for. noun: of other units."""
    if operation is not None and not key.prices(operation):
        named = tuple((key.operations or "").split())
        raise ScopeDeniedError("This key may not ask for that operation.", operations=named)
    cap = key.find_cap(operation)
    maxima = (key.max_units, None if cap is None else cap.max_units)
    most = min((each for each in maxima if each is not None), default=None)
    if most is not None and units > most:
        allowed = counted(most, noun) if noun else counted_of(most, operation)
        detail = f"This key may ask for {allowed} in one request, and this asks for {units:,}."
        raise KeyCapError(detail, cap="max_units", maximum=most, requested=units)


def submit_capped(
    asking: Caller, command: ledger.Command, units: int, operation: str | None = None
) -> ledger.Outcome:
    """Submit a command within the key's units of the day, of all operations and of its own.

    The units are taken first, so that many requests at once cannot pass the cap together, and
    given back if nothing new was done. A key whose units are used up still gets the outcome of
    what it did before.
    """
    counts = counts_of(asking.key, operation)
    submit: Callable[[ledger.Command], ledger.Outcome] = current.submit
    if not counts or units == 0:
        return submit(command)
    run = current.database.run
    kid, (day, late) = asking.key.kid, divmod(current.now(), _DAY)
    full = run(lambda connection: take_units(connection, counts, kid, day, units))
    if full is not None:
        if asking.is_known():
            return submit(command)
        raise _used_up(full, units, _DAY - late)
    done = False
    try:
        outcome = submit(command)
        done = isinstance(outcome, ledger.Posted) and not outcome.replayed
    finally:
        if not done:
            run(lambda connection: give_units(connection, counts, kid, day, units))
    return outcome


def counts_of(key: ServiceKey, operation: str | None) -> tuple[Days, ...]:
    """What a key's units of an operation are counted in."""
    cap = key.find_cap(operation)
    maxima = ((None, key.daily_units), (operation, None if cap is None else cap.daily_units))
    return tuple(Days(name, maximum) for name, maximum in maxima if maximum is not None)


def take_units(
    connection: Connection, counts: tuple[Days, ...], kid: str, day: int, units: int
) -> Days | None:
    """Count units of a day where they still fit everywhere; else nowhere, and where they did not.

    All of it in the caller's database transaction, which ends by this.
    """
    for place, count in enumerate(counts):
        if not _take(connection, count, kid, day, units):
            give_units(connection, counts[:place], kid, day, units)
            return count
    return None


def give_units(
    connection: Connection, counts: tuple[Days, ...], kid: str, day: int, units: int
) -> None:
    """Count units of a day no longer."""
    for count in counts:
        here = [count.table.c[name] == value for name, value in count.row(kid, day).items()]
        fewer = count.table.update().where(*here).values(units=count.table.c.units - units)
        connection.execute(fewer)


def _take(connection: Connection, count: Days, kid: str, day: int, units: int) -> bool:
    if units > count.maximum:
        return False
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    after = count.table.c.units + units
    taken = (
        insert(count.table)
        .values(**count.row(kid, day), units=units)
        .on_conflict_do_update(
            index_elements=list(count.table.primary_key),
            set_={"units": after},
            where=after <= count.maximum,
        )
        .returning(count.table.c.units)
    )
    return connection.execute(taken).first() is not None


def _used_up(full: Days, units: int, left: int) -> KeyCapError:
    allowed = counted_of(full.maximum, full.operation)
    numbers: dict[str, Any] = {
        "cap": "daily_units",
        "maximum": full.maximum,
        "requested": units,
        "retry_after": -(-left // 1_000_000),
    }
    if full.operation is not None:
        numbers["operation"] = full.operation
    detail = f"This key may ask for {allowed} a day, and this passes them."
    return KeyCapError(detail, **numbers)

"""What one key may ask for: its operations, and units of a request and of a UTC day.

Units are the quantity of a debit or hold, what a capture takes beyond its hold, and the credits of
a grant or a plan. A key that got into wrong hands can do no more than this until it is revoked.
"""

from collections import Counter
from collections.abc import Callable, Sequence
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


class Wanted(NamedTuple):
    """Units of one command, and what they are counted in."""

    counts: tuple[Days, ...]
    units: int


class Counted(NamedTuple):
    """A command, and what it counts for in the caps of its key: of all operations, of its own."""

    command: ledger.Command
    units: int = 0
    operation: str | None = None


Answer = ledger.Outcome | Exception
Submit = Callable[[list[ledger.Command]], list[Answer]]


def refuse_over(
    key: ServiceKey, operation: str | None, units: int, *, noun: str | None = None
) -> None:
    """Refuse an operation or size that the key was not issued for. noun: of other units."""
    if key.operations is None and key.max_units is None and not key.caps:
        return
    if operation is not None and not key.prices(operation):
        named = tuple((key.operations or "").split())
        only = f"but for {', '.join(named)}"
        detail = f"This key was not issued for the operation {operation}, {only}."
        raise ScopeDeniedError(detail, operations=named)
    cap = key.find_cap(operation)
    maxima = (key.max_units, None if cap is None else cap.max_units)
    most = min((each for each in maxima if each is not None), default=None)
    if most is not None and units > most:
        allowed = counted(most, noun) if noun else counted_of(most, operation)
        detail = f"This key may ask for {allowed} in one request, and this asks for {units:,}."
        raise KeyCapError(detail, cap="max_units", maximum=most, requested=units)


def submit_one(asking: Caller, counted: Counted) -> ledger.Outcome:
    """Submit one command within the key's units. Raises KeyCapError, and as `current.submit`."""
    [answer] = submit_capped(asking, [counted], lambda rest: [*map(current.submit, rest)])
    if isinstance(answer, Exception):
        raise answer
    return answer


def submit_capped(
    asking: Caller, asked: Sequence[Counted], submit: Submit, *, atomic: bool = False
) -> list[Answer]:
    """Submit commands within the key's units of the day, of all operations and of its own.

    The units are taken first, so that many requests at once cannot pass the cap together, and
    given back if nothing new was done. A key whose units are used up still gets the outcome of
    what it did before; what is new is answered by a KeyCapError, or, where all are to be done or
    none (`atomic`), raises UndoneError by it.
    """
    key = asking.key
    if key.daily_units is None and not key.caps:
        return submit([each.command for each in asked])
    wanted = [Wanted(counts_of(key, each.operation), each.units) for each in asked]
    if not any(each.counts and each.units for each in wanted):
        return submit([each.command for each in asked])
    kid, (day, late) = key.kid, divmod(current.now(), _DAY)
    run = current.database.run
    full = run(lambda connection: take_units(connection, wanted, kid, day))
    taken = [want for want, count in zip(wanted, full, strict=True) if count is None]
    try:
        answers: list[Answer] = []
        refused = {
            place: _used_up(count, each.units, _DAY - late)
            for place, (each, count) in enumerate(zip(asked, full, strict=True))
            if count is not None and not _is_known(asking, each)
        }
        if atomic and refused:
            raise ledger.UndoneError(*min(refused.items()))
        rest = iter(submit([e.command for place, e in enumerate(asked) if place not in refused]))
        answers = [refused.get(place) or next(rest) for place in range(len(asked))]
        taken = [
            want
            for want, count, outcome in zip(wanted, full, answers, strict=True)
            if count is None and not _is_new(outcome)
        ]
        return answers
    finally:
        if taken:
            run(lambda connection: give_units(connection, taken, kid, day))


def _is_known(asking: Caller, counted: Counted) -> bool:
    request = counted.command.request
    return request is not None and asking.named.knows(request.key)


def _is_new(answer: Answer) -> bool:
    return isinstance(answer, ledger.Posted) and not answer.replayed


def counts_of(key: ServiceKey, operation: str | None) -> tuple[Days, ...]:
    """What a key's units of an operation are counted in."""
    cap = key.find_cap(operation)
    maxima = ((None, key.daily_units), (operation, None if cap is None else cap.daily_units))
    return tuple(Days(name, maximum) for name, maximum in maxima if maximum is not None)


def take_units(
    connection: Connection, wanted: Sequence[Wanted], kid: str, day: int
) -> list[Days | None]:
    """Count units of a day, in order, where they still fit everywhere; else nowhere.

    Gives for each where they did not fit, or None. All of it in the caller's database
    transaction, which ends by this; counts are locked in one order.
    """
    counts = sorted({each for want in wanted for each in want.counts}, key=str)
    left = {count: count.maximum - _used(connection, count, kid, day) for count in counts}
    full: list[Days | None] = []
    taken: list[Wanted] = []
    for want in wanted:
        short = next((count for count in want.counts if want.units > left[count]), None)
        full.append(short)
        if short is None:
            taken.append(want)
            for count in want.counts:
                left[count] -= want.units
    _add(connection, taken, kid, day, 1)
    return full


def give_units(connection: Connection, taken: Sequence[Wanted], kid: str, day: int) -> None:
    """Count units of a day no longer."""
    _add(connection, taken, kid, day, -1)


def _add(connection: Connection, wanted: Sequence[Wanted], kid: str, day: int, sign: int) -> None:
    sums: Counter[Days] = Counter()
    for want in wanted:
        sums.update(dict.fromkeys(want.counts, want.units))
    for count in sorted(sums, key=str):
        here = [count.table.c[name] == value for name, value in count.row(kid, day).items()]
        more = count.table.c.units + sign * sums[count]
        connection.execute(count.table.update().where(*here).values(units=more))


def _used(connection: Connection, count: Days, kid: str, day: int) -> int:
    """The units of a day so far, whose count is locked."""
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    same = {"units": count.table.c.units}
    locked = (
        insert(count.table)
        .values(**count.row(kid, day), units=0)
        .on_conflict_do_update(index_elements=list(count.table.primary_key), set_=same)
        .returning(count.table.c.units)
    )
    return int(connection.execute(locked).scalar_one())


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

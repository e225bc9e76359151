"""How rows are read as values of the model: columns by name, in the value's order."""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy import Connection

Value = TypeVar("Value")


def reading(table: sa.FromClause, kind: type[Any]) -> sa.Select[Any]:
    """A SELECT of just the columns that a named tuple has, in its order."""
    return sa.select(*(table.c[name] for name in kind._fields))


def maker(kind: type[Value]) -> Callable[[Iterable[Any]], Value]:
    """What makes a value of a row."""
    make: Callable[[Iterable[Any]], Value] = kind._make  # type: ignore[attr-defined]
    return make


def first(
    connection: Connection, kind: type[Value], statement: sa.Select[Any], /, **values: Any
) -> Value | None:
    """The first row of a statement as a value, or None."""
    row = connection.execute(statement, values).first()
    return None if row is None else maker(kind)(row)


def every(
    connection: Connection, kind: type[Value], statement: sa.Select[Any], /, **values: Any
) -> tuple[Value, ...]:
    """All rows of a statement as values."""
    return tuple(map(maker(kind), connection.execute(statement, values)))


def total(column: sa.ColumnElement[int]) -> sa.ColumnElement[int]:
    """The sum of a column as a whole number; 0 over no rows.

    PostgreSQL sums BIGINT as NUMERIC, which the driver would hand over as a Decimal.
    """
    return sa.cast(sa.func.coalesce(sa.func.sum(column), 0), sa.BigInteger)

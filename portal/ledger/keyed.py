"""SELECTs of the rows that keys name: each key is looked up in an index.

A key is a tuple of values for the same columns; a statement takes any number as the list `wanted`.
"""

from collections.abc import Sequence
from itertools import chain
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.engine import Dialect

from portal.ledger.statements import Row, Statement, parts

Key = sa.ColumnElement[Any]


class Keyed(Statement):
    """A SELECT for `wanted` values of its key's columns, compiled once per dialect and number.

    It gives at most one row for each, or with `many` as many as there are. Where PostgreSQL must
    not see the columns as they are, `on_postgresql` stands in for them.
    """

    __slots__ = ("_keys", "_select", "_texts")

    def __init__(
        self,
        keys: Sequence[Key],
        select: sa.Select[Any],
        *,
        many: bool = False,
        on_postgresql: Sequence[Key] = (),
    ) -> None:
        super().__init__(unnested(on_postgresql or keys, select, many=many))
        self._keys, self._select = keys, select
        self._texts: dict[int, str] = {}

    def rows(self, driver: Any, dialect: Dialect, values: dict[str, Any]) -> list[Row]:
        """Its rows, read over SQLite's own connection: a few keys by one statement."""
        found: list[Row] = []
        for some in parts(values["wanted"]):
            text = self._texts.get(len(some))
            if text is None:
                text = str(listed(self._keys, self._select, len(some)).compile(dialect=dialect))
                self._texts[len(some)] = text
            found += driver.execute(text, [*chain(*some)])
        return found


def listed(keys: Sequence[Key], select: sa.Select[Any], number: int) -> sa.Select[Any]:
    """The SELECT for a number of keys on SQLite; values in order stand for the places."""
    places = [[sa.bindparam(None, type_=key.type) for key in keys] for _ in range(number)]
    if number == 1:
        return select.where(*(key == place for key, place in zip(keys, places[0], strict=True)))
    names = [sa.column(f"key_{place}", key.type) for place, key in enumerate(keys)]
    wanted = sa.values(*names, name="wanted").data([tuple(each) for each in places]).cte("wanted")
    return select.where(*(key == each for key, each in zip(keys, wanted.c, strict=True)))


def unnested(keys: Sequence[Key], select: sa.Select[Any], *, many: bool) -> sa.Select[Any]:
    """The SELECT for one list a column on PostgreSQL, where each key is looked up on its own.

    A plan that was made while the tables were small may otherwise read whole indexes for ever, as
    nothing but statistics would undo it.
    """
    names = [str(place) for place in range(len(keys))]
    types = [sa.BigInteger() if isinstance(key.type, sa.Integer) else sa.Text() for key in keys]
    lists = (
        sa.bindparam(f"wanted_{name}", type_=ARRAY(type_))
        for name, type_ in zip(names, types, strict=True)
    )
    rows = sa.func.unnest(*lists).table_valued(*names, name="wanted").render_derived()
    each = select.where(*(key == rows.c[name] for key, name in zip(keys, names, strict=True)))
    # OFFSET 0 keeps the planner from making one join of it all.
    fenced = each.offset(sa.literal_column("0")) if many else each.limit(sa.literal_column("1"))
    one = fenced.lateral("found")
    return sa.select(one).select_from(rows.join(one, sa.true()))

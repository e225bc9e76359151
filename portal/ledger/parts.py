"""Parts of an audit: ranges of rows that are checked apart from each other, in any order.

Every range and every order is the database's own, so a collation cannot put a row into two
ranges or into none.
"""

from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from portal.ledger.records import refusals, requests
from portal.ledger.tables import entries, holds

Place = tuple[str, ...]


class Part(NamedTuple):
    """What is checked of which rows: those after one key, up to another; open where None.

    `only` names the one account that is audited. Rows of accounts that are not there fall into
    some range of accounts, and only there.
    """

    check: str
    after: Place | None = None
    upto: Place | None = None
    only: str | None = None


def bound(name: str, columns: tuple[sa.ColumnElement[str], ...]) -> sa.Tuple:
    """Parameters for a key, as `named` names them."""
    names = (f"{name}_{number}" for number, _ in enumerate(columns))
    return sa.tuple_(*(sa.bindparam(each, type_=sa.Text) for each in names))


def named(name: str, place: Place) -> dict[str, str]:
    """The values of a key by the names of its parameters."""
    return {f"{name}_{number}": value for number, value in enumerate(place)}


class Key:
    """The columns by which rows are parted, and that which says whose they are."""

    def __init__(self, account: sa.ColumnElement[str], *columns: sa.ColumnElement[str]) -> None:
        self.columns = columns
        self._of_account = account == sa.bindparam("only")
        self.after = sa.tuple_(*columns) > bound("after", columns)
        self._upto = sa.tuple_(*columns) <= bound("upto", columns)

    def within(
        self, statement: sa.Select[Any], part: Part
    ) -> tuple[sa.Select[Any], dict[str, str]]:
        """A statement over the rows of a part alone, and the values it is run with."""
        values: dict[str, str] = {}
        if part.only is not None:
            statement = statement.where(self._of_account)
            values["only"] = part.only
        if part.after is not None:
            statement = statement.where(self.after)
            values |= named("after", part.after)
        if part.upto is not None:
            statement = statement.where(self._upto)
            values |= named("upto", part.upto)
        return statement, values


# Entries by id are entries as they were written, and lie beside each other as their keys do.
KEYS: Final = {
    "entries": Key(entries.c.account_id, entries.c.id),
    "holds": Key(holds.c.account_id, holds.c.id),
    "refusals": Key(refusals.c.account_id, refusals.c.id),
    "requests": Key(requests.c.account_id, requests.c.service, requests.c.key),
}

"""States as a connection's own commits left them, so that the next commands need not load them.

Only for a database that tells when anybody else has committed. A guard refuses whatever does not
follow from the rows, and whatever goes wrong empties it; a refusal writes no entry, and is as right
as what is kept here.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from portal.ledger.model import State

# Under this name a connection carries its own, where the database can tell.
STATES: Final = "states"
ROWS_MAX: Final = 65_536  # accounts, grants and holds: some forty megabytes


class States:
    """States by account id: as committed, and as the database transaction under way leaves them."""

    __slots__ = ("_kept", "_left", "_rows", "_version")

    def __init__(self) -> None:
        self._kept: dict[str, State] = {}
        self._left: dict[str, State] = {}
        self._rows = 0
        self._version: int | None = None

    def begin(self, version: int) -> None:
        """A database transaction begins. version: changes whenever anybody else has committed."""
        if version != self._version:
            self.forget()
            self._version = version

    def find(self, account_ids: Iterable[str]) -> dict[str, State]:
        """Those that are known, of some accounts."""
        left, kept = self._left, self._kept
        found = ((each, left.get(each) or kept.get(each)) for each in account_ids)
        return {each: state for each, state in found if state is not None}

    def leave(self, states: Mapping[str, State]) -> None:
        """What a database transaction appended leaves accounts in these states.

        What holds have pinned is loaded when it is asked for.
        """
        for account_id, state in states.items():
            self._left[account_id] = state._replace(pins={}) if state.pins else state

    def commit(self) -> None:
        """The database transaction was committed."""
        kept, rows = self._kept, self._rows
        for account_id, state in self._left.items():
            before = kept.get(account_id)
            rows += rows_of(state) if before is None else rows_of(state) - rows_of(before)
        if rows > ROWS_MAX:
            kept.clear()
            rows = sum(map(rows_of, self._left.values()))
        self._rows = rows
        kept |= self._left
        self._left.clear()

    def forget(self) -> None:
        """The database transaction was given up, for whatever reason: nothing is known any more."""
        self._kept.clear()
        self._left.clear()
        self._rows = 0


def rows_of(state: State) -> int:
    """How many rows a state is made of, less what holds have pinned."""
    return 1 + len(state.grants) + len(state.holds)

"""The history's database transactions: a chapter each, so that a telling cut short can go on.

A chapter ends between two instants, and with a step that left an entry or a refusal: so what is
written says exactly how far the telling came.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, Self

from sqlalchemy import Connection

from portal import database, ledger, pricing
from portal.cli.demo.cast import CUSTOMERS
from portal.config import SQLITE, Config
from portal.database import Database

# More than this in one go costs PostgreSQL more a step: what an open database transaction has
# changed again and again cannot be tidied up.
STEPS: Final = 100


class Chapters:
    """Posts a history's steps, in order of time, and commits them chapter by chapter.

    Leaving the block commits the last chapter; an exception undoes that one alone.
    """

    def __init__(
        self,
        opened: Database,
        tariffs: pricing.Tariffs,
        ids: ledger.Ids,
        steps: int = STEPS,
    ) -> None:
        self._database = opened
        self._tariffs = tariffs
        self._ids = ids
        self._size = steps
        self._steps = 0
        self._at = -1
        self._left_a_trace = False
        self._open = ExitStack()

    def __enter__(self) -> Self:
        self._begin()
        return self

    def __exit__(self, *error: object) -> None:
        self._open.__exit__(*error)  # type: ignore[arg-type]

    def post(self, at: int, command: ledger.Command) -> ledger.Outcome:
        """Post one step, in this chapter or as the first of the next."""
        if self._steps >= self._size and self._left_a_trace and at > self._at:
            self._open.close()
            self._begin()
        [outcome] = ledger.post(
            self.connection, [command], now=at, tariffs=self._tariffs, ids=self._ids
        )
        self._steps += 1
        self._at = at
        self._left_a_trace = leaves_a_trace(outcome)
        return outcome

    def _begin(self) -> None:
        self.connection: Connection = self._open.enter_context(self._database.writing())
        self._steps = 0


def leaves_a_trace(outcome: ledger.Outcome) -> bool:
    """Whether an entry or a refusal tells of a step."""
    if isinstance(outcome, ledger.Refused):
        return outcome.refusal_id is not None
    return outcome.entry is not None


def written_until(connection: Connection) -> int | None:
    """The instant of the last step that was written, or None before the first."""
    instants: list[int] = []
    for customer in CUSTOMERS:
        for entry in ledger.page(connection, customer.account, limit=1).entries:
            instants.append(entry.recorded_at)
        for one in ledger.recent_refusals(connection, customer.account, since=0, limit=1):
            instants.append(one.recorded_at)
    return max(instants, default=None)


@contextmanager
def rehearsing(config: Config, tariffs: pricing.Tariffs, now: int) -> Iterator[Database]:
    """A database for the length of the block, to tell again what was told: nobody else sees it."""
    with TemporaryDirectory() as folder:
        url = f"{SQLITE}{Path(folder) / 'rehearsal.db'}"
        apart = replace(config, database_url=url, database_owner_url=url)
        database.upgrade(apart)
        opened = Database(apart)
        try:
            with opened.writing() as connection:
                for tariff in tariffs:
                    ledger.publish_tariff(connection, tariff, now=now, published_by="system")
            yield opened
        finally:
            opened.dispose()

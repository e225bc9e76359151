"""The audit: recompute everything from the entries, and say where the tables differ.

Reads in flat memory and writes nothing, part by part: who audits alone checks all parts in their
order, several auditors on one snapshot share them. What is checked is listed in docs/audit.md. The
column `accounts.touched` means nothing (it lends row locks) and is not looked at.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import Connection

from portal import pricing
from portal.ledger import rows
from portal.ledger.answers import check_refusals, check_requests
from portal.ledger.collector import uncollected
from portal.ledger.cuts import account_parts, key_parts
from portal.ledger.errors import AccountNotFoundError
from portal.ledger.findings import Findings, Report
from portal.ledger.gathered import Gathered
from portal.ledger.orphans import UNANSWERED, WHOLE, check_query
from portal.ledger.pages import check_accounts
from portal.ledger.parts import Part
from portal.ledger.prices import Prices, published
from portal.ledger.records import refusals, requests
from portal.ledger.resolutions import check_holds
from portal.ledger.tables import accounts, holds

SIZES: Final = tuple(
    (sa.select(count).select_from(table), account)
    for table, account, count in (
        (accounts, accounts.c.id, rows.total(accounts.c.seq)),
        *((each, each.c.account_id, sa.func.count()) for each in (holds, requests, refusals)),
    )
)
# The application's connections give up after seconds; an audit takes as long as it takes.
PATIENCE: Final = (
    "SET LOCAL statement_timeout = 0",
    "SET LOCAL idle_in_transaction_session_timeout = 0",
)
STEP: Final = 1_000
ORPHANS: Final = {query.rule: query for query in WHOLE}


def audit(
    connection: Connection,
    *,
    now: int,
    tariffs: pricing.Tariffs | None = None,
    account: str | None = None,
    progress: Callable[[int], object] = lambda done: None,
) -> Report:
    """Audit the whole ledger, or one account, as of one instant of the database.

    `connection` must see one snapshot (`database.reading()` does), else what is written
    meanwhile looks like differences. `now` (UTC microseconds) tells which open holds have run
    out; `tariffs` are those published unless given. `progress` is told how many rows were done,
    in all as many as `audit_size` says. Raises AccountNotFoundError for an account of which
    there is no row at all.
    """
    gathered = Gathered()
    with auditing(connection, now=now, tariffs=tariffs, progress=progress) as auditor:
        for place, part in enumerate(audit_parts(connection, account)):
            gathered.add(place, auditor.check(part))
    report = gathered.report()
    if account is not None and report.counts.keys() <= {"tariffs"} and not report.found:
        raise AccountNotFoundError(account)
    return report


def audit_size(connection: Connection, account: str | None = None) -> int:
    """How many rows an audit will tell its progress in."""
    size = 0
    with patient(connection):
        for statement, of_account in SIZES:
            if account is not None:
                statement = statement.where(of_account == account)
            size += connection.execute(statement).scalar_one()
    return size


def audit_parts(connection: Connection, account: str | None = None) -> Iterator[Part]:
    """The parts of an audit in their order. The small ones come last, to even out who has more."""
    yield Part("tariffs")
    if account is not None:
        checks = ("accounts", "holds", *ORPHANS, "requests", "refusals", "entries")
        yield from (Part(check, only=account) for check in checks)
        return
    with patient(connection):
        yield from account_parts(connection)
        yield from key_parts(connection, "holds")
        yield from map(Part, ORPHANS)
        for check in ("requests", "refusals", "entries"):
            yield from key_parts(connection, check)


@contextmanager
def auditing(
    connection: Connection,
    *,
    now: int,
    tariffs: pricing.Tariffs | None = None,
    progress: Callable[[int], object] = lambda done: None,
) -> Iterator["Auditor"]:
    """One who checks parts of an audit on a connection; arguments as `audit` has them."""
    with patient(connection), uncollected():
        known = published(connection, Findings())
        if tariffs is not None:
            known = {tariff.name: tariff for tariff in tariffs}
        yield Auditor(connection, now, known, progress)


class Auditor:
    """Checks parts one after another; remembers the quotes it made, and no findings."""

    def __init__(
        self,
        connection: Connection,
        now: int,
        known: dict[str, pricing.Tariff | None],
        progress: Callable[[int], object],
    ) -> None:
        self._connection = connection
        self._now = now
        self._findings = Findings()
        self._prices = Prices(known, self._findings)
        self._progress = progress
        self._done = 0

    def check(self, part: Part) -> Findings:
        """What is found in one part."""
        connection, findings = self._connection, self._findings
        terms: dict[str, Any] = {"part": part, "progress": self._count}
        match part.check:
            case "tariffs":
                published(connection, findings)
            case "accounts":
                check_accounts(connection, findings, self._prices, **terms)
            case "entries":
                check_query(connection, findings, UNANSWERED, part)
            case "holds":
                check_holds(connection, findings, self._prices, now=self._now, **terms)
            case "requests":
                check_requests(connection, findings, **terms)
            case "refusals":
                check_refusals(connection, findings, **terms)
            case rule:
                check_query(connection, findings, ORPHANS[rule], part)
        self._tell()
        return findings.take()

    def _count(self, rows: int) -> None:
        """Count rows that are done; told now and then, and at the end of each part."""
        self._done += rows
        if self._done >= STEP:
            self._tell()

    def _tell(self) -> None:
        if self._done:
            self._progress(self._done)
            self._done = 0


@contextmanager
def patient(connection: Connection) -> Iterator[None]:
    """Take a connection as an audit needs it: no time limit, and text that is no text is read.

    SQLite would refuse to hand over text that is not UTF-8, and the audit could not name its
    row; PostgreSQL never stores any.
    """
    driver: Any = connection.connection.driver_connection
    if connection.dialect.name != "sqlite":
        for setting in PATIENCE:
            connection.exec_driver_sql(setting)
        yield
        return
    strict = driver.text_factory
    driver.text_factory = partial(str, encoding="utf-8", errors="surrogateescape")
    try:
        yield
    finally:
        driver.text_factory = strict

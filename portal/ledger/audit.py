"""The audit: recompute everything from the entries, and say where the tables differ.

Reads in flat memory and writes nothing. What is checked is listed in docs/audit.md. The
column `accounts.touched` means nothing (it lends row locks) and is not looked at.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import Connection

from portal import pricing
from portal.ledger import rows
from portal.ledger.answers import check_refusals, check_requests
from portal.ledger.collector import uncollected
from portal.ledger.errors import AccountNotFoundError
from portal.ledger.findings import Findings, Report
from portal.ledger.model import Draw, Entry, Grant, Revision
from portal.ledger.orphans import check_orphans
from portal.ledger.prices import Prices, published
from portal.ledger.records import refusals, requests, usage_days
from portal.ledger.recount import Recount
from portal.ledger.resolutions import check_holds
from portal.ledger.streams import Feed, Page, Source, pages
from portal.ledger.tables import accounts, draws, entries, grants, holds, revisions
from portal.ledger.usage import UsageDay

REVISIONS: Final = Source(revisions, Revision, revisions.c.revision)
ENTRIES: Final = Source(entries, Entry, entries.c.seq)
DRAWS: Final = Source(draws, Draw, draws.c.seq, draws.c.position)
GRANTS: Final = Source(grants, Grant, grants.c.seq, grants.c.id)
USAGE: Final = Source(usage_days, UsageDay, usage_days.c.day, usage_days.c.operation)
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
    findings = Findings()
    with patient(connection), uncollected():
        known = published(connection, findings)
        if tariffs is not None:
            known = {tariff.name: tariff for tariff in tariffs}
        prices = Prices(known, findings)
        for page in pages(connection, account):
            check_page(connection, page, findings, prices, progress)
        check_holds(connection, findings, prices, now=now, only=account, progress=progress)
        check_requests(connection, findings, only=account, progress=progress)
        check_refusals(connection, findings, only=account, progress=progress)
        check_orphans(connection, findings, only=account)
    if account is not None and findings.counts.keys() <= {"tariffs"} and not findings.found:
        raise AccountNotFoundError(account)
    return findings.report()


def audit_size(connection: Connection, account: str | None = None) -> int:
    """How many rows an audit will tell its progress in."""
    size = 0
    for statement, of_account in SIZES:
        if account is not None:
            statement = statement.where(of_account == account)
        size += connection.execute(statement).scalar_one()
    return size


def check_page(
    connection: Connection,
    page: Page,
    findings: Findings,
    prices: Prices,
    progress: Callable[[int], object],
) -> None:
    """Recompute the accounts of one page, each table read once and side by side."""

    def feed(source: Source, name: str) -> Feed:
        def orphan(row: Any) -> None:
            stray(findings, row, name, "account_id", "an account")

        return Feed(source.read(connection, page), page, orphan)

    terms, history = feed(REVISIONS, "revision"), feed(ENTRIES, "entry")
    drawn, made, used = feed(DRAWS, "draw"), feed(GRANTS, "grant"), feed(USAGE, "usage")
    for account_id, account in page.accounts.items():
        recount = Recount(account_id, tuple(terms.of(account_id)), findings, prices.check)
        done = 0
        for done, entry in enumerate(history.of(account_id), start=1):
            seq = entry.seq
            own_draws = own(drawn.upto(account_id, seq), seq, "draw", findings)
            own_grants = own(made.upto(account_id, seq), seq, "grant", findings)
            recount.entry(entry, own_draws, own_grants)
            if done % STEP == 0:
                progress(STEP)
        progress(done % STEP)
        own(list(drawn.of(account_id)), 0, "draw", findings)
        own(list(made.of(account_id)), 0, "grant", findings)
        recount.close(account, used.of(account_id))
        findings.counts.update(accounts=1, entries=done, grants=len(recount.grants))


def own(found: Sequence[Any], seq: int, name: str, findings: Findings) -> Sequence[Any]:
    """The rows that belong to the entry at `seq`; the others belong to none, and are noted."""
    if not found or found[0].seq == seq:
        return found
    for row in found:
        if row.seq != seq:
            stray(findings, row, name, "seq", "an entry")
    return [row for row in found if row.seq == seq]


def stray(findings: Findings, row: Any, name: str, rule: str, expected: str) -> None:
    """Note a row that hangs on nothing."""
    seq = getattr(row, "seq", getattr(row, "as_of_seq", 0))
    which = getattr(row, "id", None) or " ".join(map(str, row[1:3]))
    findings.note(row.account_id, seq, rule, expected, "none", f"{name} {which}")


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

"""`flask ledger`: recompute everything from the entries, and show how an account stands."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

import click
from flask.cli import with_appcontext
from sqlalchemy import Connection

from portal import current, ledger
from portal.cli.auditing import JOBS_MAX, audited, cores
from portal.cli.auditors import AuditorError
from portal.cli.tables import show_table
from portal.database import DatabaseError
from portal.ledger import instant_of
from portal.operations.facts import Audited, note_audit
from portal.operations.tallies import COUNTS

DIFFERS: Final = 2
RECENT: Final = 10
TIMES: Final = ("_at", "_start", "_end")
SHOWN: Final = {
    "grants": ("id", "origin", "remaining", "pinned", "amount", "expires_at"),
    "holds": ("id", "operation", "amount", "captured", "expires_at", "reference_id"),
    "entries": ("seq", "recorded_at", "kind", "reason", "amount", "hold_amount", "posted_after"),
}
HEADINGS: Final = {"pinned": "held", "reference_id": "reference"}


@click.group("ledger", help="Audit the ledger, and show how accounts stand.")
def ledger_commands() -> None:
    """Hold the ledger's commands."""


@ledger_commands.command("audit")
@click.option("--account", metavar="ID", help="Only this account.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of lines.")
@click.option(
    "--jobs",
    type=click.IntRange(1, JOBS_MAX),
    help="Processes that share a ledger of 20,000 entries and more; one a core unless given.",
)
@with_appcontext
def audit(account: str | None, as_json: bool, jobs: int | None) -> None:
    """Recompute everything from the entries; exit 2 on any difference."""
    database, now = current.database, current.now()
    with refusals_told():
        report = audited(database, current.config, now=now, account=account, jobs=jobs or cores())
    if account is None:
        keep(report)
    if as_json:
        click.echo(json.dumps(told(report), indent=2))
    else:
        say(report)
    sys.exit(0 if report.clean else DIFFERS)


def keep(report: ledger.Report) -> None:
    """Keep the outcome for the metrics; a login that may not write there audits all the same."""
    entries = report.counts.get("entries", 0)
    found = Audited(current.now(), report.clean, report.found, entries)
    with suppress(OSError):
        note_audit(current.config.shared_folder / COUNTS, found)


def told(report: ledger.Report) -> dict[str, Any]:
    """The report as JSON members."""
    return {
        "clean": report.clean,
        "counts": report.counts,
        "found": report.found,
        "differences": [each._asdict() for each in report.differences],
        "overdue_found": report.overdue_found,
        "overdue": [each._asdict() for each in report.overdue],
    }


def say(report: ledger.Report) -> None:
    """The report as lines: each difference by account and seq, then what was read."""
    for each in report.differences:
        place = f"account {each.account} seq {each.seq}: " if each.account is not None else ""
        click.echo(
            f"{place}{each.subject}: {each.rule}: expected {each.expected}, found {each.found}"
        )
    if report.found > len(report.differences):
        click.echo(f"… and {report.found - len(report.differences)} more")
    for hold in report.overdue:
        click.echo(
            f"note: {hold.hold} of account {hold.account} (seq {hold.seq}) ran out at "
            f"{instant_of(hold.expires_at)}; its account was not touched since"
        )
    counts = ", ".join(counted(name, count) for name, count in sorted(report.counts.items()))
    verdict = "no difference" if report.clean else f"DIFFERENCES: {report.found:,}"
    click.echo(f"audited {counts or 'nothing'}: {verdict}")


def counted(table: str, count: int) -> str:
    """A number of rows in words: `1 entry`, `1,204 entries`."""
    one = table.removesuffix("s") if not table.endswith("ies") else f"{table[:-3]}y"
    return f"{count:,} {one if count == 1 else table}"


@ledger_commands.command("show")
@click.argument("account")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of lines.")
@with_appcontext
def show(account: str, as_json: bool) -> None:
    """Show ACCOUNT as the tables have it; what fell due since is not written yet."""
    with current.database.reading() as connection, refusals_told():
        found = standing(connection, account)
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    for name, value in found["account"].items():
        click.echo(f"{name:16} {'-' if value is None else value}")
    for name, columns in SHOWN.items():
        rows = [[row[column] for column in columns] for row in found[name]]
        click.echo(f"\n{name}{'' if rows else ': none'}")
        if rows:
            show_table([HEADINGS.get(column, column) for column in columns], rows, "  ")


def standing(connection: Connection, account_id: str) -> dict[str, Any]:
    """An account with its grants that have credits left, open holds and latest entries."""
    account = ledger.get_account(connection, account_id)
    grants = [each for each in ledger.grants_of(connection, account_id) if each.remaining]
    latest = ledger.page(connection, account_id, limit=RECENT).entries
    return {
        "account": {**plain(account), "available": account.available},
        "grants": [plain(each) for each in grants],
        "holds": [plain(each) for each in ledger.open_holds(connection, account_id)],
        "entries": [plain(each) for each in latest],
    }


def plain(row: Any) -> dict[str, Any]:
    """A row as JSON members: instants as text, hashes in hexadecimal."""
    return {name: readable(name, value) for name, value in row._asdict().items()}


def readable(name: str, value: Any) -> Any:
    """One value as people read it."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, int) and name.endswith(TIMES):
        return instant_of(value)
    return value


@contextmanager
def refusals_told() -> Iterator[None]:
    """Tell an account that is not there, or what kept the audit, as the command's own error."""
    try:
        yield
    except (ledger.AccountNotFoundError, AuditorError, DatabaseError) as error:
        raise click.ClickException(str(error)) from None

"""Gate check 34, the rest: rows deleted, swapped, moved and forged, and the command that tells."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from click.testing import Result

from portal.config import Config
from portal.database import Database
from portal.ledger.chain import entry_hash
from portal.ledger.model import Draw, Entry
from tests.cli.operating import run
from tests.databases import Databases
from tests.forgery import Forger, Row, forging
from tests.ledger.conftest import fill

pytestmark = pytest.mark.gate

Place = tuple[str, int]


@pytest.fixture
def forger(config: Config, databases: Databases) -> Iterator[Forger]:
    """A ledger that has lived through everything, in a forger's hands."""
    database = Database(config)
    fill(database)
    database.dispose()
    with forging(config, databases) as forger:
        yield forger


def audit(config: Config, *options: str) -> Result:
    """Run the command as an operator does."""
    return run(config, "audit", *options)


def last(forger: Forger, table: str, account: str = "ada") -> Row:
    return [row for row in forger.rows(table) if row["account_id"] == account][-1]


def at(forger: Forger, seq: int, table: str = "entries", account: str = "ada") -> Row:
    rows = forger.rows(table)
    return next(row for row in rows if (row["account_id"], row["seq"]) == (account, seq))


def tail_deleted(forger: Forger) -> Place:
    """The last three entries gone, with all that hangs on them."""
    first = last(forger, "entries")["seq"] - 2
    for table in ("draws", "grants", "requests", "entries"):
        for row in forger.rows(table):
            if row["account_id"] == "ada" and (row["seq"] or 0) >= first:
                forger.delete(table, row)
    return "ada", first


def entries_swapped(forger: Forger) -> Place:
    """Two entries in each other's place."""
    one, other = at(forger, 5), at(forger, 6)
    moved = forger.update("entries", one, seq=10_000)
    forger.update("entries", other, seq=5)
    forger.update("entries", moved, seq=6)
    return "ada", 5


def draws_swapped(forger: Forger) -> Place:
    """The draws of two entries in each other's place."""
    adas = [row for row in forger.rows("draws") if row["account_id"] == "ada"]
    one, other = [row for row in adas if row["position"] == 0][:2]
    moved = forger.update("draws", one, seq=10_000)
    forger.update("draws", other, seq=one["seq"])
    forger.update("draws", moved, seq=other["seq"])
    return "ada", min(one["seq"], other["seq"])


def drawn_elsewhere(forger: Forger) -> Place:
    """An entry that drew on one grant says another."""
    paid = next(row for row in forger.rows("entries") if row["kind"] == "debit" and row["grant_id"])
    others = (row["id"] for row in forger.rows("grants") if row["id"] != paid["grant_id"])
    forger.update("entries", paid, grant_id=next(others))
    return paid["account_id"], paid["seq"]


def drawn_by_nobody(forger: Forger) -> Place:
    """An entry that drew on a grant says nothing of it."""
    paid = next(row for row in forger.rows("entries") if row["kind"] == "debit" and row["grant_id"])
    forger.update("entries", paid, grant_id=None)
    return paid["account_id"], paid["seq"]


def entry_moved(forger: Forger) -> Place:
    """An entry put on somebody else's account, where no seq is taken."""
    forger.update("entries", at(forger, 5), account_id="bob", seq=500)
    return "bob", 500


def entry_appended(forger: Forger) -> Place:
    """A forged entry with a perfect hash, which the account knows nothing of."""
    row = last(forger, "entries")
    seq, head = row["seq"] + 1, row["hash"]
    forged = Entry(**row)._replace(seq=seq, id="ent_forged", kind="debit", amount=-5, hold_id=None)
    forged = forged._replace(hold_amount=0, posted_after=row["posted_after"] - 5, prev_hash=head)
    draw = Draw("ada", seq, 0, None, -5, 0)
    forged = forged._replace(hash=entry_hash(forged, [draw], [], head))
    forger.insert("entries", forged._asdict())
    forger.insert("draws", draw._asdict())
    return "ada", seq


def balance_raised(forger: Forger) -> Place:
    """An account that is simply richer."""
    account = next(row for row in forger.rows("accounts") if row["id"] == "cy")
    forger.update("accounts", account, posted=10**6)
    return "cy", account["seq"]


def grant_forged(forger: Forger) -> Place:
    """A grant of no entry's making, with credits to spend."""
    row = last(forger, "grants")
    forger.insert("grants", row | {"id": "grt_forged", "amount": 10**6, "remaining": 10**6})
    return "ada", row["seq"]


def stray_row(table: str, **changes: Any) -> Callable[[Forger], Place]:
    """A copy of a row that hangs on an account or entry which is not there."""

    def forge(forger: Forger) -> Place:
        row = last(forger, table) | changes
        forger.insert(table, row)
        return row["account_id"], row.get("seq") or row.get("as_of_seq") or 0

    forge.__doc__ = f"A stray row of {table}."
    return forge


def hold_forged(forger: Forger) -> Place:
    """A hold of no entry's making."""
    row = last(forger, "holds")
    forger.insert("holds", row | {"id": "hld_forged", "seq": 777, "status": "open"})
    return "ada", 777


def account_deleted(forger: Forger) -> Place:
    """An account's own row gone, its history left."""
    forger.delete("accounts", next(row for row in forger.rows("accounts") if row["id"] == "bob"))
    return "bob", 1


def text_broken(forger: Forger) -> Place:
    """Text that is no text, where the database lets it in."""
    row = at(forger, 5)
    try:
        forger.execute("UPDATE entries SET note = CAST(? AS TEXT) WHERE id = ?", b"\xff", row["id"])
        assert forger.execute("SELECT hex(note) FROM entries WHERE id = ?", row["id"]) == [("FF",)]
    except psycopg.Error:
        forger.update("entries", row, note="half \u20ac")
    return "ada", 5


FORGERIES = (
    tail_deleted,
    entries_swapped,
    draws_swapped,
    drawn_elsewhere,
    drawn_by_nobody,
    entry_moved,
    entry_appended,
    balance_raised,
    grant_forged,
    hold_forged,
    account_deleted,
    text_broken,
    stray_row("entries", account_id="nobody", id="ent_stray"),
    stray_row("draws", account_id="nobody"),
    stray_row("draws", seq=9_999),
    stray_row("grants", account_id="nobody", id="grt_stray"),
    stray_row("grants", seq=9_999, id="grt_stray"),
    stray_row("holds", account_id="nobody", id="hld_stray"),
    stray_row("account_revisions", account_id="nobody"),
    stray_row("refusals", account_id="nobody", id="rfs_stray"),
    stray_row("requests", account_id="nobody", key="stray"),
    stray_row("usage_days", account_id="nobody"),
)


def test_an_untouched_ledger_audits_clean(forger: Forger, config: Config) -> None:
    """The control: with the guards off and nothing changed there is nothing to find."""
    result = audit(config)
    assert result.exit_code == 0, result.output
    assert "no difference" in result.output
    assert json.loads(audit(config, "--json").stdout)["clean"] is True


@pytest.mark.parametrize("forge", FORGERIES, ids=lambda forge: (forge.__doc__ or "")[:60])
def test_the_command_exits_2_and_names_account_and_seq(
    forger: Forger, config: Config, forge: Callable[[Forger], Place]
) -> None:
    account, seq = forge(forger)
    result = audit(config)
    assert result.exit_code == 2, result.output
    assert f"account {account} seq {seq}: " in result.output
    told = audit(config, "--json")
    assert told.exit_code == 2
    report = json.loads(told.stdout)
    assert report["clean"] is False
    assert (account, seq) in {(each["account"], each["seq"]) for each in report["differences"]}
    if account != "nobody":
        assert audit(config, "--account", account).exit_code == 2

"""A range of accounts recomputed: each table read once, and side by side."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from sqlalchemy import Connection

from portal.ledger.findings import Findings
from portal.ledger.model import Account, Draw, Entry, Grant, Revision
from portal.ledger.parts import Part
from portal.ledger.prices import Prices
from portal.ledger.records import usage_days as used
from portal.ledger.recount import Recount
from portal.ledger.streams import Feed, Source
from portal.ledger.tables import accounts, draws, entries, grants, revisions
from portal.ledger.usage import UsageDay

ACCOUNTS: Final = Source(Account, accounts.c.id)
REVISIONS: Final = Source(Revision, revisions.c.account_id, revisions.c.revision)
ENTRIES: Final = Source(Entry, entries.c.account_id, entries.c.seq)
DRAWS: Final = Source(Draw, draws.c.account_id, draws.c.seq, draws.c.position)
GRANTS: Final = Source(Grant, grants.c.account_id, grants.c.seq, grants.c.id)
USAGE: Final = Source(UsageDay, used.c.account_id, used.c.day, used.c.operation)
STEP: Final = 1_000


def check_accounts(
    connection: Connection,
    findings: Findings,
    prices: Prices,
    *,
    part: Part,
    progress: Callable[[int], object],
) -> None:
    """Recompute the accounts of a part; rows of accounts that are not there are noted."""
    known = {account.id: account for account in ACCOUNTS.read(connection, part)}

    def feed(source: Source, name: str) -> Feed:
        def orphan(row: Any) -> None:
            stray(findings, row, name, "account_id", "an account")

        return Feed(source.read(connection, part), known, orphan)

    terms, history = feed(REVISIONS, "revision"), feed(ENTRIES, "entry")
    drawn, made, usage = feed(DRAWS, "draw"), feed(GRANTS, "grant"), feed(USAGE, "usage")
    for account_id, account in known.items():
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
        recount.close(account, usage.of(account_id))
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

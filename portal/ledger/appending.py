"""The one writer: seals what was drafted and inserts it; nothing else inserts entries.

The database moves balances, grants, holds and the usage cache from these rows, and refuses
whatever does not follow from the rows before.
"""

import operator
from collections.abc import Iterable, Sequence
from typing import Final

from sqlalchemy.engine import Connection

from portal.ledger.book import Draft
from portal.ledger.chain import PREV_HASH, entry_hash, refusal_hash, request_hash, revision_hash
from portal.ledger.model import GENESIS, Account, Answered, Draw, Entry, Grant, Refusal, Revision
from portal.ledger.records import refusals, requests
from portal.ledger.statements import Insert, InsertBoth, Row, append_all
from portal.ledger.tables import accounts, draws, entries, grants, revisions

INSERT_ACCOUNTS: Final = Insert(accounts, ("id", "head_hash", "revision_hash", "created_at"))
INSERT_REVISIONS: Final = Insert(revisions, Revision._fields)
INSERT_GRANTS: Final = Insert(grants, Grant._fields[:10])
# Next to each other in the table: what a debit without a hold has none of.
SELDOM: Final = Entry._fields[Entry._fields.index("hold_id") : Entry._fields.index("metadata") + 1]
INSERT_ENTRIES: Final = InsertBoth(Insert(entries, seldom=SELDOM), Insert(draws))
INSERT_REFUSALS: Final = Insert(refusals)
INSERT_REQUESTS: Final = Insert(requests)
OF_ACCOUNT: Final = operator.attrgetter("entry.account_id")
OF_KEY: Final = operator.itemgetter(0, 1)
HEAD_HASH: Final = Account._fields.index("head_hash")


class Pages:
    """Rows gathered in order for one append."""

    __slots__ = ("accounts", "drafts", "refusals", "requests", "revisions")

    def __init__(self) -> None:
        self.accounts: list[Row] = []
        self.revisions: list[Revision] = []
        self.drafts: list[Draft] = []
        self.refusals: list[Refusal] = []
        self.requests: list[Answered] = []

    def append(self, connection: Connection, *, limits_first: bool = True) -> None:
        """Insert all rows: grants before the entries they belong to, draws with them.

        An entry's guard reads the sums of its draws and the account's overdraft limit, so a
        limit that rises is written before the entries that use it, one that falls after.
        """
        # By account: neighbours in the tables are written together, whoever asked first.
        self.drafts.sort(key=OF_ACCOUNT)
        self.requests.sort(key=OF_KEY)
        made = [grant[:10] for draft in self.drafts for grant in draft.grants]
        terms = (INSERT_REVISIONS, self.revisions)
        append_all(
            connection,
            [
                (INSERT_ACCOUNTS, self.accounts),
                *([terms] if limits_first else []),
                (INSERT_GRANTS, made),
                (INSERT_ENTRIES, [(entry, apart(entry, rows)) for entry, rows, _ in self.drafts]),
                *([] if limits_first else [terms]),
                (INSERT_REFUSALS, self.refusals),
                (INSERT_REQUESTS, self.requests),
            ],
        )
        self.__init__()  # type: ignore[misc]

    def append_part(self, connection: Connection, *, limits_first: bool = True) -> None:
        """Insert all rows but answered keys: those go at the end, all in one order.

        Two batches with the same keys would else each hold one that the other waits for.
        """
        answered, self.requests = self.requests, []
        self.append(connection, limits_first=limits_first)
        self.requests = answered


def apart(entry: Entry, draws: Sequence[Draw]) -> Sequence[Draw]:
    """The draws of an entry that are rows of their own: none where the entry is its draw."""
    return draws if entry.grant_id is None else ()


def seal(account: Account, drafts: Iterable[Draft]) -> tuple[list[Draft], Account]:
    """Drafts with their hashes, chained onto the account's head; and the account after them."""
    head, sealed = account.head_hash, []
    for entry, rows, made in drafts:
        digest = entry_hash(entry, rows, made, head)
        hashes = (head, digest, entry.grant_id)
        sealed.append(Draft(Entry._make(entry[:PREV_HASH] + hashes), rows, made))
        head = digest
    if not sealed:
        return sealed, account
    return sealed, Account._make((*account[:HEAD_HASH], head, *account[HEAD_HASH + 1 :]))


def seal_revisions(account: Account, drafted: Iterable[Revision]) -> tuple[list[Revision], Account]:
    """Revisions with their hashes, chained onto the account's last; and the account after."""
    head, sealed = account.revision_hash, []
    for revision in drafted:
        digest = revision_hash(revision, head)
        sealed.append(Revision(*revision[:-2], head, digest))
        head = digest
    return sealed, (account._replace(revision_hash=head) if sealed else account)


def account_after(account: Account, entry: Entry) -> Account:
    """The account right after one of its entries, under the terms it has here."""
    moved = (entry.posted_after, entry.held_after, entry.seq, entry.hash)
    return Account(*account[:10], *moved, entry.recorded_at, entry.due_after, *account[16:])


def new_account(account: Account) -> Row:
    """The row of an account before its first revision and entry."""
    return (account.id, GENESIS, GENESIS, account.created_at)


def sealed_refusal(refusal: Refusal) -> Refusal:
    """A refusal with its hash."""
    return Refusal._make((*refusal[:-1], refusal_hash(refusal)))


def sealed_request(answered: Answered) -> Answered:
    """An answered request with its hash."""
    return Answered._make((*answered[:-1], request_hash(answered)))

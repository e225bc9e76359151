"""The pure core: a state and a command in, drafts and an outcome out; no clock, no I/O.

The same function serves the live ledger, previews, replays and the tests' subject.
"""

from typing import NamedTuple

from portal import pricing
from portal.ledger.book import Book, Draft
from portal.ledger.commands import (
    Adjust,
    Advance,
    CaptureHold,
    Command,
    Debit,
    ExtendHold,
    IssueGrant,
    Outcome,
    PlaceHold,
    Posted,
    PutAccount,
    Refund,
    Refused,
    ReleaseHold,
    SetCap,
    SetStatus,
)
from portal.ledger.debits import debit
from portal.ledger.errors import AccountFrozenError, AccountSuspendedError, LedgerError
from portal.ledger.facts import Facts
from portal.ledger.grants import adjust, issue_grant
from portal.ledger.holds import capture_hold, extend_hold, place_hold, release_hold
from portal.ledger.identifiers import Ids
from portal.ledger.model import Hold, Revision, State
from portal.ledger.plans import put_account, set_cap, set_status
from portal.ledger.refunds import refund
from portal.ledger.turnover import advance


class Decision(NamedTuple):
    """The state after a command, what to append for it, and its outcome."""

    state: State
    drafts: list[Draft]
    revisions: list[Revision]
    outcome: Outcome
    now: int


def decide(
    state: State,
    command: Command,
    facts: Facts,
    *,
    now: int,
    tariffs: pricing.Tariffs,
    ids: Ids,
) -> Decision:
    """Advance an account to `now`, then answer a command with drafts or a refusal.

    What fell due is drafted also when the command is refused. Rule: ledger.md §4.
    """
    book = Book(state, now, tariffs, ids)
    if state.account.revision:
        advance(book)
        if book.drafts:
            facts = noticed(book, facts)
    kept = (book.account, book.grants, book.holds, book.pins)
    drafts, revisions = len(book.drafts), len(book.revisions)
    try:
        outcome: Outcome = answer(book, command, facts)
        advance(book, since=book.now)
    except (LedgerError, pricing.PricingError) as error:
        book.account, book.grants, book.holds, book.pins = kept
        del book.drafts[drafts:], book.revisions[revisions:]
        # As a value: with its traceback it would keep every frame below, and all of their group.
        error.__context__ = None
        outcome = Refused(error.with_traceback(None))
    return Decision(book.state, book.drafts, book.revisions, outcome, book.now)


def noticed(book: Book, facts: Facts) -> Facts:
    """Facts after what fell due: a hold may have run out only now.

    The hold a command names is expired then; one that stood for its reference frees it.
    """
    ended = {draft.entry.hold_id: draft.entry for draft in book.drafts if draft.entry.hold_id}
    if facts.charged in ended:
        facts = facts._replace(charged=None)
    hold = facts.hold
    if hold is None or hold.id not in ended:
        return facts
    entry = ended[hold.id]
    gone = hold._replace(status="expired", resolved_seq=entry.seq)
    return facts._replace(hold=gone, ended=entry)


def answer(book: Book, command: Command, facts: Facts) -> Posted:
    """Decide one command on an advanced book; raises what it is refused for."""
    if book.account.status == "frozen" and not isinstance(command, SetStatus | Advance):
        raise AccountFrozenError(book.account.id)
    if book.account.status == "closed" and isinstance(command, PutAccount | IssueGrant):
        raise AccountSuspendedError(book.account.id, book.account.status)
    hold: Hold | None = None
    draft: Draft | None = None
    match command:
        case Debit():
            draft = debit(book, command, facts)
        case PlaceHold():
            draft, hold = place_hold(book, command, facts)
        case ExtendHold():
            draft, hold = extend_hold(book, command, facts)
        case CaptureHold():
            draft, hold = capture_hold(book, command, facts)
        case ReleaseHold():
            draft, hold = release_hold(book, command, facts)
        case Refund():
            draft = refund(book, command, facts)
        case IssueGrant():
            draft = issue_grant(book, command, facts)
        case Adjust():
            draft = adjust(book, command, facts)
        case PutAccount():
            draft = put_account(book, command)
        case SetCap():
            set_cap(book, command)
        case SetStatus():
            set_status(book, command)  # and an Advance asks for nothing more
    if draft is None:
        return Posted(book.account, hold=hold, grants=book.grants)
    return Posted(book.account, draft.entry, draft.draws, hold, draft.grants)

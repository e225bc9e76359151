"""Deciding what adds or corrects credits: grants of every origin, and adjustments."""

from typing import Final

from portal.ledger import burn
from portal.ledger.book import About, Book, Draft, spent
from portal.ledger.commands import Adjust, IssueGrant
from portal.ledger.errors import AlreadyGrantedError, LimitReachedError, ValidationError
from portal.ledger.facts import Facts
from portal.ledger.funds import funded, said
from portal.ledger.model import AMOUNT_MAX, Grant

ISSUED: Final = ("purchase", "promotion", "goodwill", "import")
ADJUSTMENTS: Final = ("correction", "compensation", "chargeback", "migration")
LIVE_GRANTS_MAX: Final = 1_000
PRIORITY_MAX: Final = 1_000
LAST_INSTANT: Final = 253_402_300_799_999_999


def issue_grant(book: Book, command: IssueGrant, facts: Facts) -> Draft:
    """Give an account a lot of credits; once per payment. Rule: ledger.md §§2, 5."""
    effective_at = book.now if command.effective_at is None else command.effective_at
    well_made(command, effective_at, book.now)
    if facts.granted is not None:
        raise AlreadyGrantedError(facts.granted, *command.reference)
    if len(book.grants) >= LIVE_GRANTS_MAX:
        account = book.account
        raise LimitReachedError(
            "live_grants", LIVE_GRANTS_MAX, len(book.grants) + 1,
            account.available, account.held, account.next_due_at,
        )  # fmt: skip
    reference_type, reference_id = command.reference
    about = said(
        command,
        command.origin,
        reference_type=reference_type,
        reference_id=reference_id,
        expires_at=command.expires_at,
    )
    grant = new_grant(book, command.origin, command.credits, effective_at, command.expires_at)
    if command.priority is not None:
        grant = grant._replace(priority=command.priority)
    if command.operations is not None:
        grant = grant._replace(operations=",".join(command.operations))
    return give(book, about, grant, occurred_at=book.now)


def well_made(command: IssueGrant, effective_at: int, now: int) -> None:
    """Refuse a grant that no row could hold, that nothing could spend, or that is a period's."""
    expires_at, names = command.expires_at, command.operations
    if command.origin not in ISSUED:
        raise ValidationError("origin", f"must be one of {', '.join(ISSUED)}", command.origin)
    if not 1 <= command.credits <= AMOUNT_MAX:
        raise ValidationError("credits", f"must be from 1 to {AMOUNT_MAX}", command.credits)
    if not 0 <= effective_at < LAST_INSTANT:
        raise ValidationError("effective_at", "must be in the years 1970 to 9999", effective_at)
    if expires_at is not None and not max(effective_at, now) < expires_at <= LAST_INSTANT:
        rule = "must be later than now and than effective_at, and no later than the year 9999"
        raise ValidationError("expires_at", rule, expires_at)
    if command.priority is not None and not 0 <= command.priority <= PRIORITY_MAX:
        raise ValidationError("priority", f"must be from 0 to {PRIORITY_MAX}", command.priority)
    if names is not None and (not names or any(not name or "," in name for name in names)):
        raise ValidationError("operations", "must be names of operations, at least one")
    if command.reference.type == "period":
        raise ValidationError("reference", "must not be a period: only turnover allocates")


def new_grant(
    book: Book,
    origin: str,
    amount: int,
    effective_at: int,
    expires_at: int | None,
    parent_id: str | None = None,
) -> Grant:
    """A grant of the account, not yet drafted, with its origin's usual priority."""
    return Grant(
        book.ids.new("grt", book.now),
        book.account.id,
        book.account.seq + 1,
        origin,
        burn.PRIORITY[origin],
        amount,
        effective_at,
        expires_at,
        None,
        parent_id,
        0,
        0,
    )


def give(book: Book, about: About, grant: Grant, *, occurred_at: int, kind: str = "grant") -> Draft:
    """Draft a grant's entry; an unrestricted one repays what is owed first (ledger.md §9)."""
    owed = burn.owed(book) if grant.operations is None else 0
    repaid = min(owed, grant.amount)
    draws = [(grant.id, grant.amount - repaid, 0)]
    if repaid:
        draws.append((None, repaid, 0))  # type: ignore[arg-type]
    return book.draft(kind, about, draws, occurred_at=occurred_at, grants=(grant,))


def adjust(book: Book, command: Adjust, facts: Facts) -> Draft:
    """Correct an account with a reason and a second person's approval. Rule: ledger.md §2."""
    if command.reason not in ADJUSTMENTS:
        raise ValidationError("reason", f"must be one of {', '.join(ADJUSTMENTS)}", command.reason)
    if command.amount == 0 or abs(command.amount) > AMOUNT_MAX:
        raise ValidationError(
            "amount", f"must be from 1 to {AMOUNT_MAX}, or the negative of it", command.amount
        )
    if command.actor.kind != "admin":
        raise ValidationError("actor", "must be an admin", command.actor.kind)
    if command.approved_by == command.actor.name:
        raise ValidationError("approved_by", "must be somebody else", command.approved_by)
    reference_type, reference_id = command.reference
    about = said(
        command,
        command.reason,
        reference_type=reference_type,
        reference_id=reference_id,
        approved_by=command.approved_by,
        note=command.note,
    )
    if command.amount > 0:
        grant = new_grant(book, "goodwill", command.amount, book.now, None)
        return give(book, about, grant, occurred_at=book.now, kind="adjustment")
    parts = funded(book, -command.amount, None)
    return book.draft("adjustment", about, spent(parts), occurred_at=book.now)

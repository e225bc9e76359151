"""Deciding a one-shot charge."""

from portal.ledger.book import Book, Draft, spent
from portal.ledger.commands import Debit
from portal.ledger.facts import Facts
from portal.ledger.funds import funded, priced, said, uncharged, within_caps


def debit(book: Book, command: Debit, facts: Facts) -> Draft:
    """Charge the price of a job at once, from grants in burn order. Rule: ledger.md §§2, 5."""
    quoted = priced(book, command)
    uncharged(book, command, facts)
    occurred_at = book.now if command.occurred_at is None else command.occurred_at
    within_caps(book, facts, quoted.operation, quoted.credits, occurred_at)
    parts = funded(book, quoted.credits, quoted.operation)
    reference_type, reference_id = command.reference
    about = said(
        command,
        "usage",
        reference_type=reference_type,
        reference_id=reference_id,
        operation=quoted.operation,
        quantity=quoted.quantity,
        tariff=quoted.tariff,
    )
    return book.draft("debit", about, spent(parts), occurred_at=occurred_at)

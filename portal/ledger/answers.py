"""Answered requests and refusals: each row's hash, and that its outcome is really there."""

from collections.abc import Callable, Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import Connection

from portal.ledger.chain import refusal_hash, request_hash
from portal.ledger.findings import Findings, recomputed
from portal.ledger.model import Answered, Refusal
from portal.ledger.parts import KEYS, Part
from portal.ledger.records import refusals, requests
from portal.ledger.streams import raw
from portal.ledger.tables import accounts, entries

AN_ANSWER: Final = len(Answered._fields)
A_REFUSAL: Final = len(Refusal._fields)
# Opening an account is answered by its first allocation, which the system makes in its own name.
OPENING: Final = "allocation"
REQUESTS: Final = (
    sa.select(
        *(requests.c[name] for name in Answered._fields),
        entries.c.idempotency_key.label("entry_key"),
        entries.c.actor.label("entry_actor"),
        entries.c.recorded_at.label("entry_recorded_at"),
        entries.c.reason,
        refusals.c.account_id.label("refusal_account"),
        refusals.c.as_of_seq,
        refusals.c.idempotency_key.label("refusal_key"),
        refusals.c.actor.label("refusal_actor"),
        refusals.c.recorded_at.label("refusal_recorded_at"),
    )
    .outerjoin_from(
        requests,
        entries,
        sa.and_(entries.c.account_id == requests.c.account_id, entries.c.seq == requests.c.seq),
    )
    .outerjoin(refusals, refusals.c.id == requests.c.refusal_id)
    .order_by(requests.c.service, requests.c.key)
)
REFUSALS: Final = (
    sa.select(
        *(refusals.c[name] for name in Refusal._fields),
        accounts.c.seq,
        requests.c.refusal_id.label("bound"),
    )
    .outerjoin_from(refusals, accounts, accounts.c.id == refusals.c.account_id)
    .outerjoin(
        requests,
        sa.and_(
            requests.c.service == refusals.c.actor, requests.c.key == refusals.c.idempotency_key
        ),
    )
    .order_by(refusals.c.id)
)


def check_requests(
    connection: Connection,
    findings: Findings,
    *,
    part: Part,
    progress: Callable[[int], object],
) -> None:
    """Each answered key has its hash, and the entry or refusal that answered it says so too."""
    statement, values = KEYS["requests"].within(REQUESTS, part)
    for row in raw(connection, statement, **values):
        findings.counts["requests"] += 1
        progress(1)
        check_request(Answered._make(row[:AN_ANSWER]), row[AN_ANSWER:], findings)


def check_request(answered: Answered, found: Sequence[Any], findings: Findings) -> None:
    """One answered key against its hash and the row that answered it."""
    key, actor, at, reason, account_id, as_of, refusal_key, refusal_actor, refused_at = found
    ours = (answered.account_id, answered.key, answered.service, answered.recorded_at)
    if answered.seq is None:
        seq, theirs = as_of or 0, (account_id, refusal_key, refusal_actor, refused_at)
    elif reason == OPENING and key is None:
        seq, theirs = answered.seq, (*ours[:3], at)
    else:
        seq, theirs = answered.seq, (answered.account_id, key, actor, at)
    expected = recomputed(request_hash, answered)
    if answered.hash == expected and ours == theirs:
        return
    subject = f"request {answered.service} {answered.key}"
    if answered.hash != expected:
        findings.note(answered.account_id, seq, "hash", expected, answered.hash, subject)
    names = ("account_id", "idempotency_key", "actor", "recorded_at")
    findings.compare(answered.account_id, seq, theirs, ours, names, subject)


def check_refusals(
    connection: Connection,
    findings: Findings,
    *,
    part: Part,
    progress: Callable[[int], object],
) -> None:
    """Each refusal has its hash and account; one bound to its key is what the key answers."""
    statement, values = KEYS["refusals"].within(REFUSALS, part)
    for row in raw(connection, statement, **values):
        findings.counts["refusals"] += 1
        progress(1)
        refusal = Refusal._make(tuple(row)[:A_REFUSAL])
        head, bound = row[A_REFUSAL:]
        check_refusal(refusal, head, bound, findings)


def check_refusal(
    refusal: Refusal, head: int | None, bound: str | None, findings: Findings
) -> None:
    """One refusal against its hash, the account's head seq, and what its key is bound to."""
    subject = f"refusal {refusal.id}"
    account, seq = refusal.account_id, refusal.as_of_seq
    expected = recomputed(refusal_hash, refusal)
    if refusal.hash != expected:
        findings.note(account, seq, "hash", expected, refusal.hash, subject)
    if head is None:
        findings.note(account, seq, "account_id", "an account", "none", subject)
    elif not 0 <= seq <= head:
        findings.note(account, seq, "as_of_seq", f"0 to {head}", seq, subject)
    if is_bound(refusal) and bound != refusal.id:
        findings.note(account, seq, "request", refusal.id, bound, subject)


def is_bound(refusal: Refusal) -> bool:
    """Whether a refusal answers its key for ever: a debit's 402 (service-api.md §3)."""
    return (
        refusal.command == "debit"
        and refusal.required is not None
        and refusal.idempotency_key is not None
    )

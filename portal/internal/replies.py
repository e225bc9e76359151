"""Bodies of answers, as pure functions of committed values: a replay says the same bytes.

Nothing in here is "current": a balance is the one after an entry, a hold as that entry left it.
The types of what is said are in `members`.
"""

import json
from collections.abc import Iterable

from portal import ledger, pricing
from portal.internal import members
from portal.internal.sealed_quotes import Quoted
from portal.internal.times import write_time


def posted_reply(outcome: ledger.Posted) -> members.Posted | members.PostedHold:
    """What a command did: the hold if there is one, its entry, the balance after it."""
    entry = outcome.entry
    if entry is None:
        raise ValueError("a command of a service always has an entry")
    told, balance = entry_reply(entry, outcome.draws), balance_after(entry)
    if outcome.hold is None:
        return {"entry": told, "balance": balance}
    return {"hold": hold_reply(outcome.hold), "entry": told, "balance": balance}


def entry_reply(entry: ledger.Entry, draws: Iterable[ledger.Draw]) -> members.Entry:
    """One entry. A draw's amount is signed as the entry's; of a hold or release, what it pinned."""
    holding = entry.kind in ("hold", "release")
    return {
        "id": entry.id,
        "account": entry.account_id,
        "seq": entry.seq,
        "kind": entry.kind,
        "amount": entry.amount,
        "hold_amount": entry.hold_amount,
        "posted_after": entry.posted_after,
        "held_after": entry.held_after,
        "reason": entry.reason,
        "reference": reference_reply(entry.reference_type, entry.reference_id),
        "operation": entry.operation,
        "quantity": entry.quantity,
        "tariff": entry.tariff,
        "hold": entry.hold_id,
        "reverses": entry.reverses_id,
        "draws": [
            {"grant": draw.grant_id, "amount": draw.pinned if holding else draw.amount}
            for draw in draws
        ],
        "labels": {} if entry.labels is None else json.loads(entry.labels),
        "metadata": {} if entry.metadata is None else json.loads(entry.metadata),
        "occurred_at": write_time(entry.occurred_at),
        "recorded_at": write_time(entry.recorded_at),
        "hash": entry.hash.hex(),
    }


def reference_reply(kind: str | None, name: str | None) -> members.Reference | None:
    """What something is about, or None."""
    return None if kind is None or name is None else {"type": kind, "id": name}


def balance_after(entry: ledger.Entry) -> members.Balance:
    """The account's balance right after an entry."""
    return balance_reply(entry.account_id, entry.posted_after, entry.held_after, entry.seq)


def balance_reply(account_id: str, posted: int, held: int, seq: int) -> members.Balance:
    """A balance: what is posted, of that set aside, and what is left to spend."""
    return {
        "account": account_id,
        "posted": posted,
        "held": held,
        "available": posted - held,
        "seq": seq,
    }


def hold_reply(hold: ledger.Hold) -> members.Hold:
    """A hold as it stood after the last of its entries that is spoken of."""
    return {
        "id": hold.id,
        "account": hold.account_id,
        "status": hold.status,
        "amount": hold.amount,
        "captured": hold.captured,
        "operation": hold.operation,
        "quantity": hold.quantity,
        "reference": {"type": hold.reference_type, "id": hold.reference_id},
        "expires_at": write_time(hold.expires_at),
        "created_at": write_time(hold.created_at),
    }


def account_reply(account: ledger.Account) -> members.Account:
    """An account and its terms, without its balance."""
    return {
        "id": account.id,
        "name": account.name,
        "status": account.status,
        "tier": account.tier,
        "next_tier": account.next_tier,
        "overdraft_limit": account.overdraft_limit,
        "time_zone": account.time_zone,
        "anchor_at": write_time(account.anchor_at),
        "period_start": write_time(account.period_start),
        "period_end": write_time(account.period_end),
        "created_at": write_time(account.created_at),
    }


def quote_reply(
    account_id: str, price: pricing.Quote, quoted: Quoted, outcome: ledger.Outcome
) -> members.Quote:
    """A quote: the price, and of a debit at it which grants would pay and what would be left."""
    if isinstance(outcome, ledger.Posted):
        available, draws = outcome.account.available, outcome.draws
    else:
        available, draws = _short_of(outcome) - price.credits, ()
    return {
        "id": quoted.id,
        "account": account_id,
        "operation": price.operation,
        "quantity": price.quantity,
        "credits": price.credits,
        "tariff": price.tariff,
        "expires_at": write_time(quoted.expires_at),
        "draws": [{"grant": draw.grant_id, "amount": -draw.amount} for draw in draws],
        "available_after": available,
        "sufficient": isinstance(outcome, ledger.Posted),
    }


def _short_of(outcome: ledger.Refused) -> int:
    if not isinstance(outcome.error, ledger.InsufficientCreditsError):
        raise outcome.error
    return outcome.error.available

"""The laws of the ledger as questions to its rows; each answers with what breaks it.

They read rows alone and add up in their own way: nothing here calls what writes them.
"""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from portal.ledger.model import Account, Entry
from tests.ledger.memory import Tables

Law = Callable[[Tables], Iterator[str]]


def law_1(tables: Tables) -> Iterator[str]:
    """Balances are the sums of entries, holds and draws."""
    for account in tables.accounts.values():
        name = account.id
        entries = tables.of_account.get(name, [])
        if account.posted != sum(entry.amount for entry in entries):
            yield f"{name}: posted is not the sum of amounts"
        if account.held != sum(entry.hold_amount for entry in entries):
            yield f"{name}: held is not the sum of hold amounts"
        holds = [h for h in tables.holds.values() if (h.account_id, h.status) == (name, "open")]
        if account.held != sum(hold.amount - hold.captured for hold in holds):
            yield f"{name}: held is not what open holds set aside"
        remaining, pinned, debt = drawn(tables, name)
        grants = [grant for grant in tables.grants.values() if grant.account_id == name]
        for grant in grants:
            if (grant.remaining, grant.pinned) != (remaining[grant.id], pinned[grant.id]):
                yield f"{name}: {grant.id} is not the sum of its draws"
        if account.posted != sum(grant.remaining for grant in grants) + debt:
            yield f"{name}: posted is not what remains of grants, less what is owed"
    for (name, seq), draws in tables.draws.items():
        entry = tables.of_account[name][seq - 1]
        sums = (sum(draw.amount for draw in draws), sum(draw.pinned for draw in draws))
        if sums != (entry.amount, entry.hold_amount):
            yield f"{name} {seq}: the entry is not the sum of its draws"


def drawn(tables: Tables, name: str) -> tuple[dict[str, int], dict[str, int], int]:
    """What draws left on each grant and pinned of it, and on the overdraft."""
    remaining: dict[str, int] = defaultdict(int)
    pinned: dict[str, int] = defaultdict(int)
    debt = 0
    for (account_id, _), draws in tables.draws.items():
        for draw in draws if account_id == name else ():
            if draw.grant_id is None:
                debt += draw.amount
            else:
                remaining[draw.grant_id] += draw.amount
                pinned[draw.grant_id] += draw.pinned
    return remaining, pinned, debt


def law_2(tables: Tables) -> Iterator[str]:
    """Opening + in - out = closing, whatever the range; available = posted - held."""
    for account in tables.accounts.values():
        entries = tables.of_account.get(account.id, [])
        posted = held = 0
        for place, entry in enumerate(entries):
            flows_in = max(entry.amount, 0)
            flows_out = max(-entry.amount, 0)
            if posted + flows_in - flows_out != entry.posted_after:
                yield f"{account.id} {entry.seq}: opening + in - out is not closing"
            if held + entry.hold_amount != entry.held_after:
                yield f"{account.id} {entry.seq}: held does not close"
            if entry.seq != place + 1:
                yield f"{account.id} {entry.seq}: a gap"
            posted, held = entry.posted_after, entry.held_after
        if (account.posted, account.held, account.seq) != (posted, held, len(entries)):
            yield f"{account.id}: the last line is not the balance"
        if account.available != posted - held:
            yield f"{account.id}: available is not posted - held"


def law_3(tables: Tables) -> Iterator[str]:
    """Nothing is spent that is not there; no grant is overdrawn; no refund passes its charge."""
    for account in tables.accounts.values():
        if account.posted - account.held < -account.overdraft_limit:
            yield f"{account.id}: past the overdraft"
        yield from overspent(tables, account)
    for grant in tables.grants.values():
        if not 0 <= grant.pinned <= grant.remaining:
            yield f"{grant.account_id}: {grant.id} is overdrawn"
    for entry_id, refunds in tables.reversing.items():
        charge = tables.entries[entry_id]
        if sum(refund.amount for refund in refunds) > -charge.amount:
            yield f"{charge.account_id} {charge.seq}: refunded more than charged"


def overspent(tables: Tables, account: Account) -> Iterator[str]:
    """Entries that spent past the limit that was in force for them, and grants on the way."""
    terms = tables.revisions.get(account.id, [])
    left: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for entry in tables.of_account.get(account.id, []):
        limit = [row.overdraft_limit for row in terms if row.as_of_seq < entry.seq][-1]
        spends = entry.amount < entry.hold_amount
        if spends and entry.posted_after - entry.held_after < -limit:
            yield f"{account.id} {entry.seq}: past the overdraft"
        for draw in tables.draws[account.id, entry.seq]:
            lot = left[draw.grant_id or ""]
            lot[0], lot[1] = lot[0] + draw.amount, lot[1] + draw.pinned
            if draw.grant_id is not None and not 0 <= lot[1] <= lot[0]:
                yield f"{account.id} {entry.seq}: {draw.grant_id} is overdrawn"


def law_7(tables: Tables) -> Iterator[str]:
    """Each hash covers its row, its draws, the grants it made, and the hash before it."""
    for account in tables.accounts.values():
        head = bytes(32)
        for entry in tables.of_account.get(account.id, []):
            if entry.prev_hash != head or entry.hash != hash_of(tables, entry, head):
                yield f"{account.id} {entry.seq}: the hash does not follow"
            head = entry.hash
        if account.head_hash != head:
            yield f"{account.id}: the head is not the last hash"
        head = bytes(32)
        for row in tables.revisions.get(account.id, []):
            terms = row[:18] if row.caps is None else row[:19]
            if row.prev_hash != head or row.hash != sha256("revision", head, terms):
                yield f"{account.id} revision {row.revision}: the hash does not follow"
            head = row.hash
        if account.revision_hash != head:
            yield f"{account.id}: the head of revisions is not the last hash"
    for refusal in tables.refusals.values():
        if refusal.hash != sha256("refusal", b"", refusal[:-1]):
            yield f"{refusal.account_id} refusal {refusal.id}: the hash does not follow"
    for request in tables.requests.values():
        if request.hash != sha256("request", b"", request[:-1]):
            yield f"{request.account_id} request {request.key}: the hash does not follow"


def hash_of(tables: Tables, entry: Entry, head: bytes) -> bytes:
    """The hash an entry must have."""
    here = (entry.account_id, entry.seq)
    draws = tables.draws[here]
    made = {g.id: g for g in tables.grants.values() if (g.account_id, g.seq) == here}
    grants = [made[draw.grant_id] for draw in draws if draw.grant_id in made]
    parts: list[Any] = [*entry[:29], len(draws)]
    for draw in draws:
        parts += [draw.position, draw.grant_id, draw.amount, draw.pinned]
    parts.append(len(grants))
    for grant in grants:
        parts += grant[:10]
    return sha256("entry", head, parts)


def sha256(kind: str, head: bytes, parts: Iterable[Any]) -> bytes:
    """The published encoding: domain, the hash before, then each field as `length:text`."""
    texts = [None if part is None else str(part) for part in parts]
    shown = "".join("-" if text is None else f"{len(text)}:{text}" for text in texts)
    domain = f"credits-portal/{kind}/1".encode()
    return hashlib.sha256(domain + b"\n" + head + b"\n" + shown.encode()).digest()


LAWS: dict[int, Law] = {1: law_1, 2: law_2, 3: law_3, 7: law_7}


def broken_laws(tables: Tables) -> list[str]:
    """Everything that breaks a law that rows can answer for."""
    return [f"law {n}: {fault}" for n, law in LAWS.items() for fault in law(tables)]

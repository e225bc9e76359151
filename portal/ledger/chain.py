"""The hash chain: every field of a row, its draws and grants, and the hash before it.

Each field is length-prefixed, so no two rows share an encoding; a domain tag and version
open every message. Nothing here decides or loads.
"""

import hashlib
from collections.abc import Sequence
from typing import Final

from portal.ledger.model import Answered, Draw, Entry, Grant, Published, Refusal, Revision

ENTRY: Final = b"credits-portal/entry/1"
REVISION: Final = b"credits-portal/revision/1"
REFUSAL: Final = b"credits-portal/refusal/1"
REQUEST: Final = b"credits-portal/request/1"
TARIFF: Final = b"credits-portal/tariff/1"

PREV_HASH: Final = Entry._fields.index("prev_hash")
# What is written before a short text: to write its length anew for each field is a fifth of a hash.
SHORT: Final = tuple(f"{length}:" for length in range(1_024))


def entry_hash(
    entry: Entry, draws: Sequence[Draw], grants: Sequence[Grant], prev_hash: bytes
) -> bytes:
    """SHA-256 over an entry's fields, its draws, the grants it made, and the previous hash.

    `remaining` and `pinned` of a grant are not its fields: they follow from draws.
    """
    fields: list[object] = [*entry[:PREV_HASH], len(draws)]
    for draw in draws:
        fields += draw[2:]
    fields.append(len(grants))
    for grant in grants:
        fields += grant[:10]
    return digest(ENTRY, fields, prev_hash)


def revision_hash(revision: Revision, prev_hash: bytes) -> bytes:
    """SHA-256 over a revision's fields and the hash of the account's revision before it.

    Caps came later: a revision without any is hashed as it was before there were caps.
    """
    fields = revision[:-2] if revision.caps is not None else revision[:-3]
    return digest(REVISION, fields, prev_hash)


def refusal_hash(refusal: Refusal) -> bytes:
    """SHA-256 over a refusal's fields."""
    return digest(REFUSAL, refusal[:-1], b"")


def request_hash(answered: Answered) -> bytes:
    """SHA-256 over an answered request's fields."""
    return digest(REQUEST, answered[:-1], b"")


def tariff_hash(published: Published) -> bytes:
    """SHA-256 over a published tariff's fields, who published it and when among them."""
    return digest(TARIFF, published[:-1], b"")


def digest(domain: bytes, fields: Sequence[object], prev_hash: bytes) -> bytes:
    """SHA-256 of domain, previous hash and each field as `length:text` (None: `-`)."""
    try:
        parts = ["-" if each is None else SHORT[len(text := str(each))] + text for each in fields]
    except IndexError:
        parts = ["-" if each is None else f"{len(text := str(each))}:{text}" for each in fields]
    message = b"\n".join((domain, prev_hash, "".join(parts).encode("utf-8")))
    return hashlib.sha256(message).digest()

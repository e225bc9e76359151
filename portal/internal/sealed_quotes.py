"""Quotes that need no table: an id seals account, operation, quantity, price list and instant.

Nothing of a quote is kept. Whoever brings it back says again what it was for, and the seal tells
whether that is what was quoted, by which tariff, and when.
"""

import hmac
from typing import Final, NamedTuple

from portal import pricing
from portal.internal.errors import Fault, ValidationError
from portal.internal.strict_json import canonical
from portal.internal.times import write_time
from portal.pricing import QUOTE_TTL_SECONDS

_PREFIX: Final = "qte_"
_ISSUED: Final = slice(4, 16)
_TARIFF: Final = slice(16, 24)


class Quoted(NamedTuple):
    """What was quoted, and under which id until when (UTC µs)."""

    id: str
    tariff: str
    expires_at: int


def seal_quote(
    secret: bytes, tariff: pricing.Tariff, account: str, operation: str, quantity: int, now: int
) -> Quoted:
    """The id of a quote made at `now` by a tariff; good for half an hour."""
    stem = f"{_PREFIX}{now // 1000:012x}{tariff.sha256[:8]}"
    seal = _seal(secret, stem, account, operation, quantity)
    return Quoted(stem + seal, tariff.name, _expiry(stem))


def open_quote(
    secret: bytes,
    tariffs: pricing.Tariffs,
    quote_id: str,
    account: str,
    operation: str,
    quantity: int,
) -> Quoted:
    """What the id stands for; its expiry is for the caller to judge. Raises ValidationError."""
    stem = quote_id[: _TARIFF.stop]
    seal = _seal(secret, stem, account, operation, quantity)
    if quote_id.isascii() and hmac.compare_digest(quote_id, stem + seal):
        for tariff in tariffs:
            if tariff.sha256.startswith(quote_id[_TARIFF]):
                return Quoted(quote_id, tariff.name, _expiry(stem))
    rule = "must be a quote for this account, operation and quantity"
    raise ValidationError([Fault("quote", rule, quote_id)])


def quote_expired(quoted: Quoted) -> ValidationError:
    """The refusal of a quote that came too late."""
    rule = f"must be used before it expires; it did at {write_time(quoted.expires_at)}"
    return ValidationError([Fault("quote", rule, quoted.id)])


def _seal(secret: bytes, stem: str, account: str, operation: str, quantity: int) -> str:
    sealed = canonical(["credits-v1 quote", stem, account, operation, quantity])
    return hmac.digest(secret, sealed.encode(), "sha256")[:10].hex()


def _expiry(stem: str) -> int:
    return (int(stem[_ISSUED], 16) * 1000) + QUOTE_TTL_SECONDS * 1_000_000

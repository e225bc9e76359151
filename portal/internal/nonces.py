"""Nonces of requests that make credits or set terms: each is good once, even within its window."""

from typing import Final

import sqlalchemy as sa
from sqlalchemy import BigInteger, Column, Connection, String, Table

from portal import current
from portal.internal.door import Caller
from portal.internal.keys import metadata
from portal.signing import SKEW, SignatureInvalidError

spent_nonces: Final = Table(
    "spent_nonces",
    metadata,
    Column("kid", String, sa.ForeignKey("service_keys.kid"), primary_key=True),
    Column("nonce", String, primary_key=True),
    Column("expires_at", BigInteger, nullable=False),
    sa.Index("spent_nonces_expires_at_index", "expires_at"),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)
_FORGET: Final = spent_nonces.delete().where(spent_nonces.c.expires_at < sa.bindparam("now"))
_SPEND: Final = sa.text(
    "INSERT INTO spent_nonces (kid, nonce, expires_at) VALUES (:kid, :nonce, :expires_at)"
    " ON CONFLICT (kid, nonce) DO NOTHING"
)


def good_once(asking: Caller) -> None:
    """Refuse the bytes of a request that came before, whatever they ask for."""
    once = (asking.key.kid, asking.nonce, asking.expires, current.now())
    current.database.run(lambda connection: spend_nonce(connection, *once))


def spend_nonce(connection: Connection, kid: str, nonce: str, expires: int, now: int) -> None:
    """Use a nonce up; one that was used is an invalid signature. Those past use are forgotten.

    expires: Unix seconds, the signature's; it is remembered for as long as clocks may differ.
    """
    connection.execute(_FORGET, {"now": now})
    row = {"kid": kid, "nonce": nonce, "expires_at": expires * 1_000_000 + SKEW}
    if connection.execute(_SPEND, row).rowcount != 1:
        raise SignatureInvalidError

"""The judge of signatures: a general library for RFC 9421, with a clock that stands still."""

from __future__ import annotations

import datetime
import types
from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

import http_message_signatures as oracle
from http_message_signatures import signatures as oracle_clock

from tests.signed import CREATED, KID, SECRET, Request

COVERED = ("@method", "@authority", "@path")


class OneKey(oracle.HTTPSignatureKeyResolver):
    """Knows one key id and its secret."""

    def __init__(self, kid: str = KID, secret: bytes = SECRET.encode()) -> None:
        self.kid, self.secret = kid, secret

    def resolve_public_key(self, key_id: str) -> bytes | None:
        return self.secret if key_id == self.kid else None

    def resolve_private_key(self, key_id: str) -> bytes:
        return self.secret


@contextmanager
def clock_at(seconds: int = CREATED) -> Iterator[None]:
    """The library's clock stands at a Unix second."""

    class Stopped(datetime.datetime):
        @classmethod
        def now(cls, tz: datetime.tzinfo | None = None) -> Stopped:
            return cls.fromtimestamp(seconds, tz)

    clock = types.SimpleNamespace(
        datetime=Stopped, timedelta=datetime.timedelta, timezone=datetime.timezone
    )
    with mock.patch.object(oracle_clock, "datetime", clock):
        yield


def verifier_of(key: OneKey) -> oracle.HTTPMessageVerifier:
    """The library's verifier, as lenient about clocks as the profile is."""
    made = oracle.HTTPMessageVerifier(
        signature_algorithm=oracle.algorithms.HMAC_SHA256, key_resolver=key
    )
    made.max_clock_skew = datetime.timedelta(seconds=30)
    return made


_VERIFIER = verifier_of(OneKey())


def judged_good(request: Request) -> bool:
    """Whether the library accepts a request, its content included."""
    try:
        _VERIFIER.verify(
            request, expect_tag="credits-v1", body=request.body, require_components=COVERED
        )
    except oracle.HTTPMessageSignaturesException:
        return False
    return True

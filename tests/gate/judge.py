"""The judge of signatures: a general library for RFC 9421, with a clock that stands still."""

from __future__ import annotations

import datetime
import types
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple
from unittest import mock

import http_message_signatures as oracle
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from http_message_signatures import signatures as oracle_clock

from portal.signing import Key, PrivateKey
from tests.signed import CREATED, KEY, KID, SECRET, Request

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


class OnePair(OneKey):
    """Knows one key id and its key pair, as objects of the library's own."""

    def __init__(self, private: Ed25519PrivateKey, kid: str = KID) -> None:
        self.kid, self.private = kid, private

    def resolve_public_key(self, key_id: str) -> Any:
        return self.private.public_key() if key_id == self.kid else None

    def resolve_private_key(self, key_id: str) -> Any:
        return self.private


def verifier_of(key: OneKey) -> oracle.HTTPMessageVerifier:
    """The library's verifier, as lenient about clocks as the profile is."""
    made = oracle.HTTPMessageVerifier(signature_algorithm=algorithm_of(key), key_resolver=key)
    made.max_clock_skew = datetime.timedelta(seconds=30)
    return made


def algorithm_of(key: OneKey) -> Any:
    """The library's name of what a key is for."""
    known = oracle.algorithms
    return known.ED25519 if isinstance(key, OnePair) else known.HMAC_SHA256


class Kept(NamedTuple):
    """What a service signs with, what it is checked with, and the judge who knows both."""

    secret: str | PrivateKey
    key: Key
    judge: oracle.HTTPMessageVerifier


OURS = Kept(SECRET, KEY, verifier_of(OneKey()))


def judged_good(request: Request, verifier: oracle.HTTPMessageVerifier = OURS.judge) -> bool:
    """Whether the library accepts a request, its content included."""
    try:
        verifier.verify(
            request, expect_tag="credits-v1", body=request.body, require_components=COVERED
        )
    except oracle.HTTPMessageSignaturesException:
        return False
    return True

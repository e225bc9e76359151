"""Key pairs: read from PEM, signed with, and told clearly where the package is not installed."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric import ed25519 as library

from portal.signing import (
    Ed25519MissingError,
    PrivateKey,
    PublicKeyRefusedError,
    ed25519,
    read_public_key,
)

PEM = serialization.Encoding.PEM
PKCS8, PUBLIC = serialization.PrivateFormat.PKCS8, serialization.PublicFormat.SubjectPublicKeyInfo
OPEN = serialization.NoEncryption()
LOCKED = serialization.BestAvailableEncryption(b"a password")
PAIR, CURVE = library.Ed25519PrivateKey.generate(), ec.generate_private_key(ec.SECP256R1())


def test_what_a_private_key_signs_its_public_key_knows() -> None:
    private = PrivateKey(PAIR.private_bytes(PEM, PKCS8, OPEN).decode())
    public = base64.b64decode(read_public_key(PAIR.public_key().public_bytes(PEM, PUBLIC)))
    assert ed25519.is_signed(public, private.sign(b"words"), b"words")
    assert not ed25519.is_signed(public, private.sign(b"words"), b"other words")
    assert not ed25519.is_signed(None, private.sign(b"words"), b"words")
    assert not ed25519.is_signed(public, base64.b64encode(bytes(32)).decode(), b"words")


def test_a_private_key_does_not_show_itself() -> None:
    pem = PAIR.private_bytes(PEM, PKCS8, OPEN).decode()
    assert pem.splitlines()[1][20:] not in f"{PrivateKey(pem)!r} {vars(PrivateKey(pem))!r}"


@pytest.mark.parametrize(
    ("pem", "told"),
    [
        (PAIR.private_bytes(PEM, PKCS8, LOCKED), "unlocked"),
        (PAIR.public_key().public_bytes(PEM, PUBLIC), "cannot be read"),
        (CURVE.private_bytes(PEM, PKCS8, OPEN), "not one of Ed25519"),
        (b"-----BEGIN", "cannot be read"),
        (b"", "cannot be read"),
    ],
    ids=["locked", "public", "curve", "cut", "empty"],
)
def test_any_other_private_key_is_refused(pem: bytes, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        PrivateKey(pem.decode())


@pytest.mark.parametrize(
    ("pem", "told"),
    [
        (PAIR.private_bytes(PEM, PKCS8, OPEN), "no public key in PEM"),
        (CURVE.public_key().public_bytes(PEM, PUBLIC), "no public key of Ed25519"),
        (b"ssh-ed25519 AAAA", "no public key in PEM"),
        (b"", "no public key in PEM"),
    ],
    ids=["private", "curve", "ssh", "empty"],
)
def test_any_other_public_key_is_refused(pem: bytes, told: str) -> None:
    with pytest.raises(PublicKeyRefusedError, match=told):
        read_public_key(pem)


def test_without_the_package_it_is_told_which_and_nothing_is_let_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    private = PrivateKey(PAIR.private_bytes(PEM, PKCS8, OPEN).decode())
    signature, raw = private.sign(b"words"), PAIR.public_key().public_bytes_raw()
    monkeypatch.setattr(ed25519, "PRESENT", False)
    assert not ed25519.is_signed(raw, signature, b"words")
    told = r"pip install '\.\[ed25519\]'"
    with pytest.raises(Ed25519MissingError, match=told):
        PrivateKey("")
    with pytest.raises(Ed25519MissingError, match=told):
        read_public_key(b"")

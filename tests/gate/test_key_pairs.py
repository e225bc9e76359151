"""Gate checks 12, 13, 17 and 20 for keys of Ed25519, of which the portal has the public half."""

from __future__ import annotations

import base64
import datetime
import itertools
import random
from collections.abc import Iterator

import http_message_signatures as oracle
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from portal.signing import (
    Key,
    PrivateKey,
    PublicKeyRefusedError,
    SignatureExpiredError,
    SignatureInvalidError,
    ed25519,
    profile,
    read_public_key,
)
from tests.gate.judge import Kept, OnePair, algorithm_of, clock_at, judged_good, verifier_of
from tests.gate.mutants import sample
from tests.gate.test_signatures import RFC_CREATED, Counts, flips, rfc_request, wrongs
from tests.rounds import ROUNDS
from tests.signed import (
    BODY,
    CREATED,
    KEY,
    KID,
    NOW,
    SECRET,
    Request,
    components,
    generously_signed,
    weakened,
)

pytestmark = pytest.mark.gate

# The key pair of RFC 9421, appendix B.1.4, and the signature of its appendix B.2.6.
PRIVATE = """\
-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIJ+DYvh6SEqVTm50DFtMDoQikTmiCqirVv9mWG9qfSnF
-----END PRIVATE KEY-----
"""
PUBLIC = b"""\
-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=
-----END PUBLIC KEY-----
"""
RFC_PARAMS = (
    '("date" "@method" "@path" "@authority" "content-type" "content-length")'
    ';created=1618884473;keyid="test-key-ed25519"'
)
RFC_SIGNATURE = (
    "wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw=="
)
RAW = base64.b64decode(read_public_key(PUBLIC))


def library_s(pem: str = PRIVATE) -> Ed25519PrivateKey:
    """The same key as the library wants it."""
    key = serialization.load_pem_private_key(pem.encode(), None)
    assert isinstance(key, Ed25519PrivateKey)
    return key


def library_pem() -> str:
    """A private key that nobody has."""
    kind, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return (
        Ed25519PrivateKey.generate()
        .private_bytes(kind, form, serialization.NoEncryption())
        .decode()
    )


def pem_of(raw: bytes) -> bytes:
    """32 bytes as the public key in PEM that they would be."""
    told = base64.b64encode(bytes.fromhex("302a300506032b6570032100") + raw)
    return b"-----BEGIN PUBLIC KEY-----\n" + told + b"\n-----END PUBLIC KEY-----\n"


NEUTRAL = b"\x01" + bytes(31)
SMALL = (NEUTRAL, bytes(32), bytes(31) + b"\x80", b"\xec" + b"\xff" * 30 + b"\x7f")
PAIR = Kept(PrivateKey(PRIVATE), Key("ed25519", RAW, 0), verifier_of(OnePair(library_s())))


@pytest.fixture(autouse=True)
def stopped_clock() -> Iterator[None]:
    with clock_at(CREATED):
        yield


def signed(request: Request | None = None) -> Request:
    """A request that the service signed with its private key."""
    return (request or Request()).signed(secret=PAIR.secret)


# --- the vector of the RFC -----------------------------------------------------------------------


def test_the_rfcs_own_message_has_the_rfcs_own_signature() -> None:
    request = rfc_request()
    covered = {
        "date": request.headers["Date"],
        "@method": "POST",
        "@path": "/foo",
        "@authority": "example.com",
        "content-type": "application/json",
        "content-length": "18",
        "@signature-params": RFC_PARAMS,
    }
    base = "\n".join(f'"{name}": {value}' for name, value in covered.items()).encode()
    assert isinstance(PAIR.secret, PrivateKey)
    assert PAIR.secret.sign(base) == RFC_SIGNATURE
    request.headers["Signature-Input"] = f"sig-b26={RFC_PARAMS}"
    request.headers["Signature"] = f"sig-b26=:{RFC_SIGNATURE}:"
    with clock_at(RFC_CREATED):
        verifier_of(OnePair(library_s(), "test-key-ed25519")).verify(request)
    with pytest.raises(SignatureInvalidError):  # it is none of the profile
        profile.check(request.read(), PAIR.key, RFC_CREATED * 1_000_000, request.body)


# --- the judge (20), the bits (13) ---------------------------------------------------------------


def test_no_mutant_is_accepted_that_the_library_refuses() -> None:
    number, counts = 5_000 * ROUNDS, Counts()
    found = wrongs(profile, 6, number, counts, PAIR)
    assert list(itertools.islice(found, 3)) == []
    assert counts.total() == number
    # Were all refused, nothing would have been compared.
    assert counts["before", True] > number // 20
    assert counts["form", True] > number // 200
    assert counts["after", False] > number // 4


def test_control_a_verifier_that_looks_at_no_signature_is_found_out() -> None:
    loose = weakened({"if not good or key is None": "if key is None"})
    assert next(wrongs(loose, 6, 500, None, PAIR), None) is not None


def test_whatever_the_library_signs_in_our_profile_we_accept() -> None:
    draw, key = random.Random(7), OnePair(library_s())
    signer = oracle.HTTPMessageSigner(signature_algorithm=algorithm_of(key), key_resolver=key)
    for _ in range(200):
        request = sample(draw, PAIR.secret)
        for name in ("Signature", "Signature-Input"):
            del request.headers[name]
        signer.sign(
            request,
            key_id=KID,
            label="sig1",
            tag="credits-v1",
            nonce=draw.randbytes(8).hex(),
            created=datetime.datetime.fromtimestamp(CREATED, datetime.UTC),
            expires=datetime.datetime.fromtimestamp(CREATED + 60, datetime.UTC),
            covered_component_ids=tuple(name for name, _ in components(request)),
            use_existing_digest="Content-Digest" in request.headers,
        )
        assert judged_good(request, PAIR.judge)
        assert request.check(PAIR.key).kid == KID


def test_it_refuses_every_flipped_bit_of_every_covered_byte() -> None:
    good = signed()
    assert good.accepted(PAIR.key)
    passed = [name for name, spoiled in flips(good) if spoiled.accepted(PAIR.key)]
    assert passed == []


def test_it_refuses_a_signature_in_other_than_canonical_base64() -> None:
    good = signed()
    text = good.headers["Signature"]
    for last in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/":
        good.headers["Signature"] = f"{text[:-4]}{last}==:"
        assert good.accepted(PAIR.key) is (last == text[-4])


# --- who signs, and with what (12, 17) -----------------------------------------------------------


@pytest.mark.parametrize(
    "key",
    [
        None,
        PAIR.key._replace(material=bytes(32)),
        PAIR.key._replace(material=Ed25519PrivateKey.generate().public_key().public_bytes_raw()),
        PAIR.key._replace(revoked_at=NOW - 1),
        PAIR.key._replace(not_before=NOW + 1),
        PAIR.key._replace(not_after=NOW),
        PAIR.key._replace(algorithm="hmac-sha256"),
        KEY,
    ],
    ids=["unknown", "no-point", "another", "revoked", "not-yet", "over", "as-hmac", "hmac"],
)
def test_it_refuses_every_key_that_is_not_good_now(key: Key | None) -> None:
    assert signed().accepted(PAIR.key)
    with pytest.raises(SignatureInvalidError):
        signed().check(key)


def claimed(algorithm: str, secret: str | bytes | PrivateKey) -> Request:
    """A request that claims one algorithm, signed with whatever is given."""
    request = signed()
    params = request.headers["Signature-Input"].removeprefix("sig1=")
    params = params.replace('alg="ed25519"', f'alg="{algorithm}"')
    return generously_signed(request, params, components(request), secret)


FORMS = {"raw": RAW, "base64": base64.b64encode(RAW), "pem": PUBLIC}
ELSE = PrivateKey(library_pem())
CONFUSED = {
    **{f"{name}-as-secret": ("hmac-sha256", text, PAIR.key) for name, text in FORMS.items()},
    **{f"{name}-as-secret-told": ("ed25519", text, PAIR.key) for name, text in FORMS.items()},
    "pair-told-hmac": ("hmac-sha256", PAIR.secret, PAIR.key),
    "another-pair": ("ed25519", ELSE, PAIR.key),
    "secret-told-pair": ("ed25519", SECRET, KEY),
    "pair-on-secret": ("ed25519", ELSE, KEY),
    "nothing-as-secret": ("hmac-sha256", b"", PAIR.key),
}


@pytest.mark.parametrize(("algorithm", "secret", "key"), CONFUSED.values(), ids=CONFUSED)
def test_no_key_is_taken_for_one_of_another_algorithm(
    algorithm: str, secret: str | bytes | PrivateKey, key: Key
) -> None:
    assert not claimed(algorithm, secret).accepted(key)
    assert claimed("ed25519", PAIR.secret).accepted(PAIR.key)
    assert claimed("hmac-sha256", SECRET).accepted(KEY)


def test_control_where_the_request_chooses_a_public_key_is_a_secret() -> None:
    choosing = weakened({"if key is not None and key.algorithm != parsed.algorithm:": "if False:"})
    assert claimed("hmac-sha256", RAW).accepted(PAIR.key, verifier=choosing)


@pytest.mark.parametrize("pem", SMALL, ids=lambda raw: raw.hex()[:4])
def test_a_public_key_that_anybody_can_sign_for_is_refused(pem: bytes) -> None:
    with pytest.raises(PublicKeyRefusedError, match="anybody can sign for"):
        read_public_key(pem_of(pem))


def test_control_anybody_can_sign_for_it() -> None:
    forged = base64.b64encode(NEUTRAL + bytes(32)).decode()
    request = signed()
    request.headers["Signature"] = f"sig1=:{forged}:"
    assert request.accepted(PAIR.key._replace(material=NEUTRAL))
    assert not request.accepted(PAIR.key)


def test_times_and_content_are_held_as_with_a_secret() -> None:
    late = (CREATED + 91) * 1_000_000
    with pytest.raises(SignatureExpiredError):
        signed().check(PAIR.key, now=late)
    request = signed()
    request.body = BODY.replace(b"12", b"13")
    assert not request.accepted(PAIR.key)


def test_refusing_costs_a_check_of_the_claimed_algorithm_whoever_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    spent: list[bytes | None] = []
    real = ed25519.is_signed

    def counted(public_key: bytes | None, signature: str, base: bytes) -> bool:
        spent.append(public_key)
        return real(public_key, signature, base)

    monkeypatch.setattr(ed25519, "is_signed", counted)
    for key in (None, KEY, PAIR.key._replace(revoked_at=1), PAIR.key):
        signed().accepted(key)
    assert spent == [None, None, RAW, RAW]

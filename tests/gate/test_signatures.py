"""Gate checks 13 and 20: no mutant of a signed request passes that a general library would refuse.

Each proof has its controls: verifiers that lack one check, which the same proof must find out.
"""

from __future__ import annotations

import base64
import datetime
import itertools
import random
from collections import Counter
from collections.abc import Iterator
from typing import Any

import http_message_signatures as oracle
import pytest

from portal.signing import Key, profile
from tests.gate.judge import OURS, Kept, OneKey, clock_at, judged_good, verifier_of
from tests.gate.mutants import mutant, sample
from tests.rounds import ROUNDS
from tests.signed import CREATED, KID, Request, components, uncovered, weakened

pytestmark = pytest.mark.gate

MUTANTS = 29_000 * ROUNDS  # of one seed
SEEDS = range(4)


@pytest.fixture(autouse=True)
def stopped_clock() -> Iterator[None]:
    with clock_at(CREATED):
        yield


# --- the vector of RFC 9421, appendix B.2.5 ------------------------------------------------------

RFC_MESSAGE = """\
POST /foo?param=Value&Pet=dog HTTP/1.1
Host: example.com
Date: Tue, 20 Apr 2021 02:07:55 GMT
Content-Type: application/json
Content-Digest: sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:
Content-Length: 18

{"hello": "world"}"""  # noqa: E501 - its own line
RFC_PARAMS = '("date" "@authority" "content-type");created=1618884473;keyid="test-shared-secret"'
RFC_MAC = "pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8="
RFC_KEY = base64.b64decode(
    "uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ=="
)
RFC_CREATED = 1_618_884_473


def rfc_request() -> Request:
    head, body = RFC_MESSAGE.split("\n\n")
    line, *fields = head.split("\n")
    method, target, _ = line.split(" ")
    headers = dict(field.split(": ", 1) for field in fields)
    path, query = target.split("?")
    made = Request(method, path, query, body.encode(), headers)
    made.authority = headers["Host"]
    made.headers["Signature-Input"] = f"sig-b25={RFC_PARAMS}"
    made.headers["Signature"] = f"sig-b25=:{RFC_MAC}:"
    return made


def rfc_base(request: Request) -> bytes:
    covered = {
        "date": request.headers["Date"],
        "@authority": request.authority,
        "content-type": request.headers["Content-Type"],
        "@signature-params": request.headers["Signature-Input"].removeprefix("sig-b25="),
    }
    return "\n".join(f'"{name}": {value}' for name, value in covered.items()).encode("ascii")


def rfc_judged_good(request: Request) -> bool:
    try:
        verifier_of(OneKey("test-shared-secret", RFC_KEY)).verify(request)
    except oracle.HTTPMessageSignaturesException:
        return False
    return True


def test_the_rfcs_own_message_has_the_rfcs_own_mac() -> None:
    base = rfc_base(rfc_request())
    assert profile._mac(RFC_KEY, base) == RFC_MAC
    for at in range(len(base)):
        for bit in range(8):
            flipped = base[:at] + bytes([base[at] ^ 1 << bit]) + base[at + 1 :]
            assert profile._mac(RFC_KEY, flipped) != RFC_MAC, (at, bit)


def test_the_judge_accepts_the_rfcs_own_message_and_no_other() -> None:
    with clock_at(RFC_CREATED):
        assert rfc_judged_good(rfc_request())
        later = rfc_request()
        later.headers["Date"] = "Tue, 20 Apr 2021 02:07:56 GMT"
        assert not rfc_judged_good(later)


def test_the_rfcs_own_message_is_none_of_the_profile() -> None:
    request, now = rfc_request(), RFC_CREATED * 1_000_000
    key = Key("hmac-sha256", RFC_KEY, 0)
    with pytest.raises(profile.SignatureInvalidError):
        profile.check(request.read(), key, now, request.body)


def test_the_digest_is_that_of_rfc_9530() -> None:
    signed = Request(body=b'{"hello": "world"}').signed()
    digest = "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:"  # its appendix D
    assert signed.headers["Content-Digest"] == digest
    assert signed.accepted()


# --- the judge (20) ------------------------------------------------------------------------------


Counts = Counter[tuple[str, bool]]


def wrongs(
    verifier: Any, seed: int, number: int, counts: Counts | None = None, kept: Kept = OURS
) -> Iterator[str]:
    """Mutants that should not have been accepted. counts: by kind, and whether it was accepted."""
    draw = random.Random(seed)
    counts = Counter() if counts is None else counts
    for _ in range(number):
        kind, good, spoiled = mutant(draw, kept.secret)
        try:
            accepted = spoiled.accepted(kept.key, verifier=verifier)
        except Exception as error:
            yield f"{kind}: {error!r} of {vars(spoiled)}"
            continue
        counts[kind, accepted] += 1
        changed = kind == "after" and vars(spoiled) != vars(good)
        if accepted and (changed or not judged_good(spoiled, kept.judge)):
            yield f"{kind}: {vars(spoiled)}"


@pytest.mark.parametrize("seed", SEEDS)
def test_no_mutant_is_accepted_that_the_library_refuses(seed: int) -> None:
    counts: Counts = Counter()
    assert list(itertools.islice(wrongs(profile, seed, MUTANTS, counts), 3)) == []
    assert counts.total() == MUTANTS
    # Some edits after signing change nothing: those are accepted, and are no mutants.
    assert counts.total() - counts["after", True] > 25_000 * ROUNDS
    # Were all refused, nothing would have been compared.
    assert counts["before", True] > 2_000 * ROUNDS
    assert counts["form", True] > 200 * ROUNDS
    assert counts["after", False] > 10_000 * ROUNDS


# Each lacks one check: texts of the module, and what stands there instead.
WEAKER = {
    "no-mac": {"if not good or key is None": "if key is None"},
    "no-digest": {"if parsed.digest is not None and not": "if False and not"},
    "no-digest-at-all": {"if parsed.digest is None and body:": "if False:"},
    "no-algorithm": {
        "if key is not None and key.algorithm != parsed.algorithm:": "if False:",
        "if parsed.algorithm == ED25519:": "if False:",
    },
    "no-end": {" <= now <= parsed.expires * 1_000_000 + SKEW:": " <= now:"},
    "no-beginning": {"parsed.created * 1_000_000 - SKEW <= now <= ": "now <= "},
    "any-list": {r"\({re.escape(names)}\)": r"\([^)]*\)"},
    "parameters-twice": {
        "if None in (created, expires, kid, algorithm, nonce, tag):": "if None in (created, tag):"
    },
    "any-parameter": {
        """f'tag="({TAG})"',""": """f'tag="({TAG})"', "x=1",""",
        "{{6}}": "{{6,7}}",
    },
    "any-tag": {"""f'tag="({TAG})"'""": """'tag="([^"]*)"'"""},
    "any-end": {"re.compile(pattern).fullmatch": "re.compile(pattern).match"},
    "any-value": {'r"[!-~][ -~]{0,254}[!-~]"': 'r"[^\\n]{2,256}"'},
    "method-not-signed": {"base = (form.base % (method,": 'base = (form.base % ("POST",'},
}


@pytest.mark.parametrize("edits", WEAKER.values(), ids=WEAKER)
def test_control_a_verifier_that_lacks_one_check_is_found_out(edits: dict[str, str]) -> None:
    verifier = weakened(edits)
    assert any(next(wrongs(verifier, seed, 5_000), None) for seed in range(6))


def test_control_the_same_verifier_without_an_edit_is_not() -> None:
    assert list(wrongs(weakened({}), 99, 5_000)) == []


def test_whatever_the_library_signs_in_our_profile_we_accept() -> None:
    draw = random.Random(3)
    signer = oracle.HTTPMessageSigner(
        signature_algorithm=oracle.algorithms.HMAC_SHA256, key_resolver=OneKey()
    )
    for _ in range(1_000):
        request = sample(draw)
        names = tuple(name for name, _ in components(request))
        request.headers = {}
        if request.method != "GET":
            request.body = draw.randbytes(draw.randrange(200))
            request.headers = {
                "Content-Type": "application/json; charset=utf-8",
                "Content-Digest": str(oracle.ContentDigest.create(request.body)),
            }
        if request.method == "POST":
            request.headers["Idempotency-Key"] = f'"{draw.randbytes(12).hex()}"'
        created = CREATED + draw.randrange(-60, 30)
        signer.sign(
            request,
            key_id=KID,
            label="sig1",
            tag="credits-v1",
            nonce=draw.randbytes(8).hex(),
            created=datetime.datetime.fromtimestamp(created, datetime.UTC),
            expires=datetime.datetime.fromtimestamp(created + 60, datetime.UTC),
            covered_component_ids=names,
            use_existing_digest="Content-Digest" in request.headers,
        )
        assert judged_good(request)
        assert request.check().kid == KID


# --- one bit (13) --------------------------------------------------------------------------------

FORMS = {
    "post": Request(),
    "put": Request("PUT", "/internal/v1/accounts/acme"),
    "get": Request("GET", "/internal/v1/accounts/acme/entries", "limit=5&before=17", b""),
    "get-bare": Request("GET", "/internal/v1/accounts/acme", "", b""),
}
PARTS = ("method", "authority", "path", "query", "body")


def flips(good: Request) -> Iterator[tuple[str, Request]]:
    """Every request that differs from a good one by one bit of one covered byte."""
    for name, text in good.headers.items():
        for flipped in flipped_texts(text):
            spoiled = good.copy()
            spoiled.headers[name] = flipped
            yield name, spoiled
    for name in PARTS:
        value = getattr(good, name)
        text = value.decode("latin-1") if isinstance(value, bytes) else value
        for flipped in flipped_texts(text):
            spoiled = good.copy()
            setattr(spoiled, name, flipped.encode("latin-1") if name == "body" else flipped)
            if name != "authority" or flipped.isascii():  # a configured host is plain
                yield name, spoiled


def flipped_texts(text: str) -> Iterator[str]:
    for at, sign in enumerate(text):
        for bit in range(8):
            yield text[:at] + chr(ord(sign) ^ 1 << bit) + text[at + 1 :]


@pytest.mark.parametrize("form", FORMS)
def test_it_refuses_every_flipped_bit_of_every_covered_byte(form: str) -> None:
    good = FORMS[form].signed()
    assert good.accepted()
    passed = [(name, vars(spoiled)) for name, spoiled in flips(good) if spoiled.accepted()]
    assert passed == []


@pytest.mark.parametrize(
    ("form", "place", "verifier"),
    [
        ("post", "method", uncovered("@method")),
        ("post", "authority", uncovered("@authority")),
        ("post", "path", uncovered("@path")),
        ("get", "query", uncovered("@query")),
        ("post", "Content-Type", uncovered("content-type")),
        ("post", "Idempotency-Key", uncovered("idempotency-key")),
        ("post", "Signature-Input", uncovered("@signature-params")),
        ("post", "Signature", weakened(WEAKER["no-mac"])),
        ("post", "body", weakened(WEAKER["no-digest"])),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_control_where_one_value_is_not_covered_its_bits_flip(
    form: str, place: str, verifier: Any
) -> None:
    good = FORMS[form].copy().signed(verifier)
    assert good.accepted(verifier=verifier)
    passed = {name for name, spoiled in flips(good) if spoiled.accepted(verifier=verifier)}
    assert place in passed
    if place in ("path", "query", "authority"):
        assert passed == {place}


def test_a_flipped_digest_is_refused_twice_over() -> None:
    """By the MAC, and by the content: either alone is enough."""
    good = Request().signed()
    for alone in (uncovered("content-digest"), weakened(WEAKER["no-digest"])):
        flipped = good.copy().signed(alone)
        for digest in flipped_texts(flipped.headers["Content-Digest"]):
            spoiled = flipped.copy()
            spoiled.headers["Content-Digest"] = digest
            assert not spoiled.accepted(verifier=alone)

"""The signature profile: the RFC's own vector, every rejection, and a general library as judge."""

import base64
import datetime
import hmac
import random
import types
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import http_message_signatures as oracle
import pytest
from http_message_signatures import signatures as oracle_clock

from portal import signing
from portal.signing import Key, SignatureExpiredError, SignatureInvalidError

pytestmark = pytest.mark.gate
SECOND = 1_000_000
CREATED = 1_795_355_520
NOW = CREATED * SECOND + 250_000
AUTHORITY = "credits.internal"
KID = "tts-prod-202611a"
SECRET = "csk_the-secret-of-the-speech-service"
KEY = Key("hmac-sha256", SECRET.encode(), not_before=0)
BODY = b'{"account":"acme","operation":"generate","quantity":12}'
SIGNED_HEADERS = ("Content-Type", "Content-Digest", "Idempotency-Key")


class Request:
    """A request on the wire, in parts that a test may spoil one by one."""

    def __init__(
        self,
        method: str = "POST",
        path: str = "/internal/v1/debits",
        query: str = "",
        body: bytes = BODY,
        headers: dict[str, str] | None = None,
    ) -> None:
        self.method, self.path, self.query, self.body = method, path, query, body
        self.authority = AUTHORITY
        self.headers = dict(headers or {})

    @property
    def url(self) -> str:
        return f"https://{self.authority}{self.path}" + (f"?{self.query}" if self.query else "")

    def signed(self, **changed: Any) -> "Request":
        values = {
            "method": self.method,
            "authority": self.authority,
            "path": self.path,
            "query": self.query,
            "body": self.body,
            "kid": KID,
            "secret": SECRET,
            "created": CREATED,
            "expires": CREATED + 60,
            "nonce": "n-0123456789abcdef",
            "idempotency_key": None if self.method == "PUT" else "01J8ZQ4M-tts-7f3a",
        }
        self.headers = signing.sign(**{**values, **changed})
        return self

    def copy(self) -> "Request":
        made = Request(self.method, self.path, self.query, self.body, self.headers)
        made.authority = self.authority
        return made

    def read(self) -> signing.Parsed:
        value = self.headers.get
        return signing.read_signature(
            method=self.method,
            authority=self.authority,
            path=self.path,
            query=self.query,
            content_type=value("Content-Type", ""),
            content_digest=value("Content-Digest", ""),
            idempotency_key=value("Idempotency-Key", ""),
            signature_input=value("Signature-Input", ""),
            signature=value("Signature", ""),
        )

    def check(self, key: Key | None = KEY, now: int = NOW) -> signing.Parsed:
        parsed = self.read()
        signing.check(parsed, key if parsed.kid == KID else None, now, self.body)
        return parsed

    def accepted(self, key: Key | None = KEY, now: int = NOW) -> bool:
        try:
            self.check(key, now)
        except (SignatureInvalidError, SignatureExpiredError):
            return False
        return True


def generously_signed(request: Request, params: str, components: list[tuple[str, str]]) -> Request:
    """Sign whatever is asked for, as a careless signer would, with a MAC that is right for it."""
    lines = [f'"{name}": {value}' for name, value in components]
    base = "\n".join([*lines, f'"@signature-params": {params}'])
    request.headers["Signature-Input"] = "sig1=" + params
    request.headers["Signature"] = f"sig1=:{signing._mac(SECRET.encode(), base.encode())}:"
    return request


def components(request: Request) -> list[tuple[str, str]]:
    found = [
        ("@method", request.method),
        ("@authority", request.authority),
        ("@path", request.path),
    ]
    if request.method == "GET":
        return [*found, ("@query", "?" + request.query)]
    return found + [
        (name.lower(), request.headers[name]) for name in SIGNED_HEADERS if name in request.headers
    ]


# --- what is right is accepted -------------------------------------------------------------------


def test_it_computes_the_mac_of_rfc_9421_b_2_5() -> None:
    secret = base64.b64decode(
        "uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ=="
    )
    base = (
        '"date": Tue, 20 Apr 2021 02:07:55 GMT\n'
        '"@authority": example.com\n'
        '"content-type": application/json\n'
        '"@signature-params": ("date" "@authority" "content-type")'
        ';created=1618884473;keyid="test-shared-secret"'
    )
    mac = signing._mac(secret, base.encode())
    assert mac == "pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8="


def test_it_lays_out_exactly_the_documented_base() -> None:
    parsed = Request().signed().read()
    assert parsed.base.decode() == (
        '"@method": POST\n'
        '"@authority": credits.internal\n'
        '"@path": /internal/v1/debits\n'
        '"content-type": application/json\n'
        '"content-digest": sha-256=:v2lV29ZVq3IfynCKx/ad0BY7B5yXPHBu9i3f3hvQAjc=:\n'
        '"idempotency-key": "01J8ZQ4M-tts-7f3a"\n'
        '"@signature-params": ("@method" "@authority" "@path" "content-type" "content-digest" '
        '"idempotency-key");created=1795355520;expires=1795355580;keyid="tts-prod-202611a"'
        ';alg="hmac-sha256";nonce="n-0123456789abcdef";tag="credits-v1"'
    )


@pytest.mark.parametrize(
    "request_",
    [
        Request(),
        Request("PUT", "/internal/v1/accounts/acme:1"),
        Request("GET", "/internal/v1/accounts/acme/entries", "limit=50&kind=debit%20x", b""),
        Request("GET", "/internal/v1/accounts/acme", "", b""),
        Request("POST", body=b""),
    ],
    ids=["post", "put", "get-query", "get", "empty-content"],
)
def test_it_accepts_what_it_signs(request_: Request) -> None:
    parsed = request_.signed().check()
    assert (parsed.kid, parsed.nonce) == (KID, "n-0123456789abcdef")
    assert (parsed.created, parsed.expires) == (CREATED, CREATED + 60)


def test_it_accepts_the_six_parameters_in_any_order() -> None:
    request = Request().signed()
    form, *rest = request.headers["Signature-Input"].removeprefix("sig1=").split(";")
    draw = random.Random(9421)
    for _ in range(50):
        draw.shuffle(rest)
        shuffled = generously_signed(request, ";".join([form, *rest]), components(request))
        assert shuffled.accepted()


def test_secrets_are_a_function_of_master_and_kid() -> None:
    secret = signing.derive_secret(b"m" * 32, "tts")
    assert secret == signing.derive_secret(b"m" * 32, "tts")
    assert secret != signing.derive_secret(b"m" * 32, "ttt")
    assert secret != signing.derive_secret(b"n" * 32, "tts")
    assert secret.startswith("csk_")
    assert len(secret) == 47
    assert secret.isascii()
    assert "+" not in secret
    assert "/" not in secret
    assert "=" not in secret


# --- who signed (12, 17) -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "key",
    [
        None,
        KEY._replace(secret=b"another secret"),
        KEY._replace(secret=b""),
        KEY._replace(revoked_at=NOW - 1),
        KEY._replace(not_before=NOW + 1),
        KEY._replace(not_after=NOW),
        KEY._replace(algorithm="ed25519"),
    ],
    ids=[
        "unknown",
        "wrong-secret",
        "empty-secret",
        "revoked",
        "not-yet",
        "over",
        "other-algorithm",
    ],
)
def test_it_refuses_every_key_that_is_not_good_now(key: Key | None) -> None:
    request = Request().signed()
    assert request.accepted()
    with pytest.raises(SignatureInvalidError) as refused:
        request.check(key)
    assert str(refused.value) == "The signature is missing or not valid."


def test_it_accepts_a_key_at_the_edges_of_its_life() -> None:
    assert Request().signed().accepted(KEY._replace(not_before=NOW, not_after=NOW + 1))


@pytest.mark.parametrize("algorithm", ["ed25519", "none", "hmac-sha512", "HMAC-SHA256", ""])
def test_the_request_does_not_choose_the_algorithm(algorithm: str) -> None:
    request = Request().signed()
    params = request.headers["Signature-Input"].removeprefix("sig1=")
    params = params.replace('alg="hmac-sha256"', f'alg="{algorithm}"')
    assert not generously_signed(request, params, components(request)).accepted()


def test_an_unknown_key_costs_a_mac_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    spent: list[bytes] = []
    real = signing._mac

    def counted(secret: bytes, base: bytes) -> str:
        spent.append(secret)
        return real(secret, base)

    monkeypatch.setattr(signing, "_mac", counted)
    parsed = Request().signed().read()
    spent.clear()
    for key in (None, KEY):
        try:
            signing.check(parsed, key, NOW, BODY)
        except SignatureInvalidError:
            assert key is None
    assert len(spent) == 2


# --- the controls: without its check, each kind of forgery passes --------------------------------


def test_control_without_comparing_the_mac_a_guessed_secret_passes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    forged = Request().signed(secret="guessed")
    assert not forged.accepted()
    monkeypatch.setattr(hmac, "compare_digest", lambda one, other: True)
    assert forged.accepted()


def test_control_without_comparing_the_digest_other_content_passes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    swapped = Request().signed()
    swapped.body = BODY.replace(b"12", b"13")
    assert not swapped.accepted()
    digest = swapped.headers["Content-Digest"].removeprefix("sha-256=:").removesuffix(":")
    real = signing._base64
    monkeypatch.setattr(
        signing,
        "_base64",
        lambda data: digest if data == sha256(swapped.body).digest() else real(data),
    )
    assert swapped.accepted()


def test_control_a_path_that_is_not_signed_can_be_moved(monkeypatch: pytest.MonkeyPatch) -> None:
    loose = {
        size: form._replace(base=form.base.replace('"@path": %s', '"@path": %.0s'))
        for size, form in signing._FORM.items()
    }
    monkeypatch.setattr(signing, "_FORM", loose)
    moved = Request().signed()
    moved.path = "/internal/v1/refunds"
    assert moved.accepted()


def test_control_without_the_clock_a_copy_passes_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    late = (CREATED + 86_400) * SECOND
    assert not Request().signed().accepted(now=late)
    monkeypatch.setattr(signing, "SKEW", 100_000 * SECOND)
    assert Request().signed().accepted(now=late)


# --- what was signed (13-16) ---------------------------------------------------------------------


def test_it_refuses_every_bit_flipped_in_every_signed_byte() -> None:
    good = Request().signed()
    for name in good.headers:
        for at in range(len(good.headers[name])):
            for bit in range(8):
                spoiled = good.copy()
                text = spoiled.headers[name]
                flipped = chr(ord(text[at]) ^ (1 << bit))
                spoiled.headers[name] = text[:at] + flipped + text[at + 1 :]
                assert not spoiled.accepted(), (name, at, bit)
    for at in range(len(BODY)):
        for bit in range(8):
            spoiled = good.copy()
            spoiled.body = BODY[:at] + bytes([BODY[at] ^ (1 << bit)]) + BODY[at + 1 :]
            assert not spoiled.accepted(), ("content", at, bit)


def test_it_refuses_content_under_the_digest_of_other_content() -> None:
    request = Request().signed()
    for body in (b"", BODY + b" ", BODY.replace(b"12", b"13")):
        request.body = body
        with pytest.raises(SignatureInvalidError):
            request.check()


def test_it_refuses_content_that_no_digest_covers() -> None:
    request = Request("GET", "/internal/v1/accounts/acme", body=b"").signed()
    assert request.accepted()
    request.body = b"{}"
    assert not request.accepted()


def spoil_digest(change: Callable[[str], str]) -> Request:
    """A request whose digest header is changed before a careless signer signs it."""
    request = Request().signed()
    request.headers["Content-Digest"] = change(request.headers["Content-Digest"])
    params = request.headers["Signature-Input"].removeprefix("sig1=")
    return generously_signed(request, params, components(request))


SHA_512 = "sha-512=:" + "A" * 86 + "==:"


@pytest.mark.parametrize(
    "change",
    [
        lambda digest: "",
        lambda digest: SHA_512,
        lambda digest: f"{digest}, {SHA_512}",
        lambda digest: f"{digest},{digest}",
        lambda digest: digest.replace("=:", "=;", 1),
        lambda digest: f"{digest[:-3]}{chr(ord(digest[-3]) + 1)}=:",
        lambda digest: digest.replace("=:", ":", 2).replace("sha-256:", "sha-256=:"),
        lambda digest: digest.upper(),
        lambda digest: digest + ";a=1",
        lambda digest: " " + digest,
    ],
    ids=[
        "missing",
        "sha-512",
        "two",
        "twice",
        "form",
        "not-canonical",
        "unpadded",
        "case",
        "parameter",
        "blank",
    ],
)
def test_it_refuses_other_digests(change: Callable[[str], str]) -> None:
    assert spoil_digest(str).accepted()
    assert not spoil_digest(change).accepted()


def test_it_refuses_a_mac_in_other_than_canonical_base64() -> None:
    for number in range(200):
        good = Request().signed(nonce=f"nonce-{number:04}")
        assert good.accepted()
        mac = good.headers["Signature"]
        for last in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/":
            if last != mac[-3]:
                good.headers["Signature"] = f"{mac[:-3]}{last}=:"
                assert not good.accepted()
            if last not in "AEIMQUYcgkosw048":
                with pytest.raises(SignatureInvalidError):
                    good.read()


@pytest.mark.parametrize(
    "moved",
    [
        {"path": "/internal/v1/refunds"},
        {"path": "/internal/v1/holds/hld_1/capture"},
        {"path": "//internal/v1/debits"},
        {"path": "/internal/v1//debits"},
        {"path": "/internal/v1/%64ebits"},
        {"path": "/internal/v1/./debits"},
        {"path": "/internal/v1/debits/"},
        {"path": "/internal/v1/debits?x=1"},
        {"path": "http://credits.internal/internal/v1/debits"},
        {"path": ""},
        {"query": "x=1"},
        {"method": "PUT"},
        {"method": "GET"},
        {"method": "PATCH"},
        {"method": "post"},
        {"authority": "other.internal"},
        {"authority": "credits.internal:443"},
    ],
    ids=str,
)
def test_a_signature_is_worth_nothing_elsewhere(moved: dict[str, str]) -> None:
    request = Request().signed()
    assert request.accepted()
    for name, value in moved.items():
        setattr(request, name, value)
    assert not request.accepted()


def test_a_signature_to_read_is_bound_to_its_query() -> None:
    request = Request("GET", "/internal/v1/accounts/acme/entries", "limit=5", b"").signed()
    assert request.accepted()
    for query in ("", "limit=6", "limit=5&", "limit=5&x=1", "Limit=5", "limit=%35"):
        request.query = query
        assert not request.accepted(), query


NAMES = ["@method", "@authority", "@path", "content-type", "content-digest", "idempotency-key"]


@pytest.mark.parametrize(
    "covered",
    [
        *[[name for name in NAMES if name != left_out] for left_out in NAMES],
        NAMES[::-1],
        [NAMES[1], NAMES[0], *NAMES[2:]],
        [*NAMES, "@path"],
        [*NAMES, "date"],
        [],
        ["@method", "@authority", "@path", "@query"],
    ],
    ids=lambda names: "+".join(names),
)
def test_it_refuses_any_other_list_of_components(covered: list[str]) -> None:
    request = Request().signed()
    request.headers["date"] = "Sun, 22 Nov 2026 13:52:00 GMT"
    values = {**dict(components(request)), "date": request.headers["date"], "@query": "?"}
    _, tail = request.headers["Signature-Input"].split(");", 1)
    params = "(" + " ".join(f'"{name}"' for name in covered) + ");" + tail
    signed = generously_signed(request, params, [(name, values[name]) for name in covered])
    assert not signed.accepted()


def test_a_key_that_came_but_is_not_covered_is_refused() -> None:
    request = Request().signed(idempotency_key=None)
    assert request.accepted()
    request.headers["Idempotency-Key"] = '"01J8ZQ4M-tts-7f3a"'
    assert not request.accepted()


@pytest.mark.parametrize("parameter", [";req", ";bs", ";sf", ';key="a"', ";tr"])
def test_it_refuses_parameters_on_components(parameter: str) -> None:
    request = Request().signed()
    params = request.headers["Signature-Input"].removeprefix("sig1=")
    params = params.replace('"@path"', f'"@path"{parameter}')
    named = [
        (name + parameter if name == "@path" else name, value)
        for name, value in components(request)
    ]
    assert not generously_signed(request, params, named).accepted()


@pytest.mark.parametrize(
    "change",
    [
        lambda one, mac: (f"{one}, sig2={one[5:]}", f"{mac}, sig2={mac[5:]}"),
        lambda one, mac: (f"{one},{one}", f"{mac},{mac}"),
        lambda one, mac: (one, f"{mac},{mac}"),
        lambda one, mac: (one.replace("sig1", "sig2"), mac.replace("sig1", "sig2")),
        lambda one, mac: (one.replace("sig1", "sig2"), mac),
        lambda one, mac: (one, mac + ";x=1"),
        lambda one, mac: (one, ""),
        lambda one, mac: ("", mac),
        lambda one, mac: ("", ""),
        lambda one, mac: (one + " ", mac),
        lambda one, mac: (one, mac + "\n"),
        lambda one, mac: (one, "sig1=::"),
    ],
    ids=[
        "two-labels",
        "joined-fields",
        "joined-mac",
        "other-label",
        "labels-differ",
        "parameter",
        "no-mac",
        "no-input",
        "neither",
        "blank",
        "newline",
        "empty-mac",
    ],
)
def test_it_refuses_any_other_number_or_form_of_signatures(
    change: Callable[[str, str], tuple[str, str]],
) -> None:
    request = Request().signed()
    one, mac = request.headers["Signature-Input"], request.headers["Signature"]
    request.headers["Signature-Input"], request.headers["Signature"] = change(one, mac)
    with pytest.raises(SignatureInvalidError):
        request.read()


PARAMETERS = ["created", "expires", "keyid", "alg", "nonce", "tag"]


def spoil_parameters(change: Callable[[dict[str, str]], list[str]]) -> Request:
    request = Request().signed()
    form, *rest = request.headers["Signature-Input"].removeprefix("sig1=").split(";")
    params = ";".join([form, *change({one.split("=", 1)[0]: one for one in rest})])
    return generously_signed(request, params, components(request))


@pytest.mark.parametrize("name", PARAMETERS)
def test_it_refuses_a_parameter_missing_or_twice(name: str) -> None:
    assert spoil_parameters(lambda given: list(given.values())).accepted()
    missing = spoil_parameters(lambda given: [given[one] for one in given if one != name])
    twice = spoil_parameters(lambda given: [*given.values(), given[name]])
    instead = spoil_parameters(
        lambda given: [
            given[name],
            *[given[one] for one in given if one != PARAMETERS[PARAMETERS.index(name) - 1]],
        ]
    )
    assert not missing.accepted()
    assert not twice.accepted()
    assert not instead.accepted()


def test_it_refuses_an_unknown_parameter() -> None:
    assert not spoil_parameters(lambda given: [*given.values(), "x=1"]).accepted()
    assert not spoil_parameters(
        lambda given: [given[one] for one in given if one != "tag"] + ["x=1"]
    ).accepted()


# --- when (18) -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("created", "expires", "now", "good"),
    [
        (30, 90, 0, True),
        (31, 90, 0, False),
        (30, 330, 0, True),
        (-300, 0, 30, True),
        (-300, -1, 30, False),
        (-300, -30, 0, True),
        (-300, -31, 0, False),
        (0, 300, 0, True),
        (0, 301, 0, False),
        (0, 1, 0, True),
        (0, 0, 0, False),
        (0, -1, 0, False),
    ],
)
def test_it_holds_the_times_to_the_second(created: int, expires: int, now: int, good: bool) -> None:
    request = Request().signed(created=CREATED + created, expires=CREATED + expires)
    at = (CREATED + now) * SECOND
    if good:
        request.check(now=at)
        return
    with pytest.raises(SignatureExpiredError) as refused:
        request.check(now=at)
    assert refused.value.server_time == at


def test_it_holds_the_times_to_the_microsecond() -> None:
    request = Request().signed()
    first, last = (CREATED - 30) * SECOND, (CREATED + 90) * SECOND
    assert request.accepted(now=first)
    assert not request.accepted(now=first - 1)
    assert request.accepted(now=last)
    assert not request.accepted(now=last + 1)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "-1",
        "0",
        "1795355520.0",
        "1.8e9",
        "01795355520",
        "+1795355520",
        "9223372036854775808",
        '"1795355520"',
        "?1",
        "\uff11795355520",
        "1795355520 ",
        "@1795355520",
    ],
)
@pytest.mark.parametrize("name", ["created", "expires"])
def test_it_refuses_times_that_are_not_plain_seconds(name: str, value: str) -> None:
    spoiled = spoil_parameters(lambda given: list({**given, name: f"{name}={value}"}.values()))
    with pytest.raises(SignatureInvalidError):
        spoiled.read()


def test_the_server_time_is_told_only_to_a_caller_with_the_right_mac() -> None:
    late = (CREATED + 3600) * SECOND
    request = Request().signed()
    with pytest.raises(SignatureExpiredError):
        request.check(now=late)
    for key in (None, KEY._replace(secret=b"guessed"), KEY._replace(revoked_at=1)):
        with pytest.raises(SignatureInvalidError):
            request.check(key, now=late)


# --- what else may come (19) ---------------------------------------------------------------------

ODD = ["\x00", "\t", "\n", "\r\n ", "é", "\ud800", "漢", "\u202e", "x" * 8192, " ", "\x7f", '"']


@pytest.mark.parametrize("odd", ODD, ids=[f"{ascii(odd)[:12]}" for odd in ODD])
def test_odd_characters_anywhere_are_refused_and_raise_nothing_else(odd: str) -> None:
    good = Request().signed()
    for name, text in good.headers.items():
        for at in (0, len(text) // 2, len(text)):
            spoiled = good.copy()
            spoiled.headers[name] = text[:at] + odd + text[at:]
            assert not spoiled.accepted(), (name, at)
    for name in ("path", "query", "method"):
        spoiled = Request("GET", "/internal/v1/accounts/acme", "limit=1", b"").signed()
        setattr(spoiled, name, getattr(spoiled, name) + odd)
        assert not spoiled.accepted(), name


# --- the judge (20) ------------------------------------------------------------------------------


class OneKey(oracle.HTTPSignatureKeyResolver):
    def resolve_public_key(self, key_id: str) -> bytes | None:
        return SECRET.encode() if key_id == KID else None

    def resolve_private_key(self, key_id: str) -> bytes:
        return SECRET.encode()


@pytest.fixture
def stopped_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    class Stopped(datetime.datetime):
        @classmethod
        def now(cls, tz: datetime.tzinfo | None = None) -> "Stopped":
            return cls.fromtimestamp(CREATED, tz)

    clock = types.SimpleNamespace(
        datetime=Stopped, timedelta=datetime.timedelta, timezone=datetime.timezone
    )
    monkeypatch.setattr(oracle_clock, "datetime", clock)


def judged_good(request: Request) -> bool:
    verifier = oracle.HTTPMessageVerifier(
        signature_algorithm=oracle.algorithms.HMAC_SHA256, key_resolver=OneKey()
    )
    verifier.max_clock_skew = datetime.timedelta(seconds=30)
    try:
        verifier.verify(
            request,
            expect_tag="credits-v1",
            body=request.body,
            require_components=("@method", "@authority", "@path"),
        )
    except oracle.HTTPMessageSignaturesException:
        return False
    return True


def mutated(draw: random.Random, text: str) -> str:
    """One small edit somewhere in the text, from an alphabet of what may matter here."""
    at = draw.randrange(len(text) + 1)
    piece = draw.choice(
        [
            *'":;,=()?/ \t\\aZ09+-_~\x7f\x00é',
            "sig1",
            ";req",
            '"@path"',
            "%2f",
            "created=1795355520",
            'tag="credits-v1"',
            'nonce="n"',
            "sha-256=:",
            "=:",
        ]
    )
    match draw.randrange(5):
        case 0:
            return text[:at] + piece + text[at:]
        case 1:
            return text[:at] + text[at + 1 :]
        case 2:
            return text[:at] + piece + text[at + 1 :]
        case 3:
            return text[:at] + text[at : at + 9] * 2 + text[at + 9 :]
        case _:
            parts = text.split(";")
            draw.shuffle(parts)
            return ";".join(parts)


def some_request(draw: random.Random) -> Request:
    return draw.choice(
        [
            Request(),
            Request("PUT", "/internal/v1/accounts/acme"),
            Request("GET", "/internal/v1/accounts/acme/entries", "limit=5&before=17", b""),
        ]
    )


@pytest.mark.usefixtures("stopped_clock")
def test_nothing_changed_after_signing_is_accepted() -> None:
    draw = random.Random(1)
    for number in range(20_000):
        good = some_request(draw).signed()
        assert good.accepted()
        spoiled = good.copy()
        what = draw.choice([*good.headers, "path", "query", "method", "body"])
        if what in good.headers:
            spoiled.headers[what] = mutated(draw, good.headers[what])
        elif what == "body":
            spoiled.body = mutated(draw, good.body.decode()).encode()
        else:
            setattr(spoiled, what, mutated(draw, getattr(good, what)))
        if spoiled.accepted():
            assert vars(spoiled) == vars(good), number


@pytest.mark.usefixtures("stopped_clock")
def test_whatever_we_accept_the_general_library_accepts() -> None:
    """Each mutant is signed after the change, so that its MAC is right and only its form is odd."""
    draw = random.Random(2)
    accepted = 0
    for number in range(6_000):
        request = some_request(draw).signed()
        for _ in range(draw.choice([0, 1, 1, 2])):
            what = draw.choice([*SIGNED_HEADERS, "path", "query", "body", "Signature-Input"])
            if what in request.headers:
                request.headers[what] = mutated(draw, request.headers[what])
            elif what == "body" and request.method != "GET":
                request.body = mutated(draw, request.body.decode()).encode()
                request.headers["Content-Digest"] = (
                    Request(body=request.body).signed().headers["Content-Digest"]
                )
            elif what in ("path", "query"):
                setattr(request, what, mutated(draw, getattr(request, what)))
        params = request.headers["Signature-Input"].removeprefix("sig1=")
        generously_signed(request, params, components(request))
        if request.accepted():
            accepted += 1
            assert judged_good(request), (number, request.headers, request.url)
    assert accepted > 1_500


@pytest.mark.usefixtures("stopped_clock")
def test_whatever_the_general_library_signs_in_our_profile_we_accept() -> None:
    draw = random.Random(3)
    signer = oracle.HTTPMessageSigner(
        signature_algorithm=oracle.algorithms.HMAC_SHA256, key_resolver=OneKey()
    )
    for _ in range(1_000):
        request = some_request(draw)
        request.headers = {}
        names: tuple[str, ...] = ("@method", "@authority", "@path", "@query")
        if request.method != "GET":
            request.body = draw.randbytes(draw.randrange(200))
            request.headers = {
                "Content-Type": "application/json; charset=utf-8",
                "Content-Digest": str(oracle.ContentDigest.create(request.body)),
            }
            names = ("@method", "@authority", "@path", "content-type", "content-digest")
        if request.method == "POST":
            request.headers["Idempotency-Key"] = f'"{draw.randbytes(12).hex()}"'
            names = (*names, "idempotency-key")
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

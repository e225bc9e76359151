"""The signature profile: what it accepts, and every rejection, each with its control.

The vector of the RFC and a general library as judge: tests/gate/test_signatures.py.
"""

import hmac
import random
from collections.abc import Callable
from hashlib import sha256

import pytest

from portal.signing import Key, SignatureExpiredError, SignatureInvalidError, profile
from tests.signed import (
    BODY,
    CREATED,
    KEY,
    KID,
    NOW,
    SECOND,
    Request,
    components,
    generously_signed,
)

pytestmark = pytest.mark.gate

# --- what is right is accepted -------------------------------------------------------------------


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


# --- who signed (12, 17) -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "key",
    [
        None,
        KEY._replace(material=b"another secret"),
        KEY._replace(material=b""),
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
    real = profile._mac

    def counted(secret: bytes, base: bytes) -> str:
        spent.append(secret)
        return real(secret, base)

    monkeypatch.setattr(profile, "_mac", counted)
    parsed = Request().signed().read()
    spent.clear()
    for key in (None, KEY):
        try:
            profile.check(parsed, key, NOW, BODY)
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
    real = profile._base64
    monkeypatch.setattr(
        profile,
        "_base64",
        lambda data: digest if data == sha256(swapped.body).digest() else real(data),
    )
    assert swapped.accepted()


def test_control_a_path_that_is_not_signed_can_be_moved(monkeypatch: pytest.MonkeyPatch) -> None:
    loose = {
        size: form._replace(base=form.base.replace('"@path": %s', '"@path": %.0s'))
        for size, form in profile._FORM.items()
    }
    monkeypatch.setattr(profile, "_FORM", loose)
    moved = Request().signed()
    moved.path = "/internal/v1/refunds"
    assert moved.accepted()


def test_control_without_the_clock_a_copy_passes_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    late = (CREATED + 86_400) * SECOND
    assert not Request().signed().accepted(now=late)
    monkeypatch.setattr(profile, "SKEW", 100_000 * SECOND)
    assert Request().signed().accepted(now=late)


# --- what was signed (13-16) ---------------------------------------------------------------------


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
    for key in (None, KEY._replace(material=b"guessed"), KEY._replace(revoked_at=1)):
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

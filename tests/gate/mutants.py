"""Mutants of signed requests: touched after signing, touched before it, or of another form.

The first kind is what anybody on the way can send. The other two have a MAC that is right, so that
only their form is odd: what a careless signer, or one with a bad key, can send.
"""

from __future__ import annotations

import random
import re

from portal.signing import PrivateKey
from tests.signed import (
    AUTHORITY,
    BODY,
    CREATED,
    SECRET,
    SIGNED_HEADERS,
    Request,
    components,
    generously_signed,
)

PIECES = (
    *'":;,=()?/ \t\\aZ09+-_~\x7f\x00é',
    "sig1",
    ";req",
    '"@path"',
    "%2f",
    "\n",
    "\r\n ",
    "created=1795355520",
    f"created={CREATED - 400}",
    f"expires={CREATED - 31}",
    f"expires={CREATED + 300}",
    f"created={CREATED + 31}",
    'alg="ed25519"',
    'alg="hmac-sha512"',
    'tag="credits-v1"',
    'nonce="n"',
    "sha-256=:",
    "=:",
)
AGES = (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 30, 31, -89, -91, -200)
HOSTS = (AUTHORITY, f"{AUTHORITY}:443", AUTHORITY.upper(), "credits.example", "a", "[::1]:8000")
NAMES = ("@method", "@authority", "@path", "content-type", "content-digest", "idempotency-key")
OTHERS = ("@query", "@target-uri", "@scheme", "@request-target", "date", "host", "@status", "")
TAILS = ("", "", "", ";req", ";bs", ";sf", ";tr", ';key="a"')
PARAMETERS = (
    f"created={CREATED}",
    f"expires={CREATED + 60}",
    'keyid="tts-prod-202611a"',
    'alg="hmac-sha256"',
    'nonce="n-0123456789abcdef"',
    'tag="credits-v1"',
)
ODD_PARAMETERS = (
    "x=1",
    'alg="ed25519"',
    'alg="rsa-v1_5-sha256"',
    'keyid="tts"',
    "created",
    "created=1795355520.0",
    f"created={CREATED + 31}",
    f"created={CREATED - 400}",
    f"expires={CREATED - 31}",
    f"expires={CREATED + 301}",
    "expires=9223372036854775808",
    'tag="credits-v2"',
    "nonce=:AAAA:",
    *PARAMETERS,
)


def mutant(draw: random.Random, secret: str | PrivateKey = SECRET) -> tuple[str, Request, Request]:
    """A kind, the signed request as it was, and what was made of it (which may be the same)."""
    good = sample(draw, secret)
    kind = draw.choice(("after", "after", "after", "before", "before", "form"))
    spoiled = good.copy()
    if kind == "after":
        for _ in range(draw.choice((1, 1, 1, 2, 3))):
            touch(draw, spoiled, (*good.headers, "path", "query", "method", "body", "authority"))
    elif kind == "before":
        for _ in range(draw.choice((0, 1, 1, 2))):
            touch(draw, spoiled, (*SIGNED_HEADERS, "path", "query", "content", "Signature-Input"))
        params = spoiled.headers["Signature-Input"].removeprefix("sig1=")
        generously_signed(spoiled, params, components(spoiled), secret)
    else:
        reform(draw, spoiled, secret)
    return kind, good, spoiled


def sample(draw: random.Random, secret: str | PrivateKey = SECRET) -> Request:
    """A request as the profile signs it, of each form; some are early or late."""
    created = CREATED + draw.choice(AGES)
    return draw.choice(
        (
            Request(),
            Request("POST", "/internal/v1/holds/hld_1/capture", body=b""),
            Request("PUT", "/internal/v1/accounts/acme"),
            Request("GET", "/internal/v1/accounts/acme/entries", "limit=5&before=17", b""),
        )
    ).signed(created=created, expires=created + 60, secret=secret)


def touch(draw: random.Random, request: Request, places: tuple[str, ...]) -> None:
    """One small edit in one of the places; `content` is a body whose digest follows it."""
    place = draw.choice(places)
    if place in request.headers:
        request.headers[place] = edited(draw, request.headers[place])
    elif place == "body":
        request.body = edited(draw, (request.body or BODY).decode()).encode()
    elif place == "content" and request.method != "GET":
        request.body = edited(draw, BODY.decode()).encode()
        fresh = Request(body=request.body).signed()
        request.headers["Content-Digest"] = fresh.headers["Content-Digest"]
    elif place == "authority":  # the configured one of another portal: always a plain host
        request.authority = draw.choice(HOSTS)
    elif place in ("path", "query", "method"):
        setattr(request, place, edited(draw, getattr(request, place)))


def edited(draw: random.Random, text: str) -> str:
    """One small edit somewhere in the text, from an alphabet of what may matter here."""
    at = draw.randrange(len(text) + 1)
    piece = draw.choice(PIECES)
    match draw.randrange(6):
        case 0:
            return text[:at] + piece + text[at:]
        case 1:
            return text[:at] + text[at + 1 :]
        case 2:
            return text[:at] + piece + text[at + 1 :]
        case 3:
            return text[:at] + text[at : at + 9] * 2 + text[at + 9 :]
        case 4 if "=" in piece and piece.split("=")[0] in text:  # another value of a parameter
            return re.sub(f"{piece.split('=')[0]}=[^;]*", lambda _: piece, text)
        case _:
            parts = text.split(";")
            draw.shuffle(parts)
            return ";".join(parts)


def reform(draw: random.Random, request: Request, secret: str | PrivateKey) -> None:
    """Sign over another list of components or parameters, with the base that this list asks for."""
    names = [name for name, _ in components(request)]
    parameters = [text for text in PARAMETERS if not text.startswith("alg=")]
    parameters.append('alg="hmac-sha256"' if isinstance(secret, str) else 'alg="ed25519"')
    for _ in range(draw.choice((0, 1, 1, 2))):
        disturb(draw, names, [*NAMES, *OTHERS])
    for _ in range(draw.choice((0, 1, 1, 2))):
        disturb(draw, parameters, list(ODD_PARAMETERS))
    request.headers["date"] = "Sun, 22 Nov 2026 13:52:00 GMT"
    tails = [draw.choice(TAILS) if draw.random() < 0.05 else "" for _ in names]
    params = "(" + " ".join(f'"{n}"{t}' for n, t in zip(names, tails, strict=True)) + ")"
    covered = [(n + t, value_of(request, n)) for n, t in zip(names, tails, strict=True)]
    generously_signed(request, ";".join([params, *parameters]), covered, secret)
    if draw.random() < 0.1:
        relabel(draw, request)


def disturb(draw: random.Random, words: list[str], more: list[str]) -> None:
    """Take one away, put one in, double one, exchange one, or mix them all."""
    match draw.randrange(5):
        case 0 if words:
            words.remove(draw.choice(words))
        case 1:
            words.insert(draw.randrange(len(words) + 1), draw.choice(more))
        case 2 if words:
            words.append(draw.choice(words))
        case 3 if words:
            words[draw.randrange(len(words))] = draw.choice(more)
        case _:
            draw.shuffle(words)


def relabel(draw: random.Random, request: Request) -> None:
    """Other labels, or several signatures, as they come joined by a comma."""
    one, mac = request.headers["Signature-Input"], request.headers["Signature"]
    pairs = (
        (one.replace("sig1", "sig2"), mac.replace("sig1", "sig2")),
        (f"{one}, sig2={one[5:]}", f"{mac}, sig2={mac[5:]}"),
        (f"sig0={one[5:]},{one}", f"sig0={mac[5:]},{mac}"),
        (f"{one},{one}", f"{mac},{mac}"),
        (f" {one}", mac),
        (one, f"{mac};a"),
    )
    request.headers["Signature-Input"], request.headers["Signature"] = draw.choice(pairs)


def value_of(request: Request, name: str) -> str:
    """What a component says of a request."""
    found = {
        "@method": request.method,
        "@authority": AUTHORITY,
        "@path": request.path,
        "@query": f"?{request.query}",
        "@target-uri": request.url,
        "@scheme": "https",
        "@request-target": request.path,
        "host": AUTHORITY,
    }
    headers = {key.lower(): value for key, value in request.headers.items()}
    return found.get(name, headers.get(name, ""))

"""A signed request in parts that a test may spoil, and verifiers that lack one of their checks."""

from __future__ import annotations

import inspect
import types
from typing import Any

from portal.signing import Key, Parsed, PrivateKey, profile

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

    def signed(self, signer: Any = profile, **changed: Any) -> Request:
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
        self.headers = signer.sign(**{**values, **changed})
        return self

    def copy(self) -> Request:
        made = Request(self.method, self.path, self.query, self.body, self.headers)
        made.authority = self.authority
        return made

    def read(self, verifier: Any = profile) -> Parsed:
        value = self.headers.get
        return verifier.read_signature(
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

    def check(self, key: Key | None = KEY, now: int = NOW, verifier: Any = profile) -> Parsed:
        parsed = self.read(verifier)
        verifier.check(parsed, key if parsed.kid == KID else None, now, self.body)
        return parsed

    def accepted(self, key: Key | None = KEY, now: int = NOW, verifier: Any = profile) -> bool:
        try:
            self.check(key, now, verifier)
        except (verifier.SignatureInvalidError, verifier.SignatureExpiredError):
            return False
        return True


def generously_signed(
    request: Request,
    params: str,
    components: list[tuple[str, str]],
    secret: str | bytes | PrivateKey = SECRET,
) -> Request:
    """Sign whatever is asked for, as a careless signer would, with a MAC that is right for it."""
    parted = [(*name.partition(";"), value) for name, value in components]
    lines = [f'"{name}"{mark}{rest}: {value}' for name, mark, rest, value in parted]
    base = "\n".join([*lines, f'"@signature-params": {params}'])
    request.headers["Signature-Input"] = "sig1=" + params
    request.headers["Signature"] = f"sig1=:{made_with(secret, base.encode())}:"
    return request


def made_with(secret: str | bytes | PrivateKey, base: bytes) -> str:
    """The signature of some bytes, of either algorithm."""
    if isinstance(secret, PrivateKey):
        return secret.sign(base)
    return profile._mac(secret.encode() if isinstance(secret, str) else secret, base)


def components(request: Request) -> list[tuple[str, str]]:
    """What the profile covers of a request, in its order."""
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


def weakened(edits: dict[str, str]) -> types.ModuleType:
    """The profile with edits to its source: each text, there exactly once, and its successor."""
    source = inspect.getsource(profile)
    for text, instead in edits.items():
        assert source.count(text) == 1, f"{text!r} is there {source.count(text)} times"
        source = source.replace(text, instead)
    module = types.ModuleType("weakened_profile")
    exec(compile(source, "weakened_profile", "exec"), vars(module))  # noqa: S102 - our own source
    return module


def uncovered(name: str) -> types.ModuleType:
    """The profile where one component is named as covered, but its value is not in the base."""
    made = weakened({})
    whole = f'"{name}": ?%s' if name == "@query" else f'"{name}": %s'
    for size, form in made._FORM.items():
        made._FORM[size] = form._replace(base=form.base.replace(whole, f'"{name}": %.0s'))
    return made

"""The signature on a request of the service door: one fixed profile of RFC 9421 and RFC 9530.

A request is signed over its method, authority, path and query or content, so that what was signed
for one place is worth nothing at another. Only the form written down here is read; everything else
that a general library would understand is refused. Time, randomness and keys come from the caller.
"""

import hmac
import re
from binascii import b2a_base64
from hashlib import sha256
from typing import Final, NamedTuple, Protocol

from portal.signing import ed25519
from portal.signing.ed25519 import PrivateKey
from portal.signing.keys import ED25519, HMAC, Key

TAG: Final = "credits-v1"
SKEW: Final = 30_000_000  # µs that two clocks may differ
WINDOW: Final = 60  # seconds from created to expires, unless the signer has a reason
WINDOW_MAX: Final = 300


class SignatureInvalidError(Exception):
    """The signature is missing or not valid."""

    def __init__(self) -> None:
        super().__init__("The signature is missing or not valid.")


class SignatureExpiredError(Exception):
    """The signature is not valid at this time.

    server_time: UTC µs. Told only to a caller whose MAC was right, so that it can set its clock.
    """

    def __init__(self, server_time: int) -> None:
        super().__init__("The signature is not valid at this time.")
        self.server_time = server_time


class Parsed(NamedTuple):
    """A signature of the right shape. Nothing in it is to be believed before `check`."""

    kid: str
    algorithm: str
    created: int  # Unix seconds, as in the header
    expires: int
    nonce: str
    mac: str
    digest: str | None  # None where the form covers no content
    base: bytes


def sign(
    *,
    method: str,
    authority: str,
    path: str,
    kid: str,
    secret: str | PrivateKey,
    created: int,
    expires: int,
    nonce: str,
    query: str = "",
    body: bytes = b"",
    content_type: str = "application/json",
    idempotency_key: str | None = None,
) -> dict[str, str]:
    """The headers that sign one request, those of its content included.

    secret: the text that was shown, or the private key where a public one was handed in. created,
    expires: Unix seconds, at most WINDOW_MAX apart. path and query as they go over the wire, the
    query without its "?". idempotency_key: the bare key, for a POST. GET and HEAD sign the query
    and no content, every other method the content and no query.
    """
    headers = {}
    values: tuple[str, ...] = (path, query)
    if method not in _READING:
        headers["Content-Type"] = content_type
        headers["Content-Digest"] = f"sha-256=:{_base64(sha256(body).digest())}:"
        if idempotency_key is not None:
            headers["Idempotency-Key"] = f'"{idempotency_key}"'
        values = (path, *headers.values())
    form = _FORM[method in _READING, len(values)]
    algorithm = HMAC if isinstance(secret, str) else ED25519
    params = (
        f'({form.names});created={created};expires={expires};keyid="{kid}"'
        f';alg="{algorithm}";nonce="{nonce}";tag="{TAG}"'
    )
    base = form.base % (method, authority, *values, params)
    signed = base.encode("ascii")
    made = _mac(secret.encode(), signed) if isinstance(secret, str) else secret.sign(signed)
    headers["Signature-Input"] = "sig1=" + params
    headers["Signature"] = f"sig1=:{made}:"
    return headers


def read_signature(
    *,
    method: str,
    authority: str,
    path: str,
    query: str,
    content_type: str,
    content_digest: str,
    idempotency_key: str,
    signature_input: str,
    signature: str,
) -> Parsed:
    """The signature that came with a request, if its shape and sizes are those of the profile.

    authority: the canonical host of the configuration, not the Host header. path, query: the raw
    ones. A header that did not come is "". Raises SignatureInvalidError, also for a query that
    the form does not cover.
    """
    values: tuple[str, ...]
    if method in _READING:
        values = (path, query)
    elif idempotency_key:
        values = (path, content_type, content_digest, idempotency_key)
    else:
        values = (path, content_type, content_digest)
    form = _FORM[method in _READING, len(values)]
    parsed = _parse(form, method, authority, signature_input, signature, values)
    if parsed is None or (query and method not in _READING):
        parsed = _parse(*_SAMPLE)  # refusing a form takes as long as refusing a MAC
        assert parsed is not None
        check(parsed, None, 0, b"")  # raises: nobody has its key
    return parsed


def check(parsed: Parsed, key: Key | None, now: int, body: bytes) -> None:
    """Let the request through, or raise SignatureInvalidError or SignatureExpiredError.

    key: what the key id names, None where it names nothing: that costs the same time. now: UTC µs.
    body: the raw bytes as they came. The key decides the algorithm, never the request: what that
    claims decides what refusing it costs, so that it costs the same whether there is such a key.
    """
    if key is not None and key.algorithm != parsed.algorithm:
        key = None
    if parsed.algorithm == ED25519:
        good = ed25519.is_signed(None if key is None else key.material, parsed.mac, parsed.base)
    else:
        mac = _mac((key or _NOBODY).material, parsed.base)
        good = hmac.compare_digest(mac, parsed.mac)
    if not good or key is None or not key.good_at(now):
        raise SignatureInvalidError
    if not 0 < parsed.expires - parsed.created <= WINDOW_MAX:
        raise SignatureExpiredError(now)
    if not parsed.created * 1_000_000 - SKEW <= now <= parsed.expires * 1_000_000 + SKEW:
        raise SignatureExpiredError(now)
    if parsed.digest is not None and not hmac.compare_digest(
        parsed.digest, _base64(sha256(body).digest())
    ):
        raise SignatureInvalidError
    if parsed.digest is None and body:
        raise SignatureInvalidError


def _parse(
    form: "_Form",
    method: str,
    authority: str,
    signature_input: str,
    signature: str,
    values: tuple[str, ...],
) -> Parsed | None:
    found = form.fullmatch("\n".join((method, signature_input, signature, *values)))
    if found is None:
        return None
    params, created, expires, kid, algorithm, nonce, tag, mac, digest = found.groups()
    if None in (created, expires, kid, algorithm, nonce, tag):  # six places: one came twice
        return None
    base = (form.base % (method, authority, *values, params)).encode("ascii")
    return Parsed(kid, algorithm, int(created), int(expires), nonce, mac, digest, base)


def _mac(secret: bytes, base: bytes) -> str:
    return _base64(hmac.digest(secret, base, "sha256"))


def _base64(data: bytes) -> str:
    return b2a_base64(data, newline=False).decode("ascii")


class _Fullmatch(Protocol):
    def __call__(self, text: str, /) -> re.Match[str] | None: ...


class _Form(NamedTuple):
    """One list of covered components: as named, as laid out for the MAC, as one pattern."""

    names: str
    base: str
    fullmatch: _Fullmatch


def _form(shapes: dict[str, str]) -> _Form:
    names = " ".join(f'"{name}"' for name in ("@method", "@authority", *shapes))
    lines = [f'"{name}": %s' for name in ("@method", "@authority", *shapes)]
    base = "\n".join([*lines, '"@signature-params": %s']).replace('"@query": ', '"@query": ?')
    digest = "" if "content-digest" in shapes else "((?!))?"  # never there: the groups stay nine
    pattern = "\n".join(
        [
            r"[A-Z]{3,7}",
            rf"sig1=(\({re.escape(names)}\)(?:;(?:{_PARAMETERS})){{6}})",
            rf"sig1=:({_SHA256}|{_SIGNATURE}):{digest}",
            *shapes.values(),
        ]
    )
    return _Form(names, base, re.compile(pattern).fullmatch)


# 32 bytes in base64. The last character before "=" carries four bits, so that only these are
# canonical: a lenient decoder would read the other 48 as the same bytes.
_SHA256: Final = r"[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]="
_SIGNATURE: Final = r"[A-Za-z0-9+/]{85}[AQgw]=="  # 64 bytes; here the last character carries two
# Six parameters in six places, in any order, as libraries differ in it: none missing, none twice.
_PARAMETERS: Final = "|".join(
    (
        r"created=([1-9][0-9]{8,10})",
        r"expires=([1-9][0-9]{8,10})",
        r'keyid="([A-Za-z0-9._-]{1,64})"',
        rf'alg="({HMAC}|{ED25519})"',
        r'nonce="([A-Za-z0-9._:~+/=-]{8,128})"',
        f'tag="({TAG})"',
    )
)
_PATH: Final = r"/[A-Za-z0-9._:~/-]{0,255}"
_QUERY: Final = r"(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2}){0,2048}"
_VALUE: Final = r"[!-~][ -~]{0,254}[!-~]"  # a header's value; what it may say is judged later
_READING: Final = ("GET", "HEAD")
_WRITTEN: Final = {
    "@path": _PATH,
    "content-type": _VALUE,
    "content-digest": f"sha-256=:({_SHA256}):",
}
_FORM: Final = {
    (True, 2): _form({"@path": _PATH, "@query": _QUERY}),
    (False, 3): _form(_WRITTEN),
    (False, 4): _form({**_WRITTEN, "idempotency-key": _VALUE}),
}
_NOBODY: Final = Key(HMAC, b"the key of a key id that nobody has", 0)
_SIGNED: Final = sign(
    method="POST",
    authority="nowhere.invalid",
    path="/nothing",
    kid="nobody-197001a",
    secret="",
    created=1_000_000_000,
    expires=1_000_000_060,
    nonce="0123456789abcdef",
    idempotency_key="0123456789abcdef",
)
_SAMPLE: Final = (
    _FORM[False, 4],
    "POST",
    "nowhere.invalid",
    _SIGNED["Signature-Input"],
    _SIGNED["Signature"],
    ("/nothing", *tuple(_SIGNED.values())[:3]),
)

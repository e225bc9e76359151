"""The door itself: what every request passes before a resource sees it, in one place and order.

Size, shape, key, MAC, time, digest, scope, and only then the content. Nothing here looks at a
cookie: a browser's session means nothing at this door.
"""

import re
from contextlib import suppress
from typing import IO, Any, Final, NamedTuple

from flask import current_app, g, request

from portal import current, ledger, signing
from portal.internal.errors import (
    BodyTimeoutError,
    IdempotencyKeyMissingError,
    MalformedRequestError,
    PayloadTooLargeError,
    ScopeDeniedError,
    UnsupportedMediaTypeError,
)
from portal.internal.keys import KeyRing, ServiceKey, list_keys
from portal.internal.named import Named
from portal.internal.rules import IDEMPOTENCY_KEY
from portal.internal.strict_json import canonical, read_object
from portal.internal.uses import Uses
from portal.signing import SignatureInvalidError

CONTENT_MAX: Final = 16 * 1024
BATCH_MAX: Final = 1024 * 1024
DISCARDED_MAX: Final = 16 * 1024 * 1024
_CONTENT_TYPE: Final = re.compile(r"application/json(?: ?; ?charset=(?:utf-8|\"utf-8\"))?", re.I)
_LENGTH: Final = re.compile(r"[0-9]{1,9}")
_KEY: Final = re.compile(f'"({IDEMPOTENCY_KEY})"')
# Which scopes open an endpoint: any one of them does, none at all means any good key does.
SCOPES: Final[dict[str, tuple[str, ...]]] = {
    "internal.post_debit": ("debit",),
    "internal.place_hold": ("hold",),
    "internal.get_hold": ("hold", "read"),
    "internal.capture_hold": ("hold",),
    "internal.release_hold": ("hold",),
    "internal.extend_hold": ("hold",),
    "internal.post_refund": ("refund",),
    "internal.post_batch": ("debit", "hold", "refund"),
    "internal.post_grant": ("grant",),
    "internal.post_quote": ("quote",),
    "internal.put_account": ("account",),
    "internal.get_account": ("account", "read"),
    "internal.get_balance": ("account", "read"),
    "internal.get_entries": ("read",),
    "internal.get_request": (),
    "internal.get_openapi": (),
}


class Caller(NamedTuple):
    """Whose request this is, what it carries and names. idempotency_key: None on mere reads.

    actor: the caller as entries name it.
    """

    key: ServiceKey
    nonce: str
    expires: int
    idempotency_key: str | None
    content: bytes
    named: Named
    actor: ledger.Actor

    def within(self, named: Named) -> "Caller":
        """The same of what many commands name together."""
        return Caller(*self[:5], named, self.actor)

    def under(self, idempotency_key: str) -> "Caller":
        """The same of one command that has a key of its own."""
        return Caller(*self[:3], idempotency_key, *self[4:])

    def members(self) -> dict[str, Any]:
        """The content as JSON. Raises MalformedRequestError."""
        return read_object(self.content)

    def is_known(self) -> bool:
        """Whether the idempotency key has had its outcome."""
        return self.idempotency_key is not None and self.named.knows(self.idempotency_key)

    def request(self, command: str, members: dict[str, Any]) -> ledger.Request:
        """The intention that the idempotency key stands for: command and members as given."""
        return self.bound(canonical({"command": command, **members}))

    def bound(self, body: str) -> ledger.Request:
        """The intention that a canonical body is."""
        if self.idempotency_key is None:
            raise IdempotencyKeyMissingError
        return ledger.Request(self.key.service, self.idempotency_key, body)


def admit() -> None:
    """Let a signed request in, and remember its caller; runs before every view of the door."""
    environ = request.environ
    method = environ["REQUEST_METHOD"]  # as it came: the framework reads "pOST" as POST
    state = current.application()
    content = _content(environ)
    path, query = _target(environ)
    written = method not in ("GET", "HEAD")
    if written and query:
        raise MalformedRequestError("This request takes no query.")
    content_type = environ.get("CONTENT_TYPE", "")
    parsed = signing.read_signature(
        method=method,
        authority=state.config.authority,
        path=path,
        query=query,
        content_type=content_type,
        content_digest=environ.get("HTTP_CONTENT_DIGEST", ""),
        idempotency_key=environ.get("HTTP_IDEMPOTENCY_KEY", ""),
        signature_input=environ.get("HTTP_SIGNATURE_INPUT", ""),
        signature=environ.get("HTTP_SIGNATURE", ""),
    )
    known = key_ring().find(parsed.kid)
    signing.check(parsed, None if known is None else known[1], state.clock(), content)
    if known is None:  # the check has refused it already
        raise SignatureInvalidError
    key = known[0]
    _uses().note(key.kid, state.clock())
    if state.limits is not None:
        state.limits.count("key", key.kid, state.clock())
    refuse_scope(key, request.endpoint or "")
    idempotency_key = None
    if written:
        if not _CONTENT_TYPE.fullmatch(content_type):
            raise UnsupportedMediaTypeError
        if method == "POST":
            idempotency_key = _idempotency_key(environ.get("HTTP_IDEMPOTENCY_KEY"))
    carried = (parsed.nonce, parsed.expires, idempotency_key, content)
    g.caller = Caller(key, *carried, Named(key.service), key.actor)


def caller() -> Caller:
    """Whose request is being answered."""
    admitted: Caller = g.caller
    return admitted


def key_ring() -> KeyRing:
    """The service keys of this application."""
    rings = current_app.extensions
    ring: KeyRing | None = rings.get("service_keys")
    if ring is None:
        ring = rings.setdefault("service_keys", KeyRing(_load_keys, current.config.secret_key))
    return ring


def _uses() -> Uses:
    """The last uses of this application's keys."""
    uses: Uses | None = current_app.extensions.get("service_key_uses")
    if uses is None:
        made = Uses(current.database.run)
        uses = current_app.extensions.setdefault("service_key_uses", made)
    return uses


def _load_keys() -> tuple[ServiceKey, ...]:
    with current.database.reading() as connection:
        return list_keys(connection)


def _content(environ: dict[str, Any]) -> bytes:
    """The raw content, never more than its maximum: what is too large is never held."""
    if "HTTP_TRANSFER_ENCODING" in environ:
        raise MalformedRequestError("The content must come with its length, not in chunks.")
    length = environ.get("CONTENT_LENGTH") or "0"
    if not _LENGTH.fullmatch(length):
        raise MalformedRequestError("The content's length is not a number.")
    maximum = BATCH_MAX if request.endpoint == "internal.post_batch" else CONTENT_MAX
    if int(length) > maximum:
        _discard(environ["wsgi.input"], int(length))
        told = f"The content has {int(length)} bytes; at most {maximum} are taken."
        raise PayloadTooLargeError(told, maximum=maximum, got=int(length))
    return _whole(environ["wsgi.input"], int(length))


def _whole(stream: Any, length: int) -> bytes:
    """All of the content. Where a server gave up on a slow sender, `late` is after how long."""
    try:
        content: bytes = stream.read(length) if length else b""
    except OSError:  # whoever sent it has gone
        content = b""
    if len(content) == length:
        return content
    late = getattr(stream, "late", None)
    if late is None:
        raise MalformedRequestError("The content ended before its length.")
    numbers = {"got": len(content), "length": length, "seconds": round(late)}
    told = "Of {length} bytes {got} came in {seconds} seconds.".format(**numbers)
    raise BodyTimeoutError(told, **numbers)


def _discard(stream: IO[bytes], length: int) -> None:
    """Read past what is too large: a client that is still sending does not see its answer."""
    left = min(length, DISCARDED_MAX)
    with suppress(OSError):  # whoever sent it has gone
        while left > 0 and (chunk := stream.read(min(left, 65_536))):
            left -= len(chunk)


def _target(environ: dict[str, Any]) -> tuple[str, str]:
    """Path and query as they came over the wire; any spelling but the plain one is refused.

    A server decodes escapes and accepts absolute URIs, so that many spellings reach one route:
    the signature is over one of them.
    """
    path = environ.get("SCRIPT_NAME", "") + environ["PATH_INFO"]
    query = environ.get("QUERY_STRING", "")
    plain = f"{path}?{query}" if query else path
    if environ.get("RAW_URI", environ.get("REQUEST_URI", plain)) != plain:
        raise SignatureInvalidError
    return path, query


def refuse_scope(key: ServiceKey, endpoint: str) -> None:
    """Refuse what a key was not issued for; raises ScopeDeniedError."""
    denied = find_denied(key, endpoint)
    if denied is not None:
        raise denied


def find_denied(key: ServiceKey, endpoint: str) -> ScopeDeniedError | None:
    """Why a key may not ask for an endpoint, or None."""
    scopes, has = SCOPES[endpoint], key.scopes.split()
    if not scopes or any(scope in has for scope in scopes):
        return None
    needed = f"This needs a key with the scope {' or '.join(scopes)}"
    owned = f"this one has {', '.join(has)}"
    return ScopeDeniedError(f"{needed}, and {owned}.", needs=scopes, has=tuple(has))


def _idempotency_key(header: str | None) -> str:
    if header is None:
        raise IdempotencyKeyMissingError
    found = _KEY.fullmatch(header)
    if found is None:
        raise MalformedRequestError(
            "Idempotency-Key must be a quoted text of 16 to 128 of A-Z a-z 0-9 . _ : ~ -."
        )
    return found[1]

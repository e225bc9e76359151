"""One request from its members to its answer: signed anew for each try, repeated while it pays.

What is repeated is the same request under the same key. What is refused for good is told at once.
"""

import email.utils
import http.client
import json
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Never

from portal import signing
from portal.client import arguments
from portal.client.connections import Answer, Connections, LostError, StaleError, UnsentError
from portal.client.errors import (
    GarbledAnswerError,
    MisconfiguredError,
    OutcomeUnknownError,
    RefusedError,
    SignatureExpiredError,
    UnreachableError,
    refusal_of,
)
from portal.client.patience import Patience
from portal.client.settings import Settings

ROOT: Final = "/internal/v1"
SECOND: Final = 1_000_000
PRIVATE: Final = re.compile(r"//[^/]*@")  # who somebody is, in an address


class Asked(NamedTuple):
    """A request before it is signed. key: None on what only reads or sets an account's terms."""

    method: str
    path: str
    query: str = ""
    body: bytes = b""
    key: str | None = None


class Told(NamedTuple):
    """A good answer: its members, and whether the key had had it before."""

    members: dict[str, Any]
    replayed: bool


@dataclass
class _Tries:
    """What came of the tries of one request so far."""

    number: int = 0
    unknown: bool = False  # whether one of them may have done it, unheard
    mended: bool = False  # whether the clock was set by the portal's
    cause: Exception | None = None
    retry_after: float | None = None


class Sender:
    """Signs and sends as one service; any thread may use it."""

    def __init__(
        self,
        settings: Settings,
        patience: Patience,
        connections: Connections,
        clock: Callable[[], int],
    ) -> None:
        self._settings = settings
        self._patience = patience
        self._connections = connections
        self._clock = clock
        self._ahead = 0  # µs by which the portal's clock is ahead of ours

    def send(self, asked: Asked, deadline: float | None = None) -> Told:
        """Send until there is an answer that counts. deadline: seconds, instead of the usual.

        Raises a RefusedError; UnreachableError where nothing can have happened;
        OutcomeUnknownError where it may have; MisconfiguredError; ArgumentError.
        """
        if deadline is not None:
            arguments.deadline("deadline", deadline)
        patience = self._patience
        give_up = time.monotonic() + (patience.deadline if deadline is None else deadline)
        tries = _Tries()
        while True:
            told = self._try(asked, tries, give_up)
            if told is not None:
                return told
            wait = 0.0
            if not isinstance(tries.cause, SignatureExpiredError):
                wait = patience.wait(tries.number, tries.retry_after)
            if tries.number >= patience.tries or time.monotonic() + wait >= give_up:
                _raise_last(asked, tries)
            time.sleep(wait)

    def close(self) -> None:
        """Close the connections that are kept."""
        self._connections.close()

    def _try(self, asked: Asked, tries: _Tries, give_up: float) -> Told | None:
        """One try; None where another may help, `tries` telling why."""
        tries.number += 1
        tries.retry_after = None
        seconds = min(self._patience.answer, max(give_up - time.monotonic(), 0.001))
        try:
            answer = self._once(asked, seconds)
            members = _members(answer)
            if answer.status in (200, 201):
                return Told(members, answer.headers.get("Idempotency-Replayed") == "true")
        except (UnsentError, LostError, GarbledAnswerError) as error:
            tries.cause = error
            tries.unknown |= not isinstance(error, UnsentError)
            return None
        refused = refusal_of(answer.status, members, asked.key)
        if not refused.retryable or not self._may_mend(refused, tries):
            raise refused
        tries.cause = refused
        tries.unknown |= refused.status >= 500
        tries.retry_after = self._retry_after(answer.headers)
        return None

    def _once(self, asked: Asked, seconds: float) -> Answer:
        target = f"{asked.path}?{asked.query}" if asked.query else asked.path
        terms: dict[str, Any] = {"body": asked.body, "seconds": seconds}
        exchange = self._connections.exchange
        try:
            return exchange(asked.method, target, self._signed(asked), **terms)
        except StaleError:
            return exchange(asked.method, target, self._signed(asked), **terms, fresh=True)

    def _signed(self, asked: Asked) -> dict[str, str]:
        """Headers good for one sending: the nonce of one that may have arrived is used up."""
        created = (self._clock() + self._ahead) // SECOND
        headers = signing.sign(
            method=asked.method,
            authority=self._settings.authority,
            path=asked.path,
            query=asked.query,
            body=asked.body,
            kid=self._settings.kid,
            secret=self._settings.secret,
            created=created,
            expires=created + signing.WINDOW,
            nonce=secrets.token_urlsafe(16),
            idempotency_key=asked.key,
        )
        # The host that is signed, also where the portal is reached by another name.
        headers["Host"] = self._settings.authority
        return {**headers, "Accept": "application/json, application/problem+json"}

    def _may_mend(self, refused: RefusedError, tries: _Tries) -> bool:
        """Whether a repetition may help; of a wrong clock, if it can be set by the portal's."""
        if not isinstance(refused, SignatureExpiredError):
            return True
        if tries.mended or not isinstance(refused.server_time, int):
            return False
        tries.mended = True
        self._ahead = refused.server_time - self._clock()
        return True

    def _retry_after(self, headers: http.client.HTTPMessage) -> float | None:
        """Seconds that an answer asks to wait: told as a number, or as a date."""
        text = (headers.get("Retry-After") or "").strip()
        if text.isdecimal():
            return float(text)
        try:
            at = email.utils.parsedate_to_datetime(text).timestamp()
        except (TypeError, ValueError):
            return None
        return max(0.0, at - self._clock() / SECOND)


def _members(answer: Answer) -> dict[str, Any]:
    """The members of an answer; a failure that somebody else than the portal tells has none."""
    if 300 <= answer.status < 400:
        place = PRIVATE.sub("//", answer.headers.get("Location", "elsewhere")).partition("?")[0]
        raise MisconfiguredError(f"The url is not the portal's: it sends us to {place}")
    try:
        found = json.loads(answer.content)
    except ValueError:
        found = None
    if isinstance(found, dict):
        return found
    if answer.status >= 400:
        return {}
    raise GarbledAnswerError(f"The answer of status {answer.status} is no JSON object")


def _raise_last(asked: Asked, tries: _Tries) -> Never:
    """Tell how it stands when no further try is worth it."""
    if tries.unknown and asked.method != "GET":
        raise OutcomeUnknownError(
            asked.key or asked.path, tries.number, str(tries.cause)
        ) from tries.cause
    if isinstance(tries.cause, RefusedError):
        raise tries.cause
    raise UnreachableError(f"After {tries.number} tries: {tries.cause}") from tries.cause

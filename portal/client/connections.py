"""Connections to the portal, kept open between requests and shared by threads.

One exchange has a connection for itself. What went wrong in it is one of two things: surely
nothing was sent, or something may have arrived.
"""

import http.client
import os
import select
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Mapping
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from portal.client.errors import MisconfiguredError

CONTENT_MAX: Final = 32 * 1024 * 1024
IDLE_MAX: Final = 20.0  # seconds; servers close theirs after 30 and more
KEPT_MAX: Final = 64


class UnsentError(Exception):
    """No connection: nothing can have happened."""


class LostError(Exception):
    """The connection broke, or nobody answered in time: it may have happened."""


class StaleError(LostError):
    """The connection was an old one, and closed."""


class Answer(NamedTuple):
    """An answer as it came."""

    status: int
    headers: http.client.HTTPMessage
    content: bytes


class Connections:
    """The open connections to one portal; any thread may ask for an exchange."""

    def __init__(self, url: str, tls: ssl.SSLContext | None) -> None:
        self._host = urlsplit(url).netloc
        self._tls = tls
        self._lock = threading.Lock()
        self._idle: deque[tuple[float, http.client.HTTPConnection]] = deque()
        self._process = os.getpid()

    def exchange(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes,
        *,
        seconds: float,
        fresh: bool = False,
    ) -> Answer:
        """Send a request and read its answer, within seconds. Raises UnsentError or LostError.

        Raises StaleError where a kept connection had been closed meanwhile, as happens to any that
        is idle: the same again, `fresh`, is worth doing at once.
        """
        give_up = time.monotonic() + seconds
        kept = None if fresh else self._find_kept()
        connection = kept or self._connect(give_up)
        try:
            answer, again = _spoken(connection, method, target, headers, body, give_up)
        except _HUNG_UP as error:
            connection.close()
            told = f"{self._host} hung up without an answer: {error!r}"
            raise (StaleError(told) if kept else LostError(told)) from error
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise LostError(f"{self._host} did not answer: {error!r}") from error
        except BaseException:  # whatever stops this thread: the answer may still come
            connection.close()
            raise
        self._keep(connection, again)
        return answer

    def close(self) -> None:
        """Close what is kept; exchanges that are under way end as they would."""
        with self._lock:
            idle, self._idle = self._idle, deque()
        for _, connection in idle:
            connection.close()

    def _find_kept(self) -> http.client.HTTPConnection | None:
        """The connection used last, if it still seems to be open."""
        while True:
            with self._lock:
                if self._process != os.getpid():  # a child must not speak on its parent's
                    self._process, self._idle = os.getpid(), deque()
                if not self._idle:
                    return None
                since, connection = self._idle.pop()
            if time.monotonic() - since < IDLE_MAX and not _is_readable(connection.sock):
                return connection
            connection.close()

    def _keep(self, connection: http.client.HTTPConnection, again: bool) -> None:
        now, gone = time.monotonic(), []
        with self._lock:
            while self._idle and now - self._idle[0][0] > IDLE_MAX:
                gone.append(self._idle.popleft()[1])
            if again and self._process == os.getpid() and len(self._idle) < KEPT_MAX:
                self._idle.append((now, connection))
            else:
                gone.append(connection)
        for each in gone:
            each.close()

    def _connect(self, give_up: float) -> http.client.HTTPConnection:
        left = _left(give_up)
        made = (
            http.client.HTTPConnection(self._host, timeout=left)
            if self._tls is None
            else http.client.HTTPSConnection(self._host, timeout=left, context=self._tls)
        )
        try:
            made.connect()
        except ssl.SSLCertVerificationError as error:
            made.close()
            raise MisconfiguredError(
                f"The certificate of {self._host} is not trusted: {error.verify_message}"
            ) from error
        except OSError as error:
            made.close()
            raise UnsentError(f"{self._host} cannot be reached: {error}") from error
        return made


_HUNG_UP: Final = (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError)


def _spoken(
    connection: http.client.HTTPConnection,
    method: str,
    target: str,
    headers: Mapping[str, str],
    body: bytes,
    give_up: float,
) -> tuple[Answer, bool]:
    """An answer, and whether the connection may be used again."""
    plug = connection.sock
    plug.settimeout(_left(give_up))
    connection.request(method, target, body if body else None, dict(headers))
    plug.settimeout(_left(give_up))
    response = connection.getresponse()
    try:
        content = _content(response, plug, give_up)
    except _HUNG_UP as error:  # it had begun to answer: more than an old connection
        raise http.client.IncompleteRead(b"") from error
    return Answer(response.status, response.headers, content), not response.will_close


def _content(response: http.client.HTTPResponse, plug: socket.socket, give_up: float) -> bytes:
    """All of the content, however slowly it comes, or an error in time."""
    parts: list[bytes] = []
    size = 0
    while True:
        if not response.isclosed():  # once it is, so may be the socket
            plug.settimeout(_left(give_up))
        part = response.read1(65_536)
        if not part:
            break
        parts.append(part)
        size += len(part)
        if size > CONTENT_MAX:
            raise http.client.HTTPException(f"more than {CONTENT_MAX} bytes of content")
    if response.length:  # what it had promised beyond
        raise http.client.IncompleteRead(b"".join(parts), response.length)
    response.close()  # the connection waits for it
    return b"".join(parts)


def _left(give_up: float) -> float:
    left = give_up - time.monotonic()
    if left <= 0:
        raise TimeoutError("no time is left")
    return left


def _is_readable(plug: socket.socket | None, seconds: float = 0.0) -> bool:
    """Whether an idle connection has something to say: that it is closed."""
    if plug is None:
        return True
    watch = select.poll()
    watch.register(plug, select.POLLIN)
    return bool(watch.poll(seconds * 1_000))

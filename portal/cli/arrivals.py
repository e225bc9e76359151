"""Connections on which a request has begun and is not whole: no thread waits for the rest.

A thread that reads a request waits for its sender, and a few hundred slow senders would have them
all. So the kernel keeps what has come, and says when more has.
"""

import re
import select
import socket
import time
from collections.abc import Iterator
from typing import Any, Final

REQUEST_MAX: Final = 64 * 1024  # bytes that the kernel keeps for sure
HEAD_END: Final = b"\r\n\r\n"
# Its length is said once, in digits: what is said otherwise is for a thread to judge.
LENGTH: Final = re.compile(rb"\r\ncontent-length([^\r]*)", re.I)
DIGITS: Final = re.compile(rb": *([0-9]{1,6}) *")
ODD: Final = re.compile(rb"\r\n(?:transfer-encoding|expect|upgrade)[ \t]*:", re.I)
PATIENCE: Final = 10.0  # seconds a request may take to arrive
_MORE: Final = select.EPOLLIN | select.EPOLLRDHUP | select.EPOLLET
_OVER: Final = select.EPOLLRDHUP | select.EPOLLHUP | select.EPOLLERR


class Arrivals:
    """Connections that are waited for, by their sockets; the longest waiting first."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._waiting: dict[int, tuple[Any, float]] = {}

    def fileno(self) -> int:
        """Readable when more has come on any of them."""
        return self._epoll.fileno()

    def wait(self, conn: Any) -> None:
        """Wait for the rest on a connection; from now on its time runs."""
        self._waiting[conn.sock.fileno()] = conn, time.monotonic() + PATIENCE
        self._epoll.register(conn.sock, _MORE)

    def here(self) -> Iterator[tuple[Any, bool]]:
        """Connections on which the request is here now, or no more of it will come (False).

        They are not waited for any more.
        """
        for descriptor, said in self._epoll.poll(0):
            conn, _ = self._waiting[descriptor]
            whole = is_here(conn)
            if whole or said & _OVER:
                self._forget(descriptor)
                yield conn, whole

    def overdue(self, now: float) -> Iterator[Any]:
        """Connections whose time is up at `now`, by the monotonic clock."""
        for descriptor, (conn, until) in [*self._waiting.items()]:
            if until > now:
                break
            self._forget(descriptor)
            yield conn

    def close(self) -> None:
        """Wait no more."""
        self._epoll.close()

    def _forget(self, descriptor: int) -> None:
        self._epoll.unregister(descriptor)
        del self._waiting[descriptor]


def is_here(conn: Any) -> bool:
    """Whether a thread that reads a connection's request has no need to wait for its sender.

    Also where nothing more will come, where a body's length is not told in digits, and where it
    is so long that the kernel may not keep it.
    """
    # What was read with the request before comes first.
    ahead = b"" if conn.parser is None else conn.parser.unreader.buf.getvalue()
    try:
        more = conn.sock.recv(REQUEST_MAX, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        if not ahead:
            return False
        more = None
    except OSError:
        return True
    seen: bytes = ahead + (more or b"")
    head = seen.find(HEAD_END)
    if head < 0:
        return more == b"" or len(seen) >= REQUEST_MAX
    lengths = LENGTH.findall(seen, 0, head)
    digits = DIGITS.fullmatch(lengths[0]) if len(lengths) == 1 else None
    if digits is None or ODD.search(seen, 0, head):
        return True
    size = head + len(HEAD_END) + int(digits[1])
    return bool(len(seen) >= min(size, REQUEST_MAX))

"""Connections that are being closed: nobody waits for the other side to have read its answer.

To close while bytes of theirs lie unread would throw the answer away (RFC 9112 §9.6). So no more
is said to them, what they still say is passed over, and they are closed when they have, or when
their time is up.
"""

import math
import select
import socket
import time
from typing import Final

LINGER: Final = 2.0  # seconds
PIECE: Final = 64 * 1024  # bytes passed over at once
LEAVING_MAX: Final = 256  # beyond these, who has been leaving for longest is gone


class Departures:
    """Connections that are being closed, the longest first."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._leaving: dict[int, tuple[socket.socket, float]] = {}

    def fileno(self) -> int:
        """Readable when on any of them more was said, or nothing more will be."""
        return self._epoll.fileno()

    def leave(self, sock: socket.socket) -> None:
        """Say no more on a connection; from now on its time runs."""
        try:
            sock.setblocking(False)
            sock.shutdown(socket.SHUT_WR)
        except OSError:  # the other side has gone
            sock.close()
            return
        if len(self._leaving) >= LEAVING_MAX:
            self._close(next(iter(self._leaving)))
        self._leaving[sock.fileno()] = sock, time.monotonic() + LINGER
        self._epoll.register(sock, select.EPOLLIN)

    def pass_over(self) -> None:
        """Pass over what was said, and close those on which nothing more will be."""
        for descriptor, _ in self._epoll.poll(0):
            if not is_open(self._leaving[descriptor][0]):
                self._close(descriptor)

    def overdue(self, now: float) -> None:
        """Close those whose time is up at `now`, by the monotonic clock."""
        for descriptor, (_, until) in [*self._leaving.items()]:
            if until > now:
                break
            self._close(descriptor)

    def shed(self) -> None:
        """Close them all at once."""
        self.overdue(math.inf)

    def close(self) -> None:
        """Close them all, for good."""
        self.shed()
        self._epoll.close()

    def _close(self, descriptor: int) -> None:
        self._epoll.unregister(descriptor)
        self._leaving.pop(descriptor)[0].close()


def is_open(sock: socket.socket) -> bool:
    """Whether the other side may still say something; what it has said is passed over."""
    try:
        return bool(sock.recv(PIECE))
    except BlockingIOError:
        return True
    except OSError:
        return False

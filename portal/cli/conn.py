"""A connection of a worker: how it is read, and how it is closed."""

import socket
import struct
import time
from typing import Any, Final

from gunicorn.http import RequestParser
from gunicorn.workers.gthread import TConn

from portal.cli.departures import Departures
from portal.cli.reader import Reader

# Seconds until nothing more is said to one who does not take his answer; as many again where he
# took as much of it meanwhile as this pace gives, in bytes a second.
ANSWERING_SECONDS: Final = 30.0
ANSWERING_PACE: Final = 8 * 1024
# Of what Linux tells of a connection, the bytes that were acknowledged (tcpi_bytes_acked).
ACKNOWLEDGED: Final = struct.Struct("=120xQ")


class Conn(TConn):  # type: ignore[misc]  # it ships no types
    """A connection that departs, and is read, where gunicorn would have a worker wait for ever."""

    departures: Departures

    def __init__(self, cfg: Any, sock: socket.socket, client: Any, server: Any) -> None:
        super().__init__(cfg, sock, client, server)
        self.reader = Reader(sock)
        self.begun: float | None = None  # when a thread began to greet it
        self.answer_from(time.monotonic())

    def init(self) -> None:
        """Make it ready to be read by a thread."""
        if self.initialized:
            return
        self.begun = time.monotonic()
        super().init()
        if isinstance(self.parser, RequestParser):
            self.reader.sock, self.reader.buf = self.sock, self.parser.unreader.buf
            self.parser.unreader = self.reader

    def answer_from(self, now: float) -> None:
        """Another request is lined up: the time of who is to take its answer runs from now on."""
        self._until, self._taken = now + ANSWERING_SECONDS, acknowledged(self.sock)

    def is_late(self, now: float) -> bool:
        """Whether its time is up at `now`, by the monotonic clock; who keeps pace gets more."""
        if now <= self._until:
            return False
        taken = acknowledged(self.sock)
        if taken - self._taken < ANSWERING_PACE * ANSWERING_SECONDS:
            return True
        self._until, self._taken = now + ANSWERING_SECONDS, taken
        return False

    def close(self, graceful: bool = False) -> None:
        """Close it, at once or once the other side had its answer: of TLS, too, whose layer is
        gone once no more is said, and whose rest is passed over as it comes.
        """
        if graceful:
            self.departures.leave(self.sock)
        else:
            super().close(graceful)


def acknowledged(sock: socket.socket) -> int:
    """How many bytes the other side's system has taken; 0 where this system does not tell."""
    try:
        told = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, ACKNOWLEDGED.size)
        return int(ACKNOWLEDGED.unpack(told)[0])
    except (OSError, AttributeError, struct.error):  # no TCP, no Linux, an old one
        return 0

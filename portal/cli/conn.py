"""A connection of a worker: how it is read, and how it is closed."""

import socket
import time
from typing import Any

from gunicorn.http import RequestParser
from gunicorn.workers.gthread import TConn

from portal.cli.departures import Departures
from portal.cli.reader import Reader


class Conn(TConn):  # type: ignore[misc]  # it ships no types
    """A connection that departs, and is read, where gunicorn would have a worker wait for ever."""

    departures: Departures

    def __init__(self, cfg: Any, sock: socket.socket, client: Any, server: Any) -> None:
        super().__init__(cfg, sock, client, server)
        self.reader = Reader(sock)
        self.begun: float | None = None  # when a thread began to greet it

    def init(self) -> None:
        """Make it ready to be read by a thread."""
        if self.initialized:
            return
        self.begun = time.monotonic()
        super().init()
        if isinstance(self.parser, RequestParser):
            self.reader.sock, self.reader.buf = self.sock, self.parser.unreader.buf
            self.parser.unreader = self.reader

    def close(self, graceful: bool = False) -> None:
        """Close it, at once or once the other side had its answer: of TLS, too, whose layer is
        gone once no more is said, and whose rest is passed over as it comes.
        """
        if graceful:
            self.departures.leave(self.sock)
        else:
            super().close(graceful)

"""What a thread reads of a connection: it waits for the sender, but not for ever."""

import socket
import time
from typing import Any, Final

from gunicorn.http.unreader import SocketUnreader

# Seconds a thread waits for what a sender announced and does not send; one more for as many bytes
# as came of it; and in all.
READING_SECONDS: Final = 5.0
READING_PACE: Final = 64.0 * 1024
READING_MAX: Final = 20.0
_AT_ONCE: Final = 0.001


class Reader(SocketUnreader):  # type: ignore[misc]  # it ships no types
    """Reads a connection for gunicorn. Where its sender was late it has come to its end.

    late: seconds after which no more was read, once that is so. request: the one being read, which
    is told so: its answer closes the connection, as where another began nobody could tell.
    """

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(sock)
        self.late: float | None = None
        self.begin()

    def begin(self, waited: float = 0.0) -> None:
        """Another request is lined up, after it was waited for: its sender's time runs."""
        self.request: Any = None
        self._since = time.monotonic() - waited
        self._allowed = READING_SECONDS

    def chunk(self, size_hint: int | None = None) -> bytes:
        """What has come, or comes in time; nothing where no more will be read."""
        if self.late is not None:
            return b""
        left = max(self._since + self._allowed - time.monotonic(), _AT_ONCE)
        own = self.sock.gettimeout()  # of whoever passes over what nobody read
        self.sock.settimeout(left if own is None else min(left, own))
        try:
            came = bytes(super().chunk(size_hint))
            self._allowed = min(self._allowed + len(came) / READING_PACE, READING_MAX)
            return came
        except TimeoutError:
            if own is not None:
                raise
            self._give_up()
            return b""
        finally:
            self.sock.settimeout(own)

    def _give_up(self) -> None:
        self.late = time.monotonic() - self._since
        if self.request is not None:
            self.request.force_close()
            self.request.body.late = self.late

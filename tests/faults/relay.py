"""A wire to PostgreSQL that a test can cut, before or after a word has gone over it."""

from __future__ import annotations

import contextlib
import socket
import threading
from dataclasses import dataclass, field

from tests.client.portals import shut

SIZE = 65_536


@dataclass
class Relay:
    """Passes bytes between whoever connects and a server, until a word comes by.

    `before`: cut when a client says it, unsaid. `after`: cut when the server has answered it, its
    answer unheard. It cuts once; connections after that pass.
    """

    port: int
    word: bytes = b"COMMIT\0"
    cut: str = ""
    cuts: int = 0
    _listener: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))
    _open: list[socket.socket] = field(default_factory=list)

    def __enter__(self) -> Relay:
        self._door = threading.Thread(target=self._accept, daemon=True)
        self._door.start()
        return self

    def __exit__(self, *_: object) -> None:
        shut(self._listener)
        self._door.join(10)  # or one that came in just now would be left open
        for each in self._open:
            shut(each)

    @property
    def address(self) -> tuple[str, int]:
        """Where to connect."""
        host, port = self._listener.getsockname()
        return host, port

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._open.append(client)
                server = socket.create_connection(("127.0.0.1", self.port))
                self._open.append(server)
                threading.Thread(target=self._forth, args=(client, server), daemon=True).start()
                threading.Thread(target=self._back, args=(server, client), daemon=True).start()

    def _forth(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while said := client.recv(SIZE):
                if self.cut == "before" and self.word in said:
                    self._cut(client, server)
                    return
                server.sendall(said)

    def _back(self, server: socket.socket, client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while answer := server.recv(SIZE):
                if self.cut == "after" and self.word in answer:
                    self._cut(client, server)
                    return
                client.sendall(answer)
        with contextlib.suppress(OSError):
            client.shutdown(socket.SHUT_RDWR)

    def _cut(self, *ends: socket.socket) -> None:
        self.cut = ""
        self.cuts += 1
        for end in ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

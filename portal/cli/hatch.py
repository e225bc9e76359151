"""One thread that answers what services send, and posts together what came in together.

To hand a request from thread to thread costs more than to answer it. So each signed POST that has
arrived whole is answered here, in a greenlet of its own: where it submits a command it lets the
next one begin, and once all that had arrived have come so far, their commands are one group
(ledger.md §4). A poll of a page is answered here, too, where nothing is new. All else, slow clients
above all, is left to the worker's threads.
"""

import os
import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, NamedTuple

from greenlet import getcurrent, greenlet
from gunicorn.http import wsgi

from portal import ledger, web
from portal.cli.plain import PREFIXES, SIZE_MAX, Headers, read_plain, spoken
from portal.current import TOGETHER

IDLE_SECONDS: Final = 1.0
STOPPING_SECONDS: Final = 0.05
PREFIX_MAX: Final = max(map(len, PREFIXES))


class Visit(greenlet):
    """A request being answered, and the connection it came by; `stays`: for another request."""

    def __init__(
        self, answer: Callable[[], None], conn: Any, environ: dict[str, Any], *, stays: bool
    ) -> None:
        super().__init__(answer)
        self.conn, self.environ, self.stays = conn, environ, stays


class Waiting(NamedTuple):
    """A visit that goes on once its command is posted."""

    visit: Visit
    queue: ledger.Queue
    ticket: ledger.Ticket


class Hatch(threading.Thread):
    """Answers signed requests, and polls, on the connections that a worker hands over.

    worker: gunicorn's, with `take_back(conn)` for what a thread shall answer and `part_with(conn)`
    for what has ended. linger: seconds a stopping worker keeps silent connections.
    """

    def __init__(self, worker: Any, linger: float) -> None:
        super().__init__(name="hatch", daemon=True)
        self._worker, self._linger = worker, linger
        self._poller = selectors.DefaultSelector()
        self._handed: deque[Any] = deque()
        self._bell, self._rope = os.pipe()
        os.set_blocking(self._bell, False)
        os.set_blocking(self._rope, False)
        self._poller.register(self._bell, selectors.EVENT_READ)
        self._silent: dict[Any, float] = {}  # connections and since when, the longest first
        self._waiting: list[Waiting] = []
        self._polls: web.Polls | None = getattr(worker.wsgi, "polls", None)
        self._always = {
            **wsgi.base_environ(worker.cfg),
            "wsgi.multithread": True,
            TOGETHER: self.submit,
        }

    @staticmethod
    def wants(sock: socket.socket) -> bool:
        """Whether a connection is about to say a signed POST, or a poll."""
        try:
            return sock.recv(PREFIX_MAX, socket.MSG_PEEK).startswith(PREFIXES)
        except OSError:
            return False

    def take(self, conn: Any) -> None:
        """Answer a connection from now on; called by the worker's own thread."""
        self._handed.append(conn)
        with suppress(BlockingIOError):  # the bell rings already
            os.write(self._rope, b".")

    def run(self) -> None:
        """Answer until the worker stops and all connections have ended."""
        try:
            while self._worker.alive or self._silent or self._handed:
                self.turn()
        except BaseException:
            self._worker.log.exception("the hatch broke: this worker ends")
            self._worker.alive = False
            raise

    def turn(self) -> None:
        """Begin to answer all that has arrived, post what it asks for, and say what came of it."""
        wait = IDLE_SECONDS if self._worker.alive else STOPPING_SECONDS
        # All of them, in groups: who is said to be ready first would else be served alone.
        ready = self._poller.select(wait)
        for first in range(0, len(ready), ledger.GROUP_MAX):
            for key, _ in ready[first : first + ledger.GROUP_MAX]:
                if key.data is None:
                    self._admit()
                else:
                    self._begin(key.data)
            while self._waiting:
                self._post()
        self._part()

    def _admit(self) -> None:
        os.read(self._bell, 4096)
        while self._handed:
            conn = self._handed.popleft()
            conn.sock.setblocking(False)
            self._poller.register(conn.sock, selectors.EVENT_READ, conn)
            self._silent[conn] = time.monotonic()

    def _begin(self, conn: Any) -> None:
        """Begin to answer a plain request that is here as a whole; others are for the threads."""
        try:
            seen = conn.sock.recv(SIZE_MAX, socket.MSG_PEEK)
        except BlockingIOError:
            return  # nothing is here after all
        except OSError:
            seen = b""
        self._silent.pop(conn, None)
        plain = read_plain(seen)
        if plain is None or not self._may_answer(plain.environ):
            self._end(conn, self._worker.take_back if seen else self._worker.part_with)
            return
        try:
            conn.sock.recv(plain.size)
        except OSError:
            self._end(conn, self._worker.part_with)
            return
        environ = plain.environ
        environ.update(self._always)
        environ["REMOTE_ADDR"], environ["REMOTE_PORT"] = conn.client[0], str(conn.client[1])
        environ["SERVER_NAME"], environ["SERVER_PORT"] = conn.server[0], str(conn.server[1])
        Visit(self.answer, conn, environ, stays=plain.stays).switch()

    def _may_answer(self, environ: dict[str, Any]) -> bool:
        """Whether to answer here: a page that has to be made would keep everybody waiting."""
        if environ["REQUEST_METHOD"] == "POST":
            return True
        try:
            tag = self._polls and self._polls.find_unchanged(environ)
        except Exception:
            self._worker.log.exception("a poll failed: a thread answers it")
            return False
        if tag is not None:
            environ[web.UNCHANGED] = tag
        return tag is not None

    def answer(self) -> None:
        """Answer the visit that runs this, as the worker's threads answer theirs."""
        visit: Any = getcurrent()
        worker = self._worker
        worker.nr += 1
        if worker.nr >= worker.max_requests:
            worker.alive = False
        visit.stays = visit.stays and worker.alive and worker.cfg.keepalive > 0
        try:
            answer = spoken(*self._ask(visit.environ), stays=visit.stays)
        except Exception:
            worker.log.exception("a request failed")
            visit.stays = False
            answer = spoken("500 Internal Server Error", [], b"", stays=False)
        self._send(visit, answer)

    def _ask(self, environ: dict[str, Any]) -> tuple[str, Headers, bytes]:
        """What the application says: status, headers and body."""
        told: list[tuple[str, Headers]] = []

        def start(status: str, headers: Headers, _: object = None) -> None:
            told.append((status, headers))

        parts = self._worker.wsgi(environ, start)
        try:
            body = b"".join(parts)
        finally:
            if hasattr(parts, "close"):
                parts.close()
        return *told[-1], body

    def submit(self, queue: ledger.Queue, command: ledger.Command) -> ledger.Outcome:
        """Post a command with those of all visits that are here; gives its outcome."""
        visit: Any = getcurrent()
        ticket = ledger.Ticket(command)
        self._waiting.append(Waiting(visit, queue, ticket))
        visit.parent.switch()
        return ticket.answer()

    def _post(self) -> None:
        """Post the commands of one queue, and let their visits go on."""
        waiting, queue = self._waiting, self._waiting[0].queue
        group = [each for each in waiting if each.queue is queue]
        self._waiting = [each for each in waiting if each.queue is not queue]
        ledger.settle(queue.post, [each.ticket for each in group])
        for each in group:
            each.visit.switch()

    def _send(self, visit: Visit, answer: bytes) -> None:
        """Send an answer. Who leaves answers unread is left: the key tells them again."""
        try:
            stays = visit.conn.sock.send(answer) == len(answer) and visit.stays
        except OSError:
            stays = False
        if stays:
            self._silent[visit.conn] = time.monotonic()
        else:
            self._end(visit.conn, self._worker.part_with)

    def _end(self, conn: Any, how: Any) -> None:
        """Have nothing to do with a connection any more; the worker's own thread sees to it."""
        self._poller.unregister(conn.sock)
        self._worker.method_queue.defer(how, conn)

    def _part(self) -> None:
        """Part with those that were silent for too long."""
        worker = self._worker
        since = time.monotonic() - (worker.cfg.keepalive if worker.alive else self._linger)
        for conn, silent in [*self._silent.items()] if self._silent else ():
            if silent > since:
                break
            del self._silent[conn]
            self._end(conn, worker.part_with)

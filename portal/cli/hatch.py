"""One thread that answers what services send, and posts together what came in together.

To hand a request from thread to thread costs more than to answer it. So each signed POST that has
arrived whole is answered here, in a greenlet of its own: where it submits a command it lets the
next one begin, and once all that had arrived have come so far, their commands are one group
(ledger.md §4). All else, slow clients above all, is left to the worker's threads.
"""

import os
import re
import selectors
import socket
import threading
import time
from collections import deque
from contextlib import suppress
from datetime import timedelta
from typing import Any, Final, NamedTuple

from greenlet import getcurrent, greenlet
from gunicorn import http
from gunicorn.http import wsgi

from portal import internal, ledger
from portal.current import TOGETHER

SIGNED: Final = f"POST {internal.blueprint.url_prefix}/".encode()
REQUEST_MAX: Final = 64 * 1024
HEAD_END: Final = b"\r\n\r\n"
# Its length is said once, in digits: what is said otherwise is for a thread to judge.
LENGTH: Final = re.compile(rb"\r\ncontent-length([^\r]*)", re.I)
DIGITS: Final = re.compile(rb": *([0-9]{1,6}) *")
ODD: Final = re.compile(rb"\r\n(?:transfer-encoding|expect|upgrade)[ \t]*:", re.I)
IDLE_SECONDS: Final = 1.0
STOPPING_SECONDS: Final = 0.05


class Visit(greenlet):
    """A request being answered: its connection, its bytes and, part by part, the answer's."""

    def __init__(self, hatch: "Hatch", conn: Any, request: bytes) -> None:
        super().__init__(hatch.answer)
        self.conn, self.request = conn, request
        self.said: list[bytes] = []

    def sendall(self, data: bytes) -> None:
        """Take a part of the answer, as a socket would: all of it is sent at once."""
        self.said.append(bytes(data))


class Waiting(NamedTuple):
    """A visit that goes on once its command is posted."""

    visit: Visit
    queue: ledger.Queue
    ticket: ledger.Ticket


class Hatch(threading.Thread):
    """Answers signed requests on the connections that a worker hands over.

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

    @staticmethod
    def wants(sock: socket.socket) -> bool:
        """Whether a connection is about to say a signed POST."""
        try:
            return sock.recv(len(SIGNED), socket.MSG_PEEK) == SIGNED
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
        for key, _ in self._poller.select(wait)[: ledger.GROUP_MAX]:
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
        """Begin to answer a request that is here as a whole; a thread may wait for the others."""
        try:
            seen = conn.sock.recv(REQUEST_MAX, socket.MSG_PEEK)
        except BlockingIOError:
            return  # nothing is here after all
        except OSError:
            seen = b""
        self._silent.pop(conn, None)
        if size := whole(seen):
            Visit(self, conn, conn.sock.recv(size)).switch()
        else:
            self._end(conn, self._worker.take_back if seen else self._worker.part_with)

    def answer(self) -> None:
        """Answer the visit that runs this, as the worker's threads answer theirs."""
        visit: Any = getcurrent()
        worker, request, stays = self._worker, None, False
        try:
            request = next(http.get_parser(worker.cfg, iter((visit.request,)), visit.conn.client))
            stays = self._respond(visit, request)
        except Exception as error:
            worker.handle_error(request, visit, visit.conn.client, error)
        self._send(visit, stays)

    def _respond(self, visit: Visit, request: Any) -> bool:
        """Run the application; whether the connection stays."""
        worker, conn = self._worker, visit.conn
        worker.cfg.pre_request(worker, request)
        began = time.monotonic()
        response, environ = wsgi.create(request, visit, conn.client, conn.server, worker.cfg)
        environ["wsgi.multithread"] = True
        environ[TOGETHER] = self.submit
        worker.nr += 1
        if worker.nr >= worker.max_requests:
            worker.alive = False
        if not worker.alive or not worker.cfg.keepalive:
            response.force_close()
        try:
            parts = worker.wsgi(environ, response.start_response)
            try:
                for part in parts:
                    response.write(part)
                response.close()
            finally:
                took = timedelta(seconds=time.monotonic() - began)
                worker.log.access(response, request, environ, took)
                if hasattr(parts, "close"):
                    parts.close()
        finally:
            worker.cfg.post_request(worker, request, environ, response)
        return not response.should_close()

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

    def _send(self, visit: Visit, stays: bool) -> None:
        """Send an answer. Who leaves answers unread is left: the key tells them again."""
        answer = b"".join(visit.said)
        try:
            stays = visit.conn.sock.send(answer) == len(answer) and stays
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


def whole(seen: bytes) -> int:
    """The size of the signed POST that `seen` begins with, or 0 if it is not whole, or is odd."""
    head = seen.find(HEAD_END)
    if head < 0 or not seen.startswith(SIGNED) or ODD.search(seen, 0, head):
        return 0
    lengths = LENGTH.findall(seen, 0, head)
    digits = DIGITS.fullmatch(lengths[0]) if len(lengths) == 1 else None
    size = head + len(HEAD_END) + int(digits[1]) if digits else 0
    return size if size <= len(seen) else 0

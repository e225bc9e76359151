"""How gunicorn serves the portal, with a demo and in production alike (docs/operations.md).

    gunicorn --config python:portal.cli.serving wsgi:application

The names in capitals and small letters below are gunicorn's own settings and hooks where it
knows them; an option on its command line goes before the one here.
"""

import errno
import gc
import logging
import math
import os
import resource
import selectors
import signal
import socket
import sys
import time
from contextlib import suppress
from functools import partial
from importlib import import_module
from logging.config import dictConfig
from pathlib import Path
from typing import Any, Final

from gunicorn import glogging
from gunicorn.http import wsgi
from gunicorn.workers import gthread

from portal.cli.arrivals import PATIENCE, Arrivals, is_here
from portal.cli.conn import Conn
from portal.cli.db import proved
from portal.cli.departures import Departures
from portal.cli.hatch import Hatch
from portal.cli.reader import READING_SECONDS
from portal.cli.serve import STOPPING
from portal.config import Config, ConfigError
from portal.database import Database, DatabaseError
from portal.operations.logs import LOGGING

MEMORY: Final = Path("/dev/shm")  # noqa: S108 - only workers' heartbeats are kept there
# Seconds a thread waits for the rest of a body nobody read, and a stopping worker for another
# request on a connection that had one.
gthread.DEFAULT_WORKER_DATA_TIMEOUT = 1.0
gthread.STOP_KEEPALIVE_LINGER = 0.5
LOADED_FIRST: Final = "portal.application"
FILES_MAX: Final = 65_536  # that a worker may have open, where the system lets it
ROOM_SECONDS: Final = 0.02


class PromptWorker(gthread.ThreadWorker):  # type: ignore[misc]  # it ships no types
    """Threads that answer, and that end when told to.

    Browsers connect ahead of their first request. A connection on which nothing was said yet
    would otherwise keep a stopping worker for as long as a kept-alive one may last.
    """

    def handle_quit(self, sig: int, frame: Any) -> None:
        """End as on SIGTERM: to exit from within a handler is to raise wherever it fell."""
        self.handle_exit(sig, frame)

    def murder_pending(self) -> None:
        """Close silent connections: those whose time is up, or all where this worker stops."""
        if not self.alive:
            for silent in self.pending_conns:
                silent.timeout = 0.0
        super().murder_pending()


class HatchWorker(PromptWorker):
    """Threads for people, and one thread for services and polls (portal/cli/hatch.py)."""

    def run(self) -> None:
        """Serve until told to stop."""
        self.plain = is_plain(self.cfg, self.log)
        self.hatch = Hatch(self, gthread.STOP_KEEPALIVE_LINGER)
        self.hatch.start()
        self.arrivals = Arrivals()
        self.lined_up: set[Any] = set()  # connections with a request
        self.poller.register(self.arrivals.fileno(), selectors.EVENT_READ, self.on_arrivals)
        self.departures = Departures()
        self.poller.register(self.departures.fileno(), selectors.EVENT_READ, self.on_departures)
        super().run()
        self.arrivals.close()
        self.departures.close()

    def accept(self, listener: Any) -> None:
        """Take a new connection; no thread waits for its first word."""
        try:
            client, address = listener.accept()
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE):
                self.make_room()
            elif error.errno not in (errno.EAGAIN, errno.ECONNABORTED, errno.EWOULDBLOCK):
                raise
            return
        client.setblocking(False)
        conn = Conn(self.cfg, client, address, listener.getsockname())
        conn.departures = self.departures
        conn.timeout = time.monotonic() + PATIENCE
        self.nr_conns += 1
        self.pending_conns.append(conn)
        heard = partial(self.on_pending_socket_readable, conn)
        self.poller.register(client, selectors.EVENT_READ, heard)

    def make_room(self) -> None:
        """Close what is leaving, and who was silent for longest: no more can be open."""
        self.departures.shed()
        if self.pending_conns:
            self.pending_conns[0].timeout = 0.0
            super().murder_pending()
        time.sleep(ROOM_SECONDS)

    def enqueue_req(self, conn: Any) -> None:
        """Let the hatch answer a connection that has spoken, or a thread."""
        ahead = conn.parser is not None and conn.parser.unreader.buf.getvalue()
        plain = self.plain and not ahead and isinstance(conn.client, tuple)
        if self.alive and self.hatch.is_alive() and plain and self.hatch.wants(conn.sock):
            self.hatch.take(conn)
        else:
            self.take_back(conn)

    def take_back(self, conn: Any) -> None:
        """Let a thread answer a connection, once the request is here."""
        if self.cfg.is_ssl or is_here(conn):
            self.line_up(conn)
        else:
            self.arrivals.wait(conn)

    def line_up(self, conn: Any, waited: float = 0.0) -> None:
        """Give a connection to the next thread that is free; its sender's time runs from now on,
        or began so many seconds ago.
        """
        conn.reader.begin(waited)
        conn.answer_from(time.monotonic())
        self.lined_up.add(conn)
        super().enqueue_req(conn)

    def handle(self, conn: Any) -> Any:
        """Answer a request in a thread, which waits for nobody for ever."""
        try:
            return super().handle(conn)
        finally:
            self.lined_up.discard(conn)

    def handle_request(self, req: Any, conn: Any) -> Any:
        """Answer a request whose head was read; its reader says if the rest came too late."""
        conn.reader.request = req
        return super().handle_request(req, conn)

    def on_arrivals(self, _: Any) -> None:
        """Let those be answered whose request is here now; what was broken off is for a thread."""
        for conn, whole in self.arrivals.here():
            if whole:
                self.enqueue_req(conn)
            else:
                self.line_up(conn)

    def on_departures(self, _: Any) -> None:
        """Close those whose other side had its answer."""
        self.departures.pass_over()

    def murder_pending(self) -> None:
        """Close those, too, whose request does not come, or all where this worker stops."""
        super().murder_pending()
        now = time.monotonic()
        for conn in [*self.lined_up]:
            if self.cfg.is_ssl and conn.begun is not None and conn.parser is None:
                late = now - conn.begun > READING_SECONDS  # greetings are not read by its reader
            else:
                late = conn.is_late(now)
            if late:
                # By TLS's own method what is sent meanwhile would go out in clear.
                with suppress(OSError):
                    socket.socket.shutdown(conn.sock, socket.SHUT_RDWR)
        for conn in self.arrivals.overdue(now if self.alive else math.inf):
            if self.alive:
                self.line_up(conn, PATIENCE)  # a thread tells him so, and waits no more
            else:
                self.part_with(conn)
        self.departures.overdue(now)

    def part_with(self, conn: Any) -> None:
        """Close a connection that the hatch had."""
        self.nr_conns -= 1
        conn.close()


class LineLogger(glogging.Logger):  # type: ignore[misc]  # it ships no types
    """One line of JSON for each thing worth saying.

    Not by `logconfig_dict`: with that gunicorn writes a line for every request, too.
    """

    def setup(self, cfg: Any) -> None:
        """Take gunicorn's settings, then write as the portal does."""
        super().setup(cfg)
        dictConfig(LOGGING)
        logging.captureWarnings(True)


bind = [f"127.0.0.1:{os.environ.get('PORT') or 8000}"]
# Threads share a group commit, and a process that hops between cores costs twice its time: few
# workers, each on a core of its own, with many threads. With SQLite one: it has one writer at a
# time, and what one process writes empties the page cache of every other.
worker_class = HatchWorker
ON_SQLITE: Final = not os.environ.get("PORTAL_DATABASE_URL", "").startswith("postgresql")
workers = int(os.environ.get("WEB_CONCURRENCY") or (1 if ON_SQLITE else os.cpu_count() or 1))
threads = 64 if ON_SQLITE else 32
keepalive = 30
graceful_timeout = 10
# A heartbeat in a file on a disk that is busy would look like a worker that hangs.
worker_tmp_dir = str(MEMORY) if os.access(MEMORY, os.W_OK) else None
# A socket through which this server could be told what to do: nobody needs it.
control_socket_disable = True
# Which proxies may be believed is the portal's own setting, PORTAL_PROXY_HOPS, and no header
# may say what path was asked for: signatures cover it.
forwarded_allow_ips = ""
forwarder_headers = ""
logger_class = LineLogger
# Nobody needs to know by which program an answer was made.
wsgi.SERVER = "portal"


def on_starting(_: Any) -> None:
    """Refuse to serve a database that could lose what it acknowledges, or lacks migrations."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = FILES_MAX if hard == resource.RLIM_INFINITY else min(hard, FILES_MAX)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    import_module(LOADED_FIRST)  # once for all workers, which share its memory
    try:
        opened = Database(Config.from_environment(os.environ))
        try:
            for _line in proved(opened):
                pass
        finally:
            opened.dispose()  # a worker makes connections of its own
    except (ConfigError, DatabaseError) as error:
        sys.exit(f"Error: {error}")


def when_ready(_: Any) -> None:
    """Hear signals from now on: `serve` kept them back until there was somebody to obey them."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)


def pre_fork(server: Any, worker: Any) -> None:
    """Choose a core for a worker: the one that fewest of its siblings have."""
    if hasattr(os, "sched_getaffinity"):
        taken = [sibling.core for sibling in server.WORKERS.values()]
        worker.core = free_core(sorted(os.sched_getaffinity(0)), taken)


def post_fork(_: Any, worker: Any) -> None:
    """Keep a worker on its core; where that is not allowed it runs wherever it may."""
    if hasattr(worker, "core"):
        try:
            os.sched_setaffinity(0, {worker.core})
        except OSError:
            worker.log.info("worker %s may not choose its core", worker.pid)


def post_worker_init(_: Any) -> None:
    """Leave what lives as long as the worker out of garbage collection, and collect less often.

    A request leaves next to nothing behind that only the collector can free.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


def is_plain(cfg: Any, log: Any) -> bool:
    """Whether the server adds nothing to a request, so that the hatch may read it by itself.

    It does with TLS, a proxy's own protocol or word, a path it lies beneath, or an access log.
    """
    proxied = cfg.proxy_protocol != "off" or cfg.forwarded_allow_ips or cfg.forwarder_headers
    beneath = os.environ.get("SCRIPT_NAME")
    return not (cfg.is_ssl or proxied or beneath or log.access_log_enabled)


def free_core(cores: list[int], taken: list[int]) -> int:
    """The first of the cores that are taken least."""
    return min(cores, key=taken.count)

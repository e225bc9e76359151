"""The settings of gunicorn: what it takes of them, and which core a worker gets."""

import errno
import gc
import http.client
import importlib
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
from gunicorn.app.wsgiapp import WSGIApplication
from gunicorn.config import Config

from portal.cli import serving
from portal.cli.conn import ANSWERING_SECONDS, Conn
from portal.cli.departures import Departures
from portal.cli.reader import READING_SECONDS
from portal.cli.serve import STOPPING
from portal.cli.serving import (
    free_core,
    is_plain,
    post_fork,
    post_worker_init,
    pre_fork,
    when_ready,
)
from portal.config import ROOT
from portal.config import Config as Settings
from tests.serving import environment_of
from tests.serving import serving as served


def taken() -> Config:
    """The settings as gunicorn has them after it read the module."""
    settings = Config()
    for name, value in vars(serving).items():
        if name in settings.settings:
            settings.set(name, value)
    return settings


def test_gunicorn_takes_them() -> None:
    settings = taken()
    assert settings.worker_class is serving.HatchWorker
    assert (settings.workers, settings.threads) == (1, 64)
    assert settings.control_socket_disable is True
    assert settings.address == [("127.0.0.1", 8000)]
    assert settings.forwarded_allow_ips == []
    assert settings.forwarder_headers == []
    assert settings.worker_tmp_dir in ("/dev/shm", None)
    for hook in ("on_starting", "when_ready", "pre_fork", "post_fork", "post_worker_init"):
        assert settings.settings[hook].get() is vars(serving)[hook]


def test_gunicorn_finds_them_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    words = ["gunicorn", "--config", "python:portal.cli.serving", "--threads", "3", "wsgi:x"]
    monkeypatch.setattr("sys.argv", words)
    read: Any = WSGIApplication("%(prog)s").cfg
    assert (read.workers, read.threads, read.control_socket_disable) == (1, 3, True)


def test_port_and_number_of_workers_come_from_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PORT", "9001")
    monkeypatch.setenv("WEB_CONCURRENCY", "5")
    try:
        read = importlib.reload(serving)
        assert (read.bind, read.workers) == (["127.0.0.1:9001"], 5)
    finally:
        monkeypatch.undo()
        importlib.reload(serving)


def test_with_postgresql_every_core_has_a_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORTAL_DATABASE_URL", "postgresql+psycopg://portal@/credits")
    try:
        read = importlib.reload(serving)
        assert (read.workers, read.threads) == (os.cpu_count(), 32)
    finally:
        monkeypatch.undo()
        importlib.reload(serving)


@pytest.mark.parametrize(
    ("cores", "in_use", "core"),
    [
        ([0, 1], [], 0),
        ([0, 1], [0], 1),
        ([0, 1], [1], 0),
        ([0, 1], [0, 1], 0),
        ([0, 1], [0, 1, 0], 1),
        ([4, 7], [4], 7),
    ],
)
def test_a_worker_gets_the_core_that_is_taken_least(
    cores: list[int], in_use: list[int], core: int
) -> None:
    assert free_core(cores, in_use) == core


def test_a_worker_in_place_of_another_gets_its_core() -> None:
    cores = sorted(os.sched_getaffinity(0))
    server: Any = SimpleNamespace(WORKERS={})
    for pid in range(len(cores)):
        worker: Any = SimpleNamespace()
        pre_fork(server, worker)
        server.WORKERS[pid] = worker
    assert sorted(worker.core for worker in server.WORKERS.values()) == cores
    lost = server.WORKERS.pop(0)
    heir: Any = SimpleNamespace()
    pre_fork(server, heir)
    assert heir.core == lost.core


def test_a_worker_stays_on_its_core(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[object] = []
    monkeypatch.setattr(os, "sched_setaffinity", lambda pid, cores: told.append((pid, cores)))
    post_fork(None, SimpleNamespace(core=3))
    post_fork(None, SimpleNamespace())
    assert told == [(0, {3})]


def test_a_worker_collects_garbage_less_often() -> None:
    before = gc.get_threshold()
    try:
        post_worker_init(None)
        assert gc.get_freeze_count() > 0
        assert gc.get_threshold()[0] > before[0]
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)


def test_a_worker_that_may_not_choose_runs_anywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    told: list[object] = []
    monkeypatch.setattr(os, "sched_setaffinity", refuse)
    log = SimpleNamespace(info=lambda *words: told.append(words))
    post_fork(None, SimpleNamespace(core=0, log=log, pid=7))
    assert len(told) == 1


def test_a_worker_that_is_to_quit_does_not_raise_where_the_signal_fell() -> None:
    worker = serving.PromptWorker.__new__(serving.PromptWorker)
    told: list[object] = []
    worker.alive, worker.method_queue = True, SimpleNamespace(defer=told.append)
    worker.handle_quit(signal.SIGQUIT, None)
    assert worker.alive is False
    assert len(told) == 1


class Line(Conn):
    """A connection as a worker has it."""

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(Config(), sock, ("a", 1), ("b", 2))
        self.timeout = time.monotonic() + 60
        self.parser: object = object()
        self.begun: float | None = self.timeout - 60
        self.answer_from(self.timeout - 60)


class Desk(NamedTuple):
    """A worker that serves nobody, and the other ends of connections whose requests it has."""

    worker: Any
    callers: list[socket.socket]


@pytest.fixture
def desk() -> Iterator[Desk]:
    worker: Any = serving.HatchWorker.__new__(serving.HatchWorker)
    worker.alive, worker.nr_conns, worker.pending_conns = True, 2, deque()
    worker.arrivals = SimpleNamespace(overdue=lambda now: ())
    worker.departures, worker.cfg = Departures(), SimpleNamespace(is_ssl=False)
    worker.poller = SimpleNamespace(unregister=lambda sock: None)
    pairs = [socket.socketpair() for _ in range(2)]
    worker.lined_up = dict.fromkeys(Line(here) for here, _ in pairs)
    yield Desk(worker, [there for _, there in pairs])
    worker.departures.close()
    for here, there in pairs:
        here.close()
        there.close()


@pytest.mark.parametrize(
    ("late", "ssl", "begun", "greeted", "ends"),
    [
        (0, False, True, True, False),
        (READING_SECONDS + 1, False, False, False, False),
        (READING_SECONDS + 1, True, False, False, False),
        (READING_SECONDS + 1, True, True, True, False),
        (READING_SECONDS + 1, True, True, False, True),
        (ANSWERING_SECONDS + 1, False, True, True, True),
    ],
    ids=["begun", "lined up", "lined up for a greeting", "asked", "not greeted", "not answered"],
)
def test_a_thread_waits_for_nobody_for_ever(
    desk: Desk, late: float, ssl: bool, begun: bool, greeted: bool, ends: bool
) -> None:
    conn = next(iter(desk.worker.lined_up))
    conn.answer_from(time.monotonic() - late)
    conn.begun = time.monotonic() - late if begun else None
    desk.worker.cfg.is_ssl, conn.parser = ssl, object() if greeted else None
    desk.worker.murder_pending()
    if ends:
        with pytest.raises(BrokenPipeError):
            conn.sock.send(b"an answer")
        assert desk.callers[0].recv(9) == b""
    else:
        conn.sock.send(b"an answer")
        assert desk.callers[0].recv(9) == b"an answer"
        desk.callers[0].send(b"more")
        assert conn.sock.recv(4) == b"more"


class Sealed(socket.socket):
    """A socket under TLS: by its own method what is sent from then on would go out in clear."""

    def shutdown(self, how: int) -> None:
        raise AssertionError("TLS is off")


def test_under_tls_nothing_goes_out_in_clear_at_the_end(desk: Desk) -> None:
    conn = next(iter(desk.worker.lined_up))
    conn.sock = Sealed(fileno=conn.sock.detach())
    conn.answer_from(time.monotonic() - ANSWERING_SECONDS - 1)
    desk.worker.murder_pending()
    assert desk.callers[0].recv(9) == b""
    conn.sock.close()


def test_where_no_more_files_can_be_open_it_makes_room_and_goes_on(desk: Desk) -> None:
    class Full:
        def accept(self) -> None:
            raise OSError(errno.EMFILE, "too many open files")

    left, silent = socket.socketpair()
    desk.worker.pending_conns.append(Line(silent))
    leaving, other = socket.socketpair()
    desk.worker.departures.leave(leaving)
    desk.worker.accept(Full())
    assert (silent.fileno(), leaving.fileno()) == (-1, -1)
    assert (desk.worker.nr_conns, len(desk.worker.pending_conns)) == (1, 0)
    left.close()
    other.close()


def test_it_may_have_as_many_files_open_as_the_system_lets_it(
    config: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    asked: list[Any] = []
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: asked.append(limits))
    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, 4_096))
    for name, value in environment_of(config).items():
        monkeypatch.setenv(name, value)
    serving.on_starting(None)
    assert asked == [(4_096, 4_096)]
    assert soft <= hard


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_what_workers_need_is_loaded_before_there_are_any(config: Settings) -> None:
    code = (
        "import sys; from portal.cli import serving; print(serving.LOADED_FIRST in sys.modules);"
        "serving.on_starting(None); print(serving.LOADED_FIRST in sys.modules)"
    )
    told = subprocess.check_output(
        [sys.executable, "-c", code], env=environment_of(config), cwd=ROOT, text=True
    )
    assert told.split() == ["False", "True"]


def test_signals_that_came_early_are_heard_when_it_is_ready() -> None:
    heard: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: heard.append(number))
    try:
        signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
        signal.raise_signal(signal.SIGINT)  # to this thread: another might not keep it back
        assert heard == []
        when_ready(None)
        assert heard == [signal.SIGINT]
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("certfile", "/tmp/certificate"),
        ("proxy_protocol", "auto"),
        ("forwarded_allow_ips", "127.0.0.1"),
        ("forwarder_headers", "SCRIPT_NAME"),
    ],
)
def test_what_the_server_adds_to_requests_it_reads_by_itself(name: str, value: str) -> None:
    settings, silent = taken(), SimpleNamespace(access_log_enabled=False)
    assert is_plain(settings, silent)
    settings.set(name, value)
    assert not is_plain(settings, silent)


def test_with_an_access_log_or_beneath_a_path_so_it_does(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not is_plain(taken(), SimpleNamespace(access_log_enabled=True))
    monkeypatch.setenv("SCRIPT_NAME", "/credits")
    assert not is_plain(taken(), SimpleNamespace(access_log_enabled=False))


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
@pytest.mark.parametrize("word", [signal.SIGTERM, signal.SIGINT], ids=["told", "Ctrl-C"])
def test_it_stops_at_once_whatever_browsers_keep_open(
    config: Settings, tmp_path: Path, word: signal.Signals
) -> None:
    """Kept alive after an answer, or connected ahead of a request that never came."""
    with served(config, tmp_path, workers=2) as portal:
        kept = http.client.HTTPConnection(portal.authority, timeout=10)
        address = (kept.host, kept.port)
        with closing(kept), closing(socket.create_connection(address)) as waited_for:
            time.sleep(0.2)
            with closing(socket.create_connection(address)) as silent:
                kept.request("GET", "/login")
                answer = kept.getresponse()
                answer.read()
                assert (answer.status, answer.will_close) == (200, False)
                told = time.monotonic()
                portal.process.send_signal(word)
                assert portal.process.wait(15) == 0
                assert time.monotonic() - told < 8  # kept alive for 30, stopping for 10
                assert kept.sock.recv(1) == waited_for.recv(1) == b""
                with suppress(ConnectionResetError):  # where nobody had come to accept it yet
                    assert silent.recv(1) == b""
        assert "SIGKILL" not in portal.log.read_text()

"""From a command to a server: take a port, start the clock, then become gunicorn on the port.

The command's process turns into the server's (exec), so that there is one process to stop. What
runs beside it ends by itself when the server and its workers have: they hold the other end of its
input.
"""

import errno
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from typing import Final, NamedTuple, NoReturn

from portal.config import ROOT

HOST: Final = "127.0.0.1"
BACKLOG: Final = 2048
CLOCK: Final = ("-m", "flask", "--app", "wsgi", "clock", "--attached")
STOPPING: Final = frozenset({signal.SIGINT, signal.SIGTERM})


class Beside(NamedTuple):
    """A program of Python's that runs as long as a server: its words, and sockets it is given."""

    words: tuple[str, ...]
    environment: Mapping[str, str]
    listeners: tuple[socket.socket, ...] = ()


class BusyPortError(Exception):
    """The port cannot be had. The one after it is the studio's, where a demo has it."""

    def __init__(self, port: int, why: str) -> None:
        super().__init__(f"Port {port} on {HOST} {why}; try another: PORT={port + 2} make run")


def listen(port: int) -> socket.socket:
    """A socket that listens on a port of this machine alone. Raises BusyPortError."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise BusyPortError(port, "is in use by another program") from None
        if error.errno == errno.EACCES:
            raise BusyPortError(port, "is kept for root") from None
        raise
    return listener


def serve(listener: socket.socket, environment: Mapping[str, str], *others: Beside) -> NoReturn:
    """Become gunicorn on a listening socket, with the clock and others beside it.

    A Ctrl-C while gunicorn starts waits until it can be obeyed (serving.when_ready): before,
    Python would answer it with a traceback.
    """
    listener.set_inheritable(True)
    words = ["-m", "gunicorn", "--config", "python:portal.cli.serving"]
    words += ["--bind", f"fd://{listener.fileno()}", "--log-level", "warning", "wsgi:application"]
    os.chdir(ROOT)
    sys.stdout.flush()
    sys.stderr.flush()
    signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
    for one in (Beside(CLOCK, environment), *others):
        start(one)
    os.execve(sys.executable, [sys.executable, *words], dict(environment))  # noqa: S606 - no shell


def start(one: Beside) -> subprocess.Popen[bytes]:
    """Start a program whose input ends when this process and all it becomes has ended."""
    reads, writes = os.pipe()
    os.set_inheritable(writes, True)
    child = subprocess.Popen(  # noqa: S603 - our words
        [sys.executable, *one.words],
        stdin=reads,
        env=dict(one.environment),
        pass_fds=[listener.fileno() for listener in one.listeners],
    )
    os.close(reads)
    return child

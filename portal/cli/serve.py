"""From a command to a server: take a port, start the clock, then become gunicorn on the port.

The command's process turns into the server's (exec), so that there is one process to stop. The
clock ends by itself when the server and its workers have: they hold the other end of its input.
"""

import errno
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from typing import Final, NoReturn

from portal.config import ROOT

HOST: Final = "127.0.0.1"
BACKLOG: Final = 2048
STOPPING: Final = frozenset({signal.SIGINT, signal.SIGTERM})


class BusyPortError(Exception):
    """The port cannot be had."""

    def __init__(self, port: int, why: str) -> None:
        super().__init__(f"Port {port} on {HOST} {why}; try another: PORT={port + 1} make run")


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


def serve(listener: socket.socket, environment: Mapping[str, str]) -> NoReturn:
    """Become gunicorn on a listening socket.

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
    start_clock(environment)
    os.execve(sys.executable, [sys.executable, *words], dict(environment))  # noqa: S606 - no shell


def start_clock(environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Start `flask clock` as a child that ends when this process and all it becomes has ended."""
    reads, writes = os.pipe()
    os.set_inheritable(writes, True)
    words = [sys.executable, "-m", "flask", "--app", "wsgi", "clock", "--attached"]
    clock = subprocess.Popen(words, stdin=reads, env=dict(environment))  # noqa: S603 - our words
    os.close(reads)
    return clock

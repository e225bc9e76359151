"""A WSGI application under gunicorn, for measuring: the bare view and the portal alike."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
START_SECONDS: Final = 30


@dataclass(frozen=True)
class Served:
    """An application that answers on a port of 127.0.0.1, and its process."""

    port: int
    pid: int

    @property
    def authority(self) -> str:
        """host:port, as services sign it."""
        return f"127.0.0.1:{self.port}"


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def served(
    application: str, port: int, path: str, log: Path, environment: Mapping[str, str]
) -> Iterator[Served]:
    """Serve `application` (module:name) until the block is left; `path` is asked till it answers.

    Raises RuntimeError with the log if it does not start.
    """
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PORTAL_")}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", *settings(port), application],
            cwd=ROOT,
            env=clean | dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        await_answer(process, port, path, log)
        yield Served(port, process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def settings(port: int) -> list[str]:
    """gunicorn's command line: as the portal is served in production, on both sides."""
    words = ["--config", "python:portal.cli.serving", "--bind", f"127.0.0.1:{port}"]
    return [*words, "--log-level", "warning"]


def await_answer(process: subprocess.Popen[bytes], port: int, path: str, log: Path) -> None:
    """Wait until a worker answers; what it answers does not matter."""
    give_up = time.monotonic() + START_SECONDS
    while time.monotonic() < give_up and process.poll() is None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", path)
            connection.getresponse().read()
            return
        except (OSError, http.client.HTTPException):
            time.sleep(0.05)
        finally:
            connection.close()
    raise RuntimeError(f"{path} did not answer:\n{log.read_text(errors='replace')}")

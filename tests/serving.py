"""The real portal under gunicorn, on a free port, for tests that come in from outside."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from portal.config import Config

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Portal:
    """A portal that is being served: where, with which settings, and by which process."""

    url: str
    config: Config
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def authority(self) -> str:
        """host:port, as services sign it."""
        return self.url.removeprefix("http://")


def environment_of(config: Config) -> dict[str, str]:
    """The PORTAL_* that read back as `config`: for processes that a test starts."""
    settings = {
        "DATABASE_URL": config.database_url,
        "DATABASE_POOL": str(config.database_pool),
        "GROUP_COMMIT": "on" if config.group_commit else "off",
        "SECRET_KEY": config.secret_key.decode(),
        "PUBLIC_URL": config.public_url,
        "AUTHORITY": config.authority,
        "TRUSTED_HOSTS": ",".join(config.trusted_hosts),
        "PROXY_HOPS": str(config.proxy_hops),
        "SESSION_IDLE_MINUTES": str(config.session_idle_minutes),
        "SESSION_HOURS": str(config.session_hours),
        "SHARED_FOLDER": str(config.shared_folder),
        "LOG_REQUESTS": config.log_requests,
    }
    if config.metrics_token is not None:
        settings["METRICS_TOKEN"] = config.metrics_token.decode()
    for name in ("RATE_KEY", "RATE_ACCOUNT", "RATE_ADDRESS"):
        rate = getattr(config, name.lower())
        if rate is not None:
            settings[name] = f"{rate[0]}/{rate[1]}"
    if config.database_owner_url != config.database_url:
        settings["DATABASE_OWNER_URL"] = config.database_owner_url
    return {f"PORTAL_{name}": value for name, value in settings.items()}


@contextmanager
def serving(
    config: Config, folder: Path, *, workers: int = 1, threads: int = 8
) -> Iterator[Portal]:
    """Serve `config`'s database until the block is left; the log lies in `folder`.

    Raises AssertionError with the log if the portal does not start, or does not end when told.
    """
    with socket.socket() as probe:  # held until gunicorn has it: nobody else takes the port
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        probe.bind(("127.0.0.1", 0))
        authority = f"127.0.0.1:{probe.getsockname()[1]}"
        config = replace(
            config,
            public_url=f"http://{authority}",
            authority=authority,
            trusted_hosts=("127.0.0.1",),
        )
        log = folder / "gunicorn.log"
        log.unlink(missing_ok=True)
        process = start(config, log, workers=workers, threads=threads)
        portal = Portal(f"http://{authority}", config, process, log)
        try:
            _await(portal)
            yield portal
        finally:
            _end(portal)


def start(config: Config, log: Path, *, workers: int, threads: int = 8) -> subprocess.Popen[bytes]:
    """Start gunicorn where the configuration's authority says; the log goes on where it ends."""
    words = ["--config", "python:portal.cli.serving", "--bind", config.authority, "--reuse-port"]
    words += ["--workers", str(workers), "--threads", str(threads), "--graceful-timeout", "5"]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PORTAL_")}
    with log.open("ab") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "gunicorn", *words, "wsgi:application"],
            cwd=ROOT,
            env=clean | environment_of(config),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )


def _await(portal: Portal) -> None:
    """Until a worker answers: gunicorn listens before it knows that its workers can start."""
    give_up = time.monotonic() + 30
    while time.monotonic() < give_up and portal.process.poll() is None:
        connection = http.client.HTTPConnection(portal.authority, timeout=5)
        try:
            connection.request("GET", "/")
            connection.getresponse().read()
            return
        except (OSError, http.client.HTTPException):
            time.sleep(0.05)
        finally:
            connection.close()
    raise AssertionError("the portal did not start:\n" + portal.log.read_text(errors="replace"))


def _end(portal: Portal) -> None:
    portal.process.send_signal(signal.SIGTERM)
    try:
        portal.process.wait(15)
    except subprocess.TimeoutExpired:
        portal.process.kill()
        portal.process.wait()
        text = portal.log.read_text(errors="replace")
        raise AssertionError("the portal did not end when told:\n" + text) from None

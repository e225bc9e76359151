"""Portals as a client may meet them: the real one, and ones that answer as they are told to."""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from portal import ledger, pricing, signing
from portal.client import Credits, Patience, Settings
from portal.clock import utc_now
from portal.config import Config
from portal.current import Application
from portal.database import Database
from portal.internal.keys import SCOPES, STALE, issue_key
from tests.serving import serving

KID, SECRET = "tts-202611a", "csk_a-secret-that-nobody-else-knows"
HASTY = Patience(first=0.01, longest=0.05)
STEADY = Patience(tries=50, deadline=90, answer=60)  # however busy the machine is
OPERATOR = ledger.Actor("admin", "root@example.com")
Step = Callable[[socket.socket], bool]


@dataclass(frozen=True)
class Real:
    """A served portal with a service's key; accounts are the tests' own."""

    config: Config
    authority: str
    kid: str
    secret: str
    process: int = 0

    def credits(self, url: str = "", patience: Patience = HASTY, **more: Any) -> Credits:
        """A client of it, by way of another url if one is given."""
        settings = Settings.of(
            url or f"http://{self.authority}", self.kid, self.secret, authority=self.authority
        )
        return Credits(settings, patience=patience, **more)

    def key_of(self, scopes: tuple[str, ...], **terms: Any) -> Real:
        """The same portal with another key, once every worker may have read it."""
        kid, secret = issued(self.config, scopes, **terms)
        time.sleep(STALE)
        return Real(self.config, self.authority, kid, secret)


def issued(config: Config, scopes: tuple[str, ...], **terms: Any) -> tuple[str, str]:
    """Id and secret of a new key."""
    database = Database(config)
    try:
        key = database.run(
            lambda connection: issue_key(
                connection, service="tts", scopes=scopes, now=utc_now(), **terms
            )
        )
    finally:
        database.dispose()
    return key.kid, signing.derive_secret(config.secret_key, key.kid)


def stocked(config: Config) -> tuple[str, str]:
    """Publish the shipped price list; id and secret of a key that may do everything."""
    state = Application(config, Database(config), utc_now, os.urandom)
    tariff = pricing.shipped_tariff()
    state.database.run(
        lambda connection: ledger.publish_tariff(
            connection, tariff, now=utc_now(), published_by="tests"
        )
    )
    state.database.dispose()
    return issued(config, SCOPES)


@contextmanager
def real(config: Config, folder: Path) -> Iterator[Real]:
    """Serve a fresh database with the shipped price list under two workers."""
    kid, secret = stocked(config)
    with serving(config, folder, workers=2, threads=16) as portal:
        yield Real(portal.config, portal.authority, kid, secret, portal.process.pid)


# --- portals that misbehave ----------------------------------------------------------------------


@dataclass
class Scripted:
    """A portal that does one step for each request, in order; the last one again and again."""

    steps: list[Step]
    heads: list[str] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    connections: int = 0
    _listener: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))
    _plugs: list[socket.socket] = field(default_factory=list)
    _clients: list[Credits] = field(default_factory=list)

    def __enter__(self) -> Scripted:
        self._door = threading.Thread(target=self._accept, daemon=True)
        self._door.start()
        return self

    def __exit__(self, *_: object) -> None:
        for client in self._clients:
            client.close()
        shut(self._listener)
        self._door.join(10)  # or one that came in just now would be left open
        for each in self._plugs:
            shut(each)

    @property
    def url(self) -> str:
        host, port = self._listener.getsockname()
        return f"http://{host}:{port}"

    def credits(self, patience: Patience = HASTY, **more: Any) -> Credits:
        """A client of it."""
        made = Credits(Settings.of(self.url, KID, SECRET), patience=patience, **more)
        self._clients.append(made)
        return made

    def header(self, name: str) -> list[str]:
        """What each request said in a header."""
        found = [re.search(rf"(?im)^{name}: (.*)\r$", head) for head in self.heads]
        return [one[1] if one else "" for one in found]

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                plug, _ = self._listener.accept()
                self.connections += 1
                self._plugs.append(plug)
                threading.Thread(target=self._answer, args=(plug,), daemon=True).start()

    def _answer(self, plug: socket.socket) -> None:
        with contextlib.suppress(OSError):
            stream = plug.makefile("rb")
            while (head := _head(stream)) is not None:
                length = re.search(r"(?i)content-length: (\d+)", head)
                self.bodies.append(stream.read(int(length[1])) if length else b"")
                self.heads.append(head)
                step = self.steps.pop(0) if len(self.steps) > 1 else self.steps[0]
                if not step(plug):
                    break
        with contextlib.suppress(OSError):
            plug.shutdown(socket.SHUT_RDWR)


def shut(sock: socket.socket) -> None:
    """Close a socket that another thread may be waiting on."""
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
    sock.close()


def _head(stream: Any) -> str | None:
    lines = b""
    while line := stream.readline():
        lines += line
        if line == b"\r\n":
            return lines.decode("latin-1")
    return None


def written(status: int, members: Any, **headers: str) -> bytes:
    """An answer as bytes; members that are bytes are sent as they are."""
    content = members if isinstance(members, bytes) else json.dumps(members).encode()
    lines = [f"HTTP/1.1 {status} Said", f"Content-Length: {len(content)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + content


def says(status: int, members: Any, **headers: str) -> Step:
    """Answer, and listen on."""

    def step(plug: socket.socket) -> bool:
        plug.sendall(written(status, members, **headers))
        return True

    return step


def then_closes(step: Step) -> Step:
    """Do a step, and close the connection without a word."""
    return lambda plug: step(plug) and False


def hangs_up(plug: socket.socket) -> bool:
    """Close the connection instead of answering."""
    return False


def breaks_off(plug: socket.socket) -> bool:
    """Close in the middle of an answer."""
    plug.sendall(written(201, {"entry": "x" * 100})[:-50])
    return False


def waits(seconds: float) -> Step:
    """Say nothing for a while, and then hang up."""

    def step(plug: socket.socket) -> bool:
        time.sleep(seconds)
        return False

    return step


def trickles(plug: socket.socket) -> bool:
    """A byte every now and then, for a minute."""
    plug.sendall(b"HTTP/1.1 200 Said\r\nContent-Length: 1000\r\n\r\n")
    for _ in range(600):
        plug.sendall(b" ")
        time.sleep(0.1)
    return False


def problem(code: str, status: int, *, retryable: bool = False, **numbers: Any) -> dict[str, Any]:
    """A problem as the door writes it."""
    return {
        "type": f"urn:credits:problem:{code}",
        "title": code.replace("_", " "),
        "status": status,
        "detail": f"This is {code}.",
        "instance": "/internal/v1/debits",
        "code": code,
        "retryable": retryable,
        **numbers,
    }


def refuses(code: str, status: int, **numbers: Any) -> Step:
    """Answer with a problem."""
    return says(status, problem(code, status, **numbers))


ENTRY: dict[str, Any] = {
    "id": "ent_1", "account": "acme", "seq": 2, "kind": "debit", "amount": -12, "hold_amount": 0,
    "posted_after": 88, "held_after": 0, "reason": None, "operation": "generate", "quantity": 12,
    "reference": {"type": "task", "id": "job-1"}, "tariff": "2026-01", "hold": None,
    "reverses": None, "draws": [{"grant": "grt_1", "amount": -12}], "labels": {}, "metadata": {},
    "occurred_at": "2026-11-22T13:52:00.250000Z", "recorded_at": "2026-11-22T13:52:00.250000Z",
    "hash": "00", "a_member_of_tomorrow": 1,
}  # fmt: skip
BALANCE = {"account": "acme", "posted": 88, "held": 0, "available": 88, "seq": 2}
POSTED = {"entry": ENTRY, "balance": BALANCE}
HOLD: dict[str, Any] = {
    "id": "hld_1", "account": "acme", "status": "open", "amount": 100, "captured": 0,
    "operation": "generate", "quantity": 50, "reference": {"type": "task", "id": "job-1"},
    "expires_at": "2026-11-22T14:07:00.000000Z", "created_at": "2026-11-22T13:52:00.000000Z",
}  # fmt: skip
HELD = {"hold": HOLD, "entry": {**ENTRY, "kind": "hold"}, "balance": BALANCE}


def held(**changed: Any) -> dict[str, Any]:
    """An answer about the hold, with some of its members as they are then."""
    return {**HELD, "hold": {**HOLD, **changed}}

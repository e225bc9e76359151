"""Gate 48: who sends slowly keeps nobody waiting, and a storm of refusals is one account's own."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest

from portal.config import Config
from tests.internal.service import ROOT
from tests.served import Caller, served

pytestmark = [
    pytest.mark.gate,
    pytest.mark.parametrize("dialect", ["sqlite"], indirect=True),  # it is all before the database
]
MANY = 200
HEAD = "\r\n".join((f"POST {ROOT}/debits HTTP/1.1", "Host: a", "Content-Length: 900", ""))
PAGE = "\r\n".join(("GET /login HTTP/1.1", "Host: a", "Cookie: portal="))
BODY = HEAD + "\r\n{"


@contextmanager
def slow_clients(caller: Caller, said: str) -> Iterator[Callable[[], None]]:
    """Many connections that have said a part of a request; gives what says a byte more on each."""
    host, port = caller.portal.authority.split(":")
    with ExitStack() as stack:
        plugs = []
        for _ in range(MANY):
            plug = socket.create_connection((host, int(port)), timeout=10)
            stack.enter_context(closing(plug))
            plug.sendall(said.encode())
            plugs.append(plug)

        def trickle() -> None:
            for plug in plugs:
                plug.sendall(b"a")

        yield trickle


def check_answers(caller: Caller) -> None:
    """Whoever sends at once is answered within a second: a service, and a person."""
    for ask, wanted in ((caller.debit, 201), (lambda: caller.ask("/login"), 200)):
        began = time.monotonic()
        assert ask().status == wanted
        assert time.monotonic() - began < 1.0


@pytest.mark.parametrize("said", [HEAD, BODY, PAGE], ids=["head", "body", "page"])
def test_two_hundred_slow_clients_keep_nobody_waiting(
    config: Config, tmp_path: Path, said: str
) -> None:
    with served(config, tmp_path, threads=4) as caller:
        check_answers(caller)
        with slow_clients(caller, said) as trickle:
            for _ in range(3):
                check_answers(caller)
                trickle()

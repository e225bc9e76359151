"""Gate 48: who sends slowly keeps nobody waiting, and a storm of refusals is one account's own."""

from __future__ import annotations

import http.client
import json
import select
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from itertools import chain
from pathlib import Path

import pytest

from portal import signing
from portal.cli.arrivals import PATIENCE
from portal.cli.reader import READING_SECONDS
from portal.config import Config
from portal.database import Database
from tests.internal.service import ROOT, new_key
from tests.served import Caller, Reply, served

pytestmark = [
    pytest.mark.gate,
    pytest.mark.parametrize("dialect", ["sqlite"], indirect=True),  # it is all before the database
]
MANY = 200
UNFELT = 0.025
HEAD = "\r\n".join((f"POST {ROOT}/debits HTTP/1.1", "Host: a", "Content-Length: 900", ""))
PAGE = "\r\n".join(("GET /login HTTP/1.1", "Host: a", "Cookie: portal="))
FORM = "Content-Type: application/x-www-form-urlencoded\r\n"
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
    caller.timeout = 1.0
    assert caller.debit().status == 201
    assert caller.ask("/login").status == 200


def test_two_hundred_slow_clients_keep_nobody_waiting(config: Config, tmp_path: Path) -> None:
    with served(config, tmp_path) as caller:
        for said in (HEAD, BODY, PAGE):
            with slow_clients(caller, said) as trickle:
                for _ in range(3):
                    check_answers(caller)
                    trickle()


def test_control_where_threads_wait_for_them_nobody_is_answered(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GUNICORN_CMD_ARGS", "--worker-class portal.cli.serving.PromptWorker")
    with served(config, tmp_path) as caller:
        # By the caller's own patience: a machine with other work may stand still for a second.
        patience = caller.timeout
        assert caller.debit().status == 201
        with slow_clients(caller, PAGE), pytest.raises(TimeoutError):
            check_answers(caller)
        caller.timeout = patience  # it was they who were in the way, and nothing else
        assert caller.ask("/login").status == 200


def slowest(caller: Caller, times: int) -> float:
    """The time that 99 of 100 debits of an account with credits stay within."""
    took = []
    for _ in range(times):
        began = time.perf_counter()
        assert caller.debit("zenith").status == 201
        took.append(time.perf_counter() - began)
    return sorted(took)[times * 99 // 100 - 1]


@contextmanager
def beside(work: Callable[[], object], threads: int = 2) -> Iterator[None]:
    """Somebody does a work again and again, meanwhile."""
    ended = threading.Event()

    def repeat() -> None:
        while not ended.wait(0.01):
            work()

    others = [threading.Thread(target=repeat) for _ in range(threads)]
    for other in others:
        other.start()
    try:
        yield
    finally:
        ended.set()
        for other in others:
            other.join()


def is_felt(caller: Caller, refused: Callable[[], object], times: int) -> bool:
    """Whether beside the refusals of one account the slowest answers to another take twice as long.

    What takes less than 50 ms nobody feels.
    """
    quiet = slowest(caller, times)
    with beside(refused):
        return slowest(caller, times) >= 2 * max(quiet, UNFELT)


# The machine may have other work: three tries have one that goes as it should.


def test_a_storm_of_refusals_is_felt_by_nobody_else(config: Config, tmp_path: Path) -> None:
    with served(config, tmp_path) as caller:
        for _ in range(2):
            assert caller.debit("acme", 50_000).status == 201
        storm: Counter[int] = Counter()

        def refused() -> None:
            storm[caller.debit("acme").status] += 1

        assert not all(is_felt(caller, refused, 100) for _ in range(3))
        assert storm.keys() == {402}
        assert storm[402] > 20


def test_control_where_a_refusal_keeps_the_database_everybody_feels_it(
    config: Config, tmp_path: Path
) -> None:
    with served(config, tmp_path) as caller, closing_database(caller.portal.config) as database:

        def keep() -> None:
            with database.writing():
                time.sleep(0.2)

        assert any(is_felt(caller, keep, 10) for _ in range(3))


@contextmanager
def closing_database(config: Config) -> Iterator[Database]:
    """A served portal's database, as a process beside it has it."""
    database = Database(config)
    yield database
    database.dispose()


ANNOUNCED = {
    "content that is asked for": f"{HEAD}Expect: 100-continue\r\n\r\n",
    "pieces": f"POST /login HTTP/1.1\r\nHost: a\r\n{FORM}Transfer-Encoding: chunked\r\n\r\n",
    "more than the kernel keeps": HEAD.replace("900", "100000") + "\r\n" + "x" * 66_000,
    "another request": f"{PAGE}\r\n\r\nG",
}


@pytest.mark.parametrize("said", ANNOUNCED.values(), ids=ANNOUNCED)
def test_what_is_announced_and_never_sent_has_no_thread_for_long(
    config: Config, tmp_path: Path, said: str
) -> None:
    with served(config, tmp_path) as caller, slow_clients(caller, said):
        assert caller.debit().status == 201
        caller.timeout = 3 * READING_SECONDS
        assert caller.ask("/login").status == 200
        check_answers(caller)


class Batch:
    """A signed batch of more than the kernel keeps, on a connection of its own."""

    def __init__(self, caller: Caller) -> None:
        self.authority = caller.portal.authority
        about = {"account": "acme", "operation": "generate", "quantity": 1, "command": "debit"}
        named = [{"reference": {"type": "task", "id": new_key()}} for _ in range(600)]
        commands = [{**about, **each, "idempotency_key": new_key()} for each in named]
        self.body = json.dumps({"commands": commands}).encode()
        now = int(time.time())
        self.signed = signing.sign(
            method="POST", authority=self.authority, path=f"{ROOT}/batch", body=self.body,
            kid=caller.kid, secret=caller.secret, created=now, expires=now + 60, nonce=new_key(),
            idempotency_key=new_key(),
        )  # fmt: skip

    def send(self, parts: Iterator[bytes], pause: float) -> Reply:
        """The answer to what came in parts, sent until there is one."""
        connection = http.client.HTTPConnection(self.authority, timeout=30)
        with closing(connection):
            connection.putrequest("POST", f"{ROOT}/batch")
            for name, value in {**self.signed, "Content-Length": str(len(self.body))}.items():
                connection.putheader(name, value)
            connection.endheaders()
            for part in parts:
                connection.send(part)
                if select.select([connection.sock], [], [], pause)[0]:
                    break
            answer = connection.getresponse()
            return Reply(answer.status, answer.headers, answer.read())


def posted(caller: Caller) -> int:
    """The credits of acme."""
    found: int = caller.call("GET", "/accounts/acme").json["balance"]["posted"]
    return found


@pytest.mark.parametrize(
    ("came", "allowed"),
    [(80_000, READING_SECONDS), (1_000, PATIENCE)],
    ids=["a thread waits", "the kernel keeps it"],
)
def test_who_sends_too_slowly_hears_so_and_may_send_again(
    config: Config, tmp_path: Path, came: int, allowed: float
) -> None:
    with served(config, tmp_path) as caller:
        batch, before = Batch(caller), posted(caller)
        drops = (batch.body[place : place + 1] for place in range(came, len(batch.body)))
        began = time.monotonic()
        answer = batch.send(chain([batch.body[:came]], drops), 0.2)
        assert time.monotonic() - began < 2 * allowed
        told = answer.json
        assert (answer.status, told["code"], told["retryable"]) == (408, "body_timeout", True)
        assert told["length"] == len(batch.body)
        assert came < told["got"] < came + 5 * 2 * allowed
        assert allowed <= told["seconds"] <= 2 * allowed
        assert answer.headers["Connection"] == "close"
        assert posted(caller) == before
        assert batch.send(iter([batch.body]), 0).status == 201
        assert posted(caller) == before - 600


def test_who_sends_slowly_and_steadily_is_waited_for(config: Config, tmp_path: Path) -> None:
    with served(config, tmp_path) as caller:
        batch = Batch(caller)
        came, pieces, pause = 66_000, 30, 1.2 * READING_SECONDS / 30
        size = -(-(len(batch.body) - came) // pieces)
        rest = (batch.body[at : at + size] for at in range(came, len(batch.body), size))
        began = time.monotonic()
        assert batch.send(chain([batch.body[:came]], rest), pause).status == 201
        assert time.monotonic() - began > READING_SECONDS

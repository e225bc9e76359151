"""The hatch: requests that arrive together are posted together, by one thread."""

import http.client
import os
import re
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from gunicorn.config import Config as Settings

from benchmarks.requests import Signer
from benchmarks.visitors import EMAIL, PASSWORD, Visitor
from portal import identity, ledger
from portal.cli.hatch import Hatch
from portal.clock import utc_now
from portal.config import Config
from portal.current import TOGETHER
from portal.database import Database
from portal.web import UNCHANGED
from tests.served import Caller, served
from tests.web.desk import Desk

LINGER = 0.2
Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class Worker:
    """What the hatch needs of gunicorn's worker, with an application that posts what it is told."""

    def __init__(
        self, post: Callable[[Sequence[Any]], list[Any]], wsgi: Application | None = None
    ) -> None:
        self.cfg = Settings()
        self.cfg.set("keepalive", 30)
        self.alive, self.nr, self.max_requests = True, 0, 10**9
        self.log = SimpleNamespace(exception=self.note)
        self.method_queue = SimpleNamespace(defer=lambda how, conn: how(conn))
        self.queue = ledger.Queue(post)
        self.given_back: list[Any] = []
        self.ended: list[Any] = []
        self.noted: list[object] = []
        self.opened: list[socket.socket] = []
        self.wsgi: Application = wsgi or self.answer
        self.hatch = Hatch(self, LINGER)

    def close(self) -> None:
        for sock in self.opened:
            sock.close()
        self.hatch._poller.close()
        os.close(self.hatch._bell)
        os.close(self.hatch._rope)

    def note(self, *words: object) -> None:
        self.noted.append(words)

    def take_back(self, conn: Any) -> None:
        self.given_back.append(conn)

    def part_with(self, conn: Any) -> None:
        self.ended.append(conn)
        conn.sock.close()

    def answer(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        told = environ["wsgi.input"].read().decode()
        try:
            outcome = str(environ[TOGETHER](self.queue, told))
        except ledger.LedgerError as error:
            outcome = type(error).__name__
        start("201 CREATED", [("Content-Length", str(len(outcome)))])
        return [outcome.encode()]


class Conn:
    """A connection as gunicorn keeps it."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock, self.client, self.server = sock, ("127.0.0.1", 1), ("127.0.0.1", 80)


class Client:
    """One end of a connection whose other end the hatch has."""

    def __init__(self, worker: Worker) -> None:
        self.sock, other = socket.socketpair()
        self.sock.settimeout(5)
        self.conn = Conn(other)
        worker.opened += (self.sock, other)
        worker.hatch.take(self.conn)
        worker.hatch.turn()

    def say(self, body: str, path: str = "/internal/v1/debits") -> None:
        self.sock.sendall(request(body, path))

    def hear(self) -> str:
        return self.sock.recv(65536).decode().rpartition("\r\n")[2]


def request(body: str, path: str = "/internal/v1/debits") -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
    return (head + body).encode()


@pytest.fixture
def groups() -> list[list[Any]]:
    return []


@pytest.fixture
def worker(groups: list[list[Any]]) -> Iterator[Worker]:
    def post(commands: Sequence[Any]) -> list[Any]:
        groups.append(list(commands))
        if "spoilt" in commands:
            raise ValueError("spoilt")
        if "away" in commands:
            raise ledger.StorageUnavailableError
        return [f"did {command}" for command in commands]

    made = Worker(post)
    yield made
    made.close()


def test_requests_that_arrive_together_are_posted_together(
    worker: Worker, groups: list[list[Any]]
) -> None:
    clients = [Client(worker) for _ in range(5)]
    for number, client in enumerate(clients):
        client.say(f"job-{number}")
    worker.hatch.turn()
    assert [sorted(group) for group in groups] == [[f"job-{number}" for number in range(5)]]
    assert [client.hear() for client in clients] == [f"did job-{number}" for number in range(5)]


def test_however_many_are_ready_each_has_its_turn(
    worker: Worker, groups: list[list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever always has more to say must not keep out who comes behind, nor who is new."""
    monkeypatch.setattr(ledger, "GROUP_MAX", 2)
    clients = [Client(worker) for _ in range(5)]
    for number, client in enumerate(clients):
        client.say(f"job {number}")
    worker.hatch.turn()
    assert [client.hear() for client in clients] == [f"did job {number}" for number in range(5)]
    assert sorted(map(len, groups)) == [1, 2, 2]


def test_one_alone_is_posted_at_once(worker: Worker, groups: list[list[Any]]) -> None:
    client = Client(worker)
    for job in ("first", "second"):
        client.say(job)
        worker.hatch.turn()
        assert client.hear() == f"did {job}"
    assert groups == [["first"], ["second"]]


def test_one_that_fails_touches_no_neighbour(worker: Worker, groups: list[list[Any]]) -> None:
    clients = {job: Client(worker) for job in ("good", "spoilt", "fine")}
    for job, client in clients.items():
        client.say(job)
    worker.hatch.turn()
    assert (clients["good"].hear(), clients["fine"].hear()) == ("did good", "did fine")
    assert clients["spoilt"].sock.recv(100).startswith(b"HTTP/1.1 500")
    assert clients["spoilt"].conn in worker.ended
    assert sorted(map(len, groups)) == [1, 1, 1, 3]


def test_all_of_a_group_are_told_that_the_database_is_away(
    worker: Worker, groups: list[list[Any]]
) -> None:
    clients = {job: Client(worker) for job in ("good", "away")}
    for job, client in clients.items():
        client.say(job)
    worker.hatch.turn()
    assert {client.hear() for client in clients.values()} == {"StorageUnavailableError"}
    assert len(groups) == 1


def test_commands_of_two_queues_are_two_groups(worker: Worker, groups: list[list[Any]]) -> None:
    others: list[Any] = []

    def post_apart(commands: Sequence[Any]) -> list[Any]:
        others.extend(commands)
        return ["apart"] * len(commands)

    apart = ledger.Queue(post_apart)
    usual, answered = worker.queue, worker.answer

    def answer(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        worker.queue = apart if environ["PATH_INFO"].endswith("apart") else usual
        return answered(environ, start)

    worker.wsgi = answer
    one, two = Client(worker), Client(worker)
    one.say("here")
    two.say("there", "/internal/v1/apart")
    worker.hatch.turn()
    assert (one.hear(), two.hear()) == ("did here", "apart")
    assert (groups, others) == ([["here"]], ["there"])


def test_what_is_not_whole_is_given_back_unread(worker: Worker) -> None:
    client = Client(worker)
    client.sock.sendall(request("a job")[:-1])
    worker.hatch.turn()
    assert worker.given_back == [client.conn]
    assert client.conn.sock.recv(1000) == request("a job")[:-1]


def test_requests_sent_one_behind_the_other_are_answered_in_order(worker: Worker) -> None:
    client = Client(worker)
    client.sock.sendall(request("one") + request("two"))
    for job in ("one", "two"):
        worker.hatch.turn()
        assert client.hear() == f"did {job}"


def test_who_hangs_up_is_parted_with(worker: Worker) -> None:
    client = Client(worker)
    client.sock.close()
    worker.hatch.turn()
    assert worker.ended == [client.conn]


def test_who_hangs_up_before_the_answer_is_parted_with(
    worker: Worker, groups: list[list[Any]]
) -> None:
    client = Client(worker)
    client.say("a job")
    client.sock.close()
    worker.hatch.turn()
    assert (groups, worker.ended) == ([["a job"]], [client.conn])


class Cut(Conn):
    """A connection that the other side resets once it was looked at."""

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(sock)
        self.sock: Any = SimpleNamespace(
            fileno=sock.fileno, setblocking=sock.setblocking, recv=self.recv, close=sock.close
        )
        self.real = sock

    def recv(self, size: int, flags: int = 0) -> bytes:
        if not flags:
            raise ConnectionResetError
        return self.real.recv(size, flags)


def test_who_cuts_the_line_while_being_read_is_parted_with(
    worker: Worker, groups: list[list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.cli.test_hatch.Conn", Cut)
    client = Client(worker)
    client.say("a job")
    worker.hatch.turn()
    assert (groups, worker.ended) == ([], [client.conn])


def test_who_reads_no_answer_is_left(worker: Worker) -> None:
    worker.wsgi = lambda _, start: (
        start("200 OK", [("Content-Length", "4000000")]) or [b"x" * 4_000_000]
    )
    client = Client(worker)
    client.say("a job")
    worker.hatch.turn()
    assert worker.ended == [client.conn]


def test_who_is_silent_for_long_is_parted_with(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    clients = [Client(worker), Client(worker)]
    later = time.monotonic() + 20
    monkeypatch.setattr(time, "monotonic", lambda: later)
    clients[0].say("a job")
    worker.hatch.turn()
    assert worker.ended == []
    later += 20
    clients[1].sock.close()
    worker.hatch.turn()
    assert worker.ended == [clients[1].conn]


def test_a_worker_that_stops_answers_and_parts(worker: Worker) -> None:
    client, silent = Client(worker), Client(worker)
    worker.hatch.start()
    client.say("a job")
    assert client.hear() == "did a job"
    worker.alive = False
    client.say("the last job")
    answer = client.sock.recv(65536).decode()
    assert answer.endswith("did the last job")
    assert "Connection: close" in answer
    worker.hatch.join(5)
    assert not worker.hatch.is_alive()
    assert silent.sock.recv(1) == b""


def test_a_worker_that_has_answered_enough_stops(worker: Worker) -> None:
    worker.max_requests = 1
    client = Client(worker)
    client.say("a job")
    worker.hatch.turn()
    assert "Connection: close" in client.sock.recv(65536).decode()
    assert worker.alive is False


def test_a_broken_hatch_ends_its_worker(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker.hatch, "turn", lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        worker.hatch.run()
    assert worker.alive is False


def test_it_wants_signed_posts_and_polls_alone(worker: Worker) -> None:
    for said, wanted in (
        (request("x"), True),
        (b"GET /internal/v1/accounts/a HTTP/1.1\r\n", False),
        (b"POST /login HTTP/1.1\r\n", False),
        (b"POST /int", False),
        (poll("x"), True),
        (b"GET /usage HTTP/1.1\r\n", False),
    ):
        one, other = socket.socketpair()
        with closing(one), closing(other):
            one.sendall(said)
            assert Hatch.wants(other) is wanted
    one, other = socket.socketpair()
    one.close()
    other.close()
    assert Hatch.wants(other) is False


def test_a_bell_that_rings_already_is_enough(worker: Worker) -> None:
    with suppress(BlockingIOError):
        while True:
            os.write(worker.hatch._rope, b"." * 4096)
    client = Client(worker)
    client.say("a job")
    worker.hatch.turn()
    assert client.hear() == "did a job"


class Polls:
    """An application's word on polls: nothing is new for one tag alone."""

    def find_unchanged(self, environ: dict[str, Any]) -> str | None:
        if environ["HTTP_HX_PTAG"] == "broken":
            raise ValueError("broken")
        return "a.1.1.1" if environ["HTTP_HX_PTAG"] == "a.1.1.1" else None


def poll(tag: str, *lines: str) -> bytes:
    said = ["GET /usage?period=30d HTTP/1.1", "Host: x", f"HX-PTag: {tag}", *lines, "", ""]
    return "\r\n".join(said).encode()


def test_a_poll_is_answered_where_nothing_is_new_and_else_given_back_unread(
    worker: Worker,
) -> None:
    def answer(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        start("304 NOT MODIFIED", [("HX-PTag", environ[UNCHANGED])])
        return ()

    worker.hatch._polls, worker.wsgi = Polls(), answer  # type: ignore[assignment]
    client = Client(worker)
    for _ in range(2):
        client.sock.sendall(poll("a.1.1.1"))
        worker.hatch.turn()
        told = client.sock.recv(65536)
        assert told.startswith(b"HTTP/1.1 304 NOT MODIFIED\r\nServer: ")
        assert told.endswith(b"\r\nConnection: keep-alive\r\nHX-PTag: a.1.1.1\r\n\r\n")
    assert (worker.given_back, worker.ended) == ([], [])
    for tag in ("a.1.1.2", "broken"):
        other = Client(worker)
        other.sock.sendall(poll(tag))
        worker.hatch.turn()
        assert worker.given_back.pop() is other.conn
        assert other.conn.sock.recv(1000) == poll(tag)
    assert len(worker.noted) == 1
    client.sock.sendall(poll("a.1.1.2"))
    worker.hatch.turn()
    assert worker.given_back == [client.conn]


def test_an_application_without_a_word_on_polls_answers_them_in_a_thread(worker: Worker) -> None:
    client = Client(worker)
    client.sock.sendall(poll("a.1.1.1"))
    worker.hatch.turn()
    assert worker.given_back == [client.conn]


def test_commands_are_posted_though_somebody_polls(worker: Worker, groups: list[list[Any]]) -> None:
    worker.hatch._polls = Polls()  # type: ignore[assignment]
    clients = [Client(worker) for _ in range(3)]
    clients[0].say("one")
    clients[1].sock.sendall(poll("a.1.1.2"))
    clients[2].say("two")
    worker.hatch.turn()
    assert sorted(groups[0]) == ["one", "two"]
    assert worker.given_back == [clients[1].conn]


def test_a_portals_own_polls_are_answered(config: Config) -> None:
    desk = Desk(config)
    desk.account("acme")
    desk.person("ada@acme.example", "acme")
    ada = desk.signed_in("ada@acme.example")
    desk.database.glances.connect()
    told = re.search(r'hx-ptag="([^"]+)"', ada.get("/usage").text)
    assert told is not None
    shape = ("HX-Request-Type: partial", "HX-Target: section#balance")
    said = poll(told[1], f"Cookie: portal={ada.cookie()}", *shape).replace(
        b"x\r", b"localhost\r", 1
    )
    with closing(Worker(lambda _: [], desk.app)) as worker:
        client = Client(worker)
        client.sock.sendall(said)
        worker.hatch.turn()
        assert client.sock.recv(65536).startswith(b"HTTP/1.1 304 NOT MODIFIED\r\n")
        desk.done(desk.debit("acme", 1))
        client.sock.sendall(said)
        worker.hatch.turn()
        assert worker.given_back == [client.conn]
    desk.database.dispose()


VARIES = re.compile(rb"(?<=\r\nDate: )[^\r]+|(?<=\r\nX-Request-Id: )[^\r]+|(?<='nonce-)[^']+")


class Tab:
    """A page that polls over connections of its own."""

    def __init__(self, authority: str, said: bytes) -> None:
        self.authority, self.said = authority, said

    def ask(self, **changed: str) -> bytes:
        """The answer to its poll, without what varies; with a header more if told so."""
        lines = "".join(f"{name}: {value}\r\n" for name, value in changed.items()).encode()
        host, port = self.authority.split(":")
        with closing(socket.create_connection((host, int(port)), 10)) as client:
            client.sendall(self.said[:-2] + lines + b"\r\n")
            answer = b""
            while b"\r\n\r\n" not in answer:
                answer += client.recv(65536) or pytest.fail("it hung up")
        return VARIES.sub(b"", answer)

    def statuses(self) -> set[bytes]:
        """What several polls are answered with, whichever worker they come to."""
        return {self.ask()[9:12] for _ in range(10)}


@pytest.fixture
def visited(config: Config, tmp_path: Path) -> Iterator[tuple[Caller, Visitor]]:
    """A portal with several workers, and a customer of acme who has signed in."""
    workers = 1 if config.sqlite_file else 2
    with served(config, tmp_path, workers=workers) as caller:
        database = Database(config)
        with database.writing() as connection:
            identity.add_person(connection, EMAIL, PASSWORD, account_id="acme", now=utc_now())
        database.dispose()
        visitor = Visitor(caller.portal.authority)
        visitor.sign_in()
        yield caller, visitor


def test_a_served_portal_tells_a_poll_alike_in_the_hatch_and_in_a_thread(
    visited: tuple[Caller, Visitor],
) -> None:
    caller, visitor = visited
    tab = Tab(caller.portal.authority, visitor.poll())
    tab.statuses()  # threads answer until the hatch of each worker has its connection
    time.sleep(0.5)
    in_hatch, in_thread = tab.ask(X="ab"), tab.ask(X="a\tb")
    assert in_hatch == in_thread
    assert in_hatch.startswith(b"HTTP/1.1 304 NOT MODIFIED\r\n")


def test_a_browsers_one_connection_goes_to_and_fro_between_hatch_and_threads(
    visited: tuple[Caller, Visitor],
) -> None:
    caller, visitor = visited
    connection = http.client.HTTPConnection(caller.portal.authority, timeout=10)

    def ask(said: bytes) -> tuple[int, bytes, str | None]:
        lines = said.decode().split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines[1:] if line)
        connection.request("GET", lines[0].split(" ")[1], headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read(), answer.getheader("HX-PTag")

    page = visitor.poll()
    with closing(connection):
        for _ in range(3):
            assert ask(page)[0] == 304
            assert caller.debit().status == 201
            status, body, tag = ask(page)
            assert (status, b"<html" in body) == (200, False)
            whole = re.sub(rb"HX-[^\r]*\r\n", b"", page)
            assert ask(whole)[0] == 200
            page = re.sub(rb"HX-PTag: [^\r]*", f"HX-PTag: {tag}".encode(), page)
        assert ask(page)[0] == 304


def test_a_served_portal_shows_a_debit_at_the_next_poll_and_nothing_after_signing_out(
    visited: tuple[Caller, Visitor],
) -> None:
    caller, visitor = visited
    for _ in range(2):
        tab = Tab(caller.portal.authority, visitor.poll())
        assert tab.statuses() == {b"304"}
        assert caller.debit().status == 201
        assert tab.statuses() == {b"200"}
    tab = Tab(caller.portal.authority, visitor.poll())
    assert tab.statuses() == {b"304"}
    visitor.send("/usage", "/logout")
    assert tab.statuses() == {b"401"}


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_a_served_portal_answers_what_comes_whole_and_what_comes_in_pieces(
    config: Config, tmp_path: Path
) -> None:
    with served(config, tmp_path) as caller:
        signer = Signer(caller.portal.authority, caller.kid, caller.secret)
        said = signer.debits(["acme"] * 4, 1)
        host, port = caller.portal.authority.split(":")
        with closing(socket.create_connection((host, int(port)), 10)) as client:
            client.sendall(said[0])
            assert client.recv(65536).startswith(b"HTTP/1.1 201")
            for piece in range(0, len(said[1]), 300):
                client.sendall(said[1][piece : piece + 300])
                time.sleep(0.02)
            assert client.recv(65536).startswith(b"HTTP/1.1 201")
            client.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            assert client.recv(65536).startswith(b"HTTP/1.1 200")
            client.sendall(said[2] + said[3])
            answers = client.recv(65536)
            while answers.count(b"HTTP/1.1 201") < 2:
                answers += client.recv(65536) or pytest.fail("it hung up")
        assert caller.call("GET", "/accounts/acme/balance").json["balance"]["seq"] == 5


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_what_a_thread_has_read_ahead_is_not_passed_over(config: Config, tmp_path: Path) -> None:
    """A page and, right behind it, more requests than its thread reads at once."""
    with served(config, tmp_path) as caller:
        signer = Signer(caller.portal.authority, caller.kid, caller.secret)
        said = signer.debits(["acme"] * 12, 1)
        # The thread reads 8,192 bytes at a time: what it leaves begins with a whole request.
        page = b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Long: %s\r\n\r\n"
        room = 8_192 - len(page % b"") - sum(map(len, said[:3]))
        host, port = caller.portal.authority.split(":")
        with closing(socket.create_connection((host, int(port)), 10)) as client:
            client.sendall(page % (b"x" * room) + b"".join(said))
            answers = b""
            while answers.count(b"HTTP/1.1 20") < 13:
                answers += client.recv(65536) or pytest.fail("it hung up")
        assert caller.call("GET", "/accounts/acme/balance").json["balance"]["seq"] == 13

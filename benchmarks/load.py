"""The load generator: one process, one thread, plain sockets, as many clients as asked.

    python -m benchmarks.load < orders > answers

Each client sends its next request when the last is answered (a closed loop); or, where a rate is
ordered, requests are sent when they are due, whatever the answers do (an open loop). It only
measures: what it costs itself is counted nowhere.
"""

import pickle
import re
import select
import socket
import subprocess
import sys
import time
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
REPLAYED: Final = b"Idempotency-Replayed"
PATIENCE: Final = 30
LEAD: Final = 0.1  # seconds for the server to take all connections before a request is due
SETTLING: Final = 0.5  # seconds of a steady rate before anything counts
CHUNK: Final = 65_536
UNCHANGED: Final = b"304"  # a status that never has a body, nor needs to say so


@dataclass(frozen=True)
class Orders:
    """What to send where: until all is sent, or no more after `seconds`.

    rate: requests a second, each due at its own time, until all is sent; 0: as answers come. Of
    what is due in the first half second the status alone counts: connections are new then, and a
    peak before may have left something to tidy up.
    """

    port: int
    clients: int
    seconds: float
    requests: list[bytes]
    keep_bodies: bool = False
    rate: float = 0.0


@dataclass
class Answers:
    """What came back: seconds of each request, statuses, and bodies if they were asked for.

    With a rate, latencies count from when a request was due, and `delays` are the seconds that
    it was sent later than that.
    """

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    delays: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    replayed: int = 0
    bodies: list[bytes] = field(default_factory=list)

    def note(self, head: bytes, body: bytes, latency: float, *, keep_body: bool) -> None:
        """Count one answer."""
        self.latencies.append(latency)
        self.count(head)
        if keep_body:
            self.bodies.append(body)

    def count(self, head: bytes) -> None:
        """Count an answer by its status, and whether it was given before."""
        self.statuses[int(head[9:12])] += 1
        self.replayed += REPLAYED in head


@dataclass
class Client:
    """One connection, since when it waits, and what of an answer has come so far."""

    link: socket.socket
    since: float = 0.0
    received: bytes = b""

    def send(self, request: bytes, since: float) -> None:
        """Send one whole request, whose latency counts since then."""
        self.received, self.since = b"", since
        self.link.sendall(request)

    def find_answer(self) -> tuple[bytes, bytes] | None:
        """Head and body of the answer, once all of it is here. Raises ConnectionError."""
        more = self.link.recv(CHUNK)
        if not more:
            raise ConnectionError("the server hung up: " + self.received[:200].decode("latin-1"))
        self.received += more
        head, ending, body = self.received.partition(b"\r\n\r\n")
        if ending and head[9:12] == UNCHANGED:
            return head, body
        length = LENGTH.search(head)
        if not ending or length is None or len(body) < int(length[1]):
            return None
        return head, body


def drive(orders: Orders) -> Answers:
    """Send what is ordered, and gather what comes back. Raises TimeoutError if nothing does."""
    return drive_at_rate(orders) if orders.rate else drive_in_turn(orders)


def drive_in_turn(orders: Orders) -> Answers:
    """A closed loop: each client waits for its answer before it sends again."""
    answers, left = Answers(), iter(orders.requests)
    clients = {client.link.fileno(): client for client in opened(orders)}
    poll = select.epoll()
    started = time.perf_counter()
    until = started + orders.seconds
    busy = 0
    for number, client in clients.items():
        poll.register(number, select.EPOLLIN)
        busy += send_next(client, left, until)
    while busy:
        ready = poll.poll(PATIENCE)
        if not ready:
            raise TimeoutError(f"{busy} requests had no answer within {PATIENCE} s")
        for number, _ in ready:
            client = clients[number]
            answer = client.find_answer()
            if answer is None:
                continue
            latency = time.perf_counter() - client.since
            answers.note(*answer, latency, keep_body=orders.keep_bodies)
            busy -= not send_next(client, left, until)
    answers.seconds = time.perf_counter() - started
    for client in clients.values():
        client.link.close()
    return answers


def drive_at_rate(orders: Orders) -> Answers:
    """An open loop: a request is sent when it is due, on the connection that was idle longest.

    Where none is idle it waits for one, and its latency counts from when it was due all the same:
    a server that stands still delays all that was due meanwhile, and is not spared any of it.
    """
    answers, idle = Answers(), deque(opened(orders))
    clients = {client.link.fileno(): client for client in idle}
    poll = select.epoll()
    for number in clients:
        poll.register(number, select.EPOLLIN)
    started = time.perf_counter() + LEAD
    due = deque((started + n / orders.rate, each) for n, each in enumerate(orders.requests))
    counted = started + SETTLING
    while due or len(idle) < len(clients):
        wait = send_due(due, idle, answers.delays, counted)
        # Waiting for the poll to be readable takes microseconds; it would wait in milliseconds.
        ready = select.select([poll], [], [], PATIENCE if wait is None else wait)[0]
        if not ready and wait is None:
            raise TimeoutError(f"no request had an answer within {PATIENCE} s")
        for number, _ in poll.poll(0):
            client = clients[number]
            answer = client.find_answer()
            if answer is None:
                continue
            idle.append(client)
            if client.since < counted:
                answers.count(answer[0])
            else:
                latency = time.perf_counter() - client.since
                answers.note(*answer, latency, keep_body=orders.keep_bodies)
    answers.seconds = time.perf_counter() - counted
    for client in clients.values():
        client.link.close()
    return answers


def send_due(
    due: deque[tuple[float, bytes]], idle: deque[Client], delays: list[float], counted: float
) -> float | None:
    """Send what is due on idle connections; seconds until more is, None if answers come first."""
    while due and idle:
        since, request = due[0]
        delay = time.perf_counter() - since
        if delay < 0:
            return -delay
        due.popleft()
        idle.popleft().send(request, since)
        if since >= counted:
            delays.append(delay)
    return None


def opened(orders: Orders) -> Iterator[Client]:
    """The clients, connected."""
    for _ in range(min(orders.clients, len(orders.requests))):
        link = socket.create_connection(("127.0.0.1", orders.port), timeout=PATIENCE)
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield Client(link)


def send_next(client: Client, left: Iterator[bytes], until: float) -> bool:
    """Send a client's next request, if there is one and time for it; whether it was sent."""
    now = time.perf_counter()
    request = next(left, None) if now < until else None
    if request is not None:
        client.send(request, now)
    return request is not None


def driven(orders: Orders) -> Answers:
    """drive() in a process of its own, away from whoever asks."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.load"],
        input=pickle.dumps(orders),
        stdout=subprocess.PIPE,
        check=True,
    )
    answers: Answers = pickle.loads(done.stdout)  # noqa: S301 - our own process wrote it
    return answers


if __name__ == "__main__":
    from benchmarks.load import Orders, drive  # by the name that the pickle knows

    sys.stdout.buffer.write(pickle.dumps(drive(pickle.load(sys.stdin.buffer))))  # noqa: S301

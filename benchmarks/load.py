"""The load generator: one process, one thread, plain sockets, as many clients as asked.

    python -m benchmarks.load < orders > answers

Each client sends its next request when the last is answered (a closed loop). It only measures:
what it costs itself is counted nowhere.
"""

import pickle
import re
import select
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
REPLAYED: Final = b"Idempotency-Replayed"
PATIENCE: Final = 30
CHUNK: Final = 65_536


@dataclass(frozen=True)
class Orders:
    """What to send where: until all is sent, or no more after `seconds`."""

    port: int
    clients: int
    seconds: float
    requests: list[bytes]
    keep_bodies: bool = False


@dataclass
class Answers:
    """What came back: seconds of each request, statuses, and bodies if they were asked for."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    replayed: int = 0
    bodies: list[bytes] = field(default_factory=list)

    def note(self, head: bytes, body: bytes, latency: float, *, keep_body: bool) -> None:
        """Count one answer."""
        self.latencies.append(latency)
        self.statuses[int(head[9:12])] += 1
        self.replayed += REPLAYED in head
        if keep_body:
            self.bodies.append(body)


@dataclass
class Client:
    """One connection, and what of an answer has come so far."""

    link: socket.socket
    sent_at: float = 0.0
    received: bytes = b""

    def send(self, request: bytes) -> None:
        """Send one whole request."""
        self.received = b""
        self.sent_at = time.perf_counter()
        self.link.sendall(request)

    def find_answer(self) -> tuple[bytes, bytes] | None:
        """Head and body of the answer, once all of it is here. Raises ConnectionError."""
        more = self.link.recv(CHUNK)
        if not more:
            raise ConnectionError("the server hung up: " + self.received[:200].decode("latin-1"))
        self.received += more
        head, ending, body = self.received.partition(b"\r\n\r\n")
        length = LENGTH.search(head)
        if not ending or length is None or len(body) < int(length[1]):
            return None
        return head, body


def drive(orders: Orders) -> Answers:
    """Send what is ordered, and gather what comes back. Raises TimeoutError if nothing does."""
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
            latency = time.perf_counter() - client.sent_at
            answers.note(*answer, latency, keep_body=orders.keep_bodies)
            busy -= not send_next(client, left, until)
    answers.seconds = time.perf_counter() - started
    for client in clients.values():
        client.link.close()
    return answers


def opened(orders: Orders) -> Iterator[Client]:
    """The clients, connected."""
    for _ in range(min(orders.clients, len(orders.requests))):
        link = socket.create_connection(("127.0.0.1", orders.port), timeout=PATIENCE)
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield Client(link)


def send_next(client: Client, left: Iterator[bytes], until: float) -> bool:
    """Send a client's next request, if there is one and time for it; whether it was sent."""
    request = next(left, None) if time.perf_counter() < until else None
    if request is not None:
        client.send(request)
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

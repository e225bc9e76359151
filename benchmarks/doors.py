"""The figures that come in over HTTP, against the bare view: debits, holds, replays, polls."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from benchmarks.figures import TARGETS, Figure, median
from benchmarks.ledgers import Ledger
from benchmarks.load import SETTLING, Orders
from benchmarks.requests import hellos
from benchmarks.rounds import Round, Series, run
from benchmarks.served import Served, free_port, served
from benchmarks.visitors import Visitor
from tests.serving import environment_of

MANY, FEW, ONE = 64, 8, 1
QUANTITY: Final = 12
MADE, UNCHANGED = 201, 304
# Requests a second that no round here comes near, so that a round ends by the clock.
FASTEST: Final = {MANY: 6_000, FEW: 5_000, ONE: 2_000}
# Figures of batches: how many debits in each, and whether on one account.
BATCHES: Final = {
    "P5a": (100, False),
    "P5b": (100, True),
    "P5c": (1_000, False),
    "P5d": (1_000, True),
}
BATCHED: Final = 40_000  # debits a second that no round here comes near
DONE: Final = b'{"status":201,"body"'
CODES: Final = ("P1", "P2", "P3a", "P3b", "P4", *BATCHES, "P9", "P14", "R", "G")
# Connections for requests that do not wait for each other: more than are under way at once.
CONNECTIONS: Final = 128
HALF: Final = 0.5
WARMING_SECONDS: Final = 1.0


@dataclass(frozen=True)
class Sides:
    """The two applications of one run, and the portal once more without group commit."""

    hello: Served
    portal: Served
    alone: Served


@contextmanager
def sides(made: Ledger) -> Iterator[Sides]:
    """Serve them all, each on a port of its own, under the same gunicorn."""
    folder = made.config.root
    with (
        hello(made, folder / "hello") as bare,
        portal(made, folder / "portal", group_commit=True) as ours,
        portal(made, folder / "alone", group_commit=False) as alone,
    ):
        yield Sides(bare, ours, alone)


@contextmanager
def hello(made: Ledger, log: Path) -> Iterator[Served]:
    """Serve the bare view; its server proves the same database as it starts."""
    settings = environment_of(made.config)
    with served("benchmarks.hello:application", free_port(), "/hello", log, settings) as bare:
        yield bare


@contextmanager
def portal(made: Ledger, log: Path, *, group_commit: bool) -> Iterator[Served]:
    """Serve the portal on a filled database."""
    port = free_port()
    authority = f"127.0.0.1:{port}"
    config = replace(
        made.config,
        public_url=f"http://{authority}",
        authority=authority,
        trusted_hosts=("127.0.0.1",),
        group_commit=group_commit,
    )
    path = "/internal/v1/accounts/nobody"
    with served("wsgi:application", port, path, log, environment_of(config)) as ours:
        yield ours


class Doors:
    """Measures all figures of this file on one database, each beside the bare view."""

    def __init__(self, made: Ledger, pair: Sides, seconds: float, asked: frozenset[str]) -> None:
        self.made, self.sides, self.seconds, self.asked = made, pair, seconds, asked
        self.series = {code: Series(UNCHANGED if code == "P14" else MADE) for code in CODES}
        self.captures = Series(MADE)
        self.peaks: list[float] = []
        self.done: dict[str, list[float]] = {code: [] for code in BATCHES}  # debits a second
        self.not_replayed = self.not_done = 0

    def wants(self, *codes: str) -> bool:
        """Whether one of these figures was asked for."""
        return not self.asked.isdisjoint(codes)

    def warm(self) -> None:
        """Let every worker import, compile and connect what it will need."""
        seconds, self.seconds = self.seconds, min(self.seconds, WARMING_SECONDS)
        self.hello(MANY)
        for side in (self.sides.portal, self.sides.alone):
            self.drive(MANY, self.debits(MANY, side=side), side=side)
        if self.wants("P14"):
            self.visitor = Visitor.signed_in(self.made, self.sides.portal.authority)
            self.drive(MANY, self.polls())
        self.seconds = seconds

    def round(self) -> None:
        """One round of everything that was asked for."""
        if self.wants("P1", "P2", "P9", "P14", "R", "G"):
            self.many()
        for code, clients in (("P3a", FEW), ("P3b", ONE)):
            if self.wants(code):
                hello = self.hello(clients)
                self.series[code].add(self.drive(clients, self.debits(clients)), hello)

    def paced(self) -> None:
        """Debits at half of the rate of a peak just before."""
        hello = self.hello(MANY)
        peak = self.drive(MANY, self.debits(MANY))
        self.series["P4"].add(self.at_half_of(peak), hello)

    def batches(self) -> None:
        """Debits by batches from a few clients; each command has to be done."""
        hello = self.hello(FEW)
        signer, count = self.made.signer(self.sides.portal.authority), int(BATCHED * self.seconds)
        for code, (size, hot) in BATCHES.items():
            if self.wants(code):
                many = max(count, FEW * size)
                accounts = self.made.accounts[:1] * many if hot else self.made.spread(many)
                sent = signer.batches(accounts, QUANTITY, size)
                answered = self.drive(FEW, sent, keep_bodies=True)
                done = sum(body.count(DONE) for body in answered.answers.bodies)
                self.not_done += answered.count * size - done
                self.done[code].append(done / answered.answers.seconds)
                self.series[code].add(answered, hello)

    def many(self) -> None:
        """The figures of 64 clients, all of them beside one round of the bare view."""
        hello = self.hello(MANY)
        if self.wants("P1", "P9", "R"):
            debits = self.debits(MANY)
            answered = self.drive(MANY, debits)
            self.series["P1"].add(answered, hello)
            if self.wants("R"):
                self.replay(debits[: answered.count], hello)
        if self.wants("P2"):
            self.series["P2"].add(self.drive(MANY, self.debits(MANY, hot=True)), hello)
        if self.wants("P9"):
            self.hold_and_capture(hello)
        if self.wants("P14"):
            self.series["P14"].add(self.drive(MANY, self.polls()), hello)
        if self.wants("G"):
            alone = self.sides.alone
            sent = self.debits(MANY, side=alone)
            self.series["G"].add(self.drive(MANY, sent, side=alone), hello)

    def at_half_of(self, peak: Round) -> Round:
        """Debits at half the rate of a peak, each sent when it is due, whatever the answers do."""
        side, rate = self.sides.portal, peak.rate * HALF
        self.peaks.append(peak.rate)
        accounts = self.made.spread(max(1, int(rate * (SETTLING + self.seconds))))
        sent = self.made.signer(side.authority).debits(accounts, QUANTITY)
        orders = Orders(side.port, CONNECTIONS, self.seconds, sent, rate=rate)
        return run(side, self.made.server, orders)

    def replay(self, sent: list[bytes], hello: Round) -> None:
        """The same requests again: every one of them has its outcome."""
        answered = self.drive(MANY, sent)
        self.not_replayed += answered.count - answered.answers.replayed
        self.series["R"].add(answered, hello)

    def hold_and_capture(self, hello: Round) -> None:
        """Holds, then the capture of each."""
        signer = self.made.signer(self.sides.portal.authority)
        accounts = self.made.spread(self.count(MANY))
        held = self.drive(MANY, signer.holds(accounts, QUANTITY), keep_bodies=True)
        bodies = [json.loads(body) for body in held.answers.bodies]
        hold_ids = [body["hold"]["id"] for body in bodies if "hold" in body]
        self.series["P9"].add(held, hello)
        self.captures.add(self.drive(MANY, signer.captures(hold_ids, QUANTITY), wait=True), hello)

    def hello(self, clients: int) -> Round:
        """A round of the bare view."""
        requests = hellos(self.sides.hello.authority, self.count(clients) * 2)
        orders = Orders(self.sides.hello.port, clients, self.seconds, requests)
        return run(self.sides.hello, None, orders)

    def debits(self, clients: int, *, hot: bool = False, side: Served | None = None) -> list[bytes]:
        """More signed debits than a round can send, over all accounts or on one."""
        count = self.count(clients)
        accounts = self.made.accounts[:1] * count if hot else self.made.spread(count)
        signer = self.made.signer((side or self.sides.portal).authority)
        return signer.debits(accounts, QUANTITY)

    def polls(self) -> list[bytes]:
        """More polls than a round can send, of a page that shows what is so."""
        return [self.visitor.poll()] * self.count(MANY)

    def count(self, clients: int) -> int:
        """Requests that last for a round."""
        return max(clients, int(FASTEST[clients] * self.seconds))

    def drive(
        self,
        clients: int,
        requests: list[bytes],
        *,
        side: Served | None = None,
        keep_bodies: bool = False,
        wait: bool = False,
    ) -> Round:
        """A round of the portal; with `wait` it ends when all is sent, not by the clock."""
        side = side or self.sides.portal
        seconds = self.seconds * 10 if wait else self.seconds
        orders = Orders(side.port, clients, seconds, requests, keep_bodies)
        return run(side, self.made.server, orders)

    def figures(self) -> list[Figure]:
        """What was measured, of what was asked for."""
        return [
            Figure(TARGETS[code], self.made.dialect, self.value_of(code), self.numbers_of(code))
            for code in CODES
            if code in self.asked
        ]

    def value_of(self, code: str) -> float:
        """A figure's value, in the unit of its target."""
        if code == "P4":
            return float(self.series[code].numbers()["p99_ms"])
        if code in BATCHES:
            return median(self.done[code])
        if code != "P9":
            return self.series[code].ratio
        kinds = (self.series["P9"].pairs, self.captures.pairs, self.series["P1"].pairs)
        ways = [[ours.cost for ours, _ in each] for each in zip(*kinds, strict=True)]
        return median([(held + captured) / (2 * debit) for held, captured, debit in ways])

    def numbers_of(self, code: str) -> dict[str, float | int | str]:
        """The numbers behind a figure."""
        numbers = self.series[code].numbers()
        if code == "R":
            numbers["not_replayed"] = self.not_replayed
        if code == "P4":
            numbers["peak_per_second"] = median(self.peaks)
            numbers["sent_late_p99_ms"] = self.series[code].sent_late(0.99)
        if code in BATCHES:
            numbers["not_done"] = self.not_done
        if code == "P9":
            numbers["capture_total"] = self.captures.numbers()["total"]
            numbers["debit_total"] = self.series["P1"].numbers()["total"]
        return numbers

    @property
    def unexpected(self) -> int:
        """Answers that were not due: another status, a known key as if new, a debit not done."""
        measured = [*self.series.values(), self.captures]
        return sum(series.unexpected for series in measured) + self.not_replayed + self.not_done

"""The figures of long histories: pages of one customer in a large ledger, and a whole export.

The customer's account has as many entries before the ledger grows as after, recorded over three
months; all others belong to many accounts.
"""

import http.client
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

from benchmarks.cpu import tree_of
from benchmarks.doors import portal
from benchmarks.figures import TARGETS, Figure, median, quantile
from benchmarks.ledgers import Ledger
from benchmarks.load import Orders
from benchmarks.requests import written
from benchmarks.rounds import A_THOUSAND, Round, run
from benchmarks.served import Served
from benchmarks.vault import debit
from benchmarks.visitors import ACCOUNT, BROWSER, Visitor
from portal import ledger
from portal.clock import utc_now

CODES: Final = frozenset({"P10", "P11", "P12a", "P12b"})
BATCH: Final = 1_000
VISITED_MAX: Final = 100_000  # entries of the customer's account
DAYS: Final = 90
DAY: Final = 86_400_000_000
RARE: Final = 50  # one entry of so many is of an operation that is seldom asked for
WARMING: Final = 20
PAGES: Final = 200
CHUNK: Final = 1 << 18
MEGABYTE: Final = 2**20
OK: Final = 200


@dataclass
class Histories:
    """A customer's history in a ledger that grows to `size` entries."""

    made: Ledger
    side: Served
    size: int
    rounds: int

    def measured(self, asked: frozenset[str]) -> Iterator[Figure]:
        """The figures that were asked for; the ledger grows between the first and the others."""
        self.since = utc_now() - DAYS * DAY
        self.unexpected = 0
        self.visitor = Visitor.signed_in(self.made, self.side.authority, self.since)
        self.own = min(VISITED_MAX, self.size // 3)
        self.references = self.fill_own()
        small = self.drive(["/usage"])
        self.fill_others(self.size - self.own)
        self.visitor.cookie = ""  # a session ends where nobody was there for long
        self.visitor.sign_in()
        if "P10" in asked:
            yield self.usage(small)
        if "P11" in asked:
            yield self.pages()
        if not asked.isdisjoint({"P12a", "P12b"}):
            rates, grown, count = self.exports()
            told = {"rows": count, "rounds": self.rounds}
            yield self.figure("P12a", median(rates), told)
            yield self.figure("P12b", grown, told)

    def fill_own(self) -> list[str]:
        """Entries of the customer, batch by batch through three months; gives references."""
        references, batches = [], max(1, self.own // BATCH)
        for number in range(batches):
            commands = [debit(ACCOUNT) for _ in range(min(BATCH, self.own))]
            commands[::RARE] = [
                replace(each, operation="design", quantity=1) for each in commands[::RARE]
            ]
            self.made.post(commands, self.since + (number + 1) * DAYS * DAY // (batches + 1))
            references += [each.reference.id for each in commands[:2]]
        return references

    def fill_others(self, count: int) -> None:
        """Entries of all others."""
        for first in range(0, count, BATCH):
            self.made.post([debit(name) for name in self.made.spread(min(BATCH, count - first))])

    def usage(self, small: Round) -> Figure:
        """P10: CPU of a usage page in the large ledger against the small one."""
        large = self.drive(["/usage"])
        told = {"small_total": small.cost, "small_p50_ms": p_ms(small, 0.5)}
        return self.figure("P10", large.cost / small.cost, numbers(large) | told)

    def pages(self) -> Figure:
        """P11: the time that 95 of 100 history pages with filters stay within."""
        found = self.drive([f"/ledger?{urlencode(each)}" for each in self.filters()])
        return self.figure("P11", p_ms(found, 0.95), numbers(found))

    def filters(self) -> Iterator[dict[str, str]]:
        """Filters by operation, reference and dates, each alone and together."""
        for number in range(PAGES // 4):
            first = time.gmtime((self.since + number % DAYS * DAY) // 1_000_000)
            last = time.gmtime((self.since + (number % DAYS + 7) * DAY) // 1_000_000)
            dates = {
                "from": time.strftime("%Y-%m-%d", first),
                "to": time.strftime("%Y-%m-%d", last),
            }
            yield {"operation": "design"}
            yield {"reference": random.choice(self.references)}
            yield dates
            yield {"operation": "design", "type": "charge"} | dates

    def drive(self, paths: Sequence[str]) -> Round:
        """Pages asked for one after the other, after some whose times do not count."""
        headers = BROWSER | {"Cookie": self.visitor.cookie}
        asked = [written("GET", self.side.authority, path, headers, b"") for path in paths]
        asked = (asked * PAGES)[: max(PAGES, len(asked))]
        for each in (asked[:WARMING], asked):
            found = run(self.side, self.made.server, Orders(self.side.port, 1, 3_600.0, each))
            wrong = sum(n for status, n in found.answers.statuses.items() if status != OK)
            self.unexpected += wrong
        return found

    def exports(self) -> tuple[list[float], float, int]:
        """Rows a second of each export, MB that a worker grew by at most, and rows of one."""
        workers = tree_of(self.side.pid)[1:]
        self.export("from=9000-01-01")  # what is loaded at the first one is no export's
        before = {pid: memory(pid, "VmRSS") for pid in workers}
        for pid in workers:
            Path(f"/proc/{pid}/clear_refs").write_text("5")  # the peak is counted from here on
        rates, count = [], 0
        for _ in range(self.rounds):
            count, seconds = self.export("")
            rates.append(count / seconds)
        grown = max(memory(pid, "VmHWM") - before[pid] for pid in workers)
        with self.made.database.reading() as connection:
            expected = ledger.get_account(connection, ACCOUNT).seq
        self.unexpected += abs(count - expected)
        return rates, grown / MEGABYTE, count

    def export(self, query: str) -> tuple[int, float]:
        """Rows of one export, and the seconds it took."""
        connection = http.client.HTTPConnection(self.side.authority, timeout=60)
        started, count = time.perf_counter(), -1  # the head is no row
        connection.request("GET", f"/ledger.csv?{query}", headers={"Cookie": self.visitor.cookie})
        answer = connection.getresponse()
        self.unexpected += answer.status != OK
        while part := answer.read(CHUNK):
            count += part.count(b"\n")
        connection.close()
        return count, time.perf_counter() - started

    def figure(self, code: str, value: float, told: dict[str, float | int | str]) -> Figure:
        """A figure, with the sizes it was measured at."""
        sizes: dict[str, float | int | str] = {"entries": self.size, "own_entries": self.own}
        return Figure(TARGETS[code], self.made.dialect, value, told | sizes)


def measured(
    made: Ledger, asked: frozenset[str], size: int, rounds: int
) -> tuple[list[Figure], int]:
    """Figures of a fresh ledger that is filled to `size` entries, and unexpected answers."""
    with portal(made, made.config.root / "histories", group_commit=True) as side:
        histories = Histories(made, side, size, rounds)
        return list(histories.measured(asked)), histories.unexpected


def numbers(found: Round) -> dict[str, float | int | str]:
    """What stands behind a figure of pages."""
    return {
        "app": found.app * A_THOUSAND / found.count,
        "database": found.database * A_THOUSAND / found.count,
        "total": found.cost,
        "requests_per_second": found.rate,
        "p50_ms": p_ms(found, 0.5),
        "p99_ms": p_ms(found, 0.99),
        "requests": found.count,
    }


def p_ms(found: Round, share: float) -> float:
    """The milliseconds that a share of the answers stay within."""
    return quantile(found.answers.latencies, share) * A_THOUSAND


def memory(pid: int, name: str) -> int:
    """Bytes of a process's memory, as Linux names them: VmRSS now, VmHWM at most."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    [found] = [line for line in lines if line.startswith(f"{name}:")]
    return int(found.split()[1]) * 1024

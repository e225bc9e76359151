"""One round of load against one application: what it cost, and what came of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from benchmarks.cpu import seconds_of
from benchmarks.figures import median, quantile
from benchmarks.load import Answers, Orders, driven
from benchmarks.served import Served

A_THOUSAND: Final = 1_000


@dataclass(frozen=True)
class Round:
    """CPU seconds of application and database, and the answers, of one round."""

    app: float
    database: float
    answers: Answers

    @property
    def count(self) -> int:
        """Requests answered."""
        return len(self.answers.latencies)

    @property
    def rate(self) -> float:
        """Requests answered a second."""
        return self.count / self.answers.seconds

    @property
    def cost(self) -> float:
        """CPU seconds in all, a thousand requests."""
        return (self.app + self.database) * A_THOUSAND / self.count


def run(side: Served, server: int | None, orders: Orders) -> Round:
    """Drive one application; `server` is the process whose tree is the database's."""
    before = seconds_of(side.pid), seconds_of(server) if server else 0.0
    answers = driven(orders)
    after = seconds_of(side.pid), seconds_of(server) if server else 0.0
    if not answers.latencies:
        raise RuntimeError("a round without a single answer measures nothing")
    return Round(after[0] - before[0], after[1] - before[1], answers)


@dataclass
class Series:
    """The rounds of one figure, each with the round of the bare view that ran beside it."""

    expected: int
    pairs: list[tuple[Round, Round]] = field(default_factory=list)

    def add(self, ours: Round, hello: Round) -> None:
        """Keep a pair."""
        self.pairs.append((ours, hello))

    @property
    def ratio(self) -> float:
        """The median of what each round cost against its neighbour."""
        return median([ours.cost / hello.cost for ours, hello in self.pairs])

    @property
    def unexpected(self) -> int:
        """Answers with another status than the one that was due."""
        return sum(
            count
            for ours, _ in self.pairs
            for status, count in ours.answers.statuses.items()
            if status != self.expected
        )

    def sent_late(self, share: float) -> float:
        """Milliseconds within which `share` of all requests were sent after they were due."""
        delays = [each for ours, _ in self.pairs for each in ours.answers.delays]
        return quantile(delays, share) * A_THOUSAND

    def numbers(self) -> dict[str, float | int | str]:
        """What stands behind the ratio: medians over rounds, latencies over all of them."""
        ours = [pair[0] for pair in self.pairs]
        latencies = [each for one in ours for each in one.answers.latencies]
        return {
            "app": median(per_thousand(ours, [each.app for each in ours])),
            "database": median(per_thousand(ours, [each.database for each in ours])),
            "total": median([each.cost for each in ours]),
            "hello": median([hello.cost for _, hello in self.pairs]),
            "requests_per_second": median([each.rate for each in ours]),
            "p50_ms": quantile(latencies, 0.5) * A_THOUSAND,
            "p99_ms": quantile(latencies, 0.99) * A_THOUSAND,
            "requests": sum(each.count for each in ours),
            "unexpected": self.unexpected,
        }


def per_thousand(rounds: Sequence[Round], seconds: Sequence[float]) -> list[float]:
    """CPU seconds a thousand requests, round by round."""
    return [spent * A_THOUSAND / each.count for each, spent in zip(rounds, seconds, strict=True)]

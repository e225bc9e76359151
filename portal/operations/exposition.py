"""The metrics as Prometheus reads them: counts of the workers, then the state of the ledger."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from portal import ledger
from portal.operations.facts import Audited, Standing
from portal.operations.tallies import SIZES, TIMES

BILLION: Final = 1_000_000_000
SECONDS: Final = tuple(str(bound / BILLION) for bound in TIMES)


class Told(Collector):
    """Everything there is to tell at one scrape; state is None where the database is away."""

    def __init__(
        self,
        counts: Counter[str],
        entries: Counter[str],
        state: Standing | None,
        audited: Audited | None,
    ) -> None:
        self.counts, self.entries, self.state, self.audited = counts, entries, state, audited

    def collect(self) -> Iterator[Metric]:
        """Every family, with its samples."""
        labels = defaultdict[str, dict[tuple[str, ...], int]](dict)
        for key, count in sorted(self.counts.items()):
            name, *values = key.split(" ")
            labels[name][tuple(values)] = count
        yield counted("portal_requests", "Answers.", ("method", "route", "status"), labels)
        yield counted("portal_refusals", "Refusals at the door, by code.", ("code",), labels)
        yield counted("portal_batch_commands", "Commands of batches.", ("status",), labels)
        yield self._times(labels["seconds"], labels["seconds_sum"])
        sizes, total = labels["groups"], labels["groups_sum"].get((), 0)
        family = HistogramMetricFamily("portal_group_commit_size", "Commands in one commit.")
        family.add_metric((), buckets(tuple(map(str, SIZES)), sizes), total)
        yield family
        yield from self._state()
        yield from self._audit()

    def _times(self, found: dict[tuple[str, ...], int], sums: dict[tuple[str, ...], int]) -> Metric:
        help_ = "From a request's first line to its answer."
        family = HistogramMetricFamily("portal_request_seconds", help_, labels=("route",))
        for route in sorted(sums):
            own = {key[1:]: count for key, count in found.items() if key[:1] == route}
            family.add_metric(route, buckets(SECONDS, own), sums[route] / BILLION)
        return family

    def _state(self) -> Iterator[Metric]:
        state = self.state
        yield gauge("portal_database_up", "Whether the database answers.", int(state is not None))
        if state is None:
            return
        written = CounterMetricFamily(
            "portal_entries", "Entries, whoever wrote them; half a minute behind.", labels=("kind",)
        )
        for kind in ledger.KINDS:
            written.add_metric((kind,), self.entries[kind])
        yield written
        holds = GaugeMetricFamily(
            "portal_open_holds", "Open holds at least so many seconds old.", labels=("age_min",)
        )
        for age, count in state.older.items():
            holds.add_metric((str(age),), count)
        yield holds
        yield gauge("portal_open_hold_age_seconds_max", "Of the oldest open hold.", state.oldest)
        yield gauge("portal_open_holds_overdue", "Open holds that ran out.", state.overdue)
        yield gauge("portal_accounts_due", "Accounts with work that fell due.", state.due)
        yield gauge("portal_due_seconds_max", "How long the first of it waits.", state.late)

    def _audit(self) -> Iterator[Metric]:
        if self.audited is None:
            return
        at = self.audited.at / ledger.MICROSECONDS
        yield gauge("portal_audit_finished_timestamp_seconds", "When an audit last ended.", at)
        yield gauge("portal_audit_clean", "Whether nothing differed.", int(self.audited.clean))
        yield gauge("portal_audit_differences", "What differed.", self.audited.differences)
        yield gauge("portal_audit_entries", "Entries it recomputed.", self.audited.entries)


def text_of(told: Told, accept: str) -> tuple[bytes, str]:
    """The metrics in the format that the asking one accepts, and the format's name."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(told)
    encode, kind = choose_encoder(accept)
    return encode(registry), kind


def counted(
    name: str,
    help_: str,
    labels: tuple[str, ...],
    found: dict[str, dict[tuple[str, ...], int]],
) -> Metric:
    """One family of counts by labels."""
    family = CounterMetricFamily(name, help_, labels=labels)
    for values, count in found[name.removeprefix("portal_")].items():
        family.add_metric(values, count)
    return family


def gauge(name: str, help_: str, value: float) -> Metric:
    """One value that goes up and down."""
    return GaugeMetricFamily(name, help_, value)


def buckets(bounds: tuple[str, ...], found: dict[tuple[str, ...], int]) -> list[tuple[str, float]]:
    """Counts by the number of their bucket, summed up from the smallest as Prometheus has them."""
    so_far, told = 0, list[tuple[str, float]]()
    for number, bound in enumerate((*bounds, "+Inf")):
        so_far += found.get((str(number),), 0)
        told.append((bound, so_far))
    return told

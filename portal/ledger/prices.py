"""Prices re-run: every charge of the history quoted again under the tariff it names."""

from collections.abc import Mapping
from typing import Final

from sqlalchemy import Connection

from portal import pricing
from portal.ledger import rows
from portal.ledger.chain import tariff_hash
from portal.ledger.findings import Findings, recomputed
from portal.ledger.model import Entry, Published
from portal.ledger.records import tariffs

MEMO_MAX: Final = 100_000
ROWS: Final = rows.reading(tariffs, Published).order_by(tariffs.c.effective_at)


class Prices:
    """Quotes again what entries say they charged; remembers quotes, at most 100,000.

    A tariff that is named but None is known and not trusted: nothing is priced by it.
    """

    __slots__ = ("_findings", "_memo", "_tariffs")

    def __init__(self, known: Mapping[str, pricing.Tariff | None], findings: Findings) -> None:
        self._tariffs = known
        self._findings = findings
        self._memo: dict[tuple[str, str | None, int | None], int | None] = {}

    def check(self, entry: Entry) -> None:
        """A debit for usage takes its price, a placed hold sets it aside, tariffs are known."""
        if entry.tariff is None:
            return
        if entry.tariff not in self._tariffs:
            self._note(entry, "tariff", "a published tariff", entry.tariff)
        elif entry.reason == "usage" and entry.kind == "debit":
            self._compare(entry, entry.tariff, -entry.amount)
        elif entry.reason == "placed" and entry.kind == "hold":
            self._compare(entry, entry.tariff, entry.hold_amount)

    def price(self, tariff: str, operation: str | None, quantity: int | None) -> int | None:
        """Credits for a quantity under a tariff of that name; None where there is no price."""
        asked = (tariff, operation, quantity)
        if asked not in self._memo:
            if len(self._memo) >= MEMO_MAX:
                self._memo.clear()
            self._memo[asked] = self._quote(*asked)
        return self._memo[asked]

    def trusts(self, tariff: str) -> bool:
        """Whether a tariff of that name is there and as it was published."""
        return self._tariffs.get(tariff) is not None

    def overflows(self, name: str, operation: str) -> bool:
        """Whether a capture may take more than its hold; also where nobody can say."""
        tariff = self._tariffs.get(name)
        if tariff is None or operation not in tariff.operations:
            return True
        return tariff.operations[operation].over_capture == "overflow"

    def _quote(self, name: str, operation: str | None, quantity: int | None) -> int | None:
        tariff = self._tariffs.get(name)
        if tariff is None or operation is None or quantity is None:
            return None
        try:
            return pricing.quote(tariff, operation, quantity).credits
        except pricing.PricingError:
            return None

    def _compare(self, entry: Entry, tariff: str, credits: int) -> None:
        price = self.price(tariff, entry.operation, entry.quantity)
        if price != credits and self.trusts(tariff):
            self._note(entry, "price", price, credits)

    def _note(self, entry: Entry, rule: str, expected: object, found: object) -> None:
        self._findings.note(entry.account_id, entry.seq, rule, expected, found, entry.id)


def published(connection: Connection, findings: Findings) -> dict[str, pricing.Tariff | None]:
    """Every published tariff by name; None for one whose row is not what was published."""
    known: dict[str, pricing.Tariff | None] = {}
    for row in rows.every(connection, Published, ROWS):
        findings.counts["tariffs"] += 1
        before = findings.found
        tariff = read(row, findings)
        if tariff is not None:
            known[tariff.name] = tariff if findings.found == before else None
        known.setdefault(row.name)
    return known


def read(row: Published, findings: Findings) -> pricing.Tariff | None:
    """A published row as a tariff, differences noted; None where it is no tariff any more."""
    subject = f"tariff {row.name}"
    expected = recomputed(tariff_hash, row)
    findings.compare(None, None, (expected,), (row.hash,), ("hash",), subject)
    try:
        tariff = pricing.parse_tariff(row.document, row.name)
    except pricing.TariffError as error:
        findings.note(None, None, "document", "a tariff", error, subject)
        return None
    ours = (tariff.sha256, tariff.name, tariff.effective_at)
    theirs = (row.sha256, row.name, row.effective_at)
    findings.compare(None, None, ours, theirs, ("sha256", "name", "effective_at"), subject)
    return tariff

"""What the history page was asked to show: read from the address, written back into it."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from werkzeug.datastructures import MultiDict

from portal import ledger
from portal.web.formats import instant, long_day

# The word in the address, to the kinds of entries it stands for and what the form calls it.
TYPES: Final = {
    "charge": (("debit", "capture"), "Charges"),
    "debit": (("debit",), "Charges at once"),
    "capture": (("capture",), "Charges from holds"),
    "hold": (("hold",), "Holds"),
    "release": (("release",), "Releases"),
    "refund": (("refund",), "Refunds"),
    "grant": (("grant",), "Grants"),
    "expiry": (("expiry",), "Expiries"),
    "adjustment": (("adjustment",), "Adjustments"),
    "refusal": ((), "Refusals"),
}
NAMES: Final = ("type", "operation", "reference", "from", "to")
TAKEN: Final = (*NAMES, "days")  # all that an address of filters is read for
REFERENCE_MAX: Final = 200
UTC: Final = ZoneInfo("UTC")


@dataclass(frozen=True, slots=True)
class Asked:
    """The filters in an address; a date is inclusive, as people mean it. None is no filter."""

    type: str | None = None
    operation: str | None = None
    reference: str | None = None
    since: date | None = None
    until: date | None = None
    in_utc: bool = False  # whether dates are days in UTC, as usage counts them, not the account's

    @classmethod
    def read(cls, args: MultiDict[str, str]) -> "Asked":
        """The filters of an address; what cannot be read is left out rather than guessed.

        So is what is no filter: a page shows which are at work. What shows none asks `unread`, and
        looks for names that are not TAKEN.
        """
        kind = args.get("type", "")
        reference = args.get("reference", "").strip().replace("\x00", "")[:REFERENCE_MAX]
        operation = args.get("operation", "").strip().replace("\x00", "")[:REFERENCE_MAX]
        return cls(
            kind if kind in TYPES else None,
            operation or None,
            reference or None,
            _date(args.get("from", "")),
            _date(args.get("to", "")),
            args.get("days") == "utc",
        )

    def unread(self, args: MultiDict[str, str]) -> list[str]:
        """The filters in that address that could not be read, by name."""
        kept = self.query()
        missing = [name for name in NAMES if args.get(name, "").strip() and name not in kept]
        return missing + (["days"] if args.get("days", "").strip() not in ("", "utc") else [])

    @property
    def fault(self) -> str:
        """Why the dates, though they can be read, keep nothing; empty where they are in order."""
        if self.since is None or self.until is None or self.since <= self.until:
            return ""
        dates = f"From {long_day(self.since)} to {long_day(self.until)}"
        return f"{dates}: the first day is after the last."

    @property
    def refusals_only(self) -> bool:
        """Whether only attempts that were refused are wanted."""
        return self.type == "refusal"

    @property
    def narrows(self) -> bool:
        """Whether entries within the dates are left out."""
        return bool(self.type or self.operation or self.reference)

    def query(self, *without: str) -> dict[str, Any]:
        """The filters as they stand in an address, leaving some out."""
        dates = [each.isoformat() if each else None for each in (self.since, self.until)]
        words = [*zip(NAMES, (self.type, self.operation, self.reference, *dates), strict=True)]
        if self.in_utc and any(dates):
            words.append(("days", "utc"))
        return {name: word for name, word in words if word and name not in without}

    def filter(self, zone: ZoneInfo) -> ledger.Filter:
        """The same for the ledger: instants in a time zone, the end exclusive."""
        zone = UTC if self.in_utc else zone
        return ledger.Filter(
            kinds=TYPES[self.type][0] if self.type else (),
            operations=(self.operation,) if self.operation else (),
            reference=self.reference,
            since=instant(self.since, zone) if self.since else None,
            until=instant(self.until + timedelta(days=1), zone) if self.until else None,
        )

    @property
    def range_title(self) -> str:
        """The dates in words."""
        title = self._dates_title
        return f"{title}, whole days in UTC" if self.query().get("days") else title

    @property
    def _dates_title(self) -> str:
        if self.since is None and self.until is None:
            return "All time"
        if self.since is None:
            return f"Up to {long_day(self.until)}" if self.until else ""
        if self.until is None:
            return f"Since {long_day(self.since)}"
        if self.since == self.until:
            return long_day(self.since)
        return f"{long_day(self.since)} – {long_day(self.until)}"


def _date(text: str) -> date | None:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return found if 1971 <= found.year <= 9000 else None

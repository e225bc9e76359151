"""What an audit finds: differences by account and seq, counts, and nothing that looks for them."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

KEPT: Final = 1_000


class Difference(NamedTuple):
    """One place where the tables do not say what the entries say.

    `seq` is the entry at fault, or the account's last one where a row hangs on no entry;
    `account` and `seq` are None for a tariff. `subject` names the row.
    """

    account: str | None
    seq: int | None
    rule: str
    expected: str
    found: str
    subject: str = ""


class Overdue(NamedTuple):
    """An open hold that has run out: no difference, its account was only not touched since."""

    account: str
    seq: int
    hold: str
    amount: int
    expires_at: int


@dataclass(frozen=True, slots=True)
class Report:
    """The outcome of an audit: what was read, the first differences found, and how many in all.

    `counts` are rows by table; `overdue` are the first holds that have run out unwritten.
    """

    counts: dict[str, int]
    differences: tuple[Difference, ...]
    found: int
    overdue: tuple[Overdue, ...]
    overdue_found: int

    @property
    def clean(self) -> bool:
        """Whether everything that was recomputed is what the tables say."""
        return self.found == 0


@dataclass(slots=True)
class Findings:
    """Collects differences in flat memory: counts all, keeps the first thousand."""

    counts: Counter[str] = field(default_factory=Counter)
    kept: list[Difference] = field(default_factory=list)
    found: int = 0
    overdue: list[Overdue] = field(default_factory=list)
    overdue_found: int = 0

    def note(
        self,
        account: str | None,
        seq: int | None,
        rule: str,
        expected: object,
        found: object,
        subject: str = "",
    ) -> None:
        """Keep one difference."""
        self.found += 1
        if len(self.kept) < KEPT:
            self.kept.append(Difference(account, seq, rule, shown(expected), shown(found), subject))

    def compare(
        self,
        account: str | None,
        seq: int | None,
        expected: tuple[object, ...],
        found: tuple[object, ...],
        names: tuple[str, ...],
        subject: str,
    ) -> None:
        """Keep a difference for each of two rows' columns that is not the same."""
        if expected != found:
            for name, ours, theirs in zip(names, expected, found, strict=True):
                if ours != theirs:
                    self.note(account, seq, name, ours, theirs, subject)

    def note_overdue(self, hold: Overdue) -> None:
        """Keep one open hold that has run out."""
        self.overdue_found += 1
        if len(self.overdue) < KEPT:
            self.overdue.append(hold)

    def take(self) -> "Findings":
        """Hand over all that was found, and begin anew."""
        taken = Findings(self.counts, self.kept, self.found, self.overdue, self.overdue_found)
        self.counts, self.kept, self.overdue = Counter(), [], []
        self.found = self.overdue_found = 0
        return taken


def shown(value: object) -> str:
    """A value as people read it: bytes in hexadecimal, text without half surrogates."""
    if isinstance(value, bytes | memoryview):
        return bytes(value).hex()
    return str(value).encode("utf-8", "backslashreplace").decode("utf-8")


def recomputed(digest: Callable[..., bytes], *values: object) -> bytes:
    """A hash of rows; of text that is no text (half a surrogate pair) there is none."""
    try:
        return digest(*values)
    except UnicodeEncodeError:
        return b""

"""One account recomputed from its rows in seq order: laws 1, 2, 3 and 7, without a database.

After a row that is wrong it goes on from what that row says, so one wrong row is one
difference (two where the next row quotes it), not a flood of all that follow.
"""

from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter
from typing import Final

from portal.ledger import caps
from portal.ledger.chain import entry_hash, revision_hash
from portal.ledger.dues import next_due
from portal.ledger.findings import Findings, recomputed
from portal.ledger.model import GENESIS, Account, Draw, Entry, Grant, Revision
from portal.ledger.usage import Tally, UsageDay
from portal.pricing import PeriodError

TERMS: Final = (
    "name",
    "tier",
    "next_tier",
    "status",
    "overdraft_limit",
    "time_zone",
    "anchor_at",
    "period_start",
    "period_end",
    "caps",
)
STANDING: Final = ("posted", "held", "seq", "head_hash", "changed_at", "next_due_at")
OPENED: Final = ("revision", "revision_hash", "created_at", *TERMS)
TERMS_OF: Final = attrgetter(*TERMS)
STANDING_OF: Final = attrgetter(*STANDING)
OPENED_OF: Final = attrgetter(*OPENED)


class Recount:
    """One account as its revisions and entries make it, and what its rows say otherwise."""

    def __init__(
        self,
        account_id: str,
        revisions: Sequence[Revision],
        findings: Findings,
        check_price: Callable[[Entry], None],
    ) -> None:
        self.account_id = account_id
        self.findings = findings
        self.check_price = check_price
        self.revisions = revisions
        self.limits = [(each.as_of_seq, each.overdraft_limit) for each in reversed(revisions)]
        self.limit = 0
        self.seq = self.posted = self.held = self.debt = 0
        self.due_at: int | None = None
        self.recorded_at = 0
        self.head = GENESIS
        self.lots: dict[str, list[int]] = {}
        self.grants: list[Grant] = []
        self.holds: dict[str, Entry] = {}
        self.last: Entry | None = None
        self.tally = Tally()

    def note(self, seq: int, rule: str, expected: object, found: object, subject: str) -> None:
        """Keep one difference of this account."""
        self.findings.note(self.account_id, seq, rule, expected, found, subject)

    def entry(self, entry: Entry, draws: Sequence[Draw], grants: Sequence[Grant]) -> None:
        """Count one entry with the draws and grants that hang on it."""
        if entry.grant_id is not None:
            draws = (*entry.own_draws, *draws)
        self.chain(entry, draws, grants)
        for grant in grants:
            self.lots[grant.id] = [0, 0]
            self.grants.append(grant)
        self.balance(entry)
        self.draws(entry, draws)
        self.check_price(entry)
        self.tally.add(entry)
        if entry.hold_id is not None:
            self.hold(entry.hold_id, entry)
        self.last = entry
        self.seq, self.head = entry.seq, entry.hash
        self.posted, self.held = entry.posted_after, entry.held_after
        self.due_at, self.recorded_at = entry.due_after, entry.recorded_at

    def chain(self, entry: Entry, draws: Sequence[Draw], grants: Sequence[Grant]) -> None:
        """Law 7: no gap, the hash before it, and the hash of all that the row says."""
        seq = entry.seq
        if seq != self.seq + 1:
            self.note(self.seq + 1, "seq", self.seq + 1, seq, entry.id)
        if entry.prev_hash != self.head:
            self.note(seq, "prev_hash", self.head, entry.prev_hash, entry.id)
        made = grants if len(grants) < 2 else in_draw_order(grants, draws)
        expected = recomputed(entry_hash, entry, draws, made, entry.prev_hash)
        if entry.hash != expected:
            self.note(seq, "hash", expected, entry.hash, entry.id)

    def balance(self, entry: Entry) -> None:
        """Laws 1 and 3: both after-values, the overdraft limit, and time that never falls."""
        seq = entry.seq
        posted, held = self.posted + entry.amount, self.held + entry.hold_amount
        if entry.posted_after != posted:
            self.note(seq, "posted_after", posted, entry.posted_after, entry.id)
        if entry.held_after != held:
            self.note(seq, "held_after", held, entry.held_after, entry.id)
        while self.limits and self.limits[-1][0] < seq:
            self.limit = self.limits.pop()[1]
        if entry.amount < entry.hold_amount and posted - held < -self.limit:
            self.note(seq, "overdraft_limit", f">= {-self.limit}", posted - held, entry.id)
        if held < 0:
            self.note(seq, "held", ">= 0", held, entry.id)
        if entry.recorded_at < self.recorded_at:
            self.note(seq, "recorded_at", f">= {self.recorded_at}", entry.recorded_at, entry.id)
        if entry.occurred_at > entry.recorded_at:
            self.note(seq, "occurred_at", f"<= {entry.recorded_at}", entry.occurred_at, entry.id)

    def draws(self, entry: Entry, draws: Sequence[Draw]) -> None:
        """Laws 1 and 3: draws add up to the entry, and no grant is overdrawn."""
        amount = pinned = 0
        for draw in draws:
            amount += draw.amount
            pinned += draw.pinned
            if draw.grant_id is None:
                self.debt += draw.amount
            else:
                self.move(draw)
        if amount != entry.amount:
            self.note(entry.seq, "draws.amount", entry.amount, amount, entry.id)
        if pinned != entry.hold_amount:
            self.note(entry.seq, "draws.pinned", entry.hold_amount, pinned, entry.id)
        if self.debt > 0:
            self.note(entry.seq, "overdraft", "<= 0", self.debt, entry.id)

    def move(self, draw: Draw) -> None:
        """Move a grant by a draw; pinned stays within what remains (law 3)."""
        lot = self.lots.get(draw.grant_id or "")
        if lot is None:
            grant = f"a grant of account {self.account_id} made by then"
            self.note(draw.seq, "draws.grant_id", grant, draw.grant_id, place(draw))
            return
        lot[0] += draw.amount
        lot[1] += draw.pinned
        if not 0 <= lot[1] <= lot[0]:
            self.note(draw.seq, "pinned", f"0 to {lot[0]}", lot[1], f"grant {draw.grant_id}")

    def hold(self, hold_id: str, entry: Entry) -> None:
        """Keep of each open hold the entry that says until when."""
        if entry.resolution is not None:
            self.holds.pop(hold_id, None)
        elif entry.kind == "hold":
            self.holds[hold_id] = entry

    def close(self, account: Account, usage: Iterable[UsageDay]) -> None:
        """Compare what was counted with the account's own row, its grants and its usage."""
        self.close_terms(account)
        self.close_dues()
        changed_at = max([self.recorded_at, *(each.recorded_at for each in self.revisions)])
        ours = (self.posted, self.held, self.seq, self.head, changed_at, self.due_at)
        theirs = STANDING_OF(account)
        last = self.seq + 1 if account.seq > self.seq else self.seq
        self.findings.compare(self.account_id, last, ours, theirs, STANDING, "account")
        for grant in self.grants:
            counted, said = tuple(self.lots[grant.id]), (grant.remaining, grant.pinned)
            if counted != said:
                names, subject = ("remaining", "pinned"), f"grant {grant.id}"
                self.findings.compare(self.account_id, grant.seq, counted, said, names, subject)
        remaining = sum(lot[0] for lot in self.lots.values())
        if remaining + self.debt != self.posted:
            self.note(self.seq, "posted", remaining + self.debt, self.posted, "account")
        self.close_usage(usage)

    def close_terms(self, account: Account) -> None:
        """Law 7 for revisions, and the account's terms as its last revision left them."""
        number, head, as_of = 0, GENESIS, 0
        before: Revision | None = None
        for each in self.revisions:
            subject = f"revision {each.revision}"
            if each.revision != number + 1:
                self.note(each.as_of_seq, "revision", number + 1, each.revision, subject)
            if each.prev_hash != head:
                self.note(each.as_of_seq, "prev_hash", head, each.prev_hash, subject)
            expected = recomputed(revision_hash, each, each.prev_hash)
            if each.hash != expected:
                self.note(each.as_of_seq, "hash", expected, each.hash, subject)
            if not as_of <= each.as_of_seq <= self.seq:
                self.note(
                    each.as_of_seq, "as_of_seq", f"{as_of} to {self.seq}", each.as_of_seq, subject
                )
            self.period(each, before)
            number, head, as_of, before = each.revision, each.hash, each.as_of_seq, each
        if not self.revisions:
            self.note(self.seq, "revision", "at least 1", "none", "account")
            return
        opened, last = self.revisions[0], self.revisions[-1]
        ours, theirs = (number, head, opened.recorded_at, *TERMS_OF(last)), OPENED_OF(account)
        self.findings.compare(self.account_id, self.seq, ours, theirs, OPENED, "account")

    def period(self, revision: Revision, before: Revision | None) -> None:
        """The period of the account's one anchor that terms were written in.

        What fell due is written before terms change, so a turnover alone opens the next period; of
        several that are written late, only the last is of its time.
        """
        seq, subject = revision.as_of_seq, f"revision {revision.revision}"
        start, end, at = revision.period_start, revision.period_end, revision.recorded_at
        if before is not None:
            if revision.anchor_at != before.anchor_at:
                self.note(seq, "anchor_at", before.anchor_at, revision.anchor_at, subject)
            turns = revision.reason == "turnover"
            follows = before.period_end if turns else before.period_start
            if start != follows:
                self.note(seq, "period_start", follows, start, subject)
            if turns and at < start:
                self.note(seq, "recorded_at", f">= {start}", at, subject)
            at = start if turns else at
        try:
            starts, ends = caps.period_of(revision, at)
        except PeriodError as error:
            self.note(seq, "period_start", "a period of the anchor", error, subject)
            return
        if start != starts:
            self.note(seq, "period_start", starts, start, subject)
        if end != ends:
            self.note(seq, "period_end", ends, end, subject)

    def close_dues(self) -> None:
        """When something falls due next (law 9), which is how the clock finds the account."""
        period_ends = (r.period_end for r in reversed(self.revisions) if r.as_of_seq < self.seq)
        period_end = next(period_ends, None)  # of the terms in force at the last entry
        if self.last is None or period_end is None:
            return
        grants = [
            grant._replace(remaining=left, pinned=kept)
            for grant in self.grants
            for left, kept in [self.lots[grant.id]]
            if left > kept
        ]
        due = next_due(period_end, grants, self.holds.values())
        if self.last.due_after != due:
            self.note(self.seq, "due_after", due, self.last.due_after, self.last.id)

    def close_usage(self, usage: Iterable[UsageDay]) -> None:
        """The daily usage table is a cache: the same counts must come from the entries."""
        counted = {(each.day, each.operation): each for each in self.tally.days(self.account_id)}
        for said in usage:
            ours = counted.pop((said.day, said.operation), None)
            if ours == said:
                continue
            subject = f"usage {said.operation} on day {said.day}"
            if ours is None:
                self.note(self.seq, "usage_days", "no such row", "a row", subject)
                continue
            self.findings.compare(
                self.account_id, self.seq, ours[3:], said[3:], UsageDay._fields[3:], subject
            )
        for missing in counted.values():
            subject = f"usage {missing.operation} on day {missing.day}"
            self.note(self.seq, "usage_days", "a row", "no such row", subject)


def in_draw_order(grants: Sequence[Grant], draws: Sequence[Draw]) -> list[Grant]:
    """Grants of one entry as they were made: in the order of the draws that fill them."""
    places = {draw.grant_id: draw.position for draw in draws}
    return sorted(grants, key=lambda grant: places.get(grant.id, len(places)))


def place(draw: Draw) -> str:
    """A draw by its place on its entry."""
    return f"draw {draw.position} of seq {draw.seq}"

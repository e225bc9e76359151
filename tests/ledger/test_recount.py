"""One account recomputed: right rows are silent, each wrong one is named once by its seq."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import pytest

from portal.ledger.accounts import get_account, revisions_of
from portal.ledger.chain import entry_hash, revision_hash
from portal.ledger.findings import Difference, Findings
from portal.ledger.history import page
from portal.ledger.lookups import draws_of
from portal.ledger.model import DAY, Account, Draw, Entry, Grant, Revision
from portal.ledger.recount import Recount, in_draw_order
from portal.ledger.standing import grants_of
from portal.ledger.usage import UsageDay, usage_days
from portal.pricing import boundary, period_index
from tests.ledger.conftest import Lived

OTHER = b"\x07" * 32


@dataclass(frozen=True)
class Rows:
    """An account's rows, as they could have been read."""

    account: Account
    revisions: list[Revision]
    entries: list[Entry]
    draws: dict[int, list[Draw]]
    grants: dict[int, list[Grant]]
    usage: list[UsageDay]
    priced: list[Entry] = field(default_factory=list)

    def found(self) -> list[Difference]:
        """What a recount says of them."""
        findings = Findings()
        check = self.priced.append
        recount = Recount(self.account.id, self.revisions, findings, check)
        for entry in self.entries:
            draws, grants = self.draws.get(entry.seq, []), self.grants.get(entry.seq, [])
            recount.entry(entry, draws, grants)
        recount.close(self.account, self.usage)
        return findings.kept

    def rules(self) -> list[tuple[int | None, str]]:
        """Seq and rule of each difference."""
        return [(each.seq, each.rule) for each in self.found()]

    def with_entry(self, seq: int, /, sealed: bool = False, **changes: Any) -> "Rows":
        """The rows with one entry changed; sealed: with hashes to match, as a forger would."""
        entries = [e._replace(**changes) if e.seq == seq else e for e in self.entries]
        rows = replace(self, entries=sorted(entries, key=lambda entry: entry.seq))
        return rows.sealed() if sealed else rows

    def drawn(self, entry: Entry) -> list[Draw]:
        """An entry's draws, itself or rows of their own."""
        return [*entry.own_draws, *self.draws.get(entry.seq, [])]

    def sealed(self) -> "Rows":
        """The rows with every hash computed anew."""
        head, entries = bytes(32), []
        for entry in self.entries:
            draws = self.drawn(entry)
            grants = in_draw_order(self.grants.get(entry.seq, []), draws)
            digest = entry_hash(entry, draws, grants, head)
            entries.append(entry._replace(prev_hash=head, hash=digest))
            head = digest
        return replace(self, entries=entries, account=self.account._replace(head_hash=head))

    def with_revision(self, number: int, /, **changes: Any) -> "Rows":
        """The rows with one revision changed."""
        every = [r._replace(**changes) if r.revision == number else r for r in self.revisions]
        return replace(self, revisions=every)

    def with_draw(self, seq: int, /, **changes: Any) -> "Rows":
        """The rows with the first draw of an entry changed, and hashes to match."""
        rows = self.apart(seq)
        first, *rest = rows.draws[seq]
        draws = {**rows.draws, seq: [first._replace(**changes), *rest]}
        return replace(rows, draws=draws).sealed()

    def apart(self, seq: int) -> "Rows":
        """The rows with the draws of an entry as rows of their own."""
        draws = {**self.draws, seq: self.drawn(self.entries[seq - 1])}
        return replace(self.with_entry(seq, grant_id=None), draws=draws)


@pytest.fixture(scope="module")
def ada(lived: Lived) -> Rows:
    """The account that lived through everything."""
    with lived.database.reading() as connection:
        entries = list(reversed(page(connection, "ada", limit=1_000).entries))
        apart = [entry for entry in entries if entry.grant_id is None]
        grants = defaultdict(list)
        for grant in sorted(grants_of(connection, "ada"), key=lambda grant: grant.id):
            grants[grant.seq].append(grant)
        return Rows(
            get_account(connection, "ada"),
            list(reversed(revisions_of(connection, "ada"))),
            entries,
            {seq: list(each) for (_, seq), each in draws_of(connection, apart).items()},
            dict(grants),
            list(usage_days(connection, "ada", 0, 10**6)),
        )


def altered(value: Any) -> Any:
    """Another value of the same type."""
    if isinstance(value, bytes):
        return OTHER
    return 77 if value is None else value + type(value)(7)


def seq_of(rows: Rows, keeps: Callable[[Entry], bool]) -> int:
    return next(entry.seq for entry in rows.entries if keeps(entry))


def test_right_rows_are_silent_and_every_entry_is_priced(ada: Rows) -> None:
    assert ada.found() == []
    assert ada.priced == ada.entries


DRAWN = {"amount", "hold_amount", "grant_id"}


@pytest.mark.parametrize("name", [name for name in Entry._fields if name != "account_id"])
def test_each_column_of_an_entry_is_seen_at_its_seq(ada: Rows, name: str) -> None:
    last = len(ada.entries)
    for seq in (1, 20, last):
        entry = ada.entries[seq - 1]
        value = getattr(entry, name)
        changed = altered(value)
        rules = ada.with_entry(seq, **{name: changed}).rules()
        assert seq in {found for found, _ in rules}
        # The next entry quotes the hash and the after-values; nothing else is drawn in. (A row
        # at another seq is a gap here and a stranger there: draws, grants and all; and what an
        # entry drew is compared with its grant, and with whatever came after on that one.)
        if name != "seq":
            of_grants = {"remaining", "pinned"} if name in DRAWN else set()
            near = {found for found, rule in rules if rule not in of_grants}
            assert near <= {seq, seq + 1, last}, rules


def test_an_entry_whose_draw_is_a_row_of_its_own_is_as_right(ada: Rows) -> None:
    for entry in ada.entries:
        assert ada.apart(entry.seq).found() == []


def test_one_wrong_amount_does_not_flood_what_follows(ada: Rows) -> None:
    seq = seq_of(ada, lambda entry: entry.kind == "debit")
    itself = ada.with_entry(seq, amount=-301).rules()
    assert {rule for found, rule in itself if found == seq} == {"hash", "posted_after"}
    assert len(itself) < 8
    rules = ada.apart(seq).with_entry(seq, amount=-301).rules()
    assert {rule for found, rule in rules if found == seq} == {
        "hash",
        "posted_after",
        "draws.amount",
    }
    assert len(rules) < 7


def test_a_missing_entry_is_a_gap_at_its_seq(ada: Rows) -> None:
    rows = replace(ada, entries=[entry for entry in ada.entries if entry.seq != 9])
    assert (9, "seq") in rows.rules()


def test_a_missing_tail_is_named_by_the_first_seq_that_is_gone(ada: Rows) -> None:
    rows = replace(ada, entries=ada.entries[:-2])
    assert {seq for seq, rule in rows.rules() if rule in ("seq", "head_hash")} == {
        len(ada.entries) - 1
    }


def test_an_account_that_is_behind_its_entries_is_named_at_the_last_one(ada: Rows) -> None:
    behind = replace(ada, account=ada.account._replace(seq=3, posted=5))
    assert set(behind.rules()) == {(len(ada.entries), "seq"), (len(ada.entries), "posted")}


def test_swapped_entries_break_the_chain(ada: Rows) -> None:
    entries = list(ada.entries)
    entries[4], entries[5] = entries[5]._replace(seq=5), entries[4]._replace(seq=6)
    assert {(5, "hash"), (5, "prev_hash"), (6, "hash")} <= set(
        replace(ada, entries=entries).rules()
    )


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"posted_after": 1}, "posted_after"),
        ({"held_after": 1}, "held_after"),
        ({"recorded_at": 5}, "recorded_at"),
        ({"occurred_at": 10**17}, "occurred_at"),
        ({"amount": -5}, "draws.amount"),
        ({"hold_amount": 5}, "draws.pinned"),
    ],
)
def test_an_entry_that_breaks_a_law_is_found_though_its_hashes_match(
    ada: Rows, changes: dict[str, int], rule: str
) -> None:
    seq = seq_of(ada, lambda entry: entry.kind == "debit")
    assert (seq, rule) in ada.apart(seq).with_entry(seq, sealed=True, **changes).rules()


@pytest.mark.parametrize("change", [-1, 1, None])
def test_what_is_said_to_fall_due_next_follows_from_what_there_is(
    ada: Rows, change: int | None
) -> None:
    """Wherever a history ends: what fell due first then was a hold, a grant or the period."""
    first = set()
    for last in range(1, len(ada.entries) + 1):
        entries = ada.entries[:last]
        entry = entries[-1]
        first.add(kind_of(ada, entry))
        assert entry.due_after is not None
        for due in (entry.due_after, None if change is None else entry.due_after + change):
            rows = replace(ada, entries=entries).with_entry(last, sealed=True, due_after=due)
            rules = [rule for rule in rows.rules() if rule[1] == "due_after"]
            assert rules == ([] if due == entry.due_after else [(last, "due_after")])
    assert first == {"a hold", "a grant", "the period"}


def kind_of(rows: Rows, entry: Entry) -> str:
    """What it is that an entry says falls due next."""
    if entry.due_after in {each.period_end for each in rows.revisions}:
        return "the period"
    lives = {grant.expires_at for grants in rows.grants.values() for grant in grants}
    return "a grant" if entry.due_after in lives else "a hold"


def test_what_falls_due_is_no_later_for_terms_that_came_after(ada: Rows) -> None:
    last = ada.revisions[-1]
    later = last._replace(
        revision=last.revision + 1, as_of_seq=len(ada.entries), period_end=last.period_end + 1
    )
    assert "due_after" not in {
        rule for _, rule in replace(ada, revisions=[*ada.revisions, later]).rules()
    }


def test_a_hold_that_is_said_to_end_never_is_no_trouble(ada: Rows) -> None:
    seq = max(entry.seq for entry in ada.entries if entry.kind == "hold")
    rules = replace(ada, entries=ada.entries[:seq]).with_entry(seq, expires_at=None).rules()
    assert {(seq, "hash"), (seq, "due_after")} <= set(rules)


def test_an_overdraft_beyond_its_limit_is_found(ada: Rows) -> None:
    rows = ada.with_entry(4, sealed=True, amount=-(10**9), posted_after=-(10**9))
    assert (4, "overdraft_limit") in rows.rules()
    # A limit written down by then would have allowed it.
    terms = [each._replace(overdraft_limit=2 * 10**9) for each in ada.revisions]
    assert (4, "overdraft_limit") not in replace(rows, revisions=terms).rules()


def test_more_released_than_held_is_found(ada: Rows) -> None:
    seq = seq_of(ada, lambda entry: entry.kind == "release")
    rows = ada.with_entry(seq, sealed=True, hold_amount=-(10**9), held_after=-(10**9))
    assert (seq, "held") in rows.rules()


def test_a_draw_on_a_grant_that_is_not_there_yet_is_found(ada: Rows) -> None:
    late = max(seq for seq, grants in ada.grants.items() if grants)
    seq = seq_of(ada, lambda entry: entry.kind == "debit")
    rows = ada.with_draw(seq, grant_id=ada.grants[late][0].id)
    assert (seq, "draws.grant_id") in rows.rules()
    assert (seq, "draws.grant_id") in ada.with_draw(seq, grant_id="").rules()


def test_a_grant_that_is_overdrawn_is_found(ada: Rows) -> None:
    seq = seq_of(ada, lambda entry: entry.kind == "debit")
    assert (seq, "pinned") in ada.with_draw(seq, amount=-(10**9)).rules()
    assert (seq, "pinned") in ada.with_draw(seq, pinned=-1).rules()


def test_overdraft_repaid_beyond_what_was_owed_is_found(ada: Rows) -> None:
    rules = ada.with_draw(1, grant_id=None).rules()
    assert (1, "overdraft") in rules
    assert (len(ada.entries), "posted") not in rules


def test_draws_that_do_not_add_up_leave_the_sum_of_grants_beside_the_balance(ada: Rows) -> None:
    assert (len(ada.entries), "posted") in ada.with_draw(1, amount=29_999).rules()


@pytest.mark.parametrize("name", ["remaining", "pinned"])
def test_what_remains_of_a_grant_follows_from_its_draws(ada: Rows, name: str) -> None:
    grant = ada.grants[1][0]
    grants = {**ada.grants, 1: [grant._replace(**{name: getattr(grant, name) + 1})]}
    assert replace(ada, grants=grants).rules() == [(1, name)]


@pytest.mark.parametrize("name", [name for name in Account._fields if name != "id"])
def test_each_column_of_the_account_is_seen(ada: Rows, name: str) -> None:
    value = getattr(ada.account, name)
    changed = altered(value)
    rules = replace(ada, account=ada.account._replace(**{name: changed})).rules()
    assert [rule for _, rule in rules] == [name]


@pytest.mark.parametrize("name", [name for name in Revision._fields if name != "account_id"])
def test_each_column_of_a_revision_is_seen(ada: Rows, name: str) -> None:
    for number in (1, 2, len(ada.revisions)):
        revision = ada.revisions[number - 1]
        value = getattr(revision, name)
        changed = altered(value)
        changed_rows = ada.with_revision(number, **{name: changed})
        subjects = {each.subject for each in changed_rows.found()}
        assert subjects & {f"revision {number}", f"revision {number + 7}"}, subjects


def test_a_revision_of_entries_still_to_come_is_found(ada: Rows) -> None:
    last = ada.revisions[-1]
    forged = last._replace(as_of_seq=10**6)
    forged = forged._replace(hash=revision_hash(forged, forged.prev_hash))
    rules = replace(ada, revisions=[*ada.revisions[:-1], forged]).rules()
    assert (10**6, "as_of_seq") in rules


def test_a_missing_revision_is_found(ada: Rows) -> None:
    for gone in range(len(ada.revisions)):
        revisions = [each for place, each in enumerate(ada.revisions) if place != gone]
        assert replace(ada, revisions=revisions).rules()


def test_an_account_without_revisions_is_found(ada: Rows) -> None:
    assert (len(ada.entries), "revision") in replace(ada, revisions=[]).rules()


def test_usage_that_the_entries_do_not_count_to_is_found(ada: Rows) -> None:
    first, *rest = ada.usage
    last = len(ada.entries)
    for name in ("charged", "refunded", "quantity", "jobs"):
        changed = first._replace(**{name: getattr(first, name) + 1})
        assert replace(ada, usage=[changed, *rest]).rules() == [(last, name)]
    assert replace(ada, usage=rest).rules() == [(last, "usage_days")]
    more = [*ada.usage, first._replace(day=1)]
    assert replace(ada, usage=more).rules() == [(last, "usage_days")]


def test_text_that_is_no_text_has_no_hash(ada: Rows) -> None:
    assert (1, "hash") in ada.with_entry(1, note="half \udcff").rules()


def test_grants_of_one_entry_are_hashed_in_the_order_of_their_draws(ada: Rows) -> None:
    seq = next(seq for seq, grants in ada.grants.items() if len(grants) > 5)
    for order in (ada.grants[seq], ada.grants[seq][::-1]):
        assert replace(ada, grants={**ada.grants, seq: order}).found() == []
    odd = ada.grants[seq][0]._replace(id="grt_nobody_draws_on")
    assert in_draw_order([odd, *ada.grants[seq]], ada.drawn(ada.entries[seq - 1]))[-1] == odd


def resealed(rows: Rows) -> Rows:
    """The rows with every revision's hash computed anew, and the account as the last leaves it."""
    head, revisions = bytes(32), []
    for each in rows.revisions:
        digest = revision_hash(each, head)
        revisions.append(each._replace(prev_hash=head, hash=digest))
        head = digest
    last = revisions[-1]
    account = rows.account._replace(
        revision_hash=head,
        anchor_at=last.anchor_at,
        period_start=last.period_start,
        period_end=last.period_end,
    )
    return replace(rows, revisions=revisions, account=account)


@pytest.mark.parametrize("name", ["anchor_at", "period_start", "period_end"])
@pytest.mark.parametrize("by", [-1, 1, 40 * DAY, -(2**62)])
def test_a_forged_period_is_found_on_every_revision(ada: Rows, name: str, by: int) -> None:
    """A period that never ends would give no allocation; one that ends each day, thirty."""
    for revision in ada.revisions:
        changed = {name: getattr(revision, name) + by}
        forged = resealed(ada.with_revision(revision.revision, **changed))
        found = {(each.subject, each.rule) for each in forged.found()}
        told = {"period_start", "period_end", "anchor_at"}
        assert any(subject.startswith("revision") and rule in told for subject, rule in found)


def test_a_period_that_was_left_out_is_found(ada: Rows) -> None:
    """Terms with a period of the account's anchor that does not follow the one before."""
    last = ada.revisions[-1]
    start, end = (boundary(last.anchor_at, 90 + after) for after in (0, 1))
    changed = {"period_start": start, "period_end": end}
    forged = resealed(ada.with_revision(last.revision, **changed))
    assert (last.as_of_seq, "period_start") in forged.rules()


def in_period(revision: Revision, by: int) -> dict[str, Any]:
    """The period that many after a revision's own, of the same anchor."""
    number = period_index(revision.anchor_at, revision.period_start) + by
    start, end = (boundary(revision.anchor_at, number + each) for each in (0, 1))
    return {"period_start": start, "period_end": end}


@pytest.mark.parametrize("by", [-1, 1, 600])
def test_periods_that_are_all_moved_alike_are_found(ada: Rows, by: int) -> None:
    """Each follows the one before, so that only the time of writing tells."""
    moved = [each._replace(**in_period(each, by)) for each in ada.revisions]
    found = resealed(replace(ada, revisions=moved)).found()
    assert ("revision 1", "period_start") in {(each.subject, each.rule) for each in found}


@pytest.mark.parametrize("reason", ["turnover", "renamed"])
def test_a_period_is_opened_by_a_turnover_alone(ada: Rows, reason: str) -> None:
    """A turnover that opens none, or other terms that do."""
    turns = {each.revision for each in ada.revisions if each.reason == "turnover"}
    forged = 0
    for before, each in pairwise(ada.revisions):
        if (each.revision in turns) == (reason == "renamed"):
            stays = in_period(before, 0) if reason == "turnover" else {}
            rows = resealed(ada.with_revision(each.revision, reason=reason, **stays))
            assert (each.as_of_seq, "period_start") in rows.rules()
            forged += 1
    assert forged


def test_a_turnover_before_its_time_is_found(ada: Rows) -> None:
    last = ada.revisions[-1]
    early = last._replace(
        revision=last.revision + 1, reason="turnover", recorded_at=last.period_end - 1,
        **in_period(last, 1),
    )  # fmt: skip
    due = early._replace(recorded_at=last.period_end)
    for turned, found in ((early, True), (due, False)):
        rules = resealed(replace(ada, revisions=[*ada.revisions, turned])).rules()
        assert ((last.as_of_seq, "recorded_at") in rules) == found
        assert "period_start" not in {rule for _, rule in rules}

"""A ledger in memory: the real posting code over plain lists, guarded as a database would be.

It loads as much as `loading` does and no more, and refuses what the triggers refuse, so that
thousands of steps need no database. Facts are read from the rows anew for every post.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from portal import pricing
from portal.ledger import caps
from portal.ledger import commands as asked
from portal.ledger.appending import Pages
from portal.ledger.book import Draft
from portal.ledger.burn import in_burn_order
from portal.ledger.chain import entry_hash, revision_hash
from portal.ledger.commands import Command, Outcome, Posted, Refused
from portal.ledger.deciding import decide
from portal.ledger.holds import joined
from portal.ledger.identifiers import Ids
from portal.ledger.known import HOLD_COMMANDS, SPENDING_COMMANDS, Known, claim_of, claim_of_hold
from portal.ledger.model import (
    AMOUNT_MAX,
    BALANCE_MAX,
    DAY,
    GENESIS,
    Account,
    Answered,
    Draw,
    Entry,
    Grant,
    Hold,
    Pin,
    Refusal,
    Request,
    Reversible,
    Revision,
    State,
)
from portal.ledger.posting import Posting, refused_unknown

CHARGES = ("debit", "capture")


class GuardError(Exception):
    """A row that no guard of a database would let in."""


def guard(holds: bool, rule: str) -> None:
    """Refuse a row that breaks a rule."""
    if not holds:
        raise GuardError(rule)


class Tables:
    """Every row by what it is found with."""

    def __init__(self) -> None:
        self.accounts: dict[str, Account] = {}
        self.revisions: dict[str, list[Revision]] = {}
        self.grants: dict[str, Grant] = {}
        self.holds: dict[str, Hold] = {}
        self.entries: dict[str, Entry] = {}
        self.of_account: dict[str, list[Entry]] = {}
        self.draws: dict[tuple[str, int], tuple[Draw, ...]] = {}
        self.made: dict[tuple[str, int], tuple[Grant, ...]] = {}
        self.chains: dict[str, list[Entry]] = {}
        self.reversing: dict[str, list[Entry]] = {}
        self.requests: dict[tuple[str, str], Answered] = {}
        self.refusals: dict[str, Refusal] = {}

    def open(self, row: tuple[Any, ...]) -> None:
        """Insert an account, empty."""
        account_id, head, revision_head, created_at = row
        guard(account_id not in self.accounts and head == revision_head == GENESIS, "accounts")
        self.accounts[account_id] = Account(
            account_id,
            "",
            "",
            None,
            "active",
            0,
            "UTC",
            0,
            0,
            0,
            0,
            0,
            0,
            GENESIS,
            0,
            None,
            0,
            GENESIS,
            created_at,
        )

    def revise(self, row: Revision) -> None:
        """Insert a revision: it changes the account's terms."""
        account = self.accounts[row.account_id]
        guard(row.revision == account.revision + 1, "revisions follow")
        guard(row.prev_hash == account.revision_hash, "revisions are chained")
        guard(row.hash == revision_hash(row, row.prev_hash), "revisions are hashed")
        guard(row.recorded_at >= account.changed_at, "time of revisions")
        guard(row.overdraft_limit >= 0, "overdraft_limit")
        self.revisions.setdefault(row.account_id, []).append(row)
        terms = {name: getattr(row, name) for name in (*Revision._fields[3:12], "caps")}
        self.accounts[row.account_id] = account._replace(
            **terms,
            revision=row.revision,
            revision_hash=row.hash,
            changed_at=row.recorded_at,
        )

    def append(self, draft: Draft) -> None:
        """Insert an entry with its draws and grants: it moves account, grants and hold.

        Each grant an entry makes is filled by a draw of the same entry.
        """
        entry, draws, made = draft
        account = self.accounts[entry.account_id]
        for grant in made:
            guard(grant.id not in self.grants and grant.seq == entry.seq, "grants begin")
            guard(grant.remaining == grant.pinned == 0, "grants begin empty")
            guard(0 <= grant.amount <= AMOUNT_MAX, "grants' amount")
            guard(grant.expires_at is None or grant.expires_at > grant.effective_at, "life")
            self.grants[grant.id] = grant
        guard({grant.id for grant in made} <= {draw.grant_id for draw in draws}, "grants fill")
        for place, draw in enumerate(draws):
            guard((draw.account_id, draw.seq, draw.position) == (*entry[:2], place), "draws")
            if draw.grant_id is not None:
                self.move(draw)
        guard_entry(account, entry, draws)
        guard(entry.id not in self.entries, "entries' ids")
        guard(entry.hash == entry_hash(entry, draws, made, entry.prev_hash), "hash")
        self.guard_once(entry)
        here = (entry.account_id, entry.seq)
        self.draws[here] = tuple(draws)
        self.index(entry)
        if entry.hold_id is not None and entry.kind != "debit":
            self.move_hold(entry)
        self.accounts[account.id] = account._replace(
            posted=entry.posted_after,
            held=entry.held_after,
            seq=entry.seq,
            head_hash=entry.hash,
            changed_at=entry.recorded_at,
            next_due_at=entry.due_after,
        )

    def index(self, entry: Entry) -> None:
        """Keep an entry under everything it is found with."""
        here = (entry.account_id, entry.seq)
        self.draws.setdefault(here, ())
        made = (self.grants.get(draw.grant_id or "") for draw in self.draws[here])
        self.made[here] = tuple(grant for grant in made if grant and grant.seq == entry.seq)
        self.entries[entry.id] = entry
        self.of_account.setdefault(entry.account_id, []).append(entry)
        if entry.hold_id is not None:
            self.chains.setdefault(entry.hold_id, []).append(entry)
        if entry.reverses_id is not None:
            self.reversing.setdefault(entry.reverses_id, []).append(entry)

    def move(self, draw: Draw) -> None:
        """Move a grant by a draw."""
        grant = self.grants[draw.grant_id or ""]
        guard(grant.account_id == draw.account_id, "a draw moves a grant of its own account")
        left, pinned = grant.remaining + draw.amount, grant.pinned + draw.pinned
        guard(0 <= pinned <= left, "0 <= pinned <= remaining")
        self.grants[grant.id] = grant._replace(remaining=left, pinned=pinned)

    def guard_once(self, entry: Entry) -> None:
        """What happens once: a debit per reference, a grant per payment and period, a refund."""
        before = self.of_account.get(entry.account_id, [])
        if entry.kind == "debit":
            key = entry[10:13]
            guard(all(e.kind != "debit" or e[10:13] != key for e in before), "debited once")
        if entry.kind == "grant" and entry.reference_type == "payment":
            paid = (e for e in self.entries.values() if e.kind == "grant")
            guard(all(e[10:12] != entry[10:12] for e in paid), "a payment gives credits once")
        if allocates(entry):
            periods = (each.reference_id for each in before if allocates(each))
            guard(entry.reference_id not in periods, "a period gives credits once")
        if entry.kind == "refund":
            charge = self.entries[entry.reverses_id or ""]
            back = sum(each.amount for each in self.reversing.get(charge.id, ()))
            guard(charge.kind in CHARGES, "only what was charged is refunded")
            guard(back + entry.amount + charge.amount <= 0, "refunds never pass the charge")
            guard(entry.amount > 0, "a refund gives something back")

    def move_hold(self, entry: Entry) -> None:
        """Place, extend, capture or close a hold."""
        hold_id = entry.hold_id or ""
        if entry.reason == "placed":
            same = entry[10:12]
            key = (entry.account_id, entry.operation, *same)
            taken = (h for h in self.holds.values() if h.status in ("open", "captured"))
            guard(all(claim_of_hold(hold) != key for hold in taken), "one hold per reference")
            self.holds[hold_id] = Hold(
                hold_id,
                entry.account_id,
                entry.seq,
                entry.actor,
                entry.operation or "",
                entry.quantity or 0,
                entry.tariff or "",
                same[0] or "",
                same[1] or "",
                entry.hold_amount,
                0,
                entry.expires_at or 0,
                entry.recorded_at,
                "open",
                None,
            )
            return
        hold = self.holds[hold_id]
        guard(hold.status == "open" and hold.account_id == entry.account_id, "a hold ends once")
        if entry.kind == "hold":
            hold = hold._replace(
                amount=hold.amount + entry.hold_amount,
                quantity=entry.quantity or 0,
                expires_at=entry.expires_at or 0,
            )
        hold = hold._replace(captured=hold.captured - entry.amount)
        guard(0 <= hold.captured <= hold.amount, "captured within the hold")
        if entry.resolution is not None:
            hold = hold._replace(status=entry.resolution, resolved_seq=entry.seq)
        self.holds[hold_id] = hold


def allocates(entry: Entry) -> bool:
    """Whether an entry is an allocation, or the share of one, of a period."""
    about = (entry.kind, entry.reference_type)
    return about == ("grant", "period") and entry.reason != "rollover"


def guard_entry(account: Account, entry: Entry, draws: Iterable[Draw]) -> None:
    """What an entry must be to follow the one before."""
    drawn = list(draws)
    guard(entry.seq == account.seq + 1, "seq")
    guard(entry.prev_hash == account.head_hash, "chain")
    guard(entry.posted_after == account.posted + entry.amount, "posted_after")
    guard(entry.held_after == account.held + entry.hold_amount >= 0, "held_after")
    guard(entry.recorded_at >= account.changed_at, "recorded_at")
    guard(entry.amount == sum(draw.amount for draw in drawn), "amount is the sum of draws")
    guard(entry.hold_amount == sum(draw.pinned for draw in drawn), "hold is the sum of pins")
    guard(max(abs(entry.amount), abs(entry.hold_amount)) <= AMOUNT_MAX, "size")
    guard(abs(entry.posted_after) <= BALANCE_MAX, "balance")
    if entry.amount < entry.hold_amount:
        room = entry.posted_after - entry.held_after + account.overdraft_limit
        guard(room >= 0, "overdraft")


class MemoryPages(Pages):
    """Rows gathered for one append, to lists instead of a database."""

    __slots__ = ("tables",)

    def __init__(self, tables: Tables) -> None:
        super().__init__()
        self.tables = tables

    def append(self, connection: Any, *, limits_first: bool = True) -> None:
        """Insert all rows in the order of the real one."""
        tables = self.tables
        for row in self.accounts:
            tables.open(row)
        for revision in self.revisions if limits_first else ():
            tables.revise(revision)
        for draft in self.drafts:
            tables.append(draft)
        for revision in () if limits_first else self.revisions:
            tables.revise(revision)
        for refusal in self.refusals:
            guard(refusal.id not in tables.refusals, "refusals' ids")
            tables.refusals[refusal.id] = refusal
        for answered in self.requests:
            guard(answered[:2] not in tables.requests, "the key is answered")
            tables.requests[answered.service, answered.key] = answered
        self.__init__(tables)  # type: ignore[misc]


class MemoryPosting(Posting):
    """Posting with pages in memory; a replay is the first outcome, as it was answered."""

    def __init__(
        self, ledger: "MemoryLedger", known: Known, now: int, tariffs: pricing.Tariffs, ids: Ids
    ) -> None:
        super().__init__(None, known, now, tariffs, ids)  # type: ignore[arg-type]
        self.pages = MemoryPages(ledger.tables)
        self.ledger = ledger
        known.outcomes = {key: ledger.again(each) for key, each in known.answered.items()}

    def read_spent(self, account_ids: list[str], first: int) -> None:
        """What accounts have spent from a day on, counted from their entries."""
        load_spent(self.ledger.tables, self.known, account_ids, first)


class MemoryLedger:
    """A ledger in memory; `post` and `preview` as the real ones."""

    def __init__(self, tariffs: pricing.Tariffs, ids: Ids) -> None:
        self.tables = Tables()
        self.tariffs, self.ids = tariffs, ids
        self.first: dict[tuple[str, str], Outcome] = {}

    def post(self, commands: Sequence[Command], now: int) -> list[Outcome]:
        """Post commands together."""
        known = load(self.tables, commands, now)
        posting = MemoryPosting(self, known, now, self.tariffs, self.ids)
        outcomes = [posting.outcome_of(command) for command in commands]
        posting.pages.append(None)  # type: ignore[arg-type]
        for command, outcome in zip(commands, outcomes, strict=True):
            key = command.request[:2] if command.request else ("", "")
            if key in self.tables.requests and answers(outcome, self.tables.requests[key]):
                self.first.setdefault(key, outcome)
        return outcomes

    def preview(self, command: Command, now: int) -> Outcome:
        """What a command would do."""
        known = load(self.tables, [command], now)
        state = refused_unknown(known, command, now)
        if isinstance(state, Refused):
            return state
        first = caps.counted_from(state.account, command, now, self.tariffs)
        if first is not None:
            load_spent(self.tables, known, [state.account.id], first)
        facts = known.facts_of(command)
        return decide(state, command, facts, now=now, tariffs=self.tariffs, ids=self.ids).outcome

    def account(self, account_id: str) -> Account:
        """One account's row."""
        return self.tables.accounts[account_id]

    def entries(self, account_id: str) -> list[Entry]:
        """One account's history."""
        return self.tables.of_account.get(account_id, [])

    def again(self, answered: Answered) -> Outcome:
        """The first outcome of an answered request, marked as replayed."""
        first = self.first[answered.service, answered.key]
        if isinstance(first, Posted):
            return first._replace(replayed=True)
        return Refused(first.error, replayed=True, refusal_id=first.refusal_id)


def answers(outcome: Outcome, answered: Answered) -> bool:
    """Whether an outcome is the one that a key is bound to."""
    if isinstance(outcome, Refused):
        return outcome.refusal_id is not None and outcome.refusal_id == answered.refusal_id
    return outcome.entry is not None and outcome.entry.seq == answered.seq


def load(tables: Tables, commands: Sequence[Command], now: int) -> Known:
    """What the real `load` would give: no more states, pins and facts than it reads."""
    known = Known()
    hold_ids = {each.hold_id for each in commands if isinstance(each, HOLD_COMMANDS)}
    known.holds = {name: tables.holds[name] for name in hold_ids if name in tables.holds}
    named = {each.entry_id for each in commands if isinstance(each, asked.Refund)}
    known.reversibles = {
        entry_id: reversible(tables, tables.entries[entry_id])
        for entry_id in named
        if entry_id in tables.entries
    }
    ids = {each.account_id for each in commands if hasattr(each, "account_id")}
    ids |= {hold.account_id for hold in known.holds.values()}
    ids |= {each.entry.account_id for each in known.reversibles.values()}
    for account_id in ids & set(tables.accounts):
        known.states[account_id] = state_of(tables, account_id, hold_ids, now)
    for command in commands:
        load_request(tables, known, command.request)
    keys = {claim_of(each) for each in commands if isinstance(each, SPENDING_COMMANDS)}
    keys |= {claim_of_hold(hold) for hold in known.holds.values()}
    known.charged = charged(tables, keys, ids)
    for hold_id in hold_ids:
        for entry in tables.chains.get(hold_id, ()):
            if entry.kind == "debit":
                known.late[hold_id] = entry
            elif entry.resolution is not None:
                known.ended[hold_id] = entry
    known.paid = {
        entry.reference_id or "": entry.id
        for entry in tables.entries.values()
        if entry.kind == "grant" and entry.reference_type == "payment"
    }
    return known


def load_spent(tables: Tables, known: Known, account_ids: list[str], first: int) -> None:
    """What accounts have spent from a day on, counted from their entries."""
    for account_id in account_ids:
        entries = tables.of_account.get(account_id, ())
        late = (each for each in entries if each.occurred_at // DAY >= first)
        known.spent[account_id] = caps.Spent(first, {}).after(late)


def load_request(tables: Tables, known: Known, request: Request | None) -> None:
    """The answer of a key, if it has one."""
    key = (request.service, request.key) if request else ("", "")
    if key in tables.requests:
        known.answered[key] = tables.requests[key]


def charged(
    tables: Tables, keys: set[tuple[str, str, str, str]], ids: set[str]
) -> dict[tuple[str, str, str, str], str]:
    """What stands for each natural key: an open or captured hold, or a debit."""
    found = {
        claim_of_hold(hold): hold.id
        for hold in tables.holds.values()
        if hold.status in ("open", "captured")
    }
    for account_id in ids:
        for entry in tables.of_account.get(account_id, ()):
            if entry.kind == "debit":
                key = (account_id, entry.operation or "", *(part or "" for part in entry[10:12]))
                found[key] = entry.id  # type: ignore[index]
    return {key: name for key, name in found.items() if key in keys}


def state_of(tables: Tables, account_id: str, hold_ids: set[str], now: int) -> State:
    """An account's state, with the pins of holds that are named or have fallen due."""
    grants = (g for g in tables.grants.values() if g.account_id == account_id and g.remaining)
    holds = {
        hold.id: hold
        for hold in tables.holds.values()
        if hold.account_id == account_id and hold.status == "open"
    }
    pins = {
        hold.id: joined(
            Pin(draw.grant_id, draw.pinned)
            for entry in tables.chains[hold.id]
            for draw in tables.draws[entry.account_id, entry.seq]
        )
        for hold in holds.values()
        if hold.id in hold_ids or hold.expires_at <= now
    }
    return State(tables.accounts[account_id], in_burn_order(grants), holds, pins)


def reversible(tables: Tables, entry: Entry) -> Reversible:
    """An entry with its draws, their grants, and what has gone back to each."""
    draws = tables.draws[entry.account_id, entry.seq]
    back: dict[str | None, int] = {}
    for refund in tables.reversing.get(entry.id, ()):
        here = (refund.account_id, refund.seq)
        parents = {grant.id: grant.parent_id for grant in tables.made[here]}
        for draw in tables.draws[here]:
            origin = parents.get(draw.grant_id, draw.grant_id) if draw.grant_id else None
            back[origin] = back.get(origin, 0) + draw.amount
    grants = {d.grant_id: tables.grants[d.grant_id] for d in draws if d.grant_id is not None}
    return Reversible(entry, draws, grants, back)

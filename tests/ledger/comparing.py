"""The ledger beside its model: the same asks of both, and everything they leave compared."""

import json
from typing import Any, Protocol

from portal.ledger import commands as asked
from portal.ledger.caps import read_caps
from portal.ledger.commands import Command, Outcome, Posted, Refused
from portal.ledger.model import Actor, Draw, Entry, Reference, Request
from portal.ledger.words import code_of
from tests.ledger.memory import Tables
from tests.ledger.model_bank import Bank
from tests.ledger.model_lots import Ask, Customer, Line, Lot, NoError
from tests.ledger.stories import ADMIN

DOES: dict[str, type] = {
    "debit": asked.Debit,
    "hold": asked.PlaceHold,
    "extend": asked.ExtendHold,
    "capture": asked.CaptureHold,
    "release": asked.ReleaseHold,
    "refund": asked.Refund,
    "grant": asked.IssueGrant,
    "adjust": asked.Adjust,
    "put": asked.PutAccount,
    "status": asked.SetStatus,
    "set_cap": asked.SetCap,
    "advance": asked.Advance,
}
NAMES = {"account": "account_id", "ttl": "ttl_seconds", "hold": "hold_id", "line": "entry_id"}


class Ledger(Protocol):
    """What is compared with the model: in memory or on a database."""

    def post(self, commands: list[Command], now: int) -> list[Outcome]:
        """Post commands together."""

    @property
    def tables(self) -> Tables:
        """Every row."""


def command_of(it: Ask) -> Command:
    """What the model is asked, as the ledger is asked it."""
    actor = ADMIN if it.get("admin") else Actor("service", it["service"], "key-1")
    members = {NAMES.get(name, name): it[name] for name in it["body"]}
    if "reference" in members:
        members["reference"] = Reference(*members["reference"])
    request = None
    if it.get("key"):
        request = Request(actor.name, it["key"], json.dumps(it["body"], sort_keys=True))
    command: Command = DOES[it["do"]](actor=actor, request=request, **members)
    return command


def ask(
    do: str, *, service: str = "studio", key: str = "", admin: bool = False, **body: Any
) -> Ask:
    """Something to ask of both; the members that are None are left out."""
    members = {name: member for name, member in body.items() if member is not None}
    service = ADMIN.name if admin else service
    about = {"do": do, "service": service, "key": key, "admin": admin}
    return {**members, **about, "body": members}


class Pair:
    """A ledger and the model beside it."""

    def __init__(self, ledger: Ledger, bank: Bank) -> None:
        self.ledger, self.bank = ledger, bank
        self.told: dict[str, int] = {}
        self.first: dict[tuple[str, str], Outcome] = {}

    def post(self, asks: list[Ask], now: int) -> None:
        """Ask both, and compare every answer and every row."""
        outcomes = self.ledger.post([command_of(it) for it in asks], now)
        tables = self.ledger.tables
        for it, outcome in zip(asks, outcomes, strict=True):
            replayed, answer = self.bank.ask(now, it)
            self.learn(tables)
            assert outcome.replayed == replayed, (it, outcome, answer)
            same_answer(outcome, answer)
            self.same_again(it, outcome)
        for account_id, customer in self.bank.customers.items():
            same_account(tables, account_id, customer)
        assert set(tables.accounts) == set(self.bank.customers)

    def same_again(self, it: Ask, outcome: Outcome) -> None:
        """A replay equals the first answer in every field."""
        key = (it["service"], it["key"])
        if not outcome.replayed:
            if key in self.bank.keys:
                self.first.setdefault(key, outcome)
        elif isinstance(outcome, Posted):
            assert outcome._replace(replayed=False) == self.first[key]
        else:
            first = self.first[key]
            assert isinstance(first, Refused)
            assert outcome.refusal_id == first.refusal_id is not None
            assert outcome.error.__dict__ == first.error.__dict__

    def learn(self, tables: Tables) -> None:
        """Compare the model's new lines with the ledger's, and take over the ids."""
        for account_id, customer in self.bank.customers.items():
            entries = tables.of_account.get(account_id, [])
            for place in range(self.told.get(account_id, 0), len(customer.lines)):
                assert place < len(entries), customer.lines[place:]
                entry = entries[place]
                draws = tables.draws[account_id, entry.seq]
                learn_line(customer, customer.lines[place], entry, draws)
            self.told[account_id] = len(customer.lines)


def learn_line(customer: Customer, line: Line, entry: Entry, draws: tuple[Draw, ...]) -> None:
    """One line and its entry say the same; the line takes the entry's ids."""
    assert (line.kind, line.reason, line.at) == (entry.kind, entry.reason, entry.occurred_at)
    assert (line.posted, line.held) == (entry.posted_after, entry.held_after), line
    assert line.due == entry.due_after, line
    assert [move[1:] for move in line.moves] == [(draw.amount, draw.pinned) for draw in draws]
    line.name = entry.id
    if line.reason == "placed":
        next(hold for hold in customer.holds if not hold.name).name = entry.hold_id or ""
    for (lot, *_), draw in zip(line.moves, draws, strict=True):
        if lot is not None and not lot.name:
            lot.name = draw.grant_id or ""
        assert (lot.name if lot else None) == draw.grant_id, line


def same_answer(outcome: Outcome, answer: Line | NoError | None) -> None:
    """The ledger and the model answer alike: the same line, or the same no for the same reason."""
    if isinstance(outcome, Posted):
        name = outcome.entry.id if outcome.entry else None
        assert name == (answer.name if isinstance(answer, Line) else answer), answer
        return
    assert isinstance(answer, NoError), (outcome, answer)
    assert code_of(type(outcome.error)) == answer.code, (outcome.error, answer)
    if "one_of" in answer.numbers:  # where more than one cap is full, either may be named
        full = outcome.error.__dict__
        assert any(cap.items() <= full.items() for cap in answer.numbers["one_of"]), (full, answer)
        return
    for name, number in answer.numbers.items():
        said = getattr(outcome.error, name)
        assert (set(said) if name == "members" else said) == number, (outcome.error, answer)


def same_account(tables: Tables, account_id: str, customer: Customer) -> None:
    """Account, grants and holds are the model's; what is due next is known exactly."""
    account, c = tables.accounts[account_id], customer
    assert (account.posted, account.held, account.seq) == (c.posted, c.held, len(c.lines))
    assert (account.tier, account.next_tier, account.status) == (c.tier, c.next_tier, c.status)
    assert (account.overdraft_limit, account.revision) == (c.limit, c.revisions)
    caps = {(limit, name): (most, till or 0) for limit, name, most, till in read_caps(account.caps)}
    assert caps == c.caps
    assert (account.period_start, account.period_end) == (c.start, c.end)
    assert (account.changed_at, account.next_due_at) == (c.changed, c.due())
    assert c.posted - c.held >= -c.limit
    assert c.used() <= c.limit
    lots: dict[str, Lot] = {lot.name: lot for lot in c.lots}
    for grant in tables.grants.values():
        if grant.account_id == account_id:
            lot = lots.pop(grant.id)
            assert (grant.remaining, grant.pinned) == (lot.left, lot.pinned)
            assert (grant.origin, grant.effective_at) == (lot.origin, lot.effective)
            assert grant.expires_at == lot.expires
            assert grant.operations == (",".join(lot.operations) if lot.operations else None)
    assert not lots
    for hold in c.holds:
        row = tables.holds[hold.name]
        assert (row.status, row.amount, row.captured) == (hold.status, hold.amount, hold.captured)
        assert (row.expires_at, row.quantity) == (hold.expires, hold.about["quantity"])

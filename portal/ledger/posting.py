"""Posting commands: load, decide one by one, append all; one database transaction's worth.

A single debit is a batch of one: there is no second path. Nothing here commits.
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from sqlalchemy.engine import Connection

from portal import pricing
from portal.ledger import caps
from portal.ledger import commands as asked
from portal.ledger.appending import (
    Pages,
    account_after,
    new_account,
    seal,
    seal_revisions,
    sealed_refusal,
    sealed_request,
)
from portal.ledger.book import Draft
from portal.ledger.collector import uncollected
from portal.ledger.commands import NAMES, Command, Outcome, Posted, Refused, UndoneError
from portal.ledger.deciding import Decision, decide
from portal.ledger.errors import (
    AccountFrozenError,
    AccountNotFoundError,
    AccountSuspendedError,
    EntryNotFoundError,
    HoldNotFoundError,
    IdempotencyKeyReusedError,
    InsufficientCreditsError,
    LedgerError,
    LimitReachedError,
    ValidationError,
)
from portal.ledger.identifiers import Ids
from portal.ledger.known import Known
from portal.ledger.loading import load, load_spent
from portal.ledger.model import GENESIS, Account, Answered, Refusal, Request, Revision, State
from portal.ledger.plans import unopened
from portal.ledger.statements import POSTGRESQL, send_ahead
from portal.ledger.states import STATES, States
from portal.ledger.words import code_of

BLOCKED: Final = (
    InsufficientCreditsError,
    LimitReachedError,
    AccountSuspendedError,
    AccountFrozenError,
)
# Entries after which a part of a batch is sent ahead, where a server works on it while the next
# are decided. Half as many cost it more in statements, twice as many make it wait at the start.
PARTS: Final = {POSTGRESQL: 64}


def post(
    connection: Connection,
    commands: Sequence[Command],
    *,
    now: int,
    tariffs: pricing.Tariffs,
    ids: Ids,
    atomic: bool = False,
) -> list[Outcome]:
    """Decide commands in order and append what they made; outcomes in the same order.

    Each succeeds or is refused on its own, and a refusal is returned, because it is written too.
    Where all are done or none (`atomic`) the first is raised as UndoneError: whoever catches it
    must roll back, as parts may have been sent. `now` in UTC microseconds. Rule: ledger.md §4.
    """
    states: States | None = connection.info.get(STATES)
    try:
        with uncollected():
            posting = Posting(connection, load(connection, commands, now), now, tariffs, ids)
            outcomes = posting.outcomes_of(commands, atomic=atomic)
    except BaseException:
        if states is not None:
            states.forget()  # whatever was appended, nobody may go on from here
        raise
    if states is not None:
        states.leave(posting.known.states)
    return outcomes


def preview(
    connection: Connection, command: Command, *, now: int, tariffs: pricing.Tariffs, ids: Ids
) -> Outcome:
    """What a command would do now, by the same code; nothing is locked and nothing written."""
    known = load(connection, [command], now, lock=False)
    missing = refused_unknown(known, command, now)
    if isinstance(missing, Refused):
        return missing
    first = caps.counted_from(missing.account, command, now, tariffs)
    if first is not None:
        load_spent(connection, known, [missing.account.id], first)
    facts = known.facts_of(command)
    return decide(missing, command, facts, now=now, tariffs=tariffs, ids=ids).outcome


class Posting:
    """The commands of one database transaction on their way from loaded to appended."""

    def __init__(
        self, connection: Connection, known: Known, now: int, tariffs: pricing.Tariffs, ids: Ids
    ) -> None:
        self.connection = connection
        self.known = known
        self.now = now
        self.tariffs = tariffs
        self.ids = ids
        self.pages = Pages()

    def outcomes_of(self, commands: Sequence[Command], *, atomic: bool) -> list[Outcome]:
        """Answer commands in order, and append what they made."""
        outcomes = []
        part = PARTS.get(self.connection.dialect.name, sys.maxsize)
        for place, command in enumerate(commands):
            if len(self.pages.drafts) >= part:
                self.pages.append_part(self.connection)
                send_ahead(self.connection)
            outcome = self.outcome_of(command)
            if atomic and isinstance(outcome, Refused):
                refusal_id = outcome.refusal_id if outcome.replayed else None
                raise UndoneError(place, outcome.error, refusal_id)
            outcomes.append(outcome)
        self.pages.append(self.connection)
        return outcomes

    def outcome_of(self, command: Command) -> Outcome:
        """Answer one command: from its key if that is known, else by deciding it."""
        request = command.request
        if request is not None:
            before = self._known_outcome(request)
            if before is not None:
                return before
        state = refused_unknown(self.known, command, self.now)
        if isinstance(state, Refused):
            return state
        self._count_spent(state, command)
        facts = self.known.facts_of(command)
        decision = decide(state, command, facts, now=self.now, tariffs=self.tariffs, ids=self.ids)
        outcome = self._keep(state, decision)
        if isinstance(outcome, Refused):
            outcome = self._refuse(command, outcome, decision.state, decision.now)
        elif request is not None and outcome.entry is not None:
            self._bind(request, state.account.id, outcome.entry.seq, None, decision.now)
        if request is not None:
            self.known.outcomes[request.service, request.key] = outcome
        return outcome

    def _count_spent(self, state: State, command: Command) -> None:
        """Load what was spent once a command asks a cap, for all accounts that have caps."""
        first = caps.counted_from(state.account, command, self.now, self.tariffs)
        if first is None or self.known.is_counted(state.account.id, first):
            return
        if self.pages.drafts:
            self.pages.append_part(self.connection)  # what was drafted counts
        capped = (s.account for s in self.known.states.values())
        self.read_spent([a.id for a in capped if caps.is_capped(a, self.tariffs)], first)

    def read_spent(self, account_ids: list[str], first: int) -> None:
        """What accounts have spent from a day on, into what is known."""
        load_spent(self.connection, self.known, account_ids, first)

    def _known_outcome(self, request: Request) -> Outcome | None:
        known = self.known.answered.get((request.service, request.key))
        if known is None:
            return None
        if known.body != request.body:
            members = differing(known.body, request.body)
            return Refused(IdempotencyKeyReusedError(request.key, members))
        outcome = self.known.outcomes[request.service, request.key]
        if isinstance(outcome, Refused):
            return replace(outcome, replayed=True)
        return outcome._replace(replayed=True)

    def _keep(self, before: State, decision: Decision) -> Outcome:
        """Seal a decision's drafts and gather them; gives the outcome with the sealed entry.

        Its account is the one right after that entry, as a replay will say it.
        """
        (account, grants, holds, pins), drafts, revisions, outcome, _ = decision
        if revisions:
            revisions, account = seal_revisions(account, revisions)
        drafts, account = seal(account, drafts)
        hold = None
        if isinstance(outcome, Posted):
            outcome = as_sealed(outcome, account, drafts)
            hold = outcome.hold
        if revisions:
            self._append_apart(before, account, revisions, drafts)
        else:
            self.pages.drafts += drafts
        if account.revision:
            self.known.note(State(account, grants, holds, pins), drafts, hold)
        return outcome

    def _append_apart(
        self, before: State, account: Account, revisions: list[Revision], drafts: list[Draft]
    ) -> None:
        """Terms change between two decisions: what came before is appended under the old."""
        self.pages.append_part(self.connection)
        if before.account.revision == 0:
            self.pages.accounts.append(new_account(before.account))
        self.pages.revisions += revisions
        self.pages.drafts += drafts
        rises = account.overdraft_limit >= before.account.overdraft_limit
        self.pages.append_part(self.connection, limits_first=rises)

    def _refuse(self, command: Command, outcome: Refused, state: State, now: int) -> Refused:
        """Keep a blocked attempt, and bind a debit's 402 to its key (service-api.md §3)."""
        error, account = outcome.error, state.account
        if not isinstance(error, BLOCKED) or not account.revision:
            return outcome
        numbers = error.numbers()
        reference = getattr(command, "reference", None)
        request = command.request
        refusal = Refusal(
            self.ids.new("rfs", now),
            account.id,
            account.seq,
            NAMES[type(command)],
            code_of(type(error)),
            getattr(command, "operation", None),
            getattr(command, "quantity", None),
            numbers.get("required"),
            account.available,
            account.held,
            reference.type if reference else None,
            reference.id if reference else None,
            *command.actor,
            request.key if request else None,
            json.dumps(numbers, separators=(",", ":")),
            now,
            GENESIS,
        )
        refusal = sealed_refusal(refusal)
        self.pages.refusals.append(refusal)
        if request and isinstance(command, asked.Debit) and numbers.get("required") is not None:
            self._bind_refusal(request, refusal)
        return replace(outcome, refusal_id=refusal.id)

    def _bind_refusal(self, request: Request, refusal: Refusal) -> None:
        self._bind(request, refusal.account_id, None, refusal.id, refusal.recorded_at)

    def _bind(
        self, request: Request, account_id: str, seq: int | None, refusal_id: str | None, now: int
    ) -> None:
        """Keep with a request's key where its outcome is: the entry `seq`, or a refusal."""
        service, key, body = request
        answered = Answered(service, key, account_id, seq, refusal_id, body, now, GENESIS)
        answered = sealed_request(answered)
        self.pages.requests.append(answered)
        self.known.answered[service, key] = answered


def as_sealed(outcome: Posted, account: Account, drafts: Sequence[Draft]) -> Posted:
    """An outcome with its entry as sealed, and the account right after that entry."""
    entry = outcome.entry
    if entry is None:
        return outcome._replace(account=account)
    entry = drafts[entry.seq - drafts[0].entry.seq].entry
    then = account if entry.seq == account.seq else account_after(account, entry)
    return Posted(then, entry, outcome.draws, outcome.hold, outcome.grants)


def refused_unknown(known: Known, command: Command, now: int) -> State | Refused:
    """The state a command is about, or the refusal that nobody knows it."""
    account_id = known.find_account(command)
    state = known.states.get(account_id) if account_id is not None else None
    if state is not None:
        return state
    if isinstance(command, asked.PutAccount):
        try:
            return unopened(command, now)
        except pricing.PeriodError:
            rule = "must lie within the years 1 to 9999"
            return Refused(ValidationError("anchor_at", rule, command.anchor_at))
    error: LedgerError
    match command:
        case asked.ExtendHold() | asked.CaptureHold() | asked.ReleaseHold():
            error = HoldNotFoundError(command.hold_id)
        case asked.Refund():
            error = EntryNotFoundError(command.entry_id)
        case _:
            error = AccountNotFoundError(command.account_id)
    return Refused(error)


def differing(before: str, after: str) -> tuple[str, ...]:
    """Members in which two canonical JSON bodies differ."""
    first, second = json.loads(before), json.loads(after)
    names = [*first, *(name for name in second if name not in first)]
    return tuple(name for name in names if first.get(name) != second.get(name))

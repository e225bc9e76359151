"""What is known while the commands of one database transaction are decided, one by one."""

from collections.abc import Sequence

from portal.ledger import commands as asked
from portal.ledger.book import Draft
from portal.ledger.caps import Spent
from portal.ledger.commands import Command, Outcome
from portal.ledger.facts import Facts
from portal.ledger.model import Answered, Draw, Entry, Grant, Hold, Reversible, State

HOLD_COMMANDS = (asked.ExtendHold, asked.CaptureHold, asked.ReleaseHold)
SPENDING_COMMANDS = (asked.Debit, asked.PlaceHold)
Claim = tuple[str, str, str, str]


class Known:
    """States and facts as loaded, moved on by every draft so that the next command sees it."""

    def __init__(self) -> None:
        self.states: dict[str, State] = {}
        self.answered: dict[tuple[str, str], Answered] = {}
        self.outcomes: dict[tuple[str, str], Outcome] = {}
        self.charged: dict[Claim, str] = {}
        self.paid: dict[str, str] = {}
        self.holds: dict[str, Hold] = {}
        self.ended: dict[str, Entry] = {}
        self.late: dict[str, Entry] = {}
        self.reversibles: dict[str, Reversible] = {}
        self.spent: dict[str, Spent] = {}

    def find_account(self, command: Command) -> str | None:
        """The account a command is about; None for a hold or an entry that nobody knows."""
        match command:
            case asked.ExtendHold() | asked.CaptureHold() | asked.ReleaseHold():
                hold = self.holds.get(command.hold_id)
                return hold.account_id if hold else None
            case asked.Refund():
                reversible = self.reversibles.get(command.entry_id)
                return reversible.entry.account_id if reversible else None
            case _:
                return command.account_id

    def facts_of(self, command: Command) -> Facts:
        """The facts of one command, as of all drafts before it."""
        match command:
            case asked.Debit() | asked.PlaceHold():
                spent = self.spent.get(command.account_id)
                return Facts(charged=self.charged.get(claim_of(command)), spent=spent)
            case asked.ExtendHold() | asked.CaptureHold() | asked.ReleaseHold():
                return self._facts_of_hold(command.hold_id)
            case asked.Refund():
                return Facts(reversible=self.reversibles.get(command.entry_id))
            case asked.IssueGrant() if command.reference.type == "payment":
                return Facts(granted=self.paid.get(command.reference.id))
            case _:
                return Facts()

    def is_counted(self, account_id: str, first: int) -> bool:
        """Whether it is known what an account has spent from a day on."""
        spent = self.spent.get(account_id)
        return spent is not None and spent.first <= first

    def _facts_of_hold(self, hold_id: str) -> Facts:
        hold = self.holds.get(hold_id)
        if hold is None:
            return Facts()
        charged = self.charged.get(claim_of_hold(hold)) if hold.status == "expired" else None
        ended, late = self.ended.get(hold_id), self.late.get(hold_id)
        spent = self.spent.get(hold.account_id)
        return Facts(hold=hold, charged=charged, ended=ended, late=late, spent=spent)

    def note(self, state: State, drafts: Sequence[Draft], hold: Hold | None) -> None:
        """Move on by what a command drafted."""
        before = self.states.get(state.account.id)
        self.states[state.account.id] = state
        spent = self.spent.get(state.account.id)
        if spent is not None:
            self.spent[state.account.id] = spent.after(draft.entry for draft in drafts)
        for entry, draws, grants in drafts:
            if entry.hold_id is not None:
                self._note_hold(entry, before)
            if entry.kind == "debit":
                self.charged[claim_of_entry(entry)] = entry.id
            elif entry.reverses_id is not None:
                self._note_refund(entry, draws, grants)
            elif entry.kind == "grant" and entry.reference_type == "payment":
                self.paid[entry.reference_id or ""] = entry.id
        if hold is not None:
            self.holds[hold.id] = hold
            if hold.status == "open":
                self.charged[claim_of_hold(hold)] = hold.id

    def _note_hold(self, entry: Entry, before: State | None) -> None:
        hold_id = entry.hold_id or ""
        if entry.kind == "debit":
            self.late[hold_id] = entry
        elif entry.resolution is not None:
            self.ended[hold_id] = entry
            hold = before.holds.get(hold_id) if before else None
            if hold is not None and entry.kind == "release":
                gone = hold._replace(status=entry.resolution, resolved_seq=entry.seq)
                self.holds[hold_id] = gone
                self.charged.pop(claim_of_hold(hold), None)

    def _note_refund(
        self, entry: Entry, draws: tuple[Draw, ...], grants: tuple[Grant, ...]
    ) -> None:
        reversible = self.reversibles.get(entry.reverses_id or "")
        if reversible is None:
            return
        parents = {grant.id: grant.parent_id for grant in grants}
        returned = dict(reversible.returned)
        for draw in draws:
            grant_id = parents.get(draw.grant_id, draw.grant_id) if draw.grant_id else None
            returned[grant_id] = returned.get(grant_id, 0) + draw.amount
        self.reversibles[reversible.entry.id] = reversible._replace(returned=returned)


def claim_of(command: asked.Debit | asked.PlaceHold) -> Claim:
    """The natural key of a charge: an operation for one reference is charged once."""
    return (command.account_id, command.operation, *command.reference)


def claim_of_hold(hold: Hold) -> Claim:
    """The natural key of the charge that a hold stands for."""
    return (hold.account_id, hold.operation, hold.reference_type, hold.reference_id)


def claim_of_entry(entry: Entry) -> Claim:
    """The natural key of a debit."""
    reference_type, reference_id = entry.reference_type or "", entry.reference_id or ""
    return (entry.account_id, entry.operation or "", reference_type, reference_id)

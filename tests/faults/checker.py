"""Whether a history of answers and a ledger fit together: strictly, one account at a time.

Every answer has a witness: an effect its entry, a read or a refusal the seq it was true at. The
ledger is walked in seq order by a plain model that shares no code with it:

- every acknowledged effect is in the ledger once, in equal fields, and every answer is the same;
- every row was asked for, or fell due by itself, and is what the model makes of the request;
- what was answered before something else was asked comes before it;
- a balance is the one after its seq, or will be: it may count holds as ended that have run out;
- every refusal was right at the seq it names, or for a cause that had begun when it was told;
- a batch is all that and more (tests/faults/batches.py);
- nothing is left unknown.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.faults.accounts import Account, State, subject
from tests.faults.batches import before, check_batches, seqs_at, touches
from tests.faults.history import UNDONE, Asked, Told, parts
from tests.faults.spans import Span, check_times

# Members of an answer's entry, and what the row calls them.
FIELDS = {name: name for name in ("id", "seq", "kind", "amount", "hold_amount", "posted_after",
          "held_after", "reason", "operation", "quantity", "tariff")} | {
          "account": "account_id", "hold": "hold_id", "reverses": "reverses_id"}  # fmt: skip


@dataclass
class Intention:
    """All that is known of one key."""

    asked: Asked
    began: float
    ended: float = float("inf")
    lost: int = 0
    fresh: int = 0
    bodies: set[bytes] = field(default_factory=set)
    answer: dict[str, Any] | None = None
    row: Any = None


class Checker:
    """Holds a history against a ledger; `found` are the violations, in sentences."""

    def __init__(
        self,
        history: Sequence[Told],
        rows: Mapping[str, Sequence[Any]],
        refusals: Mapping[str, Any],
        tiers: Mapping[str, str],
    ) -> None:
        self.found: list[str] = []
        self.history = [part for told in history for part in parts(told)]
        self.refusals = refusals
        self.intentions = self.gather()
        # Under which key a row came, and a hold with its first row.
        self.owners: dict[str, str | None] = {}
        for row in (row for each in rows.values() for row in each):
            self.owners[row.id] = row.idempotency_key
            self.owners.setdefault(row.hold_id or "", row.idempotency_key)
        self.accounts = {name: self.walk(name, rows.get(name, ()), tiers[name]) for name in tiers}
        # By account: when each entry was asked for and answered, and its seq.
        self.writers: dict[str, list[tuple[float, float, int]]] = defaultdict(list)
        for known in self.intentions.values():
            if known.row is not None:
                asked_for = (known.began, known.ended, known.row.seq)
                self.writers[known.asked.account].append(asked_for)
        self.check_acknowledged()
        self.found += check_times(self.witnesses())
        made = {key: known.row for key, known in self.intentions.items() if known.row is not None}
        self.found += check_batches(history, self.history, made, rows)

    def note(self, text: str) -> None:
        """One violation more."""
        self.found.append(text)

    def gather(self) -> dict[str, Intention]:
        """What is known of each key, from all its sendings."""
        found: dict[str, Intention] = {}
        for told in self.history:
            if told.status == 0:
                self.note(f"unknown: nobody ever answered {told.asked}")
            if not told.asked.key or told.code == "idempotency_key_reused":
                continue
            known = found.setdefault(told.asked.key, Intention(told.asked, told.began))
            known.began = min(known.began, told.began)
            known.lost += told.lost
            bound = (told.status, told.asked.kind) == (402, "debit") and not told.undid
            if told.status in (200, 201) or bound:
                known.bodies.add(told.body)
                known.fresh += not told.replayed
            if told.status == 201:
                known.ended = min(known.ended, told.ended)
                known.answer = told.answer
        return found

    def walk(self, name: str, rows: Sequence[Any], tier: str) -> Account:
        """Follow an account's rows by the model, and say where they part."""
        account = Account(tier)
        for number, row in enumerate(rows, 1):
            key = row.idempotency_key
            known = self.intentions.get(key or "")
            if key and (known is None or known.asked.account != name):
                self.note(f"phantom: nobody asked for {row.id} under {key}")
                known = None
            if known is not None:
                if known.row is not None:
                    self.note(f"doubled: {key} is {known.row.id} and {row.id}")
                known.row = row
            said = (row.kind, row.amount, row.hold_amount, row.reason, subject(row))
            try:
                wanted = account.follow(row, known.asked if known else None)
            except KeyError as error:
                wanted = (f"nothing without {error}",)
                account.states.append(State(row.posted_after, row.held_after))
            if said != wanted:
                self.note(f"unlike its request: {name} {number}: {said}, not {wanted}")
            state = account.states[-1]
            if (row.seq, row.posted_after, row.held_after) != (number, *state[:2]):
                self.note(f"sums: {name} {row.seq} is not {number} with {state}")
            if state.held < 0 or (state.posted - state.held < -account.limit and row.amount < 0):
                self.note(f"overspent: {name} {row.seq} leaves {state}")
        return account

    def check_acknowledged(self) -> None:
        """Each acknowledged effect is there, as it was told; each key has one answer."""
        for key, known in self.intentions.items():
            if len(known.bodies) > 1 or known.fresh > 1:
                self.note(f"answers: {key} has {len(known.bodies)}, {known.fresh} of them fresh")
            if known.bodies and not known.fresh and not known.lost:
                self.note(f"answers: {key} replays what nobody was told")
            if known.answer is None:
                if known.row is not None:
                    self.note(f"untold: {key} is {known.row.id}, and only refusals were told")
                continue
            if known.row is None:
                self.note(f"lost: {key} was acknowledged and is not there")
                continue
            entry, row = known.answer["entry"], known.row
            unlike = [name for name, own in FIELDS.items() if entry[name] != getattr(row, own)]
            if unlike or entry["hash"] != row.hash.hex():
                self.note(f"unlike its answer: {row.id}: {unlike or 'hash'}")
            self.check_balance(known.answer["balance"], f"the answer to {key}")

    def check_balance(self, balance: Mapping[str, Any], whose: str) -> int:
        """The closed triple, and that it was ever true; gives the first seq at which it was."""
        if balance["available"] != balance["posted"] - balance["held"]:
            self.note(f"triple: {whose}: {balance}")
        low = self.accounts[balance["account"]].since(balance)
        if low is None:
            self.note(f"balance: {whose} never was the one after its seq: {balance}")
        return int(balance["seq"]) if low is None else low

    def witnesses(self) -> dict[str, list[Span]]:
        """By account: all that was asked, with the seqs at which its answer was true."""
        found: dict[str, list[Span]] = defaultdict(list)
        for known in self.intentions.values():
            if known.row is not None:
                seq = known.row.seq
                found[known.asked.account].append(Span(known.began, known.ended, seq, seq, 1))
        for told in self.history:
            spans = found[told.asked.account]
            if told.status in (200, 201) and not told.asked.key:
                balance = told.answer["balance"]
                low = self.check_balance(balance, told.asked.kind)
                spans.append(Span(told.began, told.ended, low, balance["seq"]))
            elif told.status >= 400:
                seq = self.check_refusal(told)
                if seq is not None and not told.replayed:
                    spans.append(Span(told.began, told.ended, seq, seq))
        return found

    # --- refusals ----------------------------------------------------------------------------

    def check_refusal(self, told: Told) -> int | None:
        """Whether a refusal was right; gives the seq it was true at, where it names one."""
        check = getattr(self, f"check_{told.code}", None)
        check = self.check_undoing if told.undid else check
        try:
            right: object = check(told, self.accounts[told.asked.account]) if check else False
        except KeyError:  # it tells of what its request has not
            right = False
        if right is False:
            self.note(f"refused wrongly: {told.status} {told.code} {told.answer} {told.asked}")
            return None
        return right if isinstance(right, int) and right is not True else None

    def cause_of(self, name: str, told: Told) -> Intention | None:
        """Whoever made an entry or a hold, if it is there and was asked for in time."""
        known = self.intentions.get(self.owners.get(name) or "")
        return known if known and known.row and known.began < told.ended else None

    def state_of(self, told: Told, account: Account) -> tuple[int, State] | None:
        """Where the ledger keeps a refusal: its seq, and the state it was made in."""
        kept, answer = self.refusals.get(told.answer.get("refusal", "")), told.answer
        if kept is None or kept.account_id != told.asked.account:
            return None
        if kept.as_of_seq >= len(account.states):
            return None
        state = account.states[kept.as_of_seq]
        says = (answer["available"], answer["held"])
        return (kept.as_of_seq, state) if says == (state[0] - state[1], state[1]) else None

    def check_undoing(self, told: Told, account: Account) -> bool:
        """Of a batch that was undone: a refusal is right where it would have been, after what came
        before it; nothing is told of the others.
        """
        if told.status == UNDONE:
            return True
        if told.code in ("insufficient_credits", "limit_reached") and "refusal" not in told.answer:
            return self.was_short(told, account)
        check = getattr(self, f"check_{told.code}", None)
        in_itself = any(touches(each, told.asked) for each in before(told))
        return in_itself or (check is not None and check(told, account) is not False)

    def was_short(self, told: Told, account: Account) -> bool:
        """Whether an account came to what a refusal says at some moment it may be of."""
        answer, first = told.answer, before(told)
        for seq in seqs_at(told, self.writers[told.asked.account], len(account.states) - 1):
            state = account.ahead(seq, (each for each in first if not self.is_in(each, seq)))
            due = account.due(seq)
            for count in range(len(due) + 1):
                held, open_holds = state.held - sum(due[:count]), state.open_holds - count
                short = (
                    answer["required"] > answer["available"] + account.limit
                    if told.code == "insufficient_credits"
                    else answer["limit"] == "open_holds" and open_holds >= answer["maximum"]
                )
                if short and (state.posted - held, held) == (answer["available"], answer["held"]):
                    return True
        return False

    def is_in(self, asked: Asked, seq: int) -> bool:
        """Whether a command is among the entries up to a seq."""
        known = self.intentions.get(asked.key)
        return known is not None and known.row is not None and known.row.seq <= seq

    def check_insufficient_credits(self, told: Told, account: Account) -> int | bool:
        found, required = self.state_of(told, account), told.answer["required"]
        if found is None or required <= told.answer["available"] + account.limit:
            return False
        return found[0]

    def check_limit_reached(self, told: Told, account: Account) -> int | bool:
        found, maximum = self.state_of(told, account), told.answer["maximum"]
        if found is None or told.answer["limit"] != "open_holds":
            return False
        return found[1].open_holds >= maximum and found[0]

    def check_hold_captured(self, told: Told, account: Account) -> bool:
        hold = account.holds.get(told.asked.hold)
        status = told.code.removeprefix("hold_")
        if hold is None or hold.status != status or hold.end.id != told.answer["entry"]:
            return False
        return status == "expired" or self.cause_of(hold.end.id, told) is not None

    check_hold_released = check_hold_captured
    check_hold_expired = check_hold_captured

    def check_capture_exceeds_hold(self, told: Told, account: Account) -> bool:
        hold, held = account.holds.get(told.asked.hold), told.answer["held"]
        return hold is not None and held < told.asked.members["credits"] and held in hold.rests

    def check_validation(self, told: Told, account: Account) -> bool:
        """An extension below what another one had set aside before: quantities only grow."""
        if told.asked.kind != "extend":
            return False
        return told.asked.members["quantity"] < account.holds[told.asked.hold].quantity

    def check_refund_exceeds(self, told: Told, account: Account) -> bool:
        entry = told.asked.members["entry"]
        if entry not in account.charges:
            return False
        made = [row.id for row in account.refunds[entry] if self.cause_of(row.id, told)]
        return account.left(entry, made) < told.asked.members.get("credits", 1)

    def check_already_charged(self, told: Told, account: Account) -> bool:
        about, known = told.asked, self.cause_of(told.answer["original"], told)
        if about.hold:  # it ran out, and is captured late
            about = self.intentions[self.owners[about.hold] or ""].asked
        return known is not None and (known.row.operation, known.row.reference_id) == (
            about.members["operation"],
            about.members["reference"]["id"],
        )

    def check_already_granted(self, told: Told, account: Account) -> bool:
        known = self.cause_of(told.answer["entry"], told)
        wanted = told.asked.members["reference"]
        return known is not None and known.asked.members["reference"] == wanted

    def check_idempotency_key_reused(self, told: Told, account: Account) -> bool:
        known = self.intentions.get(told.asked.key)
        return known is not None and known.row is not None and known.asked != told.asked

"""Group commit: commands that arrive together are posted together, with no added delay.

Whoever finds nobody at work posts what is waiting, its own included; those who come meanwhile
wait, and one of them leads the next group. Who comes with a batch brings all of it into one group.
A failing command touches no neighbour: when a group's database transaction fails as a whole, each
batch is posted by itself, then each account's commands in the order they came, and if need be each
one alone. But where the database is away or busy, all of the group are told so at once, and nobody
waits for ever.
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from portal.ledger.commands import Command, Outcome
from portal.ledger.errors import InProgressError, StorageUnavailableError

GROUP_MAX: Final = 256
# Commands of several batches; a longer one goes alone. More win little, and all wait longer.
BATCHED_MAX: Final = 400
PATIENCE_SECONDS: Final = 20
WAITED_MAX: Final = 2  # accounts of one group that somebody keeps
Post = Callable[..., list[Outcome]]  # of commands; atomic: all of them or none


class Ticket:
    """One command on its way, and its outcome or error once it is done."""

    __slots__ = ("command", "error", "outcome")

    def __init__(self, command: Command) -> None:
        self.command = command
        self.outcome: Outcome | None = None
        self.error: Exception | None = None

    def told(self) -> Outcome | Exception:
        """The outcome or the error; a StorageUnavailableError where there is neither."""
        if self.outcome is not None:
            return self.outcome
        return self.error or StorageUnavailableError()

    def answer(self) -> Outcome:
        """The outcome. Raises the error."""
        told = self.told()
        if isinstance(told, Exception):
            raise told
        return told


class Waiting:
    """What one thread waits for: the ticket of its command, or those of its batch in order."""

    __slots__ = ("done", "leads", "tickets", "woken")

    def __init__(self, tickets: Sequence[Ticket]) -> None:
        self.tickets = tickets
        self.done = False
        self.leads = False
        self.woken = threading.Lock()
        self.woken.acquire()


class Queue:
    """Posts commands of many threads in groups; `post` runs one database transaction.

    `post` raises StorageUnavailableError or InProgressError where the database does not write
    now, and anything else where it refused what it was given, or some of the accounts are kept.
    """

    def __init__(
        self, post: Post, *, group_max: int = GROUP_MAX, patience: int = PATIENCE_SECONDS
    ) -> None:
        self.post = post
        self._group_max = group_max
        self._patience = patience
        self._lock = threading.Lock()
        self._waiting: deque[Waiting] = deque()
        self._led = False

    def submit(self, command: Command) -> Outcome:
        """The outcome of a command, after the database transaction that carried it committed.

        Raises what `post` raised for it, and StorageUnavailableError after 20 seconds without
        an answer: then it may have been posted, and the same key tells.
        """
        ticket = Ticket(command)
        self.submit_all([ticket])
        return ticket.answer()

    def submit_all(self, tickets: Sequence[Ticket]) -> None:
        """Post one caller's commands in their order, all of them in one group.

        Each ticket has its outcome or error then; after 20 seconds without an answer, neither.
        """
        waiting = Waiting(tickets)
        with self._lock:
            self._waiting.append(waiting)
            waiting.leads = not self._led
            self._led = True
        if not waiting.leads:
            self._await(waiting)
        if waiting.leads:
            self._lead()

    def _await(self, waiting: Waiting) -> None:
        """Wait until all is done, or leads; leave the queue when patience ends."""
        try:
            waiting.woken.acquire(timeout=self._patience)
        except BaseException:
            with self._lock:
                self._leave(waiting)
            raise
        with self._lock:
            if not (waiting.done or waiting.leads):
                self._leave(waiting)

    def _leave(self, waiting: Waiting) -> None:
        """Take somebody out of the queue, unless it is being posted; another leads for it."""
        if waiting in self._waiting:
            self._waiting.remove(waiting)
        if waiting.leads:
            self._hand_over()

    def _hand_over(self) -> None:
        """Let the first who waits lead the next group."""
        self._led = bool(self._waiting)
        if self._led:
            self._waiting[0].leads = True
            self._waiting[0].woken.release()

    def _lead(self) -> None:
        """Post the first group waiting (the leader's own commands are in it), then hand over."""
        with self._lock:
            group = self._next_group()
        try:
            settle_together(self.post, [waiting.tickets for waiting in group])
        finally:
            with self._lock:
                for waiting in group:
                    waiting.done = True
                    # A leader may have been handed the lead just as its patience ended: then
                    # nobody is waiting here, and nothing is locked.
                    if waiting.woken.locked():
                        waiting.woken.release()
                self._hand_over()

    def _next_group(self) -> list[Waiting]:
        """Who waited longest, and those behind in turn as long as the group takes them whole."""
        group: list[Waiting] = []
        size = 0
        while self._waiting:
            size += len(self._waiting[0].tickets)
            if group and size > self._group_max:
                break
            group.append(self._waiting.popleft())
        return group


def settle_together(post: Post, batches: Sequence[Sequence[Ticket]]) -> None:
    """Post what several callers brought; where that fails as a whole, each one's batch by itself.

    Single commands are parted by account instead. Where the database is away, it is asked no more.
    """
    tickets = [ticket for batch in batches for ticket in batch]
    if len(tickets) == len(batches):
        settle(post, tickets)
        return
    if len(batches) > 1 and attempt(post, tickets) is None:
        return
    away: StorageUnavailableError | None = None
    for batch in batches:
        if away is None:
            settle(post, batch, ordered=True)
            found = batch[-1].error
            away = found if isinstance(found, StorageUnavailableError) else None
            continue
        for ticket in batch:
            ticket.error = away


def settle(post: Post, group: Sequence[Ticket], *, ordered: bool = False) -> None:
    """Post the commands of a group together; each ticket has its outcome or error then.

    ordered: they are one caller's, who counts on their order.
    """
    error = attempt(post, group)
    if error is None:
        return
    if len(group) == 1:
        group[0].error = error
        return
    parts = parts_of(group)
    if len(parts) == 1:
        parts = [[ticket] for ticket in group]
    settle_apart(post, parts, ordered=ordered)


def attempt(post: Post, group: Sequence[Ticket]) -> Exception | None:
    """Post commands in one database transaction; gives the error if it refused them as a whole.

    Else each has its outcome then, or the word that the database does not write now.
    """
    try:
        outcomes = post([ticket.command for ticket in group])
    except (StorageUnavailableError, InProgressError) as error:
        for ticket in group:
            ticket.error = error
        return None
    except Exception as error:
        return error
    for ticket, outcome in zip(group, outcomes, strict=True):
        ticket.outcome = outcome
    return None


def settle_apart(post: Post, parts: Sequence[Sequence[Ticket]], *, ordered: bool) -> None:
    """Post parts one after the other; an account that somebody keeps is waited for once.

    Once a few were waited for, all the rest are told that theirs are kept, too: each of them may
    take seconds. So are those that are ordered behind something on an account nobody named. Where
    the database is away, it is asked no more.
    """
    kept: dict[str, Exception] = {}
    away: Exception | None = None
    waited = 0
    for part in parts:
        account = account_of(part[0].command)
        error = away or kept.get(account) or (InProgressError() if waited >= WAITED_MAX else None)
        if error is None:
            settle(post, part, ordered=ordered)
            found = part[-1].error
            if isinstance(found, StorageUnavailableError):
                away = found
            elif isinstance(found, InProgressError):
                waited = waited + 1 if account or not ordered else WAITED_MAX
                if account:
                    kept[account] = found
            continue
        for ticket in part:
            ticket.error = error


def parts_of(group: Sequence[Ticket]) -> list[list[Ticket]]:
    """Commands by the account that they name, each account's in their order.

    What names no account may be about any: it comes after all that came before it. A debit that
    overtook the release which pays for it would be refused, and its key bound to that.
    """
    parts: list[list[Ticket]] = []
    growing: dict[str, list[Ticket]] = {}
    for ticket in group:
        account = account_of(ticket.command)
        if account not in growing:
            if account:
                growing.pop("", None)
            else:
                growing.clear()
            growing[account] = []
            parts.append(growing[account])
        growing[account].append(ticket)
    return parts


def account_of(command: Command) -> str:
    """The account that a command names; one that names a hold or an entry names none."""
    return getattr(command, "account_id", "")

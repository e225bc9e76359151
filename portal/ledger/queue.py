"""Group commit: commands that arrive together are posted together, with no added delay.

Whoever finds nobody at work posts what is waiting, its own included; those who come meanwhile
wait, and one of them leads the next group. A failing command touches no neighbour: when a
group's database transaction fails as a whole, each of its commands is posted alone.
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from portal.ledger.commands import Command, Outcome

GROUP_MAX: Final = 256
Post = Callable[[Sequence[Command]], list[Outcome]]


class Ticket:
    """One command in the queue, and its outcome or error once it is done."""

    __slots__ = ("command", "done", "error", "outcome", "woken")

    def __init__(self, command: Command) -> None:
        self.command = command
        self.outcome: Outcome | None = None
        self.error: BaseException | None = None
        self.done = False
        self.woken = threading.Lock()
        self.woken.acquire()


class Queue:
    """Posts commands of many threads in groups; `post` runs one database transaction."""

    def __init__(self, post: Post, *, group_max: int = GROUP_MAX) -> None:
        self._post = post
        self._group_max = group_max
        self._lock = threading.Lock()
        self._waiting: deque[Ticket] = deque()
        self._led = False

    def submit(self, command: Command) -> Outcome:
        """The outcome of a command, after the database transaction that carried it committed.

        Raises what `post` raised, if it failed for this command alone, too.
        """
        ticket = Ticket(command)
        with self._lock:
            self._waiting.append(ticket)
            leads = not self._led
            self._led = True
        if not leads:
            ticket.woken.acquire()
        if not ticket.done:
            self._lead()
        if ticket.error is not None:
            raise ticket.error
        if ticket.outcome is None:
            raise RuntimeError("a group was left without an answer")
        return ticket.outcome

    def _lead(self) -> None:
        """Post the first group waiting (the leader's own command is in it), then hand over."""
        with self._lock:
            size = min(len(self._waiting), self._group_max)
            group = [self._waiting.popleft() for _ in range(size)]
        try:
            self._settle(group)
        finally:
            with self._lock:
                heir = self._waiting[0] if self._waiting else None
                self._led = heir is not None
            for ticket in group:
                ticket.done = True
                ticket.woken.release()
            if heir is not None:
                heir.woken.release()

    def _settle(self, group: list[Ticket]) -> None:
        try:
            outcomes = self._post([ticket.command for ticket in group])
        except Exception as error:
            if len(group) == 1:
                group[0].error = error
                return
            for ticket in group:
                self._settle([ticket])
            return
        for ticket, outcome in zip(group, outcomes, strict=True):
            ticket.outcome = outcome

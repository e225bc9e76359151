"""One job at work: its pieces, one after another, and what a switch may do to it meanwhile."""

import time
from collections.abc import Callable
from concurrent.futures import CancelledError

from portal.client import HeldCredits
from portal.studio.endings import ENDINGS
from portal.studio.jobs import Job, pieces_of
from portal.studio.shelf import Shelf
from portal.studio.sounds import tone


class Bench:
    """What is made is kept piece by piece. said: what came of it; step: seconds for a piece."""

    def __init__(
        self,
        job: Job,
        hold: HeldCredits,
        shelf: Shelf,
        step: float,
        called_off: Callable[[], bool],
    ) -> None:
        self.said = "It is done."
        self._job, self._hold, self._shelf, self._step = job, hold, shelf, step
        self._called_off = called_off
        self._pieces = pieces_of(job.wish)
        self._made = 0
        self._over = False

    def make(self) -> None:
        """Make every piece, unless something comes between. Raises what ends the work early."""
        ending = ENDINGS[self._job.wish.ending]
        strikes_at = len(self._pieces) * ending.at // 2
        for number in range(len(self._pieces) + 1):
            if number == strikes_at:
                ending.strike(self)
            if self._over or number == len(self._pieces):
                return
            if self._called_off():
                self.call_off()
            time.sleep(self._step)
            self._shelf.keep(self._job.id, number, tone(self._pieces[number].words))
            self._made += 1

    @property
    def units(self) -> int:
        """The units of what was made so far."""
        return sum(piece.units for piece in self._pieces[: self._made])

    # --- what a switch may do --------------------------------------------------------------------

    def discard(self) -> None:
        """Throw away what was made."""
        self._shelf.discard(self._job.id)
        self._made = 0

    def call_off(self) -> None:
        """Cancel: what was made until now is kept and charged. Raises CancelledError."""
        if self._made:
            self._hold.capture(quantity=self.units)
        raise CancelledError(f"Cancelled with {self._told} made.")

    def deliver(self) -> None:
        """Stop here and hand out what was made, for its part of the price."""
        self._hold.used(quantity=self.units)
        self._end(f"The rest failed; {self._told} are made and kept.")

    def block(self) -> None:
        """Give everything back: the result may not be handed out."""
        self._hold.reject()
        self._end("Moderation blocked the result; it is not handed out.")

    def lose_sight(self) -> None:
        """End without a verdict: the credits stay set aside."""
        self._hold.leave_open()
        self._end("Whoever did the work never answered: nobody knows how it ended.")

    def _end(self, said: str) -> None:
        self.said, self._over = said, True

    @property
    def _told(self) -> str:
        return f"{self._made} of {len(self._pieces)} pieces"

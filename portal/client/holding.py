"""Credits set aside for one job, whose end decides what is charged.

Leaving the block captures; leaving it by an exception gives everything back. A job that was
rejected is never captured, and a capture that nobody answered is never taken back.
"""

from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from portal.client import arguments
from portal.client.answers import Hold, Posted
from portal.client.errors import CreditsError, EndedHoldError, GarbledAnswerError, RefusedError
from portal.client.heartbeat import Heartbeat
from portal.client.members import new_key, units

if TYPE_CHECKING:
    from portal.client.credits import Credits

_SECOND: Final = 1_000_000
# Told by their names: two modules of the standard library have one, and neither is needed here.
_CANCELLED: Final = {"CancelledError", "KeyboardInterrupt", "GeneratorExit", "SystemExit"}


class HeldCredits:
    """One hold in the hands of the job it is for; not to be shared by threads.

    state: the hold as it was last told; placed: what placing it did.
    """

    def __init__(self, credits: "Credits", placed: Posted, ttl: int | None, beats: bool) -> None:
        if placed.hold is None:
            raise GarbledAnswerError("The answer has no hold in it")
        self.state: Hold = placed.hold
        self.placed = placed
        self._credits = credits
        self._ttl = ttl or max(1, (self.state.expires_at - self.state.created_at) // _SECOND)
        self._heartbeat = Heartbeat(self._extend_in, self._ttl) if beats else None
        self._due: int | None = None  # credits, where the job said so
        self._used: int | None = None  # or its quantity
        self._verdict: str | None = None  # captured, released or left open: asked, if not done
        self._ended = False
        self._keys: dict[tuple[object, ...], str] = {}  # of intentions that may not have arrived

    @property
    def id(self) -> str:
        """The hold's id."""
        return self.state.id

    def __enter__(self) -> Self:
        if self._heartbeat is not None:
            self._heartbeat.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop()
        if self._ended or self._verdict == "left open":
            return
        if error is None and self._verdict != "released":
            self.capture(credits=self._due, quantity=self._used)
        elif self._verdict != "captured":  # asked and unanswered: the job was done
            self._give_back(error)

    # --- the end ---------------------------------------------------------------------------------

    def used(
        self, *, quantity: int | None = None, text: str | None = None, credits: int | None = None
    ) -> None:
        """Say what the job used in the end, in units or in credits: leaving captures that."""
        used = units(quantity, text) if credits is None else None
        arguments.optional(arguments.whole)("credits", credits)
        self._due, self._used = credits, used

    def capture(
        self,
        *,
        quantity: int | None = None,
        text: str | None = None,
        credits: int | None = None,
        final: bool = True,
    ) -> Posted:
        """Charge now: credits, or the part of the price that a quantity is, or all that is held.

        A quantity is the whole job's: k of n units cost the held price · k / n, rounded up, less
        what was captured before; more units than are held are set aside first.
        """
        arguments.optional(arguments.whole)("credits", credits)
        arguments.flag("final", final)
        self._refuse_ended("captured")
        if self._verdict == "released":
            raise EndedHoldError(f"The job of {self.id} was given back; it is never captured")
        if credits is None and not (quantity is None and text is None):
            quantity = units(quantity, text)
            if quantity > self.state.quantity:
                self.extend(quantity=quantity)
        due = self._price_of(quantity) if credits is None else credits
        if final:
            self._stop()
            self._verdict = "captured"
        intention = ("capture", due, final)
        try:
            posted = self._credits.capture(
                self.id, due, final=final, key=self._keys.setdefault(intention, new_key())
            )
        except RefusedError:
            self._verdict = None
            raise
        self._keys.pop(intention)
        return self._told(posted, final)

    def release(self, reason: str = "failed") -> Posted:
        """Give everything back: failed, cancelled, timed_out or moderated."""
        arguments.text("reason", reason)
        self._refuse_ended("given back")
        self._stop()
        self._verdict = "released"
        key = self._keys.setdefault(("release", reason), new_key())
        return self._told(self._credits.release(self.id, reason, key=key), True)

    def reject(self) -> Posted:
        """Give everything back: what was made may not be delivered."""
        return self.release("moderated")

    def leave_open(self) -> None:
        """End the block without a verdict: somebody else gives it, or the hold's time runs out."""
        self._verdict = "left open"
        self._stop()

    # --- meanwhile -------------------------------------------------------------------------------

    def extend(self, ttl_seconds: int | None = None, *, quantity: int | None = None) -> Posted:
        """Let the hold live on from now; a larger quantity sets more aside."""
        arguments.optional(arguments.whole)("ttl_seconds", ttl_seconds)
        self._refuse_ended("extended")
        asked = ttl_seconds or self._ttl
        return self._told(self._credits.extend(self.id, asked, quantity=quantity), False)

    def check(self) -> None:
        """Raise what the heartbeat was refused with, if it was: the hold may be gone."""
        if self._heartbeat is not None:
            self._heartbeat.check()

    def _extend_in(self, seconds: float) -> None:
        """One beat; what it is told stays untold, as this thread has no say in the rest."""
        self._credits.extend(self.id, self._ttl, deadline=seconds)

    def _price_of(self, quantity: int | None) -> int:
        held = self.state
        if quantity is None or quantity == held.quantity:
            return held.amount - held.captured
        return max(0, -(-held.amount * quantity // held.quantity) - held.captured)

    def _told(self, posted: Posted, ended: bool) -> Posted:
        self.state = posted.hold or self.state
        self._ended = ended
        return posted

    def _refuse_ended(self, asked: str) -> None:
        if self._ended:
            raise EndedHoldError(f"{self.id} is {self.state.status}; it cannot be {asked} any more")

    def _give_back(self, error: BaseException | None) -> None:
        """Release, for the reason that an exception is; what it says stays the exception."""
        unanswered = [key for key in self._keys if key[0] == "release"]
        reason = str(unanswered[0][1]) if unanswered else reason_of(error)
        try:
            self.release(reason)
        except CreditsError as failure:
            if error is None:
                raise
            error.add_note(f"{self.id} was not released, and runs out by itself: {failure}")

    def _stop(self) -> None:
        if self._heartbeat is not None:
            self._heartbeat.stop()


def reason_of(error: BaseException | None) -> str:
    """Why a job that ended by an exception is not charged."""
    if isinstance(error, TimeoutError):
        return "timed_out"
    if {kind.__name__ for kind in type(error).__mro__} & _CANCELLED:
        return "cancelled"
    return "failed"

"""A thread that extends in time, tries harder when that fails, and ends when told."""

from __future__ import annotations

import threading
import time

import pytest

from portal.client.errors import (
    CreditsError,
    HoldExpiredError,
    InProgressError,
    UnreachableError,
    refusal_of,
)
from portal.client.heartbeat import Heartbeat
from tests.client.portals import problem

GONE = refusal_of(409, problem("hold_expired", 409))
BUSY = refusal_of(409, problem("in_progress", 409, retryable=True))


class Extending:
    """Counts its beats and fails as it is told to."""

    def __init__(self, *failures: CreditsError | None) -> None:
        self.failures = list(failures)
        self.at: list[float] = []
        self.given: list[float] = []
        self.enough = threading.Event()

    def __call__(self, seconds: float) -> None:
        self.at.append(time.monotonic())
        self.given.append(seconds)
        failure = self.failures.pop(0) if self.failures else None
        if not self.failures:
            self.enough.set()
        if failure is not None:
            raise failure


def test_it_extends_three_times_in_a_holds_life() -> None:
    extending = Extending(None, None, None)
    began = time.monotonic()
    beat = Heartbeat(extending, 0.6)
    beat.start()
    assert extending.enough.wait(10)
    beat.stop()
    assert time.monotonic() - began >= 0.58
    assert extending.given == [pytest.approx(0.2)] * 3
    beat.check()


def test_it_ends_when_told() -> None:
    extending = Extending()
    beat = Heartbeat(extending, 0.15)
    beat.start()
    assert extending.enough.wait(10)
    beat.stop()
    beat._thread.join(10)
    count = len(extending.at)
    time.sleep(0.2)
    assert len(extending.at) == count
    assert not beat._thread.is_alive()


@pytest.mark.parametrize("failure", [BUSY, UnreachableError("nobody")], ids=["busy", "nobody"])
def test_it_tries_sooner_while_it_fails_and_forgets_it_then(failure: CreditsError) -> None:
    extending = Extending(failure, failure, failure, None)
    beat = Heartbeat(extending, 1.2)
    beat.start()
    assert extending.enough.wait(10)
    beat.stop()
    beat._thread.join(10)
    gaps = [after - before for before, after in zip(extending.at, extending.at[1:], strict=False)]
    assert min(gaps) >= 0.09
    assert sorted(gaps)[0] < 0.4  # sooner than a third of its life
    assert beat.failure is None


def test_it_ends_where_the_hold_has_ended_and_says_so() -> None:
    extending = Extending(GONE)
    beat = Heartbeat(extending, 0.15)
    beat.start()
    beat._thread.join(10)
    assert len(extending.at) == 1
    with pytest.raises(HoldExpiredError):
        beat.check()


def test_what_may_still_succeed_is_no_verdict() -> None:
    beat = Heartbeat(Extending(), 1)
    for failure in (BUSY, UnreachableError("nobody")):
        beat.failure = failure
        beat.check()
    assert isinstance(BUSY, InProgressError)


def test_it_does_not_keep_a_process_alive() -> None:
    assert Heartbeat(Extending(), 900)._thread.daemon

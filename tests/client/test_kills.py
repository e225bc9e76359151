"""Workers killed under a service's jobs: each job is charged once, as it ended."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from portal.client import Credits, OutcomeUnknownError, Patience, UnreachableError
from portal.client.connections import Connections
from tests.client.conftest import opened
from tests.client.portals import Real, real
from tests.databases import DIALECTS, Databases

pytestmark = pytest.mark.faults
JOBS, KILLS = 96, 5
# A worker that dies takes seconds to come back on a busy machine.
LASTING = Patience(tries=200, deadline=90, first=0.05, longest=0.5)


class BrokenJobError(Exception):
    """The job could not be done."""


@pytest.fixture(params=DIALECTS)
def portal(request: pytest.FixtureRequest, databases: Databases, tmp_path: Path) -> Iterator[Real]:
    """A portal of its own: others should not have to live with its dying workers."""
    with databases.fresh(str(request.param)) as config, real(config, tmp_path) as served:
        yield served


def debited(credits: Credits, account: str, job: str) -> int:
    return -credits.debit(account, "generate", quantity=5, reference=job).entry.amount


def partly_captured(credits: Credits, account: str, job: str) -> int:
    with credits.hold(account, "generate", quantity=10, reference=job) as hold:
        hold.used(quantity=3)
    return hold.state.captured


def rejected(credits: Credits, account: str, job: str) -> int:
    with credits.hold(account, "generate", quantity=10, reference=job) as hold:
        hold.reject()
    return hold.state.captured


def broken(credits: Credits, account: str, job: str) -> int:
    hold = credits.hold(account, "generate", quantity=10, reference=job)
    with contextlib.suppress(BrokenJobError), hold:
        raise BrokenJobError
    return hold.state.captured


def refunded(credits: Credits, account: str, job: str) -> int:
    made = credits.debit(account, "generate", quantity=7, reference=job)
    return 7 - credits.refund(made.entry, "failed", credits=6).entry.amount


JOBS_OF: tuple[Callable[[Credits, str, str], int], ...] = (
    debited,
    partly_captured,
    rejected,
    broken,
    refunded,
)
COSTS = (5, 3, 0, 0, 1)


@contextmanager
def dying(master: int, most: int) -> Iterator[list[int]]:
    """Kill one worker of a server after another, some time apart; the ids of those killed."""
    killed: list[int] = []
    enough = threading.Event()

    def kill() -> None:
        while len(killed) < most and not enough.wait(0.7):
            children = Path(f"/proc/{master}/task/{master}/children").read_text().split()
            alive = [int(child) for child in children if int(child) not in killed]
            if alive:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(alive[0], signal.SIGKILL)
                    killed.append(alive[0])

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        yield killed
    finally:
        enough.set()
        killer.join()


def test_jobs_are_charged_once_while_workers_are_killed(portal: Real) -> None:
    with portal.credits(patience=LASTING) as credits:
        account = opened(credits, "pro")
        before = credits.balance(account).posted

        def work(number: int) -> int:
            kind = number % len(JOBS_OF)
            cost = JOBS_OF[kind](credits, account, f"job-{number}")
            assert cost == COSTS[kind], JOBS_OF[kind].__name__
            return cost

        spent, number = 0, 0
        with dying(portal.process, KILLS) as killed, ThreadPoolExecutor(16) as threads:
            while len(killed) < KILLS or number < JOBS:
                spent += sum(threads.map(work, range(number, number + JOBS)))
                number += JOBS
        after = credits.balance(account)
        assert (after.posted, after.held) == (before - spent, 0)
        assert len(killed) == KILLS


@pytest.mark.parametrize("portal", ["sqlite"], indirect=True)
def test_control_without_a_second_try_jobs_are_lost(
    portal: Real, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor with the one that a kept connection gets which turns out to be closed."""
    monkeypatch.setattr(Connections, "_find_kept", lambda _: None)
    once = Patience(tries=1)
    lost: list[str] = []
    with portal.credits(patience=LASTING) as credits:
        account = opened(credits, "pro")

    with portal.credits(patience=once) as credits:

        def work(number: int) -> None:
            try:
                debited(credits, account, f"job-{number}")
            except (OutcomeUnknownError, UnreachableError) as error:
                lost.append(str(error))

        number = 0
        with dying(portal.process, 40) as killed, ThreadPoolExecutor(16) as threads:
            while len(killed) < 40 and not lost:
                list(threads.map(work, range(number, number + JOBS)))
                number += JOBS
    assert lost

"""A job's end decides: captured, given back, or left open; on a served portal and on a bad one."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import json
import time
from collections.abc import Callable, Iterator

import pytest

from portal.client import Credits
from portal.client.errors import (
    CaptureExceedsHoldError,
    EndedHoldError,
    GarbledAnswerError,
    HoldCapturedError,
    HoldReleasedError,
    InsufficientCreditsError,
    OutcomeUnknownError,
    UnreachableError,
)
from portal.client.holding import HeldCredits, reason_of
from tests.client.portals import (
    HELD,
    POSTED,
    Scripted,
    hangs_up,
    held,
    refuses,
    says,
)

Task = Callable[[], str]


UNHEARD = 7  # six tries, the first of them twice: on the kept connection and on a fresh one


class BrokenJobError(Exception):
    """The job could not be done."""


def breaks() -> None:
    raise BrokenJobError


def does(hold: HeldCredits, *steps: Callable[[], object]) -> None:
    """A job of several steps, with its credits held."""
    with hold:
        for step in steps:
            step()


@pytest.fixture
def place(credits: Credits, account: str, task: Task) -> Callable[..., HeldCredits]:
    """A hold of 100 characters, one credit each, on a fresh account."""
    return lambda **more: credits.hold(
        account, "generate", **{"quantity": 100, "reference": task(), **more}
    )


def test_leaving_the_block_captures_all(
    credits: Credits, place: Callable[..., HeldCredits]
) -> None:
    with place() as hold:
        before = credits.balance(hold.state.account)
        assert (before.held, hold.state.status) == (100, "open")
    after = credits.balance(hold.state.account)
    assert (after.held, after.posted) == (0, before.posted - 100)
    assert (hold.state.status, hold.state.captured) == ("captured", 100)


def test_leaving_the_block_captures_what_was_used(
    credits: Credits, place: Callable[..., HeldCredits]
) -> None:
    for used, captured in (
        ({"quantity": 30}, 30),
        ({"text": "sieben!"}, 7),
        ({"credits": 12}, 12),
        ({"quantity": 0}, 0),
        ({"credits": 0}, 0),
        ({"quantity": 100}, 100),
    ):
        with place() as hold:
            hold.used(**used)
        assert (hold.state.status, hold.state.captured) == ("captured", captured)
        assert credits.balance(hold.state.account).held == 0


def test_more_than_was_held_is_set_aside_first(
    credits: Credits, place: Callable[..., HeldCredits]
) -> None:
    with place() as hold:
        hold.used(quantity=130)
    assert (hold.state.amount, hold.state.captured) == (130, 130)
    with pytest.raises(CaptureExceedsHoldError), place() as hold:
        hold.capture(credits=101)
    assert credits.get_hold(hold.id).status == "released"


def test_an_exception_gives_all_back_and_goes_on(
    credits: Credits, place: Callable[..., HeldCredits]
) -> None:
    with pytest.raises(BrokenJobError) as broken, place() as hold:
        raise BrokenJobError
    assert not hasattr(broken.value, "__notes__")
    assert hold.state.status == "released"
    assert next(credits.entries(hold.state.account)).reason == "failed"
    assert credits.balance(hold.state.account).held == 0


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (BrokenJobError(), "failed"),
        (TimeoutError(), "timed_out"),
        (concurrent.futures.TimeoutError(), "timed_out"),
        (asyncio.CancelledError(), "cancelled"),
        (concurrent.futures.CancelledError(), "cancelled"),
        (KeyboardInterrupt(), "cancelled"),
        (SystemExit(), "cancelled"),
        (GeneratorExit(), "cancelled"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_the_exception_is_the_reason(error: BaseException, reason: str) -> None:
    assert reason_of(error) == reason


def test_a_rejected_job_is_never_captured(
    credits: Credits, place: Callable[..., HeldCredits]
) -> None:
    with place() as hold:
        hold.used(quantity=100)
        hold.reject()
        with pytest.raises(EndedHoldError):
            hold.capture()
        with pytest.raises(EndedHoldError):
            hold.release()
    assert credits.get_hold(hold.id).status == "released"
    assert next(credits.entries(hold.state.account)).reason == "moderated"
    assert credits.get_hold(hold.id).captured == 0


def test_a_capture_in_the_block_is_the_only_one(
    credits: Credits, place: Callable[..., HeldCredits]
) -> None:
    hold = place()
    with pytest.raises(BrokenJobError):
        does(hold, lambda: hold.capture(quantity=40), breaks)
    assert credits.get_hold(hold.id).captured == 40
    with pytest.raises(EndedHoldError, match="captured"):
        hold.extend()


def test_parts_are_captured_on_the_way_and_the_rest_at_the_end(
    credits: Credits, place: Callable[..., HeldCredits]
) -> None:
    with place() as hold:
        hold.capture(quantity=25, final=False)
        hold.capture(quantity=50, final=False)
        assert hold.state.captured == 50
        hold.used(quantity=80)
    assert hold.state.captured == 80
    broken = place()
    with pytest.raises(BrokenJobError):
        does(broken, lambda: broken.capture(credits=25, final=False), breaks)
    assert broken.state.captured == 25
    assert credits.balance(broken.state.account).held == 0


def test_a_hold_may_be_left_to_somebody_else(
    credits: Credits, place: Callable[..., HeldCredits]
) -> None:
    with place() as hold:
        hold.leave_open()
    assert credits.get_hold(hold.id).status == "open"
    other = place()
    with pytest.raises(BrokenJobError):
        does(other, other.leave_open, breaks)
    assert credits.get_hold(other.id).status == "open"


def test_a_job_that_cannot_be_paid_does_not_begin(credits: Credits, account: str) -> None:
    credits.debit(account, "generate", quantity=950, reference="all-but-fifty")
    begun = False
    with (
        pytest.raises(InsufficientCreditsError) as refused,
        credits.hold(account, "generate", quantity=51, reference="job", key="k" * 16 + account),
    ):
        begun = True
    assert not begun
    credits.grant(account, 1, origin="goodwill", reference=("ticket", account))
    with credits.hold(
        account, "generate", quantity=51, reference="job", key=refused.value.key
    ) as hold:
        pass
    assert hold.state.captured == 51


def test_what_others_did_to_the_hold_is_told(
    credits: Credits, place: Callable[..., HeldCredits]
) -> None:
    with pytest.raises(HoldReleasedError), place() as hold:
        credits.release(hold.id)
    taken = place()
    with pytest.raises(BrokenJobError) as broken:
        does(taken, lambda: credits.capture(taken.id, 5), breaks)
    assert "HoldCaptured" not in str(broken.value)
    assert taken.id in broken.value.__notes__[0]
    assert "hold_captured" in broken.value.__notes__[0]
    with pytest.raises(HoldCapturedError):
        credits.release(taken.id)


def test_a_heartbeat_keeps_a_hold_alive(
    credits: Credits, place: Callable[..., HeldCredits]
) -> None:
    with place(ttl_seconds=2, heartbeat=True) as hold:
        time.sleep(3.3)
        hold.check()
        assert credits.get_hold(hold.id).status == "open"
    assert hold.state.captured == 100
    entries = [entry for entry in credits.entries(hold.state.account) if entry.hold == hold.id]
    assert not {"expiry"} & {entry.kind for entry in entries}


def test_control_without_a_heartbeat_it_runs_out(
    credits: Credits, place: Callable[..., HeldCredits]
) -> None:
    hold = place(ttl_seconds=1)
    time.sleep(1.3)
    assert credits.get_hold(hold.id).status == "expired"


# --- a portal that fails -------------------------------------------------------------------------


@pytest.fixture
def failing() -> Iterator[Callable[..., Scripted]]:
    """A portal that places a hold, and then does as it is told."""
    made: list[Scripted] = []

    def make(*steps: Callable[..., bool]) -> Scripted:
        made.append(Scripted([says(201, HELD), *steps]).__enter__())
        return made[-1]

    yield make
    for each in made:
        each.__exit__()


def placed(portal: Scripted) -> HeldCredits:
    return portal.credits().hold("acme", "generate", quantity=50, reference="job-1")


def paths(portal: Scripted) -> list[str]:
    return [head.split(" ")[1].rpartition("/")[2] for head in portal.heads]


def test_a_capture_that_nobody_answered_is_not_taken_back(
    failing: Callable[..., Scripted],
) -> None:
    portal = failing(hangs_up)
    with pytest.raises(OutcomeUnknownError), placed(portal) as hold:
        hold.capture()
    assert set(paths(portal)[1:]) == {"capture"}
    portal = failing(hangs_up)
    with pytest.raises(OutcomeUnknownError), placed(portal):
        pass
    assert set(paths(portal)[1:]) == {"capture"}


def test_a_capture_is_tried_again_under_its_key(failing: Callable[..., Scripted]) -> None:
    portal = failing(*[hangs_up] * UNHEARD, says(201, held(status="captured", captured=100)))
    with placed(portal) as hold:
        with pytest.raises(OutcomeUnknownError):
            hold.capture()
        hold.capture()
    assert hold.state.status == "captured"
    assert len(set(portal.header("Idempotency-Key")[1:])) == 1
    assert len(paths(portal)) == 1 + UNHEARD + 1


def test_a_rejected_job_is_not_captured_though_its_release_failed(
    failing: Callable[..., Scripted],
) -> None:
    portal = failing(*[hangs_up] * UNHEARD, says(201, held(status="released")))
    with placed(portal) as hold, pytest.raises(OutcomeUnknownError):
        hold.reject()
    assert paths(portal)[1:] == ["release"] * (UNHEARD + 1)
    assert len(set(portal.header("Idempotency-Key")[1:])) == 1
    assert {json.loads(body)["reason"] for body in portal.bodies[1:]} == {"moderated"}


def test_a_release_that_fails_does_not_hide_why(failing: Callable[..., Scripted]) -> None:
    portal = failing(hangs_up)
    with pytest.raises(BrokenJobError) as broken, placed(portal):
        raise BrokenJobError
    assert "was not released" in broken.value.__notes__[0]


def test_a_release_that_fails_is_told_where_nothing_else_is(
    failing: Callable[..., Scripted],
) -> None:
    hold = placed(failing(hangs_up))

    def rejected() -> None:
        with contextlib.suppress(OutcomeUnknownError):
            hold.reject()

    with pytest.raises(OutcomeUnknownError):
        does(hold, rejected)


def test_a_refused_capture_gives_back_what_is_held(failing: Callable[..., Scripted]) -> None:
    portal = failing(refuses("capture_exceeds_hold", 409), says(201, held(status="released")))
    with pytest.raises(CaptureExceedsHoldError), placed(portal) as hold:
        hold.capture(credits=101)
    assert paths(portal)[1:] == ["capture", "release"]


def test_parts_are_rounded_up(failing: Callable[..., Scripted]) -> None:
    """ceil(amount · k / n) of what is held: 100 credits for 50 units; odd ones as well."""
    for quantity, amount, k, credits in ((50, 100, 7, 14), (50, 101, 25, 51), (3, 10, 1, 4)):
        portal = failing(says(201, held()))
        portal.steps[0] = says(201, held(quantity=quantity, amount=amount))
        with placed(portal) as hold:
            hold.used(quantity=k)
        assert json.loads(portal.bodies[1]) == {"credits": credits}


def test_an_answer_without_a_hold_is_no_hold() -> None:
    with Scripted([says(201, POSTED)]) as portal, pytest.raises(GarbledAnswerError):
        placed(portal)


def test_nothing_is_held_where_nobody_listens() -> None:
    with Scripted([hangs_up]) as portal:
        credits = portal.credits()
    with pytest.raises(UnreachableError):
        credits.hold("acme", "generate", quantity=1, reference="job")

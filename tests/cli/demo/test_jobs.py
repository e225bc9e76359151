"""Each end of a job leaves the entries that the outcome table promises."""

from collections import Counter

import pytest

from portal import ledger
from portal.cli.demo import jobs
from portal.cli.demo.history import lots_of
from portal.cli.demo.jobs import Ending, Job
from portal.cli.demo.stage import DAY
from portal.pricing import REFUND_REASONS
from tests.cli.demo.conftest import NOW, SERVICE, Stage

ALLOCATED = 1_000


@pytest.fixture
def opened(stage: Stage) -> Stage:
    """A stage with an account on the free plan."""
    stage.post(stage.scene.opens, SERVICE.account("acme", "Acme", "free", stage.scene.opens, "UTC"))
    stage.seen.clear()
    return stage


def job(quantity: int = 400, at: int = NOW - 6 * DAY) -> Job:
    return Job(SERVICE, "acme", "generate", quantity, f"job-{quantity}", at, {"a": "b"})


def after(opened: Stage, end: Ending, quantity: int = 400) -> list[ledger.Entry]:
    """The entries of a job that ended so, and of nothing else; what ran out is written."""
    opened.play(end(job(quantity), lots_of("job")))
    opened.post(NOW, ledger.Advance(account_id="acme"))
    return opened.entries("acme")[1:]


@pytest.mark.parametrize(
    ("end", "kinds", "left"),
    [
        (jobs.completed, ["hold placed", "capture completed"], 600),
        (jobs.failed, ["hold placed", "release failed"], 1_000),
        (jobs.timed_out, ["hold placed", "release timed_out"], 1_000),
        (jobs.cancelled, ["hold placed", "release cancelled"], 1_000),
        (jobs.moderated, ["hold placed", "release moderated"], 1_000),
        (jobs.lost, ["hold placed", "release expired"], 1_000),
        (jobs.late, ["hold placed", "release expired", "debit late_capture"], 600),
        (jobs.extended, ["hold placed", "hold extended", "capture completed"], 600),
        (jobs.debited, ["debit usage"], 600),
        (jobs.reported_late, ["debit usage"], 600),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_job_ends_so(opened: Stage, end: Ending, kinds: list[str], left: int) -> None:
    found = after(opened, end)
    assert [f"{entry.kind} {entry.reason}" for entry in found] == kinds
    assert (found[-1].posted_after, found[-1].held_after) == (left, 0)
    assert {entry.reference_id for entry in found} == {"job-400"}


def test_a_job_half_done_is_charged_in_part(opened: Stage) -> None:
    placed, captured = after(opened, jobs.partly_done)
    assert (placed.hold_amount, captured.reason) == (400, "partial")
    assert 80 <= -captured.amount <= 320


def test_late_usage_tells_when_the_work_was_done(opened: Stage) -> None:
    [entry] = after(opened, jobs.reported_late)
    assert entry.occurred_at == job().at
    assert DAY < entry.recorded_at - entry.occurred_at < 3 * DAY


def test_charges_are_refunded_for_every_reason_never_beyond_them(opened: Stage) -> None:
    reasons: Counter[str] = Counter()
    for number in range(40):
        lots = lots_of(f"refund {number}")
        one = job(8)._replace(name=f"job-{number}", at=NOW - 9 * DAY + number)
        opened.play(jobs.refunded(one, lots))
    for entry in opened.entries("acme"):
        if entry.kind == "refund":
            reasons[entry.reason] += 1
            whole = entry.reason not in ("partial", "goodwill")
            assert entry.amount == 8 if whole else 2 <= entry.amount <= 6
    assert {*reasons} == {*REFUND_REASONS} - {"dispute"}
    assert sum(reasons.values()) == 40


def test_a_job_that_cannot_be_paid_ends_with_its_refusal(opened: Stage) -> None:
    ends = [end for end, _ in jobs.MIXTURE] + [jobs.late]
    for number, end in enumerate(ends):
        wish = job(1_000)._replace(operation="clone", quantity=3, name=f"job-{number}")
        opened.play(end(wish, lots_of(str(number))))
    assert all(isinstance(outcome, ledger.Refused) for outcome in opened.seen)
    assert len(opened.refusals("acme")) == len(ends)
    assert opened.entries("acme")[-1].posted_after == ALLOCATED


def test_ends_come_as_often_as_they_are_said_to() -> None:
    lots = lots_of("ends")
    found = Counter(jobs.ending(lots) for _ in range(3_000))
    assert sum(weight for _, weight in jobs.MIXTURE) == 1_000
    assert {*found} == {end for end, _ in jobs.MIXTURE}
    assert found.most_common(1)[0][0] is jobs.completed


def test_more_work_takes_longer() -> None:
    short, long = (jobs.duration(job(quantity), lots_of("x")) for quantity in (10, 50_000))
    assert 3_000_000 <= short < long

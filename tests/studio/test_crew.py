"""Who takes over from a process that is gone, and what a mistake of ours does."""

import threading
from collections.abc import Callable

import pytest

from portal.studio.crew import GONE, HANDS, Crew
from portal.studio.jobs import Job
from portal.studio.shelf import Shelf
from tests.studio.conftest import WISH


class Hands:
    """Stands where a runner does, and writes down what it is given."""

    def __init__(self, shelf: Shelf, work: Callable[[], bool] | None = None) -> None:
        self.shelf, self.seen, self.work = shelf, [], work  # type: ignore[var-annotated]

    def run(self, job: Job, called_off: Callable[[], bool]) -> None:
        self.seen.append(("run", job.id))
        if self.work is not None:
            self.work()
        self.shelf.end(job.id, "finished", f"called off: {called_off()}")

    def repeat(self, job: Job) -> None:
        self.seen.append(("repeat", job.id))


def crew_of(hands: Hands) -> Crew:
    return Crew(hands)  # type: ignore[arg-type]


def test_what_had_begun_is_lost_and_what_had_not_begins(shelf: Shelf) -> None:
    begun, _ = shelf.add(WISH)
    shelf.begin(begun.id, "hld_1")
    shelf.keep(begun.id, 0, b"half")
    waiting, _ = shelf.add(WISH._replace(key="form-of-another-job"))
    done, _ = shelf.add(WISH._replace(key="form-of-a-third-job"))
    shelf.end(done.id, "finished", "It is done.")
    hands = Hands(shelf)
    crew = crew_of(hands)
    crew.resume()
    crew._pool.shutdown()
    assert hands.seen == [("run", waiting.id)]
    lost = shelf.get(begun.id)
    assert (lost.stage, lost.said, shelf.kept(begun.id)) == ("lost", GONE, [])


@pytest.mark.parametrize(
    ("stage", "hold", "what"),
    [
        ("refused", "", ["run"]),
        ("undecided", "", ["run"]),
        ("finished", "hld_1", ["repeat", "repeat"]),
        ("working", "hld_1", ["repeat", "repeat"]),
        ("waiting", "", []),
    ],
)
def test_the_same_form_again(shelf: Shelf, stage: str, hold: str, what: list[str]) -> None:
    job, _ = shelf.add(WISH)
    shelf.begin(job.id, hold)
    shelf.end(job.id, stage, "")
    hands = Hands(shelf)
    crew = crew_of(hands)
    for _ in range(2):
        crew.repeat(job._replace(hold=hold))
    crew._pool.shutdown()
    assert [verb for verb, _ in hands.seen] == what


def test_the_switch_sends_it_twice(shelf: Shelf) -> None:
    job, _ = shelf.add(WISH._replace(ending="submitted_again"))
    hands = Hands(shelf)
    crew = crew_of(hands)
    crew.begin(job)
    crew._pool.shutdown()
    assert [verb for verb, _ in hands.seen] == ["run", "repeat"]


def test_one_job_is_called_off_and_no_other(shelf: Shelf) -> None:
    go = threading.Event()
    crew = crew_of(Hands(shelf, lambda: go.wait(10)))
    jobs = [shelf.add(WISH._replace(key=f"form-number-{number:09}"))[0] for number in range(3)]
    for job in jobs[:2]:
        crew.begin(job)
    crew.call_off(jobs[0].id)
    go.set()
    crew._pool.shutdown()
    assert [shelf.get(job.id).said for job in jobs] == ["called off: True", "called off: False", ""]


def test_stopping_calls_everything_off_and_waits_a_little(shelf: Shelf) -> None:
    begun, go = threading.Semaphore(0), threading.Event()

    def work() -> bool:
        begun.release()
        return go.wait(10)

    crew = crew_of(Hands(shelf, work))
    jobs = [shelf.add(WISH._replace(key=f"form-number-{number:09}"))[0] for number in range(6)]
    for job in jobs:
        crew.begin(job)
    for _ in range(HANDS):
        assert begun.acquire(timeout=10)
    assert not crew.stop(0.01), "they are still at it"
    go.set()
    assert crew.stop(10)
    said = [shelf.get(job.id).said for job in jobs]
    assert said == ["called off: True"] * HANDS + [""] * 2, "what had not begun waits"


def test_a_mistake_of_ours_is_told_and_written_down(
    shelf: Shelf, caplog: pytest.LogCaptureFixture
) -> None:
    job, _ = shelf.add(WISH)
    crew = crew_of(Hands(shelf, lambda: bool(1 // 0)))
    crew.begin(job)
    crew._pool.shutdown()
    assert shelf.get(job.id).said == "The studio made a mistake."
    assert "ZeroDivisionError" in caplog.text

"""The threads that run jobs, and what becomes of jobs whose worker is gone."""

import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Final

from portal.studio.endings import AGAIN
from portal.studio.jobs import Job
from portal.studio.runner import Runner

HANDS: Final = 4
GONE: Final = "The worker is gone, and what it made with it."
log = logging.getLogger("portal.studio")


class Crew:
    """A few threads of one process; the shelf knows more than they do."""

    def __init__(self, runner: Runner) -> None:
        self._runner, self._shelf = runner, runner.shelf
        self._pool = ThreadPoolExecutor(HANDS, thread_name_prefix="studio")
        self._called_off: set[str] = set()
        self._asked: list[Future[None]] = []
        self._stopping = False

    def resume(self) -> None:
        """Take over from a process that is gone: what had begun is lost, the rest begins now."""
        for job in self._shelf.at_stage("working"):
            self._shelf.discard(job.id)
            self._shelf.end(job.id, "lost", GONE)
        for job in self._shelf.at_stage("waiting"):
            self.begin(job)

    def begin(self, job: Job) -> None:
        """Run a job as soon as there is a hand free."""
        self._ask(self._run, job)

    def repeat(self, job: Job) -> None:
        """The same form came again: a job that never held anything runs now, others are told."""
        if job.hold:
            self._ask(self._runner.repeat, job)
        elif self._shelf.renew(job.id):
            self.begin(job)

    def call_off(self, job_id: str) -> None:
        """Let a job end before its next piece."""
        self._called_off.add(job_id)

    def stop(self, seconds: float) -> bool:
        """Call everything off; whether all of it has come to its end within some seconds.

        What has not begun stays waiting, and what is not at its end is lost: another process
        finds both.
        """
        self._stopping = True
        self._pool.shutdown(wait=False, cancel_futures=True)
        begun = [each for each in self._asked if not each.cancelled()]
        return not wait(begun, seconds).not_done

    def _ask(self, work: Callable[[Job], None], job: Job) -> None:
        self._asked = [each for each in self._asked if not each.done()]
        self._asked.append(self._pool.submit(self._whole, work, job))

    def _run(self, job: Job) -> None:
        self._runner.run(job, lambda: self._stopping or job.id in self._called_off)
        self._called_off.discard(job.id)
        if job.wish.ending == AGAIN:
            self._runner.repeat(self._shelf.get(job.id))

    def _whole(self, work: Callable[[Job], None], job: Job) -> None:
        """Do it; a mistake of ours is written down, and the job's hold was given back already."""
        try:
            work(job)
        except Exception:
            log.exception("%s broke", job.id)
            self._shelf.end(job.id, "finished", "The studio made a mistake.")

"""gunicorn's hook that keeps each worker on a core of its own, as a deployment should.

Threads of one process that hop between cores cost twice the CPU.
"""

import os
from typing import Any


def post_fork(_: Any, worker: Any) -> None:
    """Pin a worker by its age: the first to the first core, and so on round."""
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[(worker.age - 1) % len(cores)]})

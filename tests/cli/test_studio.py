"""How the studio is served: by one process, on this machine, that calls off what it leaves."""

from types import SimpleNamespace

import pytest

from portal.cli import serving, studio
from portal.studio.place import NAME


def test_it_is_one_process_on_this_machine() -> None:
    assert studio.bind == ["127.0.0.1:8001"]
    assert studio.workers == 1
    # By name: other tests read the module anew.
    assert studio.when_ready.__qualname__ == serving.when_ready.__qualname__


@pytest.mark.parametrize("all_ended", [True, False])
def test_a_worker_that_ends_calls_off_what_is_under_way(
    monkeypatch: pytest.MonkeyPatch, all_ended: bool
) -> None:
    """And waits for it a little while, no longer."""
    asked: list[float] = []
    left: list[int] = []

    def stop(seconds: float) -> bool:
        asked.append(seconds)
        return all_ended

    monkeypatch.setattr("os._exit", left.append)
    crew = SimpleNamespace(stop=stop)
    application = SimpleNamespace(extensions={NAME: SimpleNamespace(crew=crew)})
    studio.worker_exit(None, SimpleNamespace(wsgi=application))
    studio.worker_exit(None, SimpleNamespace(wsgi=None))  # it could not start
    studio.worker_exit(None, SimpleNamespace())
    assert (asked, left) == ([studio.PATIENCE], [] if all_ended else [0])

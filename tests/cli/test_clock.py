"""`flask clock`, as a process: one at work, stopped cleanly, killed without harm, and optional."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from portal.cli import clock as clock_module
from portal.cli.rounds import Advanced
from portal.cli.turns import turn_of
from portal.clock import utc_now
from portal.config import Config
from portal.database import BusyError
from tests.cli.due_work import World
from tests.serving import environment_of

ROOT = Path(__file__).resolve().parents[2]
NAMES = [f"account-{number:03}" for number in range(300)]
# The portal's processes on a socket of the test's own, as `make run` begins them.
SERVE = """
import os
from portal.cli.serve import listen, serve
serve(listen(int(os.environ["PORT"])), os.environ)
"""
Begin = Callable[..., "subprocess.Popen[str]"]


class Running:
    """Processes that a test began; none outlives it."""

    def __init__(self, config: Config) -> None:
        self.environment = clean() | environment_of(config)
        self.begun: list[subprocess.Popen[str]] = []

    def clock(self, *words: str) -> subprocess.Popen[str]:
        """Begin a clock that goes round ten times a second."""
        return self.begin(["-m", "flask", "--app", "wsgi", "clock", "--every", "0.1", *words])

    def begin(self, words: list[str], **more: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, *words], cwd=ROOT, env=self.environment | more, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        self.begun.append(process)
        return process


def clean() -> dict[str, str]:
    """The environment without settings of a portal."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PORTAL_")}


@pytest.fixture
def running(config: Config) -> Iterator[Running]:
    made = Running(config)
    yield made
    for process in made.begun:
        process.kill()
        process.communicate()


@pytest.fixture
def world(config: Config) -> Iterator[World]:
    """Three hundred accounts with a hold each that runs out at once, in real time."""
    made = World(config, utc_now() - 3_600_000_000)
    made.open(NAMES)
    made.hold(NAMES, 60)
    made.now += 3_600_000_000
    yield made
    made.close()


def ended(world: World) -> int:
    """How many holds have been ended."""
    with world.state.database.reading() as connection:
        found = connection.exec_driver_sql("SELECT count(*) FROM holds WHERE status = 'expired'")
        return int(found.scalar_one())


def until(true: Callable[[], bool], what: str) -> None:
    give_up = time.monotonic() + 60
    while not true():
        assert time.monotonic() < give_up, what
        time.sleep(0.02)


def assert_all_done_once(world: World) -> None:
    """Every hold ended once, at its own time, and everything adds up."""
    assert ended(world) == len(NAMES)
    for name in NAMES[::75]:
        kinds = [entry["kind"] for entry in world.entries(name)]
        assert kinds == ["grant", "hold", "release"]
    world.now = utc_now()
    assert world.audit().clean


def test_it_does_what_fell_due_and_ends_when_told(running: Running, world: World) -> None:
    clock = running.clock()
    until(lambda: ended(world) == len(NAMES), "not everything was done")
    clock.send_signal(signal.SIGTERM)
    output, _ = clock.communicate(timeout=20)
    assert clock.returncode == 0
    assert output == "", "there was nothing worth saying"
    assert_all_done_once(world)
    turn = turn_of(world.state.config)
    assert turn.take(), "it left its turn"
    turn.leave()


@pytest.mark.faults
def test_killed_mid_work_it_harms_nothing_and_the_next_one_goes_on(
    running: Running, world: World
) -> None:
    clock, other = running.clock(), running.clock()
    until(lambda: ended(world) > 0, "nothing was done")
    clock.kill()
    clock.communicate()
    until(lambda: ended(world) == len(NAMES), "nobody took over")
    other.send_signal(signal.SIGINT)
    other.communicate(timeout=20)
    assert other.returncode == 0
    assert_all_done_once(world)


@pytest.mark.faults
def test_killed_again_and_again_it_gets_done_all_the_same(running: Running, world: World) -> None:
    kills = 0
    while ended(world) < len(NAMES) and kills < 20:
        before, clock = ended(world), running.clock()
        until(lambda known=before: ended(world) > known, "nothing was done")  # type: ignore[misc]
        clock.kill()
        clock.communicate()
        kills += 1
    assert_all_done_once(world)


def test_without_it_the_same_is_done_by_whoever_comes_by(world: World) -> None:
    assert ended(world) == 0
    for number, name in enumerate(NAMES):
        world.now += number
        world.touch(name)
    assert ended(world) == len(NAMES)
    assert [entry["kind"] for entry in world.entries("account-007")] == [
        "grant", "hold", "release", "debit",
    ]  # fmt: skip
    assert world.audit().clean


def test_attached_it_ends_with_its_input(running: Running, world: World) -> None:
    clock = running.clock("--attached")
    until(lambda: ended(world) > 0, "nothing was done")
    assert clock.poll() is None
    clock.communicate(timeout=20)
    assert clock.returncode == 0


def test_one_round_is_done_and_told(operate: Callable[..., Result]) -> None:
    done = operate("clock", "--once")
    assert (done.exit_code, done.output) == (0, "advanced 0 accounts, swept 0 rows\n")


def test_one_round_is_not_done_beside_another_clock(
    operate: Callable[..., Result], config: Config
) -> None:
    turn = turn_of(config)
    assert turn.take()
    done = operate("clock", "--once")
    turn.leave()
    assert done.exit_code == 1
    assert "Another clock is at work." in done.output


def test_one_round_that_could_not_be_done_is_told(
    operate: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(*_: Any) -> None:
        raise BusyError("kept too long")

    monkeypatch.setattr(clock_module, "sweep", busy)
    done = operate("clock", "--once")
    assert (done.exit_code, done.output) == (1, "Error: kept too long\n")
    monkeypatch.undo()
    monkeypatch.setattr(clock_module, "advance_due", lambda _: Advanced(0, 2))
    done = operate("clock", "--once")
    assert done.exit_code == 1
    assert "2 accounts could not be advanced" in done.output


def test_a_round_that_is_cut_short_is_told_and_the_next_one_goes_on(
    config: Config, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "portal.clock")
    world, went = World(config), list[float]()

    class Stopping(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            went.append(timeout or 0)
            return len(went) == 4

    def broken(*_: Any) -> None:
        if len(went) == 2:
            raise BusyError("kept too long")

    monkeypatch.setattr(clock_module, "advance_due", broken)
    made = clock_module.Clock(world.state, turn_of(config), Stopping())
    clock_module.keep_time(made, 0.5)
    assert went == [0, 0.5, clock_module.PATIENCE, 0.5]
    assert [r.getMessage() for r in caplog.records] == [
        "at work", "a round was cut short: kept too long",
    ]  # fmt: skip
    world.close()


def children(pid: int) -> dict[int, str]:
    """The processes a process has begun, with their command lines."""
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return {int(word): Path(f"/proc/{word}/cmdline").read_text() for word in found}


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_make_run_begins_one_and_it_ends_with_the_server(
    running: Running, world: World, how: signal.Signals
) -> None:
    server = running.begin(["-c", SERVE], PORT="0", WEB_CONCURRENCY="1")
    until(lambda: ended(world) == len(NAMES), "no clock was at work")
    clocks = [pid for pid, words in children(server.pid).items() if "clock" in words]
    assert len(clocks) == 1
    server.send_signal(how)
    server.communicate(timeout=30)
    until(lambda: not Path(f"/proc/{clocks[0]}").exists(), "the clock was left behind")

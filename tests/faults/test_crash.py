"""kill -9 at each step of a command: nothing acknowledged is lost, nothing is done twice."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import pytest

from portal import ledger
from portal.config import Config
from portal.database import Database
from tests.faults import nursery

START = 1_790_000_000_000_000
MINUTE = 60 * 1_000_000
STEPS_MAX = 400


class Nursery:
    """The process that forks and loses children."""

    def __init__(self, url: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.nursery", url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def bear(self, asked: dict[str, Any]) -> dict[str, Any]:
        """A child that posts what is asked; what became of it."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(asked) + "\n")
        self.process.stdin.flush()
        told: dict[str, Any] = json.loads(self.process.stdout.readline())
        assert not told["failed"], asked
        return told

    def close(self) -> None:
        """No more children."""
        self.process.communicate(timeout=20)


class Scene(NamedTuple):
    """A database with its nursery; each point of the sweep gets an account of its own."""

    database: Database
    nursery: Nursery

    def posted(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Post without any fuse, and read the answer."""
        answer: dict[str, Any] = json.loads(nursery.post(self.database, asked))
        return answer

    def entries(self, account: str) -> list[ledger.Entry]:
        """All entries of an account, oldest first."""
        with self.database.reading() as connection:
            page = ledger.page(connection, account, ledger.Filter(), limit=100)
        return list(reversed(page.entries))


@pytest.fixture
def scene(config: Config, database: Database) -> Iterator[Scene]:
    """A fresh database and a nursery that works on it."""
    with database.writing() as connection:
        ledger.publish_tariff(
            connection, nursery.TARIFFS[0], now=START, published_by="olga@example.com"
        )
    born = Nursery(config.database_url)
    yield Scene(database, born)
    born.close()


def asked(command: str, key: str, minute: int = 1, **members: Any) -> dict[str, Any]:
    """A line for the nursery."""
    now = START + minute * MINUTE
    return {"command": command, "key": key, "members": members, "now": now, "step": 0}


def to_debit(scene: Scene, name: str) -> dict[str, Any]:
    """A debit of 70 credits."""
    return asked("Debit", f"{name}-key", account_id=name, operation="generate", quantity=70,
                 reference=f"{name}-job")  # fmt: skip


def to_hold(scene: Scene, name: str) -> dict[str, Any]:
    """A hold of 70 credits."""
    return to_debit(scene, name) | {"command": "PlaceHold"}


def to_capture(scene: Scene, name: str) -> dict[str, Any]:
    """A capture of 40 of the 70 credits of a hold."""
    held = scene.posted(to_hold(scene, name) | {"key": f"{name}-before"})
    return asked("CaptureHold", f"{name}-key", 2, hold_id=held["hold"]["id"], credits=40)


def to_release(scene: Scene, name: str) -> dict[str, Any]:
    """The release of a hold of 70 credits."""
    held = scene.posted(to_hold(scene, name) | {"key": f"{name}-before"})
    return asked("ReleaseHold", f"{name}-key", 2, hold_id=held["hold"]["id"], reason="failed")


def to_refund(scene: Scene, name: str) -> dict[str, Any]:
    """A refund of 30 of 70 credits."""
    debited = scene.posted(to_debit(scene, name) | {"key": f"{name}-before"})
    return asked("Refund", f"{name}-key", 2, entry_id=debited["entry"]["id"], credits=30,
                 reason="partial")  # fmt: skip


def to_turn_over(scene: Scene, name: str) -> dict[str, Any]:
    """A debit after a month: it finds an expired hold, a period to close and one to open."""
    scene.posted(to_hold(scene, name) | {"key": f"{name}-before"})
    return to_debit(scene, name) | {"now": START + 40 * 1440 * MINUTE}


def to_batch(scene: Scene, name: str) -> dict[str, Any]:
    """An atomic batch of a capture of a hold, a hold, and a debit on the same account."""
    before = [to_capture(scene, name) | {"key": f"{name}-capture"}]
    before += [to_hold(scene, name) | {"key": f"{name}-hold"}]
    before[-1]["members"] = {**before[-1]["members"], "reference": f"{name}-other"}
    line = to_debit(scene, name) | {"now": before[0]["now"], "before": before}
    line["members"] = {**line["members"], "reference": f"{name}-third"}
    return line


# What a command does, and what the account has available afterwards: done once, not twice. The long
# ones die at every third step: nothing that they do alone is shorter than three.
STRIDES = {"release": 3, "turnover": 3, "batch": 3}
SWEEPS = {
    "debit": (to_debit, 930),
    "hold": (to_hold, 930),
    "capture": (to_capture, 960),
    "release": (to_release, 1_000),
    "refund": (to_refund, 960),
    "turnover": (to_turn_over, 930),
    "batch": (to_batch, 820),
}


@pytest.mark.faults
@pytest.mark.parametrize("name", SWEEPS)
@pytest.mark.gate
def test_a_killed_writer_loses_nothing_acknowledged_and_doubles_nothing(
    scene: Scene, name: str
) -> None:
    killed, unsaid = sweep(scene, name)
    assert killed >= 8, "the sweep found hardly anything to kill"
    assert unsaid >= 1, "no child was killed between its commit and its answer"
    check_audit(scene.database)


@pytest.mark.faults
@pytest.mark.parametrize("dialect", ["postgresql"], indirect=True)
@pytest.mark.gate
def test_a_writer_killed_between_parts_of_a_batch_leaves_all_of_them_or_none(scene: Scene) -> None:
    _, unsaid = sweep(scene, "batch", parts={"postgresql": 1})
    assert unsaid >= 1, "no child was killed between its commit and its answer"
    check_audit(scene.database)


def sweep(scene: Scene, name: str, **more: object) -> tuple[int, int]:
    """Kill a child at its first step, another at a later one, until one lives; check each time.

    Gives how many were killed, and how many of them had committed and not said so: that is one of
    the last steps, which are all taken.
    """
    stride = STRIDES.get(name, 1)
    told: list[tuple[bool, bool]] = []
    step = 1
    while not told or told[-1][0]:
        assert step < STEPS_MAX
        told.append(die_at(scene, name, step, more))
        step += stride
    told += [
        die_at(scene, name, each, more) for each in range(step - 2 * stride + 1, step - stride)
    ]
    return sum(killed for killed, _ in told), sum(unsaid for _, unsaid in told)


def die_at(scene: Scene, name: str, step: int, more: Mapping[str, object]) -> tuple[bool, bool]:
    """Whether a child was killed at a step, and whether it had committed and not said so."""
    prepare, available = SWEEPS[name]
    account = f"{name}-{step}"
    open_account(scene, account)
    line = {**prepare(scene, account), "step": step, **more}
    before = scene.entries(account)
    scene.database.dispose()  # nobody else has it open: who comes after the dead recovers it
    told = scene.nursery.bear(line)
    after = scene.entries(account)
    kept = after if len(after) > len(before) else None
    assert told["killed"] or told["acked"] is not None
    check_retries(scene, line, told["acked"], kept)
    check_once(scene, account, line, available)
    return told["killed"], told["killed"] and kept is not None and told["acked"] is None


def open_account(scene: Scene, account: str) -> None:
    """A customer of the free plan: 1,000 credits a month."""
    with scene.database.writing() as connection:
        opened = ledger.PutAccount(account_id=account, name=account, tier="free")
        ids = ledger.Ids(lambda size: account.encode().rjust(size, b".")[-size:])
        ledger.post(connection, [opened], now=START, tariffs=nursery.TARIFFS, ids=ids)


def check_retries(
    scene: Scene, line: dict[str, Any], acked: str | None, kept: list[ledger.Entry] | None
) -> None:
    """The same key again, twice: the same bytes, and those of an acknowledged answer."""
    first, second = (nursery.post(scene.database, line) for _ in range(2))
    assert first == second
    if acked is not None:
        assert first == acked
    if kept is not None:
        assert json.loads(first)["entry"]["id"] == kept[-1].id


def check_once(scene: Scene, account: str, line: dict[str, Any], available: int) -> None:
    """One entry under the key, and its effect just once in the balance."""
    under_key = [entry for entry in scene.entries(account) if entry.idempotency_key == line["key"]]
    assert len(under_key) == 1
    with scene.database.reading() as connection:
        assert ledger.balance_now(connection, account).available == available


def check_audit(database: Database) -> None:
    """Everything is what the entries say."""
    with database.reading() as connection:
        now = START + 60 * 1440 * MINUTE
        report = ledger.audit(connection, tariffs=nursery.TARIFFS, now=now)
    assert report.differences == ()


@pytest.mark.faults
@pytest.mark.gate
def test_the_sweep_would_notice_a_lost_and_a_doubled_debit(scene: Scene) -> None:
    """The control: checks that cannot fail would prove nothing."""
    open_account(scene, "lost")
    line = to_debit(scene, "lost")
    acked = nursery.post(scene.database, line)
    with pytest.raises(AssertionError):
        check_retries(scene, line | {"key": "another-key"}, acked, None)
    scene.posted(to_debit(scene, "lost") | {"key": "doubled", "members": {
        **line["members"], "reference": "lost-again"}})  # fmt: skip
    with pytest.raises(AssertionError):
        check_once(scene, "lost", line, 930)


@pytest.mark.faults
@pytest.mark.gate
def test_an_answer_before_its_commit_would_be_noticed(scene: Scene) -> None:
    """The negative control: who acknowledges first, and is killed then, has lied."""
    with pytest.raises(AssertionError):
        sweep(scene, "debit", early=True)

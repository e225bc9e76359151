"""portal/database/turnstile.py: turns that are freed by death, and a log that is moved between."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import sqlalchemy as sa

from portal.config import Config
from portal.database import Database, turnstile
from tests.house.tree import ROOT

pytestmark = pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)

HOLD_A_TURN = """
import sys, time
from pathlib import Path
from portal.database.turnstile import Turnstile
with Turnstile(Path(sys.argv[1])).turn():
    print("mine", flush=True)
    time.sleep(60)
"""


def file_of(config: Config) -> Path:
    assert config.sqlite_file is not None
    return config.sqlite_file


def test_a_turn_is_one_process_at_a_time_and_is_freed_by_its_death(config: Config) -> None:
    path = file_of(config)
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD_A_TURN, str(path)], cwd=ROOT, stdout=subprocess.PIPE
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"mine\n"
    waiting = subprocess.Popen(
        [sys.executable, "-c", HOLD_A_TURN, str(path)], cwd=ROOT, stdout=subprocess.PIPE
    )
    assert waiting.stdout is not None
    time.sleep(0.6)
    assert waiting.poll() is None
    holder.send_signal(signal.SIGKILL)
    assert waiting.stdout.readline() == b"mine\n"
    waiting.kill()
    for process in (holder, waiting):
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def open_account(connection: sa.Connection, name: str) -> None:
    connection.execute(
        sa.text(
            "INSERT INTO accounts (id, head_hash, revision_hash, created_at)"
            " VALUES (:id, :zero, :zero, 1)"
        ),
        {"id": name, "zero": bytes(32)},
    )


# Limits, and commits after another: the rows of each, and whether the log is moved after it.
STEPS = {
    "after-some-commits": (
        {"CHECKPOINT_COMMITS": 4},
        [(1, False), (1, False), (1, False), (1, True)],
    ),
    "sooner-after-many-rows": ({"CHECKPOINT_ROWS": 6}, [(4, False), (4, True)]),
    "in-short-steps-after-small-commits": (
        {"SHORT_STEP_ROWS": 8, "SMALL_COMMIT_ROWS": 3},
        [(3, False), (4, False), (3, False), (2, True), (2, False), (9, False)],
    ),
}


@pytest.mark.parametrize(("limits", "commits"), STEPS.values(), ids=STEPS)
def test_the_log_is_moved_into_the_file_now_and_then(
    config: Config,
    monkeypatch: pytest.MonkeyPatch,
    limits: dict[str, int],
    commits: list[tuple[int, bool]],
) -> None:
    for name, limit in limits.items():
        monkeypatch.setattr(turnstile, name, limit)
    database, opened = Database(config), 0
    for rows, moves in commits:
        before = file_of(config).stat().st_mtime_ns
        with database.writing() as connection:
            for _ in range(rows):
                opened += 1
                open_account(connection, f"a{opened}")
        assert (file_of(config).stat().st_mtime_ns != before) is moves
    database.dispose()


def longest_log(config: Config, commits: int) -> int:
    """How long the log becomes in so many commits while somebody always reads, in bytes."""
    database, log, longest = Database(config), Path(f"{file_of(config)}-wal"), 0
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            with database.reading() as connection:
                connection.execute(sa.text("SELECT count(*) FROM accounts")).scalar_one()
                done.wait(0.01)

    readers = [threading.Thread(target=read) for _ in range(4)]
    for place, reader in enumerate(readers):
        reader.start()
        done.wait(0.003 * place)
    try:
        for number in range(commits):
            with database.writing() as connection:
                open_account(connection, f"a{number}")
            longest = max(longest, log.stat().st_size)
    finally:
        done.set()
        for reader in readers:
            reader.join()
        database.dispose()
    return longest


@pytest.mark.parametrize("limit", [100, 10**9], ids=["it begins anew", "control"])
def test_the_log_begins_anew_though_somebody_always_reads(
    config: Config, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    """Only when nobody reads from it can it begin anew by itself."""
    monkeypatch.setattr(turnstile, "CHECKPOINT_COMMITS", 10)
    monkeypatch.setattr(turnstile, "LOG_PAGES", limit)
    longest = longest_log(config, 400)
    assert (longest > 400 * 4096) is (limit > 400)


def test_who_reads_for_long_is_waited_for_ever_more_seldom(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An audit reads one instant for minutes: no commit waits for its end, hardly any for long."""
    monkeypatch.setattr(turnstile, "CHECKPOINT_COMMITS", 1)
    monkeypatch.setattr(turnstile, "LOG_PAGES", 10)
    monkeypatch.setattr(turnstile, "LOG_WAIT_SECONDS", 0.01)
    tried, begin = [], turnstile.begin_log_anew

    def counted(path: Path) -> bool:
        tried.append(path)
        return begin(path)

    monkeypatch.setattr(turnstile, "begin_log_anew", counted)
    database, log = Database(config), Path(f"{file_of(config)}-wal")
    with database.reading() as connection:
        connection.execute(sa.text("SELECT count(*) FROM accounts")).scalar_one()
        for number in range(100):
            with database.writing() as writer:
                open_account(writer, f"a{number}")
    assert 2 <= len(tried) <= 8
    while_read = log.stat().st_size
    for number in range(100, 300):
        with database.writing() as writer:
            open_account(writer, f"a{number}")
    assert log.stat().st_size <= while_read + 20 * 4096
    database.dispose()

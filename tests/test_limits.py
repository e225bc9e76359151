"""portal/limits.py: what one may ask in a window that slides, and that all workers count as one."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from portal.limits import (
    PROBES,
    SECOND,
    Columns,
    Place,
    RateLimitedError,
    columns_at,
    find_limits,
    network_of,
)

NOW = 1_795_355_520_000_000
SECRET = b"a-secret-of-the-tests"
# A worker of its own: asks until it is refused, tells how often it was not, and lives or dies.
WORKER = """
import importlib.util, os, sys
from pathlib import Path
spec = importlib.util.spec_from_file_location("limits", "portal/limits.py")
room = importlib.util.module_from_spec(spec)
spec.loader.exec_module(room)  # without the rest of the portal, which takes longer to begin
limits = room.find_limits(Path(sys.argv[1]), b"a-secret-of-the-tests", {"key": (100, 60)})
count = 0
try:
    while count < int(sys.argv[2]):
        limits.count("key", "tts", int(sys.argv[3]))
        count += 1
except room.RateLimitedError:
    pass
print(count, flush=True)
os._exit(0)
"""


def asked(folder: Path, most: int, now: int = NOW) -> int:
    """How often another process was let in, of `most` times that it asked."""
    words = [sys.executable, "-c", WORKER, str(folder), str(most), str(now)]
    return int(subprocess.check_output(words, cwd=Path(__file__).parents[1]))


def refused(folder: Path, most: int, seconds: int, times: list[int]) -> list[int | None]:
    """For each instant the seconds to wait, or None where the request was let in."""
    limits = find_limits(folder, SECRET, {"key": (most, seconds)})
    assert limits is not None
    told: list[int | None] = []
    for now in times:
        try:
            limits.count("key", "tts", now)
            told.append(None)
        except RateLimitedError as error:
            told.append(error.retry_after)
    return told


def test_no_limit_costs_nothing(tmp_path: Path) -> None:
    assert find_limits(tmp_path / "x", SECRET, {"key": None, "account": None}) is None
    assert not (tmp_path / "x").exists()


def test_one_too_many_is_refused_with_the_numbers(tmp_path: Path) -> None:
    limits = find_limits(tmp_path, SECRET, {"key": (2, 60), "account": None})
    assert limits is not None
    for _ in range(2):
        limits.count("key", "tts", NOW)
    with pytest.raises(RateLimitedError) as told:
        limits.count("key", "tts", NOW)
    assert told.value.numbers() == {
        "limited": "key", "limit": 2, "window_seconds": 60, "retry_after": 60,
    }  # fmt: skip
    assert told.value.headers() == {
        "RateLimit-Policy": '"key";q=2;w=60',
        "RateLimit": '"key";r=0;t=60',
    }
    limits.count("key", "design", NOW)
    limits.count("account", "tts", NOW)
    limits.count("address", "tts", NOW)


def test_what_is_refused_is_not_counted(tmp_path: Path) -> None:
    again = NOW + 61 * SECOND
    assert refused(tmp_path, 1, 30, [NOW, *[NOW] * 50, again]) == [None, *[30] * 50, None]


@pytest.mark.parametrize("seed", range(20))
def test_whoever_waits_as_told_is_let_in_and_nobody_sooner(tmp_path: Path, seed: int) -> None:
    """Whatever came before; and within any window at most what the two that it touches allow."""
    chance = random.Random(seed)
    most, seconds = chance.randint(1, 40), chance.randint(1, 60)
    limits = find_limits(tmp_path, SECRET, {"key": (most, seconds)})
    assert limits is not None
    now, let_in = NOW, list[int]()
    for _ in range(300):
        now += chance.randrange(0, 2 * seconds * SECOND // most)
        try:
            limits.count("key", "tts", now)
            let_in.append(now)
        except RateLimitedError as error:
            sooner = now + (error.retry_after - 1) * SECOND
            if error.retry_after > 1:
                with pytest.raises(RateLimitedError):
                    limits.count("key", "tts", sooner)
            now += error.retry_after * SECOND
            limits.count("key", "tts", now)
            let_in.append(now)
    for window in {at // (seconds * SECOND) for at in let_in}:
        within = [at for at in let_in if at // (seconds * SECOND) == window]
        assert len(within) <= most


def test_many_names_are_told_apart(tmp_path: Path) -> None:
    limits = find_limits(tmp_path, SECRET, {"account": (3, 60)})
    assert limits is not None
    names = [f"account-{number}" for number in range(2_000)]
    for _ in range(3):
        for name in names:
            limits.count("account", name, NOW)
    for name in names:
        with pytest.raises(RateLimitedError):
            limits.count("account", name, NOW)


def test_names_that_meet_in_a_slot_are_counted_apart_until_it_is_full(tmp_path: Path) -> None:
    columns = Columns(tmp_path / "key")
    places = [Place(7, tag) for tag in range(1, PROBES + 1)]
    for times, place in enumerate(places, start=1):
        for _ in range(times):
            columns.add(place, 5)
    assert [columns.total(place, 5) for place in places] == [1, 2, 3, 4]
    assert columns.total(places[0], 6) == columns.total(places[0], 4) == 0
    assert columns.total(Place(7, 99), 5) == 4  # shares the last one: never too few
    columns.add(places[0], 7)
    assert columns.total(places[0], 7) == 1


def test_a_slot_is_free_again_in_the_next_window_but_one(tmp_path: Path) -> None:
    columns = Columns(tmp_path / "key")
    for tag in range(1, PROBES + 1):
        columns.add(Place(7, tag), 5)
    assert [columns.total(Place(7, tag), 7) for tag in range(1, PROBES + 1)] == [0] * PROBES
    columns.add(Place(7, 9), 7)
    assert columns.total(Place(7, 9), 7) == 1


def test_processes_count_as_one(tmp_path: Path) -> None:
    assert asked(tmp_path, 70) == 70
    assert refused(tmp_path, 100, 60, [NOW] * 20) == [None] * 20
    assert asked(tmp_path, 70) == 10
    assert refused(tmp_path, 100, 60, [NOW]) == [60]


def test_what_a_dead_worker_counted_stays_and_its_column_goes_to_another(tmp_path: Path) -> None:
    for _ in range(4):
        assert asked(tmp_path, 1) == 1
    assert asked(tmp_path, 200) == 96
    assert columns_at(tmp_path / "key-60")._cells[0] <= 2


def test_more_workers_than_columns_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def taken(*_: object) -> None:
        raise BlockingIOError

    monkeypatch.setattr("fcntl.lockf", taken)
    with pytest.raises(OSError, match="more than 64 workers"):
        Columns(tmp_path / "key")


def test_threads_of_one_worker_lose_no_count(tmp_path: Path) -> None:
    limits = find_limits(tmp_path, SECRET, {"key": (5_000, 60)})
    assert limits is not None

    def ask(_: int) -> bool:
        try:
            limits.count("key", "tts", NOW)
            return True
        except RateLimitedError:
            return False

    with ThreadPoolExecutor(16) as pool:
        assert sum(pool.map(ask, range(6_000))) == 5_000


def test_the_file_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    assert refused(tmp_path / "shared", 1, 60, [NOW]) == [None]
    assert os.stat(tmp_path / "shared").st_mode & 0o777 == 0o700
    assert os.stat(tmp_path / "shared" / "key-60").st_mode & 0o777 == 0o600


def test_names_are_forgotten_before_they_fill_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("portal.limits.KNOWN_MAX", 3)
    limits = find_limits(tmp_path, SECRET, {"key": (1, 60)})
    assert limits is not None
    for number in range(10):
        limits.count("key", f"k{number}", NOW)
    with pytest.raises(RateLimitedError):
        limits.count("key", "k0", NOW)


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("no:address", "no:address"),
        ("", ""),
    ],
)
def test_a_customer_with_many_addresses_is_one(address: str, network: str) -> None:
    assert network_of(address) == network


def test_without_a_shared_file_each_would_let_in_as_many(tmp_path: Path) -> None:
    """The control: what `test_processes_count_as_one` shows comes of the file."""
    assert [asked(tmp_path / name, 150) for name in ("one", "other")] == [100, 100]

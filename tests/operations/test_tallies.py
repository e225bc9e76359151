"""portal/operations/tallies.py: nothing is lost between threads, workers and restarts."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from portal.operations.passage import Passed
from portal.operations.tallies import SIZES, TIMES, Tallies, bucket, read, replace

ROOT = Path(__file__).resolve().parents[2]
# A worker of its own that notes requests, says so, and lives until it is killed or told to end.
WORKER = """
import sys, time
from pathlib import Path
from portal.operations.passage import Passed
from portal.operations.tallies import Tallies
tallies = Tallies(Path(sys.argv[1]), lambda method, path: path)
for _ in range(int(sys.argv[2])):
    tallies.note(Passed("POST", "/debits", "201", 5_000_000, None))
if sys.argv[3] == "counted":
    tallies.count()
print("ready", flush=True)
sys.stdin.read()
"""


def passed(path: str = "/debits", status: str = "201", code: str | None = None) -> Passed:
    return Passed("POST", path, status, 3_000_000, code)


def tallies_in(folder: Path) -> Tallies:
    return Tallies(folder, lambda method, path: path)


def worker(folder: Path, count: int, counted: str = "counted") -> subprocess.Popen[str]:
    words = [sys.executable, "-c", WORKER, str(folder), str(count), counted]
    begun = subprocess.Popen(
        words, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert begun.stdout is not None
    assert begun.stdout.readline() == "ready\n"
    return begun


def test_what_was_noted_is_counted_by_its_labels(tmp_path: Path) -> None:
    tallies = tallies_in(tmp_path)
    tallies.note(passed())
    tallies.note(passed())
    tallies.note(passed(status="402", code="insufficient_credits"))
    answered = {(201, None): 97, (402, "insufficient_credits"): 3}
    tallies.note(Passed("POST", "/batch", "201", 3_000_000, None, answered))
    tallies.note(Passed("BREW", "/debits", "405", 10**12, None))
    tallies.note_group(17)
    assert tallies.all() == {
        "requests POST /debits 201": 2,
        "requests POST /debits 402": 1,
        "requests other /debits 405": 1,
        "requests POST /batch 201": 1,
        "refusals insufficient_credits": 4,
        "batch_commands 201": 97,
        "batch_commands 402": 3,
        "seconds_sum /batch": 3_000_000,
        "seconds /batch 2": 1,
        "seconds /debits 2": 3,
        f"seconds /debits {len(TIMES)}": 1,
        "seconds_sum /debits": 10**12 + 9_000_000,
        "groups 5": 1,
        "groups_sum": 17,
    }
    assert tallies.all() == tallies.all(), "asking changes nothing"


@pytest.mark.parametrize(
    ("size", "number"), [(1, 0), (2, 1), (3, 2), (1024, len(SIZES) - 1), (1025, len(SIZES))]
)
def test_a_bucket_holds_what_is_not_above_its_bound(size: int, number: int) -> None:
    assert bucket(SIZES, size) == number


def test_threads_lose_no_count(tmp_path: Path) -> None:
    tallies = tallies_in(tmp_path)
    stop = threading.Event()

    def keep_asking() -> None:
        while not stop.is_set():
            tallies.all()

    asking = threading.Thread(target=keep_asking)
    asking.start()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: tallies.note(passed()), range(8_000)))
    stop.set()
    asking.join()
    assert tallies.all()["requests POST /debits 201"] == 8_000


def test_workers_are_counted_together_and_the_dead_stay_counted(tmp_path: Path) -> None:
    tallies = tallies_in(tmp_path)
    tallies.note(passed())
    living, dying = worker(tmp_path, 10), worker(tmp_path, 100)
    key = "requests POST /debits 201"
    assert tallies.all()[key] == 111
    dying.send_signal(signal.SIGKILL)
    dying.communicate()
    for _ in range(3):
        assert tallies.all()[key] == 111
    assert len(list((tmp_path / "counts").glob("*-*.json"))) == 2
    assert read(tmp_path / "counts" / "past.json")[key] == 100
    living.communicate()
    assert tallies_in(tmp_path).all()[key] == 111, "and after a restart"


def test_a_worker_that_ends_tells_what_it_had_not_counted_yet(tmp_path: Path) -> None:
    worker(tmp_path, 7, "noted").communicate()
    assert tallies_in(tmp_path).all()["requests POST /debits 201"] == 7


def test_it_counts_by_itself_and_a_full_disk_does_not_end_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told, failed = threading.Event(), threading.Event()

    def full(path: Path, counts: Counter[str]) -> None:
        if not failed.is_set():
            failed.set()
            raise OSError(28, "No space left on device")
        replace(path, counts)
        told.set()

    monkeypatch.setattr("portal.operations.tallies.EVERY", 0.02)
    monkeypatch.setattr("portal.operations.tallies.replace", full)
    tallies = tallies_in(tmp_path)
    tallies.note(passed())
    assert failed.wait(10)
    tallies.note(passed())
    assert told.wait(10)
    (own,) = (tmp_path / "counts").glob("*-*.json")
    assert read(own)["requests POST /debits 201"] == 2


def test_a_file_that_cannot_be_read_is_none(tmp_path: Path) -> None:
    (tmp_path / "x").write_text('{"requests": ')
    assert read(tmp_path / "x") == read(tmp_path / "nowhere") == {}


def test_the_files_are_readable_by_their_owner_alone(tmp_path: Path) -> None:
    tallies_in(tmp_path / "shared").note(passed())
    assert os.stat(tmp_path / "shared" / "counts").st_mode & 0o777 == 0o700

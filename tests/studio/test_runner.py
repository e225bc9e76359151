"""What a job asks of the portal, step by step, and what it does where the portal fails it."""

from typing import Any

import pytest

from portal.client import ArgumentError, Credits
from portal.client import Settings as Address
from portal.studio.jobs import Job
from portal.studio.runner import Runner
from portal.studio.settings import Settings
from portal.studio.shelf import Shelf
from tests.client.portals import (
    ENTRY,
    KID,
    POSTED,
    SECRET,
    Scripted,
    Step,
    hangs_up,
    held,
    refuses,
    says,
)
from tests.studio.conftest import ONCE, WISH

QUOTE: dict[str, Any] = {
    "id": "qte_1", "account": "acme", "operation": "generate", "quantity": 10, "credits": 100,
    "tariff": "2026-01", "expires_at": "2026-11-22T14:07:00.000000Z", "draws": [],
    "available_after": 0, "sufficient": True,
}  # fmt: skip
PRICED = says(201, {"quote": QUOTE})
HELD = says(201, held())
CAPTURED = says(201, POSTED | {"hold": held(status="captured", captured=100)["hold"]})
EMPTY = says(200, {"entries": [], "next": None})


def ran(shelf: Shelf, settings: Settings, *steps: Step, stage: str = "") -> tuple[Job, list[str]]:
    """A job that was run before a portal with these answers, and the paths it asked for."""
    job, _ = shelf.add(WISH)
    if stage:
        shelf.begin(job.id, "hld_1")
    with Scripted(list(steps)) as portal:
        runner = Runner(portal.credits(ONCE), shelf, settings)
        if stage:
            runner.repeat(shelf.get(job.id))
        else:
            runner.run(job, lambda: False)
        paths = [head.split(" ")[1].partition("?")[0] for head in portal.heads]
        keys = dict(zip(paths, portal.header("Idempotency-Key"), strict=True))
    assert keys.get("/internal/v1/holds", f'"{job.id}-hold"') == f'"{job.id}-hold"'
    return shelf.get(job.id), paths


def test_it_quotes_holds_works_and_captures(shelf: Shelf, settings: Settings) -> None:
    job, paths = ran(shelf, settings, PRICED, HELD, CAPTURED, EMPTY)
    assert paths == [
        "/internal/v1/quotes", "/internal/v1/holds", "/internal/v1/holds/hld_1/capture",
        "/internal/v1/accounts/acme/entries",
    ]  # fmt: skip
    assert (job.stage, job.said, job.quoted, job.hold) == ("finished", "It is done.", 100, "hld_1")
    assert len(shelf.kept(job.id)) == 4


@pytest.mark.parametrize(
    ("steps", "asked", "stage"),
    [
        ([refuses("unknown_operation", 422), EMPTY], 1, "refused"),
        ([PRICED, refuses("limit_reached", 403), EMPTY], 2, "refused"),
        # The hold may be there, or not. (A kept connection that was closed is tried once more.)
        ([PRICED, hangs_up, hangs_up, EMPTY], 3, "undecided"),
        ([PRICED, says(201, {}), EMPTY], 2, "undecided"),
    ],
)
def test_without_a_hold_nothing_is_begun(
    shelf: Shelf, settings: Settings, steps: list[Step], asked: int, stage: str
) -> None:
    job, paths = ran(shelf, settings, *steps)
    assert (job.stage, job.hold, len(paths)) == (stage, "", asked + 1)
    assert shelf.kept(job.id) == []


def test_why_the_portal_refused_is_said_in_its_words(shelf: Shelf, settings: Settings) -> None:
    job, _ = ran(shelf, settings, PRICED, refuses("limit_reached", 403), EMPTY)
    assert job.said == "The portal refused it: This is limit_reached. (limit_reached)"


def test_without_a_portal_nothing_is_begun(shelf: Shelf, settings: Settings) -> None:
    job, _ = shelf.add(WISH)
    with Credits(Address.of("http://127.0.0.1:1", KID, SECRET), patience=ONCE) as silent:
        Runner(silent, shelf, settings).run(job, lambda: False)
    job = shelf.get(job.id)
    assert (job.stage, job.note, shelf.kept(job.id)) == ("refused", "", [])
    assert "After 1 tries" in job.said


def test_what_was_never_sent_was_not_done(
    shelf: Shelf, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def odd(*_: object, **__: object) -> None:
        raise ArgumentError("quantity", "must be a whole number, not str")

    monkeypatch.setattr(Credits, "quote", odd)
    job, _ = ran(shelf, settings, EMPTY)
    assert (job.stage, job.hold) == ("refused", "")
    assert "quantity must be a whole number" in job.said


def test_a_capture_that_nobody_answered_stays_undecided(shelf: Shelf, settings: Settings) -> None:
    job, _ = ran(shelf, settings, PRICED, HELD, hangs_up, hangs_up, EMPTY)
    assert (job.stage, job.hold) == ("undecided", "hld_1")
    assert len(shelf.kept(job.id)) == 4


def test_a_capture_that_was_refused_is_told(shelf: Shelf, settings: Settings) -> None:
    expired = refuses("hold_expired", 409, ended_at="2026-11-22T14:07:00.000000Z")
    job, _ = ran(shelf, settings, PRICED, HELD, expired, EMPTY)
    assert job.stage == "undecided"
    assert "its price was not settled: hold_expired" in job.said


def test_a_release_that_nobody_answered_stays_undecided(shelf: Shelf, settings: Settings) -> None:
    job, _ = shelf.add(WISH._replace(ending="failed"))
    with Scripted([PRICED, HELD, hangs_up, hangs_up, EMPTY]) as portal:
        Runner(portal.credits(ONCE), shelf, settings).run(job, lambda: False)
    assert shelf.get(job.id).stage == "undecided"


def test_work_that_was_refused_by_the_studio_asks_for_nothing(
    shelf: Shelf, settings: Settings
) -> None:
    job, _ = shelf.add(WISH._replace(ending="refused"))
    with Scripted([EMPTY]) as portal:
        Runner(portal.credits(ONCE), shelf, settings).run(job, lambda: False)
        assert [head.split(" ")[0] for head in portal.heads] == ["GET"]
    assert shelf.get(job.id).note.startswith("The ledger has no entry for this job")


def test_a_replay_is_counted_and_a_refusal_is_not(shelf: Shelf, settings: Settings) -> None:
    again = says(201, held(), Idempotency_Replayed="true")
    job, _ = ran(shelf, settings, again, EMPTY, stage="working")
    assert job.replays == 1
    job, _ = ran(shelf, settings, refuses("in_progress", 409), EMPTY, stage="working")
    assert job.replays == 1


def test_a_job_that_holds_nothing_is_not_asked_for_again(shelf: Shelf, settings: Settings) -> None:
    """Nobody would work on what it set aside."""
    job, _ = shelf.add(WISH)
    shelf.end(job.id, "refused", "")
    with Scripted([EMPTY]) as portal:
        Runner(portal.credits(ONCE), shelf, settings).repeat(shelf.get(job.id))
        assert [head.split(" ")[0] for head in portal.heads] == ["GET"]


def test_a_note_that_cannot_be_written_leaves_the_last_one(
    shelf: Shelf, settings: Settings
) -> None:
    job, _ = shelf.add(WISH)
    shelf.note(job.id, "before")
    steps = [PRICED, HELD, CAPTURED, says(500, {"entry": ENTRY})]
    again, _ = ran(shelf, settings, *steps)
    assert (again.id, again.note, again.stage) == (job.id, "before", "finished")

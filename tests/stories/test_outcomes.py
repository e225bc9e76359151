"""The outcome table, a story a row: a form is sent to the studio, and this is the statement.

Every customer begins with 1,000 credits. The text has 100 characters and is spoken in four pieces.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest

from portal import pricing
from tests.client.portals import Real
from tests.ledger.stories import table
from tests.stories.conftest import told
from tests.stories.studios import Story, studio_for


def test_success(story: Story) -> None:
    """What was quoted."""
    page = story.tell("success")
    assert story.statement == table("""
        hold    placed       0  100  ->  1000  100
        capture completed -100 -100  ->   900    0
    """)
    assert page.note == "Set aside: 100 credits. Charged: 100 credits. This job costs 100 credits."
    assert (page.stage, page.pieces) == ("finished", 4)
    assert story.studio.ask("GET", f"{story.path}/pieces/3").text.startswith("RIFF")


def test_success_of_two_voices(story: Story) -> None:
    """The same of another operation: the price of a voice, twice."""
    page = story.tell("success", "clone")
    assert story.statement == table("""
        hold    placed        0  1000  ->  1000  1000
        capture completed -1000 -1000  ->     0     0
    """)
    assert page.pieces == 2


def test_refused(story: Story) -> None:
    """Refused before work: no hold at all."""
    page = story.tell("refused")
    assert story.statement == ""
    told = "The ledger has no entry for this job: nothing was set aside, nothing is charged."
    assert (page.stage, page.pieces, page.note) == ("refused", 0, told)


def test_refused_for_want_of_credits_and_paid_after_a_top_up(story: Story) -> None:
    """The portal refuses: nothing is begun. The same form goes through once there are credits."""
    form = story.wish("success", "clone", quantity="3")
    page = story.see(form)
    assert story.statement == ""
    said = page.part("said")
    assert said.startswith("The portal refused it: This needs 1500 credits")
    assert said.endswith(" (insufficient_credits)")
    story.credits.grant(story.account, 500, origin="purchase", reference=("payment", "pay-1"))
    page = story.see(form, until="finished")
    assert story.statement == table("""
        grant   purchase    500     0  ->  1500     0
        hold    placed        0  1500  ->  1500  1500
        capture completed -1500 -1500  ->     0     0
    """)
    assert page.part("said") == "It is done."


def test_failed(story: Story) -> None:
    """Nothing delivered: released in full."""
    page = story.tell("failed")
    assert story.statement == table("""
        hold    placed  0  100  ->  1000  100
        release failed  0 -100  ->  1000    0
    """)
    assert page.pieces == 0
    assert page.note == (
        "Set aside: 100 credits. Back at T: 100 credits, as the job failed. "
        "This job costs 0 credits."
    )


def test_timed_out(story: Story) -> None:
    """Timed out with nothing delivered: released in full."""
    page = story.tell("timed_out")
    assert story.statement == table("""
        hold    placed    0  100  ->  1000  100
        release timed_out 0 -100  ->  1000    0
    """)
    assert (page.pieces, page.part("said")) == (0, "The work took too long and was given up.")


def test_partly_delivered(story: Story) -> None:
    """Two of four pieces are made and can be fetched: their part of the quote."""
    page = story.tell("partly_delivered")
    assert story.statement == table("""
        hold    placed    0  100  ->  1000  100
        capture partial -50 -100  ->   950    0
    """)
    assert page.note == (
        "Set aside: 100 credits. Charged: 50 credits. Back: 50 credits. This job costs 50 credits."
    )
    assert page.pieces == 2
    assert story.studio.ask("GET", f"{story.path}/pieces/1").status == 200
    assert story.studio.ask("GET", f"{story.path}/pieces/2").status == 404


def test_partly_delivered_is_rounded_up_once(story: Story) -> None:
    """Of 7 characters at half a credit, 4 are spoken: ceil(4 · 4 ÷ 7) = 3."""
    story.tell("partly_delivered", "generate.fast", text="Grüezi!")
    assert story.statement == table("""
        hold    placed   0  4  ->  1000  4
        capture partial -3 -4  ->   997  0
    """)


def test_partly_lost(story: Story) -> None:
    """Half of it was made and cannot be had: nothing."""
    page = story.tell("partly_lost")
    assert story.statement == table("""
        hold    placed  0  100  ->  1000  100
        release failed  0 -100  ->  1000    0
    """)
    assert page.pieces == 0
    assert story.studio.ask("GET", f"{story.path}/pieces/0").status == 404


def test_cancelled_before_start(story: Story) -> None:
    """Nothing was begun: nothing."""
    page = story.tell("cancelled_before_start")
    assert story.statement == table("""
        hold    placed    0  100  ->  1000  100
        release cancelled 0 -100  ->  1000    0
    """)
    assert page.part("said") == "Cancelled with 0 of 4 pieces made."


def test_cancelled_after_start(story: Story) -> None:
    """The delivered part."""
    page = story.tell("cancelled_after_start")
    assert story.statement == table("""
        hold    placed    0  100  ->  1000  100
        capture partial -50 -100  ->   950    0
    """)
    assert (page.part("said"), page.pieces) == ("Cancelled with 2 of 4 pieces made.", 2)


def test_client_went_away(story: Story) -> None:
    """The connection is gone before an answer: the job completes, and its form finds it again."""
    form = story.wish("client_went_away")
    body = urlencode({"token": story.studio.token, **form})
    with socket.create_connection(story.studio.address) as plug:
        head = (
            f"POST /jobs HTTP/1.1\r\nHost: {story.studio.authority}\r\n"
            f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n"
        )
        plug.sendall(f"{head}\r\n{body}".encode())
    story.await_charge()
    page = story.see(form)
    assert story.statement == table("""
        hold    placed       0  100  ->  1000  100
        capture completed -100 -100  ->   900    0
    """)
    assert page.pieces == 4


def test_unknown_and_well_after_all(story: Story) -> None:
    """Nobody knows how it ended: set aside, not charged, until there is a verdict."""
    page = story.tell("unknown")
    assert story.statement == table("hold placed 0 100 -> 1000 100")
    assert page.note == "Set aside: 100 credits. Not charged yet: they stay set aside until T."
    assert (page.stage, page.pieces) == ("undecided", 0)
    story.studio.post(f"{story.path}/verdict", verdict="good")
    page = story.at_its_end()
    assert story.statement == table("""
        hold    placed       0  100  ->  1000  100
        capture completed -100 -100  ->   900    0
    """)
    assert (page.stage, page.pieces) == ("finished", 4)


def test_unknown_and_come_to_nothing(story: Story) -> None:
    """The other verdict."""
    story.tell("unknown")
    story.studio.post(f"{story.path}/verdict", verdict="bad")
    page = story.at_its_end()
    assert story.statement == table("""
        hold    placed 0  100  ->  1000  100
        release failed 0 -100  ->  1000    0
    """)
    assert (page.stage, page.pieces) == ("finished", 0)


def test_moderated(story: Story) -> None:
    """All of it was made, and none of it is handed out: nothing."""
    page = story.tell("moderated")
    assert story.statement == table("""
        hold    placed    0  100  ->  1000  100
        release moderated 0 -100  ->  1000    0
    """)
    assert page.pieces == 0
    assert "as the result was blocked by moderation" in page.note


def test_submitted_again(story: Story) -> None:
    """The form is sent again, and once more: one job, one charge; the portal replays."""
    form = story.wish("submitted_again")
    story.see(form, replays=1)
    first = story.path
    page = story.see(form, replays=2)
    assert (story.path, page.pieces) == (first, 4)
    assert story.statement == table("""
        hold    placed       0  100  ->  1000  100
        capture completed -100 -100  ->   900    0
    """)
    assert page.note == "Set aside: 100 credits. Charged: 100 credits. This job costs 100 credits."


def test_a_faulty_result_is_refunded(story: Story) -> None:
    """Charged, and given back when it turned out to be faulty; twice is once."""
    story.tell("success")
    for _ in range(2):
        assert story.studio.post(f"{story.path}/refund").status == 303
    page = story.at_its_end()
    assert story.statement == table("""
        hold    placed       0  100  ->  1000  100
        capture completed -100 -100  ->   900    0
        refund  failed     100    0  ->  1000    0
    """)
    assert page.note.endswith("Refunded: 100 credits. This job costs 0 credits.")


@pytest.fixture
def frail(portal: Real, tmp_path: Path) -> Iterator[Story]:
    """A story before a studio of its own, whose holds live for two seconds."""
    with studio_for(portal, tmp_path, STUDIO_HOLD_SECONDS="2") as studio:
        yield from told(portal, studio)


def test_worker_killed(frail: Story) -> None:
    """The process is killed half-way. Its hold runs out; the next worker says what became of it."""
    page = frail.tell("worker_killed")
    assert frail.statement == table("hold placed 0 100 -> 1000 100")
    assert (page.stage, page.pieces) == ("worker lost", 0)
    page = frail.await_note("This job costs 0 credits.")
    assert page.note == (
        "Set aside: 100 credits. Back at T: 100 credits, as the time of the hold was up. "
        "This job costs 0 credits."
    )
    frail.tell("failed")  # whoever touches the account next writes what fell due
    assert frail.statement == table("""
        hold    placed  0  100  ->  1000  100
        release expired 0 -100  ->  1000    0
        hold    placed  0  100  ->  1000  100
        release failed  0 -100  ->  1000    0
    """)


def test_every_row_has_its_story() -> None:
    stories = [name.removeprefix("test_") for name in globals() if name.startswith("test_")]
    assert [
        row.name for row in pricing.OUTCOMES if not any(s.startswith(row.name) for s in stories)
    ] == []

"""The ledger is asked for the job's entries, and for its hold where they leave it open."""

from portal.studio.shelf import Shelf
from portal.studio.telling import tell
from tests.client.portals import ENTRY, HOLD, Scripted, says
from tests.studio.conftest import WISH

PLACED = ENTRY | {"kind": "hold", "amount": 0, "hold_amount": 100, "hold": "hld_1"}
TAKEN = ENTRY | {"kind": "capture", "amount": -100, "hold_amount": -100, "hold": "hld_1", "seq": 3}


def test_entries_that_close_the_hold_are_enough(shelf: Shelf) -> None:
    job = shelf.add(WISH)[0]
    with Scripted([says(200, {"entries": [TAKEN, PLACED], "next": None})]) as portal:
        told = tell(portal.credits(), job)
        assert len(portal.heads) == 1
    assert [entry.kind for entry in told.entries] == ["hold", "capture"]
    assert told.note.endswith("This job costs 100 credits.")
    assert told.is_settled


def test_an_open_hold_is_asked_for_although_nobody_here_knows_its_id(shelf: Shelf) -> None:
    job = shelf.add(WISH)[0]
    steps = [says(200, {"entries": [PLACED], "next": None}), says(200, {"hold": HOLD})]
    with Scripted(steps) as portal:
        told = tell(portal.credits(), job)
        assert " /internal/v1/holds/hld_1 " in portal.heads[1]
    assert told.note.endswith("they stay set aside until 14:07:00 UTC.")
    assert not told.is_settled


def test_what_ran_out_may_still_be_captured_late(shelf: Shelf) -> None:
    gone = PLACED | {"kind": "release", "reason": "expired", "hold_amount": -100}
    with Scripted([says(200, {"entries": [gone, PLACED], "next": None})]) as portal:
        assert not tell(portal.credits(), shelf.add(WISH)[0]).is_settled
    with Scripted([says(200, {"entries": [], "next": None})]) as portal:
        assert not tell(portal.credits(), shelf.add(WISH)[0]).is_settled

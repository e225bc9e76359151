"""Answers as values."""

import pytest

from portal.client.answers import Draw, Entry, Hold, Reference, read, read_posted
from portal.client.errors import GarbledAnswerError
from tests.client.portals import ENTRY, HELD, HOLD, POSTED


def test_members_are_values_and_those_of_tomorrow_are_let_pass() -> None:
    entry = read(Entry, ENTRY)
    assert entry.reference == Reference("task", "job-1")
    assert entry.draws == (Draw("grt_1", -12),)
    assert entry.recorded_at == 1_795_355_520_250_000
    assert entry.hold is None


def test_a_command_has_a_hold_or_not() -> None:
    assert read_posted(POSTED, "the-key", False).hold is None
    posted = read_posted(HELD, "the-key", True)
    assert posted.hold == read(Hold, HOLD)
    assert (posted.key, posted.replayed) == ("the-key", True)


@pytest.mark.parametrize(
    "members",
    [
        None,
        [],
        "entry",
        {},
        {**ENTRY, "recorded_at": "soon"},
        {**ENTRY, "recorded_at": 7},
        {**ENTRY, "draws": 7},
        {**ENTRY, "reference": "job-1"},
        {name: value for name, value in ENTRY.items() if name != "seq"},
    ],
    ids=str,
)
def test_what_is_no_answer_is_told(members: object) -> None:
    with pytest.raises(GarbledAnswerError):
        read(Entry, members)

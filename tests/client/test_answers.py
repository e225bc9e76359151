"""Answers as values."""

import pytest

from portal.client.answers import (
    Draw,
    Entry,
    Hold,
    Posted,
    Reference,
    read,
    read_posted,
    read_results,
)
from portal.client.errors import GarbledAnswerError, InsufficientCreditsError
from tests.client.portals import ENTRY, HELD, HOLD, POSTED, problem


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


def test_a_batch_has_a_result_for_each_key() -> None:
    refused = problem("insufficient_credits", 402, shortfall=7)
    results = [
        {"status": 201, "body": POSTED, "replayed": True},
        {"status": 402, "body": refused, "replayed": False},
    ]
    posted, error = read_results({"results": results}, ["first", "second"])
    assert isinstance(posted, Posted)
    assert (posted.key, posted.replayed) == ("first", True)
    assert isinstance(error, InsufficientCreditsError)
    assert (error.key, error.shortfall) == ("second", 7)


@pytest.mark.parametrize(
    "results",
    [None, [], [7], [{"status": 201}], [{"status": "x", "body": {}, "replayed": True}],
     [{"status": 402, "body": 7, "replayed": True}], [{"status": 201, "body": {}, "replayed": 1}]],
    ids=str,
)  # fmt: skip
def test_what_is_no_batch_of_results_is_told(results: object) -> None:
    with pytest.raises(GarbledAnswerError):
        read_results({"results": results}, ["the-only-key"])


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

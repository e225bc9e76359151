"""The history's filters: read from an address, written back into it, handed to the ledger."""

from datetime import date
from zoneinfo import ZoneInfo

import pytest
from werkzeug.datastructures import MultiDict

from portal import ledger
from portal.web.filters import TYPES, UTC, Asked
from portal.web.formats import iso

BERLIN = ZoneInfo("Europe/Berlin")


def read(**words: str) -> Asked:
    return Asked.read(MultiDict({name.rstrip("_"): word for name, word in words.items()}))


def test_an_address_without_filters_asks_for_everything() -> None:
    asked = read()
    assert (asked, asked.query(), asked.narrows) == (Asked(), {}, False)
    assert asked.filter(BERLIN) == ledger.Filter()
    assert asked.range_title == "All time"


def test_what_is_read_is_written_back() -> None:
    words = {
        "type": "charge", "operation": "generate", "reference": "job-1",
        "from": "2026-11-01", "to": "2026-11-22",
    }  # fmt: skip
    asked = Asked.read(MultiDict(words))
    assert asked.query() == words
    assert asked.query("type", "to") == {
        "operation": "generate", "reference": "job-1", "from": "2026-11-01"
    }  # fmt: skip
    assert asked.narrows


def test_dates_are_whole_days_of_the_zone_with_the_last_one_included() -> None:
    asked = read(from_="2026-11-01", to="2026-11-22").filter(BERLIN)
    assert asked.since is not None
    assert asked.until is not None
    assert iso(asked.since) == "2026-10-31T23:00:00.000000Z"
    assert iso(asked.until) == "2026-11-22T23:00:00.000000Z"


@pytest.mark.parametrize(
    "words",
    [
        {"type": "nonsense"}, {"from": "yesterday"}, {"to": "2026-13-01"}, {"from": "0001-01-01"},
        {"to": "9999-12-31"}, {"reference": "  "}, {"operation": "\x00"}, {"type": ""},
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_left_out(words: dict[str, str]) -> None:
    assert Asked.read(MultiDict(words)) == Asked()


def test_a_reference_is_cut_to_a_length_no_job_has() -> None:
    assert read(reference="x" * 5000).reference == "x" * 200


def test_types_stand_for_kinds_the_ledger_has() -> None:
    assert {kind for kinds, _ in TYPES.values() for kind in kinds} == set(ledger.KINDS)
    assert read(type="charge").filter(BERLIN).kinds == ("debit", "capture")
    assert read(type="refusal").refusals_only
    assert not read(type="debit").refusals_only


@pytest.mark.parametrize(
    ("since", "until", "title"),
    [
        (date(2026, 11, 1), None, "Since 1 Nov 2026"),
        (None, date(2026, 11, 22), "Up to 22 Nov 2026"),
        (date(2026, 11, 22), date(2026, 11, 22), "22 Nov 2026"),
        (date(2026, 11, 1), date(2026, 11, 22), "1 Nov 2026 – 22 Nov 2026"),
    ],
)
def test_dates_are_said_in_words(since: date | None, until: date | None, title: str) -> None:
    assert Asked(since=since, until=until).range_title == title


def test_dates_the_wrong_way_round_are_a_fault_that_names_both() -> None:
    asked = read(from_="2026-11-22", to="2026-11-01")
    assert asked.fault == "From 22 Nov 2026 to 1 Nov 2026: the first day is after the last."
    assert asked.query() == {"from": "2026-11-22", "to": "2026-11-01"}
    for words in ({}, {"from_": "2026-11-22"}, {"to": "2026-11-22"},
                  {"from_": "2026-11-22", "to": "2026-11-22"}):  # fmt: skip
        assert read(**words).fault == ""


def test_days_may_be_those_of_usage_which_are_in_utc() -> None:
    asked = read(from_="2026-11-01", to="2026-11-02", days="utc")
    assert asked.query()["days"] == "utc"
    assert asked.filter(BERLIN) == read(from_="2026-11-01", to="2026-11-02").filter(UTC)
    assert asked.range_title == "1 Nov 2026 – 2 Nov 2026, whole days in UTC"
    assert read(days="utc").query() == {}
    assert read(from_="2026-11-01", days="local").query() == {"from": "2026-11-01"}

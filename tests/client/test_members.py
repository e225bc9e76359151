"""What a caller says, as members of a request."""

import time

import pytest

from portal.client import members
from portal.client.answers import Reference
from portal.client.errors import ArgumentError
from portal.client.members import KEY


def test_a_bare_id_is_that_of_a_task() -> None:
    assert members.referred("job-1") == {"type": "task", "id": "job-1"}
    assert members.referred(("payment", "p")) == {"type": "payment", "id": "p"}
    assert members.referred(Reference("ticket", "t")) == {"type": "ticket", "id": "t"}


def test_a_text_is_counted_and_a_quantity_is_taken() -> None:
    assert members.units(None, "e\u0301\r\n") == 2
    assert members.units(0, None) == 0
    assert members.units(None, "") == 0
    for wrong in ((None, None), (1, "a")):
        with pytest.raises(ArgumentError, match="quantity or a text is needed"):
            members.units(*wrong)


def test_made_keys_are_good_and_never_the_same() -> None:
    keys = {members.checked_key(members.new_key()) for _ in range(1_000)}
    assert len(keys) == 1_000
    assert members.own_key("a-key-of-my-own-1") == "a-key-of-my-own-1"
    assert KEY.fullmatch(members.own_key(None))


def test_keys_made_later_sort_later() -> None:
    early = members.new_key()
    time.sleep(0.002)
    assert early < members.new_key()


@pytest.mark.parametrize(
    "key", ["", "short", "a" * 129, "with a blank in it", "newline-at-end--\n"]
)
def test_other_keys_are_refused(key: str) -> None:
    with pytest.raises(ArgumentError, match="key must be 16 to 128"):
        members.checked_key(key)


@pytest.mark.parametrize("name", ["", "a/b", "a?b", "é", "a b", "a" * 129, "a\n"])
def test_names_that_would_be_another_path_are_refused(name: str) -> None:
    with pytest.raises(ArgumentError, match="account must be 1 to 128"):
        members.named("account", name)
    assert members.named("hold", "hld_1.a:b~c-d") == "hld_1.a:b~c-d"


def test_members_that_are_none_are_left_out() -> None:
    assert (
        members.json_body({"a": None, "b": 0, "c": False, "d": "ü"})
        == '{"b":0,"c":false,"d":"ü"}'.encode()
    )


def test_times_are_microseconds_or_texts() -> None:
    assert members.timed("at", 1) == "1970-01-01T00:00:00.000001Z"
    assert members.timed("at", "2026-11-22T13:52:00Z") == "2026-11-22T13:52:00Z"
    assert members.timed("at", None) is None

"""What is written flat is, byte for byte, what is built member by member and then written."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.internal.flat import flat_entry, flat_hold, flat_posted
from portal.internal.replies import entry_reply, hold_reply, posted_reply
from portal.internal.strict_json import canonical, write
from portal.ledger import KINDS, Draw, Entry, Hold, Posted
from tests.internal.test_replies import ACCOUNT, ENTRY

TEXTS = st.text(max_size=12) | st.text('"\\/\x00\x1f\x7fé😀\ud800', max_size=6)
NUMBERS = st.integers(-(2**63), 2**63 - 1)
TIMES = st.integers(0, 250_000_000_000_000_000)
SCALARS = TEXTS | NUMBERS | st.booleans() | st.none()
KEPT = st.none() | st.dictionaries(TEXTS, SCALARS, max_size=3).map(canonical)
OF_ENTRY: dict[str, Any] = {
    "kind": st.sampled_from(KINDS),
    "reference_type": st.none() | TEXTS,
    "reference_id": st.none() | TEXTS,
    "operation": st.none() | TEXTS,
    "quantity": st.none() | NUMBERS,
    "tariff": st.none() | TEXTS,
    "hold_id": st.none() | TEXTS,
    "reverses_id": st.none() | TEXTS,
    "labels": KEPT,
    "metadata": KEPT,
    "occurred_at": TIMES,
    "recorded_at": TIMES,
    "hash": st.binary(min_size=32, max_size=32),
}


def drawn(row: type[Any], **known: Any) -> st.SearchStrategy[Any]:
    """Rows of any values that their types allow, beyond what the ledger would ever keep."""
    kinds = {"int": NUMBERS, "str": TEXTS, int: NUMBERS, str: TEXTS}
    any_of = {name: kinds.get(kind, st.none()) for name, kind in row.__annotations__.items()}
    return st.builds(row, **(any_of | known))


ENTRIES = drawn(Entry, **OF_ENTRY)
DRAWS = st.lists(drawn(Draw, grant_id=st.none() | TEXTS), max_size=3)
HOLDS = drawn(Hold, expires_at=TIMES, created_at=TIMES)
POSTED = st.builds(Posted, st.just(ACCOUNT), ENTRIES, DRAWS.map(tuple), st.none() | HOLDS)


@given(POSTED)
def test_what_a_command_did_is_written_as_it_is_built(outcome: Posted) -> None:
    assert flat_posted(outcome) == write(posted_reply(outcome))


@given(ENTRIES, DRAWS)
def test_an_entry_is_written_as_it_is_built(entry: Entry, draws: list[Draw]) -> None:
    assert flat_entry(entry, draws) == write(entry_reply(entry, draws))


@given(HOLDS)
def test_a_hold_is_written_as_it_is_built(hold: Hold) -> None:
    assert flat_hold(hold) == write(hold_reply(hold))


def test_what_was_kept_with_other_blanks_and_signs_is_written_as_the_door_writes() -> None:
    entry = ENTRY._replace(labels='{ "b": "\\u00e9", "a": "x" }', metadata="{}")
    assert '"labels":{"b":"é","a":"x"},"metadata":{}' in flat_entry(entry, ())
    assert flat_entry(entry, ()) == write(entry_reply(entry, ()))


def test_a_command_that_only_changed_terms_has_nothing_to_write() -> None:
    with pytest.raises(ValueError, match="always has an entry"):
        flat_posted(Posted(ACCOUNT))

"""portal/database/literals.py: values as text, proved by the server that reads them back."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from portal.database import Database
from portal.database.literals import NulError, literal
from portal.ledger import PIPELINE

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
WHOLE = st.integers(-(2**63), 2**63 - 1)
TYPES = (("text", TEXTS), ("bigint", WHOLE), ("bytea", st.binary()))


def read_back(connection: Connection, kind: str, value: Any) -> Any:
    """A value as the server understood it."""
    [[(found,)]] = connection.info[PIPELINE]([(f"SELECT $1::{kind}", [value])])
    return found


@pytest.mark.parametrize("dialect", ["postgresql"], indirect=True)
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_the_server_reads_back_what_was_written(database: Database, data: st.DataObject) -> None:
    kind, values = data.draw(st.sampled_from(TYPES))
    one = data.draw(st.one_of(st.none(), values))
    several = data.draw(
        st.lists(st.one_of(st.none(), values) if data.draw(st.booleans()) else values)
    )
    with database.reading() as connection:
        assert read_back(connection, kind, one) == one
        assert read_back(connection, f"{kind}[]", several) == several


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, None),
        ("é", "é".encode()),
        (-7, b"-7"),
        (b"\x00\xff", b"\\x00ff"),
        ([], b"{}"),
        (["a", 'say "x"', "b\\c", ""], b'{"a","say \\"x\\"","b\\\\c",""}'),
        ([1, None, -2], b"{1,NULL,-2}"),
        ([None, "NULL"], b'{NULL,"NULL"}'),
        ([b"\x01", None], b'{"\\\\x01",NULL}'),
        ([b"", b"\xab"], b'{"\\\\x","\\\\xab"}'),
    ],
)
def test_a_value_is_written(value: Any, text: bytes | None) -> None:
    assert literal(value) == text


@pytest.mark.parametrize("value", ["a\0b", ["a", "b\0c"], ["a\0b", None]])
def test_a_text_that_holds_nul_is_refused_and_not_cut_short(value: Any) -> None:
    with pytest.raises(NulError):
        literal(value)


@pytest.mark.parametrize("value", [True, 1.5, {"a": 1}, ("a",)])
def test_what_the_ledger_never_stores_is_refused(value: Any) -> None:
    with pytest.raises(TypeError):
        literal(value)

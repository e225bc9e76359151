"""Queries of what reads, as values."""

import pytest

from portal.internal.errors import MalformedRequestError, ValidationError
from portal.internal.queries import AsOf, BalanceQuery, EntriesQuery


def test_an_empty_query_is_the_newest_fifty() -> None:
    assert EntriesQuery.read(b"") == EntriesQuery(limit=50)
    assert BalanceQuery.read(b"") == BalanceQuery(as_of=None)


def test_every_parameter_is_read() -> None:
    query = (
        b"limit=200&before=17&kind=debit&kind=refund&operation=design&operation=generate"
        b"&reference=job%207&from=1970-01-01T00:00:01Z&to=1970-01-01T00%3A00%3A02Z"
    )
    assert EntriesQuery.read(query) == EntriesQuery(
        limit=200,
        before=17,
        kind=("debit", "refund"),
        operation=("design", "generate"),
        reference="job 7",
        since=1_000_000,
        until=2_000_000,
    )


def test_as_of_is_a_seq_or_a_time() -> None:
    assert BalanceQuery.read(b"as_of=17").as_of == AsOf(True, 17)
    assert BalanceQuery.read(b"as_of=1970-01-01T00:00:01Z").as_of == AsOf(False, 1_000_000)
    assert BalanceQuery.read(b"as_of=9223372036854775807").as_of == AsOf(True, 2**63 - 1)


@pytest.mark.parametrize(
    "query", [b"limit", b"&", b"=&", b"reference=%FF", b"limit=5&&", b"%", b"a"]
)
def test_what_is_no_query_is_malformed(query: bytes) -> None:
    with pytest.raises(MalformedRequestError):
        EntriesQuery.read(query)


def test_too_many_parameters_are_malformed() -> None:
    EntriesQuery.read(b"&".join([b"kind=debit"] * 40))
    with pytest.raises(MalformedRequestError):
        EntriesQuery.read(b"&".join([b"kind=debit"] * 41))


def test_every_fault_is_told() -> None:
    with pytest.raises(ValidationError) as refused:
        EntriesQuery.read(b"limit=0&limit=1&kind=usage&page=2&before=1.5&to=now&reference=")
    named = [fault.member for fault in refused.value.faults]
    assert named == ["limit", "limit", "kind", "page", "before", "to", "reference"]

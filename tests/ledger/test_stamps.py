"""portal/ledger/stamps.py: instants as people write them, to the microsecond."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from portal.ledger.stamps import day_of, instant_of

LAST = int(datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp()) * 1_000_000


def test_the_epoch_and_the_instant_before_midnight() -> None:
    assert instant_of(0) == "1970-01-01T00:00:00.000000Z"
    assert day_of(0) == "1970-01-01"
    midnight = int(datetime(2028, 3, 1, tzinfo=UTC).timestamp()) * 1_000_000
    assert day_of(midnight - 1) == "2028-02-29"
    assert instant_of(midnight - 1) == "2028-02-29T23:59:59.999999Z"
    assert day_of(midnight) == "2028-03-01"


@given(st.integers(0, LAST))
def test_what_is_written_reads_back(at: int) -> None:
    read = datetime.fromisoformat(instant_of(at)) - datetime(1970, 1, 1, tzinfo=UTC)
    assert (read.days * 86_400 + read.seconds) * 1_000_000 + read.microseconds == at
    assert instant_of(at).startswith(day_of(at))

"""Times on the wire: 2026-11-22T13:52:00.123456Z, and UTC microseconds since 1970 in code."""

from datetime import UTC, datetime, timedelta
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TICK: Final = timedelta(microseconds=1)


def read_time(text: str) -> int:
    """UTC microseconds of a time as the door writes it. Raises ValueError."""
    return (datetime.fromisoformat(text) - _EPOCH) // _TICK


def write_time(at: int) -> str:
    """A time as the door reads it. at: UTC microseconds."""
    return (_EPOCH + at * _TICK).isoformat(timespec="microseconds").replace("+00:00", "Z")

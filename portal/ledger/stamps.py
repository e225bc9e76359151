"""Instants as people write them: ISO days and times in UTC, from whole microseconds."""

from datetime import UTC, datetime, timedelta
from typing import Final

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def day_of(at: int) -> str:
    """The UTC day of an instant, such as `2026-11-01`."""
    return (EPOCH + timedelta(microseconds=at)).date().isoformat()


def instant_of(at: int) -> str:
    """An instant as RFC 3339 with microseconds, such as `2026-11-01T00:00:00.000000Z`."""
    moment = EPOCH + timedelta(microseconds=at)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond:06d}Z"

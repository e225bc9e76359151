"""Instants on the wire: RFC 3339 in UTC with microseconds; inside, they are int µs."""

import re
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1)
_MICROSECOND: Final = timedelta(microseconds=1)
PATTERN: Final = "^([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})(?:\\.([0-9]{1,6}))?Z$"
_FORM: Final = re.compile(PATTERN)


@lru_cache(maxsize=1024)
def write_time(at: int) -> str:
    """2026-11-22T13:52:00.123456Z; what is posted together has one time."""
    return (_EPOCH + timedelta(microseconds=at)).isoformat(timespec="microseconds") + "Z"


def find_time(text: str) -> int | None:
    """UTC µs of a time on the wire; None for any other form, year or zone."""
    found = _FORM.fullmatch(text)
    if found is None:
        return None
    try:
        seconds = datetime.fromisoformat(found[1])
    except ValueError:
        return None
    micros = int((found[2] or "").ljust(6, "0"))
    at = (seconds - _EPOCH) // _MICROSECOND + micros
    return at if at >= 0 else None

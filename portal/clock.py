"""The one place that asks what time it is. It refuses to know calendars and time zones."""

from __future__ import annotations

import time


def utc_now() -> int:
    """The time now, as whole microseconds since 1970-01-01 UTC (leap seconds not counted)."""
    return time.time_ns() // 1_000

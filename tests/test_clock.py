"""portal/clock.py: the time, in whole microseconds."""

from __future__ import annotations

import time

from portal.clock import utc_now


def test_it_gives_whole_microseconds_since_1970() -> None:
    before, now, after = time.time(), utc_now(), time.time()
    assert isinstance(now, int)
    assert before * 1e6 - 2 <= now <= after * 1e6 + 2

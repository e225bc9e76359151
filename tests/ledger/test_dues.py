"""portal/ledger/dues.py: the earliest of all that is still to fall due."""

from portal.ledger.dues import next_due
from portal.ledger.model import Entry, Grant

GRANT = Grant("grt_1", "ada", 1, "promotion", 10, 5, 0, 70, None, None, 5, 0)
HOLD = Entry._make([None] * len(Entry._fields))._replace(expires_at=60)


def test_with_nothing_else_the_period_ends_next() -> None:
    assert next_due(100, (), ()) == 100


def test_what_comes_before_the_periods_end_comes_first_whatever_the_order() -> None:
    later, sooner = GRANT._replace(expires_at=90), GRANT._replace(expires_at=80)
    for grants in ([later, sooner], [sooner, later]):
        assert next_due(100, grants, [HOLD._replace(expires_at=85)]) == 80
        assert next_due(100, grants, [HOLD, HOLD._replace(expires_at=61)]) == 60
        assert next_due(50, grants, [HOLD]) == 50


def test_of_a_grant_only_what_no_hold_keeps_falls_due() -> None:
    assert next_due(100, [GRANT._replace(pinned=4)], ()) == 70
    assert next_due(100, [GRANT._replace(pinned=5)], ()) == 100
    assert next_due(100, [GRANT._replace(expires_at=None)], ()) == 100


def test_what_says_no_end_never_falls_due() -> None:
    assert next_due(100, (), [HOLD._replace(expires_at=None)]) == 100

"""How long a client waits between its tries."""

import statistics

from portal.client.patience import Patience


def test_waits_are_drawn_from_all_of_a_growing_span() -> None:
    patience = Patience()
    for tried, most in ((1, 0.2), (2, 0.4), (3, 0.8), (7, 10.0), (8, 10.0), (10_000, 10.0)):
        drawn = [patience.wait(tried) for _ in range(4_000)]
        assert 0 <= min(drawn) < most * 0.05
        assert most * 0.95 < max(drawn) <= most
        assert abs(statistics.fmean(drawn) - most / 2) < most * 0.05


def test_what_the_portal_asks_to_wait_is_waited_at_least() -> None:
    drawn = [Patience().wait(1, 3.0) for _ in range(1_000)]
    assert min(drawn) >= 3.0
    assert max(drawn) <= 3.2
    assert len(set(drawn)) > 900  # they do not come back together


def test_patience_is_as_the_profile_of_the_door_says() -> None:
    assert (Patience().tries, Patience().first, Patience().longest) == (6, 0.1, 10.0)

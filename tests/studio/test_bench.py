"""Pieces are made one by one, and a job may be called off between any two."""

import pytest

from portal.client import Credits
from portal.client.answers import read_posted
from portal.client.holding import HeldCredits
from portal.studio.bench import Bench
from portal.studio.shelf import Shelf
from tests.client.portals import POSTED, Scripted, held, says
from tests.studio.conftest import WISH

TEXT = "a" * 40


def hold_of(credits: Credits) -> HeldCredits:
    placed = read_posted(held(amount=40, quantity=40), "key-0123456789abcdef", False)
    return HeldCredits(credits, placed, 60, False)


@pytest.mark.parametrize(("after", "made"), [(0, 0), (1, 1), (3, 3), (9, 4)])
def test_it_is_called_off_before_the_next_piece(shelf: Shelf, after: int, made: int) -> None:
    job, _ = shelf.add(WISH._replace(text=TEXT))
    with Scripted([says(201, POSTED | {"hold": held()["hold"]})]) as portal:
        hold = hold_of(portal.credits())
        bench = Bench(job, hold, shelf, 0.0, lambda: len(shelf.kept(job.id)) >= after)
        if made < 4:
            with pytest.raises(Exception, match=f"Cancelled with {made} of 4 pieces made"):
                bench.make()
        else:
            bench.make()
        assert portal.bodies == ([b'{"credits":%d}' % (10 * made)] if 0 < made < 4 else [])
    assert len(shelf.kept(job.id)) == made


def test_what_is_discarded_is_not_counted(shelf: Shelf) -> None:
    job, _ = shelf.add(WISH._replace(text=TEXT))
    with Scripted([says(500, {})]) as portal:
        bench = Bench(job, hold_of(portal.credits()), shelf, 0.0, lambda: False)
        bench.make()
        assert bench.units == 40
        bench.discard()
    assert (bench.units, shelf.kept(job.id)) == (0, [])

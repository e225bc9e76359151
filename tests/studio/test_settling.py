"""A verdict is asked for by a key of the job's own: whoever decides twice decides once."""

from portal.studio import settling
from portal.studio.jobs import Job
from portal.studio.shelf import Shelf
from tests.client.portals import ENTRY, POSTED, Scripted, says
from tests.studio.conftest import WISH


def held(shelf: Shelf) -> Job:
    """A job of ten characters in four pieces, quoted at 101 credits."""
    return shelf.add(WISH)[0]._replace(hold="hld_1", quoted=101)


def test_what_is_kept_is_taken_and_its_part_rounded_up(shelf: Shelf) -> None:
    """Three, three, three and one: of the first two pieces, ceil(101 · 6 ÷ 10) = 61."""
    job = held(shelf)
    with Scripted([says(201, POSTED)]) as portal:
        settling.take(portal.credits(), job, [0, 1, 2, 3])
        settling.take(portal.credits(), job, [0, 1])
        assert portal.bodies == [b'{"credits":101}', b'{"credits":61}']
        assert all("/holds/hld_1/capture " in head for head in portal.heads)
        assert portal.header("Idempotency-Key") == [f'"{job.id}-capture"'] * 2


def test_giving_back_has_one_key(shelf: Shelf) -> None:
    job = held(shelf)
    with Scripted([says(201, POSTED)]) as portal:
        for _ in range(2):
            settling.give_back(portal.credits(), job)
        assert all("/holds/hld_1/release " in head for head in portal.heads)
        assert portal.header("Idempotency-Key") == [f'"{job.id}-release"'] * 2


def test_a_refund_is_of_what_was_charged(shelf: Shelf) -> None:
    job = held(shelf)
    found = says(200, {"entries": [ENTRY | {"id": "ent_7"}], "next": None})
    with Scripted([found, says(201, POSTED)]) as portal:
        settling.refund(portal.credits(), job)
        assert f"kind=capture&kind=debit&reference={job.id}" in portal.heads[0]
        assert portal.bodies[1] == b'{"entry":"ent_7","reason":"failed"}'
        assert portal.header("Idempotency-Key")[1] == f'"{job.id}-refund"'

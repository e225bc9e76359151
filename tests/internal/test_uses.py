"""The last use of keys: to the minute, and without a write per request."""

import logging

import pytest

from portal.database import Database
from portal.internal.keys import issue_key
from portal.internal.uses import EVERY, Uses, last_uses, write_uses
from tests.internal.service import Service, digest_of


class Stopwatch:
    def __init__(self) -> None:
        self.now = 50.0

    def __call__(self) -> float:
        return self.now


def kids(database: Database) -> list[str]:
    with database.writing() as connection:
        return [issue_key(connection, service=name, scopes=["read"], now=1).kid for name in "ab"]


def test_a_use_is_written_once_a_minute_whatever_the_number(database: Database) -> None:
    first, second = kids(database)
    watch, writes = Stopwatch(), 0

    def run(work: object) -> None:
        nonlocal writes
        writes += 1
        database.run(work)  # type: ignore[arg-type]

    uses = Uses(run, watch)
    for at in range(1_000):
        assert uses.note(first, at) is None
    assert writes == 0
    watch.now += EVERY
    writer = uses.note(second, 7)
    assert writer is not None
    writer.join(10)
    assert writes == 1
    with database.reading() as connection:
        assert last_uses(connection) == {first: 999, second: 7}
    assert uses.note(first, 2_000) is None


def test_a_key_that_is_used_once_in_a_while_is_written_at_once(database: Database) -> None:
    first, second = kids(database)
    watch = Stopwatch()
    uses = Uses(database.run, watch)
    for kid, later in ((first, EVERY), (second, 1), (first, EVERY)):
        watch.now += later
        at = int(watch.now)
        writer = uses.note(kid, at)
        assert writer is not None
        writer.join(10)
        with database.reading() as connection:
            assert last_uses(connection)[kid] == at


def test_a_later_use_by_another_process_stays(database: Database) -> None:
    first, _ = kids(database)
    with database.writing() as connection:
        for at in (5, 9, 7):
            write_uses(connection, {first: at})
    with database.reading() as connection:
        assert last_uses(connection) == {first: 9}


def test_what_could_not_be_written_is_told_and_written_by_the_next(
    caplog: pytest.LogCaptureFixture,
) -> None:
    watch, tries = Stopwatch(), 0

    def fail(_: object) -> None:
        nonlocal tries
        tries += 1
        raise OSError("disk")

    uses = Uses(fail, watch)
    for _ in range(2):
        watch.now += EVERY
        with caplog.at_level(logging.WARNING):
            writer = uses.note("kid", 1)
        assert writer is not None
        writer.join(10)
    assert tries == 2
    assert "could not be written" in caplog.text


def test_requests_note_their_key_and_write_nothing_for_it(
    service: Service, vault: Database
) -> None:
    before = digest_of(vault)
    assert service.get("/accounts/acme").status_code == 200
    assert service.get("/accounts/acme", kid="nobody").status_code == 401
    assert digest_of(vault) == before
    uses = service.app.extensions["service_key_uses"]
    assert uses.used == {service.key.kid: service.clock.now}

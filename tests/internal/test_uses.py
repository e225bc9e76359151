"""The last use of keys: to the minute, and without a write per request."""

import logging
import threading

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


def written(writer: threading.Thread | None, database: Database) -> dict[str, int]:
    """What is stored once a writer is done."""
    assert writer is not None
    writer.join(10)
    with database.reading() as connection:
        return last_uses(connection)


def test_a_use_is_written_once_a_minute_whatever_the_number(database: Database) -> None:
    first, second = kids(database)
    watch, writes = Stopwatch(), 0

    def run(work: object) -> None:
        nonlocal writes
        writes += 1
        database.run(work)  # type: ignore[arg-type]

    uses = Uses(run, watch)
    assert written(uses.note(first, 3), database) == {first: 3}
    for at in range(1_000):
        assert uses.note(first, at) is None
    assert writes == 1
    watch.now += EVERY
    assert written(uses.note(second, 7), database) == {first: 999, second: 7}
    assert writes == 2
    assert uses.note(first, 2_000) is None


def test_the_first_use_after_a_start_is_written_at_once(database: Database) -> None:
    """Whoever issues a key and tries it finds in the list that it was used."""
    first, second = kids(database)
    uses = Uses(database.run, Stopwatch())
    assert written(uses.note(first, 5), database) == {first: 5}
    assert written(uses.note(second, 6), database) == {first: 5, second: 6}
    assert uses.note(first, 7) is None


def test_a_first_use_that_meets_a_writer_is_written_by_the_next(database: Database) -> None:
    first, second = kids(database)
    going_on, may_end = threading.Event(), threading.Event()

    def run(work: object) -> None:
        going_on.set()
        assert may_end.wait(10)
        database.run(work)  # type: ignore[arg-type]

    uses = Uses(run, Stopwatch())
    writer = uses.note(first, 5)
    assert going_on.wait(10)
    assert uses.note(second, 6) is None, "nobody waits for a writer"
    may_end.set()
    written(writer, database)
    assert written(uses.note(second, 8), database)[second] == 8


def test_a_key_that_is_used_once_in_a_while_is_written_at_once(database: Database) -> None:
    first, second = kids(database)
    watch = Stopwatch()
    uses = Uses(database.run, watch)
    for kid, later in ((first, EVERY), (second, 1), (first, EVERY)):
        watch.now += later
        at = int(watch.now)
        assert written(uses.note(kid, at), database)[kid] == at


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
    uses = service.app.extensions["service_key_uses"]
    before = digest_of(vault)
    assert service.get("/accounts/acme").status_code == 200
    assert service.get("/accounts/acme", kid="nobody").status_code == 401
    assert digest_of(vault) == before
    assert uses.used == {service.key.kid: service.clock.now}


def test_a_portal_that_just_started_writes_who_asks(service: Service, vault: Database) -> None:
    del service.app.extensions["service_key_uses"]
    assert service.get("/accounts/acme").status_code == 200
    for thread in threading.enumerate():
        if thread.name == "key-uses":
            thread.join(10)
    with vault.reading() as connection:
        assert last_uses(connection) == {service.key.kid: service.clock.now}

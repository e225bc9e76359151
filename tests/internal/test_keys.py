"""The ring of keys: read at most once a second, and a revoked key is out within one."""

import threading
from typing import Any

import pytest
from sqlalchemy.exc import DBAPIError

from portal import signing
from portal.database import Database, DatabaseError
from portal.internal.caps import service_key_days, service_key_operation_days
from portal.internal.keys import (
    STALE,
    Cap,
    KeyRing,
    ServiceKey,
    end_key,
    find_key,
    issue_key,
    list_keys,
    next_kid,
    revoke_key,
    service_key_caps,
    service_keys,
    succeed_key,
)
from portal.internal.nonces import spent_nonces
from portal.internal.uses import service_key_uses

MASTER = b"m" * 32


def key(kid: str = "tts-202611a", **changed: Any) -> ServiceKey:
    made = ServiceKey(kid, "tts", "hmac-sha256", "debit read", None, None, None, 0, None, None, 0)
    return made._replace(**changed)


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Store:
    def __init__(self, *keys: ServiceKey) -> None:
        self.keys = keys
        self.reads = 0

    def __call__(self) -> tuple[ServiceKey, ...]:
        self.reads += 1
        return self.keys


def test_it_finds_a_key_with_its_secret() -> None:
    found = KeyRing(Store(key(not_after=9)), MASTER, Clock()).find("tts-202611a")
    assert found is not None
    row, verifying = found
    assert row.service == "tts"
    secret = signing.derive_secret(MASTER, "tts-202611a").encode()
    assert verifying == signing.Key("hmac-sha256", secret, 0, 9, None)


def test_unknown_kids_cost_no_reading() -> None:
    store = Store(key())
    ring = KeyRing(store, MASTER, Clock())
    for number in range(1000):
        assert ring.find(f"nobody-{number}") is None
    assert store.reads == 1


def test_a_revoked_key_is_known_as_revoked_within_a_second() -> None:
    clock, store = Clock(), Store(key())
    ring = KeyRing(store, MASTER, clock)
    assert ring.find("tts-202611a") is not None
    store.keys = (key(revoked_at=7),)
    clock.now += STALE
    found = ring.find("tts-202611a")
    assert found is not None
    assert found[1].revoked_at == 7


def test_keys_are_read_once_however_many_ask() -> None:
    clock, store = Clock(), Store(key())
    ring = KeyRing(store, MASTER, clock)
    for _ in range(10):
        clock.now += 0.1
        ring.find("tts-202611a")
    assert store.reads == 2


def test_while_one_thread_reads_the_others_go_on_until_a_second_is_over() -> None:
    clock, store = Clock(), Store(key())
    reading, go_on = threading.Event(), threading.Event()

    def slowly() -> tuple[ServiceKey, ...]:
        if store.reads:
            reading.set()
            assert go_on.wait(10)
        return store()

    ring = KeyRing(slowly, MASTER, clock)
    ring.find("tts-202611a")
    clock.now += 0.6
    store.keys = ()
    reader = threading.Thread(target=ring.find, args=("tts-202611a",))
    reader.start()
    assert reading.wait(10)
    assert ring.find("tts-202611a") is not None  # not waiting: what is known is fresh enough
    clock.now += 0.5
    late: list[object] = []
    waiter = threading.Thread(target=lambda: late.append(ring.find("tts-202611a")))
    waiter.start()
    waiter.join(0.1)
    assert waiter.is_alive()  # over a second old: nobody goes on with it
    go_on.set()
    reader.join(10)
    waiter.join(10)
    assert late == [None]


def test_what_was_read_is_as_old_as_the_beginning_of_the_reading() -> None:
    clock, store = Clock(), Store(key())

    def slowly() -> tuple[ServiceKey, ...]:
        found = store()
        clock.now += 0.4  # revoked in the meantime, and not in what was found
        return found

    ring = KeyRing(slowly, MASTER, clock)
    ring.find("tts-202611a")
    clock.now += 0.2
    ring.find("tts-202611a")
    assert store.reads == 2


def test_a_database_that_fails_lets_nobody_in_on_old_keys() -> None:
    clock, store = Clock(), Store(key())
    broken: list[Exception] = []

    def load() -> tuple[ServiceKey, ...]:
        if broken:
            raise broken[0]
        return store()

    ring = KeyRing(load, MASTER, clock)
    ring.find("tts-202611a")
    broken.append(OSError("disk"))
    clock.now += STALE + 0.1
    with pytest.raises(OSError, match="disk"):
        ring.find("tts-202611a")
    broken.clear()
    assert ring.find("tts-202611a") is not None


def test_scopes_and_operations_are_whole_words() -> None:
    narrow = key(scopes="debit read", operations="generate design")
    assert narrow.allows("debit")
    assert not narrow.allows("deb")
    assert not narrow.allows("grant")
    assert narrow.prices("design")
    assert not narrow.prices("gen")
    assert key().prices("anything")


def test_a_cap_of_an_operation_limits_a_key() -> None:
    capped = key(caps=(Cap("design", 1, None), Cap("generate", None, 9)))
    assert capped.is_limited
    assert not key().is_limited
    assert capped.find_cap("generate") == Cap("generate", None, 9)
    assert capped.find_cap("clone") is None
    assert capped.find_cap(None) is None


@pytest.mark.parametrize(
    ("taken", "kid"),
    [
        ([], "tts-202611a"),
        (["tts-202611a"], "tts-202611b"),
        (["tts-202610a", "other-202611a"], "tts-202611a"),
        ([f"tts-202611{chr(97 + number)}" for number in range(26)], "tts-202611aa"),
        ([f"tts-202611{chr(97 + number)}" for number in range(26)] + ["tts-202611aa"],
         "tts-202611ab"),
    ],
)  # fmt: skip
def test_kids_of_a_month_follow_each_other(taken: list[str], kid: str) -> None:
    assert next_kid("tts", "2026-11-22T13:52:00.000000Z", taken) == kid


# --- the tables ----------------------------------------------------------------------------------


def test_the_migration_makes_the_tables_that_the_door_speaks_of(database: Database) -> None:
    with database.reading() as connection:
        for table in (
            service_keys, service_key_caps, service_key_days, service_key_operation_days,
            service_key_uses, spent_nonces,
        ):  # fmt: skip
            made = connection.exec_driver_sql(f"SELECT * FROM {table.name}").keys()
            assert list(made) == [column.name for column in table.columns]


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE service_keys SET scopes = 'grant'",
        "UPDATE service_keys SET not_after = NULL",
        "UPDATE service_keys SET not_after = 10",
        "UPDATE service_keys SET not_after = 10, revoked_at = 5",
        "UPDATE service_keys SET not_before = 0",
        "UPDATE service_key_caps SET max_units = 6",
        "UPDATE service_key_caps SET daily_units = NULL",
        "DELETE FROM service_key_caps",
        "INSERT INTO service_key_caps VALUES ('tts-197001a', 'design', NULL, NULL)",
        "INSERT INTO service_key_caps VALUES ('tts-197001a', 'generate', 9, 9)",
        "UPDATE service_keys SET max_units = NULL",
        "UPDATE service_keys SET service = 'other'",
        f"UPDATE service_keys SET public_key = '{'A' * 44}'",
        f"UPDATE service_keys SET public_key = '{'A' * 44}', revoked_at = 5",
        "INSERT INTO service_keys (kid, service, algorithm, scopes, not_before, created_at)"
        " VALUES ('x', 'x', 'ed25519', 'read', 0, 0)",
        "INSERT INTO service_keys (kid, service, algorithm, scopes, not_before, created_at,"
        " public_key) VALUES ('x', 'x', 'ed25519', 'read', 0, 0, 'A')",
        "INSERT INTO service_keys (kid, service, algorithm, scopes, not_before, created_at,"
        f" public_key) VALUES ('x', 'x', 'hmac-sha256', 'read', 0, 0, '{'A' * 44}')",
        "UPDATE service_keys SET scopes = 'grant', revoked_at = 5",
        "DELETE FROM service_keys",
        "INSERT INTO service_keys SELECT * FROM service_keys",
    ],
)
def test_a_key_s_terms_never_change_and_it_is_never_forgotten(
    database: Database, change: str
) -> None:
    made = database.run(
        lambda connection: issue_key(
            connection,
            service="tts",
            scopes=["read"],
            now=1,
            max_units=5,
            not_after=9,
            caps=[Cap("generate", 5, 7)],
        )
    )
    with pytest.raises((DBAPIError, DatabaseError)), database.writing() as connection:
        connection.exec_driver_sql(change)
    with database.reading() as connection:
        assert list_keys(connection) == (made,)


def test_a_key_may_end_sooner_than_was_said_but_never_later(database: Database) -> None:
    for until in (None, 90):
        with database.writing() as connection:
            kid = issue_key(connection, service="tts", scopes=["read"], now=1, not_after=until).kid
            assert end_key(connection, kid, 50)
            for later in (50, 60):
                assert not end_key(connection, kid, later)
            found = find_key(connection, kid)
            assert found is not None
            assert found.not_after == 50
            assert revoke_key(connection, kid, 40)
            assert not end_key(connection, kid, 30)
            assert find_key(connection, "nobody") is None


def test_a_successor_has_the_terms_of_the_key_and_both_are_good_for_a_while(
    database: Database,
) -> None:
    terms: dict[str, Any] = {"scopes": ["debit", "hold"], "operations": ["generate", "design"]}
    terms |= {
        "max_units": 5,
        "daily_units": 9,
        "caps": [Cap("design", None, 3), Cap("generate", 2, 8)],
    }
    with database.writing() as connection:
        first = issue_key(connection, service="tts", now=1, not_after=1_000, **terms)
        second = succeed_key(connection, first, now=100, not_after=5_000, overlap=50)
    assert second._replace(kid=first.kid, not_before=1, not_after=1_000, created_at=1) == first
    assert (second.kid, second.not_before, second.not_after) == ("tts-197001b", 100, 5_000)
    with database.reading() as connection:
        assert list_keys(connection) == (first._replace(not_after=150), second)
    with database.writing() as connection:  # one that ends sooner keeps its end
        third = succeed_key(connection, second._replace(not_after=5_000), now=4_990, overlap=50)
    assert third.not_after is None
    with database.reading() as connection:
        assert find_key(connection, second.kid) == second


def test_a_revoked_key_stays_revoked(database: Database) -> None:
    kid = database.run(
        lambda connection: issue_key(connection, service="tts", scopes=["read"], now=1)
    ).kid
    assert database.run(lambda connection: revoke_key(connection, kid, 7)) is True
    assert database.run(lambda connection: revoke_key(connection, kid, 8)) is False
    assert database.run(lambda connection: revoke_key(connection, "nobody", 8)) is False
    for at in ("NULL", "8"):
        with pytest.raises(DBAPIError), database.writing() as connection:
            connection.exec_driver_sql(f"UPDATE service_keys SET revoked_at = {at}")
    with database.reading() as connection:
        assert list_keys(connection)[0].revoked_at == 7

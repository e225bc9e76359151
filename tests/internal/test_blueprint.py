"""What answers when the door cannot: the database's failures are 503, never a 500."""

import json
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
from flask import Flask

from portal import create_app, current, ledger
from portal.config import Config
from portal.database import BusyError, Database, DatabaseError
from portal.internal import answers
from portal.internal.blueprint import is_storage
from tests.internal.service import ROOT, Answer, Clock, Service, debit_of, digest_of, new_key

SQLITE = pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)


def everything(service: Service) -> list[Callable[[], Answer]]:
    grant = {
        "account": "acme", "credits": 1, "origin": "goodwill",
        "reference": {"type": "ticket", "id": "t"},
    }  # fmt: skip
    return [
        lambda: service.debit(1),
        lambda: service.hold(1),
        lambda: service.get("/holds/hld_1"),
        lambda: service.post("/holds/hld_1/capture", {"credits": 0}),
        lambda: service.post("/holds/hld_1/release", {"reason": "failed"}),
        lambda: service.post("/holds/hld_1/extend", {"ttl_seconds": 1}),
        lambda: service.post("/refunds", {"entry": "ent_00000000", "reason": "failed"}),
        lambda: service.post("/grants", grant),
        lambda: service.post(
            "/quotes", {"account": "acme", "operation": "generate", "quantity": 1}
        ),
        lambda: service.put("/accounts/acme", {"name": "Acme", "tier": "pro"}),
        lambda: service.get("/accounts/acme"),
        lambda: service.get("/accounts/acme/balance"),
        lambda: service.get("/accounts/acme/balance", "as_of=1"),
        lambda: service.get("/accounts/acme/entries"),
        lambda: service.get(f"/requests/{new_key()}"),
    ]


def is_unavailable(answer: Answer) -> bool:
    assert answer.status_code == 503, answer.text
    assert answer.content_type == "application/problem+json"
    assert answer.headers["Retry-After"] == "1"
    return bool(answer.json["code"] == "storage_unavailable" and answer.json["retryable"])


@SQLITE
def test_without_its_database_every_request_is_a_503(
    service: Service, config: Config, tmp_path: Path, clock: Clock
) -> None:
    gone = replace(config, database_url=f"sqlite:///{tmp_path}/gone/portal.db")
    service.app = create_app(gone, clock=clock)
    service.client = service.app.test_client()
    for ask in everything(service):
        assert is_unavailable(ask())


def test_with_a_database_that_fails_after_the_keys_were_read_every_request_is_a_503(
    service: Service, app: Flask, vault: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = digest_of(vault)
    service.get("/accounts/acme")
    ring = app.extensions["service_keys"]
    monkeypatch.setattr(ring, "_read_at", float("inf"))  # the keys stay known
    failed = sa.exc.OperationalError("SELECT", {}, sqlite3.OperationalError("disk I/O error"))

    def fail(*_: object, **__: object) -> None:
        raise failed

    with monkeypatch.context() as broken:
        broken.setattr(Database, "reading", fail)
        broken.setattr(Database, "_turn", fail)
        for ask in everything(service):
            assert is_unavailable(ask())
    assert digest_of(vault) == before


@SQLITE
def test_a_database_that_is_kept_busy_is_a_409_to_try_again(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    members, key = debit_of(1), new_key()

    def busy(*_: object) -> None:
        raise BusyError("another writer")

    with monkeypatch.context() as kept:
        kept.setattr(Database, "run", busy)
        answer = service.post("/debits", members, key=key)
    assert (answer.status_code, answer.json["code"]) == (409, "in_progress")
    assert answer.json["retryable"] is True
    assert answer.headers["Retry-After"] == "1"
    assert service.post("/debits", members, key=key).status_code == 201


@SQLITE
def test_a_fault_of_the_door_tells_nothing(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise KeyError("the secret of secrets")

    monkeypatch.setattr(answers, "flat_posted", fail)
    members, key = debit_of(1), new_key()
    answer = service.post("/debits", members, key=key)
    assert (answer.status_code, answer.json["code"]) == (500, "internal_error")
    assert b"secret" not in answer.data
    assert answer.json["retryable"] is True
    assert answer.json["detail"] == (
        "The door failed, and whether this was done is not known: send it again with the same key,"
        " which never does it twice."
    )
    monkeypatch.undo()
    again = service.post("/debits", members, key=key)
    assert (again.status_code, again.headers["Idempotency-Replayed"]) == (201, "true")


@pytest.mark.parametrize(
    "error",
    [
        sqlite3.OperationalError("locked"),
        psycopg.OperationalError("gone"),
        psycopg.errors.LockNotAvailable("locked"),
        sa.exc.TimeoutError("pool"),
        DatabaseError("x"),
        BusyError("x"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_errors_of_databases_are_known_by_their_makers(error: Exception) -> None:
    assert is_storage(error)


@pytest.mark.parametrize(
    "error", [KeyError("x"), ValueError("x"), ledger.LawBrokenError(1, "acme", 7)]
)
def test_other_errors_are_not_the_database_s(error: Exception) -> None:
    assert not is_storage(error)


@SQLITE
def test_problems_are_one_line_of_json_each(service: Service) -> None:
    answer = service.post(f"/holds/{'x' * 60}/capture", {"credits": 1})
    assert "\n" not in answer.text
    assert json.loads(answer.text)["instance"] == f"{ROOT}/holds/{'x' * 60}/capture"


@SQLITE
def test_the_application_answering_is_the_one_asked(service: Service) -> None:
    with service.app.app_context():
        assert current.now() == service.clock.now
        assert current.config.authority == service.authority

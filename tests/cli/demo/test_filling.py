"""The demo is filled once, wholly or not at all, and never beside others' accounts."""

import json
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask

from portal import create_app, ledger, signing
from portal.cli import db
from portal.cli.demo.cast import CUSTOMERS, SERVICE
from portal.cli.demo.filling import ForeignAccountsError, alone, is_usable, prepare, usable_key
from portal.cli.demo.stage import DAY, Scene
from portal.config import Config
from portal.internal.keys import SCOPES, ServiceKey, issue_key, list_keys, revoke_key
from tests.cli.demo.conftest import FEW, NOW, Clock, Filled
from tests.cli.demo.conftest import SERVICE as STORY

KEY = ServiceKey(
    "studio-202611a", SERVICE, signing.ALGORITHM, " ".join(SCOPES), None, None, None,
    NOW, None, None, NOW,
)  # fmt: skip


def nothing(scene: Scene, at: int) -> None:
    """Tell nobody."""


def counts(filled: Filled) -> dict[str, int]:
    with filled.database.reading() as connection:
        return ledger.audit(connection, now=filled.clock.now).counts


def test_it_fills_once(own: Filled) -> None:
    first = counts(own)
    assert first["accounts"] == 3
    assert first["entries"] > 100
    assert {scene for scene, _ in own.told} == {Scene(NOW, FEW)}
    own.clock.now = NOW + 9 * DAY
    told: list[int] = []
    with own.app.app_context():
        again = prepare(own.config, lambda scene, at: told.append(at))
    assert again == own.sheet
    assert told == []
    assert counts(own) == first


def test_the_sheet_tells_how_to_sign(own: Filled) -> None:
    secret = signing.derive_secret(own.config.secret_key, own.sheet.service_key.kid)
    assert own.sheet.service_key == (own.sheet.service_key.kid, secret, own.config.authority)
    assert own.sheet.url == own.config.public_url
    assert own.sheet.accounts == tuple(customer.account for customer in CUSTOMERS)
    written = json.loads((own.folder / "demo.json").read_text())
    assert written["service_key"]["secret"] == secret
    with own.database.reading() as connection:
        [key] = list_keys(connection)
    assert key.kid == own.sheet.service_key.kid
    assert is_usable(key, NOW)


def test_the_history_was_signed_with_the_key_of_the_sheet(own: Filled) -> None:
    with own.database.reading() as connection:
        page = ledger.page(connection, "northwind", ledger.Filter(kinds=("debit",)))
    assert {entry.key_id for entry in page.entries} == {own.sheet.service_key.kid}


def test_a_revoked_key_is_replaced(own: Filled) -> None:
    with own.database.writing() as connection:
        assert revoke_key(connection, own.sheet.service_key.kid, NOW)
    with own.app.app_context():
        again = prepare(own.config, nothing)
    assert again.service_key.kid != own.sheet.service_key.kid
    with own.database.reading() as connection:
        assert [each.kid for each in list_keys(connection) if is_usable(each, NOW)] == [
            again.service_key.kid
        ]


def test_a_lost_sheet_is_written_anew(own: Filled) -> None:
    (own.folder / "demo.json").unlink()
    with own.app.app_context():
        again = prepare(own.config, nothing)
    assert again.service_key == own.sheet.service_key
    assert again.people[0].password != own.sheet.people[0].password


@pytest.mark.parametrize(
    "changed",
    [
        {"revoked_at": NOW}, {"not_before": NOW + 1}, {"not_after": NOW}, {"scopes": "debit read"},
        {"operations": "generate"}, {"max_units": 5}, {"daily_units": 5},
    ],
    ids=lambda changed: next(iter(changed)),
)  # fmt: skip
def test_a_key_that_cannot_do_everything_is_not_taken(changed: dict[str, object]) -> None:
    assert is_usable(KEY, NOW)
    assert is_usable(KEY._replace(not_after=NOW + 1), NOW)
    assert not is_usable(KEY._replace(**changed), NOW)  # type: ignore[arg-type]


def test_another_services_key_is_not_taken(empty: Flask) -> None:
    with empty.extensions["portal"].database.writing() as connection:
        other = issue_key(connection, service="voices", scopes=SCOPES, now=NOW)
        own_key = usable_key(connection, NOW)
        assert (own_key.service, own_key == other) == (SERVICE, False)
        assert usable_key(connection, NOW) == own_key


def test_it_leaves_others_accounts_alone(config: Config, tmp_path: Path) -> None:
    config = replace(config, root=tmp_path)
    app = create_app(config, clock=Clock(NOW))
    state = app.extensions["portal"]
    with app.app_context():
        db.prepare(config)
        state.submit(STORY.account("acme", "Acme", "free", NOW, "UTC"))
        with pytest.raises(ForeignAccountsError, match=r"other accounts \(acme\)"):
            prepare(config, nothing, FEW)
    with state.database.reading() as connection:
        assert [each.id for each in ledger.list_accounts(connection)] == ["acme"]
        assert list_keys(connection) == ()
    assert not (tmp_path / "var" / "demo.json").exists()
    state.database.dispose()


def test_an_interrupted_filling_leaves_nothing(config: Config, tmp_path: Path) -> None:
    config = replace(config, root=tmp_path)
    app = create_app(config, clock=Clock(NOW))
    state = app.extensions["portal"]
    told: list[int] = []

    def interrupt(scene: Scene, at: int) -> None:
        told.append(at)
        if len(told) == 60:
            raise KeyboardInterrupt

    with app.app_context():
        with pytest.raises(KeyboardInterrupt):
            prepare(config, interrupt, FEW)
        with state.database.reading() as connection:
            assert ledger.list_accounts(connection) == ()
            assert list_keys(connection) == ()
        prepare(config, nothing, FEW)
        with state.database.reading() as connection:
            assert ledger.audit(connection, now=NOW).clean
    state.database.dispose()


def test_a_second_process_waits_and_finds_it_done(tmp_path: Path) -> None:
    order: list[str] = []
    inside = threading.Event()

    def first() -> None:
        with alone(tmp_path / "var"):
            inside.set()
            waiting.wait(0.2)
            order.append("first")

    waiting = threading.Event()
    thread = threading.Thread(target=first)
    thread.start()
    assert inside.wait(5)
    with alone(tmp_path / "var"):
        order.append("second")
    thread.join()
    assert order == ["first", "second"]

"""The demo is filled once, goes on where it was cut short, and is never beside others' accounts."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

from portal import create_app, ledger, signing
from portal.cli import db
from portal.cli.demo.cast import CUSTOMERS, SERVICE
from portal.cli.demo.chapters import STEPS, written_until
from portal.cli.demo.filling import (
    KEY_LIFE,
    ForeignAccountsError,
    alone,
    find_begun,
    is_filled,
    is_usable,
    prepare,
    scene_of,
    usable_key,
)
from portal.cli.demo.stage import DAY, HOUR, Scene
from portal.clock import utc_now
from portal.config import Config
from portal.database import Database, DatabaseError
from portal.internal.keys import SCOPES, ServiceKey, issue_key, list_keys, revoke_key
from tests.cli.demo.conftest import FEW, NOW, Clock, Filled
from tests.cli.demo.conftest import SERVICE as STORY
from tests.databases import Databases
from tests.house.tree import ROOT
from tests.serving import environment_of

KEY = ServiceKey(
    "studio-202611a", SERVICE, signing.HMAC, " ".join(SCOPES), None, None, None,
    NOW, None, None, NOW,
)  # fmt: skip


# A program of its own that fills a database as `demo fill` does, with its var/ elsewhere.
FILLING = """
import os, sys
from pathlib import Path
from portal import create_app
from portal.cli.demo.commands import filled
from portal.config import Config
config = Config.from_environment(os.environ, Path(sys.argv[1]))
with create_app(config).app_context():
    filled(config, 90)
"""


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


def heads(database: Database) -> list[bytes]:
    """The hash of each account's last entry: all of its history in 32 bytes."""
    with database.reading() as connection:
        return [ledger.get_account(connection, each.account).head_hash for each in CUSTOMERS]


@pytest.mark.parametrize("steps", [1, 60, 199, 10_000], ids="cut after {}".format)
def test_a_filling_that_was_cut_short_ends_as_if_it_had_not_been(
    own: Filled, dialect: str, databases: Databases, tmp_path: Path, steps: int
) -> None:
    """Undone to the end of a chapter, then told on: the same bytes, whenever it was cut."""
    told: list[int] = []

    def interrupt(scene: Scene, at: int) -> None:
        told.append(at)
        if len(told) == min(steps, len(own.told)):
            raise KeyboardInterrupt

    with databases.fresh(dialect) as fresh:
        config = replace(fresh, root=tmp_path / "cut")
        clock = Clock(NOW)
        app = create_app(config, clock=clock)
        state = app.extensions["portal"]
        with app.app_context():
            with pytest.raises(KeyboardInterrupt):
                prepare(config, interrupt, FEW)
            with state.database.reading() as connection:
                assert not is_filled(connection)
                begun = find_begun(connection)
            assert (begun is not None) == (steps > STEPS)
            assert not (config.root / "var" / "demo.json").exists()
            if begun is not None:  # another time, and another wish: it is the old story still
                clock.now = NOW + 3 * HOUR
            sheet = prepare(config, nothing, FEW + 4 if begun else FEW)
            assert sheet.service_key.kid == own.sheet.service_key.kid
        assert heads(state.database) == heads(own.database)
        with state.database.reading() as connection:
            assert ledger.audit(connection, now=clock.now).clean
            assert len(list_keys(connection)) == 1
        state.database.dispose()


def test_a_filling_that_was_killed_goes_on(config: Config, tmp_path: Path) -> None:
    """No word of farewell: killed in the midst of it, as when the power goes."""
    words = [sys.executable, "-c", FILLING, str(tmp_path)]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PORTAL_")}
    start = partial(subprocess.Popen, words, cwd=ROOT, env=clean | environment_of(config))
    database = Database(config)
    with start() as killed:
        await_entries(database, killed)
        killed.kill()
    assert killed.returncode == -signal.SIGKILL
    with database.reading() as connection:
        assert not is_filled(connection)
        assert find_begun(connection) is not None
    with start() as again:
        assert again.wait(120) == 0
    with database.reading() as connection:
        assert is_filled(connection)
        assert ledger.audit(connection, now=utc_now()).clean
        assert len(list_keys(connection)) == 1
    database.dispose()


def await_entries(database: Database, process: "subprocess.Popen[str]") -> None:
    """Until the first chapter is there."""
    give_up = time.monotonic() + 60
    while time.monotonic() < give_up and process.poll() is None:
        with suppress(DatabaseError, SQLAlchemyError), database.reading() as connection:
            if written_until(connection) is not None:
                return
        time.sleep(0.005)
    raise AssertionError("nothing was written")


@pytest.mark.parametrize(
    ("terms", "scene"),
    [
        ({}, Scene(NOW, 30)),
        ({"not_after": None}, None),
        ({"not_after": NOW + KEY_LIFE + 1}, None),
        ({"not_after": NOW + 60 * DAY}, None),
        ({"not_before": NOW}, None),
    ],
)
def test_a_key_tells_which_history_it_was_issued_for(
    terms: dict[str, object], scene: Scene | None
) -> None:
    key = KEY._replace(not_before=NOW - 30 * DAY, not_after=NOW + KEY_LIFE)
    assert scene_of(key._replace(**terms)) == scene  # type: ignore[arg-type]


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

"""The studio beside the demo: which port, which key, and what it is not told."""

import re
import socket
from contextlib import suppress

from flask import Flask

from portal.cli.demo.filling import DAYS, begin
from portal.cli.demo.stage import Scene
from portal.cli.demo.studio import SCOPES, beside, listen_beside, studio_key, url_of
from portal.cli.serve import BusyPortError, listen
from portal.config import Config
from portal.internal.keys import list_keys, revoke_key
from portal.studio.settings import Settings
from tests.cli.demo.conftest import NOW
from tests.cli.test_serve import free_port
from tests.house.tree import ROOT

TRIES = 5


def free_pair() -> int:
    """A port that nobody has, and nobody the one after it."""
    while True:
        port = free_port()
        with suppress(BusyPortError, OSError, OverflowError), listen(port + 1):
            return port


def test_it_takes_the_next_port() -> None:
    tries: list[tuple[int, str]] = []  # between two lines somebody else may take it
    while len(tries) < TRIES and not (tries and tries[-1][1].endswith(f":{tries[-1][0] + 1}")):
        port = free_pair()
        with listen_beside(port) as door:
            tries.append((port, url_of(door)))
    assert tries[-1][1] == f"http://127.0.0.1:{tries[-1][0] + 1}"


def test_it_takes_another_where_that_is_taken() -> None:
    with listen(0) as other:
        taken = other.getsockname()[1]
        with listen_beside(taken - 1) as door:
            assert door.getsockname()[1] != taken


def test_there_is_no_port_after_the_last() -> None:
    with listen_beside(65_535) as door:
        assert 1 <= door.getsockname()[1] <= 65_535


def test_its_key_is_its_own_and_kept(empty: Flask) -> None:
    state = empty.extensions["portal"]
    with state.database.writing() as connection:
        first = studio_key(connection, state.config, NOW)
        assert studio_key(connection, state.config, NOW) == first
        [key] = list_keys(connection)
        assert key.scopes.split() == list(SCOPES)
        assert not {"debit", "grant", "account"} & set(SCOPES)
        revoke_key(connection, first.kid, NOW)
        assert studio_key(connection, state.config, NOW).kid != first.kid


def test_the_keys_of_the_demo_are_those_that_are_documented(empty: Flask) -> None:
    page = (ROOT / "docs" / "studio.md").read_text()
    state = empty.extensions["portal"]
    with state.database.writing() as connection:
        history = begin(connection, Scene(NOW, DAYS))
        own = studio_key(connection, state.config, NOW)
    assert re.findall(r"^\| `(studio-\w+)` \|", page, re.MULTILINE) == [history.kid, own.kid]


def test_it_is_told_what_it_needs_and_none_of_the_portal_s_secrets(empty: Flask) -> None:
    state = empty.extensions["portal"]
    config: Config = state.config
    with state.database.writing() as connection:
        key = studio_key(connection, config, NOW)
    outside = {"PATH": "/bin", "PORTAL_SECRET_KEY": "x" * 40, "PORTAL_CLIENT_CA_FILE": "/nowhere"}
    with socket.create_server(("127.0.0.1", 0)) as door:
        made = beside(door, outside, 8_000, key, ("acme", "bolt"))
    assert made.environment == {
        "PATH": "/bin",
        "PORTAL_CLIENT_URL": "http://127.0.0.1:8000",
        "PORTAL_CLIENT_AUTHORITY": config.authority,
        "PORTAL_CLIENT_KID": key.kid,
        "PORTAL_CLIENT_SECRET": key.secret,
        "STUDIO_ACCOUNTS": "acme,bolt",
    }
    assert Settings.from_environment(made.environment).accounts == ("acme", "bolt")
    assert made.listeners == (door,)

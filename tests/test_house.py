"""The laws of docs/architecture.md, each proved on this project and on a sample that breaks it."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

from tests.house import vendored
from tests.house.imports import FRONTS, Plan, check_imports
from tests.house.markup import check_markup
from tests.house.mirror import UNMIRRORED, check_mirror
from tests.house.purity import check_clock, check_vault
from tests.house.sizes import check_functions, check_sizes
from tests.house.tree import ROOT, check_top, files, ignored_patterns, read
from tests.house.words import banned_in, check_file_name, check_words

PORTAL = {path: read(path) for path in files("portal", ".py")}
PLAN = Plan.of(PORTAL)
VAULT = [path for path in PORTAL if path.parts[1] in ("ledger", "pricing")]
SOURCES = PORTAL | {p: read(p) for p in files("migrations", ".py")}


def test_only_what_belongs_lies_at_the_top() -> None:
    assert check_top([path.name for path in ROOT.iterdir()], ignored_patterns()) == []


def test_a_stray_file_at_the_top_is_told() -> None:
    names = ["portal", ".gitignore", "var", "notes.txt", "utils.py"]
    assert len(check_top(names, ["var"])) == 2


def test_every_room_keeps_to_who_may_import_whom() -> None:
    assert [f for path, source in PORTAL.items() for f in check_imports(path, source, PLAN)] == []


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("portal/web/x.py", "from portal import internal"),
        ("portal/web/x.py", "import portal.internal.debits"),
        ("portal/internal/x.py", "from portal.web import pages"),
        ("portal/internal/x.py", "from ..web import pages"),
        ("portal/internal/x.py", "def view():\n    from portal import web"),
        ("portal/web/x.py", "from portal.ledger import posting"),
        ("portal/web/x.py", "from portal.ledger.posting import post"),
        ("portal/web/x.py", "import portal.ledger.posting"),
        ("portal/cli/x.py", "from portal.ledger.posting import post"),
        ("portal/web/x.py", "from portal import ledger\nledger.posting.post()"),
        ("portal/web/x.py", "from sqlalchemy import select"),
        ("portal/ledger/x.py", "from flask import request"),
        ("portal/ledger/x.py", "from portal import clock"),
        ("portal/ledger/burn.py", "import sqlalchemy as sa"),
        ("portal/ledger/burn.py", "from portal.ledger.posting import post"),
        ("portal/ledger/burn.py", "from portal.ledger import tables"),
        ("portal/pricing/x.py", "from portal import ledger"),
        ("portal/pricing/x.py", "import sqlalchemy"),
        ("portal/client.py", "from portal.pricing import quote"),
        ("portal/studio/x.py", "from portal import ledger"),
        ("portal/studio/x.py", "from portal.pricing import quote"),
        ("portal/studio/x.py", "from portal.internal import keys"),
        ("portal/client/x.py", "from portal import studio"),
        ("portal/cellar/x.py", "import os"),
    ],
)
def test_an_import_against_the_law_is_told(path: str, source: str) -> None:
    assert check_imports(Path(path), source, PLAN) != []


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("portal/web/x.py", "from portal import ledger\nledger.post()"),
        ("portal/web/x.py", "from sqlalchemy import Connection"),
        ("portal/ledger/posting.py", "import sqlalchemy as sa\nfrom portal.ledger import tables"),
        ("portal/ledger/burn.py", "from portal import pricing\nfrom portal.ledger import model"),
        ("portal/client.py", "from portal import signing\nfrom portal.pricing import text"),
        ("portal/studio/x.py", "from portal import client\nfrom portal.pricing import text"),
        ("portal/application.py", "from portal import web, internal\nimport flask"),
    ],
)
def test_an_import_within_the_law_is_let_through(path: str, source: str) -> None:
    assert check_imports(Path(path), source, PLAN) == []


def test_rooms_with_a_front_have_one() -> None:
    assert all(PLAN.fronts[f"portal.{room}"] for room in FRONTS)


def test_names_keep_to_the_words_of_the_house() -> None:
    assert [f for path, source in SOURCES.items() for f in check_words(path, source)] == []


@pytest.mark.parametrize("folder", ["portal", "templates", "migrations", "tests", "docs", "static"])
def test_files_are_named_in_the_words_of_the_house(folder: str) -> None:
    assert [fault for path in files(folder, "") for fault in check_file_name(path)] == []


@pytest.mark.parametrize(
    "source",
    [
        "def load_items(): ...",
        "class AccountManager: ...",
        "wallet = 1",
        "def f(event): ...",
        "self.charge = 1",
        "import json as utils",
        "from portal.ledger import charge",
        "x = Table('transactions', meta)",
        "class Broken(Exception): ...",
        "class Refused(ValueError): ...",
        "def get_hold() -> Hold | None: ...",
        "serviceLayer = 1",
    ],
)
def test_a_banned_word_is_told(source: str) -> None:
    assert check_words(Path("portal/web/x.py"), source) != []


@pytest.mark.parametrize(
    "source",
    [
        "for name, value in names.items(): ...",
        "from threading import Event\nwaker = Event()",
        "from sqlalchemy import event\nevent.listens_for(engine, 'begin')",
        "def find_hold() -> Hold | None: ...",
        "already_charged = 1",
        "class HoldError(Exception): ...",
    ],
)
def test_words_of_others_may_be_used(source: str) -> None:
    assert check_words(Path("portal/web/x.py"), source) == []


def test_the_database_alone_has_transactions() -> None:
    assert check_words(Path("portal/database/engines.py"), "transaction = 1") == []
    assert check_words(Path("portal/ledger/posting.py"), "transaction = 1") != []
    assert check_file_name(Path("portal/web/helpers.py")) != []
    assert banned_in("HTTPEventItem") == ["event", "item"]


def test_modules_functions_templates_and_lines_are_short() -> None:
    folders = ("portal", "migrations", "templates", "static")
    paths = [path for folder in folders for path in files(folder, "")]
    own = [path for path in paths if path.suffix in (".py", ".html", ".css", ".js")]
    assert [fault for path in own for fault in check_sizes(path, read(path))] == []


def test_functions_of_tests_are_short_too() -> None:
    tests = files("tests", ".py")
    assert [fault for path in tests for fault in check_functions(path, read(path))] == []


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("portal/x.py", "x = 1\n" * 301),
        ("portal/x.py", "def f():\n" + "    x = 1\n" * 60),
        ("portal/x.py", f"x = '{'a' * 100}'"),
        ("templates/x.html", "<p>\n" * 81),
    ],
)
def test_what_is_too_long_is_told(name: str, text: str) -> None:
    assert len(check_sizes(Path(name), text)) == 1


def test_the_vault_counts_in_whole_numbers_and_knows_no_clock() -> None:
    assert [fault for path in VAULT for fault in check_vault(path, PORTAL[path])] == []


@pytest.mark.parametrize(
    "source",
    [
        "x = 0.5",
        "x = a / b",
        "a /= 2",
        "x = float(y)",
        "from decimal import Decimal",
        "from fractions import Fraction",
        "import time",
        "import random",
        "from secrets import token_hex",
        "import uuid",
        "datetime.now(UTC)",
        "os.urandom(8)",
        "sql = 'SELECT CURRENT_TIMESTAMP'",
        "sql = 'INSERT … VALUES (now())'",
    ],
)
def test_a_fraction_or_a_clock_in_the_vault_is_told(source: str) -> None:
    assert check_vault(Path("portal/ledger/x.py"), source) != []


def test_the_time_is_asked_in_one_place() -> None:
    asking = {str(path) for path, source in PORTAL.items() if check_clock(path, source)}
    assert asking == {"portal/clock.py"}


@pytest.mark.parametrize(
    "source",
    [
        "import datetime\ndatetime.datetime.now()",
        "from datetime import datetime\ndatetime.utcnow()",
        "from datetime import date\ndate.today()",
        "import time\ntime.time()",
        "from time import time",
    ],
)
def test_a_second_clock_is_told(source: str) -> None:
    assert check_clock(Path("portal/web/x.py"), source) != []


def test_templates_say_nothing_that_the_browser_is_told_to_block() -> None:
    templates = files("templates", ".html")
    assert [fault for path in templates for fault in check_markup(path, read(path))] == []


@pytest.mark.parametrize(
    "text",
    [
        '<p hx-on:click="x">',
        "{{ hx(boost=true) }}<a hx-boost=true>",
        '<a hx-vals="js:{a: 1}">',
        '<a href="javascript:alert(1)">',
        '<p hx-trigger="click[ctrlKey]">',
        "{{ hx(get='/usage', trigger='click[ctrlKey]') }}",
        '<p hx-swap="innerMorph">',
        '<p style="width: 42%">',
        "<style>p {}</style>",
        '<button onclick="x()">',
        '<script src="/static/portal.js"></script>',
        '<script nonce="{{ nonce }}">alert(1)</script>',
        '<script nonce="{{ nonce }}" src="//elsewhere.example/x.js"></script>',
        '<a href="https://elsewhere.example">',
        "{{ entry.reference | safe }}",
    ],
)
def test_forbidden_markup_is_told(text: str) -> None:
    assert check_markup(Path("templates/usage/x.html"), text) != []


def test_plain_markup_is_let_through() -> None:
    text = '{# no onclick= here #}<script nonce="{{ n }}" src="{{ u }}"></script><a href="/usage">'
    assert check_markup(Path("templates/usage/x.html"), text) == []


def test_every_module_has_its_test() -> None:
    tests = set(files("tests", ".py"))
    assert check_mirror(PORTAL, tests) == []
    assert set(UNMIRRORED) <= {path.as_posix() for path in PORTAL}, "an exception that is gone"
    told = re.findall(r"tests/\S+\.py", " ".join(UNMIRRORED.values()))
    assert {Path(name) for name in told} <= tests, "a proof that is gone"


def test_a_module_without_its_test_is_told() -> None:
    sources = {Path("portal/web/x.py"): "x = 1", Path("portal/web/__init__.py"): '"""Doc."""'}
    assert len(check_mirror(sources, set())) == 1
    assert check_mirror(sources, {Path("tests/web/test_x.py")}) == []


@pytest.mark.parametrize("pin", vendored.pins(), ids=lambda pin: Path(pin.path).name)
def test_a_vendored_file_is_the_one_that_was_reviewed(pin: vendored.Pin) -> None:
    assert hashlib.sha256((ROOT / pin.path).read_bytes()).hexdigest() == pin.sha256


def test_every_vendored_file_is_pinned() -> None:
    lying = {
        str(p.relative_to(ROOT)) for folder in vendored.FOLDERS for p in vendored.lying(folder)
    }
    assert lying == {pin.path for pin in vendored.pins()}

"""A poll with nothing new is told past the framework as the framework would, byte for byte."""

import random
import re
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
import sqlalchemy as sa
from werkzeug.test import EnvironBuilder, run_wsgi_app

from portal import identity, ledger
from portal.config import Config
from portal.web.polls import PATH, UNCHANGED
from tests.databases import DIALECTS
from tests.web.desk import BROWSER, DAY, HOUR, MINUTE, Desk, Visitor

SHAPE = {
    "HX-Request": "true",
    "HX-Request-Type": "partial",
    "HX-Source": "section#balance",
    "HX-Target": "section#balance",
}
UNTOLD = {"X-Request-Id"}
NONCE = re.compile(r"'nonce-[A-Za-z0-9_-]{24}'")
Environ = dict[str, Any]


class Answer(NamedTuple):
    """All of an answer but what no two answers share."""

    status: str
    headers: list[tuple[str, str]]
    body: bytes


class Page:
    """A usage page in a browser: the tag of what it shows, and the cookie of who looks at it."""

    def __init__(self, desk: Desk, visitor: Visitor) -> None:
        self.desk, self.visitor = desk, visitor
        self.app: Any = desk.app
        desk.database.glances.connect()
        found = re.search(r'hx-get="([^"]+)"[^>]* hx-ptag="([^"]+)"', visitor.get("/usage").text)
        assert found is not None
        assert found[1] == PATH
        self.tag, self.token, self.name = found[2], visitor.cookie(), "portal"

    def poll(self, target: str = "/usage?period=30d", **changed: str | None) -> Environ:
        """What the page sends, with headers changed or left out."""
        headers: dict[str, str | None] = {**BROWSER, **SHAPE, "HX-PTag": self.tag}
        headers["Cookie"] = f"{self.name}={self.token}"
        headers |= {name.replace("_", "-"): value for name, value in changed.items()}
        told = [(name, value) for name, value in headers.items() if value is not None]
        return EnvironBuilder(path=target, headers=told).get_environ()

    def short(self, environ: Environ) -> Answer | None:
        """The answer past the framework, or None."""
        tag = self.app.polls.find_unchanged(environ)
        return None if tag is None else self.ask({**environ, UNCHANGED: tag})

    def ask(self, environ: Environ) -> Answer:
        """The answer of the application; the framework's own unless a tag was found before."""
        told, status, headers = run_wsgi_app(self.app, dict(environ))
        known = [
            (name, NONCE.sub("'nonce-'", value)) for name, value in headers if name not in UNTOLD
        ]
        return Answer(status, known, b"".join(told))

    def ends(self) -> int:
        """The framework's status for a poll that is not told past it any more."""
        environ = self.poll()
        assert self.short(environ) is None
        return int(self.ask(environ).status[:3])


@pytest.fixture(params=DIALECTS)
def dialect(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def page(desk: Desk, ada: Visitor) -> Page:
    """Ada's, with something on it."""
    desk.done(desk.debit("acme", 5))
    return Page(desk, ada)


def is_told(page: Page, environ: Environ | None = None) -> bool:
    """Whether a poll is told past the framework; if so, as the framework would."""
    asked = page.poll() if environ is None else environ
    answer = page.short(asked)
    assert answer is None or answer == page.ask(asked)
    return answer is not None


PLAIN: dict[str, Callable[[Page], Environ]] = {
    "as it is": lambda p: p.poll(),
    "another span": lambda p: p.poll("/usage?period=prev"),
    "no span": lambda p: p.poll("/usage"),
    "other cookies beside": lambda p: p.poll(Cookie=f"a=b; portal={p.token}; c=d=e"),
    "from elsewhere": lambda p: p.poll(Sec_Fetch_Site="cross-site"),
    "by a script of the page": lambda p: p.poll(X_CSRFToken="a" * 64),
    "with an id of its own": lambda p: p.poll(X_Request_Id="request-0001"),
    "what a cache would ask": lambda p: p.poll(If_None_Match="*", Range="bytes=0-1"),
}


@pytest.mark.parametrize("poll", PLAIN.values(), ids=PLAIN)
def test_a_plain_poll_is_told_as_the_framework_would(
    page: Page, poll: Callable[[Page], Environ]
) -> None:
    assert is_told(page, poll(page))
    assert page.ask(poll(page)).status == "304 NOT MODIFIED"


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "settings", [{"public_url": "https://localhost"}, {"proxy_hops": 1}, {"log_requests": "all"}]
)
def test_it_is_told_the_same_however_the_portal_is_set(
    config: Config, settings: dict[str, Any]
) -> None:
    desk = Desk(config, **settings)
    desk.account("acme")
    desk.person("ada@acme.example", "acme")
    desk.database.glances.connect()
    secure = "public_url" in settings
    page = Page.__new__(Page)
    page.app, page.name = desk.app, "__Host-portal" if secure else "portal"
    with desk.database.writing() as connection:
        person = identity.get_person(connection, "ada@acme.example")
        page.token = identity.begin_session(connection, person, desk.clock.now)
    page.tag = ""
    page.tag = dict(page.ask(page.poll()).headers)["HX-PTag"]
    assert is_told(page)
    assert is_told(page, page.poll(X_Forwarded_For="203.0.113.7", X_Forwarded_Proto="https"))
    assert ("Strict-Transport-Security" in dict(page.ask(page.poll()).headers)) is secure
    desk.database.dispose()


ODD: dict[str, Callable[[Page], Environ]] = {
    "no tag": lambda p: p.poll(HX_PTag=None),
    "no tag yet": lambda p: p.poll(HX_PTag="none"),
    "an older tag": lambda p: p.poll(HX_PTag=p.tag.replace(".2.", ".1.")),
    "a tag of nobody's": lambda p: p.poll(HX_PTag=p.tag.replace("acme", "none")),
    "no cookie": lambda p: p.poll(Cookie=None),
    "no session": lambda p: p.poll(Cookie=f"portal={identity.new_token()}"),
    "another cookie": lambda p: p.poll(Cookie=f"other={p.token}"),
    "two cookies": lambda p: p.poll(Cookie=f"portal={p.token}; portal={p.token}"),
    "a cookie within": lambda p: p.poll(Cookie=f'a="portal={p.token}'),
    "a cookie close by": lambda p: p.poll(Cookie=f"a=b;portal={p.token}"),
    "a cookie in quotes": lambda p: p.poll(Cookie=f'portal="{p.token}"'),
    "a cookie that goes on": lambda p: p.poll(Cookie=f"portal={p.token}A"),
    "not a part": lambda p: p.poll(HX_Request_Type="full"),
    "no script": lambda p: p.poll(HX_Request_Type=None),
    "another part": lambda p: p.poll(HX_Target="div#report"),
    "the same part in other words": lambda p: p.poll(HX_Target="div#balance"),
    "another page": lambda p: p.poll("/ledger?period=30d"),
    "beneath": lambda p: {**p.poll(), "SCRIPT_NAME": "/portal"},
    "another method": lambda p: {**p.poll(), "REQUEST_METHOD": "HEAD"},
    "an unsafe method": lambda p: {**p.poll(), "REQUEST_METHOD": "POST"},
    "a host of nobody's": lambda p: p.poll(Host="evil.example"),
    "no host": lambda p: {k: v for k, v in p.poll().items() if k != "HTTP_HOST"},
}


@pytest.mark.parametrize("poll", ODD.values(), ids=ODD)
def test_whatever_is_odd_goes_the_frameworks_way(
    page: Page, poll: Callable[[Page], Environ]
) -> None:
    assert not is_told(page, poll(page))
    assert is_told(page)


CHOICES: dict[str, tuple[str | None, ...]] = {
    "HX_Request_Type": ("partial", "partial", "full", None),
    "HX_Target": ("section#balance", "section#balance", "#balance", "section#balance#x", None),
    "HX_PTag": ("{tag}", "{tag}", "{tag} ", "none", "", "{tag}, {tag}", None),
    "Cookie": ("portal={token}", "a=b; portal={token}", "portal={token}; portals=c", "portal=",
               "portal ={token}", "portal={token};", "x=portal; portal={token}", None),
    "Host": ("localhost", "localhost:80", "LOCALHOST", "localhost.", "a b", "127.0.0.1", ""),
    "Sec_Fetch_Site": ("same-origin", "none"),
}  # fmt: skip
TARGETS = ("/usage?period=7d", "/usage", "/usage?", "/usage/", "//usage", "/usage?period=%37d")


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_whatever_is_told_past_the_framework_it_would_tell_alike(page: Page) -> None:
    chance, told = random.Random(20261127), 0
    for _ in range(400):
        changed: dict[str, str | None] = {}
        for name in chance.sample(sorted(CHOICES), chance.randint(0, 3)):
            value = chance.choice(CHOICES[name])
            changed[name] = value and value.format(tag=page.tag, token=page.token)
        told += is_told(page, page.poll(chance.choice(TARGETS), **changed))
    assert 40 < told < 300


def test_a_new_entry_is_shown_by_the_very_next_poll(page: Page, desk: Desk) -> None:
    for _ in range(3):
        assert is_told(page)
        desk.done(desk.debit("acme", 1))
        answer = page.ask(page.poll())
        assert (page.short(page.poll()), answer.status) == (None, "200 OK")
        page.tag = dict(answer.headers)["HX-PTag"]


def test_new_terms_are_shown_by_the_very_next_poll(page: Page, desk: Desk) -> None:
    desk.done(ledger.SetStatus(account_id="acme", status="suspended"))
    assert page.ends() == 200


def test_what_falls_due_is_shown_though_nobody_has_written_it(desk: Desk, ada: Visitor) -> None:
    desk.hold("acme", 5)
    page = Page(desk, ada)
    desk.clock.now += 15 * MINUTE - 1
    assert is_told(page)
    desk.clock.now += 1
    assert page.ends() == 200


def test_another_day_is_shown(page: Page, desk: Desk) -> None:
    midnight = desk.clock.now // DAY * DAY + DAY
    while desk.clock.now < midnight - 20 * MINUTE:
        desk.clock.now += 20 * MINUTE
        page.visitor.get("/usage")  # a person is here
    desk.clock.now = midnight - 1
    assert is_told(page)
    desk.clock.now = midnight
    assert page.ends() == 200


def test_who_has_signed_out_polls_no_more(page: Page) -> None:
    assert is_told(page)
    assert page.visitor.post("/logout", {"csrf_token": page.visitor.token("/usage")}).location
    assert page.ends() == 401


def test_who_was_shut_out_polls_no_more(page: Page, desk: Desk) -> None:
    assert is_told(page)
    with desk.database.writing() as connection:
        identity.disable_person(connection, "ada@acme.example", desk.clock.now)
    assert page.ends() == 401


def test_a_person_disabled_by_another_hand_polls_no_more(page: Page, desk: Desk) -> None:
    people = identity.metadata.tables["people"]
    assert is_told(page)
    with desk.database.writing() as connection:
        connection.execute(sa.update(people).values(disabled_at=desk.clock.now))
    assert page.ends() == 401


def test_a_session_ends_though_its_tab_polls(page: Page, desk: Desk) -> None:
    desk.clock.now += 30 * MINUTE - 1
    assert is_told(page)
    desk.clock.now += 1
    assert page.ends() == 401


def test_a_session_ends_after_twelve_hours_whatever_polls(desk: Desk) -> None:
    desk.clock.now -= 13 * HOUR  # all of them on one day
    page, begun = Page(desk, desk.signed_in("ada@acme.example")), desk.clock.now
    while desk.clock.now < begun + 12 * HOUR - 20 * MINUTE:
        desk.clock.now += 20 * MINUTE
        page.visitor.get("/usage")
    desk.clock.now = begun + 12 * HOUR - 1
    assert is_told(page)
    desk.clock.now += 1
    assert page.ends() == 401


def test_a_page_of_another_account_is_never_told_to_stay(
    page: Page, desk: Desk, bob: Visitor, olga: Visitor
) -> None:
    desk.done(desk.debit("bolt", 5))  # as many entries as acme
    for other, status in ((bob, 200), (olga, 404)):
        page.token = other.cookie()
        assert page.ends() == status


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)  # PostgreSQL lets nobody move
def test_who_moved_to_another_account_sees_that_one(page: Page, desk: Desk) -> None:
    people = identity.metadata.tables["people"]
    with desk.database.writing() as connection:
        ada = people.c.email == "ada@acme.example"
        connection.execute(sa.update(people).where(ada).values(account_id="bolt"))
    assert page.ends() == 200


def test_polls_do_not_keep_a_session_alive(page: Page, desk: Desk) -> None:
    sessions = identity.metadata.tables["sessions"]
    seen = sa.select(sessions.c.seen_at)
    with desk.database.reading() as connection:
        before = connection.scalars(seen).all()
    desk.clock.now += 5 * MINUTE
    assert is_told(page)
    with desk.database.reading() as connection:
        assert connection.scalars(seen).all() == before


def test_a_database_that_cannot_be_looked_at_at_once_is_the_frameworks_to_wait_for(
    page: Page, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk.database.glances, "look", lambda *_: None)
    assert not is_told(page)


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_where_addresses_are_counted_polls_are(config: Config) -> None:
    desk = Desk(config, rate_address=(6, 60))
    desk.account("acme")
    desk.person("ada@acme.example", "acme")
    page = Page(desk, desk.signed_in("ada@acme.example"))
    environ = page.poll()
    assert page.short(environ) is None
    assert [page.ask(environ).status[:3] for _ in range(9)].count("429") > 0
    desk.database.dispose()


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_every_answer_has_a_nonce_of_its_own(page: Page) -> None:
    nonces: set[str] = set()
    for _ in range(10):
        environ = {**page.poll(), UNCHANGED: page.tag}
        policy = run_wsgi_app(page.app, environ)[2]["Content-Security-Policy"]
        nonces |= set(NONCE.findall(policy))
    assert len(nonces) == 10


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_no_header_of_a_request_says_that_nothing_is_new(page: Page) -> None:
    assert page.ask(page.poll(Portal_Unchanged="x", HX_PTag="x")).status == "200 OK"

"""The front desk as a whole, on both databases: every route, every page, hostile texts."""

from collections.abc import Iterator
from typing import NamedTuple

import pytest
import sqlalchemy as sa

from portal import ledger
from portal.config import Config
from tests.databases import DIALECTS
from tests.web.desk import NOW, STUDIO, Desk, Shape, Visitor

MONEY = ("credits_remaining", "balance", "posted", "held", "amount", "credits", "tier", "account",
         "account_id", "is_admin", "role", "overdraft_limit", "status", "_method")  # fmt: skip
HOSTILE = (
    "<img src=x onerror=alert(1)>", "\"'><script>alert(1)</script>", "{{ 77777 * 7 }}{% raw %}",
    "javascript:alert(1)", "<hx-partial hx-target=body>", "\u202egnp.exe", "漢字" * 400, "👩‍👩‍👧‍👦",
    "</title><svg onload=alert(1)>", "' OR 1=1 --", "a\tb", "\\u003cb\\u003e",
)  # fmt: skip


class Story(NamedTuple):
    """A desk with something of everything, and the pages that show it."""

    desk: Desk
    pages: tuple[str, ...]


@pytest.fixture(params=DIALECTS)
def dialect(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def story(config: Config) -> Iterator[Story]:
    """An account whose every text is hostile."""
    desk = Desk(config)
    desk.account("acme", name=HOSTILE[0])
    desk.person("ada@acme.example", "acme")
    desk.person("olga@portal.example", None, "admin")
    ids = []
    for number, text in enumerate(HOSTILE):
        reference = ledger.Reference("task", text)
        actor = ledger.Actor("service", text, f"kid-{number}")
        request = ledger.Request(text, f"key-{number}", "{}")
        debit = desk.debit("acme", 10, reference=reference, actor=actor, request=request)
        ids.append(desk.entry(debit).id)
        refused = desk.post(
            desk.debit("acme", 60_000, reference=reference, actor=actor, operation="generate.fast")
        )
        assert isinstance(refused, ledger.Refused)
        ids.append(str(refused.refusal_id))
    refund = ledger.Refund(entry_id=ids[0], reason="goodwill", note=HOSTILE[1])
    ids.append(desk.entry(refund).id)
    hold = desk.hold("acme", 9)
    ids.append(desk.entry(ledger.CaptureHold(hold_id=hold.id, credits=4, actor=STUDIO)).id)
    details = tuple(f"/ledger/{found}" for found in ids)
    yield Story(desk, ("/usage", "/usage?period=90d", "/ledger", "/plans?generate=5", *details))
    desk.database.dispose()


def digest(desk: Desk) -> list[tuple[object, ...]]:
    """Everything the ledger holds."""
    with desk.database.reading() as connection:
        return [
            tuple(row)
            for table in ledger.metadata.sorted_tables
            for row in connection.execute(sa.select(table).order_by(*table.primary_key))
        ]


def test_every_page_is_whole_and_no_text_becomes_markup(story: Story) -> None:
    ada = story.desk.signed_in("ada@acme.example")
    for path in story.pages:
        text = ada.get(path).text
        shape = Shape(text)
        assert shape.count("h1") == 1, path
        assert len(shape.ids) == len(set(shape.ids)), path
        assert "544439" not in text, path
        for tag, attributes in shape.tags:
            assert tag != "img", path
            assert not any(name.startswith("on") or name == "style" for name in attributes), path
            assert tag != "script" or attributes.get("nonce"), path
            is_link = tag == "a"
            assert not is_link or str(attributes["href"]).startswith(("/", "#", "?")), path


def test_every_control_has_a_label(story: Story) -> None:
    ada = story.desk.signed_in("ada@acme.example")
    for path in ("/usage", "/ledger", "/plans"):
        shape = Shape(ada.get(path).text)
        labelled = {one.get("for") for tag, one in shape.tags if tag == "label"}
        for tag, one in shape.tags:
            if tag in ("input", "select") and one.get("type") != "hidden":
                assert one.get("id") in labelled or one.get("aria-label"), (path, one)


def test_reading_changes_nothing_in_the_ledger(story: Story) -> None:
    ada = story.desk.signed_in("ada@acme.example")
    before = digest(story.desk)
    story.desk.clock.now = NOW + 20 * 60_000_000  # a hold runs out, and nobody writes it
    for path in story.pages:
        assert ada.get(path).status_code == 200
        ada.part(path, "div#results")
        ada.part(path, "section#balance")
    assert digest(story.desk) == before


def test_no_form_whatever_it_says_moves_a_credit(story: Story) -> None:
    ada = story.desk.signed_in("ada@acme.example")
    before = digest(story.desk)
    forged = dict.fromkeys(MONEY, "999999") | {"csrf_token": ada.token("/usage")}
    for path in (*story.pages[:4], "/login", "/admin", "/", "/nowhere"):
        for method in ("post", "put", "patch", "delete"):
            answer = getattr(ada.client, method)(
                path, data=forged, headers=ada.headers | {"X-HTTP-Method-Override": "GET"}
            )
            assert answer.status_code in (403, 404, 405, 422), (method, path)
    assert digest(story.desk) == before


def test_every_route_that_changes_anything_asks_for_the_token(story: Story) -> None:
    ada = story.desk.signed_in("ada@acme.example")
    unsafe = {
        rule.rule
        for rule in story.desk.app.url_map.iter_rules()
        if not rule.rule.startswith("/internal/") and (rule.methods or set()) & {"POST", "PUT"}
    }
    assert {"/login", "/logout"} <= unsafe
    for path in unsafe - {"/csp-reports"}:
        assert ada.post(path).status_code == 403, path
    assert ada.get("/usage").status_code == 200


def test_every_route_of_the_desk_asks_who_is_there(story: Story) -> None:
    stranger = story.desk.visitor()
    for rule in story.desk.app.url_map.iter_rules():
        free = rule.rule in ("/login", "/logout", "/csp-reports") or rule.endpoint == "static"
        if free or rule.rule.startswith(("/internal/", "/healthz", "/readyz", "/metrics")):
            continue
        answer = stranger.get(rule.rule.replace("<found_id>", "ent_1"))
        assert (answer.status_code, answer.location[:6]) == (303, "/login"), rule.rule


def test_people_sign_in_and_out_on_either_database(story: Story) -> None:
    ada: Visitor = story.desk.signed_in("ada@acme.example")
    assert ada.get("/usage").status_code == 200
    ada.post("/logout", {"csrf_token": ada.token("/usage")})
    assert ada.get("/usage").status_code == 303

"""One URL, one view, one template: the page, or just the blocks that were asked for."""

import pytest
from flask import Flask, Response
from jinja2 import DictLoader

from portal.web.pages import Part, asked_target, is_htmx, page, private, tagged, unchanged

TEMPLATE = (
    "<h1>Whole</h1>{% block list %}<ul id=list>{{ word }}</ul>{% endblock %}"
    "{% block sum %}<p id=sum>1</p>{% endblock %}"
)
BLOCKS = {"list": (Part("list"), Part("sum"), Part("list", "beforeend")), "sum": (Part("sum"),)}
PART = {"HX-Request": "true", "HX-Request-Type": "partial"}


@pytest.fixture
def app() -> Flask:
    made = Flask(__name__)
    made.jinja_loader = DictLoader({"page.html": TEMPLATE})
    return made


def answered(app: Flask, headers: dict[str, str], said: str = "") -> str:
    with app.test_request_context(headers=headers):
        return page("page.html", {"word": "<b>"}, BLOCKS, said).get_data(as_text=True)


def test_a_browser_gets_the_whole_page(app: Flask) -> None:
    assert answered(app, {}) == "<h1>Whole</h1><ul id=list>&lt;b&gt;</ul><p id=sum>1</p>"


def test_htmx_gets_the_block_of_its_target_and_what_belongs_to_it(app: Flask) -> None:
    assert answered(app, PART | {"HX-Target": "ul#list"}, "1 more") == (
        "<ul id=list>&lt;b&gt;</ul>"
        '<hx-partial hx-target="#sum" hx-swap="outerHTML"><p id=sum>1</p></hx-partial>'
        '<hx-partial hx-target="#list" hx-swap="beforeend"><ul id=list>&lt;b&gt;</ul></hx-partial>'
        '<hx-partial hx-target="#live" hx-swap="textContent">1 more</hx-partial>'
    )


@pytest.mark.parametrize(
    "headers",
    [
        {"HX-Target": "ul#list"},
        PART | {"HX-Target": "div#title"},
        PART | {"HX-Target": "ul"},
        PART,
        PART | {"HX-Request-Type": "full", "HX-Target": "ul#list"},
        PART | {"HX-Target": "ul#__class__"},
    ],
)
def test_whatever_is_not_on_the_list_gets_the_whole_page(
    app: Flask, headers: dict[str, str]
) -> None:
    assert answered(app, headers).startswith("<h1>Whole</h1>")


def test_what_is_read_out_is_escaped_and_only_with_parts(app: Flask) -> None:
    assert "&lt;i&gt;" in answered(app, PART | {"HX-Target": "p#sum"}, "<i>")
    assert "hx-partial" not in answered(app, {}, "<i>")


def test_pages_and_parts_are_kept_apart_and_by_nobody_else(app: Flask) -> None:
    with app.test_request_context():
        answer = page("page.html", {"word": ""})
    assert answer.headers["Cache-Control"] == "private, no-cache"
    assert {"HX-Request", "HX-Request-Type", "HX-Target"} <= set(answer.vary)


def test_a_target_is_known_by_its_id(app: Flask) -> None:
    with app.test_request_context(headers=PART | {"HX-Target": "section#b%C3%A9"}):
        assert asked_target() == "bé"
    with app.test_request_context():
        assert asked_target() is None


def test_a_script_is_known_by_its_headers(app: Flask) -> None:
    for headers, known in (
        (PART, True),
        ({"HX-History-Restore-Request": "true"}, True),
        ({}, False),
    ):
        with app.test_request_context(headers=headers):
            assert is_htmx() is known


def test_what_has_not_changed_is_empty_and_keeps_its_tag() -> None:
    answer = unchanged("7.1")
    assert (answer.status_code, answer.get_data(), answer.headers["HX-PTag"]) == (304, b"", "7.1")
    assert tagged(private(Response()), None).headers["HX-PTag"] == "none"

"""What templates may say: the same words everywhere, and no name that nobody defined."""

import pytest
from jinja2 import UndefinedError

from tests.web.desk import Desk


def test_a_name_nobody_defined_is_an_error(desk: Desk) -> None:
    with desk.app.test_request_context(), pytest.raises(UndefinedError):
        desk.app.jinja_env.from_string("{{ nobody }}").render()


def test_texts_are_escaped(desk: Desk) -> None:
    assert desk.app.jinja_env.get_template("ui.html").module.fact  # type: ignore[attr-defined]
    shown = desk.app.jinja_env.overlay(autoescape=True).from_string("{{ it }}").render(it="<b>")
    assert shown == "&lt;b&gt;"


def test_numbers_have_their_filters(desk: Desk) -> None:
    text = "{{ 1204 | credits }} {{ -5 | signed }} {{ 5 | signed }}"
    assert desk.app.jinja_env.from_string(text).render() == "1,204 \u22125 +5"

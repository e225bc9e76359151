"""What templates may say: the same words everywhere, and no name that nobody defined."""

from pathlib import Path

import pytest
from jinja2 import UndefinedError

from portal.web.templating import fingerprint
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


def test_an_address_changes_with_the_files_contents(desk: Desk, tmp_path: Path) -> None:
    one = tmp_path / "one.css"
    two = tmp_path / "two.css"
    one.write_text("a")
    two.write_text("b")
    assert fingerprint(str(one)) != fingerprint(str(two))
    assert len(fingerprint(str(one))) == 12


def test_all_scripts_are_there_and_pinned_by_version(desk: Desk) -> None:
    with desk.app.test_request_context():
        scripts = desk.app.jinja_env.globals["scripts"]
        asset = desk.app.jinja_env.globals["asset"]
        assert isinstance(scripts, tuple)
        assert callable(asset)
        assert all("?v=" in asset(script) for script in scripts)

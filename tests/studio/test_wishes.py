"""A form is taken whole, or every fault of it is told beside its field."""

import pytest

from portal.studio.wishes import read_wish
from tests.studio.conftest import WISH

FORM = {name: str(value) for name, value in WISH._asdict().items()}
CLONE = FORM | {"operation": "clone", "text": "left over", "quantity": " 2 "}


def test_a_text_to_speak() -> None:
    assert read_wish(FORM | {"quantity": "two"}, ("acme",)) == (WISH, {})


def test_voices_to_clone() -> None:
    wish, wrong = read_wish(CLONE, ("acme",))
    assert (wish.text, wish.quantity, wrong) == ("", 2, {})


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"account": "northwind"}, "account"),
        ({"operation": "grant"}, "operation"),
        ({"ending": "well"}, "ending"),
        ({"text": ""}, "text"),
        ({"text": "x" * 2_001}, "text"),
        ({"key": ""}, "key"),
        ({"key": "form-' OR 1=1 --"}, "key"),
        ({"operation": "clone", "quantity": "0"}, "quantity"),
        ({"operation": "clone", "quantity": "11"}, "quantity"),
        ({"operation": "clone", "quantity": "\u0662"}, "quantity"),
    ],
)
def test_a_fault_is_told_beside_its_field(changed: dict[str, str], field: str) -> None:
    assert field in read_wish(FORM | changed, ("acme",))[1]


def test_an_empty_form_has_every_fault() -> None:
    _, wrong = read_wish({}, ("acme",))
    assert set(wrong) == {"key", "account", "operation", "ending", "quantity"}

"""Types as JSON Schema: each kind that stands on the wire, and no other."""

from typing import Annotated, Any, Literal, NamedTuple, NotRequired, TypedDict

import pytest

from portal.internal import rules
from portal.internal.bodies import CaptureBody
from portal.internal.schemas import Schemas


class Part(TypedDict):
    """A part."""

    name: str
    more: NotRequired[int]


class Pair(NamedTuple):
    """A pair."""

    left: int
    right: bool | None


@pytest.mark.parametrize(
    ("hint", "schema"),
    [
        (str, {"type": "string"}),
        (Any, {}),
        (int | None, {"anyOf": [{"type": "integer"}, {"type": "null"}]}),
        (Literal["a", "b"], {"enum": ["a", "b"]}),
        (list[int], {"type": "array", "items": {"type": "integer"}}),
        (tuple[str, ...], {"type": "array", "items": {"type": "string"}}),
        (dict[str, int], {"type": "object", "additionalProperties": {"type": "integer"}}),
        (
            Annotated[int, rules.whole(1, 9)],
            {"type": "integer", "minimum": 1, "maximum": 9},
        ),
        (Part, {"$ref": "#/components/schemas/Part"}),
        (CaptureBody, {"$ref": "#/components/schemas/CaptureRequest"}),
    ],
)
def test_a_type_has_its_schema(hint: Any, schema: dict[str, Any]) -> None:
    assert Schemas().of(hint) == schema


def test_a_type_with_a_name_is_told_once_with_what_it_needs() -> None:
    schemas = Schemas()
    schemas.of(list[Part | Pair])
    assert list(schemas.named) == ["Part", "Pair"]
    assert schemas.named["Part"]["required"] == ["name"]
    assert schemas.named["Part"]["additionalProperties"] is False
    assert schemas.named["Pair"]["required"] == ["left", "right"]


def test_a_body_s_schema_is_of_its_rules() -> None:
    schemas = Schemas()
    schemas.of(CaptureBody)
    told = schemas.named["CaptureRequest"]
    assert told["required"] == ["credits"]
    assert told["properties"] == {
        "credits": rules.amount_or_zero.schema,
        "final": {"type": "boolean"},
    }


@pytest.mark.parametrize("hint", [float, object, bytes])
def test_what_is_never_on_the_wire_has_none(hint: Any) -> None:
    with pytest.raises(TypeError, match="has no schema"):
        Schemas().of(hint)

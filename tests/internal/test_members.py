"""Every function that writes a part of an answer writes exactly the members of its type."""

import inspect
import json
from collections.abc import Mapping
from typing import Any, get_type_hints

import pytest
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from portal.internal import members, replies
from portal.internal.schemas import Schemas
from portal.ledger import Draw, Hold, Posted
from tests.internal.test_replies import ACCOUNT, ENTRY, PRICE, QUOTED

IDS = {"entry": "ent_00000001", "grant": "grt_00000001", "hold": "hld_00000001"}
PLACED = ENTRY._replace(id=IDS["entry"], hold_id=IDS["hold"], reverses_id=IDS["entry"])
DRAWS = (Draw("acme", 7, 0, IDS["grant"], -3, 0), Draw("acme", 7, 1, None, -2, 0))
HOLD = Hold(
    IDS["hold"], "acme", 7, "tts", "generate", 5, "2026-01", "task", "job", 5, 0, 9, 1, "open", None
)
WRITTEN: dict[str, Any] = {
    "posted_reply": [Posted(ACCOUNT, PLACED, DRAWS, HOLD), Posted(ACCOUNT, PLACED, DRAWS)],
    "entry_reply": [(PLACED, DRAWS), (PLACED._replace(labels=None, operation=None), ())],
    "reference_reply": [("task", "x"), (None, None)],
    "balance_after": [PLACED],
    "balance_reply": [("acme", 5, 0, 1)],
    "hold_reply": [HOLD],
    "account_reply": [ACCOUNT],
    "quote_reply": [("acme", PRICE, QUOTED._replace(id="qte_00000001"), Posted(ACCOUNT, PLACED))],
}


def test_every_function_of_replies_is_here() -> None:
    known = inspect.getmembers(replies, inspect.isfunction)
    own = {name for name, each in known if each.__module__ == replies.__name__}
    assert {name for name in own if not name.startswith("_")} - {"write_time"} == set(WRITTEN)


@pytest.mark.parametrize("name", WRITTEN)
def test_what_is_written_is_of_its_type(name: str) -> None:
    write = getattr(replies, name)
    kinds = get_type_hints(write, include_extras=True)["return"]
    for given in WRITTEN[name]:
        found = write(*given) if type(given) is tuple else write(given)
        told = json.loads(json.dumps(found))
        if name == "posted_reply":  # of its two types, one holds the other's members
            kinds = members.PostedHold if "hold" in told else members.Posted
        validator = validator_of(kinds)
        validator.validate(told)
        if isinstance(found, Mapping):
            with pytest.raises(ValidationError):
                validator.validate({**told, "forgotten": 1})
            for member in told:
                with pytest.raises(ValidationError):
                    validator.validate({key: told[key] for key in told if key != member})


def validator_of(hint: Any) -> Draft202012Validator:
    """What checks a value against the schema of a type."""
    schemas = Schemas()
    schema = schemas.of(hint)
    whole = {**schema, "components": {"schemas": schemas.named}}
    return Draft202012Validator(json.loads(json.dumps(whole)))

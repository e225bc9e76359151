"""One rule of one member: what reads it, and what it takes in JSON Schema, said in one place.

What is validated and what is published cannot part: neither can be written down without the other.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from portal.internal.errors import Fault

Read = Callable[[Any, str, list[Fault]], Any]
Schema = Mapping[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """What a member may be. schema: the same in JSON Schema 2020-12, as far as that can say it."""

    read: Read
    schema: Schema

    def __call__(self, value: Any, member: str, faults: list[Fault]) -> Any:
        return self.read(value, member, faults)


def closed(members: Mapping[str, Schema], required: Iterable[str] | None = None) -> Schema:
    """An object of these members and no other. required: of them; without it, all."""
    return {
        "type": "object",
        "properties": members,
        "required": [*(members if required is None else required)],
        "additionalProperties": False,
    }


def takes(schema: Schema) -> Callable[[Read], Rule]:
    """Makes a function the rule that it reads by."""
    return lambda read: Rule(read, schema)

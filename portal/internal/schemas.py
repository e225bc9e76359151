"""JSON Schema of types: of the bodies that validate, of the members of answers, of problems.

A type that has a name becomes a component of its own and is referred to; a type that carries a
rule is that rule's schema.
"""

import types
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin, get_type_hints
from typing import is_typeddict as _is_typed_dict

from portal.internal.bodies import Body, shape_of
from portal.internal.rule import Rule, Schema, closed

_PLAIN: Final[dict[Any, Schema]] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    bool: {"type": "boolean"},
    types.NoneType: {"type": "null"},
    Any: {},
}
_PREFIX: Final = "#/components/schemas/"


class Schemas:
    """Schemas of types; those with a name are collected."""

    def __init__(self) -> None:
        self.named: dict[str, Schema] = {}

    def of(self, hint: Any) -> Schema:
        """The schema of a type. Raises TypeError for one that nothing on the wire is."""
        if hint in _PLAIN:
            return _PLAIN[hint]
        origin, parts = get_origin(hint), get_args(hint)
        if origin is Annotated:
            return next(note.schema for note in hint.__metadata__ if isinstance(note, Rule))
        if origin in (Union, types.UnionType):
            return {"anyOf": [self.of(part) for part in parts]}
        if origin is Literal:
            return {"enum": [*parts]}
        if origin in (list, tuple):
            return {"type": "array", "items": self.of(parts[0])}
        if origin is dict:
            return {"type": "object", "additionalProperties": self.of(parts[1])}
        if isinstance(hint, type) and (_is_typed_dict(hint) or hasattr(hint, "_fields")):
            return self.refer(hint.__name__, lambda: self._members(hint))
        if isinstance(hint, type) and issubclass(hint, Body):
            return self.refer(hint.__name__.removesuffix("Body") + "Request", lambda: _body(hint))
        raise TypeError(f"{hint} has no schema")

    def refer(self, name: str, make: Any) -> Schema:
        """A reference to a schema of a name; it is made when it is first referred to."""
        if name not in self.named:
            self.named[name] = make()
        return {"$ref": _PREFIX + name}

    def _members(self, kind: type) -> Schema:
        hints = get_type_hints(kind, include_extras=True)
        required = getattr(kind, "__required_keys__", hints)
        members = {name: self.of(_bare(hint)) for name, hint in hints.items()}
        described = {"description": kind.__doc__}
        return {**described, **closed(members, [name for name in hints if name in required])}


def _bare(hint: Any) -> Any:
    """A member's type without the mark that it may be missing."""
    return get_args(hint)[0] if str(get_origin(hint)) == "typing.NotRequired" else hint


def _body(kind: type[Body]) -> Schema:
    shape = shape_of(kind)
    return closed({name: rule.schema for name, rule in shape.rules.items()}, shape.required)

"""A rule and its schema say the same: what one takes, the other does not refuse."""

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from portal.internal import bodies, queries
from portal.internal.bodies import Body, shape_of
from portal.internal.errors import Fault
from portal.internal.rule import Rule, closed, takes

KINDS = [
    kind for kind in vars(bodies).values() if isinstance(kind, type) and issubclass(kind, Body)
]
RULES = {
    f"{kind.__name__}.{name}": rule for kind in KINDS for name, rule in shape_of(kind).rules.items()
}
VALUES: list[Any] = [
    None, True, 0, 1, 100, 101, 86_400, 10**12, 10**12 + 1, -1, "", "a", "A", "acme", ".", "..",
    "x" * 64, "x" * 65, "x" * 200, "x" * 201, "failed", "goodwill", "promotion", "pro", "UTC",
    "Europe/Berlin", "ent_00000000", "qte_1", "2026-11-22T13:52:00Z", "2026-11-22T13:52:00.5Z",
    "2026-11-22 13:52", " blank", {}, {"a": "b"}, {"A": "b"}, {"a": 1}, {"a": {}}, {"a": "x" * 201},
    {f"n{number}": "x" for number in range(17)}, {"type": "task", "id": "x"},
    {"type": "payment", "id": "x"}, {"type": "period", "id": "x"}, {"type": "task"},
    {"type": "task", "id": "x", "more": 1}, {"type": "task", "id": "x" * 129},
    [], ["generate"], ["generate", "generate"], [1], [f"o{number}" for number in range(33)],
    [{"command": "debit", "idempotency_key": "k" * 16, "quantity": 1}],
    [{"command": "grant", "idempotency_key": "k" * 16}], [{"command": "debit"}],
]  # fmt: skip
# What JSON Schema cannot say of these: the calendar, the zones there are, what can be seen.
LOOSE = ("_at", "time_zone", "name", "metadata", "reference")


def taken(rule: Rule, value: Any) -> bool:
    faults: list[Fault] = []
    rule(value, "it", faults)
    return not faults


@pytest.mark.parametrize("name", RULES)
def test_what_a_rule_takes_its_schema_takes_and_nothing_else(name: str) -> None:
    schema = Draft202012Validator(closed({"it": RULES[name].schema}))
    found = {True: 0, False: 0}
    for value in VALUES:
        by_rule = taken(RULES[name], value)
        by_schema = schema.is_valid(_listed({"it": value}))
        found[by_rule] += 1
        assert by_schema or not by_rule, (name, value)
        assert by_rule or not by_schema or name.endswith(LOOSE), (name, value)
    assert all(found.values()), "samples that it takes, and samples that it does not"


def test_a_query_s_rules_have_schemas() -> None:
    for query in (queries.BalanceQuery, queries.EntriesQuery):
        for rule in (*query.SINGLE.values(), *query.SEVERAL.values()):
            Draft202012Validator.check_schema(_listed(dict(rule.schema)))


def test_an_object_is_closed_and_whole_unless_told() -> None:
    members = {"a": {"type": "integer"}, "b": {"type": "integer"}}
    assert Draft202012Validator(closed(members, ["a"])).is_valid({"a": 1})
    for wrong in ({"a": 1}, {"a": 1, "b": 2, "c": 3}):
        assert not Draft202012Validator(closed(members)).is_valid(wrong)


def test_a_function_is_made_a_rule() -> None:
    @takes({"type": "integer"})
    def double(value: Any, member: str, faults: list[Fault]) -> Any:
        return value * 2

    assert double(2, "it", []) == 4
    assert double.schema == {"type": "integer"}


def _listed(value: Any) -> Any:
    """Tuples as JSON writes them."""
    return json.loads(json.dumps(value))

"""Each check of the gate has its tests and its controls, and `make gate` runs them."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from tests.gate.checks import CHECKS
from tests.house.tree import ROOT

pytestmark = pytest.mark.gate
HELD = frozenset({*range(12, 40), 45, 48, 49, 50, 51})
NAME = re.compile(r"([a-z_/]+\.py)::(test_\w+)(?:\[([a-z0-9-]+(?:, [a-z0-9-]+)*)\])?")
GATE = "pytest.mark.gate"


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def fault_of(name: str) -> str | None:
    """What is wrong with the name of a test: none such, not of the gate, no such case."""
    found = NAME.fullmatch(name)
    path = ROOT / "tests" / found[1] if found else ROOT
    if found is None or not path.is_file():
        return f"{name}: no such file"
    functions = {
        node.name: node for node in tree_of(path).body if isinstance(node, ast.FunctionDef)
    }
    if found[2] not in functions:
        return f"{name}: no such test"
    marks = [ast.unparse(mark) for mark in functions[found[2]].decorator_list]
    for node in tree_of(path).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "pytestmark":
            marks.append(ast.unparse(node.value))
    if not any(GATE in mark for mark in marks):
        return f"{name}: not of the gate"
    absent = [each for each in (found[3] or "").split(", ") if f'"{each}"' not in path.read_text()]
    return f"{name}: no case {absent}" if found[3] and absent else None


def test_every_check_has_its_tests_and_its_controls() -> None:
    assert set(CHECKS) == HELD
    for number, check in CHECKS.items():
        assert check.tests, f"check {number} has no test"
        assert check.controls, f"check {number} has no control"
        assert not set(check.tests) & set(check.controls), number
    names = [name for check in CHECKS.values() for name in (*check.tests, *check.controls)]
    assert [fault for name in names if (fault := fault_of(name))] == []


@pytest.mark.parametrize(
    "name",
    [
        "gate/test_nothing.py::test_x",
        "gate/test_checks.py::test_nothing",
        "test_clock.py::test_it_counts_microseconds",
        "internal/test_broken_doors.py::test_control_of_the_door[nothing]",
        "internal/test_broken_doors.py",
    ],
)
def test_control_a_name_that_proves_nothing_is_told(name: str) -> None:
    assert fault_of(name) is not None

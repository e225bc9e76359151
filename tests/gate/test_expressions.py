"""Gate 39: no pattern of the portal takes long over any text.

Each is timed on long texts made to go wrong at their end, and none repeats what repeats.
"""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
import time
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from re import _constants as constants  # where Python keeps them
from re import _parser as parser
from typing import Any, NamedTuple

import pytest

import portal
from portal.pricing import text
from tests.house.tree import files, read

pytestmark = pytest.mark.gate
LONG = 100_000
SECONDS = 0.5  # what is quadratic takes minutes
DEEP = 5
STARTING = ("portal.studio.wsgi",)  # what is imported to be served, and holds nothing else
REPEATS = (constants.MAX_REPEAT, constants.MIN_REPEAT)
SEARCHING = frozenset({"search", "sub", "subn", "findall", "finditer"})
ASKING = SEARCHING | {"match", "fullmatch", "split"}
MANY = 256  # times: what may be repeated so often or more counts as without end


class Kept(NamedTuple):
    """A pattern, and whether it is looked for anywhere in a text."""

    pattern: re.Pattern[Any]
    searched: bool


def loaded() -> Iterator[Kept]:
    """Every pattern that a module of the portal keeps, also within its tables."""
    for module in pkgutil.walk_packages(portal.__path__, "portal."):
        if module.name in STARTING:
            continue
        made = importlib.import_module(module.name)
        searches = searching(Path(made.__file__ or ""))
        for pattern in within(vars(made), 0):
            yield Kept(pattern, searches)
    yield Kept(text._marks()[1], True)


def searching(path: Path) -> bool:
    """Whether a module looks for patterns anywhere in a text, and not only at its beginning."""
    nodes = ast.walk(ast.parse(path.read_text()))
    return any(isinstance(node, ast.Attribute) and node.attr in SEARCHING for node in nodes)


def within(value: Any, depth: int) -> Iterator[re.Pattern[Any]]:
    if isinstance(value, re.Pattern):
        yield value
    elif isinstance(value, types.BuiltinMethodType) and isinstance(value.__self__, re.Pattern):
        yield value.__self__
    elif depth < DEEP and isinstance(value, dict | list | tuple):
        for each in value.values() if isinstance(value, dict) else value:
            yield from within(each, depth + 1)
    elif depth < DEEP and type(value).__module__.startswith("portal."):
        yield from within(getattr(value, "__dict__", None), depth + 1)


def written() -> Iterator[Kept]:
    """Every pattern that is written where it is used."""
    for path in files("portal", ".py"):
        for node in ast.walk(ast.parse(read(path))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                room, first = node.func.value, node.args[0] if node.args else None
                is_asked = ast.unparse(room) == "re" and node.func.attr in ASKING
                if is_asked and isinstance(first, ast.Constant) and isinstance(first.value, str):
                    yield Kept(re.compile(first.value), node.func.attr in SEARCHING)


def patterns() -> dict[str, Kept]:
    """All of the portal's, by their text."""
    found: dict[str, Kept] = {}
    for kept in [*written(), *loaded()]:
        before = found.get(str(kept.pattern.pattern))
        searched = kept.searched or (before is not None and before.searched)
        found[str(kept.pattern.pattern)] = kept._replace(searched=searched)
    return found


PATTERNS = patterns()


def repeats(tree: Any, inside: bool = False) -> Iterator[str]:
    """Where something without end repeats what has no end itself, and both may give back."""
    for kind, value in tree:
        if kind in REPEATS:
            least, most, body = value
            endless = most is constants.MAXREPEAT or most >= MANY
            if inside and endless:
                yield f"{least} to {most} within a repetition"
            yield from repeats(body, inside or (endless and least != most))
        else:
            for part in parts_of(kind, value):
                yield from repeats(part, inside)


def parts_of(kind: Any, value: Any) -> Iterator[Any]:
    """The patterns within one node of a pattern."""
    if kind is constants.BRANCH:
        yield from value[1]
    elif kind is constants.SUBPATTERN:
        yield value[3]
    elif kind is constants.POSSESSIVE_REPEAT:
        yield value[2]  # it gives nothing back: what repeats within it is gone through once
    elif kind in (constants.ASSERT, constants.ASSERT_NOT):
        yield value[1]
    elif kind is constants.ATOMIC_GROUP:
        yield value
    elif kind is constants.GROUPREF_EXISTS:
        yield from (part for part in value[1:] if part is not None)


def texts(pattern: re.Pattern[Any]) -> Iterator[str]:
    """Long texts of the signs that a pattern speaks of, with an end that it does not take."""
    spoken = sorted(set(signs(parser.parse(pattern.pattern, pattern.flags))))
    for sign in {*spoken, "a", "0", " ", "\\", "\n"}:
        yield sign * LONG + "\x00"
    for first in spoken[:5]:
        for second in spoken[:5]:
            yield (first + second) * (LONG // 2) + "\x00"
    yield "".join(spoken) * (LONG // max(len(spoken), 1)) + "\x00"


def signs(tree: Any) -> Iterator[str]:
    """A sign of each set, and each literal, of a pattern."""
    for kind, value in tree:
        if kind in (constants.LITERAL, constants.NOT_LITERAL):
            yield chr(value if kind is constants.LITERAL else value + 1)
        elif kind is constants.IN:
            yield from (sign for sign in set_signs(value))
        elif kind is constants.ANY:
            yield "x"
        elif kind in REPEATS:
            yield from signs(value[2])
        else:
            for part in parts_of(kind, value):
                yield from signs(part)


def set_signs(members: Any) -> Iterator[str]:
    for kind, value in members:
        if kind is constants.LITERAL:
            yield chr(value)
        elif kind is constants.RANGE:
            yield chr(value[0])


def slowest(kept: Kept) -> float:
    """The longest, in seconds of the processor, that a pattern takes over any of its texts."""
    pattern = kept.pattern
    is_bytes = isinstance(pattern.pattern, bytes)
    return max(
        took(pattern.search if kept.searched else pattern.fullmatch,
             text.encode("utf-8", "replace") if is_bytes else text)
        for text in texts(pattern)
    )  # fmt: skip


def took(use: Callable[[Any], object], text: Any) -> float:
    began = time.thread_time()
    use(text)
    return time.thread_time() - began


def nested(kept: Kept) -> list[str]:
    """Where a pattern repeats what repeats."""
    return list(repeats(parser.parse(kept.pattern.pattern, kept.pattern.flags)))


def test_no_pattern_takes_long_over_any_text() -> None:
    assert len(PATTERNS) > 30
    assert {text: slowest(kept) for text, kept in PATTERNS.items() if slowest(kept) > SECONDS} == {}


def test_no_pattern_repeats_what_repeats() -> None:
    assert {text: nested(kept) for text, kept in PATTERNS.items() if nested(kept)} == {}


def test_control_a_slow_pattern_is_found_out() -> None:
    assert slowest(Kept(re.compile(r"[a-z]{1,9000}:"), True)) > SECONDS


@pytest.mark.parametrize("text", [r"(?:a+)+b", r"(a|b+c*)*", r"(?=(x{1,300})+)", r"([^,]*,?)*$"])
def test_control_what_repeats_what_repeats_is_found_out(text: str) -> None:
    assert nested(Kept(re.compile(text), False))


def test_what_is_compiled_is_kept_where_it_is_found() -> None:
    """At the top of a module, or by these three for what stands there."""
    functions = [
        (path.name, node.name)
        for path in files("portal", ".py")
        for node in ast.walk(ast.parse(read(path)))
        if isinstance(node, ast.FunctionDef) and any(map(is_compiling, ast.walk(node)))
    ]
    assert functions == [("rules.py", "matching"), ("text.py", "_marks"), ("profile.py", "_form")]


def is_compiling(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node.func) == "re.compile"

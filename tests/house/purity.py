"""What the vault may not do: count in fractions, look at a clock, draw lots."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

INEXACT = frozenset({"float", "Decimal", "Fraction", "complex"})
INEXACT_MODULES = frozenset({"decimal", "fractions", "statistics", "cmath"})
OUTSIDE_MODULES = frozenset({"time", "random", "secrets", "uuid"})
OUTSIDE_CALLS = frozenset({"now", "utcnow", "today", "urandom", "getrandom"})
# datetime.now(), date.today(), time.time() and their kin: portal/clock.py alone asks for the time.
CLOCK_CALLS = frozenset(
    {
        ("datetime", "now"), ("datetime", "utcnow"), ("datetime", "today"), ("date", "today"),
        ("time", "time"), ("time", "time_ns"), ("time", "gmtime"), ("time", "localtime"),
    }
)  # fmt: skip
OUTSIDE_SQL = re.compile(
    r"\b(current_timestamp|current_date|clock_timestamp|statement_timestamp|now\(\)|random\(\)"
    r"|gen_random_uuid|randomblob|strftime\(|julianday|'now')",
    re.IGNORECASE,
)


def check_vault(path: Path, source: str) -> list[str]:
    """Faults of a module of portal/ledger or portal/pricing."""
    tree = ast.parse(source)
    texts = _docstrings(tree)
    return [
        f"{path}:{getattr(node, 'lineno', 0)}: {fault}"
        for node in ast.walk(tree)
        for fault in [*_inexact(node), *_outside(node, texts)]
    ]


def check_clock(path: Path, source: str) -> list[str]:
    """Places other than portal/clock.py that ask what time it is."""
    return [
        f"{path}:{node.lineno}: asks the time; portal.clock does that"
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Attribute)
        if (ast.unparse(node.value).split(".")[-1], node.attr) in CLOCK_CALLS
        or (isinstance(node.value, ast.Name) and (node.value.id, node.attr) in CLOCK_CALLS)
    ] + [
        f"{path}:{node.lineno}: takes the clock by name; portal.clock does that"
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ImportFrom) and node.module == "time"
        if {alias.name for alias in node.names} & {"time", "time_ns", "gmtime", "localtime"}
    ]


def _inexact(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Constant(value=float() | complex()):
            yield "a number that is not whole"
        case ast.BinOp(op=ast.Div()) | ast.AugAssign(op=ast.Div()):
            yield "true division; use // or divmod"
        case ast.Name(id=name) if name in INEXACT:
            yield f"{name} in the vault"
        case ast.Attribute(attr="truediv" | "fsum" | "sqrt" | "pow" as name):
            yield f"{name} in the vault"
    yield from (f"{name} in the vault" for name in _modules(node) if name in INEXACT_MODULES)


def _outside(node: ast.AST, docstrings: set[int]) -> Iterator[str]:
    match node:
        case ast.Call(func=ast.Attribute(attr=name)) if name in OUTSIDE_CALLS:
            yield f"{name}() reads a clock or draws lots"
        case ast.Constant(value=str() as text) if id(node) not in docstrings:
            if found := OUTSIDE_SQL.search(text):
                yield f"SQL asks {found.group()}"
    yield from (f"{name} in the vault" for name in _modules(node) if name in OUTSIDE_MODULES)


def _modules(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name.split(".")[0] for alias in node.names]
    if isinstance(node, ast.ImportFrom) and not node.level:
        return [(node.module or "").split(".")[0]]
    return []


def _docstrings(tree: ast.AST) -> set[int]:
    return {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        if node.body and isinstance(node.body[0], ast.Expr)
    }

"""The words of the house: one word for one thing, and the words that are never used."""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Iterator
from pathlib import Path

BANNED = frozenset(
    {
        "charge", "charges", "common", "event", "events", "helper", "helpers", "item", "items",
        "manager", "managers", "transaction", "transactions", "util", "utils", "wallet", "wallets",
    }
)  # fmt: skip
BANNED_PAIRS = (("service", "layer"),)
# The database's own word is its own; nobody else's.
MAY_SAY_TRANSACTION = ("portal/database/", "portal/database.py", "migrations/")
ERROR_NAME = re.compile(r"(Error|Exception)$")
COMPOUND = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


def check_words(path: Path, source: str) -> list[str]:
    """Banned words among the names a module makes; names of others' that it uses are theirs."""
    tree = ast.parse(source)
    found = [
        f"{path}:{line}: {name!r} says {word!r}"
        for line, name in _made(tree)
        for word in banned_in(name)
        if not _is_database_word(path, word)
    ]
    return [*found, *_misnamed(path, tree)]


def check_file_name(path: Path) -> list[str]:
    """Banned words in the name of a file or of a folder above it."""
    return [f"{path}: says {word!r}" for part in path.parts for word in banned_in(part)]


def banned_in(name: str) -> list[str]:
    """The banned words in a name, however it is put together."""
    words = [word.lower() for word in COMPOUND.findall(name)]
    pairs = [" ".join(pair) for pair in itertools.pairwise(words) if pair in BANNED_PAIRS]
    return [word for word in words if word in BANNED] + pairs


def _is_database_word(path: Path, word: str) -> bool:
    return word.startswith("transaction") and path.as_posix().startswith(MAY_SAY_TRANSACTION)


def _made(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and name of everything bound or defined here, and of the tables and columns named."""
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield node.lineno, node.name
            case ast.arg():
                yield node.lineno, node.arg
            case ast.Name(ctx=ast.Store()) | ast.Name(ctx=ast.Del()):
                yield node.lineno, node.id
            case ast.Attribute(ctx=ast.Store()):
                yield node.lineno, node.attr
            case ast.alias(asname=str()):
                yield node.lineno, str(node.asname)
            case ast.ImportFrom(module=str()) if str(node.module).split(".")[0] == "portal":
                yield from ((node.lineno, alias.name) for alias in node.names)
            case ast.Call(func=ast.Name(id="Table" | "Column") | ast.Attribute(attr="Table")):
                yield from _first_text(node)
            case ast.Call(func=ast.Attribute(attr="Column" | "Blueprint")):
                yield from _first_text(node)


def _first_text(call: ast.Call) -> Iterator[tuple[int, str]]:
    for argument in call.args[:1]:
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
            yield argument.lineno, argument.value


def _misnamed(path: Path, tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.ClassDef(name=name) if _is_error(node) and not name.endswith("Error"):
                yield f"{path}:{node.lineno}: {name} is an error and does not end in Error"
            case ast.FunctionDef(name=name, returns=ast.expr() as answer):
                if name.startswith("get_") and "None" in ast.unparse(answer).split(" | "):
                    yield f"{path}:{node.lineno}: {name} may return None; say find_"


def _is_error(kind: ast.ClassDef) -> bool:
    return any(ERROR_NAME.search(ast.unparse(base)) for base in kind.bases)

"""Each module has its test: portal/pricing/quote.py is proved by tests/pricing/test_quote.py."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from pathlib import Path

DECISIONS = "decides with its kin: tests/ledger/test_deciding.py and the tests of each command"
SERVED = "served and asked over HTTP: tests/stories/test_outcomes.py"
POSTS = "writes on both databases: tests/ledger/test_loading.py, tests/ledger/test_model_bank.py"
# Modules without a test of their own name, and where they are proved instead. That every branch
# of the vault is run is held by `make test`, whichever test does it.
UNMIRRORED = {
    "portal/database/errors.py": "classes alone: raised in tests/database/test_engines.py",
    "portal/ledger/commands.py": "values alone: every test of the ledger makes them",
    "portal/ledger/model.py": "values alone: every test of the ledger reads them",
    "portal/ledger/records.py": "tables alone: compared in tests/ledger/test_tables.py",
    "portal/ledger/facts.py": DECISIONS,
    "portal/ledger/queries.py": POSTS,
    "portal/ledger/statements.py": POSTS,
    "portal/studio/place.py": "values alone: every test of the studio's pages asks for them",
    "portal/studio/wsgi.py": SERVED,
}


def check_mirror(sources: Mapping[Path, str], tests: Iterable[Path]) -> list[str]:
    """Modules that hold code and have no test module of their name, nor a reason above."""
    present = set(tests)
    return [
        f"{path} has no {_mirror(path)}"
        for path, source in sources.items()
        if _mirror(path) not in present
        if path.as_posix() not in UNMIRRORED and not _is_front(path, source)
    ]


def _mirror(path: Path) -> Path:
    """A package's own file is proved under the package's name: portal/__init__.py, test_portal."""
    name = path.parent.name if path.stem == "__init__" else path.stem
    return Path("tests", *path.parts[1:-1], f"test_{name}.py")


def _is_front(path: Path, source: str) -> bool:
    """Whether a package's file only hands out names."""
    plain = (ast.Import, ast.ImportFrom, ast.Expr, ast.Assign)
    return path.stem == "__init__" and all(isinstance(n, plain) for n in ast.parse(source).body)

"""Which files the project has, and which may lie at its top."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TOP = frozenset(
    {
        "CHANGELOG.md", "LICENSE", "Makefile", "README.md", "alembic.ini", "benchmarks", "docs",
        "gunicorn.conf.py", "migrations", "portal", "pyproject.toml", "requirements-dev.lock",
        "requirements.lock", "static", "templates", "tests", "wsgi.py",
    }
)  # fmt: skip
LAID_BY_RUNNING = ("__pycache__", "*.pyc", ".*_cache", "*.swp")


def check_top(names: Iterable[str], ignored: Iterable[str]) -> list[str]:
    """Names at the top that are neither of the plan nor dotfiles nor left by running it."""
    ignored = list(ignored)
    return [
        f"{name} does not belong at the top"
        for name in names
        if name not in TOP
        and not name.startswith(".")
        and not any(fnmatch.fnmatch(name, pattern) for pattern in ignored)
    ]


def ignored_patterns() -> list[str]:
    """What .gitignore says of names at the top."""
    lines = (ROOT / ".gitignore").read_text().splitlines()
    return [line.strip("/") for line in lines if line and not line.startswith("#")]


def files(folder: str, ending: str) -> list[Path]:
    """All files under `folder` with that ending, vendored ones and leavings apart, relative."""
    return sorted(
        path.relative_to(ROOT)
        for path in (ROOT / folder).rglob(f"*{ending}")
        if path.is_file() and "vendor" not in path.parts and not _is_leaving(path)
    )


def _is_leaving(path: Path) -> bool:
    parts = path.relative_to(ROOT).parts
    return any(fnmatch.fnmatch(part, pattern) for part in parts for pattern in LAID_BY_RUNNING)


def read(path: Path) -> str:
    """The text of a file of the project."""
    return (ROOT / path).read_text(encoding="utf-8")

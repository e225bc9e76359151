"""The files of others that lie in the project: each pinned by its SHA-256 in .make/vendored."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from tests.house.tree import ROOT

FOLDERS = ("static/vendor", "tests/browser/vendor")


class Pin(NamedTuple):
    """One vendored file: its hash, where it lies, and which file of which package it is."""

    sha256: str
    path: str
    package: str
    source: str


def pins() -> list[Pin]:
    """All pins of .make/vendored; lines of four words, comments apart."""
    lines = (ROOT / ".make" / "vendored").read_text().splitlines()
    return [Pin(*line.split()) for line in lines if line and not line.startswith("#")]


def lying(folder: str) -> list[Path]:
    """The files that lie there."""
    return [path for path in (ROOT / folder).rglob("*") if path.is_file()]

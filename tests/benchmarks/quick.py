"""A run of the benchmarks as short as can be, whose times mean nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.serving import ROOT


def quick(codes: str, folder: Path) -> tuple[dict[str, Any], str]:
    """The figures of a run on SQLite by their codes, as its JSON has them, and what it printed."""
    told = folder / "figures.json"
    words = ["--quick", "--only", codes, "--database", "sqlite", "--json", str(told)]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", *words], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return {each["code"]: each for each in json.loads(told.read_text())["figures"]}, done.stdout

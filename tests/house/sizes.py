"""How long things may be: a module that outgrows this hides a noun."""

from __future__ import annotations

import ast
from pathlib import Path

MODULE_LINES, FUNCTION_LINES, TEMPLATE_LINES, LINE_SIGNS = 300, 60, 80, 100


def check_sizes(path: Path, text: str) -> list[str]:
    """Faults of one file: its lines, their length and, in Python, its functions."""
    lines = text.splitlines()
    most = {".py": MODULE_LINES, ".html": TEMPLATE_LINES}.get(path.suffix)
    faults = [
        f"{path}:{number}: {len(line)} signs, at most {LINE_SIGNS}"
        for number, line in enumerate(lines, 1)
        if len(line) > LINE_SIGNS
    ]
    if most and len(lines) > most:
        faults.append(f"{path}: {len(lines)} lines, at most {most}")
    return faults + (check_functions(path, text) if path.suffix == ".py" else [])


def check_functions(path: Path, source: str) -> list[str]:
    """Functions that are too long, decorators and docstring counted."""
    return [
        f"{path}:{node.lineno}: {node.name} has {length} lines, at most {FUNCTION_LINES}"
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if (length := (node.end_lineno or node.lineno) - node.lineno + 1) > FUNCTION_LINES
    ]

"""Who may import whom (docs/architecture.md). A room is a file or folder right under portal/."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

PORTAL = "portal"
EVERYTHING = "*"


@dataclass(frozen=True)
class Room:
    """What a room may import: rooms of the portal, and packages beyond the standard library."""

    rooms: frozenset[str]
    packages: frozenset[str]


def _room(rooms: str = "", packages: str = "") -> Room:
    return Room(frozenset(rooms.split()), frozenset(packages.split()))


# A dotted name opens one module of a room, or one name of a package, and no more of it.
ROOMS = {
    "clock": _room(),
    "config": _room(),
    "signing": _room("", "cryptography"),
    "limits": _room(),
    "pricing": _room(),
    "ledger": _room("pricing", "sqlalchemy"),
    "database": _room("config ledger identity internal", "sqlalchemy alembic psycopg"),
    "current": _room("clock config database ledger limits pricing", "flask werkzeug sqlalchemy"),
    "identity": _room("", "sqlalchemy argon2"),
    "client": _room("clock signing pricing.text"),
    "studio": _room("client signing pricing.text", "flask werkzeug"),
    "internal": _room("current ledger limits pricing signing", "flask werkzeug sqlalchemy"),
    "web": _room(
        "current ledger limits pricing identity",
        "flask werkzeug flask_login jinja2 jinja2_fragments markupsafe "
        "sqlalchemy.Connection",  # a name for annotations; queries are asked in other rooms
    ),
    "operations": _room(
        "config current database internal ledger",
        "flask werkzeug sqlalchemy prometheus_client",
    ),
    "cli": _room(EVERYTHING, EVERYTHING),
    "application": _room(EVERYTHING, EVERYTHING),
    "__init__": _room("config application", "flask"),
}
# Rooms that are entered by the front alone: `from portal import ledger`, never what lies behind.
FRONTS = frozenset({"ledger", "pricing", "identity", "signing"})
# The half of the ledger that decides: values in, values out. It stands on the standard library
# and prices alone, and may not import the other half, which loads, appends and reads.
DECIDING = frozenset(
    {
        "book", "burn", "caps", "chain", "commands", "debits", "deciding", "dues", "errors",
        "facts", "funds", "grants", "holds", "identifiers", "model", "plans", "refunds", "stamps",
        "turnover",
    }
)  # fmt: skip


@dataclass(frozen=True)
class Plan:
    """The portal's modules by dotted name, which are packages, and what each front hands out."""

    modules: frozenset[str]
    fronts: Mapping[str, frozenset[str]]

    @classmethod
    def of(cls, sources: Mapping[Path, str]) -> Plan:
        fronts = {dotted(p): _handed_out(s) for p, s in sources.items() if p.stem == "__init__"}
        return cls(frozenset(dotted(path) for path in sources), fronts)

    def is_behind(self, target: str) -> bool:
        """Whether a dotted name is a module inside a package which the front does not hand out."""
        package, _, name = target.rpartition(".")
        return (
            target in self.modules
            and package in self.fronts
            and package != PORTAL
            and (name not in self.fronts[package])
        )


def check_imports(path: Path, source: str, plan: Plan) -> list[str]:
    """Faults of the module at `path` (relative, under portal/) against the table above."""
    name, tree = dotted(path), ast.parse(source)
    own = name.split(".")[1] if "." in name else "__init__"
    if own not in ROOMS:
        return [f"{path}: no rule says what the room {own!r} may import"]
    decides = own == "ledger" and name.rpartition(".")[2] in DECIDING
    faults = []
    for line, target in [*_imported(name, tree, plan), *_reached(own, tree)]:
        if fault := _fault(own, target, plan) or (decides and _deciding_fault(target)):
            faults.append(f"{path}:{line}: {fault}")
    return faults


def dotted(path: Path) -> str:
    """portal/ledger/holds.py is portal.ledger.holds; a package is named by its folder."""
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _handed_out(source: str) -> frozenset[str]:
    names: set[str] = set()
    for node in ast.parse(source).body:
        if isinstance(node, ast.ImportFrom) and "." in (node.module or ""):
            names |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
    return frozenset(names)


def _imported(name: str, tree: ast.AST, plan: Plan) -> Iterator[tuple[int, str]]:
    """Line and dotted name of everything imported, also inside functions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:  # relative: counted from the package this module lies in
                package = name.split(".") if name in plan.fronts else name.split(".")[:-1]
                above = package[: len(package) - node.level + 1]
                base = ".".join([*above, *([base] if base else [])])
            for alias in node.names:
                full = f"{base}.{alias.name}"
                is_name = base in plan.modules and base != PORTAL and full not in plan.modules
                yield node.lineno, base if is_name else full


def _reached(own: str, tree: ast.AST) -> Iterator[tuple[int, str]]:
    """`ledger.posting` after `from portal import ledger`: what is reached by a dot."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            room = node.value.id
            if room in ROOMS and room != own and room in _taken_from_portal(tree):
                yield node.lineno, f"{PORTAL}.{room}.{node.attr}"


def _taken_from_portal(tree: ast.AST) -> frozenset[str]:
    nodes = [n for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and n.module == PORTAL]
    return frozenset(alias.name for node in nodes for alias in node.names if not alias.asname)


def _fault(own: str, target: str, plan: Plan) -> str | None:
    top, _, rest = target.partition(".")
    law = ROOMS[own]
    if top != PORTAL:
        if top in sys.stdlib_module_names or EVERYTHING in law.packages:
            return None
        is_allowed = any(f"{target}.".startswith(f"{name}.") for name in law.packages)
        return None if is_allowed else f"{own} may not use {target}"
    room = rest.partition(".")[0]
    if room == own or rest in law.rooms:
        return None
    if not {room, EVERYTHING} & law.rooms:
        return f"{own} may not import {room or PORTAL}"
    if room in FRONTS and plan.is_behind(target):
        return f"{own} reaches behind the front: {target}"
    return None


def _deciding_fault(target: str) -> str | None:
    top, *rest = target.split(".")
    if top == PORTAL and rest[:1] == ["pricing"]:
        return None
    if top == PORTAL and rest[:1] == ["ledger"] and rest[1:2] and rest[1] in DECIDING:
        return None
    return None if top in sys.stdlib_module_names else f"the deciding half imports {target}"

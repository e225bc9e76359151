"""What templates may not say: what the security policy would block, or htmx would evaluate."""

from __future__ import annotations

import re
from pathlib import Path

FORBIDDEN = {
    "hx-on": re.compile(r"hx[-_]on\b"),
    "hx-boost": re.compile(r"hx[-_]boost"),
    "js: in an attribute": re.compile(r"\bjs:|javascript:", re.IGNORECASE),
    "a filter in a trigger (it needs eval)": re.compile(r"trigger\s*=\s*[\"'][^\"']*\["),
    "a morphing swap (it breaks SVG)": re.compile(r"morph", re.IGNORECASE),
    "an inline style": re.compile(r"[\s\"']style\s*=|<style\b", re.IGNORECASE),
    "an inline handler": re.compile(r"<[^>]*[\s\"']on[a-z]+\s*=", re.IGNORECASE),
    "a script without a nonce": re.compile(r"<script\b(?![^>]*\bnonce\b)", re.IGNORECASE),
    "a script of its own text": re.compile(r"<script\b(?![^>]*\bsrc\b)", re.IGNORECASE),
    "an address elsewhere": re.compile(r"(?:src|href|action)\s*=\s*[\"'](?:https?:)?//"),
}
UNESCAPED = re.compile(r"\|\s*safe\b|\bautoescape\s+false|\bMarkup\(")
MAY_SAY_SAFE = frozenset({"templates/ui.html"})


def check_markup(path: Path, text: str) -> list[str]:
    """Faults of one template; comments of the template language do not count."""
    shown = re.sub(r"\{#.*?#\}", "", text, flags=re.DOTALL)
    faults = [f"{path}: {what}" for what, pattern in FORBIDDEN.items() if pattern.search(shown)]
    if UNESCAPED.search(shown) and path.as_posix() not in MAY_SAY_SAFE:
        faults.append(f"{path}: text that is not escaped")
    return faults

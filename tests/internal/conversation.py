"""The examples that the door publishes, held again with a real portal, step by step.

Ids, seals, hashes and keys are other ones each time; everything else of an answer is not. To write
the examples anew, with what a portal answers now: `python -m tests.internal.conversation`.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from portal import database
from portal.config import Config
from portal.internal.openapi import examples
from tests.internal.service import ROOT, Answer, Clock, Service, issue, opened

FILE = Path(__file__).resolve().parents[2] / "portal" / "internal" / "examples.json"
# What a portal draws or computes for itself.
OWN = re.compile(r"\b(?:(?:ent|grt|hld|qte|rfs)_[0-9a-f]{8,}|[0-9a-f]{64})\b")
Step = dict[str, Any]


def held(service: Service, steps: list[Step]) -> Iterator[tuple[Step, Answer, Step]]:
    """Each step, the answer to it, and the step as it went: with ids of this portal."""
    names: dict[str, str] = {}
    for step in steps:
        asked = json.loads(renamed(json.dumps(step), names))
        path, _, query = asked["path"].removeprefix(ROOT).partition("?")
        key = {"key": asked["key"]} if "key" in asked else {}
        body = asked.get("body")
        answer = service.prepare(asked["method"], path, body, query=query, **key).send()
        told = zip(OWN.findall(json.dumps(step["answer"])), OWN.findall(answer.text), strict=False)
        names |= dict(told)
        yield step, answer, {**asked, "status": answer.status_code, "answer": answer.json}


def renamed(text: str, names: dict[str, str]) -> str:
    """A text with the ids of one portal for those of another."""
    return OWN.sub(lambda found: names.get(found[0], found[0]), text)


def plain(told: Any) -> Any:
    """An answer without what a portal draws for itself: each is its first place in the text."""
    order: dict[str, str] = {}

    def place(found: re.Match[str]) -> str:
        return order.setdefault(
            found[0], f"{found[0].partition('_')[0] if '_' in found[0] else 'hash'} {len(order)}"
        )

    return json.loads(OWN.sub(place, json.dumps(told)))


def main() -> None:
    """Write the examples anew."""
    with tempfile.TemporaryDirectory(dir=FILE.parent) as folder:
        config = Config.from_environment({}, root=Path(folder))
        database.upgrade(config)
        clock = Clock()
        with opened(config, clock) as app:
            steps = [step for _, _, step in held(issue(app, clock), examples())]
    FILE.write_text(json.dumps(steps, indent=1, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    main()

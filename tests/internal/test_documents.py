"""docs/service-api.md against the door: every member of every request and answer, and no other."""

import re
from pathlib import Path
from typing import Any

import pytest

from portal.internal import bodies
from portal.internal.bodies import (
    AccountBody,
    BatchBody,
    Body,
    CaptureBody,
    DebitBody,
    ExtendBody,
    GrantBody,
    HoldBody,
    QuoteBody,
    RefundBody,
    ReleaseBody,
    shape_of,
)
from portal.internal.errors import Fault
from tests.internal.service import Service

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "service-api.md").read_text()
BODIES: dict[str, type[Body]] = {
    "POST /internal/v1/quotes": QuoteBody,
    "POST /internal/v1/debits": DebitBody,
    "POST /internal/v1/holds": HoldBody,
    "POST /internal/v1/holds/<hold>/capture": CaptureBody,
    "POST /internal/v1/holds/<hold>/release": ReleaseBody,
    "POST /internal/v1/holds/<hold>/extend": ExtendBody,
    "POST /internal/v1/refunds": RefundBody,
    "POST /internal/v1/batch": BatchBody,
    "POST /internal/v1/grants": GrantBody,
    "PUT /internal/v1/accounts/<account>": AccountBody,
}


def rows(heading: str) -> list[list[str]]:
    """Cells of the table below a heading, without its head."""
    section = PAGE.split(f"### {heading}\n", 1)[1].split("\n##", 1)[0]
    found = [line.strip("| ").split(" | ") for line in section.splitlines() if line[:3] == "| `"]
    return [[cell.strip("`") for cell in row] for row in found]


def test_every_kind_of_body_has_its_table() -> None:
    headings = set(re.findall(r"^### ((?:POST|PUT) .+)$", PAGE, re.M))
    assert headings == set(BODIES)
    kinds = {kind for kind in vars(bodies).values() if isinstance(kind, type)}
    assert set(BODIES.values()) == {kind for kind in kinds if issubclass(kind, Body)} - {Body}


@pytest.mark.parametrize(("heading", "body"), BODIES.items(), ids=list(BODIES))
def test_every_member_of_a_request_is_told_with_its_rule(heading: str, body: type[Body]) -> None:
    wanted = []
    for name, rule in shape_of(body).rules.items():
        faults: list[Fault] = []
        rule(object(), name, faults)
        needed = "yes" if name in shape_of(body).required else "no"
        wanted.append([name, needed, faults[0].rule])
    assert [row[:3] for row in rows(heading)] == wanted
    assert all(len(row) == 4 and row[3] for row in rows(heading))


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_every_member_of_an_answer_is_told(service: Service) -> None:
    held: dict[str, Any] = service.hold(10).json
    asked = {"account": "acme", "operation": "generate", "quantity": 1}
    answers = {
        "entry": held["entry"],
        "hold": held["hold"],
        "balance": held["balance"],
        "quote": service.post("/quotes", asked).json["quote"],
        "account": service.get("/accounts/acme").json["account"],
    }
    for name, members in answers.items():
        assert [row[0] for row in rows(name)] == list(members), name

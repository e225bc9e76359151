"""Hostile content, signed well: refused with a code, never a failure, and nothing is written."""

import json
from typing import Any

import pytest

from portal.database import Database
from tests.internal.service import Service, debit_of, digest_of

# What a body means is decided before the database is asked.
pytestmark = [
    pytest.mark.gate,
    pytest.mark.parametrize("dialect", ["sqlite"], indirect=True),
]

UNITS = [
    "0", "-1", "-0", "1.0", "1e2", "1e400", "NaN", "Infinity", "-Infinity", "true", "false",
    '"5"', "null", "[]", "{}", str(10**12 + 1), str(2**53), str(2**63 - 1), str(2**63), "9" * 5000,
    "+1", "01", "0x1", "1_000", "٣", "",
]  # fmt: skip


def refused(service: Service, vault: Database, path: str, body: bytes) -> dict[str, Any]:
    """Send content that must be refused; gives the problem."""
    before = digest_of(vault)
    answer = service.post(path, body)
    assert answer.status_code in (400, 413, 415, 422), (answer.status_code, body[:80])
    assert answer.content_type == "application/problem+json"
    told: dict[str, Any] = answer.json
    assert told["status"] == answer.status_code
    assert told["retryable"] is False
    assert digest_of(vault) == before
    return told


@pytest.mark.parametrize("units", UNITS, ids=[units[:20] or "missing" for units in UNITS])
def test_units_of_every_odd_kind(service: Service, vault: Database, units: str) -> None:
    quantity = f'"quantity": {units}, ' if units else ""
    about = '"reference": {"type": "task", "id": "job-1"}'
    body = f'{{"account": "acme", "operation": "generate", {quantity}{about}}}'.encode()
    for path in ("/debits", "/holds"):
        told = refused(service, vault, path, body)
        assert told["code"] in ("malformed_request", "validation")
        if told["code"] == "validation":
            assert [fault["member"] for fault in told["members"]] == ["quantity"]
    credits = f'"credits": {units}, ' if units else ""
    grant = f'{{"account": "acme", "origin": "purchase", {credits}{about}}}'.encode()
    refused(service, vault, "/grants", grant)
    if units not in ("0",):
        refused(service, vault, "/holds/hld_0/capture", f'{{{credits}"final": true}}'.encode())


def test_a_member_that_comes_twice_is_named(service: Service, vault: Database) -> None:
    for name in ("quantity", "\\u0071uantity"):
        body = json.dumps(debit_of(1))[:-1] + f', "{name}": 1}}'
        told = refused(service, vault, "/debits", body.encode())
        assert (told["code"], told["member"]) == ("malformed_request", "quantity")
        assert told["detail"] == "The member quantity comes twice."


def test_unknown_members_are_refused_by_name(service: Service, vault: Database) -> None:
    more = {"credits": 1, "price": 0, "unit_price": 0, "account_id": "x", "tariff": "y"}
    told = refused(service, vault, "/debits", json.dumps({**debit_of(1), **more}).encode())
    assert {fault["member"] for fault in told["members"]} == set(more)


TEXTS = {
    "lone-surrogate": b'"\\ud800"',
    "reversed-pair": b'"\\udc00\\ud800"',
    "nul": b'"a\\u0000b"',
    "raw-nul": b'"a\x00b"',
    "bidi": '"abc\u202edef"'.encode(),
    "isolate": '"abc\u2066def"'.encode(),
    "not-nfc": '"e\u0301"'.encode(),
    "latin-1": b'"\xe9"',
    "overlong": b'"\xc0\xaf"',
    "cesu": b'"\xed\xa0\xbd\xed\xb8\x80"',
    "newline": b'"a\\nb"',
    "escape": b'"\\u001b[31m"',
    "zero-width": '"\ufeffa"'.encode(),
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=list(TEXTS))
def test_texts_of_every_odd_kind(service: Service, vault: Database, text: bytes) -> None:
    body = json.dumps(debit_of(1, "JOB", labels={"a": "LABEL"})).encode()
    for place in (b'"JOB"', b'"LABEL"', b'"acme"', b'"generate"', b'"task"'):
        assert place in body
        refused(service, vault, "/debits", body.replace(place, text))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"{}"',
        b"{",
        b"\xef\xbb\xbf{}",
        "{}".encode("utf-16"),
        b'{"a":' * 2000,
        b"[" * 10_000,
        b'{"a":' + b"[" * 1000 + b"]" * 1000 + b"}",
        b"{}" + b"\x00",
        b"--boundary\r\n",
        b"quantity=1&account=acme",
    ],
    ids=lambda body: repr(body[:16]),
)
def test_what_is_no_object_is_malformed(service: Service, vault: Database, body: bytes) -> None:
    assert refused(service, vault, "/debits", body)["code"] == "malformed_request"


def test_ten_megabytes_and_a_hundred_thousand_levels(service: Service, vault: Database) -> None:
    for body in (b" " * 10_000_000, b"[" * 100_000, b'{"a":' * 100_000):
        assert refused(service, vault, "/debits", body)["code"] == "payload_too_large"


def test_members_of_wrong_shape_are_told_on_every_resource(
    service: Service, vault: Database
) -> None:
    for path in (
        "/debits", "/holds", "/refunds", "/grants", "/quotes",
        "/holds/x/capture", "/holds/x/release", "/holds/x/extend",
    ):  # fmt: skip
        told = refused(service, vault, path, b'{"a": {"b": [1, {"c": 1.5}]}, "reason": []}')
        assert told["code"] == "validation"
        assert "a" in [fault["member"] for fault in told["members"]]


def test_references_that_look_alike_are_not_alike(service: Service) -> None:
    assert service.debit(1, "é").status_code == 201
    assert service.debit(1, "é").status_code == 409
    assert service.debit(1, "e").status_code == 201


def test_control_json_as_the_standard_library_reads_it_lets_them_in(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = json.dumps(debit_of(1)).encode()[:-1] + b', "quantity": 2}'
    assert service.post("/debits", body).status_code == 400
    monkeypatch.setattr("portal.internal.door.read_object", json.loads)
    assert service.post("/debits", body).json["entry"]["quantity"] == 2

"""Who gets through the door: signed, in time, in scope; nobody else learns anything."""

import io
import json
import statistics
import time
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from portal import signing
from portal.current import Application
from portal.database import Database
from portal.internal import SCOPES as ENDPOINTS
from portal.internal import door
from portal.internal.keys import SCOPES, revoke_key
from tests.internal.service import (
    ROOT,
    Answer,
    Clock,
    Sent,
    Service,
    Slow,
    debit_of,
    digest_of,
    issue,
    new_key,
)
from tests.rounds import ROUNDS

# What the door does before the database is asked is the same on both.
pytestmark = [
    pytest.mark.gate,
    pytest.mark.parametrize("dialect", ["sqlite"], indirect=True),
]
KID_OF_NOBODY = "tts-209901a"


def debit(service: Service, **signed: Any) -> Sent:
    return service.prepare("POST", "/debits", debit_of(1), **signed)


def without(name: str) -> Callable[[Sent], None]:
    def change(sent: Sent) -> None:
        del sent.headers[name]

    return change


def header(name: str, value: str) -> Callable[[Sent], None]:
    def change(sent: Sent) -> None:
        sent.headers[name] = value

    return change


def other_body(sent: Sent) -> None:
    sent.body = sent.body.replace(b'"quantity": 1', b'"quantity": 2')


def cookie(sent: Sent) -> None:
    sent.headers = {"Cookie": "session=abc", "Content-Type": "application/json"}


FORGED: dict[str, Callable[[Sent], None]] = {
    "no-signature": without("Signature"),
    "no-input": without("Signature-Input"),
    "no-digest": without("Content-Digest"),
    "no-type": without("Content-Type"),
    "key-taken-away": without("Idempotency-Key"),
    "cookie": cookie,
    "basic": header("Authorization", "Basic YTpi"),
    "other-body": other_body,
    "empty-body": lambda sent: setattr(sent, "body", b""),
    "other-key": header("Idempotency-Key", '"another-key-000000"'),
    "other-type": header("Content-Type", "application/json; charset=utf-8"),
    "to-refunds": lambda sent: setattr(sent, "path", f"{ROOT}/refunds"),
    "to-holds": lambda sent: setattr(sent, "path", f"{ROOT}/holds"),
    "encoded": lambda sent: setattr(sent, "path", f"{ROOT}/%64ebits"),
    "eight-kib": header("Signature", "sig1=:" + "A" * 8192 + ":"),
    "latin-1": header("Signature-Input", "sig1=é"),
    "tab": header("Signature", "sig1=\t:"),
}
del FORGED["basic"]  # an unsigned header beside a good signature changes nothing


@pytest.mark.parametrize("change", FORGED.values(), ids=list(FORGED))
def test_every_forgery_gets_the_same_answer_and_does_nothing(
    service: Service, vault: Database, change: Callable[[Sent], None]
) -> None:
    sent, plain = debit(service), debit(service)
    before = digest_of(vault)
    change(sent)
    without("Signature")(plain)
    plain.path = sent.path
    answer, expected = sent.send(), plain.send()
    assert (answer.status_code, answer.data) == (401, expected.data)
    assert answer.content_type == "application/problem+json"
    assert answer.json["code"] == "signature_invalid"
    assert "server_time" not in answer.json
    assert "Set-Cookie" not in answer.headers
    assert answer.headers["WWW-Authenticate"] == 'Signature tag="credits-v1"'
    assert digest_of(vault) == before


@pytest.mark.parametrize(
    "signed",
    [
        {"kid": KID_OF_NOBODY},
        {"secret": "csk_guessed"},
        {"secret": ""},
        {"authority": "other.example"},
        {"method": "PUT"},
        {"path": f"{ROOT}/holds"},
        {"nonce": "short"},
        {"nonce": "n" * 129},
        {"kid": "k" * 65},
        {"created": -1},
        {"expires": 2**63},
    ],
    ids=str,
)
def test_every_wrong_signature_gets_the_same_answer(
    service: Service, vault: Database, signed: dict[str, Any]
) -> None:
    before = digest_of(vault)
    plain = debit(service)
    without("Signature")(plain)
    answer = debit(service, **signed).send()
    assert (answer.status_code, answer.data) == (401, plain.send().data)
    assert digest_of(vault) == before


def test_keys_revoked_not_yet_good_or_over_get_the_same_answer(
    service: Service, app: Flask, clock: Clock, vault: Database
) -> None:
    revoked = issue(app, clock, "revoked")
    assert vault.run(lambda connection: revoke_key(connection, revoked.key.kid, clock.now))
    over = issue(app, clock, "over", not_after=clock.now)
    clock.advance(seconds=3600)
    early = issue(app, clock, "early")
    clock.advance(seconds=-3600)
    before = digest_of(vault)
    answers = [debit(each).send() for each in (revoked, over, early)]
    forged = debit(service, secret="csk_guessed").send()
    assert {(answer.status_code, answer.data) for answer in answers} == {(401, forged.data)}
    assert digest_of(vault) == before


def test_a_key_is_refused_within_a_second_of_its_revocation(
    service: Service, clock: Clock, vault: Database
) -> None:
    assert debit(service).send().status_code == 201
    vault.run(lambda connection: revoke_key(connection, service.key.kid, clock.now))
    time.sleep(1.0)  # a key ring is at most this old; real time, for it has a clock of its own
    assert debit(service).send().status_code == 401


@pytest.mark.parametrize(
    ("created", "expires", "status"),
    [(30, 60, 201), (31, 60, 401), (-60, -30, 201), (-60, -31, 401), (0, 300, 201), (0, 301, 401)],
)
def test_times_hold_to_the_second_and_the_servers_is_told(
    service: Service, clock: Clock, created: int, expires: int, status: int
) -> None:
    clock.advance(microseconds=750_000)
    now = clock.now // 1_000_000
    answer = debit(service, created=now + created, expires=now + expires).send()
    assert answer.status_code == status, answer.text
    if status == 401:
        assert answer.json["code"] == "signature_expired"
        assert answer.json["server_time"] == "2026-11-22T13:52:01.000000Z"
        assert answer.json["retryable"] is True


def test_refusing_takes_the_same_time_whatever_is_wrong(service: Service) -> None:
    debit(service).send()  # warm
    wrong = {
        "secret": debit(service, secret="csk_guessed"),
        "kid": debit(service, kid=KID_OF_NOBODY),
        "form": debit(service),
    }
    without("Signature")(wrong["form"])
    took: dict[str, list[int]] = {name: [] for name in wrong}
    for _ in range(min(600 * ROUNDS, 2_000)):
        for name, sent in wrong.items():
            began = time.perf_counter_ns()
            assert sent.send().status_code == 401
            took[name].append(time.perf_counter_ns() - began)
    medians = sorted(statistics.median(times) for times in took.values())
    most = 1.25 if ROUNDS == 1 else 1.05  # a query for the key would double it
    assert medians[-1] < medians[0] * most, medians


# --- scopes --------------------------------------------------------------------------------------


def requests_of(service: Service) -> dict[str, Callable[[], Answer]]:
    hold = "/holds/hld_00000000"
    return {
        "internal.post_debit": lambda: service.post("/debits", b"{}"),
        "internal.place_hold": lambda: service.post("/holds", b"{}"),
        "internal.get_hold": lambda: service.get(hold),
        "internal.capture_hold": lambda: service.post(f"{hold}/capture", b"{}"),
        "internal.release_hold": lambda: service.post(f"{hold}/release", b"{}"),
        "internal.extend_hold": lambda: service.post(f"{hold}/extend", b"{}"),
        "internal.post_refund": lambda: service.post("/refunds", b"{}"),
        "internal.post_batch": lambda: service.post("/batch", b"{}"),
        "internal.post_grant": lambda: service.post("/grants", b"{}"),
        "internal.post_quote": lambda: service.post("/quotes", b"{}"),
        "internal.put_account": lambda: service.put("/accounts/acme", b"{}"),
        "internal.get_account": lambda: service.get("/accounts/acme"),
        "internal.get_balance": lambda: service.get("/accounts/acme/balance"),
        "internal.get_entries": lambda: service.get("/accounts/acme/entries"),
        "internal.get_request": lambda: service.get(f"/requests/{new_key()}"),
        "internal.get_openapi": lambda: service.get("/openapi.json"),
    }


@pytest.mark.parametrize("scope", SCOPES)
def test_a_scope_opens_its_own_endpoints_and_no_other(
    service: Service, app: Flask, clock: Clock, vault: Database, scope: str
) -> None:
    narrow = issue(app, clock, "narrow", scopes=(scope,))
    before = digest_of(vault)
    for endpoint, ask in requests_of(narrow).items():
        answer = ask()
        needs = ENDPOINTS[endpoint]
        if needs and scope not in needs:
            assert (answer.status_code, answer.json["code"]) == (403, "scope_denied"), endpoint
            assert (answer.json["needs"], answer.json["has"]) == (list(needs), [scope])
            assert answer.json["detail"] == (
                f"This needs a key with the scope {' or '.join(needs)}, and this one has {scope}."
            )
        else:
            assert answer.status_code in (200, 404, 422), (endpoint, answer.text)
    assert digest_of(vault) == before


def test_every_endpoint_of_the_door_has_its_scopes_and_its_request_here(
    app: Flask, service: Service
) -> None:
    registered = {
        rule.endpoint for rule in app.url_map.iter_rules() if rule.endpoint.startswith("internal.")
    }
    assert registered == set(ENDPOINTS) == set(requests_of(service))
    assert {scope for scopes in ENDPOINTS.values() for scope in scopes} == set(SCOPES)


# --- what comes with a request -------------------------------------------------------------------


@pytest.mark.parametrize(
    "key", ["short", "x" * 129, "with a blank 0000000", "ünïcode-0000000000", "a/b/c/d/e/f/g/h/i"]
)
def test_idempotency_keys_are_of_one_form(service: Service, vault: Database, key: str) -> None:
    before = digest_of(vault)
    sent = debit(service) if not key.isascii() else debit(service, idempotency_key=key)
    if not key.isascii():
        sent.headers["Idempotency-Key"] = f'"{key}"'
    answer = sent.send()
    wanted = (400, "malformed_request") if key.isascii() else (401, "signature_invalid")
    assert (answer.status_code, answer.json["code"]) == wanted
    assert digest_of(vault) == before


@pytest.mark.parametrize("key", ["a" * 16, "~" * 128, "01J8ZQ4M.tts:7f3a_-~"])
def test_idempotency_keys_of_that_form_are_taken(service: Service, key: str) -> None:
    assert debit(service, idempotency_key=key).send().status_code == 201


def test_every_post_needs_an_idempotency_key(service: Service) -> None:
    for path in ("/debits", "/holds", "/holds/x/capture", "/refunds", "/grants", "/quotes"):
        answer = service.post(path, b"{}", idempotency_key=None)
        assert (answer.status_code, answer.json["code"]) == (400, "idempotency_key_missing"), path


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "application/json; charset=utf-8", "Application/JSON;charset=UTF-8",
     'application/json; charset="utf-8"'],
)  # fmt: skip
def test_json_in_utf_8_is_taken(service: Service, content_type: str) -> None:
    assert debit(service, content_type=content_type).send().status_code == 201


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "text/json", "application/json; charset=latin-1", "application/json;v=1",
     "application/x-www-form-urlencoded", "application/problem+json", "application/jsonp"],
)  # fmt: skip
def test_any_other_type_of_content_is_refused(
    service: Service, vault: Database, content_type: str
) -> None:
    before = digest_of(vault)
    answer = debit(service, content_type=content_type).send()
    assert (answer.status_code, answer.json["code"]) == (415, "unsupported_media_type")
    assert digest_of(vault) == before


def test_content_has_a_size(service: Service, vault: Database) -> None:
    members = debit_of(1, metadata={"a": "x"})
    body = json.dumps(members).encode()
    largest = body + b" " * (16 * 1024 - len(body))
    assert service.post("/debits", largest).status_code == 201
    before = digest_of(vault)
    for size in (len(largest) + 1, 10 * 1024 * 1024):
        answer = service.post("/debits", body + b" " * (size - len(body)))
        assert (answer.status_code, answer.json["code"]) == (413, "payload_too_large")
        assert (answer.json["maximum"], answer.json["got"]) == (16 * 1024, size)
        assert answer.json["detail"] == f"The content has {size} bytes; at most 16384 are taken."
    assert digest_of(vault) == before


def test_content_comes_with_its_length(service: Service) -> None:
    sent = debit(service)
    answer = service.client.post(
        sent.path, base_url=f"http://{sent.host}", data=sent.body,
        headers={**sent.headers, "Transfer-Encoding": "chunked"},
    )  # fmt: skip
    assert (answer.status_code, answer.mimetype) == (400, "application/problem+json")


class Broken(io.RawIOBase):
    """Content that breaks off because whoever sent it has gone."""

    def read(self, size: int = -1) -> bytes:
        raise ConnectionResetError


@pytest.mark.parametrize(("length", "status"), [(100, 400), (100_000, 413)])
def test_content_that_breaks_off_is_an_answer_like_any_other(
    service: Service, length: int, status: int
) -> None:
    sent = debit(service)
    answer = service.client.post(
        sent.path, base_url=f"http://{sent.host}", headers=sent.headers,
        environ_overrides={"wsgi.input": Broken(), "CONTENT_LENGTH": str(length)},
    )  # fmt: skip
    assert (answer.status_code, answer.mimetype) == (status, "application/problem+json")


def test_content_that_comes_too_slowly_may_be_sent_again(service: Service, vault: Database) -> None:
    sent, before = debit(service), digest_of(vault)
    answer = sent.send_slowly(b'{"a"')
    assert (answer.status_code, answer.json["code"]) == (408, "body_timeout")
    assert (answer.json["got"], answer.json["length"], answer.json["seconds"]) == (4, 9, 5)
    assert answer.json["detail"] == "Of 9 bytes 4 came in 5 seconds."
    assert answer.json["retryable"] is True
    assert digest_of(vault) == before
    assert sent.send().status_code == 201


def test_who_was_slow_and_sent_all_is_answered(service: Service) -> None:
    sent = debit(service)
    slow = {"wsgi.input": Slow(sent.body), "CONTENT_LENGTH": str(len(sent.body))}
    assert sent.send(slow).status_code == 201


def test_reading_takes_no_content(service: Service) -> None:
    sent = service.prepare("GET", "/accounts/acme")
    answer = service.client.get(
        sent.path, base_url=f"http://{sent.host}", headers=sent.headers, data=b"{}"
    )
    assert answer.status_code == 401


def test_a_head_is_signed_like_a_get(service: Service) -> None:
    answer = service.prepare("HEAD", "/accounts/acme").send()
    assert (answer.status_code, answer.data) == (200, b"")


def test_writing_takes_no_query(service: Service, vault: Database) -> None:
    before = digest_of(vault)
    sent = debit(service)
    sent.query = "x=1"
    answer = sent.send()
    assert (answer.status_code, answer.json["code"]) == (400, "malformed_request")
    assert digest_of(vault) == before


# --- what is not there ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["", "/", "/nothing", "/debits/", "/debits/x", "/openapi", "/accounts", "/holds/a/b/c"]
)
def test_other_paths_are_problems_too(service: Service, path: str) -> None:
    answer = service.post(path, b"{}")
    assert (answer.status_code, answer.json["code"]) == (404, "not_found")
    assert answer.content_type == "application/problem+json"
    assert answer.json["instance"] == ROOT + path


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("GET", "/debits", {"POST", "OPTIONS"}),
        ("PUT", "/debits", {"POST", "OPTIONS"}),
        ("DELETE", "/accounts/acme", {"GET", "HEAD", "PUT", "OPTIONS"}),
        ("POST", "/accounts/acme/balance", {"GET", "HEAD", "OPTIONS"}),
        ("PATCH", "/holds/hld_1", {"GET", "HEAD", "OPTIONS"}),
        ("TRACE", "/debits", {"POST", "OPTIONS"}),
    ],
)
def test_other_methods_are_problems_too(
    service: Service, method: str, path: str, allow: set[str]
) -> None:
    answer = service.prepare(method, path, b"{}").send()
    assert (answer.status_code, answer.json["code"]) == (405, "method_not_allowed")
    assert set(answer.headers["Allow"].split(", ")) == allow


def test_methods_are_not_overridden(service: Service) -> None:
    sent = service.prepare("GET", "/accounts/acme")
    sent.headers["X-HTTP-Method-Override"] = "PUT"
    assert sent.send().json["account"]["id"] == "acme"


def test_a_foreign_host_is_refused(service: Service) -> None:
    sent = debit(service)
    sent.host = "evil.example"
    answer = sent.send()
    assert (answer.status_code, answer.content_type) == (400, "application/problem+json")


def test_the_door_gives_and_reads_no_cookie(service: Service, app: Flask) -> None:
    state: Application = app.extensions["portal"]
    service.client.set_cookie("session", "x" * 40, domain=state.config.authority.split(":")[0])
    answers = [debit(service).send(), service.get("/accounts/acme"), service.post("/debits", b"")]
    assert [answer.status_code for answer in answers] == [201, 200, 400]
    assert not any("Set-Cookie" in answer.headers for answer in answers)


def test_options_of_a_resource_do_nothing(service: Service, vault: Database) -> None:
    before = digest_of(vault)
    answer = service.client.options(f"{ROOT}/debits", base_url=f"http://{service.authority}")
    assert answer.status_code in (200, 401)
    assert digest_of(vault) == before


def test_what_is_signed_is_said_by_the_profile(service: Service) -> None:
    sent = debit(service)
    assert f'tag="{signing.TAG}"' in sent.headers["Signature-Input"]
    assert str(service.secret) not in json.dumps(sent.headers)


# --- the controls: without its check, what is refused above passes -------------------------------


def test_control_without_the_raw_target_another_spelling_passes(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = debit(service)
    sent.path = f"{ROOT}/%64ebits"
    assert sent.send().status_code == 401
    monkeypatch.setattr(door, "_target", lambda environ: (environ["PATH_INFO"], ""))
    assert sent.send().status_code == 201


def test_control_without_scopes_any_key_passes(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    narrow = service.issue("narrow", scopes=("read",))
    assert narrow.debit(1).status_code == 403
    monkeypatch.setattr(door, "refuse_scope", lambda *_: None)
    assert narrow.debit(1).status_code == 201

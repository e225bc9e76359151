"""What came of a request whose answer was lost."""

from flask import Flask

from tests.internal.service import Clock, Service, debit_of, issue, new_key


def test_it_tells_status_and_body_of_what_happened(service: Service) -> None:
    key = new_key()
    made = service.post("/debits", debit_of(100), key=key)
    answer = service.get(f"/requests/{key}")
    assert answer.status_code == 200
    assert answer.json == {"status": 201, "body": made.json}


def test_it_tells_a_refusal_that_stays(service: Service) -> None:
    assert service.debit(50_000).status_code == 201
    key, members = new_key(), debit_of(50_000)
    assert service.post("/holds", debit_of(10)).status_code == 201
    refused = service.post("/debits", members, key=key)
    assert refused.status_code == 402
    assert service.get(f"/requests/{key}").json == {"status": 402, "body": refused.json}


def test_what_never_happened_is_not_found(service: Service) -> None:
    key = new_key()
    answer = service.get(f"/requests/{key}")
    assert (answer.status_code, answer.json["code"]) == (404, "request_not_found")
    assert answer.json["key"] == key
    assert service.post("/debits", debit_of(0), key=key).status_code == 422
    assert service.get(f"/requests/{key}").status_code == 404


def test_a_service_sees_its_own_requests_with_any_key(
    service: Service, app: Flask, clock: Clock
) -> None:
    key = new_key()
    service.post("/debits", debit_of(100), key=key)
    assert issue(app, clock, "design").get(f"/requests/{key}").status_code == 404
    narrow = issue(app, clock, "tts", scopes=("debit",))
    assert narrow.get(f"/requests/{key}").status_code == 200

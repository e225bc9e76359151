"""The history over the door: newest first, by filters, page by page without gaps."""

import pytest

from tests.internal.service import Clock, Service


def entries(service: Service, query: str = "") -> list[dict[str, object]]:
    answer = service.get("/accounts/acme/entries", query)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, object]] = answer.json["entries"]
    return found


def test_an_entry_reads_as_it_was_answered(service: Service) -> None:
    made = service.hold(100, labels={"a": "b"}).json["entry"]
    page = service.get("/accounts/acme/entries").json
    assert page["entries"][0] == made
    assert page["next"] is None
    assert [entry["seq"] for entry in page["entries"]] == [2, 1]


def test_pages_follow_each_other_without_gaps(service: Service) -> None:
    for _ in range(10):
        service.debit(1)
    seen, query = [], "limit=4"
    while True:
        page = service.get("/accounts/acme/entries", query).json
        seen += [entry["seq"] for entry in page["entries"]]
        if page["next"] is None:
            break
        query = f"limit=4&before={page['next']}"
    assert seen == list(range(11, 0, -1))


def test_filters_keep_what_they_name(service: Service, clock: Clock) -> None:
    clock.advance(seconds=10)
    service.debit(1, "job-1")
    clock.advance(seconds=10)
    hold = service.held(1, task="job-2", operation="design")
    service.post(f"/holds/{hold}/release", {"reason": "failed"})

    def kinds(query: str) -> list[object]:
        return [entry["kind"] for entry in entries(service, query)]

    assert kinds("") == ["release", "hold", "debit", "grant"]
    assert kinds("kind=debit") == ["debit"]
    assert kinds("kind=debit&kind=grant") == ["debit", "grant"]
    assert kinds("operation=design") == ["release", "hold"]
    assert kinds("operation=design&kind=hold") == ["hold"]
    assert kinds("reference=job-1") == ["debit"]
    assert kinds("from=2026-11-22T13:52:10Z&to=2026-11-22T13:52:20Z") == ["debit"]
    assert kinds("to=2026-11-22T13:52:00.250001Z") == ["grant"]
    assert kinds("from=2026-11-22T13:52:20.250000Z") == ["release", "hold"]
    assert kinds("reference=none") == []


@pytest.mark.parametrize(
    ("query", "members"),
    [
        ("limit=0", ["limit"]),
        ("limit=201", ["limit"]),
        ("limit=ten", ["limit"]),
        ("limit=1e1", ["limit"]),
        ("limit=%D9%A3", ["limit"]),
        ("limit=5&limit=6", ["limit"]),
        ("before=0&kind=usage&operation=A!&from=now&page=2", ["before", "kind", "operation",
                                                             "from", "page"]),
        ("reference=", ["reference"]),
        ("reference=a%00b", ["reference"]),
        ("reference=e%CC%81", ["reference"]),
    ],
)  # fmt: skip
def test_other_queries_are_refused_by_name(
    service: Service, query: str, members: list[str]
) -> None:
    answer = service.get("/accounts/acme/entries", query)
    assert (answer.status_code, answer.json["code"]) == (422, "validation")
    assert [fault["member"] for fault in answer.json["members"]] == members


@pytest.mark.parametrize("query", ["limit", "&", "=", "reference=%FF", "kind=debit&" * 50 + "a=b"])
def test_queries_that_cannot_be_read_are_malformed(service: Service, query: str) -> None:
    answer = service.get("/accounts/acme/entries", query)
    assert answer.status_code in (400, 422)
    assert answer.json["code"] in ("malformed_request", "validation")

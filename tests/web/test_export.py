"""The history as a file: every entry that the page would show, sums that close, nobody kept."""

import csv
import gc
import io
import re
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest
from werkzeug.test import TestResponse

from portal import ledger
from portal.web import cells, export
from tests.databases import DIALECTS
from tests.web.desk import DAY, HOUR, NOW, STUDIO, Desk, Visitor, words

both = pytest.mark.parametrize("dialect", DIALECTS, indirect=True)
FILTERS = (
    "", "type=charge", "type=hold", "type=refund", "type=grant", "type=expiry", "operation=clone",
    "operation=nonsense", "reference=job-0002", "reference=%3D1", "from=2026-11-20",
    "to=2026-11-17", "from=2026-11-18&to=2026-11-19",
    "type=charge&operation=generate&from=2026-11-18",
)  # fmt: skip


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "ROWS", 3)


@pytest.fixture
def told(desk: Desk) -> Desk:
    """A hold captured in part, a refund with a note, a release; and another's charges."""
    hold = desk.hold("acme", 400, NOW - 5 * DAY)
    desk.done(ledger.CaptureHold(hold_id=hold.id, credits=150, actor=STUDIO), NOW - 5 * DAY + 1)
    charged = desk.entry(desk.debit("acme", 1204), NOW - 4 * DAY)
    back = ledger.Refund(entry_id=charged.id, reason="wrong_charge", note="-1", actor=STUDIO)
    desk.done(back, NOW - 3 * DAY)
    released = desk.hold("acme", 77, NOW - 2 * DAY)
    desk.done(ledger.ReleaseHold(hold_id=released.id, reason="failed", actor=STUDIO), NOW - 2 * DAY)
    odd = ledger.Reference("task", "=1")
    desk.done(desk.debit("acme", 2, "clone", reference=odd), NOW - HOUR)
    assert isinstance(desk.post(desk.debit("acme", 50_001), NOW - HOUR), ledger.Refused)
    desk.done(desk.debit("bolt", 1000), NOW - HOUR)
    return desk


def rows(answer: TestResponse) -> list[dict[str, str]]:
    """The entries of a file, by column."""
    assert answer.status_code == 200
    text = answer.data.decode()
    assert text.endswith("\r\n")
    found = list(csv.DictReader(io.StringIO(text, newline=""), strict=True))
    assert text.count("\r\n") == len(found) + 1
    return found


def numbers(text: str) -> list[int]:
    """Opening, in, out and closing of the strip of a page, and how many entries match."""
    strip = words(text.partition('<h2 id="strip-title">')[2].partition("</section>")[0])
    matched = re.search(r"([\d,]+) entr(?:y|ies)", strip)
    sums = re.search(r"Opening (\S+) In \+ (\S+) Out \u2212 (\S+) Closing = (\S+)", strip)
    assert matched is not None
    assert sums is not None
    return [
        int(each.replace(",", "").replace("\u2212", "-")) for each in (*sums.groups(), matched[1])
    ]


@both
def test_the_file_closes_as_the_strip_of_the_page_does(told: Desk) -> None:
    ada = told.signed_in("ada@acme.example")
    for query in ("", "from=2026-11-18", "to=2026-11-19", "from=2026-11-18&to=2026-11-21"):
        opening, inflow, outflow, closing, count = numbers(ada.get(f"/ledger?{query}").text)
        found = rows(ada.get(f"/ledger.csv?{query}"))
        credits = [int(row["credits"]) for row in found]
        assert len(found) == count
        assert sum(each for each in credits if each > 0) == inflow
        assert -sum(each for each in credits if each < 0) == outflow
        assert opening + sum(credits) == closing == int(found[0]["balance_after"])


@both
def test_it_holds_what_the_page_shows_in_the_page_s_order(told: Desk) -> None:
    ada = told.signed_in("ada@acme.example")
    seen = set()
    for query in FILTERS:
        page = ada.get(f"/ledger?{query}").text
        body = page.partition('<tbody id="rows"')[2].partition("</tbody>")[0]
        shown = re.findall(r'href="/ledger/(ent_\w+)"', body)
        assert [row["id"] for row in rows(ada.get(f"/ledger.csv?{query}"))] == shown, query
        seen.add(len(shown))
    assert {0, 1, 8} <= seen


def test_refusals_are_no_entries(told: Desk, ada: Visitor) -> None:
    assert rows(ada.get("/ledger.csv?type=refusal")) == []


@pytest.mark.parametrize(
    "query", ["type=nonsense", "from=01.11.2026", "to=2026-13-40", "days=local&from=2026-11-01"]
)
def test_a_filter_that_cannot_be_read_is_refused(told: Desk, ada: Visitor, query: str) -> None:
    answer = ada.get(f"/ledger.csv?{query}")
    assert answer.status_code == 400
    assert f"“{query.partition('=')[0]}” in the address cannot be read" in answer.text
    assert "Content-Disposition" not in answer.headers


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("refrence=x", "refrence"), ("Type=charge", "Type"), ("before=3", "before"),
        ("type=charge&refrence=", "refrence"), ("=x", ""), ("%3Cb%3E=x", "&lt;b&gt;"),
    ],
)  # fmt: skip
def test_a_filter_that_is_none_is_refused_with_those_that_are(
    told: Desk, ada: Visitor, query: str, name: str
) -> None:
    """A word spelt wrong would be no filter, and the file the whole history."""
    answer = ada.get(f"/ledger.csv?{query}")
    assert answer.status_code == 400
    known = "type, operation, reference, from, to, days and excel"
    assert f"“{name}” in the address is not known: a file takes {known}." in answer.text
    assert "Content-Disposition" not in answer.headers


def test_every_name_that_is_told_is_taken(told: Desk, ada: Visitor) -> None:
    query = "type=charge&operation=clone&reference=%3D1&from=2026-11-01&to=2026-11-30&days=utc"
    assert len(rows(ada.get(f"/ledger.csv?{query}&excel="))) == 1


def test_dates_the_wrong_way_round_are_refused(told: Desk, ada: Visitor) -> None:
    answer = ada.get("/ledger.csv?from=2026-11-19&to=2026-11-18")
    assert answer.status_code == 400
    assert "From 19 Nov 2026 to 18 Nov 2026: the first day is after the last." in answer.text
    assert "Content-Disposition" not in answer.headers


def test_a_day_is_one_of_the_account_s_own_time_zone(told: Desk, ada: Visitor) -> None:
    put = ledger.PutAccount(account_id="acme", name="Acme", tier="pro", time_zone="Asia/Tokyo")
    told.done(put)
    assert len(rows(ada.get("/ledger.csv?from=2026-11-23"))) == 0
    told.done(told.debit("acme", 1), NOW + 2 * HOUR)
    assert len(rows(ada.get("/ledger.csv?from=2026-11-23"))) == 1


def test_texts_are_no_formulas_and_numbers_are_numbers(told: Desk, ada: Visitor) -> None:
    newest, *_ = found = rows(ada.get("/ledger.csv"))
    assert newest["reference"] == "'=1"
    assert (newest["credits"], newest["units"], newest["type"]) == ("-1000", "2", "debit")
    assert newest["posted_at"] == "2026-11-22T12:52:00.250000Z"
    assert newest["description"] == "Clone a voice"
    [refund] = [row for row in found if row["type"] == "refund"]
    assert refund["description"] == "Generate speech: charged by mistake, refunded: -1"
    assert refund["reverses"] in {row["id"] for row in found}


@pytest.mark.gate
def test_its_headers_let_nobody_keep_it_or_take_it_for_a_page(told: Desk, ada: Visitor) -> None:
    hostile = '/ledger.csv?reference=a"%0d%0aX-Evil:1&operation=%22;filename=evil.exe'
    for path in ("/ledger.csv", hostile):
        headers = ada.get(path).headers
        assert headers["Content-Type"] == "text/csv; charset=utf-8; header=present"
        assert headers["Content-Disposition"] == 'attachment; filename="ledger.csv"'
        assert headers["Cache-Control"] == "no-store"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "X-Evil" not in headers


def test_excel_is_told_that_it_is_utf_8(told: Desk, ada: Visitor) -> None:
    plain, marked = ada.get("/ledger.csv").data, ada.get("/ledger.csv?excel=1").data
    assert marked == cells.BOM + plain
    assert ada.get("/ledger.csv?excel=").data == plain


@pytest.mark.parametrize("value", ["true", "yes", "0", "01", "1.0", "１"])
def test_another_word_for_excel_is_refused(told: Desk, ada: Visitor, value: str) -> None:
    answer = ada.get(f"/ledger.csv?type=charge&excel={value}")
    assert answer.status_code == 400
    assert "“excel” in the address cannot be read" in answer.text
    assert "Content-Disposition" not in answer.headers


def test_it_is_for_the_customer_alone(told: Desk, ada: Visitor, bob: Visitor) -> None:
    theirs = {row["id"] for row in rows(ada.get("/ledger.csv"))}
    assert bob.get("/ledger.csv?account=acme").status_code == 400
    ours = {row["id"] for row in rows(bob.get("/ledger.csv"))}
    assert ours
    assert not theirs & ours
    answer = told.visitor().get("/ledger.csv?type=charge")
    assert (answer.status_code, answer.headers["Location"]) == (
        303, "/login?next=/ledger.csv?type%3Dcharge",
    )  # fmt: skip
    assert told.signed_in("olga@portal.example").get("/ledger.csv").status_code == 404


def under_way(visitor: Visitor, path: str = "/ledger.csv") -> tuple[TestResponse, Iterator[bytes]]:
    """An export of which only the first line has been taken."""
    answer = visitor.client.get(path, headers=visitor.headers)
    parts: Any = iter(answer.response)
    assert next(parts) == cells.HEAD
    return answer, parts


@both
def test_what_is_posted_meanwhile_is_left_for_the_next(told: Desk) -> None:
    ada = told.signed_in("ada@acme.example")
    before = ada.get("/ledger.csv").data
    answer, parts = under_way(ada)
    first = next(parts)
    told.done(told.debit("acme", 1))
    assert cells.HEAD + first + b"".join(parts) == before
    answer.close()
    assert len(rows(ada.get("/ledger.csv"))) == 9


@both
def test_who_reads_slowly_keeps_no_connection_and_no_checkpoint(told: Desk) -> None:
    ada = told.signed_in("ada@acme.example")
    answer, parts = under_way(ada)
    next(parts)
    pool: Any = told.database._reader.pool
    assert pool.checkedout() == 0
    if told.database.dialect == "sqlite":
        told.done(told.debit("acme", 1))
        with told.database._writer.connect() as connection:
            driver: Any = connection.connection.driver_connection
            busy, left, moved = driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        assert (busy, left, moved) == (0, 0, 0)
    answer.close()


def test_only_some_are_sent_at_once(told: Desk, ada: Visitor, bob: Visitor) -> None:
    begun = [under_way(ada)[0] for _ in range(export.AT_ONCE_EACH)]
    refused = ada.get("/ledger.csv")
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "60")
    assert "Exports are being sent already." in refused.text
    assert bob.get("/ledger.csv").status_code == 200
    for answer in begun:
        answer.close()
    assert ada.get("/ledger.csv").status_code == 200
    asked = ada.client.head("/ledger.csv")  # has no body, but is counted until it ends
    assert (asked.status_code, asked.data) == (200, b"")
    asked.close()
    assert not export.UNDERWAY._each


def test_a_worker_keeps_threads_for_others(
    told: Desk, ada: Visitor, bob: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "AT_ONCE", 1)
    answer, _ = under_way(ada)
    assert bob.get("/ledger.csv").status_code == 429
    answer.close()
    assert bob.get("/ledger.csv").status_code == 200


def links(page: str) -> list[str]:
    """The links of a page to an export, whole, as tags."""
    return re.findall(r'<a [^>]*href="/ledger\.csv[^>]*>', page)


def test_the_page_links_to_what_it_shows_without_scripts(told: Desk, ada: Visitor) -> None:
    query = "type=charge&amp;operation=clone&amp;reference=%3D1&amp;from=2026-11-01"
    page = ada.get("/ledger?" + query.replace("&amp;", "&")).text
    assert links(page) == [
        f'<a href="/ledger.csv?{query}">',
        f'<a href="/ledger.csv?excel=1&amp;{query}">',
    ]
    part = ada.part("/ledger?type=hold", "div#results").text
    assert links(part)[0] == '<a href="/ledger.csv?type=hold">'
    for text in (page, part):
        assert text.index("/ledger.csv") < text.index('id="rows"')
    assert links(ada.get("/ledger").text)[0] == '<a href="/ledger.csv">'
    assert links(ada.get("/ledger?type=refusal").text) == []
    assert links(ada.get("/ledger?reference=nothing").text) == []


def test_one_that_takes_too_long_is_broken_off(
    told: Desk, ada: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "SECONDS_MAX", -1)
    answer, parts = under_way(ada)
    with pytest.raises(export.ExportTooLongError):
        next(parts)
    answer.close()
    assert not export.UNDERWAY._each


def test_fifty_thousand_entries_are_sent_in_flat_memory(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()  # parts of their usual size
    ada, count = desk.signed_in("ada@acme.example"), 50_000
    for _ in range(count // 1000):
        commands = [desk.debit("acme", 1) for _ in range(1000)]
        with desk.database.writing() as connection:
            ledger.post(
                connection, commands, now=NOW, tariffs=desk.tariffs, ids=desk.state.ids
            )  # fmt: skip
    assert len(rows(ada.get("/ledger.csv"))) == count + 1
    gc.collect()
    tracemalloc.start()
    try:
        answer = ada.client.get("/ledger.csv", headers=ada.headers)
        size = sum(map(len, answer.response))
        answer.close()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert size > 100 * count
    assert peak < 24 * 2**20

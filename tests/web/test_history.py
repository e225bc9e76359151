"""The history page: every entry once, filters that hold, a strip that closes, denials beside."""

import re

import pytest

from portal import ledger
from tests.web.desk import DAY, HOUR, MINUTE, NOW, STUDIO, Desk, Shape, Visitor, words


def rows(text: str) -> list[str]:
    body = text.partition('<tbody id="rows"')[2].partition("</tbody>")[0] or text
    return [words(row) for row in re.findall(r"<tr role=\"row\".*?</tr>", body, re.DOTALL)]


def older(text: str) -> str | None:
    found = re.search(r'id="more-link" class="button" href="([^"]+)"', text)
    return found[1].replace("&amp;", "&") if found else None


@pytest.fixture
def told(desk: Desk) -> Desk:
    """A hold captured in part, a refund, a release, a grant and two denials on acme."""
    hold = desk.hold("acme", 400, NOW - 5 * DAY)
    desk.done(
        ledger.CaptureHold(hold_id=hold.id, credits=150, actor=STUDIO), NOW - 5 * DAY + MINUTE
    )
    charged = desk.entry(desk.debit("acme", 1204), NOW - 4 * DAY)
    desk.done(
        ledger.Refund(entry_id=charged.id, reason="wrong_charge", actor=STUDIO), NOW - 3 * DAY
    )
    released = desk.hold("acme", 77, NOW - 2 * DAY)
    failed = ledger.ReleaseHold(hold_id=released.id, reason="failed", actor=STUDIO)
    desk.done(failed, NOW - 2 * DAY)
    assert isinstance(desk.post(desk.debit("acme", 50_001), NOW - DAY), ledger.Refused)
    desk.done(desk.debit("acme", 2, "clone"), NOW - HOUR)
    assert isinstance(desk.post(desk.debit("bolt", 1000), NOW - HOUR), ledger.Posted)
    assert isinstance(desk.post(desk.debit("bolt", 1), NOW - HOUR), ledger.Refused)
    return desk


def test_every_entry_and_refusal_of_the_account_stands_there_once(told: Desk, ada: Visitor) -> None:
    shown = rows(ada.get("/ledger").text)
    assert [
        re.split(r" (?=Charge|Hold|Release|Refund|Grant|Refusal)", row)[1] for row in shown
    ] == [
        "Charge Clone a voice 2 voices job-0005 \u22121,000 98,850",
        "Refusal Generate speech A limit of your plan was reached job-0004 0 99,850 available",
        "Release Generate speech: job failed, credits returned 77 characters job-0003 0 "
        "\u221277 held 99,850",
        "Hold Generate speech: held 77 characters job-0003 0 +77 held 99,850 77 held",
        "Refund Generate speech: charged by mistake, refunded 1,204 characters job-0002 "
        "+1,204 99,850",
        "Charge Generate speech 1,204 characters job-0002 \u22121,204 98,646",
        "Charge Generate speech: part delivered 400 characters job-0001 \u2212150 "
        "\u2212400 held 99,850",
        "Hold Generate speech: held 400 characters job-0001 0 +400 held 100,000 400 held",
        "Grant Monthly allocation 2026-11-01 +100,000 100,000",
    ]


@pytest.mark.parametrize(
    ("query", "kinds"),
    [
        ("type=charge", ["Charge", "Charge", "Charge"]),
        ("type=debit", ["Charge", "Charge"]),
        ("type=capture", ["Charge"]),
        ("type=hold", ["Hold", "Hold"]),
        ("type=release", ["Release"]),
        ("type=refund", ["Refund"]),
        ("type=grant", ["Grant"]),
        ("type=expiry", []),
        ("type=adjustment", []),
        ("type=refusal", ["Refusal"]),
        ("operation=clone", ["Charge"]),
        ("operation=nonsense", []),
        ("reference=job-0002", ["Refund", "Charge"]),
        ("reference=job-0004", ["Refusal"]),
        ("reference=job-00", []),
        ("from=2026-11-20", ["Charge", "Refusal", "Release", "Hold"]),
        ("to=2026-11-17", ["Charge", "Hold", "Grant"]),
        ("from=2026-11-18&to=2026-11-18", ["Charge"]),
        ("from=2026-11-19&to=2026-11-18", []),
        ("type=charge&operation=generate&from=2026-11-18", ["Charge"]),
        ("type=nonsense&from=nonsense&operation=clone", ["Charge"]),
    ],
)
def test_filters_keep_what_they_say(told: Desk, ada: Visitor, query: str, kinds: list[str]) -> None:
    shown = rows(ada.get(f"/ledger?{query}").text)
    found = [re.search(r"Charge|Hold|Release|Refund|Grant|Refusal", row) for row in shown]
    assert [match[0] for match in found if match] == kinds


@pytest.mark.parametrize(
    ("query", "strip"),
    [
        ("", "All time 8 entries Opening 0 In + 101,204 Out \u2212 2,354 Closing = 98,850"),
        (
            "from=2026-11-18&to=2026-11-19",
            "18 Nov 2026 – 19 Nov 2026 2 entries "
            "Opening 99,850 In + 1,204 Out \u2212 1,204 Closing = 99,850",
        ),
        (
            "type=charge",
            "All time 3 entries match: 0 in, \u22122,354 out "
            "Opening 0 In + 101,204 Out \u2212 2,354 Closing = 98,850",
        ),
        (
            "type=refusal",
            "All time 1 refusal Opening 0 In + 101,204 Out \u2212 2,354 Closing = 98,850",
        ),
        (
            "from=2030-01-01",
            "Since 1 Jan 2030 0 entries Opening 98,850 In + 0 Out \u2212 0 Closing = 98,850",
        ),
    ],
)
def test_the_strip_closes_over_the_whole_range(
    told: Desk, ada: Visitor, query: str, strip: str
) -> None:
    text = ada.get(f"/ledger?{query}").text
    assert words(text.partition('<h2 id="strip-title">')[2].partition("</section>")[0]) == strip


@pytest.mark.parametrize(
    ("query", "strip"),
    [
        ("type=expiry", "All time 0 entries match: 0 in, 0 out"),
        ("reference=job-0004", "All time 0 entries match: 0 in, 0 out"),  # a refusal alone
        ("type=refusal&operation=clone", "All time 0 refusals"),
        (
            "operation=nonsense&from=2026-11-18&to=2026-11-19",
            "18 Nov 2026 – 19 Nov 2026 0 entries match: 0 in, 0 out",
        ),
    ],
)
def test_no_sums_stand_over_filters_that_match_nothing(
    told: Desk, ada: Visitor, query: str, strip: str
) -> None:
    """Those of the whole range would pass for sums of what matched."""
    test_the_strip_closes_over_the_whole_range(told, ada, query, strip)
    assert "Opening" not in ada.part(f"/ledger?{query}", "div#results").text


def test_going_on_shows_each_entry_once_and_ends(desk: Desk, ada: Visitor) -> None:
    for quantity in range(1, 121):
        desk.done(desk.debit("acme", quantity))
    path: str | None = "/ledger?type=charge"
    shown: list[str] = []
    text = ""
    while path is not None:
        text = ada.get(path).text
        shown += rows(text)
        path = older(text)
    assert [int(re.findall(r"(\d+) character", row)[0]) for row in shown] == list(range(120, 0, -1))
    assert "No older entries." in text
    assert "Newest entries" in text


def test_load_more_appends_rows_and_replaces_its_link(desk: Desk, ada: Visitor) -> None:
    for quantity in range(1, 121):
        desk.done(desk.debit("acme", quantity))
    path = older(ada.get("/ledger").text)
    assert path is not None
    text = ada.part(path, "p#more").text
    assert text.lstrip().startswith('<p id="more"')
    assert '<hx-partial hx-target="#rows" hx-swap="beforeend">' in text
    assert len(rows(text)) == 50
    assert "50 more entries" in text
    assert "strip" not in text
    assert 'id="balance"' not in text
    assert "<html" not in text
    last = ada.part(str(older(text)), "p#more").text
    assert '<span id="more-link" tabindex="-1"' in last


def test_refusals_stay_between_their_neighbours_across_pages(desk: Desk, ada: Visitor) -> None:
    for number in range(60):
        at = NOW - DAY + number * MINUTE
        desk.done(desk.debit("acme", 1), at)
        desk.post(desk.debit("acme", 60_000), at + 1)
    first = ada.get("/ledger").text
    path = older(first)
    assert path is not None
    refused = [row for row in rows(first) + rows(ada.get(path).text) if "Refusal" in row]
    assert len(refused) == 60
    assert len({re.findall(r"job-\d+", row)[0] for row in refused}) == 60


def test_filtering_swaps_the_results_reads_them_out_and_moves_the_address(
    told: Desk, ada: Visitor
) -> None:
    answer = ada.part("/ledger?type=charge&operation=&reference=", "div#results")
    assert answer.text.lstrip().startswith('<div id="results">')
    assert "3 entries, \u22122,354 credits" in answer.text
    assert answer.headers["HX-Push-Url"] == "/ledger?type=charge"
    again = ada.part(
        "/ledger?type=charge&reference=", "div#results",
        HX_Current_URL="http://localhost/ledger?type=charge",
    )  # fmt: skip
    assert again.headers["HX-Push-Url"] == "false"
    assert "1 refusal<" in ada.part("/ledger?type=refusal", "div#results").text


def test_each_filter_can_be_taken_off_by_a_link(told: Desk, ada: Visitor) -> None:
    text = ada.get("/ledger?type=charge&operation=generate&reference=job-0002&from=2026-11-01").text
    chips = text.partition('<ul class="chips"')[2].partition("</ul>")[0]
    assert re.findall(r'href="([^"]+)"', chips) == [
        "/ledger?operation=generate&amp;reference=job-0002&amp;from=2026-11-01",
        "/ledger?type=charge&amp;reference=job-0002&amp;from=2026-11-01",
        "/ledger?type=charge&amp;operation=generate&amp;from=2026-11-01",
        "/ledger?type=charge&amp;operation=generate&amp;reference=job-0002",
    ]
    assert "Generate speech" in words(chips)
    assert "from 1 Nov 2026" in words(chips)


def test_the_form_shows_what_was_asked(told: Desk, ada: Visitor) -> None:
    text = ada.get("/ledger?type=refund&operation=clone&reference=%3Cb%3E&from=2026-11-02").text
    assert '<option value="refund" selected>' in text
    assert '<option value="clone" selected>' in text
    assert 'value="&lt;b&gt;"' in text
    assert 'type="date" value="2026-11-02"' in text


def test_the_rows_are_called_what_they_are(told: Desk, ada: Visitor) -> None:
    for query, title in (("", "Entries"), ("type=hold", "Entries"), ("type=refusal", "Refusals")):
        assert f'<h2 id="rows-title">{title}</h2>' in ada.get(f"/ledger?{query}").text


FAULT = "From 19 Nov 2026 to 18 Nov 2026: the first day is after the last."


def problem(text: str) -> str | None:
    """What the form says is wrong."""
    found = re.search(r'<p id="problem" class="note note-bad" role="alert">(.*?)</p>', text)
    return found[1] if found else None


def test_dates_the_wrong_way_round_are_told_beside_what_was_typed(told: Desk, ada: Visitor) -> None:
    answer = ada.get("/ledger?type=charge&from=2026-11-19&to=2026-11-18")
    text = answer.text
    assert (answer.status_code, problem(text)) == (200, FAULT)
    dates = [tag for name, tag in Shape(text).tags if name == "input" and tag.get("type") == "date"]
    assert [tag["value"] for tag in dates] == ["2026-11-19", "2026-11-18"]
    assert {(tag["aria-invalid"], tag["aria-describedby"]) for tag in dates} == {
        ("true", "problem")
    }
    assert '<option value="charge" selected>' in text
    assert "/ledger?type=charge&amp;to=2026-11-18" in text  # without the one date
    assert 'id="strip-title"' not in text
    assert "/ledger.csv" not in text
    assert "Show everything" in text
    assert "Nothing matches" not in text


def test_a_part_tells_it_and_takes_it_back(told: Desk, ada: Visitor) -> None:
    swap = '<hx-partial hx-target="#problem" hx-swap="textContent">{}</hx-partial>'
    wrong = ada.part("/ledger?from=2026-11-19&to=2026-11-18", "div#results").text
    assert swap.format(FAULT) in wrong
    assert "entries, " not in wrong  # nothing is read out over it
    mended = ada.part("/ledger?from=2026-11-18&to=2026-11-19", "div#results").text
    assert swap.format("") in mended
    plain = ada.get("/ledger?from=2026-11-18&to=2026-11-19").text
    assert problem(plain) == ""
    assert "aria-invalid" not in plain


def test_nothing_found_offers_the_way_back(told: Desk, ada: Visitor) -> None:
    text = ada.get("/ledger?reference=nothing").text
    assert "Nothing matches these filters." in text
    assert "Show everything" in text


@pytest.mark.parametrize("before", ["0", "-1", str(2**63), "9" * 40])
def test_a_place_that_cannot_be_is_refused(ada: Visitor, before: str) -> None:
    assert ada.get(f"/ledger?before={before}").status_code == 400


def test_a_place_that_is_no_number_or_not_there_yet_is_the_newest(told: Desk, ada: Visitor) -> None:
    assert len(rows(ada.get("/ledger?before=soon").text)) == 9
    assert ada.get("/ledger?before=1000000").status_code == 200


def test_what_is_recorded_late_says_for_when(desk: Desk, bob: Visitor) -> None:
    desk.clock.now += 10 * DAY
    desk.done(desk.debit("bolt", 1))
    late = desk.signed_in("bob@bolt.example")
    text = words(late.get("/ledger").text)
    assert "2 Dec 13:52 for 1 Dec 00:00 Grant Monthly allocation" in text

"""What an audit collects: all counted, the first thousand kept."""

from portal.ledger.findings import KEPT, Findings, Overdue, shown


def test_each_column_that_differs_is_a_difference() -> None:
    findings = Findings()
    findings.compare("ada", 1, (1, 2, 3), (1, 5, 6), ("a", "b", "c"), "account")
    findings.compare("ada", 1, (1,), (1,), ("a",), "account")
    assert [each.rule for each in findings.kept] == ["b", "c"]


def test_all_are_counted_and_a_thousand_are_kept() -> None:
    findings = Findings()
    for seq in range(KEPT + 5):
        findings.note("ada", seq, "hash", 1, 2)
        findings.note_overdue(Overdue("ada", seq, "hld_1", 5, 6))
    assert (findings.found, len(findings.kept)) == (KEPT + 5, KEPT)
    assert (findings.overdue_found, len(findings.overdue)) == (KEPT + 5, KEPT)


def test_an_open_hold_that_ran_out_is_no_difference() -> None:
    findings = Findings()
    findings.note_overdue(Overdue("ada", 1, "hld_1", 5, 6))
    assert findings.found == 0


def test_what_was_found_is_taken_once() -> None:
    findings = Findings()
    findings.counts["entries"] += 2
    findings.note("ada", 1, "hash", 1, 2)
    findings.note_overdue(Overdue("ada", 1, "hld_1", 5, 6))
    taken = findings.take()
    assert (taken.counts, taken.found, taken.overdue_found) == ({"entries": 2}, 1, 1)
    assert (len(taken.kept), len(taken.overdue)) == (1, 1)
    assert findings == Findings()


def test_values_are_shown_so_that_they_can_be_printed() -> None:
    assert shown(b"\xff\x00") == "ff00"
    assert shown(memoryview(b"\x01")) == "01"
    assert shown("half \udcff") == "half \\udcff"
    assert shown(12) == "12"

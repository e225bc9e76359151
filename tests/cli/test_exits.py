"""What `flask call` exits with: of a batch, by the worst that became of a command."""

import pytest

from portal.cli.exits import REFUSED, UNKNOWN, fail, fail_of_batch
from portal.client.errors import refusal_of


def test_it_says_why_beside_what_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exited:
        fail("It was refused", REFUSED)
    assert exited.value.code == 1
    assert capsys.readouterr() == ("", "Error: It was refused\n")


@pytest.mark.parametrize(
    ("statuses", "status", "told"),
    [
        ([402], REFUSED, "1 of 9 commands was refused"),
        ([402, 409], REFUSED, "2 of 9 commands were refused"),
        ([503], UNKNOWN, "The outcome of 1 of 9 commands is unknown. Repeat what is unknown"),
        ([500, 402, 503], UNKNOWN, "The outcome of 2 of 9 commands is unknown, and 1 was refused."),
        ([500, 402, 409], UNKNOWN, "of 1 of 9 commands is unknown, and 2 were refused. Repeat"),
    ],
)
def test_what_is_unknown_is_worse_than_what_is_refused(
    capsys: pytest.CaptureFixture[str], statuses: list[int], status: int, told: str
) -> None:
    with pytest.raises(SystemExit) as exited:
        fail_of_batch([refusal_of(each, {}) for each in statuses], 9)
    assert exited.value.code == status
    assert told in capsys.readouterr().err

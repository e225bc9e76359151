"""What a studio is put together from: settings that are told, and jobs that were left lying."""

import pytest

from portal.client import MisconfiguredError
from portal.studio import create_studio
from portal.studio.settings import StudioError
from tests.studio.conftest import ONCE, WISH, place_of


@pytest.mark.parametrize(
    ("name", "error"), [("STUDIO_ACCOUNTS", StudioError), ("PORTAL_CLIENT_KID", MisconfiguredError)]
)
def test_it_does_not_start_without_what_it_needs(
    environment: dict[str, str], name: str, error: type[Exception]
) -> None:
    del environment[name]
    with pytest.raises(error, match=name):
        create_studio(environment)


def test_it_takes_up_what_was_left_lying(environment: dict[str, str]) -> None:
    first = create_studio(environment, ONCE)
    job, _ = place_of(first).shelf.add(WISH)
    place_of(first).shelf.begin(job.id, "hld_1")
    place_of(first).crew.stop(10)
    second = create_studio(environment, ONCE)
    assert place_of(second).shelf.get(job.id).stage == "lost"
    form = first.test_client().get("/").text
    assert form.partition('name="token"')[2][:80] in second.test_client().get("/").text
    place_of(second).crew.stop(10)

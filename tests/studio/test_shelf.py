"""What is on the shelf stays there, for its owner alone, and one form is one job."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from portal.studio.shelf import Shelf
from tests.studio.conftest import WISH


def test_a_form_is_one_job_however_often_it_comes(shelf: Shelf) -> None:
    with ThreadPoolExecutor(8) as crowd:
        made = list(crowd.map(lambda _: shelf.add(WISH), range(24)))
    assert sum(is_new for _, is_new in made) == 1
    assert len({job.id for job, _ in made}) == 1
    [job] = shelf.newest(5)
    assert (job.wish, job.sent, job.stage) == (WISH, 24, "waiting")


def test_what_became_of_it_is_read_back_by_another_process(shelf: Shelf, tmp_path: Path) -> None:
    job, _ = shelf.add(WISH)
    shelf.price(job.id, "qte_1", 10)
    shelf.begin(job.id, "hld_1")
    assert [each.id for each in shelf.at_stage("working")] == [job.id]
    shelf.replayed(job.id)
    shelf.end(job.id, "finished", "It is done.")
    shelf.note(job.id, "This job costs 10 credits.")
    shelf.keep(job.id, 0, b"one")
    shelf.keep(job.id, 2, b"three")
    again = Shelf(tmp_path / "studio")
    assert again.get(job.id) == job._replace(
        stage="finished", quote="qte_1", quoted=10, hold="hld_1", replays=1, said="It is done.",
        note="This job costs 10 credits.",
    )  # fmt: skip
    assert again.kept(job.id) == [0, 2]
    assert (again.find_sound(job.id, 2), again.find_sound(job.id, 1)) == (b"three", None)
    again.discard(job.id)
    assert shelf.kept(job.id) == []
    assert shelf.find("job-of-nobody") is None
    assert again.seal() == shelf.seal()


def test_it_is_for_its_owner_alone(shelf: Shelf, tmp_path: Path) -> None:
    shelf.add(WISH)
    folder = tmp_path / "studio"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o077 for path in folder.iterdir()} == {0}

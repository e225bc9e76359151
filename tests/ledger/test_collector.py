"""portal/ledger/collector.py: who keeps the garbage collector away leaves it as it was."""

import gc
import sys
import threading
import weakref
from collections.abc import Iterator

import pytest

from portal.ledger import collector as collector_of_ledger
from portal.ledger.collector import uncollected


@pytest.fixture(autouse=True)
def collector() -> Iterator[None]:
    before = gc.isenabled()
    yield
    (gc.enable if before else gc.disable)()


@pytest.mark.parametrize("collects", [True, False])
def test_nobody_looks_for_cycles_meanwhile_and_then_as_before(collects: bool) -> None:
    (gc.enable if collects else gc.disable)()
    with uncollected():
        assert not gc.isenabled()
        with uncollected():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled() is collects


def test_the_collector_comes_back_after_a_failure() -> None:
    gc.enable()
    with pytest.raises(KeyError), uncollected():
        raise KeyError
    assert gc.isenabled()


def test_who_leaves_first_leaves_the_others_alone() -> None:
    gc.enable()
    one, other, third = uncollected(), uncollected(), uncollected()
    one.__enter__()
    other.__enter__()
    one.__exit__(None, None, None)
    assert not gc.isenabled()
    third.__enter__()
    other.__exit__(None, None, None)
    assert not gc.isenabled()
    third.__exit__(None, None, None)
    assert gc.isenabled()


def test_the_collector_is_back_once_all_threads_are_done() -> None:
    """A thread that looks while another one leaves must not send it away for good."""
    gc.enable()
    interval = sys.getswitchinterval()

    def work() -> None:
        for _ in range(20_000):
            with uncollected():
                pass

    sys.setswitchinterval(1e-5)
    try:
        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
    finally:
        sys.setswitchinterval(interval)
    assert gc.isenabled()


def test_those_who_overlap_without_end_do_not_keep_it_away_for_good(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two batches go abreast: somebody may always be there."""
    gc.enable()
    gc.collect()
    monkeypatch.setattr(collector_of_ledger, "CROWD", 500)
    lost: list[weakref.ref[Knot]] = []
    inside = uncollected()
    inside.__enter__()
    for _ in range(50):
        follows = uncollected()
        follows.__enter__()
        lost += [weakref.ref(Knot()) for _ in range(100)]
        inside.__exit__(None, None, None)
        inside = follows
    assert not gc.isenabled()
    assert sum(each() is not None for each in lost) <= 1_000
    inside.__exit__(None, None, None)
    assert gc.isenabled()


class Knot:
    """What only the collector can free."""

    def __init__(self) -> None:
        self.itself = self

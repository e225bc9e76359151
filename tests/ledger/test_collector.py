"""portal/ledger/collector.py: who keeps the garbage collector away leaves it as it was."""

import gc
from collections.abc import Iterator

import pytest

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

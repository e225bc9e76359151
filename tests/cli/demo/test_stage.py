"""Scripts are played in order of time, each told what became of its last step."""

import pytest

from portal import ledger
from portal.cli.demo.stage import DAY, MINUTE, RefusedStepError, Scene, Script, Step, play

SCENE = Scene(now=100 * DAY, days=10)
DONE = ledger.Refused(ledger.LimitReachedError("open_holds", 1, 2, 0, 0, None))


def advance(name: str) -> ledger.Advance:
    return ledger.Advance(account_id=name)


def steps(name: str, *instants: int) -> Script:
    for number, at in enumerate(instants):
        yield Step(at, advance(f"{name}{number}"))


def played(*scripts: Script) -> list[tuple[int, str]]:
    seen: list[tuple[int, str]] = []

    def post(at: int, command: ledger.Command) -> ledger.Outcome:
        assert isinstance(command, ledger.Advance)
        seen.append((at, command.account_id))
        return DONE

    count = play(scripts, SCENE, post, lambda at: None)
    assert count == len(seen)
    return seen


def test_steps_of_many_scripts_come_in_order_of_time() -> None:
    first, last = SCENE.opens, SCENE.now
    a, b = steps("a", first, first + 5, last), steps("b", first + 2, first + 5)
    assert played(a, b) == [
        (first, "a0"), (first + 2, "b0"), (first + 5, "a1"), (first + 5, "b1"), (last, "a2"),
    ]  # fmt: skip


def test_what_lies_outside_the_scene_is_left_out() -> None:
    early = steps("early", SCENE.opens - 1, SCENE.opens + 1)
    running = steps("running", SCENE.now - 1, SCENE.now + 1)
    late = steps("late", SCENE.now + 1)
    assert played(early, running, late, steps("nothing")) == [(SCENE.now - 1, "running0")]


def test_a_step_never_comes_before_the_one_it_follows() -> None:
    at = SCENE.opens + 50
    assert played(steps("a", at, at - 40)) == [(at, "a0"), (at, "a1")]


def test_a_script_is_sent_the_outcome_of_its_step() -> None:
    heard: list[ledger.Outcome] = []

    def listening() -> Script:
        heard.append((yield Step(SCENE.opens, advance("a"))))

    played(listening())
    assert heard == [DONE]


def test_each_instant_is_told() -> None:
    told: list[int] = []
    script = steps("a", SCENE.opens, SCENE.opens + 7)
    play([script], SCENE, lambda at, command: DONE, told.append)
    assert told == [SCENE.opens, SCENE.opens + 7]


def test_a_refusal_that_the_story_did_not_mean_stops_it() -> None:
    wrong = ledger.Refused(ledger.AccountNotFoundError("a0"))
    with pytest.raises(RefusedStepError, match="There is no account a0"):
        play([steps("a", SCENE.now)], SCENE, lambda at, command: wrong, lambda at: None)


def test_a_scene_counts_back_from_now() -> None:
    assert SCENE.back(123) == 100 * DAY - 123 * MINUTE
    assert Scene(100 * DAY + 5, 10).on(2, 7, 30) == 98 * DAY + 450 * MINUTE
    assert [SCENE.spans(at) for at in (90 * DAY - 1, 90 * DAY, 100 * DAY, 100 * DAY + 1)] == [
        False, True, True, False,
    ]  # fmt: skip

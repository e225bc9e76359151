"""portal/ledger/queue.py: commands that arrive together are posted together, each on its own."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from portal.ledger.errors import InProgressError, StorageUnavailableError
from portal.ledger.queue import Queue, Ticket, Waiting, parts_of, settle, settle_together

Answers = dict[int, object]


class BrokenError(Exception):
    """What a command that cannot be posted raises."""


class Poster:
    """Posts groups; the first waits at a gate, so that a test decides who comes meanwhile."""

    def __init__(self, *bad: int) -> None:
        self.groups: list[list[int]] = []
        self.bad = set(bad)
        self.entered = threading.Event()
        self.gate = threading.Event()

    def __call__(self, commands: Sequence[Any]) -> list[Any]:
        self.groups.append(list(commands))
        self.entered.set()
        assert self.gate.wait(10)
        if self.bad & set(commands):
            raise BrokenError(sorted(self.bad & set(commands)))
        return [command * 10 for command in commands]


def ask(queue: Queue, commands: Sequence[int], answers: Answers) -> list[threading.Thread]:
    def submit(command: int) -> None:
        try:
            answers[command] = queue.submit(command)  # type: ignore[arg-type]
        except Exception as error:
            answers[command] = error

    threads = [threading.Thread(target=submit, args=(command,)) for command in commands]
    for thread in threads:
        thread.start()
    return threads


def tickets_of(*commands: int) -> list[Ticket]:
    return [Ticket(command) for command in commands]  # type: ignore[arg-type]


def submitting(queue: Queue, batch: Sequence[Ticket]) -> list[threading.Thread]:
    thread = threading.Thread(target=queue.submit_all, args=(batch,))
    thread.start()
    return [thread]


def wait_until_waiting(queue: Queue, count: int) -> None:
    for _ in range(2000):
        with queue._lock:
            if len(queue._waiting) == count:
                return
        threading.Event().wait(0.005)
    raise AssertionError("they never came")


def together(poster: Poster, queue: Queue, first: int, rest: Sequence[int]) -> Answers:
    """`first` is being posted while `rest` arrive; all are answered at the end."""
    answers: Answers = {}
    threads = ask(queue, [first], answers)
    assert poster.entered.wait(10)
    threads += ask(queue, rest, answers)
    wait_until_waiting(queue, len(rest))
    poster.gate.set()
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()
    return answers


def test_one_alone_is_posted_at_once() -> None:
    poster = Poster()
    poster.gate.set()
    assert Queue(poster).submit(7) == 70  # type: ignore[arg-type, comparison-overlap]
    assert poster.groups == [[7]]


def test_those_who_come_meanwhile_share_the_next_group() -> None:
    poster = Poster()
    answers = together(poster, Queue(poster), 1, [2, 3, 4, 5])
    assert answers == {command: command * 10 for command in range(1, 6)}
    assert poster.groups[0] == [1]
    assert sorted(poster.groups[1]) == [2, 3, 4, 5]
    assert len(poster.groups) == 2


def test_a_group_has_a_greatest_size() -> None:
    poster = Poster()
    answers = together(poster, Queue(poster, group_max=2), 1, [2, 3, 4, 5, 6])
    assert len(answers) == 6
    assert [len(group) for group in poster.groups] == [1, 2, 2, 1]


def test_a_batch_is_in_one_group_with_its_neighbours_and_in_its_order() -> None:
    poster = Poster(4)
    queue = Queue(poster)
    answers: Answers = {}
    threads = ask(queue, [1], answers)
    assert poster.entered.wait(10)
    batches = [tickets_of(9, 3, 7), tickets_of(4, 5)]
    for waiting, batch in enumerate(batches, 1):
        threads += submitting(queue, batch)
        wait_until_waiting(queue, waiting)
    threads += ask(queue, [2], answers)
    wait_until_waiting(queue, 3)
    poster.gate.set()
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()
    assert poster.groups[:2] == [[1], [9, 3, 7, 4, 5, 2]]
    assert answers == {1: 10, 2: 20}
    failed, *rest = [ticket for batch in reversed(batches) for ticket in batch]
    assert isinstance(failed.error, BrokenError)
    outcomes: list[object] = [ticket.answer() for ticket in rest]
    assert outcomes == [50, 90, 30, 70]


def test_what_is_kept_in_one_batch_refuses_nothing_in_another() -> None:
    """Of a batch, what follows a command that names no account waits with it; others' does not."""
    release, free, other = command_on(""), command_on("free"), command_on("other")

    def post(commands: Sequence[Any]) -> list[Any]:
        if release in commands:
            raise InProgressError if len(commands) == 1 else BrokenError
        return list(commands)

    first, second = tickets_on(release, free), tickets_on(other, free)
    settle_together(post, [first, second, tickets_on(free)])
    assert [type(ticket.told()) for ticket in first] == [InProgressError] * 2
    assert [ticket.told() for ticket in second] == [other, free]


def test_a_database_that_goes_away_between_two_batches_is_asked_no_more() -> None:
    asked: list[int] = []

    def post(commands: Sequence[Any]) -> list[Any]:
        asked.append(len(commands))
        raise BrokenError if len(asked) == 1 else StorageUnavailableError

    batches = [tickets_of(1, 2), tickets_of(3, 4), tickets_of(5)]
    settle_together(post, batches)
    assert asked == [5, 2]
    told = [type(ticket.told()) for batch in batches for ticket in batch]
    assert told == [StorageUnavailableError] * 5


def command_on(account: str) -> Any:
    return SimpleNamespace(account_id=account)


def tickets_on(*commands: Any) -> list[Ticket]:
    return [Ticket(command) for command in commands]


def test_a_batch_that_no_longer_fits_waits_for_the_next_group_and_a_long_one_goes_alone() -> None:
    poster = Poster()
    queue = Queue(poster, group_max=4)
    answers: Answers = {}
    threads = ask(queue, [1], answers)
    assert poster.entered.wait(10)
    for waiting, names in enumerate([(2, 3, 4), (5, 6), (7, 8), (20, 21, 22, 23, 24), (9,)], 1):
        threads += submitting(queue, tickets_of(*names))
        wait_until_waiting(queue, waiting)
    poster.gate.set()
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()
    assert poster.groups == [[1], [2, 3, 4], [5, 6, 7, 8], [20, 21, 22, 23, 24], [9]]


def test_who_came_first_is_posted_first() -> None:
    """However many come after: nobody is overtaken."""
    poster = Poster()
    queue = Queue(poster, group_max=2)
    answers: Answers = {}
    threads = ask(queue, [1], answers)
    assert poster.entered.wait(10)
    for waiting, command in enumerate([6, 2, 5, 3, 4], 1):
        threads += ask(queue, [command], answers)
        wait_until_waiting(queue, waiting)
    poster.gate.set()
    for thread in threads:
        thread.join(10)
    assert poster.groups == [[1], [6, 2], [5, 3], [4]]


def test_a_failing_command_touches_no_neighbour() -> None:
    poster = Poster(3)
    answers = together(poster, Queue(poster), 1, [2, 3, 4])
    assert isinstance(answers.pop(3), BrokenError)
    assert answers == {1: 10, 2: 20, 4: 40}
    assert sorted(poster.groups[1]) == [2, 3, 4]
    assert sorted(group[0] for group in poster.groups[2:]) == [2, 3, 4]


def test_after_a_failure_the_queue_goes_on() -> None:
    poster = Poster(1)
    poster.gate.set()
    queue = Queue(poster)
    with pytest.raises(BrokenError):
        queue.submit(1)  # type: ignore[arg-type]
    assert queue.submit(2) == 20  # type: ignore[arg-type, comparison-overlap]


def test_a_leader_that_is_struck_down_leaves_nobody_waiting() -> None:
    """Even an exception that is no failure of a command (a worker told to end) hands over."""
    poster = Poster()
    calls: list[int] = []

    def post(commands: Sequence[Any]) -> list[Any]:
        calls.append(len(commands))
        if len(calls) == 1:
            poster.entered.set()
            assert poster.gate.wait(10)
            raise SystemExit
        return [command * 10 for command in commands]

    queue = Queue(post)
    answers: Answers = {}

    def struck() -> None:
        with pytest.raises(SystemExit):
            queue.submit(1)  # type: ignore[arg-type]

    leader = threading.Thread(target=struck)
    leader.start()
    assert poster.entered.wait(10)
    threads = ask(queue, [2, 3], answers)
    wait_until_waiting(queue, 2)
    poster.gate.set()
    for thread in [leader, *threads]:
        thread.join(10)
        assert not thread.is_alive()
    assert answers == {2: 20, 3: 30}


def test_hundreds_at_once_are_each_answered_once() -> None:
    seen: list[int] = []

    def post(commands: Sequence[Any]) -> list[Any]:
        seen.extend(commands)
        return list(commands)

    answers: Answers = {}
    for thread in ask(Queue(post), range(300), answers):
        thread.join(30)
    assert answers == {command: command for command in range(300)}
    assert sorted(seen) == list(range(300))


def test_who_is_handed_the_lead_as_patience_ends_leads_and_leaves_a_queue_that_goes_on() -> None:
    poster = Poster()
    poster.gate.set()
    queue = Queue(poster, patience=1)
    answers: Answers = {}
    queue._led = True  # as while somebody else is posting
    threads = ask(queue, [1], answers)
    wait_until_waiting(queue, 1)
    with queue._lock:  # patience ends while the one who posted holds the lock to hand over
        threading.Event().wait(1.2)
        queue._hand_over()
    threads += ask(queue, [2], answers)
    for thread in threads:
        thread.join(5)
        assert not thread.is_alive()
    assert answers == {1: 10, 2: 20}


def test_whose_patience_ends_while_his_group_is_posted_leaves_and_the_group_goes_on() -> None:
    answers: Answers = {}
    gates = {1: threading.Event(), 2: threading.Event()}
    entered = threading.Event()
    groups: list[list[int]] = []

    def post(commands: Sequence[Any]) -> list[Any]:
        groups.append(list(commands))
        entered.set()
        assert gates[commands[0]].wait(10)
        return [command * 10 for command in commands]

    queue = Queue(post)
    threads = ask(queue, [1], answers)
    assert entered.wait(10)
    threads += ask(queue, [2], answers)
    wait_until_waiting(queue, 1)
    queue._patience = 2
    hasty = ask(queue, [3], answers)
    wait_until_waiting(queue, 2)
    gates[1].set()  # 2 leads 3 now, and its group is held up
    for thread in hasty:
        thread.join(10)
    assert isinstance(answers.pop(3), StorageUnavailableError)
    assert groups == [[1], [2, 3]]
    gates[2].set()
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()
    assert answers == {1: 10, 2: 20}
    assert not queue._led


def test_who_is_struck_down_as_the_lead_comes_to_him_hands_it_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    poster = Poster()
    poster.gate.set()
    queue = Queue(poster)
    answers: Answers = {}

    class Bell:
        """Rings as the lead comes; who hears it is struck down."""

        def acquire(self, timeout: float) -> bool:
            others.extend(ask(queue, [2], answers))
            wait_until_waiting(queue, 2)
            with queue._lock:
                queue._hand_over()
            raise SystemExit

        def release(self) -> None:
            pass

    class Struck(Waiting):
        def __init__(self, tickets: Any) -> None:
            super().__init__(tickets)
            if tickets[0].command == 1:
                self.woken = Bell()  # type: ignore[assignment]

    others: list[threading.Thread] = []
    monkeypatch.setattr("portal.ledger.queue.Waiting", Struck)
    queue._led = True  # as while somebody else is posting
    with pytest.raises(SystemExit):
        queue.submit(1)  # type: ignore[arg-type]
    for thread in others:
        thread.join(10)
        assert not thread.is_alive()
    assert answers == {2: 20}
    assert poster.groups == [[2]]


def tickets(accounts: str) -> list[Ticket]:
    """Commands on accounts of one letter each; a dot names none."""
    named = (SimpleNamespace(account_id="" if name == "." else name) for name in accounts)
    return [Ticket(command) for command in named]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("accounts", "parts"),
    [
        ("abab", [[0, 2], [1, 3]]),
        ("ab.ab", [[0], [1], [2], [3], [4]]),
        ("..a.", [[0, 1], [2], [3]]),
        ("a.bab", [[0], [1], [2, 4], [3]]),
    ],
)
def test_commands_are_parted_by_account_and_none_overtakes_another_of_its_account(
    accounts: str, parts: list[list[int]]
) -> None:
    group = tickets(accounts)
    assert [[group.index(ticket) for ticket in part] for part in parts_of(group)] == parts


def test_an_account_that_somebody_keeps_is_waited_for_once() -> None:
    """Each wait may take seconds, and a batch a thousand commands."""
    asked: list[int] = []

    def post(commands: Sequence[Any]) -> list[Any]:
        names = {command.account_id for command in commands}
        if len(names) > 1:
            raise BrokenError
        asked.append(len(commands))
        if "k" in names:
            raise InProgressError
        return list(commands)

    group = tickets("ak.kb." * 100)
    settle(post, group)
    kept = [ticket for ticket in group if isinstance(ticket.error, InProgressError)]
    assert len(kept) == 200
    assert sum(ticket.outcome is not None for ticket in group) == 400
    assert len(asked) == 100 + 1 + 200 + 100


def test_a_database_that_goes_away_in_the_midst_is_asked_no_more() -> None:
    asked: list[int] = []

    def post(commands: Sequence[Any]) -> list[Any]:
        if len(commands) > 1:
            raise BrokenError
        asked.append(len(commands))
        if len(asked) > 2:
            raise StorageUnavailableError
        return list(commands)

    group = tickets("abcdef")
    settle(post, group)
    assert outcomes(group) == "++----"
    assert len(asked) == 3
    assert all(isinstance(ticket.error, StorageUnavailableError) for ticket in group[2:])


def keeping(kept: str, log: list[str], *, times: int = 1_000) -> Any:
    """Posts commands as the portal does where some accounts are kept; small letters name none."""

    def post(commands: Sequence[Any]) -> list[str]:
        log.append("".join(each.letter for each in commands))
        if len(log) <= times and any(each.letter.upper() in kept for each in commands):
            names = {each.account_id for each in commands}
            if len(commands) > 1 and (len(names) > 1 or "" in names):
                raise ValueError("locked")
            raise InProgressError
        return ["done"] * len(commands)

    return post


def lettered(letters: str) -> list[Ticket]:
    """Commands on accounts; those in small letters do not name theirs."""
    named = (
        SimpleNamespace(letter=each, account_id=each if each.isupper() else "") for each in letters
    )
    return [Ticket(command) for command in named]  # type: ignore[arg-type]


def outcomes(group: list[Ticket]) -> str:
    return "".join("-" if ticket.outcome is None else "+" for ticket in group)


@pytest.mark.parametrize(
    ("letters", "told"), [("kf", "-+"), ("XkYf", "+-++"), ("KfKf", "-+-+"), ("kXk", "-+-")]
)
def test_what_names_a_kept_account_only_by_a_hold_refuses_no_neighbour(
    letters: str, told: str
) -> None:
    group = lettered(letters)
    settle(keeping("K", []), group)
    assert outcomes(group) == told


def test_nothing_goes_on_behind_what_was_not_done_and_may_be_of_the_same_account() -> None:
    group = lettered("XkK")
    settle(keeping("K", [], times=3), group, ordered=True)
    assert outcomes(group) == "+--", "K was free again by then, and what it waits for not done"


def test_where_many_are_kept_nobody_waits_for_all() -> None:
    log: list[str] = []
    group = lettered("ABCDEFGH" * 4)
    settle(keeping("ABCDEFGH", log), group)
    assert {type(ticket.error) for ticket in group} == {InProgressError}
    assert log == ["ABCDEFGH" * 4, "AAAA", "BBBB"]

"""What is known of a command: of what nobody has heard of there are no facts."""

import pytest

from portal import pricing
from portal.ledger import commands as asked
from portal.ledger.book import Draft
from portal.ledger.commands import Command, Refused
from portal.ledger.deciding import decide
from portal.ledger.errors import EntryNotFoundError, HoldNotFoundError
from portal.ledger.facts import Facts
from portal.ledger.known import Known
from portal.ledger.model import State
from portal.ledger.plans import unopened
from tests.ledger.stories import Story, done, entry_of, ids

UNKNOWN = (
    (asked.CaptureHold(hold_id="hld_none", credits=1), HoldNotFoundError),
    (asked.ReleaseHold(hold_id="hld_none", reason="failed"), HoldNotFoundError),
    (asked.ExtendHold(hold_id="hld_none", ttl_seconds=60), HoldNotFoundError),
    (asked.Refund(entry_id="ent_none", reason="failed"), EntryNotFoundError),
)


@pytest.mark.parametrize(("command", "error"), UNKNOWN)
def test_what_nobody_knows_has_no_facts_and_is_refused(
    command: Command, error: type[Exception]
) -> None:
    known = Known()
    assert known.find_account(command) is None
    assert known.facts_of(command) == Facts()
    outcome = decide(opened(), command, Facts(), now=NOW, tariffs=TARIFFS, ids=ids()).outcome
    assert isinstance(outcome, Refused)
    assert type(outcome.error) is error


def test_a_refund_of_what_is_not_loaded_changes_nothing_that_is_known() -> None:
    story = Story()
    story.open("pro")
    refunded = done(story.refund(story.debit(10)))
    known = Known()
    draft = Draft(entry_of(refunded), refunded.draws, refunded.grants)
    known.note(State(story.account, (), {}, {}), [draft], None)
    assert known.reversibles == {}


TARIFFS = pricing.Tariffs([pricing.shipped_tariff()])
NOW = TARIFFS[0].effective_at + 1


def opened() -> State:
    """The state of an account that was opened just now."""
    command = asked.PutAccount(account_id="ada", name="Ada", tier="pro")
    state = unopened(command, NOW)
    return decide(state, command, Facts(), now=NOW, tariffs=TARIFFS, ids=ids()).state

"""What a caller gave: of the kind that is wanted, or an ArgumentError says where and what is.

Kinds alone, and before anything is sent; which values are good ones is the portal's to say.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, Never

from portal.client.errors import ArgumentError

Check = Callable[[str, Any], object]  # of a place and what was given there; raises ArgumentError
Wanted = Mapping[str, Check]  # by names
SECONDS_MIN, SECONDS_MAX = 0.001, 1_000_000
KINDS: Final[Mapping[type, str]] = {
    str: "a text",
    int: "a whole number",
    float: "a number with a point",
    dict: "a mapping",
    list: "a list",
    tuple: "a tuple",
}


def refuse(place: str, wanted: str, given: Any) -> Never:
    """Say what is wanted at a place, and of which kind it is that came."""
    raise ArgumentError(place, f"must be {wanted}, not {kind_of(given)}")


def kind_of(given: Any) -> str:
    """What something is, without what is in it: that may be a secret, or without end."""
    if given is None or isinstance(given, bool):
        return repr(given)
    return KINDS.get(type(given), type(given).__name__)


def one_of(wanted: str, *kinds: type) -> Check:
    """Whether it is of these kinds; True and False are no numbers."""

    def check(place: str, given: Any) -> None:
        if not isinstance(given, kinds) or (isinstance(given, bool) and bool not in kinds):
            refuse(place, wanted, given)

    return check


text: Final = one_of("a text", str)
whole: Final = one_of("a whole number", int)
flag: Final = one_of("True or False", bool)
mapping: Final = one_of("a mapping", Mapping)
number_of_seconds: Final = one_of("a number of seconds", int, float)


def optional(check: Check) -> Check:
    """Whether it is None, which stands for nothing, or as another check wants it."""

    def checked(place: str, given: Any) -> None:
        if given is not None:
            check(place, given)

    return checked


def seconds(place: str, given: Any, least: float = 0) -> None:
    """Whether it is a number of seconds that can be waited for."""
    number_of_seconds(place, given)
    if not least <= given <= SECONDS_MAX:
        raise ArgumentError(place, f"must be {least:g} to {SECONDS_MAX} seconds")


def deadline(place: str, given: Any) -> None:
    """Whether it leaves time for an answer."""
    seconds(place, given, SECONDS_MIN)


def listed(place: str, given: Any, wanted: str) -> None:
    """Whether it is a list: what can be read once only could not be asked for again."""
    if not isinstance(given, Sequence) or isinstance(given, str | bytes | bytearray):
        refuse(place, wanted, given)


def texts(place: str, given: Any) -> None:
    """Whether it is a list of texts."""
    listed(place, given, "a list of texts")
    for number, each in enumerate(given):
        text(f"{place}.{number}", each)


def named_texts(place: str, given: Any) -> None:
    """Whether it is a mapping of texts by names."""
    mapping(place, given)
    for name, each in given.items():
        if not isinstance(name, str):
            raise ArgumentError(place, f"must have names that are texts, not {kind_of(name)}")
        text(f"{place}.{name}", each)


def faults(wanted: Wanted, given: Mapping[str, Any]) -> Iterator[ArgumentError]:
    """Hold what was given against what is wanted of it, name by name; what fails is told."""
    for name, check_one in wanted.items():
        if name in given:
            try:
                check_one(name, given[name])
            except ArgumentError as error:
                yield error


def check(wanted: Wanted, given: Mapping[str, Any]) -> None:
    """The same, of which the first fault is raised."""
    for fault in faults(wanted, given):
        raise fault

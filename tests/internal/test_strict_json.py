"""What the door reads as JSON: one meaning, or a refusal that says why."""

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.internal import strict_json
from portal.internal.errors import MalformedRequestError
from portal.internal.strict_json import (
    DEPTH_MAX,
    OddNumber,
    canonical,
    quoted,
    read_object,
    rewritten,
    write,
)


def test_it_reads_an_object() -> None:
    raw = '{"a": 1, "b": [true, null, "ä\\n"], "c": {"d": -5}}'.encode()
    assert read_object(raw) == {"a": 1, "b": [True, None, "ä\n"], "c": {"d": -5}}


def test_it_reads_numbers_up_to_63_bits() -> None:
    assert read_object(b'{"n": 9223372036854775807}') == {"n": 2**63 - 1}
    assert read_object(b'{"n": -9223372036854775807}') == {"n": -(2**63) + 1}


@pytest.mark.parametrize(
    "text",
    ["1.0", "1e2", "1E400", "-0", "9223372036854775808", "-9223372036854775808", "7" * 5000, "0.0"],
    ids=lambda text: text[:12],
)
def test_it_keeps_numbers_that_are_not_whole_as_text(text: str) -> None:
    assert read_object(f'{{"n": {text}}}'.encode()) == {"n": OddNumber(text)}


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b" ",
        b"{",
        b"[]",
        b"null",
        b"7",
        b'"text"',
        b"{} {}",
        b"{}x",
        b'{"a": 1,}',
        b"{'a': 1}",
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": -Infinity}',
        b'{"a": +1}',
        b'{"a": 01}',
        b'{"a": .5}',
        b'{"a": 0x10}',
        b'{"a": "\t"}',
        b'{"a": "\x00"}',
        b'{"a": "\\x00"}',
        b"\xef\xbb\xbf{}",
        b'{"a": "\xff"}',
        b'{"a": "\xed\xa0\x80"}',
        b'{"a": "\xc0\xaf"}',
        '{"a": 1}'.encode("utf-16"),
        '{"a": 1}'.encode("utf-32-le"),
        b'{"a": 1, "a": 1}',
        b'{"a": 1, "\\u0061": 2}',
        b'{"a": {"b": 1, "b": 2}}',
        b'{"a": "\\ud800"}',
        b'{"a": "\\udc00\\ud800"}',
        b'{"\\ud83d": 1}',
        b'{"a": {"b": ["\\udfff"]}}',
        b'{"a": "\\u0000"}',
        b'{"a\\u0000": 1}',
        b"// no\n{}",
    ],
    ids=repr,
)
def test_it_refuses_what_readers_disagree_on(raw: bytes) -> None:
    with pytest.raises(MalformedRequestError):
        read_object(raw)


def test_it_takes_escapes_that_spell_whole_characters() -> None:
    assert read_object(b'{"\\u0061": "\\ud83d\\ude00\\u00e9"}') == {"a": "😀é"}


def test_it_names_the_member_that_comes_twice() -> None:
    with pytest.raises(MalformedRequestError) as refused:
        read_object(b'{"units": 1, "\\u0075nits": 2}')
    assert refused.value.numbers() == {"member": "units"}


def nested(depth: int, opening: bytes = b"[", closing: bytes = b"]") -> bytes:
    return b'{"a": ' + opening * (depth - 1) + closing * (depth - 1) + b"}"


def test_it_counts_nesting_before_it_parses() -> None:
    assert read_object(nested(DEPTH_MAX))
    for raw in (
        nested(DEPTH_MAX + 1),
        nested(100_000),
        b'{"a":' * 100_000,
        b"[" * 100_000,
        b'{"a": "\\"' + b"[" * 100 + b'"}' + b"[" * 100,
    ):
        with pytest.raises(MalformedRequestError, match="nested too deeply"):
            read_object(raw)


def test_brackets_in_texts_nest_nothing() -> None:
    assert read_object(b'{"a": "' + b"[{" * 100 + b'", "b": "\\"[[[[[[[[["}')


def test_many_siblings_nest_nothing() -> None:
    assert len(read_object(b'{"a": [' + b"[]," * 100 + b"[]]}")["a"]) == 101


def depth_of(value: Any) -> int:
    """How deep a value is nested."""
    inner = [*value.values()] if isinstance(value, dict) else value
    return 1 + max(map(depth_of, inner), default=0) if isinstance(inner, list) else 0


def depth_read(text: str) -> int:
    """How deep a text is nested, sign by sign, whether or not it is JSON."""
    deepest = depth = 0
    inside = False
    signs = iter(text)
    for sign in signs:
        if sign == "\\":
            next(signs, "")
        elif sign == '"':
            inside = not inside
        elif not inside and sign in "[{":
            depth += 1
        elif not inside and sign in "]}":
            depth -= 1
        deepest = max(deepest, depth)
    return deepest


def is_too_deep(text: str) -> bool:
    try:
        read_object(text.encode())
    except MalformedRequestError as refused:
        return refused.numbers().get("maximum") == DEPTH_MAX
    return False


TEXTS = st.text('ab"\\[]{}:,\u00e4', max_size=6)


@given(st.recursive(TEXTS, lambda each: st.lists(each, max_size=3) | st.dictionaries(TEXTS, each)))
def test_what_is_json_is_too_deep_from_its_ninth_level(value: Any) -> None:
    for more in range(DEPTH_MAX):
        for _ in range(more):
            value = {'"[': value, "\\": ["{"]}
        assert is_too_deep(json.dumps(value)) == (depth_of(value) > DEPTH_MAX)


@given(st.text('a"\\[]{}', max_size=60), st.integers(0, 12))
def test_what_is_not_json_is_as_deep_as_its_brackets(text: str, more: int) -> None:
    deep = "{" * more + text
    assert is_too_deep(deep) == (depth_read(deep) > DEPTH_MAX)


@pytest.mark.parametrize(
    "raw",
    [
        b'"\\' * 50_000,
        b'{"a":"' + b'\\"' * 50_000,
        b"{" * 20 + b'"' * 100_000,
        b"[" * 100_000,
        b"{}" * 50_000 + b"}{" * 50_000,
        b"{[" * 5 + b"\\" * 100_000,
    ],
    ids=["quotes", "open-text", "empty-texts", "open", "in-a-row", "escapes"],
)
def test_hostile_texts_cost_no_more_than_their_length(raw: bytes) -> None:
    began = time.process_time()
    with pytest.raises(MalformedRequestError):
        read_object(raw)
    assert time.process_time() - began < 0.5  # a quadratic reading takes minutes


def test_which_member_comes_twice_is_found_without_comparing_each_with_all() -> None:
    class Name(str):
        compared = 0

        def __eq__(self, other: object) -> bool:
            Name.compared += 1
            return str.__eq__(self, other)

        __hash__ = str.__hash__

    names = [*map(str, range(1_000)), "999"]
    with pytest.raises(MalformedRequestError, match="member 999 comes twice"):
        strict_json._members([(Name(name), 1) for name in names])
    assert Name.compared < 10 * len(names)


def test_it_writes_compactly_in_the_order_given() -> None:
    assert write({"b": 1, "a": ["é", None, True]}) == '{"b":1,"a":["é",null,true]}'


def test_canonical_texts_are_equal_for_equal_members() -> None:
    assert canonical({"b": {"d": 1, "c": 2}, "a": 1}) == '{"a":1,"b":{"c":2,"d":1}}'
    assert canonical({"a": 1}) != canonical({"a": "1"})


def test_what_was_kept_is_written_again_as_answers_are() -> None:
    assert rewritten('{ "b": "\\u00e9", "a": [1] }') == '{"b":"é","a":[1]}'


@given(st.text())
def test_a_text_alone_is_written_as_within_an_answer(text: str) -> None:
    assert quoted(text) == write(text) == canonical(text)

"""Limits of values in size and digits, and that orjson is called only with enough memory."""

from __future__ import annotations

import json
import sys
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from a3s_store.errors import DecodeError, EncodeError
from a3s_store.models import Message, ToolUseBlock
from a3s_store.wire import (
    DEFAULT_LIMITS,
    Limits,
    canonical,
    check_opaque,
    check_size,
    compact,
    encode,
    freeze,
    parse,
    pretty,
)
from a3s_store.wire.limits import in_force
from a3s_store.wire.orjson_memory import in_pieces, size_of
from tests.programs import output_of

_TREES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@pytest.mark.parametrize(
    ("given", "what"),
    [
        ({"value_size": 0}, "value_size"),
        ({"file_bytes": 1.5}, "file_bytes"),
        ({"integer_digits": True}, "integer_digits"),
        ({"integer_digits": 4_301}, "integer_digits is at most 4300"),
    ],
)
def test_limits_are_positive_integers(given: dict[str, Any], what: str) -> None:
    with pytest.raises(ValueError, match=what):
        Limits(**given)


@given(_TREES)
def test_the_size_is_that_of_texts_and_keys_and_eight_for_each_other_thing(tree: Any) -> None:
    def expected(part: Any) -> int:
        if isinstance(part, str):
            return len(part)
        if isinstance(part, dict):
            return 8 + sum(len(key) + expected(item) for key, item in part.items())
        if isinstance(part, list):
            return 8 + sum(map(expected, part))
        return 8

    assert size_of(tree) == expected(tree)
    assert size_of(freeze(tree)) == expected(tree)


def test_a_value_above_the_limit_is_refused_before_it_is_encoded_with_its_place() -> None:
    limits = Limits(value_size=1_000)
    tree = encode(Message.user("x" * 1_001))
    with in_force(limits), pytest.raises(EncodeError) as caught:
        canonical(tree)
    assert caught.value.path == "content[0].text"
    assert caught.value.what.startswith("a value of ")
    assert "and 1000 is the limit" in str(caught.value)
    with pytest.raises(EncodeError):
        check_size(tree, limits)
    assert canonical(tree)  # no limit outside of a save
    with in_force(limits), in_force(None):
        assert canonical(tree)


def test_a_value_of_many_small_parts_is_refused_too() -> None:
    with in_force(Limits(value_size=1_000)), pytest.raises(EncodeError) as caught:
        compact({"list": [1] * 1_000})
    assert caught.value.path == ""


def test_a_file_of_many_values_is_not_held_to_the_limit_of_one() -> None:
    with in_force(Limits(value_size=10)):
        assert len(pretty(["x" * 9] * 9)) > 10


def test_an_integer_of_too_many_digits_is_refused_with_its_place() -> None:
    def block(digits: int) -> ToolUseBlock:
        return ToolUseBlock(id="1", name="add", input={"n": [0, 10 ** (digits - 1)]})

    with in_force(Limits(integer_digits=400)):
        encode(block(400))
        with pytest.raises(EncodeError) as caught:
            encode(block(401))
    assert (caught.value.path, caught.value.what) == (
        "input.n[1]",
        "an integer of more than 400 digits",
    )
    encode(block(4_300))
    with pytest.raises(EncodeError, match="more than 4300 digits"):
        block(4_301)
    with pytest.raises(EncodeError, match="more than 400 digits"):
        check_opaque(freeze({"n": -(10**400)}), Limits(integer_digits=400), "value")


def test_a_process_that_permits_itself_fewer_digits_is_told_the_place() -> None:
    block = ToolUseBlock(id="1", name="add", input={"n": 10**1_000})
    before = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(640)
    try:
        with pytest.raises(EncodeError) as caught:
            encode(block)
    finally:
        sys.set_int_max_str_digits(before)
    assert caught.value.path == "input.n"


# -- Little memory --------------------------------------------------------------------------------


@given(_TREES, st.sampled_from([0, orjson.OPT_SORT_KEYS, orjson.OPT_INDENT_2]))
def test_pieces_are_what_orjson_writes(tree: Any, option: int) -> None:
    assert in_pieces(tree, option) == orjson.dumps(tree, option=option)


@pytest.mark.parametrize("option", [0, orjson.OPT_SORT_KEYS, orjson.OPT_INDENT_2])
def test_pieces_of_large_texts_lists_and_objects_are_what_orjson_writes(option: int) -> None:
    text = 'é\n"\\\x01\U0001f600' * 30_000
    tree = {
        "z": text,
        text: [{}, [], ()],
        "é": ["\U0001f600", 1.5, orjson.Fragment("1e400")] * 9_000,
        "a": {"b": {"c": [text, text], "": None}},
        "\U0001f600": freeze({"k": [text]}),
    }
    assert in_pieces(tree, option) == orjson.dumps(tree, option=option)


# Megabytes of address space that a process may take beyond those that it has.
_SPARE = (2, 8, 20, 60, 900)
# Forks a process for each of them, which prints its two outcomes and its exit status.
_SHORT_OF_MEMORY = """
import json, os, resource, sys
from a3s_store.errors import DecodeError, EncodeError
from a3s_store.wire import canonical, parse_own
text = {text}
large = {{"a": text}}
stored = json.dumps(large, ensure_ascii=False)
for megabytes in {spare}:
    if os.fork() == 0:
        pages = int(open("/proc/self/statm").read().split()[0])
        space = pages * resource.getpagesize() + megabytes * 1_000_000
        resource.setrlimit(resource.RLIMIT_AS, (space, -1))
        for work in (lambda: canonical(large), lambda: parse_own(stored)):
            try:
                print(len(work()) > 0, end=" ")
            except MemoryError:
                print("MemoryError", end=" ")
        sys.stdout.flush()
        os._exit(0)
    print("exit", os.wait()[1], flush=True)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="there is no such limit elsewhere")
@pytest.mark.parametrize(
    "text", ["'x' * 5_000_000", "'\\u00e9' * 5_000_000", "['x' * 99] * 50_000"]
)
def test_short_of_memory_a_value_is_written_or_it_is_a_memory_error(text: str) -> None:
    """Before, orjson ended the process with SIGSEGV or called the text invalid."""
    lines = output_of(_SHORT_OF_MEMORY.format(text=text, spare=_SPARE)).splitlines()
    assert len(lines) == len(_SPARE)
    for line in lines:
        *outcomes, _, status = line.split()
        assert (len(outcomes), status) == (2, "0")
        assert set(outcomes) <= {"True", "MemoryError"}
    assert lines[-1] == "True True exit 0"


def test_the_default_takes_what_people_keep() -> None:
    """A tool's output of 64 MB, an image of 10 MB in base64, integers of 4,300 digits."""
    check_size({"content": "x" * 64_000_000}, DEFAULT_LIMITS)
    check_size({"data": "x" * 14_000_000}, DEFAULT_LIMITS)
    assert json.loads(compact(encode(Message.user("x")))) is not None
    assert DEFAULT_LIMITS.integer_digits == 4_300


def test_a_long_key_is_cut_in_the_place_of_an_error() -> None:
    key = "sk-live-0123456789abcdef0123456789\nx"
    with pytest.raises(EncodeError) as caught:
        freeze({"a": {key: float("nan")}})
    assert caught.value.path == "a.sk-live-0123…"
    with pytest.raises(DecodeError, match=r"the key 'sk-live-0123…' is repeated"):
        parse(f'{{"{key[:34]}": 1, "{key[:34]}": 2}}')
    with pytest.raises(EncodeError) as caught:
        freeze({"a\nb": {}, "c\nd": [float("nan")]})
    assert caught.value.path == "c\\nd[0]"

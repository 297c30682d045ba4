"""Cleaning makes any text writable, and leaves writable texts unchanged."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a3s_store import clean_text
from a3s_store.core.clean import MARK, Cleaner, clean_json
from a3s_store.errors import EncodeError
from a3s_store.models import Message, TextBlock, ToolResultBlock
from a3s_store.wire import compact, encode

ANY_CHARACTER = st.characters(codec=None, exclude_categories=())
TEXTS = st.text(ANY_CHARACTER) | st.text("\ud83d\ude00a\0é", max_size=6)
VALUES = st.recursive(
    TEXTS | st.integers() | st.none() | st.booleans(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("", ""),
        ("plain", "plain"),
        ("ünï 次 🙂", "ünï 次 🙂"),
        ("nul \0 and \x1b stay", "nul \0 and \x1b stay"),
        ("\ud83d\ude42", "🙂"),
        ("\ud83d", "\N{REPLACEMENT CHARACTER}"),
        ("\ude42\ud83d", "\N{REPLACEMENT CHARACTER}" * 2),
        ("a\ud83d\ud83d\ude42b", "a\N{REPLACEMENT CHARACTER}🙂b"),
    ],
)
def test_surrogates_become_characters_or_the_mark(text: str, cleaned: str) -> None:
    assert clean_text(text) == cleaned


@given(TEXTS)
def test_a_cleaned_text_can_be_written_and_is_not_changed_again(text: str) -> None:
    cleaned = clean_text(text)
    cleaned.encode()
    assert clean_text(cleaned) is cleaned
    try:
        text.encode()
    except UnicodeEncodeError:
        return
    assert cleaned is text


@given(VALUES)
def test_every_text_of_a_json_value_is_cleaned(value: Any) -> None:
    try:
        cleaned = clean_json(value)
    except EncodeError:
        return  # two keys became equal
    assert clean_json(cleaned) is cleaned
    str(cleaned).encode()


def test_keys_that_become_equal_are_named() -> None:
    with pytest.raises(EncodeError) as caught:
        clean_json({"a": [{f"x{half}": 1 for half in "\ud800\udfff"}]})
    assert caught.value.path.startswith("a[0]")


def test_a_mark_that_cannot_be_written_is_refused() -> None:
    with pytest.raises(ValueError, match="mark"):
        clean_text("\ud800", mark="\ud800")


@given(st.recursive(st.text(ANY_CHARACTER, max_size=3), lambda inner: st.lists(inner, max_size=3)))
def test_texts_that_change_are_counted(value: Any) -> None:
    def bad(part: Any) -> int:
        return sum(map(bad, part)) if isinstance(part, list) else clean_text(part) != part

    cleaner = Cleaner()
    cleaner.json(value)
    assert cleaner.count == bad(value)


def test_a_value_with_more_levels_than_can_be_written_is_refused() -> None:
    deep: Any = "\ud800"
    for _ in range(5000):
        deep = [deep]
    with pytest.raises(EncodeError, match="nested"):
        clean_json(deep)


def test_every_text_of_a_model_is_cleaned_and_whole_parts_are_the_same_objects() -> None:
    whole, half = TextBlock(text="whole"), ToolResultBlock(tool_use_id="c\udce9", content="\ud83d")
    message = Message(role="user", content=(whole, half), reasoning_content="\ud83d\ude42")
    cleaner = Cleaner()
    cleaned = cleaner.model(message)
    assert cleaned.content[0] is whole
    assert cleaned.content[1] == half.evolve(tool_use_id="c" + MARK, content=MARK)
    assert cleaned.reasoning_content == "🙂"
    assert cleaner.count == 3
    assert cleaner.model(cleaned) is cleaned
    compact(encode(cleaned))

"""Words of texts, queries and matches: FTS5's `ascii` tokenizer agrees, and offsets are exact."""

from __future__ import annotations

import sqlite3
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from a3s_store.core.search import words
from a3s_store.core.search.queries import MOST_CHARACTERS, MOST_PHRASES, parsed
from a3s_store.core.search.texts import SearchedText, searched
from a3s_store.errors import InvalidArgumentError

# Pieces on which tokenizers differ.
_ODD = [
    *("foo", "fooBar", "foo_bar", "HTTPServer2", "src/a/b.py", "--dry-run", "x1", "1.5e3", "a:b"),
    *(
        "修复错误",
        "修",
        "错修",
        "東京都",
        "한국어",
        "\u1112\u1161\u11ab",
        "ภาษาไทย",
        "ひらがな",
        "カﾞ",
        "ﾊﾟ",
    ),
    *(
        "Größe",
        "STRASSE",
        "straße",
        "café",
        "cafe\u0301",
        "ﬁx",
        "Ⅷ",
        "İstanbul",
        "naïve",
        "Σίσυφος",
    ),
    *(
        "हिन्दी",
        "\u200bzero",
        "e\u0301\u0323",
        "soft\u00adware",
        "می\u200cخواهم",
        "❤\ufe0f",
        "葛\U000e0100",
    ),
    *('"', "*", "NEAR(", "AND", "\x00", "🙂", "i̇", "㎏", "ﷺ", "½", "ͅ", "\ue000", "\u1160", "ᾳ"),
]
_piece = st.one_of(st.sampled_from(_ODD), st.text(max_size=4))
_text = st.lists(st.tuples(_piece, st.sampled_from(["", " ", "\n"])), max_size=8).map(
    lambda found: "".join(piece + gap for piece, gap in found)
)
_query = st.one_of(_piece, _text, _piece.map('"{}"'.format), _piece.map("{}*".format))


@settings(max_examples=200)
@given(_text)
def test_a_text_is_folded_unit_by_unit(text: str) -> None:
    found = [text[start:end] for start, end in words.units(text)]
    assert "".join(found) == text
    assert "".join(map(words.plain, found)) == words.plain(text)


@settings(max_examples=200)
@given(_text)
def test_located_words_are_the_words(text: str) -> None:
    for line, located in (
        (words.words(text), words.located_words(text)),
        (words.parts(text), words.located_parts(text)),
    ):
        assert line.split(" ") == ["", *(one.text for one in located), ""] or line == " "


@settings(max_examples=150)
@given(st.lists(_text, min_size=1, max_size=5), _query)
def test_fts5_finds_what_the_reference_finds(texts: list[str], query: str) -> None:
    try:
        wanted = parsed(query)
    except InvalidArgumentError:
        return
    conn = sqlite3.connect(":memory:")
    conn.execute("CREATE VIRTUAL TABLE f USING fts5(text, parts, content='', tokenize='ascii')")
    stored = [SearchedText((text, "and", text)) for text in texts]
    conn.executemany(
        "INSERT INTO f (rowid, text, parts) VALUES (?, ?, ?)",
        [(number, one.words, one.parts) for number, one in enumerate(stored)],
    )
    asked = (wanted.expression,)
    found = {row[0] for row in conn.execute("SELECT rowid FROM f WHERE f MATCH ?", asked)}
    conn.close()
    assert found == {number for number, one in enumerate(stored) if wanted.matches(one)}


@settings(max_examples=150)
@given(_text, _text, _text, st.sampled_from(["NFC", "NFD"]), st.booleans())
def test_a_quoted_piece_of_a_text_is_found(
    before: str, piece: str, after: str, form: str, quoted: bool
) -> None:
    piece = piece.replace('"', " ").rstrip("*")
    try:
        phrases = parsed(f'"{piece}"' if quoted else piece).phrases
    except InvalidArgumentError:
        return
    text = unicodedata.normalize(form, f"{before} {piece} {after}")  # type: ignore[arg-type]
    assert SearchedText((text,)).has(phrases)


@settings(max_examples=150)
@given(_text, _query)
def test_highlights_are_in_the_snippet_in_order_and_match(text: str, query: str) -> None:
    try:
        phrases = parsed(query).phrases
    except InvalidArgumentError:
        return
    one = SearchedText((text,))
    shown = one.snippet(phrases)
    assert shown.text in text
    assert [*shown.highlights] == sorted(set(shown.highlights))
    assert all(0 <= start <= end <= len(shown.text) for start, end in shown.highlights)
    if one.has(phrases):
        assert shown.highlights


@pytest.mark.parametrize(
    ("text", "query", "highlighted"),
    [
        ("the foo_bar of foo", "foo", ["foo", "foo"]),
        ("call fooBarBaz now", "bar", ["Bar"]),
        ("call fooBarBaz now", "foobarb*", ["fooBarBaz"]),
        ("在修复错误之后", "修复错误", ["修复错误"]),
        ("在修复错误之后", "修", ["修"]),
        ("在修复", "复", ["复"]),
        ("Die GRÖSSE und die Gro\u0308ße", "größe", ["GRÖSSE", "Gro\u0308ße"]),
        ("see src/foo/bar.py here", '"foo/bar.py"', ["foo/bar.py"]),
        ("12 ㎏ of it", "kg", ["㎏"]),
        ("ein Haus, ein Hausboot", "haus*", ["Haus", "Hausboot"]),
        ("修复 x 修", '"修复 x"', ["修复 x"]),
        ("a b a b a", '"a b" "b a"', ["a b a b a"]),
    ],
)
def test_highlights_cut_exactly_what_matches(text: str, query: str, highlighted: list[str]) -> None:
    shown = SearchedText((text,)).snippet(parsed(query).phrases)
    assert [shown.text[start:end] for start, end in shown.highlights] == highlighted


@pytest.mark.parametrize(
    "query", ["", " ", '""', "*", "- / .", "\x00", "a" * (MOST_CHARACTERS + 1)]
)
def test_a_query_without_words_or_too_long_is_refused(query: str) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        parsed(query)
    assert caught.value.argument == "query"


def test_a_query_has_at_most_64_words() -> None:
    many = [f"w{number}" for number in range(MOST_PHRASES + 1)]
    assert len(parsed(" ".join(many[1:])).phrases) == MOST_PHRASES
    with pytest.raises(InvalidArgumentError):
        parsed(" ".join(many))


def test_a_phrase_does_not_reach_into_the_next_block() -> None:
    blocks = [{"type": "text", "text": "one two"}, {"type": "text", "text": "three"}]
    assert parsed("two three").matches(searched(blocks))
    assert not parsed('"two three"').matches(searched(blocks))


def test_tool_calls_and_the_ends_of_results_are_searched() -> None:
    blocks = [
        {"type": "tool_use", "id": "1", "name": "read_file", "input": {"path": ["src/a.py", 3]}},
        {"type": "tool_result", "tool_use_id": "1", "content": "first " + "x " * 9000 + "last"},
        {"type": "image", "source": {"data": "hidden"}},
        {"type": "thinking", "text": "hidden"},
        "hidden",
    ]
    assert parsed('read_file "src/a.py" first last').matches(searched(blocks))
    assert not parsed("hidden").matches(searched(blocks))
    assert searched(blocks, tools=False).texts == ()


@pytest.mark.parametrize("content", [None, 3, [{"type": "text", "text": 5}], [{"type": []}], {}])
def test_content_of_unexpected_types_is_left_out(content: object) -> None:
    assert searched(content).texts == ()

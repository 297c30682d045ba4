"""The texts of a message that searches look at, and whether a query occurs in them.

Text blocks whole; of a tool call its name and the texts of its input, of its result the beginning
and the end. No reasoning, no images, no blocks of unknown types. A message is given as the JSON
array of its content, as stores keep it; what has an unexpected type there is left out.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, Final

import attrs

from a3s_store.core.search import words
from a3s_store.core.search.phrases import Phrase
from a3s_store.core.search.words import BREAK

# The most characters of a tool's input, and of the beginning and the end of its result.
_INPUT: Final = 4096
_RESULT_BEGIN: Final = 8192
_RESULT_END: Final = 2048
# How many characters of a text a hit shows, and how many of them before the first match.
_SNIPPET: Final = 240
_BEFORE: Final = 60


@attrs.frozen
class Snippet:
    """A piece of a text, and which ranges of it match a query."""

    text: str
    highlights: tuple[tuple[int, int], ...]
    matches: int


@attrs.frozen(slots=False)
class SearchedText:
    """The texts of one message. A phrase is in one of them: it does not reach into the next."""

    texts: tuple[str, ...]

    @cached_property
    def words(self) -> str:
        """Their words, as `words.words` returns them."""
        return BREAK.join(map(words.words, self.texts)) or " "

    @cached_property
    def parts(self) -> str:
        """The parts of identifiers in them."""
        return BREAK.join(map(words.parts, self.texts)) or " "

    def has(self, phrases: Sequence[Phrase]) -> bool:
        """Return whether all phrases occur."""
        return all(one.needle in self.words or one.needle in self.parts for one in phrases)

    def snippet(self, phrases: Sequence[Phrase]) -> Snippet:
        """Return the text around the first match, with all matches in it."""
        found = sorted(
            (number, *place)
            for number, text in enumerate(self.texts)
            for place in _places(text, phrases)
        )
        if not found:
            return Snippet("", (), 0)
        number, first, _ = found[0]
        text = self.texts[number]
        start = _cut(text, max(0, first - _BEFORE), first)
        end = min(len(text), start + _SNIPPET)
        shown = [(a - start, min(b, end) - start) for at, a, b in found if at == number and a < end]
        return Snippet(text[start:end], tuple(_merged(shown)), len(found))


def searched(content: Any, *, tools: bool = True) -> SearchedText:
    """Return the texts of a message with this content; without `tools` those of text blocks."""
    return SearchedText(tuple(text for text in _texts(content, tools) if text))


def _texts(content: Any, tools: bool) -> Iterator[str]:
    for block in content if isinstance(content, list) else ():
        kind = block.get("type") if isinstance(block, Mapping) else None
        if kind == "text":
            yield _text(block.get("text"))
        elif kind == "tool_use" and tools:
            yield _text(block.get("name"))
            yield "\n".join(_leaves(block.get("input")))[:_INPUT]
        elif kind == "tool_result" and tools:
            yield from _result(block.get("content"))


def _result(content: Any) -> Iterator[str]:
    parts = content if isinstance(content, list) else [{"type": "text", "text": content}]
    found = [_text(one.get("text")) for one in parts if isinstance(one, Mapping)]
    text = "\n".join(filter(None, found))
    if len(text) <= _RESULT_BEGIN + _RESULT_END:
        yield text
    else:
        yield text[:_RESULT_BEGIN]
        yield text[-_RESULT_END:]


def _leaves(value: Any) -> Iterator[str]:
    """Yield the texts in a JSON value, in order, as many as are looked at."""
    left, stack = _INPUT, [value]
    while stack and left > 0:
        one = stack.pop()
        if isinstance(one, str):
            left -= len(one) + 1
            yield one
        elif isinstance(one, Mapping):
            stack += reversed([*one.values()])
        elif isinstance(one, list | tuple):
            stack += reversed(one)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _places(text: str, phrases: Sequence[Phrase]) -> Iterator[tuple[int, int]]:
    for plain, located in (
        (words.words, words.located_words),
        (words.parts, words.located_parts),
    ):
        texts = plain(text).split()
        begins = [(phrase, index) for phrase in phrases for index in phrase.starts(texts)]
        # No further than to the word behind the last match.
        most = max((index + len(phrase.words) + 1 for phrase, index in begins), default=0)
        found = [*itertools.islice(located(text), most)]
        yield from (phrase.place(found, index) for phrase, index in begins)


def _cut(text: str, start: int, first: int) -> int:
    """Return where a word begins, at or behind `start`."""
    blank = text.find(" ", start, first)
    return start if start == 0 or blank < 0 else blank + 1


def _merged(ranges: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Yield sorted ranges, those that overlap as one."""
    start, end = ranges[0]
    for first, last in ranges[1:]:
        if first < end:
            end = max(end, last)
        else:
            yield start, end
            start, end = first, last
    yield start, end

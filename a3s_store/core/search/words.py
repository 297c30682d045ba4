"""The words of a text, as searches compare them: pure functions of a text.

A text is folded: case, width, ligatures, accents and composed characters do not count. Letters,
digits and marks make words; everything else separates them. Scripts without spaces between words
(Han, Kana, Hangul, Thai, Lao, Myanmar, Khmer) become overlapping pairs of characters, then the
last character: so every run of characters is found as a phrase of pairs.

`VERSION` rises with every change of what these functions return: an index is made again then.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Final, NamedTuple

VERSION: Final = 1
# A word that no text has, so that a phrase does not reach from one block into the next.
BREAK: Final = "\ue000"

_UNSPACED: Final = (
    "\u0e00-\u0eff\u1000-\u11ff\u1780-\u17ff\u3005-\u3007\u3031-\u3035\u3040-\u30ff\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\U00020000-\U0003ffff"
)
# A run of a script without spaces, or a word of another one, in a text without separators.
_PIECE: Final = re.compile(f"(?P<run>[{_UNSPACED}]+)|[^ {_UNSPACED}]+")
_ASCII_WORD: Final = re.compile("[a-z0-9]+")
# Accents, characters that only join or select a shape, and the hyphen of a line break.
_IGNORED: Final = re.compile("[\u00ad\u0300-\u036f\u200c\u200d\ufe00-\ufe0f\U000e0100-\U000e01ef]")
_IDENTIFIER: Final = re.compile("[A-Za-z0-9]+")
_HUMP: Final = re.compile("[a-z0-9][A-Z]|[A-Z][A-Z][a-z]")
_PART: Final = re.compile("[A-Z]+(?![a-z])|[A-Z]?[a-z0-9]+")
# A longer run of letters is encoded data, no name of anything.
_LONGEST_IDENTIFIER: Final = 64
# How many characters' classes are kept.
_MOST_CLASSES: Final = 20_000


class Word(NamedTuple):
    """A word of a text, and the range of the text that it is made of."""

    text: str
    start: int
    end: int


class _Separators(dict[int, str]):
    """Maps each character that is in no word to a blank, for `str.translate`."""

    def __missing__(self, code: int) -> str:
        char = chr(code)
        is_in_word = char.isalnum() or unicodedata.category(char).startswith("M")
        found = char if is_in_word else " "
        if len(self) < _MOST_CLASSES:
            self[code] = found
        return found


_SEPARATORS: Final = _Separators()


def plain(text: str) -> str:
    """Return a text without differences of case, width, ligatures, composition and accents."""
    if text.isascii():
        return text.lower()
    cased = unicodedata.normalize("NFKC", text).casefold()
    bare = _IGNORED.sub("", unicodedata.normalize("NFKD", cased))
    return unicodedata.normalize("NFC", bare)


def words(text: str) -> str:
    """Return the words of a text in order, each with a blank before it, and a blank at the end."""
    folded = plain(text)
    if folded.isascii():
        return " ".join(("", *_ASCII_WORD.findall(folded), ""))
    return " ".join(("", *(word for word, _, _ in _words(folded)), ""))


def parts(text: str) -> str:
    """Return the parts of camelCase identifiers, each of which is one word of `words`."""
    if _HUMP.search(text) is None:
        return " "
    return " ".join(("", *(part.text for part in located_parts(text)), ""))


def located_words(text: str) -> Iterator[Word]:
    """Yield what `words` returns, with the places in the text."""
    if text.isascii():
        for found in _ASCII_WORD.finditer(text.lower()):
            yield Word(found.group(), *found.span())
        return
    # Each unit is folded by itself, so that each folded character has a place.
    places: list[tuple[int, int]] = []
    folded: list[str] = []
    for start, end in units(text):
        unit = plain(text[start:end])
        folded.append(unit)
        places += [(start, end)] * len(unit)
    for word, start, end in _words("".join(folded)):
        yield Word(word, places[start][0], places[end - 1][1])


def located_parts(text: str) -> Iterator[Word]:
    """Yield what `parts` returns, with the places in the text."""
    for name in _IDENTIFIER.finditer(text):
        if len(name.group()) > _LONGEST_IDENTIFIER or _HUMP.search(name.group()) is None:
            continue
        for part in _PART.finditer(name.group()):
            start, end = part.span()
            yield Word(part.group().lower(), name.start() + start, name.start() + end)


def pieces(text: str) -> Iterator[tuple[str, bool]]:
    """Yield the words and runs of a text in order; True for a run of a script without spaces."""
    for found in _PIECE.finditer(plain(text).translate(_SEPARATORS)):
        yield found.group(), found.lastgroup == "run"


def _words(folded: str) -> Iterator[Word]:
    for found in _PIECE.finditer(folded.translate(_SEPARATORS)):
        text, start, end = found.group(), *found.span()
        if found.lastgroup != "run":
            yield Word(text, start, end)
            continue
        for index in range(len(text) - 1):
            yield Word(text[index : index + 2], start + index, start + index + 2)
        yield Word(text[-1], end - 1, end)


def units(text: str) -> Iterator[tuple[int, int]]:
    """Yield ranges of a text that `plain` changes each by itself.

    A unit is a character with the marks behind it, or a Hangul syllable of several letters.
    """
    start = 0
    for index, char in enumerate(text):
        if index > start and not _continues(char):
            yield start, index
            start = index
    if text:
        yield start, len(text)


def _continues(char: str) -> bool:
    """Return whether a character may change with the one before it."""
    if char.isascii():
        return False
    first = unicodedata.normalize("NFKD", char)[0]
    # Vowels and final consonants of Hangul are letters, and join the consonant before them.
    return (
        unicodedata.category(first).startswith("M")
        or "\u1160" <= first <= "\u11ff"
        or "\ud7b0" <= first <= "\ud7ff"
        or _IGNORED.match(char) is not None
    )

"""Ranked search: texts that have any word of a query, the best match first. Pure functions.

Texts with rare words come first. The first ones of these, `COMPARED` of them, are then compared by
BM25: how rare the words are that they have, how often they have them, and how short they are beside
the others that are compared. So a word that nearly all texts have costs no look at all of them, and
the result is the same whether an index or a look at each text tells which ones have a word.

Source: S. Robertson, H. Zaragoza, The Probabilistic Relevance Framework: BM25 and Beyond (2009).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from a3s_store.core.search.phrases import Phrase, phrase_of
from a3s_store.core.search.texts import SearchedText
from a3s_store.core.search.words import pieces

# How many different words of a query count.
MOST_WORDS: Final = 64
# How many texts are compared, or as many as are wanted.
COMPARED: Final = 256

# The constants of SQLite's FTS5: how much repetition counts, and length.
_REPETITION: Final = 1.2
_LENGTH: Final = 0.75
# How rare a word is that more than half of the texts have.
_LEAST: Final = 1e-6
# How much a part of an identifier counts beside a word.
_PART: Final = 0.5


def words_of(query: str) -> tuple[Phrase, ...]:
    """Return the first different words of a query; a run of a script without spaces is one."""
    found: dict[Phrase, None] = {}
    for piece, _ in pieces(query):
        phrase = phrase_of(piece, is_prefix=False)
        if phrase is not None:
            found[phrase] = None
        if len(found) == MOST_WORDS:
            break
    return tuple(found)


class Ranking:
    """Which texts have which words of a query.

    A text has a key; of equal matches the one with the lowest key comes first.
    """

    def __init__(self, words: Sequence[Phrase]) -> None:
        self._words = words
        self._having: list[set[int]] = [set() for _ in words]
        self._rarities: list[float] = []

    def add(self, key: int, text: SearchedText) -> None:
        """Look which words a text has."""
        for word, having in zip(self._words, self._having, strict=True):
            if text.has((word,)):
                having.add(key)

    def add_found(self, word: int, keys: Iterable[int]) -> None:
        """Note that the texts with these keys have the word of this number."""
        self._having[word].update(keys)

    def shortlist(self, number: int, limit: int) -> list[int]:
        """Return the keys of the texts to compare for `limit` results; `number` texts there are."""
        self._rarities = [_rarity(number, len(having)) for having in self._having]
        sums: dict[int, float] = {}
        for rarity, having in zip(self._rarities, self._having, strict=True):
            for key in having:
                sums[key] = sums.get(key, 0.0) + rarity
        return _first(sums, max(limit, COMPARED))

    def best(self, texts: Mapping[int, SearchedText], limit: int) -> list[int]:
        """Return the keys of the best texts of the shortlist, of which those given exist."""
        split = {key: (text.words.split(), text.parts.split()) for key, text in texts.items()}
        average = sum(len(words) for words, _ in split.values()) / (len(split) or 1)
        scores = {}
        for key, (words, parts) in split.items():
            length = 1 - _LENGTH + _LENGTH * len(words) / (average or 1)
            score = 0.0
            for word, rarity in zip(self._words, self._rarities, strict=True):
                often = _count(word, words) + _PART * _count(word, parts)
                score += rarity * often * (_REPETITION + 1) / (often + _REPETITION * length)
            if score > 0:
                scores[key] = score
        return _first(scores, limit)


def ranked(texts: Mapping[int, str], query: str, limit: int) -> list[int]:
    """Return the keys of the best matches, by a look at each text: the reference for indexes."""
    ranking = Ranking(words_of(query))
    found = {key: SearchedText((text,)) for key, text in texts.items()}
    for key, text in found.items():
        ranking.add(key, text)
    return ranking.best({key: found[key] for key in ranking.shortlist(len(texts), limit)}, limit)


def _first(scores: Mapping[int, float], limit: int) -> list[int]:
    """Return the keys with the highest scores; of equal ones the lowest key comes first."""
    ordered = sorted((-score, key) for key, score in scores.items())
    return [key for _, key in ordered[:limit]]


def _rarity(number: int, having: int) -> float:
    if 2 * having >= number:
        return _LEAST
    return math.log((number - having + 0.5) / (having + 0.5))


def _count(word: Phrase, words: Sequence[str]) -> int:
    if len(word.words) == 1 and not word.is_prefix:  # most words: twenty times as fast
        return words.count(word.words[0])
    return sum(1 for _ in word.starts(words))
